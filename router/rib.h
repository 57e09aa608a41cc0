// SPDX-License-Identifier: BSD-3-Clause
// Routes. Per VRF and family a RIB (control: every candidate of every prefix) and a FIB (nodes: the best, rte_fib and rte_fib6).
//
// The best candidate of a prefix: smallest distance, then metric, then source. Only the best is in the FIB.
// Neighbours of connected prefixes are host routes of source NEIGHBOR: nodes never look at a neighbour table.
// Writer: control. The FIB is changed in place, prefix by prefix, and safe for readers.
#pragma once

#include "lib/addr.h"
#include "lib/err.h"
#include "router/iface.h"
#include <rte_fib.h>
#include <rte_fib6.h>

enum rtr_source {          // with their distances
	RTR_SRC_LOCAL,     // 0: own addresses
	RTR_SRC_CONNECTED, // 0
	RTR_SRC_NEIGHBOR,  // 0: not shown among the routes
	RTR_SRC_STATIC,    // 1, or as configured
	RTR_SRC_KERNEL,    // from netlink: by protocol (BGP 20, OSPF 110, ...)
	RTR_SRC_LEAK,      // from another VRF
	RTR_SRC_RA,        // default router from an advertisement: 230
	RTR_SRC_DHCP,      // 210
	RTR_SRC_COUNT,
};

struct rtr_vrf {
	uint16_t index;
	struct rte_fib *fib4;
	struct rte_fib6 *fib6;
	char name[RTR_NAME];
	uint32_t limit4, limit6; // routes
};
extern struct rtr_vrf *rtr_vrfs[RTR_MAX_VRFS]; // control swaps; nodes read

struct rtr_route {
	struct prefix prefix; // network
	uint8_t source;       // enum rtr_source
	uint8_t distance;
	uint8_t protocol; // KERNEL: rtnetlink's rtm_protocol
	bool best;
	uint32_t metric;
	uint32_t slot; // of its next hop: the RIB owns one reference
};

// Makes VRF `index` with room for the given numbers of routes; refuses with how many would fit (-ENOMEM). NULL on error.
struct rtr_vrf *rib_vrf_new(
	const char *name, uint16_t index, uint32_t limit4, uint32_t limit6, struct err *err);
void rib_vrf_free(struct rtr_vrf *vrf); // in release, after dp_sync(); drops all references

// Adds or replaces the candidate (prefix, source, protocol, metric). Takes over the caller's reference to `slot`, also on error.
// 0, -ENOSPC (the VRF's limit or FIB memory: counted in rib_stats.refused, alarmed once), with err.
int rib_set(struct rtr_vrf *vrf, const struct rtr_route *route, struct err *err);
int rib_del(struct rtr_vrf *vrf, const struct prefix *prefix, uint8_t source, uint8_t protocol,
	uint32_t metric); // -ENOENT
// Removes every candidate of a source (and protocol, 0: any); for resync: those not touched since `generation`.
void rib_del_source(struct rtr_vrf *vrf, uint8_t source);
uint32_t rib_mark(struct rtr_vrf *vrf, uint8_t source); // begins a resync, returns its generation
unsigned rib_sweep(struct rtr_vrf *vrf, uint8_t source,
	uint32_t generation); // removes what was not set since; how many
// Exact and longest match in the RIB. false: none.
bool rib_find(const struct rtr_vrf *vrf, const struct prefix *prefix, struct rtr_route *best);
bool rib_lookup(const struct rtr_vrf *vrf, const struct addr *addr, struct rtr_route *best);
uint32_t rib_lookup_fib(
	const struct rtr_vrf *vrf, const struct addr *addr); // slot, through the nodes' own FIB
// fn returns false to stop. `from`: start after this prefix (paging; NULL: at the start). Order: family, address, length.
void rib_foreach(const struct rtr_vrf *vrf, const struct prefix *from,
	bool (*fn)(const struct rtr_route *route, void *arg), void *arg);

struct rib_stats {
	uint32_t routes4, routes6; // prefixes in the FIB, neighbours included
	uint64_t refused;          // for want of room
	uint64_t fib_bytes, rib_bytes;
	uint64_t audited, repaired; // by rib_audit()
};
void rib_stats(const struct rtr_vrf *vrf, struct rib_stats *stats);
// Compares the next `n` prefixes of the RIB with the FIB and repairs; names each divergence in the log. Rolls round.
void rib_audit(struct rtr_vrf *vrf, unsigned n);
