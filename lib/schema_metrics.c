// SPDX-License-Identifier: BSD-3-Clause
// A noun's rows as Prometheus text (exposition format 0.0.4). One metric family per column, all its
// samples together, as the format demands.
#include "lib/clock.h"
#include "lib/schema_priv.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// Metric and label names know letters, digits and _ only.
static void name_write(FILE *out, const char *name) {
	for (; *name; name++)
		fputc(*name == '-' || *name == '.' ? '_' : *name, out);
}

static void escaped_write(FILE *out, const char *text, bool quotes) {
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else
			fprintf(out, "%s%c", *text == '\\' || (quotes && *text == '"') ? "\\" : "",
				*text);
	}
}

static void text_write(FILE *out, const json_t *value) {
	if (json_is_string(value))
		escaped_write(out, json_string_value(value), true);
	else if (json_is_integer(value))
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "true" : "false", out);
}

// `word`: the further label of an ENUM's series, under the column's own name.
static void labels_write(FILE *out, const struct schema_row *columns, const json_t *row,
	const char *column, const char *word) {
	char sep = '{';
	for (; columns->type != SCHEMA_END; columns++) {
		if (!(columns->flags & SCHEMA_KEY))
			continue;
		fputc(sep, out);
		name_write(out, columns->name);
		fputs("=\"", out);
		text_write(out, json_object_get(row, columns->name));
		fputc('"', out);
		sep = ',';
	}
	if (word) {
		fputc(sep, out);
		name_write(out, column);
		fputs("=\"", out);
		escaped_write(out, word, true);
		fputc('"', out);
		sep = ',';
	}
	if (sep == ',')
		fputc('}', out);
}

// In base units, as the convention wants: seconds, bytes, per second. False: no number.
static bool number_print(
	const struct schema_row *column, const json_t *value, char buf[static SCHEMA_TEXTLEN]) {
	const char *text = json_string_value(value);
	uint64_t amount;
	if (json_is_integer(value))
		return snprintf(
			buf, SCHEMA_TEXTLEN, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	if (json_is_real(value))
		return snprintf(buf, SCHEMA_TEXTLEN, "%.15g", json_real_value(value));
	if (json_is_boolean(value))
		return snprintf(buf, SCHEMA_TEXTLEN, "%d", json_is_true(value));
	if (text && column->type == SCHEMA_DURATION && !schema_duration_parse(text, &amount))
		return snprintf(
			buf, SCHEMA_TEXTLEN, "%.15g", (double)amount / (double)NSEC_PER_SEC);
	if (text && column->type == SCHEMA_BYTES && !schema_bytes_parse(text, &amount))
		return snprintf(buf, SCHEMA_TEXTLEN, "%" PRIu64, amount);
	if (text && column->type == SCHEMA_RATE && !schema_rate_parse(text, &amount))
		return snprintf(buf, SCHEMA_TEXTLEN, "%" PRIu64, amount);
	return false;
}

static bool ends_in(const char *name, const char *suffix) {
	size_t n = strlen(name), s = strlen(suffix);
	return n >= s && !strcmp(name + n - s, suffix);
}

static void family_write(FILE *out, const char *noun, const struct schema_row *column) {
	const char *unit = column->type == SCHEMA_DURATION ? "_seconds"
		: column->type == SCHEMA_BYTES             ? "_bytes"
							   : "";
	fputs("leat_", out);
	name_write(out, noun);
	fputc('_', out);
	name_write(out, column->name);
	fputs(*unit && ends_in(column->name, unit + 1) ? "" : unit, out);
	fputs(column->flags & SCHEMA_COUNTER && !ends_in(column->name, "_total") ? "_total" : "",
		out);
}

static void sample_write(FILE *out, const char *noun, const struct schema_row *columns,
	const struct schema_row *column, const json_t *row, const char *word, const char *number) {
	family_write(out, noun, column);
	labels_write(out, columns, row, column->name, word);
	fprintf(out, " %s\n", number);
}

static void samples_write(FILE *out, const char *noun, const struct schema_row *columns,
	const struct schema_row *column, const json_t *rows) {
	char number[SCHEMA_TEXTLEN];
	json_t *row;
	size_t i;
	json_array_foreach (rows, i, row) {
		const json_t *value = json_object_get(row, column->name);
		const char *present = json_string_value(value);
		if (column->type != SCHEMA_ENUM) {
			if (number_print(column, value, number))
				sample_write(out, noun, columns, column, row, NULL, number);
			continue;
		}
		for (const char *const *word = column->words; present && *word; word++)
			sample_write(out, noun, columns, column, row, *word,
				strcmp(*word, present) ? "0" : "1");
	}
}

static void head_write(FILE *out, const char *noun, const struct schema_row *column) {
	fputs("# HELP ", out);
	family_write(out, noun, column);
	fputc(' ', out);
	escaped_write(out, column->help ? column->help : "", false);
	fputs("\n# TYPE ", out);
	family_write(out, noun, column);
	fprintf(out, " %s\n", column->flags & SCHEMA_COUNTER ? "counter" : "gauge");
}

char *schema_metrics(const char *noun, const struct schema_row *columns, const json_t *rows) {
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	for (const struct schema_row *column = columns; column->type != SCHEMA_END; column++) {
		if (!(column->flags & (SCHEMA_COUNTER | SCHEMA_GAUGE)))
			continue;
		head_write(out, noun, column);
		samples_write(out, noun, columns, column, rows);
	}
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}
