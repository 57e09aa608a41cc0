// SPDX-License-Identifier: BSD-3-Clause
#include "router/fib/way.h"

uint32_t way_look_up(uint32_t vrf, const struct addr *dst) {
	const struct rtr_vrf *table = vrf < RTR_MAX_VRFS ? rtr_vrfs[vrf] : NULL;

	return table ? rib_lookup_fib(table, dst) : 0;
}

uint32_t way_follow(uint32_t slot, uint32_t *vrf, const struct addr *dst, uint32_t hash) {
	for (unsigned leaks = 0;; leaks++) {
		slot = rtr_nh_pick(slot, hash);
		const struct rtr_nh *nh = &rtr_nhs[slot];
		if (__atomic_load_n(&nh->kind, __ATOMIC_ACQUIRE) != RTR_NH_VRF ||
			leaks == RTR_MAX_LEAKS)
			return slot;
		*vrf = nh->vrf;
		slot = way_look_up(*vrf, dst);
	}
}
