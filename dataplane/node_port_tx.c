// SPDX-License-Identifier: BSD-3-Clause
// The end of every path that leads out: groups packets by the port that they leave by and sends them.
#include "dataplane/dataplane_priv.h"
#include <stdio.h>

#define RUN_MIN 8

enum { DROP_FULL, DROP_GONE, DROP_MTU, DROP_OFFLOAD };

static const struct dp_drop port_tx_drops[] = {
	[DROP_FULL] = {"full", "the port's transmit queue is full"},
	[DROP_GONE] = {"gone", "the port was removed while the packet was on its way"},
	[DROP_MTU] = {"mtu", "longer than the MTU of the port it should leave by"},
	[DROP_OFFLOAD] = {"offload", "its checksum or segmentation cannot be completed"},
	{0},
};

static int port_tx_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	uint16_t out = dp_meta((struct rte_mbuf *)(uintptr_t)m)->out;
	const struct dp_port *port = out < DP_MAX_PORTS ? dp_ports[out] : NULL;

	return snprintf(buf, size, "port %s, %u bytes", port ? port->name : "gone", m->pkt_len);
}

static struct dp_node port_tx = {
	.name = "port_tx",
	.help = "sends on the ports",
	.arc = DP_ARC_PORT_OUT,
	.arc_end = true,
	.drops = port_tx_drops,
	.trace = port_tx_trace,
};

// The way of one call: where refused packets go, and on behalf of which worker.
struct tx {
	struct rte_graph *graph;
	struct rte_node *node;
	unsigned worker;
};

// What a group of packets may need before a port takes it.
struct tx_need {
	uint64_t flags;
	uint32_t len_max;
	uint16_t segs;
};

static inline void need_add(struct tx_need *need, const struct rte_mbuf *m) {
	need->flags |= m->ol_flags;
	need->len_max = RTE_MAX(need->len_max, m->pkt_len);
	need->segs |= m->nb_segs;
}

static __rte_noinline void tx_refuse(
	const struct tx *tx, struct rte_mbuf **pkts, uint16_t n, unsigned why) {
	for (uint16_t i = 0; i < n; i++)
		dp_drop(&port_tx, pkts[i], why);
	rte_node_enqueue(tx->graph, tx->node, port_tx.drop_edge, (void **)pkts, n);
}

void dp_offload_drop(struct rte_mbuf *m) {
	uint64_t *count =
		&dp_drop_tables[dp_self->id]
			 ->count[RTE_MIN(m->port, DP_MAX_PORTS)][port_tx.drop_base + DROP_OFFLOAD];

	__atomic_store_n(count, *count + 1, __ATOMIC_RELAXED);
	rte_pktmbuf_free(m);
}

// By the worker's own queue, or by the ring of the worker that owns one.
static inline void tx_send(
	const struct tx *tx, const struct dp_port *port, struct rte_mbuf **pkts, uint16_t n) {
	uint16_t sent = 0, now;

	if (likely(tx->worker < port->n_txq)) {
		if (unlikely(dp_taps))
			dp_tap(port->index, false, pkts, n);
		do { // some drivers take 32 at a time
			now = port->send
				? port->send(port, tx->worker, pkts + sent, n - sent)
				: rte_eth_tx_burst(port->index, tx->worker, pkts + sent, n - sent);
			sent += now;
		} while (unlikely(sent < n) && now > 0);
	} else if (dp_self->explains) {
		rte_pktmbuf_free_bulk(pkts, n);
		sent = n;
	} else {
		struct rte_ring *ring = __atomic_load_n(
			&dp_tx_rings[port->index][tx->worker % port->n_txq], __ATOMIC_ACQUIRE);
		if (ring)
			sent = rte_ring_mp_enqueue_burst(ring, (void **)pkts, n, NULL);
	}
	if (unlikely(sent < n))
		tx_refuse(tx, pkts + sent, n - sent, DROP_FULL);
}

static inline bool too_long(const struct rte_mbuf *m, uint32_t len_max) {
	return m->pkt_len > len_max &&
		!(m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG));
}

static void tx_cut(const struct dp_port *port, struct rte_mbuf *m) {
	if (unlikely(dp_taps))
		dp_tap(port->index, false, &m, 1);
	if (dp_self->explains)
		rte_pktmbuf_free(m);
	else
		port->cut(port, m);
}

// One packet at a time, in order: what the port can take as it is, what it cannot, what has to be completed.
static __rte_noinline void tx_complete(const struct tx *tx, const struct dp_port *port,
	struct rte_mbuf **pkts, uint16_t n, uint64_t missing, uint32_t len_max) {
	struct rte_mbuf *out[DP_VECTOR];
	bool chains = port->tx_offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;

	for (uint16_t i = 0; i < n; i++) {
		uint16_t ready = 1;
		out[0] = pkts[i];
		if (too_long(pkts[i], len_max)) {
			tx_refuse(tx, &pkts[i], 1, DROP_MTU);
			continue;
		}
		if ((pkts[i]->ol_flags & missing) || (pkts[i]->nb_segs > 1 && !chains))
			ready = dp_offload_complete(port, &pkts[i], 1, out, DP_VECTOR);
		if (ready == 1 && port->cut && (out[0]->ol_flags & RTE_MBUF_F_TX_TCP_SEG))
			tx_cut(port, out[0]);
		else if (ready > 0)
			tx_send(tx, port, out, ready);
	}
}

static inline void tx_group(const struct tx *tx, unsigned out, struct rte_mbuf **pkts, uint16_t n,
	const struct tx_need *need) {
	const struct dp_port *port =
		out < DP_MAX_PORTS ? __atomic_load_n(&dp_ports[out], __ATOMIC_ACQUIRE) : NULL;

	if (unlikely(!port)) {
		tx_refuse(tx, pkts, n, DROP_GONE);
		return;
	}
	uint64_t missing = dp_offload_missing(port);
	uint32_t len_max = port->mtu + RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN;
	bool chained = need->segs != 1 && !(port->tx_offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	if (unlikely((need->flags & missing) || need->len_max > len_max || chained))
		tx_complete(tx, port, pkts, n, missing, len_max);
	else
		tx_send(tx, port, pkts, n);
}

// A counting sort by port: stable, so that no flow is reordered.
static __rte_noinline void tx_groups(const struct tx *tx, void **objs, uint16_t n) {
	struct rte_mbuf *sorted[DP_VECTOR];
	struct tx_need need[DP_MAX_PORTS + 1] = {0};
	uint16_t count[DP_MAX_PORTS + 1] = {0}, at[DP_MAX_PORTS + 1];

	for (uint16_t i = 0; i < n; i++) {
		unsigned out = RTE_MIN(dp_meta(objs[i])->out, DP_MAX_PORTS);
		count[out]++;
		need_add(&need[out], objs[i]);
	}
	for (unsigned out = 0, sum = 0; out <= DP_MAX_PORTS; out++) {
		at[out] = sum;
		sum += count[out];
	}
	for (uint16_t i = 0; i < n; i++)
		sorted[at[RTE_MIN(dp_meta(objs[i])->out, DP_MAX_PORTS)]++] = objs[i];
	for (unsigned out = 0; out <= DP_MAX_PORTS; out++) {
		if (count[out] > 0)
			tx_group(tx, out, sorted + at[out] - count[out], count[out], &need[out]);
	}
}

// Bursts of different ports follow each other, so most vectors are a few long runs; short ones are sorted.
static __rte_always_inline void tx_chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool) {
	struct tx tx = {graph, node, dp_self->id};

	for (uint16_t start = 0, end = 0; start < n; start = end) {
		unsigned out = dp_meta(objs[start])->out;
		struct tx_need need = {0};
		do
			need_add(&need, objs[end]);
		while (++end < n && dp_meta(objs[end])->out == out);
		if (unlikely(end < n && end - start < RUN_MIN)) {
			tx_groups(&tx, objs + start, n - start);
			return;
		}
		tx_group(&tx, out, (struct rte_mbuf **)objs + start, end - start, &need);
	}
}

static uint16_t port_tx_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, tx_chunk);
}

DP_NODE(port_tx)
