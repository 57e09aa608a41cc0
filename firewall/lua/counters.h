// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// How often something happened lately, by a key: what policies count connections with (`conn:count(key, seconds)`).
//
// Per key two windows of that many seconds, the one that runs and the one before it; of the latter counts the part that is not yet
// longer ago (a sliding window, as if it had been spread evenly). Any worker writes, without a lock: an entry is two words, {40 bits of a keyed hash
// of key and seconds, 24 bits of when it is forgotten} and {window, before, now}. It lies in one of COUNTER_WAYS places; one whose windows
// are over may be taken over. When all places are others' the key is refused: nobody's count is reset by a crowd.
// Two workers that take over a place, or begin a window, at the same moment may lose one of their counts.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTER_WAYS        8
#define COUNTER_MAX         ((1u << 20) - 1) // where a window stops counting
#define COUNTER_SECONDS_MAX 86400
#define COUNTER_FULL        UINT32_MAX

struct counter {
	_Atomic uint64_t tag, word;
};

struct counters {
	struct counter *entries;
	uint32_t groups; // of COUNTER_WAYS entries, a power of two
	uint64_t secret[2];
	_Atomic uint64_t full; // refused for want of a place
};

// `entries`: rounded up to a power of two; memory as it is touched, 16 bytes each. 0, -ENOMEM.
int counters_init(struct counters *c, uint32_t entries, const uint64_t secret[2]);
void counters_fini(struct counters *c);

// Once more, now; how often that is in the last `seconds` (1..COUNTER_SECONDS_MAX), this time included. `look`: how often it would be,
// and nothing is counted. COUNTER_FULL: no place.
uint32_t counters_add(struct counters *c, const void *key, size_t len, uint32_t seconds,
	uint64_t now_ns, bool look);
uint32_t counters_used(const struct counters *c, uint64_t now_ns); // looks at all
