// SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only)
// What the XDP program shares with port_xdp.c.
#pragma once

#include <linux/types.h>

#define LEAT_XDP_QUEUES 64
#define LEAT_XDP_KEEP   256
#define LEAT_XDP_BLOCK  65536

// Key of both address tables: IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so that one table holds both.
struct leat_xdp_key {
	__u32 bits; // of `addr` that count
	__u8 addr[16];
};

// One per program, written by leatd.
struct leat_xdp_settings {
	__u8 mac[6]; // of the interface
	__u8 keeps;  // the keep table is not empty
	__u8 blocks; // the block table is not empty
	// It is a veth, where tags may be beside the frame: where its structure points to the skb. Else 0.
	__u16 veth_skb;
	__u8 ready; // everything here and the keep table are as they should be
	__u8 pad[3];
};

// The leatd that loaded the program, written into the object before it is loaded.
struct leat_xdp_owner {
	__u8 magic[16]; // where that is in the object
	__u64 pid_namespace;
	__u64 pid;   // in that namespace
	__u64 began; // /proc/PID/stat
};

#define LEAT_XDP_OWNER ".rodata.owner"
#define LEAT_XDP_MAGIC "leat xdp owner:"

enum leat_xdp_counter {
	LEAT_XDP_STEERED, // to the socket of its queue
	LEAT_XDP_KEPT,    // to the kernel: for one of its addresses
	LEAT_XDP_PASSED,  // to the kernel: no socket
	LEAT_XDP_BLOCKED, // dropped: its source is blocked
	LEAT_XDP_BROKEN,  // dropped: its tag could not be put back
	LEAT_XDP_COUNTERS,
};
