// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// The forwarding table that nodes look up in: longest match of an IPv4 or IPv6 address, the answer is a next-hop slot.
//
//   IPv4   first table by 24 bits, then at most one group of 256
//   IPv6   first table by 32 bits for prefixes of 25 bits and more, then groups by a byte each or a bucket: one cache line with up to 7
//          prefixes of at most 64 bits, which is all that most sites have. Prefixes of at most 24 bits are in a table of their own that
//          is asked when nothing longer matches, so that a 2000::/3 does not fill 2 GiB.
// A full Internet table costs two or three cache misses a packet for IPv6, where rte_fib6 costs four, and one for IPv4.
//
// Why not rte_fib itself (22.11): it clears and reuses a group while readers may still hold its index, and rte_fib6 even publishes a
// cleared group before the entry that replaces it, so that a look-up of a routed address may answer "no route" or somebody
// else's next hop while another route changes; its reservation counter runs off when a route equals its parent; and its tree
// costs 256 B per route of EAL memory.
//
// An entry is one aligned word and is written once, so that a reader sees either the old or the new answer:
//     slot << 9 | prefix length << 1     the answer, and whose it is (control needs no tree to add or remove)
//     group << 2 | 1,  bucket << 2 | 3   look further
//     0                                  nothing here: IPv6's short prefixes, then the default route (`fallback`), which is no
//                                        entry: its change is one store
// A group or bucket is filled before it is published. A bucket is not changed but for the slots in it: there comes another. One that no
// prefix needs any more is unpublished and retired, and used again only after fib_reclaim(), which the caller calls when
// every reader has passed a quiescent state.
//
// Writer: one thread. Readers: any, lock-free. Memory: address space is reserved, pages come as they are touched (region.h): of the
// first table 2 MiB per IPv4 /5 or IPv6 /13 with routes, of IPv6's short one 2 MiB per /5, 1 KiB per group, 64 bytes per bucket.
// All are bounded by what fib_new() was given; a sixteenth is kept for what is our own.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FIB_MAX_SLOT   ((1u << 23) - 1)
#define FIB_MAX_GROUPS (1u << 22)
#define FIB_BUCKET     7 // prefixes

// Sorted by prefix length; where there are fewer than 7, the first stands several times. [0]: what it is when none matches.
struct fib_bucket {
	uint32_t entries[FIB_BUCKET + 1];
	uint32_t keys[FIB_BUCKET + 1]; // bits 32..63 of the prefix; [0]: how many prefixes
};

struct fib_pool {
	uint32_t max, fresh; // those never used begin at `fresh`
	uint32_t n_free, n_retired;
	uint32_t free_head, retired_head; // linked through links[]
	uint32_t *links;                  // of groups in use: how many prefixes lie in it
};

struct fib {
	// read by nodes
	uint32_t *top;    // [1 << top_bits]
	uint32_t *shorts; // IPv6: [1 << 24]
	uint32_t *groups; // [][256]
	struct fib_bucket *buckets;
	uint32_t fallback; // slot of the default route; 0: none
	// control's
	unsigned bytes, top_bits,
		short_bits; // of an address; of the tables (short_bits 0: there is none)
	struct fib_pool group_pool, bucket_pool;
	uint32_t pages, max_pages; // of 2 MiB, of the first table
	uint64_t *touched, *short_touched;
};

// What a table may come to. buckets and pages: IPv6 only.
struct fib_limits {
	uint32_t groups, buckets, pages;
};

// `bytes`: 4 or 16. NULL: no address space.
struct fib *fib_new(unsigned bytes, const struct fib_limits *limits);
void fib_free(struct fib *fib); // when no reader is left

// ---- readers ----------------------------------------------------------------------------------------------

// Slots of n addresses: IPv4 in host order, IPv6 as on the wire. 0: no route. Which way is taken is decided at start-up
// (AVX-512, AVX2 where the CPU has it).
void fib_lookup4(const struct fib *fib, const uint32_t *addrs, uint32_t *slots, unsigned n);
void fib_lookup6(const struct fib *fib, const uint8_t (*addrs)[16], uint32_t *slots, unsigned n);
// Fetches what a look-up reads first, a node or two before it.
static inline void fib_prefetch4(const struct fib *fib, uint32_t addr) {
	__builtin_prefetch(&fib->top[addr >> 8]);
}

static inline void fib_prefetch6(const struct fib *fib, const uint8_t *addr) {
	uint32_t word;

	__builtin_memcpy(&word, addr, sizeof(word));
	__builtin_prefetch(&fib->top[__builtin_bswap32(word)]);
}

// The ways themselves; `vector` only when fib_has_vector4(), fib_has_vector6().
void fib_lookup4_scalar(const struct fib *fib, const uint32_t *addrs, uint32_t *slots, unsigned n);
void fib_lookup4_vector(const struct fib *fib, const uint32_t *addrs, uint32_t *slots, unsigned n);
void fib_lookup6_scalar(
	const struct fib *fib, const uint8_t (*addrs)[16], uint32_t *slots, unsigned n);
void fib_lookup6_vector(
	const struct fib *fib, const uint8_t (*addrs)[16], uint32_t *slots, unsigned n);
bool fib_has_vector4(void);
bool fib_has_vector6(void);

// ---- the writer -------------------------------------------------------------------------------------------
// Addresses are as on the wire, host bits are zero.

// A prefix that is not there yet. `own`: may use what is kept. -ENOSPC: no room, nothing was changed; what is retired may help
// (fib_reclaim()).
int fib_add(struct fib *fib, const uint8_t *addr, unsigned len, uint32_t slot, bool own);
// Another slot for a prefix that is there.
void fib_replace(struct fib *fib, const uint8_t *addr, unsigned len, uint32_t slot);
// Removes a prefix that is there. What takes its place: the next shorter prefix that covers it (len 0: none but the default).
void fib_del(struct fib *fib, const uint8_t *addr, unsigned len, unsigned parent_len,
	uint32_t parent_slot);
uint32_t fib_retired(const struct fib *fib);
// What is retired may be used again. Call only when every reader has passed a quiescent state since.
void fib_reclaim(struct fib *fib);
uint64_t fib_bytes(const struct fib *fib); // touched

// ---- audit ------------------------------------------------------------------------------------------------

// Whether every address from `first` to `last` (both included) has exactly this answer, prefix length included; entries that do
// not are set right where one store does it. How many were wrong, or -EUCLEAN when the shape is: fib_block_*(). *wrong: an
// address below the first entry that is.
int fib_check(struct fib *fib, const uint8_t *first, const uint8_t *last, unsigned len,
	uint32_t slot, uint8_t *wrong);
// Builds all below one entry of the first table anew, aside, and publishes it. What was there before is abandoned (it may be
// anybody's). begin: the longest prefix of at most top_bits that covers it (len 0: none); add: each longer prefix in it, shorter ones
// first (-ENOSPC); end.
struct fib_block {
	uint64_t index;
	uint32_t root;
};
void fib_block_begin(const struct fib *fib, struct fib_block *block, const uint8_t *addr,
	unsigned parent_len, uint32_t parent_slot);
int fib_block_add(
	struct fib *fib, struct fib_block *block, const uint8_t *addr, unsigned len, uint32_t slot);
void fib_block_end(struct fib *fib, const struct fib_block *block);
