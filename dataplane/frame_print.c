// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/frame_print.h"
#include "lib/addr.h"
#include "lib/wire.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAX_TAGS 4

struct cursor {
	const uint8_t *at;
	size_t left;
	char *buf;
	size_t size, len;
};

static void say(struct cursor *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct cursor *c, const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(c->buf + c->len, c->size - c->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		c->len = c->len + (size_t)n < c->size ? c->len + (size_t)n : c->size - 1;
}

// The next n bytes, or NULL when the frame is over.
static const uint8_t *take(struct cursor *c, size_t n) {
	const uint8_t *at = c->at;

	if (c->left < n)
		return NULL;
	c->at += n;
	c->left -= n;
	return at;
}

static const char *proto_name(uint8_t proto) {
	switch (proto) {
	case 1:
		return "ICMP";
	case 2:
		return "IGMP";
	case 6:
		return "TCP";
	case 17:
		return "UDP";
	case 47:
		return "GRE";
	case 58:
		return "ICMPv6";
	case 89:
		return "OSPF";
	case 112:
		return "VRRP";
	case 132:
		return "SCTP";
	default:
		return NULL;
	}
}

static void print_l4(struct cursor *c, enum addr_family family, const uint8_t *src,
	const uint8_t *dst, uint8_t proto, bool first) {
	struct addr from = {.family = family}, to = {.family = family};
	size_t n = family == ADDR_V4 ? 4 : 16;
	char a[ADDR_STRLEN], b[ADDR_STRLEN];

	memcpy(from.bytes, src, n);
	memcpy(to.bytes, dst, n);
	addr_print(&from, a);
	addr_print(&to, b);
	bool ports = first && (proto == 6 || proto == 17 || proto == 132);
	const uint8_t *l4 = ports ? take(c, 4) : NULL;
	const char *open = family == ADDR_V6 ? "[" : "", *close = family == ADDR_V6 ? "]" : "";
	if (l4)
		say(c, " %s%s%s:%u > %s%s%s:%u", open, a, close, get16(l4), open, b, close,
			get16(l4 + 2));
	else
		say(c, " %s > %s", a, b);
	if (proto_name(proto))
		say(c, " %s", proto_name(proto));
	else
		say(c, " protocol %u", proto);
	if (!first)
		say(c, " fragment");
}

static void print_ip4(struct cursor *c) {
	const uint8_t *ip = take(c, 20);

	say(c, " IPv4");
	if (!ip)
		return;
	size_t header = (ip[0] & 15) * 4u;
	if (header > 20)
		take(c, header - 20);
	print_l4(c, ADDR_V4, ip + 12, ip + 16, ip[9], (get16(ip + 6) & 0x1fff) == 0);
	say(c, " ttl %u", ip[8]);
}

static void print_ip6(struct cursor *c) {
	const uint8_t *ip = take(c, 40);

	say(c, " IPv6");
	if (!ip)
		return;
	print_l4(c, ADDR_V6, ip + 8, ip + 24, ip[6], true);
	say(c, " hops %u", ip[7]);
}

static void print_arp(struct cursor *c) {
	const uint8_t *arp = take(c, 28);

	say(c, " ARP");
	if (!arp)
		return;
	say(c, " %s %u.%u.%u.%u from %u.%u.%u.%u", get16(arp + 6) == 1 ? "who-has" : "reply",
		arp[24], arp[25], arp[26], arp[27], arp[14], arp[15], arp[16], arp[17]);
}

static void print_payload(struct cursor *c, uint16_t type) {
	if (type == 0x0800)
		print_ip4(c);
	else if (type == 0x86dd)
		print_ip6(c);
	else if (type == 0x0806)
		print_arp(c);
	else if (type < 0x0600)
		say(c, " 802.3 length %u", type);
	else
		say(c, " ethertype 0x%04x", type);
}

char *frame_print(const uint8_t *frame, size_t len, char *buf, size_t size) {
	struct cursor c = {.at = frame, .left = len, .buf = buf, .size = size};
	char src[MAC_STRLEN], dst[MAC_STRLEN];
	struct mac mac[2];

	buf[0] = '\0';
	const uint8_t *eth = take(&c, 14);
	if (!eth) {
		say(&c, "no Ethernet header");
		return buf;
	}
	memcpy(mac, eth, sizeof(mac));
	say(&c, "%s > %s", mac_print(&mac[1], src), mac_print(&mac[0], dst));
	uint16_t type = get16(eth + 12);
	for (int i = 0; i < MAX_TAGS && (type == 0x8100 || type == 0x88a8); i++) {
		const uint8_t *tag = take(&c, 4);
		if (!tag)
			return buf;
		say(&c, " %s %u", type == 0x88a8 ? "s-vlan" : "vlan", get16(tag) & 0xfff);
		type = get16(tag + 2);
	}
	print_payload(&c, type);
	return buf;
}
