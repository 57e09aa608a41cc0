// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// The section `firewall.nat` as C structs.
#pragma once

#include "firewall/conf.h"
#include "firewall/nat/ports.h"

#define NAT_RULES     500
#define NAT_ADDRESSES 1000 // IPv4 addresses of one pool

enum nat_kind { NAT_EXEMPT, NAT_MASQUERADE, NAT_SNAT, NAT_DNAT, NAT_STATIC, NAT_64 };
extern const char *const nat_kind_words[];

struct nat_target {
	struct addr addr;
	uint16_t first, last; // ports in host order; 0, 0: the port stays
};

struct nat_rule {
	char name[FW_NAME]; // "": none
	enum nat_kind kind;
	struct nat_options options;
	struct fw_conf_rule words; // what `match` points to
	struct fw_match match;
	fw_prefixes pool;                 // NAT_SNAT; NAT_64: none: the interface's address
	struct prefix prefix;             // NAT_64
	struct nat_target target;         // NAT_DNAT
	struct prefix external, internal; // NAT_STATIC, of one length
	bool local; // NAT_DNAT: only what is for an address of this box, by `to` of an interface in that zone
};

struct nat_conf {
	struct nat_rule *rules;
	unsigned n;
};

extern const struct schema_row nat_rule_row; // an element of firewall.nat
int nat_target_check(const json_t *value, const char *path, struct err *err); // of such a text

// Decodes `firewall.nat` of a validated tree; zones and sets are those of `fw`. 0, or a negative errno with err set.
int nat_conf_parse(
	const json_t *tree, const struct fw_conf *fw, struct nat_conf *conf, struct err *err);
void nat_conf_fini(struct nat_conf *conf);

// "10.0.20.10", "10.0.20.10:8080-8099", "[2001:db8::10]:80". 0, -EINVAL, -ERANGE: the range ends before it begins.
int nat_target_parse(const char *text, struct nat_target *target);
// The port that `dport` of a packet becomes.
uint16_t nat_target_port(const struct nat_rule *rule, uint16_t dport);
