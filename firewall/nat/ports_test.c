// SPDX-License-Identifier: BSD-3-Clause
// Ports of an external address: the requirements of RFC 4787, 5382 and 5508 on mapping as a table of cases, blocks, the last port, and
// many threads at once.
#include "firewall/nat/ports.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct nat_space *space_of(struct nat_options options) {
	struct nat_space *s = nat_space_new(0x010200c0, &options, 0x0123456789abcdefull);

	assert_non_null(s);
	return s;
}

static int claim(struct nat_space *s, enum nat_class class, uint32_t addr, uint16_t port) {
	return nat_claim(s, class, (struct nat_endpoint){addr, port}, NULL, NULL, false);
}

static unsigned used(const struct nat_space *s, enum nat_class class) {
	return atomic_load(&s->use[class].used);
}

// ---- mapping ------------------------------------------------------------------------------------------------

static void own_ports_are_kept(void **) {
	struct nat_space *s = space_of((struct nat_options){0});

	assert_int_equal(claim(s, NAT_UDP, 1, 5000), 5000);
	assert_int_equal(claim(s, NAT_TCP, 2, 5000), 5000); // another protocol's are others
	assert_int_equal(claim(s, NAT_UDP, 1, 5000), 5000); // another destination: REQ-1
	assert_int_equal(used(s, NAT_UDP), 1);
	nat_release(s, NAT_UDP, 5000);
	nat_release(s, NAT_UDP, 5000);
	assert_int_equal(used(s, NAT_UDP), 0);
	assert_int_equal(claim(s, NAT_UDP, 2, 5000), 5000);
	nat_space_free(s);
}

// REQ-3: the half of the ports; REQ-4: parity. REQ-1: the same one again, also when its own port was freed meanwhile.
static void others_get_one_like_it(void **) {
	static const uint16_t ports[] = {5000, 5001, 1023, 22, 1024, 65535, 1};

	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		struct nat_space *s = space_of((struct nat_options){0});
		int first = claim(s, NAT_TCP, 1, ports[i]), second = claim(s, NAT_TCP, 2, ports[i]);

		assert_int_equal(first, ports[i]);
		assert_true(second > 0 && second != first);
		assert_int_equal(second & 1, ports[i] & 1);
		assert_int_equal(second < 1024, ports[i] < 1024);
		nat_release(s, NAT_TCP, ports[i]);
		assert_int_equal(claim(s, NAT_TCP, 2, ports[i]), second);
		struct nat_endpoint owner;
		assert_true(nat_owner(s, NAT_TCP, (uint16_t)second, &owner));
		assert_true(owner.addr == 2 && owner.port == ports[i]);
		assert_false(nat_owner(s, NAT_TCP, ports[i], &owner));
		nat_space_free(s);
	}
}

static void a_dry_claim_takes_nothing(void **) {
	struct nat_space *s = space_of((struct nat_options){0});
	struct nat_endpoint e = {2, 5000};

	assert_int_equal(nat_claim(s, NAT_UDP, e, NULL, NULL, true), 5000);
	claim(s, NAT_UDP, 1, 5000);
	int would = nat_claim(s, NAT_UDP, e, NULL, NULL, true);
	assert_int_equal(used(s, NAT_UDP), 1);
	assert_int_equal(claim(s, NAT_UDP, 2, 5000), would);
	nat_space_free(s);
}

// Identifiers have no halves: 0 is one like others (RFC 5508 section 3).
static void identifiers_of_icmp(void **) {
	struct nat_space *s = space_of((struct nat_options){0});

	assert_int_equal(claim(s, NAT_ICMP, 1, 0), 0);
	assert_int_equal(nat_space_size(s, NAT_ICMP), 65536);
	unsigned refused = 0;
	for (unsigned i = 2; i <= 65536; i++)
		refused += claim(s, NAT_ICMP, i, 0) < 0;
	assert_in_range(refused, 0, 650); // where these may look, none was free
	assert_int_equal(used(s, NAT_ICMP), 65536 - refused);
	nat_space_free(s);
}

// ---- the last port ------------------------------------------------------------------------------------------

static void every_port_is_given_before_one_is_refused(void **) {
	struct nat_space *s = space_of((struct nat_options){.first = 2000, .last = 2999});
	bool seen[1000] = {0};

	for (unsigned i = 0; i < 1000; i++) {
		int port = claim(s, NAT_TCP, i + 1, 40000);
		assert_in_range(port, 2000, 2999);
		assert_false(seen[port - 2000]);
		seen[port - 2000] = true;
	}
	assert_int_equal(claim(s, NAT_TCP, 5000, 40000), -1);
	assert_int_equal(atomic_load(&s->use[NAT_TCP].refused), 1);
	for (unsigned i = 0; i < 1000; i++) { // those who are there still find theirs
		struct nat_endpoint owner;
		int port = claim(s, NAT_TCP, i + 1, 40000);
		assert_true(nat_owner(s, NAT_TCP, (uint16_t)port, &owner) && owner.addr == i + 1);
		nat_release(s, NAT_TCP, (uint16_t)port);
	}
	nat_release(s, NAT_TCP, 2345);
	assert_int_equal(claim(s, NAT_TCP, 5000, 40000), 2345);
	nat_space_free(s);
}

static bool not_even(uint16_t port, const void *) {
	return port % 2 == 0;
}

static void overload_shares(void **) {
	struct nat_space *s =
		space_of((struct nat_options){.first = 2000, .last = 2009, .overload = true});
	struct nat_endpoint late = {99, 7000}, owner;

	for (unsigned i = 0; i < 10; i++)
		assert_true(claim(s, NAT_UDP, i + 1, 7000) >= 0);
	int port = nat_claim(s, NAT_UDP, late, not_even, NULL, false);
	assert_true(port > 0 && port % 2 == 1); // others have that answer
	assert_true(nat_owner(s, NAT_UDP, (uint16_t)port, &owner) && owner.addr != 99);
	assert_int_equal(used(s, NAT_UDP), 10);
	nat_release(s, NAT_UDP, (uint16_t)port);
	assert_int_equal(used(s, NAT_UDP), 10);
	nat_space_free(s);
}

static void a_taken_answer_gets_another_port(void **) {
	struct nat_space *s = space_of((struct nat_options){0});
	struct nat_endpoint e = {1, 5000};

	assert_int_equal(nat_claim(s, NAT_TCP, e, NULL, NULL, false), 5000);
	int other = nat_claim(s, NAT_TCP, e, not_even, NULL, false);
	assert_true(other > 1024 && other % 2 == 1);
	nat_space_free(s);
}

static void sessions_of_a_port_are_bounded(void **) {
	struct nat_space *s = space_of((struct nat_options){0});

	for (unsigned i = 0; i < NAT_SESSIONS; i++)
		assert_int_equal(claim(s, NAT_UDP, 1, 5000), 5000);
	assert_int_not_equal(claim(s, NAT_UDP, 1, 5000), 5000);
	for (unsigned i = 0; i < NAT_SESSIONS; i++)
		nat_release(s, NAT_UDP, 5000);
	assert_int_equal(used(s, NAT_UDP), 1);
	nat_space_free(s);
}

// ---- how far one looks --------------------------------------------------------------------------------------

static void looks_become_short_again(void **) {
	struct nat_space *s = space_of((struct nat_options){.first = 1024, .last = 65535});
	unsigned refused = 0;
	uint64_t last;

	for (unsigned i = 1; i <= 64512; i++)
		refused += claim(s, NAT_TCP, i, 80) < 0;
	assert_in_range(refused, 0, 640); // 1 %: where these may look, none is free
	last = (uint32_t)atomic_load(&s->use[NAT_TCP].reach);
	assert_in_range(last, 60, NAT_LOOKS / NAT_STEP);
	for (unsigned p = 1024; p <= 65535; p++) {
		struct nat_endpoint owner;
		if (nat_owner(s, NAT_TCP, (uint16_t)p, &owner) && owner.addr > 100)
			nat_release(s, NAT_TCP, (uint16_t)p);
	}
	assert_true(nat_space_tidy(s, NULL));
	assert_true((uint32_t)atomic_load(&s->use[NAT_TCP].reach) <= 2);
	for (unsigned i = 1; i <= 100; i++) {
		unsigned before = used(s, NAT_TCP);
		claim(s, NAT_TCP, i, 80);
		assert_int_equal(used(s, NAT_TCP), before);
	}
	nat_space_free(s);
}

// ---- blocks -------------------------------------------------------------------------------------------------

static int given, returned;

static void on_block(const struct nat_space *, unsigned, uint32_t, bool taken) {
	*(taken ? &given : &returned) += 1;
}

static void sources_have_blocks(void **) {
	struct nat_space *s = space_of(
		(struct nat_options){.first = 1024, .last = 1024 + 639, .block = 64, .blocks = 2});
	int ports[128], first = -1;

	given = returned = 0;
	s->on_block = on_block;
	for (unsigned i = 0; i < 128; i++) {
		ports[i] = claim(s, NAT_UDP, 7, (uint16_t)(30000 + i));
		assert_in_range(ports[i], 1024, 1024 + 639);
		first = first < 0 ? (ports[i] - 1024) / 64 : first;
		if (i < 64)
			assert_int_equal((ports[i] - 1024) / 64, first);
	}
	assert_int_equal(given, 2);
	assert_int_equal(claim(s, NAT_UDP, 7, 31000), -1); // its share is used up
	assert_int_equal(claim(s, NAT_UDP, 7, 30077), ports[77]);
	nat_release(s, NAT_UDP, (uint16_t)ports[77]);
	for (unsigned src = 100; src < 108; src++) // the other eight blocks
		assert_true(claim(s, NAT_UDP, src, 30000) >= 0);
	assert_int_equal(claim(s, NAT_UDP, 200, 30000), -1);
	assert_true(claim(s, NAT_TCP, 100, 30000) >= 0); // blocks are of all protocols
	for (unsigned i = 0; i < 128; i++)
		nat_release(s, NAT_UDP, (uint16_t)ports[i]);
	assert_int_equal(returned, 2);
	assert_true(claim(s, NAT_UDP, 200, 30000) >= 0);
	nat_space_free(s);
}

// ---- threads ------------------------------------------------------------------------------------------------

#define THREADS 4
#define ROUNDS  60000

struct work {
	struct nat_space *s;
	uint32_t seed;
};

// Claims and releases at random, a few ports at a time: whoever has a port is who claimed it.
static void *churn(void *arg) {
	struct work *w = arg;
	int held[16];
	uint32_t of[16], x = w->seed;

	memset(held, -1, sizeof(held));
	for (unsigned i = 0; i < ROUNDS; i++) {
		x = x * 1664525 + 1013904223;
		unsigned at = x >> 28;
		if (held[at] >= 0) {
			struct nat_endpoint owner;
			if (!nat_owner(w->s, NAT_TCP, (uint16_t)held[at], &owner) ||
				owner.addr != of[at])
				return "a port changed hands";
			nat_release(w->s, NAT_TCP, (uint16_t)held[at]);
			held[at] = -1;
			continue;
		}
		of[at] = 1 + (x >> 8) % 40;
		held[at] = claim(w->s, NAT_TCP, of[at], (uint16_t)(1024 + (x >> 14) % 3));
	}
	for (unsigned i = 0; i < 16; i++)
		if (held[i] >= 0)
			nat_release(w->s, NAT_TCP, (uint16_t)held[i]);
	return NULL;
}

static void threads_agree(void **) {
	static const struct nat_options options[] = {{.first = 1024, .last = 1087},
		{.first = 1024, .last = 1024 + 1023, .block = 64, .blocks = 3}};

	for (unsigned o = 0; o < 2; o++) {
		struct nat_space *s = space_of(options[o]);
		pthread_t threads[THREADS];
		struct work work[THREADS];

		for (unsigned i = 0; i < THREADS; i++) {
			work[i] = (struct work){s, i * 77777 + 1};
			pthread_create(&threads[i], NULL, churn, &work[i]);
		}
		for (unsigned i = 0; i < THREADS; i++) {
			void *wrong;
			pthread_join(threads[i], &wrong);
			assert_null(wrong);
		}
		assert_int_equal(used(s, NAT_TCP), 0);
		for (unsigned b = 0; b < s->n_blocks; b++)
			assert_true(s->blocks[b] == 0);
		for (unsigned i = 1; i <= 64; i++)
			assert_true(claim(s, NAT_TCP, i, 9) >= 0 || o == 1);
		nat_space_free(s);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_ports_are_kept),
		cmocka_unit_test(others_get_one_like_it),
		cmocka_unit_test(a_dry_claim_takes_nothing),
		cmocka_unit_test(identifiers_of_icmp),
		cmocka_unit_test(every_port_is_given_before_one_is_refused),
		cmocka_unit_test(overload_shares),
		cmocka_unit_test(a_taken_answer_gets_another_port),
		cmocka_unit_test(sessions_of_a_port_are_bounded),
		cmocka_unit_test(looks_become_short_again),
		cmocka_unit_test(sources_have_blocks),
		cmocka_unit_test(threads_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
