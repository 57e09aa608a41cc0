// SPDX-License-Identifier: BSD-3-Clause
// The table at its limit, beside a naive map, and under several threads; owners, timers, sweeps and deciders on a clock of the
// test's own.
#include "dataplane/session/session_priv.h"
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
// cmocka.h needs the above
#include <cmocka.h>

#define TEST_MAX 2000

static const struct session_secret secret = {
	{0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xd6e8feb86659fd93,
		0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0xa0761d6478bd642f, 0xe7037ed1a0b428db}};
static struct session_owner *me;

static void owners_reset(uint32_t tick) {
	for (unsigned i = 0; i < TABLE_WORKERS; i++) {
		session_owners[i] = (struct session_owner){.id = i, .tick = tick};
		wheel_init(&session_owners[i].wheel, tick);
	}
	me = &session_owners[0];
	me->started = true;
	for (unsigned i = 0; i < SESSION_STATES; i++)
		session_timeouts[i] = 100;
	session_timeouts[SESSION_UDP_NEW] = 10;
}

static int start(void **) {
	owners_reset(1000);
	return table_init(TEST_MAX, 100, &secret);
}

static int stop(void **) {
	free(session_sweep_start(NULL));
	table_fini();
	return 0;
}

static struct session_flow flow_of(uint32_t n, bool v6) {
	struct session_flow f = {.in = {.sport = (uint16_t)n, .dport = 53, .proto = 17, .v6 = v6}};

	f.in.src[0] = 10;
	memcpy(&f.in.src[v6 ? 12 : 0], &n, sizeof(n));
	f.in.dst[0] = 192;
	f.out = f.in;
	return f;
}

static int begin(uint32_t n, bool v6, session_ref *ref) {
	struct session_flow f = flow_of(n, v6);
	const struct session_first first = {.state = SESSION_UDP_NEW};

	return session_begin(me, &f, &first, ref);
}

static session_ref find(const struct session_tuple *t) {
	struct session_key key = key_of(t);

	return table_find(&key, key_hash(&session_table.secret, &key));
}

static bool resident(void *at) {
	unsigned char page = 0;

	assert_int_equal(mincore((void *)((uintptr_t)at & ~4095ul), 1, &page), 0);
	return page & 1;
}

// Also of more than there is.
static void memory_is_there_before_sessions(void **) {
	const struct table_bucket *last = &session_table.buckets[session_table.n_buckets - 1];

	table_touch_index();
	assert_true(resident((void *)(uintptr_t)last));
	for (unsigned v6 = 0; v6 < 2; v6++) {
		table_touch(v6, 1);
		assert_true(resident(session_table.hot[v6]));
		table_touch(v6, UINT32_MAX);
		assert_int_equal(session_table.touched[v6], session_table.units);
		assert_true(resident(&session_table.cold[v6][session_table.units - 1]));
		table_touch(v6, 10);
		assert_int_equal(session_table.touched[v6], session_table.units);
	}
}

static void both_directions_are_found(void **) {
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct session_flow f = flow_of(7, v6);
		struct session_tuple back = session_reverse(&f.in);
		session_ref ref;

		assert_int_equal(begin(7, v6, &ref), 0);
		assert_int_equal(find(&f.in), ref);
		assert_int_equal(find(&back), ref | 1);
		assert_int_equal(begin(7, v6, &ref), -EEXIST);
		f.in.domain = 3;
		assert_int_equal(find(&f.in), 0);
		session_finish(me, ref, SESSION_END_FLUSHED);
		assert_int_equal(find(&back), 0);
	}
	assert_int_equal(session_table.used, 0);
}

static void the_reserve_is_for_control(void **) {
	struct session_flow f = flow_of(900000, false);
	const struct session_first first = {.state = SESSION_UDP};
	session_ref ref;

	for (uint32_t i = 0; i < TEST_MAX - 100; i++) {
		f = flow_of(i, i % 2);
		assert_int_equal(session_begin(me, &f, &first, &ref), 0);
	}
	f = flow_of(900001, false);
	assert_int_equal(session_begin(me, &f, &first, &ref), -ENOSPC); // nothing to push out
	assert_int_equal(me->counts.refused, 1);
	f.flags = SESSION_CONTROL;
	for (uint32_t i = 0; i < 100; i++) {
		f.in.sport = (uint16_t)i;
		f.out = f.in;
		assert_int_equal(session_begin(me, &f, &first, &ref), 0);
	}
	f.in.sport = 200;
	f.out = f.in;
	assert_int_equal(session_begin(me, &f, &first, &ref), -ENOSPC);
	assert_int_equal(session_table.used, TEST_MAX);
}

static void unreplied_ones_make_room(void **) {
	struct session_flow f = flow_of(1, false);
	const struct session_first good = {.state = SESSION_UDP};
	session_ref ref, kept;

	assert_int_equal(session_begin(me, &f, &good, &kept), 0);
	for (uint32_t i = 2; i < 3 * TEST_MAX; i++)
		assert_int_equal(begin(i, i % 2, &ref), 0);
	assert_int_equal(session_table.used, TEST_MAX - 100);
	assert_int_equal(me->counts.ended[SESSION_END_EVICTED], 2 * TEST_MAX - 1 + 100);
	assert_int_equal(find(&f.in), kept);
}

static void time_ends_them(void **) {
	struct session_flow f = flow_of(1, false);
	session_ref ref, other;

	begin(1, false, &ref);
	begin(2, true, &other);
	me->tick += 9;
	session_expire(me, 10000);
	assert_int_equal(session_table.used, 2);
	ref_dir(ref | 1)->seen = me->tick; // an answer
	me->tick += 1;
	session_expire(me, 10000);
	assert_int_equal(session_table.used, 1);
	assert_int_equal(find(&f.in), ref);
	session_state_set(me, ref, SESSION_UDP);
	me->tick += 98;
	session_expire(me, 10000);
	assert_int_equal(session_table.used, 1);
	me->tick += 1;
	session_expire(me, 10000);
	assert_int_equal(session_table.used, 0);
	assert_int_equal(me->counts.ended[SESSION_END_IDLE], 2);
	for (unsigned i = 0; i < SESSION_STATES; i++)
		assert_int_equal(me->counts.in_state[i], 0);
}

static void shorter_times_move_the_timer(void **) {
	session_ref ref;

	session_timeouts[SESSION_UDP] = 1000000;
	session_timeouts[SESSION_UDP_NEW] = 500000;
	begin(1, false, &ref);
	session_state_set(me, ref, SESSION_UDP);
	session_timeouts[SESSION_TCP_RESET] = 5;
	session_state_set(me, ref, SESSION_TCP_RESET);
	me->tick += 5;
	session_expire(me, 10000);
	assert_int_equal(session_table.used, 0);
	assert_int_equal(me->counts.ended[SESSION_END_RESET], 1);
}

// Random begins and ends beside an array that remembers.
#define MODEL 3000
static void beside_a_naive_map(void **) {
	session_ref have[MODEL] = {0};
	unsigned used = 0;

	srand(5);
	session_timeouts[SESSION_UDP_NEW] = 1u << 30;
	for (unsigned step = 0; step < 300000; step++) {
		uint32_t n = (uint32_t)rand() % MODEL;
		struct session_flow f = flow_of(n, n % 3 == 0);
		assert_int_equal(find(&f.in), have[n]);
		if (have[n]) {
			session_finish(me, have[n], SESSION_END_FLUSHED);
			have[n] = 0;
			used--;
		} else if (used < TEST_MAX - 100) {
			assert_int_equal(begin(n, n % 3 == 0, &have[n]), 0);
			used++;
		}
		assert_int_equal(session_table.used, used);
	}
	for (uint32_t i = 0; i < session_table.n_buckets; i++)
		used += session_table.buckets[i].spilled;
	assert_true(used < 2 * TEST_MAX);
	for (unsigned n = 0; n < MODEL; n++)
		if (have[n])
			session_finish(me, have[n], SESSION_END_FLUSHED);
	for (uint32_t i = 0; i < session_table.n_buckets; i++) {
		assert_int_equal(bucket_match(&session_table.buckets[i], 0), 0x3ff);
		assert_int_equal(session_table.buckets[i].spilled, 0);
	}
}

// ---- threads ----------------------------------------------------------------------------------------------------------

static void *race(void *arg) {
	struct session_owner *o = arg;
	unsigned seed = o->id + 1;

	for (unsigned step = 0; step < 30000; step++) {
		struct session_flow f = flow_of((uint32_t)rand_r(&seed) % 50, step % 2);
		const struct session_first first = {.state = SESSION_UDP_NEW};
		session_ref ref, seen;
		int rc = session_begin(o, &f, &first, &ref);
		assert_true(rc == 0 || rc == -EEXIST);
		if (rc < 0)
			continue;
		// nobody else has it; who came at the same moment is seen until he has given way
		for (unsigned n = 0; (seen = find(&f.in)) != ref && n < 1000000; n++)
			sched_yield();
		assert_int_equal(seen, ref);
		session_finish(o, ref, SESSION_END_FLUSHED);
	}
	return NULL;
}

static void one_tuple_one_session(void **) {
	pthread_t threads[4];

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race, &session_owners[i]), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(session_table.used, 0);
	for (uint32_t i = 0; i < session_table.n_buckets; i++)
		assert_int_equal(bucket_match(&session_table.buckets[i], 0), 0x3ff);
}

// ---- sweeps and deciders -------------------------------------------------------------------------------------------------

static unsigned taken, asked;
static uint16_t forbidden;

static enum session_verdict test_decide(struct session_flow *flow) {
	asked++;
	if (flow->in.sport == forbidden)
		return SESSION_DROP;
	if (!flow->again && !flow->dry)
		taken++;
	flow->rule = flow->again ? 2 : 1;
	return SESSION_PASS;
}

static void test_release(const struct session_flow *) {
	taken--;
}

static struct session_decider decider = {.name = "test",
	.stage = SESSION_STAGE_POLICY,
	.decide = test_decide,
	.release = test_release};
static enum session_verdict snat_decide(struct session_flow *flow) {
	return flow->in.dport == 7 ? SESSION_DROP : SESSION_PASS;
}
static struct session_decider snat = {
	.name = "snat", .stage = SESSION_STAGE_SNAT, .decide = snat_decide};

static void sweep_all(void) {
	for (unsigned i = 0; !session_sweep_done() && i < 100000; i++)
		session_sweep_step(me, 64);
	assert_true(session_sweep_done());
}

static int start_deciders(void **state) {
	static bool linked;

	if (!linked) {
		session_decider_link(&snat);
		session_decider_link(&decider);
	}
	linked = true;
	taken = asked = forbidden = 0;
	return start(state);
}

static void what_was_taken_is_given_back(void **) {
	struct session_flow f = flow_of(1, false);
	session_ref ref;

	assert_ptr_equal(session_decider_next(NULL), &decider);
	assert_int_equal(session_decide(&f, NULL), SESSION_PASS);
	assert_int_equal(taken, 1);
	const struct session_first first = {.state = SESSION_UDP_NEW};
	assert_int_equal(session_begin(me, &f, &first, &ref), 0);
	session_finish(me, ref, SESSION_END_IDLE);
	assert_int_equal(taken, 0);
	f.in.dport = 7; // refused by a later one
	assert_int_equal(session_decide(&f, NULL), SESSION_DROP);
	assert_int_equal(taken, 0);
	f.in.dport = 1;
	assert_int_equal(session_try(&f, NULL, NULL), SESSION_PASS);
	assert_int_equal(taken, 0);
}

static void rules_are_asked_again(void **) {
	session_ref refs[500];

	for (uint32_t i = 0; i < 500; i++) {
		taken++;
		assert_int_equal(begin(i, i % 2, &refs[i]), 0);
	}
	forbidden = 7;
	session_generation++;
	free(session_sweep_start(calloc(1, sizeof(struct session_sweep))));
	sweep_all();
	assert_int_equal(session_table.used, 499);
	assert_int_equal(taken, 499);
	assert_int_equal(me->counts.ended[SESSION_END_REVOKED], 1);
	assert_int_equal(dir_more(ref_dir(refs[8]))->word, 2);
	unsigned before = asked;
	free(session_sweep_start(calloc(1, sizeof(struct session_sweep))));
	sweep_all();
	assert_int_equal(asked, before); // of this generation already
}

// A session whose answer is of the other family is found by both, and by no part of what lies behind the shorter address.
static void by_the_address_of_one_family(void) {
	struct session_filter v4 = {.has_addr = true, .has_family = true, .addr = {203, 0, 113, 9}};
	struct session_filter v6 = {.has_addr = true, .has_family = true, .v6 = true};
	const struct session_first first = {.state = SESSION_UDP_NEW};
	struct session_flow f = flow_of(7777, true);
	session_ref ref;

	memset(v4.mask, 0xff, 4);
	memset(v6.mask, 0xff, 16);
	f.out = (struct session_tuple){.sport = 1, .dport = 2, .proto = 17};
	memcpy(f.out.src, v4.addr, 4);
	f.out.dst[0] = 192;
	taken++;
	assert_int_equal(session_begin(me, &f, &first, &ref), 0);
	assert_true(session_filter_match(&v4, ref));
	memcpy(v6.addr, f.in.src, 16);
	assert_true(session_filter_match(&v6, ref));
	memcpy(v6.addr, dir_addr(ref_dir(ref | 1)), 16);
	assert_false(session_filter_match(&v6, ref));
	v4.addr[3]++;
	assert_false(session_filter_match(&v4, ref));
	session_finish(me, ref, SESSION_END_FLUSHED);
}

static void flush_takes_what_matches(void **) {
	struct session_sweep *sweep = calloc(1, sizeof(*sweep));
	session_ref ref;

	for (uint32_t i = 0; i < 500; i++) {
		taken++;
		assert_int_equal(begin(i, i % 2, &ref), 0);
	}
	sweep->flush = true;
	sweep->filter.has_family = sweep->filter.v6 = true;
	sweep->filter.has_port = true;
	sweep->filter.port = 9;
	free(session_sweep_start(sweep));
	sweep_all();
	assert_int_equal(session_table.used, 499);
	by_the_address_of_one_family();
	sweep = calloc(1, sizeof(*sweep));
	sweep->flush = true;
	free(session_sweep_start(sweep));
	sweep_all();
	assert_int_equal(session_table.used, 0);
	assert_int_equal(taken, 0);
	assert_int_equal(me->flushed, 499);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(memory_is_there_before_sessions, start, stop),
		cmocka_unit_test_setup_teardown(both_directions_are_found, start, stop),
		cmocka_unit_test_setup_teardown(the_reserve_is_for_control, start, stop),
		cmocka_unit_test_setup_teardown(unreplied_ones_make_room, start, stop),
		cmocka_unit_test_setup_teardown(time_ends_them, start, stop),
		cmocka_unit_test_setup_teardown(shorter_times_move_the_timer, start, stop),
		cmocka_unit_test_setup_teardown(beside_a_naive_map, start, stop),
		cmocka_unit_test_setup_teardown(one_tuple_one_session, start, stop),
		cmocka_unit_test_setup_teardown(what_was_taken_is_given_back, start_deciders, stop),
		cmocka_unit_test_setup_teardown(rules_are_asked_again, start_deciders, stop),
		cmocka_unit_test_setup_teardown(flush_takes_what_matches, start_deciders, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
