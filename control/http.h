// SPDX-License-Identifier: BSD-3-Clause
// A small HTTP/1.1 server over Unix sockets, on the control thread's event base. Why not evhttp: it has no limit on
// connections or on the time of a whole request, and no back-pressure for answers without an end.
//
// No client can take the server away from others: at most CTL_HTTP_CONNS connections per socket, the oldest one that
// waits for its client makes room for a new one; a head must come within 10 s, a body within 60 s, an answer must be
// taken within 30 s of silence; the bodies of a socket together use at most 64 MiB, and its answers that nobody has
// taken about 256 MiB. A read-only socket takes no body. What is bounded is bounded per socket: whoever may only read
// cannot keep out who may write. All deadlines read lib/clock.h in ctl_http_poll().
#pragma once

#include "lib/err.h"
#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CTL_HTTP_CONNS       512
#define CTL_HTTP_BODY_MAX    (8u << 20)
#define CTL_HTTP_BODIES_MAX  (64u << 20)
#define CTL_HTTP_REPLIES_MAX (256u << 20) // answers waiting to be taken
#define CTL_HTTP_OUTPUT_MAX \
	(1u << 20) // an answer without an end waits while more than this is unsent

#define CTL_HTTP_HEAD_S  10
#define CTL_HTTP_BODY_S  60
#define CTL_HTTP_IDLE_S  60
#define CTL_HTTP_STALL_S 30

struct ctl_request { // borrowed, for the time of the call
	const char *method;
	const char *path;    // decoded
	const json_t *query; // object: name → string
	const char *type;    // "application/json", ""
	const char *body;    // zero-terminated beyond body_len
	size_t body_len;
	bool read_only; // came by a read-only socket
};

// Filled by the handler. Either `body` (malloc'ed, taken over) or `feed` (an answer without an end).
struct ctl_reply {
	int status;
	const char *type;  // static
	const char *allow; // static; for 405
	char *body;
	size_t body_len;
	// Called every few milliseconds while the client keeps up: bytes, 0 nothing yet, negative: the end (-EPIPE: a good
	// one). `close` is called once, whatever happens.
	struct {
		ssize_t (*read)(void *ctx, void *buf, size_t size);
		void (*close)(void *ctx);
		void *ctx;
	} feed;
};

typedef void (*ctl_http_handler)(
	void *arg, const struct ctl_request *request, struct ctl_reply *reply);

struct ctl_http;

struct ctl_http *ctl_http_new(struct event_base *base, ctl_http_handler handler, void *arg);
// Closes sockets, connections and feeds, and removes the socket files.
void ctl_http_free(struct ctl_http *http);

// Listens on `path`. A socket file that nobody listens on is replaced; -EADDRINUSE when somebody does. The file
// belongs to the group "leat" when there is one.
int ctl_http_listen(
	struct ctl_http *http, const char *path, mode_t mode, bool read_only, struct err *err);

// Feeds open answers and enforces deadlines; about every 5 ms.
void ctl_http_poll(struct ctl_http *http, uint64_t now_ns);

struct ctl_http_stats {
	uint64_t requests, refused, evicted, timeouts; // refused: connections answered with 503
	unsigned connections, feeds;
};
void ctl_http_stats(const struct ctl_http *http, struct ctl_http_stats *stats);

// An error answer: {"error":{"path","message"}}.
void ctl_reply_error(struct ctl_reply *reply, int status, const struct err *err);
void ctl_reply_message(struct ctl_reply *reply, int status, const char *message);
// Takes `json` over (NULL: out of memory).
void ctl_reply_json(struct ctl_reply *reply, json_t *json);
// Frees what the server would have taken over.
void ctl_reply_fini(struct ctl_reply *reply);
