// SPDX-License-Identifier: BSD-3-Clause
// Sections `sets` and `firewall` as anybody may write them: read, compiled, asked. Rules that a packet meets come in order, a rule that
// is said to be shadowed never decides, and compiling twice gives the same.
#include "firewall/judge.h"
#include "firewall/nat/conf.h"
#include "firewall/nat/npt.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INPUT 65536

// Addresses of `static` rules go out and come back.
static void translate(const struct fw_conf *conf, const json_t *tree) {
	struct nat_conf nat;
	struct err err = {0};

	if (nat_conf_parse(tree, conf, &nat, &err) != 0)
		assert(err.msg[0]);
	for (unsigned i = 0; i < nat.n; i++) {
		const struct nat_rule *rule = &nat.rules[i];
		struct addr addr = rule->internal.addr;
		struct npt npt;

		if (rule->kind == NAT_DNAT && rule->match.n_dports > 0)
			assert(rule->target.first == 0 ||
				nat_target_port(rule, rule->match.dports[0].first) ==
					rule->target.first);
		if (rule->kind != NAT_STATIC || rule->external.len != rule->internal.len ||
			rule->external.addr.family != rule->internal.addr.family)
			continue;
		npt_init(&npt, &rule->external, &rule->internal);
		if (!npt_out(&npt, addr.bytes))
			continue;
		assert(prefix_contains(&rule->external, &addr));
		assert(npt_in(&npt, addr.bytes));
		assert(addr_cmp(&addr, &rule->internal.addr) == 0);
	}
	nat_conf_fini(&nat);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t seed;

static uint32_t rnd(uint32_t below) {
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

static const char world[] =
	"{\"a\": {\"interfaces\": {\"x\": {\"port\": \"p\", \"zone\": \"in\", \"addresses\": "
	"[\"10.0.0.1/8\", \"2001:db8::1/64\"]}, \"y\": {\"port\": \"q\", \"zone\": \"out\", "
	"\"addresses\": [\"192.0.2.1/24\"]}}, \"routes\": {\"0.0.0.0/0\": {\"via\": "
	"\"192.0.2.9\"}}}}";

static json_t *resolve(const uint8_t *data, size_t size) {
	static const struct schema_row others[] = {
		{.name = "ports", .type = SCHEMA_ANY, .help = "not looked at"},
		{.name = "switches", .type = SCHEMA_ANY, .help = "not looked at"},
		{0},
	};
	const struct schema_row *const sections[] = {
		&fw_sections[0], &fw_sections[1], &rtr_sections[0], &others[0], &others[1], NULL};
	json_t *tree = json_loadb((const char *)data, size, 0, NULL), *resolved = NULL;
	struct err err = {0};

	if (!json_is_object(tree)) {
		json_decref(tree);
		return NULL;
	}
	json_object_set_new(tree, "ports", json_pack("{s:{}, s:{}}", "p", "q"));
	json_object_set_new(tree, "routers", json_loads(world, 0, NULL));
	json_object_del(tree, "switches");
	if (schema_validate(sections, tree, &resolved, &err) != 0) {
		assert(err.msg[0]);
		resolved = NULL;
	}
	json_decref(tree);
	return resolved;
}

static struct fw_key random_key(const struct fw_conf *conf) {
	struct fw_key key = {.v6 = rnd(2),
		.proto = (uint8_t[]){6, 17, 1, 58, 47}[rnd(5)],
		.sport = (uint16_t)rnd(65536),
		.dport = (uint16_t)(rnd(2) ? rnd(100) : rnd(65536)),
		.from = (uint8_t)rnd(conf->n_zones),
		.to = (uint8_t)(rnd(4) ? rnd(conf->n_zones) : FW_SELF)};

	for (unsigned i = 0; i < (key.v6 ? 16 : 4); i++) {
		key.src[i] = (uint8_t)(rnd(2) * rnd(256));
		key.dst[i] = (uint8_t)(rnd(2) * rnd(256));
	}
	if (!key.v6 && rnd(2))
		key.src[0] = 10;
	return key;
}

static void ask(const struct fw_conf *conf, const struct fw_rules *one,
	const struct fw_rules *other, const uint32_t *shadows) {
	for (unsigned i = 0; i < 50; i++) {
		struct fw_key key = random_key(conf);
		struct fw_walk walk;
		uint32_t rule, last = FW_NONE;

		fw_walk_begin(one, &key, &walk);
		while ((rule = fw_walk_next(&walk)) != FW_NONE) {
			assert(rule < conf->n_rules && !conf->matches[rule].off);
			assert(last == FW_NONE || rule > last);
			if (last == FW_NONE)
				assert(shadows[rule] == FW_NONE);
			last = rule;
		}
		assert(fw_rules_first(one, &key) == fw_rules_first(other, &key));
	}
}

static void compile(const struct fw_conf *conf, const json_t *tree) {
	static const struct fw_addrs_ops ops = {0};
	struct rtr_conf_all routers = {0};
	struct fw_addrs *sets = fw_addrs_new(100000, &ops);
	uint32_t *shadows = calloc(conf->n_rules + 1, sizeof(*shadows));
	struct err err = {0};

	for (unsigned i = 0; i < conf->n_sets; i++)
		for (size_t k = 0; k < conf->sets[i].prefixes.n; k++)
			fw_addrs_add(sets, &conf->sets[i].prefixes.items[k], i);
	struct fw_rules *one = fw_rules_new(conf->matches, conf->n_rules, sets, &err);
	struct fw_rules *other = fw_rules_new(conf->matches, conf->n_rules, sets, &err);
	if (one && other) {
		fw_shadows_find(conf, one, shadows);
		ask(conf, one, other, shadows);
		if (rtr_conf_parse(tree, &routers, &err) == 0)
			fw_tests_run(conf, one, &routers, NULL, NULL, &err);
		rtr_conf_fini(&routers);
	} else {
		assert(err.msg[0]);
	}
	fw_rules_free(one);
	fw_rules_free(other);
	fw_addrs_free(sets);
	free(shadows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct fw_conf conf = {0};
	struct err err = {0};
	json_t *tree = size <= MAX_INPUT ? resolve(data, size) : NULL;

	if (tree == NULL)
		return 0;
	seed = size;
	if (fw_conf_parse(tree, &conf, &err) == 0) {
		compile(&conf, tree);
		translate(&conf, tree);
	} else
		assert(err.msg[0]);
	fw_conf_fini(&conf);
	json_decref(tree);
	return 0;
}
