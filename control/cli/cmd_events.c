// SPDX-License-Identifier: BSD-3-Clause
// leat events: what happens in the daemon, as it happens.
#include "control/cli/cmd.h"
#include "control/cli/sse.h"
#include "control/cli/table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct reader {
	struct sse_parser parser;
	bool json;
	const char *const *prefixes;
	size_t n_prefixes;
};

static bool wanted(const struct reader *reader, const char *name) {
	for (size_t i = 0; i < reader->n_prefixes; i++) {
		if (strncmp(name, reader->prefixes[i], strlen(reader->prefixes[i])) == 0)
			return true;
	}
	return reader->n_prefixes == 0;
}

static void print_line(const char *name, json_t *data) {
	char now[16] = "";
	time_t t = time(NULL);
	struct tm tm;
	const char *key;
	json_t *value;
	if (localtime_r(&t, &tm))
		strftime(now, sizeof(now), "%H:%M:%S", &tm);
	json_t *title = json_string(name); // its cell holds no control characters
	char *cell = table_cell(NULL, title);
	printf("%s %s", now, cell ? cell : "?");
	free(cell);
	json_decref(title);
	json_object_foreach (data, key, value) {
		cell = table_cell(NULL, value);
		printf(" %s=%s", key, cell ? cell : "?");
		free(cell);
	}
	putchar('\n');
}

static int on_event(const char *name, const char *text, void *arg) {
	const struct reader *reader = arg;
	if (!wanted(reader, name))
		return 0;
	json_t *data = json_loads(text, JSON_DECODE_ANY, NULL);
	json_t *event =
		json_pack("{s:s,s:o}", "event", name, "data", data ? data : json_string(text));
	if (event && reader->json)
		json_dumpf(event, stdout, JSON_COMPACT);
	if (event && reader->json)
		putchar('\n');
	else if (event)
		print_line(name, data);
	json_decref(event);
	return fflush(stdout) ? -1 : 0;
}

static int sink(const void *data, size_t len, void *arg) {
	struct reader *reader = arg;
	return sse_feed(&reader->parser, data, len, on_event, reader);
}

static enum cmd_status events_run(struct client *client, const struct cmd_line *line) {
	struct err err = {0};
	struct reader *reader = calloc(1, sizeof(*reader));
	if (!reader)
		return CMD_REFUSED;
	reader->json = cmd_value(line, "json");
	reader->prefixes = line->words;
	reader->n_prefixes = line->n_words;
	sse_init(&reader->parser);
	http_catch_signals();
	int rc = client_stream(client, "GET", "/v1/events", NULL, sink, reader, &err);
	free(reader);
	return rc ? (enum cmd_status)client_fail(&err) : CMD_DONE;
}

static const struct cmd_opt events_opts[] = {
	{"json", 0, NULL, "one JSON object per line"},
	{0},
};

const struct cmd cmd_events = {
	.name = "events",
	.usage = "[PREFIX...]",
	.help = "print events (links, moved addresses, commits) as they happen",
	.more = "With PREFIXes only events whose name begins with one: leat events port. config.\n",
	.opts = events_opts,
	.max_words = 32,
	.run = events_run,
};
