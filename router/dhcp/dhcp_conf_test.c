// SPDX-License-Identifier: BSD-3-Clause
// `dhcp` of an interface: what is read, and each mistake with its path and what to do about it.
#include "router/conf.h"
#include "router/dhcp/dhcp_conf.h"
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

// Interface a (10.0.0.1/24, 2001:db8::1/64) with this `dhcp`, in JSON with single quotes.
static int parse(const char *dhcp, struct rtr_conf_all *all, struct err *err) {
	static const char frame[] = "{'ports': {'a': {}, 'b': {}}, 'routers': {'r': {'interfaces': "
				    "{'a': {'port': 'a', 'addresses': ['10.0.0.1/24', "
				    "'2001:db8::1/64'], 'dhcp': %s}}}}}";
	size_t size = sizeof(frame) + strlen(dhcp);
	char *json = malloc(size);
	json_t *tree, *resolved = NULL;
	int rc;

	snprintf(json, size, frame, dhcp);
	for (char *p = json; *p != '\0'; p++)
		*p = *p == '\'' ? '"' : *p;
	tree = json_loads(json, 0, NULL);
	if (tree == NULL)
		fail_msg("no JSON: %s", json);
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

static const struct dhcp_conf *parsed(const char *text, struct rtr_conf_all *all) {
	struct err err;

	if (parse(text, all, &err) != 0)
		fail_msg("%s: %s", err.path, err.msg);
	return rtr_conf_iface(&all->routers[0], "a")->dhcp;
}

static const struct dhcp_conf_option *option_of(
	const struct dhcp_conf_subnet *subnet, unsigned code) {
	for (unsigned i = 0; i < subnet->n_options; i++)
		if (subnet->options[i].code == code)
			return &subnet->options[i];
	fail_msg("no option %u", code);
	return NULL;
}

static void a_server_is_read(void **) {
	struct rtr_conf_all all;
	const struct dhcp_conf *dhcp = parsed(
		"{'server': {'authoritative': false, 'rate': '50/s', 'probe': '1s', 'subnets': "
		"{'10.0.0.0/24': {'ranges': ['10.0.0.1-10.0.0.20', '10.0.0.30'], 'exclude': "
		"['10.0.0.5-10.0.0.6'], 'lease': '1h', 'dns': ['10.0.0.53'], 'domain': "
		"'a.example', "
		"'routes': {'10.9.0.0/16': '10.0.0.9'}, 'mtu': 1400, 'options': {'252': {'text': "
		"'x', "
		"'always': true}, '150': {'addresses': ['10.0.0.7']}, '23': {'u8': 7}}, "
		"'reservations': {'10.0.0.7': {'mac': '02:00:00:00:00:09', 'hostname': 'printer'}, "
		"'10.0.0.200': {'client_id': '01:02:03'}}}}}}",
		&all);
	const struct dhcp_conf_subnet *subnet = &dhcp->server->subnets[0];

	assert_true(dhcp->server && !dhcp->relay && !dhcp->client);
	assert_false(dhcp->server->authoritative);
	assert_int_equal(dhcp->server->probe_ns, 1000000000);
	assert_int_equal(subnet->pool.usable, 17); // of 21: our own, two excluded, one reserved
	assert_false(dhcp_pool_holds(&subnet->pool, 0x0a000001));
	assert_false(dhcp_pool_holds(&subnet->pool, 0x0a000007));
	assert_true(dhcp_pool_holds(&subnet->pool, 0x0a00001e));
	assert_int_equal(subnet->lease_s, 3600);
	assert_int_equal(subnet->lease_min_s, 300);
	assert_int_equal(subnet->lease_max_s, 3600);
	assert_memory_equal(option_of(subnet, DHCP_OPT_ROUTERS)->bytes, "\x0a\0\0\1", 4);
	assert_memory_equal(option_of(subnet, DHCP_OPT_ROUTES)->bytes,
		"\x10\x0a\x09\x0a\0\0\x09\0\x0a\0\0\1", 12); // and the default gateway: RFC 3442
	assert_memory_equal(option_of(subnet, DHCP_OPT_MTU)->bytes, "\x05\x78", 2);
	assert_true(option_of(subnet, 252)->always);
	assert_memory_equal(option_of(subnet, 150)->bytes, "\x0a\0\0\7", 4);
	assert_int_equal(option_of(subnet, 23)->len, 1);
	assert_int_equal(subnet->n_reservations, 2);
	assert_true(subnet->reservations[0].by_mac != subnet->reservations[1].by_mac);
	rtr_conf_fini(&all);
}

static void a_relay_and_a_client_are_read(void **) {
	struct rtr_conf_all all;
	const struct dhcp_conf *dhcp = parsed("{'relay': {'servers': ['10.9.0.5', '10.9.0.6'], "
					      "'trust': 'replace', 'circuit_id': 'x'}}",
		&all);

	assert_int_equal(dhcp->relay->n_servers, 2);
	assert_int_equal(dhcp->relay->servers[1], 0x0a090006);
	assert_int_equal(dhcp->relay->trust, DHCP_TRUST_REPLACE);
	assert_true(dhcp->relay->option82 && dhcp->relay->hops == 4);
	rtr_conf_fini(&all);
	dhcp = parsed("{'client': {'routes': false, 'client_id': 'ff:01', 'metric': 9}}", &all);
	assert_true(dhcp->client->default_route && !dhcp->client->classless && dhcp->client->mtu);
	assert_int_equal(dhcp->client->id_len, 2);
	assert_int_equal(dhcp->client->metric, 9);
	rtr_conf_fini(&all);
	dhcp = parsed("{'client': false}", &all);
	assert_null(dhcp->client);
	rtr_conf_fini(&all);
}

#define AT       "routers.r.interfaces.a.dhcp"
#define SUBNET   AT ".server.subnets[\"10.0.0.0/24\"]"
#define IN(text) "{'server': {'subnets': {'10.0.0.0/24': {" text "}}}}"

static void mistakes_are_named(void **) {
	static const struct {
		const char *text, *path, *words;
	} cases[] = {
		{"{'server': {}}", AT ".server.subnets", "required"},
		{"{'server': {'subnets': {'2001:db8::/64': {}}}}",
			AT ".server.subnets[\"2001:db8::/64\"]", "serves IPv4 subnets"},
		{"{'server': {'subnets': {'10.0.0.5/24': {}}}}",
			AT ".server.subnets[\"10.0.0.5/24\"]", "bits beyond its length; clear"},
		{"{'server': {'subnets': {'10.0.0.0/24': {}, '10.0.0.128/25': {}}}}",
			AT ".server.subnets[\"10.0.0.128/25\"]", "overlaps another subnet"},
		{IN("'ranges': ['10.0.0.9-10.0.0.1']"), SUBNET ".ranges[1]", "is no range; write"},
		{IN("'ranges': ['10.0.1.1-10.0.1.9']"), SUBNET ".ranges",
			"10.0.1.1-10.0.1.9 is not among the hosts of 10.0.0.0/24"},
		{IN("'ranges': ['10.0.0.250-10.0.0.255']"), SUBNET ".ranges", "among the hosts"},
		{IN("'exclude': ['10.0.0.0']"), SUBNET ".exclude", "among the hosts"},
		{"{'server': {'subnets': {'10.0.0.0/8': {'ranges': ['10.0.0.9-10.16.0.9']}}}}",
			AT ".server.subnets[\"10.0.0.0/8\"]", "more than 1048576 addresses"},
		{IN("'lease': '1h', 'lease_max': '30m'"), SUBNET, "must rise in this order"},
		{IN("'lease': '1h', 'lease_min': '2h'"), SUBNET, "must rise in this order"},
		{IN("'reservations': {'10.0.1.9': {'mac': '02:00:00:00:00:09'}}"),
			SUBNET ".reservations[\"10.0.1.9\"]", "among the hosts of 10.0.0.0/24"},
		{IN("'reservations': {'10.0.0.9': {}}"), SUBNET ".reservations[\"10.0.0.9\"]",
			"for a `mac` or for a `client_id`"},
		{IN("'reservations': {'10.0.0.9': {'client_id': '01'}}"),
			SUBNET ".reservations[\"10.0.0.9\"].client_id", "2 to 64 bytes"},
		{IN("'reservations': {'10.0.0.8': {'mac': '02:00:00:00:00:09'}, '10.0.0.9': "
		    "{'mac': '02:00:00:00:00:09'}}"),
			SUBNET ".reservations[\"10.0.0.9\"]", "has a reservation here already"},
		{IN("'dns': ['2001:db8::53']"), SUBNET, "2001:db8::53 is none"},
		{IN("'routes': {'::/0': '10.0.0.9'}"), SUBNET, "IPv4 routes only"},
		{IN("'search': ['a..b']"), SUBNET, "a..b is no domain name"},
		{IN("'next_server': '2001:db8::1'"), SUBNET, "next_server"},
		{IN("'mtu': 67"), SUBNET ".mtu", "out of range"},
		{IN("'options': {'255': {'u8': 1}}"), SUBNET ".options", "255"},
		{IN("'options': {'51': {'u32': 1}}"), SUBNET ".options.51",
			"the server's own; leave it out"},
		{IN("'dns': ['10.0.0.53'], 'options': {'6': {'addresses': ['10.0.0.54']}}"),
			SUBNET ".options.6", "has a field of its own"},
		{IN("'options': {'252': {'u8': 1, 'text': 'x'}}"), SUBNET ".options.252",
			"has one value"},
		{IN("'options': {'252': {'hex': '1'}}"), SUBNET ".options.252.hex", "2"},
		{IN("'options': {'252': {'hex': 'zz'}}"), SUBNET ".options.252.hex",
			"bytes are written"},
		{"{'server': {'probe': '3s', 'subnets': {'10.0.0.0/24': {}}}}", AT ".server.probe",
			"out of range"},
		{"{'server': {'rate': 0, 'subnets': {'10.0.0.0/24': {}}}}", AT ".server.rate",
			"out of range"},
		{"{'relay': {}}", AT ".relay.servers", "required"},
		{"{'relay': {'servers': []}}", AT ".relay.servers", "1"},
		{"{'relay': {'servers': ['2001:db8::5']}}", AT, "2001:db8::5 is none"},
		{"{'relay': {'servers': ['10.9.0.5'], 'hops': 17}}", AT ".relay.hops",
			"out of range"},
		{"{'relay': {'servers': ['10.9.0.5'], 'trust': 'yes'}}", AT ".relay.trust", "drop"},
		{"{'client': {'client_id': '0'}}", AT ".client.client_id", "2"},
		{"{'client': true, 'relay': {'servers': ['10.9.0.5']}}", AT,
			"server, relay or client; keep one"},
		{"{'server': {'subnet': {}}}", AT ".server", "subnets"},
		{"null}, 'b': {'port': 'b', 'dhcp': {'relay': {'servers': ['10.9.0.5']}}",
			"routers.r.interfaces.b.dhcp", "give the interface one"},
	};
	struct rtr_conf_all all;
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (parse(cases[i].text, &all, &err) != -EINVAL)
			fail_msg("%s: accepted", cases[i].text);
		if (strncmp(err.path, cases[i].path, strlen(cases[i].path)) != 0 ||
			strstr(err.msg, cases[i].words) == NULL)
			fail_msg("%s: got %s: %s", cases[i].text, err.path, err.msg);
		rtr_conf_fini(&all);
	}
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_is_read),
		cmocka_unit_test(a_relay_and_a_client_are_read),
		cmocka_unit_test(mistakes_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
