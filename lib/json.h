// SPDX-License-Identifier: BSD-3-Clause
// What jansson leaves to write: members with a default, one canonical text, files.
#pragma once

#include "lib/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// The member `key` of `object`, or `def` when it is absent or of another type. `object` may be
// NULL. Strings are borrowed.
const char *jx_str(const json_t *object, const char *key, const char *def);
int64_t jx_int(const json_t *object, const char *key, int64_t def);
double jx_number(const json_t *object, const char *key, double def); // of an integer too
bool jx_bool(const json_t *object, const char *key, bool def);

// The canonical text of a value: keys sorted, one line, no spaces. malloc'ed; NULL: out of memory.
char *jx_print(const json_t *value);

// Parses one value; a key that stands twice is a mistake. *value is a new reference. -EINVAL names
// line and column of `name`.
int jx_parse(const char *text, size_t len, const char *name, json_t **value, struct err *err);

// A file that holds one value; see lib/file.h.
int jx_file_read(const char *path, size_t max_bytes, json_t **value, struct err *err);
int jx_file_write(const char *path, const json_t *value, mode_t mode, struct err *err);
