// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/tunnel/ends.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct end {
	struct end_key key;
	uint32_t value; // ENDS_NONE: empty
};

struct ends {
	uint32_t mask, n, room;
	struct end slots[];
};

static uint32_t hash_of(const struct end_key *key) {
	uint64_t hash = 0, word;

	for (unsigned i = 0; i + sizeof(word) <= sizeof(*key); i += sizeof(word)) {
		memcpy(&word, (const uint8_t *)key + i, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 29;
	}
	hash = (hash ^ ((uint64_t)key->proto << 8 | key->flags)) * 0x9e3779b97f4a7c15u;
	return (uint32_t)(hash >> 32);
}

struct ends *ends_new(unsigned n) {
	uint32_t size = 8;
	struct ends *ends;

	while (size < 2 * n)
		size *= 2;
	ends = calloc(1, sizeof(*ends) + size * sizeof(ends->slots[0]));
	if (ends == NULL)
		return NULL;
	ends->mask = size - 1;
	ends->room = size / 2;
	return ends;
}

void ends_free(struct ends *ends) {
	free(ends);
}

static const struct end *slot_of(const struct ends *ends, const struct end_key *key) {
	uint32_t i = hash_of(key) & ends->mask;

	while (ends->slots[i].value != ENDS_NONE &&
		memcmp(&ends->slots[i].key, key, sizeof(*key)) != 0)
		i = (i + 1) & ends->mask;
	return &ends->slots[i];
}

int ends_add(struct ends *ends, const struct end_key *key, uint32_t value) {
	struct end *end = (struct end *)slot_of(ends, key);

	if (end->value != ENDS_NONE)
		return -EEXIST;
	if (ends->n == ends->room)
		return -ENOSPC;
	*end = (struct end){*key, value};
	ends->n++;
	return 0;
}

uint32_t ends_find(const struct ends *ends, const struct end_key *key) {
	return slot_of(ends, key)->value;
}
