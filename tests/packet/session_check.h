// SPDX-License-Identifier: BSD-3-Clause
// A second opinion on sessions, the slow and obvious way: is the table what it claims to be? For packet tests, soaks and fuzz targets.
#pragma once

#include "dataplane/session/session_priv.h" // lint: allow priv: the table is looked at from inside
#include <stddef.h>

// NULL: units, index, timer wheels, free lists and counters agree. Else what does not; it stays until the next call. No worker may run.
const char *session_check(void);

// The TCP rules for numbers once more, with 64-bit numbers: what a segment may be while a connection is open. `top`: the highest number
// sent, `acked`: the highest acknowledged, `win`: the widest window offered.
struct tcp_model {
	int64_t top[2], acked[2], win[2];
	unsigned scale[2];
	bool fin[2];
	bool known;
};

enum model_says { MODEL_PASSES, MODEL_REFUSES, MODEL_NO_WORD };

// Takes over what a tracker has found while the connection was opened. Stays unknown until both sides were seen.
void tcp_model_begin(struct tcp_model *m, const struct tcp_side side[2]);
// A segment of direction `dir` of a connection in this state, at least established.
enum model_says tcp_model_track(
	struct tcp_model *m, unsigned state, unsigned dir, const struct tcp_seg *seg);
