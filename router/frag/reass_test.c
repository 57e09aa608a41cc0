// SPDX-License-Identifier: BSD-3-Clause
// Fragments of every order come together; overlaps condemn; limits hold, in all and per source; time is an input.
#include "router/frag/reass.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs the four above
#include <cmocka.h>

static const struct reass_limits limits = {
	.packets = 8, .pieces = 20, .source_packets = 3, .source_pieces = 10, .packet_pieces = 6};
static struct reass *r;
static char buffers[64]; // a buffer is the address of one of them
static bool held[64];
static unsigned released, lates, firsts;

static void release(void *buf) {
	size_t i = (size_t)((char *)buf - buffers);

	assert_true(held[i]);
	held[i] = false;
	released++;
}

static void late(void *first, void *) {
	lates++;
	if (first) {
		firsts++;
		release(first);
	}
}

static struct reass_key key(unsigned source, uint32_t id) {
	return (struct reass_key){
		.src = {10, 0, 0, (uint8_t)source}, .dst = {10, 9, 9, 9}, .id = id, .proto = 17};
}

static enum reass_verdict add(struct reass_key k, uint32_t start, uint32_t end, bool more,
	unsigned buf, uint64_t now_ns) {
	struct reass_fragment f = {start, end, more, &buffers[buf]};

	assert_false(held[buf]);
	enum reass_verdict v = reass_add(r, &k, &f, now_ns, release);
	held[buf] = v == REASS_HELD || v == REASS_WHOLE;
	return v;
}

static int setup(void **) {
	r = reass_new(&limits);
	memset(held, 0, sizeof(held));
	released = lates = firsts = 0;
	return r ? 0 : -1;
}

static int teardown(void **) {
	reass_flush(r, release);
	for (unsigned i = 0; i < 64; i++)
		if (held[i])
			return -1; // lost
	if (reass_packets(r) != 0 || reass_pieces(r) != 0 || reass_next_ns(r) != UINT64_MAX)
		return -1;
	reass_free(r);
	return 0;
}

static void expect_whole(const unsigned *order, unsigned n, uint32_t largest) {
	void *bufs[8];
	uint32_t got;

	assert_int_equal(reass_take(r, bufs, &got), n);
	assert_int_equal(got, largest);
	for (unsigned i = 0; i < n; i++) {
		assert_ptr_equal(bufs[i], &buffers[order[i]]);
		held[order[i]] = false;
	}
}

static void every_order_comes_together(void **) {
	static const uint32_t ends[] = {0, 16, 24, 40, 47};

	for (unsigned code = 0; code < 256; code++) {
		unsigned order[4] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6}, seen = 0;

		for (unsigned i = 0; i < 4; i++)
			seen |= 1u << order[i];
		if (seen != 15)
			continue;
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(add(key(1, code), ends[order[i]], ends[order[i] + 1],
						 order[i] < 3, order[i], code),
				i < 3 ? REASS_HELD : REASS_WHOLE);
		expect_whole((const unsigned[]){0, 1, 2, 3}, 4, 16);
		assert_int_equal(reass_packets(r), 0);
	}
}

static void packets_are_kept_apart(void **) {
	struct reass_key keys[6];

	for (unsigned i = 0; i < 6; i++)
		keys[i] = key(1, 7);
	keys[1].id = 8;
	keys[2].proto = 6;
	keys[3].vrf = 1;
	keys[4].dst[3] = 8;
	keys[5].src[3] = 2;
	for (unsigned i = 1; i < 6; i++) {
		assert_int_equal(add(keys[0], 0, 8, true, 0, 0), REASS_HELD);
		assert_int_equal(add(keys[i], 8, 16, false, 1, 0), REASS_HELD);
		assert_int_equal(reass_packets(r), 2);
		reass_flush(r, release);
	}
}

static void a_duplicate_is_superfluous(void **) {
	assert_int_equal(add(key(1, 1), 0, 8, true, 0, 0), REASS_HELD);
	assert_int_equal(add(key(1, 1), 0, 8, true, 1, 0), REASS_DUPLICATE);
	assert_int_equal(add(key(1, 1), 8, 9, false, 2, 0), REASS_WHOLE);
	expect_whole((const unsigned[]){0, 2}, 2, 8);
}

// RFC 5722: all of it, and what comes later; RFC 1858: nothing is written over the ports.
static void overlaps_condemn_the_packet(void **) {
	static const struct {
		uint32_t start, end;
		bool more;
	} bad[] = {{8, 24, true}, {0, 24, true}, {24, 40, true}, {16, 24, true}, {0, 20, true},
		{24, 28, false}, {48, 56, true}, {8, 12, false}};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		released = 0;
		assert_int_equal(add(key(1, i), 16, 32, true, 0, i), REASS_HELD);
		assert_int_equal(add(key(1, i), 40, 48, false, 1, i), REASS_HELD);
		assert_int_equal(
			add(key(1, i), bad[i].start, bad[i].end, bad[i].more, 2, i), REASS_OVERLAP);
		assert_int_equal(released, 2);
		assert_int_equal(add(key(1, i), 0, 16, true, 3, i), REASS_OVERLAP);
		assert_int_equal(reass_pieces(r), 0);
		assert_int_equal(reass_packets(r), 1);
		assert_int_equal(reass_age(r, i + REASS_V4_NS, 9, late, NULL, release), 1);
		assert_int_equal(lates, 0); // nobody is told
	}
}

static void time_is_over_by_family(void **) {
	struct reass_key v6 = key(2, 5);

	v6.v6 = 1;
	assert_int_equal(add(key(1, 1), 0, 8, true, 0, 1000), REASS_HELD);
	assert_int_equal(add(key(1, 2), 8, 16, true, 1, 2000), REASS_HELD);
	assert_int_equal(add(v6, 0, 8, true, 2, 0), REASS_HELD);
	assert_int_equal(add(key(1, 1), 8, 16, true, 3, 5000), REASS_HELD); // does not lengthen it
	assert_int_equal(reass_next_ns(r), 1000 + REASS_V4_NS);
	assert_int_equal(reass_age(r, REASS_V4_NS + 999, 9, late, NULL, release), 0);
	assert_int_equal(reass_age(r, REASS_V4_NS + 1000, 9, late, NULL, release), 1);
	assert_int_equal(firsts, 1);
	assert_int_equal(released, 2);
	assert_int_equal(reass_age(r, REASS_V4_NS + 2000, 9, late, NULL, release), 1);
	assert_int_equal(firsts, 1); // its first fragment was not there
	assert_int_equal(lates, 2);
	assert_int_equal(reass_age(r, REASS_V6_NS, 9, late, NULL, release), 1);
	assert_int_equal(firsts, 2);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(add(key(1, i), 0, 8, true, i, i), REASS_HELD);
	assert_int_equal(reass_age(r, UINT64_MAX - 1, 2, late, NULL, release), 2); // at most
}

static void limits_hold(void **) {
	unsigned buf = 0;

	// one source: three packets
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(add(key(1, i), 0, 8, true, buf++, 0), REASS_HELD);
	assert_int_equal(add(key(1, 3), 0, 8, true, 63, 0), REASS_SOURCE);
	// ten pieces, wherever they belong
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(
			add(key(1, 0), 16 + 8 * i, 24 + 8 * i, true, buf++, 0), REASS_HELD);
	assert_int_equal(add(key(1, 1), 8, 16, true, buf++, 0), REASS_HELD);
	assert_int_equal(add(key(1, 1), 16, 24, true, buf++, 0), REASS_HELD);
	assert_int_equal(add(key(1, 1), 24, 32, true, 63, 0), REASS_SOURCE);
	// the others have theirs: eight packets in all
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(add(key(2 + i, 0), 0, 8, true, buf++, 0), REASS_HELD);
	assert_int_equal(add(key(9, 0), 0, 8, true, 63, 0), REASS_FULL);
	// twenty pieces in all
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(add(key(2 + i, 0), 8, 16, true, buf++, 0), REASS_HELD);
	assert_int_equal(reass_pieces(r), 20);
	assert_int_equal(add(key(2, 0), 16, 24, false, 63, 0), REASS_FULL);
	// who is done makes room
	reass_flush(r, release);
	assert_int_equal(add(key(9, 0), 0, 8, true, 63, 0), REASS_HELD);
}

static void a_packet_of_too_many_pieces_goes(void **) {
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(add(key(1, 0), 8 * i, 8 * i + 8, true, i, 0), REASS_HELD);
	assert_int_equal(add(key(1, 0), 48, 56, false, 6, 0), REASS_PIECES);
	assert_int_equal(released, 6);
	assert_int_equal(reass_pieces(r), 0);
}

// IPv6: who has a /64 has all of its addresses.
static void a_64_is_one_source(void **) {
	struct reass_key k = {.src = {0x20, 1, 0xd, 0xb8}, .v6 = 1};

	for (unsigned i = 0; i < 4; i++) {
		k.src[15] = (uint8_t)i;
		assert_int_equal(add(k, 0, 8, true, i, 0), i < 3 ? REASS_HELD : REASS_SOURCE);
	}
	k.src[7] = 1;
	assert_int_equal(add(k, 0, 8, true, 3, 0), REASS_HELD);
}

// Whatever comes, no buffer is lost, and the sums stay within the limits.
static void chance_loses_nothing(void **) {
	uint64_t now_ns = 0;

	srand(4);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned buf = (unsigned)rand() % 64, start = 8 * ((unsigned)rand() % 8);

		now_ns += (uint64_t)rand() % 1000000000;
		reass_age(r, now_ns, 3, late, NULL, release);
		if (held[buf])
			continue;
		if (add(key((unsigned)rand() % 5, (unsigned)rand() % 4), start,
			    start + 8 * (1 + (unsigned)rand() % 2), rand() % 3 > 0, buf,
			    now_ns) == REASS_WHOLE) {
			void *bufs[8];
			uint32_t largest;
			unsigned n = reass_take(r, bufs, &largest);

			for (unsigned p = 0; p < n; p++)
				held[(char *)bufs[p] - buffers] = false;
		}
		unsigned here = 0;
		for (unsigned b = 0; b < 64; b++)
			here += held[b];
		assert_int_equal(here, reass_pieces(r));
		assert_true(reass_packets(r) <= 8);
	}
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_order_comes_together, setup, teardown),
		cmocka_unit_test_setup_teardown(packets_are_kept_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(a_duplicate_is_superfluous, setup, teardown),
		cmocka_unit_test_setup_teardown(overlaps_condemn_the_packet, setup, teardown),
		cmocka_unit_test_setup_teardown(time_is_over_by_family, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(a_packet_of_too_many_pieces_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_64_is_one_source, setup, teardown),
		cmocka_unit_test_setup_teardown(chance_loses_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
