// SPDX-License-Identifier: BSD-3-Clause
// What control sends: frames that leave by an interface as they are, packets that are routed, packets that waited for their neighbour,
// or waited in vain.
#include "router/ip_priv.h"
#include "router/punt_priv.h"
#include <rte_ring.h>

enum { NEXT_LOOKUP, NEXT_REWRITE, NEXT_ERROR };

enum { DROP_NO_IFACE };

static const struct dp_drop inject_drops[] = {
	{"no_iface", "the interface that it should leave by is gone"},
	{0},
};

static const char *const inject_next[] = {[NEXT_LOOKUP] = "ip_lookup",
	[NEXT_REWRITE] = "ip_rewrite",
	[NEXT_ERROR] = "icmp_error",
	NULL};

static struct dp_node inject = {
	.name = "inject",
	.help = "sends what the control plane made",
	.source = true,
	.starts = {DP_ARC_L3_OUT, DP_ARC_PORT_OUT},
	.next = inject_next,
	.drops = inject_drops,
};

static rte_edge_t frame(struct rte_mbuf *m) {
	const struct rtr_iface *iface = rtr_iface(dp_meta(m)->iface);

	if (iface == NULL)
		return dp_drop(&inject, m, DROP_NO_IFACE);
	dp_meta(m)->out = iface->port;
	dp_meta(m)->domain = iface->vrf;
	return dp_arc_next(&inject, DP_ARC_L3_OUT, iface->index);
}

static uint16_t inject_process(struct rte_graph *graph, struct rte_node *node, void **, uint16_t) {
	void *objs[64];
	rte_edge_t next[RTE_DIM(objs)];
	unsigned n;

	if (dp_self->id != 0 || punt_down == NULL)
		return 0;
	n = rte_ring_sc_dequeue_burst(punt_down, objs, RTE_DIM(objs), NULL);
	for (unsigned i = 0; i < n; i++) {
		switch (dp_meta(objs[i])->vlan) {
		case PUNT_WAY_FRAME:
			next[i] = frame(objs[i]);
			break;
		case PUNT_WAY_LOOKUP:
			next[i] = NEXT_LOOKUP;
			break;
		case PUNT_WAY_ERROR:
			next[i] = NEXT_ERROR;
			break;
		case PUNT_WAY_PORT:
			next[i] = dp_arc_next(&inject, DP_ARC_PORT_OUT, dp_meta(objs[i])->out);
			break;
		default:
			next[i] = NEXT_REWRITE;
		}
	}
	if (n > 0)
		dp_enqueue(graph, node, objs, next, (uint16_t)n, false);
	return (uint16_t)n;
}

DP_NODE(inject)
