// SPDX-License-Identifier: BSD-3-Clause
// leat trace, leat capture: what the daemon sends until ^C.
#include "control/cli/args.h"
#include "control/cli/cmd.h"
#include "control/cli/describe.h"
#include "control/cli/pcapng.h"
#include "control/cli/words.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int write_fd(const void *data, size_t len, void *arg) {
	const char *at = data;
	int fd = *(const int *)arg;
	while (len) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -EIO;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

// Words that are NAME=VALUE of an argument are that; all others, joined, are the filter: it has blanks, and may
// hold a '=' of its own (ip[0] = 0x45).
static json_t *stream_args(const json_t *rows, const struct cmd_line *line) {
	static const char *const named[] = {"port", "count"};
	json_t *args = json_object();
	char *filter = NULL;
	for (size_t i = 0; i < line->n_words; i++) {
		const char *word = line->words[i];
		char name[64] = "", *longer = NULL;
		size_t len;
		if (word_is_pair(word, &len))
			snprintf(name, sizeof(name), "%.*s", (int)len, word);
		const json_t *row = *name ? describe_find(rows, name) : NULL;
		if (row) {
			json_object_set_new(args, name, word_to_json(row, word + len + 1));
			continue;
		}
		if (asprintf(&longer, "%s%s%s", filter ? filter : "", filter ? " " : "", word) < 0)
			longer = NULL;
		free(filter);
		filter = longer;
	}
	for (size_t i = 0; i < 2; i++) {
		const char *value = cmd_value(line, named[i]);
		if (value)
			json_object_set_new(
				args, named[i], word_to_json(describe_find(rows, named[i]), value));
	}
	if (filter)
		json_object_set_new(args, "filter", json_string(filter));
	free(filter);
	return args;
}

static int run_stream(struct client *client, const struct cmd_line *line, http_body_fn sink,
	void *arg, struct err *err) {
	char target[64];
	json_t *schema = NULL;
	int rc = client_get(client, "/v1/schema", &schema, err);
	if (rc)
		return rc;
	const json_t *stream = describe_find(json_object_get(schema, "streams"), line->cmd->name);
	json_t *args = stream_args(json_object_get(stream, "args"), line);
	snprintf(target, sizeof(target), "/v1/stream/%s", line->cmd->name);
	http_catch_signals();
	rc = client_stream(client, "POST", target, args, sink, arg, err);
	json_decref(args);
	json_decref(schema);
	return rc;
}

static enum cmd_status trace_run(struct client *client, const struct cmd_line *line) {
	struct err err = {0};
	int fd = STDOUT_FILENO;
	int rc = run_stream(client, line, write_fd, &fd, &err);
	return rc && rc != -EIO ? (enum cmd_status)client_fail(&err) : CMD_DONE;
}

struct capture {
	const char *file; // NULL or "-": standard output
	int fd;           // -1: not open yet
	struct pcapng_cutter cutter;
};

// Opened when the first block is there: a refused filter leaves an older file as it was.
static int write_capture(const void *data, size_t len, void *arg) {
	struct capture *capture = arg;
	// Packets are other people's words: for the owner only.
	if (capture->fd < 0)
		capture->fd = open(capture->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return capture->fd < 0 ? -EIO : write_fd(data, len, &capture->fd);
}

static int capture_sink(const void *data, size_t len, void *arg) {
	struct capture *capture = arg;
	return pcapng_feed(&capture->cutter, data, len, write_capture, capture);
}

static enum cmd_status capture_run(struct client *client, const struct cmd_line *line) {
	struct err err = {0};
	struct capture capture = {.file = cmd_value(line, "write"), .fd = -1};
	bool to_stdout = !capture.file || strcmp(capture.file, "-") == 0;
	if (to_stdout)
		capture.fd = STDOUT_FILENO;
	if (!capture.file && isatty(STDOUT_FILENO)) {
		err_set(&err, -EINVAL,
			"capture writes pcapng, which a terminal cannot show: "
			"-w FILE, or pipe it: leat capture | tcpdump -nr -");
		return (enum cmd_status)client_fail(&err);
	}
	const char *name = to_stdout ? "standard output" : capture.file;
	int rc = run_stream(client, line, capture_sink, &capture, &err);
	if (rc == -EIO)
		err_set(&err, rc, "%s: %s", name, strerror(errno));
	else if (rc == -EPROTO)
		err_set(&err, rc, "the daemon did not send pcapng");
	if (!to_stdout && capture.fd >= 0 && close(capture.fd) != 0 && rc == 0)
		rc = err_set(&err, -EIO, "%s: %s", name, strerror(errno));
	if (rc == 0 || rc == -EINTR)
		fprintf(stderr, "%" PRIu64 " packets\n", capture.cutter.packets);
	pcapng_fini(&capture.cutter);
	return rc ? (enum cmd_status)client_fail(&err) : CMD_DONE;
}

static void stream_complete(struct complete *complete) {
	complete_stream(complete, complete->line->cmd->name);
}

static const struct cmd_opt trace_opts[] = {
	{"count", 'n', "N", "end after N packets (default 10)"},
	{0},
};

const struct cmd cmd_trace = {
	.name = "trace",
	.usage = "[FILTER]",
	.help = "the way of real packets through the nodes, with drop reasons",
	.more = "FILTER is in libpcap's syntax: leat trace -n 5 arp or host 10.0.10.11\n",
	.opts = trace_opts,
	.max_words = 256,
	.run = trace_run,
	.complete = stream_complete,
};

static const struct cmd_opt capture_opts[] = {
	{"port", 'p', "PORT", "at this port only"},
	{"write", 'w', "FILE", "write pcapng to FILE; - is standard output"},
	{"count", 'n', "N", "end after N packets"},
	{0},
};

const struct cmd cmd_capture = {
	.name = "capture",
	.usage = "[FILTER]",
	.help = "record packets as pcapng, for Wireshark and tcpdump",
	.more = "FILTER is in libpcap's syntax: leat capture -p lan -w lan.pcapng tcp port 80\n",
	.opts = capture_opts,
	.max_words = 256,
	.run = capture_run,
	.complete = stream_complete,
};
