// SPDX-License-Identifier: BSD-3-Clause
// Addresses, routes and MTUs that a running router learns (router/dynamic.h): they work at once, outlive a commit, yield to the
// configuration, and leave nothing behind.
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include "router/dynamic.h"
#include "router/router.h"
#include "switch/switch.h"
#include "tests/packet/harness.h"
#include "tests/packet/ip_frames.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define I(port, n, more)                                                                         \
	port " = { port = '" port "', mac = '02:00:00:00:0" n ":01', dad = false, addresses = {" \
	     " '10." n ".0.1/24' }, neighbors = { ['10." n ".0.9'] = '02:00:00:00:0" n ":09' }"  \
	     "} " more

static const char lab[] =
	"return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' },"
	" c = { device = 'ring:c' } },"
	" routers = { r = { interfaces = { " I("a", "1", "") ", " I("b", "2", "") " } } } }";
static const char other[] =
	"return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' },"
	" c = { device = 'ring:c' } },"
	" routers = { r = { interfaces = { " I("a", "1", "") ", " I("b", "2", "") ", " I(
		"c", "9", "") " } } } }";
static const char without_b[] =
	"return { ports = { a = { device = 'ring:a' }, b = { device = 'ring:b' },"
	" c = { device = 'ring:c' } }, routers = { r = { interfaces = { " I(
		"a", "1", "") " } } } }";

static unsigned heard_usable;

static void heard(uint16_t, const struct addr *, bool usable) {
	heard_usable += usable;
}

static void settle(void) {
	for (unsigned t = 0; t < 12; t++)
		packet_advance(NSEC_PER_SEC);
	frames_drain();
}

static uint16_t start(const char *config) {
	packet_config(without_b);
	packet_config(config);
	dynamic_on_addr(RTR_FROM_DHCP, heard);
	heard_usable = 0;
	settle();
	return (uint16_t)dp_port_find("b");
}

static struct prefix prefix(const char *text) {
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static struct addr addr(const char *text) {
	struct addr a = {0};

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static int add(uint16_t iface, const char *text) {
	struct prefix p = prefix(text);
	struct err err = {0};

	return dynamic_addr_add(iface, RTR_FROM_DHCP, &p, NULL, &err);
}

static void del(uint16_t iface, const char *text) {
	struct addr a = addr(text);

	dynamic_addr_del(iface, RTR_FROM_DHCP, &a);
}

static bool answers(const char *to) {
	struct frame f = frame_icmp(mac_router('a'), mac_host('a', 9), "10.1.0.9", to, 8, 0), got;
	bool echoed;

	frame_send('a', &f);
	packet_advance(NSEC_PER_MSEC * 10);
	echoed = frame_recv('a', &got) && got.bytes[34] == 0;
	frames_drain();
	return echoed;
}

// Whether a packet of a's host 9 to `to` leaves by b to host 9 there.
static bool forwarded(const char *to) {
	struct frame f = frame_udp(mac_router('a'), mac_host('a', 9), "10.1.0.9", to, 100), got;
	bool out;

	frame_send('a', &f);
	out = frame_recv('b', &got) && got.bytes[4] == 2 && got.bytes[5] == 9;
	frames_drain();
	return out;
}

static bool shows(const char *text) {
	json_t *rows = packet_show("interfaces");
	char *all = json_dumps(rows, 0);
	bool found = strstr(all, text) != NULL;

	free(all);
	json_decref(rows);
	return found;
}

static void address_serves_and_goes(void **) {
	uint16_t b = start(lab);

	assert_false(answers("10.9.0.5"));
	assert_int_equal(add(b, "10.9.0.5/24"), 0);
	assert_int_equal(add(b, "10.9.0.5/24"), 0); // again: nothing
	settle();
	assert_int_equal(heard_usable, 1);
	assert_true(answers("10.9.0.5"));
	assert_true(shows("10.2.0.1/24 10.9.0.5/24(dhcp)\""));
	// its subnet is asked for neighbours
	struct frame f = frame_udp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.9.0.7", 100);
	frame_send('a', &f);
	packet_advance(NSEC_PER_MSEC * 10);
	packet_step();
	assert_int_equal(packet_count("b"), 1);
	del(b, "10.9.0.5");
	settle();
	assert_false(answers("10.9.0.5"));
	assert_false(shows("dhcp"));
	frame_send('a', &f);
	packet_advance(NSEC_PER_MSEC * 10);
	packet_step();
	assert_int_equal(packet_count("b"), 0);
	frames_drain();
}

static void shared_subnet_goes_with_the_last(void **) {
	uint16_t b = start(lab);

	assert_int_equal(add(b, "10.2.0.5/24"), 0);
	settle();
	assert_true(answers("10.2.0.5"));
	del(b, "10.2.0.5");
	assert_true(forwarded("10.2.0.9")); // the configured address still has the subnet
	assert_true(answers("10.2.0.1"));
	assert_false(answers("10.2.0.5"));
}

static void commit_carries_it_over(void **) {
	struct prefix to = prefix("0.0.0.0/0");
	struct addr via = addr("10.2.0.9");
	struct err err = {0};
	uint16_t b = start(other);

	assert_int_equal(add(b, "10.8.0.5/24"), 0);
	assert_int_equal(dynamic_route_add(b, RTR_FROM_DHCP, &to, &via, 0, &err), 0);
	settle();
	packet_config(lab); // c goes
	settle();
	assert_true(answers("10.8.0.5"));
	assert_true(forwarded("203.0.113.1"));
	packet_config(without_b); // b goes, and what was on it
	settle();
	assert_false(forwarded("203.0.113.1"));
	packet_config(lab);
	settle();
	assert_false(answers("10.8.0.5"));
	assert_false(forwarded("203.0.113.1"));
	assert_false(dynamic_addr_has(b, RTR_FROM_DHCP, &(struct addr){ADDR_V4, {10, 8, 0, 5}}));
}

static void configuration_wins(void **) {
	struct addr a = addr("10.9.0.5");
	uint16_t b = start(lab);

	assert_int_equal(add(b, "10.9.0.5/24"), 0);
	packet_config(other); // c is 10.9.0.1/24 now
	settle();
	assert_false(dynamic_addr_has(b, RTR_FROM_DHCP, &a));
	assert_true(answers("10.9.0.1"));
	assert_int_equal(add(b, "10.9.0.5/24"), -EEXIST);
	assert_int_equal(add(b, "10.0.0.5/8"), -EEXIST);
	assert_int_equal(add(b, "224.0.0.5/24"), -EINVAL);
	assert_int_equal(add(77, "10.77.0.5/24"), -ENOENT);
}

static void routes_share_next_hops(void **) {
	struct prefix to = prefix("203.0.113.0/24");
	struct addr via = addr("10.2.0.9"), second = addr("10.2.0.10"), six = addr("2001:db8::1");
	struct err err = {0};
	uint16_t b = start(lab);

	assert_int_equal(dynamic_route_add(b, RTR_FROM_DHCP, &to, &via, 0, &err), 0);
	assert_true(forwarded("203.0.113.1"));
	assert_int_equal(dynamic_route_add(b, RTR_FROM_DHCP, &to, &second, 0, &err), 0);
	json_t *rows = packet_show("routes");
	char *all = json_dumps(rows, 0);
	assert_non_null(strstr(all, "10.2.0.9 b, 10.2.0.10 b"));
	assert_non_null(strstr(all, "\"distance\": 210"));
	free(all);
	json_decref(rows);
	dynamic_route_del(b, RTR_FROM_DHCP, &to, &second, 0);
	assert_true(forwarded("203.0.113.1"));
	dynamic_routes_del(b, RTR_FROM_DHCP);
	assert_false(forwarded("203.0.113.1"));
	assert_int_equal(dynamic_route_add(b, RTR_FROM_DHCP, &to, &six, 0, &err), -EINVAL);
	assert_int_equal(dynamic_route_add(b, RTR_FROM_VRRP, &to, &via, 0, &err), -EINVAL);
}

static void tables_are_bounded(void **) {
	struct addr via = addr("10.2.0.9");
	struct err err = {0};
	char text[32];
	uint16_t b = start(lab);

	for (unsigned i = 0; i < RTR_DYNAMIC_ADDRS; i++) {
		snprintf(text, sizeof(text), "10.9.%u.5/24", i);
		assert_int_equal(add(b, text), 0);
	}
	assert_int_equal(add(b, "10.99.0.5/24"), -ENOSPC);
	for (unsigned i = 0; i < DYNAMIC_ROUTES_MAX; i++) {
		struct prefix p = {{ADDR_V4, {172, 16, (uint8_t)(i >> 8), (uint8_t)i}}, 32};

		assert_int_equal(dynamic_route_add(b, RTR_FROM_DHCP, &p, &via, 0, &err), 0);
	}
	struct prefix more = prefix("203.0.113.0/24");
	assert_int_equal(dynamic_route_add(b, RTR_FROM_DHCP, &more, &via, 0, &err), -ENOSPC);
	settle();
	assert_true(forwarded("172.16.0.0"));
	assert_true(forwarded("172.16.3.0"));
	assert_true(forwarded("172.16.7.255"));
	packet_config(lab); // the same again: everything stays
	assert_true(forwarded("172.16.15.255"));
	packet_config(without_b);
}

static void mtu_is_the_smallest(void **) {
	uint16_t b = start(lab);

	dynamic_mtu_set(b, RTR_FROM_DHCP, 1400);
	assert_true(shows("\"mtu\": 1400"));
	struct frame f = frame_udp(mac_router('a'), mac_host('a', 9), "10.1.0.9", "10.2.0.9", 1440);
	frame_dont_fragment(&f);
	frame_send('a', &f);
	frame_expect_error('a', &f, 3, 4, 1400, "10.1.0.1");
	packet_config(other);
	assert_true(shows("\"mtu\": 1400"));
	dynamic_mtu_set(b, RTR_FROM_DHCP, 9000);
	assert_false(shows("\"mtu\": 9000"));
	dynamic_mtu_set(b, RTR_FROM_DHCP, 0);
	assert_false(shows("\"mtu\": 1400"));
	settle();
}

static int setup(void **) {
	static const struct module *const modules[] = {&switch_module, &router_module, NULL};

	return packet_setup(modules);
}

static int teardown(void **) {
	return packet_teardown();
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(address_serves_and_goes),
		cmocka_unit_test(shared_subnet_goes_with_the_last),
		cmocka_unit_test(commit_carries_it_over),
		cmocka_unit_test(configuration_wins),
		cmocka_unit_test(routes_share_next_hops),
		cmocka_unit_test(tables_are_bounded),
		cmocka_unit_test(mtu_is_the_smallest),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
