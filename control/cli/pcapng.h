// SPDX-License-Identifier: BSD-3-Clause
// Cuts a pcapng byte stream at the ends of its blocks, so that a capture ended by ^C is a whole file.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PCAPNG_BLOCK_MAX (1u << 20)

struct pcapng_cutter {
	unsigned char *buf;
	size_t len, room;
	uint64_t packets; // enhanced packet blocks seen
};

// Takes `len` more bytes; calls write() with whole blocks only. Returns 0, -EPROTO when it is not pcapng (a block of
// an impossible length), -ENOMEM, or what write() returned.
int pcapng_feed(struct pcapng_cutter *cutter, const void *data, size_t len,
	int (*write)(const void *data, size_t len, void *arg), void *arg);
void pcapng_fini(struct pcapng_cutter *cutter);
