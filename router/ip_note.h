// SPDX-License-Identifier: BSD-3-Clause
// What the first node that reads a packet notes of its headers for those behind it: lengths and types.
#pragma once

#include "router/ip_priv.h"

static const uint32_t ip_l4_types[256] = {
	[IPPROTO_ICMP] = RTE_PTYPE_L4_ICMP,
	[IPPROTO_TCP] = RTE_PTYPE_L4_TCP,
	[IPPROTO_UDP] = RTE_PTYPE_L4_UDP,
	[IPPROTO_ICMPV6] = RTE_PTYPE_L4_ICMP,
};

static inline bool ip_note_summed(const struct rte_mbuf *m) {
	return (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
}

// Surely no fragment: of others what is behind extension headers may tell.
static inline bool ip_note_whole(const struct rte_mbuf *m) {
	uint32_t l4 = m->packet_type & RTE_PTYPE_L4_MASK;

	return l4 != 0 && l4 != RTE_PTYPE_L4_FRAG;
}

// What later nodes want to know: lengths of headers, types.
static inline void ip4_note(struct rte_mbuf *m, const struct rte_ipv4_hdr *ip, unsigned l3_len) {
	m->l2_len = RTE_ETHER_HDR_LEN;
	m->l3_len = l3_len;
	m->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 |
		(unlikely(ip4_is_fragment(ip)) ? RTE_PTYPE_L4_FRAG
					       : ip_l4_types[ip->next_proto_id]);
}

static inline void ip6_note(struct rte_mbuf *m, const struct rte_ipv6_hdr *ip) {
	m->l2_len = RTE_ETHER_HDR_LEN;
	if (!(m->ol_flags & RTE_MBUF_F_TX_L4_MASK)) // else it holds the extension headers, too
		m->l3_len = sizeof(*ip);
	m->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV6 |
		(unlikely(ip->proto == IPPROTO_FRAGMENT) ? RTE_PTYPE_L4_FRAG
							 : ip_l4_types[ip->proto]);
}
