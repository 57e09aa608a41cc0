// SPDX-License-Identifier: BSD-3-Clause
// Where the packet of `leat explain` comes from: the only source of the explainer's graph, and in no other.
#include "dataplane/dataplane_priv.h"
#include "dataplane/explain.h"

static struct dp_node explain_in = {
	.name = DP_EXPLAIN_SOURCE,
	.help = "where an explained packet comes from",
	.source = true,
	.starts = {DP_ARC_PORT_IN, DP_ARC_L3_IN},
};

static uint16_t explain_in_process(
	struct rte_graph *graph, struct rte_node *node, void **, uint16_t) {
	struct rte_mbuf *m = dp_explain_packet;

	if (m == NULL)
		return 0;
	dp_explain_packet = NULL;
	rte_node_enqueue_x1(graph, node,
		m->port < DP_MAX_PORTS ? dp_arc_next(&explain_in, DP_ARC_PORT_IN, m->port)
				       : dp_arc_next(&explain_in, DP_ARC_L3_IN, dp_meta(m)->iface),
		m);
	return 1;
}

DP_NODE(explain_in)
