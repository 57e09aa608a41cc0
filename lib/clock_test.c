// SPDX-License-Identifier: BSD-3-Clause
#include "lib/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void the_real_clock_moves_forward(void **state) {
	assert_false(clock_is_fake());
	uint64_t before = clock_now_ns(), after = clock_now_ns();
	assert_true(after >= before);
	assert_true(clock_wall_ns() > 1700000000 * NSEC_PER_SEC);
}

static void a_fake_clock_stands_still_until_it_is_moved(void **state) {
	clock_fake_start(5 * NSEC_PER_SEC);
	assert_true(clock_is_fake());
	assert_int_equal(clock_now_ns(), 5 * NSEC_PER_SEC);
	assert_int_equal(clock_now_ns(), 5 * NSEC_PER_SEC);
	assert_int_equal(clock_wall_ns(), CLOCK_FAKE_WALL_NS);
	clock_fake_advance(250 * NSEC_PER_MSEC);
	assert_int_equal(clock_now_ns(), 5 * NSEC_PER_SEC + 250 * NSEC_PER_MSEC);
	assert_int_equal(clock_wall_ns(), CLOCK_FAKE_WALL_NS + 250 * NSEC_PER_MSEC);
	clock_fake_stop();
	assert_false(clock_is_fake());
	assert_true(clock_wall_ns() != CLOCK_FAKE_WALL_NS + 250 * NSEC_PER_MSEC);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_real_clock_moves_forward),
		cmocka_unit_test(a_fake_clock_stands_still_until_it_is_moved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
