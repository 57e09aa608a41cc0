// SPDX-License-Identifier: BSD-3-Clause
// The quick looks of ip_input (plain: nothing to object to) against the long ones that name what is wrong.
#include "router/ip4.h"
#include "router/ip6.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka.h needs the four above
#include <cmocka.h>

#define ROUNDS 300000
#define LEN    46 // bytes that arrived, from the IP header on

static uint32_t rnd(uint32_t below) {
	static uint64_t seed = 4711;

	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 32) * below >> 32);
}

static void sum_set(struct rte_ipv4_hdr *ip) {
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, sizeof(*ip));
}

static struct rte_ipv4_hdr good4(void) {
	struct rte_ipv4_hdr ip = {.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16(LEN),
		.time_to_live = 64,
		.src_addr = rte_cpu_to_be_32(0x0a000000 + rnd(1 << 16)),
		.dst_addr = rte_cpu_to_be_32(0xc0000200 + rnd(256))};

	sum_set(&ip);
	return ip;
}

static void check4(const struct rte_ipv4_hdr *ip) {
	for (unsigned summed = 0; summed < 2; summed++) {
		enum ip_verdict verdict = ip4_judge(ip, LEN, LEN, summed);
		bool plain = ip4_is_plain(ip, LEN, summed);

		if (ip->version_ihl == 0x45)
			assert_int_equal(plain, verdict == VERDICT_OK);
		else
			assert_false(plain);
	}
}

static void every_octet(void **) {
	for (unsigned octet = 0; octet < 256; octet++)
		for (unsigned which = 0; which < 2; which++) {
			struct rte_ipv4_hdr ip = good4();

			((uint8_t *)(which ? &ip.src_addr : &ip.dst_addr))[0] = (uint8_t)octet;
			sum_set(&ip);
			check4(&ip);
		}
}

static void every_length(void **) {
	for (unsigned len = 0; len < 65536; len++) {
		struct rte_ipv4_hdr ip = good4();
		struct rte_ipv6_hdr ip6 = {.vtc_flow = RTE_BE32(0x60000000),
			.payload_len = rte_cpu_to_be_16((uint16_t)len),
			.src_addr = {0x20, 1},
			.dst_addr = {0x20, 2}};

		ip.total_length = rte_cpu_to_be_16((uint16_t)len);
		sum_set(&ip);
		check4(&ip);
		assert_int_equal(ip6_is_plain(&ip6, LEN), ip6_judge(&ip6, LEN) == VERDICT_OK);
	}
}

// One bit or byte of a good header is another; the sum is made right again, or not.
static void one_mistake(void **) {
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct {
			struct rte_ipv4_hdr ip;
			uint8_t options[40]; // a longer header is summed
		} packet = {.ip = good4()};
		uint8_t *byte = (uint8_t *)&packet.ip + rnd(sizeof(packet.ip));

		if (rnd(8) == 0)
			packet.ip.dst_addr = packet.ip.src_addr;
		else if (rnd(2))
			*byte ^= (uint8_t)(1u << rnd(8));
		else
			*byte = (uint8_t)rnd(256);
		if (rnd(2))
			sum_set(&packet.ip);
		check4(&packet.ip);
	}
}

// Plain is sure; what is not may still be right: addresses whose first half is zero.
static void one_mistake_v6(void **) {
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct rte_ipv6_hdr ip = {.vtc_flow = RTE_BE32(0x60000000),
			.payload_len = RTE_BE16(LEN - sizeof(ip)),
			.src_addr = {0x20, 1, 0x0d, 0xb8, [15] = (uint8_t)(1 + rnd(3))},
			.dst_addr = {0x20, 1, 0x0d, 0xb8, [15] = (uint8_t)(1 + rnd(3))}};

		if (rnd(4) == 0)
			memset(rnd(2) ? ip.src_addr : ip.dst_addr, 0, rnd(17));
		if (rnd(4) == 0)
			*(rnd(2) ? ip.src_addr : ip.dst_addr) = (uint8_t)rnd(256);
		if (rnd(2))
			((uint8_t *)&ip)[rnd(sizeof(ip))] ^= (uint8_t)(1u << rnd(8));
		bool low = ip6_is_low(ip.src_addr) || ip6_is_low(ip.dst_addr);
		if (!low)
			assert_int_equal(ip6_is_plain(&ip, LEN), ip6_judge(&ip, LEN) == VERDICT_OK);
		else
			assert_false(ip6_is_plain(&ip, LEN));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_octet),
		cmocka_unit_test(every_length),
		cmocka_unit_test(one_mistake),
		cmocka_unit_test(one_mistake_v6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
