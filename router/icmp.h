// SPDX-License-Identifier: BSD-3-Clause
// ICMP and ICMPv6 (RFC 792, 4443): what the nodes that speak them share.
#pragma once

#include "lib/addr.h"
#include <rte_byteorder.h>
#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

#define ICMP_TTL 65 // 64 after ip_rewrite

struct icmp6_header {
	uint8_t type, code;
	rte_be16_t checksum;
	rte_be32_t value;
} __rte_packed;

enum { // types that are asked and answered
	ICMP4_ECHO_REPLY = 0,
	ICMP4_ECHO = 8,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_RS = 133,
	ICMP6_RA = 134,
	ICMP6_NS = 135,
	ICMP6_NA = 136,
	ICMP6_REDIRECT = 137,
};

// RFC 1122 section 3.2.2: queries may be answered with errors; errors, and what nobody knows, may not.
static inline bool icmp4_is_query(unsigned type) {
	return type == ICMP4_ECHO_REPLY || type == ICMP4_ECHO || (type >= 9 && type <= 10) ||
		(type >= 13 && type <= 18);
}

// The header behind the extension headers of an IPv6 packet (which starts at m->l2_len).
struct icmp6_upper {
	uint32_t offset;      // from the start of the frame
	uint32_t fragment_at; // the fragment header, from the start of the frame; 0: there is none
	uint8_t proto, type;  // `type`: first byte of the upper header
	bool fragment, later_fragment; // an atomic one (RFC 6946) is no fragment
};

// false: the chain is broken or longer than eight headers.
bool icmp6_upper_find(const struct rte_mbuf *m, struct icmp6_upper *upper);

// Whether the destination may go on with these extension headers (RFC 8200 section 4, RFC 5095). false: *error is what the sender is
// told (ip_error()), 0: nothing.
bool icmp6_chain_ok(const struct rte_mbuf *m, uint32_t *error);

// What icmp_error does, for nodes that answer otherwise than by the router's tables. `what`: ip_error().
bool icmp_error_may(const struct rte_mbuf *m,
	uint32_t what); // RFC 1812 section 4.3.2.7, RFC 4443 section 2.4 (e)
bool icmp_error_rate(const struct rte_mbuf *m); // takes one of those that its source may have
// The error about `m`, from `src`, TTL ICMP_TTL, with room for the Ethernet header before it; NULL: no buffer is free.
struct rte_mbuf *icmp_error_make(const struct rte_mbuf *m, const struct addr *src, uint32_t what);
