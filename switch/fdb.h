// SPDX-License-Identifier: BSD-3-Clause
// The forwarding database of one switch: (MAC, VLAN) → port. Pure: no DPDK.
//
// Readers (workers) take no lock. The table is an array of 64-byte buckets, one cache line each: five
// keys, five ports, five last-seen ticks and the distance to an overflow bucket. A bucket's keys are
// compared at once (fdb_lookup.c); the value is read, then the key again, so that an entry replaced in
// between reads as a miss. A reader writes one thing: the tick at which it saw a source.
//
// There is one writer (the control thread), hence no lock there either: learning, limits, eviction,
// damping and ageing are plain code. It keeps a record per slot beside the table, which readers never
// touch: list links, flags, move history. Entries of a port hang on one of two lists: fresh (not seen
// again since learnt) and known; both in the order in which they were last confirmed, oldest first.
//
// Full: one entry makes room. While many entries are fresh (a MAC flood), the port with most fresh
// ones pays with its oldest; otherwise the port with most entries does. An entry that was seen since it
// was last looked at gets a second chance. Static entries are never evicted, aged or moved.
//
// Growing builds a new table aside (new seed) and swaps the pointer; the old one is freed after sync().
#pragma once

#include "lib/hash.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDB_SLOTS 5
#define FDB_CHAIN 4  // buckets in a chain, the first included
#define FDB_PORTS 32 // ports 0..31

// What a slot holds: a port, with these bits.
#define FDB_MISS       UINT16_MAX
#define FDB_STATIC_BIT 0x8000 // never aged, moved or evicted
#define FDB_SELF_BIT   0x4000 // the switch's own address: a routed VLAN interface
#define FDB_PORT_MASK  0x001f

struct fdb_bucket {
	_Alignas(64) uint64_t key[FDB_SLOTS]; // 0: empty
	uint16_t port[FDB_SLOTS];
	uint16_t seen[FDB_SLOTS]; // tick, written by readers
	int32_t next;             // distance to the overflow bucket; 0: none
};
_Static_assert(sizeof(struct fdb_bucket) == 64, "one bucket is one cache line");

// Immutable but for the buckets' contents. Freed by the writer after sync().
struct fdb_table {
	struct fdb_bucket *buckets;
	uint64_t seed, mult; // keyed hash: nobody outside can aim at a bucket
	uint32_t mask;       // buckets that a hash reaches - 1
	uint32_t tick_shift; // tick = now_ns >> tick_shift
};

// `mac48`: the six bytes as they lie in memory, read as a little-endian number.
static inline uint64_t fdb_key(uint64_t mac48, unsigned vlan) {
	return mac48 | (uint64_t)vlan << 48;
}

static inline uint64_t fdb_mac48(const uint8_t mac[6]) {
	uint64_t v = 0;

	for (int i = 5; i >= 0; i--)
		v = v << 8 | mac[i];
	return v;
}

static inline struct fdb_bucket *fdb_bucket_of(const struct fdb_table *t, uint64_t key) {
	return t->buckets + (hash_mix(key ^ t->seed, t->mult) & t->mask);
}

static inline uint16_t fdb_tick(const struct fdb_table *t, uint64_t now_ns) {
	return (uint16_t)(now_ns >> t->tick_shift);
}

// ---- readers ----------------------------------------------------------------------------------------

// One packet's two questions, and the answers. Buckets come from fdb_bucket_of(), prefetched by the
// caller. A destination that is not to be looked up: dst = src, dst_key = FDB_NO_KEY.
#define FDB_NO_KEY UINT64_MAX
struct fdb_probe {
	struct fdb_bucket *src, *dst;
	uint64_t src_key, dst_key;
	uint16_t tick;               // in: now
	uint16_t src_port, dst_port; // out: as in the slot, or FDB_MISS
};

// Answers n probes and refreshes the sources' ticks.
typedef void (*fdb_resolve_fn)(struct fdb_probe *probes, unsigned n);

struct fdb_isa {
	const char *name; // "avx512", "avx2", "sse4.2"
	fdb_resolve_fn resolve;
	bool (*usable)(void);
};
extern const struct fdb_isa fdb_isas[]; // widest first, closed by {0}
const struct fdb_isa *fdb_isa_best(void);

// One reader's look-up, without a refresh: slower, for places that are not hot.
uint16_t fdb_lookup(const struct fdb_table *t, uint64_t key);

// ---- the writer ---------------------------------------------------------------------------------------

struct fdb_conf {
	uint32_t mac_limit;             // entries in all
	uint32_t port_limit[FDB_PORTS]; // 0: none but mac_limit
	uint64_t ageing_ns;             // 0: never
	unsigned move_limit;            // moves within the window that are allowed; 0: no damping
	uint64_t move_window_ns;        // counted over this
	uint64_t move_hold_ns;          // held on its port for this long
	void (*sync)(void); // waits until no reader sees replaced state; NULL: there are none
};

struct fdb_stats {
	uint64_t learned, moved, aged, flushed;
	uint64_t evicted;        // made room for another
	uint64_t refused_port;   // a port's limit
	uint64_t refused_full;   // nothing but static entries to evict, or no memory
	uint64_t refused_held;   // a move of a station that is held
	uint64_t refused_static; // a move of a static entry
	uint64_t resized;
};

enum fdb_verdict {
	FDB_SEEN,            // was there already
	FDB_LEARNED,         // new
	FDB_LEARNED_EVICTED, // new, another one had to go
	FDB_MOVED,           // from *from
	FDB_HOLD,            // refused: it moved too often and is held where it is from now on
	FDB_HELD,            // refused: it is still held
	FDB_PINNED,          // refused: static elsewhere
	FDB_PORT_FULL,       // refused
	FDB_FULL,            // refused
};

struct fdb_entry {
	uint64_t key;
	uint16_t port;   // FDB_PORT_MASK of it, and the bits
	uint64_t age_ns; // since last seen, as exact as a tick
	bool held;
};

struct fdb;

struct fdb *fdb_new(const struct fdb_conf *conf, uint64_t now_ns); // NULL: no memory
void fdb_free(struct fdb *fdb);

// The published table. Readers load it once per vector.
const struct fdb_table *fdb_table(const struct fdb *fdb);
// Where the pointer to it lives, for readers that keep that.
struct fdb_table *const _Atomic *fdb_table_ref(const struct fdb *fdb);

// New limits and times; entries over a limit go, as when full. Returns 0, or -ENOMEM: then nothing changed.
int fdb_conf_set(struct fdb *fdb, const struct fdb_conf *conf, uint64_t now_ns);

// A source was seen on `port`. *from: the port it was on (MOVED, HOLD, HELD, PINNED).
enum fdb_verdict fdb_learn(
	struct fdb *fdb, uint64_t key, unsigned port, uint64_t now_ns, unsigned *from);

// Makes room for `n` more static entries, so that as many fdb_static_set() cannot fail. 0 or -ENOMEM.
int fdb_static_reserve(struct fdb *fdb, unsigned n, uint64_t now_ns);
// `bits`: FDB_STATIC_BIT, and FDB_SELF_BIT with any port. Replaces what was learnt. 0 or -ENOSPC.
int fdb_static_set(struct fdb *fdb, uint64_t key, unsigned port, uint16_t bits, uint64_t now_ns);
bool fdb_static_del(struct fdb *fdb, uint64_t key);

bool fdb_find(const struct fdb *fdb, uint64_t key, uint64_t now_ns, struct fdb_entry *entry);
// Calls fn for each entry until it returns false. fn must not change the table.
void fdb_foreach(const struct fdb *fdb, uint64_t now_ns,
	bool (*fn)(const struct fdb_entry *entry, void *arg), void *arg);

// Which dynamic entries to forget; -1 and 0: any.
struct fdb_match {
	int port;                                                   // -1: any
	int vlan;                                                   // -1: any
	uint64_t mac48;                                             // 0: any
	bool (*also)(uint64_t key, unsigned port, const void *arg); // NULL: all of these
	const void *arg;
};
unsigned fdb_flush(struct fdb *fdb, const struct fdb_match *match); // how many

// Ageing: looks at up to `buckets` buckets from where it last stopped. Returns how many entries went.
unsigned fdb_poll(struct fdb *fdb, uint64_t now_ns, unsigned buckets);

unsigned fdb_count(const struct fdb *fdb);
unsigned fdb_port_count(const struct fdb *fdb, unsigned port); // dynamic ones
const struct fdb_stats *fdb_stats(const struct fdb *fdb);
unsigned fdb_bucket_count(const struct fdb *fdb); // a full ageing pass looks at so many
// Tests: checks every invariant; returns NULL, or what is broken.
const char *fdb_verify(const struct fdb *fdb);
