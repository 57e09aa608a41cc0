// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/ra/ra_conf.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SEC 1000000000ull
#define MS  1000000ull

struct raw {
	uint64_t interval_ns, lifetime_ns, reachable_ns, retrans_ns;
	bool managed, other;
	unsigned preference;
	int64_t hop_limit, mtu;
	const json_t *dns, *search, *prefixes, *routes;
};

struct raw_prefix {
	bool on_link, autonomous;
	uint64_t valid_ns, preferred_ns;
};

struct raw_route {
	unsigned preference;
	uint64_t lifetime_ns;
};

static const char *const preference_words[] = {"low", "medium", "high", NULL};

static const struct schema_row dns_elem = {.name = "address",
	.type = SCHEMA_ADDRESS,
	.example = "\"2001:db8:10::53\"",
	.help = "an IPv6 address of a DNS server"};

static const struct schema_row prefix_key = {.name = "prefix",
	.type = SCHEMA_PREFIX,
	.example = "\"2001:db8:10::/64\"",
	.help = "an IPv6 prefix"};

static const struct schema_row prefix_rows[] = {
	{.name = "on_link",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct raw_prefix, on_link),
		.flags = SCHEMA_LIVE,
		.def = "true",
		.help = "its addresses are on the link"},
	{.name = "autonomous",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct raw_prefix, autonomous),
		.flags = SCHEMA_LIVE,
		.def = "true",
		.help = "hosts make addresses in it (SLAAC, RFC 4862)"},
	{.name = "valid",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct raw_prefix, valid_ns),
		.flags = SCHEMA_LIVE,
		.max = 4294967294000000000,
		.def = "30d",
		.help = "how long it is valid"},
	{.name = "preferred",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct raw_prefix, preferred_ns),
		.flags = SCHEMA_LIVE,
		.max = 4294967294000000000,
		.def = "7d",
		.help = "how long its addresses are used for new connections"},
	{0},
};
static const struct schema_row prefix_elem = {
	.name = "prefix", .type = SCHEMA_OBJECT, .rows = prefix_rows, .help = "what is said of it"};

static const struct schema_row route_key = {.name = "prefix",
	.type = SCHEMA_PREFIX,
	.example = "\"2001:db8:20::/48\"",
	.help = "an IPv6 prefix"};

static const struct schema_row route_rows[] = {
	{.name = "preference",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct raw_route, preference),
		.flags = SCHEMA_LIVE,
		.words = preference_words,
		.def = "medium",
		.help = "among several routers that say it"},
	{.name = "lifetime",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct raw_route, lifetime_ns),
		.flags = SCHEMA_LIVE,
		.max = 4294967294000000000,
		.def = "30m",
		.help = "how long hosts keep it; 0s: they forget it"},
	{0},
};
static const struct schema_row route_elem = {
	.name = "route", .type = SCHEMA_OBJECT, .rows = route_rows, .help = "what is said of it"};

static int domain_check(const json_t *value, const char *path, struct err *err) {
	uint8_t wire[ND_DOMAIN + 1];

	if (nd_domain_encode(json_string_value(value), wire) == 0)
		return err_at(err, path,
			"%s is no domain; labels of letters, digits, - and _ with dots between "
			"them",
			json_string_value(value));
	return 0;
}

static const struct schema_row domain_elem = {.name = "domain",
	.type = SCHEMA_STRING,
	.min = 1,
	.max = ND_DOMAIN - 1,
	.check = domain_check,
	.example = "\"branch.example\"",
	.help = "a domain name"};

const struct schema_row ra_rows[] = {
	{.name = "interval",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct raw, interval_ns),
		.flags = SCHEMA_LIVE,
		.min = 4 * SEC,
		.max = 1800 * SEC,
		.def = "10m",
		.help = "the longest time between two advertisements; the shortest is a third of "
			"it"},
	{.name = "lifetime",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct raw, lifetime_ns),
		.flags = SCHEMA_LIVE,
		.max = 9000 * SEC,
		.def = "30m",
		.help = "how long hosts keep it as default router; 0s: it is none"},
	{.name = "preference",
		.type = SCHEMA_ENUM,
		SCHEMA_FIELD(struct raw, preference),
		.flags = SCHEMA_LIVE,
		.words = preference_words,
		.def = "medium",
		.help = "among several default routers (RFC 4191)"},
	{.name = "managed",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct raw, managed),
		.flags = SCHEMA_LIVE,
		.def = "false",
		.help = "hosts get addresses by DHCPv6"},
	{.name = "other",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct raw, other),
		.flags = SCHEMA_LIVE,
		.def = "false",
		.help = "hosts get other configuration by DHCPv6"},
	{.name = "hop_limit",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct raw, hop_limit),
		.flags = SCHEMA_LIVE,
		.max = 255,
		.def = "64",
		.help = "hop limit that hosts shall use; 0: not said"},
	{.name = "mtu",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct raw, mtu),
		.flags = SCHEMA_LIVE,
		.min = 1280,
		.max = 9216,
		.unit = "B",
		.help = "MTU that hosts shall use; not said when left out"},
	{.name = "reachable",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct raw, reachable_ns),
		.flags = SCHEMA_LIVE,
		.max = 3600 * SEC,
		.def = "0s",
		.help = "how long hosts take a neighbour for reachable; 0s: not said"},
	{.name = "retrans",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct raw, retrans_ns),
		.flags = SCHEMA_LIVE,
		.max = 3600 * SEC,
		.def = "0s",
		.help = "between two solicitations of a neighbour; 0s: not said"},
	{.name = "dns",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct raw, dns),
		.flags = SCHEMA_LIVE | SCHEMA_UNIQUE,
		.max = ND_SERVERS,
		.elem = &dns_elem,
		.example = "{ \"2001:db8:10::53\" }",
		.help = "DNS servers (RFC 8106), for three intervals"},
	{.name = "search",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct raw, search),
		.flags = SCHEMA_LIVE | SCHEMA_UNIQUE,
		.max = ND_DOMAINS,
		.elem = &domain_elem,
		.example = "{ \"branch.example\" }",
		.help = "domains that names are looked for in (RFC 8106), for three intervals"},
	{.name = "routes",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct raw, routes),
		.flags = SCHEMA_LIVE,
		.key = &route_key,
		.max = ND_ROUTES,
		.elem = &route_elem,
		.help = "networks that this router is the way to (RFC 4191), beside or instead of "
			"being default router"},
	{.name = "prefixes",
		.type = SCHEMA_MAP,
		SCHEMA_FIELD(struct raw, prefixes),
		.flags = SCHEMA_LIVE,
		.key = &prefix_key,
		.max = ND_PREFIXES,
		.elem = &prefix_elem,
		.help = "prefixes; those of the interface's addresses when left out"},
	{0},
};

int ra_check(const json_t *object, const char *path, struct err *err) {
	uint64_t interval_ns, lifetime_ns;

	schema_duration_parse(json_string_value(json_object_get(object, "interval")), &interval_ns);
	schema_duration_parse(json_string_value(json_object_get(object, "lifetime")), &lifetime_ns);
	if (lifetime_ns != 0 && lifetime_ns < interval_ns)
		return err_at(err, path,
			"lifetime: hosts would forget the router between two advertisements; use "
			"three times the interval, or 0s");
	return 0;
}

static int dns_parse(
	struct nd_router *said, const struct raw *raw, const char *path, struct err *err) {
	char at[256];

	for (size_t i = 0; i < json_array_size(raw->dns); i++) {
		struct nd_server *server = &said->servers[said->n_servers++];

		addr_parse(json_string_value(json_array_get(raw->dns, i)), &server->addr);
		server->lifetime_s = (uint32_t)(3 * raw->interval_ns / SEC);
		snprintf(at, sizeof(at), "%s.ra.dns[%zu]", path, i + 1);
		if (server->addr.family != ADDR_V6)
			return err_at(err, at, "advertisements carry IPv6 addresses only");
	}
	return 0;
}

static void search_parse(struct nd_router *said, const struct raw *raw) {
	for (size_t i = 0; i < json_array_size(raw->search); i++) {
		struct nd_domain *domain = &said->domains[said->n_domains++];
		const char *name = json_string_value(json_array_get(raw->search, i));

		snprintf(domain->name, sizeof(domain->name), "%s", name);
		domain->lifetime_s = (uint32_t)(3 * raw->interval_ns / SEC);
	}
}

static int routes_parse(
	struct nd_router *said, const json_t *map, const char *path, struct err *err) {
	const char *text;
	json_t *value;
	char at[256];

	json_object_foreach ((json_t *)map, text, value) {
		struct nd_route *r = &said->routes[said->n_routes++];
		struct raw_route raw = {0};

		schema_decode(route_rows, value, &raw);
		prefix_parse(text, &r->prefix);
		r->prefix = prefix_network(&r->prefix);
		r->preference = (int8_t)((int)raw.preference - 1);
		r->lifetime_s = (uint32_t)(raw.lifetime_ns / SEC);
		snprintf(at, sizeof(at), "%s.ra.routes[\"%s\"]", path, text);
		if (r->prefix.addr.family != ADDR_V6 || nd_is_group(&r->prefix.addr) ||
			nd_is_link_local(&r->prefix.addr))
			return err_at(err, at, "give a prefix of IPv6 unicast addresses");
		if (r->prefix.len == 0)
			return err_at(err, at,
				"to be the default router is `lifetime` and `preference` of `ra`");
	}
	return 0;
}

static int prefixes_parse(
	struct nd_router *said, const json_t *map, const char *path, struct err *err) {
	const char *text;
	json_t *value;
	char at[256];

	json_object_foreach ((json_t *)map, text, value) {
		struct nd_prefix *p = &said->prefixes[said->n_prefixes++];
		struct raw_prefix raw = {0};

		schema_decode(prefix_rows, value, &raw);
		prefix_parse(text, &p->prefix);
		p->prefix = prefix_network(&p->prefix);
		p->on_link = raw.on_link;
		p->autonomous = raw.autonomous;
		p->valid_s = (uint32_t)(raw.valid_ns / SEC);
		p->preferred_s = (uint32_t)(raw.preferred_ns / SEC);
		snprintf(at, sizeof(at), "%s.ra.prefixes[\"%s\"]", path, text);
		if (p->prefix.addr.family != ADDR_V6 || nd_is_group(&p->prefix.addr) ||
			nd_is_link_local(&p->prefix.addr))
			return err_at(err, at, "give a prefix of IPv6 unicast addresses");
		if (p->preferred_s > p->valid_s)
			return err_at(err, at,
				"preferred: longer than valid, and hosts would ignore it (RFC "
				"4862)");
	}
	return 0;
}

int ra_conf_parse(
	struct rtr_conf_iface *iface, const json_t *object, const char *path, struct err *err) {
	struct raw raw = {0};
	struct ra_conf *ra;
	char at[256];

	snprintf(at, sizeof(at), "%s.accept_ra", path);
	if (iface->accept_ra && object)
		return err_at(err, at,
			"an interface advertises or listens, not both; remove `ra` or `accept_ra`");
	if (iface->accept_ra && iface->tunnel.type != TUNNEL_NONE)
		return err_at(err, at, "nobody advertises on a tunnel; remove it");
	if (object == NULL)
		return 0;
	snprintf(at, sizeof(at), "%s.ra", path);
	if (!iface->ipv6)
		return err_at(err, at,
			"the interface has no IPv6; give it an address, or set `ipv6 = true`");
	ra = iface->ra = calloc(1, sizeof(*ra));
	if (ra == NULL)
		return err_set(err, -ENOMEM, "routers: out of memory");
	schema_decode(ra_rows, object, &raw);
	ra->interval_ns = raw.interval_ns;
	ra->own_prefixes = raw.prefixes == NULL;
	ra->said.lifetime_s = (uint16_t)(raw.lifetime_ns / SEC);
	ra->said.preference = (int8_t)((int)raw.preference - 1);
	ra->said.managed = raw.managed;
	ra->said.other = raw.other;
	ra->said.hop_limit = (uint8_t)raw.hop_limit;
	ra->said.mtu = (uint32_t)raw.mtu;
	ra->said.reachable_ms = (uint32_t)(raw.reachable_ns / MS);
	ra->said.retrans_ms = (uint32_t)(raw.retrans_ns / MS);
	search_parse(&ra->said, &raw);
	if (dns_parse(&ra->said, &raw, path, err) != 0 ||
		routes_parse(&ra->said, raw.routes, path, err) != 0)
		return -EINVAL;
	return prefixes_parse(&ra->said, raw.prefixes, path, err);
}
