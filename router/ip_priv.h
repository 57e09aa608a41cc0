// SPDX-License-Identifier: BSD-3-Clause
// What the nodes of the IP path share: where things lie in a packet between ip_input and ip_rewrite, and what one
// node tells the next in dp_meta.user.
#pragma once

#include "dataplane/dataplane.h"
#include "router/fib/nexthop.h"
#include "router/iface.h"
#include "router/ip4.h"
#include "router/ip6.h"

// For those who only look: traces, tables.
static inline const struct dp_meta *ip_meta(const struct rte_mbuf *m) {
	return RTE_MBUF_DYNFIELD(m, dp_meta_offset, const struct dp_meta *);
}

static inline bool ip_is_v6(const struct rte_mbuf *m) {
	return (m->packet_type & RTE_PTYPE_L3_MASK) == RTE_PTYPE_L3_IPV6;
}

static inline struct rte_ipv4_hdr *ip4_of(const struct rte_mbuf *m) {
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, RTE_ETHER_HDR_LEN);
}

static inline struct rte_ipv6_hdr *ip6_of(const struct rte_mbuf *m) {
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, RTE_ETHER_HDR_LEN);
}

// To icmp_error, in dp_meta.user: ICMP type and code as of IPv4 or IPv6, and the MTU for "too big".
static inline uint32_t ip_error(unsigned type, unsigned code, unsigned mtu) {
	return type << 24 | code << 16 | mtu;
}

enum { // the types and codes that a router sends: RFC 792, 1812 section 4.3, 4443
	ICMP4_UNREACH = 3,
	ICMP4_NET = 0,
	ICMP4_HOST = 1,
	ICMP4_PROTOCOL = 2,
	ICMP4_PORT = 3,
	ICMP4_FRAG_NEEDED = 4,
	ICMP4_ADMIN = 13,
	ICMP4_TIME = 11,
	ICMP4_PARAMETER = 12,
	ICMP6_UNREACH = 1,
	ICMP6_NO_ROUTE = 0,
	ICMP6_ADMIN = 1,
	ICMP6_SCOPE = 2,
	ICMP6_ADDRESS = 3,
	ICMP6_PORT = 4,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME = 3,
	ICMP6_PARAMETER = 4,
	ICMP_HOPS = 0,       // code of TIME
	ICMP_REASSEMBLY = 1, // code of TIME
};

// A packet that this box made (Ethernet header's room, then IP) is ready for ip_lookup.
static inline void ip_own(struct rte_mbuf *m, unsigned vrf, bool v6) {
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

	eth->ether_type = v6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	m->port = UINT16_MAX; // it came in by none
	m->l2_len = RTE_ETHER_HDR_LEN;
	m->l3_len = v6 ? sizeof(struct rte_ipv6_hdr) : rte_ipv4_hdr_len(ip4_of(m));
	m->packet_type = RTE_PTYPE_L2_ETHER | (v6 ? RTE_PTYPE_L3_IPV6 : RTE_PTYPE_L3_IPV4);
	dp_meta(m)->iface = DP_NONE;
	dp_meta(m)->domain = vrf;
}

// A flow always gets the same number: addresses, protocol, and ports where every packet of the flow has them (no fragments).
uint32_t ip_flow_hash(const struct rte_mbuf *m);

// Does the reverse path filter of `iface`, which has one, let the packet's source pass?
bool ip_reverse_path(const struct rte_mbuf *m, const struct rtr_iface *iface);
