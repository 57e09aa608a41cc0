// SPDX-License-Identifier: BSD-3-Clause
// pure
// A DHCP relay (RFC 1542 section 4, RFC 3046): the message itself is passed on, byte by byte, but for hops, giaddr and option 82.
#pragma once

#include "router/dhcp/dhcp_conf.h"

struct dhcp_relay_place { // the interface that the client is on
	const char *name;
	struct mac mac;
	uint32_t addr;
};

// From a client or another relay to the servers. Writes what is to be sent into `out` (DHCP_OUT_MAX bytes); its length, or 0: it goes
// no further, and that is counted.
size_t dhcp_relay_request(struct dhcp_conf_relay *relay, const struct dhcp_relay_place *place,
	const uint8_t *bytes, size_t len, const struct dhcp_msg *msg, uint8_t *out);
// From a server to the client: without the option 82 that was added here.
size_t dhcp_relay_reply(
	struct dhcp_conf_relay *relay, const uint8_t *bytes, size_t len, uint8_t *out);
