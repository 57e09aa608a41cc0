// SPDX-License-Identifier: BSD-3-Clause
// Offload state on the packet, and its completion in software where the port that a packet leaves by cannot do it.
//
// A packet carries requests (RTE_MBUF_F_TX_*), never results: a frame of a guest that left its checksum to the
// device, or wants to be cut into segments, keeps that request on its way through the nodes. A request is bound by
// what the frame itself holds: lengths are read from the headers again here, so that a guest's lie about them can
// do no more than have its own frame dropped.
#include "dataplane/offload.h"
#include "dataplane/dataplane_priv.h"
#include <errno.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <string.h>

#define GSO_FLAGS   (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)
#define REQUESTS    (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_IP_CKSUM | GSO_FLAGS)
#define HEADERS_MAX 512 // all headers of a frame that is cut
#define TCP_CSUM_AT 16
#define UDP_CSUM_AT 6

// ---- headers --------------------------------------------------------------------------------------------

// Anywhere in a frame: nothing says that a header begins at an even address.
struct be16 {
	rte_be16_t value;
} __rte_packed;

static inline const void *peek(const struct rte_mbuf *m, uint32_t at, uint32_t len, void *buf) {
	return rte_pktmbuf_read(m, at, len, buf);
}

static int l3_v4(const struct rte_mbuf *m, struct offload_headers *h) {
	struct rte_ipv4_hdr buf;
	const struct rte_ipv4_hdr *ip = peek(m, h->l3, sizeof(buf), &buf);

	if (!ip || ip->version != 4 || rte_ipv4_hdr_len(ip) < sizeof(*ip))
		return -EINVAL;
	uint32_t total = rte_be_to_cpu_16(ip->total_length);
	h->v6 = false;
	h->l4 = h->l3 + rte_ipv4_hdr_len(ip);
	h->proto = ip->next_proto_id;
	h->fragment = ip->fragment_offset & rte_cpu_to_be_16(0x3fff);
	h->end = h->l3 + total;
	return total < rte_ipv4_hdr_len(ip) ? -EINVAL : 0;
}

// Extension headers that may stand before the transport header (RFC 8200 section 4). At most eight.
static int l3_v6(const struct rte_mbuf *m, struct offload_headers *h) {
	struct rte_ipv6_hdr buf;
	uint8_t ext_buf[8];
	const struct rte_ipv6_hdr *ip = peek(m, h->l3, sizeof(buf), &buf);

	if (!ip || (rte_be_to_cpu_32(ip->vtc_flow) >> 28) != 6)
		return -EINVAL;
	h->v6 = true;
	h->fragment = false;
	h->proto = ip->proto;
	h->l4 = h->l3 + sizeof(*ip);
	h->end = h->l4 + rte_be_to_cpu_16(ip->payload_len);
	for (unsigned i = 0; i < 8; i++) {
		if (h->proto != IPPROTO_HOPOPTS && h->proto != IPPROTO_ROUTING &&
			h->proto != IPPROTO_DSTOPTS && h->proto != IPPROTO_FRAGMENT)
			return 0;
		const uint8_t *ext = peek(m, h->l4, sizeof(ext_buf), ext_buf);
		if (!ext)
			return -EINVAL;
		if (h->proto == IPPROTO_FRAGMENT)
			h->fragment = true;
		h->l4 += h->proto == IPPROTO_FRAGMENT ? 8 : (ext[1] + 1u) * 8;
		h->proto = ext[0];
	}
	return -EINVAL;
}

int offload_parse(const struct rte_mbuf *m, struct offload_headers *h) {
	uint32_t at = offsetof(struct rte_ether_hdr, ether_type);
	struct be16 buf;
	const struct be16 *type = peek(m, at, sizeof(buf), &buf);

	for (unsigned tags = 0; type && tags < 3; tags++) {
		if (type->value == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
			h->l3 = at + sizeof(*type);
			return l3_v4(m, h);
		}
		if (type->value == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
			h->l3 = at + sizeof(*type);
			return l3_v6(m, h);
		}
		if (type->value != RTE_BE16(RTE_ETHER_TYPE_VLAN) &&
			type->value != RTE_BE16(RTE_ETHER_TYPE_QINQ))
			return -EINVAL;
		at += RTE_VLAN_HLEN;
		type = peek(m, at, sizeof(buf), &buf);
	}
	return -EINVAL;
}

// ---- checksums ------------------------------------------------------------------------------------------

static uint32_t sum_fold(uint32_t sum) {
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

// Sum of the pseudo header (RFC 793, RFC 8200 section 8.1), not inverted.
static int sum_pseudo(const struct rte_mbuf *m, const struct offload_headers *h, uint32_t *sum) {
	uint8_t buf[32];
	unsigned len = h->v6 ? 32 : 8;
	const void *addresses = peek(m,
		h->l3 +
			(h->v6 ? offsetof(struct rte_ipv6_hdr, src_addr)
			       : offsetof(struct rte_ipv4_hdr, src_addr)),
		len, buf);

	if (!addresses)
		return -EINVAL;
	*sum = sum_fold(rte_raw_cksum(addresses, len) + rte_cpu_to_be_16(h->proto) +
		rte_cpu_to_be_16((uint16_t)(h->end - h->l4)));
	return 0;
}

// Sum of `len` bytes from `at`. Not by rte_raw_cksum_mbuf() of DPDK 22.11, which is wrong when a buffer of odd length
// comes before another: it swaps the bytes of a sum that it has not folded, and loses what is above them.
int offload_range(const struct rte_mbuf *m, uint32_t at, uint32_t len, uint16_t *sum) {
	uint32_t total = 0, done = 0;

	if (at > m->pkt_len || len > m->pkt_len - at)
		return -EINVAL;
	for (; done < len; m = m->next) {
		if (at >= m->data_len) {
			at -= m->data_len;
			continue;
		}
		uint32_t part = RTE_MIN(len - done, m->data_len - at);
		uint16_t piece = rte_raw_cksum(rte_pktmbuf_mtod_offset(m, const void *, at), part);
		total += done & 1 ? rte_bswap16(piece) : piece;
		done += part;
		at = 0;
	}
	*sum = sum_fold(total);
	return 0;
}

static uint16_t csum_at(const struct offload_headers *h) {
	return h->proto == IPPROTO_TCP ? TCP_CSUM_AT : UDP_CSUM_AT;
}

// The checksum field may lie across two buffers.
static int csum_write(struct rte_mbuf *m, uint32_t at, uint16_t value) {
	const uint8_t *bytes = (const uint8_t *)&value;

	for (unsigned i = 0; i < 2; i++) {
		struct rte_mbuf *seg = m;
		uint32_t in = at + i;
		while (seg && in >= seg->data_len) {
			in -= seg->data_len;
			seg = seg->next;
		}
		if (!seg)
			return -EINVAL;
		*rte_pktmbuf_mtod_offset(seg, uint8_t *, in) = bytes[i];
	}
	return 0;
}

static int csum_l4(struct rte_mbuf *m, const struct offload_headers *h) {
	uint32_t pseudo;
	uint16_t raw;

	if ((h->proto != IPPROTO_TCP && h->proto != IPPROTO_UDP) || h->fragment)
		return -EINVAL;
	if (h->end > m->pkt_len || h->l4 + csum_at(h) + 2 > h->end)
		return -EINVAL;
	if (csum_write(m, h->l4 + csum_at(h), 0) < 0 || sum_pseudo(m, h, &pseudo) < 0 ||
		offload_range(m, h->l4, h->end - h->l4, &raw) < 0)
		return -EINVAL;
	uint16_t csum = ~sum_fold(raw + pseudo);
	if (csum == 0)
		csum = 0xffff; // 0 means none in UDP (RFC 768); in TCP both are the same number
	return csum_write(m, h->l4 + csum_at(h), csum);
}

static int csum_v4(struct rte_mbuf *m, const struct offload_headers *h) {
	uint16_t raw, at = h->l3 + offsetof(struct rte_ipv4_hdr, hdr_checksum);

	if (h->v6)
		return 0;
	if (csum_write(m, at, 0) < 0 || offload_range(m, h->l3, h->l4 - h->l3, &raw) < 0)
		return -EINVAL;
	return csum_write(m, at, (uint16_t)~raw);
}

// ---- copies ---------------------------------------------------------------------------------------------

struct rte_mempool *offload_pool_large;

static bool chains(const struct dp_port *port) {
	return port->tx_offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
}

// Adds `len` bytes from `at` of `from` behind those of `m`, in further buffers when one is full.
static int append_range(
	struct rte_mbuf *m, const struct rte_mbuf *from, uint32_t at, uint32_t len, bool chain) {
	struct rte_mbuf *last = rte_pktmbuf_lastseg(m);

	while (len > 0) {
		uint32_t part = RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(last));
		if (part == 0) {
			struct rte_mbuf *more = chain ? rte_pktmbuf_alloc(m->pool) : NULL;
			if (!more)
				return -ENOMEM;
			rte_pktmbuf_reset_headroom(more);
			last->next = more;
			m->nb_segs++;
			last = more;
			continue;
		}
		uint8_t *to = rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len);
		const void *bytes = rte_pktmbuf_read(from, at, part, to);
		if (!bytes)
			return -EINVAL;
		if (bytes != to)
			memcpy(to, bytes, part);
		last->data_len += part;
		m->pkt_len += part;
		at += part;
		len -= part;
	}
	return 0;
}

// A buffer for a copy of `from` of `len` bytes, with what travels with a packet beside its bytes.
static struct rte_mbuf *copy_new(const struct rte_mbuf *from, uint32_t len, bool chain) {
	struct rte_mempool *pool = dp_pool();

	if (!chain && len + RTE_PKTMBUF_HEADROOM > rte_pktmbuf_data_room_size(pool))
		pool = offload_pool_large;
	struct rte_mbuf *copy = pool ? rte_pktmbuf_alloc(pool) : NULL;
	if (!copy)
		return NULL;
	copy->port = from->port;
	copy->ol_flags = from->ol_flags & dp_trace_flag;
	rte_mbuf_dynfield_copy(copy, from);
	return copy;
}

// Bytes that others may hold too must not be written to.
static bool is_shared(const struct rte_mbuf *m) {
	for (; m; m = m->next) {
		if (!RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) > 1)
			return true;
	}
	return false;
}

// The packet as bytes of its own, in one buffer when the port wants that. Frees m when it returns another, or NULL.
static struct rte_mbuf *own(struct rte_mbuf *m, bool chain) {
	if (!is_shared(m) && (m->nb_segs == 1 || chain))
		return m;
	struct rte_mbuf *copy = copy_new(m, m->pkt_len, chain);
	if (copy && append_range(copy, m, 0, m->pkt_len, chain) < 0) {
		rte_pktmbuf_free(copy);
		copy = NULL;
	}
	if (copy) {
		copy->ol_flags |= m->ol_flags & REQUESTS;
		copy->tx_offload = m->tx_offload;
		rte_pktmbuf_free(m);
	} else {
		dp_offload_drop(m);
	}
	return copy;
}

// ---- segmentation ----------------------------------------------------------------------------------------

struct cut {
	struct offload_headers h;
	uint32_t headers; // bytes of all of them
	uint32_t payload, size;
	bool tcp;
};

static int cut_plan(const struct rte_mbuf *m, const struct offload_headers *h, struct cut *cut) {
	struct rte_tcp_hdr buf;

	*cut = (struct cut){.h = *h, .size = m->tso_segsz, .tcp = h->proto == IPPROTO_TCP};
	if (h->fragment || (!cut->tcp && h->proto != IPPROTO_UDP))
		return -EINVAL;
	if (cut->tcp) {
		const struct rte_tcp_hdr *tcp = peek(m, h->l4, sizeof(buf), &buf);
		if (!tcp || (tcp->data_off >> 4) < 5)
			return -EINVAL;
		cut->headers = h->l4 + (tcp->data_off >> 4) * 4u;
	} else {
		cut->headers = h->l4 + sizeof(struct rte_udp_hdr);
	}
	if (h->end > m->pkt_len || cut->headers > h->end || cut->headers > HEADERS_MAX)
		return -EINVAL;
	cut->payload = h->end - cut->headers;
	return 0;
}

// A segment longer than the port's MTU helps nobody.
static bool cut_fits(const struct dp_port *port, const struct cut *cut) {
	return cut->size > 0 &&
		cut->headers - cut->h.l3 + RTE_MIN(cut->size, cut->payload) <= port->mtu;
}

static void ip_fix(struct rte_mbuf *seg, const struct cut *cut, unsigned nr) {
	if (cut->h.v6) {
		struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(seg, void *, cut->h.l3);
		ip->payload_len = rte_cpu_to_be_16(seg->pkt_len - cut->h.l3 - sizeof(*ip));
	} else {
		struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(seg, void *, cut->h.l3);
		ip->total_length = rte_cpu_to_be_16(seg->pkt_len - cut->h.l3);
		ip->packet_id = rte_cpu_to_be_16(rte_be_to_cpu_16(ip->packet_id) + nr);
	}
}

// FIN and PSH belong to the last byte, CWR to the first segment (RFC 3168).
static void l4_fix(struct rte_mbuf *seg, const struct cut *cut, unsigned nr, bool last) {
	if (!cut->tcp) {
		struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(seg, void *, cut->h.l4);
		udp->dgram_len = rte_cpu_to_be_16(seg->pkt_len - cut->h.l4);
		return;
	}
	struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(seg, void *, cut->h.l4);
	tcp->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(tcp->sent_seq) + nr * cut->size);
	if (!last)
		tcp->tcp_flags &= ~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
	if (nr > 0)
		tcp->tcp_flags &= ~RTE_TCP_CWR_FLAG;
}

static struct rte_mbuf *cut_one(
	const struct rte_mbuf *m, const struct cut *cut, unsigned nr, bool chain) {
	uint32_t at = nr * cut->size, len = RTE_MIN(cut->size, cut->payload - at);
	struct offload_headers h = cut->h;
	struct rte_mbuf *seg = copy_new(m, cut->headers + len, chain);

	if (!seg)
		return NULL;
	if (append_range(seg, m, 0, cut->headers, false) == 0 &&
		append_range(seg, m, cut->headers + at, len, chain) == 0) {
		h.end = cut->headers + len;
		ip_fix(seg, cut, nr);
		l4_fix(seg, cut, nr, at + len == cut->payload);
		if (csum_v4(seg, &h) == 0 && csum_l4(seg, &h) == 0)
			return seg;
	}
	rte_pktmbuf_free(seg);
	return NULL;
}

static uint16_t cut_all(const struct dp_port *port, struct rte_mbuf *m, const struct cut *cut,
	struct rte_mbuf **out, uint16_t out_size) {
	uint32_t n = RTE_MAX((cut->payload + cut->size - 1) / cut->size, 1u);

	if (n > out_size)
		goto drop;
	for (uint32_t i = 0; i < n; i++) {
		out[i] = cut_one(m, cut, i, chains(port));
		if (out[i])
			continue;
		rte_pktmbuf_free_bulk(out, i);
		goto drop;
	}
	rte_pktmbuf_free(m);
	return n;
drop:
	dp_offload_drop(m);
	return 0;
}

// ---- egress ----------------------------------------------------------------------------------------------

// What the port does itself needs lengths that are those of the frame as it is now: tags come and go on the way.
static uint16_t leave_to_port(
	const struct dp_port *port, struct rte_mbuf *m, const struct offload_headers *h) {
	m->l2_len = h->l3;
	m->l3_len = h->l4 - h->l3;
	m->ol_flags &= ~(RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6);
	m->ol_flags |= h->v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
	if (!port->tx_prepare)
		return 1;
	if ((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) && !h->v6)
		m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
	if (rte_eth_tx_prepare(port->index, 0, &m, 1) == 1)
		return 1;
	dp_offload_drop(m);
	return 0;
}

static uint16_t complete_gso(const struct dp_port *port, struct rte_mbuf *m,
	const struct offload_headers *h, struct rte_mbuf **out, uint16_t out_size) {
	struct cut cut;

	if (cut_plan(m, h, &cut) < 0 || !cut_fits(port, &cut)) {
		dp_offload_drop(m);
		return 0;
	}
	if (!cut.tcp || !(port->tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO))
		return cut_all(port, m, &cut, out, out_size);
	m->l4_len = cut.headers - h->l4;
	out[0] = m;
	return leave_to_port(port, m, h);
}

static bool port_sums(const struct dp_port *port, const struct offload_headers *h) {
	return port->tx_offloads &
		(h->proto == IPPROTO_TCP ? RTE_ETH_TX_OFFLOAD_TCP_CKSUM
					 : RTE_ETH_TX_OFFLOAD_UDP_CKSUM);
}

static uint16_t complete(
	const struct dp_port *port, struct rte_mbuf *m, struct rte_mbuf **out, uint16_t out_size) {
	struct offload_headers h;
	bool sums = m->ol_flags & (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_IP_CKSUM);

	if ((m->ol_flags & REQUESTS) && offload_parse(m, &h) < 0) {
		dp_offload_drop(m);
		return 0;
	}
	if (m->ol_flags & GSO_FLAGS)
		return complete_gso(port, m, &h, out, out_size);
	bool left = sums && port_sums(port, &h);
	if (!sums || left) {
		m = chains(port) ? m : own(m, false);
		out[0] = m;
		return m && left ? leave_to_port(port, m, &h) : m != NULL;
	}
	m = own(m, chains(port));
	if (!m)
		return 0;
	if (((m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) && csum_v4(m, &h) < 0) ||
		((m->ol_flags & RTE_MBUF_F_TX_L4_MASK) && csum_l4(m, &h) < 0)) {
		dp_offload_drop(m);
		return 0;
	}
	m->ol_flags &= ~(REQUESTS | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6);
	out[0] = m;
	return 1;
}

int dp_offload_now(struct rte_mbuf *m) {
	struct offload_headers h;

	if (!(m->ol_flags & RTE_MBUF_F_TX_L4_MASK))
		return 0;
	if (m->ol_flags & GSO_FLAGS || offload_parse(m, &h) < 0 || csum_l4(m, &h) < 0)
		return -EINVAL;
	m->ol_flags &= ~(REQUESTS | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6);
	return 0;
}

uint16_t dp_offload_finish(
	struct rte_mbuf *m, uint16_t mtu, struct rte_mbuf **out, uint16_t out_size) {
	const struct dp_port none = {.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS, .mtu = mtu};

	out[0] = m;
	return m->ol_flags & REQUESTS ? complete(&none, m, out, out_size) : 1;
}

uint16_t dp_offload_complete(const struct dp_port *port, struct rte_mbuf **pkts, uint16_t n,
	struct rte_mbuf **out, uint16_t out_size) {
	uint16_t ready = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (out_size - ready < n - i) { // one place at least for each of the rest
			dp_offload_drop(pkts[i]);
			continue;
		}
		ready += complete(port, pkts[i], out + ready, out_size - ready - (n - i - 1));
	}
	return ready;
}

uint64_t dp_offload_missing(const struct dp_port *port) {
	return chains(port) ? REQUESTS : REQUESTS | RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
}

// ---- ingress ---------------------------------------------------------------------------------------------

void offload_request(struct rte_mbuf *m, const struct offload_headers *h, uint16_t segsz) {
	bool tcp = h->proto == IPPROTO_TCP;

	if ((!tcp && h->proto != IPPROTO_UDP) || h->fragment)
		return;
	m->ol_flags |= tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
	m->ol_flags |= h->v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
	m->l2_len = h->l3;
	m->l3_len = h->l4 - h->l3;
	if (segsz == 0)
		return;
	m->ol_flags |= tcp ? RTE_MBUF_F_TX_TCP_SEG : RTE_MBUF_F_TX_UDP_SEG;
	m->tso_segsz = segsz;
	struct rte_tcp_hdr buf;
	const struct rte_tcp_hdr *l4 = peek(m, h->l4, sizeof(buf), &buf);
	m->l4_len = !tcp ? sizeof(struct rte_udp_hdr) : l4 ? (l4->data_off >> 4) * 4 : 0;
}

int offload_sum(struct rte_mbuf *m, uint32_t start, uint32_t offset) {
	uint16_t raw;

	if (start >= m->pkt_len || start + offset + 2 > m->pkt_len ||
		offload_range(m, start, m->pkt_len - start, &raw) < 0)
		return -EINVAL;
	uint16_t csum = ~raw;
	return csum_write(m, start + offset, csum ? csum : 0xffff);
}

// ---- virtio headers ----------------------------------------------------------------------------------------

int offload_vnet_read(struct rte_mbuf *m, const struct virtio_net_hdr *vnet, uint32_t shift) {
	bool sum = vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	uint16_t segsz = vnet->gso_type == VIRTIO_NET_HDR_GSO_NONE ? 0 : vnet->gso_size;
	struct offload_headers h;

	if (!sum && segsz == 0)
		return 0;
	bool known = offload_parse(m, &h) == 0;
	if (known && h.l4 == vnet->csum_start + shift) {
		offload_request(m, &h, segsz);
		return 0;
	}
	if (segsz > 0) // a tunnel's payload to be cut: nothing that we could do
		return -EPROTONOSUPPORT;
	return offload_sum(m, vnet->csum_start + shift, vnet->csum_offset);
}

void offload_vnet_write(const struct rte_mbuf *m, struct virtio_net_hdr *vnet) {
	uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
	struct offload_headers h; // extension headers may be longer than l3_len can say

	*vnet = (struct virtio_net_hdr){0};
	if ((l4 != RTE_MBUF_F_TX_TCP_CKSUM && l4 != RTE_MBUF_F_TX_UDP_CKSUM) ||
		offload_parse(m, &h) < 0)
		return;
	vnet->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	vnet->csum_start = h.l4;
	vnet->csum_offset = l4 == RTE_MBUF_F_TX_TCP_CKSUM ? 16 : 6;
	if (!(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG))
		return;
	vnet->gso_type = m->ol_flags & RTE_MBUF_F_TX_IPV6 ? VIRTIO_NET_HDR_GSO_TCPV6
							  : VIRTIO_NET_HDR_GSO_TCPV4;
	vnet->gso_size = m->tso_segsz;
	vnet->hdr_len = vnet->csum_start + m->l4_len;
}

// ---- ingress -----------------------------------------------------------------------------------------------

// A local kernel's frame that left its checksum to a device has the sum of the pseudo header where the checksum
// belongs, and nothing else says so. A frame that is complete and looks the same is complete afterwards too: the sum
// that is filled in is the one that it had.
static inline void request_from_sum(struct rte_mbuf *m) {
	struct offload_headers h;
	uint32_t pseudo;
	struct be16 buf;

	if (offload_parse(m, &h) < 0 || h.fragment || h.end > m->pkt_len ||
		(h.proto != IPPROTO_TCP && h.proto != IPPROTO_UDP))
		return;
	const struct be16 *csum = peek(m, h.l4 + csum_at(&h), sizeof(buf), &buf);
	if (csum && sum_pseudo(m, &h, &pseudo) == 0 && csum->value == (uint16_t)pseudo)
		offload_request(m, &h, 0);
}

void dp_offload_guess(struct rte_mbuf **pkts, uint16_t n) {
	for (uint16_t i = 0; i < n; i++)
		request_from_sum(pkts[i]);
}

void dp_offload_inner(struct rte_mbuf *m) {
	const struct dp_port *port = m->port < DP_MAX_PORTS ? dp_ports[m->port] : NULL;

	dp_flags_forget(m);
	if (port && port->rx_guess)
		request_from_sum(m);
}
