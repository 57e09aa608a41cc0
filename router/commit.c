// SPDX-License-Identifier: BSD-3-Clause
// The transaction: a plan is built aside, and swapped in. Routes are not pointers to swap: they are set one by one in commit, from next
// hops that prepare has made; those of the old configuration that were not set again are swept.
#include "dataplane/session/session.h"
#include "lib/log.h"
#include "router/dhcp/dhcp.h"
#include "router/dynamic.h"
#include "router/fib/nexthop.h"
#include "router/fib/rib.h"
#include "router/file/routefile.h"
#include "router/frag/frag.h"
#include "router/host/netlink.h"
#include "router/host/share.h"
#include "router/host/shortcut/shortcut.h"
#include "router/host/twin.h"
#include "router/neigh/neigh.h"
#include "router/policy.h"
#include "router/ra/ra.h"
#include "router/ra/ra_uplink.h"
#include "router/router_priv.h"
#include "router/tunnel/tunnel.h"
#include "router/tunnel/vxlan.h"
#include "router/vrrp/vrrp.h"
#include "switch/switch.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plan_iface {
	struct rtr_iface *iface; // to be published
	const struct rtr_conf_iface *conf;
	bool fresh; // its index was made for it
};

struct plan_route {
	uint16_t vrf;
	struct rtr_route route;
};

struct plan {
	struct rtr_conf_all conf, old_conf;
	struct rtr_vrf *vrfs[RTR_MAX_VRFS], *old_vrfs[RTR_MAX_VRFS]; // by index; old: to be freed
	struct plan_iface *ifaces;
	unsigned n_ifaces;
	struct rtr_iface **old_ifaces; // to be freed
	unsigned n_old;
	uint16_t gone[DP_MAX_IFACES]; // indices of VLAN interfaces to be freed
	unsigned n_gone;
	bool unused[DP_MAX_PORTS]; // ports that nobody has any more
	struct plan_route *routes;
	unsigned n_routes, routes_cap;
	struct routefile_set *files[RTR_MAX_VRFS];
	struct rtr_rules *rules[RTR_MAX_VRFS], *old_rules[RTR_MAX_VRFS];
	struct tunnel_plan *tunnels;
	struct vxlan_plan *vxlans;
};

struct rtr_conf_all rtr_running;

int rtr_vrf_find(const char *name) {
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++)
		if (rtr_vrfs[v] && strcmp(rtr_vrfs[v]->name, name) == 0)
			return (int)v;
	return -ENOENT;
}

// ---- prepare: VRFs and interfaces ---------------------------------------------------------------------------

static int plan_vrf(const struct plan *plan, const char *name) {
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++)
		if (plan->vrfs[v] && strcmp(plan->vrfs[v]->name, name) == 0)
			return (int)v;
	return -ENOENT;
}

static int vrf_index_free(const struct plan *plan) {
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++)
		if (plan->vrfs[v] == NULL && rtr_vrfs[v] == NULL)
			return (int)v;
	return -ENOSPC;
}

// Other limits need other tables: the router begins anew, with the same index.
static int vrf_prepare(struct plan *plan, const struct rtr_conf *router, struct err *err) {
	int index = rtr_vrf_find(router->name);

	if (index >= 0 && rtr_vrfs[index]->limit4 == router->limit4 &&
		rtr_vrfs[index]->limit6 == router->limit6) {
		plan->vrfs[index] = rtr_vrfs[index];
		return 0;
	}
	if (index < 0)
		index = vrf_index_free(plan);
	if (index < 0)
		return err_set(
			err, -ENOSPC, "more than %d routers, those that go included", RTR_MAX_VRFS);
	plan->vrfs[index] =
		rib_vrf_new(router->name, (uint16_t)index, router->limit4, router->limit6, err);
	return plan->vrfs[index] ? 0 : err->code;
}

// What makes an interface another one, so that its neighbours are asked again.
static bool same(const struct rtr_iface *a, const struct rtr_iface *b) {
	return a->vrf == b->vrf && a->port == b->port && a->vlan == b->vlan &&
		a->tunnel == b->tunnel && rte_is_same_ether_addr(&a->mac, &b->mac) &&
		strcmp(a->name, b->name) == 0 && strcmp(a->router, b->router) == 0;
}

// Whether a running interface goes on as this one, in the same tables.
static bool stays(
	const struct plan *plan, const struct rtr_iface *old, const struct rtr_iface *new) {
	return new &&same(old, new) && plan->vrfs[old->vrf] == rtr_vrfs[old->vrf];
}

static int ifaces_prepare(struct plan *plan, const struct rtr_conf *router, struct err *err) {
	int vrf = plan_vrf(plan, router->name);

	for (unsigned i = 0; i < router->n_ifaces; i++) {
		struct plan_iface *p = &plan->ifaces[plan->n_ifaces];
		char path[128];

		p->conf = &router->ifaces[i];
		p->iface = rtr_iface_build(router, p->conf, (uint16_t)vrf, err);
		if (p->iface) {
			const struct rtr_iface *old = rtr_ifaces[p->iface->index];

			p->fresh = p->iface->port == DP_NONE && old == NULL;
			plan->n_ifaces++;
			if (old && stays(plan, old, p->iface))
				dynamic_carry(p->iface, router, p->conf);
		}
		if (p->iface == NULL || twin_prepare(p->iface, p->conf, err) < 0) {
			snprintf(path, sizeof(path), "routers.%s.interfaces.%s", router->name,
				p->conf->name);
			snprintf(err->path, sizeof(err->path), "%s", path);
			return err->code ? err->code : -EINVAL;
		}
	}
	return 0;
}

static int tunnels_prepare(struct plan *plan, struct err *err) {
	int rc = 0;

	plan->tunnels = tunnels_plan_new();
	if (plan->tunnels == NULL)
		return err_set(err, -ENOMEM, "routers: out of memory");
	for (unsigned i = 0; rc == 0 && i < plan->n_ifaces; i++) {
		const struct plan_iface *p = &plan->ifaces[i];
		const struct tunnel_conf *conf = &p->conf->tunnel;

		if (conf->type != TUNNEL_NONE)
			rc = tunnels_plan_add(plan->tunnels, p->iface, p->conf,
				conf->underlay[0] ? (unsigned)plan_vrf(plan, conf->underlay)
						  : p->iface->vrf,
				err);
	}
	return rc == 0 ? tunnels_plan_build(plan->tunnels, err) : rc;
}

static int vxlans_prepare(struct plan *plan, struct err *err) {
	int rc = 0;

	plan->vxlans = vxlans_plan_new();
	if (plan->vxlans == NULL)
		return err_set(err, -ENOMEM, "routers: out of memory");
	for (unsigned r = 0; rc == 0 && r < plan->conf.n; r++) {
		const struct rtr_conf *router = &plan->conf.routers[r];

		for (unsigned i = 0; rc == 0 && i < router->n_vxlans; i++)
			rc = vxlans_plan_add(plan->vxlans, &router->vxlans[i],
				(unsigned)plan_vrf(plan, router->name), err);
	}
	return rc == 0 ? vxlans_plan_build(plan->vxlans, err) : rc;
}

static const struct plan_iface *plan_iface(
	const struct plan *plan, const struct rtr_conf_iface *conf) {
	for (unsigned i = 0; i < plan->n_ifaces; i++)
		if (plan->ifaces[i].conf == conf)
			return &plan->ifaces[i];
	return NULL;
}

// ---- prepare: routes ----------------------------------------------------------------------------------------

static int route_add(
	struct plan *plan, unsigned vrf, const struct rtr_route *route, struct err *err) {
	if (plan->n_routes == plan->routes_cap) {
		unsigned cap = plan->routes_cap ? plan->routes_cap * 2 : 64;
		struct plan_route *grown = reallocarray(plan->routes, cap, sizeof(*grown));

		if (grown == NULL) {
			nexthop_put(route->slot);
			return err_set(err, -ENOMEM, "routers: out of memory");
		}
		plan->routes = grown;
		plan->routes_cap = cap;
	}
	plan->routes[plan->n_routes++] = (struct plan_route){(uint16_t)vrf, *route};
	return 0;
}

static int64_t slot_of_paths(const struct plan *plan, unsigned vrf, const struct rtr_conf *router,
	const struct rtr_conf_path *paths, unsigned n, struct err *err) {
	struct rtr_path hops[RTR_CONF_PATHS];

	for (unsigned i = 0; i < n; i++) {
		const struct plan_iface *p =
			plan_iface(plan, rtr_conf_path_iface(router, &paths[i]));

		hops[i] = (struct rtr_path){p->iface->index, paths[i].via, paths[i].weight};
	}
	return nexthop_get((uint16_t)vrf, hops, n, err);
}

static const enum rtr_nh_kind special_kinds[] = {[RTR_ROUTE_BLACKHOLE] = RTR_NH_BLACKHOLE,
	[RTR_ROUTE_UNREACHABLE] = RTR_NH_UNREACHABLE,
	[RTR_ROUTE_PROHIBIT] = RTR_NH_PROHIBIT,
	[RTR_ROUTE_ROUTER] = RTR_NH_VRF};

static int static_prepare(struct plan *plan, unsigned vrf, const struct rtr_conf *router,
	const struct rtr_conf_route *conf, struct err *err) {
	int64_t slot;

	if (conf->kind == RTR_ROUTE_VIA)
		slot = slot_of_paths(plan, vrf, router, conf->paths, conf->n_paths, err);
	else
		slot = nexthop_special_get(special_kinds[conf->kind],
			(uint16_t)(conf->kind == RTR_ROUTE_ROUTER ? plan_vrf(plan, conf->router)
								  : (int)vrf),
			err);
	if (slot < 0)
		return (int)slot;
	struct rtr_route route = {.prefix = conf->prefix,
		.source = RTR_SRC_STATIC,
		.distance = (uint8_t)conf->distance,
		.metric = conf->metric,
		.slot = (uint32_t)slot};
	return route_add(plan, vrf, &route, err);
}

static int own_prepare(struct plan *plan, const struct rtr_iface *iface, const struct prefix *addr,
	struct err *err) {
	struct rtr_own_route own[3];
	unsigned n = rtr_own_routes(addr, own);
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < n; i++) {
		struct rtr_route route = {.prefix = own[i].prefix, .source = own[i].source};
		int64_t slot = rtr_own_slot(iface, &own[i], err);

		if (slot < 0)
			return (int)slot;
		route.slot = (uint32_t)slot;
		rc = route_add(plan, iface->vrf, &route, err);
	}
	return rc;
}

// A line of a route file.
struct file_line {
	const struct plan *plan;
	const struct rtr_conf *router;
};

static int64_t line_resolve(enum rtr_conf_kind kind, enum addr_family family,
	const struct route_rest *rest, void *arg, struct err *err) {
	const struct file_line *line = arg;
	unsigned vrf = (unsigned)plan_vrf(line->plan, line->router->name);

	if (kind != RTR_ROUTE_VIA)
		return nexthop_special_get(special_kinds[kind], (uint16_t)vrf, err);
	if (rest->n_paths == 0)
		return err_set(err, -EINVAL, "a next hop needs via or dev");
	for (unsigned i = 0; i < rest->n_paths; i++)
		if (rtr_conf_path_check(line->router, &rest->paths[i], family, "", err) != 0)
			return -EINVAL;
	return slot_of_paths(line->plan, vrf, line->router, rest->paths, rest->n_paths, err);
}

static int files_prepare(struct plan *plan, const struct rtr_conf *router, struct err *err) {
	unsigned vrf = (unsigned)plan_vrf(plan, router->name);
	struct file_line line = {plan, router};
	struct routefile_resolver resolver = {line_resolve, &line};

	return routefile_prepare(router, plan->vrfs[vrf], &resolver, &plan->files[vrf], err);
}

static int routes_prepare(struct plan *plan, struct err *err) {
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < plan->n_ifaces; i++) {
		const struct rtr_iface *iface = plan->ifaces[i].iface;

		for (unsigned a = 0; rc == 0 && a < iface->n_addrs; a++)
			rc = own_prepare(plan, iface, &iface->addrs[a], err);
	}
	for (unsigned r = 0; rc == 0 && r < plan->conf.n; r++) {
		const struct rtr_conf *router = &plan->conf.routers[r];

		for (unsigned i = 0; rc == 0 && i < router->n_routes; i++)
			rc = static_prepare(plan, (unsigned)plan_vrf(plan, router->name), router,
				&router->routes[i], err);
	}
	return rc;
}

static int limit_check(const struct rtr_vrf *vrf, const char *name, uint32_t limit, uint32_t wanted,
	struct err *err) {
	char path[128];

	if (wanted <= limit)
		return 0;
	snprintf(path, sizeof(path), "routers.%s.limits.%s", vrf->name, name);
	return err_at(err, path,
		"%u is too small for the %u routes that are configured; raise it to what "
		"neighbours and routing daemons need besides",
		limit, wanted);
}

static int limits_check(const struct plan *plan, struct err *err) {
	uint32_t n4[RTR_MAX_VRFS], n6[RTR_MAX_VRFS];
	int rc = 0;

	for (unsigned v = 0; v < RTR_MAX_VRFS; v++)
		routefile_count(plan->files[v], &n4[v], &n6[v]);
	for (unsigned i = 0; i < plan->n_routes; i++) {
		const struct plan_route *p = &plan->routes[i];

		(p->route.prefix.addr.family == ADDR_V4 ? n4 : n6)[p->vrf]++;
	}
	for (unsigned v = 0; rc == 0 && v < RTR_MAX_VRFS; v++) {
		const struct rtr_vrf *vrf = plan->vrfs[v];

		if (vrf)
			rc = limit_check(vrf, "routes4", vrf->limit4, n4[v], err);
		if (vrf && rc == 0)
			rc = limit_check(vrf, "routes6", vrf->limit6, n6[v], err);
	}
	return rc;
}

static int rules_prepare(struct plan *plan, const struct rtr_conf *router, struct err *err) {
	unsigned vrf = (unsigned)plan_vrf(plan, router->name);
	struct rtr_rules *rules =
		calloc(1, sizeof(*rules) + router->n_rules * sizeof(rules->rules[0]));

	if (rules == NULL)
		return err_set(err, -ENOMEM, "routers: out of memory");
	plan->rules[vrf] = rules;
	for (unsigned i = 0; i < router->n_rules; i++) {
		const struct rtr_conf_rule *conf = &router->rules[i];
		struct rtr_rule *rule = &rules->rules[i];
		int64_t slot = 0;

		*rule = (struct rtr_rule){.from = conf->from,
			.to = conf->to,
			.iface = DP_NONE,
			.proto = (uint8_t)conf->proto,
			.dscp = conf->dscp < 0 ? 255 : (uint8_t)conf->dscp,
			.vrf = DP_NONE};
		if (conf->iface[0])
			rule->iface =
				plan_iface(plan, rtr_conf_iface(router, conf->iface))->iface->index;
		if (conf->router[0])
			rule->vrf = (uint16_t)plan_vrf(plan, conf->router);
		else
			slot = slot_of_paths(plan, vrf, router, &conf->path, 1, err);
		if (slot < 0)
			return (int)slot;
		rule->slot = (uint32_t)slot;
		rules->n = i + 1;
	}
	return 0;
}

// A port that leaves its router may be gone, or a switch's by now.
static void unused_prepare(struct plan *plan, const json_t *tree) {
	for (unsigned r = 0; r < rtr_running.n; r++) {
		for (unsigned i = 0; i < rtr_running.routers[r].n_ifaces; i++) {
			const char *port = rtr_running.routers[r].ifaces[i].port;
			int index = port[0] ? dp_port_find(port) : -1;

			if (index >= 0 && rtr_conf_switch_of(tree, port) == NULL)
				plan->unused[index] = true;
		}
	}
}

int rtr_prepare(const struct change *change, void **out, struct err *err) {
	struct plan *plan = calloc(1, sizeof(*plan));
	unsigned n = 0;
	int rc;

	if (plan == NULL)
		return err_set(err, -ENOMEM, "routers: out of memory");
	rc = rtr_conf_parse(change->new, &plan->conf, err);
	for (unsigned r = 0; rc == 0 && r < plan->conf.n; r++)
		n += plan->conf.routers[r].n_ifaces;
	plan->ifaces = calloc(n + 1, sizeof(*plan->ifaces));
	plan->old_ifaces = calloc(DP_MAX_IFACES, sizeof(*plan->old_ifaces));
	if (rc == 0 && (plan->ifaces == NULL || plan->old_ifaces == NULL))
		rc = err_set(err, -ENOMEM, "routers: out of memory");
	for (unsigned r = 0; rc == 0 && r < plan->conf.n; r++)
		rc = vrf_prepare(plan, &plan->conf.routers[r], err);
	for (unsigned r = 0; rc == 0 && r < plan->conf.n; r++)
		rc = ifaces_prepare(plan, &plan->conf.routers[r], err);
	if (rc == 0)
		rc = tunnels_prepare(plan, err);
	if (rc == 0)
		rc = vxlans_prepare(plan, err);
	if (rc == 0)
		rc = routes_prepare(plan, err);
	for (unsigned r = 0; rc == 0 && r < plan->conf.n; r++)
		rc = files_prepare(plan, &plan->conf.routers[r], err);
	unused_prepare(plan, change->new);
	if (rc == 0)
		rc = limits_check(plan, err);
	for (unsigned r = 0; rc == 0 && r < plan->conf.n; r++)
		rc = rules_prepare(plan, &plan->conf.routers[r], err);
	if (rc != 0) {
		rtr_abort(plan);
		return rc;
	}
	*out = plan;
	return 0;
}

static void rules_free(struct rtr_rules *rules) {
	for (unsigned i = 0; rules && i < rules->n; i++)
		if (rules->rules[i].vrf == DP_NONE)
			nexthop_put(rules->rules[i].slot);
	free(rules);
}

static void plan_free(struct plan *plan) {
	free(plan->ifaces);
	free(plan->old_ifaces);
	free(plan->routes);
	free(plan);
}

void rtr_abort(void *arg) {
	struct plan *plan = arg;

	for (unsigned i = 0; i < plan->n_routes; i++)
		nexthop_put(plan->routes[i].route.slot);
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++) {
		rules_free(plan->rules[v]);
		routefile_abort(plan->files[v]);
		if (plan->vrfs[v] && plan->vrfs[v] != rtr_vrfs[v])
			rib_vrf_free(plan->vrfs[v]);
	}
	for (unsigned i = 0; i < plan->n_ifaces; i++) {
		if (plan->ifaces[i].fresh)
			dp_iface_free(plan->ifaces[i].iface->index);
		free(plan->ifaces[i].iface);
	}
	twins_abort();
	tunnels_abort(plan->tunnels);
	vxlans_abort(plan->vxlans);
	nexthop_collect();
	rtr_conf_fini(&plan->conf);
	plan_free(plan);
}

// ---- commit: interfaces -------------------------------------------------------------------------------------

static const struct rtr_iface *planned(const struct plan *plan, unsigned index) {
	for (unsigned i = 0; i < plan->n_ifaces; i++)
		if (plan->ifaces[i].iface->index == index)
			return plan->ifaces[i].iface;
	return NULL;
}

static void nodes_enable(const struct rtr_iface *iface, bool on) {
	dp_arc_enable("ip_input", iface->index, on, NULL);
	dp_arc_enable("icmp_local", iface->index, on, NULL);
	frag_iface(iface->index, on);
	if (iface->vlan != 0)
		dp_arc_enable("switch_routed", iface->index, on, NULL);
	if (iface->tunnel)
		dp_arc_enable("tunnel_output", iface->index, on, NULL);
}

static const char *switch_of(const struct rtr_conf_all *all, const struct rtr_iface *iface) {
	const struct rtr_conf *router = rtr_conf_find(all, iface->router);
	const struct rtr_conf_iface *conf = router ? rtr_conf_iface(router, iface->name) : NULL;

	return conf ? conf->sw : "";
}

static void iface_down(struct plan *plan, struct rtr_iface *old) {
	if (old->vlan != 0)
		sw_routed_detach(switch_of(&plan->old_conf, old), old->vlan);
	dynamic_iface_gone(old->index);
	neigh_iface_del(old->index);
	nodes_enable(old, false);
	__atomic_store_n(&rtr_ifaces[old->index], NULL, __ATOMIC_RELEASE);
	plan->old_ifaces[plan->n_old++] = old;
	if (planned(plan, old->index))
		return; // its index goes on with another interface
	nexthop_link(old->index, false);
	if (old->port == DP_NONE)
		plan->gone[plan->n_gone++] = old->index;
	else if (plan->unused[old->port])
		dp_port_mode_set(old->port, DP_PORT_UNUSED);
}

static struct neigh_conf neigh_conf_of(const struct rtr_conf_iface *conf) {
	struct neigh_conf neigh = NEIGH_CONF_DEFAULTS;

	neigh.limit = conf->neighbor_limit;
	if (!conf->dad)
		neigh.dad_transmits = neigh.arp_probes = 0;
	return neigh;
}

static void attach(const struct plan_iface *p) {
	struct mac mac;
	struct err err = {0};
	int rc;

	if (p->iface->port != DP_NONE)
		dp_port_mode_set(p->iface->port, DP_PORT_L3);
	if (p->iface->vlan == 0)
		return;
	memcpy(&mac, &p->iface->mac, sizeof(mac));
	rc = sw_routed_attach(p->conf->sw, p->conf->vlan, p->iface->index, &mac, &err);
	if (rc != 0 && rc != -EEXIST)
		log_error("router", "interface is not reachable",
			"router=%s interface=%s why=\"%s\"", p->iface->router, p->iface->name,
			err.msg);
}

static bool has_address(const struct rtr_iface *iface, const struct addr *addr) {
	return iface && rtr_iface_owns(iface, addr);
}

static void neighbors_set(const struct plan_iface *p, const struct rtr_iface *old) {
	struct neigh_conf conf = neigh_conf_of(p->conf);
	struct err err = {0};

	if (p->iface->tunnel)
		return;
	if (old)
		neigh_iface_set(p->iface->index, &conf);
	else if (neigh_iface_add(p->iface->index, &conf, &err) != 0)
		log_error("router", "no neighbours on this interface", "interface=%s why=\"%s\"",
			p->iface->name, err.msg);
	for (unsigned i = 0; old && i < old->n_addrs; i++)
		if (!has_address(p->iface, &old->addrs[i].addr))
			neigh_address_del(p->iface->index, &old->addrs[i].addr);
	for (unsigned i = 0; i < p->iface->n_addrs; i++)
		if (!has_address(old, &p->iface->addrs[i].addr))
			neigh_address_add(p->iface->index, &p->iface->addrs[i].addr);
}

static void statics_set(const struct plan *plan, const struct plan_iface *p) {
	const struct rtr_conf *was = rtr_conf_find(&plan->old_conf, p->iface->router);
	const struct rtr_conf_iface *old = was ? rtr_conf_iface(was, p->iface->name) : NULL;

	for (unsigned i = 0; old && i < old->n_neighbors; i++) {
		bool kept = false;

		for (unsigned j = 0; j < p->conf->n_neighbors; j++)
			kept |= addr_cmp(&old->neighbors[i].addr, &p->conf->neighbors[j].addr) == 0;
		if (!kept)
			neigh_static_del(p->iface->index, &old->neighbors[i].addr);
	}
	for (unsigned i = 0; i < p->conf->n_neighbors; i++) {
		struct err err = {0};

		if (neigh_static_set(p->iface->index, &p->conf->neighbors[i].addr,
			    &p->conf->neighbors[i].mac, &err) != 0)
			log_error("router", "no room for a static neighbour",
				"interface=%s why=\"%s\"", p->iface->name, err.msg);
	}
}

static bool link_of(const struct rtr_iface *iface) {
	struct dp_port_info info;

	if (iface->tunnel)
		return tunnel_up(iface->index);
	return iface->port == DP_NONE || (dp_port_info(iface->port, &info) == 0 && info.link_up);
}

static void iface_up(struct plan *plan, struct plan_iface *p) {
	struct rtr_iface *iface = p->iface, *old = rtr_ifaces[iface->index];

	iface->sw = iface->vlan != 0 ? (uint16_t)sw_find(p->conf->sw) : DP_NONE;
	if (old)
		plan->old_ifaces[plan->n_old++] = old;
	else
		rtr_iface_forget(iface->index);
	__atomic_store_n(&rtr_ifaces[iface->index], iface, __ATOMIC_RELEASE);
	nodes_enable(iface, true);
	frag_want(iface->index, FRAG_USER_CONFIG, p->conf->reassemble);
	attach(p);
	nexthop_link(iface->index, link_of(iface)); // and what its slots say of MTU and MAC address
	neighbors_set(p, old);
}

static void ifaces_commit(struct plan *plan) {
	for (unsigned i = 0; i < DP_MAX_IFACES; i++) {
		struct rtr_iface *old = rtr_ifaces[i];

		if (old && !stays(plan, old, planned(plan, i)))
			iface_down(plan, old);
	}
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++) {
		if (rtr_vrfs[v] != plan->vrfs[v])
			plan->old_vrfs[v] = rtr_vrfs[v];
		__atomic_store_n(&rtr_vrfs[v], plan->vrfs[v], __ATOMIC_RELEASE);
	}
	for (unsigned i = 0; i < plan->n_ifaces; i++)
		iface_up(plan, &plan->ifaces[i]);
}

// ---- commit: routes -----------------------------------------------------------------------------------------

static const uint8_t swept[] = {RTR_SRC_LOCAL, RTR_SRC_CONNECTED, RTR_SRC_STATIC};

static void routes_commit(struct plan *plan) {
	uint32_t generation[RTR_MAX_VRFS][RTE_DIM(swept)];

	for (unsigned v = 0; v < RTR_MAX_VRFS; v++)
		for (unsigned s = 0; rtr_vrfs[v] && s < RTE_DIM(swept); s++)
			generation[v][s] = rib_mark(rtr_vrfs[v], swept[s]);
	for (unsigned i = 0; i < plan->n_routes; i++) {
		const struct plan_route *p = &plan->routes[i];
		char text[PREFIX_STRLEN];
		struct err err = {0};

		if (rib_set(rtr_vrfs[p->vrf], &p->route, &err) != 0)
			log_error("router", "route refused", "router=%s prefix=%s why=\"%s\"",
				rtr_vrfs[p->vrf]->name, prefix_print(&p->route.prefix, text),
				err.msg);
	}
	plan->n_routes = 0; // the tables own their next hops now
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++)
		routefile_commit(v, plan->files[v]);
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++)
		for (unsigned s = 0; rtr_vrfs[v] && s < RTE_DIM(swept); s++)
			rib_sweep(rtr_vrfs[v], swept[s], generation[v][s]);
}

void rtr_commit(void *arg) {
	struct plan *plan = arg;

	ra_leaving(&plan->conf);
	vrrp_leaving(&plan->conf);
	plan->old_conf = rtr_running;
	rtr_running = plan->conf;
	shortcuts_changed();
	ifaces_commit(plan);
	twins_commit();
	tunnels_commit(plan->tunnels);
	vxlans_commit(plan->vxlans);
	routes_commit(plan);
	for (unsigned i = 0; i < plan->n_ifaces; i++)
		statics_set(plan, &plan->ifaces[i]);
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++) {
		plan->old_rules[v] = rtr_policies[v];
		__atomic_store_n(&rtr_policies[v], plan->rules[v], __ATOMIC_RELEASE);
	}
	session_hops_changed();
	for (unsigned r = 0; r < rtr_running.n; r++)
		share_set((unsigned)rtr_vrf_find(rtr_running.routers[r].name),
			&rtr_running.routers[r].punt,
			rtr_conf_find(&plan->old_conf, rtr_running.routers[r].name) == NULL);
	vrrp_commit();
	dhcp_commit(&plan->old_conf, &plan->conf);
	ra_commit();
}

void rtr_release(void *arg) {
	struct plan *plan = arg;

	twins_release();
	frag_release();
	tunnels_release(plan->tunnels);
	vxlans_release(plan->vxlans);
	netlink_changed();
	for (unsigned i = 0; i < plan->n_old; i++)
		free(plan->old_ifaces[i]);
	for (unsigned i = 0; i < plan->n_gone; i++)
		dp_iface_free(plan->gone[i]);
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++) {
		rules_free(plan->old_rules[v]);
		if (plan->old_vrfs[v])
			rib_vrf_free(plan->old_vrfs[v]);
	}
	nexthop_collect();
	rtr_conf_fini(&plan->old_conf);
	plan_free(plan);
}

void rtr_link_changed(unsigned port, bool up) {
	const struct rtr_iface *iface = rtr_iface(port);

	if (iface == NULL)
		return;
	nexthop_link(iface->index, up);
	neigh_link(iface->index, up);
	twin_link(iface, up);
	dhcp_link(iface->index, up);
	ra_uplink_link(iface->index, up);
}

void rtr_commit_fini(void) {
	struct change change = {.old = NULL, .new = json_object()};
	void *plan = NULL;

	if (rtr_prepare(&change, &plan, NULL) == 0) {
		rtr_commit(plan);
		dp_sync();
		rtr_release(plan);
	}
	json_decref((json_t *)change.new);
}
