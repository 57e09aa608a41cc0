// SPDX-License-Identifier: BSD-3-Clause
#include "bench/pktgen/cycle.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
// cmocka.h needs the four above
#include <cmocka.h>

#define PATIENCE 100

static struct cycle sides[2];
static uint64_t now;

static int start(void **) {
	now = 1;
	for (unsigned i = 0; i < 2; i++)
		if (cycle_init(&sides[i], i, 3000, NULL) < 0)
			return -1;
	return 0;
}

static int stop(void **) {
	cycle_fini(&sides[0]);
	cycle_fini(&sides[1]);
	return 0;
}

// One burst of a side, all of which arrives at the other; returns how many were expected there.
static unsigned turn(unsigned side, unsigned n, bool lose) {
	struct cycle_item items[64];
	unsigned made = cycle_send(&sides[side], items, n, now, PATIENCE), good = 0;

	for (unsigned i = 0; !lose && i < made; i++)
		good += cycle_receive(&sides[!side], items[i].flow, (enum flows_step)items[i].step);
	return good;
}

static void seven_steps_and_gone(void **) {
	struct cycle_item item;

	for (unsigned step = 0; step < FLOWS_STEPS; step++) {
		assert_int_equal(cycle_send(&sides[step & 1], &item, 1, now, PATIENCE), 1);
		assert_int_equal(item.flow, 0);
		assert_int_equal(item.step, step);
		assert_true(cycle_receive(&sides[!(step & 1)], 0, (enum flows_step)step));
	}
	assert_int_equal(sides[0].opened, 1);
	assert_int_equal(sides[0].ended, 1);
	assert_int_equal(cycle_send(&sides[1], &item, 1, now, PATIENCE), 0);
	assert_int_equal(cycle_send(&sides[0], &item, 1, now, PATIENCE), 1);
	assert_int_equal(item.flow, 1);
}

static void nothing_is_lost_and_few_are_open(void **) {
	for (unsigned i = 0; i < 10000; i++) {
		turn(0, 1 + i % 64, false);
		turn(1, 64 - i % 64, false);
		assert_true(sides[0].opened - sides[0].ended <= CYCLE_LIMIT);
	}
	assert_true(sides[0].ended > 10000);
	assert_int_equal(sides[0].given_up, 0);
}

static void unexpected_steps_are_told(void **) {
	struct cycle_item item;

	assert_int_equal(cycle_send(&sides[0], &item, 1, now, PATIENCE), 1);
	assert_false(cycle_receive(&sides[0], 0, FLOWS_SYN)); // it came back to its sender
	assert_false(cycle_receive(&sides[1], 0, FLOWS_DATA));
	assert_true(cycle_receive(&sides[1], 0, FLOWS_SYN));
	assert_true(cycle_receive(&sides[1], 0, FLOWS_SYN)); // again, from the beginning
	assert_true(cycle_receive(&sides[1], 0, FLOWS_DATA));
	assert_false(cycle_receive(&sides[1], 0, FLOWS_DATA)); // twice
	assert_false(cycle_receive(&sides[1], 3000, FLOWS_SYN));
}

static void what_is_lost_is_given_up_in_time(void **) {
	while (sides[0].opened < CYCLE_LIMIT)
		turn(0, 64, true);
	for (; now <= PATIENCE; now++)
		turn(0, 64, true);
	assert_int_equal(sides[0].opened, CYCLE_LIMIT);
	assert_int_equal(sides[0].given_up, 0);
	for (now += 2; sides[0].given_up == 0 && now < 1000; now++)
		turn(0, 64, true);
	assert_int_equal(sides[0].given_up, CYCLE_LIMIT);
	assert_true(sides[0].opened > CYCLE_LIMIT);
	for (unsigned i = 0; i < 1000; i++) {
		turn(0, 64, false);
		turn(1, 64, false);
	}
	assert_true(sides[0].ended > 1000);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(seven_steps_and_gone, start, stop),
		cmocka_unit_test_setup_teardown(nothing_is_lost_and_few_are_open, start, stop),
		cmocka_unit_test_setup_teardown(unexpected_steps_are_told, start, stop),
		cmocka_unit_test_setup_teardown(what_is_lost_is_given_up_in_time, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
