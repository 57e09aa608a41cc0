// SPDX-License-Identifier: BSD-3-Clause
// What ip_reject does for routed packets, between ports of a switch: the sender hears it by the port that it sent by, from the station and
// the address that it sent to, for nobody here has an address of his own. Other functions lead here by name.
#include "router/bridge/bridge_priv.h"
#include "router/icmp.h"
#include "router/ip_priv.h"
#include "router/tcp_reset.h"
#include "switch/switch.h"

enum { DROP_SILENT, DROP_RATE, DROP_NO_BUFFER, DROP_TAG };

static const struct dp_drop bridge_reject_drops[] = {
	[DROP_SILENT] = {"silent",
		"no answer may be sent: to a reset, an ICMP error, a group or no host"},
	[DROP_RATE] = {"rate", "this source has had its answers for now"},
	[DROP_NO_BUFFER] = {"no_buffer", "no buffer is free for the answer"},
	[DROP_TAG] = {"tag", "the sender's port has just left the VLAN"},
	{0},
};

static struct dp_node bridge_reject = {
	.name = "bridge_reject",
	.help = "tells senders that their packets may not pass between ports of a switch",
	.starts = {DP_ARC_L2_OUT},
	.drops = bridge_reject_drops,
};

// The frame to the station that sent `eth`, by its port.
static rte_edge_t send_back(struct rte_mbuf *m, struct rte_ether_hdr eth, uint16_t port) {
	struct rte_ether_hdr *to = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

	*to = (struct rte_ether_hdr){eth.src_addr, eth.dst_addr, eth.ether_type};
	if (ip_is_v6(m))
		ip6_of(m)->hop_limits = ICMP_TTL - 1;
	else
		ip4_hop(ip4_of(m));
	m->port = UINT16_MAX; // it came in by none: no rule looks at it
	dp_meta(m)->out = port;
	if (!sw_tag_give(m))
		return dp_drop(&bridge_reject, m, DROP_TAG);
	return dp_arc_next(&bridge_reject, DP_ARC_L2_OUT, port);
}

// The error about `m`, which goes; or `m` itself with its drop in *edge.
static struct rte_mbuf *error(struct rte_mbuf *m, rte_edge_t *edge) {
	bool v6 = ip_is_v6(m);
	uint32_t what = v6 ? ip_error(ICMP6_UNREACH, ICMP6_ADMIN, 0)
			   : ip_error(ICMP4_UNREACH, ICMP4_ADMIN, 0);
	struct addr src = {.family = v6 ? ADDR_V6 : ADDR_V4};
	struct rte_ether_hdr eth = *rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	struct rte_mbuf *e = NULL;
	unsigned why = DROP_SILENT;

	memcpy(src.bytes, v6 ? (void *)ip6_of(m)->dst_addr : (void *)&ip4_of(m)->dst_addr,
		v6 ? 16 : 4);
	if (icmp_error_may(m, what)) {
		why = DROP_RATE;
		if (icmp_error_rate(m)) {
			why = DROP_NO_BUFFER;
			e = icmp_error_make(m, &src, what);
		}
	}
	if (e == NULL) {
		*edge = dp_drop(&bridge_reject, m, why);
		return m;
	}
	e->packet_type = m->packet_type;
	e->ol_flags |= m->ol_flags & dp_trace_flag;
	*dp_meta(e) = *dp_meta(m);
	*edge = send_back(e, eth, m->port);
	rte_pktmbuf_free(m);
	return e;
}

static struct rte_mbuf *answer(struct rte_mbuf *m, rte_edge_t *edge) {
	struct rte_ether_hdr eth = *rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	bool group = rte_is_multicast_ether_addr(&eth.dst_addr);

	if ((m->packet_type & RTE_PTYPE_L4_MASK) != RTE_PTYPE_L4_TCP)
		return error(m, edge);
	*edge = group || !tcp_reset_make(m) ? dp_drop(&bridge_reject, m, DROP_SILENT)
					    : send_back(m, eth, m->port);
	return m;
}

static uint16_t bridge_reject_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++) {
		rte_edge_t edge;
		struct rte_mbuf *m = answer(objs[i], &edge);

		rte_node_enqueue_x1(graph, node, edge, m);
	}
	return n;
}

DP_NODE(bridge_reject)
