// SPDX-License-Identifier: BSD-3-Clause
// VXLAN behind a port of a switch, frame by frame: both families, byte for byte both ways; VLANs and VNIs; who is behind which remote;
// what is refused and why; a routed VLAN over it.
//
// Switch s: d (access 10), e (access 20), x (trunk 10, native 20; the tunnel). Router r: b (10.2.0.1/24, 2001:db8:2::1/64), the underlay, with
// remotes .9 and .10.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include <stdio.h>
#include <string.h>

static const char lab[] =
	"return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b', mtu = 2000 }, c = "
	"{ device = "
	"'ring:c' }, d = { device = 'ring:d' }, e = { device = 'ring:e' }, x = { device = "
	"'tunnel:x' } }, switches = { s = { ports = { d = { access = 10 }, e = { access = 20 }, x "
	"= "
	"{ trunk = { 10 }, native = 20 } } } }, routers = { r = { interfaces = { b = { port = 'b', "
	"mac = '02:00:00:00:02:01', dad = false, mtu = %u, addresses = { '10.2.0.1/24', "
	"'2001:db8:2::1/64' }, neighbors = { ['10.2.0.9'] = '02:00:00:00:02:09', ['10.2.0.10'] = "
	"'02:00:00:00:02:10', ['2001:db8:2::9'] = '02:00:00:00:02:09' } } %s }, vxlan = { x = { "
	"source = '%s', remotes = { %s }, vnis = { [10] = 0x123456 }, vni = 20 %s } } } } }";

static void start(unsigned mtu, const char *more_ifaces, const char *source, const char *remotes,
	const char *more) {
	char text[4096];

	snprintf(text, sizeof(text), lab, mtu, more_ifaces, source, remotes, more);
	packet_config(text);
	for (unsigned t = 0; t < 8; t++)
		packet_advance(NSEC_PER_SEC);
	for (char port = 'a'; port <= 'e'; port++) {
		struct frame f;

		while (frame_recv(port, &f))
			;
	}
}

static void start4(void) {
	start(1600, "", "10.2.0.1", "'10.2.0.9', '10.2.0.10'", "");
}

static const frame_mac station = 0x020000000d01, far = 0x0200000fa001;

// A frame that is no IP: 60 bytes.
static struct frame plain(frame_mac dst, frame_mac src) {
	struct frame f = frame_udp(dst, src, "1.1.1.1", "2.2.2.2", 26);

	f.bytes[12] = 0x88;
	f.bytes[13] = 0xb5;
	return f;
}

// `inner` in VXLAN. `sport`: UDP source port; `sum`: the UDP checksum is made.
static struct frame around(const struct frame *inner, frame_mac dst, frame_mac src,
	const char *from, const char *to, unsigned vni, unsigned sport, bool sum) {
	struct frame f = frame_udp(dst, src, from, to, 16 + inner->len);
	bool v6 = strchr(from, ':') != NULL;
	uint8_t *udp = f.bytes + 14 + (v6 ? 40 : 20);

	memcpy(udp + 8,
		(const uint8_t[]){
			8, 0, 0, 0, (uint8_t)(vni >> 16), (uint8_t)(vni >> 8), (uint8_t)vni, 0},
		8);
	memcpy(udp + 16, inner->bytes, inner->len);
	frame_ports(&f, (uint16_t)sport, 4789); // sums it
	if (!sum)
		udp[6] = udp[7] = 0;
	return f;
}

// The next outer packet of port b is `inner` for that remote. The source port and flow label are the hash's business.
static void expect_outer(
	const struct frame *inner, const char *from, const char *to, frame_mac mac, unsigned vni) {
	bool v6 = strchr(from, ':') != NULL;
	struct frame got, want;
	unsigned sport;

	if (!frame_recv('b', &got))
		fail_msg("nothing left for %s", to);
	sport = (unsigned)got.bytes[14 + (v6 ? 40 : 20)] << 8 | got.bytes[14 + (v6 ? 41 : 21)];
	assert_in_range(sport, 0xc000, 0xffff);
	want = around(inner, mac, mac_router('b'), from, to, vni, sport, v6);
	if (v6)
		memcpy(want.bytes + 15, got.bytes + 15, 3);
	else
		frame_dont_fragment(&want);
	assert_int_equal(got.len, want.len);
	for (size_t i = 0; i < got.len; i++)
		if (got.bytes[i] != want.bytes[i])
			fail_msg("byte %zu is %02x, not %02x", i, got.bytes[i], want.bytes[i]);
}

static void flooded_then_known(void **) {
	struct frame f, back, outer;

	start4();
	f = plain(far, station); // unknown: to both remotes, without the switch's tag
	frame_send('d', &f);
	expect_outer(&f, "10.2.0.1", "10.2.0.9", mac_host('b', 9), 0x123456);
	expect_outer(&f, "10.2.0.1", "10.2.0.10", mac_host('b', 0x10), 0x123456);
	packet_expect_none();
	back = plain(station, far);
	outer = around(&back, mac_router('b'), mac_host('b', 0x10), "10.2.0.10", "10.2.0.1",
		0x123456, 50000, true);
	frame_send('b', &outer);
	frame_expect('d', &back);
	packet_advance(NSEC_PER_SEC / 10); // the switch learns
	frame_send('d', &f);               // known: behind .10
	expect_outer(&f, "10.2.0.1", "10.2.0.10", mac_host('b', 0x10), 0x123456);
	packet_expect_none();
	outer = around(&back, mac_router('b'), mac_host('b', 9), "10.2.0.9", "10.2.0.1", 0x123456,
		50000, false);
	frame_send('b', &outer); // it has moved
	frame_expect('d', &back);
	frame_send('d', &f);
	expect_outer(&f, "10.2.0.1", "10.2.0.9", mac_host('b', 9), 0x123456);
	packet_expect_none();
}

static void the_native_vlan_has_the_untagged_vni(void **) {
	struct frame f = plain(MAC_ALL, station), back = plain(MAC_ALL, far), outer;

	start4();
	frame_send('e', &f);
	expect_outer(&f, "10.2.0.1", "10.2.0.9", mac_host('b', 9), 20);
	expect_outer(&f, "10.2.0.1", "10.2.0.10", mac_host('b', 0x10), 20);
	outer = around(
		&back, mac_router('b'), mac_host('b', 9), "10.2.0.9", "10.2.0.1", 20, 50000, false);
	frame_send('b', &outer);
	frame_expect('e', &back); // not to d, and not to the other remote
	packet_expect_none();
}

static void over_ipv6_with_a_checksum(void **) {
	struct frame f = plain(far, station), back = plain(station, far), outer;

	start(1600, "", "2001:db8:2::1", "'2001:db8:2::9'", "");
	frame_send('d', &f);
	expect_outer(&f, "2001:db8:2::1", "2001:db8:2::9", mac_host('b', 9), 0x123456);
	for (int sum = 0; sum < 2; sum++) {
		outer = around(&back, mac_router('b'), mac_host('b', 9), "2001:db8:2::9",
			"2001:db8:2::1", 0x123456, 50000, sum);
		frame_send('b', &outer);
		frame_expect('d', &back);
	}
	packet_expect_none();
}

static void bad_packets_are_named(void **) {
	static const struct {
		const char *drop;
		int at, value; // of the bytes from the UDP header on
	} rows[] = {
		{"drop_vxlan_input_flags", 8, 0}, {"drop_vxlan_input_vni", 14, 0x99},
		{"drop_vxlan_input_checksum", 40, 0x77},
		{"drop_vxlan_input_truncated", 5,
			8 + 8 + 13},                  // UDP length: no whole Ethernet header
		{"drop_vxlan_input_truncated", 4, 2}, // UDP length: more than there is
		{"drop_eth_input_source", 22, 3},     // a group sends nothing
	};
	struct frame back = plain(station, far), outer;
	uint64_t before;

	start4();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bool sum = strstr(rows[i].drop, "checksum") != NULL;

		outer = around(&back, mac_router('b'), mac_host('b', 9), "10.2.0.9", "10.2.0.1",
			0x123456, 50000, sum);
		outer.bytes[34 + rows[i].at] = (uint8_t)rows[i].value;
		before = packet_drops(rows[i].drop);
		frame_send('b', &outer);
		if (packet_drops(rows[i].drop) != before + 1)
			fail_msg("row %u is not %s", i, rows[i].drop);
		packet_expect_none();
	}
	outer = around(&back, mac_router('b'), mac_host('b', 7), "10.2.0.7", "10.2.0.1", 0x123456,
		50000, false);
	before = packet_drops("drop_vxlan_input_remote");
	frame_send('b', &outer);
	assert_int_equal(packet_drops("drop_vxlan_input_remote"), before + 1);
	back.bytes[12] = 0x81;
	back.bytes[13] = 0;
	outer = around(&back, mac_router('b'), mac_host('b', 9), "10.2.0.9", "10.2.0.1", 0x123456,
		50000, false);
	before = packet_drops("drop_vxlan_input_tagged");
	frame_send('b', &outer);
	assert_int_equal(packet_drops("drop_vxlan_input_tagged"), before + 1);
	packet_expect_none();
}

static void what_does_not_fit_is_dropped(void **) {
	struct frame f = frame_udp(far, station, "1.1.1.1", "2.2.2.2", 1480);
	uint64_t before = packet_drops("drop_vxlan_output_too_big");

	start(1549, "", "10.2.0.1", "'10.2.0.9'", "");
	frame_send('d', &f);
	assert_int_equal(packet_drops("drop_vxlan_output_too_big"), before + 1);
	packet_expect_none();
	start(1550, "", "10.2.0.1", "'10.2.0.9'", "");
	frame_send('d', &f);
	expect_outer(&f, "10.2.0.1", "10.2.0.9", mac_host('b', 9), 0x123456);
	packet_expect_none();
}

// A router of the VLAN, and a host behind the other end: symmetric, neighbours by ARP through the tunnel.
static void a_routed_vlan_reaches_through(void **) {
	static const char more[] = ", v = { switch = 's', vlan = 10, mac = '02:00:00:00:00:77', "
				   "dad = false, addresses = { "
				   "'10.10.0.1/24' }, neighbors = { ['10.10.0.5'] = "
				   "'02:00:00:0f:a0:01' } }, a = { port = 'a', "
				   "mac = '02:00:00:00:01:01', dad = false, addresses = { "
				   "'10.1.0.1/24' }, neighbors = { "
				   "['10.1.0.9'] = '02:00:00:00:01:09' } }";
	struct frame in = frame_udp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.10.0.5", 80),
		     hop = in;
	struct frame back = frame_udp(0x020000000077, far, "10.10.0.5", "10.1.0.9", 80), outer;

	start(1600, more, "10.2.0.1", "'10.2.0.9'", "");
	frame_send('a', &in);
	frame_hop(&hop, far, 0x020000000077);
	expect_outer(&hop, "10.2.0.1", "10.2.0.9", mac_host('b', 9), 0x123456);
	outer = around(&back, mac_router('b'), mac_host('b', 9), "10.2.0.9", "10.2.0.1", 0x123456,
		50000, true);
	frame_send('b', &outer);
	frame_hop(&back, mac_host('a', 9), mac_router('a'));
	frame_expect('a', &back);
}

static void what_is_known_can_be_seen(void **) {
	struct frame back = plain(station, far), outer;
	json_t *rows, *row;

	start4();
	outer = around(&back, mac_router('b'), mac_host('b', 0x10), "10.2.0.10", "10.2.0.1",
		0x123456, 50000, false);
	frame_send('b', &outer);
	rows = packet_show("vteps");
	row = json_array_get(rows, 0);
	assert_string_equal(json_string_value(json_object_get(row, "mac")), "02:00:00:0f:a0:01");
	assert_string_equal(json_string_value(json_object_get(row, "remote")), "10.2.0.10");
	assert_int_equal(json_integer_value(json_object_get(row, "vni")), 0x123456);
	assert_int_equal(json_integer_value(json_object_get(row, "vlan")), 10);
	json_decref(rows);
	rows = packet_show("vxlans");
	row = json_array_get(rows, 0);
	assert_int_equal(json_integer_value(json_object_get(row, "stations")), 1);
	assert_int_equal(json_integer_value(json_object_get(row, "vnis")), 2);
	json_decref(rows);
}

static void mistakes_are_named(void **) {
	static const char text[] = "return { ports = { p = { device = 'ring:p' } }, switches = { s "
				   "= { ports = { p = {} } } }, "
				   "routers = { r = { vxlan = { p = { source = '10.2.0.1', remotes "
				   "= { '10.2.0.9' }, vni = 1 } } } } }";
	static const char twice[] = "local v = { source = '10.2.0.1', remotes = { '10.2.0.9' }, "
				    "vni = 1, vnis = { [10] = 1 } } "
				    "return { ports = { p = { device = 'tunnel:p' } }, routers = { "
				    "r = { vxlan = { p = v } } } }";

	assert_non_null(strstr(packet_config_refused(text), "tunnel:p"));
	assert_non_null(strstr(packet_config_refused(twice), "VNI 1"));
}

static const struct module *const modules[] = {&switch_module, &router_module, NULL};

static int setup(void **) {
	return packet_setup(modules);
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flooded_then_known),
		cmocka_unit_test(the_native_vlan_has_the_untagged_vni),
		cmocka_unit_test(over_ipv6_with_a_checksum),
		cmocka_unit_test(bad_packets_are_named),
		cmocka_unit_test(what_does_not_fit_is_dropped),
		cmocka_unit_test(a_routed_vlan_reaches_through),
		cmocka_unit_test(what_is_known_can_be_seen),
		cmocka_unit_test(mistakes_are_named),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
