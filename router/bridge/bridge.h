// SPDX-License-Identifier: BSD-3-Clause
// IP between ports of a switch, as sessions and rules want to see it (README.md).
#pragma once

#include "dataplane/session/session.h"
#include "lib/err.h"
#include <jansson.h>

// What a tree says of switches with `firewall = true`.
struct bridge_plan;

// control, in prepare. NULL: out of memory, or too many switches, with err set. Without `rules` (there is no firewall) no switch may ask
// for them.
struct bridge_plan *bridge_plan_new(const json_t *tree, bool rules, struct err *err);
// control, in commit, after the switches' own. Whom the rules are asked about from now on; what must go on until no packet is on its way
// is undone in release.
void bridge_commit(struct bridge_plan *plan);
void bridge_release(struct bridge_plan *plan); // also of one that was not committed; NULL is fine
void bridge_fini(void);

// node or control: is this still a session between such ports?
bool bridge_has(const struct session_flow *flow);
