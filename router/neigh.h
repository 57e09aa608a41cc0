// SPDX-License-Identifier: BSD-3-Clause
// Neighbours: ARP (RFC 826, 1122, 5227) and ND (RFC 4861, 4862) with one table and one state machine.
// Everything here is control's; nodes see neighbours as next-hop slots and host routes (nexthop.h, rib.h). Packets come from
// nodes over the punt ring (punt.h) and leave through it.
//
// Bounded: `limit` entries per interface; incomplete ones at most a quarter of it, replaced oldest first, so that a scan evicts
// no live entry. Per incomplete entry at most NEIGH_QUEUE packets wait (oldest dropped), 1024 in all per interface.
#pragma once

#include "lib/addr.h"
#include "lib/err.h"
#include <jansson.h>
#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

#define NEIGH_QUEUE 4

enum neigh_state {
	NEIGH_INCOMPLETE,
	NEIGH_REACHABLE,
	NEIGH_STALE,
	NEIGH_DELAY,
	NEIGH_PROBE,
	NEIGH_FAILED,
	NEIGH_STATIC
};

struct neigh_conf {
	uint32_t limit;              // entries
	uint64_t reachable_ns;       // base: 30 s, randomised 0.5..1.5
	uint64_t retrans_ns;         // 1 s
	uint64_t delay_ns;           // 5 s
	unsigned multicast_solicits; // 3
	unsigned unicast_solicits;   // 3
	uint64_t gc_stale_ns;        // unused stale entries go after: 10 min
	unsigned dad_transmits;      // 1; 0: no DAD
};

struct neigh_info {
	struct addr addr;
	struct mac mac;
	uint8_t state;
	bool router; // ND's R flag
	bool is_static, from_kernel;
	uint16_t iface;
	uint64_t age_ns; // since the state was entered
	unsigned queued;
};

int neigh_iface_add(uint16_t iface, const struct neigh_conf *conf, struct err *err);
void neigh_iface_set(uint16_t iface, const struct neigh_conf *conf);
void neigh_iface_del(uint16_t iface); // frees its entries, slots and waiting packets
int neigh_static_set(
	uint16_t iface, const struct addr *addr, const struct mac *mac, struct err *err);
int neigh_static_del(uint16_t iface, const struct addr *addr);
// Someone needs `addr`: starts resolution if it is unknown. `m` (may be NULL) waits for it and is owned here.
void neigh_want(uint16_t iface, const struct addr *addr, struct rte_mbuf *m);
// A packet that control received (ARP, NS, NA; RA and RS go to ra.c later). Owned here. m->l2_len is set; iface in dp_meta.
void neigh_receive(struct rte_mbuf *m);
// What the kernel's table says of a twin's neighbour.
void neigh_kernel(uint16_t iface, const struct addr *addr, const struct mac *mac);
// Announces an address (gratuitous ARP, unsolicited NA), and starts its DAD: the address is usable once
// neigh_address_usable(). A duplicate is logged, an event, and never usable until it is removed.
void neigh_address_add(uint16_t iface, const struct addr *addr);
void neigh_address_del(uint16_t iface, const struct addr *addr);
bool neigh_address_usable(uint16_t iface, const struct addr *addr);
void neigh_link(
	uint16_t iface, bool up); // down: dynamic entries go; up: addresses are announced again
void neigh_poll(uint64_t now_ns); // timers
void neigh_foreach(bool (*fn)(const struct neigh_info *info, void *arg), void *arg);
int neigh_flush(int iface /* -1: all */, const struct addr *addr /* NULL: all dynamic */);
int neigh_init(struct err *err);
void neigh_fini(void);
