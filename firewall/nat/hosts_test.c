// SPDX-License-Identifier: BSD-3-Clause
#include "firewall/nat/hosts.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs the four above
#include <cmocka.h>

static struct nat_hosts *hosts;

static int setup(void **) {
	hosts = nat_hosts_new(12345);
	return hosts ? 0 : -1;
}

static int teardown(void **) {
	assert_int_equal(nat_hosts_used(hosts), 0);
	nat_hosts_free(hosts);
	return 0;
}

static void addr_of(uint32_t n, uint8_t addr[16]) {
	memset(addr, 0, 16);
	memcpy(addr, "\x20\x01\x0d\xb8", 4);
	memcpy(addr + 12, &n, 4);
}

static void a_host_keeps_its_number_while_it_is_used(void **) {
	uint8_t addr[16], is[16];

	addr_of(1, addr);
	uint32_t number = nat_host_get(hosts, addr);
	assert_true(nat_host_is(number));
	assert_int_equal(nat_host_get(hosts, addr), number);
	assert_int_equal(nat_hosts_used(hosts), 1);
	assert_true(nat_host_addr(hosts, number, is));
	assert_memory_equal(is, addr, 16);
	assert_true(nat_host_hold(hosts, number));
	for (unsigned i = 0; i < 3; i++)
		nat_host_put(hosts, number);
	assert_false(nat_host_addr(hosts, number, is));
	assert_false(nat_host_hold(hosts, number));
	assert_false(nat_host_addr(hosts, 0, is));
	assert_false(nat_host_addr(hosts, 0x0100000a, is));
	assert_false(nat_host_is(0x0100000a)); // 10.0.0.1
}

static void a_full_bucket_refuses(void **) {
	uint32_t *numbers = calloc(NAT_HOSTS * 2, sizeof(*numbers));
	uint32_t n = 0, refused = 0;
	uint8_t addr[16], is[16];

	for (uint32_t i = 0; i < NAT_HOSTS * 2; i++) {
		addr_of(i + 1, addr);
		uint32_t number = nat_host_get(hosts, addr);
		if (number == 0) {
			refused++;
			continue;
		}
		numbers[n++] = number;
		assert_true(nat_host_addr(hosts, number, is));
		assert_memory_equal(is, addr, 16);
	}
	assert_int_equal(nat_hosts_used(hosts), n);
	assert_int_equal(n + refused, NAT_HOSTS * 2);
	assert_true(n > NAT_HOSTS * 9ull / 10);
	for (uint32_t i = 0; i < n; i++)
		nat_host_put(hosts, numbers[i]);
	free(numbers);
}

#define THREADS 4
#define ROUNDS  200000

static void *worker(void *arg) {
	uint64_t x = (uintptr_t)arg * 0x9e3779b97f4a7c15ull + 1;
	uint8_t addr[16], is[16];

	for (unsigned i = 0; i < ROUNDS; i++) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		addr_of((uint32_t)(x >> 60), addr); // few, so that they meet
		uint32_t number = nat_host_get(hosts, addr);
		if (number == 0)
			continue;
		if (!nat_host_addr(hosts, number, is) || memcmp(is, addr, 16) != 0)
			return "another's number";
		nat_host_put(hosts, number);
	}
	return NULL;
}

static void threads_do_not_mix_hosts(void **) {
	pthread_t threads[THREADS];
	void *why;

	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, worker, (void *)i), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &why);
		assert_null(why);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_keeps_its_number_while_it_is_used),
		cmocka_unit_test(a_full_bucket_refuses),
		cmocka_unit_test(threads_do_not_mix_hosts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
