// SPDX-License-Identifier: BSD-3-Clause
#include "router/file/routefile.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include "router/fib/nexthop.h"
#include "router/file/routefile_copy.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURN_NS (3 * NSEC_PER_MSEC) // of one poll
#define BATCH   128                 // routes between looks at the clock
#define BUCKETS 16384

// A different end of a line, for one family and kind.
struct hop {
	char *rest;
	uint8_t kind, family;
	uint32_t slot, metric;
	uint32_t next; // of the bucket, + 1
};

struct item {
	uint8_t bytes[16];
	uint32_t hop;
	uint8_t len, family;
};

struct routefile_set {
	struct rtr_vrf *vrf;
	struct routefile_copy copies[RTR_CONF_FILES];
	unsigned n_files;
	struct hop *hops;
	uint32_t n_hops, hops_cap;
	uint32_t *buckets;  // [BUCKETS], + 1
	struct item *items; // freed when they are set
	uint32_t n_items, items_cap, n4, n6;
	unsigned refs; // by the VRF, by a plan
	// loading
	uint32_t done, generation, refused;
	uint64_t sweep, began_ns;
	bool loading;
};

static struct routefile_set *running[RTR_MAX_VRFS];

static void set_put(struct routefile_set *set) {
	if (set == NULL || --set->refs > 0)
		return;
	for (uint32_t i = 0; i < set->n_hops; i++) {
		nexthop_put(set->hops[i].slot);
		free(set->hops[i].rest);
	}
	for (unsigned i = 0; i < set->n_files; i++)
		routefile_copy_drop(&set->copies[i]);
	free(set->hops);
	free(set->buckets);
	free(set->items);
	free(set);
}

// ---- reading --------------------------------------------------------------------------------------------------

struct reading {
	struct routefile_set *set;
	const struct routefile_resolver *resolver;
	char path[192]; // in the configuration
	const char *file;
	unsigned line;
	struct err *err;
};

static int refuse(const struct reading *r, const char *why) {
	return err_at(r->err, r->path, "%s:%u: %s", r->file, r->line, why);
}

static int no_memory(const struct reading *r) {
	return err_set(r->err, -ENOMEM, "%s: out of memory", r->path);
}

static bool grow(void **array, uint32_t n, uint32_t *cap, size_t size) {
	uint32_t more = *cap ? *cap * 2 : 1024;
	void *grown;

	if (n < *cap)
		return true;
	grown = reallocarray(*array, more, size);
	if (grown == NULL)
		return false;
	*array = grown;
	*cap = more;
	return true;
}

static uint32_t hash_of(const char *text, unsigned kind, unsigned family) {
	uint32_t hash = 2166136261u ^ kind << 8 ^ family;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 16777619u;
	return (hash ^ hash >> 15) % BUCKETS;
}

static int64_t resolve(
	const struct reading *r, const struct route_head *head, const struct route_rest *rest) {
	struct err err = {0};
	int64_t slot = r->resolver->resolve(
		head->kind, head->prefix.addr.family, rest, r->resolver->arg, &err);

	return slot < 0 ? refuse(r, err.msg) : slot;
}

static int64_t hop_add(struct reading *r, const struct route_head *head, uint32_t bucket) {
	struct routefile_set *set = r->set;
	struct route_rest rest;
	const char *why;

	if (set->n_hops == ROUTEFILE_HOPS)
		return refuse(r, "more than 65536 different next hops");
	if (!grow((void **)&set->hops, set->n_hops, &set->hops_cap, sizeof(*set->hops)))
		return no_memory(r);
	if (route_text_rest(head->rest, &rest, &why) != 0)
		return refuse(r, why);
	int64_t slot = resolve(r, head, &rest);
	if (slot < 0)
		return slot;
	set->hops[set->n_hops] = (struct hop){.rest = strdup(head->rest),
		.kind = (uint8_t)head->kind,
		.family = head->prefix.addr.family,
		.slot = (uint32_t)slot,
		.metric = rest.metric,
		.next = set->buckets[bucket]};
	set->buckets[bucket] = ++set->n_hops;
	return set->hops[set->n_hops - 1].rest ? (int64_t)set->n_hops - 1 : no_memory(r);
}

static int64_t hop_of(struct reading *r, const struct route_head *head) {
	struct routefile_set *set = r->set;
	unsigned family = head->prefix.addr.family;
	uint32_t bucket = hash_of(head->rest, head->kind, family);

	for (uint32_t i = set->buckets[bucket]; i; i = set->hops[i - 1].next) {
		const struct hop *hop = &set->hops[i - 1];

		if (hop->kind == head->kind && hop->family == family &&
			strcmp(hop->rest, head->rest) == 0)
			return i - 1;
	}
	return hop_add(r, head, bucket);
}

static int line_read(struct reading *r, char *line) {
	struct routefile_set *set = r->set;
	struct route_head head;
	const char *why;

	if (route_text_head(line, &head, &why) != 0)
		return refuse(r, why);
	if (head.prefix.addr.family == ADDR_NONE)
		return 0;
	int64_t hop = hop_of(r, &head);
	if (hop < 0)
		return (int)hop;
	if (!grow((void **)&set->items, set->n_items, &set->items_cap, sizeof(*set->items)))
		return no_memory(r);
	struct item *item = &set->items[set->n_items++];
	*item = (struct item){
		.hop = (uint32_t)hop, .len = head.prefix.len, .family = head.prefix.addr.family};
	memcpy(item->bytes, head.prefix.addr.bytes, sizeof(item->bytes));
	(*(item->family == ADDR_V4 ? &set->n4 : &set->n6))++;
	return 0;
}

static int file_read(struct reading *r, const char *file) {
	struct routefile_copy *copy = &r->set->copies[r->set->n_files];
	char *line, *text = NULL, *end;
	struct err err = {0};
	int rc = routefile_copy_read(copy, file, &text, &err);

	if (rc < 0)
		return err_at(r->err, r->path, "%s", err.msg);
	r->set->n_files++;
	r->file = file;
	r->line = 0;
	for (line = text; rc == 0 && line && *line; line = end ? end + 1 : NULL) {
		end = strchr(line, '\n');
		if (end)
			*end = '\0';
		r->line++;
		rc = line_read(r, line);
	}
	free(text);
	return rc;
}

// ---- the transaction ------------------------------------------------------------------------------------------

// Whether what runs is what the files would come to: the same files, and every next hop leads where it did.
static bool is_same(const struct routefile_set *set, const struct rtr_conf *router,
	const struct rtr_vrf *vrf, const struct routefile_resolver *resolver) {
	bool same = set->vrf == vrf && set->n_files == router->n_files;

	for (unsigned i = 0; same && i < set->n_files; i++)
		same = strcmp(set->copies[i].path, router->files[i]) == 0;
	for (uint32_t i = 0; same && i < set->n_hops; i++) {
		const struct hop *hop = &set->hops[i];
		struct route_rest rest;
		struct err err = {0};
		const char *why;

		if (route_text_rest(hop->rest, &rest, &why) != 0)
			return false;
		int64_t slot =
			resolver->resolve(hop->kind, hop->family, &rest, resolver->arg, &err);
		same = slot == hop->slot;
		if (slot > 0)
			nexthop_put((uint32_t)slot);
	}
	return same;
}

int routefile_prepare(const struct rtr_conf *router, struct rtr_vrf *vrf,
	const struct routefile_resolver *resolver, struct routefile_set **out, struct err *err) {
	struct routefile_set *was = running[vrf->index];
	struct reading r = {.resolver = resolver, .err = err};
	int rc = 0;

	*out = NULL;
	if (was ? is_same(was, router, vrf, resolver) : router->n_files == 0) {
		*out = was;
		if (was)
			was->refs++;
		return 0;
	}
	r.set = calloc(1, sizeof(*r.set));
	if (r.set == NULL)
		return err_set(err, -ENOMEM, "routers: out of memory");
	r.set->refs = 1;
	r.set->vrf = vrf;
	r.set->buckets = calloc(BUCKETS, sizeof(*r.set->buckets));
	if (r.set->buckets == NULL)
		rc = err_set(err, -ENOMEM, "routers: out of memory");
	for (unsigned i = 0; rc == 0 && i < router->n_files; i++) {
		snprintf(r.path, sizeof(r.path), "routers.%s.route_files[%u]", router->name, i + 1);
		rc = file_read(&r, router->files[i]);
	}
	if (rc == 0)
		*out = r.set;
	else
		set_put(r.set);
	return rc;
}

void routefile_count(const struct routefile_set *set, uint32_t *n4, uint32_t *n6) {
	*n4 = set ? set->n4 : 0;
	*n6 = set ? set->n6 : 0;
}

void routefile_abort(struct routefile_set *set) {
	set_put(set);
}

void routefile_commit(unsigned index, struct routefile_set *set) {
	struct routefile_set *old = running[index];

	running[index] = set;
	set_put(old);
	if (set == NULL || set == old)
		return;
	for (unsigned i = 0; i < set->n_files; i++)
		routefile_copy_keep(&set->copies[i]);
	set->loading = true;
	set->generation = rib_mark(set->vrf, RTR_SRC_FILE);
	set->began_ns = clock_now_ns();
}

// ---- while it runs --------------------------------------------------------------------------------------------

uint32_t routefile_waiting(unsigned index) {
	return running[index] ? running[index]->n_items - running[index]->done : 0;
}

static void item_set(struct routefile_set *set, const struct item *item) {
	const struct hop *hop = &set->hops[item->hop];
	struct rtr_route route = {.prefix = {.addr.family = item->family, .len = item->len},
		.source = RTR_SRC_FILE,
		.distance = 1,
		.metric = hop->metric,
		.slot = hop->slot};
	struct err err = {0};

	memcpy(route.prefix.addr.bytes, item->bytes, sizeof(item->bytes));
	nexthop_ref(hop->slot);
	if (rib_set(set->vrf, &route, &err) != 0 && set->refused++ == 0)
		log_warn("router", "route of a file refused", "router=%s why=\"%s\"",
			set->vrf->name, err.msg);
}

static void loaded(struct routefile_set *set, uint64_t now_ns) {
	uint64_t took_ms = (now_ns - set->began_ns) / NSEC_PER_MSEC;

	set->loading = false;
	free(set->items);
	set->items = NULL;
	set->items_cap = 0;
	log_info("router", "routes of files loaded",
		"router=%s routes4=%u routes6=%u refused=%u duration_ms=%llu", set->vrf->name,
		set->n4, set->n6, set->refused, (unsigned long long)took_ms);
	event_emit("router.routes-loaded",
		json_pack("{s:s, s:I, s:I, s:I}", "router", set->vrf->name, "routes",
			(json_int_t)set->n_items, "refused", (json_int_t)set->refused,
			"duration_ms", (json_int_t)took_ms));
}

static void turn(struct routefile_set *set, uint64_t until_ns) {
	uint64_t now_ns;

	do {
		for (unsigned i = 0; i < BATCH && set->done < set->n_items; i++)
			item_set(set, &set->items[set->done++]);
		if (set->done == set->n_items)
			rib_sweep_part(set->vrf, RTR_SRC_FILE, set->generation, &set->sweep, BATCH);
		now_ns = clock_now_ns();
	} while (set->sweep != RIB_SWEPT && now_ns < until_ns);
	if (set->sweep == RIB_SWEPT)
		loaded(set, now_ns);
}

void routefile_poll(uint64_t now_ns) {
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++)
		if (running[v] && running[v]->loading)
			turn(running[v], now_ns + TURN_NS);
}
