// SPDX-License-Identifier: BSD-3-Clause
// Between the rows of NAT and their decoding.
#pragma once

#include "firewall/conf_priv.h"
#include "firewall/nat/conf.h"

struct nat_raw {
	struct fw_raw_rule rule; // the words that it shares with rules
	const json_t *snat, *fixed, *nat64;
	const char *dnat, *ports;
	bool masquerade, hairpin;
	unsigned mapping, filtering;
	int64_t block, blocks;
};

struct nat_raw64 {
	struct prefix prefix;
	const json_t *pool;
};

extern const struct schema_row nat_rows[], nat_static_rows[], nat_64_rows[];
enum { NAT_MAPPING_ENDPOINT, NAT_MAPPING_OVERLOAD };
enum { NAT_FILTERING_EXACT, NAT_FILTERING_ENDPOINT };
