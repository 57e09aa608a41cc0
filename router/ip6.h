// SPDX-License-Identifier: BSD-3-Clause
// IPv6 as the nodes judge it (RFC 8200, 4291, 4443): pure, inline, one packet at a time.
#pragma once

#include "router/ip4.h"

static inline bool ip6_is_link_local(const uint8_t *addr) {
	return addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

static inline bool ip6_is_group(const uint8_t *addr) {
	return addr[0] == 0xff;
}

// ::, ::1 and what is embedded beside them: the first 64 bits are zero.
static inline bool ip6_is_low(const uint8_t *addr) {
	uint64_t high;

	memcpy(&high, addr, sizeof(high));
	return high == 0;
}

static inline bool ip6_is_zero(const uint8_t *addr) {
	uint64_t low;

	memcpy(&low, addr + 8, sizeof(low));
	return ip6_is_low(addr) && low == 0;
}

static inline bool ip6_is_loopback(const uint8_t *addr) {
	uint64_t low;

	memcpy(&low, addr + 8, sizeof(low));
	return ip6_is_low(addr) && low == rte_cpu_to_be_64(1);
}

// Whether ip6_judge() has nothing to say; it is asked about addresses whose first 64 bits are zero.
static inline bool ip6_is_plain(const struct rte_ipv6_hdr *ip, uint32_t len) {
	uint64_t src[2], dst[2];

	memcpy(src, ip->src_addr, 16);
	memcpy(dst, ip->dst_addr, 16);
	return likely((ip->vtc_flow & RTE_BE32(0xf0000000)) == RTE_BE32(0x60000000) &&
		rte_be_to_cpu_16(ip->payload_len) + sizeof(*ip) <= len && ip->src_addr[0] != 0xff &&
		ip->dst_addr[0] != 0xff && src[0] != 0 && dst[0] != 0 &&
		((src[0] ^ dst[0]) | (src[1] ^ dst[1])) != 0);
}

// `len`: bytes from the header on. The fixed header is in the buffer.
static inline enum ip_verdict ip6_judge(const struct rte_ipv6_hdr *ip, uint32_t len) {
	if (unlikely((ip->vtc_flow & RTE_BE32(0xf0000000)) != RTE_BE32(0x60000000)))
		return VERDICT_VERSION;
	if (unlikely(rte_be_to_cpu_16(ip->payload_len) + sizeof(*ip) > len))
		return VERDICT_TOTAL_LEN;
	if (unlikely(ip6_is_group(ip->src_addr) || ip6_is_loopback(ip->src_addr)))
		return VERDICT_SOURCE;
	if (unlikely(ip6_is_group(ip->dst_addr)))
		return VERDICT_GROUP;
	if (unlikely(ip6_is_zero(ip->src_addr)))
		return VERDICT_SOURCE; // only to groups: duplicate address detection
	if (unlikely(ip6_is_zero(ip->dst_addr) || ip6_is_loopback(ip->dst_addr)))
		return VERDICT_DESTINATION;
	return unlikely(memcmp(ip->src_addr, ip->dst_addr, 16) == 0) ? VERDICT_LAND : VERDICT_OK;
}
