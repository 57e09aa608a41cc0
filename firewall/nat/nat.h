// SPDX-License-Identifier: BSD-3-Clause
// NAT as the rest of the firewall sees it. README.md has the picture.
#pragma once

#include "dataplane/session/session.h"
#include "firewall/nat/conf.h"
#include "lib/module.h"

struct nat_policy;

// Control. The rules of `firewall.nat`, compiled; `old` (may be NULL): its rules keep their counts. NULL: err is set.
struct nat_policy *nat_policy_new(const json_t *tree, const struct fw_conf *fw,
	const struct fw_addrs *sets, const struct nat_policy *old, struct err *err);
void nat_policy_free(struct nat_policy *policy); // when no reader is left; NULL is fine
// A class of the sets that is about to be met, as fw_rules_class().
int nat_policy_class(struct nat_policy *policy, uint32_t class, const uint32_t *labels, uint32_t n);

// Control: the destination that the rules of `nat` (a struct nat_policy) give a packet, by configured addresses; for tests
// (struct fw_dnat). key->from is known.
void nat_translate(const void *nat, const struct fw_conf *conf, const struct rtr_conf_all *routers,
	struct fw_key *key);

// Control, in commit, after the routers', before `policy` (NULL: none) is published; `zones`: of interfaces.
void nat_commit(const struct nat_policy *policy, const uint8_t *zones);
void nat_poll(uint64_t now_ns);
void nat_fini(void);

// node: somebody outside speaks to a port that is mapped, and whoever mapped it wants that: rules are not asked.
bool nat_is_open(const struct session_flow *flow);

extern const struct schema_row nat_columns[], nat_ports_columns[];
int nat_show(const json_t *filter, size_t limit, json_t *rows, struct err *err);
int nat_ports_show(const json_t *filter, size_t limit, json_t *rows, struct err *err);
