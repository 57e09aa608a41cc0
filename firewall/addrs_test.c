// SPDX-License-Identifier: BSD-3-Clause
// Against a list of (prefix, label) pairs that is searched from end to end.
#include "firewall/addrs.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAIRS  400
#define LABELS 12

static uint64_t seed = 20261127;
static unsigned syncs;

static uint32_t rnd(uint32_t below) {
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

static void count_sync(void) {
	syncs++;
}

static const struct fw_addrs_ops plain = {.sync = count_sync};

static struct prefix prefix_of(const char *text) {
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

struct pair {
	struct prefix prefix;
	uint32_t label;
	bool there;
};

// Few distinct bytes, so that prefixes nest and meet.
static struct addr random_addr(bool v6) {
	struct addr a = {.family = v6 ? ADDR_V6 : ADDR_V4};

	for (unsigned i = 0; i < (v6 ? 16 : 4); i++)
		a.bytes[i] = (uint8_t)(rnd(3) * 0x55);
	return a;
}

static struct prefix random_prefix(void) {
	bool v6 = rnd(2);
	struct prefix p = {random_addr(v6), 0};

	// a short one is millions of entries
	p.len = (uint8_t)(rnd(50) == 0 ? rnd(14) : 14 + rnd(v6 ? 115 : 19));
	return prefix_network(&p);
}

static uint64_t labels_by_list(const struct pair *pairs, const struct addr *addr) {
	uint64_t labels = 0;

	for (unsigned i = 0; i < PAIRS; i++)
		if (pairs[i].there && prefix_contains(&pairs[i].prefix, addr))
			labels |= 1ull << pairs[i].label;
	return labels;
}

static uint64_t labels_by_table(const struct fw_addrs *a, const struct addr *addr) {
	bool v6 = addr->family == ADDR_V6;
	uint32_t n, class = fw_addrs_class(fw_addrs_fib(a, v6), v6, addr->bytes);
	const uint32_t *labels = fw_addrs_labels(a, class, &n);
	uint64_t bits = 0;

	for (uint32_t i = 0; i < n; i++) {
		assert_true(i == 0 || labels[i - 1] < labels[i]);
		bits |= 1ull << labels[i];
	}
	return bits;
}

static bool stands_twice(const struct pair *pairs, unsigned i) {
	for (unsigned k = 0; k < PAIRS; k++)
		if (k != i && pairs[k].there && pairs[k].label == pairs[i].label &&
			pairs[k].prefix.len == pairs[i].prefix.len &&
			addr_cmp(&pairs[k].prefix.addr, &pairs[i].prefix.addr) == 0)
			return true;
	return false;
}

static void test_random_changes_against_a_list(void **state) {
	struct fw_addrs *a = fw_addrs_new(PAIRS, &plain);
	struct pair pairs[PAIRS];

	assert_non_null(a);
	for (unsigned i = 0; i < PAIRS; i++)
		pairs[i] = (struct pair){random_prefix(), rnd(LABELS), false};
	for (unsigned round = 0; round < 4000; round++) {
		unsigned i = rnd(PAIRS);
		bool twice = stands_twice(pairs, i);

		if (pairs[i].there) {
			assert_int_equal(fw_addrs_del(a, &pairs[i].prefix, pairs[i].label), 0);
		} else {
			assert_int_equal(fw_addrs_add(a, &pairs[i].prefix, pairs[i].label),
				twice ? -EEXIST : 0);
			assert_true(fw_addrs_has(a, &pairs[i].prefix, pairs[i].label));
		}
		pairs[i].there ^= !twice;
		for (unsigned k = 0; k < 4; k++) {
			struct addr addr = random_addr(rnd(2));

			assert_int_equal(labels_by_table(a, &addr), labels_by_list(pairs, &addr));
		}
	}
	assert_true(syncs > 0 || fw_addrs_bytes(a) > 0);
	for (unsigned i = 0; i < PAIRS; i++)
		if (pairs[i].there)
			assert_int_equal(fw_addrs_del(a, &pairs[i].prefix, pairs[i].label), 0);
	assert_int_equal(fw_addrs_count(a), 0);
	fw_addrs_free(a);
}

static void test_full_refuses_the_newcomer(void **state) {
	struct fw_addrs *a = fw_addrs_new(2, &plain);
	struct prefix one = prefix_of("10.0.0.0/8"), two = prefix_of("10.1.0.0/16"),
		      three = prefix_of("10.1.1.0/24");
	struct addr in = prefix_of("10.1.1.1/32").addr;

	assert_int_equal(fw_addrs_add(a, &one, 1), 0);
	assert_int_equal(fw_addrs_add(a, &two, 2), 0);
	assert_int_equal(fw_addrs_add(a, &three, 3), -ENOSPC);
	assert_int_equal(labels_by_table(a, &in), 1 << 1 | 1 << 2);
	assert_int_equal(fw_addrs_add(a, &two, 3), 0); // no prefix more
	assert_int_equal(labels_by_table(a, &in), 1 << 1 | 1 << 2 | 1 << 3);
	assert_int_equal(fw_addrs_del(a, &one, 1), 0);
	assert_int_equal(fw_addrs_add(a, &three, 3), 0);
	assert_int_equal(fw_addrs_del(a, &three, 1), -ENOENT);
	fw_addrs_free(a);
}

struct told {
	unsigned n;
	unsigned refuse_at;
};

static int tell(void *arg, uint32_t class, const uint32_t *labels, uint32_t n) {
	struct told *told = arg;

	assert_int_equal(class, told->n + 1);
	if (told->n == told->refuse_at)
		return -ENOMEM;
	told->n++;
	return 0;
}

// A class that cannot be had refuses what needs it, also when it is that of a prefix further in.
static void test_a_refused_class_changes_nothing(void **state) {
	struct told told = {.refuse_at = 3};
	struct fw_addrs_ops ops = {.fresh = tell, .arg = &told};
	struct fw_addrs *a = fw_addrs_new(10, &ops);
	struct prefix inner = prefix_of("2001:db8::/48"), outer = prefix_of("2001::/16");
	struct addr in = prefix_of("2001:db8::1/128").addr, out = prefix_of("2001::1/128").addr;

	assert_int_equal(fw_addrs_add(a, &inner, 1), 0);
	assert_int_equal(fw_addrs_add(a, &inner, 2), 0); // {2} and {1, 2}
	assert_int_equal(told.n, 3);
	told.refuse_at = 4;
	assert_int_equal(fw_addrs_add(a, &outer, 3), -ENOMEM); // {3} is, {1, 2, 3} is not
	assert_int_equal(labels_by_table(a, &in), 1 << 1 | 1 << 2);
	assert_int_equal(labels_by_table(a, &out), 0);
	assert_int_equal(fw_addrs_count(a), 1);
	told.refuse_at = 100;
	assert_int_equal(fw_addrs_add(a, &outer, 3), 0);
	assert_int_equal(labels_by_table(a, &in), 1 << 1 | 1 << 2 | 1 << 3);
	fw_addrs_free(a);
}

static void test_prefixes_of_a_label_in_steps(void **state) {
	struct fw_addrs *a = fw_addrs_new(100, &plain);
	struct prefix at,
		prefixes[] = {prefix_of("10.0.0.0/8"), prefix_of("10.0.0.0/24"),
			prefix_of("192.0.2.0/24"), prefix_of("::/0"), prefix_of("2001:db8::/32")};
	unsigned seen = 0, turns = 0;
	bool found;

	for (unsigned i = 0; i < 5; i++)
		fw_addrs_add(a, &prefixes[i], i == 1 ? 8 : 7);
	for (const struct prefix *after = NULL; fw_addrs_next(a, after, 7, 1, &at, &found);
		after = &at, turns++)
		seen += found;
	assert_int_equal(seen, 4);
	assert_true(turns >= 5);
	fw_addrs_free(a);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_changes_against_a_list),
		cmocka_unit_test(test_full_refuses_the_newcomer),
		cmocka_unit_test(test_a_refused_class_changes_nothing),
		cmocka_unit_test(test_prefixes_of_a_label_in_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
