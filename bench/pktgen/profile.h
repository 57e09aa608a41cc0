// SPDX-License-Identifier: BSD-3-Clause
// pure
// A traffic profile: what one port of the generator sends. Text is `key=value,key=value`, the grammar of DPDK's device
// arguments; a file may hold the same, one or more pairs per line, with `#` comments, and is named by profile=FILE.
//
// Flow n of a profile, for n < flows:
//   stations     pair n % macs
//   VLAN         vlan + n % vlans
//   addresses    pair p = n % hosts, where hosts is the larger of the two counts below; source src + p % src_count,
//                destination dst + p % dst_count * dst_step
//   ports        q = n / hosts; source 1024 + q % sports, destination 1024 + q / sports % dports
// Side 1 sends the mirror image: stations, addresses and ports change places. So flow n of one side is the answer
// to flow n of the other, and the keys src, dst, sports and dports mean the same on both. dst_list alone is each side's own: where
// what it sends goes instead.
#pragma once

#include "lib/addr.h"
#include "lib/err.h"
#include <stdbool.h>
#include <stdint.h>

#define PROFILE_SIZES_MAX 8
#define PROFILE_TURNS_MAX 1024 // sum of the weights of sizes
#define PROFILE_PATH_LEN  200
#define PROFILE_FLOWS_MAX (1u << 24)
#define PROFILE_PORT_BASE 1024

enum profile_l3 { PROFILE_L3_NONE, PROFILE_IP4, PROFILE_IP6 };
enum profile_l4 { PROFILE_UDP, PROFILE_TCP };
enum profile_order { PROFILE_SEQ, PROFILE_RAND, PROFILE_ZIPF };
enum profile_tcp { PROFILE_TCP_DATA, PROFILE_TCP_SYN, PROFILE_TCP_CYCLE };

struct profile_size {
	uint16_t bytes; // of the frame, with its FCS
	uint16_t weight;
};

struct profile {
	enum profile_l3 l3;
	enum profile_l4 l4;
	enum profile_order order;
	enum profile_tcp tcp;
	bool side; // which end of each pair sends
	bool check, stamp;
	bool hash; // hand out a hash of the flow with each packet, as NICs with RSS do
	bool has_dst_mac;
	struct mac dst_mac;
	uint32_t macs, flows;
	uint32_t vlan, vlans;
	struct addr src, dst; // the first of each
	uint32_t src_count, dst_count;
	uint64_t dst_step;
	uint32_t sports, dports;
	double zipf;
	struct profile_size sizes[PROFILE_SIZES_MAX];
	unsigned n_sizes;
	uint64_t seed, rate_pps; // rate 0: as fast as it is asked
	char shm[PROFILE_PATH_LEN], pcap[PROFILE_PATH_LEN], dst_list[PROFILE_PATH_LEN];
	uint32_t given; // keys that the text named
};

// Fills in what is not given and refuses what does not fit together. The message names key, value and fix.
int profile_parse(const char *text, struct profile *profile, struct err *err);
// What every frame has before its payload.
unsigned profile_header_len(const struct profile *profile);
// The keys, one line of help each, for usage texts.
const char *profile_help(void);
