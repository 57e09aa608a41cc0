// SPDX-License-Identifier: BSD-3-Clause
// leat: the command-line client. It links no DPDK and no Lua, so that it starts in milliseconds.
#include "control/cli/cmd.h"
#include "control/cli/cmd_action.h"
#include "lib/schema.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void client_init(struct client *client) {
	const char *run_dir = getenv("LEAT_RUN_DIR"), *term = getenv("TERM");
	*client = (struct client){
		.run_dir = run_dir && *run_dir ? run_dir : CLIENT_RUN_DIR,
		.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && term &&
			strcmp(term, "dumb") != 0,
	};
}

// Options before the verb. Returns the index of the verb, or -1 with err set.
static int parse_globals(
	struct client *client, int argc, char **argv, const char **verb, struct err *err) {
	int i = 1;
	for (; i < argc && argv[i][0] == '-'; i++) {
		const char *word = argv[i];
		if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
			*verb = "help";
		else if (strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0)
			*verb = "version";
		else if (strncmp(word, "--run-dir=", 10) == 0)
			client->run_dir = word + 10;
		else if ((strcmp(word, "-r") == 0 || strcmp(word, "--run-dir") == 0) &&
			i + 1 < argc)
			client->run_dir = argv[++i];
		else if (strcmp(word, "-r") == 0 || strcmp(word, "--run-dir") == 0)
			return err_set(err, -EINVAL, "%s wants the daemon's run folder: %s RUN-DIR",
				word, word);
		else
			return err_set(err, -EINVAL,
				"unknown option %s before the command; options of a command "
				"stand behind it: leat show ports --json",
				word);
	}
	return i;
}

static int unknown_verb(const char *verb, const struct err *asked, struct err *err) {
	const char *known[64] = {0};
	size_t n = 0;
	for (size_t i = 0; cmd_list[i] && n < 63; i++) {
		if (!cmd_list[i]->hidden)
			known[n++] = cmd_list[i]->name;
	}
	const char *nearest = schema_nearest(verb, known);
	if (nearest)
		return err_set(
			err, -EINVAL, "unknown command %s; did you mean `leat %s`?", verb, nearest);
	if (asked->code == -ENOTCONN) {
		*err = *asked; // it may be one that the daemon knows
		return -ENOTCONN;
	}
	return err_set(err, -EINVAL, "unknown command %s; `leat help` lists them", verb);
}

static enum cmd_status run_cmd(
	struct client *client, const struct cmd *cmd, size_t n, const char *const *args) {
	struct cmd_line line;
	struct err err = {0};
	enum cmd_status status;
	for (size_t i = 0; i < n && !cmd->hidden && strcmp(args[i], "--") != 0; i++) {
		if (strcmp(args[i], "--help") == 0) {
			cmd_usage(stdout, cmd);
			return CMD_DONE;
		}
	}
	int rc = cmd_parse(cmd, n, args, &line, &err);
	if (rc == 0 && (line.n_words < cmd->min_words || line.n_words > cmd->max_words))
		rc = err_set(&err, -EINVAL, "%s: %s; usage: leat %s %s", cmd->name,
			line.n_words < cmd->min_words ? "something is missing" : "too many words",
			cmd->name, cmd->usage);
	status = rc ? (enum cmd_status)client_fail(&err) : cmd->run(client, &line);
	cmd_line_fini(&line);
	return status;
}

static enum cmd_status run_verb(
	struct client *client, const char *verb, size_t n, const char *const *args) {
	const struct cmd *cmd = cmd_find(verb);
	if (cmd)
		return run_cmd(client, cmd, n, args);
	struct err asked = {0}, err = {0};
	enum cmd_status status;
	if (cmd_action_run(client, verb, n, args, &status, &asked))
		return status;
	unknown_verb(verb, &asked, &err);
	return (enum cmd_status)client_fail(&err);
}

int main(int argc, char **argv) {
	struct client client;
	struct err err = {0};
	const char *verb = NULL;
	client_init(&client);
	int at = parse_globals(&client, argc, argv, &verb, &err);
	if (at < 0)
		return client_fail(&err);
	if (!verb)
		verb = at < argc ? argv[at++] : "help";
	enum cmd_status status =
		run_verb(&client, verb, (size_t)(argc - at), (const char *const *)argv + at);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "leat: cannot write the output: %s\n", strerror(errno));
		return CMD_REFUSED;
	}
	return (int)status;
}
