// SPDX-License-Identifier: BSD-3-Clause
// DHCP clients on interfaces: what a lease means to the router, and to the next start.
#include "router/dhcp/uplink.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/file.h"
#include "lib/log.h"
#include "router/dhcp/writer.h"
#include "router/dynamic.h"
#include "router/neigh/neigh.h"
#include <inttypes.h>
#include <rte_random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MTU_LEAST4 576
#define MTU_LEAST6 1280

struct uplink *uplinks;

// ---- the lease on disk: one line ------------------------------------------------------------------------------

static void file_of(const struct uplink *u, char *path, size_t size) {
	snprintf(path, size, "%s/dhcp-client.%s.%s", file_state_dir(), u->router, u->name);
}

static void save(struct uplink *u, bool forget) {
	const struct dhcp_client_lease *l = &u->client.lease;
	uint64_t age_s = (clock_now_ns() - l->got_ns) / NSEC_PER_SEC;
	char *text = NULL;
	int n;

	if (u->writer == NULL)
		return;
	n = forget ? asprintf(&text, "none\n")
		   : asprintf(&text,
			     "lease %08x mask %08x server %08x router %08x got %" PRIu64
			     " for %" PRIu64 " renew %" PRIu64 " rebind %" PRIu64 "\n",
			     l->addr, l->mask, l->server,
			     l->n_routes && l->routes[0].to.len == 0 ? l->routes[0].via : 0,
			     (uint64_t)(clock_wall_ns() / NSEC_PER_SEC - age_s), l->lease_s,
			     l->t1_s, l->t2_s);
	if (n > 0)
		writer_replace(u->writer, text, (size_t)n);
}

static void load(struct uplink *u) {
	struct dhcp_client_lease l = {0};
	uint64_t got_s, now_s = clock_wall_ns() / NSEC_PER_SEC;
	uint32_t gateway;
	char path[512], *text;
	struct err err = {0};

	if (file_state_dir() == NULL)
		return;
	file_of(u, path, sizeof(path));
	if (file_read(path, 4096, &text, NULL, &err) == 0) {
		if (sscanf(text,
			    "lease %" SCNx32 " mask %" SCNx32 " server %" SCNx32 " router %" SCNx32
			    " got %" SCNu64 " for %" SCNu64 " renew %" SCNu64 " rebind %" SCNu64,
			    &l.addr, &l.mask, &l.server, &gateway, &got_s, &l.lease_s, &l.t1_s,
			    &l.t2_s) == 8 &&
			got_s <= now_s && now_s - got_s < l.lease_s &&
			(now_s - got_s) * NSEC_PER_SEC < clock_now_ns()) {
			l.got_ns = clock_now_ns() - (now_s - got_s) * NSEC_PER_SEC;
			l.routes[0] = (struct dhcp_route){{.addr = {.family = ADDR_V4}}, gateway};
			l.n_routes = gateway != 0;
			u->client.lease = l;
			u->client.has_lease = true;
		}
		free(text);
	}
	u->writer = writer_new(path, &err);
	if (u->writer == NULL)
		log_error("dhcp", "the client's lease is not kept over a restart", "why=\"%s\"",
			err.msg);
}

// ---- what the client wants done ---------------------------------------------------------------------------------

static struct uplink *uplink_of(struct dhcp_client *client) {
	return (struct uplink *)client; // its first member
}

// Straight to the server, the gateway, or whoever brought the server's messages, when the MAC address is known: a RELEASE must not wait for routes that are about to go.
static bool neighbor_mac(const struct uplink *u, uint32_t to, struct mac *mac) {
	const struct dhcp_client_lease *l = &u->client.lease;
	static const struct mac none;
	struct neigh_info info;
	struct addr addr = dhcp_addr(to);

	if ((to & l->mask) != (l->addr & l->mask))
		addr = dhcp_addr(l->n_routes ? l->routes[0].via : 0);
	bool known = neigh_find(u->iface, &addr, &info) && info.state != NEIGH_INCOMPLETE &&
		info.state != NEIGH_FAILED;
	*mac = known ? info.mac : u->from;
	return known || memcmp(&u->from, &none, sizeof(none)) != 0;
}

static void op_send(struct dhcp_client *client, const struct dhcp_out *out, uint32_t to) {
	const struct uplink *u = uplink_of(client);
	uint8_t frame[DHCP_HEADERS + DHCP_OUT_MAX];
	struct dhcp_packet packet = {.from_mac = client->mac,
		.from = out->head.ciaddr,
		.to = to ? to : UINT32_MAX,
		.from_port = DHCP_CLIENT_PORT,
		.to_port = DHCP_SERVER_PORT,
		.payload = frame + DHCP_HEADERS};
	bool routed = to != 0 && !neighbor_mac(u, to, &packet.to_mac);

	if (to == 0)
		memset(packet.to_mac.bytes, 0xff, sizeof(packet.to_mac.bytes));
	packet.len = dhcp_encode(out, frame + DHCP_HEADERS, DHCP_OUT_LEAST, NULL);
	dhcp_transmit(u->iface, frame, dhcp_packet_encode(frame, &packet, routed), routed);
}

static struct prefix prefix_of(const struct dhcp_client_lease *lease) {
	return (struct prefix){dhcp_addr(lease->addr), (uint8_t)__builtin_popcount(lease->mask)};
}

static bool op_address(struct dhcp_client *client) {
	const struct uplink *u = uplink_of(client);
	struct prefix prefix = prefix_of(&client->lease);
	struct err err = {0};

	if (dynamic_addr_add(u->iface, RTR_FROM_DHCP, &prefix, NULL, &err) == 0)
		return true;
	log_error("dhcp", "an address that the server gives cannot be used",
		"interface=%s why=\"%s\"", u->name, err.msg);
	event_emit("router.dhcp-unusable",
		json_pack("{s:s, s:s}", "interface", u->name, "why", err.msg));
	return false;
}

static bool routes_same(const struct uplink *u) {
	const struct dhcp_client_lease *l = &u->client.lease;

	if (u->n_routes != l->n_routes || u->default_route != u->client.conf->default_route ||
		u->classless != u->client.conf->classless || u->metric != u->client.conf->metric)
		return false;
	for (unsigned i = 0; i < u->n_routes; i++)
		if (u->routes[i].via != l->routes[i].via ||
			u->routes[i].to.len != l->routes[i].to.len ||
			addr_cmp(&u->routes[i].to.addr, &l->routes[i].to.addr) != 0)
			return false;
	return true;
}

static void route_add(const struct uplink *u, const struct dhcp_route *route) {
	struct addr via = route->via ? dhcp_addr(route->via) : (struct addr){.family = ADDR_NONE};
	bool wanted = route->to.len == 0 ? u->default_route : u->classless;
	struct err err = {0};
	char text[PREFIX_STRLEN];

	if (wanted &&
		dynamic_route_add(u->iface, RTR_FROM_DHCP, &route->to, &via, u->metric, &err) != 0)
		log_error("dhcp", "a route that the server gives is refused",
			"interface=%s prefix=%s why=\"%s\"", u->name,
			prefix_print(&route->to, text), err.msg);
}

static void routes_set(struct uplink *u) {
	const struct dhcp_client_lease *l = &u->client.lease;

	if (routes_same(u))
		return;
	dynamic_routes_del(u->iface, RTR_FROM_DHCP);
	u->default_route = u->client.conf->default_route;
	u->classless = u->client.conf->classless;
	u->metric = u->client.conf->metric;
	u->n_routes = l->n_routes;
	memcpy(u->routes, l->routes, sizeof(u->routes));
	for (unsigned i = 0; i < u->n_routes; i++)
		route_add(u, &u->routes[i]);
}

static void mtu_set(const struct uplink *u) {
	const struct rtr_iface *iface = rtr_iface(u->iface);
	uint16_t mtu = u->client.conf->mtu ? u->client.lease.mtu : 0, least = MTU_LEAST4;

	for (unsigned i = 0; iface && i < iface->n_addrs; i++)
		if (iface->addrs[i].addr.family == ADDR_V6)
			least = MTU_LEAST6;
	dynamic_mtu_set(u->iface, RTR_FROM_DHCP, mtu && mtu < least ? least : mtu);
}

static void op_bound(struct dhcp_client *client) {
	struct uplink *u = uplink_of(client);
	struct prefix prefix = prefix_of(&client->lease);
	struct addr server = dhcp_addr(client->lease.server);
	char text[PREFIX_STRLEN], from[ADDR_STRLEN];

	routes_set(u);
	mtu_set(u);
	save(u, false);
	if (u->told == client->lease.addr)
		return;
	u->told = client->lease.addr;
	log_info("dhcp", "address from a server",
		"interface=%s address=%s server=%s lease_s=%" PRIu64, u->name,
		prefix_print(&prefix, text), addr_print(&server, from), client->lease.lease_s);
	event_emit("router.dhcp-bound",
		json_pack(
			"{s:s, s:s, s:s}", "interface", u->name, "address", text, "server", from));
}

static void op_lost(struct dhcp_client *client, bool forget) {
	struct uplink *u = uplink_of(client);
	struct addr addr = dhcp_addr(client->lease.addr);

	dynamic_routes_del(u->iface, RTR_FROM_DHCP);
	dynamic_addr_del(u->iface, RTR_FROM_DHCP, &addr);
	dynamic_mtu_set(u->iface, RTR_FROM_DHCP, 0);
	u->n_routes = 0;
	if (forget)
		save(u, true);
	if (u->told == 0)
		return;
	u->told = 0;
	log_warn("dhcp", "address of a server is gone", "interface=%s", u->name);
	event_emit("router.dhcp-lost", json_pack("{s:s}", "interface", u->name));
}

static uint32_t op_random(void) {
	return (uint32_t)rte_rand();
}

static const struct dhcp_client_ops ops = {.send = op_send,
	.address = op_address,
	.bound = op_bound,
	.lost = op_lost,
	.random = op_random};

// ---- the router's transaction -----------------------------------------------------------------------------------

static struct uplink *uplink_find(uint16_t iface) {
	struct uplink *u = uplinks;

	while (u && u->iface != iface)
		u = u->next;
	return u;
}

static bool link_of(const struct rtr_iface *iface) {
	struct dp_port_info info;

	return iface->port == DP_NONE || (dp_port_info(iface->port, &info) == 0 && info.link_up);
}

static void uplink_new(const struct rtr_iface *iface, const struct dhcp_conf_client *conf) {
	struct uplink *u = calloc(1, sizeof(*u));

	if (u == NULL) {
		log_error("dhcp", "out of memory: no client", "interface=%s", iface->name);
		return;
	}
	u->iface = iface->index;
	u->client.ops = &ops;
	u->client.conf = conf;
	memcpy(u->client.mac.bytes, &iface->mac, sizeof(u->client.mac.bytes));
	snprintf(u->router, sizeof(u->router), "%s", iface->router);
	snprintf(u->name, sizeof(u->name), "%s", iface->name);
	load(u);
	u->next = uplinks;
	uplinks = u;
	dhcp_client_link(&u->client, link_of(iface));
}

static bool is_same(const struct uplink *u, const struct rtr_iface *iface) {
	return iface && strcmp(u->router, iface->router) == 0 &&
		strcmp(u->name, iface->name) == 0 &&
		memcmp(&u->client.mac, &iface->mac, sizeof(u->client.mac)) == 0;
}

static void uplink_free(struct uplink **at) {
	struct uplink *u = *at;

	*at = u->next;
	writer_free(u->writer);
	free(u);
}

// The running interface of an uplink was made anew, or given a subnet that is in the way: what was on it is gone.
static void uplink_keep(struct uplink *u, const struct rtr_iface *iface) {
	struct addr addr = dhcp_addr(u->client.lease.addr);
	bool up = link_of(iface);

	if (u->client.in_use && !dynamic_addr_has(u->iface, RTR_FROM_DHCP, &addr)) {
		u->client.in_use = false;
		u->n_routes = 0;
		dhcp_client_link(&u->client, false);
		dhcp_client_link(&u->client, up);
	} else if (u->client.in_use) {
		routes_set(u);
		mtu_set(u);
	}
}

static const struct dhcp_conf_client *conf_of(const struct rtr_iface *iface) {
	return iface && dhcp_by_iface[iface->index] ? dhcp_by_iface[iface->index]->client : NULL;
}

void uplink_commit(void) {
	for (struct uplink **at = &uplinks; *at;) {
		struct uplink *u = *at;
		const struct rtr_iface *iface = rtr_iface(u->iface);
		const struct dhcp_conf_client *conf = is_same(u, iface) ? conf_of(iface) : NULL;

		if (conf) {
			u->client.conf = conf;
			uplink_keep(u, iface);
			at = &u->next;
			continue;
		}
		if (is_same(u, iface) && !dhcp_stopping)
			dhcp_client_release(&u->client);
		uplink_free(at);
	}
	for (unsigned i = 0; i < DP_MAX_IFACES; i++)
		if (conf_of(rtr_ifaces[i]) && !uplink_find((uint16_t)i))
			uplink_new(rtr_ifaces[i], conf_of(rtr_ifaces[i]));
}

// ---- while it runs ----------------------------------------------------------------------------------------------

static void address_changed(uint16_t iface, const struct addr *addr, bool usable) {
	struct uplink *u = uplink_find(iface);

	if (u && !usable && dhcp_addr_host(addr) == u->client.lease.addr)
		dhcp_client_checked(&u->client, false);
}

void uplink_init(void) {
	dynamic_on_addr(RTR_FROM_DHCP, address_changed);
}

void uplink_receive(uint16_t iface, const struct dhcp_msg *msg, const struct mac *from) {
	struct uplink *u = uplink_find(iface);

	if (u == NULL)
		return;
	if (msg->head.xid == u->client.xid)
		u->from = *from;
	dhcp_client_receive(&u->client, msg);
}

void uplink_link(uint16_t iface, bool up) {
	struct uplink *u = uplink_find(iface);

	if (u)
		dhcp_client_link(&u->client, up);
}

void uplink_poll(uint64_t now_ns) {
	for (struct uplink *u = uplinks; u; u = u->next) {
		struct addr addr = dhcp_addr(u->client.lease.addr);

		if (u->client.state == DHCP_CLIENT_CHECKING &&
			neigh_address_usable(u->iface, &addr))
			dhcp_client_checked(&u->client, true);
		dhcp_client_poll(&u->client, now_ns);
	}
}

void uplink_fini(void) {
	while (uplinks)
		uplink_free(&uplinks);
}
