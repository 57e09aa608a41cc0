// SPDX-License-Identifier: BSD-3-Clause
#include "router/ra/ra_uplink.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include "router/dynamic.h"
#include "router/ip_priv.h"
#include "router/neigh/neigh.h"
#include "router/punt.h"
#include "router/ra/ra_accept.h"
#include "router/router_priv.h"
#include <errno.h>
#include <rte_random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLD_NS (60 * NSEC_PER_SEC) // what cannot be used is told so often, at most

struct uplink {
	struct ra_accept accept; // first: what its operations get is this
	uint16_t iface;
	char router[RTR_NAME], name[RTR_NAME];
	uint64_t told_ns;
};

static struct uplink *uplinks[DP_MAX_IFACES];
static size_t n_uplinks;

static struct uplink *uplink_of(struct ra_accept *a) {
	return (struct uplink *)a;
}

// ---- what is learnt, done -----------------------------------------------------------------------------------

static bool refused(
	struct uplink *u, const char *what, const struct prefix *prefix, const char *why) {
	uint64_t now_ns = clock_now_ns();
	char text[PREFIX_STRLEN];

	if (u->told_ns != 0 && now_ns - u->told_ns < TOLD_NS)
		return false;
	u->told_ns = now_ns;
	prefix_print(prefix, text);
	log_warn("router", "what a router advertises cannot be used",
		"interface=%s %s=%s why=\"%s\"", u->name, what, text, why);
	event_emit("router.ra-unusable",
		json_pack("{s:s, s:s, s:s}", "interface", u->name, what, text, "why", why));
	return false;
}

static bool op_address(struct ra_accept *a, const struct prefix *addr) {
	struct uplink *u = uplink_of(a);
	struct err err = {0};

	return dynamic_addr_add(u->iface, RTR_FROM_RA, addr, NULL, &err) == 0 ||
		refused(u, "address", addr, err.msg);
}

static void op_address_gone(struct ra_accept *a, const struct addr *addr) {
	dynamic_addr_del(uplink_of(a)->iface, RTR_FROM_RA, addr);
}

static void default_told(const struct uplink *u, const struct addr *via, bool there) {
	char text[ADDR_STRLEN];

	addr_print(via, text);
	log_info("router", there ? "default router" : "default router is gone",
		"interface=%s router=%s", u->name, text);
	event_emit("router.ra-default",
		json_pack("{s:s, s:s, s:b}", "interface", u->name, "router", text, "there",
			(int)there));
}

static bool op_route(
	struct ra_accept *a, const struct prefix *prefix, const struct addr *via, uint32_t metric) {
	struct uplink *u = uplink_of(a);
	struct err err = {0};

	if (dynamic_route_add(u->iface, RTR_FROM_RA, prefix, via, metric, &err) != 0)
		return refused(u, "prefix", prefix, err.msg);
	if (prefix->len == 0)
		default_told(u, via, true);
	return true;
}

static void op_route_gone(
	struct ra_accept *a, const struct prefix *prefix, const struct addr *via, uint32_t metric) {
	const struct uplink *u = uplink_of(a);

	dynamic_route_del(u->iface, RTR_FROM_RA, prefix, via, metric);
	if (prefix->len == 0)
		default_told(u, via, false);
}

static void op_mtu(struct ra_accept *a, uint16_t mtu) {
	dynamic_mtu_set(uplink_of(a)->iface, RTR_FROM_RA, mtu);
}

static const struct addr *link_local_of(const struct rtr_iface *iface) {
	for (unsigned i = 0; i < iface->n_addrs; i++)
		if (iface->addrs[i].addr.family == ADDR_V6 &&
			ip6_is_link_local(iface->addrs[i].addr.bytes) &&
			iface->from[i] != RTR_FROM_VRRP)
			return &iface->addrs[i].addr;
	return NULL;
}

static bool op_solicit(struct ra_accept *a) {
	const struct uplink *u = uplink_of(a);
	const struct rtr_iface *iface = rtr_iface(u->iface);
	const struct addr *from = iface ? link_local_of(iface) : NULL;
	struct nd nd = {.type = ND_RS, .dst = nd_all_routers, .has_mac = true, .mac = a->mac};
	uint8_t frame[ND_FRAME_MAX];

	if (from == NULL || !neigh_address_usable(u->iface, from))
		return false;
	nd.src = *from;
	size_t len = nd_encode(&nd, &a->mac, NULL, frame);
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp_pool());
	char *at = m ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;

	if (at == NULL) {
		rte_pktmbuf_free(m);
		return false;
	}
	memcpy(at, frame, len);
	punt_frame(u->iface, m);
	return true;
}

static uint32_t op_random(void) {
	return (uint32_t)rte_rand();
}

static const struct ra_accept_ops ops = {.address = op_address,
	.address_gone = op_address_gone,
	.route = op_route,
	.route_gone = op_route_gone,
	.mtu = op_mtu,
	.solicit = op_solicit,
	.random = op_random};

// ---- while it runs --------------------------------------------------------------------------------------------

void ra_uplink_receive(uint16_t iface, const struct nd *nd) {
	struct uplink *u = uplinks[iface];

	if (u == NULL)
		return;
	if (nd->has_mac)
		neigh_heard(iface, &nd->src, &nd->mac, true);
	ra_accept_receive(&u->accept, nd);
}

void ra_uplink_link(uint16_t iface, bool up) {
	if (uplinks[iface])
		ra_accept_link(&uplinks[iface]->accept, up);
}

void ra_uplink_poll(uint64_t now_ns) {
	for (unsigned i = 0; n_uplinks > 0 && i < DP_MAX_IFACES; i++)
		if (uplinks[i])
			ra_accept_poll(&uplinks[i]->accept, now_ns);
}

static void address_changed(uint16_t iface, const struct addr *addr, bool usable) {
	struct uplink *u = uplinks[iface];
	char text[ADDR_STRLEN];

	if (u == NULL)
		return;
	addr_print(addr, text);
	if (usable)
		log_info("router", "address by router advertisement", "interface=%s address=%s",
			u->name, text);
	else
		ra_accept_duplicate(&u->accept, addr);
}

// ---- the transaction --------------------------------------------------------------------------------------------

static bool is_up(const struct rtr_iface *iface) {
	struct dp_port_info info;

	return iface->port == DP_NONE || (dp_port_info(iface->port, &info) == 0 && info.link_up);
}

static void uplink_new(const struct rtr_iface *iface) {
	struct uplink *u = calloc(1, sizeof(*u));

	if (u == NULL) {
		log_error("router", "out of memory: no advertisements are accepted", "interface=%s",
			iface->name);
		return;
	}
	u->accept.ops = &ops;
	memcpy(u->accept.mac.bytes, iface->mac.addr_bytes, sizeof(u->accept.mac.bytes));
	u->iface = iface->index;
	snprintf(u->router, sizeof(u->router), "%s", iface->router);
	snprintf(u->name, sizeof(u->name), "%s", iface->name);
	uplinks[u->iface] = u;
	n_uplinks++;
	ra_accept_link(&u->accept, is_up(iface));
}

static void uplink_del(struct uplink *u) {
	uplinks[u->iface] = NULL;
	n_uplinks--;
	free(u);
}

static bool is_same(const struct uplink *u, const struct rtr_iface *iface) {
	return iface && strcmp(u->router, iface->router) == 0 &&
		strcmp(u->name, iface->name) == 0 &&
		memcmp(&u->accept.mac, &iface->mac, sizeof(u->accept.mac)) == 0;
}

static bool is_wanted(const struct rtr_iface *iface) {
	const struct rtr_conf *router = iface ? rtr_conf_find(&rtr_running, iface->router) : NULL;
	const struct rtr_conf_iface *conf = router ? rtr_conf_iface(router, iface->name) : NULL;

	return conf && conf->accept_ra;
}

void ra_uplink_commit(void) {
	for (unsigned i = 0; i < DP_MAX_IFACES; i++) {
		const struct rtr_iface *iface = rtr_ifaces[i];
		struct uplink *u = uplinks[i];
		bool same = u && is_same(u, iface), wanted = is_wanted(iface);

		if (same && wanted) {
			ra_accept_again(&u->accept);
			continue;
		}
		if (same) // else all of it went with the interface
			ra_accept_forget(&u->accept);
		if (u)
			uplink_del(u);
		if (wanted)
			uplink_new(rtr_ifaces[i]); // another one than before
	}
}

void ra_uplink_init(void) {
	dynamic_on_addr(RTR_FROM_RA, address_changed);
}

void ra_uplink_fini(void) {
	for (unsigned i = 0; i < DP_MAX_IFACES; i++)
		if (uplinks[i])
			uplink_del(uplinks[i]);
}

// ---- leat show ra-uplinks -----------------------------------------------------------------------------------------

const struct schema_row ra_uplink_columns[] = {
	{.name = "interface", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "interface"},
	{.name = "router", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "router"},
	{.name = "defaults",
		.type = SCHEMA_STRING,
		.help = "default routers, with preference and seconds left"},
	{.name = "addresses",
		.type = SCHEMA_STRING,
		.help = "addresses made of prefixes, with seconds that they are preferred and "
			"valid"},
	{.name = "routes", .type = SCHEMA_STRING, .help = "more specific routes (RFC 4191)"},
	{.name = "dns", .type = SCHEMA_STRING, .help = "DNS servers (RFC 8106)"},
	{.name = "search", .type = SCHEMA_STRING, .help = "domains that names are looked for in"},
	{.name = "mtu", .type = SCHEMA_INT, .unit = "B", .help = "MTU of the link; 0: not said"},
	{.name = "managed",
		.type = SCHEMA_BOOL,
		.flags = SCHEMA_WIDE,
		.help = "addresses are had by DHCPv6"},
	{.name = "other",
		.type = SCHEMA_BOOL,
		.flags = SCHEMA_WIDE,
		.help = "other configuration is had by DHCPv6"},
	{.name = "received",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "advertisements received"},
	{.name = "solicited",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "solicitations sent"},
	{.name = "refused",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "what was advertised and found no room or could not be used"},
	{0},
};

struct text {
	char buf[4096];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...) {
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, format, args);
	va_end(args);
	if (n > 0)
		t->len = t->len + (size_t)n < sizeof(t->buf) ? t->len + (size_t)n
							     : sizeof(t->buf) - 1;
}

static const char *gap(const struct text *t) {
	return t->len > 0 ? ", " : "";
}

// Seconds, or "ever".
static const char *left(uint64_t at_ns, char buf[static 24]) {
	uint64_t now_ns = clock_now_ns();

	if (at_ns == RA_NEVER)
		return "ever";
	snprintf(buf, 24, "%llus",
		(unsigned long long)(at_ns > now_ns ? (at_ns - now_ns) / NSEC_PER_SEC : 0));
	return buf;
}

static void routes_print(const struct ra_accept *a, bool defaults, struct text *t) {
	static const char *const words[] = {"low", "medium", "high"};
	char prefix[PREFIX_STRLEN], via[ADDR_STRLEN], time[24];

	for (unsigned i = 0; i < a->n_routes; i++) {
		const struct ra_route *r = &a->routes[i];

		if ((r->prefix.len == 0) != defaults)
			continue;
		add(t, "%s", gap(t));
		if (!defaults)
			add(t, "%s via ", prefix_print(&r->prefix, prefix));
		add(t, "%s %s %s", addr_print(&r->via, via), words[r->preference + 1],
			left(r->until_ns, time));
	}
}

static void addresses_print(const struct ra_accept *a, struct text *t) {
	char addr[ADDR_STRLEN], preferred[24], valid[24];

	for (unsigned i = 0; i < a->n_prefixes; i++) {
		const struct ra_prefix *p = &a->prefixes[i];

		if (p->valid_until_ns != 0)
			add(t, "%s%s %s/%s%s", gap(t), addr_print(&p->addr, addr),
				left(p->preferred_until_ns, preferred),
				left(p->valid_until_ns, valid), p->duplicate ? " duplicate" : "");
	}
}

static json_t *row_of(const struct uplink *u) {
	const struct ra_accept *a = &u->accept;
	struct text defaults = {0}, addresses = {0}, routes = {0}, dns = {0}, search = {0};
	char addr[ADDR_STRLEN];

	routes_print(a, true, &defaults);
	addresses_print(a, &addresses);
	routes_print(a, false, &routes);
	for (unsigned i = 0; i < a->n_servers; i++)
		add(&dns, "%s%s", gap(&dns), addr_print(&a->servers[i].addr, addr));
	for (unsigned i = 0; i < a->n_domains; i++)
		add(&search, "%s%s", gap(&search), a->domains[i].name);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:b, s:b, s:I, s:I, s:I}",
		"interface", u->name, "router", u->router, "defaults", defaults.buf, "addresses",
		addresses.buf, "routes", routes.buf, "dns", dns.buf, "search", search.buf, "mtu",
		(int)a->mtu, "managed", (int)a->managed, "other", (int)a->other, "received",
		(json_int_t)a->received, "solicited", (json_int_t)a->solicited, "refused",
		(json_int_t)a->refused);
}

int ra_uplink_show(const json_t *, size_t limit, json_t *rows, struct err *err) {
	for (unsigned i = 0; i < DP_MAX_IFACES && json_array_size(rows) < limit; i++)
		if (uplinks[i] && json_array_append_new(rows, row_of(uplinks[i])) != 0)
			return err_set(err, -ENOMEM, "out of memory");
	return 0;
}
