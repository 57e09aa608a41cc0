// SPDX-License-Identifier: BSD-3-Clause
// Routes against a naive longest match, readers beside a writer, limits, paging, resync, audit.
#include "dataplane/session/session.h"
#include "lib/log.h"
#include "router/fib/nexthop.h"
#include "router/fib/rib.h"
#include <errno.h>
#include <pthread.h>
#include <rte_rcu_qsbr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOTS 48

// ---- the data plane's part ----------------------------------------------------------------------------------

struct rtr_iface *rtr_ifaces[DP_MAX_IFACES];
static struct rte_rcu_qsbr *rcu;
static unsigned syncs;

void session_hops_changed(void) {
}

void dp_sync(void) {
	syncs++;
	if (rcu)
		rte_rcu_qsbr_synchronize(rcu, RTE_QSBR_THRID_INVALID);
}

// ---- helpers ------------------------------------------------------------------------------------------------

static uint64_t seed = 1;
static uint32_t slots[SLOTS];

static uint32_t rnd(uint32_t below) {
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

static struct prefix pfx(const char *text) {
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

static struct addr adr(const char *text) {
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static uint32_t slot_new(uint32_t i) {
	struct rtr_path path = {.iface = 1, .weight = 1, .gateway.family = ADDR_V4};
	int64_t slot;

	memcpy(path.gateway.bytes, &i, sizeof(i));
	slot = nexthop_get(0, &path, 1, NULL);
	assert_true(slot > 0);
	return (uint32_t)slot;
}

static int setup(void **) {
	log_set_level(LOG_LEVEL_ERROR);
	assert_int_equal(nexthop_init(NULL), 0);
	for (unsigned i = 0; i < SLOTS; i++)
		slots[i] = slot_new(i);
	return 0;
}

// Every reference was given back, or the count would not come to nothing.
static int teardown(void **) {
	for (unsigned i = 0; i < SLOTS; i++) {
		assert_int_equal(nexthop_refs(slots[i]), 1);
		nexthop_put(slots[i]);
	}
	nexthop_collect();
	assert_int_equal(nexthop_count(), 0);
	nexthop_fini();
	return 0;
}

static struct rtr_vrf *vrf_new(uint32_t limit4, uint32_t limit6) {
	struct err err = {0};
	struct rtr_vrf *vrf = rib_vrf_new("main", 0, limit4, limit6, &err);

	if (!vrf)
		fail_msg("%s", err.msg);
	return vrf;
}

static int set(struct rtr_vrf *vrf, const struct prefix *prefix, uint8_t source, uint8_t distance,
	uint32_t metric, uint32_t slot) {
	struct rtr_route route = {.prefix = *prefix,
		.source = source,
		.distance = distance,
		.metric = metric,
		.slot = slot};

	nexthop_ref(slot);
	return rib_set(vrf, &route, NULL);
}

static int set_text(struct rtr_vrf *vrf, const char *prefix, uint8_t source, uint32_t slot) {
	struct prefix p = pfx(prefix);

	return set(vrf, &p, source, 1, 0, slot);
}

static uint32_t lookup(const struct rtr_vrf *vrf, const char *text) {
	struct addr addr = adr(text);

	return rib_lookup_fib(vrf, &addr);
}

// A whole round of the audit: every entry of the FIB is what the RIB says. How many were not.
static uint64_t audit(struct rtr_vrf *vrf) {
	struct rib_stats stats;
	uint64_t rounds, repaired;

	rib_stats(vrf, &stats);
	rounds = stats.rounds + 2; // one that began before now does not count
	repaired = stats.repaired;
	while (stats.rounds < rounds) {
		rib_audit(vrf, 256);
		rib_stats(vrf, &stats);
	}
	return stats.repaired - repaired;
}

// ---- against a naive reference --------------------------------------------------------------------------------

#define MODEL_MAX 600

static struct rtr_route model[MODEL_MAX];
static unsigned n_model;

static int prefix_cmp(const struct prefix *a, const struct prefix *b) {
	int order = addr_cmp(&a->addr, &b->addr);

	return order ? order : (int)a->len - b->len;
}

static bool better(const struct rtr_route *a, const struct rtr_route *b) {
	if (a->distance != b->distance)
		return a->distance < b->distance;
	if (a->metric != b->metric)
		return a->metric < b->metric;
	return a->source < b->source;
}

static const struct rtr_route *model_lookup(const struct addr *addr) {
	const struct rtr_route *best = NULL;

	for (unsigned i = 0; i < n_model; i++) {
		const struct rtr_route *r = &model[i];

		if (r->prefix.addr.family != addr->family || !prefix_contains(&r->prefix, addr))
			continue;
		if (!best || r->prefix.len > best->prefix.len ||
			(r->prefix.len == best->prefix.len && better(r, best)))
			best = r;
	}
	return best;
}

// Few values per byte, so that prefixes overlap; the edges of the address space among them.
static struct addr random_addr(enum addr_family family) {
	static const uint8_t values[] = {0, 0, 0, 1, 0x7f, 0x80, 0xfe, 0xff, 0xff, 10};
	struct addr addr = {.family = family};

	for (unsigned i = 0; i < (family == ADDR_V4 ? 4u : 16u); i++)
		addr.bytes[i] = i < 2 || rnd(3) ? values[rnd(sizeof(values))] : (uint8_t)rnd(256);
	return addr;
}

static struct prefix random_prefix(enum addr_family family) {
	static const uint8_t usual[] = {0, 8, 16, 23, 24, 25, 31, 32, 48, 64, 127, 128};
	unsigned bits = family == ADDR_V4 ? 32 : 128;
	unsigned len = rnd(2) ? usual[rnd(sizeof(usual))] : rnd(bits + 1);
	struct prefix prefix = {random_addr(family), (uint8_t)(len > bits ? bits : len)};

	// Sites with many prefixes of their own.
	if (family == ADDR_V6 && rnd(2)) {
		static const uint8_t sites[][4] = {{0x20, 1, 0xd, 0xb8}, {0x20, 1, 0xd, 0xb9}, {0}};

		memcpy(prefix.addr.bytes, sites[rnd(3)], 4);
		prefix.len = (uint8_t)(29 + rnd(rnd(8) ? 36 : 50));
	}
	// Short ones are costly to change: few of them.
	if (prefix.len > 0 && prefix.len < 8 && rnd(20))
		prefix.len += 8;
	return prefix_network(&prefix);
}

static void check_addr(const struct rtr_vrf *vrf, const struct addr *addr) {
	const struct rtr_route *want = model_lookup(addr);
	struct rtr_route got;
	bool found = rib_lookup(vrf, addr, &got);

	assert_int_equal(found, want != NULL);
	assert_int_equal(rib_lookup_fib(vrf, addr), want ? want->slot : 0);
	if (want) {
		assert_int_equal(got.slot, want->slot);
		assert_int_equal(got.prefix.len, want->prefix.len);
		assert_true(got.best && got.source == want->source && got.metric == want->metric);
	}
}

// The first and the last address of a prefix, and their neighbours outside.
static void check_edges(const struct rtr_vrf *vrf, const struct prefix *prefix) {
	unsigned bytes = prefix->addr.family == ADDR_V4 ? 4 : 16;
	struct addr addr = prefix->addr;

	check_addr(vrf, &addr);
	for (unsigned i = bytes; i-- > 0 && addr.bytes[i]-- == 0;)
		;
	check_addr(vrf, &addr);
	addr = prefix->addr;
	for (unsigned bit = prefix->len; bit < bytes * 8; bit++)
		addr.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	check_addr(vrf, &addr);
	for (unsigned i = bytes; i-- > 0 && ++addr.bytes[i] == 0;)
		;
	check_addr(vrf, &addr);
}

static void model_add(struct rtr_vrf *vrf, enum addr_family family) {
	struct rtr_route route = {.prefix = n_model && rnd(3) == 0 ? model[rnd(n_model)].prefix
								   : random_prefix(family),
		.source = (uint8_t)rnd(RTR_SRC_COUNT),
		.metric = rnd(3),
		.distance = (uint8_t)(1 + rnd(3)),
		.slot = slots[rnd(SLOTS)]};
	unsigned i;

	for (i = 0; i < n_model; i++)
		if (prefix_cmp(&model[i].prefix, &route.prefix) == 0 &&
			model[i].source == route.source && model[i].metric == route.metric)
			break;
	if (i == MODEL_MAX)
		return;
	nexthop_ref(route.slot);
	assert_int_equal(rib_set(vrf, &route, NULL), 0);
	model[i] = route;
	n_model += i == n_model;
	check_edges(vrf, &route.prefix);
}

static void model_del(struct rtr_vrf *vrf) {
	unsigned i = rnd(n_model);
	struct rtr_route route = model[i];

	assert_int_equal(
		rib_del(vrf, &route.prefix, route.source, route.protocol, route.metric), 0);
	assert_int_equal(
		rib_del(vrf, &route.prefix, route.source, route.protocol, route.metric), -ENOENT);
	model[i] = model[--n_model];
	check_edges(vrf, &route.prefix);
}

static int model_cmp(const void *va, const void *vb) {
	const struct rtr_route *a = va, *b = vb;
	int order = prefix_cmp(&a->prefix, &b->prefix);

	return order ? order : better(a, b) ? -1 : 1;
}

struct walk {
	unsigned n, stop;
	struct prefix last;
};

static bool walk_one(const struct rtr_route *route, void *arg) {
	struct walk *w = arg;
	const struct rtr_route *want = &model[w->n];
	bool first = w->n == 0 || prefix_cmp(&model[w->n - 1].prefix, &want->prefix) != 0;

	assert_true(w->n < n_model);
	assert_int_equal(prefix_cmp(&route->prefix, &want->prefix), 0);
	assert_int_equal(route->slot, want->slot);
	assert_int_equal(route->distance, want->distance);
	assert_int_equal(route->best, first);
	w->last = route->prefix;
	return ++w->n != w->stop;
}

// All at once, and in pages that end with a prefix.
static void check_walk(const struct rtr_vrf *vrf) {
	struct walk w = {0};

	qsort(model, n_model, sizeof(model[0]), model_cmp);
	rib_foreach(vrf, NULL, walk_one, &w);
	assert_int_equal(w.n, n_model);
	w.n = 0;
	while (w.n < n_model) {
		w.stop = w.n + 7;
		while (w.stop < n_model &&
			prefix_cmp(&model[w.stop - 1].prefix, &model[w.stop].prefix) == 0)
			w.stop++;
		rib_foreach(vrf, w.n ? &w.last : NULL, walk_one, &w);
		assert_true(w.n == w.stop || w.n == n_model);
	}
}

static unsigned count_prefixes(enum addr_family family) {
	unsigned n = 0;

	for (unsigned i = 0; i < n_model; i++)
		n += model[i].prefix.addr.family == family &&
			(i == 0 || prefix_cmp(&model[i - 1].prefix, &model[i].prefix) != 0);
	return n;
}

static void check_all(struct rtr_vrf *vrf) {
	struct rib_stats stats;

	check_walk(vrf);
	for (unsigned i = 0; i < 3000; i++) {
		struct addr addr = random_addr(rnd(2) ? ADDR_V4 : ADDR_V6);

		check_addr(vrf, &addr);
	}
	assert_int_equal(audit(vrf), 0);
	rib_stats(vrf, &stats);
	assert_int_equal(stats.routes4, count_prefixes(ADDR_V4));
	assert_int_equal(stats.routes6, count_prefixes(ADDR_V6));
}

static void agrees_with_a_naive_reference(void **) {
	struct rtr_vrf *vrf = vrf_new(1000, 1000);

	n_model = 0;
	for (unsigned round = 0; round < 6; round++) {
		bool grow = round % 2 == 0;

		for (unsigned op = 0; op < 1500; op++) {
			if (n_model == 0 || rnd(10) < (grow ? 7 : 3))
				model_add(vrf, rnd(2) ? ADDR_V4 : ADDR_V6);
			else
				model_del(vrf);
		}
		check_all(vrf);
	}
	while (n_model > 0)
		model_del(vrf);
	assert_int_equal(audit(vrf), 0);
	rib_vrf_free(vrf);
}

// Bulk look-ups, of any number, say what single ones say; so do both ways of IPv4.
static void bulk_is_single(void **) {
	struct rtr_vrf *vrf = vrf_new(1000, 1000);
	uint32_t v4[300], one[300], two[300];
	uint8_t v6[300][16];

	n_model = 0;
	for (unsigned i = 0; i < 500; i++)
		model_add(vrf, rnd(2) ? ADDR_V4 : ADDR_V6);
	for (unsigned round = 0; round < 200; round++) {
		unsigned n = 1 + rnd(300);

		for (unsigned i = 0; i < n; i++) {
			struct addr a4 = random_addr(ADDR_V4), a6 = random_addr(ADDR_V6);

			memcpy(&v4[i], a4.bytes, 4);
			v4[i] = rte_be_to_cpu_32(v4[i]);
			memcpy(v6[i], a6.bytes, 16);
		}
		fib_lookup4_scalar(vrf->fib4, v4, one, n);
		if (fib_has_vector4())
			fib_lookup4_vector(vrf->fib4, v4, two, n);
		else
			fib_lookup4(vrf->fib4, v4, two, n);
		assert_memory_equal(one, two, n * sizeof(one[0]));
		fib_lookup6(vrf->fib6, (const uint8_t(*)[16])v6, two, n);
		fib_lookup6_scalar(vrf->fib6, (const uint8_t(*)[16])v6, one, n);
		assert_memory_equal(one, two, n * sizeof(one[0]));
		for (unsigned i = 0; i < n; i++) {
			struct addr addr = {.family = ADDR_V6};
			const struct rtr_route *want;

			memcpy(addr.bytes, v6[i], 16);
			want = model_lookup(&addr);
			assert_int_equal(two[i], want ? want->slot : 0);
		}
	}
	rib_vrf_free(vrf);
}

// ---- candidates -----------------------------------------------------------------------------------------------

static void best_candidate_wins(void **) {
	struct rtr_vrf *vrf = vrf_new(100, 100);
	struct prefix p = pfx("10.0.0.0/8");
	struct rtr_route best;

	assert_int_equal(set(vrf, &p, RTR_SRC_KERNEL, 110, 20, slots[0]), 0);
	assert_int_equal(set(vrf, &p, RTR_SRC_KERNEL, 110, 10, slots[1]), 0);
	assert_int_equal(lookup(vrf, "10.1.2.3"), slots[1]);
	assert_int_equal(set(vrf, &p, RTR_SRC_STATIC, 1, 99, slots[2]), 0);
	assert_int_equal(lookup(vrf, "10.1.2.3"), slots[2]);
	// the same candidate: another next hop, then another distance
	assert_int_equal(set(vrf, &p, RTR_SRC_STATIC, 1, 99, slots[3]), 0);
	assert_int_equal(lookup(vrf, "10.1.2.3"), slots[3]);
	assert_int_equal(set(vrf, &p, RTR_SRC_STATIC, 200, 99, slots[3]), 0);
	assert_int_equal(lookup(vrf, "10.1.2.3"), slots[1]);
	assert_true(rib_find(vrf, &p, &best));
	assert_int_equal(best.metric, 10);
	assert_int_equal(rib_del(vrf, &p, RTR_SRC_KERNEL, 0, 10), 0);
	assert_int_equal(lookup(vrf, "10.1.2.3"), slots[0]);
	rib_del_source(vrf, RTR_SRC_KERNEL);
	assert_int_equal(lookup(vrf, "10.1.2.3"), slots[3]);
	rib_del_source(vrf, RTR_SRC_STATIC);
	assert_int_equal(lookup(vrf, "10.1.2.3"), 0);
	assert_false(rib_find(vrf, &p, &best));
	rib_vrf_free(vrf);
}

static void resync_removes_what_was_not_set(void **) {
	struct rtr_vrf *vrf = vrf_new(100, 100);
	uint32_t generation;

	set_text(vrf, "10.0.0.0/8", RTR_SRC_KERNEL, slots[0]);
	set_text(vrf, "10.1.0.0/16", RTR_SRC_KERNEL, slots[1]);
	set_text(vrf, "2001:db8::/32", RTR_SRC_KERNEL, slots[2]);
	set_text(vrf, "10.2.0.0/16", RTR_SRC_STATIC, slots[3]);
	generation = rib_mark(vrf, RTR_SRC_KERNEL);
	set_text(vrf, "10.0.0.0/8", RTR_SRC_KERNEL, slots[0]);
	set_text(vrf, "10.3.0.0/16", RTR_SRC_KERNEL, slots[4]);
	rib_mark(vrf, RTR_SRC_STATIC); // another's resync in between
	assert_int_equal(rib_sweep(vrf, RTR_SRC_KERNEL, generation), 2);
	assert_int_equal(lookup(vrf, "10.1.1.1"), slots[0]);
	assert_int_equal(lookup(vrf, "10.2.1.1"), slots[3]);
	assert_int_equal(lookup(vrf, "10.3.1.1"), slots[4]);
	assert_int_equal(lookup(vrf, "2001:db8::1"), 0);
	rib_vrf_free(vrf);
}

// ---- full -----------------------------------------------------------------------------------------------------

static void limit_refuses_the_newcomer(void **) {
	struct rtr_vrf *vrf = vrf_new(64, 64);
	struct rib_stats stats;
	struct err err = {0};

	for (uint32_t i = 0; i < 64; i++) {
		struct prefix p = {{ADDR_V4, {10, 0, (uint8_t)i, 0}}, 24};

		assert_int_equal(set(vrf, &p, RTR_SRC_KERNEL, 20, 0, slots[i % SLOTS]), 0);
	}
	struct rtr_route over = {
		.prefix = pfx("10.9.0.0/24"), .source = RTR_SRC_KERNEL, .slot = slots[0]};
	nexthop_ref(slots[0]);
	assert_int_equal(rib_set(vrf, &over, &err), -ENOSPC);
	assert_string_equal(err.msg,
		"router main: no room for 10.9.0.0/24: its limit on routes is full (64 of 64 IPv4 "
		"routes)");
	rib_stats(vrf, &stats);
	assert_int_equal(stats.refused, 1);
	assert_int_equal(stats.routes4, 64);
	assert_int_equal(lookup(vrf, "10.9.0.1"), 0);
	// those that are there may change, and neighbours have places of their own
	struct prefix p = pfx("10.0.1.0/24");
	assert_int_equal(set(vrf, &p, RTR_SRC_KERNEL, 20, 1, slots[2]), -ENOSPC);
	assert_int_equal(set(vrf, &p, RTR_SRC_KERNEL, 20, 0, slots[5]), 0);
	assert_int_equal(set_text(vrf, "10.0.0.7/32", RTR_SRC_NEIGHBOR, slots[6]), 0);
	assert_int_equal(lookup(vrf, "10.0.0.7"), slots[6]);
	assert_int_equal(lookup(vrf, "10.0.1.7"), slots[5]);
	// one goes, one comes
	p = pfx("10.0.2.0/24");
	assert_int_equal(rib_del(vrf, &p, RTR_SRC_KERNEL, 0, 0), 0);
	assert_int_equal(set_text(vrf, "10.9.0.0/24", RTR_SRC_KERNEL, slots[0]), 0);
	assert_int_equal(audit(vrf), 0);
	rib_vrf_free(vrf);
}

// Long prefixes that share nothing: the FIB's groups are short before the limit is.
static void full_fib_refuses_the_newcomer(void **) {
	struct rtr_vrf *vrf = vrf_new(1, 300000);
	struct rib_stats before, after;
	struct prefix p = {{ADDR_V6, {0x20}}, 128};
	uint32_t n = 0;

	for (;; n++) {
		p.addr.bytes[1] = (uint8_t)(n >> 16);
		p.addr.bytes[2] = (uint8_t)(n >> 8);
		p.addr.bytes[3] = (uint8_t)n;
		if (set(vrf, &p, RTR_SRC_KERNEL, 20, 0, slots[n % SLOTS]) != 0)
			break;
	}
	rib_stats(vrf, &before);
	assert_int_equal(before.routes6, n);
	assert_in_range(n, 40000, 299999);
	assert_int_equal(before.refused, 1);
	assert_int_equal(rib_lookup_fib(vrf, &p.addr), 0);
	assert_int_equal(set(vrf, &p, RTR_SRC_NEIGHBOR, 0, 0, slots[1]), 0);
	assert_int_equal(rib_lookup_fib(vrf, &p.addr), slots[1]);
	assert_int_equal(rib_del(vrf, &p, RTR_SRC_NEIGHBOR, 0, 0), 0);
	// what goes makes room, and takes no more memory
	for (uint32_t i = 0; i < 1000; i++) {
		p.addr.bytes[1] = (uint8_t)(i >> 16);
		p.addr.bytes[2] = (uint8_t)(i >> 8);
		p.addr.bytes[3] = (uint8_t)i;
		assert_int_equal(rib_del(vrf, &p, RTR_SRC_KERNEL, 0, 0), 0);
		p.addr.bytes[15] = 1;
		assert_int_equal(set(vrf, &p, RTR_SRC_KERNEL, 20, 0, slots[i % SLOTS]), 0);
		p.addr.bytes[15] = 0;
	}
	rib_stats(vrf, &after);
	assert_in_range(after.fib_bytes, before.fib_bytes, before.fib_bytes + (1 << 20));
	rib_vrf_free(vrf);
}

static void too_much_memory_is_refused(void **) {
	struct err err = {0};

	rib_memory_set((uint64_t)300 << 20);
	assert_null(rib_vrf_new("big", 0, 1000000, 1000000, &err));
	assert_int_equal(err.code, -ENOMEM);
	assert_non_null(strstr(err.msg, "would fit"));
	err = (struct err){0};
	assert_null(rib_vrf_new("huge", 0, RIB_MAX_ROUTES + 1, 1, &err));
	assert_int_equal(err.code, -EINVAL);
	struct rtr_vrf *vrf = vrf_new(1000000, 100000);
	rib_vrf_free(vrf);
	rib_memory_set(0);
}

// ---- audit ----------------------------------------------------------------------------------------------------

static struct rtr_vrf *audited_new(void) {
	struct rtr_vrf *vrf = vrf_new(1000, 1000);

	set_text(vrf, "0.0.0.0/0", RTR_SRC_STATIC, slots[0]);
	set_text(vrf, "10.0.0.0/8", RTR_SRC_STATIC, slots[1]);
	set_text(vrf, "10.1.1.128/25", RTR_SRC_STATIC, slots[2]);
	set_text(vrf, "10.1.1.200/32", RTR_SRC_STATIC, slots[3]);
	set_text(vrf, "2001:db8::/32", RTR_SRC_STATIC, slots[4]);
	set_text(vrf, "2001:db8:0:1::/64", RTR_SRC_STATIC, slots[5]);
	set_text(vrf, "2001:db8:0:1::77/128", RTR_SRC_STATIC, slots[6]);
	assert_int_equal(audit(vrf), 0);
	return vrf;
}

static void assert_repaired(struct rtr_vrf *vrf, uint64_t wrong) {
	assert_int_equal(audit(vrf), wrong);
	assert_int_equal(audit(vrf), 0);
	assert_int_equal(lookup(vrf, "11.0.0.1"), slots[0]);
	assert_int_equal(lookup(vrf, "10.77.0.1"), slots[1]);
	assert_int_equal(lookup(vrf, "10.1.1.1"), slots[1]);
	assert_int_equal(lookup(vrf, "10.1.1.129"), slots[2]);
	assert_int_equal(lookup(vrf, "10.1.1.200"), slots[3]);
	assert_int_equal(lookup(vrf, "2001:db8:5::1"), slots[4]);
	assert_int_equal(lookup(vrf, "2001:db8:0:1::1"), slots[5]);
	assert_int_equal(lookup(vrf, "2001:db8:0:1::77"), slots[6]);
	assert_int_equal(lookup(vrf, "2001:db9::"), 0);
}

static void audit_repairs_next_hops(void **) {
	struct rtr_vrf *vrf = audited_new();
	struct prefix p = pfx("10.0.0.0/8"), host = pfx("10.1.1.200/32"),
		      six = pfx("2001:db8::/32");

	fib_replace(vrf->fib4, p.addr.bytes, p.len, slots[9]);
	assert_repaired(vrf, 17); // 65,536 entries but for what is longer, 4,096 at a time
	fib_replace(vrf->fib4, host.addr.bytes, host.len, slots[9]);
	assert_repaired(vrf, 1);
	vrf->fib6->fallback = slots[9];
	assert_repaired(vrf, 1);
	vrf->fib4->fallback = 0;
	assert_repaired(vrf, 1);
	fib_replace(vrf->fib6, six.addr.bytes, six.len, slots[9]);
	assert_true(audit(vrf) > 0);
	assert_repaired(vrf, 0);
	rib_vrf_free(vrf);
}

static void audit_repairs_what_is_too_much(void **) {
	struct rtr_vrf *vrf = audited_new();
	struct prefix p = pfx("10.5.0.0/16"), host = pfx("11.1.1.1/32"),
		      six = pfx("2001:db9::8/128");

	assert_int_equal(fib_add(vrf->fib4, p.addr.bytes, p.len, slots[9], true), 0);
	assert_repaired(vrf, 1);
	assert_int_equal(fib_add(vrf->fib4, host.addr.bytes, host.len, slots[9], true), 0);
	assert_repaired(vrf, 1);
	assert_int_equal(fib_add(vrf->fib6, six.addr.bytes, six.len, slots[9], true), 0);
	assert_repaired(vrf, 1);
	rib_vrf_free(vrf);
}

static void audit_repairs_what_is_missing(void **) {
	struct rtr_vrf *vrf = audited_new();
	struct prefix p = pfx("10.1.1.200/32"), six = pfx("2001:db8:0:1::77/128");

	fib_del(vrf->fib4, p.addr.bytes, p.len, 25, slots[2]);
	assert_repaired(vrf, 1);
	vrf->fib4->top[0x0a0101] = 0; // a whole group
	assert_true(audit(vrf) > 0);
	assert_repaired(vrf, 0);
	fib_del(vrf->fib6, six.addr.bytes, six.len, 64, slots[5]);
	assert_true(audit(vrf) > 0);
	assert_repaired(vrf, 0);
	vrf->fib4->top[0x0a0101] = 0x7ffffff1; // a group that there is not
	assert_true(audit(vrf) > 0);
	assert_repaired(vrf, 0);
	// what was repaired can be taken away
	assert_int_equal(rib_del(vrf, &p, RTR_SRC_STATIC, 0, 0), 0);
	assert_int_equal(rib_del(vrf, &six, RTR_SRC_STATIC, 0, 0), 0);
	assert_int_equal(lookup(vrf, "2001:db8:0:1::77"), slots[5]);
	assert_int_equal(audit(vrf), 0);
	rib_vrf_free(vrf);
}

// ---- readers beside the writer ------------------------------------------------------------------------------

#define UNIVERSE  96 // prefixes that come and go, each with two next hops
#define ADDRESSES 64 // that the reader looks up
#define COVERS    40
#define REPEAT    16

struct reader {
	struct rtr_vrf *vrf;
	enum addr_family family;
	uint32_t base; // the prefix that never goes
	struct prefix universe[UNIVERSE];
	uint32_t slot[UNIVERSE][2];
	// Odd: may be seen; even: nobody may see it any more. Changed before it is published, after it is withdrawn.
	uint32_t version[UNIVERSE][2];
	struct addr addrs[ADDRESSES];
	unsigned n_covers[ADDRESSES];
	uint8_t covers[ADDRESSES][COVERS];
	bool stop, wrong;
	uint64_t rounds;
};

// IPv4: the same addresses over and over, so that it takes a while between the first table and the group.
static void reader_find(const struct reader *r, uint32_t *found) {
	static uint32_t v4[ADDRESSES * REPEAT];
	uint8_t v6[ADDRESSES][16];

	for (unsigned i = 0; i < ADDRESSES; i++) {
		memcpy(&v4[i], r->addrs[i].bytes, 4);
		v4[i] = rte_be_to_cpu_32(v4[i]);
		memcpy(v6[i], r->addrs[i].bytes, 16);
	}
	if (r->family == ADDR_V6) {
		fib_lookup6(r->vrf->fib6, (const uint8_t(*)[16])v6, found, ADDRESSES);
		return;
	}
	for (unsigned i = ADDRESSES; i < ADDRESSES * REPEAT; i++)
		v4[i] = v4[i % ADDRESSES];
	if (r->rounds % 2)
		fib_lookup4(r->vrf->fib4, v4, found, ADDRESSES * REPEAT);
	else
		fib_lookup4_scalar(r->vrf->fib4, v4, found, ADDRESSES * REPEAT);
}

typedef uint32_t versions[UNIVERSE][2];

static void versions_read(const struct reader *r, versions *out) {
	for (unsigned i = 0; i < UNIVERSE; i++)
		for (unsigned k = 0; k < 2; k++)
			(*out)[i][k] = __atomic_load_n(&r->version[i][k], __ATOMIC_SEQ_CST);
}

// The answer belongs to a prefix of this address that was there at some time since `before` was read.
static bool is_valid(const struct reader *r, unsigned address, uint32_t slot,
	const versions *before, const versions *after) {
	if (slot == r->base)
		return true;
	for (unsigned c = 0; c < r->n_covers[address]; c++) {
		unsigned p = r->covers[address][c];

		for (unsigned k = 0; k < 2; k++)
			if (slot == r->slot[p][k])
				return (*before)[p][k] % 2 || (*before)[p][k] != (*after)[p][k];
	}
	return false;
}

static void *reader_main(void *arg) {
	struct reader *r = arg;
	uint32_t found[ADDRESSES * REPEAT];
	unsigned n = r->family == ADDR_V4 ? ADDRESSES * REPEAT : ADDRESSES;
	versions before, after;

	rte_rcu_qsbr_thread_register(rcu, 0);
	rte_rcu_qsbr_thread_online(rcu, 0);
	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		versions_read(r, &before);
		reader_find(r, found);
		versions_read(r, &after);
		for (unsigned i = 0; i < n; i++)
			if (!is_valid(r, i % ADDRESSES, found[i], &before, &after))
				__atomic_store_n(&r->wrong, true, __ATOMIC_RELAXED);
		__atomic_store_n(&r->rounds, r->rounds + 1, __ATOMIC_RELAXED);
		rte_rcu_qsbr_quiescent(rcu, 0);
	}
	rte_rcu_qsbr_thread_offline(rcu, 0);
	rte_rcu_qsbr_thread_unregister(rcu, 0);
	return NULL;
}

// Around a few addresses, so that groups come and go under the reader.
static void reader_init(struct reader *r, enum addr_family family, unsigned longest) {
	unsigned bits = family == ADDR_V4 ? 32 : 128;

	r->family = family;
	r->vrf = vrf_new(1000, 1000);
	r->base = slots[0];
	set_text(r->vrf, family == ADDR_V4 ? "0.0.0.0/0" : "::/0", RTR_SRC_STATIC, r->base);
	for (unsigned i = 0; i < ADDRESSES; i++) {
		r->addrs[i] = (struct addr){.family = family, .bytes = {10}};
		r->addrs[i].bytes[2] = (uint8_t)rnd(4);
		r->addrs[i].bytes[bits / 8 - 1] = (uint8_t)rnd(256);
		if (family == ADDR_V6)
			r->addrs[i].bytes[5 + rnd(8)] = (uint8_t)rnd(3);
	}
	for (unsigned p = 0; p < UNIVERSE; p++) {
		bool is_new = false;

		while (!is_new) {
			r->universe[p] = (struct prefix){
				r->addrs[rnd(ADDRESSES)], (uint8_t)(longest - rnd(longest - 16))};
			r->universe[p] = prefix_network(&r->universe[p]);
			is_new = true;
			for (unsigned q = 0; q < p; q++)
				is_new &= prefix_cmp(&r->universe[q], &r->universe[p]) != 0;
		}
		for (unsigned k = 0; k < 2; k++)
			r->slot[p][k] = slot_new(1000 + p * 2 + k);
		for (unsigned i = 0; i < ADDRESSES; i++)
			if (prefix_contains(&r->universe[p], &r->addrs[i])) {
				assert_true(r->n_covers[i] < COVERS);
				r->covers[i][r->n_covers[i]++] = (uint8_t)p;
			}
	}
}

static void bump(struct reader *r, unsigned p, unsigned k) {
	__atomic_add_fetch(&r->version[p][k], 1, __ATOMIC_SEQ_CST);
}

// Adds, moves to the other next hop, or removes one prefix.
static void churn(struct reader *r) {
	unsigned p = rnd(UNIVERSE), k = r->version[p][1] % 2;
	bool is_there = r->version[p][k] % 2;

	if (!is_there) {
		k = rnd(2);
		bump(r, p, k);
		assert_int_equal(
			set(r->vrf, &r->universe[p], RTR_SRC_KERNEL, 1, 0, r->slot[p][k]), 0);
	} else if (rnd(3) == 0) {
		bump(r, p, !k);
		assert_int_equal(
			set(r->vrf, &r->universe[p], RTR_SRC_KERNEL, 1, 0, r->slot[p][!k]), 0);
		bump(r, p, k);
	} else {
		assert_int_equal(rib_del(r->vrf, &r->universe[p], RTR_SRC_KERNEL, 0, 0), 0);
		bump(r, p, k);
	}
}

static void readers_see_what_was_valid(enum addr_family family, unsigned longest) {
	struct reader *r = calloc(1, sizeof(*r));
	pthread_t thread;

	rcu = aligned_alloc(RTE_CACHE_LINE_SIZE, rte_rcu_qsbr_get_memsize(1));
	rte_rcu_qsbr_init(rcu, 1);
	reader_init(r, family, longest);
	assert_int_equal(pthread_create(&thread, NULL, reader_main, r), 0);
	for (unsigned ops = 0; ops < 60000 || __atomic_load_n(&r->rounds, __ATOMIC_RELAXED) < 2000;
		ops++) {
		churn(r);
		if (rnd(16) == 0) { // far more often than the table itself would
			dp_sync();
			fib_reclaim(family == ADDR_V4 ? r->vrf->fib4 : r->vrf->fib6);
		}
	}
	__atomic_store_n(&r->stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	free(rcu);
	rcu = NULL;
	assert_false(r->wrong);
	assert_int_equal(audit(r->vrf), 0);
	rib_vrf_free(r->vrf);
	for (unsigned p = 0; p < UNIVERSE; p++) {
		nexthop_put(r->slot[p][0]);
		nexthop_put(r->slot[p][1]);
	}
	nexthop_collect();
	free(r);
}

static void readers4(void **) {
	readers_see_what_was_valid(ADDR_V4, 32);
}

static void readers6(void **) {
	readers_see_what_was_valid(ADDR_V6, 128);
}

// Where buckets come and go, fill up and become groups.
static void readers6_of_sites(void **) {
	readers_see_what_was_valid(ADDR_V6, 64);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_naive_reference),
		cmocka_unit_test(bulk_is_single),
		cmocka_unit_test(best_candidate_wins),
		cmocka_unit_test(resync_removes_what_was_not_set),
		cmocka_unit_test(limit_refuses_the_newcomer),
		cmocka_unit_test(full_fib_refuses_the_newcomer),
		cmocka_unit_test(too_much_memory_is_refused),
		cmocka_unit_test(audit_repairs_next_hops),
		cmocka_unit_test(audit_repairs_what_is_too_much),
		cmocka_unit_test(audit_repairs_what_is_missing),
		cmocka_unit_test(readers4),
		cmocka_unit_test(readers6),
		cmocka_unit_test(readers6_of_sites),
	};

	return cmocka_run_group_tests_name("rib", tests, setup, teardown);
}
