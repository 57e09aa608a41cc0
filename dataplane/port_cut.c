// SPDX-License-Identifier: BSD-3-Clause
// TCP frames to be cut, of a port whose driver takes none (AF_XDP): they leave by a packet socket beside it, in one piece. The kernel
// cuts them or leaves that to the device, which costs a fraction of sending each segment by the driver's rings.
//
// Sent at once, by whichever worker has the frame: what it has given to the driver before is on its way.
#include "dataplane/hostio.h"
#include "dataplane/port_kernel.h"
#include <errno.h>
#include <linux/if_packet.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_BUFFER (8 << 20)

struct cutter {
	int fd;
	_Atomic uint64_t packets, bytes, errors;
};

static void cut_send(const struct dp_port *port, struct rte_mbuf *m) {
	struct cutter *cutter = port->cutter;
	struct iovec iov[HOSTIO_SEGS + 1];
	struct virtio_net_hdr vnet;
	unsigned n = hostio_iov(m, &vnet, iov);
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};

	if (n > 0 && sendmsg(cutter->fd, &msg, MSG_DONTWAIT) > 0) {
		atomic_fetch_add_explicit(&cutter->packets, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&cutter->bytes, m->pkt_len, memory_order_relaxed);
	} else {
		atomic_fetch_add_explicit(&cutter->errors, 1, memory_order_relaxed);
	}
	rte_pktmbuf_free(m);
}

// It hears nothing: no protocol.
static int cut_socket(int ifindex) {
	const struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
	int one = 1, buffer = SOCKET_BUFFER;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0 ||
		bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
	return fd;
}

void port_cut_open(struct port *port, const struct netif *nif) {
	struct cutter *cutter = netif_cuts(nif->name) ? calloc(1, sizeof(*cutter)) : NULL;

	if (!cutter)
		return;
	cutter->fd = cut_socket(nif->index);
	if (cutter->fd < 0) {
		free(cutter);
		return;
	}
	port->pub.cutter = cutter;
	port->pub.cut = cut_send;
	port->pub.tx_offloads |= RTE_ETH_TX_OFFLOAD_TCP_TSO;
}

void port_cut_close(struct port *port) {
	struct cutter *cutter = port->pub.cutter;

	if (cutter)
		close(cutter->fd);
	free(cutter);
	port->pub.cutter = NULL;
	port->pub.cut = NULL;
}

void port_cut_stats(const struct port *port, struct rte_eth_stats *stats) {
	const struct cutter *cutter = port->pub.cutter;

	if (!cutter)
		return;
	stats->opackets += atomic_load_explicit(&cutter->packets, memory_order_relaxed);
	stats->obytes += atomic_load_explicit(&cutter->bytes, memory_order_relaxed);
	stats->oerrors += atomic_load_explicit(&cutter->errors, memory_order_relaxed);
}
