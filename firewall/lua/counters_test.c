// SPDX-License-Identifier: BSD-3-Clause
#include "firewall/lua/counters.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define S 1000000000ull

static const uint64_t secret[2] = {0x1234567890abcdef, 0xfedcba0987654321};
static struct counters c;

static uint32_t add(const char *key, uint32_t seconds, uint64_t now_ns) {
	return counters_add(&c, key, strlen(key), seconds, now_ns, false);
}

static uint32_t look(const char *key, uint32_t seconds, uint64_t now_ns) {
	return counters_add(&c, key, strlen(key), seconds, now_ns, true);
}

static int begin(void **state) {
	return counters_init(&c, 1024, secret);
}

static int end(void **state) {
	counters_fini(&c);
	return 0;
}

static void test_keys_are_apart(void **state) {
	uint64_t t = 100 * S;

	for (uint32_t i = 1; i <= 5; i++)
		assert_int_equal(add("a", 10, t), i);
	assert_int_equal(add("b", 10, t), 1);
	assert_int_equal(add("a", 20, t), 1); // another window is another count
	assert_int_equal(add("a longer key than eight bytes, 1", 10, t), 1);
	assert_int_equal(add("a longer key than eight bytes, 2", 10, t), 1);
	assert_int_equal(add("", 10, t), 1);
	assert_int_equal(look("a", 10, t), 6);
	assert_int_equal(look("a", 10, t), 6);
	assert_int_equal(look("nobody", 10, t), 1);
	assert_int_equal(add("a", 10, t), 6);
}

static void test_the_window_slides(void **state) {
	uint64_t t = 100 * S; // a window of 10 s begins

	for (uint32_t i = 0; i < 100; i++)
		add("a", 10, t);
	assert_int_equal(look("a", 10, t + 9 * S), 101);
	assert_int_equal(look("a", 10, t + 10 * S), 101); // all of the window before
	assert_int_equal(look("a", 10, t + 15 * S), 51);
	assert_int_equal(add("a", 10, t + 19 * S), 11);
	assert_int_equal(add("a", 10, t + 19 * S), 12);
	assert_int_equal(look("a", 10, t + 20 * S), 3);
	assert_int_equal(look("a", 10, t + 30 * S), 1); // two windows later nothing is left
	assert_int_equal(look("a", 10, t + 10000000 * S), 1);
}

static void test_a_crowd_resets_nobody(void **state) {
	uint64_t t = 100 * S;
	uint32_t refused = 0;
	char key[32];

	assert_int_equal(add("kept", 60, t), 1);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "crowd %u", i);
		refused += add(key, 60, t + S) == COUNTER_FULL;
	}
	assert_true(refused >= 20000 - 1024 && c.full == refused);
	assert_true(counters_used(&c, t + S) > 1000);
	assert_int_equal(add("kept", 60, t + 2 * S), 2);
	// when its windows are over there is room again
	assert_int_equal(counters_used(&c, t + 200 * S), 0);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "later %u", i);
		assert_int_equal(add(key, 60, t + 200 * S), 1);
	}
}

static void test_at_its_most(void **state) {
	uint64_t t = 86400 * S;

	for (uint32_t i = 0; i < COUNTER_MAX + 10; i++)
		add("a", COUNTER_SECONDS_MAX, t);
	assert_int_equal(look("a", COUNTER_SECONDS_MAX, t), COUNTER_MAX);
	assert_int_equal(look("a", COUNTER_SECONDS_MAX, t + 86400 * S), COUNTER_MAX + 1);
	assert_int_equal(look("a", COUNTER_SECONDS_MAX, t + 2 * 86400 * S), 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_keys_are_apart, begin, end),
		cmocka_unit_test_setup_teardown(test_the_window_slides, begin, end),
		cmocka_unit_test_setup_teardown(test_a_crowd_resets_nobody, begin, end),
		cmocka_unit_test_setup_teardown(test_at_its_most, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
