// SPDX-License-Identifier: BSD-3-Clause
// Events for subscribers (/v1/events): "port.link", "switch.mac-move", "config.applied", ...
// Emitted on the control thread only; the API server is the one sink.
#pragma once

#include <jansson.h>

// Takes ownership of `data` (an object; NULL for an empty one). Never fails: a slow subscriber
// loses events and is told so, the emitter does not wait.
void event_emit(const char *name, json_t *data);

typedef void (*event_sink_fn)(const char *name, const json_t *data, void *arg);
void event_set_sink(event_sink_fn sink, void *arg); // NULL: none
