// SPDX-License-Identifier: BSD-3-Clause
// The forwarding table as a whole: against a naive model, the widths of look-up against each other, and readers beside
// the writer.
#include "switch/fdb_testlib.h"
#include <pthread.h>

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
		cmocka_unit_test(behaves_like_the_model),
		cmocka_unit_test(widths_agree),
		cmocka_unit_test(readers_see_no_torn_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
