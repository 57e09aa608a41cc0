// SPDX-License-Identifier: BSD-3-Clause
// Bonds over rings: who carries, what is received, fail-over, LACP between two bonds back to back.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "tests/packet/harness.h"
#include <rte_ethdev.h>
#include <stdio.h>
#include <string.h>

#define FLOWS 200
#define MS    NSEC_PER_MSEC

#define RING(name) "\"" name "\": {\"device\": \"ring:" name "\"}"
#define PORTS      RING("a") ", " RING("x0") ", " RING("x1")
#define BOND(name, mode, more)                                                                   \
	"\"" name "\": {\"bond\": {\"mode\": \"" mode "\", \"members\": [\"" name "0\", \"" name \
	"1\"]" more "}}"

static void config(const char *ports) {
	char text[1024];

	snprintf(text, sizeof(text), "{\"ports\": {%s}}", ports);
	packet_config("{}");
	packet_config(text);
	packet_cross("a", "x");
	packet_advance(50 * MS);
}

static void link_set(const char *member, bool up) {
	char name[64];
	uint16_t index;

	snprintf(name, sizeof(name), "net_ring_%s", member);
	assert_int_equal(rte_eth_dev_get_port_by_name(name, &index), 0);
	assert_int_equal(up ? rte_eth_dev_set_link_up(index) : rte_eth_dev_set_link_down(index), 0);
	packet_advance(50 * MS);
}

// UDP from a port of the flow's own, so that l34 tells them apart.
static size_t flow(uint8_t *bytes, unsigned nr) {
	static const char text[] =
		"020000000001 020000000002 0800 "
		"45000020 00000000 40110000 0a000001 0a000002 0000 1092 000c 0000 "
		"00000000 00000000 00000000 0000 00000000";
	size_t len = packet_hex(text, bytes, 128);

	bytes[34] = nr >> 8;
	bytes[35] = (uint8_t)nr;
	return len;
}

static void send_flows(const char *port) {
	uint8_t bytes[128];

	for (unsigned i = 0; i < FLOWS; i++)
		packet_send(port, bytes, flow(bytes, i));
	packet_step();
}

static unsigned drain(const char *port) {
	uint8_t bytes[PACKET_FRAME_MAX];
	unsigned n = 0;

	while (packet_recv(port, bytes) >= 0)
		n++;
	return n;
}

// Frames but those of LACP, whose time may come at any step.
static unsigned drain_flows(const char *port) {
	uint8_t bytes[PACKET_FRAME_MAX];
	unsigned n = 0;

	while (packet_recv(port, bytes) >= 0)
		n += bytes[12] != 0x88 || bytes[13] != 0x09;
	return n;
}

static const char *peers(char *buf, size_t size, const char *port) {
	json_t *rows = packet_show("ports"), *row;
	size_t i;

	*buf = '\0';
	json_array_foreach (rows, i, row) {
		if (strcmp(jx_str(row, "name", ""), port) == 0)
			snprintf(buf, size, "%s", jx_str(row, "peer", ""));
	}
	json_decref(rows);
	return buf;
}

static void test_active_backup(void **) {
	char text[64];

	config(PORTS ", " BOND("x", "active-backup", ""));
	assert_string_equal(peers(text, sizeof(text), "x"), "x0");
	send_flows("a");
	assert_int_equal(drain("x0"), FLOWS);
	assert_int_equal(drain("x1"), 0);
	send_flows("x0");
	assert_int_equal(drain("a"), FLOWS);
	send_flows("x1"); // the backup's would be doubles
	assert_int_equal(drain("a"), 0);

	link_set("x0", false);
	assert_string_equal(peers(text, sizeof(text), "x"), "x1");
	send_flows("a");
	assert_int_equal(drain("x1"), FLOWS);
	send_flows("x1");
	assert_int_equal(drain("a"), FLOWS);

	link_set("x0", true); // no primary: it stays where it is
	assert_string_equal(peers(text, sizeof(text), "x"), "x1");
	link_set("x0", false);
	link_set("x1", false);
	assert_string_equal(peers(text, sizeof(text), "x"), "no member works");
	assert_false(dp_ports_up >> dp_port_find("x") & 1);
	send_flows("a");
	assert_int_equal(drain("x0") + drain("x1"), 0);
	packet_config("{}");
}

static void test_primary(void **) {
	char text[64];

	config(PORTS ", " BOND("x", "active-backup", ", \"primary\": \"x1\""));
	assert_string_equal(peers(text, sizeof(text), "x"), "x1");
	link_set("x1", false);
	assert_string_equal(peers(text, sizeof(text), "x"), "x0");
	link_set("x1", true);
	assert_string_equal(peers(text, sizeof(text), "x"), "x1");
	packet_config("{}");
}

static void test_xor(void **) {
	config(PORTS ", " BOND("x", "balance-xor", ""));
	send_flows("a");
	unsigned n0 = drain("x0"), n1 = drain("x1");
	assert_int_equal(n0 + n1, FLOWS);
	assert_in_range(n0, FLOWS / 4, FLOWS * 3 / 4);
	send_flows("a"); // a flow stays where it was
	assert_int_equal(drain("x0"), n0);
	assert_int_equal(drain("x1"), n1);
	send_flows("x0");
	send_flows("x1");
	assert_int_equal(drain("a"), 2 * FLOWS);
	link_set("x0", false);
	send_flows("a");
	assert_int_equal(drain("x0"), 0);
	assert_int_equal(drain("x1"), FLOWS);

	config(PORTS ", " BOND(
		"x", "balance-xor", ", \"hash\": \"l23\"")); // all have the same addresses
	send_flows("a");
	n0 = drain("x0"), n1 = drain("x1");
	assert_int_equal(n0 * n1, 0);
	assert_int_equal(n0 + n1, FLOWS);
	packet_config("{}");
}

static void cable(const char *from, const char *to) {
	uint8_t bytes[PACKET_FRAME_MAX];
	int len;

	while ((len = packet_recv(from, bytes)) >= 0)
		packet_send(to, bytes, len);
}

// Runs for so long; `cut`: the cable between x1 and y1 loses all.
static void run(uint64_t ns, bool cut) {
	for (uint64_t end = clock_now_ns() + ns; clock_now_ns() < end;) {
		packet_advance(20 * MS);
		packet_step();
		cable("x0", "y0");
		cable("y0", "x0");
		if (cut) {
			drain("x1");
			drain("y1");
		} else {
			cable("x1", "y1");
			cable("y1", "x1");
		}
	}
}

static void test_lacp(void **) {
	char text[64];

	config(PORTS ", " RING("y0") ", " RING("y1") ", " BOND(
		"x", "lacp", ", \"fast\": true") ", " BOND("y", "lacp", ", \"fast\": true"));
	assert_string_equal(peers(text, sizeof(text), "x"), "no member works");
	send_flows("a"); // nobody has agreed to anything yet
	run(5000 * MS, false);
	assert_string_equal(peers(text, sizeof(text), "x"), "x0 x1");
	assert_string_equal(peers(text, sizeof(text), "y"), "y0 y1");
	assert_true(dp_ports_up >> dp_port_find("x") & 1);
	assert_int_equal(drain("a"), 0); // no LACPDU gets in

	run(5000 * MS, true); // silence, with the link up
	assert_string_equal(peers(text, sizeof(text), "x"), "x0");
	assert_string_equal(peers(text, sizeof(text), "y"), "y0");
	run(6000 * MS, false);
	assert_string_equal(peers(text, sizeof(text), "x"), "x0 x1");

	link_set("x0", false);
	assert_string_equal(peers(text, sizeof(text), "x"), "x1");
	run(200 * MS, false);
	send_flows("a");
	assert_int_equal(drain_flows("x1"), FLOWS);
	packet_config("{}");
}

static void test_refused(void **) {
	assert_non_null(strstr(packet_config_refused("{\"ports\": {\"v\": {\"vhost_user\": true}, "
						     "\"x\": {\"bond\": {\"members\": [\"v\"]}}}}"),
		"cannot be a member"));
	assert_non_null(
		strstr(packet_config_refused("{\"ports\": {" PORTS
					     ", \"x\": {\"bond\": {\"members\": [\"x0\"]}}, \"y\": "
					     "{\"bond\": {\"members\": [\"x0\"]}}}}"),
			"member of"));
	assert_non_null(strstr(packet_config_refused("{\"ports\": {\"x\": {\"bond\": {\"members\": "
						     "[\"nosuchdev\"]}}}}"),
		"nosuchdev"));
}

static int setup(void **) {
	static const struct module *const modules[] = {NULL};

	return packet_setup(modules);
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_active_backup),
		cmocka_unit_test(test_primary),
		cmocka_unit_test(test_xor),
		cmocka_unit_test(test_lacp),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
