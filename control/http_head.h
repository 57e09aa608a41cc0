// SPDX-License-Identifier: BSD-3-Clause
// The head of an HTTP/1.1 request (RFC 9112), as strictly as the RFC asks: what is malformed is refused, not
// guessed at. Bodies have a Content-Length; a chunked request is answered with 411, as 6.3 allows. Pure.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define CTL_HEAD_MAX    16384
#define CTL_HEADERS_MAX 64
#define CTL_QUERY_MAX   64 // names in a query

struct ctl_head {
	const char *method;   // borrowed from the text that was parsed, like the others
	const char *path;     // percent-decoded; no control characters
	json_t *query;        // object: name → string; owned
	const char *type;     // media type without parameters, lower case; "" when absent
	size_t length;        // of the body
	bool http10;          // keep-alive and chunks are not for it
	bool close;           // the client wants the connection closed after the answer
	bool expect_continue; // and waits before it sends the body
};

// Parses `text` (a whole head: request line, headers, empty line; zero-terminated; changed in place). Returns
// 0, or the HTTP status to answer with and *why. ctl_head_fini() in both cases.
int ctl_head_parse(char *text, size_t len, struct ctl_head *head, const char **why);
void ctl_head_fini(struct ctl_head *head);
