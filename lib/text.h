// SPDX-License-Identifier: BSD-3-Clause
// Bytes from outside that are about to be shown to a person or put into JSON.
#pragma once

#include <stddef.h>

// Length in bytes of the well-formed UTF-8 character at `text` (RFC 3629: no overlong form, no
// surrogate), at most `n` bytes; 0 when there is none.
size_t text_utf8_len(const char *text, size_t n);

// Same, but 0 for control characters too (C0, DEL, C1): what may be written to a terminal as it is.
size_t text_print_len(const char *text, size_t n);

// Replaces, in place, every byte that is not part of a printable character by '?'. Returns text.
char *text_clean(char *text);
