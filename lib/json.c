// SPDX-License-Identifier: BSD-3-Clause
#include "lib/json.h"
#include "lib/file.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *jx_str(const json_t *object, const char *key, const char *def) {
	const json_t *value = json_object_get(object, key);
	return json_is_string(value) ? json_string_value(value) : def;
}

int64_t jx_int(const json_t *object, const char *key, int64_t def) {
	const json_t *value = json_object_get(object, key);
	return json_is_integer(value) ? json_integer_value(value) : def;
}

double jx_number(const json_t *object, const char *key, double def) {
	const json_t *value = json_object_get(object, key);
	return json_is_number(value) ? json_number_value(value) : def;
}

bool jx_bool(const json_t *object, const char *key, bool def) {
	const json_t *value = json_object_get(object, key);
	return json_is_boolean(value) ? json_is_true(value) : def;
}

char *jx_print(const json_t *value) {
	return json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
}

int jx_parse(const char *text, size_t len, const char *name, json_t **value, struct err *err) {
	json_error_t error;
	json_t *parsed = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (parsed == NULL)
		return err_set(
			err, -EINVAL, "%s:%d:%d: %s", name, error.line, error.column, error.text);
	*value = parsed;
	return 0;
}

int jx_file_read(const char *path, size_t max_bytes, json_t **value, struct err *err) {
	char *text;
	size_t len;
	int rc = file_read(path, max_bytes, &text, &len, err);
	if (rc < 0)
		return rc;
	rc = jx_parse(text, len, path, value, err);
	free(text);
	return rc;
}

int jx_file_write(const char *path, const json_t *value, mode_t mode, struct err *err) {
	char *text = jx_print(value);
	if (text == NULL)
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	int rc = file_write_atomic(path, text, strlen(text), mode, err);
	free(text);
	return rc;
}
