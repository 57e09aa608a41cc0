// SPDX-License-Identifier: BSD-3-Clause
// What schema_decode() fills from the rows of `switches` (schema_rows.c), read by conf.c.
#pragma once

#include "switch/conf.h"

struct sw_raw_port {
	int64_t access, native, mac_limit; // 0: absent
	const json_t *trunk, *qinq, *storm;
	bool isolated, learning;
};

struct sw_raw_qinq {
	int64_t outer;
};

struct sw_raw_storm {
	uint64_t rate[STORM_CLASSES];
};

struct sw_raw_mirror {
	const json_t *from;
	unsigned direction;
	const char *to;
	int64_t vlan;
};

struct sw_raw_static {
	const char *port;
	int64_t vlan;
};

struct sw_raw_switch {
	const json_t *ports, *statics, *mirror, *service_vlans;
	uint64_t ageing_ns, move_window_ns, move_hold_ns;
	int64_t mac_limit, service_ethertype, move_limit;
};

extern const struct schema_row sw_switch_rows[], sw_port_rows[], sw_qinq_rows[], sw_storm_rows[],
	sw_mirror_rows[], sw_static_rows[];
