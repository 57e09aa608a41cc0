// SPDX-License-Identifier: BSD-3-Clause
#include "firewall/conf.h"
#include "firewall/firewall.h"
#include "firewall/firewall_priv.h"

static const char *const after[] = {"router", "session", NULL};
static const char *const reads[] = {"routers", "switches", NULL};

const struct module firewall_module = {
	.name = "firewall",
	.help = "which connections may be",
	.after = after,
	.reads = reads,
	.sections = fw_sections,
	.nouns = fw_nouns,
	.actions = fw_actions,
	.fini = fw_fini,
	.prepare = fw_prepare,
	.commit = fw_commit,
	.release = fw_release,
	.abort = fw_release,
	.poll = fw_poll,
	.check = fw_check,
	.note = fw_note,
};
