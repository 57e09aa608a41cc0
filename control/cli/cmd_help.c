// SPDX-License-Identifier: BSD-3-Clause
// leat help, leat version
#include "control/cli/cmd.h"
#include "control/cli/cmd_action.h"
#include "control/cli/describe.h"
#include "control/cli/table.h"
#include "leat_version.h"
#include "lib/json.h"
#include "lib/schema.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *verb_of(const json_t *action) {
	return jx_str(action, "verb", "");
}

// Verbs of the daemon, each once, with its nouns.
static void list_actions(const json_t *actions) {
	size_t i, j;
	json_t *action, *other;
	json_array_foreach (actions, i, action) {
		bool seen = false;
		for (j = 0; j < i && !seen; j++)
			seen = strcmp(verb_of(json_array_get(actions, j)), verb_of(action)) == 0;
		if (seen)
			continue;
		printf("  %-10s ", verb_of(action));
		json_array_foreach (actions, j, other) {
			const char *noun = jx_str(other, "noun", "");
			if (strcmp(verb_of(other), verb_of(action)) == 0)
				printf("%s%s", j > i ? ", " : "", noun);
		}
		putchar('\n');
	}
}

static void list_commands(const json_t *schema) {
	fputs("usage: leat [-r RUN-DIR] COMMAND [WORD...]\n\ncommands:\n", stdout);
	for (size_t i = 0; cmd_list[i]; i++) {
		if (!cmd_list[i]->hidden)
			printf("  %-10s %s\n", cmd_list[i]->name, cmd_list[i]->help);
	}
	const json_t *actions = json_object_get(schema, "actions");
	if (json_array_size(actions)) {
		fputs("\ncommands of the running daemon, and what they act on:\n", stdout);
		list_actions(actions);
	}
	fputs("\n`leat help COMMAND` says more; `leat help NOUN` explains the columns of `leat "
	      "show NOUN`.\n"
	      "Exit status: 0 done, 1 refused (nothing has changed), 2 cannot reach the daemon.\n",
		stdout);
}

static bool noun_usage(const json_t *schema, const char *name) {
	const json_t *noun = describe_find(json_object_get(schema, "nouns"), name);
	size_t i;
	json_t *column;
	if (!noun)
		return false;
	printf("leat show %s: %s\n\ncolumns:\n", name, describe_help(noun));
	json_array_foreach (json_object_get(noun, "columns"), i, column) {
		const char *unit = describe_unit(column);
		printf("  %-18s %s%s%s%s\n", describe_name(column), describe_help(column),
			*unit ? " (" : "", unit, *unit ? ")" : "");
	}
	return true;
}

// What a stream takes besides the options of its command.
static void stream_usage(const json_t *schema, const char *name) {
	const json_t *stream = describe_find(json_object_get(schema, "streams"), name);
	size_t i;
	json_t *row;
	if (stream)
		fputs("\narguments (NAME=VALUE):\n", stdout);
	json_array_foreach (json_object_get(stream, "args"), i, row)
		printf("  %-26s %s\n", describe_name(row), describe_help(row));
}

static int unknown_topic(const json_t *schema, const char *word, struct err *err) {
	const char *known[256] = {0};
	size_t n = 0, i;
	json_t *item;
	for (i = 0; cmd_list[i]; i++) {
		if (!cmd_list[i]->hidden)
			known[n++] = cmd_list[i]->name;
	}
	json_array_foreach (json_object_get(schema, "actions"), i, item) {
		if (n < 250)
			known[n++] = verb_of(item);
	}
	json_array_foreach (json_object_get(schema, "nouns"), i, item) {
		if (n < 255)
			known[n++] = describe_name(item);
	}
	const char *nearest = schema_nearest(word, known);
	return err_set(err, -EINVAL,
		nearest ? "no command or noun %s; did you mean %s?" : "no command or noun %s%s",
		word, nearest ? nearest : "; `leat help` and `leat show` list them");
}

static enum cmd_status help_run(struct client *client, const struct cmd_line *line) {
	struct err err = {0}, offline = {0};
	json_t *schema = NULL;
	int rc = 0;
	const char *word = line->n_words ? line->words[0] : NULL;
	const struct cmd *cmd = word ? cmd_find(word) : NULL;
	client->quick = true;
	client_get(client, "/v1/schema", &schema, &offline);
	if (!word) {
		list_commands(schema);
	} else if (cmd) {
		cmd_usage(stdout, cmd);
		stream_usage(schema, word);
	} else if (!cmd_action_usage(stdout, json_object_get(schema, "actions"), word) &&
		!noun_usage(schema, word)) {
		rc = unknown_topic(schema, word, &err);
	}
	json_decref(schema);
	return rc ? (enum cmd_status)client_fail(&err) : CMD_DONE;
}

static void help_complete(struct complete *complete) {
	if (complete->line->n_words == 0) {
		complete_verbs(complete);
		complete_nouns(complete);
	}
}

const struct cmd cmd_help = {
	.name = "help",
	.usage = "[COMMAND | NOUN]",
	.help = "this list, or more about one word",
	.max_words = 1,
	.run = help_run,
	.complete = help_complete,
};

static enum cmd_status version_run(struct client *client, const struct cmd_line *line) {
	struct err offline = {0};
	json_t *answer = NULL;
	client->quick = true;
	printf("leat %s\n", LEAT_VERSION);
	if (client_get(client, "/v1/version", &answer, &offline) == 0) {

		const char *degraded = jx_str(answer, "degraded", NULL);
		printf("leatd %s\n", jx_str(answer, "version", "?"));
		if (degraded)
			printf("degraded: %s\n", degraded);
	}
	json_decref(answer);
	return CMD_DONE;
}

const struct cmd cmd_version = {
	.name = "version",
	.usage = "",
	.help = "versions of the client and of the running daemon",
	.run = version_run,
};
