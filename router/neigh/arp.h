// SPDX-License-Identifier: BSD-3-Clause
// pure
// ARP on Ethernet for IPv4 (RFC 826): bytes to a struct and back. Judges what no host may say; whom to believe is the
// neighbour table's matter.
#pragma once

#include "lib/addr.h"

#define ARP_BYTES       28
#define ARP_FRAME_BYTES (14 + ARP_BYTES)

enum arp_op { ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp {
	uint16_t op; // enum arp_op
	struct mac sender_mac, target_mac;
	struct addr sender, target; // ADDR_V4
};

enum arp_fault {
	ARP_OK,
	ARP_SHORT,
	ARP_KIND,       // not Ethernet and IPv4, or lengths that do not fit
	ARP_OP,         // neither request nor reply (RARP, InARP ...)
	ARP_SENDER_MAC, // a group's, or zero
	ARP_SENDER,     // loopback, group, reserved; or nobody answers
	ARP_TARGET,
	ARP_FAULTS,
};

// `data`: what follows the Ethernet header; padding behind it is ignored. Any fault: *arp is undefined.
enum arp_fault arp_decode(const uint8_t *data, size_t len, struct arp *arp);
// A whole frame from arp->sender_mac to `to`.
void arp_encode(const struct arp *arp, const struct mac *to, uint8_t frame[static ARP_FRAME_BYTES]);

// Has anybody this address (RFC 5227 section 1.1)? The sender does not say one of its own.
bool arp_is_probe(const struct arp *arp);
// "This address is mine": gratuitous ARP, as request or reply.
bool arp_is_announcement(const struct arp *arp);
