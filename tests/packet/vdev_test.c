// SPDX-License-Identifier: BSD-3-Clause
// vdev ports: virtual devices of whatever driver DPDK has, with that driver's arguments. net_null without its endless
// receiving (no-rx=1: without it no test here would end), and net_pcap, which is fed by a file.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include <errno.h>
#include <pcap/pcap.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FRAMES 5

static char in_path[64];

static size_t frame_make(uint8_t *bytes, unsigned n) {
	memset(bytes, (int)n, 60 + n);
	memcpy(bytes, (uint8_t[]){2, 0, 0, 0, 1, (uint8_t)n, 2, 0, 0, 0, 0, (uint8_t)n, 0x88, 0xb5},
		14);
	return 60 + n;
}

static void file_write(void) {
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 65535);
	pcap_dumper_t *dumper = pcap_dump_open(pcap, in_path);
	uint8_t bytes[PACKET_FRAME_MAX];

	assert_non_null(dumper);
	for (unsigned n = 0; n < FRAMES; n++) {
		struct pcap_pkthdr head = {.caplen = frame_make(bytes, n)};
		head.len = head.caplen;
		pcap_dump((u_char *)dumper, &head, bytes);
	}
	pcap_dump_close(dumper);
	pcap_close(pcap);
}

// A switch of this device and a ring.
static void config(const char *device, const char *more) {
	char text[1024];

	snprintf(text, sizeof(text),
		"return { ports = { v = { device = '%s'%s }, a = { device = 'ring:a' } }, "
		"switches = { s = { ports = { v = {}, a = {} } } } }",
		device, more);
	packet_config(text);
}

static struct rte_eth_stats stats(void) {
	struct rte_eth_stats found = {0};

	assert_int_equal(rte_eth_stats_get((uint16_t)dp_port_find("v"), &found), 0);
	return found;
}

static void sends(unsigned frames) {
	uint8_t bytes[PACKET_FRAME_MAX];
	uint64_t before = stats().opackets;

	for (unsigned n = 0; n < frames; n++)
		packet_send("a", bytes, frame_make(bytes, n));
	packet_step();
	assert_int_equal(stats().opackets, before + frames);
}

static void a_driver_by_name(void **) {
	char name[RTE_ETH_NAME_MAX_LEN];

	config("vdev:net_null50,no-rx=1", "");
	assert_int_equal(rte_eth_dev_get_name_by_port((uint16_t)dp_port_find("v"), name), 0);
	assert_string_equal(name, "net_null50");
	sends(40);
	packet_config("{}");
	assert_int_equal(rte_eth_dev_get_port_by_name("net_null50", &(uint16_t){0}), -ENODEV);
}

static void arguments_that_change(void **) {
	config("vdev:net_null50,no-rx=1", "");
	unsigned index = (unsigned)dp_port_find("v");
	config("vdev:net_null50,no-rx=1", ", mtu = 2000, promiscuous = false");
	assert_int_equal(dp_port_find("v"), index);
	sends(3);
	config("vdev:net_null50,size=100,no-rx=1", "");
	sends(3);
	config("vdev:net_null51,no-rx=1", "");
	sends(3);
	packet_config("{}");
}

static void frames_come_in(void **) {
	uint8_t bytes[PACKET_FRAME_MAX];
	char device[100];

	snprintf(device, sizeof(device), "vdev:net_pcap50,rx_pcap=%s", in_path);
	config(device, "");
	for (unsigned n = 0; n < FRAMES; n++)
		packet_wait_expect("a", bytes, frame_make(bytes, n));
	packet_step();
	packet_expect_none();
	packet_config("{}");
}

// Other kinds number their devices by themselves, around those that were named here.
static void names_stay_apart(void **) {
	char text[2048] = "{\"ports\": {\"n\": {\"device\": \"null:x\", \"enabled\": false}";

	for (unsigned n = 0; n < 6; n++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			", \"a%u\": {\"device\": \"vdev:net_null%u,no-rx=1\"}", n, n);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "}}");
	packet_config(text);
	packet_config("{}");
}

static void refused(const char *device, const char *message) {
	char text[512];

	snprintf(text, sizeof(text), "{\"ports\": {\"v\": {\"device\": \"%s\"}}}", device);
	const char *got = packet_config_refused(text);
	if (!strstr(got, message))
		fail_msg("%s\n  says: %s\n  not:  %s", device, got, message);
}

static void mistakes(void **) {
	refused("vdev:", "is no name of a virtual device");
	refused("vdev:net_", "is no name of a virtual device");
	refused("vdev:null0", "is no name of a virtual device");
	refused("vdev:net_null/0", "is no name of a virtual device");
	refused("vdev:net_of_a_length_that_nobody_would_type_at_all0", "39 characters");
	refused("vdev:net_nosuch0", "no driver makes net_nosuch0");
	refused("vdev:net_null0,shape=round", "no driver makes net_null0 of \"shape=round\"");
	assert_non_null(strstr(
		packet_config_refused("{\"ports\": {\"a\": {\"device\": \"vdev:net_null0\"}, "
				      "\"b\": {\"device\": \"vdev:net_null0,no-rx=1\"}}}"),
		"net_null0 is in use by port a"));
	assert_int_equal(dp_port_find("v"), -ENOENT);
}

static int setup(void **) {
	static const struct module *const modules[] = {&switch_module, NULL};

	if (packet_setup(modules) < 0)
		return -1;
	clock_fake_stop();
	snprintf(in_path, sizeof(in_path), "%s/in.pcap", packet_dir());
	file_write();
	return 0;
}

static int teardown(void **) {
	unlink(in_path);
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_driver_by_name),
		cmocka_unit_test(arguments_that_change),
		cmocka_unit_test(frames_come_in),
		cmocka_unit_test(names_stay_apart),
		cmocka_unit_test(mistakes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
