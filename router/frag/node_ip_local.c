// SPDX-License-Identifier: BSD-3-Clause
// The first on the way to this box: puts fragments together, and judges IPv6 extension headers as their destination must (RFC 8200
// section 4, RFC 5095).
#include "router/frag/join.h"
#include "router/icmp.h"
#include "router/ip_priv.h"

enum { NEXT_ERROR };

enum { DROP_CHAIN = JOIN_DROPS };

static const struct dp_drop ip_local_drops[] = {
	JOIN_DROP_ROWS,
	[DROP_CHAIN] = {"chain",
		"extension headers that are cut short or too many, or an option that says so"},
	{0},
};

static const char *const ip_local_next[] = {[NEXT_ERROR] = "icmp_error", NULL};
static const char *const ip_local_before[] = {"icmp_local", NULL};

static struct dp_node ip_local = {
	.name = "ip_local",
	.help = "puts fragments together, and judges extension headers, of packets for this box",
	.arc = DP_ARC_LOCAL,
	.before = ip_local_before,
	.hands_over = true,
	.next = ip_local_next,
	.drops = ip_local_drops,
};

static rte_edge_t judge(struct rte_mbuf *m) {
	uint32_t error = 0;

	if (ip_is_v6(m) && !icmp6_chain_ok(m, &error)) {
		if (error == 0)
			return dp_drop(&ip_local, m, DROP_CHAIN);
		dp_meta(m)->user = error;
		return NEXT_ERROR;
	}
	return dp_arc_next(&ip_local, DP_ARC_LOCAL, dp_meta(m)->iface);
}

static uint16_t ip_local_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	const struct join j = {&ip_local, graph, node, NEXT_ERROR};

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];

		if (unlikely(join_is_fragment(m)))
			m = join_take(&j, m);
		if (m)
			rte_node_enqueue_x1(graph, node, judge(m), m);
	}
	return n;
}

DP_NODE(ip_local)
