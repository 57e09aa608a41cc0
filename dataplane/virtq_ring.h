// SPDX-License-Identifier: BSD-3-Clause
// What a virtqueue looks like in the guest's memory, for virtq.c: both formats behind one set of functions. See virtq.h for what is
// trusted.
#pragma once

#include "dataplane/virtq.h"
#include <rte_branch_prediction.h>
#include <rte_prefetch.h>
#include <string.h>

#define SLOT_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define SLOT_USED  (1u << VRING_PACKED_DESC_F_USED)

// A descriptor, read once.
struct piece {
	uint64_t guest;
	uint32_t len;
	uint16_t flags, next; // next: index (split) or slot (packed) of the one that follows
};

// A buffer that the guest made available: one descriptor, or several.
struct chain {
	struct piece first;
	uint8_t *at; // of the first, when that is all there is and in one piece here; else NULL
	uint16_t id, slots;
	uint32_t written;
};

// ---- memory -----------------------------------------------------------------------------------------------------

// The bytes from `guest` on; of *len only those that are in one piece. NULL: outside.
static inline uint8_t *piece_at(struct virtq *vq, uint64_t guest, uint32_t *len) {
	const struct virtq_memory *memory = vq->memory;

	for (unsigned i = 0; i < memory->n; i++) {
		const struct virtq_region *r = &memory->regions[i];
		uint64_t offset = guest - r->guest;
		if (offset >= r->size)
			continue;
		vq->region = i;
		*len = RTE_MIN((uint64_t)*len, r->size - offset);
		return r->host + offset;
	}
	return NULL;
}

// All of `len` bytes, when they are in one piece. Looks first where the last ones were.
static inline uint8_t *whole_at(struct virtq *vq, uint64_t guest, uint32_t len) {
	const struct virtq_region *r = &vq->memory->regions[vq->region];
	uint64_t offset = guest - r->guest;
	uint32_t got = len;

	if (likely(offset < r->size && len <= r->size - offset))
		return r->host + offset;
	uint8_t *at = piece_at(vq, guest, &got);
	return got == len ? at : NULL;
}

static inline void dirty(const struct virtq *vq, uint64_t guest, uint64_t len) {
	if (unlikely(vq->dirty != NULL))
		vq->dirty(vq->dirty_arg, guest, len);
}

// ---- the split ring ---------------------------------------------------------------------------------------------

// At any address: tables elsewhere need not be aligned.
static inline struct piece split_read(const void *desc) {
	struct vring_desc d;

	memcpy(&d, desc, sizeof(d));
	rte_compiler_barrier(); // not again
	return (struct piece){d.addr, d.len, d.flags, d.next};
}

// Asks for n descriptors before the ring has said which they are: mostly they follow each other.
static inline void split_guess(const struct virtq *vq, uint16_t n) {
	const uint16_t per_line = RTE_CACHE_LINE_SIZE / sizeof(struct vring_desc);

	for (uint16_t i = 0; i < n; i += per_line)
		rte_prefetch0(&vq->desc[(vq->guess + i) & vq->mask]);
}

static inline uint16_t split_take(struct virtq *vq, struct chain *chains, uint16_t n) {
	uint16_t there = __atomic_load_n(&vq->ring->idx, __ATOMIC_ACQUIRE) - vq->avail;

	if (unlikely(there > vq->size)) {
		vq->broken = true;
		return 0;
	}
	n = RTE_MIN(n, there);
	if (n == 0)
		return 0;
	split_guess(vq, n);
	for (uint16_t i = 0; i < n; i++) {
		uint16_t id = *(volatile uint16_t *)&vq->ring->ring[(vq->avail + i) & vq->mask];
		if (unlikely(id >= vq->size)) {
			vq->broken = true;
			return 0;
		}
		chains[i].id = id;
		rte_prefetch0(&vq->desc[id]);
	}
	vq->guess = (chains[n - 1].id + 1) & vq->mask;
	if (there > n) { // those of the next burst
		rte_prefetch0(&vq->ring->ring[(vq->avail + n) & vq->mask]);
		split_guess(vq, RTE_MIN(n, there - n));
	}
	for (uint16_t i = 0; i < n; i++) {
		chains[i].first = split_read(&vq->desc[chains[i].id]);
		chains[i].slots = 1;
	}
	return n;
}

static inline void split_give(struct virtq *vq, const struct chain *chains, uint16_t n) {
	for (uint16_t i = 0; i < n; i++) {
		uint16_t at = (vq->used + i) & vq->mask;
		vq->done->ring[at] = (struct vring_used_elem){chains[i].id, chains[i].written};
		dirty(vq, vq->log + offsetof(struct vring_used, ring[at]),
			sizeof(struct vring_used_elem));
	}
	vq->avail += n;
	vq->used += n;
	__atomic_store_n(&vq->done->idx, vq->used, __ATOMIC_RELEASE);
	dirty(vq, vq->log + offsetof(struct vring_used, idx), sizeof(vq->done->idx));
}

static inline bool split_wants_call(const struct virtq *vq) {
	if (!vq->event_idx)
		return !(*(volatile uint16_t *)&vq->ring->flags & VRING_AVAIL_F_NO_INTERRUPT);
	uint16_t event = *(volatile uint16_t *)&vq->ring->ring[vq->size];
	return vring_need_event(event, vq->used, vq->used - vq->given);
}

// ---- the packed ring ---------------------------------------------------------------------------------------------

static inline uint32_t slot_after(const struct virtq *vq, uint32_t slot, uint32_t n, bool *wrap) {
	slot += n;
	if (slot < vq->size)
		return slot;
	*wrap = !*wrap;
	return slot - vq->size;
}

static inline struct piece packed_read(const struct virtq *vq, uint32_t slot, uint16_t *id) {
	struct vring_packed_desc d;
	bool wrap = false;

	memcpy(&d, (const void *)&vq->slots[slot], sizeof(d));
	rte_compiler_barrier();
	*id = d.id;
	return (struct piece){d.addr, d.len, d.flags, slot_after(vq, slot, 1, &wrap)};
}

// The id of a chain is in its last descriptor. All of them are there when the first is. 0: it has no end.
static inline uint16_t packed_length(
	const struct virtq *vq, const struct piece *first, uint16_t *id) {
	struct piece piece = *first;
	uint32_t n = 1;

	while (piece.flags & VRING_DESC_F_NEXT) {
		if (++n > vq->size)
			return 0;
		piece = packed_read(vq, piece.next, id);
	}
	return n;
}

static inline uint16_t packed_take(struct virtq *vq, struct chain *chains, uint16_t n) {
	uint32_t slot = vq->avail, taken = 0;
	bool wrap = vq->avail_wrap;

	for (uint16_t i = 0; i < n; i++) {
		uint16_t flags = __atomic_load_n(&vq->slots[slot].flags, __ATOMIC_ACQUIRE);
		if (!!(flags & SLOT_AVAIL) != wrap || !!(flags & SLOT_USED) == wrap)
			return i;
		rte_prefetch0(&vq->slots[slot + 4 < vq->size ? slot + 4 : 0]);
		struct chain *c = &chains[i];
		c->first = packed_read(vq, slot, &c->id);
		c->slots = packed_length(vq, &c->first, &c->id);
		taken += c->slots;
		if (unlikely(c->slots == 0 || taken > vq->size)) {
			vq->broken = true;
			return 0;
		}
		slot = slot_after(vq, slot, c->slots, &wrap);
	}
	return n;
}

// The first one's flags are the last to be written: the guest looks at them first.
static inline void packed_give(struct virtq *vq, const struct chain *chains, uint16_t n) {
	uint32_t head = vq->used;
	uint16_t head_flags = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct vring_packed_desc *slot = &vq->slots[vq->used];
		uint16_t flags = (vq->used_wrap ? SLOT_AVAIL | SLOT_USED : 0) |
			(chains[i].written ? VRING_DESC_F_WRITE : 0);
		slot->id = chains[i].id;
		slot->len = chains[i].written;
		if (i > 0)
			__atomic_store_n(&slot->flags, flags, __ATOMIC_RELEASE);
		else
			head_flags = flags;
		dirty(vq, vq->log + vq->used * sizeof(*slot), sizeof(*slot));
		vq->used = slot_after(vq, vq->used, chains[i].slots, &vq->used_wrap);
		vq->avail = slot_after(vq, vq->avail, chains[i].slots, &vq->avail_wrap);
	}
	__atomic_store_n(&vq->slots[head].flags, head_flags, __ATOMIC_RELEASE);
	dirty(vq, vq->log + head * sizeof(*vq->slots), sizeof(*vq->slots));
}

static inline bool packed_wants_call(const struct virtq *vq) {
	uint32_t both; // of one moment
	memcpy(&both, (const void *)vq->driver, sizeof(both));
	rte_compiler_barrier();
	uint16_t flags = both >> 16, event = both & 0x7fff, now = vq->used;

	if (!vq->event_idx || flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	if (!!(both & 1u << VRING_PACKED_EVENT_F_WRAP_CTR) != vq->used_wrap)
		event -= vq->size;
	return vring_need_event(event, now, now - vq->given);
}

// ---- either -----------------------------------------------------------------------------------------------------

static inline uint16_t chains_take(struct virtq *vq, struct chain *chains, uint16_t n) {
	return vq->packed ? packed_take(vq, chains, n) : split_take(vq, chains, n);
}

static inline void chains_give(struct virtq *vq, const struct chain *chains, uint16_t n) {
	if (n == 0)
		return;
	for (uint16_t i = 0; i < n; i++)
		vq->given += chains[i].slots;
	vq->given = RTE_MIN(vq->given, vq->size); // nobody waits for a place further back
	if (vq->packed)
		packed_give(vq, chains, n);
	else
		split_give(vq, chains, n);
}

// Whether the guest wants to be called for the last `given` places.
static inline bool chains_wants_call(const struct virtq *vq) {
	return vq->packed ? packed_wants_call(vq) : split_wants_call(vq);
}

// What follows a piece of a chain.
static inline struct piece piece_after(const struct virtq *vq, const struct piece *piece) {
	uint16_t id;

	return vq->packed ? packed_read(vq, piece->next, &id) : split_read(&vq->desc[piece->next]);
}
