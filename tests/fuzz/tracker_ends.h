// SPDX-License-Identifier: BSD-3-Clause
// The two ends of the flows of tracker_fuzz.c, and the frames that they write: what a step of the input says, as a frame.
#pragma once

#include "dataplane/session/conn_tcp.h" // lint: allow priv: the model needs a segment as the tracker sees it
#include "lib/wire.h"
#include "tests/packet/session_check.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOWS     16
#define FRAME_MAX 2048
#define L3        14

enum { ICMP = 1, TCP = 6, UDP = 17, GRE = 47, ICMP6 = 58, SCTP = 132 };

struct end {
	uint8_t addr[16];
	uint16_t port; // host order; of ICMP its identifier
};

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t len;
};

struct flow {
	bool v6, served; // served: a host outside begins it, by the forwarded port
	uint8_t proto;
	struct end inside, outside;
	struct end face;  // the inside as the outside knows it
	struct end guest; // the outside as the inside knows it
	bool went_out;
	uint32_t next[2], heard[2]; // TCP: what each end sends next, and expects
	int8_t scale[2];
	struct tcp_model model;
	session_ref modelled;         // whose
	struct frame sent[2], got[2]; // the last one of each direction that arrived
	struct session_key answer[2]; // to what the last one was made
};

extern struct flow flows[FLOWS], flows_new[FLOWS]; // of this input; as an input finds them
extern uint32_t number;                            // of the packet; the last bytes of its payload

void flows_init(void);
struct end end_of(const char *addr, bool v6, uint16_t port);
bool is_icmp(const struct flow *f);

struct step {
	unsigned what, flow, dir, flags;
	bool no_sum, dying, strange;
	struct tcp_seg seg;
	size_t payload;
};

struct step step_read(const uint8_t *data); // four bytes
void frame_make(struct frame *to, const struct flow *f, const struct step *s);

// The pieces of an IP packet (not of a frame).
struct view {
	const uint8_t *ip;
	bool v6;
	uint8_t proto;
	size_t l4, len; // where the upper protocol is, and where the packet ends
};

struct view view_of(const uint8_t *ip);
const uint8_t *view_src(const struct view *v); // the destination is behind it
size_t addr_size(bool v6);
unsigned sum_at(unsigned proto);           // where the upper protocol has its checksum; 0: none
unsigned upper_sum(const struct view *v);  // zero when right
unsigned header_sum(const struct view *v); // zero when right
void sums_set(uint8_t *ip);
// Everything up to the upper protocol, which takes `len` bytes; where it is.
uint8_t *headers(struct frame *f, unsigned port, bool v6, unsigned proto, const uint8_t *src,
	const uint8_t *dst, size_t len);
