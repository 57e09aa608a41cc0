// SPDX-License-Identifier: BSD-3-Clause
// What was put together on its way in leaves as it came: in pieces no longer than the longest of them, with the identification that
// it had, so that what the sender has learnt of the path stays true (RFC 8900 section 4.2 wants no other size either).
#include "router/frag/frag.h"
#include "router/ip_priv.h"

enum { DROP_NO_BUFFER };

static const struct dp_drop ip_refrag_drops[] = {
	{"no_buffer", "no buffers are free for the fragments"}, {0}};

static const char *const ip_refrag_before[] = {"switch_routed", NULL};

static struct dp_node ip_refrag = {
	.name = "ip_refrag",
	.help = "cuts packets again that were put together on their way in",
	.arc = DP_ARC_L3_OUT,
	.odd_only = true,
	.before = ip_refrag_before,
	.drops = ip_refrag_drops,
};

static void cut(
	struct rte_graph *graph, struct rte_node *node, struct rte_mbuf *m, rte_edge_t edge) {
	void *out[FRAG_PIECES];
	unsigned n = dp_offload_now(m) == 0 ? frag_cut_again(m, out) : 0;

	if (n == 0) {
		rte_node_enqueue_x1(graph, node, dp_drop(&ip_refrag, m, DROP_NO_BUFFER), m);
		return;
	}
	rte_node_enqueue(graph, node, edge, out, (uint16_t)n);
	rte_pktmbuf_free(m);
}

static __rte_noinline void cut_some(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];
		rte_edge_t edge = dp_arc_next(&ip_refrag, DP_ARC_L3_OUT, dp_meta(m)->iface);

		if (frag_is_joined(m))
			cut(graph, node, m, edge);
		else
			rte_node_enqueue_x1(graph, node, edge, m);
	}
}

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	struct dp_arc_run on = DP_ARC_RUN;
	rte_edge_t next[DP_VECTOR];

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];

		if (frag_is_joined(m)) {
			cut_some(graph, node, objs, n);
			return;
		}
		next[i] = dp_arc_run_next(&on, &ip_refrag, DP_ARC_L3_OUT, dp_meta(m)->iface);
	}
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t ip_refrag_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(ip_refrag)
