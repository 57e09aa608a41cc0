// SPDX-License-Identifier: BSD-3-Clause
// The firewall as people and programs see it: nouns and actions.
#include "firewall/firewall_priv.h"
#include "firewall/nat/nat.h"
#include "firewall/policy.h"
#include "lib/clock.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SET_STEPS 100000 // prefixes that one `show set-entries` looks at

static int append(json_t *rows, json_t *row, struct err *err) {
	if (row != NULL && json_array_append_new(rows, row) == 0)
		return 0;
	return err_set(err, -ENOMEM, "out of memory");
}

// ---- rules --------------------------------------------------------------------------------------------------

static const struct schema_row rule_columns[] = {
	{.name = "rule",
		.type = SCHEMA_INT,
		.flags = SCHEMA_KEY,
		.help = "its place; 0: the default"},
	{.name = "name", .type = SCHEMA_STRING, .help = "its name"},
	{.name = "from", .type = SCHEMA_STRING, .help = "zones"},
	{.name = "to", .type = SCHEMA_STRING, .help = "zones"},
	{.name = "asks", .type = SCHEMA_STRING, .help = "what else it asks of a connection"},
	{.name = "action", .type = SCHEMA_STRING, .help = "what becomes of it"},
	{.name = "hits",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "connections that it decided on"},
	{.name = "last_hit", .type = SCHEMA_INT, .unit = "s", .help = "since the last of them"},
	{.name = "failed",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "of them: its policy failed, and they were dropped"},
	{.name = "cookies",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "SYNs that were answered with cookies"},
	{.name = "under_attack",
		.type = SCHEMA_BOOL,
		.help = "more SYNs come than its `syn_cookies` says: they are "
			"answered with cookies"},
	{.name = "shadowed_by",
		.type = SCHEMA_INT,
		.help = "the rule before it that takes all that it would"},
	{0},
};

// "staff" or "staff,guests"; NULL: any.
static json_t *words_text(const json_t *value) {
	char text[400] = "";
	size_t i;
	json_t *word;

	if (value == NULL)
		return json_string("any");
	if (json_is_string(value))
		return json_incref((json_t *)value);
	json_array_foreach ((json_t *)value, i, word) {
		size_t at = strlen(text);

		snprintf(text + at, sizeof(text) - at, "%s%s", i ? "," : "",
			json_string_value(word));
	}
	return json_string(text);
}

// All that a rule says and has no column of its own: `dst="@servers" dport=[80,443]`.
static json_t *asks_text(const json_t *rule) {
	static const char *const own[] = {
		"name", "from", "to", "action", "policy", "enabled", "log", "family", NULL};
	char text[600] = "";
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)rule, key, value) {
		size_t at = strlen(text);
		unsigned i = 0;

		while (own[i] && strcmp(own[i], key) != 0)
			i++;
		char *dump = own[i] ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		if (dump)
			snprintf(text + at, sizeof(text) - at, "%s%s=%s", at ? " " : "", key, dump);
		free(dump);
	}
	return json_string(text);
}

static void hits_add(json_t *row, const struct fw_hits *hits) {
	json_object_set_new(row, "hits", json_integer((json_int_t)hits->packets));
	if (hits->packets > 0)
		json_object_set_new(row, "last_hit",
			json_integer(
				(json_int_t)((clock_now_ns() - hits->last_ns) / NSEC_PER_SEC)));
}

static bool is_off(const struct fw_policy *p, uint32_t i) {
	int schedule = p->conf.rules[i].schedule;

	return p->conf.matches[i].off || (schedule >= 0 && !p->on[schedule]);
}

static json_t *rule_row(const struct fw_policy *p, uint32_t i) {
	const json_t *rule = json_array_get(p->texts, i);
	struct fw_hits hits = fw_policy_hits(p, i);
	json_t *row = json_pack("{s:i, s:s, s:o, s:o, s:o, s:s}", "rule", (int)i + 1, "name",
		p->conf.rules[i].name, "from", words_text(json_object_get(rule, "from")), "to",
		words_text(json_object_get(rule, "to")), "asks", asks_text(rule), "action",
		is_off(p, i)                 ? "off"
			: p->rules[i].policy ? "policy"
					     : fw_action_words[p->rules[i].action]);

	if (row == NULL)
		return NULL;
	hits_add(row, &hits);
	if (p->rules[i].policy)
		json_object_set_new(row, "failed", json_integer((json_int_t)hits.failed));
	if (p->rules[i].cookies.wanted) {
		json_object_set_new(row, "cookies", json_integer((json_int_t)hits.cookies));
		json_object_set_new(row, "under_attack",
			json_boolean(fw_cookies_attack(&p->rules[i].cookies, clock_now_ns())));
	}
	if (p->shadows[i] != FW_NONE)
		json_object_set_new(row, "shadowed_by", json_integer(p->shadows[i] + 1));
	return row;
}

static int rules_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	const struct fw_policy *p = fw_policy;
	struct fw_hits hits;
	json_t *row;

	if (p == NULL)
		return 0;
	for (uint32_t i = 0; i < p->n && json_array_size(rows) < limit; i++) {
		int rc = append(rows, rule_row(p, i), err);

		if (rc != 0)
			return rc;
	}
	if (json_array_size(rows) >= limit)
		return 0;
	row = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s}", "rule", 0, "name", "default", "from",
		"any", "to", "any", "asks", "", "action", fw_action_words[p->def]);
	if (row) {
		hits = fw_policy_hits(p, p->n);
		hits_add(row, &hits);
	}
	return append(rows, row, err);
}

// ---- firewall -------------------------------------------------------------------------------------------------

static const struct schema_row firewall_columns[] = {
	{.name = "default",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_KEY,
		.help = "what no rule takes"},
	{.name = "rules", .type = SCHEMA_INT, .flags = SCHEMA_GAUGE, .help = "rules"},
	{.name = "tests", .type = SCHEMA_INT, .flags = SCHEMA_GAUGE, .help = "tests that hold"},
	{.name = "sets", .type = SCHEMA_INT, .flags = SCHEMA_GAUGE, .help = "named sets"},
	{.name = "set_entries",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "prefixes in them"},
	{.name = "memory",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.unit = "B",
		.help = "of the compiled rules and sets"},
	{.name = "sources",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "with connections by rules that count them per source"},
	{.name = "sources_full",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "sources that were refused because as many are counted as can be"},
	{.name = "accepted", .type = SCHEMA_INT, .flags = SCHEMA_COUNTER, .help = "connections"},
	{.name = "dropped", .type = SCHEMA_INT, .flags = SCHEMA_COUNTER, .help = "connections"},
	{.name = "rejected", .type = SCHEMA_INT, .flags = SCHEMA_COUNTER, .help = "connections"},
	{.name = "cookies",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "SYNs that were answered with cookies"},
	{.name = "cookies_proven",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "connections of senders that brought theirs back"},
	{.name = "cookies_wrong",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "ACKs of no connection that brought none, while cookies were about"},
	{0},
};

static int firewall_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	const struct fw_policy *p = fw_policy;
	uint64_t sums[3], cookies = 0, proven, wrong;

	if (p == NULL)
		return 0;
	fw_policy_sums(p, sums);
	for (uint32_t i = 0; i < p->n; i++)
		cookies += fw_policy_hits(p, i).cookies;
	session_syn_counts(&proven, &wrong);
	return append(rows,
		json_pack("{s:s, s:i, s:i, s:i, s:i, s:I, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			"default", fw_action_words[p->def], "rules", (int)p->n, "tests",
			(int)p->conf.n_tests, "sets", (int)p->conf.n_sets, "set_entries",
			(int)fw_addrs_count(p->sets->addrs), "memory",
			(json_int_t)(fw_rules_bytes(p->compiled) + fw_addrs_bytes(p->sets->addrs)),
			"sources", (int)sources_used(&fw_sources), "sources_full",
			(json_int_t)atomic_load(&fw_sources.full), "accepted",
			(json_int_t)sums[FW_ACCEPT], "dropped", (json_int_t)sums[FW_DROP],
			"rejected", (json_int_t)sums[FW_REJECT], "cookies", (json_int_t)cookies,
			"cookies_proven", (json_int_t)proven, "cookies_wrong", (json_int_t)wrong),
		err);
}

// ---- sets -----------------------------------------------------------------------------------------------------

static const struct schema_row entry_columns[] = {
	{.name = "set", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "set"},
	{.name = "entry", .type = SCHEMA_STRING, .flags = SCHEMA_KEY, .help = "prefix"},
	{0},
};

static int set_show(
	const struct fw_sets *sets, uint32_t label, size_t limit, json_t *rows, struct err *err) {
	struct prefix at, *after = NULL;
	char text[PREFIX_STRLEN];
	bool found;
	int rc = 0;

	while (rc == 0 && json_array_size(rows) < limit &&
		fw_addrs_next(sets->addrs, after, label, SET_STEPS, &at, &found)) {
		after = &at;
		if (found)
			rc = append(rows,
				json_pack("{s:s, s:s}", "set", sets->names[label], "entry",
					prefix_print(&at, text)),
				err);
	}
	return rc;
}

// A key is a set's name, or an entry, which may be in any.
static int entries_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	const struct fw_sets *sets = fw_policy ? fw_policy->sets : NULL;
	const char *set = json_string_value(json_object_get(filter, "set"));
	const char *key = json_string_value(json_object_get(filter, "key"));
	int rc = 0;

	if (set == NULL && key && fw_set_find(sets, key) != FW_NONE)
		set = key;
	for (uint32_t label = 0; rc == 0 && sets && label < sets->n; label++)
		if (!set || strcmp(set, sets->names[label]) == 0)
			rc = set_show(sets, label, limit, rows, err);
	return rc;
}

const struct module_noun fw_nouns[] = {
	{.name = "firewall",
		.help = "the firewall as a whole",
		.columns = firewall_columns,
		.show = firewall_show},
	{.name = "rules",
		.help = "the firewall's rules, and how often each decided",
		.columns = rule_columns,
		.show = rules_show,
		.no_metrics = true},
	{.name = "nat",
		.help = "the rules of NAT, and how often each decided",
		.columns = nat_columns,
		.show = nat_show},
	{.name = "nat-ports",
		.help = "ports of external addresses: how many are used and left",
		.columns = nat_ports_columns,
		.show = nat_ports_show},
	{.name = "set-entries",
		.help = "what is in the named sets",
		.columns = entry_columns,
		.show = entries_show,
		.no_metrics = true},
	{0},
};

// ---- edits while it runs ----------------------------------------------------------------------------------------

static const struct schema_row edit_args[] = {
	{.name = "set", .type = SCHEMA_NAME, .flags = SCHEMA_REQUIRED, .help = "set"},
	{.name = "entry",
		.type = SCHEMA_PREFIX,
		.flags = SCHEMA_REQUIRED,
		.example = "\"198.51.100.7\"",
		.help = "address or prefix"},
	{0},
};

static int edit(const json_t *args, bool add, json_t **result, struct err *err) {
	struct prefix prefix;

	prefix_parse(json_string_value(json_object_get(args, "entry")), &prefix);
	*result = NULL;
	return fw_set_edit(json_string_value(json_object_get(args, "set")), &prefix, add, err);
}

static int entry_add(const json_t *args, json_t **result, struct err *err) {
	return edit(args, true, result, err);
}

static int entry_remove(const json_t *args, json_t **result, struct err *err) {
	return edit(args, false, result, err);
}

const struct module_action fw_actions[] = {
	{.verb = "add",
		.noun = "set-entries",
		.help = "puts an address or prefix into a set until it is removed or the sets "
			"change",
		.args = edit_args,
		.run = entry_add},
	{.verb = "remove",
		.noun = "set-entries",
		.help = "takes an address or prefix out of a set",
		.args = edit_args,
		.run = entry_remove},
	{0},
};
