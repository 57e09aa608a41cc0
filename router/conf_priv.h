// SPDX-License-Identifier: BSD-3-Clause
// Between the rows and their decoding.
#pragma once

#include "router/conf.h"

struct rtr_raw_iface {
	const char *port, *sw, *zone;
	int64_t vlan, mtu, dscp, neighbor_limit;
	const json_t *addresses, *neighbors, *mss, *twin, *vrrp, *dhcp, *tunnel, *ra;
	struct mac mac;
	unsigned urpf;
	bool ipv6, proxy_arp, proxy_nd, dad, reassemble, accept_ra;
};

struct rtr_raw_twin {
	const char *netns, *name;
	bool shortcut;
};

struct rtr_raw_path {
	struct addr via;
	const char *iface;
	int64_t weight;
};

struct rtr_raw_route {
	struct addr via;
	const char *iface, *router;
	unsigned type;
	const json_t *paths;
	int64_t distance, metric;
};

struct rtr_raw_rule {
	struct prefix from, to;
	const char *iface, *router;
	struct addr via;
	int64_t proto, dscp;
};

struct rtr_raw_router {
	const json_t *interfaces, *routes, *route_files, *rules, *limits, *punt, *vxlan;
};

struct rtr_raw_limits {
	int64_t routes4, routes6;
};

extern const struct schema_row rtr_iface_rows[], rtr_twin_rows[], rtr_path_rows[], rtr_route_rows[],
	rtr_rule_rows[], rtr_router_rows[], rtr_limit_rows[];
