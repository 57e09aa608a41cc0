// SPDX-License-Identifier: BSD-3-Clause
// /v1/show, /v1/schema, /v1/stream and the actions: what modules declare.
#include "control/api_priv.h"
#include "control/stream.h"
#include "lib/json.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static json_t *describe_rows(const struct schema_row *rows) {
	json_t *list = json_array();
	for (; rows && rows->name; rows++)
		json_array_append_new(list, schema_describe(rows));
	return list;
}

// ---- what there is -------------------------------------------------------------------------------------

static json_t *nouns_json(void) {
	size_t n;
	const struct module *const *modules = module_list(&n);
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		const struct module_noun *noun = modules[i]->nouns;
		for (; noun && noun->name; noun++)
			json_array_append_new(list,
				json_pack("{s:s, s:s, s:o}", "name", noun->name, "help", noun->help,
					"columns", describe_rows(noun->columns)));
	}
	return list;
}

static json_t *actions_json(void) {
	size_t n;
	const struct module *const *modules = module_list(&n);
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		const struct module_action *action = modules[i]->actions;
		for (; action && action->verb; action++)
			json_array_append_new(list,
				json_pack("{s:s, s:s, s:s, s:o}", "verb", action->verb, "noun",
					action->noun, "help", action->help, "args",
					describe_rows(action->args)));
	}
	return list;
}

static json_t *streams_json(void) {
	size_t n;
	const struct module *const *modules = module_list(&n);
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		const struct module_stream *stream = modules[i]->streams;
		for (; stream && stream->name; stream++)
			json_array_append_new(list,
				json_pack("{s:s, s:s, s:s, s:o}", "name", stream->name, "help",
					stream->help, "content_type", stream->content_type, "args",
					describe_rows(stream->args)));
	}
	return list;
}

json_t *ctl_schema_json(void) {
	json_t *list = json_array();
	const struct schema_row *const *section = module_sections();
	for (; *section; section++)
		json_array_append_new(list, schema_describe(*section));
	return json_pack("{s:o, s:o, s:o, s:o}", "sections", list, "nouns", nouns_json(), "actions",
		actions_json(), "streams", streams_json());
}

void ctl_get_nouns(struct ctl_call *call) {
	ctl_reply_json(call->reply, json_pack("{s:o}", "nouns", nouns_json()));
}

// ---- rows ----------------------------------------------------------------------------------------------

static const struct schema_row *column_find(const struct module_noun *noun, const char *name) {
	for (const struct schema_row *row = noun->columns; row->name; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

static int unknown_column(const struct module_noun *noun, const char *name, struct err *err) {
	const char *known[128] = {0};
	size_t n = 0;
	for (const struct schema_row *row = noun->columns; row->name && n < 127; row++)
		known[n++] = row->name;
	const char *nearest = schema_nearest(name, known);
	if (nearest)
		return err_set(err, -EINVAL, "%s has no column %s; did you mean %s?", noun->name,
			name, nearest);
	return err_set(err, -EINVAL, "%s has no column %s", noun->name, name);
}

// The wanted value of a column, as its rows hold it; of a list's column: of an element.
static int filter_add(json_t *filter, const struct module_noun *noun, const char *name,
	const char *word, struct err *err) {
	const struct schema_row *row = column_find(noun, name);
	if (row == NULL)
		return unknown_column(noun, name, err);
	if (row->type == SCHEMA_LIST && row->elem)
		row = row->elem;
	struct schema_row plain = *row;
	if (plain.type == SCHEMA_REF || plain.type == SCHEMA_NAME) // rows may name what is gone
		plain.type = SCHEMA_STRING;
	plain.min = plain.max = 0;
	json_t *value = schema_parse_word(&plain, word, name, err), *canonical = NULL;
	int rc =
		value ? schema_validate_value(&plain, value, NULL, name, &canonical, err) : -EINVAL;
	json_decref(value);
	return rc < 0 ? rc : json_object_set_new(filter, name, canonical);
}

// What is asked for: rows like `filter`, at most `limit`, after `cursor`.
static int filter_read(const struct ctl_call *call, const struct module_noun *noun, json_t *filter,
	size_t *limit, char cursor[static MODULE_CURSOR], struct err *err) {
	static const struct schema_row limit_row = {
		.type = SCHEMA_INT, .min = 1, .max = CTL_ROWS_LIMIT, .help = "rows"};
	const char *name;
	json_t *value;
	int rc = 0;
	*limit = CTL_ROWS_LIMIT;
	json_object_foreach ((json_t *)call->request->query, name, value) {
		const char *word = json_string_value(value);
		if (rc < 0)
			break;
		if (strcmp(name, "limit") == 0) {
			json_t *number = schema_parse_word(&limit_row, word, name, err);
			rc = number ? 0 : -EINVAL;
			*limit = (size_t)json_integer_value(number);
			json_decref(number);
		} else if (strcmp(name, "after") == 0) {
			snprintf(cursor, MODULE_CURSOR, "%s", word);
		} else if (strcmp(name, "key") == 0) {
			rc = json_object_set(filter, name, value);
		} else {
			rc = filter_add(filter, noun, name, word, err);
		}
	}
	return rc;
}

// A key is compared as it is written: rows hold canonical text and numbers.
static bool key_equal(const json_t *value, const char *key) {
	char number[32];
	if (json_is_string(value))
		return strcasecmp(json_string_value(value), key) == 0;
	if (!json_is_integer(value))
		return false;
	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return strcmp(number, key) == 0;
}

static bool key_matches(const struct module_noun *noun, const json_t *row, const char *key) {
	for (const struct schema_row *column = noun->columns; column->name; column++)
		if (column->flags & SCHEMA_KEY &&
			key_equal(json_object_get(row, column->name), key))
			return true;
	return false;
}

static bool value_matches(const json_t *value, const json_t *wanted) {
	size_t i;
	json_t *item;
	json_array_foreach (value, i, item) {
		if (json_equal(item, wanted))
			return true;
	}
	if (json_is_number(value) && json_is_number(wanted))
		return json_number_value(value) == json_number_value(wanted);
	return json_equal(value, wanted);
}

static bool row_matches(const struct module_noun *noun, const json_t *row, const json_t *filter) {
	const char *name;
	json_t *wanted;
	bool matches = true;
	json_object_foreach ((json_t *)filter, name, wanted) {
		matches = matches &&
			(strcmp(name, "key") == 0
					? noun->page ||
						key_matches(noun, row, json_string_value(wanted))
					: value_matches(json_object_get(row, name), wanted));
	}
	return matches;
}

// A handler may ignore the filter, so that it must not stop at the limit before it was applied.
static int rows_read(const struct module_noun *noun, const json_t *filter, size_t limit,
	char cursor[static MODULE_CURSOR], json_t *rows, struct err *err) {
	json_t *all = json_array(), *row;
	size_t i;
	bool plain = json_object_size(filter) == 0;
	int rc = noun->page ? noun->page(filter, cursor, limit, all, err)
			    : noun->show(filter, plain ? limit : CTL_ROWS_LIMIT, all, err);
	json_array_foreach (all, i, row) {
		if (rc == 0 && json_array_size(rows) < limit && row_matches(noun, row, filter))
			json_array_append(rows, row);
	}
	json_decref(all);
	return rc;
}

static void unknown_noun(struct ctl_call *call, const char *name) {
	json_t *nouns = nouns_json(), *noun;
	const char *known[128] = {0};
	struct err err = {0};
	size_t i;
	json_array_foreach (nouns, i, noun) {
		if (i < 127)
			known[i] = jx_str(noun, "name", "");
	}
	const char *nearest = schema_nearest(name, known);
	if (nearest)
		err_set(&err, -ENOENT, "there is no noun %s; did you mean %s?", name, nearest);
	else
		err_set(&err, -ENOENT, "there is no noun %s; `leat show` lists them", name);
	ctl_reply_error(call->reply, 404, &err);
	json_decref(nouns);
}

void ctl_get_rows(struct ctl_call *call) {
	struct err err = {0};
	const struct module_noun *noun = module_noun_find(call->args[0]);
	if (noun == NULL) {
		unknown_noun(call, call->args[0]);
		return;
	}
	json_t *filter = json_object(), *rows = json_array();
	char cursor[MODULE_CURSOR] = "";
	size_t limit;
	int rc = filter_read(call, noun, filter, &limit, cursor, &err);
	if (rc == 0)
		rc = rows_read(noun, filter, limit, cursor, rows, &err);
	if (rc < 0)
		ctl_reply_error(call->reply, ctl_status(rc), &err);
	else
		ctl_reply_json(call->reply,
			json_pack("{s:s, s:o, s:O, s:s*}", "noun", noun->name, "columns",
				describe_rows(noun->columns), "rows", rows, "next",
				noun->page && cursor[0] ? cursor : NULL));
	json_decref(rows);
	json_decref(filter);
}

// ---- actions and streams ---------------------------------------------------------------------------------

// The body as the arguments that `rows` describe; nothing is {}. New reference, or NULL with err set.
static json_t *args_read(
	const struct ctl_call *call, const struct schema_row *rows, struct err *err) {
	static const struct schema_row none[] = {{0}};
	const struct ctl_request *request = call->request;
	json_t *args = NULL, *body = request->body_len ? NULL : json_object();
	if (body == NULL && jx_parse(request->body, request->body_len, "body", &body, err) < 0)
		return NULL;
	const json_t *root = ctl_config_tree(call->api->config, CTL_RUNNING_RESOLVED);
	if (schema_validate_rows(rows ? rows : none, body, root, "", &args, err) < 0)
		args = NULL;
	json_decref(body);
	return args;
}

void ctl_post_action(struct ctl_call *call) {
	struct err err = {0};
	const struct module_action *action = module_action_find(call->args[0], call->args[1]);
	json_t *result = NULL, *args = args_read(call, action->args, &err);
	int rc = args ? action->run(args, &result, &err) : -EINVAL;
	if (rc < 0) {
		err_set(&err, rc, "%s", strerror(-rc));
		ctl_reply_error(call->reply, ctl_status(rc), &err);
	} else {
		ctl_reply_json(
			call->reply, json_pack("{s:o}", "result", result ? result : json_null()));
	}
	json_decref(args);
}

void ctl_post_stream(struct ctl_call *call) {
	struct err err = {0};
	const struct module_stream *stream = module_stream_find(call->args[0]);
	if (stream == NULL) {
		ctl_reply_message(call->reply, 404, "there is no such stream; see /v1/schema");
		return;
	}
	json_t *args = args_read(call, stream->args, &err);
	int rc = args ? ctl_stream_open(call->api->streams, stream, args, call->reply, &err)
		      : -EINVAL;
	json_decref(args);
	if (rc < 0)
		ctl_reply_error(call->reply, ctl_status(rc), &err);
}
