// SPDX-License-Identifier: BSD-3-Clause
// A validated object into a C struct.
#include "lib/addr.h"
#include "lib/schema_priv.h"
#include <assert.h>
#include <string.h>

static unsigned word_index(const struct schema_row *row, const char *word) {
	for (unsigned i = 0; row->words[i]; i++) {
		if (!strcmp(row->words[i], word))
			return i;
	}
	assert(!"a word that was validated");
	return 0;
}

// Text that was validated parses; a failure is our own bug.
static void decode_text(const struct schema_row *row, const char *text, void *field) {
	int rc = text ? 0 : -1;
	assert(!rc);
	switch (row->type) {
	case SCHEMA_ENUM:
		*(unsigned *)field = word_index(row, text);
		break;
	case SCHEMA_DURATION:
		rc = schema_duration_parse(text, field);
		break;
	case SCHEMA_BYTES:
		rc = schema_bytes_parse(text, field);
		break;
	case SCHEMA_RATE:
		rc = schema_rate_parse(text, field);
		break;
	case SCHEMA_MAC:
		rc = mac_parse(text, field);
		break;
	case SCHEMA_ADDRESS:
		rc = addr_parse(text, field);
		break;
	case SCHEMA_PREFIX:
		rc = prefix_parse(text, field);
		break;
	default: // STRING, NAME, REF
		*(const char **)field = text;
	}
	assert(!rc);
}

static void decode_value(const struct schema_row *row, const json_t *value, void *field) {
	switch (row->type) {
	case SCHEMA_BOOL:
		*(bool *)field = json_is_true(value);
		break;
	case SCHEMA_INT:
		assert(json_is_integer(value));
		*(int64_t *)field = json_integer_value(value);
		break;
	case SCHEMA_NUMBER:
		assert(json_is_number(value));
		*(double *)field = json_number_value(value);
		break;
	case SCHEMA_FUNCTION:
		assert(schema_is_function(value));
		*(int *)field = (int)json_integer_value(json_object_get(value, "$function"));
		break;
	case SCHEMA_LIST:
	case SCHEMA_OBJECT:
	case SCHEMA_MAP:
	case SCHEMA_UNION:
	case SCHEMA_ANY:
		*(const json_t **)field = value;
		break;
	default:
		decode_text(row, json_string_value(value), field);
	}
}

void schema_decode(const struct schema_row *rows, const json_t *object, void *dst) {
	for (; rows->type != SCHEMA_END; rows++) {
		const json_t *value = rows->offset ? json_object_get(object, rows->name) : NULL;
		if (value && !json_is_null(value))
			decode_value(rows, value, (char *)dst + rows->offset - 1);
	}
}
