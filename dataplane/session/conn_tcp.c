// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "dataplane/session/conn_tcp.h"
#include "lib/wire.h"

// What a segment means to the state machine.
enum event {
	EV_SYN,
	EV_SYN_ACK,
	EV_ACK, // neither SYN nor FIN nor RST
	EV_FIN, // with ACK
	EV_DONE, // ACK or FIN or SYN, after which everything that both sides have sent of this phase is acknowledged
	EV_RST, // with exactly the number that the receiver waits for
	EVENTS,
};

// Beside states in the table.
enum {
	QUIET = 64, // TCP_QUIET
	BAD,        // TCP_BAD_STATE
	AGAIN,      // TCP_REOPEN
};

#define NONE   SESSION_NONE
#define SENT   SESSION_TCP_SYN_SENT
#define BOTH   SESSION_TCP_SYN_BOTH
#define RCVD   SESSION_TCP_SYN_RECEIVED
#define ESTAB  SESSION_TCP_ESTABLISHED
#define FIN_O  SESSION_TCP_FIN_ORIG
#define FIN_R  SESSION_TCP_FIN_RESP
#define CLOSE  SESSION_TCP_CLOSING
#define WAIT   SESSION_TCP_TIME_WAIT
#define RESET  SESSION_TCP_RESET
#define PICKED SESSION_TCP_PICKED_UP

// next[state][direction][event]. Direction 0 is the originator, the one whose packet made the session.
static const uint8_t next[SESSION_TCP_PICKED_UP + 1][2][EVENTS] = {
	[NONE][0] =
		{
			[EV_SYN] = SENT,    // a connection begins
			[EV_SYN_ACK] = BAD, // an answer to nothing: a scan, or a flood's echo
			[EV_ACK] = PICKED,  // in the middle of a connection (loose only)
			[EV_FIN] = BAD,     // its end is not worth a session
			[EV_DONE] = BAD,    // cannot be
			[EV_RST] = BAD,     // resets nothing
		},
	// cannot be: the first packet is the originator's
	[NONE][1] = {BAD, BAD, BAD, BAD, BAD, BAD},
	[SENT][0] =
		{
			[EV_SYN] = SENT,    // again, or another attempt with a new number
			[EV_SYN_ACK] = BAD, // nobody asked
			[EV_ACK] = BAD,     // it was not answered yet
			[EV_FIN] = BAD,     // the same
			[EV_DONE] = BAD,    // the same
			[EV_RST] = RESET,   // gave up
		},
	[SENT][1] =
		{
			[EV_SYN] = BOTH,     // simultaneous open (RFC 9293 section 3.5, figure 7)
			[EV_SYN_ACK] = RCVD, // the normal answer
			[EV_ACK] = QUIET,    // of an old connection (section 3.5.1)
			[EV_FIN] = BAD,      // ends what was not begun
			[EV_DONE] = BAD,     // the same
			[EV_RST] = RESET,    // refused
		},
	[BOTH][0] =
		{
			[EV_SYN] = BOTH,     // again
			[EV_SYN_ACK] = BOTH, // its own SYN is not acknowledged yet
			[EV_ACK] = BOTH,     // the same, from a stack that sends a plain ACK
			[EV_FIN] = BAD,      // before it is open
			[EV_DONE] = ESTAB,   // both SYNs are acknowledged
			[EV_RST] = RESET,    // gave up
		},
	[BOTH][1] =
		{
			[EV_SYN] = BOTH, // as above, every one
			[EV_SYN_ACK] = BOTH,
			[EV_ACK] = BOTH,
			[EV_FIN] = BAD,
			[EV_DONE] = ESTAB,
			[EV_RST] = RESET,
		},
	[RCVD][0] =
		{
			[EV_SYN] = QUIET,   // repeated: the answer was lost
			[EV_SYN_ACK] = BAD, // it has sent a SYN without ACK
			[EV_ACK] = ESTAB,   // the third step
			[EV_FIN] = FIN_O,   // the third step with the end in it
			[EV_DONE] = ESTAB,  // the third step
			[EV_RST] = RESET,   // did not want that answer
		},
	[RCVD][1] =
		{
			[EV_SYN] = BAD,      // it has acknowledged already
			[EV_SYN_ACK] = RCVD, // repeated
			[EV_ACK] = RCVD,     // data before the third step (RFC 7413)
			[EV_FIN] = FIN_R,    // all of its data and its end, as early
			[EV_DONE] = RCVD,    // data before the third step
			[EV_RST] = RESET,    // gave up
		},
	[ESTAB][0] =
		{
			[EV_SYN] = QUIET,     // challenged by the receiver (RFC 5961 section 4)
			[EV_SYN_ACK] = QUIET, // repeated after a simultaneous open
			[EV_ACK] = ESTAB,     // data
			[EV_FIN] = FIN_O,     // half-closes
			[EV_DONE] = ESTAB,    // data
			[EV_RST] = RESET,     // breaks off
		},
	[ESTAB][1] =
		{
			[EV_SYN] = QUIET,     // as above
			[EV_SYN_ACK] = QUIET, // repeated: the third step was lost
			[EV_ACK] = ESTAB,     // data
			[EV_FIN] = FIN_R,     // half-closes
			[EV_DONE] = ESTAB,    // data
			[EV_RST] = RESET,     // breaks off
		},
	[FIN_O][0] =
		{
			[EV_SYN] = QUIET,     // challenged
			[EV_SYN_ACK] = QUIET, // challenged
			[EV_ACK] = FIN_O,     // acknowledges what still comes
			[EV_FIN] = FIN_O,     // repeated
			[EV_DONE] = FIN_O,    // the other side's end is still to come
			[EV_RST] = RESET,     // wants no more of it
		},
	[FIN_O][1] =
		{
			[EV_SYN] = QUIET,     // challenged
			[EV_SYN_ACK] = QUIET, // challenged
			[EV_ACK] = FIN_O,     // goes on sending
			[EV_FIN] = CLOSE,     // its end, too
			[EV_DONE] = FIN_O,    // goes on sending
			[EV_RST] = RESET,     // breaks off
		},
	[FIN_R][0] =
		{
			[EV_SYN] = QUIET, // as FIN_ORIG, sides exchanged
			[EV_SYN_ACK] = QUIET,
			[EV_ACK] = FIN_R, // goes on sending
			[EV_FIN] = CLOSE, // its end, too
			[EV_DONE] = FIN_R,
			[EV_RST] = RESET,
		},
	[FIN_R][1] =
		{
			[EV_SYN] = QUIET,
			[EV_SYN_ACK] = QUIET,
			[EV_ACK] = FIN_R, // acknowledges
			[EV_FIN] = FIN_R, // repeated
			[EV_DONE] = FIN_R,
			[EV_RST] = RESET,
		},
	[CLOSE][0] =
		{
			[EV_SYN] = QUIET,     // challenged
			[EV_SYN_ACK] = QUIET, // challenged
			[EV_ACK] = CLOSE,     // not of everything
			[EV_FIN] = CLOSE,     // repeated
			[EV_DONE] = WAIT,     // both ends are acknowledged
			[EV_RST] = RESET,     // breaks off
		},
	[CLOSE][1] =
		{
			[EV_SYN] = QUIET, // as above, every one
			[EV_SYN_ACK] = QUIET,
			[EV_ACK] = CLOSE,
			[EV_FIN] = CLOSE,
			[EV_DONE] = WAIT,
			[EV_RST] = RESET,
		},
	[WAIT][0] =
		{
			[EV_SYN] = AGAIN,   // with a later number (RFC 9293 section 3.6.1)
			[EV_SYN_ACK] = BAD, // nobody opens
			[EV_ACK] = WAIT,    // the last one, repeated
			[EV_FIN] = WAIT,    // repeated: the last ACK was lost
			[EV_DONE] = WAIT,   // the same
			[EV_RST] = QUIET,   // does not cut TIME_WAIT short (RFC 1337)
		},
	[WAIT][1] =
		{
			[EV_SYN] = AGAIN,   // this time the responder opens
			[EV_SYN_ACK] = BAD, // as above, every one
			[EV_ACK] = WAIT,
			[EV_FIN] = WAIT,
			[EV_DONE] = WAIT,
			[EV_RST] = QUIET,
		},
	[RESET][0] =
		{
			[EV_SYN] = AGAIN,     // a new connection
			[EV_SYN_ACK] = QUIET, // crossed the reset on its way
			[EV_ACK] = RESET,     // the same (RFC 7857 section 2.2)
			[EV_FIN] = RESET,     // the same
			[EV_DONE] = RESET,    // the same
			[EV_RST] = RESET,     // the answer to that
		},
	[RESET][1] =
		{
			[EV_SYN] = AGAIN, // as above, every one
			[EV_SYN_ACK] = QUIET,
			[EV_ACK] = RESET,
			[EV_FIN] = RESET,
			[EV_DONE] = RESET,
			[EV_RST] = RESET,
		},
	[PICKED][0] =
		{
			[EV_SYN] = AGAIN,   // it was an old connection's end that we saw
			[EV_SYN_ACK] = BAD, // nobody opens
			[EV_ACK] = PICKED,  // the other side is still to be seen
			[EV_FIN] = FIN_O,   // half-closes
			[EV_DONE] = PICKED, // the other side is still to be seen
			[EV_RST] = RESET,   // breaks off
		},
	[PICKED][1] =
		{
			[EV_SYN] = AGAIN,   // the other way round, and new
			[EV_SYN_ACK] = BAD, // nobody opens
			[EV_ACK] = ESTAB,   // both sides live
			[EV_FIN] = FIN_R,   // half-closes
			[EV_DONE] = ESTAB,  // both sides live
			[EV_RST] = RESET,   // knows nothing of it
		},
};

static inline bool before(uint32_t a, uint32_t b) {
	return (int32_t)(a - b) < 0;
}

static inline uint32_t window(const struct tcp_side *side) {
	return (uint32_t)side->win << side->scale;
}

static bool opening(unsigned state) {
	return state <= SESSION_TCP_SYN_RECEIVED;
}

// SYN, SYN+ACK, ACK, FIN+ACK, RST, RST+ACK, with PSH and URG or without.
static bool flags_good(unsigned flags) {
	switch (flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) {
	case TCP_SYN:
	case TCP_SYN | TCP_ACK:
	case TCP_ACK:
	case TCP_FIN | TCP_ACK:
	case TCP_RST:
	case TCP_RST | TCP_ACK:
		return true;
	default:
		return false;
	}
}

static uint32_t seg_end(const struct tcp_seg *seg) {
	return seg->seq + seg->len + !!(seg->flags & TCP_SYN) + !!(seg->flags & TCP_FIN);
}

// ---- numbers ---------------------------------------------------------------------------------------------------

// A SYN's window is not scaled; sides keep theirs in units of the scale that the handshake will settle on.
static void side_begin(struct tcp_side *s, const struct tcp_seg *seg) {
	*s = (struct tcp_side){.end = seg_end(seg), .ack = seg->seq + 1, .win = seg->win};
	s->flags = TCP_SIDE_SEEN;
	if (seg->scale >= 0) {
		s->flags |= TCP_SIDE_SCALE;
		s->scale = seg->scale > TCP_SCALE_MAX ? TCP_SCALE_MAX : (uint8_t)seg->scale;
		s->win = (uint16_t)((seg->win + (1u << s->scale) - 1) >> s->scale);
	}
}

// Scaling is on only when both SYNs offer it (RFC 7323 section 1.3).
static void scales_settle(struct tcp_side side[2]) {
	if (side[0].flags & side[1].flags & TCP_SIDE_SCALE)
		return;
	for (unsigned i = 0; i < 2; i++) {
		uint32_t win = window(&side[i]);

		side[i].win = win > UINT16_MAX ? UINT16_MAX : (uint16_t)win;
		side[i].scale = 0;
	}
}

// The middle of a connection: what windows mean was settled unseen, so they are taken as wide as they can be.
static void side_pick_up(struct tcp_side *s, const struct tcp_seg *seg) {
	uint32_t end = seg_end(seg);

	if (s->win > 0 && before(end, s->end))
		end = s->end; // the other side has acknowledged more
	*s = (struct tcp_side){.end = end, .ack = seg->ack, .win = seg->win};
	s->scale = TCP_SCALE_MAX;
	s->flags = TCP_SIDE_SEEN | TCP_SIDE_ACKED;
	if (s->win == 0)
		s->win = 1;
}

// RFC 9293 section 3.10.7.4, first step, as seen from outside: not beyond what the receiver offered, and not older than
// what it may have missed.
static bool seq_good(
	const struct tcp_side *from, const struct tcp_side *to, const struct tcp_seg *seg) {
	uint32_t offered = window(to) ? window(to) : 1; // a probe of a closed window
	uint32_t base = to->flags & TCP_SIDE_ACKED ? to->ack : from->end;

	if (before(base + offered, seg_end(seg)))
		return false;
	if (from->flags & TCP_SIDE_FIN && before(from->end, seg_end(seg)))
		return false; // more after the end
	return !before(seg->seq, from->end - offered - 1);
}

// The first of a side of which only the other one's word is known: near what that acknowledged.
static bool unseen_good(const struct tcp_side *to, const struct tcp_seg *seg) {
	uint32_t around = window(to) > UINT16_MAX ? window(to) : UINT16_MAX;

	return !before(to->ack + around, seg->seq) && !before(seg->seq, to->ack - around);
}

// RFC 5961 section 5: SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT.
static bool ack_good(
	const struct tcp_side *from, const struct tcp_side *to, const struct tcp_seg *seg) {
	if (to->flags & TCP_SIDE_SEEN && before(to->end, seg->ack))
		return false;
	return !(from->flags & TCP_SIDE_ACKED) || !before(seg->ack, from->ack - window(from) - 1);
}

// RFC 5961 section 3: only the number that the receiver waits for resets; others in the window are for it to challenge.
static enum tcp_verdict reset_judge(
	const struct tcp_side side[2], unsigned state, unsigned dir, const struct tcp_seg *seg) {
	const struct tcp_side *from = &side[dir], *to = &side[!dir];

	if (state == SESSION_TCP_SYN_SENT &&
		dir == 1) { // section 3.10.7.3: its ACK must be of the SYN
		if (!(seg->flags & TCP_ACK))
			return TCP_BAD_ACK;
		return before(seg->ack, to->ack) || before(to->end, seg->ack) ? TCP_BAD_ACK
									      : TCP_OK;
	}
	if (!(from->flags & TCP_SIDE_SEEN)) // picked up: only the other side was seen
		return seg->seq == to->ack ? TCP_OK : TCP_BAD_SEQ;
	if (seg->seq == from->end || (to->flags & TCP_SIDE_ACKED && seg->seq == to->ack))
		return TCP_OK;
	return seq_good(from, to, seg) ? TCP_QUIET : TCP_BAD_SEQ;
}

static enum tcp_verdict numbers_judge(
	const struct tcp_side side[2], unsigned state, unsigned dir, const struct tcp_seg *seg) {
	const struct tcp_side *from = &side[dir], *to = &side[!dir];

	if (seg->flags & TCP_RST)
		return reset_judge(side, state, dir, seg);
	if (seg->flags & TCP_SYN && !(seg->flags & TCP_ACK))
		return TCP_OK;                           // the table knows what to make of it
	if (state == SESSION_TCP_SYN_SENT && dir == 1) { // the answer must be to this SYN
		if (!(seg->flags & TCP_SYN))
			return TCP_OK;
		return before(seg->ack, to->ack) || before(to->end, seg->ack) ? TCP_BAD_ACK
									      : TCP_OK;
	}
	if (from->flags & TCP_SIDE_SEEN) {
		if (!seq_good(from, to, seg))
			return TCP_BAD_SEQ;
	} else if (!unseen_good(to, seg)) {
		return TCP_BAD_SEQ;
	}
	return ack_good(from, to, seg) ? TCP_OK : TCP_BAD_ACK;
}

// ---- what it changes ----------------------------------------------------------------------------------------------

static void ack_take(
	struct tcp_side side[2], unsigned state, unsigned dir, const struct tcp_seg *seg) {
	struct tcp_side *from = &side[dir], *to = &side[!dir];

	if (!(from->flags & TCP_SIDE_ACKED) || before(from->ack, seg->ack))
		from->ack = seg->ack;
	from->flags |= TCP_SIDE_ACKED;
	if (!(to->flags & TCP_SIDE_SEEN) && before(to->end, seg->ack))
		to->end = seg->ack;
	if (seg->ack == to->end && (opening(state) || to->flags & TCP_SIDE_FIN))
		to->flags |= TCP_SIDE_DONE;
}

static void sides_update(
	struct tcp_side side[2], unsigned state, unsigned dir, const struct tcp_seg *seg) {
	struct tcp_side *from = &side[dir];
	bool syn = seg->flags & TCP_SYN;

	if (seg->flags & TCP_RST)
		return;
	bool first = !(from->flags & TCP_SIDE_SEEN);
	bool attempt = !(from->flags & TCP_SIDE_ACKED) && from->ack != seg->seq + 1;
	if (syn && (first || attempt))
		side_begin(from, seg);
	else if (!(from->flags & TCP_SIDE_SEEN))
		side_pick_up(from, seg);
	if (syn && side[0].flags & side[1].flags & TCP_SIDE_SEEN)
		scales_settle(side);
	if (before(from->end, seg_end(seg)))
		from->end = seg_end(seg);
	if (!syn && from->win < seg->win)
		from->win = seg->win;
	if (seg->flags & TCP_FIN && seg_end(seg) == from->end && !(from->flags & TCP_SIDE_FIN))
		from->flags = (uint8_t)((from->flags | TCP_SIDE_FIN) & ~TCP_SIDE_DONE);
	if (seg->flags & TCP_ACK)
		ack_take(side, state, dir, seg);
}

// After the sides were brought up to date.
static enum event event_of(
	const struct tcp_side side[2], unsigned state, const struct tcp_seg *seg) {
	bool done = side[0].flags & side[1].flags & TCP_SIDE_DONE;

	if (seg->flags & TCP_RST)
		return EV_RST;
	if (seg->flags & TCP_SYN && !(done && state == SESSION_TCP_SYN_BOTH))
		return seg->flags & TCP_ACK ? EV_SYN_ACK : EV_SYN;
	if (done)
		return EV_DONE;
	return seg->flags & TCP_FIN ? EV_FIN : EV_ACK;
}

// A SYN in TIME_WAIT opens anew only beyond what its side has sent before: else it is an old one that was late.
static bool reopens(const struct tcp_side *from, unsigned state, const struct tcp_seg *seg) {
	return state != SESSION_TCP_TIME_WAIT || before(from->end, seg->seq);
}

static enum tcp_verdict cell_judge(
	unsigned cell, const struct tcp_side *from, unsigned state, const struct tcp_seg *seg) {
	switch (cell) {
	case QUIET:
		return TCP_QUIET;
	case BAD:
		return TCP_BAD_STATE;
	case AGAIN:
		return reopens(from, state, seg) ? TCP_REOPEN : TCP_QUIET;
	default:
		return TCP_OK;
	}
}

enum tcp_verdict tcp_track(struct tcp_side side[2], uint8_t *state, unsigned dir,
	const struct tcp_seg *seg, bool loose) {
	struct tcp_side now[2] = {side[0], side[1]};
	enum tcp_verdict verdict;

	if (!flags_good(seg->flags))
		return TCP_BAD_FLAGS;
	if (*state > SESSION_TCP_PICKED_UP)
		return TCP_BAD_STATE;
	if (*state == SESSION_NONE && !(seg->flags & TCP_SYN) && !loose)
		return TCP_BAD_STATE;
	if (*state != SESSION_NONE) {
		verdict = numbers_judge(side, *state, dir, seg);
		if (verdict != TCP_OK)
			return verdict;
	}
	// A SYN on what is open, or was, changes no numbers, and so makes nothing of its own.
	bool late_syn = seg->flags & TCP_SYN && *state > SESSION_TCP_SYN_RECEIVED;
	if (!late_syn)
		sides_update(now, *state, dir, seg);
	enum event event =
		late_syn ? seg->flags & TCP_ACK ? EV_SYN_ACK : EV_SYN : event_of(now, *state, seg);
	unsigned cell = next[*state][dir][event];
	verdict = cell_judge(cell, &side[dir], *state, seg);
	if (verdict != TCP_OK)
		return verdict;
	if (*state == SESSION_NONE &&
		cell == SESSION_TCP_PICKED_UP) // the other side, by this one's word
		now[1] = (struct tcp_side){seg->ack, seg->seq, UINT16_MAX, TCP_SCALE_MAX, 0};
	if (opening(*state) && !opening(cell)) { // DONE meant the SYN
		now[0].flags &= (uint8_t)~TCP_SIDE_DONE;
		now[1].flags &= (uint8_t)~TCP_SIDE_DONE;
	}
	side[0] = now[0];
	side[1] = now[1];
	*state = (uint8_t)cell;
	return TCP_OK;
}

bool tcp_quoted(const struct tcp_side side[2], unsigned dir, uint32_t seq) {
	const struct tcp_side *from = &side[dir];
	uint32_t back = window(&side[!dir]);

	if (!(from->flags & TCP_SIDE_SEEN))
		return false;
	return !before(from->end, seq) &&
		!before(seq, from->end - (back > 65535 ? back : 65535) - 1);
}

// ---- the wire -------------------------------------------------------------------------------------------------------

static int8_t scale_find(const uint8_t *at, const uint8_t *end) {
	for (const uint8_t *o; (o = tcp_option_next(&at, end));)
		if (o[0] == TCP_OPTION_SCALE && o[1] == 3)
			return o[2] > TCP_SCALE_MAX ? TCP_SCALE_MAX : (int8_t)o[2];
	return -1;
}

bool tcp_decode(const uint8_t *data, size_t len, size_t in_buffer, struct tcp_seg *seg) {
	if (in_buffer < TCP_HEADER || len < TCP_HEADER)
		return false;
	size_t header = (size_t)(data[12] >> 4) * 4;
	if (header < TCP_HEADER || header > len || header > in_buffer)
		return false;
	*seg = (struct tcp_seg){.seq = get32(data + 4),
		.ack = get32(data + 8),
		.len = (uint32_t)(len - header),
		.win = (uint16_t)(data[14] << 8 | data[15]),
		.flags = data[13] & 0x3f,
		.scale = -1};
	if (seg->flags & TCP_SYN)
		seg->scale = scale_find(data + TCP_HEADER, data + header);
	return true;
}
