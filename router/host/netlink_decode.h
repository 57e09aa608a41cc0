// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// rtnetlink: what the kernel says of routes, next-hop objects, neighbours and links, from bytes to structs (rtnetlink(7),
// linux/rtnetlink.h, linux/nexthop.h). Judges form only; which of it concerns the router is netlink.c's matter.
#pragma once

#include "lib/addr.h"
#include <stddef.h>

#define NETLINK_PATHS 64 // next hops of one route or group; what is beyond is left out

enum netlink_kind {
	NETLINK_ROUTE_IS,
	NETLINK_NEXTHOP_IS,
	NETLINK_NEIGH_IS,
	NETLINK_LINK_IS,
	NETLINK_END,   // of a dump, or the answer to a request: `error`
	NETLINK_BROKEN // a message whose lengths do not fit: what follows it in the buffer is lost
};

struct netlink_path {
	uint32_t oif;    // interface index; 0: not said
	uint32_t id;     // NEXTHOP: member of a group
	uint32_t weight; // 1..65536
	struct addr via; // ADDR_NONE: on the link
};

struct netlink_event {
	enum netlink_kind kind;
	uint32_t seq;     // of the request that it answers; 0: news
	bool del;         // RTM_DEL...
	bool replace;     // news: takes the place of another (NLM_F_REPLACE)
	bool interrupted; // a dump that does not fit together (NLM_F_DUMP_INTR)
	int error;        // END: 0 or negative errno
	// ROUTE
	struct prefix prefix;
	uint32_t table, metric, nexthop; // nexthop: id of the object it goes by; 0: none
	uint8_t protocol, type;          // RTPROT_*, RTN_*
	bool cloned;
	// ROUTE, NEXTHOP
	unsigned n_paths;
	struct netlink_path paths[NETLINK_PATHS];
	// NEXTHOP
	uint32_t id;
	bool group, blackhole, foreign; // foreign: of a bridge's FDB, or with an encapsulation
	// NEIGH, LINK
	uint32_t index;
	struct addr addr;
	struct mac mac;
	bool has_mac;
	uint16_t state; // NUD_*
	uint32_t flags; // IFF_*
};

// Calls fn for each message of a buffer as recv() filled it (aligned to 4 bytes), in order; what is of no interest is passed over.
void netlink_decode(const void *buf, size_t len,
	void (*fn)(const struct netlink_event *event, void *arg), void *arg);
