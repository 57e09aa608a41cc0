// SPDX-License-Identifier: BSD-3-Clause
// Where an address is reached, for those that ask about one packet at a time: sessions, NAT64, tunnels, the reverse path. ip_lookup itself goes by
// vectors.
#pragma once

#include "router/fib/nexthop.h"
#include "router/fib/rib.h"

// node: the slot of the best route to `dst` in that VRF, through the nodes' own FIB; 0: no such VRF, or no route.
uint32_t way_look_up(uint32_t vrf, const struct addr *dst);
// node: what a slot of that VRF comes to: one of a group by `hash`, the next hop of the VRF that it leaks to, whose number *vrf then is. After
// RTR_MAX_LEAKS it is still one to a VRF: a loop, whose packets are dropped.
uint32_t way_follow(uint32_t slot, uint32_t *vrf, const struct addr *dst, uint32_t hash);
