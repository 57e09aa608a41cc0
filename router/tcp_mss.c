// SPDX-License-Identifier: BSD-3-Clause
#include "router/tcp_mss.h"
#include "dataplane/session/conn_tcp.h"
#include "lib/wire.h"
#include "router/icmp.h"
#include <netinet/in.h>
#include <rte_tcp.h>

void ip_dscp_set(struct rte_mbuf *m, unsigned dscp) {
	if (ip_is_v6(m)) {
		struct rte_ipv6_hdr *ip = ip6_of(m);
		uint32_t flow = rte_be_to_cpu_32(ip->vtc_flow);

		ip->vtc_flow = rte_cpu_to_be_32((flow & ~0x0fc00000u) | dscp << 22);
		return;
	}
	struct rte_ipv4_hdr *ip = ip4_of(m);
	rte_be16_t was, now;

	memcpy(&was, ip, sizeof(was));
	ip->type_of_service = (uint8_t)(dscp << 2 | (ip->type_of_service & 3));
	memcpy(&now, ip, sizeof(now));
	ip->hdr_checksum = csum_replace(ip->hdr_checksum, was, now);
}

static struct rte_tcp_hdr *syn_of(struct rte_mbuf *m) {
	uint32_t at = m->l2_len + m->l3_len;
	struct icmp6_upper upper;

	if (ip_is_v6(m)) {
		if (!icmp6_upper_find(m, &upper) || upper.proto != IPPROTO_TCP ||
			upper.later_fragment)
			return NULL;
		at = upper.offset;
	}
	if (m->data_len < at + sizeof(struct rte_tcp_hdr))
		return NULL;
	struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *, at);
	uint32_t len = (tcp->data_off >> 4) * 4u;
	if (!(tcp->tcp_flags & RTE_TCP_SYN_FLAG) || len < sizeof(*tcp) || m->data_len < at + len)
		return NULL;
	return tcp;
}

// The value at an odd offset counts with its bytes exchanged (RFC 1071).
static void mss_write(struct rte_tcp_hdr *tcp, uint8_t *value, unsigned mss, bool partial) {
	bool odd = (value - (uint8_t *)tcp) & 1;
	rte_be16_t was, now = rte_cpu_to_be_16((uint16_t)mss);

	memcpy(&was, value, sizeof(was));
	memcpy(value, &now, sizeof(now));
	if (partial)
		return; // the sum is filled in at egress
	if (odd) {
		was = rte_bswap16(was);
		now = rte_bswap16(now);
	}
	tcp->cksum = csum_replace(tcp->cksum, was, now);
}

void tcp_mss_clamp(struct rte_mbuf *m, unsigned mss) {
	struct rte_tcp_hdr *tcp = syn_of(m);

	if (tcp == NULL)
		return;
	uint8_t *header = (uint8_t *)tcp;
	const uint8_t *at = header + TCP_HEADER, *end = header + (tcp->data_off >> 4) * 4u;
	for (const uint8_t *o; (o = tcp_option_next(&at, end));) {
		if (o[0] != TCP_OPTION_MSS || o[1] != 4)
			continue;
		if (get16(o + 2) > mss)
			mss_write(tcp, header + (o - header) + 2, mss,
				m->ol_flags & RTE_MBUF_F_TX_L4_MASK);
		return;
	}
}
