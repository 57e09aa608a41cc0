// SPDX-License-Identifier: BSD-3-Clause
#include "control/http_head.h"
#include "lib/text.h"
#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

// One header as it is being read; what may stand once only is remembered.
struct reader {
	struct ctl_head *head;
	bool has_length;
	const char *why;
};

static int refuse(struct reader *reader, int status, const char *why) {
	reader->why = why;
	return status;
}

static bool is_token(const char *text) {
	if (!*text)
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("!#$%&'*+-.^_`|~", *text))
			return false;
	return true;
}

static int hex(char c) {
	if (!isxdigit((unsigned char)c))
		return -1;
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

// In place. False: a bad escape, or a control character behind one.
static bool percent_decode(char *text, bool plus) {
	char *out = text;
	for (; *text; text++) {
		int high, low;
		if (*text == '%') {
			if ((high = hex(text[1])) < 0 || (low = hex(text[2])) < 0)
				return false;
			*out = (char)(high * 16 + low);
			text += 2;
		} else {
			*out = plus && *text == '+' ? ' ' : *text;
		}
		if ((unsigned char)*out < 0x20 || *out == 0x7f)
			return false;
		out++;
	}
	*out = '\0';
	return true;
}

// Well-formed UTF-8 of printable characters.
static bool is_text(const char *text) {
	size_t left = strlen(text), n = 1;
	for (; left && n; text += n, left -= n)
		n = text_print_len(text, left);
	return left == 0;
}

static int parse_query(struct reader *reader, char *text) {
	char *next = NULL;
	size_t n = 0;
	for (char *pair = strtok_r(text, "&", &next); pair; pair = strtok_r(NULL, "&", &next)) {
		char *value = strchr(pair, '=');
		if (value)
			*value++ = '\0';
		if (++n > CTL_QUERY_MAX || !percent_decode(pair, true) ||
			(value && !percent_decode(value, true)))
			return refuse(reader, 400, "malformed query");
		// Not UTF-8: jansson refuses it.
		if (json_object_set_new(
			    reader->head->query, pair, json_string(value ? value : "")) < 0)
			return refuse(reader, 400, "the query is not UTF-8");
	}
	return 0;
}

static int parse_target(struct reader *reader, char *target) {
	char *query = strchr(target, '?');
	if (query)
		*query++ = '\0';
	if (strncasecmp(target, "http://", 7) == 0) { // absolute form, RFC 9112 3.2.2
		target = strchr(target + 7, '/');
		if (target == NULL)
			return refuse(reader, 400, "no path in the request line");
	}
	if (*target != '/' || !percent_decode(target, false) || !is_text(target))
		return refuse(reader, 400, "malformed path");
	reader->head->path = target;
	return query ? parse_query(reader, query) : 0;
}

static int parse_request_line(struct reader *reader, char *line) {
	char *target = strchr(line, ' ');
	char *version = target ? strchr(target + 1, ' ') : NULL;
	if (version == NULL)
		return refuse(reader, 400, "the first line is not METHOD PATH HTTP/1.1");
	*target++ = '\0';
	*version++ = '\0';
	if (!is_token(line))
		return refuse(reader, 400, "malformed method");
	if (strncmp(version, "HTTP/", 5) != 0)
		return refuse(reader, 400, "the first line is not METHOD PATH HTTP/1.1");
	if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
		return refuse(reader, 505, "only HTTP/1.1 is spoken here");
	reader->head->method = line;
	reader->head->http10 = version[7] == '0';
	reader->head->close = reader->head->http10;
	return parse_target(reader, target);
}

static int parse_length(struct reader *reader, const char *value) {
	size_t length = 0;
	if (reader->has_length || !*value)
		return refuse(reader, 400, "malformed Content-Length");
	for (const char *digit = value; *digit; digit++) {
		if (!isdigit((unsigned char)*digit))
			return refuse(reader, 400, "malformed Content-Length");
		if (length > (SIZE_MAX >> 8))
			return refuse(reader, 413, "the body is too large");
		length = length * 10 + (size_t)(*digit - '0');
	}
	reader->has_length = true;
	reader->head->length = length;
	return 0;
}

static void parse_type(struct reader *reader, char *value) {
	value[strcspn(value, "; \t")] = '\0';
	for (char *c = value; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	reader->head->type = value;
}

static int parse_header(struct reader *reader, char *line) {
	char *value = strchr(line, ':');
	if (value == NULL)
		return refuse(reader, 400, "a header without a colon");
	*value++ = '\0';
	if (!is_token(line)) // also a folded line, and a space before the colon
		return refuse(reader, 400, "malformed header name");
	value += strspn(value, " \t");
	for (char *end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t');)
		*--end = '\0';
	if (strcasecmp(line, "content-length") == 0)
		return parse_length(reader, value);
	if (strcasecmp(line, "transfer-encoding") == 0)
		return refuse(reader, 411, "send the body with a Content-Length, not in chunks");
	if (strcasecmp(line, "content-type") == 0)
		parse_type(reader, value);
	else if (strcasecmp(line, "expect") == 0 && strcasecmp(value, "100-continue") == 0)
		reader->head->expect_continue = true;
	else if (strcasecmp(line, "connection") == 0 && strcasecmp(value, "close") == 0)
		reader->head->close = true;
	return 0;
}

// Cuts the line that ends in CRLF off *text. NULL: a bare CR or LF.
static char *next_line(char **text) {
	char *line = *text, *end = line + strcspn(line, "\r\n");
	if (end[0] != '\r' || end[1] != '\n')
		return NULL;
	*end = '\0';
	*text = end + 2;
	return line;
}

static int parse(struct reader *reader, char *text, size_t len) {
	if (strlen(text) != len)
		return refuse(reader, 400, "a zero byte in the head");
	char *line = next_line(&text);
	int status =
		line ? parse_request_line(reader, line) : refuse(reader, 400, "malformed line end");
	for (size_t n = 0; status == 0; n++) {
		line = next_line(&text);
		if (line == NULL)
			return refuse(reader, 400, "malformed line end");
		if (!*line)
			return 0;
		status = n < CTL_HEADERS_MAX ? parse_header(reader, line)
					     : refuse(reader, 431, "too many headers");
	}
	return status;
}

int ctl_head_parse(char *text, size_t len, struct ctl_head *head, const char **why) {
	*head = (struct ctl_head){.method = "", .path = "", .type = "", .query = json_object()};
	struct reader reader = {.head = head, .why = ""};
	int status =
		head->query ? parse(&reader, text, len) : refuse(&reader, 503, "out of memory");
	*why = reader.why;
	return status;
}

void ctl_head_fini(struct ctl_head *head) {
	json_decref(head->query);
	*head = (struct ctl_head){0};
}
