// SPDX-License-Identifier: BSD-3-Clause
// The switch, frame by frame: tags byte for byte, learning, limits, isolation, storms, mirrors.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL 0xffffffffffff // broadcast
#define MS  NSEC_PER_MSEC

// ---- frames ---------------------------------------------------------------------------------------------------

// `tags`: "88a8.0064,8100.200a", outermost first; "-" or "": none. 46 bytes of payload follow the type.
static size_t frame(uint8_t *buf, uint64_t dst, uint64_t src, const char *tags) {
	size_t n = 12;

	for (unsigned i = 0; i < 6; i++) {
		buf[i] = (uint8_t)(dst >> (40 - 8 * i));
		buf[6 + i] = (uint8_t)(src >> (40 - 8 * i));
	}
	for (; *tags != '\0' && *tags != '-'; tags += tags[9] == ',' ? 10 : 9) {
		unsigned type, tci;

		assert_int_equal(sscanf(tags, "%4x.%4x", &type, &tci), 2);
		buf[n++] = (uint8_t)(type >> 8);
		buf[n++] = (uint8_t)type;
		buf[n++] = (uint8_t)(tci >> 8);
		buf[n++] = (uint8_t)tci;
	}
	buf[n++] = 0x08;
	buf[n++] = 0x00;
	for (unsigned i = 0; i < 46; i++)
		buf[n++] = (uint8_t)(0x45 + i);
	return n;
}

static void frame_send(const char *port, uint64_t dst, uint64_t src, const char *tags) {
	uint8_t buf[128];

	packet_send(port, buf, frame(buf, dst, src, tags));
	packet_step();
}

static void expect(const char *port, uint64_t dst, uint64_t src, const char *tags) {
	uint8_t buf[128];

	packet_expect(port, buf, frame(buf, dst, src, tags));
}

static void drain(void) {
	static const char *const ports[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	uint8_t buf[PACKET_FRAME_MAX];

	for (unsigned i = 0; i < 8; i++)
		while (packet_recv(ports[i], buf) >= 0)
			continue;
}

// The station `mac` sends from `port`; what that floods is of no interest.
static void learn(const char *port, uint64_t mac, const char *tags) {
	frame_send(port, ALL, mac, tags);
	packet_advance(MS);
	drain();
}

// ---- configuration ------------------------------------------------------------------------------------------

static const char ports_lua[] = "local p = {} for n in ('abcdefgh'):gmatch('.') do "
				"p[n] = { device = 'ring:' .. n, mtu = 9000 } end ";

// What was known stays where the change does not touch it.
static void reconfig(const char *switches) {
	char text[4096];

	snprintf(text, sizeof(text), "%s return { ports = p, switches = { %s } }", ports_lua,
		switches);
	packet_config(text);
}

// From nothing. A worker tells of a station again after 67 ms at the earliest, also when it was forgotten.
static void config(const char *switches) {
	reconfig("");
	reconfig(switches);
	packet_advance(100 * MS);
	drain();
}

// Stations known to switch s; `where`: only those whose column has that value.
static unsigned stations(const char *column, const char *value) {
	json_t *rows = packet_show("fdb"), *row;
	unsigned n = 0;
	size_t i;

	json_array_foreach (rows, i, row) {
		const char *text = json_string_value(json_object_get(row, column));

		n += value == NULL || (text != NULL && strcmp(text, value) == 0);
	}
	json_decref(rows);
	return n;
}

static json_int_t counter(
	const char *noun, const char *key, const char *value, const char *column) {
	json_t *rows = packet_show(noun), *row;
	json_int_t n = 0;
	size_t i;

	json_array_foreach (rows, i, row)
		if (strcmp(json_string_value(json_object_get(row, key)), value) == 0)
			n += json_integer_value(json_object_get(row, column));
	json_decref(rows);
	return n;
}

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

	config(zoo);
	for (unsigned i = 0; i < sizeof(tag_rows) / sizeof(*tag_rows); i++) {
		const char *out = tag_rows[i].out;
		uint64_t before;

		print_message("# %s [%s]\n", tag_rows[i].port, tag_rows[i].tags);
		snprintf(
			drop, sizeof(drop), "drop_switch_input_%s", *out == '!' ? out + 1 : "vlan");
		before = packet_drops(drop);
		frame_send(tag_rows[i].port, ALL, 0x020000000001, tag_rows[i].tags);
		assert_int_equal(packet_drops(drop), before + (*out == '!'));
		while (out_next(&out, port, tags))
			expect(port, ALL, 0x020000000001, tags);
		packet_expect_none();
	}
}

// The same rows to a known station: it sits behind each port of the row in turn, and is learnt from a frame in the form
// that frames have there.
static void tags_of_known_stations(void **) {
	char port[2], tags[64];
	uint64_t station = 0x020000000100;

	config(zoo);
	for (unsigned i = 0; i < sizeof(tag_rows) / sizeof(*tag_rows); i++) {
		const char *out = tag_rows[i].out;

		for (; out_next(&out, port, tags); station++) {
			print_message(
				"# %s [%s] to %s\n", tag_rows[i].port, tag_rows[i].tags, port);
			// An inner tag is none of the switch's: a station of VLAN 10 sends without one here.
			learn(port, station,
				strchr(tag_rows[i].tags, ',') && strchr("abd", *port) ? "-" : tags);
			frame_send(tag_rows[i].port, station, 0x020000000002, tag_rows[i].tags);
			expect(port, station, 0x020000000002, tags);
			packet_expect_none();
			drain();
		}
	}
}

static void service_type_is_configurable(void **) {
	config("s = { service_ethertype = 0x9100, service_vlans = { '200-201' }, ports = {"
	       " a = { qinq = { outer = 100 } }, b = { trunk = { 100, 200, 300 } }, c = { trunk = "
	       "{ 200, 300 } } } }");
	frame_send("a", ALL, 0x020000000001, "8100.600a");
	expect("b", ALL, 0x020000000001, "9100.6064,8100.600a");
	frame_send("b", ALL, 0x020000000001, "9100.00c8");
	expect("c", ALL, 0x020000000001, "9100.00c8");
	frame_send("b", ALL, 0x020000000001, "8100.012c");
	expect("c", ALL, 0x020000000001, "8100.012c");
	packet_expect_none();
}

// 0x8100 twice: what many call QinQ.
static void service_type_may_be_the_common_one(void **) {
	config("s = { service_ethertype = 0x8100, ports = {"
	       " a = { qinq = { outer = 100 } }, b = { trunk = { 100 } } } }");
	frame_send("a", ALL, 0x020000000001, "8100.000a");
	expect("b", ALL, 0x020000000001, "8100.0064,8100.000a");
	frame_send("b", ALL, 0x020000000001, "8100.0064,8100.000a");
	expect("a", ALL, 0x020000000001, "8100.000a");
	packet_expect_none();
}

static void a_tag_cut_short_is_dropped(void **) {
	uint64_t before = packet_drops("drop_switch_input_truncated");
	uint8_t buf[128];

	config(zoo);
	frame(buf, ALL, 0x020000000001, "8100.000a");
	for (size_t len = 14; len < 18; len++) {
		packet_send("c", buf, len);
		packet_step();
	}
	packet_send("c", buf, 18);
	packet_step();
	assert_int_equal(packet_drops("drop_switch_input_truncated"), before + 4);
	assert_int_equal(packet_count("e"), 1);
	drain();
}

// ---- stations -------------------------------------------------------------------------------------------------

static const char plain[] = "s = { ports = { a = {}, b = {}, c = {} } }";

static void learns_and_ages(void **) {
	config(plain);
	frame_send("a", 0x0200000000bb, 0x0200000000aa, ""); // unknown: flooded
	expect("b", 0x0200000000bb, 0x0200000000aa, "");
	expect("c", 0x0200000000bb, 0x0200000000aa, "");
	packet_advance(MS);
	assert_int_equal(stations("mac", "02:00:00:00:00:aa"), 1);
	frame_send("b", 0x0200000000aa, 0x0200000000bb, ""); // known by now
	expect("a", 0x0200000000aa, 0x0200000000bb, "");
	packet_expect_none();
	packet_advance(200 * NSEC_PER_SEC);
	frame_send("b", 0x0200000000aa, 0x0200000000bb, ""); // seen again
	drain();
	packet_advance(200 * NSEC_PER_SEC);
	assert_int_equal(stations("mac", "02:00:00:00:00:aa"), 0);
	assert_int_equal(stations("mac", "02:00:00:00:00:bb"), 1);
	packet_advance(110 * NSEC_PER_SEC);
	assert_int_equal(stations("type", "dynamic"), 0);
	assert_int_equal(counter("switches", "switch", "s", "aged"), 2);
}

static void learning_can_be_off(void **) {
	config("s = { ports = { a = { learning = false }, b = {} } }");
	learn("a", 0x0200000000aa, "");
	learn("b", 0x0200000000bb, "");
	assert_int_equal(stations("port", "a"), 0);
	assert_int_equal(stations("port", "b"), 1);
}

static void nothing_goes_back(void **) {
	uint64_t before = packet_drops("drop_switch_input_hairpin");

	config(plain);
	learn("a", 0x0200000000aa, "");
	frame_send("a", 0x0200000000aa, 0x0200000000ab, "");
	packet_expect_none();
	assert_int_equal(packet_drops("drop_switch_input_hairpin"), before + 1);
}

static void vlans_know_stations_of_their_own(void **) {
	config("s = { ports = { a = { access = 10 }, b = { access = 10 }, c = { access = 20 }, d = "
	       "{ access = 20 }, "
	       "e = { trunk = { 10, 20 } } } }");
	learn("a", 0x0200000000aa, "");
	learn("d", 0x0200000000aa, "");
	frame_send("e", 0x0200000000aa, 0x0200000000ee, "8100.000a");
	expect("a", 0x0200000000aa, 0x0200000000ee, "");
	frame_send("e", 0x0200000000aa, 0x0200000000ee, "8100.0014");
	expect("d", 0x0200000000aa, 0x0200000000ee, "");
	packet_expect_none();
}

static void switches_share_nothing(void **) {
	config("s = { ports = { a = {}, b = {} } }, t = { ports = { c = {}, d = {} } }");
	learn("a", 0x0200000000aa, "");
	frame_send("c", 0x0200000000aa, 0x0200000000cc, "");
	expect("d", 0x0200000000aa, 0x0200000000cc, "");
	packet_expect_none();
}

static void statics_are_pinned(void **) {
	uint64_t before = packet_drops("drop_switch_input_pinned");

	config("s = { ports = { a = {}, b = {}, c = { trunk = { 1, 2 } } }, static = {"
	       " ['02:00:00:00:00:aa'] = { port = 'a', vlan = 1 },"
	       " ['02:00:00:00:00:cc'] = { { port = 'c', vlan = 1 }, { port = 'c', vlan = 2 } } } "
	       "}");
	assert_int_equal(stations("type", "static"), 3);
	frame_send("b", 0x0200000000aa, 0x0200000000bb, "");
	expect("a", 0x0200000000aa, 0x0200000000bb, "");
	frame_send("b", 0x0200000000cc, 0x0200000000bb, "");
	expect("c", 0x0200000000cc, 0x0200000000bb, "8100.0001");
	frame_send("b", ALL, 0x0200000000aa, ""); // somebody pretends
	packet_expect_none();
	assert_int_equal(packet_drops("drop_switch_input_pinned"), before + 1);
	packet_advance(1000 * NSEC_PER_SEC);
	assert_int_equal(stations("type", "static"), 3);
	reconfig(plain);
	assert_int_equal(stations("type", "static"), 0);
}

static unsigned moves_told, holds_told;

static void event_sink(const char *name, const json_t *data, void *) {
	if (strcmp(name, "switch.mac-move") != 0)
		return;
	moves_told++;
	holds_told += json_is_true(json_object_get(data, "held"));
}

static void moves_are_damped(void **) {
	config("s = { move_limit = 3, move_window = '10s', move_hold = '30s', ports = { a = {}, b "
	       "= {}, c = {} } }");
	moves_told = holds_told = 0;
	event_set_sink(event_sink, NULL);
	for (unsigned i = 0; i < 10; i++) {
		learn(i % 2 ? "b" : "a", 0x0200000000aa, "");
		packet_advance(100 * MS); // past the time in which a worker says nothing twice
	}
	assert_int_equal(moves_told, 4);
	assert_int_equal(holds_told, 1);
	assert_int_equal(stations("port", "b"), 1);
	packet_advance(31 * NSEC_PER_SEC);
	learn("a", 0x0200000000aa, "");
	assert_int_equal(stations("port", "a"), 1);
	event_set_sink(NULL, NULL);
}

static void limits_are_exact(void **) {
	config("s = { mac_limit = 20, ports = { a = { mac_limit = 4 }, b = {}, c = {} } }");
	for (unsigned i = 0; i < 10; i++)
		learn("a", 0x020000000100 + i, "");
	assert_int_equal(stations("port", "a"), 4);
	for (unsigned i = 0; i < 50; i++)
		learn("b", 0x020000000200 + i, "");
	assert_int_equal(stations(NULL, NULL), 20);
	assert_int_equal(stations("port", "a"), 4);
	assert_int_equal(stations("port", "b"), 16);
	assert_int_equal(counter("switches", "switch", "s", "refused_port"), 6);
}

static void a_mac_flood_spares_the_others(void **) {
	uint8_t buf[128];

	config("s = { mac_limit = 64, ports = { a = {}, b = {}, c = {} } }");
	for (unsigned i = 0; i < 10; i++) {
		learn("a", 0x020000000100 + i, "");
		learn("b", 0x020000000200 + i, "");
	}
	for (unsigned i = 0; i < 20000; i++) {
		packet_send("c", buf, frame(buf, 0x020000000100, 0x020000100000 + i, ""));
		if (i % 100 == 99)
			packet_advance(MS);
		drain();
	}
	assert_int_equal(stations(NULL, NULL), 64);
	for (unsigned i = 0; i < 10; i++) {
		frame_send("b", 0x020000000100 + i, 0x020000000200 + i, "");
		expect("a", 0x020000000100 + i, 0x020000000200 + i, "");
		packet_expect_none();
	}
}

// More new stations at once than control takes: counted, and learnt when they send again.
static void a_burst_of_stations_is_learnt_in_time(void **) {
	uint8_t buf[128];

	config(plain);
	for (unsigned round = 0; round < 8; round++) {
		for (unsigned i = 0; i < 3000; i++) {
			packet_send("a", buf, frame(buf, 0x020000000009, 0x020000100000 + i, ""));
			if (i % 100 == 99)
				packet_step();
			drain();
		}
		packet_advance(100 * MS);
	}
	assert_true(counter("switchports", "port", "a", "learn_dropped") > 0);
	assert_int_equal(stations("port", "a"), 3000);
}

static json_int_t flush(const char *json) {
	const struct module_action *action = module_action_find("flush", "fdb");
	json_t *args = json_loads(json, 0, NULL), *result = NULL;
	struct err err = {0};
	json_int_t n;

	assert_non_null(action);
	assert_int_equal(action->run(args, &result, &err), 0);
	n = json_integer_value(json_object_get(result, "flushed"));
	json_decref(args);
	json_decref(result);
	return n;
}

static void flushes_what_is_asked(void **) {
	config("s = { ports = { a = {}, b = { trunk = { 1, 2 } } } }, t = { ports = { c = {} } }");
	for (unsigned i = 0; i < 4; i++) {
		learn("a", 0x020000000100 + i, "");
		learn("b", 0x020000000200 + i, "8100.0001");
		learn("b", 0x020000000200 + i, "8100.0002");
		learn("c", 0x020000000300 + i, "");
	}
	assert_int_equal(flush("{\"mac\":\"02:00:00:00:02:00\"}"), 2);
	assert_int_equal(flush("{\"vlan\":2}"), 3);
	assert_int_equal(flush("{\"port\":\"b\"}"), 3);
	assert_int_equal(flush("{\"switch\":\"s\"}"), 4);
	assert_int_equal(flush("{}"), 4);
}

// ---- flooding ---------------------------------------------------------------------------------------------------

static void isolated_ports_do_not_talk(void **) {
	uint64_t before = packet_drops("drop_switch_input_isolated");

	config("s = { ports = { a = { isolated = true }, b = { isolated = true }, c = {} } }");
	frame_send("a", ALL, 0x0200000000aa, "");
	expect("c", ALL, 0x0200000000aa, "");
	frame_send("c", ALL, 0x0200000000cc, "");
	expect("a", ALL, 0x0200000000cc, "");
	expect("b", ALL, 0x0200000000cc, "");
	packet_advance(MS);
	frame_send("b", 0x0200000000aa, 0x0200000000bb, "");
	packet_expect_none();
	assert_int_equal(packet_drops("drop_switch_input_isolated"), before + 1);
	frame_send("b", 0x0200000000cc, 0x0200000000bb, "");
	expect("c", 0x0200000000cc, 0x0200000000bb, "");
	packet_expect_none();
}

static void reserved_addresses_stay(void **) {
	uint64_t before = packet_drops("drop_switch_input_reserved");

	config(plain);
	for (unsigned i = 0; i < 16; i++)
		frame_send("a", 0x0180c2000000 + i, 0x0200000000aa, "");
	packet_expect_none();
	assert_int_equal(packet_drops("drop_switch_input_reserved"), before + 16);
	frame_send("a", 0x0180c2000010, 0x0200000000aa, "");
	frame_send("a", 0x0180c2010000, 0x0200000000aa, "");
	assert_int_equal(packet_count("b"), 2);
	drain();
}

static void jumbo_chains_are_flooded_whole(void **) {
	static uint8_t big[9014], wire[9018];

	config("s = { ports = { a = {}, b = {}, c = { trunk = { 1 } } } }");
	frame(big, ALL, 0x0200000000aa, "");
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
	config("s = { ports = { a = { access = 5 }, b = { access = 5 }, c = { trunk = { 5 } }, d = "
	       "{ trunk = { 5 } },"
	       " e = { access = 5 }, f = { trunk = { 6 }, native = 5 }, g = { access = 5 }, h = { "
	       "trunk = { 5 } } } }");
	for (unsigned i = 0; i < 300; i++) {
		frame_send("d", ALL, 0x0200000000dd, "8100.a005");
		expect("a", ALL, 0x0200000000dd, "");
		expect("b", ALL, 0x0200000000dd, "");
		expect("c", ALL, 0x0200000000dd, "8100.a005");
		expect("e", ALL, 0x0200000000dd, "");
		expect("f", ALL, 0x0200000000dd, "");
		expect("g", ALL, 0x0200000000dd, "");
		expect("h", ALL, 0x0200000000dd, "8100.a005");
		packet_expect_none();
	}
}

static void storms_are_held_to_their_rate(void **) {
	uint64_t before = packet_drops("drop_switch_input_storm_broadcast");
	unsigned passed = 0;
	uint8_t buf[128];

	config("s = { ports = { a = { storm = { broadcast = '1000/s', unknown = '0/s' } }, b = {} "
	       "} }");
	for (unsigned i = 0; i < 20000; i++) { // two seconds, ten times the rate
		frame_send("a", ALL, 0x0200000000aa, "");
		packet_advance(100000);
		while (packet_recv("b", buf) >= 0)
			passed++;
	}
	assert_in_range(passed, 2019, 2021); // and one burst of 20
	assert_int_equal(
		packet_drops("drop_switch_input_storm_broadcast"), before + 20000 - passed);
	frame_send("a", 0x0200000000bb, 0x0200000000aa, ""); // unknown: none at all
	packet_expect_none();
	for (unsigned i = 0; i < 100; i++) // multicast: no limit
		frame_send("a", 0x01005e000001, 0x0200000000aa, "");
	assert_int_equal(packet_count("b"), 100);
	drain();
	for (unsigned i = 0; i < 100; i++) // nor on the other port
		frame_send("b", ALL, 0x0200000000bb, "");
	assert_int_equal(packet_count("a"), 100);
	drain();
}

// What the old rate owes is not waited for at the new one.
static void a_new_storm_limit_counts_at_once(void **) {
	config("s = { ports = { a = { storm = { broadcast = '1/s' } }, b = {} } }");
	for (unsigned i = 0; i < 50; i++)
		frame_send("a", ALL, 0x0200000000aa, "");
	assert_int_equal(packet_count("b"), 16); // its burst: sixteen seconds ahead
	drain();
	reconfig("s = { ports = { a = { storm = { broadcast = '1000/s' } }, b = {} } }");
	frame_send("a", ALL, 0x0200000000aa, "");
	expect("b", ALL, 0x0200000000aa, "");
	drain();
}

// ---- mirrors ----------------------------------------------------------------------------------------------------

static void mirrors_copy_what_is_asked(void **) {
	config("s = { ports = { a = { access = 10 }, b = { trunk = { 10 } }, c = { access = 10 } "
	       "}, mirror = {"
	       " x = { from = { 'a' }, direction = 'rx', to = 'f' },"
	       " y = { from = { 'b' }, direction = 'tx', to = 'g' },"
	       " z = { from = { 'a', 'b' }, direction = 'both', to = 'h', vlan = 900 } } }");
	frame_send("a", ALL, 0x0200000000aa, "");
	expect("b", ALL, 0x0200000000aa, "8100.000a");
	expect("c", ALL, 0x0200000000aa, "");
	expect("f", ALL, 0x0200000000aa, "");          // as it came in
	expect("g", ALL, 0x0200000000aa, "8100.000a"); // as it went out
	expect("h", ALL, 0x0200000000aa, "8100.0384");
	expect("h", ALL, 0x0200000000aa, "8100.0384,8100.000a");
	packet_expect_none();
	frame_send("b", ALL, 0x0200000000bb, "8100.000a");
	expect("a", ALL, 0x0200000000bb, "");
	expect("c", ALL, 0x0200000000bb, "");
	expect("h", ALL, 0x0200000000bb, "8100.0384,8100.000a");
	expect("h", ALL, 0x0200000000bb, "8100.0384");
	packet_expect_none();
	frame_send("c", ALL, 0x0200000000cc, "");
	drain();
	reconfig("s = { ports = { a = { access = 10 }, b = { trunk = { 10 } } } }");
	frame_send("a", ALL, 0x0200000000aa, "");
	expect("b", ALL, 0x0200000000aa, "8100.000a");
	packet_expect_none(); // no mirror is left behind
}

// A frame that the switch drops is on the wire all the same.
static void a_mirror_sees_what_is_dropped(void **) {
	config("s = { ports = { a = {}, b = {} }, mirror = { m = { from = { 'a' }, direction = "
	       "'rx', to = 'f' } } }");
	frame_send("a", 0x0180c2000000, 0x0200000000aa, "");
	expect("f", 0x0180c2000000, 0x0200000000aa, "");
	packet_expect_none();
}

// ---- routed interfaces ------------------------------------------------------------------------------------------

static void the_router_gets_its_frames(void **) {
	const struct mac mac = {{2, 0, 0, 0, 0, 0x99}};
	uint64_t before = packet_drops("drop_arc_end_nobody"); // no function ends l3-in here
	struct err err = {0};
	int iface = dp_iface_new("s.10", &err);

	assert_true(iface > 0);
	config("s = { ports = { a = { access = 10 }, b = { trunk = { 10, 20 } } } }");
	assert_int_equal(sw_routed_attach("s", 10, (unsigned)iface, &mac, &err), 0);
	assert_true(sw_routed_attach("s", 10, (unsigned)iface, &mac, &err) < 0);
	assert_true(sw_routed_attach("t", 10, (unsigned)iface, &mac, &err) < 0);
	frame_send("a", 0x020000000099, 0x0200000000aa, "");
	frame_send("b", 0x020000000099, 0x0200000000bb, "8100.000a");
	packet_expect_none();
	assert_int_equal(packet_drops("drop_arc_end_nobody"), before + 2);
	frame_send("b", 0x020000000099, 0x0200000000bb, "8100.0014"); // another VLAN: nobody's
	frame_send("a", ALL, 0x0200000000aa, "");                     // the router and the others
	expect("b", ALL, 0x0200000000aa, "8100.000a");
	assert_int_equal(packet_drops("drop_arc_end_nobody"), before + 3);
	packet_expect_none();
	assert_int_equal(stations("type", "self"), 1);
	reconfig("s = { ports = { a = { access = 10 }, b = { access = 10 } } }"); // it stays
	frame_send("a", 0x020000000099, 0x0200000000aa, "");
	assert_int_equal(packet_drops("drop_arc_end_nobody"), before + 4);
	sw_routed_detach("s", 10);
	frame_send("a", 0x020000000099, 0x0200000000aa, "");
	expect("b", 0x020000000099, 0x0200000000aa, "");
	packet_expect_none();
	dp_iface_free((unsigned)iface);
}

// ---- links ------------------------------------------------------------------------------------------------------

static void a_lost_link_takes_its_stations(void **) {
	uint64_t before = packet_drops("drop_switch_input_port_down");
	int port;

	config("s = { ports = { a = {}, b = {}, c = {} }, static = {"
	       " ['02:00:00:00:00:a0'] = { port = 'a', vlan = 1 } } }");
	port = dp_port_find("a");
	learn("a", 0x0200000000aa, "");
	learn("b", 0x0200000000bb, "");
	assert_int_equal(rte_eth_dev_set_link_down((uint16_t)port), 0);
	packet_advance(2 * NSEC_PER_SEC);
	assert_int_equal(stations("mac", "02:00:00:00:00:aa"), 0);
	assert_int_equal(stations("mac", "02:00:00:00:00:bb"), 1);
	frame_send("b", ALL, 0x0200000000bb, ""); // to no dead port
	expect("c", ALL, 0x0200000000bb, "");
	packet_expect_none();
	frame_send("b", 0x0200000000a0, 0x0200000000bb, "");
	packet_expect_none();
	assert_int_equal(packet_drops("drop_switch_input_port_down"), before + 1);
	assert_int_equal(rte_eth_dev_set_link_up((uint16_t)port), 0);
	packet_advance(2 * NSEC_PER_SEC);
	frame_send("b", 0x0200000000a0, 0x0200000000bb, "");
	expect("a", 0x0200000000a0, 0x0200000000bb, "");
	packet_expect_none();
}

// ---- transactions -------------------------------------------------------------------------------------------------

static void stations_survive_what_does_not_touch_them(void **) {
	config("s = { ports = { a = { trunk = { 1, 2 } }, b = {}, c = {} } }");
	learn("a", 0x0200000000a1, "8100.0001");
	learn("a", 0x0200000000a2, "8100.0002");
	learn("b", 0x0200000000bb, "");
	learn("c", 0x0200000000cc, "");
	reconfig("s = { ageing = '10m', ports = { a = { trunk = { 1, 3 } }, b = { isolated = true "
		 "}, "
		 "d = {} } }");
	assert_int_equal(stations("mac", "02:00:00:00:00:a1"), 1);
	assert_int_equal(stations("mac", "02:00:00:00:00:a2"), 0); // the port left VLAN 2
	assert_int_equal(stations("mac", "02:00:00:00:00:bb"), 1);
	assert_int_equal(stations("mac", "02:00:00:00:00:cc"), 0); // the port left the switch
	reconfig("t = { ports = { a = { trunk = { 1, 3 } } } }");
	assert_int_equal(stations(NULL, NULL), 0);
}

static void a_refused_change_changes_nothing(void **) {
	char text[1024];

	config(plain);
	learn("a", 0x0200000000aa, "");
	snprintf(text, sizeof(text),
		"%s return { ports = p, switches = { s = { ports = { a = {}, b = { access = 7 }, c "
		"= {} } }, "
		"t = { ports = { a = {} } } } }",
		ports_lua);
	assert_non_null(strstr(packet_config_refused(text), "switches.t.ports.a"));
	frame_send("b", 0x0200000000aa, 0x0200000000bb, "");
	expect("a", 0x0200000000aa, 0x0200000000bb, "");
	packet_expect_none();
}

static void a_port_that_left_is_nobodys(void **) {
	uint64_t before = packet_drops("drop_eth_input_unused");

	config(plain);
	reconfig("s = { ports = { b = {}, c = {} } }");
	frame_send("a", ALL, 0x0200000000aa, "");
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
		cmocka_unit_test(tags_when_flooded),
		cmocka_unit_test(tags_of_known_stations),
		cmocka_unit_test(service_type_is_configurable),
		cmocka_unit_test(service_type_may_be_the_common_one),
		cmocka_unit_test(a_tag_cut_short_is_dropped),
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
		cmocka_unit_test(isolated_ports_do_not_talk),
		cmocka_unit_test(reserved_addresses_stay),
		cmocka_unit_test(jumbo_chains_are_flooded_whole),
		cmocka_unit_test(copies_are_independent),
		cmocka_unit_test(storms_are_held_to_their_rate),
		cmocka_unit_test(a_new_storm_limit_counts_at_once),
		cmocka_unit_test(mirrors_copy_what_is_asked),
		cmocka_unit_test(a_mirror_sees_what_is_dropped),
		cmocka_unit_test(the_router_gets_its_frames),
		cmocka_unit_test(a_lost_link_takes_its_stations),
		cmocka_unit_test(stations_survive_what_does_not_touch_them),
		cmocka_unit_test(a_refused_change_changes_nothing),
		cmocka_unit_test(a_port_that_left_is_nobodys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
