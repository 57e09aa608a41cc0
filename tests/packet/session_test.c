// SPDX-License-Identifier: BSD-3-Clause
// Sessions, packet by packet, with a decider of the test's own between two ports of a router: what is let through, tracked,
// translated, judged again, and what ends.
//
// Ports a (10.1.0.1/24, 2001:db8:1::1/64) and b (10.2.0.1/24, 2001:db8:2::1/64), hosts .9 on each.
#include "dataplane/dataplane.h"
#include "dataplane/session/session.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include <arpa/inet.h>
#include <string.h>

// ---- the decider ---------------------------------------------------------------------------------------------------

// UDP to port 99 is forbidden, and to `closed` when that is set later; 10.2.0.77 is really 10.2.0.9, port 80 there 8080.
static uint16_t closed;
static int held; // flows that it let through and that have not ended

static enum session_verdict test_policy_decide(struct session_flow *flow) {
	uint16_t port = ntohs(flow->in.dport);

	if (port == 99 || (closed != 0 && port == closed)) {
		flow->why = 0;
		return SESSION_DROP;
	}
	if (!flow->again && !flow->dry)
		held++;
	flow->rule = 42;
	return SESSION_PASS;
}

static void test_policy_release(const struct session_flow *) {
	held--;
}

static const struct dp_drop test_drops[] = {{"test", "the test's rules say so"}, {0}};
static struct session_decider test_policy = {.name = "test_policy",
	.stage = SESSION_STAGE_POLICY,
	.drops = test_drops,
	.decide = test_policy_decide,
	.release = test_policy_release};
SESSION_DECIDER(test_policy)

static enum session_verdict test_dnat_decide(struct session_flow *flow) {
	static const uint8_t public[4] = {10, 2, 0, 77};

	if (flow->again || flow->in.v6 || memcmp(flow->in.dst, public, 4) != 0)
		return SESSION_PASS;
	flow->out.dst[3] = 9;
	if (flow->in.dport == htons(80))
		flow->out.dport = htons(8080);
	return SESSION_PASS;
}

static struct session_decider test_dnat = {
	.name = "test_dnat", .stage = SESSION_STAGE_DNAT, .decide = test_dnat_decide};
SESSION_DECIDER(test_dnat)

// ---- the lab ---------------------------------------------------------------------------------------------------------

static const char lab[] =
	"local function i(port, n) return { port = port, mac = '02:00:00:00:0' .. n .. ':01', dad "
	"= "
	"false,"
	"   addresses = { '10.' .. n .. '.0.1/24', '2001:db8:' .. n .. '::1/64' }, neighbors = {"
	"   ['10.' .. n .. '.0.9'] = '02:00:00:00:0' .. n .. ':09', ['2001:db8:' .. n .. '::9'] = "
	"'02:00:00:00:0' .. n .. ':09' } } end "
	"return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' }, c = { device = "
	"'ring:c' } }, sessions = { "
	"max = "
	"1000, reserve = 10 }, routers = { r = { interfaces = { a = i('a', 1), b = i('b', 2) } } } "
	"}";

static void start(void) {
	static bool enabled;

	packet_config(lab);
	if (!enabled) {
		assert_int_equal(session_enable((unsigned)dp_port_find("a"), true, NULL), 0);
		assert_int_equal(session_enable((unsigned)dp_port_find("b"), true, NULL), 0);
	}
	enabled = true;
	closed = 0;
	for (unsigned t = 0; t < 12; t++)
		packet_advance(NSEC_PER_SEC);
	frames_drain();
}

static void end(void) {
	packet_flush("sessions", "{}");
	assert_int_equal(held, 0);
	packet_expect_none();
}

static struct frame udp(
	char from, const char *src, const char *dst, uint16_t sport, uint16_t dport) {
	struct frame f = frame_udp(mac_router(from), mac_host(from, 9), src, dst, 60);

	frame_ports(&f, sport, dport);
	return f;
}

static void expect_forwarded(char to, struct frame f) {
	frame_hop(&f, mac_host(to, 9), mac_router(to));
	frame_expect(to, &f);
}

static void forwarded(char from, char to, struct frame f) {
	frame_send(from, &f);
	expect_forwarded(to, f);
}

static void dropped(char from, const struct frame *f, const char *why) {
	uint64_t before = packet_drops(why);

	frame_send(from, f);
	assert_int_equal(packet_drops(why), before + 1);
	packet_expect_none();
}

static json_t *only_session(void) {
	json_t *rows = packet_show("sessions"), *row;

	assert_int_equal(json_array_size(rows), 1);
	row = json_incref(json_array_get(rows, 0));
	json_decref(rows);
	return row;
}

static void expect_session(const char *state, int packets, int back) {
	json_t *row = only_session();

	assert_string_equal(json_string_value(json_object_get(row, "state")), state);
	assert_int_equal(json_integer_value(json_object_get(row, "packets")), packets);
	assert_int_equal(json_integer_value(json_object_get(row, "packets_back")), back);
	assert_int_equal(json_integer_value(json_object_get(row, "rule")), 42);
	json_decref(row);
}

// ---- flows -----------------------------------------------------------------------------------------------------------

static void answers_find_their_session(void **) {
	static const char *const ends[2][2] = {
		{"10.1.0.9", "10.2.0.9"}, {"2001:db8:1::9", "2001:db8:2::9"}};

	start();
	for (unsigned v6 = 0; v6 < 2; v6++) {
		forwarded('a', 'b', udp('a', ends[v6][0], ends[v6][1], 1000, 53));
		expect_session("udp-new", 1, 0);
		forwarded('b', 'a', udp('b', ends[v6][1], ends[v6][0], 53, 1000));
		forwarded('a', 'b', udp('a', ends[v6][0], ends[v6][1], 1000, 53));
		expect_session("udp", 2, 1);
		assert_int_equal(held, 1);
		assert_int_equal(packet_flush("sessions", "{\"port\":54}"), 0);
		assert_int_equal(packet_flush("sessions", "{\"proto\":\"udp\",\"port\":53}"), 1);
	}
	end();
}

static void rules_drop_by_name(void **) {
	struct frame f;

	start();
	f = udp('a', "10.1.0.9", "10.2.0.9", 1000, 99);
	dropped('a', &f, "drop_session_test");
	assert_int_equal(held, 0);
	end();
}

static void a_vector_of_one_new_flow_is_one_session(void **) {
	struct frame f;

	start();
	f = udp('a', "10.1.0.9", "10.2.0.9", 7, 8);
	for (unsigned i = 0; i < 30; i++)
		packet_send("a", f.bytes, f.len);
	packet_step();
	for (unsigned i = 0; i < 30; i++)
		expect_forwarded('b', f);
	expect_session("udp-new", 30, 0);
	end();
}

static void time_ends_them(void **) {
	start();
	forwarded('a', 'b', udp('a', "10.1.0.9", "10.2.0.9", 7, 8));
	for (unsigned s = 0; s < 119; s++)
		packet_advance(NSEC_PER_SEC);
	assert_int_equal(held, 1);
	for (unsigned s = 0; s < 4; s++)
		packet_advance(NSEC_PER_SEC);
	assert_int_equal(held, 0);
	frames_drain();
	end();
}

static void revoked_by_new_rules(void **) {
	struct frame f;

	start();
	f = udp('a', "10.1.0.9", "10.2.0.9", 7, 8);
	forwarded('a', 'b', f);
	forwarded('a', 'b', udp('a', "10.1.0.9", "10.2.0.9", 7, 9));
	closed = 8;
	session_policy_changed();
	for (unsigned i = 0; i < 10; i++)
		packet_advance(NSEC_PER_MSEC); // the sweep
	assert_int_equal(held, 1);
	dropped('a', &f, "drop_session_test"); // as a first packet
	forwarded('a', 'b', udp('a', "10.1.0.9", "10.2.0.9", 7, 9));
	end();
}

// ---- TCP ---------------------------------------------------------------------------------------------------------------

static struct frame segment(
	char from, const char *src, const char *dst, unsigned flags, uint32_t seq, uint32_t ack) {
	bool client = from == 'a';
	struct frame f = frame_syn(mac_router(from), mac_host(from, 9), src, dst, 1460);
	size_t tcp = 14 + (f.bytes[14] >> 4 == 6 ? 40 : 20);

	seq = htonl(seq);
	ack = htonl(ack);
	memcpy(f.bytes + tcp + 4, &seq, 4);
	memcpy(f.bytes + tcp + 8, &ack, 4);
	f.bytes[tcp + 13] = (uint8_t)flags;
	frame_ports(&f, client ? 5000 : 80, client ? 80 : 5000);
	return f;
}

static void tcp_is_tracked(void **) {
	static const char *const ends[2][2] = {
		{"10.1.0.9", "10.2.0.9"}, {"2001:db8:1::9", "2001:db8:2::9"}};

	start();
	for (unsigned v6 = 0; v6 < 2; v6++) {
		const char *c = ends[v6][0], *s = ends[v6][1];
		struct frame f = segment('a', c, s, 0x10, 100, 200);
		dropped('a', &f, "drop_session_tcp_state"); // no SYN
		forwarded('a', 'b', segment('a', c, s, 0x02, 100, 0));
		f = segment('b', s, c, 0x12, 900, 55);
		dropped('b', &f, "drop_session_tcp_ack");
		forwarded('b', 'a', segment('b', s, c, 0x12, 900, 101));
		forwarded('a', 'b', segment('a', c, s, 0x10, 101, 901));
		expect_session("established", 2, 1);
		f = segment('b', s, c, 0x04, 3000000, 0);
		dropped('b', &f, "drop_session_tcp_seq"); // a blind reset
		f = segment('a', c, s, 0x29, 101, 901);
		dropped('a', &f, "drop_session_tcp_flags");            // an Xmas scan
		forwarded('b', 'a', segment('b', s, c, 0x04, 905, 0)); // to be challenged
		expect_session("established", 2, 2);
		forwarded('b', 'a', segment('b', s, c, 0x04, 901, 0));
		expect_session("reset", 2, 3);
		forwarded('a', 'b', segment('a', c, s, 0x02, 7000, 0)); // anew
		expect_session("syn-sent", 1, 0);
		assert_int_equal(held, 1);
		packet_flush("sessions", "{}");
	}
	end();
}

// ---- translation -------------------------------------------------------------------------------------------------------

static void destinations_are_translated(void **) {
	start();
	struct frame f = udp('a', "10.1.0.9", "10.2.0.77", 1000, 80);
	frame_send('a', &f);
	expect_forwarded('b', udp('a', "10.1.0.9", "10.2.0.9", 1000, 8080));
	f = udp('b', "10.2.0.9", "10.1.0.9", 8080, 1000);
	frame_send('b', &f);
	expect_forwarded('a', udp('b', "10.2.0.77", "10.1.0.9", 80, 1000));
	packet_flush("sessions", "{}");
	f = segment('a', "10.1.0.9", "10.2.0.77", 0x02, 4294967295u, 0);
	frame_send('a', &f);
	struct frame want = segment('a', "10.1.0.9", "10.2.0.9", 0x02, 4294967295u, 0);
	frame_ports(&want, 5000, 8080);
	expect_forwarded('b', want);
	end();
}

static void errors_are_translated_inside(void **) {
	struct frame f, got;

	start();
	f = udp('a', "10.1.0.9", "10.2.0.77", 1000, 80);
	frame_send('a', &f);
	assert_true(frame_recv('b', &got));
	// the server says: port unreachable, and quotes what it got
	struct frame e =
		frame_icmp(mac_router('b'), mac_host('b', 9), "10.2.0.9", "10.1.0.9", 3, 3);
	assert_true(e.len >= 14 + 20 + 8 + 28);
	struct frame want =
		frame_icmp(mac_router('b'), mac_host('b', 9), "10.2.0.77", "10.1.0.9", 3, 3);
	for (unsigned i = 0; i < 2; i++) {
		struct frame *to = i ? &want : &e, *from = i ? &f : &got;
		memcpy(to->bytes + 42, from->bytes + 14, to->len - 42);
		if (i) { // as the server got it, but for the addresses
			to->bytes[42 + 8]--;
			memcpy(to->bytes + 42 + 10, (uint8_t[]){0, 0}, 2);
		}
	}
	uint32_t sum = 0;
	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)(want.bytes[42 + i] << 8 | want.bytes[43 + i]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	want.bytes[52] = (uint8_t)(sum >> 8), want.bytes[53] = (uint8_t)sum;
	for (unsigned i = 0; i < 2; i++) { // the same last bytes, and the ICMP checksum right
		struct frame *x = i ? &want : &e;
		frame_payload(x, (unsigned)(x->bytes[x->len - 2] << 8 | x->bytes[x->len - 1]));
	}
	frame_send('b', &e);
	expect_forwarded('a', want);
	// about nothing that was sent
	struct frame stray =
		frame_icmp(mac_router('b'), mac_host('b', 9), "10.2.0.9", "10.1.0.9", 3, 3);
	memcpy(stray.bytes + 42, got.bytes + 14, stray.len - 42);
	stray.bytes[42 + 20] ^= 0x55; // another port
	dropped('b', &stray, "drop_session_no_session");
	end();
}

static void pings_go_one_way_and_answers_the_other(void **) {
	struct frame f;

	start();
	f = frame_icmp(mac_router('b'), mac_host('b', 9), "10.2.0.9", "10.1.0.9", 0, 0);
	dropped('b', &f, "drop_session_no_session"); // an answer to nothing
	forwarded('a', 'b',
		frame_icmp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.2.0.9", 8, 0));
	expect_session("icmp-new", 1, 0);
	forwarded('b', 'a', f);
	expect_session("icmp", 1, 1);
	end();
}

// What this box says of packets that no session is about is its own, and nobody's answer: it leaves.
static void own_errors_need_no_session(void **) {
	struct frame f;

	start();
	f = udp('a', "10.1.0.9", "10.9.0.9", 7, 7); // no route: let through aside, and answered
	frame_send('a', &f);
	frame_expect_error('a', &f, 3, 0, 0, "10.1.0.1");
	assert_int_equal(packet_drops("drop_session_own_no_session"), 0);
	f = frame_icmp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.1.0.1", 8, 0);
	frame_send('a', &f); // a ping of this box: question and answer are one session
	expect_session("icmp", 1, 1);
	frames_drain();
	end();
}

static void the_table_is_bounded(void **) {
	struct frame f;

	start();
	for (unsigned i = 0; i < 1500; i++) {
		f = udp('a', "10.1.0.9", "10.2.0.9", (uint16_t)(2000 + i), 8);
		packet_send("a", f.bytes, f.len);
		if (i % 100 == 99) {
			packet_step();
			frames_drain();
		}
	}
	json_t *rows = packet_show("session_table"), *row = json_array_get(rows, 0);
	assert_int_equal(json_integer_value(json_object_get(row, "used")), 990);
	assert_int_equal(json_integer_value(json_object_get(row, "evicted")), 510);
	json_decref(rows);
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
		cmocka_unit_test(answers_find_their_session),
		cmocka_unit_test(rules_drop_by_name),
		cmocka_unit_test(a_vector_of_one_new_flow_is_one_session),
		cmocka_unit_test(time_ends_them),
		cmocka_unit_test(revoked_by_new_rules),
		cmocka_unit_test(tcp_is_tracked),
		cmocka_unit_test(destinations_are_translated),
		cmocka_unit_test(errors_are_translated_inside),
		cmocka_unit_test(pings_go_one_way_and_answers_the_other),
		cmocka_unit_test(own_errors_need_no_session),
		cmocka_unit_test(the_table_is_bounded),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
