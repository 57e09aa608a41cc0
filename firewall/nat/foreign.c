// SPDX-License-Identifier: BSD-3-Clause
// External addresses that no interface has, on the link of one: the router stands in for them (ARP, ND). Control.
#include "firewall/nat/table_nat.h"
#include "router/iface.h"

// Not its own, and `p` is a part of its subnet: a prefix as large as that would take its neighbours' addresses.
static bool on_link(
	const struct rtr_iface *iface, const struct prefix *p, const struct addr *addr) {
	bool inside = false;

	for (unsigned i = 0; i < iface->n_addrs; i++) {
		const struct prefix *subnet = &iface->addrs[i];

		if (addr_cmp(&subnet->addr, addr) == 0)
			return false;
		inside |= subnet->addr.family == addr->family && p->len > subnet->len &&
			prefix_contains(subnet, addr);
	}
	return inside;
}

static bool among(const struct rtr_iface *iface, const struct prefix *prefixes, size_t n,
	bool hosts, const struct addr *addr) {
	for (size_t i = 0; i < n; i++) {
		const struct prefix *p = &prefixes[i];

		if (p->addr.family == addr->family &&
			(!hosts || p->len == (addr->family == ADDR_V4 ? 32 : 128)) &&
			prefix_contains(p, addr) && on_link(iface, p, addr))
			return true;
	}
	return false;
}

static bool of_rule(
	const struct rtr_iface *iface, const struct nat_rule *rule, const struct addr *addr) {
	const struct fw_side *dst = &rule->match.dst;

	switch (rule->match.off ? NAT_EXEMPT : rule->kind) {
	case NAT_SNAT:
	case NAT_64:
		return among(iface, rule->pool.items, rule->pool.n, false, addr);
	case NAT_STATIC:
		return among(iface, &rule->external, 1, false, addr);
	case NAT_DNAT: // a single address is meant to be ours; a prefix only says what to look at
		return !dst->not &&among(iface, dst->prefixes, dst->n_prefixes, true, addr);
	default:
		return false;
	}
}

bool nat_is_foreign(uint16_t index, const struct addr *addr) {
	const struct nat_policy *p = fw_policy ? fw_policy->nat : NULL;
	const struct rtr_iface *iface = rtr_iface(index);

	for (unsigned i = 0; iface && p && i < p->conf.n; i++)
		if (of_rule(iface, &p->conf.rules[i], addr))
			return true;
	return false;
}
