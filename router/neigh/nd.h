// SPDX-License-Identifier: BSD-3-Clause
// pure
// Neighbour discovery (RFC 4861): solicitations and advertisements of neighbours and routers, with the options source and target
// link-layer address, prefix, MTU, nonce (RFC 3971, 7527), routes (RFC 4191), DNS servers and search lists (RFC 8106). Bytes to a struct
// and back, with every check that a receiver must make before it looks at the content.
#pragma once

#include "lib/addr.h"

#define ND_PREFIXES  16 // of one advertisement; more are ignored
#define ND_SERVERS   8
#define ND_ROUTES    8
#define ND_DOMAINS   4
#define ND_DOMAIN    96 // with its NUL; a longer name is ignored
#define ND_NONCE     6
#define ND_FRAME_MAX 1514 // what nd_encode() makes at most

enum nd_type { ND_RS = 133, ND_RA = 134, ND_NS = 135, ND_NA = 136 };

struct nd_prefix {
	struct prefix prefix;
	bool on_link, autonomous;
	uint32_t valid_s, preferred_s; // UINT32_MAX: for ever
};

struct nd_server {
	struct addr addr;
	uint32_t lifetime_s;
};

struct nd_route { // of networks behind the router
	struct prefix prefix;
	int8_t preference;
	uint32_t lifetime_s;
};

struct nd_domain { // of a search list: letters, digits, - and _ in labels
	char name[ND_DOMAIN];
	uint32_t lifetime_s;
};

struct nd_router {                              // ND_RA
	uint8_t hop_limit;                      // 0: not said
	bool managed, other;                    // DHCPv6 has addresses; has the rest
	int8_t preference;                      // -1, 0, 1 (RFC 4191)
	uint16_t lifetime_s;                    // 0: no default router
	uint32_t reachable_ms, retrans_ms, mtu; // 0: not said
	unsigned n_prefixes, n_servers, n_routes, n_domains;
	struct nd_prefix prefixes[ND_PREFIXES];
	struct nd_server servers[ND_SERVERS];
	struct nd_route routes[ND_ROUTES];
	struct nd_domain domains[ND_DOMAINS];
};

struct nd {
	uint8_t type; // enum nd_type
	struct addr src, dst;
	struct addr target;               // NS, NA
	bool router, solicited, override; // NA
	bool has_mac, has_nonce;
	struct mac mac; // of the source (NS, RS, RA) or the target (NA)
	uint8_t nonce[ND_NONCE];
	struct nd_router ra;
};

enum nd_fault {
	ND_OK,
	ND_SHORT,    // the packet, its IP length or the message
	ND_OTHER,    // another protocol or type
	ND_FRAGMENT, // RFC 6980
	ND_HOP_LIMIT,
	ND_CHECKSUM,
	ND_CODE,
	ND_OPTION, // of no length, longer than the packet, or no Ethernet address
	ND_SOURCE,
	ND_DESTINATION,
	ND_TARGET,
	ND_FAULTS,
};

// `ip`: from the IPv6 header on; what lies behind its length is ignored. `summed`: the checksum is known to be right. Any
// fault: *nd is undefined.
enum nd_fault nd_decode(const uint8_t *ip, size_t len, bool summed, struct nd *nd);
// A whole frame. Destination: `to`, or NULL: the group of nd->dst. Bytes, or 0: more options than fit into ND_FRAME_MAX.
size_t nd_encode(const struct nd *nd, const struct mac *from, const struct mac *to,
	uint8_t frame[static ND_FRAME_MAX]);

// Bytes of a domain name's labels with the root's (RFC 1035 section 3.1); 0: no such name may be in a search list.
size_t nd_domain_encode(const char *name, uint8_t wire[static ND_DOMAIN + 1]);

bool nd_is_group(const struct addr *addr);      // ff00::/8
bool nd_is_link_local(const struct addr *addr); // fe80::/10
bool nd_is_unspecified(const struct addr *addr);
struct addr nd_solicited_node(const struct addr *target); // ff02::1:ffXX:XXXX
extern const struct addr nd_all_nodes;                    // ff02::1
extern const struct addr nd_all_routers;                  // ff02::2
