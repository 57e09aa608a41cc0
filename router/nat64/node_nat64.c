// SPDX-License-Identifier: BSD-3-Clause
// Packets of sessions whose two sides are of two families (RFC 6146): each becomes one of the other, and goes where that is routed. What a
// router would say against it, it hears of the packet as it came: too old, too big, no way.
#include "dataplane/session/tuple.h"
#include "router/fib/way.h"
#include "router/frag/frag.h"
#include "router/ip_priv.h"
#include "router/nat64/xlat.h"
#include <rte_ip.h>
#include <rte_random.h>
#include <rte_udp.h>
#include <stdio.h>

#define MIN_MTU6  1280
#define ERROR_LEN 2048 // of an ICMP error that comes in

enum { NEXT_REWRITE, NEXT_RESOLVE, NEXT_ERROR };

enum {
	DROP_NOT,
	DROP_GONE,
	DROP_HERE,
	DROP_BLACKHOLE,
	DROP_NO_ROUTE,
	DROP_URPF,
	DROP_HOPS,
	DROP_NO_BUFFER
};

static const struct dp_drop nat64_drops[] = {
	[DROP_NOT] = {"not", "the other family has no such packet (RFC 7915)"},
	[DROP_GONE] = {"gone", "its session has just ended"},
	[DROP_HERE] = {"here", "for an address of this box, which is not reached by translation"},
	[DROP_BLACKHOLE] = {"blackhole", "the route says so"},
	[DROP_NO_ROUTE] = {"no_route", "an ICMP error to where no route leads, or none may go"},
	[DROP_URPF] = {"urpf", "no route leads back to the source (reverse path filter)"},
	[DROP_HOPS] = {"hops", "an ICMP error that has gone too far"},
	[DROP_NO_BUFFER] = {"no_buffer", "no buffer is free, or no room before the packet"},
	{0},
};

static const char *const nat64_next[] = {[NEXT_REWRITE] = "ip_rewrite",
	[NEXT_RESOLVE] = "ip_resolve",
	[NEXT_ERROR] = "icmp_error",
	NULL};

static void nat64_explain(const struct rte_mbuf *m, json_t *lines);

static struct dp_node nat64 = {
	.name = "nat64",
	.help = "makes IPv4 of IPv6 and IPv6 of IPv4",
	.next = nat64_next,
	.drops = nat64_drops,
	.explain = nat64_explain,
};

// One packet, and what it is to be.
struct work {
	struct rte_mbuf *m;
	struct session_tuple in;
	struct xlat_ends to;
	uint32_t l4, l4_len; // from the IP header on
	uint8_t proto;
	bool to6, error;
	uint32_t slot, mtu; // where it goes; 0: any size
};

static uint8_t *ip_of(const struct rte_mbuf *m) {
	return rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN);
}

static bool work_begin(struct work *w, struct rte_mbuf *m) {
	struct session_packet p;
	struct session_tuple out;
	struct session_key own;

	if (!session_leaves(dp_meta(m)->user, &w->in, &out) || w->in.v6 == out.v6)
		return false;
	enum session_parsed parsed = session_parse(ip_of(m), m->data_len - RTE_ETHER_HDR_LEN,
		m->pkt_len - RTE_ETHER_HDR_LEN, dp_meta(m)->domain, &p);
	own = key_of(&w->in);
	w->error = parsed == PARSED_ERROR;
	if (!w->error && (parsed != PARSED_FLOW || !key_equal(&p.key, &own)))
		return false;
	w->m = m;
	w->l4 = p.l4;
	w->l4_len = p.l4_len;
	w->proto = p.key.proto;
	w->to6 = out.v6;
	w->to = (struct xlat_ends){.sport = out.sport, .dport = out.dport};
	memcpy(w->to.src, out.src, 16);
	memcpy(w->to.dst, out.dst, 16);
	return true;
}

// ---- where to ------------------------------------------------------------------------------------------------

static void route(struct work *w) {
	struct addr dst = {.family = w->to6 ? ADDR_V6 : ADDR_V4};
	uint32_t *vrf = &dp_meta(w->m)->domain;

	memcpy(dst.bytes, w->to.dst, 16);
	w->slot = way_follow(way_look_up(*vrf, &dst), vrf, &dst, w->error ? 0 : ip_flow_hash(w->m));
	const struct rtr_iface *out = rtr_iface(rtr_nhs[w->slot].iface);
	w->mtu = out ? out->mtu : 0;
}

static rte_edge_t say(struct work *w, uint32_t error6, uint32_t error4) {
	dp_meta(w->m)->user = w->to6 ? error4 : error6;
	return NEXT_ERROR;
}

static rte_edge_t way(struct work *w) {
	switch (__atomic_load_n(&rtr_nhs[w->slot].kind, __ATOMIC_ACQUIRE)) {
	case RTR_NH_FORWARD:
		return NEXT_REWRITE;
	case RTR_NH_RESOLVE:
	case RTR_NH_GLEAN:
		return NEXT_RESOLVE;
	case RTR_NH_LOCAL:
		return dp_drop(&nat64, w->m, DROP_HERE);
	case RTR_NH_BLACKHOLE:
		return dp_drop(&nat64, w->m, DROP_BLACKHOLE);
	case RTR_NH_PROHIBIT:
		return say(w, ip_error(ICMP6_UNREACH, ICMP6_ADMIN, 0),
			ip_error(ICMP4_UNREACH, ICMP4_ADMIN, 0));
	default:
		return say(w, ip_error(ICMP6_UNREACH, ICMP6_NO_ROUTE, 0),
			ip_error(ICMP4_UNREACH, ICMP4_NET, 0));
	}
}

static bool is_segmented(const struct rte_mbuf *m) {
	return m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG);
}

// 0: it fits, or will be cut; else the error's type, code and MTU.
static uint32_t too_big(const struct work *w) {
	bool cut = w->m->ol_flags & frag_flag || is_segmented(w->m);

	if (cut || w->mtu == 0)
		return 0;
	if (!w->to6)
		return w->l4_len + XLAT_V4 > w->mtu && w->l4 + w->l4_len > MIN_MTU6
			? ip_error(ICMP6_TOO_BIG, 0,
				  RTE_MAX((unsigned)MIN_MTU6, w->mtu + XLAT_V6 - XLAT_V4))
			: 0;
	return w->l4_len + XLAT_V6 > w->mtu &&
			ip4_of(w->m)->fragment_offset & RTE_BE16(RTE_IPV4_HDR_DF_FLAG)
		? ip_error(ICMP4_UNREACH, ICMP4_FRAG_NEEDED, w->mtu - (XLAT_V6 - XLAT_V4))
		: 0;
}

// ---- the packet ----------------------------------------------------------------------------------------------

static uint32_t l4_type(unsigned proto) {
	return proto == IPPROTO_TCP    ? RTE_PTYPE_L4_TCP
		: proto == IPPROTO_UDP ? RTE_PTYPE_L4_UDP
				       : RTE_PTYPE_L4_ICMP;
}

// The frame in `m` has an IP header of the other family now.
static void note(struct rte_mbuf *m, bool v6, unsigned proto) {
	rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->ether_type =
		v6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	m->l2_len = RTE_ETHER_HDR_LEN;
	m->l3_len = v6 ? XLAT_V6 : XLAT_V4;
	m->packet_type =
		RTE_PTYPE_L2_ETHER | (v6 ? RTE_PTYPE_L3_IPV6 : RTE_PTYPE_L3_IPV4) | l4_type(proto);
}

// Segments leave as the sender's did, or they would be longer than what it was told.
static void offloads(struct rte_mbuf *m, bool to6) {
	m->ol_flags &= ~(RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK);
	if (!(m->ol_flags & (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6)))
		return;
	m->ol_flags &= ~(RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_IP_CKSUM);
	m->ol_flags |= to6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
	if (to6 && is_segmented(m) && m->tso_segsz > XLAT_V6)
		m->tso_segsz -= XLAT_V6 - XLAT_V4;
}

// How it is cut again: as it came, as far as IPv6 wants that from whoever does not know the path (RFC 7915 section 4).
static void pieces(struct work *w, uint16_t id4) {
	struct frag_note *n = frag_note(w->m);
	bool cut = w->m->ol_flags & frag_flag;

	if (!w->to6) {
		if (cut)
			n->max = (uint16_t)(n->max - n->at - RTE_IPV6_FRAG_HDR_SIZE + XLAT_V4);
		return;
	}
	uint32_t max = cut ? n->max - w->l4 + XLAT_V6 + RTE_IPV6_FRAG_HDR_SIZE : MIN_MTU6;
	if (!cut && (is_segmented(w->m) || w->l4_len + XLAT_V6 <= w->mtu || w->mtu == 0))
		return;
	w->m->ol_flags |= frag_flag;
	*n = (struct frag_note){
		.id = id4, .max = (uint16_t)RTE_MIN(max, (uint32_t)MIN_MTU6), .at = XLAT_V6};
}

static bool head_room(struct rte_mbuf *m, uint32_t was, uint32_t is) {
	struct rte_ether_hdr eth = *rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	bool ok = was >= is ? rte_pktmbuf_adj(m, (uint16_t)(was - is)) != NULL
			    : rte_pktmbuf_prepend(m, (uint16_t)(is - was)) != NULL;

	if (ok)
		*rte_pktmbuf_mtod(m, struct rte_ether_hdr *) = eth;
	return ok;
}

static void udp_sum(struct rte_mbuf *m) {
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip6_of(m) + 1);
	uint16_t sum =
		rte_ipv6_udptcp_cksum_mbuf(m, ip6_of(m), (uint16_t)(RTE_ETHER_HDR_LEN + XLAT_V6));

	udp->dgram_cksum = sum ? sum : 0xffff;
}

// `edge`: where it goes, as asked of the next hop once.
static rte_edge_t translate(struct work *w, rte_edge_t edge) {
	struct rte_mbuf *m = w->m;
	uint8_t *ip = ip_of(m), head[XLAT_V6];
	bool cut = m->ol_flags & frag_flag;
	uint16_t id4 = w->to6 ? rte_be_to_cpu_16(ip4_of(m)->packet_id)
		: cut         ? (uint16_t)frag_note(m)->id
			      : (uint16_t)rte_rand();
	size_t there = m->data_len - RTE_ETHER_HDR_LEN - w->l4;

	if (m->nb_segs == 1 && m->pkt_len > RTE_ETHER_HDR_LEN + w->l4 + w->l4_len)
		rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - RTE_ETHER_HDR_LEN - w->l4 - w->l4_len));
	if (w->to6)
		xlat_head6(head, ip, w->l4_len, &w->to);
	else
		xlat_head4(head, ip, w->proto, w->l4_len, &w->to, cut, id4);
	enum xlat_done done =
		xlat_upper(ip + w->l4, RTE_MIN(there, (size_t)w->l4_len), w->l4_len, ip, w->proto,
			&w->to, m->ol_flags & RTE_MBUF_F_TX_L4_MASK ? XLAT_PSEUDO : XLAT_WHOLE);
	if (done == XLAT_NOT)
		return dp_drop(&nat64, m, DROP_NOT);
	pieces(w, id4);
	if (!head_room(m, w->l4, w->to6 ? XLAT_V6 : XLAT_V4))
		return dp_drop(&nat64, m, DROP_NO_BUFFER);
	memcpy(ip_of(m), head, w->to6 ? XLAT_V6 : XLAT_V4);
	note(m, w->to6, w->proto);
	offloads(m, w->to6);
	if (done == XLAT_NO_SUM)
		udp_sum(m);
	dp_meta(m)->user = w->slot;
	return edge;
}

// ---- errors --------------------------------------------------------------------------------------------------

// Another packet: what is quoted changes its length, and all sums with it. NULL: *edge says why.
static struct rte_mbuf *error_make(struct work *w, rte_edge_t *edge) {
	uint8_t in[ERROR_LEN], out[XLAT_ERROR_MAX], from[16];
	uint32_t len = w->l4 + w->l4_len;
	const uint8_t *ip =
		len <= sizeof(in) ? rte_pktmbuf_read(w->m, RTE_ETHER_HDR_LEN, len, in) : NULL;

	memcpy(from, w->to.src, 16);
	if (w->to6 && ip && memcmp(ip + 12, w->in.src, 4) != 0) // a router's on the way
		xlat_embed_like(w->to.src, w->in.src, ip + 12, from);
	size_t n = ip ? xlat_error(ip, len, w->l4, &w->to, from, w->mtu, out) : 0;
	struct rte_mbuf *e = n ? rte_pktmbuf_alloc(dp_pool()) : NULL;
	uint8_t *at =
		e ? (uint8_t *)rte_pktmbuf_append(e, (uint16_t)(RTE_ETHER_HDR_LEN + n)) : NULL;

	if (at == NULL) {
		rte_pktmbuf_free(e);
		*edge = dp_drop(&nat64, w->m, n ? DROP_NO_BUFFER : DROP_NOT);
		return NULL;
	}
	memset(at, 0, RTE_ETHER_HDR_LEN);
	memcpy(at + RTE_ETHER_HDR_LEN, out, n);
	note(e, w->to6, IPPROTO_ICMP);
	e->port = w->m->port;
	e->ol_flags |= w->m->ol_flags & dp_trace_flag;
	*dp_meta(e) = *dp_meta(w->m);
	dp_meta(e)->user = w->slot;
	return e;
}

// ---- the node ------------------------------------------------------------------------------------------------

static struct rte_mbuf *error(struct work *w, rte_edge_t *edge) {
	rte_edge_t on = way(w);

	if (on != NEXT_REWRITE && on != NEXT_RESOLVE) { // of an error nobody is told by an error
		*edge = on == NEXT_ERROR ? dp_drop(&nat64, w->m, DROP_NO_ROUTE) : on;
		return w->m;
	}
	struct rte_mbuf *e = error_make(w, edge);
	if (e == NULL)
		return w->m;
	rte_pktmbuf_free(w->m);
	*edge = on;
	return e;
}

static struct rte_mbuf *one(struct rte_mbuf *m, rte_edge_t *edge) {
	struct work w;
	uint32_t what;

	if (!work_begin(&w, m)) {
		*edge = dp_drop(&nat64, m, DROP_GONE);
		return m;
	}
	const struct rtr_iface *iface = rtr_iface(dp_meta(m)->iface);
	uint8_t hops = ip_of(m)[w.to6 ? 8 : 7];
	if (iface && iface->urpf != RTR_URPF_OFF && !ip_reverse_path(m, iface)) {
		*edge = dp_drop(&nat64, m, DROP_URPF);
		return m;
	}
	if (hops <= 1) {
		*edge = w.error ? dp_drop(&nat64, m, DROP_HOPS)
				: say(&w, ip_error(ICMP6_TIME, ICMP_HOPS, 0),
					  ip_error(ICMP4_TIME, ICMP_HOPS, 0));
		return m;
	}
	route(&w);
	if (w.error)
		return error(&w, edge);
	what = too_big(&w);
	*edge = what ? say(&w, what, what) : way(&w);
	if (*edge == NEXT_REWRITE || *edge == NEXT_RESOLVE)
		*edge = translate(&w, *edge);
	return m;
}

static void nat64_explain(const struct rte_mbuf *m, json_t *lines) {
	char src[ADDR_STRLEN], dst[ADDR_STRLEN];
	struct work w;

	if (!work_begin(&w, (struct rte_mbuf *)(uintptr_t)m))
		return;
	struct addr a = {.family = w.to6 ? ADDR_V6 : ADDR_V4}, b = a;
	memcpy(a.bytes, w.to.src, w.to6 ? 16 : 4);
	memcpy(b.bytes, w.to.dst, w.to6 ? 16 : 4);
	dp_explain_say(lines, "it becomes IPv%d, from %s port %u to %s port %u", w.to6 ? 6 : 4,
		addr_print(&a, src), rte_be_to_cpu_16(w.to.sport), addr_print(&b, dst),
		rte_be_to_cpu_16(w.to.dport));
}

static uint16_t nat64_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++) {
		rte_edge_t edge;
		struct rte_mbuf *m = one(objs[i], &edge);

		rte_node_enqueue_x1(graph, node, edge, m);
	}
	return n;
}

DP_NODE(nat64)
