// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// Whether a forwarding table says what it should.
#include "router/fib/fib_priv.h"
#include <errno.h>

struct range {
	const uint8_t *first, *last;
	uint32_t want;
	uint8_t at[16]; // where the check is
	uint8_t *wrong;
	int found;
};

static bool all(const uint8_t *addr, unsigned from, unsigned to, uint8_t value) {
	for (unsigned i = from; i < to; i++)
		if (addr[i] != value)
			return false;
	return true;
}

static void note(const struct fib *fib, struct range *r, unsigned bits) {
	if (r->found++ > 0)
		return;
	memset(r->wrong, 0, fib->bytes);
	memcpy(r->wrong, r->at, bits / 8);
}

static void index_write(uint8_t *at, unsigned bits, uint64_t index) {
	uint32_t word = __builtin_bswap32((uint32_t)(index << (32 - bits)));

	memcpy(at, &word, bits / 8);
}

// What a bucket answers changes where one of its prefixes begins, and after it ends.
static bool bucket_answers(
	const struct fib_bucket *bucket, uint32_t low, uint32_t high, uint32_t want) {
	if (fib_bucket_find(bucket, low) != want)
		return false;
	for (unsigned i = 1; i <= FIB_BUCKET; i++) {
		uint32_t begin = bucket->keys[i];
		uint64_t size = (uint64_t)1
			<< (FIB_BUCKET_BITS - fib_len(fib_load(&bucket->entries[i])));
		uint64_t after = begin + size;

		if (begin >= low && begin <= high && fib_bucket_find(bucket, begin) != want)
			return false;
		if (after >= low && after <= high &&
			fib_bucket_find(bucket, (uint32_t)after) != want)
			return false;
	}
	return true;
}

// The stretch of bits 32..63 that is asked for, within the entry whose prefix of `bits` bits is r->at.
static bool bucket_check(const struct fib *fib, uint32_t entry, struct range *r, unsigned bits,
	bool begins, bool ends) {
	uint8_t low[16] = {0}, high[16];

	memset(high, 0xff, sizeof(high));
	memcpy(low, begins ? r->first : r->at, begins ? 16 : bits / 8);
	memcpy(high, ends ? r->last : r->at, ends ? 16 : bits / 8);
	return entry >> 2 < fib->bucket_pool.fresh &&
		bucket_answers(
			fib_bucket(fib, entry), fib_word(low + 4), fib_word(high + 4), r->want);
}

static int check_group(
	struct fib *fib, uint32_t *table, unsigned base, struct range *r, bool low, bool high);

// One entry, whose prefix of `bits` bits is r->at. begins, ends: only a part of it is asked for.
static int check_entry(
	struct fib *fib, uint32_t *entry, unsigned bits, struct range *r, bool begins, bool ends) {
	uint32_t is = fib_load(entry);

	// A leaf may reach beyond the range: what is there is another range's question.
	if (is == r->want)
		return 0;
	if (fib_is_bucket(is) && bucket_check(fib, is, r, bits, begins, ends))
		return 0;
	if (fib_is_group(is) && (begins || ends) && is >> 2 < fib->group_pool.fresh)
		return check_group(fib, fib_group(fib, is), bits, r, begins, ends);
	note(fib, r, bits);
	if (begins || ends || !fib_is_leaf(is))
		return -EUCLEAN;
	fib_store(entry, r->want);
	return 0;
}

// `base`: bits before its index. low, high: the range begins, ends in it.
static int check_group(
	struct fib *fib, uint32_t *table, unsigned base, struct range *r, bool low, bool high) {
	unsigned next = base + 8, first = low ? r->first[base / 8] : 0;
	unsigned last = high ? r->last[base / 8] : FIB_GROUP_SIZE - 1;

	for (unsigned i = first; i <= last; i++) {
		bool begins = low && i == first && !all(r->first, next / 8, fib->bytes, 0);
		bool ends = high && i == last && !all(r->last, next / 8, fib->bytes, 0xff);

		r->at[base / 8] = (uint8_t)i;
		int rc = check_entry(fib, &table[i], next, r, begins, ends);
		if (rc < 0)
			return rc;
	}
	return 0;
}

// Pages that nothing was ever written to are left alone.
static bool is_used(const uint64_t *touched, uint64_t index) {
	return touched[index >> FIB_PAGE_SHIFT >> 6] >> (index >> FIB_PAGE_SHIFT & 63) & 1;
}

static uint64_t page_next(uint64_t index) {
	return ((index >> FIB_PAGE_SHIFT) + 1) << FIB_PAGE_SHIFT;
}

static int check_top(struct fib *fib, struct range *r) {
	uint64_t first = fib_top_index(fib, r->first), last = fib_top_index(fib, r->last);
	unsigned bits = fib->top_bits;

	for (uint64_t i = first; i <= last; i++) {
		bool begins = i == first && !all(r->first, bits / 8, fib->bytes, 0);
		bool ends = i == last && !all(r->last, bits / 8, fib->bytes, 0xff);

		if (!is_used(fib->touched, i) && r->want == 0) {
			i = page_next(i) - 1;
			continue;
		}
		if (fib_load(&fib->top[i]) == r->want)
			continue;
		index_write(r->at, bits, i);
		int rc = check_entry(fib, &fib->top[i], bits, r, begins, ends);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void check_shorts(struct fib *fib, struct range *r) {
	uint64_t first = fib_short_index(r->first), last = fib_short_index(r->last);

	for (uint64_t i = first; i <= last; i++) {
		if (!is_used(fib->short_touched, i) && r->want == 0) {
			i = page_next(i) - 1;
			continue;
		}
		if (fib_load(&fib->shorts[i]) == r->want)
			continue;
		index_write(r->at, FIB_SHORT_BITS, i);
		note(fib, r, FIB_SHORT_BITS);
		fib_store(&fib->shorts[i], r->want);
	}
}

int fib_check(struct fib *fib, const uint8_t *first, const uint8_t *last, unsigned len,
	uint32_t slot, uint8_t *wrong) {
	bool is_short = len <= fib->short_bits;
	struct range r = {.first = first, .last = last, .wrong = wrong};
	int rc;

	if (fib->short_bits > 0 && is_short) {
		r.want = fib_leaf(len, slot);
		check_shorts(fib, &r);
	}
	r.want = is_short ? 0 : fib_leaf(len, slot);
	rc = check_top(fib, &r);
	return rc < 0 ? rc : r.found;
}
