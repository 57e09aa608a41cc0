// SPDX-License-Identifier: BSD-3-Clause
#include "firewall/schedule.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { SUN, MON, TUE, WED, THU, FRI, SAT };

static bool on(const char *conf, int day, int hour, int minute) {
	json_t *value = json_loads(conf, 0, NULL);
	const struct tm tm = {.tm_wday = day, .tm_hour = hour, .tm_min = minute};
	struct fw_schedule s;

	assert_non_null(value);
	fw_schedule_parse(value, &s);
	json_decref(value);
	return fw_schedule_on(&s, &tm);
}

static void office_hours(void **) {
	const char *office =
		"{\"days\": [\"mon\", \"fri\"], \"from\": \"08:00\", \"to\": \"18:00\"}";

	assert_false(on(office, MON, 7, 59));
	assert_true(on(office, MON, 8, 0));
	assert_true(on(office, FRI, 17, 59));
	assert_false(on(office, FRI, 18, 0));
	assert_false(on(office, TUE, 12, 0));
	assert_false(on(office, SUN, 12, 0));
}

// What begins on a day ends on the next one.
static void over_midnight(void **) {
	const char *night = "{\"days\": [\"sat\"], \"from\": \"22:00\", \"to\": \"06:00\"}";

	assert_false(on(night, SAT, 5, 0)); // that would be Friday's night
	assert_false(on(night, SAT, 21, 59));
	assert_true(on(night, SAT, 22, 0));
	assert_true(on(night, SUN, 5, 59));
	assert_false(on(night, SUN, 6, 0));
	assert_false(on(night, SUN, 22, 0));
}

static void whole_days(void **) {
	assert_true(on("{}", WED, 0, 0));
	assert_true(on("{}", SAT, 23, 59));
	assert_true(on("{\"days\": [\"sun\"]}", SUN, 23, 59));
	assert_false(on("{\"days\": [\"sun\"]}", MON, 0, 0));
	assert_true(on("{\"from\": \"12:00\", \"to\": \"12:00\"}", MON, 3,
		0)); // all of the day, from noon to noon
	assert_true(on("{\"from\": \"18:00\"}", MON, 23, 59));
	assert_false(on("{\"from\": \"18:00\"}", TUE, 0, 0));
}

static void messages(void **) {
	static const struct {
		const char *conf, *says;
	} cases[] = {
		{"{\"s\": {\"from\": \"8:00\"}}", "no time of day"},
		{"{\"s\": {\"to\": \"24:01\"}}", "no time of day"},
		{"{\"s\": {\"to\": \"10:60\"}}", "no time of day"},
		{"{\"s\": {\"days\": [\"monday\"]}}", "mon"},
	};
	static const struct schema_row s = {
		.name = "s", .type = SCHEMA_OBJECT, .rows = fw_schedule_rows, .help = "one"};
	const struct schema_row *const sections[] = {&s, NULL};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *tree = json_loads(cases[i].conf, 0, NULL), *resolved = NULL;
		struct err err = {0};

		assert_true(schema_validate(sections, tree, &resolved, &err) < 0);
		assert_non_null(strstr(err.msg, cases[i].says));
		json_decref(tree);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(office_hours),
		cmocka_unit_test(over_midnight),
		cmocka_unit_test(whole_days),
		cmocka_unit_test(messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
