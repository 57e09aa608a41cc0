// SPDX-License-Identifier: BSD-3-Clause
#include "control/stream.h"
#include <stdlib.h>
#include <string.h>

struct open_stream {
	struct ctl_streams *streams;
	const struct module_stream *stream;
	void *ctx;
};

static ssize_t stream_read(void *arg, void *buf, size_t size) {
	struct open_stream *open = arg;
	return open->stream->read(open->ctx, buf, size);
}

static void stream_close(void *arg) {
	struct open_stream *open = arg;
	if (open->stream->close)
		open->stream->close(open->ctx);
	open->streams->open--;
	free(open);
}

int ctl_stream_open(struct ctl_streams *streams, const struct module_stream *stream,
	const json_t *args, struct ctl_reply *reply, struct err *err) {
	if (streams->open >= CTL_STREAMS)
		return err_set(
			err, -EUSERS, "%u streams are open already; end one first", streams->open);
	struct open_stream *open = calloc(1, sizeof(*open));
	if (open == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = stream->open(args, &open->ctx, err);
	if (rc < 0) {
		free(open);
		return err_set(err, rc, "%s: %s", stream->name, strerror(-rc));
	}
	open->streams = streams;
	open->stream = stream;
	streams->open++;
	reply->status = 200;
	reply->type = stream->content_type;
	reply->feed.read = stream_read;
	reply->feed.close = stream_close;
	reply->feed.ctx = open;
	return 0;
}
