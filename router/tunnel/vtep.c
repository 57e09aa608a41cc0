// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/tunnel/vtep.h"
#include <stdlib.h>
#include <string.h>

#define KEY_MASK  ((UINT64_C(1) << 60) - 1)
#define TAG_BITS  47
#define TAG_MASK  ((UINT64_C(1) << TAG_BITS) - 1)
#define TICK_MASK 0x1ffu

// A word: tag (47), remote + 1 (8), tick (9). 0: empty.
static uint64_t word_of(uint64_t tag, unsigned remote, unsigned tick) {
	return tag << 17 | (uint64_t)(remote + 1) << 9 | tick;
}

static unsigned tick_of(uint64_t now_ns) {
	return (unsigned)(now_ns / VTEP_TICK_NS) & TICK_MASK;
}

static unsigned age_of(uint64_t word, unsigned tick) {
	return (tick - (unsigned)word) & TICK_MASK;
}

struct vtep_table *vtep_new(uint64_t secret) {
	struct vtep_table *table = aligned_alloc(64, sizeof(*table));

	if (table == NULL)
		return NULL;
	memset(table, 0, sizeof(*table));
	table->refs = 1;
	table->mult = ((secret ^ UINT64_C(0x9e3779b97f4a7c15)) | 1) & KEY_MASK;
	return table;
}

void vtep_put(struct vtep_table *table) {
	if (table && --table->refs == 0)
		free(table);
}

static uint64_t mixed(const struct vtep_table *table, uint64_t key) {
	return key * table->mult & KEY_MASK;
}

void vtep_learn(struct vtep_table *table, uint64_t key, unsigned remote, uint64_t now_ns) {
	uint64_t mix = mixed(table, key), *line = table->words[mix >> TAG_BITS];
	unsigned tick = tick_of(now_ns), oldest = 0, most = 0;
	uint64_t want = word_of(mix & TAG_MASK, remote, tick);

	for (unsigned i = 0; i < VTEP_WAYS; i++) {
		uint64_t word = __atomic_load_n(&line[i], __ATOMIC_RELAXED);
		unsigned age = word == 0 ? TICK_MASK + 1 : age_of(word, tick);

		if (word >> 17 == (mix & TAG_MASK) && word != 0) {
			if (word != want)
				__atomic_store_n(&line[i], want, __ATOMIC_RELAXED);
			return;
		}
		if (age > most) {
			most = age;
			oldest = i;
		}
	}
	__atomic_store_n(&line[oldest], want, __ATOMIC_RELAXED);
}

int vtep_find(const struct vtep_table *table, uint64_t key, uint64_t now_ns, uint64_t age_ns) {
	uint64_t mix = mixed(table, key);
	const uint64_t *line = table->words[mix >> TAG_BITS];

	for (unsigned i = 0; i < VTEP_WAYS; i++) {
		uint64_t word = __atomic_load_n(&line[i], __ATOMIC_RELAXED);

		if (word == 0 || word >> 17 != (mix & TAG_MASK))
			continue;
		if (age_of(word, tick_of(now_ns)) > age_ns / VTEP_TICK_NS)
			return -1;
		return (int)(word >> 9 & 0xff) - 1;
	}
	return -1;
}

void vtep_flush(struct vtep_table *table) {
	for (unsigned l = 0; l < VTEP_LINES; l++)
		for (unsigned i = 0; i < VTEP_WAYS; i++)
			__atomic_store_n(&table->words[l][i], 0, __ATOMIC_RELAXED);
}

// Newton: each round doubles the bits of the inverse that are right.
static uint64_t inverse(uint64_t odd) {
	uint64_t x = odd;

	for (unsigned i = 0; i < 6; i++)
		x *= 2 - odd * x;
	return x & KEY_MASK;
}

void vtep_foreach(const struct vtep_table *table, uint64_t now_ns,
	bool (*fn)(uint64_t key, unsigned remote, uint64_t age_ns, void *arg), void *arg) {
	uint64_t back = inverse(table->mult);

	for (uint64_t l = 0; l < VTEP_LINES; l++) {
		for (unsigned i = 0; i < VTEP_WAYS; i++) {
			uint64_t word = __atomic_load_n(&table->words[l][i], __ATOMIC_RELAXED);

			if (word != 0 &&
				!fn((l << TAG_BITS | word >> 17) * back & KEY_MASK,
					(unsigned)(word >> 9 & 0xff) - 1,
					age_of(word, tick_of(now_ns)) * VTEP_TICK_NS, arg))
				return;
		}
	}
}
