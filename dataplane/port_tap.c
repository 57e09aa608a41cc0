// SPDX-License-Identifier: BSD-3-Clause
// device = "tap:NAME": an interface of this host, whose other end is the port. Checksums and TCP segmentation may be
// left to the other side in both directions: a frame of 64 KiB crosses in one piece.
#include "dataplane/hostio.h"
#include "dataplane/merge.h"
#include "dataplane/netif.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define TAP_OFFLOADS                                                    \
	(RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
		RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO)

static void tap_claim(const struct port_conf *conf, char *buf, size_t size) {
	char name[IFNAMSIZ + 1];

	snprintf(buf, size, "dev:%s", port_device_name(conf, name, sizeof(name)));
}

static int tap_check(const struct port_conf *conf, const char *path, struct err *err) {
	char name[64];

	port_device_name(conf, name, sizeof(name));
	if (*name == '\0' || strlen(name) >= IFNAMSIZ || strpbrk(name, "/ %"))
		return err_at(err, path,
			"device: the name of a TAP has 1..%d characters, none of them / or %%",
			IFNAMSIZ - 1);
	return 0;
}

// No more than a megabyte at a time, of frames of 64 KiB: the caches have to hold them until they are sent on.
static uint16_t tap_recv(struct hostio *io, struct rte_mbuf **pkts, uint16_t n) {
	struct hostio_slot *slot = &io->slots[0];
	uint16_t got = 0;

	n = RTE_MIN(n, (uint16_t)HOSTIO_SLOTS);
	for (uint16_t i = 0; i < n && hostio_fill(io, 1) == 1; i++) {
		ssize_t len = readv(io->fd, slot->iov, slot->n + 1);
		if (len < (ssize_t)sizeof(slot->vnet))
			break;
		struct rte_mbuf *m = hostio_take(io, slot, len - sizeof(slot->vnet), 0);
		if (m)
			pkts[got++] = m;
	}
	return got;
}

static void tap_send(struct hostio *io, struct rte_mbuf **pkts, uint16_t n) {
	struct iovec iov[HOSTIO_SEGS + 1];
	struct virtio_net_hdr vnet;

	n = dp_merge(pkts, n);
	for (uint16_t i = 0; i < n; i++) {
		unsigned n_iov = hostio_iov(pkts[i], &vnet, iov);
		if (n_iov > 0 && writev(io->fd, iov, n_iov) > 0) {
			io->tx_packets++;
			io->tx_bytes += pkts[i]->pkt_len;
		} else {
			io->tx_errors++;
		}
	}
	rte_pktmbuf_free_bulk(pkts, n);
}

_Static_assert(MERGE_SEGS <= HOSTIO_SEGS, "a frame that was merged can be sent");
static const struct hostio_ops tap_ops = {.recv = tap_recv, .send = tap_send};

static const char *tap_name(const struct port *port) {
	return strchr(port->device, ':') + 1;
}

// Makes the interface of an open /dev/net/tun, in the namespace that it was opened in.
static int tap_attach(int fd, const char *name, struct err *err) {
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int size = sizeof(struct virtio_net_hdr);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &size) < 0)
		return err_set(err, -errno, "the TAP %s cannot be made (%s)%s", name,
			strerror(errno),
			errno == EBUSY || errno == EINVAL ? "; an interface of that name is in use"
							  : "");
	ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN);
	return 0;
}

static int tap_make(const char *name, struct err *err) {
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, -errno,
			"/dev/net/tun cannot be opened (%s); is the module tun loaded?",
			strerror(errno));
	int rc = tap_attach(fd, name, err);
	if (rc < 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

static int tap_mtu_set(struct port *port, uint16_t mtu, struct err *err) {
	struct netif nif = {.promisc_fd = -1};

	snprintf(nif.name, sizeof(nif.name), "%s", tap_name(port));
	return netif_mtu_set(&nif, mtu, err);
}

static int tap_open(
	struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	static const struct mac none;
	int rc, fd = tap_make(tap_name(port), err);

	if (fd < 0)
		return fd;
	port->pub.tx_offloads = TAP_OFFLOADS;
	if (memcmp(&conf->mac, &none, sizeof(none)) != 0)
		netif_mac_set(tap_name(port), &conf->mac);
	rc = tap_mtu_set(port, conf->mtu, err);
	if (rc == 0)
		rc = netif_up(tap_name(port), conf->enabled);
	if (rc == 0)
		rc = hostio_open(port, conf, &tap_ops, fd, workers, err);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	struct mac mac;
	if (netif_mac_get(tap_name(port), &mac) == 0)
		memcpy(&port->pub.mac, &mac, sizeof(mac));
	return 0;
}

static bool tap_link(struct port *port) {
	struct netif nif = {0};

	snprintf(nif.name, sizeof(nif.name), "%s", tap_name(port));
	return netif_running(&nif, false);
}

static void tap_enable(struct port *port, bool on) {
	netif_up(tap_name(port), on);
}

const struct dp_port_kind port_tap_kind = {
	.name = "tap",
	.prefix = "tap:",
	.help = "an interface of this host",
	.claim = tap_claim,
	.check = tap_check,
	.open = tap_open,
	.close = hostio_close,
	.mtu_set = tap_mtu_set,
	.link = tap_link,
	.enable = tap_enable,
	.stats = hostio_stats,
};

// ---- in another namespace -------------------------------------------------------------------------------------

static bool adopted_link(struct port *) {
	return true;
}

static const struct dp_port_kind adopted_kind = {
	.name = "tap",
	.help = "an interface of a network namespace",
	.close = hostio_close,
	.link = adopted_link,
	.stats = hostio_stats,
};

static int fd_of(const struct port *port) {
	return ((const struct hostio *)port->pub.driver)->fd;
}

void port_tap_carrier_set(struct port *port, bool on) {
	int carrier = on;

	ioctl(fd_of(port), TUNSETCARRIER, &carrier);
}

bool port_tap_lost(const struct port *port) {
	struct pollfd poll_fd = {.fd = fd_of(port)};

	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLERR);
}

int port_tap_adopt(struct port *port, const struct port_conf *conf, const char *device, int tun,
	struct err *err) {
	int rc = tap_attach(tun, device, err);

	port->kind = &adopted_kind;
	port->driver = port->kind->name;
	port->pub.mtu = (uint16_t)conf->mtu;
	port->pub.tx_offloads = TAP_OFFLOADS;
	snprintf(port->device, sizeof(port->device), "tap:%s", device);
	if (rc == 0) // a queue for every worker that may come
		rc = hostio_open(port, conf, &tap_ops, tun, PORT_QUEUES_MAX, err);
	if (rc < 0) {
		close(tun);
		return rc;
	}
	port->open = port->enabled = port->own = true;
	memcpy(&port->pub.mac, &conf->mac, sizeof(port->pub.mac));
	port_tap_carrier_set(port, false);
	return 0;
}
