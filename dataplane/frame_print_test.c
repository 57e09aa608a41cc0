// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/frame_print.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs the above
#include <cmocka.h>

static size_t hex(const char *text, uint8_t *bytes) {
	size_t n = 0;
	int used;

	while (sscanf(text, " %2hhx%n", &bytes[n], &used) == 1) {
		text += used;
		n++;
	}
	return n;
}

#define MACS    "020000000002 020000000001 "
#define MACS_AS "02:00:00:00:00:01 > 02:00:00:00:00:02"
#define IP4     "45000020 00000000 40110000 0a000001 0a000002 "
#define IP6     "60000000 0008063f 20010db8000000000000000000000001 20010db8000000000000000000000002 "

static const struct {
	const char *frame, *text;
} cases[] = {
	{MACS "0800" IP4 "0035 1092", MACS_AS " IPv4 10.0.0.1:53 > 10.0.0.2:4242 UDP ttl 64"},
	{MACS "8100 000a 0800" IP4 "0035 1092",
		MACS_AS " vlan 10 IPv4 10.0.0.1:53 > 10.0.0.2:4242 UDP ttl 64"},
	{MACS "88a8 6064 8100 000a 0800" IP4 "0035 1092",
		MACS_AS " s-vlan 100 vlan 10 IPv4 10.0.0.1:53 > 10.0.0.2:4242 UDP ttl 64"},
	{MACS "0800 45000020 00000010 40110000 0a000001 0a000002 0035 1092",
		MACS_AS " IPv4 10.0.0.1 > 10.0.0.2 UDP fragment ttl 64"},
	{MACS "0800 46000020 00000000 40060000 0a000001 0a000002 01010101 0050 01bb",
		MACS_AS " IPv4 10.0.0.1:80 > 10.0.0.2:443 TCP ttl 64"},
	{MACS "0800 45000020 00000000 ff010000 0a000001 0a000002 0800",
		MACS_AS " IPv4 10.0.0.1 > 10.0.0.2 ICMP ttl 255"},
	{MACS "0800 45000020 00000000 ff630000 0a000001 0a000002",
		MACS_AS " IPv4 10.0.0.1 > 10.0.0.2 protocol 99 ttl 255"},
	{MACS "86dd" IP6 "0050 01bb",
		MACS_AS " IPv6 [2001:db8::1]:80 > [2001:db8::2]:443 TCP hops 63"},
	{"ffffffffffff 020000000001 0806 0001 0800 0604 0001 020000000001 0a000001 "
	 "000000000000 0a000002",
		"02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff ARP who-has 10.0.0.2 from 10.0.0.1"},
	{MACS "88cc", MACS_AS " ethertype 0x88cc"},
	{MACS "0026 4242", MACS_AS " 802.3 length 38"},
	{MACS "0800 4500", MACS_AS " IPv4"},
	{MACS "8100", MACS_AS},
	{"0200", "no Ethernet header"},
};

static void test_known_frames(void **) {
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t frame[128];
		char text[FRAME_STRLEN];
		size_t n = hex(cases[i].frame, frame);
		assert_string_equal(frame_print(frame, n, text, sizeof(text)), cases[i].text);
	}
}

// The sanitizers watch: a copy of exactly the length, so that one byte too far is seen.
static void test_every_cut(void **) {
	char text[FRAME_STRLEN];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t frame[128];
		size_t n = hex(cases[i].frame, frame);
		for (size_t len = 0; len <= n; len++) {
			uint8_t *cut = malloc(len ? len : 1);
			memcpy(cut, frame, len);
			frame_print(cut, len, text, sizeof(text));
			assert_true(strlen(text) > 0);
			free(cut);
		}
	}
}

static void test_small_buffer(void **) {
	uint8_t frame[128];
	size_t n = hex(cases[0].frame, frame);

	for (size_t size = 1; size < 64; size++) {
		char *text = malloc(size);
		frame_print(frame, n, text, size);
		assert_int_equal(strlen(text), size - 1);
		assert_memory_equal(text, cases[0].text, size - 1);
		free(text);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_frames),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_small_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
