// SPDX-License-Identifier: BSD-3-Clause
// The VLAN-aware learning switch (section `switches`). README.md has the picture.
#pragma once

#include "lib/addr.h"
#include "lib/err.h"
#include "lib/module.h"

extern const struct module switch_module;

// The routed interface of one VLAN (a router's): frames to `mac` leave the switch and start the l3-in arc
// of interface `iface` (dp_meta.iface), without a tag; broadcast and multicast of the VLAN go there as well.
// control, in the caller's commit, after the switch's own (name `switch` in the module's `after`). Stays until
// it is detached or the switch is removed. The caller detaches before it frees the interface.
// Returns 0, -ENOENT (no such switch), -EEXIST (the VLAN has one), or -ENOSPC, with err set.
int sw_routed_attach(const char *switch_name, unsigned vlan, unsigned iface, const struct mac *mac,
	struct err *err);
void sw_routed_detach(const char *switch_name, unsigned vlan);
// A further MAC address of a VLAN's routed interface (of a virtual router, VRRP), or no more. Frames to it are the interface's; others may
// send from it as well, and are not learnt. Nothing happens when it is so already. Returns 0, -ENOENT (no such switch, or its VLAN has
// no routed interface), or -ENOSPC, with err set. control.
int sw_routed_mac(
	const char *switch_name, unsigned vlan, const struct mac *mac, bool on, struct err *err);
// Whether some port of the VLAN has a link. control.
bool sw_vlan_up(const char *switch_name, unsigned vlan);
// Index of a switch in dp_meta.domain, or -ENOENT. control.
int sw_find(const char *switch_name);

struct rte_mbuf;
// node, on the l2-out arc (dp_meta.out and .vlan are set): bytes of the tag that the switch gave the frame for this port; 0: none.
unsigned sw_tag_len(const struct rte_mbuf *m);
// node: takes a tag away that is there; its priority stays in the upper half of dp_meta.domain.
void sw_tag_take(struct rte_mbuf *m);
// node: the frame, which has none, gets the tag with which its VLAN leaves by dp_meta.out. False: the port is no longer in the
// VLAN, or there is no room.
bool sw_tag_give(struct rte_mbuf *m);
