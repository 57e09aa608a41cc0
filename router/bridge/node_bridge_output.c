// SPDX-License-Identifier: BSD-3-Clause
// What the rules let pass between ports of a switch leaves as it came: in its fragments, with its tag.
#include "router/bridge/bridge_priv.h"
#include "router/frag/frag.h"
#include "router/ip_priv.h"
#include "switch/switch.h"

enum { DROP_NO_BUFFER, DROP_TAG };

static const struct dp_drop bridge_output_drops[] = {
	[DROP_NO_BUFFER] = {"no_buffer", "no buffers are free for the fragments"},
	[DROP_TAG] = {"tag", "its port has just left the VLAN, or there is no room for the tag"},
	{0},
};

static const char *const bridge_output_after[] = {"session_bridge", NULL};

struct dp_node bridge_output = {
	.name = "bridge_output",
	.help = "gives packets that the rules let pass their tag again",
	.arc = DP_ARC_L2_OUT,
	.after = bridge_output_after,
	.drops = bridge_output_drops,
};

static rte_edge_t leave(struct rte_mbuf *m) {
	if (bridge_taken(m) && !sw_tag_give(m))
		return dp_drop(&bridge_output, m, DROP_TAG);
	return dp_arc_next(&bridge_output, DP_ARC_L2_OUT, dp_meta(m)->out);
}

static void cut(struct rte_graph *graph, struct rte_node *node, struct rte_mbuf *m) {
	void *out[FRAG_PIECES];
	unsigned n = dp_offload_now(m) == 0 ? frag_cut_again(m, out) : 0;

	if (n == 0) {
		rte_node_enqueue_x1(graph, node, dp_drop(&bridge_output, m, DROP_NO_BUFFER), m);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		rte_node_enqueue_x1(graph, node, leave(out[i]), out[i]);
	rte_pktmbuf_free(m);
}

static __rte_noinline void cut_some(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];

		if (bridge_taken(m) && frag_is_joined(m))
			cut(graph, node, m);
		else
			rte_node_enqueue_x1(graph, node, leave(m), m);
	}
}

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	rte_edge_t next[DP_VECTOR];
	bool joined = false;

	for (uint16_t i = 0; i < n; i++)
		joined |= frag_is_joined(objs[i]);
	if (unlikely(joined)) {
		cut_some(graph, node, objs, n);
		return;
	}
	for (uint16_t i = 0; i < n; i++)
		next[i] = leave(objs[i]);
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t bridge_output_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(bridge_output)
