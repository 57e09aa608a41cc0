// SPDX-License-Identifier: BSD-3-Clause
// A full Internet table in the router's tables: how long it takes to load, to take away and to load again, what it needs, what a
// look-up costs, and what a fail-over; and rte_fib beside it. One thread; no packets.
//
//   rib_bench [ROUTES4 [ROUTES6]]     1000000 200000
#include "dataplane/session/session.h"
#include "lib/log.h"
#include "router/fib/nexthop.h"
#include "router/fib/rib.h"
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOPS    100 // next hops that routes share; every tenth is a group of two
#define BULK    256
#define LOOKUPS (1u << 22)
#define ROUNDS  7

struct rtr_iface *rtr_ifaces[DP_MAX_IFACES];

void session_hops_changed(void) {
}

void dp_sync(void) { // there are no workers
}

static uint64_t seed = 7;

static uint32_t rnd(uint32_t below) {
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(((seed >> 32) * below) >> 32);
}

// CPU time: nothing here waits for anything but its turn.
static double now_s(void) {
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double rss_mib(void) {
	unsigned long total = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file && fscanf(file, "%lu %lu", &total, &resident) != 2)
		resident = 0;
	if (file)
		fclose(file);
	return (double)resident * 4096 / (1 << 20);
}

// ---- prefixes -------------------------------------------------------------------------------------------------

struct share {
	uint8_t len;
	uint16_t per_mille;
};

// About as in the Internet's tables of 2024.
static const struct share shares4[] = {{24, 610}, {23, 100}, {22, 115}, {21, 52}, {20, 45},
	{19, 25}, {18, 14}, {17, 9}, {16, 14}, {15, 3}, {14, 3}, {13, 2}, {12, 2}, {11, 1}, {25, 2},
	{32, 3}};
static const struct share shares6[] = {{48, 480}, {32, 130}, {44, 90}, {40, 85}, {36, 45}, {46, 40},
	{47, 30}, {45, 20}, {33, 15}, {34, 15}, {29, 20}, {56, 10}, {64, 20}};

static uint8_t length_of(const struct share *shares, unsigned n) {
	unsigned at = rnd(1000);

	for (unsigned i = 0; i < n; i++) {
		if (at < shares[i].per_mille)
			return shares[i].len;
		at -= shares[i].per_mille;
	}
	return shares[0].len;
}

static struct prefix random4(void) {
	uint32_t addr = rte_cpu_to_be_32((1 + rnd(222)) << 24 | rnd(1 << 24));
	struct prefix p = {.addr.family = ADDR_V4, .len = length_of(shares4, RTE_DIM(shares4))};

	memcpy(p.addr.bytes, &addr, sizeof(addr));
	return prefix_network(&p);
}

// 40,000 /32s of five registries; what is longer lies in them, low subnets more often.
static struct prefix random6(void) {
	static const uint16_t tops[] = {0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00};
	uint32_t site = rnd(40000);
	uint32_t top = (uint32_t)tops[site % 5] << 16 | ((site * 2654435761u) >> 12 & 0xfffff);
	uint32_t sub = rnd(2) ? rnd(256) << 24 | rnd(1 << 16) : rnd(UINT32_MAX);
	struct prefix p = {.addr.family = ADDR_V6, .len = length_of(shares6, RTE_DIM(shares6))};

	top = rte_cpu_to_be_32(top);
	sub = rte_cpu_to_be_32(sub);
	memcpy(p.addr.bytes, &top, sizeof(top));
	memcpy(p.addr.bytes + 4, &sub, sizeof(sub));
	return prefix_network(&p);
}

static uint32_t hop(unsigned i) {
	struct rtr_path paths[2] = {
		{1, {ADDR_V4, {10, (uint8_t)i, 0, 1}}, 1}, {2, {ADDR_V4, {10, 0, 0, 2}}, 1}};
	int64_t slot = nexthop_get(0, paths, i % 10 == 0 ? 2 : 1, NULL);

	if (slot < 0)
		exit(1);
	return (uint32_t)slot;
}

static int route_set(struct rtr_vrf *vrf, const struct prefix *prefix, unsigned i) {
	struct rtr_route route = {
		.prefix = *prefix, .source = RTR_SRC_KERNEL, .distance = 20, .slot = hop(i)};

	return rib_set(vrf, &route, NULL);
}

// Distinct prefixes: those that the table itself does not have yet.
static struct prefix *prefixes_new(struct rtr_vrf *vrf, uint32_t n, struct prefix (*one)(void)) {
	struct prefix *prefixes = malloc(n * sizeof(*prefixes));
	struct rtr_route found;

	for (uint32_t i = 0; prefixes && i < n;) {
		prefixes[i] = one();
		if (rib_find(vrf, &prefixes[i], &found))
			continue;
		if (route_set(vrf, &prefixes[i], i) != 0)
			exit(1);
		i++;
	}
	return prefixes;
}

// ---- tables ---------------------------------------------------------------------------------------------------

// A commit as the configuration or netlink make it: the next hop by content, then the route.
static double load(struct rtr_vrf *vrf, const struct prefix *prefixes, uint32_t n) {
	double start = now_s();

	for (uint32_t i = 0; i < n; i++)
		if (route_set(vrf, &prefixes[i], i % HOPS) != 0)
			exit(1);
	return now_s() - start;
}

static double unload(struct rtr_vrf *vrf, const struct prefix *prefixes, uint32_t n) {
	double start = now_s();

	for (uint32_t i = 0; i < n; i++)
		if (rib_del(vrf, &prefixes[i], RTR_SRC_KERNEL, 0, 0) != 0)
			exit(1);
	return now_s() - start;
}

static void memory(const struct rtr_vrf *vrf, uint32_t n) {
	struct rib_stats stats;

	rib_stats(vrf, &stats);
	printf("memory       RIB %.1f MiB = %.0f B/route, FIB %.1f MiB (%u + %u groups, %u "
	       "buckets), RSS %.0f MiB\n",
		(double)stats.rib_bytes / (1 << 20), (double)stats.rib_bytes / n,
		(double)stats.fib_bytes / (1 << 20), vrf->fib4->group_pool.fresh,
		vrf->fib6->group_pool.fresh, vrf->fib6->bucket_pool.fresh, rss_mib());
}

static void tables(struct rtr_vrf *vrf, const struct prefix *p4, uint32_t n4,
	const struct prefix *p6, uint32_t n6) {
	rib_del_source(vrf, RTR_SRC_KERNEL);
	for (unsigned round = 1; round <= 2; round++) {
		double l4 = load(vrf, p4, n4), l6 = load(vrf, p6, n6);
		uint32_t generation = rib_mark(vrf, RTR_SRC_KERNEL);
		double again = load(vrf, p4, n4) + load(vrf, p6, n6);

		rib_sweep(vrf, RTR_SRC_KERNEL, generation);
		printf("load %u       IPv4 %.2f s (%.2f M/s), IPv6 %.2f s; the same again %.2f s\n",
			round, l4, n4 / l4 / 1e6, l6, again);
		if (round == 2)
			break;
		double u4 = unload(vrf, p4, n4), u6 = unload(vrf, p6, n6);
		printf("withdraw     IPv4 %.2f s (%.2f M/s), IPv6 %.2f s\n", u4, n4 / u4 / 1e6, u6);
	}
	memory(vrf, n4 + n6);
	double start = now_s();
	rib_audit(vrf, 1000000);
	printf("audit        %.2f us a step\n", now_s() - start);
}

// All routes go by one pair of next hops, of which one goes: by its neighbour, and by its link.
static void fail_over(struct rtr_vrf *vrf, const struct prefix *prefixes, uint32_t n) {
	struct rtr_path pair[2] = {
		{1, {ADDR_V4, {10, 0, 0, 1}}, 1}, {2, {ADDR_V4, {10, 0, 0, 2}}, 1}};
	struct rte_ether_addr mac = {{2, 0, 0, 0, 0, 9}};
	double start, neighbor, link;

	for (uint32_t i = 0; i < n; i++) {
		struct rtr_route route = {.prefix = prefixes[i],
			.source = RTR_SRC_KERNEL,
			.distance = 20,
			.slot = (uint32_t)nexthop_get(0, pair, 2, NULL)};

		if (rib_set(vrf, &route, NULL) != 0)
			exit(1);
	}
	for (unsigned i = 0; i < 2; i++) {
		nexthop_link(pair[i].iface, true);
		nexthop_neighbor(pair[i].iface, &pair[i].gateway, &mac);
	}
	start = now_s();
	nexthop_neighbor(2, &pair[1].gateway, NULL);
	neighbor = now_s() - start;
	nexthop_neighbor(2, &pair[1].gateway, &mac);
	start = now_s();
	nexthop_link(2, false);
	link = now_s() - start;
	printf("fail-over    of a next hop of %u routes: neighbour gone %.1f us, link gone %.1f "
	       "us\n",
		n, neighbor * 1e6, link * 1e6);
}

// ---- look-ups -------------------------------------------------------------------------------------------------

static uint32_t *addrs4;
static uint8_t (*addrs6)[16];
static struct rtr_vrf *vrf_looked;
static struct rte_fib *peer4;
static struct rte_fib6 *peer6;
static uint64_t sum;

static void ours4_scalar(uint32_t i) {
	uint32_t slots[BULK];

	fib_lookup4_scalar(vrf_looked->fib4, addrs4 + i, slots, BULK);
	sum += slots[0];
}

static void ours4_vector(uint32_t i) {
	uint32_t slots[BULK];

	fib_lookup4_vector(vrf_looked->fib4, addrs4 + i, slots, BULK);
	sum += slots[0];
}

static void ours6_scalar(uint32_t i) {
	uint32_t slots[BULK];

	fib_lookup6_scalar(vrf_looked->fib6, (const uint8_t(*)[16])(addrs6 + i), slots, BULK);
	sum += slots[0];
}

static void ours6_vector(uint32_t i) {
	uint32_t slots[BULK];

	fib_lookup6_vector(vrf_looked->fib6, (const uint8_t(*)[16])(addrs6 + i), slots, BULK);
	sum += slots[0];
}

static void theirs4(uint32_t i) {
	uint64_t hops[BULK];

	rte_fib_lookup_bulk(peer4, addrs4 + i, hops, BULK);
	sum += hops[0];
}

static void theirs6(uint32_t i) {
	uint64_t hops[BULK];

	rte_fib6_lookup_bulk(peer6, addrs6 + i, hops, BULK);
	sum += hops[0];
}

static int double_cmp(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static struct way {
	const char *name;
	void (*bulk)(uint32_t first);
	double cycles[ROUNDS];
} ways[8];
static unsigned n_ways;

static void way_add(const char *name, void (*bulk)(uint32_t)) {
	ways[n_ways++] = (struct way){.name = name, .bulk = bulk};
}

// `addresses` of them over and over; the ways take turns, so that a machine that gets slower gets slower for all.
static void measure(uint32_t addresses) {
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (struct way *w = ways; w < ways + n_ways; w++) {
			uint64_t start = rte_rdtsc();

			for (uint32_t i = 0; i < LOOKUPS; i += BULK)
				w->bulk(i & (addresses - 1));
			w->cycles[round] = (double)(rte_rdtsc() - start) / LOOKUPS;
		}
	}
	for (struct way *w = ways; w < ways + n_ways; w++) {
		qsort(w->cycles, ROUNDS, sizeof(w->cycles[0]), double_cmp);
		printf("look-up      %-14s %7u addresses: %5.1f / %5.1f / %5.1f TSC cycles\n",
			w->name, addresses, w->cycles[0], w->cycles[ROUNDS / 2],
			w->cycles[ROUNDS - 1]);
	}
}

static int peers_new(const struct prefix *p4, uint32_t n4, const struct prefix *p6, uint32_t n6) {
	struct rte_fib_conf conf4 = {.type = RTE_FIB_DIR24_8,
		.max_routes = (int)n4 + 2,
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = 1 << 15}};
	struct rte_fib6_conf conf6 = {.type = RTE_FIB6_TRIE,
		.max_routes = (int)n6 + 2,
		.trie = {.nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = 1 << 19}};
	double start = now_s(), middle;

	peer4 = rte_fib_create("bench4", SOCKET_ID_ANY, &conf4);
	peer6 = rte_fib6_create("bench6", SOCKET_ID_ANY, &conf6);
	if (!peer4 || !peer6)
		return -1;
	start = now_s();
	for (uint32_t i = 0; i < n4; i++) {
		uint32_t addr;

		memcpy(&addr, p4[i].addr.bytes, sizeof(addr));
		if (rte_fib_add(peer4, rte_be_to_cpu_32(addr), p4[i].len, 1 + i % HOPS) != 0)
			return -1;
	}
	middle = now_s();
	for (uint32_t i = 0; i < n6; i++)
		if (rte_fib6_add(peer6, p6[i].addr.bytes, p6[i].len, 1 + i % HOPS) != 0)
			return -1;
	printf("rte_fib      load IPv4 %.2f s, IPv6 %.2f s\n", middle - start, now_s() - middle);
	return 0;
}

// Addresses in prefixes that are there, in random order: as few hits in the caches as there can be.
static void addresses_new(
	const struct prefix *p4, uint32_t n4, const struct prefix *p6, uint32_t n6) {
	addrs4 = malloc(LOOKUPS * sizeof(*addrs4));
	addrs6 = malloc(LOOKUPS * sizeof(*addrs6));
	if (!addrs4 || !addrs6)
		exit(1);
	for (uint32_t i = 0; i < LOOKUPS; i++) {
		memcpy(&addrs4[i], p4[rnd(n4)].addr.bytes, sizeof(addrs4[i]));
		addrs4[i] = rte_be_to_cpu_32(addrs4[i]) | rnd(256);
		memcpy(addrs6[i], p6[rnd(n6)].addr.bytes, sizeof(addrs6[i]));
		addrs6[i][15] = (uint8_t)rnd(256);
	}
}

static void lookups(const struct prefix *p4, uint32_t n4, const struct prefix *p6, uint32_t n6) {
	addresses_new(p4, n4, p6, n6);
	way_add("IPv4 scalar", ours4_scalar);
	if (fib_has_vector4())
		way_add("IPv4 AVX-512", ours4_vector);
	way_add("IPv6 scalar", ours6_scalar);
	if (fib_has_vector6())
		way_add("IPv6 AVX2", ours6_vector);
	if (peers_new(p4, n4, p6, n6) == 0) {
		way_add("IPv4 rte_fib", theirs4);
		way_add("IPv6 rte_fib6", theirs6);
	}
	measure(1 << 16);
	measure(LOOKUPS);
}

int main(int argc, char **argv) {
	uint32_t n4 = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000000;
	uint32_t n6 = argc > 2 ? (uint32_t)atoi(argv[2]) : 200000;
	char *eal[] = {argv[0], "--no-huge", "--no-pci", "--no-telemetry", "--no-shconf", "-m4096",
		"--log-level=error", "--force-max-simd-bitwidth=512", "--lcores=0", NULL};
	struct err err = {0};

	setvbuf(stdout, NULL, _IOLBF, 0);
	log_set_level(LOG_LEVEL_ERROR);
	if (n4 < 1 || n6 < 1 || rte_eal_init(RTE_DIM(eal) - 1, eal) < 0 || nexthop_init(&err) != 0)
		return 1;
	vrf_looked = rib_vrf_new("bench", 0, n4, n6, &err);
	if (!vrf_looked) {
		fprintf(stderr, "rib_bench: %s\n", err.msg);
		return 1;
	}
	struct prefix *p4 = prefixes_new(vrf_looked, n4, random4);
	struct prefix *p6 = prefixes_new(vrf_looked, n6, random6);
	if (!p4 || !p6)
		return 1;
	tables(vrf_looked, p4, n4, p6, n6);
	fail_over(vrf_looked, p4, n4);
	lookups(p4, n4, p6, n6);
	rib_vrf_free(vrf_looked);
	nexthop_fini();
	free(p4);
	free(p6);
	free(addrs4);
	free(addrs6);
	rte_eal_cleanup();
	return sum == 0;
}
