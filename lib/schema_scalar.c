// SPDX-License-Identifier: BSD-3-Clause
// One scalar against one row: its canonical form, or what is wrong with it.
#include "lib/addr.h"
#include "lib/clock.h"
#include "lib/schema_priv.h"
#include "lib/text.h"
#include <errno.h>
#include <math.h>
#include <string.h>

static int out_set(const struct schema_frame *frame, json_t **out, json_t *value) {
	*out = value;
	return value ? 0 : err_set(frame->walk->err, -ENOMEM, "out of memory");
}

static int found_range(
	const struct schema_frame *frame, const struct schema_row *row, const json_t *value) {
	char found[SCHEMA_SHORTLEN];
	return schema_refuse_range(frame, row, schema_found_print(row, value, found));
}

static int scalar_int(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out) {
	double real = json_number_value(value);
	if (!json_is_number(value) || real != floor(real))
		return schema_refuse_type(frame, row, value);
	bool beyond = fabs(real) > (double)SCHEMA_INT_MAX;
	int64_t integer = json_is_integer(value) ? json_integer_value(value)
		: beyond                         ? 0
						 : (int64_t)real;
	if (json_is_integer(value) && (integer > SCHEMA_INT_MAX || integer < -SCHEMA_INT_MAX))
		beyond = true;
	if ((row->min || row->max) && (beyond || !schema_in_range(row, integer)))
		return found_range(frame, row, value);
	char found[SCHEMA_SHORTLEN];
	if (beyond)
		return schema_refuse(frame,
			"%s is beyond 2^53, which not every program can hold; write a smaller "
			"number",
			schema_found_print(row, value, found));
	return out_set(frame, out, json_integer(integer));
}

static int scalar_number(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out) {
	double real = json_number_value(value);
	if (!json_is_number(value))
		return schema_refuse_type(frame, row, value);
	if ((row->min || row->max) &&
		(real < (double)row->min || (row->max >= row->min && real > (double)row->max)))
		return found_range(frame, row, value);
	return out_set(frame, out, json_real(real));
}

// Control characters forge log lines and move cursors; nothing in a configuration needs one.
static int refuse_control(const struct schema_frame *frame, const struct schema_row *row,
	const char *text, size_t len) {
	char found[SCHEMA_SHORTLEN];
	for (size_t i = 0, n; i < len; i += n) {
		n = text_print_len(text + i, len - i);
		if (n)
			continue;
		if (row->flags & SCHEMA_SECRET)
			return schema_refuse(
				frame, "a control character stands at byte %zu; remove it", i + 1);
		return schema_refuse(frame, "%s holds a control character at byte %zu; remove it",
			schema_quote(text, len, found), i + 1);
	}
	return 0;
}

static int scalar_string(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out) {
	const struct schema_row limit = {.type = SCHEMA_STRING,
		.min = row->min,
		.max = row->max > 0 ? row->max : SCHEMA_STRING_MAX};
	char found[SCHEMA_SHORTLEN], range[SCHEMA_RANGELEN];
	if (!json_is_string(value))
		return schema_refuse_type(frame, row, value);
	size_t len = json_string_length(value);
	if (refuse_control(frame, row, json_string_value(value), len))
		return -EINVAL;
	if (!schema_in_range(&limit, (int64_t)len))
		return schema_refuse(frame, "%s is %zu bytes long; its length must be %s%s%s",
			schema_found_print(row, value, found), len,
			schema_range_print(&limit, range), row->fix ? "; " : "",
			row->fix ? row->fix : "");
	return out_set(frame, out, json_stringn_nocheck(json_string_value(value), len));
}

static bool name_ok(const char *name) {
	size_t len =
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
	return len >= 1 && len <= 31 && !name[len];
}

static int scalar_name(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out) {
	const char *name = json_string_value(value);
	if (!name || strlen(name) != json_string_length(value) || !name_ok(name))
		return schema_refuse_type(frame, row, value);
	return out_set(frame, out, json_string_nocheck(name));
}

static int scalar_enum(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out) {
	const char *word = json_string_value(value);
	char found[SCHEMA_SHORTLEN], words[320];
	if (!word)
		return schema_refuse_type(frame, row, value);
	for (const char *const *w = row->words; *w; w++) {
		if (!strcmp(*w, word))
			return out_set(frame, out, json_string_nocheck(word));
	}
	const char *nearest = schema_nearest(word, row->words);
	if (!nearest)
		return schema_refuse_type(frame, row, value);
	return schema_refuse(frame, "%s is not one of: %s; did you mean \"%s\"?",
		schema_found_print(row, value, found),
		schema_words_print(row->words, words, sizeof(words)), nearest);
}

static int amount_parse(const struct schema_row *row, const char *text, uint64_t *amount) {
	if (row->type == SCHEMA_DURATION)
		return schema_duration_parse(text, amount);
	if (row->type == SCHEMA_BYTES)
		return schema_bytes_parse(text, amount);
	return schema_rate_parse(text, amount);
}

// A plain number: seconds, bytes, per second.
static int amount_number(const struct schema_row *row, const json_t *value, uint64_t *amount) {
	double unit = row->type == SCHEMA_DURATION ? (double)NSEC_PER_SEC : 1;
	double real = json_number_value(value) * unit;
	if (!(real >= 0))
		return -EINVAL;
	if (real >= (double)INT64_MAX)
		return -ERANGE;
	if (json_is_integer(value)) {
		*amount = (uint64_t)json_integer_value(value) * (uint64_t)unit;
		return 0;
	}
	// 0.1 s is meant to be 100 ms although no double says so.
	*amount = (uint64_t)llround(real);
	return row->type == SCHEMA_DURATION || real == floor(real) ? 0 : -EINVAL;
}

static int scalar_amount(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out) {
	uint64_t amount = 0;
	char text[SCHEMA_TEXTLEN], found[SCHEMA_SHORTLEN];
	const char *string = json_string_value(value);
	int rc = -EINVAL;
	if (string && strlen(string) == json_string_length(value))
		rc = amount_parse(row, string, &amount);
	else if (json_is_number(value))
		rc = amount_number(row, value, &amount);
	if (rc == -EINVAL)
		return schema_refuse_type(frame, row, value);
	if (rc && !row->min && !row->max)
		return schema_refuse(frame, "%s is too large; write less",
			schema_found_print(row, value, found));
	if (rc || !schema_in_range(row, (int64_t)amount))
		return found_range(frame, row, value);
	if (row->type == SCHEMA_DURATION)
		schema_duration_print(amount, text);
	else if (row->type == SCHEMA_BYTES)
		schema_bytes_print(amount, text);
	else
		schema_rate_print(amount, text);
	return out_set(frame, out, json_string_nocheck(text));
}

static int scalar_net(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out) {
	struct mac mac;
	struct addr addr;
	struct prefix prefix;
	char text[PREFIX_STRLEN];
	const char *string = json_string_value(value);
	if (!string || strlen(string) != json_string_length(value))
		return schema_refuse_type(frame, row, value);
	if (row->type == SCHEMA_MAC && !mac_parse(string, &mac))
		return out_set(frame, out, json_string_nocheck(mac_print(&mac, text)));
	if (row->type == SCHEMA_ADDRESS && !addr_parse(string, &addr))
		return out_set(frame, out, json_string_nocheck(addr_print(&addr, text)));
	if (row->type == SCHEMA_PREFIX && !prefix_parse(string, &prefix))
		return out_set(frame, out, json_string_nocheck(prefix_print(&prefix, text)));
	return schema_refuse_type(frame, row, value);
}

// Only the form; whether the object exists is the second pass's question. A number names an entry
// of a map with integer keys.
static int scalar_ref(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out) {
	char text[SCHEMA_TEXTLEN];
	if (json_is_integer(value)) {
		snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return out_set(frame, out, json_string_nocheck(text));
	}
	size_t len = json_string_length(value);
	if (!json_is_string(value) || !len || len > SCHEMA_KEY_MAX)
		return schema_refuse_type(frame, row, value);
	if (refuse_control(frame, row, json_string_value(value), len))
		return -EINVAL;
	return out_set(frame, out, json_stringn_nocheck(json_string_value(value), len));
}

static int scalar_same(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out) {
	bool good = row->type == SCHEMA_BOOL ? json_is_boolean(value) : schema_is_function(value);
	if (!good)
		return schema_refuse_type(frame, row, value);
	return out_set(frame, out, json_deep_copy(value));
}

int schema_scalar(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out) {
	switch (row->type) {
	case SCHEMA_INT:
		return scalar_int(frame, row, value, out);
	case SCHEMA_NUMBER:
		return scalar_number(frame, row, value, out);
	case SCHEMA_STRING:
		return scalar_string(frame, row, value, out);
	case SCHEMA_NAME:
		return scalar_name(frame, row, value, out);
	case SCHEMA_ENUM:
		return scalar_enum(frame, row, value, out);
	case SCHEMA_DURATION:
	case SCHEMA_BYTES:
	case SCHEMA_RATE:
		return scalar_amount(frame, row, value, out);
	case SCHEMA_MAC:
	case SCHEMA_ADDRESS:
	case SCHEMA_PREFIX:
		return scalar_net(frame, row, value, out);
	case SCHEMA_REF:
		return scalar_ref(frame, row, value, out);
	default:
		return scalar_same(frame, row, value, out);
	}
}

// The key as a scalar of its own, whose message then names it as a key of the map.
static int key_scalar(const struct schema_frame *map, const struct schema_row *row, const char *key,
	json_t **canonical) {
	struct err local = {0};
	struct schema_walk walk = *map->walk;
	struct schema_frame frame = *map;
	json_t *word = schema_word(row, key);
	walk.err = &local;
	frame.walk = &walk;
	int rc = word ? schema_scalar(&frame, row, word, canonical) : -EINVAL;
	json_decref(word);
	return rc ? schema_refuse(map, "key %s", *local.msg ? local.msg : "is not UTF-8 text") : 0;
}

int schema_key(const struct schema_frame *map, const struct schema_row *row, const char *key,
	char out[static SCHEMA_KEY_MAX + 1]) {
	char quoted[SCHEMA_SHORTLEN];
	size_t len = strlen(key);
	json_t *canonical = NULL;
	if (len > SCHEMA_KEY_MAX)
		return schema_refuse(map, "key %s is %zu bytes long; at most %d are allowed",
			schema_quote(key, len, quoted), len, SCHEMA_KEY_MAX);
	if (row->type == SCHEMA_NAME && name_ok(key)) {
		memcpy(out, key, len + 1);
		return 0;
	}
	int rc = key_scalar(map, row, key, &canonical);
	if (rc)
		return rc;
	if (json_is_integer(canonical))
		snprintf(out, SCHEMA_KEY_MAX + 1, "%" JSON_INTEGER_FORMAT,
			json_integer_value(canonical));
	else
		snprintf(out, SCHEMA_KEY_MAX + 1, "%s", json_string_value(canonical));
	json_decref(canonical);
	return 0;
}
