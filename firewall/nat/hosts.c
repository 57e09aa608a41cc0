// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/nat/hosts.h"
#include "lib/hash.h"
#include <stdlib.h>
#include <string.h>

#define BUSY UINT32_MAX // somebody writes the address

struct host {
	_Atomic uint32_t refs; // 0: free
	uint8_t addr[16];
};

struct nat_hosts {
	uint64_t secret;
	_Atomic uint32_t used;
	struct host hosts[NAT_HOSTS];
};

struct nat_hosts *nat_hosts;

struct nat_hosts *nat_hosts_new(uint64_t secret) {
	struct nat_hosts *h = calloc(1, sizeof(*h));

	if (h)
		h->secret = secret;
	return h;
}

void nat_hosts_free(struct nat_hosts *hosts) {
	free(hosts);
}

uint32_t nat_hosts_used(const struct nat_hosts *hosts) {
	return hosts ? atomic_load_explicit(&hosts->used, memory_order_relaxed) : 0;
}

// Numbers begin at 1.
static uint32_t number_of(const struct nat_hosts *hosts, const struct host *host) {
	return __builtin_bswap32((uint32_t)(host - hosts->hosts) + 1);
}

static struct host *host_at(const struct nat_hosts *hosts, uint32_t number) {
	uint32_t n = __builtin_bswap32(number) - 1;

	return hosts && n < NAT_HOSTS ? (struct host *)&hosts->hosts[n] : NULL;
}

static struct host *bucket(struct nat_hosts *hosts, const uint8_t addr[16]) {
	uint64_t words[2];

	memcpy(words, addr, 16);
	uint64_t hash = hash_mix(words[0] ^ hosts->secret, words[1] ^ 0x9e3779b97f4a7c15ull);
	return &hosts->hosts[hash % (NAT_HOSTS / NAT_HOSTS_PLACE) * NAT_HOSTS_PLACE];
}

static bool hold(struct host *host) {
	uint32_t refs = atomic_load_explicit(&host->refs, memory_order_acquire);

	do {
		if (refs == 0 || refs >= BUSY - 1)
			return false;
	} while (!atomic_compare_exchange_weak(&host->refs, &refs, refs + 1));
	return true;
}

static void put(struct nat_hosts *hosts, struct host *host) {
	uint32_t refs = atomic_load(&host->refs);

	while (!atomic_compare_exchange_weak(&host->refs, &refs, refs - 1))
		;
	if (refs == 1)
		atomic_fetch_sub_explicit(&hosts->used, 1, memory_order_relaxed);
}

// One that is held does not change; before that it may have become another's.
static bool hold_if(struct nat_hosts *hosts, struct host *host, const uint8_t addr[16]) {
	uint32_t refs = atomic_load_explicit(&host->refs, memory_order_acquire);

	if (refs == 0 || refs == BUSY || memcmp(host->addr, addr, 16) != 0 || !hold(host))
		return false;
	if (memcmp(host->addr, addr, 16) == 0)
		return true;
	put(hosts, host);
	return false;
}

uint32_t nat_host_get(struct nat_hosts *hosts, const uint8_t addr[16]) {
	struct host *b = hosts ? bucket(hosts, addr) : NULL;

	for (unsigned i = 0; b && i < NAT_HOSTS_PLACE; i++)
		if (hold_if(hosts, &b[i], addr))
			return number_of(hosts, &b[i]);
	for (unsigned i = 0; b && i < NAT_HOSTS_PLACE; i++) {
		uint32_t none = 0;

		if (!atomic_compare_exchange_strong(&b[i].refs, &none, BUSY))
			continue;
		memcpy(b[i].addr, addr, 16);
		atomic_store_explicit(&b[i].refs, 1, memory_order_release);
		atomic_fetch_add_explicit(&hosts->used, 1, memory_order_relaxed);
		return number_of(hosts, &b[i]);
	}
	return 0;
}

bool nat_host_hold(struct nat_hosts *hosts, uint32_t number) {
	struct host *host = host_at(hosts, number);

	return host && hold(host);
}

void nat_host_put(struct nat_hosts *hosts, uint32_t number) {
	struct host *host = host_at(hosts, number);

	if (host)
		put(hosts, host);
}

bool nat_host_addr(const struct nat_hosts *hosts, uint32_t number, uint8_t addr[16]) {
	const struct host *host = host_at(hosts, number);
	uint32_t refs = host ? atomic_load_explicit(&host->refs, memory_order_acquire) : 0;

	if (refs == 0 || refs == BUSY)
		return false;
	memcpy(addr, host->addr, 16);
	return true;
}
