// SPDX-License-Identifier: BSD-3-Clause
#include "switch/fdb.h"
#include "switch/fdb_priv.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define BUCKETS_MIN   1024
#define UNIT_NS       100000000ull // of the move history: 32 bits last for 13 years
#define AGEING_TICKS  512          // an ageing time is 256 to 512 ticks
#define SECOND_CHANCE 64           // entries that one eviction looks at
#define SEED_TRIES    8

struct fdb {
	struct fdb_table *_Atomic table; // what readers see: &store->table
	struct fdb_store *store;
	struct fdb_conf conf;
	struct fdb_stats stats;
	uint32_t cursor; // bucket at which ageing goes on
	uint64_t polled_ns;
};

// Half full on average: one chain in 25 is longer than its first bucket.
static uint32_t buckets_for(uint32_t entries) {
	uint32_t n = BUCKETS_MIN;

	while ((uint64_t)n * FDB_SLOTS < 2ull * entries)
		n *= 2;
	return n;
}

static uint32_t tick_shift_for(uint64_t ageing_ns) {
	uint32_t shift = 0;

	if (ageing_ns == 0)
		return 30;
	while (ageing_ns >> shift > AGEING_TICKS)
		shift++;
	return shift;
}

struct fdb *fdb_new(const struct fdb_conf *conf, uint64_t now_ns) {
	struct fdb *fdb = calloc(1, sizeof(*fdb));

	if (fdb == NULL)
		return NULL;
	fdb->store = fdb_store_new(BUCKETS_MIN, tick_shift_for(conf->ageing_ns));
	if (fdb->store == NULL) {
		free(fdb);
		return NULL;
	}
	fdb->conf = *conf;
	fdb->polled_ns = now_ns;
	atomic_init(&fdb->table, &fdb->store->table);
	return fdb;
}

void fdb_free(struct fdb *fdb) {
	if (fdb == NULL)
		return;
	fdb_store_free(fdb->store);
	free(fdb);
}

const struct fdb_table *fdb_table(const struct fdb *fdb) {
	return atomic_load_explicit(&fdb->table, memory_order_acquire);
}

struct fdb_table *const _Atomic *fdb_table_ref(const struct fdb *fdb) {
	return (struct fdb_table *const _Atomic *)&fdb->table;
}

// Builds a table of `n_main` buckets aside, publishes it and frees the old one.
static int rebuild(struct fdb *fdb, uint32_t n_main, uint32_t tick_shift, uint64_t now_ns) {
	struct fdb_store *st = NULL, *old = fdb->store;

	for (unsigned tries = 1; st == NULL; tries++) {
		st = fdb_store_new(n_main, tick_shift);
		if (st == NULL)
			return -ENOMEM;
		if (fdb_store_copy(st, old, now_ns))
			break;
		fdb_store_free(st);
		st = NULL;
		if (tries % SEED_TRIES == 0)
			n_main *= 2;
	}
	fdb->store = st;
	fdb->cursor = 0;
	atomic_store_explicit(&fdb->table, &st->table, memory_order_release);
	if (fdb->conf.sync != NULL)
		fdb->conf.sync();
	fdb_store_free(old);
	fdb->stats.resized++;
	return 0;
}

static bool slot_is_static(const struct fdb_store *st, uint32_t slot) {
	return st->recs[slot].list == FDB_LIST_STATIC;
}

static unsigned port_total(const struct fdb_store *st, unsigned port) {
	return st->lists[port].n + st->lists[FDB_PORTS + port].n;
}

// Seen since it was last looked at: it is a known station now, and the most recent one.
static bool slot_confirm(struct fdb_store *st, uint32_t slot) {
	struct fdb_rec *rec = &st->recs[slot];
	uint16_t seen = fdb_slot_seen(st, slot);

	if (seen == rec->confirmed)
		return false;
	rec->confirmed = seen;
	fdb_slot_relink(st, slot, FDB_PORTS + rec->list % FDB_PORTS);
	return true;
}

// The oldest of a port: the older one of its two lists' heads.
static uint32_t port_oldest(const struct fdb_store *st, unsigned port) {
	uint32_t fresh = st->lists[port].head, known = st->lists[FDB_PORTS + port].head;

	if (fresh == FDB_NONE || known == FDB_NONE)
		return fresh == FDB_NONE ? known : fresh;
	return (int16_t)(st->recs[fresh].confirmed - st->recs[known].confirmed) <= 0 ? fresh
										     : known;
}

// Who pays when the switch is full (see the header).
static uint32_t victim_pick(const struct fdb *fdb) {
	const struct fdb_store *st = fdb->store;
	unsigned fresh = 0, most = 0;

	for (unsigned p = 1; p < FDB_PORTS; p++) {
		if (st->lists[p].n > st->lists[fresh].n)
			fresh = p;
		if (port_total(st, p) > port_total(st, most))
			most = p;
	}
	if (st->lists[fresh].n > 0 && st->lists[fresh].n >= fdb->conf.mac_limit / 64)
		return st->lists[fresh].head;
	return port_oldest(st, most);
}

// Looks at no more than `chances` entries. When all of them were seen again nobody goes: the newcomer waits
// for its next frame, and the next try looks further.
static bool evict_one(struct fdb *fdb, uint32_t chances) {
	for (; chances > 0; chances--) {
		uint32_t slot = victim_pick(fdb);

		if (slot == FDB_NONE)
			return false;
		if (slot_confirm(fdb->store, slot))
			continue;
		fdb_slot_del(fdb->store, slot);
		fdb->stats.evicted++;
		return true;
	}
	return false;
}

// Adds a key that is not there, with whatever it takes: growth, a new seed, at last a neighbour's place.
static uint32_t slot_make(
	struct fdb *fdb, uint64_t key, uint16_t port, unsigned list, uint64_t now_ns) {
	uint32_t want = buckets_for(fdb->store->count + 1), slot;

	// No memory to grow: chains get longer, and learning goes on while they can.
	if (want > fdb->store->n_main)
		rebuild(fdb, want, fdb->store->table.tick_shift, now_ns);
	for (unsigned tries = 0; tries < 2; tries++) {
		slot = fdb_slot_add(
			fdb->store, key, port, fdb_tick(&fdb->store->table, now_ns), list);
		if (slot != FDB_NONE)
			return slot;
		if (rebuild(fdb, fdb->store->n_main, fdb->store->table.tick_shift, now_ns) != 0)
			break;
	}
	slot = fdb_slot_neighbour(fdb->store, key);
	if (slot == FDB_NONE)
		return FDB_NONE;
	fdb_slot_del(fdb->store, slot);
	fdb->stats.evicted++;
	return fdb_slot_add(fdb->store, key, port, fdb_tick(&fdb->store->table, now_ns), list);
}

static bool port_full(const struct fdb *fdb, unsigned port) {
	return fdb->conf.port_limit[port] != 0 &&
		port_total(fdb->store, port) >= fdb->conf.port_limit[port];
}

static enum fdb_verdict learn_new(struct fdb *fdb, uint64_t key, unsigned port, uint64_t now_ns) {
	bool evicted = false;

	if (port_full(fdb, port)) {
		fdb->stats.refused_port++;
		return FDB_PORT_FULL;
	}
	if (fdb->store->count >= fdb->conf.mac_limit) {
		evicted = evict_one(fdb, SECOND_CHANCE);
		if (!evicted) {
			fdb->stats.refused_full++;
			return FDB_FULL;
		}
	}
	if (slot_make(fdb, key, (uint16_t)port, port, now_ns) == FDB_NONE) {
		fdb->stats.refused_full++;
		return FDB_FULL;
	}
	fdb->stats.learned++;
	return evicted ? FDB_LEARNED_EVICTED : FDB_LEARNED;
}

static bool rec_held(const struct fdb_rec *rec, uint64_t now_ns) {
	return rec->held_until != 0 && (int32_t)(rec->held_until - now_ns / UNIT_NS) > 0;
}

// Counts a move; true: it was one too many.
static bool move_count(const struct fdb_conf *conf, struct fdb_rec *rec, uint64_t now_ns) {
	uint32_t now = (uint32_t)(now_ns / UNIT_NS);

	if (conf->move_limit == 0)
		return false;
	if (rec->moves == 0 || now - rec->moved_at > conf->move_window_ns / UNIT_NS) {
		rec->moves = 0;
		rec->moved_at = now;
	}
	if (rec->moves < conf->move_limit) {
		rec->moves++;
		return false;
	}
	rec->moves = 0;
	rec->held_until = (uint32_t)((now_ns + conf->move_hold_ns) / UNIT_NS) | 1;
	return true;
}

static enum fdb_verdict learn_move(struct fdb *fdb, uint32_t slot, unsigned port, uint64_t now_ns) {
	struct fdb_store *st = fdb->store;
	struct fdb_rec *rec = &st->recs[slot];

	if (rec_held(rec, now_ns)) {
		fdb->stats.refused_held++;
		return FDB_HELD;
	}
	if (port_full(fdb, port)) {
		fdb->stats.refused_port++;
		return FDB_PORT_FULL;
	}
	if (move_count(&fdb->conf, rec, now_ns)) {
		fdb->stats.refused_held++;
		return FDB_HOLD;
	}
	rec->held_until = 0;
	__atomic_store_n(fdb_slot_port(st, slot), (uint16_t)port, __ATOMIC_RELAXED);
	fdb_slot_relink(st, slot, rec->list < FDB_PORTS ? port : FDB_PORTS + port);
	fdb->stats.moved++;
	return FDB_MOVED;
}

static void slot_touch(struct fdb_store *st, uint32_t slot, uint64_t now_ns) {
	__atomic_store_n(&fdb_slot_bucket(st, slot)->seen[slot % FDB_SLOTS],
		fdb_tick(&st->table, now_ns), __ATOMIC_RELAXED);
}

enum fdb_verdict fdb_learn(
	struct fdb *fdb, uint64_t key, unsigned port, uint64_t now_ns, unsigned *from) {
	uint32_t slot = fdb_slot_find(fdb->store, key);
	enum fdb_verdict verdict;
	uint16_t was;

	assert(port < FDB_PORTS && key != 0 && key != FDB_NO_KEY);
	if (slot == FDB_NONE)
		return learn_new(fdb, key, port, now_ns);
	was = *fdb_slot_port(fdb->store, slot);
	*from = was & FDB_PORT_MASK;
	if (*from == port && !(was & FDB_SELF_BIT)) {
		slot_touch(fdb->store, slot, now_ns);
		return FDB_SEEN;
	}
	if (was & FDB_STATIC_BIT) {
		fdb->stats.refused_static++;
		return FDB_PINNED;
	}
	verdict = learn_move(fdb, slot, port, now_ns);
	if (verdict == FDB_MOVED)
		slot_touch(fdb->store, slot, now_ns);
	return verdict;
}

int fdb_static_reserve(struct fdb *fdb, unsigned n, uint64_t now_ns) {
	uint32_t want = buckets_for(fdb->store->count + n);

	if (want <= fdb->store->n_main)
		return 0;
	return rebuild(fdb, want, fdb->store->table.tick_shift, now_ns);
}

int fdb_static_set(struct fdb *fdb, uint64_t key, unsigned port, uint16_t bits, uint64_t now_ns) {
	uint32_t slot = fdb_slot_find(fdb->store, key);
	uint16_t value = (uint16_t)(port | FDB_STATIC_BIT | bits);

	assert(port < FDB_PORTS);
	if (slot != FDB_NONE) {
		__atomic_store_n(fdb_slot_port(fdb->store, slot), value, __ATOMIC_RELAXED);
		fdb_slot_relink(fdb->store, slot, FDB_LIST_STATIC);
		return 0;
	}
	if (fdb->store->count >= fdb->conf.mac_limit && !evict_one(fdb, UINT32_MAX))
		return -ENOSPC;
	slot = slot_make(fdb, key, value, FDB_LIST_STATIC, now_ns);
	return slot == FDB_NONE ? -ENOSPC : 0;
}

bool fdb_static_del(struct fdb *fdb, uint64_t key) {
	uint32_t slot = fdb_slot_find(fdb->store, key);

	if (slot == FDB_NONE || !slot_is_static(fdb->store, slot))
		return false;
	fdb_slot_del(fdb->store, slot);
	return true;
}

static struct fdb_entry entry_of(const struct fdb_store *st, uint32_t slot, uint64_t now_ns) {
	int16_t ticks = (int16_t)(fdb_tick(&st->table, now_ns) - fdb_slot_seen(st, slot));

	return (struct fdb_entry){
		.key = fdb_slot_key(st, slot),
		.port = *fdb_slot_port(st, slot),
		.age_ns = ticks < 0 || slot_is_static(st, slot)
			? 0
			: (uint64_t)ticks << st->table.tick_shift,
		.held = rec_held(&st->recs[slot], now_ns),
	};
}

bool fdb_find(const struct fdb *fdb, uint64_t key, uint64_t now_ns, struct fdb_entry *entry) {
	uint32_t slot = fdb_slot_find(fdb->store, key);

	if (slot == FDB_NONE)
		return false;
	*entry = entry_of(fdb->store, slot, now_ns);
	return true;
}

void fdb_foreach(const struct fdb *fdb, uint64_t now_ns,
	bool (*fn)(const struct fdb_entry *entry, void *arg), void *arg) {
	const struct fdb_store *st = fdb->store;

	for (unsigned list = 0; list < FDB_LISTS; list++) {
		for (uint32_t s = st->lists[list].head; s != FDB_NONE; s = st->recs[s].next) {
			struct fdb_entry entry = entry_of(st, s, now_ns);

			if (!fn(&entry, arg))
				return;
		}
	}
}

static bool key_matches(uint64_t key, const struct fdb_match *m) {
	return (m->vlan < 0 || key >> 48 == (uint64_t)m->vlan) &&
		(m->mac48 == 0 || (key & 0xffffffffffff) == m->mac48);
}

unsigned fdb_flush(struct fdb *fdb, const struct fdb_match *match) {
	struct fdb_store *st = fdb->store;
	unsigned n = 0;

	for (unsigned list = 0; list < FDB_LIST_STATIC; list++) {
		if (match->port >= 0 && list % FDB_PORTS != (unsigned)match->port)
			continue;
		for (uint32_t s = st->lists[list].head, next; s != FDB_NONE; s = next) {
			next = st->recs[s].next;
			if (!key_matches(fdb_slot_key(st, s), match))
				continue;
			if (match->also != NULL &&
				!match->also(fdb_slot_key(st, s), list % FDB_PORTS, match->arg))
				continue;
			fdb_slot_del(st, s);
			n++;
		}
	}
	fdb->stats.flushed += n;
	return n;
}

// What a bucket's entries have to say: seen again, or not for too long.
static unsigned bucket_age(struct fdb *fdb, uint32_t bucket, uint16_t tick, bool stale) {
	struct fdb_store *st = fdb->store;
	// Both ends are rounded down to a tick: never early, late by two ticks at most.
	int limit = (int)(fdb->conf.ageing_ns >> st->table.tick_shift) + 1;
	unsigned n = 0;

	for (unsigned i = 0; i < FDB_SLOTS; i++) {
		uint32_t slot = bucket * FDB_SLOTS + i;

		if (fdb_slot_key(st, slot) == 0 || slot_is_static(st, slot))
			continue;
		slot_confirm(st, slot);
		if (fdb->conf.ageing_ns == 0)
			continue;
		if (!stale && (int16_t)(tick - fdb_slot_seen(st, slot)) <= limit)
			continue;
		fdb_slot_del(st, slot);
		n++;
	}
	return n;
}

unsigned fdb_poll(struct fdb *fdb, uint64_t now_ns, unsigned buckets) {
	struct fdb_store *st = fdb->store;
	uint16_t tick = fdb_tick(&st->table, now_ns);
	// Ticks are 16 bits. After a sleep of hundreds of ageing times they say nothing: all are too old.
	bool stale = (now_ns - fdb->polled_ns) >> st->table.tick_shift > INT16_MAX;
	uint32_t total = st->n_main + st->n_over;
	unsigned n = 0;

	if (stale || buckets > total)
		buckets = total;
	for (unsigned i = 0; i < buckets; i++) {
		n += bucket_age(fdb, fdb->cursor, tick, stale);
		fdb->cursor = fdb->cursor + 1 < total ? fdb->cursor + 1 : 0;
	}
	fdb->polled_ns = now_ns;
	fdb->stats.aged += n;
	return n;
}

static void limits_enforce(struct fdb *fdb) {
	struct fdb_store *st = fdb->store;

	for (unsigned p = 0; p < FDB_PORTS; p++) {
		uint32_t limit = fdb->conf.port_limit[p];

		while (limit != 0 && port_total(st, p) > limit) {
			fdb_slot_del(st, port_oldest(st, p));
			fdb->stats.evicted++;
		}
	}
	while (st->count > fdb->conf.mac_limit && evict_one(fdb, UINT32_MAX))
		continue;
}

int fdb_conf_set(struct fdb *fdb, const struct fdb_conf *conf, uint64_t now_ns) {
	uint32_t shift = tick_shift_for(conf->ageing_ns);

	if (shift != fdb->store->table.tick_shift &&
		rebuild(fdb, fdb->store->n_main, shift, now_ns) != 0)
		return -ENOMEM;
	fdb->conf = *conf;
	limits_enforce(fdb);
	return 0;
}

unsigned fdb_count(const struct fdb *fdb) {
	return fdb->store->count;
}

unsigned fdb_port_count(const struct fdb *fdb, unsigned port) {
	return port_total(fdb->store, port);
}

const struct fdb_stats *fdb_stats(const struct fdb *fdb) {
	return &fdb->stats;
}

unsigned fdb_bucket_count(const struct fdb *fdb) {
	return fdb->store->n_main + fdb->store->n_over;
}

const char *fdb_verify(const struct fdb *fdb) {
	return fdb_store_verify(fdb->store);
}
