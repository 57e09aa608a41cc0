// SPDX-License-Identifier: BSD-3-Clause
// Packets that may not pass, and whose senders are told so: TCP gets a reset (RFC 9293 section 3.10.7.1), all else ICMP's
// "administratively prohibited" (RFC 1812 section 5.2.7.1, RFC 4443 section 3.1). Other functions lead here by name.
#include "router/icmp.h"
#include "router/ip_priv.h"
#include "router/tcp_reset.h"

enum { NEXT_ERROR, NEXT_LOOKUP };

enum { DROP_SILENT };

static const struct dp_drop ip_reject_drops[] = {
	[DROP_SILENT] = {"silent",
		"a reset, or a segment that cannot be read: nothing is answered"},
	{0},
};

static const char *const ip_reject_next[] = {
	[NEXT_ERROR] = "icmp_error", [NEXT_LOOKUP] = "ip_lookup", NULL};

static struct dp_node ip_reject = {
	.name = "ip_reject",
	.help = "tells senders that their packets may not pass",
	.next = ip_reject_next,
	.drops = ip_reject_drops,
};

static rte_edge_t answer(struct rte_mbuf *m) {
	bool v6 = ip_is_v6(m);

	if ((m->packet_type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_TCP) {
		if (!tcp_reset_make(m))
			return dp_drop(&ip_reject, m, DROP_SILENT);
		ip_own(m, dp_meta(m)->domain, v6);
		return NEXT_LOOKUP;
	}
	dp_meta(m)->user = v6 ? ip_error(ICMP6_UNREACH, ICMP6_ADMIN, 0)
			      : ip_error(ICMP4_UNREACH, ICMP4_ADMIN, 0);
	return NEXT_ERROR;
}

static uint16_t ip_reject_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++)
		rte_node_enqueue_x1(graph, node, answer(objs[i]), objs[i]);
	return n;
}

DP_NODE(ip_reject)
