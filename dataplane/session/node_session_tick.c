// SPDX-License-Identifier: BSD-3-Clause
// Once per turn of a worker: time, timers and sweeps of its sessions, and of those of workers that are gone.
#include "dataplane/dataplane.h"
#include "dataplane/session/session_priv.h"

#define EXPIRE_BUDGET 2048 // 256 sessions that may be over
#define SWEEP_BUDGET  512

static struct dp_node session_tick = {
	.name = "session_tick",
	.help = "ends sessions that are over",
	.source = true,
};

static inline void turn(struct session_owner *o) {
	o->now_ns = dp_self->now_ns;
	o->tick = (uint32_t)(dp_self->now_ns >> TABLE_TICK_SHIFT);
	session_expire(o, EXPIRE_BUDGET);
	session_sweep_step(o, SWEEP_BUDGET);
}

static uint16_t session_tick_process(struct rte_graph *, struct rte_node *, void **, uint16_t) {
	for (unsigned i = 0; i < TABLE_WORKERS; i++)
		if (session_owners[i].started && session_acts(dp_self->id, i))
			turn(&session_owners[i]);
	return 0;
}

DP_NODE(session_tick)
