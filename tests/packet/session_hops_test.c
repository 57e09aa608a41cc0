// SPDX-License-Identifier: BSD-3-Clause
// The way that sessions remember: their packets skip the look-up, and yet always go where the routes of that moment lead.
//
// Ports a, b, c (10.N.0.1/24), hosts .9 and .10 on each; prefixes 10.50.0.0/24 to 10.53.0.0/24 lead where the test says.
#include "dataplane/dataplane.h"
#include "dataplane/session/session.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include <arpa/inet.h>
#include <string.h>

static enum session_verdict pass_decide(struct session_flow *) {
	return SESSION_PASS;
}

static struct session_decider pass_policy = {
	.name = "pass_policy", .stage = SESSION_STAGE_POLICY, .decide = pass_decide};
SESSION_DECIDER(pass_policy)

// ---- the lab ---------------------------------------------------------------------------------------------------------

static const char lab[] =
	"local function i(port, n, more) local t = { port = port, mac = '02:00:00:00:0' .. n .. "
	"':01', dad = false,"
	"  addresses = { '10.' .. n .. '.0.1/24' }, neighbors = {"
	"  ['10.' .. n .. '.0.9'] = '02:00:00:00:0' .. n .. ':09', ['10.' .. n .. '.0.10'] = "
	"'02:00:00:00:0' .. n .. "
	"':%s' } }"
	"  for k, v in pairs(more) do t[k] = v end return t end "
	"return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' }, c = { device = "
	"'ring:c' } },"
	"  sessions = { max = 1000, reserve = 10 }, routers = { r = { interfaces = { a = i('a', 1, "
	"{}),"
	"  b = i('b', 2, {}), c = i('c', 3, { %s }) }, routes = { %s }, rules = { %s } } } }";

struct setting {
	const char *c, *routes, *rules, *mac; // mac: last byte of every .10
};

static void configure(struct setting s) {
	char text[4096];

	snprintf(text, sizeof(text), lab, s.mac ? s.mac : "0a", s.c ? s.c : "", s.routes,
		s.rules ? s.rules : "");
	packet_config(text);
}

static void pass(unsigned ms) {
	packet_advance(ms * NSEC_PER_MSEC);
	frames_drain(); // what the router says of itself
}

static void start(struct setting s) {
	static bool enabled;

	configure(s);
	for (char port[] = "a"; !enabled && *port <= 'c'; ++*port)
		assert_int_equal(session_enable((unsigned)dp_port_find(port), true, NULL), 0);
	enabled = true;
	for (unsigned t = 0; t < 12; t++)
		pass(1000);
}

static void end(void) {
	packet_flush("sessions", "{}");
	packet_expect_none();
}

static json_int_t looked_up(void) {
	json_t *rows = packet_show("nodes"), *row;
	json_int_t n = 0;
	size_t i;

	json_array_foreach (rows, i, row) {
		if (strcmp(json_string_value(json_object_get(row, "node")), "ip_lookup") == 0)
			n += json_integer_value(json_object_get(row, "packets"));
	}
	json_decref(rows);
	return n;
}

static struct frame udp(char from, const char *src, const char *dst) {
	struct frame f = frame_udp(mac_router(from), mac_host(from, 9), src, dst, 60);

	frame_ports(&f, 1000, 53);
	return f;
}

static void arrives(struct frame f, char to, unsigned host) {
	frame_hop(&f, mac_host(to, host), mac_router(to));
	frame_expect(to, &f);
}

static void goes(char to, unsigned host, const char *dst) {
	struct frame f = udp('a', "10.1.0.9", dst);

	frame_send('a', &f);
	arrives(f, to, host);
}

// Goes there, asking nobody.
static void goes_straight(char to, unsigned host, const char *dst) {
	json_int_t before = looked_up();

	goes(to, host, dst);
	assert_int_equal(looked_up(), before);
}

// ---- cases -------------------------------------------------------------------------------------------------------------

static void a_session_knows_its_way(void **) {
	start((struct setting){.routes = "['10.50.0.0/24'] = { via = '10.2.0.9' }"});
	goes('b', 9, "10.50.0.1");
	for (unsigned i = 0; i < 3; i++)
		goes_straight('b', 9, "10.50.0.1");
	struct frame back = udp('b', "10.50.0.1", "10.1.0.9");
	frame_ports(&back, 53, 1000);
	for (unsigned i = 0; i < 2; i++) {
		json_int_t before = looked_up();
		frame_send('b', &back);
		arrives(back, 'a', 9);
		assert_int_equal(looked_up() - before, 0);
	}
	end();
}

static void routes_change_and_sessions_follow(void **) {
	start((struct setting){.routes = "['10.50.0.0/16'] = { via = '10.2.0.9' }"});
	goes('b', 9, "10.50.0.1");
	goes_straight('b', 9, "10.50.0.1");
	configure(
		(struct setting){.routes = "['10.50.0.0/16'] = { via = '10.3.0.10' }"}); // another
	goes('c', 10, "10.50.0.1");
	goes('c', 10, "10.50.0.1");
	pass(300);
	goes('c', 10, "10.50.0.1"); // now known not to have changed since the one before
	goes_straight('c', 10, "10.50.0.1");
	configure((struct setting){.routes = // a longer one
		"['10.50.0.0/16'] = { via = '10.3.0.10' }, ['10.50.0.0/24'] = { via = '10.2.0.10' "
		"}"});
	goes('b', 10, "10.50.0.1");
	pass(300);
	goes('b', 10, "10.50.0.1");
	goes_straight('b', 10, "10.50.0.1");
	configure((struct setting){.routes = "['10.50.0.0/24'] = { type = 'blackhole' }"});
	struct frame f = udp('a', "10.1.0.9", "10.50.0.1");
	uint64_t before = packet_drops("drop_ip_lookup_blackhole");
	frame_send('a', &f);
	assert_int_equal(packet_drops("drop_ip_lookup_blackhole"), before + 1);
	end();
}

// Its slot says so by itself.
static void neighbors_change_and_sessions_follow(void **) {
	static const char route[] = "['10.50.0.0/16'] = { via = '10.2.0.10' }";

	start((struct setting){.routes = route});
	goes('b', 10, "10.50.0.1");
	goes_straight('b', 10, "10.50.0.1");
	configure((struct setting){.routes = route, .mac = "0b"});
	goes('b', 11, "10.50.0.1");
	pass(300);
	goes('b', 11, "10.50.0.1");
	goes_straight('b', 11, "10.50.0.1");
	end();
}

static void a_group_gives_each_flow_one_way(void **) {
	start((struct setting){.routes = "['10.50.0.0/16'] = { paths = { { via = '10.2.0.9' }, { "
					 "via = '10.2.0.10' } } }"});
	struct frame f = udp('a', "10.1.0.9", "10.50.0.1"), got;
	frame_send('a', &f);
	assert_true(frame_recv('b', &got));
	unsigned host = got.bytes[5] == 9 ? 9 : 10;
	for (unsigned i = 0; i < 3; i++)
		goes_straight('b', host, "10.50.0.1");
	// that path goes away
	configure((struct setting){.routes = host == 9
			? "['10.50.0.0/16'] = { paths = { { via = '10.2.0.10' } } }"
			: "['10.50.0.0/16'] = { paths = { { via = '10.2.0.9' } } }"});
	goes('b', 19 - host, "10.50.0.1");
	end();
}

// What an interface asks of its packets is asked of each: a session that knows its way from another interface is no way round it.
static void filters_and_rules_see_every_packet(void **) {
	static const char routes[] = "['10.50.0.0/16'] = { via = '10.2.0.9' }";

	start((struct setting){.c = "urpf = 'strict'", .routes = routes});
	goes('b', 9, "10.50.0.1");
	goes_straight('b', 9, "10.50.0.1");
	struct frame forged = udp('c', "10.1.0.9", "10.50.0.1");
	uint64_t before = packet_drops("drop_ip_lookup_urpf");
	frame_send('c', &forged);
	assert_int_equal(packet_drops("drop_ip_lookup_urpf"), before + 1);
	packet_expect_none();
	end();
	// by DSCP, packet by packet
	start((struct setting){.routes = routes, .rules = "{ dscp = 46, via = '10.2.0.10' }"});
	for (unsigned i = 0; i < 6; i++) {
		struct frame f = udp('a', "10.1.0.9", "10.50.0.1");
		frame_tos(&f, i % 2 ? 46 << 2 : 0);
		frame_send('a', &f);
		arrives(f, 'b', i % 2 ? 10 : 9);
	}
	end();
}

// A packet that comes in by another interface uses no hop, and must not make an old one look new.
static void an_old_hop_stays_old(void **) {
	start((struct setting){.routes = "['10.50.0.0/16'] = { via = '10.2.0.9' }"});
	goes('b', 9, "10.50.0.1");
	goes_straight('b', 9, "10.50.0.1");
	configure((struct setting){.routes = "['10.50.0.0/16'] = { via = '10.2.0.10' }"});
	pass(300);
	struct frame f = udp('c', "10.1.0.9", "10.50.0.1");
	frame_send('c', &f);
	arrives(f, 'b', 10);
	goes('b', 10, "10.50.0.1");
	end();
}

// Any order of commits, packets and pauses: each packet goes as the routes are.
static void any_order(void **) {
	static const char *const ways[] = {
		"via = '10.2.0.9'", "via = '10.2.0.10'", "via = '10.3.0.9'", "via = '10.3.0.10'"};
	unsigned now[4] = {0, 1, 2, 3}, seed = 7;
	char routes[512], dst[20];

	for (unsigned step = 0; step < 2000; step++) {
		seed = seed * 1103515245 + 12345;
		unsigned what = seed >> 16 & 15, which = seed >> 20 & 3;
		if (what == 0 || step == 0) {
			now[which] = seed >> 22 & 3;
			size_t n = 0;
			for (unsigned i = 0; i < 4; i++)
				n += (size_t)snprintf(routes + n, sizeof(routes) - n,
					"['10.5%u.0.0/24'] = { %s },", i, ways[now[i]]);
			if (step == 0)
				start((struct setting){.routes = routes});
			else
				configure((struct setting){.routes = routes});
		} else if (what < 4) {
			pass(what * 60);
		} else {
			snprintf(dst, sizeof(dst), "10.5%u.0.%u", which, 1 + (seed >> 24 & 1));
			goes(now[which] < 2 ? 'b' : 'c', now[which] & 1 ? 10 : 9, dst);
		}
	}
	end();
}

static int setup(void **) {
	static const struct module *const modules[] = {
		&session_module, &switch_module, &router_module, NULL};

	return packet_setup(modules);
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_knows_its_way),
		cmocka_unit_test(routes_change_and_sessions_follow),
		cmocka_unit_test(neighbors_change_and_sessions_follow),
		cmocka_unit_test(a_group_gives_each_flow_one_way),
		cmocka_unit_test(filters_and_rules_see_every_packet),
		cmocka_unit_test(an_old_hop_stays_old),
		cmocka_unit_test(any_order),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
