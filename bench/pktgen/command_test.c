// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/pktgen/command.h"
#include <errno.h>
#include <string.h>

static void parse_takes_verb_and_words(void **) {
	struct command command;
	struct err err = {0};
	double ms = 1, rate = 7;

	assert_int_equal(command_parse(&command, "window  ms=500\trate=1e6\n", &err), 0);
	assert_string_equal(command.verb, "window");
	assert_int_equal(command_number(&command, "ms", 1, 1000, &ms, &err), 0);
	assert_int_equal(command_done(&command, &err), -EINVAL);
	assert_string_equal(err.msg, "window takes no 'rate='");
	err = (struct err){0};
	assert_int_equal(command_number(&command, "rate", 0, 1e9, &rate, &err), 0);
	assert_int_equal(command_done(&command, &err), 0);
	assert_true(ms == 500 && rate == 1e6);
}

static void empty_line_has_no_verb(void **) {
	struct command command;

	assert_int_equal(command_parse(&command, " \n", NULL), 0);
	assert_string_equal(command.verb, "");
}

static void absent_key_keeps_its_default(void **) {
	struct command command;
	double ms = 250;

	assert_int_equal(command_parse(&command, "stop", NULL), 0);
	assert_int_equal(command_number(&command, "ms", 1, 1000, &ms, NULL), 0);
	assert_true(ms == 250);
}

static void bad_words_are_refused(void **) {
	static const char *const bad[] = {"window ms", "window =5",
		"w a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1"};
	struct command command;
	char line[2000];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(command_parse(&command, bad[i], NULL), -EINVAL);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(command_parse(&command, line, NULL), -EINVAL);
}

static void bad_numbers_are_refused(void **) {
	static const char *const bad[] = {
		"w ms=", "w ms=5x", "w ms=nan", "w ms=inf", "w ms=0", "w ms=11"};
	struct command command;
	double ms = 5;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(command_parse(&command, bad[i], NULL), 0);
		assert_int_equal(command_number(&command, "ms", 1, 10, &ms, NULL), -EINVAL);
		assert_true(ms == 5);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_takes_verb_and_words),
		cmocka_unit_test(empty_line_has_no_verb),
		cmocka_unit_test(absent_key_keeps_its_default),
		cmocka_unit_test(bad_words_are_refused),
		cmocka_unit_test(bad_numbers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
