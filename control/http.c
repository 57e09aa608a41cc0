// SPDX-License-Identifier: BSD-3-Clause
#include "control/http.h"
#include "control/http_head.h"
#include "lib/clock.h"
#include "lib/log.h"
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKETS       2
#define LINGER_S      2
#define SWEEP_NS      (100 * NSEC_PER_MSEC)
#define ACCEPT_NAP_NS (100 * NSEC_PER_MSEC)
#define FEED_CHUNK    65536

// What a connection waits for.
enum conn_state {
	CONN_HEAD,  // a request; idle as long as nothing of it is here
	CONN_BODY,  // the rest of one
	CONN_FLUSH, // the client to take the answer
	CONN_FEED,  // more of an answer without an end
	CONN_LINGER, // the client to close, after the answer: else it could lose the answer to a reset
};

struct conn {
	TAILQ_ENTRY(conn) link; // oldest first
	struct ctl_http_socket *socket;
	struct bufferevent *bev;
	enum conn_state state;
	bool close; // after the answer
	uint64_t deadline_ns;
	bool started;  // something of the next request is here
	size_t unsent; // as of the last sweep
	char *head_text;
	struct ctl_head head;
	size_t body_bytes;      // its share of socket->bodies
	size_t reply_bytes;     // and of socket->replies
	struct ctl_reply reply; // its feed
};

struct ctl_http_socket {
	struct ctl_http *http;
	struct evconnlistener *listener;
	char *path;
	bool read_only;
	unsigned n_conns;
	uint64_t nap_until_ns; // accept() failed; 0: it listens
	size_t bodies;         // bytes of bodies being received
	size_t replies;        // bytes of answers not taken yet
	TAILQ_HEAD(, conn) conns;
};

struct ctl_http {
	struct event_base *base;
	ctl_http_handler handler;
	void *arg;
	struct ctl_http_socket sockets[SOCKETS];
	uint64_t sweep_ns;
	struct ctl_http_stats stats;
	char feed_buf[FEED_CHUNK];
};

static void conn_process(struct conn *conn);

// ---- a connection's end ------------------------------------------------------------------------------

static void conn_request_fini(struct conn *conn) {
	conn->socket->bodies -= conn->body_bytes;
	conn->body_bytes = 0;
	ctl_head_fini(&conn->head);
	free(conn->head_text);
	conn->head_text = NULL;
}

static void conn_free(struct conn *conn) {
	struct ctl_http_socket *socket = conn->socket;
	if (conn->state == CONN_FEED)
		socket->http->stats.feeds--;
	conn_request_fini(conn);
	ctl_reply_fini(&conn->reply);
	TAILQ_REMOVE(&socket->conns, conn, link);
	socket->n_conns--;
	socket->http->stats.connections--;
	socket->replies -= conn->reply_bytes;
	bufferevent_free(conn->bev);
	free(conn);
}

static void conn_deadline(struct conn *conn, unsigned seconds) {
	conn->deadline_ns = clock_now_ns() + seconds * NSEC_PER_SEC;
}

static void conn_linger(struct conn *conn) {
	conn->state = CONN_LINGER;
	conn_deadline(conn, LINGER_S);
	shutdown(bufferevent_getfd(conn->bev), SHUT_WR);
}

// ---- answers -----------------------------------------------------------------------------------------

static const char *status_text(int status) {
	static const struct {
		int status;
		const char *text;
	} texts[] = {{200, "OK"}, {400, "Bad Request"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"},
		{411, "Length Required"}, {413, "Content Too Large"},
		{415, "Unsupported Media Type"}, {431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"}, {503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"}};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Error";
}

static void conn_write_head(struct conn *conn, const struct ctl_reply *reply) {
	struct evbuffer *out = bufferevent_get_output(conn->bev);
	evbuffer_add_printf(out,
		"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nCache-Control: no-store\r\n", reply->status,
		status_text(reply->status), reply->type ? reply->type : "application/json");
	if (reply->allow)
		evbuffer_add_printf(out, "Allow: %s\r\n", reply->allow);
	if (conn->close)
		evbuffer_add_printf(out, "Connection: close\r\n");
	if (reply->feed.read == NULL)
		evbuffer_add_printf(out, "Content-Length: %zu\r\n", reply->body_len);
	else if (!conn->head.http10)
		evbuffer_add_printf(out, "Transfer-Encoding: chunked\r\n");
	evbuffer_add(out, "\r\n", 2);
}

static void free_body(const void *data, size_t len, void *arg) {
	free(arg);
}

// Takes `reply` over.
static void conn_answer(struct conn *conn, struct ctl_reply *reply) {
	struct evbuffer *out = bufferevent_get_output(conn->bev);
	bool head_only = conn->head.method && strcmp(conn->head.method, "HEAD") == 0;
	if (reply->feed.read)
		conn->close = true;
	if (head_only && reply->feed.read) {
		reply->feed.close(reply->feed.ctx);
		reply->feed.read = NULL;
		reply->feed.close = NULL;
	}
	conn_write_head(conn, reply);
	conn->unsent = 0;
	conn_deadline(conn, CTL_HTTP_STALL_S);
	if (reply->feed.read) {
		conn->state = CONN_FEED;
		conn->reply = *reply;
		conn->socket->http->stats.feeds++;
		return;
	}
	if (reply->body && (head_only || reply->body_len == 0))
		free(reply->body);
	else if (reply->body &&
		evbuffer_add_reference(out, reply->body, reply->body_len, free_body, reply->body) ==
			0)
		conn->reply_bytes = reply->body_len;
	conn->socket->replies += conn->reply_bytes;
	conn_request_fini(conn);
	conn->state = CONN_FLUSH;
	// What follows waits in the socket: libevent calls back without end for a full buffer that nobody empties.
	if (!conn->close)
		bufferevent_disable(conn->bev, EV_READ);
}

static void conn_refuse(struct conn *conn, int status, const char *why) {
	struct ctl_reply reply = {0};
	conn->close = true;
	ctl_reply_message(&reply, status, why);
	conn_answer(conn, &reply);
}

static void feed_write(struct conn *conn, size_t len) {
	struct evbuffer *out = bufferevent_get_output(conn->bev);
	if (!conn->head.http10)
		evbuffer_add_printf(out, "%zx\r\n", len);
	evbuffer_add(out, conn->socket->http->feed_buf, len);
	if (!conn->head.http10)
		evbuffer_add(out, "\r\n", 2);
}

static void feed_end(struct conn *conn, bool good) {
	struct evbuffer *out = bufferevent_get_output(conn->bev);
	// Without the last chunk the client knows that something is missing.
	if (good && !conn->head.http10)
		evbuffer_add(out, "0\r\n\r\n", 5);
	ctl_reply_fini(&conn->reply);
	conn_request_fini(conn);
	conn->socket->http->stats.feeds--;
	conn->state = CONN_FLUSH;
	if (evbuffer_get_length(out) == 0)
		conn_linger(conn);
}

static void conn_feed(struct conn *conn) {
	struct evbuffer *out = bufferevent_get_output(conn->bev);
	char *buf = conn->socket->http->feed_buf;
	while (evbuffer_get_length(out) < CTL_HTTP_OUTPUT_MAX) {
		ssize_t n = conn->reply.feed.read(conn->reply.feed.ctx, buf, FEED_CHUNK);
		if (n < 0)
			feed_end(conn, n == -EPIPE);
		if (n <= 0)
			return;
		feed_write(conn, (size_t)n);
	}
}

// ---- requests ----------------------------------------------------------------------------------------

static void conn_serve(struct conn *conn) {
	struct ctl_http *http = conn->socket->http;
	struct ctl_reply reply = {0};
	char *body =
		conn->socket->replies > CTL_HTTP_REPLIES_MAX ? NULL : malloc(conn->head.length + 1);
	if (body == NULL) {
		conn_refuse(conn, 503, "too much to do at once; try again");
		return;
	}
	bufferevent_read(conn->bev, body, conn->head.length);
	body[conn->head.length] = '\0';
	struct ctl_request request = {.method = conn->head.method,
		.path = conn->head.path,
		.query = conn->head.query,
		.type = conn->head.type,
		.body = body,
		.body_len = conn->head.length,
		.read_only = conn->socket->read_only};
	conn->close = conn->head.close;
	http->stats.requests++;
	http->handler(http->arg, &request, &reply);
	free(body);
	conn_answer(conn, &reply);
}

// The head is whole: what comes next.
static void conn_head_done(struct conn *conn, size_t head_len) {
	struct ctl_http_socket *socket = conn->socket;
	struct evbuffer *in = bufferevent_get_input(conn->bev);
	const char *why;
	conn->head_text = malloc(head_len + 1);
	if (conn->head_text == NULL) {
		conn_refuse(conn, 503, "out of memory");
		return;
	}
	evbuffer_remove(in, conn->head_text, head_len);
	conn->head_text[head_len] = '\0';
	int status = ctl_head_parse(conn->head_text, head_len, &conn->head, &why);
	if (status) {
		conn_refuse(conn, status, why);
	} else if (conn->head.length > CTL_HTTP_BODY_MAX) {
		conn_refuse(conn, 413, "the body is too large: at most 8 MiB");
	} else if (socket->read_only && conn->head.length > 0) {
		conn_refuse(conn, 403, "this socket is for reading; use leat.sock");
	} else if (conn->head.length > CTL_HTTP_BODIES_MAX - socket->bodies) {
		conn_refuse(conn, 503, "too many large requests at once; try again");
	} else {
		conn->body_bytes = conn->head.length;
		socket->bodies += conn->body_bytes;
		conn->state = CONN_BODY;
		conn_deadline(conn, CTL_HTTP_BODY_S);
		bufferevent_setwatermark(conn->bev, EV_READ, 0,
			conn->head.length > CTL_HEAD_MAX ? conn->head.length : CTL_HEAD_MAX);
		if (conn->head.expect_continue && evbuffer_get_length(in) < conn->head.length)
			evbuffer_add_printf(
				bufferevent_get_output(conn->bev), "HTTP/1.1 100 Continue\r\n\r\n");
	}
}

// True: there is a whole head, and the state has moved on.
static bool conn_read_head(struct conn *conn) {
	struct evbuffer *in = bufferevent_get_input(conn->bev);
	struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	size_t len = evbuffer_get_length(in);
	if (end.pos >= 0 && end.pos + 4 <= CTL_HEAD_MAX) {
		conn_head_done(conn, (size_t)end.pos + 4);
		return true;
	}
	if (len >= CTL_HEAD_MAX) {
		conn_refuse(conn, 431, "the head of the request is too large: at most 16 KiB");
		return true;
	}
	return false;
}

static void conn_discard(struct conn *conn) {
	struct evbuffer *in = bufferevent_get_input(conn->bev);
	evbuffer_drain(in, evbuffer_get_length(in));
}

static void conn_process(struct conn *conn) {
	struct evbuffer *in = bufferevent_get_input(conn->bev);
	bool more = true;
	while (more) {
		if (conn->state == CONN_HEAD) {
			more = conn_read_head(conn);
		} else if (conn->state == CONN_BODY) {
			more = evbuffer_get_length(in) >= conn->head.length;
			if (more)
				conn_serve(conn);
		} else {
			more = false;
		}
	}
	if (conn->state == CONN_FEED)
		conn_feed(conn);
	if (conn->close && conn->state > CONN_BODY)
		conn_discard(conn);
}

static void on_read(struct bufferevent *bev, void *arg) {
	struct conn *conn = arg;
	// The first bytes of a request start its clock; later ones do not wind it up again.
	if (conn->state == CONN_HEAD && !conn->started) {
		conn->started = true;
		conn_deadline(conn, CTL_HTTP_HEAD_S);
	}
	conn_process(conn);
}

static void conn_idle(struct conn *conn) {
	conn->state = CONN_HEAD;
	conn->started = false;
	conn_deadline(conn, CTL_HTTP_IDLE_S);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, CTL_HEAD_MAX);
	bufferevent_enable(conn->bev, EV_READ);
	// Among those that wait, the one that was served last is the youngest.
	TAILQ_REMOVE(&conn->socket->conns, conn, link);
	TAILQ_INSERT_TAIL(&conn->socket->conns, conn, link);
	if (evbuffer_get_length(bufferevent_get_input(conn->bev)))
		on_read(conn->bev, conn);
}

static void on_written(struct bufferevent *bev, void *arg) {
	struct conn *conn = arg;
	conn->socket->replies -= conn->reply_bytes;
	conn->reply_bytes = 0;
	if (conn->state == CONN_FLUSH && conn->close)
		conn_linger(conn);
	else if (conn->state == CONN_FLUSH)
		conn_idle(conn);
}

static void on_event(struct bufferevent *bev, short events, void *arg) {
	struct conn *conn = arg;
	// A client that has closed its sending side only still gets its answer. Its last one: before others it is not read.
	bool half = events & BEV_EVENT_EOF && events & BEV_EVENT_READING;
	if (half && conn->state == CONN_FLUSH && !(events & BEV_EVENT_ERROR))
		return;
	conn_free(conn);
}

// ---- accepting ---------------------------------------------------------------------------------------

static struct conn *oldest_in(struct ctl_http_socket *socket, unsigned states) {
	struct conn *conn;
	TAILQ_FOREACH(conn, &socket->conns, link)
	if (states & 1u << conn->state)
		return conn;
	return NULL;
}

// Closes the connection that has waited longest for its client: for a request, else to take its answer. False:
// none does.
static bool evict(struct ctl_http_socket *socket) {
	struct conn *conn =
		oldest_in(socket, 1u << CONN_HEAD | 1u << CONN_BODY | 1u << CONN_LINGER);
	if (conn == NULL)
		conn = oldest_in(socket, 1u << CONN_FLUSH);
	if (conn == NULL)
		return false;
	socket->http->stats.evicted++;
	conn_free(conn);
	return true;
}

static void turn_away(struct ctl_http *http, int fd) {
	static const char body[] =
		"{\"error\":{\"message\":\"too many connections; try again\",\"path\":\"\"}}";
	char busy[sizeof(body) + 160];
	int len = snprintf(busy, sizeof(busy),
		"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
		"Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
		sizeof(body) - 1, body);
	http->stats.refused++;
	if (send(fd, busy, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("control", "cannot turn a client away", "why=\"%s\"", strerror(errno));
	close(fd);
}

static void on_accept(
	struct evconnlistener *listener, int fd, struct sockaddr *from, int from_len, void *arg) {
	struct ctl_http_socket *socket = arg;
	struct ctl_http *http = socket->http;
	if (socket->n_conns >= CTL_HTTP_CONNS && !evict(socket)) {
		turn_away(http, fd);
		return;
	}
	struct conn *conn = calloc(1, sizeof(*conn));
	struct bufferevent *bev =
		conn ? bufferevent_socket_new(http->base, fd, BEV_OPT_CLOSE_ON_FREE) : NULL;
	if (bev == NULL) {
		free(conn);
		close(fd);
		return;
	}
	conn->socket = socket;
	conn->bev = bev;
	TAILQ_INSERT_TAIL(&socket->conns, conn, link);
	socket->n_conns++;
	http->stats.connections++;
	conn_deadline(conn, CTL_HTTP_IDLE_S);
	bufferevent_setcb(bev, on_read, on_written, on_event, conn);
	bufferevent_setwatermark(bev, EV_READ, 0, CTL_HEAD_MAX);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

// Out of descriptors: the listening socket stays readable, so it must rest or the loop would spin.
static void on_accept_error(struct evconnlistener *listener, void *arg) {
	struct ctl_http_socket *socket = arg;
	log_warn("control", "cannot accept a connection", "why=\"%s\"", strerror(errno));
	evict(socket);
	socket->nap_until_ns = clock_now_ns() + ACCEPT_NAP_NS;
	evconnlistener_disable(listener);
}

// ---- sockets -----------------------------------------------------------------------------------------

// A socket file of a daemon that is gone is removed; one that is answered is somebody's.
static int clear_stale(const struct sockaddr_un *addr, struct err *err) {
	struct stat st;
	if (lstat(addr->sun_path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, -EADDRINUSE,
			"%s: is in the way and is no socket; remove it, or use another --run-dir",
			addr->sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = fd < 0 ? -errno : connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	bool dead = rc < 0 && errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	if (!dead)
		return err_set(err, -EADDRINUSE,
			"%s: another daemon listens there; stop it, or use another --run-dir",
			addr->sun_path);
	unlink(addr->sun_path);
	return 0;
}

static int socket_bind(const struct sockaddr_un *addr, mode_t mode, struct err *err) {
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	// Born closed: nobody gets in before the mode is right.
	mode_t old = umask(0777);
	int rc = fd < 0 ? -1 : bind(fd, (const struct sockaddr *)addr, sizeof(*addr));
	umask(old);
	struct group *group = getgrnam("leat");
	if (rc == 0 && group && chown(addr->sun_path, (uid_t)-1, group->gr_gid) < 0)
		log_warn("control", "cannot give the socket to the group leat", "why=\"%s\"",
			strerror(errno));
	if (rc == 0)
		rc = chmod(addr->sun_path, mode);
	if (rc == 0)
		return fd;
	rc = err_set(err, -errno, "%s: %s", addr->sun_path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return rc;
}

int ctl_http_listen(
	struct ctl_http *http, const char *path, mode_t mode, bool read_only, struct err *err) {
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct ctl_http_socket *socket = &http->sockets[read_only];
	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, -ENAMETOOLONG,
			"%s: the path of a socket has at most %zu characters; use a shorter "
			"--run-dir",
			path, sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	int rc = clear_stale(&addr, err);
	int fd = rc < 0 ? rc : socket_bind(&addr, mode, err);
	if (fd < 0)
		return fd;
	socket->read_only = read_only;
	socket->path = strdup(path);
	socket->listener = evconnlistener_new(http->base, on_accept, socket,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, CTL_HTTP_CONNS, fd);
	if (socket->listener == NULL) {
		close(fd);
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	}
	evconnlistener_set_error_cb(socket->listener, on_accept_error);
	return 0;
}

// ---- the server --------------------------------------------------------------------------------------

struct ctl_http *ctl_http_new(struct event_base *base, ctl_http_handler handler, void *arg) {
	struct ctl_http *http = calloc(1, sizeof(*http));
	if (http == NULL)
		return NULL;
	signal(SIGPIPE,
		SIG_IGN); // libevent writes with writev(): a client that is gone is an error code
	http->base = base;
	http->handler = handler;
	http->arg = arg;
	for (size_t i = 0; i < SOCKETS; i++) {
		http->sockets[i].http = http;
		TAILQ_INIT(&http->sockets[i].conns);
	}
	return http;
}

static void socket_fini(struct ctl_http_socket *socket) {
	if (socket->listener)
		evconnlistener_free(socket->listener);
	while (!TAILQ_EMPTY(&socket->conns))
		conn_free(TAILQ_FIRST(&socket->conns));
	if (socket->listener)
		unlink(socket->path);
	free(socket->path);
}

void ctl_http_free(struct ctl_http *http) {
	if (http == NULL)
		return;
	for (size_t i = 0; i < SOCKETS; i++)
		socket_fini(&http->sockets[i]);
	free(http);
}

// A client that takes its answer, however slowly, is served; one that stands still is not.
static void sweep_output(struct conn *conn) {
	size_t unsent = evbuffer_get_length(bufferevent_get_output(conn->bev));
	if (unsent == 0 || unsent != conn->unsent)
		conn_deadline(conn, CTL_HTTP_STALL_S);
	conn->unsent = unsent;
}

static void conn_expire(struct conn *conn) {
	if (conn->state != CONN_LINGER)
		conn->socket->http->stats.timeouts++;
	if (conn->state == CONN_BODY || (conn->state == CONN_HEAD && conn->started))
		conn_refuse(conn, 408, "the request took too long to arrive");
	else
		conn_free(conn);
}

static void sweep(struct ctl_http_socket *socket, uint64_t now_ns) {
	struct conn *conn, *next;
	for (conn = TAILQ_FIRST(&socket->conns); conn; conn = next) {
		next = TAILQ_NEXT(conn, link);
		if (conn->state == CONN_FLUSH || conn->state == CONN_FEED)
			sweep_output(conn);
		if (now_ns >= conn->deadline_ns)
			conn_expire(conn);
	}
	if (socket->nap_until_ns && now_ns >= socket->nap_until_ns) {
		socket->nap_until_ns = 0;
		evconnlistener_enable(socket->listener);
	}
}

void ctl_http_poll(struct ctl_http *http, uint64_t now_ns) {
	struct conn *conn;
	for (size_t i = 0; i < SOCKETS && http->stats.feeds; i++) {
		TAILQ_FOREACH(conn, &http->sockets[i].conns, link)
		if (conn->state == CONN_FEED)
			conn_feed(conn);
	}
	if (now_ns - http->sweep_ns < SWEEP_NS)
		return;
	http->sweep_ns = now_ns;
	for (size_t i = 0; i < SOCKETS; i++)
		sweep(&http->sockets[i], now_ns);
}

void ctl_http_stats(const struct ctl_http *http, struct ctl_http_stats *stats) {
	*stats = http->stats;
}
