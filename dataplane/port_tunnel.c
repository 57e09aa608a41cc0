// SPDX-License-Identifier: BSD-3-Clause
// device = "tunnel:NAME": a port without a device. A network function stands behind it: it takes what leaves by the port from the port-out
// arc, starts what arrives on the port-in arc, and says so to dp_port_passed(). The ethdev (net_null) only holds the number.
#include "dataplane/port_priv.h"
#include <string.h>

struct passed {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};
static struct passed passed[DP_MAX_WORKERS][DP_MAX_PORTS]; // each worker its own

void dp_port_passed(unsigned port, bool rx, struct rte_mbuf *m) {
	struct passed *p = &passed[dp_self->id][port % DP_MAX_PORTS];

	if (rx) {
		p->rx_packets++;
		p->rx_bytes += m->pkt_len;
	} else {
		p->tx_packets++;
		p->tx_bytes += m->pkt_len;
	}
	if (unlikely(dp_taps))
		dp_tap(port, rx, &m, 1);
}

static int tunnel_open(
	struct port *port, const struct port_conf *conf, unsigned workers, struct err *err) {
	int rc = port_vdev_add(port, "net_null", err, "no-rx=1");

	if (rc < 0)
		return rc;
	port->pub.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	rc = port_start(port, conf, workers, err);
	if (rc < 0) {
		port_dev_remove(port);
		return rc;
	}
	port->pub.n_rxq = 0; // nothing to poll
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++)
		memset(&passed[w][port->pub.index], 0, sizeof(passed[w][0]));
	return 0;
}

static void tunnel_stats(struct port *port, struct rte_eth_stats *stats) {
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		const struct passed *p = &passed[w][port->pub.index];

		stats->ipackets += __atomic_load_n(&p->rx_packets, __ATOMIC_RELAXED);
		stats->ibytes += __atomic_load_n(&p->rx_bytes, __ATOMIC_RELAXED);
		stats->opackets += __atomic_load_n(&p->tx_packets, __ATOMIC_RELAXED);
		stats->obytes += __atomic_load_n(&p->tx_bytes, __ATOMIC_RELAXED);
	}
}

const struct dp_port_kind port_tunnel_kind = {
	.name = "tunnel",
	.prefix = "tunnel:",
	.help = "no device: a tunnel of the configuration is behind it",
	.alone = true,
	.open = tunnel_open,
	.close = port_dev_remove,
	.stats = tunnel_stats,
};
