// SPDX-License-Identifier: BSD-3-Clause
// The end of every packet that goes nowhere: counts it by port and reason, and frees it.
#include "dataplane/dataplane_priv.h"
#include <stdio.h>

static int drop_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	uint16_t reason = dp_meta((struct rte_mbuf *)(uintptr_t)m)->drop;
	const struct dp_drop_info *info = dp_drop_info(reason);
	char name[80];

	return snprintf(buf, size, "%s: %s", dp_drop_name(reason, name, sizeof(name)),
		info ? info->drop->help : "");
}

static struct dp_node drop = {
	.name = "drop",
	.help = "counts and frees the packets that other nodes gave up",
	.trace = drop_trace,
};

static uint16_t drop_process(struct rte_graph *, struct rte_node *, void **objs, uint16_t n) {
	struct dp_drop_table *table = dp_drop_tables[dp_self->id];

	for (uint16_t i = 0; i < n; i++) {
		const struct rte_mbuf *m = objs[i];
		uint64_t *count = &table->count[RTE_MIN(m->port, DP_MAX_PORTS)]
					       [dp_meta(objs[i])->drop % DP_MAX_DROPS];
		__atomic_store_n(count, *count + 1, __ATOMIC_RELAXED);
	}
	rte_pktmbuf_free_bulk((struct rte_mbuf **)objs, n);
	return n;
}

DP_NODE(drop)
