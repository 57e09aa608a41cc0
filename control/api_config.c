// SPDX-License-Identifier: BSD-3-Clause
// /v1/config, /v1/apply, /v1/check, /v1/confirm, /v1/rollback, /v1/history, /v1/diff
#include "control/api_priv.h"
#include "lib/json.h"
#include <errno.h>
#include <string.h>

static const char *query_get(const struct ctl_call *call, const char *name) {
	return json_string_value(json_object_get(call->request->query, name));
}

static void fail(struct ctl_call *call, int rc, const struct err *err) {
	ctl_reply_error(call->reply, ctl_status(rc), err);
}

static void answer(struct ctl_call *call, struct ctl_result *result) {
	char confirm_by[CTL_TIMELEN];
	bool pending = result->confirm_by_wall_ns;
	ctl_reply_json(call->reply,
		json_pack("{s:I, s:O, s:O*, s:O*, s:s*}", "revision", (json_int_t)result->revision,
			"changes", result->changes, "notes",
			json_array_size(result->notes) ? result->notes : NULL, "restart",
			json_array_size(result->restart) ? result->restart : NULL, "confirm_by",
			pending ? ctl_time_print(result->confirm_by_wall_ns, confirm_by) : NULL));
	ctl_result_fini(result);
}

static void finish(
	struct ctl_call *call, int rc, struct ctl_result *result, const struct err *err) {
	if (rc < 0)
		fail(call, rc, err);
	else
		answer(call, result);
}

// ---- reading -------------------------------------------------------------------------------------------

static int source_of(const struct ctl_call *call, enum ctl_source *source, struct err *err) {
	const char *name = query_get(call, "source"), *resolved = query_get(call, "resolved");
	bool full = resolved && strcmp(resolved, "0") != 0 && strcmp(resolved, "false") != 0;
	if (name == NULL || strcmp(name, "running") == 0)
		*source = full ? CTL_RUNNING_RESOLVED : CTL_RUNNING;
	else if (strcmp(name, "file") == 0)
		*source = CTL_FILE;
	else if (strcmp(name, "overlay") == 0)
		*source = CTL_OVERLAY;
	else
		return err_at(
			err, "source", "\"%s\" is unknown; one of running, file, overlay", name);
	if (full && *source != CTL_RUNNING_RESOLVED)
		return err_at(err, "resolved", "only the running configuration is resolved");
	return 0;
}

void ctl_get_config(struct ctl_call *call) {
	struct err err = {0};
	enum ctl_source source = CTL_RUNNING;
	const char *path = call->args[0] ? call->args[0] : "";
	int rc = source_of(call, &source, &err);
	if (rc == 0 && *path && schema_find(module_sections(), path, &err) == NULL)
		rc = -ENOENT;
	const json_t *value =
		rc == 0 ? schema_get(ctl_config_tree(call->api->config, source), path) : NULL;
	if (rc == 0 && value == NULL) {
		err_at(&err, path, "is not set");
		rc = -ENOENT;
	}
	if (rc < 0)
		fail(call, rc, &err);
	else
		ctl_reply_json(call->reply, schema_redact(module_sections(), path, value));
}

void ctl_get_history(struct ctl_call *call) {
	ctl_reply_json(
		call->reply, json_pack("{s:o}", "rows", ctl_config_history(call->api->config)));
}

// A revision's number in the query; -1: absent.
static int query_revision(
	const struct ctl_call *call, const char *name, int64_t *number, struct err *err) {
	static const struct schema_row row = {
		.type = SCHEMA_INT, .min = 0, .max = INT64_MAX, .help = "a revision"};
	const char *word = query_get(call, name);
	*number = -1;
	if (word == NULL)
		return 0;
	json_t *value = schema_parse_word(&row, word, name, err);
	if (value == NULL)
		return -EINVAL;
	*number = json_integer_value(value);
	json_decref(value);
	return 0;
}

void ctl_get_diff(struct ctl_call *call) {
	struct err err = {0};
	int64_t from, to;
	json_t *changes = NULL;
	int rc = query_revision(call, "from", &from, &err);
	if (rc == 0)
		rc = query_revision(call, "to", &to, &err);
	if (rc == 0)
		rc = ctl_config_diff(call->api->config, from, to, &changes, &err);
	if (rc < 0)
		fail(call, rc, &err);
	else
		ctl_reply_json(call->reply, json_pack("{s:o}", "changes", changes));
}

// ---- changing ------------------------------------------------------------------------------------------

// A word as at the command line; what is left of a line's end is not part of it.
static json_t *body_word(const struct ctl_request *request, const char *path, struct err *err) {
	const struct schema_row *row = *path ? schema_find(module_sections(), path, err) : NULL;
	if (row == NULL) {
		err_set(err, -EINVAL, "a word is no configuration; send application/json");
		return NULL;
	}
	if (strlen(request->body) != request->body_len) {
		err_at(err, path, "the word holds a zero byte");
		return NULL;
	}
	char *word = strndup(request->body, strcspn(request->body, "\r\n"));
	json_t *value = word ? schema_parse_word(row, word, path, err) : NULL;
	free(word);
	return value;
}

static json_t *body_value(const struct ctl_request *request, const char *path, struct err *err) {
	json_error_t error;
	if (strcmp(request->type, "text/plain") == 0)
		return body_word(request, path, err);
	json_t *value = json_loadb(
		request->body, request->body_len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
	if (value == NULL)
		err_set(err, -EINVAL, "the body is not JSON: line %d: %s", error.line, error.text);
	return value;
}

void ctl_edit_config(struct ctl_call *call) {
	struct err err = {0};
	struct ctl_result result;
	const char *path = call->args[0] ? call->args[0] : "", *method = call->request->method;
	enum ctl_edit edit = strcmp(method, "PUT") == 0 ? CTL_EDIT_PUT
		: strcmp(method, "PATCH") == 0          ? CTL_EDIT_PATCH
							: CTL_EDIT_DELETE;
	json_t *value = edit == CTL_EDIT_DELETE ? NULL : body_value(call->request, path, &err);
	int rc = value == NULL && edit != CTL_EDIT_DELETE
		? -EINVAL
		: ctl_config_edit(call->api->config, edit, path, value, &result, &err);
	json_decref(value);
	finish(call, rc, &result, &err);
}

void ctl_clear_overlay(struct ctl_call *call) {
	struct err err = {0};
	struct ctl_result result;
	int rc = ctl_config_clear_overlay(call->api->config, &result, &err);
	finish(call, rc, &result, &err);
}

void ctl_post_apply(struct ctl_call *call) {
	struct err err = {0};
	struct ctl_result result;
	struct ctl_apply opts = {
		.comment = json_string_value(json_object_get(call->body, "comment")),
		.confirm_s = (unsigned)json_integer_value(json_object_get(call->body, "confirm_s")),
		.dry_run = json_is_true(json_object_get(call->body, "dry_run")),
		.keep_overlay = json_is_true(json_object_get(call->body, "keep_overlay")),
	};
	const json_t *bundle = json_object_get(call->body, "bundle");
	int rc = ctl_config_apply(call->api->config, bundle, &opts, &result, &err);
	finish(call, rc, &result, &err);
}

static void done(struct ctl_call *call, int rc, const struct err *err) {
	if (rc < 0)
		fail(call, rc, err);
	else
		ctl_reply_json(call->reply, json_pack("{s:b}", "ok", 1));
}

void ctl_post_check(struct ctl_call *call) {
	struct err err = {0};
	json_t *notes = NULL;
	int rc = ctl_config_check(json_object_get(call->body, "bundle"), &notes, &err);
	if (rc < 0)
		fail(call, rc, &err);
	else
		ctl_reply_json(call->reply, json_pack("{s:b, s:o}", "ok", 1, "notes", notes));
}

void ctl_post_confirm(struct ctl_call *call) {
	struct err err = {0};
	done(call, ctl_config_confirm(call->api->config, &err), &err);
}

void ctl_post_rollback(struct ctl_call *call) {
	struct err err = {0};
	struct ctl_result result;
	const json_t *to = json_object_get(call->body, "to");
	int rc = ctl_config_rollback(
		call->api->config, to ? json_integer_value(to) : -1, &result, &err);
	finish(call, rc, &result, &err);
}
