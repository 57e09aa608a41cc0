// SPDX-License-Identifier: BSD-3-Clause
#include "lib/err.h"
#include "lib/text.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

// Messages quote what people and programs sent, and end up on terminals and in JSON: hence the
// cleaning.
__attribute__((format(printf, 4, 0))) static void err_fill(
	struct err *err, int code, const char *path, const char *fmt, va_list ap) {
	err->code = code;
	snprintf(err->path, sizeof(err->path), "%s", path ? path : "");
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	text_clean(err->path);
	text_clean(err->msg);
}

int err_set(struct err *err, int code, const char *fmt, ...) {
	va_list ap;
	va_start(ap, fmt);
	if (err && err->code == 0)
		err_fill(err, code, NULL, fmt, ap);
	va_end(ap);
	return code;
}

int err_at(struct err *err, const char *path, const char *fmt, ...) {
	va_list ap;
	va_start(ap, fmt);
	if (err && err->code == 0)
		err_fill(err, -EINVAL, path, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

const char *err_print(const struct err *err, char *buf, unsigned long size) {
	if (err->path[0] == '\0')
		return err->msg;
	snprintf(buf, size, "%s: %s", err->path, err->msg);
	return buf;
}
