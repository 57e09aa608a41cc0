// SPDX-License-Identifier: BSD-3-Clause
// What a switch knows of its stations: learning, ageing, moves, limits, and what of it outlives a change.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/switch_lab.h"
#include <rte_ethdev.h>
#include <stdio.h>
#include <string.h>

#define ALL LAB_ALL
#define MS  NSEC_PER_MSEC

// ---- stations -------------------------------------------------------------------------------------------------

static void learns_and_ages(void **) {
	lab_config(lab_plain);
	lab_send("a", 0x0200000000bb, 0x0200000000aa, ""); // unknown: flooded
	lab_expect("b", 0x0200000000bb, 0x0200000000aa, "");
	lab_expect("c", 0x0200000000bb, 0x0200000000aa, "");
	packet_advance(MS);
	assert_int_equal(lab_stations("mac", "02:00:00:00:00:aa"), 1);
	lab_send("b", 0x0200000000aa, 0x0200000000bb, ""); // known by now
	lab_expect("a", 0x0200000000aa, 0x0200000000bb, "");
	packet_expect_none();
	packet_advance(200 * NSEC_PER_SEC);
	lab_send("b", 0x0200000000aa, 0x0200000000bb, ""); // seen again
	lab_drain();
	packet_advance(200 * NSEC_PER_SEC);
	assert_int_equal(lab_stations("mac", "02:00:00:00:00:aa"), 0);
	assert_int_equal(lab_stations("mac", "02:00:00:00:00:bb"), 1);
	packet_advance(110 * NSEC_PER_SEC);
	assert_int_equal(lab_stations("type", "dynamic"), 0);
	assert_int_equal(lab_counter("switches", "switch", "s", "aged"), 2);
}

static void learning_can_be_off(void **) {
	lab_config("s = { ports = { a = { learning = false }, b = {} } }");
	lab_learn("a", 0x0200000000aa, "");
	lab_learn("b", 0x0200000000bb, "");
	assert_int_equal(lab_stations("port", "a"), 0);
	assert_int_equal(lab_stations("port", "b"), 1);
}

static void nothing_goes_back(void **) {
	uint64_t before = packet_drops("drop_switch_input_hairpin");

	lab_config(lab_plain);
	lab_learn("a", 0x0200000000aa, "");
	lab_send("a", 0x0200000000aa, 0x0200000000ab, "");
	packet_expect_none();
	assert_int_equal(packet_drops("drop_switch_input_hairpin"), before + 1);
}

static void vlans_know_stations_of_their_own(void **) {
	lab_config("s = { ports = { a = { access = 10 }, b = { access = 10 }, c = { access = 20 }, "
		   "d = "
		   "{ access = 20 }, "
		   "e = { trunk = { 10, 20 } } } }");
	lab_learn("a", 0x0200000000aa, "");
	lab_learn("d", 0x0200000000aa, "");
	lab_send("e", 0x0200000000aa, 0x0200000000ee, "8100.000a");
	lab_expect("a", 0x0200000000aa, 0x0200000000ee, "");
	lab_send("e", 0x0200000000aa, 0x0200000000ee, "8100.0014");
	lab_expect("d", 0x0200000000aa, 0x0200000000ee, "");
	packet_expect_none();
}

static void switches_share_nothing(void **) {
	lab_config("s = { ports = { a = {}, b = {} } }, t = { ports = { c = {}, d = {} } }");
	lab_learn("a", 0x0200000000aa, "");
	lab_send("c", 0x0200000000aa, 0x0200000000cc, "");
	lab_expect("d", 0x0200000000aa, 0x0200000000cc, "");
	packet_expect_none();
}

static void statics_are_pinned(void **) {
	uint64_t before = packet_drops("drop_switch_input_pinned");

	lab_config(
		"s = { ports = { a = {}, b = {}, c = { trunk = { 1, 2 } } }, static = {"
		" ['02:00:00:00:00:aa'] = { port = 'a', vlan = 1 },"
		" ['02:00:00:00:00:cc'] = { { port = 'c', vlan = 1 }, { port = 'c', vlan = 2 } } } "
		"}");
	assert_int_equal(lab_stations("type", "static"), 3);
	lab_send("b", 0x0200000000aa, 0x0200000000bb, "");
	lab_expect("a", 0x0200000000aa, 0x0200000000bb, "");
	lab_send("b", 0x0200000000cc, 0x0200000000bb, "");
	lab_expect("c", 0x0200000000cc, 0x0200000000bb, "8100.0001");
	lab_send("b", ALL, 0x0200000000aa, ""); // somebody pretends
	packet_expect_none();
	assert_int_equal(packet_drops("drop_switch_input_pinned"), before + 1);
	packet_advance(1000 * NSEC_PER_SEC);
	assert_int_equal(lab_stations("type", "static"), 3);
	lab_reconfig(lab_plain);
	assert_int_equal(lab_stations("type", "static"), 0);
}

static unsigned moves_told, holds_told;

static void event_sink(const char *name, const json_t *data, void *) {
	if (strcmp(name, "switch.mac-move") != 0)
		return;
	moves_told++;
	holds_told += json_is_true(json_object_get(data, "held"));
}

static void moves_are_damped(void **) {
	lab_config(
		"s = { move_limit = 3, move_window = '10s', move_hold = '30s', ports = { a = {}, b "
		"= {}, c = {} } }");
	moves_told = holds_told = 0;
	event_set_sink(event_sink, NULL);
	for (unsigned i = 0; i < 10; i++) {
		lab_learn(i % 2 ? "b" : "a", 0x0200000000aa, "");
		packet_advance(100 * MS); // past the time in which a worker says nothing twice
	}
	assert_int_equal(moves_told, 4);
	assert_int_equal(holds_told, 1);
	assert_int_equal(lab_stations("port", "b"), 1);
	packet_advance(31 * NSEC_PER_SEC);
	lab_learn("a", 0x0200000000aa, "");
	assert_int_equal(lab_stations("port", "a"), 1);
	event_set_sink(NULL, NULL);
}

static void limits_are_exact(void **) {
	lab_config("s = { mac_limit = 20, ports = { a = { mac_limit = 4 }, b = {}, c = {} } }");
	for (unsigned i = 0; i < 10; i++)
		lab_learn("a", 0x020000000100 + i, "");
	assert_int_equal(lab_stations("port", "a"), 4);
	for (unsigned i = 0; i < 50; i++)
		lab_learn("b", 0x020000000200 + i, "");
	assert_int_equal(lab_stations(NULL, NULL), 20);
	assert_int_equal(lab_stations("port", "a"), 4);
	assert_int_equal(lab_stations("port", "b"), 16);
	assert_int_equal(lab_counter("switches", "switch", "s", "refused_port"), 6);
}

static void a_mac_flood_spares_the_others(void **) {
	uint8_t buf[128];

	lab_config("s = { mac_limit = 64, ports = { a = {}, b = {}, c = {} } }");
	for (unsigned i = 0; i < 10; i++) {
		lab_learn("a", 0x020000000100 + i, "");
		lab_learn("b", 0x020000000200 + i, "");
	}
	for (unsigned i = 0; i < 20000; i++) {
		packet_send("c", buf, lab_frame(buf, 0x020000000100, 0x020000100000 + i, ""));
		if (i % 100 == 99)
			packet_advance(MS);
		lab_drain();
	}
	assert_int_equal(lab_stations(NULL, NULL), 64);
	for (unsigned i = 0; i < 10; i++) {
		lab_send("b", 0x020000000100 + i, 0x020000000200 + i, "");
		lab_expect("a", 0x020000000100 + i, 0x020000000200 + i, "");
		packet_expect_none();
	}
}

// More new stations at once than control takes: counted, and learnt when they send again.
static void a_burst_of_stations_is_learnt_in_time(void **) {
	uint8_t buf[128];

	lab_config(lab_plain);
	for (unsigned round = 0; round < 8; round++) {
		for (unsigned i = 0; i < 3000; i++) {
			packet_send(
				"a", buf, lab_frame(buf, 0x020000000009, 0x020000100000 + i, ""));
			if (i % 100 == 99)
				packet_step();
			lab_drain();
		}
		packet_advance(100 * MS);
	}
	assert_true(lab_counter("switchports", "port", "a", "learn_dropped") > 0);
	assert_int_equal(lab_stations("port", "a"), 3000);
}

static void flushes_what_is_asked(void **) {
	lab_config(
		"s = { ports = { a = {}, b = { trunk = { 1, 2 } } } }, t = { ports = { c = {} } }");
	for (unsigned i = 0; i < 4; i++) {
		lab_learn("a", 0x020000000100 + i, "");
		lab_learn("b", 0x020000000200 + i, "8100.0001");
		lab_learn("b", 0x020000000200 + i, "8100.0002");
		lab_learn("c", 0x020000000300 + i, "");
	}
	assert_int_equal(packet_flush("fdb", "{\"mac\":\"02:00:00:00:02:00\"}"), 2);
	assert_int_equal(packet_flush("fdb", "{\"vlan\":2}"), 3);
	assert_int_equal(packet_flush("fdb", "{\"port\":\"b\"}"), 3);
	assert_int_equal(packet_flush("fdb", "{\"switch\":\"s\"}"), 4);
	assert_int_equal(packet_flush("fdb", "{}"), 4);
}

// ---- links ------------------------------------------------------------------------------------------------------

static void a_lost_link_takes_its_stations(void **) {
	uint64_t before = packet_drops("drop_switch_input_port_down");
	int port;

	lab_config("s = { ports = { a = {}, b = {}, c = {} }, static = {"
		   " ['02:00:00:00:00:a0'] = { port = 'a', vlan = 1 } } }");
	port = dp_port_find("a");
	lab_learn("a", 0x0200000000aa, "");
	lab_learn("b", 0x0200000000bb, "");
	assert_int_equal(rte_eth_dev_set_link_down((uint16_t)port), 0);
	packet_advance(2 * NSEC_PER_SEC);
	assert_int_equal(lab_stations("mac", "02:00:00:00:00:aa"), 0);
	assert_int_equal(lab_stations("mac", "02:00:00:00:00:bb"), 1);
	lab_send("b", ALL, 0x0200000000bb, ""); // to no dead port
	lab_expect("c", ALL, 0x0200000000bb, "");
	packet_expect_none();
	lab_send("b", 0x0200000000a0, 0x0200000000bb, "");
	packet_expect_none();
	assert_int_equal(packet_drops("drop_switch_input_port_down"), before + 1);
	assert_int_equal(rte_eth_dev_set_link_up((uint16_t)port), 0);
	packet_advance(2 * NSEC_PER_SEC);
	lab_send("b", 0x0200000000a0, 0x0200000000bb, "");
	lab_expect("a", 0x0200000000a0, 0x0200000000bb, "");
	packet_expect_none();
}

// ---- transactions -------------------------------------------------------------------------------------------------

static void stations_survive_what_does_not_touch_them(void **) {
	lab_config("s = { ports = { a = { trunk = { 1, 2 } }, b = {}, c = {} } }");
	lab_learn("a", 0x0200000000a1, "8100.0001");
	lab_learn("a", 0x0200000000a2, "8100.0002");
	lab_learn("b", 0x0200000000bb, "");
	lab_learn("c", 0x0200000000cc, "");
	lab_reconfig(
		"s = { ageing = '10m', ports = { a = { trunk = { 1, 3 } }, b = { isolated = true "
		"}, "
		"d = {} } }");
	assert_int_equal(lab_stations("mac", "02:00:00:00:00:a1"), 1);
	assert_int_equal(lab_stations("mac", "02:00:00:00:00:a2"), 0); // the port left VLAN 2
	assert_int_equal(lab_stations("mac", "02:00:00:00:00:bb"), 1);
	assert_int_equal(lab_stations("mac", "02:00:00:00:00:cc"), 0); // the port left the switch
	lab_reconfig("t = { ports = { a = { trunk = { 1, 3 } } } }");
	assert_int_equal(lab_stations(NULL, NULL), 0);
}

static void a_refused_change_changes_nothing(void **) {
	char text[1024];

	lab_config(lab_plain);
	lab_learn("a", 0x0200000000aa, "");
	snprintf(text, sizeof(text),
		"%s return { ports = p, switches = { s = { ports = { a = {}, b = { access = 7 }, c "
		"= {} } }, "
		"t = { ports = { a = {} } } } }",
		lab_ports);
	assert_non_null(strstr(packet_config_refused(text), "switches.t.ports.a"));
	lab_send("b", 0x0200000000aa, 0x0200000000bb, "");
	lab_expect("a", 0x0200000000aa, 0x0200000000bb, "");
	packet_expect_none();
}

static void a_port_that_left_is_nobodys(void **) {
	uint64_t before = packet_drops("drop_eth_input_unused");

	lab_config(lab_plain);
	lab_reconfig("s = { ports = { b = {}, c = {} } }");
	lab_send("a", ALL, 0x0200000000aa, "");
	packet_expect_none();
	assert_int_equal(packet_drops("drop_eth_input_unused"), before + 1);
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
		cmocka_unit_test(learns_and_ages),
		cmocka_unit_test(learning_can_be_off),
		cmocka_unit_test(nothing_goes_back),
		cmocka_unit_test(vlans_know_stations_of_their_own),
		cmocka_unit_test(switches_share_nothing),
		cmocka_unit_test(statics_are_pinned),
		cmocka_unit_test(moves_are_damped),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(a_mac_flood_spares_the_others),
		cmocka_unit_test(a_burst_of_stations_is_learnt_in_time),
		cmocka_unit_test(flushes_what_is_asked),
		cmocka_unit_test(a_lost_link_takes_its_stations),
		cmocka_unit_test(stations_survive_what_does_not_touch_them),
		cmocka_unit_test(a_refused_change_changes_nothing),
		cmocka_unit_test(a_port_that_left_is_nobodys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
