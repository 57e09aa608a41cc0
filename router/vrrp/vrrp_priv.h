// SPDX-License-Identifier: BSD-3-Clause
// Between what runs and what is shown of it.
#pragma once

#include "router/vrrp/table_vrrp.h"
#include "router/vrrp/vrrp.h"
#include "router/vrrp/vrrp_fsm.h"

struct vrrp {
	struct vrrp_vr vr; // first: what its operations get is this
	bool in_use, up;
	uint16_t iface;
	bool v6;
	uint8_t vrid;
	char router[RTR_NAME], name[RTR_NAME];
	const struct vrrp_conf *conf;       // in rtr_running
	struct rtr_conf_iface const *place; // the same
	struct addr addrs[VRRP_ADDRS];      // that it has, as master
	unsigned n_addrs;
	uint64_t received, mismatched, told_ns;
	uint64_t held_ns; // resigned on demand: the least priority until then
};

extern struct vrrp vrrps[VRRP_MAX];

void vrrp_step_back(struct vrrp *v, uint64_t hold_ns); // resigns on demand
static inline unsigned vrrp_place(const struct vrrp *v) {
	return (unsigned)(v - vrrps);
}
