// SPDX-License-Identifier: BSD-3-Clause
// The node of packet_cross(). In a file of its own: an arc has one end, so programs with a switch must not link it.
#include "dataplane/dataplane.h"
#include "tests/packet/harness.h"
#include <rte_pause.h>

bool packet_cross_stall, packet_cross_stalled;

static uint16_t other_port[DP_MAX_PORTS];

static struct dp_node cross = {
	.name = "cross",
	.help = "sends what comes from one port to the other",
	.arc = DP_ARC_L2_IN,
	.arc_end = true,
	.starts = {DP_ARC_L2_OUT},
};

static uint16_t cross_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	while (__atomic_load_n(&packet_cross_stall, __ATOMIC_RELAXED)) {
		__atomic_store_n(&packet_cross_stalled, true, __ATOMIC_RELAXED);
		rte_pause();
	}
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];
		unsigned out = other_port[m->port];
		dp_meta(m)->out = out;
		rte_node_enqueue_x1(graph, node, dp_arc_next(&cross, DP_ARC_L2_OUT, out), m);
	}
	return n;
}

DP_NODE(cross)

void packet_cross(const char *a, const char *b) {
	int index_a = dp_port_find(a), index_b = dp_port_find(b);

	assert_true(index_a >= 0 && index_b >= 0);
	other_port[index_a] = index_b;
	other_port[index_b] = index_a;
	dp_port_mode_set(index_a, DP_PORT_L2);
	dp_port_mode_set(index_b, DP_PORT_L2);
}
