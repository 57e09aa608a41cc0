// SPDX-License-Identifier: BSD-3-Clause
// pure
// What an owner does with its sessions: begin, end, time out, make room.
#include "dataplane/session/helper.h"
#include "dataplane/session/session_priv.h"
#include <errno.h>

#define EVICT_LOOKS 64 // entries that are looked at before the table counts as full
#define EVICT_SLOT  8  // of them in one slot of the wheel

struct session_owner session_owners[TABLE_WORKERS];
uint32_t session_timeouts[SESSION_STATES];
uint16_t session_generation;
uint16_t session_defaults;
struct siphash_key session_syn_secret;
uint32_t session_syn_epoch = UINT32_MAX / 2; // none
uint16_t session_owner_count = 1, session_owner_stable = TABLE_WORKERS;

static const char *const state_names[SESSION_STATES] = {
	"none",
	"syn-sent",
	"syn-both",
	"syn-received",
	"established",
	"fin-orig",
	"fin-resp",
	"closing",
	"time-wait",
	"reset",
	"picked-up",
	"udp-new",
	"udp",
	"icmp-new",
	"icmp",
	"other-new",
	"other",
};

const char *session_state_name(unsigned state) {
	return state < SESSION_STATES ? state_names[state] : "?";
}

const char *session_end_name(unsigned end) {
	static const char *const names[SESSION_ENDS + 1] = {
		"idle", "closed", "reset", "revoked", "flushed", "evicted", "reused", "stopped"};

	return end <= SESSION_END_STOPPED ? names[end] : "?";
}

// ---- when it could be over ----------------------------------------------------------------------------------------

#define ASKS_TICKS(s) (uint32_t)(((uint64_t)(s)*1000000000) >> TABLE_TICK_SHIFT)
#define ASKS_END      15 // s

// A SYN proxy whose server has not answered yet.
static bool asks(const struct session_dir *d) {
	return d->flags & SESSION_SYN_PROXY && d->state == SESSION_TCP_SYN_SENT;
}

// The SYN is repeated after 1, 3 and 7 s, as its sender would have done (RFC 6298), and then given up.
static uint32_t asks_due(uint32_t began, uint32_t now) {
	unsigned s = 1;

	while (s < ASKS_END && (int32_t)(now - began - ASKS_TICKS(s)) >= 0)
		s = 2 * s + 1;
	return began + ASKS_TICKS(s);
}

static uint32_t due(const struct session_owner *o, session_ref id) {
	struct session_dir *a = ref_dir(id), *b = ref_dir(id | 1);
	uint32_t seen = (int32_t)(a->seen - b->seen) > 0 ? a->seen : b->seen;

	return asks(a) ? asks_due(dir_more(b)->word, o->tick) : seen + session_timeouts[a->state];
}

void session_say(struct session_owner *o, session_ref ref) {
	if (o->n_says < SESSION_SAYS)
		o->says[o->n_says++] = session_id(ref);
}

// ---- begin -------------------------------------------------------------------------------------------------------

static void dir_fill(struct session_owner *o, session_ref ref, const struct session_tuple *from,
	const struct session_tuple *to, const struct session_flow *flow,
	const struct session_first *first) {
	struct session_dir *d = ref_dir(ref);
	struct session_key key = key_of(from), out = key_of(to);
	unsigned way = ref & 1;

	memset(d, 0, ref & REF_V6 ? sizeof(struct session_dir6) : sizeof(struct session_dir4));
	key.kind = (uint8_t)(key.kind | o->id * KIND_OWNER);
	memcpy(dir_addr(d), key.a, key.kind & KIND_V6 ? 32 : 8);
	d->seen = o->tick;
	d->generation = first->generation;
	d->state = first->state;
	d->flags = (uint8_t)flow->flags;
	atomic_store_explicit(&d->head, key.head, memory_order_release);
	rewrite_prepare(d, &out);
	*dir_more(d) = (struct session_more){.iface = way == 0 ? flow->iface_in : flow->iface_out,
		.zone = way == 0 ? flow->zone_in : flow->zone_out,
		.edge = flow->edge[way],
		.word = way == 0 ? flow->rule : o->tick};
}

static void unit_release(struct session_owner *o, session_ref ref) {
	atomic_store_explicit(&ref_dir(ref)->head, 0, memory_order_relaxed);
	atomic_store_explicit(&ref_dir(ref | 1)->head, 0, memory_order_release);
	table_free_unit(&o->free, ref);
	atomic_fetch_sub_explicit(&session_table.used, 1, memory_order_relaxed);
}

// Unreplied, half-open, or over: what a full table gives up first.
static bool evictable(unsigned state) {
	const uint32_t states = 1u << SESSION_TCP_SYN_SENT | 1u << SESSION_TCP_SYN_BOTH |
		1u << SESSION_TCP_SYN_RECEIVED | 1u << SESSION_TCP_TIME_WAIT |
		1u << SESSION_TCP_RESET | 1u << SESSION_TCP_PICKED_UP | 1u << SESSION_UDP_NEW |
		1u << SESSION_ICMP_NEW | 1u << SESSION_OTHER_NEW;

	return states >> state & 1;
}

// Along the wheel from now on: who would end next goes first. Established ones stand there as well when their time was prolonged.
static bool evict(struct session_owner *o) {
	unsigned looks = EVICT_LOOKS;

	for (unsigned n = 1; n < 2 * WHEEL_SLOTS && looks > 0; n++) {
		unsigned level = n / WHEEL_SLOTS;
		unsigned slot = ((o->wheel.now >> 8 * level) + n + level) % WHEEL_SLOTS;
		uint32_t id = o->wheel.lists[level * WHEEL_SLOTS + slot];

		for (unsigned i = 0; id != 0 && i < EVICT_SLOT && looks > 0; i++, looks--) {
			const struct session_dir *d = ref_dir(id);
			if (evictable(d->state) && !(d->flags & SESSION_CONTROL)) {
				session_finish(o, id, SESSION_END_EVICTED);
				return true;
			}
			id = ref_cold(id)->next;
		}
	}
	return false;
}

static bool room(struct session_owner *o, unsigned flags) {
	uint32_t limit = session_table.max;

	if (!(flags & SESSION_CONTROL))
		limit -= session_table.reserve;
	return atomic_load_explicit(&session_table.used, memory_order_relaxed) < limit || evict(o);
}

int session_begin(struct session_owner *o, const struct session_flow *flow,
	const struct session_first *first, session_ref *ref) {
	struct session_tuple to = session_reverse(&flow->out), back = session_reverse(&flow->in);

	// of two families: the larger one has room for both
	bool v6 = flow->in.v6 || flow->out.v6;
	session_ref id = room(o, flow->flags) ? table_alloc(&o->free, v6) : 0;
	if (id == 0) {
		o->counts.refused++;
		return -ENOSPC;
	}
	atomic_fetch_add_explicit(&session_table.used, 1, memory_order_relaxed);
	dir_fill(o, id, &flow->in, &flow->out, flow, first);
	dir_fill(o, id | 1, &to, &back, flow, first);
	struct session_cold *cold = ref_cold(id);
	memcpy(cold->tcp, first->tcp, sizeof(cold->tcp));
	memcpy(cold->user, flow->user, sizeof(cold->user));
	if (flow->flags & SESSION_HELPED)
		*session_record_at(id) = (struct session_record_of){0};
	int rc = table_insert(id);
	if (rc == 0) {
		rc = table_insert(id | 1);
		if (rc < 0)
			table_remove(id);
	}
	if (rc < 0) {
		o->counts.raced += rc == -EEXIST;
		o->counts.refused += rc == -ENOSPC;
		unit_release(o, id);
		return rc;
	}
	wheel_add(&o->wheel, id, due(o, id));
	o->counts.begun++;
	o->counts.in_state[first->state]++;
	*ref = id;
	if (flow->flags & SESSION_LOG)
		session_record(o, id, false, 0);
	return 0;
}

// ---- end -----------------------------------------------------------------------------------------------------------

void session_flow_read(session_ref ref, struct session_flow *flow) {
	struct session_dir *d[2] = {ref_dir(session_id(ref)), ref_dir(ref | 1)};
	struct session_key key[2] = {dir_key(d[0]), dir_key(d[1])};
	struct session_tuple answer = key_tuple(&key[1]);

	*flow = (struct session_flow){.in = key_tuple(&key[0]), .out = session_reverse(&answer)};
	flow->flags = d[0]->flags & ~SESSION_REWRITE;
	flow->zone_in = dir_more(d[0])->zone;
	flow->zone_out = dir_more(d[1])->zone;
	flow->iface_in = dir_more(d[0])->iface;
	flow->iface_out = dir_more(d[1])->iface;
	flow->edge[0] = dir_more(d[0])->edge;
	flow->edge[1] = dir_more(d[1])->edge;
	flow->rule = dir_more(d[0])->word;
	memcpy(flow->user, ref_cold(ref)->user, sizeof(flow->user));
}

void session_finish(struct session_owner *o, session_ref ref, enum session_end why) {
	session_ref id = session_id(ref);
	struct session_dir *d = ref_dir(id);
	struct session_flow flow;

	if (d->flags & SESSION_LOG)
		session_record(o, id, true, why);
	session_flow_read(id, &flow);
	flow.worker = o->id;
	flow.now_ns = o->now_ns;
	wheel_del(&o->wheel, id);
	table_remove(id);
	table_remove(id | 1);
	o->counts.in_state[d->state]--;
	o->counts.ended[why]++;
	unit_release(o, id);
	session_release(&flow);
}

// ---- time ----------------------------------------------------------------------------------------------------------

void session_state_set(struct session_owner *o, session_ref ref, uint8_t state) {
	session_ref id = session_id(ref);
	struct session_dir *a = ref_dir(id), *b = ref_dir(id | 1);
	bool shorter = session_timeouts[state] < session_timeouts[a->state];

	o->counts.in_state[a->state]--;
	o->counts.in_state[state]++;
	a->state = b->state = state;
	if (shorter) {
		wheel_del(&o->wheel, id);
		wheel_add(&o->wheel, id, o->tick + session_timeouts[state]);
	}
}

static enum session_end end_of(unsigned state) {
	if (state == SESSION_TCP_RESET)
		return SESSION_END_RESET;
	return state == SESSION_TCP_TIME_WAIT ? SESSION_END_CLOSED : SESSION_END_IDLE;
}

void session_expire(struct session_owner *o, unsigned budget) {
	session_ref id;

	while ((id = wheel_next(&o->wheel, o->tick, &budget)) != 0) {
		uint32_t when = due(o, id);
		bool over = (int32_t)(o->tick - when) >= 0;

		wheel_add(&o->wheel, id, when);
		if (asks(ref_dir(id))) {
			if (over) // its client waits, and is to be told
				session_state_set(o, id, SESSION_TCP_RESET);
			session_say(o, id);
		} else if (over) {
			session_finish(o, id, end_of(ref_dir(id)->state));
		}
	}
}

// ---- changes of rules ----------------------------------------------------------------------------------------------

// Whatever rules say now: what was recorded as begun is recorded as ended, and only that.
#define KEPT (SESSION_REWRITE | SESSION_LOG)

bool session_judge_again(struct session_owner *o, session_ref ref) {
	session_ref id = session_id(ref);
	struct session_dir *d = ref_dir(id);
	uint16_t generation = __atomic_load_n(&session_generation, __ATOMIC_ACQUIRE);
	struct session_flow flow;

	session_flow_read(id, &flow);
	flow.again = true;
	flow.worker = o->id;
	flow.now_ns = o->now_ns;
	enum session_verdict verdict = session_decide(&flow, NULL);
	if (verdict == SESSION_DROP) {
		session_finish(o, id, SESSION_END_REVOKED);
		return false;
	}
	for (unsigned way = 0; way < 2; way++) {
		struct session_dir *each = ref_dir(id | way);
		each->flags = (uint8_t)((flow.flags & ~KEPT) | (each->flags & KEPT));
		each->generation = generation;
	}
	dir_more(d)->word = flow.rule;
	return true;
}
