// SPDX-License-Identifier: BSD-3-Clause
// Between the rows and their decoding.
#pragma once

#include "firewall/conf.h"

struct fw_raw_set {
	const json_t *addresses, *countries, *ports;
};

struct fw_raw_rule {
	const char *name, *schedule;
	const json_t *from, *to, *src, *dst, *not_src, *not_dst, *proto, *sport, *dport, *icmp;
	unsigned action, family, helper;
	int policy;
	uint64_t rate, rate_per_source, block_ns, syn_cookies;
	int64_t connections_per_source;
	bool log, enabled;
};

struct fw_raw_test {
	const char *from, *to, *rule, *icmp, *translated, *at;
	struct addr src, dst;
	const json_t *proto;
	int64_t sport, dport;
	unsigned expect;
};

struct fw_raw_firewall {
	unsigned def;
	const char *country_database;
	int64_t policy_instructions;
	const json_t *rules, *schedules, *tests;
};

extern const struct schema_row fw_set_rows[], fw_rule_rows[], fw_test_rows[], fw_firewall_rows[];
// The words of rules, for others that ask the same of a connection: what fields take, and their decoding.
extern const struct schema_row fw_zone_forms[], fw_side_forms[], fw_port_forms[], fw_proto_forms[];
int fw_address_check(const json_t *value, const char *path, struct err *err);
int fw_conf_words(const struct fw_conf *conf, struct fw_conf_rule *rule,
	const struct fw_raw_rule *raw, const char *path, struct err *err);
struct fw_match fw_conf_match(const struct fw_conf_rule *rule, const struct fw_raw_rule *raw);
void fw_conf_rule_fini(struct fw_conf_rule *rule);

// fn for each word of a value that is one or a list of them; its path ends in [n] in a list.
typedef int (*fw_word_fn)(const json_t *word, const char *path, void *arg, struct err *err);
int fw_words_foreach(const json_t *value, const char *path, const char *key, fw_word_fn fn,
	void *arg, struct err *err);

// The section `sets`; `database`: of countries, or NULL.
int fw_conf_sets_parse(
	struct fw_conf *conf, const json_t *sets, const char *database, struct err *err);
// A set's label; of ports or of addresses as asked for, or a negative errno with err set.
int64_t fw_conf_set_find(const struct fw_conf *conf, const char *name, const char *path, bool ports,
	struct err *err);

enum { FW_HELPER_NONE, FW_HELPER_FTP };
enum { FW_FAMILY_ANY, FW_FAMILY_V4, FW_FAMILY_V6 };
