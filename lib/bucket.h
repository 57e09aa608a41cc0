// SPDX-License-Identifier: BSD-3-Clause
// A token bucket that threads may share, in the form of GCRA: a bucket is one number, the time at which the next event would
// conform ("theoretical arrival time"). Exact: N threads do not let N times the rate pass. Pure.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BUCKET_UNITS 64 // per nanosecond: keeps the error of 1/rate below 2e-5 at 1 M/s

struct bucket_limit {
	uint64_t
		cost; // of one event, in 1/BUCKET_UNITS ns; 0: no limit; UINT64_MAX: nothing passes
	uint64_t burst; // what may be ahead of time
};

// `events`: what may come at once, at least 1.
static inline struct bucket_limit bucket_limit_of(uint64_t rate_per_s, uint64_t events) {
	struct bucket_limit limit = {.cost = UINT64_MAX};

	if (rate_per_s == 0)
		return limit;
	limit.cost = (1000000000ull * BUCKET_UNITS + rate_per_s / 2) / rate_per_s;
	if (limit.cost == 0)
		limit.cost = 1;
	limit.burst = limit.cost * (events > 0 ? events : 1);
	return limit;
}

// May one more pass now? Any thread.
static inline bool bucket_take(
	_Atomic uint64_t *bucket, const struct bucket_limit *limit, uint64_t now_ns) {
	uint64_t now = now_ns * BUCKET_UNITS, tat, next;

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
