// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/nat/npt.h"
#include <string.h>

#define SUBNET_END 48 // prefixes up to here leave a word of the subnet to correct
#define FIRST_IID  4  // words of the interface identifier
#define WORDS      8

static uint16_t fold(uint32_t sum) {
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static uint16_t word_get(const uint8_t *addr, unsigned i) {
	return (uint16_t)(addr[2 * i] << 8 | addr[2 * i + 1]);
}

static void word_set(uint8_t *addr, unsigned i, uint16_t word) {
	addr[2 * i] = (uint8_t)(word >> 8);
	addr[2 * i + 1] = (uint8_t)word;
}

static uint16_t sum_of(const struct prefix *p) {
	uint32_t sum = 0;

	for (unsigned i = 0; i < WORDS; i++)
		sum += word_get(p->addr.bytes, i);
	return fold(sum);
}

void npt_init(struct npt *npt, const struct prefix *external, const struct prefix *internal) {
	*npt = (struct npt){
		.external = prefix_network(external), .internal = prefix_network(internal)};
	npt->neutral = external->addr.family == ADDR_V6 && external->len <= 64;
	npt->delta = fold((uint32_t)sum_of(&npt->internal) + (uint16_t)~sum_of(&npt->external));
}

static void prefix_write(const struct prefix *p, uint8_t *addr) {
	unsigned whole = p->len / 8, rest = p->len % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	memcpy(addr, p->addr.bytes, whole);
	if (rest)
		addr[whole] = (uint8_t)((addr[whole] & ~mask) | (p->addr.bytes[whole] & mask));
}

static bool correct(const struct npt *npt, uint8_t *addr, uint16_t delta) {
	unsigned i = npt->external.len <= SUBNET_END ? FIRST_IID - 1 : FIRST_IID;
	unsigned end = npt->external.len <= SUBNET_END ? FIRST_IID : WORDS;

	while (i < end && word_get(addr, i) == 0xffff)
		i++;
	if (i == end)
		return false;
	uint16_t word = fold((uint32_t)word_get(addr, i) + delta);
	word_set(addr, i, word == 0xffff ? 0 : word);
	return true;
}

bool npt_out(const struct npt *npt, uint8_t *addr) {
	prefix_write(&npt->external, addr);
	return !npt->neutral || correct(npt, addr, npt->delta);
}

bool npt_in(const struct npt *npt, uint8_t *addr) {
	prefix_write(&npt->internal, addr);
	return !npt->neutral || correct(npt, addr, (uint16_t)~npt->delta);
}
