// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// The sections `sets` and `firewall` as C structs. Zones are numbers here: 0 is that of interfaces without one, FW_SELF this box.
#pragma once

#include "firewall/cookies.h"
#include "firewall/schedule.h"
#include "firewall/words.h"
#include "lib/schema.h"
#include "router/conf.h"

#define FW_NAME 32
#define FW_SELF 255 // the zone of this box; called "self"

enum fw_action { FW_ACCEPT, FW_DROP, FW_REJECT };

struct fw_conf_set {
	char name[FW_NAME];
	fw_prefixes prefixes;
	fw_ranges ports;
};

struct fw_conf_rule {
	char name[FW_NAME]; // "": none
	enum fw_action action;
	bool log;
	uint64_t rate; // per second; 0: no limit
	uint64_t rate_per_source;
	uint32_t connections_per_source;
	int schedule;      // index; -1: always
	bool ftp;          // its connections are FTP's: data connections are expected
	int policy;        // function that judges, instead of `action`; 0: none
	uint64_t block_ns; // sources that it decides on are blocked for so long; 0: not
	uint64_t
		syn_cookies; // SYNs per second above which they are answered with cookies, or FW_COOKIES_NONE
	// what `match` points to
	fw_prefixes prefixes[2];
	VEC(uint32_t) sets[2];
	fw_ranges sports, dports, icmp4, icmp6;
	VEC(uint8_t) protos;
	VEC(uint8_t) zones[2];
};

struct fw_conf_test {
	struct fw_key key;
	bool to_known; // key.to was given; else it is where `dst` is routed
	enum fw_action expect;
	char rule[FW_NAME];            // that must be the one; "": any
	uint8_t weekday, hour, minute; // for policies
	struct addr translated;        // where NAT must send it; family NONE: not asked
	uint16_t translated_port;      // 0: not asked
};

struct fw_conf {
	bool there; // the section `firewall` is
	enum fw_action def;
	const char *country_database; // borrowed from the tree, as long as it is parsed; NULL: none
	uint64_t policy_instructions;
	unsigned n_policies, n_helped; // rules
	struct fw_conf_set *sets;      // by name; a set's label is its index
	unsigned n_sets;
	struct fw_conf_rule *rules;
	struct fw_match *matches; // of the rules
	unsigned n_rules;
	struct fw_conf_test *tests;
	unsigned n_tests;
	struct fw_schedule *schedules;
	char (*schedule_names)[FW_NAME];
	unsigned n_schedules;
	char zones[FW_SELF][FW_NAME]; // [0] is ""
	unsigned n_zones;
};

extern const struct schema_row fw_sections[]; // `sets`, `firewall`
extern const char *const fw_action_words[];

// Decodes validated sections; zones are those of the routers' interfaces. 0, or a negative errno with err set.
int fw_conf_parse(const json_t *tree, struct fw_conf *conf, struct err *err);
void fw_conf_fini(struct fw_conf *conf);
int fw_conf_zone(const struct fw_conf *conf, const char *name);           // number, or -ENOENT
const char *fw_conf_zone_name(const struct fw_conf *conf, unsigned zone); // "self", "-" for none
// NULL: there is none. Any thread; as many comparisons as a number of sets has bits.
const struct fw_conf_set *fw_conf_set_named(const struct fw_conf *conf, const char *name);

// The zone that `dst` is routed to by what is configured, seen from zone `from`: of its interface, FW_SELF; 0 when no
// route leads there.
unsigned fw_conf_route(const struct fw_conf *conf, const struct rtr_conf_all *routers,
	unsigned from, const struct addr *dst);
