// SPDX-License-Identifier: BSD-3-Clause
// What the rules of NAT are read as, and how mistakes in them are told.
#include "firewall/nat/conf.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct all {
	json_t *tree;
	struct fw_conf fw;
	struct nat_conf nat;
};

// Zones come from interfaces, which another module checks.
static int parse(const char *rule, struct all *all, struct err *err) {
	static const struct schema_row *const sections[] = {&fw_sections[0], &fw_sections[1], NULL};
	json_t *tree = json_pack("{s:{s:{s:[s]}}, s:{s:[o]}}", "sets", "friends", "addresses",
		"198.51.100.0/24", "firewall", "nat", json_loads(rule, 0, NULL));
	json_t *routers = json_pack("{s:{s:{s:{s:s}, s:{s:s}}}}", "main", "interfaces", "wan",
		"zone", "internet", "lan", "zone", "staff");

	*all = (struct all){0};
	int rc = schema_validate(sections, tree, &all->tree, err);
	json_decref(tree);
	if (rc == 0)
		json_object_set(all->tree, "routers", routers);
	json_decref(routers);
	rc = rc ? rc : fw_conf_parse(all->tree, &all->fw, err);
	return rc ? rc : nat_conf_parse(all->tree, &all->fw, &all->nat, err);
}

static void end(struct all *all) {
	nat_conf_fini(&all->nat);
	fw_conf_fini(&all->fw);
	json_decref(all->tree);
}

static void refused(const char *rule, const char *path, const char *words) {
	struct all all;
	struct err err = {0};

	assert_true(parse(rule, &all, &err) < 0);
	assert_string_equal(err.path, path);
	if (strstr(err.msg, words) == NULL)
		fail_msg("\"%s\" is not in: %s", words, err.msg);
	end(&all);
}

static void mistakes_are_told(void **) {
	refused("{\"to\": \"internet\"}", "firewall.nat[1]", "give `masquerade`");
	refused("{\"to\": \"internet\", \"masquerade\": true, \"dnat\": \"10.0.0.1\"}",
		"firewall.nat[1]", "exclude each other");
	refused("{\"masquerade\": true}", "firewall.nat[1]", "`to` is missing");
	refused("{\"to\": \"staf\", \"masquerade\": true}", "firewall.nat[1].to", "there are:");
	refused("{\"to\": \"internet\", \"snat\": \"10.0.0\"}", "firewall.nat[1].snat",
		"no address, prefix or range");
	refused("{\"to\": \"internet\", \"snat\": \"10.0.0.0/20\"}", "firewall.nat[1]",
		"a pool may have 1000");
	refused("{\"dnat\": \"10.0.0.1:99999\"}", "firewall.nat[1].dnat", "is no address");
	refused("{\"dnat\": \"10.0.0.1:0\"}", "firewall.nat[1].dnat", "is no address");
	refused("{\"dnat\": \"[::1]x\"}", "firewall.nat[1].dnat", "is no address");
	refused("{\"dnat\": \"10.0.0.1:90-80\"}", "firewall.nat[1].dnat", "turn the two around");
	refused("{\"dnat\": \"10.0.0.1:80\"}", "firewall.nat[1]", "say `proto`");
	refused("{\"dnat\": \"10.0.0.1:80-89\", \"proto\": \"tcp\", \"dport\": 80}",
		"firewall.nat[1]", "10 ports stand for as many");
	refused("{\"dnat\": \"10.0.0.1\", \"family\": \"ipv6\"}", "firewall.nat[1]", "family");
	refused("{\"to\": \"internet\", \"static\": {\"external\": \"192.0.2.0/28\", "
		"\"internal\": \"10.0.0.0/27\"}}",
		"firewall.nat[1]", "one length");
	refused("{\"to\": \"internet\", \"src\": \"10.0.0.0/8\", \"static\": {\"external\": "
		"\"192.0.2.0/28\", \"internal\": \"10.0.0.0/28\"}}",
		"firewall.nat[1]", "remove `src`");
	refused("{\"to\": \"internet\", \"masquerade\": true, \"ports\": \"9-x\"}",
		"firewall.nat[1].ports", "no range of ports");
	refused("{\"to\": \"internet\", \"masquerade\": true, \"ports\": \"2000-2099\", "
		"\"block\": 512}",
		"firewall.nat[1]", "at least 512");
}

static void what_a_rule_is_read_as(void **) {
	struct all all;
	struct err err = {0};

	assert_int_equal(
		parse("{\"name\": \"out\", \"from\": \"staff\", \"to\": \"internet\", \"src\": "
		      "\"10.0.0.0/8\", \"masquerade\": true, \"mapping\": \"overload\", "
		      "\"filtering\": \"endpoint-independent\", \"block\": 128}",
			&all, &err),
		0);
	const struct nat_rule *r = &all.nat.rules[0];
	assert_int_equal(r->kind, NAT_MASQUERADE);
	assert_true(r->options.overload && r->options.open && r->options.hairpin);
	assert_int_equal(r->options.first, 1024); // blocks are of a range
	assert_int_equal(r->options.blocks, 4);
	assert_int_equal(r->match.n_from, 1);
	end(&all);

	assert_int_equal(parse("{\"proto\": \"tcp\", \"dport\": \"8000-8099\", \"dnat\": "
			       "\"10.0.20.10:9000-9099\"}",
				 &all, &err),
		0);
	r = &all.nat.rules[0];
	assert_true(r->local && r->match.only4 && !r->match.only6);
	assert_int_equal(nat_target_port(r, 8000), 9000);
	assert_int_equal(nat_target_port(r, 8099), 9099);
	end(&all);

	assert_int_equal(
		parse("{\"dst\": \"2001:db8::7\", \"dnat\": \"2001:db8:20::10\"}", &all, &err), 0);
	r = &all.nat.rules[0];
	assert_true(!r->local && r->match.only6 && r->target.first == 0);
	assert_int_equal(nat_target_port(r, 443), 443);
	end(&all);

	assert_int_equal(parse("{\"to\": \"internet\", \"masquerade\": false, \"dst\": "
			       "\"@friends\"}",
				 &all, &err),
		0);
	assert_int_equal(all.nat.rules[0].kind, NAT_EXEMPT);
	end(&all);
}

static void targets(void **) {
	struct nat_target t;

	assert_int_equal(nat_target_parse("[2001:db8::10]:80", &t), 0);
	assert_true(t.addr.family == ADDR_V6 && t.first == 80 && t.last == 80);
	assert_int_equal(nat_target_parse("[2001:db8::10]", &t), 0);
	assert_int_equal(t.first, 0);
	assert_int_equal(nat_target_parse("10.0.0.1:80-89", &t), 0);
	assert_true(t.first == 80 && t.last == 89);
	assert_int_equal(nat_target_parse("10.0.0.1:", &t), -EINVAL);
	assert_int_equal(nat_target_parse("", &t), -EINVAL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(what_a_rule_is_read_as),
		cmocka_unit_test(targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
