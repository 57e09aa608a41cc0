// SPDX-License-Identifier: BSD-3-Clause
#include "lib/err.h"
#include "router/vrrp/vrrp_conf.h"
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

// Interface a (10.0.0.1/24, 2001:db8::1/64) with this `vrrp`, in JSON with single quotes; b has no address.
static int parse(const char *vrrp, struct rtr_conf_all *all, struct err *err) {
	static const char frame[] = "{'ports': {'a': {}, 'b': {}}, 'routers': {'r': {'interfaces': "
				    "{'a': {'port': 'a', 'addresses': ['10.0.0.1/24', "
				    "'2001:db8::1/64'], 'vrrp': %s}, 'b': {'port': 'b'}}}}}";
	size_t size = sizeof(frame) + strlen(vrrp);
	char *json = malloc(size);
	json_t *tree, *resolved = NULL;
	int rc;

	snprintf(json, size, frame, vrrp);
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

static void everything_is_read(void **) {
	struct rtr_conf_all all;
	struct err err;
	char text[ADDR_STRLEN];
	int rc = parse("{'10': {'addresses': ['10.0.0.254', '2001:db8::fe', 'fe80::fe'], "
		       "'priority': 150, 'interval': '100ms', 'preempt_delay': '5s', 'accept': "
		       "false, 'track': [{'interface': 'b', 'drop': 60}, {'route': '0.0.0.0/0'}]},"
		       "'11': {'addresses': ['2001:db8::fd'], 'preempt': false}}",
		&all, &err);

	if (rc != 0)
		fail_msg("%s: %s", err.path, err.msg);
	const struct rtr_conf_iface *a = rtr_conf_iface(&all.routers[0], "a");
	const struct vrrp_conf *vr = &a->vrrp[0], *plain = &a->vrrp[1];
	assert_int_equal(a->n_vrrp, 2);
	assert_int_equal(vr->vrid, 10);
	assert_int_equal(vr->priority, 150);
	assert_int_equal(vr->interval_cs, 10);
	assert_true(vr->preempt && !vr->accept && vr->pseudo_header);
	assert_int_equal(vr->preempt_delay_ns, 5000000000);
	assert_int_equal(vr->n_addrs[0], 1);
	assert_int_equal(vr->n_addrs[1], 2);
	assert_string_equal(addr_print(&vr->addrs[1][0], text), "fe80::fe");
	assert_int_equal(vr->n_tracks, 2);
	assert_string_equal(vr->tracks[0].iface, "b");
	assert_int_equal(vr->tracks[1].drop, 50);
	assert_int_equal(plain->interval_cs, 100);
	assert_true(!plain->preempt && plain->accept);
	assert_int_equal(plain->priority, 100);
	assert_int_equal(plain->n_addrs[0], 0);
	assert_int_equal(plain->n_addrs[1], 2);
	assert_string_equal(addr_print(&plain->addrs[1][0], text), "fe80::200:5eff:fe00:20b");
	rtr_conf_fini(&all);
}

static void the_owner(void **) {
	struct rtr_conf_all all;
	struct err err;

	assert_int_equal(parse("{'1': {'addresses': ['10.0.0.1', '2001:db8::1'], 'priority': 255}}",
				 &all, &err),
		0);
	rtr_conf_fini(&all);
}

#define AT "routers.r.interfaces.a.vrrp.1"

static void mistakes_are_named(void **) {
	static const struct {
		const char *text, *path, *words;
	} cases[] = {
		{"{'1': {'addresses': ['10.1.0.254']}}", AT ".addresses[1]",
			"on no subnet of this interface; give the interface an address"},
		{"{'1': {'addresses': ['10.0.0.254', '2001:db9::1']}}", AT ".addresses[2]",
			"on no subnet"},
		{"{'1': {'addresses': ['10.0.0.1']}}", AT ".addresses[1]", "priority 255"},
		{"{'1': {'addresses': ['10.0.0.254'], 'priority': 255}}", AT ".addresses[1]",
			"set it to 254 or less"},
		{"{'0': {'addresses': ['10.0.0.254']}}", "routers.r.interfaces.a.vrrp",
			"key 0 is out of range 1..255"},
		{"{'1': {}}", AT ".addresses", "required"},
		{"{'1': {'addresses': ['10.0.0.254'], 'interval': '105ms'}}", AT,
			"multiple of 10ms"},
		{"{'1': {'addresses': ['10.0.0.254'], 'interval': '41s'}}", AT ".interval",
			"out of range"},
		{"{'1': {'addresses': ['10.0.0.254'], 'priority': 0}}", AT ".priority",
			"out of range"},
		{"{'1': {'addresses': ['10.0.0.254'], 'track': [{}]}}", AT ".track[1]", "give one"},
		{"{'1': {'addresses': ['10.0.0.254'], 'track': [{'interface': 'c'}]}}",
			AT ".track[1].interface", "no interface c"},
		{"{'1': {'addresses': ['10.0.0.254']}, '2': {'addresses': ['10.0.0.254']}}",
			"routers.r.interfaces.a.vrrp.2.addresses[1]",
			"virtual router 1 has that address already"},
	};
	struct rtr_conf_all all;
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(parse(cases[i].text, &all, &err), -EINVAL);
		if (strcmp(err.path, cases[i].path) != 0 || strstr(err.msg, cases[i].words) == NULL)
			fail_msg("%s: got %s: %s", cases[i].text, err.path, err.msg);
	}
}

static void at_most_so_many_addresses(void **) {
	char text[1024] = "{'1': {'addresses': [";
	struct rtr_conf_all all;
	struct err err;

	for (unsigned i = 0; i < VRRP_ADDRS; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s'10.0.0.%u'",
			i ? "," : "", i + 10);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "]}}");
	assert_int_equal(parse(text, &all, &err), -EINVAL);
	assert_string_equal(err.path, AT ".addresses[16]");
	assert_non_null(strstr(err.msg, "at most 15"));
}

// 255 ids of one family, and two of both: one too many.
static void at_most_so_many_virtual_routers(void **) {
	size_t size = 1 << 16;
	char *text = calloc(1, size);
	struct rtr_conf_all all;
	struct err err;
	size_t n = (size_t)snprintf(text, size, "{");

	for (unsigned i = 1; i <= 255; i++)
		n += (size_t)snprintf(text + n, size - n,
			"%s'%u': {'addresses': ['2001:db8::%x'%s]}", i > 1 ? "," : "", i, i + 1,
			i > 253 ? i > 254 ? ",'10.0.0.9'" : ",'10.0.0.8'" : "");
	snprintf(text + n, size - n, "}");
	assert_int_equal(parse(text, &all, &err), -EINVAL);
	assert_string_equal(err.path, "routers");
	assert_non_null(strstr(err.msg, "257 virtual routers"));
	free(text);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_read),
		cmocka_unit_test(the_owner),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(at_most_so_many_addresses),
		cmocka_unit_test(at_most_so_many_virtual_routers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
