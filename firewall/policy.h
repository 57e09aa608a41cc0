// SPDX-License-Identifier: BSD-3-Clause
// What workers judge new connections by: one immutable struct, built in prepare, swapped in commit, freed in release.
//
// Writer: control. Readers: workers, in their deciders; control. Of what it points to, workers write hit counters (each its own row) and
// rate buckets; control edits sets in place (addrs.h).
#pragma once

#include "dataplane/dataplane.h"
#include "dataplane/session/session.h"
#include "firewall/conf.h"
#include "firewall/cookies.h"
#include "firewall/lua/states.h"
#include "firewall/sources.h"
#include "lib/bucket.h"

struct nat_policy;
struct change;

struct fw_hits {
	uint64_t packets; // first packets that the rule decided on
	uint64_t last_ns;
	uint64_t failed;  // of them: its policy did
	uint64_t cookies; // SYNs that were answered with one before
};

struct fw_rule {
	uint8_t action; // enum fw_action
	bool log;
	bool limited;
	bool per_source; // there is a limit
	bool ftp;        // data connections of its connections are expected
	int policy;      // function that judges, instead of `action`; 0: none
	struct source_limit source;
	uint64_t id;       // of its text: what it counts outlives a commit that leaves it as it is
	uint64_t block_ns; // 0: not
	char called[FW_NAME + 16]; // "rule 3 tripwire": for the blocklist
	struct bucket_limit limit;
	_Atomic uint64_t bucket;
	struct fw_cookies cookies;
};

// Named sets, shared by policies as long as the section `sets` stays the same.
struct fw_sets {
	unsigned refs;
	struct fw_addrs *addrs;
	unsigned n;
	char (*names)[FW_NAME]; // by label
};

enum { FW_DEFAULT_HITS = 1 }; // rows of hits beyond those of rules: the default

struct fw_policy {
	struct fw_rules *compiled;
	struct nat_policy *nat;
	struct fw_lua *lua; // NULL: no rule has a policy
	struct fw_rule *rules;
	uint32_t n;
	uint8_t def; // enum fw_action
	uint8_t zones[DP_MAX_IFACES];
	struct fw_hits *hits[DP_MAX_WORKERS]; // [n + FW_DEFAULT_HITS]
	uint64_t said[DP_MAX_WORKERS][8];     // by Lua policies: enum fw_action; a cache line each
	// control's
	struct fw_sets *sets;
	json_t *texts;     // the rules as configured, new reference
	uint32_t *shadows; // by rule; FW_NONE: none
	bool *on;          // by schedule
	struct fw_conf conf;
};

extern struct fw_policy *fw_policy; // NULL: there is no firewall
extern struct sources fw_sources;   // entries NULL: no rule has wanted it yet
#define FW_SOURCES (1u << 18)

// Control. `old` (may be NULL): its sets are taken over when `same_sets`, and the hits of rules that stand in both. Policies get states
// for so many `workers`.
struct fw_policy *fw_policy_new(const struct change *change, unsigned workers,
	const struct fw_policy *old, bool same_sets, struct err *err);
void fw_policy_free(struct fw_policy *policy);
// In commit, after the routers': zones of interfaces; hits so far.
void fw_policy_adopt(struct fw_policy *policy, const struct fw_policy *old, const json_t *tree);
void fw_policy_zones(
	struct fw_policy *policy, const json_t *tree); // of the interfaces that there are
struct fw_hits fw_policy_hits(const struct fw_policy *policy, uint32_t rule); // over all workers
void fw_policy_sums(const struct fw_policy *policy, uint64_t sums[static 3]); // by enum fw_action

// Control: rules whose schedules begin or end at that time. True: any did.
bool fw_policy_time(struct fw_policy *policy, time_t wall);

uint32_t fw_set_find(const struct fw_sets *sets, const char *name); // its label, or FW_NONE

// Worker, or control when `flow` is dry: what this policy says of a flow. Fills in zones, rule and flags.
enum session_verdict fw_policy_judge(struct fw_policy *policy, struct session_flow *flow);

// An entry of a set, at run time: it lasts until it is removed, or the set is configured anew. 0; -ENOENT, -EEXIST, -ENOSPC with err set.
int fw_set_edit(const char *set, const struct prefix *prefix, bool add, struct err *err);
