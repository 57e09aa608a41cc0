// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/neigh/neigh_fsm.h"

#define TIMER NEIGH_ACT_TIMER
#define ASK   NEIGH_ACT_ASK
#define MAC   NEIGH_ACT_MAC
#define SEND  NEIGH_ACT_SEND
#define FAIL  NEIGH_ACT_FAIL
#define CUT   NEIGH_ACT_CUT

#define TO(state, act) \
	{ NEIGH_##state, NEIGH_ACT_MOVE | (act) }

// Sections are RFC 4861's.
// clang-format off
const struct neigh_step neigh_steps[NEIGH_STATES][NEIGH_EVENTS] = {
	[NEIGH_GONE] = {
		// 7.2.2: a packet for it: ask all
		[NEIGH_WANT] = TO(INCOMPLETE, TIMER | ASK),
		// 7.2.3: it asked for us and said where it is; nobody knows whether it hears us
		[NEIGH_TOLD] = TO(STALE, TIMER | MAC),
	},
	[NEIGH_INCOMPLETE] = {
		// 7.2.2: no answer yet: ask all again
		[NEIGH_TIMEOUT] = TO(INCOMPLETE, TIMER | ASK),
		// 7.2.2: nobody answers: the packets are told, and for a while all that follow
		[NEIGH_GIVE_UP] = TO(FAILED, TIMER | FAIL),
		// 7.2.5: the answer
		[NEIGH_CONFIRM] = TO(REACHABLE, TIMER | MAC | SEND),
		// 7.2.5, 7.2.3: its address, but not as an answer: use it, and find out
		[NEIGH_TOLD] = TO(STALE, TIMER | MAC | SEND),
	},
	[NEIGH_REACHABLE] = {
		// 7.3.3: it was long ago that it answered
		[NEIGH_TIMEOUT] = TO(STALE, TIMER),
		[NEIGH_GIVE_UP] = TO(STALE, TIMER),
		// 7.2.5: once more
		[NEIGH_CONFIRM] = TO(REACHABLE, TIMER | MAC),
		// 7.2.5: someone else claims the address, politely: the next packet finds out
		[NEIGH_DOUBT] = TO(STALE, TIMER),
		// 7.2.5, 7.2.3: it moved
		[NEIGH_TOLD] = TO(STALE, TIMER | MAC),
	},
	[NEIGH_STALE] = {
		// 7.3.3: used again: upper layers have a moment to answer for it
		[NEIGH_WANT] = TO(DELAY, TIMER),
		// looked at whether it was used: not yet
		[NEIGH_TIMEOUT] = TO(STALE, TIMER),
		// nobody used it for long
		[NEIGH_GIVE_UP] = TO(GONE, 0),
		// 7.2.5: it answers
		[NEIGH_CONFIRM] = TO(REACHABLE, TIMER | MAC),
		// 7.2.5, 7.2.3: it moved
		[NEIGH_TOLD] = TO(STALE, TIMER | MAC),
	},
	[NEIGH_DELAY] = {
		// 7.3.3: nobody answered for it: ask it
		[NEIGH_TIMEOUT] = TO(PROBE, TIMER | ASK),
		[NEIGH_GIVE_UP] = TO(PROBE, TIMER | ASK),
		[NEIGH_CONFIRM] = TO(REACHABLE, TIMER | MAC),
		[NEIGH_TOLD] = TO(STALE, TIMER | MAC),
	},
	[NEIGH_PROBE] = {
		// 7.3.3: ask it again
		[NEIGH_TIMEOUT] = TO(PROBE, TIMER | ASK),
		// 7.3.3: it is gone, or somewhere else; what would make a new entry with the next packet asks all at once
		[NEIGH_GIVE_UP] = TO(INCOMPLETE, CUT | TIMER | ASK),
		[NEIGH_CONFIRM] = TO(REACHABLE, TIMER | MAC),
		[NEIGH_TOLD] = TO(STALE, TIMER | MAC),
	},
	[NEIGH_FAILED] = {
		// RFC 1122 section 2.3.2.1: no flood of requests for one that does not answer
		[NEIGH_WANT] = TO(FAILED, FAIL),
		[NEIGH_TIMEOUT] = TO(GONE, 0),
		[NEIGH_GIVE_UP] = TO(GONE, 0),
		// it is there after all
		[NEIGH_CONFIRM] = TO(REACHABLE, TIMER | MAC | SEND),
		[NEIGH_TOLD] = TO(STALE, TIMER | MAC | SEND),
	},
	// the configuration's word: nothing moves it
	[NEIGH_STATIC] = {{0}},
};
// clang-format on

const char *const neigh_state_names[NEIGH_STATES] = {
	[NEIGH_INCOMPLETE] = "incomplete",
	[NEIGH_REACHABLE] = "reachable",
	[NEIGH_STALE] = "stale",
	[NEIGH_DELAY] = "delay",
	[NEIGH_PROBE] = "probe",
	[NEIGH_FAILED] = "failed",
	[NEIGH_STATIC] = "static",
	[NEIGH_GONE] = "gone",
};
