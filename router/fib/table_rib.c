// SPDX-License-Identifier: BSD-3-Clause
// The routes of each VRF: candidates on the prefixes of a tree, the best of them in the FIB.
#include "dataplane/session/session.h"
#include "lib/event.h"
#include "lib/log.h"
#include "router/fib/nexthop.h"
#include "router/fib/region.h"
#include "router/fib/rib.h"
#include "router/fib/rib_tree.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETIRED_MAX \
	4096 // groups and buckets of a FIB that wait for readers before these are waited for
#define AUDIT_BITS4 12 // of the first 24 bits: addresses in one step of the audit
#define AUDIT_BITS6 9  // the same, for IPv6
#define REARM_SHIFT 5  // the alarm is armed again when a 32nd of the routes has gone

// What a route usually takes, for the question whether a limit fits: its places in the tables, and its share of the FIB's groups and
// buckets (IPv6: three times what the Internet's table needs).
#define USUAL_BYTES4 (64 + 16)
#define USUAL_BYTES6 (88 + 128)
#define BASE_BYTES   ((uint64_t)64 << 20) // per family

// One candidate; those of a prefix form a list, the best first; those of a source another.
struct candidate {
	uint32_t slot, metric, generation;
	uint32_t next; // of the prefix; of the free list
	uint32_t node; // of the prefix in the tree
	uint32_t prev_of_source, next_of_source;
	uint8_t source, distance, protocol;
};
_Static_assert(sizeof(struct candidate) == 32, "rib.h states it");

struct family {
	struct rib_tree *tree;
	struct fib *fib;
	struct candidate *candidates; // region; [0] is none
	unsigned bytes;               // of an address
	uint32_t limit;               // candidates that are not our own
	uint32_t fresh, free_head;
	uint32_t n, n_own;
	uint32_t heads[RTR_SRC_COUNT]; // of the lists by source
	uint32_t counts[RTR_SRC_COUNT];
	uint8_t cursor[16]; // where the audit goes on
	bool alarmed;
	uint32_t n_alarmed; // candidates at that time
};

struct vrf {
	struct rtr_vrf pub; // first
	struct family families[2];
	uint32_t generation;
	unsigned audit_family;
	uint64_t refused, audited, repaired, rounds;
};

struct rtr_vrf *rtr_vrfs[RTR_MAX_VRFS];
static uint64_t memory;

static struct vrf *priv(const struct rtr_vrf *vrf) {
	return (struct vrf *)vrf;
}

static struct family *family_of(const struct rtr_vrf *vrf, const struct addr *addr) {
	return &priv(vrf)->families[addr->family == ADDR_V6];
}

static const char *family_name(const struct family *f) {
	return f->bytes == 4 ? "IPv4" : "IPv6";
}

static struct prefix prefix_of(const struct family *f, const struct rib_entry *entry) {
	struct prefix prefix = {
		.addr.family = f->bytes == 4 ? ADDR_V4 : ADDR_V6, .len = entry->len};

	memcpy(prefix.addr.bytes, entry->addr, f->bytes);
	return prefix;
}

static struct candidate *at(const struct family *f, uint32_t index) {
	return &f->candidates[index];
}

static bool is_own(unsigned source) {
	return source <= RTR_SRC_NEIGHBOR;
}

// ---- VRFs -------------------------------------------------------------------------------------------------

void rib_memory_set(uint64_t bytes) {
	memory = bytes;
}

static uint64_t memory_available(void) {
	FILE *file = memory ? NULL : fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	if (file)
		fclose(file);
	if (memory)
		return memory;
	return kib ? (uint64_t)kib << 10 : UINT64_MAX;
}

static uint32_t part_of(uint32_t limit, double part) {
	return limit * part < RIB_MAX_ROUTES ? (uint32_t)(limit * part) : RIB_MAX_ROUTES;
}

void rib_room_of(uint32_t limit4, uint32_t limit6, struct rib_room *room) {
	uint64_t base = 2 * BASE_BYTES, left;
	uint64_t routes = (uint64_t)limit4 * USUAL_BYTES4 + (uint64_t)limit6 * USUAL_BYTES6;

	room->need_bytes = base + routes;
	room->have_bytes = memory_available();
	left = room->have_bytes > base ? room->have_bytes - base : 0;
	double part = routes ? (double)left / (double)routes : 0;
	room->fits4 = part_of(limit4, part);
	room->fits6 = part_of(limit6, part);
}

static int limits_check(const char *name, uint32_t limit4, uint32_t limit6, struct err *err) {
	struct rib_room room;

	if (limit4 > RIB_MAX_ROUTES || limit6 > RIB_MAX_ROUTES)
		return err_set(err, -EINVAL, "router %s: at most %u routes of a family", name,
			RIB_MAX_ROUTES);
	rib_room_of(limit4, limit6, &room);
	if (room.need_bytes <= room.have_bytes)
		return 0;
	return err_set(err, -ENOMEM,
		"router %s: %u IPv4 and %u IPv6 routes need about %llu MiB, %llu are available; "
		"%u and %u would fit",
		name, limit4, limit6, (unsigned long long)(room.need_bytes >> 20),
		(unsigned long long)(room.have_bytes >> 20), room.fits4, room.fits6);
}

static size_t candidate_bytes(const struct family *f) {
	return ((size_t)f->limit + RIB_OWN + 1) * sizeof(struct candidate);
}

// IPv4: a group per four routes, for prefixes beyond 24 bits are few, and 65,536 for networks full of neighbours. IPv6: as many as
// 32,768 neighbours with random interface identifiers need, and one per route.
static struct fib_limits fib_limits_of(unsigned bytes, uint32_t limit) {
	if (bytes == 4)
		return (struct fib_limits){.groups = (1u << 16) + limit / 4};
	return (struct fib_limits){.groups = RTE_MIN((1u << 18) + limit, FIB_MAX_GROUPS),
		.buckets = limit + RIB_OWN + (1u << 16),
		.pages = 64 + limit / 1024};
}

static bool family_init(struct family *f, unsigned bytes, uint32_t limit) {
	struct fib_limits limits = fib_limits_of(bytes, limit);

	f->bytes = bytes;
	f->limit = limit;
	f->fresh = 1;
	f->tree = rib_tree_new(bytes, limit + RIB_OWN);
	f->fib = fib_new(bytes, &limits);
	f->candidates = region_new(candidate_bytes(f), 1);
	return f->tree && f->fib && f->candidates;
}

static void family_fini(struct family *f) {
	for (unsigned source = 0; source < RTR_SRC_COUNT; source++)
		for (uint32_t i = f->heads[source]; i; i = at(f, i)->next_of_source)
			nexthop_put(at(f, i)->slot);
	rib_tree_free(f->tree);
	fib_free(f->fib);
	region_free(f->candidates, candidate_bytes(f));
}

struct rtr_vrf *rib_vrf_new(
	const char *name, uint16_t index, uint32_t limit4, uint32_t limit6, struct err *err) {
	struct vrf *vrf;

	if (limits_check(name, limit4, limit6, err) != 0)
		return NULL;
	vrf = calloc(1, sizeof(*vrf));
	if (!vrf || !family_init(&vrf->families[0], 4, limit4) ||
		!family_init(&vrf->families[1], 16, limit6)) {
		rib_vrf_free((struct rtr_vrf *)vrf);
		err_set(err, -ENOMEM,
			"router %s: no address space for its routes (20 GiB, of which hardly any "
			"is "
			"used; is vm.overcommit_memory 2?)",
			name);
		return NULL;
	}
	vrf->pub.index = index;
	vrf->pub.fib4 = vrf->families[0].fib;
	vrf->pub.fib6 = vrf->families[1].fib;
	vrf->pub.limit4 = limit4;
	vrf->pub.limit6 = limit6;
	snprintf(vrf->pub.name, sizeof(vrf->pub.name), "%s", name);
	return &vrf->pub;
}

void rib_vrf_free(struct rtr_vrf *vrf) {
	if (!vrf)
		return;
	family_fini(&priv(vrf)->families[0]);
	family_fini(&priv(vrf)->families[1]);
	free(priv(vrf));
}

// ---- candidates -------------------------------------------------------------------------------------------

static bool has_room(const struct family *f, unsigned source) {
	return is_own(source) ? f->n_own < RIB_OWN : f->n < f->limit;
}

static uint32_t candidate_new(struct family *f, const struct rtr_route *route) {
	uint32_t index = f->free_head;

	if (index)
		f->free_head = at(f, index)->next;
	else
		index = f->fresh++;
	(*(is_own(route->source) ? &f->n_own : &f->n))++;
	f->counts[route->source]++;
	*at(f, index) = (struct candidate){.source = route->source,
		.protocol = route->protocol,
		.metric = route->metric,
		.next_of_source = f->heads[route->source]};
	if (f->heads[route->source])
		at(f, f->heads[route->source])->prev_of_source = index;
	f->heads[route->source] = index;
	return index;
}

static void candidate_free(struct family *f, uint32_t index) {
	struct candidate *c = at(f, index);

	(*(is_own(c->source) ? &f->n_own : &f->n))--;
	f->counts[c->source]--;
	if (f->n < f->n_alarmed - (f->n_alarmed >> REARM_SHIFT))
		f->alarmed = false;
	if (c->next_of_source)
		at(f, c->next_of_source)->prev_of_source = c->prev_of_source;
	if (c->prev_of_source)
		at(f, c->prev_of_source)->next_of_source = c->next_of_source;
	else
		f->heads[c->source] = c->next_of_source;
	c->next = f->free_head;
	f->free_head = index;
}

static bool is_better(const struct candidate *a, const struct candidate *b) {
	if (a->distance != b->distance)
		return a->distance < b->distance;
	if (a->metric != b->metric)
		return a->metric < b->metric;
	if (a->source != b->source)
		return a->source < b->source;
	return a->protocol < b->protocol;
}

static uint32_t find(const struct family *f, uint32_t head, unsigned source, unsigned protocol,
	uint32_t metric) {
	for (; head; head = at(f, head)->next) {
		const struct candidate *c = at(f, head);

		if (c->source == source && c->protocol == protocol && c->metric == metric)
			break;
	}
	return head;
}

static void unlink_candidate(struct family *f, uint32_t *head, uint32_t index) {
	while (*head != index)
		head = &at(f, *head)->next;
	*head = at(f, index)->next;
}

static void link_candidate(struct family *f, uint32_t *head, uint32_t index) {
	while (*head && !is_better(at(f, index), at(f, *head)))
		head = &at(f, *head)->next;
	at(f, index)->next = *head;
	*head = index;
}

static void route_of(const struct family *f, const struct rib_entry *entry, uint32_t index,
	struct rtr_route *route) {
	const struct candidate *c = at(f, index);

	*route = (struct rtr_route){.prefix = prefix_of(f, entry),
		.source = c->source,
		.distance = c->distance,
		.protocol = c->protocol,
		.best = index == entry->value,
		.metric = c->metric,
		.slot = c->slot};
}

// ---- the FIB ----------------------------------------------------------------------------------------------

// What no prefix needs any more may be used again once no worker can be in it.
static void reclaim(struct family *f) {
	if (fib_retired(f->fib) == 0)
		return;
	dp_sync();
	fib_reclaim(f->fib);
}

// A prefix that the table has leads elsewhere.
static void replace(struct family *f, const uint8_t *addr, unsigned len, uint32_t slot) {
	fib_replace(f->fib, addr, len, slot);
	session_hops_changed();
}

static int publish(
	struct family *f, const uint8_t *addr, unsigned len, uint32_t slot, unsigned source) {
	int rc = fib_add(f->fib, addr, len, slot, is_own(source));

	if (rc == -ENOSPC && fib_retired(f->fib) > 0) {
		reclaim(f);
		rc = fib_add(f->fib, addr, len, slot, is_own(source));
	}
	session_hops_changed();
	if (fib_retired(f->fib) >= RETIRED_MAX)
		reclaim(f);
	return rc;
}

static void withdraw(struct family *f, const uint8_t *addr, unsigned len) {
	struct rib_entry parent = {0};

	if (len > 0 && rib_tree_match(f->tree, addr, len - 1, &parent))
		fib_del(f->fib, addr, len, parent.len, at(f, parent.value)->slot);
	else
		fib_del(f->fib, addr, len, 0, 0);
	session_hops_changed();
	if (fib_retired(f->fib) >= RETIRED_MAX)
		reclaim(f);
}

static int refuse(
	struct vrf *vrf, struct family *f, const struct rtr_route *route, struct err *err) {
	char text[PREFIX_STRLEN];
	bool limit = !has_room(f, route->source);
	const char *why = limit ? "limit on routes" : "forwarding table";

	vrf->refused++;
	nexthop_put(route->slot);
	if (!f->alarmed) {
		f->alarmed = true;
		f->n_alarmed = f->n;
		log_warn("router", "no room for routes",
			"router=%s family=%s limit=%u routes=%u why=\"%s is full\"", vrf->pub.name,
			family_name(f), f->limit, f->n, why);
		event_emit("router.routes-full",
			json_pack("{s:s, s:s, s:I}", "router", vrf->pub.name, "family",
				family_name(f), "limit", (json_int_t)f->limit));
	}
	return err_set(err, -ENOSPC,
		"router %s: no room for %s: its %s is full (%u of %u %s routes)", vrf->pub.name,
		prefix_print(&route->prefix, text), why, f->n, f->limit, family_name(f));
}

// ---- changing ---------------------------------------------------------------------------------------------

// A candidate that is there: only what differs is touched.
static void update(struct family *f, const struct prefix *net, uint32_t head, uint32_t index,
	const struct rtr_route *route, uint32_t generation) {
	struct candidate *c = at(f, index);
	uint32_t was = at(f, head)->slot, old = c->slot, first = head;

	c->generation = generation;
	c->slot = route->slot;
	if (c->distance != route->distance) {
		unlink_candidate(f, &first, index);
		c->distance = route->distance;
		link_candidate(f, &first, index);
	}
	if (first != head)
		rib_tree_set(f->tree, net->addr.bytes, net->len, first);
	if (at(f, first)->slot != was)
		replace(f, net->addr.bytes, net->len, at(f, first)->slot);
	nexthop_put(old);
}

int rib_set(struct rtr_vrf *pub, const struct rtr_route *route, struct err *err) {
	struct vrf *vrf = priv(pub);
	struct family *f = family_of(pub, &route->prefix.addr);
	struct prefix net = prefix_network(&route->prefix);
	uint32_t head = rib_tree_get(f->tree, net.addr.bytes, net.len), first = head;
	uint32_t index = find(f, head, route->source, route->protocol, route->metric);

	if (index) {
		update(f, &net, head, index, route, vrf->generation);
		return 0;
	}
	if (!has_room(f, route->source) ||
		(head == 0 && publish(f, net.addr.bytes, net.len, route->slot, route->source) != 0))
		return refuse(vrf, f, route, err);
	index = candidate_new(f, route);
	at(f, index)->slot = route->slot;
	at(f, index)->distance = route->distance;
	at(f, index)->generation = vrf->generation;
	link_candidate(f, &first, index);
	if (first != head)
		at(f, index)->node = rib_tree_set(f->tree, net.addr.bytes, net.len, first);
	else
		at(f, index)->node = at(f, head)->node;
	if (head && first != head && at(f, head)->slot != route->slot)
		replace(f, net.addr.bytes, net.len, route->slot);
	return 0;
}

static void remove_candidate(struct family *f, const uint8_t *addr, unsigned len, uint32_t index) {
	uint32_t head = rib_tree_get(f->tree, addr, len), first = head, slot = at(f, index)->slot;

	unlink_candidate(f, &first, index);
	if (first == 0) {
		rib_tree_del(f->tree, addr, len);
		withdraw(f, addr, len);
	} else if (first != head) {
		rib_tree_set(f->tree, addr, len, first);
		if (at(f, first)->slot != slot)
			replace(f, addr, len, at(f, first)->slot);
	}
	candidate_free(f, index);
	nexthop_put(slot); // readers are waited for before it goes
}

int rib_del(struct rtr_vrf *vrf, const struct prefix *prefix, uint8_t source, uint8_t protocol,
	uint32_t metric) {
	struct family *f = family_of(vrf, &prefix->addr);
	struct prefix net = prefix_network(prefix);
	uint32_t head = rib_tree_get(f->tree, net.addr.bytes, net.len);
	uint32_t index = find(f, head, source, protocol, metric);

	if (index == 0)
		return -ENOENT;
	remove_candidate(f, net.addr.bytes, net.len, index);
	return 0;
}

// Those of a source that were set before `since`; since 0: all.
static unsigned purge(struct family *f, unsigned source, uint32_t since) {
	unsigned n = 0;

	for (uint32_t i = f->heads[source], next; i; i = next) {
		struct rib_entry entry;

		next = at(f, i)->next_of_source;
		if (since && (int32_t)(at(f, i)->generation - since) >= 0)
			continue;
		rib_tree_entry(f->tree, at(f, i)->node, &entry);
		remove_candidate(f, entry.addr, entry.len, i);
		n++;
	}
	return n;
}

void rib_del_source(struct rtr_vrf *vrf, uint8_t source) {
	purge(&priv(vrf)->families[0], source, 0);
	purge(&priv(vrf)->families[1], source, 0);
}

uint32_t rib_mark(struct rtr_vrf *vrf, uint8_t source) {
	uint32_t *generation = &priv(vrf)->generation;

	if (++*generation == 0)
		*generation = 1;
	return *generation;
}

unsigned rib_sweep(struct rtr_vrf *vrf, uint8_t source, uint32_t generation) {
	return purge(&priv(vrf)->families[0], source, generation) +
		purge(&priv(vrf)->families[1], source, generation);
}

// The cursor: family, and index of the next candidate.
void rib_sweep_part(
	struct rtr_vrf *vrf, uint8_t source, uint32_t generation, uint64_t *cursor, unsigned max) {
	if (*cursor == 0)
		*cursor = priv(vrf)->families[0].heads[source];
	while (max-- > 0) {
		unsigned family = *cursor >> 32 & 1;
		struct family *f = &priv(vrf)->families[family];
		uint32_t index = (uint32_t)*cursor;
		struct rib_entry entry;

		if (index == 0 && family == 1) {
			*cursor = RIB_SWEPT;
			return;
		}
		if (index == 0) {
			*cursor = (uint64_t)1 << 32 | priv(vrf)->families[1].heads[source];
			continue;
		}
		*cursor = (uint64_t)family << 32 | at(f, index)->next_of_source;
		if ((int32_t)(at(f, index)->generation - generation) >= 0)
			continue;
		rib_tree_entry(f->tree, at(f, index)->node, &entry);
		remove_candidate(f, entry.addr, entry.len, index);
	}
}

// ---- looking ----------------------------------------------------------------------------------------------

bool rib_find(const struct rtr_vrf *vrf, const struct prefix *prefix, struct rtr_route *best) {
	const struct family *f = family_of(vrf, &prefix->addr);
	struct prefix net = prefix_network(prefix);
	struct rib_entry entry = {.len = net.len};

	entry.value = rib_tree_get(f->tree, net.addr.bytes, net.len);
	memcpy(entry.addr, net.addr.bytes, f->bytes);
	if (entry.value)
		route_of(f, &entry, entry.value, best);
	return entry.value != 0;
}

bool rib_lookup(const struct rtr_vrf *vrf, const struct addr *addr, struct rtr_route *best) {
	const struct family *f = family_of(vrf, addr);
	struct rib_entry entry;

	if (!rib_tree_match(f->tree, addr->bytes, f->bytes * 8, &entry))
		return false;
	route_of(f, &entry, entry.value, best);
	return true;
}

uint32_t rib_lookup_fib(const struct rtr_vrf *vrf, const struct addr *addr) {
	uint32_t slot, host;

	if (addr->family == ADDR_V6) {
		fib_lookup6(vrf->fib6, &addr->bytes, &slot, 1);
		return slot;
	}
	memcpy(&host, addr->bytes, sizeof(host));
	host = rte_be_to_cpu_32(host);
	fib_lookup4(vrf->fib4, &host, &slot, 1);
	return slot;
}

static bool tell(const struct family *f, const struct rib_entry *entry,
	bool (*fn)(const struct rtr_route *route, void *arg), void *arg) {
	for (uint32_t i = entry->value; i; i = at(f, i)->next) {
		struct rtr_route route;

		route_of(f, entry, i, &route);
		if (!fn(&route, arg))
			return false;
	}
	return true;
}

static bool walk(const struct family *f, const struct prefix *from,
	bool (*fn)(const struct rtr_route *route, void *arg), void *arg) {
	struct prefix net = from ? prefix_network(from) : (struct prefix){0};
	struct rib_entry entry;
	bool more = rib_tree_next(f->tree, from ? net.addr.bytes : NULL, net.len, &entry);

	for (; more; more = rib_tree_next(f->tree, entry.addr, entry.len, &entry))
		if (!tell(f, &entry, fn, arg))
			return false;
	return true;
}

void rib_foreach_of(const struct rtr_vrf *vrf, const struct prefix *prefix,
	bool (*fn)(const struct rtr_route *route, void *arg), void *arg) {
	const struct family *f = family_of(vrf, &prefix->addr);
	struct prefix net = prefix_network(prefix);
	struct rib_entry entry = {.len = net.len};

	entry.value = rib_tree_get(f->tree, net.addr.bytes, net.len);
	memcpy(entry.addr, net.addr.bytes, f->bytes);
	tell(f, &entry, fn, arg);
}

void rib_foreach(const struct rtr_vrf *vrf, const struct prefix *from,
	bool (*fn)(const struct rtr_route *route, void *arg), void *arg) {
	bool in4 = !from || from->addr.family == ADDR_V4;

	if (in4 && !walk(&priv(vrf)->families[0], from, fn, arg))
		return;
	walk(&priv(vrf)->families[1], in4 ? NULL : from, fn, arg);
}

void rib_stats(const struct rtr_vrf *pub, struct rib_stats *stats) {
	const struct vrf *vrf = priv(pub);

	*stats = (struct rib_stats){.routes4 = rib_tree_count(vrf->families[0].tree),
		.routes6 = rib_tree_count(vrf->families[1].tree),
		.refused = vrf->refused,
		.full = vrf->families[0].alarmed || vrf->families[1].alarmed,
		.audited = vrf->audited,
		.repaired = vrf->repaired,
		.rounds = vrf->rounds};
	for (unsigned i = 0; i < 2; i++) {
		const struct family *f = &vrf->families[i];

		memcpy(stats->sources[i], f->counts, sizeof(f->counts));
		stats->fib_bytes += fib_bytes(f->fib);
		stats->rib_bytes +=
			rib_tree_bytes(f->tree) + (uint64_t)f->fresh * sizeof(struct candidate);
	}
}

// ---- audit ------------------------------------------------------------------------------------------------

static void diverges(struct vrf *vrf, const struct family *f, const struct rib_entry *entry,
	const uint8_t *wrong, const char *what) {
	struct addr addr = {.family = f->bytes == 4 ? ADDR_V4 : ADDR_V6};
	struct prefix prefix = prefix_of(f, entry);
	char at_text[ADDR_STRLEN], text[PREFIX_STRLEN];

	memcpy(addr.bytes, wrong, f->bytes);
	vrf->repaired++;
	log_warn("router", "forwarding table differed from the routes",
		"router=%s prefix=%s at=%s what=\"%s\"", vrf->pub.name,
		entry->value ? prefix_print(&prefix, text) : "none", addr_print(&addr, at_text),
		what);
}

// Everything below one entry of the FIB's first table.
static int rebuild(struct family *f, const uint8_t *addr) {
	unsigned bits = f->fib->top_bits;
	struct rib_entry entry = {0};
	struct fib_block block;
	uint8_t start[16] = {0};
	int rc = 0;

	memcpy(start, addr, bits / 8);
	bool covered = rib_tree_match(f->tree, start, bits, &entry);
	fib_block_begin(f->fib, &block, start, covered ? entry.len : 0,
		covered ? at(f, entry.value)->slot : 0);
	bool more = rib_tree_next(f->tree, start, bits, &entry);
	while (rc == 0 && more && memcmp(entry.addr, start, bits / 8) == 0) {
		rc = fib_block_add(f->fib, &block, entry.addr, entry.len, at(f, entry.value)->slot);
		more = rib_tree_next(f->tree, entry.addr, entry.len, &entry);
	}
	if (rc == 0)
		fib_block_end(f->fib, &block);
	session_hops_changed();
	return rc;
}

static void audit_default(struct vrf *vrf, struct family *f) {
	uint8_t zero[16] = {0};
	struct rib_entry entry = {.value = rib_tree_get(f->tree, zero, 0)};
	uint32_t want = entry.value ? at(f, entry.value)->slot : 0;

	if (f->fib->fallback == want)
		return;
	diverges(vrf, f, &entry, zero, "default route");
	if (want)
		replace(f, zero, 0, want);
	else
		withdraw(f, zero, 0);
}

// The last address that one step looks at.
static void clip(const struct family *f, const uint8_t *first, uint8_t *last) {
	uint32_t mask = (1u << (f->bytes == 4 ? AUDIT_BITS4 : AUDIT_BITS6)) - 1;
	uint32_t stop = ((uint32_t)first[0] << 16 | (uint32_t)first[1] << 8 | first[2]) | mask;
	uint8_t end[16] = {(uint8_t)(stop >> 16), (uint8_t)(stop >> 8), (uint8_t)stop};

	memset(end + 3, 0xff, sizeof(end) - 3);
	if (memcmp(end, last, f->bytes) < 0)
		memcpy(last, end, f->bytes);
}

// To the next address; false: that was the last.
static bool advance(const struct family *f, uint8_t *cursor, const uint8_t *last) {
	memcpy(cursor, last, f->bytes);
	for (unsigned i = f->bytes; i-- > 0;)
		if (++cursor[i] != 0)
			return true;
	return false;
}

static void audit_step(struct vrf *vrf) {
	struct family *f = &vrf->families[vrf->audit_family];
	uint8_t last[16], wrong[16] = {0};
	struct rib_entry entry;
	int rc;

	rib_tree_gap(f->tree, f->cursor, &entry, last);
	clip(f, f->cursor, last);
	rc = fib_check(f->fib, f->cursor, last, entry.len,
		entry.value ? at(f, entry.value)->slot : 0, wrong);
	vrf->audited++;
	if (rc > 0)
		diverges(vrf, f, &entry, wrong, "next hop");
	if (rc < 0) { // goes on behind what is built anew
		reclaim(f);
		diverges(vrf, f, &entry, wrong, "shape");
		rc = rebuild(f, wrong);
		if (rc < 0)
			log_error("router", "forwarding table cannot be repaired",
				"router=%s why=\"%s\"", vrf->pub.name, strerror(-rc));
		unsigned bytes = f->fib->top_bits / 8;
		memcpy(last, wrong, bytes);
		memset(last + bytes, 0xff, sizeof(last) - bytes);
	}
	if (advance(f, f->cursor, last))
		return;
	vrf->audit_family ^= 1;
	vrf->rounds += vrf->audit_family == 0;
	audit_default(vrf, &vrf->families[vrf->audit_family]);
}

void rib_audit(struct rtr_vrf *vrf, unsigned n) {
	while (n-- > 0)
		audit_step(priv(vrf));
}
