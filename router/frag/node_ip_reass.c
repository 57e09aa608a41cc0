// SPDX-License-Identifier: BSD-3-Clause
// Puts fragments together that are on their way through: on interfaces where frag_want() says so, right behind ip_input.
#include "router/frag/join.h"

enum { NEXT_ERROR };

static const struct dp_drop ip_reass_drops[] = {JOIN_DROP_ROWS, [JOIN_DROPS] = {0}};

static const char *const ip_reass_next[] = {[NEXT_ERROR] = "icmp_error", NULL};
static const char *const ip_reass_after[] = {"ip_input", NULL};
static const char *const ip_reass_before[] = {"session", NULL}; // which wants whole packets

static struct dp_node ip_reass = {
	.name = "ip_reass",
	.help = "puts fragments together that are forwarded",
	.arc = DP_ARC_L3_IN,
	.odd_only = true,
	.after = ip_reass_after,
	.before = ip_reass_before,
	.hands_over = true,
	.next = ip_reass_next,
	.drops = ip_reass_drops,
};

static __rte_noinline void join(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	const struct join j = {&ip_reass, graph, node, NEXT_ERROR};
	rte_edge_t next[DP_VECTOR];
	void *out[DP_VECTOR];
	uint16_t count = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];

		if (unlikely(join_is_fragment(m)))
			m = join_take(&j, m);
		if (m == NULL)
			continue;
		next[count] = dp_arc_next(&ip_reass, DP_ARC_L3_IN, dp_meta(m)->iface);
		out[count++] = m;
	}
	if (count > 0)
		dp_enqueue(graph, node, out, next, count, false);
}

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	struct dp_arc_run on = DP_ARC_RUN;
	rte_edge_t next[DP_VECTOR];

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];

		if (unlikely(join_is_fragment(m))) {
			join(graph, node, objs, n);
			return;
		}
		next[i] = dp_arc_run_next(&on, &ip_reass, DP_ARC_L3_IN, dp_meta(m)->iface);
	}
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t ip_reass_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(ip_reass)
