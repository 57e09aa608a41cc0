// SPDX-License-Identifier: BSD-3-Clause
// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): a keyed hash of 64 bits that tells nobody its key,
// for numbers that others must not be able to make up. Pure.
#pragma once

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct siphash_key {
	uint64_t k[2];
};

static inline uint64_t siphash_turn(uint64_t x, unsigned by) {
	return x << by | x >> (64 - by);
}

static inline void siphash_round(uint64_t v[static 4]) {
	v[0] += v[1], v[1] = siphash_turn(v[1], 13) ^ v[0], v[0] = siphash_turn(v[0], 32);
	v[2] += v[3], v[3] = siphash_turn(v[3], 16) ^ v[2];
	v[0] += v[3], v[3] = siphash_turn(v[3], 21) ^ v[0];
	v[2] += v[1], v[1] = siphash_turn(v[1], 17) ^ v[2], v[2] = siphash_turn(v[2], 32);
}

static inline void siphash_word(uint64_t v[static 4], uint64_t word) {
	v[3] ^= word;
	siphash_round(v);
	siphash_round(v);
	v[0] ^= word;
}

static inline uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t len) {
	uint64_t v[4] = {key->k[0] ^ 0x736f6d6570736575u, key->k[1] ^ 0x646f72616e646f6du,
		key->k[0] ^ 0x6c7967656e657261u, key->k[1] ^ 0x7465646279746573u};
	const uint8_t *at = bytes;
	uint64_t word;
	size_t left = len;

	for (; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		siphash_word(v, le64toh(word));
	}
	word = (uint64_t)len << 56;
	for (size_t i = 0; i < left; i++)
		word |= (uint64_t)at[i] << 8 * i;
	siphash_word(v, word);
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
