// SPDX-License-Identifier: BSD-3-Clause
#include "lib/event.h"
#include "lib/json.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void members_have_defaults(void **state) {
	json_t *o = json_pack("{s:s, s:i, s:f, s:b, s:n}", "s", "x", "i", 5, "f", 1.5, "b", 1, "n");
	assert_string_equal(jx_str(o, "s", "d"), "x");
	assert_string_equal(jx_str(o, "i", "d"), "d");
	assert_null(jx_str(o, "none", NULL));
	assert_int_equal(jx_int(o, "i", 7), 5);
	assert_int_equal(jx_int(o, "f", 7), 7);
	assert_int_equal(jx_int(NULL, "i", 7), 7);
	assert_true(jx_number(o, "f", 0) == 1.5);
	assert_true(jx_number(o, "i", 0) == 5.0);
	assert_true(jx_number(o, "s", 2) == 2.0);
	assert_true(jx_bool(o, "b", false));
	assert_true(jx_bool(o, "n", true));
	json_decref(o);
}

static void one_value_has_one_text(void **state) {
	json_t *a = json_loads("{\"b\":{\"d\":1,\"c\":[2,{\"z\":1,\"a\":1}]},\"a\":null}", 0, NULL);
	json_t *b = json_loads("{\"a\":null,\"b\":{\"c\":[2,{\"a\":1,\"z\":1}],\"d\":1}}", 0, NULL);
	char *text = jx_print(a), *again = jx_print(b);
	assert_string_equal(text, "{\"a\":null,\"b\":{\"c\":[2,{\"a\":1,\"z\":1}],\"d\":1}}");
	assert_string_equal(text, again);
	free(text);
	free(again);
	json_decref(a);
	json_decref(b);
	json_t *word = json_string("x");
	text = jx_print(word);
	assert_string_equal(text, "\"x\"");
	free(text);
	json_decref(word);
}

static void mistakes_name_line_and_column(void **state) {
	struct err err = {0}, twice = {0};
	json_t *value = NULL;
	assert_int_equal(jx_parse("{\n\"a\": }", 8, "x.json", &value, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "x.json:2:"));
	assert_int_equal(jx_parse("{\"a\":1,\"a\":2}", 13, "x.json", &value, &twice), -EINVAL);
	assert_non_null(strstr(twice.msg, "duplicate"));
	assert_null(value);
	assert_int_equal(jx_parse("5 ", 2, "x.json", &value, &err), 0);
	assert_int_equal(json_integer_value(value), 5);
	json_decref(value);
}

static void a_value_survives_its_file(void **state) {
	char path[] = "/tmp/leat-json-test-XXXXXX";
	struct err err = {0};
	json_t *value = json_pack("{s:[i,s]}", "a", 1, "ä"), *read = NULL;
	close(mkstemp(path));
	assert_int_equal(jx_file_write(path, value, 0600, &err), 0);
	assert_int_equal(jx_file_read(path, 1000, &read, &err), 0);
	assert_true(json_equal(value, read));
	json_decref(read);
	json_decref(value);
	assert_int_equal(jx_file_read(path, 5, &read, &err), -EFBIG);
	unlink(path);
}

static char seen[64];

static void sink(const char *name, const json_t *data, void *arg) {
	snprintf(seen, sizeof(seen), "%s %s %zu", (const char *)arg, name, json_object_size(data));
}

static void events_reach_the_sink(void **state) {
	event_emit("lost", NULL);
	event_set_sink(sink, "arg");
	event_emit("port.link", json_pack("{s:b}", "up", 1));
	assert_string_equal(seen, "arg port.link 1");
	event_emit("empty", NULL);
	assert_string_equal(seen, "arg empty 0");
	event_set_sink(NULL, NULL);
	event_emit("after", NULL);
	assert_string_equal(seen, "arg empty 0");
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_have_defaults),
		cmocka_unit_test(one_value_has_one_text),
		cmocka_unit_test(mistakes_name_line_and_column),
		cmocka_unit_test(a_value_survives_its_file),
		cmocka_unit_test(events_reach_the_sink),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
