// SPDX-License-Identifier: BSD-3-Clause
// Nouns about routes. There may be millions: `routes` is told page by page, each a bounded number of routes looked at.
#include "router/fib/nexthop.h"
#include "router/fib/rib.h"
#include "router/host/netlink.h"
#include "router/router_priv.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PAGE_ROWS   1000 // of one page
#define PAGE_ROUTES 8000 // looked at for it

const char *const rtr_source_words[RTR_SRC_COUNT + 1] = {
	"local", "connected", "neighbor", "static", "kernel", "leak", "ra", "dhcp", "file", NULL};

const struct schema_row rtr_route_columns[] = {
	{.name = "prefix", .type = SCHEMA_PREFIX, .flags = SCHEMA_KEY, .help = "destinations"},
	{.name = "router", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "router"},
	{.name = "source", .type = SCHEMA_ENUM, .words = rtr_source_words, .help = "who says so"},
	{.name = "via", .type = SCHEMA_STRING, .help = "next hops, or what happens instead"},
	{.name = "distance",
		.type = SCHEMA_INT,
		.help = "preference among sources; less is better"},
	{.name = "metric",
		.type = SCHEMA_INT,
		.help = "preference at one distance; less is better"},
	{.name = "best", .type = SCHEMA_BOOL, .help = "in use"},
	{.name = "nexthop",
		.type = SCHEMA_INT,
		.flags = SCHEMA_WIDE,
		.help = "number of its next hop"},
	{0},
};

static const char *text_of(const json_t *filter, const char *name) {
	return json_string_value(json_object_get(filter, name));
}

static const char *special(unsigned kind) {
	switch (kind) {
	case RTR_NH_LOCAL:
		return "local";
	case RTR_NH_BLACKHOLE:
		return "blackhole";
	case RTR_NH_UNREACHABLE:
		return "unreachable";
	case RTR_NH_PROHIBIT:
		return "prohibit";
	default:
		return "-";
	}
}

void rtr_via_print(uint32_t slot, char *text, size_t size) {
	struct rtr_path paths[RTR_CONF_PATHS];
	const struct rtr_nh *nh = &rtr_nhs[slot];
	unsigned count = nexthop_paths(slot, paths, RTE_DIM(paths));
	size_t n = 0;

	snprintf(text, size, "%s", special(nh->kind));
	if (nh->kind == RTR_NH_VRF)
		snprintf(
			text, size, "router %s", rtr_vrfs[nh->vrf] ? rtr_vrfs[nh->vrf]->name : "-");
	for (unsigned i = 0; i < count && n < size; i++) {
		const struct rtr_iface *iface = rtr_iface(paths[i].iface);
		char via[ADDR_STRLEN], weight[16] = "";

		if (count > 1 && paths[i].weight > 1)
			snprintf(weight, sizeof(weight), " x%u", paths[i].weight);
		n += (size_t)snprintf(text + n, size - n, "%s%s%s%s%s", i ? ", " : "",
			paths[i].gateway.family ? addr_print(&paths[i].gateway, via) : "",
			paths[i].gateway.family ? " " : "", iface ? iface->name : "-", weight);
	}
}

// What is asked for, and how far a page is.
struct page {
	const struct rtr_vrf *vrf;
	int source;         // -1: any
	bool neighbors;     // they are shown only when they are asked for
	struct prefix only; // family NONE: all
	struct prefix last; // looked at
	unsigned looked;
	size_t limit;
	json_t *rows;
	bool full;
	int rc;
};

static json_t *route_json(const struct rtr_route *route, const char *router) {
	char prefix[PREFIX_STRLEN], via[512];

	prefix_print(&route->prefix, prefix);
	rtr_via_print(route->slot, via, sizeof(via));
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:b, s:I}", "prefix", prefix, "router",
		router, "source", rtr_source_words[route->source], "via", via, "distance",
		(int)route->distance, "metric", (json_int_t)route->metric, "best", (int)route->best,
		"nexthop", (json_int_t)route->slot);
}

static bool same(const struct prefix *a, const struct prefix *b) {
	return a->len == b->len && addr_cmp(&a->addr, &b->addr) == 0;
}

// A page ends between two prefixes: all candidates of one are on it.
static bool route_row(const struct rtr_route *route, void *arg) {
	struct page *page = arg;
	bool next = !same(&route->prefix, &page->last);

	page->full =
		next && (json_array_size(page->rows) >= page->limit || page->looked >= PAGE_ROUTES);
	if (page->full)
		return false;
	page->last = route->prefix;
	page->looked++;
	if ((page->source >= 0 && page->source != route->source) ||
		(route->source == RTR_SRC_NEIGHBOR && !page->neighbors))
		return true;
	json_t *row = route_json(route, page->vrf->name);
	if (row == NULL || json_array_append_new(page->rows, row) != 0)
		page->rc = -ENOMEM;
	return page->rc == 0;
}

static int source_of(const char *word) {
	for (int i = 0; word && i < RTR_SRC_COUNT; i++)
		if (strcmp(word, rtr_source_words[i]) == 0)
			return i;
	return -1;
}

static int vrf_of(const char *name) {
	return name && name[0] ? rtr_vrf_find(name) : -1;
}

// Of one router, after `from`. A KEY is a prefix, an address (the longest match is what it asks for), or the router.
static void vrf_page(
	struct page *page, const json_t *filter, const char *key, const struct prefix *from) {
	const char *prefix = text_of(filter, "prefix");
	struct rtr_route best;
	struct addr addr;

	if (key && addr_parse(key, &addr) == 0) {
		page->neighbors = true;
		if (rib_lookup(page->vrf, &addr, &best))
			rib_foreach_of(page->vrf, &best.prefix, route_row, page);
		return;
	}
	if (key && !prefix && prefix_parse(key, &page->only) == 0)
		prefix = key;
	else if (key && strcmp(key, page->vrf->name) != 0)
		return;
	if (prefix && prefix_parse(prefix, &page->only) == 0)
		rib_foreach_of(page->vrf, &page->only, route_row, page);
	else
		rib_foreach(page->vrf, from, route_row, page);
}

int rtr_routes_page(const json_t *filter, char cursor[static MODULE_CURSOR], size_t limit,
	json_t *rows, struct err *err) {
	struct page page = {.source = source_of(text_of(filter, "source")),
		.limit = RTE_MIN(limit, (size_t)PAGE_ROWS),
		.rows = rows};
	const char *router = text_of(filter, "router"), *key = text_of(filter, "key");
	char *blank = strchr(cursor, ' '), text[PREFIX_STRLEN];
	struct prefix from;

	if (cursor[0] && (!blank || prefix_parse(blank + 1, &from) != 0))
		return err_set(err, -EINVAL, "after: this is not what `next` said");
	if (blank)
		*blank = '\0';
	page.neighbors = page.source == RTR_SRC_NEIGHBOR;
	int first = vrf_of(cursor); // one that is gone: begin anew would never end
	for (unsigned v = cursor[0] ? (first < 0 ? RTR_MAX_VRFS : (unsigned)first) : 0;
		v < RTR_MAX_VRFS && !page.full && page.rc == 0; v++) {
		page.vrf = rtr_vrfs[v];
		if (page.vrf && (!router || strcmp(router, page.vrf->name) == 0))
			vrf_page(&page, filter, key, cursor[0] && (int)v == first ? &from : NULL);
	}
	cursor[0] = '\0';
	if (page.full)
		snprintf(cursor, MODULE_CURSOR, "%s %s", page.vrf->name,
			prefix_print(&page.last, text));
	return page.rc ? err_set(err, page.rc, "out of memory") : 0;
}

// ---- how many, from whom ------------------------------------------------------------------------------------

const struct schema_row rtr_source_columns[] = {
	{.name = "source",
		.type = SCHEMA_ENUM,
		.words = rtr_source_words,
		.flags = SCHEMA_KEY,
		.help = "who says so"},
	{.name = "router", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "router"},
	{.name = "routes4", .type = SCHEMA_INT, .flags = SCHEMA_GAUGE, .help = "IPv4 routes"},
	{.name = "routes6", .type = SCHEMA_INT, .flags = SCHEMA_GAUGE, .help = "IPv6 routes"},
	{0},
};

int rtr_sources_show(const json_t *, size_t, json_t *rows, struct err *err) {
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++) {
		struct rib_stats stats;

		if (rtr_vrfs[v] == NULL)
			continue;
		rib_stats(rtr_vrfs[v], &stats);
		for (unsigned s = 0; s < RTR_SRC_COUNT; s++) {
			json_t *row = json_pack("{s:s, s:s, s:i, s:i}", "source",
				rtr_source_words[s], "router", rtr_vrfs[v]->name, "routes4",
				(int)stats.sources[0][s], "routes6", (int)stats.sources[1][s]);

			if (row == NULL || json_array_append_new(rows, row) != 0)
				return err_set(err, -ENOMEM, "out of memory");
		}
	}
	return 0;
}

// ---- the kernel ---------------------------------------------------------------------------------------------

const struct schema_row rtr_netlink_columns[] = {
	{.name = "namespaces",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "namespaces that are listened to"},
	{.name = "messages", .type = SCHEMA_INT, .flags = SCHEMA_COUNTER, .help = "messages"},
	{.name = "resyncs",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "times that everything was read anew"},
	{.name = "overruns",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "times that messages were lost, and everything was read anew"},
	{.name = "broken",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "messages that could not be read"},
	{.name = "refused",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "routes and next hops refused for want of room"},
	{.name = "objects",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "next-hop objects of the kernel"},
	{0},
};

int rtr_netlink_show(const json_t *, size_t, json_t *rows, struct err *err) {
	const struct netlink_stats *s = &netlink_stats;
	json_t *row =
		json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:i}", "namespaces", (int)s->namespaces,
			"messages", (json_int_t)s->messages, "resyncs", (json_int_t)s->resyncs,
			"overruns", (json_int_t)s->overruns, "broken", (json_int_t)s->broken,
			"refused", (json_int_t)s->refused, "objects", (int)s->objects);

	if (row == NULL || json_array_append_new(rows, row) != 0)
		return err_set(err, -ENOMEM, "out of memory");
	return 0;
}
