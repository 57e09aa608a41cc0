// SPDX-License-Identifier: BSD-3-Clause
// Memory for a thread that may not ask the system for any: a buddy allocator over one region. Every step is bounded by the number of orders
// (about 20), whatever was asked before. Who frees says how much it was, so that blocks carry no header. Pure; one thread at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARENA_UNIT   32u // the smallest block
#define ARENA_ORDERS 24

struct arena {
	uint8_t *memory;
	uint8_t *free_order;          // by unit: order + 1 of a free block that begins there
	uint32_t heads[ARENA_ORDERS]; // free blocks by order, as unit + 1
	unsigned top;                 // order of the whole
	size_t used_bytes;            // in blocks that are given out
};

// Control: a region of `bytes`, rounded up to a power of two of units, touched now. -ENOMEM.
int arena_init(struct arena *arena, size_t bytes);
void arena_fini(struct arena *arena); // zeroed is fine

// 16-byte aligned; NULL: no block is large enough.
void *arena_alloc(struct arena *arena, size_t bytes);
void arena_free(struct arena *arena, void *block, size_t bytes); // `bytes` as allocated
// The first `to_bytes` of it stay; never fails.
void arena_shrink(struct arena *arena, void *block, size_t bytes, size_t to_bytes);
static inline size_t arena_bytes(const struct arena *arena) {
	return arena->memory ? (size_t)ARENA_UNIT << arena->top : 0;
}
static inline bool arena_has(const struct arena *arena, const void *block) {
	return (size_t)((const uint8_t *)block - arena->memory) < arena_bytes(arena);
}
// Does a block of `have` bytes hold `want`, as it is?
bool arena_fits(size_t have_bytes, size_t want_bytes);
