// SPDX-License-Identifier: BSD-3-Clause
// One hop less, and the Ethernet header of the next hop: the packet is ready to leave by its interface.
#include "router/frag/frag.h"
#include "router/ip_priv.h"
#include "router/tcp_mss.h"
#include <stdio.h>

enum { NEXT_ERROR, NEXT_FRAGMENT, NEXT_RESOLVE };

enum { DROP_NO_IFACE };

static const struct dp_drop ip_rewrite_drops[] = {
	{"no_iface", "the interface of the next hop is gone"},
	{0},
};

static const char *const ip_rewrite_next[] = {[NEXT_ERROR] = "icmp_error",
	[NEXT_FRAGMENT] = "ip_frag",
	[NEXT_RESOLVE] = "ip_resolve",
	NULL};

static int ip_rewrite_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	uint32_t slot = ip_meta(m)->user;
	const struct rtr_iface *iface = slot < RTR_MAX_NH ? rtr_iface(rtr_nhs[slot].iface) : NULL;

	return snprintf(buf, size, "next hop %u, by %s", slot, iface ? iface->name : "-");
}

static void ip_rewrite_explain(const struct rte_mbuf *m, json_t *lines) {
	uint32_t slot = ip_meta(m)->user;
	const struct rtr_nh *nh = &rtr_nhs[slot < RTR_MAX_NH ? slot : 0];
	const struct rtr_iface *out = rtr_iface(nh->iface);
	uint32_t len = m->pkt_len - m->l2_len;
	const uint8_t *mac = nh->header;
	unsigned mss = out ? (ip_is_v6(m) ? out->mss6 : out->mss4) : 0;

	if (nh->kind == RTR_NH_FORWARD)
		dp_explain_say(lines, "to %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
			mac[3], mac[4], mac[5]);
	dp_explain_say(lines, "%u bytes, the MTU is %u", len, nh->mtu);
	if (out && out->dscp < 64)
		dp_explain_say(lines, "DSCP becomes %u", out->dscp);
	if (mss && (m->packet_type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_TCP)
		dp_explain_say(lines, "the MSS of a SYN becomes at most %u", mss);
}

static struct dp_node ip_rewrite = {
	.name = "ip_rewrite",
	.help = "decrements the TTL and writes the next hop's Ethernet header",
	.starts = {DP_ARC_L3_OUT},
	.next = ip_rewrite_next,
	.drops = ip_rewrite_drops,
	.trace = ip_rewrite_trace,
	.explain = ip_rewrite_explain,
};

struct run {
	unsigned iface;
	rte_edge_t edge, plain;
};

// Of a run; apart from it, so that the loop has it in registers: a sum in memory makes each packet wait for the one before.
struct tally {
	uint32_t packets;
	uint64_t bytes;
};

static void run_count(const struct run *run, struct tally tally) {
	if (tally.packets == 0)
		return;
	struct rtr_count *count = rtr_count(run->iface);
	count->tx_packets += tally.packets;
	count->tx_bytes += tally.bytes;
}

static __rte_noinline void run_start(struct run *run, unsigned iface, struct tally tally) {
	run_count(run, tally);
	run->iface = iface;
	run->edge = dp_arc_next(&ip_rewrite, DP_ARC_L3_OUT, iface);
	run->plain = dp_arc_next_plain(&ip_rewrite, DP_ARC_L3_OUT, iface);
}

static rte_edge_t error(struct rte_mbuf *m, uint32_t what) {
	dp_meta(m)->user = what;
	return NEXT_ERROR;
}

static __rte_noinline rte_edge_t too_old(struct rte_mbuf *m) {
	return error(m,
		ip_is_v6(m) ? ip_error(ICMP6_TIME, ICMP_HOPS, 0)
			    : ip_error(ICMP4_TIME, ICMP_HOPS, 0));
}

// Longer than the MTU. What a guest or the kernel wants segmented fits once it is, and what was put together on its way in once
// ip_refrag has cut it again; DF and IPv6 ask for an answer.
static __rte_noinline bool fits(const struct rte_mbuf *m, const struct rtr_nh *nh) {
	if (m->ol_flags & frag_flag)
		return frag_note(m)->max <= nh->mtu;
	return (m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)) &&
		m->tso_segsz + m->l3_len + m->l4_len <= nh->mtu;
}

static __rte_noinline rte_edge_t too_big(struct rte_mbuf *m, const struct rtr_nh *nh) {
	if (ip_is_v6(m) && m->port == UINT16_MAX && dp_meta(m)->iface == DP_NONE)
		return NEXT_FRAGMENT; // the router's own
	if (ip_is_v6(m))
		return error(m, ip_error(ICMP6_TOO_BIG, 0, nh->mtu));
	if (ip4_of(m)->fragment_offset & RTE_BE16(RTE_IPV4_HDR_DF_FLAG))
		return error(m, ip_error(ICMP4_UNREACH, ICMP4_FRAG_NEEDED, nh->mtu));
	return NEXT_FRAGMENT; // which decrements the TTL of each fragment through here again
}

// What few interfaces ask for: MSS clamp (RFC 4459) and DSCP (RFC 2474).
static __rte_noinline void adjust(struct rte_mbuf *m) {
	const struct rtr_iface *iface = rtr_iface(dp_meta(m)->iface);
	bool v6 = ip_is_v6(m);

	if (iface == NULL)
		return;
	if (iface->dscp < 64)
		ip_dscp_set(m, iface->dscp);
	if ((m->packet_type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_TCP &&
		(v6 ? iface->mss6 : iface->mss4))
		tcp_mss_clamp(m, v6 ? iface->mss6 : iface->mss4);
}

static __rte_always_inline rte_edge_t rewrite(
	struct rte_mbuf *m, struct run *run, struct tally *tally, uint32_t tick) {
	struct rtr_nh *nh = &rtr_nhs[dp_meta(m)->user];
	struct dp_meta *meta = dp_meta(m);
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t len;

	if (unlikely(__atomic_load_n(&nh->kind, __ATOMIC_ACQUIRE) != RTR_NH_FORWARD))
		return NEXT_RESOLVE; // it changed since the look-up
	if (likely(!ip_is_v6(m))) {
		struct rte_ipv4_hdr *ip = ip4_of(m);

		len = rte_be_to_cpu_16(ip->total_length);
		if (unlikely(ip->time_to_live <= 1))
			return too_old(m);
		if (unlikely(len > nh->mtu && !fits(m, nh)))
			return too_big(m, nh);
		ip4_hop(ip);
	} else {
		struct rte_ipv6_hdr *ip = ip6_of(m);

		len = rte_be_to_cpu_16(ip->payload_len) + sizeof(*ip);
		if (unlikely(ip->hop_limits <= 1))
			return too_old(m);
		if (unlikely(len > nh->mtu && !fits(m, nh)))
			return too_big(m, nh);
		ip->hop_limits--;
	}
	rtr_nh_addresses(nh, frame); // the type stays
	if (unlikely(nh->used != tick) && !dp_self->explains)
		nh->used = tick;
	if (unlikely(nh->iface != run->iface)) {
		if (unlikely(nh->iface >= DP_MAX_IFACES))
			return dp_drop(&ip_rewrite, m, DROP_NO_IFACE);
		run_start(run, nh->iface, *tally);
		*tally = (struct tally){0};
	}
	meta->iface = nh->iface;
	meta->out = nh->out;
	tally->packets++;
	tally->bytes += len;
	if (unlikely(nh->mss_or_dscp))
		adjust(m);
	return likely(m->port != UINT16_MAX && !(m->ol_flags & frag_flag)) ? run->plain : run->edge;
}

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	struct run run = {.iface = DP_NONE};
	struct tally tally = {0};
	uint32_t tick = rtr_nh_tick(dp_self->now_ns);
	rte_edge_t next[DP_VECTOR];

	for (uint16_t i = 0; i < n; i++)
		next[i] = rewrite(objs[i], &run, &tally, tick);
	run_count(&run, tally);
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t ip_rewrite_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(ip_rewrite)
