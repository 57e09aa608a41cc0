// SPDX-License-Identifier: BSD-3-Clause
// A packet's way through the table, as the nodes `session` and `session_own` share it.
#pragma once

#include "dataplane/dataplane.h"
#include "dataplane/session/session_priv.h"

enum {
	DROP_FRAGMENT,
	DROP_HEADERS,
	DROP_ODD,
	DROP_TCP, // as enum tcp_verdict from TCP_BAD_FLAGS on
	DROP_COOKIE = DROP_TCP + TCP_VERDICTS - TCP_BAD_FLAGS,
	DROP_NO_SESSION,
	DROP_FULL,
	DROP_RACE,
	DROP_REVOKED,
	DROP_MOVING,
	DROP_PORT,
	SESSION_OWN_DROPS,
};

#define SESSION_DROPS_MAX 128
extern struct dp_drop session_drops[SESSION_DROPS_MAX + 1]; // ours, then those of deciders
extern const char *session_next[16]; // edges of deciders, by session_edge() less 1

// One packet, as its node knows it.
struct path {
	const struct dp_node *self;
	enum dp_arc arc;
	struct rte_mbuf *m;
	uint8_t *ip;
	uint32_t l4, l4_len; // offset from `ip`, and length by the IP header's word
};

// ---- SYN proxies (path_syn.c) -----------------------------------------------------------------------------------------

// Does this first packet bring a cookie back? Then *first is what the SYN would have made.
enum path_proof { PROOF_NONE, PROOF_WRONG, PROOF_GOOD };
enum path_proof path_syn_proof(const struct session_packet *packet, const struct tcp_seg *seg,
	struct session_first *first);
// The packet that began a session so goes on as the SYN.
rte_edge_t path_syn_begun(struct path *p, const struct session_owner *o, session_ref ref);
// path_hit() for sessions with SESSION_SYN_PROXY, from the tracker on.
rte_edge_t path_syn_hit(
	struct path *p, struct session_owner *o, struct session_dir *d, session_ref ref);
// What is to be told to one of its ends (session_say()), ready for session_syn_edge; NULL: nothing, or there is no buffer.
struct rte_mbuf *path_syn_say(session_ref id);

// -----------------------------------------------------------------------------------------------------------------------

static inline rte_edge_t path_on(const struct path *p) {
	const struct dp_meta *meta = dp_meta(p->m);

	return dp_arc_next(p->self, p->arc, p->arc == DP_ARC_L2_OUT ? meta->out : meta->iface);
}

// Bytes from the IP header on that lie in the first buffer.
static inline size_t path_there(const struct path *p) {
	return (size_t)(rte_pktmbuf_mtod(p->m, uint8_t *) + p->m->data_len - p->ip);
}

// What the tracker thinks of a first packet. -1, or the drop.
int path_first(enum dp_arc arc, const uint8_t *ip, size_t there,
	const struct session_packet *packet, struct session_first *first);
// A first packet as deciders see it.
struct session_flow path_flow(enum dp_arc arc, struct rte_mbuf *m, const struct session_key *key,
	const struct session_first *first);
// Everything but a hit in the first bucket of a flow that the fast path can read: parses, looks up, begins sessions.
rte_edge_t path_slow(const struct dp_node *self, enum dp_arc arc, struct rte_mbuf *m, uint8_t *ip);
// Does it go from port to port of a switch as its session's packets do?
static inline bool path_between(const struct rte_mbuf *m, session_ref ref) {
	return dir_more(ref_dir(ref))->iface == m->port &&
		dir_more(ref_dir(ref ^ 1))->iface == dp_meta((struct rte_mbuf *)(uintptr_t)m)->out;
}

// path_hit() of what goes between two ports of a switch.
rte_edge_t path_bridged(struct path *p, session_ref ref);
// What would become of a packet (dp_explain()): its session is read, whoever owns it, its deciders are asked dry; nothing is written
// but the packet.
rte_edge_t path_explain(
	const struct dp_node *self, enum dp_arc arc, struct rte_mbuf *m, uint8_t *ip);
// Lines on who says what of it (dp_node.explain).
void path_explain_say(const struct rte_mbuf *m, enum dp_arc arc, json_t *lines);
// The packet's session belongs to another.
rte_edge_t path_foreign(struct path *p, session_ref ref);
// TCP: what the tracker says, other than that it passes.
rte_edge_t path_tcp_bad(struct path *p, session_ref ref, enum tcp_verdict verdict);

// path_hit() of a session with SESSION_HELPED, from the tracker on (path_helper.c).
rte_edge_t path_helped_hit(
	struct path *p, struct session_owner *o, struct session_dir *d, session_ref ref);

// ---- the way on ---------------------------------------------------------------------------------------------------------

extern uint32_t session_hops_tick; // of the last change of routes
extern rte_edge_t session_hop_edge;

// Asks by which hop the packet leaves, and notes the answer.
uint32_t path_hop_ask(struct rte_mbuf *m, struct session_dir *d);

// `on` leads to the arc's end: there, or by the hop that path_count() said.
static inline rte_edge_t path_hop(
	struct rte_mbuf *m, struct session_dir *d, rte_edge_t on, uint32_t hop) {
	if (unlikely(dir_more(d)->iface != dp_meta(m)->iface))
		return on;
	if (unlikely(hop == HOP_ASK))
		hop = path_hop_ask(m, d);
	if (unlikely(hop == HOP_NONE))
		return on;
	dp_meta(m)->user = hop;
	return session_hop_edge;
}

// The way that a decider wanted, which it did.
static inline rte_edge_t path_edge(struct rte_mbuf *m, struct session_dir *d, session_ref ref) {
	dp_meta(m)->user = ref;
	return (rte_edge_t)(dir_more(d)->edge - 1);
}

static inline rte_edge_t path_leave(const struct path *p, struct session_dir *d, session_ref ref) {
	return likely(dir_more(d)->edge == 0) ? path_on(p) : path_edge(p->m, d, ref);
}

static inline enum rewrite_check path_check(const struct rte_mbuf *m) {
	return m->ol_flags & RTE_MBUF_F_TX_L4_MASK ? CHECK_PSEUDO : CHECK_WHOLE;
}

// A packet of so many bytes at that tick. `changed`: when a route last did: if since the direction's last packet, what it knew of its way is
// forgotten. The hop for this one, HOP_ASK, or HOP_NONE, also just after a change: the arc's end, which looks up a vector at once, is
// faster than asking.
static inline uint32_t path_count(
	struct session_dir *d, uint32_t bytes, uint32_t tick, uint32_t changed) {
	uint64_t tally = d->tally;
	uint32_t hop = tally % TALLY_ONE;

	if (unlikely((int32_t)(d->seen - changed) <= 0)) {
		tally -= hop;
		hop = HOP_NONE;
	}
	d->seen = tick;
	d->tally = tally + TALLY_ONE;
	d->bytes += bytes;
	return hop;
}

// Counted, rewritten, on its way.
static inline rte_edge_t path_pass(
	struct path *p, const struct session_owner *o, struct session_dir *d, session_ref ref) {
	uint32_t changed = __atomic_load_n(&session_hops_tick, __ATOMIC_ACQUIRE);
	uint32_t bytes = p->m->pkt_len - (uint32_t)(p->ip - rte_pktmbuf_mtod(p->m, uint8_t *));
	uint32_t hop = path_count(d, bytes, o->tick, changed);
	if (d->flags & SESSION_REWRITE)
		rewrite(d, ref & 1, p->ip, p->l4, path_check(p->m));
	rte_edge_t on = path_leave(p, d, ref);

	if (p->arc != DP_ARC_L3_IN || on != dp_arc_last(p->self, DP_ARC_L3_IN))
		return on;
	return path_hop(p->m, d, on, hop);
}

static inline enum tcp_verdict path_tcp(
	struct path *p, struct session_owner *o, struct session_dir *d, session_ref ref) {
	struct session_cold *cold = ref_cold(ref);
	uint8_t state = d->state;
	struct tcp_seg seg;

	if (!tcp_decode(p->ip + p->l4, p->l4_len, path_there(p) - p->l4, &seg))
		return TCP_VERDICTS;
	enum tcp_verdict verdict =
		tcp_track(cold->tcp, &state, ref & 1, &seg, d->flags & SESSION_LOOSE);
	if (unlikely(state != d->state))
		session_state_set(o, ref, state);
	return verdict;
}

// `d` is the direction that this packet belongs to.
static __rte_always_inline rte_edge_t path_hit(
	struct path *p, struct session_dir *d, session_ref ref) {
	unsigned owner = dir_owner(d);
	struct session_owner *o = &session_owners[owner];

	if (unlikely(owner != dp_self->id || owner >= session_owner_stable) &&
		!session_acts(dp_self->id, owner))
		return path_foreign(p, ref);
	if (unlikely(d->generation != __atomic_load_n(&session_generation, __ATOMIC_RELAXED)) &&
		!session_judge_again(o, ref))
		return dp_drop(p->self, p->m, DROP_REVOKED);
	if (d->proto == 6) {
		if (unlikely(d->flags & SESSION_SYN_PROXY))
			return path_syn_hit(p, o, d, ref);
		if (unlikely(d->flags & SESSION_HELPED))
			return path_helped_hit(p, o, d, ref);
		enum tcp_verdict verdict = path_tcp(p, o, d, ref);
		if (unlikely(verdict != TCP_OK))
			return path_tcp_bad(p, ref, verdict);
	} else if (unlikely(ref & 1 && d->state != SESSION_UDP && d->state != SESSION_ICMP &&
			   d->state != SESSION_OTHER)) {
		session_state_set(o, ref, d->state + 1); // it was answered
	}
	return path_pass(p, o, d, ref);
}
