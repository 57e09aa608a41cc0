// SPDX-License-Identifier: BSD-3-Clause
// To the control thread, by the class in dp_meta.user, or dropped when that class has had its share.
#include "router/ip_priv.h"
#include "router/punt.h"
#include <stdio.h>

static const struct dp_drop punt_up_drops[] = {
	[PUNT_ARP] = {"arp", "more ARP than control takes"},
	[PUNT_ND] = {"nd", "more neighbour discovery than control takes"},
	[PUNT_RESOLVE] = {"other", "no class of its own"},
	[PUNT_VRRP] = {"vrrp", "more VRRP than control takes"},
	[PUNT_DHCP] = {"dhcp", "more DHCP than control takes"},
	[PUNT_RA] = {"ra", "more router discovery than control takes"},
	{0},
};

static int punt_up_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	unsigned class = ip_meta(m)->user;

	return snprintf(
		buf, size, "class %s", class < PUNT_CLASSES ? punt_up_drops[class].why : "-");
}

static struct dp_node punt_up = {
	.name = "punt_up",
	.help = "hands packets to the control plane",
	.drops = punt_up_drops,
	.trace = punt_up_trace,
};

static uint16_t punt_up_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++) {
		unsigned class = dp_meta(objs[i])->user;

		if (!punt_send_up(class, objs[i]))
			rte_node_enqueue_x1(
				graph, node, dp_drop(&punt_up, objs[i], class), objs[i]);
	}
	return n;
}

DP_NODE(punt_up)
