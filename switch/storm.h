// SPDX-License-Identifier: BSD-3-Clause
// Storm control: one token bucket per port and class, in the form of GCRA: a bucket is one number, the time at
// which the next frame would conform ("theoretical arrival time"). Pure.
//
// All workers share the number, so that N of them do not let N times the rate pass, however the traffic is
// spread. Only flooded frames of a port with a limit touch it.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define STORM_UNITS 64 // per nanosecond: keeps the error of 1/rate below 2e-5 at 1 M/s

enum storm_class { STORM_BROADCAST, STORM_MULTICAST, STORM_UNKNOWN, STORM_CLASSES };

struct storm_limit {
	uint64_t cost; // of one frame, in 1/STORM_UNITS ns; 0: no limit; UINT64_MAX: nothing passes
	uint64_t burst; // what may be ahead of time
};

// What may come at once: 20 ms of the rate, at least 16 frames.
static inline struct storm_limit storm_limit_of(uint64_t rate_per_s) {
	struct storm_limit limit = {.cost = UINT64_MAX};
	uint64_t frames = rate_per_s / 50 > 16 ? rate_per_s / 50 : 16;

	if (rate_per_s == 0)
		return limit;
	limit.cost = (1000000000ull * STORM_UNITS + rate_per_s / 2) / rate_per_s;
	if (limit.cost == 0)
		limit.cost = 1;
	limit.burst = limit.cost * frames;
	return limit;
}

// May one frame pass now? Any worker.
static inline bool storm_take(
	_Atomic uint64_t *bucket, const struct storm_limit *limit, uint64_t now_ns) {
	uint64_t now = now_ns * STORM_UNITS, tat, next;

	if (limit->cost == UINT64_MAX)
		return false;
	tat = atomic_load_explicit(bucket, memory_order_relaxed);
	do {
		next = (tat > now ? tat : now) + limit->cost;
		if (next - now > limit->burst)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		bucket, &tat, next, memory_order_relaxed, memory_order_relaxed));
	return true;
}
