// SPDX-License-Identifier: BSD-3-Clause
#include "switch/vlan.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ---- sets ------------------------------------------------------------------------------------------------

static int parse(const char *json, struct vlan_set *set, struct err *err) {
	json_t *list = json_loads(json, 0, NULL);
	int rc;

	assert_non_null(list);
	memset(set, 0, sizeof(*set));
	memset(err, 0, sizeof(*err));
	rc = vlan_set_parse(list, "p.trunk", set, err);
	json_decref(list);
	return rc;
}

static void set_is_read_and_printed(void **) {
	struct vlan_set set;
	struct err err;
	json_t *text;

	assert_int_equal(parse("[10, \"20-29\", \"7\", 4094, 1, 2]", &set, &err), 0);
	assert_int_equal(vlan_set_count(&set), 15);
	text = vlan_set_print(&set);
	assert_string_equal(json_string_value(text), "1-2,7,10,20-29,4094");
	json_decref(text);
	assert_int_equal(parse("[]", &set, &err), 0);
	assert_int_equal(vlan_set_count(&set), 0);
}

static void bad_sets_are_refused(void **) {
	static const struct {
		const char *json, *path, *says;
	} bad[] = {
		{"[0]", "p.trunk[1]", "1..4094"},
		{"[1, 4095]", "p.trunk[2]", "1..4094"},
		{"[-1]", "p.trunk[1]", "1..4094"},
		{"[99999999999]", "p.trunk[1]", "1..4094"},
		{"[\"20-10\"]", "p.trunk[1]", "write \"10-20\""},
		{"[\"10-4095\"]", "p.trunk[1]", "1..4094"},
		{"[\"ten\"]", "p.trunk[1]", "expected a VLAN id"},
		{"[\"10-\"]", "p.trunk[1]", "expected a VLAN id"},
		{"[\"-10\"]", "p.trunk[1]", "expected a VLAN id"},
		{"[\"10 \"]", "p.trunk[1]", "expected a VLAN id"},
		{"[\"\"]", "p.trunk[1]", "expected a VLAN id"},
		{"[\"99999999999999999999\"]", "p.trunk[1]", "1..4094"},
		{"[1.5]", "p.trunk[1]", "expected a VLAN id"},
		{"[true]", "p.trunk[1]", "expected a VLAN id"},
		{"[[10]]", "p.trunk[1]", "expected a VLAN id"},
	};
	struct vlan_set set;
	struct err err;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_true(parse(bad[i].json, &set, &err) < 0);
		assert_string_equal(err.path, bad[i].path);
		assert_non_null(strstr(err.msg, bad[i].says));
	}
}

// ---- classification ----------------------------------------------------------------------------------------

#define C_TAG __builtin_bswap16(0x8100)
#define S_TAG __builtin_bswap16(0x88a8)
#define IP4   __builtin_bswap16(0x0800)

static struct vlan_info vlans[VLAN_COUNT];

// Port 3 is in 10 and 20; 100 is a service VLAN.
static int setup(void **) {
	for (unsigned v = 0; v < VLAN_COUNT; v++)
		vlans[v] = (struct vlan_info){.tpid = v == 100 ? S_TAG : C_TAG};
	vlans[10].members = vlans[20].members = vlans[100].members = 1 << 3;
	return 0;
}

static void classifies_every_kind(void **) {
	static const struct vlan_port access = {VLAN_ACCESS, 10, 0xa888, 3};
	static const struct vlan_port trunk = {VLAN_TRUNK, 0, 0xa888, 3};
	static const struct vlan_port native = {VLAN_TRUNK, 20, 0xa888, 3};
	static const struct vlan_port qinq = {VLAN_QINQ, 100, 0xa888, 3};
	static const struct {
		const struct vlan_port *port;
		uint16_t type, tci; // tci in host order
		unsigned len;
		enum vlan_verdict verdict;
		uint16_t vlan, prio;
		bool tagged;
	} rows[] = {
		{&access, IP4, 0x4500, 60, VLAN_OK, 10, 0, false},
		{&access, IP4, 0x4500, 14, VLAN_OK, 10, 0, false},
		{&access, C_TAG, 0xb000, 60, VLAN_OK, 10, 0xb000, true}, // priority tag
		{&access, C_TAG, 0x000a, 60, VLAN_BAD_TAGGED, 0, 0, true},
		{&access, C_TAG, 0x0014, 60, VLAN_BAD_TAGGED, 0, 0, true},
		{&access, S_TAG, 0x000a, 60, VLAN_BAD_TAGGED, 0, 0, true},
		{&access, C_TAG, 0x0000, 17, VLAN_BAD_TRUNCATED, 0, 0, false},
		{&trunk, IP4, 0x4500, 60, VLAN_BAD_UNTAGGED, 0, 0, false},
		{&trunk, C_TAG, 0xe000, 60, VLAN_BAD_UNTAGGED, 0, 0xe000, true},
		{&trunk, C_TAG, 0x600a, 60, VLAN_OK, 10, 0x6000, true},
		{&trunk, C_TAG, 0x1014, 60, VLAN_OK, 20, 0x1000, true},
		{&trunk, C_TAG, 0x001e, 60, VLAN_BAD_MEMBER, 0, 0, true},
		{&trunk, C_TAG, 0x0fff, 60, VLAN_BAD_MEMBER, 0, 0, true},
		{&trunk, S_TAG, 0x000a, 60, VLAN_BAD_MEMBER, 0, 0, true},
		{&trunk, S_TAG, 0x0064, 60, VLAN_OK, 100, 0, true},
		{&trunk, C_TAG, 0x0064, 60, VLAN_BAD_MEMBER, 0, 0, true},
		{&trunk, C_TAG, 0x000a, 18, VLAN_OK, 10, 0, true},
		{&trunk, C_TAG, 0x000a, 16, VLAN_BAD_TRUNCATED, 0, 0, false},
		{&native, IP4, 0x4500, 60, VLAN_OK, 20, 0, false},
		{&native, C_TAG, 0x2000, 60, VLAN_OK, 20, 0x2000, true},
		{&native, C_TAG, 0x0014, 60, VLAN_OK, 20, 0, true},
		{&native, C_TAG, 0x000a, 60, VLAN_OK, 10, 0, true},
		{&qinq, IP4, 0x4500, 60, VLAN_OK, 100, 0, false},
		{&qinq, C_TAG, 0xa00a, 60, VLAN_OK, 100, 0xa000, false}, // the customer's own
		{&qinq, C_TAG, 0x0000, 60, VLAN_OK, 100, 0, false},
		{&qinq, S_TAG, 0x0064, 60, VLAN_OK, 100, 0, false},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct vlan_class got;

		assert_int_equal(vlan_classify(rows[i].port, vlans, rows[i].type,
					 vlan_swap(rows[i].tci), rows[i].len, &got),
			rows[i].verdict);
		assert_int_equal(!!(got.tag & VLAN_TAGGED), rows[i].tagged);
		if (rows[i].verdict != VLAN_OK)
			continue;
		assert_int_equal(got.vlan, rows[i].vlan);
		assert_int_equal(got.tag & VLAN_PRIO, rows[i].prio);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_is_read_and_printed),
		cmocka_unit_test(bad_sets_are_refused),
		cmocka_unit_test_setup(classifies_every_kind, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
