// SPDX-License-Identifier: BSD-3-Clause
// Out of the tunnel: packets for this box that a tunnel's other end sent lose their outer headers and come in by the tunnel's interface.
// ICMP errors about our outer packets become errors about what was inside (RFC 2003 section 4, RFC 2473 section 8). All else goes on.
#include "dataplane/offload.h"
#include "router/icmp.h"
#include "router/tcp_mss.h"
#include "router/tunnel/tunnel_priv.h"
#include <rte_icmp.h>
#include <stdio.h>

enum { NEXT_ERROR };

enum {
	DROP_REMOTE,
	DROP_TRUNCATED,
	DROP_FLAGS,
	DROP_PAYLOAD,
	DROP_CHECKSUM,
	DROP_ECN,
	DROP_HEARD,
};

static const struct dp_drop tunnel_input_drops[] = {
	[DROP_REMOTE] = {"remote",
		"a tunnel ends here, but none from that sender, or none with that key"},
	[DROP_TRUNCATED] = {"truncated", "ends within the tunnel's headers"},
	[DROP_FLAGS] = {"flags", "the tunnel header asks for what is not done here"},
	[DROP_PAYLOAD] = {"payload", "neither IPv4 nor IPv6 is inside"},
	[DROP_CHECKSUM] = {"checksum", "the tunnel header's checksum is wrong"},
	[DROP_ECN] = {"ecn",
		"congestion was met on the way, and the packet inside cannot say so (RFC 6040)"},
	[DROP_HEARD] = {"heard",
		"an ICMP error about the tunnel, noted; it holds too little to pass on"},
	{0},
};

static const char *const tunnel_input_next[] = {[NEXT_ERROR] = "icmp_error", NULL};
static const char *const tunnel_input_after[] = {"ip_local", NULL}; // which puts fragments together
static const char *const tunnel_input_before[] = {"icmp_local", NULL};

static int tunnel_input_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	return snprintf(buf, size, "vrf %u, %u bytes", ip_meta(m)->domain, m->pkt_len);
}

static struct dp_node tunnel_input = {
	.name = "tunnel_input",
	.help = "takes packets out of GRE and IP-in-IP tunnels",
	.arc = DP_ARC_LOCAL,
	.after = tunnel_input_after,
	.before = tunnel_input_before,
	.starts = {DP_ARC_L3_IN},
	.next = tunnel_input_next,
	.drops = tunnel_input_drops,
	.trace = tunnel_input_trace,
};

bool tunnel_outer_read(const struct rte_mbuf *m, struct tunnel_outer *o) {
	struct icmp6_upper upper;

	*o = (struct tunnel_outer){.v6 = ip_is_v6(m)};
	if (o->v6) {
		const struct rte_ipv6_hdr *ip = ip6_of(m);

		if (!icmp6_upper_find(m, &upper))
			return false;
		o->at = upper.offset;
		o->end = RTE_ETHER_HDR_LEN + sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
		o->proto = upper.proto;
		o->tos = (uint8_t)(rte_be_to_cpu_32(ip->vtc_flow) >> 20);
		memcpy(o->key.local, ip->dst_addr, 16);
		memcpy(o->key.remote, ip->src_addr, 16);
	} else {
		const struct rte_ipv4_hdr *ip = ip4_of(m);

		o->at = RTE_ETHER_HDR_LEN + m->l3_len;
		o->end = RTE_ETHER_HDR_LEN + rte_be_to_cpu_16(ip->total_length);
		o->proto = ip->next_proto_id;
		o->tos = ip->type_of_service;
		memcpy(o->key.local, &ip->dst_addr, 4);
		memcpy(o->key.remote, &ip->src_addr, 4);
	}
	o->end = RTE_MIN(o->end, m->pkt_len);
	o->key.vrf = (uint16_t)ip_meta(m)->domain;
	o->key.proto = o->proto;
	o->key.flags = o->v6 ? END_V6 : 0;
	return true;
}

static uint32_t left(const struct tunnel_outer *o, uint32_t at) {
	return at < o->end ? o->end - at : 0;
}

static rte_edge_t go_on(const struct rte_mbuf *m) {
	return dp_arc_next(&tunnel_input, DP_ARC_LOCAL, ip_meta(m)->iface);
}

// The kernel behind a twin may have tunnels of its own: only where one of ours ends are the others refused.
static rte_edge_t unknown_end(struct rte_mbuf *m, const struct tunnel_set *set,
	const struct tunnel_outer *o, unsigned why) {
	struct end_key key = o->key;

	memset(key.remote, 0, sizeof(key.remote));
	key.key = 0;
	key.flags = (key.flags & END_V6) | END_LOCAL;
	return ends_find(set->ends, &key) != ENDS_NONE ? dp_drop(&tunnel_input, m, why) : go_on(m);
}

static struct tunnel *tunnel_of(struct tunnel_set *set, const struct end_key *key) {
	uint32_t value = ends_find(set->ends, key);

	return value != ENDS_NONE ? &set->tunnels[value - 1] : NULL;
}

static rte_edge_t give_up(struct rte_mbuf *m, const struct tunnel *t, unsigned why) {
	tunnel_count(t)->rx_dropped++;
	return dp_drop(&tunnel_input, m, why);
}

bool tunnel_ecn_merge(struct rte_mbuf *m, bool v6, unsigned outer_tos) {
	struct rte_ipv4_hdr *ip = ip4_of(m);
	uint8_t tos =
		v6 ? (uint8_t)(rte_be_to_cpu_32(ip6_of(m)->vtc_flow) >> 20) : ip->type_of_service;
	int ecn = tunnel_ecn(tos, outer_tos);
	rte_be16_t was, now;

	if (ecn < 0)
		return false;
	if (likely((tos & 3) == ecn))
		return true;
	if (v6) {
		ip6_of(m)->vtc_flow ^= rte_cpu_to_be_32((uint32_t)((tos & 3) ^ ecn) << 20);
		return true;
	}
	memcpy(&was, ip, sizeof(was));
	ip->type_of_service = (uint8_t)((tos & 0xfc) | ecn);
	memcpy(&now, ip, sizeof(now));
	ip->hdr_checksum = csum_replace(ip->hdr_checksum, was, now);
	return true;
}

// The packet becomes what begins at `at`. False: that is not all in the first buffer.
static bool unwrap(struct rte_mbuf *m, uint32_t at, uint32_t end, bool v6) {
	uint32_t need = v6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
	struct rte_ether_hdr *eth;

	if (m->pkt_len > end && rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - end)) != 0)
		return false; // padding of the outer frame, beyond its last buffer
	if (m->data_len < at + need)
		return false;
	eth = (struct rte_ether_hdr *)rte_pktmbuf_adj(m, (uint16_t)(at - RTE_ETHER_HDR_LEN));
	eth->ether_type = v6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	dp_offload_inner(m);
	return true;
}

static rte_edge_t enter(struct rte_mbuf *m, const struct tunnel_outer *o, const struct tunnel *t,
	uint32_t at, bool v6) {
	const struct rtr_iface *iface = rtr_iface(t->iface);
	struct rte_ether_hdr *eth;

	if (iface == NULL)
		return dp_drop(&tunnel_input, m, DROP_REMOTE);
	if (!unwrap(m, at, o->end, v6))
		return give_up(m, t, DROP_TRUNCATED);
	if (!tunnel_ecn_merge(m, v6, o->tos))
		return give_up(m, t, DROP_ECN);
	eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	eth->dst_addr = eth->src_addr = iface->mac;
	dp_meta(m)->iface = t->iface;
	return dp_arc_next(&tunnel_input, DP_ARC_L3_IN, t->iface);
}

static rte_edge_t ip_in_ip(struct rte_mbuf *m, struct tunnel_set *set, struct tunnel_outer *o) {
	struct tunnel *t = tunnel_of(set, &o->key);

	if (t == NULL)
		return unknown_end(m, set, o, DROP_REMOTE);
	return enter(m, o, t, o->at, o->proto == IPPROTO_IPV6);
}

bool tunnel_sum_ok(const struct rte_mbuf *m, uint32_t at, uint32_t end, uint32_t pseudo) {
	uint16_t raw;

	if (end < at || offload_range(m, at, end - at, &raw) != 0)
		return false;
	pseudo += raw;
	pseudo = (pseudo & 0xffff) + (pseudo >> 16);
	return (uint16_t)(pseudo + (pseudo >> 16)) == 0xffff;
}

static rte_edge_t gre(struct rte_mbuf *m, struct tunnel_set *set, struct tunnel_outer *o) {
	static const uint8_t why[] = {[TUNNEL_TRUNCATED] = DROP_TRUNCATED,
		[TUNNEL_FLAGS] = DROP_FLAGS,
		[TUNNEL_PAYLOAD] = DROP_PAYLOAD};
	uint32_t len = left(o, o->at);
	uint8_t buf[16];
	const uint8_t *at = rte_pktmbuf_read(m, o->at, RTE_MIN(len, sizeof(buf)), buf);
	struct tunnel_gre header = {0};
	enum tunnel_verdict verdict =
		at ? tunnel_gre_decode(at, RTE_MIN(len, sizeof(buf)), &header) : TUNNEL_TRUNCATED;
	struct tunnel *t;

	if (verdict == TUNNEL_TRUNCATED || verdict == TUNNEL_FLAGS)
		return unknown_end(m, set, o, why[verdict]);
	o->key.key = header.key;
	o->key.flags |= header.has_key ? END_KEY : 0;
	t = tunnel_of(set, &o->key);
	if (t == NULL)
		return unknown_end(m, set, o, DROP_REMOTE);
	if (verdict != TUNNEL_OK)
		return give_up(m, t, why[verdict]);
	if (header.has_sum && !tunnel_sum_ok(m, o->at, o->end, 0))
		return give_up(m, t, DROP_CHECKSUM);
	return enter(m, o, t, o->at + header.header_len, header.v6);
}

// ---- ICMP errors about what we sent -------------------------------------------------------------------------

// The packet that an ICMP error quotes, when it is an outer one of ours.
struct quoted {
	struct tunnel *tunnel;
	uint32_t inner; // where the packet inside begins
	bool inner_v6;
};

static bool quoted_gre(const uint8_t *at, size_t len, struct end_key *key, struct quoted *q) {
	struct tunnel_gre header;
	enum tunnel_verdict verdict = tunnel_gre_decode(at, len, &header);

	if (verdict != TUNNEL_OK)
		return false;
	key->key = header.key;
	key->flags |= header.has_key ? END_KEY : 0;
	q->inner += header.header_len;
	q->inner_v6 = header.v6;
	return true;
}

static bool quoted_find(struct tunnel_set *set, const struct tunnel_outer *o,
	const struct rte_mbuf *m, struct quoted *q) {
	uint32_t at = o->at + 8, header = o->v6 ? 40 : 20;
	struct end_key key = o->key;
	uint8_t buf[40 + 8 + 16];
	uint32_t len = RTE_MIN(left(o, at), (uint32_t)sizeof(buf));
	const uint8_t *ip = len >= header + 8 ? rte_pktmbuf_read(m, at, len, buf) : NULL;

	if (ip == NULL || ip[0] >> 4 != (o->v6 ? 6 : 4))
		return false;
	if (!o->v6)
		header = (ip[0] & 0xfu) * 4;
	memcpy(key.local, ip + (o->v6 ? 8 : 12), o->v6 ? 16 : 4);
	memcpy(key.remote, ip + (o->v6 ? 24 : 16), o->v6 ? 16 : 4);
	key.proto = o->v6 ? ip[6] : ip[9];
	if (key.proto == IPPROTO_DSTOPTS) {
		key.proto = ip[header];
		header += 8;
	}
	if (len < header + 4)
		return false;
	*q = (struct quoted){.inner = at + header, .inner_v6 = key.proto == IPPROTO_IPV6};
	if (key.proto == IPPROTO_GRE && !quoted_gre(ip + header, len - header, &key, q))
		return false;
	q->tunnel = tunnel_of(set, &key);
	return q->tunnel != NULL;
}

// What to tell the sender of the packet inside, and what to remember; 0: nothing.
static uint32_t error_inside(const struct tunnel_outer *o, const struct quoted *q, unsigned type,
	unsigned code, uint32_t mtu) {
	struct tunnel_path *path = &q->tunnel->path;
	bool too_big =
		o->v6 ? type == ICMP6_TOO_BIG : type == ICMP4_UNREACH && code == ICMP4_FRAG_NEEDED;
	uint32_t least = o->v6 ? 1280 : 576; // less is more likely a lie than a link

	if (!too_big) {
		if (o->v6 ? type > ICMP6_TIME : type != ICMP4_UNREACH && type != ICMP4_TIME)
			return 0; // a parameter problem is between the ends
		return q->inner_v6 ? ip_error(ICMP6_UNREACH, ICMP6_ADDRESS, 0)
				   : ip_error(ICMP4_UNREACH, ICMP4_HOST, 0);
	}
	mtu = RTE_MAX(mtu, least);
	if (mtu < tunnel_path_mtu(path, dp_self->now_ns)) {
		__atomic_store_n(&path->heard_ns, dp_self->now_ns, __ATOMIC_RELAXED);
		__atomic_store_n(&path->mtu, mtu, __ATOMIC_RELAXED);
	}
	mtu -= q->tunnel->header_len;
	return q->inner_v6 ? ip_error(ICMP6_TOO_BIG, 0, RTE_MAX(mtu, 1280u))
			   : ip_error(ICMP4_UNREACH, ICMP4_FRAG_NEEDED, mtu);
}

// The quoted packet takes the place of the one that brought it, as if it had just been refused.
static rte_edge_t pass_on(
	struct rte_mbuf *m, const struct tunnel_outer *o, const struct quoted *q, uint32_t what) {
	const struct rtr_iface *iface = rtr_iface(q->tunnel->iface);
	bool v6 = q->inner_v6;

	if (what == 0 || iface == NULL || !unwrap(m, q->inner, o->end, v6) ||
		ip4_of(m)->version_ihl >> 4 != (v6 ? 6 : 4))
		return dp_drop(&tunnel_input, m, DROP_HEARD);
	m->l2_len = RTE_ETHER_HDR_LEN;
	m->l3_len = v6 ? sizeof(struct rte_ipv6_hdr) : (ip4_of(m)->version_ihl & 0xfu) * 4;
	m->packet_type = RTE_PTYPE_L2_ETHER | (v6 ? RTE_PTYPE_L3_IPV6 : RTE_PTYPE_L3_IPV4);
	if (m->data_len < RTE_ETHER_HDR_LEN + m->l3_len)
		return dp_drop(&tunnel_input, m, DROP_HEARD);
	dp_meta(m)->iface = iface->index;
	dp_meta(m)->domain = iface->vrf;
	dp_meta(m)->user = what;
	return NEXT_ERROR;
}

static rte_edge_t icmp(struct rte_mbuf *m, struct tunnel_set *set, const struct tunnel_outer *o) {
	struct quoted q;
	uint8_t buf[8];
	const uint8_t *head = rte_pktmbuf_read(m, o->at, sizeof(buf), buf);
	uint32_t pseudo = 0, mtu;
	unsigned type, code;

	if (head == NULL || (o->v6 ? head[0] >= 128 : icmp4_is_query(head[0])) ||
		!quoted_find(set, o, m, &q))
		return go_on(m);
	if (o->v6) {
		struct rte_ipv6_hdr ip = *ip6_of(m);

		ip.proto = IPPROTO_ICMPV6;
		ip.payload_len = rte_cpu_to_be_16((uint16_t)(o->end - o->at));
		pseudo = rte_ipv6_phdr_cksum(&ip, 0);
	}
	if (!tunnel_sum_ok(m, o->at, o->end, pseudo))
		return go_on(m); // icmp_local says that it is broken
	type = head[0];
	code = head[1];
	mtu = (uint32_t)head[6] << 8 | head[7];
	if (o->v6 && (head[4] || head[5]))
		mtu = UINT16_MAX;
	tunnel_count(q.tunnel)->errors++;
	return pass_on(m, o, &q, error_inside(o, &q, type, code, mtu));
}

// ---- the node -----------------------------------------------------------------------------------------------

static rte_edge_t one(struct rte_mbuf *m, struct tunnel_set *set) {
	struct tunnel_outer o;

	if (set == NULL || !tunnel_outer_read(m, &o))
		return go_on(m);
	switch (o.proto) {
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		return ip_in_ip(m, set, &o);
	case IPPROTO_GRE:
		return gre(m, set, &o);
	case IPPROTO_ICMP:
		return o.v6 ? go_on(m) : icmp(m, set, &o);
	case IPPROTO_ICMPV6:
		return o.v6 ? icmp(m, set, &o) : go_on(m);
	default:
		return go_on(m);
	}
}

static uint16_t tunnel_input_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	struct tunnel_set *set = tunnel_set_get();
	rte_edge_t next[DP_VECTOR];

	for (uint16_t start = 0; start < n;) {
		uint16_t count = RTE_MIN(n - start, DP_VECTOR);

		for (uint16_t i = 0; i < count; i++)
			next[i] = one(objs[start + i], set);
		dp_enqueue(graph, node, objs + start, next, count, count == n);
		start += count;
	}
	return n;
}

DP_NODE(tunnel_input)
