// SPDX-License-Identifier: BSD-3-Clause
// Rules that never decide, and the configuration's own tests.
#include "firewall/judge.h"
#include "firewall/lua/conn.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct lab {
	json_t *tree; // resolved
	struct fw_conf conf;
	struct rtr_conf_all routers;
	struct fw_addrs *sets;
	struct fw_rules *rules;
};

static void lab_fini(struct lab *lab) {
	fw_rules_free(lab->rules);
	fw_addrs_free(lab->sets);
	fw_conf_fini(&lab->conf);
	rtr_conf_fini(&lab->routers);
	json_decref(lab->tree);
}

// Zones a and b on two subnets, c behind a route of b.
static const char routers[] =
	"\"ports\": {\"pa\": {}, \"pb\": {}}, \"routers\": {\"r\": {\"interfaces\": {"
	"\"ia\": {\"port\": \"pa\", \"zone\": \"a\", \"addresses\": [\"10.1.0.1/16\", "
	"\"2001:db8:a::1/64\"]}, \"ib\": {\"port\": \"pb\", \"zone\": \"b\", \"addresses\": "
	"[\"10.2.0.1/16\", \"2001:db8:b::1/64\"]}}, \"routes\": {\"0.0.0.0/0\": {\"via\": "
	"\"10.2.0.9\"}}}}";

static void lab_init(struct lab *lab, const char *sets, const char *firewall) {
	static const struct schema_row others[] = {
		{.name = "ports", .type = SCHEMA_ANY, .help = "not looked at"},
		{.name = "switches", .type = SCHEMA_ANY, .help = "not looked at"},
		{0},
	};
	const struct schema_row *const sections[] = {
		&fw_sections[0], &fw_sections[1], &rtr_sections[0], &others[0], &others[1], NULL};
	static const struct fw_addrs_ops ops = {0};
	char text[4096];
	struct err err = {0};

	*lab = (struct lab){.sets = fw_addrs_new(100, &ops)};
	snprintf(text, sizeof(text), "{%s, \"sets\": %s, \"firewall\": %s}", routers, sets,
		firewall);
	json_t *tree = json_loads(text, 0, NULL);
	assert_non_null(tree);
	if (schema_validate(sections, tree, &lab->tree, &err) != 0 ||
		fw_conf_parse(lab->tree, &lab->conf, &err) != 0 ||
		rtr_conf_parse(lab->tree, &lab->routers, &err) != 0)
		fail_msg("%s: %s", err.path, err.msg);
	for (unsigned i = 0; i < lab->conf.n_sets; i++)
		for (size_t k = 0; k < lab->conf.sets[i].prefixes.n; k++)
			fw_addrs_add(lab->sets, &lab->conf.sets[i].prefixes.items[k], i);
	lab->rules = fw_rules_new(lab->conf.matches, lab->conf.n_rules, lab->sets, &err);
	assert_non_null(lab->rules);
	json_decref(tree);
}

// `second` behind `first`: is it shadowed?
static bool shadowed(const char *first, const char *second) {
	char text[1024];
	uint32_t shadows[2];
	struct lab lab;

	snprintf(text, sizeof(text),
		"{\"rules\": [{\"action\": \"accept\"%s}, {\"action\": \"drop\"%s}]}", first,
		second);
	lab_init(&lab, "{\"s\": {\"addresses\": [\"10.1.1.0/24\"]}, \"t\": {\"addresses\": []}}",
		text);
	fw_shadows_find(&lab.conf, lab.rules, shadows);
	lab_fini(&lab);
	assert_int_equal(shadows[0], FW_NONE);
	return shadows[1] == 0;
}

static void test_what_shadows(void **state) {
	static const struct {
		const char *first, *second;
		bool shadowed;
	} cases[] = {
		{"", "", true},
		{"", ", \"src\": \"@s\"", true},
		{", \"src\": \"@s\"", "", false},
		{", \"src\": \"@s\"", ", \"src\": \"@s\", \"dport\": 80", true},
		{", \"src\": \"@s\"", ", \"src\": \"@t\"", false},
		{", \"src\": \"10.0.0.0/8\"", ", \"src\": [\"10.1.0.0/16\", \"10.9.9.9\"]", true},
		{", \"src\": \"10.0.0.0/8\"", ", \"src\": [\"10.1.0.0/16\", \"11.0.0.0/8\"]",
			false},
		{", \"src\": \"10.1.0.0/16\"", ", \"src\": \"10.0.0.0/8\"", false},
		{", \"not_src\": \"10.1.0.0/16\"", ", \"not_src\": \"10.0.0.0/8\"", true},
		{", \"not_src\": \"10.0.0.0/8\"", ", \"not_src\": \"10.1.0.0/16\"", false},
		{", \"not_src\": \"10.0.0.0/8\"", ", \"src\": \"11.0.0.0/8\"",
			false}, // true, but not seen
		{", \"from\": \"a\"", ", \"from\": [\"a\", \"b\"]", false},
		{", \"from\": [\"a\", \"b\"]", ", \"from\": \"b\", \"to\": \"self\"", true},
		{", \"proto\": \"tcp\"", ", \"proto\": \"tcp\", \"dport\": 22", true},
		{", \"proto\": \"tcp\"", ", \"dport\": 22", false},
		{", \"dport\": \"1-1000\"", ", \"dport\": [22, \"80-90\"]", true},
		{", \"dport\": \"1-1000\"", ", \"dport\": [22, 2000]", false},
		{", \"icmp\": \"unreachable\"", ", \"icmp\": \"too-big\"",
			false}, // IPv6's is another type
		{", \"icmp\": \"unreachable\", \"family\": \"ipv4\"",
			", \"icmp\": \"too-big\", \"family\": \"ipv4\"", false},
		{", \"icmp\": [\"echo-request\", \"redirect\"]", ", \"icmp\": \"redirect\"", true},
		{", \"family\": \"ipv4\"", "", false},
		{"", ", \"family\": \"ipv6\"", true},
		{", \"rate\": \"10/s\"", "", false},
		{", \"enabled\": false", "", false},
		{"", ", \"enabled\": false", false},
		{"", ", \"log\": true", true},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (shadowed(cases[i].first, cases[i].second) != cases[i].shadowed)
			fail_msg("case %u: {%s} before {%s}", i, cases[i].first, cases[i].second);
}

static void tests_say(const char *tests, const char *path, const char *words) {
	char text[2048];
	struct err err = {0};
	struct lab lab;
	int rc;

	snprintf(text, sizeof(text),
		"{\"rules\": ["
		"{\"name\": \"web\", \"from\": \"a\", \"to\": \"b\", \"proto\": \"tcp\", "
		"\"dport\": 80, "
		"\"action\": \"accept\"},"
		"{\"name\": \"ping\", \"to\": \"self\", \"icmp\": \"echo-request\", \"action\": "
		"\"accept\"},"
		"{\"from\": \"a\", \"dst\": \"10.2.7.0/24\", \"action\": \"reject\"}],"
		"\"tests\": [%s]}",
		tests);
	lab_init(&lab, "{}", text);
	rc = fw_tests_run(&lab.conf, lab.rules, &lab.routers, NULL, NULL, &err);
	lab_fini(&lab);
	assert_int_equal(rc == 0, path == NULL);
	if (path == NULL)
		return;
	assert_string_equal(err.path, path);
	if (strstr(err.msg, words) == NULL)
		fail_msg("\"%s\" is not in: %s", words, err.msg);
}

#define T(rest) "{\"from\": \"a\", \"src\": \"10.1.0.5\", " rest "}"

static void test_tests_of_the_configuration(void **state) {
	tests_say(T("\"dst\": \"10.2.0.5\", \"dport\": 80, \"expect\": \"accept\", \"rule\": "
		    "\"web\""),
		NULL, NULL);
	// by the default route, too
	tests_say(T("\"dst\": \"203.0.113.1\", \"dport\": 80, \"expect\": \"accept\""), NULL, NULL);
	tests_say(T("\"dst\": \"10.2.0.5\", \"dport\": 22, \"expect\": \"drop\""), NULL, NULL);
	tests_say(T("\"dst\": \"10.1.0.1\", \"icmp\": \"echo-request\", \"expect\": \"accept\", "
		    "\"rule\": \"ping\""),
		NULL, NULL);
	tests_say(T("\"dst\": \"10.2.0.5\", \"dport\": 22, \"expect\": \"accept\""),
		"firewall.tests[1]",
		"expects accept, but from zone a to zone b it is drop: no rule takes it");
	tests_say(T("\"dst\": \"10.2.0.5\", \"dport\": 80, \"expect\": \"accept\"") ", " T(
			  "\"dst\": \"10.2.7.1\", \"dport\": 22, \"expect\": \"drop\""),
		"firewall.tests[2]", "it is reject: by firewall.rules[3]");
	tests_say(T("\"dst\": \"10.2.0.5\", \"dport\": 80, \"expect\": \"accept\", \"rule\": "
		    "\"ping\""),
		"firewall.tests[1]", "expects rule \"ping\" to decide, but: by rule \"web\"");
	// `to` is believed where it is given
	tests_say(
		T("\"dst\": \"10.2.0.5\", \"to\": \"self\", \"dport\": 80, \"expect\": \"accept\""),
		"firewall.tests[1]", "to zone self it is drop");
}

static int ask(void *arg, uint32_t rule, const struct fw_key *key, const struct fw_conf_test *test,
	struct err *err) {
	assert_int_equal(rule, 0);
	assert_int_equal(test->weekday, 6);
	assert_int_equal(test->hour * 60 + test->minute, 23 * 60 + 30);
	if (key->dport == 25)
		return err_set(err, -EINVAL, "oh");
	return key->dport == 22 ? FW_REJECT : FW_NEXT;
}

// A policy may say nothing, so it shadows nothing; tests ask it, at the time that they say.
static void test_policies(void **state) {
	static const struct {
		unsigned dport;
		const char *expect, *words;
	} cases[] = {
		{22, "reject", NULL},
		{80, "accept", NULL},
		{22, "accept", "is reject: by firewall.rules[1]"},
		{25, "accept", "the policy that is asked fails, by firewall.rules[1]: oh"},
	};
	const struct fw_asker asker = {.ask = ask};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t shadows[2];
		struct err err = {0};
		struct lab lab;
		char text[512];

		snprintf(text, sizeof(text),
			"{\"rules\": [{\"policy\": {\"$function\": 1}}, {\"action\": \"accept\"}], "
			"\"tests\": [{\"from\": \"a\", \"src\": \"10.1.0.5\", \"dst\": "
			"\"10.2.0.5\", \"at\": \"sat 23:30\", \"dport\": %u, \"expect\": \"%s\"}]}",
			cases[i].dport, cases[i].expect);
		lab_init(&lab, "{}", text);
		assert_int_equal(lab.conf.n_policies, 1);
		fw_shadows_find(&lab.conf, lab.rules, shadows);
		assert_int_equal(shadows[1], FW_NONE);
		int rc = fw_tests_run(&lab.conf, lab.rules, &lab.routers, NULL, &asker, &err);
		lab_fini(&lab);
		assert_int_equal(rc == 0, cases[i].words == NULL);
		if (cases[i].words && strstr(err.msg, cases[i].words) == NULL)
			fail_msg("\"%s\" is not in: %s", cases[i].words, err.msg);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_shadows),
		cmocka_unit_test(test_tests_of_the_configuration),
		cmocka_unit_test(test_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
