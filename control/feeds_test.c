// SPDX-License-Identifier: BSD-3-Clause
// Answers without an end: streams and events.
#include "control/api_testlib.h"
#include "lib/event.h"

static int open_feed_at(const char *name, const char *text) {
	int fd = dial(name);
	send_bytes(fd, text, strlen(text));
	return fd;
}

static int open_feed(const char *text) {
	return open_feed_at("rw", text);
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
	assert_int_equal(call("rw", "GET", "/v1/events", JSON, ""), 503);
	for (int i = 0; i < CTL_SUBSCRIBERS; i++)
		close(fds[i]);
	turns(3);
	assert_int_equal(stats().feeds, 0);
}

// Strangers take every place at the read-only socket, and none of those of who may write.
static void test_readers_leave_places_to_writers(void **state) {
	int fds[CTL_SUBSCRIBERS];
	for (int i = 0; i < CTL_SUBSCRIBERS; i++)
		fds[i] = open_feed_at("ro", EVENTS);
	assert_int_equal(call("ro", "GET", "/v1/events", JSON, ""), 503);
	int fd = open_feed(EVENTS);
	read_until(fd, "\r\n\r\n");
	assert_int_equal(status(), 200);
	assert_int_equal(call("rw", "PUT", "/v1/config/boxes.a.size", JSON, "50"), 200);
	read_until(fd, "event: config.applied\n");
	close(fd);
	close(fds[0]);
	turns(3);
	fds[0] = open_feed_at("ro", EVENTS); // a place that was left is free again
	read_until(fds[0], "\r\n\r\n");
	assert_int_equal(status(), 200);
	for (int i = 0; i < CTL_SUBSCRIBERS; i++)
		close(fds[i]);
	turns(3);
	assert_int_equal(stats().feeds, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_stream_with_an_end),
		TEST(test_stream_that_breaks),
		TEST(test_stream_waits_for_its_client),
		TEST(test_stalled_stream_is_closed),
		TEST(test_at_most_so_many_streams),
		TEST(test_events),
		TEST(test_slow_subscriber_is_told_what_it_lost),
		TEST(test_at_most_so_many_subscribers),
		TEST(test_readers_leave_places_to_writers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
