// SPDX-License-Identifier: BSD-3-Clause
// pure
// The states of a neighbour (RFC 4861 section 7.3.2 and appendix C) as one table, for ARP and ND alike.
#pragma once

#include "router/neigh/neigh.h"

enum neigh_event {
	NEIGH_WANT,    // a packet is for it, or its slot was used
	NEIGH_TIMEOUT, // of the state, and it may be waited or asked once more
	NEIGH_GIVE_UP, // the last time-out of the state
	NEIGH_CONFIRM, // it answered us (ND: Solicited); a MAC address it told may be taken
	NEIGH_DOUBT,   // told another MAC address that may not be taken (ND: no Override)
	NEIGH_TOLD,    // told, unasked, a MAC address that is new
	NEIGH_SAME,    // told, unasked, the address that is known
	NEIGH_EVENTS,
};

// What a transition does. Without MOVE nothing happens.
enum {
	NEIGH_ACT_MOVE = 128, // to `state`
	NEIGH_ACT_TIMER = 1,  // start the new state's timer
	NEIGH_ACT_ASK = 2,  // send a request: to all while the MAC address is not known, else to it
	NEIGH_ACT_MAC = 4,  // take the MAC address that was told, and publish it
	NEIGH_ACT_SEND = 8, // packets that wait are sent
	NEIGH_ACT_FAIL = 16, // packets that wait are answered: host unreachable
	NEIGH_ACT_CUT = 32,  // the MAC address is good no more: withdraw it
};

struct neigh_step {
	uint8_t state, act;
};

extern const struct neigh_step neigh_steps[NEIGH_STATES][NEIGH_EVENTS];
extern const char *const neigh_state_names[NEIGH_STATES];

static inline bool neigh_has_mac(unsigned state) {
	return state != NEIGH_INCOMPLETE && state != NEIGH_FAILED && state != NEIGH_GONE;
}
