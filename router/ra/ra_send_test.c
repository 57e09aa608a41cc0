// SPDX-License-Identifier: BSD-3-Clause
// Every timer of RFC 4861 section 6.2, with a clock that stands still.
#include "lib/clock.h"
#include "router/ra/ra_send.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SEC NSEC_PER_SEC
#define MS  NSEC_PER_MSEC

static struct timers timers;
static struct ra_sender sender;
static unsigned sent;
static uint32_t chance;

static void advertise(struct ra_sender *) {
	sent++;
}
static uint32_t chosen(void) {
	return chance;
}

static int setup(void **) {
	clock_fake_start(1000 * SEC);
	memset(&timers, 0, sizeof(timers));
	assert_int_equal(timers_reserve(&timers, 1), 0);
	ra_sender_init(&sender, &timers, advertise, chosen);
	sender.interval_ns = 600 * SEC;
	sent = 0;
	chance = 0;
	return 0;
}

static int teardown(void **) {
	timers_fini(&timers);
	clock_fake_stop();
	return 0;
}

static void pass(uint64_t ns) {
	clock_fake_advance(ns);
	timers_run(&timers, clock_now_ns(), 10);
}

static void three_early_ones(void **) {
	chance = UINT32_MAX;
	ra_sender_start(&sender);
	pass(0);
	assert_int_equal(sent, 1);
	pass(16 * SEC - 1);
	assert_int_equal(sent, 1);
	pass(1);
	assert_int_equal(sent, 2);
	pass(16 * SEC);
	assert_int_equal(sent, 3);
	pass(599 * SEC);
	assert_int_equal(sent, 3);
	pass(1 * SEC);
	assert_int_equal(sent, 4);
}

static void between_a_third_and_the_interval(void **) {
	ra_sender_start(&sender);
	pass(0);
	pass(16 * SEC);
	pass(16 * SEC);
	assert_int_equal(sent, 3);
	pass(200 * SEC - 1); // chance is 0: the least
	assert_int_equal(sent, 3);
	pass(1);
	assert_int_equal(sent, 4);
	chance = UINT32_MAX / 2;
	pass(200 * SEC);
	assert_int_equal(sent, 5);
	pass(399 * SEC);
	assert_int_equal(sent, 5);
	pass(1 * SEC);
	assert_int_equal(sent, 6);
}

static void solicitations_are_answered_soon(void **) {
	ra_sender_start(&sender);
	pass(0);
	pass(10 * SEC);
	chance = UINT32_MAX;
	ra_sender_solicited(&sender);
	pass(499 * MS);
	assert_int_equal(sent, 1);
	pass(1 * MS);
	assert_int_equal(sent, 2);
}

// A flood of solicitations: one answer to all in three seconds.
static void but_not_too_often(void **) {
	ra_sender_start(&sender);
	pass(0);
	for (unsigned i = 0; i < 3000; i++) {
		ra_sender_solicited(&sender);
		pass(10 * MS);
	}
	assert_in_range(sent, 10, 11);
}

static void who_is_off_is_silent(void **) {
	ra_sender_solicited(&sender);
	pass(10 * SEC);
	assert_int_equal(sent, 0);
	ra_sender_start(&sender);
	pass(0);
	ra_sender_stop(&sender);
	ra_sender_solicited(&sender);
	pass(1000 * SEC);
	assert_int_equal(sent, 1);
	assert_int_equal(sender.timer.place, 0);
}

static void a_change_is_said(void **) {
	ra_sender_start(&sender);
	pass(0);
	pass(1 * SEC);
	ra_sender_start(&sender);
	pass(1 * SEC);
	assert_int_equal(sent, 1);
	pass(1 * SEC);
	assert_int_equal(sent, 2);
}

static void what_others_say_otherwise(void **) {
	struct nd_router a = {.hop_limit = 64, .n_prefixes = 1}, b = a;

	prefix_parse("2001:db8::/64", &a.prefixes[0].prefix);
	a.prefixes[0].valid_s = 100;
	b = a;
	assert_null(ra_differs(&a, &b));
	b.hop_limit = 0; // not said
	b.lifetime_s = 7;
	assert_null(ra_differs(&a, &b));
	b.hop_limit = 63;
	assert_string_equal(ra_differs(&a, &b), "hop limit");
	b = a;
	b.managed = true;
	assert_string_equal(ra_differs(&a, &b), "managed and other flags");
	b = a;
	a.mtu = 1400;
	assert_null(ra_differs(&a, &b));
	b.mtu = 1500;
	assert_string_equal(ra_differs(&a, &b), "MTU");
	b = a;
	b.prefixes[0].valid_s = 99;
	assert_string_equal(ra_differs(&a, &b), "lifetimes of a prefix");
	b.prefixes[0].prefix.len = 63; // another one
	assert_null(ra_differs(&a, &b));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	static const struct CMUnitTest tests[] = {
		TEST(three_early_ones),
		TEST(between_a_third_and_the_interval),
		TEST(solicitations_are_answered_soon),
		TEST(but_not_too_often),
		TEST(who_is_off_is_silent),
		TEST(a_change_is_said),
		TEST(what_others_say_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
