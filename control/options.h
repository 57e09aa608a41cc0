// SPDX-License-Identifier: BSD-3-Clause
// leatd's command line.
#pragma once

#include "lib/log.h"
#include <stdbool.h>

#define CTL_RUN_DIR     "/run/leat"
#define CTL_STATE_DIR   "/var/lib/leat"
#define CTL_PLUGINS_MAX 16

enum ctl_dump { CTL_DUMP_NONE, CTL_DUMP_JSON, CTL_DUMP_MANUAL, CTL_DUMP_LUA, CTL_DUMP_OPENAPI };

struct ctl_options {
	const char *config; // -c; NULL: none
	const char *state_dir;
	const char *run_dir;
	const char *plugins[CTL_PLUGINS_MAX];
	unsigned n_plugins;
	unsigned memory_mb; // 0: the data plane's default
	bool no_huge;
	enum log_level log_level;
	const char *check;  // --check FILE: say whether it is accepted, and end
	enum ctl_dump dump; // --dump-schema: print, and end
};

// Returns -1 to go on, or the exit status (--help, --version, a mistake).
int ctl_options_parse(int argc, char **argv, struct ctl_options *options);
