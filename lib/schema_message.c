// SPDX-License-Identifier: BSD-3-Clause
// What a person reads when a value is refused: the path, the value, the fix.
#include "lib/schema_priv.h"
#include "lib/text.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define QUOTE_MAX 48 // bytes of a user's text shown

int schema_refuse(const struct schema_frame *frame, const char *fmt, ...) {
	char path[SCHEMA_PATHLEN], msg[sizeof(((struct err *)0)->msg)];
	va_list args;
	va_start(args, fmt);
	vsnprintf(msg, sizeof(msg), fmt, args);
	va_end(args);
	return err_at(frame->walk->err, schema_path_short(frame, path), "%s", msg);
}

char *schema_quote(const char *text, size_t len, char buf[static SCHEMA_SHORTLEN]) {
	size_t used = 0;
	buf[used++] = '"';
	for (size_t i = 0, n; i < len; i += n) {
		size_t printable = text_print_len(text + i, len - i);
		n = printable ? printable : 1;
		if (used + 4 > QUOTE_MAX) {
			memcpy(buf + used, "...", 3);
			used += 3;
			break;
		}
		if (!printable) {
			used += (size_t)snprintf(buf + used, SCHEMA_SHORTLEN - used, "\\x%02x",
				(unsigned char)text[i]);
			continue;
		}
		if (text[i] == '"' || text[i] == '\\')
			buf[used++] = '\\';
		memcpy(buf + used, text + i, n);
		used += n;
	}
	buf[used++] = '"';
	buf[used] = 0;
	return buf;
}

char *schema_found_print(
	const struct schema_row *row, const json_t *value, char buf[static SCHEMA_SHORTLEN]) {
	if (row->flags & SCHEMA_SECRET) {
		snprintf(buf, SCHEMA_SHORTLEN, "what was given (a secret)");
		return buf;
	}
	switch (json_typeof(value)) {
	case JSON_STRING:
		return schema_quote(json_string_value(value), json_string_length(value), buf);
	case JSON_INTEGER:
		snprintf(buf, SCHEMA_SHORTLEN, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return buf;
	case JSON_REAL:
		snprintf(buf, SCHEMA_SHORTLEN, "%.15g", json_real_value(value));
		return buf;
	case JSON_ARRAY:
		snprintf(buf, SCHEMA_SHORTLEN, "a list of %zu", json_array_size(value));
		return buf;
	case JSON_OBJECT:
		snprintf(buf, SCHEMA_SHORTLEN, "%s",
			schema_is_function(value)         ? "a function"
				: json_object_size(value) ? "a table"
							  : "an empty table");
		return buf;
	default:
		snprintf(buf, SCHEMA_SHORTLEN, "%s",
			json_is_true(value)            ? "true"
				: json_is_false(value) ? "false"
						       : "null");
		return buf;
	}
}

// A bounded list: "a, b, c and 40 more".
char *schema_words_print(const char *const *words, char *buf, size_t size) {
	size_t used = 0, n = 0, total = 0;
	while (words[total])
		total++;
	buf[0] = 0;
	for (; n < total && n < 16; n++) {
		char word[40];
		snprintf(word, sizeof(word), "%.32s%s", words[n],
			strlen(words[n]) > 32 ? "..." : "");
		if (used + strlen(word) + sizeof(", and 1000000 more") > size)
			break;
		used += (size_t)snprintf(buf + used, size - used, "%s%s", n ? ", " : "", word);
	}
	if (n < total)
		snprintf(buf + used, size - used, " and %zu more", total - n);
	return buf;
}

static void amount_print(
	const struct schema_row *row, int64_t value, char buf[static SCHEMA_TEXTLEN]) {
	uint64_t amount = value < 0 ? 0 : (uint64_t)value;
	if (row->type == SCHEMA_DURATION)
		schema_duration_print(amount, buf);
	else if (row->type == SCHEMA_BYTES)
		schema_bytes_print(amount, buf);
	else if (row->type == SCHEMA_RATE)
		schema_rate_print(amount, buf);
	else
		snprintf(buf, SCHEMA_TEXTLEN, "%" PRId64, value);
}

char *schema_range_print(const struct schema_row *row, char buf[static SCHEMA_RANGELEN]) {
	char min[SCHEMA_TEXTLEN], max[SCHEMA_TEXTLEN];
	bool counts =
		row->type == SCHEMA_STRING || row->type == SCHEMA_LIST || row->type == SCHEMA_MAP;
	buf[0] = 0;
	if (!row->min && !row->max)
		return buf;
	amount_print(row, row->min, min);
	amount_print(row, row->max, max);
	if (row->max < row->min || row->max == INT64_MAX)
		snprintf(buf, SCHEMA_RANGELEN, "%.34s or more", min);
	else if (!row->min && counts)
		snprintf(buf, SCHEMA_RANGELEN, "at most %.34s", max);
	else
		snprintf(buf, SCHEMA_RANGELEN, "%.34s..%.34s", min, max);
	return buf;
}

bool schema_in_range(const struct schema_row *row, int64_t value) {
	if (!row->min && !row->max)
		return true;
	return value >= row->min && (row->max < row->min || value <= row->max);
}

int schema_refuse_range(
	const struct schema_frame *frame, const struct schema_row *row, const char *value) {
	char range[SCHEMA_RANGELEN];
	return schema_refuse(frame, "%s is out of range %s%s%s", value,
		schema_range_print(row, range), row->fix ? "; " : "", row->fix ? row->fix : "");
}

// An example for a message: one line, bounded.
static char *example_print(const struct schema_row *row, char buf[static SCHEMA_SHORTLEN]) {
	char *text = NULL;
	size_t size;
	buf[0] = 0;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return buf;
	schema_example_write(out, NULL, row);
	fclose(out);
	if (text && size < SCHEMA_SHORTLEN && !strchr(text, '\n'))
		memcpy(buf, text, size + 1);
	else
		snprintf(buf, SCHEMA_SHORTLEN, "%s", schema_type_info(row->type)->example);
	free(text);
	return buf;
}

// A number in quotes is the commonest slip; say so instead of describing numbers.
static bool quoted_number(const struct schema_row *row, const json_t *value) {
	if (!json_is_string(value) || row->flags & SCHEMA_SECRET)
		return false;
	if (row->type != SCHEMA_INT && row->type != SCHEMA_NUMBER && row->type != SCHEMA_BOOL)
		return false;
	json_t *plain = schema_word(row, json_string_value(value));
	bool found = plain && !json_is_string(plain);
	json_decref(plain);
	return found;
}

static int refuse_list(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, const char *found) {
	char example[SCHEMA_SHORTLEN];
	if (json_is_object(value) || row->elem->type == SCHEMA_OBJECT || row->flags & SCHEMA_SECRET)
		return schema_refuse(frame, "%s is not a list; write one such as %s", found,
			example_print(row, example));
	return schema_refuse(frame, "%s is not a list; write { %s }", found, found);
}

static int refuse_map(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, const char *found) {
	const struct schema_row *key = schema_key_row(row);
	char example[SCHEMA_SHORTLEN];
	if (json_is_array(value))
		return schema_refuse(frame,
			"%s is not a map; give each element its key (%s), such as %s", found,
			schema_type_info(key->type)->plain, example_print(row, example));
	return schema_refuse(
		frame, "%s is not a map; write one such as %s", found, example_print(row, example));
}

int schema_refuse_type(
	const struct schema_frame *frame, const struct schema_row *row, const json_t *value) {
	char found[SCHEMA_SHORTLEN], example[SCHEMA_SHORTLEN], noun[SCHEMA_SHORTLEN];
	char range[SCHEMA_RANGELEN], words[320];
	schema_found_print(row, value, found);
	schema_noun_print(row, noun);
	bool ranged = row->type != SCHEMA_STRING && *schema_range_print(row, range);
	if (quoted_number(row, value))
		return schema_refuse(frame, "%s is a string, not %s; write %.48s without quotes",
			found, noun, json_string_value(value));
	switch (row->type) {
	case SCHEMA_BOOL:
		return schema_refuse(frame, "%s is not a boolean; write true or false", found);
	case SCHEMA_ENUM:
		return schema_refuse(frame, "%s is not one of: %s", found,
			schema_words_print(row->words, words, sizeof(words)));
	case SCHEMA_NAME:
		return schema_refuse(
			frame, "%s is not a name; write 1 to 31 of A-Z a-z 0-9 _ -", found);
	case SCHEMA_REF:
		return schema_refuse(frame, "%s is not a name; write the name of one of %s", found,
			row->ref ? row->ref : "the objects");
	case SCHEMA_FUNCTION:
		return schema_refuse(frame, "%s is not a function; write %s", found,
			example_print(row, example));
	case SCHEMA_LIST:
		return refuse_list(frame, row, value, found);
	case SCHEMA_MAP:
		return refuse_map(frame, row, value, found);
	default:
		return schema_refuse(frame, "%s is not %s%s%s; write one such as %s", found, noun,
			ranged ? " in " : "", ranged ? range : "", example_print(row, example));
	}
}

int schema_refuse_unknown(const struct schema_frame *frame, const char *kind, const char *key,
	const char *const *names) {
	char quoted[SCHEMA_SHORTLEN], words[400];
	const char *nearest = names ? schema_nearest(key, names) : NULL;
	schema_quote(key, strlen(key), quoted);
	if (nearest)
		return schema_refuse(
			frame, "unknown %s %s; did you mean \"%s\"?", kind, quoted, nearest);
	if (!names || !*names)
		return schema_refuse(frame, "unknown %s %s; none is known here", kind, quoted);
	return schema_refuse(frame, "unknown %s %s; known: %s", kind, quoted,
		schema_words_print(names, words, sizeof(words)));
}
