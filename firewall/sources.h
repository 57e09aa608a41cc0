// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// What rules count per source: connections that live, and how fast new ones come. A source is an IPv4 address or an IPv6 /64 (who has one
// address there has all of them).
//
// Any worker writes, without a lock: an entry is one word, {40 bits of a keyed hash of rule and source, 24 bits of living connections}, and
// a bucket (lib/bucket.h). It lies in one of SOURCE_WAYS places; one without connections and with a bucket that is
// full again may be taken over. When all places are others', the source is refused, as if over its limit: counted, and never evicting one
// who is being held to his. Two sources of one place with equal bits are one: 2^-40 a pair.
#pragma once

#include "lib/bucket.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_WAYS            8
#define SOURCE_CONNECTIONS_MAX ((1u << 24) - 1)

struct source_entry {
	_Atomic uint64_t word;
	_Atomic uint64_t bucket;
};

struct sources {
	struct source_entry *entries;
	uint32_t groups; // of SOURCE_WAYS entries, a power of two
	uint64_t secret[2];
	_Atomic uint64_t full; // refused for want of a place
};

// What one rule asks of a source. 0: nothing.
struct source_limit {
	uint32_t connections;
	struct bucket_limit rate; // cost 0: nothing
};

// `entries`: rounded up to a power of two. 0, -ENOMEM.
int sources_init(struct sources *s, uint32_t entries, const uint64_t secret[2]);
void sources_fini(struct sources *s);

// One more connection of this source by the rule that `rule` names (a hash of its text). 0: not allowed; else a handle, for
// sources_give() when the connection ends, or at once when nobody lets it through. Any worker.
uint32_t sources_take(struct sources *s, uint64_t rule, const uint8_t *addr, bool v6,
	const struct source_limit *limit, uint64_t now_ns);
void sources_give(struct sources *s, uint32_t handle);            // 0: nothing
uint32_t sources_count(const struct sources *s, uint32_t handle); // living connections
uint32_t sources_used(const struct sources *s); // entries with connections; looks at all
