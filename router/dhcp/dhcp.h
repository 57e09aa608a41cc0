// SPDX-License-Identifier: BSD-3-Clause
// DHCPv4 in the router: servers, relays and clients of its interfaces. README.md has the picture. Control thread only.
#pragma once

#include "lib/module.h"
#include "router/conf.h"

int dhcp_init(struct err *err);
void dhcp_stop(void); // before the routers are taken down at the end: clients keep their leases
void dhcp_fini(void);
// In the router's commit, when its interfaces are as they will be: `was` is freed later.
void dhcp_commit(const struct rtr_conf_all *was, const struct rtr_conf_all *now);
void dhcp_link(uint16_t iface, bool up);
void dhcp_poll(uint64_t now_ns);

// What people and programs see: elements of the router's lists (show.c).
extern const struct schema_row dhcp_lease_columns[], dhcp_server_columns[], dhcp_relay_columns[],
	dhcp_client_columns[], dhcp_flush_args[], dhcp_renew_args[];
int dhcp_leases_show(const json_t *filter, size_t limit, json_t *rows, struct err *err);
int dhcp_servers_show(const json_t *filter, size_t limit, json_t *rows, struct err *err);
int dhcp_relays_show(const json_t *filter, size_t limit, json_t *rows, struct err *err);
int dhcp_clients_show(const json_t *filter, size_t limit, json_t *rows, struct err *err);
int dhcp_flush(const json_t *args, json_t **result, struct err *err);
int dhcp_renew(const json_t *args, json_t **result, struct err *err);

#define DHCP_NOUNS                                                                       \
	{.name = "dhcp-leases",                                                          \
		.help = "addresses that the DHCP servers have lent",                     \
		.columns = dhcp_lease_columns,                                           \
		.show = dhcp_leases_show,                                                \
		.no_metrics = true},                                                     \
		{.name = "dhcp-servers",                                                 \
			.help = "DHCP servers: a row per subnet",                        \
			.columns = dhcp_server_columns,                                  \
			.show = dhcp_servers_show},                                      \
		{.name = "dhcp-relays",                                                  \
			.help = "DHCP relays",                                           \
			.columns = dhcp_relay_columns,                                   \
			.show = dhcp_relays_show},                                       \
	{                                                                                \
		.name = "dhcp-clients", .help = "DHCP clients and what they were given", \
		.columns = dhcp_client_columns, .show = dhcp_clients_show                \
	}
#define DHCP_ACTIONS                                                                           \
	{.verb = "flush",                                                                      \
		.noun = "dhcp-leases",                                                         \
		.help = "forgets leases: their addresses are anybody's again",                 \
		.args = dhcp_flush_args,                                                       \
		.run = dhcp_flush},                                                            \
	{                                                                                      \
		.verb = "renew", .noun = "dhcp-clients", .help = "asks the server again, now", \
		.args = dhcp_renew_args, .run = dhcp_renew                                     \
	}
