// SPDX-License-Identifier: BSD-3-Clause
#include "lib/log.h"
#include "switch/switch_priv.h"

static int init(struct err *err) {
	const struct fdb_isa *isa = fdb_isa_best();

	sw_resolve = isa->resolve;
	log_debug("switch", "station look-up", "isa=%s", isa->name);
	dp_port_on_link(sw_link_changed);
	return sw_learn_init(err);
}

static void fini(void) {
	sw_table_fini();
	sw_learn_fini();
}

static const char *const after[] = {"dataplane", NULL};
static const char *const reads[] = {"ports", NULL};

const struct module switch_module = {
	.name = "switch",
	.help = "VLAN-aware learning switches",
	.after = after,
	.reads = reads,
	.sections = sw_sections,
	.nouns = sw_nouns,
	.actions = sw_actions,
	.init = init,
	.fini = fini,
	.prepare = sw_prepare,
	.commit = sw_commit,
	.release = sw_release,
	.abort = sw_abort,
	.poll = sw_poll,
};
