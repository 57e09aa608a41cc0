// SPDX-License-Identifier: BSD-3-Clause
// DHCP to this box goes to control, where an interface has a server, relay or client; the rest on, to the host twin at last.
#include "router/dhcp/node_dhcp_local.h"
#include "router/ip_priv.h"
#include "router/punt.h"
#include <rte_udp.h>

enum { NEXT_PUNT_UP };

static const char *const dhcp_local_next[] = {[NEXT_PUNT_UP] = "punt_up", NULL};
static const char *const dhcp_local_before[] = {"punt", NULL};

uint8_t dhcp_ports[DP_MAX_IFACES];

static struct dp_node dhcp_local = {
	.name = "dhcp_local",
	.help = "hands DHCP to the control plane",
	.arc = DP_ARC_LOCAL,
	.before = dhcp_local_before,
	.next = dhcp_local_next,
};

static rte_edge_t next_of(struct rte_mbuf *m) {
	unsigned iface = ip_meta(m)->iface, wanted = dhcp_ports[iface], port;
	struct rte_udp_hdr buf;
	const struct rte_udp_hdr *udp;

	if (ip_is_v6(m) || (m->packet_type & RTE_PTYPE_L4_MASK) != RTE_PTYPE_L4_UDP)
		return dp_arc_next(&dhcp_local, DP_ARC_LOCAL, iface);
	udp = rte_pktmbuf_read(m, m->l2_len + m->l3_len, sizeof(buf), &buf);
	port = udp ? rte_be_to_cpu_16(udp->dst_port) : 0;
	if (!(port == 67 && wanted & DHCP_PORT_SERVER) &&
		!(port == 68 && wanted & DHCP_PORT_CLIENT))
		return dp_arc_next(&dhcp_local, DP_ARC_LOCAL, iface);
	dp_meta(m)->user = PUNT_DHCP;
	return NEXT_PUNT_UP;
}

static uint16_t dhcp_local_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++)
		rte_node_enqueue_x1(graph, node, next_of(objs[i]), objs[i]);
	return n;
}

DP_NODE(dhcp_local)
