// SPDX-License-Identifier: BSD-3-Clause
#include "router/dynamic.h"
#include "lib/log.h"
#include "lib/vec.h"
#include "router/fib/nexthop.h"
#include "router/fib/rib.h"
#include "router/host/twin.h"
#include "router/ip6.h"
#include "router/neigh/neigh.h"
#include "router/router_priv.h"
#include <stdlib.h>
#include <string.h>

struct dynamic_route {
	uint16_t iface;
	uint8_t from;
	struct prefix prefix;
	struct addr gateway;
	uint32_t metric;
};

struct told { // by neigh, until the next poll
	uint16_t iface;
	struct addr addr;
	bool usable;
};

static VEC(struct dynamic_route) routes;
static VEC(struct told) told;
static void (*listeners[RTR_FROM_COUNT])(uint16_t iface, const struct addr *addr, bool usable);

// ---- the interface --------------------------------------------------------------------------------------------

static struct rtr_iface *copy(uint16_t index, struct err *err) {
	const struct rtr_iface *now = rtr_iface(index);
	struct rtr_iface *new = NULL;

	if (now == NULL) {
		err_set(err, -ENOENT, "the interface is gone");
		return NULL;
	}
	new = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*new));
	if (new == NULL)
		err_set(err, -ENOMEM, "out of memory");
	else
		memcpy(new, now, sizeof(*new));
	return new;
}

static void publish(struct rtr_iface *new) {
	struct rtr_iface *old = rtr_ifaces[new->index];

	__atomic_store_n(&rtr_ifaces[new->index], new, __ATOMIC_RELEASE);
	dp_sync();
	free(old);
	twin_changed(new);
}

// ---- addresses ------------------------------------------------------------------------------------------------

static int place_of(const struct rtr_iface *iface, enum rtr_from source, const struct addr *addr) {
	for (unsigned i = 0; iface && i < iface->n_addrs; i++)
		if (iface->from[i] == source && addr_cmp(&iface->addrs[i].addr, addr) == 0)
			return (int)i;
	return -1;
}

static unsigned count(const struct rtr_iface *iface) {
	unsigned n = 0;

	for (unsigned i = 0; i < iface->n_addrs; i++)
		n += iface->from[i] != RTR_FROM_CONF;
	return n;
}

static bool is_unicast(const struct prefix *p) {
	const uint8_t *b = p->addr.bytes;

	if (p->addr.family == ADDR_V6)
		return b[0] != 0xff && p->len <= 128;
	return p->addr.family == ADDR_V4 && b[0] != 0 && b[0] != 127 && b[0] < 224 && p->len <= 32;
}

static bool overlap(const struct prefix *a, const struct prefix *b) {
	return prefix_contains(a, &b->addr) || prefix_contains(b, &a->addr);
}

static bool is_link_local(const struct prefix *p) {
	return p->addr.family == ADDR_V6 && ip6_is_link_local(p->addr.bytes);
}

static int subnet_check(const struct rtr_iface *iface, const struct prefix *addr, struct err *err) {
	char text[PREFIX_STRLEN];

	for (unsigned i = 0; i < DP_MAX_IFACES; i++) {
		const struct rtr_iface *other = rtr_ifaces[i];

		if (other == NULL || other == iface || other->vrf != iface->vrf)
			continue;
		for (unsigned a = 0; a < other->n_addrs; a++)
			if (!is_link_local(addr) && overlap(addr, &other->addrs[a]))
				return err_set(err, -EEXIST, "%s overlaps %s of interface %s",
					prefix_print(addr, text),
					prefix_print(&other->addrs[a], (char[PREFIX_STRLEN]){0}),
					other->name);
	}
	return 0;
}

static int route_set(
	const struct rtr_iface *iface, const struct rtr_own_route *own, struct err *err) {
	struct rtr_route route = {.prefix = own->prefix, .source = own->source};
	int64_t slot = rtr_own_slot(iface, own, err);

	if (slot < 0)
		return (int)slot;
	route.slot = (uint32_t)slot;
	return rib_set(rtr_vrfs[iface->vrf], &route, err);
}

// A route goes with the last address that makes it.
static bool is_needed(const struct rtr_iface *iface, const struct rtr_own_route *own) {
	struct rtr_own_route others[3];

	for (unsigned a = 0; a < iface->n_addrs; a++) {
		unsigned n = rtr_own_routes(&iface->addrs[a], others);

		for (unsigned i = 0; i < n; i++)
			if (others[i].source == own->source &&
				others[i].prefix.len == own->prefix.len &&
				addr_cmp(&others[i].prefix.addr, &own->prefix.addr) == 0)
				return true;
	}
	return false;
}

static void own_routes_del(const struct rtr_iface *iface, const struct prefix *addr) {
	struct rtr_own_route own[3];
	unsigned n = rtr_own_routes(addr, own);

	for (unsigned i = 0; i < n; i++)
		if (!is_needed(iface, &own[i]))
			rib_del(rtr_vrfs[iface->vrf], &own[i].prefix, own[i].source, 0, 0);
}

static int own_routes_add(
	const struct rtr_iface *iface, const struct prefix *addr, struct err *err) {
	struct rtr_own_route own[3];
	unsigned n = rtr_own_routes(addr, own);
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < n; i++)
		rc = route_set(iface, &own[i], err);
	return rc;
}

static int add_check(const struct rtr_iface *iface, const struct prefix *addr, struct err *err) {
	char text[PREFIX_STRLEN];

	if (iface == NULL)
		return err_set(err, -ENOENT, "the interface is gone");
	if (!is_unicast(addr))
		return err_set(err, -EINVAL, "%s is no unicast address", prefix_print(addr, text));
	if (count(iface) >= RTR_DYNAMIC_ADDRS || iface->n_addrs >= RTR_IFACE_ADDRS)
		return err_set(err, -ENOSPC,
			"interface %s has %u addresses that are not configured "
			"already",
			iface->name, count(iface));
	return subnet_check(iface, addr, err);
}

int dynamic_addr_add(uint16_t index, enum rtr_from source, const struct prefix *addr,
	const struct mac *mac, struct err *err) {
	const struct rtr_iface *now = rtr_iface(index);
	struct rtr_iface *new;
	int rc;

	if (place_of(now, source, &addr->addr) >= 0)
		return 0;
	rc = add_check(now, addr, err);
	new = rc == 0 ? copy(index, err) : NULL;
	if (new == NULL)
		return rc ? rc : -ENOMEM;
	rc = own_routes_add(now, addr, err);
	if (rc < 0) {
		own_routes_del(now, addr);
		free(new);
		return rc;
	}
	new->addrs[new->n_addrs] = *addr;
	new->from[new->n_addrs++] = (uint8_t)source;
	publish(new);
	if (mac)
		neigh_address_add_virtual(index, &addr->addr, mac);
	else
		neigh_address_add(index, &addr->addr);
	return 0;
}

static void neigh_forget(
	const struct rtr_iface *iface, enum rtr_from source, const struct addr *addr) {
	bool is_virtual = source == RTR_FROM_VRRP, kept = false;

	for (unsigned i = 0; i < iface->n_addrs; i++)
		kept |= (iface->from[i] == RTR_FROM_VRRP) == is_virtual &&
			addr_cmp(&iface->addrs[i].addr, addr) == 0;
	if (kept)
		return;
	if (is_virtual)
		neigh_address_del_virtual(iface->index, addr);
	else
		neigh_address_del(iface->index, addr);
}

void dynamic_addr_del(uint16_t index, enum rtr_from source, const struct addr *addr) {
	int place = place_of(rtr_iface(index), source, addr);
	struct rtr_iface *new = place >= 0 ? copy(index, NULL) : NULL;
	struct prefix gone;

	if (place >= 0 && new == NULL)
		log_error("router", "out of memory: an address stays", "index=%u", index);
	if (new == NULL)
		return;
	gone = new->addrs[place];
	new->n_addrs--;
	for (unsigned i = (unsigned)place; i < new->n_addrs; i++) {
		new->addrs[i] = new->addrs[i + 1];
		new->from[i] = new->from[i + 1];
	}
	own_routes_del(new, &gone);
	publish(new);
	neigh_forget(new, source, &gone.addr);
}

bool dynamic_addr_has(uint16_t index, enum rtr_from source, const struct addr *addr) {
	return place_of(rtr_iface(index), source, addr) >= 0;
}

// ---- routes ---------------------------------------------------------------------------------------------------

static bool prefix_same(const struct prefix *a, const struct prefix *b) {
	return a->len == b->len && addr_cmp(&a->addr, &b->addr) == 0;
}

// One candidate of the RIB: all next hops of one prefix, metric and source in a VRF.
static bool candidate_same(const struct dynamic_route *a, const struct dynamic_route *b) {
	return a->from == b->from && a->metric == b->metric && prefix_same(&a->prefix, &b->prefix);
}

static bool route_same(const struct dynamic_route *a, const struct dynamic_route *b) {
	return a->iface == b->iface && candidate_same(a, b) &&
		addr_cmp(&a->gateway, &b->gateway) == 0;
}

static uint8_t source_of(enum rtr_from from) {
	return from == RTR_FROM_DHCP ? RTR_SRC_DHCP : RTR_SRC_RA;
}

// The RIB says of a candidate what the table says.
static int candidate_tell(const struct dynamic_route *like, struct rtr_vrf *vrf, struct err *err) {
	struct rtr_route route = {.prefix = like->prefix,
		.source = source_of(like->from),
		.distance = like->from == RTR_FROM_DHCP ? 210 : 230,
		.metric = like->metric};
	struct rtr_path paths[NEXTHOP_MAX_PATHS];
	unsigned n = 0;
	int64_t slot;

	for (size_t i = 0; i < routes.n && n < RTE_DIM(paths); i++) {
		const struct dynamic_route *r = &routes.items[i];
		const struct rtr_iface *iface = rtr_iface(r->iface);

		if (iface && rtr_vrfs[iface->vrf] == vrf && candidate_same(r, like))
			paths[n++] = (struct rtr_path){r->iface, r->gateway, 1};
	}
	if (n == 0)
		return rib_del(vrf, &like->prefix, route.source, 0, like->metric);
	slot = nexthop_get(vrf->index, paths, n, err);
	if (slot < 0)
		return (int)slot;
	route.slot = (uint32_t)slot;
	return rib_set(vrf, &route, err);
}

static size_t route_find(const struct dynamic_route *wanted) {
	size_t i = 0;

	while (i < routes.n && !route_same(&routes.items[i], wanted))
		i++;
	return i;
}

static void route_del(size_t i) {
	struct dynamic_route gone = routes.items[i];
	const struct rtr_iface *iface = rtr_iface(gone.iface);
	struct err err = {0};

	routes.items[i] = routes.items[--routes.n];
	if (iface && rtr_vrfs[iface->vrf])
		candidate_tell(&gone, rtr_vrfs[iface->vrf], &err);
}

int dynamic_route_add(uint16_t index, enum rtr_from source, const struct prefix *prefix,
	const struct addr *gateway, uint32_t metric, struct err *err) {
	const struct rtr_iface *iface = rtr_iface(index);
	struct dynamic_route route = {
		index, (uint8_t)source, prefix_network(prefix), *gateway, metric};
	int rc;

	if (iface == NULL)
		return err_set(err, -ENOENT, "the interface is gone");
	if (source != RTR_FROM_DHCP && source != RTR_FROM_RA)
		return err_set(err, -EINVAL, "routes come by DHCP and router advertisements only");
	if (gateway->family != ADDR_NONE && gateway->family != prefix->addr.family)
		return err_set(err, -EINVAL, "the gateway is of the other address family");
	if (route_find(&route) < routes.n)
		return 0;
	if (routes.n >= DYNAMIC_ROUTES_MAX)
		return err_set(err, -ENOSPC, "%u routes that are not configured already",
			DYNAMIC_ROUTES_MAX);
	if (vec_add(&routes, route) != 0)
		return err_set(err, -ENOMEM, "out of memory");
	rc = candidate_tell(&route, rtr_vrfs[iface->vrf], err);
	if (rc < 0)
		route_del(routes.n - 1);
	return rc;
}

void dynamic_route_del(uint16_t index, enum rtr_from source, const struct prefix *prefix,
	const struct addr *gateway, uint32_t metric) {
	struct dynamic_route route = {
		index, (uint8_t)source, prefix_network(prefix), *gateway, metric};
	size_t i = route_find(&route);

	if (i < routes.n)
		route_del(i);
}

void dynamic_routes_del(uint16_t index, enum rtr_from source) {
	for (size_t i = routes.n; i-- > 0;)
		if (routes.items[i].iface == index && routes.items[i].from == source)
			route_del(i);
}

// ---- MTU ------------------------------------------------------------------------------------------------------

static const struct rtr_conf_iface *conf_of(const struct rtr_iface *iface) {
	const struct rtr_conf *router = rtr_conf_find(&rtr_running, iface->router);

	return router ? rtr_conf_iface(router, iface->name) : NULL;
}

void dynamic_mtu_set(uint16_t index, enum rtr_from source, uint16_t mtu) {
	const struct rtr_iface *now = rtr_iface(index);
	const struct rtr_conf_iface *conf = now ? conf_of(now) : NULL;
	struct rtr_iface *new = conf && now->mtu_said[source] != mtu ? copy(index, NULL) : NULL;
	struct dp_port_info info = {.link_up = true};

	if (new == NULL)
		return;
	new->mtu_said[source] = mtu;
	rtr_iface_mtu_apply(new, conf);
	publish(new);
	if (new->port != DP_NONE)
		dp_port_info(new->port, &info);
	nexthop_link(index, info.link_up); // and what its slots say of the MTU
}

// ---- between control's parts ----------------------------------------------------------------------------------

// Told later: whoever hears of it may take the address away, which neigh is not done with yet.
static void heard(uint16_t iface, const struct addr *addr, bool usable) {
	struct told one = {iface, *addr, usable};

	if (vec_add(&told, one) != 0)
		log_error("router", "out of memory: nobody hears of an address", "index=%u", iface);
}

void dynamic_on_addr(enum rtr_from source,
	void (*changed)(uint16_t iface, const struct addr *addr, bool usable)) {
	listeners[source] = changed;
}

void dynamic_init(void) {
	neigh_on_address(heard);
}

void dynamic_fini(void) {
	vec_fini(&routes);
	vec_fini(&told);
}

void dynamic_poll(void) {
	for (size_t i = 0; i < told.n; i++) {
		struct told one = told.items[i]; // a listener may make more of them

		for (unsigned from = RTR_FROM_CONF + 1; from < RTR_FROM_COUNT; from++)
			if (listeners[from] && dynamic_addr_has(one.iface, from, &one.addr))
				listeners[from](one.iface, &one.addr, one.usable);
	}
	told.n = 0;
}

// ---- the router's transaction -----------------------------------------------------------------------------------

static bool is_taken(const struct rtr_conf *router, const struct rtr_conf_iface *conf,
	const struct prefix *addr) {
	for (unsigned i = 0; i < router->n_ifaces; i++)
		for (unsigned a = 0; a < router->ifaces[i].n_addrs; a++)
			if (&router->ifaces[i] != conf && !is_link_local(addr) &&
				overlap(addr, &router->ifaces[i].addrs[a]))
				return true;
	return false;
}

void dynamic_carry(
	struct rtr_iface *iface, const struct rtr_conf *router, const struct rtr_conf_iface *conf) {
	const struct rtr_iface *old = rtr_ifaces[iface->index];

	for (unsigned i = 0; i < old->n_addrs; i++) {
		if (old->from[i] == RTR_FROM_CONF || is_taken(router, conf, &old->addrs[i]))
			continue;
		iface->addrs[iface->n_addrs] = old->addrs[i];
		iface->from[iface->n_addrs++] = old->from[i];
	}
	for (unsigned from = RTR_FROM_CONF + 1; from < RTR_FROM_COUNT; from++)
		iface->mtu_said[from] = old->mtu_said[from];
	rtr_iface_mtu_apply(iface, conf);
}

void dynamic_iface_gone(uint16_t index) {
	for (unsigned from = RTR_FROM_CONF + 1; from < RTR_FROM_COUNT; from++)
		dynamic_routes_del(index, from);
}
