// SPDX-License-Identifier: BSD-3-Clause
// The rules of NAT as deciders read them, and what is counted of each.
#include "firewall/nat/table_nat.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct nat_count nat_counts[DP_MAX_WORKERS][NAT_IDS];

struct nat_count nat_counts_sum(unsigned id) {
	struct nat_count sum = {0};

	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		const struct nat_count *c = &nat_counts[w][id];
		uint64_t last = __atomic_load_n(&c->last_ns, __ATOMIC_RELAXED);

		sum.hits += __atomic_load_n(&c->hits, __ATOMIC_RELAXED);
		sum.sessions += __atomic_load_n(&c->sessions, __ATOMIC_RELAXED);
		if (last > sum.last_ns)
			sum.last_ns = last;
	}
	return sum;
}

// ---- numbers ------------------------------------------------------------------------------------------------
// A rule keeps its number, and with it its counts and sessions, as long as it reads the same, wherever it stands.

static char *text_of(const json_t *rule) {
	json_t *copy = json_copy((json_t *)rule);
	char *text;

	json_object_del(copy, "name");
	text = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(copy);
	return text;
}

static unsigned id_of_text(const struct nat_policy *old, const char *text, const bool *given) {
	for (unsigned i = 0; old && i < old->conf.n; i++)
		if (strcmp(old->texts[i], text) == 0 && !given[old->ids[i]])
			return old->ids[i];
	return 0;
}

static unsigned id_free(const struct nat_policy *old, const bool *given) {
	for (unsigned id = 1; id < NAT_IDS; id++)
		if (!given[id] && !nat_rule_of(old, id) && nat_counts_sum(id).sessions == 0)
			return id;
	return 0;
}

static void counts_forget(unsigned id) {
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++)
		nat_counts[w][id].hits = nat_counts[w][id].last_ns = 0;
}

static int ids_give(
	struct nat_policy *p, const json_t *rules, const struct nat_policy *old, struct err *err) {
	bool given[NAT_IDS] = {0};

	for (unsigned i = 0; i < p->conf.n; i++) {
		p->texts[i] = text_of(json_array_get(rules, i));
		if (p->texts[i] == NULL)
			return err_set(err, -ENOMEM, "firewall.nat: out of memory");
		unsigned id = id_of_text(old, p->texts[i], given);
		if (id == 0 && (id = id_free(old, given)) != 0)
			counts_forget(id);
		if (id == 0)
			return err_set(err, -EAGAIN,
				"firewall.nat: sessions of earlier rules have not ended yet; try "
				"again");
		given[id] = true;
		p->ids[i] = (uint16_t)id;
		p->of_id[id] = (uint16_t)(i + 1);
	}
	return 0;
}

// ---- rules --------------------------------------------------------------------------------------------------

static bool is_in(const struct nat_rule *rule, bool dnat) {
	bool first = rule->kind == NAT_DNAT || rule->kind == NAT_64;

	return rule->kind == NAT_STATIC || first == dnat;
}

// What is asked at that stage. Of a static rule: what is sent to it, by anybody; what its own send, where the rule says.
static struct fw_match match_at(const struct nat_rule *rule, bool dnat) {
	struct fw_match m = rule->match;

	if (rule->kind == NAT_STATIC && dnat) {
		m.dst = (struct fw_side){.prefixes = &rule->external, .n_prefixes = 1};
		m.n_from = m.n_to = 0;
	} else if (rule->kind == NAT_STATIC) {
		m.src = (struct fw_side){.prefixes = &rule->internal, .n_prefixes = 1};
	} else if (rule->kind == NAT_64) { // where it goes to is known later
		m.dst = (struct fw_side){.prefixes = &rule->prefix, .n_prefixes = 1};
		m.n_to = 0;
	}
	return m;
}

static int list_build(
	struct nat_policy *p, bool dnat, const struct fw_addrs *sets, struct err *err) {
	struct nat_list *list = dnat ? &p->dnat : &p->snat;
	struct fw_match *matches = calloc(p->conf.n + 1, sizeof(*matches));

	list->rules = calloc(p->conf.n + 1, sizeof(*list->rules));
	if (matches == NULL || list->rules == NULL) {
		free(matches);
		return err_set(err, -ENOMEM, "firewall.nat: out of memory");
	}
	for (unsigned i = 0; i < p->conf.n; i++) {
		if (!is_in(&p->conf.rules[i], dnat))
			continue;
		matches[list->n] = match_at(&p->conf.rules[i], dnat);
		list->rules[list->n++] = (uint16_t)i;
	}
	if (list->n > 0)
		list->compiled = fw_rules_new(matches, list->n, sets, err);
	free(matches);
	return list->n == 0 || list->compiled ? 0 : err->code;
}

static int pool_fill(struct nat_pool *pool, const struct nat_rule *rule) {
	pool->addrs = calloc(NAT_ADDRESSES, sizeof(*pool->addrs));
	if (pool->addrs == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < rule->pool.n; i++) {
		const struct prefix *p = &rule->pool.items[i];
		uint32_t first;

		if (p->addr.family != ADDR_V4)
			continue;
		memcpy(&first, p->addr.bytes, sizeof(first));
		for (uint64_t k = 0; k < 1ull << (32 - p->len); k++)
			pool->addrs[pool->n++] =
				__builtin_bswap32(__builtin_bswap32(first) + (uint32_t)k);
	}
	return 0;
}

static int rules_fill(struct nat_policy *p, struct err *err) {
	int rc = 0;

	for (unsigned i = 0; i < p->conf.n && rc == 0; i++) {
		const struct nat_rule *rule = &p->conf.rules[i];

		if (rule->kind == NAT_SNAT || rule->kind == NAT_64)
			rc = pool_fill(&p->pools[i], rule);
		if (rule->kind == NAT_STATIC)
			npt_init(&p->npts[i], &rule->external, &rule->internal);
	}
	return rc == 0 ? 0 : err_set(err, rc, "firewall.nat: out of memory");
}

struct nat_policy *nat_policy_new(const json_t *tree, const struct fw_conf *fw,
	const struct fw_addrs *sets, const struct nat_policy *old, struct err *err) {
	struct nat_policy *p = calloc(1, sizeof(*p));
	const json_t *rules = json_object_get(json_object_get(tree, "firewall"), "nat");
	int rc = p ? nat_conf_parse(tree, fw, &p->conf, err)
		   : err_set(err, -ENOMEM, "firewall.nat: out of memory");

	if (rc != 0)
		goto fail;
	p->npts = calloc(p->conf.n + 1, sizeof(*p->npts));
	p->pools = calloc(p->conf.n + 1, sizeof(*p->pools));
	p->texts = calloc(p->conf.n + 1, sizeof(*p->texts));
	p->ids = calloc(p->conf.n + 1, sizeof(*p->ids));
	if (!p->npts || !p->pools || !p->texts || !p->ids)
		rc = err_set(err, -ENOMEM, "firewall.nat: out of memory");
	rc = rc ? rc : rules_fill(p, err);
	rc = rc ? rc : nat64_prepare(p, err);
	rc = rc ? rc : ids_give(p, rules, old, err);
	rc = rc ? rc : list_build(p, true, sets, err);
	rc = rc ? rc : list_build(p, false, sets, err);
	if (rc == 0)
		return p;
fail:
	nat_policy_free(p);
	return NULL;
}

void nat_policy_free(struct nat_policy *p) {
	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->conf.n; i++) {
		if (p->pools)
			free(p->pools[i].addrs);
		if (p->texts)
			free(p->texts[i]);
	}
	fw_rules_free(p->dnat.compiled);
	fw_rules_free(p->snat.compiled);
	free(p->dnat.rules);
	free(p->snat.rules);
	free(p->npts);
	free(p->pools);
	free(p->texts);
	free(p->ids);
	nat_conf_fini(&p->conf);
	free(p);
}

int nat_policy_class(struct nat_policy *p, uint32_t class, const uint32_t *labels, uint32_t n) {
	int rc = 0;

	if (p && p->dnat.compiled)
		rc = fw_rules_class(p->dnat.compiled, class, labels, n);
	if (p && p->snat.compiled && rc == 0)
		rc = fw_rules_class(p->snat.compiled, class, labels, n);
	return rc;
}
