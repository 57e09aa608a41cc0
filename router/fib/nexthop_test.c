// SPDX-License-Identifier: BSD-3-Clause
// Next-hop objects and their slots; nodes are played by a thread that reads as they do.
#include "dataplane/session/session.h"
#include "lib/log.h"
#include "router/fib/nexthop.h"
#include "router/iface.h"
#include <errno.h>
#include <pthread.h>
#include <rte_rcu_qsbr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ---- the data plane's part ----------------------------------------------------------------------------------

struct rtr_iface *rtr_ifaces[DP_MAX_IFACES];
static struct rtr_iface ifaces[4];
static struct rte_rcu_qsbr *rcu;
static unsigned syncs;

void session_hops_changed(void) {
}

void dp_sync(void) {
	syncs++;
	if (rcu)
		rte_rcu_qsbr_synchronize(rcu, RTE_QSBR_THRID_INVALID);
}

static int setup(void **) {
	log_set_level(LOG_LEVEL_ERROR);
	for (unsigned i = 0; i < RTE_DIM(ifaces); i++) {
		ifaces[i] = (struct rtr_iface){.index = (uint16_t)i,
			.port = (uint16_t)i,
			.mtu = (uint16_t)(1500 + i),
			.vrf = (uint16_t)(i / 2),
			.dscp = 255,
			.mac = {{2, 0, 0, 0, 0, (uint8_t)i}}};
		rtr_ifaces[i] = &ifaces[i];
	}
	return nexthop_init(NULL);
}

// Everything that a test got it gave back.
static int teardown(void **) {
	nexthop_collect();
	assert_int_equal(nexthop_count(), 0);
	nexthop_fini();
	return 0;
}

// ---- helpers ------------------------------------------------------------------------------------------------

static uint64_t seed = 1;

static uint32_t rnd(uint32_t below) {
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

static struct rtr_path path(uint16_t iface, uint32_t gateway, uint32_t weight) {
	struct rtr_path p = {.iface = iface, .weight = weight};

	if (gateway) {
		p.gateway.family = ADDR_V4;
		memcpy(p.gateway.bytes, &gateway, sizeof(gateway));
	}
	return p;
}

static struct rte_ether_addr mac_of(uint32_t n) {
	return (struct rte_ether_addr){
		{0x0a, (uint8_t)n, (uint8_t)n, (uint8_t)n, (uint8_t)n, (uint8_t)n}};
}

static void neighbor(uint16_t iface, uint32_t gateway, uint32_t mac) {
	struct rtr_path p = path(iface, gateway, 1);
	struct rte_ether_addr ether = mac_of(mac);

	nexthop_neighbor(iface, &p.gateway, mac ? &ether : NULL);
}

static uint32_t get(const struct rtr_path *paths, unsigned n) {
	int64_t slot = nexthop_get(0, paths, n, NULL);

	assert_true(slot > 0);
	return (uint32_t)slot;
}

static uint32_t get_one(uint16_t iface, uint32_t gateway) {
	struct rtr_path p = path(iface, gateway, 1);

	return get(&p, 1);
}

// The slot that it has, or would get; no reference stays.
static uint32_t peek(const struct rtr_path *paths, unsigned n) {
	uint32_t slot = get(paths, n);

	nexthop_put(slot);
	return slot;
}

static unsigned buckets(uint32_t group, uint32_t slot) {
	unsigned n = 0;

	for (unsigned b = 0; b < rtr_nhs[group].n_buckets; b++)
		n += rtr_nhs[group].buckets[b] == slot;
	return n;
}

// ---- objects ------------------------------------------------------------------------------------------------

static void equal_content_is_one_object(void **) {
	struct rtr_path ab[] = {path(0, 1, 2), path(1, 2, 1)},
			ba[] = {path(1, 2, 1), path(0, 1, 2)};
	struct rtr_path aab[] = {path(0, 1, 1), path(1, 2, 1), path(0, 1, 1)};
	struct rtr_path other[] = {path(0, 1, 1), path(1, 2, 1)}, out[4];
	uint32_t a = get_one(0, 1), group = get(ab, 2);

	assert_int_equal(peek(ab, 1), a);
	assert_int_equal(nexthop_refs(a), 2); // the group's too
	assert_int_not_equal(peek((struct rtr_path[]){path(1, 1, 1)}, 1), a);
	assert_int_equal(peek(ba, 2), group);
	assert_int_equal(peek(aab, 3), group);
	assert_int_not_equal(peek(other, 2), group);
	assert_int_equal(nexthop_paths(group, out, 4), 2);
	assert_int_equal(out[0].weight, 2);
	assert_int_equal(out[1].iface, 1);
	assert_int_equal(nexthop_paths(group, out, 1), 1);
	assert_int_equal(nexthop_refs(group), 1);
	nexthop_put(a);
	nexthop_put(group);
}

static void bad_paths_are_refused(void **) {
	struct rtr_path many[NEXTHOP_MAX_PATHS + 1], bad = path(0, 1, 0);
	struct err err = {0};

	for (unsigned i = 0; i <= NEXTHOP_MAX_PATHS; i++)
		many[i] = path(0, i + 1, 256);
	assert_int_equal(nexthop_get(0, many, 0, &err), -EINVAL);
	assert_int_equal(nexthop_get(0, many, NEXTHOP_MAX_PATHS + 1, NULL), -EINVAL);
	assert_int_equal(nexthop_get(0, &bad, 1, NULL), -EINVAL);
	bad = path(DP_MAX_IFACES, 1, 1);
	assert_int_equal(nexthop_get(0, &bad, 1, NULL), -EINVAL);
	assert_int_equal(nexthop_special_get(RTR_NH_GROUP, 0, NULL), -EINVAL);
	uint32_t slot = get(many, NEXTHOP_MAX_PATHS);
	assert_int_equal(nexthop_paths(slot, many, NEXTHOP_MAX_PATHS), NEXTHOP_MAX_PATHS);
	nexthop_put(slot);
}

static void specials(void **) {
	int64_t black = nexthop_special_get(RTR_NH_BLACKHOLE, 0, NULL);
	int64_t leak = nexthop_special_get(RTR_NH_VRF, 7, NULL);
	struct rtr_path out;

	assert_int_equal(rtr_nhs[black].kind, RTR_NH_BLACKHOLE);
	assert_int_equal(nexthop_special_get(RTR_NH_BLACKHOLE, 0, NULL), black);
	int64_t other = nexthop_special_get(RTR_NH_VRF, 6, NULL);
	assert_int_not_equal(other, leak);
	assert_int_equal(rtr_nhs[leak].vrf, 7);
	assert_int_equal(rtr_nhs[leak].iface, DP_NONE);
	assert_int_equal(nexthop_paths((uint32_t)leak, &out, 1), 0);
	nexthop_put((uint32_t)black);
	nexthop_put((uint32_t)black);
	nexthop_put((uint32_t)leak);
	nexthop_put((uint32_t)other);
	nexthop_put(0);
}

// A number is not used again, nor what is in its slot, before workers have let go of it.
static void freed_after_a_sync_only(void **) {
	uint32_t a = get_one(0, 1), b;
	unsigned before = syncs;

	neighbor(0, 1, 5);
	nexthop_put(a);
	assert_int_equal(rtr_nhs[a].kind, RTR_NH_FORWARD);
	b = get_one(0, 1);
	assert_int_not_equal(a, b);
	assert_int_equal(rtr_nhs[b].kind, RTR_NH_RESOLVE);
	nexthop_put(b);
	assert_int_equal(syncs, before);
	nexthop_collect();
	assert_int_equal(syncs, before + 1); // one for both
	assert_int_equal(rtr_nhs[a].kind, RTR_NH_NONE);
	nexthop_collect();
	assert_int_equal(syncs, before + 1);
	uint32_t c = get_one(0, 9), d = get_one(0, 8);
	assert_true(c == a || d == a);
	nexthop_put(c);
	nexthop_put(d);
}

// ---- slots --------------------------------------------------------------------------------------------------

static void slot_says_what_its_interface_is(void **) {
	uint32_t slot = get_one(3, 1), glean = get_one(3, 0);
	const struct rtr_nh *nh = &rtr_nhs[slot];
	unsigned before = syncs;

	assert_int_equal(nh->kind, RTR_NH_RESOLVE);
	assert_int_equal(rtr_nhs[glean].kind, RTR_NH_GLEAN);
	assert_true(nh->iface == 3 && nh->mtu == 1503 && nh->out == 3 && nh->vrf == 1);
	assert_int_equal(nh->gateway_family, ADDR_V4);
	assert_int_equal(nh->mss_or_dscp, 0);
	neighbor(3, 1, 7);
	assert_int_equal(nh->kind, RTR_NH_FORWARD);
	assert_memory_equal(nh->header, "\x0a\7\7\7\7\7\2\0\0\0\0\3", 12);
	neighbor(3, 1, 8);
	assert_memory_equal(nh->header, "\x0a\x8\x8\x8\x8\x8\2\0\0\0\0\3", 12);
	neighbor(3, 1, 0);
	assert_int_equal(nh->kind, RTR_NH_RESOLVE);
	neighbor(3, 1, 9);
	assert_int_equal(syncs, before);
	// the interface changes
	ifaces[3].mtu = 9000;
	ifaces[3].mss4 = 1400;
	nexthop_link(3, true);
	assert_int_equal(syncs, before);
	assert_true(nh->mtu == 9000 && nh->mss_or_dscp == 1 && nh->kind == RTR_NH_FORWARD);
	ifaces[3].mac.addr_bytes[5] = 0x33;
	nexthop_link(3, true);
	assert_int_equal(syncs, before + 1);
	assert_memory_equal(nh->header, "\x0a\x9\x9\x9\x9\x9\2\0\0\0\0\x33", 12);
	assert_int_equal(nh->kind, RTR_NH_FORWARD);
	// it goes, and another comes
	rtr_ifaces[3] = NULL;
	nexthop_link(3, false);
	assert_int_equal(nh->kind, RTR_NH_RESOLVE);
	ifaces[3].mac.addr_bytes[5] = 3;
	ifaces[3].vrf = 0;
	rtr_ifaces[3] = &ifaces[3];
	nexthop_link(3, true);
	assert_int_equal(nh->kind, RTR_NH_RESOLVE);
	assert_int_equal(nh->vrf, 0);
	nexthop_put(slot);
	nexthop_put(glean);
}

static void note_gateway(const struct addr *gateway, uint32_t slot, void *arg) {
	unsigned *seen = arg;

	assert_int_equal(gateway->family, ADDR_V4);
	assert_int_equal(rtr_nhs[slot].iface, 2);
	*seen |= 1u << gateway->bytes[0];
}

static void gateways_of_an_interface(void **) {
	uint32_t slots[] = {get_one(2, 1), get_one(2, 4), get_one(1, 2), get_one(2, 0)};
	unsigned seen = 0;

	nexthop_foreach_gateway(2, note_gateway, &seen);
	assert_int_equal(seen, 1u << 1 | 1u << 4);
	for (unsigned i = 0; i < RTE_DIM(slots); i++)
		nexthop_put(slots[i]);
}

// ---- groups -------------------------------------------------------------------------------------------------

static void group_goes_by_living_paths(void **) {
	struct rtr_path paths[] = {path(0, 1, 1), path(1, 2, 1), path(2, 3, 2)};
	uint32_t group = get(paths, 3), a = get_one(0, 1), b = get_one(1, 2), c = get_one(2, 3);
	unsigned n = rtr_nhs[group].n_buckets, before = syncs;

	assert_int_equal(rtr_nhs[group].kind, RTR_NH_GROUP);
	assert_int_equal(buckets(group, c), n / 2); // nobody is known yet: all are tried
	neighbor(1, 2, 1);
	assert_int_equal(buckets(group, b), n);
	neighbor(0, 1, 1);
	neighbor(2, 3, 1);
	assert_int_equal(buckets(group, a), n / 4);
	assert_int_equal(buckets(group, b), n / 4);
	nexthop_link(2, false);
	assert_int_equal(buckets(group, a), n / 2);
	neighbor(1, 2, 0);
	assert_int_equal(buckets(group, a), n);
	nexthop_link(0, false); // only b's link is up: its neighbour is asked for
	assert_int_equal(buckets(group, b), n);
	nexthop_link(1, false);
	assert_int_equal(buckets(group, c), n / 2);
	for (uint16_t i = 0; i < 3; i++)
		nexthop_link(i, true);
	assert_int_equal(buckets(group, b), 0);
	assert_int_equal(buckets(group, a) + buckets(group, c), n);
	assert_int_equal(syncs, before);
	for (uint32_t flow = 0; flow < 4 * n; flow++)
		assert_int_equal(rtr_nh_pick(group, flow), rtr_nhs[group].buckets[flow % n]);
	assert_int_equal(rtr_nh_pick(a, 77), a);
	nexthop_put(group);
	nexthop_put(a);
	nexthop_put(b);
	nexthop_put(c);
}

// One neighbour in many groups: no wait at all, and none of the others' buckets moves.
static void fail_over_waits_for_nobody(void **) {
	enum { GROUPS = 2000 };
	static uint32_t groups[GROUPS];
	uint32_t dying = get_one(0, 1);
	unsigned before;

	neighbor(0, 1, 1);
	for (uint32_t i = 0; i < GROUPS; i++) {
		struct rtr_path paths[] = {path(0, 1, 1), path(1, 10 + i, 1), path(2, 10 + i, 1)};

		groups[i] = get(paths, 3);
		neighbor(1, 10 + i, 2);
		neighbor(2, 10 + i, 3);
	}
	before = syncs;
	for (unsigned round = 0; round < 3; round++) {
		uint32_t was[1024];

		memcpy(was, rtr_nhs[groups[7]].buckets,
			rtr_nhs[groups[7]].n_buckets * sizeof(was[0]));
		neighbor(0, 1, 0);
		for (uint32_t i = 0; i < GROUPS; i++)
			assert_int_equal(buckets(groups[i], dying), 0);
		for (unsigned b = 0; b < rtr_nhs[groups[7]].n_buckets; b++)
			assert_true(was[b] == dying || was[b] == rtr_nhs[groups[7]].buckets[b]);
		neighbor(0, 1, 1);
		for (uint32_t i = 0; i < GROUPS; i++)
			assert_true(buckets(groups[i], dying) > 0);
	}
	assert_int_equal(syncs, before);
	for (uint32_t i = 0; i < GROUPS; i++)
		nexthop_put(groups[i]);
	nexthop_put(dying);
	nexthop_collect();
	assert_int_equal(syncs, before + 1);
}

static void named_object_changes_for_all(void **) {
	struct rtr_path two[] = {path(0, 1, 1), path(1, 2, 1)};
	struct rtr_path three[] = {path(0, 1, 1), path(1, 2, 1), path(2, 3, 1)};
	struct rtr_path one[] = {path(2, 3, 1)}, out[4];
	uint32_t slot = (uint32_t)nexthop_named_set(0, 77, two, 2, NULL);
	uint32_t a = get_one(0, 1), b = get_one(1, 2), c = get_one(2, 3), was[1024];
	uint32_t n = rtr_nhs[slot].n_buckets;

	assert_int_equal(nexthop_named_find(0, 77), slot);
	assert_int_equal(nexthop_named_find(1, 77), 0);
	assert_int_not_equal(peek(two, 2), slot); // content does not make it another's
	nexthop_ref(slot);                        // a route
	for (unsigned flow = 0; flow < 1024; flow++)
		was[flow] = rtr_nh_pick(slot, flow);
	assert_int_equal(nexthop_named_set(0, 77, three, 3, NULL), slot);
	assert_true(rtr_nhs[slot].n_buckets > n);
	n = rtr_nhs[slot].n_buckets;
	assert_int_equal(buckets(slot, a) + buckets(slot, b) + buckets(slot, c), n);
	assert_true(buckets(slot, c) >= n / 3);
	for (unsigned flow = 0; flow < 1024; flow++)
		assert_true(rtr_nh_pick(slot, flow) == was[flow] || rtr_nh_pick(slot, flow) == c);
	assert_int_equal(nexthop_named_set(0, 77, one, 1, NULL), slot);
	assert_int_equal(buckets(slot, c), rtr_nhs[slot].n_buckets);
	assert_int_equal(nexthop_paths(slot, out, 4), 1);
	assert_int_equal(nexthop_refs(slot), 2);
	assert_int_equal(nexthop_named_set(0, 77, one, 0, NULL), -EINVAL);
	nexthop_put(slot);
	nexthop_put(slot);
	assert_int_equal(nexthop_named_find(0, 77), 0);
	nexthop_put(a);
	nexthop_put(b);
	nexthop_put(c);
}

// ---- many ---------------------------------------------------------------------------------------------------

static void full_table_refuses(void **) {
	uint32_t *slots = calloc(RTR_MAX_NH, sizeof(*slots)), n = 0;
	struct err err = {0};

	for (;; n++) {
		struct rtr_path p = path(1, n + 1, 1);
		int64_t slot = nexthop_get(0, &p, 1, &err);

		if (slot < 0) {
			assert_int_equal(slot, -ENOSPC);
			break;
		}
		slots[n] = (uint32_t)slot;
	}
	assert_int_equal(n, RTR_MAX_NH - 1);
	assert_string_equal(err.msg, "next-hop table full (1048575)");
	// a group of which one path has room and the other has not leaves nothing behind
	nexthop_put(slots[--n]);
	struct rtr_path two[] = {path(2, 1, 1), path(2, 2, 1)};
	assert_int_equal(nexthop_get(0, two, 2, NULL), -ENOSPC);
	slots[n++] = get_one(2, 5);
	while (n > 0)
		nexthop_put(slots[--n]);
	free(slots);
}

// Random objects with random fates: what is in use is consistent, and all comes back.
static void random_lives(void **) {
	enum { LIVE = 200 };
	uint32_t live[LIVE] = {0};

	for (unsigned op = 0; op < 40000; op++) {
		uint32_t *slot = &live[rnd(LIVE)];
		struct rtr_path paths[6];
		unsigned n = 1 + rnd(6);

		for (unsigned i = 0; i < n; i++)
			paths[i] = path((uint16_t)rnd(4), rnd(12), 1 + rnd(3));
		if (*slot) {
			nexthop_put(*slot);
			*slot = 0;
		} else if (rnd(4)) {
			*slot = get(paths, n);
		} else {
			uint32_t id = rnd(20);
			bool is_new = nexthop_named_find(0, id) == 0;

			*slot = (uint32_t)nexthop_named_set(0, id, paths, n, NULL);
			if (!is_new)
				nexthop_ref(*slot);
		}
		neighbor((uint16_t)rnd(4), 1 + rnd(11), rnd(3));
		if (rnd(50) == 0)
			nexthop_link((uint16_t)rnd(4), rnd(3) > 0);
		if (rnd(20) == 0)
			nexthop_collect();
		for (unsigned i = 0; i < 4; i++) {
			uint32_t at = live[rnd(LIVE)], picked = rtr_nh_pick(at, rnd(1000));
			struct rtr_path out[8];
			bool found = false;

			if (at == 0 || rtr_nhs[at].kind != RTR_NH_GROUP)
				continue;
			for (unsigned m = nexthop_paths(at, out, 8); m-- > 0;) {
				out[m].weight = 1;
				found |= peek(&out[m], 1) == picked;
			}
			assert_true(found);
		}
	}
	for (unsigned i = 0; i < LIVE; i++)
		nexthop_put(live[i]);
	for (uint16_t i = 0; i < 4; i++)
		nexthop_link(i, true);
}

// ---- a reader beside the writer -----------------------------------------------------------------------------

struct reader {
	uint32_t group, named, adjacency;
	uint32_t route; // what a FIB would say; the writer changes it
	bool stop;
	uint64_t rounds, torn, strange, forwarded;
};

// As ip_rewrite does: kind, then the header. Addresses are whole, and belong together.
static void read_header(struct reader *r, uint32_t slot) {
	const struct rtr_nh *nh = &rtr_nhs[slot];
	uint8_t header[12];

	if (__atomic_load_n(&nh->kind, __ATOMIC_ACQUIRE) != RTR_NH_FORWARD)
		return;
	rtr_nh_addresses(nh, header);
	r->forwarded++;
	for (unsigned i = 2; i < 6; i++)
		r->torn += header[i] != header[1];
	r->torn += header[0] != 0x0a || header[6] != 2 || header[11] != header[10];
}

static void *reader_main(void *arg) {
	struct reader *r = arg;

	rte_rcu_qsbr_thread_register(rcu, 0);
	rte_rcu_qsbr_thread_online(rcu, 0);
	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		uint32_t held = __atomic_load_n(&r->route, __ATOMIC_ACQUIRE);

		for (uint32_t flow = 0; flow < 64; flow++) {
			uint32_t picks[] = {rtr_nh_pick(r->group, flow * 17),
				rtr_nh_pick(r->named, flow * 29), r->adjacency};

			for (unsigned i = 0; i < RTE_DIM(picks); i++) {
				r->strange += rtr_nhs[picks[i]].iface > 2;
				read_header(r, picks[i]);
			}
		}
		r->strange += __atomic_load_n(&rtr_nhs[held].iface, __ATOMIC_RELAXED) > 2;
		__atomic_store_n(&r->rounds, r->rounds + 1, __ATOMIC_RELAXED);
		rte_rcu_qsbr_quiescent(rcu, 0);
	}
	rte_rcu_qsbr_thread_offline(rcu, 0);
	rte_rcu_qsbr_thread_unregister(rcu, 0);
	return NULL;
}

// The route goes by another next hop, and its old slot's number becomes one of another interface.
static void reroute(struct reader *r) {
	uint32_t old = r->route;

	__atomic_store_n(&r->route, get_one((uint16_t)rnd(3), 100 + rnd(50)), __ATOMIC_RELEASE);
	nexthop_put(old);
	nexthop_collect();
	uint32_t others[] = {get_one(3, 1), get_one(3, 2)};
	nexthop_put(others[0]);
	nexthop_put(others[1]);
}

static void disturb(struct reader *r) {
	static const struct rtr_path all[] = {{0, {ADDR_V4, {1}}, 1}, {1, {ADDR_V4, {2}}, 1},
		{2, {ADDR_V4, {3}}, 3}, {0, {ADDR_V4, {4}}, 7}};
	uint16_t iface = (uint16_t)rnd(3);

	switch (rnd(8)) {
	case 0: { // its own MAC address
		static uint8_t n;

		n++;
		ifaces[iface].mac = (struct rte_ether_addr){{2, 0, 0, 0, n, n}};
		nexthop_link(iface, true);
		break;
	}
	case 1:
		nexthop_named_set(0, 5, all + rnd(2), 1 + rnd(3), NULL);
		break;
	case 2:
		reroute(r);
		break;
	default:
		neighbor(iface, 1 + iface, rnd(5));
	}
}

static void readers_see_whole_slots(void **) {
	struct rtr_path paths[] = {path(0, 1, 1), path(1, 2, 1), path(2, 3, 1)};
	struct reader r = {
		.group = get(paths, 3), .adjacency = get_one(0, 1), .route = get_one(0, 100)};
	pthread_t thread;

	r.named = (uint32_t)nexthop_named_set(0, 5, paths, 2, NULL);
	for (uint16_t i = 0; i < 3; i++) {
		ifaces[i].mac = (struct rte_ether_addr){{2}};
		nexthop_link(i, true);
	}
	rcu = aligned_alloc(RTE_CACHE_LINE_SIZE, rte_rcu_qsbr_get_memsize(1));
	rte_rcu_qsbr_init(rcu, 1);
	assert_int_equal(pthread_create(&thread, NULL, reader_main, &r), 0);
	for (unsigned op = 0; op < 100000 || __atomic_load_n(&r.rounds, __ATOMIC_RELAXED) < 10000;
		op++)
		disturb(&r);
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	free(rcu);
	rcu = NULL;
	assert_int_equal(r.torn, 0);
	assert_int_equal(r.strange, 0);
	assert_true(r.forwarded > 0);
	nexthop_put(r.group);
	nexthop_put(r.named);
	nexthop_put(r.adjacency);
	nexthop_put(r.route);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(equal_content_is_one_object),
		TEST(bad_paths_are_refused),
		TEST(specials),
		TEST(freed_after_a_sync_only),
		TEST(slot_says_what_its_interface_is),
		TEST(gateways_of_an_interface),
		TEST(group_goes_by_living_paths),
		TEST(fail_over_waits_for_nobody),
		TEST(named_object_changes_for_all),
		TEST(full_table_refuses),
		TEST(random_lives),
		TEST(readers_see_whole_slots),
	};

	return cmocka_run_group_tests_name("nexthop", tests, NULL, NULL);
}
