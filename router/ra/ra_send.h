// SPDX-License-Identifier: BSD-3-Clause
// pure
// When a router advertises (RFC 4861 sections 6.2.4 to 6.2.6), and what it thinks of others' advertisements (6.2.7). Control thread
// only.
#pragma once

#include "router/neigh/nd.h"
#include "router/timers.h"

struct ra_sender {
	struct timer timer; // first
	struct timers *timers;
	void (*send)(struct ra_sender *s);
	uint32_t (*random)(void);
	uint64_t interval_ns; // the longest
	unsigned initial;     // advertisements sent since the start, up to three
	uint64_t last_ns;     // 0: none yet
	bool on;
};

void ra_sender_init(struct ra_sender *s, struct timers *timers, void (*send)(struct ra_sender *s),
	uint32_t (*random)(void));
void ra_sender_start(struct ra_sender *s); // or again: what is said has changed
void ra_sender_stop(struct ra_sender *s);
void ra_sender_solicited(
	struct ra_sender *s); // answered to all: soon, but not more often than every 3 s
// What another router says otherwise than we do, or NULL.
const char *ra_differs(const struct nd_router *ours, const struct nd_router *theirs);
