// SPDX-License-Identifier: BSD-3-Clause
// Virtual routers, packet by packet: what a master says, byte for byte, what it takes and answers, and what a backup does not.
//
// Port a (10.1.0.1/24, 2001:db8:1::1/64, 02:00:00:00:01:01) has virtual router 7 (10.1.0.254, fe80::7, 2001:db8:1::fe), every 100 ms;
// port b (10.2.0.1/24) leads to host 9. What is not VRRP's is looked past.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include <stdio.h>
#include <string.h>

#define MS     NSEC_PER_MSEC
#define V4_MAC 0x00005e000107u
#define V6_MAC 0x00005e000207u

#define PORTS                                                                                      \
	"ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' }, c = { device = 'ring:c' " \
	"} }"
#define NOTHING "return { " PORTS " }"

static const char lab[] =
	"return { " PORTS ", routers = { r = { interfaces = {"
	" a = { port = 'a', mac = '02:00:00:00:01:01', dad = false, addresses = { '10.1.0.1/24', "
	"'2001:db8:1::1/64', 'fe80::1/64' }, neighbors = { ['10.1.0.9'] = '02:00:00:00:01:09', "
	"['2001:db8:1::9'] = '02:00:00:00:01:09' },"
	"   vrrp = { [7] = { interval = '100ms', addresses = { '10.1.0.254', 'fe80::7', "
	"'2001:db8:1::fe' } %s } } },"
	" b = { port = 'b', mac = '02:00:00:00:02:01', dad = false, addresses = { '10.2.0.1/24', "
	"'2001:db8:2::1/64' }, neighbors = { ['10.2.0.9'] = '02:00:00:00:02:09', "
	"['2001:db8:2::9'] = '02:00:00:00:02:09' } } } } } }";

static void config(const char *more) {
	char text[2048];

	snprintf(text, sizeof(text), lab, more);
	packet_config(text);
}

static void pass(uint64_t ms) {
	for (uint64_t i = 0; i < ms; i += 5)
		packet_advance(5 * MS);
}

// Of those that port a sent meanwhile, the frames that are like this one.
static unsigned seen(const char *hex) {
	uint8_t want[PACKET_FRAME_MAX], got[PACKET_FRAME_MAX];
	size_t n = packet_hex(hex, want, sizeof(want));
	unsigned count = 0;
	int len;

	while ((len = packet_recv("a", got)) >= 0)
		count += (size_t)len == n && memcmp(got, want, n) == 0;
	return count;
}

#define ADVERT4                                                                       \
	"01005e000012 00005e000107 0800 45c00020 00004000 ff70 9099 0a010001e0000012" \
	" 31076401 000a 755d 0a0100fe"
#define RESIGN4                                                                       \
	"01005e000012 00005e000107 0800 45c00020 00004000 ff70 9099 0a010001e0000012" \
	" 31070001 000a d95d 0a0100fe"
#define ADVERT6                                                              \
	"333300000012 00005e000207 86dd 6c000000 0028 70ff"                  \
	" fe800000000000000000000000000001 ff020000000000000000000000000012" \
	" 31076402 000a 3f7d fe800000000000000000000000000007"               \
	" 20010db80001000000000000000000fe"
#define GRATUITOUS                                                               \
	"ffffffffffff 00005e000107 0806 0001080006040001 00005e000107 0a0100fe " \
	"000000000000 0a0100fe"

static void set_up(const char *more) {
	packet_config(NOTHING);
	frames_drain();
	config(more);
	pass(100);
	frames_drain();
}

static void become_master(const char *more) {
	set_up(more);
	pass(400);
}

static json_t *shown(const char *family) {
	json_t *rows = packet_show("vrrp"), *row, *found = NULL;
	size_t i;

	json_array_foreach (rows, i, row)
		if (strcmp(json_string_value(json_object_get(row, "family")), family) == 0)
			found = json_incref(row);
	json_decref(rows);
	assert_non_null(found);
	return found;
}

static void assert_state(const char *family, const char *state) {
	json_t *row = shown(family);

	assert_string_equal(json_string_value(json_object_get(row, "state")), state);
	json_decref(row);
}

static int64_t counted(const char *column) {
	json_t *row = shown("ipv4");
	int64_t n = json_integer_value(json_object_get(row, column));

	json_decref(row);
	return n;
}

// ---- what a master says ---------------------------------------------------------------------------------------

static void a_backup_is_silent_until_its_time(void **) {
	set_up("");
	assert_state("ipv4", "backup");
	pass(250); // 100 of its 360.9 went by in set_up()
	assert_int_equal(seen(ADVERT4), 0);
	pass(20);
	assert_state("ipv4", "master");
	assert_state("ipv6", "master");
	packet_step();
	assert_int_equal(seen(ADVERT4), 1);
}

static void advertisements_are_regular(void **) {
	become_master("");
	frames_drain();
	pass(1000);
	assert_int_equal(seen(ADVERT4), 10);
	pass(1000);
	assert_int_equal(seen(ADVERT6), 10);
	assert_true(counted("sent") >= 20);
}

static void it_announces_itself(void **) {
	become_master("");
	assert_int_equal(seen(GRATUITOUS), 1);
	pass(2000);
	assert_int_equal(seen(GRATUITOUS), 1);
}

// Nobody turns the control thread; worker 0 alone goes on, for as long as its lease is.
static void it_stays_master_while_control_is_busy(void **) {
	become_master("");
	frames_drain();
	for (unsigned i = 0; i < 300; i++) {
		clock_fake_advance(10 * MS);
		packet_step();
	}
	assert_int_equal(seen(ADVERT4), 30);
	for (unsigned i = 0; i < 580; i++) {
		clock_fake_advance(100 * MS);
		packet_step();
		frames_drain();
	}
	clock_fake_advance(100 * MS);
	packet_step();
	assert_int_equal(seen(ADVERT4), 0);
}

static void it_resigns_when_it_goes(void **) {
	become_master("");
	frames_drain();
	packet_config(NOTHING);
	packet_step();
	assert_int_equal(seen(RESIGN4), 1);
}

// ---- what it takes --------------------------------------------------------------------------------------------

static void frames_to_the_virtual_mac_are_routed(void **) {
	static const struct {
		frame_mac to;
		const char *from, *dst;
	} ways[] = {{V4_MAC, "10.1.0.9", "10.2.0.9"}, {V6_MAC, "2001:db8:1::9", "2001:db8:2::9"}};

	become_master("");
	for (unsigned i = 0; i < 2; i++) {
		struct frame f =
			frame_udp(ways[i].to, mac_host('a', 9), ways[i].from, ways[i].dst, 100);
		struct frame own =
			frame_udp(mac_router('a'), mac_host('a', 9), ways[i].from, ways[i].dst, 99);

		frames_drain();
		packet_send("a", f.bytes, f.len);
		packet_send("a", own.bytes, own.len); // in one vector with its own
		packet_send("a", f.bytes, f.len);
		packet_step();
		frame_hop(&f, mac_host('b', 9), mac_router('b'));
		frame_hop(&own, mac_host('b', 9), mac_router('b'));
		frame_expect('b', &f);
		frame_expect('b', &own);
		frame_expect('b', &f);
	}
}

static void a_backup_takes_none(void **) {
	struct frame f = frame_udp(V4_MAC, mac_host('a', 9), "10.1.0.9", "10.2.0.9", 100);
	uint64_t before = packet_drops("drop_ip_input_not_ours");

	set_up("");
	frame_send('a', &f);
	assert_int_equal(packet_drops("drop_ip_input_not_ours"), before + 1);
	assert_int_equal(packet_count("b"), 0);
}

static unsigned echoes(frame_mac to, const char *from, const char *dst, unsigned type) {
	struct frame f = frame_icmp(to, mac_host('a', 9), from, dst, type, 0);
	struct frame got;
	unsigned n = 0;

	frames_drain();
	frame_send('a', &f);
	while (frame_recv('a', &got))
		n += got.bytes[23] == 1 || (got.bytes[12] == 0x86 && got.bytes[20] == 58);
	return n;
}

static void it_answers_at_its_addresses(void **) {
	become_master("");
	assert_int_equal(echoes(V4_MAC, "10.1.0.9", "10.1.0.254", 8), 1);
	assert_int_equal(echoes(V6_MAC, "2001:db8:1::9", "2001:db8:1::fe", 128), 1);
	assert_int_equal(echoes(V6_MAC, "fe80::9", "fe80::7", 128), 1);
}

// `accept = false`: nothing is answered at the addresses but who asks for them; what goes through is forwarded.
static void or_it_does_not(void **) {
	uint64_t before = packet_drops("drop_vrrp_input_not_accepted");
	static const char asks[] = "ffffffffffff 020000000109 0806 0001080006040001 020000000109 "
				   "0a010009 000000000000 0a0100fe";
	uint8_t bytes[64];

	become_master(", accept = false");
	assert_int_equal(echoes(V4_MAC, "10.1.0.9", "10.1.0.254", 8), 0);
	assert_int_equal(echoes(V6_MAC, "2001:db8:1::9", "2001:db8:1::fe", 128), 0);
	assert_int_equal(echoes(V6_MAC, "fe80::9", "fe80::7", 128), 0);
	assert_int_equal(packet_drops("drop_vrrp_input_not_accepted"), before + 3);
	frames_drain();
	packet_send("a", bytes, packet_hex(asks, bytes, sizeof(bytes)));
	packet_step();
	packet_advance(0); // control answers
	packet_step();
	assert_int_equal(seen("020000000109 00005e000107 0806 0001080006040002 00005e000107 "
			      "0a0100fe 020000000109 0a010009"),
		1);
	frames_to_the_virtual_mac_are_routed(NULL);
}

// ---- what it hears --------------------------------------------------------------------------------------------

static void hear(const char *hex) {
	uint8_t bytes[256];

	packet_send("a", bytes, packet_hex(hex, bytes, sizeof(bytes)));
	packet_step();
	packet_advance(0);
}

// 10.1.0.2 at priority 200, and what is wrong with it.
#define IP4(ttl, sum) \
	"01005e000012 00005e000107 0800 45c00020 00004000 " ttl "70 " sum " 0a010002e0000012 "
#define BETTER IP4("ff", "9098") "3107c801 000a 115c 0a0100fe"

static void it_yields_to_a_better_one(void **) {
	become_master("");
	hear(BETTER);
	assert_state("ipv4", "backup");
	assert_state("ipv6", "master");
	assert_int_equal(counted("received"), 1);
	assert_int_equal(counted("mismatched"), 0);
	frames_drain();
	pass(300);
	assert_int_equal(seen(ADVERT4), 0);
	assert_int_equal(echoes(V6_MAC, "2001:db8:1::9", "2001:db8:1::fe", 128), 1);
	struct frame f = frame_icmp(V4_MAC, mac_host('a', 9), "10.1.0.9", "10.1.0.254", 8, 0);
	uint64_t before = packet_drops("drop_ip_input_not_ours");
	frame_send('a', &f);
	assert_int_equal(packet_drops("drop_ip_input_not_ours"), before + 1);
}

static void other_addresses_are_counted(void **) {
	become_master("");
	hear(IP4("ff", "9098") "3107c801 000a 115d 0a0100fd");
	assert_int_equal(counted("mismatched"), 1);
	assert_state("ipv4", "backup");
}

static void its_own_are_not_heard(void **) {
	become_master("");
	hear(ADVERT4);
	assert_int_equal(counted("received"), 0);
	assert_state("ipv4", "master");
}

static void faults_have_names(void **) {
	static const struct {
		const char *frame, *drop;
	} cases[] = {
		{IP4("fe", "9198") "3107c801 000a 115c 0a0100fe", "ttl"},
		{IP4("ff", "9098") "2107c801 000a 115c 0a0100fe", "version"},
		{IP4("ff", "9098") "3207c801 000a 105c 0a0100fe", "type"},
		{IP4("ff", "9098") "3107c801 000a 115e 0a0100fe", "checksum"},
		{IP4("ff", "9098") "3107c802 000a 115b 0a0100fe", "truncated"},
		{IP4("ff", "9098") "3107c800 000a 115d 0a0100fe", "count"},
		{IP4("ff", "9098") "3107c801 0000 1166 0a0100fe", "interval"},
		{IP4("ff", "9098") "3108c801 000a 115b 0a0100fe", "vrid"},
		{"020000000101 020000000109 0800 45c00020 00004000 ff70 66a2 0a0100090a010001 "
		 "3107c801 000a 0000 0a0100fe",
			"destination"},
	};
	char name[64];

	become_master("");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(name, sizeof(name), "drop_vrrp_input_%s", cases[i].drop);
		uint64_t before = packet_drops(name);
		hear(cases[i].frame);
		if (packet_drops(name) != before + 1)
			fail_msg("%s", name);
	}
	assert_state("ipv4", "master");
	assert_int_equal(counted("received"), 0);
}

// ---- changes --------------------------------------------------------------------------------------------------

static void commits_leave_a_master_alone(void **) {
	become_master("");
	frames_drain();
	for (unsigned i = 0; i < 10; i++) {
		config(i % 2 ? "" : ", preempt = false");
		packet_advance(10 * MS);
		assert_state("ipv4", "master");
	}
	assert_int_equal(counted("changes"), 1);
	assert_int_equal(seen(ADVERT4), 1);
	assert_int_equal(echoes(V4_MAC, "10.1.0.9", "10.1.0.254", 8), 1);
}

static void tracked_routes_lower_the_priority(void **) {
	become_master(", track = { { route = '192.0.2.0/24', drop = 60 }, { interface = 'b' } }");
	assert_int_equal(counted("priority"), 40);
	become_master(", priority = 10, track = { { route = '192.0.2.0/24' }, { route = "
		      "'10.2.0.0/24' } }");
	assert_int_equal(counted("priority"), 1);
}

static void owners_are_masters_at_once(void **) {
	packet_config(NOTHING);
	packet_config("return { " PORTS ", routers = { r = { "
		      "interfaces = { a = { port = 'a', dad = false, addresses = { '10.1.0.1/24' "
		      "}, vrrp = { [7] = { priority = 255, addresses = { '10.1.0.1' } } } } } } } "
		      "}");
	pass(100);
	assert_state("ipv4", "master");
	struct frame f = frame_icmp(V4_MAC, mac_host('a', 9), "10.1.0.9", "10.1.0.1", 8, 0);
	uint64_t before = packet_drops("drop_ip_input_not_ours");
	frame_send('a', &f);
	assert_int_equal(packet_drops("drop_ip_input_not_ours"), before);
	pass(10); // the answer waits for a neighbour's address
	packet_config(NOTHING);
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
		cmocka_unit_test(a_backup_is_silent_until_its_time),
		cmocka_unit_test(advertisements_are_regular),
		cmocka_unit_test(it_announces_itself),
		cmocka_unit_test(it_stays_master_while_control_is_busy),
		cmocka_unit_test(it_resigns_when_it_goes),
		cmocka_unit_test(frames_to_the_virtual_mac_are_routed),
		cmocka_unit_test(a_backup_takes_none),
		cmocka_unit_test(it_answers_at_its_addresses),
		cmocka_unit_test(or_it_does_not),
		cmocka_unit_test(it_yields_to_a_better_one),
		cmocka_unit_test(other_addresses_are_counted),
		cmocka_unit_test(its_own_are_not_heard),
		cmocka_unit_test(faults_have_names),
		cmocka_unit_test(commits_leave_a_master_alone),
		cmocka_unit_test(tracked_routes_lower_the_priority),
		cmocka_unit_test(owners_are_masters_at_once),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
