// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packet/ip_frames.h"
#include "lib/wire.h"
#include "tests/packet/harness.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define L3 14

frame_mac mac_host(char port, unsigned host) {
	return 0x020000000000u | (frame_mac)(port - 'a' + 1) << 8 | host;
}

frame_mac mac_router(char port) {
	return mac_host(port, 1);
}

static bool v6(const struct frame *f) {
	return f->bytes[12] == 0x86;
}

static size_t l4(const struct frame *f) {
	return v6(f) ? L3 + 40 : L3 + (f->bytes[L3] & 15u) * 4u;
}

static uint32_t sum(uint32_t s, const uint8_t *bytes, size_t len) {
	for (size_t i = 0; i < len; i++)
		s += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
	return s;
}

static unsigned fold(uint32_t s) {
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return ~s & 0xffff;
}

static void macs(struct frame *f, frame_mac dst, frame_mac src) {
	for (unsigned i = 0; i < 6; i++) {
		f->bytes[i] = (uint8_t)(dst >> (40 - 8 * i));
		f->bytes[6 + i] = (uint8_t)(src >> (40 - 8 * i));
	}
}

static unsigned proto(const struct frame *f) {
	return v6(f) ? f->bytes[L3 + 6] : f->bytes[L3 + 9];
}

static unsigned sum_at(unsigned p) {
	return p == 17 ? 6 : p == 6 ? 16 : 2;
}

static uint32_t pseudo(const struct frame *f, size_t len) {
	if (!v6(f) && proto(f) == 1)
		return 0;
	uint32_t s = v6(f) ? sum(0, f->bytes + L3 + 8, 32) : sum(0, f->bytes + L3 + 12, 8);
	return s + (uint32_t)len + proto(f);
}

static void sum_l4(struct frame *f) {
	uint8_t *at = f->bytes + l4(f);
	size_t len = f->len - l4(f);

	put16(at + sum_at(proto(f)), 0);
	put16(at + sum_at(proto(f)), fold(sum(pseudo(f, len), at, len)));
}

void frame_sum(struct frame *f) {
	if (v6(f))
		return;
	size_t len = (f->bytes[L3] & 15u) * 4u;
	put16(f->bytes + L3 + 10, 0);
	put16(f->bytes + L3 + 10, fold(sum(0, f->bytes + L3, len)));
}

bool frame_sum_ok(const struct frame *f) {
	return v6(f) || fold(sum(0, f->bytes + L3, (f->bytes[L3] & 15u) * 4u)) == 0;
}

// Everything but the upper header, whose room is `len`.
static struct frame ip(
	frame_mac dst, frame_mac src, const char *from, const char *to, unsigned p, size_t len) {
	struct frame f = {0};

	macs(&f, dst, src);
	if (strchr(from, ':')) {
		put16(f.bytes + 12, 0x86dd);
		f.bytes[L3] = 0x60;
		put16(f.bytes + L3 + 4, (unsigned)len);
		f.bytes[L3 + 6] = (uint8_t)p;
		f.bytes[L3 + 7] = 64;
		assert_int_equal(inet_pton(AF_INET6, from, f.bytes + L3 + 8), 1);
		assert_int_equal(inet_pton(AF_INET6, to, f.bytes + L3 + 24), 1);
		f.len = L3 + 40 + len;
	} else {
		put16(f.bytes + 12, 0x0800);
		f.bytes[L3] = 0x45;
		put16(f.bytes + L3 + 2, (unsigned)(20 + len));
		f.bytes[L3 + 8] = 64;
		f.bytes[L3 + 9] = (uint8_t)p;
		assert_int_equal(inet_pton(AF_INET, from, f.bytes + L3 + 12), 1);
		assert_int_equal(inet_pton(AF_INET, to, f.bytes + L3 + 16), 1);
		f.len = L3 + 20 + len;
	}
	assert_true(f.len <= sizeof(f.bytes));
	frame_sum(&f);
	return f;
}

static void fill(struct frame *f, size_t from) {
	for (size_t i = from; i < f->len; i++)
		f->bytes[i] = (uint8_t)(i * 7);
}

struct frame frame_udp(
	frame_mac dst, frame_mac src, const char *from, const char *to, size_t payload) {
	struct frame f = ip(dst, src, from, to, 17, payload);
	uint8_t *udp = f.bytes + l4(&f);

	fill(&f, l4(&f) + 8);
	put16(udp, 5000);
	put16(udp + 2, 9);
	put16(udp + 4, (unsigned)payload);
	sum_l4(&f);
	return f;
}

struct frame frame_icmp(frame_mac dst, frame_mac src, const char *from, const char *to,
	unsigned type, unsigned code) {
	struct frame f = ip(dst, src, from, to, strchr(from, ':') ? 58 : 1, 64);
	uint8_t *icmp = f.bytes + l4(&f);

	fill(&f, l4(&f) + 4);
	icmp[0] = (uint8_t)type;
	icmp[1] = (uint8_t)code;
	// the pattern depends on the place; it must be the same in both families' replies
	for (size_t i = 4; i < 64; i++)
		icmp[i] = (uint8_t)(i * 7);
	sum_l4(&f);
	return f;
}

struct frame frame_syn(
	frame_mac dst, frame_mac src, const char *from, const char *to, unsigned mss) {
	struct frame f = ip(dst, src, from, to, 6, 28);
	uint8_t *tcp = f.bytes + l4(&f);

	put16(tcp, 5000);
	put16(tcp + 2, 80);
	tcp[12] = 7 << 4;
	tcp[13] = 2;
	put16(tcp + 14, 65535);
	memcpy(tcp + 20, (const uint8_t[]){1, 1, 2, 4}, 4);
	put16(tcp + 24, mss);
	tcp[26] = 1;
	sum_l4(&f);
	return f;
}

struct frame frame_tcp(frame_mac dst, frame_mac src, const char *from, const char *to,
	const struct frame_segment *s) {
	size_t header = 20 + s->options_len, payload = s->payload ? strlen(s->payload) : 0;
	struct frame f = ip(dst, src, from, to, 6, header + payload);
	uint8_t *tcp = f.bytes + l4(&f);

	put16(tcp, s->sport);
	put16(tcp + 2, s->dport);
	put16(tcp + 4, s->seq >> 16);
	put16(tcp + 6, s->seq & 0xffff);
	put16(tcp + 8, s->ack >> 16);
	put16(tcp + 10, s->ack & 0xffff);
	tcp[12] = (uint8_t)(header / 4 << 4);
	tcp[13] = (uint8_t)s->flags;
	put16(tcp + 14, s->win);
	if (s->options_len > 0)
		memcpy(tcp + 20, s->options, s->options_len);
	if (payload > 0)
		memcpy(tcp + header, s->payload, payload);
	sum_l4(&f);
	return f;
}

void frame_ttl(struct frame *f, unsigned ttl) {
	f->bytes[L3 + (v6(f) ? 7 : 8)] = (uint8_t)ttl;
	frame_sum(f);
}

void frame_tos(struct frame *f, unsigned tos) {
	if (v6(f))
		put16(f->bytes + L3, 0x6000 | tos << 4);
	else
		f->bytes[L3 + 1] = (uint8_t)tos;
	frame_sum(f);
}

void frame_ports(struct frame *f, uint16_t src, uint16_t dst) {
	put16(f->bytes + l4(f), src);
	put16(f->bytes + l4(f) + 2, dst);
	sum_l4(f);
}

void frame_payload(struct frame *f, unsigned number) {
	put16(f->bytes + f->len - 2, number);
	sum_l4(f);
}

void frame_options(struct frame *f, const uint8_t *options, size_t len) {
	memmove(f->bytes + L3 + 20 + len, f->bytes + L3 + 20, f->len - L3 - 20);
	memcpy(f->bytes + L3 + 20, options, len);
	f->len += len;
	f->bytes[L3] = (uint8_t)(0x45 + len / 4);
	put16(f->bytes + L3 + 2, (unsigned)(f->len - L3));
	frame_sum(f);
}

void frame_dont_fragment(struct frame *f) {
	f->bytes[L3 + 6] |= 0x40;
	frame_sum(f);
}

void frame_fragment(struct frame *f, unsigned offset, bool more) {
	put16(f->bytes + L3 + 6, offset / 8 | (more ? 0x2000 : 0));
	frame_sum(f);
}

void frame_extension(struct frame *f, unsigned p, const uint8_t *bytes, size_t len) {
	memmove(f->bytes + L3 + 40 + len, f->bytes + L3 + 40, f->len - L3 - 40);
	memcpy(f->bytes + L3 + 40, bytes, len);
	f->bytes[L3 + 40] = f->bytes[L3 + 6];
	f->bytes[L3 + 6] = (uint8_t)p;
	f->len += len;
	assert_true(f->len <= sizeof(f->bytes));
	put16(f->bytes + L3 + 4, (unsigned)(f->len - L3 - 40));
}

bool frame_cut(const struct frame *f, unsigned size, unsigned n, unsigned id, struct frame *out) {
	size_t from = l4(f) + n * size, len = f->len - from;
	bool more;

	if (from >= f->len)
		return false;
	more = len > size;
	len = more ? size : len;
	*out = *f;
	memmove(out->bytes + l4(f), f->bytes + from, len);
	out->len = l4(f) + len;
	if (v6(f)) {
		const uint8_t ext[8] = {0, 0, (uint8_t)(n * size >> 8), (uint8_t)(n * size | more),
			(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};

		frame_extension(out, 44, ext, sizeof(ext));
		return true;
	}
	put16(out->bytes + L3 + 2, (unsigned)(out->len - L3));
	put16(out->bytes + L3 + 4, id);
	put16(out->bytes + L3 + 6,
		(f->bytes[L3 + 6] & 0x40u) << 8 | n * size / 8 | (more ? 0x2000 : 0));
	frame_sum(out);
	return true;
}

void frame_hop(struct frame *f, frame_mac dst, frame_mac src) {
	macs(f, dst, src);
	f->bytes[L3 + (v6(f) ? 7 : 8)]--;
	frame_sum(f);
}

// ---- in and out ---------------------------------------------------------------------------------------------------

void frame_send(char port, const struct frame *f) {
	packet_send((const char[]){port, '\0'}, f->bytes, f->len);
	packet_step();
}

bool frame_recv(char port, struct frame *f) {
	uint8_t bytes[PACKET_FRAME_MAX];
	int len = packet_recv((const char[]){port, '\0'}, bytes);

	if (len < 0)
		return false;
	assert_true((size_t)len <= sizeof(f->bytes));
	memcpy(f->bytes, bytes, (size_t)len);
	f->len = (size_t)len;
	return true;
}

void frame_expect(char port, const struct frame *f) {
	packet_expect((const char[]){port, '\0'}, f->bytes, f->len);
}

struct frame frame_error(
	const struct frame *about, unsigned type, unsigned code, unsigned mtu, const char *from) {
	size_t most = v6(about) ? 1280 - 48 : 576 - 28,
	       quote = about->len - L3 < most ? about->len - L3 : most;
	char to[INET6_ADDRSTRLEN];
	uint64_t src = 0, dst = 0;

	inet_ntop(v6(about) ? AF_INET6 : AF_INET, about->bytes + L3 + (v6(about) ? 8 : 12), to,
		sizeof(to));
	for (unsigned i = 0; i < 6; i++) {
		src = src << 8 | about->bytes[6 + i];
		dst = dst << 8 | about->bytes[i];
	}
	struct frame want = ip(src, dst, from, to, v6(about) ? 58 : 1, 8 + quote);
	uint8_t *icmp = want.bytes + l4(&want);
	icmp[0] = (uint8_t)type;
	icmp[1] = (uint8_t)code;
	if (!v6(about) && type == 12)
		icmp[4] = (uint8_t)mtu;
	else
		put16(icmp + 6, mtu);
	memcpy(icmp + 8, about->bytes + L3, quote);
	frame_tos(&want, 0xc0);
	sum_l4(&want);
	return want;
}

void frame_expect_error(char port, const struct frame *about, unsigned type, unsigned code,
	unsigned mtu, const char *from) {
	struct frame want = frame_error(about, type, code, mtu, from);

	frame_expect(port, &want);
}

void frames_drain(void) {
	struct frame f;

	for (char port = 'a'; port <= 'c'; port++)
		while (frame_recv(port, &f))
			;
}
