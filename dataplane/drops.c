// SPDX-License-Identifier: BSD-3-Clause
// Drop counters as control sees them: the sum over all workers since the port came. Workers never reset theirs, so
// when a port index gets another port, its old sum is remembered and subtracted.
#include "dataplane/dataplane_priv.h"
#include <stdio.h>
#include <string.h>

static struct {
	char port[32];
	uint64_t before[DP_MAX_DROPS];
} origin[DP_MAX_PORTS + 1] = {[DP_MAX_PORTS] = {.port = "-"}};

static uint64_t drops_sum(unsigned port, unsigned reason) {
	uint64_t sum = 0;

	for (unsigned i = 0; i < DP_EXPLAINER; i++) {
		if (dp_drop_tables[i])
			sum += __atomic_load_n(
				&dp_drop_tables[i]->count[port][reason], __ATOMIC_RELAXED);
	}
	return sum;
}

void dp_drops_ports_changed(void) {
	for (unsigned port = 0; port < DP_MAX_PORTS; port++) {
		if (!dp_ports[port] || strcmp(origin[port].port, dp_ports[port]->name) == 0)
			continue;
		snprintf(origin[port].port, sizeof(origin[port].port), "%s", dp_ports[port]->name);
		for (unsigned reason = 0; reason < DP_MAX_DROPS; reason++)
			origin[port].before[reason] = drops_sum(port, reason);
	}
}

uint64_t dp_drops_count(unsigned port, unsigned reason) {
	return drops_sum(port, reason) - origin[port].before[reason];
}

const char *dp_drops_port(unsigned port) {
	return origin[port].port;
}

const char *dp_drop_name(unsigned reason, char *buf, size_t size) {
	const struct dp_drop_info *info = dp_drop_info(reason);

	if (info)
		snprintf(buf, size, "drop_%s_%s", info->node->name, info->drop->why);
	else
		snprintf(buf, size, "drop_%u", reason);
	return buf;
}
