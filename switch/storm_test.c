// SPDX-License-Identifier: BSD-3-Clause
#include "switch/storm.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define SEC 1000000000ull

// Offers a frame every `step_ns` for `seconds`; how many pass?
static uint64_t offer(uint64_t rate, uint64_t step_ns, unsigned seconds) {
	struct bucket_limit limit = storm_limit_of(rate);
	_Atomic uint64_t bucket = 0;
	uint64_t passed = 0;

	for (uint64_t now = 5 * SEC; now < (5 + seconds) * SEC; now += step_ns)
		passed += bucket_take(&bucket, &limit, now);
	return passed;
}

static void rate_is_exact(void **) {
	static const uint64_t rates[] = {1, 7, 50, 1000, 3333, 99999, 1000000, 3000000};

	for (unsigned i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		uint64_t burst = rates[i] / 50 > 16 ? rates[i] / 50 : 16;
		uint64_t want = rates[i] * 10 + burst, got = offer(rates[i], 100, 10);

		assert_in_range(got, want - 1 - want / 50000, want + 1 + want / 50000);
	}
}

static void under_the_rate_all_pass(void **) {
	assert_int_equal(offer(1000, SEC / 999, 10), 9991);
}

static void a_burst_is_bounded(void **) {
	struct bucket_limit limit = storm_limit_of(1000);
	_Atomic uint64_t bucket = 0;
	unsigned passed = 0;

	for (unsigned i = 0; i < 1000; i++)
		passed += bucket_take(&bucket, &limit, SEC);
	assert_int_equal(passed, 20);
	// An hour of silence earns no more than that.
	for (unsigned i = 0; i < 1000; i++)
		passed += bucket_take(&bucket, &limit, 3600 * SEC);
	assert_int_equal(passed, 40);
}

static void zero_lets_nothing_pass(void **) {
	assert_int_equal(offer(0, 1000000, 10), 0);
}

// Time that the workers see differs by a turn of their loops; it must not add up.
static void a_clock_behind_is_no_gain(void **) {
	struct bucket_limit limit = storm_limit_of(1000);
	_Atomic uint64_t bucket = 0;
	uint64_t passed = 0;

	for (uint64_t now = SEC; now < 11 * SEC; now += 50000)
		passed += bucket_take(&bucket, &limit, now & 1 << 16 ? now - 200000 : now);
	assert_in_range(passed, 9990, 10025);
}

// ---- several workers share one bucket ----------------------------------------------------------------------

static struct bucket_limit shared_limit;
static _Atomic uint64_t shared_bucket, shared_now;

static void *worker(void *passed) {
	uint64_t now;

	while ((now = atomic_load(&shared_now)) < 11 * SEC)
		*(uint64_t *)passed += bucket_take(&shared_bucket, &shared_limit, now);
	return NULL;
}

static void workers_do_not_multiply_the_rate(void **) {
	uint64_t passed[4] = {0}, total = 0;
	pthread_t threads[4];

	shared_limit = storm_limit_of(10000);
	atomic_store(&shared_now, SEC);
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, worker, &passed[i]);
	while (atomic_load(&shared_now) < 11 * SEC)
		atomic_fetch_add(&shared_now, 1000);
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		total += passed[i];
	}
	// 10 s at 10000/s and one burst; less where the workers were not running.
	assert_true(total <= 100201);
	assert_true(total > 200);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_is_exact),
		cmocka_unit_test(under_the_rate_all_pass),
		cmocka_unit_test(a_burst_is_bounded),
		cmocka_unit_test(zero_lets_nothing_pass),
		cmocka_unit_test(a_clock_behind_is_no_gain),
		cmocka_unit_test(workers_do_not_multiply_the_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
