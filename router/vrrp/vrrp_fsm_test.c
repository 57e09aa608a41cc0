// SPDX-License-Identifier: BSD-3-Clause
// Every timer of the state machine, with a clock that stands still.
#include "lib/clock.h"
#include "router/vrrp/vrrp_fsm.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MS NSEC_PER_MSEC

static struct {
	struct vrrp_vr vr;
	struct timers timers;
	unsigned takes, gives, advertised, asserted, resigned, changes;
	enum vrrp_event why;
} w;

static void take(struct vrrp_vr *) {
	w.takes++;
}
static void give(struct vrrp_vr *) {
	w.gives++;
}
static void advertise(struct vrrp_vr *) {
	w.advertised++;
}
static void assert_it(struct vrrp_vr *) {
	w.asserted++;
}
static void resign(struct vrrp_vr *) {
	w.resigned++;
}
static void changed(struct vrrp_vr *, enum vrrp_state, enum vrrp_event why) {
	w.changes++;
	w.why = why;
}

static const struct vrrp_ops ops = {take, give, advertise, assert_it, resign, changed};

// 10.0.0.2 at priority 100, every 100 ms: silent for 3 * 100 + 60.9375 ms, there is no master.
#define DOWN (300 * MS + 60937500)

static int setup(void **) {
	memset(&w, 0, sizeof(w));
	clock_fake_start(NSEC_PER_SEC);
	assert_int_equal(timers_reserve(&w.timers, 1), 0);
	vrrp_vr_init(&w.vr, &w.timers, &ops);
	w.vr.source = (struct addr){ADDR_V4, {10, 0, 0, 2}};
	w.vr.priority = 100;
	w.vr.interval_cs = 10;
	w.vr.preempt = true;
	return 0;
}

static int teardown(void **) {
	timers_fini(&w.timers);
	clock_fake_stop();
	return 0;
}

static void pass(uint64_t ns) {
	clock_fake_advance(ns);
	timers_run(&w.timers, clock_now_ns(), 10);
}

static void hear(uint8_t last_byte, uint8_t priority, uint16_t interval_cs) {
	struct vrrp_packet p = {.src = {ADDR_V4, {10, 0, 0, last_byte}},
		.vrid = 7,
		.priority = priority,
		.interval_cs = interval_cs};

	vrrp_heard(&w.vr, &p);
}

static void become_master(void) {
	vrrp_start(&w.vr);
	pass(DOWN);
	assert_int_equal(w.vr.state, VRRP_MASTER);
}

static void alone_it_becomes_master(void **) {
	vrrp_start(&w.vr);
	assert_int_equal(w.vr.state, VRRP_BACKUP);
	pass(DOWN - 1);
	assert_int_equal(w.vr.state, VRRP_BACKUP);
	pass(1);
	assert_int_equal(w.vr.state, VRRP_MASTER);
	assert_int_equal(w.takes, 1);
	assert_int_equal(w.advertised, 1);
	assert_int_equal(w.why, VRRP_DOWN);
	assert_int_equal(w.vr.timer.place, 0);
}

static void skew_is_by_priority(void **) {
	w.vr.master_cs = 100;
	w.vr.priority = 1;
	assert_int_equal(vrrp_skew_ns(&w.vr), 255 * 1000 * MS / 256);
	w.vr.priority = 254;
	assert_int_equal(vrrp_skew_ns(&w.vr), 2 * 1000 * MS / 256);
	assert_int_equal(vrrp_down_ns(&w.vr), 3000 * MS + 2 * 1000 * MS / 256);
	w.vr.master_cs = 4095;
	w.vr.priority = 100;
	assert_int_equal(vrrp_down_ns(&w.vr), 3 * 40950 * MS + 156 * 40950 * MS / 256);
}

static void the_owner_does_not_wait(void **) {
	w.vr.priority = 255;
	vrrp_start(&w.vr);
	assert_int_equal(w.vr.state, VRRP_MASTER);
	assert_int_equal(w.takes, 1);
	assert_int_equal(w.advertised, 1);
	hear(9, 254, 10);
	assert_int_equal(w.vr.state, VRRP_MASTER);
}

static void a_master_that_speaks_stays(void **) {
	vrrp_start(&w.vr);
	for (unsigned i = 0; i < 100; i++) {
		pass(DOWN - 1);
		hear(3, 150, 10);
	}
	assert_int_equal(w.vr.state, VRRP_BACKUP);
	assert_int_equal(w.takes, 0);
	assert_int_equal(w.vr.master.bytes[3], 3);
	assert_int_equal(w.vr.master_priority, 150);
	pass(DOWN);
	assert_int_equal(w.vr.state, VRRP_MASTER);
}

// Section 6.1: the master's interval is what counts, and one's own again once one is master.
static void the_masters_interval_is_learnt(void **) {
	vrrp_start(&w.vr);
	hear(3, 150, 100);
	pass(3600 * MS);
	assert_int_equal(w.vr.state, VRRP_BACKUP);
	pass(10 * MS);
	assert_int_equal(w.vr.state, VRRP_MASTER);
	assert_int_equal(w.vr.master_cs, 10);
}

static void equal_priority_is_a_master_to_a_backup(void **) {
	vrrp_start(&w.vr);
	pass(300 * MS);
	hear(1, 100, 10);
	pass(300 * MS);
	assert_int_equal(w.vr.state, VRRP_BACKUP);
}

static void less_priority_is_preempted(void **) {
	vrrp_start(&w.vr);
	for (unsigned i = 0; i < 4; i++) {
		pass(90 * MS);
		hear(3, 99, 10);
	}
	assert_int_equal(w.vr.state, VRRP_BACKUP);
	pass(1 * MS);
	assert_int_equal(w.vr.state, VRRP_MASTER);
}

static void no_preemption(void **) {
	w.vr.preempt = false;
	vrrp_start(&w.vr);
	for (unsigned i = 0; i < 50; i++) {
		pass(100 * MS);
		hear(3, 1, 10);
	}
	assert_int_equal(w.vr.state, VRRP_BACKUP);
	pass(DOWN);
	assert_int_equal(w.vr.state, VRRP_MASTER);
}

static void preemption_waits(void **) {
	w.vr.preempt_delay_ns = 2000 * MS;
	vrrp_start(&w.vr);
	for (unsigned i = 0; i < 20; i++) {
		hear(3, 50, 10); // heard since t = 0
		pass(100 * MS);
	}
	assert_int_equal(w.vr.state, VRRP_BACKUP);
	for (unsigned i = 0; i < 2; i++) {
		hear(3, 50, 10);
		pass(100 * MS);
	}
	assert_int_equal(w.vr.state, VRRP_BACKUP); // last counted 300 ms ago
	hear(3, 50, 10);
	pass(DOWN - 300 * MS);
	assert_int_equal(w.vr.state, VRRP_MASTER);
}

// A better master in between, and the wait begins anew.
static void preemption_waits_anew(void **) {
	w.vr.preempt_delay_ns = 500 * MS;
	vrrp_start(&w.vr);
	for (unsigned i = 0; i < 20; i++) {
		hear(3, i % 4 == 3 ? 150 : 50, 10);
		pass(100 * MS);
	}
	assert_int_equal(w.vr.state, VRRP_BACKUP);
}

static void a_resignation_is_followed_after_the_skew(void **) {
	vrrp_start(&w.vr);
	hear(3, 150, 10);
	hear(3, 0, 10);
	pass(60 * MS);
	assert_int_equal(w.vr.state, VRRP_BACKUP);
	pass(937500);
	assert_int_equal(w.vr.state, VRRP_MASTER);
	assert_int_equal(w.changes, 2);
}

static void a_better_one_takes_over(void **) {
	become_master();
	hear(1, 101, 20);
	assert_int_equal(w.vr.state, VRRP_BACKUP);
	assert_int_equal(w.gives, 1);
	assert_int_equal(w.resigned, 0); // the other one is master already
	pass(2 * DOWN - 1);
	assert_int_equal(w.vr.state, VRRP_BACKUP);
	pass(1);
	assert_int_equal(w.vr.state, VRRP_MASTER);
	assert_int_equal(w.vr.changes, 3);
}

static void of_equals_the_greater_address_wins(void **) {
	become_master();
	hear(1, 100, 10);
	assert_int_equal(w.vr.state, VRRP_MASTER);
	hear(3, 100, 10);
	assert_int_equal(w.vr.state, VRRP_BACKUP);
}

// Each is told who is master, but not more often than an interval.
static void worse_ones_are_told(void **) {
	become_master();
	for (unsigned i = 0; i < 50; i++)
		hear(3, 99, 10);
	assert_int_equal(w.asserted, 1);
	pass(99 * MS);
	hear(3, 0, 10);
	assert_int_equal(w.asserted, 1);
	pass(1 * MS);
	hear(3, 0, 10);
	assert_int_equal(w.asserted, 2);
	assert_int_equal(w.vr.state, VRRP_MASTER);
}

static void a_master_stops(void **) {
	become_master();
	vrrp_stop(&w.vr);
	assert_int_equal(w.vr.state, VRRP_INIT);
	assert_int_equal(w.resigned, 1);
	assert_int_equal(w.gives, 1);
	pass(100 * DOWN);
	hear(3, 50, 10);
	hear(3, 0, 10);
	assert_int_equal(w.vr.state, VRRP_INIT);
	vrrp_start(&w.vr);
	pass(DOWN);
	assert_int_equal(w.vr.state, VRRP_MASTER);
}

static void a_backup_stops(void **) {
	vrrp_start(&w.vr);
	vrrp_stop(&w.vr);
	assert_int_equal(w.resigned + w.gives, 0);
	assert_int_equal(w.vr.timer.place, 0);
}

// Whoever resigned waits as any backup: another one is heard, or it takes over again.
static void resigning(void **) {
	become_master();
	vrrp_resign(&w.vr);
	assert_int_equal(w.vr.state, VRRP_BACKUP);
	assert_int_equal(w.resigned, 1);
	assert_int_equal(w.gives, 1);
	w.vr.priority = 1; // as its owner has it for a while
	for (unsigned i = 0; i < 20; i++) {
		hear(3, 50, 10);
		pass(100 * MS);
	}
	assert_int_equal(w.vr.state, VRRP_BACKUP);
	pass(DOWN);
	assert_int_equal(w.vr.state, VRRP_MASTER);
	hear(3, 50, 10);
	assert_int_equal(w.vr.state, VRRP_BACKUP);
	vrrp_resign(&w.vr); // of nothing
	assert_int_equal(w.resigned, 1);
}

static void every_step_is_sound(void **) {
	for (unsigned s = 0; s < VRRP_STATES; s++) {
		for (unsigned e = 0; e < VRRP_EVENTS; e++) {
			const struct vrrp_step *step = &vrrp_steps[s][e];

			assert_in_range(step->state, 0, VRRP_STATES - 1);
			// who becomes master takes; who is it no more gives
			assert_int_equal(!!(step->act & VRRP_ACT_TAKE),
				s != VRRP_MASTER && step->state == VRRP_MASTER);
			assert_int_equal(!!(step->act & VRRP_ACT_GIVE),
				s == VRRP_MASTER && step->state != VRRP_MASTER);
			// a backup waits for its master, always
			if (s != VRRP_BACKUP && step->state == VRRP_BACKUP)
				assert_true(step->act & VRRP_ACT_TIMER);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	static const struct CMUnitTest tests[] = {
		TEST(alone_it_becomes_master),
		TEST(skew_is_by_priority),
		TEST(the_owner_does_not_wait),
		TEST(a_master_that_speaks_stays),
		TEST(the_masters_interval_is_learnt),
		TEST(equal_priority_is_a_master_to_a_backup),
		TEST(less_priority_is_preempted),
		TEST(no_preemption),
		TEST(preemption_waits),
		TEST(preemption_waits_anew),
		TEST(a_resignation_is_followed_after_the_skew),
		TEST(a_better_one_takes_over),
		TEST(of_equals_the_greater_address_wins),
		TEST(worse_ones_are_told),
		TEST(a_master_stops),
		TEST(a_backup_stops),
		TEST(resigning),
		TEST(every_step_is_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
