// SPDX-License-Identifier: BSD-3-Clause
// From the host twin to the wire: the kernel has routed, resolved and addressed its frame; it leaves by the twin's interface as it is.
#include "router/host/shortcut/shortcut.h"
#include "router/host/twin.h"
#include "router/ip_priv.h"

enum { DROP_NO_IFACE };

static const struct dp_drop twin_input_drops[] = {
	{"no_iface", "the twin's interface is gone"},
	{0},
};

static const char *const twin_input_before[] = {"ip_input", NULL};

static struct dp_node twin_input = {
	.name = "twin_input",
	.help = "sends the kernel's frames by the twin's interface",
	.arc = DP_ARC_L3_IN,
	.before = twin_input_before,
	.starts = {DP_ARC_L3_OUT},
	.drops = twin_input_drops,
};

static rte_edge_t forward(struct rte_mbuf *m) {
	uint16_t index = m->port < DP_MAX_PORTS ? rtr_twin_ifaces[m->port] : DP_NONE;
	const struct rtr_iface *iface = rtr_iface(index);

	if (iface == NULL)
		return dp_drop(&twin_input, m, DROP_NO_IFACE);
	shortcut_offer_out(m, m->port);
	dp_meta(m)->iface = index;
	dp_meta(m)->domain = iface->vrf;
	dp_meta(m)->out = iface->port;
	m->port = UINT16_MAX;
	return dp_arc_next(&twin_input, DP_ARC_L3_OUT, index);
}

static uint16_t twin_input_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++)
		rte_node_enqueue_x1(graph, node, forward(objs[i]), objs[i]);
	return n;
}

DP_NODE(twin_input)
