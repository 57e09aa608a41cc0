// SPDX-License-Identifier: BSD-3-Clause
#include "router/timers.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs the four above
#include <cmocka.h>

#define N 500

struct item {
	struct timer timer;
	bool wanted;
	unsigned fired;
};

static struct item items[N];
static uint64_t last_ns, again_ns;
static struct timers timers;

static void fire(struct timer *timer, uint64_t) {
	struct item *item = (struct item *)timer;

	assert_int_equal(timer->place, 0);
	assert_true(timer->at_ns >= last_ns);
	last_ns = timer->at_ns;
	item->fired++;
	if (again_ns != 0)
		timers_set(&timers, timer, timer->at_ns + again_ns);
}

static int start(void **) {
	memset(items, 0, sizeof(items));
	for (unsigned i = 0; i < N; i++)
		items[i].timer.fire = fire;
	last_ns = again_ns = 0;
	return timers_reserve(&timers, N);
}

static int end(void **) {
	timers_fini(&timers);
	return 0;
}

// Set, moved and stopped at random, against a flag per timer: each that is due fires once, in order; no other does.
static void fires_what_is_due_in_order(void **) {
	srand(1);
	for (unsigned round = 0; round < 50; round++) {
		uint64_t now_ns = (round + 1) * 1000u;

		for (unsigned k = 0; k < N; k++) {
			struct item *item = &items[rand() % N];

			if (rand() % 4 == 0)
				timers_stop(&timers, &item->timer);
			else
				timers_set(&timers, &item->timer,
					now_ns - 500 + (uint64_t)(rand() % 3000));
		}
		for (unsigned i = 0; i < N; i++) {
			items[i].fired = 0;
			items[i].wanted =
				items[i].timer.place != 0 && items[i].timer.at_ns <= now_ns;
		}
		last_ns = 0;
		timers_run(&timers, now_ns, UINT32_MAX);
		for (unsigned i = 0; i < N; i++)
			assert_int_equal(items[i].fired, items[i].wanted);
	}
}

static void runs_no_more_than_asked(void **) {
	for (unsigned i = 0; i < N; i++)
		timers_set(&timers, &items[i].timer, i);
	assert_int_equal(timers_run(&timers, N, 10), 10);
	assert_int_equal(items[9].fired, 1);
	assert_int_equal(items[10].fired, 0);
	assert_int_equal(timers_run(&timers, N, N), N - 10);
	assert_int_equal(timers_run(&timers, N, N), 0);
}

static void may_set_itself_again(void **) {
	again_ns = 10;
	timers_set(&timers, &items[0].timer, 5);
	assert_int_equal(timers_run(&timers, 24, N), 2); // 5, 15
	assert_int_equal(items[0].timer.at_ns, 25);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fires_what_is_due_in_order, start, end),
		cmocka_unit_test_setup_teardown(runs_no_more_than_asked, start, end),
		cmocka_unit_test_setup_teardown(may_set_itself_again, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
