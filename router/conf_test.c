// SPDX-License-Identifier: BSD-3-Clause
#include "lib/err.h"
#include "router/conf.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
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

// `routers` as a user would write it, in JSON with single quotes. Ports a to c exist; switch s has port c.
static int parse(const char *text, struct rtr_conf_all *all, struct err *err) {
	char *json = strdup(text);
	json_t *tree, *resolved = NULL, *routers;
	int rc;

	for (char *p = json; *p != '\0'; p++)
		*p = *p == '\'' ? '"' : *p;
	routers = json_loads(json, 0, NULL);
	assert_non_null(routers);
	tree = json_pack("{s:{s:{}, s:{}, s:{}}, s:{s:{s:{s:{}}}}, s:o}", "ports", "a", "b", "c",
		"switches", "s", "ports", "c", "routers", routers);
	memset(err, 0, sizeof(*err));
	memset(all, 0, sizeof(*all));
	rc = schema_validate(sections, tree, &resolved, err);
	if (rc == 0)
		rc = rtr_conf_parse(resolved, all, err);
	json_decref(resolved);
	json_decref(tree);
	free(json);
	return rc;
}

static void everything_is_read(void **) {
	struct rtr_conf_all all;
	const struct rtr_conf_iface *a, *v;
	const struct rtr_conf *r;
	struct err err;
	int rc = parse("{'r': {'interfaces': {"
		       "  'a': {'port': 'a', 'addresses': ['10.0.0.1/24', '2001:db8::1/64'], "
		       "'urpf': 'strict', 'mss': true,"
		       "        'dscp': 46, 'proxy_nd': true, 'neighbors': {'10.0.0.9': "
		       "'02:00:00:00:00:09'}},"
		       "  'v': {'switch': 's', 'vlan': 10, 'addresses': ['10.0.1.1/24'], 'mss': "
		       "1200, 'zone': 'z'}},"
		       " 'routes': {'0.0.0.0/0': {'via': '10.0.0.254'},"
		       "  '10.9.0.0/16': {'paths': [{'via': '10.0.0.2', 'weight': 3}, {'via': "
		       "'10.0.1.2'}]},"
		       "  '10.8.0.0/16': {'type': 'blackhole', 'distance': 200},"
		       "  '2001:db8:9::/48': {'interface': 'a'},"
		       "  '10.7.0.0/16': {'router': 'q'}},"
		       " 'rules': [{'from': '10.0.1.0/24', 'interface': 'v', 'dscp': 10, 'via': "
		       "'10.0.0.3'}],"
		       " 'limits': {'routes4': 1000000}},"
		       " 'q': {'interfaces': {'b': {'port': 'b', 'addresses': ['10.0.0.1/24'],"
		       " 'twin': {'namespace': 'mgmt'}}}}}",
		&all, &err);

	if (rc != 0)
		fail_msg("%s: %s", err.path, err.msg);
	r = rtr_conf_find(&all, "r");
	a = rtr_conf_iface(r, "a");
	v = rtr_conf_iface(r, "v");
	assert_int_equal(a->n_addrs, 2);
	assert_true(a->ipv6 && a->dad && !a->proxy_arp && a->proxy_nd && !v->ipv6);
	assert_int_equal(a->urpf, 1);
	assert_int_equal(a->mss, -1);
	assert_int_equal(a->dscp, 46);
	assert_int_equal(a->n_neighbors, 1);
	assert_int_equal(v->mss, 1200);
	assert_int_equal(v->dscp, -1);
	assert_int_equal(v->vlan, 10);
	assert_string_equal(v->zone, "z");
	assert_false(a->has_twin);
	const struct rtr_conf_iface *b = rtr_conf_iface(rtr_conf_find(&all, "q"), "b");
	assert_true(b->has_twin);
	assert_string_equal(b->twin_netns, "mgmt");
	assert_string_equal(b->twin_name, "b");
	assert_int_equal(r->n_routes, 5);
	assert_int_equal(r->limit4, 1000000);
	assert_int_equal(r->limit6, 16384);
	for (unsigned i = 0; i < r->n_routes; i++)
		if (r->routes[i].n_paths == 2) {
			assert_int_equal(r->routes[i].paths[0].weight, 3);
			assert_ptr_equal(rtr_conf_path_iface(r, &r->routes[i].paths[1]), v);
		}
	assert_int_equal(r->n_rules, 1);
	assert_int_equal(r->rules[0].dscp, 10);
	rtr_conf_fini(&all);
}

// Each mistake is refused with its path and words that say what to do.
static void mistakes_are_named(void **) {
	static const struct {
		const char *text, *path, *words;
	} cases[] = {
		{"{'r': {'interfaces': {'a': {}}}}", "routers.r.interfaces.a",
			"give `port`, or `switch` and `vlan`"},
		{"{'r': {'interfaces': {'a': {'switch': 's'}}}}", "routers.r.interfaces.a",
			"belong together"},
		{"{'r': {'interfaces': {'a': {'port': 'c'}}}}", "routers.r.interfaces.a",
			"is in switch s"},
		{"{'r': {'interfaces': {'a': {'port': 'a'}, 'b': {'port': 'a'}}}}",
			"routers.r.interfaces.b", "interface a has that port already"},
		{"{'r': {'interfaces': {'a': {'switch': 's', 'vlan': 9}, 'b': {'switch': 's', "
		 "'vlan': 9}}}}",
			"routers.r.interfaces.b", "has that VLAN already"},
		{"{'r': {'interfaces': {'a': {'port': 'a', 'addresses': ['224.0.0.1/24']}}}}",
			"routers.r.interfaces.a.addresses[1]", "unicast"},
		{"{'r': {'interfaces': {'a': {'port': 'a', 'addresses': ['10.0.0.0/24']}}}}",
			"routers.r.interfaces.a.addresses[1]", "the subnet itself"},
		{"{'r': {'interfaces': {'a': {'port': 'a', 'addresses': ['10.0.0.1/24']},"
		 " 'b': {'port': 'b', 'addresses': ['10.0.0.2/16']}}}}",
			"routers.r.interfaces.b.addresses", "overlaps a subnet of interface a"},
		{"{'r': {'interfaces': {'a': {'port': 'a', 'mtu': 1000, 'addresses': "
		 "['2001:db8::1/64']}}}}",
			"routers.r.interfaces.a", "IPv6 needs 1280"},
		{"{'r': {'routes': {'0.0.0.0/0': {'via': '10.0.0.1'}}}}",
			"routers.r.routes[\"0.0.0.0/0\"]", "is on no subnet"},
		{"{'r': {'routes': {'0.0.0.0/0': {}}}}", "routers.r.routes[\"0.0.0.0/0\"]",
			"needs one way"},
		{"{'r': {'routes': {'10.0.0.1/8': {'type': 'blackhole'}}}}",
			"routers.r.routes[\"10.0.0.1/8\"]", "bits beyond its length"},
		{"{'r': {'routes': {'10.0.0.0/8': {'router': 'r'}}}}",
			"routers.r.routes[\"10.0.0.0/8\"]", "cannot leak to itself"},
		{"{'r': {'interfaces': {'a': {'port': 'a', 'addresses': ['10.0.0.1/24']}},"
		 " 'routes': {'::/0': {'via': '10.0.0.2'}}}}",
			"routers.r.routes[\"::/0\"]", "other address family"},
		{"{'r': {'rules': [{'from': '10.0.0.0/8'}]}}", "routers.r.rules[1]", "needs `via`"},
		{"{'r': {'interfaces': {'a': {'port': 'a', 'addresses': ['10.0.0.1/24']}},"
		 " 'rules': [{'from': '2001:db8::/32', 'via': '10.0.0.2'}]}}",
			"routers.r.rules[1]", "of the family of `from` and `to`"},
		{"{'r': {'interfaces': {'a': {'port': 'a', 'addresses': ['10.0.0.1/24'],"
		 " 'neighbors': {'10.1.0.1': '02:00:00:00:00:01'}}}}}",
			"routers.r.interfaces.a.neighbors[\"10.1.0.1\"]", "on no subnet"},
	};
	struct rtr_conf_all all;
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(parse(cases[i].text, &all, &err), -EINVAL);
		if (strcmp(err.path, cases[i].path) != 0 || strstr(err.msg, cases[i].words) == NULL)
			fail_msg("%s: got %s: %s", cases[i].text, err.path, err.msg);
	}
}

static void the_same_subnet_in_two_routers(void **) {
	struct rtr_conf_all all;
	struct err err;

	assert_int_equal(
		parse("{'r': {'interfaces': {'a': {'port': 'a', 'addresses': ['10.0.0.1/24']}}},"
		      " 'q': {'interfaces': {'b': {'port': 'b', 'addresses': ['10.0.0.1/24']}}}}",
			&all, &err),
		0);
	rtr_conf_fini(&all);
}

// A next hop says of which family the packets are.
static void a_rule_without_prefixes(void **) {
	struct rtr_conf_all all;
	struct err err;

	assert_int_equal(parse("{'r': {'interfaces': {'a': {'port': 'a', 'addresses': "
			       "['10.0.0.1/24', '2001:db8::1/64']}}, 'rules': [{'via': "
			       "'2001:db8::2', 'interface': 'a'}]}}",
				 &all, &err),
		0);
	assert_int_equal(all.routers[0].rules[0].from.addr.family, ADDR_V6);
	assert_int_equal(all.routers[0].rules[0].from.len, 0);
	rtr_conf_fini(&all);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_read),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(the_same_subnet_in_two_routers),
		cmocka_unit_test(a_rule_without_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
