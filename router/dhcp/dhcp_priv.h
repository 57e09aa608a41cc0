// SPDX-License-Identifier: BSD-3-Clause
// Between the parts of DHCP that know the router: dhcp.c (packets in and out, commits), store.c (the disk), uplink.c (clients), show.c.
#pragma once

#include "router/dhcp/client.h"
#include "router/dhcp/dhcp.h"
#include "router/dhcp/journal.h"
#include "router/dhcp/relay.h"
#include "router/dhcp/server.h"
#include "router/iface.h"

struct dhcp_router { // the servers of a router; stays, with its leases, when its last server goes
	char name[RTR_NAME];
	struct dhcp_realm realm;
	struct dhcp_router *next;
};

extern struct dhcp_router *dhcp_routers;
extern bool dhcp_stopping; // the daemon ends: its leases are kept for the next start
// What the running configuration says of an interface; NULL: nothing.
extern struct dhcp_conf *dhcp_by_iface[DP_MAX_IFACES];

// Sends a message that stands at frame + DHCP_HEADERS; packet->payload and len need not be set.
void dhcp_transmit(uint16_t iface, const uint8_t *frame, size_t len, bool routed);

// The disk. `store_open` may be called often, and does its work once: what the file remembers comes back with store_restore().
void store_open(void);
void store_restore(struct dhcp_router *router);
uint64_t store_lease(const struct dhcp_lease *lease); // a number; 0: there is no disk
void store_forget(const struct dhcp_lease *lease);
bool store_is_done(uint64_t number);
void store_poll(uint64_t now_ns);
void store_close(void);

// Clients.
void uplink_init(void);
void uplink_commit(void);
void uplink_receive(uint16_t iface, const struct dhcp_msg *msg, const struct mac *from);
void uplink_link(uint16_t iface, bool up);
void uplink_poll(uint64_t now_ns);
void uplink_fini(void);
