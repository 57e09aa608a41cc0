// SPDX-License-Identifier: BSD-3-Clause
// pure
// A DHCP client (RFC 2131 section 4.4, 5227, 3442): one interface's. Time is lib/clock.h's; packets, addresses and routes are the ops'.
//
//   INIT ─► SELECTING ─► REQUESTING ─► CHECKING (ARP) ─► BOUND ─T1► RENEWING ─T2► REBINDING ─ over ─► INIT
//     REBOOTING: with a lease of before ┘    │ taken: DECLINE, WAITING 10 s ─► INIT
//
// Retransmissions: 4, 8, 16, 32, 64 s, each ±1 s (section 4.1); renewals after half of what is left, at least 60 s (section 4.4.5).
#pragma once

#include "router/dhcp/dhcp_conf.h"

enum dhcp_client_state {
	DHCP_CLIENT_DOWN, // no link
	DHCP_CLIENT_INIT,
	DHCP_CLIENT_SELECTING,
	DHCP_CLIENT_REQUESTING,
	DHCP_CLIENT_REBOOTING,
	DHCP_CLIENT_CHECKING,
	DHCP_CLIENT_BOUND,
	DHCP_CLIENT_RENEWING,
	DHCP_CLIENT_REBINDING,
	DHCP_CLIENT_WAITING,
	DHCP_CLIENT_STATES,
};

#define DHCP_CLIENT_ADDRS 4

struct dhcp_client_lease { // what a server gave
	uint32_t addr, mask, server;
	uint64_t lease_s, t1_s, t2_s;
	uint64_t got_ns; // since when it counts
	uint32_t dns[DHCP_CLIENT_ADDRS], ntp[DHCP_CLIENT_ADDRS];
	unsigned n_dns, n_ntp;
	char domain[DHCP_CONF_TEXT];
	uint16_t mtu; // 0: not said
	struct dhcp_route routes[DHCP_CONF_ROUTES];
	unsigned n_routes;
};

struct dhcp_client;

struct dhcp_client_ops {
	// `to` 0: to all, from 0.0.0.0; else from the lease's address to `to`.
	void (*send)(struct dhcp_client *client, const struct dhcp_out *out, uint32_t to);
	// The address is set and tested: dhcp_client_checked() says how it ended. It may be there already. false: it cannot be.
	bool (*address)(struct dhcp_client *client);
	// The lease counts, or counts anew: routes, MTU, the disk.
	void (*bound)(struct dhcp_client *client);
	// What the lease brought goes. `forget`: from the disk, too.
	void (*lost)(struct dhcp_client *client, bool forget);
	uint32_t (*random)(void);
};

struct dhcp_client {
	const struct dhcp_client_ops *ops;
	const struct dhcp_conf_client *conf; // borrowed
	struct mac mac;
	enum dhcp_client_state state;
	uint64_t next_ns;  // when something is to be done; 0: never
	uint64_t begun_ns; // of this exchange: the field `secs`
	uint32_t xid;
	unsigned tries;
	bool has_lease;                        // `lease` is one: in use, or of before
	bool in_use;                           // its address is on the interface
	struct dhcp_client_lease lease, offer; // offer: not accepted yet
	struct {
		uint64_t sent[9], received[9], ignored;
	} stats;
};

// The link comes up (and at the start): with a lease of before, REBOOTING, else INIT. Goes: nothing is sent.
void dhcp_client_link(struct dhcp_client *client, bool up);
void dhcp_client_receive(struct dhcp_client *client, const struct dhcp_msg *msg);
void dhcp_client_checked(struct dhcp_client *client, bool usable);
void dhcp_client_poll(struct dhcp_client *client, uint64_t now_ns);
void dhcp_client_renew(struct dhcp_client *client);   // now, or from the beginning
void dhcp_client_release(struct dhcp_client *client); // its end: the address is given back
const char *dhcp_client_state_name(enum dhcp_client_state state);
// What a lease says, from an OFFER or ACK. false: it makes no sense.
bool dhcp_client_lease_decode(const struct dhcp_msg *msg, struct dhcp_client_lease *lease);
