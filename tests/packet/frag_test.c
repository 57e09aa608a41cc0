// SPDX-License-Identifier: BSD-3-Clause
// Fragments, both families: put together for this box, and on the way through where that is wanted, from whatever port and worker
// they come; cut again as they were; refused by name; given up in time.
//
// Ports a and c are host 9's two ways in, b leads on. Neighbours are static: a and c .9, b .9.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include <rte_cycles.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static const char lab[] =
	"local function i(port, n, more) local t = { port = port, mac = '02:00:00:00:0' .. n .. "
	"':01', dad = false,"
	"   addresses = { '10.' .. n .. '.0.1/24', '2001:db8:' .. n .. '::1/64' }, neighbors = {"
	"   ['10.' .. n .. '.0.9'] = '02:00:00:00:0' .. n .. ':09', ['2001:db8:' .. n .. '::9'] = "
	"'02:00:00:00:0' .. n .. ':09' } }"
	"   for k, v in pairs(more) do t[k] = v end return t end "
	"return { system = { workers = %u }, ports = { a = { device = 'ring:a' }, b = { device = "
	"'ring:b' }, c = { device = 'ring:c' } },"
	" routers = { r = { interfaces = { a = i('a', 1, { %s }), b = i('b', 2, { %s }), c = "
	"i('c', 3, { %s }) } } } }";

static void start_workers(unsigned workers, const char *a, const char *b) {
	char text[2048];

	snprintf(text, sizeof(text), lab, workers, a, b, a);
	packet_config(text);
	for (unsigned t = 0; t < 12; t++)
		packet_advance(NSEC_PER_SEC);
	frames_drain();
}

static void start(const char *a, const char *b) {
	start_workers(0, a, b);
}

static const struct family {
	const char *host, *router, *next;
	unsigned echo, reply, late; // ICMP types
	uint64_t lives_ns;
} families[] = {
	{"10.1.0.9", "10.1.0.1", "10.2.0.9", 8, 0, 11, 30 * NSEC_PER_SEC},
	{"2001:db8:1::9", "2001:db8:1::1", "2001:db8:2::9", 128, 129, 3, 60 * NSEC_PER_SEC},
};

static struct frame through(const struct family *v, size_t len) {
	return frame_udp(mac_router('a'), mac_host('a', 9), v->host, v->next, len);
}

static void expect_fragment(const struct frame *whole, unsigned size, unsigned n, unsigned id) {
	struct frame f;

	assert_true(frame_cut(whole, size, n, id, &f));
	frame_hop(&f, mac_host('b', 9), mac_router('b'));
	frame_expect('b', &f);
}

static void send_fragment(const struct frame *whole, unsigned size, unsigned n, unsigned id) {
	struct frame f;

	assert_true(frame_cut(whole, size, n, id, &f));
	frame_send('a', &f);
}

static void expect_drop(const struct frame *f, const char *reason) {
	char name[64];

	snprintf(name, sizeof(name), "drop_%s", reason);
	uint64_t before = packet_drops(name);
	frame_send('a', f);
	if (packet_drops(name) == before)
		fail_msg("it was not dropped as %s", name);
	packet_expect_none();
}

static void they_pass_where_nobody_wants_them_whole(void **) {
	start("", "");
	for (unsigned v = 0; v < 2; v++) {
		struct frame f = through(&families[v], 1000);

		for (unsigned n = 3; n-- > 0;) {
			send_fragment(&f, 400, n, 77);
			expect_fragment(&f, 400, n, 77);
		}
	}
	packet_expect_none();
}

static void they_are_cut_again_as_they_were(void **) {
	static const unsigned orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};

	start("reassemble = true", "");
	for (unsigned v = 0; v < 2; v++) {
		for (unsigned o = 0; o < 3; o++) {
			struct frame f = through(&families[v], 1000);

			if (v == 0 && o == 1)
				frame_dont_fragment(
					&f); // as path MTU discovery of fragments has it
			for (unsigned n = 0; n < 3; n++) {
				packet_expect_none(); // nothing before the last
				send_fragment(&f, 400, orders[o][n], 0x1234 + o);
			}
			for (unsigned n = 0; n < 3; n++)
				expect_fragment(&f, 400, n, 0x1234 + o);
		}
		// what is no fragment is not touched, and neither is an atomic one (RFC 6946)
		struct frame f = through(&families[v], 300);
		frame_send('a', &f);
		frame_hop(&f, mac_host('b', 9), mac_router('b'));
		frame_expect('b', &f);
		f = through(&families[v], 300);
		if (v == 1) {
			send_fragment(&f, 800, 0, 5);
			expect_fragment(&f, 800, 0, 5);
		}
	}
	packet_expect_none();
}

// The same flow in fragments that the next link cannot carry: IPv4 is cut further, IPv6 and DF are told.
static void a_smaller_link_has_its_say(void **) {
	struct frame f, first;

	start("reassemble = true", "mtu = 1280");
	f = through(&families[1], 1500);
	send_fragment(&f, 1440, 0, 9);
	send_fragment(&f, 1440, 1, 9);
	struct frame whole = f;
	frame_expect_error('a', &whole, 2, 0, 1280, "2001:db8:1::1");
	f = through(&families[0], 1500);
	send_fragment(&f, 1480, 0, 9);
	send_fragment(&f, 1480, 1, 9);
	expect_fragment(&f, 1256, 0, 9);
	expect_fragment(&f, 1256, 1, 9);
	frame_dont_fragment(&f);
	send_fragment(&f, 1480, 0, 9);
	send_fragment(&f, 1480, 1, 9);
	assert_int_equal(packet_count("a"), 1);
	assert_true(frame_recv('a', &first));
	assert_int_equal(first.bytes[34], 3);
	assert_int_equal(first.bytes[35], 4);
	packet_expect_none();
}

static void an_echo_in_fragments_is_answered(void **) {
	start("", "");
	for (unsigned v = 0; v < 2; v++) {
		const struct family *fam = &families[v];
		struct frame f = frame_icmp(
			mac_router('a'), mac_host('a', 9), fam->host, fam->router, fam->echo, 0);

		for (unsigned n = 0; n < 3; n++)
			send_fragment(&f, 24, n, 3);
		struct frame want = frame_icmp(
			mac_host('a', 9), mac_router('a'), fam->router, fam->host, fam->reply, 0);
		if (v == 0) { // the answer keeps the question's identification
			want.bytes[18] = 0;
			want.bytes[19] = 3;
			frame_sum(&want);
		}
		frame_expect('a', &want);
		packet_expect_none();
	}
}

static void what_is_malformed_is_dropped_by_name(void **) {
	struct frame f, cut;

	start("reassemble = true", "");
	for (unsigned v = 0; v < 2; v++) {
		f = through(&families[v], 1000);
		// overlap: the second begins within the first; then nothing of that packet is taken
		send_fragment(&f, 400, 0, 50);
		frame_cut(&f, 392, 1, 50, &cut);
		expect_drop(&cut, "ip_reass_overlap");
		frame_cut(&f, 400, 1, 50, &cut);
		expect_drop(&cut, "ip_reass_overlap");
		// twice the same
		send_fragment(&f, 400, 0, 51);
		frame_cut(&f, 400, 0, 51, &cut);
		expect_drop(&cut, "ip_reass_duplicate");
	}
	// RFC 1858, 3128: a first fragment without the ports; one that would write over TCP's flags
	f = frame_udp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.2.0.9", 100);
	f.bytes[23] = 6;
	frame_cut(&f, 8, 0, 52, &cut);
	expect_drop(&cut, "ip_reass_tiny");
	frame_cut(&f, 8, 1, 52, &cut);
	expect_drop(&cut, "ip_reass_tiny");
	// a middle one that is no multiple of 8; the last one beyond 65535 bytes
	f = through(&families[0], 1000);
	frame_cut(&f, 400, 1, 53, &cut);
	cut.len -= 4;
	cut.bytes[17] = (uint8_t)(cut.bytes[17] - 4);
	frame_sum(&cut);
	expect_drop(&cut, "ip_reass_length");
	frame_cut(&f, 400, 1, 54, &cut);
	frame_fragment(&cut, 65528, false);
	expect_drop(&cut, "ip_reass_too_long");
	// IPv6 says which field (RFC 8200 section 4.5)
	f = through(&families[1], 1000);
	frame_cut(&f, 400, 1, 53, &cut);
	cut.len -= 4;
	cut.bytes[19] = (uint8_t)(cut.bytes[19] - 4);
	frame_send('a', &cut);
	frame_expect_error('a', &cut, 4, 0, 4, "2001:db8:1::1");
	frame_cut(&f, 400, 1, 55, &cut);
	cut.bytes[56] = 0xff;
	cut.bytes[57] = 0xf8;
	frame_send('a', &cut);
	frame_expect_error('a', &cut, 4, 0, 42, "2001:db8:1::1");
	packet_expect_none();
	packet_advance(61 * NSEC_PER_SEC);
	frames_drain();
}

static void senders_hear_when_time_is_over(void **) {
	start("reassemble = true", "");
	for (unsigned v = 0; v < 2; v++) {
		const struct family *fam = &families[v];
		struct frame f = through(fam, 1000), first;

		send_fragment(&f, 400, 1, 60);
		send_fragment(&f, 400, 0, 60);
		send_fragment(&f, 400, 1, 61); // of this one the first is missing: nobody is told
		uint64_t before = packet_drops("drop_ip_reass_age_timeout");
		packet_advance(fam->lives_ns - 1);
		packet_expect_none();
		packet_advance(1);
		frame_cut(&f, 400, 0, 60, &first);
		frame_expect_error('a', &first, fam->late, 1, 0, fam->router);
		packet_expect_none();
		assert_int_equal(packet_drops("drop_ip_reass_age_timeout"),
			before + 2 + v);       // the one that began anew, too
		send_fragment(&f, 400, 2, 60); // begins anew
		packet_expect_none();
	}
	packet_advance(61 * NSEC_PER_SEC);
}

static void one_source_has_a_share(void **) {
	struct frame f, cut;

	start("reassemble = true", "");
	for (unsigned v = 0; v < 2; v++) {
		f = through(&families[v], 1000);
		for (unsigned id = 0; id < 64; id++)
			send_fragment(&f, 400, 0, id);
		frame_cut(&f, 400, 0, 64, &cut);
		expect_drop(&cut, "ip_reass_source");
		// another one has its own
		f = frame_udp(mac_router('a'), mac_host('a', 9), v ? "2001:db8:77::1" : "10.1.0.77",
			families[v].next, 1000);
		for (unsigned n = 0; n < 3; n++)
			send_fragment(&f, 400, n, 1);
		for (unsigned n = 0; n < 3; n++)
			expect_fragment(&f, 400, n, 1);
	}
	// time gives back what is held
	packet_advance(61 * NSEC_PER_SEC);
	packet_advance(1);
	packet_advance(1);
	packet_advance(1);
	frames_drain();
	f = through(&families[0], 1000);
	send_fragment(&f, 400, 0, 64);
	send_fragment(&f, 400, 1, 64);
	send_fragment(&f, 400, 2, 64);
	expect_fragment(&f, 400, 0, 64);
	frames_drain();
}

static unsigned full_events;

static void count_full(const char *name, const json_t *data, void *) {
	if (strcmp(name, "router.fragments-full") != 0)
		return;
	full_events++;
	assert_true(json_integer_value(json_object_get(data, "refused")) > 0);
}

// Everybody together takes all there is: the newcomer is refused, counted, alarmed; what is there goes on, and time makes room.
static void all_there_is_is_taken(void **) {
	struct frame f, first, cut;
	unsigned id = 0;

	start("reassemble = true", "");
	packet_advance(61 * NSEC_PER_SEC); // what others were refused has been told
	full_events = 0;
	event_set_sink(count_full, NULL);
	uint64_t before = packet_drops("drop_ip_reass_full");
	first = through(&families[0], 1000);
	send_fragment(&first, 400, 0, 7);
	for (; id < 5000 && packet_drops("drop_ip_reass_full") == before; id++) {
		char from[32];

		snprintf(from, sizeof(from), "10.1.%u.77", 1 + id / 64);
		f = frame_udp(mac_router('a'), mac_host('a', 9), from, "10.2.0.9", 1000);
		send_fragment(&f, 400, 0, id);
	}
	assert_in_range(id, 100, 1100);
	frame_cut(&f, 400, 0, id, &cut);
	expect_drop(&cut, "ip_reass_full");
	f = through(&families[1], 1000); // of the other family as well
	frame_cut(&f, 400, 0, id, &cut);
	expect_drop(&cut, "ip_reass_full");
	packet_advance(1);
	assert_int_equal(full_events, 1);
	frame_cut(&f, 400, 0, id + 1, &cut);
	expect_drop(&cut, "ip_reass_full");
	packet_advance(61 * NSEC_PER_SEC);
	assert_int_equal(full_events, 2); // once a minute
	for (unsigned i = 0; i < 40; i++) // some in each turn
		packet_advance(1);
	event_set_sink(NULL, NULL);
	frames_drain();
	for (unsigned n = 0; n < 3; n++)
		send_fragment(&first, 400, n, 8);
	for (unsigned n = 0; n < 3; n++)
		expect_fragment(&first, 400, n, 8);
	frames_drain();
}

// Two ways in, three workers: whoever gets a fragment, one worker has them all.
static void workers_find_each_other(void **) {
	struct frame f, cut, got;
	unsigned id;

	start_workers(3, "reassemble = true", "");
	for (id = 0; id < 200; id++) {
		const struct family *v = &families[id % 2];

		f = through(v, 1000);
		for (unsigned n = 0; n < 3; n++) {
			char port = n == 1 ? 'c' : 'a';

			frame_cut(&f, 400, n, id, &cut);
			if (port == 'c')
				cut.bytes[4] = 3; // that port's MAC address
			packet_send((const char[]){port, '\0'}, cut.bytes, cut.len);
		}
		packet_wait_for(packet_count("b") >= 3);
		for (unsigned n = 0; n < 3; n++) {
			assert_true(frame_recv('b', &got));
			frame_cut(&f, 400, n, id, &cut);
			assert_int_equal(got.len, cut.len);
			assert_memory_equal(got.bytes + 34, cut.bytes + 34, cut.len - 34);
		}
	}
	// what a worker holds that goes is given back (the teardown counts)
	f = through(&families[0], 1000);
	for (id = 0; id < 20; id++) {
		frame_cut(&f, 400, 0, id, &cut);
		packet_send("a", cut.bytes, cut.len);
	}
	start("reassemble = true", "");
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
		cmocka_unit_test(they_pass_where_nobody_wants_them_whole),
		cmocka_unit_test(they_are_cut_again_as_they_were),
		cmocka_unit_test(a_smaller_link_has_its_say),
		cmocka_unit_test(an_echo_in_fragments_is_answered),
		cmocka_unit_test(what_is_malformed_is_dropped_by_name),
		cmocka_unit_test(senders_hear_when_time_is_over),
		cmocka_unit_test(one_source_has_a_share),
		cmocka_unit_test(all_there_is_is_taken),
		cmocka_unit_test(workers_find_each_other),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
