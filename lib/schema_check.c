// SPDX-License-Identifier: BSD-3-Clause
// The passes over a resolved tree: do references point at something, and what do the hooks say.
#include "lib/schema_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int refuse_ref(const struct schema_frame *frame, const struct schema_row *row,
	const char *prefix, const char *key, const json_t *map) {
	char quoted[SCHEMA_SHORTLEN], words[320];
	const char **names = schema_keys(map);
	const char *nearest = names ? schema_nearest(key, names) : NULL;
	schema_quote(key, strlen(key), quoted);
	int rc;
	if (nearest)
		rc = schema_refuse(frame, "%s%s is not in %s; did you mean \"%s\"?", prefix, quoted,
			row->ref, nearest);
	else if (!names || !*names)
		rc = schema_refuse(frame, "%s%s is not in %s, which is empty; add it there", prefix,
			quoted, row->ref);
	else
		rc = schema_refuse(frame, "%s%s is not in %s, which has: %s", prefix, quoted,
			row->ref, schema_words_print(names, words, sizeof(words)));
	free(names);
	return rc;
}

static int ref_check(const struct schema_frame *frame, const struct schema_row *row,
	const char *prefix, const char *key) {
	const json_t *map = schema_get(frame->walk->root, row->ref);
	if (key && json_object_get(map, key))
		return 0;
	return refuse_ref(frame, row, prefix, key ? key : "", map);
}

// Calls `visit` for each child row that has a value.
static int children(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value,
	int (*visit)(const struct schema_frame *, const struct schema_row *, const json_t *)) {
	const char *key;
	json_t *child;
	size_t i;
	int rc = 0;
	if (row->type == SCHEMA_OBJECT) {
		for (const struct schema_row *field = row->rows; !rc && field->type != SCHEMA_END;
			field++) {
			child = json_object_get(value, field->name);
			struct schema_frame at = schema_frame_key(frame, field->name);
			rc = child ? visit(&at, field, child) : 0;
		}
	} else if (row->type == SCHEMA_MAP) {
		json_object_foreach ((json_t *)value, key, child) {
			struct schema_frame at = schema_frame_key(frame, key);
			rc = visit(&at, row->elem, child);
			if (rc)
				break;
		}
	} else if (row->type == SCHEMA_UNION) {
		const struct schema_row *alt = schema_alternative(row, value);
		rc = alt ? visit(frame, alt, value) : 0;
	} else if (row->type == SCHEMA_LIST) {
		json_array_foreach (value, i, child) {
			struct schema_frame at = schema_frame_index(frame, i);
			rc = visit(&at, row->elem, child);
			if (rc)
				break;
		}
	}
	return rc;
}

int schema_check_refs(
	const struct schema_frame *frame, const struct schema_row *row, const json_t *value) {
	const char *key;
	json_t *child;
	if (row->type == SCHEMA_REF)
		return ref_check(frame, row, "", json_string_value(value));
	if (row->type == SCHEMA_MAP && schema_key_row(row)->type == SCHEMA_REF) {
		json_object_foreach ((json_t *)value, key, child) {
			if (ref_check(frame, schema_key_row(row), "key ", key))
				return -EINVAL;
		}
	}
	return children(frame, row, value, schema_check_refs);
}

int schema_check_hooks(
	const struct schema_frame *frame, const struct schema_row *row, const json_t *value) {
	int rc = children(frame, row, value, schema_check_hooks);
	if (rc || !row->check)
		return rc;
	char path[SCHEMA_PATHLEN];
	return row->check(value, schema_path_short(frame, path), frame->walk->err);
}
