// SPDX-License-Identifier: BSD-3-Clause
// The API over real Unix sockets, server and clients in one thread; time is the fake clock's.
#include "control/api.h"
#include "control/events.h"
#include "control/module.h"
#include "control/platform_fake.h"
#include "control/stream.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/json.h"
#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct event_base *base;
static struct ctl_streams streams;
static struct ctl_api api;
static struct ctl_http *http;

static const char file[] = "return { boxes = { a = { size = 1, key = 'hush' }, b = {} } }";

static void listen_both(void) {
	struct err err = {0};
	char path[96];
	snprintf(path, sizeof(path), "%s/rw", dir);
	if (ctl_http_listen(http, path, 0660, false, &err) < 0)
		fail_msg("%s", err.msg);
	snprintf(path, sizeof(path), "%s/ro", dir);
	assert_int_equal(ctl_http_listen(http, path, 0666, true, &err), 0);
}

static int setup(void **state) {
	struct err err = {0};
	snprintf(dir, sizeof(dir), "/tmp/leat-api-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	module_add(&ctl_module, &err);
	for (const struct module *const *m = ctl_platform.modules; *m; m++)
		module_add(*m, &err);
	module_sort(&err);
	clock_fake_start(1000 * NSEC_PER_SEC);
	base = event_base_new();
	api.config = ctl_config_new(dir, NULL, &err);
	api.events = ctl_events_new();
	api.streams = &streams;
	http = ctl_http_new(base, ctl_api_handle, &api);
	ctl_module_watch(api.config, http);
	json_t *bundle = json_pack("{s:s, s:{s:s}}", "main", "a.lua", "files", "a.lua", file);
	int rc = ctl_config_start(api.config, bundle, &err);
	json_decref(bundle);
	listen_both();
	return rc;
}

static int teardown(void **state) {
	char cmd[96];
	size_t n;
	ctl_module_watch(NULL, NULL);
	ctl_http_free(http);
	assert_int_equal(streams.open, 0);
	assert_int_equal(fake_streams_open, 0);
	ctl_events_free(api.events);
	ctl_config_free(api.config);
	const struct module *const *modules = module_list(&n);
	for (size_t i = 0; i < n; i++)
		if (modules[i]->fini)
			modules[i]->fini();
	module_reset();
	event_base_free(base);
	clock_fake_stop();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

// ---- a client ------------------------------------------------------------------------------------------------

static uint64_t real_ms(void) {
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void turn(void) {
	event_base_loop(base, EVLOOP_NONBLOCK);
	ctl_http_poll(http, clock_now_ns());
}

static void turns(int n) {
	while (n-- > 0)
		turn();
}

static void advance(unsigned seconds) {
	clock_fake_advance(seconds * NSEC_PER_SEC);
	turns(3);
}

static int dial(const char *name) {
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", dir, name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	for (int i = 0; connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0; i++) {
		assert_int_equal(errno, EAGAIN); // its queue is full: let it accept
		assert_true(i < 1000);
		turn();
	}
	turn();
	return fd;
}

// Sends all of it, as fast as the server takes it; false: the server has closed.
static bool send_bytes(int fd, const char *data, size_t len) {
	for (uint64_t end = real_ms() + 10000; len;) {
		assert_true(real_ms() < end);
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return false;
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
		turn();
	}
	return true;
}

static char answer[1 << 20];

// Reads until the connection is closed or `wanted` is there. True: it was closed.
static bool read_until(int fd, const char *wanted) {
	size_t len = 0;
	answer[0] = '\0';
	for (uint64_t end = real_ms() + 10000; real_ms() < end;) {
		turn();
		ssize_t n = recv(fd, answer + len, sizeof(answer) - 1 - len, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
		len += n > 0 ? (size_t)n : 0;
		answer[len] = '\0';
		if (wanted && strstr(answer, wanted))
			return false;
	}
	fail_msg("neither closed nor '%s' in 10 s: %.300s", wanted ? wanted : "", answer);
	return true;
}

static int status(void) {
	return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static const char *body(void) {
	const char *end = strstr(answer, "\r\n\r\n");
	return end ? end + 4 : "";
}

static int call(const char *name, const char *method, const char *path, const char *type,
	const char *data) {
	char *text;
	int len = asprintf(&text,
		"%s %s HTTP/1.1\r\nHost: leat\r\nConnection: close\r\nContent-Type: %s\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		method, path, type, strlen(data), data);
	int fd = dial(name);
	send_bytes(fd, text, (size_t)len);
	free(text);
	read_until(fd, NULL);
	close(fd);
	turns(2);
	return status();
}

static int raw(const char *text, size_t len) {
	int fd = dial("rw");
	send_bytes(fd, text, len);
	read_until(fd, NULL);
	close(fd);
	turns(2);
	return status();
}

// ---- routes -----------------------------------------------------------------------------------------------------

#define JSON        "application/json"
#define WORD        "text/plain"
#define BUNDLE(lua) "{\"bundle\":{\"main\":\"a.lua\",\"files\":{\"a.lua\":\"" lua "\"}}"

static const struct {
	const char *method, *path, *type, *body;
	int status;
	const char *holds; // in the answer's body
} requests[] = {
	{"GET", "/v1/version", JSON, "", 200, "\"version\":"},
	{"HEAD", "/v1/version", JSON, "", 200, ""},
	{"HEAD", "/v1/events", JSON, "", 200, ""},
	{"GET", "/v1/config", JSON, "", 200,
		"{\"boxes\":{\"a\":{\"key\":\"(secret)\",\"size\":1},\"b\":{}}}"},
	{"GET", "/v1/config?resolved=1", JSON, "", 200, "\"color\":\"red\""},
	{"GET", "/v1/config?source=overlay", JSON, "", 200, "{}"},
	{"GET", "/v1/config?source=file", JSON, "", 200, "\"size\":1"},
	{"GET", "/v1/config?source=moon", JSON, "", 400, "running, file, overlay"},
	{"GET", "/v1/config?source=file&resolved=1", JSON, "", 400, "resolved"},
	{"GET", "/v1/config/boxes.a.size", JSON, "", 200, "1"},
	{"GET", "/v1/config/boxes%2Ea%2Ekey", JSON, "", 200, "\"(secret)\""},
	{"GET", "/v1/config/boxes.c", JSON, "", 404, "not set"},
	{"GET", "/v1/config/boxes.a.sise", JSON, "", 404, "size"},
	{"GET", "/v1/config/", JSON, "", 404, "error"},
	{"PUT", "/v1/config/boxes.a.size", JSON, "7", 200, "\"new\":7"},
	{"PUT", "/v1/config/boxes.a.size", WORD, "8\n", 200, "\"new\":8"},
	{"PUT", "/v1/config/boxes.a.size", WORD, "many", 400, "boxes.a.size"},
	{"PUT", "/v1/config/boxes.a.size", JSON, "777", 400, "1..100"},
	{"PUT", "/v1/config/boxes.a.size", JSON, "{", 400, "body"},
	{"PUT", "/v1/config/boxes.a.size", JSON, "", 400, "body"},
	{"PUT", "/v1/config", WORD, "x", 400, "application/json"},
	{"PATCH", "/v1/config/boxes.a", JSON, "{\"color\":\"green\",\"size\":null}", 200, "green"},
	{"PATCH", "/v1/config", JSON, "{\"boxes\":{\"c\":{}}}", 200, "boxes.c"},
	{"GET", "/v1/diff", JSON, "", 200, "boxes.c"},
	{"GET", "/v1/diff?from=1&to=2", JSON, "", 200, "boxes.a.size"},
	{"GET", "/v1/diff?from=x", JSON, "", 400, "from"},
	{"GET", "/v1/diff?from=1&to=99", JSON, "", 404, "99"},
	{"DELETE", "/v1/config/boxes.c", JSON, "", 200, "\"op\":\"del\""},
	{"DELETE", "/v1/config/boxes.c", JSON, "", 404, "error"},
	{"DELETE", "/v1/config", JSON, "", 405, "method"},
	{"POST", "/v1/config/clear-overlay", JSON, "", 200, "changes"},
	{"GET", "/v1/config?source=overlay", JSON, "", 200, "{}"},
	{"POST", "/v1/check", JSON, BUNDLE("return {}") "}", 200, "true"},
	{"POST", "/v1/check", JSON, BUNDLE("return") "}", 400, "a.lua"},
	{"POST", "/v1/apply", JSON, BUNDLE("return { boxes = { z = {} } }") ",\"dry_run\":true}",
		200, "boxes.z"},
	{"GET", "/v1/config/boxes.z", JSON, "", 404, ""},
	{"POST", "/v1/apply", JSON, BUNDLE("return { boxes = { z = {} } }") ",\"confirm_s\":60}",
		200, "\"confirm_by\":\"2026-01-01T00:01:00Z\""},
	{"PUT", "/v1/config/boxes.a.size", JSON, "7", 409, "leat confirm"},
	{"POST", "/v1/apply", JSON, BUNDLE("return {}") "}", 409, "leat confirm"},
	{"POST", "/v1/confirm", JSON, "", 200, "true"},
	{"POST", "/v1/confirm", JSON, "", 409, "nothing to confirm"},
	{"GET", "/v1/history", JSON, "", 200, "\"state\":\"current\""},
	{"POST", "/v1/rollback", JSON, "{\"to\":1}", 200, "boxes.a"},
	{"POST", "/v1/rollback", JSON, "{\"to\":99}", 404, "leat history"},
	{"POST", "/v1/rollback", JSON, "{\"too\":1}", 400, "to"},
	{"POST", "/v1/rollback", JSON, "{\"to\":-1}", 400, "to"},
	{"POST", "/v1/apply", JSON, "", 400, "body"},
	{"POST", "/v1/apply", JSON, "[]", 400, "error"},
	{"POST", "/v1/apply", JSON, "{\"bundle\":1}", 400, "bundle"},
	{"POST", "/v1/apply", JSON, "{\"bundle\":{\"main\":\"x\",\"files\":{}}}", 400, "x"},
	{"POST", "/v1/apply", JSON, BUNDLE("return {}") ",\"confirm_s\":0}", 400, "confirm_s"},
	{"POST", "/v1/apply", JSON, "{\"bundle\":{},\"bundle\":{}}", 400, "body"},
	{"GET", "/v1/show", JSON, "", 200, "\"name\":\"boxes\""},
	{"GET", "/v1/show/boxes", JSON, "", 200, "\"rows\":[{"},
	{"GET", "/v1/show/boxes?key=b", JSON, "", 200,
		"\"rows\":[{\"color\":\"red\",\"name\":\"b\""},
	{"GET", "/v1/show/boxes?size=1&limit=1", JSON, "", 200, "\"name\":\"a\",\"size\":1}]"},
	{"GET", "/v1/show/boxes?size=55", JSON, "", 200, "\"rows\":[]"},
	{"GET", "/v1/show/boxes?size=x", JSON, "", 400, "size"},
	{"GET", "/v1/show/boxes?sise=1", JSON, "", 400, "size"},
	{"GET", "/v1/show/boxes?limit=0", JSON, "", 400, "limit"},
	{"GET", "/v1/show/baxes", JSON, "", 404, "noun"},
	{"GET", "/v1/show/modules", JSON, "", 200, "\"sections\":[\"boxes\"]"},
	{"GET", "/v1/show/control", JSON, "", 200, "\"state\":\"running\""},
	{"POST", "/v1/shake/boxes", JSON, "{\"box\":\"a\",\"times\":2}", 200, "{\"shaken\":2}"},
	{"POST", "/v1/shake/boxes", JSON, "{\"box\":\"q\"}", 400, "box"},
	{"POST", "/v1/shake/boxes", JSON, "{\"box\":\"a\",\"times\":9}", 404, "that broke it"},
	{"POST", "/v1/shake/boxes", JSON, "", 400, "box"},
	{"POST", "/v1/shake/boxes", JSON, "nonsense", 400, "body"},
	{"GET", "/v1/shake/boxes", JSON, "", 405, ""},
	{"POST", "/v1/shake/trees", JSON, "", 404, ""},
	{"POST", "/v1/stream/none", JSON, "", 404, "stream"},
	{"POST", "/v1/stream/lines", JSON, "{\"count\":0}", 400, "count"},
	{"GET", "/v1/schema", JSON, "", 200, "\"verb\":\"shake\""},
	{"GET", "/v1/openapi.json", JSON, "", 200, "\"/v1/shake/boxes\""},
	{"GET", "/metrics", JSON, "", 200, "leat_boxes_size{name=\"a\"} 1"},
	{"GET", "/v1/nothing", JSON, "", 404, "openapi"},
	{"DELETE", "/v1/schema", JSON, "", 405, ""},
	{"GET", "/", JSON, "", 404, ""},
	{"GET", "/v1/config/%00", JSON, "", 400, "path"},
	{"GET", "/v1/config/%ff", JSON, "", 400, "path"},
	{"GET", "/v1/show/boxes?key=%zz", JSON, "", 400, "query"},
};

static void test_routes(void **state) {
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		int got = call("rw", requests[i].method, requests[i].path, requests[i].type,
			requests[i].body);
		if (got != requests[i].status || !strstr(body(), requests[i].holds))
			fail_msg("%s %s %s: %d %.500s", requests[i].method, requests[i].path,
				requests[i].body, got, body());
		assert_null(strstr(answer, "hush"));
		if (got >= 400) {
			json_t *json = json_loads(body(), 0, NULL);
			assert_string_not_equal(
				jx_str(json_object_get(json, "error"), "message", ""), "");
			json_decref(json);
		}
	}
}

static void test_read_only_socket(void **state) {
	static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE", "FROB"};
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(call("ro", methods[i], "/v1/config/boxes.a.size", JSON, "5"), 403);
	assert_int_equal(call("ro", "POST", "/v1/stream/lines", JSON, "{}"), 403);
	assert_int_equal(call("ro", "GET", "/v1/config", JSON, ""), 200);
	assert_int_equal(call("ro", "GET", "/v1/show/boxes", JSON, ""), 200);
}

static void test_methods_are_named(void **state) {
	assert_int_equal(call("rw", "DELETE", "/v1/config", JSON, ""), 405);
	assert_non_null(strstr(answer, "Allow: GET, PUT, PATCH\r\n"));
	assert_int_equal(call("rw", "POST", "/v1/config/boxes", JSON, ""), 405);
	assert_non_null(strstr(answer, "Allow: GET, PUT, PATCH, DELETE\r\n"));
}

// ---- HTTP -------------------------------------------------------------------------------------------------------

static void test_malformed_requests(void **state) {
	static const struct {
		const char *text;
		int status;
	} bad[] = {
		{"nonsense\r\n\r\n", 400},
		{"GET /v1/version\r\n\r\n", 400},
		{"GET  /v1/version HTTP/1.1\r\n\r\n", 400},
		{"GET v1 HTTP/1.1\r\n\r\n", 400},
		{"GET /v1/version HTTP/2.0\r\n\r\n", 505},
		{"GET /v1/version HTTP/1.1\r\nHost\r\n\r\n", 400},
		{"GET /v1/version HTTP/1.1\r\nHost : x\r\n\r\n", 400},
		{"GET /v1/version HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400},
		{"GET /v1/version HTTP/1.1\nHost: x\r\n\r\n", 400},
		{"GET /v1/version HTTP/1.1\r\nA: b\rc\r\n\r\n", 400},
		{"POST /v1/confirm HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
		{"POST /v1/confirm HTTP/1.1\r\nContent-Length: 0x10\r\n\r\n", 400},
		{"POST /v1/confirm HTTP/1.1\r\nContent-Length: \r\n\r\n", 400},
		{"POST /v1/confirm HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
			400},
		{"POST /v1/confirm HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
			413},
		{"POST /v1/confirm HTTP/1.1\r\nContent-Length: 8388609\r\n\r\n", 413},
		{"POST /v1/confirm HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (raw(bad[i].text, strlen(bad[i].text)) != bad[i].status)
			fail_msg("%s: %.200s", bad[i].text, answer);
	static const char zero[] = "GET /v1/version HTTP/1.1\r\nA: \0b\r\n\r\n";
	assert_int_equal(raw(zero, sizeof(zero) - 1), 400);
}

static void test_too_large(void **state) {
	char *big = malloc(10000000);
	memset(big, 'x', 10000000);
	int fd = dial("rw");
	const char head[] = "PUT /v1/config HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n";
	send_bytes(fd, head, sizeof(head) - 1);
	assert_true(send_bytes(fd, big, 10000000)); // it is taken and thrown away
	read_until(fd, NULL);
	assert_int_equal(status(), 413);
	close(fd);
	const char line[] = "GET /v1/";
	fd = dial("rw");
	send_bytes(fd, line, sizeof(line) - 1);
	send_bytes(fd, big, 100000);
	read_until(fd, NULL);
	assert_int_equal(status(), 431);
	close(fd);
	free(big);
	char many[4000] = "GET / HTTP/1.1\r\n";
	for (int i = 0; i < 100; i++)
		strncat(many, "A: b\r\n", sizeof(many) - strlen(many) - 1);
	strncat(many, "\r\n", sizeof(many) - strlen(many) - 1);
	assert_int_equal(raw(many, strlen(many)), 431);
}

static void test_one_connection_many_requests(void **state) {
	const char two[] = "GET /v1/config/boxes.a.size HTTP/1.1\r\n\r\n"
			   "PUT /v1/config/boxes.a.size HTTP/1.1\r\nContent-Length: 2\r\n\r\n42"
			   "GET /v1/config/boxes.a.size HTTP/1.1\r\nConnection: close\r\n\r\n";
	assert_int_equal(raw(two, sizeof(two) - 1), 200);
	assert_non_null(strstr(answer, "\r\n\r\n1HTTP/1.1 200"));
	assert_string_equal(answer + strlen(answer) - 6, "\r\n\r\n42");
	int fd = dial("rw");
	for (size_t i = 0; i < sizeof(two) - 1; i++) // a byte at a time is as good
		send_bytes(fd, two + i, 1);
	read_until(fd, NULL);
	assert_string_equal(answer + strlen(answer) - 6, "\r\n\r\n42");
	close(fd);
}

static void test_expect_continue(void **state) {
	const char head[] = "PUT /v1/config/boxes.a.size HTTP/1.1\r\nContent-Length: 1\r\n"
			    "Expect: 100-continue\r\nConnection: close\r\n\r\n";
	int fd = dial("rw");
	send_bytes(fd, head, sizeof(head) - 1);
	read_until(fd, "100 Continue\r\n\r\n");
	send_bytes(fd, "9", 1);
	read_until(fd, NULL);
	assert_int_equal(status(), 200);
	close(fd);
}

static void test_half_closed_client_gets_its_answer(void **state) {
	const char text[] = "GET /v1/openapi.json HTTP/1.1\r\n\r\n";
	int fd = dial("rw");
	send_bytes(fd, text, sizeof(text) - 1);
	shutdown(fd, SHUT_WR);
	read_until(fd, NULL);
	assert_int_equal(status(), 200);
	close(fd);
}

static void test_old_http(void **state) {
	const char text[] =
		"POST /v1/stream/lines HTTP/1.0\r\nContent-Length: 11\r\n\r\n{\"count\":2}";
	assert_int_equal(raw(text, sizeof(text) - 1), 200);
	assert_null(strstr(answer, "chunked"));
	assert_int_equal(strlen(body()), 2048);
}

// ---- slow, silent and many --------------------------------------------------------------------------------------

static struct ctl_http_stats stats(void) {
	struct ctl_http_stats now;
	turns(2);
	ctl_http_stats(http, &now);
	return now;
}

static void test_slow_head(void **state) {
	int fd = dial("rw");
	send_bytes(fd, "G", 1);
	for (int i = 0; i < 9; i++) { // dribbling does not help
		advance(1);
		send_bytes(fd, "E", 1);
	}
	assert_int_equal(stats().connections, 1);
	advance(2);
	read_until(fd, NULL);
	assert_int_equal(status(), 408);
	close(fd);
	assert_int_equal(stats().connections, 0);
}

static void test_slow_body(void **state) {
	const char head[] = "PUT /v1/config HTTP/1.1\r\nContent-Length: 1000\r\n\r\n";
	int fd = dial("rw");
	send_bytes(fd, head, sizeof(head) - 1);
	for (int i = 0; i < 59; i++) {
		advance(1);
		send_bytes(fd, " ", 1);
	}
	assert_int_equal(stats().connections, 1);
	advance(2);
	read_until(fd, NULL);
	assert_int_equal(status(), 408);
	close(fd);
}

static void test_silent_client(void **state) {
	int fd = dial("rw");
	advance(CTL_HTTP_IDLE_S - 1);
	assert_int_equal(stats().connections, 1);
	advance(2);
	assert_int_equal(stats().connections, 0);
	close(fd);
}

static void test_client_that_takes_nothing(void **state) {
	const char get[] = "GET /v1/openapi.json HTTP/1.1\r\n\r\n";
	int fd = dial("rw");
	for (int i = 0; i < 400; i++) { // more than the socket's buffer holds
		if (send(fd, get, sizeof(get) - 1, MSG_NOSIGNAL) < 0)
			break;
		turns(2);
	}
	assert_int_equal(stats().connections, 1);
	advance(1);
	advance(CTL_HTTP_STALL_S + 1);
	assert_int_equal(stats().connections, 0);
	assert_int_equal(stats().timeouts, 1);
	close(fd);
}

static void test_a_thousand_idle_connections(void **state) {
	struct rlimit limit;
	int fds[1000];
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < 1000; i++) {
		fds[i] = dial("rw");
		if (i % 2)
			send(fds[i], "GET /v1", 7, MSG_NOSIGNAL);
	}
	assert_int_equal(stats().connections, CTL_HTTP_CONNS);
	assert_int_equal(call("rw", "GET", "/v1/version", JSON, ""), 200);
	assert_int_equal(call("ro", "GET", "/v1/version", JSON, ""), 200);
	// The youngest are still there.
	const char get[] = " HTTP/1.1\r\nConnection: close\r\n\r\n";
	send_bytes(fds[999], get, sizeof(get) - 1);
	read_until(fds[999], NULL);
	assert_int_equal(status(), 404);
	for (int i = 0; i < 1000; i++)
		close(fds[i]);
	assert_int_equal(stats().connections, 0);
	assert_true(stats().evicted >= 1000 - CTL_HTTP_CONNS);
}

static void test_many_large_bodies(void **state) {
	const char head[] = "PUT /v1/config HTTP/1.1\r\nContent-Length: 8388608\r\n\r\n";
	int fds[9];
	for (int i = 0; i < 9; i++) {
		fds[i] = dial("rw");
		send_bytes(fds[i], head, sizeof(head) - 1);
	}
	read_until(fds[8], NULL);
	assert_int_equal(status(), 503);
	for (int i = 0; i < 9; i++)
		close(fds[i]);
	turns(3);
	assert_int_equal(call("rw", "PUT", "/v1/config/boxes.a.size", JSON, "4"), 200);
}

// Who may only read takes nothing from who may write.
static void test_readers_do_not_starve_writers(void **state) {
	const char head[] = "GET /v1/version HTTP/1.1\r\nContent-Length: 8388608\r\n\r\n";
	int fds[9];
	for (int i = 0; i < 9; i++) {
		fds[i] = dial("ro");
		send_bytes(fds[i], head, sizeof(head) - 1);
	}
	assert_int_equal(call("rw", "PUT", "/v1/config/boxes.a.size", JSON, "4"), 200);
	read_until(fds[0], NULL);
	assert_int_equal(status(), 403);
	for (int i = 0; i < 9; i++)
		close(fds[i]);
	turns(3);
}

// While an answer waits for its client, nothing more is taken in, and the loop does not turn for nothing.
static void test_unread_answers_stop_requests(void **state) {
	const char head[] = "GET /v1/openapi.json HTTP/1.1\r\nContent-Length: 4000000\r\n\r\n";
	size_t len = sizeof(head) - 1 + 4000000, sent = 0;
	char *text = malloc(len);
	memset(text, ' ', len);
	memcpy(text, head, sizeof(head) - 1);
	int fd = dial("rw");
	for (int idle = 0; idle < 500; turn()) {
		ssize_t n = send(fd, text + sent % len, len - sent % len, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		idle = n > 0 ? 0 : idle + 1;
		assert_true(sent < 100 * len);
	}
	assert_true(sent > len);
	assert_true(sent - stats().requests * len < 1000000);
	free(text);
	close(fd);
}

// ---- answers without an end ---------------------------------------------------------------------------------------

static int open_feed(const char *text) {
	int fd = dial("rw");
	send_bytes(fd, text, strlen(text));
	return fd;
}

#define LINES(args, len) "POST /v1/stream/lines HTTP/1.1\r\nContent-Length: " len "\r\n\r\n" args
#define EVENTS           "GET /v1/events HTTP/1.1\r\n\r\n"

static void test_stream_with_an_end(void **state) {
	int fd = open_feed(LINES("{\"count\":3}", "11"));
	read_until(fd, NULL);
	assert_int_equal(status(), 200);
	assert_non_null(strstr(answer, "Content-Type: text/plain\r\n"));
	assert_non_null(strstr(answer, "\r\n400\r\nxxx"));
	assert_string_equal(answer + strlen(answer) - 5, "0\r\n\r\n");
	close(fd);
	assert_int_equal(fake_streams_open, 0);
}

static void test_stream_that_breaks(void **state) {
	int fd = open_feed(LINES("{\"count\":1,\"breaks\":true}", "25"));
	read_until(fd, NULL);
	assert_string_not_equal(answer + strlen(answer) - 5, "0\r\n\r\n");
	close(fd);
}

static void test_stream_waits_for_its_client(void **state) {
	size_t got = 0;
	int fd = open_feed(LINES("{}", "2"));
	turns(100);
	unsigned lines =
		fake_lines_read; // of 1 KiB: what is unsent stays bounded while nobody reads
	assert_true(lines > 1000 && lines < 2500);
	turns(100);
	assert_int_equal(fake_lines_read, lines);
	for (uint64_t end = real_ms() + 10000; got < 4u << 20 && real_ms() < end;) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);
		got += n > 0 ? (size_t)n : 0;
		turn();
	}
	assert_true(got >= 4u << 20);
	assert_int_equal(fake_streams_open, 1);
	close(fd);
	turns(3);
	assert_int_equal(fake_streams_open, 0);
	assert_int_equal(stats().feeds, 0);
}

static void test_stalled_stream_is_closed(void **state) {
	int fd = open_feed(LINES("{}", "2"));
	turns(10);
	advance(1);
	advance(CTL_HTTP_STALL_S + 1);
	assert_int_equal(fake_streams_open, 0);
	close(fd);
}

static void test_at_most_so_many_streams(void **state) {
	int fds[CTL_STREAMS];
	for (int i = 0; i < CTL_STREAMS; i++)
		fds[i] = open_feed(LINES("{}", "2"));
	assert_int_equal(call("rw", "POST", "/v1/stream/lines", JSON, "{}"), 503);
	for (int i = 0; i < CTL_STREAMS; i++)
		close(fds[i]);
	turns(3);
	assert_int_equal(call("rw", "POST", "/v1/stream/lines", JSON, "{\"count\":1}"), 200);
}

static void test_events(void **state) {
	int fd = open_feed(EVENTS);
	read_until(fd, "\r\n\r\n");
	assert_non_null(strstr(answer, "Content-Type: text/event-stream\r\n"));
	assert_int_equal(call("rw", "PUT", "/v1/config/boxes.a.size", JSON, "50"), 200);
	read_until(fd, "event: config.applied\ndata: {");
	assert_non_null(strstr(answer, "\"kind\":\"set\""));
	clock_fake_advance(CTL_HEARTBEAT_S * NSEC_PER_SEC);
	read_until(fd, ":\n\n");
	close(fd);
}

static void test_slow_subscriber_is_told_what_it_lost(void **state) {
	char *big = malloc(100000);
	memset(big, 'x', 99999);
	big[99999] = '\0';
	int fd = open_feed(EVENTS);
	turns(5);
	for (int i = 0; i < 100; i++)
		event_emit("test.big", json_pack("{s:s}", "text", big));
	free(big);
	read_until(fd, "event: lost\ndata: {\"lost\":98}\n\n");
	event_emit("test.small", NULL);
	read_until(fd, "event: test.small\ndata: {}\n\n");
	close(fd);
}

static void test_at_most_so_many_subscribers(void **state) {
	int fds[CTL_SUBSCRIBERS];
	for (int i = 0; i < CTL_SUBSCRIBERS; i++)
		fds[i] = open_feed(EVENTS);
	assert_int_equal(call("ro", "GET", "/v1/events", JSON, ""), 503);
	for (int i = 0; i < CTL_SUBSCRIBERS; i++)
		close(fds[i]);
	turns(3);
	assert_int_equal(stats().feeds, 0);
}

// ---- sockets ---------------------------------------------------------------------------------------------------------

static void test_socket_files(void **state) {
	struct err err = {0};
	struct stat st;
	char path[96];
	struct ctl_http *other = ctl_http_new(base, ctl_api_handle, &api);
	snprintf(path, sizeof(path), "%s/rw", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(ctl_http_listen(other, path, 0660, false, &err), -EADDRINUSE);
	assert_non_null(strstr(err.msg, "another daemon"));
	ctl_http_free(other);
	assert_int_equal(stat(path, &st), 0); // not its to remove

	// One that a killed daemon left behind is replaced.
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/stale", dir);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	other = ctl_http_new(base, ctl_api_handle, &api);
	err = (struct err){0};
	assert_int_equal(ctl_http_listen(other, addr.sun_path, 0600, false, &err), 0);
	ctl_http_free(other);
	assert_int_not_equal(access(addr.sun_path, F_OK), 0);

	// A file that is no socket is nobody's to remove.
	snprintf(path, sizeof(path), "%s/lock", dir);
	other = ctl_http_new(base, ctl_api_handle, &api);
	assert_int_equal(ctl_http_listen(other, path, 0600, false, &err), -EADDRINUSE);
	ctl_http_free(other);
	assert_int_equal(access(path, F_OK), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_routes),
		TEST(test_read_only_socket),
		TEST(test_methods_are_named),
		TEST(test_malformed_requests),
		TEST(test_too_large),
		TEST(test_one_connection_many_requests),
		TEST(test_expect_continue),
		TEST(test_half_closed_client_gets_its_answer),
		TEST(test_old_http),
		TEST(test_slow_head),
		TEST(test_slow_body),
		TEST(test_silent_client),
		TEST(test_client_that_takes_nothing),
		TEST(test_a_thousand_idle_connections),
		TEST(test_many_large_bodies),
		TEST(test_readers_do_not_starve_writers),
		TEST(test_unread_answers_stop_requests),
		TEST(test_stream_with_an_end),
		TEST(test_stream_that_breaks),
		TEST(test_stream_waits_for_its_client),
		TEST(test_stalled_stream_is_closed),
		TEST(test_at_most_so_many_streams),
		TEST(test_events),
		TEST(test_slow_subscriber_is_told_what_it_lost),
		TEST(test_at_most_so_many_subscribers),
		TEST(test_socket_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
