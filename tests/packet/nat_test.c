// SPDX-License-Identifier: BSD-3-Clause
// NAT, byte by byte: who is it outside, who is it inside, and what of errors. Port a is inside (10.1.0.1/24, 2001:db8:1::1/64), b is
// outside (10.2.0.1/24, 2001:db8:2::1/64), c is inside as well; hosts .9 (and .8) on each.
#include "dataplane/dataplane.h"
#include "dataplane/session/session.h"
#include "firewall/firewall.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

// ---- the lab ---------------------------------------------------------------------------------------------------------

static const char lab[] =
	"local function i(port, n, zone) local a = '02:00:00:00:0' .. n .. ':0' return { port = "
	"port, "
	"  zone = zone, mac = a .. '1', dad = false, urpf = zone == 'in' and 'strict' or nil,"
	"  addresses = { '10.' .. n .. '.0.1/24', '2001:db8:' .. n .. '::1/64' }, neighbors = {"
	"  ['10.' .. n .. '.0.9'] = a .. '9', ['2001:db8:' .. n .. '::9'] = a .. '9',"
	"  ['10.' .. n .. '.0.8'] = a .. '8', ['2001:db8:' .. n .. '::8'] = a .. '8' } } end "
	"return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' }, c = { device = "
	"'ring:c' } }, sessions = { max = 1000, reserve = 10 }, routers = { r = { interfaces = { "
	"  a = i('a', 1, 'in'), b = i('b', 2, 'out'), c = i('c', 3, 'in') },"
	"  routes = { ['0.0.0.0/0'] = { via = '10.2.0.9' }, ['::/0'] = { via = '2001:db8:2::9' } } "
	"} },"
	"firewall = { default = 'accept', nat = { %s } } }";

static void start(const char *rules) {
	char text[4096];

	snprintf(text, sizeof(text), lab, rules);
	packet_config(text);
	for (unsigned t = 0; t < 12; t++)
		packet_advance(NSEC_PER_SEC);
	frames_drain();
}

static json_int_t shown(const char *noun, const char *key, const char *value, const char *field) {
	json_t *rows = packet_show(noun), *row;
	json_int_t n = -1;
	size_t i;

	json_array_foreach (rows, i, row) {
		const char *is = json_string_value(json_object_get(row, key));
		if (is && strcmp(is, value) == 0 && n < 0)
			n = json_integer_value(json_object_get(row, field));
	}
	json_decref(rows);
	return n;
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

static struct frame udp(char from, unsigned host, struct ends e) {
	struct frame f = frame_udp(mac_router(from), mac_host(from, host), e.src, e.dst, 60);

	frame_ports(&f, e.sport, e.dport);
	return f;
}

static struct frame tcp(char from, unsigned host, struct ends e) {
	struct frame f = frame_syn(mac_router(from), mac_host(from, host), e.src, e.dst, 1460);

	frame_ports(&f, e.sport, e.dport);
	return f;
}

static void expect_at(char to, unsigned host, struct frame f) {
	frame_hop(&f, mac_host(to, host), mac_router(to));
	frame_expect(to, &f);
}

// One goes in as `is` and comes out as `as`, and an answer the other way.
static void there_and_back(char from, struct ends is, char to, struct ends as) {
	struct frame f = udp(from, 9, is);

	frame_send(from, &f);
	expect_at(to, 9, udp(from, 9, as));
	f = udp(to, 9, (struct ends){as.dst, as.dport, as.src, as.sport});
	frame_send(to, &f);
	expect_at(from, 9, udp(to, 9, (struct ends){is.dst, is.dport, is.src, is.sport}));
	f = tcp(from, 9, is);
	frame_send(from, &f);
	expect_at(to, 9, tcp(from, 9, as));
}

// The source port that a packet of `host` inside gets.
static uint16_t port_of(char from, unsigned host, struct ends e) {
	struct frame f = udp(from, host, e), got;

	frame_send(from, &f);
	assert_true(frame_recv('b', &got));
	return (uint16_t)(got.bytes[34] << 8 | got.bytes[35]);
}

static void dropped(char from, const struct frame *f, const char *why) {
	uint64_t before = packet_drops(why);

	frame_send(from, f);
	assert_int_equal(packet_drops(why), before + 1);
	packet_expect_none();
}

// ---- sources ---------------------------------------------------------------------------------------------------------

static void masquerade(void **) {
	start("{ name = 'm', from = 'in', to = 'out', masquerade = true }");
	there_and_back('a', (struct ends){"10.1.0.9", 5000, "10.2.0.9", 53}, 'b',
		(struct ends){"10.2.0.1", 5000, "10.2.0.9", 53});
	there_and_back('a', (struct ends){"2001:db8:1::9", 5000, "2001:db8:2::9", 53}, 'b',
		(struct ends){"2001:db8:2::1", 5000, "2001:db8:2::9", 53});
	assert_int_equal(shown("nat", "name", "m", "sessions"), 4);
	assert_int_equal(shown("nat", "name", "m", "hits"), 4);
	end();
	assert_int_equal(shown("nat", "name", "m", "sessions"), 0);
}

// The same endpoint is the same one to everybody; another with its port is another.
static void mappings_do_not_depend_on_the_destination(void **) {
	start("{ from = 'in', to = 'out', masquerade = true }");
	assert_int_equal(port_of('a', 9, (struct ends){"10.1.0.9", 5000, "10.2.0.9", 1}), 5000);
	uint16_t other = port_of('a', 8, (struct ends){"10.1.0.8", 5000, "10.2.0.9", 1});
	assert_int_not_equal(other, 5000);
	assert_int_equal(other % 2, 0);
	for (uint16_t p = 2; p < 20; p++) {
		assert_int_equal(
			port_of('a', 9, (struct ends){"10.1.0.9", 5000, "10.2.0.9", p}), 5000);
		assert_int_equal(
			port_of('a', 8, (struct ends){"10.1.0.8", 5000, "10.2.0.9", p}), other);
	}
	assert_int_equal(packet_sum("nat-ports", "used"), 2);
	end();
}

static void snat_from_a_pool(void **) {
	start("{ to = 'out', src = '10.1.0.9', snat = '192.0.2.7' },"
	      "{ to = 'out', masquerade = false, dst = '10.2.0.8' },"
	      "{ to = 'out', src = '2001:db8:1::/64', snat = '2001:db8:7::7' },"
	      "{ to = 'out', masquerade = true }");
	there_and_back('a', (struct ends){"10.1.0.9", 700, "10.2.0.9", 53}, 'b',
		(struct ends){"192.0.2.7", 700, "10.2.0.9", 53});
	there_and_back('a', (struct ends){"2001:db8:1::9", 700, "2001:db8:2::9", 53}, 'b',
		(struct ends){"2001:db8:7::7", 700, "2001:db8:2::9", 53});
	there_and_back('c', (struct ends){"10.3.0.9", 701, "10.2.0.9", 53}, 'b',
		(struct ends){"10.2.0.1", 701, "10.2.0.9", 53});
	struct frame f = udp('c', 9, (struct ends){"10.3.0.9", 701, "10.2.0.8", 53});
	frame_send('c', &f);
	expect_at('b', 8, f); // exempt
	end();
}

static void hosts_keep_their_address(void **) {
	bool seen[16] = {0};
	unsigned n = 0;

	start("{ to = 'out', snat = '192.0.2.16-192.0.2.31' }");
	for (unsigned host = 1; host < 60; host++) {
		char src[16];
		int first = -1;
		for (uint16_t port = 1; port < 4; port++) {
			struct frame got, f;
			snprintf(src, sizeof(src), "10.1.0.%u", host + 10);
			f = udp('a', 9, (struct ends){src, 5000, "10.2.0.9", port});
			frame_send('a', &f);
			assert_true(frame_recv('b', &got));
			int address = got.bytes[29] - 16;
			assert_in_range(address, 0, 15);
			assert_true(first < 0 || address == first);
			first = address;
		}
		n += !seen[first];
		seen[first] = true;
	}
	assert_in_range(n, 8, 16); // all of them are used, more or less
	end();
}

static void pings_are_known_by_their_identifier(void **) {
	start("{ from = 'in', to = 'out', masquerade = true }");
	struct frame f =
		frame_icmp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.2.0.9", 8, 0);
	frame_send('a', &f);
	expect_at('b', 9,
		frame_icmp(mac_router('a'), mac_host('a', 9), "10.2.0.1", "10.2.0.9", 8, 0));
	f = frame_icmp(mac_router('b'), mac_host('b', 9), "10.2.0.9", "10.2.0.1", 0, 0);
	frame_send('b', &f);
	expect_at('a', 9,
		frame_icmp(mac_router('b'), mac_host('b', 9), "10.2.0.9", "10.1.0.9", 0, 0));
	// another host's with the same identifier is another
	f = frame_icmp(mac_router('c'), mac_host('c', 9), "10.3.0.9", "10.2.0.9", 8, 0);
	struct frame got;
	frame_send('c', &f);
	assert_true(frame_recv('b', &got));
	assert_memory_not_equal(got.bytes + 38, f.bytes + 38, 2);
	assert_true(frame_sum_ok(&got));
	assert_int_equal(shown("nat-ports", "proto", "icmp", "used"), 2);
	end();
}

static void a_udp_checksum_of_zero_stays(void **) {
	start("{ from = 'in', to = 'out', masquerade = true }");
	struct frame f = udp('a', 9, (struct ends){"10.1.0.9", 5000, "10.2.0.9", 53});
	struct frame want = udp('a', 9, (struct ends){"10.2.0.1", 5000, "10.2.0.9", 53});
	f.bytes[40] = f.bytes[41] = want.bytes[40] = want.bytes[41] = 0;
	frame_send('a', &f);
	expect_at('b', 9, want);
	end();
}

// ---- destinations ----------------------------------------------------------------------------------------------------

static void dnat_with_ranges(void **) {
	start("{ name = 'web', to = 'out', proto = { 'tcp', 'udp' }, dport = '8000-8009', dnat = "
	      "'10.1.0.9:9000-9009' },"
	      "{ dst = '10.2.0.77', dnat = '10.3.0.9' },"
	      "{ to = 'out', proto = 'udp', dport = 53, dnat = '[2001:db8:1::9]:5353' }");
	there_and_back('b', (struct ends){"10.2.0.9", 1000, "10.2.0.1", 8007}, 'a',
		(struct ends){"10.2.0.9", 1000, "10.1.0.9", 9007});
	there_and_back('b', (struct ends){"10.2.0.9", 1000, "10.2.0.77", 22}, 'c',
		(struct ends){"10.2.0.9", 1000, "10.3.0.9", 22});
	struct frame f = udp('b', 9, (struct ends){"2001:db8:2::9", 1000, "2001:db8:2::1", 53});
	frame_send('b', &f);
	expect_at('a', 9, udp('b', 9, (struct ends){"2001:db8:2::9", 1000, "2001:db8:1::9", 5353}));
	assert_int_equal(shown("nat", "name", "web", "sessions"), 2);
	// not this box's own address: not the rule's
	f = udp('b', 9, (struct ends){"10.2.0.9", 1000, "10.1.0.8", 8007});
	frame_send('b', &f);
	expect_at('a', 8, f);
	end();
}

// Two external ports lead to one: a client that uses both from one port must look like two.
static void clients_that_would_look_the_same_do_not(void **) {
	start("{ to = 'out', proto = { 'tcp', 'udp' }, dport = { 80, 81 }, dnat = '10.1.0.9:8080' "
	      "}");
	there_and_back('b', (struct ends){"10.2.0.9", 1000, "10.2.0.1", 80}, 'a',
		(struct ends){"10.2.0.9", 1000, "10.1.0.9", 8080});
	struct frame f = udp('b', 9, (struct ends){"10.2.0.9", 1000, "10.2.0.1", 81}), got;
	frame_send('b', &f);
	assert_true(frame_recv('a', &got));
	assert_int_not_equal(got.bytes[34] << 8 | got.bytes[35], 1000);
	end();
}

// ---- one for one -----------------------------------------------------------------------------------------------------

static void static_both_ways(void **) {
	start("{ name = 's', to = 'out', static = { external = '192.0.2.0/24', internal = "
	      "'10.1.0.0/24' } }");
	there_and_back('a', (struct ends){"10.1.0.9", 5000, "10.2.0.9", 53}, 'b',
		(struct ends){"192.0.2.9", 5000, "10.2.0.9", 53});
	there_and_back('b', (struct ends){"10.2.0.9", 1000, "192.0.2.9", 80}, 'a',
		(struct ends){"10.2.0.9", 1000, "10.1.0.9", 80});
	struct frame f =
		frame_icmp(mac_router('b'), mac_host('b', 9), "10.2.0.9", "192.0.2.9", 8, 0);
	frame_send('b', &f);
	expect_at('a', 9,
		frame_icmp(mac_router('b'), mac_host('b', 9), "10.2.0.9", "10.1.0.9", 8, 0));
	assert_int_equal(shown("nat", "name", "s", "sessions"), 5);
	end();
}

// RFC 6296: checksums of the upper protocol stay as they are, whatever it is.
static void prefixes_of_ipv6(void **) {
	struct frame f, got;

	start("{ to = 'out', static = { external = '2001:db8:aaaa::/64', internal = "
	      "'2001:db8:1::/64' } }");
	for (unsigned proto = 0; proto < 3; proto++) {
		f = udp('a', 9, (struct ends){"2001:db8:1::9", 5000, "2001:db8:2::9", 53});
		if (proto == 1)
			f = tcp('a', 9, (struct ends){"2001:db8:1::9", 5000, "2001:db8:2::9", 53});
		if (proto == 2)
			f = frame_icmp(mac_router('a'), mac_host('a', 9), "2001:db8:1::9",
				"2001:db8:2::9", 128, 0);
		frame_send('a', &f);
		assert_true(frame_recv('b', &got));
		assert_true(frame_sum_ok(&got));
		assert_memory_equal(got.bytes + 54, f.bytes + 54, f.len - 54);
		// 0:1 and aaaa:0 differ by 5557 (one's complement): 0 + 5557 in the first word behind the prefix
		assert_memory_equal(got.bytes + 22,
			((uint8_t[]){0x20, 1, 0xd, 0xb8, 0xaa, 0xaa, 0, 0, 0x55, 0x56}), 10);
	}
	packet_flush("sessions", "{}");
	there_and_back('b', (struct ends){"2001:db8:2::9", 1000, "2001:db8:aaaa:0:5556::9", 80},
		'a', (struct ends){"2001:db8:2::9", 1000, "2001:db8:1::9", 80});
	end();
}

// ---- inside to inside by an address outside (RFC 4787 REQ-9) -----------------------------------------------------------

static void hairpin_by_a_rule(void **) {
	start("{ to = 'out', proto = { 'tcp', 'udp' }, dport = 80, dnat = '10.1.0.8:8080' },"
	      "{ from = 'in', to = 'out', masquerade = true }");
	struct frame f = udp('a', 9, (struct ends){"10.1.0.9", 5000, "10.2.0.1", 80});
	frame_send('a', &f); // both on one link: the answer must come this way
	expect_at('a', 8, udp('a', 9, (struct ends){"10.2.0.1", 5000, "10.1.0.8", 8080}));
	f = udp('a', 8, (struct ends){"10.1.0.8", 8080, "10.2.0.1", 5000});
	frame_send('a', &f);
	expect_at('a', 9, udp('a', 8, (struct ends){"10.2.0.1", 80, "10.1.0.9", 5000}));
	// from another link it would anyway, and the server sees who it is
	f = udp('c', 9, (struct ends){"10.3.0.9", 5000, "10.2.0.1", 80});
	frame_send('c', &f);
	expect_at('a', 8, udp('c', 9, (struct ends){"10.3.0.9", 5000, "10.1.0.8", 8080}));
	end();
}

static void hairpin_by_a_mapped_port(void **) {
	start("{ from = 'in', to = 'out', masquerade = true }");
	assert_int_equal(port_of('a', 9, (struct ends){"10.1.0.9", 5000, "10.2.0.9", 53}), 5000);
	struct frame f = udp('a', 8, (struct ends){"10.1.0.8", 6000, "10.2.0.1", 5000});
	frame_send('a', &f);
	expect_at('a', 9, udp('a', 8, (struct ends){"10.2.0.1", 6000, "10.1.0.9", 5000}));
	f = udp('a', 9, (struct ends){"10.1.0.9", 5000, "10.2.0.1", 6000});
	frame_send('a', &f);
	expect_at('a', 8, udp('a', 9, (struct ends){"10.2.0.1", 5000, "10.1.0.8", 6000}));
	end();
	start("{ from = 'in', to = 'out', masquerade = true, hairpin = false }");
	port_of('a', 9, (struct ends){"10.1.0.9", 5000, "10.2.0.9", 53});
	f = udp('a', 8, (struct ends){"10.1.0.8", 6000, "10.2.0.1", 5000});
	frame_send('a', &f); // it is this box that is spoken to
	frames_drain();
	assert_int_equal(packet_sum("nat-ports", "used"), 1);
	end();
}

// ---- filtering (RFC 4787 section 5) ------------------------------------------------------------------------------------

static void who_may_come_in(void **) {
	struct frame f = udp('b', 8, (struct ends){"10.2.0.8", 7, "10.2.0.1", 5000});

	start("{ from = 'in', to = 'out', masquerade = true }");
	port_of('a', 9, (struct ends){"10.1.0.9", 5000, "10.2.0.9", 53});
	frame_send('b', &f);
	assert_false(frame_recv('a', &(struct frame){0})); // to this box, if to anybody
	frames_drain();
	packet_flush("sessions", "{}");
	start("{ from = 'in', to = 'out', masquerade = true, filtering = 'endpoint-independent' }");
	port_of('a', 9, (struct ends){"10.1.0.9", 5000, "10.2.0.9", 53});
	frame_send('b', &f);
	expect_at('a', 9, udp('b', 8, (struct ends){"10.2.0.8", 7, "10.1.0.9", 5000}));
	f = udp('a', 9, (struct ends){"10.1.0.9", 5000, "10.2.0.8", 7});
	frame_send('a', &f);
	expect_at('b', 8, udp('a', 9, (struct ends){"10.2.0.1", 5000, "10.2.0.8", 7}));
	f = udp('b', 8, (struct ends){"10.2.0.8", 7, "10.2.0.1", 5001});
	frame_send('b', &f);
	assert_false(frame_recv('a', &(struct frame){0})); // nobody has that port
	frames_drain();
	end();
}

// ---- errors ----------------------------------------------------------------------------------------------------------

// The receiver of `got` says that it cannot have it: the sender of `sent` hears so of what it sent.
static void errors_find_the_sender(void **) {
	start("{ from = 'in', to = 'out', masquerade = true }");
	struct frame sent = udp('a', 9, (struct ends){"10.1.0.9", 5000, "10.2.0.9", 53}), got, back;
	struct frame e =
		frame_icmp(mac_router('b'), mac_host('b', 9), "10.2.0.9", "10.2.0.1", 3, 3);
	frame_send('a', &sent);
	assert_true(frame_recv('b', &got));
	memcpy(e.bytes + 42, got.bytes + 14, e.len - 42);
	frame_payload(&e, (unsigned)(e.bytes[e.len - 2] << 8 | e.bytes[e.len - 1]));
	frame_send('b', &e);
	assert_true(frame_recv('a', &back));
	assert_true(frame_sum_ok(&back));
	assert_memory_equal(back.bytes + 30, sent.bytes + 26, 4);      // to the sender
	assert_memory_equal(back.bytes + 42 + 12, sent.bytes + 26, 8); // about what it sent
	assert_memory_equal(back.bytes + 42 + 20, sent.bytes + 34, 4);
	end();
}

// This box's own errors come about what it has translated already; the sender is told of what it sent.
static void own_errors_are_about_what_was_sent(void **) {
	start("{ from = 'in', to = 'out', masquerade = true },"
	      "{ to = 'out', proto = 'udp', dport = 80, dnat = '10.1.0.9:8080' }");
	struct frame f = udp('a', 9, (struct ends){"10.1.0.9", 5000, "10.2.0.9", 53});
	frame_ttl(&f, 1);
	frame_send('a', &f);
	frame_expect_error('a', &f, 11, 0, 0, "10.1.0.1");
	f = udp('a', 9, (struct ends){"2001:db8:1::9", 5000, "2001:db8:2::9", 53});
	frame_ttl(&f, 1);
	frame_send('a', &f);
	frame_expect_error('a', &f, 3, 0, 0, "2001:db8:1::1");
	f = udp('b', 9, (struct ends){"10.2.0.9", 1000, "10.2.0.1", 80});
	frame_ttl(&f, 1);
	frame_send('b', &f);
	frame_expect_error('b', &f, 11, 0, 0, "10.2.0.1");
	end();
}

// ---- when ports are few ------------------------------------------------------------------------------------------------

static void ports_that_are_shared(void **) {
	start("{ from = 'in', to = 'out', masquerade = true, ports = '2000-2001', mapping = "
	      "'overload' }");
	uint16_t one = port_of('a', 9, (struct ends){"10.1.0.9", 5000, "10.2.0.9", 1});
	uint16_t two = port_of('a', 9, (struct ends){"10.1.0.9", 5001, "10.2.0.9", 1});
	assert_int_not_equal(one, two);
	uint16_t three = port_of('a', 9, (struct ends){"10.1.0.9", 5002, "10.2.0.9", 2});
	assert_in_range(three, 2000, 2001);
	// no port is left towards that destination
	struct frame f = udp('a', 9, (struct ends){"10.1.0.9", 5003, "10.2.0.9", 1});
	dropped('a', &f, "drop_session_exhausted");
	f = udp('b', 9, (struct ends){"10.2.0.9", 2, "10.2.0.1", three});
	frame_send('b', &f);
	expect_at('a', 9, udp('b', 9, (struct ends){"10.2.0.9", 2, "10.1.0.9", 5002}));
	end();
}

static void blocks_of_ports(void **) {
	start("{ from = 'in', to = 'out', masquerade = true, ports = '2000-2255', block = 64, "
	      "blocks = 1 }");
	uint16_t first = port_of('a', 9, (struct ends){"10.1.0.9", 5000, "10.2.0.9", 1});
	for (uint16_t i = 1; i < 64; i++) {
		uint16_t port = port_of(
			'a', 9, (struct ends){"10.1.0.9", (uint16_t)(5000 + i), "10.2.0.9", 1});
		assert_int_equal((port - 2000) / 64, (first - 2000) / 64);
	}
	struct frame f = udp('a', 9, (struct ends){"10.1.0.9", 6000, "10.2.0.9", 1});
	dropped('a', &f, "drop_session_exhausted");
	uint16_t other = port_of('a', 8, (struct ends){"10.1.0.8", 6000, "10.2.0.9", 1});
	assert_int_not_equal((other - 2000) / 64, (first - 2000) / 64);
	assert_int_equal(shown("nat-ports", "proto", "udp", "blocks_left"), 2);
	end();
	assert_int_equal(shown("nat-ports", "proto", "udp", "blocks_left"), 4);
}

// ---- addresses of the link ---------------------------------------------------------------------------------------------

static void asked(const char *addr, bool answered) {
	uint8_t arp[60], got[PACKET_FRAME_MAX];

	packet_hex("ffffffffffff 020000000209 0806 0001 0800 06 04 0001 020000000209 0a020009 "
		   "000000000000 00000000",
		arp, sizeof(arp));
	inet_pton(AF_INET, addr, arp + 38);
	packet_send("b", arp, 42);
	packet_advance(NSEC_PER_MSEC);
	packet_step();
	int len = packet_recv("b", got);
	assert_int_equal(len > 0, answered);
	if (answered) {
		assert_memory_equal(got, arp + 6, 6);
		assert_memory_equal(got + 28, arp + 38, 4);
		assert_memory_equal(got + 22, ((uint8_t[]){2, 0, 0, 0, 2, 1}), 6);
	}
}

static void the_link_finds_external_addresses(void **) {
	start("{ to = 'out', snat = '10.2.0.32-10.2.0.40' }, { dst = '10.2.0.77', dnat = "
	      "'10.1.0.9' },"
	      "{ to = 'out', static = { external = '10.2.0.128/28', internal = '10.3.0.0/28' } },"
	      "{ dst = '10.2.0.0/24', proto = 'udp', dport = 99, dnat = '10.1.0.9' }");
	asked("10.2.0.40", true);
	asked("10.2.0.77", true);
	asked("10.2.0.130", true);
	asked("10.2.0.41", false);
	asked("10.2.0.78", false);
	end();
}

// ---- commits ---------------------------------------------------------------------------------------------------------

static void sessions_end_with_their_rule(void **) {
	static const char out[] = "{ name = 'm', from = 'in', to = 'out', masquerade = true }",
			  in[] = "{ name = 'web', to = 'out', proto = { 'tcp', 'udp' }, dport = "
				 "80, dnat = '10.1.0.9' }";
	char both[256];

	snprintf(both, sizeof(both), "%s, %s", out, in);
	start(both);
	there_and_back('a', (struct ends){"10.1.0.9", 5000, "10.2.0.9", 53}, 'b',
		(struct ends){"10.2.0.1", 5000, "10.2.0.9", 53});
	there_and_back('b', (struct ends){"10.2.0.9", 1000, "10.2.0.1", 80}, 'a',
		(struct ends){"10.2.0.9", 1000, "10.1.0.9", 80});
	snprintf(both, sizeof(both), "%s, %s", in, out); // another order is the same rules
	start(both);
	assert_int_equal(shown("nat", "name", "m", "sessions"), 2);
	assert_int_equal(shown("nat", "name", "web", "sessions"), 2);
	start(in);
	assert_int_equal(packet_sum("nat-ports", "used"), 0);
	assert_int_equal(shown("nat", "name", "web", "sessions"), 2);
	start("");
	assert_int_equal(packet_flush("sessions", "{}"), 0);
	end();
}

static void tests_of_the_configuration(void **) {
	static const char rule[] =
		"{ to = 'out', proto = 'tcp', dport = 80, dnat = '10.1.0.9:8080' } }, tests = { { "
		"from = "
		"'out', src = '10.2.0.9', dst = '10.2.0.1', expect = 'accept', dport = %u, "
		"translated = '10.1.0.9:8080' }";
	char rules[512], text[4096];

	snprintf(rules, sizeof(rules), rule, 80);
	start(rules);
	snprintf(rules, sizeof(rules), rule, 81);
	snprintf(text, sizeof(text), lab, rules);
	assert_non_null(strstr(packet_config_refused(text), "it goes to 10.2.0.1, port 81"));
	end();
}

static void the_last_port(void **) {
	start("{ from = 'in', to = 'out', masquerade = true, ports = '2000-2009' }");
	for (uint16_t i = 0; i < 10; i++)
		assert_in_range(port_of('a', 9, (struct ends){"10.1.0.9", 5000 + i, "10.2.0.9", 1}),
			2000, 2009);
	struct frame f = udp('a', 9, (struct ends){"10.1.0.9", 6000, "10.2.0.9", 1});
	dropped('a', &f, "drop_session_exhausted");
	assert_int_equal(shown("nat-ports", "proto", "udp", "left"), 0);
	assert_int_equal(shown("nat-ports", "proto", "udp", "refused"), 1);
	end();
	assert_int_equal(port_of('a', 9, (struct ends){"10.1.0.9", 2004, "10.2.0.9", 1}), 2004);
	end();
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
		cmocka_unit_test(masquerade),
		cmocka_unit_test(mappings_do_not_depend_on_the_destination),
		cmocka_unit_test(snat_from_a_pool),
		cmocka_unit_test(hosts_keep_their_address),
		cmocka_unit_test(pings_are_known_by_their_identifier),
		cmocka_unit_test(a_udp_checksum_of_zero_stays),
		cmocka_unit_test(dnat_with_ranges),
		cmocka_unit_test(clients_that_would_look_the_same_do_not),
		cmocka_unit_test(static_both_ways),
		cmocka_unit_test(prefixes_of_ipv6),
		cmocka_unit_test(hairpin_by_a_rule),
		cmocka_unit_test(hairpin_by_a_mapped_port),
		cmocka_unit_test(who_may_come_in),
		cmocka_unit_test(ports_that_are_shared),
		cmocka_unit_test(blocks_of_ports),
		cmocka_unit_test(the_link_finds_external_addresses),
		cmocka_unit_test(errors_find_the_sender),
		cmocka_unit_test(own_errors_are_about_what_was_sent),
		cmocka_unit_test(sessions_end_with_their_rule),
		cmocka_unit_test(tests_of_the_configuration),
		cmocka_unit_test(the_last_port),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
