// SPDX-License-Identifier: BSD-3-Clause
// One HTTP/1.1 request over a Unix socket, one connection per request.
#pragma once

#include "control/cli/http_parse.h"

#define HTTP_REPLY_MAX (256u << 20) // bytes of an answer that is kept in memory

struct http_request {
	const char *method;
	const char *target; // path and query, already encoded
	const char *type;   // Content-Type of the body; NULL: no body
	const void *body;
	size_t body_len;
	unsigned timeout_ms; // longest silence of the peer; 0: none (streams)
	// Body bytes of an answer with status 200 go here instead of into reply->body; NULL: kept.
	http_body_fn sink;
	void *sink_arg;
};

struct http_reply {
	int status;
	char type[HTTP_TYPE_MAX];
	char *body; // malloc'ed, zero-terminated beyond body_len
	size_t body_len;
};

// Sends the request to the socket at `path` and reads the answer. Returns 0 for any HTTP status; else
// -ECONNREFUSED nobody listens there, -EACCES we may not, -ETIMEDOUT, -EPROTO the answer is broken,
// -EINTR a signal came (see http_interrupted), -EFBIG the answer is too long, or what the sink returned.
// `reply` is always initialized; the caller frees it with http_reply_fini().
int http_call(const char *path, const struct http_request *request, struct http_reply *reply,
	struct err *err);
void http_reply_fini(struct http_reply *reply);

// From now on SIGINT and SIGTERM do not end the process but the request under way (-EINTR): for
// commands that a person ends with ^C and that have something to finish.
void http_catch_signals(void);
bool http_interrupted(void);
