// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "bench/pktgen/replay.h"
#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX  (1u << 30)
#define FRAMES_MAX (1u << 22)
#define FRAME_MIN  60 // what a device would pad to

struct room {
	uint32_t bytes, used, frames;
};

static int grow(struct replay *replay, struct room *room, unsigned len) {
	if (room->used + len > room->bytes) {
		room->bytes = room->bytes ? room->bytes * 2 : 1u << 20;
		uint8_t *bytes = realloc(replay->bytes, room->bytes);
		if (bytes == NULL)
			return -ENOMEM;
		replay->bytes = bytes;
	}
	if (replay->n == room->frames) {
		room->frames = room->frames ? room->frames * 2 : 1024;
		struct replay_frame *frames =
			realloc(replay->frames, room->frames * sizeof(*frames));
		if (frames == NULL)
			return -ENOMEM;
		replay->frames = frames;
	}
	return 0;
}

static int frame_add(struct replay *replay, struct room *room, const uint8_t *frame, unsigned len) {
	unsigned padded = len < FRAME_MIN ? FRAME_MIN : len;

	if (room->used > BYTES_MAX - padded || replay->n == FRAMES_MAX)
		return -EFBIG;
	if (grow(replay, room, padded) < 0)
		return -ENOMEM;
	replay->frames[replay->n++] =
		(struct replay_frame){.at = room->used, .len = (uint16_t)padded};
	memset(replay->bytes + room->used, 0, padded);
	memcpy(replay->bytes + room->used, frame, len);
	room->used += padded;
	return 0;
}

static int frames_read(struct replay *replay, pcap_t *pcap, unsigned longest, struct err *err) {
	struct pcap_pkthdr *head;
	struct room room = {0};
	const uint8_t *frame;
	int rc;

	while ((rc = pcap_next_ex(pcap, &head, &frame)) == 1) {
		if (head->caplen != head->len || head->len > longest)
			return err_set(err, -EMSGSIZE,
				"frame %u: %u of its %u bytes were captured, and %u can be sent",
				replay->n + 1, head->caplen, head->len, longest);
		rc = frame_add(replay, &room, frame, head->caplen);
		if (rc == -EFBIG)
			return err_set(
				err, rc, "more than %u frames or %u bytes", FRAMES_MAX, BYTES_MAX);
		if (rc < 0)
			return err_set(err, rc, "out of memory");
	}
	if (rc != PCAP_ERROR_BREAK)
		return err_set(err, -EIO, "%s", pcap_geterr(pcap));
	return replay->n > 0 ? 0 : err_set(err, -ENODATA, "there is no frame in it");
}

int replay_init(struct replay *replay, const char *path, unsigned longest, struct err *err) {
	char why[PCAP_ERRBUF_SIZE];
	struct err reason = {0};
	pcap_t *pcap = pcap_open_offline(path, why);
	int rc;

	*replay = (struct replay){0};
	if (pcap == NULL)
		return err_set(err, -ENOENT, "pcap=%s: %s", path, why);
	if (pcap_datalink(pcap) != DLT_EN10MB)
		rc = err_set(&reason, -EINVAL, "it is no capture of Ethernet");
	else
		rc = frames_read(replay, pcap, longest, &reason);
	pcap_close(pcap);
	if (rc < 0) {
		replay_fini(replay);
		err_set(err, rc, "pcap=%s: %s", path, reason.msg);
	}
	return rc;
}

void replay_fini(struct replay *replay) {
	free(replay->bytes);
	free(replay->frames);
	*replay = (struct replay){0};
}

const struct replay_frame *replay_next(struct replay *replay) {
	uint32_t n = replay->next;

	replay->next = n + 1 < replay->n ? n + 1 : 0;
	return &replay->frames[n];
}
