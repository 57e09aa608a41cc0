// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/rates.h"

#include "control/cli/describe.h"
#include <stdio.h>
#include <string.h>

static bool same_keys(const json_t *columns, const json_t *a, const json_t *b) {
	size_t i;
	json_t *column;
	json_array_foreach (columns, i, column) {
		const char *name = describe_name(column);
		if (describe_flag(column, "key") &&
			!json_equal(json_object_get(a, name), json_object_get(b, name)))
			return false;
	}
	return true;
}

// Rows keep their order from one look to the next, nearly always: the same index is tried first.
static const json_t *find_row(
	const json_t *columns, const json_t *rows, const json_t *row, size_t hint) {
	const json_t *guess = json_array_get(rows, hint);
	if (guess && same_keys(columns, guess, row))
		return guess;
	size_t i;
	json_t *other;
	json_array_foreach (rows, i, other) {
		if (same_keys(columns, other, row))
			return other;
	}
	return NULL;
}

static void set_rates(const json_t *columns, const json_t *before, json_t *row, double seconds) {
	size_t i;
	json_t *column;
	json_array_foreach (columns, i, column) {
		const char *name = describe_name(column);
		if (!describe_flag(column, "counter"))
			continue;
		const json_t *old = json_object_get(before, name),
			     *new = json_object_get(row, name);
		double grown = json_number_value(new) - json_number_value(old);
		if (json_is_number(old) && json_is_number(new) && grown >= 0 && seconds > 0)
			json_object_set_new(row, name, json_real(grown / seconds));
		else
			json_object_del(row, name);
	}
}

json_t *rates_rows(const json_t *columns, const json_t *before, const json_t *now, double seconds) {
	json_t *rows = json_array();
	size_t i;
	json_t *row;
	json_array_foreach (now, i, row) {
		json_t *copy = json_copy(row);
		set_rates(columns, find_row(columns, before, row, i), copy, seconds);
		json_array_append_new(rows, copy);
	}
	return rows;
}

json_t *rates_columns(const json_t *columns) {
	json_t *copy = json_deep_copy(columns);
	size_t i;
	json_t *column;
	json_array_foreach (copy, i, column) {
		char unit[48];
		if (!describe_flag(column, "counter"))
			continue;
		snprintf(unit, sizeof(unit), "%s/s", describe_unit(column));
		json_object_set_new(column, "unit", json_string(unit));
	}
	return copy;
}

json_t *rates_busy(const json_t *columns, const json_t *rows) {
	json_t *busy = json_array();
	size_t i, c;
	json_t *row, *column;
	json_array_foreach (rows, i, row) {
		bool grew = false;
		json_array_foreach (columns, c, column) {
			const json_t *value = json_object_get(row, describe_name(column));
			grew = grew ||
				(describe_flag(column, "counter") && json_number_value(value) > 0);
		}
		if (grew)
			json_array_append(busy, row);
	}
	return busy;
}
