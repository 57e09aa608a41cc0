// SPDX-License-Identifier: BSD-3-Clause
// leat __complete LINE: what completion/leat.bash asks. LINE is the command line up to the cursor. The first line of
// the answer holds marks ("nospace": a candidate is only the beginning of a word; "files": names of files
// fit, too), every further line is a candidate for the last word. Never fails: offline there is less to suggest.
#include "control/cli/cmd.h"
#include "control/cli/complete.h"
#include "control/cli/words.h"
#include <stdio.h>
#include <string.h>

static void complete_opts(struct complete *complete) {
	const struct cmd_opt *opts = complete->line->cmd->opts;
	for (size_t i = 0; opts && opts[i].name; i++) {
		char text[64];
		snprintf(text, sizeof(text), "--%s", opts[i].name);
		complete_add(complete, text);
	}
}

static void complete_opt_value(struct complete *complete, const struct cmd_opt *opt) {
	if (strcmp(opt->arg, "FILE") == 0)
		complete->files = true;
	else if (strcmp(opt->arg, "PORT") == 0)
		complete_keys(complete, "ports");
	else if (strcmp(opt->arg, "SOURCE") == 0) {
		complete_add(complete, "running");
		complete_add(complete, "file");
		complete_add(complete, "overlay");
	}
}

// `words` are those behind the verb and before the one being typed.
static void complete_words(
	struct complete *complete, const struct cmd *cmd, size_t n, const char *const *words) {
	struct cmd_line line;
	struct err err = {0};
	const struct cmd_opt *pending = n ? cmd_opt_pending(cmd, words[n - 1]) : NULL;
	if (pending) {
		complete_opt_value(complete, pending);
		return;
	}
	if (cmd_parse(cmd, n, words, &line, &err) == 0) {
		complete->line = &line;
		if (complete->word[0] == '-')
			complete_opts(complete);
		else if (cmd->complete)
			cmd->complete(complete);
	}
	cmd_line_fini(&line);
}

static void complete_line(
	struct complete *complete, struct client *client, char **words, size_t n) {
	size_t at = 1; // words[0] is "leat"
	while (at + 2 < n &&
		(strcmp(words[at], "-r") == 0 || strcmp(words[at], "--run-dir") == 0)) {
		client->run_dir = words[at + 1];
		at += 2;
	}
	complete->word = words[n - 1];
	if (at + 1 == n && strcmp(words[at - 1], "-r") != 0) {
		complete_verbs(complete);
		return;
	}
	const struct cmd *cmd = at < n ? cmd_find(words[at]) : NULL;
	if (cmd)
		complete_words(complete, cmd, n - at - 2, (const char *const *)words + at + 1);
	else if (at + 1 < n)
		complete_action(
			complete, words[at], n - at - 2, (const char *const *)words + at + 1);
}

static void print_found(const struct complete *complete) {
	size_t i, len = strlen(complete->word);
	json_t *candidate;
	printf("%s%s\n", complete->more ? "nospace " : "", complete->files ? "files" : "");
	json_array_foreach (complete->found, i, candidate) {
		const char *text = json_string_value(candidate);
		if (strncmp(text, complete->word, len) == 0 && !strchr(text, '\n'))
			puts(text);
	}
}

static enum cmd_status complete_run(struct client *client, const struct cmd_line *line) {
	size_t n;
	struct complete complete = {.client = client, .word = "", .found = json_array()};
	char **words = words_split(line->words[0], &n);
	client->quick = true;
	if (words && n > 1)
		complete_line(&complete, client, words, n);
	print_found(&complete);
	words_free(words);
	json_decref(complete.found);
	return CMD_DONE;
}

const struct cmd cmd_complete = {
	.name = "__complete",
	.usage = "LINE",
	.help = "what may follow on a command line; for shells",
	.min_words = 1,
	.max_words = 1,
	.hidden = true,
	.run = complete_run,
};
