// SPDX-License-Identifier: BSD-3-Clause
// The switch, frame by frame: tags byte for byte, isolation, flooding, storms, mirrors.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/switch_lab.h"
#include <stdio.h>
#include <string.h>

#define ALL LAB_ALL
#define MS  NSEC_PER_MSEC

// ---- tags: every kind of port to every kind of port -----------------------------------------------------------
//
// VLAN 10: a, b access; c, e trunks; d trunk with 10 as its native one. VLAN 20: c, d. VLAN 100 is a service VLAN:
// f, h customers' ports; e, g trunks.

static const char zoo[] =
	"s = { ports = { a = { access = 10 }, b = { access = 10 }, c = { trunk = { 10, 20 } },"
	" d = { trunk = { 20, 30 }, native = 10 }, e = { trunk = { 10, 100 } }, f = { qinq = { "
	"outer = 100 } },"
	" g = { trunk = { 100 } }, h = { qinq = { outer = 100 } } } }";

static const struct {
	const char *port, *tags, *out; // out: "port:tags ..."; "!reason": dropped
} tag_rows[] = {
	{"a", "", "b:- c:8100.000a d:- e:8100.000a"},
	{"a", "8100.b000", "b:- c:8100.b00a d:- e:8100.b00a"},
	{"a", "8100.000a", "!tagged"},
	{"a", "8100.0014", "!tagged"},
	{"a", "88a8.000a", "!tagged"},
	{"c", "", "!untagged"},
	{"c", "8100.6000", "!untagged"},
	{"c", "8100.600a", "a:- b:- d:- e:8100.600a"},
	{"c", "8100.6014", "d:8100.6014"},
	{"c", "8100.601e", "!vlan"},
	{"c", "8100.0fff", "!vlan"},
	{"c", "88a8.000a", "!vlan"},
	{"c", "8100.000a,8100.0014", "a:8100.0014 b:8100.0014 d:8100.0014 e:8100.000a,8100.0014"},
	{"d", "", "a:- b:- c:8100.000a e:8100.000a"},
	{"d", "8100.e000", "a:- b:- c:8100.e00a e:8100.e00a"},
	{"d", "8100.200a", "a:- b:- c:8100.200a e:8100.200a"},
	{"d", "8100.1014", "c:8100.1014"},
	{"e", "8100.300a", "a:- b:- c:8100.300a d:-"},
	{"e", "88a8.4064", "f:- g:88a8.4064 h:-"},
	{"e", "88a8.4064,8100.200a", "f:8100.200a g:88a8.4064,8100.200a h:8100.200a"},
	{"e", "8100.0064", "!vlan"},
	{"f", "", "e:88a8.0064 g:88a8.0064 h:-"},
	{"f", "8100.a00a", "e:88a8.a064,8100.a00a g:88a8.a064,8100.a00a h:8100.a00a"},
	{"f", "8100.a000", "e:88a8.a064,8100.a000 g:88a8.a064,8100.a000 h:8100.a000"},
	{"f", "88a8.2064", "e:88a8.2064,88a8.2064 g:88a8.2064,88a8.2064 h:88a8.2064"},
	{"f", "8100.a00a,8100.000b",
		"e:88a8.a064,8100.a00a,8100.000b g:88a8.a064,8100.a00a,8100.000b "
		"h:8100.a00a,8100.000b"},
	{"g", "88a8.8064", "e:88a8.8064 f:- h:-"},
	{"g", "8100.0064", "!vlan"},
};

// Cuts "port:tags ..." into its next part; false at the end.
static bool out_next(const char **at, char port[2], char tags[64]) {
	int n = 0;

	if (sscanf(*at, " %1[a-h]:%63s%n", port, tags, &n) < 2)
		return false;
	*at += n;
	return true;
}

static void tags_when_flooded(void **) {
	char port[2], tags[64], drop[64];

	lab_config(zoo);
	for (unsigned i = 0; i < sizeof(tag_rows) / sizeof(*tag_rows); i++) {
		const char *out = tag_rows[i].out;
		uint64_t before;

		print_message("# %s [%s]\n", tag_rows[i].port, tag_rows[i].tags);
		snprintf(
			drop, sizeof(drop), "drop_switch_input_%s", *out == '!' ? out + 1 : "vlan");
		before = packet_drops(drop);
		lab_send(tag_rows[i].port, ALL, 0x020000000001, tag_rows[i].tags);
		assert_int_equal(packet_drops(drop), before + (*out == '!'));
		while (out_next(&out, port, tags))
			lab_expect(port, ALL, 0x020000000001, tags);
		packet_expect_none();
	}
}

// The same rows to a known station: it sits behind each port of the row in turn, and is learnt from a frame in the form
// that frames have there.
static void tags_of_known_stations(void **) {
	char port[2], tags[64];
	uint64_t station = 0x020000000100;

	lab_config(zoo);
	for (unsigned i = 0; i < sizeof(tag_rows) / sizeof(*tag_rows); i++) {
		const char *out = tag_rows[i].out;

		for (; out_next(&out, port, tags); station++) {
			print_message(
				"# %s [%s] to %s\n", tag_rows[i].port, tag_rows[i].tags, port);
			// An inner tag is none of the switch's: a station of VLAN 10 sends without one here.
			lab_learn(port, station,
				strchr(tag_rows[i].tags, ',') && strchr("abd", *port) ? "-" : tags);
			lab_send(tag_rows[i].port, station, 0x020000000002, tag_rows[i].tags);
			lab_expect(port, station, 0x020000000002, tags);
			packet_expect_none();
			lab_drain();
		}
	}
}

static void service_type_is_configurable(void **) {
	lab_config(
		"s = { service_ethertype = 0x9100, service_vlans = { '200-201' }, ports = {"
		" a = { qinq = { outer = 100 } }, b = { trunk = { 100, 200, 300 } }, c = { trunk = "
		"{ 200, 300 } } } }");
	lab_send("a", ALL, 0x020000000001, "8100.600a");
	lab_expect("b", ALL, 0x020000000001, "9100.6064,8100.600a");
	lab_send("b", ALL, 0x020000000001, "9100.00c8");
	lab_expect("c", ALL, 0x020000000001, "9100.00c8");
	lab_send("b", ALL, 0x020000000001, "8100.012c");
	lab_expect("c", ALL, 0x020000000001, "8100.012c");
	packet_expect_none();
}

// 0x8100 twice: what many call QinQ.
static void service_type_may_be_the_common_one(void **) {
	lab_config("s = { service_ethertype = 0x8100, ports = {"
		   " a = { qinq = { outer = 100 } }, b = { trunk = { 100 } } } }");
	lab_send("a", ALL, 0x020000000001, "8100.000a");
	lab_expect("b", ALL, 0x020000000001, "8100.0064,8100.000a");
	lab_send("b", ALL, 0x020000000001, "8100.0064,8100.000a");
	lab_expect("a", ALL, 0x020000000001, "8100.000a");
	packet_expect_none();
}

static void a_tag_cut_short_is_dropped(void **) {
	uint64_t before = packet_drops("drop_switch_input_truncated");
	uint8_t buf[128];

	lab_config(zoo);
	lab_frame(buf, ALL, 0x020000000001, "8100.000a");
	for (size_t len = 14; len < 18; len++) {
		packet_send("c", buf, len);
		packet_step();
	}
	packet_send("c", buf, 18);
	packet_step();
	assert_int_equal(packet_drops("drop_switch_input_truncated"), before + 4);
	assert_int_equal(packet_count("e"), 1);
	lab_drain();
}

// ---- flooding ---------------------------------------------------------------------------------------------------

static void isolated_ports_do_not_talk(void **) {
	uint64_t before = packet_drops("drop_switch_input_isolated");

	lab_config("s = { ports = { a = { isolated = true }, b = { isolated = true }, c = {} } }");
	lab_send("a", ALL, 0x0200000000aa, "");
	lab_expect("c", ALL, 0x0200000000aa, "");
	lab_send("c", ALL, 0x0200000000cc, "");
	lab_expect("a", ALL, 0x0200000000cc, "");
	lab_expect("b", ALL, 0x0200000000cc, "");
	packet_advance(MS);
	lab_send("b", 0x0200000000aa, 0x0200000000bb, "");
	packet_expect_none();
	assert_int_equal(packet_drops("drop_switch_input_isolated"), before + 1);
	lab_send("b", 0x0200000000cc, 0x0200000000bb, "");
	lab_expect("c", 0x0200000000cc, 0x0200000000bb, "");
	packet_expect_none();
}

static void reserved_addresses_stay(void **) {
	uint64_t before = packet_drops("drop_switch_input_reserved");

	lab_config(lab_plain);
	for (unsigned i = 0; i < 16; i++)
		lab_send("a", 0x0180c2000000 + i, 0x0200000000aa, "");
	packet_expect_none();
	assert_int_equal(packet_drops("drop_switch_input_reserved"), before + 16);
	lab_send("a", 0x0180c2000010, 0x0200000000aa, "");
	lab_send("a", 0x0180c2010000, 0x0200000000aa, "");
	assert_int_equal(packet_count("b"), 2);
	lab_drain();
}

static void jumbo_chains_are_flooded_whole(void **) {
	static uint8_t big[9014], wire[9018];

	lab_config("s = { ports = { a = {}, b = {}, c = { trunk = { 1 } } } }");
	lab_frame(big, ALL, 0x0200000000aa, "");
	for (unsigned i = 60; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7);
	memcpy(wire, big, 12);
	memcpy(wire + 12, (uint8_t[]){0x81, 0, 0, 1}, 4);
	memcpy(wire + 16, big + 12, sizeof(big) - 12);
	packet_send_chain("a", big, sizeof(big), 2000);
	packet_step();
	packet_expect("b", big, sizeof(big));
	packet_expect("c", wire, sizeof(wire));
	packet_expect_none();
	packet_advance(MS);
	memcpy(wire, big + 6, 6); // back to the sender, with a tag to take off
	memcpy(wire + 6, (uint8_t[]){2, 0, 0, 0, 0, 0xcc}, 6);
	memcpy(big, wire, 12);
	packet_send_chain("c", wire, sizeof(wire), 1999);
	packet_step();
	packet_expect("a", big, sizeof(big));
	packet_expect_none();
}

// A copy belongs to its port alone: a tag put on one must not show in another.
static void copies_are_independent(void **) {
	lab_config(
		"s = { ports = { a = { access = 5 }, b = { access = 5 }, c = { trunk = { 5 } }, d "
		"= "
		"{ trunk = { 5 } },"
		" e = { access = 5 }, f = { trunk = { 6 }, native = 5 }, g = { access = 5 }, h = { "
		"trunk = { 5 } } } }");
	for (unsigned i = 0; i < 300; i++) {
		lab_send("d", ALL, 0x0200000000dd, "8100.a005");
		lab_expect("a", ALL, 0x0200000000dd, "");
		lab_expect("b", ALL, 0x0200000000dd, "");
		lab_expect("c", ALL, 0x0200000000dd, "8100.a005");
		lab_expect("e", ALL, 0x0200000000dd, "");
		lab_expect("f", ALL, 0x0200000000dd, "");
		lab_expect("g", ALL, 0x0200000000dd, "");
		lab_expect("h", ALL, 0x0200000000dd, "8100.a005");
		packet_expect_none();
	}
}

static void storms_are_held_to_their_rate(void **) {
	uint64_t before = packet_drops("drop_switch_input_storm_broadcast");
	unsigned passed = 0;
	uint8_t buf[128];

	lab_config(
		"s = { ports = { a = { storm = { broadcast = '1000/s', unknown = '0/s' } }, b = {} "
		"} }");
	for (unsigned i = 0; i < 20000; i++) { // two seconds, ten times the rate
		lab_send("a", ALL, 0x0200000000aa, "");
		packet_advance(100000);
		while (packet_recv("b", buf) >= 0)
			passed++;
	}
	assert_in_range(passed, 2019, 2021); // and one burst of 20
	assert_int_equal(
		packet_drops("drop_switch_input_storm_broadcast"), before + 20000 - passed);
	lab_send("a", 0x0200000000bb, 0x0200000000aa, ""); // unknown: none at all
	packet_expect_none();
	for (unsigned i = 0; i < 100; i++) // multicast: no limit
		lab_send("a", 0x01005e000001, 0x0200000000aa, "");
	assert_int_equal(packet_count("b"), 100);
	lab_drain();
	for (unsigned i = 0; i < 100; i++) // nor on the other port
		lab_send("b", ALL, 0x0200000000bb, "");
	assert_int_equal(packet_count("a"), 100);
	lab_drain();
}

// What the old rate owes is not waited for at the new one.
static void a_new_storm_limit_counts_at_once(void **) {
	lab_config("s = { ports = { a = { storm = { broadcast = '1/s' } }, b = {} } }");
	for (unsigned i = 0; i < 50; i++)
		lab_send("a", ALL, 0x0200000000aa, "");
	assert_int_equal(packet_count("b"), 16); // its burst: sixteen seconds ahead
	lab_drain();
	lab_reconfig("s = { ports = { a = { storm = { broadcast = '1000/s' } }, b = {} } }");
	lab_send("a", ALL, 0x0200000000aa, "");
	lab_expect("b", ALL, 0x0200000000aa, "");
	lab_drain();
}

// ---- mirrors ----------------------------------------------------------------------------------------------------

static void mirrors_copy_what_is_asked(void **) {
	lab_config(
		"s = { ports = { a = { access = 10 }, b = { trunk = { 10 } }, c = { access = 10 } "
		"}, mirror = {"
		" x = { from = { 'a' }, direction = 'rx', to = 'f' },"
		" y = { from = { 'b' }, direction = 'tx', to = 'g' },"
		" z = { from = { 'a', 'b' }, direction = 'both', to = 'h', vlan = 900 } } }");
	lab_send("a", ALL, 0x0200000000aa, "");
	lab_expect("b", ALL, 0x0200000000aa, "8100.000a");
	lab_expect("c", ALL, 0x0200000000aa, "");
	lab_expect("f", ALL, 0x0200000000aa, "");          // as it came in
	lab_expect("g", ALL, 0x0200000000aa, "8100.000a"); // as it went out
	lab_expect("h", ALL, 0x0200000000aa, "8100.0384");
	lab_expect("h", ALL, 0x0200000000aa, "8100.0384,8100.000a");
	packet_expect_none();
	lab_send("b", ALL, 0x0200000000bb, "8100.000a");
	lab_expect("a", ALL, 0x0200000000bb, "");
	lab_expect("c", ALL, 0x0200000000bb, "");
	lab_expect("h", ALL, 0x0200000000bb, "8100.0384,8100.000a");
	lab_expect("h", ALL, 0x0200000000bb, "8100.0384");
	packet_expect_none();
	lab_send("c", ALL, 0x0200000000cc, "");
	lab_drain();
	lab_reconfig("s = { ports = { a = { access = 10 }, b = { trunk = { 10 } } } }");
	lab_send("a", ALL, 0x0200000000aa, "");
	lab_expect("b", ALL, 0x0200000000aa, "8100.000a");
	packet_expect_none(); // no mirror is left behind
}

// A frame that the switch drops is on the wire all the same.
static void a_mirror_sees_what_is_dropped(void **) {
	lab_config("s = { ports = { a = {}, b = {} }, mirror = { m = { from = { 'a' }, direction = "
		   "'rx', to = 'f' } } }");
	lab_send("a", 0x0180c2000000, 0x0200000000aa, "");
	lab_expect("f", 0x0180c2000000, 0x0200000000aa, "");
	packet_expect_none();
}

// ---- routed interfaces ------------------------------------------------------------------------------------------

static void the_router_gets_its_frames(void **) {
	const struct mac mac = {{2, 0, 0, 0, 0, 0x99}};
	uint64_t before = packet_drops("drop_arc_end_nobody"); // no function ends l3-in here
	struct err err = {0};
	int iface = dp_iface_new("s.10", &err);

	assert_true(iface > 0);
	lab_config("s = { ports = { a = { access = 10 }, b = { trunk = { 10, 20 } } } }");
	assert_int_equal(sw_routed_attach("s", 10, (unsigned)iface, &mac, &err), 0);
	assert_true(sw_routed_attach("s", 10, (unsigned)iface, &mac, &err) < 0);
	assert_true(sw_routed_attach("t", 10, (unsigned)iface, &mac, &err) < 0);
	lab_send("a", 0x020000000099, 0x0200000000aa, "");
	lab_send("b", 0x020000000099, 0x0200000000bb, "8100.000a");
	packet_expect_none();
	assert_int_equal(packet_drops("drop_arc_end_nobody"), before + 2);
	lab_send("b", 0x020000000099, 0x0200000000bb, "8100.0014"); // another VLAN: nobody's
	lab_send("a", ALL, 0x0200000000aa, "");                     // the router and the others
	lab_expect("b", ALL, 0x0200000000aa, "8100.000a");
	assert_int_equal(packet_drops("drop_arc_end_nobody"), before + 3);
	packet_expect_none();
	assert_int_equal(lab_stations("type", "self"), 1);
	lab_reconfig("s = { ports = { a = { access = 10 }, b = { access = 10 } } }"); // it stays
	lab_send("a", 0x020000000099, 0x0200000000aa, "");
	assert_int_equal(packet_drops("drop_arc_end_nobody"), before + 4);
	sw_routed_detach("s", 10);
	lab_send("a", 0x020000000099, 0x0200000000aa, "");
	lab_expect("b", 0x020000000099, 0x0200000000aa, "");
	packet_expect_none();
	dp_iface_free((unsigned)iface);
}

// ---- main ---------------------------------------------------------------------------------------------------------

static int setup(void **) {
	static const struct module *const modules[] = {&switch_module, NULL};

	return packet_setup(modules);
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_when_flooded),
		cmocka_unit_test(tags_of_known_stations),
		cmocka_unit_test(service_type_is_configurable),
		cmocka_unit_test(service_type_may_be_the_common_one),
		cmocka_unit_test(a_tag_cut_short_is_dropped),
		cmocka_unit_test(isolated_ports_do_not_talk),
		cmocka_unit_test(reserved_addresses_stay),
		cmocka_unit_test(jumbo_chains_are_flooded_whole),
		cmocka_unit_test(copies_are_independent),
		cmocka_unit_test(storms_are_held_to_their_rate),
		cmocka_unit_test(a_new_storm_limit_counts_at_once),
		cmocka_unit_test(mirrors_copy_what_is_asked),
		cmocka_unit_test(a_mirror_sees_what_is_dropped),
		cmocka_unit_test(the_router_gets_its_frames),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
