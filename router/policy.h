// SPDX-License-Identifier: BSD-3-Clause
// Policy routing: rules in order, per router; the first that matches a packet decides where it is looked up or by which next
// hop it leaves. Only packets of interfaces with `has_policy` are judged. Built in prepare, swapped in commit.
#pragma once

#include "dataplane/dataplane.h"
#include "lib/addr.h"
#include "router/iface.h"

struct rtr_rule {
	struct prefix from, to; // ADDR_NONE: any
	uint16_t iface;         // DP_NONE: any
	uint8_t proto;          // 0: any
	uint8_t dscp;           // 255: any
	uint16_t vrf;           // look up there; DP_NONE: `slot` decides
	uint32_t slot;
	uint64_t hits; // workers, relaxed
};

struct rtr_rules {
	unsigned n;
	struct rtr_rule rules[];
};

extern struct rtr_rules *rtr_policies[RTR_MAX_VRFS]; // NULL: none

// node: the first rule that matches, and its number from 1; NULL: none.
struct rtr_rule *policy_find(
	const struct rtr_iface *iface, const struct rte_mbuf *m, unsigned *number);
// node: counts it. false: no rule matches. Else *vrf (to look up in) or, when that is DP_NONE, *slot.
bool policy_judge(
	const struct rtr_iface *iface, const struct rte_mbuf *m, uint16_t *vrf, uint32_t *slot);
