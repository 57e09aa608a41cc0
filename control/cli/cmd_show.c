// SPDX-License-Identifier: BSD-3-Clause
// leat show NOUN [KEY] [COLUMN=VALUE...], leat show config [PATH]
#include "control/cli/cmd.h"
#include "control/cli/describe.h"
#include "control/cli/query.h"
#include "control/cli/table.h"
#include "control/cli/words.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cmd_opt show_opts[] = {
	CMD_OPT_JSON,
	CMD_OPT_WATCH,
	{"wide", 'w', NULL, "all columns"},
	{"limit", 'n', "N", "at most N rows"},
	{"source", 0, "SOURCE", "config: running (default), file or overlay"},
	{"resolved", 0, NULL, "config: with all defaults filled in"},
	{0},
};

static struct table_opts table_style(const struct client *client, const struct cmd_line *line) {
	return (struct table_opts){.wide = cmd_value(line, "wide"), .bold = client->color};
}

static enum cmd_status list_nouns(struct client *client, const struct cmd_line *line) {
	struct err err = {0};
	json_t *answer = NULL;
	if (client_get(client, "/v1/show", &answer, &err))
		return (enum cmd_status)client_fail(&err);
	json_t *nouns = json_object_get(answer, "nouns");
	json_t *columns = json_pack("[{s:s},{s:s}]", "name", "name", "name", "help");
	json_t *config = json_pack(
		"{s:s,s:s}", "name", "config", "help", "the configuration, or the part at a PATH");
	struct table_opts opts = table_style(client, line);
	if (cmd_value(line, "json")) {
		rows_print_json(stdout, nouns);
	} else {
		json_array_append(nouns, config);
		table_print(stdout, columns, nouns, &opts);
	}
	json_decref(config);
	json_decref(columns);
	json_decref(answer);
	return CMD_DONE;
}

static int config_query(const struct cmd_line *line, struct query *query, struct err *err) {
	const char *source = cmd_value(line, "source");
	query_init(query, "/v1/config");
	if (line->n_words > 2)
		return err_set(err, -EINVAL, "show config takes one PATH, such as ports.lan.mtu");
	if (line->n_words == 2)
		query_step(query, line->words[1]);
	if (source)
		query_add(query, "source", source);
	if (cmd_value(line, "resolved"))
		query_add(query, "resolved", "1");
	return query_check(query, err);
}

// The same configuration is always the same bytes: keys are sorted, --json changes nothing.
static enum cmd_status show_config(struct client *client, const struct cmd_line *line) {
	struct err err = {0};
	struct query query;
	json_t *answer = NULL;
	int rc = config_query(line, &query, &err);
	if (rc == 0)
		rc = client_get(client, query.text, &answer, &err);
	if (rc == 0)
		value_print_json(stdout, answer);
	json_decref(answer);
	query_fini(&query);
	return rc ? (enum cmd_status)client_fail(&err) : CMD_DONE;
}

// The words behind the noun: a KEY, and COLUMN=VALUE pairs. *key is set to the KEY, or NULL.
static int rows_query(
	const struct cmd_line *line, struct query *query, const char **key, struct err *err) {
	const char *noun = line->words[0];
	char limit[24];
	long n = cmd_number(line, "limit", 1, 100000000, 0, err);
	query_init(query, "/v1/show");
	query_step(query, noun);
	*key = NULL;
	if (n < 0)
		return -EINVAL;
	for (size_t i = 1; i < line->n_words; i++) {
		const char *word = line->words[i];
		size_t len;
		if (word_is_pair(word, &len)) {
			query_add_n(query, word, len, word + len + 1);
		} else if (!*key) {
			*key = word;
			query_add(query, "key", word);
		} else {
			return err_set(err, -EINVAL,
				"show %s: one KEY, then COLUMN=VALUE; %s is neither", noun, word);
		}
	}
	snprintf(limit, sizeof(limit), "%ld", n);
	if (n)
		query_add(query, "limit", limit);
	return query_check(query, err);
}

// 0: none is given.
static size_t limit_of(const struct cmd_line *line) {
	struct err err = {0};
	long n = cmd_number(line, "limit", 1, 100000000, 0, &err);

	for (size_t i = 1; n == 0 && i < line->n_words; i++)
		if (strncmp(line->words[i], "limit=", 6) == 0)
			n = strtol(line->words[i] + 6, NULL, 10);
	return n > 0 ? (size_t)n : 0;
}

// The pages that follow, until there are `limit` rows (0: all of them).
static int rows_more(struct client *client, const struct query *query, json_t *answer, size_t limit,
	struct err *err) {
	json_t *rows = json_object_get(answer, "rows"), *page = json_incref(answer);
	const char *next;
	int rc = 0;

	while (rc == 0 && (next = json_string_value(json_object_get(page, "next"))) &&
		(limit == 0 || json_array_size(rows) < limit)) {
		struct query more = {.text = strdup(query->text), .has_query = query->has_query};

		query_add(&more, "after", next);
		json_decref(page);
		page = NULL;
		rc = query_check(&more, err);
		if (rc == 0)
			rc = client_get(client, more.text, &page, err);
		if (rc == 0)
			json_array_extend(rows, json_object_get(page, "rows"));
		query_fini(&more);
	}
	while (limit && json_array_size(rows) > limit)
		json_array_remove(rows, json_array_size(rows) - 1);
	json_decref(page);
	return rc;
}

static int print_rows(struct client *client, const struct cmd_line *line, const json_t *answer,
	const char *key, struct err *err) {
	const json_t *columns = json_object_get(answer, "columns"),
		     *rows = json_object_get(answer, "rows");
	struct table_opts opts = table_style(client, line);
	if (key && json_array_size(rows) == 0)
		return err_set(err, -ENOENT, "show %s: there is no %s; `leat show %s` lists them",
			line->words[0], key, line->words[0]);
	if (cmd_value(line, "json")) {
		rows_print_json(stdout, rows);
		return 0;
	}
	if (key && json_array_size(rows) == 1)
		return table_print_record(stdout, columns, json_array_get(rows, 0), &opts);
	return table_print(stdout, columns, rows, &opts);
}

static enum cmd_status show_rows(struct client *client, const struct cmd_line *line) {
	struct err err = {0};
	struct query query;
	const char *key;
	json_t *answer = NULL;
	int rc = rows_query(line, &query, &key, &err);
	if (rc == 0)
		rc = client_get(client, query.text, &answer, &err);
	if (rc == 0)
		rc = rows_more(client, &query, answer, limit_of(line), &err);
	if (rc == 0)
		rc = print_rows(client, line, answer, key, &err);
	json_decref(answer);
	query_fini(&query);
	return rc ? (enum cmd_status)client_fail(&err) : CMD_DONE;
}

static enum cmd_status show_once(struct client *client, const struct cmd_line *line) {
	if (line->n_words == 0)
		return list_nouns(client, line);
	if (strcmp(line->words[0], "config") == 0)
		return show_config(client, line);
	return show_rows(client, line);
}

static enum cmd_status show_run(struct client *client, const struct cmd_line *line) {
	return cmd_repeat(client, line, show_once);
}

static void show_complete(struct complete *complete) {
	const struct cmd_line *line = complete->line;
	if (line->n_words == 0) {
		complete_nouns(complete);
		complete_add(complete, "config");
	} else if (strcmp(line->words[0], "config") == 0) {
		if (line->n_words == 1)
			complete_path(complete, true);
	} else {
		complete_rows(complete, line->words[0], line->n_words == 1);
	}
}

const struct cmd cmd_show = {
	.name = "show",
	.usage = "[NOUN [KEY] [COLUMN=VALUE...] | config [PATH]]",
	.help = "show what is configured and what happens",
	.more = "Without a word it lists the nouns. KEY names one row (leat show ports lan), "
		"COLUMN=VALUE\n"
		"keeps the rows that have that value (leat show fdb vlan=10).\n",
	.opts = show_opts,
	.max_words = 64,
	.run = show_run,
	.complete = show_complete,
};
