// SPDX-License-Identifier: BSD-3-Clause
// The routers as people and programs see them: nouns and actions.
#include "lib/json.h"
#include "router/dhcp/dhcp.h"
#include "router/fib/nexthop.h"
#include "router/fib/rib.h"
#include "router/file/routefile.h"
#include "router/host/share.h"
#include "router/host/shortcut/shortcut.h"
#include "router/neigh/neigh.h"
#include "router/ra/ra.h"
#include "router/ra/ra_uplink.h"
#include "router/router_priv.h"
#include "router/tunnel/tunnel.h"
#include "router/tunnel/vxlan.h"
#include "router/vrrp/vrrp.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool wanted(const json_t *filter, const char *name, const char *value) {
	const char *want = json_string_value(json_object_get(filter, name));

	return want == NULL || strcasecmp(want, value) == 0;
}

static int append(json_t *rows, json_t *row, struct err *err) {
	if (row != NULL && json_array_append_new(rows, row) == 0)
		return 0;
	return err_set(err, -ENOMEM, "out of memory");
}

// ---- interfaces ---------------------------------------------------------------------------------------------

static const struct schema_row interface_columns[] = {
	{.name = "interface", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "interface"},
	{.name = "router", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "its router"},
	{.name = "on", .type = SCHEMA_STRING, .help = "port, or switch and VLAN, or tunnel"},
	{.name = "state", .type = SCHEMA_STRING, .help = "up when its port has a link"},
	{.name = "addresses",
		.type = SCHEMA_STRING,
		.help = "addresses, and from where when not configured: (dhcp), (ra), (vrrp); a "
			"trailing ? is still looked up for duplicates"},
	{.name = "mtu",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.unit = "B",
		.help = "largest IP packet"},
	{.name = "mac", .type = SCHEMA_MAC, .flags = SCHEMA_WIDE, .help = "MAC address"},
	{.name = "zone",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_WIDE,
		.help = "zone of the firewall"},
	{.name = "rx_packets",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "IP packets that came in by it"},
	{.name = "rx_bytes",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "their bytes"},
	{.name = "tx_packets",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "IP packets that were routed out by it"},
	{.name = "tx_bytes",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "their bytes"},
	{.name = "shortcut_bytes",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "bytes that went by its twin's short cut, either way"},
	{0},
};

static const char *const from_words[RTR_FROM_COUNT] = {
	[RTR_FROM_CONF] = "",
	[RTR_FROM_DHCP] = "(dhcp)",
	[RTR_FROM_RA] = "(ra)",
	[RTR_FROM_VRRP] = "(vrrp)",
};

static void addresses_print(const struct rtr_iface *iface, char *text, size_t size) {
	size_t n = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < iface->n_addrs && n < size; i++) {
		char one[PREFIX_STRLEN];
		bool usable =
			iface->tunnel || neigh_address_usable(iface->index, &iface->addrs[i].addr);

		n += (size_t)snprintf(text + n, size - n, "%s%s%s%s", i ? " " : "",
			prefix_print(&iface->addrs[i], one), from_words[iface->from[i]],
			usable ? "" : "?");
	}
}

static json_t *interface_row(const struct rtr_iface *iface) {
	const struct rtr_conf *router = rtr_conf_find(&rtr_running, iface->router);
	const struct rtr_conf_iface *conf = router ? rtr_conf_iface(router, iface->name) : NULL;
	struct rtr_count count = rtr_iface_count(iface->index);
	const struct rtr_count *beside = rtr_iface_count_beside(iface->index);
	struct dp_port_info info = {.link_up = true};
	char on[80], addrs[RTR_IFACE_ADDRS * (PREFIX_STRLEN + 8)], mac[MAC_STRLEN];
	struct mac bytes;

	if (iface->port != DP_NONE) {
		dp_port_info(iface->port, &info);
		snprintf(on, sizeof(on), "%s", conf ? conf->port : "-");
	} else if (iface->tunnel) {
		info.link_up = tunnel_up(iface->index);
		snprintf(on, sizeof(on), "tunnel");
	} else {
		snprintf(on, sizeof(on), "%s vlan %u", conf ? conf->sw : "-", iface->vlan);
	}
	addresses_print(iface, addrs, sizeof(addrs));
	memcpy(&bytes, &iface->mac, sizeof(bytes));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:I}",
		"interface", iface->name, "router", iface->router, "on", on, "state",
		info.link_up ? "up" : "down", "addresses", addrs, "mtu", (int)iface->mtu, "mac",
		mac_print(&bytes, mac), "zone", iface->zone, "rx_packets",
		(json_int_t)count.rx_packets, "rx_bytes", (json_int_t)count.rx_bytes, "tx_packets",
		(json_int_t)count.tx_packets, "tx_bytes", (json_int_t)count.tx_bytes,
		"shortcut_bytes", (json_int_t)(beside->rx_bytes + beside->tx_bytes));
}

static int interfaces_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < DP_MAX_IFACES && json_array_size(rows) < limit; i++)
		if (rtr_ifaces[i] && wanted(filter, "interface", rtr_ifaces[i]->name) &&
			wanted(filter, "router", rtr_ifaces[i]->router))
			rc = append(rows, interface_row(rtr_ifaces[i]), err);
	return rc;
}

// ---- routers ------------------------------------------------------------------------------------------------

static const struct schema_row router_columns[] = {
	{.name = "router", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "router"},
	{.name = "interfaces",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "routed interfaces"},
	{.name = "routes4",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "IPv4 prefixes, neighbours included"},
	{.name = "routes6",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "IPv6 prefixes, neighbours included"},
	{.name = "limit4",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "IPv4 prefixes at most"},
	{.name = "limit6",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "IPv6 prefixes at most"},
	{.name = "refused",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "routes refused for want of room"},
	{.name = "waiting",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE | SCHEMA_WIDE,
		.help = "routes of files that are still to be set"},
	{.name = "fib",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.unit = "B",
		.help = "memory of the forwarding tables"},
	{.name = "rib",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.unit = "B",
		.help = "memory of the routes"},
	{.name = "audited",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER | SCHEMA_WIDE,
		.help = "prefixes compared with the forwarding table"},
	{.name = "repaired",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "of these, wrong and put right"},
	{0},
};

static int routers_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	int rc = 0;

	for (unsigned v = 0; rc == 0 && v < RTR_MAX_VRFS && json_array_size(rows) < limit; v++) {
		const struct rtr_vrf *vrf = rtr_vrfs[v];
		struct rib_stats s;
		unsigned n = 0;

		if (vrf == NULL || !wanted(filter, "router", vrf->name))
			continue;
		for (unsigned i = 0; i < DP_MAX_IFACES; i++)
			n += rtr_ifaces[i] && rtr_ifaces[i]->vrf == v;
		rib_stats(vrf, &s);
		rc = append(rows,
			json_pack("{s:s, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i}",
				"router", vrf->name, "interfaces", (int)n, "routes4",
				(int)s.routes4, "routes6", (int)s.routes6, "limit4",
				(json_int_t)vrf->limit4, "limit6", (json_int_t)vrf->limit6,
				"refused", (json_int_t)s.refused, "fib", (json_int_t)s.fib_bytes,
				"rib", (json_int_t)s.rib_bytes, "audited", (json_int_t)s.audited,
				"repaired", (json_int_t)s.repaired, "waiting",
				(int)routefile_waiting(v)),
			err);
	}
	return rc;
}

const struct module_noun rtr_nouns[] = {
	{.name = "routers",
		.help = "routers and how full their tables are",
		.columns = router_columns,
		.show = routers_show},
	{.name = "interfaces",
		.help = "routed interfaces",
		.columns = interface_columns,
		.show = interfaces_show},
	{.name = "routes",
		.help = "routes; an address as the KEY: the route that it takes",
		.columns = rtr_route_columns,
		.page = rtr_routes_page,
		.no_metrics = true},
	{.name = "sources",
		.help = "how many routes come from whom",
		.columns = rtr_source_columns,
		.show = rtr_sources_show},
	{.name = "netlink",
		.help = "how the kernel's routes are heard",
		.columns = rtr_netlink_columns,
		.show = rtr_netlink_show},
	{.name = "punt",
		.help = "what host twins get, by class",
		.columns = share_columns,
		.show = share_show},
	{.name = "shortcuts",
		.help = "TCP connections of host twins that go the short way",
		.columns = shortcut_columns,
		.show = shortcuts_show,
		.no_metrics = true},
	{.name = "neighbors",
		.help = "ARP and neighbour discovery",
		.columns = rtr_neighbor_columns,
		.page = rtr_neighbors_page,
		.no_metrics = true},
	{.name = "vrrp", .help = "virtual routers", .columns = vrrp_columns, .show = vrrp_show},
	DHCP_NOUNS,
	{.name = "tunnels",
		.help = "tunnels that end here",
		.columns = tunnel_columns,
		.show = tunnels_show},
	{.name = "vxlans",
		.help = "VXLAN ports of switches",
		.columns = vxlan_columns,
		.show = vxlans_show},
	{.name = "vteps",
		.help = "stations behind other ends of VXLANs",
		.columns = vtep_columns,
		.show = vteps_show,
		.no_metrics = true},
	{.name = "ra", .help = "router advertisements", .columns = ra_columns, .show = ra_show},
	{.name = "ra-uplinks",
		.help = "what is learnt from others' advertisements",
		.columns = ra_uplink_columns,
		.show = ra_uplink_show},
	{0},
};

// ---- flush neighbors ----------------------------------------------------------------------------------------

static const struct schema_row flush_args[] = {
	{.name = "interface", .type = SCHEMA_NAME, .help = "only those of this interface"},
	{.name = "address",
		.type = SCHEMA_ADDRESS,
		.example = "\"10.0.10.9\"",
		.help = "only this one"},
	{0},
};

static int flush(const json_t *args, json_t **result, struct err *err) {
	const char *name = json_string_value(json_object_get(args, "interface"));
	const char *text = json_string_value(json_object_get(args, "address"));
	struct addr addr;
	int index = -1;

	for (unsigned i = 0; name && index < 0 && i < DP_MAX_IFACES; i++)
		if (rtr_ifaces[i] && strcmp(rtr_ifaces[i]->name, name) == 0)
			index = (int)i;
	if (name && index < 0)
		return err_set(err, -ENOENT, "there is no routed interface %s", name);
	if (text)
		addr_parse(text, &addr);
	*result = json_pack("{s:i}", "flushed", neigh_flush(index, text ? &addr : NULL));
	return 0;
}

static const struct schema_row no_args[] = {{0}};

const struct module_action rtr_actions[] = {
	{.verb = "flush",
		.noun = "neighbors",
		.help = "forgets learnt neighbours",
		.args = flush_args,
		.run = flush},
	{.verb = "resign",
		.noun = "vrrp",
		.help = "gives a virtual router's addresses to another router",
		.args = vrrp_resign_args,
		.run = vrrp_resign_run},
	DHCP_ACTIONS,
	{.verb = "explain",
		.noun = "packet",
		.help = "what would become of a packet, step by step; nothing is sent or changed",
		.args = rtr_explain_args,
		.run = rtr_explain},
	{.verb = "flush",
		.noun = "vteps",
		.help = "forgets behind which end stations are",
		.args = no_args,
		.run = vteps_flush},
	{0},
};
