// SPDX-License-Identifier: BSD-3-Clause
// One of several rows: which of them, told by nothing but the form of the value. So there is one answer, and a message
// about what is wrong with it, instead of one that lists how every alternative failed.
#include "lib/schema_priv.h"
#include <string.h>

enum form {
	FORM_NONE,
	FORM_BOOL = 1 << 0,
	FORM_NUMBER = 1 << 1,
	FORM_TEXT = 1 << 2,
	FORM_LIST = 1 << 3,
	FORM_TABLE = 1 << 4,
	FORM_FUNCTION = 1 << 5,
};

static unsigned form_of(const json_t *value) {
	switch (json_typeof(value)) {
	case JSON_TRUE:
	case JSON_FALSE:
		return FORM_BOOL;
	case JSON_INTEGER:
	case JSON_REAL:
		return FORM_NUMBER;
	case JSON_STRING:
		return FORM_TEXT;
	case JSON_ARRAY:
		return FORM_LIST;
	case JSON_OBJECT:
		return schema_is_function(value) ? FORM_FUNCTION : FORM_TABLE;
	default:
		return FORM_NONE;
	}
}

unsigned schema_forms(const struct schema_row *row) {
	switch (row->type) {
	case SCHEMA_BOOL:
		return FORM_BOOL;
	case SCHEMA_INT:
	case SCHEMA_NUMBER:
		return FORM_NUMBER;
	case SCHEMA_DURATION:
	case SCHEMA_BYTES:
	case SCHEMA_RATE:
	case SCHEMA_REF: // a number names an entry of a map with integer keys
		return FORM_NUMBER | FORM_TEXT;
	case SCHEMA_FUNCTION:
		return FORM_FUNCTION;
	case SCHEMA_LIST:
		return FORM_LIST;
	case SCHEMA_OBJECT:
		return FORM_TABLE;
	case SCHEMA_MAP:
		return FORM_TABLE | (schema_key_row(row)->type == SCHEMA_INT ? FORM_LIST : 0);
	case SCHEMA_END:
	case SCHEMA_UNION:
	case SCHEMA_ANY:
		return FORM_NONE;
	default:
		return FORM_TEXT;
	}
}

static const struct schema_row *takes(const struct schema_row *row, unsigned form) {
	for (const struct schema_row *alt = row->rows; alt->type != SCHEMA_END; alt++) {
		if (schema_forms(alt) & form)
			return alt;
	}
	return NULL;
}

const struct schema_row *schema_alternative(const struct schema_row *row, const json_t *value) {
	const struct schema_row *alt = takes(row, form_of(value));
	if (alt || json_array_size(value) || json_object_size(value))
		return alt;
	// Lua's empty table is both.
	if (json_is_array(value))
		return takes(row, FORM_TABLE);
	return json_is_object(value) ? takes(row, FORM_LIST) : NULL;
}

bool schema_is_scalar(const struct schema_row *row) {
	if (row->type != SCHEMA_UNION)
		return schema_type_info(row->type)->scalar;
	for (const struct schema_row *alt = row->rows; alt->type != SCHEMA_END; alt++) {
		if (!schema_type_info(alt->type)->scalar)
			return false;
	}
	return true;
}

static const struct schema_row *inner(const struct schema_row *row) {
	while (row->type == SCHEMA_MAP || row->type == SCHEMA_LIST)
		row = row->elem;
	return row;
}

const struct schema_row *schema_below(const struct schema_row *row) {
	if (row->type != SCHEMA_UNION)
		return row->elem;
	for (const struct schema_row *alt = row->rows; alt->type != SCHEMA_END; alt++) {
		if (inner(alt)->type == SCHEMA_OBJECT)
			return alt;
	}
	return row->rows;
}

const struct schema_row *schema_leaf(const struct schema_row *row) {
	while (row->type == SCHEMA_MAP || row->type == SCHEMA_LIST || row->type == SCHEMA_UNION)
		row = schema_below(row);
	return row;
}

char *schema_noun_print(const struct schema_row *row, char buf[static SCHEMA_SHORTLEN]) {
	size_t used = 0;
	if (row->type != SCHEMA_UNION) {
		snprintf(buf, SCHEMA_SHORTLEN, "%s", schema_type_info(row->type)->noun);
		return buf;
	}
	buf[0] = 0;
	for (const struct schema_row *alt = row->rows; alt->type != SCHEMA_END; alt++) {
		const char *noun = schema_type_info(alt->type)->noun;
		if (used + strlen(noun) + sizeof(" or ") < SCHEMA_SHORTLEN)
			used += (size_t)snprintf(buf + used, SCHEMA_SHORTLEN - used, "%s%s",
				used ? " or " : "", noun);
	}
	return buf;
}
