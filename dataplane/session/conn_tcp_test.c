// SPDX-License-Identifier: BSD-3-Clause
// The TCP tracker: every cell of its table, what attackers try, numbers that wrap.
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

// ---- a connection to talk about ---------------------------------------------------------------------------------

struct conn {
	struct tcp_side side[2];
	uint8_t state;
	uint32_t nxt[2]; // what each side sends next
	uint32_t got[2]; // what each side has received
	bool loose;
};

static struct conn conn_at(uint32_t isn0, uint32_t isn1) {
	return (struct conn){.nxt = {isn0, isn1}};
}

static enum tcp_verdict raw(struct conn *c, unsigned dir, unsigned flags, uint32_t seq,
	uint32_t ack, uint32_t len, uint16_t win, int scale) {
	struct tcp_seg seg = {seq, ack, len, win, (uint8_t)flags, (int8_t)scale};

	return tcp_track(c->side, &c->state, dir, &seg, c->loose);
}

// The next segment of a side, which the other one receives.
static enum tcp_verdict say(struct conn *c, unsigned dir, unsigned flags, uint32_t len) {
	enum tcp_verdict v =
		raw(c, dir, flags, c->nxt[dir], c->got[dir], len, 8192, flags & TCP_SYN ? 2 : -1);

	if (v == TCP_OK || v == TCP_QUIET) {
		c->nxt[dir] += len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
		c->got[!dir] = c->nxt[dir];
	}
	return v;
}

#define OK(...) assert_int_equal(say(__VA_ARGS__), TCP_OK)

static struct conn in_state(unsigned state, uint32_t isn0, uint32_t isn1) {
	struct conn c = conn_at(isn0, isn1);

	if (state == SESSION_TCP_PICKED_UP) {
		c.loose = true;
		c.got[0] = isn1;
		OK(&c, 0, ACK, 100);
		return c;
	}
	if (state == SESSION_NONE)
		return c;
	OK(&c, 0, SYN, 0);
	if (state == SESSION_TCP_SYN_SENT)
		return c;
	if (state == SESSION_TCP_SYN_BOTH) {
		uint32_t own = c.got[1];
		c.got[1] = 0;
		OK(&c, 1, SYN, 0);
		c.got[1] = own;
		return c;
	}
	OK(&c, 1, SYN_ACK, 0);
	if (state == SESSION_TCP_SYN_RECEIVED)
		return c;
	OK(&c, 0, ACK, 0);
	OK(&c, 0, ACK, 500);
	OK(&c, 1, ACK, 1000);
	if (state == SESSION_TCP_ESTABLISHED)
		return c;
	if (state == SESSION_TCP_RESET) {
		OK(&c, 1, RST, 0);
		return c;
	}
	unsigned first = state == SESSION_TCP_FIN_RESP;
	OK(&c, first, FIN, 0);
	if (state == SESSION_TCP_FIN_ORIG || state == SESSION_TCP_FIN_RESP)
		return c;
	OK(&c, !first, FIN, 0);
	if (state == SESSION_TCP_CLOSING)
		return c;
	OK(&c, first, ACK, 0);
	return c;
}

// ---- every cell -------------------------------------------------------------------------------------------------

enum { S, SA, A, F, R, KINDS };
static const unsigned kinds[KINDS] = {SYN, SYN_ACK, ACK, FIN, RST | TCP_ACK};
static const char *const kind_names[KINDS] = {"SYN", "SYN+ACK", "ACK", "FIN+ACK", "RST"};

// What shall become of a connection: a state, '=' quiet, '!' refused, '*' anew. Numbers are those of a live peer, so
// that an ACK acknowledges all. States: s SYN_SENT, b both, r received, e established, o FIN_ORIG, f FIN_RESP, c closing,
// w TIME_WAIT, x reset, p picked up.
static const struct {
	unsigned state;
	const char *orig, *resp; // S SA A F R
} wanted[] = {
	{SESSION_NONE, "s!!!!", NULL},
	{SESSION_TCP_SYN_SENT, "s!!!x", "br=!x"},
	{SESSION_TCP_SYN_BOTH, "bbb!x", "bbb!x"},
	{SESSION_TCP_SYN_RECEIVED, "=!eox", "!rrfx"},
	{SESSION_TCP_ESTABLISHED, "==eox", "==efx"},
	{SESSION_TCP_FIN_ORIG, "==!!x", "==ocx"}, // after the end nothing new: see below
	{SESSION_TCP_FIN_RESP, "==fcx", "==!!x"},
	{SESSION_TCP_CLOSING, "==!!x", "==!!x"},
	{SESSION_TCP_TIME_WAIT, "*!!!=", "*!!!="},
	{SESSION_TCP_RESET, "*=xxx", "*=xxx"},
	{SESSION_TCP_PICKED_UP, "*!pox", "*!efx"},
};

static const char letters[] = {'n', 's', 'b', 'r', 'e', 'o', 'f', 'c', 'w', 'x', 'p'};

static char outcome(struct conn c, unsigned dir, unsigned kind) {
	uint32_t len = kind == A ? 10 : 0, seq = c.nxt[dir];
	bool closed = kind == SA && c.state >= SESSION_TCP_SYN_RECEIVED;

	if (kind == S && c.state == SESSION_TCP_TIME_WAIT)
		seq += 100000; // of a new connection
	if (kind == SA && (closed || (c.state == SESSION_TCP_SYN_BOTH)))
		seq = c.side[dir].end -
			(c.state <= SESSION_TCP_SYN_RECEIVED ? 1 : 1001); // repeated
	if (kind == SA && c.state == SESSION_TCP_SYN_BOTH)
		c.got[dir] = c.side[!dir].end;
	switch (raw(&c, dir, kinds[kind], seq, c.got[dir], len, 8192, -1)) {
	case TCP_OK:
		return letters[c.state];
	case TCP_QUIET:
		return '=';
	case TCP_REOPEN:
		return '*';
	default:
		return '!';
	}
}

static void every_cell(void **) {
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		for (unsigned dir = 0; dir < 2; dir++) {
			const char *want = dir ? wanted[i].resp : wanted[i].orig;
			for (unsigned k = 0; want && k < KINDS; k++) {
				struct conn c = in_state(wanted[i].state, 1000, 500000);
				assert_int_equal(c.state, wanted[i].state);
				char got = outcome(c, dir, k);
				if (got != want[k])
					fail_msg("state %c, %s of %s: %c, wanted %c",
						letters[wanted[i].state], kind_names[k],
						dir ? "responder" : "originator", got, want[k]);
			}
		}
	}
}

// What the matrix cannot say with data of 10 bytes: after its FIN a side only acknowledges and repeats.
static void after_its_end_a_side_acknowledges(void **) {
	struct conn c = in_state(SESSION_TCP_FIN_ORIG, 7, 9);

	OK(&c, 1, ACK, 3000);
	OK(&c, 0, ACK, 0);
	assert_int_equal(c.state, SESSION_TCP_FIN_ORIG);
	assert_int_equal(raw(&c, 0, FIN, c.nxt[0] - 1, c.got[0], 0, 8192, -1), TCP_OK); // repeated
	assert_int_equal(say(&c, 0, ACK, 1), TCP_BAD_SEQ);
	OK(&c, 1, FIN, 0);
	assert_int_equal(c.state, SESSION_TCP_CLOSING);
	OK(&c, 0, ACK, 0);
	assert_int_equal(c.state, SESSION_TCP_TIME_WAIT);
	assert_int_equal(raw(&c, 1, FIN, c.nxt[1] - 1, c.got[1], 0, 8192, -1),
		TCP_OK); // the last ACK was lost
	assert_int_equal(raw(&c, 0, ACK, c.nxt[0], c.got[0], 0, 8192, -1), TCP_OK);
	assert_int_equal(c.state, SESSION_TCP_TIME_WAIT);
}

static void both_close_at_once(void **) {
	struct conn c = in_state(SESSION_TCP_ESTABLISHED, 7, 9);
	uint32_t got = c.got[1];

	OK(&c, 0, FIN, 0);
	c.got[1] = got; // on its way while the other one sends its own
	OK(&c, 1, FIN, 0);
	assert_int_equal(c.state, SESSION_TCP_CLOSING);
	OK(&c, 0, ACK, 0);
	assert_int_equal(c.state, SESSION_TCP_CLOSING); // one end of two
	c.got[1] = c.nxt[0];
	OK(&c, 1, ACK, 0);
	assert_int_equal(c.state, SESSION_TCP_TIME_WAIT);
}

static void simultaneous_open(void **) {
	for (unsigned first = 0; first < 2; first++) {
		struct conn c = in_state(SESSION_TCP_SYN_BOTH, 100, 200);
		for (unsigned n = 0; n < 2; n++) {
			unsigned dir = n ^ first;
			assert_int_equal(c.state, SESSION_TCP_SYN_BOTH);
			assert_int_equal(
				raw(&c, dir, SYN_ACK, dir ? 200 : 100, dir ? 101 : 201, 0, 8192, 2),
				TCP_OK);
		}
		assert_int_equal(c.state, SESSION_TCP_ESTABLISHED);
		c.got[0] = c.nxt[1], c.got[1] = c.nxt[0];
		OK(&c, 0, ACK, 100);
		OK(&c, 1, FIN, 0);
		assert_int_equal(c.state, SESSION_TCP_FIN_RESP);
	}
}

static void time_wait_is_reused(void **) {
	struct conn c = in_state(SESSION_TCP_TIME_WAIT, 1000, 2000);

	assert_int_equal(raw(&c, 0, SYN, c.nxt[0] + 1, 0, 0, 8192, 2), TCP_REOPEN);
	assert_int_equal(raw(&c, 0, SYN, c.nxt[0] - 100, 0, 0, 8192, 2), TCP_QUIET); // an old one
	assert_int_equal(raw(&c, 1, SYN, c.nxt[1] + 1, 0, 0, 8192, 2), TCP_REOPEN);
	assert_int_equal(c.state, SESSION_TCP_TIME_WAIT);
}

static void impossible_flags(void **) {
	static const unsigned bad[] = {0, TCP_FIN, TCP_PSH, TCP_URG, TCP_SYN | TCP_FIN,
		TCP_SYN | TCP_RST, TCP_FIN | TCP_RST, TCP_FIN | TCP_PSH | TCP_URG, 63,
		TCP_RST | TCP_FIN | TCP_ACK, TCP_SYN | TCP_FIN | TCP_ACK};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct conn c = in_state(SESSION_TCP_ESTABLISHED, 1, 1), was = c;
		assert_int_equal(say(&c, 0, bad[i], 0), TCP_BAD_FLAGS);
		assert_memory_equal(&c, &was, sizeof(c));
		struct conn none = conn_at(1, 1);
		assert_int_equal(say(&none, 0, bad[i], 0), TCP_BAD_FLAGS);
	}
}

// ---- picking up -------------------------------------------------------------------------------------------------

static void strict_begins_with_a_syn(void **) {
	struct conn c = conn_at(5, 5);

	assert_int_equal(say(&c, 0, ACK, 10), TCP_BAD_STATE);
	assert_int_equal(say(&c, 0, FIN, 0), TCP_BAD_STATE);
	assert_int_equal(say(&c, 0, RST, 0), TCP_BAD_STATE);
	assert_int_equal(c.state, SESSION_NONE);
}

static void loose_picks_up(void **) {
	struct conn c = in_state(SESSION_TCP_PICKED_UP, 4294967290u, 5);

	OK(&c, 0, ACK, 1460);
	assert_int_equal(c.state, SESSION_TCP_PICKED_UP);
	c.got[0] += 3000; // of what the other side sent before
	OK(&c, 0, ACK, 0);
	c.nxt[1] = c.got[0] - 1460; // it repeats
	OK(&c, 1, ACK, 1460);
	assert_int_equal(c.state, SESSION_TCP_ESTABLISHED);
	for (unsigned i = 0; i < 200; i++) {
		OK(&c, i % 3 == 0, ACK, 1460);
	}
	OK(&c, 0, FIN, 0);
	OK(&c, 1, FIN, 0);
	OK(&c, 0, ACK, 0);
	assert_int_equal(c.state, SESSION_TCP_TIME_WAIT);
}

// ---- attacks ----------------------------------------------------------------------------------------------------

static void a_blind_reset_needs_the_number(void **) {
	for (unsigned dir = 0; dir < 2; dir++) {
		struct conn c = in_state(SESSION_TCP_ESTABLISHED, 4294967000u, 77), was = c;
		unsigned through = 0;

		for (uint32_t guess = 0; guess < 2000000; guess++) { // a window is 32 KiB wide
			uint32_t seq = c.nxt[dir] + 1 + guess * 2147;
			enum tcp_verdict v = raw(&c, dir, RST, seq, 0, 0, 0, -1);
			assert_true(v != TCP_OK || seq == c.nxt[dir]);
			through += v == TCP_QUIET;
			if (seq == c.nxt[dir])
				c = was;
		}
		assert_in_range(
			through, 1, 60); // those in the window, for the receiver to challenge
		assert_memory_equal(&c, &was, sizeof(c));
		assert_int_equal(raw(&c, dir, RST, c.nxt[dir], 0, 0, 0, -1), TCP_OK);
		assert_int_equal(c.state, SESSION_TCP_RESET);
	}
}

// The sender has sent more than the receiver has: its answer to the challenge carries the number that was acknowledged.
static void a_reset_with_the_acknowledged_number_counts(void **) {
	struct conn c = in_state(SESSION_TCP_ESTABLISHED, 1, 2);
	uint32_t acked = c.got[1];

	OK(&c, 1, ACK, 0);
	OK(&c, 0, ACK, 1000); // lost behind us
	assert_int_equal(raw(&c, 0, RST, acked, 0, 0, 0, -1), TCP_OK);
	assert_int_equal(c.state, SESSION_TCP_RESET);
}

static void a_refusal_must_answer_the_syn(void **) {
	struct conn c = in_state(SESSION_TCP_SYN_SENT, 1000, 0);

	assert_int_equal(raw(&c, 1, RST, 0, 0, 0, 0, -1), TCP_BAD_ACK);
	assert_int_equal(raw(&c, 1, RST | ACK, 0, 1000, 0, 0, -1), TCP_BAD_ACK);
	assert_int_equal(raw(&c, 1, RST | ACK, 0, 1002, 0, 0, -1), TCP_BAD_ACK);
	assert_int_equal(raw(&c, 1, SYN_ACK, 77, 1000, 0, 8192, -1), TCP_BAD_ACK);
	assert_int_equal(raw(&c, 1, SYN_ACK, 77, 1002, 0, 8192, -1), TCP_BAD_ACK);
	assert_int_equal(c.state, SESSION_TCP_SYN_SENT);
	assert_int_equal(raw(&c, 1, RST | ACK, 0, 1001, 0, 0, -1), TCP_OK);
	assert_int_equal(c.state, SESSION_TCP_RESET);
}

static void blind_data_is_refused(void **) {
	struct conn c = in_state(SESSION_TCP_ESTABLISHED, 4294967000u, 77);

	OK(&c, 0, ACK, 0);
	struct conn was = c;
	uint32_t seq = c.nxt[0], ack = c.got[0];

	assert_int_equal(raw(&c, 0, ACK, seq + (8192 << 2) + 1, ack, 0, 1, -1), TCP_BAD_SEQ);
	assert_int_equal(raw(&c, 0, ACK, seq + (8192 << 2) - 9, ack, 10, 1, -1), TCP_BAD_SEQ);
	assert_int_equal(raw(&c, 0, ACK, seq - (8192 << 2) - 2, ack, 0, 1, -1), TCP_BAD_SEQ);
	assert_int_equal(
		raw(&c, 0, ACK, seq, ack + 1, 10, 1, -1), TCP_BAD_ACK); // of what was not sent
	assert_int_equal(raw(&c, 0, ACK, seq, ack - (8192 << 2) - 2, 10, 1, -1), TCP_BAD_ACK);
	assert_int_equal(raw(&c, 0, ACK, seq, ack + 0x80000000u, 10, 1, -1), TCP_BAD_ACK);
	assert_int_equal(raw(&c, 0, SYN, seq + 5, 0, 0, 1, -1), TCP_QUIET);
	assert_memory_equal(&c, &was, sizeof(c));
	assert_int_equal(raw(&c, 0, ACK, seq + (8192 << 2) - 10, ack, 10, 1, -1), TCP_OK);
}

static void a_closed_window_is_probed(void **) {
	struct conn c = in_state(SESSION_TCP_SYN_RECEIVED, 1, 1);

	c.side[0].win = c.side[1].win = 0;
	OK(&c, 0, ACK, 1);
	assert_int_equal(c.state, SESSION_TCP_ESTABLISHED);
	assert_int_equal(raw(&c, 0, ACK, c.nxt[0] - 1, c.got[0], 0, 0, -1), TCP_OK); // keep-alive
}

// ---- window scale -----------------------------------------------------------------------------------------------

static enum tcp_verdict far_data(int scale0, int scale1, uint32_t distance) {
	struct conn c = conn_at(100, 200);

	assert_int_equal(raw(&c, 0, SYN, 100, 0, 0, 65535, scale0), TCP_OK);
	assert_int_equal(raw(&c, 1, SYN_ACK, 200, 101, 0, 65535, scale1), TCP_OK);
	assert_int_equal(raw(&c, 0, ACK, 101, 201, 0, 65535, -1), TCP_OK);
	assert_int_equal(raw(&c, 1, ACK, 201, 101, 0, 65535, -1), TCP_OK);
	return raw(&c, 0, ACK, 101 + distance, 201, 0, 65535, -1);
}

static void windows_are_scaled_when_both_want_it(void **) {
	assert_int_equal(far_data(-1, -1, 65535), TCP_OK);
	assert_int_equal(far_data(-1, -1, 65536), TCP_BAD_SEQ);
	assert_int_equal(far_data(7, -1, 65536), TCP_BAD_SEQ);
	assert_int_equal(far_data(-1, 7, 65536), TCP_BAD_SEQ);
	assert_int_equal(far_data(3, 7, 65535 << 7), TCP_OK); // by the receiver's scale
	assert_int_equal(far_data(3, 7, (65535 << 7) + 1), TCP_BAD_SEQ);
	assert_int_equal(far_data(0, 0, 65536), TCP_BAD_SEQ);
	assert_int_equal(far_data(3, 14, 65535 << 14), TCP_OK);
	assert_int_equal(far_data(3, 60, 65535 << 14), TCP_OK); // RFC 7323: read as 14
}

static void the_window_of_a_syn_is_not_scaled(void **) {
	struct conn c = conn_at(100, 200);

	assert_int_equal(raw(&c, 0, SYN, 100, 0, 0, 1000, 14), TCP_OK);
	assert_int_equal(raw(&c, 1, SYN_ACK, 200, 101, 0, 1000, 14), TCP_OK);
	assert_int_equal(
		raw(&c, 0, ACK, 101 + 16384, 201, 0, 1000, -1), TCP_OK); // rounded up to one unit
	assert_int_equal(raw(&c, 0, ACK, 101 + 16385, 201, 0, 1000, -1), TCP_BAD_SEQ);
}

// ---- quoted in ICMP errors -----------------------------------------------------------------------------------------

static void quoted_segments_are_recent(void **) {
	struct conn c = in_state(SESSION_TCP_ESTABLISHED, 4294967000u, 77);

	assert_true(tcp_quoted(c.side, 0, c.nxt[0]));
	assert_true(tcp_quoted(c.side, 0, c.nxt[0] - 1000));
	assert_false(tcp_quoted(c.side, 0, c.nxt[0] + 1));
	assert_false(tcp_quoted(c.side, 0, c.nxt[0] - 70000));
	c = in_state(SESSION_TCP_SYN_SENT, 1, 1);
	assert_false(tcp_quoted(c.side, 1, 0));
}

// ---- wire -------------------------------------------------------------------------------------------------------

static void headers_are_decoded(void **) {
	uint8_t h[60] = {0, 80, 0, 81, 1, 2, 3, 4, 5, 6, 7, 8, 0x60, TCP_SYN, 0x12, 0x34};
	struct tcp_seg seg;

	h[20] = 3, h[21] = 3, h[22] = 9;
	assert_true(tcp_decode(h, 100, 60, &seg));
	assert_int_equal(seg.seq, 0x01020304);
	assert_int_equal(seg.ack, 0x05060708);
	assert_int_equal(seg.len, 76);
	assert_int_equal(seg.win, 0x1234);
	assert_int_equal(seg.scale, 9);
	h[22] = 200;
	assert_true(tcp_decode(h, 24, 60, &seg));
	assert_int_equal(seg.scale, 14);
	assert_int_equal(seg.len, 0);
	assert_false(tcp_decode(h, 23, 60, &seg)); // longer than the packet
	assert_false(tcp_decode(h, 100, 23, &seg));
	assert_false(tcp_decode(h, 19, 19, &seg));
	h[12] = 0x40;
	assert_false(tcp_decode(h, 100, 60, &seg));
	h[12] = 0x60, h[20] = 2, h[21] = 0; // an option of no length
	assert_true(tcp_decode(h, 100, 60, &seg));
	assert_int_equal(seg.scale, -1);
	h[21] = 200; // beyond the header
	assert_true(tcp_decode(h, 100, 60, &seg));
	assert_int_equal(seg.scale, -1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell),
		cmocka_unit_test(after_its_end_a_side_acknowledges),
		cmocka_unit_test(both_close_at_once),
		cmocka_unit_test(simultaneous_open),
		cmocka_unit_test(time_wait_is_reused),
		cmocka_unit_test(impossible_flags),
		cmocka_unit_test(strict_begins_with_a_syn),
		cmocka_unit_test(loose_picks_up),
		cmocka_unit_test(a_blind_reset_needs_the_number),
		cmocka_unit_test(a_reset_with_the_acknowledged_number_counts),
		cmocka_unit_test(a_refusal_must_answer_the_syn),
		cmocka_unit_test(blind_data_is_refused),
		cmocka_unit_test(a_closed_window_is_probed),
		cmocka_unit_test(windows_are_scaled_when_both_want_it),
		cmocka_unit_test(the_window_of_a_syn_is_not_scaled),
		cmocka_unit_test(quoted_segments_are_recent),
		cmocka_unit_test(headers_are_decoded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
