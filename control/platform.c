// SPDX-License-Identifier: BSD-3-Clause
#include "control/platform.h"
#include "dataplane/blocklist.h"
#include "dataplane/dataplane.h"
#include "dataplane/session/session.h"
#include "firewall/firewall.h"
#include "router/router.h"
#include "switch/switch.h"

static int start(const struct ctl_options *options, const json_t *tree, struct err *err) {
	struct dp_start_opts opts = {
		.run_dir = options->run_dir,
		.quiet = options->log_level < LOG_LEVEL_DEBUG,
	};
	dp_start_decode(tree, &opts);
	if (options->memory_mb)
		opts.memory_mb = options->memory_mb;
	if (options->no_huge)
		opts.no_huge = true;
	return dp_start(&opts, err);
}

static const struct module *const modules[] = {&dataplane_module, &blocklist_module,
	&session_module, &switch_module, &router_module, &firewall_module, NULL};

const struct ctl_platform ctl_platform = {
	.modules = modules,
	.privileged = dp_start_privileged,
	.start = start,
	.stop = dp_stop,
	.sync = dp_sync,
};
