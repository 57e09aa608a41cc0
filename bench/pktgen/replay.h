// SPDX-License-Identifier: BSD-3-Clause
// pure
// The frames of a capture file, to be sent again and again, as they are.
#pragma once

#include "lib/err.h"
#include <stdint.h>

struct replay_frame {
	uint32_t at; // in bytes
	uint16_t len;
};

struct replay {
	uint8_t *bytes;
	struct replay_frame *frames;
	uint32_t n, next;
};

// Of an Ethernet capture (pcap or pcapng), at most 1 GiB of it. Frames that were not captured whole, or are longer than
// `longest`, are an error.
int replay_init(struct replay *replay, const char *path, unsigned longest, struct err *err);
void replay_fini(struct replay *replay);
const struct replay_frame *replay_next(struct replay *replay);
