// SPDX-License-Identifier: BSD-3-Clause
// pure
// The TCP tracker: is this segment one that the connection could carry, and what does it make of the connection?
//
// The state machine is one const table (conn_tcp.c). Numbers are checked as RFC 9293 section 3.10.7.4 and RFC 5961 tell the
// receiver to do it, from what passed by here: per side the highest sequence number sent, the highest acknowledged, and
// the largest window offered. Of no memory but the two sides below; no time, no packets.
#pragma once

#include "dataplane/session/session.h"

// What one side has said. 12 bytes.
struct tcp_side {
	uint32_t end; // sequence number after the last that it sent (SYN and FIN count)
	uint32_t
		ack; // the highest that it acknowledged; before that, in SYN_SENT: the first number after its SYN
	uint16_t win;  // the largest window that it offered, in units of 1 << scale
	uint8_t scale; // of windows in segments other than SYN (RFC 7323)
	uint8_t flags; // enum tcp_side_flag
};

enum tcp_side_flag {
	TCP_SIDE_SEEN = 1 << 0,  // it has sent something: end and win are true
	TCP_SIDE_ACKED = 1 << 1, // it has acknowledged something: ack is true
	TCP_SIDE_SCALE = 1 << 2, // its SYN offered window scaling
	TCP_SIDE_FIN = 1 << 3,   // end includes its FIN
	TCP_SIDE_DONE = 1
		<< 4, // the other side has acknowledged its SYN (while opening) or its FIN (while closing)
	TCP_SIDE_UNSCALED = 1
		<< 5, // a SYN proxy's server: it does not scale, though the other side was told that it does
};

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32 };

enum {
	TCP_HEADER = 20,    // bytes without options
	TCP_SCALE_MAX = 14, // RFC 7323 section 2.3
};

enum tcp_option {
	TCP_OPTION_END,
	TCP_OPTION_NOP,
	TCP_OPTION_MSS,
	TCP_OPTION_SCALE,
	TCP_OPTION_SACK_PERMITTED,
	TCP_OPTION_SACK,
};

// The next option of a header, of whose options those from *at to `end` are left: its kind, its length with these two, and what it says.
// NULL: there is none, or it is broken.
static inline const uint8_t *tcp_option_next(const uint8_t **at, const uint8_t *end) {
	while (*at < end && **at == TCP_OPTION_NOP)
		(*at)++;
	const uint8_t *option = *at;
	if (end - option < 2 || option[0] == TCP_OPTION_END || option[1] < 2 ||
		option[1] > end - option)
		return NULL;
	*at += option[1];
	return option;
}

// A segment, decoded. Host byte order.
struct tcp_seg {
	uint32_t seq, ack;
	uint32_t len; // of the payload
	uint16_t win; // as written
	uint8_t flags;
	int8_t scale; // option of a SYN; -1: none
};

enum tcp_verdict {
	TCP_OK,    // passes; sides and state are brought up to date
	TCP_QUIET, // passes and changes nothing: the receiver will answer with a challenge (RFC 5961), or it is a repetition
	TCP_REOPEN, // a new connection begins on this tuple: forget this one and judge the packet as a first one
	TCP_BAD_FLAGS, // a combination that no TCP sends
	TCP_BAD_STATE, // not in this state
	TCP_BAD_SEQ,   // outside the window
	TCP_BAD_ACK,   // acknowledges what was not sent, or what was long ago
	TCP_VERDICTS,
};

// One segment of direction `dir` (0: originator). A new connection: *state is SESSION_NONE and both sides zero. *state and sides
// change with TCP_OK only. `loose`: a connection may be picked up in its middle.
enum tcp_verdict tcp_track(struct tcp_side side[2], uint8_t *state, unsigned dir,
	const struct tcp_seg *seg, bool loose);

// Could the connection have sent this number lately? For segments quoted in ICMP errors (RFC 5927 section 4).
bool tcp_quoted(const struct tcp_side side[2], unsigned dir, uint32_t seq);

// Reads a TCP header and, of a SYN, its options. `len`: bytes of header and payload; `in_buffer` of them are at `data`.
// False: no header, or not all of it is there.
bool tcp_decode(const uint8_t *data, size_t len, size_t in_buffer, struct tcp_seg *seg);
