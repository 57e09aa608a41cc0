// SPDX-License-Identifier: BSD-3-Clause
// pure
// What one interface learns from the advertisements of others, as a host does (RFC 4861 section 6.3, RFC 4862 section 5.5, RFC 4191,
// RFC 8106): routers and more specific routes, prefixes and addresses in them, MTU, DNS. And how it asks for them (RFC 7559).
//
// Every table is bounded: what finds no room is refused and counted. Nothing outlives what was said of it. Control thread only.
#pragma once

#include "router/neigh/nd.h"

#define RA_DEFAULTS 8  // default routers
#define RA_ROUTES   32 // routes in all
#define RA_PREFIXES 8
#define RA_NEVER    UINT64_MAX

struct ra_route {
	struct prefix prefix; // ::/0: a default router
	struct addr via;
	int8_t preference;
	uint64_t until_ns;
};

struct ra_prefix {
	struct prefix prefix;
	uint64_t link_until_ns;                      // on the link until then; 0: nobody says so
	uint64_t valid_until_ns, preferred_until_ns; // of our address in it; 0: none
	struct addr addr;
	uint8_t set_len; // the interface has it, with this length; 0: it has not
	bool link_set;   // the prefix is a route by the link: no address brings it
	bool duplicate;  // somebody else has that address
};

struct ra_accept;

struct ra_accept_ops {
	bool (*address)(struct ra_accept *a, const struct prefix *addr); // again: nothing happens
	void (*address_gone)(struct ra_accept *a, const struct addr *addr);
	// `via` of family NONE: by the link. The smaller metric is preferred.
	bool (*route)(struct ra_accept *a, const struct prefix *prefix, const struct addr *via,
		uint32_t metric);
	void (*route_gone)(struct ra_accept *a, const struct prefix *prefix, const struct addr *via,
		uint32_t metric);
	void (*mtu)(struct ra_accept *a, uint16_t mtu); // 0: nobody says any more
	bool (*solicit)(struct ra_accept *a);           // false: not yet
	uint32_t (*random)(void);
};

struct ra_accept {
	const struct ra_accept_ops *ops;
	struct mac mac; // addresses are made of it
	struct ra_route routes[RA_ROUTES];
	struct ra_prefix prefixes[RA_PREFIXES];
	struct {
		struct addr addr;
		uint64_t until_ns;
	} servers[ND_SERVERS];
	struct {
		char name[ND_DOMAIN];
		uint64_t until_ns;
	} domains[ND_DOMAINS];
	unsigned n_routes, n_prefixes, n_servers, n_domains;
	uint16_t mtu;
	bool managed, other;         // of the last advertisement
	uint64_t ask_ns, ask_gap_ns; // the next solicitation; 0: none
	uint64_t solicited, received, refused;
};

// Zeroed memory with ops and mac is one that knows nothing.
void ra_accept_link(struct ra_accept *a, bool up);                // up: it asks
void ra_accept_receive(struct ra_accept *a, const struct nd *nd); // decoded; an advertisement
void ra_accept_duplicate(struct ra_accept *a, const struct addr *addr);
void ra_accept_again(
	struct ra_accept *a); // tells everything again: the interface may have lost some
void ra_accept_forget(struct ra_accept *a); // and takes everything back
void ra_accept_poll(struct ra_accept *a, uint64_t now_ns);
