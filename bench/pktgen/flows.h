// SPDX-License-Identifier: BSD-3-Clause
// pure
// A profile made ready to be sent: flow n → the headers of its packets, in an order, with sizes.
//
// Per size there is a template: all headers, with what varies left zero, and the one's complement sums of what does not.
// A packet is a copy of the template's first lines, the varying fields stored over it, and two sums folded. Nothing is
// looked up per flow, so that a million flows cost the caches no more than one.
//
// Behind the headers a frame is zero (but for the trailer of check.h): flows_burst() writes the pieces of 16 bytes that hold
// headers and trailer, and counts on the rest of the buffer being zero. Where profiles share buffers, those of fewer
// pieces must be widened, or longer headers would be seen behind shorter ones.
//
// `struct flows` is read by all; a cursor belongs to one queue. Queue q of Q sends the flows n with n % Q = q.
#pragma once

#include "bench/pktgen/profile.h"
#include "lib/err.h"
#include <stdalign.h>
#include <stdint.h>

#define FLOWS_HEAD  96 // longest headers and trailer, in 16-byte pieces: tag, IPv6, TCP
#define FLOWS_BURST 64 // packets at a time, at most

// A connection of tcp=cycle, step by step: even ones are sent by side 0, odd ones by side 1.
enum flows_step {
	FLOWS_SYN,
	FLOWS_SYN_ACK,
	FLOWS_DATA,
	FLOWS_DATA_BACK,
	FLOWS_FIN,
	FLOWS_FIN_BACK,
	FLOWS_ACK,
	FLOWS_STEPS,
};

// n % by and n / by without a division (Lemire, Kaser, Kurz 2019); exact for 32-bit n.
struct flows_by {
	uint64_t inverse;  // 0: by is 1, or larger than any n
	uint32_t by, mask; // then n & mask is the remainder, and n & ~mask the quotient
};

struct flows_template {
	alignas(16) uint8_t head[FLOWS_HEAD];
	uint64_t ip_sum, l4_sum; // of what does not vary
	uint32_t seq, ack;       // tcp=cycle: added to the connection's first number
	uint16_t len;            // of the frame, without FCS
};

// How flow n varies: what a loop over packets needs at hand.
struct flows_vary {
	struct flows_by macs, hosts, srcs, dsts, sports, dports, vlans, listed;
	uint32_t src4, dst4; // first addresses, in this host's byte order
	uint64_t src6, dst6; // lower halves of them
	uint64_t dst_step;
	const uint8_t *list; // dst_list=: addresses as on the wire; NULL: none
	uint32_t vlan;
	bool side, fixed_mac;
	bool plain; // nothing to divide: n is the number of the pair of addresses, and in the list (without IP: of stations)
};

struct flows {
	struct profile profile;
	struct flows_vary vary;
	unsigned l3, l4, payload; // offsets
	unsigned pieces;          // of 16 bytes, that hold headers and trailer
	unsigned kind;
	struct flows_template *templates; // one per size, or per step of tcp=cycle
	uint8_t *turns;                   // sizes in the order in which they take turns
	unsigned n_turns;
	uint8_t *list; // dst_list=
	uint32_t n_list;
	uint32_t *draws; // order=zipf: ranks, drawn beforehand
	uint32_t n_draws;
};

struct flows_cursor {
	uint32_t next, first, step; // order=seq
	uint32_t count;             // flows of this queue
	uint32_t turn, draw;
	uint64_t random;
};

struct flows_packet {
	uint32_t flow;
	uint16_t len;  // without FCS
	uint16_t size; // index of its size
};

// -ENOMEM, or what keeps dst_list= from being read. flows_fini() takes what failed, and zeroes.
int flows_init(struct flows *flows, const struct profile *profile, struct err *err);
void flows_fini(struct flows *flows);
// From now on at least so many pieces are written, up to FLOWS_HEAD / 16.
void flows_widen(struct flows *flows, unsigned pieces);

// Places a cursor at the beginning of queue `queue` of `queues`; cursor->count may be 0: it has no flow.
void flows_start(
	const struct flows *flows, struct flows_cursor *cursor, unsigned queue, unsigned queues);
// The next n <= FLOWS_BURST packets: which they are, and their headers into heads[], each with room for FLOWS_HEAD.
// order=seq whatever the profile says while `in_order`.
void flows_burst(const struct flows *flows, struct flows_cursor *cursor, uint8_t *const *heads,
	struct flows_packet *packets, unsigned n, bool in_order);
// One packet of one flow, of size index `size` (tcp=cycle: a step). Returns its length.
uint16_t flows_write(const struct flows *flows, uint32_t flow, unsigned size, uint8_t *head);
// tcp=cycle: which flow's which step a frame is. False: none.
bool flows_step_find(const struct flows *flows, const uint8_t *frame, unsigned len, uint32_t *flow,
	enum flows_step *step);
