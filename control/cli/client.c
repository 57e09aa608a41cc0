// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/client.h"

#include "lib/json.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Opening devices and hugepages may take the daemon a while; silence beyond this is a hang.
#define TIMEOUT_MS       60000
#define TIMEOUT_QUICK_MS 1000

static int unreachable(int rc, const struct err *cause, struct err *err) {
	char advice[160];
	switch (rc) {
	case -EACCES:
		snprintf(
			advice, sizeof(advice), "use sudo, or join the group that owns the socket");
		break;
	case -ECONNREFUSED:
		snprintf(advice, sizeof(advice),
			"start it (systemctl start leatd), or name its folder with -r RUN-DIR or "
			"LEAT_RUN_DIR");
		break;
	default:
		snprintf(advice, sizeof(advice), "see its log (journalctl -u leatd)");
	}
	*err = (struct err){0};
	return err_set(err, -ENOTCONN, "cannot reach leatd: %s; %s", cause->msg, advice);
}

static int refusal_code(int status) {
	switch (status) {
	case 403:
		return -EACCES;
	case 404:
		return -ENOENT;
	case 409:
		return -EBUSY;
	case 413:
		return -EFBIG;
	case 503:
		return -ENOTCONN; // nobody looked at the request
	default:
		return -EINVAL;
	}
}

// {"error":{"path","message"}} → err.
static int refused(const struct http_reply *reply, struct err *err) {
	json_t *body = json_loadb(reply->body ? reply->body : "", reply->body_len, 0, NULL);
	const json_t *error = json_object_get(body, "error");
	const char *path = jx_str(error, "path", ""), *message = jx_str(error, "message", NULL);
	int code = refusal_code(reply->status);
	if (message && *path)
		err_at(err, path, "%s", message);
	else if (message)
		err_set(err, code, "%s", message);
	else
		err_set(err, code, "the daemon answered with HTTP status %d", reply->status);
	json_decref(body);
	err->code = code;
	return code;
}

static int call(const struct client *client, struct http_request *request, struct http_reply *reply,
	struct err *err) {
	static const char *const sockets[] = {"leat.sock", "leat-ro.sock"};
	bool read_only = strcmp(request->method, "GET") == 0;
	char path[512] = "";
	struct err cause;
	int rc = 0;
	if (!request->sink)
		request->timeout_ms = client->quick ? TIMEOUT_QUICK_MS : TIMEOUT_MS;
	for (int i = 0; i <= read_only; i++) {
		cause = (struct err){0};
		snprintf(path, sizeof(path), "%s/%s", client->run_dir, sockets[i]);
		rc = http_call(path, request, reply, &cause);
		if (rc != -EACCES)
			break;
		http_reply_fini(reply);
	}
	if (rc == 0)
		return reply->status / 100 == 2 ? 0 : refused(reply, err);
	if (rc == -EINTR || rc == -EFBIG || rc == -ENOMEM)
		return err_set(err, rc, "%s", cause.msg);
	if (cause.code == 0) // the sink's own
		return rc;
	return unreachable(rc, &cause, err);
}

static int call_json(const struct client *client, struct http_request *request, json_t **answer,
	struct err *err) {
	struct http_reply reply;
	int rc = call(client, request, &reply, err);
	if (rc == 0 && answer) {
		json_error_t error;
		*answer = json_loadb(
			reply.body ? reply.body : "", reply.body_len, JSON_DECODE_ANY, &error);
		if (!*answer)
			rc = err_set(err, -ENOTCONN, "cannot read the daemon's answer to %s %s: %s",
				request->method, request->target, error.text);
	}
	http_reply_fini(&reply);
	return rc;
}

int client_get(const struct client *client, const char *target, json_t **answer, struct err *err) {
	struct http_request request = {.method = "GET", .target = target};
	return call_json(client, &request, answer, err);
}

int client_send(const struct client *client, const char *method, const char *target,
	const json_t *body, json_t **answer, struct err *err) {
	struct http_request request = {.method = method, .target = target};
	char *text = body ? json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	if (body && !text)
		return err_set(err, -ENOMEM, "out of memory");
	request.type = text ? "application/json" : NULL;
	request.body = text;
	request.body_len = text ? strlen(text) : 0;
	int rc = call_json(client, &request, answer, err);
	free(text);
	return rc;
}

int client_send_word(const struct client *client, const char *method, const char *target,
	const char *word, json_t **answer, struct err *err) {
	struct http_request request = {.method = method,
		.target = target,
		.type = "text/plain",
		.body = word,
		.body_len = strlen(word)};
	return call_json(client, &request, answer, err);
}

int client_stream(const struct client *client, const char *method, const char *target,
	const json_t *body, http_body_fn sink, void *arg, struct err *err) {
	struct http_request request = {
		.method = method, .target = target, .sink = sink, .sink_arg = arg};
	struct http_reply reply;
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	request.type = text ? "application/json" : NULL;
	request.body = text;
	request.body_len = text ? strlen(text) : 0;
	int rc = call(client, &request, &reply, err);
	http_reply_fini(&reply);
	free(text);
	return rc;
}

int client_fail(const struct err *err) {
	char buf[sizeof(err->path) + sizeof(err->msg) + 8];
	if (err->code == -EINTR)
		return 0;
	fprintf(stderr, "leat: %s\n", err_print(err, buf, sizeof(buf)));
	return err->code == -ENOTCONN ? 2 : 1;
}
