// SPDX-License-Identifier: BSD-3-Clause
#include "router/host/shortcut/key.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
// cmocka.h needs those above
#include <cmocka.h>

// 10.1.0.9:40000 → 10.1.0.1:80, ACK
static const uint8_t frame4[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x08, 0x00, //
	0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 1, 0, 9, 10, 1, 0, 1,    //
	0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0};
// [2001:db8::9]:40000 → [2001:db8::1]:80, ACK
static const uint8_t frame6[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x86, 0xdd, //
	0x60, 0, 0, 0, 0, 20, 6, 64,                                             //
	0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9,                 //
	0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,                 //
	0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0};

static void expect_ends(
	const struct shortcut_key *key, const char *want_local, const char *want_remote) {
	char local[SHORTCUT_END_STRLEN], remote[SHORTCUT_END_STRLEN];

	assert_string_equal(shortcut_end_print(key->local, key->local_port, local), want_local);
	assert_string_equal(shortcut_end_print(key->remote, key->remote_port, remote), want_remote);
}

// Both directions of a connection are one key.
static void test_ends(void **) {
	struct shortcut_key key;

	assert_true(shortcut_key_read(frame4, sizeof(frame4), false, &key));
	expect_ends(&key, "10.1.0.1:80", "10.1.0.9:40000");
	assert_true(shortcut_key_read(frame4, sizeof(frame4), true, &key));
	expect_ends(&key, "10.1.0.9:40000", "10.1.0.1:80");
	assert_true(shortcut_key_read(frame6, sizeof(frame6), false, &key));
	expect_ends(&key, "[2001:db8::1]:80", "[2001:db8::9]:40000");
	assert_true(shortcut_key_read(frame6, sizeof(frame6), true, &key));
	expect_ends(&key, "[2001:db8::9]:40000", "[2001:db8::1]:80");
}

static bool changed(const uint8_t *frame, size_t len, size_t at, uint8_t value) {
	uint8_t copy[sizeof(frame6)];
	struct shortcut_key key;

	memcpy(copy, frame, len);
	copy[at] = value;
	return shortcut_key_read(copy, len, false, &key);
}

static void test_what_is_none(void **) {
	static const struct {
		size_t at;
		uint8_t value;
	} cases4[] = {{12, 0x81}, {14, 0x46}, {14, 0x65}, {20, 0x20}, {20, 0x01}, {21, 1}, {23, 17},
		{47, 0x12}, {47, 0x11}, {47, 0x14}},
	  cases6[] = {
		  {12, 0x08}, {14, 0x40}, {20, 17}, {20, 44}, {67, 0x12}, {67, 0x11}, {67, 0x14}};

	assert_true(changed(frame4, sizeof(frame4), 47, 0x18)); // PSH
	for (unsigned i = 0; i < sizeof(cases4) / sizeof(cases4[0]); i++)
		assert_false(changed(frame4, sizeof(frame4), cases4[i].at, cases4[i].value));
	for (unsigned i = 0; i < sizeof(cases6) / sizeof(cases6[0]); i++)
		assert_false(changed(frame6, sizeof(frame6), cases6[i].at, cases6[i].value));
}

static void test_cut_off(void **) {
	struct shortcut_key key;

	for (size_t len = 0; len < sizeof(frame4); len++)
		assert_false(shortcut_key_read(frame4, len, false, &key));
	for (size_t len = 0; len < sizeof(frame6); len++)
		assert_false(shortcut_key_read(frame6, len, false, &key));
}

static void test_bulk(void **) {
	assert_true(shortcut_is_bulk(700, 1000000));
	assert_true(shortcut_is_bulk(2000000, 1000000000)); // an acknowledgement for every segment
	assert_false(shortcut_is_bulk(0, 0));
	assert_false(shortcut_is_bulk(20, 999999));
	assert_false(shortcut_is_bulk(1000000, 40000000)); // a flood of acknowledgements
	assert_false(shortcut_is_bulk(1000000, 499999999));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_bulk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
