// SPDX-License-Identifier: BSD-3-Clause
// How much of what is for this box its host twins take: a token bucket per router and class, so that a flood at the router's address
// starves neither BGP nor the workers.
//
// A packet costs one token. A segment of an established TCP connection that is as long as a frame costs a sixteenth: a stream of them becomes
// few writes (dataplane/merge.h). One that asks for a new connection (SYN) has a bucket of its own, a tenth of its class's: a
// flood of them ends no connection of that class.
//
// Control writes rates, at commit; workers take tokens and count, each for itself.
#pragma once

#include "lib/err.h"
#include "router/host/share_conf.h"
#include <stdbool.h>

#define SHARE_LONG 1000 // bytes of a frame that counts as that long

enum share_kind { SHARE_SEGMENT, SHARE_PACKET, SHARE_NEW, SHARE_KINDS };

// node. Whether it may go to the kernel; counts it either way. `vrf` < RTR_MAX_VRFS.
bool share_take(unsigned vrf, enum share share, enum share_kind kind);
// control: long segments per second that are a class's whole share.
uint64_t share_segments(unsigned vrf, enum share share);
// control, in commit. A router that is new begins to count anew.
void share_set(unsigned vrf, const struct share_conf *conf, bool fresh);

extern const struct schema_row share_columns[];
int share_show(const json_t *filter, size_t limit, json_t *rows, struct err *err); // noun `punt`
