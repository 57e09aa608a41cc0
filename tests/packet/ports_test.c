// SPDX-License-Identifier: BSD-3-Clause
// The life of ports in transactions, on rings: added, changed while they run, replaced, swapped, and brought back when
// a transaction fails.
#include "dataplane/dataplane.h"
#include "dataplane/port.h" // lint: allow priv: it looks at the ports as the workers see them
#include "lib/clock.h"
#include "tests/packet/harness.h"
#include <rte_dev.h>
#include <rte_ring.h>
#include <stdio.h>
#include <string.h>

// A NIC that is not there: opening it fails, after everything before it in the section was opened.
#define BROKEN "\"z\": {\"device\": \"0000:ff:1f.7\"}"

static unsigned last_port, link_calls;
static bool last_up;

static void on_link(unsigned port, bool up) {
	last_port = port;
	last_up = up;
	link_calls++;
}

static struct dp_port_info info(const char *name) {
	struct dp_port_info found = {0};
	int index = dp_port_find(name);

	assert_in_range(index, 0, DP_MAX_PORTS - 1);
	assert_int_equal(dp_port_info(index, &found), 0);
	assert_string_equal(found.name, name);
	assert_ptr_equal(dp_ports[index]->name, found.name);
	return found;
}

static unsigned rows(void) {
	json_t *shown = packet_show("ports");
	unsigned n = json_array_size(shown);

	json_decref(shown);
	return n;
}

static bool ring_exists(const char *name) {
	return rte_ring_lookup(name) != NULL;
}

// A frame that comes in by the port reaches eth_input: nobody uses the port, so it is a named drop.
static void receives(const char *port) {
	static const uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	uint64_t before = packet_drops("drop_eth_input_unused");

	packet_send(port, frame, sizeof(frame));
	packet_step();
	assert_int_equal(packet_drops("drop_eth_input_unused"), before + 1);
}

static void test_come_and_go(void **) {
	packet_config(
		"{\"ports\": {\"a\": {\"device\": \"ring:a\"}, \"b\": {\"device\": \"ring:b\"}}}");
	assert_int_equal(info("a").mtu, 1500);
	assert_true(info("b").link_up);
	assert_int_equal(rows(), 2);
	receives("a");
	packet_config("{\"ports\": {\"b\": {\"device\": \"ring:b\"}}}");
	assert_int_equal(dp_port_find("a"), -ENOENT);
	assert_false(ring_exists("ring.a.rx"));
	assert_int_equal(rows(), 1);
	receives("b");
	packet_config("{}");
	assert_int_equal(dp_ports_up, 0);
}

static void test_live(void **) {
	packet_config("{\"ports\": {\"a\": {\"device\": \"ring:a\"}}}");
	unsigned index = info("a").index;
	struct rte_ring *ring = rte_ring_lookup("ring.a.rx");
	packet_config("{\"ports\": {\"a\": {\"device\": \"ring:a\", \"mtu\": 9216}}}");
	assert_int_equal(info("a").mtu, 9216);
	assert_int_equal(info("a").index, index);
	assert_ptr_equal(rte_ring_lookup("ring.a.rx"), ring); // the same device, not a new one
	packet_config_refused(
		"{\"ports\": {\"a\": {\"device\": \"ring:a\", \"mtu\": 1500}, " BROKEN "}}");
	assert_int_equal(info("a").mtu, 9216);
}

static void test_disabled(void **) {
	packet_config("{\"ports\": {\"a\": {\"device\": \"ring:a\"}}}");
	packet_advance(NSEC_PER_SEC);
	assert_true(last_up);
	packet_config("{\"ports\": {\"a\": {\"device\": \"ring:a\", \"enabled\": false}}}");
	packet_advance(NSEC_PER_SEC);
	assert_int_equal(last_port, info("a").index);
	assert_false(last_up);
	assert_int_equal(dp_ports_up, 0);
	packet_config("{\"ports\": {\"a\": {\"device\": \"ring:a\"}}}");
	packet_advance(NSEC_PER_SEC);
	assert_true(last_up);
	receives("a");
	unsigned calls = link_calls;
	packet_advance(NSEC_PER_SEC);
	assert_int_equal(link_calls, calls); // called for changes only
}

// Another identity on the same device: the old port has to go before the new one comes.
static void test_replace(void **) {
	packet_config("{\"ports\": {\"a\": {\"device\": \"ring:a\"}}}");
	packet_config("{\"ports\": {\"a\": {\"device\": \"ring:a\", \"rx_ring\": 128}}}");
	assert_int_equal(rows(), 1);
	receives("a");
}

static void test_swap(void **) {
	packet_config(
		"{\"ports\": {\"a\": {\"device\": \"ring:x\"}, \"b\": {\"device\": \"ring:y\"}}}");
	packet_config(
		"{\"ports\": {\"a\": {\"device\": \"ring:y\"}, \"b\": {\"device\": \"ring:x\"}}}");
	assert_int_equal(rows(), 2);
	assert_true(info("a").link_up && info("b").link_up);
}

// What had to be closed for a transaction that then fails comes back as it was: index, mode and link.
static void test_back_again(void **) {
	packet_config("{\"ports\": {\"gap\": {\"device\": \"ring:gap\"}, \"a\": {\"device\": "
		      "\"ring:a\"}, "
		      "\"b\": {\"device\": \"ring:b\", \"mtu\": 4000}}}");
	packet_config("{\"ports\": {\"a\": {\"device\": \"ring:a\"}, "
		      "\"b\": {\"device\": \"ring:b\", \"mtu\": 4000}}}");
	unsigned a = info("a").index, b = info("b").index;
	dp_port_mode_set(b, DP_PORT_L3);
	packet_advance(NSEC_PER_SEC);
	packet_config_refused("{\"ports\": {\"a\": {\"device\": \"ring:a\", \"rx_ring\": 128}, "
			      "\"b\": {\"device\": \"ring:b\", \"rx_ring\": 256}, " BROKEN "}}");
	assert_int_equal(info("a").index, a);
	assert_int_equal(info("b").index, b);
	assert_int_equal(info("b").mtu, 4000);
	assert_int_equal(dp_ports[b]->mode, DP_PORT_L3);
	assert_true(info("a").link_up && info("b").link_up);
	assert_int_equal(rows(), 2);
	receives("a");
	packet_config("{\"ports\": {\"a\": {\"device\": \"ring:a\", \"rx_ring\": 128}}}");
	receives("a");
}

static void test_limit(void **) {
	char text[4096] = "{\"ports\": {";
	unsigned n;

	packet_config("{}");
	for (n = 0; n < 3; n++) { // what others took
		char name[16];
		snprintf(name, sizeof(name), "net_null%u", 900 + n);
		assert_int_equal(rte_eal_hotplug_add("vdev", name, ""), 0);
	}
	for (n = 0; n < 30; n++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			"%s\"p%u\": {\"device\": \"ring:p%u\"}", n ? ", " : "", n, n);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "}}");
	assert_non_null(strstr(packet_config_refused(text), "32 is the limit"));
	assert_int_equal(rows(), 0);
	for (n = 0; n < 3; n++) {
		char name[16];
		snprintf(name, sizeof(name), "net_null%u", 900 + n);
		assert_int_equal(rte_eal_hotplug_remove("vdev", name), 0);
	}
	packet_config(text);
	assert_int_equal(rows(), 30);
	packet_config("{}");
}

static void refused(const char *text, const char *message) {
	const char *got = packet_config_refused(text);

	if (!strstr(got, message))
		fail_msg("%s\n  says: %s\n  not:  %s", text, got, message);
}

static void test_refused(void **) {
	refused("{\"ports\": {\"a\": {}}}", "ports.a: what is it?");
	refused("{\"ports\": {\"a\": {\"device\": \"ring:a\", \"vhost_user\": true}}}",
		"ports.a: device, vhost_user and bond exclude each other");
	refused("{\"ports\": {\"a\": {\"device\": \"ring:x\"}, \"b\": {\"device\": \"ring:x\"}}}",
		"ports.b: ring:x is in use by port a");
	refused("{\"ports\": {\"a\": {\"device\": \"ring:a\", \"mtu\": 67}}}", "68..9216");
	refused("{\"ports\": {\"a\": {\"device\": \"ring:a\", \"mtu\": 9217}}}", "68..9216");
	refused("{\"ports\": {\"a\": {\"device\": \"ring:a\", \"driver\": \"af_packet\"}}}",
		"driver af_packet is for kernel interfaces");
	refused("{\"ports\": {\"a\": {\"device\": \"ring:a\", \"driver\": \"pci\"}}}",
		"PCI address");
	refused("{\"ports\": {\"a\": {\"device\": \"ff:1f.7\"}}}",
		"ports.a: there is no PCI device 0000:ff:1f.7; `lspci -D` lists them");
	static const char *const no_address[] = {"0000:00:01.8", "0000:00:20.0", "0000:00:01",
		"00000:00:01.0", "0000:00:01.0 ", " 00:01.0", "x:00:01.0"};
	for (unsigned i = 0; i < RTE_DIM(no_address); i++) {
		char text[96];
		snprintf(text, sizeof(text), "{\"ports\": {\"a\": {\"device\": \"%s\"}}}",
			no_address[i]);
		refused(text, "PCI address (0000:03:00.0)");
	}
	refused("{\"ports\": {\"a\": {\"device\": \"ring:a\", \"keep\": [\"10.0.0.1\"]}}}",
		"keep is for kernel interfaces");
	refused("{\"ports\": {\"a\": {\"device\": \"ring:a\", \"socket\": \"/x\"}}}",
		"vhost_user = true");
	refused("{\"ports\": {\"a\": {\"device\": \"ring:a-name-that-is-too-long\"}}}",
		"1..14 characters");
	refused("{\"ports\": {\"a\": {\"device\": \"null:a,size=9\"}}}", "size must be 14..1500");
	refused("{\"ports\": {\"a\": {\"device\": \"tap:a/b\"}}}", "name of a TAP");
	refused("{\"ports\": {\"a\": {\"device\": \"no such thing\"}}}", "is no network interface");
	refused("{\"ports\": {\"a\": {\"bond\": {\"members\": [\"ring:a\", \"b\"], \"primary\": "
		"\"c\"}}}}",
		"bond.primary: c is none of the members");
	refused("{\"ports\": {" BROKEN "}}", "ports.z");
	assert_int_equal(rows(), 0);
}

static int setup(void **) {
	if (packet_setup(NULL) < 0)
		return -1;
	dp_port_on_link(on_link);
	return 0;
}

static int teardown(void **) {
	return packet_teardown();
}

static int clear(void **) {
	packet_config("{}");
	return 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_come_and_go, clear),
		cmocka_unit_test_teardown(test_live, clear),
		cmocka_unit_test_teardown(test_disabled, clear),
		cmocka_unit_test_teardown(test_replace, clear),
		cmocka_unit_test_teardown(test_swap, clear),
		cmocka_unit_test_teardown(test_back_again, clear),
		cmocka_unit_test_teardown(test_limit, clear),
		cmocka_unit_test_teardown(test_refused, clear),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
