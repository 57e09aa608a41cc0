// SPDX-License-Identifier: BSD-3-Clause
// When a rule asks for SYN cookies, on a clock of the test's own.
#include "firewall/cookies.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S  1000000000ull
#define T0 (1000 * S)

static unsigned asked(struct fw_cookies *c, uint64_t from_ns, uint64_t ns, unsigned syns) {
	unsigned n = 0;

	for (unsigned i = 0; i < syns; i++) {
		struct session_flow flow = {.syn = true, .now_ns = from_ns + ns * i / syns};

		n += fw_cookies_ask(c, &flow);
	}
	return n;
}

static void few_are_not_asked(void **) {
	struct fw_cookies c;
	bool begins;

	fw_cookies_init(&c, 1000);
	assert_int_equal(asked(&c, T0, S, 1000), 0);
	assert_int_equal(asked(&c, T0 + 10 * S, 0, 100), 0); // at once
	assert_false(fw_cookies_attack(&c, T0 + 10 * S));
	assert_false(fw_cookies_news(&c, T0 + 10 * S, &begins));
}

// From the first that is beyond the rate on all are asked, until it was quiet for a while.
static void an_attack_begins_and_ends(void **) {
	struct fw_cookies c;
	bool begins;

	fw_cookies_init(&c, 1000);
	assert_in_range(asked(&c, T0, S, 5000), 5000 - 130, 5000 - 100);
	assert_true(fw_cookies_news(&c, T0 + S, &begins));
	assert_true(begins);
	assert_false(fw_cookies_news(&c, T0 + S, &begins));
	assert_int_equal(asked(&c, T0 + S, S, 10), 10); // it is quiet now, but not for long
	assert_int_equal(asked(&c, T0 + 2 * S, 7 * S, 70), 70);
	assert_false(fw_cookies_attack(&c, T0 + 11 * S));
	assert_int_equal(asked(&c, T0 + 11 * S, S, 10), 0);
	assert_true(fw_cookies_news(&c, T0 + 11 * S, &begins));
	assert_false(begins);
}

static void it_lasts_as_long_as_it_lasts(void **) {
	struct fw_cookies c;

	fw_cookies_init(&c, 10);
	asked(&c, T0, S, 100);
	for (unsigned s = 1; s < 100; s++)
		assert_int_equal(asked(&c, T0 + s * S, S, 30), 30);
}

static void zero_is_always(void **) {
	struct fw_cookies c;
	bool begins;

	fw_cookies_init(&c, 0);
	assert_int_equal(asked(&c, T0, S, 3), 3);
	assert_false(fw_cookies_attack(&c, T0));
	assert_false(fw_cookies_news(&c, T0, &begins));
	fw_cookies_init(&c, FW_COOKIES_NONE);
	assert_int_equal(asked(&c, T0, S, 100000), 0);
}

static void some_cannot_be_asked(void **) {
	struct session_flow syn = {.syn = true, .now_ns = T0}, f;
	struct fw_cookies c;

	fw_cookies_init(&c, 0);
	assert_true(fw_cookies_ask(&c, &syn));
	f = syn, f.syn = false; // came with a cookie, or is no TCP
	assert_false(fw_cookies_ask(&c, &f));
	f = syn, f.again = true;
	assert_false(fw_cookies_ask(&c, &f));
	f = syn, f.edge[1] = 1; // another function takes its answers elsewhere
	assert_false(fw_cookies_ask(&c, &f));
	f = syn, f.in.v6 = true, f.in.src[0] = 0xfe, f.in.src[1] = 0x80;
	assert_false(fw_cookies_ask(&c, &f));
}

// `explain` says what would be, and takes nothing.
static void a_dry_look_takes_nothing(void **) {
	struct session_flow dry = {.syn = true, .dry = true, .now_ns = T0};
	struct fw_cookies c;

	fw_cookies_init(&c, 10);
	for (unsigned i = 0; i < 1000; i++)
		assert_false(fw_cookies_ask(&c, &dry));
	asked(&c, T0, 0, 100);
	assert_true(fw_cookies_ask(&c, &dry));
}

static void a_commit_does_not_end_it(void **) {
	struct fw_cookies was, c;
	bool begins;

	fw_cookies_init(&was, 10);
	asked(&was, T0, 0, 100);
	fw_cookies_news(&was, T0, &begins);
	fw_cookies_init(&c, 10);
	fw_cookies_adopt(&c, &was);
	assert_true(fw_cookies_attack(&c, T0));
	assert_false(fw_cookies_news(&c, T0, &begins));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_are_not_asked),
		cmocka_unit_test(an_attack_begins_and_ends),
		cmocka_unit_test(it_lasts_as_long_as_it_lasts),
		cmocka_unit_test(zero_is_always),
		cmocka_unit_test(some_cannot_be_asked),
		cmocka_unit_test(a_dry_look_takes_nothing),
		cmocka_unit_test(a_commit_does_not_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
