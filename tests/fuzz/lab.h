// SPDX-License-Identifier: BSD-3-Clause
// A data plane for fuzz targets that need one: no worker threads (dp_step() turns the loop), a fake clock, ring ports.
#pragma once

#include "dataplane/dataplane.h"
#include "lib/module.h"
#include <rte_ring.h>

_Noreturn void lab_die(const char *what,
	const struct err *err); // a fault of the target itself, or what it looks for
// Starts it with these modules, whose configuration is JSON; ' stands for ". Stopped at exit.
void lab_start(const struct module *const *modules, const char *config);
struct rte_ring *lab_ring(char way, char port); // an end of port "ring:PORT"; way: 'r' or 't'
// The first `first` bytes in one buffer, the rest in a second one.
struct rte_mbuf *lab_frame(const uint8_t *bytes, size_t len, size_t first);
unsigned lab_in_use(void); // packet buffers
