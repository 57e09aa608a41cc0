// SPDX-License-Identifier: BSD-3-Clause
// One run of the engine: warm-up, the time that counts, and the end of what was on its way; and what came of it.
#pragma once

#include "bench/pktgen/engine.h"
#include <jansson.h>
#include <signal.h>

struct run {
	// Counters since the run began: when it began to count, when that was over, when all was in.
	struct engine_counters from[ENGINE_PORTS], to[ENGINE_PORTS], end[ENGINE_PORTS];
	uint64_t began_ns, began_cpu_ns;
	double ms, cpu_ms;
	double rate; // of each port that sends; 0: none
	bool links;
};

// Makes everything come back soon. Set by a signal.
extern volatile sig_atomic_t run_stop;

void run_links_look(struct engine *engine); // ten times a second, however often it is called
void run_turn(struct engine *engine, unsigned us, bool send);
void run_for(struct engine *engine, double ms); // sends

void run_begin(struct engine *engine, struct run *run, double rate);
void run_count(struct engine *engine, struct run *run);
void run_mark(struct engine *engine, struct run *run); // so far
void run_finish(struct engine *engine, struct run *run);
// All of it.
void run_whole(struct engine *engine, struct run *run, double rate, double warm_ms, double ms);

// Of all that was sent since the run began, the warm-up included: what was on its way then is not lost.
uint64_t run_offered(const struct run *run);
int64_t run_lost(const struct run *run);
double run_loss(const struct run *run);      // a share; 1 when nothing was sent
uint64_t run_packets(const struct run *run); // received while it counted
// Not the device under test set the pace but this process: that is no result.
bool run_generator_bound(const struct run *run);
json_t *run_row(const struct engine *engine, const struct run *run);
