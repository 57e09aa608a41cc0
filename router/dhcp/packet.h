// SPDX-License-Identifier: BSD-3-Clause
// pure
// A DHCP message in its Ethernet, IPv4 and UDP headers.
#pragma once

#include "lib/addr.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHCP_HEADERS 42 // Ethernet, IPv4 without options, UDP

struct dhcp_packet {
	struct mac from_mac, to_mac;
	uint32_t from, to; // addresses, host order
	uint16_t from_port, to_port;
	const uint8_t *payload;
	size_t len;
};

// Takes a frame apart, which lies there in one piece. `summed`: its UDP checksum is known to be right, or was not made yet.
// 0, or -EINVAL.
int dhcp_packet_decode(const uint8_t *frame, size_t len, bool summed, struct dhcp_packet *packet);
// Writes the headers before packet->payload, which is at frame + DHCP_HEADERS. TTL 64 (`routed`: 65, the router takes one off).
// Returns the frame's length.
size_t dhcp_packet_encode(uint8_t *frame, const struct dhcp_packet *packet, bool routed);
