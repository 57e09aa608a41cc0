// SPDX-License-Identifier: BSD-3-Clause
// Every built-in command. A new one is its file, a line here and a line in meson.build.
#include "control/cli/cmd.h"

const struct cmd *const cmd_list[] = {
	&cmd_show,
	&cmd_check,
	&cmd_apply,
	&cmd_confirm,
	&cmd_diff,
	&cmd_history,
	&cmd_rollback,
	&cmd_set,
	&cmd_unset,
	&cmd_trace,
	&cmd_capture,
	&cmd_events,
	&cmd_top,
	&cmd_help,
	&cmd_version,
	&cmd_complete,
	NULL,
};
