// SPDX-License-Identifier: BSD-3-Clause
// pure
// Neighbours: ARP (RFC 826, 1122, 5227) and ND (RFC 4861, 4862, 7527) with one table and one state machine (neigh_fsm.h).
// Everything here is control's; nodes see neighbours as next-hop slots and host routes (nexthop.h, rib.h). Packets come from
// nodes over the punt ring (punt.h) and leave through it.
//
// An entry with a MAC address has an adjacency and, when its address lies in a connected prefix, a host route. Workers note in
// the slot that they used it; a stale entry that was used, or by which routes go, is asked whether it is still there.
//
// Bounded: `limit` entries per interface; incomplete ones at most a quarter of it, replaced oldest first, so that a scan evicts
// no live entry. Who is full makes room from what nobody needs: unresolved ones, those that only claimed to be there, those
// unused for a minute; never from others, rather the newcomer is refused. Per incomplete entry at most NEIGH_QUEUE packets wait,
// NEIGH_QUEUE_IFACE per interface (the oldest goes), NEIGH_QUEUE_ALL in all (the newest goes).
// An entry that did not answer is remembered as failed for `failed_ns`: packets for it are told so at once, and nobody is asked.
#pragma once

#include "lib/addr.h"
#include "lib/err.h"
#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;

#define NEIGH_QUEUE       4
#define NEIGH_QUEUE_IFACE 1024
#define NEIGH_QUEUE_ALL   4096
#define NEIGH_ADDRESSES   64 // own addresses of one interface

enum neigh_state {
	NEIGH_INCOMPLETE,
	NEIGH_REACHABLE,
	NEIGH_STALE,
	NEIGH_DELAY,
	NEIGH_PROBE,
	NEIGH_FAILED,
	NEIGH_STATIC,
	NEIGH_GONE, // no entry
	NEIGH_STATES,
};

struct neigh_conf {
	uint32_t limit;              // entries
	uint64_t reachable_ns;       // base: 30 s, randomised 0.5..1.5
	uint64_t retrans_ns;         // 1 s
	uint64_t delay_ns;           // 5 s
	unsigned multicast_solicits; // 3
	unsigned unicast_solicits;   // 3
	uint64_t gc_stale_ns;        // unused stale entries go after: 10 min
	uint64_t failed_ns;          // a failed one is asked again after: 3 s
	unsigned dad_transmits;      // of ND: 1; 0: no DAD
	unsigned arp_probes;         // of IPv4 addresses: 3; 0: none
	uint64_t
		probe_ns; // ARP probes are this to twice this apart; the first waits up to this (RFC 5227: 1 s)
	uint64_t announce_ns; // between announcements: 2 s
};

// The RFCs' numbers, but for ARP probes: after 1.0 s, not after 5 to 7, does an address serve.
#define NEIGH_CONF_DEFAULTS                                                               \
	(struct neigh_conf) {                                                             \
		.limit = 8192, .reachable_ns = 30000000000, .retrans_ns = 1000000000,     \
		.delay_ns = 5000000000, .multicast_solicits = 3, .unicast_solicits = 3,   \
		.gc_stale_ns = 600000000000, .failed_ns = 3000000000, .dad_transmits = 1, \
		.arp_probes = 3, .probe_ns = 200000000, .announce_ns = 2000000000         \
	}

struct neigh_info {
	struct addr addr;
	struct mac mac; // zero: not known
	uint8_t state;
	bool router; // ND's R flag
	bool is_static, from_kernel;
	uint16_t iface;
	uint64_t age_ns; // since the state was entered
	unsigned queued;
	uint32_t slot; // its adjacency; 0: none
};

struct neigh_stats {
	uint32_t entries[NEIGH_STATES];
	uint32_t queued;
	uint64_t queue_dropped; // packets that waited and were given up for room
	uint64_t unreachable;   // packets whose neighbour did not answer
	uint64_t refused;       // newcomers for which there was no room
	uint64_t evicted;       // entries that made room
	uint64_t failed;        // resolutions without an answer
	uint64_t no_slot;       // no next hop or route was left for a neighbour
	uint64_t asked, answered, announced, conflicts;
	uint64_t received, malformed, ignored;
};

// The link's state is the port's at that time; neigh_link() tells of changes.
int neigh_iface_add(uint16_t iface, const struct neigh_conf *conf, struct err *err);
// New numbers, or the interface's addresses or MAC address changed: routes are looked through at the next poll.
void neigh_iface_set(uint16_t iface, const struct neigh_conf *conf);
void neigh_iface_del(uint16_t iface); // frees its entries, slots and waiting packets
int neigh_static_set(
	uint16_t iface, const struct addr *addr, const struct mac *mac, struct err *err);
int neigh_static_del(uint16_t iface, const struct addr *addr); // -ENOENT
// Someone needs `addr`: starts resolution if it is unknown. `m` (may be NULL) waits for it and is owned here.
void neigh_want(uint16_t iface, const struct addr *addr, struct rte_mbuf *m);
// A packet that control received (ARP, NS, NA). Owned here. m->l2_len is set; iface in dp_meta.
void neigh_receive(struct rte_mbuf *m);
// A router solicitation or advertisement (or another protocol) told a neighbour's MAC address.
void neigh_heard(uint16_t iface, const struct addr *addr, const struct mac *mac, bool router);
// What the kernel's table says of a twin's neighbour; mac NULL: it knows it no more.
void neigh_kernel(uint16_t iface, const struct addr *addr, const struct mac *mac);
// Starts an address's DAD and announces it then (gratuitous ARP, unsolicited NA): the address is usable once
// neigh_address_usable(). A duplicate is logged, an event, and never usable until it is removed. Adding it again does nothing.
void neigh_address_add(uint16_t iface, const struct addr *addr);
// The same with a MAC address of its own (VRRP), at once and without DAD; also over an address that is there. Others that have it are
// no conflict. Again: it is announced again.
void neigh_address_add_virtual(uint16_t iface, const struct addr *addr, const struct mac *mac);
void neigh_address_del(uint16_t iface, const struct addr *addr);
void neigh_address_del_virtual(uint16_t iface, const struct addr *addr);
bool neigh_address_usable(uint16_t iface, const struct addr *addr);
// `ours` says which addresses, that are not the interface's own, this box stands in for on its link (NAT): whoever asks for one hears our
// MAC address, whether proxies are on or not. One listener.
void neigh_on_foreign(bool (*ours)(uint16_t iface, const struct addr *addr));
// `changed` is called when an address became usable (true) or proved a duplicate (false). One listener.
void neigh_on_address(void (*changed)(uint16_t iface, const struct addr *addr, bool usable));
void neigh_link(
	uint16_t iface, bool up); // down: dynamic entries go; up: addresses are announced again
void neigh_poll(uint64_t now_ns); // timers
// The neighbours of an interface in the order of their addresses, those after `after` (NULL: from the first), at most NEIGH_PAGE. How
// many. One pass over the interface's entries, however many there are.
#define NEIGH_PAGE 512
unsigned neigh_page(
	uint16_t iface, const struct addr *after, struct neigh_info infos[static NEIGH_PAGE]);
bool neigh_find(uint16_t iface, const struct addr *addr, struct neigh_info *info);
bool neigh_stats(uint16_t iface, struct neigh_stats *stats); // false: no such interface
// How many entries went. Static ones stay.
int neigh_flush(int iface /* -1: all */, const struct addr *addr /* NULL: all dynamic */);
int neigh_init(struct err *err);
void neigh_fini(void);
