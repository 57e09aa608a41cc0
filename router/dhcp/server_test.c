// SPDX-License-Identifier: BSD-3-Clause
// The server against clients made here and a clock that the test moves: who gets which address, until when, and what is refused.
#include "lib/clock.h"
#include "lib/log.h"
#include "router/dhcp/server.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SEC NSEC_PER_SEC
#define NET 0x0a010000u // 10.1.0.0/16
#define ME  (NET | 1)

static struct dhcp_realm realm;
static struct dhcp_conf_server server;
static struct dhcp_conf_subnet subnet;
static struct dhcp_conf_reservation reservations[2];
static struct dhcp_place place = {
	.iface = 3, .name = "lan", .n = 1, .addrs = {{{ADDR_V4, {10, 1, 0, 1}}, 16}}};
static struct dhcp_msg answer; // the last one
static struct dhcp_answer sent;
static unsigned n_answers, n_stored, n_probed;
static uint32_t taken; // somebody else answers there

static void op_send(const struct dhcp_answer *a, void *) {
	uint8_t wire[DHCP_OUT_MAX];

	sent = *a;
	assert_int_equal(
		dhcp_decode(wire, dhcp_encode(&a->out, wire, a->max, NULL), &answer), DHCP_OK);
	n_answers++;
}

static void op_store(const struct dhcp_lease *, void *) {
	n_stored++;
}

static void op_probe(uint16_t iface, uint32_t, void *) {
	assert_int_equal(iface, 3);
	n_probed++;
}

static bool op_probed(uint16_t, uint32_t addr, const struct mac *, void *) {
	return addr == taken;
}

static bool op_is_own(uint32_t addr, void *) {
	return addr == ME;
}

static const struct dhcp_server_ops ops = {op_send, op_store, op_probe, op_probed, op_is_own, NULL};

static void begin(unsigned addresses, uint32_t limit) {
	struct dhcp_range range = {NET | 100, NET | (99 + addresses)};
	struct dhcp_range reserved = {NET | 100, NET | 100};
	static struct dhcp_conf_server *servers[] = {&server};

	log_set_level(LOG_LEVEL_ERROR);
	clock_fake_start(1000 * SEC);
	subnet = (struct dhcp_conf_subnet){.network = NET,
		.mask = 0xffff0000,
		.prefix = {{ADDR_V4, {10, 1}}, 16},
		.lease_s = 600,
		.lease_min_s = 300,
		.lease_max_s = 3600,
		.reservations = reservations};
	assert_int_equal(dhcp_pool_init(&subnet.pool, &range, 1, &reserved, 1), 0);
	server = (struct dhcp_conf_server){.subnets = &subnet,
		.n_subnets = 1,
		.authoritative = true,
		.rate = bucket_limit_of(1000000, 1000000)};
	assert_int_equal(dhcp_realm_init(&realm, &ops, limit), 0);
	dhcp_realm_set(&realm, servers, 1);
	n_answers = n_stored = n_probed = 0;
	taken = 0;
}

static int setup(void **) { // 10.1.0.101 to 10.1.0.103
	begin(4, 100);
	return 0;
}

static int teardown(void **) {
	dhcp_realm_fini(&realm);
	dhcp_pool_fini(&subnet.pool);
	clock_fake_stop();
	return 0;
}

static void pass(uint64_t s) {
	clock_fake_advance(s * SEC);
	dhcp_realm_poll(&realm, clock_now_ns());
}

struct options {
	uint32_t requested, server, lease, ciaddr, giaddr;
	bool rapid, by_id;
};

// A message of client `n`; whether it was answered.
static bool say(enum dhcp_type type, unsigned n, struct options with) {
	static struct dhcp_out out;
	static struct dhcp_msg msg;
	struct mac mac = {{2, 0, 0, 0, (uint8_t)(n >> 8), (uint8_t)n}};
	uint8_t wire[DHCP_OUT_MAX], id[] = {255, 1, 2, (uint8_t)n};
	unsigned before = n_answers;

	out.len = 0;
	out.head = (struct dhcp_head){.op = 1,
		.htype = 1,
		.hlen = 6,
		.xid = 0x1234,
		.ciaddr = with.ciaddr,
		.giaddr = with.giaddr};
	memcpy(out.head.chaddr, mac.bytes, 6);
	dhcp_put_u8(&out, DHCP_OPT_TYPE, type);
	if (with.requested)
		dhcp_put_u32(&out, DHCP_OPT_REQUESTED, with.requested);
	if (with.server)
		dhcp_put_u32(&out, DHCP_OPT_SERVER, with.server);
	if (with.lease)
		dhcp_put_u32(&out, DHCP_OPT_LEASE, with.lease);
	if (with.by_id)
		dhcp_put(&out, DHCP_OPT_CLIENT, id, sizeof(id));
	if (with.rapid)
		dhcp_put(&out, DHCP_OPT_RAPID, NULL, 0);
	if (with.giaddr)
		dhcp_put(&out, DHCP_OPT_RELAY, "\1\3lan", 5);
	assert_int_equal(
		dhcp_decode(wire, dhcp_encode(&out, wire, DHCP_OUT_LEAST, NULL), &msg), DHCP_OK);
	dhcp_server_receive(&realm, &server, &place, &msg, &mac);
	return n_answers > before;
}

#define say(type, n, ...) say(type, n, (struct options){__VA_ARGS__})

// A whole exchange: the address, 0 when it was refused.
static uint32_t get(unsigned n) {
	if (!say(DHCP_DISCOVER, n) || answer.type != DHCP_OFFER)
		return 0;
	uint32_t addr = answer.head.yiaddr;
	if (!say(DHCP_REQUEST, n, .requested = addr, .server = ME) || answer.type != DHCP_ACK)
		return 0;
	assert_int_equal(answer.head.yiaddr, addr);
	return addr;
}

static unsigned state_of(uint32_t addr) {
	const struct dhcp_lease *lease = dhcp_lease_find(&realm.leases, addr);

	return lease ? lease->state : DHCP_LEASE_STATES;
}

static void four_messages(void **) {
	server.probe_ns = SEC;
	assert_false(say(DHCP_DISCOVER, 1)); // is somebody there?
	assert_int_equal(n_probed, 1);
	assert_false(say(DHCP_DISCOVER, 1)); // again: the answer comes once
	assert_int_equal(n_probed, 1);
	pass(1);
	assert_int_equal(n_answers, 1);
	assert_int_equal(answer.type, DHCP_OFFER);
	assert_int_equal(answer.head.yiaddr, NET | 101);
	assert_int_equal(answer.head.xid, 0x1234);
	assert_int_equal(dhcp_option_u32(&answer, DHCP_OPT_SERVER), ME);
	assert_false(sent.stored);
	assert_int_equal(n_stored, 0);
	assert_true(say(DHCP_REQUEST, 1, .requested = NET | 101, .server = ME));
	assert_int_equal(answer.type, DHCP_ACK);
	assert_true(sent.stored); // not before it is on the disk
	assert_int_equal(n_stored, 1);
	assert_int_equal(dhcp_option_u32(&answer, DHCP_OPT_LEASE), 600);
	assert_int_equal(dhcp_option_u32(&answer, DHCP_OPT_T1), 300);
	assert_int_equal(dhcp_option_u32(&answer, DHCP_OPT_T2), 525);
	assert_int_equal(dhcp_option_u32(&answer, DHCP_OPT_MASK), 0xffff0000);
	assert_int_equal(server.stats.received[DHCP_DISCOVER], 2);
	assert_int_equal(server.stats.sent[DHCP_ACK], 1);
}

static void a_lease_is_over_in_time(void **) {
	assert_int_equal(get(1), NET | 101);
	pass(599);
	assert_int_equal(state_of(NET | 101), DHCP_LEASE_BOUND);
	assert_true(say(DHCP_REQUEST, 1, .ciaddr = NET | 101)); // renewed: to the client itself
	assert_int_equal(answer.type, DHCP_ACK);
	assert_true(sent.routed && sent.to == (NET | 101) && sent.to_port == 68);
	pass(599);
	assert_int_equal(state_of(NET | 101), DHCP_LEASE_BOUND);
	pass(1);
	assert_int_equal(state_of(NET | 101), DHCP_LEASE_EXPIRED);
	assert_int_equal(get(2), NET | 102); // another one, as long as there are
	assert_int_equal(get(1), NET | 101); // its old one
	pass(100);
	say(DHCP_RELEASE, 1, .ciaddr = NET | 101);
	assert_int_equal(state_of(NET | 101), DHCP_LEASE_EXPIRED);
	say(DHCP_RELEASE, 1, .ciaddr = NET | 102); // another's
	assert_int_equal(state_of(NET | 102), DHCP_LEASE_BOUND);
}

static void an_offer_waits_half_a_minute(void **) {
	assert_true(say(DHCP_DISCOVER, 1));
	pass(29);
	assert_int_equal(state_of(NET | 101), DHCP_LEASE_OFFERED);
	pass(1);
	assert_int_equal(state_of(NET | 101), DHCP_LEASE_STATES);
	assert_int_equal(subnet.pool.free, 3);
	assert_true(say(DHCP_DISCOVER, 1));
	uint32_t addr = answer.head.yiaddr;
	assert_false(say(DHCP_REQUEST, 1, .requested = addr, .server = NET | 2)); // took another's
	assert_int_equal(state_of(addr), DHCP_LEASE_STATES);
}

static void lease_times_are_bounded(void **) {
	assert_true(say(DHCP_DISCOVER, 1, .lease = 60));
	assert_int_equal(dhcp_option_u32(&answer, DHCP_OPT_LEASE), 300);
	assert_true(say(DHCP_DISCOVER, 1, .lease = 1000));
	assert_int_equal(dhcp_option_u32(&answer, DHCP_OPT_LEASE), 1000);
	assert_true(say(DHCP_DISCOVER, 1, .lease = UINT32_MAX));
	assert_int_equal(dhcp_option_u32(&answer, DHCP_OPT_LEASE), 3600);
}

// Who has a reservation gets that address, by MAC address or client identifier, also outside of the pool; nobody else does.
static void reservations_are_kept(void **) {
	reservations[0] = (struct dhcp_conf_reservation){
		.addr = NET | 100, .by_mac = true, .mac = {{2, 0, 0, 0, 0, 9}}};
	reservations[1] =
		(struct dhcp_conf_reservation){.addr = NET | 9, .id_len = 4, .id = {255, 1, 2, 8}};
	subnet.n_reservations = 2;
	assert_true(say(DHCP_DISCOVER, 1, .requested = NET | 100));
	assert_int_equal(answer.head.yiaddr, NET | 101);
	assert_true(say(DHCP_REQUEST, 1, .requested = NET | 100, .server = ME));
	assert_int_equal(answer.type, DHCP_NAK);
	assert_int_equal(get(9), NET | 100);
	assert_true(say(DHCP_DISCOVER, 8, .by_id = true, .requested = NET | 102));
	assert_int_equal(answer.head.yiaddr, NET | 9);
	assert_true(say(DHCP_DISCOVER, 7, .by_id = true, .requested = NET | 103));
	assert_int_equal(answer.head.yiaddr, NET | 103); // what it asks for
}

static void a_pool_that_is_empty(void **) {
	for (unsigned n = 1; n <= 3; n++) {
		assert_int_equal(get(n), NET | (100 + n));
		pass(10);
	}
	assert_false(say(DHCP_DISCOVER, 4));
	assert_int_equal(server.stats.refused, 1);
	assert_int_equal(subnet.refused, 1);
	assert_int_equal(subnet.full_ns, clock_now_ns()); // told
	pass(59);
	assert_false(say(DHCP_DISCOVER, 4));
	assert_int_equal(subnet.full_ns, clock_now_ns() - 59 * SEC); // not yet again
	assert_int_equal(get(2), NET | 102);                         // who has one keeps it
	pass(600); // all are over: given away in the order in which they were
	assert_int_equal(get(4), NET | 101);
	assert_int_equal(get(5), NET | 103);
	assert_int_equal(get(6), NET | 102);
	assert_false(say(DHCP_DISCOVER, 1));
}

static void declined_is_nobodys_for_an_hour(void **) {
	assert_int_equal(get(1), NET | 101);
	say(DHCP_DECLINE, 2, .requested = NET | 101, .server = ME); // it is not its own
	assert_int_equal(state_of(NET | 101), DHCP_LEASE_BOUND);
	n_stored = 0;
	say(DHCP_DECLINE, 1, .requested = NET | 101, .server = ME);
	assert_int_equal(state_of(NET | 101), DHCP_LEASE_DECLINED);
	assert_int_equal(n_stored, 1);
	assert_int_equal(server.stats.conflicts, 1);
	assert_int_equal(get(1), NET | 102);
	assert_true(say(DHCP_REQUEST, 1, .requested = NET | 101));
	assert_int_equal(answer.type, DHCP_NAK);
	pass(3599);
	assert_int_equal(state_of(NET | 101), DHCP_LEASE_DECLINED);
	pass(1);
	assert_int_equal(state_of(NET | 101), DHCP_LEASE_STATES);
	assert_true(say(DHCP_DISCOVER, 3, .requested = NET | 101));
	assert_int_equal(answer.head.yiaddr, NET | 101);
}

static void somebody_is_there_already(void **) {
	server.probe_ns = SEC;
	taken = NET | 101;
	say(DHCP_DISCOVER, 1);
	pass(1);
	assert_int_equal(n_answers, 0);
	assert_int_equal(state_of(NET | 101), DHCP_LEASE_DECLINED);
	assert_int_equal(server.stats.conflicts, 1);
	say(DHCP_DISCOVER, 1);
	pass(1);
	assert_int_equal(answer.head.yiaddr, NET | 102);
	assert_int_equal(realm.n_probes, 0);
}

static void nak(void **) {
	assert_int_equal(get(1), NET | 101);
	assert_true(say(DHCP_REQUEST, 2, .requested = 0x0a020005)); // INIT-REBOOT: it has moved
	assert_int_equal(answer.type, DHCP_NAK);
	assert_int_equal(sent.to, UINT32_MAX); // to all: its address is no good
	assert_int_equal(answer.head.yiaddr, 0);
	assert_true(say(DHCP_REQUEST, 2, .requested = NET | 101)); // another's
	assert_int_equal(answer.type, DHCP_NAK);
	assert_true(say(DHCP_REQUEST, 2, .requested = NET | 102)); // never heard of it
	assert_int_equal(answer.type, DHCP_NAK);
	assert_true(say(DHCP_REQUEST, 2, .requested = 0x0a020005, .giaddr = NET | 2));
	assert_int_equal(answer.type, DHCP_NAK);
	assert_int_equal(answer.head.flags, DHCP_BROADCAST); // RFC 2131 section 4.3.2
	assert_int_equal(sent.to, NET | 2);
	assert_int_equal(server.stats.sent[DHCP_NAK], 4);
	server.authoritative = false; // there may be another server that knows it
	assert_false(say(DHCP_REQUEST, 2, .requested = NET | 102));
	assert_false(say(DHCP_REQUEST, 2));
}

static void behind_a_relay(void **) {
	server.probe_ns = SEC; // nobody can be asked for by ARP there
	assert_true(say(DHCP_DISCOVER, 1, .giaddr = NET | 2));
	assert_int_equal(n_probed, 0);
	assert_true(sent.routed && sent.to == (NET | 2) && sent.to_port == 67);
	assert_memory_equal(dhcp_option(&answer, DHCP_OPT_RELAY, NULL), "\1\3lan", 5);
	assert_false(
		say(DHCP_DISCOVER, 2, .giaddr = 0x0a020001)); // a subnet that it does not serve
	assert_int_equal(server.stats.no_subnet, 1);
}

static void parameters_only(void **) {
	assert_true(say(DHCP_INFORM, 1, .ciaddr = NET | 77));
	assert_int_equal(answer.type, DHCP_ACK);
	assert_int_equal(answer.head.yiaddr, 0);
	assert_false(dhcp_has(&answer, DHCP_OPT_LEASE));
	assert_int_equal(realm.leases.n, 0);
}

static void two_messages_when_both_want(void **) {
	assert_true(say(DHCP_DISCOVER, 1, .rapid = true));
	assert_int_equal(answer.type, DHCP_OFFER);
	server.rapid_commit = true;
	assert_true(say(DHCP_DISCOVER, 2, .rapid = true));
	assert_int_equal(answer.type, DHCP_ACK);
	assert_true(dhcp_has(&answer, DHCP_OPT_RAPID) && sent.stored);
}

// The table of leases: a newcomer is refused, unless one is over.
static void leases_are_bounded(void **) {
	teardown(NULL);
	begin(50, 3);
	for (unsigned n = 1; n <= 3; n++)
		assert_int_not_equal(get(n), 0);
	assert_false(say(DHCP_DISCOVER, 4));
	assert_int_equal(server.stats.refused, 1);
	assert_int_equal(realm.leases.n, 3);
	say(DHCP_RELEASE, 2, .ciaddr = NET | 102);
	assert_int_not_equal(get(4), 0);
	assert_int_equal(realm.leases.n, 3);
}

// So many addresses are probed at a time; who comes then is offered one without.
static void probes_are_bounded(void **) {
	teardown(NULL);
	begin(400, 1000);
	server.probe_ns = SEC;
	for (unsigned n = 1; n <= DHCP_PROBES_MAX; n++)
		assert_false(say(DHCP_DISCOVER, n));
	assert_int_equal(realm.n_probes, DHCP_PROBES_MAX);
	assert_true(say(DHCP_DISCOVER, 1000));
	assert_int_equal(n_probed, DHCP_PROBES_MAX);
	pass(1);
	dhcp_realm_poll(&realm, clock_now_ns());
	assert_int_equal(realm.n_probes, 0);
	assert_int_equal(n_answers, DHCP_PROBES_MAX + 1);
	assert_false(say(DHCP_DISCOVER, 2000)); // probed again
}

static void rates_are_bounded(void **) {
	unsigned answered = 0;

	for (unsigned i = 0; i < 20; i++)
		answered += say(DHCP_DISCOVER, 1);
	assert_int_equal(answered, 10);
	assert_int_equal(server.stats.limited, 10);
	assert_true(say(DHCP_DISCOVER, 2)); // another client's is its own
	pass(1);
	assert_true(say(DHCP_DISCOVER, 1));
	server.rate = bucket_limit_of(4, 4);
	atomic_store(&server.bucket, 0);
	answered = 0;
	for (unsigned n = 100; n < 120; n++)
		answered += say(DHCP_INFORM, n, .ciaddr = NET | 77);
	assert_in_range(answered, 1, 5);
}

static void what_is_no_dhcp(void **) {
	struct dhcp_msg msg = {.head = {.op = 1, .htype = 1, .hlen = 6}};
	struct mac mac = {{2, 0, 0, 0, 0, 1}};

	dhcp_server_receive(&realm, &server, &place, &msg, &mac); // BOOTP
	msg.type = DHCP_DISCOVER;
	msg.head.op = 2; // an answer
	dhcp_server_receive(&realm, &server, &place, &msg, &mac);
	msg.head = (struct dhcp_head){.op = 1, .htype = 1}; // of nobody
	dhcp_server_receive(&realm, &server, &place, &msg, &mac);
	assert_int_equal(server.stats.malformed, 3);
	assert_int_equal(n_answers, 0);
	assert_int_equal(realm.leases.n, 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	static const struct CMUnitTest tests[] = {
		test(four_messages),
		test(a_lease_is_over_in_time),
		test(an_offer_waits_half_a_minute),
		test(lease_times_are_bounded),
		test(reservations_are_kept),
		test(a_pool_that_is_empty),
		test(declined_is_nobodys_for_an_hour),
		test(somebody_is_there_already),
		test(nak),
		test(behind_a_relay),
		test(parameters_only),
		test(two_messages_when_both_want),
		test(leases_are_bounded),
		test(probes_are_bounded),
		test(rates_are_bounded),
		test(what_is_no_dhcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
