// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/arc_order.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
// cmocka.h needs the above
#include <cmocka.h>

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_order(const struct arc_member *members, unsigned n, const char *want) {
	char got[256] = "";

	for (unsigned i = 0; i < n; i++) {
		strncat(got, i ? " " : "", sizeof(got) - strlen(got) - 1);
		strncat(got, members[i].name, sizeof(got) - strlen(got) - 1);
	}
	assert_string_equal(got, want);
}

static void test_by_name_without_wishes(void **) {
	struct arc_member m[] = {{"c"}, {"a"}, {"b"}};

	assert_int_equal(arc_order("l2-in", m, 3, NULL, NULL), 0);
	expect_order(m, 3, "a b c");
}

static void test_wishes_win_over_names(void **) {
	struct arc_member m[] = {
		{"acl", NAMES("police")}, {"police"}, {"sample", NULL, NAMES("acl")}};

	assert_int_equal(arc_order("l2-in", m, 3, NULL, NULL), 0);
	expect_order(m, 3, "police sample acl");
}

static void test_independent_of_link_order(void **) {
	struct arc_member a[] = {{"x", NAMES("z")}, {"y"}, {"z"}, {"w", NAMES("x")}};
	struct arc_member b[] = {{"w", NAMES("x")}, {"z"}, {"x", NAMES("z")}, {"y"}};

	assert_int_equal(arc_order("l3-in", a, 4, NULL, NULL), 0);
	assert_int_equal(arc_order("l3-in", b, 4, NULL, NULL), 0);
	expect_order(a, 4, "y z x w");
	expect_order(b, 4, "y z x w");
}

static void test_end_is_last(void **) {
	struct arc_member m[] = {{"eth_input"}, {"zebra"}, {"hello", NULL, NAMES("eth_input")}};
	struct arc_member alone[] = {{"eth_input"}};

	assert_int_equal(arc_order("port-in", m, 3, "eth_input", NULL), 0);
	expect_order(m, 3, "hello zebra eth_input");
	assert_int_equal(arc_order("port-in", alone, 1, "eth_input", NULL), 0);
}

static void test_after_the_end_is_a_loop(void **) {
	struct arc_member m[] = {{"eth_input"}, {"late", NAMES("eth_input")}};
	struct err err = {0};

	assert_int_equal(arc_order("port-in", m, 2, "eth_input", &err), -ELOOP);
	assert_non_null(strstr(err.msg, "loop"));
}

static void test_loop_names_node_and_arc(void **) {
	struct arc_member m[] = {{"a", NAMES("c")}, {"b", NAMES("a")}, {"c", NAMES("b")}, {"free"}};
	struct err err = {0};

	assert_int_equal(arc_order("l3-out", m, 4, NULL, &err), -ELOOP);
	assert_string_equal(err.msg, "node a on arc l3-out: after and before form a loop");
}

static void test_unknown_neighbour(void **) {
	struct arc_member m[] = {{"a", NULL, NAMES("nobody")}};
	struct err err = {0};

	assert_int_equal(arc_order("l3-in", m, 1, NULL, &err), -ENOENT);
	assert_string_equal(err.msg, "node a wants to be before nobody, which is not on arc l3-in");
}

static void test_limit(void **) {
	static char names[64][8];
	struct arc_member m[65];
	struct err err = {0};

	for (int i = 0; i < 64; i++) {
		snprintf(names[i], sizeof(names[i]), "n%02d", i);
		m[63 - i] = (struct arc_member){names[i]};
	}
	assert_int_equal(arc_order("local", m, 64, "n00", &err), 0);
	assert_string_equal(m[0].name, "n01");
	assert_string_equal(m[63].name, "n00");
	assert_int_equal(arc_order("local", m, 65, NULL, &err), -E2BIG);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_name_without_wishes),
		cmocka_unit_test(test_wishes_win_over_names),
		cmocka_unit_test(test_independent_of_link_order),
		cmocka_unit_test(test_end_is_last),
		cmocka_unit_test(test_after_the_end_is_a_loop),
		cmocka_unit_test(test_loop_names_node_and_arc),
		cmocka_unit_test(test_unknown_neighbour),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
