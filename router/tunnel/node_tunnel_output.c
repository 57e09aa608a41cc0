// SPDX-License-Identifier: BSD-3-Clause
// Into the tunnel: the outer headers, and on by the underlay. On the l3-out arc of interfaces that are tunnels, where packets come with
// one hop less and an Ethernet header that says nothing but their type.
#include "router/fib/way.h"
#include "router/tunnel/tunnel_priv.h"
#include <stdio.h>

enum { NEXT_LOOKUP, NEXT_REWRITE, NEXT_ERROR };

enum {
	DROP_GONE,
	DROP_PROTOCOL,
	DROP_TRUNCATED,
	DROP_LOOP,
	DROP_NESTED,
	DROP_TOO_BIG,
	DROP_NO_ROOM,
};

static const struct dp_drop tunnel_output_drops[] = {
	[DROP_GONE] = {"gone", "the tunnel was removed while the packet was on its way"},
	[DROP_PROTOCOL] = {"protocol", "not IP: nothing else goes by a tunnel"},
	[DROP_TRUNCATED] = {"truncated", "shorter than its IP header"},
	[DROP_LOOP] = {"loop", "the remote end is this box, or is routed into the tunnel itself"},
	[DROP_NESTED] = {"nested", "in as many tunnels already as a packet may be"},
	[DROP_TOO_BIG] = {"too_big",
		"longer than the path through IPv6 carries, until the MTU follows"},
	[DROP_NO_ROOM] = {"no_room", "no room for the outer headers before the packet"},
	{0},
};

static const char *const tunnel_output_next[] = {[NEXT_LOOKUP] = "ip_lookup",
	[NEXT_REWRITE] = "ip_rewrite",
	[NEXT_ERROR] = "icmp_error",
	NULL};

static int tunnel_output_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	const struct rtr_iface *iface = rtr_iface(ip_meta(m)->iface);

	return snprintf(buf, size, "tunnel %s, %u bytes", iface ? iface->name : "-", m->pkt_len);
}

static const char *const tunnel_output_after[] = {"ip_refrag", NULL};

static struct dp_node tunnel_output = {
	.name = "tunnel_output",
	.help = "puts packets into GRE and IP-in-IP tunnels",
	.arc = DP_ARC_L3_OUT,
	.after = tunnel_output_after,
	.next = tunnel_output_next,
	.drops = tunnel_output_drops,
	.trace = tunnel_output_trace,
};

void tunnel_way_find(struct tunnel_way *way, unsigned index, const struct addr *remote) {
	const struct rtr_nh *nh;

	way->slot = way_look_up(index, remote);
	nh = &rtr_nhs[way->slot];
	way->kind = __atomic_load_n(&nh->kind, __ATOMIC_ACQUIRE);
	way->mtu = way->kind == RTR_NH_FORWARD || way->kind == RTR_NH_RESOLVE ||
			way->kind == RTR_NH_GLEAN
		? nh->mtu
		: UINT32_MAX;
}

// What is the same for all packets of one tunnel.
struct run {
	unsigned iface;
	struct tunnel *tunnel; // NULL: none
	struct tunnel_way way;
};

static void run_start(struct run *run, struct tunnel_set *set, unsigned iface) {
	run->iface = iface;
	run->tunnel = set && iface < DP_MAX_IFACES ? set->by_iface[iface] : NULL;
	if (run->tunnel)
		tunnel_way_find(&run->way, run->tunnel->vrf, &run->tunnel->remote);
}

static rte_edge_t give_up(struct rte_mbuf *m, const struct tunnel *t, unsigned why) {
	tunnel_count(t)->tx_dropped++;
	return dp_drop(&tunnel_output, m, why);
}

static rte_edge_t refuse(struct rte_mbuf *m, const struct tunnel *t, uint32_t what) {
	tunnel_count(t)->tx_dropped++;
	dp_meta(m)->user = what;
	return NEXT_ERROR;
}

// No way to the other end: the sender hears what it would hear of a link that is down.
static rte_edge_t no_way(struct rte_mbuf *m, const struct tunnel *t) {
	return refuse(m, t,
		ip_is_v6(m) ? ip_error(ICMP6_UNREACH, ICMP6_ADDRESS, 0)
			    : ip_error(ICMP4_UNREACH, ICMP4_HOST, 0));
}

// RFC 4459: who can be told what fits is told. Else the outer packet goes without DF, which only IPv4 knows; so do IPv6 packets of the
// length that every link has to carry (RFC 4213 section 3.2).
static bool fits(const struct tunnel_wire *wire, struct tunnel_inner *inner, uint32_t mtu) {
	if (inner->len <= mtu)
		return true;
	if (!wire->v6 && inner->v6 && inner->len <= 1280)
		inner->df = false;
	return !wire->v6 && !(wire->df && inner->df);
}

static __rte_noinline rte_edge_t too_big(struct rte_mbuf *m, const struct tunnel *t,
	const struct tunnel_inner *inner, uint32_t mtu) {
	if (ip_is_v6(m))
		return refuse(m, t, ip_error(ICMP6_TOO_BIG, 0, RTE_MAX(mtu, 1280u)));
	if (inner->df)
		return refuse(m, t, ip_error(ICMP4_UNREACH, ICMP4_FRAG_NEEDED, mtu));
	return give_up(m, t, DROP_TOO_BIG);
}

bool tunnel_headers_find(struct rte_mbuf *m, struct tunnel_inner *inner) {
	rte_be16_t type = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *)->ether_type;
	bool v6 = type == RTE_BE16(RTE_ETHER_TYPE_IPV6);
	uint8_t proto;

	if (v6) {
		inner->len = rte_be_to_cpu_16(ip6_of(m)->payload_len) + sizeof(struct rte_ipv6_hdr);
		m->l3_len = sizeof(struct rte_ipv6_hdr);
		proto = ip6_of(m)->proto;
	} else {
		inner->len = rte_be_to_cpu_16(ip4_of(m)->total_length);
		m->l3_len = (ip4_of(m)->version_ihl & 0xfu) * 4;
		proto = ip4_is_fragment(ip4_of(m)) ? 0 : ip4_of(m)->next_proto_id;
	}
	m->l2_len = RTE_ETHER_HDR_LEN;
	m->packet_type = RTE_PTYPE_L2_ETHER | (v6 ? RTE_PTYPE_L3_IPV6 : RTE_PTYPE_L3_IPV4);
	if (proto == IPPROTO_TCP)
		m->packet_type |= RTE_PTYPE_L4_TCP;
	else if (proto == IPPROTO_UDP)
		m->packet_type |= RTE_PTYPE_L4_UDP;
	tunnel_inner_read((const uint8_t *)ip4_of(m), v6, m->data_len - RTE_ETHER_HDR_LEN, inner);
	return (v6 || type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) && inner->ip &&
		inner->len >= m->l3_len && inner->len <= m->pkt_len - RTE_ETHER_HDR_LEN;
}

// RFC 2473 section 4.1: nobody is in more tunnels than that. A packet that says itself how many it may be in is believed.
static __rte_noinline int nesting_check(struct rte_mbuf *m, struct tunnel_wire *wire) {
	const uint8_t *ip = (const uint8_t *)ip4_of(m);
	size_t len = m->data_len - RTE_ETHER_HDR_LEN;
	unsigned at;
	int limit = ip_is_v6(m) ? tunnel_limit_find(ip, len, &at) : -1;

	if (limit == 0) {
		dp_meta(m)->user = ip_error(ICMP6_PARAMETER, 0, at);
		return NEXT_ERROR;
	}
	if (tunnel_nesting(ip, len, VXLAN_PORT) >= TUNNEL_NEST_MAX)
		return dp_drop(&tunnel_output, m, DROP_NESTED);
	if (limit > 0 && wire->v6) {
		wire->limit =
			(uint8_t)(wire->has_limit ? RTE_MIN(wire->limit, limit - 1) : limit - 1);
		wire->has_limit = true;
	}
	return -1;
}

static bool may_nest(const struct rte_mbuf *m) {
	unsigned proto = ip_is_v6(m) ? ip6_of(m)->proto : ip4_of(m)->next_proto_id;

	return proto == IPPROTO_IPIP || proto == IPPROTO_IPV6 || proto == IPPROTO_GRE ||
		proto == IPPROTO_DSTOPTS || proto == IPPROTO_UDP;
}

// By which next hop the outer packet goes; where ip_lookup has to find out, to it.
static inline rte_edge_t outer_next(
	struct rte_mbuf *m, const struct tunnel *t, const struct tunnel_way *way, uint32_t hash) {
	uint32_t slot = rtr_nh_pick(way->slot, hash);

	if (__atomic_load_n(&rtr_nhs[slot].kind, __ATOMIC_ACQUIRE) != RTR_NH_FORWARD)
		return NEXT_LOOKUP;
	if (unlikely(rtr_nhs[slot].iface == t->iface))
		return give_up(m, t, DROP_LOOP);
	dp_meta(m)->user = slot;
	return NEXT_REWRITE;
}

static rte_edge_t wrap(struct rte_mbuf *m, struct tunnel *t, const struct tunnel_way *way,
	const struct tunnel_wire *wire, struct tunnel_inner *inner) {
	unsigned header_len = tunnel_header_len(wire), surplus;
	uint8_t *at;

	inner->hash = wire->v6 || way->kind == RTR_NH_GROUP ? ip_flow_hash(m) : 0;
	inner->id = (uint16_t)(tunnel_count(t)->sent++ + (dp_self->id << 12));
	surplus = m->pkt_len - RTE_ETHER_HDR_LEN - inner->len;
	if (unlikely(surplus > 0) && rte_pktmbuf_trim(m, (uint16_t)surplus) != 0)
		return give_up(m, t, DROP_TRUNCATED);
	at = (uint8_t *)rte_pktmbuf_prepend(m, (uint16_t)header_len);
	if (unlikely(at == NULL))
		return give_up(m, t, DROP_NO_ROOM);
	tunnel_encode(wire, inner, at + RTE_ETHER_HDR_LEN);
	ip_own(m, t->vrf, wire->v6);
	dp_flags_forget(m);
	return outer_next(m, t, way, inner->hash);
}

static rte_edge_t one(struct rte_mbuf *m, const struct run *run) {
	struct tunnel *t = run->tunnel;
	struct tunnel_wire limited;
	const struct tunnel_wire *wire = &t->wire;
	struct tunnel_inner inner = {0};
	uint32_t limit = RTE_MIN(run->way.mtu, tunnel_path_mtu(&t->path, dp_self->now_ns));

	if (unlikely(m->data_len < RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr)))
		return give_up(m, t, DROP_TRUNCATED);
	if (unlikely(!tunnel_headers_find(m, &inner)))
		return give_up(m, t, DROP_PROTOCOL);
	if (unlikely(may_nest(m))) {
		limited = t->wire;
		wire = &limited;
		int edge = nesting_check(m, &limited);
		if (edge >= 0) {
			tunnel_count(t)->tx_dropped++;
			return (rte_edge_t)edge;
		}
	}
	if (unlikely(run->way.kind == RTR_NH_LOCAL))
		return give_up(m, t, DROP_LOOP);
	if (unlikely(run->way.kind == RTR_NH_NONE || run->way.kind == RTR_NH_BLACKHOLE ||
		    run->way.kind == RTR_NH_UNREACHABLE || run->way.kind == RTR_NH_PROHIBIT))
		return no_way(m, t);
	limit -= tunnel_header_len(wire);
	if (unlikely(!fits(wire, &inner, limit)))
		return too_big(m, t, &inner, limit);
	return wrap(m, t, &run->way, wire, &inner);
}

// Gathered packets of one call: one that was to be cut comes as several.
struct sink {
	struct rte_graph *graph;
	struct rte_node *node;
	unsigned n;
	void *objs[DP_VECTOR];
	rte_edge_t next[DP_VECTOR];
};

static void flush(struct sink *s) {
	if (s->n > 0)
		dp_enqueue(s->graph, s->node, s->objs, s->next, (uint16_t)s->n, false);
	s->n = 0;
}

static inline void put(struct sink *s, struct rte_mbuf *m, rte_edge_t edge) {
	s->objs[s->n] = m;
	s->next[s->n++] = edge;
	if (s->n == DP_VECTOR)
		flush(s);
}

// What it asks of a device concerns the inner headers, which no device finds inside.
static __rte_noinline void finish(struct sink *s, struct rte_mbuf *m, const struct run *run) {
	const struct rtr_iface *iface = rtr_iface(run->iface);
	struct rte_mbuf *out[DP_VECTOR];
	uint16_t n = dp_offload_finish(m, iface ? iface->mtu : 0, out, RTE_DIM(out));

	for (uint16_t i = 0; i < n; i++)
		put(s, out[i], one(out[i], run));
}

static uint16_t tunnel_output_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	struct sink s = {.graph = graph, .node = node};
	struct tunnel_set *set = tunnel_set_get();
	struct run run = {.iface = UINT32_MAX};

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];

		if (unlikely(dp_meta(m)->iface != run.iface))
			run_start(&run, set, dp_meta(m)->iface);
		if (unlikely(run.tunnel == NULL))
			put(&s, m, dp_drop(&tunnel_output, m, DROP_GONE));
		else if (unlikely(m->ol_flags &
				 (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG |
					 RTE_MBUF_F_TX_UDP_SEG)))
			finish(&s, m, &run);
		else
			put(&s, m, one(m, &run));
	}
	flush(&s);
	return n;
}

DP_NODE(tunnel_output)
