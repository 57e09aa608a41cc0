// SPDX-License-Identifier: BSD-3-Clause
// ICMP to one of our own addresses: echo is answered here (RFC 1122 section 3.2.2.6, RFC 4443 section 4.2), neighbour and router
// discovery go to control, the rest on to the host twin.
#include "router/frag/frag.h"
#include "router/icmp.h"
#include "router/ip_priv.h"
#include "router/punt.h"
#include "router/tcp_mss.h"
#include <rte_icmp.h>
#include <stdio.h>

enum { NEXT_LOOKUP, NEXT_PUNT_UP };

enum { DROP_TRUNCATED, DROP_CHECKSUM, DROP_HOP_LIMIT, DROP_FRAGMENTED };

static const struct dp_drop icmp_local_drops[] = {
	{"truncated", "shorter than an ICMP header, or extension headers without end"},
	{"checksum", "the ICMP checksum is wrong"},
	{"hop_limit", "discovery from beyond the link"},
	{"fragmented", "discovery in fragments (RFC 6980)"},
	{0},
};

static const char *const icmp_local_next[] = {
	[NEXT_LOOKUP] = "ip_lookup", [NEXT_PUNT_UP] = "punt_up", NULL};
static const char *const icmp_local_before[] = {"punt", NULL};

static struct dp_node icmp_local = {
	.name = "icmp_local",
	.help = "answers echo requests; hands discovery to the control plane",
	.arc = DP_ARC_LOCAL,
	.starts = {DP_ARC_L3_OUT},
	.before = icmp_local_before,
	.next = icmp_local_next,
	.drops = icmp_local_drops,
};

static rte_edge_t go_on(const struct rte_mbuf *m) {
	return dp_arc_next(&icmp_local, DP_ARC_LOCAL, ip_meta(m)->iface);
}

// The sum over the whole ICMP message; it may lie in several buffers.
static bool sum_ok(const struct rte_mbuf *m, uint32_t at, uint32_t end, uint32_t pseudo) {
	uint16_t raw;

	if (end > m->pkt_len || end < at || rte_raw_cksum_mbuf(m, at, end - at, &raw) != 0)
		return false;
	uint32_t sum = raw + pseudo;
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16)) == 0xffff;
}

static rte_edge_t echo4(struct rte_mbuf *m, struct rte_icmp_hdr *icmp) {
	struct rte_ipv4_hdr *ip = ip4_of(m);
	rte_be32_t asker = ip->src_addr;
	rte_be16_t was;

	ip->src_addr = ip->dst_addr;
	ip->dst_addr = asker;
	ip->time_to_live = ICMP_TTL;
	ip->fragment_offset = 0; // as long as it needs to be: ip_frag cuts it
	m->ol_flags &= ~frag_flag;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (rte_be16_t)~rte_raw_cksum(ip, m->l3_len);
	memcpy(&was, icmp, sizeof(was));
	icmp->icmp_type = ICMP4_ECHO_REPLY;
	rte_be16_t now;
	memcpy(&now, icmp, sizeof(now));
	icmp->icmp_cksum = csum_replace(icmp->icmp_cksum, was, now);
	ip_own(m, dp_meta(m)->domain, false);
	return NEXT_LOOKUP;
}

static rte_edge_t local4(struct rte_mbuf *m) {
	const struct rte_ipv4_hdr *ip = ip4_of(m);
	uint32_t at = RTE_ETHER_HDR_LEN + m->l3_len;
	uint32_t end = RTE_ETHER_HDR_LEN + rte_be_to_cpu_16(ip->total_length);

	if (ip->next_proto_id != IPPROTO_ICMP || ip4_is_fragment(ip))
		return go_on(m);
	if (m->data_len < at + sizeof(struct rte_icmp_hdr))
		return dp_drop(&icmp_local, m, DROP_TRUNCATED);
	struct rte_icmp_hdr *icmp = rte_pktmbuf_mtod_offset(m, struct rte_icmp_hdr *, at);
	// an echo to a broadcast or a group stays unanswered (RFC 1122 section 3.2.2.6 allows it)
	const struct rtr_iface *iface = rtr_iface(dp_meta(m)->iface);
	struct addr dst = {.family = ADDR_V4};
	memcpy(dst.bytes, &ip->dst_addr, 4);
	bool group = ip4_octet(dst.bytes[0]) & IP4_DST_GROUP ||
		(iface && rtr_iface_broadcast(iface, &dst));
	if (icmp->icmp_type != ICMP4_ECHO || icmp->icmp_code != 0 || group)
		return go_on(m);
	if (!sum_ok(m, at, end, 0))
		return dp_drop(&icmp_local, m, DROP_CHECKSUM);
	return echo4(m, icmp);
}

// On the link itself the way back is the way that it came: no table knows link-local addresses.
static rte_edge_t back_by_link(struct rte_mbuf *m, const struct rtr_iface *iface) {
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

	eth->dst_addr = eth->src_addr;
	eth->src_addr = iface->mac;
	ip6_of(m)->hop_limits--;
	m->port = UINT16_MAX;
	dp_meta(m)->out = iface->port;
	return dp_arc_next(&icmp_local, DP_ARC_L3_OUT, iface->index);
}

static rte_edge_t echo6(
	struct rte_mbuf *m, struct icmp6_header *icmp, const struct rtr_iface *iface) {
	struct rte_ipv6_hdr *ip = ip6_of(m);
	struct addr asker = {.family = ADDR_V6};
	uint16_t was, now;

	memcpy(asker.bytes, ip->src_addr, 16);
	if (ip6_is_group(ip->dst_addr)) {
		const struct addr *own = rtr_iface_source(iface, &asker);

		if (own == NULL)
			return go_on(m);
		for (unsigned i = 0; i < 16; i += 2) {
			memcpy(&was, ip->dst_addr + i, 2);
			memcpy(&now, own->bytes + i, 2);
			icmp->checksum = csum_replace(icmp->checksum, was, now);
		}
		memcpy(ip->dst_addr, own->bytes, 16);
	}
	memcpy(ip->src_addr, ip->dst_addr, 16);
	memcpy(ip->dst_addr, asker.bytes, 16);
	ip->hop_limits = ICMP_TTL;
	m->ol_flags &= ~frag_flag;
	memcpy(&was, icmp, 2);
	icmp->type = ICMP6_ECHO_REPLY;
	memcpy(&now, icmp, 2);
	icmp->checksum = csum_replace(icmp->checksum, was, now);
	if (ip6_is_link_local(asker.bytes))
		return back_by_link(m, iface);
	ip_own(m, iface->vrf, true);
	return NEXT_LOOKUP;
}

// They are not sent back.
static void extensions_cut(struct rte_mbuf *m, uint32_t len) {
	uint8_t *start = rte_pktmbuf_mtod(m, uint8_t *);
	struct rte_ipv6_hdr *ip;

	if (len == 0)
		return;
	memmove(start + len, start, RTE_ETHER_HDR_LEN + sizeof(*ip));
	rte_pktmbuf_adj(m, (uint16_t)len);
	ip = ip6_of(m);
	ip->proto = IPPROTO_ICMPV6;
	ip->payload_len = rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(ip->payload_len) - len));
}

static rte_edge_t discovery(struct rte_mbuf *m, const struct icmp6_upper *upper) {
	unsigned type = upper->type;

	if (upper->fragment_at || (m->ol_flags & frag_flag))
		return dp_drop(&icmp_local, m, DROP_FRAGMENTED);
	if (ip6_of(m)->hop_limits != 255) // RFC 4861 section 3.1
		return dp_drop(&icmp_local, m, DROP_HOP_LIMIT);
	dp_meta(m)->user = type == ICMP6_NS || type == ICMP6_NA ? PUNT_ND : PUNT_RA;
	return NEXT_PUNT_UP;
}

static rte_edge_t local6(struct rte_mbuf *m) {
	const struct rte_ipv6_hdr *ip = ip6_of(m);
	const struct rtr_iface *iface = rtr_iface(dp_meta(m)->iface);
	struct icmp6_upper upper;
	uint32_t end = RTE_ETHER_HDR_LEN + sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);

	if (iface == NULL || !icmp6_upper_find(m, &upper))
		return dp_drop(&icmp_local, m, DROP_TRUNCATED);
	if (upper.proto != IPPROTO_ICMPV6 || upper.fragment)
		return go_on(m);
	if (m->data_len < upper.offset + sizeof(struct icmp6_header) || end < upper.offset)
		return dp_drop(&icmp_local, m, DROP_TRUNCATED);
	struct rte_ipv6_hdr pseudo = *ip;
	pseudo.proto = IPPROTO_ICMPV6;
	pseudo.payload_len = rte_cpu_to_be_16((uint16_t)(end - upper.offset));
	if (!sum_ok(m, upper.offset, end, rte_ipv6_phdr_cksum(&pseudo, 0)))
		return dp_drop(&icmp_local, m, DROP_CHECKSUM);
	if (upper.type >= ICMP6_RS && upper.type <= ICMP6_REDIRECT)
		return discovery(m, &upper);
	struct icmp6_header *icmp = rte_pktmbuf_mtod_offset(m, struct icmp6_header *, upper.offset);
	if (icmp->type != ICMP6_ECHO || icmp->code != 0)
		return go_on(m);
	extensions_cut(m, upper.offset - RTE_ETHER_HDR_LEN - sizeof(*ip));
	return echo6(m, icmp, iface);
}

static uint16_t icmp_local_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++)
		rte_node_enqueue_x1(graph, node,
			ip_is_v6(objs[i]) ? local6(objs[i]) : local4(objs[i]), objs[i]);
	return n;
}

DP_NODE(icmp_local)
