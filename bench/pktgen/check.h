// SPDX-License-Identifier: BSD-3-Clause
// pure
// What a sink can tell of a packet: a trailer in its payload, and what was seen of each flow so far.
//
// The trailer lies right behind the headers, where every packet of a flow has it, whatever the packet's size. Its 16-bit
// one's complement sum is CHECK_SUM whatever it holds, so that checksums of headers need not know it and an
// altered trailer is seen even where there is no other checksum.
//
// Per flow the sink keeps the next number it waits for and which of the 64 before came. A gap counts as lost at once;
// when a packet of the gap comes after all, it is taken off `lost` and counts as reordered. What is older than
// 64 numbers counts as reordered: whether it came before is not known any more.
#pragma once

#include "lib/err.h"
#include <stdbool.h>
#include <stdint.h>

#define CHECK_SUM    0x1ea7 // as read from the wire, network order
#define CHECK_WINDOW 64

// On the wire. In our own byte order: the packet comes back to the machine that made it.
struct check_trailer {
	uint16_t balance; // makes the sum what it must be
	uint32_t flow;
	uint32_t seq; // of this flow, from 0
	uint64_t tsc; // when it was made; 0: not stamped
} __attribute__((packed));

enum check_verdict { CHECK_INTACT, CHECK_REORDERED, CHECK_DUPLICATED, CHECK_BAD, CHECK_VERDICTS };

struct check_flow {
	uint64_t seen; // bit n: next - 1 - n came
	uint32_t next;
	uint32_t started; // 0: nothing came yet
};

// The sink's memory of one sender's flows. One writer.
struct check {
	struct check_flow *flows;
	uint32_t n_flows;
};

int check_init(struct check *check, uint32_t flows, struct err *err);
void check_fini(struct check *check);
void check_restart(
	struct check *check); // the next packet of a flow is its first, whatever its number

void check_write(struct check_trailer *trailer, uint32_t flow, uint32_t seq, uint64_t tsc);
bool check_intact(const struct check_trailer *trailer);
// Judges number `seq` of `flow`. *lost changes by what is found missing (or turns up after all: negative).
enum check_verdict check_judge(struct check *check, uint32_t flow, uint32_t seq, int64_t *lost);

// Sum of 16-bit words as they lie in memory, carries folded in; `len` may be odd. Chains by `sum`.
uint16_t check_sum(const void *bytes, unsigned len, uint16_t sum);
// True when a whole frame's own checksums are right: IPv4 header, and UDP or TCP over IPv4 or IPv6 (a UDP checksum of
// zero is none). Frames of other types have none and pass; a frame whose lengths do not fit does not.
bool check_frame(const void *frame, unsigned len);
// Where the payload of such a frame begins: behind VLAN tags, IP and UDP or TCP, or behind the type. 0: malformed.
unsigned check_payload(const void *frame, unsigned len);
