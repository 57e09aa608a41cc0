// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/record_ring.h"
#include <stdlib.h>

#define SKIP UINT64_MAX // the rest of the memory is unused: go on at its start

static size_t record_size(size_t len) {
	return sizeof(uint64_t) + ((len + 7) & ~(size_t)7);
}

static uint64_t *record_at(struct record_ring *ring, size_t pos) {
	return (uint64_t *)(ring->data + (pos & (ring->size - 1)));
}

struct record_ring *record_ring_new(size_t size) {
	size_t rounded = 64;
	struct record_ring *ring;

	while (rounded < size)
		rounded *= 2;
	ring = aligned_alloc(64, sizeof(*ring) + rounded);
	if (!ring)
		return NULL;
	ring->size = rounded;
	ring->reserved = 0;
	atomic_init(&ring->head, 0);
	atomic_init(&ring->tail, 0);
	atomic_init(&ring->lost, 0);
	return ring;
}

void record_ring_free(struct record_ring *ring) {
	free(ring);
}

void *record_ring_reserve(struct record_ring *ring, size_t len) {
	size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
	size_t to_end = ring->size - (head & (ring->size - 1));
	size_t need = record_size(len), skip = need > to_end ? to_end : 0;

	if (len > ring->size / 4 || head - tail + skip + need > ring->size) {
		atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
		return NULL;
	}
	if (skip > 0)
		*record_at(ring, head) = SKIP;
	ring->reserved = skip + need;
	uint64_t *at = record_at(ring, head + skip);
	*at = len;
	return at + 1;
}

void record_ring_commit(struct record_ring *ring) {
	size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	atomic_store_explicit(&ring->head, head + ring->reserved, memory_order_release);
}

const void *record_ring_peek(struct record_ring *ring, size_t *len) {
	size_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	if (head == tail)
		return NULL;
	uint64_t *at = record_at(ring, tail);
	if (*at == SKIP) {
		tail += ring->size - (tail & (ring->size - 1));
		atomic_store_explicit(&ring->tail, tail, memory_order_release);
		at = record_at(ring, tail);
	}
	*len = *at;
	return at + 1;
}

void record_ring_release(struct record_ring *ring) {
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	atomic_store_explicit(
		&ring->tail, tail + record_size(*record_at(ring, tail)), memory_order_release);
}
