// SPDX-License-Identifier: BSD-3-Clause
// Clients as show.c sees them.
#pragma once

#include "router/dhcp/dhcp_priv.h"

struct writer;

struct uplink {
	struct dhcp_client client; // first: its ops get no more
	struct uplink *next;
	char router[RTR_NAME], name[RTR_NAME];
	uint16_t iface;
	uint32_t told;   // address that was logged
	struct mac from; // station that sent its last message: the server, or the way to it
	struct writer *writer;
	// as the routes of the router were set
	struct dhcp_route routes[DHCP_CONF_ROUTES];
	unsigned n_routes;
	bool default_route, classless;
	uint32_t metric;
};

extern struct uplink *uplinks;
