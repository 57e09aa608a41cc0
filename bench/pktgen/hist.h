// SPDX-License-Identifier: BSD-3-Clause
// pure
// A log-linear histogram (HDR): 64 steps per power of two, so that any value is known to 1.6 %, in fixed memory.
// The unit is the caller's: net_leatgen counts TSC cycles and gen_ctl turns percentiles into nanoseconds.
//
// One writer adds, any reader copies: counters are stored whole, and a copy is at worst one value behind.
#pragma once

#include <stdint.h>

#define HIST_STEP_BITS  6
#define HIST_VALUE_BITS 36 // larger values are counted as 2^36 - 1: 26 s of TSC cycles
#define HIST_BUCKETS    ((HIST_VALUE_BITS - HIST_STEP_BITS + 1) << HIST_STEP_BITS)

struct hist {
	uint64_t counts[HIST_BUCKETS];
};

static inline unsigned hist_bucket(uint64_t value) {
	if (value >> HIST_VALUE_BITS)
		value = (1ull << HIST_VALUE_BITS) - 1;
	if (value >> HIST_STEP_BITS == 0)
		return (unsigned)value;
	unsigned shift = 63 - (unsigned)__builtin_clzll(value) - HIST_STEP_BITS;
	return (shift << HIST_STEP_BITS) + (unsigned)(value >> shift);
}

static inline void hist_add(struct hist *hist, uint64_t value) {
	uint64_t *count = &hist->counts[hist_bucket(value)];

	__atomic_store_n(count, *count + 1, __ATOMIC_RELAXED);
}

// The largest value that falls into a bucket.
uint64_t hist_bucket_end(unsigned bucket);
void hist_copy(struct hist *to, const struct hist *from); // of a histogram that is being written
void hist_merge(struct hist *to, const struct hist *from);
void hist_subtract(struct hist *from, const struct hist *earlier); // what came since
uint64_t hist_total(const struct hist *hist);
// The smallest value (to the histogram's precision, rounded up) that at least `share` (0..1) of all values do not
// exceed; 0 when it is empty. share = 1: the maximum.
uint64_t hist_percentile(const struct hist *hist, double share);
