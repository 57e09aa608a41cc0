// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/dhcp/pool.h"
#include <errno.h>
#include <stdlib.h>

static bool bit(const uint64_t *bits, uint32_t i) {
	return bits[i / 64] >> i % 64 & 1;
}

static void bit_set(uint64_t *bits, uint32_t i, bool on) {
	uint64_t mask = 1ull << i % 64;

	bits[i / 64] = on ? bits[i / 64] | mask : bits[i / 64] & ~mask;
}

static void mark(struct dhcp_pool *pool, const struct dhcp_range *range, bool may) {
	for (uint64_t a = range->first; a <= range->last; a++)
		if (a >= pool->first && a - pool->first < pool->size)
			bit_set(pool->may, (uint32_t)a - pool->first, may);
}

int dhcp_pool_init(struct dhcp_pool *pool, const struct dhcp_range *ranges, unsigned n,
	const struct dhcp_range *excluded, unsigned n_excluded) {
	uint32_t last = 0;
	size_t words;

	*pool = (struct dhcp_pool){.first = UINT32_MAX};
	for (unsigned i = 0; i < n; i++) {
		pool->first = ranges[i].first < pool->first ? ranges[i].first : pool->first;
		last = ranges[i].last > last ? ranges[i].last : last;
	}
	if (n == 0)
		return 0;
	if (last - pool->first >= DHCP_POOL_MAX)
		return -E2BIG;
	pool->size = last - pool->first + 1;
	words = (pool->size + 63) / 64;
	pool->may = calloc(words, sizeof(*pool->may));
	pool->taken = calloc(words, sizeof(*pool->taken));
	if (pool->may == NULL || pool->taken == NULL) {
		dhcp_pool_fini(pool);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n; i++)
		mark(pool, &ranges[i], true);
	for (unsigned i = 0; i < n_excluded; i++)
		mark(pool, &excluded[i], false);
	for (size_t w = 0; w < words; w++)
		pool->usable += (uint32_t)__builtin_popcountll(pool->may[w]);
	pool->free = pool->usable;
	return 0;
}

void dhcp_pool_fini(struct dhcp_pool *pool) {
	free(pool->may);
	free(pool->taken);
	*pool = (struct dhcp_pool){0};
}

bool dhcp_pool_holds(const struct dhcp_pool *pool, uint32_t addr) {
	return addr >= pool->first && addr - pool->first < pool->size &&
		bit(pool->may, addr - pool->first);
}

bool dhcp_pool_is_free(const struct dhcp_pool *pool, uint32_t addr) {
	return dhcp_pool_holds(pool, addr) && !bit(pool->taken, addr - pool->first);
}

void dhcp_pool_take(struct dhcp_pool *pool, uint32_t addr, bool on) {
	if (!dhcp_pool_holds(pool, addr) || bit(pool->taken, addr - pool->first) == on)
		return;
	bit_set(pool->taken, addr - pool->first, on);
	pool->free += on ? -1u : 1u;
}

uint32_t dhcp_pool_find(struct dhcp_pool *pool) {
	uint32_t words = (pool->size + 63) / 64, from = pool->cursor;

	if (pool->free == 0)
		return 0;
	// the cursor's word twice: what lies before the cursor in it comes last
	for (uint32_t step = 0; step <= words; step++) {
		uint32_t w = (from / 64 + step) % words;
		uint64_t open = pool->may[w] & ~pool->taken[w];

		if (step == 0)
			open &= ~0ull << from % 64;
		if (open == 0)
			continue;
		uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(open);
		pool->cursor = (i + 1) % pool->size;
		return pool->first + i;
	}
	return 0;
}
