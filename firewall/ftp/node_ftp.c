// SPDX-License-Identifier: BSD-3-Clause
// Packets of FTP control connections, after NAT: where one end tells the other of an endpoint for data, the connection to it is expected, and
// the endpoint is written as the other end may reach it.
#include "dataplane/dataplane.h"
#include "dataplane/session/conn_tcp.h"
#include "dataplane/session/helper.h"
#include "dataplane/session/tuple.h"
#include "firewall/ftp/ftp.h"
#include <rte_ip.h>
#include <rte_tcp.h>

#define PORT_LEAST 1024 // of data connections: nobody is talked into a service
#define PORT_TRIES 32

static const char *const after[] = {"session", NULL};

static struct dp_node ftp = {
	.name = "ftp",
	.help = "reads FTP control connections of rules with helper = \"ftp\"",
	.arc = DP_ARC_L3_IN,
	.after = after,
};

// Of a session's record. Lines begin where the packets before ended in one: the last two such numbers of each direction, so that a
// repetition is read again.
enum {
	WORD_LINES,
	WORD_FLAGS = 4,
	WORD_HANDLE,                // of its expectation, two words
	WORD_SEQ = WORD_HANDLE + 2, // of the packet in which an endpoint was changed last
	WORD_PORT,
};

enum { FLAG_KNOWN = 1 /* << direction */, FLAG_PASV = 4, FLAG_EPSV = 8, FLAG_CHANGED = 16 };

struct control {
	struct rte_mbuf *m;
	uint8_t *ip, *tcp;
	char *text;
	uint32_t len, seq;
	bool changed; // an endpoint in it: a segment grows once, or nobody knows where
	bool again;   // it was here before
	session_ref ref;
	struct session_record_of *record;
	struct session_flow flow;
};

// ---- the packet -------------------------------------------------------------------------------------------------

static bool control_read(struct control *c, struct rte_mbuf *m) {
	struct session_packet packet;
	struct tcp_seg seg;

	*c = (struct control){.m = m, .ref = dp_meta(m)->user};
	if (c->ref == 0 || m->nb_segs != 1 || m->ol_flags & RTE_MBUF_F_TX_TCP_SEG ||
		m->data_len < RTE_ETHER_HDR_LEN)
		return false;
	c->ip = rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN);
	size_t there = m->data_len - RTE_ETHER_HDR_LEN;
	if (session_parse(c->ip, there, there, dp_meta(m)->domain, &packet) != PARSED_FLOW ||
		packet.key.proto != IPPROTO_TCP)
		return false;
	c->tcp = c->ip + packet.l4;
	if (!tcp_decode(c->tcp, packet.l4_len, there - packet.l4, &seg) || seg.len == 0)
		return false;
	c->text = (char *)c->tcp + packet.l4_len - seg.len;
	c->len = seg.len;
	c->seq = seg.seq;
	c->record = session_record_at(c->ref);
	return true;
}

static void sums_make(struct control *c) {
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)c->tcp;

	tcp->cksum = 0;
	if (c->ip[0] >> 4 == 6) {
		tcp->cksum = rte_ipv6_udptcp_cksum((struct rte_ipv6_hdr *)c->ip, tcp);
		return;
	}
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)c->ip;
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

// Other words for those at `at`. false: there is no room.
static bool replace(struct control *c, uint32_t at, uint32_t len, const char *words, uint32_t n) {
	uint32_t end = (uint32_t)((uint8_t *)c->text + c->len - rte_pktmbuf_mtod(c->m, uint8_t *));
	int32_t more = (int32_t)n - (int32_t)len;

	if (end + n - len > (uint32_t)(c->m->buf_len - c->m->data_off) || dp_offload_now(c->m) < 0)
		return false;
	memmove(c->text + at + n, c->text + at + len, c->len - at - len);
	memcpy(c->text + at, words, n);
	c->len += (uint32_t)more;
	c->m->data_len = (uint16_t)(end + (uint32_t)more); // what padded it goes
	c->m->pkt_len = c->m->data_len;
	uint16_t bytes = (uint16_t)((uint8_t *)c->text + c->len - c->ip);
	if (c->ip[0] >> 4 == 6)
		((struct rte_ipv6_hdr *)c->ip)->payload_len =
			rte_cpu_to_be_16(bytes - sizeof(struct rte_ipv6_hdr));
	else
		((struct rte_ipv4_hdr *)c->ip)->total_length = rte_cpu_to_be_16(bytes);
	sums_make(c);
	struct session_shift *shift = &c->record->shift[session_direction(c->ref)];
	shift_grow(shift, shift_back(shift, c->seq), more);
	return true;
}

// ---- endpoints --------------------------------------------------------------------------------------------------

static struct addr addr_of(const struct session_flow *flow, const uint8_t *bytes) {
	struct addr addr = {.family = flow->in.v6 ? ADDR_V6 : ADDR_V4};

	memcpy(addr.bytes, bytes, flow->in.v6 ? 16 : 4);
	return addr;
}

// What was not changed the first time is not changed when it is repeated: the numbers behind it have been told. A segment whose last line goes
// on in the next one leaves no mark of having been here.
static bool may_change(const struct control *c) {
	const uint32_t *words = c->record->words;

	if (c->text[c->len - 1] != '\n')
		return false;
	return !c->again || (words[WORD_FLAGS] & FLAG_CHANGED && words[WORD_SEQ] == c->seq);
}

// As the far end sees what is told: to the server the client's address outside, to the client the one that it asked.
static void expect_fill(
	const struct session_flow *f, bool active, uint16_t port, struct session_expect *e) {
	*e = (struct session_expect){
		.in = f->in, .out = f->in, .word = rte_be_to_cpu_16(f->out.dport)};
	e->in.sport = e->out.sport = 0;
	if (active) {
		memcpy(e->in.src, f->out.dst, 16);
		memcpy(e->in.dst, f->out.src, 16);
		memcpy(e->out.src, f->in.dst, 16);
		memcpy(e->out.dst, f->in.src, 16);
		e->word |= SESSION_EXPECT_BACK;
	} else {
		memcpy(e->out.dst, f->out.dst, 16);
	}
	e->in.dport = e->out.dport = rte_cpu_to_be_16(port);
}

// The port that the far end is told; 0: none is left.
static uint16_t expect(
	struct control *c, struct session_expect *e, uint16_t port, bool translated) {
	uint32_t *words = c->record->words;
	uint64_t handle = 0;

	if (words[WORD_FLAGS] & FLAG_CHANGED && words[WORD_SEQ] == c->seq)
		return (uint16_t)words[WORD_PORT]; // a repetition
	memcpy(&handle, &words[WORD_HANDLE], sizeof(handle));
	expect_del(handle); // one at a time
	for (unsigned i = 0; i < (translated ? PORT_TRIES : 1); i++) {
		uint16_t told =
			(uint16_t)(PORT_LEAST + (port - PORT_LEAST + i) % (65536 - PORT_LEAST));

		e->in.dport = rte_cpu_to_be_16(told);
		handle = expect_add(e, dp_self->now_ns);
		if (handle != 0)
			break;
	}
	memcpy(&words[WORD_HANDLE], &handle, sizeof(handle));
	return handle || !translated ? rte_be_to_cpu_16(e->in.dport) : 0;
}

// Whether it is one that is expected now.
static bool endpoint(struct control *c, uint32_t at, const struct ftp_line *line, bool active) {
	const struct session_flow *f = &c->flow;
	struct addr own = addr_of(f, active ? f->in.src : f->out.dst);
	struct addr told = addr_of(f, active ? f->out.src : f->in.dst);
	bool translated = addr_cmp(&own, &told) != 0;
	struct session_expect e;
	char words[FTP_TEXT];

	// an address that is not its own: somebody is to be reached who does not know of it (RFC 2577 section 3)
	if (c->changed || !may_change(c) || line->port < PORT_LEAST ||
		(line->addr.family != ADDR_NONE && addr_cmp(&line->addr, &own) != 0))
		return false;
	expect_fill(f, active, line->port, &e);
	uint16_t port = expect(c, &e, line->port, translated);
	if (!translated || port == 0)
		return port != 0;
	c->changed = true;
	uint32_t n = ftp_write(line, &told, port, words);
	if (!replace(c, at + line->at, line->len, words, n))
		return false;
	c->record->words[WORD_FLAGS] |= FLAG_CHANGED;
	c->record->words[WORD_SEQ] = c->seq;
	c->record->words[WORD_PORT] = port;
	return true;
}

// An answer to nothing is a text that looks like one. One question has one answer, which may be repeated.
static void answer(struct control *c, uint32_t at, const struct ftp_line *line, uint32_t asked) {
	uint32_t *words = c->record->words;
	bool again = words[WORD_FLAGS] & FLAG_CHANGED && words[WORD_SEQ] == c->seq;

	if ((words[WORD_FLAGS] & asked || again) && endpoint(c, at, line, false))
		words[WORD_FLAGS] &= ~asked;
}

// ---- lines ------------------------------------------------------------------------------------------------------

static void line_heard(struct control *c, uint32_t at, uint32_t len) {
	uint32_t *flags = &c->record->words[WORD_FLAGS];
	struct ftp_line line;

	if (len > 0 && c->text[at + len - 1] == '\r')
		len--;
	if (!ftp_read(session_direction(c->ref) == 1, c->text + at, len, &line))
		return;
	session_flow_at(c->ref, &c->flow);
	switch (line.word) {
	case FTP_PORT:
	case FTP_EPRT:
		endpoint(c, at, &line, true);
		break;
	case FTP_PASV:
		*flags |= FLAG_PASV;
		break;
	case FTP_EPSV:
		*flags |= FLAG_EPSV;
		break;
	case FTP_PASSIVE:
		answer(c, at, &line, FLAG_PASV);
		break;
	default:
		answer(c, at, &line, FLAG_EPSV);
		break;
	}
}

static bool line_begins(struct control *c) {
	unsigned way = session_direction(c->ref);
	uint32_t *words = c->record->words, *last = &words[WORD_LINES + 2 * way];

	if (!(words[WORD_FLAGS] & FLAG_KNOWN << way)) {
		words[WORD_FLAGS] |= FLAG_KNOWN << way;
		last[0] = last[1] = c->seq;
	}
	c->again = last[0] != c->seq;
	return last[0] == c->seq || last[1] == c->seq;
}

static void line_ended(struct control *c) {
	uint32_t *last = &c->record->words[WORD_LINES + 2 * session_direction(c->ref)];
	uint32_t next = c->seq + c->len;

	if (c->text[c->len - 1] != '\n' || last[0] == next || last[1] == next)
		return;
	last[1] = last[0];
	last[0] = next;
}

// Each line that begins and ends in this packet.
static void lines_hear(struct control *c) {
	bool begins = line_begins(c);

	for (uint32_t at = 0; at < c->len;) {
		const char *end = memchr(c->text + at, '\n', c->len - at);

		if (end == NULL)
			break;
		uint32_t len = (uint32_t)(end - c->text) - at, before = c->len;
		if (begins)
			line_heard(c, at, len);
		begins = true;
		at += len + 1 + c->len - before;
	}
	line_ended(c);
}

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	rte_edge_t next[DP_VECTOR];
	struct control c;

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];

		if (!dp_self->explains && control_read(&c, m))
			lines_hear(&c);
		next[i] = dp_arc_next(&ftp, DP_ARC_L3_IN, dp_meta(m)->iface);
	}
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t ftp_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(ftp)
