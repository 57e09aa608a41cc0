// SPDX-License-Identifier: BSD-3-Clause
// The writer's side of a table: slots, records and lists (fdb_store.c), used by fdb.c.
#pragma once

#include "switch/fdb.h"

#define FDB_NONE UINT32_MAX

// Lists: fresh entries of port p at p, known ones at FDB_PORTS + p, static ones last.
#define FDB_LIST_STATIC (2 * FDB_PORTS)
#define FDB_LISTS       (2 * FDB_PORTS + 1)

struct fdb_rec {
	uint32_t prev, next; // slots; of an empty overflow bucket's first slot: the free list
	uint32_t moved_at;   // start of the window in which `moves` are counted, in FDB_UNIT_NS
	uint32_t held_until;
	uint16_t confirmed; // `seen` when it was last looked at
	uint8_t moves;
	uint8_t list;
};

struct fdb_list {
	uint32_t head, tail, n;
};

struct fdb_store {
	struct fdb_table table;
	struct fdb_rec *recs; // slot = bucket * FDB_SLOTS + place in the bucket
	uint32_t n_main, n_over;
	uint32_t over_free; // first free overflow bucket, or FDB_NONE
	uint32_t count;
	struct fdb_list lists[FDB_LISTS];
	size_t bytes; // of the buckets
};

struct fdb_store *fdb_store_new(uint32_t n_main, uint32_t tick_shift); // NULL: no memory
void fdb_store_free(struct fdb_store *st);

uint32_t fdb_slot_find(const struct fdb_store *st, uint64_t key);
// Puts a key that is not there into its chain, at the tail of `list`. FDB_NONE: the chain is at its
// bound, or no overflow bucket is left.
uint32_t fdb_slot_add(
	struct fdb_store *st, uint64_t key, uint16_t port, uint16_t seen, unsigned list);
void fdb_slot_del(struct fdb_store *st, uint32_t slot);
// To the tail of `list`.
void fdb_slot_relink(struct fdb_store *st, uint32_t slot, unsigned list);
// A dynamic entry in the chain that `key` belongs to, or FDB_NONE.
uint32_t fdb_slot_neighbour(const struct fdb_store *st, uint64_t key);
// Copies all of `from` into the empty `to`, in list order. False: a chain of `to` overflowed.
bool fdb_store_copy(struct fdb_store *to, const struct fdb_store *from, uint64_t now_ns);
const char *fdb_store_verify(const struct fdb_store *st);

static inline struct fdb_bucket *fdb_slot_bucket(const struct fdb_store *st, uint32_t slot) {
	return st->table.buckets + slot / FDB_SLOTS;
}

static inline uint64_t fdb_slot_key(const struct fdb_store *st, uint32_t slot) {
	return fdb_slot_bucket(st, slot)->key[slot % FDB_SLOTS];
}

static inline uint16_t *fdb_slot_port(const struct fdb_store *st, uint32_t slot) {
	return &fdb_slot_bucket(st, slot)->port[slot % FDB_SLOTS];
}

static inline uint16_t fdb_slot_seen(const struct fdb_store *st, uint32_t slot) {
	return __atomic_load_n(
		&fdb_slot_bucket(st, slot)->seen[slot % FDB_SLOTS], __ATOMIC_RELAXED);
}
