// SPDX-License-Identifier: BSD-3-Clause
#include "lib/arena.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// What a free block holds: its neighbours in the list of its order, as unit + 1.
struct spare {
	uint32_t next, prev;
};

static unsigned order_of(size_t bytes) {
	size_t units = (bytes + ARENA_UNIT - 1) / ARENA_UNIT;

	return units <= 1 ? 0 : 64 - (unsigned)__builtin_clzl(units - 1);
}

bool arena_fits(size_t have_bytes, size_t want_bytes) {
	return order_of(have_bytes) >= order_of(want_bytes);
}

static struct spare *spare_at(const struct arena *a, uint32_t unit) {
	return (struct spare *)(void *)(a->memory + (size_t)unit * ARENA_UNIT);
}

static void spare_add(struct arena *a, uint32_t unit, unsigned order) {
	struct spare *s = spare_at(a, unit);

	*s = (struct spare){.next = a->heads[order]};
	if (s->next)
		spare_at(a, s->next - 1)->prev = unit + 1;
	a->heads[order] = unit + 1;
	a->free_order[unit] = (uint8_t)(order + 1);
}

static void spare_del(struct arena *a, uint32_t unit, unsigned order) {
	const struct spare *s = spare_at(a, unit);

	if (s->prev)
		spare_at(a, s->prev - 1)->next = s->next;
	else
		a->heads[order] = s->next;
	if (s->next)
		spare_at(a, s->next - 1)->prev = s->prev;
	a->free_order[unit] = 0;
}

int arena_init(struct arena *a, size_t bytes) {
	*a = (struct arena){.top = order_of(bytes)};
	if (a->top >= ARENA_ORDERS)
		return -ENOMEM;
	a->memory = aligned_alloc(64, ((size_t)ARENA_UNIT << a->top) + 64);
	a->free_order = calloc((size_t)1 << a->top, 1);
	if (a->memory == NULL || a->free_order == NULL) {
		arena_fini(a);
		return -ENOMEM;
	}
	memset(a->memory, 0, arena_bytes(a)); // so that no page is missing later
	spare_add(a, 0, a->top);
	return 0;
}

void arena_fini(struct arena *a) {
	free(a->memory);
	free(a->free_order);
	*a = (struct arena){0};
}

void *arena_alloc(struct arena *a, size_t bytes) {
	unsigned want = order_of(bytes), order = want;

	while (order <= a->top && a->heads[order] == 0)
		order++;
	if (bytes == 0 || order > a->top)
		return NULL;
	uint32_t unit = a->heads[order] - 1;
	spare_del(a, unit, order);
	while (order > want) {
		order--;
		spare_add(a, unit + (1u << order), order);
	}
	a->used_bytes += (size_t)ARENA_UNIT << want;
	return a->memory + (size_t)unit * ARENA_UNIT;
}

void arena_free(struct arena *a, void *block, size_t bytes) {
	uint32_t unit = (uint32_t)(((uint8_t *)block - a->memory) / ARENA_UNIT);
	unsigned order = order_of(bytes);

	a->used_bytes -= (size_t)ARENA_UNIT << order;
	for (; order < a->top; order++) {
		uint32_t buddy = unit ^ 1u << order;

		if (a->free_order[buddy] != order + 1)
			break;
		spare_del(a, buddy, order);
		unit &= ~(1u << order);
	}
	spare_add(a, unit, order);
}

void arena_shrink(struct arena *a, void *block, size_t bytes, size_t to_bytes) {
	uint32_t unit = (uint32_t)(((uint8_t *)block - a->memory) / ARENA_UNIT);
	unsigned to = order_of(to_bytes);

	for (unsigned order = order_of(bytes); order > to; order--) {
		spare_add(a, unit + (1u << (order - 1)), order - 1);
		a->used_bytes -= (size_t)ARENA_UNIT << (order - 1);
	}
}
