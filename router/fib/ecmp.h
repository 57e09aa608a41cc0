// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// Weighted, resilient spreading of flows over paths: a power-of-two table of buckets, each of which names a path. A path that
// goes gives its buckets to the others and nobody else moves; one that comes takes its share and nobody else moves
// (the idea of RFC 2992's hash-threshold's successors, as Linux's resilient next-hop groups).
#pragma once

#include <stdint.h>

#define ECMP_MAX_PATHS   64
#define ECMP_MAX_BUCKETS 1024
#define ECMP_MAX_WEIGHT  65536 // after equal paths were merged
#define ECMP_NONE        0xff  // a bucket that no path has

// The smallest power of two ≤ ECMP_MAX_BUCKETS in which every path's share is within 2 % of its weight's, and still is
// when any one of the paths is gone; ECMP_MAX_BUCKETS when none is. 1 ≤ n ≤ ECMP_MAX_PATHS, weights ≥ 1.
unsigned ecmp_size(const uint32_t *weights, unsigned n);

// Gives every bucket to a path with a weight (0: the path is not to be used), with as few moves as the weights allow. In:
// what the buckets were (ECMP_NONE at first). A used path has at least one bucket. Returns how many buckets changed.
// At least one weight is not 0; size ≥ n.
unsigned ecmp_fill(uint8_t *buckets, unsigned size, const uint32_t *weights, unsigned n);
