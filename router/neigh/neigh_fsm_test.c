// SPDX-License-Identifier: BSD-3-Clause
// What each message does to a neighbour in each state: RFC 4861 section 7.2.5 and appendix C as a table.
#include "router/neigh/neigh_testlib.h"

#define A4 "10.0.0.10"
#define A6 "2001:db8::10"

enum message {
	MSG_S,       // NA, solicited, no override, another MAC address
	MSG_SO,      // NA, solicited, override, another
	MSG_S_SAME,  // NA, solicited, no override, the same
	MSG_S_MUTE,  // NA, solicited, no MAC address
	MSG_NONE,    // NA, no flag, another
	MSG_O,       // NA, override, another
	MSG_O_SAME,  // NA, override, the same
	MSG_MUTE,    // NA, no flag, no MAC address
	MSG_NS,      // it asks for us from another MAC address
	MSG_NS_SAME, // from the same
	MESSAGES,
};

static void message_say(enum message message, const struct mac *same, const struct mac *other) {
	static const unsigned flags[] = {[MSG_S] = NA_S,
		[MSG_SO] = NA_S | NA_O,
		[MSG_S_SAME] = NA_S,
		[MSG_S_MUTE] = NA_S | NA_MUTE,
		[MSG_NONE] = 0,
		[MSG_O] = NA_O,
		[MSG_O_SAME] = NA_O,
		[MSG_MUTE] = NA_MUTE};
	bool is_same = message == MSG_S_SAME || message == MSG_O_SAME || message == MSG_NS_SAME;

	if (message >= MSG_NS)
		say_ns(A6, "2001:db8::1", is_same ? same : other);
	else
		say_na(A6, is_same ? same : other, flags[message]);
}

static void bring_to(enum neigh_state state) {
	neigh_flush(-1, NULL);
	if (state == NEIGH_GONE)
		return;
	want(A6);
	if (state == NEIGH_INCOMPLETE)
		return;
	if (state == NEIGH_FAILED) {
		advance(3 * SEC);
		return;
	}
	say_na(A6, &mac_a, NA_S | NA_O);
	if (state != NEIGH_REACHABLE)
		advance(30 * SEC +
			10 * MS); // stale; and a packet that waited was sent by it before
	if (state == NEIGH_DELAY || state == NEIGH_PROBE)
		want(A6);
	if (state == NEIGH_PROBE)
		advance(5 * SEC);
}

#define R   NEIGH_REACHABLE
#define ST  NEIGH_STALE
#define D   NEIGH_DELAY
#define P   NEIGH_PROBE
#define I   NEIGH_INCOMPLETE
#define F   NEIGH_FAILED
#define G   NEIGH_GONE
#define NEW 0x10 // the new MAC address is taken

static const struct {
	enum neigh_state state;
	uint8_t then[MESSAGES];
} rules[] = {
	//  S         SO         S same    S mute NONE      O          O same    mute NS         NS same
	{G, {G, G, G, G, G, G, G, G, ST | NEW, ST}},
	{I, {R | NEW, R | NEW, R, I, ST | NEW, ST | NEW, ST, I, ST | NEW, ST}},
	{R, {ST, R | NEW, R, R, ST, ST | NEW, R, R, ST | NEW, R}},
	{ST, {ST, R | NEW, R, R, ST, ST | NEW, ST, ST, ST | NEW, ST}},
	{D, {D, R | NEW, R, R, D, ST | NEW, D, D, ST | NEW, D}},
	{P, {P, R | NEW, R, R, P, ST | NEW, P, P, ST | NEW, P}},
	{F, {R | NEW, R | NEW, R, F, ST | NEW, ST | NEW, ST, F, ST | NEW, ST}},
};

static void messages_do_what_the_rfc_says(void **) {
	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		for (unsigned m = 0; m < MESSAGES; m++) {
			unsigned then = rules[i].then[m] & ~NEW;
			struct neigh_info info;

			bring_to(rules[i].state);
			if (state_of(A6) != rules[i].state)
				fail_msg("not %s but %s", neigh_state_names[rules[i].state],
					neigh_state_names[state_of(A6)]);
			message_say(m, &mac_a, &mac_b);
			if (state_of(A6) != then)
				fail_msg("%s, message %u: %s", neigh_state_names[rules[i].state], m,
					neigh_state_names[state_of(A6)]);
			if (!neigh_has_mac(then))
				continue;
			info = info_of_text(A6);
			assert_mac(&info.mac, rules[i].then[m] & NEW ? &mac_b : &mac_a);
			assert_mac(&world.slots[info.slot].mac, &info.mac);
			assert_int_equal(info.queued, 0);
		}
	}
}

static void static_is_not_moved(void **) {
	struct addr a = addr(A6);

	for (unsigned m = 0; m < MESSAGES; m++) {
		assert_int_equal(neigh_static_set(IFACE, &a, &mac_a, NULL), 0);
		message_say(m, &mac_a, &mac_b);
		struct neigh_info info = info_of_text(A6);
		assert_int_equal(info.state, NEIGH_STATIC);
		assert_mac(&info.mac, &mac_a);
	}
	advance(2000 * SEC);
	assert_int_equal(state_of(A6), NEIGH_STATIC);
	want(A6);
	assert_int_equal(world.sent, 1);
	assert_int_equal(neigh_flush(-1, NULL), 0);
	assert_int_equal(neigh_flush(IFACE, &a), 0);
	assert_int_equal(neigh_static_del(IFACE, &a), 0);
	assert_int_equal(neigh_static_del(IFACE, &a), -ENOENT);
	assert_int_equal(world.slots_live, 0);
}

static void static_frees_what_waits(void **) {
	struct addr a = addr(A4);

	want(A4);
	assert_int_equal(neigh_static_set(IFACE, &a, &mac_a, NULL), 0);
	assert_int_equal(world.sent, 1);
	advance(10 * SEC); // the old state's timer is off
	assert_int_equal(state_of(A4), NEIGH_STATIC);
	assert_int_equal(neigh_static_set(IFACE, &a, &mac_b, NULL), 0);
	assert_mac(&world.slots[info_of_text(A4).slot].mac, &mac_b);
	assert_int_equal(neigh_static_set(99, &a, &mac_b, NULL), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(messages_do_what_the_rfc_says),
		TEST(static_is_not_moved),
		TEST(static_frees_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
