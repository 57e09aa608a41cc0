// SPDX-License-Identifier: BSD-3-Clause
// What routing daemons put into the kernel's tables of the twins' namespaces, taken into ours: routes (main table, by a twin, not the
// kernel's own), next-hop objects and groups, neighbours. One socket per namespace: it is told of changes, and reads everything
// ("resync") at first, when messages were lost (ENOBUFS), and when something changed of which the kernel tells only half: a link
// that went takes routes with it silently.
//
// A resync reads all namespaces beside what runs: what is there stays, what was not seen again goes at the end. Control only.
#pragma once

#include "lib/addr.h"
#include <stdint.h>

void netlink_changed(void); // after a commit: the twins may be others
void netlink_poll(uint64_t now_ns);
void netlink_fini(void);

struct netlink_stats {
	uint64_t messages, resyncs, overruns, broken, refused;
	uint32_t objects;    // next-hop objects
	uint32_t namespaces; // listened to
};
extern struct netlink_stats netlink_stats;
