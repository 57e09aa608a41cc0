// SPDX-License-Identifier: BSD-3-Clause
// pure
// An interface's `dhcp` as C structs: decoded and checked; what servers, relays and clients go by. Belongs to struct
// rtr_conf_iface; what runs borrows it until the next commit.
#pragma once

#include "lib/bucket.h"
#include "lib/err.h"
#include "lib/schema.h"
#include "router/dhcp/pool.h"
#include "router/dhcp/wire.h"

#define DHCP_CONF_SERVERS 8  // of a relay
#define DHCP_CONF_ROUTES  32 // of option 121
#define DHCP_CONF_TEXT    64

struct rtr_conf;
struct rtr_conf_iface;

struct dhcp_conf_option {
	uint8_t code;
	bool always; // even to those who do not ask
	uint16_t len;
	uint8_t *bytes;
};

struct dhcp_conf_reservation {
	uint32_t addr;
	bool by_mac;
	struct mac mac;
	uint8_t id_len, id[64];
	char hostname[DHCP_CONF_TEXT];
};

struct dhcp_conf_subnet {
	struct prefix prefix;
	uint32_t network, mask, router; // router 0: none
	bool router_is_relay;           // the relay is the clients' default gateway
	struct dhcp_pool pool;
	uint64_t lease_s, lease_min_s, lease_max_s;
	struct dhcp_conf_option *options;
	unsigned n_options;
	struct dhcp_conf_reservation *reservations; // by address
	unsigned n_reservations;
	uint32_t next_server;
	char boot_file[128];
	uint64_t full_ns; // when it was said last that it is full
	uint64_t refused;
};

struct dhcp_server_stats {
	uint64_t received[9], sent[9]; // by type
	uint64_t malformed, limited, refused, conflicts, no_subnet;
};

struct dhcp_conf_server {
	struct dhcp_conf_subnet *subnets;
	unsigned n_subnets;
	bool authoritative, rapid_commit;
	uint64_t probe_ns; // 0: no probe
	struct bucket_limit rate;
	_Atomic uint64_t bucket;
	struct dhcp_server_stats stats;
};

enum dhcp_trust { DHCP_TRUST_DROP, DHCP_TRUST_KEEP, DHCP_TRUST_REPLACE };

struct dhcp_relay_stats {
	uint64_t requests, replies, malformed, hops, untrusted, unknown;
};

struct dhcp_conf_relay {
	uint32_t servers[DHCP_CONF_SERVERS];
	unsigned n_servers;
	unsigned hops;
	bool option82;
	unsigned trust; // enum dhcp_trust: option 82 of those who are no relay
	char circuit_id[DHCP_CONF_TEXT],
		remote_id[DHCP_CONF_TEXT]; // "": interface's name, MAC address
	struct dhcp_relay_stats stats;
};

struct dhcp_conf_client {
	char hostname[DHCP_CONF_TEXT], vendor_class[DHCP_CONF_TEXT];
	uint8_t id_len, id[64]; // 0: by hardware address
	bool default_route, classless, mtu;
	uint32_t metric;
};

struct dhcp_conf { // NULL: that role is not played
	struct dhcp_conf_server *server;
	struct dhcp_conf_relay *relay;
	struct dhcp_conf_client *client;
};

extern const struct schema_row dhcp_rows[]; // of `dhcp` of an interface
// Decodes a validated object; iface's addresses are known. 0, or negative errno with err set.
int dhcp_conf_parse(struct dhcp_conf **conf, const struct rtr_conf_iface *iface,
	const json_t *object, const char *path, struct err *err);
void dhcp_conf_free(struct dhcp_conf *conf);
