// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/http_parse.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

void http_parser_init(struct http_parser *parser) {
	*parser = (struct http_parser){.state = HTTP_STATUS};
}

bool http_parser_in_body(const struct http_parser *parser) {
	return parser->state > HTTP_HEADER;
}

static int broken(struct err *err, const char *what) {
	return err_set(err, -EPROTO, "the daemon's answer is not HTTP/1.1: %s", what);
}

static int parse_status(struct http_parser *parser, struct err *err) {
	const char *line = parser->line;
	if (strncmp(line, "HTTP/1.", 7) != 0 || !isdigit((unsigned char)line[7]) || line[8] != ' ')
		return broken(err, "no status line");
	const char *digits = line + 9;
	int status = 0;
	for (int i = 0; i < 3; i++) {
		if (!isdigit((unsigned char)digits[i]))
			return broken(err, "no status code");
		status = status * 10 + digits[i] - '0';
	}
	if (status < 100 || (digits[3] != ' ' && digits[3] != '\0'))
		return broken(err, "no status code");
	parser->status = status;
	parser->state = HTTP_HEADER;
	return 0;
}

// Digits of `base` only (strtoull would take signs, spaces and 0x); at least one.
static int parse_number(const char *text, size_t len, unsigned base, uint64_t *out) {
	uint64_t value = 0;
	if (len == 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		unsigned digit = isdigit(c) ? c - (unsigned)'0'
			: isxdigit(c)       ? (c | 32u) - (unsigned)'a' + 10u
					    : 16u;
		if (digit >= base || value > (UINT64_MAX >> 4) / base)
			return -EINVAL;
		value = value * base + digit;
	}
	*out = value;
	return 0;
}

static int parse_length(struct http_parser *parser, const char *value, struct err *err) {
	uint64_t length;
	if (parse_number(value, strlen(value), 10, &length) != 0)
		return broken(err, "bad Content-Length");
	if (parser->has_length && length != parser->left)
		return broken(err, "two values of Content-Length");
	parser->has_length = true;
	parser->left = length;
	return 0;
}

static int parse_header(struct http_parser *parser, struct err *err) {
	if (++parser->headers > HTTP_HEADER_MAX)
		return broken(err, "too many headers");
	char *colon = strchr(parser->line, ':');
	if (!colon || colon == parser->line ||
		strcspn(parser->line, " \t") < (size_t)(colon - parser->line))
		return broken(err, "bad header line");
	*colon = '\0';
	char *value = colon + 1 + strspn(colon + 1, " \t");
	for (char *end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t');)
		*--end = '\0';
	if (strcasecmp(parser->line, "content-length") == 0)
		return parse_length(parser, value, err);
	if (strcasecmp(parser->line, "transfer-encoding") == 0) {
		if (strcasecmp(value, "chunked") != 0)
			return broken(err, "unknown Transfer-Encoding");
		parser->chunked = true;
	} else if (strcasecmp(parser->line, "content-type") == 0) {
		size_t len = strcspn(value, "; \t");
		if (len < sizeof(parser->type)) {
			memcpy(parser->type, value, len);
			parser->type[len] = '\0';
		}
	}
	return 0;
}

// RFC 9112, 6.3: how the body is delimited.
static int end_of_head(struct http_parser *parser, struct err *err) {
	if (parser->status < 200) { // 100 Continue and its like: the real answer follows
		http_parser_init(parser);
		return 0;
	}
	if (parser->chunked && parser->has_length)
		return broken(err, "both Content-Length and Transfer-Encoding");
	parser->headers = 0;
	if (parser->status == 204 || parser->status == 304)
		parser->state = HTTP_DONE;
	else if (parser->chunked)
		parser->state = HTTP_SIZE;
	else if (!parser->has_length)
		parser->state = HTTP_REST;
	else
		parser->state = parser->left ? HTTP_BODY : HTTP_DONE;
	return 0;
}

static int parse_size(struct http_parser *parser, struct err *err) {
	size_t len = strcspn(parser->line, "; \t"); // extensions are ignored
	if (parse_number(parser->line, len, 16, &parser->left) != 0)
		return broken(err, "bad chunk size");
	parser->state = parser->left ? HTTP_CHUNK : HTTP_TRAILER;
	return 0;
}

static int parse_line(struct http_parser *parser, struct err *err) {
	switch (parser->state) {
	case HTTP_STATUS:
		return parse_status(parser, err);
	case HTTP_HEADER:
		return parser->line[0] ? parse_header(parser, err) : end_of_head(parser, err);
	case HTTP_SIZE:
		return parse_size(parser, err);
	case HTTP_CHUNK_CR:
		if (parser->line[0])
			return broken(err, "a chunk is longer than its size");
		parser->state = HTTP_SIZE;
		return 0;
	default: // HTTP_TRAILER
		if (!parser->line[0])
			parser->state = HTTP_DONE;
		else if (++parser->headers > HTTP_HEADER_MAX)
			return broken(err, "too many trailers");
		return 0;
	}
}

// Adds bytes to the line; a whole one is parsed. Returns bytes consumed, or -EPROTO.
static ssize_t feed_line(
	struct http_parser *parser, const char *data, size_t len, struct err *err) {
	const char *newline = memchr(data, '\n', len);
	size_t n = newline ? (size_t)(newline - data) : len;
	if (parser->line_len + n >= sizeof(parser->line))
		return broken(err, "a line is too long");
	memcpy(parser->line + parser->line_len, data, n);
	parser->line_len += n;
	if (!newline)
		return (ssize_t)n;
	if (parser->line_len && parser->line[parser->line_len - 1] == '\r')
		parser->line_len--;
	parser->line[parser->line_len] = '\0';
	if (strlen(parser->line) != parser->line_len)
		return broken(err, "a zero byte in a line");
	parser->line_len = 0;
	int rc = parse_line(parser, err);
	return rc ? rc : (ssize_t)n + 1;
}

static int feed_body(struct http_parser *parser, const char *data, size_t len, http_body_fn body,
	void *arg, size_t *used) {
	bool bounded = parser->state != HTTP_REST;
	size_t n = bounded && parser->left < len ? (size_t)parser->left : len;
	if (bounded)
		parser->left -= n;
	if (parser->state == HTTP_BODY && parser->left == 0)
		parser->state = HTTP_DONE;
	else if (parser->state == HTTP_CHUNK && parser->left == 0)
		parser->state = HTTP_CHUNK_CR;
	*used = n;
	return body(data, n, arg);
}

int http_parser_feed(struct http_parser *parser, const char *data, size_t len, http_body_fn body,
	void *arg, struct err *err) {
	while (len) {
		size_t used = 0;
		if (parser->state == HTTP_DONE)
			return broken(err, "bytes after its end");
		if (parser->state == HTTP_BODY || parser->state == HTTP_REST ||
			parser->state == HTTP_CHUNK) {
			int rc = feed_body(parser, data, len, body, arg, &used);
			if (rc)
				return rc;
		} else {
			ssize_t n = feed_line(parser, data, len, err);
			if (n < 0)
				return (int)n;
			used = (size_t)n;
		}
		data += used;
		len -= used;
	}
	return 0;
}

int http_parser_end(struct http_parser *parser, struct err *err) {
	if (parser->state == HTTP_REST)
		parser->state = HTTP_DONE;
	if (parser->state == HTTP_DONE)
		return 0;
	return err_set(
		err, -EPROTO, "the daemon closed the connection in the middle of its answer");
}
