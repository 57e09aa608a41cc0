// SPDX-License-Identifier: BSD-3-Clause
// What the two mirror nodes share.
#pragma once

#include "switch/switch_priv.h"

// node: sends a copy of `m` to the session's port. `port`: the watched one, which the copy is counted on.
static inline void sw_mirror_copy(struct rte_graph *graph, struct rte_node *node,
	const struct dp_node *self, const struct sw_mirror *mirror, struct rte_mbuf *m,
	unsigned port) {
	struct sw_counters *counters = sw_counters_of(port);
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, m->pool, 0, UINT32_MAX);

	if (unlikely(copy == NULL)) {
		sw_count(&counters->mirror_failed, 1);
		return;
	}
	if (mirror->vlan != 0 &&
		unlikely(!sw_tag_set(copy, 0, vlan_swap(VLAN_TPID), mirror->vlan))) {
		rte_pktmbuf_free(copy);
		sw_count(&counters->mirror_failed, 1);
		return;
	}
	dp_meta(copy)->out = mirror->out;
	sw_count(&counters->mirrored, 1);
	rte_node_enqueue_x1(graph, node, dp_arc_next(self, DP_ARC_PORT_OUT, mirror->out), copy);
}
