// SPDX-License-Identifier: BSD-3-Clause
// IPv4 as the nodes judge it (RFC 1812 sections 4.2.2, 5.2.2, 5.3.7): pure, inline, one packet at a time.
#pragma once

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum ip_verdict {
	VERDICT_OK,
	VERDICT_GROUP,     // destination is a group or a broadcast: for this box or nobody
	VERDICT_TRUNCATED, // the header is not in the packet, or not in its first buffer
	VERDICT_VERSION,
	VERDICT_HEADER_LEN,
	VERDICT_TOTAL_LEN,
	VERDICT_CHECKSUM,
	VERDICT_SOURCE,      // can be nobody's (martian)
	VERDICT_DESTINATION, // can be nobody's
	VERDICT_LAND,        // source and destination are the same
	VERDICT_OPTION,      // an option whose length cannot be; the sender is told where
	VERDICT_SOURCE_ROUTE,
	VERDICTS,
};

enum { IP4_SRC_BAD = 1, IP4_DST_BAD = 2, IP4_DST_GROUP = 4 };

// What the first octet of an address forbids: 0/8 "this network", 127/8 loopback, 224/4 multicast, 240/4 reserved (RFC 6890).
static inline unsigned ip4_octet(unsigned octet) {
	if (octet - 1 < 126)
		return 0;
	if (octet == 0 || octet == 127)
		return IP4_SRC_BAD | IP4_DST_BAD;
	if (octet < 224)
		return 0;
	if (octet < 240 || octet == 255)
		return IP4_SRC_BAD | IP4_DST_GROUP;
	return IP4_SRC_BAD | IP4_DST_BAD;
}

// The header's sum without options; 0 when it is right.
static inline uint32_t ip4_sum20(const struct rte_ipv4_hdr *ip) {
	uint32_t words[5];
	uint64_t sum;

	memcpy(words, ip, sizeof(words));
	sum = (uint64_t)words[0] + words[1] + words[2] + words[3] + words[4];
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

enum {
	IP4_OPT_END = 0,
	IP4_OPT_NOP = 1,
	IP4_OPT_RECORD = 7,
	IP4_OPT_TIME = 68,
	IP4_OPT_LOOSE = 131,
	IP4_OPT_STRICT = 137
};

// The options of a header of `header` bytes (RFC 791 section 3.1, RFC 7126): *at is the first that is wrong. Record route and time
// stamps are looked at, not obeyed.
static inline enum ip_verdict ip4_options(
	const struct rte_ipv4_hdr *ip, uint32_t header, uint32_t *at) {
	const uint8_t *b = (const uint8_t *)ip;
	uint32_t len;

	for (*at = sizeof(*ip); *at < header && b[*at] != IP4_OPT_END; *at += len) {
		uint8_t type = b[*at];
		bool route =
			type == IP4_OPT_RECORD || type == IP4_OPT_LOOSE || type == IP4_OPT_STRICT;

		len = 1;
		if (type == IP4_OPT_NOP)
			continue;
		if (*at + 2 > header || b[*at + 1] < 2 || *at + b[*at + 1] > header)
			return VERDICT_OPTION;
		len = b[*at + 1];
		if ((route && (len < 3 || b[*at + 2] < 4)) ||
			(type == IP4_OPT_TIME && (len < 4 || b[*at + 2] < 5)))
			return VERDICT_OPTION;
		if (type == IP4_OPT_LOOSE || type == IP4_OPT_STRICT)
			return VERDICT_SOURCE_ROUTE;
	}
	return VERDICT_OK;
}

// `len`: bytes from the header on, `in_buffer`: how many of them are contiguous (at least 20). `summed`: the checksum is known
// to be right.
static inline enum ip_verdict ip4_judge(
	const struct rte_ipv4_hdr *ip, uint32_t len, uint32_t in_buffer, bool summed) {
	uint32_t header = (ip->version_ihl & 0xfu) * 4, total = rte_be_to_cpu_16(ip->total_length);
	unsigned octets;

	if (unlikely(ip->version_ihl != 0x45)) {
		if (ip->version_ihl >> 4 != 4)
			return VERDICT_VERSION;
		if (header < sizeof(*ip))
			return VERDICT_HEADER_LEN;
		if (header > in_buffer)
			return VERDICT_TRUNCATED;
		if (!summed && rte_raw_cksum(ip, header) != 0xffff)
			return VERDICT_CHECKSUM;
		uint32_t at;
		enum ip_verdict options = ip4_options(ip, header, &at);
		if (options != VERDICT_OK)
			return options;
	} else if (!summed && unlikely(ip4_sum20(ip) != 0)) {
		return VERDICT_CHECKSUM;
	}
	if (unlikely(total < header || total > len))
		return VERDICT_TOTAL_LEN;
	octets = ip4_octet(((const uint8_t *)&ip->src_addr)[0]) & IP4_SRC_BAD;
	octets |= ip4_octet(((const uint8_t *)&ip->dst_addr)[0]) & (IP4_DST_BAD | IP4_DST_GROUP);
	if (unlikely(octets != 0)) {
		// a host without an address asks for one: 0.0.0.0 to 255.255.255.255 (RFC 2131)
		if (octets & IP4_SRC_BAD && !(ip->src_addr == 0 && ip->dst_addr == UINT32_MAX))
			return VERDICT_SOURCE;
		return octets & IP4_DST_BAD ? VERDICT_DESTINATION : VERDICT_GROUP;
	}
	return unlikely(ip->src_addr == ip->dst_addr) ? VERDICT_LAND : VERDICT_OK;
}

// First octets that ip4_octet() has something to say of. A table, as the octets of random addresses are what no branch can guess.
static const uint8_t ip4_odd_octets[256] = {[0] = 1, [127] = 1, [224 ... 255] = 1};

// Whether ip4_judge() has nothing to say, and there are no options: so it is with nearly all packets. Of `len` bytes at least 20 are
// in the buffer.
static inline bool ip4_is_plain(const struct rte_ipv4_hdr *ip, uint32_t len, bool summed) {
	uint32_t begin, total;
	uint64_t addrs;

	memcpy(&begin, ip, sizeof(begin));
	memcpy(&addrs, &ip->src_addr, sizeof(addrs));
	total = rte_be_to_cpu_32(begin) & 0xffff;
	if (unlikely((uint8_t)begin != 0x45 || total - sizeof(*ip) > len - sizeof(*ip) ||
		    (ip4_odd_octets[(uint8_t)addrs] | ip4_odd_octets[(uint8_t)(addrs >> 32)]) ||
		    (uint32_t)addrs == addrs >> 32))
		return false;
	return summed || likely(ip4_sum20(ip) == 0);
}

static inline bool ip4_is_fragment(const struct rte_ipv4_hdr *ip) {
	return (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) !=
		0;
}

// One hop less, and the checksum with it (RFC 1624, equation 3).
static inline void ip4_hop(struct rte_ipv4_hdr *ip) {
	uint32_t sum = (uint32_t)ip->hdr_checksum + RTE_BE16(0x0100);

	ip->time_to_live--;
	ip->hdr_checksum = (rte_be16_t)(sum + (sum >> 16));
}
