// SPDX-License-Identifier: BSD-3-Clause
// Packets that this box made, about to leave by an interface with something stateful: they are their sessions' other half, or
// begin one. What was forwarded has been judged when it came in.
#include "dataplane/session/path.h"

static struct dp_node session_own = {
	.name = "session_own",
	.help = "finds or makes the sessions of this box itself",
	.arc = DP_ARC_L3_OUT,
	.odd_only = true,
	.next = session_next,
	.drops = session_drops,
	.hands_over = true,
};

static inline rte_edge_t own(struct dp_arc_run *on, struct rte_mbuf *m) {
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);

	if (likely(m->port != UINT16_MAX) ||
		(eth->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) &&
			eth->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV6)))
		return dp_arc_run_next(on, &session_own, DP_ARC_L3_OUT, dp_meta(m)->iface);
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN);
	return unlikely(dp_self->explains) ? path_explain(&session_own, DP_ARC_L3_OUT, m, ip)
					   : path_slow(&session_own, DP_ARC_L3_OUT, m, ip);
}

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	struct dp_arc_run on = DP_ARC_RUN;
	rte_edge_t next[DP_VECTOR];

	for (uint16_t i = 0; i < n; i++)
		next[i] = own(&on, objs[i]);
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t session_own_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(session_own)
