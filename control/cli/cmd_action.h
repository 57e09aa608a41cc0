// SPDX-License-Identifier: BSD-3-Clause
// Verbs that the daemon's modules bring along: `leat VERB NOUN ARGS`, from /v1/schema.
#pragma once

#include "control/cli/cmd.h"

// Runs `verb` if the daemon knows it. False when it does not (err->code 0) or cannot be asked (err set).
bool cmd_action_run(struct client *client, const char *verb, size_t n, const char *const *args,
	enum cmd_status *status, struct err *err);

// Prints the help of a daemon's verb; false when `actions` has none of that name.
bool cmd_action_usage(FILE *out, const json_t *actions, const char *verb);
