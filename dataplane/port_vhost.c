// SPDX-License-Identifier: BSD-3-Clause
// vhost_user = true: the NIC of a guest, over a Unix socket. As server we listen and guests come and go; as client
// (client = true) DPDK's library connects to the guest's socket again and again.
//
// A guest that negotiated checksum or TSO sends frames that are not finished; that state stays on the packet
// (rx_partial) and is completed where it leaves. The other way round the guest is sent unfinished frames only when it
// negotiated that: the port's offloads are what the guest of the moment can do, none while there is no guest.
#include "dataplane/port_priv.h"
#include "dataplane/port_socket.h"
#include <errno.h>
#include <linux/virtio_net.h>
#include <rte_eth_vhost.h>
#include <rte_vhost.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ALWAYS RTE_ETH_TX_OFFLOAD_MULTI_SEGS

struct vhost {
	uint32_t changes;      // of guests: counted by the library's thread, read by control
	uint32_t seen_changes; // when tx_enabled was started anew
	uint32_t tx_enabled;   // bit per queue that the guest receives by
	bool client;
};

static void vhost_claim(const struct port_conf *conf, char *buf, size_t size) {
	char socket[PORT_DEVICE_LEN];

	snprintf(buf, size, "socket:%s", port_socket(conf, socket, sizeof(socket)));
}

static int vhost_check(const struct port_conf *conf, const char *path, struct err *err) {
	char socket[PORT_DEVICE_LEN];

	return port_socket_check(port_socket(conf, socket, sizeof(socket)), "socket", path, err);
}

static uint64_t guest_offloads(int vid) {
	const uint64_t tso =
		RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4) | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO6);
	uint64_t features = 0, offloads = ALWAYS;

	if (vid < 0 || rte_vhost_get_negotiated_features(vid, &features) < 0 ||
		!(features & RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM)))
		return ALWAYS;
	offloads |= RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	return (features & tso) == tso ? offloads | RTE_ETH_TX_OFFLOAD_TCP_TSO : offloads;
}

// On the library's thread, before a guest that is new gets its first frame and after the last of one that is gone.
static int guest_changed(uint16_t index, enum rte_eth_event_type, void *arg, void *) {
	struct rte_eth_link link = {0};
	struct port *port = arg;
	struct vhost *vhost = port->state;

	rte_eth_link_get_nowait(index, &link);
	uint64_t offloads = link.link_status == RTE_ETH_LINK_UP
		? guest_offloads(rte_eth_vhost_get_vid_from_port_id(index))
		: ALWAYS;
	__atomic_store_n(&port->pub.tx_offloads, offloads, __ATOMIC_RELEASE);
	__atomic_fetch_add(&vhost->changes, 1, __ATOMIC_RELEASE);
	return 0;
}

static void vhost_close(struct port *port) {
	if (port->open)
		rte_eth_dev_callback_unregister(
			port->pub.index, RTE_ETH_EVENT_INTR_LSC, guest_changed, port);
	port_dev_remove(port);
	free(port->state);
	port->state = NULL;
}

// UFO asks for IP fragments of one datagram, which nothing here makes; guests do not need it.
static int device_open(struct port *port, const struct port_conf *conf, const char *socket,
	unsigned workers, struct err *err) {
	const uint64_t refused =
		RTE_BIT64(VIRTIO_NET_F_HOST_UFO) | RTE_BIT64(VIRTIO_NET_F_GUEST_UFO);
	int rc = port_vdev_add(port, "net_vhost", err, "iface=%s,queues=%u,client=%d,tso=1", socket,
		port->n_rxq, conf->client);

	if (rc < 0)
		return rc;
	rte_eth_dev_callback_register(port->pub.index, RTE_ETH_EVENT_INTR_LSC, guest_changed, port);
	rc = port_start(port, conf, workers, err);
	if (rc == 0)
		rte_vhost_driver_disable_features(socket, refused);
	return rc;
}

static int vhost_open(
	struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	char buf[PORT_DEVICE_LEN];
	const char *socket = port_socket(conf, buf, sizeof(buf));
	struct vhost *vhost = port->state = calloc(1, sizeof(*vhost));

	if (!vhost)
		return err_set(err, -ENOMEM, "out of memory");
	vhost->client = conf->client;
	// More queues than the guest uses would be dead ends, so there is one unless asked for.
	port->n_rxq = port->n_txq = conf->queues ? conf->queues : 1;
	port->pub.rx_partial = true;
	port->pub.tx_offloads = ALWAYS;
	// "Offloaded": the driver leaves unfinished checksums alone instead of filling them in.
	port->rx_offloads = RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
	int rc = conf->client ? 0 : port_socket_clear(socket, SOCK_STREAM, err);
	if (rc == 0)
		rc = device_open(port, conf, socket, workers, err);
	if (rc < 0) {
		vhost_close(port);
		return rc;
	}
	if (!conf->client)
		port_socket_share(socket);
	return 0;
}

// A guest may have fewer queues than the port, and turn them on later: the workers that own the others hand over.
static void queues_follow(struct port *port, struct vhost *vhost) {
	uint32_t changes = __atomic_load_n(&vhost->changes, __ATOMIC_ACQUIRE);
	struct rte_eth_vhost_queue_event event;
	uint16_t n = 0;

	if (port->n_txq == 1)
		return;
	if (changes != vhost->seen_changes)
		vhost->tx_enabled = 0;
	vhost->seen_changes = changes;
	while (rte_eth_vhost_get_queue_event(port->pub.index, &event) == 0) {
		uint32_t bit = RTE_BIT32(event.queue_id % 32);
		if (!event.rx) // named by the ring's use for the guest's driver
			vhost->tx_enabled =
				event.enable ? vhost->tx_enabled | bit : vhost->tx_enabled & ~bit;
	}
	while (n < port->n_txq && (vhost->tx_enabled & RTE_BIT32(n)))
		n++;
	n = RTE_MAX(n, 1);
	if (n == port->pub.n_txq)
		return;
	port->pub.n_txq = n;
	dp_workers_ports_changed();
	dp_sync();
}

static bool vhost_link(struct port *port) {
	struct rte_eth_link link = {0};

	queues_follow(port, port->state);
	return rte_eth_link_get_nowait(port->pub.index, &link) == 0 &&
		link.link_status == RTE_ETH_LINK_UP;
}

static void vhost_show(struct port *port, json_t *row) {
	const struct vhost *vhost = port->state;
	uint64_t offloads = port->pub.tx_offloads;
	const char *peer = vhost->client ? "connecting" : "waiting";

	if (port->link_up && (offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO))
		peer = "connected (checksum, tso)";
	else if (port->link_up)
		peer = offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM ? "connected (checksum)"
							       : "connected";
	json_object_set_new(row, "peer", json_string(peer));
}

const struct dp_port_kind port_vhost_kind = {
	.name = "vhost-user",
	.help = "a guest's NIC",
	.alone = true,
	.claim = vhost_claim,
	.check = vhost_check,
	.open = vhost_open,
	.close = vhost_close,
	.link = vhost_link,
	.show = vhost_show,
};
