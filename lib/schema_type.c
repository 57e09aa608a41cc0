// SPDX-License-Identifier: BSD-3-Clause
// What each schema type is called.
#include "lib/schema_priv.h"
#include <stdlib.h>
#include <string.h>

static const struct schema_type_info types[] = {
	[SCHEMA_END] = {"end", "nothing", "", "nil", "nil", true},
	[SCHEMA_BOOL] = {"bool", "a boolean", "boolean", "boolean", "true", true},
	[SCHEMA_INT] = {"int", "an integer", "integer", "integer", "1", true},
	[SCHEMA_NUMBER] = {"number", "a number", "number", "number", "1.5", true},
	[SCHEMA_STRING] = {"string", "a string", "string", "string", "\"text\"", true},
	[SCHEMA_NAME] = {"name", "a name", "name", "string", "\"name\"", true},
	[SCHEMA_ENUM] = {"enum", "a word", "word", "string", "\"word\"", true},
	[SCHEMA_DURATION] = {"duration", "a duration", "duration", "leat.duration", "\"5m\"", true},
	[SCHEMA_BYTES] = {"bytes", "a size in bytes", "size", "leat.bytes", "\"64K\"", true},
	[SCHEMA_RATE] = {"rate", "a rate", "rate", "leat.rate", "\"1000/s\"", true},
	[SCHEMA_MAC] = {"mac", "a MAC address", "MAC address", "leat.mac", "\"02:00:00:00:00:01\"",
		true},
	[SCHEMA_ADDRESS] = {"address", "an IP address", "IP address", "leat.address",
		"\"192.0.2.1\"", true},
	[SCHEMA_PREFIX] = {"prefix", "an IP prefix", "IP prefix", "leat.prefix", "\"192.0.2.0/24\"",
		true},
	[SCHEMA_REF] = {"ref", "a name", "name", "string", "\"name\"", true},
	[SCHEMA_FUNCTION] = {"function", "a function", "function", "function",
		"function(q) return nil end", true},
	[SCHEMA_LIST] = {"list", "a list", "list", "table", "{}", false},
	[SCHEMA_OBJECT] = {"object", "a table", "table", "table", "{}", false},
	[SCHEMA_MAP] = {"map", "a map", "map", "table", "{}", false},
	[SCHEMA_UNION] = {"union", "one of several", "one of several", "any", "{}", false},
	[SCHEMA_ANY] = {"any", "a value", "any value", "any", "{}", true},
};

const struct schema_type_info *schema_type_info(enum schema_type type) {
	return &types[type];
}

const struct schema_row *schema_key_row(const struct schema_row *map) {
	static const struct schema_row name = {.name = "name", .type = SCHEMA_NAME};
	return map->key ? map->key : &name;
}

const struct schema_row *schema_row_find(const struct schema_row *rows, const char *name) {
	for (; rows->type != SCHEMA_END; rows++) {
		if (!strcmp(rows->name, name))
			return rows;
	}
	return NULL;
}

const char **schema_row_names(const struct schema_row *rows) {
	size_t n = 0;
	while (rows[n].type != SCHEMA_END)
		n++;
	const char **names = calloc(n + 1, sizeof(*names));
	for (size_t i = 0; names && i < n; i++)
		names[i] = rows[i].name;
	return names;
}

const char **schema_section_names(const struct schema_row *const *sections) {
	size_t n = 0;
	while (sections[n])
		n++;
	const char **names = calloc(n + 1, sizeof(*names));
	for (size_t i = 0; names && i < n; i++)
		names[i] = sections[i]->name;
	return names;
}

const char **schema_keys(const json_t *object) {
	const char **names = calloc(json_object_size(object) + 1, sizeof(*names));
	size_t n = 0;
	const char *key;
	json_t *value;
	if (!names)
		return NULL;
	json_object_foreach ((json_t *)object, key, value)
		names[n++] = key;
	return names;
}

bool schema_is_function(const json_t *value) {
	return json_object_size(value) == 1 && json_is_integer(json_object_get(value, "$function"));
}
