// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// Which of many sets of prefixes hold an address: one look-up, however many sets there are.
//
// A set is a label, a small number of the caller's. A prefix carries the labels that were added to it; an address has the labels of
// every prefix that covers it. Equal lists of labels are one class, and the longest prefix that covers an address names its
// class, so that a reader does one longest match (router/fib/fib.h) and the rest is a number. A change of a prefix sets the classes
// of those inside it anew.
//
// Writer: one thread. Readers: any, lock-free; they see the old class or the new one. A class is told of (`fresh`) before a reader
// can meet it, and is never used for another list of labels until all of it is freed.
// Bounded by `limit` prefixes and FW_CLASSES classes; a prefix more is refused and changes nothing.
// Memory: at most 130 bytes per prefix (hosts far apart); a class 12 + 4 per label.
#pragma once

#include "lib/addr.h"
#include "router/fib/fib.h"
#include <stdint.h>
#include <string.h>

#define FW_CLASSES (1u << 20)

struct fw_addrs;

struct fw_addrs_ops {
	// A class that no reader has met yet; labels in rising order. NULL: nobody wants to know. 0, or negative: it cannot be had, and
	// what made it is refused.
	int (*fresh)(void *arg, uint32_t class, const uint32_t *labels, uint32_t n);
	void *arg;
	// Returns when no reader can be in what was replaced before. NULL: there are no readers.
	void (*sync)(void);
};

// `limit`: prefixes per family. NULL: out of memory.
struct fw_addrs *fw_addrs_new(uint32_t limit, const struct fw_addrs_ops *ops);
void fw_addrs_free(struct fw_addrs *addrs); // when no reader is left

// 0, -EEXIST: it has the label already, -ENOSPC: no room. Host bits of the prefix do not count.
int fw_addrs_add(struct fw_addrs *addrs, const struct prefix *prefix, uint32_t label);
int fw_addrs_del(struct fw_addrs *addrs, const struct prefix *prefix, uint32_t label); // -ENOENT
// Whether exactly this prefix carries the label.
bool fw_addrs_has(const struct fw_addrs *addrs, const struct prefix *prefix, uint32_t label);
// Prefixes with the label in order, from the first after `after` (NULL: of all). false: no more. Not more than `steps` prefixes are looked
// at: *prefix is then the last of them, and *found false.
bool fw_addrs_next(const struct fw_addrs *addrs, const struct prefix *after, uint32_t label,
	unsigned steps, struct prefix *prefix, bool *found);

uint32_t fw_addrs_count(const struct fw_addrs *addrs);   // prefixes
uint32_t fw_addrs_classes(const struct fw_addrs *addrs); // class numbers are below it; 0: no label
const uint32_t *fw_addrs_labels(const struct fw_addrs *addrs, uint32_t class, uint32_t *n);
uint64_t fw_addrs_bytes(const struct fw_addrs *addrs); // touched

// ---- readers ----------------------------------------------------------------------------------------------

const struct fib *fw_addrs_fib(const struct fw_addrs *addrs, bool v6);

// An address as the FIB has it: IPv4's stands behind 32 zero bits.
static inline void fw_addrs_key(bool v6, const uint8_t *addr, uint8_t key[static 16]) {
	if (v6) {
		memcpy(key, addr, 16);
		return;
	}
	memset(key, 0, 16);
	memcpy(key + 4, addr, 4);
}

// The class of an address: as on the wire, 4 or 16 bytes. 0: no label.
static inline uint32_t fw_addrs_class(const struct fib *fib, bool v6, const uint8_t *addr) {
	uint8_t key[16];
	uint32_t class;

	fw_addrs_key(v6, addr, key);
	fib_lookup6(fib, (const uint8_t(*)[16])(const void *)key, &class, 1);
	return class;
}
