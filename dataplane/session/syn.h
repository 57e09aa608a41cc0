// SPDX-License-Identifier: BSD-3-Clause
// pure
// SYN cookies (RFC 4987 section 3.6): the answer to a SYN that keeps nothing. What its sender offered, and that it was this one, is
// in the sequence number, which comes back in the ACK of a sender that is there.
//
//   cookie = 24 bits of a MAC | 8 bits of what was offered ^ 8 other bits of the MAC
//   MAC    = SipHash-2-4(secret; tuple and domain, the SYN's number, epoch)
//
// The eight bits are not in the MAC: whoever could change them could have offered that. Time comes in as an epoch, so that a cookie
// is worth something for 64 to 128 s.
#pragma once

#include "dataplane/session/conn_tcp.h"
#include "dataplane/session/tuple.h"
#include "lib/siphash.h"

#define SYN_EPOCH_NS 64000000000ull
#define SYN_SCALE \
	7 // of windows, as told to who offers scaling; the server's own is found out later
#define SYN_HEADER_MAX 32
#define SYN_PACKET_MAX (40 + SYN_HEADER_MAX)

// Options of a SYN.
struct syn_offer {
	uint16_t mss; // 0: it says nothing
	int8_t scale; // -1: no scaling
	bool sack;
};

static inline uint32_t syn_epoch(uint64_t now_ns) {
	return (uint32_t)(now_ns / SYN_EPOCH_NS);
}

// `key`: of the SYN; `isn`: its sequence number. Of the MSS the cookie remembers the next lower one of four.
uint32_t syn_cookie(const struct siphash_key *secret, const struct session_key *key, uint32_t isn,
	const struct syn_offer *offer, uint32_t epoch);
// Is this a cookie for that SYN, of this epoch or the one before?
bool syn_cookie_open(const struct siphash_key *secret, const struct session_key *key, uint32_t isn,
	uint32_t cookie, uint32_t epoch, struct syn_offer *offer);

// ---- segments -------------------------------------------------------------------------------------------------------

// The offer of a SYN with a header that tcp_decode() has read.
struct syn_offer syn_offer_read(const uint8_t *tcp);

// One without payload.
struct syn_segment {
	uint32_t seq, ack;
	uint16_t win;
	uint8_t flags;
	struct syn_offer offer; // with SYN
};

// Writes over the segment `l4` bytes behind the IP header: ports stay, lengths and checksums of IP and TCP are right. Bytes from the IP
// header on; up to SYN_HEADER_MAX behind `l4` are written.
uint32_t syn_write(uint8_t *ip, uint32_t l4, const struct syn_segment *s);
// The same as a new packet with a plain header: up to SYN_PACKET_MAX bytes.
uint32_t syn_build(uint8_t *ip, const struct session_key *key, const struct syn_segment *s);
