// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// One prefix for another of the same length, both ways. IPv6 up to /64 as RFC 6296 has it: what the prefix adds to checksums is taken
// away again in the subnet (up to /48) or the interface identifier, so that the sum of the address stays the same.
#pragma once

#include "lib/addr.h"

struct npt {
	struct prefix external, internal;
	uint16_t delta; // one's complement: sum(internal) - sum(external), as on the wire
	bool neutral;
};

void npt_init(struct npt *npt, const struct prefix *external, const struct prefix *internal);
// `addr` lies in one of the prefixes and becomes one of the other; 4 or 16 bytes. false: RFC 6296 section 3.7: it has no counterpart.
bool npt_out(const struct npt *npt, uint8_t *addr);
bool npt_in(const struct npt *npt, uint8_t *addr);
