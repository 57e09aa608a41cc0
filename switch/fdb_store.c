// SPDX-License-Identifier: BSD-3-Clause
#include "switch/fdb_priv.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

// A big table wants huge pages: two look-ups per packet would be two TLB misses.
#define HUGE_PAGE (2u << 20)

static void *buckets_alloc(size_t bytes) {
	void *p;

	if (bytes < HUGE_PAGE)
		return aligned_alloc(64, bytes);
	p = aligned_alloc(HUGE_PAGE, bytes);
	if (p != NULL)
		madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}

static void store_seed(struct fdb_table *t) {
	uint64_t random[2] = {0x9e3779b97f4a7c15, 0xd1b54a32d192ed03};

	// Without entropy the table still works; only its buckets could be aimed at.
	(void)!getrandom(random, sizeof(random), GRND_NONBLOCK);
	t->seed = random[0];
	t->mult = random[1] | 1;
}

struct fdb_store *fdb_store_new(uint32_t n_main, uint32_t tick_shift) {
	struct fdb_store *st = calloc(1, sizeof(*st));
	uint32_t n_over = n_main / 8 + 16, n = n_main + n_over;

	if (st == NULL)
		return NULL;
	st->bytes = (size_t)n * sizeof(struct fdb_bucket);
	if (st->bytes >= HUGE_PAGE)
		st->bytes = (st->bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	st->table.buckets = buckets_alloc(st->bytes);
	st->recs = calloc((size_t)n * FDB_SLOTS, sizeof(struct fdb_rec));
	if (st->table.buckets == NULL || st->recs == NULL) {
		fdb_store_free(st);
		return NULL;
	}
	memset(st->table.buckets, 0, st->bytes);
	st->table.mask = n_main - 1;
	st->table.tick_shift = tick_shift;
	store_seed(&st->table);
	st->n_main = n_main;
	st->n_over = n_over;
	for (uint32_t b = n_main; b < n; b++)
		st->recs[(size_t)b * FDB_SLOTS].next = b + 1 < n ? b + 1 : FDB_NONE;
	st->over_free = n_main;
	for (unsigned i = 0; i < FDB_LISTS; i++)
		st->lists[i].head = st->lists[i].tail = FDB_NONE;
	return st;
}

void fdb_store_free(struct fdb_store *st) {
	if (st == NULL)
		return;
	free(st->recs);
	free(st->table.buckets);
	free(st);
}

static uint32_t bucket_index(const struct fdb_store *st, const struct fdb_bucket *b) {
	return (uint32_t)(b - st->table.buckets);
}

uint32_t fdb_slot_find(const struct fdb_store *st, uint64_t key) {
	const struct fdb_bucket *b = fdb_bucket_of(&st->table, key);

	for (;; b += b->next) {
		for (uint32_t i = 0; i < FDB_SLOTS; i++)
			if (b->key[i] == key)
				return bucket_index(st, b) * FDB_SLOTS + i;
		if (b->next == 0)
			return FDB_NONE;
	}
}

uint32_t fdb_slot_neighbour(const struct fdb_store *st, uint64_t key) {
	const struct fdb_bucket *b = fdb_bucket_of(&st->table, key);

	for (;; b += b->next) {
		for (uint32_t i = 0; i < FDB_SLOTS; i++)
			if (b->key[i] != 0 && !(b->port[i] & FDB_STATIC_BIT))
				return bucket_index(st, b) * FDB_SLOTS + i;
		if (b->next == 0)
			return FDB_NONE;
	}
}

static void list_add(struct fdb_store *st, uint32_t slot, unsigned list) {
	struct fdb_list *l = &st->lists[list];
	struct fdb_rec *r = &st->recs[slot];

	r->list = (uint8_t)list;
	r->prev = l->tail;
	r->next = FDB_NONE;
	if (l->tail == FDB_NONE)
		l->head = slot;
	else
		st->recs[l->tail].next = slot;
	l->tail = slot;
	l->n++;
}

static void list_del(struct fdb_store *st, uint32_t slot) {
	const struct fdb_rec *r = &st->recs[slot];
	struct fdb_list *l = &st->lists[r->list];

	if (r->prev == FDB_NONE)
		l->head = r->next;
	else
		st->recs[r->prev].next = r->next;
	if (r->next == FDB_NONE)
		l->tail = r->prev;
	else
		st->recs[r->next].prev = r->prev;
	l->n--;
}

void fdb_slot_relink(struct fdb_store *st, uint32_t slot, unsigned list) {
	list_del(st, slot);
	list_add(st, slot, list);
}

// The value is in place before the key says so: a reader that sees the key sees its value.
static uint32_t slot_fill(struct fdb_store *st, struct fdb_bucket *b, unsigned i, uint64_t key,
	uint16_t port, uint16_t seen, unsigned list) {
	uint32_t slot = bucket_index(st, b) * FDB_SLOTS + i;

	st->recs[slot] = (struct fdb_rec){.confirmed = seen};
	__atomic_store_n(&b->port[i], port, __ATOMIC_RELAXED);
	__atomic_store_n(&b->seen[i], seen, __ATOMIC_RELAXED);
	__atomic_store_n(&b->key[i], key, __ATOMIC_RELEASE);
	list_add(st, slot, list);
	st->count++;
	return slot;
}

uint32_t fdb_slot_add(
	struct fdb_store *st, uint64_t key, uint16_t port, uint16_t seen, unsigned list) {
	struct fdb_bucket *b = fdb_bucket_of(&st->table, key), *over;
	unsigned hops = 1;
	uint32_t slot;

	for (;; b += b->next, hops++) {
		for (unsigned i = 0; i < FDB_SLOTS; i++)
			if (b->key[i] == 0)
				return slot_fill(st, b, i, key, port, seen, list);
		if (b->next == 0)
			break;
	}
	if (hops == FDB_CHAIN || st->over_free == FDB_NONE)
		return FDB_NONE;
	over = st->table.buckets + st->over_free;
	st->over_free = st->recs[(size_t)st->over_free * FDB_SLOTS].next;
	slot = slot_fill(st, over, 0, key, port, seen, list);
	__atomic_store_n(&b->next, (int32_t)(over - b), __ATOMIC_RELEASE);
	return slot;
}

static bool bucket_empty(const struct fdb_bucket *b) {
	for (unsigned i = 0; i < FDB_SLOTS; i++)
		if (b->key[i] != 0)
			return false;
	return true;
}

// A reader that stands in `b` at this moment may be led into another chain when `b` is used again: it finds no
// such key there, and its walk is bounded.
static void over_unlink(struct fdb_store *st, struct fdb_bucket *b, uint64_t key) {
	struct fdb_bucket *prev = fdb_bucket_of(&st->table, key);
	uint32_t index = bucket_index(st, b);

	while (prev + prev->next != b) {
		assert(prev->next != 0);
		prev += prev->next;
	}
	__atomic_store_n(
		&prev->next, b->next == 0 ? 0 : (int32_t)(b + b->next - prev), __ATOMIC_RELEASE);
	__atomic_store_n(&b->next, 0, __ATOMIC_RELAXED);
	st->recs[(size_t)index * FDB_SLOTS].next = st->over_free;
	st->over_free = index;
}

void fdb_slot_del(struct fdb_store *st, uint32_t slot) {
	struct fdb_bucket *b = fdb_slot_bucket(st, slot);
	uint64_t key = fdb_slot_key(st, slot);

	list_del(st, slot);
	__atomic_store_n(&b->key[slot % FDB_SLOTS], 0, __ATOMIC_RELEASE);
	st->count--;
	if (slot / FDB_SLOTS >= st->n_main && bucket_empty(b))
		over_unlink(st, b, key);
}

static uint16_t rebase(
	uint16_t seen, const struct fdb_table *from, const struct fdb_table *to, uint64_t now_ns) {
	int16_t ticks = (int16_t)(fdb_tick(from, now_ns) - seen);
	uint64_t age_ns = ticks < 0 ? 0 : (uint64_t)ticks << from->tick_shift;

	if (from->tick_shift == to->tick_shift)
		return seen;
	return (uint16_t)(fdb_tick(to, now_ns) - (uint16_t)(age_ns >> to->tick_shift));
}

bool fdb_store_copy(struct fdb_store *to, const struct fdb_store *from, uint64_t now_ns) {
	for (unsigned list = 0; list < FDB_LISTS; list++) {
		for (uint32_t s = from->lists[list].head; s != FDB_NONE; s = from->recs[s].next) {
			const struct fdb_rec *old = &from->recs[s];
			uint16_t was = fdb_slot_seen(from, s);
			uint16_t seen = rebase(was, &from->table, &to->table, now_ns);
			uint32_t slot = fdb_slot_add(
				to, fdb_slot_key(from, s), *fdb_slot_port(from, s), seen, list);

			if (slot == FDB_NONE)
				return false;
			to->recs[slot].moved_at = old->moved_at;
			to->recs[slot].held_until = old->held_until;
			to->recs[slot].moves = old->moves;
			to->recs[slot].confirmed =
				old->confirmed == was ? seen : (uint16_t)(seen - 1);
		}
	}
	return true;
}

static const char *list_verify(const struct fdb_store *st, unsigned list, uint32_t *total) {
	const struct fdb_list *l = &st->lists[list];
	uint32_t n = 0, prev = FDB_NONE;

	for (uint32_t s = l->head; s != FDB_NONE; prev = s, s = st->recs[s].next, n++) {
		uint16_t port = *fdb_slot_port(st, s);

		if (fdb_slot_key(st, s) == 0)
			return "a list holds an empty slot";
		if (st->recs[s].list != list || st->recs[s].prev != prev)
			return "a list's links are broken";
		if ((list == FDB_LIST_STATIC) != !!(port & FDB_STATIC_BIT))
			return "a static entry is not on its list";
		if (list != FDB_LIST_STATIC && (port & FDB_PORT_MASK) != list % FDB_PORTS)
			return "an entry is on another port's list";
		if (fdb_slot_find(st, fdb_slot_key(st, s)) != s)
			return "an entry cannot be found";
		if (n > st->count)
			return "a list has a loop";
	}
	*total += n;
	return n == l->n && prev == l->tail ? NULL : "a list's length is wrong";
}

const char *fdb_store_verify(const struct fdb_store *st) {
	uint32_t listed = 0, filled = 0, over_used = 0, over_free = 0;
	const char *why;

	for (unsigned list = 0; list < FDB_LISTS; list++) {
		why = list_verify(st, list, &listed);
		if (why != NULL)
			return why;
	}
	for (uint32_t b = 0; b < st->n_main + st->n_over; b++) {
		const struct fdb_bucket *bucket = &st->table.buckets[b];

		for (unsigned i = 0; i < FDB_SLOTS; i++)
			filled += bucket->key[i] != 0;
		over_used += b >= st->n_main && !bucket_empty(bucket);
	}
	for (uint32_t b = st->over_free; b != FDB_NONE; b = st->recs[(size_t)b * FDB_SLOTS].next)
		over_free++;
	if (listed != st->count || filled != st->count)
		return "the count is wrong";
	return over_used + over_free == st->n_over ? NULL : "an overflow bucket is lost";
}
