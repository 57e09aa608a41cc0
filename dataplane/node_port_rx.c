// SPDX-License-Identifier: BSD-3-Clause
// The source of every graph: polls the worker's list of rx queues, each burst straight into the stream of the
// node that comes first on the port's port-in arc.
#include "dataplane/dataplane_priv.h"

enum { NEXT_PORT_TX };

static const char *const port_rx_next[] = {[NEXT_PORT_TX] = "port_tx", NULL};

static struct dp_node port_rx = {
	.name = "port_rx",
	.help = "receives from the ports",
	.source = true,
	.starts = {DP_ARC_PORT_IN},
	.next = port_rx_next,
};

// Rings and bond members hand over mbufs that still say where they were before.
static inline void port_fix(struct rte_mbuf **pkts, uint16_t n, uint16_t port) {
	for (uint16_t i = 0; i < n; i++) {
		pkts[i]->port = port;
		pkts[i]->ol_flags &= ~dp_trace_flag;
	}
}

static inline uint16_t queue_poll(
	struct rte_graph *graph, struct rte_node *node, const struct dp_poll_queue *q) {
	uint16_t burst = dp_burst;
	rte_edge_t edge = dp_arc_next(&port_rx, DP_ARC_PORT_IN, q->index);
	struct rte_mbuf **pkts =
		(struct rte_mbuf **)rte_node_next_stream_get(graph, node, edge, burst);

	uint16_t n = q->port->recv ? q->port->recv(q->port, q->queue, pkts, burst)
				   : rte_eth_rx_burst(q->index, q->queue, pkts, burst);
	if (n == 0)
		return 0;
	if (q->fix_port)
		port_fix(pkts, n, q->index);
	if (q->rx_guess)
		dp_offload_guess(pkts, n);
	if (unlikely(dp_taps))
		dp_tap(q->index, true, pkts, n);
	rte_node_next_stream_put(graph, node, edge, n);
	return n;
}

// Packets of workers that have no tx queue of their own on a port.
static void rings_poll(struct rte_graph *graph, struct rte_node *node, const struct dp_poll *poll) {
	for (unsigned i = 0; i < poll->n_rings; i++) {
		void **objs = rte_node_next_stream_get(graph, node, NEXT_PORT_TX, DP_VECTOR);
		uint16_t n = rte_ring_sc_dequeue_burst(poll->rings[i].ring, objs, DP_VECTOR, NULL);
		rte_node_next_stream_put(graph, node, NEXT_PORT_TX, n);
		dp_worker_self()->rx_packets += n;
	}
}

// Takes about one vector per turn, so that the caches hold it on its way; the queue that had to wait is the first
// of the next turn.
static uint16_t port_rx_process(struct rte_graph *graph, struct rte_node *node, void **, uint16_t) {
	struct worker *w = dp_worker_self();
	const struct dp_poll *poll = __atomic_load_n(&w->poll, __ATOMIC_ACQUIRE);
	unsigned total = 0, at = w->cursor < poll->n ? w->cursor : 0;

	if (unlikely(poll->n_rings))
		rings_poll(graph, node, poll);
	for (unsigned i = 0; i < poll->n && total + dp_burst <= DP_VECTOR; i++) {
		total += queue_poll(graph, node, &poll->queues[at]);
		at = at + 1 < poll->n ? at + 1 : 0;
	}
	w->cursor = at;
	w->rx_packets += total;
	return total;
}

DP_NODE(port_rx)
