// SPDX-License-Identifier: BSD-3-Clause
// Routes. Per VRF and family a RIB (control: every candidate of every prefix, in a tree: rib_tree.h) and a FIB (nodes: the best of each
// prefix, fib.h).
//
// The best candidate of a prefix: smallest distance, then metric, then source. Only the best is in the FIB.
// Neighbours of connected prefixes are host routes of source NEIGHBOR: nodes never look at a neighbour table.
// Writer: control. The FIB is changed in place, prefix by prefix: a reader sees the old answer or the new one.
//
// Memory is touched as routes come. RIB: 48 to 64 bytes per IPv4 prefix with one candidate, 60 to 88 per IPv6 prefix (where two
// prefixes part there is a node more); 32 per further candidate. FIB: fib.h; 64 MiB for IPv4 when all of its address space
// is routed, some 25 MiB for 200,000 IPv6 prefixes; a /32 or /128 in a network of its own costs 1 KiB per 8 bits of its end that it
// shares with nobody. Measured (bench/rib_bench): 1,000,000 + 200,000 routes take 73 MiB of RIB and 90 MiB of FIB.
// Bounded: `limit` candidates per family; those of LOCAL, CONNECTED and NEIGHBOR have RIB_OWN places of their own and the last
// sixteenth of the FIB, so that a peer that sends too much takes nobody's neighbours away.
#pragma once

#include "lib/addr.h"
#include "lib/err.h"
#include "router/fib/fib.h"
#include "router/iface.h"

#define RIB_MAX_ROUTES (1u << 23) // that a limit can be
#define RIB_OWN        (1u << 18)

enum rtr_source {          // with their distances
	RTR_SRC_LOCAL,     // 0: own addresses
	RTR_SRC_CONNECTED, // 0
	RTR_SRC_NEIGHBOR,  // 0: not shown among the routes
	RTR_SRC_STATIC,    // 1, or as configured
	RTR_SRC_KERNEL,    // from netlink: by protocol (BGP 20, OSPF 110, ...)
	RTR_SRC_LEAK,      // from another VRF
	RTR_SRC_RA,        // default router from an advertisement: 230
	RTR_SRC_DHCP,      // 210
	RTR_SRC_FILE,      // 1: static, from a file
	RTR_SRC_COUNT,
};

struct rtr_vrf {
	uint16_t index;
	struct fib *fib4, *fib6; // nodes: fib_lookup4(), fib_lookup6()
	char name[RTR_NAME];
	uint32_t limit4, limit6; // routes
};
extern struct rtr_vrf *rtr_vrfs[RTR_MAX_VRFS]; // commit swaps; nodes read

struct rtr_route {
	struct prefix prefix; // network
	uint8_t source;       // enum rtr_source
	uint8_t distance;
	uint8_t protocol; // KERNEL: rtnetlink's rtm_protocol
	bool best;
	uint32_t metric;
	uint32_t slot; // of its next hop: the RIB owns one reference
};

// What so many routes usually need and what the machine has left; how many would fit into that, in the proportion that is asked for.
struct rib_room {
	uint64_t need_bytes, have_bytes;
	uint32_t fits4, fits6;
};
void rib_room_of(uint32_t limit4, uint32_t limit6, struct rib_room *room);

// Makes VRF `index` with room for the given numbers of routes; refuses with how many would fit (-ENOMEM) when the machine has not got
// the memory that so many usually need. NULL on error.
struct rtr_vrf *rib_vrf_new(
	const char *name, uint16_t index, uint32_t limit4, uint32_t limit6, struct err *err);
void rib_vrf_free(struct rtr_vrf *vrf); // in release, after dp_sync(); drops all references
// What rib_vrf_new() takes for the memory that the machine can give; 0: what the kernel says. Tests.
void rib_memory_set(uint64_t bytes);

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
// The same in parts: looks at no more than `max` candidates. *cursor: 0 at first; RIB_SWEPT: that was the last part. Nobody else sets or
// removes candidates of that source between parts, but for setting those that there are.
#define RIB_SWEPT UINT64_MAX
void rib_sweep_part(
	struct rtr_vrf *vrf, uint8_t source, uint32_t generation, uint64_t *cursor, unsigned max);
// Exact and longest match in the RIB. false: none.
bool rib_find(const struct rtr_vrf *vrf, const struct prefix *prefix, struct rtr_route *best);
bool rib_lookup(const struct rtr_vrf *vrf, const struct addr *addr, struct rtr_route *best);
uint32_t rib_lookup_fib(
	const struct rtr_vrf *vrf, const struct addr *addr); // slot, through the nodes' own FIB
// fn returns false to stop. `from`: start after this prefix (paging; NULL: at the start). Order: family, address, length.
void rib_foreach(const struct rtr_vrf *vrf, const struct prefix *from,
	bool (*fn)(const struct rtr_route *route, void *arg), void *arg);
// The candidates of exactly this prefix.
void rib_foreach_of(const struct rtr_vrf *vrf, const struct prefix *prefix,
	bool (*fn)(const struct rtr_route *route, void *arg), void *arg);

struct rib_stats {
	uint32_t routes4, routes6; // prefixes in the FIB, neighbours included
	uint64_t refused;          // for want of room
	bool full;                 // some were, and few have gone since: no use to try again
	uint64_t fib_bytes, rib_bytes;
	uint64_t audited, repaired; // by rib_audit(): stretches looked at, those that were wrong
	uint64_t rounds;            // that it went through all
	uint32_t sources[2][RTR_SRC_COUNT]; // candidates of IPv4, of IPv6
};
void rib_stats(const struct rtr_vrf *vrf, struct rib_stats *stats);
// Compares the next `n` stretches of addresses that have one answer in the RIB (at most 2^20 IPv4 addresses, an IPv6 /15) with the FIB,
// entry by entry, and repairs; names each divergence in the log. Rolls round, IPv4 and IPv6 in turns.
void rib_audit(struct rtr_vrf *vrf, unsigned n);
