// SPDX-License-Identifier: BSD-3-Clause
// Checksums and segments that offload.c makes, against sums of our own, byte by byte.
#include "dataplane/dataplane_priv.h"
#include "dataplane/offload.h"
#include "lib/wire.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs those above
#include <cmocka.h>

#define FRAME_MAX 70000
#define OUT_MAX   256

// A frame to make.
struct spec {
	unsigned tags;
	bool v6, udp, extra; // extra: IPv4 options, IPv6 extension headers, TCP options
	unsigned payload;
};

struct frame {
	uint8_t bytes[FRAME_MAX];
	unsigned len, l3, l4, data; // data: of the payload
};

static struct frame made, seen;

// RFC 1071, the slow way.
static unsigned sum_ref(const uint8_t *bytes, unsigned len, unsigned sum) {
	for (unsigned i = 0; i < len; i++)
		sum += i & 1 ? bytes[i] : bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static unsigned pseudo_ref(const uint8_t *ip, bool v6, bool udp, unsigned len) {
	return sum_ref(ip + (v6 ? 8 : 12), v6 ? 32 : 8, (udp ? 17 : 6) + len);
}

static unsigned ip_header(uint8_t *ip, const struct spec *s, unsigned l4_len) {
	unsigned options = s->extra ? 8 : 0, proto = s->udp ? 17 : 6;

	for (unsigned i = 0; i < 80; i++)
		ip[i] = 0;
	if (!s->v6) {
		ip[0] = 0x45 + options / 4;
		put16(ip + 2, 20 + options + l4_len);
		put16(ip + 4, 0xfffe); // the id wraps
		ip[8] = 64;
		ip[9] = proto;
		memcpy(ip + 12, "\x0a\x01\x02\x03\xc0\x00\x02\xff", 8);
		memset(ip + 20, 1, options); // no operation
		put16(ip + 10, ~sum_ref(ip, 20 + options, 0) & 0xffff);
		return 20 + options;
	}
	ip[0] = 0x60;
	ip[6] = s->extra ? 0 : proto; // hop-by-hop options first
	ip[7] = 64;
	for (unsigned i = 0; i < 32; i++)
		ip[8 + i] = 0x20 + i * 7;
	if (!s->extra) {
		put16(ip + 4, l4_len);
		return 40;
	}
	ip[40] = 60; // then destination options, 16 bytes
	ip[48] = proto;
	ip[49] = 1;
	put16(ip + 4, 24 + l4_len);
	return 64;
}

// With the sum of the pseudo header where the checksum belongs, as a sender with offload leaves it.
static void frame_make(const struct spec *s) {
	unsigned l4_header = s->udp ? 8 : s->extra ? 32 : 20, at = 12;
	uint8_t *b = made.bytes;

	memcpy(b, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	for (unsigned i = 0; i < s->tags; i++, at += 4) {
		put16(b + at, i == 0 && s->tags > 1 ? 0x88a8 : 0x8100);
		put16(b + at + 2, 0x6000 + 100 + i);
	}
	put16(b + at, s->v6 ? 0x86dd : 0x0800);
	made.l3 = at + 2;
	made.l4 = made.l3 + ip_header(b + made.l3, s, l4_header + s->payload);
	made.data = made.l4 + l4_header;
	made.len = made.data + s->payload;
	uint8_t *l4 = b + made.l4;
	memset(l4, 0, l4_header);
	put16(l4, 4321);
	put16(l4 + 2, 80);
	if (s->udp) {
		put16(l4 + 4, l4_header + s->payload);
	} else {
		memcpy(l4 + 4, "\xff\xff\xff\x00\x01\x02\x03\x04", 8);
		l4[12] = l4_header / 4 << 4;
		l4[13] = 0x99; // CWR, ACK, PSH, FIN
		memset(l4 + 20, 1, l4_header - 20);
	}
	for (unsigned i = 0; i < s->payload; i++)
		b[made.data + i] = i * 31 + (i >> 8);
	put16(l4 + (s->udp ? 6 : 16),
		pseudo_ref(b + made.l3, s->v6, s->udp, l4_header + s->payload));
}

// The made frame as a packet of buffers of at most `seg` bytes.
static struct rte_mbuf *packet_of(const struct frame *frame, unsigned len, unsigned seg) {
	struct rte_mbuf *head = NULL, *m;

	for (unsigned at = 0; at < len || !head; at += seg) {
		unsigned part = RTE_MIN(seg, len - at);
		m = rte_pktmbuf_alloc(dp_pool());
		assert_non_null(m);
		memcpy(rte_pktmbuf_append(m, part), frame->bytes + at, part);
		if (!head)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	}
	return head;
}

static void frame_read(const struct rte_mbuf *m) {
	assert_true(m->pkt_len <= sizeof(seen.bytes));
	seen.len = m->pkt_len;
	const void *bytes = rte_pktmbuf_read(m, 0, m->pkt_len, seen.bytes);
	assert_non_null(bytes);
	if (bytes != seen.bytes)
		memcpy(seen.bytes, bytes, seen.len);
}

// The L4 checksum of `seen`, whose headers are where those of `made` are.
static void sums_check(const struct spec *s) {
	const uint8_t *ip = seen.bytes + made.l3, *l4 = seen.bytes + made.l4;
	unsigned len = seen.len - made.l4;

	if (!s->v6)
		assert_int_equal(sum_ref(ip, made.l4 - made.l3, 0), 0xffff);
	assert_int_equal(sum_ref(l4, len, pseudo_ref(ip, s->v6, s->udp, len)), 0xffff);
	assert_int_not_equal(get16(l4 + (s->udp ? 6 : 16)), 0);
}

static struct dp_port port = {.mtu = 1500};

static void request(struct rte_mbuf *m, unsigned segsz) {
	struct offload_headers h;

	assert_int_equal(offload_parse(m, &h), 0);
	offload_request(m, &h, segsz);
	m->l2_len = 3; // wrong: tags come and go between request and egress
}

static unsigned in_use(void) {
	return rte_mempool_in_use_count(dp_pool());
}

// ---- checksums -------------------------------------------------------------------------------------------

static void one_sum(const struct spec *s, unsigned seg, uint64_t offloads) {
	struct rte_mbuf *out[OUT_MAX], *m;

	frame_make(s);
	m = packet_of(&made, made.len, seg);
	request(m, 0);
	port.tx_offloads = offloads;
	assert_true(m->ol_flags & dp_offload_missing(&port));
	assert_int_equal(dp_offload_complete(&port, &m, 1, out, OUT_MAX), 1);
	frame_read(out[0]);
	assert_int_equal(seen.len, made.len);
	sums_check(s);
	assert_int_equal(out[0]->ol_flags & RTE_MBUF_F_TX_L4_MASK, 0);
	if (!(offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS))
		assert_int_equal(out[0]->nb_segs, 1);
	// nothing else has changed
	unsigned field = made.l4 + (s->udp ? 6 : 16);
	memcpy(made.bytes + field, seen.bytes + field, 2);
	assert_memory_equal(made.bytes, seen.bytes, made.len);
	rte_pktmbuf_free(out[0]);
}

static void test_sums(void **) {
	static const unsigned payloads[] = {0, 1, 2, 3, 63, 64, 999, 1400};
	static const unsigned segs[] = {1, 33, 64, 2000};

	for (unsigned bits = 0; bits < 24; bits++) {
		for (unsigned p = 0; p < RTE_DIM(payloads); p++) {
			struct spec s = {bits / 8, bits & 1, bits & 2, bits & 4, payloads[p]};
			for (unsigned g = payloads[p] > 200 ? 1 : 0; g < RTE_DIM(segs); g++) {
				one_sum(&s, segs[g], RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
				one_sum(&s, segs[g], 0);
			}
		}
	}
	assert_int_equal(in_use(), 0);
}

// A sum of zero is sent as 0xffff: zero means that there is none (RFC 768).
static void test_udp_zero(void **) {
	struct spec s = {.udp = true, .payload = 2};
	struct rte_mbuf *out[OUT_MAX], *m;

	frame_make(&s);
	unsigned len = made.len - made.l4;
	put16(made.bytes + made.data, 0);
	put16(made.bytes + made.l4 + 6, 0);
	unsigned rest = sum_ref(
		made.bytes + made.l4, len, pseudo_ref(made.bytes + made.l3, false, true, len));
	put16(made.bytes + made.data, 0xffff - rest);
	m = packet_of(&made, made.len, 2000);
	request(m, 0);
	assert_int_equal(dp_offload_complete(&port, &m, 1, out, OUT_MAX), 1);
	frame_read(out[0]);
	assert_int_equal(get16(seen.bytes + made.l4 + 6), 0xffff);
	rte_pktmbuf_free(out[0]);
}

// What the port does itself is left to it, with lengths that are those of the frame.
static void test_port_sums(void **) {
	struct spec s = {.tags = 2, .extra = true, .payload = 10};
	struct rte_mbuf *out[OUT_MAX], *m;

	frame_make(&s);
	m = packet_of(&made, made.len, 2000);
	request(m, 0);
	port.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	assert_int_equal(dp_offload_complete(&port, &m, 1, out, OUT_MAX), 1);
	assert_ptr_equal(out[0], m);
	assert_int_equal(m->ol_flags & RTE_MBUF_F_TX_L4_MASK, RTE_MBUF_F_TX_TCP_CKSUM);
	assert_int_equal(m->l2_len, made.l3);
	assert_int_equal(m->l3_len, made.l4 - made.l3);
	frame_read(m);
	assert_memory_equal(made.bytes, seen.bytes, made.len);
	rte_pktmbuf_free(m);
}

// A copy that others hold is not written to.
static void test_shared(void **) {
	struct spec s = {.payload = 100};
	struct rte_mbuf *out[OUT_MAX], *m, *clone;

	frame_make(&s);
	m = packet_of(&made, made.len, 60);
	request(m, 0);
	clone = rte_pktmbuf_clone(m, dp_pool());
	port.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	assert_int_equal(dp_offload_complete(&port, &clone, 1, out, OUT_MAX), 1);
	frame_read(out[0]);
	sums_check(&s);
	frame_read(m);
	assert_memory_equal(made.bytes, seen.bytes, made.len);
	rte_pktmbuf_free(out[0]);
	rte_pktmbuf_free(m);
	assert_int_equal(in_use(), 0);
}

// Cut off at every length, with a request: dropped or sent, never lost or read beyond.
static void test_truncated(void **) {
	struct spec s = {.tags = 1, .extra = true, .payload = 40};
	struct rte_mbuf *out[OUT_MAX], *m;

	for (unsigned bits = 0; bits < 4; bits++) {
		s.v6 = bits & 1;
		s.udp = bits & 2;
		frame_make(&s);
		for (unsigned len = 0; len < made.len; len++) {
			m = packet_of(&made, len, 7);
			m->ol_flags |=
				RTE_MBUF_F_TX_TCP_CKSUM | (len & 1 ? RTE_MBUF_F_TX_TCP_SEG : 0);
			m->tso_segsz = 20;
			port.tx_offloads = len & 2 ? 0 : RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
			assert_int_equal(dp_offload_complete(&port, &m, 1, out, OUT_MAX), 0);
			assert_int_equal(in_use(), 0);
		}
	}
}

static void test_fragment(void **) {
	struct spec s = {.payload = 40};
	struct rte_mbuf *out[OUT_MAX], *m;

	frame_make(&s);
	put16(made.bytes + made.l3 + 6, 0x2000); // more fragments
	m = packet_of(&made, made.len, 2000);
	m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
	assert_int_equal(dp_offload_complete(&port, &m, 1, out, OUT_MAX), 0);
	assert_int_equal(in_use(), 0);
}

// ---- segments ------------------------------------------------------------------------------------------------

static void segment_check(const struct spec *s, unsigned nr, unsigned at, unsigned len, bool last) {
	const uint8_t *ip = seen.bytes + made.l3, *l4 = seen.bytes + made.l4;

	assert_int_equal(seen.len, made.data + len);
	sums_check(s);
	assert_memory_equal(seen.bytes, made.bytes, made.l3); // MACs and tags
	assert_memory_equal(seen.bytes + made.data, made.bytes + made.data + at, len);
	if (s->v6)
		assert_int_equal(get16(ip + 4), seen.len - made.l3 - 40);
	else
		assert_int_equal(get16(ip + 2), seen.len - made.l3);
	if (!s->v6)
		assert_int_equal(get16(ip + 4), (0xfffe + nr) & 0xffff);
	if (s->udp) {
		assert_int_equal(get16(l4 + 4), 8 + len);
		return;
	}
	assert_int_equal(get32(l4 + 4), (uint32_t)(0xffffff00u + at));
	assert_int_equal(l4[13], 0x10 | (nr == 0 ? 0x80 : 0) | (last ? 0x09 : 0));
}

static void one_cut(const struct spec *s, unsigned segsz, unsigned seg, uint64_t offloads) {
	struct rte_mbuf *out[OUT_MAX], *m;

	frame_make(s);
	m = packet_of(&made, made.len, seg);
	request(m, segsz);
	port.tx_offloads = offloads;
	unsigned n = dp_offload_complete(&port, &m, 1, out, OUT_MAX);
	assert_int_equal(n, RTE_MAX((s->payload + segsz - 1) / segsz, 1u));
	for (unsigned i = 0, at = 0; i < n; i++, at += segsz) {
		frame_read(out[i]);
		assert_int_equal(out[i]->ol_flags, 0);
		if (offloads == 0)
			assert_int_equal(out[i]->nb_segs, 1);
		segment_check(s, i, at, RTE_MIN(segsz, s->payload - at), i + 1 == n);
		rte_pktmbuf_free(out[i]);
	}
	assert_int_equal(in_use(), 0);
}

static void test_segments(void **) {
	static const unsigned payloads[] = {1, 535, 536, 537, 5001, 64000};
	static const unsigned sizes[] = {536, 1001, 1380};

	for (unsigned bits = 0; bits < 24; bits++) {
		for (unsigned p = 0; p < RTE_DIM(payloads); p++) {
			struct spec s = {bits / 8, bits & 1, bits & 2, bits & 4, payloads[p]};
			for (unsigned z = 0; z < RTE_DIM(sizes); z++) {
				one_cut(&s, sizes[z], 1999, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
				one_cut(&s, sizes[z], 700, 0);
			}
		}
	}
}

// Longer than a buffer of ours: in a chain, or in one of the large ones.
static void test_jumbo_segments(void **) {
	struct spec s = {.v6 = true, .payload = 60000};

	port.mtu = 9000;
	one_cut(&s, 8900, 2000, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	offload_pool_large = dp_pool_pages();
	one_cut(&s, 3400, 2000, 0);
	port.mtu = 1500;
}

static void test_segments_refused(void **) {
	static const struct {
		unsigned size, payload;
	} cases[] = {{1, 5000}, {0, 5000}, {1461, 5000}, {9000, 5000}};
	struct rte_mbuf *out[OUT_MAX], *m;

	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		struct spec s = {.payload = cases[i].payload};
		frame_make(&s);
		m = packet_of(&made, made.len, 2000);
		request(m, 1);
		m->tso_segsz = cases[i].size; // too many, none, and longer than the MTU
		port.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
		assert_int_equal(dp_offload_complete(&port, &m, 1, out, OUT_MAX), 0);
		assert_int_equal(in_use(), 0);
	}
}

static void test_port_segments(void **) {
	struct spec s = {.tags = 1, .payload = 9000};
	struct rte_mbuf *out[OUT_MAX], *m;

	frame_make(&s);
	m = packet_of(&made, made.len, 2000);
	request(m, 1400);
	port.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_TCP_TSO |
		RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	assert_int_equal(dp_offload_complete(&port, &m, 1, out, OUT_MAX), 1);
	assert_ptr_equal(out[0], m);
	assert_true(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
	assert_int_equal(m->l2_len, 18);
	assert_int_equal(m->l3_len, 20);
	assert_int_equal(m->l4_len, 20);
	rte_pktmbuf_free(m);
}

// ---- ingress -------------------------------------------------------------------------------------------------

static uint64_t guess(void) {
	struct rte_mbuf *m = packet_of(&made, made.len, 2000);
	uint64_t flags;

	dp_offload_guess(&m, 1);
	flags = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
	rte_pktmbuf_free(m);
	return flags;
}

static void test_guess(void **) {
	for (unsigned bits = 0; bits < 24; bits++) {
		struct spec s = {bits / 8, bits & 1, bits & 2, bits & 4, 33};
		frame_make(&s);
		uint8_t *field = made.bytes + made.l4 + (s.udp ? 6 : 16);
		assert_int_equal(
			guess(), s.udp ? RTE_MBUF_F_TX_UDP_CKSUM : RTE_MBUF_F_TX_TCP_CKSUM);
		field[1] ^= 1; // any other is left as it is
		assert_int_equal(guess(), 0);
		put16(field, 0); // UDP without a checksum, too
		assert_int_equal(guess(), 0);
	}
}

// What a virtio header asks for, and the same header out of it again.
static void test_vnet(void **) {
	struct spec s = {.v6 = true, .tags = 1, .payload = 5000};
	struct virtio_net_hdr again;

	frame_make(&s);
	struct virtio_net_hdr vnet = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV6,
		.gso_size = 1220,
		.hdr_len = made.data,
		.csum_start = made.l4,
		.csum_offset = 16};
	struct rte_mbuf *m = packet_of(&made, made.len, 2000);
	assert_int_equal(offload_vnet_read(m, &vnet, 0), 0);
	assert_int_equal(
		m->ol_flags, RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV6);
	assert_int_equal(m->tso_segsz, 1220);
	assert_int_equal(m->l2_len, 18);
	offload_vnet_write(m, &again);
	assert_memory_equal(&again, &vnet, sizeof(vnet));
	m->l3_len = 0; // what headers are too long for
	offload_vnet_write(m, &again);
	assert_memory_equal(&again, &vnet, sizeof(vnet));
	vnet.csum_start++; // of no header that is there, and to be cut
	assert_true(offload_vnet_read(m, &vnet, 0) < 0);
	rte_pktmbuf_free(m);
	m = packet_of(&made, made.len, 2000);
	assert_int_equal(offload_vnet_read(m, &(struct virtio_net_hdr){0}, 0), 0);
	assert_int_equal(m->ol_flags, 0);
	offload_vnet_write(m, &again);
	assert_memory_equal(&again, &(struct virtio_net_hdr){0}, sizeof(again));
	rte_pktmbuf_free(m);
}

// Of a header that we do not know, inside a tunnel.
static void test_sum_anywhere(void **) {
	struct spec s = {.udp = true, .payload = 101};

	frame_make(&s);
	struct rte_mbuf *m = packet_of(&made, made.len, 17);
	assert_int_equal(offload_sum(m, made.l4, 6), 0);
	frame_read(m);
	sums_check(&s);
	assert_int_equal(offload_sum(m, made.len, 0), -EINVAL);
	assert_int_equal(offload_sum(m, made.len - 2, 1), -EINVAL);
	assert_int_equal(offload_sum(m, made.l4, UINT16_MAX), -EINVAL);
	rte_pktmbuf_free(m);
}

static int setup(void **) {
	struct dp_start_opts opts = {
		.memory_mb = 64, .no_huge = true, .quiet = true, .run_dir = "/tmp"};

	if (dp_start(&opts, NULL) < 0)
		return -1;
	dp_self = &dp_workers[0].pub;
	dp_drop_tables[0] = calloc(1, sizeof(*dp_drop_tables[0]));
	return dp_drop_tables[0] ? 0 : -1;
}

static int teardown(void **) {
	dp_stop();
	return 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_udp_zero),
		cmocka_unit_test(test_port_sums),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_fragment),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_jumbo_segments),
		cmocka_unit_test(test_segments_refused),
		cmocka_unit_test(test_port_segments),
		cmocka_unit_test(test_guess),
		cmocka_unit_test(test_vnet),
		cmocka_unit_test(test_sum_anywhere),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
