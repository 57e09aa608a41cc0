// SPDX-License-Identifier: BSD-3-Clause
// pure
// VRRPv3 advertisements (RFC 9568 section 5, RFC 5798): bytes to a struct and back, with every check that a receiver must make
// before it looks at the content.
#pragma once

#include "lib/addr.h"

#define VRRP_PROTO     112
#define VRRP_ADDRS     16 // of one virtual router; more that come in are counted, not kept
#define VRRP_CS_MAX    4095
#define VRRP_FRAME_MAX (14 + 40 + 8 + VRRP_ADDRS * 16)

enum { VRRP_RESIGNS = 0, VRRP_OWNER = 255 }; // priorities that mean something

struct vrrp_packet {
	struct addr src;
	uint8_t vrid, priority;
	uint8_t count;        // addresses that were said
	uint16_t interval_cs; // hundredths of a second
	unsigned n_addrs;     // of these, kept
	struct addr addrs[VRRP_ADDRS];
};

enum vrrp_fault {
	VRRP_OK,
	VRRP_SHORT,       // the IP header, or fewer bytes than the count of addresses asks for
	VRRP_TTL,         // it came from another link
	VRRP_VERSION,     // 2 is another protocol
	VRRP_TYPE,        // no advertisement
	VRRP_CHECKSUM,    // of RFC 5798 or of RFC 9568
	VRRP_COUNT,       // no address at all
	VRRP_INTERVAL,    // never again
	VRRP_DESTINATION, // not to the group of VRRP routers
	VRRP_FAULTS,
};

// `ip`: an IPv4 or IPv6 packet of protocol 112 from its header on; what lies behind its length is ignored. Any fault: *packet is
// undefined.
enum vrrp_fault vrrp_decode(const uint8_t *ip, size_t len, struct vrrp_packet *packet);
// A whole frame, from the virtual MAC address to the group; the family is that of packet->src. `pseudo`: the IPv4 checksum covers a
// pseudo-header. Bytes.
size_t vrrp_encode(
	const struct vrrp_packet *packet, bool pseudo, uint8_t frame[static VRRP_FRAME_MAX]);

struct mac vrrp_mac(enum addr_family family, unsigned vrid); // section 7.3
// The link-local address of a virtual router for which none is configured: made from its MAC address.
struct addr vrrp_link_local(unsigned vrid);
