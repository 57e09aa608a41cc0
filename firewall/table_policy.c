// SPDX-License-Identifier: BSD-3-Clause
#include "firewall/judge.h"
#include "firewall/nat/nat.h"
#include "firewall/policy.h"
#include "lib/hash.h"
#include "lib/module.h"
#include "router/iface.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TEST_SUNDAY_S 1767484800 // 4 January 2026 (UTC): where the week of tests begins
#define SPARE_ENTRIES 65536      // what may be added to sets at run time

struct fw_policy *fw_policy;
struct sources fw_sources;

// ---- sets ---------------------------------------------------------------------------------------------------

// A class that a running policy may meet needs its rows first.
static int class_fresh(void *arg, uint32_t class, const uint32_t *labels, uint32_t n) {
	const struct fw_sets *sets = arg;
	int rc = 0;

	if (fw_policy && fw_policy->sets == sets)
		rc = fw_rules_class(fw_policy->compiled, class, labels, n);
	return rc ? rc : fw_policy ? nat_policy_class(fw_policy->nat, class, labels, n) : 0;
}

static void sets_put(struct fw_sets *sets) {
	if (sets == NULL || --sets->refs > 0)
		return;
	fw_addrs_free(sets->addrs);
	free(sets->names);
	free(sets);
}

static int set_load(
	struct fw_sets *sets, const struct fw_conf_set *set, uint32_t label, struct err *err) {
	// short ones first: see fw_addrs_add()
	for (unsigned len = 0; len <= 128; len++) {
		for (size_t i = 0; i < set->prefixes.n; i++) {
			const struct prefix *p = &set->prefixes.items[i];
			int rc = p->len == len ? fw_addrs_add(sets->addrs, p, label) : 0;

			if (rc != 0 && rc != -EEXIST)
				return err_set(
					err, rc, "sets.%s: no room for its addresses", set->name);
		}
	}
	return 0;
}

static struct fw_sets *sets_new(const struct fw_conf *conf, struct err *err) {
	struct fw_sets *sets = calloc(1, sizeof(*sets));
	size_t entries = SPARE_ENTRIES;
	int rc = 0;

	if (sets == NULL)
		goto no_memory;
	sets->refs = 1;
	for (unsigned i = 0; i < conf->n_sets; i++)
		entries += conf->sets[i].prefixes.n;
	struct fw_addrs_ops ops = {.fresh = class_fresh, .arg = sets, .sync = dp_sync};
	sets->names = calloc(conf->n_sets + 1, sizeof(*sets->names));
	sets->addrs = entries < UINT32_MAX ? fw_addrs_new((uint32_t)entries, &ops) : NULL;
	if (sets->names == NULL || sets->addrs == NULL)
		goto no_memory;
	for (unsigned i = 0; rc == 0 && i < conf->n_sets; i++) {
		snprintf(sets->names[sets->n++], FW_NAME, "%s", conf->sets[i].name);
		rc = set_load(sets, &conf->sets[i], i, err);
	}
	if (rc == 0)
		return sets;
	sets_put(sets);
	return NULL;

no_memory:
	sets_put(sets);
	err_set(err, -ENOMEM, "sets: out of memory");
	return NULL;
}

uint32_t fw_set_find(const struct fw_sets *sets, const char *name) {
	for (uint32_t label = 0; sets && label < sets->n; label++)
		if (strcmp(sets->names[label], name) == 0)
			return label;
	return FW_NONE;
}

int fw_set_edit(const char *name, const struct prefix *prefix, bool add, struct err *err) {
	struct fw_sets *sets = fw_policy ? fw_policy->sets : NULL;
	uint32_t label = fw_set_find(sets, name);
	char text[PREFIX_STRLEN];

	if (label == FW_NONE)
		return err_set(err, -ENOENT, "there is no set \"%s\"%s", name,
			fw_policy ? "" : ", for there is no firewall");
	int rc = add ? fw_addrs_add(sets->addrs, prefix, label)
		     : fw_addrs_del(sets->addrs, prefix, label);
	prefix_print(prefix, text);
	switch (rc) {
	case 0:
		return 0;
	case -EEXIST:
		return err_set(err, rc, "set %s has %s already", name, text);
	case -ENOENT:
		return err_set(err, rc, "set %s has no entry %s", name, text);
	default:
		return err_set(err, rc,
			"set %s: no room for %s: %u entries may be added while it runs; put them "
			"into the configuration",
			name, text, SPARE_ENTRIES);
	}
}

// ---- rules --------------------------------------------------------------------------------------------------

bool fw_policy_time(struct fw_policy *p, time_t wall) {
	bool any = false;
	struct tm local;

	localtime_r(&wall, &local);
	for (unsigned s = 0; s < p->conf.n_schedules; s++) {
		bool on = fw_schedule_on(&p->conf.schedules[s], &local);

		if (on == p->on[s])
			continue;
		p->on[s] = on;
		any = true;
		for (uint32_t i = 0; i < p->n; i++)
			if (p->conf.rules[i].schedule == (int)s && !p->conf.matches[i].off)
				fw_rules_switch(p->compiled, i, on);
	}
	return any;
}

static int sources_make(void) {
	uint64_t secret[2];

	if (fw_sources.entries)
		return 0;
	return getrandom(secret, sizeof(secret), 0) == sizeof(secret)
		? sources_init(&fw_sources, FW_SOURCES, secret)
		: -EAGAIN;
}

static uint64_t rule_id(const json_t *text) {
	char *words = json_dumps(text, JSON_COMPACT | JSON_SORT_KEYS);
	uint64_t hash = words ? hash_text(words) : 0;

	free(words);
	return hash;
}

static int source_limit_fill(
	struct fw_rule *rule, const struct fw_conf_rule *conf, const json_t *text) {
	uint64_t rate = conf->rate_per_source;

	rule->per_source = rate > 0 || conf->connections_per_source > 0;
	if (!rule->per_source)
		return 0;
	rule->id = rule_id(text);
	rule->source.connections = conf->connections_per_source;
	if (rate > 0)
		rule->source.rate = bucket_limit_of(rate, rate < 100 ? rate : 100);
	return sources_make();
}

static int rules_fill(struct fw_policy *p) {
	p->n = p->conf.n_rules;
	p->on = malloc(p->conf.n_schedules + 1);
	if (p->on == NULL)
		return -ENOMEM;
	memset(p->on, true, p->conf.n_schedules + 1); // as the rules were compiled
	p->rules = calloc(p->n + 1, sizeof(*p->rules));
	p->shadows = calloc(p->n + 1, sizeof(*p->shadows));
	if (p->rules == NULL || p->shadows == NULL)
		return -ENOMEM;
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		p->hits[w] = calloc(p->n + FW_DEFAULT_HITS, sizeof(struct fw_hits));
		if (p->hits[w] == NULL)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < p->n; i++) {
		const struct fw_conf_rule *conf = &p->conf.rules[i];

		p->rules[i].action = conf->action;
		p->rules[i].policy = conf->policy;
		p->rules[i].ftp = conf->ftp;
		p->rules[i].log = conf->log;
		if (source_limit_fill(&p->rules[i], conf, json_array_get(p->texts, i)) != 0)
			return -ENOMEM;
		p->rules[i].block_ns = conf->block_ns;
		snprintf(p->rules[i].called, sizeof(p->rules[i].called), "rule %u %s", i + 1,
			conf->name);
		fw_cookies_init(&p->rules[i].cookies, conf->syn_cookies);
		p->rules[i].limited = conf->rate > 0;
		// a second's worth may come at once, as long as it is few
		p->rules[i].limit =
			bucket_limit_of(conf->rate, conf->rate < 100 ? conf->rate : 100);
	}
	return 0;
}

// What a policy says of a test's packet: the first of its kind, at the time that the test says, with all schedules on.
static int ask(void *arg, uint32_t rule, const struct fw_key *key, const struct fw_conf_test *test,
	struct err *err) {
	const struct fw_policy *p = arg;
	struct fw_conn conn = {.key = key,
		.conf = &p->conf,
		.sets = p->sets->addrs,
		.counting = FW_COUNT_NEVER,
		.first = true,
		.asked_dport = test->key.dport,
		.moment = {.weekday = test->weekday, .hour = test->hour, .minute = test->minute}};

	memcpy(conn.asked_dst, test->key.dst, sizeof(conn.asked_dst));
	conn.moment.time_s =
		TEST_SUNDAY_S + ((test->weekday * 24 + test->hour) * 60 + test->minute) * 60;
	return fw_lua_ask(p->lua, FW_LUA_WORKERS, p->rules[rule].policy, &conn, err);
}

struct fw_policy *fw_policy_new(const struct change *change, unsigned workers,
	const struct fw_policy *old, bool same_sets, struct err *err) {
	const json_t *tree = change->new;
	struct fw_policy *p = calloc(1, sizeof(*p));
	struct rtr_conf_all routers = {0};

	if (p == NULL) {
		err_set(err, -ENOMEM, "firewall: out of memory");
		return NULL;
	}
	if (fw_conf_parse(tree, &p->conf, err) != 0)
		goto fail;
	if (old && same_sets) {
		p->sets = old->sets;
		p->sets->refs++;
	} else if ((p->sets = sets_new(&p->conf, err)) == NULL) {
		goto fail;
	}
	p->def = p->conf.def;
	p->texts = json_incref(json_object_get(json_object_get(tree, "firewall"), "rules"));
	p->compiled = fw_rules_new(p->conf.matches, p->conf.n_rules, p->sets->addrs, err);
	if (p->compiled == NULL)
		goto fail;
	p->nat = nat_policy_new(tree, &p->conf, p->sets->addrs, old ? old->nat : NULL, err);
	if (p->nat == NULL)
		goto fail;
	if (rules_fill(p) != 0) {
		err_set(err, -ENOMEM, "firewall: out of memory");
		goto fail;
	}
	if (p->conf.n_policies > 0) {
		p->lua = fw_lua_new(&p->conf, change->script, workers, err);
		if (p->lua == NULL)
			goto fail;
	}
	struct fw_dnat dnat = {nat_translate, p->nat};
	struct fw_asker asker = {ask, p};
	fw_shadows_find(&p->conf, p->compiled, p->shadows);
	if (rtr_conf_parse(tree, &routers, err) != 0 ||
		fw_tests_run(&p->conf, p->compiled, &routers, &dnat, &asker, err) != 0)
		goto fail;
	rtr_conf_fini(&routers);
	return p;

fail:
	rtr_conf_fini(&routers);
	fw_policy_free(p);
	return NULL;
}

void fw_policy_free(struct fw_policy *p) {
	if (p == NULL)
		return;
	nat_policy_free(p->nat);
	fw_lua_free(p->lua);
	fw_rules_free(p->compiled);
	sets_put(p->sets);
	json_decref(p->texts);
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++)
		free(p->hits[w]);
	free(p->rules);
	free(p->shadows);
	free(p->on);
	fw_conf_fini(&p->conf);
	free(p);
}

struct fw_hits fw_policy_hits(const struct fw_policy *p, uint32_t rule) {
	struct fw_hits sum = {0};

	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		const struct fw_hits *h = &p->hits[w][rule];
		uint64_t last = __atomic_load_n(&h->last_ns, __ATOMIC_RELAXED);

		sum.packets += __atomic_load_n(&h->packets, __ATOMIC_RELAXED);
		sum.failed += __atomic_load_n(&h->failed, __ATOMIC_RELAXED);
		sum.cookies += __atomic_load_n(&h->cookies, __ATOMIC_RELAXED);
		if (last > sum.last_ns)
			sum.last_ns = last;
	}
	return sum;
}

void fw_policy_sums(const struct fw_policy *p, uint64_t sums[static 3]) {
	memset(sums, 0, 3 * sizeof(*sums));
	for (uint32_t i = 0; i <= p->n; i++)
		if (i == p->n || p->rules[i].policy == 0)
			sums[i < p->n ? p->rules[i].action : p->def] +=
				fw_policy_hits(p, i).packets;
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++)
		for (unsigned action = 0; action < 3; action++)
			sums[action] += __atomic_load_n(&p->said[w][action], __ATOMIC_RELAXED);
}

// Rules are the same when they read the same; where two read the same, the later of them.
static json_t *index_by_text(const struct fw_policy *p) {
	json_t *index = json_object();

	for (uint32_t i = 0; index && i < p->n; i++) {
		char *text = json_dumps(json_array_get(p->texts, i), JSON_COMPACT | JSON_SORT_KEYS);

		if (text)
			json_object_set_new(index, text, json_integer(i));
		free(text);
	}
	return index;
}

static void hits_adopt(struct fw_policy *p, const struct fw_policy *old) {
	json_t *index = index_by_text(old);

	for (uint32_t i = 0; i < p->n; i++) {
		char *text = json_dumps(json_array_get(p->texts, i), JSON_COMPACT | JSON_SORT_KEYS);
		const json_t *was = text ? json_object_get(index, text) : NULL;

		if (was) {
			uint32_t rule = (uint32_t)json_integer_value(was);

			p->hits[0][i] = fw_policy_hits(old, rule);
			fw_cookies_adopt(&p->rules[i].cookies, &old->rules[rule].cookies);
		}
		free(text);
	}
	p->hits[0][p->n] = fw_policy_hits(old, old->n);
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++)
		for (unsigned action = 0; action < 3; action++)
			p->said[0][action] +=
				__atomic_load_n(&old->said[w][action], __ATOMIC_RELAXED);
	json_decref(index);
}

static const char *zone_name(const struct rtr_iface *iface, const json_t *tree) {
	const json_t *router = json_object_get(json_object_get(tree, "routers"), iface->router);
	const json_t *conf = json_object_get(json_object_get(router, "interfaces"), iface->name);

	return json_string_value(json_object_get(conf, "zone"));
}

static uint8_t zone_number(const struct fw_policy *p, const char *name) {
	int zone = name ? fw_conf_zone(&p->conf, name) : 0;

	return zone > 0 ? (uint8_t)zone : 0;
}

static void port_zones(struct fw_policy *p, const json_t *tree) {
	const char *name, *port;
	json_t *sw, *conf;

	json_object_foreach (json_object_get(tree, "switches"), name, sw)
		json_object_foreach (json_object_get(sw, "ports"), port, conf) {
			int index = dp_port_find(port);

			if (index >= 0 && index < DP_MAX_PORTS)
				p->zones[index] = zone_number(
					p, json_string_value(json_object_get(conf, "zone")));
		}
}

void fw_policy_zones(struct fw_policy *p, const json_t *tree) {
	for (unsigned i = 0; i < DP_MAX_IFACES; i++) {
		const struct rtr_iface *iface = rtr_ifaces[i];

		p->zones[i] = zone_number(p, iface ? zone_name(iface, tree) : NULL);
	}
	port_zones(p, tree);
}

void fw_policy_adopt(struct fw_policy *p, const struct fw_policy *old, const json_t *tree) {
	fw_policy_zones(p, tree);
	if (old)
		hits_adopt(p, old);
}
