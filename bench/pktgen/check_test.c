// SPDX-License-Identifier: BSD-3-Clause
#include "bench/pktgen/check.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs the four above
#include <cmocka.h>

static struct check check;
static int64_t lost;

static int start(void **) {
	lost = 0;
	return check_init(&check, 4, NULL);
}

static int stop(void **) {
	check_fini(&check);
	return 0;
}

static enum check_verdict judge(uint32_t flow, uint32_t seq) {
	int64_t more;
	enum check_verdict verdict = check_judge(&check, flow, seq, &more);

	lost += more;
	return verdict;
}

// ---- the trailer -----------------------------------------------------------------------------------------------

static uint16_t naive_sum(const uint8_t *bytes, unsigned len) {
	uint32_t sum = 0;

	for (unsigned i = 0; i < len; i += 2) {
		sum += (uint32_t)(bytes[i] << 8 | (i + 1 < len ? bytes[i + 1] : 0));
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static void a_trailer_always_sums_to_the_same(void **) {
	static const uint64_t values[] = {0, 1, 0xffff, 0x10000, 0xfffffffe, 0xffffffff};
	static const uint64_t stamps[] = {0, 1, 0x1ea7, 0xffffffffffffffff, 0x123456789abcdef0};
	struct check_trailer t;

	for (unsigned f = 0; f < 6; f++)
		for (unsigned s = 0; s < 6; s++)
			for (unsigned c = 0; c < 5; c++) {
				check_write(
					&t, (uint32_t)values[f], (uint32_t)values[s], stamps[c]);
				assert_int_equal(naive_sum((uint8_t *)&t, sizeof(t)), CHECK_SUM);
				assert_true(check_intact(&t));
				assert_int_equal(t.flow, values[f]);
				assert_int_equal(t.seq, values[s]);
				assert_true(t.tsc == stamps[c]);
			}
}

static void each_flipped_bit_is_seen(void **) {
	struct check_trailer t;
	uint8_t *bytes = (uint8_t *)&t;

	check_write(&t, 4711, 99, 0x1122334455667788);
	for (unsigned bit = 0; bit < sizeof(t) * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(check_intact(&t));
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(check_intact(&t));
	memset(&t, 0, sizeof(t));
	assert_false(check_intact(&t));
}

static void sums_are_those_of_a_plain_loop(void **) {
	uint8_t bytes[67];
	uint16_t sum;

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 200);
	for (unsigned len = 0; len <= sizeof(bytes); len++) {
		sum = check_sum(bytes, len, 0);
		assert_int_equal(__builtin_bswap16(sum) % 0xffff, naive_sum(bytes, len) % 0xffff);
		unsigned cut = len / 4 * 2;
		sum = check_sum(bytes + cut, len - cut, check_sum(bytes, cut, 0));
		assert_int_equal(__builtin_bswap16(sum) % 0xffff, naive_sum(bytes, len) % 0xffff);
	}
}

// ---- verdicts ------------------------------------------------------------------------------------------------------

static void in_order(void **) {
	for (uint32_t seq = 5; seq < 1000; seq++)
		for (uint32_t flow = 0; flow < 4; flow++)
			assert_int_equal(judge(flow, seq), CHECK_INTACT);
	assert_int_equal(lost, 0);
	assert_int_equal(judge(4, 0), CHECK_BAD);
}

static void a_gap_is_lost(void **) {
	judge(0, 0);
	assert_int_equal(judge(0, 4), CHECK_INTACT);
	assert_int_equal(lost, 3);
	assert_int_equal(judge(0, 1004), CHECK_INTACT);
	assert_int_equal(lost, 1002);
	assert_int_equal(judge(1, 7), CHECK_INTACT); // the first of another flow
	assert_int_equal(lost, 1002);
}

static void late_is_reordered_and_not_lost(void **) {
	judge(0, 0);
	judge(0, 3);
	assert_int_equal(lost, 2);
	assert_int_equal(judge(0, 1), CHECK_REORDERED);
	assert_int_equal(judge(0, 2), CHECK_REORDERED);
	assert_int_equal(lost, 0);
	assert_int_equal(judge(0, 4), CHECK_INTACT);
	assert_int_equal(judge(0, 1), CHECK_DUPLICATED);
	assert_int_equal(lost, 0);
}

static void twice_is_duplicated(void **) {
	judge(0, 0);
	assert_int_equal(judge(0, 0), CHECK_DUPLICATED);
	judge(0, 1);
	assert_int_equal(judge(0, 0), CHECK_DUPLICATED);
	assert_int_equal(judge(0, 1), CHECK_DUPLICATED);
	assert_int_equal(lost, 0);
}

static void the_window_ends_where_it_says(void **) {
	judge(0, 0);
	judge(0, 100); // 1..99 are missing
	assert_int_equal(lost, 99);
	assert_int_equal(judge(0, 100 - CHECK_WINDOW + 1), CHECK_REORDERED);
	assert_int_equal(judge(0, 100 - CHECK_WINDOW + 1), CHECK_DUPLICATED);
	assert_int_equal(judge(0, 100 - CHECK_WINDOW), CHECK_REORDERED);
	assert_int_equal(judge(0, 100 - CHECK_WINDOW), CHECK_REORDERED); // not known any more
	assert_int_equal(lost, 96);
}

static void shifts_as_wide_as_the_window(void **) {
	for (uint32_t step = CHECK_WINDOW - 2; step <= CHECK_WINDOW + 2; step++) {
		check_restart(&check);
		judge(0, 10);
		judge(0, 10 + step);
		enum check_verdict want = step < CHECK_WINDOW ? CHECK_DUPLICATED : CHECK_REORDERED;
		assert_int_equal(judge(0, 10), want);
	}
}

static void numbers_wrap(void **) {
	judge(0, UINT32_MAX - 1);
	assert_int_equal(judge(0, UINT32_MAX), CHECK_INTACT);
	assert_int_equal(judge(0, 1), CHECK_INTACT);
	assert_int_equal(lost, 1);
	assert_int_equal(judge(0, 0), CHECK_REORDERED);
	assert_int_equal(judge(0, UINT32_MAX), CHECK_DUPLICATED);
	assert_int_equal(lost, 0);
}

static void a_restart_forgets(void **) {
	judge(0, 10);
	check_restart(&check);
	assert_int_equal(judge(0, 500), CHECK_INTACT);
	assert_int_equal(lost, 0);
}

// ---- frames ----------------------------------------------------------------------------------------------------------

// UDP over IPv4 with the payload "leat!", as scapy makes it.
static const uint8_t udp4[] = {0x02, 0x0b, 0x00, 0x00, 0x00, 0x01, 0x02, 0x0a, 0x00, 0x00, 0x00,
	0x01, 0x08, 0x00, 0x45, 0x00, 0x00, 0x21, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xae, 0xa4,
	0xc6, 0x12, 0x00, 0x01, 0xc6, 0x13, 0x00, 0x01, 0x04, 0x00, 0x04, 0x01, 0x00, 0x0d, 0x7c,
	0xd1, 0x6c, 0x65, 0x61, 0x74, 0x21};

static void bits_of_ip_and_payload_count(void **) {
	uint8_t f[sizeof(udp4) + 13] = {0}; // and padding, which does not

	memcpy(f, udp4, sizeof(udp4));
	assert_true(check_frame(f, sizeof(f)));
	assert_int_equal(check_payload(f, sizeof(f)), 42);
	for (unsigned bit = 14 * 8; bit < sizeof(udp4) * 8; bit++) {
		f[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(check_frame(f, sizeof(f)));
		f[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	f[sizeof(f) - 1] = 1;
	assert_true(check_frame(f, sizeof(f)));
}

static void cut_frames_are_bad_and_read_no_further(void **) {
	for (unsigned len = 0; len < sizeof(udp4); len++) {
		uint8_t *copy = malloc(len ? len : 1); // the sanitizers watch its end
		memcpy(copy, udp4, len);
		assert_false(check_frame(copy, len));
		check_payload(copy, len);
		free(copy);
	}
}

static void tagged_without_checksum_and_other_types(void **) {
	uint8_t f[sizeof(udp4) + 4];

	memcpy(f, udp4, 12);
	memcpy(f + 12, (uint8_t[]){0x81, 0, 0, 5}, 4);
	memcpy(f + 16, udp4 + 12, sizeof(udp4) - 12);
	assert_true(check_frame(f, sizeof(f)));
	assert_int_equal(check_payload(f, sizeof(f)), 46);
	memset(f + 44, 0, 2); // UDP without a checksum
	assert_true(check_frame(f, sizeof(f)));
	memcpy(f + 16, (uint8_t[]){0x88, 0xb5}, 2);
	assert_true(check_frame(f, sizeof(f)));
	assert_int_equal(check_payload(f, sizeof(f)), 18);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trailer_always_sums_to_the_same),
		cmocka_unit_test(each_flipped_bit_is_seen),
		cmocka_unit_test(sums_are_those_of_a_plain_loop),
		cmocka_unit_test_setup_teardown(in_order, start, stop),
		cmocka_unit_test_setup_teardown(a_gap_is_lost, start, stop),
		cmocka_unit_test_setup_teardown(late_is_reordered_and_not_lost, start, stop),
		cmocka_unit_test_setup_teardown(twice_is_duplicated, start, stop),
		cmocka_unit_test_setup_teardown(the_window_ends_where_it_says, start, stop),
		cmocka_unit_test_setup_teardown(shifts_as_wide_as_the_window, start, stop),
		cmocka_unit_test_setup_teardown(numbers_wrap, start, stop),
		cmocka_unit_test_setup_teardown(a_restart_forgets, start, stop),
		cmocka_unit_test(bits_of_ip_and_payload_count),
		cmocka_unit_test(cut_frames_are_bad_and_read_no_further),
		cmocka_unit_test(tagged_without_checksum_and_other_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
