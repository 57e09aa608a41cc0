// SPDX-License-Identifier: BSD-3-Clause
// Where to? Destinations of a vector are looked up together, one family and VRF at a time; the answer is a next-hop slot in
// dp_meta.user. End of the l3-in arc; packets of our own and those that come from another VRF start here as well.
#include "dataplane/session/session.h"
#include "router/fib/way.h"
#include "router/ip_priv.h"
#include "router/policy.h"
#include "router/router_priv.h"
#include <rte_hash_crc.h>
#include <stdio.h>

enum { NEXT_REWRITE, NEXT_RESOLVE, NEXT_ERROR };

enum { DROP_BLACKHOLE, DROP_URPF, DROP_SCOPE, DROP_LOOP, DROP_NO_VRF, DROP_OWN };

static const struct dp_drop ip_lookup_drops[] = {
	{"blackhole", "the route says so"},
	{"urpf", "no route leads back to the source (reverse path filter)"},
	{"scope", "a link-local address does not leave its link"},
	{"loop", "routes of VRFs point to each other"},
	{"no_vrf", "the router is gone"},
	{"own", "made by this box, for one of its own addresses"},
	{0},
};

static const char *const ip_lookup_next[] = {[NEXT_REWRITE] = "ip_rewrite",
	[NEXT_RESOLVE] = "ip_resolve",
	[NEXT_ERROR] = "icmp_error",
	NULL};

static int ip_lookup_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	struct addr dst = {.family = ip_is_v6(m) ? ADDR_V6 : ADDR_V4};
	char text[ADDR_STRLEN];

	if (dst.family == ADDR_V6)
		memcpy(dst.bytes, ip6_of(m)->dst_addr, 16);
	else
		memcpy(dst.bytes, &ip4_of(m)->dst_addr, 4);
	return snprintf(buf, size, "vrf %u, to %s", ip_meta(m)->domain, addr_print(&dst, text));
}

static void ip_lookup_explain(const struct rte_mbuf *m, json_t *lines);

static struct dp_node ip_lookup = {
	.name = "ip_lookup",
	.help = "finds the next hop",
	.arc = DP_ARC_L3_IN,
	.arc_end = true,
	.starts = {DP_ARC_LOCAL},
	.next = ip_lookup_next,
	.drops = ip_lookup_drops,
	.trace = ip_lookup_trace,
	.explain = ip_lookup_explain,
};

uint32_t ip_flow_hash(const struct rte_mbuf *m) {
	const uint8_t *l4 = rte_pktmbuf_mtod_offset(m, const uint8_t *, m->l2_len + m->l3_len);
	uint32_t type = m->packet_type & RTE_PTYPE_L4_MASK, ports = 0, hash = type;
	uint64_t words[4] = {0};

	if (ip_is_v6(m))
		memcpy(words, ip6_of(m)->src_addr, 32);
	else
		memcpy(words, &ip4_of(m)->src_addr, 8);
	if ((type == RTE_PTYPE_L4_TCP || type == RTE_PTYPE_L4_UDP) &&
		m->data_len >= m->l2_len + m->l3_len + sizeof(ports))
		memcpy(&ports, l4, sizeof(ports));
	hash = rte_hash_crc_8byte(words[0], hash);
	if (ip_is_v6(m))
		for (unsigned i = 1; i < 4; i++)
			hash = rte_hash_crc_8byte(words[i], hash);
	hash = rte_hash_crc_4byte(ports, hash);
	return hash ^ hash >> 16;
}

// ---- what is not simply forwarded ---------------------------------------------------------------------------

static rte_edge_t unreachable(struct rte_mbuf *m, unsigned kind) {
	bool v6 = ip_is_v6(m);
	unsigned type = v6 ? ICMP6_UNREACH : ICMP4_UNREACH, code = v6 ? ICMP6_ADDRESS : ICMP4_HOST;

	if (kind == RTR_NH_NONE)
		code = v6 ? ICMP6_NO_ROUTE : ICMP4_NET;
	if (kind == RTR_NH_PROHIBIT)
		code = v6 ? ICMP6_ADMIN : ICMP4_ADMIN;
	dp_meta(m)->user = ip_error(type, code, 0);
	return NEXT_ERROR;
}

static uint32_t look_again(const struct rte_mbuf *m, unsigned vrf_index) {
	const struct rtr_vrf *vrf = vrf_index < RTR_MAX_VRFS ? rtr_vrfs[vrf_index] : NULL;
	uint32_t slot = 0;

	if (vrf == NULL)
		return 0;
	if (ip_is_v6(m)) {
		fib_lookup6(vrf->fib6, &ip6_of(m)->dst_addr, &slot, 1);
	} else {
		uint32_t dst = rte_be_to_cpu_32(ip4_of(m)->dst_addr);
		fib_lookup4(vrf->fib4, &dst, &slot, 1);
	}
	return slot;
}

// Groups name slots, VRFs name tables: followed a bounded number of times.
static __rte_noinline rte_edge_t follow(struct rte_mbuf *m, uint32_t slot) {
	for (unsigned hops = 0; hops <= RTR_MAX_LEAKS; hops++) {
		const struct rtr_nh *nh = &rtr_nhs[slot];
		unsigned kind = __atomic_load_n(&nh->kind, __ATOMIC_ACQUIRE);

		dp_meta(m)->user = slot;
		switch (kind) {
		case RTR_NH_FORWARD:
			return NEXT_REWRITE;
		case RTR_NH_RESOLVE:
		case RTR_NH_GLEAN:
			return NEXT_RESOLVE;
		case RTR_NH_LOCAL:
			if (unlikely(dp_meta(m)->iface == DP_NONE)) // no interface whose arc it is
				return dp_drop(&ip_lookup, m, DROP_OWN);
			return dp_arc_next(&ip_lookup, DP_ARC_LOCAL, dp_meta(m)->iface);
		case RTR_NH_BLACKHOLE:
			return dp_drop(&ip_lookup, m, DROP_BLACKHOLE);
		case RTR_NH_GROUP:
			slot = nh->buckets[ip_flow_hash(m) & (nh->n_buckets - 1)];
			break;
		case RTR_NH_VRF:
			dp_meta(m)->domain = nh->vrf;
			slot = look_again(m, nh->vrf);
			break;
		default:
			return unreachable(m, kind);
		}
	}
	return dp_drop(&ip_lookup, m, DROP_LOOP);
}

// ---- what an interface asks for beyond the look-up ----------------------------------------------------------

// RFC 3704: strict: the best route back leaves by the interface that it came in by; loose: there is one.
bool ip_reverse_path(const struct rte_mbuf *m, const struct rtr_iface *iface) {
	struct addr src = {.family = ip_is_v6(m) ? ADDR_V6 : ADDR_V4};
	uint32_t slot;

	// of NAT the source has been rewritten: asked is who sent it
	if (!session_source((struct rte_mbuf *)(uintptr_t)m, src.bytes))
		memcpy(src.bytes,
			src.family == ADDR_V6 ? ip6_of(m)->src_addr : (void *)&ip4_of(m)->src_addr,
			src.family == ADDR_V6 ? 16 : 4);
	if (src.family == ADDR_V6 && ip6_is_link_local(src.bytes))
		return true;
	slot = way_look_up(iface->vrf, &src);
	const struct rtr_nh *nh = &rtr_nhs[slot];
	switch (nh->kind) {
	case RTR_NH_NONE:
	case RTR_NH_BLACKHOLE:
	case RTR_NH_UNREACHABLE:
	case RTR_NH_PROHIBIT:
	case RTR_NH_LOCAL:
		return false;
	case RTR_NH_GROUP:
		if (iface->urpf == RTR_URPF_LOOSE)
			return true;
		for (unsigned i = 0; i < nh->n_buckets; i++)
			if (rtr_nhs[nh->buckets[i]].iface == iface->index)
				return true;
		return false;
	default:
		return iface->urpf == RTR_URPF_LOOSE || nh->iface == iface->index;
	}
}

static __rte_noinline rte_edge_t decide(
	struct rte_mbuf *m, const struct rtr_iface *iface, uint32_t slot) {
	uint16_t vrf;

	if (iface->urpf != RTR_URPF_OFF && rtr_nhs[slot].kind != RTR_NH_LOCAL &&
		!ip_reverse_path(m, iface))
		return dp_drop(&ip_lookup, m, DROP_URPF);
	if (iface->has_policy && rtr_nhs[slot].kind != RTR_NH_LOCAL &&
		policy_judge(iface, m, &vrf, &slot) && vrf != DP_NONE) {
		dp_meta(m)->domain = vrf;
		slot = look_again(m, vrf);
	}
	return follow(m, slot);
}

// Link-local addresses: ours or nobody's (RFC 4291 section 2.5.6).
static __rte_noinline rte_edge_t link_local(struct rte_mbuf *m, const struct rtr_iface *iface) {
	struct addr dst = {.family = ADDR_V6};

	memcpy(dst.bytes, ip6_of(m)->dst_addr, 16);
	if (iface && ip6_is_link_local(dst.bytes)) {
		if (rtr_iface_owns(iface, &dst))
			return dp_arc_next(&ip_lookup, DP_ARC_LOCAL, iface->index);
		return dp_drop(&ip_lookup, m, DROP_SCOPE);
	}
	dp_meta(m)->user = ip_error(ICMP6_UNREACH, ICMP6_SCOPE, 0);
	return NEXT_ERROR;
}

// ---- for sessions ---------------------------------------------------------------------------------------------

// What packets of one session find alike: nothing but the FIB is asked, and the way is open.
static uint32_t hop_of(struct rte_mbuf *m) {
	const struct rtr_iface *iface = rtr_iface(dp_meta(m)->iface);

	if (iface == NULL || iface->urpf != RTR_URPF_OFF || iface->has_policy ||
		(ip_is_v6(m) &&
			(ip6_is_link_local(ip6_of(m)->src_addr) ||
				ip6_is_link_local(ip6_of(m)->dst_addr))))
		return 0;
	uint32_t slot = look_again(m, dp_meta(m)->domain);
	if (rtr_nhs[slot].kind == RTR_NH_GROUP)
		slot = rtr_nh_pick(slot, ip_flow_hash(m));
	return rtr_nhs[slot].kind == RTR_NH_FORWARD ? slot : 0;
}

static const struct session_forwarder forwarder = {.node = "ip_rewrite", .hop = hop_of};

RTE_INIT(forwarder_set) {
	session_forwarder_set(&forwarder);
}

// ---- explaining ---------------------------------------------------------------------------------------------

static void explain_route(const struct rte_mbuf *m, unsigned index, json_t *lines) {
	struct addr dst = {.family = ip_is_v6(m) ? ADDR_V6 : ADDR_V4};
	const struct rtr_vrf *vrf = index < RTR_MAX_VRFS ? rtr_vrfs[index] : NULL;
	struct rtr_route route;
	char prefix[PREFIX_STRLEN], via[256];

	memcpy(dst.bytes,
		dst.family == ADDR_V6 ? ip6_of(m)->dst_addr : (void *)&ip4_of(m)->dst_addr,
		dst.family == ADDR_V6 ? 16 : 4);
	if (vrf == NULL)
		return;
	uint32_t slot = look_again(m, index);
	if (!rib_lookup(vrf, &dst, &route)) {
		dp_explain_say(lines, "router %s: no route", vrf->name);
		return;
	}
	rtr_via_print(slot, via, sizeof(via));
	dp_explain_say(lines, "router %s: %s, %s: %s", vrf->name,
		prefix_print(&route.prefix, prefix), rtr_source_words[route.source], via);
	if (rtr_nhs[slot].kind == RTR_NH_GROUP) {
		rtr_via_print(rtr_nh_pick(slot, ip_flow_hash(m)), via, sizeof(via));
		dp_explain_say(lines, "of these, this flow takes %s", via);
	}
	if (rtr_nhs[slot].kind == RTR_NH_VRF)
		explain_route(m, rtr_nhs[slot].vrf, lines);
}

static void ip_lookup_explain(const struct rte_mbuf *m, json_t *lines) {
	const struct rtr_iface *iface = rtr_iface(ip_meta(m)->iface);
	unsigned vrf = ip_meta(m)->domain, number;
	bool local = rtr_nhs[look_again(m, vrf)].kind == RTR_NH_LOCAL;

	if (iface && iface->urpf != RTR_URPF_OFF && !local)
		dp_explain_say(lines, "reverse path filter, %s: %s",
			iface->urpf == RTR_URPF_STRICT ? "strict" : "loose",
			ip_reverse_path(m, iface) ? "the source is routed back" : "fails");
	if (iface && iface->has_policy && !local) {
		const struct rtr_rule *rule = policy_find(iface, m, &number);
		char via[256];

		if (rule && rule->vrf == DP_NONE) {
			rtr_via_print(rule->slot, via, sizeof(via));
			dp_explain_say(lines, "rule %u: by %s", number, via);
			return;
		}
		if (rule) {
			dp_explain_say(
				lines, "rule %u: the routes of another router decide", number);
			vrf = rule->vrf;
		} else {
			dp_explain_say(lines, "no rule matches");
		}
	}
	explain_route(m, vrf, lines);
}

// ---- the vector ---------------------------------------------------------------------------------------------

struct batch {
	struct rte_mbuf **m;
	uint32_t slots[DP_VECTOR];
	union {
		uint32_t v4[DP_VECTOR];
		uint8_t v6[DP_VECTOR][16];
	} dst;
	uint8_t index[DP_VECTOR]; // of the packets of the present group
	uint32_t found[DP_VECTOR];
};
_Static_assert(DP_VECTOR == 256, "index[] is a byte");

static inline uint32_t table_of(const struct rte_mbuf *m) {
	return ip_meta(m)->domain << 1 | ip_is_v6(m);
}

static __rte_noinline void lookup_v6_some(struct batch *b, const struct rtr_vrf *vrf, unsigned n) {
	for (unsigned i = 0; i < n; i++)
		memcpy(b->dst.v6[i], ip6_of(b->m[b->index[i]])->dst_addr, 16);
	fib_lookup6(vrf->fib6, b->dst.v6, b->found, n);
}

// Looks up all packets of table `key` that are left; returns the first that is of another, or n.
static __rte_noinline unsigned lookup_some(
	struct batch *b, unsigned first, unsigned n, uint32_t key, uint8_t *done) {
	unsigned count = 0, rest = n;

	for (unsigned i = first; i < n; i++) {
		if (done[i])
			continue;
		if (table_of(b->m[i]) == key) {
			b->index[count++] = (uint8_t)i;
			done[i] = 1;
		} else if (rest == n) {
			rest = i;
		}
	}
	const struct rtr_vrf *vrf = key >> 1 < RTR_MAX_VRFS ? rtr_vrfs[key >> 1] : NULL;
	if (vrf == NULL) {
		memset(b->found, 0, count * sizeof(b->found[0]));
	} else if (key & 1) {
		lookup_v6_some(b, vrf, count);
	} else {
		for (unsigned i = 0; i < count; i++)
			b->dst.v4[i] = rte_be_to_cpu_32(ip4_of(b->m[b->index[i]])->dst_addr);
		fib_lookup4(vrf->fib4, b->dst.v4, b->found, count);
	}
	for (unsigned i = 0; i < count; i++)
		b->slots[b->index[i]] = b->found[i];
	return rest;
}

static void lookup_mixed(struct batch *b, unsigned n) {
	uint8_t done[DP_VECTOR] = {0};

	for (unsigned i = 0; i < n;)
		i = lookup_some(b, i, n, table_of(b->m[i]), done);
}

static __rte_noinline void lookup_v6(struct batch *b, const struct rtr_vrf *vrf, unsigned n) {
	for (unsigned i = 0; i < n; i++)
		memcpy(b->dst.v6[i], ip6_of(b->m[i])->dst_addr, 16);
	fib_lookup6(vrf->fib6, b->dst.v6, b->slots, n);
}

// Whether there is IPv6 among them.
static inline bool lookup(struct batch *b, unsigned n) {
	uint32_t first = table_of(b->m[0]), differ = 0;
	const struct rtr_vrf *vrf = first >> 1 < RTR_MAX_VRFS ? rtr_vrfs[first >> 1] : NULL;

	for (unsigned i = 0; i < n; i++) {
		differ |= table_of(b->m[i]) ^ first;
		b->dst.v4[i] = rte_be_to_cpu_32(ip4_of(b->m[i])->dst_addr);
	}
	if (unlikely(differ != 0 || vrf == NULL)) {
		lookup_mixed(b, n);
		return true;
	}
	if (first & 1)
		lookup_v6(b, vrf, n);
	else
		fib_lookup4(vrf->fib4, b->dst.v4, b->slots, n);
	return first & 1;
}

static inline rte_edge_t next_of(
	struct rte_mbuf *m, uint32_t slot, const struct rtr_iface *iface, bool asks, bool v6) {
	if (unlikely(v6 && ip_is_v6(m) &&
		    (ip6_is_link_local(ip6_of(m)->src_addr) ||
			    ip6_is_link_local(ip6_of(m)->dst_addr))))
		return link_local(m, iface);
	if (unlikely(asks))
		return decide(m, iface, slot);
	if (likely(rtr_nhs[slot].kind == RTR_NH_FORWARD)) {
		dp_meta(m)->user = slot;
		return NEXT_REWRITE;
	}
	return follow(m, slot);
}

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	struct batch b;
	rte_edge_t next[DP_VECTOR];
	const struct rtr_iface *iface = NULL;
	unsigned last = UINT32_MAX;
	bool asks = false;

	if (n == 0)
		__builtin_unreachable(); // rte_graph calls no node for nothing
	b.m = (struct rte_mbuf **)objs;
	bool v6 = lookup(&b, n);
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(&rtr_nhs[b.slots[i]]);
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = b.m[i];

		if (unlikely(dp_meta(m)->iface != last)) {
			last = dp_meta(m)->iface;
			iface = rtr_iface(last);
			asks = iface && (iface->urpf || iface->has_policy);
		}
		next[i] = next_of(m, b.slots[i], iface, asks, v6);
	}
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t ip_lookup_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(ip_lookup)
