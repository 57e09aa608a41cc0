// SPDX-License-Identifier: BSD-3-Clause
#include "router/conf_priv.h"
#include "router/dhcp/dhcp_conf.h"
#include "router/ra/ra_conf.h"
#include "router/vrrp/vrrp_conf.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH 256

static void name_copy(char to[static RTR_CONF_NAME], const char *from) {
	snprintf(to, RTR_CONF_NAME, "%s", from ? from : "");
}

static int no_memory(struct err *err) {
	return err_set(err, -ENOMEM, "routers: out of memory");
}

// ---- interfaces ---------------------------------------------------------------------------------------------

static int address_usable(const struct prefix *p, const char *path, struct err *err) {
	const uint8_t *b = p->addr.bytes;
	bool v6 = p->addr.family == ADDR_V6;
	bool bad = v6 ? b[0] == 0xff : b[0] == 0 || b[0] == 127 || b[0] >= 224;
	struct prefix network = prefix_network(p);

	if (bad)
		return err_at(err, path, "an interface needs a unicast address");
	if (!v6 && p->len < 31 && addr_cmp(&network.addr, &p->addr) == 0)
		return err_at(
			err, path, "this is the subnet itself; give the router an address in it");
	return 0;
}

static int addresses_parse(
	struct rtr_conf_iface *iface, const json_t *list, const char *path, struct err *err) {
	char at[PATH + 32];

	for (size_t i = 0; i < json_array_size(list); i++) {
		struct prefix *p = &iface->addrs[iface->n_addrs++];

		snprintf(at, sizeof(at), "%s.addresses[%zu]", path, i + 1);
		prefix_parse(json_string_value(json_array_get(list, i)), p);
		if (address_usable(p, at, err) != 0)
			return -EINVAL;
		iface->ipv6 |= p->addr.family == ADDR_V6;
	}
	return 0;
}

static const struct prefix *subnet_of(const struct rtr_conf_iface *iface, const struct addr *addr) {
	for (unsigned i = 0; i < iface->n_addrs; i++)
		if (prefix_contains(&iface->addrs[i], addr))
			return &iface->addrs[i];
	return NULL;
}

static int neighbors_parse(
	struct rtr_conf_iface *iface, const json_t *map, const char *path, struct err *err) {
	const char *text;
	json_t *mac;

	iface->neighbors = calloc(json_object_size(map) + 1, sizeof(*iface->neighbors));
	if (iface->neighbors == NULL)
		return no_memory(err);
	json_object_foreach ((json_t *)map, text, mac) {
		struct rtr_conf_neighbor *n = &iface->neighbors[iface->n_neighbors++];
		char at[PATH + 64];

		snprintf(at, sizeof(at), "%s.neighbors[\"%s\"]", path, text);
		addr_parse(text, &n->addr);
		mac_parse(json_string_value(mac), &n->mac);
		if (mac_is_multicast(&n->mac))
			return err_at(err, at, "a neighbour has a unicast MAC address");
		if (subnet_of(iface, &n->addr) == NULL)
			return err_at(err, at, "it is on no subnet of this interface");
	}
	return 0;
}

static int mss_of(const json_t *mss) {
	if (json_is_true(mss))
		return -1;
	return json_is_integer(mss) ? (int)json_integer_value(mss) : 0;
}

static void twin_parse(struct rtr_conf_iface *iface, const json_t *twin) {
	struct rtr_raw_twin raw = {.shortcut = true};

	iface->has_twin = json_is_true(twin) || json_is_object(twin);
	if (json_is_object(twin))
		schema_decode(rtr_twin_rows, twin, &raw);
	iface->twin_shortcut = raw.shortcut;
	snprintf(iface->twin_netns, sizeof(iface->twin_netns), "%s", raw.netns ? raw.netns : "");
	if (raw.name)
		snprintf(iface->twin_name, sizeof(iface->twin_name), "%s", raw.name);
	else // beside the device of its port the plain name may be taken
		snprintf(iface->twin_name, sizeof(iface->twin_name), "%s%.11s",
			raw.netns ? "" : "rtr-", iface->name);
}

static int iface_parse(
	struct rtr_conf *router, const char *name, const json_t *value, struct err *err) {
	struct rtr_conf_iface *iface = &router->ifaces[router->n_ifaces++];
	struct rtr_raw_iface raw = {.dscp = -1};
	char path[PATH];

	snprintf(path, sizeof(path), "routers.%s.interfaces.%s", router->name, name);
	schema_decode(rtr_iface_rows, value, &raw);
	name_copy(iface->name, name);
	name_copy(iface->port, raw.port);
	name_copy(iface->sw, raw.sw);
	name_copy(iface->zone, raw.zone);
	iface->vlan = (unsigned)raw.vlan;
	iface->ipv6 = raw.ipv6 || raw.accept_ra;
	iface->accept_ra = raw.accept_ra;
	iface->mtu = (unsigned)raw.mtu;
	iface->mac = raw.mac;
	iface->urpf = raw.urpf;
	iface->mss = mss_of(raw.mss);
	iface->dscp = (int)raw.dscp;
	iface->proxy_arp = raw.proxy_arp;
	iface->proxy_nd = raw.proxy_nd;
	iface->dad = raw.dad;
	iface->reassemble = raw.reassemble;
	iface->neighbor_limit = (uint32_t)raw.neighbor_limit;
	twin_parse(iface, raw.twin);
	if (raw.tunnel)
		tunnel_conf_parse(raw.tunnel, &iface->tunnel);
	if (mac_is_multicast(&iface->mac))
		return err_at(err, path, "mac: an interface has a unicast MAC address");
	if (addresses_parse(iface, raw.addresses, path, err) != 0 ||
		neighbors_parse(iface, raw.neighbors, path, err) != 0 ||
		dhcp_conf_parse(&iface->dhcp, iface, raw.dhcp, path, err) != 0)
		return err ? err->code : -EINVAL;
	if (iface->ipv6 && iface->mtu != 0 && iface->mtu < 1280)
		return err_at(err, path,
			"mtu: IPv6 needs 1280 (RFC 8200); raise it, or remove the IPv6 addresses");
	if (ra_conf_parse(iface, raw.ra, path, err) != 0)
		return err ? err->code : -EINVAL;
	return vrrp_conf_parse(iface, raw.vrrp, path, err);
}

// ---- next hops, routes, rules -------------------------------------------------------------------------------

const struct rtr_conf_iface *rtr_conf_iface(const struct rtr_conf *router, const char *name) {
	for (unsigned i = 0; i < router->n_ifaces; i++)
		if (strcmp(router->ifaces[i].name, name) == 0)
			return &router->ifaces[i];
	return NULL;
}

const struct rtr_conf_iface *rtr_conf_path_iface(
	const struct rtr_conf *router, const struct rtr_conf_path *path) {
	if (path->iface[0])
		return rtr_conf_iface(router, path->iface);
	for (unsigned i = 0; i < router->n_ifaces; i++)
		if (subnet_of(&router->ifaces[i], &path->via))
			return &router->ifaces[i];
	return NULL;
}

int rtr_conf_path_check(const struct rtr_conf *router, const struct rtr_conf_path *p,
	enum addr_family family, const char *at, struct err *err) {
	char text[ADDR_STRLEN];

	if (p->via.family == ADDR_NONE && !p->iface[0])
		return err_at(err, at, "a next hop needs `via` or `interface`");
	if (p->via.family != ADDR_NONE && p->via.family != family)
		return err_at(err, at,
			"via: %s is of the other address family than the destination",
			addr_print(&p->via, text));
	if (p->iface[0] && !rtr_conf_iface(router, p->iface))
		return err_at(err, at, "this router has no interface %s", p->iface);
	if (!rtr_conf_path_iface(router, p))
		return err_at(err, at,
			"via: %s is on no subnet of this router; name its `interface`",
			addr_print(&p->via, text));
	return 0;
}

static void path_set(
	struct rtr_conf_path *p, const struct addr *via, const char *iface, int64_t weight) {
	p->via = *via;
	name_copy(p->iface, iface);
	p->weight = (unsigned)weight;
}

static int paths_parse(
	struct rtr_conf_route *route, const struct rtr_raw_route *raw, struct err *err) {
	size_t n = json_array_size(raw->paths);

	route->paths = calloc(n + 1, sizeof(*route->paths));
	if (route->paths == NULL)
		return no_memory(err);
	for (size_t i = 0; i < n; i++) {
		struct rtr_raw_path p = {0};

		schema_decode(rtr_path_rows, json_array_get(raw->paths, i), &p);
		path_set(&route->paths[route->n_paths++], &p.via, p.iface, p.weight);
	}
	if (n == 0)
		path_set(&route->paths[route->n_paths++], &raw->via, raw->iface, 1);
	return 0;
}

static int route_parse(
	struct rtr_conf *router, const char *text, const json_t *value, struct err *err) {
	struct rtr_conf_route *route = &router->routes[router->n_routes++];
	struct rtr_raw_route raw = {0};
	struct prefix given;
	char at[PATH];

	snprintf(at, sizeof(at), "routers.%s.routes[\"%s\"]", router->name, text);
	schema_decode(rtr_route_rows, value, &raw);
	prefix_parse(text, &given);
	route->prefix = prefix_network(&given);
	if (addr_cmp(&route->prefix.addr, &given.addr) != 0)
		return err_at(err, at, "the address has bits beyond its length; clear them");
	route->kind = raw.router ? RTR_ROUTE_ROUTER : (enum rtr_conf_kind)raw.type;
	name_copy(route->router, raw.router);
	route->distance = (unsigned)raw.distance;
	route->metric = (unsigned)raw.metric;
	if (raw.router && strcmp(raw.router, router->name) == 0)
		return err_at(err, at, "router: a router cannot leak to itself");
	if (route->kind != RTR_ROUTE_VIA)
		return 0;
	if (paths_parse(route, &raw, err) != 0)
		return -ENOMEM;
	for (unsigned i = 0; i < route->n_paths; i++)
		if (rtr_conf_path_check(
			    router, &route->paths[i], route->prefix.addr.family, at, err) != 0)
			return -EINVAL;
	return 0;
}

static int rule_parse(struct rtr_conf *router, size_t i, const json_t *value, struct err *err) {
	struct rtr_conf_rule *rule = &router->rules[router->n_rules++];
	struct rtr_raw_rule raw = {.dscp = -1};
	char at[PATH];

	snprintf(at, sizeof(at), "routers.%s.rules[%zu]", router->name, i + 1);
	schema_decode(rtr_rule_rows, value, &raw);
	rule->from = prefix_network(&raw.from);
	rule->to = prefix_network(&raw.to);
	rule->proto = (unsigned)raw.proto;
	rule->dscp = (int)raw.dscp;
	name_copy(rule->iface, raw.iface);
	name_copy(rule->router, raw.router);
	path_set(&rule->path, &raw.via, NULL, 1);
	if (rule->iface[0] && !rtr_conf_iface(router, rule->iface))
		return err_at(err, at, "interface: this router has no interface %s", rule->iface);
	if (rule->from.addr.family && rule->to.addr.family &&
		rule->from.addr.family != rule->to.addr.family)
		return err_at(err, at, "from and to are of different address families");
	if (rule->router[0])
		return 0;
	if (rule->from.addr.family == ADDR_NONE && rule->to.addr.family == ADDR_NONE)
		rule->from.addr.family = raw.via.family; // 0.0.0.0/0 or ::/0
	if (rule->from.addr.family != raw.via.family && rule->to.addr.family != raw.via.family)
		return err_at(err, at, "via: a next hop of the family of `from` and `to`");
	return rtr_conf_path_check(router, &rule->path, raw.via.family, at, err);
}

// ---- routers ------------------------------------------------------------------------------------------------

static int subnets_check(const struct rtr_conf *router, struct err *err) {
	char path[PATH], text[PREFIX_STRLEN];

	for (unsigned i = 0; i < router->n_ifaces; i++) {
		const struct rtr_conf_iface *a = &router->ifaces[i];

		for (unsigned p = 0; p < a->n_addrs; p++) {
			for (unsigned j = 0; j < i; j++) {
				const struct rtr_conf_iface *b = &router->ifaces[j];

				for (unsigned q = 0; q < b->n_addrs; q++) {
					if (!prefix_contains(&a->addrs[p], &b->addrs[q].addr) &&
						!prefix_contains(&b->addrs[q], &a->addrs[p].addr))
						continue;
					snprintf(path, sizeof(path),
						"routers.%s.interfaces.%s.addresses", router->name,
						a->name);
					return err_at(err, path,
						"%s overlaps a subnet of interface %s",
						prefix_print(&a->addrs[p], text), b->name);
				}
			}
		}
	}
	return 0;
}

static int lists_alloc(struct rtr_conf *router, const struct rtr_raw_router *raw, struct err *err) {
	router->ifaces = calloc(json_object_size(raw->interfaces) + 1, sizeof(*router->ifaces));
	router->routes = calloc(json_object_size(raw->routes) + 1, sizeof(*router->routes));
	router->rules = calloc(json_array_size(raw->rules) + 1, sizeof(*router->rules));
	return router->ifaces && router->routes && router->rules ? 0 : no_memory(err);
}

static void files_parse(struct rtr_conf *router, const json_t *list) {
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		snprintf(router->files[router->n_files++], RTR_CONF_FILE, "%s",
			json_string_value(item));
}

static int router_parse(struct rtr_conf *router, const char *name, const json_t *value,
	const json_t *tree, struct err *err) {
	struct rtr_raw_router raw = {0};
	struct rtr_raw_limits limits = {0};
	const char *key;
	json_t *item;
	int rc;

	name_copy(router->name, name);
	schema_decode(rtr_router_rows, value, &raw);
	schema_decode(rtr_limit_rows, raw.limits, &limits);
	router->limit4 = (uint32_t)limits.routes4;
	router->limit6 = (uint32_t)limits.routes6;
	share_conf_parse(&router->punt, raw.punt);
	files_parse(router, raw.route_files);
	rc = lists_alloc(router, &raw, err);
	if (rc != 0)
		return rc;
	json_object_foreach ((json_t *)raw.interfaces, key, item) {
		rc = iface_parse(router, key, item, err);
		if (rc != 0)
			return rc;
	}
	json_object_foreach ((json_t *)raw.routes, key, item) {
		rc = route_parse(router, key, item, err);
		if (rc != 0)
			return rc;
	}
	for (size_t i = 0; i < json_array_size(raw.rules); i++) {
		rc = rule_parse(router, i, json_array_get(raw.rules, i), err);
		if (rc != 0)
			return rc;
	}
	rc = vrrp_conf_check(router, err);
	if (rc == 0)
		rc = vxlan_conf_parse(
			raw.vxlan, tree, name, &router->vxlans, &router->n_vxlans, err);
	return rc != 0 ? rc : subnets_check(router, err);
}

// Who has this port, or this VLAN of a switch, before interface `stop` of `all`?
static const char *taken_by(const struct rtr_conf_all *all, const struct rtr_conf_iface *stop) {
	for (unsigned r = 0; r < all->n; r++) {
		for (unsigned i = 0; i < all->routers[r].n_ifaces; i++) {
			const struct rtr_conf_iface *other = &all->routers[r].ifaces[i];

			if (other == stop || stop->tunnel.type != TUNNEL_NONE)
				return NULL;
			if (stop->port[0] ? strcmp(stop->port, other->port) == 0
					  : strcmp(stop->sw, other->sw) == 0 &&
						stop->vlan == other->vlan)
				return other->name;
		}
	}
	return NULL;
}

const char *rtr_conf_switch_of(const json_t *tree, const char *port) {
	const char *name;
	json_t *sw;

	json_object_foreach (json_object_get(tree, "switches"), name, sw)
		if (json_object_get(json_object_get(sw, "ports"), port))
			return name;
	return NULL;
}

// The interface before `stop` whose twin has the same name in the same namespace, or NULL.
static const char *twin_taken_by(
	const struct rtr_conf_all *all, const struct rtr_conf_iface *stop) {
	for (unsigned r = 0; stop->has_twin && r < all->n; r++) {
		for (unsigned i = 0; i < all->routers[r].n_ifaces; i++) {
			const struct rtr_conf_iface *other = &all->routers[r].ifaces[i];

			if (other == stop)
				return NULL;
			if (other->has_twin && strcmp(stop->twin_netns, other->twin_netns) == 0 &&
				strcmp(stop->twin_name, other->twin_name) == 0)
				return other->name;
		}
	}
	return NULL;
}

static int places_check(const json_t *tree, const struct rtr_conf_all *all, struct err *err) {
	char path[PATH];

	for (unsigned r = 0; r < all->n; r++) {
		for (unsigned i = 0; i < all->routers[r].n_ifaces; i++) {
			const struct rtr_conf_iface *iface = &all->routers[r].ifaces[i];
			const char *other = taken_by(all, iface), *twin = twin_taken_by(all, iface);
			const char *sw =
				iface->port[0] ? rtr_conf_switch_of(tree, iface->port) : NULL;

			snprintf(path, sizeof(path), "routers.%s.interfaces.%s",
				all->routers[r].name, iface->name);
			if (other)
				return err_at(err, path, "interface %s has that %s already", other,
					iface->port[0] ? "port" : "VLAN");
			if (twin)
				return err_at(err, path,
					"twin: that of interface %s is called %s as well; give it "
					"a name",
					twin, iface->twin_name);
			if (sw)
				return err_at(err, path,
					"port %s is in switch %s; route its VLAN (`switch` and "
					"`vlan`), or take it out",
					iface->port, sw);
		}
	}
	return 0;
}

static const char *underlay_of(const struct rtr_conf *router, const struct rtr_conf_iface *iface) {
	return iface->tunnel.underlay[0] ? iface->tunnel.underlay : router->name;
}

// The tunnel before `stop` whose packets could be taken for those of it, or NULL.
static const char *ends_taken_by(const struct rtr_conf_all *all, const struct rtr_conf *router,
	const struct rtr_conf_iface *stop) {
	for (unsigned r = 0; stop->tunnel.type != TUNNEL_NONE && r < all->n; r++) {
		for (unsigned i = 0; i < all->routers[r].n_ifaces; i++) {
			const struct rtr_conf_iface *other = &all->routers[r].ifaces[i];

			if (other == stop)
				return NULL;
			if (other->tunnel.type != TUNNEL_NONE &&
				strcmp(underlay_of(&all->routers[r], other),
					underlay_of(router, stop)) == 0 &&
				tunnel_conf_same_end(&other->tunnel, &stop->tunnel))
				return other->name;
		}
	}
	return NULL;
}

static int tunnels_check(const struct rtr_conf_all *all, struct err *err) {
	char path[PATH];

	for (unsigned r = 0; r < all->n; r++) {
		for (unsigned i = 0; i < all->routers[r].n_ifaces; i++) {
			const struct rtr_conf_iface *iface = &all->routers[r].ifaces[i];
			const char *other = ends_taken_by(all, &all->routers[r], iface);

			if (other == NULL)
				continue;
			snprintf(path, sizeof(path), "routers.%s.interfaces.%s.tunnel",
				all->routers[r].name, iface->name);
			return err_at(err, path,
				"tunnel %s is between the same ends; give one of them another "
				"address%s",
				other, iface->tunnel.type == TUNNEL_GRE ? " or key" : "");
		}
	}
	return 0;
}

int rtr_conf_parse(const json_t *tree, struct rtr_conf_all *all, struct err *err) {
	const json_t *routers = json_object_get(tree, "routers");
	const char *name;
	json_t *value;
	int rc = 0;

	*all = (struct rtr_conf_all){
		.routers = calloc(json_object_size(routers) + 1, sizeof(*all->routers))};
	if (all->routers == NULL)
		return no_memory(err);
	json_object_foreach ((json_t *)routers, name, value) {
		rc = router_parse(&all->routers[all->n++], name, value, tree, err);
		if (rc != 0)
			break;
	}
	if (rc == 0)
		rc = places_check(tree, all, err);
	if (rc == 0)
		rc = vrrp_conf_check_all(all, err);
	if (rc == 0)
		rc = tunnels_check(all, err);
	if (rc != 0)
		rtr_conf_fini(all);
	return rc;
}

const struct rtr_conf *rtr_conf_find(const struct rtr_conf_all *all, const char *name) {
	for (unsigned i = 0; i < all->n; i++)
		if (strcmp(all->routers[i].name, name) == 0)
			return &all->routers[i];
	return NULL;
}

void rtr_conf_fini(struct rtr_conf_all *all) {
	for (unsigned r = 0; r < all->n; r++) {
		struct rtr_conf *router = &all->routers[r];

		for (unsigned i = 0; router->ifaces && i < router->n_ifaces; i++) {
			free(router->ifaces[i].neighbors);
			free(router->ifaces[i].vrrp);
			dhcp_conf_free(router->ifaces[i].dhcp);
			free(router->ifaces[i].ra);
		}
		for (unsigned i = 0; router->routes && i < router->n_routes; i++)
			free(router->routes[i].paths);
		free(router->ifaces);
		free(router->routes);
		free(router->rules);
		free(router->vxlans);
	}
	free(all->routers);
	*all = (struct rtr_conf_all){0};
}
