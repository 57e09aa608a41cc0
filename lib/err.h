// SPDX-License-Identifier: BSD-3-Clause
// An error that a person can act on. Functions that can fail because of their input take a
// `struct err *` and return 0 or a negative errno; the caller owns the struct (usually on its
// stack). The first error set wins: a later err_set() on a full struct keeps the first cause.
#pragma once

#include <stdbool.h>

struct err {
	int code;       // negative errno; 0: nothing set
	char path[256]; // config path ("pools.web.members.w1.weight"), "" when there is none
	char msg[768];  // what is wrong and what to do about it, one line
};

// Sets code and message; returns `code`, so that `return err_set(err, -EINVAL, ...)` reads well.
// `err` may be NULL: then only the code is passed on.
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

// The same for a mistake at a config path; returns -EINVAL.
int err_at(struct err *err, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

// "path: msg", or "msg" when there is no path. Returns err->msg or a pointer into `buf`.
const char *err_print(const struct err *err, char *buf, unsigned long size);
