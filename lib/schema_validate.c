// SPDX-License-Identifier: BSD-3-Clause
// Three passes over a tree: types (which builds the resolved tree), references, check() hooks.
#include "lib/schema_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(const struct schema_frame *frame) {
	return err_set(frame->walk->err, -ENOMEM, "out of memory");
}

static int refuse_depth(const struct schema_frame *frame) {
	return schema_refuse(frame, "nested deeper than %d levels; flatten it", SCHEMA_DEPTH_MAX);
}

static int refuse_unknown_keys(
	const struct schema_frame *frame, const struct schema_row *rows, const json_t *object) {
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)object, key, value) {
		if (schema_row_find(rows, key))
			continue;
		const char **names = schema_row_names(rows);
		schema_refuse_unknown(
			frame, frame->walk->whole && !frame->up ? "section" : "key", key, names);
		free(names);
		return -EINVAL;
	}
	return 0;
}

static int refuse_absent(const struct schema_frame *frame, const struct schema_row *row) {
	char *example = NULL;
	size_t size;
	FILE *out = open_memstream(&example, &size);
	if (out) {
		schema_example_write(out, NULL, row);
		fclose(out);
	}
	bool shown = example && size < 80 && !strchr(example, '\n');
	int rc = shown
		? schema_refuse(frame, "required but absent; write %s = %s", row->name, example)
		: schema_refuse(frame, "required but absent; write %s = ...", row->name);
	free(example);
	return rc;
}

// One row of an object; *out stays NULL when the field is absent.
static int field_value(const struct schema_frame *object, const struct schema_row *row,
	const json_t *value, json_t **out) {
	struct schema_frame frame = schema_frame_key(object, row->name);
	json_t *def = NULL;
	if (!value || json_is_null(value)) {
		if (!row->def && row->flags & SCHEMA_REQUIRED)
			return refuse_absent(&frame, row);
		if (!row->def)
			return 0;
		value = def = schema_word(row, row->def);
		if (!def)
			return schema_refuse(&frame, "its default %.80s cannot be read", row->def);
	}
	int rc = schema_value(&frame, row, value, out);
	json_decref(def);
	return rc;
}

static int object_value(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out) {
	bool empty = json_is_array(value) && !json_array_size(value);
	if ((!json_is_object(value) && !empty) || schema_is_function(value))
		return schema_refuse_type(frame, row, value);
	if (refuse_unknown_keys(frame, row->rows, value))
		return -EINVAL;
	json_t *object = json_object();
	int rc = object ? 0 : no_memory(frame);
	for (const struct schema_row *field = row->rows; !rc && field->type != SCHEMA_END;
		field++) {
		json_t *child = NULL;
		rc = field_value(frame, field, json_object_get(value, field->name), &child);
		if (!rc && child && json_object_set_new_nocheck(object, field->name, child))
			rc = no_memory(frame);
	}
	if (rc)
		json_decref(object);
	else
		*out = object;
	return rc;
}

static int size_check(const struct schema_frame *frame, const struct schema_row *row, size_t size) {
	const char *what = row->type == SCHEMA_MAP ? "map" : "list";
	const char *fix = row->fix ? row->fix : "", *sep = row->fix ? "; " : "";
	if (schema_in_range(row, (int64_t)size))
		return 0;
	if ((int64_t)size < row->min)
		return schema_refuse(frame, "a %s of %zu is too short; write at least %lld%s%s",
			what, size, (long long)row->min, sep, fix);
	return schema_refuse(frame, "a %s of %zu is too long; write at most %lld%s%s", what, size,
		(long long)row->max, sep, fix);
}

static int entry_value(const struct schema_frame *map, const struct schema_row *row,
	const char *name, const json_t *value, json_t *object) {
	char key[SCHEMA_KEY_MAX + 1], quoted[SCHEMA_SHORTLEN];
	json_t *child = NULL;
	if (json_is_null(value))
		return 0;
	if (schema_key(map, schema_key_row(row), name, key))
		return -EINVAL;
	if (json_object_get(object, key))
		return schema_refuse(map, "key %s stands twice, in different writings; remove one",
			schema_quote(key, strlen(key), quoted));
	struct schema_frame frame = schema_frame_key(map, name);
	int rc = schema_value(&frame, row->elem, value, &child);
	if (rc)
		return rc;
	return json_object_set_new_nocheck(object, key, child) ? no_memory(map) : 0;
}

static int map_entries(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t *object) {
	const char *name;
	json_t *child;
	int rc = 0;
	for (size_t i = 0; !rc && i < json_array_size(value); i++) {
		char position[24];
		snprintf(position, sizeof(position), "%zu", i + 1);
		rc = entry_value(frame, row, position, json_array_get(value, i), object);
	}
	json_object_foreach ((json_t *)value, name, child) {
		rc = rc ? rc : entry_value(frame, row, name, child, object);
		if (rc)
			break;
	}
	return rc ? rc : size_check(frame, row, json_object_size(object));
}

static int map_value(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out) {
	bool sequence = json_is_array(value) &&
		(!json_array_size(value) || schema_key_row(row)->type == SCHEMA_INT);
	if ((!json_is_object(value) && !sequence) || schema_is_function(value))
		return schema_refuse_type(frame, row, value);
	json_t *object = json_object();
	int rc = object ? map_entries(frame, row, value, object) : no_memory(frame);
	if (rc)
		json_decref(object);
	else
		*out = object;
	return rc;
}

// Elements are compared by their text, in a hash: a list may be long.
static int refuse_twice(const struct schema_frame *frame, const json_t *list) {
	json_t *seen = json_object(), *elem;
	size_t i;
	int rc = seen ? 0 : no_memory(frame);
	json_array_foreach (list, i, elem) {
		char found[SCHEMA_SHORTLEN];
		char *text = json_dumps(elem, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
		json_t *first = text ? json_object_get(seen, text) : NULL;
		if (first)
			rc = schema_refuse(frame,
				"%s stands twice, as [%lld] and [%zu]; remove one",
				schema_found_print(&(struct schema_row){0}, elem, found),
				json_integer_value(first), i + 1);
		else if (!rc &&
			(!text ||
				json_object_set_new_nocheck(
					seen, text, json_integer((json_int_t)i + 1))))
			rc = no_memory(frame);
		free(text);
		if (rc)
			break;
	}
	json_decref(seen);
	return rc;
}

static int list_value(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out) {
	bool empty = json_is_object(value) && !json_object_size(value);
	if (!json_is_array(value) && !empty)
		return schema_refuse_type(frame, row, value);
	int rc = size_check(frame, row, json_array_size(value));
	json_t *list = json_array(), *elem;
	size_t i;
	if (!list)
		rc = no_memory(frame);
	json_array_foreach (value, i, elem) {
		struct schema_frame at = schema_frame_index(frame, i);
		json_t *child = NULL;
		rc = rc ? rc : schema_value(&at, row->elem, elem, &child);
		if (rc)
			break;
		if (json_array_append_new(list, child))
			rc = no_memory(frame);
	}
	if (!rc && row->flags & SCHEMA_UNIQUE)
		rc = refuse_twice(frame, list);
	if (rc)
		json_decref(list);
	else
		*out = list;
	return rc;
}

static int any_depth(const struct schema_frame *frame, const json_t *value) {
	const char *key;
	json_t *child;
	size_t i;
	if (frame->depth > SCHEMA_DEPTH_MAX)
		return refuse_depth(frame);
	json_object_foreach ((json_t *)value, key, child) {
		struct schema_frame at = schema_frame_key(frame, key);
		if (any_depth(&at, child))
			return -EINVAL;
	}
	json_array_foreach (value, i, child) {
		struct schema_frame at = schema_frame_index(frame, i);
		if (any_depth(&at, child))
			return -EINVAL;
	}
	return 0;
}

static int any_value(const struct schema_frame *frame, const json_t *value, json_t **out) {
	if (any_depth(frame, value))
		return -EINVAL;
	*out = json_deep_copy(value);
	return *out ? 0 : no_memory(frame);
}

static int union_value(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out) {
	const struct schema_row *alt = schema_alternative(row, value);
	if (!alt)
		return schema_refuse_type(frame, row, value);
	struct schema_row secretive = *alt;
	secretive.flags |= row->flags & SCHEMA_SECRET;
	return schema_value(frame, &secretive, value, out);
}

int schema_value(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out) {
	if (frame->depth > SCHEMA_DEPTH_MAX)
		return refuse_depth(frame);
	switch (row->type) {
	case SCHEMA_OBJECT:
		return object_value(frame, row, value, out);
	case SCHEMA_MAP:
		return map_value(frame, row, value, out);
	case SCHEMA_LIST:
		return list_value(frame, row, value, out);
	case SCHEMA_UNION:
		return union_value(frame, row, value, out);
	case SCHEMA_ANY:
		return any_value(frame, value, out);
	default:
		return schema_scalar(frame, row, value, out);
	}
}

static int passes(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, bool refs_to_itself, json_t **resolved) {
	json_t *out = NULL;
	int rc = schema_value(frame, row, value, &out);
	if (!rc && refs_to_itself)
		frame->walk->root = out;
	if (!rc && frame->walk->root)
		rc = schema_check_refs(frame, row, out);
	if (!rc)
		rc = schema_check_hooks(frame, row, out);
	if (rc)
		json_decref(out);
	else
		*resolved = out;
	return rc;
}

int schema_validate_value(const struct schema_row *row, const json_t *value, const json_t *root,
	const char *path, json_t **resolved, struct err *err) {
	struct schema_walk walk = {.base = path, .root = root, .err = err};
	struct schema_frame frame = {.walk = &walk};
	return passes(&frame, row, value, false, resolved);
}

int schema_validate_rows(const struct schema_row *rows, const json_t *object, const json_t *root,
	const char *path, json_t **resolved, struct err *err) {
	struct schema_row row = {.type = SCHEMA_OBJECT, .rows = rows};
	return schema_validate_value(&row, object, root, path, resolved, err);
}

int schema_validate(const struct schema_row *const *sections, const json_t *tree, json_t **resolved,
	struct err *err) {
	struct schema_walk walk = {.base = "", .whole = true, .err = err};
	struct schema_frame frame = {.walk = &walk};
	size_t n = 0;
	while (sections[n])
		n++;
	struct schema_row *rows = calloc(n + 1, sizeof(*rows));
	if (!rows)
		return no_memory(&frame);
	for (size_t i = 0; i < n; i++)
		rows[i] = *sections[i];
	struct schema_row top = {.type = SCHEMA_OBJECT, .rows = rows};
	char found[SCHEMA_SHORTLEN];
	int rc;
	if (json_is_object(tree) && !schema_is_function(tree))
		rc = passes(&frame, &top, tree, true, resolved);
	else
		rc = err_set(err, -EINVAL,
			"%s is not a configuration; return a table of sections, such as { ports = "
			"{} }",
			tree ? schema_found_print(&top, tree, found) : "nothing");
	free(rows);
	return rc;
}
