// SPDX-License-Identifier: BSD-3-Clause
// pure
// A file of destinations, one address a line: what a table of routes that nobody could compute is hit with.
#pragma once

#include "lib/addr.h"
#include "lib/err.h"
#include <stdint.h>

#define DST_LIST_MAX (1u << 24)

// All addresses of `path`, as on the wire, one behind the other (4 or 16 bytes each), in *bytes (free() it) and their number
// in *n. Empty lines count for nothing. -errno with err: no file, none in it, too many, or a line that is no address of `family`.
int dst_list_read(
	const char *path, enum addr_family family, uint8_t **bytes, uint32_t *n, struct err *err);
