// SPDX-License-Identifier: BSD-3-Clause
#include "lib/state.h"

static const char *dir = "";

void state_dir_set(const char *path) {
	dir = path;
}

const char *state_dir(void) {
	return dir;
}
