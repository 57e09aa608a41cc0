// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// The readers' half of fib.h: fast path.
#include "router/fib.h"
#include <stddef.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define BULK 64

// An entry is one word; whatever comes after it hangs on its value, so that no stronger order is needed.
static inline uint32_t load(const uint32_t *entry) {
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static inline uint32_t slot_of(uint32_t entry, uint32_t fallback) {
	return entry ? entry >> 9 : fallback;
}

void fib_lookup4_scalar(const struct fib *fib, const uint32_t *addrs, uint32_t *slots, unsigned n) {
	uint32_t fallback = load(&fib->fallback);

	// Two passes: the misses of the first run side by side.
	for (unsigned i = 0; i < n; i++)
		slots[i] = load(&fib->top[addrs[i] >> 8]);
	for (unsigned i = 0; i < n; i++) {
		uint32_t entry = slots[i];

		if (entry & 1)
			entry = load(&fib->groups[(size_t)(entry >> 1) * 256 + (addrs[i] & 0xff)]);
		slots[i] = slot_of(entry, fallback);
	}
}

// One byte of each address that is not done per round, so that misses run side by side.
static void lookup6_some(
	const struct fib *fib, const uint8_t (*addrs)[16], uint32_t *slots, unsigned n) {
	uint32_t fallback = load(&fib->fallback);
	uint8_t todo[BULK];
	unsigned left = 0;

	for (unsigned i = 0; i < n; i++) {
		const uint8_t *a = addrs[i];

		slots[i] = load(&fib->top[(uint32_t)a[0] << 16 | (uint32_t)a[1] << 8 | a[2]]);
	}
	for (unsigned i = 0; i < n; i++) {
		todo[left] = (uint8_t)i;
		left += slots[i] & 1;
	}
	for (unsigned byte = 3; left > 0 && byte < 16; byte++) {
		unsigned kept = 0;

		for (unsigned k = 0; k < left; k++) {
			unsigned i = todo[k];

			slots[i] =
				load(&fib->groups[(size_t)(slots[i] >> 1) * 256 + addrs[i][byte]]);
		}
		for (unsigned k = 0; k < left; k++) {
			unsigned i = todo[k];

			todo[kept] = (uint8_t)i;
			kept += slots[i] & 1;
		}
		left = kept;
	}
	for (unsigned i = 0; i < n; i++)
		slots[i] = slot_of(slots[i], fallback);
}

void fib_lookup6(const struct fib *fib, const uint8_t (*addrs)[16], uint32_t *slots, unsigned n) {
	for (unsigned i = 0; i < n; i += BULK)
		lookup6_some(fib, addrs + i, slots + i, n - i < BULK ? n - i : BULK);
}

#if defined(__x86_64__)

__attribute__((target("avx512f"))) static inline void lookup4_16(
	const struct fib *fib, const uint32_t *addrs, uint32_t *slots, __m512i fallback) {
	const __m512i one = _mm512_set1_epi32(1), low = _mm512_set1_epi32(0xff);
	__m512i addr = _mm512_loadu_si512(addrs);
	__m512i entry = _mm512_i32gather_epi32(_mm512_srli_epi32(addr, 8), fib->top, 4);
	__mmask16 further = _mm512_test_epi32_mask(entry, one);

	if (further) {
		__m512i index = _mm512_slli_epi32(_mm512_srli_epi32(entry, 1), 8);

		index = _mm512_or_si512(index, _mm512_and_si512(addr, low));
		entry = _mm512_mask_i32gather_epi32(entry, further, index, fib->groups, 4);
	}
	__mmask16 none = _mm512_testn_epi32_mask(entry, entry);
	_mm512_storeu_si512(
		slots, _mm512_mask_mov_epi32(_mm512_srli_epi32(entry, 9), none, fallback));
}

__attribute__((target("avx512f"))) void fib_lookup4_vector(
	const struct fib *fib, const uint32_t *addrs, uint32_t *slots, unsigned n) {
	__m512i fallback = _mm512_set1_epi32((int)load(&fib->fallback));
	unsigned i = 0;

	for (; i + 16 <= n; i += 16)
		lookup4_16(fib, addrs + i, slots + i, fallback);
	fib_lookup4_scalar(fib, addrs + i, slots + i, n - i);
}

bool fib_has_vector(void) {
	return __builtin_cpu_supports("avx512f");
}

#else

void fib_lookup4_vector(const struct fib *fib, const uint32_t *addrs, uint32_t *slots, unsigned n) {
	fib_lookup4_scalar(fib, addrs, slots, n);
}

bool fib_has_vector(void) {
	return false;
}

#endif

static void (*lookup4)(
	const struct fib *, const uint32_t *, uint32_t *, unsigned) = fib_lookup4_scalar;

__attribute__((constructor)) static void choose(void) {
	if (fib_has_vector())
		lookup4 = fib_lookup4_vector;
}

void fib_lookup4(const struct fib *fib, const uint32_t *addrs, uint32_t *slots, unsigned n) {
	lookup4(fib, addrs, slots, n);
}
