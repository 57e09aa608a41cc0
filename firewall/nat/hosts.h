// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// IPv6 hosts that have ports of IPv4 addresses (NAT64): each a number that stands for it where ports know who is inside by 32 bits. It looks
// like an address of 0.0.0.0/8, which nobody has. Counted by the sessions that use it; found in one bucket of 16 places, any thread, no lock.
// Two workers that meet a host's first two connections at one moment may give it two numbers; both last.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define NAT_HOSTS       (1u << 18)
#define NAT_HOSTS_PLACE 16

struct nat_hosts; // opaque
extern struct nat_hosts *
	nat_hosts; // NULL: no rule has wanted it yet; made by control, never freed while workers turn

struct nat_hosts *nat_hosts_new(
	uint64_t secret); // memory is touched as it is used. NULL: out of it
void nat_hosts_free(struct nat_hosts *hosts);
uint32_t nat_hosts_used(const struct nat_hosts *hosts);

// The host's number as an address on the wire, counted once more; 0: no place is left.
uint32_t nat_host_get(struct nat_hosts *hosts, const uint8_t addr[16]);
// Once more for who has a port, as long as it has it. False: it is gone.
bool nat_host_hold(struct nat_hosts *hosts, uint32_t number);
void nat_host_put(struct nat_hosts *hosts, uint32_t number);
// Which host: false when it is none.
bool nat_host_addr(const struct nat_hosts *hosts, uint32_t number, uint8_t addr[16]);

static inline bool nat_host_is(uint32_t number) {
	return number != 0 && *(const uint8_t *)&number == 0;
}
