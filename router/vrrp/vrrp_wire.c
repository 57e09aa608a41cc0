// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/vrrp/vrrp_wire.h"
#include "lib/wire.h"
#include <string.h>

#define ETHERNET 14
#define IP4      20
#define IP6      40
#define HEADER   8
#define CONTROL  0xc0 // class selector 6: network control (RFC 2474)

static const uint8_t group4[4] = {224, 0, 0, 18};
static const uint8_t group6[16] = {0xff, 2, [15] = 0x12};

static size_t width(enum addr_family family) {
	return family == ADDR_V4 ? 4 : 16;
}

struct mac vrrp_mac(enum addr_family family, unsigned vrid) {
	return (struct mac){{0, 0, 0x5e, 0, family == ADDR_V4 ? 1 : 2, (uint8_t)vrid}};
}

struct addr vrrp_link_local(unsigned vrid) {
	struct mac mac = vrrp_mac(ADDR_V6, vrid);
	const uint8_t *b = mac.bytes;

	return (struct addr){
		ADDR_V6, {0xfe, 0x80, [8] = b[0] ^ 2, b[1], b[2], 0xff, 0xfe, b[3], b[4], b[5]}};
}

// ---- checksums ----------------------------------------------------------------------------------------------

static uint64_t sum16(const uint8_t *at, size_t len) {
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(at + i);
	return len & 1 ? sum + (uint64_t)at[len - 1] * 256 : sum;
}

static unsigned fold(uint64_t sum) {
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~(unsigned)sum & 0xffff;
}

// The pseudo-header of RFC 8200 section 8.1; for IPv4, as RFC 5798 has been read, the same with shorter addresses.
static uint64_t pseudo_sum(const uint8_t *ip, size_t len) {
	return (ip[0] >> 4 == 4 ? sum16(ip + 12, 8) : sum16(ip + 8, 32)) + VRRP_PROTO + len;
}

// RFC 5798 was read both ways for IPv4, and RFC 9568 leaves the pseudo-header out: either is taken.
static bool is_summed(const uint8_t *ip, const uint8_t *at, size_t len) {
	uint64_t sum = sum16(at, len);

	return fold(sum + pseudo_sum(ip, len)) == 0 || (ip[0] >> 4 == 4 && fold(sum) == 0);
}

// ---- decode -------------------------------------------------------------------------------------------------

static struct addr addr_of(enum addr_family family, const uint8_t *at) {
	struct addr addr = {.family = family};

	memcpy(addr.bytes, at, width(family));
	return addr;
}

static void addrs_take(struct vrrp_packet *p, const uint8_t *at) {
	for (; p->n_addrs < p->count && p->n_addrs < VRRP_ADDRS; p->n_addrs++)
		p->addrs[p->n_addrs] =
			addr_of(p->src.family, at + p->n_addrs * width(p->src.family));
}

static enum vrrp_fault message_decode(
	const uint8_t *ip, const uint8_t *at, size_t len, struct vrrp_packet *p) {
	if (len < HEADER)
		return VRRP_SHORT;
	if (at[0] >> 4 != 3)
		return VRRP_VERSION;
	if ((at[0] & 15) != 1)
		return VRRP_TYPE;
	if (len < HEADER + at[3] * width(p->src.family))
		return VRRP_SHORT;
	if (!is_summed(ip, at, len))
		return VRRP_CHECKSUM;
	p->vrid = at[1];
	p->priority = at[2];
	p->count = at[3];
	p->interval_cs = (uint16_t)(get16(at + 4) & VRRP_CS_MAX);
	if (p->count == 0)
		return VRRP_COUNT;
	if (p->interval_cs == 0)
		return VRRP_INTERVAL;
	addrs_take(p, at + HEADER);
	return VRRP_OK;
}

static enum vrrp_fault decode4(const uint8_t *ip, size_t len, struct vrrp_packet *p) {
	size_t header = (ip[0] & 15u) * 4, total;

	if (len < IP4 || header < IP4 || get16(ip + 2) > len || get16(ip + 2) < header)
		return VRRP_SHORT;
	total = get16(ip + 2);
	if (ip[9] != VRRP_PROTO || memcmp(ip + 16, group4, sizeof(group4)) != 0)
		return VRRP_DESTINATION;
	if (ip[8] != 255)
		return VRRP_TTL;
	p->src = addr_of(ADDR_V4, ip + 12);
	return message_decode(ip, ip + header, total - header, p);
}

static enum vrrp_fault decode6(const uint8_t *ip, size_t len, struct vrrp_packet *p) {
	if (len < IP6 || IP6 + (size_t)get16(ip + 4) > len)
		return VRRP_SHORT;
	if (ip[6] != VRRP_PROTO || memcmp(ip + 24, group6, sizeof(group6)) != 0)
		return VRRP_DESTINATION;
	if (ip[7] != 255)
		return VRRP_TTL;
	p->src = addr_of(ADDR_V6, ip + 8);
	return message_decode(ip, ip + IP6, get16(ip + 4), p);
}

enum vrrp_fault vrrp_decode(const uint8_t *ip, size_t len, struct vrrp_packet *packet) {
	*packet = (struct vrrp_packet){0};
	if (len == 0)
		return VRRP_SHORT;
	if (ip[0] >> 4 == 4)
		return decode4(ip, len, packet);
	return ip[0] >> 4 == 6 ? decode6(ip, len, packet) : VRRP_SHORT;
}

// ---- encode -------------------------------------------------------------------------------------------------

static void header4(uint8_t *ip, const struct addr *src, size_t len) {
	ip[0] = 0x45;
	ip[1] = CONTROL;
	put16(ip + 2, (unsigned)(IP4 + len));
	put16(ip + 6,
		0x4000); // never fragmented, so that its identification may be zero (RFC 6864)
	ip[8] = 255;
	ip[9] = VRRP_PROTO;
	memcpy(ip + 12, src->bytes, 4);
	memcpy(ip + 16, group4, sizeof(group4));
	put16(ip + 10, fold(sum16(ip, IP4)));
}

static void header6(uint8_t *ip, const struct addr *src, size_t len) {
	put16(ip, 6u << 12 | CONTROL << 4);
	put16(ip + 4, (unsigned)len);
	ip[6] = VRRP_PROTO;
	ip[7] = 255;
	memcpy(ip + 8, src->bytes, 16);
	memcpy(ip + 24, group6, sizeof(group6));
}

static void ethernet(uint8_t *frame, enum addr_family family, unsigned vrid) {
	static const uint8_t groups[2][6] = {{1, 0, 0x5e, 0, 0, 0x12}, {0x33, 0x33, 0, 0, 0, 0x12}};
	struct mac mac = vrrp_mac(family, vrid);

	memcpy(frame, groups[family == ADDR_V6], 6);
	memcpy(frame + 6, mac.bytes, 6);
	put16(frame + 12, family == ADDR_V4 ? 0x0800 : 0x86dd);
}

size_t vrrp_encode(
	const struct vrrp_packet *packet, bool pseudo, uint8_t frame[static VRRP_FRAME_MAX]) {
	bool v4 = packet->src.family == ADDR_V4;
	uint8_t *ip = frame + ETHERNET, *at = ip + (v4 ? IP4 : IP6);
	size_t each = width(packet->src.family), len = HEADER + packet->n_addrs * each;
	uint64_t sum;

	memset(frame, 0, VRRP_FRAME_MAX);
	ethernet(frame, packet->src.family, packet->vrid);
	if (v4)
		header4(ip, &packet->src, len);
	else
		header6(ip, &packet->src, len);
	at[0] = 3 << 4 | 1;
	at[1] = packet->vrid;
	at[2] = packet->priority;
	at[3] = (uint8_t)packet->n_addrs;
	put16(at + 4, packet->interval_cs);
	for (unsigned i = 0; i < packet->n_addrs; i++)
		memcpy(at + HEADER + i * each, packet->addrs[i].bytes, each);
	sum = sum16(at, len);
	put16(at + 6, fold(v4 && !pseudo ? sum : sum + pseudo_sum(ip, len)));
	return (size_t)(at - frame) + len;
}
