// SPDX-License-Identifier: BSD-3-Clause
#include "lib/arena.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES  (64u << 10)
#define BLOCKS 3000

static void test_all_of_it_and_back(void **state) {
	struct arena a;
	void *blocks[BYTES / ARENA_UNIT];

	assert_int_equal(arena_init(&a, BYTES), 0);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < BYTES / ARENA_UNIT; i++) {
			blocks[i] = arena_alloc(&a, 1 + i % ARENA_UNIT);
			assert_non_null(blocks[i]);
			assert_true(arena_has(&a, blocks[i]));
		}
		assert_null(arena_alloc(&a, 1));
		for (unsigned i = 0; i < BYTES / ARENA_UNIT; i++)
			arena_free(&a, blocks[(i * 7) % (BYTES / ARENA_UNIT)],
				1 + (i * 7) % (BYTES / ARENA_UNIT) % ARENA_UNIT);
		assert_int_equal(a.used_bytes, 0);
	}
	void *whole = arena_alloc(&a, BYTES); // its pieces have become one again
	assert_non_null(whole);
	assert_null(arena_alloc(&a, 1));
	arena_free(&a, whole, BYTES);
	assert_null(arena_alloc(&a, BYTES + 1));
	assert_null(arena_alloc(&a, 0));
	arena_fini(&a);
}

// Blocks of any size, filled with their number: nobody's is anybody else's.
static void test_blocks_are_apart(void **state) {
	static struct {
		uint8_t *at;
		size_t bytes;
	} blocks[BLOCKS];
	struct arena a;

	srandom(7);
	assert_int_equal(arena_init(&a, BYTES), 0);
	for (unsigned step = 0; step < 200000; step++) {
		unsigned i = (unsigned)random() % BLOCKS;

		if (blocks[i].at) {
			for (size_t k = 0; k < blocks[i].bytes; k++)
				assert_int_equal(blocks[i].at[k], (uint8_t)i);
			arena_free(&a, blocks[i].at, blocks[i].bytes);
			blocks[i].at = NULL;
			continue;
		}
		blocks[i].bytes = 1 + (size_t)random() % (random() % 20 ? 100 : 9000);
		blocks[i].at = arena_alloc(&a, blocks[i].bytes);
		if (blocks[i].at)
			memset(blocks[i].at, (uint8_t)i, blocks[i].bytes);
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		if (blocks[i].at)
			arena_free(&a, blocks[i].at, blocks[i].bytes);
	assert_int_equal(a.used_bytes, 0);
	assert_non_null(arena_alloc(&a, BYTES));
	arena_fini(&a);
}

static void test_fits(void **state) {
	assert_true(arena_fits(1, 32));
	assert_false(arena_fits(32, 33));
	assert_true(arena_fits(65, 128));
}

static void test_shrink_in_a_full_arena(void **state) {
	struct arena a;

	assert_int_equal(arena_init(&a, BYTES), 0);
	uint8_t *block = arena_alloc(&a, BYTES);
	memset(block, 5, BYTES);
	arena_shrink(&a, block, BYTES, 33);
	assert_int_equal(a.used_bytes, 64);
	assert_int_equal(block[32], 5);
	assert_non_null(arena_alloc(&a, BYTES / 2));
	assert_null(arena_alloc(&a, BYTES / 2));
	arena_free(&a, block, 33);
	assert_int_equal(a.used_bytes, BYTES / 2);
	arena_fini(&a);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_it_and_back),
		cmocka_unit_test(test_blocks_are_apart),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_shrink_in_a_full_arena),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
