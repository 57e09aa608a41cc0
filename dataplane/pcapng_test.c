// SPDX-License-Identifier: BSD-3-Clause
// Blocks against bytes written down by hand; tests/packet/tap_test.c lets tshark read a whole capture.
#include "dataplane/pcapng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
// cmocka.h needs the above
#include <cmocka.h>

#define LE32(x) (x) & 255, (x) >> 8 & 255, (x) >> 16 & 255, (x) >> 24 & 255

static void expect_block(const uint8_t *got, size_t n, const uint8_t *want, size_t len) {
	assert_int_equal(n, len);
	assert_memory_equal(got, want, len);
}

static void test_section(void **) {
	static const uint8_t want[] = {LE32(0x0a0d0d0a), LE32(40), LE32(0x1a2b3c4d), 1, 0, 0, 0,
		255, 255, 255, 255, 255, 255, 255, 255, 4, 0, 3, 0, 'a', 'p', 'p', 0, 0, 0, 0, 0,
		LE32(40)};
	uint8_t buf[64];

	expect_block(buf, pcapng_section(buf, sizeof(buf), "app"), want, sizeof(want));
}

static void test_interface(void **) {
	static const uint8_t want[] = {LE32(1), LE32(40), 1, 0, 0, 0, LE32(96), 2, 0, 4, 0, 'w',
		'a', 'n', '0', 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, LE32(40)};
	uint8_t buf[64];

	expect_block(buf, pcapng_interface(buf, sizeof(buf), "wan0", 96), want, sizeof(want));
}

static void test_packet(void **) {
	static const uint8_t want[] = {LE32(6), LE32(52), LE32(3), LE32(1), LE32(2), LE32(5),
		LE32(1500), 10, 11, 12, 13, 14, 0, 0, 0, 2, 0, 4, 0, LE32(2), 0, 0, 0, 0, LE32(52)};
	static const uint8_t data[] = {10, 11, 12, 13, 14};
	const struct pcapng_packet packet = {
		.iface = 3, .time_ns = (1ull << 32) + 2, .len = 1500, .captured = 5, .data = data};
	uint8_t buf[64];

	expect_block(buf, pcapng_packet(buf, sizeof(buf), &packet), want, sizeof(want));
}

static void test_lost(void **) {
	static const uint8_t want[] = {LE32(5), LE32(40), LE32(1), LE32(0), LE32(7), 5, 0, 8, 0, 9,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, LE32(40)};
	uint8_t buf[64];

	expect_block(buf, pcapng_lost(buf, sizeof(buf), 1, 7, 9), want, sizeof(want));
}

static void test_too_small(void **) {
	uint8_t buf[64];
	const struct pcapng_packet packet = {.captured = 5, .data = "abcde"};

	for (size_t size = 0; size < 52; size++) {
		assert_int_equal(pcapng_packet(buf, size, &packet), 0);
		if (size < 40)
			assert_int_equal(pcapng_section(buf, size, "app"), 0);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_section),
		cmocka_unit_test(test_interface),
		cmocka_unit_test(test_packet),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_too_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
