// SPDX-License-Identifier: BSD-3-Clause
// IPv4 fragmentation (RFC 791 section 3.2, RFC 1812 section 4.2.2.7): each fragment goes by ip_rewrite as if it had come so.
#include "router/ip_priv.h"

enum { NEXT_REWRITE };

enum { DROP_NO_BUFFER, DROP_OFFLOAD };

static const struct dp_drop ip_frag_drops[] = {
	{"no_buffer", "no buffers are free for the fragments"},
	{"offload", "its checksum cannot be completed before it is cut"},
	{0},
};

static const char *const ip_frag_next[] = {[NEXT_REWRITE] = "ip_rewrite", NULL};

static struct dp_node ip_frag = {
	.name = "ip_frag",
	.help = "cuts IPv4 packets that are longer than the MTU",
	.next = ip_frag_next,
	.drops = ip_frag_drops,
};

#define FRAGMENTS_MAX \
	128 // 9216 bytes in pieces for the smallest MTU of 68 B are 192: those are refused

struct cut {
	uint8_t header[60];
	uint32_t header_len, payload, size; // `size`: payload of each but the last, a multiple of 8
};

// Options whose copy bit is not set are in the first fragment only: no-operations take their place.
static void options_later(uint8_t *header, uint32_t len) {
	for (uint32_t at = 20; at < len && header[at] != 0;) {
		uint32_t size = header[at] == 1 || at + 1 >= len ? 1 : header[at + 1];

		if (size < 1 || at + size > len)
			size = len - at;
		if (!(header[at] & 0x80))
			memset(header + at, 1, size);
		at += size;
	}
}

static struct rte_mbuf *piece(const struct rte_mbuf *m, const struct cut *cut, uint32_t offset) {
	uint32_t len = RTE_MIN(cut->size, cut->payload - offset);
	uint32_t from = RTE_ETHER_HDR_LEN + cut->header_len + offset;
	struct rte_mbuf *f = rte_pktmbuf_copy(m, dp_pool(), from, len);
	struct rte_ipv4_hdr *ip;

	if (f == NULL)
		return NULL;
	uint8_t *at = (uint8_t *)rte_pktmbuf_prepend(f, RTE_ETHER_HDR_LEN + cut->header_len);
	if (at == NULL) {
		rte_pktmbuf_free(f);
		return NULL;
	}
	memcpy(at, rte_pktmbuf_mtod(m, const void *), RTE_ETHER_HDR_LEN);
	memcpy(at + RTE_ETHER_HDR_LEN, cut->header, cut->header_len);
	if (offset > 0)
		options_later(at + RTE_ETHER_HDR_LEN, cut->header_len);
	ip = ip4_of(f);
	uint32_t field =
		rte_be_to_cpu_16(ip->fragment_offset) + offset / 8; // a fragment may be cut again
	if (offset + len < cut->payload)
		field |= RTE_IPV4_HDR_MF_FLAG;
	ip->fragment_offset = rte_cpu_to_be_16((uint16_t)field);
	ip->total_length = rte_cpu_to_be_16((uint16_t)(cut->header_len + len));
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (rte_be16_t)~rte_raw_cksum(ip, cut->header_len);
	f->port = m->port;
	f->ol_flags = m->ol_flags & dp_trace_flag;
	f->l2_len = RTE_ETHER_HDR_LEN;
	f->l3_len = cut->header_len;
	f->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_FRAG;
	*dp_meta(f) = *ip_meta(m);
	return f;
}

// Number of fragments in out[], or 0: none could be made.
static unsigned fragments(const struct rte_mbuf *m, void **out) {
	const struct rte_ipv4_hdr *ip = ip4_of(m);
	struct cut cut = {.header_len = m->l3_len};
	uint32_t mtu = rtr_nhs[ip_meta(m)->user].mtu;
	unsigned n = 0;

	memcpy(cut.header, ip, cut.header_len);
	cut.payload = rte_be_to_cpu_16(ip->total_length) - cut.header_len;
	cut.size = (mtu - cut.header_len) & ~7u;
	if (mtu < 68 || (cut.payload + cut.size - 1) / cut.size > FRAGMENTS_MAX)
		return 0;
	for (uint32_t offset = 0; offset < cut.payload; offset += cut.size) {
		out[n] = piece(m, &cut, offset);
		if (out[n] == NULL) {
			rte_pktmbuf_free_bulk((struct rte_mbuf **)out, n);
			return 0;
		}
		n++;
	}
	return n;
}

static uint16_t ip_frag_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	void *out[FRAGMENTS_MAX];

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];
		unsigned count;

		if (dp_offload_now(m) != 0) {
			rte_node_enqueue_x1(graph, node, dp_drop(&ip_frag, m, DROP_OFFLOAD), m);
			continue;
		}
		count = fragments(m, out);
		if (count == 0) {
			rte_node_enqueue_x1(graph, node, dp_drop(&ip_frag, m, DROP_NO_BUFFER), m);
			continue;
		}
		rte_node_enqueue(graph, node, NEXT_REWRITE, out, (uint16_t)count);
		rte_pktmbuf_free(m);
	}
	return n;
}

DP_NODE(ip_frag)
