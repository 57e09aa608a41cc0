// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "router/fib.h"
#include "router/region.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOP_BITS    24
#define TOP_SIZE    (1u << TOP_BITS)
#define GROUP_SIZE  256u
#define MAX_DEPTH   13 // groups on the way to a /128
#define NIL         UINT32_MAX
#define TOUCH_SHIFT 19 // entries in 2 MiB

static inline uint32_t load(const uint32_t *entry) {
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static inline void store(uint32_t *entry, uint32_t value) {
	__atomic_store_n(entry, value, __ATOMIC_RELAXED);
}

static inline uint32_t leaf(unsigned len, uint32_t slot) {
	return len == 0 ? 0 : slot << 9 | len << 1;
}

static inline bool is_group(uint32_t entry) {
	return entry & 1;
}

static inline unsigned len_of(uint32_t leaf) {
	return leaf >> 1 & 0xff;
}

static inline uint32_t *group_at(const struct fib *fib, uint32_t entry) {
	return fib->groups + (size_t)(entry >> 1) * GROUP_SIZE;
}

static inline uint32_t top_index(const uint8_t *addr) {
	return (uint32_t)addr[0] << 16 | (uint32_t)addr[1] << 8 | addr[2];
}

struct fib *fib_new(unsigned bytes, uint32_t max_groups) {
	struct fib *fib = calloc(1, sizeof(*fib));

	assert((bytes == 4 || bytes == 16) && max_groups <= FIB_MAX_GROUPS);
	if (!fib)
		return NULL;
	fib->bytes = bytes;
	fib->max_groups = max_groups;
	fib->free_head = fib->retired_head = NIL;
	fib->top = region_new(TOP_SIZE * sizeof(uint32_t), 1);
	fib->groups = region_new((size_t)max_groups * GROUP_SIZE * sizeof(uint32_t), 1);
	fib->counts = region_new(max_groups * sizeof(uint32_t), 0);
	if (!fib->top || !fib->groups || !fib->counts) {
		fib_free(fib);
		return NULL;
	}
	return fib;
}

void fib_free(struct fib *fib) {
	if (!fib)
		return;
	region_free(fib->top, TOP_SIZE * sizeof(uint32_t));
	region_free(fib->groups, (size_t)fib->max_groups * GROUP_SIZE * sizeof(uint32_t));
	region_free(fib->counts, fib->max_groups * sizeof(uint32_t));
	free(fib);
}

// ---- groups -----------------------------------------------------------------------------------------------

uint32_t fib_available(const struct fib *fib) {
	return fib->n_free + fib->max_groups - fib->fresh;
}

uint64_t fib_bytes(const struct fib *fib) {
	uint64_t pages = (unsigned)__builtin_popcount(fib->touched);

	return (pages << (TOUCH_SHIFT + 2)) +
		(uint64_t)fib->fresh * (GROUP_SIZE + 1) * sizeof(uint32_t);
}

// A group whose entries are all `fill`. The caller knows that there is one.
static uint32_t group_get(struct fib *fib, uint32_t fill) {
	uint32_t group = fib->free_head;

	if (group != NIL) {
		fib->free_head = fib->counts[group];
		fib->n_free--;
	} else {
		group = fib->fresh++;
	}
	assert(group < fib->max_groups);
	fib->counts[group] = 0;
	uint32_t *entries = fib->groups + (size_t)group * GROUP_SIZE;
	for (unsigned i = 0; i < GROUP_SIZE; i++)
		store(&entries[i], fill);
	return group;
}

static void group_retire(struct fib *fib, uint32_t group) {
	fib->counts[group] = fib->retired_head;
	fib->retired_head = group;
	fib->n_retired++;
}

void fib_reclaim(struct fib *fib) {
	while (fib->retired_head != NIL) {
		uint32_t group = fib->retired_head;

		fib->retired_head = fib->counts[group];
		fib->counts[group] = fib->free_head;
		fib->free_head = group;
		fib->n_free++;
	}
	fib->n_retired = 0;
}

// ---- the writer -------------------------------------------------------------------------------------------

// Overwrites what belongs to prefixes of at most `len` bits.
static void cover(struct fib *fib, uint32_t *table, uint32_t n, unsigned len, uint32_t value) {
	for (uint32_t i = 0; i < n; i++) {
		uint32_t entry = load(&table[i]);

		if (is_group(entry))
			cover(fib, group_at(fib, entry), GROUP_SIZE, len, value);
		else if (len_of(entry) <= len)
			store(&table[i], value);
	}
}

// Overwrites what belongs to the prefix of `len` bits.
static void uncover(struct fib *fib, uint32_t *table, uint32_t n, unsigned len, uint32_t value) {
	for (uint32_t i = 0; i < n; i++) {
		uint32_t entry = load(&table[i]);

		if (is_group(entry))
			uncover(fib, group_at(fib, entry), GROUP_SIZE, len, value);
		else if (len_of(entry) == len)
			store(&table[i], value);
	}
}

// Where the entries of a prefix are: `n` of them at `table`. path: the entries that lead there, `depth` of them.
struct place {
	uint32_t *table;
	uint32_t n;
	unsigned depth;
	uint32_t *path[MAX_DEPTH];
};

// Below `root`, an entry of the first table; len > TOP_BITS. make: groups that are missing are made and published, and each on the
// way counts one prefix more.
static struct place descend(
	struct fib *fib, uint32_t *root, const uint8_t *addr, unsigned len, bool make) {
	struct place place = {.table = root, .n = 1};
	unsigned base = TOP_BITS;

	while (len > base) {
		uint32_t *entry = place.table, value = load(entry);

		if (make && !is_group(value)) {
			value = group_get(fib, value) << 1 | 1;
			// Whoever sees the number sees what is in it.
			__atomic_store_n(entry, value, __ATOMIC_RELEASE);
		}
		assert(is_group(value));
		if (make)
			fib->counts[value >> 1]++;
		place.path[place.depth++] = entry;
		place.table = group_at(fib, value) + addr[base / 8];
		base += 8;
	}
	place.n = 1u << (base - len);
	return place;
}

static struct place find(struct fib *fib, const uint8_t *addr, unsigned len, bool make) {
	uint32_t index = top_index(addr);

	if (len > TOP_BITS)
		return descend(fib, &fib->top[index], addr, len, make);
	return (struct place){.table = &fib->top[index], .n = 1u << (TOP_BITS - len)};
}

static void touch(struct fib *fib, const uint8_t *addr, unsigned len) {
	uint32_t first = top_index(addr) >> TOUCH_SHIFT;
	uint32_t n = len >= TOP_BITS - TOUCH_SHIFT ? 1 : 1u << (TOP_BITS - TOUCH_SHIFT - len);

	for (uint32_t i = first; i < first + n; i++)
		fib->touched |= 1u << i;
}

// How many groups a prefix needs that are not there.
static unsigned missing(const struct fib *fib, const uint8_t *addr, unsigned len) {
	unsigned base = TOP_BITS;
	uint32_t entry = load(&fib->top[top_index(addr)]);

	for (; len > base && is_group(entry); base += 8)
		entry = load(group_at(fib, entry) + addr[base / 8]);
	return len > base ? (len - base + 7) / 8 : 0;
}

int fib_add(struct fib *fib, const uint8_t *addr, unsigned len, uint32_t slot, uint32_t spare) {
	assert(len <= fib->bytes * 8 && slot > 0 && slot <= FIB_MAX_SLOT);
	if (len == 0) {
		store(&fib->fallback, slot);
		return 0;
	}
	unsigned wanted = missing(fib, addr, len);
	if (wanted > 0 && wanted + spare > fib_available(fib))
		return -ENOSPC;
	struct place place = find(fib, addr, len, true);
	touch(fib, addr, len);
	cover(fib, place.table, place.n, len, leaf(len, slot));
	return 0;
}

void fib_replace(struct fib *fib, const uint8_t *addr, unsigned len, uint32_t slot) {
	assert(slot > 0 && slot <= FIB_MAX_SLOT);
	if (len == 0) {
		store(&fib->fallback, slot);
		return;
	}
	struct place place = find(fib, addr, len, false);
	uncover(fib, place.table, place.n, len, leaf(len, slot));
}

// A group in which no prefix lies has one answer for all.
static void collapse(struct fib *fib, const struct place *place) {
	for (unsigned i = place->depth; i-- > 0;) {
		uint32_t group = load(place->path[i]) >> 1;

		if (--fib->counts[group] > 0)
			continue;
		store(place->path[i], load(fib->groups + (size_t)group * GROUP_SIZE));
		group_retire(fib, group);
	}
}

void fib_del(struct fib *fib, const uint8_t *addr, unsigned len, unsigned parent_len,
	uint32_t parent_slot) {
	if (len == 0) {
		store(&fib->fallback, 0);
		return;
	}
	assert(parent_len < len);
	struct place place = find(fib, addr, len, false);
	uncover(fib, place.table, place.n, len, leaf(parent_len, parent_slot));
	collapse(fib, &place);
}

// ---- audit ------------------------------------------------------------------------------------------------

struct range {
	const uint8_t *first, *last;
	uint32_t want;
	uint8_t *wrong; // an address below the first entry that was found wrong
	int found;
};

static unsigned byte_or_top(const uint8_t *addr, unsigned base) {
	return base == 0 ? top_index(addr) : addr[base / 8];
}

static bool all(const uint8_t *addr, unsigned from, unsigned to, uint8_t value) {
	for (unsigned i = from; i < to; i++)
		if (addr[i] != value)
			return false;
	return true;
}

static void note(
	const struct fib *fib, struct range *r, const uint8_t *at, unsigned base, unsigned i) {
	if (r->found++ > 0)
		return;
	memset(r->wrong, 0, fib->bytes);
	if (base == 0) {
		r->wrong[0] = (uint8_t)(i >> 16);
		r->wrong[1] = (uint8_t)(i >> 8);
		r->wrong[2] = (uint8_t)i;
		return;
	}
	memcpy(r->wrong, at, base / 8);
	r->wrong[base / 8] = (uint8_t)i;
}

// `base`: bits before this table's index. low, high: the range begins, ends within this table.
static int check(
	struct fib *fib, uint32_t *table, unsigned base, struct range *r, bool low, bool high) {
	unsigned next = base == 0 ? TOP_BITS : base + 8, size = base == 0 ? TOP_SIZE : GROUP_SIZE;
	unsigned first = low ? byte_or_top(r->first, base) : 0;
	unsigned last = high ? byte_or_top(r->last, base) : size - 1;

	for (unsigned i = first; i <= last; i++) {
		bool begins = low && i == first && !all(r->first, next / 8, fib->bytes, 0);
		bool ends = high && i == last && !all(r->last, next / 8, fib->bytes, 0xff);
		uint32_t entry = load(&table[i]);

		// A leaf may reach beyond the range: what is there is another range's question.
		if (entry == r->want)
			continue;
		if ((begins || ends) && is_group(entry) && entry >> 1 < fib->fresh) {
			if (check(fib, group_at(fib, entry), next, r, begins, ends) == 0)
				continue;
			return -EUCLEAN;
		}
		note(fib, r, low ? r->first : r->last, base, i);
		if (begins || ends || is_group(entry))
			return -EUCLEAN;
		store(&table[i], r->want);
	}
	return 0;
}

int fib_check(struct fib *fib, const uint8_t *first, const uint8_t *last, unsigned len,
	uint32_t slot, uint8_t *wrong) {
	struct range r = {.first = first, .last = last, .want = leaf(len, slot), .wrong = wrong};
	int rc = check(fib, fib->top, 0, &r, true, true);

	return rc < 0 ? rc : r.found;
}

void fib_block_begin(
	struct fib_block *block, const uint8_t *addr, unsigned parent_len, uint32_t parent_slot) {
	block->index = top_index(addr);
	block->root = leaf(parent_len, parent_slot);
}

int fib_block_add(struct fib *fib, struct fib_block *block, const uint8_t *addr, unsigned len,
	uint32_t slot) {
	if ((len - TOP_BITS + 7) / 8 > fib_available(fib))
		return -ENOSPC;
	struct place place = descend(fib, &block->root, addr, len, true);
	cover(fib, place.table, place.n, len, leaf(len, slot));
	return 0;
}

void fib_block_end(struct fib *fib, const struct fib_block *block) {
	__atomic_store_n(&fib->top[block->index], block->root, __ATOMIC_RELEASE);
}
