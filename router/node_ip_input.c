// SPDX-License-Identifier: BSD-3-Clause
// The first look at a packet on a routed interface: is it for the router's MAC address, and IP as RFC 1812 and RFC 8200 want it?
#include "router/fib/rib.h"
#include "router/ip_note.h"
#include "router/ip_priv.h"
#include "router/punt.h"
#include "router/vrrp/table_vrrp.h"
#include <stdio.h>

enum { NEXT_PUNT, NEXT_ERROR };

enum {
	DROP_VERDICT, // VERDICT_TRUNCATED and those after it, in their order
	DROP_NOT_OURS = DROP_VERDICT + VERDICTS - VERDICT_TRUNCATED,
	DROP_PROTOCOL,
	DROP_NO_IFACE,
	DROP_L2_GROUP,
};

static const struct dp_drop ip_input_drops[] = {
	{"truncated", "shorter than its IP header"},
	{"version", "the IP version is not that of the Ethernet type"},
	{"header_len", "the IP header length is below 20 bytes"},
	{"total_len", "the IP length is more than what arrived, or less than the header"},
	{"checksum", "the checksum of the IPv4 header is wrong"},
	{"source", "the source address can be nobody's (martian)"},
	{"destination", "the destination address can be nobody's"},
	{"land", "source and destination address are the same"},
	{"option", "an IPv4 option whose length cannot be"},
	{"source_route", "the sender wants to say which way it goes (RFC 7126 section 4.3)"},
	{"not_ours", "the destination MAC address is another station's"},
	{"protocol", "neither IP nor ARP"},
	{"no_iface", "the routed interface is gone"},
	{"l2_group", "sent to all stations, but its IP destination is one host"},
	{0},
};

static int ip_input_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	const struct rtr_iface *iface = rtr_iface(ip_meta(m)->iface);

	return snprintf(buf, size, "interface %s of router %s", iface ? iface->name : "-",
		iface ? iface->router : "-");
}

static const char *const ip_input_next[] = {
	[NEXT_PUNT] = "punt_up", [NEXT_ERROR] = "icmp_error", NULL};

static const char *const ip_input_before[] = {"session", NULL};

static struct dp_node ip_input = {
	.name = "ip_input",
	.help = "checks the Ethernet destination and the IP header",
	.arc = DP_ARC_L3_IN,
	.before = ip_input_before,
	.starts = {DP_ARC_LOCAL},
	.next = ip_input_next,
	.drops = ip_input_drops,
	.trace = ip_input_trace,
};

// What is the same for all packets of one interface.
struct run {
	const struct rtr_iface *iface;
	const struct fib *fib4, *fib6; // NULL: the interface is gone, or its router
	unsigned index, vrf;
	uint64_t mac; // of ours, the one that the last packet was for: low 48 bits, as loaded
	rte_edge_t edge, plain;
	bool looked_up;         // ip_lookup is next
	uint32_t first;         // of its packets, in the vector
	uint32_t bytes, others; // that are not IP
};

#define MAC_MASK  0xffffffffffffull
#define GROUP_BIT 1ull

static inline uint64_t dst_of(const struct rte_mbuf *m) {
	uint64_t word;

	memcpy(&word, rte_pktmbuf_mtod(m, const void *), sizeof(word));
	return word & MAC_MASK;
}

// It ends before packet `end`.
static void run_count(struct run *run, unsigned end) {
	if (run->iface == NULL)
		return;
	struct rtr_count *count = rtr_count(run->index);
	count->rx_packets += end - run->first - run->others;
	count->rx_bytes += run->bytes;
}

static __rte_noinline void run_start(struct run *run, unsigned index, unsigned first) {
	run_count(run, first);
	run->first = first;
	run->bytes = run->others = 0;
	run->index = index;
	run->iface = rtr_iface(index);
	run->mac = 0;
	const struct rtr_vrf *vrf = run->iface ? rtr_vrfs[run->iface->vrf] : NULL;
	run->vrf = run->iface ? run->iface->vrf : 0;
	run->fib4 = vrf ? vrf->fib4 : NULL;
	run->fib6 = vrf ? vrf->fib6 : NULL;
	if (run->iface)
		memcpy(&run->mac, run->iface->mac.addr_bytes, RTE_ETHER_ADDR_LEN);
	run->edge = dp_arc_next(&ip_input, DP_ARC_L3_IN, index);
	run->plain = dp_arc_next_plain(&ip_input, DP_ARC_L3_IN, index);
	run->looked_up = run->plain == dp_arc_last(&ip_input, DP_ARC_L3_IN);
}

// Sent to all or to a group: only what is for this box goes on. A broadcast of the subnet is told by the look-up.
static rte_edge_t group(struct rte_mbuf *m, const struct run *run, enum ip_verdict verdict) {
	if (verdict == VERDICT_GROUP)
		return dp_arc_next(&ip_input, DP_ARC_LOCAL, run->index);
	if (!ip_is_v6(m)) {
		uint32_t dst = rte_be_to_cpu_32(ip4_of(m)->dst_addr);

		for (unsigned i = 0; i < run->iface->n_addrs; i++) {
			const struct prefix *p = &run->iface->addrs[i];
			uint32_t own, mask = p->len < 31 ? UINT32_MAX >> p->len : 0;

			if (p->addr.family != ADDR_V4 || mask == 0)
				continue;
			memcpy(&own, p->addr.bytes, sizeof(own));
			if (dst == (rte_be_to_cpu_32(own) | mask))
				return dp_arc_next(&ip_input, DP_ARC_LOCAL, run->index);
		}
	}
	return dp_drop(&ip_input, m, DROP_L2_GROUP);
}

// RFC 1812 section 4.3.3.5: with the place of the option.
static rte_edge_t bad_option(struct rte_mbuf *m) {
	uint32_t at;

	ip4_options(ip4_of(m), m->l3_len, &at);
	dp_meta(m)->user = ip_error(ICMP4_PARAMETER, 0, at);
	return NEXT_ERROR;
}

// The interface's own MAC address, or that of a virtual router whose master we are: the next packet's most likely, too.
static bool is_ours(struct run *run, uint64_t dst) {
	uint64_t own = 0;

	memcpy(&own, run->iface->mac.addr_bytes, RTE_ETHER_ADDR_LEN);
	if (dst == own || vrrp_mac_is_ours(run->index, dst))
		run->mac = dst;
	return dst == run->mac;
}

static __rte_noinline rte_edge_t unusual(
	struct rte_mbuf *m, struct run *run, enum ip_verdict verdict, uint64_t dst) {
	bool ours = is_ours(run, dst);

	if (ours && verdict == VERDICT_OPTION)
		return bad_option(m);
	if (verdict > VERDICT_GROUP)
		return dp_drop(&ip_input, m, DROP_VERDICT + verdict - VERDICT_TRUNCATED);
	if (ours && verdict == VERDICT_OK)
		return run->edge;
	if (!ours && !(dst & GROUP_BIT))
		return dp_drop(&ip_input, m, DROP_NOT_OURS);
	return group(m, run, verdict);
}

static __rte_noinline rte_edge_t not_ip(struct rte_mbuf *m, struct run *run, rte_be16_t type) {
	uint64_t dst = dst_of(m);

	if (type != RTE_BE16(RTE_ETHER_TYPE_ARP))
		return dp_drop(&ip_input, m, DROP_PROTOCOL);
	if (!(dst & GROUP_BIT) && !is_ours(run, dst))
		return dp_drop(&ip_input, m, DROP_NOT_OURS);
	dp_meta(m)->user = PUNT_ARP;
	return NEXT_PUNT;
}

static enum ip_verdict v4(struct rte_mbuf *m, struct run *run) {
	const struct rte_ipv4_hdr *ip = ip4_of(m);

	if (m->data_len < RTE_ETHER_HDR_LEN + sizeof(*ip))
		return VERDICT_TRUNCATED;
	ip4_note(m, ip, (ip->version_ihl & 0xfu) * 4);
	run->bytes += rte_be_to_cpu_16(ip->total_length);
	return ip4_judge(ip, m->pkt_len - RTE_ETHER_HDR_LEN, m->data_len - RTE_ETHER_HDR_LEN,
		ip_note_summed(m));
}

static enum ip_verdict v6(struct rte_mbuf *m, struct run *run) {
	const struct rte_ipv6_hdr *ip = ip6_of(m);

	if (m->data_len < RTE_ETHER_HDR_LEN + sizeof(*ip))
		return VERDICT_TRUNCATED;
	ip6_note(m, ip);
	run->bytes += rte_be_to_cpu_16(ip->payload_len) + sizeof(*ip);
	return ip6_judge(ip, m->pkt_len - RTE_ETHER_HDR_LEN);
}

// All but what plain() knows.
static __rte_noinline rte_edge_t judge(struct rte_mbuf *m, struct run *run) {
	rte_be16_t type = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *)->ether_type;
	uint64_t dst = dst_of(m);
	enum ip_verdict verdict;

	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		verdict = v4(m, run);
	else if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		verdict = v6(m, run);
	else {
		run->others++;
		return not_ip(m, run, type);
	}
	dp_meta(m)->domain = run->vrf;
	if (verdict != VERDICT_OK || dst != run->mac)
		return unusual(m, run, verdict, dst);
	return run->edge;
}

// Nearly every packet: sent to us, nothing to object to. Its bytes as IP counts them; 0: judge() must look.
static inline uint32_t plain(struct rte_mbuf *m, const struct run *run) {
	rte_be16_t type = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *)->ether_type;
	uint32_t len = m->pkt_len - RTE_ETHER_HDR_LEN;

	if (unlikely(dst_of(m) != run->mac))
		return 0;
	if (likely(type == RTE_BE16(RTE_ETHER_TYPE_IPV4))) {
		const struct rte_ipv4_hdr *ip = ip4_of(m);

		if (unlikely(m->data_len < RTE_ETHER_HDR_LEN + sizeof(*ip) ||
			    !ip4_is_plain(ip, len, ip_note_summed(m))))
			return 0;
		if (likely(run->looked_up))
			fib_prefetch4(run->fib4, rte_be_to_cpu_32(ip->dst_addr));
		ip4_note(m, ip, sizeof(*ip));
		return rte_be_to_cpu_16(ip->total_length);
	}
	const struct rte_ipv6_hdr *ip = ip6_of(m);
	if (unlikely(type != RTE_BE16(RTE_ETHER_TYPE_IPV6) ||
		    m->data_len < RTE_ETHER_HDR_LEN + sizeof(*ip) || !ip6_is_plain(ip, len)))
		return 0;
	if (likely(run->looked_up))
		fib_prefetch6(run->fib6, ip->dst_addr);
	ip6_note(m, ip);
	return rte_be_to_cpu_16(ip->payload_len) + sizeof(*ip);
}

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	struct run run = {.index = UINT32_MAX};
	uint32_t bytes = 0; // of plain ones, of the present run
	rte_edge_t next[DP_VECTOR];

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];

		if (unlikely(dp_meta(m)->iface != run.index)) {
			run.bytes += bytes;
			bytes = 0;
			run_start(&run, dp_meta(m)->iface, i);
		}
		if (unlikely(run.fib4 == NULL)) {
			next[i] = dp_drop(&ip_input, m, DROP_NO_IFACE);
			continue;
		}
		uint32_t some = plain(m, &run);
		if (unlikely(some == 0)) {
			next[i] = judge(m, &run);
			continue;
		}
		bytes += some;
		dp_meta(m)->domain = run.vrf;
		next[i] = likely(ip_note_whole(m)) ? run.plain : run.edge;
	}
	run.bytes += bytes;
	run_count(&run, n);
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t ip_input_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(ip_input)
