// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/changes.h"
#include "control/cli/rates.h"
#include "control/cli/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *load(const char *text) {
	json_error_t error;
	json_t *value = json_loads(text, JSON_DECODE_ANY, &error);
	if (!value)
		fail_msg("%s: %s", error.text, text);
	return value;
}

static void expect_table(
	const char *columns_text, const char *rows_text, bool wide, const char *want) {
	json_t *columns = load(columns_text), *rows = load(rows_text);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_int_equal(table_print(out, columns, rows, &(struct table_opts){.wide = wide}), 0);
	fclose(out);
	assert_string_equal(text, want);
	free(text);
	json_decref(columns);
	json_decref(rows);
}

static void expect_cell(const char *column_text, const char *value_text, const char *want) {
	json_t *column = load(column_text), *value = load(value_text);
	char *cell = table_cell(column, value);
	assert_string_equal(cell, want);
	free(cell);
	json_decref(column);
	json_decref(value);
}

static void columns_line_up(void **) {
	const char *columns =
		"[{\"name\":\"name\",\"type\":\"name\"},{\"name\":\"mtu\",\"type\":\"int\"},"
		"{\"name\":\"why\",\"type\":\"string\",\"flags\":[\"wide\"]}]";
	expect_table(columns, "[]", false, "name  mtu\n");
	expect_table(columns,
		"[{\"name\":\"lan\",\"mtu\":9216,\"why\":\"x\"},{\"name\":\"tunnel\"}]", false,
		"name     mtu\nlan     9216\ntunnel     -\n");
	expect_table(columns,
		"[{\"name\":\"lan\",\"mtu\":9216,\"why\":\"x\"},{\"name\":\"t\",\"mtu\":1}]", true,
		"name   mtu  why\nlan   9216  x\nt        1  -\n");
}

static void no_columns_no_crash(void **) {
	expect_table("[]", "[{\"a\":1}]", false, "\n\n");
	expect_table("null", "null", false, "\n");
}

static void wide_characters_line_up(void **) {
	expect_table("[{\"name\":\"n\",\"type\":\"string\"},{\"name\":\"x\",\"type\":\"string\"}]",
		"[{\"n\":\"\\u6f22\\u5b57\",\"x\":\"a\"},{\"n\":\"\\u00e9\",\"x\":\"b\"},{\"n\":"
		"\"abcd\",\"x\":\"c\"}]",
		false, "n     x\n\u6f22\u5b57  a\n\u00e9     b\nabcd  c\n");
	assert_int_equal(text_width("e\u0301"), 1); // combining
	assert_int_equal(text_width("\xff\xfe"), 2);
	assert_int_equal(text_width("\xe6\xbc"), 2); // cut short
}

static void cells(void **) {
	expect_cell("{}", "null", "-");
	expect_cell("{}", "\"\"", "-");
	expect_cell("{}", "true", "yes");
	expect_cell("{}", "0.25", "0.25");
	expect_cell("{}", "[]", "-");
	expect_cell("{}", "[10,20,\"a\"]", "10,20,a");
	expect_cell("{}", "{\"b\":1,\"a\":[2]}", "{\"a\":[2],\"b\":1}");
	expect_cell("{\"unit\":\"B\"}", "9216", "9216 B");
	expect_cell("{\"unit\":\"packets\"}", "18446744073", "18446744073 packets");
	expect_cell("{\"unit\":\"bps\"}", "999", "999 bps");
	expect_cell("{\"unit\":\"bps\"}", "1234", "1.23 kbps");
	expect_cell("{\"unit\":\"bps\"}", "999999", "1 Mbps");
	expect_cell("{\"unit\":\"bps\"}", "25000000000", "25 Gbps");
	expect_cell("{\"unit\":\"/s\"}", "1488095.2", "1.49 M/s");
}

static void nothing_moves_the_cursor(void **) {
	expect_cell("{}", "\"a\\u001b[2Jb\\rc\\u007f\\u009b\"", "a?[2Jb?c???");
	expect_cell("{}", "{\"\\u001b\":\"\\u009b1m\"}", "{\"\\u001B\":\"??1m\"}");
}

static void json_is_exact(void **) {
	json_t *rows = load("[{\"z\":0.1,\"a\":9007199254740993},{}]");
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	rows_print_json(out, rows);
	rows_print_json(out, json_array_get(rows, 7)); // no rows at all
	value_print_json(out, json_array_get(rows, 0));
	fclose(out);
	assert_string_equal(text,
		"[\n {\"z\": 0.1, \"a\": 9007199254740993},\n {}\n]\n[]\n"
		"{\n  \"a\": 9007199254740993,\n  \"z\": 0.1\n}\n");
	free(text);
	json_decref(rows);
}

static void changes_are_lines(void **) {
	json_t *changes =
		load("[{\"path\":\"a.b\",\"op\":\"set\",\"old\":\"x\",\"new\":2},"
		     "{\"path\":\"m\",\"op\":\"add\",\"new\":{\"a\":{\"x\":1},\"b.c\":{}}},"
		     "{\"path\":\"c\",\"op\":\"add\",\"new\":null},{\"path\":\"d\","
		     "\"op\":\"del\",\"old\":[1]}]");
	char *text = NULL, count[32];
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_int_equal(changes_print(out, changes, false), 5);
	fclose(out);
	assert_string_equal(text,
		"~ a.b: \"x\" → 2\n+ m.a: {\"x\":1}\n+ m[\"b.c\"]: {}\n+ c: null\n- d: [1]\n");
	assert_string_equal(changes_count(3, count), "3 changes");
	assert_string_equal(changes_count(1, count), "1 change");
	assert_string_equal(changes_count(0, count), "no change");
	free(text);
	json_decref(changes);
}

static const char counter_columns[] =
	"[{\"name\":\"port\",\"flags\":[\"key\"]},{\"name\":\"rx\",\"flags\":[\"counter\"],"
	"\"unit\":\"packets\"},{\"name\":\"mtu\"}]";

static void expect_rates(
	const char *before_text, const char *now_text, bool busy, const char *want_text) {
	json_t *columns = load(counter_columns), *before = load(before_text), *now = load(now_text);
	json_t *want = load(want_text), *rows = rates_rows(columns, before, now, 2.0);
	if (busy) {
		json_t *all = rows;
		rows = rates_busy(columns, all);
		json_decref(all);
	}
	assert_true(json_equal(rows, want));
	json_decref(rows);
	json_decref(want);
	json_decref(now);
	json_decref(before);
	json_decref(columns);
}

static void rates_of_counters(void **) {
	expect_rates("[{\"port\":\"a\",\"rx\":10,\"mtu\":1}]",
		"[{\"port\":\"a\",\"rx\":30,\"mtu\":1}]", false,
		"[{\"port\":\"a\",\"rx\":10.0,\"mtu\":1}]");
	// another order, a new row, a counter that ran backwards
	expect_rates("[{\"port\":\"a\",\"rx\":10},{\"port\":\"b\",\"rx\":5}]",
		"[{\"port\":\"b\",\"rx\":6},{\"port\":\"a\",\"rx\":1},{\"port\":\"c\",\"rx\":9}]",
		false, "[{\"port\":\"b\",\"rx\":0.5},{\"port\":\"a\"},{\"port\":\"c\"}]");
	expect_rates("[{\"port\":\"a\",\"rx\":10},{\"port\":\"b\",\"rx\":5}]",
		"[{\"port\":\"a\",\"rx\":10},{\"port\":\"b\",\"rx\":7}]", true,
		"[{\"port\":\"b\",\"rx\":1.0}]");
	expect_rates("null", "[{\"port\":\"a\",\"rx\":10}]", false, "[{\"port\":\"a\"}]");
	json_t *columns = load(counter_columns), *rates = rates_columns(columns);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(rates, 1), "unit")), "packets/s");
	assert_null(json_object_get(json_array_get(rates, 2), "unit"));
	json_decref(rates);
	json_decref(columns);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_line_up),
		cmocka_unit_test(no_columns_no_crash),
		cmocka_unit_test(wide_characters_line_up),
		cmocka_unit_test(cells),
		cmocka_unit_test(nothing_moves_the_cursor),
		cmocka_unit_test(json_is_exact),
		cmocka_unit_test(changes_are_lines),
		cmocka_unit_test(rates_of_counters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
