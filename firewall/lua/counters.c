// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/lua/counters.h"
#include "lib/hash.h"
#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define NS_S     1000000000ull
#define END_BITS 24 // seconds, compared in a circle of 194 days
#define END_MASK ((1u << END_BITS) - 1)
#define N_BITS   20

int counters_init(struct counters *c, uint32_t entries, const uint64_t secret[2]) {
	uint32_t groups = 1;

	while (groups * COUNTER_WAYS < entries)
		groups *= 2;
	*c = (struct counters){.groups = groups, .secret = {secret[0], secret[1]}};
	c->entries = mmap(NULL, (size_t)groups * COUNTER_WAYS * sizeof(*c->entries),
		PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c->entries != MAP_FAILED)
		return 0;
	c->entries = NULL;
	return -ENOMEM;
}

void counters_fini(struct counters *c) {
	if (c->entries)
		munmap(c->entries, (size_t)c->groups * COUNTER_WAYS * sizeof(*c->entries));
	c->entries = NULL;
}

static uint64_t hash_of(
	const struct counters *c, const uint8_t *key, size_t len, uint32_t seconds) {
	uint64_t hash = c->secret[0] ^ len, piece;

	for (; len > 0; key += sizeof(piece), len -= sizeof(piece)) {
		piece = 0;
		memcpy(&piece, key, len < sizeof(piece) ? len : sizeof(piece));
		hash = hash_mix(hash ^ piece, c->secret[1]);
		if (len <= sizeof(piece))
			break;
	}
	return hash_mix(hash ^ seconds, c->secret[0]);
}

// ---- the second word ----------------------------------------------------------------------------------------

static uint64_t word_of(uint64_t window, uint32_t before, uint32_t now) {
	return (window & END_MASK) << 2 * N_BITS | (uint64_t)before << N_BITS | now;
}

// As it is in `window`.
static void word_read(uint64_t word, uint64_t window, uint32_t *before, uint32_t *now) {
	uint32_t age = (uint32_t)(window - (word >> 2 * N_BITS)) & END_MASK;

	*now = age == 0 ? word & COUNTER_MAX : 0;
	*before = age == 0 ? word >> N_BITS & COUNTER_MAX : age == 1 ? word & COUNTER_MAX : 0;
}

static uint32_t lately(uint32_t before, uint32_t now, uint32_t seconds, uint64_t now_ns) {
	uint64_t window_ns = seconds * NS_S, gone_ns = now_ns % window_ns;

	return now + (uint32_t)((unsigned __int128)before * (window_ns - gone_ns) / window_ns);
}

static uint32_t count(struct counter *e, uint32_t seconds, uint64_t now_ns, bool look) {
	uint64_t window = now_ns / (seconds * NS_S);
	uint64_t word = atomic_load_explicit(&e->word, memory_order_relaxed);
	uint32_t before, now;

	do {
		word_read(word, window, &before, &now);
		if (now < COUNTER_MAX)
			now++;
	} while (!look &&
		!atomic_compare_exchange_weak_explicit(&e->word, &word,
			word_of(window, before, now), memory_order_relaxed, memory_order_relaxed));
	return lately(before, now, seconds, now_ns);
}

// ---- the first word -----------------------------------------------------------------------------------------

// Two windows from now on it says nothing any more.
static uint64_t tag_of(uint64_t hash, uint32_t seconds, uint64_t now_ns) {
	return hash >> END_BITS << END_BITS | ((now_ns / NS_S + 2ull * seconds) & END_MASK);
}

static bool is_over(uint64_t tag, uint64_t now_ns) {
	return tag == 0 ||
		(uint32_t)(tag - now_ns / NS_S) % (END_MASK + 1) > 2 * COUNTER_SECONDS_MAX;
}

static struct counter *entry_find(
	struct counter *group, uint64_t tag, uint64_t now_ns, struct counter **spare) {
	*spare = NULL;
	for (unsigned i = 0; i < COUNTER_WAYS; i++) {
		uint64_t is = atomic_load_explicit(&group[i].tag, memory_order_relaxed);

		if ((is ^ tag) >> END_BITS == 0 && is != 0)
			return &group[i];
		if (*spare == NULL && is_over(is, now_ns))
			*spare = &group[i];
	}
	return NULL;
}

uint32_t counters_add(struct counters *c, const void *key, size_t len, uint32_t seconds,
	uint64_t now_ns, bool look) {
	uint64_t hash = hash_of(c, key, len, seconds), tag = tag_of(hash, seconds, now_ns);
	struct counter *group = &c->entries[(hash & (c->groups - 1)) * COUNTER_WAYS], *spare;
	struct counter *e = entry_find(group, tag, now_ns, &spare);

	if (e == NULL && look)
		return 1;
	if (e == NULL && spare == NULL) {
		atomic_fetch_add_explicit(&c->full, 1, memory_order_relaxed);
		return COUNTER_FULL;
	}
	if (e == NULL) {
		e = spare;
		atomic_store_explicit(&e->word, 0, memory_order_relaxed);
	}
	if (!look)
		atomic_store_explicit(&e->tag, tag, memory_order_relaxed);
	return count(e, seconds, now_ns, look);
}

uint32_t counters_used(const struct counters *c, uint64_t now_ns) {
	uint32_t n = 0;

	for (size_t i = 0; c->entries && i < (size_t)c->groups * COUNTER_WAYS; i++)
		n += !is_over(
			atomic_load_explicit(&c->entries[i].tag, memory_order_relaxed), now_ns);
	return n;
}
