// SPDX-License-Identifier: BSD-3-Clause
// A port on something that is no ethdev: a packet socket, a TAP, or an ethdev that needs a wrapping.
//
// DPDK's drivers for these lose what a switch must keep: net_af_packet joins IP fragments, turns every tag into
// 802.1Q, cuts off what a sender left to TSO, and returns what the kernel itself sends; net_tap lives on signals. So
// the ethdev is one of rings (net_ring), and a receive callback on its queue does the work on each poll, on the
// worker that polls: it takes what other workers left in the transmit ring, and receives. System calls happen there,
// as they do in the drivers that it replaces. Memory and counters belong to the one polling worker.
#pragma once

#include "dataplane/port_priv.h"
#include <linux/virtio_net.h>

#define HOSTIO_SLOTS 16 // frames per system call
#define HOSTIO_SEGS  33 // buffers per frame: 64 KiB in buffers of 2 KiB
#define HOSTIO_LARGE 4  // or in one of those and so many of dp_pool_large()

// Room for one frame to come: buffers that are not in use yet, and their iovecs behind the virtio header's.
struct hostio_slot {
	struct virtio_net_hdr vnet;
	unsigned taken, n; // segs[0..taken) of n are used up
	bool large;        // segs[1..n) are
	struct rte_mbuf *segs[HOSTIO_SEGS];
	struct iovec iov[HOSTIO_SEGS + 1];
};

struct hostio {
	const struct hostio_ops *ops;
	const struct rte_eth_rxtx_callback *turn;
	int fd;
	uint16_t port;     // its ethdev
	uint64_t next_tsc; // nothing is asked of the kernel before
	uint16_t pause_us;
	struct rte_mempool *pool, *large; // large: may be NULL
	unsigned segs;                    // of the pool, for the longest frame
	struct hostio_slot slots[HOSTIO_SLOTS];
	struct rte_ring *rx, *tx;
	uint64_t rx_packets, rx_bytes, rx_errors, rx_no_buffer, tx_packets, tx_bytes, tx_errors;
	void *arg; // of the ops
};

struct hostio_ops {
	// node. Receives at most n frames. 0: there are none.
	uint16_t (*recv)(struct hostio *io, struct rte_mbuf **pkts, uint16_t n);
	// node. Sends what it can of n ≤ DP_VECTOR frames, frees all of them, and counts.
	void (*send)(struct hostio *io, struct rte_mbuf **pkts, uint16_t n);
};

// control. Makes the ethdev and starts it; pub.driver is the hostio from here on. `fd` belongs to it, on success.
int hostio_open(struct port *port, const struct port_conf *conf, const struct hostio_ops *ops,
	int fd, unsigned workers, struct err *err);
// Stops, closes the fd, frees. NULL is fine.
void hostio_close(struct port *port);
void hostio_stats(struct port *port, struct rte_eth_stats *stats);

// control. Slots that hold nothing yet, and what they hold given back; hostio_open() and hostio_close() do it.
void hostio_slots_init(struct hostio *io, struct rte_mempool *pool);
void hostio_slots_fini(struct hostio *io);
// node, for the ops. Fills slots that have given their buffers away; returns how many of the first n are whole.
unsigned hostio_fill(struct hostio *io, unsigned n);
// Takes the frame of `len` bytes out of a slot, with its virtio header's requests. `tag`: VLAN tag to put back in,
// TPID above TCI, or 0. NULL: dropped and counted.
struct rte_mbuf *hostio_take(struct hostio *io, struct hostio_slot *slot, size_t len, uint32_t tag);
// iovecs of a frame to send; the first is for the virtio header. Returns how many, 0: too many buffers.
unsigned hostio_iov(const struct rte_mbuf *m, struct virtio_net_hdr *vnet, struct iovec *iov);
