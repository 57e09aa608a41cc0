// SPDX-License-Identifier: BSD-3-Clause
// pure
// A flow's tuple as the table keeps it: a key of 16 bytes (IPv4) or 40 (IPv6), what packets say of it, and its hash.
#pragma once

#include "dataplane/session/session.h"
#include "lib/hash.h"

// The first 8 bytes are the same for both families: sport, dport, domain, proto, kind. `a`: source, then destination; of
// IPv4 both are in a[0].
struct session_key {
	union {
		uint64_t head;
		struct {
			uint16_t sport, dport, domain;
			uint8_t proto, kind;
		};
	};
	uint64_t a[4];
};
_Static_assert(sizeof(struct session_key) == 40, "nothing between");

enum {
	KIND_V6 = 1,
	KIND_USED = 2,   // of a direction that exists; so that no key is all zero
	KIND_OWNER = 16, // times the worker; not part of what is compared
	KIND_COMPARED = KIND_V6 | KIND_USED,
};
#define KEY_HEAD_MASK (UINT64_MAX >> 8 | (uint64_t)KIND_COMPARED << 56)

struct session_secret {
	uint64_t k[8];
};

// Multiplications with secret numbers (as wyhash's): unlike a CRC, nobody can choose tuples that meet. The last one is for flows that
// differ in a port alone: one product of theirs goes up in equal steps, which for some secrets all lead to a few buckets.
static inline uint64_t key_hash4(const struct session_secret *s, uint64_t head, uint64_t a) {
	return hash_mix(hash_mix(head ^ s->k[0], a ^ s->k[1]) ^ s->k[6], s->k[7]);
}

static inline uint64_t key_hash6(
	const struct session_secret *s, uint64_t head, const uint64_t a[4]) {
	uint64_t src = hash_mix(a[0] ^ s->k[1], a[1] ^ s->k[2]);
	uint64_t dst = hash_mix(a[2] ^ s->k[3], a[3] ^ s->k[4]);

	return hash_mix(hash_mix(head ^ s->k[0] ^ src, s->k[5] ^ dst) ^ s->k[6], s->k[7]);
}

static inline uint64_t key_hash(const struct session_secret *s, const struct session_key *key) {
	uint64_t head = key->head & KEY_HEAD_MASK;

	return key->kind & KIND_V6 ? key_hash6(s, head, key->a) : key_hash4(s, head, key->a[0]);
}

static inline bool key_equal(const struct session_key *a, const struct session_key *b) {
	if ((a->head ^ b->head) & KEY_HEAD_MASK || a->a[0] != b->a[0])
		return false;
	return !(a->kind & KIND_V6) ||
		(a->a[1] == b->a[1] && a->a[2] == b->a[2] && a->a[3] == b->a[3]);
}

struct session_key key_of(const struct session_tuple *tuple);
struct session_tuple key_tuple(const struct session_key *key);

// ---- packets ---------------------------------------------------------------------------------------------------

enum session_parsed {
	PARSED_FLOW,     // key, l4 are set
	PARSED_ERROR,    // an ICMP error; l4 is set
	PARSED_ASIDE,    // neighbour discovery and the like, which no session is about
	PARSED_FRAGMENT, // not the whole packet
	PARSED_SHORT,    // headers are missing, or not in the first buffer
	PARSED_ODD,      // what no honest host sends
};

struct session_packet {
	struct session_key key;
	uint32_t l4;     // bytes from the IP header to that of the upper protocol
	uint32_t l4_len; // from there on, by the IP header's word
	bool reply;      // of an ICMP query
};

// `ip`: the IP header, of which `in_buffer` bytes are there; `len`: of the whole packet from there on.
enum session_parsed session_parse(
	const uint8_t *ip, size_t in_buffer, size_t len, unsigned domain, struct session_packet *p);
// The same for a packet quoted in an ICMP error, of which only the beginning is there: ports are enough.
enum session_parsed session_parse_quoted(
	const uint8_t *ip, size_t in_buffer, unsigned domain, struct session_packet *p);
