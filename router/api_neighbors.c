// SPDX-License-Identifier: BSD-3-Clause
// `leat show neighbors`, page by page: an interface may have a million of them.
#include "lib/clock.h"
#include "router/neigh/neigh.h"
#include "router/router_priv.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const state_words[] = {
	"incomplete", "reachable", "stale", "delay", "probe", "failed", "static", NULL};

const struct schema_row rtr_neighbor_columns[] = {
	{.name = "address", .type = SCHEMA_ADDRESS, .flags = SCHEMA_KEY, .help = "neighbour"},
	{.name = "interface", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "interface"},
	{.name = "mac", .type = SCHEMA_STRING, .help = "its MAC address, when it is known"},
	{.name = "state",
		.type = SCHEMA_ENUM,
		.words = state_words,
		.help = "as in RFC 4861 section 7.3.2"},
	{.name = "age", .type = SCHEMA_INT, .unit = "s", .help = "in this state"},
	{.name = "router",
		.type = SCHEMA_BOOL,
		.flags = SCHEMA_WIDE,
		.help = "says that it is a router"},
	{.name = "queued",
		.type = SCHEMA_INT,
		.flags = SCHEMA_WIDE,
		.help = "packets that wait for it"},
	{0},
};

// What is asked for: one address, or those of an interface, or all.
struct wanted {
	const char *iface; // name; NULL: any
	struct addr only;  // family NONE: all
};

static const char *text_of(const json_t *filter, const char *name) {
	return json_string_value(json_object_get(filter, name));
}

static struct wanted wanted_of(const json_t *filter) {
	const char *key = text_of(filter, "key"), *address = text_of(filter, "address");
	struct wanted w = {.iface = text_of(filter, "interface")};

	if (address)
		addr_parse(address, &w.only);
	if (key && addr_parse(key, &w.only) != 0)
		w.iface = key;
	return w;
}

static int row_add(const struct neigh_info *info, const char *iface, json_t *rows) {
	bool known = info->state != NEIGH_INCOMPLETE && info->state != NEIGH_FAILED;
	char addr[ADDR_STRLEN], mac[MAC_STRLEN];

	return json_array_append_new(rows,
		json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:i}", "address",
			addr_print(&info->addr, addr), "interface", iface, "mac",
			known ? mac_print(&info->mac, mac) : "-", "state", state_words[info->state],
			"age", (json_int_t)(info->age_ns / NSEC_PER_SEC), "router",
			(int)info->router, "queued", (int)info->queued));
}

// Those of one interface after `after`. True: there may be more than went onto the page; *last is where it ended.
static bool iface_page(const struct rtr_iface *iface, const struct wanted *w,
	const struct addr *after, size_t limit, json_t *rows, struct addr *last, int *rc) {
	static struct neigh_info infos[NEIGH_PAGE];
	unsigned n;

	if (w->only.family != ADDR_NONE)
		n = neigh_find(iface->index, &w->only, &infos[0]);
	else
		n = neigh_page(iface->index, after, infos);
	for (unsigned i = 0; i < n && *rc == 0; i++) {
		if (json_array_size(rows) >= limit)
			return true;
		*rc = row_add(&infos[i], iface->name, rows);
		*last = infos[i].addr;
	}
	return n == NEIGH_PAGE;
}

// The cursor: index of an interface, and the last address of it that was on a page ("-": none yet).
static bool cursor_read(const char *cursor, unsigned *index, struct addr *after) {
	char text[ADDR_STRLEN] = "-";

	*after = (struct addr){.family = ADDR_NONE};
	*index = 0;
	return cursor[0] == '\0' ||
		(sscanf(cursor, "%u %45s", index, text) == 2 &&
			(strcmp(text, "-") == 0 || addr_parse(text, after) == 0));
}

int rtr_neighbors_page(const json_t *filter, char cursor[static MODULE_CURSOR], size_t limit,
	json_t *rows, struct err *err) {
	struct wanted w = wanted_of(filter);
	struct addr after, last;
	char text[ADDR_STRLEN];
	unsigned index;
	bool full = false;
	int rc = 0;

	if (!cursor_read(cursor, &index, &after))
		return err_set(err, -EINVAL, "after: this is not what `next` said");
	last = after;
	for (; index < DP_MAX_IFACES && rc == 0 && !full; index++) {
		const struct rtr_iface *iface = rtr_iface(index);

		full = json_array_size(rows) >= RTE_MIN(limit, (size_t)NEIGH_PAGE);
		if (full || iface == NULL || (w.iface && strcmp(w.iface, iface->name) != 0))
			continue;
		full = iface_page(iface, &w, after.family ? &after : NULL, limit, rows, &last, &rc);
		if (!full)
			after = last = (struct addr){.family = ADDR_NONE};
	}
	cursor[0] = '\0';
	if (full) // the loop went one further
		snprintf(cursor, MODULE_CURSOR, "%u %s", index - 1,
			last.family ? addr_print(&last, text) : "-");
	return rc ? err_set(err, -ENOMEM, "out of memory") : 0;
}
