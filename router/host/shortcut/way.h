// SPDX-License-Identifier: BSD-3-Clause
// The kernel's part of a short cut: a veth pair, five programs, and the table of the connections that go by it.
#pragma once

#include "router/host/shortcut/shortcut_bpf.h"
#include "router/host/twin.h"

struct way;

// control. Between a port that has a packet socket (dp_port_packet_index()) and a twin. NULL: err says why. Nothing goes by it yet.
struct way *way_open(unsigned port, const struct twin_ends *ends, struct err *err);
// NULL is fine. The twin, its namespace, the port may be gone already.
void way_close(struct way *way);
// Whether nobody has taken a part of it away.
bool way_is_whole(const struct way *way);
// Removes what a leatd that was killed has left of it.
void way_clear(unsigned port, const struct twin_ends *ends);

// 0, -EEXIST, -E2BIG: it is full (SHORTCUT_FLOWS).
int way_add(struct way *way, const struct shortcut_key *key, const struct mac *mac);
// What has gone by it so far; -ENOENT.
int way_count(const struct way *way, const struct shortcut_key *key, struct shortcut_flow *flow);
// The last that is known of it, and the end of its way.
int way_del(struct way *way, const struct shortcut_key *key, struct shortcut_flow *flow);
