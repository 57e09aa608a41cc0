// SPDX-License-Identifier: BSD-3-Clause
// leat set, unset, diff, confirm, history, rollback
#include "control/cli/changes.h"
#include "control/cli/cmd.h"
#include "control/cli/query.h"
#include "control/cli/table.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cmd_opt json_opts[] = {CMD_OPT_JSON, {0}};

// Prints the answer of an edit, or the error; the answer is consumed.
static enum cmd_status finish(struct client *client, const struct cmd_line *line, int rc,
	json_t *answer, const struct err *err) {
	if (rc)
		return (enum cmd_status)client_fail(err);
	const json_t *changes = json_object_get(answer, "changes"),
		     *revision = json_object_get(answer, "revision");
	char count[32];
	if (cmd_value(line, "json")) {
		value_print_json(stdout, answer);
	} else {
		changes_count(changes_print(stdout, changes, client->color), count);
		if (revision)
			printf("revision %" JSON_INTEGER_FORMAT ": ", json_integer_value(revision));
		puts(count);
		changes_print_notes(stdout, answer);
		changes_print_restart(stdout, answer);
	}
	json_decref(answer);
	return CMD_DONE;
}

// One line from standard input: how a secret stays out of `ps` and the shell's history.
static char *read_value(struct err *err) {
	char *text = NULL;
	size_t room = 0;
	ssize_t n = getline(&text, &room, stdin);
	if (n < 0) {
		free(text);
		err_set(err, -EINVAL, "set: nothing to read on standard input");
		return NULL;
	}
	text[strcspn(text, "\r\n")] = '\0';
	return text;
}

static enum cmd_status set_run(struct client *client, const struct cmd_line *line) {
	struct err err = {0};
	struct query query;
	json_t *answer = NULL;
	char *input = NULL;
	const char *value = line->words[1];
	query_init(&query, "/v1/config");
	query_step(&query, line->words[0]);
	if (strcmp(value, "-") == 0)
		value = input = read_value(&err);
	int rc = value ? query_check(&query, &err) : err.code;
	if (rc == 0)
		rc = client_send_word(client, "PUT", query.text, value, &answer, &err);
	query_fini(&query);
	free(input);
	return finish(client, line, rc, answer, &err);
}

static enum cmd_status unset_run(struct client *client, const struct cmd_line *line) {
	struct err err = {0};
	struct query query;
	json_t *answer = NULL;
	bool all = cmd_value(line, "all");
	int rc = 0;
	query_init(&query, "/v1/config");
	if (all != (line->n_words == 0))
		rc = err_set(&err, -EINVAL, "unset: a PATH, or --all to drop every run-time edit");
	else if (all)
		rc = client_send(client, "POST", "/v1/config/clear-overlay", NULL, &answer, &err);
	else
		query_step(&query, line->words[0]);
	if (rc == 0 && !all)
		rc = query_check(&query, &err);
	if (rc == 0 && !all)
		rc = client_send(client, "DELETE", query.text, NULL, &answer, &err);
	query_fini(&query);
	return finish(client, line, rc, answer, &err);
}

static bool is_revision(const char *word) {
	return *word && strspn(word, "0123456789") == strlen(word);
}

static enum cmd_status diff_run(struct client *client, const struct cmd_line *line) {
	static const char *const names[] = {"from", "to"};
	struct err err = {0};
	struct query query;
	json_t *answer = NULL;
	int rc = 0;
	query_init(&query, "/v1/diff");
	for (size_t i = 0; i < line->n_words && rc == 0; i++) {
		if (is_revision(line->words[i]))
			query_add(&query, names[i], line->words[i]);
		else
			rc = err_set(&err, -EINVAL,
				"diff: %s is no revision; `leat history` lists them, "
				"`leat apply --dry-run FILE` compares with a file",
				line->words[i]);
	}
	if (rc == 0)
		rc = query_check(&query, &err);
	if (rc == 0)
		rc = client_get(client, query.text, &answer, &err);
	query_fini(&query);
	return finish(client, line, rc, answer, &err);
}

static enum cmd_status confirm_run(struct client *client, const struct cmd_line *line) {
	struct err err = {0};
	if (client_send(client, "POST", "/v1/confirm", NULL, NULL, &err))
		return (enum cmd_status)client_fail(&err);
	puts("confirmed");
	return CMD_DONE;
}

static enum cmd_status rollback_run(struct client *client, const struct cmd_line *line) {
	struct err err = {0};
	json_t *body = json_object(), *answer = NULL;
	int rc = 0;
	if (line->n_words && is_revision(line->words[0]))
		json_object_set_new(body, "to", json_integer(strtoll(line->words[0], NULL, 10)));
	else if (line->n_words)
		rc = err_set(&err, -EINVAL,
			"rollback: %s is no revision; `leat history` lists them", line->words[0]);
	if (rc == 0)
		rc = client_send(client, "POST", "/v1/rollback", body, &answer, &err);
	json_decref(body);
	return finish(client, line, rc, answer, &err);
}

static enum cmd_status history_run(struct client *client, const struct cmd_line *line) {
	struct err err = {0};
	json_t *answer = NULL;
	if (client_get(client, "/v1/history", &answer, &err))
		return (enum cmd_status)client_fail(&err);
	const json_t *rows = json_object_get(answer, "rows");
	struct table_opts opts = {.bold = client->color};
	json_t *columns = json_pack("[{s:s,s:s},{s:s},{s:s},{s:s},{s:s,s:s},{s:s}]", "name",
		"revision", "type", "int", "name", "time", "name", "kind", "name", "state", "name",
		"changes", "type", "int", "name", "comment");
	if (cmd_value(line, "json"))
		rows_print_json(stdout, rows);
	else
		table_print(stdout, columns, rows, &opts);
	json_decref(columns);
	json_decref(answer);
	return CMD_DONE;
}

static void set_complete(struct complete *complete) {
	if (complete->line->n_words == 0)
		complete_path(complete, false);
	else if (complete->line->n_words == 1)
		complete_value(complete, complete->line->words[0]);
}

static void unset_complete(struct complete *complete) {
	if (complete->line->n_words == 0)
		complete_path(complete, true);
}

static void revision_complete(struct complete *complete) {
	if (complete->line->n_words < complete->line->cmd->max_words)
		complete_revisions(complete);
}

const struct cmd cmd_set = {
	.name = "set",
	.usage = "PATH VALUE",
	.help = "change a value at run time (the overlay)",
	.more = "The edit lies over the file, survives a restart, and is dropped by the next "
		"apply. VALUE may be\n"
		"JSON ({\"device\":\"eth1\"}, [10,20]); - reads it from standard input.\n",
	.opts = json_opts,
	.min_words = 2,
	.max_words = 2,
	.run = set_run,
	.complete = set_complete,
};

static const struct cmd_opt unset_opts[] = {
	{"all", 'a', NULL, "drop every run-time edit: back to the file"},
	CMD_OPT_JSON,
	{0},
};

const struct cmd cmd_unset = {
	.name = "unset",
	.usage = "PATH | --all",
	.help = "remove a value at run time (the overlay)",
	.opts = unset_opts,
	.max_words = 1,
	.run = unset_run,
	.complete = unset_complete,
};

const struct cmd cmd_diff = {
	.name = "diff",
	.usage = "[REVISION [REVISION]]",
	.help = "what the run-time edits change of the file, or one revision of another",
	.opts = json_opts,
	.max_words = 2,
	.run = diff_run,
	.complete = revision_complete,
};

const struct cmd cmd_confirm = {
	.name = "confirm",
	.usage = "",
	.help = "keep what `leat apply --confirm` applied",
	.run = confirm_run,
};

const struct cmd cmd_rollback = {
	.name = "rollback",
	.usage = "[REVISION]",
	.help = "return to the revision before, or to REVISION",
	.opts = json_opts,
	.max_words = 1,
	.run = rollback_run,
	.complete = revision_complete,
};

const struct cmd cmd_history = {
	.name = "history",
	.usage = "",
	.help = "list the revisions",
	.opts = json_opts,
	.run = history_run,
};
