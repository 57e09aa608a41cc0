// SPDX-License-Identifier: BSD-3-Clause
// Mirror of frames that leave by a port: enabled on the watched ports only. The frame goes on, copies of it go to the
// ports of the sessions.
#include "switch/mirror.h"

static struct dp_node switch_mirror_out = {
	.name = "switch_mirror_out",
	.help = "copies frames that leave by a port to the ports that watch it",
	.arc = DP_ARC_PORT_OUT,
};

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	const struct sw_state *st = sw_state_get();
	rte_edge_t next[DP_VECTOR];

	if (n == 0)
		__builtin_unreachable(); // rte_graph calls no node without packets
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];
		unsigned port = dp_meta(m)->out;

		for (uint32_t mask = st->mirror_tx[port]; mask != 0; mask &= mask - 1)
			sw_mirror_copy(graph, node, &switch_mirror_out,
				&st->mirrors[__builtin_ctz(mask)], m, port);
		next[i] = dp_arc_next(&switch_mirror_out, DP_ARC_PORT_OUT, port);
	}
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t switch_mirror_out_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(switch_mirror_out)
