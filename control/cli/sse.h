// SPDX-License-Identifier: BSD-3-Clause
// Server-sent events (WHATWG HTML, 9.2.6), as far as /v1/events uses them: `event` and `data` fields. Pure.
#pragma once

#include <stddef.h>

#define SSE_NAME_MAX 128
#define SSE_DATA_MAX 65536

struct sse_parser {
	char name[SSE_NAME_MAX];
	char line[SSE_DATA_MAX];
	char data[SSE_DATA_MAX];
	size_t line_len, data_len;
};

typedef int (*sse_event_fn)(const char *name, const char *data, void *arg);

void sse_init(struct sse_parser *parser);
// Takes bytes; calls `event` at the end of each. What is longer than the limits is cut. Returns what `event` did
// when that is not 0.
int sse_feed(
	struct sse_parser *parser, const char *bytes, size_t len, sse_event_fn event, void *arg);
