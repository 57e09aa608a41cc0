// SPDX-License-Identifier: BSD-3-Clause
// The rarer ways through the table: first packets, ICMP errors, sessions of other workers, headers that take some reading.
#include "dataplane/session/path.h"
#include "dataplane/session/shift.h"
#include "lib/clock.h"
#include <errno.h>
#include <rte_ether.h>

struct dp_drop session_drops[SESSION_DROPS_MAX + 1] = {
	[DROP_FRAGMENT] = {"fragment", "a part of a packet, and nobody put it together"},
	[DROP_HEADERS] = {"headers", "the headers are not all there"},
	[DROP_ODD] = {"odd", "of a kind that no session is about: ICMP redirect, obsolete ICMP"},
	[DROP_TCP] = {"tcp_flags", "a combination of flags that no TCP sends"},
	{"tcp_state", "no segment for this state of the connection, or of none"},
	{"tcp_seq", "the sequence number is outside the window"},
	{"tcp_ack", "it acknowledges what was not sent, or was long ago"},
	[DROP_COOKIE] = {"cookie", "it acknowledges no SYN of this box: no session, and no cookie"},
	[DROP_NO_SESSION] = {"no_session", "an ICMP error or answer that belongs to no session"},
	[DROP_FULL] = {"full", "no room for a new session"},
	[DROP_RACE] = {"race",
		"two sessions for one tuple at the same moment, or one that NAT gave away before"},
	[DROP_REVOKED] = {"revoked", "the rules of a later commit forbid its session"},
	[DROP_MOVING] = {"moving", "its session changes hands: the number of workers changes"},
	[DROP_PORT] = {"port",
		"between two ports of a switch that are not its session's, and between which the "
		"rules forbid it"},
};
const char *session_next[16];

// ---- registration -------------------------------------------------------------------------------------------------

void session_decider_register(struct session_decider *decider) {
	static unsigned n = SESSION_OWN_DROPS;

	decider->drop_base = (uint16_t)n;
	for (const struct dp_drop *d = decider->drops; d && d->why && n < SESSION_DROPS_MAX; d++)
		session_drops[n++] = *d;
	session_decider_link(decider);
}

uint8_t session_edge(const char *node) {
	unsigned i = 0;

	for (; i < RTE_DIM(session_next) - 1 && session_next[i]; i++)
		if (strcmp(session_next[i], node) == 0)
			return (uint8_t)(i + 1);
	if (i == RTE_DIM(session_next) - 1)
		return 0;
	session_next[i] = node;
	return (uint8_t)(i + 1);
}

// ---- the way on ---------------------------------------------------------------------------------------------------------

uint32_t session_hops_tick;
rte_edge_t session_hop_edge;
static const struct session_forwarder *forwarder;

void session_forwarder_set(const struct session_forwarder *who) {
	forwarder = who;
	session_hop_edge = (rte_edge_t)(session_edge(who->node) - 1);
}

// A worker's packets are looked up in what was there before they were counted: at a tick that is not after this one.
void session_hops_changed(void) {
	uint32_t tick = (uint32_t)(clock_now_ns() >> TABLE_TICK_SHIFT);

	__atomic_store_n(&session_hops_tick, tick, __ATOMIC_RELEASE);
}

uint32_t path_hop_ask(struct rte_mbuf *m, struct session_dir *d) {
	uint32_t hop = forwarder ? forwarder->hop(m) : HOP_ASK;

	if (hop == HOP_ASK || hop > HOP_NONE)
		hop = HOP_NONE;
	dir_hop_set(d, hop);
	return hop;
}

// ---- sessions of others ---------------------------------------------------------------------------------------------

rte_edge_t path_foreign(struct path *p, session_ref ref) {
	unsigned owner = dir_owner(ref_dir(ref)), acting = session_acting(owner);

	if (owner >= __atomic_load_n(&session_owner_stable, __ATOMIC_RELAXED) ||
		acting == dp_self->id)
		return dp_drop(p->self, p->m, DROP_MOVING);
	return dp_hand_over(p->self, p->m, acting);
}

// ---- first packets ---------------------------------------------------------------------------------------------------

static uint8_t state_of(unsigned proto) {
	switch (proto) {
	case 1:
	case 58:
		return SESSION_ICMP_NEW;
	case 17:
	case 136:
		return SESSION_UDP_NEW;
	default:
		return SESSION_OTHER_NEW;
	}
}

int path_first(enum dp_arc arc, const uint8_t *ip, size_t there,
	const struct session_packet *packet, struct session_first *first) {
	enum path_proof proof = PROOF_NONE;
	struct tcp_seg seg;

	*first = (struct session_first){.state = state_of(packet->key.proto),
		.generation = __atomic_load_n(&session_generation, __ATOMIC_ACQUIRE)};
	if (packet->reply)
		return DROP_NO_SESSION;
	if (packet->key.proto != 6)
		return -1;
	first->state = SESSION_NONE;
	if (!tcp_decode(ip + packet->l4, packet->l4_len, there - packet->l4, &seg))
		return DROP_HEADERS;
	if (arc == DP_ARC_L3_IN)
		proof = path_syn_proof(packet, &seg, first);
	if (proof == PROOF_GOOD)
		return -1;
	enum tcp_verdict verdict =
		tcp_track(first->tcp, &first->state, 0, &seg, session_defaults & SESSION_LOOSE);
	if (verdict == TCP_BAD_STATE && proof == PROOF_WRONG)
		return DROP_COOKIE;
	return verdict == TCP_OK ? -1 : DROP_TCP + (int)verdict - TCP_BAD_FLAGS;
}

// What belongs to no session: a stranger's is dropped. This box's own goes on: it answers what came outside of any (a reset for a
// segment of nothing, an echo reply to what was let pass untracked, an error).
static rte_edge_t no_flow(const struct path *p, unsigned drop) {
	return p->arc == DP_ARC_L3_OUT ? path_on(p) : dp_drop(p->self, p->m, drop);
}

static rte_edge_t begin(struct path *p, struct session_owner *o, const struct session_flow *flow,
	const struct session_first *first) {
	session_ref ref;
	int rc = session_begin(o, flow, first, &ref);

	if (rc < 0) {
		session_release(flow);
		return dp_drop(p->self, p->m, rc == -EEXIST ? DROP_RACE : DROP_FULL);
	}
	if (unlikely(flow->flags & SESSION_SYN_PROXY))
		return path_syn_begun(p, o, ref);
	return path_pass(p, o, ref_dir(ref), ref);
}

struct session_flow path_flow(enum dp_arc arc, struct rte_mbuf *m, const struct session_key *key,
	const struct session_first *first) {
	bool own = arc == DP_ARC_L3_OUT, bridged = arc == DP_ARC_L2_OUT;
	struct session_flow flow = {.in = key_tuple(key),
		.m = m,
		.now_ns = dp_self->now_ns,
		.worker = dp_self->id,
		.flags = session_defaults,
		.iface_in = own   ? DP_NONE
			: bridged ? m->port
				  : dp_meta(m)->iface,
		.iface_out = own  ? dp_meta(m)->iface
			: bridged ? dp_meta(m)->out
				  : DP_NONE};

	flow.out = flow.in;
	flow.syn = arc == DP_ARC_L3_IN && first->state == SESSION_TCP_SYN_SENT && !first->proven;
	if (first->proven) {
		flow.flags |= SESSION_SYN_PROXY;
		flow.user[SESSION_USER_OTHER] = first->cookie;
	}
	return flow;
}

// The bucket of an answer that nobody translates, while deciders think.
static void fetch_answer(const struct session_tuple *in) {
	struct session_tuple answer = session_reverse(in);
	struct session_key key = key_of(&answer);

	rte_prefetch0(table_bucket(key_hash(&session_table.secret, &key)));
}

static rte_edge_t first_packet(struct path *p, const struct session_packet *packet) {
	struct session_owner *o = &session_owners[dp_self->id];
	const struct session_decider *who = NULL;
	struct session_first first;

	int drop = path_first(p->arc, p->ip, path_there(p), packet, &first);
	o->counts.proven += first.proven;
	o->counts.wrong += drop == DROP_COOKIE;
	if (drop >= 0)
		return no_flow(p, (unsigned)drop);
	if (!session_acts(dp_self->id, dp_self->id) || !o->started)
		return dp_drop(p->self, p->m, DROP_MOVING);
	struct session_flow flow = path_flow(p->arc, p->m, &packet->key, &first);
	fetch_answer(&flow.in);
	switch (session_decide(&flow, &who)) {
	case SESSION_PASS:
		return begin(p, o, &flow, &first);
	case SESSION_SEND:
		dp_meta(p->m)->user = 0;
		return flow.edge[0] ? (rte_edge_t)(flow.edge[0] - 1) : path_on(p);
	case SESSION_ASIDE:
		return path_on(p);
	default:
		return dp_drop(p->self, p->m, who->drop_base + flow.why);
	}
}

// ---- TCP ----------------------------------------------------------------------------------------------------------------

static rte_edge_t reopen(struct path *p, session_ref ref) {
	struct session_dir *d = ref_dir(ref);
	struct session_packet packet = {.key = dir_key(d), .l4 = p->l4, .l4_len = p->l4_len};

	session_finish(&session_owners[dir_owner(d)], ref, SESSION_END_REUSED);
	return first_packet(p, &packet);
}

rte_edge_t path_tcp_bad(struct path *p, session_ref ref, enum tcp_verdict verdict) {
	struct session_dir *d = ref_dir(ref);
	const struct session_owner *o = &session_owners[dir_owner(d)];
	uint32_t seen = d->seen;

	if (p->arc == DP_ARC_L3_OUT && verdict != TCP_REOPEN && verdict != TCP_VERDICTS)
		verdict = TCP_QUIET; // this box is no stranger
	switch (verdict) {
	case TCP_QUIET: { // whoever guesses does not keep it alive
		rte_edge_t edge = path_pass(p, o, d, ref);
		d->seen = seen;
		return edge;
	}
	case TCP_REOPEN:
		return reopen(p, ref);
	case TCP_VERDICTS:
		return dp_drop(p->self, p->m, DROP_HEADERS);
	default:
		return dp_drop(p->self, p->m, DROP_TCP + verdict - TCP_BAD_FLAGS);
	}
}

// ---- ICMP errors ----------------------------------------------------------------------------------------------------------

static bool is_for(struct session_dir *d, const uint8_t *ip) {
	const uint8_t *to = (const uint8_t *)dir_addr(d) + (dir_v6(d) ? 16 : 4);

	return memcmp(ip + (dir_v6(d) ? 24 : 16), to, dir_v6(d) ? 16 : 4) == 0;
}

static rte_edge_t icmp_error(struct path *p, const struct session_packet *packet) {
	struct session_packet quoted;
	struct session_key key;

	if (icmp_error_key(p->ip, path_there(p), packet, &quoted, &key) != PARSED_FLOW)
		return no_flow(p, DROP_ODD);
	session_ref ref = table_find(&key, key_hash(&session_table.secret, &key));
	if (ref == 0)
		return no_flow(p, DROP_NO_SESSION);
	struct session_dir *d = ref_dir(ref);
	if (!session_acts(dp_self->id, dir_owner(d)))
		return path_foreign(p, ref);
	bool proxied = d->flags & SESSION_SYN_PROXY;
	if (proxied && p->arc == DP_ARC_L3_OUT) // it quotes what was sent: session_origin()
		return path_on(p);
	if (d->proto == 6) {
		uint32_t seq;
		memcpy(&seq, p->ip + packet->l4 + 8 + quoted.l4 + 4, sizeof(seq));
		if (!tcp_quoted(ref_cold(ref)->tcp, !(ref & 1), rte_be_to_cpu_32(seq)))
			return dp_drop(p->self, p->m, DROP_TCP + TCP_BAD_SEQ - TCP_BAD_FLAGS);
	}
	if (proxied && !(ref & 1)) // a segment of the server, by the client's numbers
		icmp_seq_shift(p->ip, path_there(p), packet, &quoted,
			-ref_cold(ref)->user[SESSION_USER_OTHER]);
	if (dir_v6(d) != dir_v6(ref_dir(ref ^ 1))) // who translates its packets translates this
		return is_for(d, p->ip) ? path_leave(p, d, ref)
					: dp_drop(p->self, p->m, DROP_NO_SESSION);
	if (!icmp_error_rewrite(d, ref & 1, p->ip, path_there(p), packet, &quoted))
		return dp_drop(p->self, p->m, DROP_NO_SESSION);
	return path_on(p);
}

// ---- between ports of a switch ----------------------------------------------------------------------------------------------

// A station may have moved, and what is flooded leaves by many ports: between other ports than its own a session's packet is judged
// anew. Where a packet comes in, its sender is; where a copy goes is no proof of anything.
static bool between_ports(struct path *p, session_ref ref) {
	struct session_more *from = dir_more(ref_dir(ref));
	uint16_t in = p->m->port, out = dp_meta(p->m)->out;
	struct session_flow flow;

	if (likely(path_between(p->m, ref)))
		return true;
	session_flow_read(ref, &flow);
	flow.again = true;
	flow.worker = dp_self->id;
	flow.now_ns = dp_self->now_ns;
	flow.iface_in = ref & 1 ? out : in;
	flow.iface_out = ref & 1 ? in : out;
	if (session_decide(&flow, NULL) == SESSION_DROP)
		return false;
	from->iface = in;
	from->zone = ref & 1 ? flow.zone_out : flow.zone_in;
	return true;
}

rte_edge_t path_bridged(struct path *p, session_ref ref) {
	if (!session_acts(dp_self->id, dir_owner(ref_dir(ref))))
		return path_foreign(p, ref);
	return between_ports(p, ref) ? path_hit(p, ref_dir(ref), ref)
				     : dp_drop(p->self, p->m, DROP_PORT);
}

// ---- all of it ---------------------------------------------------------------------------------------------------------------

static rte_edge_t flow(struct path *p, const struct session_packet *packet) {
	session_ref ref = table_find(&packet->key, key_hash(&session_table.secret, &packet->key));

	if (ref == 0)
		return first_packet(p, packet);
	bool icmp = packet->key.proto == 1 || packet->key.proto == 58;
	if (icmp && packet->reply != (ref & 1)) // an answer where the question comes from
		return dp_drop(p->self, p->m, DROP_NO_SESSION);
	return p->arc == DP_ARC_L2_OUT ? path_bridged(p, ref) : path_hit(p, ref_dir(ref), ref);
}

rte_edge_t path_slow(const struct dp_node *self, enum dp_arc arc, struct rte_mbuf *m, uint8_t *ip) {
	struct path p = {.self = self, .arc = arc, .m = m, .ip = ip};
	size_t before = (size_t)(ip - rte_pktmbuf_mtod(m, uint8_t *));
	struct session_packet packet;

	if (m->data_len < before)
		return dp_drop(self, m, DROP_HEADERS);
	enum session_parsed parsed =
		session_parse(ip, path_there(&p), m->pkt_len - before, dp_meta(m)->domain, &packet);
	p.l4 = packet.l4;
	p.l4_len = packet.l4_len;
	switch (parsed) {
	case PARSED_FLOW:
		return flow(&p, &packet);
	case PARSED_ERROR:
		return icmp_error(&p, &packet);
	case PARSED_ASIDE:
		return path_on(&p);
	case PARSED_FRAGMENT:
		return no_flow(&p, DROP_FRAGMENT);
	case PARSED_SHORT:
		return no_flow(&p, DROP_HEADERS);
	default:
		return no_flow(&p, DROP_ODD);
	}
}

// ---- back to what it was ---------------------------------------------------------------------------------------------------

// The answer to it as it is now is the key of its session's other direction. 0: there is none.
static session_ref answer_of(struct rte_mbuf *m, struct session_packet *packet) {
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, m->l2_len);

	if (session_table.buckets == NULL || m->data_len < m->l2_len ||
		session_parse(ip, m->data_len - m->l2_len, m->pkt_len - m->l2_len,
			dp_meta(m)->domain, packet) != PARSED_FLOW)
		return 0;
	struct session_tuple answer = key_tuple(&packet->key);
	answer = session_reverse(&answer);
	struct session_key key = key_of(&answer);
	session_ref ref = table_find(&key, key_hash(&session_table.secret, &key));
	// another worker's may have ended meanwhile
	return ref != 0 && dir_is(ref_dir(ref), &key) ? ref : 0;
}

session_ref session_origin(struct rte_mbuf *m, uint16_t *iface) {
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, m->l2_len);
	struct session_packet packet;
	session_ref ref = answer_of(m, &packet);

	if (ref == 0)
		return 0;
	struct session_dir *d = ref_dir(ref ^ 1);
	if (dir_v6(ref_dir(ref)) != dir_v6(d)) {
		*iface = dir_more(ref_dir(ref))->iface;
		return ref;
	}
	struct session_key was = dir_key(d);
	if (d->flags & SESSION_SYN_PROXY && !(ref & 1))
		tcp_seq_shift(
			ip + packet.l4, -ref_cold(ref)->user[SESSION_USER_OTHER], CHECK_WHOLE);
	if (d->flags & SESSION_REWRITE)
		rewrite_once(&packet.key, &was, (ref ^ 1) & 1, ip, packet.l4, CHECK_WHOLE);
	return 0;
}

bool session_source(struct rte_mbuf *m, uint8_t src[16]) {
	struct session_packet packet;
	session_ref ref = answer_of(m, &packet);

	if (ref == 0)
		return false;
	struct session_dir *d = ref_dir(ref ^ 1);
	if (!(d->flags & SESSION_REWRITE))
		return false;
	memcpy(src, dir_addr(d), dir_v6(d) ? 16 : 4);
	return true;
}

// ---- explaining --------------------------------------------------------------------------------------------------------------

static rte_edge_t explain_hit(struct path *p, session_ref ref) {
	struct session_dir *d = ref_dir(ref);

	if (d->flags & SESSION_REWRITE)
		rewrite(d, ref & 1, p->ip, p->l4, CHECK_WHOLE);
	return path_leave(p, d, ref);
}

// What deciders would change is changed in the packet, so that the nodes behind see it as they would.
static rte_edge_t explain_first(struct path *p, const struct session_packet *packet) {
	const struct session_decider *who = NULL;
	struct session_first first;
	int drop = path_first(p->arc, p->ip, path_there(p), packet, &first);
	struct session_flow flow = path_flow(p->arc, p->m, &packet->key, &first);

	flow.dry = true;
	if (drop >= 0)
		return no_flow(p, (unsigned)drop);
	enum session_verdict verdict = session_decide(&flow, &who);
	if (verdict == SESSION_DROP)
		return dp_drop(p->self, p->m, who->drop_base + flow.why);
	dp_meta(p->m)->user = 0;
	if (verdict == SESSION_PASS && flow.in.v6 != flow.out.v6) {
		session_explained = flow;
		session_explained.m = NULL;
		return flow.edge[0] ? (rte_edge_t)(flow.edge[0] - 1) : path_on(p);
	}
	if (verdict == SESSION_PASS) {
		struct session_key out = key_of(&flow.out);
		rewrite_once(&packet->key, &out, 0, p->ip, p->l4, CHECK_WHOLE);
	}
	return verdict == SESSION_SEND && flow.edge[0] ? (rte_edge_t)(flow.edge[0] - 1)
						       : path_on(p);
}

rte_edge_t path_explain(
	const struct dp_node *self, enum dp_arc arc, struct rte_mbuf *m, uint8_t *ip) {
	struct path p = {.self = self, .arc = arc, .m = m, .ip = ip};
	size_t before = (size_t)(ip - rte_pktmbuf_mtod(m, uint8_t *));
	struct session_packet packet;

	session_explained = (struct session_flow){0};
	if (session_table.buckets == NULL ||
		session_parse(ip, path_there(&p), m->pkt_len - before, dp_meta(m)->domain,
			&packet) != PARSED_FLOW)
		return path_on(&p);
	p.l4 = packet.l4;
	p.l4_len = packet.l4_len;
	session_ref ref = table_find(&packet.key, key_hash(&session_table.secret, &packet.key));
	return ref ? explain_hit(&p, ref) : explain_first(&p, &packet);
}
