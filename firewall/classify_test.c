// SPDX-License-Identifier: BSD-3-Clause
// Random rules and packets against an evaluator that reads each rule as it stands.
#include "firewall/classify.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SETS     6
#define PER_SET  8
#define MAX_SIDE 3

static uint64_t seed = 19991127;

static uint32_t rnd(uint32_t below) {
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

// ---- the world: few values, so that rules and packets meet ------------------------------------------------------

static struct addr random_addr(bool v6) {
	struct addr a = {.family = v6 ? ADDR_V6 : ADDR_V4};

	for (unsigned i = 0; i < (v6 ? 16 : 4); i++)
		a.bytes[i] = (uint8_t)(rnd(4) == 0 ? 0x55 : 0);
	return a;
}

static struct prefix random_prefix(void) {
	bool v6 = rnd(2);
	struct prefix p = {random_addr(v6), 0};

	// a short one is millions of entries
	p.len = (uint8_t)(rnd(50) == 0 ? rnd(14) * rnd(2) : 14 + rnd(v6 ? 115 : 19));
	return p;
}

struct world {
	struct fw_addrs *sets;
	struct prefix members[SETS][PER_SET];
	bool there[SETS][PER_SET];
	struct fw_match *rules;
	uint32_t n;
};

// What a match points to, for one rule.
struct room {
	struct prefix prefixes[2][MAX_SIDE];
	uint32_t sets[2][MAX_SIDE];
	struct fw_range ranges[4][MAX_SIDE];
	uint8_t bytes[3][MAX_SIDE];
};

static void random_side(struct fw_side *side, struct prefix *prefixes, uint32_t *sets) {
	if (rnd(2) == 0)
		return;
	side->not = rnd(5) == 0;
	side->prefixes = prefixes;
	side->sets = sets;
	side->n_prefixes = rnd(MAX_SIDE + 1);
	side->n_sets = side->not &&side->n_prefixes ? 0 : rnd(MAX_SIDE);
	for (unsigned i = 0; i < MAX_SIDE; i++) {
		prefixes[i] = random_prefix();
		sets[i] = rnd(SETS);
	}
	if (side->n_prefixes + side->n_sets == 0)
		side->not = false;
}

static uint32_t random_ranges(struct fw_range *ranges, const struct fw_range **to, unsigned step) {
	*to = ranges;
	for (unsigned i = 0; i < MAX_SIDE; i++) {
		ranges[i].first = (uint16_t)(rnd(8) * step);
		ranges[i].last = rnd(16) == 0 ? 65535 : (uint16_t)(ranges[i].first + rnd(3) * step);
	}
	return 1 + rnd(MAX_SIDE);
}

static uint32_t random_bytes(uint8_t *bytes, const uint8_t **to, const uint8_t *of, uint32_t n) {
	*to = bytes;
	for (unsigned i = 0; i < MAX_SIDE; i++)
		bytes[i] = of[rnd(n)];
	return rnd(MAX_SIDE + 1);
}

static const uint8_t protos[] = {1, 6, 17, 47, 58};
static const uint8_t zones[] = {0, 1, 2, 255};

static void random_match(struct fw_match *m, struct room *room) {
	*m = (struct fw_match){0};
	random_side(&m->src, room->prefixes[0], room->sets[0]);
	random_side(&m->dst, room->prefixes[1], room->sets[1]);
	if (rnd(3) == 0)
		m->n_sports = random_ranges(room->ranges[0], &m->sports, 1000);
	if (rnd(3) == 0)
		m->n_dports = random_ranges(room->ranges[1], &m->dports, 1000);
	if (m->n_dports == 0 && rnd(4) == 0) {
		m->n_icmp4 = random_ranges(room->ranges[2], &m->icmp4, 256);
		m->n_icmp6 = rnd(2) * random_ranges(room->ranges[3], &m->icmp6, 256);
	}
	m->n_protos = random_bytes(room->bytes[0], &m->protos, protos, sizeof(protos));
	m->n_from = random_bytes(room->bytes[1], &m->from, zones, sizeof(zones));
	m->n_to = random_bytes(room->bytes[2], &m->to, zones, sizeof(zones));
	m->only4 = rnd(8) == 0;
	m->only6 = !m->only4 && rnd(8) == 0;
	m->off = rnd(16) == 0;
}

static struct fw_key random_key(void) {
	struct fw_key key = {.v6 = rnd(2),
		.proto = protos[rnd(sizeof(protos))],
		.sport = (uint16_t)(rnd(10) * 1000),
		.from = zones[rnd(sizeof(zones))],
		.to = zones[rnd(sizeof(zones))]};
	struct addr src = random_addr(key.v6), dst = random_addr(key.v6);

	memcpy(key.src, src.bytes, 16);
	memcpy(key.dst, dst.bytes, 16);
	key.dport = (uint16_t)(key.proto == 1 || key.proto == 58 ? rnd(9) * 256 : rnd(10) * 1000);
	if (rnd(20) == 0)
		key.dport = 65535;
	return key;
}

// ---- the reference ----------------------------------------------------------------------------------------------

static bool set_holds(const struct world *w, uint32_t set, const struct addr *addr) {
	for (unsigned i = 0; i < PER_SET; i++)
		if (w->there[set][i] && prefix_contains(&w->members[set][i], addr))
			return true;
	return false;
}

static bool side_takes(
	const struct world *w, const struct fw_side *side, bool v6, const uint8_t *bytes) {
	struct addr addr = {.family = v6 ? ADDR_V6 : ADDR_V4};
	bool held = false;

	memcpy(addr.bytes, bytes, v6 ? 16 : 4);
	for (unsigned i = 0; i < side->n_prefixes; i++)
		held |= prefix_contains(&side->prefixes[i], &addr);
	for (unsigned i = 0; i < side->n_sets; i++)
		held |= set_holds(w, side->sets[i], &addr);
	return side->n_prefixes + side->n_sets == 0 || held != side->not ;
}

static bool in_ranges(const struct fw_range *ranges, uint32_t n, uint16_t value) {
	for (unsigned i = 0; i < n; i++)
		if (value >= ranges[i].first && value <= ranges[i].last)
			return true;
	return false;
}

static bool in_bytes(const uint8_t *bytes, uint32_t n, uint8_t value) {
	for (unsigned i = 0; i < n; i++)
		if (bytes[i] == value)
			return true;
	return n == 0;
}

static bool ports_take(const struct fw_match *m, const struct fw_key *key) {
	bool ports = fw_has_ports(key->proto), icmp = key->proto == (key->v6 ? 58 : 1);

	if (m->n_sports && !(ports && in_ranges(m->sports, m->n_sports, key->sport)))
		return false;
	if (m->n_dports && !(ports && in_ranges(m->dports, m->n_dports, key->dport)))
		return false;
	if (m->n_icmp4 + m->n_icmp6 == 0)
		return true;
	return icmp &&
		(key->v6 ? in_ranges(m->icmp6, m->n_icmp6, key->dport)
			 : in_ranges(m->icmp4, m->n_icmp4, key->dport));
}

static bool takes(const struct world *w, const struct fw_match *m, const struct fw_key *key) {
	return !m->off && !(m->only4 && key->v6) && !(m->only6 && !key->v6) &&
		side_takes(w, &m->src, key->v6, key->src) &&
		side_takes(w, &m->dst, key->v6, key->dst) && ports_take(m, key) &&
		in_bytes(m->protos, m->n_protos, key->proto) &&
		in_bytes(m->from, m->n_from, key->from) && in_bytes(m->to, m->n_to, key->to);
}

static void expect_same(
	const struct world *w, const struct fw_rules *rules, const struct fw_key *key) {
	struct fw_walk walk;

	fw_walk_begin(rules, key, &walk);
	for (uint32_t i = 0; i < w->n; i++)
		if (takes(w, &w->rules[i], key))
			assert_int_equal(fw_walk_next(&walk), i);
	assert_int_equal(fw_walk_next(&walk), FW_NONE);
	assert_int_equal(fw_walk_next(&walk), FW_NONE);
}

// ---- tests ------------------------------------------------------------------------------------------------------

struct live {
	struct fw_rules *rules;
};

static int fresh(void *arg, uint32_t class, const uint32_t *labels, uint32_t n) {
	struct live *live = arg;

	return live->rules ? fw_rules_class(live->rules, class, labels, n) : 0;
}

static void world_change(struct world *w) {
	unsigned set = rnd(SETS), i = rnd(PER_SET);

	if (w->there[set][i]) {
		assert_int_equal(fw_addrs_del(w->sets, &w->members[set][i], set), 0);
		w->there[set][i] = false;
		return;
	}
	w->members[set][i] = random_prefix();
	w->there[set][i] = fw_addrs_add(w->sets, &w->members[set][i], set) == 0;
}

static void one_world(uint32_t n, unsigned packets) {
	struct live live = {0};
	struct fw_addrs_ops ops = {.fresh = fresh, .arg = &live};
	struct world w = {.sets = fw_addrs_new(SETS * PER_SET, &ops), .n = n};
	struct room *rooms = calloc(n, sizeof(*rooms));
	struct err err = {0};

	w.rules = calloc(n, sizeof(*w.rules));
	for (unsigned i = 0; i < SETS * PER_SET / 2; i++)
		world_change(&w);
	for (uint32_t i = 0; i < n; i++)
		random_match(&w.rules[i], &rooms[i]);
	live.rules = fw_rules_new(w.rules, n, w.sets, &err);
	assert_non_null(live.rules);
	for (unsigned p = 0; p < packets; p++) {
		struct fw_key key = random_key();

		expect_same(&w, live.rules, &key);
		if (rnd(10) == 0)
			world_change(&w); // under the rules
		if (n > 0 && rnd(10) == 0) {
			uint32_t rule = rnd(n);

			w.rules[rule].off ^= true;
			fw_rules_switch(live.rules, rule, !w.rules[rule].off);
		}
	}
	fw_rules_free(live.rules);
	fw_addrs_free(w.sets);
	free(w.rules);
	free(rooms);
}

static void test_random_rules_against_a_reader_of_rules(void **state) {
	for (unsigned round = 0; round < 60; round++)
		one_world(rnd(80), 300);
	one_world(64, 300);
	one_world(0, 10);
}

// Several words of summary.
static void test_many_rules(void **state) {
	one_world(5000, 400);
}

static void test_mixed_not_is_refused(void **state) {
	struct prefix prefix = random_prefix();
	uint32_t set = 0;
	struct fw_match m = {.src = {&prefix, 1, &set, 1, true}};
	struct err err = {0};

	assert_null(fw_rules_new(&m, 1, NULL, &err));
	assert_non_null(strstr(err.msg, "put the prefixes into a set"));
}

static void test_too_many_rules_are_refused(void **state) {
	struct fw_match *rules = calloc(FW_RULES + 1, sizeof(*rules));
	struct err err = {0};
	struct fw_key key = {.proto = 6};
	struct fw_rules *all;

	assert_null(fw_rules_new(rules, FW_RULES + 1, NULL, &err));
	assert_non_null(strstr(err.msg, "32769"));
	for (uint32_t i = 0; i + 1 < FW_RULES; i++)
		rules[i].off = true;
	all = fw_rules_new(rules, FW_RULES, NULL, &err);
	assert_non_null(all);
	assert_int_equal(fw_rules_first(all, &key), FW_RULES - 1);
	fw_rules_free(all);
	free(rules);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_rules_against_a_reader_of_rules),
		cmocka_unit_test(test_many_rules),
		cmocka_unit_test(test_mixed_not_is_refused),
		cmocka_unit_test(test_too_many_rules_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
