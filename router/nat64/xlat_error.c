// SPDX-License-Identifier: BSD-3-Clause
// pure
// ICMP errors and what they quote: RFC 7915 sections 4.2, 4.3, 5.2, 5.3. Written anew, checksums over all of it: there are few of them.
#include "lib/wire.h"
#include "router/nat64/xlat.h"
#include <string.h>

enum { ICMP = 1, ICMP6 = 58, HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, OPTIONS = 60 };
enum { HEADER = 8, ERROR4_MAX = 576, EXTENSIONS = 8, MTU6_MIN = 1280, MTU4_MIN = 68 };

struct error {
	uint8_t type, code;
	uint32_t value; // the second word
};

// ---- types, codes, pointers ----------------------------------------------------------------------------------------

// Where of an IPv6 header what an IPv4 header has there (section 4.2, figure 3); -1: nowhere.
static int pointer6(unsigned at) {
	static const int8_t places[20] = {
		0, 1, 4, 4, -1, -1, -1, -1, 7, 6, -1, -1, 8, 8, 8, 8, 24, 24, 24, 24};

	return at < sizeof(places) ? places[at] : -1;
}

static int pointer4(unsigned at) { // section 5.2, figure 6
	static const int8_t places[8] = {0, 1, -1, -1, 2, 2, 9, 8};

	if (at < sizeof(places))
		return places[at];
	return at < 24 ? 12 : at < 40 ? 16 : -1;
}

// RFC 1191 section 7.1: a router that does not say how much says at least that it was less than this.
static uint32_t plateau(uint32_t len) {
	static const uint16_t steps[] = {
		65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i] < len)
			return steps[i];
	return MTU4_MIN;
}

static bool unreachable6(unsigned code, struct error *e) {
	switch (code) {
	case 0:
	case 1:
	case 5 ... 8:
	case 11:
	case 12:
		*e = (struct error){1, 0, 0};
		return true;
	case 2: // the next header is the one that nobody knows
		*e = (struct error){4, 1, 6};
		return true;
	case 3:
		*e = (struct error){1, 4, 0};
		return true;
	case 9:
	case 10:
	case 13:
	case 15:
		*e = (struct error){1, 1, 0};
		return true;
	default:
		return false;
	}
}

// `quoted`: bytes of the packet that it is about. `mtu`: of IPv6 packets, by the next hops.
static bool error6(const uint8_t *icmp, uint32_t quoted, uint32_t mtu, struct error *e) {
	uint32_t said = get16(icmp + 6);
	int at;

	switch (icmp[0]) {
	case 3:
		if (icmp[1] != 4)
			return unreachable6(icmp[1], e);
		said = (said ? said : plateau(quoted)) + XLAT_V6 - XLAT_V4;
		if (mtu && mtu < said)
			said = mtu;
		*e = (struct error){2, 0, said < MTU6_MIN ? MTU6_MIN : said};
		return true;
	case 11:
		*e = (struct error){3, icmp[1], 0};
		return true;
	case 12:
		at = icmp[1] == 0 || icmp[1] == 2 ? pointer6(icmp[4]) : -1;
		*e = (struct error){4, 0, (uint32_t)at};
		return at >= 0;
	default:
		return false;
	}
}

static bool error4(const uint8_t *icmp, uint32_t mtu, struct error *e) {
	static const uint8_t codes[5] = {1, 10, 1, 1, 3};
	uint32_t value = (uint32_t)get16(icmp + 4) << 16 | get16(icmp + 6);
	int at;

	switch (icmp[0]) {
	case 1:
		*e = (struct error){3, icmp[1] < 5 ? codes[icmp[1]] : 0, 0};
		return icmp[1] < 5;
	case 2:
		value = value < MTU4_MIN + XLAT_V4 ? MTU4_MIN : value - (XLAT_V6 - XLAT_V4);
		if (mtu && mtu < value)
			value = mtu;
		*e = (struct error){3, 4, value > 65535 ? 65535 : value};
		return true;
	case 3:
		*e = (struct error){11, icmp[1], 0};
		return true;
	case 4:
		if (icmp[1] == 1) {
			*e = (struct error){3, 2, 0};
			return true;
		}
		at = icmp[1] == 0 ? pointer4(value) : -1;
		*e = (struct error){12, 0, (uint32_t)at << 24};
		return at >= 0;
	default:
		return false;
	}
}

// ---- what it quotes ------------------------------------------------------------------------------------------------

struct quote {
	const uint8_t *ip;
	size_t len;         // bytes that are there
	size_t upper;       // where its upper header is
	uint32_t upper_len; // by its IP header's word
	unsigned proto;
};

static bool quote4(struct quote *q) {
	size_t header;

	if (q->len < XLAT_V4 || q->ip[0] >> 4 != 4)
		return false;
	header = (q->ip[0] & 15u) * 4;
	if (header < XLAT_V4 || q->len < header + HEADER || get16(q->ip + 2) < header + HEADER ||
		(get16(q->ip + 6) & 0x1fff))
		return false;
	q->upper = header;
	q->upper_len = get16(q->ip + 2) - (uint32_t)header;
	q->proto = q->ip[9];
	return true;
}

static bool quote6(struct quote *q) {
	size_t at = XLAT_V6;
	unsigned proto;

	if (q->len < XLAT_V6 + HEADER || q->ip[0] >> 4 != 6)
		return false;
	proto = q->ip[6];
	for (unsigned n = 0;
		proto == HOP_BY_HOP || proto == ROUTING || proto == OPTIONS || proto == FRAGMENT;
		n++) {
		if (n == EXTENSIONS || at + 8 > q->len ||
			(proto == FRAGMENT && get16(q->ip + at + 2) & 0xfff8))
			return false;
		size_t size = proto == FRAGMENT ? 8 : 8 + q->ip[at + 1] * 8u;
		proto = q->ip[at];
		at += size;
	}
	if (at + HEADER > q->len || XLAT_V6 + get16(q->ip + 4) < at + HEADER)
		return false;
	q->upper = at;
	q->upper_len = (uint32_t)(XLAT_V6 + get16(q->ip + 4) - at);
	q->proto = proto;
	return true;
}

// RFC 4884: what follows so many words of the quoted packet is something else.
static size_t quoted_len(const uint8_t *icmp, size_t len, bool v4) {
	bool may =
		v4 ? icmp[0] == 3 || icmp[0] == 11 || icmp[0] == 12 : icmp[0] == 1 || icmp[0] == 3;
	size_t said = may ? (v4 ? icmp[5] * 4u : icmp[4] * 8u) : 0;

	return said > 0 && said < len ? said : len;
}

// The quoted packet as the other side knows it: it went the other way. Bytes written, 0: it cannot be.
static size_t quote_write(
	const struct quote *q, const struct xlat_ends *to, bool to6, uint8_t *out, size_t room) {
	struct xlat_ends back = {.sport = to->dport, .dport = to->sport};
	size_t head = to6 ? XLAT_V6 : XLAT_V4, n = q->len - q->upper;

	memcpy(back.src, to->dst, 16);
	memcpy(back.dst, to->src, 16);
	if (n > room - head)
		n = room - head;
	memcpy(out + head, q->ip + q->upper, n);
	if (xlat_upper(out + head, n, q->upper_len, q->ip, q->proto, &back, XLAT_WHOLE) == XLAT_NOT)
		return 0;
	if (to6)
		xlat_head6(out, q->ip, q->upper_len, &back);
	else
		xlat_head4(out, q->ip, q->proto, q->upper_len, &back, false, 0);
	return head + n;
}

// ---- the whole -----------------------------------------------------------------------------------------------------

static unsigned check(const uint8_t *bytes, size_t n, uint64_t s) {
	for (size_t i = 0; i + 1 < n; i += 2)
		s += get16(bytes + i);
	if (n % 2)
		s += (uint64_t)bytes[n - 1] * 256;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return ~(unsigned)s & 0xffff;
}

static uint64_t words(const uint8_t *bytes, size_t n) {
	return (uint64_t)(~check(bytes, n, 0) & 0xffff);
}

size_t xlat_error(const uint8_t *ip, size_t len, size_t l4, const struct xlat_ends *to,
	const uint8_t from[16], uint32_t mtu, uint8_t out[XLAT_ERROR_MAX]) {
	struct quote q = {.ip = ip + l4 + HEADER};
	struct xlat_ends outer = *to;
	struct error e;

	if (len < XLAT_V4 || l4 < XLAT_V4 || l4 + HEADER > len)
		return 0;
	bool to6 = ip[0] >> 4 == 4;
	const uint8_t *icmp = ip + l4;
	size_t head = to6 ? XLAT_V6 : XLAT_V4, most = to6 ? XLAT_ERROR_MAX : ERROR4_MAX;
	q.len = quoted_len(icmp, len - l4 - HEADER, to6);
	if (to6 ? ip[9] != ICMP : len < XLAT_V6)
		return 0;
	if (check(icmp, len - l4, to6 ? 0 : words(ip + 8, 32) + len - l4 + ICMP6) != 0)
		return 0; // the sums are made anew: what was broken must not look whole
	if (!(to6 ? quote4(&q) : quote6(&q)) ||
		!(to6 ? error6(icmp, get16(q.ip + 2), mtu, &e) : error4(icmp, mtu, &e)))
		return 0;
	uint8_t *to_icmp = out + head;
	size_t n = quote_write(&q, to, to6, to_icmp + HEADER, most - head - HEADER);
	if (n == 0)
		return 0;
	n += HEADER;
	memcpy(outer.src, from, 16);
	if (to6)
		xlat_head6(out, ip, (uint32_t)n, &outer);
	else
		xlat_head4(out, ip, ICMP6, (uint32_t)n, &outer, true, 0);
	memset(to_icmp, 0, HEADER);
	to_icmp[0] = e.type;
	to_icmp[1] = e.code;
	put16(to_icmp + 4, e.value >> 16);
	put16(to_icmp + 6, e.value & 0xffff);
	put16(to_icmp + 2, check(to_icmp, n, to6 ? words(out + 8, 32) + n + ICMP6 : 0));
	return head + n;
}
