// SPDX-License-Identifier: BSD-3-Clause
// eth_input: what is no frame is dropped by name, at every length; a port that nobody uses; the hello function, which
// is loaded as a plugin here just as leatd does.
#include "dataplane/dataplane.h"
#include "tests/packet/harness.h"
#include <stdlib.h>
#include <string.h>

#define TWO_PORTS                                                                                \
	"\"ports\": {\"a\": {\"device\": \"ring:a\"}, \"b\": {\"device\": \"ring:b\", \"mtu\": " \
	"9000}}"

static uint8_t frame[PACKET_FRAME_MAX] = {
	2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45}; // the rest is zero

static void send_one(const char *port, size_t len) {
	packet_send(port, frame, len);
	packet_step();
	packet_expect_none();
}

static void test_every_truncated_length(void **) {
	packet_config("{" TWO_PORTS "}");
	for (size_t len = 0; len <= 60; len++) {
		const char *why = len < 14 ? "drop_eth_input_runt" : "drop_eth_input_unused";
		uint64_t before = packet_drops(why);
		send_one("a", len);
		assert_int_equal(packet_drops(why), before + 1);
	}
}

static void test_split_header(void **) {
	uint64_t before = packet_drops("drop_eth_input_truncated");

	for (size_t seg = 1; seg < 14; seg++) {
		packet_send_chain("a", frame, 64, seg);
		packet_step();
	}
	packet_expect_none();
	assert_int_equal(packet_drops("drop_eth_input_truncated"), before + 13);
}

static int find_port(const char *name) {
	int port = dp_port_find(name);

	assert_true(port >= 0);
	return port;
}

static void test_giants_by_mtu(void **) {
	uint64_t before = packet_drops("drop_eth_input_giant");

	packet_config("{" TWO_PORTS "}");
	dp_port_mode_set(find_port("a"), DP_PORT_L3);
	dp_port_mode_set(find_port("b"), DP_PORT_L3);
	send_one("a", 1500 + 14 + 8);
	send_one("b", 9000 + 14 + 8);
	assert_int_equal(packet_drops("drop_eth_input_giant"), before);
	send_one("a", 1500 + 14 + 9);
	send_one("b", 9000 + 14 + 9);
	assert_int_equal(packet_drops("drop_eth_input_giant"), before + 2);
}

static void test_bad_sources(void **) {
	static const uint8_t sources[][6] = {
		{0}, {1, 2, 3, 4, 5, 6}, {255, 255, 255, 255, 255, 255}};
	uint64_t before = packet_drops("drop_eth_input_source");

	for (size_t i = 0; i < 3; i++) {
		uint8_t bad[60];
		memcpy(bad, frame, sizeof(bad));
		memcpy(bad + 6, sources[i], 6);
		packet_send("a", bad, sizeof(bad));
		packet_step();
		packet_expect_none();
		assert_int_equal(packet_drops("drop_eth_input_source"), before + 1 + i);
	}
}

// However many tags there are, the frame is counted once and the stack of tags is nothing to eth_input.
static void test_absurd_tags(void **) {
	uint8_t tagged[1500 + 22];
	uint64_t before = packet_drops("drop_arc_end_nobody");

	for (size_t i = 12; i < sizeof(tagged); i++)
		tagged[i] = (uint8_t[]){0x81, 0x00, 0x0f, 0xff}[i % 4];
	memcpy(tagged, frame, 12);
	for (size_t len = 14; len <= sizeof(tagged); len += 4)
		packet_send("a", tagged, len);
	packet_step();
	packet_expect_none();
	assert_int_equal(
		packet_drops("drop_arc_end_nobody"), before + (sizeof(tagged) - 14) / 4 + 1);
}

// More frames than a vector, from two ports in turn: every one is counted once, at its own port.
static void test_more_than_a_vector(void **) {
	uint64_t before = packet_drops("drop_arc_end_nobody");

	for (unsigned i = 0; i < 900; i++)
		packet_send(i % 2 ? "a" : "b", frame, 60);
	packet_step();
	assert_int_equal(packet_drops("drop_arc_end_nobody"), before + 900);
}

static json_int_t hello_count(const char *port) {
	json_t *rows = packet_show("hello"), *row;
	json_int_t n = -1;
	size_t i;

	json_array_foreach (rows, i, row) {
		if (strcmp(json_string_value(json_object_get(row, "port")), port) == 0)
			n = json_integer_value(json_object_get(row, "packets"));
	}
	json_decref(rows);
	return n;
}

static void test_hello_counts(void **) {
	packet_config("{" TWO_PORTS ", \"hello\": {\"ports\": [\"a\"]}}");
	send_one("a", 60);
	send_one("b", 60);
	assert_int_equal(hello_count("a"), 1);
	assert_int_equal(hello_count("b"), -1);
	packet_config("return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' } },"
		      " hello = { ports = { 'b' } } }");
	send_one("a", 60);
	send_one("b", 60);
	assert_int_equal(hello_count("b"), 1);
	assert_int_equal(hello_count("a"), -1);
}

static void test_hello_refuses(void **) {
	const char *why = packet_config_refused("{" TWO_PORTS ", \"hello\": {\"ports\": [\"c\"]}}");

	assert_non_null(strstr(why, "hello.ports"));
}

static void test_rows_are_sound(void **) {
	struct err err = {0};

	if (schema_lint(module_sections(), &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
}

static int setup(void **) {
	struct err err = {0};

	if (module_load(getenv("LEAT_HELLO"), &err) < 0) {
		print_error("%s\n", err.msg);
		return -1;
	}
	return packet_setup(NULL);
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_truncated_length),
		cmocka_unit_test(test_split_header),
		cmocka_unit_test(test_giants_by_mtu),
		cmocka_unit_test(test_bad_sources),
		cmocka_unit_test(test_absurd_tags),
		cmocka_unit_test(test_more_than_a_vector),
		cmocka_unit_test(test_hello_counts),
		cmocka_unit_test(test_hello_refuses),
		cmocka_unit_test(test_rows_are_sound),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
