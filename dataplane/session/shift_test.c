// SPDX-License-Identifier: BSD-3-Clause
// Shifted numbers, against the checksum made anew and against what the segment then says.
#include "dataplane/session/conn_tcp.h"
#include "dataplane/session/shift.h"
#include "lib/wire.h"
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEADER 44 // 20 and 24 of options

// A segment with two blocks of SACK, the first at an odd place.
static const uint8_t sample[HEADER + 5] = {0x13, 0x88, 0, 80, 0xff, 0xff, 0xff, 0xf0, 1, 2, 3, 4,
	HEADER / 4 << 4, 0x18, 0x10, 0, 0, 0, 0, 0, 1, 5, 18, 0, 0, 0, 100, 0, 0, 0, 200, 0, 0, 1,
	44, 0xff, 0xff, 0xff, 0xff, 8, 2, 1, 0, 0, 'h', 'e', 'l', 'l', 'o'};

static uint16_t sum_anew(const uint8_t *tcp, size_t n) {
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (i != 16 && i != 17)
			sum += i % 2 ? tcp[i] : (uint32_t)tcp[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static uint16_t check_of(const uint8_t *tcp) {
	uint16_t check;

	memcpy(&check, tcp + 16, 2);
	return check;
}

struct segment {
	uint8_t tcp[sizeof(sample)];
};

static struct segment fresh(void) {
	struct segment s;
	uint16_t check = sum_anew(sample, sizeof(sample));

	memcpy(s.tcp, sample, sizeof(sample));
	memcpy(s.tcp + 16, &check, 2);
	return s;
}

static const uint32_t shifts[] = {0, 1, 16, 0x7fffffff, 0x80000000, 0xdeadbeef, UINT32_MAX};
#define SHIFTS (sizeof(shifts) / sizeof(*shifts))

static void sequence_numbers_wrap(void **) {
	for (unsigned i = 0; i < SHIFTS; i++) {
		struct segment s = fresh();

		tcp_seq_shift(s.tcp, shifts[i], CHECK_WHOLE);
		assert_int_equal(get32(s.tcp + 4), 0xfffffff0u + shifts[i]);
		assert_int_equal(get32(s.tcp + 8), 0x01020304);
		assert_int_equal(check_of(s.tcp), sum_anew(s.tcp, sizeof(s.tcp)));
	}
}

static void acknowledgements_take_their_blocks_along(void **) {
	static const unsigned edges[] = {23, 27, 31, 35};

	for (unsigned i = 0; i < SHIFTS; i++) {
		struct segment s = fresh();

		tcp_ack_shift(s.tcp, shifts[i], CHECK_WHOLE);
		assert_int_equal(get32(s.tcp + 4), 0xfffffff0u);
		assert_int_equal(get32(s.tcp + 8), 0x01020304 + shifts[i]);
		for (unsigned e = 0; e < 4; e++)
			assert_int_equal(
				get32(s.tcp + edges[e]), get32(sample + edges[e]) + shifts[i]);
		assert_memory_equal(s.tcp + 39, sample + 39, sizeof(sample) - 39);
		assert_int_equal(check_of(s.tcp), sum_anew(s.tcp, sizeof(s.tcp)));
	}
}

static void nothing_is_acknowledged_without_ack(void **) {
	struct segment s = fresh(), was = s;

	was.tcp[13] = s.tcp[13] = TCP_RST;
	tcp_ack_shift(s.tcp, 77, CHECK_WHOLE);
	assert_memory_equal(s.tcp, was.tcp, sizeof(s.tcp));
}

static void windows_are_set(void **) {
	struct segment s = fresh();

	tcp_window_set(s.tcp, 501, CHECK_WHOLE);
	assert_int_equal(s.tcp[14] << 8 | s.tcp[15], 501);
	assert_int_equal(check_of(s.tcp), sum_anew(s.tcp, sizeof(s.tcp)));
}

// What is filled in by the device that sends it covers addresses and length alone.
static void sums_still_to_be_made_stay(void **) {
	struct segment s = fresh();
	uint16_t check = check_of(s.tcp);

	tcp_seq_shift(s.tcp, 77, CHECK_PSEUDO);
	tcp_ack_shift(s.tcp, 77, CHECK_PSEUDO);
	tcp_window_set(s.tcp, 77, CHECK_PSEUDO);
	assert_int_equal(check_of(s.tcp), check);
	assert_int_equal(get32(s.tcp + 4), 0xfffffff0u + 77);
}

// Options that lie about their length: what is behind them is not read.
static void broken_options_end_it(void **) {
	static const uint8_t broken[][4] = {
		{5, 0, 0, 0}, {5, 1, 0, 0}, {5, 200, 0, 0}, {0, 5, 10, 1}, {5, 25, 9, 9}};

	for (unsigned i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		struct segment s = fresh(), was;

		memcpy(s.tcp + 20, broken[i], 4);
		was = s;
		tcp_ack_shift(s.tcp, 1, CHECK_PSEUDO);
		assert_memory_equal(s.tcp + 20, was.tcp + 20, sizeof(s.tcp) - 20);
	}
}

// An ICMP error of a router, quoting `n` bytes of the sample.
static void quotes_are_shifted(void **) {
	for (size_t n = 8; n <= sizeof(sample); n += n < 16 ? 8 : 4) {
		uint8_t ip[20 + 8 + 20 + sizeof(sample)] = {
			0x45, [9] = 1, [20] = 3, [21] = 4, [28] = 0x45, [37] = 6};
		struct session_packet outer = {.l4 = 20, .l4_len = (uint32_t)(8 + 20 + n)};
		struct session_packet quoted = {.l4 = 20};
		struct segment s = fresh();
		uint32_t sum = 0;

		memcpy(ip + 48, s.tcp, n);
		for (size_t i = 20; i < 48 + n; i += 2)
			sum += (uint32_t)ip[i] << 8 | ip[i + 1];
		sum = (sum & 0xffff) + (sum >> 16);
		sum = ~((sum & 0xffff) + (sum >> 16));
		ip[22] = (uint8_t)(sum >> 8), ip[23] = (uint8_t)sum;
		icmp_seq_shift(ip, sizeof(ip), &outer, &quoted, 0xdeadbeef);
		assert_int_equal(get32(ip + 48 + 4), 0xfffffff0u + 0xdeadbeef);
		if (n >= 18) {
			tcp_seq_shift(s.tcp, 0xdeadbeef, CHECK_WHOLE);
			assert_int_equal(check_of(ip + 48), check_of(s.tcp));
		}
		sum = 0;
		for (size_t i = 20; i < 48 + n; i += 2)
			sum += (uint32_t)ip[i] << 8 | ip[i + 1];
		sum = (sum & 0xffff) + (sum >> 16);
		assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequence_numbers_wrap),
		cmocka_unit_test(acknowledgements_take_their_blocks_along),
		cmocka_unit_test(nothing_is_acknowledged_without_ack),
		cmocka_unit_test(windows_are_set),
		cmocka_unit_test(sums_still_to_be_made_stay),
		cmocka_unit_test(broken_options_end_it),
		cmocka_unit_test(quotes_are_shifted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
