// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/pcapng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_ENHANCED_PACKET 6
#define BLOCK_MIN             12 // type, length, and the length once more

static int reserve(struct pcapng_cutter *cutter, size_t len) {
	if (cutter->len + len <= cutter->room)
		return 0;
	size_t room = 2 * (cutter->len + len);
	unsigned char *buf = realloc(cutter->buf, room);
	if (!buf)
		return -ENOMEM;
	cutter->buf = buf;
	cutter->room = room;
	return 0;
}

// Bytes of whole blocks at the start of the buffer, or -EPROTO. The daemon writes its own byte order, and both ends
// of a Unix socket are the same machine.
static ssize_t whole_blocks(struct pcapng_cutter *cutter) {
	size_t at = 0;
	while (cutter->len - at >= BLOCK_MIN) {
		uint32_t head[2];
		memcpy(head, cutter->buf + at, sizeof(head));
		if (head[1] < BLOCK_MIN || head[1] % 4 || head[1] > PCAPNG_BLOCK_MAX)
			return -EPROTO;
		if (head[1] > cutter->len - at)
			break;
		cutter->packets += head[0] == BLOCK_ENHANCED_PACKET;
		at += head[1];
	}
	return (ssize_t)at;
}

int pcapng_feed(struct pcapng_cutter *cutter, const void *data, size_t len,
	int (*write)(const void *data, size_t len, void *arg), void *arg) {
	int rc = reserve(cutter, len);
	if (rc)
		return rc;
	memcpy(cutter->buf + cutter->len, data, len);
	cutter->len += len;
	ssize_t whole = whole_blocks(cutter);
	if (whole <= 0)
		return (int)whole;
	rc = write(cutter->buf, (size_t)whole, arg);
	cutter->len -= (size_t)whole;
	memmove(cutter->buf, cutter->buf + whole, cutter->len);
	return rc;
}

void pcapng_fini(struct pcapng_cutter *cutter) {
	free(cutter->buf);
	*cutter = (struct pcapng_cutter){0};
}
