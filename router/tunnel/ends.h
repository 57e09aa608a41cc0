// SPDX-License-Identifier: BSD-3-Clause
// pure
// Whose packet is it? End points of tunnels by (router, local, remote, protocol, key): a hash table that control builds aside for
// each configuration and nodes only read. Open addressing, at most half full.
#pragma once

#include "lib/addr.h"
#include <stdint.h>

#define ENDS_NONE 0

struct end_key {
	uint8_t local[16], remote[16]; // remote zero: any
	uint32_t key;                  // GRE's, or the VNI
	uint16_t vrf, port;            // port: VXLAN's
	uint8_t proto;                 // IP protocol
	uint8_t flags;                 // END_*
	uint16_t pad;
};
_Static_assert(sizeof(struct end_key) == 44, "no holes: keys are compared as bytes");

enum {
	END_V6 = 1,
	END_KEY = 2,
	END_LOCAL = 4
}; // END_LOCAL: only says that something ends at `local`

struct ends;

struct ends *ends_new(unsigned n); // with room for n; NULL: out of memory
void ends_free(struct ends *ends);
// -EEXIST: it is there; -ENOSPC. `value` is not ENDS_NONE.
int ends_add(struct ends *ends, const struct end_key *key, uint32_t value);
uint32_t ends_find(const struct ends *ends, const struct end_key *key); // ENDS_NONE: not there

static inline void end_address(uint8_t to[static 16], const struct addr *addr) {
	for (unsigned i = 0; i < 16; i++)
		to[i] = addr->family == ADDR_V6 || i < 4 ? addr->bytes[i] : 0;
}
