// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/pktgen/replay.h"
#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/replay-XXXXXX";

static void capture_make(int link, unsigned frames, unsigned missing) {
	pcap_t *pcap = pcap_open_dead(link, 65535);
	pcap_dumper_t *dumper = pcap_dump_open(pcap, path);
	uint8_t bytes[1600];

	for (unsigned i = 0; i < frames; i++) {
		struct pcap_pkthdr head = {.len = 20 + i, .caplen = 20 + i - missing};
		memset(bytes, (int)i, sizeof(bytes));
		pcap_dump((u_char *)dumper, &head, bytes);
	}
	pcap_dump_close(dumper);
	pcap_close(pcap);
}

static void frames_come_round(void **) {
	struct replay replay;

	capture_make(DLT_EN10MB, 1500, 0);
	assert_int_equal(replay_init(&replay, path, 1519, NULL), 0);
	assert_int_equal(replay.n, 1500);
	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < 1500; i++) {
			const struct replay_frame *frame = replay_next(&replay);
			unsigned len = 20 + i;
			assert_int_equal(frame->len, len < 60 ? 60 : len);
			assert_int_equal(replay.bytes[frame->at], (uint8_t)i);
			assert_int_equal(replay.bytes[frame->at + len - 1], (uint8_t)i);
			if (len < 60)
				assert_int_equal(replay.bytes[frame->at + 59], 0);
		}
	}
	replay_fini(&replay);
}

static void refused(int code, unsigned longest, const char *why) {
	struct err err = {0};
	struct replay replay;

	assert_int_equal(replay_init(&replay, path, longest, &err), code);
	assert_non_null(strstr(err.msg, why));
	assert_null(replay.frames);
}

static void unfit_captures_are_refused(void **) {
	capture_make(DLT_RAW, 1, 0);
	refused(-EINVAL, 1514, "no capture of Ethernet");
	capture_make(DLT_EN10MB, 0, 0);
	refused(-ENODATA, 1514, "no frame");
	capture_make(DLT_EN10MB, 3, 1);
	refused(-EMSGSIZE, 1514, "19 of its 20 bytes");
	capture_make(DLT_EN10MB, 30, 0);
	refused(-EMSGSIZE, 40, "frame 22");
	assert_int_equal(truncate(path, 70), 0);
	refused(-EIO, 1514, "truncated");
	assert_int_equal(truncate(path, 0), 0);
	refused(-ENOENT, 1514, path);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_round),
		cmocka_unit_test(unfit_captures_are_refused),
	};

	close(mkstemp(path));
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
