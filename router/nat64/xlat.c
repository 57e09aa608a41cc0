// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/nat64/xlat.h"
#include "lib/wire.h"
#include <string.h>

enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58 };

// ---- addresses -------------------------------------------------------------------------------------------------

bool xlat_prefix_ok(unsigned len) {
	return len == 96 || (len >= 32 && len <= 64 && len % 8 == 0);
}

// Byte 8 of an address stays zero (RFC 4291's u bit).
static unsigned place(unsigned len, unsigned i) {
	unsigned at = len / 8 + i;

	return len < 96 && at >= 8 ? at + 1 : at;
}

void xlat_embed(const uint8_t prefix[16], unsigned len, const uint8_t v4[4], uint8_t v6[16]) {
	uint8_t to[16] = {0};

	memcpy(to, prefix, len / 8);
	if (len == 96)
		to[8] = prefix[8];
	for (unsigned i = 0; i < 4; i++)
		to[place(len, i)] = v4[i];
	memcpy(v6, to, 16);
}

void xlat_extract(const uint8_t v6[16], unsigned len, uint8_t v4[4]) {
	for (unsigned i = 0; i < 4; i++)
		v4[i] = v6[place(len, i)];
}

void xlat_embed_like(
	const uint8_t v6[16], const uint8_t v4[4], const uint8_t other[4], uint8_t to[16]) {
	static const uint8_t lens[] = {96, 64, 56, 48, 40, 32};
	uint8_t has[4];

	for (unsigned i = 0; i < sizeof(lens); i++) {
		xlat_extract(v6, lens[i], has);
		if (memcmp(has, v4, 4) != 0)
			continue;
		xlat_embed(v6, lens[i], other, to);
		return;
	}
	xlat_embed(v6, 96, other, to);
}

bool xlat_is_global(const uint8_t v4[4]) {
	switch (v4[0]) {
	case 0:
	case 10:
	case 127:
		return false;
	case 100: // RFC 6598
		return (v4[1] & 0xc0) != 64;
	case 169:
		return v4[1] != 254;
	case 172:
		return (v4[1] & 0xf0) != 16;
	case 192:
		return v4[1] != 168;
	default:
		return v4[0] < 224;
	}
}

// ---- sums --------------------------------------------------------------------------------------------------------

static uint64_t sum(const uint8_t *bytes, size_t n) {
	uint64_t s = 0;

	for (; n >= 2; n -= 2, bytes += 2)
		s += get16(bytes);
	return n ? s + (uint64_t)bytes[0] * 256 : s;
}

static unsigned fold(uint64_t s) {
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (unsigned)s;
}

// What a sum must have added so that `is` stands for `was` (RFC 1624, equation 3).
static unsigned change(uint64_t was, uint64_t is) {
	return fold((uint64_t)(~fold(was) & 0xffff) + fold(is));
}

static uint64_t addresses4(const uint8_t *ip4) {
	return sum(ip4 + 12, 8);
}

static uint64_t addresses6(const uint8_t *ip6) {
	return sum(ip6 + 8, 32);
}

static uint64_t ends_sum(const struct xlat_ends *to, bool v6) {
	size_t n = v6 ? 16 : 4;

	return sum(to->src, n) + sum(to->dst, n);
}

// ---- IP headers --------------------------------------------------------------------------------------------------

void xlat_head4(uint8_t out[XLAT_V4], const uint8_t *ip6, unsigned proto, uint32_t l4_len,
	const struct xlat_ends *to, bool cut, uint16_t id) {
	uint32_t len = XLAT_V4 + l4_len;

	memset(out, 0, XLAT_V4);
	out[0] = 0x45;
	out[1] = (uint8_t)(ip6[0] << 4 | ip6[1] >> 4);
	put16(out + 2, len);
	put16(out + 4, id);
	if (!cut && len > XLAT_DF_MIN)
		out[6] = 0x40;
	out[8] = ip6[7];
	out[9] = (uint8_t)(proto == ICMP6 ? ICMP : proto);
	memcpy(out + 12, to->src, 4);
	memcpy(out + 16, to->dst, 4);
	put16(out + 10, ~fold(sum(out, XLAT_V4)) & 0xffff);
}

void xlat_head6(
	uint8_t out[XLAT_V6], const uint8_t *ip4, uint32_t l4_len, const struct xlat_ends *to) {
	memset(out, 0, XLAT_V6);
	out[0] = (uint8_t)(0x60 | ip4[1] >> 4);
	out[1] = (uint8_t)(ip4[1] << 4);
	put16(out + 4, l4_len);
	out[6] = ip4[9] == ICMP ? ICMP6 : ip4[9];
	out[7] = ip4[8];
	memcpy(out + 8, to->src, 16);
	memcpy(out + 24, to->dst, 16);
}

// ---- upper headers -----------------------------------------------------------------------------------------------

static void check_add(uint8_t *at, unsigned delta) {
	put16(at, ~fold((uint64_t)(~get16(at) & 0xffff) + delta) & 0xffff);
}

static enum xlat_done ports(uint8_t *l4, size_t there, unsigned check_at, unsigned addresses,
	const struct xlat_ends *to, enum xlat_sum kind) {
	uint64_t was = sum(l4, 4);

	memcpy(l4, &to->sport, 2);
	memcpy(l4 + 2, &to->dport, 2);
	if (there < check_at + 2u)
		return XLAT_OK; // quoted, and not all of it
	uint8_t *check = l4 + check_at;
	if (kind == XLAT_PSEUDO) {
		put16(check, fold((uint64_t)get16(check) + addresses));
		return XLAT_OK;
	}
	bool udp = check_at == 6;
	if (udp && get16(check) == 0)
		return XLAT_NO_SUM;
	check_add(check, fold((uint64_t)change(was, sum(l4, 4)) + addresses));
	if (udp && get16(check) == 0)
		put16(check, 0xffff);
	return XLAT_OK;
}

static int echo_type(unsigned type, bool to6) {
	static const uint8_t of4[2] = {8, 0}, of6[2] = {128, 129};

	for (unsigned i = 0; i < 2; i++)
		if (type == (to6 ? of4[i] : of6[i]))
			return to6 ? of6[i] : of4[i];
	return -1;
}

// ICMPv6 sums a pseudo header, ICMP does not.
static enum xlat_done echo(uint8_t *l4, uint64_t pseudo, const struct xlat_ends *to, bool to6) {
	int type = echo_type(l4[0], to6);
	bool request = type == 8 || type == 128;
	uint64_t was = get16(l4) + (uint64_t)get16(l4 + 4);

	if (type < 0)
		return XLAT_NOT;
	l4[0] = (uint8_t)type;
	memcpy(l4 + 4, request ? &to->sport : &to->dport, 2);
	uint64_t is = get16(l4) + (uint64_t)get16(l4 + 4);
	check_add(l4 + 2, to6 ? change(was, is + pseudo) : change(was + pseudo, is));
	return XLAT_OK;
}

enum xlat_done xlat_upper(uint8_t *l4, size_t there, uint32_t l4_len, const uint8_t *ip,
	unsigned proto, const struct xlat_ends *to, enum xlat_sum kind) {
	bool to6 = ip[0] >> 4 == 4;
	uint64_t was = to6 ? addresses4(ip) : addresses6(ip), is = ends_sum(to, to6);
	uint64_t pseudo = (to6 ? is : was) + (l4_len >> 16) + (l4_len & 0xffff) + ICMP6;

	if (there < 8)
		return XLAT_NOT;
	switch (proto) {
	case TCP:
		return ports(l4, there, 16, change(was, is), to, kind);
	case UDP:
		return ports(l4, there, 6, change(was, is), to, kind);
	case ICMP:
		return to6 ? echo(l4, pseudo, to, true) : XLAT_NOT;
	case ICMP6:
		return to6 ? XLAT_NOT : echo(l4, pseudo, to, false);
	default:
		return XLAT_NOT;
	}
}
