// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// The prefixes of one family, in order: a path-compressed binary tree. One structure finds exactly, finds the longest match and the
// next shorter prefix, and walks by address and length, so that no hash beside it is needed.
//
// A node is 16 bytes (IPv4) or 28 (IPv6); a prefix is one node, and at most one more where two of them part. Nodes are numbered and
// live in a region (region.h). What hangs on a prefix is a number of the caller's, its `value` (1..RIB_TREE_MAX_VALUE).
// Addresses are as on the wire, host bits zero. Control thread only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RIB_TREE_MAX_VALUE ((1u << 24) - 1)

struct rib_tree;

struct rib_entry {
	uint8_t addr[16];
	uint8_t len;
	uint32_t value;
};

// `bytes` of an address: 4 or 16; `limit`: prefixes. NULL: out of memory.
struct rib_tree *rib_tree_new(unsigned bytes, uint32_t limit);
void rib_tree_free(struct rib_tree *tree);

// The value of exactly this prefix; 0: it is not there.
uint32_t rib_tree_get(const struct rib_tree *tree, const uint8_t *addr, unsigned len);
// Sets it, adding the prefix when it is not there. The number of its node, which stays as long as the prefix does; 0: more
// prefixes than the limit.
uint32_t rib_tree_set(struct rib_tree *tree, const uint8_t *addr, unsigned len, uint32_t value);
void rib_tree_entry(const struct rib_tree *tree, uint32_t node, struct rib_entry *entry);
// Removes the prefix; its value, 0 when it is not there.
uint32_t rib_tree_del(struct rib_tree *tree, const uint8_t *addr, unsigned len);

// The longest prefix of at most `len` bits that covers addr. false: none.
bool rib_tree_match(
	const struct rib_tree *tree, const uint8_t *addr, unsigned len, struct rib_entry *entry);
// The first prefix after (addr, len) in order of address, then length; addr NULL: the first of all.
bool rib_tree_next(
	const struct rib_tree *tree, const uint8_t *addr, unsigned len, struct rib_entry *entry);
// The longest match of addr (len 0 and value 0: none), and the last address up to which it certainly is the same.
void rib_tree_gap(
	const struct rib_tree *tree, const uint8_t *addr, struct rib_entry *entry, uint8_t *last);

uint32_t rib_tree_count(const struct rib_tree *tree); // prefixes
uint64_t rib_tree_bytes(const struct rib_tree *tree); // touched
