// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/merge.h"
#include "dataplane/dataplane.h"
#include "dataplane/offload.h"
#include <rte_ip.h>
#include <rte_tcp.h>
#include <string.h>

#define FLOWS     8     // frames that may still grow; a burst of more flows closes the oldest
#define LEN_MAX   65535 // of an IP packet
#define L4_AT     (RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr))
#define L4_AT_V6  (RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv6_hdr))
#define DONT_FRAG RTE_BE16(RTE_IPV4_HDR_DF_FLAG)

// A segment as it came.
struct segment {
	struct rte_mbuf *m;
	struct rte_tcp_hdr *tcp;
	unsigned l4, headers, payload; // offsets, bytes
	bool v6;
};

struct flow {
	struct segment first; // .payload: what the segments have, but the last
	struct rte_mbuf *last;
	unsigned segs, payload; // so far
	uint32_t seq;           // that comes next
	bool open;
};

static struct rte_ipv4_hdr *v4_of(const struct rte_mbuf *m) {
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, RTE_ETHER_HDR_LEN);
}

static struct rte_ipv6_hdr *v6_of(const struct rte_mbuf *m) {
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, RTE_ETHER_HDR_LEN);
}

static uint16_t pseudo(const struct segment *s) {
	return s->v6 ? rte_ipv6_phdr_cksum(v6_of(s->m), 0) : rte_ipv4_phdr_cksum(v4_of(s->m), 0);
}

// ---- what may be merged ------------------------------------------------------------------------------------------

static bool parse_v4(struct segment *s, unsigned *end) {
	const struct rte_ipv4_hdr *ip = v4_of(s->m);

	s->v6 = false;
	s->l4 = L4_AT;
	*end = RTE_ETHER_HDR_LEN + rte_be_to_cpu_16(ip->total_length);
	return ip->version_ihl == RTE_IPV4_VHL_DEF && ip->next_proto_id == IPPROTO_TCP &&
		!(ip->fragment_offset & ~DONT_FRAG) && rte_raw_cksum(ip, sizeof(*ip)) == 0xffff;
}

static bool parse_v6(struct segment *s, unsigned *end) {
	const struct rte_ipv6_hdr *ip = v6_of(s->m);

	if (s->m->data_len < L4_AT_V6 + sizeof(struct rte_tcp_hdr))
		return false;
	s->v6 = true;
	s->l4 = L4_AT_V6;
	*end = s->l4 + rte_be_to_cpu_16(ip->payload_len);
	return ip->proto == IPPROTO_TCP &&
		(ip->vtc_flow & RTE_BE32(0xf0000000)) == RTE_BE32(0x60000000);
}

// A TCP segment at all, whose flow can be told? Padding is cut off.
static bool parse(struct rte_mbuf *m, struct segment *s) {
	unsigned end;

	*s = (struct segment){.m = m};
	if (m->nb_segs != 1 || m->data_len < L4_AT + sizeof(struct rte_tcp_hdr))
		return false;
	switch (rte_pktmbuf_mtod(m, const struct rte_ether_hdr *)->ether_type) {
	case RTE_BE16(RTE_ETHER_TYPE_IPV4):
		if (!parse_v4(s, &end))
			return false;
		break;
	case RTE_BE16(RTE_ETHER_TYPE_IPV6):
		if (!parse_v6(s, &end))
			return false;
		break;
	default:
		return false;
	}
	s->tcp = rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *, s->l4);
	s->headers = s->l4 + (s->tcp->data_off >> 4) * 4u;
	if (end > m->data_len || s->headers < s->l4 + sizeof(*s->tcp) || s->headers > end)
		return false;
	s->payload = end - s->headers;
	return true;
}

static bool sum_right(const struct segment *s) {
	uint16_t sum;

	if (s->m->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM)
		return true; // left to a device; there was no wire that could damage it
	if (offload_range(s->m, s->l4, s->headers - s->l4 + s->payload, &sum) < 0)
		return false;
	return __rte_raw_cksum_reduce((uint32_t)sum + pseudo(s)) == 0xffff;
}

static bool may_merge(const struct segment *s) {
	const struct rte_mbuf *m = s->m;

	return s->payload > 0 && (s->tcp->tcp_flags & ~RTE_TCP_PSH_FLAG) == RTE_TCP_ACK_FLAG &&
		!(s->tcp->data_off & 0xf) && RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1 &&
		!(m->ol_flags &
			(RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_IP_CKSUM)) &&
		sum_right(s);
}

// ---- which frame it belongs to -----------------------------------------------------------------------------------

static bool same_flow(const struct segment *a, const struct segment *b) {
	if (a->v6 != b->v6 || memcmp(a->tcp, b->tcp, 4) != 0) // the ports
		return false;
	if (a->v6)
		return memcmp(v6_of(a->m)->src_addr, v6_of(b->m)->src_addr, 32) == 0;
	return memcmp(&v4_of(a->m)->src_addr, &v4_of(b->m)->src_addr, 8) == 0;
}

// Everything in the headers but lengths, sequence numbers, checksums and PSH; an id that cutting makes again, or that means nothing.
static bool same_headers(const struct flow *flow, const struct segment *b) {
	const struct segment *a = &flow->first;
	const uint8_t *one = rte_pktmbuf_mtod(a->m, const uint8_t *),
		      *two = rte_pktmbuf_mtod(b->m, const uint8_t *);

	if (a->headers != b->headers || memcmp(one, two, RTE_ETHER_HDR_LEN) != 0)
		return false;
	if (a->v6) {
		if (v6_of(a->m)->vtc_flow != v6_of(b->m)->vtc_flow ||
			v6_of(a->m)->hop_limits != v6_of(b->m)->hop_limits)
			return false;
	} else {
		const struct rte_ipv4_hdr *ip = v4_of(a->m), *ip2 = v4_of(b->m);
		uint16_t ids = rte_be_to_cpu_16(ip2->packet_id) - rte_be_to_cpu_16(ip->packet_id);
		if (ip->type_of_service != ip2->type_of_service ||
			ip->time_to_live != ip2->time_to_live ||
			ip->fragment_offset != ip2->fragment_offset ||
			(!(ip->fragment_offset & DONT_FRAG) && ids != flow->segs))
			return false;
	}
	return a->tcp->recv_ack == b->tcp->recv_ack && a->tcp->rx_win == b->tcp->rx_win &&
		a->tcp->tcp_urp == b->tcp->tcp_urp &&
		memcmp(one + a->l4 + sizeof(*a->tcp), two + a->l4 + sizeof(*a->tcp),
			a->headers - a->l4 - sizeof(*a->tcp)) == 0;
}

static bool fits(const struct flow *flow, const struct segment *s) {
	return flow->open && rte_be_to_cpu_32(s->tcp->sent_seq) == flow->seq &&
		s->payload <= flow->first.payload && flow->segs < MERGE_SEGS &&
		flow->first.headers + flow->payload + s->payload <= LEN_MAX &&
		same_headers(flow, s);
}

// ---- merging ---------------------------------------------------------------------------------------------------

static void flow_start(struct flow *flow, const struct segment *s) {
	*flow = (struct flow){.first = *s,
		.last = s->m,
		.segs = 1,
		.payload = s->payload,
		.seq = rte_be_to_cpu_32(s->tcp->sent_seq) + s->payload,
		.open = !(s->tcp->tcp_flags & RTE_TCP_PSH_FLAG)};
}

static void append(struct flow *flow, const struct segment *s) {
	struct rte_mbuf *head = flow->first.m;

	if (flow->segs == 1) // its padding, if there is any, is at its end only now
		head->pkt_len = head->data_len = flow->first.headers + flow->first.payload;
	flow->open = s->payload == flow->first.payload && !(s->tcp->tcp_flags & RTE_TCP_PSH_FLAG);
	flow->first.tcp->tcp_flags |= s->tcp->tcp_flags;
	flow->seq += s->payload;
	flow->payload += s->payload;
	flow->segs++;
	s->m->data_off += s->headers;
	s->m->data_len = s->payload;
	flow->last->next = s->m;
	flow->last = s->m;
	head->nb_segs++;
	head->pkt_len += s->payload;
}

// The frame as one whose cutting was left to a device: lengths, and the sum of the pseudo header where the checksum belongs.
static void flow_finish(struct flow *flow) {
	struct segment *s = &flow->first;
	struct rte_mbuf *m = s->m;

	if (flow->segs < 2)
		return;
	m->l2_len = RTE_ETHER_HDR_LEN;
	m->l3_len = s->l4 - RTE_ETHER_HDR_LEN;
	m->l4_len = s->headers - s->l4;
	m->tso_segsz = s->payload;
	m->ol_flags &= ~(RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_L4_MASK);
	m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG;
	m->ol_flags |= s->v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
	if (s->v6) {
		v6_of(m)->payload_len = rte_cpu_to_be_16(m->pkt_len - s->l4);
	} else {
		struct rte_ipv4_hdr *ip = v4_of(m);
		ip->total_length = rte_cpu_to_be_16(m->pkt_len - RTE_ETHER_HDR_LEN);
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
	s->tcp->cksum = pseudo(s);
}

static struct flow *flow_find(struct flow *flows, unsigned n, const struct segment *s) {
	for (unsigned i = 0; i < n; i++)
		if (same_flow(&flows[i].first, s))
			return &flows[i];
	return NULL;
}

// It grows no more; a later segment of the flow begins another frame.
static void flow_close(struct flow *flow) {
	flow_finish(flow);
	flow->segs = 0;
	flow->open = false;
}

struct burst {
	struct flow flows[FLOWS];
	unsigned used, oldest;
};

static struct flow *flow_new(struct burst *burst) {
	struct flow *flow = &burst->flows[burst->oldest % FLOWS];

	if (burst->used < FLOWS)
		return &burst->flows[burst->used++];
	burst->oldest++;
	flow_finish(flow);
	return flow;
}

// Whether the segment has become part of a frame before it.
static bool merge_one(struct burst *burst, struct rte_mbuf *m) {
	struct segment s;

	if (!parse(m, &s))
		return false;
	struct flow *flow = flow_find(burst->flows, burst->used, &s);
	bool mergeable = may_merge(&s);
	if (flow && mergeable && fits(flow, &s)) {
		append(flow, &s);
		return true;
	}
	if (!flow && mergeable)
		flow = flow_new(burst);
	else if (flow)
		flow_close(flow);
	if (mergeable)
		flow_start(flow, &s);
	return false;
}

uint16_t dp_merge(struct rte_mbuf **pkts, uint16_t n) {
	struct burst burst;
	uint16_t out = 0;

	if (n < 2)
		return n;
	burst.used = burst.oldest = 0;
	for (uint16_t i = 0; i < n; i++)
		if (!merge_one(&burst, pkts[i]))
			pkts[out++] = pkts[i];
	for (unsigned i = 0; i < burst.used; i++)
		flow_finish(&burst.flows[i]);
	return out;
}
