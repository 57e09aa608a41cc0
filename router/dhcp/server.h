// SPDX-License-Identifier: BSD-3-Clause
// pure
// The DHCP server (RFC 2131 section 4.3, 2132, 3046, 3203 not, 3527, 4039, 6842): from a message to what is to be sent and kept. Time
// is lib/clock.h's; packets, ARP and the disk are the ops'.
//
//   DISCOVER → whose address? reservation, the client's lease, what it asks for, a free one, the one that is over longest
//            → local and not its own yet: PROBING until probe_ns, is somebody there? → OFFERED → REQUEST → BOUND, on disk → ACK
//
// Whoever finds no address is refused, counted, alarmed (event router.dhcp-full, once a minute and subnet).
#pragma once

#include "router/dhcp/dhcp_conf.h"
#include "router/dhcp/leases.h"
#include "router/dhcp/packet.h"

#define DHCP_REALM_SERVERS 512
#define DHCP_LEASES_MAX    65536 // of one router
#define DHCP_PROBES_MAX    256   // addresses that are probed at a time
#define DHCP_CLIENTS       1024  // buckets of clients' rates

struct dhcp_place { // where a message came in
	uint16_t iface;
	const char *name;
	struct mac mac;
	unsigned n;
	struct prefix addrs[16]; // IPv4, of that interface
};

struct dhcp_answer {
	uint16_t iface;
	bool routed; // by the routes; else a frame that leaves by `iface`
	bool stored; // not before what was stored is on the disk
	struct mac to_mac;
	uint32_t from, to;
	uint16_t to_port;
	size_t max; // bytes of the message
	struct dhcp_out out;
};

struct dhcp_server_ops {
	void (*send)(const struct dhcp_answer *answer, void *arg);
	void (*store)(const struct dhcp_lease *lease, void *arg); // its state goes to the disk
	// Somebody is asked for by ARP; later: did another station than `client` answer?
	void (*probe)(uint16_t iface, uint32_t addr, void *arg);
	bool (*probed)(uint16_t iface, uint32_t addr, const struct mac *client, void *arg);
	// Whether an address is one of this router's: server identifiers.
	bool (*is_own)(uint32_t addr, void *arg);
	void *arg;
};

struct dhcp_realm { // the servers of one router
	struct dhcp_leases leases;
	const struct dhcp_server_ops *ops;
	struct dhcp_conf_server *servers[DHCP_REALM_SERVERS]; // borrowed
	unsigned n;
	unsigned n_probes;
	_Atomic uint64_t clients[DHCP_CLIENTS];
};

int dhcp_realm_init(struct dhcp_realm *realm, const struct dhcp_server_ops *ops, uint32_t limit);
void dhcp_realm_fini(struct dhcp_realm *realm);
// The servers are others: pools learn which addresses are taken. What was being probed is given up.
void dhcp_realm_set(struct dhcp_realm *realm, struct dhcp_conf_server **servers, unsigned n);
// A lease that the disk remembers. NULL: no room.
struct dhcp_lease *dhcp_realm_restore(struct dhcp_realm *realm, uint32_t addr,
	const struct dhcp_id *id, enum dhcp_lease_state state, uint64_t expires_ns);
void dhcp_server_receive(struct dhcp_realm *realm, struct dhcp_conf_server *server,
	const struct dhcp_place *place, const struct dhcp_msg *msg, const struct mac *from);
void dhcp_realm_poll(struct dhcp_realm *realm, uint64_t now_ns);
