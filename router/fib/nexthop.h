// SPDX-License-Identifier: BSD-3-Clause
// Next hops. What a FIB returns is the number of a slot; a slot is one cache line and says all that a packet needs.
// Routes share slots, so that a fail-over writes slots, not routes.
//
//   object     what control knows: an adjacency (interface + gateway), a special (blackhole ...), or a group of
//              adjacencies with weights. Kept by reference count, found by content, so equal objects are one.
//   slot       what nodes read. An adjacency's slot holds the Ethernet header once its neighbour is known; a group's slot
//              names its bucket table.
//
// A slot in use is changed so that a reader sees the old or the new state and nothing between:
//   kind             one store, with release order, after what it promises
//   another MAC      one store of eight bytes (the header is aligned to them); so a fail-over waits for nobody
//   our own MAC      kind := RTR_NH_RESOLVE (packets go the slow way), dp_sync(), header, kind; once for all slots of the interface
//   buckets          word by word; the table itself is replaced only when a named group needs a larger one: pointer, dp_sync(), then
//                    n_buckets
// A new slot is written before it is published.
// Writer: control. Readers: nodes. Freed: after dp_sync() (nexthop_collect()), numbers are reused only then.
// Memory: 64 bytes per slot and as many for control, touched from the low numbers up; a group has 4 + 1 bytes per bucket more.
#pragma once

#include "dataplane/dataplane.h"
#include "lib/addr.h"
#include "lib/err.h"
#include <rte_ether.h>
#include <string.h>

enum rtr_nh_kind {
	RTR_NH_NONE,    // slot 0: no route: ICMP net unreachable
	RTR_NH_FORWARD, // `header` is complete
	RTR_NH_RESOLVE, // gateway known, its MAC address not (yet): packet goes to control to wait
	RTR_NH_GLEAN,   // the destination itself is the neighbour (connected prefix)
	RTR_NH_LOCAL,   // one of our own addresses
	RTR_NH_GROUP,   // pick a bucket by flow hash
	RTR_NH_BLACKHOLE,   // silently dropped
	RTR_NH_UNREACHABLE, // ICMP host unreachable
	RTR_NH_PROHIBIT,    // ICMP administratively prohibited
	RTR_NH_VRF,         // look up again in `vrf` (leaking); once per packet at most twice
};

struct rtr_nh {
	uint8_t kind;       // enum rtr_nh_kind; written last
	uint8_t header_len; // 14
	uint16_t iface;     // leaves by; DP_NONE where it makes no sense
	uint16_t mtu;       // of that interface: packets that are longer go the slow way
	uint16_t out;       // port, for dp_meta.out; DP_NONE: a switch's VLAN
	uint32_t n_buckets; // GROUP: power of two
	uint32_t
		used; // tick at which a worker last forwarded by it: written by workers, only when it differs
	const uint32_t *buckets; // GROUP: slots of adjacencies
	uint8_t header
		[22]; // Ethernet header: destination, source, type (the type is set per packet)
	uint16_t vrf; // VRF
	uint8_t gateway_family; // enum addr_family; NONE: the destination
	uint8_t mss_or_dscp;    // 1: the interface clamps or marks: slow branch of ip_rewrite
	uint8_t reserved[4];
} __rte_cache_aligned;
_Static_assert(sizeof(struct rtr_nh) == 64, "a slot is one cache line");

#define RTR_MAX_NH (1u << 20)
// The unit of `used`: about a quarter of a second.
static inline uint32_t rtr_nh_tick(uint64_t now_ns) {
	return (uint32_t)(now_ns >> 28);
}

#define RTR_MAX_LEAKS 3 // VRFs that a packet is passed on to

extern struct rtr_nh *rtr_nhs; // RTR_MAX_NH reserved (lazily touched memory)

// node: the slot that a flow takes: of an adjacency for a group, else `slot` itself.
static inline uint32_t rtr_nh_pick(uint32_t slot, uint32_t flow_hash) {
	const struct rtr_nh *nh = &rtr_nhs[slot];
	uint32_t n = __atomic_load_n(&nh->n_buckets, __ATOMIC_ACQUIRE);

	if (nh->kind != RTR_NH_GROUP)
		return slot;
	return __atomic_load_n(&nh->buckets[flow_hash & (n - 1)], __ATOMIC_RELAXED);
}

// node: writes the two addresses of a FORWARD slot's header to `to` (12 bytes). The destination is read in one load, as it is written.
static inline void rtr_nh_addresses(const struct rtr_nh *nh, uint8_t *to) {
	uint64_t first =
		__atomic_load_n((const uint64_t *)(const void *)nh->header, __ATOMIC_RELAXED);
	uint32_t rest =
		__atomic_load_n((const uint32_t *)(const void *)(nh->header + 8), __ATOMIC_RELAXED);

	memcpy(to, &first, sizeof(first));
	memcpy(to + 8, &rest, sizeof(rest));
}

struct rtr_path {
	uint16_t iface;
	struct addr gateway; // ADDR_NONE: directly connected
	uint32_t weight;     // 1..256
};

// ---- control ----------------------------------------------------------------------------------------------

#define NEXTHOP_MAX_PATHS 64

// The slot of an object with this content; made if there is none, its count raised. One path: an adjacency (GLEAN when it
// has no gateway; equal ones of different VRFs are one: the VRF is the interface's). Several: a group (equal paths are one with the sum
// of their weights; resilient: a path that goes or comes moves only its share of buckets; at most NEXTHOP_MAX_PATHS).
// Slot, or -ENOSPC ("next-hop table full"), -EINVAL, -ENOMEM. The interface may be one that is not there yet: nexthop_link() fills in what it is.
int64_t nexthop_get(uint16_t vrf, const struct rtr_path *paths, unsigned n, struct err *err);
// BLACKHOLE..PROHIBIT, LOCAL, VRF.
int64_t nexthop_special_get(enum rtr_nh_kind kind, uint16_t vrf, struct err *err);
// An object of its own that is known by `id` (a kernel next-hop object) and whose paths may be replaced for all routes at once. The
// first call's reference is the id's own: nexthop_put() it when the id goes. Always a group.
int64_t nexthop_named_set(
	uint16_t vrf, uint32_t id, const struct rtr_path *paths, unsigned n, struct err *err);
uint32_t nexthop_named_find(uint16_t vrf, uint32_t id); // 0: none; the count stays
void nexthop_ref(uint32_t slot);                        // count up: for a route by a named object
// Count down; the last one takes it out of the table, and nexthop_collect() frees it. 0: nothing.
void nexthop_put(uint32_t slot);
void nexthop_collect(void); // frees what was put, after one dp_sync(); called from release and poll
// The paths behind a slot, in order of interface and gateway. n, at most max. None: a special.
unsigned nexthop_paths(uint32_t slot, struct rtr_path *paths, unsigned max);
uint32_t nexthop_refs(uint32_t slot);
uint32_t nexthop_count(void); // slots in use, those that wait for nexthop_collect() included

// A neighbour became known, changed (mac) or unusable (NULL): rewrites its adjacency's slot, and every group that contains
// it: a group goes by paths whose link is up and whose neighbour is known; while there is none, by those whose link is up, so that packets
// ask for the neighbour. Nothing happens when no adjacency is for it. Called by the neighbour table.
void nexthop_neighbor(uint16_t iface, const struct addr *addr, const struct rte_ether_addr *mac);
// An interface's link went down or up, or it is another (rtr_ifaces[]): its slots say what it is now, and groups are filled anew.
void nexthop_link(uint16_t iface, bool up);
// Calls fn for each adjacency of `iface` that has a gateway: for the neighbour table's wish list. fn may do anything but put slots.
void nexthop_foreach_gateway(uint16_t iface,
	void (*fn)(const struct addr *gateway, uint32_t slot, void *arg), void *arg);
int nexthop_init(struct err *err);
void nexthop_fini(void);
