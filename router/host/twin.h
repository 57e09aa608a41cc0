// SPDX-License-Identifier: BSD-3-Clause
// Host twins: a TAP per routed interface, in a network namespace of the config's choice, with the interface's MAC address, MTU and
// addresses (libmnl). Local sockets live there; FRR and BIRD run on it unchanged, and what they put into the kernel's
// tables comes back by netlink (netlink.h).
//
// A twin is known by namespace and name: it stays, with its sockets' routes and neighbours, whatever interface it is a twin of. Packets
// for this box go to it from node `punt`; the kernel's frames leave by the interface as they are (node `twin_input`). Of
// neighbour discovery the kernel gets answers and announcements, never questions: those the router answers.
#pragma once

#include "dataplane/dataplane.h"
#include "router/conf.h"
#include "router/iface.h"

extern uint16_t rtr_twin_ifaces
	[DP_MAX_PORTS]; // port of a twin → its interface; DP_NONE: no twin. Control writes.

// control, in the router's transaction. prepare finds or makes the twin of a planned interface and sets iface->twin; what was made is
// complete but for its being up.
int twin_prepare(struct rtr_iface *iface, const struct rtr_conf_iface *conf, struct err *err);
void twins_commit(
	void); // rtr_ifaces[] is as it will be: publishes and withdraws, brings the others up to date
void twins_release(void);                         // closes those withdrawn
void twins_abort(void);                           // closes those made
void twin_changed(const struct rtr_iface *iface); // its addresses or MTU are others (dynamic.h)
void twin_link(const struct rtr_iface *iface, bool up); // its kernel sees the interface's link
void twins_poll(uint64_t now_ns); // says so when one is gone from its namespace
void twins_init(void);

// For shortcut.c: the twin on port `twin`. `rtnl` stays the twin's.
struct twin_ends {
	int rtnl;  // a socket in its namespace
	int index; // of its interface there
	bool here; // that is leatd's own namespace
	char identity[NETNS_NAME + RTR_CONF_DEVICE];
};
struct twin_ends twin_ends(unsigned twin);

// For netlink.c. The interface whose twin has this index in this namespace, or NULL; whether a twin there is of a VRF, and the first one's
// VRF (-ENOENT: no twins); each namespace that has twins, once.
const struct rtr_iface *twin_iface(const char *netns, int index);
bool twin_in_vrf(const char *netns, unsigned vrf);
int twin_vrf(const char *netns);
void twins_foreach_netns(void (*fn)(const char *netns, void *arg), void *arg);
