// SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only)
// What xdp_gen.c and its programs in the kernel share.
#pragma once

#include <linux/types.h>

#define XDP_GEN_HEADER_WORDS 12

// One flow's frame up to its payload: addresses, tags, IP, UDP or TCP.
struct xdp_gen_header {
	__u64 words[XDP_GEN_HEADER_WORDS];
};

// Lies right behind the headers. Sums up to `balance` (CHECK_SUM) whatever `seq` is, as their checksums take for granted.
struct xdp_gen_trailer {
	__u16 balance;
	__u64 seq, complement;
} __attribute__((packed));

// Known before the programs are loaded, so that the verifier sees constants.
struct xdp_gen_conf {
	__u32 out_ifindex; // gen: sends into this one
	__u32 wire_ifindex;
	__u32 frame_len, header_words, trailer_at;
	__u32 flows, random, tagged;
	__u32 balance;
};

// Written by the programs on the one CPU where all of them run; read by xdp_gen.c, which maps it.
struct xdp_gen_counters {
	__u64 generated, sunk, sunk_bytes;
	__u64 reordered; // older than one that came before it
	__u64 foreign;   // not ours: left to the kernel
	__u64 next_seq;  // of the sink: one more than the highest seen
	__u32 flow;      // of the generator
	__u32 seed;
};
