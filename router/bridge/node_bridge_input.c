// SPDX-License-Identifier: BSD-3-Clause
// The first on the way of a frame that a switch forwards to a port where rules are asked: what is not for them goes by; IP is judged by
// its headers, put together when it comes in fragments, and goes on without its tag.
#include "router/bridge/bridge_priv.h"
#include "router/frag/join.h"
#include "router/ip_note.h"
#include "switch/switch.h"
#include <stdio.h>

#define ETHERTYPES 0x600 // where they begin

enum { NEXT_ERROR };

enum {
	DROP_VERDICT = JOIN_DROPS, // from VERDICT_TRUNCATED on
	DROP_TYPE = DROP_VERDICT + VERDICTS - VERDICT_TRUNCATED,
	DROP_GONE,
};

static const struct dp_drop bridge_input_drops[] = {
	JOIN_DROP_ROWS,
	[DROP_VERDICT] = {"header", "the IP header is not in the frame"},
	{"version", "the IP version is not that of the Ethernet type"},
	{"header_len", "the IP header length is below 20 bytes"},
	{"total_len", "the IP length is more than what arrived, or less than the header"},
	{"ip_checksum", "the checksum of the IPv4 header is wrong"},
	{"martian", "the source address can be nobody's"},
	{"destination", "the destination address can be nobody's"},
	{"land", "source and destination address are the same"},
	{"option", "an IPv4 option whose length cannot be"},
	{"source_route", "the sender wants to say which way it goes (RFC 7126 section 4.3)"},
	[DROP_TYPE] = {"ethertype", "neither IP nor ARP, and not in the switch's pass_ethertypes"},
	[DROP_GONE] = {"gone", "its switch has just stopped asking for rules"},
	{0},
};

static const char *const bridge_input_next[] = {[NEXT_ERROR] = "icmp_error", NULL};
static const char *const bridge_input_before[] = {"session_bridge", NULL};

static int bridge_input_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	return snprintf(buf, size, "from port %s to port %s, VLAN %u", dp_iface_name(m->port),
		dp_iface_name(ip_meta(m)->out), ip_meta(m)->vlan);
}

static struct dp_node bridge_input = {
	.name = "bridge_input",
	.help = "prepares what a switch forwards for the rules of the firewall",
	.arc = DP_ARC_L2_OUT,
	.before = bridge_input_before,
	.hands_over = true,
	.next = bridge_input_next,
	.drops = bridge_input_drops,
	.trace = bridge_input_trace,
};

// Behind all that is here for the rules' sake.
static rte_edge_t by(const struct rte_mbuf *m) {
	unsigned slot = bridge_output.slot[DP_ARC_L2_OUT], out = ip_meta(m)->out;

	return bridge_input.base[DP_ARC_L2_OUT] + dp_arc_tables[DP_ARC_L2_OUT].next[out][slot];
}

static bool passes(const struct bridge_port *port, rte_be16_t type) {
	if (type == RTE_BE16(RTE_ETHER_TYPE_ARP))
		return true;
	if (rte_be_to_cpu_16(type) < ETHERTYPES) // a length (IEEE 802.3 clause 3.2.6)
		type = 0;
	for (unsigned i = 0; i < port->n_types; i++)
		if (port->types[i] == type)
			return true;
	return false;
}

// Between two ports groups are destinations like others, and a querier without an address may ask (RFC 4541 section 2.1.1).
static enum ip_verdict v4(struct rte_mbuf *m) {
	const struct rte_ipv4_hdr *ip = ip4_of(m);
	uint32_t there = m->data_len - RTE_ETHER_HDR_LEN, len = m->pkt_len - RTE_ETHER_HDR_LEN;
	enum ip_verdict verdict;

	if (m->data_len < RTE_ETHER_HDR_LEN + sizeof(*ip))
		return VERDICT_TRUNCATED;
	verdict = ip4_judge(ip, len, there, ip_note_summed(m));
	if (verdict == VERDICT_SOURCE && ip->src_addr == 0 &&
		ip4_octet(*(const uint8_t *)&ip->dst_addr) & IP4_DST_GROUP)
		verdict = VERDICT_GROUP;
	if (verdict <= VERDICT_GROUP)
		ip4_note(m, ip, rte_ipv4_hdr_len(ip));
	return verdict;
}

static enum ip_verdict v6(struct rte_mbuf *m) {
	const struct rte_ipv6_hdr *ip = ip6_of(m);

	if (m->data_len < RTE_ETHER_HDR_LEN + sizeof(*ip))
		return VERDICT_TRUNCATED;
	ip6_note(m, ip);
	return ip6_judge(ip, m->pkt_len - RTE_ETHER_HDR_LEN);
}

static bool is_ip(rte_be16_t type) {
	return type == RTE_BE16(RTE_ETHER_TYPE_IPV4) || type == RTE_BE16(RTE_ETHER_TYPE_IPV6);
}

// Whether the packet is for the rules; else *edge is its way.
static bool take_up(struct rte_mbuf *m, rte_edge_t *edge) {
	const struct bridge_port *port = bridge_port(dp_meta(m)->out);
	unsigned tag = bridge_taken(m) ? 0 : sw_tag_len(m);
	rte_be16_t type = *rte_pktmbuf_mtod_offset(m, rte_be16_t *, 12 + tag);
	enum ip_verdict verdict;

	*edge = by(m);
	if (port->number == 0 && bridge_taken(m)) {
		*edge = dp_drop(&bridge_input, m, DROP_GONE);
		return false;
	}
	if (port->number == 0 ||
		m->port >= DP_MAX_PORTS) // what the router says is the router's rules' matter
		return false;
	if (!is_ip(type)) {
		if (!passes(port, type))
			*edge = dp_drop(&bridge_input, m, DROP_TYPE);
		return false;
	}
	if (tag)
		sw_tag_take(m);
	dp_meta(m)->iface = DP_NONE; // no router's
	dp_meta(m)->domain = (dp_meta(m)->domain & ~(uint32_t)UINT16_MAX) |
		(port->number * SESSION_BRIDGE + dp_meta(m)->vlan);
	verdict = type == RTE_BE16(RTE_ETHER_TYPE_IPV4) ? v4(m) : v6(m);
	if (verdict > VERDICT_GROUP)
		*edge = dp_drop(&bridge_input, m, DROP_VERDICT + verdict - VERDICT_TRUNCATED);
	return verdict <= VERDICT_GROUP;
}

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool) {
	const struct join j = {&bridge_input, graph, node, NEXT_ERROR};
	rte_edge_t next[DP_VECTOR];
	void *out[DP_VECTOR];
	uint16_t count = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];

		if (take_up(m, &next[count])) {
			if (unlikely(join_is_fragment(m)))
				m = join_take(&j, m);
			if (m == NULL)
				continue;
			next[count] = dp_arc_next(&bridge_input, DP_ARC_L2_OUT, dp_meta(m)->out);
		}
		out[count++] = m;
	}
	if (count > 0)
		dp_enqueue(graph, node, out, next, count, false);
}

static uint16_t bridge_input_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(bridge_input)
