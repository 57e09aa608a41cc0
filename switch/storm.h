// SPDX-License-Identifier: BSD-3-Clause
// Storm control: one token bucket (lib/bucket.h) per port and class, shared by all workers, so that N of them do not let N times the
// rate pass, however the traffic is spread. Only flooded frames of a port with a limit touch it.
#pragma once

#include "lib/bucket.h"

enum storm_class { STORM_BROADCAST, STORM_MULTICAST, STORM_UNKNOWN, STORM_CLASSES };

// What may come at once: 20 ms of the rate, at least 16 frames.
static inline struct bucket_limit storm_limit_of(uint64_t rate_per_s) {
	return bucket_limit_of(rate_per_s, rate_per_s / 50 > 16 ? rate_per_s / 50 : 16);
}
