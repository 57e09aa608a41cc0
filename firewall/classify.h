// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// Which rule a packet meets first, in a time that hardly depends on how many rules there are.
//
// A rule asks something of each of eight dimensions: source, destination, source port, destination port (or ICMP type), protocol, the two
// zones, and whether it is on. A value of a dimension belongs to a class, and a class has a row: one bit per rule, set where the rule takes
// that value, and above each 64 of them one bit in a summary. The rules that a packet meets are the rows of its values, and-ed; the
// first bit that is left is the rule. The summaries leave few words to look at, so that 10,000 rules are a few cache lines per
// dimension. (The idea is Lakshman and Stiliadis' bit vectors, SIGCOMM 1998, with Baboescu and Varghese's aggregation, SIGCOMM 2001.)
//
// Addresses have two layers, which are or-ed: prefixes that stand in the rules, compiled with them, and named sets, which live longer than
// the rules and may change under them (a set's new classes get their rows by fw_rules_class()).
//
// A compiled ruleset is immutable but for the rows of new classes, and the bits of schedules. Writer: control, aside, published by a pointer swap.
// Readers: any. Bounded by FW_RULES rules, FW_TERMS terms in one of them. Memory: rules / 8 bytes and a little per row.
#pragma once

#include "firewall/addrs.h"
#include "lib/err.h"

#define FW_RULES (1u << 15)
#define FW_TERMS 4096 // of one side of a rule
#define FW_ZONES 256
#define FW_NONE  UINT32_MAX

// What is asked about. Ports in host order; `dport` of ICMP is type << 8 | code.
struct fw_key {
	uint8_t src[16], dst[16]; // as on the wire
	uint16_t sport, dport;
	uint8_t proto;
	bool v6;
	uint8_t from, to; // zones
};

struct fw_range {
	uint16_t first, last;
};

// One side of a rule. No terms: any address. An address is taken when one of the terms holds it.
struct fw_side {
	const struct prefix *prefixes;
	uint32_t n_prefixes;
	const uint32_t *sets; // labels of `sets` given to fw_rules_new()
	uint32_t n_sets;
	bool not ; // taken when none of them holds it
};

// What a rule asks of a packet: all of this. Zeroed: any packet.
struct fw_match {
	struct fw_side src, dst;
	const struct fw_range *sports, *dports; // none: any; else only protocols with ports
	uint32_t n_sports, n_dports;
	const struct fw_range *icmp4, *icmp6; // type << 8 | code; none of both: any
	uint32_t n_icmp4, n_icmp6;
	const uint8_t *protos; // none: any
	uint32_t n_protos;
	const uint8_t *from, *to; // zones; none: any
	uint32_t n_from, n_to;
	bool only4, only6;
	bool off; // takes nothing, until fw_rules_switch()
};

struct fw_rules;

// `sets`: the layer of named sets, borrowed, alive as long as the rules are; NULL: none. NULL: err is set. The matches are not kept.
struct fw_rules *fw_rules_new(
	const struct fw_match *rules, uint32_t n, const struct fw_addrs *sets, struct err *err);
void fw_rules_free(struct fw_rules *rules); // when no reader is left
uint32_t fw_rules_count(const struct fw_rules *rules);
uint64_t fw_rules_bytes(const struct fw_rules *rules); // touched
// A class of `sets` that is about to be met (struct fw_addrs_ops): fills its rows. 0.
int fw_rules_class(
	struct fw_rules *rules, uint32_t class, const uint32_t *labels, uint32_t n_labels);
// A schedule begins or ends.
void fw_rules_switch(struct fw_rules *rules, uint32_t rule, bool on);

// ---- readers ----------------------------------------------------------------------------------------------

// Where a look-up is: the rows of a packet's values.
struct fw_walk {
	const uint64_t *src[2], *dst[2], *sport, *dport, *proto, *from, *to, *on;
	uint32_t summary_words, words, next;
};

void fw_walk_begin(const struct fw_rules *rules, const struct fw_key *key, struct fw_walk *walk);
// The next rule that takes the packet, in order; FW_NONE: no more.
uint32_t fw_walk_next(struct fw_walk *walk);

static inline uint32_t fw_rules_first(const struct fw_rules *rules, const struct fw_key *key) {
	struct fw_walk walk;

	fw_walk_begin(rules, key, &walk);
	return fw_walk_next(&walk);
}

// Whether a protocol has ports where TCP has them.
static inline bool fw_has_ports(uint8_t proto) {
	return proto == 6 || proto == 17 || proto == 33 || proto == 132 || proto == 136;
}
