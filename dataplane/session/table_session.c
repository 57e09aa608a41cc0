// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "dataplane/session/table.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define LOAD        8 // entries per bucket when the table is full
#define UNITS_SPARE (TABLE_WORKERS * 2 * TABLE_CHAIN + TABLE_CHAIN)

struct session_table session_table;

struct session_key dir_key(const struct session_dir *dir) {
	struct session_key key = {.head = dir->head & KEY_HEAD_MASK};

	memcpy(key.a, dir + 1, dir_v6(dir) ? 32 : 8);
	return key;
}

// ---- memory ----------------------------------------------------------------------------------------------------

static uint32_t units_for(uint32_t max) {
	return max + UNITS_SPARE;
}

static uint32_t buckets_for(uint32_t max) {
	return (uint32_t)((2 * (uint64_t)max + LOAD - 1) / LOAD) + TABLE_ALTERNATES + 1;
}

static size_t hot_bytes(uint32_t units, bool v6) {
	return (size_t)units *
		(v6 ? 2 * sizeof(struct session_dir6) : 2 * sizeof(struct session_dir4));
}

uint64_t table_bytes(uint32_t max) {
	uint64_t units = units_for(max);

	return hot_bytes((uint32_t)units, false) + hot_bytes((uint32_t)units, true) +
		2 * units * sizeof(struct session_cold) +
		buckets_for(max) * sizeof(struct table_bucket);
}

// Pages come when they are touched; large ones where the kernel has them.
static void *map(size_t bytes) {
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	madvise(at, bytes, MADV_HUGEPAGE);
	return at;
}

#define PAGE 4096ul
// An older kernel than 5.14 refuses, and memory comes with the first session on it.
static void touch(void *base, size_t from, size_t to) {
	uintptr_t first = ((uintptr_t)base + from) & ~(PAGE - 1);

	if (from < to)
		madvise((void *)first, (uintptr_t)base + to - first, MADV_POPULATE_WRITE);
}

static void unmap(void *at, size_t bytes) {
	if (at != NULL)
		munmap(at, bytes);
}

int table_init(uint32_t max, uint32_t reserve, const struct session_secret *secret) {
	struct session_table *t = &session_table;
	uint32_t units = units_for(max);

	*t = (struct session_table){.max = max,
		.reserve = reserve,
		.units = units,
		.n_buckets = buckets_for(max),
		.secret = *secret};
	for (unsigned v6 = 0; v6 < 2; v6++) {
		t->hot[v6] = map(hot_bytes(units, v6));
		t->cold[v6] = map(units * sizeof(struct session_cold));
		atomic_init(&t->top[v6], 1); // unit 0 is nobody's
	}
	t->buckets = map(t->n_buckets * sizeof(struct table_bucket));
	if (t->hot[0] && t->hot[1] && t->cold[0] && t->cold[1] && t->buckets)
		return 0;
	table_fini();
	return -ENOMEM;
}

void table_touch_index(void) {
	touch(session_table.buckets, 0, session_table.n_buckets * sizeof(struct table_bucket));
}

void table_touch(bool v6, uint32_t units) {
	struct session_table *t = &session_table;
	uint32_t was = t->touched[v6];

	if (units > t->units)
		units = t->units;
	if (units <= was)
		return;
	touch(t->hot[v6], hot_bytes(was, v6), hot_bytes(units, v6));
	touch(t->cold[v6], was * sizeof(struct session_cold), units * sizeof(struct session_cold));
	t->touched[v6] = units;
}

void table_fini(void) {
	struct session_table *t = &session_table;

	for (unsigned v6 = 0; v6 < 2; v6++) {
		unmap(t->hot[v6], hot_bytes(t->units, v6));
		unmap(t->cold[v6], t->units * sizeof(struct session_cold));
	}
	unmap(t->buckets, t->n_buckets * sizeof(struct table_bucket));
	*t = (struct session_table){0};
}

// ---- units ------------------------------------------------------------------------------------------------------

// A chain of TABLE_CHAIN free units, linked by next; chains are linked by prev of their first. The upper half of the
// list's head counts, so that a head that came back is another one.
static void chain_push(bool v6, uint32_t unit) {
	_Atomic uint64_t *list = &session_table.free[v6];
	uint64_t old = atomic_load(list), head;

	do {
		session_table.cold[v6][unit].prev = (uint32_t)old;
		head = ((old >> 32) + 1) << 32 | unit;
	} while (!atomic_compare_exchange_weak(list, &old, head));
}

static uint32_t chain_pop(bool v6) {
	_Atomic uint64_t *list = &session_table.free[v6];
	uint64_t old = atomic_load(list), head;

	do {
		if ((uint32_t)old == 0)
			return 0;
		head = ((old >> 32) + 1) << 32 | session_table.cold[v6][(uint32_t)old].prev;
	} while (!atomic_compare_exchange_weak(list, &old, head));
	return (uint32_t)old;
}

// Units that were never used, as a chain.
static uint32_t chain_new(bool v6) {
	struct session_cold *cold = session_table.cold[v6];
	uint32_t first = atomic_load(&session_table.top[v6]);

	do {
		if (first + TABLE_CHAIN > session_table.units)
			return 0;
	} while (
		!atomic_compare_exchange_weak(&session_table.top[v6], &first, first + TABLE_CHAIN));
	for (uint32_t i = 0; i < TABLE_CHAIN; i++)
		cold[first + i].next = i + 1 < TABLE_CHAIN ? first + i + 1 : 0;
	return first;
}

static bool refill(struct table_free *mine, bool v6) {
	uint32_t chain = mine->spare[v6];

	mine->spare[v6] = 0;
	if (chain == 0)
		chain = chain_pop(v6);
	if (chain == 0)
		chain = chain_new(v6);
	mine->head[v6] = chain;
	mine->n[v6] = chain == 0 ? 0 : TABLE_CHAIN;
	return chain != 0;
}

// The unit that the next session will be written to.
static void fetch(bool v6, uint32_t unit) {
	const uint8_t *hot = session_table.hot[v6] + hot_bytes(unit, v6);

	for (size_t at = 0; at < hot_bytes(1, v6); at += 64)
		__builtin_prefetch(hot + at, 1);
	__builtin_prefetch(&session_table.cold[v6][unit], 1);
}

session_ref table_alloc(struct table_free *mine, bool v6) {
	if (mine->n[v6] == 0 && !refill(mine, v6))
		return 0;
	uint32_t unit = mine->head[v6];
	mine->head[v6] = session_table.cold[v6][unit].next;
	mine->n[v6]--;
	fetch(v6, mine->head[v6]);
	return unit << 1 | (v6 ? REF_V6 : 0);
}

void table_free_unit(struct table_free *mine, session_ref ref) {
	bool v6 = ref & REF_V6;
	uint32_t unit = ref_unit(ref);

	if (mine->n[v6] == TABLE_CHAIN) {
		if (mine->spare[v6] != 0)
			chain_push(v6, mine->spare[v6]);
		mine->spare[v6] = mine->head[v6];
		mine->head[v6] = mine->n[v6] = 0;
	}
	session_table.cold[v6][unit].next = mine->head[v6];
	mine->head[v6] = unit;
	mine->n[v6]++;
}

// ---- the index ---------------------------------------------------------------------------------------------------

static session_ref bucket_find(
	struct table_bucket *bucket, const struct session_key *key, uint16_t tag, session_ref but) {
	for (unsigned mask = bucket_match(bucket, tag); mask != 0; mask &= mask - 1) {
		session_ref ref = atomic_load_explicit(
			&bucket->refs[__builtin_ctz(mask)], memory_order_acquire);

		if (ref != 0 && ref != but && dir_is(ref_dir(ref), key))
			return ref;
	}
	return 0;
}

static session_ref find_spilled(const struct session_key *key, uint64_t hash, session_ref but) {
	session_ref ref = 0;

	if (atomic_load_explicit(&table_bucket(hash)->spilled, memory_order_acquire) == 0)
		return 0;
	for (unsigned n = 0; ref == 0 && n < TABLE_ALTERNATES; n++)
		ref = bucket_find(table_alternate(hash) + n, key, table_tag(hash), but);
	return ref;
}

session_ref table_find_spilled(const struct session_key *key, uint64_t hash) {
	return find_spilled(key, hash, 0);
}

session_ref table_find(const struct session_key *key, uint64_t hash) {
	session_ref ref = bucket_find(table_bucket(hash), key, table_tag(hash), 0);

	return ref ? ref : find_spilled(key, hash, 0);
}

// The reference is there before the tag, so that who finds the tag finds it.
static bool bucket_put(struct table_bucket *bucket, uint16_t tag, session_ref ref) {
	for (unsigned i = 0; i < TABLE_SLOTS; i++) {
		uint32_t none = 0;

		if (atomic_load_explicit(&bucket->refs[i], memory_order_relaxed) != 0)
			continue;
		if (!atomic_compare_exchange_strong(&bucket->refs[i], &none, ref))
			continue;
		atomic_store(&bucket->tags[i], tag);
		return true;
	}
	return false;
}

static bool bucket_take(struct table_bucket *bucket, session_ref ref) {
	for (unsigned i = 0; i < TABLE_SLOTS; i++) {
		if (atomic_load_explicit(&bucket->refs[i], memory_order_relaxed) != ref)
			continue;
		atomic_store(&bucket->tags[i], 0);
		atomic_store(&bucket->refs[i], 0);
		return true;
	}
	return false;
}

// The first bucket as long as it has room: whoever is elsewhere costs every look-up another line of memory.
static bool put(uint64_t hash, session_ref ref) {
	struct table_bucket *first = table_bucket(hash), *other = table_alternate(hash);

	if (bucket_put(first, table_tag(hash), ref))
		return true;
	atomic_fetch_add(&first->spilled, 1);
	for (unsigned n = 0; n < TABLE_ALTERNATES; n++)
		if (other + n != first && bucket_put(other + n, table_tag(hash), ref))
			return true;
	atomic_fetch_sub(&first->spilled, 1);
	return false;
}

static void take(uint64_t hash, session_ref ref) {
	struct table_bucket *first = table_bucket(hash);
	bool taken = bucket_take(first, ref);

	for (unsigned n = 0; !taken && n < TABLE_ALTERNATES; n++) {
		taken = bucket_take(table_alternate(hash) + n, ref);
		if (taken)
			atomic_fetch_sub(&first->spilled, 1);
	}
}

// Each puts its own in before it looks for another's: of two at the same moment at least one sees the other, and gives way.
int table_insert(session_ref ref) {
	struct session_key key = dir_key(ref_dir(ref));
	uint64_t hash = key_hash(&session_table.secret, &key);

	if (table_find(&key, hash) != 0)
		return -EEXIST;
	if (!put(hash, ref))
		return -ENOSPC;
	atomic_thread_fence(memory_order_seq_cst);
	if (bucket_find(table_bucket(hash), &key, table_tag(hash), ref) == 0 &&
		find_spilled(&key, hash, ref) == 0)
		return 0;
	take(hash, ref);
	return -EEXIST;
}

void table_remove(session_ref ref) {
	struct session_key key = dir_key(ref_dir(ref));

	take(key_hash(&session_table.secret, &key), ref);
}
