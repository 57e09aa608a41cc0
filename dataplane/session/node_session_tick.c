// SPDX-License-Identifier: BSD-3-Clause
// Once per turn of a worker: time, timers and sweeps of its sessions, and of those of workers that are gone.
#include "dataplane/dataplane.h"
#include "dataplane/session/path.h"

#define EXPIRE_BUDGET 2048 // 256 sessions that may be over
#define SWEEP_BUDGET  512

static struct dp_node session_tick = {
	.name = "session_tick",
	.help = "ends sessions that are over, and speaks to the servers of those behind a SYN "
		"proxy",
	.source = true,
	.next = session_next,
};

static inline void turn(struct session_owner *o) {
	o->now_ns = dp_self->now_ns;
	o->tick = (uint32_t)(dp_self->now_ns >> TABLE_TICK_SHIFT);
	session_expire(o, EXPIRE_BUDGET);
	session_sweep_step(o, SWEEP_BUDGET);
}

static uint16_t says(struct rte_graph *graph, struct rte_node *node, struct session_owner *o) {
	uint16_t sent = 0;

	for (uint32_t i = 0; i < o->n_says; i++) {
		struct rte_mbuf *m = path_syn_say(o->says[i]);

		if (m == NULL)
			continue;
		rte_node_enqueue_x1(graph, node, (rte_edge_t)(session_syn_edge - 1), m);
		sent++;
	}
	o->n_says = 0;
	return sent;
}

static uint16_t session_tick_process(
	struct rte_graph *graph, struct rte_node *node, void **, uint16_t) {
	uint16_t sent = 0;

	for (unsigned i = 0; i < TABLE_WORKERS; i++) {
		struct session_owner *o = &session_owners[i];

		if (!o->started || !session_acts(dp_self->id, i))
			continue;
		turn(o);
		if (unlikely(o->n_says > 0))
			sent += says(graph, node, o);
	}
	return sent;
}

DP_NODE(session_tick)
