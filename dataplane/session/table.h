// SPDX-License-Identifier: BSD-3-Clause
// pure
// The table: where sessions lie, and the index that finds a direction by its key. README.md says how it is laid out.
//
// Any worker looks up and inserts (compare-and-swap); only the owner writes and removes a session. Control reads. Memory is
// mapped once, touched by control ahead of its use, and never unmapped while workers run, so that a reference read a moment too late
// still leads to a line, whose key then says that it is another's.
#pragma once

#include "dataplane/session/conn_tcp.h"
#include "dataplane/session/tuple.h"
#include <emmintrin.h>
#include <stdatomic.h>

#define TABLE_TICK_SHIFT 27 // a tick is 134 ms
#define TABLE_WORKERS    16
#define TABLE_CHAIN      64 // sessions that move between a worker's free list and the common one
#define TABLE_ALTERNATES 16

// One direction: what both families have first.
struct session_dir {
	union {
		_Atomic uint64_t head;
		struct {
			uint16_t sport, dport, domain;
			uint8_t proto, kind;
		};
	};
	uint32_t seen; // tick of its last packet
	uint16_t generation;
	uint8_t state; // enum session_state; the same in both directions
	uint8_t flags; // enum session_flag
	uint64_t
		tally; // of its packets; below TALLY_ONE by which hop they leave (struct session_forwarder), as of `seen`
	uint64_t bytes;
};

#define TALLY_ONE 0x10000u
#define HOP_ASK   0               // not known
#define HOP_NONE  (TALLY_ONE - 1) // along the arc

struct session_more {
	uint16_t iface; // that its packets come in by; DP_NONE: this box
	uint8_t zone, edge;
	uint32_t word; // direction 0: the rule; 1: tick of the start
};

// What becomes of its packets. The deltas are one's complement sums (RFC 1624): addresses alone, addresses and ports.
struct session_rewrite {
	uint16_t sport, dport, l3_delta, l4_delta;
};

struct session_dir4 {
	struct session_dir dir;
	uint64_t a;
	struct session_more more;
	uint64_t to;
	struct session_rewrite rewrite;
};

struct session_dir6 {
	struct session_dir dir;
	uint64_t a[4];
	struct session_more more;
	uint64_t to[4];
	struct session_rewrite rewrite;
	uint64_t unused[2];
};

// What packets of UDP without timers do not touch. next, prev: the wheel's, or the free list's.
struct session_cold {
	uint32_t next, prev;
	struct tcp_side tcp[2];
	uint32_t user[SESSION_USERS];
};

_Static_assert(sizeof(struct session_dir4) == 64, "a line");
_Static_assert(sizeof(struct session_dir6) == 128, "two lines");
_Static_assert(sizeof(struct session_cold) == 48, "192 bytes per session, all told");

#define TABLE_SLOTS 10
struct table_bucket {
	_Atomic uint16_t tags[TABLE_SLOTS]; // 0: free
	_Atomic uint32_t refs[TABLE_SLOTS];
	_Atomic uint32_t spilled; // entries that would be here, and lie in another bucket
};
_Static_assert(sizeof(struct table_bucket) == 64, "a line");

struct session_table {
	uint8_t *hot[2]; // [v6]: units of two directions
	struct session_cold *cold[2];
	struct table_bucket *buckets;
	uint32_t n_buckets;
	uint32_t max, reserve; // sessions; of them for SESSION_CONTROL alone
	uint32_t units;        // of each family
	uint32_t touched[2];   // of them, whose memory the kernel has given: control's
	struct session_secret secret;
	_Atomic uint32_t used __attribute__((aligned(64)));
	_Atomic uint32_t top[2];  // units that were ever in use
	_Atomic uint64_t free[2]; // common list of chains: a count against ABA, and a unit
};
extern struct session_table session_table;

// A worker's own free units: one chain in use, one spare.
struct table_free {
	uint32_t head[2], n[2], spare[2];
};

// A session by its direction 0. bit 31: IPv6; bit 0: direction.
#define REF_V6 (1u << 31)

static inline uint32_t ref_unit(session_ref ref) {
	return (ref & ~REF_V6) >> 1;
}

static inline struct session_dir *ref_dir(session_ref ref) {
	uint64_t n = ref & ~REF_V6;

	return (struct session_dir *)(ref & REF_V6 ? session_table.hot[1] + n * 128
						   : session_table.hot[0] + n * 64);
}

static inline struct session_cold *ref_cold(session_ref ref) {
	return &session_table.cold[ref >> 31][ref_unit(ref)];
}

static inline bool dir_v6(const struct session_dir *dir) {
	return dir->kind & KIND_V6;
}

static inline uint64_t *dir_addr(struct session_dir *dir) {
	return (uint64_t *)(dir + 1);
}

static inline struct session_more *dir_more(struct session_dir *dir) {
	return dir_v6(dir) ? &((struct session_dir6 *)dir)->more
			   : &((struct session_dir4 *)dir)->more;
}

static inline struct session_rewrite *dir_rewrite(struct session_dir *dir) {
	return dir_v6(dir) ? &((struct session_dir6 *)dir)->rewrite
			   : &((struct session_dir4 *)dir)->rewrite;
}

static inline uint64_t *dir_to(struct session_dir *dir) {
	return dir_v6(dir) ? ((struct session_dir6 *)dir)->to : &((struct session_dir4 *)dir)->to;
}

static inline uint64_t dir_packets(const struct session_dir *dir) {
	return dir->tally / TALLY_ONE;
}

static inline void dir_hop_set(struct session_dir *dir, uint32_t hop) {
	dir->tally = dir->tally / TALLY_ONE * TALLY_ONE + hop;
}

static inline unsigned dir_owner(const struct session_dir *dir) {
	return dir->kind / KIND_OWNER;
}

struct session_key dir_key(const struct session_dir *dir);

static inline bool dir_is(const struct session_dir *dir, const struct session_key *key) {
	const uint64_t *a = (const uint64_t *)(dir + 1);
	uint64_t head = atomic_load_explicit(&dir->head, memory_order_relaxed);

	if ((head ^ key->head) & KEY_HEAD_MASK || a[0] != key->a[0])
		return false;
	return !(key->kind & KIND_V6) ||
		(a[1] == key->a[1] && a[2] == key->a[2] && a[3] == key->a[3]);
}

// control: places of sessions in the table's order, IPv4 first, as references of direction 0. table_next(0) is the first, 0 the end;
// whether one is taken is for the caller to see.
static inline bool table_has(session_ref id) {
	uint32_t unit = ref_unit(id);

	return !(id & 1) && unit > 0 &&
		unit < atomic_load_explicit(&session_table.top[id >> 31], memory_order_acquire);
}

static inline session_ref table_next(session_ref id) {
	id += 2;
	if (!(id & REF_V6) && !table_has(id))
		id = REF_V6 | 2;
	return table_has(id) ? id : 0;
}

// Bytes per family and index for that many sessions; what is mapped (not touched) altogether.
uint64_t table_bytes(uint32_t max);
// control, before workers see it. -ENOMEM. 1 <= max <= 2^28.
int table_init(uint32_t max, uint32_t reserve, const struct session_secret *secret);
void table_fini(void);

// control: the index, and the first `units` of a family, are given memory now, so that no worker waits for the kernel to clear it.
void table_touch_index(void);
void table_touch(bool v6, uint32_t units);

// A unit for a new session, not in the index; 0: none is left. The owner's thread.
session_ref table_alloc(struct table_free *mine, bool v6);
void table_free_unit(struct table_free *mine, session_ref ref);

static inline struct table_bucket *table_bucket(uint64_t hash) {
	return &session_table.buckets[(hash >> 32) * session_table.n_buckets >> 32];
}

// Where those of its entries lie that found it full: the first of TABLE_ALTERNATES in a row.
static inline struct table_bucket *table_alternate(uint64_t hash) {
	uint32_t places = session_table.n_buckets - TABLE_ALTERNATES;

	return &session_table.buckets[(hash & UINT32_MAX) * places >> 32];
}

static inline uint16_t table_tag(uint64_t hash) {
	return (uint16_t)hash ? (uint16_t)hash : 1;
}

// Bit i: slot i may be the one.
static inline unsigned bucket_match(const struct table_bucket *bucket, uint16_t tag) {
	__m128i want = _mm_set1_epi16((short)tag);
	__m128i low = _mm_loadu_si128((const __m128i *)&bucket->tags[0]);
	__m128i high =
		_mm_loadu_si128((const __m128i *)&bucket->tags[2]); // the last two, and six again
	unsigned mask = (unsigned)_mm_movemask_epi8(
		_mm_packs_epi16(_mm_cmpeq_epi16(low, want), _mm_cmpeq_epi16(high, want)));

	return (mask & 0xff) | (mask >> 14 << 8);
}

// The direction with this key, or 0. Any worker.
session_ref table_find(const struct session_key *key, uint64_t hash);
// The rest of table_find() after the first bucket had nothing.
session_ref table_find_spilled(const struct session_key *key, uint64_t hash);
// Makes a direction, whose key is written, known. -EEXIST: another has this key; -ENOSPC: its bucket and the alternates are full.
int table_insert(session_ref ref);
void table_remove(session_ref ref);
