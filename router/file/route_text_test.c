// SPDX-License-Identifier: BSD-3-Clause
#include "router/file/route_text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct route_head head;
static struct route_rest rest;

static int read_line(const char *text) {
	static char line[2048];
	const char *why = NULL;

	snprintf(line, sizeof(line), "%s", text);
	int rc = route_text_head(line, &head, &why);
	if (rc == 0 && head.prefix.addr.family != ADDR_NONE)
		rc = route_text_rest(head.rest, &rest, &why);
	assert_true(rc == 0 || why);
	return rc;
}

static void assert_prefix(const char *want) {
	char text[PREFIX_STRLEN];

	assert_string_equal(prefix_print(&head.prefix, text), want);
}

static void assert_path(unsigned i, const char *via, const char *iface, unsigned weight) {
	char text[ADDR_STRLEN] = "";

	assert_true(i < rest.n_paths);
	if (rest.paths[i].via.family)
		addr_print(&rest.paths[i].via, text);
	assert_string_equal(text, via);
	assert_string_equal(rest.paths[i].iface, iface);
	assert_int_equal(rest.paths[i].weight, weight);
}

static void what_ip_route_prints(void **) {
	assert_int_equal(read_line("192.0.2.0/24 via 10.0.0.1 dev wan proto bgp metric 20 "), 0);
	assert_prefix("192.0.2.0/24");
	assert_int_equal(rest.metric, 20);
	assert_int_equal(rest.n_paths, 1);
	assert_path(0, "10.0.0.1", "wan", 1);
	assert_int_equal(read_line("default via fe80::1 dev wan pref medium"), 0);
	assert_prefix("::/0");
	assert_path(0, "fe80::1", "wan", 1);
	assert_int_equal(read_line("default via 10.0.0.1"), 0);
	assert_prefix("0.0.0.0/0");
	assert_int_equal(read_line("blackhole 2001:db8::/32 dev lo metric 1024 pref medium\r"), 0);
	assert_int_equal(head.kind, RTR_ROUTE_BLACKHOLE);
	assert_int_equal(read_line("203.0.113.7 dev lan scope link"), 0);
	assert_prefix("203.0.113.7/32");
	assert_path(0, "", "lan", 1);
	assert_int_equal(read_line("198.51.100.0/24 proto bgp metric 20 \\\tnexthop via 10.0.0.1 "
				   "dev a weight 1 "
				   "\\\tnexthop via inet6 fe80::2 dev b weight 3 onlink"),
		0);
	assert_int_equal(rest.n_paths, 2);
	assert_path(0, "10.0.0.1", "a", 1);
	assert_path(1, "fe80::2", "b", 3);
}

static void what_is_no_route(void **) {
	static const char *const empty[] = {"", "  \t", "# 10.0.0.0/8 via 10.0.0.1", "\r"};
	static const char *const wrong[] = {"10.0.0.0/33 via 10.0.0.1", "10.0.0.1/24 via 10.0.0.1",
		"wan", "10.0.0.0/8 via", "10.0.0.0/8 via wan", "10.0.0.0/8 over 10.0.0.1",
		"10.0.0.0/8 via 10.0.0.1 metric -1", "10.0.0.0/8 via 10.0.0.1 metric 4294967296",
		"10.0.0.0/8 via 10.0.0.1 weight 0",
		"10.0.0.0/8 dev an-interface-with-far-too-long-a-name", "blackhole"};

	for (unsigned i = 0; i < sizeof(empty) / sizeof(*empty); i++) {
		assert_int_equal(read_line(empty[i]), 0);
		assert_int_equal(head.prefix.addr.family, ADDR_NONE);
	}
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_true(read_line(wrong[i]) < 0);
}

static void too_much(void **) {
	char line[2048];
	size_t n = (size_t)snprintf(line, sizeof(line), "10.0.0.0/8");

	for (unsigned i = 0; i < RTR_CONF_PATHS; i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n, " nexthop dev a");
	assert_int_equal(read_line(line), 0);
	assert_int_equal(rest.n_paths, RTR_CONF_PATHS);
	snprintf(line + n, sizeof(line) - n, " nexthop dev a");
	assert_true(read_line(line) < 0);
	memset(line, 'x', sizeof(line));
	memcpy(line, "10.0.0.0/8 ", 11);
	line[sizeof(line) - 1] = '\0';
	assert_true(read_line(line) < 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_ip_route_prints),
		cmocka_unit_test(what_is_no_route),
		cmocka_unit_test(too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
