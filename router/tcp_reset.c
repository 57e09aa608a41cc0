// SPDX-License-Identifier: BSD-3-Clause
#include "router/tcp_reset.h"
#include "router/icmp.h"
#include "router/ip_priv.h"
#include <rte_ip.h>
#include <rte_tcp.h>

// Bytes of sequence space that a segment takes.
static uint32_t seq_len(const struct rte_mbuf *m, const struct rte_tcp_hdr *tcp, bool v6) {
	uint32_t end = v6
		? m->l2_len + sizeof(struct rte_ipv6_hdr) + rte_be_to_cpu_16(ip6_of(m)->payload_len)
		: m->l2_len + rte_be_to_cpu_16(ip4_of(m)->total_length);
	uint32_t head = m->l2_len + m->l3_len + (tcp->data_off >> 4) * 4u;

	return (end > head ? end - head : 0) + !!(tcp->tcp_flags & RTE_TCP_SYN_FLAG) +
		!!(tcp->tcp_flags & RTE_TCP_FIN_FLAG);
}

static void reset_fill(struct rte_tcp_hdr *tcp, uint32_t len) {
	struct rte_tcp_hdr was = *tcp;
	bool acked = was.tcp_flags & RTE_TCP_ACK_FLAG;

	*tcp = (struct rte_tcp_hdr){.src_port = was.dst_port,
		.dst_port = was.src_port,
		.sent_seq = acked ? was.recv_ack : 0,
		.recv_ack = acked ? 0 : rte_cpu_to_be_32(rte_be_to_cpu_32(was.sent_seq) + len),
		.data_off = sizeof(*tcp) / 4 << 4,
		.tcp_flags = acked ? RTE_TCP_RST_FLAG : RTE_TCP_RST_FLAG | RTE_TCP_ACK_FLAG};
}

static void ip4_turn(struct rte_mbuf *m, struct rte_tcp_hdr *tcp) {
	struct rte_ipv4_hdr *ip = ip4_of(m);
	rte_be32_t src = ip->dst_addr;

	*ip = (struct rte_ipv4_hdr){.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(sizeof(*ip) + sizeof(*tcp)),
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = ICMP_TTL,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = src,
		.dst_addr = ip->src_addr};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
}

static void ip6_turn(struct rte_mbuf *m, struct rte_tcp_hdr *tcp) {
	struct rte_ipv6_hdr *ip = ip6_of(m);
	uint8_t src[16];

	memcpy(src, ip->dst_addr, sizeof(src));
	memcpy(ip->dst_addr, ip->src_addr, sizeof(src));
	memcpy(ip->src_addr, src, sizeof(src));
	ip->vtc_flow = RTE_BE32(6u << 28);
	ip->payload_len = rte_cpu_to_be_16(sizeof(*tcp));
	ip->proto = IPPROTO_TCP;
	ip->hop_limits = ICMP_TTL;
	tcp->cksum = rte_ipv6_udptcp_cksum(ip, tcp);
}

// The packet itself becomes the reset: everything behind its first TCP header goes, options of IP, too.
bool tcp_reset_make(struct rte_mbuf *m) {
	bool v6 = ip_is_v6(m);
	uint32_t ip_len = v6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
	uint32_t keep = RTE_ETHER_HDR_LEN + ip_len + sizeof(struct rte_tcp_hdr);
	struct rte_tcp_hdr buf;
	const struct rte_tcp_hdr *tcp =
		rte_pktmbuf_read(m, m->l2_len + m->l3_len, sizeof(buf), &buf);

	if (tcp == NULL || (tcp->tcp_flags & RTE_TCP_RST_FLAG) || m->data_len < keep)
		return false;
	buf = *tcp;
	reset_fill(&buf, seq_len(m, tcp, v6));
	while (m->next) { // what is behind the first buffer
		struct rte_mbuf *rest = m->next;

		m->next = NULL;
		m->nb_segs = 1;
		rte_pktmbuf_free(rest);
	}
	m->data_len = (uint16_t)keep;
	m->pkt_len = keep;
	m->ol_flags &= dp_trace_flag; // nothing of it is left to others to complete
	struct rte_tcp_hdr *to =
		rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *, RTE_ETHER_HDR_LEN + ip_len);
	*to = buf;
	if (v6)
		ip6_turn(m, to);
	else
		ip4_turn(m, to);
	return true;
}
