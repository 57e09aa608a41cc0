// SPDX-License-Identifier: BSD-3-Clause
// pure
// Which fragments belong together, and when a packet is whole (RFC 791 section 3.2, 815, 1858, 3128, 5722, 8200 section 4.5). One
// table per worker; time comes in. It keeps buffers that it knows nothing of, and hands every one of them back.
//
//   key → packet, its pieces in a list by offset; one queue per family, oldest first (a packet's time runs from its first fragment)
//   source → how much it has here: its IPv4 address, or its /64
//
// Bounded in all and per source, by packets and by pieces; who comes when it is full is refused. Pieces that overlap condemn
// their packet: all of it is given up, and what comes of it later, too, until its time is over. One that says the same as a piece
// that is there is only superfluous.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REASS_V4_NS \
	30000000000ull // RFC 1122 section 3.3.2 wants 60 to 120 s; Linux and most others 30: identifiers come again (RFC 4963)
#define REASS_V6_NS 60000000000ull // RFC 8200 section 4.5

struct reass_limits {
	uint32_t packets, pieces;               // in all
	uint32_t source_packets, source_pieces; // of one source
	uint32_t packet_pieces;                 // of one packet
};

struct reass_key {
	uint8_t src[16], dst[16]; // IPv4: 4 bytes, then zeros
	uint32_t id;
	uint16_t vrf;
	uint8_t v6, proto; // `proto`: IPv4 only; else 0
	uint32_t copy;     // which of several copies of one packet: a switch floods
};

struct reass_fragment {
	uint32_t start, end; // bytes of the fragmented part
	bool more;
	void *buf;
};

enum reass_verdict {
	REASS_HELD,
	REASS_WHOLE,     // reass_take() has it
	REASS_DUPLICATE, // these five: `buf` stays the caller's
	REASS_OVERLAP,   // and the packet with it
	REASS_FULL,      // no room for another packet or piece
	REASS_SOURCE,    // this source has its share
	REASS_PIECES,    // of too many pieces; and the packet with it
};

struct reass; // opaque

struct reass *reass_new(const struct reass_limits *limits); // NULL: out of memory
void reass_free(struct reass *r); // NULL is fine; must be empty (reass_flush())

// `release` takes buffers that are given up with the packet that `f` condemns.
enum reass_verdict reass_add(struct reass *r, const struct reass_key *key,
	const struct reass_fragment *f, uint64_t now_ns, void (*release)(void *buf));
// After REASS_WHOLE: its buffers in order of offset, and the bytes of the largest of them; the packet is forgotten. How many, at
// most `limits.packet_pieces`.
unsigned reass_take(struct reass *r, void **bufs, uint32_t *largest);

// Gives up packets whose time is over, at most `max`. late(): the first fragment when it is there (the callee owns it), NULL when
// not; the others go to release(). Returns how many packets.
unsigned reass_age(struct reass *r, uint64_t now_ns, unsigned max,
	void (*late)(void *first, void *arg), void *arg, void (*release)(void *buf));
uint64_t reass_next_ns(
	const struct reass *r); // when reass_age() has something to do; UINT64_MAX: never
void reass_flush(struct reass *r, void (*release)(void *buf));

uint32_t reass_packets(const struct reass *r); // that are here now
uint32_t reass_pieces(const struct reass *r);
