// SPDX-License-Identifier: BSD-3-Clause
#include "lib/clock.h"
#include "switch/fdb.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEC NSEC_PER_SEC
#define T0  (1000 * SEC)

static const struct fdb_conf conf = {
	.mac_limit = 1000,
	.ageing_ns = 300 * SEC,
	.move_limit = 3,
	.move_window_ns = 10 * SEC,
	.move_hold_ns = 60 * SEC,
};

static uint64_t key_of(unsigned n, unsigned vlan) {
	return fdb_key(0x020000000000 | (uint64_t)(n + 1) << 8, vlan);
}

static enum fdb_verdict learn(struct fdb *fdb, uint64_t key, unsigned port, uint64_t now_ns) {
	unsigned from;

	return fdb_learn(fdb, key, port, now_ns, &from);
}

static void assert_sound(const struct fdb *fdb) {
	const char *why = fdb_verify(fdb);

	if (why != NULL)
		fail_msg("%s", why);
}

// Ageing looks at the whole table.
static unsigned age_all(struct fdb *fdb, uint64_t now_ns) {
	return fdb_poll(fdb, now_ns, fdb_bucket_count(fdb));
}

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

// ---- against a naive model ------------------------------------------------------------------------------

#define MODEL_KEYS 4000

struct model {
	int port[MODEL_KEYS]; // -1: not there
	bool is_static[MODEL_KEYS];
	uint64_t seen[MODEL_KEYS];
	unsigned count;
};

static void model_compare(const struct fdb *fdb, const struct model *m) {
	assert_int_equal(fdb_count(fdb), m->count);
	for (unsigned k = 0; k < MODEL_KEYS; k++) {
		uint16_t value = fdb_lookup(fdb_table(fdb), key_of(k, 1 + k % 7));

		if (m->port[k] < 0)
			assert_int_equal(value, FDB_MISS);
		else
			assert_int_equal(value & FDB_PORT_MASK, m->port[k]);
	}
}

static void model_del(struct model *m, unsigned k) {
	if (m->port[k] >= 0)
		m->count--;
	m->port[k] = -1;
	m->is_static[k] = false;
}

static void model_learn(struct fdb *fdb, struct model *m, unsigned k, unsigned port, uint64_t now) {
	enum fdb_verdict verdict = learn(fdb, key_of(k, 1 + k % 7), port, now);

	if (m->port[k] < 0) {
		assert_int_equal(verdict, FDB_LEARNED);
		m->count++;
		m->port[k] = (int)port;
	} else if (m->port[k] == (int)port) {
		assert_int_equal(verdict, FDB_SEEN);
	} else if (m->is_static[k]) {
		assert_int_equal(verdict, FDB_PINNED);
		return;
	} else {
		assert_int_equal(verdict, FDB_MOVED);
		m->port[k] = (int)port;
	}
	m->seen[k] = now;
}

static void model_flush(struct fdb *fdb, struct model *m, int port, int vlan) {
	struct fdb_match match = {.port = port, .vlan = vlan};

	fdb_flush(fdb, &match);
	for (unsigned k = 0; k < MODEL_KEYS; k++)
		if (m->port[k] >= 0 && !m->is_static[k] && (port < 0 || m->port[k] == port) &&
			(vlan < 0 || (int)(1 + k % 7) == vlan))
			model_del(m, k);
}

static void model_age(struct fdb *fdb, struct model *m, uint64_t now) {
	age_all(fdb, now);
	for (unsigned k = 0; k < MODEL_KEYS; k++) {
		uint64_t age = now - m->seen[k];

		if (m->port[k] < 0 || m->is_static[k])
			continue;
		// Within two ticks after the ageing time either answer is right.
		if (age > 300 * SEC && age < 306 * SEC &&
			fdb_lookup(fdb_table(fdb), key_of(k, 1 + k % 7)) == FDB_MISS)
			model_del(m, k);
		else if (age >= 306 * SEC)
			model_del(m, k);
	}
}

static void behaves_like_the_model(void **) {
	static struct model m;
	struct fdb_conf big = conf;
	uint64_t now = T0;
	struct fdb *fdb;

	big.mac_limit = MODEL_KEYS;
	big.move_limit = 0;
	fdb = fdb_new(&big, T0);
	memset(&m, 0, sizeof(m));
	memset(m.port, 0xff, sizeof(m.port));
	srandom(4711);
	for (unsigned step = 0; step < 60000; step++) {
		unsigned k = (unsigned)random() % MODEL_KEYS, dice = (unsigned)random() % 1000;

		now += (unsigned)random() % 50 * NSEC_PER_MSEC;
		if (dice < 940) {
			model_learn(fdb, &m, k, (unsigned)random() % 32, now);
		} else if (dice < 960) {
			fdb_static_set(fdb, key_of(k, 1 + k % 7), dice % 32, 0, now);
			m.count += m.port[k] < 0;
			m.port[k] = dice % 32;
			m.is_static[k] = true;
		} else if (dice < 990) {
			assert_int_equal(fdb_static_del(fdb, key_of(k, 1 + k % 7)), m.is_static[k]);
			if (m.is_static[k])
				model_del(&m, k);
		} else if (dice < 992) {
			model_flush(fdb, &m, (int)(dice % 32), -1);
		} else if (dice < 993) {
			model_flush(fdb, &m, -1, 3);
		} else {
			model_age(fdb, &m, now);
		}
		if (step % 2000 == 0) {
			assert_sound(fdb);
			model_compare(fdb, &m);
		}
	}
	assert_sound(fdb);
	model_compare(fdb, &m);
	fdb_free(fdb);
}

// ---- the widths of look-up, one against another ------------------------------------------------------------

#define PROBES 997

static void probes_fill(const struct fdb *fdb, struct fdb_probe *probes) {
	const struct fdb_table *t = fdb_table(fdb);

	for (unsigned i = 0; i < PROBES; i++) {
		struct fdb_probe *p = &probes[i];

		p->src_key = key_of(i * 7 % 6000, 1);
		p->dst_key = i % 13 == 0 ? FDB_NO_KEY : key_of(i * 11 % 6000, 1);
		p->src = fdb_bucket_of(t, p->src_key);
		p->dst = fdb_bucket_of(t, p->dst_key);
		p->tick = fdb_tick(t, T0 + SEC);
	}
}

static void widths_agree(void **) {
	static struct fdb_probe want[PROBES], got[PROBES];
	struct fdb_conf big = conf;
	struct fdb *fdb;
	unsigned found = 0;

	big.mac_limit = 5000;
	fdb = fdb_new(&big, T0);
	for (unsigned i = 0; i < 5000; i += 1 + i % 2)
		learn(fdb, key_of(i, 1), i % 32, T0);
	for (const struct fdb_isa *isa = fdb_isas; isa->name != NULL; isa++) {
		if (!isa->usable())
			continue;
		probes_fill(fdb, got);
		isa->resolve(got, PROBES);
		for (unsigned i = 0; i < PROBES; i++) {
			assert_int_equal(
				got[i].src_port, fdb_lookup(fdb_table(fdb), got[i].src_key));
			assert_int_equal(
				got[i].dst_port, fdb_lookup(fdb_table(fdb), got[i].dst_key));
			found += got[i].dst_port != FDB_MISS;
		}
		if (isa != fdb_isas)
			assert_memory_equal(want, got, sizeof(want));
		memcpy(want, got, sizeof(want));
	}
	assert_true(found > PROBES / 2);
	fdb_free(fdb);
}

// ---- a reader beside the writer --------------------------------------------------------------------------------
//
// Stations of two kinds: the first thousand never change, the others come, go and move. A reader must always find
// the first on their ports, and never a port for a station that it was never on (key n is only ever on ports n % 4
// and n % 4 + 4).

struct race {
	struct fdb *fdb;
	_Atomic bool stop;
	_Atomic unsigned reading; // odd: inside; what sync() waits for
	unsigned bad;
	unsigned long looked;
};

static struct race race;

static void race_sync(void) {
	unsigned at = atomic_load(&race.reading);

	while ((at & 1) && atomic_load(&race.reading) == at)
		continue;
}

static bool race_wrong(unsigned n, uint16_t value) {
	if (n < 1000)
		return value != n % 4;
	return value != FDB_MISS && value != n % 4 && value != n % 4 + 4;
}

static void *race_reader(void *) {
	unsigned n = 0;

	while (!atomic_load(&race.stop)) {
		const struct fdb_table *t;
		struct fdb_probe p[32];

		atomic_fetch_add(&race.reading, 1);
		t = fdb_table(race.fdb);
		for (unsigned i = 0; i < 32; i++) {
			p[i].src_key = key_of((n + i) % 3000, 1);
			p[i].dst_key = key_of((n + i * 37) % 3000, 1);
			p[i].src = fdb_bucket_of(t, p[i].src_key);
			p[i].dst = fdb_bucket_of(t, p[i].dst_key);
			p[i].tick = fdb_tick(t, T0);
		}
		fdb_isa_best()->resolve(p, 32);
		for (unsigned i = 0; i < 32; i++) {
			race.bad += race_wrong((n + i) % 3000, p[i].src_port);
			race.bad += race_wrong((n + i * 37) % 3000, p[i].dst_port);
		}
		atomic_fetch_add(&race.reading, 1);
		race.looked += 64;
		n += 32;
	}
	return NULL;
}

static void readers_see_no_torn_entry(void **) {
	struct fdb_conf big = conf;
	struct fdb_match some = {.port = -1, .vlan = -1};
	pthread_t reader;

	big.mac_limit = 100000;
	big.move_limit = 0;
	big.sync = race_sync;
	race.fdb = fdb_new(&big, T0);
	for (unsigned n = 0; n < 1000; n++)
		learn(race.fdb, key_of(n, 1), n % 4, T0);
	pthread_create(&reader, NULL, race_reader, NULL);
	srandom(42);
	for (unsigned step = 0; step < 400000; step++) {
		unsigned n = 1000 + (unsigned)random() % 2000;

		if (step % 4 == 0) {
			some.mac48 = key_of(n, 0);
			fdb_flush(race.fdb, &some);
		} else {
			learn(race.fdb, key_of(n, 1), n % 4 + (step & 8) / 2, T0);
		}
		if (step % 50000 == 49999) { // the table is swapped under the reader
			big.ageing_ns = (step / 50000 % 2 ? 300 : 30) * SEC;
			assert_int_equal(fdb_conf_set(race.fdb, &big, T0), 0);
		}
	}
	atomic_store(&race.stop, true);
	pthread_join(reader, NULL);
	assert_int_equal(race.bad, 0);
	assert_true(race.looked > 0);
	assert_sound(race.fdb);
	fdb_free(race.fdb);
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
		cmocka_unit_test(behaves_like_the_model),
		cmocka_unit_test(widths_agree),
		cmocka_unit_test(readers_see_no_torn_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
