// SPDX-License-Identifier: BSD-3-Clause
// Bounds: scans, floods, packets that wait, full tables. Whoever lives, stays.
#include "lib/event.h"
#include "router/neigh/neigh_testlib.h"

#define LIVE 1000
#define SCAN 65536

static struct addr nth(unsigned family, unsigned n, unsigned net) {
	struct addr a = family == ADDR_V4 ? addr("10.0.0.0") : addr("2001:db8::");
	unsigned at = family == ADDR_V4 ? 0 : 12;

	a.bytes[at + 1] = (uint8_t)(family == ADDR_V4 ? net : net + 1);
	a.bytes[at + 2] = (uint8_t)(n >> 8);
	a.bytes[at + 3] = (uint8_t)n;
	return a;
}

static struct mac mac_of(unsigned n) {
	return (struct mac){{2, 1, 0, 0, (uint8_t)(n >> 8), (uint8_t)n}};
}

static void answer(const struct addr *a, const struct mac *mac) {
	char text[ADDR_STRLEN];

	addr_print(a, text);
	if (a->family == ADDR_V4)
		say_arp(ARP_REPLY, mac, text, "10.0.0.1", &my_mac);
	else
		say_na(text, mac, NA_S | NA_O);
}

static void learn_many(unsigned family, unsigned n) {
	for (unsigned i = 0; i < n; i++) {
		struct addr a = nth(family, 300 + i, 0);
		struct mac mac = mac_of(i);

		neigh_want(IFACE, &a, NULL);
		answer(&a, &mac);
	}
}

static unsigned living(unsigned family, unsigned n) {
	unsigned alive = 0;

	for (unsigned i = 0; i < n; i++) {
		struct addr a = nth(family, 300 + i, 0);
		struct mac mac = mac_of(i);
		struct neigh_info info;

		alive += neigh_find(IFACE, &a, &info) && neigh_has_mac(info.state) &&
			world.slots[info.slot].live &&
			memcmp(&world.slots[info.slot].mac, &mac, sizeof(mac)) == 0;
	}
	return alive;
}

// Every address of a /16 (or as many of a /64) is wanted, as fast as packets come (each 100 us, several times the punt's rate) and
// nobody answers. `limit`: with little room to spare, or with much.
static void scan(unsigned family, uint32_t limit) {
	struct neigh_conf conf = world_conf();
	uint32_t most = 0;

	conf.limit = limit;
	neigh_iface_set(IFACE, &conf);
	learn_many(family, LIVE);
	for (unsigned i = 0; i < SCAN; i++) {
		struct addr a = nth(family, i, 0);

		neigh_want(IFACE, &a, packet());
		clock_fake_advance(100 * NSEC_PER_USEC);
		if (i % 50 == 0)
			neigh_poll(clock_now_ns());
		if (neigh_iface(IFACE)->entries > most)
			most = neigh_iface(IFACE)->entries;
	}
	assert_in_range(most, LIVE, limit);
	assert_in_range(neigh_iface(IFACE)->n[NEIGH_COLD], 1, limit / 4);
	assert_int_equal(living(family, LIVE), LIVE);
	assert_true(stats().evicted > SCAN / 2);
	// a newcomer that answers finds its place in the midst of it
	struct addr a = nth(family, 7, 0);
	neigh_want(IFACE, &a, packet());
	answer(&a, &mac_a);
	assert_int_equal(world.fates[world.packets], FATE_SENT);
	advance(10 * SEC);
	assert_int_equal(neigh_iface(IFACE)->n[NEIGH_COLD], 0);
	assert_int_equal(living(family, LIVE), LIVE);
}

static void scan_of_a_16(void **) {
	world.prefixes[0] = prefix("10.0.0.1/8");
	scan(ADDR_V4, 4096);
}

static void scan_of_a_16_with_little_room(void **) {
	world.prefixes[0] = prefix("10.0.0.1/8");
	scan(ADDR_V4, LIVE + 10);
}

static void scan_of_a_64(void **) {
	scan(ADDR_V6, 4096);
}

// Those that were not used for long live too, while there are others: a scan finds room that it made itself.
static void scan_spares_the_stale(void **) {
	struct neigh_conf conf = world_conf();

	conf.limit = LIVE;
	neigh_iface_set(IFACE, &conf);
	learn_many(ADDR_V6, LIVE);
	advance(300 * SEC);
	for (unsigned i = 0; i < 20000; i++) {
		struct addr a = nth(ADDR_V6, i, 1);

		neigh_want(IFACE, &a, NULL);
	}
	assert_in_range(living(ADDR_V6, LIVE), LIVE - 1, LIVE);
}

// The same for longer than an entry stays reachable: those that are used are asked meanwhile, and answer a poll later.
static unsigned asked[LIVE], n_asked, asked_in_all;

static void note_probe(const uint8_t *frame) {
	if (frame[0] == 2 && frame[1] == 1 && n_asked < LIVE)
		asked[n_asked++] = (unsigned)(frame[4] << 8 | frame[5]);
}

static void answer_probes(void) {
	for (unsigned i = 0; i < n_asked; i++) {
		struct addr a = nth(ADDR_V6, 300 + asked[i], 0);
		struct mac mac = mac_of(asked[i]);

		answer(&a, &mac);
	}
	asked_in_all += n_asked;
	n_asked = 0;
}

static void use_all(void) {
	for (uint32_t slot = 1; slot < SLOTS; slot++)
		world.slots[slot].used++;
}

static void scan_while_they_are_asked(void **) {
	learn_many(ADDR_V6, LIVE);
	n_asked = asked_in_all = 0;
	world.on_frame = note_probe;
	for (unsigned i = 0; i < SCAN; i++) {
		struct addr a = nth(ADDR_V6, i, 1);

		neigh_want(IFACE, &a, packet());
		clock_fake_advance(2 * MS);
		if (i % 5 == 0)
			neigh_poll(clock_now_ns());
		if (i % 50 == 0)
			use_all();
		answer_probes();
	}
	assert_true(asked_in_all >= 3 * LIVE);
	assert_int_equal(living(ADDR_V6, LIVE), LIVE);
}

// ---- claims -------------------------------------------------------------------------------------------------

// Stations that nobody asked for, one address after the other, all asking for us.
static void flood_of_claims(void **) {
	struct neigh_conf conf = world_conf();
	char text[ADDR_STRLEN];

	conf.limit = 2 * LIVE;
	neigh_iface_set(IFACE, &conf);
	world.prefixes[0] = prefix("10.0.0.1/8");
	learn_many(ADDR_V4, LIVE);
	struct addr waits = nth(ADDR_V4, 9, 9);
	neigh_want(IFACE, &waits, packet());
	for (unsigned i = 0; i < 20000; i++) {
		struct addr a = nth(ADDR_V4, i, 5);
		struct mac mac = mac_of(i);

		say_arp(ARP_REQUEST, &mac, addr_print(&a, text), "10.0.0.1", &mac_all);
	}
	assert_int_equal(neigh_iface(IFACE)->entries, 2 * LIVE);
	assert_int_equal(living(ADDR_V4, LIVE), LIVE);
	answer(&waits, &mac_a); // who was being asked for was not pushed out either
	assert_int_equal(world.fates[1], FATE_SENT);
	// and who is wanted now finds room among the claims
	waits = nth(ADDR_V4, 10, 9);
	neigh_want(IFACE, &waits, packet());
	answer(&waits, &mac_b);
	assert_int_equal(world.fates[2], FATE_SENT);
}

static void claim(const struct addr *a, const struct mac *mac) {
	char text[ADDR_STRLEN];

	say_arp(ARP_REQUEST, mac, addr_print(a, text), "10.0.0.1", &mac_all);
}

// A quarter is unresolved, the rest claims: of two newcomers one replaces an unresolved one, the other a claim.
static void one_goes_for_each_that_comes(void **) {
	struct neigh_conf conf = world_conf();

	conf.limit = 80;
	neigh_iface_set(IFACE, &conf);
	for (unsigned i = 0; i < 20; i++) {
		struct addr a = nth(ADDR_V4, 1000 + i, 0);
		neigh_want(IFACE, &a, NULL);
	}
	for (unsigned i = 0; i < 60; i++) {
		struct addr a = nth(ADDR_V4, 2000 + i, 0);
		claim(&a, &mac_a);
	}
	assert_int_equal(neigh_iface(IFACE)->n[NEIGH_COLD], 20);
	assert_int_equal(neigh_iface(IFACE)->n[NEIGH_UNPROVEN], 60);
	struct addr a = nth(ADDR_V4, 3000, 0), first = nth(ADDR_V4, 1000, 0);
	struct neigh_info info;
	neigh_want(IFACE, &a, NULL);
	assert_int_equal(neigh_iface(IFACE)->n[NEIGH_COLD], 20);
	assert_int_equal(neigh_iface(IFACE)->n[NEIGH_UNPROVEN], 60);
	assert_false(neigh_find(IFACE, &first, &info));
	a = nth(ADDR_V4, 3001, 0), first = nth(ADDR_V4, 2000, 0);
	claim(&a, &mac_b);
	assert_int_equal(neigh_iface(IFACE)->n[NEIGH_COLD], 20);
	assert_int_equal(neigh_iface(IFACE)->n[NEIGH_UNPROVEN], 60);
	assert_false(neigh_find(IFACE, &first, &info));
}

// Who was probed in vain is unresolved, and counts as such.
static void lost_ones_keep_to_the_quarter(void **) {
	struct neigh_conf conf = world_conf();

	conf.limit = 80;
	neigh_iface_set(IFACE, &conf);
	learn_many(ADDR_V4, 60);
	advance(31 * SEC);
	for (unsigned i = 0; i < 60; i++) {
		struct addr a = nth(ADDR_V4, 300 + i, 0);
		neigh_want(IFACE, &a, NULL);
	}
	advance(5 * SEC + 3 * SEC);
	assert_int_equal(neigh_iface(IFACE)->n[NEIGH_LIVE], 0);
	assert_int_equal(neigh_iface(IFACE)->entries, 20);
}

static unsigned full_events;

static void count_full(const char *name, const json_t *data, void *) {
	assert_string_equal(name, "router.neighbors-full");
	assert_string_equal(json_string_value(json_object_get(data, "interface")), "test");
	assert_int_equal(json_integer_value(json_object_get(data, "limit")), 100);
	full_events++;
}

static void full_of_living(void **) {
	struct neigh_conf conf = world_conf();
	struct err err = {0};

	conf.limit = 100;
	neigh_iface_set(IFACE, &conf);
	learn_many(ADDR_V4, 100);
	full_events = 0;
	event_set_sink(count_full, NULL);
	for (unsigned i = 0; i < 5; i++) {
		struct addr a = nth(ADDR_V4, i + 1, 0);
		a.bytes[2] = 9;

		neigh_want(IFACE, &a, packet());
		assert_int_equal(neigh_static_set(IFACE, &a, &mac_a, &err), -ENOSPC);
	}
	event_set_sink(NULL, NULL);
	assert_non_null(strstr(err.msg, "100 entries"));
	assert_int_equal(full_events, 1);
	assert_int_equal(stats().refused, 10);
	assert_int_equal(world.dropped, 5);
	assert_int_equal(living(ADDR_V4, 100), 100);
	struct addr a = addr("10.0.99.1");
	advance(30 * SEC + 59 * SEC);
	neigh_want(IFACE, &a, packet());
	assert_int_equal(living(ADDR_V4, 100), 100);
	// stale for a minute, and not used, the oldest makes room
	advance(2 * SEC);
	neigh_want(IFACE, &a, packet());
	answer(&a, &mac_a);
	assert_int_equal(world.fates[world.packets], FATE_SENT);
	assert_int_equal(living(ADDR_V4, 100), 99);
}

// More than a page: each page goes on where the one before ended, whatever their order in the table.
static void pages_have_them_all(void **) {
	static struct neigh_info page[NEIGH_PAGE];
	struct addr last = {0};
	unsigned seen = 0, n;

	learn_many(ADDR_V4, 3 * NEIGH_PAGE - 7);
	while ((n = neigh_page(IFACE, seen ? &last : NULL, page)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			assert_true(seen + i == 0 || addr_cmp(&last, &page[i].addr) < 0);
			last = page[i].addr;
		}
		assert_int_equal(n, seen == 2 * NEIGH_PAGE ? NEIGH_PAGE - 7 : NEIGH_PAGE);
		seen += n;
	}
	assert_int_equal(seen, 3 * NEIGH_PAGE - 7);
}

static void limit_is_lowered(void **) {
	struct neigh_conf conf = world_conf();

	learn_many(ADDR_V4, 100);
	for (unsigned i = 0; i < 500; i++) {
		struct addr a = nth(ADDR_V4, i, 0);
		a.bytes[2] = (uint8_t)(0x80 | a.bytes[2]);

		neigh_want(IFACE, &a, NULL);
	}
	conf.limit = 40;
	neigh_iface_set(IFACE, &conf);
	assert_int_equal(living(ADDR_V4, 100), 100); // those that live are not cut off
	assert_int_equal(neigh_iface(IFACE)->entries, 100);
	advance(91 * SEC);
	neigh_iface_set(IFACE, &conf);
	assert_int_equal(neigh_iface(IFACE)->entries, 40);
}

// ---- packets that wait --------------------------------------------------------------------------------------

static void four_wait_per_neighbour(void **) {
	for (unsigned i = 0; i < 10; i++)
		want("10.0.0.10");
	assert_int_equal(info_of_text("10.0.0.10").queued, NEIGH_QUEUE);
	assert_int_equal(world.dropped, 6);
	say_arp(ARP_REPLY, &mac_a, "10.0.0.10", "10.0.0.1", &my_mac);
	for (unsigned i = 1; i <= 10; i++)
		assert_int_equal(world.fates[i], i <= 6 ? FATE_DROPPED : FATE_SENT);
	assert_int_equal(stats().queue_dropped, 6);
}

static void some_wait_per_interface(void **) {
	for (unsigned i = 0; i < NEIGH_QUEUE_IFACE + 100; i++) {
		struct addr a = nth(ADDR_V6, i / 2, 2);

		neigh_want(IFACE, &a, packet());
	}
	assert_int_equal(stats().queued, NEIGH_QUEUE_IFACE);
	assert_int_equal(world.dropped, 100);
	for (unsigned i = 1; i <= 100; i++)
		assert_int_equal(world.fates[i], FATE_DROPPED); // the oldest
	neigh_flush(-1, NULL);
	assert_int_equal(world.dropped, NEIGH_QUEUE_IFACE + 100);
	assert_int_equal(stats().queued, 0);
}

static void some_wait_in_all(void **) {
	struct neigh_conf conf = world_conf();

	for (unsigned k = 0; k < 5; k++) {
		unsigned iface = OTHER + 1 + k;

		world.hosts[iface] = world.hosts[IFACE];
		world_add((uint16_t)iface, &conf);
		for (unsigned i = 0; i < NEIGH_QUEUE_IFACE; i++) {
			struct addr a = nth(ADDR_V6, i / 2, 2);

			neigh_want((uint16_t)iface, &a, packet());
		}
	}
	assert_int_equal(neigh.queued, NEIGH_QUEUE_ALL);
	assert_int_equal(world.dropped, 5 * NEIGH_QUEUE_IFACE - NEIGH_QUEUE_ALL);
	for (unsigned k = 0; k < 5; k++)
		neigh_iface_del((uint16_t)(OTHER + 1 + k));
	assert_int_equal(neigh.queued, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(scan_of_a_16),
		TEST(scan_of_a_16_with_little_room),
		TEST(scan_of_a_64),
		TEST(scan_while_they_are_asked),
		TEST(scan_spares_the_stale),
		TEST(flood_of_claims),
		TEST(one_goes_for_each_that_comes),
		TEST(lost_ones_keep_to_the_quarter),
		TEST(full_of_living),
		TEST(pages_have_them_all),
		TEST(limit_is_lowered),
		TEST(four_wait_per_neighbour),
		TEST(some_wait_per_interface),
		TEST(some_wait_in_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
