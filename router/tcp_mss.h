// SPDX-License-Identifier: BSD-3-Clause
// Edits of headers in passing that keep the checksums right without summing again (RFC 1624).
#pragma once

#include "router/ip_priv.h"

// A 16-bit word that a checksum covers changed from `old` to `new` (as they lie in memory).
static inline rte_be16_t csum_replace(rte_be16_t sum, rte_be16_t old, rte_be16_t new) {
	uint32_t s = (uint16_t)~sum + (uint32_t)(uint16_t)~old + new;

	s = (s & 0xffff) + (s >> 16);
	return (rte_be16_t) ~(s + (s >> 16));
}

void ip_dscp_set(struct rte_mbuf *m, unsigned dscp); // both families; ECN stays (RFC 3168)
// Lowers the MSS option of a SYN when it says more (RFC 9293 section 3.7.1; one that says nothing means 536 or 1220 and is left).
void tcp_mss_clamp(struct rte_mbuf *m, unsigned mss);
