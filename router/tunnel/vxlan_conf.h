// SPDX-License-Identifier: BSD-3-Clause
// pure
// A router's `vxlan` as C structs, and its rows.
#pragma once

#include "lib/addr.h"
#include "lib/schema.h"
#include "router/tunnel/vtep.h"
#include "router/tunnel/wire.h"

#define VXLAN_CONF_NAME 32
#define VXLAN_NO_VNI    UINT32_MAX
#define VXLAN_VLANS     4096
#define VXLAN_CONF_MAX  16

struct vxlan_conf {
	char port[VXLAN_CONF_NAME]; // of a switch; device = "tunnel:..."
	struct addr source, remotes[VTEP_REMOTES];
	unsigned n_remotes, udp_port;
	uint32_t vni_of[VXLAN_VLANS]; // by VLAN; [0]: of frames without a tag
	int ttl, dscp;                // as of tunnel_conf
	bool df, learning;
	uint64_t ageing_ns;
};

extern const struct schema_row vxlan_key, vxlan_elem; // of the router's field `vxlan`

// Decodes a validated map, of the router `router` (for messages). Checked here: the ports' devices (`tree`: the whole configuration), VNIs of one
// end twice. *out: malloc'ed.
int vxlan_conf_parse(const json_t *map, const json_t *tree, const char *router,
	struct vxlan_conf **out, unsigned *n, struct err *err);
