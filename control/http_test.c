// SPDX-License-Identifier: BSD-3-Clause
// HTTP as clients get it wrong, clients that are slow, silent or many, and the socket files.
#include "control/api_testlib.h"
#include <sys/resource.h>

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

static void allow_descriptors(void) {
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void test_a_thousand_idle_connections(void **state) {
	int fds[1000];
	allow_descriptors();
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

// All connections of the read-only socket are taken by clients that say nothing: who may write neither waits nor loses
// one of its own, and who reads gets the place of the one that waited longest.
static void test_idle_readers_do_not_starve_writers(void **state) {
	int fds[CTL_HTTP_CONNS + 100];
	const int n = sizeof(fds) / sizeof(*fds);
	const char get[] = "GET /v1/version HTTP/1.1\r\nConnection: close\r\n\r\n";
	allow_descriptors();
	int first = dial("rw");
	for (int i = 0; i < n; i++)
		fds[i] = dial("ro");
	assert_int_equal(stats().connections, CTL_HTTP_CONNS + 1);
	assert_int_equal(call("rw", "PUT", "/v1/config/boxes.a.size", JSON, "4"), 200);
	assert_int_equal(call("ro", "GET", "/v1/version", JSON, ""), 200);
	send_bytes(first, get, sizeof(get) - 1);
	read_until(first, NULL);
	assert_int_equal(status(), 200);
	assert_int_equal(stats().refused, 0);
	close(first);
	for (int i = 0; i < n; i++)
		close(fds[i]);
	assert_int_equal(stats().connections, 0);
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
		TEST(test_idle_readers_do_not_starve_writers),
		TEST(test_unread_answers_stop_requests),
		TEST(test_socket_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
