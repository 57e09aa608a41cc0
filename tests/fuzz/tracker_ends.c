// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/tracker_ends.h"
#include "lib/wire.h"
#include <arpa/inet.h>
#include <string.h>

struct flow flows[FLOWS], flows_new[FLOWS];
uint32_t number;

struct end end_of(const char *addr, bool v6, uint16_t port) {
	struct end e = {.port = port};

	inet_pton(v6 ? AF_INET6 : AF_INET, addr, e.addr);
	return e;
}

static void flow_init(unsigned f) {
	static const uint8_t kinds[FLOWS / 2] = {TCP, TCP, TCP, UDP, UDP, ICMP, GRE, SCTP};
	struct flow *to = &flows_new[f];
	bool v6 = f & 1, served = f / 2 == 2 || f / 2 == 4;
	uint8_t proto = kinds[f / 2];
	bool ports = proto != GRE;
	uint16_t inside = served ? 8080 : (uint16_t)(1000 + f), outside = (uint16_t)(2000 + f);

	*to = (struct flow){.v6 = v6, .served = served, .proto = proto};
	if (v6 && proto == ICMP)
		to->proto = ICMP6;
	to->inside = end_of(v6 ? "2001:db8:1::9" : "10.1.0.9", v6, ports ? inside : 0);
	to->outside = end_of(v6 ? "2001:db8:2::9" : "10.2.0.9", v6, ports ? outside : 0);
	to->face = end_of(v6 ? "2001:db8:2::1" : "10.2.0.1", v6, served ? 80 : to->inside.port);
	to->guest = to->outside;
	to->scale[0] = to->scale[1] = -1;
	to->next[0] = 0xfffffff0; // wraps soon
	to->next[1] = 5000;
}

bool is_icmp(const struct flow *f) {
	return f->proto == ICMP || f->proto == ICMP6;
}

void flows_init(void) {
	for (unsigned f = 0; f < FLOWS; f++)
		flow_init(f);
}

// ---- frames -----------------------------------------------------------------------------------------------------------

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

struct view view_of(const uint8_t *ip) {
	bool v6 = ip[0] >> 4 == 6;
	struct view v = {ip, v6, v6 ? ip[6] : ip[9], v6 ? 40 : (ip[0] & 15u) * 4,
		v6 ? 40 + get16(ip + 4) : get16(ip + 2)};

	return v;
}

const uint8_t *view_src(const struct view *v) {
	return v->ip + (v->v6 ? 8 : 12);
}

size_t addr_size(bool v6) {
	return v6 ? 16 : 4;
}

static uint32_t pseudo(const struct view *v) {
	if (v->proto == ICMP)
		return 0;
	return sum(0, view_src(v), 2 * addr_size(v->v6)) + (uint32_t)(v->len - v->l4) + v->proto;
}

unsigned sum_at(unsigned proto) {
	return proto == UDP ? 6 : proto == TCP ? 16 : proto == ICMP || proto == ICMP6 ? 2 : 0;
}

unsigned upper_sum(const struct view *v) {
	return fold(sum(pseudo(v), v->ip + v->l4, v->len - v->l4));
}

unsigned header_sum(const struct view *v) {
	return v->v6 ? 0 : fold(sum(0, v->ip, v->l4));
}

void sums_set(uint8_t *ip) {
	struct view v = view_of(ip);
	unsigned at = sum_at(v.proto);

	if (!v.v6) {
		put16(ip + 10, 0);
		put16(ip + 10, header_sum(&v));
	}
	if (at == 0)
		return;
	put16(ip + v.l4 + at, 0);
	unsigned right = upper_sum(&v);
	put16(ip + v.l4 + at, right == 0 && v.proto == UDP ? 0xffff : right);
}

uint8_t *headers(struct frame *f, unsigned port, bool v6, unsigned proto, const uint8_t *src,
	const uint8_t *dst, size_t len) {
	uint8_t *ip = f->bytes + L3;

	memset(f->bytes, 0, L3 + 60);
	memcpy(f->bytes, (uint8_t[]){2, 0, 0, 0, 1, 1, 2, 0, 0, 0, (uint8_t)(port + 1), 9}, 12);
	put16(f->bytes + 12, v6 ? 0x86dd : 0x0800);
	ip[0] = v6 ? 0x60 : 0x45;
	ip[v6 ? 6 : 9] = (uint8_t)proto;
	ip[v6 ? 7 : 8] = 64;
	if (v6)
		put16(ip + 4, (unsigned)len);
	else
		put16(ip + 2, (unsigned)(20 + len));
	memcpy(ip + (v6 ? 8 : 12), src, addr_size(v6));
	memcpy(ip + (v6 ? 8 : 12) + addr_size(v6), dst, addr_size(v6));
	f->len = L3 + (v6 ? 40 : 20) + len;
	return ip + (v6 ? 40 : 20);
}

// ---- what a step says -----------------------------------------------------------------------------------------------------

static const uint8_t flag_words[16] = {0x10, 0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x10, 0x02,
	0x12, 0x11, 0x00, 0x29, 0x03, 0x06};
static const uint32_t deltas[16] = {0, 0, 0, 0, 0, 0, 0, 0, 1, (uint32_t)-1, 100, (uint32_t)-100,
	8192, (uint32_t)-65536, 0x40000000, 0x7fffffff};
static const uint16_t lengths[8] = {4, 4, 5, 40, 100, 1000, 1400, 6};
static const uint16_t windows[8] = {65535, 8192, 1, 0, 100, 1460, 30000, 65535};
static const int8_t scales[4] = {-1, 0, 7, 14};

struct step step_read(const uint8_t *data) {
	struct step s = {.what = data[0] >> 4,
		.flow = data[0] & 15,
		.dir = data[1] & 1,
		.flags = flag_words[data[1] >> 1 & 15],
		.no_sum = data[1] & 0x20,
		.dying = (data[1] & 0xc0) == 0xc0,
		.payload = lengths[data[3] & 7]};
	const struct flow *f = &flows[s.flow];

	s.seg = (struct tcp_seg){.seq = f->next[s.dir] + deltas[data[2] & 15],
		.ack = f->heard[s.dir] + deltas[data[2] >> 4],
		.flags = (uint8_t)s.flags,
		.win = windows[data[3] >> 3 & 7],
		.scale = s.flags & TCP_SYN ? scales[data[3] >> 6] : (int8_t)-1};
	// an end of TCP says nothing while it opens or breaks off
	if (f->proto == TCP && (s.flags & (TCP_SYN | TCP_RST) || data[3] % 8 < 2))
		s.payload = 0;
	s.seg.len = (uint32_t)s.payload;
	return s;
}

static size_t tcp_write(uint8_t *l4, const struct tcp_seg *seg) {
	unsigned size = seg->scale >= 0 ? 24 : 20;

	put32(l4 + 4, seg->seq);
	put32(l4 + 8, seg->flags & TCP_ACK ? seg->ack : 0);
	l4[12] = (uint8_t)(size / 4 << 4);
	l4[13] = seg->flags;
	put16(l4 + 14, seg->win);
	if (seg->scale >= 0)
		memcpy(l4 + 20, (uint8_t[]){1, 3, 3, (uint8_t)seg->scale}, 4);
	return size;
}

// A question goes as one, its answer too, unless the step asks for the other.
static void icmp_write(uint8_t *l4, const struct flow *f, const struct step *s, unsigned id) {
	bool answer = (s->dir == 1) != (s->flags == 0x29);

	l4[0] = f->v6 ? answer ? 129 : 128 : answer ? 0 : 8;
	put16(l4 + 4, id);
	put16(l4 + 6, 7);
}

static size_t upper_size(const struct flow *f, const struct step *s) {
	return f->proto == TCP     ? s->seg.scale >= 0 ? 24 : 20
		: f->proto == SCTP ? 12
		: f->proto == GRE  ? 4
				   : 8;
}

void frame_make(struct frame *to, const struct flow *f, const struct step *s) {
	const struct end *src = s->dir ? &f->outside : &f->inside,
			 *dst = s->dir ? &f->face : &f->guest;
	size_t size = upper_size(f, s), len = size + s->payload;
	uint8_t *l4 = headers(to, s->dir, f->v6, f->proto, src->addr, dst->addr, len);

	memset(l4, 0, len);
	for (size_t i = size; i < len; i++)
		l4[i] = (uint8_t)(i * 7 + number);
	if (s->payload >= 4)
		put32(l4 + len - 4, number);
	if (is_icmp(f)) {
		icmp_write(l4, f, s, s->dir ? dst->port : src->port);
	} else if (f->proto != GRE) {
		put16(l4, src->port);
		put16(l4 + 2, dst->port);
	}
	if (f->proto == UDP)
		put16(l4 + 4, (unsigned)len);
	if (f->proto == TCP)
		tcp_write(l4, &s->seg);
	if (s->dying)
		to->bytes[L3 + (f->v6 ? 7 : 8)] = 1;
	sums_set(to->bytes + L3);
	if (s->no_sum && f->proto == UDP && !f->v6)
		put16(l4 + 6, 0);
}
