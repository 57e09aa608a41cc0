// SPDX-License-Identifier: BSD-3-Clause
// The first look at a frame: is it one at all (IEEE 802.3 clause 3), and who wants the frames of its port?
#include "dataplane/dataplane.h"
#include "dataplane/port.h"
#include <stdio.h>

enum { DROP_RUNT, DROP_GIANT, DROP_TRUNCATED, DROP_SOURCE, DROP_UNUSED };

static const struct dp_drop eth_input_drops[] = {
	[DROP_RUNT] = {"runt", "shorter than an Ethernet header"},
	[DROP_GIANT] = {"giant", "longer than the port's MTU and two VLAN tags allow"},
	[DROP_TRUNCATED] = {"truncated", "the header is split over buffers"},
	[DROP_SOURCE] = {"source", "the source MAC address is multicast or zero"},
	[DROP_UNUSED] = {"unused", "the port belongs to no switch and no router"},
	{0},
};

static int eth_input_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	static const char *const modes[] = {"unused", "l2", "l3"};
	const struct dp_port *port = m->port < DP_MAX_PORTS ? dp_ports[m->port] : NULL;

	return snprintf(buf, size, "port %s, mode %s, %u bytes", port ? port->name : "-",
		port ? modes[port->mode % 3] : "-", m->pkt_len);
}

static struct dp_node eth_input = {
	.name = "eth_input",
	.help = "checks the Ethernet header, and passes on by the mode of the port",
	.arc = DP_ARC_PORT_IN,
	.arc_end = true,
	.starts = {DP_ARC_L2_IN, DP_ARC_L3_IN},
	.drops = eth_input_drops,
	.trace = eth_input_trace,
};

// What is the same for all packets of one port; kept while the port stays the same.
struct eth_port {
	uint32_t port;
	uint32_t len_max; // 0 when unused: one comparison finds both
	rte_edge_t edge;
	bool unused, routed;
};

static void eth_port_load(struct eth_port *p, unsigned index) {
	const struct dp_port *port = index < DP_MAX_PORTS ? dp_ports[index] : NULL;
	unsigned mode = port ? __atomic_load_n(&port->mode, __ATOMIC_RELAXED) : DP_PORT_UNUSED;

	p->port = index;
	p->unused = mode == DP_PORT_UNUSED;
	p->len_max = p->unused ? 0 : port->mtu + RTE_ETHER_HDR_LEN + 2u * RTE_VLAN_HLEN;
	p->routed = mode == DP_PORT_L3;
	p->edge = eth_input.drop_edge;
	if (mode == DP_PORT_L2)
		p->edge = dp_arc_next(&eth_input, DP_ARC_L2_IN, index);
	if (p->routed)
		p->edge = dp_arc_next(&eth_input, DP_ARC_L3_IN, index);
}

// The rare ways out, in one place that the loop jumps to.
static __rte_noinline rte_edge_t eth_refuse(struct rte_mbuf *m, const struct eth_port *p) {
	if (m->pkt_len < RTE_ETHER_HDR_LEN)
		return dp_drop(&eth_input, m, DROP_RUNT);
	if (m->data_len < RTE_ETHER_HDR_LEN)
		return dp_drop(&eth_input, m, DROP_TRUNCATED);
	if (p->unused)
		return dp_drop(&eth_input, m, DROP_UNUSED);
	// GSO frames of a guest are longer than what a wire carries; they are cut at egress
	if (m->pkt_len > p->len_max &&
		!(m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)))
		return dp_drop(&eth_input, m, DROP_GIANT);
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	if (!rte_is_valid_assigned_ether_addr(&eth->src_addr))
		return dp_drop(&eth_input, m, DROP_SOURCE);
	return p->edge;
}

// The 48 bits of the source address, first byte lowest. The header's 14 bytes hold the 8 that are read.
static inline uint64_t eth_source(const struct rte_mbuf *m) {
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);
	uint64_t source;

	memcpy(&source, header + 6, sizeof(source));
	return source << 16;
}

static __rte_always_inline void eth_chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	rte_edge_t next[DP_VECTOR];
	struct eth_port p = {.port = UINT32_MAX};

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];
		if (unlikely(m->port != p.port))
			eth_port_load(&p, m->port);
		next[i] = p.edge;
		if (p.routed)
			dp_meta(m)->iface = (uint16_t)p.port;
		if (unlikely(m->data_len < RTE_ETHER_HDR_LEN || m->pkt_len > p.len_max)) {
			next[i] = eth_refuse(m, &p);
			continue;
		}
		uint64_t source = eth_source(m);
		if (unlikely(source == 0 || (source & UINT64_C(1) << 16)))
			next[i] = eth_refuse(m, &p);
	}
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t eth_input_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, eth_chunk);
}

DP_NODE(eth_input)
