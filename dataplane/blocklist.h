// SPDX-License-Identifier: BSD-3-Clause
// The blocklist: sources whose frames the XDP program of every AF_XDP port drops in the driver, before any copy, for a time.
//
// Control owns the list, at most BLOCKLIST_MAX prefixes, and writes it into the maps of ports as they come and go. Workers ask for an
// address to be blocked by dp_block_source(), a ring each; what does not fit is lost, the offender's next packet asks again. Ports of
// other kinds have no such program: there the rules go on judging.
#pragma once

#include "lib/addr.h"
#include "lib/err.h"
#include "lib/module.h"

#define BLOCKLIST_MAX 65536
#define BLOCKLIST_WHY 48

// control: `why` is shown. for_ns 0: until it is removed. One that is there already lives on for at least that long. -ENOSPC.
int dp_block(const struct prefix *prefix, uint64_t for_ns, const char *why, struct err *err);
int dp_unblock(const struct prefix *prefix, struct err *err); // -ENOENT

// node: asks control to block one address (as on the wire, 4 or 16 bytes). `why` is copied.
void dp_block_source(const uint8_t *addr, bool v6, uint64_t for_ns, const char *why);

extern const struct module blocklist_module; // noun and actions `blocks`
