// SPDX-License-Identifier: BSD-3-Clause
#include "firewall/sources.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RULE 0x1234
#define SEC  1000000000ull

static const uint64_t secret[2] = {0x9e3779b97f4a7c15, 0xd1b54a32d192ed03};
static struct sources s;

static int setup(void **) {
	return sources_init(&s, 1024, secret);
}

static int teardown(void **) {
	sources_fini(&s);
	return 0;
}

static uint32_t take4(uint32_t n, const struct source_limit *limit, uint64_t now_ns) {
	const uint8_t addr[4] = {10, n >> 16 & 255, n >> 8 & 255, n & 255};

	return sources_take(&s, RULE, addr, false, limit, now_ns);
}

static void connections_are_counted(void **) {
	const struct source_limit three = {.connections = 3};
	uint32_t h[3];

	for (unsigned i = 0; i < 3; i++)
		assert_int_not_equal(h[i] = take4(1, &three, SEC), 0);
	assert_int_equal(take4(1, &three, SEC), 0);
	assert_int_not_equal(take4(2, &three, SEC), 0); // another source is not held to it
	assert_int_equal(sources_count(&s, h[0]), 3);
	sources_give(&s, h[1]);
	assert_int_not_equal(take4(1, &three, SEC), 0);
	assert_int_equal(take4(1, &three, SEC), 0);
	assert_int_equal(sources_used(&s), 2);
}

static void rules_are_apart(void **) {
	const struct source_limit one = {.connections = 1};
	const uint8_t addr[4] = {192, 0, 2, 1};

	assert_int_not_equal(sources_take(&s, 1, addr, false, &one, SEC), 0);
	assert_int_not_equal(sources_take(&s, 2, addr, false, &one, SEC), 0);
	assert_int_equal(sources_take(&s, 1, addr, false, &one, SEC), 0);
}

static void rate_is_kept(void **) {
	const struct source_limit ten = {.rate = bucket_limit_of(10, 10)};
	unsigned passed = 0;

	for (unsigned i = 0; i < 100; i++) {
		uint32_t h = take4(1, &ten, 5 * SEC);
		passed += h != 0;
		sources_give(&s, h);
	}
	assert_int_equal(passed, 10);
	for (unsigned i = 0; i < 100; i++) { // a second, in steps of 10 ms
		uint32_t h = take4(1, &ten, 5 * SEC + i * SEC / 100);
		passed += h != 0;
		sources_give(&s, h);
	}
	assert_in_range(passed, 19, 20);
}

// A bucket that is not full again is not given to somebody else: nobody gets a new one by crowding his own out.
static void crowd_resets_no_bucket(void **) {
	const struct source_limit one = {.rate = bucket_limit_of(1, 1)};

	sources_give(&s, take4(7, &one, SEC));
	for (uint32_t n = 100; n < 60000; n++)
		sources_give(&s, take4(n, &one, SEC));
	assert_int_equal(take4(7, &one, SEC + SEC / 2), 0);
	assert_true(atomic_load(&s.full) > 0);
	assert_int_not_equal(take4(7, &one, 3 * SEC), 0);
}

// Full of living connections: newcomers are refused, those who are there are not touched.
static void full_refuses_newcomers(void **) {
	const struct source_limit two = {.connections = 2};
	static uint32_t handles[60000];
	uint32_t got = 0;

	for (uint32_t n = 0; n < 60000; n++)
		got += (handles[n] = take4(n, &two, SEC)) != 0;
	assert_int_equal(got, 1024);
	assert_int_equal(sources_used(&s), 1024);
	for (uint32_t n = 0; n < 60000; n++)
		if (handles[n])
			assert_int_equal(sources_count(&s, handles[n]), 1);
	for (uint32_t n = 0; n < 60000; n++)
		sources_give(&s, handles[n]);
	assert_int_equal(sources_used(&s), 0);
	assert_int_not_equal(take4(99999, &two, SEC), 0);
}

static void a_64_is_one_source(void **) {
	const struct source_limit one = {.connections = 1};
	uint8_t a[16] = {0x20, 1, 0xd, 0xb8, [15] = 1}, b[16] = {0x20, 1, 0xd, 0xb8, [15] = 2},
		c[16] = {0x20, 1, 0xd, 0xb8, [7] = 1};

	assert_int_not_equal(sources_take(&s, RULE, a, true, &one, SEC), 0);
	assert_int_equal(sources_take(&s, RULE, b, true, &one, SEC), 0);
	assert_int_not_equal(sources_take(&s, RULE, c, true, &one, SEC), 0);
}

#define THREADS 4
#define TURNS   200000

// Never more than the limit at once, and nothing is left, whoever takes and gives.
static void *hammer(void *arg) {
	const struct source_limit eight = {.connections = 8};
	unsigned seed = (unsigned)(uintptr_t)arg;
	uint32_t held[16] = {0};

	for (unsigned i = 0; i < TURNS; i++) {
		uint32_t *h = &held[rand_r(&seed) % 16];

		if (*h) {
			assert_in_range(sources_count(&s, *h), 1, 8);
			sources_give(&s, *h);
			*h = 0;
		} else {
			*h = take4((uint32_t)rand_r(&seed) % 8, &eight, SEC);
		}
	}
	for (unsigned i = 0; i < 16; i++)
		sources_give(&s, held[i]);
	return NULL;
}

static void many_threads(void **) {
	pthread_t threads[THREADS];

	for (uintptr_t t = 0; t < THREADS; t++)
		assert_int_equal(pthread_create(&threads[t], NULL, hammer, (void *)(t + 1)), 0);
	for (unsigned t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	assert_int_equal(sources_used(&s), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(connections_are_counted),
		TEST(rules_are_apart),
		TEST(rate_is_kept),
		TEST(crowd_resets_no_bucket),
		TEST(full_refuses_newcomers),
		TEST(a_64_is_one_source),
		TEST(many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
