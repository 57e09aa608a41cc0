// SPDX-License-Identifier: BSD-3-Clause
// What the nodes read. Writer: control, which swaps the pointer in commit and frees the old one in release.
#pragma once

#include "dataplane/dataplane.h"
#include "router/bridge/bridge.h"

#define BRIDGE_TYPES 16 // as the rows of `switches` allow

struct bridge_port {
	uint16_t number; // of its switch: SESSION_BRIDGE; 0: rules are not asked
	uint8_t n_types;
	uint16_t types
		[BRIDGE_TYPES]; // that pass unseen, as on the wire; 0: frames with a length instead
};

struct bridge_ports {
	struct bridge_port of[DP_MAX_PORTS];
};
extern struct bridge_ports *bridge_ports; // never NULL

static inline const struct bridge_port *bridge_port(unsigned port) {
	return &__atomic_load_n(&bridge_ports, __ATOMIC_ACQUIRE)->of[port % DP_MAX_PORTS];
}

// node: a packet that bridge_input has taken up.
static inline bool bridge_taken(const struct rte_mbuf *m) {
	return (dp_meta((struct rte_mbuf *)(uintptr_t)m)->domain & UINT16_MAX) >= SESSION_BRIDGE;
}

extern struct dp_node bridge_output;
