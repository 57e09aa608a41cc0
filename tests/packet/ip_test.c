// SPDX-License-Identifier: BSD-3-Clause
// What a router makes of unusual IP: options, extension headers, protocols that nobody speaks, broadcasts; flows when a path dies; two
// routers that leak to each other, errors included.
//
// Ports a, b, c as in router_test.c; c is router q's.
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
	"   ['10.' .. n .. '.0.11'] = '02:00:00:00:0' .. n .. ':11', ['2001:db8:' .. n .. '::9'] = "
	"'02:00:00:00:0' .. n .. ':09' } }"
	"   for k, v in pairs(more) do t[k] = v end %s return t end "
	"return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' }, c = { device = "
	"'ring:c' } }, routers = {"
	" r = { interfaces = { a = i('a', 1, {}), b = i('b', 2, { %s }) }, routes = { %s }, rules "
	"= { %s } },"
	" q = { interfaces = { c = i('c', 3, { mtu = 1280 }) }, routes = { ['10.1.0.0/24'] = { "
	"router = 'r' },"
	"   ['2001:db8:1::/64'] = { router = 'r' } } } } }";

static void start_with(const char *script, const char *b, const char *routes, const char *rules) {
	char text[4096];

	snprintf(text, sizeof(text), lab, script, b, routes, rules);
	packet_config(text);
	for (unsigned t = 0; t < 12; t++)
		packet_advance(NSEC_PER_SEC);
	frames_drain();
}

static void start(const char *b, const char *routes, const char *rules) {
	start_with("", b, routes, rules);
}

static struct frame udp(char from, const char *src, const char *dst) {
	return frame_udp(mac_router(from), mac_host(from, 9), src, dst, 100);
}

static void expect_forwarded(char to, struct frame f, unsigned host) {
	frame_hop(&f, mac_host(to, host), mac_router(to));
	frame_expect(to, &f);
}

static void expect_drop(const struct frame *f, const char *reason) {
	char name[64];

	snprintf(name, sizeof(name), "drop_%s", reason);
	uint64_t before = packet_drops(name);
	frame_send('a', f);
	if (packet_drops(name) != before + 1)
		fail_msg("it was not dropped as %s", name);
	packet_expect_none();
}

// ---- IPv4 options -----------------------------------------------------------------------------------------------------

static void options_are_judged(void **) {
	static const struct {
		const char *what;
		uint8_t options[12];
		int pointer; // -1: goes on; 0: a source route; else: a parameter problem there
	} rows[] = {
		{"no-operations and an end", {1, 1, 1, 0, 9, 9, 9, 9, 9, 9, 9, 9}, -1},
		{"record route", {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, -1},
		{"time stamp", {68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}, -1},
		{"router alert", {148, 4, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1}, -1},
		{"one that nobody knows", {0x9e, 4, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1}, -1},
		{"loose source route", {131, 7, 4, 10, 2, 0, 9, 0, 0, 0, 0, 0}, 0},
		{"strict source route", {1, 137, 7, 4, 10, 2, 0, 9, 0, 0, 0, 0}, 0},
		{"length 0", {7, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 20},
		{"length 1", {1, 1, 1, 148, 1, 0, 0, 0, 0, 0, 0, 0}, 23},
		{"longer than the header", {1, 7, 12, 4, 0, 0, 0, 0, 0, 0, 0, 0}, 21},
		{"without its length", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 7}, 31},
		{"a pointer into itself", {7, 11, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 20},
		{"a time stamp's pointer", {68, 12, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 20},
		{"a source route too short", {131, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 20},
	};

	start("", "", "");
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct frame f = udp('a', "10.1.0.9", "10.2.0.9");

		print_message("%s\n", rows[i].what);
		frame_options(&f, rows[i].options, 12);
		if (rows[i].pointer == 0) {
			expect_drop(&f, "ip_input_source_route");
			continue;
		}
		frame_send('a', &f);
		if (rows[i].pointer < 0)
			expect_forwarded('b', f, 9);
		else
			frame_expect_error('a', &f, 12, 0, (unsigned)rows[i].pointer, "10.1.0.1");
		packet_expect_none();
	}
}

// ---- IPv6 extension headers -------------------------------------------------------------------------------------------

static struct frame echo6(void) {
	return frame_icmp(
		mac_router('a'), mac_host('a', 9), "2001:db8:1::9", "2001:db8:1::1", 128, 0);
}

static void expect_reply6(void) {
	struct frame want = frame_icmp(
		mac_host('a', 9), mac_router('a'), "2001:db8:1::1", "2001:db8:1::9", 129, 0);

	frame_expect('a', &want);
	packet_expect_none();
}

enum { HOP = 0, ROUTING = 43, FRAGMENT = 44, DESTINATION = 60 };

static void chains_are_judged_by_their_destination(void **) {
	static const struct {
		const char *what;
		uint8_t proto, bytes[8];
		int code,
			pointer; // code -1: answered; -2: dropped in silence; else the parameter problem's
	} rows[] = {
		{"padding", HOP, {0, 0, 1, 4}, -1, 0},
		{"router alert", HOP, {0, 0, 5, 2, 0, 0, 1, 0}, -1, 0},
		{"destination options", DESTINATION, {0, 0, 0, 0, 0, 0, 0, 0}, -1, 0},
		{"an option to be skipped", DESTINATION, {0, 0, 0x1e, 4}, -1, 0},
		{"one that says: drop", DESTINATION, {0, 0, 0x5e, 4}, -2, 0},
		{"one that says: tell", DESTINATION, {0, 0, 0x9e, 4}, 2, 42},
		{"one that says: tell, unless a group", HOP, {0, 0, 1, 0, 0xde, 2}, 2, 44},
		{"an option longer than its header", HOP, {0, 0, 1, 9}, -2, 0},
		{"routing type 0, at its end", ROUTING, {0, 0, 0, 0}, -1, 0},
		{"routing type 0, on its way (RFC 5095)", ROUTING, {0, 0, 0, 1}, 0, 42},
		{"an atomic fragment (RFC 6946)", FRAGMENT, {0, 0, 0, 0, 1, 2, 3, 4}, -1, 0},
		{"longer than the packet", DESTINATION, {0, 200}, -2, 0},
	};
	struct frame f;

	start("", "", "");
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		print_message("%s\n", rows[i].what);
		f = echo6();
		frame_extension(&f, rows[i].proto, rows[i].bytes, 8);
		if (rows[i].code == -2) {
			expect_drop(&f, "ip_local_chain");
			continue;
		}
		frame_send('a', &f);
		if (rows[i].code == -1)
			expect_reply6();
		else
			frame_expect_error('a', &f, 4, (unsigned)rows[i].code,
				(unsigned)rows[i].pointer, "2001:db8:1::1");
		packet_expect_none();
	}
	// hop-by-hop options anywhere but in front: the header that names them is at fault
	f = echo6();
	frame_extension(&f, HOP, (const uint8_t[8]){0, 0, 1, 4}, 8);
	frame_extension(&f, DESTINATION, (const uint8_t[8]){0, 0, 1, 4}, 8);
	frame_send('a', &f);
	frame_expect_error('a', &f, 4, 1, 40, "2001:db8:1::1");
	// seven are fine, eight without an end are not
	f = echo6();
	for (unsigned n = 0; n < 7; n++)
		frame_extension(&f, DESTINATION, (const uint8_t[8]){0, 0, 1, 4}, 8);
	frame_send('a', &f);
	expect_reply6();
	f = echo6();
	for (unsigned n = 0; n < 8; n++)
		frame_extension(&f, DESTINATION, (const uint8_t[8]){0, 0, 1, 4}, 8);
	expect_drop(&f, "ip_local_chain");
}

static void chains_of_others_pass(void **) {
	static const uint8_t protos[] = {HOP, ROUTING, FRAGMENT, DESTINATION};
	struct frame f;

	start("", "", "");
	for (unsigned i = 0; i < 4; i++) {
		f = udp('a', "2001:db8:1::9", "2001:db8:2::9");
		frame_extension(&f, protos[i], (const uint8_t[8]){0, 0, 0x9e, 1, 0, 0, 0, 7}, 8);
		frame_send('a', &f);
		expect_forwarded('b', f, 9);
	}
	packet_expect_none();
}

static void discovery_in_fragments_is_ignored(void **) {
	struct frame f = frame_icmp(mac_router('a'), mac_host('a', 9), "2001:db8:1::9",
			     "2001:db8:1::1", 135, 0),
		     cut;

	start("", "", "");
	frame_ttl(&f, 255);
	frame_cut(&f, 24, 0, 7, &cut);
	frame_send('a', &cut);
	frame_cut(&f, 24, 1, 7, &cut);
	frame_send('a', &cut);
	frame_cut(&f, 24, 2, 7, &cut);
	expect_drop(&cut, "icmp_local_fragmented");
	frame_extension(&f, FRAGMENT, (const uint8_t[8]){0, 0, 0, 0, 0, 0, 0, 1}, 8);
	expect_drop(&f, "icmp_local_fragmented");
}

// ---- what gets an answer ------------------------------------------------------------------------------------------------

static void protocols_that_nobody_speaks(void **) {
	struct frame f;

	start("", "", "");
	f = frame_syn(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.1.0.1", 1460);
	frame_send('a', &f);
	frame_expect_error('a', &f, 3, 2, 0, "10.1.0.1");
	f = frame_syn(mac_router('a'), mac_host('a', 9), "2001:db8:1::9", "2001:db8:1::1", 1440);
	frame_send('a', &f);
	frame_expect_error('a', &f, 4, 1, 6, "2001:db8:1::1");
	packet_expect_none();
}

// RFC 1812 section 4.3.2.7, RFC 4443 section 2.4 (e): not to what came to all, nor about what is for all.
static void broadcasts_get_no_answer(void **) {
	static const char *const to[] = {
		"10.1.0.255", "10.2.0.255", "255.255.255.255", "224.0.0.9", "ff02::1"};
	struct frame f;

	start("", "", "");
	for (unsigned i = 0; i < 5; i++) {
		f = udp('a', i == 4 ? "2001:db8:1::9" : "10.1.0.9", to[i]);
		frame_send('a', &f);
		packet_expect_none();
		f = frame_udp(MAC_ALL, mac_host('a', 9), i == 4 ? "2001:db8:1::9" : "10.1.0.9",
			to[i], 100);
		frame_send('a', &f);
		packet_expect_none();
	}
	f = frame_udp(MAC_ALL, mac_host('a', 9), "10.1.0.9", "10.1.0.1", 100);
	frame_send('a', &f);
	packet_expect_none();
}

// ---- routes -------------------------------------------------------------------------------------------------------------

#define FLOWS 300

static void where_flows_go(unsigned *hosts) {
	for (unsigned i = 0; i < FLOWS; i++) {
		struct frame f = udp('a', "10.1.0.9", "10.60.0.1"), got;

		frame_ports(&f, (uint16_t)(1000 + i), 80);
		frame_send('a', &f);
		assert_true(frame_recv('b', &got));
		hosts[i] = got.bytes[5];
	}
}

// A path dies: its flows move, the others stay where they are; when it comes back, it gets a share, and the rest stays again.
static void flows_stay_when_a_path_dies(void **) {
	static const char routes[] = "['10.60.0.0/16'] = { paths = { { via = '10.2.0.9' }, { via = "
				     "'10.2.0.10' }, { via = '10.2.0.11', weight = 2 } } }";
	unsigned before[FLOWS], after[FLOWS], share = 0, moved = 0;

	start("", routes, "");
	where_flows_go(before);
	start_with("if n == 2 then t.neighbors['10.2.0.10'] = nil end", "", routes, "");
	packet_advance(5 * NSEC_PER_SEC); // nobody answers for it
	frames_drain();
	where_flows_go(after);
	for (unsigned i = 0; i < FLOWS; i++) {
		share += before[i] == 0x10;
		assert_int_not_equal(after[i], 0x10);
		if (before[i] != 0x10)
			assert_int_equal(after[i], before[i]);
	}
	assert_in_range(share, FLOWS / 4 - 35, FLOWS / 4 + 35);
	start("", routes, "");
	where_flows_go(before);
	for (unsigned i = 0; i < FLOWS; i++)
		moved += before[i] != after[i];
	assert_in_range(moved, FLOWS / 4 - 35, FLOWS / 4 + 35);
	for (unsigned i = 0; i < FLOWS; i++)
		if (before[i] != after[i])
			assert_int_equal(before[i], 0x10);
}

static void rules_know_interfaces_and_protocols(void **) {
	struct frame f;

	start("", "['10.80.0.0/16'] = { via = '10.2.0.9' }",
		"{ interface = 'b', via = '10.1.0.10' }, { interface = 'a', proto = 6, via = "
		"'10.2.0.11' }");
	f = udp('a', "10.1.0.9", "10.80.0.9");
	frame_send('a', &f);
	expect_forwarded('b', f, 9);
	f = frame_syn(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.80.0.9", 1460);
	frame_send('a', &f);
	expect_forwarded('b', f, 0x11);
	f = udp('b', "10.2.0.9", "10.80.0.9");
	frame_send('b', &f);
	expect_forwarded('a', f, 0x10);
	// rules do not touch what is for us, nor what we say
	f = frame_icmp(mac_router('b'), mac_host('b', 9), "10.2.0.9", "10.1.0.1", 8, 0);
	frame_send('b', &f);
	struct frame want =
		frame_icmp(mac_host('b', 9), mac_router('b'), "10.1.0.1", "10.2.0.9", 0, 0);
	frame_expect('b', &want);
	packet_expect_none();
}

// Both ways between two routers, and what a router on the way says comes back by the same leak.
static void leaks_work_both_ways(void **) {
	static const struct {
		const char *a, *c, *gate_a, *gate_c;
		unsigned time, big, big_code;
	} rows[] = {{"10.1.0.9", "10.3.0.9", "10.1.0.1", "10.3.0.1", 11, 3, 4},
		{"2001:db8:1::9", "2001:db8:3::9", "2001:db8:1::1", "2001:db8:3::1", 3, 2, 0}};

	start("", "['10.3.0.0/24'] = { router = 'q' }, ['2001:db8:3::/64'] = { router = 'q' }", "");
	for (unsigned v = 0; v < 2; v++) {
		struct frame f = udp('a', rows[v].a, rows[v].c);
		frame_send('a', &f);
		expect_forwarded('c', f, 9);
		f = udp('c', rows[v].c, rows[v].a);
		frame_send('c', &f);
		expect_forwarded('a', f, 9);
		frame_ttl(&f, 1);
		frame_send('c', &f);
		frame_expect_error('c', &f, rows[v].time, 0, 0, rows[v].gate_c);
		f = frame_udp(mac_router('a'), mac_host('a', 9), rows[v].a, rows[v].c, 1400);
		if (v == 0)
			frame_dont_fragment(&f);
		frame_send('a', &f);
		frame_expect_error('a', &f, rows[v].big, rows[v].big_code, 1280, rows[v].gate_a);
		// an error of a router behind q about a packet of a's
		f = frame_icmp(
			mac_router('c'), mac_host('c', 9), rows[v].c, rows[v].a, rows[v].time, 0);
		frame_send('c', &f);
		expect_forwarded('a', f, 9);
	}
	packet_expect_none();
}

static void reverse_path_filter_of_ipv6(void **) {
	struct frame f;

	start("urpf = 'strict'", "['2001:db8:70::/48'] = { via = '2001:db8:1::9' }", "");
	f = udp('b', "2001:db8:2::9", "2001:db8:1::9");
	frame_send('b', &f);
	expect_forwarded('a', f, 9);
	uint64_t before = packet_drops("drop_ip_lookup_urpf");
	f = udp('b', "2001:db8:70::1", "2001:db8:1::9");
	frame_send('b', &f);
	f = udp('b', "2001:db8:99::1", "2001:db8:1::9");
	frame_send('b', &f);
	assert_int_equal(packet_drops("drop_ip_lookup_urpf"), before + 2);
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
		cmocka_unit_test(options_are_judged),
		cmocka_unit_test(chains_are_judged_by_their_destination),
		cmocka_unit_test(chains_of_others_pass),
		cmocka_unit_test(discovery_in_fragments_is_ignored),
		cmocka_unit_test(protocols_that_nobody_speaks),
		cmocka_unit_test(broadcasts_get_no_answer),
		cmocka_unit_test(flows_stay_when_a_path_dies),
		cmocka_unit_test(rules_know_interfaces_and_protocols),
		cmocka_unit_test(leaks_work_both_ways),
		cmocka_unit_test(reverse_path_filter_of_ipv6),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
