// SPDX-License-Identifier: BSD-3-Clause
// NAT64, byte by byte (RFC 6146, 7915): IPv6 hosts at port a (2001:db8:1::9 and ::8), IPv4 ones beyond port b (10.2.0.9 leads there), a
// second network inside at c. The prefix is 64:ff9b::/96; 198.51.100.1 is 64:ff9b::c633:6401.
#include "dataplane/dataplane.h"
#include "dataplane/session/session.h"
#include "firewall/firewall.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include <rte_cycles.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

// ---- the lab ---------------------------------------------------------------------------------------------------------

static const char lab[] =
	"local function i(port, n, zone, more) local a = '02:00:00:00:0' .. n .. ':0' local t = { "
	"port = port, zone = zone, mac = a .. '1', dad = false,"
	"  addresses = { '10.' .. n .. '.0.1/24', '2001:db8:' .. n .. '::1/64' }, neighbors = {"
	"  ['10.' .. n .. '.0.9'] = a .. '9', ['2001:db8:' .. n .. '::9'] = a .. '9',"
	"  ['10.' .. n .. '.0.8'] = a .. '8', ['2001:db8:' .. n .. '::8'] = a .. '8' } } "
	"for k, v in pairs(more) do t[k] = v end return t end "
	"return { system = { workers = %u }, ports = { a = { device = 'ring:a' }, b = { device = "
	"'ring:b' }, c = { device = "
	"'ring:c' } }, sessions = { max = 1000, reserve = 10 }, routers = { r = { interfaces = { "
	"  a = i('a', 1, 'in', { %s }), b = i('b', 2, 'out', { %s }), c = i('c', 3, "
	"'side', {}) },"
	"  routes = { ['0.0.0.0/0'] = { via = '10.2.0.9' }, ['192.0.2.0/24'] = { via = '10.3.0.9' "
	"} "
	"} } },"
	"firewall = { rules = { { from = 'in', proto = 'tcp', helper = 'ftp', action = 'accept' },"
	"  { from = { 'in', 'side' }, action = 'accept' } }, nat = { %s } } }";

static unsigned workers; // 0: this thread

static void configure(const char *a, const char *b, const char *rules) {
	char text[4096];

	snprintf(text, sizeof(text), lab, workers, a, b, rules);
	packet_config(text);
}

static void start_with(const char *a, const char *b, const char *rules) {
	configure(a, b, rules);
	for (unsigned t = 0; t < 12; t++)
		packet_advance(NSEC_PER_SEC);
	frames_drain();
}

static void start(const char *b, const char *rules) {
	start_with("urpf = 'strict'", b, rules);
}

static void end(void) {
	packet_flush("sessions", "{}");
	packet_expect_none();
	assert_int_equal(packet_sum("nat-ports", "used"), 0);
}

struct ends {
	const char *src;
	uint16_t sport;
	const char *dst;
	uint16_t dport;
};

static bool v6(const struct frame *f) {
	return f->bytes[12] == 0x86;
}

static size_t l4(const struct frame *f) {
	return v6(f) ? 54 : 34;
}

enum kind { UDP, TCP, ECHO, REPLY };

// `payload`: bytes behind the upper header of UDP.
static struct frame make(enum kind kind, char at, bool from_host, struct ends e, size_t payload) {
	frame_mac dst = from_host ? mac_router(at) : mac_host(at, 9);
	frame_mac src = from_host ? mac_host(at, 9) : mac_router(at);
	bool six = strchr(e.src, ':') != NULL;
	struct frame f;

	if (kind == UDP)
		f = frame_udp(dst, src, e.src, e.dst, payload + 8);
	else if (kind == TCP)
		f = frame_syn(dst, src, e.src, e.dst, 1460);
	else
		f = frame_icmp(dst, src, e.src, e.dst,
			kind == ECHO ? (six ? 128 : 8) : (six ? 129 : 0), 0);
	if (kind == UDP || kind == TCP) {
		for (size_t i = l4(&f) + 8; kind == UDP && i < f.len; i++)
			f.bytes[i] = (uint8_t)((i - l4(&f)) * 3); // the same in both families
		frame_ports(&f, e.sport, e.dport);
	} else {
		for (size_t i = l4(&f) + 8; i < f.len; i++)
			f.bytes[i] = (uint8_t)(i - l4(&f));
		f.bytes[l4(&f) + 4] = (uint8_t)(e.sport >> 8);
		f.bytes[l4(&f) + 5] = (uint8_t)e.sport;
		frame_payload(&f, 7); // and the sum
	}
	return f;
}

// The next frame at `port`, whose identification nobody can know.
static struct frame expect(char port, struct frame want) {
	uint8_t bytes[PACKET_FRAME_MAX];
	struct frame got = {0};

	frame_ttl(&want, 63);
	if (v6(&want)) {
		frame_expect(port, &want);
		return want;
	}
	int len = packet_recv((const char[]){port, '\0'}, bytes);
	if (len < 0)
		fail_msg("nothing came by %c", port);
	got.len = (size_t)len;
	memcpy(got.bytes, bytes, got.len);
	memcpy(want.bytes + 18, bytes + 18, 2);
	frame_sum(&want);
	assert_int_equal(got.len, want.len);
	for (size_t i = 0; i < got.len; i++)
		if (got.bytes[i] != want.bytes[i])
			fail_msg("byte %zu is %02x, not %02x", i, got.bytes[i], want.bytes[i]);
	return got;
}

static void dropped(char from, struct frame f, const char *why) {
	uint64_t before = packet_drops(why);

	frame_send(from, &f);
	if (packet_drops(why) == before)
		fail_msg("it was not dropped as %s", why);
	packet_expect_none();
}

static const struct ends out6 = {"2001:db8:1::9", 4000, "64:ff9b::c633:6401", 53},
			 out4 = {"10.2.0.1", 4000, "198.51.100.1", 53},
			 back4 = {"198.51.100.1", 53, "10.2.0.1", 4000},
			 back6 = {"64:ff9b::c633:6401", 53, "2001:db8:1::9", 4000};

static struct frame go(enum kind kind, size_t payload) {
	struct frame f = make(kind, 'a', true, out6, payload);

	frame_send('a', &f);
	return expect('b', make(kind, 'b', false, out4, payload));
}

static void come(enum kind kind, size_t payload) {
	struct frame f = make(kind, 'b', true, kind == REPLY ? out4 : back4, payload);

	if (kind == REPLY) // its identifier is the question's
		f = make(kind, 'b', true, (struct ends){back4.src, 4000, back4.dst, 0}, payload);
	frame_send('b', &f);
	expect('a',
		make(kind, 'a', false,
			kind == REPLY ? (struct ends){back6.src, 4000, back6.dst, 0} : back6,
			payload));
}

// ---- packets ------------------------------------------------------------------------------------------------------------

static void there_and_back(void **) {
	start("", "{ from = 'in', to = 'out', nat64 = {} }");
	for (size_t payload = 18; payload < 1200; payload += 333) {
		go(UDP, payload);
		come(UDP, payload);
	}
	go(ECHO, 0);
	come(REPLY, 0);
	go(TCP, 0);
	struct frame f = make(TCP, 'b', true, back4, 0), want = make(TCP, 'a', false, back6, 0);
	f.bytes[34 + 13] = want.bytes[54 + 13] = 0x12;
	f.bytes[34 + 11] = want.bytes[54 + 11] = 1;
	frame_ports(&f, 53, 4000);
	frame_ports(&want, 53, 4000);
	frame_send('b', &f);
	expect('a', want);
	assert_int_equal(packet_sum("nat-ports", "used"), 3);
	end();
}

// Traffic class and TOS, hop limit and TTL, and that longer ones may not be cut on their way (RFC 7915 section 5.1).
static void header_fields_follow(void **) {
	struct frame f, want;

	start("", "{ from = 'in', to = 'out', nat64 = {} }");
	f = make(UDP, 'a', true, out6, 1233);
	frame_tos(&f, 0xb8);
	frame_send('a', &f);
	want = make(UDP, 'b', false, out4, 1233); // 1261 bytes
	frame_dont_fragment(&want);
	frame_tos(&want, 0xb8);
	expect('b', want);
	f = make(UDP, 'a', true, out6, 1232);
	frame_send('a', &f);
	expect('b', make(UDP, 'b', false, out4, 1232));
	f = make(UDP, 'b', true, back4, 50);
	frame_tos(&f, 0x28);
	frame_send('b', &f);
	want = make(UDP, 'a', false, back6, 50);
	frame_tos(&want, 0x28);
	expect('a', want);
	// IPv4 options stay behind, and so do IPv6 extension headers
	f = make(UDP, 'b', true, back4, 50);
	frame_options(&f, (const uint8_t[]){1, 1, 1, 0}, 4);
	frame_send('b', &f);
	expect('a', make(UDP, 'a', false, back6, 50));
	f = make(UDP, 'a', true, out6, 50);
	frame_extension(&f, 60, (const uint8_t[8]){0, 0, 1, 4}, 8);
	frame_send('a', &f);
	expect('b', make(UDP, 'b', false, out4, 50));
	end();
}

static void a_sum_that_was_left_out_is_made(void **) {
	start("", "{ from = 'in', to = 'out', nat64 = {} }");
	go(UDP, 50);
	struct frame f = make(UDP, 'b', true, back4, 50);
	f.bytes[34 + 6] = f.bytes[34 + 7] = 0;
	frame_send('b', &f);
	expect('a', make(UDP, 'a', false, back6, 50));
	end();
}

// ---- lengths ------------------------------------------------------------------------------------------------------------

static void fragments_are_cut_again(void **) {
	struct frame whole, f;

	start("", "{ from = 'in', to = 'out', nat64 = {} }");
	whole = make(UDP, 'a', true, out6, 992);
	for (unsigned n = 3; n-- > 0;) {
		frame_cut(&whole, 400, n, 0x12345678, &f);
		frame_send('a', &f);
	}
	whole = make(UDP, 'b', false, out4, 992);
	for (unsigned n = 0; n < 3; n++) {
		frame_cut(&whole, 400, n, 0x5678, &f);
		frame_ttl(&f, 63);
		frame_expect('b', &f);
	}
	whole = make(UDP, 'b', true, back4, 992);
	for (unsigned n = 0; n < 3; n++) {
		frame_cut(&whole, 400, n, 0x9abc, &f);
		frame_send('b', &f);
	}
	whole = make(UDP, 'a', false, back6, 992);
	for (unsigned n = 0; n < 3; n++) {
		frame_cut(&whole, 400, n, 0x9abc, &f);
		frame_ttl(&f, 63);
		frame_expect('a', &f);
	}
	end();
}

// 20 bytes more: what may be cut is cut to 1280, whoever forbids it is told.
static void what_grows_too_long(void **) {
	struct frame whole, f;

	start("", "{ from = 'in', to = 'out', nat64 = {} }");
	go(UDP, 50);
	whole = make(UDP, 'b', true, back4, 1472); // 1500 bytes
	whole.bytes[18] = 0x77;
	frame_sum(&whole);
	frame_send('b', &whole);
	whole = make(UDP, 'a', false, back6, 1472);
	for (unsigned n = 0; n < 2; n++) {
		frame_cut(&whole, 1232, n, 0x7700, &f);
		frame_ttl(&f, 63);
		frame_expect('a', &f);
	}
	whole = make(UDP, 'b', true, back4, 1472);
	frame_dont_fragment(&whole);
	frame_send('b', &whole);
	frame_expect_error('b', &whole, 3, 4, 1480, "10.2.0.1");
	whole = make(UDP, 'b', true, back4, 1452); // fits with 20 more
	frame_dont_fragment(&whole);
	frame_send('b', &whole);
	expect('a', make(UDP, 'a', false, back6, 1452));
	end();
}

static void a_small_ipv4_link(void **) {
	struct frame f, want;

	start("mtu = 1300", "{ from = 'in', to = 'out', nat64 = {} }");
	f = make(UDP, 'a', true, out6, 1300); // 1348, and 1328 there
	frame_send('a', &f);
	frame_expect_error('a', &f, 2, 0, 1320, "2001:db8:1::1");
	f = make(UDP, 'a', true, out6, 1272); // 1320
	frame_send('a', &f);
	want = make(UDP, 'b', false, out4, 1272);
	frame_dont_fragment(&want);
	expect('b', want);
	end();
}

// ---- errors -------------------------------------------------------------------------------------------------------------

// An error of the IPv4 side about `about`, as it came there; what comes of it is about `was`.
static void error_comes(struct frame about, struct frame was, const char *from4, const char *from6,
	const unsigned in[3], const unsigned out[3]) {
	struct frame f = frame_error(&about, in[0], in[1], in[2], from4);

	for (unsigned i = 0; i < 6; i++) { // it comes by the router's MAC address
		f.bytes[i] = (uint8_t)(mac_router('b') >> (40 - 8 * i));
		f.bytes[6 + i] = (uint8_t)(mac_host('b', 9) >> (40 - 8 * i));
	}
	frame_ttl(&f, 65);
	frame_send('b', &f);
	frame_ttl(&was, 63);
	frame_expect_error('a', &was, out[0], out[1], out[2], from6);
}

static void errors_reach_the_sender(void **) {
	static const struct {
		unsigned in[3], out[3];
	} cases[] = {{{11, 0, 0}, {3, 0, 0}}, {{3, 0, 0}, {1, 0, 0}}, {{3, 1, 0}, {1, 0, 0}},
		{{3, 2, 0}, {4, 1, 6}}, {{3, 3, 0}, {1, 4, 0}}, {{3, 4, 1400}, {2, 0, 1420}},
		{{3, 4, 1000}, {2, 0, 1280}}, {{3, 4, 9000}, {2, 0, 1500}}, {{3, 13, 0}, {1, 1, 0}},
		{{12, 0, 8}, {4, 0, 7}}, {{12, 0, 12}, {4, 0, 8}}};

	start("", "{ from = 'in', to = 'out', nat64 = {} }");
	for (enum kind kind = UDP; kind <= ECHO; kind++) {
		struct frame there = go(kind, 50);

		for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			error_comes(there, make(kind, 'a', true, out6, 50), "203.0.113.7",
				"64:ff9b::cb00:7107", cases[i].in, cases[i].out);
			error_comes(there, make(kind, 'a', true, out6, 50), "198.51.100.1",
				"64:ff9b::c633:6401", cases[i].in, cases[i].out);
		}
		// none that says nothing, and none about what was not sent
		struct frame f = frame_error(&there, 3, 14, 0, "203.0.113.7");
		memcpy(f.bytes, there.bytes + 6, 6);
		memcpy(f.bytes + 6, there.bytes, 6);
		dropped('b', f, "drop_nat64_not");
	}
	end();
}

static void errors_of_hosts_inside_go_out(void **) {
	static const struct {
		unsigned in[3], out[3];
	} cases[] = {{{1, 4, 0}, {3, 3, 0}}, {{1, 1, 0}, {3, 10, 0}}, {{3, 0, 0}, {11, 0, 0}},
		{{2, 0, 1400}, {3, 4, 1380}}, {{4, 1, 6}, {3, 2, 0}}, {{4, 0, 7}, {12, 0, 8}}};

	start("", "{ from = 'in', to = 'out', nat64 = {} }");
	go(UDP, 50);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame f = make(UDP, 'b', true, back4, 50), was = f;
		uint8_t bytes[PACKET_FRAME_MAX];

		frame_send('b', &f);
		struct frame there = expect('a', make(UDP, 'a', false, back6, 50));
		f = frame_error(&there, cases[i].in[0], cases[i].in[1], cases[i].in[2],
			i % 2 ? "2001:db8:1::77" : "2001:db8:1::9");
		memcpy(f.bytes, there.bytes + 6, 6);
		memcpy(f.bytes + 6, there.bytes, 6);
		frame_ttl(&f, 65);
		frame_send('a', &f);
		frame_ttl(&was, 63);
		struct frame want = frame_error(
			&was, cases[i].out[0], cases[i].out[1], cases[i].out[2], "10.2.0.1");
		frame_expect('b', &want);
		assert_int_equal(packet_recv("b", bytes), -1);
	}
	end();
}

static void own_errors_are_about_what_came(void **) {
	struct frame f;

	start("", "{ from = 'in', to = 'out', nat64 = {} }");
	f = make(UDP, 'a', true, out6, 50);
	frame_ttl(&f, 1);
	frame_send('a', &f);
	frame_expect_error('a', &f, 3, 0, 0, "2001:db8:1::1");
	go(UDP, 50);
	f = make(UDP, 'b', true, back4, 50);
	frame_ttl(&f, 1);
	frame_send('b', &f);
	frame_expect_error('b', &f, 11, 0, 0, "10.2.0.1");
	end();
}

// Told by the IPv4 side of this box as by any router there.
static void a_host_that_is_not_there_is_told_of(void **) {
	static const struct ends nobody = {"2001:db8:1::9", 4000, "2001:db8:64::a02:63", 53};
	uint8_t bytes[PACKET_FRAME_MAX];
	struct frame f;

	start("", "{ from = 'in', to = 'out', nat64 = { prefix = '2001:db8:64::/96' } }");
	f = make(UDP, 'a', true, nobody, 50);
	frame_send('a', &f);
	for (unsigned i = 0; i < 5; i++) // nobody answers for 10.2.0.99
		packet_advance(NSEC_PER_SEC);
	while (packet_recv("b", bytes) >= 0)
		assert_int_equal(bytes[12] << 8 | bytes[13], 0x0806);
	frame_expect_error('a', &f, 1, 0, 0, "2001:db8:64::a02:1");
	end();
}

// ---- who may ------------------------------------------------------------------------------------------------------------

static void who_is_refused(void **) {
	struct frame f;

	start("", "{ from = 'in', to = 'out', nat64 = {} }");
	// the well-known prefix is for public addresses
	dropped('a',
		make(UDP, 'a', true, (struct ends){"2001:db8:1::9", 1, "64:ff9b::a02:9", 2}, 9),
		"drop_session_nat64");
	// another zone than the rule's
	dropped('a',
		make(UDP, 'a', true, (struct ends){"2001:db8:1::9", 1, "64:ff9b::c000:201", 2}, 9),
		"drop_session_nat64_zone");
	f = make(UDP, 'a', true, out6, 9);
	f.bytes[20] = 47;
	dropped('a', f, "drop_session_nat64");
	dropped('b', make(UDP, 'b', true, back4, 9), "drop_session_no_rule");
	end();
	start("", "{ from = 'in', to = 'out', nat64 = {}, ports = '5000-5001' }");
	uint64_t before = packet_drops("drop_session_nat64_exhausted");
	for (unsigned i = 0; i < 3; i++) {
		f = make(UDP, 'a', true, (struct ends){out6.src, (uint16_t)(10 + i), out6.dst, 53},
			9);
		frame_send('a', &f);
	}
	assert_int_equal(packet_count("b"), 2);
	assert_int_equal(packet_drops("drop_session_nat64_exhausted"), before + 1);
	assert_int_equal(packet_sum("nat-ports", "used"), 2);
	frames_drain();
	end();
}

static void other_prefixes_and_pools(void **) {
	struct frame f;

	start("",
		"{ from = 'in', to = 'out', nat64 = { prefix = '2001:db8:64::/48', pool = "
		"'10.2.0.64' } }");
	f = make(UDP, 'a', true,
		(struct ends){"2001:db8:1::9", 4000, "2001:db8:64:c633:64:100::", 53}, 50);
	frame_send('a', &f);
	expect('b',
		make(UDP, 'b', false, (struct ends){"10.2.0.64", 4000, "198.51.100.1", 53}, 50));
	f = make(UDP, 'b', true, (struct ends){"198.51.100.1", 53, "10.2.0.64", 4000}, 50);
	frame_send('b', &f);
	expect('a',
		make(UDP, 'a', false,
			(struct ends){"2001:db8:64:c633:64:100::", 53, "2001:db8:1::9", 4000}, 50));
	end();
}

// Two inside reach each other by their ports outside (RFC 6146 section 3.8): the packet stays what it is.
static void hairpin(void **) {
	struct frame f;

	start_with("", "", "{ from = 'in', to = 'out', nat64 = { prefix = '2001:db8:64::/96' } }");
	f = make(UDP, 'a', true, (struct ends){"2001:db8:1::9", 4000, "2001:db8:64::c633:6401", 53},
		50);
	frame_send('a', &f);
	expect('b', make(UDP, 'b', false, out4, 50));
	f = frame_udp(mac_router('a'), mac_host('a', 8), "2001:db8:1::8", "2001:db8:64::a02:1", 50);
	frame_ports(&f, 5000, 4000);
	frame_send('a', &f);
	struct frame want = frame_udp(
		mac_host('a', 9), mac_router('a'), "2001:db8:64::a02:1", "2001:db8:1::9", 50);
	frame_ports(&want, 5000, 4000);
	expect('a', want);
	f = frame_udp(mac_router('a'), mac_host('a', 9), "2001:db8:1::9", "2001:db8:64::a02:1", 50);
	frame_ports(&f, 4000, 5000);
	frame_send('a', &f);
	want = frame_udp(
		mac_host('a', 8), mac_router('a'), "2001:db8:64::a02:1", "2001:db8:1::8", 50);
	frame_ports(&want, 4000, 5000);
	expect('a', want);
	// a commit that changes nothing of it
	start_with("", "",
		"{ from = 'in', to = 'out', nat64 = { prefix = '2001:db8:64::/96' } }, { to = "
		"'side', masquerade = true }");
	frame_send('a', &f);
	expect('a', want);
	end();
}

// Endpoint-independent filtering: anybody may send to a port that is mapped.
static void others_may_come_in_where_that_is_wanted(void **) {
	struct frame f;

	start("", "{ from = 'in', to = 'out', nat64 = {}, filtering = 'endpoint-independent' }");
	go(UDP, 50);
	f = make(UDP, 'b', true, (struct ends){"203.0.113.9", 99, "10.2.0.1", 4000}, 50);
	frame_send('b', &f);
	expect('a',
		make(UDP, 'a', false,
			(struct ends){"64:ff9b::cb00:7109", 99, "2001:db8:1::9", 4000}, 50));
	f = make(
		UDP, 'a', true, (struct ends){"2001:db8:1::9", 4000, "64:ff9b::cb00:7109", 99}, 50);
	frame_send('a', &f);
	expect('b', make(UDP, 'b', false, (struct ends){"10.2.0.1", 4000, "203.0.113.9", 99}, 50));
	end();
}

static void a_commit_ends_what_it_forbids(void **) {
	struct frame f = make(UDP, 'b', true, back4, 50);

	start("", "{ from = 'in', to = 'out', nat64 = {} }");
	go(UDP, 50);
	start("", "{ from = 'in', to = 'out', nat64 = {} }, { to = 'out', masquerade = true }");
	come(UDP, 50);
	start("", "");
	dropped('b', f, "drop_session_no_rule");
	end();
}

// The ports are polled by different workers: answers are handed over to whoever made the session, and translated there.
static void workers_find_each_other(void **) {
	static const char rule[] = "{ from = 'in', to = 'out', nat64 = {} }";

	start("", rule);
	workers = 3;
	configure("urpf = 'strict'", "", rule);
	for (uint16_t i = 0; i < 200; i++) {
		struct ends there = out6, outside = out4, back = back4, inside = back6;

		there.sport = outside.sport = back.dport = inside.dport = (uint16_t)(4000 + i);
		struct frame f = make(UDP, 'a', true, there, 50);
		packet_send("a", f.bytes, f.len);
		packet_wait_for(packet_count("b") >= 1);
		expect('b', make(UDP, 'b', false, outside, 50));
		f = make(UDP, 'b', true, back, 50);
		packet_send("b", f.bytes, f.len);
		packet_wait_for(packet_count("a") >= 1);
		expect('a', make(UDP, 'a', false, inside, 50));
	}
	workers = 0;
	configure("urpf = 'strict'", "", rule);
	end();
}

static void mistakes_are_told(void **) {
	static const struct {
		const char *rule, *says;
	} cases[] = {
		{"{ nat64 = {} }", "`to` is missing"},
		{"{ to = 'out', nat64 = { prefix = '2001:db8::/72' } }",
			"an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits"},
		{"{ to = 'out', nat64 = { prefix = '10.0.0.0/32' } }", "an IPv6 prefix of"},
		{"{ to = 'out', nat64 = { pool = '2001:db8::1' } }", "a pool of IPv4 addresses"},
		{"{ to = 'out', dst = '10.0.0.1', nat64 = {} }",
			"`nat64` says itself which destinations"},
		{"{ to = 'out', masquerade = true, nat64 = {} }", "exclude each other"},
	};
	char text[4096];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), lab, 0u, "", "", cases[i].rule);
		const char *why = packet_config_refused(text);
		if (strstr(why, cases[i].says) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", why, cases[i].says);
	}
}

static int setup(void **) {
	static const struct module *const modules[] = {
		&session_module, &switch_module, &router_module, &firewall_module, NULL};

	return packet_setup(modules);
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(header_fields_follow),
		cmocka_unit_test(a_sum_that_was_left_out_is_made),
		cmocka_unit_test(fragments_are_cut_again),
		cmocka_unit_test(what_grows_too_long),
		cmocka_unit_test(a_small_ipv4_link),
		cmocka_unit_test(errors_reach_the_sender),
		cmocka_unit_test(errors_of_hosts_inside_go_out),
		cmocka_unit_test(own_errors_are_about_what_came),
		cmocka_unit_test(a_host_that_is_not_there_is_told_of),
		cmocka_unit_test(who_is_refused),
		cmocka_unit_test(other_prefixes_and_pools),
		cmocka_unit_test(hairpin),
		cmocka_unit_test(others_may_come_in_where_that_is_wanted),
		cmocka_unit_test(a_commit_ends_what_it_forbids),
		cmocka_unit_test(workers_find_each_other),
		cmocka_unit_test(mistakes_are_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
