// SPDX-License-Identifier: BSD-3-Clause
#include "lib/event.h"

static event_sink_fn event_sink;
static void *event_sink_arg;

void event_emit(const char *name, json_t *data) {
	json_t *owned = data ? data : json_object();
	if (event_sink)
		event_sink(name, owned, event_sink_arg);
	json_decref(owned);
}

void event_set_sink(event_sink_fn sink, void *arg) {
	event_sink = sink;
	event_sink_arg = arg;
}
