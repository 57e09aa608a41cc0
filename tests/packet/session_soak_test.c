// SPDX-License-Identifier: BSD-3-Clause
// Days on a clock that the test moves: connections come, are answered, close, break off, fall silent; rules change, sessions are flushed. Every
// hour the table is looked at from inside, and when all have gone silent nothing is left. LEAT_SOAK_DAYS=N: longer than a day.
//
// Ports a (zone in) and b (zone out), hosts .9; what goes out is masqueraded (IPv4), by a thousand ports.
#include "dataplane/dataplane.h"
#include "dataplane/session/session.h"
#include "firewall/firewall.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include "tests/packet/session_check.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_S   10
#define HOSTS    32 // connections that are under way at a time; each host has one
#define SILENT_S 7500

static uint64_t seed = 20261127;

static uint32_t rnd(uint32_t below) {
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

static void config(const char *rule) {
	static const char lab[] =
		"local function i(port, n, zone) local m = '02:00:00:00:0' .. n .. ':09' return { "
		"port = port, zone = zone, mac = '02:00:00:00:0' .. n .. ':01', dad = false, "
		"addresses = { '10.' .. n .. '.0.1/24', '2001:db8:' .. n .. '::1/64' }, neighbors "
		"= { ['10.' .. n .. '.0.9'] = m, ['2001:db8:' .. n .. '::9'] = m } } end "
		"return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' }, c = { "
		"device = 'ring:c' } }, sessions = { max = 1000, reserve = 10 }, routers = { r = { "
		"interfaces = { a = i('a', 1, 'in'), b = i('b', 2, 'out') } } }, firewall = { "
		"rules "
		"= { { from = 'in', %s action = 'accept' } }, nat = { { from = 'in', to = 'out', "
		"family = 'ipv4', masquerade = true, ports = '20000-20999' } } } }";
	char text[4096];

	snprintf(text, sizeof(text), lab, rule);
	packet_config(text);
}

// ---- hosts: each has a connection, and says the next thing of it --------------------------------------------------------

struct host {
	bool v6, tcp;
	unsigned said;            // things
	uint16_t port, seen_port; // inside, and as the outside sees it
};
static struct host hosts[HOSTS];

static size_t l4_of(const struct frame *f) {
	return 14 + (f->bytes[14] >> 4 == 6 ? 40 : 20);
}

static struct frame frame_of(
	const struct host *h, char from, unsigned flags, uint32_t seq, uint32_t ack) {
	const char *in = h->v6 ? "2001:db8:1::9"
		: from == 'a'  ? "10.1.0.9"
			       : "10.2.0.1",
		   *out = h->v6 ? "2001:db8:2::9" : "10.2.0.9";
	bool back = from == 'b';
	uint16_t client = back ? h->seen_port : h->port;
	struct frame f;

	if (h->tcp) {
		f = frame_syn(mac_router(from), mac_host(from, 9), back ? out : in, back ? in : out,
			1460);
		seq = htonl(seq);
		ack = htonl(ack);
		memcpy(f.bytes + l4_of(&f) + 4, &seq, 4);
		memcpy(f.bytes + l4_of(&f) + 8, &ack, 4);
		f.bytes[l4_of(&f) + 13] = (uint8_t)flags;
	} else {
		f = frame_udp(
			mac_router(from), mac_host(from, 9), back ? out : in, back ? in : out, 60);
	}
	frame_ports(&f, back ? 80 : client, back ? client : 80);
	return f;
}

static void say(struct host *h, char from, unsigned flags, uint32_t seq, uint32_t ack) {
	struct frame f = frame_of(h, from, flags, seq, ack), got;

	frame_send(from, &f);
	if (from == 'a' && frame_recv('b', &got))
		h->seen_port = (uint16_t)(got.bytes[l4_of(&got)] << 8 | got.bytes[l4_of(&got) + 1]);
	frames_drain();
}

// The next thing of a TCP connection from inside: opened, used, closed.
static void next_of_tcp(struct host *h) {
	enum { SYN = 2, ACK = 16, FIN = 17, RST = 20 };

	switch (h->said++) {
	case 0:
		return say(h, 'a', SYN, 1000, 0);
	case 1:
		return say(h, 'b', SYN | ACK, 5000, 1001);
	case 2:
		return say(h, 'a', ACK, 1001, 5001);
	case 3:
		return say(h, 'a', FIN, 1001, 5001);
	case 4:
		return say(h, 'b', FIN, 5001, 1002);
	case 5:
		return say(h, 'a', ACK, 1002, 5002);
	default:
		return say(h, 'b', RST, 5002, 1002);
	}
}

// Some connections end before their time: the host begins another, and nobody tells the box.
static void host_acts(struct host *h) {
	if (h->said == 0 || rnd(8) == 0)
		*h = (struct host){
			.v6 = rnd(2), .tcp = rnd(3), .port = (uint16_t)(1024 + rnd(60000))};
	if (h->tcp)
		next_of_tcp(h);
	else
		say(h, h->said++ % 3 == 1 ? 'b' : 'a', 0, 0, 0);
}

// ---- the box ----------------------------------------------------------------------------------------------------------------

static void look(const char *when, unsigned n) {
	const char *why = session_check();

	if (why)
		fail_msg("%s %u: %s", when, n, why);
	assert_in_range(packet_sum("nat-ports", "used"), 0, session_table.used);
}

// A rule that forbids some of them for an hour, or one that allows all again.
static void rules_change(unsigned hour) {
	static const char *const rules[] = {"", "proto = 'tcp',", "", "family = 'ipv6',"};

	config(rules[hour % 4]);
}

static void days_pass(void **) {
	const char *wanted = getenv("LEAT_SOAK_DAYS");
	unsigned hours = 24 * (wanted ? (unsigned)atoi(wanted) : 1);

	config("");
	for (unsigned hour = 0; hour < hours; hour++) {
		if (hour % 3 == 2)
			rules_change(hour / 3);
		for (unsigned s = 0; s < 3600; s += STEP_S) {
			for (unsigned n = rnd(6); n > 0; n--)
				host_acts(&hosts[rnd(HOSTS)]);
			packet_advance((uint64_t)STEP_S * NSEC_PER_SEC - rnd(100) * NSEC_PER_MSEC);
			frames_drain();
		}
		if (rnd(5) == 0)
			packet_flush("sessions",
				rnd(2) ? "{\"proto\":\"udp\"}" : "{\"state\":\"time-wait\"}");
		look("hour", hour);
	}
	assert_true(session_owners[0].counts.begun > 100 * hours);
	for (unsigned s = 0; s < SILENT_S; s += STEP_S)
		packet_advance((uint64_t)STEP_S * NSEC_PER_SEC);
	look("the end, after hours:", hours);
	assert_int_equal(session_table.used, 0);
	assert_int_equal(packet_sum("nat-ports", "used"), 0);
	print_message("# %u hours, %llu sessions\n", hours,
		(unsigned long long)session_owners[0].counts.begun);
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
		cmocka_unit_test(days_pass),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
