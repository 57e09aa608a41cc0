// SPDX-License-Identifier: BSD-3-Clause
// To the worker that owns the packet's state. Runs of packets for one worker are put into its ring at once.
#include "dataplane/dataplane_priv.h"
#include <stdio.h>

enum { DROP_FULL, DROP_GONE };

static const struct dp_drop hand_over_drops[] = {
	[DROP_FULL] = {"full", "the worker that owns the packet's flow has more than it can take"},
	[DROP_GONE] = {"gone", "the worker that owned the packet's flow has just been stopped"},
	{0},
};

static unsigned worker_of(const struct rte_mbuf *m) {
	return RTE_MBUF_DYNFIELD(m, dp_meta_offset, const struct dp_meta *)->drop & 0xff;
}

static int hand_over_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	return snprintf(buf, size, "to worker %u", worker_of(m));
}

static struct dp_node hand_over = {
	.name = "hand_over",
	.help = "gives packets to the worker that owns their flow",
	.drops = hand_over_drops,
	.trace = hand_over_trace,
};

static void refuse(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, unsigned why) {
	for (uint16_t i = 0; i < n; i++)
		dp_drop(&hand_over, objs[i], why);
	rte_node_enqueue(graph, node, hand_over.drop_edge, objs, n);
}

static uint16_t hand_over_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	if (dp_self->explains) {
		rte_pktmbuf_free_bulk((struct rte_mbuf **)objs, n);
		return n;
	}
	for (uint16_t start = 0, end; start < n; start = end) {
		unsigned worker = worker_of(objs[start]), sent;

		for (end = start + 1; end < n && worker_of(objs[end]) == worker;)
			end++;
		if (worker >= __atomic_load_n(&dp_owners, __ATOMIC_RELAXED)) {
			refuse(graph, node, objs + start, end - start, DROP_GONE);
			continue;
		}
		sent = rte_ring_mp_enqueue_burst(
			dp_over_rings[worker], objs + start, end - start, NULL);
		if (sent < (unsigned)(end - start))
			refuse(graph, node, objs + start + sent, (uint16_t)(end - start - sent),
				DROP_FULL);
	}
	return n;
}

DP_NODE(hand_over)
