// SPDX-License-Identifier: BSD-3-Clause
// The life of neighbours: asked, found, doubted, lost; every timer to the poll.
#include "router/neigh/neigh_testlib.h"

#define A4 "10.0.0.10"
#define A6 "2001:db8::10"

// ---- resolution ---------------------------------------------------------------------------------------------

static void resolves_by_arp(void **) {
	struct mac to;

	want(A4);
	assert_int_equal(state_of(A4), NEIGH_INCOMPLETE);
	assert_int_equal(world.n_frames, 1);
	struct arp arp = last_arp(&to);
	assert_int_equal(arp.op, ARP_REQUEST);
	assert_mac(&to, &mac_all);
	assert_mac(&arp.sender_mac, &my_mac);
	assert_addr(&arp.sender, "10.0.0.1");
	assert_addr(&arp.target, A4);
	want(A4);
	assert_int_equal(world.n_frames, 1); // who is being asked for is not asked for again
	say_arp(ARP_REPLY, &mac_a, A4, "10.0.0.1", &my_mac);
	struct neigh_info info = info_of_text(A4);
	assert_int_equal(info.state, NEIGH_REACHABLE);
	assert_mac(&info.mac, &mac_a);
	assert_int_equal(info.queued, 0);
	assert_int_equal(world.sent, 2);
	assert_int_equal(world.slot_of[1], info.slot);
	assert_true(world.slots[info.slot].routed);
	assert_mac(&world.slots[info.slot].mac, &mac_a);
	want(A4);
	assert_int_equal(world.sent, 3);
	assert_int_equal(world.n_frames, 1);
}

static void resolves_by_nd(void **) {
	static const struct mac group = {{0x33, 0x33, 0xff, 0, 0, 0x10}};
	struct mac to;

	want(A6);
	struct nd nd = last_nd(&to);
	assert_int_equal(nd.type, ND_NS);
	assert_mac(&to, &group);
	assert_addr(&nd.src, "2001:db8::1");
	assert_addr(&nd.dst, "ff02::1:ff00:10");
	assert_addr(&nd.target, A6);
	assert_true(nd.has_mac);
	assert_mac(&nd.mac, &my_mac);
	say_na(A6, &mac_a, NA_S | NA_O | NA_R);
	struct neigh_info info = info_of_text(A6);
	assert_int_equal(info.state, NEIGH_REACHABLE);
	assert_true(info.router);
	assert_true(world.slots[info.slot].routed);
	assert_int_equal(world.sent, 1);
}

static void link_local_is_no_route(void **) {
	struct mac to;

	want("fe80::10");
	struct nd nd = last_nd(&to);
	assert_addr(&nd.src, "fe80::1");
	say_na("fe80::10", &mac_a, NA_S | NA_O);
	assert_int_equal(world.slots_live, 1);
	assert_int_equal(world.routes, 0);
	assert_int_equal(world.sent, 1);
}

// A gateway outside of every subnet has an adjacency and no route.
static void off_subnet_is_no_route(void **) {
	want("192.0.2.1");
	say_arp(ARP_REPLY, &mac_a, "192.0.2.1", "10.0.0.1", &my_mac);
	assert_int_equal(world.slots_live, 1);
	assert_int_equal(world.routes, 0);
	assert_int_equal(world.sent, 1);
}

static void asks_for_no_nonsense(void **) {
	static const char *const texts[] = {"10.0.0.1", "10.0.0.0", "10.0.255.255", "0.0.0.0",
		"127.0.0.1", "224.0.0.5", "255.255.255.255", "ff02::5", "::", "2001:db8::1"};

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		want(texts[i]);
		assert_int_equal(state_of(texts[i]), NEIGH_GONE);
		assert_int_equal(world.dropped, i + 1);
	}
	assert_int_equal(world.n_frames, 0);
}

// ---- timers -------------------------------------------------------------------------------------------------

// Requests at 0, 1 and 2 s; at 3 s it failed; until 6 s packets are told at once; then it is asked for anew.
static void fails(void **) {
	for (unsigned family = 0; family < 2; family++) {
		const char *text = family ? A6 : A4;
		unsigned told = world.unreachable, frames = world.n_frames;

		want(text);
		advance(990 * MS);
		assert_int_equal(world.n_frames, frames + 1);
		advance(10 * MS);
		assert_int_equal(world.n_frames, frames + 2);
		advance(1 * SEC);
		assert_int_equal(world.n_frames, frames + 3);
		want(text);
		advance(990 * MS);
		assert_int_equal(state_of(text), NEIGH_INCOMPLETE);
		assert_int_equal(world.unreachable, told);
		advance(10 * MS);
		assert_int_equal(state_of(text), NEIGH_FAILED);
		assert_int_equal(world.unreachable, told + 2);
		want(text);
		assert_int_equal(world.unreachable, told + 3);
		assert_int_equal(world.n_frames, frames + 3);
		advance(2990 * MS);
		want(text);
		assert_int_equal(world.unreachable, told + 4);
		advance(10 * MS);
		assert_int_equal(state_of(text), NEIGH_GONE);
		want(text);
		assert_int_equal(state_of(text), NEIGH_INCOMPLETE);
		assert_int_equal(world.n_frames, frames + 4);
		neigh_flush(-1, NULL);
	}
	assert_int_equal(stats().failed, 2);
}

static void answers_late(void **) {
	want(A4);
	advance(4 * SEC);
	assert_int_equal(state_of(A4), NEIGH_FAILED);
	say_arp(ARP_REPLY, &mac_a, A4, "10.0.0.1", &my_mac);
	assert_int_equal(state_of(A4), NEIGH_REACHABLE);
	assert_int_equal(world.routes, 1);
}

// Half to one and a half times 30 s, by what chance says.
static void reachable_for_a_random_time(void **) {
	static const struct {
		uint32_t random;
		uint64_t ns;
	} chances[] = {{0, 15 * SEC}, {0x80000000, 30 * SEC}, {0x40000000, 22500 * MS},
		{UINT32_MAX, 45 * SEC}};

	for (unsigned i = 0; i < 4; i++) {
		world.random = chances[i].random;
		learn(A4, &mac_a);
		advance(chances[i].ns - 10 * MS);
		assert_int_equal(state_of(A4), NEIGH_REACHABLE);
		advance(20 * MS);
		assert_int_equal(state_of(A4), NEIGH_STALE);
		neigh_flush(-1, NULL);
	}
}

static void stale_and_unused_goes(void **) {
	learn(A4, &mac_a);
	advance(30 * SEC);
	assert_int_equal(state_of(A4), NEIGH_STALE);
	world.n_frames = 0;
	advance(599 * SEC);
	assert_int_equal(state_of(A4), NEIGH_STALE);
	assert_int_equal(world.routes, 1); // it still serves
	advance(1 * SEC);
	assert_int_equal(state_of(A4), NEIGH_GONE);
	assert_int_equal(world.slots_live, 0);
	assert_int_equal(world.n_frames, 0);
}

static void stale_and_used_is_asked(void **) {
	struct mac to;

	learn(A4, &mac_a);
	advance(100 * SEC);
	assert_int_equal(state_of(A4), NEIGH_STALE);
	world.n_frames = 0;
	use(A4);
	advance(1 * SEC); // it is looked at once a second
	assert_int_equal(state_of(A4), NEIGH_DELAY);
	advance(4990 * MS);
	assert_int_equal(state_of(A4), NEIGH_DELAY);
	assert_int_equal(world.n_frames, 0);
	advance(10 * MS);
	assert_int_equal(state_of(A4), NEIGH_PROBE);
	assert_int_equal(world.n_frames, 1);
	struct arp arp = last_arp(&to);
	assert_mac(&to, &mac_a); // it alone is asked
	assert_addr(&arp.target, A4);
	say_arp(ARP_REPLY, &mac_a, A4, "10.0.0.1", &my_mac);
	assert_int_equal(state_of(A4), NEIGH_REACHABLE);
	assert_int_equal(world.routes, 1);
}

static void nd_probe_is_unicast(void **) {
	struct mac to;

	learn(A6, &mac_a);
	advance(31 * SEC);
	want(A6); // by the slow way: counts as use at once
	assert_int_equal(state_of(A6), NEIGH_DELAY);
	advance(5 * SEC);
	assert_int_equal(state_of(A6), NEIGH_PROBE);
	struct nd nd = last_nd(&to);
	assert_mac(&to, &mac_a);
	assert_addr(&nd.dst, A6);
	assert_addr(&nd.target, A6);
	assert_true(nd.has_mac);
}

// Three to it, a second apart; then it is cut off, and all are asked three times; then it has failed.
static void probed_in_vain(void **) {
	struct mac to;

	learn(A4, &mac_a);
	advance(31 * SEC);
	use(A4);
	advance(6 * SEC);
	assert_int_equal(state_of(A4), NEIGH_PROBE);
	world.n_frames = 0;
	advance(2900 * MS);
	assert_int_equal(world.n_frames, 2);
	last_arp(&to);
	assert_mac(&to, &mac_a);
	assert_int_equal(world.routes, 1);
	advance(100 * MS);
	assert_int_equal(state_of(A4), NEIGH_INCOMPLETE);
	assert_int_equal(world.slots_live, 0);
	assert_int_equal(world.n_frames, 3);
	last_arp(&to);
	assert_mac(&to, &mac_all);
	want(A4);
	advance(3 * SEC);
	assert_int_equal(world.n_frames, 5);
	assert_int_equal(state_of(A4), NEIGH_FAILED);
	assert_int_equal(world.unreachable, 1);
}

// A next hop of routes is asked for unasked, and kept confirmed, used or not.
static void gateways_are_kept(void **) {
	world.gateway = addr("10.0.0.254");
	for (unsigned i = 0; i < 50 && state_of("10.0.0.254") == NEIGH_GONE; i++)
		advance(100 * MS);
	assert_int_equal(state_of("10.0.0.254"), NEIGH_INCOMPLETE);
	say_arp(ARP_REPLY, &mac_a, "10.0.0.254", "10.0.0.1", &my_mac);
	world.slots[info_of_text("10.0.0.254").slot].wanted = true;
	advance(31 * SEC);
	assert_int_equal(state_of("10.0.0.254"), NEIGH_DELAY);
	advance(5 * SEC);
	assert_int_equal(state_of("10.0.0.254"), NEIGH_PROBE);
	advance(3 * SEC); // dead: cut off
	assert_int_equal(world.slots_live, 0);
	advance(20 * SEC); // asked for again and again
	assert_true(stats().failed >= 2);
	for (unsigned i = 0; i < 50 && state_of("10.0.0.254") != NEIGH_INCOMPLETE; i++)
		advance(100 * MS);
	say_arp(ARP_REPLY, &mac_b, "10.0.0.254", "10.0.0.1", &my_mac);
	assert_int_equal(state_of("10.0.0.254"), NEIGH_REACHABLE);
}

static void numbers_are_the_configurations(void **) {
	struct neigh_conf conf = world_conf();

	conf.retrans_ns = 100 * MS;
	conf.multicast_solicits = 5;
	conf.failed_ns = 10 * SEC;
	conf.reachable_ns = 4 * SEC;
	conf.delay_ns = 2 * SEC;
	conf.gc_stale_ns = 20 * SEC;
	neigh_iface_set(IFACE, &conf);
	want(A4);
	advance(490 * MS);
	assert_int_equal(world.n_frames, 5);
	assert_int_equal(state_of(A4), NEIGH_INCOMPLETE);
	advance(10 * MS);
	assert_int_equal(state_of(A4), NEIGH_FAILED);
	advance(9990 * MS);
	assert_int_equal(state_of(A4), NEIGH_FAILED);
	advance(10 * MS);
	assert_int_equal(state_of(A4), NEIGH_GONE);
	learn(A4, &mac_a);
	advance(4 * SEC);
	assert_int_equal(state_of(A4), NEIGH_STALE);
	use(A4);
	advance(1 * SEC);
	advance(2 * SEC);
	assert_int_equal(state_of(A4), NEIGH_PROBE);
	say_arp(ARP_REPLY, &mac_a, A4, "10.0.0.1", &my_mac);
	advance(4 * SEC + 20 * SEC);
	assert_int_equal(state_of(A4), NEIGH_GONE);
}

// ---- from the rest of the house -----------------------------------------------------------------------------

static void link_down_takes_the_learnt(void **) {
	struct addr fixed = addr("10.0.0.77");

	learn(A4, &mac_a);
	want("10.0.0.11");
	neigh_static_set(IFACE, &fixed, &mac_b, NULL);
	neigh_link(IFACE, false);
	assert_int_equal(state_of(A4), NEIGH_GONE);
	assert_int_equal(world.dropped, 1);
	assert_int_equal(state_of("10.0.0.77"), NEIGH_STATIC);
	world.n_frames = 0;
	want("10.0.0.11");
	assert_int_equal(world.dropped, 2);
	say_arp(ARP_REQUEST, &mac_a, A4, "10.0.0.1", &mac_all);
	assert_int_equal(state_of(A4), NEIGH_GONE);
	world.n_frames = 0;
	neigh_link(IFACE, true);
	assert_int_equal(world.n_frames, 3); // each address is announced
	want(A4);
	assert_int_equal(state_of(A4), NEIGH_INCOMPLETE);
}

static void kernel_tells(void **) {
	struct addr a = addr(A4);

	neigh_kernel(IFACE, &a, &mac_a);
	struct neigh_info info = info_of_text(A4);
	assert_int_equal(info.state, NEIGH_STALE);
	assert_true(info.from_kernel);
	assert_int_equal(world.routes, 1);
	neigh_kernel(IFACE, &a, NULL);
	assert_int_equal(state_of(A4), NEIGH_GONE);
	learn(A4, &mac_a);
	neigh_kernel(IFACE, &a, NULL); // what we found ourselves stays
	assert_int_equal(state_of(A4), NEIGH_REACHABLE);
	want("10.0.0.12");
	a = addr("10.0.0.12");
	neigh_kernel(IFACE, &a, &mac_b); // and what it knows saves us the answer
	assert_int_equal(state_of("10.0.0.12"), NEIGH_STALE);
	assert_int_equal(world.sent, 1);
}

static void heard_from_routers(void **) {
	struct addr a = addr("fe80::99");

	neigh_heard(IFACE, &a, &mac_a, true);
	struct neigh_info info = info_of_text("fe80::99");
	assert_int_equal(info.state, NEIGH_STALE);
	assert_true(info.router);
}

// An address that the interface gives up takes the host routes of its subnet with it; one that it gets makes them.
static void routes_follow_addresses(void **) {
	struct addr mine = world.prefixes[0].addr;

	learn(A4, &mac_a);
	want("10.1.0.5");
	say_arp(ARP_REPLY, &mac_b, "10.1.0.5", "10.0.0.1", &my_mac);
	assert_int_equal(world.routes, 1);
	world.prefixes[0] = prefix("10.1.0.1/16");
	neigh_address_del(IFACE, &mine);
	neigh_address_add(IFACE, &world.prefixes[0].addr);
	neigh_poll(clock_now_ns());
	assert_false(world.slots[info_of_text(A4).slot].routed);
	assert_true(world.slots[info_of_text("10.1.0.5").slot].routed);
}

static void another_subnet_makes_routes(void **) {
	want("10.1.0.5");
	say_arp(ARP_REPLY, &mac_b, "10.1.0.5", "10.0.0.1", &my_mac);
	assert_int_equal(world.routes, 0);
	world.prefixes[3] = prefix("10.1.0.1/16");
	world.hosts[IFACE].n_addrs = 4;
	neigh_address_add(IFACE, &world.prefixes[3].addr);
	neigh_poll(clock_now_ns());
	assert_int_equal(world.routes, 1);
}

// Of the same subnet, else of the same scope, whatever the order.
static void speaks_from_the_right_address(void **) {
	static const struct {
		const char *to, *from;
	} cases[] = {{"2001:db8::77", "2001:db8::1"}, {"fe80::77", "fe80::1"},
		{"2001:db8:9::77", "2001:db8::1"}, {"10.0.3.77", "10.0.0.1"},
		{"192.0.2.77", "10.0.0.1"}};

	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct mac to;

			want(cases[i].to);
			struct addr from = i < 3 ? last_nd(&to).src : last_arp(&to).sender;
			assert_addr(&from, cases[i].from);
		}
		neigh_flush(-1, NULL);
		struct prefix first = world.prefixes[0];
		world.prefixes[0] = world.prefixes[2];
		world.prefixes[2] = first;
	}
}

static void own_address_is_no_neighbour(void **) {
	struct addr a = addr(A4);

	learn(A4, &mac_a);
	neigh_address_add(IFACE, &a);
	assert_int_equal(state_of(A4), NEIGH_GONE);
	assert_int_equal(world.slots_live, 0);
}

static void interfaces_are_apart(void **) {
	struct neigh_conf conf = world_conf();
	struct addr a = addr(A4);
	struct neigh_info info;

	world_add(OTHER, &conf);
	learn(A4, &mac_a);
	assert_false(neigh_find(OTHER, &a, &info));
	neigh_want(OTHER, &a, NULL);
	assert_true(neigh_find(OTHER, &a, &info));
	assert_int_equal(info.state, NEIGH_INCOMPLETE);
	assert_int_equal(neigh_flush(OTHER, NULL), 1);
	assert_int_equal(state_of(A4), NEIGH_REACHABLE);
	neigh_iface_del(OTHER);
	assert_false(neigh_stats(OTHER, &(struct neigh_stats){0}));
	neigh_want(OTHER, &a, packet());
	assert_int_equal(world.dropped, 1);
}

static void lists_in_order(void **) {
	static struct neigh_info page[NEIGH_PAGE];
	struct addr after = addr("10.0.0.30");

	assert_int_equal(neigh_page(IFACE, NULL, page), 0);
	want("10.0.0.200");
	learn("2001:db8::5", &mac_a);
	learn("10.0.0.9", &mac_a);
	want("10.0.0.30");
	assert_int_equal(neigh_page(IFACE, NULL, page), 4);
	assert_addr(&page[0].addr, "10.0.0.9");
	assert_addr(&page[1].addr, "10.0.0.30");
	assert_addr(&page[2].addr, "10.0.0.200");
	assert_addr(&page[3].addr, "2001:db8::5");
	assert_int_equal(neigh_page(IFACE, &after, page), 2);
	assert_addr(&page[0].addr, "10.0.0.200");
	assert_int_equal(neigh_page(IFACE + 1, NULL, page), 0); // there is no such interface
}

static void flushes(void **) {
	struct addr a = addr(A4);

	learn(A4, &mac_a);
	learn(A6, &mac_b);
	want("10.0.0.20");
	assert_int_equal(neigh_flush(IFACE, &a), 1);
	assert_int_equal(state_of(A4), NEIGH_GONE);
	assert_int_equal(neigh_flush(IFACE, &a), 0);
	assert_int_equal(neigh_flush(-1, NULL), 2);
	assert_int_equal(world.dropped, 1);
}

// The table of next hops or the FIB is full: packets are dropped, or go the slow way; when there is room again, so is it.
static void no_slot_is_left(void **) {
	world.slots_max = 0;
	want(A4);
	say_arp(ARP_REPLY, &mac_a, A4, "10.0.0.1", &my_mac);
	assert_int_equal(world.dropped, 1);
	assert_int_equal(world.slots_live, 0);
	assert_true(stats().no_slot > 0);
	world.slots_max = 10;
	world.routes_max = 0;
	want(A4);
	assert_int_equal(world.sent, 1);
	assert_int_equal(world.routes, 0);
	world.routes_max = 10;
	struct neigh_conf conf = world_conf();
	neigh_iface_set(IFACE, &conf);
	neigh_poll(clock_now_ns());
	assert_int_equal(world.routes, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(resolves_by_arp),
		TEST(resolves_by_nd),
		TEST(link_local_is_no_route),
		TEST(off_subnet_is_no_route),
		TEST(asks_for_no_nonsense),
		TEST(fails),
		TEST(answers_late),
		TEST(reachable_for_a_random_time),
		TEST(stale_and_unused_goes),
		TEST(stale_and_used_is_asked),
		TEST(nd_probe_is_unicast),
		TEST(probed_in_vain),
		TEST(gateways_are_kept),
		TEST(numbers_are_the_configurations),
		TEST(link_down_takes_the_learnt),
		TEST(kernel_tells),
		TEST(heard_from_routers),
		TEST(routes_follow_addresses),
		TEST(another_subnet_makes_routes),
		TEST(speaks_from_the_right_address),
		TEST(own_address_is_no_neighbour),
		TEST(interfaces_are_apart),
		TEST(lists_in_order),
		TEST(flushes),
		TEST(no_slot_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
