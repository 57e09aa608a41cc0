// SPDX-License-Identifier: BSD-3-Clause
#include "router/conf_priv.h"
#include "router/dhcp/dhcp_conf.h"
#include "router/ra/ra_conf.h"
#include "router/vrrp/vrrp_conf.h"
#include <string.h>

static const struct schema_row address_elem = {.name = "address",
	.type = SCHEMA_PREFIX,
	.example = "\"10.0.10.1/24\"",
	.help = "an address with the length of its subnet"};
static const struct schema_row address_key = {.name = "address",
	.type = SCHEMA_ADDRESS,
	.example = "\"10.0.10.9\"",
	.help = "a neighbour's address"};
static const struct schema_row mac_elem = {.name = "mac",
	.type = SCHEMA_MAC,
	.example = "\"02:00:00:00:00:09\"",
	.help = "its MAC address"};
static const char *const urpf_words[] = {"off", "strict", "loose", NULL};

static const struct schema_row mss_forms[] = {
	{.type = SCHEMA_BOOL, .help = "true: as the interface's MTU allows"},
	{.type = SCHEMA_INT, .min = 88, .max = 9176, .unit = "B", .help = "this many bytes"},
	{0},
};

static int twin_check(const json_t *object, const char *path, struct err *err) {
	const char *netns = json_string_value(json_object_get(object, "namespace"));
	const char *name = json_string_value(json_object_get(object, "name"));

	if (netns && (netns[0] == '.' || strpbrk(netns, "/ ")))
		return err_at(err, path,
			"namespace: a name as `ip netns` shows it, without slash, space, or dot "
			"in front");
	if (name && (name[0] == '.' || strpbrk(name, "/ %:")))
		return err_at(err, path,
			"name: an interface's name has no slash, space, percent sign, colon, or "
			"dot in front");
	return 0;
}

const struct schema_row rtr_twin_rows[] = {
	{.name = "namespace",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct rtr_raw_twin, netns),
		.min = 1,
		.max = 63,
		.example = "\"mgmt\"",
		.help = "network namespace that it is in (`ip netns`); leatd's own when left out"},
	{.name = "name",
		.type = SCHEMA_STRING,
		SCHEMA_FIELD(struct rtr_raw_twin, name),
		.min = 1,
		.max = 15,
		.example = "\"wan\"",
		.help = "what it is called there; left out: as the interface, in leatd's own "
			"namespace with \"rtr-\" before it"},
	{.name = "shortcut",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct rtr_raw_twin, shortcut),
		.flags = SCHEMA_LIVE,
		.def = "true",
		.help = "bulk of TCP connections goes between the port's kernel interface and the "
			"twin within the kernel, where "
			"nothing else is to be done with it"},
	{0},
};

static const struct schema_row twin_forms[] = {
	{.type = SCHEMA_BOOL, .help = "true: in leatd's own namespace"},
	{.type = SCHEMA_OBJECT,
		.rows = rtr_twin_rows,
		.check = twin_check,
		.help = "where it is, and what it is called"},
	{0},
};

static int iface_check(const json_t *object, const char *path, struct err *err) {
	bool port = json_object_get(object, "port") != NULL;
	bool sw = json_object_get(object, "switch") != NULL;
	bool tunnel = json_object_get(object, "tunnel") != NULL;

	if (port + sw + tunnel != 1)
		return err_at(err, path,
			"an interface is on a port, or is a VLAN of a switch, or a tunnel; give "
			"`port`, or `switch` and `vlan`, or `tunnel`");
	if (tunnel && json_object_get(object, "neighbors"))
		return err_at(
			err, path, "neighbors: a tunnel has none but its other end; remove them");
	if (sw != (json_object_get(object, "vlan") != NULL))
		return err_at(err, path, "`switch` and `vlan` belong together");
	return 0;
}

const struct schema_row rtr_iface_rows[] = {
	{.name = "port",
		.type = SCHEMA_REF,
		SCHEMA_FIELD(struct rtr_raw_iface, port),
		.ref = "ports",
		.example = "\"lan\"",
		.help = "port that it is on"},
	{.name = "switch",
		.type = SCHEMA_REF,
		SCHEMA_FIELD(struct rtr_raw_iface, sw),
		.ref = "switches",
		.help = "switch, of which it is a VLAN's router"},
	{.name = "vlan",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct rtr_raw_iface, vlan),
		.min = 1,
		.max = 4094,
		.help = "that VLAN"},
	{.name = "tunnel",
		.type = SCHEMA_OBJECT,
		SCHEMA_FIELD(struct rtr_raw_iface, tunnel),
		.flags = SCHEMA_LIVE,
		.rows = tunnel_rows,
		.check = tunnel_check,
		.help = "a tunnel to another router, over this one or another"},
	{.name = "addresses",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct rtr_raw_iface, addresses),
		.flags = SCHEMA_LIVE | SCHEMA_UNIQUE,
		.max = RTR_CONF_ADDRS,
		.elem = &address_elem,
		.example = "{ \"10.0.10.1/24\", \"2001:db8:10::1/64\" }",
		.help = "its addresses; the first of a family is what the router speaks from"},
	{.name = "ipv6",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct rtr_raw_iface, ipv6),
		.flags = SCHEMA_LIVE,
		.def = "false",
		.help = "has a link-local address even without another IPv6 one"},
	{.name = "mtu",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct rtr_raw_iface, mtu),
		.flags = SCHEMA_LIVE,
		.min = 68,
		.max = 9216,
		.unit = "B",
		.help = "largest IP packet; the port's when left out (a VLAN's: 1500)"},
	{.name = "mac",
		.type = SCHEMA_MAC,
		SCHEMA_FIELD(struct rtr_raw_iface, mac),
		.help = "MAC address; the port's when left out (a VLAN's is made from its names)"},
	{.name = "zone",
		.type = SCHEMA_NAME,
		SCHEMA_FIELD(struct rtr_raw_iface, zone),
		.flags = SCHEMA_LIVE,
		.help = "zone of the firewall"},
	{.name = "urpf",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct rtr_raw_iface, urpf),
		.flags = SCHEMA_LIVE,
		.words = urpf_words,
		.def = "off",
		.help = "reverse path filter (RFC 3704): a source must be routed back by this "
			"interface (strict) or at all (loose)"},
	{.name = "mss",
		.type = SCHEMA_UNION,
		SCHEMA_FIELD(struct rtr_raw_iface, mss),
		.flags = SCHEMA_LIVE,
		.rows = mss_forms,
		.example = "true",
		.help = "lowers the MSS of TCP connections that leave by it"},
	{.name = "dscp",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct rtr_raw_iface, dscp),
		.flags = SCHEMA_LIVE,
		.min = 0,
		.max = 63,
		.example = "46",
		.help = "DSCP (RFC 2474) that packets get that leave by it"},
	{.name = "proxy_arp",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct rtr_raw_iface, proxy_arp),
		.flags = SCHEMA_LIVE,
		.def = "false",
		.help = "answers ARP for what is routed by other interfaces (RFC 1027)"},
	{.name = "proxy_nd",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct rtr_raw_iface, proxy_nd),
		.flags = SCHEMA_LIVE,
		.def = "false",
		.help = "answers neighbour solicitations for what is routed by other interfaces"},
	{.name = "dad",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct rtr_raw_iface, dad),
		.flags = SCHEMA_LIVE,
		.def = "true",
		.help = "looks for duplicates before an address is used (RFC 4862, RFC 5227)"},
	{.name = "reassemble",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct rtr_raw_iface, reassemble),
		.flags = SCHEMA_LIVE,
		.def = "false",
		.help = "puts fragments together that come in by it and are forwarded; they leave "
			"cut as before"},
	{.name = "twin",
		.type = SCHEMA_UNION,
		SCHEMA_FIELD(struct rtr_raw_iface, twin),
		.flags = SCHEMA_LIVE,
		.rows = twin_forms,
		.example = "{ namespace = \"mgmt\" }",
		.help = "host twin: an interface of the kernel with this one's addresses, for "
			"programs on this box"},
	{.name = "dhcp",
		.type = SCHEMA_OBJECT,
		SCHEMA_FIELD(struct rtr_raw_iface, dhcp),
		.flags = SCHEMA_LIVE,
		.rows = dhcp_rows,
		.help = "DHCPv4 server, relay or client"},
	{.name = "neighbors",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct rtr_raw_iface, neighbors),
		.flags = SCHEMA_LIVE,
		.key = &address_key,
		.elem = &mac_elem,
		.help = "static neighbours"},
	{.name = "neighbor_limit",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct rtr_raw_iface, neighbor_limit),
		.flags = SCHEMA_LIVE,
		.min = 16,
		.max = 1048576,
		.def = "8192",
		.help = "neighbours at most; a quarter of them may be unanswered"},
	{.name = "vrrp",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct rtr_raw_iface, vrrp),
		.flags = SCHEMA_LIVE,
		.key = &vrrp_key,
		.elem = &vrrp_elem,
		.help = "virtual routers that it is one of, by id"},
	{.name = "ra",
		.type = SCHEMA_OBJECT,
		SCHEMA_FIELD(struct rtr_raw_iface, ra),
		.flags = SCHEMA_LIVE,
		.rows = ra_rows,
		.check = ra_check,
		.help = "router advertisements (RFC 4861): hosts find the router and make "
			"addresses"},
	{.name = "accept_ra",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct rtr_raw_iface, accept_ra),
		.flags = SCHEMA_LIVE,
		.def = "false",
		.help = "learns addresses (SLAAC, RFC 4862), default router, routes and MTU from "
			"others' advertisements: an uplink"},
	{0},
};

static const struct schema_row iface_elem = {.name = "interface",
	.type = SCHEMA_OBJECT,
	.rows = rtr_iface_rows,
	.check = iface_check,
	.help = "a routed interface"};

const struct schema_row rtr_path_rows[] = {
	{.name = "via",
		.type = SCHEMA_ADDRESS,
		SCHEMA_FIELD(struct rtr_raw_path, via),
		.flags = SCHEMA_LIVE,
		.example = "\"192.0.2.1\"",
		.help = "next hop; left out: the destination is on the link"},
	{.name = "interface",
		.type = SCHEMA_NAME,
		SCHEMA_FIELD(struct rtr_raw_path, iface),
		.flags = SCHEMA_LIVE,
		.help = "interface; left out: the one whose subnet holds `via`"},
	{.name = "weight",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct rtr_raw_path, weight),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 256,
		.def = "1",
		.help = "its share of the flows"},
	{0},
};
static const struct schema_row path_elem = {.name = "path",
	.type = SCHEMA_OBJECT,
	.rows = rtr_path_rows,
	.example = "{ via = \"192.0.2.1\", weight = 2 }",
	.help = "a next hop"};

static const char *const type_words[] = {"via", "blackhole", "unreachable", "prohibit", NULL};

static int route_check(const json_t *route, const char *path, struct err *err) {
	const char *type = json_string_value(json_object_get(route, "type"));
	bool special = type && strcmp(type, "via") != 0;
	bool via = json_object_get(route, "via") || json_object_get(route, "interface");
	int ways = special + via + (json_object_get(route, "paths") != NULL) +
		(json_object_get(route, "router") != NULL);

	if (ways != 1)
		return err_at(err, path,
			"a route needs one way: `via` (and `interface`), `paths`, `router`, or a "
			"type as blackhole");
	return 0;
}

const struct schema_row rtr_route_rows[] = {
	{.name = "via",
		.type = SCHEMA_ADDRESS,
		SCHEMA_FIELD(struct rtr_raw_route, via),
		.flags = SCHEMA_LIVE,
		.example = "\"10.0.10.254\"",
		.help = "next hop"},
	{.name = "interface",
		.type = SCHEMA_NAME,
		SCHEMA_FIELD(struct rtr_raw_route, iface),
		.flags = SCHEMA_LIVE,
		.help = "interface; left out: the one whose subnet holds `via`"},
	{.name = "paths",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct rtr_raw_route, paths),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = RTR_CONF_PATHS,
		.elem = &path_elem,
		.help = "several next hops that share the flows (ECMP)"},
	{.name = "router",
		.type = SCHEMA_REF,
		SCHEMA_FIELD(struct rtr_raw_route, router),
		.flags = SCHEMA_LIVE,
		.ref = "routers",
		.help = "another router that looks up again (leaking)"},
	{.name = "type",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct rtr_raw_route, type),
		.flags = SCHEMA_LIVE,
		.words = type_words,
		.def = "via",
		.help = "what happens instead of forwarding"},
	{.name = "distance",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct rtr_raw_route, distance),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 255,
		.def = "1",
		.help = "preference among sources of routes; less is better"},
	{.name = "metric",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct rtr_raw_route, metric),
		.flags = SCHEMA_LIVE,
		.min = 0,
		.max = UINT32_MAX,
		.def = "0",
		.help = "preference at the same distance; less is better"},
	{0},
};
static const struct schema_row route_key = {.name = "prefix",
	.type = SCHEMA_PREFIX,
	.example = "\"0.0.0.0/0\"",
	.help = "destinations"};
static const struct schema_row route_elem = {.name = "route",
	.type = SCHEMA_OBJECT,
	.rows = rtr_route_rows,
	.check = route_check,
	.help = "where they go"};

static int file_check(const json_t *file, const char *path, struct err *err) {
	const char *text = json_string_value(file);

	if (text && text[0] != '/')
		return err_at(err, path, "%s: the daemon needs the whole path, from / on", text);
	return 0;
}

static const struct schema_row file_elem = {.name = "file",
	.type = SCHEMA_STRING,
	.min = 2,
	.max = RTR_CONF_FILE - 1,
	.check = file_check,
	.example = "\"/etc/leat/full-2.txt\"",
	.help = "a text file"};

static int rule_check(const json_t *rule, const char *path, struct err *err) {
	if ((json_object_get(rule, "via") != NULL) == (json_object_get(rule, "router") != NULL))
		return err_at(err, path,
			"a rule needs `via` (a next hop) or `router` (where to look up)");
	return 0;
}

const struct schema_row rtr_rule_rows[] = {
	{.name = "from",
		.type = SCHEMA_PREFIX,
		SCHEMA_FIELD(struct rtr_raw_rule, from),
		.flags = SCHEMA_LIVE,
		.example = "\"10.0.20.0/24\"",
		.help = "source"},
	{.name = "to",
		.type = SCHEMA_PREFIX,
		SCHEMA_FIELD(struct rtr_raw_rule, to),
		.flags = SCHEMA_LIVE,
		.help = "destination"},
	{.name = "interface",
		.type = SCHEMA_NAME,
		SCHEMA_FIELD(struct rtr_raw_rule, iface),
		.flags = SCHEMA_LIVE,
		.help = "interface that the packet came in by"},
	{.name = "proto",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct rtr_raw_rule, proto),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 255,
		.help = "IP protocol"},
	{.name = "dscp",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct rtr_raw_rule, dscp),
		.flags = SCHEMA_LIVE,
		.min = 0,
		.max = 63,
		.help = "DSCP"},
	{.name = "via",
		.type = SCHEMA_ADDRESS,
		SCHEMA_FIELD(struct rtr_raw_rule, via),
		.flags = SCHEMA_LIVE,
		.example = "\"10.0.10.253\"",
		.help = "next hop, on one of the router's subnets"},
	{.name = "router",
		.type = SCHEMA_REF,
		SCHEMA_FIELD(struct rtr_raw_rule, router),
		.flags = SCHEMA_LIVE,
		.ref = "routers",
		.help = "router whose routes decide"},
	{0},
};
static const struct schema_row rule_elem = {.name = "rule",
	.type = SCHEMA_OBJECT,
	.rows = rtr_rule_rows,
	.check = rule_check,
	.help = "the first that matches decides"};

const struct schema_row rtr_limit_rows[] = {
	{.name = "routes4",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct rtr_raw_limits, routes4),
		.min = 256,
		.max = 4194304,
		.def = "16384",
		.help = "IPv4 prefixes, neighbours included"},
	{.name = "routes6",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct rtr_raw_limits, routes6),
		.min = 256,
		.max = 2097152,
		.def = "16384",
		.help = "IPv6 prefixes, neighbours included"},
	{0},
};

const struct schema_row rtr_router_rows[] = {
	{.name = "interfaces",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct rtr_raw_router, interfaces),
		.flags = SCHEMA_LIVE,
		.elem = &iface_elem,
		.help = "routed interfaces"},
	{.name = "routes",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct rtr_raw_router, routes),
		.flags = SCHEMA_LIVE,
		.key = &route_key,
		.elem = &route_elem,
		.help = "static routes"},
	{.name = "route_files",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct rtr_raw_router, route_files),
		.flags = SCHEMA_LIVE | SCHEMA_UNIQUE,
		.max = RTR_CONF_FILES,
		.elem = &file_elem,
		.help = "files of static routes, a line each as `ip -o route` prints them; a file "
			"is read once and a copy "
			"kept: new content needs a new name"},
	{.name = "rules",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct rtr_raw_router, rules),
		.flags = SCHEMA_LIVE,
		.max = 1024,
		.elem = &rule_elem,
		.help = "policy routing, in order, before the routes"},
	{.name = "vxlan",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct rtr_raw_router, vxlan),
		.flags = SCHEMA_LIVE,
		.max = VXLAN_CONF_MAX,
		.key = &vxlan_key,
		.elem = &vxlan_elem,
		.help = "VXLAN over this router, by port of a switch (device = \"tunnel:NAME\")"},
	{.name = "limits",
		.type = SCHEMA_OBJECT,
		SCHEMA_FIELD(struct rtr_raw_router, limits),
		.rows = rtr_limit_rows,
		.def = "{}",
		.help = "what memory is set aside for"},
	{.name = "punt",
		.type = SCHEMA_OBJECT,
		SCHEMA_FIELD(struct rtr_raw_router, punt),
		.flags = SCHEMA_LIVE,
		.rows = share_rows,
		.def = "{}",
		.help = "how much of what is for this box its host twins take; of new connections "
			"a "
			"tenth"},
	{0},
};

static const struct schema_row router_elem = {.name = "router",
	.type = SCHEMA_OBJECT,
	.rows = rtr_router_rows,
	.help = "a router: one table of routes per family (VRF)"};

const struct schema_row rtr_sections[] = {
	{.name = "routers",
		.type = SCHEMA_MAP,
		.flags = SCHEMA_LIVE,
		.max = 63,
		.elem = &router_elem,
		.help = "dual-stack routers"},
	{0},
};
