// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/table.h"

#include "control/cli/describe.h"
#include "lib/text.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define JSON_EXACT (JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))

// "1.2 Gbps": rates are read by their size; every counter stays exact.
static char *scaled(double value, const char *unit) {
	static const char prefixes[] = " kMGT";
	size_t i = 0;
	for (; value >= 999.5 && prefixes[i + 1]; i++)
		value /= 1000;
	char *text = NULL;
	if (asprintf(&text, "%.3g %.*s%s", value, i > 0, &prefixes[i], unit) < 0)
		return NULL;
	return text;
}

static char *clean_copy(const char *text) {
	char *copy = strdup(text);
	return copy ? text_clean(copy) : NULL;
}

static bool is_rate_unit(const char *unit) {
	size_t n = strlen(unit);
	return (n >= 2 && strcmp(unit + n - 2, "ps") == 0) ||
		(n >= 2 && strcmp(unit + n - 2, "/s") == 0);
}

static char *list_text(const json_t *column, const json_t *list) {
	char *text = strdup(json_array_size(list) ? "" : "-");
	size_t i;
	json_t *item;
	json_array_foreach (list, i, item) {
		char *cell = table_cell(json_object_get(column, "elem"), item), *longer = NULL;
		if (text && cell && asprintf(&longer, "%s%s%s", text, i ? "," : "", cell) < 0)
			longer = NULL;
		free(text);
		free(cell);
		text = longer;
	}
	return text;
}

static char *number_text(const json_t *column, const json_t *value) {
	const char *unit = describe_unit(column);
	char *text = NULL;
	int rc;
	if (is_rate_unit(unit) && json_number_value(value) >= 0)
		return scaled(json_number_value(value), unit);
	if (json_is_integer(value))
		rc = asprintf(&text, "%" JSON_INTEGER_FORMAT "%s%s", json_integer_value(value),
			*unit ? " " : "", unit);
	else
		rc = asprintf(&text, "%.6g%s%s", json_real_value(value), *unit ? " " : "", unit);
	return rc < 0 ? NULL : text;
}

char *table_cell(const json_t *column, const json_t *value) {
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_NULL:
		return strdup("-");
	case JSON_TRUE:
		return strdup("yes");
	case JSON_FALSE:
		return strdup("no");
	case JSON_STRING:
		if (json_string_length(value) == 0)
			return strdup("-");
		return clean_copy(json_string_value(value));
	case JSON_INTEGER:
	case JSON_REAL:
		return number_text(column, value);
	case JSON_ARRAY:
		return list_text(column, value);
	default:;
		char *json = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_EXACT);
		return json ? text_clean(json) : NULL;
	}
}

static bool is_numeric(const json_t *column) {
	static const char *const types[] = {"int", "number", "duration", "bytes", "rate", NULL};
	for (int i = 0; types[i]; i++) {
		if (strcmp(describe_type(column), types[i]) == 0)
			return true;
	}
	return false;
}

// Headings and cells of the columns that are shown, row by row; width[] of each column.
struct grid {
	size_t n_columns, n_rows; // rows include the headings
	const json_t **columns;
	size_t *widths;
	char **cells;
};

static void grid_fini(struct grid *grid) {
	for (size_t i = 0; grid->cells && i < grid->n_columns * grid->n_rows; i++)
		free(grid->cells[i]);
	free(grid->cells);
	free(grid->widths);
	free(grid->columns);
}

static bool grid_fill(struct grid *grid, const json_t *rows) {
	for (size_t r = 0; r < grid->n_rows; r++) {
		for (size_t c = 0; c < grid->n_columns; c++) {
			const json_t *column = grid->columns[c];
			const char *name = describe_name(column);
			char *cell = r ? table_cell(column,
						 json_object_get(json_array_get(rows, r - 1), name))
				       : clean_copy(name);
			if (!cell)
				return false;
			grid->cells[r * grid->n_columns + c] = cell;
			size_t width = text_width(cell);
			grid->widths[c] = width > grid->widths[c] ? width : grid->widths[c];
		}
	}
	return true;
}

static bool grid_init(struct grid *grid, const json_t *columns, const json_t *rows, bool wide) {
	size_t n = json_array_size(columns);
	*grid = (struct grid){.n_rows = json_array_size(rows) + 1};
	grid->columns = calloc(n + 1, sizeof(*grid->columns));
	grid->widths = calloc(n + 1, sizeof(*grid->widths));
	if (!grid->columns || !grid->widths)
		return false;
	for (size_t i = 0; i < n; i++) {
		const json_t *column = json_array_get(columns, i);
		if (wide || !describe_flag(column, "wide"))
			grid->columns[grid->n_columns++] = column;
	}
	grid->cells = calloc(grid->n_columns * grid->n_rows + 1, sizeof(*grid->cells));
	return grid->cells && grid_fill(grid, rows);
}

static void pad(FILE *out, size_t n) {
	while (n--)
		putc(' ', out);
}

static void print_line(FILE *out, const struct grid *grid, size_t row) {
	for (size_t c = 0; c < grid->n_columns; c++) {
		const char *cell = grid->cells[row * grid->n_columns + c];
		size_t gap = grid->widths[c] - text_width(cell);
		bool right = is_numeric(grid->columns[c]), last = c + 1 == grid->n_columns;
		pad(out, right ? gap : 0);
		fputs(cell, out);
		pad(out, (right || last ? 0 : gap) + (last ? 0 : 2));
	}
}

int table_print(
	FILE *out, const json_t *columns, const json_t *rows, const struct table_opts *opts) {
	struct grid grid;
	bool ok = grid_init(&grid, columns, rows, opts->wide);
	for (size_t r = 0; ok && r < grid.n_rows; r++) {
		bool bold = r == 0 && opts->bold;
		fputs(bold ? "\033[1m" : "", out);
		print_line(out, &grid, r);
		fputs(bold ? "\033[0m\n" : "\n", out);
	}
	grid_fini(&grid);
	return ok ? 0 : -ENOMEM;
}

int table_print_record(
	FILE *out, const json_t *columns, const json_t *row, const struct table_opts *opts) {
	size_t i, width = 0;
	json_t *column;
	json_array_foreach (columns, i, column) {
		size_t n = text_width(describe_name(column));
		width = n > width ? n : width;
	}
	json_array_foreach (columns, i, column) {
		const char *name = describe_name(column);
		char *cell = table_cell(column, json_object_get(row, name));
		if (!cell)
			return -ENOMEM;
		fprintf(out, "%s%s%s", opts->bold ? "\033[1m" : "", name,
			opts->bold ? "\033[0m" : "");
		pad(out, width - text_width(name) + 2);
		fprintf(out, "%s\n", cell);
		free(cell);
	}
	return 0;
}

static void dump(FILE *out, const json_t *value, size_t flags) {
	// By way of a string: jansson's own file output does not tell an encoding error from a full disk.
	char *text = json_dumps(value, flags | JSON_EXACT);
	if (text)
		fputs(text, out);
	free(text);
}

void rows_print_json(FILE *out, const json_t *rows) {
	size_t i;
	json_t *row;
	putc('[', out);
	json_array_foreach (rows, i, row) {
		fputs(i ? ",\n " : "\n ", out);
		dump(out, row, 0);
	}
	fputs(i ? "\n]\n" : "]\n", out);
}

void value_print_json(FILE *out, const json_t *value) {
	dump(out, value, JSON_INDENT(2) | JSON_SORT_KEYS);
	putc('\n', out);
}
