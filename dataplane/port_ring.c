// SPDX-License-Identifier: BSD-3-Clause
// device = "ring:NAME": two rings of this process, that tests and benches fill and empty (DP_RING_RX_NAME,
// DP_RING_TX_NAME).
#include "dataplane/port_priv.h"
#include <errno.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING_SLOTS   1024
#define NAME_MAX_LEN 14

struct rings {
	struct rte_ring *rx, *tx;
};

static void ring_claim(const struct port_conf *conf, char *buf, size_t size) {
	snprintf(buf, size, "ring:%s", conf->device);
}

static int ring_check(const struct port_conf *conf, const char *path, struct err *err) {
	char name[64];

	port_device_name(conf, name, sizeof(name));
	if (*name == '\0' || strlen(name) > NAME_MAX_LEN)
		return err_at(
			err, path, "device: the name of a ring has 1..%d characters", NAME_MAX_LEN);
	return 0;
}

static void ring_empty(struct rte_ring *ring) {
	struct rte_mbuf *m;

	while (ring && rte_ring_dequeue(ring, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
}

static void ring_close(struct port *port) {
	struct rings *rings = port->pub.driver;

	port_dev_remove(port);
	if (!rings)
		return;
	ring_empty(rings->rx);
	ring_empty(rings->tx);
	free(rings);
	port->pub.driver = NULL;
}

static int rings_new(struct rings *rings, const char *name, struct err *err) {
	char rx[RTE_RING_NAMESIZE], tx[RTE_RING_NAMESIZE];

	snprintf(rx, sizeof(rx), DP_RING_RX_NAME, name);
	snprintf(tx, sizeof(tx), DP_RING_TX_NAME, name);
	rings->rx = rte_ring_create(rx, RING_SLOTS, SOCKET_ID_ANY, 0);
	rings->tx = rte_ring_create(tx, RING_SLOTS, SOCKET_ID_ANY, 0);
	if (!rings->rx || !rings->tx)
		return err_set(err, -rte_errno, "no ring %s (%s)", name, rte_strerror(rte_errno));
	return 0;
}

static int ring_open(
	struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	struct rings *rings = port->pub.driver = calloc(1, sizeof(*rings));
	char name[NAME_MAX_LEN + 1];

	if (!rings)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = port_vdev_room(err);
	port_device_name(conf, name, sizeof(name));
	if (rc == 0)
		rc = rings_new(rings, name, err);
	if (rc == 0)
		rc = port_rings_add(port, name, rings->rx, &rings->tx, 1, err);
	if (rc == 0) {
		port->pub.fix_port = true;
		port->pub.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
		rc = port_start(port, conf, workers, err);
	}
	if (rc < 0)
		ring_close(port);
	return rc;
}

const struct dp_port_kind port_ring_kind = {
	.name = "ring",
	.prefix = "ring:",
	.help = "rings of this process",
	.claim = ring_claim,
	.check = ring_check,
	.open = ring_open,
	.close = ring_close,
};
