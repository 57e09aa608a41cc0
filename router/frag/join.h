// SPDX-License-Identifier: BSD-3-Clause
// Between the nodes that put fragments together and the table: one packet at a time.
#pragma once

#include "router/frag/frag.h"
#include "router/ip_note.h"

// Reasons that both nodes have, in the order of join_drops.
enum join_drop {
	JOIN_TRUNCATED,
	JOIN_LENGTH,
	JOIN_TINY,
	JOIN_TOO_LONG,
	JOIN_DUPLICATE,
	JOIN_OVERLAP,
	JOIN_FULL,
	JOIN_SOURCE,
	JOIN_PIECES,
	JOIN_CHECKSUM,
	JOIN_DROPS,
};

#define JOIN_DROP_ROWS                                                                   \
	[JOIN_TRUNCATED] = {"truncated",                                                 \
		"a fragment whose headers are cut short, or split over buffers"},        \
	[JOIN_LENGTH] = {"length", "a fragment of no bytes, or not of a multiple of 8"}, \
	[JOIN_TINY] = {"tiny",                                                           \
		"a first fragment without the whole upper header (RFC 1858, 7112)"},     \
	[JOIN_TOO_LONG] = {"too_long", "a fragment that ends beyond 65535 bytes"},       \
	[JOIN_DUPLICATE] = {"duplicate", "a fragment that is here already"},             \
	[JOIN_OVERLAP] = {"overlap",                                                     \
		"fragments that overlap, and all of their packet (RFC 5722)"},           \
	[JOIN_FULL] = {"full", "no room for another fragment"},                          \
	[JOIN_SOURCE] = {"source", "a fragment of a source that has its share"},         \
	[JOIN_PIECES] = {"pieces", "a packet of too many fragments"},                    \
	[JOIN_CHECKSUM] = {"checksum", "a fragment whose checksum cannot be completed"}

// The node that asks, in its present call.
struct join {
	const struct dp_node *self;
	struct rte_graph *graph;
	struct rte_node *node;
	rte_edge_t error; // its edge to icmp_error
};

bool join_reads_fragment(const struct rte_mbuf *m);
// node: whether join_take() has to see the packet. Where ip_input found an upper protocol right behind the IP header, it is whole.
static inline bool join_is_fragment(const struct rte_mbuf *m) {
	return unlikely(!ip_note_whole(m)) && join_reads_fragment(m);
}
// node: takes a fragment. The whole packet that it completes, or NULL: it waits, was dropped, or is on its way to the worker that
// has the others.
struct rte_mbuf *join_take(const struct join *j, struct rte_mbuf *m);
// node: packets of this worker whose time is over: their senders are told when the first fragment is here; the others are dropped
// for reason `late`.
void join_age(const struct join *j, unsigned late);
// control: whether workers may look at their tables. Off: gives up everything.
void join_enable(bool on);
