// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "router/fib/ecmp.h"
#include <assert.h>
#include <stdbool.h>
#include <string.h>

static uint64_t total(const uint32_t *weights, unsigned n) {
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += weights[i];
	return sum;
}

// Of the paths that would get `target` but for one bucket: who has one more already, then the largest remainder.
static int neediest(const uint32_t *rest, const bool *holds, const bool *given, unsigned n) {
	int best = -1;

	for (unsigned i = 0; i < n; i++) {
		if (given[i] || rest[i] == 0)
			continue;
		if (best < 0 || holds[i] > holds[best] ||
			(holds[i] == holds[best] && rest[i] > rest[best]))
			best = (int)i;
	}
	return best;
}

static unsigned largest(const uint32_t *target, unsigned n) {
	unsigned best = 0;

	for (unsigned i = 1; i < n; i++)
		if (target[i] > target[best])
			best = i;
	return best;
}

// How many buckets each path is to have (largest remainder). Whoever holds the bucket that rounding up would give keeps it, so that
// rounding moves nothing.
static void targets(uint32_t *target, const uint32_t *held, unsigned size, const uint32_t *weights,
	unsigned n) {
	uint64_t sum = total(weights, n);
	bool holds[ECMP_MAX_PATHS], given[ECMP_MAX_PATHS] = {false};
	uint32_t rest[ECMP_MAX_PATHS], left = size;

	for (unsigned i = 0; i < n; i++) {
		target[i] = (uint32_t)((uint64_t)weights[i] * size / sum);
		rest[i] = (uint32_t)((uint64_t)weights[i] * size % sum);
		if (target[i] == 0 && weights[i] > 0) {
			target[i] = 1;
			given[i] = true;
		}
		holds[i] = held[i] > target[i];
	}
	for (unsigned i = 0; i < n; i++)
		left -= target[i];
	for (int32_t over = (int32_t)left; over < 0; over++, left++)
		target[largest(target, n)]--;
	for (; left > 0; left--) {
		int i = neediest(rest, holds, given, n);

		if (i < 0)
			i = (int)largest(target, n);
		given[i] = true;
		target[i]++;
	}
}

static bool is_close(const uint32_t *weights, unsigned n, unsigned size) {
	uint32_t target[ECMP_MAX_PATHS];
	static const uint32_t none[ECMP_MAX_PATHS];
	uint64_t sum = total(weights, n);

	targets(target, none, size, weights, n);
	for (unsigned i = 0; i < n; i++) {
		uint64_t wanted = weights[i] * (uint64_t)size, got = target[i] * sum;
		uint64_t off = got > wanted ? got - wanted : wanted - got;

		if (off * 50 > wanted)
			return false;
	}
	return true;
}

static bool is_close_without_any(const uint32_t *weights, unsigned n, unsigned size) {
	uint32_t some[ECMP_MAX_PATHS];

	memcpy(some, weights, n * sizeof(some[0]));
	for (unsigned i = 0; i < n && n > 1; i++) {
		some[i] = 0;
		if (!is_close(some, n, size))
			return false;
		some[i] = weights[i];
	}
	return is_close(weights, n, size);
}

unsigned ecmp_size(const uint32_t *weights, unsigned n) {
	unsigned size = 1;

	assert(n >= 1 && n <= ECMP_MAX_PATHS);
	while (size < n)
		size *= 2;
	while (size < ECMP_MAX_BUCKETS && !is_close_without_any(weights, n, size))
		size *= 2;
	return size;
}

unsigned ecmp_fill(uint8_t *buckets, unsigned size, const uint32_t *weights, unsigned n) {
	uint32_t held[ECMP_MAX_PATHS] = {0}, target[ECMP_MAX_PATHS];
	unsigned moved = 0, taker = 0;

	assert(n >= 1 && n <= ECMP_MAX_PATHS && size >= n && total(weights, n) > 0);
	for (unsigned b = 0; b < size; b++)
		if (buckets[b] < n && weights[buckets[b]] > 0)
			held[buckets[b]]++;
	targets(target, held, size, weights, n);
	for (unsigned b = 0; b < size; b++) {
		unsigned owner = buckets[b];

		if (owner < n && weights[owner] > 0 && held[owner] <= target[owner])
			continue;
		if (owner < n && weights[owner] > 0)
			held[owner]--;
		// Takers in turn, so that neighbouring buckets go to different paths.
		while (held[taker % n] >= target[taker % n])
			taker++;
		buckets[b] = (uint8_t)(taker % n);
		held[taker++ % n]++;
		moved++;
	}
	return moved;
}
