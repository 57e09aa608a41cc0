// SPDX-License-Identifier: BSD-3-Clause
// Text of durations, sizes and rates; words of the command line; nearest words.
#include "lib/clock.h"
#include "lib/schema_testlib.h"

static void durations(void **state) {
	static const struct {
		const char *text, *canonical;
		uint64_t ns;
	} cases[] = {
		{"0", "0s", 0},
		{"0ms", "0s", 0},
		{"1ns", "1ns", 1},
		{"250ms", "250ms", 250 * NSEC_PER_MSEC},
		{"1h30m", "1h30m", 5400 * NSEC_PER_SEC},
		{"7d", "7d", 7 * 86400 * NSEC_PER_SEC},
		{"0.25", "250ms", 250 * NSEC_PER_MSEC},
		{"1.5h", "1h30m", 5400 * NSEC_PER_SEC},
		{"1d1h1m1s1ms1us1ns", "1d1h1m1s1ms1us1ns", 90061001001001},
		{"9223372036854775807ns", "106751d23h47m16s854ms775us807ns", INT64_MAX},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char buf[SCHEMA_TEXTLEN];
		uint64_t ns = 1;
		assert_int_equal(schema_duration_parse(cases[i].text, &ns), 0);
		assert_int_equal(ns, cases[i].ns);
		assert_string_equal(schema_duration_print(ns, buf), cases[i].canonical);
	}
	uint64_t ns;
	assert_int_equal(schema_duration_parse("9223372036854775808ns", &ns), -ERANGE);
	assert_int_equal(schema_duration_parse("106752d", &ns), -ERANGE);
	assert_int_equal(schema_duration_parse("99999999999999999999s", &ns), -ERANGE);
	assert_int_equal(schema_duration_parse("0.5ns", &ns), -EINVAL);
	assert_int_equal(schema_duration_parse("1s5", &ns), -EINVAL);
}

static void sizes_and_rates(void **state) {
	char buf[SCHEMA_TEXTLEN];
	uint64_t n;
	assert_int_equal(schema_bytes_parse("2T", &n), 0);
	assert_int_equal(n, 2ull << 40);
	assert_string_equal(schema_bytes_print(n, buf), "2T");
	assert_string_equal(schema_bytes_print(0, buf), "0");
	assert_string_equal(schema_bytes_print(1536, buf), "1536");
	assert_string_equal(schema_bytes_print(UINT64_MAX, buf), "18446744073709551615");
	assert_int_equal(schema_bytes_parse("8388608T", &n), -ERANGE);
	assert_int_equal(schema_bytes_parse("1K1", &n), -EINVAL);
	assert_int_equal(schema_bytes_parse("0.3K", &n), -EINVAL);
	assert_int_equal(schema_rate_parse("3G/s", &n), 0);
	assert_int_equal(n, 3000000000);
	assert_string_equal(schema_rate_print(n, buf), "3G/s");
	assert_string_equal(schema_rate_print(0, buf), "0/s");
	assert_int_equal(schema_rate_parse("3/", &n), -EINVAL);
	assert_int_equal(schema_rate_parse("/s", &n), -EINVAL);
}

static void round_trip(void **state) {
	uint64_t x = 1;
	for (unsigned i = 0; i < 10000; i++) {
		char buf[SCHEMA_TEXTLEN];
		uint64_t back = 0, value = x >> (1 + i % 63);
		x = x * 6364136223846793005u + 1442695040888963407u;
		assert_int_equal(
			schema_duration_parse(schema_duration_print(value, buf), &back), 0);
		assert_int_equal(back, value);
		assert_int_equal(schema_bytes_parse(schema_bytes_print(value, buf), &back), 0);
		assert_int_equal(back, value);
		assert_int_equal(schema_rate_parse(schema_rate_print(value, buf), &back), 0);
		assert_int_equal(back, value);
	}
}

static void word_is(const char *path, const char *word, const char *want) {
	struct err err = {0};
	const struct schema_row *row = schema_find(sample_sections, path, &err);
	json_t *value = row ? schema_parse_word(row, word, path, &err) : NULL;
	if (!value)
		fail_msg("%s %s: %s", path, word, err.msg);
	same_json(value, want);
}

static void words(void **state) {
	word_is("things.t.on", "true", "true");
	word_is("things.t.on", "false", "false");
	word_is("things.t.weight", "3", "3");
	word_is("things.t.share", "0.5", "0.5");
	word_is("things.t.share", "1", "1.0");
	word_is("things.t.title", "eth1", "'eth1'");
	word_is("things.t.title", "12", "'12'");
	word_is("things.t.alias", "true", "'true'");
	word_is("things.t.mode", "busy", "'busy'");
	word_is("things.t.every", "5m", "'5m'");
	word_is("things.t.every", "5", "'5'");
	word_is("things.t.buffer", "64K", "'64K'");
	word_is("things.t.rate", "10k/s", "'10k/s'");
	word_is("things.t.mac", "02:00:00:00:00:01", "'02:00:00:00:00:01'");
	word_is("things.t.address", "192.0.2.1", "'192.0.2.1'");
	word_is("things.t.prefix", "192.0.2.1/24", "'192.0.2.1/24'");
	word_is("things.t.port", "anything", "'anything'");
	word_is("things.t.vlans", "[10,20]", "[10, 20]");
	word_is("things.t.vlans", "10,20", "[10, 20]");
	word_is("things.t.vlans", "10", "[10]");
	word_is("things.t.vlans", "", "[]");
	word_is("things.t.limits", "{\"rate\": 5}", "{'rate': 5}");
	word_is("things.t.members", "{\"w1\": {}}", "{'w1': {}}");
	word_is("things.t.extra", "{\"a\": 1}", "{'a': 1}");
	word_is("things.t.extra", "3", "3");
	word_is("things.t.extra", "text", "'text'");
}

static void word_refused(const char *path, const char *word, const char *want) {
	struct err err = {0};
	const struct schema_row *row = schema_find(sample_sections, path, &err);
	assert_non_null(row);
	assert_null(schema_parse_word(row, word, path, &err));
	same_error(&err, want);
}

static void words_refused(void **state) {
	word_refused(
		"things.t.on", "yes", "things.t.on: \"yes\" is not a boolean; write true or false");
	word_refused("things.t.weight", "0",
		"things.t.weight: 0 is out of range 1..256; to stop new connections, use `leat "
		"drain`");
	word_refused("things.t.weight", "99999999999999999999",
		"things.t.weight: 1e+20 is out of range 1..256; to stop new connections, use `leat "
		"drain`");
	word_refused("things.t.weight", "abc",
		"things.t.weight: \"abc\" is not an integer in 1..256; write one such as 3");
	word_refused("things.t.weight", "",
		"things.t.weight: \"\" is not an integer in 1..256; write one such as 3");
	word_refused("things.t.share", "nan",
		"things.t.share: \"nan\" is not a number in 0..1; write one such as 0.5");
	word_refused("things.t.mode", "bussy",
		"things.t.mode: \"bussy\" is not one of: busy, adaptive, off; did you mean "
		"\"busy\"?");
	word_refused("things.t.every", "5x",
		"things.t.every: \"5x\" is not a duration in 10ms..1h; write one such as \"5m\"");
	word_refused("things.t.vlans", "10,,20",
		"things.t.vlans[2]: \"\" is not an integer in 1..4094; write one such as 1");
	word_refused("things.t.vlans", "[10,20",
		"things.t.vlans: \"[10,20\" is not a list in JSON; write one such as '[\"a\", "
		"\"b\"]'");
	word_refused("things.t.members", "w1",
		"things.t.members: \"w1\" is not a map in JSON; write one such as '{\"name\": 1}'");
	word_refused("things.t.title", "\xff\xfe",
		"things.t.title: \"\\xff\\xfe\" is not UTF-8 text; write it in UTF-8");
	word_refused("things.t.pick", "f",
		"things.t.pick: a function can be written in the Lua file only; use `leat apply`");
}

static void nearest(void **state) {
	const char *const known[] = {"access", "trunk", "native", "mtu", "on", "of", "mode", NULL};
	assert_string_equal(schema_nearest("acess", known), "access");
	assert_string_equal(schema_nearest("acecss", known), "access");
	assert_string_equal(schema_nearest("trnuk", known), "trunk");
	assert_string_equal(schema_nearest("natives", known), "native");
	assert_string_equal(schema_nearest("mtuu", known), "mtu");
	assert_string_equal(schema_nearest("mode", known), "mode");
	assert_null(schema_nearest("colour", known));
	assert_null(schema_nearest("", known));
	assert_null(schema_nearest("x", known));
	assert_null(schema_nearest("xyz", known));
	char longest[4000];
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	assert_null(schema_nearest(longest, known));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(sizes_and_rates),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(words),
		cmocka_unit_test(words_refused),
		cmocka_unit_test(nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
