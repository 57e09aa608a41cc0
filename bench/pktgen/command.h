// SPDX-License-Identifier: BSD-3-Clause
// pure
// The commands that the generators take, one a line: a verb and `key=value` words. Each is answered by one line of JSON.
// One thread; no allocation.
#pragma once

#include "lib/err.h"
#include <stdio.h>

struct command_word {
	const char *key, *value;
	bool used;
};

struct command {
	char line[1024];
	const char *verb; // "" of an empty line
	unsigned n;
	struct command_word words[16];
};

// Takes the line apart. -EINVAL: too long, or a word without '='.
int command_parse(struct command *command, const char *line, struct err *err);
// *value is left as it is when the key is absent. -EINVAL: no number, or not within min..max.
int command_number(struct command *command, const char *key, double min, double max, double *value,
	struct err *err);
// -EINVAL when there is a key that nobody asked for.
int command_done(const struct command *command, struct err *err);
// Prints {"error": ...}.
void command_refuse(FILE *out, const struct err *err);
