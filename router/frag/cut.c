// SPDX-License-Identifier: BSD-3-Clause
// Fragmentation: RFC 791 section 3.2, RFC 1812 section 4.2.2.7; RFC 8200 section 4.5.
#include "router/frag/frag.h"
#include "router/ip_priv.h"

struct cut {
	uint32_t header, payload,
		size;   // bytes; `size`: payload of each but the last, a multiple of 8
	uint32_t extra; // room that each needs besides: a fragment header
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

// The piece with the payload from `offset` on, and the headers of `m` before it.
static struct rte_mbuf *piece(
	const struct rte_mbuf *m, const struct cut *cut, uint32_t offset, uint32_t len) {
	uint32_t headers = m->l2_len + cut->header;
	struct rte_mbuf *f = rte_pktmbuf_copy(m, dp_pool(), headers + offset, len);
	char *at = f ? rte_pktmbuf_prepend(f, (uint16_t)(headers + cut->extra)) : NULL;

	if (at == NULL) {
		rte_pktmbuf_free(f);
		return NULL;
	}
	const void *from = rte_pktmbuf_read(m, 0, headers, at);
	if (from != at)
		memcpy(at, from, headers);
	f->port = m->port;
	f->ol_flags = m->ol_flags & dp_trace_flag;
	f->l2_len = m->l2_len;
	f->l3_len = m->l3_len;
	*dp_meta(f) = *ip_meta(m);
	return f;
}

static void finish4(struct rte_mbuf *f, uint32_t offset, uint32_t len, bool more) {
	struct rte_ipv4_hdr *ip = ip4_of(f);
	uint32_t header = rte_ipv4_hdr_len(ip);

	if (offset > 0)
		options_later((uint8_t *)ip, header);
	uint32_t field =
		rte_be_to_cpu_16(ip->fragment_offset) + offset / 8; // a fragment may be cut again
	if (more)
		field |= RTE_IPV4_HDR_MF_FLAG;
	ip->fragment_offset = rte_cpu_to_be_16((uint16_t)field);
	ip->total_length = rte_cpu_to_be_16((uint16_t)(header + len));
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (rte_be16_t)~rte_raw_cksum(ip, header);
	f->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_FRAG;
}

// The byte that says what follows the first `at` bytes of an IPv6 packet.
static uint8_t *named_by(struct rte_ipv6_hdr *ip, uint32_t at) {
	uint8_t *name = &ip->proto, *ext = (uint8_t *)(ip + 1);

	while (ext < (uint8_t *)ip + at) {
		name = ext;
		ext += (ext[1] + 1) * 8;
	}
	return name;
}

static void finish6(struct rte_mbuf *f, uint32_t id, uint32_t at, uint32_t offset, bool more) {
	struct rte_ipv6_hdr *ip = ip6_of(f);
	uint8_t *name = named_by(ip, at);
	struct rte_ipv6_fragment_ext ext = {.next_header = *name,
		.frag_data = rte_cpu_to_be_16((uint16_t)(offset | more)),
		.id = rte_cpu_to_be_32(id)};

	*name = IPPROTO_FRAGMENT;
	memcpy((uint8_t *)ip + at, &ext, sizeof(ext));
	ip->payload_len = rte_cpu_to_be_16((uint16_t)(f->pkt_len - f->l2_len - sizeof(*ip)));
	f->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV6 | RTE_PTYPE_L4_FRAG;
}

static unsigned give_up(void **out, unsigned n) {
	rte_pktmbuf_free_bulk((struct rte_mbuf **)out, n);
	return 0;
}

static bool possible(const struct rte_mbuf *m, const struct cut *cut, uint32_t mtu) {
	return mtu >= cut->header + cut->extra + 8 && m->data_len >= m->l2_len + cut->header &&
		m->pkt_len >= m->l2_len + cut->header + cut->payload &&
		(cut->payload + cut->size - 1) / cut->size <= FRAG_PIECES;
}

unsigned frag_cut4(const struct rte_mbuf *m, uint32_t mtu, void **out) {
	const struct rte_ipv4_hdr *ip = ip4_of(m);
	struct cut cut = {.header = rte_ipv4_hdr_len(ip)};
	unsigned n = 0;

	cut.payload = rte_be_to_cpu_16(ip->total_length) - cut.header;
	cut.size = (mtu - cut.header) & ~7u;
	if (!possible(m, &cut, mtu))
		return 0;
	for (uint32_t offset = 0; offset < cut.payload; offset += cut.size) {
		uint32_t len = RTE_MIN(cut.size, cut.payload - offset);

		out[n] = piece(m, &cut, offset, len);
		if (out[n] == NULL)
			return give_up(out, n);
		finish4(out[n++], offset, len, offset + len < cut.payload);
	}
	return n;
}

unsigned frag_cut6(const struct rte_mbuf *m, uint32_t mtu, uint32_t id, uint32_t at, void **out) {
	const struct rte_ipv6_hdr *ip = ip6_of(m);
	struct cut cut = {.header = at, .extra = RTE_IPV6_FRAG_HDR_SIZE};
	unsigned n = 0;

	cut.payload = rte_be_to_cpu_16(ip->payload_len) + sizeof(*ip) - at;
	cut.size = (mtu - cut.header - cut.extra) & ~7u;
	if (!possible(m, &cut, mtu))
		return 0;
	for (uint32_t offset = 0; offset < cut.payload; offset += cut.size) {
		uint32_t len = RTE_MIN(cut.size, cut.payload - offset);

		out[n] = piece(m, &cut, offset, len);
		if (out[n] == NULL)
			return give_up(out, n);
		finish6(out[n++], id, at, offset, offset + len < cut.payload);
	}
	return n;
}

unsigned frag_cut_again(const struct rte_mbuf *m, void **out) {
	const struct frag_note *note = frag_note(m);

	return ip_is_v6(m) ? frag_cut6(m, note->max, note->id, note->at, out)
			   : frag_cut4(m, note->max, out);
}
