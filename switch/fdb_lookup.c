// SPDX-License-Identifier: BSD-3-Clause
// Look-up in the forwarding database, in three widths of one shape. A bucket is a cache line: AVX-512
// compares all five keys at once, AVX2 four and one, SSE4.2 two, two and one.
//
// Order, for a reader beside the writer: key, value, key again. x86 does not reorder loads; the
// compiler is held by the acquire loads.
#include "switch/fdb.h"
#include <immintrin.h>

#define AVX2   __attribute__((target("avx2,bmi")))
#define AVX512 __attribute__((target("avx512f,avx512vl,avx2,bmi")))

static inline unsigned match_sse(const struct fdb_bucket *b, uint64_t key) {
	__m128i k = _mm_set1_epi64x((long long)key);
	const __m128i *p = (const __m128i *)b->key;
	unsigned lo = _mm_movemask_pd(_mm_castsi128_pd(_mm_cmpeq_epi64(_mm_load_si128(p), k)));
	unsigned hi = _mm_movemask_pd(_mm_castsi128_pd(_mm_cmpeq_epi64(_mm_load_si128(p + 1), k)));

	return lo | hi << 2 | (unsigned)(b->key[4] == key) << 4;
}

AVX2 static inline unsigned match_avx2(const struct fdb_bucket *b, uint64_t key) {
	__m256i k = _mm256_set1_epi64x((long long)key);
	__m256i v = _mm256_load_si256((const __m256i *)b->key);
	unsigned four = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(v, k)));

	return four | (unsigned)(b->key[4] == key) << 4;
}

AVX512 static inline unsigned match_avx512(const struct fdb_bucket *b, uint64_t key) {
	__m512i v = _mm512_load_si512(b);

	return _mm512_cmpeq_epi64_mask(v, _mm512_set1_epi64((long long)key)) & 0x1f;
}

// The same text for each width: the compiler needs it in a function of that target.
#define FDB_RESOLVE(width, target)                                                                 \
	target static inline struct fdb_bucket *find_##width(                                      \
		struct fdb_bucket *b, uint64_t key, unsigned *place) {                             \
		for (unsigned hops = 0; hops < FDB_CHAIN; hops++) {                                \
			unsigned mask = match_##width(b, key);                                     \
			int32_t next;                                                              \
                                                                                                   \
			if (__builtin_expect(mask != 0, 1)) {                                      \
				*place = (unsigned)__builtin_ctz(mask);                            \
				return b;                                                          \
			}                                                                          \
			next = __atomic_load_n(&b->next, __ATOMIC_ACQUIRE);                        \
			if (next == 0)                                                             \
				break;                                                             \
			b += next;                                                                 \
		}                                                                                  \
		return NULL;                                                                       \
	}                                                                                          \
                                                                                                   \
	target static inline uint16_t value_##width(                                               \
		const struct fdb_bucket *b, unsigned place, uint64_t key) {                        \
		uint16_t port = __atomic_load_n(&b->port[place], __ATOMIC_ACQUIRE);                \
                                                                                                   \
		return __atomic_load_n(&b->key[place], __ATOMIC_ACQUIRE) == key ? port : FDB_MISS; \
	}                                                                                          \
                                                                                                   \
	target static void resolve_##width(struct fdb_probe *probes, unsigned n) {                 \
		for (unsigned i = 0; i < n; i++) {                                                 \
			struct fdb_probe *p = &probes[i];                                          \
			unsigned place = 0;                                                        \
			struct fdb_bucket *b = find_##width(p->src, p->src_key, &place);           \
                                                                                                   \
			p->src_port = p->dst_port = FDB_MISS;                                      \
			if (b != NULL) {                                                           \
				p->src_port = value_##width(b, place, p->src_key);                 \
				if (b->seen[place] != p->tick)                                     \
					__atomic_store_n(                                          \
						&b->seen[place], p->tick, __ATOMIC_RELAXED);       \
			}                                                                          \
			b = find_##width(p->dst, p->dst_key, &place);                              \
			if (b != NULL)                                                             \
				p->dst_port = value_##width(b, place, p->dst_key);                 \
		}                                                                                  \
	}

FDB_RESOLVE(sse, )
FDB_RESOLVE(avx2, AVX2)
FDB_RESOLVE(avx512, AVX512)

static bool usable_avx512(void) {
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
}

static bool usable_avx2(void) {
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");
}

static bool usable_always(void) {
	return true;
}

const struct fdb_isa fdb_isas[] = {
	{"avx512", resolve_avx512, usable_avx512},
	{"avx2", resolve_avx2, usable_avx2},
	{"sse4.2", resolve_sse, usable_always},
	{0},
};

const struct fdb_isa *fdb_isa_best(void) {
	const struct fdb_isa *isa = fdb_isas;

	__builtin_cpu_init();
	while (!isa->usable())
		isa++;
	return isa;
}

uint16_t fdb_lookup(const struct fdb_table *t, uint64_t key) {
	unsigned place = 0;
	struct fdb_bucket *b = find_sse(fdb_bucket_of(t, key), key, &place);

	return b == NULL ? FDB_MISS : value_sse(b, place, key);
}
