// SPDX-License-Identifier: BSD-3-Clause
// Hashes and what is made of random numbers. Pure.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Both halves of a product, as wyhash mixes. With a secret in one of the operands nobody can choose inputs that meet. Inputs that go up in
// equal steps give outputs that may, too, for some secrets: where they are to be spread, mix twice.
static inline uint64_t hash_mix(uint64_t a, uint64_t b) {
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

// FNV-1a: the same always and everywhere; not against an adversary. What the last bytes do is in the low 48 bits at first: fold before
// taking a few of them.
static inline uint64_t hash_bytes(const void *bytes, size_t len) {
	const uint8_t *b = bytes;
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ b[i]) * 0x100000001b3u;
	return hash;
}

static inline uint64_t hash_text(const char *text) {
	return hash_bytes(text, strlen(text));
}

// A number below `range` out of 32 random bits.
static inline uint64_t hash_below(uint64_t range, uint32_t random) {
	return (uint64_t)((unsigned __int128)range * random >> 32);
}
