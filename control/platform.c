// SPDX-License-Identifier: BSD-3-Clause
#include "control/platform.h"
#include "dataplane/dataplane.h"
#include "switch/switch.h"

static int start(const struct ctl_options *options, struct err *err) {
	struct dp_start_opts opts = {
		.run_dir = options->run_dir,
		.memory_mb = options->memory_mb,
		.no_huge = options->no_huge,
		.quiet = options->log_level < LOG_LEVEL_DEBUG,
	};
	return dp_start(&opts, err);
}

static const struct module *const modules[] = {&dataplane_module, &switch_module, NULL};

const struct ctl_platform ctl_platform = {
	.modules = modules,
	.privileged = dp_start_privileged,
	.start = start,
	.stop = dp_stop,
	.sync = dp_sync,
};
