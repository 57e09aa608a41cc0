// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/http.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int) {
	interrupted = 1;
}

void http_catch_signals(void) {
	struct sigaction action = {.sa_handler = on_signal}; // no SA_RESTART: poll() must return
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool http_interrupted(void) {
	return interrupted;
}

static int dial(const char *path, struct err *err) {
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, -ECONNREFUSED,
			"%s: the path of a socket has at most %zu characters; use a shorter -r "
			"RUN-DIR",
			path, sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, -errno, "socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	int code = errno == EACCES || errno == EPERM ? -EACCES : -ECONNREFUSED;
	err_set(err, code, "%s: %s", path, strerror(errno));
	close(fd);
	return code;
}

// Waits for the socket; 0, -ETIMEDOUT or -EINTR.
static int wait_for(int fd, short events, unsigned timeout_ms, struct err *err) {
	struct pollfd pfd = {.fd = fd, .events = events};
	for (;;) {
		if (interrupted)
			return err_set(err, -EINTR, "interrupted");
		// A signal between the test above and poll() is seen at the next turn.
		int slice = timeout_ms == 0 || timeout_ms > 1000 ? 1000 : (int)timeout_ms;
		int n = poll(&pfd, 1, slice);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_set(err, -errno, "poll: %s", strerror(errno));
		if (n == 0 && timeout_ms) {
			timeout_ms -= (unsigned)slice;
			if (timeout_ms == 0)
				return err_set(err, -ETIMEDOUT, "the daemon does not answer");
		}
	}
}

static int send_all(int fd, const char *data, size_t len, unsigned timeout_ms, struct err *err) {
	while (len) {
		int rc = wait_for(fd, POLLOUT, timeout_ms, err);
		if (rc)
			return rc;
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		// A peer that refuses early (413, 503) has an answer waiting: read that.
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (n < 0)
			return err_set(err, -EPROTO, "send: %s", strerror(errno));
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int send_request(int fd, const struct http_request *request, struct err *err) {
	char *head = NULL;
	int len = asprintf(&head,
		"%s %s HTTP/1.1\r\nHost: leat\r\nConnection: close\r\n%s%s%sContent-Length: "
		"%zu\r\n\r\n",
		request->method, request->target, request->type ? "Content-Type: " : "",
		request->type ? request->type : "", request->type ? "\r\n" : "", request->body_len);
	if (len < 0)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = send_all(fd, head, (size_t)len, request->timeout_ms, err);
	if (rc == 0)
		rc = send_all(fd, request->body, request->body_len, request->timeout_ms, err);
	free(head);
	return rc;
}

struct collector {
	const struct http_request *request;
	struct http_parser *parser;
	struct http_reply *reply;
	struct err *err;
	size_t room;
};

static int collect(const void *data, size_t len, void *arg) {
	struct collector *to = arg;
	struct http_reply *reply = to->reply;
	if (to->request->sink && to->parser->status == 200)
		return to->request->sink(data, len, to->request->sink_arg);
	if (len > HTTP_REPLY_MAX - reply->body_len)
		return err_set(to->err, -EFBIG,
			"the answer is longer than %u MiB; ask for less (KEY, COLUMN=VALUE)",
			HTTP_REPLY_MAX >> 20);
	if (reply->body_len + len + 1 > to->room) {
		size_t room = 2 * (reply->body_len + len + 1);
		char *body = realloc(reply->body, room);
		if (!body)
			return err_set(to->err, -ENOMEM, "out of memory");
		reply->body = body;
		to->room = room;
	}
	memcpy(reply->body + reply->body_len, data, len);
	reply->body_len += len;
	reply->body[reply->body_len] = '\0';
	return 0;
}

static int receive(int fd, struct collector *to) {
	struct http_parser *parser = to->parser;
	char buf[16384];
	while (parser->state != HTTP_DONE) {
		int rc = wait_for(fd, POLLIN, to->request->timeout_ms, to->err);
		if (rc)
			return rc;
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0 && errno != ECONNRESET)
			return err_set(to->err, -EPROTO, "recv: %s", strerror(errno));
		rc = n > 0 ? http_parser_feed(parser, buf, (size_t)n, collect, to, to->err)
			   : http_parser_end(parser, to->err);
		if (rc)
			return rc;
	}
	return 0;
}

int http_call(const char *path, const struct http_request *request, struct http_reply *reply,
	struct err *err) {
	struct http_parser parser;
	struct collector to = {request, &parser, reply, err, 0};
	*reply = (struct http_reply){0};
	http_parser_init(&parser);
	int fd = dial(path, err);
	if (fd < 0)
		return fd;
	int rc = send_request(fd, request, err);
	if (rc == 0)
		rc = receive(fd, &to);
	reply->status = parser.status;
	memcpy(reply->type, parser.type, sizeof(reply->type));
	close(fd);
	return rc;
}

void http_reply_fini(struct http_reply *reply) {
	free(reply->body);
	*reply = (struct http_reply){0};
}
