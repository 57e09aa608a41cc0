// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// How entries are read and written; fib.h has the picture.
#pragma once

#include "router/fib/fib.h"
#include <stddef.h>
#include <string.h>

#define FIB_GROUP_SIZE  256u
#define FIB_SHORT_BITS  24 // of IPv6's table of short prefixes
#define FIB_BUCKET_BITS 64 // no prefix in a bucket is longer
#define FIB_PAGE_SHIFT  19 // entries in 2 MiB

// An entry is one word; whatever comes after it hangs on its value, so that no stronger order is needed.
static inline uint32_t fib_load(const uint32_t *entry) {
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static inline void fib_store(uint32_t *entry, uint32_t value) {
	__atomic_store_n(entry, value, __ATOMIC_RELAXED);
}

static inline uint32_t fib_leaf(unsigned len, uint32_t slot) {
	return len == 0 ? 0 : slot << 9 | len << 1;
}

static inline unsigned fib_len(uint32_t leaf) {
	return leaf >> 1 & 0xff;
}

static inline bool fib_is_leaf(uint32_t entry) {
	return (entry & 1) == 0;
}

static inline bool fib_is_group(uint32_t entry) {
	return (entry & 3) == 1;
}

static inline bool fib_is_bucket(uint32_t entry) {
	return (entry & 3) == 3;
}

static inline uint32_t *fib_group(const struct fib *fib, uint32_t entry) {
	return fib->groups + (size_t)(entry >> 2) * FIB_GROUP_SIZE;
}

static inline struct fib_bucket *fib_bucket(const struct fib *fib, uint32_t entry) {
	return &fib->buckets[entry >> 2];
}

static inline uint32_t fib_word(const uint8_t *bytes) {
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return __builtin_bswap32(word);
}

// The answer of a bucket for an address with these bits 32..63: of those that match, the last is the longest.
static inline uint32_t fib_bucket_find(const struct fib_bucket *bucket, uint32_t bits) {
	uint32_t found = fib_load(&bucket->entries[0]);

	for (unsigned i = 1; i <= FIB_BUCKET; i++) {
		uint32_t entry = fib_load(&bucket->entries[i]);
		uint32_t differ = (bits ^ bucket->keys[i]) >> (FIB_BUCKET_BITS - fib_len(entry));

		found = differ == 0 ? entry : found;
	}
	return found;
}

static inline uint32_t fib_top_index(const struct fib *fib, const uint8_t *addr) {
	return fib_word(addr) >> (32 - fib->top_bits);
}

static inline uint32_t fib_short_index(const uint8_t *addr) {
	return fib_word(addr) >> (32 - FIB_SHORT_BITS);
}
