// SPDX-License-Identifier: BSD-3-Clause
// The driver's side of a virtqueue, for virtq_test.c: a guest of two regions of memory that meet in its addresses and nowhere
// else. Each step of the device is checked against a copy of that memory: what it changed it logged, and what it logged is
// what it may write: the device's part of the ring, and of each buffer as many bytes as it says.
#pragma once

#include "dataplane/virtq.h"
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#define GUEST_BASE  0x40000000ull
#define GUEST_HALF  0x40000ull // bytes of a region
#define GUEST_MID   (GUEST_BASE + GUEST_HALF)
#define GUEST_END   (GUEST_BASE + 2 * GUEST_HALF)
#define GUEST_PARTS 64

struct variant {
	const char *name;
	uint64_t features;
	uint32_t size;
	uint16_t start; // virtq_place.avail and .used
};

struct part {
	uint64_t guest;
	uint32_t len;
	uint16_t flags; // VRING_DESC_F_WRITE, or what a bad guest says
};

// Made available, and not seen used yet.
struct posted {
	struct part parts[GUEST_PARTS];
	unsigned n;
	uint16_t id, slots;
};

struct guest {
	const struct variant *v;
	uint8_t *host[2], *copy[2];
	struct virtq_memory memory;
	struct virtq_place place;
	struct virtq vq;
	uint64_t desc, driver, device;  // the areas
	uint64_t room;                  // where the next buffer may lie
	uint16_t next, seen, avail_idx; // split: avail_idx is the next one's; packed: positions
	bool next_wrap, seen_wrap;
	unsigned slots; // put in the ring in all
	struct posted posted[512];
	unsigned first, last;
	int call;
};

extern struct guest guest;

static inline bool guest_has(unsigned bit) {
	return guest.v->features >> bit & 1;
}

void guest_start(const struct variant *v);
void guest_stop(void);
uint8_t *guest_at(uint64_t at);
void guest_write(uint64_t at, const void *bytes, uint32_t len);
void guest_read(uint64_t at, void *bytes, uint32_t len);
uint64_t guest_room(
	uint32_t len); // a place for a buffer, at odd addresses, never across the regions

// As one chain; table: by an indirect one.
void guest_post(const struct part *parts, unsigned n, bool table);
// The descriptor at a place of the ring, as it is now.
union guest_desc {
	struct vring_desc split;
	struct vring_packed_desc packed;
};
union guest_desc *guest_desc(unsigned slot);
unsigned guest_free(void); // places in the ring

// One step of the device, checked. Returns what virtq_recv() or virtq_send() did.
uint16_t guest_recv(struct rte_mbuf **pkts, uint16_t n);
uint16_t guest_send(struct rte_mbuf **pkts, uint16_t n);
// The next chain that was given back, in order. NULL: none.
const struct posted *guest_used(uint32_t *written);

// What the guest does meanwhile: called after each write of the device.
extern void (*guest_meanwhile)(void);

// Which notifications the guest wants. event: after so many more places.
void guest_calls_all(void);
void guest_calls_none(void);
void guest_calls_event(uint16_t after);
bool guest_called(void); // since the last look
