// SPDX-License-Identifier: BSD-3-Clause
// `leat trace`: the way of real packets through the nodes. A packet that matches the filter at port_rx is flagged;
// from then on every node that it visits writes a record into the worker's ring. A packet's walk ends with the turn
// of the loop that it came in by, so control prints a turn's packets when the worker has begun a later one.
#include "dataplane/dataplane_priv.h"
#include "dataplane/explain.h"
#include "dataplane/filter.h"
#include "dataplane/frame_print.h"
#include "dataplane/record_ring.h"
#include "lib/clock.h"
#include "lib/vec.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING_BYTES (1 << 20)
#define HEADER_MAX 96  // bytes of the frame that are kept for its summary
#define NOTE_MAX   160 // what a node may say
#define COUNT_MAX  100000

// Written by a worker, read by control; freed with the ring.
struct record {
	uint64_t turn, time_ns;
	const struct rte_mbuf *packet; // only compared
	const struct dp_node *node;    // NULL: the packet came in; text is the start of the frame
	uint32_t id;                   // worker << 24 | running number; copies of a packet share it
	uint32_t len;
	uint16_t port, text_len;
	char text[];
};

struct session {
	struct filter *filter;
	_Atomic int64_t left; // packets that workers may still take
	int64_t wanted, printed;
	uint64_t wall_offset_ns;
	uint64_t lost;
	uint32_t next_id[DP_MAX_WORKERS];
	struct record_ring *rings[DP_MAX_WORKERS];
	VEC(struct record *) turn; // control: records of one turn of one worker
	char *text;                // control: what was printed and not read yet
	size_t text_len, text_at;
};

volatile bool dp_tracing;
volatile unsigned dp_taps;

bool dp_watched(void) {
	return dp_taps != 0;
}
int dp_trace_id_offset = -1;
static struct session *session; // published; one at a time: the flag in the mbuf is one

const struct schema_row dp_trace_args[] = {
	{.name = "filter",
		.type = SCHEMA_STRING,
		.max = 1024,
		.example = "\"icmp and host 10.0.0.1\"",
		.help = "packets to trace, in the syntax of pcap-filter(7); absent: all"},
	{.name = "count",
		.type = SCHEMA_INT,
		.min = 1,
		.max = COUNT_MAX,
		.def = "10",
		.help = "end after this many packets"},
	{0},
};

// ---- workers ------------------------------------------------------------------------------------------------

static uint32_t *trace_id(struct rte_mbuf *m) {
	return RTE_MBUF_DYNFIELD(m, dp_trace_id_offset, uint32_t *);
}

static struct record *record_begin(
	struct session *s, struct rte_mbuf *m, const struct dp_node *node, size_t text_max) {
	struct worker *w = dp_worker_self();
	struct record *r = record_ring_reserve(s->rings[w->pub.id], sizeof(*r) + text_max);

	if (!r)
		return NULL;
	*r = (struct record){
		.turn = w->loops,
		.time_ns = w->pub.now_ns,
		.packet = m,
		.node = node,
		.id = *trace_id(m),
		.len = m->pkt_len,
		.port = m->port,
	};
	return r;
}

static void record_start(struct session *s, struct rte_mbuf *m) {
	struct record *r = record_begin(s, m, NULL, HEADER_MAX);

	if (!r)
		return;
	r->text_len = RTE_MIN(m->data_len, HEADER_MAX);
	memcpy(r->text, rte_pktmbuf_mtod(m, const void *), r->text_len);
	record_ring_commit(s->rings[dp_self->id]);
}

void dp_trace_match(struct rte_mbuf **pkts, uint16_t n) {
	struct session *s = __atomic_load_n(&session, __ATOMIC_ACQUIRE);

	for (uint16_t i = 0; s && i < n; i++) {
		if (!filter_match(s->filter, pkts[i]))
			continue;
		if (atomic_fetch_sub_explicit(&s->left, 1, memory_order_relaxed) <= 0)
			return;
		uint32_t *next = &s->next_id[dp_self->id];
		*trace_id(pkts[i]) = (uint32_t)dp_self->id << 24 | (*next)++ % (1 << 24);
		pkts[i]->ol_flags |= dp_trace_flag;
		record_start(s, pkts[i]);
	}
}

static void record_visit(struct session *s, const struct dp_node *node, struct rte_mbuf *m) {
	struct record *r = record_begin(s, m, node, NOTE_MAX);

	if (!r)
		return;
	int n = node->trace ? node->trace(m, r->text, NOTE_MAX) : 0;
	r->text_len = n < 0 ? 0 : RTE_MIN(n, NOTE_MAX - 1);
	record_ring_commit(s->rings[dp_self->id]);
}

void dp_trace_visit(const struct dp_node *node, void **objs, uint16_t n) {
	struct session *s = __atomic_load_n(&session, __ATOMIC_ACQUIRE);

	if (dp_self->explains) {
		dp_explain_visit(node, objs, n);
		return;
	}
	for (uint16_t i = 0; s && i < n; i++) {
		struct rte_mbuf *m = objs[i];
		if (m->ol_flags & dp_trace_flag)
			record_visit(s, node, m);
	}
}

void dp_tap(unsigned port, bool rx, struct rte_mbuf **pkts, uint16_t n) {
	unsigned taps = dp_taps;

	if (rx && (taps & DP_TAP_TRACE))
		dp_trace_match(pkts, n);
	if (taps & DP_TAP_CAPTURE)
		dp_capture_match(port, rx, pkts, n);
}

// ---- control ------------------------------------------------------------------------------------------------

static void session_free(struct session *s) {
	if (!s)
		return;
	for (unsigned i = 0; i < DP_MAX_WORKERS; i++)
		record_ring_free(s->rings[i]);
	for (size_t i = 0; i < s->turn.n; i++)
		free(s->turn.items[i]);
	vec_fini(&s->turn);
	filter_free(s->filter);
	free(s->text);
	free(s);
}

static struct session *session_new(const json_t *args, struct err *err) {
	struct session *s = calloc(1, sizeof(*s));

	if (!s) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	s->wanted = json_integer_value(json_object_get(args, "count"));
	s->wanted = s->wanted > 0 ? s->wanted : 10;
	atomic_init(&s->left, s->wanted);
	s->wall_offset_ns = clock_wall_ns() - clock_now_ns();
	s->filter = filter_new(json_string_value(json_object_get(args, "filter")), err);
	bool full = s->filter != NULL;
	for (unsigned i = 0; full && i < DP_MAX_WORKERS; i++) {
		s->rings[i] = record_ring_new(RING_BYTES); // touched only when its worker exists
		if (!s->rings[i])
			full = err_set(err, -ENOMEM, "out of memory") == 0;
	}
	if (full)
		return s;
	session_free(s);
	return NULL;
}

int dp_trace_open(const json_t *args, void **ctx, struct err *err) {
	if (session)
		return err_set(err, -EBUSY, "another trace is running; end it first");
	struct session *s = session_new(args, err);
	if (!s)
		return err ? err->code : -EINVAL;
	__atomic_store_n(&session, s, __ATOMIC_RELEASE);
	dp_tracing = true;
	dp_taps |= DP_TAP_TRACE;
	*ctx = s;
	return 0;
}

void dp_trace_close(void *ctx) {
	dp_taps &= ~DP_TAP_TRACE;
	dp_tracing = false;
	__atomic_store_n(&session, NULL, __ATOMIC_RELEASE);
	dp_sync();
	session_free(ctx);
}

void dp_trace_fini(void) {
	if (session)
		dp_trace_close(session);
}

static void print_start(FILE *out, const struct session *s, const struct record *r) {
	uint64_t wall_ns = r->time_ns + s->wall_offset_ns,
		 in_day_s = wall_ns / NSEC_PER_SEC % 86400;
	char headers[FRAME_STRLEN];

	fprintf(out, "%02u:%02u:%02u.%09u port %s %u bytes: %s\n", (unsigned)(in_day_s / 3600),
		(unsigned)(in_day_s / 60 % 60), (unsigned)(in_day_s % 60),
		(unsigned)(wall_ns % NSEC_PER_SEC),
		r->port < DP_MAX_PORTS ? dp_drops_port(r->port) : "-", r->len,
		frame_print((const uint8_t *)r->text, r->text_len, headers, sizeof(headers)));
}

static void print_visit(FILE *out, const struct record *r, bool copy) {
	fprintf(out, "    %s", copy ? "copy: " : "");
	if (r->text_len > 0)
		fprintf(out, "%-16s %.*s\n", r->node->name, r->text_len, r->text);
	else
		fprintf(out, "%s\n", r->node->name);
}

// All records of one packet; `first` is the oldest of them.
static void print_packet(FILE *out, struct session *s, size_t first) {
	const struct record *start = s->turn.items[first];

	if (start->node)
		fprintf(out, "packet of worker %u, handed over\n", start->id >> 24);
	for (size_t i = first; i < s->turn.n; i++) {
		const struct record *r = s->turn.items[i];
		if (!r || r->id != start->id)
			continue;
		if (!r->node)
			print_start(out, s, r);
		else
			print_visit(out, r, r->packet != start->packet);
		if (i == first)
			continue;
		free(s->turn.items[i]);
		s->turn.items[i] = NULL;
	}
	s->printed += start->node == NULL;
	free(s->turn.items[first]);
	s->turn.items[first] = NULL;
}

static void turn_print(FILE *out, struct session *s) {
	for (size_t i = 0; i < s->turn.n; i++) {
		if (s->turn.items[i])
			print_packet(out, s, i);
	}
	s->turn.n = 0;
}

static void ring_drain(FILE *out, struct session *s, unsigned worker) {
	uint64_t turns = __atomic_load_n(&dp_workers[worker].loops, __ATOMIC_ACQUIRE);
	const struct record *r;
	size_t len;

	while ((r = record_ring_peek(s->rings[worker], &len)) && r->turn < turns) {
		struct record *copy = malloc(len);
		if (s->turn.n > 0 && s->turn.items[0]->turn != r->turn)
			turn_print(out, s);
		if (copy) {
			memcpy(copy, r, len);
			if (vec_add(&s->turn, copy) < 0)
				free(copy);
		}
		record_ring_release(s->rings[worker]);
	}
	turn_print(out, s);
}

static void lost_print(FILE *out, struct session *s) {
	uint64_t lost = 0;

	for (unsigned i = 0; i < DP_MAX_WORKERS; i++)
		lost += atomic_load_explicit(&s->rings[i]->lost, memory_order_relaxed);
	if (lost > s->lost)
		fprintf(out, "(%llu steps lost: too many packets match, narrow the filter)\n",
			(unsigned long long)(lost - s->lost));
	s->lost = lost;
}

static void text_fill(struct session *s) {
	FILE *out;

	free(s->text);
	s->text = NULL;
	s->text_len = s->text_at = 0;
	out = open_memstream(&s->text, &s->text_len);
	if (!out)
		return;
	for (unsigned i = 0; i < DP_MAX_WORKERS; i++)
		ring_drain(out, s, i);
	lost_print(out, s);
	fclose(out);
}

ssize_t dp_trace_read(void *ctx, void *buf, size_t size) {
	struct session *s = ctx;

	if (s->text_at == s->text_len)
		text_fill(s);
	size_t n = RTE_MIN(size, s->text_len - s->text_at);
	if (n == 0)
		return s->printed >= s->wanted ? -EPIPE : 0;
	memcpy(buf, s->text + s->text_at, n);
	s->text_at += n;
	return (ssize_t)n;
}
