// SPDX-License-Identifier: BSD-3-Clause
// Rows as JSON: for our own client, and as an OpenAPI 3.1 (JSON Schema 2020-12) schema object.
#include "lib/schema_priv.h"
#include <stdlib.h>
#include <string.h>

// A row may contain itself; a description then stops at the second time.
struct chain {
	const struct chain *up;
	const struct schema_row *row;
};

static bool chain_has(const struct chain *chain, const struct schema_row *row) {
	for (; chain; chain = chain->up) {
		if (chain->row == row)
			return true;
	}
	return false;
}

static void put(json_t *object, const char *key, json_t *value) {
	if (value)
		json_object_set_new(object, key, value);
}

static void put_text(json_t *object, const char *key, const char *text) {
	put(object, key, text ? json_string(text) : NULL);
}

static json_t *words_json(const char *const *words) {
	json_t *list = json_array();
	for (; words && *words; words++)
		json_array_append_new(list, json_string(*words));
	return list;
}

static json_t *flags_json(unsigned flags) {
	static const char *const names[] = {"required", "key", "counter", "gauge", "wide", "secret",
		"live", "unique", "restart"};
	json_t *list = json_array();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (flags & 1u << i)
			json_array_append_new(list, json_string(names[i]));
	}
	return list;
}

static void put_range(json_t *out, const struct schema_row *row) {
	char range[SCHEMA_RANGELEN];
	if (!row->min && !row->max)
		return;
	put(out, "min", json_integer(row->min));
	if (row->max >= row->min)
		put(out, "max", json_integer(row->max));
	put_text(out, "range", schema_range_print(row, range));
}

static json_t *describe(const struct schema_row *row, const struct chain *up) {
	struct chain chain = {up, row};
	json_t *out = json_object();
	put_text(out, "name", row->name);
	put_text(out, "type", schema_type_info(row->type)->name);
	put_text(out, "help", row->help);
	if (row->flags)
		put(out, "flags", flags_json(row->flags));
	put_range(out, row);
	put_text(out, "default", row->def);
	put_text(out, "unit", row->unit);
	put_text(out, "ref", row->ref);
	put_text(out, "example", row->example);
	put_text(out, "fix", row->fix);
	if (row->type == SCHEMA_ENUM)
		put(out, "words", words_json(row->words));
	if (chain_has(up, row)) {
		put(out, "recursive", json_true());
		return out;
	}
	if (row->type == SCHEMA_MAP)
		put(out, "key", describe(schema_key_row(row), &chain));
	if (row->type == SCHEMA_MAP || row->type == SCHEMA_LIST)
		put(out, "elem", describe(row->elem, &chain));
	if (row->type == SCHEMA_OBJECT || row->type == SCHEMA_UNION) {
		json_t *rows = json_array();
		for (const struct schema_row *field = row->rows; field->type != SCHEMA_END; field++)
			json_array_append_new(rows, describe(field, &chain));
		put(out, row->type == SCHEMA_UNION ? "alternatives" : "rows", rows);
	}
	return out;
}

json_t *schema_describe(const struct schema_row *row) {
	return describe(row, NULL);
}

static const char *const openapi_types[] = {
	[SCHEMA_BOOL] = "boolean",
	[SCHEMA_INT] = "integer",
	[SCHEMA_NUMBER] = "number",
	[SCHEMA_LIST] = "array",
	[SCHEMA_OBJECT] = "object",
	[SCHEMA_MAP] = "object",
	[SCHEMA_FUNCTION] = "object",
	[SCHEMA_ANY] = NULL,
};

static const char *const openapi_patterns[] = {
	[SCHEMA_NAME] = "^[A-Za-z0-9_-]{1,31}$",
	[SCHEMA_DURATION] = "^([0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h|d)?)+$",
	[SCHEMA_BYTES] = "^[0-9]+(\\.[0-9]+)?[KMGTkmgt]?$",
	[SCHEMA_RATE] = "^[0-9]+(\\.[0-9]+)?[kKMG]?(/s)?$",
	[SCHEMA_MAC] = "^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$",
	[SCHEMA_ANY] = NULL,
};

static void openapi_type(json_t *out, const struct schema_row *row) {
	bool amount = row->type == SCHEMA_DURATION || row->type == SCHEMA_BYTES ||
		row->type == SCHEMA_RATE;
	if (amount)
		put(out, "type", json_pack("[s, s]", "string", "number"));
	else if (openapi_types[row->type])
		put_text(out, "type", openapi_types[row->type]);
	else if (row->type != SCHEMA_ANY && row->type != SCHEMA_UNION)
		put_text(out, "type", "string");
	put_text(out, "pattern", openapi_patterns[row->type]);
	if (row->type == SCHEMA_ENUM)
		put(out, "enum", words_json(row->words));
	if (row->type == SCHEMA_FUNCTION)
		put(out, "readOnly", json_true());
}

static void openapi_range(json_t *out, const struct schema_row *row) {
	static const char *const limits[][2] = {
		[SCHEMA_INT] = {"minimum", "maximum"},
		[SCHEMA_NUMBER] = {"minimum", "maximum"},
		[SCHEMA_STRING] = {"minLength", "maxLength"},
		[SCHEMA_LIST] = {"minItems", "maxItems"},
		[SCHEMA_MAP] = {"minProperties", "maxProperties"},
		[SCHEMA_ANY] = {NULL, NULL},
	};
	const char *const *limit = limits[row->type];
	char range[SCHEMA_RANGELEN];
	if (!row->min && !row->max)
		return;
	if (!limit[0]) { // a duration's limits are no number
		put_text(out, "x-leat-range", schema_range_print(row, range));
		return;
	}
	put(out, limit[0], json_integer(row->min));
	if (row->max >= row->min)
		put(out, limit[1], json_integer(row->max));
}

static json_t *openapi(const struct schema_row *row, const struct chain *up);

static void openapi_rows(json_t *out, const struct schema_row *rows, const struct chain *chain) {
	json_t *properties = json_object(), *required = json_array();
	for (; rows->type != SCHEMA_END; rows++) {
		put(properties, rows->name, openapi(rows, chain));
		if (rows->flags & SCHEMA_REQUIRED && !rows->def)
			json_array_append_new(required, json_string(rows->name));
	}
	put(out, "properties", properties);
	if (json_array_size(required))
		put(out, "required", json_incref(required));
	json_decref(required);
	put(out, "additionalProperties", json_false());
}

// JSON knows property names as strings only.
static json_t *openapi_key(const struct schema_row *key) {
	if (key->type == SCHEMA_INT)
		return json_pack("{s:s}", "pattern", "^[0-9]+$");
	return openapi(key, NULL);
}

static json_t *openapi(const struct schema_row *row, const struct chain *up) {
	struct chain chain = {up, row};
	json_t *out = json_object();
	openapi_type(out, row);
	put_text(out, "description", row->help);
	openapi_range(out, row);
	put(out, "default", row->def ? schema_word(row, row->def) : NULL);
	put_text(out, "x-leat-unit", row->unit);
	put_text(out, "x-leat-ref", row->ref);
	if (row->flags & SCHEMA_SECRET)
		put(out, "writeOnly", json_true());
	if (row->flags & SCHEMA_UNIQUE)
		put(out, "uniqueItems", json_true());
	if (chain_has(up, row))
		return out;
	if (row->type == SCHEMA_MAP) {
		put(out, "propertyNames", openapi_key(schema_key_row(row)));
		put(out, "additionalProperties", openapi(row->elem, &chain));
	} else if (row->type == SCHEMA_LIST) {
		put(out, "items", openapi(row->elem, &chain));
	} else if (row->type == SCHEMA_OBJECT) {
		openapi_rows(out, row->rows, &chain);
	} else if (row->type == SCHEMA_UNION) {
		json_t *alternatives = json_array();
		for (const struct schema_row *alt = row->rows; alt->type != SCHEMA_END; alt++)
			json_array_append_new(alternatives, openapi(alt, &chain));
		put(out, "oneOf", alternatives);
	}
	return out;
}

json_t *schema_openapi(const struct schema_row *row) {
	return openapi(row, NULL);
}
