// SPDX-License-Identifier: BSD-3-Clause
// The device's side of a virtqueue of a network device (virtio 1.2: 2.6 and 2.7 split, 2.8 packed, 5.1.6): frames come out of
// a guest's transmit queue and go into its receive queue by copying.
//
// All of it lies in memory that the guest writes at any moment: what decides anything is read once, and every address and
// number is held against the memory and the size of the ring. Payload is looked at after it was copied. A chain that cannot
// be followed is given back and counted; a ring that contradicts itself is `broken` and stands still until it is opened anew.
//
// The guest is another core, so what costs is that lines have to come from its cache: each pass asks for what the next one
// wants, for the whole burst at once.
//
// One thread at a time. No locks, no allocation but packet buffers; the caller keeps memory and rings mapped.
#pragma once

#include <linux/virtio_ring.h>
#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

#define VIRTQ_REGIONS  8
#define VIRTQ_SIZE_MAX 32768

// A piece of the guest's memory: its addresses there and here.
struct virtq_region {
	uint64_t guest, size;
	uint8_t *host;
};

struct virtq_memory {
	unsigned n;
	struct virtq_region regions[VIRTQ_REGIONS];
};

// What the transport has found out. The areas lie in the guest's memory, or they are refused; call: an eventfd, -1: none.
struct virtq_place {
	uint64_t features; // negotiated: bits VIRTIO_F_*, VIRTIO_NET_F_*, VIRTIO_RING_F_*
	uint32_t size;
	void *desc, *driver, *device; // descriptor, driver (available) and device (used) area
	uint16_t avail, used;         // where to go on; packed: bit 15 is the wrap counter
	int call;
	// Called after each write to the guest's memory, when not NULL (live migration).
	void (*dirty)(void *arg, uint64_t guest, uint64_t len);
	void *dirty_arg;
};

struct virtq {
	const struct virtq_memory *memory;
	bool packed, event_idx, mergeable, checksums, cuts, broken;
	bool avail_wrap, used_wrap;
	bool first_call; // the guest was never called
	uint8_t header;  // bytes before a frame
	uint16_t mask;   // split: size - 1
	uint32_t size,
		given; // given: places that were given back since the guest was looked at, or `size` when there were more
	uint16_t avail, used; // positions; split ones run on over the ring's end
	uint16_t guess;       // split: the descriptor that probably comes next
	union {
		struct vring_desc *desc;
		struct vring_packed_desc *slots;
	};
	union {
		struct vring_avail *ring;
		struct vring_packed_desc_event *driver;
	};
	union {
		struct vring_used *done;
		struct vring_packed_desc_event *device;
	};
	uint64_t log; // the guest's address of where used buffers are told: for `dirty`
	int call;
	unsigned region; // of the last address: where to look first
	void (*dirty)(void *arg, uint64_t guest, uint64_t len);
	void *dirty_arg;

	// of its thread; `errors`: chains that could not be followed, frames that were none, or had no room in any buffer
	uint64_t packets, bytes, errors, no_buffer;
};

// Takes a ring as the transport found it, tells the guest not to kick, and keeps the counters. -EINVAL: there can be no such
// ring, or it is not where the guest's memory is, all of it and aligned.
int virtq_open(
	struct virtq *vq, const struct virtq_place *place, const struct virtq_memory *memory);
// Where the next one would go on, as virtq_place.avail and .used.
void virtq_position(const struct virtq *vq, uint16_t *avail, uint16_t *used);

// node. At most n frames out of the guest's transmit queue, into buffers of `pool`; requests for checksums and segments are on
// them (offload.h), m->port is `port`. Longer frames are chains.
uint16_t virtq_recv(struct virtq *vq, struct rte_mempool *pool, uint16_t port,
	struct rte_mbuf **pkts, uint16_t n);
// node. Copies frames into the guest's receive queue and frees them. Returns how many it took; the rest found no buffer. A
// frame with requests that the guest has not negotiated, or that fits into no buffer, is taken and counted as an error.
uint16_t virtq_send(struct virtq *vq, struct rte_mbuf **pkts, uint16_t n);
