// SPDX-License-Identifier: BSD-3-Clause
// pure
// What NAT does to a packet: addresses and ports are written over, checksums corrected by precomputed sums (RFC 1624,
// equation 3). Headers are in the first buffer.
#pragma once

#include "dataplane/session/table.h"
#include <string.h>

static inline uint32_t sum_fold(uint64_t sum) {
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)((sum & 0xffff) + (sum >> 16));
}

static inline uint64_t sum_words(const uint64_t *words, unsigned n) {
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += (words[i] & 0xffffffff) + (words[i] >> 32);
	return sum;
}

// Of an even number of bytes.
static inline uint64_t sum_bytes(const uint8_t *at, size_t n) {
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i += 2) {
		uint16_t word;

		memcpy(&word, at + i, 2);
		sum += word;
	}
	return sum;
}

// HC' = ~(~HC + delta), with delta = ~m + m'.
static inline uint16_t sum_correct(uint16_t check, uint16_t delta) {
	return (uint16_t)~sum_fold((uint64_t)(uint16_t)~check + delta);
}

static inline uint16_t sum_delta(uint16_t was, uint16_t is) {
	return (uint16_t)sum_fold((uint64_t)(uint16_t)~was + is);
}

// Where the upper protocol has its checksum, from its own header; 0: none that addresses or ports are part of.
static inline unsigned check_offset(unsigned proto) {
	return proto == 6                     ? 16
		: proto == 17 || proto == 136 ? 6
		: proto == 58 || proto == 1   ? 2
					      : 0;
}

enum rewrite_check {
	CHECK_WHOLE,  // the field is the checksum
	CHECK_PSEUDO, // the field holds the sum of the pseudo header; whoever sends it completes it
};

// `d`: with SESSION_REWRITE; `way`: which direction it is. `ip`: the packet's IP header, `l4` bytes from there its upper one.
static inline void rewrite(
	struct session_dir *d, unsigned way, uint8_t *ip, uint32_t l4, enum rewrite_check kind) {
	const struct session_rewrite *r = dir_rewrite(d);
	unsigned proto = d->proto, at = check_offset(proto);
	bool icmp = proto == 1 || proto == 58;
	uint8_t *upper = ip + l4;
	uint16_t check;

	if (!dir_v6(d)) {
		memcpy(&check, ip + 10, 2);
		check = sum_correct(check, r->l3_delta);
		memcpy(ip + 10, &check, 2);
		memcpy(ip + 12, dir_to(d), 8);
	} else {
		memcpy(ip + 8, dir_to(d), 32);
	}
	if (at == 0)
		return;
	memcpy(&check, upper + at, 2);
	if (kind == CHECK_PSEUDO && !icmp) {
		check = (uint16_t)sum_fold((uint64_t)check + r->l3_delta);
	} else if (check != 0 || proto != 17) { // of UDP 0 says that there is none
		check = sum_correct(check, r->l4_delta);
		if (check == 0 && proto == 17)
			check = 0xffff;
	}
	memcpy(upper + at, &check, 2);
	if (icmp) // its identifier
		memcpy(upper + 4, way == 0 ? &r->sport : &r->dport, 2);
	else
		memcpy(upper, r, 4);
}

// Fills in what a direction's packets become; sets SESSION_REWRITE when that is not what they are.
void rewrite_prepare(struct session_dir *d, const struct session_key *out);

// One packet, which is `is`, becomes `out` without a session's direction: back to what it was, or to what it would be.
void rewrite_once(const struct session_key *is, const struct session_key *out, unsigned way,
	uint8_t *ip, uint32_t l4, enum rewrite_check kind);

// An ICMP error at `ip`, of which `in_buffer` bytes are there and `outer` is parsed: the key of the direction that it belongs
// to (packets from where it comes from), and what it quotes. PARSED_FLOW, or why not.
enum session_parsed icmp_error_key(const uint8_t *ip, size_t in_buffer,
	const struct session_packet *outer, struct session_packet *quoted, struct session_key *key);
// Writes addresses and ports of the error and of what it quotes as the other side knows them; `d` is the direction found.
// False, and nothing written: the error is addressed to somebody else.
bool icmp_error_rewrite(struct session_dir *d, unsigned way, uint8_t *ip, size_t in_buffer,
	const struct session_packet *outer, const struct session_packet *quoted);
