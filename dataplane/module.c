// SPDX-License-Identifier: BSD-3-Clause
// The data plane's side of a transaction: its ports, and the workers that poll them.
#include "dataplane/dataplane_priv.h"
#include <errno.h>
#include <stdlib.h>

struct plan {
	struct dp_workers_conf workers;
	struct dp_ports_plan *ports;
	const json_t *tree;
};

static int dataplane_init(struct err *err) {
	dp_system_init();
	return dp_graph_layout(err); // again: plugins may have brought nodes
}

static int dataplane_prepare(const struct change *change, void **out, struct err *err) {
	struct plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return err_set(err, -ENOMEM, "out of memory");
	plan->tree = change->new;
	int rc = dp_system_decode(change->new, &plan->workers, err);
	if (rc == 0)
		rc = dp_workers_add(&plan->workers, err);
	if (rc < 0)
		goto free;
	rc = dp_ports_prepare(json_object_get(change->old, "ports"),
		json_object_get(change->new, "ports"), RTE_MAX(plan->workers.n, 1u), &plan->ports,
		err);
	if (rc < 0)
		goto trim;
	*out = plan;
	return 0;
trim:
	dp_workers_trim();
free:
	free(plan);
	return rc;
}

static void dataplane_commit(void *arg) {
	struct plan *plan = arg;

	dp_system_log_level(plan->tree);
	dp_workers_set(&plan->workers);
	dp_ports_commit(plan->ports);
	dp_drops_ports_changed();
	dp_workers_ports_changed();
}

static void dataplane_release(void *arg) {
	struct plan *plan = arg;

	dp_ports_release(plan->ports);
	dp_workers_trim();
	free(plan);
}

static void dataplane_abort(void *arg) {
	struct plan *plan = arg;

	dp_ports_abort(plan->ports);
	dp_workers_trim();
	free(plan);
}

static void dataplane_poll(uint64_t now_ns) {
	dp_ports_poll(now_ns);
	dp_workers_poll(now_ns);
}

const struct module dataplane_module = {
	.name = "dataplane",
	.help = "ports, workers and the packet graph",
	.sections = dp_sections,
	.nouns = dp_nouns,
	.streams = dp_streams,
	.init = dataplane_init,
	.prepare = dataplane_prepare,
	.commit = dataplane_commit,
	.release = dataplane_release,
	.abort = dataplane_abort,
	.poll = dataplane_poll,
};
