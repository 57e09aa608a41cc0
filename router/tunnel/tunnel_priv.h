// SPDX-License-Identifier: BSD-3-Clause
// What the tunnel nodes share.
#pragma once

#include "router/ip_priv.h"
#include "router/tunnel/tunnel.h"

// node: where outer packets to `remote` go now.
struct tunnel_way {
	uint32_t slot; // as the FIB says: may be a group
	uint32_t mtu;  // of the underlay's interface; UINT32_MAX: not known
	uint8_t kind;  // enum rtr_nh_kind
};
void tunnel_way_find(struct tunnel_way *way, unsigned vrf, const struct addr *remote);

// node: bytes from `at` to `end` add up to the checksum that they hold, with `pseudo` (a sum, not inverted) as the beginning.
bool tunnel_sum_ok(const struct rte_mbuf *m, uint32_t at, uint32_t end, uint32_t pseudo);

// node: the headers of an IP packet behind an Ethernet header, as the nodes of the IP path want them: it may come from the kernel, from
// control, or out of a switch. At least an IPv4 header is there. False: no IP packet.
bool tunnel_headers_find(struct rte_mbuf *m, struct tunnel_inner *inner);

// What the outer IP header says of a packet for this box.
struct tunnel_outer {
	uint32_t at, end; // of what is behind it and its extension headers
	uint8_t proto, tos;
	bool v6;
	struct end_key key; // local, remote, vrf, proto
};
bool tunnel_outer_read(const struct rte_mbuf *m, struct tunnel_outer *o);

// node: the IP packet at its place learns of congestion that the outer one met (RFC 6040 section 4.2). False: it may not go on.
bool tunnel_ecn_merge(struct rte_mbuf *m, bool v6, unsigned outer_tos);
