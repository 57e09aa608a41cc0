// SPDX-License-Identifier: BSD-3-Clause
#include "control/events.h"
#include "control/api_priv.h"
#include "lib/clock.h"
#include "lib/event.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct subscriber {
	LIST_ENTRY(subscriber) link;
	struct ctl_events *events;
	bool read_only; // whose places it counts among
	char *queue;    // CTL_QUEUE_BYTES; [0, len) waits
	size_t len;
	uint64_t lost;
	uint64_t heartbeat_ns; // when the next one is due
};

struct ctl_events {
	LIST_HEAD(, subscriber) subscribers;
	unsigned n[2]; // [read_only]
	uint64_t id;
};

static bool queue_add(struct subscriber *subscriber, const char *text, size_t len) {
	if (len > CTL_QUEUE_BYTES - subscriber->len)
		return false;
	memcpy(subscriber->queue + subscriber->len, text, len);
	subscriber->len += len;
	return true;
}

static void queue_event(struct subscriber *subscriber, const char *text, size_t len) {
	if (subscriber->lost || !queue_add(subscriber, text, len))
		subscriber->lost++;
}

static void on_event(const char *name, const json_t *data, void *arg) {
	struct ctl_events *events = arg;
	struct subscriber *subscriber;
	char *text = NULL;
	events->id++;
	if (LIST_EMPTY(&events->subscribers))
		return;
	// One line: JSON_COMPACT writes no line feed.
	char *json = json_dumps(data, JSON_COMPACT | JSON_SORT_KEYS);
	int len = json ? asprintf(&text, "id: %" PRIu64 "\nevent: %s\ndata: %s\n\n", events->id,
				 name, json)
		       : -1;
	LIST_FOREACH(subscriber, &events->subscribers, link) {
		if (len > 0)
			queue_event(subscriber, text, (size_t)len);
		else
			subscriber->lost++;
	}
	if (len > 0)
		free(text);
	free(json);
}

struct ctl_events *ctl_events_new(void) {
	struct ctl_events *events = calloc(1, sizeof(*events));
	if (events)
		event_set_sink(on_event, events);
	return events;
}

void ctl_events_free(struct ctl_events *events) {
	if (events)
		event_set_sink(NULL, NULL);
	free(events);
}

// Once there is room again the subscriber hears what it missed, before anything new.
static void queue_lost(struct subscriber *subscriber) {
	char text[96];
	int len = snprintf(text, sizeof(text), "event: lost\ndata: {\"lost\":%" PRIu64 "}\n\n",
		subscriber->lost);
	if (subscriber->lost && queue_add(subscriber, text, (size_t)len))
		subscriber->lost = 0;
}

static ssize_t subscriber_read(void *arg, void *buf, size_t size) {
	struct subscriber *subscriber = arg;
	uint64_t now_ns = clock_now_ns();
	if (subscriber->len == 0 && now_ns >= subscriber->heartbeat_ns)
		queue_add(subscriber, ":\n\n", 3);
	size_t n = subscriber->len < size ? subscriber->len : size;
	if (n == 0)
		return 0;
	memcpy(buf, subscriber->queue, n);
	memmove(subscriber->queue, subscriber->queue + n, subscriber->len - n);
	subscriber->len -= n;
	subscriber->heartbeat_ns = now_ns + CTL_HEARTBEAT_S * NSEC_PER_SEC;
	queue_lost(subscriber);
	return (ssize_t)n;
}

static void subscriber_close(void *arg) {
	struct subscriber *subscriber = arg;
	LIST_REMOVE(subscriber, link);
	subscriber->events->n[subscriber->read_only]--;
	free(subscriber->queue);
	free(subscriber);
}

int ctl_events_subscribe(
	struct ctl_events *events, bool read_only, struct ctl_reply *reply, struct err *err) {
	if (events->n[read_only] >= CTL_SUBSCRIBERS)
		return err_set(err, -EUSERS, "%u clients read events already; end one first",
			events->n[read_only]);
	struct subscriber *subscriber = calloc(1, sizeof(*subscriber));
	if (subscriber)
		subscriber->queue = malloc(CTL_QUEUE_BYTES);
	if (subscriber == NULL || subscriber->queue == NULL) {
		free(subscriber);
		return err_set(err, -ENOMEM, "out of memory");
	}
	subscriber->events = events;
	subscriber->read_only = read_only;
	LIST_INSERT_HEAD(&events->subscribers, subscriber, link);
	events->n[read_only]++;
	reply->status = 200;
	reply->type = "text/event-stream";
	reply->feed.read = subscriber_read;
	reply->feed.close = subscriber_close;
	reply->feed.ctx = subscriber;
	return 0;
}

void ctl_get_events(struct ctl_call *call) {
	struct err err = {0};
	int rc = ctl_events_subscribe(
		call->api->events, call->request->read_only, call->reply, &err);
	if (rc < 0)
		ctl_reply_error(call->reply, ctl_status(rc), &err);
}
