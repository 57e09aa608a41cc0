// SPDX-License-Identifier: BSD-3-Clause
// A command: one verb, one file, one const struct. Its options are rows, from which parsing, `leat help` and
// completion come. Verbs that the daemon's modules bring along (flush, drain) have no struct: cmd_action.c
// runs them from /v1/schema.
#pragma once

#include "control/cli/client.h"
#include "control/cli/complete.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define CMD_OPTS_MAX 12

enum cmd_status { CMD_DONE, CMD_REFUSED, CMD_UNREACHABLE }; // exit statuses

struct cmd_opt {
	const char *name; // "--name"
	char letter;      // "-n"; 0: none
	const char *
		arg; // what it takes, for the help: "FILE"; NULL: a switch; "[SECONDS]": an optional number
	const char *help;
};

#define CMD_OPT_JSON \
	{ "json", 0, NULL, "print JSON, for programs" }
#define CMD_OPT_WATCH \
	{ "watch", 0, "[SECONDS]", "print again every 2 SECONDS, until ^C" }

struct cmd;
struct cmd_line {
	const struct cmd *cmd;
	const char *
		values[CMD_OPTS_MAX]; // parallel to cmd->opts: NULL when not given, "" for a switch
	const char **words;           // the rest, in order
	size_t n_words;
};

struct cmd {
	const char *name;
	const char *usage;          // "NOUN [KEY]"; "" when it takes no words
	const char *help;           // one line, lower case, no full stop
	const char *more;           // a paragraph for `leat help NAME`; NULL: none
	const struct cmd_opt *opts; // closed by {0}; NULL: none
	size_t min_words, max_words;
	bool hidden;
	enum cmd_status (*run)(struct client *client, const struct cmd_line *line);
	void (*complete)(struct complete *complete); // NULL: nothing to suggest
};

extern const struct cmd cmd_show, cmd_apply, cmd_check, cmd_set, cmd_unset, cmd_diff, cmd_confirm,
	cmd_history, cmd_rollback, cmd_trace, cmd_capture, cmd_events, cmd_top, cmd_help,
	cmd_version, cmd_complete;
extern const struct cmd *const cmd_list[]; // NULL-terminated, in the order of the help
const struct cmd *cmd_find(const char *name);

// Sorts words and options of `args` (behind the verb). Options may stand anywhere; "--" ends them. Returns 0 or
// -EINVAL with err set. line->words is malloc'ed: cmd_line_fini().
int cmd_parse(const struct cmd *cmd, size_t n, const char *const *args, struct cmd_line *line,
	struct err *err);
void cmd_line_fini(struct cmd_line *line);

// The option that wants its value in the word behind `word`; NULL: none does.
const struct cmd_opt *cmd_opt_pending(const struct cmd *cmd, const char *word);

// An option's value by name: NULL when it was not given.
const char *cmd_value(const struct cmd_line *line, const char *name);
// A number in the range, or `fallback` when it was not given; -1 with err set when it is none.
long cmd_number(const struct cmd_line *line, const char *name, long min, long max, long fallback,
	struct err *err);

void cmd_usage(FILE *out, const struct cmd *cmd);

// Runs `once` again and again with --watch, else once. ^C ends it with CMD_DONE.
enum cmd_status cmd_repeat(struct client *client, const struct cmd_line *line,
	enum cmd_status (*once)(struct client *client, const struct cmd_line *line));
