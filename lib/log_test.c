// SPDX-License-Identifier: BSD-3-Clause
#include "lib/clock.h"
#include "lib/log.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

// What `call` writes to stderr.
static char written[8192];
#define LOGGED(call) (capture_start(), (call), capture_end())

static int saved_fd, pipe_fds[2];

static void capture_start(void) {
	assert_int_equal(pipe(pipe_fds), 0);
	saved_fd = dup(STDERR_FILENO);
	dup2(pipe_fds[1], STDERR_FILENO);
}

static const char *capture_end(void) {
	dup2(saved_fd, STDERR_FILENO);
	close(saved_fd);
	close(pipe_fds[1]);
	ssize_t n = read(pipe_fds[0], written, sizeof(written) - 1);
	written[n > 0 ? n : 0] = '\0';
	close(pipe_fds[0]);
	return written;
}

static void a_line_is_logfmt(void **state) {
	assert_string_equal(LOGGED(log_info("lb", "member down", "pool=%s n=%d why=\"%s\"", "web",
				    3, "connect timeout")),
		"level=info module=lb msg=\"member down\" pool=web n=3 why=\"connect timeout\"\n");
	assert_string_equal(
		LOGGED(log_warn("lb", "ready", "")), "level=warn module=lb msg=ready\n");
}

static void lines_above_the_level_are_dropped(void **state) {
	enum log_level level;
	assert_string_equal(LOGGED(log_debug("a", "b", "")), "");
	assert_int_equal(log_level_parse("debug", &level), 0);
	log_set_level(level);
	assert_string_equal(LOGGED(log_debug("a", "b", "")), "level=debug module=a msg=b\n");
	assert_int_equal(log_level_parse("error", &level), 0);
	log_set_level(level);
	assert_string_equal(LOGGED(log_warn("a", "b", "")), "");
	log_set_level(LOG_LEVEL_INFO);
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
}

static void a_value_cannot_forge_a_line_or_a_pair(void **state) {
	assert_string_equal(LOGGED(log_info("a", "b", "x=\"%s\"", "1\nlevel=error")),
		"level=info module=a msg=b x=\"1\\nlevel=error\"\n");
	assert_string_equal(LOGGED(log_info("a", "b", "x=\"%s\"", "1\" y=\"2\\")),
		"level=info module=a msg=b x=\"1\\\" y=\\\"2\\\\\"\n");
	assert_string_equal(LOGGED(log_info("a", "b", "x=%s", "1 y=2")),
		"level=info module=a msg=b x=1\\x20y\\x3d2\n");
	assert_string_equal(LOGGED(log_info("a", "b\nc", "x=%s", "\x1b[2J\xc2\x9b\xff\x7f")),
		"level=info module=a msg=b\\nc x=\\x1b[2J\\xc2\\x9b\\xff\\x7f\n");
	assert_string_equal(LOGGED(log_info("a", "b", "x=\"%s\"", "ä€")),
		"level=info module=a msg=b x=\"ä€\"\n");
}

static void every_conversion_prints_as_printf_does(void **state) {
	assert_string_equal(
		LOGGED(log_info("a", "b", "i=%d u=%u x=%08x ld=%ld llu=%llu zu=%zu", -1,
			4000000000u, 0xbeef, -5000000000l, 18446744073709551615ull, (size_t)7)),
		"level=info module=a msg=b i=-1 u=4000000000 x=0000beef ld=-5000000000 "
		"llu=18446744073709551615 zu=7\n");
	assert_string_equal(LOGGED(log_info("a", "b", "f=%.2f c=%c p=%d%% s=%.3s t=%.*s n=%s", 1.5,
				    'z', 50, "abcdef", 2, "abcdef", getenv("LEAT_NOT_SET"))),
		"level=info module=a msg=b f=1.50 c=z p=50% s=abc t=ab n=\n");
	assert_string_equal(LOGGED(log_info("a", "b", "w=\"%4d\" h=%hu j=%jd", 5, (unsigned short)9,
				    (intmax_t)-3)),
		"level=info module=a msg=b w=\"   5\" h=9 j=-3\n");
}

static void a_long_line_is_cut_and_ends(void **state) {
	static char text[4000];
	memset(text, 'x', sizeof(text) - 1);
	const char *line = LOGGED(log_info("a", "b", "x=\"%s\"", text));
	size_t len = strlen(line);
	assert_int_equal(len, 2048);
	assert_int_equal(line[len - 1], '\n');
	assert_ptr_equal(strchr(line, '\n'), line + len - 1);
}

static void time_comes_first_when_asked_for(void **state) {
	clock_fake_start(0);
	clock_fake_advance(3723 * NSEC_PER_SEC + 4 * NSEC_PER_MSEC);
	log_set_timestamps(true);
	assert_string_equal(LOGGED(log_info("a", "b", "")),
		"time=2026-01-01T01:02:03.004Z level=info module=a msg=b\n");
	log_set_timestamps(false);
	clock_fake_stop();
}

static void errno_is_left_alone(void **state) {
	capture_start();
	close(STDERR_FILENO);
	errno = EAGAIN;
	log_info("a", "b", "");
	int after = errno;
	capture_end();
	assert_int_equal(after, EAGAIN);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_logfmt),
		cmocka_unit_test(lines_above_the_level_are_dropped),
		cmocka_unit_test(a_value_cannot_forge_a_line_or_a_pair),
		cmocka_unit_test(every_conversion_prints_as_printf_does),
		cmocka_unit_test(a_long_line_is_cut_and_ends),
		cmocka_unit_test(time_comes_first_when_asked_for),
		cmocka_unit_test(errno_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
