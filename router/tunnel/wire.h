// SPDX-License-Identifier: BSD-3-Clause
// pure
// Tunnels on the wire: outer headers made and read. GRE (RFC 2784, 2890), IP in IP (RFC 2003, 4213, 2473), VXLAN (RFC 7348),
// each over IPv4 and IPv6; ECN by RFC 6040. Everything here is bytes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tunnel_type {
	TUNNEL_NONE,
	TUNNEL_GRE,
	TUNNEL_IPIP, // IPv4 and IPv6 inside, told apart by protocol number
	TUNNEL_SIT,  // IPv6 inside only
	TUNNEL_VXLAN,
};

enum { // IP protocol numbers
	TUNNEL_PROTO_ICMP4 = 1,
	TUNNEL_PROTO_IP4 = 4,
	TUNNEL_PROTO_UDP = 17,
	TUNNEL_PROTO_IP6 = 41,
	TUNNEL_PROTO_GRE = 47,
	TUNNEL_PROTO_ICMP6 = 58,
	TUNNEL_PROTO_OPTIONS = 60, // destination options of IPv6
};

#define TUNNEL_HEADER_MAX 64 // IPv6, encapsulation limit, UDP, VXLAN
#define TUNNEL_INHERIT    255
#define TUNNEL_NEST_MAX   4 // tunnels inside each other (RFC 2473 section 4.1.1: its default limit)
#define VXLAN_PORT        4789
#define VXLAN_VNI_MAX     0xffffffu

// What the outer headers of a tunnel have in common.
struct tunnel_wire {
	uint8_t type; // enum tunnel_type
	uint8_t ttl;  // as it leaves this box; 0: as the packet inside
	uint8_t dscp; // TUNNEL_INHERIT: as the packet inside
	bool v6;      // the outer family
	bool df;      // IPv4: do not fragment what may not be fragmented inside
	bool has_key, has_limit;
	uint8_t limit; // IPv6: tunnels that may follow around this one (RFC 2473 section 4.1.1)
	uint16_t port; // VXLAN: destination
	uint32_t key;  // GRE
	uint8_t local[16], remote[16];
};

// What they take from the packet.
struct tunnel_inner {
	bool ip;      // it is an IP packet, or a frame with one: tos and ttl are its
	bool v6;      // and of this family
	bool df;      // may not be fragmented
	uint8_t tos;  // DSCP and ECN
	uint8_t ttl;  // as it would leave
	uint16_t id;  // for an outer IPv4 header that may be fragmented
	uint32_t len; // bytes behind the outer headers
	uint32_t hash, vni;
};

unsigned tunnel_header_len(const struct tunnel_wire *wire);
// Writes tunnel_header_len() bytes. The TTL is one more than the one to leave with: whoever forwards takes one. A UDP checksum is left
// zero.
void tunnel_encode(const struct tunnel_wire *wire, const struct tunnel_inner *inner, uint8_t *to);

// Reads what the outer headers say of an IP packet. `len`: bytes of it that are there, its fixed header at least (20, 40).
void tunnel_inner_read(const uint8_t *ip, bool v6, size_t len, struct tunnel_inner *inner);

enum tunnel_verdict {
	TUNNEL_OK,
	TUNNEL_TRUNCATED, // ends within its header
	TUNNEL_FLAGS,     // says what this box does not do
	TUNNEL_PAYLOAD,   // holds something else than IP
};

struct tunnel_gre {
	unsigned header_len;
	bool has_sum, has_key, v6; // v6: what is inside
	uint32_t key;
};
// Sequence numbers are skipped: order is the transport's business (RFC 2890 section 2.2 leaves it to the receiver).
enum tunnel_verdict tunnel_gre_decode(const uint8_t *gre, size_t len, struct tunnel_gre *out);
// The eight bytes behind the UDP header.
enum tunnel_verdict tunnel_vxlan_decode(const uint8_t *vxlan, size_t len, uint32_t *vni);

// RFC 6040 section 4.2: the ECN field to go on with, or -1: the packet is to be dropped.
int tunnel_ecn(unsigned inner, unsigned outer);
// How many tunnel headers this IP packet begins with; stops counting beyond TUNNEL_NEST_MAX.
unsigned tunnel_nesting(const uint8_t *ip, size_t len, uint16_t vxlan_port);
// An IPv6 packet's Tunnel Encapsulation Limit (RFC 2473 section 4.1.1), or -1; *at: where it is, from the start of the packet.
int tunnel_limit_find(const uint8_t *ip, size_t len, unsigned *at);
