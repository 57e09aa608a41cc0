// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/judge.h"
#include "firewall/lua/conn.h"
#include <stdio.h>
#include <string.h>

// ---- shadows ------------------------------------------------------------------------------------------------

static bool is_any(const struct fw_side *s) {
	return s->n_prefixes + s->n_sets == 0;
}

static bool has_set(const struct fw_side *s, uint32_t set) {
	for (uint32_t i = 0; i < s->n_sets; i++)
		if (s->sets[i] == set)
			return true;
	return false;
}

static bool has_prefix(const struct fw_side *s, const struct prefix *prefix) {
	for (uint32_t i = 0; i < s->n_prefixes; i++)
		if (s->prefixes[i].len <= prefix->len &&
			prefix_contains(&s->prefixes[i], &prefix->addr))
			return true;
	return false;
}

// Every term of `inner` is in `outer`.
static bool terms_within(const struct fw_side *outer, const struct fw_side *inner) {
	for (uint32_t i = 0; i < inner->n_sets; i++)
		if (!has_set(outer, inner->sets[i]))
			return false;
	for (uint32_t i = 0; i < inner->n_prefixes; i++)
		if (!has_prefix(outer, &inner->prefixes[i]))
			return false;
	return true;
}

static bool side_within(const struct fw_side *outer, const struct fw_side *inner) {
	if (is_any(outer))
		return true;
	if (is_any(inner) || outer->not != inner->not )
		return false;
	return outer->not ? terms_within(inner, outer) : terms_within(outer, inner);
}

static bool ranges_within(const struct fw_range *outer, uint32_t n_outer,
	const struct fw_range *inner, uint32_t n_inner) {
	for (uint32_t i = 0; n_outer > 0 && i < n_inner; i++) {
		bool found = false;

		for (uint32_t k = 0; k < n_outer && !found; k++)
			found = outer[k].first <= inner[i].first && outer[k].last >= inner[i].last;
		if (!found)
			return false;
	}
	return n_outer == 0 || n_inner > 0;
}

static bool bytes_within(
	const uint8_t *outer, uint32_t n_outer, const uint8_t *inner, uint32_t n_inner) {
	for (uint32_t i = 0; n_outer > 0 && i < n_inner; i++)
		if (memchr(outer, inner[i], n_outer) == NULL)
			return false;
	return n_outer == 0 || n_inner > 0;
}

static bool icmp_within(const struct fw_match *outer, const struct fw_match *inner) {
	if (outer->n_icmp4 + outer->n_icmp6 == 0)
		return true;
	if (inner->n_icmp4 + inner->n_icmp6 == 0)
		return false;
	return (inner->n_icmp4 == 0 ||
		       (outer->n_icmp4 > 0 &&
			       ranges_within(outer->icmp4, outer->n_icmp4, inner->icmp4,
				       inner->n_icmp4))) &&
		(inner->n_icmp6 == 0 ||
			(outer->n_icmp6 > 0 &&
				ranges_within(outer->icmp6, outer->n_icmp6, inner->icmp6,
					inner->n_icmp6)));
}

static bool within(const struct fw_match *outer, const struct fw_match *inner) {
	return !(outer->only4 && !inner->only4) && !(outer->only6 && !inner->only6) &&
		bytes_within(outer->from, outer->n_from, inner->from, inner->n_from) &&
		bytes_within(outer->to, outer->n_to, inner->to, inner->n_to) &&
		bytes_within(outer->protos, outer->n_protos, inner->protos, inner->n_protos) &&
		ranges_within(outer->sports, outer->n_sports, inner->sports, inner->n_sports) &&
		ranges_within(outer->dports, outer->n_dports, inner->dports, inner->n_dports) &&
		icmp_within(outer, inner) && side_within(&outer->src, &inner->src) &&
		side_within(&outer->dst, &inner->dst);
}

// A packet that a rule certainly takes, as far as one can be named without asking sets: earlier rules that do not take
// it cannot cover the rule. false: none can be named, and every earlier rule is looked at.
static bool sample_of(const struct fw_match *m, struct fw_key *key) {
	const struct fw_side *sides[2] = {&m->src, &m->dst};
	uint8_t *addrs[2] = {key->src, key->dst};
	bool icmp = m->n_icmp4 + m->n_icmp6 > 0;
	enum addr_family family = m->only4 ? ADDR_V4 : m->only6 ? ADDR_V6 : ADDR_NONE;

	*key = (struct fw_key){0};
	for (unsigned s = 0; s < 2; s++) {
		if (sides[s]->n_sets > 0 || sides[s]->not )
			return false;
		if (sides[s]->n_prefixes == 0)
			continue;
		const struct prefix *p = &sides[s]->prefixes[0];
		if (family != ADDR_NONE && p->addr.family != family)
			return false;
		family = p->addr.family;
		memcpy(addrs[s], p->addr.bytes, 16);
	}
	key->v6 = family == ADDR_V6;
	if (icmp && (key->v6 ? m->n_icmp6 : m->n_icmp4) == 0)
		return false;
	key->from = m->n_from ? m->from[0] : 0;
	key->to = m->n_to ? m->to[0] : 0;
	key->sport = m->n_sports ? m->sports[0].first : 0;
	key->dport = m->n_dports ? m->dports[0].first : 0;
	key->proto = m->n_protos ? m->protos[0] : m->n_sports + m->n_dports ? 6 : 0;
	if (icmp) {
		key->proto = key->v6 ? 58 : 1;
		key->dport = key->v6 ? m->icmp6[0].first : m->icmp4[0].first;
	}
	return true;
}

static bool can_shadow(const struct fw_conf *conf, uint32_t rule) {
	return !conf->matches[rule].off && conf->rules[rule].rate == 0 &&
		conf->rules[rule].schedule < 0 && conf->rules[rule].policy == 0 &&
		conf->rules[rule].rate_per_source == 0 &&
		conf->rules[rule].connections_per_source == 0;
}

static uint32_t shadow_of(const struct fw_conf *conf, const struct fw_rules *rules, uint32_t rule) {
	const struct fw_match *m = &conf->matches[rule];
	struct fw_walk walk;
	struct fw_key key;
	uint32_t at;

	if (!sample_of(m, &key)) {
		for (at = 0; at < rule; at++)
			if (can_shadow(conf, at) && within(&conf->matches[at], m))
				return at;
		return FW_NONE;
	}
	fw_walk_begin(rules, &key, &walk);
	while ((at = fw_walk_next(&walk)) < rule)
		if (can_shadow(conf, at) && within(&conf->matches[at], m))
			return at;
	return FW_NONE;
}

void fw_shadows_find(const struct fw_conf *conf, const struct fw_rules *rules, uint32_t *shadows) {
	for (uint32_t i = 0; i < conf->n_rules; i++)
		shadows[i] = conf->matches[i].off ? FW_NONE : shadow_of(conf, rules, i);
}

// ---- tests --------------------------------------------------------------------------------------------------

int fw_judge(const struct fw_conf *conf, const struct fw_rules *rules, const struct fw_key *key,
	const struct fw_conf_test *test, const struct fw_asker *asker, uint32_t *rule,
	struct err *err) {
	struct fw_walk walk;

	fw_walk_begin(rules, key, &walk);
	while ((*rule = fw_walk_next(&walk)) != FW_NONE) {
		if (conf->rules[*rule].policy == 0)
			return conf->rules[*rule].action;
		int says = asker ? asker->ask(asker->arg, *rule, key, test, err) : FW_NEXT;
		if (says != FW_NEXT)
			return says;
	}
	return key->from == FW_SELF ? FW_ACCEPT : conf->def;
}

static void rule_print(const struct fw_conf *conf, uint32_t rule, char *buf, size_t size) {
	if (rule == FW_NONE)
		snprintf(buf, size, "no rule takes it");
	else if (conf->rules[rule].name[0])
		snprintf(buf, size, "by rule \"%s\"", conf->rules[rule].name);
	else
		snprintf(buf, size, "by firewall.rules[%u]", rule + 1);
}

static int translated_check(const struct fw_conf_test *test, const struct fw_key *key,
	const char *path, struct err *err) {
	struct addr dst = {.family = key->v6 ? ADDR_V6 : ADDR_V4};
	char text[ADDR_STRLEN];

	memcpy(dst.bytes, key->dst, key->v6 ? 16 : 4);
	if (test->translated.family == ADDR_NONE ||
		(addr_cmp(&dst, &test->translated) == 0 &&
			(test->translated_port == 0 || test->translated_port == key->dport)))
		return 0;
	return err_at(err, path,
		"expects another translation: it goes to %s, port %u; mend `nat`, or the test",
		addr_print(&dst, text), key->dport);
}

static int test_run(const struct fw_conf *conf, const struct fw_rules *rules,
	const struct rtr_conf_all *routers, const struct fw_dnat *dnat,
	const struct fw_asker *asker, unsigned at, struct err *err) {
	const struct fw_conf_test *test = &conf->tests[at];
	struct fw_key key = test->key;
	struct addr dst = {.family = key.v6 ? ADDR_V6 : ADDR_V4};
	char path[64], by[80];
	struct err why = {0};
	uint32_t rule;

	snprintf(path, sizeof(path), "firewall.tests[%u]", at + 1);
	if (dnat)
		dnat->translate(dnat->nat, conf, routers, &key);
	if (translated_check(test, &key, path, err) != 0)
		return -EINVAL;
	memcpy(dst.bytes, key.dst, 16);
	if (!test->to_known)
		key.to = (uint8_t)fw_conf_route(conf, routers, key.from, &dst);
	int action = fw_judge(conf, rules, &key, test, asker, &rule, &why);
	rule_print(conf, rule, by, sizeof(by));
	if (action < 0)
		return err_at(err, path, "the policy that is asked fails, %s: %s", by, why.msg);
	if (action != (int)test->expect)
		return err_at(err, path,
			"expects %s, but from zone %s to zone %s it is %s: %s; mend the rules, or "
			"the test",
			fw_action_words[test->expect], fw_conf_zone_name(conf, key.from),
			fw_conf_zone_name(conf, key.to), fw_action_words[action], by);
	if (test->rule[0] && (rule == FW_NONE || strcmp(conf->rules[rule].name, test->rule) != 0))
		return err_at(err, path, "expects rule \"%s\" to decide, but: %s", test->rule, by);
	return 0;
}

int fw_tests_run(const struct fw_conf *conf, const struct fw_rules *rules,
	const struct rtr_conf_all *routers, const struct fw_dnat *dnat,
	const struct fw_asker *asker, struct err *err) {
	for (unsigned i = 0; i < conf->n_tests; i++) {
		int rc = test_run(conf, rules, routers, dnat, asker, i, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}
