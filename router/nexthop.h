// SPDX-License-Identifier: BSD-3-Clause
// Next hops. What a FIB returns is the number of a slot; a slot is one cache line and says all that a packet needs.
// Routes share slots, so that a fail-over writes slots, not routes.
//
//   object     what control knows: an adjacency (interface + gateway), a special (blackhole ...), or a group of
//              adjacencies with weights. Kept by reference count, found by content, so equal objects are one.
//   slot       what nodes read. An adjacency's slot holds the Ethernet header once its neighbour is known; a group's slot
//              names its bucket table.
//
// A slot in use is changed so: kind := RTR_NH_RESOLVE (packets go the slow way), dp_sync() or the next quiescent
// period, fields written, kind := the new kind with release order. A new slot is written before it is published.
// Writer: control. Readers: nodes. Freed: after dp_sync(), numbers are reused only then.
#pragma once

#include "dataplane/dataplane.h"
#include "lib/addr.h"
#include "lib/err.h"
#include <rte_ether.h>

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
	RTR_NH_TUNNEL,      // reserved: encapsulation
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
	const uint32_t *buckets; // GROUP: slots; replaced as a whole, freed after dp_sync()
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

extern struct rtr_nh *rtr_nhs; // RTR_MAX_NH reserved (lazily touched memory)

struct rtr_path {
	uint16_t iface;
	struct addr gateway; // ADDR_NONE: directly connected
	uint32_t weight;     // 1..256
};

// ---- control ----------------------------------------------------------------------------------------------

// The slot of an object with this content; made if there is none, its count raised. One path: an adjacency (GLEAN when it
// has no gateway). Several: a group (weights honoured, resilient: a path that goes or comes moves only its share of
// buckets; at most 64 paths). Slot, or -ENOSPC ("next-hop table full"), -EINVAL.
int64_t nexthop_get(uint16_t vrf, const struct rtr_path *paths, unsigned n, struct err *err);
int64_t nexthop_special_get(
	enum rtr_nh_kind kind, uint16_t vrf, struct err *err); // BLACKHOLE..PROHIBIT, LOCAL, VRF
// An object of its own that is known by `id` (a kernel next-hop object) and whose paths may be replaced for all routes at once.
int64_t nexthop_named_set(
	uint16_t vrf, uint32_t id, const struct rtr_path *paths, unsigned n, struct err *err);
void nexthop_put(uint32_t
		slot); // count down; the last one frees after dp_sync() (batched: nexthop_collect())
void nexthop_collect(void); // frees what was put, after one dp_sync(); called from release and poll
// The paths behind a slot. n, at most max.
unsigned nexthop_paths(uint32_t slot, struct rtr_path *paths, unsigned max);
uint32_t nexthop_refs(uint32_t slot);

// A neighbour became known, changed (mac) or unusable (NULL): rewrites its adjacency's slot, and every object that contains
// it: a group leaves out dead paths while one lives. Called by the neighbour table.
void nexthop_neighbor(uint16_t iface, const struct addr *addr, const struct rte_ether_addr *mac);
// An interface's link went down or up: paths over it are dead or alive again; groups are filled anew.
void nexthop_link(uint16_t iface, bool up);
// Calls fn for each adjacency of `iface` whose gateway is `addr` or (NULL) any: for the neighbour table's wish list.
void nexthop_foreach_gateway(uint16_t iface,
	void (*fn)(const struct addr *gateway, uint32_t slot, void *arg), void *arg);
int nexthop_init(struct err *err);
void nexthop_fini(void);
