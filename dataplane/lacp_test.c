// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/lacp.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
// cmocka.h needs the four above
#include <cmocka.h>

#define MS  1000000ull
#define SEC 1000000000ull

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 1}, mac_b[6] = {2, 0, 0, 0, 0, 2},
		     mac_c[6] = {2, 0, 0, 0, 0, 3};

// Two systems with cables between their ports of the same number; cut[i]: frames are lost in silence; lost: bit per PDU
// since the start.
struct lab {
	struct lacp *a, *b;
	unsigned n, from_a, from_b, sent;
	uint64_t lost;
	bool cut[LACP_PORTS_MAX];
	uint64_t now;
};

static unsigned pass(struct lab *lab, struct lacp *from, struct lacp *to, unsigned port) {
	uint8_t pdu[LACP_PDU_BYTES];

	if (!lacp_send(from, port, pdu, lab->now))
		return 0;
	bool lost = lab->sent < 64 && (lab->lost >> lab->sent & 1);
	lab->sent++;
	if (!lab->cut[port] && !lost)
		lacp_recv(to, port, pdu, sizeof(pdu), lab->now);
	return 1;
}

static void run(struct lab *lab, uint64_t ns) {
	for (uint64_t end = lab->now + ns; lab->now < end; lab->now += 20 * MS) {
		lacp_tick(lab->a, lab->now);
		lacp_tick(lab->b, lab->now);
		for (unsigned i = 0; i < lab->n; i++) {
			lab->from_a += pass(lab, lab->a, lab->b, i);
			lab->from_b += pass(lab, lab->b, lab->a, i);
		}
	}
}

static void links(struct lab *lab, bool up) {
	for (unsigned i = 0; i < lab->n; i++) {
		lacp_link(lab->a, i, up, lab->now);
		lacp_link(lab->b, i, up, lab->now);
	}
}

static void start(struct lab *lab, struct lacp *a, struct lacp *b, unsigned n, bool fast) {
	*lab = (struct lab){.a = a, .b = b, .n = n, .now = SEC};
	lacp_init(a, n, mac_a, 1, fast);
	lacp_init(b, n, mac_b, 7, fast);
	links(lab, true);
}

static void test_bundle_forms(void **) {
	struct lacp a, b;
	struct lab lab;

	start(&lab, &a, &b, 2, false);
	run(&lab, 1 * SEC);
	assert_false(lacp_carries(&a, 0)); // it waits for others to come up
	run(&lab, 3 * SEC);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(lacp_carries(&a, i));
		assert_true(lacp_carries(&b, i));
	}
}

// Any two PDUs of the first exchange may be lost. At the slow rate the next regular one comes 30 s later.
static void test_lost_pdus_cost_seconds(void **) {
	struct lacp a, b;
	struct lab lab;

	for (unsigned first = 0; first < 12; first++) {
		for (unsigned second = first; second < 12; second++) {
			start(&lab, &a, &b, 1, false);
			lab.lost = 1ull << first | 1ull << second;
			run(&lab, 6 * SEC);
			if (!lacp_carries(&a, 0) || !lacp_carries(&b, 0))
				fail_msg("without PDUs %u and %u", first, second);
		}
	}
}

static void test_alone_carries_nothing(void **) {
	struct lacp a, b;
	struct lab lab;

	start(&lab, &a, &b, 1, true);
	lab.cut[0] = true;
	run(&lab, 20 * SEC);
	assert_false(lacp_carries(&a, 0));
	lab.cut[0] = false;
	run(&lab, 5 * SEC);
	assert_true(lacp_carries(&a, 0));
}

static void test_silence_is_noticed(void **) {
	struct lacp a, b;
	struct lab lab;

	start(&lab, &a, &b, 2, true);
	run(&lab, 5 * SEC);
	assert_true(lacp_carries(&a, 1));
	lab.cut[1] = true;
	run(&lab, 2 * SEC);
	assert_true(lacp_carries(&a, 1));
	run(&lab, 2 * SEC); // three periods of a second have passed
	assert_false(lacp_carries(&a, 1));
	assert_false(lacp_carries(&b, 1));
	assert_true(lacp_carries(&a, 0));
	lab.cut[1] = false;
	run(&lab, 5 * SEC);
	assert_true(lacp_carries(&a, 1));
}

static void test_slow_silence_takes_90_s(void **) {
	struct lacp a, b;
	struct lab lab;

	start(&lab, &a, &b, 1, false);
	run(&lab, 5 * SEC);
	lab.cut[0] = true;
	run(&lab, 55 * SEC);
	assert_true(lacp_carries(&a, 0));
	run(&lab, 40 * SEC);
	assert_false(lacp_carries(&a, 0));
}

static void test_link_down_at_once(void **) {
	struct lacp a, b;
	struct lab lab;

	start(&lab, &a, &b, 2, false);
	run(&lab, 5 * SEC);
	lacp_link(&a, 0, false, lab.now);
	assert_false(lacp_carries(&a, 0));
	run(&lab, 100 * MS);
	assert_true(lacp_carries(&a, 1));
	lacp_link(&b, 0, false, lab.now);
	links(&lab, true);
	run(&lab, 4 * SEC);
	assert_true(lacp_carries(&a, 0));
}

static void test_two_partners_one_group(void **) {
	struct lacp a, b, c;
	uint8_t pdu[LACP_PDU_BYTES];
	uint64_t now = SEC;

	lacp_init(&a, 3, mac_a, 1, true);
	lacp_init(&b, 3, mac_b, 1, true); // at ports 1 and 2
	lacp_init(&c, 3, mac_c, 1, true); // at port 0
	for (unsigned i = 0; i < 3; i++) {
		lacp_link(&a, i, true, now);
		lacp_link(&b, i, i > 0, now);
		lacp_link(&c, i, i == 0, now);
	}
	for (; now < 8 * SEC; now += 20 * MS) {
		lacp_tick(&a, now);
		lacp_tick(&b, now);
		lacp_tick(&c, now);
		for (unsigned i = 0; i < 3; i++) {
			struct lacp *other = i == 0 ? &c : &b;
			if (lacp_send(&a, i, pdu, now))
				lacp_recv(other, i, pdu, sizeof(pdu), now);
			if (lacp_send(other, i, pdu, now))
				lacp_recv(&a, i, pdu, sizeof(pdu), now);
		}
	}
	assert_int_equal(
		lacp_carries(&a, 0) + lacp_carries(&a, 1) * 2 + lacp_carries(&a, 2) * 4, 6);
	assert_false(lacp_carries(&c, 0)); // it is told that we are not in sync
}

static void test_rates(void **) {
	struct lacp a, b;
	struct lab lab;

	start(&lab, &a, &b, 1, true);
	run(&lab, 5 * SEC);
	lab.from_a = 0;
	run(&lab, 10 * SEC);
	assert_in_range(lab.from_a, 9, 11);
	start(&lab, &a, &b, 1, false);
	run(&lab, 5 * SEC);
	lab.from_a = 0;
	run(&lab, 300 * SEC);
	assert_in_range(lab.from_a, 9, 11);
}

static void test_never_more_than_three_a_second(void **) {
	struct lacp a;
	uint8_t pdu[LACP_PDU_BYTES];
	unsigned n = 0;

	lacp_init(&a, 1, mac_a, 1, true);
	lacp_link(&a, 0, true, SEC);
	for (uint64_t now = SEC; now < 2 * SEC; now += 10 * MS) {
		a.ports[0].ntt = true;
		n += lacp_send(&a, 0, pdu, now);
	}
	assert_int_equal(n, 3);
}

static void test_bad_frames(void **) {
	struct lacp a, b;
	uint8_t pdu[LACP_PDU_BYTES], bad[LACP_PDU_BYTES];

	lacp_init(&a, 1, mac_a, 1, true);
	lacp_init(&b, 1, mac_b, 1, true);
	lacp_link(&a, 0, true, SEC);
	lacp_link(&b, 0, true, SEC);
	assert_true(lacp_send(&b, 0, pdu, SEC));
	for (size_t len = 0; len < sizeof(pdu); len++)
		assert_int_equal(lacp_recv(&a, 0, pdu, len, SEC), -EINVAL);
	for (unsigned at = 0; at < 4; at++) {
		memcpy(bad, pdu, sizeof(bad));
		if (at == 1)
			continue; // versions to come are read as this one (6.4.2.3)
		bad[at] ^= 0xff;
		assert_int_equal(lacp_recv(&a, 0, bad, sizeof(bad), SEC), -EINVAL);
	}
	assert_int_equal(lacp_recv(&b, 0, pdu, sizeof(pdu), SEC), -ELOOP);
	assert_int_equal(lacp_recv(&a, 0, pdu, sizeof(pdu), SEC), 0);
}

static void test_marker(void **) {
	uint8_t pdu[LACP_PDU_BYTES] = {2, 1, 1, 16};

	assert_false(lacp_marker_answer(pdu, 60));
	assert_true(lacp_marker_answer(pdu, sizeof(pdu)));
	assert_int_equal(pdu[2], 2);
	assert_false(lacp_marker_answer(pdu, sizeof(pdu))); // answers are not answered
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bundle_forms),
		cmocka_unit_test(test_lost_pdus_cost_seconds),
		cmocka_unit_test(test_alone_carries_nothing),
		cmocka_unit_test(test_silence_is_noticed),
		cmocka_unit_test(test_slow_silence_takes_90_s),
		cmocka_unit_test(test_link_down_at_once),
		cmocka_unit_test(test_two_partners_one_group),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_never_more_than_three_a_second),
		cmocka_unit_test(test_bad_frames),
		cmocka_unit_test(test_marker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
