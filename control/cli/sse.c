// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/sse.h"

#include <stdio.h>
#include <string.h>

void sse_init(struct sse_parser *parser) {
	parser->name[0] = '\0';
	parser->line_len = parser->data_len = 0;
}

static void add_data(struct sse_parser *parser, const char *text) {
	size_t len = strlen(text), room = sizeof(parser->data) - 1 - parser->data_len;
	if (parser->data_len && room) {
		parser->data[parser->data_len++] = '\n';
		room--;
	}
	len = len < room ? len : room;
	memcpy(parser->data + parser->data_len, text, len);
	parser->data_len += len;
}

static int end_event(struct sse_parser *parser, sse_event_fn event, void *arg) {
	int rc = 0;
	parser->data[parser->data_len] = '\0';
	if (parser->data_len)
		rc = event(parser->name[0] ? parser->name : "message", parser->data, arg);
	parser->name[0] = '\0';
	parser->data_len = 0;
	return rc;
}

static int end_line(struct sse_parser *parser, sse_event_fn event, void *arg) {
	if (parser->line_len && parser->line[parser->line_len - 1] == '\r')
		parser->line_len--;
	parser->line[parser->line_len] = '\0';
	if (parser->line_len == 0)
		return end_event(parser, event, arg);
	parser->line_len = 0;
	char *value = strchr(parser->line, ':');
	if (!value || value == parser->line) // a comment: the daemon's sign of life
		return 0;
	*value++ = '\0';
	value += *value == ' ';
	if (strcmp(parser->line, "event") == 0)
		snprintf(parser->name, sizeof(parser->name), "%s", value);
	else if (strcmp(parser->line, "data") == 0)
		add_data(parser, value);
	return 0;
}

int sse_feed(
	struct sse_parser *parser, const char *bytes, size_t len, sse_event_fn event, void *arg) {
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n') {
			int rc = end_line(parser, event, arg);
			if (rc)
				return rc;
		} else if (parser->line_len < sizeof(parser->line) - 1) {
			parser->line[parser->line_len++] = bytes[i];
		}
	}
	return 0;
}
