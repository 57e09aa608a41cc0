// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "bench/pktgen/cycle.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int cycle_init(struct cycle *cycle, bool side, uint32_t flows, struct err *err) {
	uint32_t slots =
		2 * CYCLE_LIMIT; // one more answer than sessions are under way, and stray ones

	*cycle = (struct cycle){.side = side,
		.n_flows = flows,
		.limit = flows < CYCLE_LIMIT ? flows : CYCLE_LIMIT,
		.mask = slots - 1};
	cycle->expected = malloc(flows);
	cycle->answers = calloc(slots, sizeof(*cycle->answers));
	if (!cycle->expected || !cycle->answers) {
		cycle_fini(cycle);
		return err_set(err, -ENOMEM, "flows=%u: out of memory for connections", flows);
	}
	memset(cycle->expected, FLOWS_STEPS, flows);
	return 0;
}

void cycle_fini(struct cycle *cycle) {
	free(cycle->expected);
	free(cycle->answers);
	*cycle = (struct cycle){0};
}

// Drops the answer when nobody sends: then nothing is under way either, soon.
static void answer_add(struct cycle *cycle, uint32_t flow, uint32_t step) {
	uint32_t tail = cycle->tail;

	if (tail - __atomic_load_n(&cycle->head, __ATOMIC_ACQUIRE) > cycle->mask)
		return;
	cycle->answers[tail & cycle->mask] = (struct cycle_item){flow, step};
	__atomic_store_n(&cycle->tail, tail + 1, __ATOMIC_RELEASE);
}

bool cycle_receive(struct cycle *cycle, uint32_t flow, enum flows_step step) {
	if (flow >= cycle->n_flows || (step & 1) == cycle->side)
		return false; // an own step, or none of ours
	// An opening is always welcome: the one before may have been given up.
	if (step != FLOWS_SYN && cycle->expected[flow] != step)
		return false;
	__atomic_store_n(&cycle->seen, cycle->seen + 1, __ATOMIC_RELAXED);
	cycle->expected[flow] = (uint8_t)(step + 2 < FLOWS_STEPS ? step + 2 : FLOWS_STEPS);
	if (step + 1 < FLOWS_STEPS)
		answer_add(cycle, flow, step + 1);
	if (step == FLOWS_SYN_ACK)
		cycle->established++;
	if (step == FLOWS_FIN_BACK)
		__atomic_store_n(&cycle->ended, cycle->ended + 1, __ATOMIC_RELAXED);
	return true;
}

static bool stuck(struct cycle *cycle, uint64_t now, uint64_t patience) {
	uint64_t seen = __atomic_load_n(&cycle->seen, __ATOMIC_RELAXED);

	if (seen != cycle->seen_before || cycle->since == 0) {
		cycle->seen_before = seen;
		cycle->since = now;
		return false;
	}
	return now - cycle->since > patience;
}

static uint64_t under_way(const struct cycle *cycle) {
	uint64_t gone = __atomic_load_n(&cycle->ended, __ATOMIC_RELAXED) + cycle->given_up;

	return cycle->opened > gone ? cycle->opened - gone : 0;
}

unsigned cycle_send(struct cycle *cycle, struct cycle_item *items, unsigned n, uint64_t now,
	uint64_t patience) {
	uint32_t head = cycle->head, tail = __atomic_load_n(&cycle->tail, __ATOMIC_ACQUIRE);
	unsigned made = 0;
	uint64_t room;

	while (made < n && head != tail)
		items[made++] = cycle->answers[head++ & cycle->mask];
	__atomic_store_n(&cycle->head, head, __ATOMIC_RELEASE);
	if (cycle->side)
		return made;
	if (made == 0 && under_way(cycle) >= cycle->limit && stuck(cycle, now, patience)) {
		cycle->given_up += under_way(cycle);
		cycle->since = 0;
	}
	room = under_way(cycle) < cycle->limit ? cycle->limit - under_way(cycle) : 0;
	for (; made < n && room > 0; room--) {
		uint32_t flow = cycle->next;
		cycle->next = flow + 1 < cycle->n_flows ? flow + 1 : 0;
		cycle->expected[flow] = FLOWS_SYN_ACK;
		cycle->opened++;
		items[made++] = (struct cycle_item){flow, FLOWS_SYN};
	}
	return made;
}
