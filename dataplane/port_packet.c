// SPDX-License-Identifier: BSD-3-Clause
// The last rung of the ladder for kernel interfaces: a packet socket (AF_PACKET). Works on every interface and with
// every MTU. The kernel still sees all frames that come in; what it sends itself does not come in here.
#include "dataplane/hostio.h"
#include "dataplane/port_kernel.h"
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_BUFFER (8 << 20)

// Packet sockets get a frame without its outermost tag, which comes beside it (tpacket_auxdata).
static uint32_t tag_read(struct msghdr *msg) {
	struct tpacket_auxdata aux;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA ||
			c->cmsg_len < CMSG_LEN(sizeof(aux)))
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
			return 0;
		uint32_t tpid =
			aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid : ETH_P_8021Q;
		return tpid << 16 | aux.tp_vlan_tci;
	}
	return 0;
}

static uint16_t packet_recv(struct hostio *io, struct rte_mbuf **pkts, uint16_t n) {
	struct {
		_Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control[HOSTIO_SLOTS];
	struct mmsghdr msgs[HOSTIO_SLOTS];
	unsigned ready = hostio_fill(io, RTE_MIN(n, (uint16_t)HOSTIO_SLOTS));
	uint16_t got = 0;

	for (unsigned i = 0; i < ready; i++)
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = io->slots[i].iov,
			.msg_iovlen = io->slots[i].n + 1,
			.msg_control = control[i].bytes,
			.msg_controllen = sizeof(control[i].bytes)};
	int received = ready > 0 ? recvmmsg(io->fd, msgs, ready, MSG_DONTWAIT, NULL) : 0;
	for (int i = 0; i < received; i++) {
		struct hostio_slot *slot = &io->slots[i];
		if (msgs[i].msg_len <= sizeof(slot->vnet) ||
			(msgs[i].msg_hdr.msg_flags & MSG_TRUNC)) {
			io->rx_errors++;
			continue;
		}
		struct rte_mbuf *m = hostio_take(
			io, slot, msgs[i].msg_len - sizeof(slot->vnet), tag_read(&msgs[i].msg_hdr));
		if (m)
			pkts[got++] = m;
	}
	return got;
}

static void packet_send_some(struct hostio *io, struct rte_mbuf **pkts, unsigned n) {
	struct iovec iov[HOSTIO_SLOTS][HOSTIO_SEGS + 1];
	struct virtio_net_hdr vnet[HOSTIO_SLOTS];
	struct mmsghdr msgs[HOSTIO_SLOTS];
	unsigned sent = 0;

	for (unsigned i = 0; i < n; i++)
		msgs[i].msg_hdr = (struct msghdr){
			.msg_iov = iov[i], .msg_iovlen = hostio_iov(pkts[i], &vnet[i], iov[i])};
	while (sent < n) {
		int now = sendmmsg(io->fd, msgs + sent, n - sent, MSG_DONTWAIT);
		for (int i = 0; i < now; i++)
			io->tx_bytes += pkts[sent + i]->pkt_len;
		io->tx_packets += now > 0 ? now : 0;
		io->tx_errors += now <= 0;
		sent += now > 0 ? now : 1; // the first one was refused: on with the next
	}
}

static void packet_send(struct hostio *io, struct rte_mbuf **pkts, uint16_t n) {
	for (unsigned i = 0; i < n; i += HOSTIO_SLOTS)
		packet_send_some(io, pkts + i, RTE_MIN(n - i, (unsigned)HOSTIO_SLOTS));
	rte_pktmbuf_free_bulk(pkts, n);
}

static const struct hostio_ops packet_ops = {.recv = packet_recv, .send = packet_send};

static int packet_socket(int ifindex, struct err *err) {
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = ifindex};
	int one = 1, buffer = SOCKET_BUFFER;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_set(err, -errno, "no packet socket (%s)", strerror(errno));
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) < 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
		bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int rc = err_set(
			err, -errno, "the packet socket cannot be set up (%s)", strerror(errno));
		close(fd);
		return rc;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
	return fd;
}

int port_packet_open(struct port *port, const struct port_conf *conf, const struct netif *nif,
	unsigned workers, struct err *err) {
	int fd = packet_socket(nif->index, err);

	if (fd < 0)
		return fd;
	// What leaves is on a wire: complete, and no longer than the MTU. Of what is to be cut the interface makes that.
	port->pub.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS |
		(netif_cuts(nif->name) ? RTE_ETH_TX_OFFLOAD_TCP_TSO : 0);
	int rc = hostio_open(port, conf, &packet_ops, fd, workers, err);
	if (rc < 0)
		close(fd);
	return rc;
}

int port_packet_filter(const struct port *port, int prog) {
	const struct hostio *io = port->pub.driver;
	int rc = prog < 0 ? setsockopt(io->fd, SOL_SOCKET, SO_DETACH_FILTER, &prog, sizeof(prog))
			  : setsockopt(io->fd, SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog));

	return rc < 0 ? -errno : 0;
}

uint64_t port_packet_missed(struct port *port) {
	const struct hostio *io = port->pub.driver;
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);

	// Reading resets it.
	return getsockopt(io->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0 ? stats.tp_drops
										    : 0;
}
