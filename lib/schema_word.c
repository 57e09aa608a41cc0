// SPDX-License-Identifier: BSD-3-Clause
// Words of the command line, and defaults, which are written the same way.
#include "lib/schema_priv.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *number_word(const struct schema_row *row, const char *word) {
	char *end;
	if (!*word || strspn(word, "+-0123456789.eE") != strlen(word))
		return json_string(word);
	errno = 0;
	long long integer = strtoll(word, &end, 10);
	if (!*end && !errno && row->type == SCHEMA_INT)
		return json_integer(integer);
	double real = strtod(word, &end);
	return *end || !isfinite(real) ? json_string(word) : json_real(real);
}

// "10,20" is the list that people type; a list of tables wants JSON.
static json_t *list_word(const struct schema_row *row, const char *word) {
	if (*word == '[' || *word == '{' || !schema_is_scalar(row->elem))
		return json_loads(word, JSON_REJECT_DUPLICATES, NULL);
	json_t *list = json_array();
	while (list && *word) {
		size_t len = strcspn(word, ",");
		char *part = strndup(word, len);
		json_t *elem = part ? schema_word(row->elem, part) : NULL;
		free(part);
		if (json_array_append_new(list, elem)) {
			json_decref(list);
			return NULL;
		}
		word += len + (word[len] == ',');
	}
	return list;
}

// As the first alternative that reads it so that the value is one of its own.
static json_t *union_word(const struct schema_row *row, const char *word) {
	for (const struct schema_row *alt = row->rows; alt->type != SCHEMA_END; alt++) {
		json_t *value = schema_word(alt, word);
		if (value && schema_alternative(row, value) == alt)
			return value;
		json_decref(value);
	}
	json_t *value = json_loads(word, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	return value ? value : json_string(word);
}

json_t *schema_word(const struct schema_row *row, const char *word) {
	json_t *value;
	switch (row->type) {
	case SCHEMA_BOOL:
		return !strcmp(word, "true")     ? json_true()
			: !strcmp(word, "false") ? json_false()
						 : json_string(word);
	case SCHEMA_INT:
	case SCHEMA_NUMBER:
		return number_word(row, word);
	case SCHEMA_LIST:
		return list_word(row, word);
	case SCHEMA_OBJECT:
	case SCHEMA_MAP:
		return json_loads(word, JSON_REJECT_DUPLICATES, NULL);
	case SCHEMA_UNION:
		return union_word(row, word);
	case SCHEMA_ANY:
		value = json_loads(word, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
		return value ? value : json_string(word);
	default:
		return json_string(word);
	}
}

json_t *schema_parse_word(
	const struct schema_row *row, const char *word, const char *path, struct err *err) {
	struct schema_walk walk = {.base = path, .err = err};
	struct schema_frame frame = {.walk = &walk};
	char quoted[SCHEMA_SHORTLEN];
	if (row->type == SCHEMA_FUNCTION) {
		schema_refuse(
			&frame, "a function can be written in the Lua file only; use `leat apply`");
		return NULL;
	}
	json_t *value = schema_word(row, word), *resolved = NULL;
	if (!value && (schema_is_scalar(row) || row->type == SCHEMA_UNION)) {
		schema_refuse(&frame, "%s is not UTF-8 text; write it in UTF-8",
			schema_quote(word, strlen(word), quoted));
		return NULL;
	}
	if (!value) {
		schema_refuse(&frame, "%s is not %s in JSON; write one such as '%s'",
			schema_quote(word, strlen(word), quoted), schema_type_info(row->type)->noun,
			row->type == SCHEMA_LIST ? "[\"a\", \"b\"]" : "{\"name\": 1}");
		return NULL;
	}
	if (schema_validate_value(row, value, NULL, path, &resolved, err)) {
		json_decref(value);
		return NULL;
	}
	json_decref(resolved);
	return value;
}
