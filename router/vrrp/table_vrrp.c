// SPDX-License-Identifier: BSD-3-Clause
#include "router/vrrp/table_vrrp.h"
#include "lib/log.h"
#include <stdlib.h>
#include <string.h>

struct vrrp_lan vrrp_lans[DP_MAX_IFACES];
const struct vrrp_closed *vrrp_closed;
const struct vrrp_beacon *vrrp_beacons[VRRP_MAX];
uint32_t vrrp_kicks[VRRP_MAX], vrrp_kicked;
uint64_t vrrp_sent[VRRP_MAX];
uint64_t vrrp_alive_ns;

static void bit_set(uint64_t bits[4], unsigned vrid, bool on) {
	uint64_t *word = &bits[vrid / 64], bit = UINT64_C(1) << vrid % 64;

	__atomic_store_n(word, on ? *word | bit : *word & ~bit, __ATOMIC_RELAXED);
}

void vrrp_lan_set(uint16_t iface, bool v6, unsigned vrid, bool known, bool ours) {
	bit_set(vrrp_lans[iface].known[v6], vrid, known);
	bit_set(vrrp_lans[iface].ours[v6], vrid, ours);
}

void vrrp_closed_set(const struct addr *addrs, unsigned n) {
	const struct vrrp_closed *old = vrrp_closed;
	struct vrrp_closed *new = n ? malloc(sizeof(*new) + n * sizeof(addrs[0])) : NULL;

	if (n && new == NULL) {
		log_error("router", "out of memory: virtual addresses answer that should not", "");
		return;
	}
	if (new) {
		new->n = n;
		memcpy(new->addrs, addrs, n * sizeof(addrs[0]));
	}
	__atomic_store_n(&vrrp_closed, new, __ATOMIC_RELEASE);
	if (old)
		dp_sync();
	free((void *)old);
}

void vrrp_kick(unsigned place) {
	__atomic_store_n(&vrrp_kicks[place], vrrp_kicks[place] + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&vrrp_kicked, vrrp_kicked + 1, __ATOMIC_RELEASE);
}

void vrrp_beacon_set(unsigned place, const struct vrrp_beacon *beacon) {
	const struct vrrp_beacon *old = vrrp_beacons[place];
	struct vrrp_beacon *new = beacon ? malloc(sizeof(*new)) : NULL;

	if (beacon && new == NULL) {
		log_error("router", "out of memory: no advertisements are sent", "");
		return;
	}
	if (new)
		*new = *beacon;
	__atomic_store_n(&vrrp_beacons[place], new, __ATOMIC_RELEASE);
	if (old)
		dp_sync();
	free((void *)old);
}
