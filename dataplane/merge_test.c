// SPDX-License-Identifier: BSD-3-Clause
// What merge.c makes of bursts, and that cutting it again gives the segments that came.
#include "dataplane/dataplane_priv.h"
#include "dataplane/merge.h"
#include <rte_ip.h>
#include <rte_tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs those above
#include <cmocka.h>

#define BURST 80
#define ACK   RTE_TCP_ACK_FLAG
#define PSH   RTE_TCP_PSH_FLAG

// A segment to make; what is zero is as in all others.
struct spec {
	bool v6, may_frag;
	unsigned flow, seq, payload, flags, id, tos, ttl, ack, win, stamp, padding;
	bool bad_sum, bad_header, partial; // partial: its checksum was left to a device
};

static struct rte_mbuf *pkts[BURST], *copies[BURST];
static unsigned made;

static unsigned in_use(void) {
	return rte_mempool_in_use_count(dp_pool());
}

static unsigned put_ip(uint8_t *at, const struct spec *s, unsigned l4_len) {
	if (s->v6) {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)at;
		ip->vtc_flow = rte_cpu_to_be_32(0x60000000 | s->tos << 20);
		ip->payload_len = rte_cpu_to_be_16(l4_len);
		ip->proto = IPPROTO_TCP;
		ip->hop_limits = 64 + s->ttl;
		ip->src_addr[15] = 1;
		ip->dst_addr[15] = 2;
		return sizeof(*ip);
	}
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)at;
	*ip = (struct rte_ipv4_hdr){.version_ihl = RTE_IPV4_VHL_DEF,
		.type_of_service = s->tos,
		.total_length = rte_cpu_to_be_16(sizeof(*ip) + l4_len),
		.packet_id = rte_cpu_to_be_16(s->id),
		.fragment_offset = s->may_frag ? 0 : RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 64 + s->ttl,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = RTE_BE32(0x0a000001),
		.dst_addr = RTE_BE32(0x0a000002)};
	ip->hdr_checksum = rte_ipv4_cksum(ip) ^ s->bad_header;
	return sizeof(*ip);
}

static void put_sum(uint8_t *ip, struct rte_tcp_hdr *tcp, const struct spec *s) {
	uint16_t pseudo =
		s->v6 ? rte_ipv6_phdr_cksum((void *)ip, 0) : rte_ipv4_phdr_cksum((void *)ip, 0);

	tcp->cksum = s->v6 ? rte_ipv6_udptcp_cksum((void *)ip, tcp)
			   : rte_ipv4_udptcp_cksum((void *)ip, tcp);
	tcp->cksum = s->partial ? pseudo : tcp->cksum ^ s->bad_sum;
}

// Segment with time stamps (12 bytes of options).
static struct rte_mbuf *segment(const struct spec *s) {
	unsigned tcp_len = sizeof(struct rte_tcp_hdr) + 12 + s->payload;
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp_pool());
	assert_non_null(m);
	uint8_t *b =
		(uint8_t *)rte_pktmbuf_append(m, 14 + (s->v6 ? 40 : 20) + tcp_len + s->padding);
	assert_non_null(b);
	memset(b, 0, m->pkt_len);
	memcpy(b, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	memcpy(b + 12, s->v6 ? "\x86\xdd" : "\x08\x00", 2);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(b + 14 + put_ip(b + 14, s, tcp_len));
	*tcp = (struct rte_tcp_hdr){.src_port = rte_cpu_to_be_16(1000 + s->flow),
		.dst_port = RTE_BE16(80),
		.sent_seq = rte_cpu_to_be_32(s->seq),
		.recv_ack = rte_cpu_to_be_32(7 + s->ack),
		.data_off = 8 << 4,
		.tcp_flags = s->flags ? s->flags : ACK,
		.rx_win = rte_cpu_to_be_16(100 + s->win)};
	uint8_t *options = (uint8_t *)(tcp + 1);
	memcpy(options, "\x01\x01\x08\x0a", 4);
	options[7] = s->stamp;
	for (unsigned i = 0; i < s->payload; i++)
		options[12 + i] = (s->seq + i) * 31 + s->flow;
	put_sum(b + 14, tcp, s);
	if (s->partial)
		m->ol_flags =
			RTE_MBUF_F_TX_TCP_CKSUM | (s->v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4);
	return m;
}

static void add(struct spec s) {
	s.id = s.id ? s.id : made;
	pkts[made] = segment(&s);
	s.partial = false;
	s.padding = 0;
	copies[made++] = segment(&s);
}

static void same_bytes(struct rte_mbuf *a, struct rte_mbuf *b) {
	assert_int_equal(a->pkt_len, b->pkt_len);
	assert_int_equal(a->nb_segs, 1);
	assert_memory_equal(rte_pktmbuf_mtod(a, void *), rte_pktmbuf_mtod(b, void *), b->pkt_len);
}

// Merges what was added; `n` frames come of it. When cut again, they are what was added, in the order `order` (NULL: as added).
static void check(unsigned n, const unsigned *order) {
	static struct dp_port port = {.mtu = 1500}; // takes segments of one buffer, and no requests
	struct rte_mbuf *out[BURST];
	unsigned got = dp_merge(pkts, made), at = 0;

	assert_int_equal(got, n);
	for (unsigned i = 0; i < got; i++)
		assert_true(pkts[i]->nb_segs <= MERGE_SEGS);
	uint16_t cut = dp_offload_complete(&port, pkts, got, out, BURST);
	assert_int_equal(cut, made);
	for (; at < made; at++)
		same_bytes(out[at], copies[order ? order[at] : at]);
	rte_pktmbuf_free_bulk(out, made);
	rte_pktmbuf_free_bulk(copies, made);
	made = 0;
	assert_int_equal(in_use(), 0);
}

static void test_stream(void **) {
	for (unsigned bits = 0; bits < 8; bits++) {
		struct spec s = {
			.v6 = bits & 1, .partial = bits & 2, .may_frag = bits & 4, .payload = 1400};
		for (unsigned i = 0; i < 31; i++, s.seq += s.payload)
			add(s);
		s.payload = 3; // the last one is short
		add(s);
		check(1, NULL);
	}
}

static void test_limit_of_buffers(void **) {
	struct spec s = {.payload = 10, .seq = UINT32_MAX - 55}; // the sequence number wraps
	for (unsigned i = 0; i < 2 * MERGE_SEGS + 1; i++, s.seq += s.payload)
		add(s);
	check(3, NULL);
}

static void test_padding(void **) {
	struct spec s = {.payload = 2, .padding = 6};
	add(s);
	s.seq += 2;
	add(s);
	check(1, NULL);
}

// Two alike, then a third that differs in one thing: it stays alone, and so does what comes behind.
static void test_what_ends_a_frame(void **) {
	static const struct spec others[] = {{.seq = 1}, {.payload = 101},
		{.flags = ACK | RTE_TCP_FIN_FLAG}, {.flags = ACK | RTE_TCP_URG_FLAG},
		{.flags = ACK | RTE_TCP_CWR_FLAG}, {.flags = ACK | RTE_TCP_ECE_FLAG},
		{.flags = ACK | RTE_TCP_SYN_FLAG}, {.flags = ACK | RTE_TCP_RST_FLAG}, {.tos = 3},
		{.ttl = 1}, {.ack = 1}, {.win = 1}, {.stamp = 1}, {.may_frag = true},
		{.bad_sum = true}, {.bad_header = true}};

	for (unsigned v6 = 0; v6 < 2; v6++) {
		for (unsigned i = 0; i < RTE_DIM(others); i++) {
			struct spec s = others[i];
			if (v6 && (s.may_frag || s.bad_header))
				continue;
			s.v6 = v6;
			s.payload = s.payload ? s.payload : 100;
			s.seq += 200;
			add((struct spec){.v6 = v6, .payload = 100});
			add((struct spec){.v6 = v6, .payload = 100, .seq = 100});
			add(s);
			check(2, NULL);
		}
	}
}

static void test_ids(void **) { // of packets that may be fragmented, they go up by one
	add((struct spec){.may_frag = true, .payload = 9, .id = 65535});
	add((struct spec){.may_frag = true, .payload = 9, .id = 65536, .seq = 9});
	add((struct spec){.may_frag = true, .payload = 9, .id = 2, .seq = 18});
	check(2, NULL);
}

// PSH is the end of what the sender wrote: what follows is another frame's.
static void test_push(void **) {
	add((struct spec){.payload = 100});
	add((struct spec){.payload = 100, .seq = 100, .flags = ACK | PSH});
	add((struct spec){.payload = 100, .seq = 200});
	add((struct spec){.payload = 100, .seq = 300});
	check(2, NULL);
}

// Flows side by side, more of them than are kept track of, and what is no TCP among them: nothing is lost, flows keep their order.
static void test_flows(void **) {
	static const unsigned two[] = {0, 2, 4, 1, 3, 5};

	for (unsigned i = 0; i < 6; i++)
		add((struct spec){.flow = i % 2, .payload = 100, .seq = i / 2 * 100});
	for (unsigned i = 0; i < 6; i++) // ids are those of the burst
		assert_int_equal(
			rte_pktmbuf_mtod_offset(copies[i], struct rte_ipv4_hdr *, 14)->packet_id,
			rte_cpu_to_be_16(i));
	for (unsigned i = 0; i < 6; i++) {
		struct rte_ipv4_hdr *ip =
			rte_pktmbuf_mtod_offset(copies[i], struct rte_ipv4_hdr *, 14);
		ip->packet_id =
			rte_cpu_to_be_16(i % 2 + i / 2); // DF: cutting numbers them from the first
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
	check(2, two);
	for (unsigned i = 0; i < 40; i++)
		add((struct spec){.flow = i % 20, .payload = 100, .seq = i / 20 * 100});
	check(40, NULL);
}

static void test_others_pass(void **) {
	struct spec s = {.payload = 100};

	add(s);
	rte_pktmbuf_mtod(pkts[0], uint8_t *)[12] = 0x88; // no IP
	rte_pktmbuf_mtod(copies[0], uint8_t *)[12] = 0x88;
	add((struct spec){.payload = 0});
	add((struct spec){.payload = 0});
	add(s);
	rte_pktmbuf_mtod(pkts[3], uint8_t *)[23] = 17; // a datagram, by its header's word
	rte_pktmbuf_mtod(copies[3], uint8_t *)[23] = 17;
	add(s);
	pkts[4]->data_len = pkts[4]->pkt_len = copies[4]->data_len = copies[4]->pkt_len =
		60; // cut short
	add(s);
	rte_mbuf_refcnt_update(pkts[5], 1); // somebody else holds it
	add((struct spec){.payload = 100, .seq = 100});
	struct rte_mbuf *held = pkts[5];
	assert_int_equal(dp_merge(pkts, made), made);
	rte_pktmbuf_free(held);
	rte_pktmbuf_free_bulk(pkts, made);
	rte_pktmbuf_free_bulk(copies, made);
	made = 0;
	assert_int_equal(in_use(), 0);
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
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_limit_of_buffers),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_what_ends_a_frame),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_push),
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_others_pass),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
