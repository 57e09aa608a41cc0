// SPDX-License-Identifier: BSD-3-Clause
// The life of stations in the forwarding table: learnt, moved, held, aged, limited.
#include "switch/fdb_testlib.h"

static void learns_and_finds(void **) {
	struct fdb *fdb = fdb_new(&conf, T0);
	struct fdb_entry entry;

	assert_int_equal(learn(fdb, key_of(1, 10), 3, T0), FDB_LEARNED);
	assert_int_equal(learn(fdb, key_of(1, 10), 3, T0), FDB_SEEN);
	assert_int_equal(fdb_lookup(fdb_table(fdb), key_of(1, 10)), 3);
	assert_int_equal(fdb_lookup(fdb_table(fdb), key_of(1, 11)), FDB_MISS);
	assert_int_equal(fdb_lookup(fdb_table(fdb), key_of(2, 10)), FDB_MISS);
	assert_true(fdb_find(fdb, key_of(1, 10), T0 + 7 * SEC, &entry));
	assert_int_equal(entry.port, 3);
	assert_in_range(entry.age_ns, 4 * SEC, 10 * SEC);
	assert_int_equal(fdb_count(fdb), 1);
	assert_sound(fdb);
	fdb_free(fdb);
}

static void same_mac_in_two_vlans(void **) {
	struct fdb *fdb = fdb_new(&conf, T0);

	learn(fdb, key_of(1, 10), 1, T0);
	learn(fdb, key_of(1, 20), 2, T0);
	assert_int_equal(fdb_lookup(fdb_table(fdb), key_of(1, 10)), 1);
	assert_int_equal(fdb_lookup(fdb_table(fdb), key_of(1, 20)), 2);
	fdb_free(fdb);
}

static void grows_and_keeps_all(void **) {
	struct fdb_conf big = conf;
	struct fdb *fdb;

	big.mac_limit = 100000;
	fdb = fdb_new(&big, T0);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(learn(fdb, key_of(i, 1 + i % 4094), i % 32, T0), FDB_LEARNED);
	assert_int_equal(fdb_count(fdb), 100000);
	assert_true(fdb_stats(fdb)->resized > 0);
	assert_sound(fdb);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(fdb_lookup(fdb_table(fdb), key_of(i, 1 + i % 4094)), i % 32);
	fdb_free(fdb);
}

static void limit_is_exact(void **) {
	struct fdb *fdb = fdb_new(&conf, T0);

	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(learn(fdb, key_of(i, 1), 0, T0), FDB_LEARNED);
	for (unsigned i = 1000; i < 1500; i++) {
		assert_int_equal(learn(fdb, key_of(i, 1), 0, T0), FDB_LEARNED_EVICTED);
		assert_int_equal(fdb_count(fdb), 1000);
	}
	assert_int_equal(fdb_stats(fdb)->evicted, 500);
	assert_sound(fdb);
	fdb_free(fdb);
}

static void port_limit_is_exact(void **) {
	struct fdb_conf limited = conf;
	struct fdb *fdb;

	limited.port_limit[5] = 3;
	fdb = fdb_new(&limited, T0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(learn(fdb, key_of(i, 1), 5, T0), FDB_LEARNED);
	assert_int_equal(learn(fdb, key_of(3, 1), 5, T0), FDB_PORT_FULL);
	assert_int_equal(learn(fdb, key_of(3, 1), 6, T0), FDB_LEARNED);
	assert_int_equal(learn(fdb, key_of(3, 1), 5, T0), FDB_PORT_FULL); // nor by a move
	assert_int_equal(fdb_port_count(fdb, 5), 3);
	assert_int_equal(fdb_stats(fdb)->refused_port, 2);
	fdb_free(fdb);
}

// A flood on port 9 takes what is free, and pays for the rest itself.
static void flood_spares_the_others(void **) {
	struct fdb *fdb = fdb_new(&conf, T0);

	for (unsigned i = 0; i < 300; i++)
		learn(fdb, key_of(i, 1), i % 4, T0);
	for (unsigned i = 1000; i < 51000; i++)
		learn(fdb, key_of(i, 1), 9, T0 + i * 1000);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(fdb_lookup(fdb_table(fdb), key_of(i, 1)), i % 4);
	assert_int_equal(fdb_port_count(fdb, 9), 700);
	assert_sound(fdb);
	fdb_free(fdb);
}

// An uplink with most of the stations does not pay for a flood elsewhere, once they were seen again.
static void flood_spares_a_big_uplink(void **) {
	struct fdb *fdb = fdb_new(&conf, T0);

	for (unsigned i = 0; i < 800; i++)
		learn(fdb, key_of(i, 1), 0, T0);
	for (unsigned i = 0; i < 800; i++)
		learn(fdb, key_of(i, 1), 0, T0 + 30 * SEC);
	for (unsigned i = 1000; i < 51000; i++)
		learn(fdb, key_of(i, 1), 9, T0 + 31 * SEC);
	assert_int_equal(fdb_port_count(fdb, 0), 800);
	assert_int_equal(fdb_port_count(fdb, 9), 200);
	fdb_free(fdb);
}

// Known stations of the flooded port itself get a second chance.
static void flood_spares_known_ones_on_its_port(void **) {
	struct fdb *fdb = fdb_new(&conf, T0);

	for (unsigned i = 0; i < 10; i++)
		learn(fdb, key_of(i, 1), 9, T0);
	for (unsigned i = 0; i < 10; i++)
		learn(fdb, key_of(i, 1), 9, T0 + 30 * SEC);
	for (unsigned i = 1000; i < 51000; i++)
		learn(fdb, key_of(i, 1), 9, T0 + 31 * SEC);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(fdb_lookup(fdb_table(fdb), key_of(i, 1)), 9);
	fdb_free(fdb);
}

static void moves_and_is_held(void **) {
	struct fdb *fdb = fdb_new(&conf, T0);
	uint64_t key = key_of(1, 1);
	struct fdb_entry entry;
	unsigned from = 99;

	learn(fdb, key, 0, T0);
	assert_int_equal(fdb_learn(fdb, key, 1, T0, &from), FDB_MOVED);
	assert_int_equal(from, 0);
	assert_int_equal(learn(fdb, key, 0, T0), FDB_MOVED);
	assert_int_equal(learn(fdb, key, 1, T0), FDB_MOVED);
	assert_int_equal(learn(fdb, key, 0, T0 + SEC), FDB_HOLD); // the fourth within 10 s
	assert_int_equal(learn(fdb, key, 0, T0 + 2 * SEC), FDB_HELD);
	assert_int_equal(fdb_lookup(fdb_table(fdb), key), 1);
	assert_true(fdb_find(fdb, key, T0 + 2 * SEC, &entry) && entry.held);
	assert_int_equal(learn(fdb, key, 0, T0 + 60 * SEC), FDB_HELD);
	assert_int_equal(learn(fdb, key, 0, T0 + 62 * SEC), FDB_MOVED);
	assert_int_equal(fdb_stats(fdb)->refused_held, 3);
	assert_sound(fdb);
	fdb_free(fdb);
}

static void slow_moves_are_free(void **) {
	struct fdb *fdb = fdb_new(&conf, T0);

	learn(fdb, key_of(1, 1), 0, T0);
	for (unsigned i = 1; i < 50; i++)
		assert_int_equal(learn(fdb, key_of(1, 1), i % 2, T0 + i * 6 * SEC), FDB_MOVED);
	fdb_free(fdb);
}

static void no_damping_when_off(void **) {
	struct fdb_conf free_moves = conf;
	struct fdb *fdb;

	free_moves.move_limit = 0;
	fdb = fdb_new(&free_moves, T0);
	learn(fdb, key_of(1, 1), 0, T0);
	for (unsigned i = 1; i < 1000; i++)
		assert_int_equal(learn(fdb, key_of(1, 1), i % 2, T0), FDB_MOVED);
	fdb_free(fdb);
}

static void statics_stay(void **) {
	struct fdb *fdb = fdb_new(&conf, T0);
	uint64_t key = key_of(1, 1);
	struct fdb_match all = {.port = -1, .vlan = -1};

	learn(fdb, key, 4, T0);
	assert_int_equal(fdb_static_set(fdb, key, 7, 0, T0), 0); // replaces what was learnt
	assert_int_equal(learn(fdb, key, 4, T0), FDB_PINNED);
	assert_int_equal(learn(fdb, key, 7, T0), FDB_SEEN);
	for (unsigned i = 1000; i < 5000; i++)
		learn(fdb, key_of(i, 1), 7, T0);
	assert_int_equal(fdb_count(fdb), 1000);
	age_all(fdb, T0 + 4000 * SEC);
	assert_int_equal(fdb_count(fdb), 1);
	fdb_flush(fdb, &all);
	assert_int_equal(fdb_lookup(fdb_table(fdb), key), 7 | FDB_STATIC_BIT);
	assert_true(fdb_static_del(fdb, key));
	assert_false(fdb_static_del(fdb, key));
	assert_int_equal(fdb_count(fdb), 0);
	assert_sound(fdb);
	fdb_free(fdb);
}

static void full_of_statics_refuses(void **) {
	struct fdb_conf small = conf;
	struct fdb *fdb;

	small.mac_limit = 4;
	fdb = fdb_new(&small, T0);
	assert_int_equal(fdb_static_reserve(fdb, 4, T0), 0);
	learn(fdb, key_of(100, 1), 0, T0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(fdb_static_set(fdb, key_of(i, 1), 0, 0, T0), 0);
	assert_int_equal(fdb_count(fdb), 4); // the learnt one made room
	assert_int_equal(learn(fdb, key_of(9, 1), 0, T0), FDB_FULL);
	assert_true(fdb_static_set(fdb, key_of(9, 1), 0, 0, T0) < 0);
	fdb_free(fdb);
}

static void ages_at_the_right_time(void **) {
	struct fdb *fdb = fdb_new(&conf, T0);

	learn(fdb, key_of(1, 1), 0, T0);
	learn(fdb, key_of(2, 1), 0, T0 + 100 * SEC);
	assert_int_equal(age_all(fdb, T0 + 299 * SEC), 0);
	assert_int_equal(age_all(fdb, T0 + 303 * SEC), 1); // one tick is 1.1 s
	assert_int_equal(fdb_lookup(fdb_table(fdb), key_of(1, 1)), FDB_MISS);
	assert_int_equal(age_all(fdb, T0 + 399 * SEC), 0);
	assert_int_equal(age_all(fdb, T0 + 403 * SEC), 1);
	assert_int_equal(fdb_stats(fdb)->aged, 2);
	fdb_free(fdb);
}

// What a worker does on each packet of a known station.
static void resolve_one(const struct fdb *fdb, uint64_t key, uint64_t now_ns) {
	const struct fdb_table *t = fdb_table(fdb);
	struct fdb_probe probe = {.src = fdb_bucket_of(t, key),
		.src_key = key,
		.dst_key = FDB_NO_KEY,
		.tick = fdb_tick(t, now_ns)};

	probe.dst = probe.src;
	fdb_isa_best()->resolve(&probe, 1);
}

static void traffic_keeps_a_station(void **) {
	struct fdb *fdb = fdb_new(&conf, T0);

	learn(fdb, key_of(1, 1), 0, T0);
	learn(fdb, key_of(2, 1), 0, T0);
	for (unsigned s = 0; s <= 2000; s += 50) {
		resolve_one(fdb, key_of(1, 1), T0 + s * SEC);
		age_all(fdb, T0 + s * SEC);
	}
	assert_int_equal(fdb_lookup(fdb_table(fdb), key_of(1, 1)), 0);
	assert_int_equal(fdb_lookup(fdb_table(fdb), key_of(2, 1)), FDB_MISS);
	fdb_free(fdb);
}

static void ageing_zero_is_never(void **) {
	struct fdb_conf forever = conf;
	struct fdb *fdb;

	forever.ageing_ns = 0;
	fdb = fdb_new(&forever, T0);
	learn(fdb, key_of(1, 1), 0, T0);
	for (unsigned day = 1; day < 400; day++)
		assert_int_equal(age_all(fdb, T0 + day * 86400 * SEC), 0);
	fdb_free(fdb);
}

// Ticks have 16 bits: a sleep past their range must not make old entries young again.
static void a_long_sleep_ages_all(void **) {
	struct fdb *fdb = fdb_new(&conf, T0);

	learn(fdb, key_of(1, 1), 0, T0);
	assert_int_equal(age_all(fdb, T0 + (65536ull << 30)), 1);
	fdb_free(fdb);
}

static void work_of_a_poll_is_bounded(void **) {
	struct fdb *fdb = fdb_new(&conf, T0);
	unsigned polls = 0, total = fdb_bucket_count(fdb);

	for (unsigned i = 0; i < 900; i++)
		learn(fdb, key_of(i, 1), 0, T0);
	age_all(fdb, T0 + 100 * SEC);
	while (fdb_count(fdb) > 0) {
		unsigned before = fdb_count(fdb);

		fdb_poll(fdb, T0 + 310 * SEC, 64);
		assert_true(before - fdb_count(fdb) <= 64 * FDB_SLOTS);
		polls++;
	}
	assert_true(polls > 8 && polls <= total / 64 + 1);
	fdb_free(fdb);
}

static void new_ageing_keeps_the_ages(void **) {
	struct fdb_conf next = conf;
	struct fdb *fdb = fdb_new(&conf, T0);
	struct fdb_entry entry;

	learn(fdb, key_of(1, 1), 0, T0);
	learn(fdb, key_of(2, 1), 0, T0 + 90 * SEC);
	next.ageing_ns = 60 * SEC;
	assert_int_equal(fdb_conf_set(fdb, &next, T0 + 100 * SEC), 0);
	assert_true(fdb_find(fdb, key_of(1, 1), T0 + 100 * SEC, &entry));
	assert_in_range(entry.age_ns, 95 * SEC, 105 * SEC);
	assert_int_equal(age_all(fdb, T0 + 100 * SEC), 1);
	assert_int_equal(age_all(fdb, T0 + 148 * SEC), 0);
	assert_int_equal(age_all(fdb, T0 + 156 * SEC), 1);
	assert_sound(fdb);
	fdb_free(fdb);
}

static void new_limits_are_enforced(void **) {
	struct fdb_conf next = conf;
	struct fdb *fdb = fdb_new(&conf, T0);

	for (unsigned i = 0; i < 600; i++)
		learn(fdb, key_of(i, 1), i % 3, T0);
	next.port_limit[1] = 50;
	next.mac_limit = 300;
	fdb_conf_set(fdb, &next, T0);
	assert_int_equal(fdb_count(fdb), 300);
	assert_int_equal(fdb_port_count(fdb, 1), 50);
	assert_sound(fdb);
	fdb_free(fdb);
}

static void flushes_what_is_asked(void **) {
	struct fdb *fdb = fdb_new(&conf, T0);
	struct fdb_match port = {.port = 1, .vlan = -1}, vlan = {.port = -1, .vlan = 20};
	struct fdb_match mac = {.port = -1, .vlan = -1, .mac48 = key_of(6, 0)};

	for (unsigned i = 0; i < 100; i++) {
		learn(fdb, key_of(i, 10), i % 2, T0);
		learn(fdb, key_of(i, 20), i % 2, T0);
	}
	assert_int_equal(fdb_flush(fdb, &mac), 2);
	assert_int_equal(fdb_flush(fdb, &port), 100);
	assert_int_equal(fdb_flush(fdb, &vlan), 49);
	assert_int_equal(fdb_count(fdb), 49);
	assert_sound(fdb);
	fdb_free(fdb);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(learns_and_finds),
		cmocka_unit_test(same_mac_in_two_vlans),
		cmocka_unit_test(grows_and_keeps_all),
		cmocka_unit_test(limit_is_exact),
		cmocka_unit_test(port_limit_is_exact),
		cmocka_unit_test(flood_spares_the_others),
		cmocka_unit_test(flood_spares_a_big_uplink),
		cmocka_unit_test(flood_spares_known_ones_on_its_port),
		cmocka_unit_test(moves_and_is_held),
		cmocka_unit_test(slow_moves_are_free),
		cmocka_unit_test(no_damping_when_off),
		cmocka_unit_test(statics_stay),
		cmocka_unit_test(full_of_statics_refuses),
		cmocka_unit_test(ages_at_the_right_time),
		cmocka_unit_test(traffic_keeps_a_station),
		cmocka_unit_test(ageing_zero_is_never),
		cmocka_unit_test(a_long_sleep_ages_all),
		cmocka_unit_test(work_of_a_poll_is_bounded),
		cmocka_unit_test(new_ageing_keeps_the_ages),
		cmocka_unit_test(new_limits_are_enforced),
		cmocka_unit_test(flushes_what_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
