// SPDX-License-Identifier: BSD-3-Clause
#include "router/vrrp/vrrp_wire.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct addr addr(const char *text) {
	struct addr a;

	if (addr_parse(text, &a) != 0)
		fail_msg("%s", text);
	return a;
}

static size_t hex(const char *text, uint8_t *bytes) {
	size_t n = 0;
	unsigned byte;
	int used;

	while (sscanf(text, " %2x%n", &byte, &used) == 1) {
		bytes[n++] = (uint8_t)byte;
		text += used;
	}
	return n;
}

static void assert_bytes(const uint8_t *got, size_t n, const char *text) {
	uint8_t want[VRRP_FRAME_MAX];

	assert_int_equal(n, hex(text, want));
	assert_memory_equal(got, want, n);
}

static struct vrrp_packet lan4(void) {
	return (struct vrrp_packet){.src = addr("10.0.0.2"),
		.vrid = 7,
		.priority = 100,
		.count = 1,
		.interval_cs = 10,
		.n_addrs = 1,
		.addrs = {addr("10.0.0.254")}};
}

// RFC 9568 sections 5.1 and 5.2, field by field; the checksums are scapy's.
#define LAN4_HEAD                                                    \
	"01005e000012 00005e000107 0800"                             \
	"45 c0 0020 0000 4000 ff 70 9099 0a000002 e0000012" /* IP */ \
	"31 07 64 01 000a "                                 /* checksum and address follow */

static void advertisement4(void **) {
	struct vrrp_packet p = lan4(), back;
	uint8_t frame[VRRP_FRAME_MAX];
	size_t n = vrrp_encode(&p, true, frame);

	assert_bytes(frame, n, LAN4_HEAD "755e 0a0000fe");
	assert_int_equal(vrrp_decode(frame + 14, n - 14, &back), VRRP_OK);
	assert_int_equal(back.vrid, 7);
	assert_int_equal(back.priority, 100);
	assert_int_equal(back.interval_cs, 10);
	assert_int_equal(back.n_addrs, 1);
	assert_int_equal(addr_cmp(&back.addrs[0], &p.addrs[0]), 0);
	assert_int_equal(addr_cmp(&back.src, &p.src), 0);
}

static void advertisement4_without_pseudo_header(void **) {
	struct vrrp_packet p = lan4(), back;
	uint8_t frame[VRRP_FRAME_MAX];
	size_t n = vrrp_encode(&p, false, frame);

	assert_bytes(frame, n, LAN4_HEAD "5fef 0a0000fe");
	assert_int_equal(vrrp_decode(frame + 14, n - 14, &back), VRRP_OK);
}

static void advertisement6(void **) {
	struct vrrp_packet p = {.src = addr("fe80::1"),
		.vrid = 255,
		.priority = 255,
		.interval_cs = 4095,
		.n_addrs = 2,
		.addrs = {addr("fe80::fe"), addr("2001:db8::fe")}};
	uint8_t frame[VRRP_FRAME_MAX];
	struct vrrp_packet back;
	size_t n = vrrp_encode(&p, true, frame);

	assert_bytes(frame, n,
		"333300000012 00005e0002ff 86dd"
		"6c000000 0028 70 ff fe800000000000000000000000000001 "
		"ff020000000000000000000000000012"
		"31 ff ff 02 0fff 9299 fe8000000000000000000000000000fe "
		"20010db80000000000000000000000fe");
	assert_int_equal(vrrp_decode(frame + 14, n - 14, &back), VRRP_OK);
	assert_int_equal(back.n_addrs, 2);
	assert_int_equal(addr_cmp(&back.addrs[1], &p.addrs[1]), 0);
}

static enum vrrp_fault spoiled(unsigned at, uint8_t value, size_t len) {
	struct vrrp_packet p = lan4();
	uint8_t frame[VRRP_FRAME_MAX];

	vrrp_encode(&p, true, frame);
	frame[14 + at] = value;
	return vrrp_decode(frame + 14, len, &p);
}

static void what_is_refused(void **) {
	static const struct {
		unsigned at;
		uint8_t value;
		size_t len;
		enum vrrp_fault fault;
	} cases[] = {
		{8, 254, 32, VRRP_TTL},
		{20, 0x21, 32, VRRP_VERSION},
		{20, 0x32, 32, VRRP_TYPE},
		{22, 101, 32, VRRP_CHECKSUM},
		{23, 2, 32, VRRP_SHORT}, // says two addresses, and has one
		{19, 0x13, 32, VRRP_DESTINATION},
		{9, 111, 32, VRRP_DESTINATION},
		{0, 0x45, 31, VRRP_SHORT},
		{0, 0x45, 0, VRRP_SHORT},
		{0, 0x44, 32, VRRP_SHORT},
		{0, 0x4f, 32, VRRP_SHORT},
		{0, 0x65, 32, VRRP_SHORT}, // an IPv6 header is longer
		{0, 0x55, 32, VRRP_SHORT},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (spoiled(cases[i].at, cases[i].value, cases[i].len) != cases[i].fault)
			fail_msg("case %zu", i);
}

static void nothing_and_never_are_refused(void **) {
	struct vrrp_packet p = lan4();
	uint8_t frame[VRRP_FRAME_MAX];

	p.n_addrs = 0;
	vrrp_encode(&p, true, frame);
	assert_int_equal(vrrp_decode(frame + 14, 28, &p), VRRP_COUNT);
	p = lan4();
	p.interval_cs = 0;
	vrrp_encode(&p, true, frame);
	assert_int_equal(vrrp_decode(frame + 14, 32, &p), VRRP_INTERVAL);
}

// A packet may say up to 255 addresses; only as many are kept as we could have.
static void many_addresses(void **) {
	uint8_t ip[20 + 8 + 255 * 4] = {0x45, 0, 0x04, 0x18, 0, 0, 0, 0, 255, 112, 0, 0, 10, 0, 0,
		2, 224, 0, 0, 18, 0x31, 7, 100, 255, 0, 100};
	struct vrrp_packet p;

	ip[26] = 0x69; // ~(3107 + 64ff + 0064) = ~966a
	ip[27] = 0x95;
	assert_int_equal(vrrp_decode(ip, sizeof(ip), &p), VRRP_OK);
	assert_int_equal(p.count, 255);
	assert_int_equal(p.n_addrs, VRRP_ADDRS);
}

static void addresses_made(void **) {
	struct mac mac = vrrp_mac(ADDR_V4, 10);
	struct addr made = vrrp_link_local(10);
	char text[ADDR_STRLEN], hw[MAC_STRLEN];

	assert_string_equal(mac_print(&mac, hw), "00:00:5e:00:01:0a");
	assert_string_equal(addr_print(&made, text), "fe80::200:5eff:fe00:20a");
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(advertisement4),
		cmocka_unit_test(advertisement4_without_pseudo_header),
		cmocka_unit_test(advertisement6),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(nothing_and_never_are_refused),
		cmocka_unit_test(many_addresses),
		cmocka_unit_test(addresses_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
