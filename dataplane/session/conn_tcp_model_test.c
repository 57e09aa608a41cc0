// SPDX-License-Identifier: BSD-3-Clause
// The TCP tracker beside two honest ends, and beside a naive model of its rules.
#include "dataplane/session/conn_tcp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs the above
#include <cmocka.h>

#define SYN     TCP_SYN
#define SYN_ACK (TCP_SYN | TCP_ACK)
#define ACK     TCP_ACK
#define FIN     (TCP_FIN | TCP_ACK)
#define RST     TCP_RST

struct conn {
	struct tcp_side side[2];
	uint8_t state;
};

static enum tcp_verdict raw(struct conn *c, unsigned dir, unsigned flags, uint32_t seq,
	uint32_t ack, uint32_t len, uint16_t win, int scale) {
	struct tcp_seg seg = {seq, ack, len, win, (uint8_t)flags, (int8_t)scale};

	return tcp_track(c->side, &c->state, dir, &seg, false);
}

// ---- two honest ends --------------------------------------------------------------------------------------------

// Both ends keep 64-bit numbers from zero, a window, and what they have; segments are lost, repeated and overtake each
// other. What honest ends send must pass, and the connection must be seen to end.
#define WIRE 64

struct end {
	uint64_t una, nxt, rcv; // acknowledged, sent, received in order
	uint64_t wanted;        // bytes to send; then FIN
	uint32_t isn, win;
	uint8_t scale;
	bool fin_got;
};

struct flying {
	struct tcp_seg seg;
	uint64_t seq, ack; // absolute
	unsigned dir;
};

static uint32_t dice(uint32_t n) {
	return (uint32_t)rand() % n;
}

static struct flying end_segment(const struct end *e, const struct end *other, unsigned dir,
	uint64_t seq, uint32_t len, bool fin) {
	struct flying f = {.dir = dir, .seq = seq, .ack = e->rcv};
	uint32_t win = e->win >> e->scale;

	f.seg = (struct tcp_seg){(uint32_t)(e->isn + seq), (uint32_t)(other->isn + e->rcv), len,
		(uint16_t)win, fin ? FIN : ACK, -1};
	return f;
}

// New data when the window lets it, else something old again.
static struct flying end_speaks(struct end *e, const struct end *other, unsigned dir) {
	uint64_t edge = e->una + (other->win >> other->scale << other->scale);
	uint64_t last = 1 + e->wanted; // the FIN's number
	uint32_t len = dice(3) ? dice(1461) : 0;

	if (dice(4) == 0 && e->una < e->nxt && e->una <= e->wanted) { // repeats
		uint64_t seq = e->una;
		uint64_t most = (e->nxt <= last ? e->nxt : last) - seq;
		return end_segment(e, other, dir, seq, (uint32_t)(len < most ? len : most), false);
	}
	if (e->nxt + len > last)
		len = e->nxt < last ? (uint32_t)(last - e->nxt) : 0;
	if (e->nxt + len > edge)
		len = e->nxt < edge ? (uint32_t)(edge - e->nxt) : 0;
	if (e->nxt >= last) { // the FIN, or after it an acknowledgement
		bool fin = e->una <= last && (e->nxt == last || dice(2)) && last < edge;
		if (fin && e->nxt == last)
			e->nxt++;
		return end_segment(e, other, dir, fin ? last : e->nxt, 0, fin);
	}
	struct flying f = end_segment(e, other, dir, e->nxt, len, false);
	e->nxt += len;
	return f;
}

static void end_hears(struct end *e, const struct flying *f, const struct end *other) {
	uint64_t last = f->seq + f->seg.len + !!(f->seg.flags & TCP_FIN);

	if (f->ack > e->una && f->ack <= e->nxt)
		e->una = f->ack;
	if (f->seq <= e->rcv && last > e->rcv)
		e->rcv = last;
	e->fin_got = e->rcv == other->wanted + 2;
}

// True when both ends were done in time.
static bool honest_pair(unsigned seed) {
	struct conn c = {0};
	struct end ends[2];
	struct flying wire[WIRE];
	unsigned n = 0;

	srand(seed);
	bool scaled = dice(2);
	for (unsigned i = 0; i < 2; i++) {
		ends[i] = (struct end){.una = 1, .nxt = 1, .rcv = 1, .wanted = dice(60000)};
		ends[i].isn = dice(2) ? 0u - dice(100000) : (uint32_t)rand() * 3;
		ends[i].scale = scaled ? (uint8_t)dice(9) : 0;
		ends[i].win = (1 + dice(60000)) << ends[i].scale;
	}
	uint16_t w0 = (uint16_t)(ends[0].win > 65535 ? 65535 : ends[0].win);
	uint16_t w1 = (uint16_t)(ends[1].win > 65535 ? 65535 : ends[1].win);
	int s0 = scaled ? ends[0].scale : -1, s1 = scaled ? ends[1].scale : dice(2) ? 5 : -1;
	assert_int_equal(raw(&c, 0, SYN, ends[0].isn, 0, 0, w0, s0), TCP_OK);
	assert_int_equal(raw(&c, 1, SYN_ACK, ends[1].isn, ends[0].isn + 1, 0, w1, s1), TCP_OK);
	assert_int_equal(raw(&c, 0, ACK, ends[0].isn + 1, ends[1].isn + 1, 0,
				 (uint16_t)(ends[0].win >> ends[0].scale), -1),
		TCP_OK);
	for (unsigned step = 0; step < 8000; step++) {
		unsigned dir = dice(2);
		if (n < WIRE)
			wire[n++] = end_speaks(&ends[dir], &ends[!dir], dir);
		unsigned i = dice(4) ? 0 : dice(n); // mostly in order
		struct flying f = wire[i];
		if (dice(20)) { // else it stays, and comes again later
			memmove(&wire[i], &wire[i + 1], (--n - i) * sizeof(f));
		}
		if (dice(15) == 0)
			continue; // lost before us
		enum tcp_verdict v = tcp_track(c.side, &c.state, f.dir, &f.seg, false);
		// what is late by more than a window is refused; its receiver would do the same
		bool late =
			f.seq + (ends[!f.dir].win >> ends[!f.dir].scale << ends[!f.dir].scale) + 1 <
				ends[f.dir].nxt ||
			f.ack + ends[f.dir].win + 1 < ends[f.dir].rcv;
		if (v != TCP_OK && v != TCP_QUIET && !late)
			fail_msg("seed %u step %u: verdict %d, dir %u seq %llu len %u ack %llu "
				 "state %u",
				seed, step, v, f.dir, (unsigned long long)f.seq, f.seg.len,
				(unsigned long long)f.ack, c.state);
		if ((v == TCP_OK || v == TCP_QUIET) && dice(15)) // else lost behind us
			end_hears(&ends[!f.dir], &f, &ends[f.dir]);
	}
	bool over = true;
	for (unsigned i = 0; i < 2; i++)
		over &= ends[i].fin_got && ends[i].una == ends[i].wanted + 2;
	if (over)
		assert_int_equal(c.state, SESSION_TCP_TIME_WAIT);
	return over;
}

static void honest_ends_are_not_disturbed(void **) {
	unsigned over = 0;

	for (unsigned seed = 1; seed <= 300; seed++)
		over += honest_pair(seed);
	assert_in_range(over, 50, 300);
}

// ---- a naive model ------------------------------------------------------------------------------------------------

// The rules for numbers once more, with absolute 64-bit numbers and no thought of speed: what a segment may be once a
// connection is open. `top`: the highest sent, `acked`: the highest acknowledged.
struct model {
	int64_t top[2], acked[2], win[2];
	bool fin[2];
};

static enum tcp_verdict model_track(struct model *m, unsigned dir, int64_t seq, int64_t len,
	int64_t ack, int64_t win, unsigned flags) {
	int64_t last = seq + len + !!(flags & TCP_FIN), offered = m->win[!dir] ? m->win[!dir] : 1;
	bool inside = last <= m->acked[!dir] + offered && seq >= m->top[dir] - offered - 1 &&
		!(m->fin[dir] && last > m->top[dir]);

	if (flags & TCP_RST) {
		if (seq == m->top[dir] || seq == m->acked[!dir])
			return TCP_OK;
		return inside ? TCP_QUIET : TCP_BAD_SEQ;
	}
	if (!inside)
		return TCP_BAD_SEQ;
	if (ack > m->top[!dir] || ack < m->acked[dir] - m->win[dir] - 1)
		return TCP_BAD_ACK;
	m->top[dir] = last > m->top[dir] ? last : m->top[dir];
	m->acked[dir] = ack > m->acked[dir] ? ack : m->acked[dir];
	m->win[dir] = win > m->win[dir] ? win : m->win[dir];
	m->fin[dir] |= flags & TCP_FIN && last == m->top[dir];
	return TCP_OK;
}

static void beside_the_model(unsigned seed) {
	srand(seed);
	uint32_t isn[2] = {(uint32_t)rand() * 2 + dice(2), (uint32_t)rand() * 2};
	struct conn c = {0};
	struct model m = {.top = {1, 1}, .acked = {1, 1}, .win = {1000, 1000}};

	assert_int_equal(raw(&c, 0, SYN, isn[0], 0, 0, 1000, -1), TCP_OK);
	assert_int_equal(raw(&c, 1, SYN_ACK, isn[1], isn[0] + 1, 0, 1000, -1), TCP_OK);
	assert_int_equal(raw(&c, 0, ACK, isn[0] + 1, isn[1] + 1, 0, 1000, -1), TCP_OK);
	for (unsigned step = 0; step < 400 && c.state < SESSION_TCP_TIME_WAIT; step++) {
		unsigned dir = dice(2), r = dice(60);
		unsigned flags = r == 0 ? RST : r == 1 ? FIN : ACK;
		int64_t around = dice(3) ? 0 : (int64_t)dice(6000) - 3000;
		int64_t seq = m.top[dir] + around, len = dice(2) ? dice(1500) : 0;
		int64_t ack = m.top[!dir] - (dice(2) ? 0 : (int64_t)dice(3000)) + (dice(9) ? 0 : 5);
		int64_t win = dice(4000);

		enum tcp_verdict want = model_track(&m, dir, seq, len, ack, win, flags);
		enum tcp_verdict got = raw(&c, dir, flags, (uint32_t)(isn[dir] + seq),
			(uint32_t)(isn[!dir] + ack), (uint32_t)len, (uint16_t)win, -1);
		if (got != want)
			fail_msg("seed %u step %u: %d, the model says %d", seed, step, got, want);
	}
}

static void numbers_agree_with_the_model(void **) {
	for (unsigned seed = 1; seed <= 3000; seed++)
		beside_the_model(seed);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest_ends_are_not_disturbed),
		cmocka_unit_test(numbers_agree_with_the_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
