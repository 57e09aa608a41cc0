// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/complete.h"

#include "control/cli/cmd.h"
#include "control/cli/describe.h"
#include "control/cli/query.h"
#include "control/cli/words.h"
#include "lib/json.h"
#include "lib/schema.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX "1000" // of a table that is looked through for candidates

void complete_add(struct complete *complete, const char *candidate) {
	size_t i;
	json_t *other;
	json_array_foreach (complete->found, i, other) {
		if (strcmp(json_string_value(other), candidate) == 0)
			return;
	}
	json_array_append_new(complete->found, json_string(candidate));
}

static json_t *ask(const struct complete *complete, const char *target) {
	struct err err = {0};
	json_t *answer = NULL;
	client_get(complete->client, target, &answer, &err);
	return answer;
}

// `field` of each element of the answer's array `list`.
static void add_fields(
	struct complete *complete, const char *target, const char *list, const char *field) {
	json_t *answer = ask(complete, target), *item;
	size_t i;
	json_array_foreach (json_object_get(answer, list), i, item) {
		const json_t *value = json_object_get(item, field);
		char number[32];
		snprintf(
			number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		if (json_is_string(value))
			complete_add(complete, json_string_value(value));
		else if (json_is_integer(value))
			complete_add(complete, number);
	}
	json_decref(answer);
}

void complete_verbs(struct complete *complete) {
	for (size_t i = 0; cmd_list[i]; i++) {
		if (!cmd_list[i]->hidden)
			complete_add(complete, cmd_list[i]->name);
	}
	add_fields(complete, "/v1/schema", "actions", "verb");
}

void complete_nouns(struct complete *complete) {
	add_fields(complete, "/v1/show", "nouns", "name");
}

void complete_revisions(struct complete *complete) {
	add_fields(complete, "/v1/history", "rows", "revision");
}

static void add_keys(
	struct complete *complete, const char *prefix, const json_t *tree, const char *path) {
	const char *key;
	json_t *value, *map = schema_get(tree, path);
	char text[512];
	json_object_foreach (map, key, value) {
		snprintf(text, sizeof(text), "%s%s", prefix, key);
		complete_add(complete, text);
	}
}

void complete_keys(struct complete *complete, const char *path) {
	json_t *tree = ask(complete, "/v1/config");
	add_keys(complete, "", tree, path);
	json_decref(tree);
}

// One step below `parent` (its first `cut` characters). With `open` the path may go on.
static void add_step(
	struct complete *complete, const char *parent, size_t cut, const char *key, bool open) {
	char step[300], text[1024];
	path_key_print(key, step, sizeof(step));
	// In front of a bracket a dot may stand, and does when it was typed.
	bool dot = cut && (step[0] != '[' || parent[cut] == '.');
	snprintf(text, sizeof(text), "%.*s%s%s%s", (int)cut, parent, dot ? "." : "", step,
		open ? "." : "");
	complete_add(complete, text);
	complete->more = complete->more || open;
}

static bool is_container(const json_t *row) {
	return describe_rows(row) || strcmp(describe_type(row), "map") == 0;
}

static void add_existing(
	struct complete *complete, const char *path, size_t cut, const json_t *tree, bool itself) {
	char parent[1024];
	const char *key;
	json_t *value;
	snprintf(parent, sizeof(parent), "%.*s", (int)cut, path);
	json_object_foreach (cut ? schema_get(tree, parent) : (json_t *)tree, key, value) {
		if (itself || !json_is_object(value))
			add_step(complete, path, cut, key, false);
		if (json_is_object(value))
			add_step(complete, path, cut, key, true);
	}
}

static void add_known(
	struct complete *complete, const char *path, size_t cut, const json_t *sections) {
	char parent[1024];
	size_t i;
	json_t *child;
	snprintf(parent, sizeof(parent), "%.*s", (int)cut, path);
	const json_t *row = cut ? describe_path(sections, parent) : NULL;
	json_array_foreach (cut ? describe_rows(row) : sections, i, child)
		add_step(complete, path, cut, describe_name(child), is_container(child));
}

void complete_path(struct complete *complete, bool existing) {
	const char *last;
	size_t cut = path_parent(complete->word, &last);
	json_t *tree = ask(complete, "/v1/config");
	add_existing(complete, complete->word, cut, tree, existing);
	json_decref(tree);
	if (existing)
		return;
	json_t *schema = ask(complete, "/v1/schema");
	add_known(complete, complete->word, cut, json_object_get(schema, "sections"));
	json_decref(schema);
}

// What a value of `row` may be, each behind `prefix`.
static void add_values(struct complete *complete, const char *prefix, const json_t *row) {
	const char *ref = jx_str(row, "ref", NULL);
	char text[256];
	size_t i;
	json_t *word;
	if (strcmp(describe_type(row), "bool") == 0) {
		for (i = 0; i < 2; i++) {
			snprintf(text, sizeof(text), "%s%s", prefix, i ? "false" : "true");
			complete_add(complete, text);
		}
	}
	json_array_foreach (json_object_get(row, "words"), i, word) {
		snprintf(text, sizeof(text), "%s%s", prefix, json_string_value(word));
		complete_add(complete, text);
	}
	if (ref) {
		json_t *tree = ask(complete, "/v1/config");
		add_keys(complete, prefix, tree, ref);
		json_decref(tree);
	}
}

void complete_value(struct complete *complete, const char *path) {
	json_t *schema = ask(complete, "/v1/schema");
	const json_t *row = describe_path(json_object_get(schema, "sections"), path);
	add_values(complete, "", row);
	json_decref(schema);
}

// NAME= for each row, or the values when the name is already typed.
static void add_pairs(struct complete *complete, const json_t *rows) {
	char text[256];
	size_t len, i;
	json_t *row;
	if (word_is_pair(complete->word, &len)) {
		snprintf(text, sizeof(text), "%.*s", (int)len, complete->word);
		const json_t *named = describe_find(rows, text);
		snprintf(text, sizeof(text), "%.*s=", (int)len, complete->word);
		add_values(complete, text, named);
		return;
	}
	json_array_foreach (rows, i, row) {
		snprintf(text, sizeof(text), "%s=", describe_name(row));
		complete_add(complete, text);
		complete->more = true;
	}
}

// Cells of a column as candidates, behind `prefix`.
static void add_cells(
	struct complete *complete, const char *prefix, const char *column, const json_t *rows) {
	size_t i;
	json_t *row;
	json_array_foreach (rows, i, row) {
		const json_t *value = json_object_get(row, column);
		char text[256];
		if (json_is_string(value))
			snprintf(text, sizeof(text), "%s%s", prefix, json_string_value(value));
		else if (json_is_integer(value))
			snprintf(text, sizeof(text), "%s%" JSON_INTEGER_FORMAT, prefix,
				json_integer_value(value));
		else if (json_is_boolean(value))
			snprintf(text, sizeof(text), "%s%s", prefix,
				json_is_true(value) ? "true" : "false");
		else
			continue;
		complete_add(complete, text);
	}
}

void complete_rows(struct complete *complete, const char *noun, bool keys) {
	struct query query;
	size_t i, len;
	json_t *column;
	query_init(&query, "/v1/show");
	query_step(&query, noun);
	query_add(&query, "limit", ROWS_MAX);
	json_t *answer = query.text ? ask(complete, query.text) : NULL;
	const json_t *columns = json_object_get(answer, "columns"),
		     *rows = json_object_get(answer, "rows");
	if (word_is_pair(complete->word, &len)) {
		char prefix[132], name[128];
		snprintf(name, sizeof(name), "%.*s", (int)len, complete->word);
		snprintf(prefix, sizeof(prefix), "%s=", name);
		add_cells(complete, prefix, name, rows);
	} else {
		json_array_foreach (columns, i, column) {
			if (keys && describe_flag(column, "key"))
				add_cells(complete, "", describe_name(column), rows);
		}
		// The columns come second: an empty word asks for a row, if there is one.
		if (*complete->word || !keys || json_array_size(rows) == 0)
			add_pairs(complete, columns);
	}
	json_decref(answer);
	query_fini(&query);
}

void complete_action(
	struct complete *complete, const char *verb, size_t n, const char *const *words) {
	json_t *schema = ask(complete, "/v1/schema"), *action;
	size_t i;
	json_array_foreach (json_object_get(schema, "actions"), i, action) {

		const char *noun = jx_str(action, "noun", "");
		if (strcmp(jx_str(action, "verb", ""), verb) != 0)
			continue;
		if (n == 0)
			complete_add(complete, noun);
		else if (strcmp(noun, words[0]) == 0)
			add_pairs(complete, json_object_get(action, "args"));
	}
	json_decref(schema);
}

void complete_stream(struct complete *complete, const char *stream) {
	json_t *schema = ask(complete, "/v1/schema");
	const json_t *found = describe_find(json_object_get(schema, "streams"), stream);
	add_pairs(complete, json_object_get(found, "args"));
	json_decref(schema);
}
