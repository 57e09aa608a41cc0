// SPDX-License-Identifier: BSD-3-Clause
// Our own addresses: tested, announced, defended; whom we answer, for whom else, and whom we believe.
#include "lib/event.h"
#include "router/neigh/neigh_testlib.h"

#define MINE4 "10.0.0.1"
#define MINE6 "2001:db8::1"

static struct neigh_conf conf;

static int setup_alone(void **) {
	world_start();
	conf = world_conf();
	conf.arp_probes = 3;
	conf.dad_transmits = 1;
	assert_int_equal(neigh_iface_add(IFACE, &conf, NULL), 0);
	return 0;
}

static void add(const char *text) {
	struct addr a = addr(text);

	neigh_address_add(IFACE, &a);
}

static bool usable(const char *text) {
	struct addr a = addr(text);

	return neigh_address_usable(IFACE, &a);
}

// ---- duplicate address detection ----------------------------------------------------------------------------

// RFC 5227 with chance in the middle: probes after 0.5, 2 and 3.5 s, use and the first announcement after 5.5, the last after 7.5.
static void tests_an_ipv4_address(void **) {
	static const uint64_t at_ms[] = {500, 2000, 3500, 5500, 7500};
	uint64_t now_ms = 0;
	struct mac to;

	add(MINE4);
	for (unsigned i = 0; i < 5; i++) {
		advance((at_ms[i] - now_ms - 10) * MS);
		assert_int_equal(world.n_frames, i);
		assert_int_equal(usable(MINE4), i > 3);
		advance(10 * MS);
		now_ms = at_ms[i];
		assert_int_equal(world.n_frames, i + 1);
		struct arp arp = last_arp(&to);
		assert_mac(&to, &mac_all);
		assert_int_equal(arp.op, ARP_REQUEST);
		assert_mac(&arp.sender_mac, &my_mac);
		assert_addr(&arp.target, MINE4);
		assert_addr(&arp.sender, i < 3 ? "0.0.0.0" : MINE4);
		assert_int_equal(usable(MINE4), i >= 3);
	}
	assert_int_equal(world.told_usable, 1);
	assert_addr(&world.told, MINE4);
	advance(100 * SEC);
	assert_int_equal(world.n_frames, 5);
}

// RFC 4862: one solicitation, a second's wait; RFC 4861: three advertisements.
static void tests_an_ipv6_address(void **) {
	static const uint64_t at_ms[] = {500, 1500, 3500, 5500};
	uint64_t now_ms = 0;
	struct mac to;

	add(MINE6);
	for (unsigned i = 0; i < 4; i++) {
		advance((at_ms[i] - now_ms - 10) * MS);
		assert_int_equal(world.n_frames, i);
		advance(10 * MS);
		now_ms = at_ms[i];
		assert_int_equal(world.n_frames, i + 1);
		struct nd nd = last_nd(&to);
		assert_addr(&nd.target, MINE6);
		assert_int_equal(usable(MINE6), i >= 1);
		if (i == 0) {
			assert_int_equal(nd.type, ND_NS);
			assert_addr(&nd.src, "::");
			assert_addr(&nd.dst, "ff02::1:ff00:1");
			assert_false(nd.has_mac);
			assert_true(nd.has_nonce);
			continue;
		}
		assert_int_equal(nd.type, ND_NA);
		assert_addr(&nd.src, MINE6);
		assert_addr(&nd.dst, "ff02::1");
		assert_true(nd.override && nd.router && !nd.solicited && nd.has_mac);
		assert_mac(&nd.mac, &my_mac);
	}
	advance(100 * SEC);
	assert_int_equal(world.n_frames, 4);
}

static void more_or_fewer_probes(void **) {
	conf.dad_transmits = 3;
	conf.arp_probes = 1;
	neigh_iface_set(IFACE, &conf);
	add(MINE6);
	advance(3490 * MS);
	assert_int_equal(world.n_frames, 3);
	assert_false(usable(MINE6));
	advance(20 * MS);
	assert_true(usable(MINE6));
	add(MINE4);
	advance(2490 * MS);
	assert_false(usable(MINE4));
	advance(20 * MS);
	assert_true(usable(MINE4));
	conf.arp_probes = 0;
	neigh_iface_set(IFACE, &conf);
	add("10.0.0.2");
	assert_true(usable("10.0.0.2"));
}

static void waits_for_the_link(void **) {
	neigh_link(IFACE, false);
	add(MINE4);
	advance(100 * SEC);
	assert_int_equal(world.n_frames, 0);
	neigh_link(IFACE, true);
	advance(2 * SEC);
	assert_int_equal(world.n_frames, 2);
	neigh_link(IFACE, false); // the test starts anew
	advance(100 * SEC);
	neigh_link(IFACE, true);
	advance(5490 * MS);
	assert_int_equal(world.n_frames, 2 + 3);
	assert_false(usable(MINE4));
	advance(10 * MS);
	assert_true(usable(MINE4));
	advance(100 * SEC);
	unsigned frames = world.n_frames;
	neigh_link(IFACE, false);
	assert_true(usable(MINE4));
	neigh_link(IFACE, true); // announced again, and served meanwhile
	assert_true(usable(MINE4));
	advance(100 * SEC);
	assert_int_equal(world.n_frames, frames + 2);
}

static void starts_without_link(void **) {
	neigh_iface_del(IFACE);
	world.hosts[IFACE].up = false;
	neigh_iface_add(IFACE, &conf, NULL);
	add(MINE4);
	advance(10 * SEC);
	assert_int_equal(world.n_frames, 0);
	assert_false(usable(MINE4));
}

// What proves that another has the address, while it is tested; by whom is another MAC address than ours.
static void probe_from_another(const struct mac *mac) {
	say_arp(ARP_REQUEST, mac, "0.0.0.0", MINE4, &mac_all);
}

static void reply_from_another(const struct mac *mac) {
	say_arp(ARP_REPLY, mac, MINE4, "0.0.0.0", &my_mac);
}

static void announced_by_another(const struct mac *mac) {
	say_arp(ARP_REQUEST, mac, MINE4, MINE4, &mac_all);
}

static void used_by_another(const struct mac *mac) {
	say_arp(ARP_REQUEST, mac, MINE4, "10.0.0.200", &mac_all);
}

static void advertised_by_another(const struct mac *mac) {
	say_na(MINE6, mac, NA_O);
}

static void tested_by_another(const struct mac *mac) {
	say_ns("::", MINE6, mac);
}

static unsigned duplicates;

static void count_duplicates(const char *name, const json_t *data, void *) {
	assert_string_equal(name, "router.address-duplicate");
	assert_string_equal(json_string_value(json_object_get(data, "interface")), "test");
	assert_string_equal(json_string_value(json_object_get(data, "mac")), "02:00:00:00:00:0a");
	assert_non_null(json_object_get(data, "address"));
	duplicates++;
}

static void finds_duplicates(void **) {
	static const struct {
		void (*say)(const struct mac *mac);
		const char *mine;
	} signs[] = {{probe_from_another, MINE4}, {reply_from_another, MINE4},
		{announced_by_another, MINE4}, {used_by_another, MINE4},
		{advertised_by_another, MINE6}, {tested_by_another, MINE6}};

	for (unsigned i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		struct addr a = addr(signs[i].mine);

		world.told_usable = -1;
		duplicates = 0;
		event_set_sink(count_duplicates, NULL);
		add(signs[i].mine);
		advance(900 * MS);
		signs[i].say(&my_mac); // our own frames come back from a loop
		advance(10 * MS);
		assert_int_equal(world.told_usable, -1);
		signs[i].say(&mac_a);
		event_set_sink(NULL, NULL);
		assert_int_equal(duplicates, 1);
		assert_int_equal(world.told_usable, 0);
		unsigned frames = world.n_frames;
		advance(100 * SEC);
		assert_false(usable(signs[i].mine));
		say_arp(ARP_REQUEST, &mac_b, "10.0.0.9", MINE4, &mac_all);
		say_ns("2001:db8::9", MINE6, &mac_b);
		add(signs[i].mine); // once more changes nothing
		advance(100 * SEC);
		assert_int_equal(world.n_frames, frames); // neither announced nor answered for
		neigh_address_del(IFACE, &a);
		add(signs[i].mine); // but removed and added it has another chance
		advance(10 * SEC);
		assert_true(usable(signs[i].mine));
		neigh_address_del(IFACE, &a);
	}
}

// RFC 7527: a switch sends our own solicitation back, from a MAC address that is not ours. RFC 4862: one that has the address would
// not ask for it from another.
static void own_nonce_is_no_duplicate(void **) {
	struct mac to;

	world.random = 0x01020304;
	add(MINE6);
	while (world.n_frames == 0)
		advance(10 * MS);
	struct nd nd = last_nd(&to);
	say_nd(&nd, &mac_a);
	say_ns("2001:db8::9", MINE6, &mac_b);
	assert_int_equal(world.n_frames, 1);
	assert_int_equal(world.told_usable, -1);
	nd.nonce[0] ^= 1;
	say_nd(&nd, &mac_a);
	assert_int_equal(world.told_usable, 0);
}

static void is_silent_while_it_tests(void **) {
	add(MINE4);
	add(MINE6);
	say_arp(ARP_REQUEST, &mac_a, "10.0.0.9", MINE4, &mac_all);
	say_ns("2001:db8::9", MINE6, &mac_a);
	struct addr a = addr("10.0.0.9");
	neigh_want(IFACE, &a, packet()); // no address to ask from yet
	assert_int_equal(world.n_frames, 0);
	advance(20 * SEC);
	neigh_want(IFACE, &a, packet());
	struct mac to;
	struct arp arp = last_arp(&to);
	assert_addr(&arp.target, "10.0.0.9");
}

// ---- defence ------------------------------------------------------------------------------------------------

static unsigned conflicts;

static void count_conflicts(const char *name, const json_t *, void *) {
	assert_string_equal(name, "router.address-conflict");
	conflicts++;
}

// RFC 5227 section 2.4 (c): at most one announcement in ten seconds, and the address is kept.
static void defends_its_address(void **) {
	static void (*const signs[])(const struct mac *mac) = {
		announced_by_another, used_by_another, reply_from_another, advertised_by_another};

	event_set_sink(count_conflicts, NULL);
	for (unsigned i = 0; i < 4; i++) {
		conflicts = 0;
		advance(20 * SEC);
		world.n_frames = 0;
		for (unsigned k = 0; k < 100; k++) {
			signs[i](&mac_a);
			advance(90 * MS);
		}
		assert_int_equal(world.n_frames, 1);
		assert_int_equal(conflicts, 1);
		advance(1 * SEC);
		signs[i](&mac_a);
		assert_int_equal(world.n_frames, 2);
	}
	event_set_sink(NULL, NULL);
	assert_true(usable(MINE4) && usable(MINE6));
	assert_int_equal(stats().conflicts, 404);
	assert_int_equal(neigh_iface(IFACE)->entries, 0);
}

// ---- answers ------------------------------------------------------------------------------------------------

static void answers_arp(void **) {
	struct mac to;

	say_arp(ARP_REQUEST, &mac_a, "10.0.0.10", MINE4, &mac_all);
	struct arp arp = last_arp(&to);
	assert_int_equal(world.n_frames, 1);
	assert_int_equal(arp.op, ARP_REPLY);
	assert_mac(&to, &mac_a);
	assert_mac(&arp.sender_mac, &my_mac);
	assert_mac(&arp.target_mac, &mac_a);
	assert_addr(&arp.sender, MINE4);
	assert_addr(&arp.target, "10.0.0.10");
	assert_int_equal(state_of("10.0.0.10"), NEIGH_STALE); // it will be needed in a moment
	probe_from_another(&mac_b);
	assert_int_equal(world.n_frames, 2);
	arp = last_arp(&to);
	assert_mac(&to, &mac_b);
	assert_addr(&arp.sender, MINE4);
	assert_addr(&arp.target, "0.0.0.0");
	assert_int_equal(neigh_iface(IFACE)->entries, 1);
	say_arp(ARP_REQUEST, &mac_a, "192.0.2.77", MINE4, &mac_all);
	assert_int_equal(world.n_frames, 3); // answered, but it is no neighbour of ours
	assert_int_equal(neigh_iface(IFACE)->entries, 1);
	say_arp(ARP_REQUEST, &mac_a, "10.0.0.10", "10.0.0.2", &mac_all);
	assert_int_equal(world.n_frames, 3);
	say_arp(ARP_REQUEST, &my_mac, "10.0.0.10", MINE4, &mac_all);
	assert_int_equal(world.n_frames, 3);
}

static void answers_nd(void **) {
	struct mac to;

	say_ns("2001:db8::10", MINE6, &mac_a);
	struct nd nd = last_nd(&to);
	assert_int_equal(world.n_frames, 1);
	assert_int_equal(nd.type, ND_NA);
	assert_mac(&to, &mac_a);
	assert_addr(&nd.src, MINE6);
	assert_addr(&nd.dst, "2001:db8::10");
	assert_addr(&nd.target, MINE6);
	assert_true(nd.router && nd.solicited && nd.override && nd.has_mac);
	assert_mac(&nd.mac, &my_mac);
	assert_int_equal(state_of("2001:db8::10"), NEIGH_STALE);
	say_ns("fe80::10", "fe80::1", &mac_a);
	nd = last_nd(&to);
	assert_addr(&nd.src, "fe80::1");
	assert_int_equal(state_of("fe80::10"), NEIGH_STALE);
	say_ns("2001:db8:9::10", MINE6, &mac_a); // off the link: answered, not remembered
	assert_int_equal(world.n_frames, 3);
	assert_int_equal(neigh_iface(IFACE)->entries, 2);
	say_ns("2001:db8::10", "2001:db8::2", &mac_a);
	assert_int_equal(world.n_frames, 3);
	tested_by_another(&mac_b); // to one without an address, all are told
	nd = last_nd(&to);
	assert_int_equal(world.n_frames, 4);
	assert_addr(&nd.dst, "ff02::1");
	assert_false(nd.solicited);
	assert_true(nd.override);
	struct nd bare = {.type = ND_NS,
		.src = addr("2001:db8::11"),
		.dst = addr(MINE6),
		.target = addr(MINE6)};
	say_nd(&bare,
		&mac_b); // without a link-layer address, to us alone: back to where it came from
	nd = last_nd(&to);
	assert_mac(&to, &mac_b);
	assert_int_equal(state_of("2001:db8::11"), NEIGH_GONE);
}

static void counts_malformed(void **) {
	uint8_t frame[64] = {[12] = 8, [13] = 6};

	neigh_frame(IFACE, frame, sizeof(frame), false);
	neigh_frame(IFACE, frame, 13, false);
	frame[13] = 0;
	neigh_frame(IFACE, frame, sizeof(frame), false);
	assert_int_equal(stats().malformed, 3);
	assert_int_equal(stats().received, 3);
	neigh_frame(99, frame, sizeof(frame), false);
}

// ---- proxies ------------------------------------------------------------------------------------------------

static void answers_for_others_if_told_to(void **) {
	struct mac to;

	world.behind = addr("10.0.5.5");
	say_arp(ARP_REQUEST, &mac_a, "10.0.0.10", "10.0.5.5", &mac_all);
	assert_int_equal(world.n_frames, 0);
	world.hosts[IFACE].proxy_arp = true;
	say_arp(ARP_REQUEST, &mac_a, "10.0.0.10", "10.0.5.5", &mac_all);
	assert_int_equal(world.n_frames, 1);
	struct arp arp = last_arp(&to);
	assert_mac(&to, &mac_a);
	assert_addr(&arp.sender, "10.0.5.5");
	assert_mac(&arp.sender_mac, &my_mac);
	say_arp(ARP_REQUEST, &mac_a, "10.0.0.10", "10.0.5.6", &mac_all); // on this link
	say_arp(ARP_REQUEST, &mac_a, "0.0.0.0", "10.0.5.5", &mac_all);   // wants it for itself
	say_arp(ARP_REQUEST, &mac_a, "10.0.5.5", "10.0.5.5", &mac_all);  // has it
	assert_int_equal(world.n_frames, 1);

	world.behind = addr("2001:db8::55");
	say_ns("2001:db8::10", "2001:db8::55", &mac_a);
	assert_int_equal(world.n_frames, 1);
	world.hosts[IFACE].proxy_nd = true;
	say_ns("2001:db8::10", "2001:db8::55", &mac_a);
	assert_int_equal(world.n_frames, 2);
	struct nd nd = last_nd(&to);
	assert_mac(&to, &mac_a);
	assert_addr(&nd.src, MINE6);
	assert_addr(&nd.target, "2001:db8::55");
	assert_true(nd.solicited && nd.has_mac);
	assert_false(nd.override); // RFC 4861 section 7.2.8
	say_ns("2001:db8::10", "2001:db8::56", &mac_a);
	say_ns("::", "2001:db8::55", &mac_a);
	world.behind = addr("fe80::55");
	say_ns("2001:db8::10", "fe80::55", &mac_a); // no link-local address is elsewhere
	assert_int_equal(world.n_frames, 2);
}

static bool stands_in(uint16_t iface, const struct addr *a) {
	struct addr v4 = addr("10.0.0.77"), v6 = addr("2001:db8::77");

	return iface == IFACE && (addr_cmp(a, &v4) == 0 || addr_cmp(a, &v6) == 0);
}

static void stands_in_for_addresses_of_nat(void **) {
	struct mac to;

	say_arp(ARP_REQUEST, &mac_a, "10.0.0.10", "10.0.0.77", &mac_all);
	assert_int_equal(world.n_frames, 0);
	neigh_on_foreign(stands_in);
	say_arp(ARP_REQUEST, &mac_a, "10.0.0.10", "10.0.0.77", &mac_all);
	say_arp(ARP_REQUEST, &mac_a, "0.0.0.0", "10.0.0.77", &mac_all); // wants it: it is not free
	say_arp(ARP_REQUEST, &mac_a, "10.0.0.10", "10.0.0.78", &mac_all);
	assert_int_equal(world.n_frames, 2);
	struct arp arp = last_arp(&to);
	assert_addr(&arp.sender, "10.0.0.77");
	assert_mac(&arp.sender_mac, &my_mac);
	say_ns("2001:db8::10", "2001:db8::77", &mac_a);
	assert_int_equal(world.n_frames, 3);
	struct nd nd = last_nd(&to);
	assert_addr(&nd.target, "2001:db8::77");
	assert_mac(&nd.mac, &my_mac);
	say_ns("2001:db8::10", "2001:db8::78", &mac_a);
	assert_int_equal(world.n_frames, 3);
	neigh_on_foreign(NULL);
}

// ---- whom to believe ----------------------------------------------------------------------------------------

static void assert_known(const char *text, unsigned state, const struct mac *mac) {
	struct neigh_info info = info_of_text(text);

	assert_int_equal(info.state, state);
	assert_mac(&info.mac, mac);
	assert_mac(&world.slots[info.slot].mac, mac);
}

static void gratuitous_arp_only_updates(void **) {
	const char *a = "10.0.0.10";

	say_arp(ARP_REQUEST, &mac_a, a, a, &mac_all);
	say_arp(ARP_REPLY, &mac_a, a, a, &mac_all);
	say_arp(ARP_REPLY, &mac_a, a, MINE4, &my_mac); // nor does an answer that nobody asked for
	say_arp(ARP_REQUEST, &mac_a, a, "10.0.0.2", &mac_all);
	assert_int_equal(neigh_iface(IFACE)->entries, 0);
	learn(a, &mac_a);
	say_arp(ARP_REQUEST, &mac_a, a, a, &mac_all);
	assert_known(a, NEIGH_REACHABLE, &mac_a);
	advance(1 * SEC);
	say_arp(ARP_REQUEST, &mac_b, a, a, &mac_all); // it moved
	assert_known(a, NEIGH_STALE, &mac_b);
	advance(1 * SEC);
	say_arp(ARP_REPLY, &mac_a, a, a, &mac_all);
	assert_known(a, NEIGH_STALE, &mac_a);
	assert_int_equal(world.n_frames, 1); // nothing was answered
}

static void first_answer_counts(void **) {
	const char *a = "10.0.0.10";

	learn(a, &mac_a);
	say_arp(ARP_REPLY, &mac_b, a, MINE4, &my_mac);
	assert_known(a, NEIGH_REACHABLE, &mac_a);
	advance(990 * MS);
	say_arp(ARP_REQUEST, &mac_b, a, MINE4, &mac_all);
	assert_known(a, NEIGH_REACHABLE, &mac_a);
	advance(10 * MS);
	say_arp(ARP_REPLY, &mac_b, a, MINE4, &my_mac); // nobody asked: to be found out
	assert_known(a, NEIGH_STALE, &mac_b);
	advance(10 * SEC);
	say_arp(ARP_REPLY, &mac_b, a, MINE4, &my_mac); // it confirms what is known
	assert_known(a, NEIGH_REACHABLE, &mac_b);
	advance(31 * SEC);
	want(a);
	advance(5 * SEC);
	assert_int_equal(state_of(a), NEIGH_PROBE);
	say_arp(ARP_REPLY, &mac_a, a, MINE4, &my_mac); // asked: believed
	assert_known(a, NEIGH_REACHABLE, &mac_a);
}

static void group_addresses_are_nobodys(void **) {
	static const struct mac group = {{0x33, 0x33, 0, 0, 0, 1}};
	struct addr a = addr("fe80::10");

	neigh_heard(IFACE, &a, &group, true);
	neigh_kernel(IFACE, &a, &group);
	assert_int_equal(neigh_iface(IFACE)->entries, 0);
}

// ---- other MAC addresses ------------------------------------------------------------------------------------

static void interface_changes_its_mac(void **) {
	static const struct mac new = {{2, 0, 0, 0, 0, 0x77}};
	struct neigh_conf now = world_conf();
	struct mac to;

	world.hosts[IFACE].mac = new;
	neigh_iface_set(IFACE, &now);
	neigh_poll(clock_now_ns());
	assert_int_equal(world.n_frames, 3);
	struct nd nd = last_nd(&to);
	assert_mac(&nd.mac, &new);
	say_arp(ARP_REQUEST, &mac_a, "10.0.0.10", MINE4, &mac_all);
	struct arp arp = last_arp(&to);
	assert_mac(&arp.sender_mac, &new);
}

// VRRP: one address comes and goes with its MAC address; another is one of the interface's all the time.
static void virtual_addresses(void **) {
	static const struct mac virtual = {{0, 0, 0x5e, 0, 1, 7}};
	struct addr a = addr("10.0.0.100"), mine = addr(MINE4);
	struct mac to;

	neigh_address_add_virtual(IFACE, &a, &virtual);
	assert_true(usable("10.0.0.100"));
	assert_int_equal(world.n_frames, 1);
	struct arp arp = last_arp(&to);
	assert_mac(&arp.sender_mac, &virtual);
	assert_mac(frame_back(0) + 6, &virtual);
	say_arp(ARP_REQUEST, &mac_a, "10.0.0.10", "10.0.0.100", &mac_all);
	arp = last_arp(&to);
	assert_mac(&arp.sender_mac, &virtual);
	say_arp(ARP_REQUEST, &virtual, "10.0.0.100", "10.0.0.100", &mac_all); // our own, looped
	assert_int_equal(stats().conflicts, 0);
	unsigned n = world.n_frames;
	say_arp(ARP_REQUEST, &mac_b, "10.0.0.100", "10.0.0.100", &mac_all); // it takes over
	assert_int_equal(world.n_frames, n);                                // and is not fought
	neigh_address_add_virtual(IFACE, &a, &virtual); // it did not: said again
	assert_int_equal(world.n_frames, n + 1);
	neigh_address_del_virtual(IFACE, &a);
	assert_false(usable("10.0.0.100"));

	neigh_address_add_virtual(IFACE, &mine, &virtual);
	say_arp(ARP_REQUEST, &mac_a, "10.0.0.10", MINE4, &mac_all);
	arp = last_arp(&to);
	assert_mac(&arp.sender_mac, &virtual);
	neigh_address_del_virtual(IFACE, &mine);
	arp = last_arp(&to); // announced with the interface's again
	assert_mac(&arp.sender_mac, &my_mac);
	assert_true(usable(MINE4));
	advance(10 * SEC);
}

// An address under test that becomes virtual serves at once, and is tested when it no longer is.
static void virtual_over_a_tested_one(void **) {
	static const struct mac virtual = {{0, 0, 0x5e, 0, 1, 7}};
	struct addr mine = addr(MINE4);

	add(MINE4);
	advance(1 * SEC);
	neigh_address_add_virtual(IFACE, &mine, &virtual);
	assert_true(usable(MINE4));
	advance(20 * SEC);
	neigh_address_del_virtual(IFACE, &mine);
	assert_false(usable(MINE4));
	advance(6 * SEC);
	assert_true(usable(MINE4));
}

static void so_many_addresses(void **) {
	log_set_level(LOG_LEVEL_ERROR - 1);
	for (unsigned i = 0; i < NEIGH_ADDRESSES + 10; i++) {
		struct addr a = addr("10.0.1.0");

		a.bytes[3] = (uint8_t)i;
		neigh_address_add(IFACE, &a);
		assert_int_equal(
			neigh_iface(IFACE)->n_owns, i < NEIGH_ADDRESSES ? i + 1 : NEIGH_ADDRESSES);
	}
}

#define ALONE(name) cmocka_unit_test_setup_teardown(name, setup_alone, teardown)
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		ALONE(tests_an_ipv4_address),
		ALONE(tests_an_ipv6_address),
		ALONE(more_or_fewer_probes),
		ALONE(waits_for_the_link),
		ALONE(starts_without_link),
		ALONE(finds_duplicates),
		ALONE(own_nonce_is_no_duplicate),
		ALONE(is_silent_while_it_tests),
		TEST(defends_its_address),
		TEST(answers_arp),
		TEST(answers_nd),
		TEST(counts_malformed),
		TEST(answers_for_others_if_told_to),
		TEST(stands_in_for_addresses_of_nat),
		TEST(gratuitous_arp_only_updates),
		TEST(first_answer_counts),
		TEST(group_addresses_are_nobodys),
		TEST(interface_changes_its_mac),
		TEST(virtual_addresses),
		ALONE(virtual_over_a_tested_one),
		ALONE(so_many_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
