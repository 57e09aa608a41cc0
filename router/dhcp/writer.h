// SPDX-License-Identifier: BSD-3-Clause
// pure
// A file that grows by lines and is written anew now and then, by a thread of its own: a disk that takes its time stops neither
// timers nor the API. What is handed over gets a number; it is on the disk (fsync) when writer_done() has come to it.
//
// When writing fails the numbers stand still until a writer_replace() brings everything; say so once (writer_failed()).
// Caller: one thread.
#pragma once

#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writer;

struct writer *writer_new(const char *path, struct err *err); // NULL: err says why
void writer_free(struct writer *writer); // writes what is left; NULL is nothing
// Lines to be added. 0: no memory; they are lost, as if the disk had failed.
uint64_t writer_append(struct writer *writer, const char *text, size_t len);
// The whole file anew: what was added before is in it. `text` is malloc'ed, and the writer's from now on.
uint64_t writer_replace(struct writer *writer, char *text, size_t len);
uint64_t writer_done(const struct writer *writer);
int writer_failed(const struct writer
		*writer); // 0, or the errno of the last failure that no replace has mended
