// SPDX-License-Identifier: BSD-3-Clause
// Tables for people, from the rows that --json prints as they are. `columns` are descriptions (describe.h), `rows`
// objects with their names as keys. What comes from outside is shown, never obeyed: control characters are
// replaced, so that no name in a table can move the terminal's cursor.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct table_opts {
	bool wide; // the columns marked so, too
	bool bold; // headings, for a terminal
};

// One line per row under the columns' names; numbers to the right, "-" for what is absent, units beside values.
// No rows: only the headings. Returns 0 or -ENOMEM.
int table_print(
	FILE *out, const json_t *columns, const json_t *rows, const struct table_opts *opts);

// One row as lines "name  value", all columns.
int table_print_record(
	FILE *out, const json_t *columns, const json_t *row, const struct table_opts *opts);

// The text of one cell. malloc'ed; NULL: out of memory.
char *table_cell(const json_t *column, const json_t *value);

// Terminal columns that UTF-8 text takes; an invalid byte counts as one.
size_t text_width(const char *text);

// Rows as JSON, one per line: what --json prints.
void rows_print_json(FILE *out, const json_t *rows);
// Any value, indented, keys sorted: the same value is always the same bytes.
void value_print_json(FILE *out, const json_t *value);
