// SPDX-License-Identifier: BSD-3-Clause
// Stands at the end of an arc that no function of this program ends: nobody wants these packets.
#include "dataplane/dataplane.h"

enum { DROP_NOBODY };

static const struct dp_drop arc_end_drops[] = {
	[DROP_NOBODY] = {"nobody", "no function of this program takes such packets"},
	{0},
};

static struct dp_node arc_end = {
	.name = "arc_end",
	.help = "takes packets at the end of an arc that no function ends",
	.drops = arc_end_drops,
};

static uint16_t arc_end_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++)
		dp_drop(&arc_end, objs[i], DROP_NOBODY);
	rte_node_next_stream_move(graph, node, arc_end.drop_edge);
	return n;
}

DP_NODE(arc_end)
