// SPDX-License-Identifier: BSD-3-Clause
// Neighbour discovery byte by byte. The frames were made by another implementation.
#include "router/neigh/nd.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
// cmocka.h needs the four above
#include <cmocka.h>

enum { ETHERNET = 14, IP = 40, ICMP = ETHERNET + IP };

static const struct mac me = {{2, 0, 0, 0, 0, 1}}, you = {{2, 0, 0, 0, 0, 9}};

#define BYTES(text) text, sizeof(text) - 1

static const char solicitation[] =
	"\x33\x33\xff\x02\x00\x03\x02\x00\x00\x00\x00\x01\x86\xdd\x60\x00"
	"\x00\x00\x00\x20\x3a\xff\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x01\xff\x02\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x01\xff\x02\x00\x03\x87\x00\x1b\x20\x00\x00\x00\x00\x20\x01"
	"\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x01\x01\x02\x00\x03\x01\x01"
	"\x02\x00\x00\x00\x00\x01";
static const char probe[] = "\x33\x33\xff\x02\x00\x03\x02\x00\x00\x00\x00\x01\x86\xdd\x60\x00"
			    "\x00\x00\x00\x20\x3a\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
			    "\x00\x00\x00\x00\x00\x00\xff\x02\x00\x00\x00\x00\x00\x00\x00\x00"
			    "\x00\x01\xff\x02\x00\x03\x87\x00\x34\xcf\x00\x00\x00\x00\x20\x01"
			    "\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x01\x01\x02\x00\x03\x0e\x01"
			    "\x01\x02\x03\x04\x05\x06";
static const char advertisement[] =
	"\x02\x00\x00\x00\x00\x09\x02\x00\x00\x00\x00\x01\x86\xdd\x60\x00"
	"\x00\x00\x00\x20\x3a\xff\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x01\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x09\x88\x00\x98\x14\xe0\x00\x00\x00\xfe\x80"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x01"
	"\x02\x00\x00\x00\x00\x01";
static const char router_advertisement[] =
	"\x33\x33\x00\x00\x00\x01\x02\x00\x00\x00\x00\x01\x86\xdd\x60\x00"
	"\x00\x00\x00\x58\x3a\xff\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x01\xff\x02\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x01\x86\x00\x2b\x09\x40\x48\x07\x08\x00\x00"
	"\x75\x30\x00\x00\x03\xe8\x01\x01\x02\x00\x00\x00\x00\x01\x05\x01"
	"\x00\x00\x00\x00\x05\xdc\x03\x04\x40\xc0\x00\x27\x8d\x00\x00\x09"
	"\x3a\x80\x00\x00\x00\x00\x20\x01\x0d\xb8\x00\x01\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x19\x03\x00\x00\x00\x00\x02\x58\x20\x01"
	"\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x53";
// Routes ::/0, 2001:db8:5::/48 and 2001:db8:6:0:8000::/65; branch.example and a-1.b_2.example.com.
static const char routes_and_domains[] =
	"\x33\x33\x00\x00\x00\x01\x02\x00\x00\x00\x00\x01\x86\xdd\x60\x00"
	"\x00\x00\x00\x80\x3a\xff\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x01\xff\x02\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x01\x86\x00\x50\x35\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x01\x01\x02\x00\x00\x00\x00\x01\x18\x01"
	"\x00\x18\x00\x00\x00\x3c\x18\x02\x30\x08\x00\x00\x07\x08\x20\x01"
	"\x0d\xb8\x00\x05\x00\x00\x18\x03\x41\x00\xff\xff\xff\xff\x20\x01"
	"\x0d\xb8\x00\x06\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00\x1f\x03"
	"\x00\x00\x00\x00\x02\x58\x06\x62\x72\x61\x6e\x63\x68\x07\x65\x78"
	"\x61\x6d\x70\x6c\x65\x00\x1f\x04\x00\x00\x00\x00\x01\x2c\x03\x61"
	"\x2d\x31\x03\x62\x5f\x32\x07\x65\x78\x61\x6d\x70\x6c\x65\x03\x63"
	"\x6f\x6d\x00\x00\x00\x00";
static const char router_solicitation[] =
	"\x33\x33\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x86\xdd\x60\x00"
	"\x00\x00\x00\x10\x3a\xff\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x01\xff\x02\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x02\x85\x00\x7a\x2c\x00\x00\x00\x00\x01\x01"
	"\x02\x00\x00\x00\x00\x01";

static struct addr addr(const char *text) {
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct nd solicitation_of(void) {
	struct nd nd = {.type = ND_NS,
		.src = addr("2001:db8::1"),
		.target = addr("2001:db8::1:102:3"),
		.has_mac = true,
		.mac = me};

	nd.dst = nd_solicited_node(&nd.target);
	return nd;
}

static struct nd advertised_router(void) {
	struct nd nd = {.type = ND_RA, .src = addr("fe80::1"), .dst = nd_all_nodes};

	nd.has_mac = true;
	nd.mac = me;
	nd.ra = (struct nd_router){.hop_limit = 64,
		.other = true,
		.preference = 1,
		.lifetime_s = 1800,
		.reachable_ms = 30000,
		.retrans_ms = 1000,
		.mtu = 1500,
		.n_prefixes = 1,
		.n_servers = 1};
	nd.ra.prefixes[0] = (struct nd_prefix){.prefix = {addr("2001:db8:1::7"), 64},
		.on_link = true,
		.autonomous = true,
		.valid_s = 2592000,
		.preferred_s = 604800};
	nd.ra.servers[0] = (struct nd_server){addr("2001:db8::53"), 600};
	return nd;
}

static void assert_encodes(
	const struct nd *nd, const struct mac *to, const char *want, size_t len) {
	uint8_t frame[ND_FRAME_MAX];

	memset(frame, 0x5a, sizeof(frame));
	assert_int_equal(nd_encode(nd, &me, to, frame), len);
	assert_memory_equal(frame, want, len);
}

static void encodes(void **) {
	struct nd nd = solicitation_of();

	assert_encodes(&nd, NULL, BYTES(solicitation));
	nd.src = addr("::");
	nd.has_mac = false;
	nd.has_nonce = true;
	memcpy(nd.nonce, "\1\2\3\4\5\6", ND_NONCE);
	assert_encodes(&nd, NULL, BYTES(probe));
	nd = (struct nd){.type = ND_NA,
		.src = addr("fe80::1"),
		.dst = addr("fe80::9"),
		.target = addr("fe80::1"),
		.router = true,
		.solicited = true,
		.override = true,
		.has_mac = true,
		.mac = me};
	assert_encodes(&nd, &you, BYTES(advertisement));
	nd = (struct nd){.type = ND_RS,
		.src = addr("fe80::1"),
		.dst = nd_all_routers,
		.has_mac = true,
		.mac = me};
	assert_encodes(&nd, NULL, BYTES(router_solicitation));
	nd = advertised_router();
	assert_encodes(&nd, NULL, BYTES(router_advertisement));
}

static enum nd_fault decode(const void *frame, size_t len, struct nd *nd) {
	return nd_decode((const uint8_t *)frame + ETHERNET, len - ETHERNET, false, nd);
}

static void assert_addr(const struct addr *a, const char *text) {
	struct addr want = addr(text);

	assert_int_equal(addr_cmp(a, &want), 0);
}

static void decodes_neighbours(void **) {
	struct nd nd;

	assert_int_equal(decode(BYTES(solicitation), &nd), ND_OK);
	assert_int_equal(nd.type, ND_NS);
	assert_addr(&nd.src, "2001:db8::1");
	assert_addr(&nd.dst, "ff02::1:ff02:3");
	assert_addr(&nd.target, "2001:db8::1:102:3");
	assert_true(nd.has_mac);
	assert_memory_equal(&nd.mac, &me, sizeof(me));
	assert_false(nd.has_nonce);
	assert_int_equal(decode(BYTES(probe), &nd), ND_OK);
	assert_true(nd_is_unspecified(&nd.src));
	assert_false(nd.has_mac);
	assert_memory_equal(nd.nonce, "\1\2\3\4\5\6", ND_NONCE);
	assert_int_equal(decode(BYTES(advertisement), &nd), ND_OK);
	assert_int_equal(nd.type, ND_NA);
	assert_true(nd.router && nd.solicited && nd.override && nd.has_mac);
	assert_addr(&nd.target, "fe80::1");
	assert_int_equal(decode(BYTES(router_solicitation), &nd), ND_OK);
	assert_int_equal(nd.type, ND_RS);
	assert_true(nd.has_mac);
}

static void decodes_routers(void **) {
	struct nd nd;

	assert_int_equal(decode(BYTES(router_advertisement), &nd), ND_OK);
	assert_int_equal(nd.type, ND_RA);
	assert_int_equal(nd.ra.hop_limit, 64);
	assert_false(nd.ra.managed);
	assert_true(nd.ra.other);
	assert_int_equal(nd.ra.preference, 1);
	assert_int_equal(nd.ra.lifetime_s, 1800);
	assert_int_equal(nd.ra.reachable_ms, 30000);
	assert_int_equal(nd.ra.retrans_ms, 1000);
	assert_int_equal(nd.ra.mtu, 1500);
	assert_int_equal(nd.ra.n_prefixes, 1);
	assert_addr(&nd.ra.prefixes[0].prefix.addr, "2001:db8:1::");
	assert_int_equal(nd.ra.prefixes[0].prefix.len, 64);
	assert_true(nd.ra.prefixes[0].on_link && nd.ra.prefixes[0].autonomous);
	assert_int_equal(nd.ra.prefixes[0].valid_s, 2592000);
	assert_int_equal(nd.ra.prefixes[0].preferred_s, 604800);
	assert_int_equal(nd.ra.n_servers, 1);
	assert_addr(&nd.ra.servers[0].addr, "2001:db8::53");
	assert_int_equal(nd.ra.servers[0].lifetime_s, 600);
}

// ---- what is refused ----------------------------------------------------------------------------------------

// Sums as RFC 1071 says, bytes paired by hand: not the code that is tested.
static void checksum_set(uint8_t *frame, size_t len) {
	uint32_t sum = (uint32_t)(len - ICMP) + 58;

	frame[ICMP + 2] = frame[ICMP + 3] = 0;
	for (size_t i = ETHERNET + 8; i < len; i++)
		sum += i % 2 ? frame[i] : (uint32_t)frame[i] << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
	frame[ICMP + 2] = (uint8_t)(sum >> 8);
	frame[ICMP + 3] = (uint8_t)sum;
}

struct wrong {
	const char *name, *frame;
	size_t size;
	unsigned at, len;
	const char *bytes;
	enum nd_fault fault;
};

enum { SRC_AT = 22, DST_AT = 38, CODE_AT = ICMP + 1, FLAGS_AT = ICMP + 4, TARGET_AT = ICMP + 8 };
#define NS_OPTION_AT (ICMP + 24)
#define RA_PREFIX_AT (ICMP + 16 + 16)
#define ZERO16       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define ONE16        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"

static const struct wrong wrongs[] = {
	{"unchanged", BYTES(solicitation), 0, 0, "", ND_OK},
	{"IPv4's version", BYTES(solicitation), 14, 1, "\x40", ND_SHORT},
	{"UDP", BYTES(solicitation), 20, 1, "\x11", ND_OTHER},
	{"echo", BYTES(solicitation), ICMP, 1, "\x80", ND_OTHER},
	{"redirect", BYTES(solicitation), ICMP, 1, "\x89", ND_OTHER},
	{"hop limit 254", BYTES(solicitation), 21, 1, "\xfe", ND_HOP_LIMIT},
	{"hop limit 0", BYTES(router_advertisement), 21, 1, "\x00", ND_HOP_LIMIT},
	{"NS code", BYTES(solicitation), CODE_AT, 1, "\1", ND_CODE},
	{"NA code", BYTES(advertisement), CODE_AT, 1, "\1", ND_CODE},
	{"RS code", BYTES(router_solicitation), CODE_AT, 1, "\1", ND_CODE},
	{"RA code", BYTES(router_advertisement), CODE_AT, 1, "\xff", ND_CODE},
	{"option of no length", BYTES(solicitation), NS_OPTION_AT + 1, 1, "\0", ND_OPTION},
	{"option longer than the packet", BYTES(solicitation), NS_OPTION_AT + 1, 1, "\2",
		ND_OPTION},
	{"unknown option of no length", BYTES(solicitation), NS_OPTION_AT, 2, "\x63\0", ND_OPTION},
	{"unknown option", BYTES(solicitation), NS_OPTION_AT, 1, "\x63", ND_OK},
	{"address of a group", BYTES(solicitation), NS_OPTION_AT + 2, 1, "\1", ND_OPTION},
	{"source a group", BYTES(solicitation), SRC_AT, 1, "\xff", ND_SOURCE},
	{"source loopback", BYTES(solicitation), SRC_AT, 16, ONE16, ND_SOURCE},
	{"unspecified source tells its address", BYTES(solicitation), SRC_AT, 16, ZERO16,
		ND_OPTION},
	{"unspecified source to all nodes", BYTES(probe), DST_AT, 16,
		"\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\1", ND_DESTINATION},
	{"unspecified source to a host", BYTES(probe), DST_AT, 2, "\x20\x01", ND_DESTINATION},
	{"unspecified source tells its address (RS)", BYTES(router_solicitation), SRC_AT, 16,
		ZERO16, ND_OPTION},
	{"target a group", BYTES(solicitation), TARGET_AT, 1, "\xff", ND_TARGET},
	{"target unspecified", BYTES(solicitation), TARGET_AT, 16, ZERO16, ND_TARGET},
	{"target loopback", BYTES(solicitation), TARGET_AT, 16, ONE16, ND_TARGET},
	{"NA target a group", BYTES(advertisement), TARGET_AT, 1, "\xff", ND_TARGET},
	{"solicited, to a group", BYTES(advertisement), DST_AT, 16,
		"\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\1", ND_DESTINATION},
	{"NA from nobody", BYTES(advertisement), SRC_AT, 16, ZERO16, ND_SOURCE},
	{"RA from a global address", BYTES(router_advertisement), SRC_AT, 2, "\x20\x01", ND_SOURCE},
	{"RA from nobody", BYTES(router_advertisement), SRC_AT, 16, ZERO16, ND_SOURCE},
};

static void refuses(void **) {
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		const struct wrong *w = &wrongs[i];
		uint8_t frame[ND_FRAME_MAX];
		struct nd nd;

		memcpy(frame, w->frame, w->size);
		memcpy(frame + w->at, w->bytes, w->len);
		checksum_set(frame, w->size);
		if (decode(frame, w->size, &nd) != w->fault)
			fail_msg("%s: %d", w->name, decode(frame, w->size, &nd));
	}
}

static void refuses_a_wrong_checksum(void **) {
	for (size_t at = ETHERNET + 8; at < sizeof(solicitation) - 1; at++) {
		uint8_t frame[sizeof(solicitation)];
		struct nd nd;

		memcpy(frame, solicitation, sizeof(frame));
		frame[at] ^= 0x10;
		assert_int_not_equal(decode(frame, sizeof(frame) - 1, &nd), ND_OK);
	}
	uint8_t frame[sizeof(solicitation)];
	struct nd nd;

	memcpy(frame, solicitation, sizeof(frame));
	frame[ICMP + 2] ^= 1;
	assert_int_equal(decode(frame, sizeof(frame) - 1, &nd), ND_CHECKSUM);
	assert_int_equal(
		nd_decode(frame + ETHERNET, sizeof(frame) - 1 - ETHERNET, true, &nd), ND_OK);
}

// Every length below the whole, in the packet and in the IP header.
static void refuses_short_ones(void **) {
	static const struct {
		const char *frame;
		size_t size, fixed;
	} all[] = {
		{BYTES(solicitation), 24},
		{BYTES(advertisement), 24},
		{BYTES(router_solicitation), 8},
		{BYTES(router_advertisement), 16},
	};

	for (size_t i = 0; i < 4; i++) {
		for (size_t len = 0; len < all[i].size - ETHERNET; len++) {
			uint8_t *ip = test_malloc(len + 1); // guards see a read too far
			struct nd nd;

			memcpy(ip, all[i].frame + ETHERNET, len);
			assert_int_equal(nd_decode(ip, len, true, &nd), ND_SHORT);
			if (len >= IP) {
				ip[4] = 0;
				ip[5] = (uint8_t)(len - IP);
				if (len < IP + all[i].fixed)
					assert_int_equal(nd_decode(ip, len, true, &nd), ND_SHORT);
				else if (len % 8 != 0)
					assert_int_equal(nd_decode(ip, len, true, &nd), ND_OPTION);
			}
			test_free(ip);
		}
	}
}

static void ignores_padding(void **) {
	uint8_t frame[sizeof(solicitation) + 40] = {0};
	struct nd nd;

	memcpy(frame, solicitation, sizeof(solicitation) - 1);
	memset(frame + sizeof(solicitation) - 1, 0xee, 40);
	assert_int_equal(decode(frame, sizeof(frame), &nd), ND_OK);
}

// Inserts an extension header before the message; the first byte becomes the header that follows.
static enum nd_fault with_extension(unsigned proto, const uint8_t *ext, size_t len) {
	uint8_t frame[sizeof(solicitation) + 64];
	size_t size = sizeof(solicitation) - 1 + len;
	struct nd nd;

	memcpy(frame, solicitation, ICMP);
	memcpy(frame + ICMP, ext, len);
	memcpy(frame + ICMP + len, solicitation + ICMP, sizeof(solicitation) - 1 - ICMP);
	frame[20] = (uint8_t)proto;
	frame[ICMP] = 58;
	frame[19] = (uint8_t)(frame[19] + len);
	return decode(frame, size, &nd);
}

static void walks_extension_headers(void **) {
	static const uint8_t one[8] = {0, 0, 5, 2}, two[16] = {0, 1}, ah[24] = {0, 4};
	uint8_t many[56] = {0};

	assert_int_equal(with_extension(0, one, sizeof(one)), ND_OK);
	assert_int_equal(with_extension(60, two, sizeof(two)), ND_OK);
	assert_int_equal(with_extension(51, ah, sizeof(ah)), ND_OK);
	assert_int_equal(with_extension(44, one, sizeof(one)), ND_FRAGMENT);
	assert_int_equal(with_extension(50, one, sizeof(one)), ND_OTHER);
	many[1] = 200; // longer than the packet
	assert_int_equal(with_extension(0, many, sizeof(many)), ND_SHORT);
}

// Options that RFC 4861 and 8106 tell a receiver to pass over leave the rest of the message valid.
static void passes_over_odd_options(void **) {
	uint8_t frame[sizeof(router_advertisement)];
	struct nd nd;

	memcpy(frame, router_advertisement, sizeof(frame));
	frame[RA_PREFIX_AT + 2] = 129; // no such prefix length
	checksum_set(frame, sizeof(frame) - 1);
	assert_int_equal(frame[RA_PREFIX_AT], 3);
	assert_int_equal(decode(frame, sizeof(frame) - 1, &nd), ND_OK);
	assert_int_equal(nd.ra.n_prefixes, 0);
	assert_int_equal(nd.ra.n_servers, 1);
	memcpy(frame, router_advertisement, sizeof(frame));
	memset(frame + RA_PREFIX_AT + 4, 0, 4); // preferred for longer than valid
	checksum_set(frame, sizeof(frame) - 1);
	assert_int_equal(decode(frame, sizeof(frame) - 1, &nd), ND_OK);
	assert_int_equal(nd.ra.n_prefixes, 0);
}

static void routes_and_domains_both_ways(void **) {
	struct nd nd, no_options;

	assert_int_equal(
		decode((const uint8_t *)routes_and_domains, sizeof(routes_and_domains) - 1, &nd),
		ND_OK);
	assert_int_equal(nd.ra.n_routes, 3);
	assert_int_equal(nd.ra.routes[0].prefix.len, 0);
	assert_int_equal(nd.ra.routes[0].preference, -1);
	assert_int_equal(nd.ra.routes[0].lifetime_s, 60);
	assert_int_equal(nd.ra.routes[1].preference, 1);
	assert_int_equal(nd.ra.routes[2].prefix.len, 65);
	assert_int_equal(nd.ra.routes[2].prefix.addr.bytes[8], 0x80);
	assert_int_equal(nd.ra.n_domains, 2);
	assert_string_equal(nd.ra.domains[0].name, "branch.example");
	assert_int_equal(nd.ra.domains[0].lifetime_s, 600);
	assert_string_equal(nd.ra.domains[1].name, "a-1.b_2.example.com");
	assert_encodes(&nd, NULL, BYTES(routes_and_domains));
	nd.ra.domains[0].name[6] = ' '; // cannot be said
	nd.ra.n_domains = nd.ra.n_routes = 1;
	no_options = nd;
	no_options.ra.n_domains = 0;
	uint8_t frame[ND_FRAME_MAX];
	assert_int_equal(
		nd_encode(&nd, &me, NULL, frame), nd_encode(&no_options, &me, NULL, frame));
}

// What is odd in a route or a domain is passed over; the rest is kept.
static void odd_routes_and_domains(void **) {
	enum { ROUTE = ICMP + 24 + 8, DOMAIN = ROUTE + 16 + 24 };
	static const struct {
		unsigned at;
		uint8_t value;
		unsigned routes, domains;
	} cases[] = {
		{ROUTE + 2, 65, 2, 2},       // longer than its bytes
		{ROUTE + 3, 0x10, 2, 2},     // reserved preference: RFC 4191 section 2.3
		{ROUTE - 8 + 2, 1, 2, 2},    // ::/0 has no bytes
		{ROUTE + 16 + 2, 129, 2, 2}, // no such length
		{DOMAIN + 8, 64, 3, 1},      // no label is so long: ends the option
		{DOMAIN + 8, 0xc0, 3, 1},    // compressed
		{DOMAIN + 8, 15, 3, 1},      // beyond its end
		{DOMAIN + 10, ' ', 3, 1},    // odd characters
		{DOMAIN + 10, 0, 3, 1},      // ditto
		{DOMAIN + 8, 0, 3, 1},       // padding
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t frame[sizeof(routes_and_domains)];
		struct nd nd;

		memcpy(frame, routes_and_domains, sizeof(frame));
		frame[cases[i].at] = cases[i].value;
		checksum_set(frame, sizeof(frame) - 1);
		assert_int_equal(decode(frame, sizeof(frame) - 1, &nd), ND_OK);
		if (nd.ra.n_routes != cases[i].routes || nd.ra.n_domains != cases[i].domains)
			fail_msg("case %u: %u routes, %u domains", i, nd.ra.n_routes,
				nd.ra.n_domains);
	}
}

static void domain_names(void **) {
	static const char *const bad[] = {"", ".", ".a", "a..b", "a b", "a/b", "\xc3\xa9.example",
		"0123456789012345678901234567890123456789012345678901234567890123.example"};
	uint8_t wire[ND_DOMAIN + 1];
	char longest[ND_DOMAIN + 1];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(nd_domain_encode(bad[i], wire), 0);
	assert_int_equal(nd_domain_encode("a.example", wire), 11);
	assert_memory_equal(wire, "\1a\7example", 11);
	assert_int_equal(nd_domain_encode("a.example.", wire), 11);
	for (unsigned i = 0; i < ND_DOMAIN; i++)
		longest[i] = i % 10 ? 'a' : '.';
	longest[0] = 'a';
	longest[ND_DOMAIN] = '\0';
	assert_int_equal(nd_domain_encode(longest, wire), 0);
	longest[ND_DOMAIN - 1] = '\0';
	assert_int_equal(nd_domain_encode(longest, wire), ND_DOMAIN + 1);
}

static void bounds_what_is_kept(void **) {
	struct nd nd = advertised_router(), back;
	uint8_t frame[ND_FRAME_MAX];
	size_t len;

	nd.ra.n_prefixes = ND_PREFIXES;
	nd.ra.n_servers = ND_SERVERS;
	for (unsigned i = 0; i < ND_PREFIXES; i++)
		nd.ra.prefixes[i] = nd.ra.prefixes[0];
	for (unsigned i = 0; i < ND_SERVERS; i++)
		nd.ra.servers[i] = nd.ra.servers[0];
	nd.has_nonce = true; // all that there can be fits into a frame
	nd.ra.n_routes = ND_ROUTES;
	nd.ra.n_domains = ND_DOMAINS;
	for (unsigned i = 0; i < ND_ROUTES; i++)
		nd.ra.routes[i] = (struct nd_route){{addr("2001:db8::1"), 128}, 0, 1};
	for (unsigned i = 0; i < ND_DOMAINS; i++)
		snprintf(nd.ra.domains[i].name, ND_DOMAIN, "%095u", i);
	for (unsigned i = 0; i < ND_DOMAINS; i++)
		nd.ra.domains[i].name[50] = '.';
	len = nd_encode(&nd, &me, NULL, frame);
	assert_in_range(len, 1400, ND_FRAME_MAX);
	assert_int_equal(decode(frame, len, &back), ND_OK);
	assert_int_equal(back.ra.n_routes, ND_ROUTES);
	assert_int_equal(back.ra.n_domains, ND_DOMAINS);
	nd.has_nonce = false;
	nd.ra.n_routes = nd.ra.n_domains = 0;
	len = nd_encode(&nd, &me, NULL, frame);
	assert_in_range(len, 700, ND_FRAME_MAX);
	assert_int_equal(decode(frame, len, &back), ND_OK);
	assert_int_equal(back.ra.n_prefixes, ND_PREFIXES);
	assert_int_equal(back.ra.n_servers, ND_SERVERS);
	// one of each more
	uint8_t longer[ND_FRAME_MAX + 64];
	size_t more = len + 32 + 24;

	memcpy(longer, frame, len);
	memcpy(longer + len, frame + RA_PREFIX_AT, 32);
	memcpy(longer + len + 32, frame + len - 24, 24);
	longer[18] = (uint8_t)((more - ICMP) >> 8);
	longer[19] = (uint8_t)(more - ICMP);
	checksum_set(longer, more);
	assert_int_equal(decode(longer, more, &back), ND_OK);
	assert_int_equal(back.ra.n_prefixes, ND_PREFIXES);
	assert_int_equal(back.ra.n_servers, ND_SERVERS);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes),
		cmocka_unit_test(decodes_neighbours),
		cmocka_unit_test(decodes_routers),
		cmocka_unit_test(refuses),
		cmocka_unit_test(refuses_a_wrong_checksum),
		cmocka_unit_test(refuses_short_ones),
		cmocka_unit_test(ignores_padding),
		cmocka_unit_test(walks_extension_headers),
		cmocka_unit_test(passes_over_odd_options),
		cmocka_unit_test(routes_and_domains_both_ways),
		cmocka_unit_test(odd_routes_and_domains),
		cmocka_unit_test(domain_names),
		cmocka_unit_test(bounds_what_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
