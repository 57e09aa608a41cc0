// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// The writer's half of fib.h.
#include "router/fib/fib_priv.h"
#include "router/fib/region.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define NIL         UINT32_MAX
#define SPARE_SHIFT 4 // the share of everything that is kept for what is our own
#define MOST_BUCKETS \
	40 // that one prefix may take: four buckets that become groups, of seven prefixes each

static size_t top_bytes(const struct fib *fib) {
	return ((size_t)1 << fib->top_bits) * sizeof(uint32_t);
}

static size_t short_bytes(const struct fib *fib) {
	return ((size_t)1 << fib->short_bits) * sizeof(uint32_t);
}

static size_t bitmap_words(unsigned bits) {
	return (((size_t)1 << bits >> FIB_PAGE_SHIFT) + 63) / 64;
}

static bool pool_init(struct fib_pool *pool, uint32_t max) {
	*pool = (struct fib_pool){.max = max, .free_head = NIL, .retired_head = NIL};
	pool->links = region_new(max * sizeof(*pool->links), 0);
	return pool->links != NULL;
}

struct fib *fib_new(unsigned bytes, const struct fib_limits *limits) {
	struct fib *fib = calloc(1, sizeof(*fib));

	assert((bytes == 4 || bytes == 16) && limits->groups <= FIB_MAX_GROUPS);
	if (!fib)
		return NULL;
	fib->bytes = bytes;
	fib->top_bits = bytes == 4 ? 24 : 32;
	fib->short_bits = bytes == 4 ? 0 : FIB_SHORT_BITS;
	fib->max_pages = bytes == 4 ? 1u << (fib->top_bits - FIB_PAGE_SHIFT) << 1 : limits->pages;
	bool ok = pool_init(&fib->group_pool, limits->groups) &&
		pool_init(&fib->bucket_pool, bytes == 4 ? 1 : limits->buckets);
	fib->top = region_new(top_bytes(fib), 1);
	fib->shorts = region_new(short_bytes(fib), 1);
	fib->groups = region_new((size_t)limits->groups * FIB_GROUP_SIZE * sizeof(uint32_t), 1);
	fib->buckets = region_new((size_t)fib->bucket_pool.max * sizeof(*fib->buckets), 1);
	fib->touched = calloc(bitmap_words(fib->top_bits), sizeof(uint64_t));
	fib->short_touched = calloc(bitmap_words(FIB_SHORT_BITS), sizeof(uint64_t));
	if (!ok || !fib->top || !fib->shorts || !fib->groups || !fib->buckets || !fib->touched ||
		!fib->short_touched) {
		fib_free(fib);
		return NULL;
	}
	return fib;
}

void fib_free(struct fib *fib) {
	if (!fib)
		return;
	region_free(fib->top, top_bytes(fib));
	region_free(fib->shorts, short_bytes(fib));
	region_free(fib->groups, (size_t)fib->group_pool.max * FIB_GROUP_SIZE * sizeof(uint32_t));
	region_free(fib->buckets, (size_t)fib->bucket_pool.max * sizeof(*fib->buckets));
	region_free(fib->group_pool.links, fib->group_pool.max * sizeof(uint32_t));
	region_free(fib->bucket_pool.links, fib->bucket_pool.max * sizeof(uint32_t));
	free(fib->touched);
	free(fib->short_touched);
	free(fib);
}

// ---- groups, buckets, pages ---------------------------------------------------------------------------------

static uint32_t available(const struct fib_pool *pool) {
	return pool->n_free + pool->max - pool->fresh;
}

// The caller knows that there is one.
static uint32_t pool_get(struct fib_pool *pool) {
	uint32_t index = pool->free_head;

	if (index != NIL) {
		pool->free_head = pool->links[index];
		pool->n_free--;
	} else {
		index = pool->fresh++;
	}
	assert(index < pool->max);
	pool->links[index] = 0;
	return index;
}

static void pool_retire(struct fib_pool *pool, uint32_t index) {
	pool->links[index] = pool->retired_head;
	pool->retired_head = index;
	pool->n_retired++;
}

static void pool_reclaim(struct fib_pool *pool) {
	while (pool->retired_head != NIL) {
		uint32_t index = pool->retired_head;

		pool->retired_head = pool->links[index];
		pool->links[index] = pool->free_head;
		pool->free_head = index;
		pool->n_free++;
	}
	pool->n_retired = 0;
}

uint32_t fib_retired(const struct fib *fib) {
	return fib->group_pool.n_retired + fib->bucket_pool.n_retired;
}

void fib_reclaim(struct fib *fib) {
	pool_reclaim(&fib->group_pool);
	pool_reclaim(&fib->bucket_pool);
}

uint64_t fib_bytes(const struct fib *fib) {
	uint64_t pages = fib->pages;

	for (size_t i = 0; i < bitmap_words(FIB_SHORT_BITS); i++)
		pages += (unsigned)__builtin_popcountll(fib->short_touched[i]);
	return (pages << (FIB_PAGE_SHIFT + 2)) +
		(uint64_t)fib->group_pool.fresh * (FIB_GROUP_SIZE + 1) * sizeof(uint32_t) +
		(uint64_t)fib->bucket_pool.fresh * (sizeof(*fib->buckets) + sizeof(uint32_t));
}

static bool is_touched(const uint64_t *bitmap, uint32_t page) {
	return bitmap[page / 64] >> page % 64 & 1;
}

static bool is_short(const struct fib *fib, unsigned len) {
	return len <= fib->short_bits;
}

// The pages that a prefix's own entries lie on come into use.
static void touch(struct fib *fib, const uint8_t *addr, unsigned len) {
	uint64_t *bitmap = is_short(fib, len) ? fib->short_touched : fib->touched;
	unsigned bits = is_short(fib, len) ? fib->short_bits : fib->top_bits;
	uint32_t first = fib_word(addr) >> (32 - bits), n = len < bits ? 1u << (bits - len) : 1;

	for (uint32_t page = first >> FIB_PAGE_SHIFT; page <= (first + (n - 1)) >> FIB_PAGE_SHIFT;
		page++) {
		if (is_touched(bitmap, page))
			continue;
		bitmap[page / 64] |= (uint64_t)1 << page % 64;
		fib->pages += bitmap == fib->touched;
	}
}

// ---- covering -----------------------------------------------------------------------------------------------

// Overwrites what belongs to prefixes of at most `len` bits, in n entries and below them.
static void cover(struct fib *fib, uint32_t *table, uint32_t n, unsigned len, uint32_t value) {
	for (uint32_t i = 0; i < n; i++) {
		uint32_t *entry = &table[i], was = fib_load(entry);

		if (fib_is_group(was)) {
			cover(fib, fib_group(fib, was), FIB_GROUP_SIZE, len, value);
			continue;
		}
		if (fib_is_bucket(was)) {
			entry = &fib_bucket(fib, was)->entries[0];
			was = fib_load(entry);
		}
		if (fib_len(was) <= len)
			fib_store(entry, value);
	}
}

// Overwrites what belongs to the prefix of `len` bits.
static void uncover(struct fib *fib, uint32_t *table, uint32_t n, unsigned len, uint32_t value) {
	for (uint32_t i = 0; i < n; i++) {
		uint32_t *entry = &table[i], was = fib_load(entry);

		if (fib_is_group(was)) {
			uncover(fib, fib_group(fib, was), FIB_GROUP_SIZE, len, value);
			continue;
		}
		if (fib_is_bucket(was)) {
			entry = &fib_bucket(fib, was)->entries[0];
			was = fib_load(entry);
		}
		if (fib_len(was) == len)
			fib_store(entry, value);
	}
}

// Whoever sees the number sees what is in it.
static void publish(uint32_t *entry, uint32_t value) {
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

// ---- buckets ------------------------------------------------------------------------------------------------

static bool fits_bucket(const struct fib *fib, unsigned base, unsigned len) {
	return fib->bytes == 16 && base >= 32 && len <= FIB_BUCKET_BITS;
}

struct member {
	uint32_t entry, key;
};

// The prefixes of a bucket, each once.
static unsigned members_of(const struct fib_bucket *bucket, struct member *members) {
	unsigned n = bucket->keys[0];

	for (unsigned i = 0; i < n; i++) {
		unsigned from = FIB_BUCKET + 1 - n + i;

		members[i] = (struct member){fib_load(&bucket->entries[from]), bucket->keys[from]};
	}
	return n;
}

static uint32_t bucket_new(
	struct fib *fib, uint32_t miss, const struct member *members, unsigned n) {
	uint32_t index = pool_get(&fib->bucket_pool);
	struct fib_bucket *bucket = &fib->buckets[index];

	fib_store(&bucket->entries[0], miss);
	bucket->keys[0] = n;
	for (unsigned i = 1; i <= FIB_BUCKET; i++) {
		unsigned skip = FIB_BUCKET - n;
		const struct member *member = &members[i <= skip ? 0 : i - 1 - skip];

		fib_store(&bucket->entries[i], member->entry);
		__atomic_store_n(&bucket->keys[i], member->key, __ATOMIC_RELAXED);
	}
	return index << 2 | 3;
}

// The bucket at `entry` (or none: a leaf) with one prefix more.
static void bucket_add(struct fib *fib, uint32_t *entry, struct member added) {
	struct member members[FIB_BUCKET + 1];
	uint32_t was = fib_load(entry), miss = was;
	unsigned n = 0, at;

	if (fib_is_bucket(was)) {
		n = members_of(fib_bucket(fib, was), members);
		miss = fib_load(&fib_bucket(fib, was)->entries[0]);
	}
	for (at = n; at > 0 && fib_len(members[at - 1].entry) > fib_len(added.entry); at--)
		members[at] = members[at - 1];
	members[at] = added;
	publish(entry, bucket_new(fib, miss, members, n + 1));
	if (n > 0)
		pool_retire(&fib->bucket_pool, was >> 2);
}

static void bucket_del(struct fib *fib, uint32_t *entry, uint32_t key, unsigned len) {
	struct member members[FIB_BUCKET];
	uint32_t was = fib_load(entry), miss = fib_load(&fib_bucket(fib, was)->entries[0]);
	unsigned n = members_of(fib_bucket(fib, was), members), kept = 0;

	for (unsigned i = 0; i < n; i++)
		if (members[i].key != key || fib_len(members[i].entry) != len)
			members[kept++] = members[i];
	publish(entry, kept > 0 ? bucket_new(fib, miss, members, kept) : miss);
	pool_retire(&fib->bucket_pool, was >> 2);
}

static void bucket_replace(struct fib_bucket *bucket, uint32_t key, uint32_t value) {
	for (unsigned i = 1; i <= FIB_BUCKET; i++)
		if (bucket->keys[i] == key && fib_len(bucket->entries[i]) == fib_len(value))
			fib_store(&bucket->entries[i], value);
}

// ---- one prefix below an entry ------------------------------------------------------------------------------

static uint32_t group_new(struct fib *fib, uint32_t fill) {
	uint32_t index = pool_get(&fib->group_pool), *entries;

	entries = fib->groups + (size_t)index * FIB_GROUP_SIZE;
	for (unsigned i = 0; i < FIB_GROUP_SIZE; i++)
		fib_store(&entries[i], fill);
	return index << 2 | 1;
}

static void insert(struct fib *fib, uint32_t *entry, unsigned base, const uint8_t *addr,
	unsigned len, uint32_t value);

// A group, aside, with what the bucket holds.
static uint32_t group_of_bucket(
	struct fib *fib, const struct fib_bucket *bucket, unsigned base, const uint8_t *addr) {
	struct member members[FIB_BUCKET];
	unsigned n = members_of(bucket, members);
	uint32_t group = group_new(fib, fib_load(&bucket->entries[0]));
	uint8_t at[16];

	memcpy(at, addr, sizeof(at));
	for (unsigned i = 0; i < n; i++) {
		uint32_t key = __builtin_bswap32(members[i].key);

		memcpy(at + 4, &key, sizeof(key));
		memset(at + 8, 0, 8);
		insert(fib, &group, base, at, fib_len(members[i].entry), members[i].entry);
	}
	return group;
}

// `base`: bits before the index of the group or the bucket that `entry` is to lead to; len > base.
static void insert(struct fib *fib, uint32_t *entry, unsigned base, const uint8_t *addr,
	unsigned len, uint32_t value) {
	uint32_t was = fib_load(entry);
	bool full = fib_is_bucket(was) && fib_bucket(fib, was)->keys[0] == FIB_BUCKET;

	if (!fib_is_group(was) && fits_bucket(fib, base, len) && !full) {
		bucket_add(fib, entry, (struct member){value, fib_word(addr + 4)});
		return;
	}
	if (fib_is_bucket(was)) {
		publish(entry, group_of_bucket(fib, fib_bucket(fib, was), base, addr));
		pool_retire(&fib->bucket_pool, was >> 2);
	} else if (fib_is_leaf(was)) {
		publish(entry, group_new(fib, was));
	}
	was = fib_load(entry);
	fib->group_pool.links[was >> 2]++;
	entry = fib_group(fib, was) + addr[base / 8];
	base += 8;
	if (len <= base)
		cover(fib, entry, 1u << (base - len), len, value);
	else
		insert(fib, entry, base, addr, len, value);
}

// A group in which no prefix lies has one answer for all.
static void erase(struct fib *fib, uint32_t *entry, unsigned base, const uint8_t *addr,
	unsigned len, uint32_t value) {
	uint32_t was = fib_load(entry), *below;

	if (fib_is_bucket(was)) {
		bucket_del(fib, entry, fib_word(addr + 4), len);
		return;
	}
	assert(fib_is_group(was));
	below = fib_group(fib, was) + addr[base / 8];
	if (len <= base + 8)
		uncover(fib, below, 1u << (base + 8 - len), len, value);
	else
		erase(fib, below, base + 8, addr, len, value);
	if (--fib->group_pool.links[was >> 2] > 0)
		return;
	publish(entry, fib_load(fib_group(fib, was)));
	pool_retire(&fib->group_pool, was >> 2);
}

// What one prefix may take: groups below the last that is there, when a bucket is not enough.
static unsigned groups_wanted(
	const struct fib *fib, uint32_t entry, const uint8_t *addr, unsigned len) {
	unsigned base = fib->top_bits;

	for (; len > base && fib_is_group(entry); base += 8)
		entry = fib_load(fib_group(fib, entry) + addr[base / 8]);
	if (len <= base)
		return 0;
	if (fits_bucket(fib, base, len) &&
		(fib_is_leaf(entry) || fib_bucket(fib, entry)->keys[0] < FIB_BUCKET))
		return 0;
	return (len - base + 7) / 8;
}

static bool has_room(
	const struct fib *fib, uint32_t root, const uint8_t *addr, unsigned len, bool own) {
	unsigned shift = own ? 31 : SPARE_SHIFT, groups = groups_wanted(fib, root, addr, len);

	if (groups > 0 && groups + (fib->group_pool.max >> shift) > available(&fib->group_pool))
		return false;
	return fib->bytes == 4 ||
		MOST_BUCKETS + (fib->bucket_pool.max >> shift) <= available(&fib->bucket_pool);
}

// ---- the writer ---------------------------------------------------------------------------------------------

static uint32_t *own_entries(
	const struct fib *fib, const uint8_t *addr, unsigned len, uint32_t *n) {
	if (is_short(fib, len)) {
		*n = 1u << (fib->short_bits - len);
		return &fib->shorts[fib_short_index(addr)];
	}
	*n = 1u << (fib->top_bits - len);
	return &fib->top[fib_top_index(fib, addr)];
}

int fib_add(struct fib *fib, const uint8_t *addr, unsigned len, uint32_t slot, bool own) {
	uint32_t n, *root;

	assert(len <= fib->bytes * 8 && slot > 0 && slot <= FIB_MAX_SLOT);
	if (len == 0) {
		fib_store(&fib->fallback, slot);
		return 0;
	}
	if (!is_short(fib, len)) {
		uint32_t page = fib_top_index(fib, addr) >> FIB_PAGE_SHIFT;
		uint32_t spare = own ? 0 : fib->max_pages >> SPARE_SHIFT;

		// IPv4's prefixes may have several pages; they have all that there are.
		if (!is_touched(fib->touched, page) && fib->pages + spare >= fib->max_pages)
			return -ENOSPC;
	}
	if (len > fib->top_bits) {
		root = &fib->top[fib_top_index(fib, addr)];
		if (!has_room(fib, fib_load(root), addr, len, own))
			return -ENOSPC;
		touch(fib, addr, len);
		insert(fib, root, fib->top_bits, addr, len, fib_leaf(len, slot));
		return 0;
	}
	root = own_entries(fib, addr, len, &n);
	touch(fib, addr, len);
	cover(fib, root, n, len, fib_leaf(len, slot));
	return 0;
}

void fib_replace(struct fib *fib, const uint8_t *addr, unsigned len, uint32_t slot) {
	unsigned base = fib->top_bits;
	uint32_t value = fib_leaf(len, slot), n, *entry;

	assert(slot > 0 && slot <= FIB_MAX_SLOT);
	if (len == 0) {
		fib_store(&fib->fallback, slot);
		return;
	}
	if (len <= fib->top_bits) {
		entry = own_entries(fib, addr, len, &n);
		uncover(fib, entry, n, len, value);
		return;
	}
	entry = &fib->top[fib_top_index(fib, addr)];
	for (; len > base && fib_is_group(fib_load(entry)); base += 8)
		entry = fib_group(fib, fib_load(entry)) + addr[base / 8];
	if (len > base)
		bucket_replace(fib_bucket(fib, fib_load(entry)), fib_word(addr + 4), value);
	else
		uncover(fib, entry, 1u << (base - len), len, value);
}

void fib_del(struct fib *fib, const uint8_t *addr, unsigned len, unsigned parent_len,
	uint32_t parent_slot) {
	uint32_t value, n, *entry;

	if (len == 0) {
		fib_store(&fib->fallback, 0);
		return;
	}
	assert(parent_len < len);
	value = fib_leaf(parent_len, parent_slot);
	if (is_short(fib, parent_len) && !is_short(fib, len))
		value = 0;
	if (len <= fib->top_bits) {
		entry = own_entries(fib, addr, len, &n);
		uncover(fib, entry, n, len, value);
		return;
	}
	erase(fib, &fib->top[fib_top_index(fib, addr)], fib->top_bits, addr, len, value);
}

// ---- one block anew -----------------------------------------------------------------------------------------

void fib_block_begin(const struct fib *fib, struct fib_block *block, const uint8_t *addr,
	unsigned parent_len, uint32_t parent_slot) {
	block->index = fib_top_index(fib, addr);
	block->root = is_short(fib, parent_len) ? 0 : fib_leaf(parent_len, parent_slot);
}

int fib_block_add(struct fib *fib, struct fib_block *block, const uint8_t *addr, unsigned len,
	uint32_t slot) {
	if (!has_room(fib, block->root, addr, len, true))
		return -ENOSPC;
	insert(fib, &block->root, fib->top_bits, addr, len, fib_leaf(len, slot));
	return 0;
}

void fib_block_end(struct fib *fib, const struct fib_block *block) {
	publish(&fib->top[block->index], block->root);
}
