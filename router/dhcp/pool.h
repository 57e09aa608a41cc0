// SPDX-License-Identifier: BSD-3-Clause
// pure
// The addresses of a subnet that a server gives away: a bit per address of its ranges' span. Finding a free one costs one step per
// 64 taken ones.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHCP_POOL_MAX (1u << 20) // addresses from the first to the last

struct dhcp_pool {            // zeroed memory is an empty one
	uint32_t first, size; // of the span, host order
	uint32_t usable;      // addresses that it may give away
	uint32_t free;        // of these, not taken
	uint32_t cursor;
	uint64_t *may, *taken;
};

struct dhcp_range {
	uint32_t first, last; // host order, both included
};

// Makes the pool of `ranges` less `excluded`. -ENOMEM; -E2BIG: the span is more than DHCP_POOL_MAX.
int dhcp_pool_init(struct dhcp_pool *pool, const struct dhcp_range *ranges, unsigned n,
	const struct dhcp_range *excluded, unsigned n_excluded);
void dhcp_pool_fini(struct dhcp_pool *pool);
bool dhcp_pool_holds(const struct dhcp_pool *pool, uint32_t addr); // it may give this one away
bool dhcp_pool_is_free(const struct dhcp_pool *pool, uint32_t addr);
void dhcp_pool_take(struct dhcp_pool *pool, uint32_t addr, bool on); // taken, or free again
// The next free address after the one that it found last; 0: none. It stays free.
uint32_t dhcp_pool_find(struct dhcp_pool *pool);
