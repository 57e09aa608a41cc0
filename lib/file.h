// SPDX-License-Identifier: BSD-3-Clause
// Whole files: read within a bound, or replaced so that a crash leaves the old one or the new one.
#pragma once

#include "lib/err.h"
#include <stddef.h>
#include <sys/types.h>

// Reads the regular file `path` of at most `max_bytes`. *text is malloc'ed and ends in a NUL that
// *len (may be NULL) does not count. Negative errno; -EFBIG: larger; -EINVAL: not a regular file.
int file_read(const char *path, size_t max_bytes, char **text, size_t *len, struct err *err);
// The same below an open directory, with further open(2) flags (O_NOFOLLOW).
int file_read_at(int dir, const char *name, int flags, size_t max_bytes, char **text, size_t *len,
	struct err *err);

// Writes to "path.tmp" in the same folder, fsync, rename over `path`, fsync of the folder. When it
// returns 0 the content survives a power cut; else `path` is as it was, unless it was the folder's
// fsync that failed. One writer per path.
int file_write_atomic(
	const char *path, const void *bytes, size_t len, mode_t mode, struct err *err);

// The folder in which the daemon keeps what outlives it (leatd --state-dir); NULL: it keeps nothing (tests, benches). Set once.
void file_state_dir_set(const char *dir);
const char *file_state_dir(void);
