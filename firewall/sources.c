// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/sources.h"
#include "lib/hash.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define COUNT_BITS 24
#define COUNT_MASK ((1ull << COUNT_BITS) - 1)

int sources_init(struct sources *s, uint32_t entries, const uint64_t secret[2]) {
	uint32_t groups = 1;

	while (groups * SOURCE_WAYS < entries)
		groups *= 2;
	*s = (struct sources){.groups = groups, .secret = {secret[0], secret[1]}};
	s->entries = mmap(NULL, (size_t)groups * SOURCE_WAYS * sizeof(*s->entries),
		PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->entries != MAP_FAILED)
		return 0;
	s->entries = NULL;
	return -ENOMEM;
}

void sources_fini(struct sources *s) {
	if (s->entries)
		munmap(s->entries, (size_t)s->groups * SOURCE_WAYS * sizeof(*s->entries));
	s->entries = NULL;
}

static uint64_t hash_of(const struct sources *s, uint64_t rule, const uint8_t *addr, bool v6) {
	uint64_t source = 0;

	memcpy(&source, addr, v6 ? 8 : 4);
	return hash_mix(hash_mix(source ^ s->secret[0], rule ^ s->secret[1] ^ v6) ^ s->secret[0],
		source ^ s->secret[1]);
}

// Nobody needs it: no connections, and as much of a bucket as there can be.
static bool is_free(const struct source_entry *e, uint64_t word, uint64_t now_ns) {
	return word == 0 ||
		((word & COUNT_MASK) == 0 &&
			atomic_load_explicit(&e->bucket, memory_order_relaxed) <=
				now_ns * BUCKET_UNITS);
}

// The entry of `tag`, or one that is free and made its own, with a connection more. NULL: over `most`, or no place (*full).
static struct source_entry *entry_take(
	struct source_entry *group, uint64_t tag, uint32_t most, uint64_t now_ns, bool *full) {
	struct source_entry *spare = NULL;
	uint64_t word, spare_word = 0;

	for (unsigned i = 0; i < SOURCE_WAYS; i++) {
		struct source_entry *e = &group[i];

		word = atomic_load_explicit(&e->word, memory_order_relaxed);
		while (word >> COUNT_BITS == tag && word != 0) {
			if ((word & COUNT_MASK) >= most)
				return NULL;
			if (atomic_compare_exchange_weak(&e->word, &word, word + 1))
				return e;
		}
		if (spare == NULL && is_free(e, word, now_ns)) {
			spare = e;
			spare_word = word;
		}
	}
	*full = spare == NULL;
	if (spare == NULL)
		return NULL;
	if (!atomic_compare_exchange_strong(&spare->word, &spare_word, tag << COUNT_BITS | 1))
		return entry_take(
			group, tag, most, now_ns, full); // somebody was faster: look again
	atomic_store_explicit(&spare->bucket, 0, memory_order_relaxed);
	return spare;
}

uint32_t sources_take(struct sources *s, uint64_t rule, const uint8_t *addr, bool v6,
	const struct source_limit *limit, uint64_t now_ns) {
	uint32_t most = limit->connections ? limit->connections : SOURCE_CONNECTIONS_MAX;
	uint64_t hash = hash_of(s, rule, addr, v6);
	struct source_entry *group = &s->entries[(hash & (s->groups - 1)) * SOURCE_WAYS], *e;
	uint64_t tag = hash >> COUNT_BITS | 1; // never 0, which is a place that nobody had
	bool full = false;

	e = entry_take(group, tag, most, now_ns, &full);
	if (full)
		atomic_fetch_add_explicit(&s->full, 1, memory_order_relaxed);
	if (e == NULL)
		return 0;
	uint32_t handle = (uint32_t)(e - s->entries) + 1;
	if (limit->rate.cost == 0 || bucket_take(&e->bucket, &limit->rate, now_ns))
		return handle;
	sources_give(s, handle);
	return 0;
}

void sources_give(struct sources *s, uint32_t handle) {
	if (handle != 0)
		atomic_fetch_sub(&s->entries[handle - 1].word, 1);
}

uint32_t sources_count(const struct sources *s, uint32_t handle) {
	return handle ? atomic_load(&s->entries[handle - 1].word) & COUNT_MASK : 0;
}

uint32_t sources_used(const struct sources *s) {
	uint32_t n = 0;

	for (size_t i = 0; s->entries && i < (size_t)s->groups * SOURCE_WAYS; i++)
		n += (atomic_load_explicit(&s->entries[i].word, memory_order_relaxed) &
			     COUNT_MASK) > 0;
	return n;
}
