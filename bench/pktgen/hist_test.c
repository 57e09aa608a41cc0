// SPDX-License-Identifier: BSD-3-Clause
#include "bench/pktgen/hist.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs the four above
#include <cmocka.h>

static struct hist hist, other;
static uint64_t seed;

static uint64_t any(void) {
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return seed >> 20;
}

static int start(void **) {
	memset(&hist, 0, sizeof(hist));
	memset(&other, 0, sizeof(other));
	seed = 1;
	return 0;
}

static void every_value_is_in_one_bucket(void **) {
	for (uint64_t v = 0; v < 100000; v++) {
		unsigned b = hist_bucket(v);
		assert_true(b < HIST_BUCKETS);
		assert_true(v <= hist_bucket_end(b));
		assert_true(b == 0 || v > hist_bucket_end(b - 1));
	}
	assert_int_equal(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
	assert_int_equal(hist_bucket_end(HIST_BUCKETS - 1), (1ull << HIST_VALUE_BITS) - 1);
}

static void the_error_is_bounded(void **) {
	for (unsigned bits = 0; bits < HIST_VALUE_BITS; bits++)
		for (unsigned i = 0; i < 100; i++) {
			uint64_t v = (1ull << bits) + any() % (1ull << bits);
			uint64_t end = hist_bucket_end(hist_bucket(v));
			assert_true(end - v <= v >> HIST_STEP_BITS);
		}
}

static int compare(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

#define MANY 20001

static void percentiles_are_those_of_a_sorted_list(void **) {
	static const double shares[] = {0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
	static uint64_t values[MANY];

	for (unsigned i = 0; i < MANY; i++) {
		values[i] = any() >> (any() % 40 + 10); // of many magnitudes
		values[i] &= (1ull << HIST_VALUE_BITS) - 1;
		hist_add(&hist, values[i]);
	}
	qsort(values, MANY, sizeof(values[0]), compare);
	for (unsigned i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		double place = shares[i] * MANY;
		unsigned rank = (unsigned)place + (place > (unsigned)place);
		uint64_t exact = values[rank ? rank - 1 : 0];
		assert_int_equal(
			hist_percentile(&hist, shares[i]), hist_bucket_end(hist_bucket(exact)));
	}
}

static void small_sets(void **) {
	assert_int_equal(hist_percentile(&hist, 0.5), 0);
	hist_add(&hist, 7);
	assert_int_equal(hist_percentile(&hist, 0), 7);
	assert_int_equal(hist_percentile(&hist, 1), 7);
	hist_add(&hist, 9);
	assert_int_equal(hist_percentile(&hist, 0.5), 7);
	assert_int_equal(hist_percentile(&hist, 0.51), 9);
}

static void merged_and_subtracted(void **) {
	struct hist *copy = calloc(1, sizeof(*copy));

	for (unsigned i = 0; i < 1000; i++)
		hist_add(i % 3 ? &hist : &other, any() % 100000);
	hist_copy(copy, &hist);
	hist_merge(&hist, &other);
	assert_int_equal(hist_total(&hist), 1000);
	hist_subtract(&hist, copy);
	assert_memory_equal(&hist, &other, sizeof(hist));
	free(copy);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_value_is_in_one_bucket, start),
		cmocka_unit_test_setup(the_error_is_bounded, start),
		cmocka_unit_test_setup(percentiles_are_those_of_a_sorted_list, start),
		cmocka_unit_test_setup(small_sets, start),
		cmocka_unit_test_setup(merged_and_subtracted, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
