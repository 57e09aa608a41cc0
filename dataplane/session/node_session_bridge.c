// SPDX-License-Identifier: BSD-3-Clause
// IP packets that a switch forwards from one port to another, where sessions are wanted for that (session_enable_bridged()). They come
// without a tag, whole, with their headers noted, and with the domain of their VLAN (session.h).
#include "dataplane/session/batch.h"

static void session_bridge_explain(const struct rte_mbuf *m, json_t *lines) {
	path_explain_say(m, DP_ARC_L2_OUT, lines);
}

static struct dp_node session_bridge = {
	.name = "session_bridge",
	.help = "finds or makes the sessions of packets between ports of a switch",
	.arc = DP_ARC_L2_OUT,
	.next = session_next,
	.drops = session_drops,
	.hands_over = true,
	.explain = session_bridge_explain,
};

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	rte_edge_t next[DP_VECTOR];

	batch_run(&session_bridge, DP_ARC_L2_OUT, objs, n, next);
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t session_bridge_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(session_bridge)
