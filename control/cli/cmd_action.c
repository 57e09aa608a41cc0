// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/cmd_action.h"

#include "control/cli/args.h"
#include "control/cli/describe.h"
#include "control/cli/query.h"
#include "control/cli/table.h"
#include "lib/json.h"
#include "lib/schema.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct cmd_opt action_opts[] = {
	CMD_OPT_JSON, {"help", 'h', NULL, "what it takes"}, {0}};

bool cmd_action_usage(FILE *out, const json_t *actions, const char *verb) {
	size_t i, j;
	json_t *action, *row;
	bool found = false;
	json_array_foreach (actions, i, action) {
		if (strcmp(jx_str(action, "verb", ""), verb) != 0)
			continue;
		fprintf(out, "%susage: leat %s %s", found ? "\n" : "", verb,
			jx_str(action, "noun", ""));
		json_array_foreach (json_object_get(action, "args"), j, row) {
			bool required = describe_flag(row, "required");
			fprintf(out, required ? " %s=VALUE" : " [%s=VALUE]", describe_name(row));
		}
		fprintf(out, "\n  %s\n", describe_help(action));
		json_array_foreach (json_object_get(action, "args"), j, row)
			fprintf(out, "  %-26s %s\n", describe_name(row), describe_help(row));
		found = true;
	}
	return found;
}

// The action that verb and first word mean; *used is set to the words that this took. A verb with one noun only
// needs no noun: `leat drain pools.web.members.w1`.
static const json_t *find_action(const json_t *actions, const char *verb,
	const struct cmd_line *line, size_t *used, struct err *err) {
	const char *noun = line->n_words ? line->words[0] : "", *nouns[64] = {0};
	const json_t *only = NULL;
	size_t n = 0, i;
	json_t *action;
	*used = 1;
	json_array_foreach (actions, i, action) {
		if (strcmp(jx_str(action, "verb", ""), verb) != 0)
			continue;
		if (strcmp(jx_str(action, "noun", ""), noun) == 0)
			return action;
		only = action;
		if (n < 63)
			nouns[n++] = jx_str(action, "noun", "");
	}
	const char *nearest = schema_nearest(noun, nouns);
	*used = 0;
	if (n == 1 && line->n_words && !nearest)
		return only;
	if (nearest)
		err_set(err, -EINVAL, "%s: unknown noun %s; did you mean %s?", verb, noun, nearest);
	else
		err_set(err, -EINVAL, "%s: what? `leat help %s` lists its nouns", verb, verb);
	return NULL;
}

static json_t *columns_of(const json_t *object, bool tables) {
	json_t *columns = json_array(), *value;
	const char *name;
	json_object_foreach ((json_t *)object, name, value)
		if (json_is_object(json_array_get(value, 0)) == tables)
			json_array_append_new(columns, json_pack("{s:s}", "name", name));
	return columns;
}

// Values as lines, then lists of objects as tables, with the columns of their first rows.
static void print_object(const json_t *result, bool color) {
	struct table_opts opts = {.bold = color};
	json_t *columns = columns_of(result, false), *tables = columns_of(result, true), *table;
	size_t i;
	table_print_record(stdout, columns, result, &opts);
	json_array_foreach (tables, i, table) {
		const json_t *rows = json_object_get(result, describe_name(table));
		json_t *names = columns_of(json_array_get(rows, 0), false);
		putchar('\n');
		table_print(stdout, names, rows, &opts);
		json_decref(names);
	}
	json_decref(columns);
	json_decref(tables);
}

static void print_result(
	const struct client *client, const struct cmd_line *line, const json_t *result) {
	if (cmd_value(line, "json")) {
		value_print_json(stdout, result);
	} else if (json_is_string(result)) {
		puts(json_string_value(result));
	} else if (json_is_object(result)) {
		print_object(result, client->color);
	} else if (result && !json_is_null(result)) {
		value_print_json(stdout, result);
	} else {
		puts("done");
	}
}

static enum cmd_status run_action(struct client *client, const char *verb, const json_t *actions,
	const struct cmd_line *line) {
	struct err err = {0};
	struct query query = {0};
	size_t used;
	json_t *args = NULL, *answer = NULL;
	const json_t *action = find_action(actions, verb, line, &used, &err);
	if (action)
		args = args_build(json_object_get(action, "args"), line->words + used,
			line->n_words - used, &err);
	int rc = args ? 0 : err.code;
	if (rc == 0) {
		query_init(&query, "/v1");
		query_step(&query, verb);
		query_step(&query, jx_str(action, "noun", ""));
		rc = query_check(&query, &err);
	}
	if (rc == 0)
		rc = client_send(client, "POST", query.text, args, &answer, &err);
	if (rc == 0)
		print_result(client, line, json_object_get(answer, "result"));
	query_fini(&query);
	json_decref(answer);
	json_decref(args);
	return rc ? (enum cmd_status)client_fail(&err) : CMD_DONE;
}

bool cmd_action_run(struct client *client, const char *verb, size_t n, const char *const *args,
	enum cmd_status *status, struct err *err) {
	struct cmd cmd = {.name = verb, .opts = action_opts};
	struct cmd_line line;
	json_t *schema = NULL;
	if (client_get(client, "/v1/schema", &schema, err))
		return false;
	const json_t *actions = json_object_get(schema, "actions"), *action;
	size_t i;
	bool known = false;
	json_array_foreach (actions, i, action)
		known = known || strcmp(jx_str(action, "verb", ""), verb) == 0;
	if (known) {
		struct err bad = {0};
		int rc = cmd_parse(&cmd, n, args, &line, &bad);
		if (rc)
			*status = (enum cmd_status)client_fail(&bad);
		else if (cmd_value(&line, "help"))
			*status = cmd_action_usage(stdout, actions, verb) ? CMD_DONE : CMD_REFUSED;
		else
			*status = run_action(client, verb, actions, &line);
		cmd_line_fini(&line);
	}
	json_decref(schema);
	return known;
}
