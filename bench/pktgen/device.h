// SPDX-License-Identifier: BSD-3-Clause
// The ethdevs that leat-pktgen sends and receives by: one queue each way. A device whose peer went away is made anew
// when its driver does not come back by itself.
#pragma once

#include "lib/err.h"
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <stdint.h>

struct device_opts {
	struct rte_mempool *pool;
	uint16_t ring;    // slots wished for
	uint16_t longest; // frame, with its FCS
};

struct device {
	char args[512]; // of DPDK's device arguments
	char name[RTE_ETH_NAME_MAX_LEN];
	uint16_t id;
	bool open, up;
	bool again;        // this kind is made anew when its link is lost
	uint64_t retry_at; // TSC
};

// `args`: device arguments, or the name of an ethdev that exists already.
int device_open(
	struct device *device, const char *args, const struct device_opts *opts, struct err *err);
void device_close(struct device *device);
// Looks at the link, and makes the device anew when that is what it takes. Not while packets of it are held.
// Returns whether the link is up.
bool device_check(struct device *device, const struct device_opts *opts);
