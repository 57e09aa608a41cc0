// SPDX-License-Identifier: BSD-3-Clause
// One prefix for another: RFC 6296's own example, every length, and that the sum of an address stays the same.
#include "firewall/nat/npt.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct npt npt_of(const char *external, const char *internal) {
	struct prefix e, i;
	struct npt npt;

	assert_int_equal(prefix_parse(external, &e), 0);
	assert_int_equal(prefix_parse(internal, &i), 0);
	npt_init(&npt, &e, &i);
	return npt;
}

static uint32_t sum_of(const uint8_t *addr) {
	uint32_t sum = 0;

	for (unsigned i = 0; i < 16; i += 2)
		sum += (uint32_t)(addr[i] << 8 | addr[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum % 0xffff; // there are two zeros
}

static void expect(const struct npt *npt, const char *inside, const char *outside) {
	struct addr in, out, addr;

	assert_int_equal(addr_parse(inside, &in), 0);
	assert_int_equal(addr_parse(outside, &out), 0);
	addr = in;
	assert_true(npt_out(npt, addr.bytes));
	assert_int_equal(addr_cmp(&addr, &out), 0);
	assert_true(npt_in(npt, addr.bytes));
	assert_int_equal(addr_cmp(&addr, &in), 0);
}

static void as_the_rfc_has_it(void **) {
	struct npt npt = npt_of("2001:db8:1::/48", "fd01:203:405::/48"); // section 3.5's prefixes

	expect(&npt, "fd01:203:405:1::1234", "2001:db8:1:d550::1234");
	npt = npt_of("2001:db8:1:2::/64", "fd01:203:405:6::/64");
	assert_true(npt.neutral);
	npt = npt_of("192.0.2.64/28", "10.0.30.0/28");
	expect(&npt, "10.0.30.5", "192.0.2.69");
	npt = npt_of("2001:db8::80/121", "fd00::80/121");
	expect(&npt, "fd00::85", "2001:db8::85");
}

static void sums_stay(void **) {
	uint32_t x = 1;

	for (unsigned len = 1; len <= 64; len++) {
		char e[64], i[64];
		snprintf(e, sizeof(e), "2001:db8:7777:8888::/%u", len);
		snprintf(i, sizeof(i), "fd01:203:405:607::/%u", len);
		struct npt npt = npt_of(e, i);

		for (unsigned n = 0; n < 200; n++) {
			struct addr addr = npt.internal.addr, was;
			for (unsigned b = 0; b < 16; b++) {
				x = x * 1664525 + 1013904223;
				addr.bytes[b] ^= (uint8_t)(x >> 24);
			}
			was = addr;
			for (unsigned bit = 0; bit < len; bit++) { // its prefix again
				uint8_t mask = (uint8_t)(0x80 >> bit % 8),
					*byte = &addr.bytes[bit / 8];
				*byte = (uint8_t)((*byte & ~mask) |
					(npt.internal.addr.bytes[bit / 8] & mask));
			}
			was = addr;
			if (!npt_out(&npt, addr.bytes))
				continue;
			assert_true(prefix_contains(&npt.external, &addr));
			assert_int_equal(sum_of(addr.bytes), sum_of(was.bytes));
			assert_true(npt_in(&npt, addr.bytes));
			assert_int_equal(addr_cmp(&addr, &was), 0);
		}
	}
}

// Section 3.4, 3.7: a subnet of all ones has no counterpart; an identifier of all ones neither.
static void some_have_no_counterpart(void **) {
	struct npt npt = npt_of("2001:db8:1::/48", "fd01:203:405::/48");
	struct addr addr;

	addr_parse("fd01:203:405:ffff::1", &addr);
	assert_false(npt_out(&npt, addr.bytes));
	npt = npt_of("2001:db8:1:2::/64", "fd01:203:405:6::/64");
	addr_parse("fd01:203:405:6:ffff:ffff:ffff:ffff", &addr);
	assert_false(npt_out(&npt, addr.bytes));
	expect(&npt, "fd01:203:405:6:ffff::1", "2001:db8:1:2:ffff:d553:0:1");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_rfc_has_it),
		cmocka_unit_test(sums_stay),
		cmocka_unit_test(some_have_no_counterpart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
