// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// What can be said of rules before any packet comes: which never decide, and whether the configuration's own tests hold.
#pragma once

#include "firewall/conf.h"

// shadows[i]: the first earlier rule that takes all that rule i takes, or FW_NONE. Rules that are off, limited by a rate or have a
// policy shadow nothing; several that only together do are not found.
void fw_shadows_find(const struct fw_conf *conf, const struct fw_rules *rules, uint32_t *shadows);

// Who asks a rule's policy of a test's packet: enum fw_action, FW_NEXT, or negative with err set. NULL: policies take nothing.
struct fw_asker {
	int (*ask)(void *arg, uint32_t rule, const struct fw_key *key,
		const struct fw_conf_test *test, struct err *err);
	void *arg;
};

// enum fw_action, by the rule that decides on `key` when no rate is exceeded, or FW_NONE: the default does. Negative: a policy
// failed.
int fw_judge(const struct fw_conf *conf, const struct fw_rules *rules, const struct fw_key *key,
	const struct fw_conf_test *test, const struct fw_asker *asker, uint32_t *rule,
	struct err *err);

// What NAT makes of a packet's destination before it is routed and judged, by what is configured. NULL: nothing.
struct fw_dnat {
	void (*translate)(const void *nat, const struct fw_conf *conf,
		const struct rtr_conf_all *routers, struct fw_key *key);
	const void *nat;
};

// Runs the configuration's tests. 0, or -EINVAL: err says which did not hold, and why.
int fw_tests_run(const struct fw_conf *conf, const struct fw_rules *rules,
	const struct rtr_conf_all *routers, const struct fw_dnat *dnat,
	const struct fw_asker *asker, struct err *err);
