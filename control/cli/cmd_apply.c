// SPDX-License-Identifier: BSD-3-Clause
// leat check FILE, leat apply FILE
#include "control/cli/changes.h"
#include "control/cli/cmd.h"
#include "control/cli/table.h"
#include "lib/json.h"
#include "lib/script.h"
#include <stdio.h>

static const struct cmd_opt apply_opts[] = {
	{"confirm", 'c', "SECONDS", "revert by itself unless `leat confirm` arrives in time"},
	{"dry-run", 'n', NULL, "only show what would change"},
	{"keep-overlay", 'k', NULL, "keep the edits made by `leat set`"},
	{"comment", 'm', "TEXT", "remembered in the history"},
	CMD_OPT_JSON,
	{0},
};

static json_t *apply_body(const struct cmd_line *line, json_t *bundle, struct err *err) {
	long confirm = cmd_number(line, "confirm", 1, 86400, 0, err);
	const char *comment = cmd_value(line, "comment");
	if (confirm < 0)
		return NULL;
	json_t *body = json_pack("{s:O}", "bundle", bundle);
	if (confirm)
		json_object_set_new(body, "confirm_s", json_integer(confirm));
	if (cmd_value(line, "dry-run"))
		json_object_set_new(body, "dry_run", json_true());
	if (cmd_value(line, "keep-overlay"))
		json_object_set_new(body, "keep_overlay", json_true());
	if (comment)
		json_object_set_new(body, "comment", json_string(comment));
	return body;
}

static void print_applied(
	const struct client *client, const struct cmd_line *line, const json_t *answer) {
	const json_t *changes = json_object_get(answer, "changes");
	const char *confirm_by = jx_str(answer, "confirm_by", NULL);
	char count[32];
	changes_count(changes_print(stdout, changes, client->color), count);
	if (cmd_value(line, "dry-run"))
		printf("dry run: %s, nothing applied\n", count);
	else
		printf("revision %" JSON_INTEGER_FORMAT ": %s\n",
			(json_int_t)jx_int(answer, "revision", 0), count);
	changes_print_notes(stdout, answer);
	changes_print_restart(stdout, answer);
	if (confirm_by)
		printf("reverts at %s unless `leat confirm` arrives\n", confirm_by);
}

static enum cmd_status apply_run(struct client *client, const struct cmd_line *line) {
	struct err err = {0};
	json_t *bundle = NULL, *body = NULL, *answer = NULL;
	int rc = script_bundle_read(line->words[0], &bundle, &err);
	if (rc == 0) {
		body = apply_body(line, bundle, &err);
		rc = body ? client_send(client, "POST", "/v1/apply", body, &answer, &err)
			  : err.code;
	}
	if (rc == 0 && cmd_value(line, "json"))
		value_print_json(stdout, answer);
	else if (rc == 0)
		print_applied(client, line, answer);
	json_decref(answer);
	json_decref(body);
	json_decref(bundle);
	return rc ? (enum cmd_status)client_fail(&err) : CMD_DONE;
}

static enum cmd_status check_run(struct client *client, const struct cmd_line *line) {
	struct err err = {0};
	json_t *bundle = NULL, *body = NULL, *answer = NULL;
	int rc = script_bundle_read(line->words[0], &bundle, &err);
	if (rc == 0) {
		body = json_pack("{s:O}", "bundle", bundle);
		rc = client_send(client, "POST", "/v1/check", body, &answer, &err);
	}
	json_decref(body);
	json_decref(bundle);
	if (rc)
		return (enum cmd_status)client_fail(&err);
	printf("%s: ok\n", line->words[0]);
	changes_print_notes(stdout, answer);
	json_decref(answer);
	return CMD_DONE;
}

static void file_complete(struct complete *complete) {
	complete->files = complete->line->n_words == 0;
}

const struct cmd cmd_apply = {
	.name = "apply",
	.usage = "FILE",
	.help = "make a Lua file the running configuration: all of it, or nothing",
	.more = "Sends FILE and the other *.lua files of its folder. What `leat set` changed "
		"before is dropped\n"
		"unless --keep-overlay is given.\n",
	.opts = apply_opts,
	.min_words = 1,
	.max_words = 1,
	.run = apply_run,
	.complete = file_complete,
};

const struct cmd cmd_check = {
	.name = "check",
	.usage = "FILE",
	.help = "say whether a Lua file would be accepted; changes nothing",
	.more = "Says also how many routes, neighbours and fragments there is room for. Asks the "
		"running daemon; without one, use\n`leatd --check FILE`.\n",
	.min_words = 1,
	.max_words = 1,
	.run = check_run,
	.complete = file_complete,
};
