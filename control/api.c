// SPDX-License-Identifier: BSD-3-Clause
// The routes, and the way of a request to its handler.
#include "control/api_priv.h"
#include "leat_version.h"
#include "lib/json.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- shapes ------------------------------------------------------------------------------------------

static const char *const sources[] = {"running", "file", "overlay", NULL};
static const char *const ops[] = {"add", "del", "set", NULL};

static const struct schema_row config_query[] = {
	{.name = "source",
		.type = SCHEMA_ENUM,
		.words = sources,
		.def = "running",
		.help = "what runs, what the file said, or the run-time edits"},
	{.name = "resolved",
		.type = SCHEMA_BOOL,
		.def = "false",
		.help = "with defaults filled in; of what runs only"},
	{0},
};

static const struct schema_row change_fields[] = {
	{.name = "path", .type = SCHEMA_STRING, .help = "where"},
	{.name = "op", .type = SCHEMA_ENUM, .words = ops, .help = "what happened to the value"},
	{.name = "old", .type = SCHEMA_ANY, .help = "the value before"},
	{.name = "new", .type = SCHEMA_ANY, .help = "the value after"},
	{0},
};
static const struct schema_row change = {
	.type = SCHEMA_OBJECT, .rows = change_fields, .help = "one difference"};
static const struct schema_row restart_path = {.type = SCHEMA_STRING, .help = "a path"};
static const struct schema_row note = {.type = SCHEMA_STRING, .help = "a sentence"};
#define NOTES_ROW                                                      \
	{                                                              \
		.name = "notes", .type = SCHEMA_LIST, .elem = &note,   \
		.help = "what its author should know; absent: nothing" \
	}
static const struct schema_row change_answer[] = {
	{.name = "revision", .type = SCHEMA_INT, .help = "the revision that runs now"},
	{.name = "changes", .type = SCHEMA_LIST, .elem = &change, .help = "what it changed"},
	NOTES_ROW,
	{.name = "restart",
		.type = SCHEMA_LIST,
		.elem = &restart_path,
		.help = "what of it takes effect at the next start only; absent: nothing"},
	{.name = "confirm_by",
		.type = SCHEMA_STRING,
		.help = "when it reverts by itself unless it is confirmed (RFC 3339)"},
	{0},
};

static const struct schema_row file_name = {
	.type = SCHEMA_STRING, .min = 1, .max = 255, .help = "name of a Lua file"};
// Not SCHEMA_STRING, which refuses line ends; the sandbox checks it (lib/script.h).
static const struct schema_row file_text = {.type = SCHEMA_ANY, .help = "its text, a string"};
static const struct schema_row bundle_fields[] = {
	{.name = "main",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_REQUIRED,
		.min = 1,
		.max = 255,
		.help = "name of the file to run"},
	{.name = "folder",
		.type = SCHEMA_STRING,
		.help = "where it was read from; for messages only"},
	{.name = "files",
		.type = SCHEMA_MAP,
		.flags = SCHEMA_REQUIRED,
		.key = &file_name,
		.elem = &file_text,
		.help = "Lua files by name"},
	{0},
};
#define BUNDLE_ROW                                                                 \
	{                                                                          \
		.name = "bundle", .type = SCHEMA_OBJECT, .flags = SCHEMA_REQUIRED, \
		.rows = bundle_fields, .help = "the configuration as Lua files"    \
	}

static const struct schema_row check_body[] = {BUNDLE_ROW, {0}};
static const struct schema_row apply_body[] = {
	BUNDLE_ROW,
	{.name = "confirm_s",
		.type = SCHEMA_INT,
		.min = 1,
		.max = CTL_CONFIRM_MAX_S,
		.help = "revert after so many seconds unless it is confirmed",
		.unit = "s"},
	{.name = "dry_run",
		.type = SCHEMA_BOOL,
		.def = "false",
		.help = "do everything but the commit"},
	{.name = "keep_overlay",
		.type = SCHEMA_BOOL,
		.def = "false",
		.help = "keep the run-time edits"},
	{.name = "comment",
		.type = SCHEMA_STRING,
		.max = CTL_COMMENT_MAX,
		.help = "for the history"},
	{0},
};
static const struct schema_row ok_answer[] = {
	{.name = "ok", .type = SCHEMA_BOOL, .help = "always true; a mistake is an error"}, {0}};
static const struct schema_row check_answer[] = {
	{.name = "ok", .type = SCHEMA_BOOL, .help = "always true; a mistake is an error"},
	NOTES_ROW, {0}};

static const struct schema_row rollback_body[] = {
	{.name = "to",
		.type = SCHEMA_INT,
		.min = 0,
		.max = INT64_MAX,
		.help = "the revision to go back to; absent: the one before"},
	{0},
};
static const struct schema_row diff_query[] = {
	{.name = "from",
		.type = SCHEMA_INT,
		.min = 0,
		.max = INT64_MAX,
		.help = "a revision; absent: the running one"},
	{.name = "to",
		.type = SCHEMA_INT,
		.min = 0,
		.max = INT64_MAX,
		.help = "a revision; absent: what runs"},
	{0},
};

static const struct schema_row history_fields[] = {
	{.name = "revision", .type = SCHEMA_INT, .flags = SCHEMA_KEY, .help = "its number"},
	{.name = "time", .type = SCHEMA_STRING, .help = "when (RFC 3339)"},
	{.name = "kind", .type = SCHEMA_STRING, .help = "apply, set, rollback or revert"},
	{.name = "comment", .type = SCHEMA_STRING, .help = "why"},
	{.name = "state", .type = SCHEMA_STRING, .help = "current, pending or old"},
	{.name = "changes", .type = SCHEMA_INT, .help = "how many values it changed"},
	{0},
};
static const struct schema_row history_row = {
	.type = SCHEMA_OBJECT, .rows = history_fields, .help = "one revision"};
static const struct schema_row history_answer[] = {
	{.name = "rows", .type = SCHEMA_LIST, .elem = &history_row, .help = "newest first"}, {0}};

static const struct schema_row limit_query[] = {
	{.name = "key", .type = SCHEMA_STRING, .help = "rows with this in a key column"},
	{.name = "limit",
		.type = SCHEMA_INT,
		.min = 1,
		.max = CTL_ROWS_LIMIT,
		.help = "at most so many rows"},
	{0},
};

static const struct schema_row version_answer[] = {
	{.name = "version", .type = SCHEMA_STRING, .help = "of the daemon"},
	{.name = "api", .type = SCHEMA_INT, .help = "of this API"},
	{.name = "revision", .type = SCHEMA_INT, .help = "the wanted revision"},
	{.name = "degraded",
		.type = SCHEMA_STRING,
		.help = "why that one does not run; absent: it does"},
	{0},
};

// ---- small answers ----------------------------------------------------------------------------------

static void get_version(struct ctl_call *call) {
	const char *degraded = ctl_config_degraded(call->api->config);
	ctl_reply_json(call->reply,
		json_pack("{s:s, s:i, s:I, s:s*}", "version", LEAT_VERSION, "api", 1, "revision",
			(json_int_t)ctl_config_revision(call->api->config), "degraded", degraded));
}

static void get_schema(struct ctl_call *call) {
	ctl_reply_json(call->reply, ctl_schema_json());
}

static void get_openapi(struct ctl_call *call) {
	ctl_reply_json(call->reply, ctl_openapi());
}

// ---- the table ----------------------------------------------------------------------------------------

const struct ctl_route ctl_routes[] = {
	{"GET", "/v1/version", get_version, "what runs here", .answer = version_answer},
	{"GET", "/v1/config", ctl_get_config, "the configuration", .query = config_query},
	{"PUT", "/v1/config", ctl_edit_config, "replace all of it by a run-time edit",
		.any_body = true, .answer = change_answer},
	{"PATCH", "/v1/config", ctl_edit_config, "merge into it (RFC 7396)", .any_body = true,
		.answer = change_answer},
	{"POST", "/v1/config/clear-overlay", ctl_clear_overlay, "drop every run-time edit",
		.answer = change_answer},
	{"GET", "/v1/config/{path}", ctl_get_config, "the value at a dotted path",
		.query = config_query},
	{"PUT", "/v1/config/{path}", ctl_edit_config,
		"set the value at a path; text/plain: a word as at the command line",
		.any_body = true, .answer = change_answer},
	{"PATCH", "/v1/config/{path}", ctl_edit_config, "merge into the value at a path (RFC 7396)",
		.any_body = true, .answer = change_answer},
	{"DELETE", "/v1/config/{path}", ctl_edit_config, "remove the value at a path",
		.any_body = true, .answer = change_answer},
	{"POST", "/v1/apply", ctl_post_apply, "make Lua files the configuration, all or nothing",
		.body = apply_body, .answer = change_answer},
	{"POST", "/v1/check", ctl_post_check, "say whether they would be accepted; changes nothing",
		.body = check_body, .answer = check_answer},
	{"POST", "/v1/confirm", ctl_post_confirm, "keep what waits for its confirmation",
		.answer = ok_answer},
	{"POST", "/v1/rollback", ctl_post_rollback, "go back to an earlier revision",
		.body = rollback_body, .answer = change_answer},
	{"GET", "/v1/history", ctl_get_history, "the revisions kept", .answer = history_answer},
	{"GET", "/v1/diff", ctl_get_diff,
		"changes between two revisions, or from the file to what runs",
		.query = diff_query},
	{"GET", "/v1/show", ctl_get_nouns, "what can be shown"},
	{"GET", "/v1/show/{noun}", ctl_get_rows, "its rows; any column may be asked for by name",
		.query = limit_query},
	{"POST", "/v1/stream/{name}", ctl_post_stream, "an answer without an end", .any_body = true,
		.type = "application/octet-stream"},
	{"GET", "/v1/schema", get_schema, "sections, nouns, actions and streams, row by row"},
	{"GET", "/v1/events", ctl_get_events, "what happens, as it happens (server-sent events)",
		.type = "text/event-stream"},
	{"GET", "/v1/openapi.json", get_openapi, "this document"},
	{"GET", "/metrics", ctl_get_metrics, "Prometheus text", .type = "text/plain"},
	{"POST", "/v1/{verb}/{noun}", ctl_post_action, "an action on running state",
		.any_body = true},
	{0},
};

int ctl_status(int code) {
	switch (code) {
	case -ENOENT:
		return 404;
	case CTL_BUSY:
		return 409;
	case CTL_STORE:
		return 500;
	case -ENOMEM:
	case -EUSERS:
		return 503;
	default:
		return 400;
	}
}

// ---- routing -------------------------------------------------------------------------------------------

static void args_fini(char *args[static CTL_ARGS_MAX]) {
	for (size_t i = 0; i < CTL_ARGS_MAX; i++) {
		free(args[i]);
		args[i] = NULL;
	}
}

// Matches segment by segment; {path} takes the rest. On a match args are filled.
static bool route_match(
	const struct ctl_route *route, const char *path, char *args[static CTL_ARGS_MAX]) {
	const char *at = route->path;
	size_t n = 0;
	while (*at && *path) {
		if (*at != '{') {
			if (*at++ != *path++)
				break;
			continue;
		}
		size_t len = strncmp(at, "{path}", 6) == 0 ? strlen(path) : strcspn(path, "/");
		if (len == 0)
			break;
		args[n++] = strndup(path, len);
		path += len;
		at += strcspn(at, "}") + 1;
	}
	if (*at == '\0' && *path == '\0')
		return true;
	args_fini(args);
	return false;
}

// The last route takes any two words: it is there when there is such an action.
static bool route_exists(const struct ctl_route *route, char *args[static CTL_ARGS_MAX]) {
	return route->handle != ctl_post_action ||
		(args[0] && args[1] && module_action_find(args[0], args[1]));
}

static const struct ctl_route *route_find(const char *method, const char *path,
	char *args[static CTL_ARGS_MAX], char allow[static 64]) {
	*allow = '\0';
	for (const struct ctl_route *route = ctl_routes; route->method; route++) {
		if (!route_match(route, path, args))
			continue;
		if (strcmp(route->method, method) == 0 && route_exists(route, args))
			return route;
		size_t len = strlen(allow);
		if (route_exists(route, args) && !strstr(allow, route->method))
			snprintf(allow + len, 64 - len, "%s%s", len ? ", " : "", route->method);
		args_fini(args);
	}
	return NULL;
}

// `allow` must outlive the reply: one of the few sets that the table has.
static const char *allow_static(const char *allow) {
	static const char *const sets[] = {"GET", "POST", "GET, PUT, PATCH",
		"GET, PUT, PATCH, DELETE", "POST, GET, PUT, PATCH, DELETE"};
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		if (strcmp(sets[i], allow) == 0)
			return sets[i];
	return NULL;
}

// The body as the route wants it. 0, or a status with err set.
static int read_body(struct ctl_call *call, const struct ctl_route *route, struct err *err) {
	const struct ctl_request *request = call->request;
	if (route->any_body || route->body == NULL)
		return 0;
	if (strcmp(request->type, "text/plain") == 0)
		return err_set(err, 415, "send application/json");
	// Nothing is an empty object where nothing is required.
	bool none = request->body_len == 0 && !(route->body[0].flags & SCHEMA_REQUIRED);
	json_t *body = none ? json_object() : NULL;
	if (body == NULL && jx_parse(request->body, request->body_len, "body", &body, err) < 0)
		return 400;
	int rc = schema_validate_rows(route->body, body, NULL, "", &call->body, err);
	json_decref(body);
	return rc < 0 ? 400 : 0;
}

static void call_run(struct ctl_call *call, const struct ctl_route *route) {
	struct err err = {0};
	int status = read_body(call, route, &err);
	if (status)
		ctl_reply_error(call->reply, status, &err);
	else
		route->handle(call);
	json_decref(call->body);
}

void ctl_api_handle(void *api, const struct ctl_request *request, struct ctl_reply *reply) {
	struct ctl_call call = {.api = api, .request = request, .reply = reply};
	const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
	char allow[64];
	if (request->read_only && strcmp(method, "GET") != 0) {
		ctl_reply_message(reply, 403, "this socket is for reading; use leat.sock");
		return;
	}
	const struct ctl_route *route = route_find(method, request->path, call.args, allow);
	if (route) {
		call_run(&call, route);
	} else if (*allow) {
		reply->allow = allow_static(allow);
		ctl_reply_message(reply, 405, "this path has no such method");
	} else {
		ctl_reply_message(
			reply, 404, "there is no such path; GET /v1/openapi.json lists them");
	}
	args_fini(call.args);
}
