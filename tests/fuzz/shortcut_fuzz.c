// SPDX-License-Identifier: BSD-3-Clause
// Frames whose TCP connection is read: within their bytes, and both ways the same connection.
#include "router/host/shortcut/key.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth) {
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct shortcut_key in, out;
	char text[SHORTCUT_END_STRLEN];
	uint8_t *frame = malloc(size + 1); // its end is the sanitizer's

	memcpy(frame, data, size);
	frame = realloc(frame, size ? size : 1);
	bool is = shortcut_key_read(frame, size, false, &in);
	require(shortcut_key_read(frame, size, true, &out) == is);
	if (is) {
		require(memcmp(in.local, out.remote, sizeof(in.local)) == 0);
		require(memcmp(in.remote, out.local, sizeof(in.remote)) == 0);
		require(in.local_port == out.remote_port && in.remote_port == out.local_port);
		require(*shortcut_end_print(in.local, in.local_port, text) != '\0');
		require(strlen(shortcut_end_print(in.remote, in.remote_port, text)) <
			SHORTCUT_END_STRLEN);
	}
	free(frame);
	return 0;
}
