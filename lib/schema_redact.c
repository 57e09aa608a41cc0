// SPDX-License-Identifier: BSD-3-Clause
// Secrets stay in the process.
#include "lib/schema_priv.h"
#include <stdlib.h>
#include <string.h>

static json_t *redact(const struct schema_row *row, const json_t *value) {
	const char *key;
	json_t *child, *out;
	size_t i;
	int rc = 0;
	if (row && row->flags & SCHEMA_SECRET)
		return json_string("(secret)");
	if (row && row->type == SCHEMA_UNION)
		return redact(schema_alternative(row, value), value);
	bool object = row && row->type == SCHEMA_OBJECT, map = row && row->type == SCHEMA_MAP;
	bool list = row && row->type == SCHEMA_LIST;
	if (json_is_object(value) && (object || map)) {
		out = json_object();
		json_object_foreach ((json_t *)value, key, child) {
			const struct schema_row *field =
				map ? row->elem : schema_row_find(row->rows, key);
			rc |= json_object_set_new_nocheck(out, key, redact(field, child));
		}
	} else if (json_is_array(value) && (list || map)) {
		out = json_array();
		json_array_foreach (value, i, child)
			rc |= json_array_append_new(out, redact(row->elem, child));
	} else {
		return json_deep_copy(value);
	}
	if (!rc)
		return out;
	json_decref(out);
	return NULL;
}

static json_t *redact_tree(const struct schema_row *const *sections, const json_t *tree) {
	json_t *out = json_object(), *child;
	const char *key;
	json_object_foreach ((json_t *)tree, key, child) {
		const struct schema_row *row = schema_find(sections, key, NULL);
		if (json_object_set_new_nocheck(out, key, redact(row, child))) {
			json_decref(out);
			return NULL;
		}
	}
	return out;
}

json_t *schema_redact(
	const struct schema_row *const *sections, const char *path, const json_t *value) {
	if (!*path)
		return json_is_object(value) ? redact_tree(sections, value) : json_deep_copy(value);
	return redact(schema_find(sections, path, NULL), value);
}
