// SPDX-License-Identifier: BSD-3-Clause
// Between punt.c and the node `inject`: the ring down, and which way a packet on it goes (in dp_meta.vlan).
#pragma once

struct rte_ring;

enum punt_way { PUNT_WAY_FRAME, PUNT_WAY_LOOKUP, PUNT_WAY_REWRITE, PUNT_WAY_ERROR, PUNT_WAY_PORT };

extern struct rte_ring *punt_down; // control writes, worker 0 reads
