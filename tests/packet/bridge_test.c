// SPDX-License-Identifier: BSD-3-Clause
// Rules between ports of a switch, byte by byte: what passes is not touched, whatever its tag and its fragments; who may not is told.
//
// Switch s: a (zone in) and b (zone out) in VLAN 10 without tags, c (zone dmz) with tags of 10 and 20, d (zone in) in VLAN 20. Switch t: e
// (in) and f (out). Host 9 is on each port; all are in 10.0.0.0/24 and 2001:db8::/64, a's is .1, b's .2, ...
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

#define MS NSEC_PER_MSEC

// ---- the lab ---------------------------------------------------------------------------------------------------------

static const char lab[] =
	"local p = {} for n in ('abcdef'):gmatch('.') do p[n] = { device = 'ring:' .. n } end "
	"return { system = { workers = %u }, ports = p, sessions = { max = 1000, reserve = 10 }, "
	"switches = {"
	"  s = { firewall = %s, pass_ethertypes = { 0x8863, 0 }, ports = { a = { access = 10, zone "
	"= "
	"'in' },"
	"    b = { access = 10, zone = 'out' }, c = { trunk = { 10, 20 }, zone = 'dmz' }, d = { "
	"access = 20, zone = 'in' } } },"
	"  t = { firewall = true, ports = { e = { zone = 'in' }, f = { zone = 'out' } } } },"
	"routers = { r = { interfaces = { v = { switch = 's', vlan = 10, mac = '02:00:00:00:77:01',"
	"  zone = 'gate', dad = false, addresses = { '10.0.0.77/24' } } } } },"
	"firewall = { %s rules = { { from = 'in', to = 'out', proto = { 'tcp', 'udp', 'icmp' }, "
	"action = 'accept' },"
	"  { from = 'in', to = 'dmz', proto = { 'tcp', 'udp' }, action = 'accept' },"
	"  { from = 'dmz', to = 'in', action = 'reject' },"
	"  { from = 'in', to = 'self', icmp = 'echo-request', action = 'accept' }, %s } } }";

static unsigned workers; // 0: this thread

static void reconfigure(const char *on, const char *more, const char *rules) {
	char text[4096];

	snprintf(text, sizeof(text), lab, workers, on, more, rules);
	packet_config(text);
	packet_advance(100 * MS);
}

static void drain(void) {
	struct frame f;

	for (char port = 'a'; port <= 'f'; port++)
		while (frame_recv(port, &f))
			;
}

static struct frame arp(char from) {
	struct frame f = {.len = 60};

	memset(f.bytes, 0xff, 6);
	for (unsigned i = 0; i < 6; i++)
		f.bytes[6 + i] = (uint8_t)(mac_host(from, 9) >> (40 - 8 * i));
	f.bytes[12] = 8;
	f.bytes[13] = 6;
	return f;
}

// `tci`: 0: none.
static struct frame tagged(struct frame f, unsigned tci) {
	memmove(f.bytes + 16, f.bytes + 12, f.len - 12);
	f.bytes[12] = 0x81;
	f.bytes[13] = 0;
	f.bytes[14] = (uint8_t)(tci >> 8);
	f.bytes[15] = (uint8_t)tci;
	f.len += 4;
	return f;
}

static struct frame on(char port, unsigned tci, struct frame f) {
	return port == 'c' ? tagged(f, tci) : f;
}

// All stations are known.
static void learn(void) {
	for (char port = 'a'; port <= 'f'; port++) {
		for (unsigned vlan = 10; vlan <= 20; vlan += 10) {
			struct frame f = on(port, vlan, arp(port));

			frame_send(port, &f);
		}
		packet_advance(100 * MS);
	}
	drain();
}

static void start(const char *rules) {
	reconfigure("true", "", rules);
	for (unsigned t = 0; t < 12; t++)
		packet_advance(NSEC_PER_SEC);
	learn();
}

static void end(void) {
	packet_flush("sessions", "{}");
	packet_expect_none();
}

static const char *addr(char port, bool v6) {
	static char text[2][40];
	static unsigned n;
	char *to = text[n++ % 2];

	snprintf(to, sizeof(text[0]), v6 ? "2001:db8::%d" : "10.0.0.%d", port - 'a' + 1);
	return to;
}

static struct frame udp(char from, char to, bool v6, uint16_t sport, uint16_t dport) {
	struct frame f =
		frame_udp(mac_host(to, 9), mac_host(from, 9), addr(from, v6), addr(to, v6), 100);

	frame_ports(&f, sport, dport);
	return f;
}

static struct frame syn(char from, char to, bool v6) {
	return frame_syn(mac_host(to, 9), mac_host(from, 9), addr(from, v6), addr(to, v6), 1460);
}

// As it was sent, but for the tag that each port wants.
static void passes(char from, char to, unsigned tci_in, unsigned tci_out, struct frame f) {
	struct frame in = on(from, tci_in, f), out = on(to, tci_out, f);

	frame_send(from, &in);
	frame_expect(to, &out);
}

static void dropped(char from, unsigned tci, struct frame f, const char *why) {
	struct frame in = on(from, tci, f);
	uint64_t before = packet_drops(why);

	frame_send(from, &in);
	if (packet_drops(why) == before)
		fail_msg("it was not dropped as %s", why);
	packet_expect_none();
}

static json_int_t sessions(const char *field, json_int_t *sum) {
	json_t *rows = packet_show("sessions"), *row;
	json_int_t n = (json_int_t)json_array_size(rows);
	size_t i;

	json_array_foreach (rows, i, row)
		if (sum)
			*sum += json_integer_value(json_object_get(row, field));
	json_decref(rows);
	return n;
}

// ---- who may -------------------------------------------------------------------------------------------------------------

static void answers_pass_and_nothing_else(void **) {
	start("");
	for (unsigned v6 = 0; v6 < 2; v6++) {
		passes('a', 'b', 0, 0, udp('a', 'b', v6, 1000, 53));
		passes('b', 'a', 0, 0, udp('b', 'a', v6, 53, 1000));
		dropped('b', 0, udp('b', 'a', v6, 53, 1001), "drop_session_bridge_no_rule");
		passes('a', 'b', 0, 0, syn('a', 'b', v6));
		dropped('b', 0, syn('b', 'a', v6), "drop_session_bridge_no_rule");
		passes('a', 'b', 0, 0,
			frame_icmp(mac_host('b', 9), mac_host('a', 9), addr('a', v6), addr('b', v6),
				v6 ? 128 : 8, 0));
		passes('b', 'a', 0, 0,
			frame_icmp(mac_host('a', 9), mac_host('b', 9), addr('b', v6), addr('a', v6),
				v6 ? 129 : 0, 0));
	}
	assert_int_equal(sessions(NULL, NULL), 6);
	end();
}

static void tags_and_priorities_stay(void **) {
	start("{ from = 'dmz', to = 'out', action = 'accept' }");
	for (unsigned v6 = 0; v6 < 2; v6++) {
		passes('a', 'c', 0, 10, udp('a', 'c', v6, 1000, 53));
		passes('c', 'a', 0xa00a, 0, udp('c', 'a', v6, 53, 1000));
		passes('d', 'c', 0, 20, udp('d', 'c', v6, 1000, 53));
		passes('c', 'b', 0x600a, 0, udp('c', 'b', v6, 1000, 53));
	}
	end();
}

// What goes from one trunk to another keeps its priority.
static void a_priority_travels_through(void **) {
	packet_config(
		"return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' } }, "
		"sessions = { max = 1000 },"
		" switches = { s = { firewall = true, service_vlans = { 30 }, ports = {"
		"  a = { trunk = { 10, 30 }, zone = 'in' }, b = { trunk = { 10, 30 }, zone = 'out' "
		"} } } },"
		" firewall = { rules = { { from = 'in', to = 'out', action = 'accept' } } } }");
	packet_advance(100 * MS);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct frame f = tagged(udp('a', 'b', v6, 1000, 53), 0xb00a);

		frame_send('a', &f);
		frame_expect('b', &f);
		f = tagged(udp('a', 'b', v6, 1000, 54), 0xe01e);
		f.bytes[12] = 0x88;
		f.bytes[13] = 0xa8;
		frame_send('a', &f);
		frame_expect('b', &f);
	}
	end();
}

static void links_talk_and_others_ask(void **) {
	static const unsigned nd[] = {133, 134, 135, 136, 143};
	struct frame f = arp('b');

	start("");
	frame_send('b', &f);
	frame_expect('a', &f);
	struct frame t = tagged(f, 10);
	frame_expect('c', &t);
	packet_expect_none();
	for (unsigned i = 0; i < 5; i++) { // from a zone that may not begin anything
		f = frame_icmp(
			mac_host('a', 9), mac_host('b', 9), "fe80::2", "2001:db8::1", nd[i], 0);
		frame_ttl(&f, nd[i] == 143 ? 1 : 255);
		passes('b', 'a', 0, 0, f);
	}
	frame_ttl(&f, 255);
	f.bytes[14 + 40] = 130; // a neighbour further away than one link is none
	f = frame_icmp(mac_host('a', 9), mac_host('b', 9), "fe80::2", "2001:db8::1", 135, 0);
	dropped('b', 0, f, "drop_session_bridge_odd");
	f = udp('b', 'a', false, 1, 1); // IGMP
	f.bytes[23] = 2;
	frame_sum(&f);
	passes('b', 'a', 0, 0, f);
	// PPPoE and LLC as the switch says, others not
	f = udp('b', 'a', false, 1, 1);
	f.bytes[12] = 0x88;
	f.bytes[13] = 0x63;
	passes('b', 'a', 0, 0, f);
	f.bytes[13] = 0x64;
	dropped('b', 0, f, "drop_bridge_input_ethertype");
	f.bytes[12] = 0;
	passes('b', 'a', 0, 0, f);
	assert_int_equal(sessions(NULL, NULL), 0);
	end();
}

// RFC 9293 section 3.10.7.1: the reset of a SYN acknowledges it.
static struct frame reset_of(const struct frame *syn) {
	struct frame f = *syn;
	size_t l4 = f.bytes[12] == 0x86 ? 54 : 34;
	uint8_t tcp[20] = {0};

	memcpy(tcp, syn->bytes + l4 + 2, 2);
	memcpy(tcp + 2, syn->bytes + l4, 2);
	tcp[11] = 1; // sequence 0, and the SYN
	tcp[12] = 5 << 4;
	tcp[13] = 0x14;
	memcpy(f.bytes + l4, tcp, 20);
	memcpy(f.bytes, syn->bytes + 6, 6);
	memcpy(f.bytes + 6, syn->bytes, 6);
	f.len = l4 + 20;
	if (l4 == 54) {
		memcpy(f.bytes + 22, syn->bytes + 38, 16);
		memcpy(f.bytes + 38, syn->bytes + 22, 16);
		f.bytes[19] = 20;
	} else {
		memcpy(f.bytes + 26, syn->bytes + 30, 4);
		memcpy(f.bytes + 30, syn->bytes + 26, 4);
		f.bytes[17] = 40;
		f.bytes[20] = 0x40;
		frame_sum(&f);
	}
	frame_ports(&f, 80, 5000); // and the sum
	return f;
}

static void who_is_rejected_hears_it(void **) {
	uint8_t bytes[PACKET_FRAME_MAX];

	start("");
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct frame f = syn('c', 'a', v6), sent = tagged(f, 0x600a);
		struct frame want = tagged(reset_of(&f), 10); // its priority stayed behind at a

		frame_send('c', &sent);
		frame_expect('c', &want);
		packet_expect_none();
		f = udp('c', 'a', v6, 1000, 53);
		sent = tagged(f, 0x600a);
		frame_send('c', &sent);
		// taken off its tag it is what a router says, from the address that was asked
		int len = packet_recv("c", bytes);
		assert_int_equal(len, (int)(f.len + 4 + (v6 ? 48 : 28)));
		assert_memory_equal(bytes + 12, ((uint8_t[]){0x81, 0, 0, 10}), 4);
		assert_memory_equal(bytes, sent.bytes + 6, 6);
		assert_memory_equal(bytes + 6, sent.bytes, 6);
		size_t ip = 18, icmp = ip + (v6 ? 40 : 20);
		assert_int_equal(bytes[icmp], v6 ? 1 : 3);
		assert_int_equal(bytes[icmp + 1], v6 ? 1 : 13);
		assert_int_equal(bytes[ip + (v6 ? 7 : 8)], 64);
		assert_memory_equal(bytes + icmp + 8, f.bytes + 14, f.len - 14);
		assert_memory_equal(
			bytes + ip + (v6 ? 8 : 12), f.bytes + 14 + (v6 ? 24 : 16), v6 ? 16 : 4);
		packet_expect_none();
	}
	end();
}

// ---- groups ----------------------------------------------------------------------------------------------------------------

static void groups_are_asked_for_each_zone(void **) {
	start("{ from = 'out', to = 'in', proto = 'udp', dport = 67, action = 'accept' }");
	// a host asks for an address: from b, a's zone may hear it, c's may not
	struct frame f = frame_udp(MAC_ALL, mac_host('b', 9), "0.0.0.0", "255.255.255.255", 100);
	frame_ports(&f, 68, 67);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t before = packet_drops("drop_session_bridge_no_rule");
		frame_send('b', &f);
		frame_expect('a', &f);
		packet_expect_none();
		assert_int_equal(packet_drops("drop_session_bridge_no_rule"), before + 1);
	}
	f = frame_udp(0x333300010002, mac_host('b', 9), "fe80::2", "ff02::1:2", 100);
	frame_ports(&f, 546, 67);
	frame_send('b', &f);
	frame_expect('a', &f);
	frame_ports(&f, 546, 68);
	dropped('b', 0, f, "drop_session_bridge_no_rule");
	assert_int_equal(sessions(NULL, NULL), 0);
	end();
}

// ---- fragments -------------------------------------------------------------------------------------------------------------

static void fragments_pass_as_they_came_once_all_are_there(void **) {
	static const unsigned orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};

	start("");
	for (unsigned v6 = 0; v6 < 2; v6++) {
		for (unsigned o = 0; o < 3; o++) {
			struct frame whole = frame_udp(mac_host('c', 9), mac_host('a', 9),
					     addr('a', v6), addr('c', v6), 1000),
				     f;

			for (unsigned n = 0; n < 3; n++) {
				packet_expect_none();
				assert_true(frame_cut(&whole, 400, orders[o][n], 77 + o, &f));
				frame_send('a', &f);
			}
			for (unsigned n = 0; n < 3; n++) {
				assert_true(frame_cut(&whole, 400, n, 77 + o, &f));
				f = tagged(f, 10);
				frame_expect('c', &f);
			}
		}
		// the other way a tag comes in; the rule sees all of it, and says no
		struct frame whole = frame_udp(mac_host('b', 9), mac_host('c', 9), addr('c', v6),
				     addr('b', v6), 1000),
			     f;
		for (unsigned n = 0; n < 3; n++) {
			assert_true(frame_cut(&whole, 400, n, 99, &f));
			if (n == 2)
				dropped('c', 10, f, "drop_session_bridge_no_rule");
			f = tagged(f, 10);
			if (n < 2)
				frame_send('c', &f);
			packet_expect_none();
		}
	}
	end();
}

// Each copy of a packet that is flooded is a packet of its own.
static void fragments_to_a_group_reach_all_of_it(void **) {
	struct frame whole, f;

	start("{ from = 'out', action = 'accept' }");
	whole = frame_udp(0x01005e010101, mac_host('b', 9), "10.0.0.2", "239.1.1.1", 1000);
	for (unsigned n = 0; n < 3; n++) {
		assert_true(frame_cut(&whole, 400, n, 5, &f));
		frame_send('b', &f);
	}
	for (unsigned n = 0; n < 3; n++) {
		assert_true(frame_cut(&whole, 400, n, 5, &f));
		frame_expect('a', &f);
		f = tagged(f, 10);
		frame_expect('c', &f);
	}
	end();
}

// ---- where sessions are --------------------------------------------------------------------------------------------------

static void the_same_addresses_elsewhere_are_another_flow(void **) {
	struct frame f;
	json_int_t sum = 0;

	start("");
	// VLAN 10 and 20 of one switch, and another switch
	f = frame_udp(mac_host('b', 9), mac_host('a', 9), "10.9.0.1", "10.9.0.2", 100);
	passes('a', 'b', 0, 0, f);
	f = frame_udp(mac_host('c', 9), mac_host('d', 9), "10.9.0.1", "10.9.0.2", 100);
	passes('d', 'c', 0, 20, f);
	f = frame_udp(mac_host('f', 9), mac_host('e', 9), "10.9.0.1", "10.9.0.2", 100);
	passes('e', 'f', 0, 0, f);
	assert_int_equal(sessions("domain", &sum), 3);
	assert_int_equal(sum, 0x100a + 0x1014 + 0x2001);
	// an answer of VLAN 10 in VLAN 20 is none
	f = frame_udp(mac_host('d', 9), mac_host('c', 9), "10.9.0.2", "10.9.0.1", 100);
	frame_ports(&f, 9, 5000);
	passes('c', 'd', 20, 0, f);
	// and neither is one that comes by a port to which the question may not go
	f = frame_icmp(mac_host('b', 9), mac_host('a', 9), "10.9.0.1", "10.9.0.2", 8, 0);
	passes('a', 'b', 0, 0, f);
	f = frame_icmp(mac_host('a', 9), mac_host('c', 9), "10.9.0.2", "10.9.0.1", 0, 0);
	dropped('c', 10, f, "drop_session_bridge_port");
	end();
}

// A station that nobody knows yet: all zones are asked, and where it answers it is.
static void an_unknown_station_is_found(void **) {
	struct frame f, t;

	start("");
	for (unsigned v6 = 0; v6 < 2; v6++) {
		f = frame_syn(mac_host('c', 7 + v6), mac_host('a', 9), addr('a', v6), addr('c', v6),
			1460);
		frame_send('a', &f);
		frame_expect('b', &f);
		t = tagged(f, 10);
		frame_expect('c', &t);
		// its answer comes from c, though the session began towards b
		struct frame answer = frame_syn(mac_host('a', 9), mac_host('c', 7 + v6),
			addr('c', v6), addr('a', v6), 1460);
		size_t l4 = v6 ? 54 : 34;
		answer.bytes[l4 + 13] = 0x12;
		answer.bytes[l4 + 11] = 1;
		frame_ports(&answer, 80, 5000);
		passes('c', 'a', 10, 0, answer);
		assert_int_equal(sessions(NULL, NULL), 1);
		packet_flush("sessions", "{}");
	}
	end();
}

// ---- commits ---------------------------------------------------------------------------------------------------------------

static void commits_end_what_they_forbid(void **) {
	start("");
	passes('a', 'b', 0, 0, udp('a', 'b', false, 1000, 53));
	reconfigure("true", "default = 'accept',", "");
	passes('b', 'a', 0, 0, udp('b', 'a', false, 53, 1000));
	passes('b', 'c', 0, 10, udp('b', 'c', true, 1, 1));
	reconfigure("true", "", "");
	dropped('c', 10, udp('c', 'b', true, 1, 1), "drop_session_bridge_no_rule");
	passes('b', 'a', 0, 0, udp('b', 'a', false, 53, 1000));
	// a switch that asks no longer knows nothing of sessions, whatever it forwards
	reconfigure("false", "", "");
	for (unsigned i = 0; i < 3; i++)
		packet_advance(100 * MS);
	assert_int_equal(sessions(NULL, NULL), 0);
	passes('b', 'a', 0, 0, udp('b', 'a', false, 9, 9));
	passes('c', 'b', 10, 0, udp('c', 'b', true, 9, 9));
	reconfigure("true", "", "");
	dropped('b', 0, udp('b', 'a', false, 9, 9), "drop_session_bridge_no_rule");
	end();
}

// ---- workers ---------------------------------------------------------------------------------------------------------------

static void send_pieces(char port, const struct frame *whole, unsigned id, unsigned tci) {
	struct frame f;

	for (unsigned n = 0; n < 3; n++) {
		assert_true(frame_cut(whole, 400, n, id, &f));
		f = on(port, tci, f);
		packet_send((const char[]){port, '\0'}, f.bytes, f.len);
	}
}

static void expect_pieces(char port, const struct frame *whole, unsigned id, unsigned tci) {
	struct frame f;

	packet_wait_for(packet_count((const char[]){port, '\0'}) >= 3);
	for (unsigned n = 0; n < 3; n++) {
		assert_true(frame_cut(whole, 400, n, id, &f));
		f = on(port, tci, f);
		frame_expect(port, &f);
	}
}

// Fragments are one worker's, their session is another's, the ports are polled by a third: what is handed over keeps its VLAN.
static void workers_find_each_other(void **) {
	start("");
	workers = 3;
	reconfigure("true", "", "");
	for (unsigned i = 0; i < 150; i++) {
		char src[32], dst[32];

		snprintf(src, sizeof(src), i % 2 ? "2001:db8::1:%x" : "10.7.1.%u", i);
		snprintf(dst, sizeof(dst), i % 2 ? "2001:db8::2:%x" : "10.7.2.%u", i);
		struct frame f = frame_udp(mac_host('c', 9), mac_host('a', 9), src, dst, 1000);
		frame_ports(&f, 1000, (uint16_t)(2000 + i));
		send_pieces('a', &f, i, 0);
		expect_pieces('c', &f, i, 10);
		f = frame_udp(mac_host('a', 9), mac_host('c', 9), dst, src, 1000);
		frame_ports(&f, (uint16_t)(2000 + i), 1000);
		send_pieces('c', &f, i, 0x200a);
		expect_pieces('a', &f, i, 0);
	}
	assert_int_equal(sessions(NULL, NULL), 150);
	workers = 0;
	reconfigure("true", "", "");
	end();
}

// ---- what is no packet, and what is not the switch's --------------------------------------------------------------------------

static void headers_are_judged(void **) {
	static const uint8_t loose[4] = {131, 3, 4, 0};
	struct frame f;

	start("{ from = 'out', action = 'accept' }");
	f = udp('b', 'a', false, 1, 1);
	f.bytes[24] ^= 1;
	dropped('b', 0, f, "drop_bridge_input_ip_checksum");
	f = udp('b', 'a', true, 1, 1);
	f.bytes[14] = 0x40;
	dropped('b', 0, f, "drop_bridge_input_version");
	f = udp('b', 'a', true, 1, 1);
	f.bytes[18] = 0xff;
	dropped('b', 0, f, "drop_bridge_input_total_len");
	f = udp('b', 'a', false, 1, 1);
	f.len = 30;
	dropped('b', 0, f, "drop_bridge_input_header");
	f = udp('b', 'a', false, 1, 1);
	frame_options(&f, loose, 4);
	dropped('b', 0, f, "drop_bridge_input_source_route");
	f = frame_udp(mac_host('a', 9), mac_host('b', 9), "127.0.0.1", "10.0.0.1", 100);
	dropped('b', 0, f, "drop_bridge_input_martian");
	f = frame_udp(mac_host('a', 9), mac_host('b', 9), "10.0.0.1", "10.0.0.1", 100);
	dropped('b', 0, f, "drop_bridge_input_land");
	f = udp('b', 'a', false, 1, 1);
	f.bytes[23] = 6; // no TCP that anybody would send
	frame_sum(&f);
	frame_send('b', &f);
	packet_expect_none();
	end();
}

// The router in the VLAN has rules of its own.
static void the_routers_packets_are_its_own(void **) {
	struct frame f;

	start("");
	f = frame_icmp(0x020000007701, mac_host('a', 9), "10.0.0.1", "10.0.0.77", 8, 0);
	frame_send('a', &f);
	assert_int_equal(packet_count("b"), 0);
	drain(); // its question who 10.0.0.1 is
	packet_advance(100 * MS);
	drain();
	end();
}

static void mistakes_are_told(void **) {
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"return { ports = { a = { device = 'ring:a' } }, switches = { s = { firewall = "
		 "true, ports = { a = {} } } } }",
			"switches.s.firewall: there are no rules; add a section `firewall`"},
		{"return { ports = { a = { device = 'ring:a' } }, firewall = {}, switches = { s = "
		 "{ pass_ethertypes = { 0x100 } } } }",
			"switches.s.pass_ethertypes[1]: 256 is no Ethernet type: they begin at "
			"0x600; 0 is all frames with a length"},
		{"return { firewall = {}, switches = { s = { pass_ethertypes = { 0x800 } } } }",
			"switches.s.pass_ethertypes[1]: IP is what the rules are asked about; "
			"accept it by a rule"},
		{"local s = {} for i = 1, 16 do s['s' .. i] = { firewall = true } end return { "
		 "firewall = {}, switches = s }",
			"15 switches ask for rules already, the most that can be"},
		{"return { ports = { a = { device = 'ring:a' } }, firewall = {}, switches = { s = "
		 "{ ports = { a = { zone = 'self' } } } } }",
			"switches.s.ports.a.zone: \"self\" is this box itself; choose another "
			"name"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *why = packet_config_refused(cases[i].text);

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
		cmocka_unit_test(answers_pass_and_nothing_else),
		cmocka_unit_test(tags_and_priorities_stay),
		cmocka_unit_test(a_priority_travels_through),
		cmocka_unit_test(links_talk_and_others_ask),
		cmocka_unit_test(who_is_rejected_hears_it),
		cmocka_unit_test(groups_are_asked_for_each_zone),
		cmocka_unit_test(fragments_pass_as_they_came_once_all_are_there),
		cmocka_unit_test(fragments_to_a_group_reach_all_of_it),
		cmocka_unit_test(the_same_addresses_elsewhere_are_another_flow),
		cmocka_unit_test(an_unknown_station_is_found),
		cmocka_unit_test(commits_end_what_they_forbid),
		cmocka_unit_test(workers_find_each_other),
		cmocka_unit_test(headers_are_judged),
		cmocka_unit_test(the_routers_packets_are_its_own),
		cmocka_unit_test(mistakes_are_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
