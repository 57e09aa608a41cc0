// SPDX-License-Identifier: BSD-3-Clause
// What other workers handed over goes on at the node that it came from. Its edges are drop, then the nodes that hand over (graph.c).
#include "dataplane/dataplane_priv.h"

static struct dp_node handed_over = {
	.name = "handed_over",
	.help = "takes what other workers hand over",
	.source = true,
};

static uint16_t handed_over_process(
	struct rte_graph *graph, struct rte_node *node, void **, uint16_t) {
	struct rte_ring *ring = dp_over_rings[dp_self->id];
	void *objs[DP_VECTOR];
	rte_edge_t next[DP_VECTOR];

	if (likely(rte_ring_empty(ring)))
		return 0;
	uint16_t n = (uint16_t)rte_ring_sc_dequeue_burst(ring, objs, DP_VECTOR, NULL);
	for (uint16_t i = 0; i < n; i++)
		next[i] = dp_meta(objs[i])->drop >> 8;
	dp_worker_self()->rx_packets += n;
	if (n > 0)
		dp_enqueue(graph, node, objs, next, n, false);
	return n;
}

DP_NODE(handed_over)
