// SPDX-License-Identifier: BSD-3-Clause
// Streams that modules declare (trace, capture) as answers without an end. At most CTL_STREAMS at a time: each
// costs the workers something.
#pragma once

#include "control/http.h"
#include "lib/module.h"

#define CTL_STREAMS 8

struct ctl_streams {
	unsigned open;
};

// Opens `stream` and makes it the reply's feed. -EUSERS: too many; else what open() said. `streams` must outlive it.
int ctl_stream_open(struct ctl_streams *streams, const struct module_stream *stream,
	const json_t *args, struct ctl_reply *reply, struct err *err);
