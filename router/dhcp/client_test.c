// SPDX-License-Identifier: BSD-3-Clause
// The client against a clock that the test moves: every state, every timer.
#include "lib/clock.h"
#include "router/dhcp/client.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct dhcp_client client;
static struct dhcp_conf_client conf;
static struct dhcp_msg sent; // what was sent last
static uint32_t sent_to;
static unsigned n_sent, n_bound, n_lost, n_forgotten;
static bool taken; // the address cannot be set

static void op_send(struct dhcp_client *, const struct dhcp_out *out, uint32_t to) {
	uint8_t wire[DHCP_OUT_MAX];
	size_t n = dhcp_encode(out, wire, DHCP_OUT_LEAST, NULL);

	assert_int_equal(dhcp_decode(wire, n, &sent), DHCP_OK);
	sent_to = to;
	n_sent++;
}

static bool op_address(struct dhcp_client *) {
	return !taken;
}

static void op_bound(struct dhcp_client *) {
	n_bound++;
}

static void op_lost(struct dhcp_client *, bool forget) {
	n_lost++;
	n_forgotten += forget;
}

static uint32_t op_random(void) {
	return 0x80000000u; // the middle: no spread around 4, 8, 16 s
}

static const struct dhcp_client_ops ops = {op_send, op_address, op_bound, op_lost, op_random};

static int setup(void **) {
	clock_fake_start(1000 * NSEC_PER_SEC);
	conf = (struct dhcp_conf_client){.hostname = "leat"};
	client = (struct dhcp_client){.ops = &ops, .conf = &conf, .mac = {{2, 0, 0, 0, 0, 9}}};
	n_sent = n_bound = n_lost = n_forgotten = 0;
	taken = false;
	return 0;
}

static int teardown(void **) {
	clock_fake_stop();
	return 0;
}

// Moves the clock by `ms`, and returns what was sent meanwhile: the number of messages.
static unsigned pass(uint64_t ms) {
	unsigned before = n_sent;

	for (uint64_t t = 0; t < ms; t += 100) {
		clock_fake_advance(100 * NSEC_PER_MSEC);
		dhcp_client_poll(&client, clock_now_ns());
	}
	return n_sent - before;
}

static void answer(enum dhcp_type type, uint32_t addr, uint32_t lease_s) {
	static struct dhcp_out out;
	static struct dhcp_msg msg;
	uint8_t wire[DHCP_OUT_MAX];

	memset(&out, 0, sizeof(out));
	out.head = (struct dhcp_head){
		.op = 2, .htype = 1, .hlen = 6, .xid = sent.head.xid, .yiaddr = addr};
	memcpy(out.head.chaddr, client.mac.bytes, 6);
	dhcp_put_u8(&out, DHCP_OPT_TYPE, type);
	dhcp_put_u32(&out, DHCP_OPT_SERVER, 0x0a000001);
	dhcp_put_u32(&out, DHCP_OPT_MASK, 0xffffff00);
	dhcp_put_u32(&out, DHCP_OPT_ROUTERS, 0x0a000001);
	if (lease_s)
		dhcp_put_u32(&out, DHCP_OPT_LEASE, lease_s);
	assert_int_equal(
		dhcp_decode(wire, dhcp_encode(&out, wire, DHCP_OUT_LEAST, NULL), &msg), DHCP_OK);
	dhcp_client_receive(&client, &msg);
}

static void get_bound(uint32_t lease_s) {
	dhcp_client_link(&client, true);
	pass(1000);
	answer(DHCP_OFFER, 0x0a000064, lease_s);
	answer(DHCP_ACK, 0x0a000064, lease_s);
	assert_int_equal(client.state, DHCP_CLIENT_CHECKING);
	dhcp_client_checked(&client, true);
	assert_int_equal(client.state, DHCP_CLIENT_BOUND);
}

static void four_messages_make_a_lease(void **) {
	dhcp_client_link(&client, true);
	assert_int_equal(pass(1000), 1);
	assert_int_equal(sent.type, DHCP_DISCOVER);
	assert_int_equal(sent.head.flags, DHCP_BROADCAST);
	assert_memory_equal(dhcp_option(&sent, DHCP_OPT_CLIENT, NULL), "\1\2\0\0\0\0\x09", 7);
	assert_memory_equal(dhcp_option(&sent, DHCP_OPT_HOSTNAME, NULL), "leat", 4);
	answer(DHCP_OFFER, 0x0a000064, 3600);
	assert_int_equal(sent.type, DHCP_REQUEST);
	assert_int_equal(dhcp_option_u32(&sent, DHCP_OPT_REQUESTED), 0x0a000064);
	assert_int_equal(dhcp_option_u32(&sent, DHCP_OPT_SERVER), 0x0a000001);
	assert_int_equal(sent.head.ciaddr, 0);
	answer(DHCP_ACK, 0x0a000064, 3600);
	assert_int_equal(n_bound, 0); // not before nobody else is there
	dhcp_client_checked(&client, true);
	assert_int_equal(n_bound, 1);
	assert_int_equal(client.lease.t1_s, 1800);
	assert_int_equal(client.lease.t2_s, 3150);
	assert_int_equal(client.lease.routes[0].via, 0x0a000001);
}

static void discover_backs_off(void **) {
	static const unsigned at[] = {4, 8, 16, 32, 64, 64};

	dhcp_client_link(&client, true);
	assert_int_equal(pass(300), 1);
	for (unsigned i = 0; i < sizeof(at) / sizeof(*at); i++) {
		assert_int_equal(pass(at[i] * 1000 - 500), 0);
		assert_int_equal(pass(500), 1);
	}
	assert_in_range(sent.head.secs, 180, 195);
}

static void request_gives_up(void **) {
	dhcp_client_link(&client, true);
	pass(1000);
	answer(DHCP_OFFER, 0x0a000064, 3600);
	assert_int_equal(pass(59000), 3); // after 4, 8, 16; then anew after 32
	assert_int_equal(pass(2000), 1);
	assert_int_equal(sent.type, DHCP_DISCOVER);
}

static void renews_then_rebinds_then_loses(void **) {
	get_bound(3600);
	assert_int_equal(pass(1798000), 0);
	assert_int_equal(pass(4000), 1); // T1: to the server, from the address
	assert_int_equal(client.state, DHCP_CLIENT_RENEWING);
	assert_int_equal(sent_to, 0x0a000001);
	assert_int_equal(sent.head.ciaddr, 0x0a000064);
	assert_false(dhcp_has(&sent, DHCP_OPT_SERVER));
	assert_false(dhcp_has(&sent, DHCP_OPT_REQUESTED));
	assert_int_equal(pass(675000), 1); // half of what is left
	pass(1350000 - 675000);
	assert_int_equal(client.state, DHCP_CLIENT_REBINDING);
	assert_int_equal(sent_to, 0); // to all
	assert_int_equal(n_lost, 0);
	pass(451000);
	assert_int_equal(n_forgotten, 1);
	assert_int_equal(client.state, DHCP_CLIENT_SELECTING);
}

static void renewal_is_a_new_lease(void **) {
	get_bound(600);
	pass(302000);
	assert_int_equal(client.state, DHCP_CLIENT_RENEWING);
	answer(DHCP_ACK, 0x0a000064, 600);
	assert_int_equal(client.state, DHCP_CLIENT_BOUND);
	assert_int_equal(n_lost, 0);
	assert_int_equal(pass(290000), 0);
	assert_int_equal(pass(12000), 1);
	answer(DHCP_ACK, 0x0a000065,
		600); // another address: the old one goes, the new one is tested
	assert_int_equal(n_lost, 1);
	assert_int_equal(client.state, DHCP_CLIENT_CHECKING);
	dhcp_client_checked(&client, true);
	pass(302000);
	answer(DHCP_NAK, 0, 0);
	assert_int_equal(n_forgotten, 1);
	assert_int_equal(client.state, DHCP_CLIENT_INIT);
}

static void taken_address_is_declined(void **) {
	dhcp_client_link(&client, true);
	pass(1000);
	answer(DHCP_OFFER, 0x0a000064, 3600);
	answer(DHCP_ACK, 0x0a000064, 3600);
	dhcp_client_checked(&client, false);
	assert_int_equal(sent.type, DHCP_DECLINE);
	assert_int_equal(dhcp_option_u32(&sent, DHCP_OPT_REQUESTED), 0x0a000064);
	assert_int_equal(n_forgotten, 1);
	assert_int_equal(pass(9000), 0);
	assert_int_equal(pass(2000), 1);
	assert_int_equal(sent.type, DHCP_DISCOVER);
	taken = true; // the router itself cannot use it
	answer(DHCP_OFFER, 0x0a000064, 3600);
	answer(DHCP_ACK, 0x0a000064, 3600);
	assert_int_equal(client.state, DHCP_CLIENT_WAITING);
	assert_int_equal(pass(59000), 0);
	assert_int_equal(pass(2000), 1);
}

static void link_asks_for_the_lease_again(void **) {
	get_bound(3600);
	dhcp_client_link(&client, false);
	assert_int_equal(pass(10000), 0);
	dhcp_client_link(&client, true);
	assert_int_equal(pass(200), 1);
	assert_int_equal(client.state, DHCP_CLIENT_REBOOTING);
	assert_int_equal(sent.type, DHCP_REQUEST);
	assert_int_equal(dhcp_option_u32(&sent, DHCP_OPT_REQUESTED), 0x0a000064);
	assert_false(dhcp_has(&sent, DHCP_OPT_SERVER));
	answer(DHCP_ACK, 0x0a000064, 3600);
	assert_int_equal(client.state, DHCP_CLIENT_BOUND);
	// nobody answers: it is used until its end
	dhcp_client_link(&client, false);
	dhcp_client_link(&client, true);
	pass(13000);
	assert_int_equal(client.state, DHCP_CLIENT_BOUND);
	// it is over when the link comes back
	dhcp_client_link(&client, false);
	clock_fake_advance(3601 * NSEC_PER_SEC);
	dhcp_client_link(&client, true);
	assert_int_equal(n_forgotten, 1);
	assert_int_equal(client.state, DHCP_CLIENT_INIT);
}

static void others_answers_are_ignored(void **) {
	dhcp_client_link(&client, true);
	pass(1000);
	sent.head.xid++;
	answer(DHCP_OFFER, 0x0a000064, 3600);
	sent.head.xid--;
	answer(DHCP_OFFER, 0x7f000001, 3600);
	answer(DHCP_OFFER, 0x0a000064, 0);
	answer(DHCP_ACK, 0x0a000064, 3600);
	answer(DHCP_NAK, 0, 0);
	assert_int_equal(client.state, DHCP_CLIENT_SELECTING);
	assert_int_equal(client.stats.ignored, 5);
}

static void release_gives_it_back(void **) {
	get_bound(3600);
	dhcp_client_release(&client);
	assert_int_equal(sent.type, DHCP_RELEASE);
	assert_int_equal(sent.head.ciaddr, 0x0a000064);
	assert_int_equal(sent_to, 0x0a000001);
	assert_int_equal(n_forgotten, 1);
	assert_int_equal(pass(100000), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(four_messages_make_a_lease),
		TEST(discover_backs_off),
		TEST(request_gives_up),
		TEST(renews_then_rebinds_then_loses),
		TEST(renewal_is_a_new_lease),
		TEST(taken_address_is_declined),
		TEST(link_asks_for_the_lease_again),
		TEST(others_answers_are_ignored),
		TEST(release_gives_it_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
