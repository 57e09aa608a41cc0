// SPDX-License-Identifier: BSD-3-Clause
// VXLAN (RFC 7348) behind a port of a switch. README.md has the picture.
//
// The switch knows a port with device = "tunnel:..." and nothing of what is behind it. Here is: which VNI a VLAN is, which remote a station is behind,
// and the outer headers. Nodes read one `struct vxlan_set`, which commit swaps.
#pragma once

#include "dataplane/dataplane.h"
#include "router/iface.h"
#include "router/tunnel/ends.h"
#include "router/tunnel/vtep.h"
#include "router/tunnel/vxlan_conf.h"

#define VXLAN_MAX 32 // ports

struct vxlan {
	struct tunnel_wire wire; // without the remote
	uint16_t port;           // of the switch
	uint16_t vrf;            // of the outer packets
	uint16_t mtu;            // of the port
	uint16_t n_remotes;
	bool learning;
	uint64_t ageing_ns;
	struct addr remotes[VTEP_REMOTES];
	uint32_t vni_of[VXLAN_VLANS];
	struct vtep_table *stations; // outlives a configuration with the same remotes
};

struct vxlan_set {
	struct ends *ends; // VNIs: vxlan_end(); and ends of ours
	unsigned n;
	struct vxlan *by_port[DP_MAX_PORTS];
	struct vxlan vxlans[];
};

extern struct vxlan_set *vxlan_set; // NULL: there are none. Commit swaps, nodes read

static inline struct vxlan_set *vxlan_set_get(void) {
	return __atomic_load_n(&vxlan_set, __ATOMIC_ACQUIRE);
}

// What a VNI's end is: port and VLAN.
static inline uint32_t vxlan_end(unsigned port, unsigned vlan) {
	return (port << 12 | vlan) + 1;
}

struct vxlan_count {
	uint64_t rx_dropped, tx_dropped;
	uint64_t copies; // sent to several remotes for want of a better one
} __rte_cache_aligned;
extern struct vxlan_count vxlan_counts[DP_MAX_WORKERS][VXLAN_MAX]; // by port; each worker its own

static inline struct vxlan_count *vxlan_count(const struct vxlan *x) {
	return &vxlan_counts[dp_self->id][x->port % VXLAN_MAX];
}

// ---- control -----------------------------------------------------------------------------------------------

// In the router's transaction, as tunnels_plan_*() (tunnel.h).
struct vxlan_plan *vxlans_plan_new(void);
int vxlans_plan_add(
	struct vxlan_plan *plan, const struct vxlan_conf *conf, unsigned vrf, struct err *err);
int vxlans_plan_build(struct vxlan_plan *plan, struct err *err);
void vxlans_commit(struct vxlan_plan *plan);
void vxlans_release(struct vxlan_plan *plan);
void vxlans_abort(struct vxlan_plan *plan);

extern const struct schema_row vxlan_columns[], vtep_columns[];
int vxlans_show(const json_t *filter, size_t limit, json_t *rows, struct err *err);
int vteps_show(const json_t *filter, size_t limit, json_t *rows, struct err *err);
int vteps_flush(const json_t *args, json_t **result, struct err *err);
