// SPDX-License-Identifier: BSD-3-Clause
// What the tests of the API share: the API over real Unix sockets, server and clients in one thread; time is the fake
// clock's.
#pragma once

#include "control/api.h"
#include "control/events.h"
#include "control/module.h"
#include "control/platform_fake.h"
#include "control/stream.h"
#include "lib/clock.h"
#include "lib/json.h"
#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
// cmocka.h wants the headers above.
#include <cmocka.h>

static char dir[64];
static struct event_base *base;
static struct ctl_streams streams;
static struct ctl_api api;
static struct ctl_http *http;

static const char file[] = "return { boxes = { a = { size = 1, key = 'hush' }, b = {} } }";

static inline void listen_both(void) {
	struct err err = {0};
	char path[96];
	snprintf(path, sizeof(path), "%s/rw", dir);
	if (ctl_http_listen(http, path, 0660, false, &err) < 0)
		fail_msg("%s", err.msg);
	snprintf(path, sizeof(path), "%s/ro", dir);
	assert_int_equal(ctl_http_listen(http, path, 0666, true, &err), 0);
}

static inline int setup(void **state) {
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

static inline int teardown(void **state) {
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

static inline uint64_t real_ms(void) {
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static inline void turn(void) {
	event_base_loop(base, EVLOOP_NONBLOCK);
	ctl_http_poll(http, clock_now_ns());
}

static inline void turns(int n) {
	while (n-- > 0)
		turn();
}

static inline void advance(unsigned seconds) {
	clock_fake_advance(seconds * NSEC_PER_SEC);
	turns(3);
}

static inline int dial(const char *name) {
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
static inline bool send_bytes(int fd, const char *data, size_t len) {
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
static inline bool read_until(int fd, const char *wanted) {
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

static inline int status(void) {
	return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static inline const char *body(void) {
	const char *end = strstr(answer, "\r\n\r\n");
	return end ? end + 4 : "";
}

static inline int call(const char *name, const char *method, const char *path, const char *type,
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

static inline int raw(const char *text, size_t len) {
	int fd = dial("rw");
	send_bytes(fd, text, len);
	read_until(fd, NULL);
	close(fd);
	turns(2);
	return status();
}

static inline struct ctl_http_stats stats(void) {
	struct ctl_http_stats now;
	turns(2);
	ctl_http_stats(http, &now);
	return now;
}

#define JSON        "application/json"
#define WORD        "text/plain"
#define BUNDLE(lua) "{\"bundle\":{\"main\":\"a.lua\",\"files\":{\"a.lua\":\"" lua "\"}}"
