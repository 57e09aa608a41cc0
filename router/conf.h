// SPDX-License-Identifier: BSD-3-Clause
// The `routers` section as C structs: decoded and checked, names of ports and switches not yet resolved. Pure.
#pragma once

#include "lib/addr.h"
#include "lib/netns.h"
#include "lib/schema.h"
#include "router/host/share_conf.h"
#include "router/tunnel/tunnel_conf.h"
#include "router/tunnel/vxlan_conf.h"

#define RTR_CONF_NAME   32
#define RTR_CONF_DEVICE 16  // a kernel interface's name (IFNAMSIZ)
#define RTR_CONF_PATHS  64  // next hops of one route
#define RTR_CONF_FILE   256 // path of a route file
#define RTR_CONF_FILES  16  // of one router
#define RTR_CONF_ADDRS  15  // of one interface; a link-local one is added

struct dhcp_conf;

struct rtr_conf_neighbor {
	struct addr addr;
	struct mac mac;
};

struct vrrp_conf; // vrrp/vrrp_conf.h
struct ra_conf;   // ra/ra_conf.h

struct rtr_conf_iface {
	char name[RTR_CONF_NAME];
	struct tunnel_conf tunnel; // TUNNEL_NONE when it is none
	char port[RTR_CONF_NAME];  // "" when it is a VLAN of a switch, or a tunnel
	char sw[RTR_CONF_NAME];
	unsigned vlan;
	char zone[RTR_CONF_NAME];
	struct prefix addrs[RTR_CONF_ADDRS];
	unsigned n_addrs;
	bool ipv6;      // has a v6 address, or is to have a link-local one
	unsigned mtu;   // 0: the port's, or 1500
	struct mac mac; // zero: the port's, or made from the name
	unsigned urpf;  // as enum rtr_urpf
	int mss;        // 0: no; -1: from the MTU
	int dscp;       // -1: left alone
	bool proxy_arp, proxy_nd, dad, reassemble;
	bool accept_ra; // learns from others' advertisements
	bool has_twin, twin_shortcut;
	char twin_netns[NETNS_NAME]; // "": the daemon's own
	char twin_name[RTR_CONF_DEVICE];
	uint32_t neighbor_limit;
	struct rtr_conf_neighbor *neighbors;
	unsigned n_neighbors;
	struct vrrp_conf *vrrp; // virtual routers
	unsigned n_vrrp;
	struct dhcp_conf *dhcp; // NULL: none (dhcp/dhcp_conf.h)
	struct ra_conf *ra;     // what it advertises; NULL: nothing
};

struct rtr_conf_path {
	struct addr via;           // ADDR_NONE: on the link
	char iface[RTR_CONF_NAME]; // "": the interface whose subnet holds `via`
	unsigned weight;
};

enum rtr_conf_kind {
	RTR_ROUTE_VIA,
	RTR_ROUTE_BLACKHOLE,
	RTR_ROUTE_UNREACHABLE,
	RTR_ROUTE_PROHIBIT,
	RTR_ROUTE_ROUTER
};

struct rtr_conf_route {
	struct prefix prefix;
	enum rtr_conf_kind kind;
	struct rtr_conf_path *paths;
	unsigned n_paths;
	char router[RTR_CONF_NAME]; // RTR_ROUTE_ROUTER
	unsigned distance, metric;
};

struct rtr_conf_rule {
	struct prefix from, to;
	char iface[RTR_CONF_NAME];  // "": any
	unsigned proto;             // 0: any
	int dscp;                   // -1: any
	char router[RTR_CONF_NAME]; // look up there; "": by `path`
	struct rtr_conf_path path;
};

struct rtr_conf {
	char name[RTR_CONF_NAME];
	struct rtr_conf_iface *ifaces;
	unsigned n_ifaces;
	struct rtr_conf_route *routes;
	unsigned n_routes;
	struct rtr_conf_rule *rules;
	unsigned n_rules;
	char files[RTR_CONF_FILES][RTR_CONF_FILE]; // of routes
	unsigned n_files;
	struct vxlan_conf *vxlans;
	unsigned n_vxlans;
	uint32_t limit4, limit6;
	struct share_conf punt;
};

struct rtr_conf_all {
	struct rtr_conf *routers;
	unsigned n;
};

extern const struct schema_row rtr_sections[]; // `routers`

// Decodes a validated section. What one row cannot know is checked here: a subnet on two interfaces of one router, a next hop on no
// subnet, a port in a switch or in two interfaces (`tree` is the whole configuration). 0, or a negative errno with err set.
int rtr_conf_parse(const json_t *tree, struct rtr_conf_all *all, struct err *err);
void rtr_conf_fini(struct rtr_conf_all *all);
const struct rtr_conf *rtr_conf_find(const struct rtr_conf_all *all, const char *name);
const struct rtr_conf_iface *rtr_conf_iface(const struct rtr_conf *router, const char *name);
// The switch that has this port, or NULL.
const char *rtr_conf_switch_of(const json_t *tree, const char *port);
// Whether a next hop of this family can be one of the router's. 0, or -EINVAL with err (at path `at`).
int rtr_conf_path_check(const struct rtr_conf *router, const struct rtr_conf_path *path,
	enum addr_family family, const char *at, struct err *err);
// The interface by which a next hop is reached, or NULL.
const struct rtr_conf_iface *rtr_conf_path_iface(
	const struct rtr_conf *router, const struct rtr_conf_path *path);
