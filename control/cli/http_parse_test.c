// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/http_parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct body {
	char text[1024];
	size_t len;
};

static int collect(const void *data, size_t len, void *arg) {
	struct body *body = arg;
	assert_true(body->len + len < sizeof(body->text));
	memcpy(body->text + body->len, data, len);
	body->len += len;
	body->text[body->len] = '\0';
	return 0;
}

struct answer {
	const char *text;
	int rc; // of feeding, then of the end
	int status;
	const char *body;
	const char *type;
};

#define LONG_HEADER \
	"x: y\r\nx: y\r\nx: y\r\nx: y\r\nx: y\r\nx: y\r\nx: y\r\nx: y\r\nx: y\r\nx: y\r\n"

static const struct answer answers[] = {
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain; "
	 "charset=utf-8\r\n\r\nhello",
		0, 200, "hello", "text/plain"},
	{"HTTP/1.1 204 No Content\r\n\r\n", 0, 204, "", ""},
	{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, 200, "", ""},
	{"HTTP/1.0 404\r\n\r\nuntil the end", 0, 404, "until the end", ""},
	{"HTTP/1.1 200 OK\ncontent-LENGTH: 2 \n\nab", 0, 200, "ab", ""}, // bare line feeds
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
	 "chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n",
		0, 200, "hello!", ""},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nTrailer: "
	 "x\r\n\r\n",
		0, 200, "0123456789", ""},
	{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 0, 200, "x",
		""},
	{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 0, 200, "abc", ""},
	// cut short
	{"", -EPROTO, 0, "", ""},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", -EPROTO, 200, "hell", ""},
	{"HTTP/1.1 200 OK\r\nContent-Len", -EPROTO, 200, "", ""},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", -EPROTO, 200,
		"hello", ""},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", -EPROTO, 200,
		"hello", ""},
	// broken
	{"SSH-2.0-OpenSSH\r\n", -EPROTO, 0, "", ""},
	{"HTTP/2 200 OK\r\n\r\n", -EPROTO, 0, "", ""},
	{"HTTP/1.1 2x0 OK\r\n\r\n", -EPROTO, 0, "", ""},
	{"HTTP/1.1 2000 OK\r\n\r\n", -EPROTO, 0, "", ""},
	{"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", -EPROTO, 200, "", ""},
	{"HTTP/1.1 200 OK\r\n: empty\r\n\r\n", -EPROTO, 200, "", ""},
	{"HTTP/1.1 200 OK\r\na: b\r\n folded: c\r\n\r\n", -EPROTO, 200, "", ""},
	{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", -EPROTO, 200, "", ""},
	{"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n", -EPROTO, 200, "", ""},
	{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", -EPROTO, 200, "",
		""},
	{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", -EPROTO, 200, "",
		""},
	{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", -EPROTO, 200,
		"", ""},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", -EPROTO, 200, "", ""},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", -EPROTO, 200, "", ""},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n", -EPROTO, 200, "",
		""},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", -EPROTO, 200, "ab",
		""},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", -EPROTO, 200,
		"", ""},
	{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", -EPROTO, 200, "a",
		""}, // more than it said
	{"HTTP/1.1 200 OK\r\n" LONG_HEADER LONG_HEADER LONG_HEADER LONG_HEADER LONG_HEADER
			LONG_HEADER LONG_HEADER LONG_HEADER LONG_HEADER LONG_HEADER LONG_HEADER
	 "\r\n",
		-EPROTO, 200, "", ""},
};

// Feeds `step` bytes at a time.
static int parse(struct http_parser *parser, const char *text, size_t step, struct body *body,
	struct err *err) {
	size_t len = strlen(text);
	http_parser_init(parser);
	for (size_t at = 0; at < len; at += step) {
		size_t n = len - at < step ? len - at : step;
		int rc = http_parser_feed(parser, text + at, n, collect, body, err);
		if (rc)
			return rc;
	}
	return http_parser_end(parser, err);
}

// However the bytes come, the answer is the same.
static void answers_in_pieces(void **) {
	struct http_parser *parser = malloc(sizeof(*parser));
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		for (size_t step = 1; step <= 64; step *= 2) {
			const struct answer *answer = &answers[i];
			struct body body = {0};
			struct err err = {0};
			assert_int_equal(
				parse(parser, answer->text, step, &body, &err), answer->rc);
			assert_int_equal(parser->status, answer->status);
			assert_string_equal(body.text, answer->body);
			assert_string_equal(parser->type, answer->type);
			assert_int_equal(err.code, answer->rc);
		}
	}
	free(parser);
}

static void a_line_is_bounded(void **) {
	struct http_parser *parser = malloc(sizeof(*parser));
	struct body body = {0};
	struct err err = {0};
	char line[256];
	int rc = 0;
	size_t fed = 0;
	memset(line, 'a', sizeof(line));
	http_parser_init(parser);
	for (; rc == 0 && fed < 2 * HTTP_LINE_MAX; fed += sizeof(line))
		rc = http_parser_feed(parser, line, sizeof(line), collect, &body, &err);
	assert_int_equal(rc, -EPROTO);
	assert_true(fed <= HTTP_LINE_MAX + sizeof(line));
	assert_non_null(strstr(err.msg, "too long"));
	free(parser);
}

static void zero_bytes_do_not_hide_text(void **) {
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 1\0000\r\n\r\n";
	struct http_parser *parser = malloc(sizeof(*parser));
	struct body body = {0};
	struct err err = {0};
	http_parser_init(parser);
	assert_int_equal(
		http_parser_feed(parser, text, sizeof(text) - 1, collect, &body, &err), -EPROTO);
	free(parser);
}

static int refuse(const void *, size_t, void *) {
	return -ENOSPC;
}

static void the_sink_may_stop(void **) {
	struct http_parser *parser = malloc(sizeof(*parser));
	struct err err = {0};
	const char *text = answers[0].text;
	http_parser_init(parser);
	assert_int_equal(http_parser_feed(parser, text, strlen(text), refuse, NULL, &err), -ENOSPC);
	assert_int_equal(err.code, 0);
	free(parser);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_in_pieces),
		cmocka_unit_test(a_line_is_bounded),
		cmocka_unit_test(zero_bytes_do_not_hide_text),
		cmocka_unit_test(the_sink_may_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
