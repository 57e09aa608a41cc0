// SPDX-License-Identifier: BSD-3-Clause
#include "router/policy.h"
#include "router/ip_priv.h"

struct rtr_rules *rtr_policies[RTR_MAX_VRFS];

static bool in_prefix(const struct prefix *p, const uint8_t *bytes, bool v6) {
	struct addr addr = {.family = v6 ? ADDR_V6 : ADDR_V4};

	if (p->addr.family == ADDR_NONE)
		return true;
	memcpy(addr.bytes, bytes, v6 ? 16 : 4);
	return p->addr.family == addr.family && prefix_contains(p, &addr);
}

static bool matches(
	const struct rtr_rule *r, const struct rtr_iface *iface, const struct rte_mbuf *m) {
	bool v6 = ip_is_v6(m);
	const uint8_t *src = v6 ? ip6_of(m)->src_addr : (const uint8_t *)&ip4_of(m)->src_addr;
	const uint8_t *dst = v6 ? ip6_of(m)->dst_addr : (const uint8_t *)&ip4_of(m)->dst_addr;
	unsigned dscp = v6 ? rte_be_to_cpu_32(ip6_of(m)->vtc_flow) >> 22 & 0x3f
			   : ip4_of(m)->type_of_service >> 2;
	unsigned proto = v6 ? ip6_of(m)->proto : ip4_of(m)->next_proto_id;

	return (r->iface == DP_NONE || r->iface == iface->index) &&
		(r->proto == 0 || r->proto == proto) && (r->dscp == 255 || r->dscp == dscp) &&
		in_prefix(&r->from, src, v6) && in_prefix(&r->to, dst, v6);
}

struct rtr_rule *policy_find(
	const struct rtr_iface *iface, const struct rte_mbuf *m, unsigned *number) {
	struct rtr_rules *rules = __atomic_load_n(&rtr_policies[iface->vrf], __ATOMIC_ACQUIRE);

	for (unsigned i = 0; rules && i < rules->n; i++) {
		if (!matches(&rules->rules[i], iface, m))
			continue;
		*number = i + 1;
		return &rules->rules[i];
	}
	return NULL;
}

bool policy_judge(
	const struct rtr_iface *iface, const struct rte_mbuf *m, uint16_t *vrf, uint32_t *slot) {
	unsigned number;
	struct rtr_rule *r = policy_find(iface, m, &number);

	if (r == NULL)
		return false;
	if (!dp_self->explains)
		__atomic_fetch_add(&r->hits, 1, __ATOMIC_RELAXED);
	*vrf = r->vrf;
	*slot = r->slot;
	return true;
}
