// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// What can be said of rules before any packet comes: which never decide, and whether the configuration's own tests hold.
#pragma once

#include "firewall/conf.h"

// shadows[i]: the first earlier rule that takes all that rule i takes, or FW_NONE. Rules that are off or limited by a rate shadow
// nothing; several that only together do are not found.
void fw_shadows_find(const struct fw_conf *conf, const struct fw_rules *rules, uint32_t *shadows);

// The rule that decides on `key` when no rate is exceeded, or FW_NONE: the default does.
enum fw_action fw_judge(const struct fw_conf *conf, const struct fw_rules *rules,
	const struct fw_key *key, uint32_t *rule);

// What NAT makes of a packet's destination before it is routed and judged, by what is configured. NULL: nothing.
struct fw_dnat {
	void (*translate)(const void *nat, const struct fw_conf *conf,
		const struct rtr_conf_all *routers, struct fw_key *key);
	const void *nat;
};

// Runs the configuration's tests. 0, or -EINVAL: err says which did not hold, and why.
int fw_tests_run(const struct fw_conf *conf, const struct fw_rules *rules,
	const struct rtr_conf_all *routers, const struct fw_dnat *dnat, struct err *err);
