// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/pktgen/search.h"

// A device that forwards `limit` packets per second, and loses `always` of them at any rate.
static double loss_of(double rate, double limit, double always) {
	double over = rate > limit ? 1 - limit / rate : 0;

	return over > always ? over : always;
}

static unsigned run(struct search *search, double limit, double always) {
	unsigned trials = 0;

	while (!search->done && ++trials < 100)
		search_judge(search, loss_of(search->rate, limit, always), true);
	return trials;
}

static void finds_the_limit(void **) {
	static const double limits[] = {1000, 12345, 1e6, 9.99e6};

	for (unsigned i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct search search;
		search_init(&search, 100, 1e7, 0, 0.01, 0);
		assert_true(run(&search, limits[i], 0) < 40);
		assert_true(search.keeps <= limits[i] && search.keeps >= limits[i] * 0.99);
		assert_true(search.fails > limits[i]);
	}
}

static void maximum_that_is_kept_ends_it(void **) {
	struct search search;

	search_init(&search, 1, 5e6, 0, 0.01, 3);
	assert_int_equal(run(&search, 1e9, 0), 1);
	assert_true(search.keeps == 5e6 && search.fails == 0);
}

static void nothing_is_kept(void **) {
	struct search search;

	search_init(&search, 1000, 1e6, 0, 0.05, 0);
	assert_true(run(&search, 1e9, 0.001) < 40);
	assert_true(search.keeps == 0);
	assert_true(search.fails == 1000);
}

static void least_rate_is_tried(void **) {
	struct search search;

	search_init(&search, 1000, 1e6, 0, 0.05, 0);
	run(&search, 1000, 0);
	assert_true(search.keeps == 1000);
}

static void tolerance_lets_some_pass(void **) {
	struct search search;

	search_init(&search, 1000, 1e7, 0.005, 0.001, 0);
	run(&search, 1e6, 0.004);
	// 0.5 % above the limit still loses no more than 0.5 %
	assert_true(search.keeps >= 1e6 && search.keeps <= 1.006e6);
}

static void failure_counts_after_it_repeats(void **) {
	struct search search;

	search_init(&search, 0, 1000, 0, 0.01, 2);
	assert_false(search_judge(&search, 0.5, true));
	assert_false(search_judge(&search, 0.5, true));
	assert_true(search.rate == 1000 && !search.done);
	assert_true(search_judge(&search, 0, true));
	assert_true(search.done && search.keeps == 1000);
	search_init(&search, 0, 1000, 0, 0.01, 1);
	search_judge(&search, 0.5, true);
	search_judge(&search, 0.5, true);
	assert_true(search.rate == 500 && search.fails == 1000);
}

static void rate_that_was_not_offered_is_not_kept(void **) {
	struct search search;

	search_init(&search, 0, 1000, 0, 0.01, 0);
	assert_false(search_judge(&search, 0, false));
	assert_true(search.fails == 1000 && search.rate == 500);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_limit),
		cmocka_unit_test(maximum_that_is_kept_ends_it),
		cmocka_unit_test(nothing_is_kept),
		cmocka_unit_test(least_rate_is_tried),
		cmocka_unit_test(tolerance_lets_some_pass),
		cmocka_unit_test(failure_counts_after_it_repeats),
		cmocka_unit_test(rate_that_was_not_offered_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
