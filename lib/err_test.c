// SPDX-License-Identifier: BSD-3-Clause
#include "lib/err.h"
#include "lib/text.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_code_and_a_message_are_set(void **state) {
	struct err err = {0};
	char buf[64];
	assert_int_equal(err_set(&err, -ENOENT, "no port %s", "wan"), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err_print(&err, buf, sizeof(buf)), "no port wan");
}

static void a_path_comes_first(void **state) {
	struct err err = {0};
	char buf[64];
	assert_int_equal(err_at(&err, "ports.wan", "%d is too much", 5), -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err_print(&err, buf, sizeof(buf)), "ports.wan: 5 is too much");
}

static void the_first_cause_wins(void **state) {
	struct err err = {0};
	err_set(&err, -ENOENT, "first");
	assert_int_equal(err_set(&err, -EBUSY, "second"), -EBUSY);
	assert_int_equal(err_at(&err, "a", "third"), -EINVAL);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.msg, "first");
	assert_string_equal(err.path, "");
}

static void without_a_struct_only_the_code_is_passed_on(void **state) {
	assert_int_equal(err_set(NULL, -EBUSY, "x"), -EBUSY);
	assert_int_equal(err_at(NULL, "a", "x"), -EINVAL);
}

static void long_messages_are_cut_and_stay_text(void **state) {
	struct err err = {0};
	char text[2000];
	for (size_t i = 0; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "ä", 2);
	text[1998] = '\0';
	err_at(&err, text, "x%s", text);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_int_equal(strlen(err.path), sizeof(err.path) - 1);
	for (size_t i = 0, n = strlen(err.msg); i < n;) {
		size_t len = text_utf8_len(err.msg + i, n - i);
		assert_true(len > 0);
		i += len;
	}
}

static void what_a_terminal_would_obey_is_replaced(void **state) {
	struct err err = {0};
	err_set(&err, -EINVAL,
		"a\nb\x1b[2Jc\xff\xc2\x9b"
		"d\x7fä");
	assert_string_equal(err.msg, "a?b?[2Jc???d?ä");
}

static void utf8_is_told_from_other_bytes(void **state) {
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {{"a", 1}, {"\xc3\xa4", 2}, {"\xe2\x82\xac", 3}, {"\xf0\x9f\x98\x80", 4},
		{"\xed\x9f\xbf", 3}, {"\xf4\x8f\xbf\xbf", 4}, {"\x80", 0}, {"\xc0\x80", 0},
		{"\xc1\xbf", 0}, {"\xc3", 0}, {"\xc3\x28", 0}, {"\xe0\x9f\xbf", 0},
		{"\xed\xa0\x80", 0}, {"\xf0\x8f\xbf\xbf", 0}, {"\xf4\x90\x80\x80", 0},
		{"\xf5\x80\x80\x80", 0}, {"\xe2\x82", 0}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(text_utf8_len(cases[i].text, strlen(cases[i].text)), cases[i].len);
	assert_int_equal(text_utf8_len("", 0), 0);
	assert_int_equal(text_print_len("\t", 1), 0);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_and_a_message_are_set),
		cmocka_unit_test(a_path_comes_first),
		cmocka_unit_test(the_first_cause_wins),
		cmocka_unit_test(without_a_struct_only_the_code_is_passed_on),
		cmocka_unit_test(long_messages_are_cut_and_stay_text),
		cmocka_unit_test(what_a_terminal_would_obey_is_replaced),
		cmocka_unit_test(utf8_is_told_from_other_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
