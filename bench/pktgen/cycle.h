// SPDX-License-Identifier: BSD-3-Clause
// pure
// tcp=cycle: whole connections between the two generator ports of a process. Each side answers what it was sent: side 0
// opens, both send one frame of data, both close. So a step is only taken when the one before came through
// what is measured, and a rate of sessions is one of connections that it let live and die.
//
// At most `limit` of them are under way at once. When nothing comes any more for CYCLE_PATIENCE_MS they are given up.
// Two threads at most: one sends, one receives.
#pragma once

#include "bench/pktgen/flows.h"
#include "lib/err.h"
#include <stdbool.h>
#include <stdint.h>

#define CYCLE_LIMIT       1024
#define CYCLE_PATIENCE_MS 20

struct cycle_item {
	uint32_t flow;
	uint32_t step; // enum flows_step
};

struct cycle {
	bool side;
	uint32_t n_flows, limit;
	uint8_t *expected; // per flow: the step that must come next; FLOWS_STEPS: none
	// What is to be answered: written at `tail` by who receives, read at `head` by who sends.
	struct cycle_item *answers;
	uint32_t mask, head, tail;
	uint32_t next;   // flow to open next
	uint64_t opened; // by who sends
	uint64_t ended;  // by who receives, and by who gives up
	uint64_t given_up, established;
	uint64_t seen, seen_before, since; // is there progress?
};

int cycle_init(struct cycle *cycle, bool side, uint32_t flows, struct err *err);
void cycle_fini(struct cycle *cycle);
// A step of a flow came. True: it was the one expected.
bool cycle_receive(struct cycle *cycle, uint32_t flow, enum flows_step step);
// What to send next, at most n: answers first, then openings. `now` and `patience` are in one unit.
unsigned cycle_send(
	struct cycle *cycle, struct cycle_item *items, unsigned n, uint64_t now, uint64_t patience);
