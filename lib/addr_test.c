// SPDX-License-Identifier: BSD-3-Clause
#include "lib/addr.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void macs_are_parsed_and_printed(void **state) {
	static const struct {
		const char *text, *printed; // NULL: refused
	} cases[] = {{"00:11:22:aa:bb:cc", "00:11:22:aa:bb:cc"},
		{"00:11:22:AA:BB:CC", "00:11:22:aa:bb:cc"},
		{"00-11-22-aa-bb-cc", "00:11:22:aa:bb:cc"}, {"00:11:22:aa:bb", NULL},
		{"00:11:22:aa:bb:cc:dd", NULL}, {"0:11:22:aa:bb:cc", NULL},
		{"00:11:22:aa:bb:cg", NULL}, {"00:11-22:aa:bb:cc", NULL}, {"", NULL},
		{"001122aabbcc", NULL}, {"00:11:22:aa:bb:cc ", NULL}, {"00.11.22.aa.bb.cc", NULL}};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct mac mac;
		char buf[MAC_STRLEN];
		int rc = mac_parse(cases[i].text, &mac);
		assert_int_equal(rc, cases[i].printed ? 0 : -EINVAL);
		if (rc == 0)
			assert_string_equal(mac_print(&mac, buf), cases[i].printed);
	}
}

static void multicast_is_the_lowest_bit(void **state) {
	assert_true(mac_is_multicast(&(struct mac){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}));
	assert_true(mac_is_multicast(&(struct mac){{0x01, 0x80, 0xc2}}));
	assert_false(mac_is_multicast(&(struct mac){{0x02, 0xff}}));
}

// RFC 5952: sections 4.1 (leading zeros), 4.2.1 to 4.2.3 (the "::"), 4.3 (lower case), 5 (mapped).
static void addresses_are_printed_as_rfc_5952_says(void **state) {
	static const char *const cases[][2] = {{"192.0.2.1", "192.0.2.1"}, {"0.0.0.0", "0.0.0.0"},
		{"2001:0db8::0001", "2001:db8::1"}, {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"}, {"2001:DB8::ABCD", "2001:db8::abcd"},
		{"::", "::"}, {"::1", "::1"}, {"1::", "1::"}, {"0:0:0:0:0:0:1:2", "::1:2"},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.1"}, {"::ffff:c000:201", "::ffff:192.0.2.1"},
		{"::192.0.2.1", "::c000:201"}, {"64:ff9b::192.0.2.1", "64:ff9b::c000:201"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0"}, {"fe80:0:0:0:1::", "fe80::1:0:0:0"}};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct addr addr, again;
		char buf[ADDR_STRLEN];
		assert_int_equal(addr_parse(cases[i][0], &addr), 0);
		assert_string_equal(addr_print(&addr, buf), cases[i][1]);
		assert_int_equal(addr_parse(buf, &again), 0);
		assert_int_equal(addr_cmp(&addr, &again), 0);
	}
	char buf[ADDR_STRLEN];
	assert_string_equal(addr_print(&(struct addr){0}, buf), "none");
}

static void what_is_no_address_is_refused(void **state) {
	static const char *const cases[] = {"", " ", "192.0.2", "192.0.2.256", "192.0.2.1 ",
		"192.0.2.01", "0x7f.0.0.1", "192.0.2.1/24", ":::", "1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9", "1::2::3", "fe80::1%eth0", "12345::", "[::1]", "g::", "::1:"};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct addr addr = {.family = ADDR_V4, .bytes = {1, 2, 3, 4}}, before = addr;
		assert_int_equal(addr_parse(cases[i], &addr), -EINVAL);
		assert_memory_equal(&addr, &before, sizeof(addr));
	}
}

static void addresses_have_an_order(void **state) {
	static const char *const order[] = {"0.0.0.0", "10.0.0.1", "10.0.1.0", "255.255.255.255",
		"::", "::1", "1::", "2001:db8::", "ff00::"};
	for (size_t i = 0; i < COUNT(order); i++) {
		for (size_t j = 0; j < COUNT(order); j++) {
			struct addr a, b;
			assert_int_equal(addr_parse(order[i], &a), 0);
			assert_int_equal(addr_parse(order[j], &b), 0);
			int cmp = addr_cmp(&a, &b);
			assert_int_equal((cmp > 0) - (cmp < 0), (i > j) - (i < j));
		}
	}
}

static void prefixes_keep_their_host_bits(void **state) {
	static const char *const cases[][3] = {{"192.0.2.2/24", "192.0.2.2/24", "192.0.2.0/24"},
		{"192.0.2.2", "192.0.2.2/32", "192.0.2.2/32"},
		{"0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0"},
		{"255.255.255.255/1", "255.255.255.255/1", "128.0.0.0/1"},
		{"10.1.2.3/15", "10.1.2.3/15", "10.0.0.0/15"},
		{"2001:db8::2/64", "2001:db8::2/64", "2001:db8::/64"},
		{"::1", "::1/128", "::1/128"}, {"ffff::1/9", "ffff::1/9", "ff80::/9"}};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct prefix prefix, network;
		char buf[PREFIX_STRLEN];
		assert_int_equal(prefix_parse(cases[i][0], &prefix), 0);
		assert_string_equal(prefix_print(&prefix, buf), cases[i][1]);
		network = prefix_network(&prefix);
		assert_string_equal(prefix_print(&network, buf), cases[i][2]);
	}
}

static void what_is_no_prefix_is_refused(void **state) {
	static const char *const cases[] = {"", "/", "/24", "10.0.0.0/", "10.0.0.0/33", "::/129",
		"10.0.0.0/-1", "10.0.0.0/+1", "10.0.0.0/08", "10.0.0.0/8 ", "10.0.0.0/8/8",
		"10.0.0.0/255.0.0.0", "10.0.0.0/1000", "10/8", "10.0.0.0/4294967304",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/8"};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct prefix prefix;
		assert_int_equal(prefix_parse(cases[i], &prefix), -EINVAL);
	}
}

static void a_prefix_contains_its_addresses(void **state) {
	static const struct {
		const char *prefix, *addr;
		bool inside;
	} cases[] = {{"10.0.0.0/8", "10.255.255.255", true}, {"10.0.0.0/8", "11.0.0.0", false},
		{"10.1.2.3/8", "10.0.0.1", true}, {"0.0.0.0/0", "192.0.2.1", true},
		{"0.0.0.0/0", "::1", false}, {"::/0", "10.0.0.1", false},
		{"192.0.2.0/25", "192.0.2.127", true}, {"192.0.2.0/25", "192.0.2.128", false},
		{"192.0.2.1/32", "192.0.2.1", true}, {"192.0.2.1/32", "192.0.2.0", false},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::", false}};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct prefix prefix;
		struct addr addr;
		assert_int_equal(prefix_parse(cases[i].prefix, &prefix), 0);
		assert_int_equal(addr_parse(cases[i].addr, &addr), 0);
		assert_int_equal(prefix_contains(&prefix, &addr), cases[i].inside);
	}
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(macs_are_parsed_and_printed),
		cmocka_unit_test(multicast_is_the_lowest_bit),
		cmocka_unit_test(addresses_are_printed_as_rfc_5952_says),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(addresses_have_an_order),
		cmocka_unit_test(prefixes_keep_their_host_bits),
		cmocka_unit_test(what_is_no_prefix_is_refused),
		cmocka_unit_test(a_prefix_contains_its_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
