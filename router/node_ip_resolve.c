// SPDX-License-Identifier: BSD-3-Clause
// The next hop's MAC address is not known: control asks for it, and keeps the packet meanwhile (neigh.h).
#include "router/ip_priv.h"
#include "router/punt.h"

enum { DROP_RATE };

static const struct dp_drop ip_resolve_drops[] = {
	{"rate", "more packets to unknown neighbours than control takes"},
	{0},
};

static struct dp_node ip_resolve = {
	.name = "ip_resolve",
	.help = "hands packets to control that wait for their neighbour",
	.drops = ip_resolve_drops,
};

static uint16_t ip_resolve_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++)
		if (!punt_send_up(PUNT_RESOLVE, objs[i]))
			rte_node_enqueue_x1(
				graph, node, dp_drop(&ip_resolve, objs[i], DROP_RATE), objs[i]);
	return n;
}

DP_NODE(ip_resolve)
