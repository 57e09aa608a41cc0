// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/hostio.h"
#include "dataplane/offload.h"
#include <errno.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TX_SLOTS 4096
// Before the kernel is asked again when it had nothing: twice as long each time. A system call takes as long as forwarding
// thirty packets, and a router has a TAP per interface.
#define PAUSE_US     10
#define PAUSE_MAX_US 160
#define FRAME_MAX    (65536 + 128)

// ---- receive ------------------------------------------------------------------------------------------------

// The buffers behind the first, which only a long frame reaches: large ones while there are some.
static bool tail_fill(struct hostio *io, struct hostio_slot *slot) {
	struct rte_mbuf **tail = slot->segs + 1;

	if (slot->n > 1 && slot->taken <= 1)
		return true;
	if (slot->large && rte_pktmbuf_alloc_bulk(io->large, tail, slot->taken - 1) == 0) {
		slot->taken = 1;
		return true;
	}
	rte_pktmbuf_free_bulk(slot->segs + slot->taken, slot->n - slot->taken);
	slot->taken = slot->n = 1;
	slot->large = io->large && rte_pktmbuf_alloc_bulk(io->large, tail, HOSTIO_LARGE) == 0;
	if (slot->large)
		slot->n += HOSTIO_LARGE;
	else if (rte_pktmbuf_alloc_bulk(io->pool, tail, io->segs - 1) == 0)
		slot->n += io->segs - 1;
	return slot->n > 1;
}

static bool slot_fill(struct hostio *io, struct hostio_slot *slot) {
	if (slot->taken == 0)
		return true;
	if (!tail_fill(io, slot) || rte_pktmbuf_alloc_bulk(io->pool, slot->segs, 1) < 0) {
		io->rx_no_buffer++;
		return false;
	}
	slot->taken = 0;
	for (unsigned i = 0; i < slot->n; i++)
		slot->iov[i + 1] = (struct iovec){rte_pktmbuf_mtod(slot->segs[i], void *),
			rte_pktmbuf_tailroom(slot->segs[i])};
	return true;
}

unsigned hostio_fill(struct hostio *io, unsigned n) {
	unsigned i = 0;

	while (i < n && slot_fill(io, &io->slots[i]))
		i++;
	return i;
}

void hostio_slots_init(struct hostio *io, struct rte_mempool *pool) {
	unsigned room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;

	io->pool = pool;
	io->large = dp_pool_large();
	io->segs = RTE_MIN(FRAME_MAX / room + 1, (unsigned)HOSTIO_SEGS);
	for (unsigned i = 0; i < HOSTIO_SLOTS; i++) {
		struct hostio_slot *slot = &io->slots[i];
		slot->taken = slot->n = 1;
		slot->iov[0] = (struct iovec){&slot->vnet, sizeof(slot->vnet)};
	}
}

void hostio_slots_fini(struct hostio *io) {
	for (unsigned i = 0; i < HOSTIO_SLOTS; i++) {
		struct hostio_slot *slot = &io->slots[i];
		rte_pktmbuf_free_bulk(slot->segs + slot->taken, slot->n - slot->taken);
		slot->taken = slot->n = 1;
	}
}

// Puts back the tag that the kernel took out of the frame.
static int tag_insert(struct rte_mbuf *m, uint32_t tag) {
	rte_be32_t bytes = rte_cpu_to_be_32(tag);
	uint8_t *start = (uint8_t *)rte_pktmbuf_prepend(m, RTE_VLAN_HLEN);

	if (!start)
		return -ENOBUFS;
	memmove(start, start + RTE_VLAN_HLEN, 2 * RTE_ETHER_ADDR_LEN);
	memcpy(start + 2 * RTE_ETHER_ADDR_LEN, &bytes, sizeof(bytes));
	return 0;
}

struct rte_mbuf *hostio_take(
	struct hostio *io, struct hostio_slot *slot, size_t len, uint32_t tag) {
	struct rte_mbuf *m = slot->segs[0], *last = m;
	unsigned used = 0;
	size_t left = len;

	do {
		struct rte_mbuf *seg = slot->segs[used++];
		seg->data_len = RTE_MIN(left, (size_t)rte_pktmbuf_tailroom(seg));
		left -= seg->data_len;
		if (seg != m)
			last->next = seg;
		last = seg;
	} while (left > 0 && used < slot->n);
	m->nb_segs = used;
	m->pkt_len = len - left;
	m->port = io->port;
	slot->taken = used;
	if (left > 0 || (tag && tag_insert(m, tag) < 0) ||
		offload_vnet_read(m, &slot->vnet, tag ? RTE_VLAN_HLEN : 0) < 0) {
		io->rx_errors++;
		rte_pktmbuf_free(m);
		return NULL;
	}
	io->rx_packets++;
	io->rx_bytes += m->pkt_len;
	return m;
}

// ---- send ---------------------------------------------------------------------------------------------------

unsigned hostio_iov(const struct rte_mbuf *m, struct virtio_net_hdr *vnet, struct iovec *iov) {
	unsigned n = 1;

	if (m->nb_segs > HOSTIO_SEGS)
		return 0;
	offload_vnet_write(m, vnet);
	iov[0] = (struct iovec){vnet, sizeof(*vnet)};
	for (; m; m = m->next)
		iov[n++] = (struct iovec){rte_pktmbuf_mtod(m, void *), m->data_len};
	return n;
}

// ---- the ethdev ------------------------------------------------------------------------------------------------

static uint16_t hostio_turn(
	uint16_t, uint16_t, struct rte_mbuf **pkts, uint16_t n, uint16_t max, void *arg) {
	struct hostio *io = arg;
	struct rte_mbuf *out[DP_VECTOR];
	unsigned n_out = rte_ring_sc_dequeue_burst(io->tx, (void **)out, DP_VECTOR, NULL);

	if (n_out > 0)
		io->ops->send(io, out, n_out);
	uint64_t now = rte_rdtsc();
	if (now < io->next_tsc)
		return n;
	uint16_t got = io->ops->recv(io, pkts + n, max - n);
	io->pause_us = got > 0 ? PAUSE_US / 2 : (uint16_t)RTE_MIN(2 * io->pause_us, PAUSE_MAX_US);
	io->next_tsc = got > 0 ? 0 : now + rte_get_tsc_hz() / 1000000 * io->pause_us;
	return n + got;
}

static struct rte_ring *ring_new(const char *what, unsigned slots, unsigned flags) {
	static unsigned serial;
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "hostio.%s.%u", what, serial++);
	return rte_ring_create(name, slots, SOCKET_ID_ANY, flags);
}

static struct hostio *hostio_new(struct port *port, const struct hostio_ops *ops) {
	struct hostio *io = rte_zmalloc("hostio", sizeof(*io), RTE_CACHE_LINE_SIZE);

	if (!io)
		return NULL;
	io->ops = ops;
	io->fd = -1;
	io->pause_us = PAUSE_US;
	hostio_slots_init(io, port->pool ? port->pool : dp_pool());
	io->rx = ring_new("rx", 2, RING_F_SP_ENQ | RING_F_SC_DEQ);
	io->tx = ring_new("tx", TX_SLOTS, RING_F_SC_DEQ);
	return io;
}

static void hostio_free(struct hostio *io) {
	struct rte_mbuf *m;

	while (io->tx && rte_ring_dequeue(io->tx, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(io->rx);
	rte_ring_free(io->tx);
	hostio_slots_fini(io);
	if (io->fd >= 0)
		close(io->fd);
	rte_free(io);
}

int hostio_open(struct port *port, const struct port_conf *conf, const struct hostio_ops *ops,
	int fd, unsigned workers, struct err *err) {
	struct rte_ring *tx[PORT_QUEUES_MAX];
	struct hostio *io = port->pub.driver = hostio_new(port, ops);
	static unsigned serial;
	char name[16];

	if (!io || !io->rx || !io->tx) {
		hostio_close(port);
		return err_set(err, -ENOMEM, "out of memory for the rings of a port");
	}
	for (unsigned i = 0; i < PORT_QUEUES_MAX; i++)
		tx[i] = io->tx; // every worker's queue is the same ring
	snprintf(name, sizeof(name), "io%u", serial++);
	port->n_rxq = 1;
	port->n_txq = RTE_MIN(workers, (unsigned)PORT_QUEUES_MAX - port->spare_txq);
	int rc = port_rings_add(port, name, io->rx, tx, port->n_txq + port->spare_txq, err);
	if (rc == 0)
		rc = port_start(port, conf, workers, err);
	if (rc == 0 && !(io->turn = rte_eth_add_rx_callback(port->pub.index, 0, hostio_turn, io)))
		rc = err_set(
			err, -rte_errno, "DPDK takes no callback (%s)", rte_strerror(rte_errno));
	if (rc < 0) {
		hostio_close(port);
		return rc;
	}
	io->port = port->pub.index;
	io->fd = fd;
	return 0;
}

// DPDK leaves the callback to whatever port has this index next.
void hostio_close(struct port *port) {
	struct hostio *io = port->pub.driver;

	if (io && io->turn && rte_eth_remove_rx_callback(port->pub.index, 0, io->turn) == 0)
		rte_free((void *)(uintptr_t)io->turn);
	port_dev_remove(port);
	if (io)
		hostio_free(io);
	port->pub.driver = NULL;
}

void hostio_stats(struct port *port, struct rte_eth_stats *stats) {
	const struct hostio *io = port->pub.driver;

	stats->ipackets = io->rx_packets;
	stats->ibytes = io->rx_bytes;
	stats->ierrors = io->rx_errors;
	stats->rx_nombuf = io->rx_no_buffer;
	stats->opackets = io->tx_packets;
	stats->obytes = io->tx_bytes;
	stats->oerrors = io->tx_errors;
}
