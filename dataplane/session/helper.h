// SPDX-License-Identifier: BSD-3-Clause
// pure
// Helpers: functions that read along in a session because its ends speak of addresses there (FTP). What they have in common: a record
// per session, numbers of TCP that shift when a helper makes a segment longer, and expectations: connections that were spoken of.
//
// A decider passes a first packet with SESSION_HELPED and the edges of the helper's node: every packet of the session goes by it, after NAT.
// The node continues along l3-in. An expectation is a tuple without a source port; the first packet that is it becomes a session with
// SESSION_EXPECTED, with the addresses that the expectation says and its word in SESSION_USER_OTHER; deciders behind see both.
//
// Who writes what: a record, the worker that owns the session. Expectations: any worker, one word of compare-and-swap each (free, busy,
// ready); readers copy one and look again whether it still is the same; who uses one up takes it. Bounded: EXPECT_MAX, EXPECT_S seconds. A record is 64 bytes of memory that is
// touched by helped sessions alone.
#pragma once

#include "dataplane/session/session.h"

#define EXPECT_MAX 8192
#define EXPECT_S   60

// Sequence numbers of one direction, as its sender counts: those beyond `from` are `after` more on the other side, others `before`.
struct session_shift {
	uint32_t from, before, after;
};

#define SESSION_RECORD_WORDS 10
struct session_record_of {
	struct session_shift shift[2];        // by direction
	uint32_t words[SESSION_RECORD_WORDS]; // the helper's own
};
_Static_assert(sizeof(struct session_record_of) == 64, "a line");

// Control, before anything is passed with SESSION_HELPED. -ENOMEM.
int session_helpers_init(struct err *err);
void session_helpers_fini(void);

// node, the owner: zeroed when the session began.
struct session_record_of *session_record_at(session_ref ref);
// node: what a session is about, as deciders see it again.
void session_flow_at(session_ref ref, struct session_flow *flow);

// What `number` of the direction is on the other side, and the other way.
uint32_t shift_out(const struct session_shift *shift, uint32_t number);
uint32_t shift_back(const struct session_shift *shift, uint32_t number);
// The segment that begins at `number` (as its sender counts) grew by so many bytes; said again when it is repeated.
void shift_grow(struct session_shift *shift, uint32_t number, int32_t bytes);

// ---- expectations -----------------------------------------------------------------------------------------------

// In the word of an expectation, beside the port (host order) of the server that the session in which it was spoken of leads to: it comes from
// that server.
#define SESSION_EXPECT_BACK (1u << 16)

struct session_expect {
	struct session_tuple in;  // as it will come; sport is any
	struct session_tuple out; // what its addresses and destination port become
	uint32_t word;
};

// node: from now on for EXPECT_S. A handle, for expect_del(); 0: another expects this tuple, or there is no room.
uint64_t expect_add(const struct session_expect *expect, uint64_t now_ns);
void expect_del(uint64_t handle); // also when it is over or was met; 0: nothing
// node: the expectation that a tuple meets, if there is one: it is over then, unless `look`.
bool expect_meet(
	const struct session_tuple *in, uint64_t now_ns, bool look, struct session_expect *expect);
unsigned expect_count(uint64_t now_ns); // control
// control: those that there are, from place `*at` on, until there is none.
bool expect_next(unsigned *at, uint64_t now_ns, struct session_expect *expect, uint64_t *left_ns);
extern _Atomic uint64_t expect_refused; // for want of room
