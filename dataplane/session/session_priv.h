// SPDX-License-Identifier: BSD-3-Clause
// pure
// Sessions among their own files: what an owner does with its sessions, deciders, sweeps, records.
#pragma once

#include "dataplane/record_ring.h"
#include "dataplane/session/rewrite.h"
#include "dataplane/session/syn.h"
#include "dataplane/session/table.h"

static inline struct wheel_link *wheel_at(uint32_t id);
#include "dataplane/session/wheel.h"

// next and prev of a session are its place on the wheel.
static inline struct wheel_link *wheel_at(uint32_t id) {
	return (struct wheel_link *)ref_cold(id);
}

// ---- owners (core.c) ---------------------------------------------------------------------------------------------

struct session_counts {
	uint64_t begun, refused, raced, ended[SESSION_ENDS], records_lost;
	uint64_t proven, wrong;           // SYN cookies that came back, and what was none
	int64_t in_state[SESSION_STATES]; // summed over owners: a session may change hands
};

#define SESSION_SAYS 256 // what is beyond is not said: the other side repeats itself

// A worker's part of the table. It alone writes; control reads counts and `swept`.
struct session_owner {
	unsigned id;
	uint32_t tick;
	uint64_t now_ns;
	struct table_free free;
	struct wheel wheel;
	struct session_counts counts;
	struct record_ring *records; // NULL: nobody listens
	bool started;
	uint8_t sweep_family; // where its sweep is
	uint32_t sweep_at;
	uint64_t sweep_id;
	_Atomic uint64_t swept;   // the last sweep that it ended
	_Atomic uint64_t flushed; // sessions that the present one ended by its filter
	uint32_t n_says;
	session_ref says[SESSION_SAYS]; // whose servers are to be told something at the next turn
} __attribute__((aligned(64)));

extern struct session_owner session_owners[TABLE_WORKERS];
extern uint32_t session_timeouts[SESSION_STATES]; // ticks; control writes, owners read
extern uint16_t session_generation;               // of the rules
extern uint16_t session_defaults;                 // flags that every flow begins with
extern struct siphash_key session_syn_secret;
extern uint32_t session_syn_epoch; // in which a cookie was last made; any worker writes

// Workers that there are now. One that is gone is stood in for by another, with the same struct session_owner. While the number
// changes, nobody touches what is at or above `stable`.
extern uint16_t session_owner_count, session_owner_stable;

static inline unsigned session_acting(unsigned owner) {
	unsigned count = __atomic_load_n(&session_owner_count, __ATOMIC_RELAXED);

	return owner < count ? owner : owner % count;
}

// Does this worker act for that owner at this moment?
static inline bool session_acts(unsigned worker, unsigned owner) {
	return session_acting(owner) == worker &&
		owner < __atomic_load_n(&session_owner_stable, __ATOMIC_RELAXED);
}

// What of a first packet makes the session, beside the flow.
struct session_first {
	uint8_t state;
	uint16_t
		generation; // of the rules, from before deciders were asked: a commit in between has it judged again
	struct tcp_side tcp[2];
	bool proven; // TCP: an ACK with a cookie, which stands for the SYN
	uint32_t cookie;
};

// A session for a flow that all deciders passed. 0: *ref is direction 0's, no packet counted yet. -ENOSPC: the table is full,
// -EEXIST: the tuple or its answer is another's. On error the flow is not released.
int session_begin(struct session_owner *o, const struct session_flow *flow,
	const struct session_first *first, session_ref *ref);
void session_finish(struct session_owner *o, session_ref ref, enum session_end why);
// A state of its own, and the timer with it when the time is shorter now.
void session_state_set(struct session_owner *o, session_ref ref, uint8_t state);
// Told at the next turn: the server of the client's SYN or its ACK; the client that its server did not answer.
void session_say(struct session_owner *o, session_ref ref);
// What is over ends: at most `budget` steps.
void session_expire(struct session_owner *o, unsigned budget);
// The flow of a session as deciders see it again.
void session_flow_read(session_ref ref, struct session_flow *flow);

// Judged again under the present rules; false: they forbid it, and it has ended.
bool session_judge_again(struct session_owner *o, session_ref ref);

static inline session_ref session_id(session_ref ref) {
	return ref & ~1u;
}

// ---- sweeps (sweep.c) --------------------------------------------------------------------------------------------

struct session_filter {
	bool has_proto, has_state, has_domain, has_port, has_addr, has_iface, has_rule, has_family;
	uint8_t proto, state;
	bool v6;
	uint16_t domain, port, iface; // port: of either end, network order
	uint32_t rule;
	uint8_t addr[16], mask[16]; // of either end; v4: the first 4 bytes
};

bool session_filter_match(const struct session_filter *f, session_ref ref);

struct session_sweep {
	uint64_t id;
	bool flush; // those that match `filter` end; else: those that the rules forbid
	struct session_filter filter;
};

// Ends or judges at most `budget` units' worth of this owner's sessions.
void session_sweep_step(struct session_owner *o, unsigned budget);
// control: begins a sweep; the one before ends where it is. The memory of `sweep` is given over; what is returned is no longer used
// once every worker has passed (NULL: none).
struct session_sweep *session_sweep_start(struct session_sweep *sweep);
bool session_sweep_done(void); // control: every owner is through

// ---- deciders (decide.c) -----------------------------------------------------------------------------------------

void session_decider_link(struct session_decider *decider); // constructor
const struct session_decider *session_decider_next(
	const struct session_decider *d); // NULL: the first
extern struct session_flow session_explained;
// All deciders. `*who` (may be NULL): the one that did not pass. After DROP, SEND and ASIDE those that passed were released.
enum session_verdict session_decide(struct session_flow *flow, const struct session_decider **who);
void session_release(const struct session_flow *flow); // every decider gives back

// ---- records (record.c) --------------------------------------------------------------------------------------------

struct session_record {
	bool end;
	uint8_t why, state;
	uint16_t iface_in, iface_out;
	uint32_t rule, ticks; // lived for
	struct session_tuple in, out;
	uint64_t packets[2], bytes[2];
};

void session_record(struct session_owner *o, session_ref ref, bool end, enum session_end why);
void session_record_fill(
	struct session_record *r, uint32_t tick, session_ref ref, bool end, unsigned why);
