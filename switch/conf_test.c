// SPDX-License-Identifier: BSD-3-Clause
#include "lib/clock.h"
#include "switch/conf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct schema_row any = {.name = "any", .type = SCHEMA_ANY};
static const struct schema_row ports_row = {
	.name = "ports", .type = SCHEMA_MAP, .elem = &any, .help = "ports"};
static const struct schema_row *const sections[] = {&ports_row, &sw_sections[0], NULL};

// `switches` as a user would write it, in JSON with single quotes. Ports a to e exist.
static int parse(const char *text, struct sw_conf_all *all, struct err *err) {
	char *json = strdup(text);
	json_t *tree, *resolved = NULL, *switches;
	int rc;

	for (char *p = json; *p != '\0'; p++)
		*p = *p == '\'' ? '"' : *p;
	switches = json_loads(json, 0, NULL);
	assert_non_null(switches);
	tree = json_pack("{s:{s:{}, s:{}, s:{}, s:{}, s:{}}, s:o}", "ports", "a", "b", "c", "d",
		"e", "switches", switches);
	memset(err, 0, sizeof(*err));
	memset(all, 0, sizeof(*all));
	rc = schema_validate(sections, tree, &resolved, err);
	if (rc == 0)
		rc = sw_conf_parse(json_object_get(resolved, "switches"), all, err);
	json_decref(resolved);
	json_decref(tree);
	free(json);
	return rc;
}

static void defaults_are_filled(void **) {
	struct sw_conf_all all;
	const struct sw_conf_port *port;
	struct err err;

	assert_int_equal(parse("{'s': {'ports': {'a': {}}}}", &all, &err), 0);
	assert_int_equal(all.n, 1);
	assert_true(all.switches[0].ageing_ns == 300 * NSEC_PER_SEC);
	assert_int_equal(all.switches[0].mac_limit, 131072);
	assert_int_equal(all.switches[0].service_ethertype, 0x88a8);
	assert_int_equal(all.switches[0].move_limit, 5);
	port = sw_conf_port(&all.switches[0], "a");
	assert_int_equal(port->mode, VLAN_ACCESS);
	assert_int_equal(port->pvid, 1);
	assert_true(port->learning && !port->isolated);
	assert_int_equal(port->mac_limit, 0);
	assert_false(port->storm_set[STORM_BROADCAST]);
	sw_conf_fini(&all);
}

static void everything_is_read(void **) {
	const struct sw_conf_port *b, *c;
	const struct sw_conf *sw;
	struct sw_conf_all all;
	struct err err;
	int rc = parse(
		"{'s': {'ageing': '10s', 'mac_limit': 64, 'service_vlans': ['300-302'],"
		" 'ports': {'a': {'access': 10, 'isolated': true, 'mac_limit': 2},"
		"  'b': {'trunk': [10, '20-22'], 'native': 5, 'learning': false,"
		"   'storm': {'broadcast': '1k/s', 'unknown': '0/s'}},"
		"  'c': {'qinq': {'outer': 100}}},"
		" 'static': {'02:00:00:00:00:01': {'port': 'a', 'vlan': 10},"
		"  '02:00:00:00:00:02': [{'port': 'b', 'vlan': 20}, {'port': 'b', 'vlan': 21}]},"
		" 'mirror': {'m': {'from': ['a', 'b'], 'direction': 'rx', 'to': 'd', 'vlan': 9}}}}",
		&all, &err);

	if (rc != 0)
		fail_msg("%s: %s", err.path, err.msg);
	sw = &all.switches[0];
	b = sw_conf_port(sw, "b");
	c = sw_conf_port(sw, "c");
	assert_true(sw->ageing_ns == 10 * NSEC_PER_SEC);
	assert_int_equal(sw_conf_port(sw, "a")->mac_limit, 2);
	assert_true(sw_conf_port(sw, "a")->isolated);
	assert_int_equal(b->mode, VLAN_TRUNK);
	assert_int_equal(b->pvid, 5);
	assert_int_equal(vlan_set_count(&b->vlans), 5);
	assert_true(b->storm_set[STORM_BROADCAST] && b->storm[STORM_BROADCAST] == 1000);
	assert_true(b->storm_set[STORM_UNKNOWN] && b->storm[STORM_UNKNOWN] == 0);
	assert_false(b->storm_set[STORM_MULTICAST] || b->learning);
	assert_int_equal(c->mode, VLAN_QINQ);
	assert_int_equal(c->pvid, 100);
	assert_true(vlan_set_has(&sw->service, 100) && vlan_set_has(&sw->service, 301));
	assert_false(vlan_set_has(&sw->service, 10));
	assert_int_equal(sw->n_statics, 3);
	assert_int_equal(sw->n_mirrors, 1);
	assert_int_equal(sw->mirrors[0].n_from, 2);
	assert_string_equal(sw->mirrors[0].to, "d");
	assert_int_equal(sw->mirrors[0].vlan, 9);
	sw_conf_fini(&all);
}

static void mistakes_say_where_and_what_to_do(void **) {
	static const struct {
		const char *conf, *path, *says;
	} bad[] = {
		{"{'s': {'ports': {'zz': {}}}}", "switches.s.ports", "zz"},
		{"{'s': {'ports': {'a': {'access': 0}}}}", "switches.s.ports.a.access", "1..4094"},
		{"{'s': {'ports': {'a': {'access': 1, 'trunk': [2]}}}}", "switches.s.ports.a",
			"exclude each other"},
		{"{'s': {'ports': {'a': {'native': 2}}}}", "switches.s.ports.a", "trunk"},
		{"{'s': {'ports': {'a': {'trunk': [4095]}}}}", "switches.s.ports.a.trunk[1]",
			"1..4094"},
		{"{'s': {'ports': {'a': {'trunk': [2, '20-10']}}}}", "switches.s.ports.a.trunk[2]",
			"10-20"},
		{"{'s': {'ports': {'a': {'trunk': [true]}}}}", "switches.s.ports.a.trunk[1]",
			"not an integer or a string; write one such as 20"},
		{"{'s': {'ports': {'a': {'qinq': {}}}}}", "switches.s.ports.a.qinq.outer", ""},
		{"{'s': {'ports': {'a': {'acess': 1}}}}", "switches.s.ports.a", "access"},
		{"{'s': {'mac_limit': 0}}", "switches.s.mac_limit", "1..1048576"},
		{"{'s': {'service_ethertype': 5}}", "switches.s.service_ethertype", "1536"},
		{"{'s': {'service_vlans': ['x']}}", "switches.s.service_vlans[1]", "VLAN id"},
		{"{'s': {'ports': {'a': {}}}, 't': {'ports': {'a': {}}}}", "switches.t.ports.a",
			"already in switch s"},
		{"{'s': {'ports': {'a': {}}, 'static': {'02:00:00:00:00:01': {'port': 'b', 'vlan': "
		 "1}}}}",
			"static", "not in this switch"},
		{"{'s': {'ports': {'a': {}}, 'static': {'02:00:00:00:00:01': {'port': 'a', 'vlan': "
		 "2}}}}",
			"static", "not in VLAN 2"},
		{"{'s': {'ports': {'a': {}}, 'static': {'02:00:00:00:00:01': 'a'}}}", "static",
			"not a table or a list"},
		{"{'s': {'ports': {'a': {}}, 'static': {'02:00:00:00:00:01': [{'prot': 'a'}]}}}",
			"static", "did you mean"},
		{"{'s': {'ports': {'a': {}}, 'static': {'02:00:00:00:00:01': {'port': 'zz', "
		 "'vlan': 1}}}}",
			"static", "not in ports"},
		{"{'s': {'ports': {'a': {}}, 'static': {'01:00:00:00:00:01': {'port': 'a', 'vlan': "
		 "1}}}}",
			"static", "unicast"},
		{"{'s': {'ports': {'a': {}}, 'static': {'02:00:00:00:00:01': {'port': 'a'}}}}",
			"static", "vlan"},
		{"{'s': {'ports': {'a': {}}, 'static': {'02:00:00:00:00:01': [{'port': 'a', "
		 "'vlan': 1}, "
		 "{'port': 'a', 'vlan': 1}]}}}",
			"static", "twice"},
		{"{'s': {'ports': {'a': {}}, 'mac_limit': 1, 'static': {'02:00:00:00:00:01': "
		 "{'port': "
		 "'a', 'vlan': 1}, '02:00:00:00:00:02': {'port': 'a', 'vlan': 1}}}}",
			"switches.s.static", "raise it"},
		{"{'s': {'ports': {'a': {}}, 'mirror': {'m': {'from': ['b'], 'to': 'c'}}}}",
			"switches.s.mirror.m", "not in this switch"},
		{"{'s': {'ports': {'a': {}, 'b': {}}, 'mirror': {'m': {'from': ['a'], 'to': "
		 "'a'}}}}",
			"switches.s.mirror.m.to", "watched by mirror m"},
		{"{'s': {'ports': {'a': {}, 'b': {}}, 'mirror': {'m': {'from': ['a'], 'to': 'b'}, "
		 "'n': "
		 "{'from': ['b'], 'to': 'c'}}}}",
			"switches.s.mirror.m.to", "watched by mirror n"},
	};
	struct sw_conf_all all;
	struct err err;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_true(parse(bad[i].conf, &all, &err) < 0);
		assert_null(all.switches);
		if (strstr(err.path, bad[i].path) == NULL || strstr(err.msg, bad[i].says) == NULL)
			fail_msg("row %u: %s: %s", i, err.path, err.msg);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_filled),
		cmocka_unit_test(everything_is_read),
		cmocka_unit_test(mistakes_say_where_and_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
