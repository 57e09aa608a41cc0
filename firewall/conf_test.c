// SPDX-License-Identifier: BSD-3-Clause
// What sets, rules and tests are read as, and how mistakes in them are told.
#include "firewall/conf.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *tree_of(const char *sets, const char *firewall) {
	json_error_t error;
	json_t *tree = json_pack("{s:o, s:o}", "sets", json_loads(sets, 0, &error), "firewall",
		json_loads(firewall, 0, &error));

	assert_non_null(tree);
	return tree;
}

// The interfaces that zones come from; `routers` is another module's section.
static json_t *with_routers(json_t *resolved) {
	static const struct schema_row others[] = {
		{.name = "ports", .type = SCHEMA_ANY, .help = "not looked at"},
		{.name = "switches", .type = SCHEMA_ANY, .help = "not looked at"},
		{0},
	};
	const struct schema_row *const sections[] = {
		&rtr_sections[0], &others[0], &others[1], NULL};
	json_error_t error;
	json_t *whole = NULL;
	struct err err = {0};
	json_t *tree = json_loads(
		"{\"ports\": {\"w\": {}, \"l\": {}}, \"routers\": {\"main\": {\"interfaces\": {"
		"\"wan\": {\"port\": \"w\", \"zone\": \"internet\", \"addresses\": "
		"[\"192.0.2.2/24\", \"2001:db8::2/64\"]},"
		"\"lan\": {\"port\": \"l\", \"zone\": \"staff\", \"addresses\": "
		"[\"10.0.10.1/24\"]}},"
		"\"routes\": {\"0.0.0.0/0\": {\"via\": \"192.0.2.1\"},"
		"\"10.99.0.0/16\": {\"type\": \"blackhole\"}}}}}",
		0, &error);

	assert_int_equal(schema_validate(sections, tree, &whole, &err), 0);
	json_object_set(resolved, "routers", json_object_get(whole, "routers"));
	json_decref(whole);
	json_decref(tree);
	return resolved;
}

static int parse(const char *sets, const char *firewall, struct fw_conf *conf, struct err *err,
	json_t **kept) {
	static const struct schema_row *const sections[] = {&fw_sections[0], &fw_sections[1], NULL};
	json_t *tree = tree_of(sets, firewall);
	int rc = schema_validate(sections, tree, kept, err);

	json_decref(tree);
	*conf = (struct fw_conf){0};
	if (rc != 0) {
		*kept = NULL;
		return rc;
	}
	return fw_conf_parse(with_routers(*kept), conf, err);
}

static void refused(const char *sets, const char *firewall, const char *path, const char *words) {
	struct fw_conf conf;
	struct err err = {0};
	json_t *kept = NULL;

	assert_true(parse(sets, firewall, &conf, &err, &kept) < 0);
	assert_string_equal(err.path, path);
	if (strstr(err.msg, words) == NULL)
		fail_msg("\"%s\" is not in: %s", words, err.msg);
	fw_conf_fini(&conf);
	json_decref(kept);
}

#define RULE(fields) "{\"rules\": [{\"action\": \"accept\", " fields "}]}"

static void test_mistakes_are_told(void **state) {
	refused("{\"a\": {}}", "{}", "sets.a", "needs `addresses`, `countries` or `ports`");
	refused("{\"a\": {\"countries\": [\"de\"]}}", "{}", "sets.a.countries[1]",
		"two capital letters");
	refused("{\"a\": {\"countries\": [\"DE\"]}}", "{}", "sets.a", "country_database");
	refused("{}", RULE("\"schedule\": \"office\""), "firewall.rules[1]",
		"describe it in `firewall.schedules`");
	refused("{}", RULE("\"block\": \"1m\""), "firewall.rules[1]", "dropped or rejected");
	refused("{}", RULE("\"syn_cookies\": \"1k/s\", \"proto\": [\"udp\", \"icmp\"]"),
		"firewall.rules[1]", "which this rule never takes");
	refused("{}", RULE("\"syn_cookies\": \"1k/s\", \"icmp\": \"too-big\""), "firewall.rules[1]",
		"which this rule never takes");
	refused("{}", "{\"rules\": [{\"action\": \"drop\", \"syn_cookies\": \"0/s\"}]}",
		"firewall.rules[1]", "connections that are accepted");
	refused("{}", RULE("\"syn_cookies\": \"-1/s\""), "firewall.rules[1].syn_cookies", "");
	refused("{\"a\": {\"addresses\": [\"10.0.0.300\"]}}", "{}", "sets.a.addresses[1]",
		"no address, prefix or range");
	refused("{\"a\": {\"addresses\": [\"10.0.0.9-10.0.0.1\"]}}", "{}", "sets.a.addresses[1]",
		"turn the two around");
	refused("{}", "{\"rules\": [{\"name\": \"x\"}]}", "firewall.rules[1].action", "");
	refused("{}", RULE("\"policy\": {\"$function\": 1}"), "firewall.rules[1]",
		"remove `action`");
	refused("{}", RULE("\"helper\": \"ftp\", \"proto\": [\"tcp\", \"udp\"]"),
		"firewall.rules[1]", "reads TCP");
	refused("{}",
		"{\"rules\": [{\"action\": \"drop\", \"helper\": \"ftp\", \"proto\": \"tcp\"}]}",
		"firewall.rules[1]", "connections that are accepted");
	refused("{}", RULE("\"helper\": \"ftp\", \"dport\": 21"), "firewall.rules[1]",
		"add proto = \"tcp\"");
	refused("{}", RULE("\"policy\": \"f\""), "firewall.rules[1].policy", "is not a function");
	refused("{}",
		"{\"tests\": [{\"from\": \"staff\", \"src\": \"10.0.0.1\", \"dst\": \"10.0.0.2\", "
		"\"expect\": \"drop\", \"at\": \"mon 25:00\"}]}",
		"firewall.tests[1].at", "no time of the week");
	refused("{}", RULE("\"from\": \"staf\""), "firewall.rules[1].from",
		"there are: self, internet, staff");
	refused("{}", RULE("\"dst\": [\"10.0.0.1\", \"@none\"]"), "firewall.rules[1].dst[2]",
		"no set \"none\"");
	refused("{\"p\": {\"ports\": [80]}}", RULE("\"dst\": \"@p\""), "firewall.rules[1].dst",
		"a set of ports");
	refused("{\"a\": {\"addresses\": [\"::1\"]}}", RULE("\"dport\": \"@a\""),
		"firewall.rules[1].dport", "a set of addresses");
	refused("{\"p\": {\"ports\": []}}", RULE("\"dport\": \"@p\""), "firewall.rules[1].dport",
		"take any port");
	refused("{}", RULE("\"dport\": \"90-80\""), "firewall.rules[1].dport",
		"turn the two around");
	refused("{}", RULE("\"dport\": \"http\""), "firewall.rules[1].dport", "is no port");
	refused("{}", RULE("\"proto\": \"tpc\""), "firewall.rules[1].proto", "is no protocol");
	refused("{}", RULE("\"icmp\": \"ping\""), "firewall.rules[1].icmp", "echo-request");
	refused("{}", RULE("\"icmp\": \"redirect\", \"dport\": 80"), "firewall.rules[1]",
		"do not go together");
	refused("{}", RULE("\"src\": \"::/0\", \"not_src\": \"::1\""), "firewall.rules[1]",
		"`src` or `not_src`");
	refused("{}",
		"{\"rules\": [{\"name\": \"a\", \"action\": \"drop\"}, {\"name\": \"a\", "
		"\"action\": \"drop\"}]}",
		"firewall.rules[2]", "another rule is called");
	refused("{}",
		"{\"tests\": [{\"from\": \"staff\", \"src\": \"10.0.0.1\", \"dst\": \"::1\", "
		"\"expect\": \"drop\"}]}",
		"firewall.tests[1]", "two families");
}

static void test_what_a_rule_is_read_as(void **state) {
	struct fw_conf conf;
	struct err err = {0};
	json_t *kept;

	assert_int_equal(
		parse("{\"web\": {\"ports\": [80, \"8000-8099\"]}, \"bad\": {\"addresses\": "
		      "[\"198.51.100.0-198.51.100.130\", \"2001:db8:bad::/48\"]}}",
			"{\"default\": \"reject\", \"rules\": [{\"from\": [\"staff\", \"self\"], "
			"\"to\": \"internet\", \"not_src\": \"@bad\", \"dport\": \"@web\", "
			"\"proto\": [\"tcp\", \"17\"], \"action\": \"accept\", \"rate\": "
			"\"10/s\"}, {\"icmp\": \"too-big\", \"action\": \"drop\", \"enabled\": "
			"false}]}",
			&conf, &err, &kept),
		0);
	assert_int_equal(conf.def, FW_REJECT);
	assert_int_equal(conf.n_rules, 2);
	const struct fw_match *m = &conf.matches[0];
	assert_true(m->src.not &&m->src.n_sets == 1 && m->n_dports == 2 && m->n_protos == 2);
	assert_int_equal(m->dports[1].last, 8099);
	assert_int_equal(m->from[1], FW_SELF);
	assert_int_equal(conf.rules[0].rate, 10);
	// .0/25, .128/31, .130: a range is as few prefixes as it can be
	const struct fw_conf_set *bad = &conf.sets[m->src.sets[0]];
	assert_int_equal(bad->prefixes.n, 4);
	assert_int_equal(bad->prefixes.items[0].len, 25);
	assert_true(conf.matches[1].off && conf.matches[1].n_icmp4 == 1);
	assert_int_equal(conf.matches[1].icmp4[0].first, 3 << 8 | 4);
	assert_int_equal(conf.matches[1].icmp6[0].first, 2 << 8);
	fw_conf_fini(&conf);
	json_decref(kept);
}

static void test_ranges_of_addresses(void **state) {
	static const struct {
		const char *text;
		unsigned n;
	} cases[] = {{"0.0.0.0-255.255.255.255", 1},
		{"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1}, {"10.0.0.1-10.0.0.1", 1},
		{"10.0.0.1-10.0.0.6", 4}, {"255.255.255.255-255.255.255.255", 1},
		{"0.0.0.1-255.255.255.254", 62}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fw_prefixes prefixes = {0};

		assert_int_equal(fw_addresses_parse(cases[i].text, &prefixes), 0);
		assert_int_equal(prefixes.n, cases[i].n);
		vec_fini(&prefixes);
	}
}

static unsigned zone_to(const struct fw_conf *conf, const struct rtr_conf_all *all,
	const char *from, const char *dst) {
	struct addr addr;

	assert_int_equal(addr_parse(dst, &addr), 0);
	return fw_conf_route(conf, all, (unsigned)fw_conf_zone(conf, from), &addr);
}

static void test_where_a_destination_is(void **state) {
	struct rtr_conf_all all = {0};
	struct fw_conf conf;
	struct err err = {0};
	json_t *kept;

	assert_int_equal(parse("{}", "{}", &conf, &err, &kept), 0);
	assert_int_equal(rtr_conf_parse(kept, &all, &err), 0);
	assert_string_equal(
		fw_conf_zone_name(&conf, zone_to(&conf, &all, "staff", "8.8.8.8")), "internet");
	assert_string_equal(
		fw_conf_zone_name(&conf, zone_to(&conf, &all, "internet", "10.0.10.7")), "staff");
	assert_string_equal(
		fw_conf_zone_name(&conf, zone_to(&conf, &all, "internet", "10.0.10.1")), "self");
	assert_string_equal(
		fw_conf_zone_name(&conf, zone_to(&conf, &all, "staff", "10.99.0.1")), "-");
	assert_string_equal(
		fw_conf_zone_name(&conf, zone_to(&conf, &all, "staff", "2001:db8:1::1")), "-");
	rtr_conf_fini(&all);
	fw_conf_fini(&conf);
	json_decref(kept);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes_are_told),
		cmocka_unit_test(test_what_a_rule_is_read_as),
		cmocka_unit_test(test_ranges_of_addresses),
		cmocka_unit_test(test_where_a_destination_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
