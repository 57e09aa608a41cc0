// SPDX-License-Identifier: BSD-3-Clause
#include "lib/err.h"
#include "router/ra/ra_conf.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct schema_row any = {.name = "any", .type = SCHEMA_ANY};
static const struct schema_row ports_row = {
	.name = "ports", .type = SCHEMA_MAP, .elem = &any, .help = "ports"};
static const struct schema_row switches_row = {
	.name = "switches", .type = SCHEMA_MAP, .elem = &any, .help = "switches"};
static const struct schema_row *const sections[] = {
	&ports_row, &switches_row, &rtr_sections[0], NULL};

// Interface a (10.0.0.1/24, 2001:db8::1/64) with this `ra`, in JSON with single quotes; b has no address.
static int parse(const char *ra, struct rtr_conf_all *all, struct err *err) {
	static const char frame[] = "{'ports': {'a': {}, 'b': {}}, 'routers': {'r': {'interfaces': "
				    "{'a': {'port': 'a', 'addresses': ['10.0.0.1/24', "
				    "'2001:db8::1/64'], 'ra': %s}, 'b': {'port': 'b'}}}}}";
	size_t size = sizeof(frame) + strlen(ra);
	char *json = malloc(size);
	json_t *tree, *resolved = NULL;
	int rc;

	snprintf(json, size, frame, ra);
	for (char *p = json; *p != '\0'; p++)
		*p = *p == '\'' ? '"' : *p;
	tree = json_loads(json, 0, NULL);
	assert_non_null(tree);
	*err = (struct err){0};
	*all = (struct rtr_conf_all){0};
	rc = schema_validate(sections, tree, &resolved, err);
	if (rc == 0)
		rc = rtr_conf_parse(resolved, all, err);
	json_decref(resolved);
	json_decref(tree);
	free(json);
	return rc;
}

static const struct ra_conf *parsed(const char *text, struct rtr_conf_all *all) {
	struct err err;

	if (parse(text, all, &err) != 0)
		fail_msg("%s: %s", err.path, err.msg);
	return rtr_conf_iface(&all->routers[0], "a")->ra;
}

static void everything_is_read(void **) {
	struct rtr_conf_all all;
	const struct ra_conf *ra = parsed(
		"{'interval': '30s', 'lifetime': '90s', 'preference': 'high', "
		"'managed': true, 'other': true, 'hop_limit': 32, 'mtu': 1400, 'reachable': '30s', "
		"'retrans': '1s', 'dns': ['2001:db8::53'], 'search': ['a.example'], "
		"'routes': {'2001:db8:6::1/48': {'preference': 'low', 'lifetime': '1h'}}, "
		"'prefixes': {'2001:db8:5::1/64': "
		"{'autonomous': false, 'valid': '1h', 'preferred': '10m'}}}",
		&all);

	assert_int_equal(ra->interval_ns, 30000000000);
	assert_int_equal(ra->said.lifetime_s, 90);
	assert_int_equal(ra->said.preference, 1);
	assert_true(ra->said.managed && ra->said.other);
	assert_int_equal(ra->said.hop_limit, 32);
	assert_int_equal(ra->said.mtu, 1400);
	assert_int_equal(ra->said.reachable_ms, 30000);
	assert_int_equal(ra->said.retrans_ms, 1000);
	assert_int_equal(ra->said.n_servers, 1);
	assert_int_equal(ra->said.servers[0].lifetime_s, 90);
	assert_int_equal(ra->said.n_domains, 1);
	assert_string_equal(ra->said.domains[0].name, "a.example");
	assert_int_equal(ra->said.domains[0].lifetime_s, 90);
	assert_int_equal(ra->said.n_routes, 1);
	assert_int_equal(ra->said.routes[0].preference, -1);
	assert_int_equal(ra->said.routes[0].lifetime_s, 3600);
	assert_int_equal(ra->said.routes[0].prefix.addr.bytes[15], 0);
	assert_false(ra->own_prefixes);
	assert_int_equal(ra->said.n_prefixes, 1);
	assert_true(ra->said.prefixes[0].on_link && !ra->said.prefixes[0].autonomous);
	assert_int_equal(ra->said.prefixes[0].valid_s, 3600);
	assert_int_equal(ra->said.prefixes[0].preferred_s, 600);
	assert_int_equal(ra->said.prefixes[0].prefix.addr.bytes[15], 0);
	rtr_conf_fini(&all);
}

static void little_is_enough(void **) {
	struct rtr_conf_all all;
	const struct ra_conf *ra = parsed("{}", &all);

	assert_int_equal(ra->interval_ns, 600000000000);
	assert_int_equal(ra->said.lifetime_s, 1800);
	assert_int_equal(ra->said.preference, 0);
	assert_true(ra->own_prefixes);
	assert_null(rtr_conf_iface(&all.routers[0], "b")->ra);
	rtr_conf_fini(&all);
}

#define AT "routers.r.interfaces.a.ra"

static void mistakes_are_named(void **) {
	static const struct {
		const char *text, *path, *words;
	} cases[] = {
		{"{'lifetime': '60s'}", AT, "forget the router between two advertisements"},
		{"{'interval': '3s'}", AT ".interval", "out of range"},
		{"{'lifetime': '3h'}", AT ".lifetime", "out of range"},
		{"{'mtu': 1279}", AT ".mtu", "out of range"},
		{"{'dns': ['10.0.0.53']}", AT ".dns[1]", "IPv6 addresses only"},
		{"{'prefixes': {'10.0.0.0/8': {}}}", AT ".prefixes[\"10.0.0.0/8\"]",
			"IPv6 unicast"},
		{"{'prefixes': {'fe80::/64': {}}}", AT ".prefixes[\"fe80::/64\"]", "IPv6 unicast"},
		{"{'prefixes': {'2001:db8::/64': {'valid': '1h'}}}",
			AT ".prefixes[\"2001:db8::/64\"]", "longer than valid"},
		{"{'search': ['a b']}", AT ".search[1]", "is no domain"},
		{"{'search': ['a', 'b', 'c', 'd', 'e']}", AT ".search", "at most 4"},
		{"{'routes': {'10.0.0.0/8': {}}}", AT ".routes[\"10.0.0.0/8\"]", "IPv6 unicast"},
		{"{'routes': {'::/0': {}}}", AT ".routes[\"::/0\"]", "`lifetime` and `preference`"},
		{"{}, 'accept_ra': true", "routers.r.interfaces.a.accept_ra",
			"remove `ra` or `accept_ra`"},
		{"{}, 'ipv6': false}, 'c': {'port': 'b', 'ra': {}", "routers.r.interfaces.c.ra",
			"has no IPv6"},
	};
	struct rtr_conf_all all;
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(parse(cases[i].text, &all, &err), -EINVAL);
		if (strcmp(err.path, cases[i].path) != 0 || strstr(err.msg, cases[i].words) == NULL)
			fail_msg("%s: got %s: %s", cases[i].text, err.path, err.msg);
	}
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_read),
		cmocka_unit_test(little_is_enough),
		cmocka_unit_test(mistakes_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
