// SPDX-License-Identifier: BSD-3-Clause
// pure
// Between the server's decisions (server.c) and what it says (reply.c).
#pragma once

#include "router/dhcp/server.h"

struct dhcp_ask { // a message and what it is about
	struct dhcp_realm *realm;
	struct dhcp_conf_server *server;
	struct dhcp_conf_subnet *subnet; // NULL: none that it serves
	const struct dhcp_place *place;
	const struct dhcp_msg *msg;
	struct mac mac;
	struct dhcp_id id;
	uint32_t server_id;
};

const struct dhcp_conf_reservation *dhcp_reservation_of(
	const struct dhcp_conf_subnet *subnet, const struct dhcp_ask *ask);
void dhcp_reply_lease(const struct dhcp_ask *ask, struct dhcp_lease *lease, enum dhcp_type type,
	uint64_t lease_s);
void dhcp_reply_inform(const struct dhcp_ask *ask);
void dhcp_reply_nak(const struct dhcp_ask *ask, const char *why);
uint64_t dhcp_lease_time(const struct dhcp_ask *ask);
