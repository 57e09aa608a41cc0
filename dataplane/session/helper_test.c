// SPDX-License-Identifier: BSD-3-Clause
// Shifts and expectations.
#include "dataplane/session/helper.h"
#include "dataplane/session/table.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S 1000000000ull

// A sender's stream, some segments of which grow: what arrives is without holes, and what is acknowledged comes back as it was sent.
static void test_a_stream_that_grows(void **state) {
	for (uint32_t start = 0xfffffc00; start != 0x400; start += 0x40) {
		struct session_shift s = {0};
		uint32_t number = start, there = start;
		const int32_t grows[] = {0, 3, 0, -2, 0, 0, 5, 1, 0};

		for (unsigned i = 0; i < 9; i++) {
			uint32_t len = 30 + i;
			assert_int_equal(shift_out(&s, number), there);
			assert_int_equal(shift_back(&s, there), number);
			shift_grow(&s, number, grows[i]);
			assert_int_equal(
				shift_out(&s, number), there); // itself and its repetition stay
			shift_grow(&s, number, grows[i]);
			number += len;
			there += len + (uint32_t)grows[i];
			assert_int_equal(shift_back(&s, there), number);
		}
	}
}

static struct session_expect expect_of(unsigned host, uint16_t port) {
	struct session_expect e = {.in = {.src = {10, 0, 0, 1},
					   .dst = {192, 0, 2, (uint8_t)host},
					   .dport = __builtin_bswap16(port),
					   .proto = 6,
					   .domain = 3},
		.word = port};

	e.out = e.in;
	e.out.dst[3] = 99;
	return e;
}

static bool meet(const struct session_expect *e, uint16_t sport, uint64_t now_ns, bool look) {
	struct session_tuple in = e->in;
	struct session_expect found = {0};

	in.sport = __builtin_bswap16(sport);
	if (!expect_meet(&in, now_ns, look, &found))
		return false;
	assert_int_equal(found.word, e->word);
	assert_int_equal(found.out.dst[3], 99);
	return true;
}

static void test_one_is_met_once(void **state) {
	struct session_expect e = expect_of(1, 2000), other = expect_of(2, 2000);

	assert_false(meet(&e, 1, S, false));
	uint64_t handle = expect_add(&e, S);
	assert_true(handle != 0);
	assert_int_equal(expect_add(&e, S), 0); // somebody has it
	assert_false(meet(&other, 1, S, false));
	struct session_expect elsewhere = e;
	elsewhere.in.domain = 4;
	assert_false(meet(&elsewhere, 1, S, false));
	assert_true(meet(&e, 1, S, true));
	assert_true(meet(&e, 40000, S, false));
	assert_false(meet(&e, 40000, S, false));
	expect_del(handle); // it is over
	uint64_t later = expect_add(&e, S);
	assert_true(later != 0 && later != handle);
	expect_del(handle); // another's by now
	assert_true(meet(&e, 1, S, true));
	expect_del(later);
	assert_false(meet(&e, 1, S, true));
	expect_del(0);
	assert_int_equal(expect_count(S), 0);
}

static void test_they_end(void **state) {
	struct session_expect e = expect_of(1, 2000);

	expect_add(&e, S);
	assert_true(meet(&e, 1, S + (EXPECT_S - 1) * S, true));
	assert_int_equal(expect_count(2 * S), 1);
	assert_false(meet(&e, 1, S + EXPECT_S * S, true));
	assert_true(expect_add(&e, 100 * S) != 0);
	assert_true(meet(&e, 1, 100 * S, false));
}

static void test_at_the_limit(void **state) {
	unsigned had = 0;

	for (unsigned i = 0; i < 3 * EXPECT_MAX; i++) {
		struct session_expect e = expect_of(i / 60000, (uint16_t)(1024 + i % 60000));
		had += expect_add(&e, S) != 0;
	}
	assert_true(had > EXPECT_MAX * 9 / 10 && had <= EXPECT_MAX);
	assert_int_equal(expect_count(S), had);
	assert_int_equal(expect_refused, 3 * EXPECT_MAX - had);
	struct session_expect e = expect_of(7, 1);
	assert_int_equal(expect_count(1000 * S), 0);
	assert_true(expect_add(&e, 1000 * S) != 0);
	assert_true(meet(&e, 1, 1000 * S, false));
}

int main(void) {
	session_table.secret = (struct session_secret){{0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9,
		0x94d049bb133111eb, 0xd6e8feb86659fd93, 0xa0761d6478bd642f, 0xe7037ed1a0b428db,
		0x8ebc6af09c88c6e3, 0x589965cc75374cc3}};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_stream_that_grows),
		cmocka_unit_test(test_one_is_met_once),
		cmocka_unit_test(test_they_end),
		cmocka_unit_test(test_at_the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
