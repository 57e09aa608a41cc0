// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// The forwarding table that nodes look up in: longest match of an IPv4 or IPv6 address, the answer is a next-hop slot.
//
// Layout as rte_fib's: a table indexed by the first 24 bits, then groups of 256 indexed by a byte each (IPv4: at most one,
// IPv6: at most 13). Why not rte_fib itself (22.11): it clears and reuses a group while readers may still hold its index, and
// rte_fib6 even publishes a cleared group before the entry that replaces it, so that a lookup of a routed address may answer
// "no route" or somebody else's next hop while another route changes; its reservation counter runs off when a route equals
// its parent; and its tree costs 256 B per route of EAL memory.
//
// An entry is one aligned word and is written once, so that a reader sees either the old or the new answer:
//     slot << 9 | prefix length << 1        the answer, and whose it is (control needs no tree to add or remove)
//     group << 1 | 1                        look further
//     0                                     the default route (`fallback`), which is no entry: its change is one store
// A group is filled before it is published. One that no prefix needs any more is unpublished and retired; it is used
// again only after fib_reclaim(), which the caller calls when every reader has passed a quiescent state.
//
// Writer: one thread. Readers: any, lock-free. Memory: touched as it is used (region.h): at most 64 MiB for the first table and
// 1 KiB per group.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FIB_MAX_SLOT   ((1u << 23) - 1)
#define FIB_MAX_GROUPS (1u << 22)

struct fib {
	// read by nodes
	uint32_t *top;     // [1 << 24]
	uint32_t *groups;  // [max_groups][256]
	uint32_t fallback; // slot of the default route; 0: none
	// control's
	uint32_t max_groups;
	uint32_t fresh;  // groups never used begin here
	uint32_t n_free; // given back and reclaimed
	uint32_t n_retired;
	uint32_t free_head, retired_head; // linked through counts[]
	uint32_t *counts;                 // per group: how many prefixes lie in it
	uint32_t touched;                 // of the first table, a bit per 2 MiB
	unsigned bytes;                   // of an address: 4 or 16
};

// `bytes`: 4 or 16. NULL: no address space.
struct fib *fib_new(unsigned bytes, uint32_t max_groups);
void fib_free(struct fib *fib); // when no reader is left

// ---- readers ----------------------------------------------------------------------------------------------

// Slots of n addresses: IPv4 in host order, IPv6 as on the wire. 0: no route.
void fib_lookup4(const struct fib *fib, const uint32_t *addrs, uint32_t *slots, unsigned n);
void fib_lookup6(const struct fib *fib, const uint8_t (*addrs)[16], uint32_t *slots, unsigned n);
// The two ways of fib_lookup4(); which one is taken is decided at start-up (AVX-512 where the CPU has it).
void fib_lookup4_scalar(const struct fib *fib, const uint32_t *addrs, uint32_t *slots, unsigned n);
void fib_lookup4_vector(const struct fib *fib, const uint32_t *addrs, uint32_t *slots, unsigned n);
bool fib_has_vector(void);

// ---- the writer -------------------------------------------------------------------------------------------
// Addresses are as on the wire, host bits are zero.

// A prefix that is not there yet. `spare`: groups that must be left. -ENOSPC: groups are short, nothing was changed;
// retired ones may help (fib_reclaim()).
int fib_add(struct fib *fib, const uint8_t *addr, unsigned len, uint32_t slot, uint32_t spare);
// Another slot for a prefix that is there.
void fib_replace(struct fib *fib, const uint8_t *addr, unsigned len, uint32_t slot);
// Removes a prefix that is there. What takes its place: the next shorter prefix that covers it (len 0: none but the default).
void fib_del(struct fib *fib, const uint8_t *addr, unsigned len, unsigned parent_len,
	uint32_t parent_slot);
// Retired groups may be used again. Call only when every reader has passed a quiescent state since they were retired.
void fib_reclaim(struct fib *fib);
uint32_t fib_available(const struct fib *fib); // groups
uint64_t fib_bytes(const struct fib *fib);     // touched

// ---- audit ------------------------------------------------------------------------------------------------

// Whether every address from `first` to `last` (both included) has exactly this answer, prefix length included; entries that do
// not are set right where one store does it. How many were wrong, or -EUCLEAN when the shape is: fib_block_*().
int fib_check(struct fib *fib, const uint8_t *first, const uint8_t *last, unsigned len,
	uint32_t slot, uint8_t *wrong);
// Builds all below one entry of the first table anew, aside, and publishes it. What was there before is abandoned (its groups may be
// anybody's). begin: the longest prefix of at most 24 bits that covers it (len 0: none); add: each longer prefix in it, shorter ones
// first (-ENOSPC); end.
struct fib_block {
	uint32_t index, root;
};
void fib_block_begin(
	struct fib_block *block, const uint8_t *addr, unsigned parent_len, uint32_t parent_slot);
int fib_block_add(
	struct fib *fib, struct fib_block *block, const uint8_t *addr, unsigned len, uint32_t slot);
void fib_block_end(struct fib *fib, const struct fib_block *block);
