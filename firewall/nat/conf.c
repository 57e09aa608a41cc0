// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/nat/conf_priv.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const nat_kind_words[] = {"none", "masquerade", "snat", "dnat", "static", "nat64"};

// ---- targets ------------------------------------------------------------------------------------------------

// Where the address ends: "[v6]:port", "v4:port", "v6".
static const char *target_split(const char *text, size_t *at, size_t *len) {
	const char *close = text[0] == '[' ? strchr(text, ']') : NULL;
	const char *colon = strchr(text, ':');

	*at = close ? 1 : 0;
	if (close) {
		*len = (size_t)(close - text) - 1;
		return close[1] == ':' ? close + 2 : close[1] == '\0' ? NULL : "";
	}
	if (colon == NULL || strchr(colon + 1, ':') != NULL) {
		*len = strlen(text);
		return NULL;
	}
	*len = (size_t)(colon - text);
	return colon + 1;
}

int nat_target_parse(const char *text, struct nat_target *target) {
	char addr[ADDR_STRLEN];
	size_t at, len;
	const char *ports = target_split(text, &at, &len);
	struct fw_range range = {0};
	int rc;

	if (len >= sizeof(addr))
		return -EINVAL;
	snprintf(addr, sizeof(addr), "%.*s", (int)len, text + at);
	if (addr_parse(addr, &target->addr) != 0)
		return -EINVAL;
	rc = ports ? fw_ports_parse(ports, &range) : 0;
	if (rc == 0 && ports && range.first == 0)
		return -EINVAL;
	target->first = range.first;
	target->last = range.last;
	return rc;
}

uint16_t nat_target_port(const struct nat_rule *rule, uint16_t dport) {
	const struct nat_target *t = &rule->target;

	if (t->first == 0)
		return dport;
	if (t->first == t->last)
		return t->first;
	return (uint16_t)(t->first + (dport - rule->match.dports[0].first));
}

// ---- rules --------------------------------------------------------------------------------------------------

static int no_memory(struct err *err) {
	return err_set(err, -ENOMEM, "firewall.nat: out of memory");
}

static void family_only(struct fw_match *match, enum addr_family family) {
	match->only4 |= family == ADDR_V4;
	match->only6 |= family == ADDR_V6;
}

static int options_parse(
	struct nat_rule *rule, const struct nat_raw *raw, const char *path, struct err *err) {
	struct fw_range ports = {0};

	if (raw->ports)
		fw_ports_parse(raw->ports, &ports);
	else if (raw->block)
		ports = (struct fw_range){1024, 65535};
	rule->options = (struct nat_options){.first = ports.first,
		.last = ports.last,
		.block = (uint16_t)raw->block,
		.blocks = (uint16_t)raw->blocks,
		.overload = raw->mapping == NAT_MAPPING_OVERLOAD,
		.open = raw->filtering == NAT_FILTERING_ENDPOINT,
		.hairpin = raw->hairpin};
	if (raw->block && ports.last - ports.first + 1 < raw->block)
		return err_at(err, path, "block: `ports` has not so many; give it at least %d",
			(int)raw->block);
	return 0;
}

static int pool_word(struct nat_rule *rule, const json_t *word, struct err *err) {
	return fw_addresses_parse(json_string_value(word), &rule->pool) == 0 ? 0 : no_memory(err);
}

// `what`: snat; nat64, whose pool has IPv4 addresses only.
static int pool_parse(struct nat_rule *rule, const json_t *value, const char *what,
	const char *path, struct err *err) {
	uint64_t n4 = 0;
	bool v4 = false, v6 = false;
	json_t *word;
	size_t i;
	int rc = json_is_string(value) ? pool_word(rule, value, err) : 0;

	json_array_foreach ((json_t *)value, i, word)
		rc = rc ? rc : pool_word(rule, word, err);
	for (i = 0; i < rule->pool.n; i++) {
		const struct prefix *p = &rule->pool.items[i];

		v4 |= p->addr.family == ADDR_V4;
		v6 |= p->addr.family == ADDR_V6;
		if (p->addr.family == ADDR_V4)
			n4 += 1ull << (32 - p->len);
	}
	if (rule->kind == NAT_64 && v6)
		return err_at(err, path, "%s: a pool of IPv4 addresses is wanted", what);
	if (rule->kind != NAT_64 && (!v4 || !v6))
		family_only(&rule->match, v4 ? ADDR_V4 : ADDR_V6);
	if (rc == 0 && n4 > NAT_ADDRESSES)
		return err_at(err, path, "%s: %llu addresses; a pool may have %d", what,
			(unsigned long long)n4, NAT_ADDRESSES);
	return rc;
}

static bool only_ports(const struct fw_match *m) {
	if (m->n_sports + m->n_dports > 0)
		return true;
	for (uint32_t i = 0; i < m->n_protos; i++)
		if (!fw_has_ports(m->protos[i]))
			return false;
	return m->n_protos > 0;
}

static int target_use(
	struct nat_rule *rule, const struct nat_raw *raw, const char *path, struct err *err) {
	const struct fw_match *m = &rule->match;
	struct nat_target *t = &rule->target;

	nat_target_parse(raw->dnat, t);
	family_only(&rule->match, t->addr.family);
	rule->local = !m->dst.n_prefixes && !m->dst.n_sets;
	rule->local |= m->n_to > 0;
	if (t->first == 0)
		return 0;
	if (!only_ports(m))
		return err_at(err, path,
			"dnat: only protocols with ports have one to change; say `proto` or "
			"`dport`");
	if (t->first == t->last)
		return 0;
	if (m->n_dports != 1 || m->dports[0].last - m->dports[0].first != t->last - t->first)
		return err_at(err, path,
			"dnat: %u ports stand for as many; give `dport` one range of that size",
			t->last - t->first + 1u);
	return 0;
}

static int static_use(
	struct nat_rule *rule, const json_t *value, const char *path, struct err *err) {
	prefix_parse(json_string_value(json_object_get(value, "external")), &rule->external);
	prefix_parse(json_string_value(json_object_get(value, "internal")), &rule->internal);
	rule->external = prefix_network(&rule->external);
	rule->internal = prefix_network(&rule->internal);
	if (rule->external.addr.family != rule->internal.addr.family ||
		rule->external.len != rule->internal.len)
		return err_at(err, path,
			"static: external and internal must be of one family and one length");
	return 0;
}

static int nat64_use(
	struct nat_rule *rule, const json_t *value, const char *path, struct err *err) {
	struct nat_raw64 raw = {0};

	schema_decode(nat_64_rows, value, &raw);
	rule->prefix = prefix_network(&raw.prefix);
	family_only(&rule->match, ADDR_V6);
	return raw.pool ? pool_parse(rule, raw.pool, "nat64.pool", path, err) : 0;
}

static enum nat_kind kind_of(const struct nat_raw *raw) {
	if (raw->snat)
		return NAT_SNAT;
	if (raw->dnat)
		return NAT_DNAT;
	if (raw->fixed)
		return NAT_STATIC;
	if (raw->nat64)
		return NAT_64;
	return raw->masquerade ? NAT_MASQUERADE : NAT_EXEMPT;
}

static int rule_parse(const struct fw_conf *fw, struct nat_rule *rule, const json_t *value,
	const char *path, struct err *err) {
	struct nat_raw raw = {0};
	int rc;

	schema_decode(nat_rows, value, &raw);
	snprintf(rule->name, sizeof(rule->name), "%s", raw.rule.name ? raw.rule.name : "");
	rule->kind = kind_of(&raw);
	rc = fw_conf_words(fw, &rule->words, &raw.rule, path, err);
	rule->match = fw_conf_match(&rule->words, &raw.rule);
	rc = rc ? rc : options_parse(rule, &raw, path, err);
	if (rc == 0 && raw.snat)
		rc = pool_parse(rule, raw.snat, "snat", path, err);
	if (rc == 0 && raw.dnat)
		rc = target_use(rule, &raw, path, err);
	if (rc == 0 && raw.fixed)
		rc = static_use(rule, raw.fixed, path, err);
	if (rc == 0 && raw.nat64)
		rc = nat64_use(rule, raw.nat64, path, err);
	if (rc == 0 && rule->match.only4 && rule->match.only6)
		return err_at(err, path, "`family` is not that of its addresses");
	return rc;
}

int nat_conf_parse(
	const json_t *tree, const struct fw_conf *fw, struct nat_conf *conf, struct err *err) {
	const json_t *rules = json_object_get(json_object_get(tree, "firewall"), "nat");
	char path[64];
	json_t *value;
	size_t i;

	*conf = (struct nat_conf){0};
	conf->rules = calloc(json_array_size(rules) + 1, sizeof(*conf->rules));
	if (conf->rules == NULL)
		return no_memory(err);
	json_array_foreach ((json_t *)rules, i, value) {
		snprintf(path, sizeof(path), "firewall.nat[%zu]", i + 1);
		int rc = rule_parse(fw, &conf->rules[conf->n++], value, path, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

void nat_conf_fini(struct nat_conf *conf) {
	for (unsigned i = 0; i < conf->n; i++) {
		fw_conf_rule_fini(&conf->rules[i].words);
		vec_fini(&conf->rules[i].pool);
	}
	free(conf->rules);
	*conf = (struct nat_conf){0};
}
