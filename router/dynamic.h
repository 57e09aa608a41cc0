// SPDX-License-Identifier: BSD-3-Clause
// What running routers learn beside their configuration: addresses, routes and MTUs by DHCP, router advertisements and VRRP. Set and
// taken back at any time between transactions, without one.
//
// A commit carries it over, as long as the interface stays the same one (name, place, MAC address, router) and no other interface is
// given that subnet; with the interface it goes. Who set an address asks dynamic_addr_has() after a commit, and begins anew when
// it is gone.
//
//   address   on the interface (rtr_iface.addrs, after the configured ones), on its host twin, with its subnet's routes, and with
//             ARP and ND: tested for duplicates, announced, defended
//   route     candidate of source RTR_SRC_DHCP or RTR_SRC_RA at its usual distance; those of one prefix and metric are one route
//             with several next hops
//   MTU       the smallest that somebody says, and not above the configured one
//
// Control thread only. Nodes see whole interfaces: a change publishes a new struct rtr_iface, and frees the old one after dp_sync().
#pragma once

#include "lib/addr.h"
#include "lib/err.h"
#include "router/iface.h"

struct rtr_conf;
struct rtr_conf_iface;

#define DYNAMIC_ROUTES_MAX \
	4096 // next hops of routes in all; addresses: RTR_DYNAMIC_ADDRS per interface

// Adds an address with the length of its subnet; nothing happens when `source` has set it already. `mac`: a MAC address of its own
// (VRRP: no duplicate address detection), NULL: the interface's. 0; -ENOENT: no such interface; -EEXIST: its subnet is
// another interface's; -EINVAL: no unicast address; -ENOSPC: no room. err says which.
// Here as in all that changes it, the interface becomes another one: what rtr_iface() gave before is freed.
int dynamic_addr_add(uint16_t iface, enum rtr_from source, const struct prefix *addr,
	const struct mac *mac, struct err *err);
void dynamic_addr_del(uint16_t iface, enum rtr_from source, const struct addr *addr);
bool dynamic_addr_has(uint16_t iface, enum rtr_from source, const struct addr *addr);
// `changed` is called at the next poll after an address of `source` became usable (true), or proved to be somebody else's (false): then
// it is to be deleted. It may call anything here. One listener per source, at init.
void dynamic_on_addr(enum rtr_from source,
	void (*changed)(uint16_t iface, const struct addr *addr, bool usable));

// A route by `iface`; gateway of family NONE: on the link. Nothing happens when it is there. -ENOENT, -EINVAL, -ENOSPC as above.
int dynamic_route_add(uint16_t iface, enum rtr_from source, const struct prefix *prefix,
	const struct addr *gateway, uint32_t metric, struct err *err);
void dynamic_route_del(uint16_t iface, enum rtr_from source, const struct prefix *prefix,
	const struct addr *gateway, uint32_t metric);
void dynamic_routes_del(uint16_t iface, enum rtr_from source); // all that it set there

// 0: no opinion (any more).
void dynamic_mtu_set(uint16_t iface, enum rtr_from source, uint16_t mtu);

void dynamic_init(void);
void dynamic_fini(void);
void dynamic_poll(void);

// ---- for the router's transaction -----------------------------------------------------------------------------

// prepare: gives a planned interface, which is the same as the running one of its index, what is dynamic on that.
void dynamic_carry(
	struct rtr_iface *iface, const struct rtr_conf *router, const struct rtr_conf_iface *conf);
// commit: an interface goes, its addresses with it; its routes are taken out of its VRF here.
void dynamic_iface_gone(uint16_t iface);
