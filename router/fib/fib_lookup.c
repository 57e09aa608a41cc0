// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// The readers' half of fib.h: fast path.
#include "router/fib/fib_priv.h"
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#define BULK   64
#define INLINE static inline __attribute__((always_inline))

INLINE uint32_t slot_of(uint32_t entry, uint32_t fallback) {
	return entry ? entry >> 9 : fallback;
}

void fib_lookup4_scalar(const struct fib *fib, const uint32_t *addrs, uint32_t *slots, unsigned n) {
	uint32_t fallback = fib_load(&fib->fallback);

	// Two passes: the misses of the first run side by side.
	for (unsigned i = 0; i < n; i++)
		slots[i] = fib_load(&fib->top[addrs[i] >> 8]);
	for (unsigned i = 0; i < n; i++) {
		uint32_t entry = slots[i];

		if (!fib_is_leaf(entry))
			entry = fib_load(&fib_group(fib, entry)[addrs[i] & 0xff]);
		slots[i] = slot_of(entry, fallback);
	}
}

// ---- IPv6 ---------------------------------------------------------------------------------------------------

typedef uint32_t (*find_fn)(const struct fib_bucket *bucket, uint32_t bits);

// Which of `n` entries of slots[] lead further, and where to. No branches: nothing here is predictable.
struct todo {
	unsigned n_groups, n_buckets;
	uint8_t groups[BULK], buckets[BULK];
};

INLINE void todo_add(struct todo *todo, uint8_t i, uint32_t entry) {
	todo->groups[todo->n_groups] = i;
	todo->n_groups += fib_is_group(entry);
	todo->buckets[todo->n_buckets] = i;
	todo->n_buckets += fib_is_bucket(entry);
}

// One step of every address that is not done at a time, so that misses run side by side.
INLINE void descend(const struct fib *fib, const uint8_t (*addrs)[16], uint32_t *slots,
	struct todo *todo, find_fn find) {
	for (unsigned byte = 4; todo->n_groups + todo->n_buckets > 0 && byte < 16; byte++) {
		unsigned n = todo->n_groups;

		for (unsigned k = 0; k < todo->n_buckets; k++) {
			unsigned i = todo->buckets[k];

			slots[i] = find(fib_bucket(fib, slots[i]), fib_word(addrs[i] + 4));
		}
		for (unsigned k = 0; k < n; k++) {
			unsigned i = todo->groups[k];

			slots[i] = fib_load(&fib_group(fib, slots[i])[addrs[i][byte]]);
		}
		todo->n_groups = todo->n_buckets = 0;
		for (unsigned k = 0; k < n; k++)
			todo_add(todo, todo->groups[k], slots[todo->groups[k]]);
	}
}

INLINE void lookup6_some(const struct fib *fib, const uint8_t (*addrs)[16], uint32_t *slots,
	unsigned n, find_fn find) {
	uint32_t fallback = fib_load(&fib->fallback);
	struct todo todo = {0};

	for (unsigned i = 0; i < n; i++)
		slots[i] = fib_load(&fib->top[fib_word(addrs[i])]);
	for (unsigned i = 0; i < n; i++)
		todo_add(&todo, (uint8_t)i, slots[i]);
	descend(fib, addrs, slots, &todo, find);
	for (unsigned i = 0; i < n; i++) {
		uint32_t entry = slots[i];

		if (__builtin_expect(entry == 0, 0))
			entry = fib_load(&fib->shorts[fib_short_index(addrs[i])]);
		slots[i] = slot_of(entry, fallback);
	}
}

void fib_lookup6_scalar(
	const struct fib *fib, const uint8_t (*addrs)[16], uint32_t *slots, unsigned n) {
	for (unsigned i = 0; i < n; i += BULK)
		lookup6_some(
			fib, addrs + i, slots + i, n - i < BULK ? n - i : BULK, fib_bucket_find);
}

// ---- vectors ------------------------------------------------------------------------------------------------

#if defined(__x86_64__)

__attribute__((target("avx512f"))) static inline void lookup4_16(
	const struct fib *fib, const uint32_t *addrs, uint32_t *slots, __m512i fallback) {
	const __m512i one = _mm512_set1_epi32(1), low = _mm512_set1_epi32(0xff);
	__m512i addr = _mm512_loadu_si512(addrs);
	__m512i entry = _mm512_i32gather_epi32(_mm512_srli_epi32(addr, 8), fib->top, 4);
	__mmask16 further = _mm512_test_epi32_mask(entry, one);

	if (further) {
		__m512i index = _mm512_slli_epi32(_mm512_srli_epi32(entry, 2), 8);

		index = _mm512_or_si512(index, _mm512_and_si512(addr, low));
		entry = _mm512_mask_i32gather_epi32(entry, further, index, fib->groups, 4);
	}
	__mmask16 none = _mm512_testn_epi32_mask(entry, entry);
	_mm512_storeu_si512(
		slots, _mm512_mask_mov_epi32(_mm512_srli_epi32(entry, 9), none, fallback));
}

__attribute__((target("avx512f"))) void fib_lookup4_vector(
	const struct fib *fib, const uint32_t *addrs, uint32_t *slots, unsigned n) {
	__m512i fallback = _mm512_set1_epi32((int)fib_load(&fib->fallback));
	unsigned i = 0;

	for (; i + 16 <= n; i += 16)
		lookup4_16(fib, addrs + i, slots + i, fallback);
	fib_lookup4_scalar(fib, addrs + i, slots + i, n - i);
}

// All eight at once. Entries are words and are written as such: a vector of them is eight of these.
__attribute__((target("avx2,lzcnt"))) INLINE uint32_t bucket_find_vector(
	const struct fib_bucket *bucket, uint32_t bits) {
	__m256i entries = _mm256_load_si256((const __m256i *)(const void *)bucket->entries);
	__m256i keys = _mm256_load_si256((const __m256i *)(const void *)bucket->keys);
	__m256i len = _mm256_and_si256(_mm256_srli_epi32(entries, 1), _mm256_set1_epi32(0xff));
	__m256i differ = _mm256_srlv_epi32(_mm256_xor_si256(keys, _mm256_set1_epi32((int)bits)),
		_mm256_sub_epi32(_mm256_set1_epi32(FIB_BUCKET_BITS), len));
	__m256i match = _mm256_cmpeq_epi32(differ, _mm256_setzero_si256());
	unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(match)) | 1;

	return fib_load(&bucket->entries[31 - _lzcnt_u32(mask)]);
}

__attribute__((target("avx2,lzcnt"))) void fib_lookup6_vector(
	const struct fib *fib, const uint8_t (*addrs)[16], uint32_t *slots, unsigned n) {
	for (unsigned i = 0; i < n; i += BULK)
		lookup6_some(
			fib, addrs + i, slots + i, n - i < BULK ? n - i : BULK, bucket_find_vector);
}

bool fib_has_vector4(void) {
	return __builtin_cpu_supports("avx512f");
}

// clang 14 knows no __builtin_cpu_supports("lzcnt").
static bool has_lzcnt(void) {
	unsigned eax, ebx, ecx, edx;

	return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & bit_LZCNT);
}

bool fib_has_vector6(void) {
	return __builtin_cpu_supports("avx2") && has_lzcnt();
}

#else

void fib_lookup4_vector(const struct fib *fib, const uint32_t *addrs, uint32_t *slots, unsigned n) {
	fib_lookup4_scalar(fib, addrs, slots, n);
}

void fib_lookup6_vector(
	const struct fib *fib, const uint8_t (*addrs)[16], uint32_t *slots, unsigned n) {
	fib_lookup6_scalar(fib, addrs, slots, n);
}

bool fib_has_vector4(void) {
	return false;
}

bool fib_has_vector6(void) {
	return false;
}

#endif

static void (*lookup4)(
	const struct fib *, const uint32_t *, uint32_t *, unsigned) = fib_lookup4_scalar;
static void (*lookup6)(
	const struct fib *, const uint8_t (*)[16], uint32_t *, unsigned) = fib_lookup6_scalar;

__attribute__((constructor)) static void choose(void) {
	if (fib_has_vector4())
		lookup4 = fib_lookup4_vector;
	if (fib_has_vector6())
		lookup6 = fib_lookup6_vector;
}

void fib_lookup4(const struct fib *fib, const uint32_t *addrs, uint32_t *slots, unsigned n) {
	lookup4(fib, addrs, slots, n);
}

void fib_lookup6(const struct fib *fib, const uint8_t (*addrs)[16], uint32_t *slots, unsigned n) {
	lookup6(fib, addrs, slots, n);
}
