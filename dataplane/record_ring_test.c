// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/record_ring.h"
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
// cmocka.h needs the above
#include <cmocka.h>

static void add(struct record_ring *ring, uint8_t fill, size_t len) {
	uint8_t *at = record_ring_reserve(ring, len);

	assert_non_null(at);
	memset(at, fill, len);
	record_ring_commit(ring);
}

static void take(struct record_ring *ring, uint8_t fill, size_t len) {
	size_t got;
	const uint8_t *at = record_ring_peek(ring, &got);

	assert_non_null(at);
	assert_int_equal(got, len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(at[i], fill);
	record_ring_release(ring);
}

static void test_size_is_rounded(void **) {
	struct record_ring *ring = record_ring_new(1000);

	assert_int_equal(ring->size, 1024);
	record_ring_free(ring);
	record_ring_free(NULL);
}

static void test_invisible_until_commit(void **) {
	struct record_ring *ring = record_ring_new(256);
	size_t len;

	assert_null(record_ring_peek(ring, &len));
	assert_non_null(record_ring_reserve(ring, 10));
	assert_null(record_ring_peek(ring, &len));
	record_ring_commit(ring);
	assert_non_null(record_ring_peek(ring, &len));
	assert_int_equal(len, 10);
	record_ring_free(ring);
}

// Every length at every place of the ring, so that each kind of wrap happens.
static void test_wraps(void **) {
	struct record_ring *ring = record_ring_new(256);

	for (unsigned round = 0; round < 50; round++) {
		for (size_t len = 0; len <= 64; len++) {
			add(ring, (uint8_t)(len + round), len);
			take(ring, (uint8_t)(len + round), len);
		}
	}
	assert_int_equal(ring->lost, 0);
	record_ring_free(ring);
}

static void test_full_counts_lost(void **) {
	struct record_ring *ring = record_ring_new(256);
	unsigned n = 0;

	while (record_ring_reserve(ring, 24)) {
		record_ring_commit(ring);
		n++;
	}
	assert_int_equal(n, 256 / 32);
	assert_int_equal(ring->lost, 1);
	record_ring_release(ring);
	assert_non_null(record_ring_reserve(ring, 24));
	record_ring_free(ring);
}

static void test_too_long_is_lost(void **) {
	struct record_ring *ring = record_ring_new(256);

	assert_null(record_ring_reserve(ring, 65));
	assert_int_equal(ring->lost, 1);
	record_ring_free(ring);
}

#define THREAD_RECORDS 200000

static void *writer(void *arg) {
	struct record_ring *ring = arg;

	for (uint32_t i = 0; i < THREAD_RECORDS;) {
		uint32_t *at = record_ring_reserve(ring, sizeof(i) * (1 + i % 7));
		if (!at) {
			sched_yield();
			continue;
		}
		for (uint32_t k = 0; k < 1 + i % 7; k++)
			at[k] = i;
		record_ring_commit(ring);
		i++;
	}
	return NULL;
}

static void test_two_threads(void **) {
	struct record_ring *ring = record_ring_new(4096);
	pthread_t thread;
	size_t len;

	assert_int_equal(pthread_create(&thread, NULL, writer, ring), 0);
	for (uint32_t i = 0; i < THREAD_RECORDS;) {
		const uint32_t *at = record_ring_peek(ring, &len);
		if (!at) {
			sched_yield();
			continue;
		}
		assert_int_equal(len, sizeof(i) * (1 + i % 7));
		assert_int_equal(at[0], i);
		assert_int_equal(at[i % 7], i);
		record_ring_release(ring);
		i++;
	}
	pthread_join(thread, NULL);
	record_ring_free(ring);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size_is_rounded),
		cmocka_unit_test(test_invisible_until_commit),
		cmocka_unit_test(test_wraps),
		cmocka_unit_test(test_full_counts_lost),
		cmocka_unit_test(test_too_long_is_lost),
		cmocka_unit_test(test_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
