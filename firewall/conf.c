// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/nat/conf.h"
#include "firewall/conf_priv.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH 160

static int no_memory(struct err *err) {
	return err_set(err, -ENOMEM, "firewall: out of memory");
}

// ---- zones --------------------------------------------------------------------------------------------------

int fw_conf_zone(const struct fw_conf *conf, const char *name) {
	if (strcmp(name, "self") == 0)
		return FW_SELF;
	for (unsigned i = 1; i < conf->n_zones; i++)
		if (strcmp(conf->zones[i], name) == 0)
			return (int)i;
	return -ENOENT;
}

const char *fw_conf_zone_name(const struct fw_conf *conf, unsigned zone) {
	if (zone == FW_SELF)
		return "self";
	return zone > 0 && zone < conf->n_zones ? conf->zones[zone] : "-";
}

static int zone_add(struct fw_conf *conf, const char *path, const json_t *object, struct err *err) {
	const char *zone = json_string_value(json_object_get(object, "zone"));

	if (zone == NULL)
		return 0;
	if (strcmp(zone, "self") == 0)
		return err_at(err, path, "\"self\" is this box itself; choose another name");
	if (fw_conf_zone(conf, zone) >= 0)
		return 0;
	if (conf->n_zones == FW_SELF)
		return err_at(
			err, path, "there are %u zones already, the most that can be", FW_SELF - 1);
	snprintf(conf->zones[conf->n_zones++], FW_NAME, "%s", zone);
	return 0;
}

static int zones_parse(struct fw_conf *conf, const json_t *tree, struct err *err) {
	static const char *const places[][2] = {{"routers", "interfaces"}, {"switches", "ports"}};
	const char *of, *member;
	json_t *o, *m;
	char path[PATH];

	conf->n_zones = 1;
	for (unsigned i = 0; i < 2; i++)
		json_object_foreach (json_object_get(tree, places[i][0]), of, o)
			json_object_foreach (json_object_get(o, places[i][1]), member, m) {
				snprintf(path, sizeof(path), "%s.%s.%s.%s.zone", places[i][0], of,
					places[i][1], member);
				if (zone_add(conf, path, m, err) != 0)
					return -EINVAL;
			}
	return 0;
}

static int zone_of(
	const struct fw_conf *conf, const char *name, const char *path, struct err *err) {
	char known[400] = "self";
	int zone = fw_conf_zone(conf, name);

	if (zone >= 0)
		return zone;
	for (unsigned i = 1; i < conf->n_zones && strlen(known) + FW_NAME + 2 < sizeof(known);
		i++) {
		size_t at = strlen(known);

		snprintf(known + at, sizeof(known) - at, ", %s", conf->zones[i]);
	}
	return err_at(err, path,
		"no interface is in zone \"%s\"; there are: %s. Zones are named by "
		"routers.ROUTER.interfaces.INTERFACE.zone and switches.SWITCH.ports.PORT.zone",
		name, known);
}

// ---- rules --------------------------------------------------------------------------------------------------

struct part {
	const struct fw_conf *conf;
	struct fw_conf_rule *rule;
	unsigned which; // 0: source, from
};

static int rule_zone(const json_t *word, const char *path, void *arg, struct err *err) {
	struct part *p = arg;
	int zone = zone_of(p->conf, json_string_value(word), path, err);

	if (zone < 0)
		return zone;
	return vec_add(&p->rule->zones[p->which], (uint8_t)zone) == 0 ? 0 : no_memory(err);
}

static int rule_side(const json_t *word, const char *path, void *arg, struct err *err) {
	const char *text = json_string_value(word);
	struct part *p = arg;
	int64_t set;

	if (text[0] != '@')
		return fw_addresses_parse(text, &p->rule->prefixes[p->which]) == 0 ? 0
										   : no_memory(err);
	set = fw_conf_set_find(p->conf, text + 1, path, false, err);
	if (set < 0)
		return (int)set;
	return vec_add(&p->rule->sets[p->which], (uint32_t)set) == 0 ? 0 : no_memory(err);
}

static int rule_port(const json_t *word, const char *path, void *arg, struct err *err) {
	const char *text = json_string_value(word);
	struct part *p = arg;
	fw_ranges *to = p->which ? &p->rule->dports : &p->rule->sports;
	struct fw_range range;
	int64_t set;

	if (text == NULL) {
		range.first = range.last = (uint16_t)json_integer_value(word);
		return vec_add(to, range) == 0 ? 0 : no_memory(err);
	}
	if (text[0] != '@') {
		fw_ports_parse(text, &range);
		return vec_add(to, range) == 0 ? 0 : no_memory(err);
	}
	set = fw_conf_set_find(p->conf, text + 1, path, true, err);
	if (set < 0)
		return (int)set;
	const struct fw_conf_set *s = &p->conf->sets[set];
	if (s->ports.n == 0)
		return err_at(
			err, path, "\"%s\" is empty, so that the rule would take any port", text);
	for (size_t i = 0; i < s->ports.n; i++)
		if (vec_add(to, s->ports.items[i]) != 0)
			return no_memory(err);
	return 0;
}

static int rule_proto(const json_t *word, const char *path, void *arg, struct err *err) {
	struct part *p = arg;
	uint8_t protos[2] = {(uint8_t)json_integer_value(word)};
	int n = json_is_string(word) ? fw_proto_parse(json_string_value(word), protos) : 1;

	for (int i = 0; i < n; i++)
		if (vec_add(&p->rule->protos, protos[i]) != 0)
			return no_memory(err);
	return 0;
}

static int rule_icmp(const json_t *word, const char *path, void *arg, struct err *err) {
	struct part *p = arg;
	struct fw_range v4, v6;

	fw_icmp_parse(json_string_value(word), &v4, &v6);
	if ((v4.first <= v4.last && vec_add(&p->rule->icmp4, v4) != 0) ||
		(v6.first <= v6.last && vec_add(&p->rule->icmp6, v6) != 0))
		return no_memory(err);
	return 0;
}

int fw_conf_words(const struct fw_conf *conf, struct fw_conf_rule *rule,
	const struct fw_raw_rule *raw, const char *path, struct err *err) {
	struct part src = {conf, rule, 0}, dst = {conf, rule, 1};
	const json_t *s = raw->not_src ? raw->not_src : raw->src;
	const json_t *d = raw->not_dst ? raw->not_dst : raw->dst;
	int rc = fw_words_foreach(raw->from, path, "from", rule_zone, &src, err);

	rc = rc ? rc : fw_words_foreach(raw->to, path, "to", rule_zone, &dst, err);
	rc = rc ? rc
		: fw_words_foreach(s, path, raw->not_src ? "not_src" : "src", rule_side, &src, err);
	rc = rc ? rc
		: fw_words_foreach(d, path, raw->not_dst ? "not_dst" : "dst", rule_side, &dst, err);
	rc = rc ? rc : fw_words_foreach(raw->sport, path, "sport", rule_port, &src, err);
	rc = rc ? rc : fw_words_foreach(raw->dport, path, "dport", rule_port, &dst, err);
	rc = rc ? rc : fw_words_foreach(raw->proto, path, "proto", rule_proto, &src, err);
	return rc ? rc : fw_words_foreach(raw->icmp, path, "icmp", rule_icmp, &src, err);
}

static struct fw_side side_of(const struct fw_conf_rule *rule, unsigned which, bool not ) {
	return (struct fw_side){rule->prefixes[which].items, (uint32_t)rule->prefixes[which].n,
		rule->sets[which].items, (uint32_t)rule->sets[which].n, not };
}

struct fw_match fw_conf_match(const struct fw_conf_rule *rule, const struct fw_raw_rule *raw) {
	return (struct fw_match){
		.src = side_of(rule, 0, raw->not_src),
		.dst = side_of(rule, 1, raw->not_dst),
		.sports = rule->sports.items,
		.n_sports = (uint32_t)rule->sports.n,
		.dports = rule->dports.items,
		.n_dports = (uint32_t)rule->dports.n,
		.icmp4 = rule->icmp4.items,
		.n_icmp4 = (uint32_t)rule->icmp4.n,
		.icmp6 = rule->icmp6.items,
		.n_icmp6 = (uint32_t)rule->icmp6.n,
		.protos = rule->protos.items,
		.n_protos = (uint32_t)rule->protos.n,
		.from = rule->zones[0].items,
		.n_from = (uint32_t)rule->zones[0].n,
		.to = rule->zones[1].items,
		.n_to = (uint32_t)rule->zones[1].n,
		.only4 = raw->family == FW_FAMILY_V4,
		.only6 = raw->family == FW_FAMILY_V6,
		.off = !raw->enabled,
	};
}

// ---- schedules ----------------------------------------------------------------------------------------------

static int schedules_parse(struct fw_conf *conf, const json_t *schedules, struct err *err) {
	const char *name;
	json_t *value;

	conf->schedules = calloc(json_object_size(schedules) + 1, sizeof(*conf->schedules));
	conf->schedule_names = calloc(json_object_size(schedules) + 1, FW_NAME);
	if (conf->schedules == NULL || conf->schedule_names == NULL)
		return no_memory(err);
	json_object_foreach ((json_t *)schedules, name, value) {
		snprintf(conf->schedule_names[conf->n_schedules], FW_NAME, "%s", name);
		fw_schedule_parse(value, &conf->schedules[conf->n_schedules++]);
	}
	return 0;
}

static int rule_schedule(const struct fw_conf *conf, struct fw_conf_rule *rule, const char *name,
	const char *path, struct err *err) {
	rule->schedule = -1;
	for (unsigned i = 0; name && i < conf->n_schedules; i++)
		if (strcmp(conf->schedule_names[i], name) == 0)
			rule->schedule = (int)i;
	if (name && rule->schedule < 0)
		return err_at(err, path,
			"schedule: there is no \"%s\"; describe it in `firewall.schedules`", name);
	return 0;
}

// Two rules of one name could not be told apart in records and tests. Names are looked up in an object, for there may be 32,768.
static int name_take(json_t *names, const char *name, const char *path, struct err *err) {
	if (name[0] && json_object_get(names, name))
		return err_at(err, path, "name: another rule is called \"%s\"", name);
	return json_object_set_new(names, name, json_true()) == 0 ? 0 : no_memory(err);
}

static int rules_parse(struct fw_conf *conf, const json_t *rules, struct err *err) {
	json_t *names = json_object(), *value;
	char path[PATH];
	size_t i;
	int rc = 0;

	conf->rules = calloc(json_array_size(rules) + 1, sizeof(*conf->rules));
	conf->matches = calloc(json_array_size(rules) + 1, sizeof(*conf->matches));
	if (conf->rules == NULL || conf->matches == NULL || names == NULL)
		rc = no_memory(err);
	json_array_foreach ((json_t *)rules, i, value) {
		if (rc != 0)
			break;
		struct fw_conf_rule *rule = &conf->rules[conf->n_rules];
		struct fw_raw_rule raw = {.syn_cookies = FW_COOKIES_NONE};

		schema_decode(fw_rule_rows, value, &raw);
		snprintf(path, sizeof(path), "firewall.rules[%zu]", i + 1);
		snprintf(rule->name, sizeof(rule->name), "%s", raw.name ? raw.name : "");
		rule->action = raw.action;
		rule->policy = raw.policy;
		rule->ftp = raw.helper == FW_HELPER_FTP;
		conf->n_helped += rule->ftp;
		conf->n_policies += raw.policy > 0;
		rule->log = raw.log;
		rule->rate = raw.rate;
		rule->rate_per_source = raw.rate_per_source;
		rule->connections_per_source = (uint32_t)raw.connections_per_source;
		rule->block_ns = raw.block_ns;
		rule->syn_cookies = raw.syn_cookies;
		conf->n_rules++;
		rc = name_take(names, rule->name, path, err);
		if (rc == 0)
			rc = rule_schedule(conf, rule, raw.schedule, path, err);
		if (rc == 0)
			rc = fw_conf_words(conf, rule, &raw, path, err);
		conf->matches[i] = fw_conf_match(rule, &raw);
	}
	json_decref(names);
	return rc;
}

// ---- tests --------------------------------------------------------------------------------------------------

static int test_key(
	struct fw_key *key, const struct fw_raw_test *raw, const char *path, struct err *err) {
	struct fw_range v4, v6, *icmp;
	uint8_t protos[2] = {6, 6};

	if (raw->src.family != raw->dst.family)
		return err_at(err, path, "src and dst are of two families");
	key->v6 = raw->src.family == ADDR_V6;
	memcpy(key->src, raw->src.bytes, 16);
	memcpy(key->dst, raw->dst.bytes, 16);
	key->sport = (uint16_t)raw->sport;
	key->dport = (uint16_t)raw->dport;
	if (json_is_integer(raw->proto))
		protos[0] = protos[1] = (uint8_t)json_integer_value(raw->proto);
	else if (json_is_string(raw->proto) &&
		fw_proto_parse(json_string_value(raw->proto), protos) == 1)
		protos[1] = protos[0];
	else if (json_is_array(raw->proto))
		return err_at(err, path, "proto: a packet has one");
	key->proto = protos[key->v6];
	if (raw->icmp == NULL)
		return 0;
	fw_icmp_parse(raw->icmp, &v4, &v6);
	icmp = key->v6 ? &v6 : &v4;
	if (icmp->first > icmp->last)
		return err_at(
			err, path, "icmp: %s has no %s", key->v6 ? "IPv6" : "IPv4", raw->icmp);
	key->proto = key->v6 ? 58 : 1;
	key->dport = icmp->first;
	return 0;
}

// "mon 12:00"; the schema took it.
static void at_parse(const char *text, struct fw_conf_test *test) {
	int minutes = fw_time_parse(text + 4);

	for (unsigned day = 0; fw_day_words[day]; day++)
		if (strncmp(text, fw_day_words[day], 3) == 0)
			test->weekday = (uint8_t)day;
	test->hour = (uint8_t)(minutes / 60);
	test->minute = (uint8_t)(minutes % 60);
}

static int test_parse(
	struct fw_conf *conf, const json_t *value, const char *path, struct err *err) {
	struct fw_conf_test *test = &conf->tests[conf->n_tests++];
	struct fw_raw_test raw = {0};
	char at[PATH + 16];
	int zone, rc;

	schema_decode(fw_test_rows, value, &raw);
	rc = test_key(&test->key, &raw, path, err);
	if (rc != 0)
		return rc;
	snprintf(at, sizeof(at), "%s.from", path);
	zone = zone_of(conf, raw.from, at, err);
	if (zone < 0)
		return zone;
	test->key.from = (uint8_t)zone;
	test->expect = raw.expect;
	at_parse(raw.at, test);
	snprintf(test->rule, sizeof(test->rule), "%s", raw.rule ? raw.rule : "");
	if (raw.translated) {
		struct nat_target target;

		nat_target_parse(raw.translated, &target);
		test->translated = target.addr;
		test->translated_port = target.first;
	}
	test->to_known = raw.to != NULL;
	if (!test->to_known)
		return 0;
	snprintf(at, sizeof(at), "%s.to", path);
	zone = zone_of(conf, raw.to, at, err);
	test->key.to = (uint8_t)zone;
	return zone < 0 ? zone : 0;
}

static int tests_parse(struct fw_conf *conf, const json_t *tests, struct err *err) {
	char path[PATH];
	json_t *value;
	size_t i;

	conf->tests = calloc(json_array_size(tests) + 1, sizeof(*conf->tests));
	if (conf->tests == NULL)
		return no_memory(err);
	json_array_foreach ((json_t *)tests, i, value) {
		snprintf(path, sizeof(path), "firewall.tests[%zu]", i + 1);
		int rc = test_parse(conf, value, path, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

// ---- where a destination is -----------------------------------------------------------------------------------

struct best {
	int len;
	unsigned zone;
};

static void offer(
	struct best *best, const struct prefix *prefix, const struct addr *dst, unsigned zone) {
	if (prefix->addr.family == dst->family && (int)prefix->len > best->len &&
		prefix_contains(prefix, dst)) {
		best->len = prefix->len;
		best->zone = zone;
	}
}

static unsigned iface_zone(const struct fw_conf *conf, const struct rtr_conf_iface *iface) {
	int zone = iface && iface->zone[0] ? fw_conf_zone(conf, iface->zone) : 0;

	return zone > 0 ? (unsigned)zone : 0;
}

static unsigned route_in(const struct fw_conf *conf, const struct rtr_conf_all *all,
	const struct rtr_conf *router, const struct addr *dst, unsigned depth) {
	struct best best = {.len = -1};

	for (unsigned i = 0; i < router->n_ifaces; i++) {
		const struct rtr_conf_iface *iface = &router->ifaces[i];

		for (unsigned a = 0; a < iface->n_addrs; a++) {
			if (addr_cmp(&iface->addrs[a].addr, dst) == 0)
				return FW_SELF;
			offer(&best, &iface->addrs[a], dst, iface_zone(conf, iface));
		}
	}
	for (unsigned i = 0; i < router->n_routes; i++) {
		const struct rtr_conf_route *route = &router->routes[i];
		const struct rtr_conf *other =
			route->kind == RTR_ROUTE_ROUTER ? rtr_conf_find(all, route->router) : NULL;
		unsigned zone = 0;

		if (route->kind == RTR_ROUTE_VIA)
			zone = iface_zone(conf, rtr_conf_path_iface(router, &route->paths[0]));
		else if (other && depth > 0 && prefix_contains(&route->prefix, dst))
			zone = route_in(conf, all, other, dst, depth - 1);
		offer(&best, &route->prefix, dst, zone);
	}
	return best.zone;
}

unsigned fw_conf_route(const struct fw_conf *conf, const struct rtr_conf_all *routers,
	unsigned from, const struct addr *dst) {
	for (unsigned r = 0; r < routers->n; r++) {
		const struct rtr_conf *router = &routers->routers[r];

		for (unsigned i = 0; i < router->n_ifaces; i++)
			if (from == FW_SELF || iface_zone(conf, &router->ifaces[i]) == from)
				return route_in(conf, routers, router, dst, 2);
	}
	return 0;
}

// ---- the whole ------------------------------------------------------------------------------------------------

int fw_conf_parse(const json_t *tree, struct fw_conf *conf, struct err *err) {
	const json_t *firewall = json_object_get(tree, "firewall");
	struct fw_raw_firewall raw = {.def = FW_DROP};
	int rc = zones_parse(conf, tree, err);

	conf->there = firewall != NULL;
	if (firewall)
		schema_decode(fw_firewall_rows, firewall, &raw);
	conf->def = raw.def;
	conf->country_database = raw.country_database;
	conf->policy_instructions = (uint64_t)raw.policy_instructions;
	rc = rc ? rc
		: fw_conf_sets_parse(
			  conf, json_object_get(tree, "sets"), raw.country_database, err);
	rc = rc ? rc : schedules_parse(conf, raw.schedules, err);
	rc = rc ? rc : rules_parse(conf, raw.rules, err);
	return rc ? rc : tests_parse(conf, raw.tests, err);
}

void fw_conf_rule_fini(struct fw_conf_rule *rule) {
	for (unsigned which = 0; which < 2; which++) {
		vec_fini(&rule->prefixes[which]);
		vec_fini(&rule->sets[which]);
		vec_fini(&rule->zones[which]);
	}
	vec_fini(&rule->sports);
	vec_fini(&rule->dports);
	vec_fini(&rule->icmp4);
	vec_fini(&rule->icmp6);
	vec_fini(&rule->protos);
}

void fw_conf_fini(struct fw_conf *conf) {
	for (unsigned i = 0; i < conf->n_sets; i++) {
		vec_fini(&conf->sets[i].prefixes);
		vec_fini(&conf->sets[i].ports);
	}
	for (unsigned i = 0; i < conf->n_rules; i++)
		fw_conf_rule_fini(&conf->rules[i]);
	free(conf->sets);
	free(conf->schedules);
	free(conf->schedule_names);
	free(conf->rules);
	free(conf->matches);
	free(conf->tests);
	*conf = (struct fw_conf){0};
}
