// SPDX-License-Identifier: BSD-3-Clause
// What advertisements teach, for how long, and how much at most; with a clock that stands still.
#include "lib/clock.h"
#include "router/ra/ra_accept.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SEC NSEC_PER_SEC

static struct ra_accept a;
static struct nd nd;
static char has[4096]; // what the interface has: " addr/len", " prefix>via*metric"
static unsigned asked, mtu;
static bool can_ask, full;

static void put(const char *word) {
	size_t len = strlen(has);

	snprintf(has + len, sizeof(has) - len, " %s", word);
}

static void take(const char *word) {
	char with[160], *at;

	snprintf(with, sizeof(with), " %s", word);
	at = strstr(has, with);
	assert_non_null(at);
	memmove(at, at + strlen(with), strlen(at + strlen(with)) + 1);
}

static char *route_word(
	char word[128], const struct prefix *prefix, const struct addr *via, uint32_t metric) {
	char p[PREFIX_STRLEN], v[ADDR_STRLEN] = "link";

	if (via->family != ADDR_NONE)
		addr_print(via, v);
	snprintf(word, 128, "%s>%s*%u", prefix_print(prefix, p), v, metric);
	return word;
}

static bool op_address(struct ra_accept *, const struct prefix *addr) {
	char word[PREFIX_STRLEN];

	if (full)
		return false;
	if (strstr(has, prefix_print(addr, word)) == NULL)
		put(word);
	return true;
}

static void op_address_gone(struct ra_accept *, const struct addr *addr) {
	char word[ADDR_STRLEN + 8], *at;

	addr_print(addr, word);
	at = strstr(has, word);
	assert_non_null(at);
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(at, " "), at);
	take(word);
}

static bool op_route(
	struct ra_accept *, const struct prefix *prefix, const struct addr *via, uint32_t metric) {
	char word[128];

	if (strstr(has, route_word(word, prefix, via, metric)) == NULL)
		put(word);
	return true;
}

static void op_route_gone(
	struct ra_accept *, const struct prefix *prefix, const struct addr *via, uint32_t metric) {
	char word[128];

	take(route_word(word, prefix, via, metric));
}

static void op_mtu(struct ra_accept *, uint16_t value) {
	mtu = value;
}

static bool op_solicit(struct ra_accept *) {
	asked += can_ask;
	return can_ask;
}

static uint32_t op_random(void) {
	return 0x80000000; // the middle of every range
}

static const struct ra_accept_ops ops = {
	op_address, op_address_gone, op_route, op_route_gone, op_mtu, op_solicit, op_random};

static int setup(void **) {
	clock_fake_start(1000 * SEC);
	a = (struct ra_accept){.ops = &ops, .mac = {{2, 0, 0, 0, 0, 9}}};
	nd = (struct nd){.type = ND_RA};
	addr_parse("fe80::1", &nd.src);
	has[0] = '\0';
	asked = mtu = 0;
	can_ask = true;
	full = false;
	return 0;
}

static int teardown(void **) {
	clock_fake_stop();
	return 0;
}

static void pass(uint64_t s) {
	clock_fake_advance(s * SEC);
	ra_accept_poll(&a, clock_now_ns());
}

static void say_prefix(
	const char *text, bool on_link, bool autonomous, uint32_t valid_s, uint32_t preferred_s) {
	struct nd_prefix *p = &nd.ra.prefixes[nd.ra.n_prefixes++];

	*p = (struct nd_prefix){.on_link = on_link,
		.autonomous = autonomous,
		.valid_s = valid_s,
		.preferred_s = preferred_s};
	assert_int_equal(prefix_parse(text, &p->prefix), 0);
}

static void say_route(const char *text, int preference, uint32_t lifetime_s) {
	struct nd_route *r = &nd.ra.routes[nd.ra.n_routes++];

	*r = (struct nd_route){.preference = (int8_t)preference, .lifetime_s = lifetime_s};
	assert_int_equal(prefix_parse(text, &r->prefix), 0);
}

static void hear(void) {
	ra_accept_receive(&a, &nd);
	nd.ra = (struct nd_router){0};
}

#define has_exactly(text) assert_string_equal(has, text)
#define OWN               "2001:db8:1::ff:fe00:9"

static void a_router_for_its_lifetime(void **) {
	nd.ra.lifetime_s = 1800;
	hear();
	has_exactly(" ::/0>fe80::1*1");
	pass(1799);
	has_exactly(" ::/0>fe80::1*1");
	nd.ra.lifetime_s = 100; // shorter: as it says
	hear();
	pass(99);
	has_exactly(" ::/0>fe80::1*1");
	pass(1);
	has_exactly("");
	nd.ra.lifetime_s = 1800;
	hear();
	nd.ra.lifetime_s = 0; // it goes (section 6.3.4)
	hear();
	has_exactly("");
}

static void preferences_are_metrics(void **) {
	nd.ra.lifetime_s = 1800;
	nd.ra.preference = 1;
	hear();
	has_exactly(" ::/0>fe80::1*0");
	nd.ra.lifetime_s = 1800;
	nd.ra.preference = -1;
	hear();
	has_exactly(" ::/0>fe80::1*2");
	addr_parse("fe80::2", &nd.src);
	nd.ra.lifetime_s = 10;
	hear();
	has_exactly(" ::/0>fe80::1*2 ::/0>fe80::2*1");
	pass(10);
	has_exactly(" ::/0>fe80::1*2");
}

static void more_specific_routes(void **) {
	nd.ra.lifetime_s = 1800;
	say_route("2001:db8:5::/48", 1, 60);
	say_route("2001:db8:6::/48", 0, UINT32_MAX);
	say_route("fe80::/64", 0, 60); // no route beyond the link
	say_route("::/0", 1, 600); // has the last word on the default route (RFC 4191 section 3.1)
	hear();
	has_exactly(" 2001:db8:5::/48>fe80::1*0 2001:db8:6::/48>fe80::1*1 ::/0>fe80::1*0");
	pass(60);
	has_exactly(" 2001:db8:6::/48>fe80::1*1 ::/0>fe80::1*0");
	pass(540);
	has_exactly(" 2001:db8:6::/48>fe80::1*1");
	pass(1000000000);
	has_exactly(" 2001:db8:6::/48>fe80::1*1");
	say_route("2001:db8:6::/48", 0, 0);
	hear();
	has_exactly("");
}

static void an_address_in_a_prefix(void **) {
	say_prefix("2001:db8:1::/64", true, true, 86400, 3600);
	hear();
	has_exactly(" " OWN "/64");
	assert_int_equal(a.prefixes[0].preferred_until_ns, 4600 * SEC);
	pass(86399);
	has_exactly(" " OWN "/64");
	pass(1);
	has_exactly("");
	assert_int_equal(a.n_prefixes, 0);
}

static void prefixes_that_make_no_address(void **) {
	say_prefix("2001:db8:1::/64", false, false, 86400, 3600); // says nothing
	say_prefix("2001:db8:2::/48", false, true, 86400, 3600);  // no room for our 64 bits
	say_prefix("fe80::/64", true, true, 86400, 3600);         // ignored: section 6.3.4
	say_prefix("2001:db8:3::/64", true, true, 0, 0);
	hear();
	has_exactly("");
	assert_int_equal(a.n_prefixes, 0);
	say_prefix("2001:db8:4::/60", true, true, 600, 600); // on the link, at least
	hear();
	has_exactly(" 2001:db8:4::/60>link*0");
	pass(600);
	has_exactly("");
}

static void off_the_link(void **) {
	say_prefix("2001:db8:1::/64", false, true, 86400, 3600);
	hear();
	has_exactly(" " OWN "/128");
	say_prefix("2001:db8:1::/64", true, true, 86400, 3600);
	hear();
	has_exactly(" " OWN "/64");
	say_prefix("2001:db8:1::/64", true, false, 0, 0); // not on the link any more; A is not said
	hear();
	has_exactly(" " OWN "/128");
}

// RFC 4862 section 5.5.3 e: 1) longer than two hours or than what is left, 2) less than two hours left stay, 3) two hours.
static void two_hours(void **) {
	say_prefix("2001:db8:1::/64", true, true, 86400, 86400);
	hear();
	say_prefix("2001:db8:1::/64", true, true, 10, 10);
	hear();
	assert_int_equal(a.prefixes[0].valid_until_ns, (1000 + 7200) * SEC);
	assert_int_equal(a.prefixes[0].preferred_until_ns, 1010 * SEC); // as it says
	pass(20);
	has_exactly(" " OWN "/128"); // the prefix is not on the link any more
	say_prefix("2001:db8:1::/64", true, true, 0, 0);
	hear();
	assert_int_equal(a.prefixes[0].valid_until_ns, (1000 + 7200) * SEC);
	has_exactly(" " OWN "/128");
	pass(7000);
	say_prefix("2001:db8:1::/64", true, true, 300, 300); // more than the 180 s that are left
	hear();
	assert_int_equal(a.prefixes[0].valid_until_ns, (8020 + 300) * SEC);
	say_prefix("2001:db8:1::/64", true, true, 7201, 300); // more than two hours
	hear();
	assert_int_equal(a.prefixes[0].valid_until_ns, (8020 + 7201) * SEC);
	pass(7201);
	has_exactly("");
}

static void for_ever(void **) {
	say_prefix("2001:db8:1::/64", true, true, UINT32_MAX, UINT32_MAX);
	hear();
	pass(4000000000);
	has_exactly(" " OWN "/64");
	say_prefix("2001:db8:1::/64", true, true, 60, 60);
	hear();
	pass(7199);
	has_exactly(" " OWN "/128");
	pass(1);
	has_exactly("");
}

static void a_duplicate_is_not_used(void **) {
	struct addr own;

	addr_parse(OWN, &own);
	say_prefix("2001:db8:1::/64", true, true, 86400, 3600);
	hear();
	ra_accept_duplicate(&a, &own);
	has_exactly(" 2001:db8:1::/64>link*0");
	say_prefix("2001:db8:1::/64", true, true, 86400, 3600);
	hear();
	has_exactly(" 2001:db8:1::/64>link*0");
	pass(86400);
	has_exactly("");
}

static void names_and_mtu(void **) {
	nd.ra.mtu = 1400;
	nd.ra.n_servers = 1;
	addr_parse("2001:db8::53", &nd.ra.servers[0].addr);
	nd.ra.servers[0].lifetime_s = 60;
	nd.ra.n_domains = 1;
	nd.ra.domains[0] = (struct nd_domain){"example.com", 30};
	hear();
	assert_int_equal(mtu, 1400);
	assert_int_equal(a.n_servers, 1);
	assert_string_equal(a.domains[0].name, "example.com");
	nd.ra.mtu = 1279; // IPv6 needs 1280
	hear();
	assert_int_equal(mtu, 1400);
	pass(30);
	assert_int_equal(a.n_domains, 0);
	assert_int_equal(a.n_servers, 1);
	nd.ra.n_servers = 1;
	addr_parse("2001:db8::53", &nd.ra.servers[0].addr); // with a lifetime of 0
	hear();
	assert_int_equal(a.n_servers, 0);
	ra_accept_forget(&a);
	assert_int_equal(mtu, 0);
}

// RFC 7559: 4 s, 8 s ... an hour apart, until somebody answers; again when the last default router is gone.
static void it_asks(void **) {
	can_ask = false;
	ra_accept_link(&a, true);
	pass(1);
	assert_int_equal(asked, 0);
	can_ask = true;
	pass(1);
	assert_int_equal(asked, 1);
	pass(3);
	assert_int_equal(asked, 1);
	pass(1);
	assert_int_equal(asked, 2);
	pass(8);
	assert_int_equal(asked, 3);
	pass(16);
	assert_int_equal(asked, 4);
	for (unsigned i = 0; i < 20; i++)
		pass(3600);
	assert_true(asked >= 20);
	asked = 0;
	hear(); // no default router: somebody else may be
	pass(3600);
	assert_int_equal(asked, 1);
	nd.ra.lifetime_s = 9000;
	hear();
	pass(8999);
	assert_int_equal(asked, 1);
	pass(1);
	pass(1);
	assert_int_equal(asked, 2);
	ra_accept_link(&a, false);
	pass(3600);
	assert_int_equal(asked, 2);
}

static void all_is_bounded(void **) {
	char text[64];

	for (unsigned i = 0; i < 2 * RA_DEFAULTS; i++) {
		nd.src.bytes[15] = (uint8_t)i;
		nd.ra.lifetime_s = 1800;
		hear();
	}
	assert_int_equal(a.n_routes, RA_DEFAULTS);
	assert_int_equal(a.refused, RA_DEFAULTS);
	for (unsigned i = 0; i < 2 * RA_ROUTES; i++) {
		snprintf(text, sizeof(text), "2001:db8:%x::/48", i + 1);
		say_route(text, 0, 600);
		hear();
	}
	assert_int_equal(a.n_routes, RA_ROUTES);
	for (unsigned i = 0; i < 2 * RA_PREFIXES; i++) {
		snprintf(text, sizeof(text), "2001:db8:%x::/64", i + 1);
		say_prefix(text, true, true, 600, 600);
		hear();
	}
	assert_int_equal(a.n_prefixes, RA_PREFIXES);
	for (unsigned i = 0; i < 2 * ND_SERVERS; i++) {
		nd.ra.n_servers = nd.ra.n_domains = 1;
		nd.ra.servers[0] = (struct nd_server){{ADDR_V6, {0x20, [15] = (uint8_t)i}}, 600};
		snprintf(nd.ra.domains[0].name, ND_DOMAIN, "d%u", i);
		nd.ra.domains[0].lifetime_s = 600;
		hear();
	}
	assert_int_equal(a.n_servers, ND_SERVERS);
	assert_int_equal(a.n_domains, ND_DOMAINS);
	assert_int_equal(a.refused,
		RA_DEFAULTS + (RA_ROUTES + RA_DEFAULTS) + RA_PREFIXES + ND_SERVERS +
			(2 * ND_SERVERS - ND_DOMAINS));
	ra_accept_forget(&a);
	has_exactly("");
}

static void what_the_interface_lost_it_gets_again(void **) {
	nd.ra.lifetime_s = 1800;
	say_prefix("2001:db8:1::/64", true, true, 600, 600);
	hear();
	has[0] = '\0';
	ra_accept_again(&a);
	has_exactly(" ::/0>fe80::1*1 " OWN "/64");
	ra_accept_again(&a);
	has_exactly(" ::/0>fe80::1*1 " OWN "/64");
	ra_accept_forget(&a);
	has_exactly("");
	full = true; // it cannot have it: said again with the next advertisement
	say_prefix("2001:db8:1::/64", true, true, 600, 600);
	hear();
	has_exactly("");
	assert_int_equal(a.refused, 1);
	full = false;
	say_prefix("2001:db8:1::/64", true, true, 600, 600);
	hear();
	has_exactly(" " OWN "/64");
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	static const struct CMUnitTest tests[] = {
		test(a_router_for_its_lifetime),
		test(preferences_are_metrics),
		test(more_specific_routes),
		test(an_address_in_a_prefix),
		test(prefixes_that_make_no_address),
		test(off_the_link),
		test(two_hours),
		test(for_ever),
		test(a_duplicate_is_not_used),
		test(names_and_mtu),
		test(it_asks),
		test(all_is_bounded),
		test(what_the_interface_lost_it_gets_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
