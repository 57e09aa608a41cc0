// SPDX-License-Identifier: BSD-3-Clause
// /v1/events: what event_emit() says, to every subscriber, as server-sent events (WHATWG HTML, 9.2). Each subscriber
// has a bounded queue; a slow one loses events and is told how many (`event: lost`). A comment every 15 s shows that
// the line is alive. Who may only read has places of its own, so that it takes none from who may write. Control thread
// only.
#pragma once

#include "control/http.h"

#define CTL_SUBSCRIBERS 64 // at read-only sockets together, and as many at others
#define CTL_QUEUE_BYTES (256u << 10)
#define CTL_HEARTBEAT_S 15

struct ctl_events;

// Becomes the sink of event_emit().
struct ctl_events *ctl_events_new(void);
void ctl_events_free(struct ctl_events *events); // after every subscriber is closed

// Makes a subscription the reply's feed. -EUSERS: too many.
int ctl_events_subscribe(
	struct ctl_events *events, bool read_only, struct ctl_reply *reply, struct err *err);
