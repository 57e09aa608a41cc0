// SPDX-License-Identifier: BSD-3-Clause
#include "router/fib/ecmp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 3000

static uint64_t seed = 20240607;

static uint32_t rnd(uint32_t below) {
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

struct group {
	unsigned n, size;
	uint32_t weights[ECMP_MAX_PATHS]; // as configured
	uint32_t alive[ECMP_MAX_PATHS];   // 0: dead
	uint8_t buckets[ECMP_MAX_BUCKETS];
};

static struct group random_group(unsigned max_weight) {
	struct group g = {.n = 1 + rnd(rnd(4) ? 8 : ECMP_MAX_PATHS)};

	for (unsigned i = 0; i < g.n; i++)
		g.alive[i] = g.weights[i] = 1 + rnd(max_weight);
	g.size = ecmp_size(g.weights, g.n);
	memset(g.buckets, ECMP_NONE, sizeof(g.buckets));
	return g;
}

static unsigned count(const struct group *g, unsigned path) {
	unsigned n = 0;

	for (unsigned b = 0; b < g->size; b++)
		n += g->buckets[b] == path;
	return n;
}

static uint64_t alive_sum(const struct group *g) {
	uint64_t sum = 0;

	for (unsigned i = 0; i < g->n; i++)
		sum += g->alive[i];
	return sum;
}

// Every path within one bucket of its share (or the one that it is owed at least).
static void assert_fair(const struct group *g) {
	uint64_t sum = alive_sum(g);
	unsigned owed = 0;

	for (unsigned i = 0; i < g->n; i++)
		owed += g->alive[i] > 0 && (uint64_t)g->alive[i] * g->size < sum;
	for (unsigned i = 0; i < g->n; i++) {
		double share = (double)g->alive[i] * g->size / (double)sum;
		unsigned n = count(g, i);

		if (g->alive[i] == 0)
			assert_int_equal(n, 0);
		else
			assert_true(n >= 1 && n < share + 1 + 1e-9 && n > share - 1 - owed - 1e-9);
	}
	for (unsigned b = 0; b < g->size; b++)
		assert_true(g->buckets[b] < g->n);
}

static void sizes(void **) {
	assert_int_equal(ecmp_size((uint32_t[]){1}, 1), 1);
	assert_int_equal(ecmp_size((uint32_t[]){7, 7}, 2), 2);
	assert_int_equal(ecmp_size((uint32_t[]){3, 1}, 2), 4);
	// four even paths would fit in 4, but not the three that are left of them
	assert_int_equal(ecmp_size((uint32_t[]){1, 1, 1, 1}, 4), 128);
	assert_int_equal(ecmp_size((uint32_t[]){256, 1}, 2), 256);
	assert_int_equal(ecmp_size((uint32_t[]){65536, 1, 1}, 3), ECMP_MAX_BUCKETS);
}

static void size_is_smallest_and_close(void **) {
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct group g = random_group(16);

		ecmp_fill(g.buckets, g.size, g.alive, g.n);
		assert_fair(&g);
		assert_true((g.size & (g.size - 1)) == 0 && g.size >= g.n);
		if (g.size == ECMP_MAX_BUCKETS)
			continue;
		for (unsigned i = 0; i < g.n; i++) {
			double share = (double)g.weights[i] / (double)alive_sum(&g);

			assert_true(count(&g, i) > share * g.size * 0.98 - 1e-9);
			assert_true(count(&g, i) < share * g.size * 1.02 + 1e-9);
		}
	}
}

static void fill_is_stable(void **) {
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct group g = random_group(256);

		assert_int_equal(ecmp_fill(g.buckets, g.size, g.alive, g.n), g.size);
		assert_int_equal(ecmp_fill(g.buckets, g.size, g.alive, g.n), 0);
	}
}

// A path dies or comes back; only buckets that leave it or go to it may change.
static void change_one(struct group *g, unsigned path, uint32_t weight) {
	struct group before = *g;
	unsigned moved, differ = 0;

	g->alive[path] = weight;
	moved = ecmp_fill(g->buckets, g->size, g->alive, g->n);
	assert_fair(g);
	for (unsigned b = 0; b < g->size; b++) {
		if (g->buckets[b] == before.buckets[b])
			continue;
		differ++;
		assert_true((weight ? g->buckets[b] : before.buckets[b]) == path);
	}
	assert_int_equal(moved, differ);
	assert_int_equal(moved, count(weight ? g : &before, path));
}

static void only_its_share_moves(void **) {
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct group g = random_group(round % 2 ? 4 : 256);

		ecmp_fill(g.buckets, g.size, g.alive, g.n);
		for (unsigned step = 0; step < 20; step++) {
			unsigned path = rnd(g.n);

			if (g.alive[path] == 0)
				change_one(&g, path, g.weights[path]);
			else if (alive_sum(&g) > g.alive[path])
				change_one(&g, path, 0);
		}
	}
}

static void weight_changes_move_the_difference(void **) {
	struct group g = {.n = 2, .size = 256, .alive = {1, 1}};

	memset(g.buckets, ECMP_NONE, sizeof(g.buckets));
	ecmp_fill(g.buckets, g.size, g.alive, g.n);
	g.alive[0] = 3;
	assert_int_equal(ecmp_fill(g.buckets, g.size, g.alive, g.n), 64);
	assert_int_equal(count(&g, 0), 192);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(size_is_smallest_and_close),
		cmocka_unit_test(fill_is_stable),
		cmocka_unit_test(only_its_share_moves),
		cmocka_unit_test(weight_changes_move_the_difference),
	};

	return cmocka_run_group_tests_name("ecmp", tests, NULL, NULL);
}
