// SPDX-License-Identifier: BSD-3-Clause
// Where the headers of a frame are, for the files that ask for checksums and segmentation (offload.c, hostio.c, virtq.c).
#pragma once

#include <linux/virtio_net.h>
#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

// Offsets from the start of the frame. `end` is what the IP header says, and may lie behind the frame's own.
struct offload_headers {
	uint32_t l3, l4, end;
	uint8_t proto; // IPPROTO_* of the header at l4
	bool v6, fragment;
};

// node. Ethernet with up to two VLAN tags, IPv4, or IPv6 with extension headers. 0 or -EINVAL: none of these.
int offload_parse(const struct rte_mbuf *m, struct offload_headers *h);

// node. Marks the frame: its checksum is to be filled in, and (`segsz` > 0) it is to be cut into segments of so many
// bytes of payload. `h` is of this frame; other protocols than TCP and UDP are left alone.
void offload_request(struct rte_mbuf *m, const struct offload_headers *h, uint16_t segsz);

// node. Fills in the sum of everything from `start` to the frame's end at `start + offset`, which holds the sum of
// what belongs to it besides (a virtio header's request that is for no header that we know). -EINVAL: out of bounds.
int offload_sum(struct rte_mbuf *m, uint32_t start, uint32_t offset);

// node. The sum of `len` bytes from `at`, not inverted. -EINVAL: out of bounds.
int offload_range(const struct rte_mbuf *m, uint32_t at, uint32_t len, uint16_t *sum);

// node. A virtio header's requests, onto the frame that came with it. `shift`: bytes that the frame has got before the place
// that the header counts to since. A checksum that is for no header that we know (inside a tunnel) is filled in here. Negative:
// it asks for what cannot be done, the frame is to be dropped.
int offload_vnet_read(struct rte_mbuf *m, const struct virtio_net_hdr *vnet, uint32_t shift);
// node. The other way round, for who takes requests.
void offload_vnet_write(const struct rte_mbuf *m, struct virtio_net_hdr *vnet);

// control. Buffers for single-buffer copies of frames that are too long for those of dp_pool(); set before the port
// that needs them is published. NULL: there are none, such frames are dropped.
extern struct rte_mempool *offload_pool_large;
