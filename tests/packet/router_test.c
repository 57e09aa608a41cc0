// SPDX-License-Identifier: BSD-3-Clause
// The router, packet by packet: what is forwarded and how, what is dropped and why, what is answered and with which words.
//
// Ports a (10.1.0.1/24, 2001:db8:1::1/64), b (10.2.0.1/24, 2001:db8:2::1/64) and c (10.3.0.1/24) with static neighbours .9 and .10
// (02:00:00:00:<port>:09), so that no test waits for ARP.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include <stdio.h>
#include <string.h>

static const char lab[] =
	"local function i(port, n, more) local t = { port = port, mac = '02:00:00:00:0' .. n .. "
	"':01', dad = false,"
	"   addresses = { '10.' .. n .. '.0.1/24', '2001:db8:' .. n .. '::1/64' }, neighbors = {"
	"   ['10.' .. n .. '.0.9'] = '02:00:00:00:0' .. n .. ':09', ['10.' .. n .. '.0.10'] = "
	"'02:00:00:00:0' .. n .. ':10',"
	"   ['2001:db8:' .. n .. '::9'] = '02:00:00:00:0' .. n .. ':09' } }"
	"   for k, v in pairs(more or {}) do t[k] = v end return t end "
	"return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' }, c = { device = "
	"'ring:c' } }, routers = {"
	" r = { interfaces = { a = i('a', 1), b = i('b', 2, { %s }) }, routes = { %s }, rules = { "
	"%s } },"
	" q = { interfaces = { c = i('c', 3) }, routes = { ['10.1.0.0/24'] = { router = 'r' } } } "
	"} }";

static void start(const char *b_more, const char *routes, const char *rules) {
	char text[4096];

	snprintf(text, sizeof(text), lab, b_more, routes, rules);
	packet_config(text);
	// what the interfaces say of themselves (gratuitous ARP, unsolicited NA) is none of these tests' business
	for (unsigned t = 0; t < 12; t++)
		packet_advance(NSEC_PER_SEC);
	frames_drain();
}

static void setup_plain(void) {
	start("", "", "");
}

// From host 9 on `from` to `to`, by that port's router address.
static struct frame udp(char from, const char *src, const char *dst) {
	return frame_udp(mac_router(from), mac_host(from, 9), src, dst, 100);
}

static void expect_forwarded(char to, struct frame f, unsigned host) {
	frame_hop(&f, mac_host(to, host), mac_router(to));
	frame_expect(to, &f);
}

// ---- forwarding -----------------------------------------------------------------------------------------------

static void both_families_are_forwarded(void **) {
	struct frame v4, v6;

	setup_plain();
	v4 = udp('a', "10.1.0.9", "10.2.0.9");
	v6 = udp('a', "2001:db8:1::9", "2001:db8:2::9");
	frame_send('a', &v4);
	expect_forwarded('b', v4, 9);
	frame_send('a', &v6);
	expect_forwarded('b', v6, 9);
	packet_expect_none();
}

static void routes_lead_to_next_hops(void **) {
	struct frame f;

	start("",
		"['0.0.0.0/0'] = { via = '10.2.0.10' }, ['10.50.0.0/16'] = { via = '10.2.0.9' },"
		"['10.50.9.0/24'] = { type = 'blackhole' }, ['::/0'] = { via = '2001:db8:2::9' }",
		"");
	f = udp('a', "10.1.0.9", "192.0.2.77");
	frame_send('a', &f);
	expect_forwarded('b', f, 0x10);
	f = udp('a', "10.1.0.9", "10.50.1.1");
	frame_send('a', &f);
	expect_forwarded('b', f, 9);
	f = udp('a', "2001:db8:1::9", "2001:db8:ffff::1");
	frame_send('a', &f);
	expect_forwarded('b', f, 9);
	uint64_t before = packet_drops("drop_ip_lookup_blackhole");
	f = udp('a', "10.1.0.9", "10.50.9.1");
	frame_send('a', &f);
	assert_int_equal(packet_drops("drop_ip_lookup_blackhole"), before + 1);
	packet_expect_none();
}

static void options_and_tos_survive(void **) {
	struct frame f;

	setup_plain();
	f = udp('a', "10.1.0.9", "10.2.0.9");
	frame_options(&f, (const uint8_t[]){1, 1, 1, 1, 7, 7, 4, 0, 0, 0, 0, 0},
		12); // NOPs and a record route
	frame_send('a', &f);
	expect_forwarded('b', f, 9);
	packet_expect_none();
}

static void mixed_vectors_keep_their_order(void **) {
	struct frame f[40];

	setup_plain();
	for (unsigned i = 0; i < 40; i++) {
		f[i] = i % 3 ? udp('a', "10.1.0.9", "10.2.0.9")
			     : udp('a', "2001:db8:1::9", "2001:db8:2::9");
		frame_payload(&f[i], i);
		packet_send("a", f[i].bytes, f[i].len);
	}
	packet_step();
	for (unsigned i = 0; i < 40; i++)
		expect_forwarded('b', f[i], 9);
	packet_expect_none();
}

static void flows_share_several_paths(void **) {
	unsigned count[2] = {0};

	start("",
		"['10.60.0.0/16'] = { paths = { { via = '10.2.0.9', weight = 3 }, { via = "
		"'10.2.0.10' } } }",
		"");
	for (unsigned i = 0; i < 400; i++) {
		struct frame f = udp('a', "10.1.0.9", "10.60.0.1"), got;

		frame_ports(&f, (uint16_t)(1000 + i), 80);
		frame_send('a', &f);
		assert_true(frame_recv('b', &got));
		count[got.bytes[5] == 0x10]++;
		frame_send('a', &f); // the same flow goes the same way
		struct frame again;
		assert_true(frame_recv('b', &again));
		assert_memory_equal(again.bytes, got.bytes, 6);
	}
	assert_in_range(
		count[0], 260, 340); // three quarters of 400, give or take four standard deviations
	packet_expect_none();
}

// ---- what is refused --------------------------------------------------------------------------------------------

static void bad_packets_are_dropped_by_name(void **) {
	static const struct {
		const char *src, *dst, *drop;
		unsigned at, value; // a byte to break, after the checksum was made; 0: none
		bool sum;           // make the checksum right again
	} rows[] = {
		{"10.1.0.9", "10.2.0.9", "ip_input_version", 14, 0x55, true},
		{"10.1.0.9", "10.2.0.9", "ip_input_header_len", 14, 0x44, true},
		{"10.1.0.9", "10.2.0.9", "ip_input_total_len", 16, 0x7f, true},
		{"10.1.0.9", "10.2.0.9", "ip_input_total_len", 17, 10, true},
		{"10.1.0.9", "10.2.0.9", "ip_input_checksum", 24, 0, false},
		{"127.0.0.1", "10.2.0.9", "ip_input_source", 0, 0, false},
		{"0.0.0.0", "10.2.0.9", "ip_input_source", 0, 0, false},
		{"224.0.0.5", "10.2.0.9", "ip_input_source", 0, 0, false},
		{"255.255.255.255", "10.2.0.9", "ip_input_source", 0, 0, false},
		{"10.1.0.9", "127.0.0.1", "ip_input_destination", 0, 0, false},
		{"10.1.0.9", "240.0.0.1", "ip_input_destination", 0, 0, false},
		{"10.2.0.9", "10.2.0.9", "ip_input_land", 0, 0, false},
		{"2001:db8:1::9", "2001:db8:2::9", "ip_input_version", 14, 0x45, false},
		{"2001:db8:1::9", "2001:db8:2::9", "ip_input_total_len", 18, 0x40, false},
		{"ff02::1", "2001:db8:2::9", "ip_input_source", 0, 0, false},
		{"::1", "2001:db8:2::9", "ip_input_source", 0, 0, false},
		{"::", "2001:db8:2::9", "ip_input_source", 0, 0, false},
		{"2001:db8:1::9", "::1", "ip_input_destination", 0, 0, false},
		{"2001:db8:2::9", "2001:db8:2::9", "ip_input_land", 0, 0, false},
		{"fe80::9", "2001:db8:2::9", "icmp_error_silent", 0, 0, false},
	};

	setup_plain();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct frame f = udp('a', rows[i].src, rows[i].dst);
		char drop[64];
		uint64_t before;

		if (rows[i].at)
			f.bytes[rows[i].at] = (uint8_t)rows[i].value;
		if (rows[i].sum)
			frame_sum(&f);
		snprintf(drop, sizeof(drop), "drop_%s", rows[i].drop);
		before = packet_drops(drop);
		frame_send('a', &f);
		if (packet_drops(drop) != before + 1)
			fail_msg("row %u: %s to %s is not %s", i, rows[i].src, rows[i].dst, drop);
		packet_expect_none();
	}
}

static void frames_for_others_are_left_alone(void **) {
	struct frame f;
	uint64_t before;

	setup_plain();
	before = packet_drops("drop_ip_input_not_ours");
	f = frame_udp(mac_host('a', 0x77), mac_host('a', 9), "10.1.0.9", "10.2.0.9", 100);
	frame_send('a', &f);
	assert_int_equal(packet_drops("drop_ip_input_not_ours"), before + 1);
	// to all stations, but for one host: never forwarded (RFC 1122 section 3.3.6)
	before = packet_drops("drop_ip_input_l2_group");
	f = frame_udp(MAC_ALL, mac_host('a', 9), "10.1.0.9", "10.2.0.9", 100);
	frame_send('a', &f);
	assert_int_equal(packet_drops("drop_ip_input_l2_group"), before + 1);
	// a directed broadcast is for the router, which has no use for it, and for nobody else (RFC 2644)
	f = udp('a', "10.1.0.9", "10.2.0.255");
	frame_send('a', &f);
	assert_int_equal(packet_count("b"), 0);
}

static void reverse_path_filter(void **) {
	struct frame f;
	uint64_t before;

	start("urpf = 'strict'", "['10.70.0.0/16'] = { via = '10.1.0.9' }", "");
	f = udp('b', "10.2.0.9", "10.1.0.9");
	frame_send('b', &f);
	expect_forwarded('a', f, 9);
	before = packet_drops("drop_ip_lookup_urpf");
	f = udp('b', "10.70.0.1", "10.1.0.9"); // routed, but by the other interface
	frame_send('b', &f);
	f = udp('b', "203.0.113.1", "10.1.0.9"); // not routed at all
	frame_send('b', &f);
	assert_int_equal(packet_drops("drop_ip_lookup_urpf"), before + 2);
	packet_expect_none();
	start("urpf = 'loose'", "['10.70.0.0/16'] = { via = '10.1.0.9' }", "");
	f = udp('b', "10.70.0.1", "10.1.0.9");
	frame_send('b', &f);
	expect_forwarded('a', f, 9);
	before = packet_drops("drop_ip_lookup_urpf");
	f = udp('b', "203.0.113.1", "10.1.0.9");
	frame_send('b', &f);
	assert_int_equal(packet_drops("drop_ip_lookup_urpf"), before + 1);
}

// ---- routers beside each other -------------------------------------------------------------------------------------

static void routers_are_apart_unless_they_leak(void **) {
	struct frame f;

	setup_plain();
	f = udp('c', "10.3.0.9", "10.1.0.9"); // q has a route to r's subnet
	frame_send('c', &f);
	expect_forwarded('a', f, 9);
	f = udp('a', "10.1.0.9", "10.3.0.9"); // r has none to q's
	frame_send('a', &f);
	assert_int_equal(packet_count("c"), 0);
	frame_expect_error('a', &f, 3, 0, 0, "10.1.0.1");
}

static void rules_come_before_routes(void **) {
	struct frame f;

	start("", "['10.80.0.0/16'] = { via = '10.2.0.9' }",
		"{ from = '10.1.0.0/28', dscp = 46, via = '10.2.0.10' }, { to = '10.80.0.1/32', "
		"router = 'q' }");
	f = udp('a', "10.1.0.9", "10.80.0.9");
	frame_send('a', &f);
	expect_forwarded('b', f, 9);
	frame_tos(&f, 46 << 2);
	frame_send('a', &f);
	expect_forwarded('b', f, 0x10);
	f = udp('a', "10.1.0.9", "10.80.0.1"); // q knows no way there
	frame_send('a', &f);
	frame_expect_error('a', &f, 3, 0, 0, "10.1.0.1");
}

// ---- answers ----------------------------------------------------------------------------------------------------------

static void errors_say_why(void **) {
	struct frame f;

	start("mtu = 1280",
		"['10.90.0.0/16'] = { type = 'unreachable' }, ['10.91.0.0/16'] = { type = "
		"'prohibit' },"
		"['2001:db8:90::/48'] = { type = 'unreachable' }, ['2001:db8:91::/48'] = { type = "
		"'prohibit' }",
		"");
	f = udp('a', "10.1.0.9", "10.2.0.9");
	frame_ttl(&f, 1);
	frame_send('a', &f);
	frame_expect_error('a', &f, 11, 0, 0, "10.1.0.1");
	f = udp('a', "10.1.0.9", "203.0.113.1");
	frame_send('a', &f);
	frame_expect_error('a', &f, 3, 0, 0, "10.1.0.1");
	f = udp('a', "10.1.0.9", "10.90.0.1");
	frame_send('a', &f);
	frame_expect_error('a', &f, 3, 1, 0, "10.1.0.1");
	f = udp('a', "10.1.0.9", "10.91.0.1");
	frame_send('a', &f);
	frame_expect_error('a', &f, 3, 13, 0, "10.1.0.1");
	f = frame_udp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.2.0.9", 1400);
	frame_dont_fragment(&f);
	frame_send('a', &f);
	frame_expect_error('a', &f, 3, 4, 1280, "10.1.0.1");
	f = udp('a', "10.1.0.9", "10.1.0.1"); // to the router itself, where nobody listens
	frame_send('a', &f);
	frame_expect_error('a', &f, 3, 3, 0, "10.1.0.1");

	f = udp('a', "2001:db8:1::9", "2001:db8:2::9");
	frame_ttl(&f, 1);
	frame_send('a', &f);
	frame_expect_error('a', &f, 3, 0, 0, "2001:db8:1::1");
	f = udp('a', "2001:db8:1::9", "2001:db9::1");
	frame_send('a', &f);
	frame_expect_error('a', &f, 1, 0, 0, "2001:db8:1::1");
	f = udp('a', "2001:db8:1::9", "2001:db8:90::1");
	frame_send('a', &f);
	frame_expect_error('a', &f, 1, 3, 0, "2001:db8:1::1");
	f = udp('a', "2001:db8:1::9", "2001:db8:91::1");
	frame_send('a', &f);
	frame_expect_error('a', &f, 1, 1, 0, "2001:db8:1::1");
	f = frame_udp(mac_router('a'), mac_host('a', 9), "2001:db8:1::9", "2001:db8:2::9", 1400);
	frame_send('a', &f);
	frame_expect_error('a', &f, 2, 0, 1280, "2001:db8:1::1");
	f = udp('a', "2001:db8:1::9", "2001:db8:1::1");
	frame_send('a', &f);
	frame_expect_error('a', &f, 1, 4, 0, "2001:db8:1::1");
	packet_expect_none();
}

static void no_error_answers_an_error(void **) {
	struct frame f, got;

	setup_plain();
	// a time exceeded about nothing, with a TTL of its own that ends here
	f = frame_icmp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.2.0.9", 11, 0);
	frame_ttl(&f, 1);
	frame_send('a', &f);
	assert_false(frame_recv('a', &got));
	// an echo request is a question
	f = frame_icmp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.2.0.9", 8, 0);
	frame_ttl(&f, 1);
	frame_send('a', &f);
	frame_expect_error('a', &f, 11, 0, 0, "10.1.0.1");
	f = frame_icmp(mac_router('a'), mac_host('a', 9), "2001:db8:1::9", "2001:db8:2::9", 3, 0);
	frame_ttl(&f, 1);
	frame_send('a', &f);
	assert_false(frame_recv('a', &got));
	// a later fragment
	f = udp('a', "10.1.0.9", "10.2.0.9");
	frame_fragment(&f, 8, false);
	frame_ttl(&f, 1);
	frame_send('a', &f);
	assert_false(frame_recv('a', &got));
}

// Whoever borrows one of our addresses makes us write to ourselves: no interface is there whose local arc that could take.
static void own_packets_for_ourselves_are_dropped(void **) {
	uint64_t before;

	setup_plain();
	before = packet_drops("drop_ip_lookup_own");
	struct frame f = udp('a', "10.2.0.1", "192.0.2.99");
	frame_send('a', &f);
	f = udp('a', "2001:db8:2::1", "2001:db8:ffff::1");
	frame_send('a', &f);
	assert_int_equal(packet_drops("drop_ip_lookup_own"), before + 2);
	packet_expect_none();
}

static void errors_are_limited_per_source(void **) {
	struct frame f, got;
	unsigned n = 0;

	setup_plain();
	packet_advance(10 * NSEC_PER_SEC);
	for (unsigned i = 0; i < 100; i++) {
		f = udp('a', "10.1.0.10", "203.0.113.1");
		frame_send('a', &f);
		n += frame_recv('a', &got);
	}
	assert_in_range(n, 15, 25);
	f = udp('a', "10.1.0.9", "203.0.113.1"); // another source has its own
	frame_send('a', &f);
	frame_expect_error('a', &f, 3, 0, 0, "10.1.0.1");
}

static void echo_is_answered(void **) {
	static const struct {
		const char *src, *dst;
	} rows[] = {{"10.1.0.9", "10.1.0.1"}, {"10.1.0.9", "10.2.0.1"},
		{"2001:db8:1::9", "2001:db8:1::1"}, {"2001:db8:1::9", "2001:db8:2::1"}};
	struct frame f;

	setup_plain();
	for (unsigned i = 0; i < 4; i++) {
		bool v6 = strchr(rows[i].src, ':') != NULL;

		f = frame_icmp(mac_router('a'), mac_host('a', 9), rows[i].src, rows[i].dst,
			v6 ? 128 : 8, 0);
		frame_send('a', &f);
		struct frame want = frame_icmp(mac_host('a', 9), mac_router('a'), rows[i].dst,
			rows[i].src, v6 ? 129 : 0, 0);
		frame_expect('a', &want);
	}
	// on the link, to the link-local address that the interface's MAC address gives
	f = frame_icmp(mac_router('a'), mac_host('a', 9), "fe80::9", "fe80::ff:fe00:101", 128, 0);
	frame_send('a', &f);
	struct frame want = frame_icmp(
		mac_host('a', 9), mac_router('a'), "fe80::ff:fe00:101", "fe80::9", 129, 0);
	frame_expect('a', &want);
	f = frame_icmp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.1.0.1", 8, 0);
	f.bytes[f.len - 1] ^= 1;
	uint64_t before = packet_drops("drop_icmp_local_checksum");
	frame_send('a', &f);
	assert_int_equal(packet_drops("drop_icmp_local_checksum"), before + 1);
	packet_expect_none();
}

// ---- fragments and edits ----------------------------------------------------------------------------------------------

static void long_packets_are_cut(void **) {
	struct frame f, got;
	uint8_t payload[1400];
	size_t at = 0;

	start("mtu = 600, addresses = { '10.2.0.1/24' }, neighbors = { ['10.2.0.9'] = "
	      "'02:00:00:00:02:09' }",
		"", "");
	f = frame_udp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.2.0.9", 1400);
	frame_send('a', &f);
	while (at < 1400) {
		assert_true(frame_recv('b', &got));
		assert_true(frame_sum_ok(&got));
		assert_true(got.len - 14 <= 600);
		unsigned field = (unsigned)(got.bytes[20] << 8 | got.bytes[21]);
		assert_int_equal((field & 0x1fff) * 8, at);
		memcpy(payload + at, got.bytes + 34, got.len - 34);
		at += got.len - 34;
		assert_int_equal(!!(field & 0x2000), at < 1400);
		assert_int_equal(got.bytes[22], f.bytes[22] - 1); // TTL
	}
	assert_int_equal(at, 1400);
	assert_memory_equal(payload, f.bytes + 34, 1400);
	packet_expect_none();
}

static void mss_and_dscp_are_set(void **) {
	struct frame f;

	start("mtu = 1400, mss = true, dscp = 10", "", "");
	f = frame_syn(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.2.0.9", 1460);
	frame_send('a', &f);
	struct frame want =
		frame_syn(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.2.0.9", 1360);
	frame_tos(&want, 10 << 2);
	expect_forwarded('b', want, 9);
	f = frame_syn(mac_router('a'), mac_host('a', 9), "2001:db8:1::9", "2001:db8:2::9", 1440);
	frame_send('a', &f);
	want = frame_syn(mac_router('a'), mac_host('a', 9), "2001:db8:1::9", "2001:db8:2::9", 1340);
	frame_tos(&want, 10 << 2);
	expect_forwarded('b', want, 9);
	f = frame_syn(
		mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.2.0.9", 1000); // less already
	frame_send('a', &f);
	frame_tos(&f, 10 << 2);
	expect_forwarded('b', f, 9);
	packet_expect_none();
}

static int setup(void **) {
	static const struct module *const modules[] = {&switch_module, &router_module, NULL};

	return packet_setup(modules);
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_families_are_forwarded),
		cmocka_unit_test(routes_lead_to_next_hops),
		cmocka_unit_test(options_and_tos_survive),
		cmocka_unit_test(mixed_vectors_keep_their_order),
		cmocka_unit_test(flows_share_several_paths),
		cmocka_unit_test(bad_packets_are_dropped_by_name),
		cmocka_unit_test(frames_for_others_are_left_alone),
		cmocka_unit_test(reverse_path_filter),
		cmocka_unit_test(routers_are_apart_unless_they_leak),
		cmocka_unit_test(rules_come_before_routes),
		cmocka_unit_test(errors_say_why),
		cmocka_unit_test(no_error_answers_an_error),
		cmocka_unit_test(own_packets_for_ourselves_are_dropped),
		cmocka_unit_test(errors_are_limited_per_source),
		cmocka_unit_test(echo_is_answered),
		cmocka_unit_test(long_packets_are_cut),
		cmocka_unit_test(mss_and_dscp_are_set),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
