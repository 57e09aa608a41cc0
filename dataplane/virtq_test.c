// SPDX-License-Identifier: BSD-3-Clause
// Each test runs with each variant of a ring; guest memory is checked after every step (virtq_test_guest.h).
#include "dataplane/dataplane_priv.h"
#include "dataplane/virtq_test_guest.h"
#include <rte_ip.h>
#include <rte_tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs those above
#include <cmocka.h>

#define V1      (1ull << VIRTIO_F_VERSION_1)
#define MRG     (1ull << VIRTIO_NET_F_MRG_RXBUF)
#define EVENT   (1ull << VIRTIO_RING_F_EVENT_IDX)
#define TABLES  (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define PACKED  (1ull << VIRTIO_F_RING_PACKED | V1)
#define CSUM    (1ull << VIRTIO_NET_F_GUEST_CSUM)
#define TSO     (1ull << VIRTIO_NET_F_GUEST_TSO4 | 1ull << VIRTIO_NET_F_GUEST_TSO6)
#define LONGEST (65535 + RTE_ETHER_HDR_LEN)
#define WRAP    0x8000 // of a packed ring's position

// Starts are near where a position or a wrap counter turns over.
static const struct variant variants[] = {
	{"split", V1, 16, 0},
	{"split-legacy", 0, 16, 0xfff3},
	{"split-legacy-mergeable", MRG | TABLES, 32, 0xfffe},
	{"split-event", V1 | EVENT | CSUM, 8, 0xfff8},
	{"split-mergeable", V1 | MRG | CSUM | TSO, 128, 0x7fff},
	{"split-all", V1 | MRG | EVENT | TABLES | CSUM | TSO, 256, 0xffff},
	{"split-large", V1 | EVENT | TABLES | CSUM | TSO, 64, 5},
	{"packed", PACKED, 16, WRAP},
	{"packed-odd", PACKED | TABLES, 7, 6},
	{"packed-event", PACKED | EVENT | CSUM, 5, WRAP | 4},
	{"packed-mergeable", PACKED | MRG | CSUM | TSO, 100, 99},
	{"packed-all", PACKED | MRG | EVENT | TABLES | CSUM | TSO, 256, WRAP | 255},
	{"packed-large", PACKED | EVENT | TABLES | CSUM | TSO, 48, WRAP},
};

static unsigned in_use(void) {
	return rte_mempool_in_use_count(dp_pool()) + rte_mempool_in_use_count(dp_pool_large());
}

static unsigned header(void) {
	return guest_has(VIRTIO_F_VERSION_1) || guest_has(VIRTIO_NET_F_MRG_RXBUF) ? 12 : 10;
}

// ---- frames -------------------------------------------------------------------------------------------------

static uint8_t buf[GUEST_HALF], other[GUEST_HALF];

static void fill(uint8_t *bytes, uint32_t len, unsigned seed) {
	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8) + seed);
}

static struct rte_mbuf *mbuf_of(const uint8_t *bytes, uint32_t len, uint32_t seg) {
	struct rte_mbuf *m = NULL;

	for (uint32_t at = 0; at < len; at += seg) {
		struct rte_mbuf *next = rte_pktmbuf_alloc(dp_pool());
		uint32_t part = RTE_MIN(seg, len - at);
		assert_non_null(next);
		memcpy(rte_pktmbuf_append(next, part), bytes + at, part);
		if (!m)
			m = next;
		else
			assert_int_equal(rte_pktmbuf_chain(m, next), 0);
	}
	return m;
}

static struct rte_mbuf *mbuf_make(uint32_t len, unsigned seed) {
	fill(buf, len, seed);
	return mbuf_of(buf, len, 1800);
}

// Frees it.
static void mbuf_check(struct rte_mbuf *m, const uint8_t *bytes, uint32_t len) {
	const char *why;

	assert_non_null(m);
	assert_int_equal(rte_mbuf_check(m, 1, &why), 0);
	assert_int_equal(m->pkt_len, len);
	assert_int_equal(m->port, 3);
	assert_memory_equal(rte_pktmbuf_read(m, 0, len, other), bytes, len);
	rte_pktmbuf_free(m);
}

// ---- buffers ------------------------------------------------------------------------------------------------

// WHOLE: one descriptor; APART: the header in its own; PIECES: several, the header cut; TABLE: these by a table; ACROSS: one
// that lies in both regions.
enum layout { WHOLE, APART, PIECES, TABLE, ACROSS, LAYOUTS };

static unsigned parts_make(enum layout layout, uint32_t len, uint16_t flags, struct part *parts) {
	uint32_t cuts[4] = {len, len, len, len}, from = 0;
	unsigned n = 0;

	if (layout == APART)
		cuts[0] = header();
	if (layout == PIECES || layout == TABLE) {
		cuts[0] = 5;
		cuts[1] = header() + 3;
		cuts[2] = header() + 3 + (len - header() - 3) / 2;
	}
	for (unsigned i = 0; i < 4 && from < len; i++) {
		uint32_t part = cuts[i] - from;
		uint64_t mid = GUEST_MID - (len < 100 ? 5 : len / 2);
		parts[n++] = (struct part){layout == ACROSS ? mid : guest_room(part), part, flags};
		from = cuts[i];
	}
	return n;
}

static unsigned layout_slots(enum layout layout) {
	return layout == PIECES ? 4 : layout == APART ? 2 : 1;
}

static bool layout_works(enum layout layout) {
	return layout_slots(layout) <= guest.v->size &&
		(layout != TABLE || guest_has(VIRTIO_RING_F_INDIRECT_DESC));
}

// A frame to the device: header, then `len` bytes.
static void post_frame(enum layout layout, const void *vnet, const uint8_t *bytes, uint32_t len) {
	struct part parts[GUEST_PARTS];
	unsigned n = parts_make(layout, header() + len, 0, parts);
	static uint8_t all[GUEST_HALF];
	const uint8_t *from = all;

	memset(all, 0, header());
	if (vnet)
		memcpy(all, vnet, sizeof(struct virtio_net_hdr));
	memcpy(all + header(), bytes, len);
	for (unsigned i = 0; i < n; from += parts[i++].len)
		guest_write(parts[i].guest, from, parts[i].len);
	guest_post(parts, n, layout == TABLE);
}

static void post_room(enum layout layout, uint32_t len) {
	struct part parts[GUEST_PARTS];
	unsigned n = parts_make(layout, len, VRING_DESC_F_WRITE, parts);

	guest_post(parts, n, layout == TABLE);
}

static void expect_used(unsigned n, uint32_t len) {
	uint32_t written;

	for (unsigned i = 0; i < n; i++) {
		assert_non_null(guest_used(&written));
		assert_int_equal(written, len);
	}
	assert_null(guest_used(&written));
}

// ---- frames from the guest ------------------------------------------------------------------------------------

static const uint32_t lengths[] = {14, 15, 60, 115, 116, 117, 1514, 2100, 9014, LONGEST};

static void frames_in_some(enum layout layout, uint32_t len, uint64_t *packets, uint64_t *bytes) {
	unsigned n = layout == ACROSS || len > 9999 ? 1 : guest.v->size / layout_slots(layout);
	struct rte_mbuf *pkts[8];

	n = RTE_MIN(n, 5u);
	for (unsigned i = 0; i < n; i++) {
		fill(buf, len, *packets + i);
		post_frame(layout, NULL, buf, len);
	}
	assert_int_equal(guest_recv(pkts, 8), n);
	for (unsigned i = 0; i < n; i++) {
		fill(buf, len, *packets + i);
		assert_int_equal(pkts[i]->ol_flags, 0);
		mbuf_check(pkts[i], buf, len);
	}
	expect_used(n, 0);
	*packets += n;
	*bytes += n * len;
	assert_int_equal(guest.vq.packets, *packets);
	assert_int_equal(guest.vq.bytes, *bytes);
}

static void frames_in(void **) {
	uint64_t packets = 0, bytes = 0;

	do {
		for (unsigned i = 0; i < RTE_DIM(lengths); i++)
			for (enum layout layout = 0; layout < LAYOUTS; layout++)
				if (layout_works(layout))
					frames_in_some(layout, lengths[i], &packets, &bytes);
	} while (guest.slots < 3 * guest.v->size);
	assert_int_equal(guest.vq.errors + guest.vq.no_buffer, 0);
}

// More than one pass takes, of which the last is not full.
static void bursts_in(void **) {
	unsigned n = RTE_MIN(guest.v->size, 150u);
	struct rte_mbuf *pkts[256];

	for (unsigned i = 0; i < n; i++) {
		fill(buf, 60, i);
		post_frame(WHOLE, NULL, buf, 60);
	}
	assert_int_equal(guest_recv(pkts, 0), 0);
	assert_int_equal(guest_recv(pkts, 3), 3); // no more than asked for
	expect_used(3, 0);
	assert_int_equal(guest_recv(pkts + 3, 253), n - 3);
	expect_used(n - 3, 0);
	assert_int_equal(guest_recv(pkts + n, 1), 0);
	for (unsigned i = 0; i < n; i++) {
		fill(buf, 60, i);
		mbuf_check(pkts[i], buf, 60);
	}
}

static size_t tcp_make(uint8_t *bytes, uint32_t payload) {
	struct rte_ipv4_hdr ip = {.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16(40 + payload),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_TCP};
	struct rte_tcp_hdr tcp = {.data_off = 0x50};

	fill(bytes, 54 + payload, 1);
	memcpy(bytes + 12, (uint8_t[]){0x08, 0x00}, 2);
	memcpy(bytes + 14, &ip, sizeof(ip));
	memcpy(bytes + 34, &tcp, sizeof(tcp));
	return 54 + payload;
}

static const struct virtio_net_hdr request_tso = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
	.hdr_len = 54,
	.gso_size = 1400,
	.csum_start = 34,
	.csum_offset = 16};

static void requests_in(void **) {
	struct virtio_net_hdr sum = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
	const uint64_t sum_flags = RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4;

	for (enum layout layout = 0; layout < LAYOUTS; layout++) {
		struct rte_mbuf *m;
		if (!layout_works(layout))
			continue;
		size_t len = tcp_make(buf, 100);
		post_frame(layout, &sum, buf, len);
		assert_int_equal(guest_recv(&m, 1), 1);
		assert_int_equal(m->ol_flags, sum_flags);
		assert_int_equal(m->l2_len, 14);
		assert_int_equal(m->l3_len, 20);
		mbuf_check(m, buf, len);
		expect_used(1, 0);
		len = tcp_make(buf, 20000);
		post_frame(layout, &request_tso, buf, len);
		assert_int_equal(guest_recv(&m, 1), 1);
		assert_int_equal(m->ol_flags, sum_flags | RTE_MBUF_F_TX_TCP_SEG);
		assert_int_equal(m->tso_segsz, 1400);
		assert_int_equal(m->l4_len, 20);
		mbuf_check(m, buf, len);
		expect_used(1, 0);
	}
}

// Requests that cannot be met cost the frame, and nothing else.
static void bad_requests_in(void **) {
	struct virtio_net_hdr bad[] = {
		{.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 200, .csum_offset = 0},
		{.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 14, .csum_offset = 0xffff},
		{.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 100},
	};
	size_t len = tcp_make(buf, 100);
	unsigned errors = 0;

	for (unsigned i = 0; i < RTE_DIM(bad); i++)
		for (enum layout layout = 0; layout < LAYOUTS; layout++) {
			struct rte_mbuf *m;
			if (!layout_works(layout))
				continue;
			post_frame(layout, &bad[i], buf, len);
			assert_int_equal(guest_recv(&m, 1), 0);
			expect_used(1, 0);
			assert_int_equal(guest.vq.errors, ++errors);
		}
	assert_int_equal(guest.vq.packets, 0);
}

// Somebody holds all buffers but so many.
static unsigned hold(struct rte_mbuf **held, unsigned but) {
	unsigned n = 0;

	while ((held[n] = rte_pktmbuf_alloc(dp_pool_large())))
		n++;
	while ((held[n] = rte_pktmbuf_alloc(dp_pool())))
		n++;
	for (; but > 0; but--)
		rte_pktmbuf_free(held[--n]);
	return n;
}

static void no_buffers_left(void **) {
	unsigned size = dp_pool()->size + dp_pool_large()->size + 1; // the last is NULL
	struct rte_mbuf **held = calloc(size, sizeof(*held)), *m;

	assert_non_null(held);
	fill(buf, LONGEST, 1);
	post_frame(WHOLE, NULL, buf, 60);
	unsigned n = hold(held, 0);
	assert_int_equal(guest_recv(&m, 1), 0);
	expect_used(0, 0);
	assert_int_equal(guest.vq.no_buffer, 1);
	rte_pktmbuf_free_bulk(held, n);
	assert_int_equal(guest_recv(&m, 1), 1); // it had stayed where it was
	mbuf_check(m, buf, 60);
	expect_used(1, 0);

	post_frame(WHOLE, NULL, buf, LONGEST);
	n = hold(held, 3);
	assert_int_equal(guest_recv(&m, 1), 0);
	expect_used(1, 0); // for a part of it there were some: it is lost
	assert_int_equal(guest.vq.no_buffer, 2);
	assert_int_equal(guest.vq.errors, 0);
	rte_pktmbuf_free_bulk(held, n);
	free(held);
}

// ---- frames to the guest --------------------------------------------------------------------------------------

// The next frame as it came: it took `chains`, each written as far as it goes and the last up to the end.
static void expect_frame(
	const struct virtio_net_hdr *vnet, const uint8_t *bytes, uint32_t len, unsigned chains) {
	static uint8_t got[GUEST_HALF];
	const uint16_t num = chains;
	uint32_t at = 0, written;

	for (unsigned i = 0; i < chains; i++) {
		const struct posted *chain = guest_used(&written);
		assert_non_null(chain);
		uint32_t room = 0, end = at + written;
		for (unsigned j = 0; j < chain->n; j++)
			room += chain->parts[j].len;
		assert_int_equal(written, RTE_MIN(room, header() + len - at));
		for (unsigned j = 0; at < end; j++) {
			uint32_t part = RTE_MIN(chain->parts[j].len, end - at);
			guest_read(chain->parts[j].guest, got + at, part);
			at += part;
		}
	}
	assert_int_equal(at, header() + len);
	assert_memory_equal(got, vnet, sizeof(*vnet));
	if (header() == 12)
		assert_memory_equal(got + 10, &num, 2);
	assert_memory_equal(got + header(), bytes, len);
}

static const struct virtio_net_hdr no_request;

static void frames_out_some(
	enum layout layout, uint32_t len, uint32_t room, uint32_t seg, uint64_t *packets) {
	unsigned chains = (header() + len + room - 1) / room;
	unsigned slots = layout_slots(layout);

	if (chains > 64 || chains * slots > guest.v->size || (layout == ACROSS && chains > 1))
		return;
	for (unsigned i = 0; i < chains; i++)
		post_room(layout, room);
	fill(buf, len, *packets);
	struct rte_mbuf *m = mbuf_of(buf, len, seg);
	assert_int_equal(guest_send(&m, 1), 1);
	expect_frame(&no_request, buf, len, chains);
	expect_used(0, 0);
	assert_int_equal(guest.vq.packets, ++*packets);
}

static void frames_out(void **) {
	uint64_t packets = 0;

	do {
		for (unsigned i = 0; i < RTE_DIM(lengths); i++)
			for (enum layout layout = 0; layout < LAYOUTS; layout++) {
				uint32_t len = lengths[i], all = header() + len;
				if (!layout_works(layout))
					continue;
				frames_out_some(layout, len, all, 1800, &packets);
				frames_out_some(
					layout, len, all + 33, len > 999 ? 999 : 11, &packets);
				if (!guest_has(VIRTIO_NET_F_MRG_RXBUF))
					continue;
				frames_out_some(layout, len, 1526, 1800, &packets);
				frames_out_some(layout, len, 200, 1800, &packets);
				frames_out_some(layout, len, all / 2 + 1, 100 + len / 20, &packets);
			}
	} while (guest.slots < 3 * guest.v->size);
	assert_int_equal(guest.vq.errors, 0);
}

// Short and long ones in one burst, more than one pass takes; what finds no buffer is left to the caller.
static void bursts_out(void **) {
	unsigned n = RTE_MIN(guest.v->size, 150u);
	struct rte_mbuf *pkts[160];

	for (unsigned i = 0; i < n; i++)
		post_room(WHOLE, 400);
	for (unsigned i = 0; i < n + 2; i++)
		pkts[i] = mbuf_make(60 + i, i);
	assert_int_equal(guest_send(pkts, 0), 0);
	assert_int_equal(guest_send(pkts, n + 2), n);
	for (unsigned i = 0; i < n; i++) {
		fill(buf, 60 + i, i);
		expect_frame(&no_request, buf, 60 + i, 1);
	}
	guest_called();
	assert_int_equal(guest_send(pkts + n, 2), 0);
	assert_false(guest_called()); // there is no news
	post_room(WHOLE, 400);
	assert_int_equal(guest_send(pkts + n, 2), 1);
	fill(buf, 60 + n, n);
	expect_frame(&no_request, buf, 60 + n, 1);
	rte_pktmbuf_free(pkts[n + 1]);
	assert_int_equal(guest.vq.packets, n + 1);
	assert_int_equal(guest.vq.errors, 0);
}

// Frames of three buffers each, and never more than there are.
static void too_few_chains(void **) {
	struct rte_mbuf *pkts[3];
	unsigned n = 0;

	if (!guest_has(VIRTIO_NET_F_MRG_RXBUF))
		return;
	for (unsigned i = 0; i < 3; i++)
		pkts[i] = mbuf_make(1000, i);
	for (; n < 5; n++)
		post_room(WHOLE, 400);
	assert_int_equal(guest_send(pkts, 3), 1);
	fill(buf, 1000, 0);
	expect_frame(&no_request, buf, 1000, 3);
	assert_int_equal(guest_send(pkts + 1, 2), 0);
	expect_used(0, 0);
	for (; n < 9; n++)
		post_room(WHOLE, 400);
	assert_int_equal(guest_send(pkts + 1, 2), 2);
	for (unsigned i = 1; i < 3; i++) {
		fill(buf, 1000, i);
		expect_frame(&no_request, buf, 1000, 3);
	}
	assert_int_equal(guest.vq.errors, 0);
}

// What fits into no buffer is lost and counted, and the buffers serve the next one.
static void too_long(void **) {
	bool mergeable = guest_has(VIRTIO_NET_F_MRG_RXBUF);
	unsigned n = mergeable ? RTE_MIN(guest.v->size, 80u) : 1;
	struct rte_mbuf *pkts[2];

	for (unsigned i = 0; i < n; i++)
		post_room(WHOLE, 100);
	pkts[0] = mbuf_make(mergeable ? RTE_MIN(n, 64u) * 100 : 100 - header() + 1, 0);
	pkts[1] = mbuf_make(80, 7);
	assert_int_equal(guest_send(pkts, 2), 2);
	fill(buf, 80, 7);
	expect_frame(&no_request, buf, 80, 1);
	assert_int_equal(guest.vq.errors, 1);
	assert_int_equal(guest.vq.packets, 1);
}

// A frame with these requests, which it is sent with or lost.
static void request_out(uint64_t flags, const struct virtio_net_hdr *vnet, bool taken) {
	uint64_t errors = guest.vq.errors;
	uint32_t written;
	size_t len = tcp_make(buf, 300);
	struct rte_mbuf *m = mbuf_of(buf, len, 200);

	m->ol_flags = flags | RTE_MBUF_F_TX_IPV4;
	m->l2_len = 14;
	m->l3_len = m->l4_len = 20;
	m->tso_segsz = 1400;
	assert_int_equal(guest_send(&m, 1), 1);
	if (taken)
		expect_frame(vnet, buf, len, 1);
	else
		assert_null(guest_used(&written));
	assert_int_equal(guest.vq.errors, errors + !taken);
}

static void requests_out(void **) {
	struct virtio_net_hdr sum = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
	bool sums = guest_has(VIRTIO_NET_F_GUEST_CSUM), cuts = guest_has(VIRTIO_NET_F_GUEST_TSO4);

	for (unsigned i = 0; i < 2; i++) {
		for (unsigned j = guest_free(); j > 0; j--)
			post_room(WHOLE, 400);
		request_out(RTE_MBUF_F_TX_TCP_CKSUM, &sum, sums);
		request_out(RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG, &request_tso, cuts);
		request_out(RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_UDP_SEG, NULL, false);
		request_out(0, &no_request, true);
	}
	fill(buf, 70, 0);
	memcpy(buf + 12, (uint8_t[]){0x86, 0xdd, 0x60}, 3);
	buf[20] = IPPROTO_UDP;
	struct rte_mbuf *m = mbuf_of(buf, 70, 1800); // by the short way
	m->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM;
	assert_int_equal(guest_send(&m, 1), 1);
	sum.csum_start = 54;
	sum.csum_offset = 6;
	if (sums)
		expect_frame(&sum, buf, 70, 1);
	expect_used(0, 0);
}

// ---- notifications --------------------------------------------------------------------------------------------

// Gives so many back, in one step.
static void turn(unsigned n) {
	struct rte_mbuf *pkts[256];

	for (unsigned i = 0; i < n; i++) {
		post_room(WHOLE, 100);
		pkts[i] = mbuf_make(60, i);
	}
	assert_int_equal(guest_send(pkts, n), n);
	expect_used(n, header() + 60);
}

static void events(unsigned size) {
	for (unsigned after = 0; after < size; after += 1 + after / 4) {
		guest_calls_event(after);
		for (unsigned i = 0; i < after; i++) {
			turn(1);
			assert_false(guest_called());
		}
		turn(1);
		assert_true(guest_called());
		turn(1); // it did not ask again
		assert_false(guest_called());
		guest_calls_event(after);
		turn(after + 1);
		assert_true(guest_called());
		guest_calls_event(after);
		turn(after);
		assert_false(guest_called());
		turn(size - after);
		assert_true(guest_called());
	}
}

static void notifications(void **) {
	bool packed = guest_has(VIRTIO_F_RING_PACKED), event = guest_has(VIRTIO_RING_F_EVENT_IDX);
	struct rte_mbuf *m;

	if (event) { // what it has been told so far is not known
		guest_calls_none();
		guest_calls_event(guest.v->size - 1);
		turn(1);
		assert_true(guest_called());
	}
	for (unsigned i = 0; i < 2 * guest.v->size; i++) {
		assert_int_equal(guest_recv(&m, 1), 0);
		assert_false(guest_called());
		if (packed || !event) {
			guest_calls_none();
			turn(1 + i % 3);
			assert_false(guest_called());
			guest_calls_all();
			turn(1 + i % 3);
			assert_true(guest_called());
		}
	}
	if (event)
		events(guest.v->size);
	fill(buf, 60, 0); // frames from the guest as well
	post_frame(WHOLE, NULL, buf, 60);
	guest_calls_event(0);
	if (!event)
		guest_calls_all();
	assert_int_equal(guest_recv(&m, 1), 1);
	assert_true(guest_called());
	rte_pktmbuf_free(m);
}

// The guest need not kick: the next time that it would is furthest away.
static void kicks(void **) {
	const struct vring_used *used = (const struct vring_used *)guest_at(guest.device);
	const struct vring_packed_desc_event *event =
		(const struct vring_packed_desc_event *)guest_at(guest.device);
	uint16_t avail_event;

	if (guest_has(VIRTIO_F_RING_PACKED)) {
		assert_int_equal(event->flags, VRING_PACKED_EVENT_FLAG_DISABLE);
		return;
	}
	guest_read(guest.device + 4 + 8 * guest.v->size, &avail_event, 2);
	if (guest_has(VIRTIO_RING_F_EVENT_IDX)) {
		assert_int_equal(used->flags, 0);
		assert_int_equal(avail_event, (uint16_t)(guest.v->start - 1));
	} else {
		assert_int_equal(used->flags, VRING_USED_F_NO_NOTIFY);
		assert_int_equal(avail_event, 0); // not ours
	}
}

// The guest takes two back, fills the whole ring, and goes to sleep until the next one.
static void refill_and_sleep(void) {
	uint32_t written;

	if (guest_free() > guest.v->size - 2 || !guest_used(&written))
		return;
	assert_non_null(guest_used(&written));
	guest_meanwhile = NULL;
	for (unsigned i = guest.v->size; i > 0; i--)
		post_room(WHOLE, 100);
	guest_calls_all();
	if (guest_has(VIRTIO_RING_F_EVENT_IDX))
		guest_calls_event(0);
}

static void ring_goes_round_meanwhile(void **) {
	unsigned n = guest.v->size + 2;
	struct rte_mbuf *pkts[300];

	turn(1);
	guest_called();
	for (unsigned i = 0; i < n; i++)
		pkts[i] = mbuf_make(60, 0);
	post_room(WHOLE, 100);
	post_room(WHOLE, 100);
	guest_meanwhile = refill_and_sleep;
	assert_int_equal(guest_send(pkts, n), n);
	expect_used(guest.v->size, header() + 60);
	assert_true(guest_called());
}

// ---- positions ------------------------------------------------------------------------------------------------

static void positions(void **) {
	uint64_t packets = 0;

	for (unsigned i = 0; i < 3 * guest.v->size; i++) {
		uint16_t avail, used, expect = guest.seen;
		virtq_position(&guest.vq, &avail, &used);
		if (guest_has(VIRTIO_F_RING_PACKED))
			expect |= guest.seen_wrap << 15;
		assert_int_equal(avail, expect);
		assert_int_equal(used, expect);
		guest.place.avail = avail;
		guest.place.used = used;
		if (i % 2)
			memset(&guest.vq, 0, sizeof(guest.vq));
		packets = i % 2 ? 0 : packets;
		assert_int_equal(virtq_open(&guest.vq, &guest.place, &guest.memory), 0);
		assert_int_equal(guest.vq.packets, packets);
		turn(1 + i % RTE_MIN(guest.v->size, 3u));
		packets = guest.vq.packets;
	}
}

// What a ring is refused for, one thing after the other.
static bool opens(struct virtq_place place) {
	struct virtq vq = {0};

	return virtq_open(&vq, &place, &guest.memory) == 0;
}

static void place_area(const void **area, uint64_t len, uint64_t align) {
	const uint8_t *end = guest.host[1] + GUEST_HALF;
	const void *was = *area;

	*area = end - RTE_ALIGN_CEIL(len, align);
	assert_true(opens(guest.place));
	*area = end - RTE_ALIGN_CEIL(len, align) + align;
	assert_false(opens(guest.place));
	*area = guest.host[0] - align;
	assert_false(opens(guest.place));
	*area = (const uint8_t *)was + align / 2;
	assert_false(opens(guest.place));
	*area = NULL;
	assert_false(opens(guest.place));
	*area = was;
	assert_true(opens(guest.place));
}

static void refused(void **) {
	bool packed = guest_has(VIRTIO_F_RING_PACKED);
	uint64_t n = guest.v->size, event = guest_has(VIRTIO_RING_F_EVENT_IDX) ? 2 : 0;
	struct virtq_place place = guest.place;

	place_area((const void **)&guest.place.desc, n * 16, 16);
	place_area(
		(const void **)&guest.place.driver, packed ? 4 : 4 + 2 * n + event, packed ? 4 : 2);
	place_area((const void **)&guest.place.device, packed ? 4 : 4 + 8 * n + event, 4);
	place.size = 0;
	assert_false(opens(place));
	place.size = VIRTQ_SIZE_MAX + 1;
	assert_false(opens(place));
	place.size = VIRTQ_SIZE_MAX; // mapped for fewer
	assert_false(opens(place));
	place.size = 6;
	place.avail = place.used = 0;
	assert_int_equal(opens(place), packed);
	place.avail = 6;
	assert_false(opens(place));
	place.avail = 0;
	place.used = WRAP | 6;
	assert_false(opens(place));
	guest.memory.regions[0].size = 1 << 21; // it would have room for that
	place = guest.place;
	place.size = 2 * VIRTQ_SIZE_MAX;
	assert_false(opens(place));
	guest.memory.n = 0;
	assert_false(opens(guest.place));
}

// ---- what no driver does --------------------------------------------------------------------------------------

#define GOOD GUEST_BASE + 0x8000

// Flags are turned over, so that W is the wrong way.
#define W VRING_DESC_F_WRITE
struct bad {
	const char *name;
	struct part parts[4];
	unsigned n;
	void (*spoil)(unsigned slot, union guest_desc *table);
	bool in_only, table, split, packed, breaks;
};

static void table_empty(unsigned slot, union guest_desc *) {
	guest_desc(slot)->split.len = 0;
}

static void table_odd(unsigned slot, union guest_desc *) {
	guest_desc(slot)->split.len += 8;
}

static void table_outside(unsigned slot, union guest_desc *) {
	guest_desc(slot)->split.addr = GUEST_END - 16;
}

static void table_huge(unsigned slot, union guest_desc *) {
	guest_desc(slot)->split.len = UINT32_MAX - 15;
}

static void table_nested(unsigned, union guest_desc *table) {
	table[0].split.flags |= VRING_DESC_F_INDIRECT;
}

// What is behind would be right.
static void table_next(unsigned, union guest_desc *table) {
	table[0].split.next = 2;
	table[2] = table[1];
}

// More pieces than any frame has.
static void table_long(unsigned slot, union guest_desc *table) {
	bool packed = guest_has(VIRTIO_F_RING_PACKED);
	const uint16_t way = (packed ? table->packed.flags : table->split.flags) & W;
	const unsigned n = 300;

	guest_desc(slot)->split.addr = GOOD + 0x100;
	guest_desc(slot)->split.len = n * 16;
	for (unsigned i = 0; i < n; i++) {
		union guest_desc desc = {.split = {GOOD, 1, way | VRING_DESC_F_NEXT, i + 1}};
		if (packed)
			desc.packed = (struct vring_packed_desc){GOOD, 1, 0, way};
		guest_write(GOOD + 0x100 + i * 16, &desc, sizeof(desc));
	}
}

static void table_loop(unsigned, union guest_desc *table) {
	table[1].split.flags |= VRING_DESC_F_NEXT;
	table[1].split.next = 0;
}

static void table_itself(unsigned slot, union guest_desc *table) {
	table_huge(slot, table);
	table[0].split.next = 0;
	table[0].split.len = 0;
}

static void ring_next(unsigned slot, union guest_desc *) {
	uint16_t way = guest_desc(slot)->split.flags & W;

	guest_desc(slot)->split.next = guest.v->size;
	guest_desc(guest.v->size)->split = (struct vring_desc){GOOD, 100, way, 0};
}

static void ring_loop(unsigned slot, union guest_desc *) {
	guest_desc(slot)->split.next = slot;
}

static struct vring_avail *avail_ring(void) {
	return (struct vring_avail *)guest_at(guest.driver);
}

static void ring_id(unsigned, union guest_desc *) {
	avail_ring()->ring[(uint16_t)(guest.avail_idx - 1) % guest.v->size] = guest.v->size;
}

static void ring_ahead(unsigned, union guest_desc *) {
	avail_ring()->idx = guest.avail_idx + guest.v->size;
}

static void ring_back(unsigned, union guest_desc *) {
	avail_ring()->idx = guest.avail_idx - 2;
}

// The second one goes over the first.
static void ring_overlaps(unsigned slot, union guest_desc *) {
	guest_post(&(struct part){GOOD, 100, W}, 1, false);
	for (unsigned i = 0; i < guest.v->size; i++)
		guest_desc(i)->packed.flags |= i != slot ? VRING_DESC_F_NEXT : 0;
}

static void ring_endless(unsigned, union guest_desc *) {
	for (unsigned i = 0; i < guest.v->size; i++)
		guest_desc(i)->packed.flags |= VRING_DESC_F_NEXT;
}

static const struct bad bads[] = {
	{"outside", {{GUEST_END, 200, 0}}, 1},
	{"below", {{GUEST_BASE - 1, 200, 0}}, 1},
	{"past the end", {{GUEST_END - 100, 200, 0}}, 1},
	{"address turns over", {{UINT64_MAX - 50, 200, 0}}, 1},
	{"huge", {{GOOD, UINT32_MAX, 0}}, 1},
	{"huge together", {{GOOD, 200000, 0}, {GOOD, UINT32_MAX - 199999, 0}}, 2},
	{"empty", {{GOOD, 0, 0}}, 1},
	{"empty at the end", {{GOOD, 100, 0}, {GOOD, 0, 0}}, 2},
	{"empty outside", {{GUEST_END, 0, 0}, {GOOD, 100, 0}}, 2},
	{"wrong way", {{GOOD, 100, W}}, 1},
	{"wrong way at the end", {{GOOD, 100, 0}, {GOOD, 100, W}}, 2},
	{"outside at the end", {{GOOD, 100, 0}, {GUEST_END, 100, 0}}, 2},
	{"short header", {{GOOD, 9, 0}}, 1, .in_only = true},
	{"header alone", {{GOOD, 12, 0}}, 1, .in_only = true},
	{"too short", {{GOOD, 23, 0}}, 1, .in_only = true},
	{"too short in two", {{GOOD, 10, 0}, {GOOD, 13, 0}}, 2, .in_only = true},
	{"too long", {{GOOD, 65536 + 128 + 12 + 1, 0}}, 1, .in_only = true},
	{"empty table", {{GOOD, 100, 0}}, 1, table_empty, .table = true},
	{"odd table", {{GOOD, 100, 0}}, 1, table_odd, .table = true},
	{"table outside", {{GOOD, 5, 0}, {GOOD, 100, 0}}, 2, table_outside, .table = true},
	{"nested", {{GOOD, 100, 0}}, 1, table_nested, .table = true, .split = true},
	{"next of a table", {{GOOD, 9, 0}, {GOOD, 99, 0}}, 2, table_next, .table = true,
		.split = true},
	{"loop in a table", {{GOOD, 9, 0}, {GOOD, 99, 0}}, 2, table_loop, .table = true,
		.split = true},
	{"huge loop", {{GOOD, 9, 0}, {GOOD, 99, 0}}, 2, table_itself, .table = true, .split = true},
	{"long table", {{GOOD, 100, 0}}, 1, table_long, .table = true},
	{"next", {{GOOD, 9, 0}, {GOOD, 99, 0}}, 2, ring_next, .split = true},
	{"loop", {{GOOD, 9, 0}, {GOOD, 99, 0}}, 2, ring_loop, .split = true},
	{"id", {{GOOD, 100, 0}}, 1, ring_id, .split = true, .breaks = true},
	{"ahead", {{GOOD, 100, 0}}, 1, ring_ahead, .split = true, .breaks = true},
	{"back", {{GOOD, 100, 0}}, 1, ring_back, .split = true, .breaks = true},
	{"endless", {{GOOD, 100, 0}}, 1, ring_endless, .packed = true, .breaks = true},
	{"overlap", {{GOOD, 100, 0}}, 1, ring_overlaps, .packed = true, .breaks = true},
};

static void bad_post(const struct bad *bad, bool out, bool table) {
	unsigned slot = guest.next;
	struct part parts[4];

	for (unsigned i = 0; i < bad->n; i++) {
		parts[i] = bad->parts[i];
		parts[i].flags ^= out ? VRING_DESC_F_WRITE : 0;
	}
	guest_post(parts, bad->n, table);
	if (!bad->spoil)
		return;
	if (!table) {
		bad->spoil(slot, NULL);
		return;
	}
	union guest_desc copy[3]; // tables lie at odd addresses
	uint64_t at = guest_desc(slot)->split.addr;
	memcpy(copy, guest_at(at), sizeof(copy));
	bad->spoil(slot, copy);
	guest_write(at, copy, sizeof(copy));
}

// The ring stands still, whatever comes, until it is opened anew.
static void expect_broken(void) {
	struct rte_mbuf *pkts[] = {mbuf_make(60, 0), mbuf_make(60, 0)}, *got;

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(guest_send(pkts, 2), 0);
		assert_true(guest.vq.broken);
		assert_int_equal(guest_recv(&got, 1), 0);
	}
	expect_used(0, 0);
	assert_int_equal(guest.vq.errors, 0);
	rte_pktmbuf_free_bulk(pkts, 2);
	assert_int_equal(virtq_open(&guest.vq, &guest.place, &guest.memory), 0);
	assert_false(guest.vq.broken);
}

static void bad_out(const struct bad *bad, bool table) {
	struct rte_mbuf *m = mbuf_make(60, 0);
	uint64_t errors = guest.vq.errors;

	bad_post(bad, true, table);
	assert_int_equal(guest_send(&m, 1), 1);
	expect_used(1, 0);
	assert_int_equal(guest.vq.errors, errors + 1);
	turn(1);
}

static void bad_in(const struct bad *bad, bool table) {
	uint64_t errors = guest.vq.errors;
	struct rte_mbuf *pkts[3];
	bool two = bad->n + 2 <= guest.v->size;

	fill(buf, 60, 0);
	bad_post(bad, false, table);
	if (two)
		post_frame(APART, NULL, buf, 60);
	assert_int_equal(guest_recv(pkts, 3), two);
	expect_used(1 + two, 0);
	assert_int_equal(guest.vq.errors, errors + 1);
	if (two)
		mbuf_check(pkts[0], buf, 60);
}

static bool bad_works(const struct bad *bad, bool table) {
	bool packed = guest_has(VIRTIO_F_RING_PACKED);

	if (table && !guest_has(VIRTIO_RING_F_INDIRECT_DESC))
		return false;
	return table >= bad->table && !(bad->split && packed) && !(bad->packed && !packed) &&
		!(table && bad->spoil && !bad->table);
}

static void malformed(void **) {
	for (unsigned i = 0; i < 2 * RTE_DIM(bads); i++) {
		const struct bad *bad = &bads[i / 2];
		if (!bad_works(bad, i % 2) || bad->breaks)
			continue;
		bad_in(bad, i % 2);
		if (!bad->in_only)
			bad_out(bad, i % 2);
	}
	assert_false(guest.vq.broken);
}

static void broken(void **) {
	const struct variant *v = guest.v;

	for (unsigned i = 0; i < RTE_DIM(bads); i++)
		if (bads[i].breaks && bad_works(&bads[i], false)) {
			bad_post(&bads[i], true, false);
			expect_broken();
			guest_stop();
			guest_start(v);
			turn(1);
		}
}

// A frame of two buffers, the second of which is none: both go, so that the next one has others.
static void bad_behind_good(void **) {
	struct part parts[] = {{GOOD, 100, W}, {GUEST_END, 100, W}};
	struct rte_mbuf *m = mbuf_make(150, 0);

	if (guest_has(VIRTIO_NET_F_MRG_RXBUF)) {
		guest_post(&parts[0], 1, false);
		guest_post(&parts[1], 1, false);
		assert_int_equal(guest_send(&m, 1), 1);
		expect_used(2, 0);
		assert_int_equal(guest.vq.errors, 1);
		turn(1);
	} else {
		rte_pktmbuf_free(m);
	}
}

// ---- all of them ----------------------------------------------------------------------------------------------

static int ring_setup(void **state) {
	guest_start(*state);
	return 0;
}

static int ring_teardown(void **) {
	guest_stop();
	return in_use() == 0 ? 0 : -1;
}

static int setup(void **) {
	struct dp_start_opts opts = {
		.memory_mb = 64, .no_huge = true, .quiet = true, .run_dir = "/tmp"};

	return dp_start(&opts, NULL) < 0 || dp_pool_large() == NULL ? -1 : 0;
}

static int teardown(void **) {
	dp_stop();
	return 0;
}

#define TESTS(X)                     \
	X(frames_in)                 \
	X(bursts_in)                 \
	X(requests_in)               \
	X(bad_requests_in)           \
	X(no_buffers_left)           \
	X(frames_out)                \
	X(bursts_out)                \
	X(too_few_chains)            \
	X(too_long)                  \
	X(requests_out)              \
	X(notifications)             \
	X(kicks)                     \
	X(ring_goes_round_meanwhile) \
	X(positions)                 \
	X(refused)                   \
	X(malformed)                 \
	X(broken)                    \
	X(bad_behind_good)

int main(void) {
	static const struct {
		const char *name;
		CMUnitTestFunction run;
	} bodies[] = {
#define ROW(body) {#body, body},
		TESTS(ROW)};
	static char names[RTE_DIM(bodies) * RTE_DIM(variants)][64];
	struct CMUnitTest tests[RTE_DIM(names)];

	for (unsigned i = 0; i < RTE_DIM(tests); i++) {
		const struct variant *v = &variants[i % RTE_DIM(variants)];
		unsigned body = i / RTE_DIM(variants);
		snprintf(names[i], sizeof(names[i]), "%s %s", bodies[body].name, v->name);
		tests[i] = (struct CMUnitTest){names[i], bodies[body].run, ring_setup,
			ring_teardown, (void *)(uintptr_t)v};
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
