// SPDX-License-Identifier: BSD-3-Clause
// pure
// `vrrp` of a routed interface: rows, decoding, and what rows cannot say.
#pragma once

#include "router/conf.h"
#include "router/vrrp/vrrp_wire.h"

#define VRRP_MAX    256 // virtual routers of this box; each family of an id counts
#define VRRP_TRACKS 16

struct vrrp_track {
	char iface[RTR_CONF_NAME]; // "": a route
	struct prefix route;
	unsigned drop; // of priority, while it is down or missing
};

struct vrrp_conf { // one id, both families
	unsigned vrid, priority, interval_cs;
	bool preempt, accept, pseudo_header;
	uint64_t preempt_delay_ns;
	struct addr addrs[2][VRRP_ADDRS]; // IPv4, IPv6: a link-local one first
	unsigned n_addrs[2];              // 0: that family has no virtual router
	struct vrrp_track tracks[VRRP_TRACKS];
	unsigned n_tracks;
};

extern const struct schema_row vrrp_key, vrrp_elem; // of the map

// `map` may be NULL. Sets iface->vrrp and n_vrrp; its addresses are known. 0 or a negative errno, with err.
int vrrp_conf_parse(
	struct rtr_conf_iface *iface, const json_t *map, const char *path, struct err *err);
// What needs the whole router (tracked interfaces), and all routers (how many there may be).
int vrrp_conf_check(const struct rtr_conf *router, struct err *err);
int vrrp_conf_check_all(const struct rtr_conf_all *all, struct err *err);
