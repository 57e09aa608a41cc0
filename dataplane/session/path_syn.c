// SPDX-License-Identifier: BSD-3-Clause
// A SYN proxy: who sends a SYN to a service under attack gets a cookie (syn.h) and no session. The ACK that brings it back begins one and
// goes to the server as the client's SYN; when the server answers, the client hears of its window, the server of the client's ACK, and
// from then on only numbers are shifted between the two.
//
//   client             here                                    server
//     SYN ──────────────→
//     ←── SYN-ACK, cookie, window 0
//     ACK ──────────────→ session, SYN_SENT: pending ── SYN ──→
//                                         ←────────── SYN-ACK
//     ←── ACK, window      ESTABLISHED, delta ── ACK ──→
//
// The client's own numbers are never changed. The tracker counts as the client does: what the server sends is shifted by
// delta = cookie - the server's first number before it is judged, what it is told is shifted back afterwards. While the session is
// pending its word SESSION_USER_OTHER is the cookie, later delta; side[1] of the tracker is not the server's yet and holds what the client offered:
// win its MSS, ack whether SACK.
#include "dataplane/session/path.h"
#include "dataplane/session/shift.h"
#include <netinet/in.h>

uint8_t session_syn_edge;

#define MSS4    1460 // what the answer says, for a server that has not been asked
#define MSS6    1440
#define HEADERS 40 // of IPv4 and TCP; of IPv6 20 more

static bool pending(const struct session_dir *d) {
	return d->state == SESSION_TCP_SYN_SENT;
}

static inline uint16_t window_field(uint64_t win) {
	return win > UINT16_MAX ? UINT16_MAX : (uint16_t)win;
}

static inline uint64_t window_of(const struct tcp_side *side, uint16_t win) {
	return (uint64_t)win << side->scale;
}

// A server's window as its client counts, who was told of SYN_SCALE before anybody knew the server's own.
static uint16_t window_told(const struct session_cold *cold, uint64_t bytes) {
	return window_field(cold->tcp[0].flags & TCP_SIDE_SCALE ? bytes >> SYN_SCALE : bytes);
}

// A client's window as its server counts.
static uint16_t window_asked(const struct session_cold *cold, uint16_t win) {
	return cold->tcp[1].flags & TCP_SIDE_UNSCALED ? window_field(window_of(&cold->tcp[0], win))
						      : win;
}

static rte_edge_t bad(struct path *p, enum tcp_verdict verdict) {
	return dp_drop(p->self, p->m, DROP_TCP + (unsigned)verdict - TCP_BAD_FLAGS);
}

// ---- packets become others ----------------------------------------------------------------------------------------------

// All behind the headers goes, and what was asked of devices. False: there is no room for a header with options.
static bool strip(struct rte_mbuf *m, uint32_t before, uint32_t headers) {
	if (m->next) {
		rte_pktmbuf_free(m->next);
		m->next = NULL;
		m->nb_segs = 1;
		m->pkt_len = m->data_len;
	}
	dp_flags_forget(m);
	return before + headers <= (uint32_t)m->data_len + rte_pktmbuf_tailroom(m);
}

static bool become(struct path *p, const struct syn_segment *s) {
	uint32_t before = (uint32_t)(p->ip - rte_pktmbuf_mtod(p->m, uint8_t *));

	if (!strip(p->m, before, p->l4 + SYN_HEADER_MAX))
		return false;
	uint32_t len = before + syn_write(p->ip, p->l4, s);
	p->m->data_len = (uint16_t)len;
	p->m->pkt_len = len;
	return true;
}

// The client's SYN, as the server gets it.
static struct syn_segment ask_of(const struct session_cold *cold) {
	const struct tcp_side *c = &cold->tcp[0], *offer = &cold->tcp[1];

	return (struct syn_segment){.seq = c->end - 1,
		.win = window_field(window_of(c, c->win)),
		.flags = TCP_SYN,
		.offer = {.mss = offer->win,
			.scale = c->flags & TCP_SIDE_SCALE ? (int8_t)c->scale : -1,
			.sack = offer->ack}};
}

// The client's ACK of the server's SYN, as true at any later moment.
static struct syn_segment third_of(const struct session_cold *cold) {
	return (struct syn_segment){.seq = cold->tcp[1].ack,
		.ack = cold->tcp[0].ack - cold->user[SESSION_USER_OTHER],
		.win = window_asked(cold, cold->tcp[0].win),
		.flags = TCP_ACK};
}

static void note_tcp(struct rte_mbuf *m, bool v6) {
	m->l2_len = RTE_ETHER_HDR_LEN;
	m->l3_len = v6 ? 40 : 20;
	m->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L4_TCP |
		(v6 ? RTE_PTYPE_L3_IPV6 : RTE_PTYPE_L3_IPV4);
}

// To the server in the name of the client, or to the client whose server did not answer; `way`: whose word it is.
static bool said(session_ref id, struct syn_segment *s, unsigned *way) {
	const struct session_dir *d = ref_dir(id);
	const struct session_cold *cold = ref_cold(id);
	bool answered = cold->tcp[1].flags & TCP_SIDE_SEEN;

	// of the turn before: it may be over meanwhile
	if (!(d->kind & KIND_USED) || !(d->flags & SESSION_SYN_PROXY))
		return false;
	*way = !answered && !pending(d);
	if (pending(d))
		*s = ask_of(cold);
	else if (answered)
		*s = third_of(cold);
	else
		*s = (struct syn_segment){
			.seq = cold->user[SESSION_USER_OTHER] + 1, .flags = TCP_RST};
	return true;
}

struct rte_mbuf *path_syn_say(session_ref id) {
	struct syn_segment s;
	unsigned way;

	if (!said(id, &s, &way))
		return NULL;
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp_pool());
	if (m == NULL)
		return NULL;
	struct session_dir *d = ref_dir(id | way);
	struct session_key key = dir_key(d);
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	uint8_t *ip = (uint8_t *)(eth + 1);

	memset(eth, 0, sizeof(*eth));
	eth->ether_type = dir_v6(d) ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	m->data_len = (uint16_t)(RTE_ETHER_HDR_LEN + syn_build(ip, &key, &s));
	m->pkt_len = m->data_len;
	m->port = SESSION_SAID;
	note_tcp(m, dir_v6(d));
	if (d->flags & SESSION_REWRITE)
		rewrite(d, way, ip, m->l3_len, CHECK_WHOLE);
	*dp_meta(m) =
		(struct dp_meta){.iface = dir_more(d)->iface, .domain = d->domain, .user = id};
	return m;
}

// ---- SYNs ---------------------------------------------------------------------------------------------------------------

static struct syn_segment cookie_answer(const struct session_packet *packet,
	const struct tcp_seg *seg, const uint8_t *tcp, unsigned mtu) {
	bool v6 = packet->key.kind & KIND_V6;
	struct syn_offer offer = syn_offer_read(tcp);
	unsigned mss = v6 ? MSS6 : MSS4, headers = v6 ? HEADERS + 20 : HEADERS;
	uint32_t epoch = syn_epoch(dp_self->now_ns);
	struct syn_segment s = {.ack = seg->seq + 1,
		.flags = TCP_SYN | TCP_ACK,
		.offer = {.scale = offer.scale < 0 ? -1 : SYN_SCALE, .sack = offer.sack}};

	s.seq = syn_cookie(&session_syn_secret, &packet->key, seg->seq, &offer, epoch);
	s.offer.mss = (uint16_t)(mtu > headers && mtu - headers < mss ? mtu - headers : mss);
	if (__atomic_load_n(&session_syn_epoch, __ATOMIC_RELAXED) != epoch && !dp_self->explains)
		__atomic_store_n(&session_syn_epoch, epoch, __ATOMIC_RELAXED);
	return s;
}

bool session_syn_answer(struct rte_mbuf *m, unsigned mtu) {
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN);
	size_t there = m->data_len - RTE_ETHER_HDR_LEN;
	struct session_packet packet;
	struct syn_segment s;
	struct tcp_seg seg;

	if (session_parse(ip, there, m->pkt_len - RTE_ETHER_HDR_LEN, dp_meta(m)->domain, &packet) !=
			PARSED_FLOW ||
		packet.key.proto != IPPROTO_TCP ||
		!tcp_decode(ip + packet.l4, packet.l4_len, there - packet.l4, &seg))
		return false;
	if ((seg.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		s = cookie_answer(&packet, &seg, ip + packet.l4, mtu);
	else if ((seg.flags & (TCP_ACK | TCP_RST)) == TCP_ACK)
		s = (struct syn_segment){.seq = seg.ack, .flags = TCP_RST};
	else
		return false;
	struct session_tuple tuple = key_tuple(&packet.key);
	tuple = session_reverse(&tuple);
	struct session_key back = key_of(&tuple);
	if (!strip(m, RTE_ETHER_HDR_LEN, SYN_PACKET_MAX))
		return false;
	m->data_len = (uint16_t)(RTE_ETHER_HDR_LEN + syn_build(ip, &back, &s));
	m->pkt_len = m->data_len;
	note_tcp(m, tuple.v6);
	return true;
}

// ---- proofs -------------------------------------------------------------------------------------------------------------

// A stack that probes the window 0 does it with the number before the next one, or with a byte.
enum path_proof path_syn_proof(const struct session_packet *packet, const struct tcp_seg *seg,
	struct session_first *first) {
	uint32_t epoch = syn_epoch(dp_self->now_ns), cookie = seg->ack - 1, isn = seg->seq - 1;
	struct syn_offer offer;

	if ((seg->flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK ||
		epoch - __atomic_load_n(&session_syn_epoch, __ATOMIC_RELAXED) > 1)
		return PROOF_NONE;
	if (!syn_cookie_open(&session_syn_secret, &packet->key, isn, cookie, epoch, &offer) &&
		!syn_cookie_open(&session_syn_secret, &packet->key, ++isn, cookie, epoch, &offer))
		return PROOF_WRONG;
	struct tcp_seg syn = {.seq = isn, .flags = TCP_SYN, .scale = offer.scale};
	syn.win = window_field((uint64_t)seg->win << (offer.scale < 0 ? 0 : offer.scale));
	first->state = SESSION_NONE;
	tcp_track(first->tcp, &first->state, 0, &syn, false);
	first->tcp[1].win = offer.mss;
	first->tcp[1].ack = offer.sack;
	first->proven = true;
	first->cookie = cookie;
	return PROOF_GOOD;
}

rte_edge_t path_syn_begun(struct path *p, const struct session_owner *o, session_ref ref) {
	struct syn_segment ask = ask_of(ref_cold(ref));

	return become(p, &ask) ? path_pass(p, o, ref_dir(ref), ref)
			       : dp_drop(p->self, p->m, DROP_HEADERS);
}

// ---- pending ------------------------------------------------------------------------------------------------------------

static rte_edge_t over(
	struct path *p, struct session_owner *o, struct session_dir *d, session_ref ref) {
	session_state_set(o, ref, SESSION_TCP_RESET);
	return path_pass(p, o, d, ref);
}

// Whatever the client says while it waits asks again for it.
static rte_edge_t pending_client(struct path *p, struct session_owner *o, struct session_dir *d,
	session_ref ref, const struct tcp_seg *seg) {
	const struct session_cold *cold = ref_cold(ref);
	uint32_t next = cold->tcp[0].end;

	if (seg->flags & TCP_RST)
		return seg->seq == next ? over(p, o, d, ref) : bad(p, TCP_BAD_SEQ);
	if ((seg->flags & (TCP_SYN | TCP_ACK)) != TCP_ACK)
		return bad(p, TCP_BAD_STATE);
	if (seg->ack != cold->user[SESSION_USER_OTHER] + 1)
		return bad(p, TCP_BAD_ACK);
	if (seg->seq != next && seg->seq != next - 1)
		return bad(p, TCP_BAD_SEQ);
	return path_syn_begun(p, o, ref);
}

static rte_edge_t accepted(struct path *p, struct session_owner *o, struct session_dir *d,
	session_ref ref, struct tcp_seg *seg) {
	struct session_cold *cold = ref_cold(ref);
	struct tcp_side side[2] = {cold->tcp[0], cold->tcp[1]};
	uint32_t cookie = cold->user[SESSION_USER_OTHER];
	bool unscaled = side[0].flags & TCP_SIDE_SCALE && seg->scale < 0;
	uint8_t state = d->state;
	struct syn_segment tell = {.seq = cookie + 1,
		.ack = seg->ack,
		.win = window_told(cold, seg->win),
		.flags = TCP_ACK};
	struct tcp_seg third = {.seq = side[0].end,
		.ack = cookie + 1,
		.win = side[0].win,
		.flags = TCP_ACK,
		.scale = -1};

	if (unscaled) // the client's scale holds, and the server's is 0
		seg->scale = 0;
	cold->user[SESSION_USER_OTHER] = cookie - seg->seq;
	seg->seq = cookie;
	tcp_track(side, &state, 1, seg, false);
	tcp_track(side, &state, 0, &third, false);
	if (unscaled)
		side[1].flags |= TCP_SIDE_UNSCALED;
	memcpy(cold->tcp, side, sizeof(side));
	session_state_set(o, ref, state);
	session_say(o, ref);
	return become(p, &tell) ? path_pass(p, o, d, ref) : dp_drop(p->self, p->m, DROP_HEADERS);
}

static rte_edge_t pending_server(struct path *p, struct session_owner *o, struct session_dir *d,
	session_ref ref, struct tcp_seg *seg) {
	const struct session_cold *cold = ref_cold(ref);
	unsigned flags = seg->flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK);
	bool answers = flags & TCP_ACK && seg->ack == cold->tcp[0].end;

	if (flags & TCP_RST) {
		if (!answers)
			return bad(p, TCP_BAD_ACK);
		tcp_seq_shift(p->ip + p->l4, cold->user[SESSION_USER_OTHER] + 1 - seg->seq,
			path_check(p->m));
		return over(p, o, d, ref);
	}
	if (flags == (TCP_SYN | TCP_ACK))
		return answers ? accepted(p, o, d, ref, seg) : bad(p, TCP_BAD_ACK);
	// of an old connection: the client, who knows nothing of it, would reset it (RFC 9293 section 3.5.1)
	if (flags == TCP_ACK && p->arc == DP_ARC_L3_IN && session_syn_edge != 0) {
		dp_meta(p->m)->user = 0;
		return (rte_edge_t)(session_syn_edge - 1);
	}
	return bad(p, TCP_BAD_STATE);
}

// ---- open ---------------------------------------------------------------------------------------------------------------

static void to_client(struct path *p, const struct session_cold *cold, const struct tcp_seg *seg) {
	uint8_t *tcp = p->ip + p->l4;

	tcp_seq_shift(tcp, cold->user[SESSION_USER_OTHER], path_check(p->m));
	if (!(seg->flags & TCP_SYN) && cold->tcp[1].scale != SYN_SCALE)
		tcp_window_set(tcp, window_told(cold, window_of(&cold->tcp[1], seg->win)),
			path_check(p->m));
}

static void to_server(struct path *p, const struct session_cold *cold, const struct tcp_seg *seg) {
	uint8_t *tcp = p->ip + p->l4;

	tcp_ack_shift(tcp, -cold->user[SESSION_USER_OTHER], path_check(p->m));
	if (!(seg->flags & TCP_SYN) && cold->tcp[1].flags & TCP_SIDE_UNSCALED)
		tcp_window_set(tcp, window_asked(cold, seg->win), path_check(p->m));
}

// A SYN alone begins something new, with numbers of its own.
static rte_edge_t open_hit(struct path *p, struct session_owner *o, struct session_dir *d,
	session_ref ref, struct tcp_seg *seg) {
	struct session_cold *cold = ref_cold(ref);
	bool shifted = (seg->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN;
	uint8_t state = d->state;

	if (ref & 1 && shifted)
		seg->seq += cold->user[SESSION_USER_OTHER];
	enum tcp_verdict verdict =
		tcp_track(cold->tcp, &state, ref & 1, seg, d->flags & SESSION_LOOSE);
	if (state != d->state)
		session_state_set(o, ref, state);
	if (shifted && ref & 1)
		to_client(p, cold, seg);
	else if (shifted)
		to_server(p, cold, seg);
	return verdict == TCP_OK ? path_pass(p, o, d, ref) : path_tcp_bad(p, ref, verdict);
}

rte_edge_t path_syn_hit(
	struct path *p, struct session_owner *o, struct session_dir *d, session_ref ref) {
	struct tcp_seg seg;

	if (!tcp_decode(p->ip + p->l4, p->l4_len, path_there(p) - p->l4, &seg))
		return dp_drop(p->self, p->m, DROP_HEADERS);
	if (!pending(d))
		return open_hit(p, o, d, ref, &seg);
	return ref & 1 ? pending_server(p, o, d, ref, &seg) : pending_client(p, o, d, ref, &seg);
}
