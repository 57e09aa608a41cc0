// SPDX-License-Identifier: BSD-3-Clause
// An incremental parser of one HTTP/1.1 answer (RFC 9112): bytes in as they come from the socket, body bytes
// out. It holds one line at a time, so its memory is bounded whatever the peer sends; an answer that breaks the
// grammar, the limits or its own length is an error, never a guess. Pure: no socket, no allocation.
#pragma once

#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_LINE_MAX   8192
#define HTTP_HEADER_MAX 100 // header lines, and trailer lines after a chunked body
#define HTTP_TYPE_MAX   64

enum http_state {
	HTTP_STATUS,
	HTTP_HEADER,
	HTTP_BODY,     // `left` bytes of a body with Content-Length
	HTTP_REST,     // a body that ends with the connection
	HTTP_SIZE,     // a chunk's size line
	HTTP_CHUNK,    // `left` bytes of a chunk
	HTTP_CHUNK_CR, // the empty line after a chunk's data
	HTTP_TRAILER,
	HTTP_DONE,
};

struct http_parser {
	enum http_state state;
	int status;               // valid once the head is read
	char type[HTTP_TYPE_MAX]; // Content-Type without its parameters; "" when absent
	bool chunked, has_length;
	uint64_t left;
	unsigned headers;
	size_t line_len;
	char line[HTTP_LINE_MAX];
};

// Takes body bytes. A non-zero return ends the parsing and is passed on.
typedef int (*http_body_fn)(const void *data, size_t len, void *arg);

void http_parser_init(struct http_parser *parser);

// True when the status line and all headers are read.
bool http_parser_in_body(const struct http_parser *parser);

// Feeds `len` bytes. Bytes after the end of the answer are an error. Returns 0, -EPROTO with `err` set, or what
// `body` returned.
int http_parser_feed(struct http_parser *parser, const char *data, size_t len, http_body_fn body,
	void *arg, struct err *err);

// The peer has closed: 0 when the answer is complete, else -EPROTO.
int http_parser_end(struct http_parser *parser, struct err *err);
