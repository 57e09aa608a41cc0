// SPDX-License-Identifier: BSD-3-Clause
// pcap ports: the frames of a file come in, what leaves is in another, byte for byte.
#include "lib/clock.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FRAMES 40 // more than one burst of the driver

static char in_path[64], out_path[64];

// Of every length between 60 and 9000 bytes there is one; each from a station of its own, to nobody known.
static size_t frame_make(uint8_t *bytes, unsigned n) {
	size_t len = 60 + n * 229;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 7 + n);
	memcpy(bytes, (uint8_t[]){2, 0, 0, 0, 1, (uint8_t)n, 2, 0, 0, 0, 0, (uint8_t)n, 0x88, 0xb5},
		14);
	return len;
}

static void file_write(const char *path, int link_type) {
	pcap_t *pcap = pcap_open_dead(link_type, 65535);
	pcap_dumper_t *dumper = pcap_dump_open(pcap, path);
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

// `tag`: VLAN tag that each frame has more than what was made.
static void file_expect(const char *path, unsigned frames, const uint8_t tag[4]) {
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, why);
	uint8_t want[PACKET_FRAME_MAX];
	struct pcap_pkthdr *head;
	const u_char *bytes;
	unsigned n = 0;

	if (!pcap)
		fail_msg("%s: %s", path, why);
	for (; pcap_next_ex(pcap, &head, &bytes) == 1; n++) {
		size_t len = frame_make(want, n);
		memmove(want + 16, want + 12, len - 12);
		memcpy(want + 12, tag, 4);
		assert_int_equal(head->caplen, len + 4);
		assert_memory_equal(bytes, want, len + 4);
	}
	pcap_close(pcap);
	assert_int_equal(n, frames);
}

static void config(const char *device, const char *rest) {
	char text[1024];

	snprintf(text, sizeof(text),
		"return { ports = { f = { device = '%s', mtu = 9000 }, a = { device = 'ring:a', "
		"mtu = 9000 } }, switches = { s = { ports = { %s } } } }",
		device, rest);
	packet_config(text);
}

static void frames_of_a_file_come_in(void **) {
	uint8_t bytes[PACKET_FRAME_MAX];
	char device[80];

	snprintf(device, sizeof(device), "pcap:%s", in_path);
	config(device, "f = { access = 10 }, a = { access = 10 }");
	for (unsigned n = 0; n < FRAMES; n++)
		packet_wait_expect("a", bytes, frame_make(bytes, n));
	packet_step();
	packet_expect_none(); // once
}

static void frames_leave_into_a_file(void **) {
	uint8_t bytes[PACKET_FRAME_MAX];
	char device[80];

	snprintf(device, sizeof(device), "pcap:,%s", out_path);
	config(device, "f = { trunk = { 10 } }, a = { access = 10 }");
	packet_wait_link("f", true);
	for (unsigned n = 0; n < FRAMES; n++)
		packet_send_chain("a", bytes, frame_make(bytes, n), n % 2 ? 1000 : 3000);
	packet_step();
	packet_config("{}"); // what was written is whole
	file_expect(out_path, FRAMES, (uint8_t[]){0x81, 0x00, 0x00, 0x0a});
	assert_int_equal(unlink(out_path), 0);
}

static void one_port_reads_and_writes(void **) {
	uint8_t bytes[PACKET_FRAME_MAX];
	char device[160];

	snprintf(device, sizeof(device), "pcap:%s,%s", in_path, out_path);
	config(device, "f = { native = 10, trunk = { 20 } }, a = { native = 10, trunk = { 20 } }");
	packet_wait_link("f", true);
	for (unsigned n = 0; n < FRAMES; n++)
		packet_wait_expect("a", bytes, frame_make(bytes, n));
	size_t len = frame_make(bytes, 0);
	memmove(bytes + 16, bytes + 12, len - 12);
	memcpy(bytes + 12, (uint8_t[]){0x81, 0x00, 0x00, 0x14}, 4);
	packet_send("a", bytes, len + 4);
	packet_step();
	packet_config("{}");
	file_expect(out_path, 1, (uint8_t[]){0x81, 0x00, 0x00, 0x14});
	assert_int_equal(unlink(out_path), 0);
}

static void other_files_are_refused(void **) {
	char text[256], path[80];

	snprintf(path, sizeof(path), "%s/raw.pcap", packet_dir());
	file_write(path, DLT_RAW);
	snprintf(text, sizeof(text), "{\"ports\":{\"f\":{\"device\":\"pcap:%s\"}}}", path);
	assert_non_null(strstr(packet_config_refused(text), "no Ethernet frames but RAW"));
	assert_int_equal(unlink(path), 0);
	assert_non_null(strstr(packet_config_refused(text), "No such file"));
}

static int setup(void **) {
	static const struct module *const modules[] = {&switch_module, NULL};

	if (packet_setup(modules) < 0)
		return -1;
	clock_fake_stop();
	snprintf(in_path, sizeof(in_path), "%s/in.pcap", packet_dir());
	snprintf(out_path, sizeof(out_path), "%s/out.pcap", packet_dir());
	file_write(in_path, DLT_EN10MB);
	return 0;
}

static int teardown(void **) {
	unlink(in_path);
	unlink(out_path);
	return packet_teardown();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_a_file_come_in),
		cmocka_unit_test(frames_leave_into_a_file),
		cmocka_unit_test(one_port_reads_and_writes),
		cmocka_unit_test(other_files_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
