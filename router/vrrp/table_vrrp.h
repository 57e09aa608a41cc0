// SPDX-License-Identifier: BSD-3-Clause
// What nodes know of virtual routers.
//
//   vrrp_lans[]     which ids an interface has, and of which it is the master: frames to their MAC addresses are its own. Control sets
//                   and clears bits; any worker reads.
//   vrrp_closed     addresses that the master does not answer at. Control swaps the pointer; freed after dp_sync().
//   vrrp_beacons[]  advertisements that worker 0 sends, each at its interval, so that a master stays one while control is busy, but not
//                   for longer than VRRP_LEASE_NS. Control swaps pointers, and counts `kicks` up for one at once; freed after dp_sync().
#pragma once

#include "dataplane/dataplane.h"
#include "router/vrrp/vrrp_conf.h"

#define VRRP_LEASE_NS 60000000000ull

struct vrrp_lan {
	uint64_t known[2][4], ours[2][4]; // IPv4, IPv6; a bit per id
};
extern struct vrrp_lan vrrp_lans[DP_MAX_IFACES];

static inline bool vrrp_bit(const uint64_t bits[4], unsigned vrid) {
	return __atomic_load_n(&bits[vrid / 64], __ATOMIC_RELAXED) >> vrid % 64 & 1;
}

// node: `mac`: low 48 bits as loaded from a frame, first byte lowest.
static inline bool vrrp_mac_is_ours(unsigned iface, uint64_t mac) {
	unsigned kind = (mac >> 32 & 0xff) - 1; // 00:00:5e:00:01:xx, ...:02:xx

	return (uint32_t)mac == 0x005e0000 && kind < 2 &&
		vrrp_bit(vrrp_lans[iface].ours[kind], mac >> 40 & 0xff);
}

struct vrrp_closed {
	unsigned n;
	struct addr addrs[];
};
extern const struct vrrp_closed *vrrp_closed; // NULL: none

struct vrrp_beacon {
	uint16_t iface, len;
	uint64_t interval_ns;
	uint8_t frame[VRRP_FRAME_MAX];
};
extern const struct vrrp_beacon *vrrp_beacons[VRRP_MAX];
extern uint32_t vrrp_kicks[VRRP_MAX], vrrp_kicked; // of each; of any
extern uint64_t vrrp_sent[VRRP_MAX];               // worker 0 writes
extern uint64_t vrrp_alive_ns;                     // control was here

// control
void vrrp_lan_set(uint16_t iface, bool v6, unsigned vrid, bool known, bool ours);
void vrrp_closed_set(const struct addr *addrs, unsigned n); // 0: none
// NULL: no more. Sent at once, and then at its interval.
void vrrp_beacon_set(unsigned place, const struct vrrp_beacon *beacon);
void vrrp_kick(unsigned place);
