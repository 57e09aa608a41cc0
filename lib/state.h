// SPDX-License-Identifier: BSD-3-Clause
// The folder in which the daemon keeps what outlives it. main sets it once, before any module begins.
#pragma once

void state_dir_set(const char *path); // borrowed
const char *state_dir(void);          // "": none; nothing is kept
