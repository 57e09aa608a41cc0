// SPDX-License-Identifier: BSD-3-Clause
// Where the rules send a packet that nobody has sent yet: the configuration's tests are tried before its addresses are there.
#include "firewall/nat/table_nat.h"
#include <string.h>

static unsigned zone_of(const struct fw_conf *conf, const struct rtr_conf_iface *iface) {
	int zone = iface->zone[0] ? fw_conf_zone(conf, iface->zone) : 0;

	return zone > 0 ? (unsigned)zone : 0;
}

static bool router_has(const struct fw_conf *conf, const struct rtr_conf *router, unsigned zone) {
	for (unsigned i = 0; i < router->n_ifaces; i++)
		if (zone_of(conf, &router->ifaces[i]) == zone)
			return true;
	return false;
}

// The zone of the interface that has this address, in the router that zone `from` belongs to; -1: none has it.
static int own_zone(const struct fw_conf *conf, const struct rtr_conf_all *routers, unsigned from,
	const struct addr *addr) {
	for (unsigned r = 0; r < routers->n; r++) {
		const struct rtr_conf *router = &routers->routers[r];

		if (!router_has(conf, router, from))
			continue;
		for (unsigned i = 0; i < router->n_ifaces; i++)
			for (unsigned a = 0; a < router->ifaces[i].n_addrs; a++)
				if (addr_cmp(&router->ifaces[i].addrs[a].addr, addr) == 0)
					return (int)zone_of(conf, &router->ifaces[i]);
	}
	return -1;
}

static void apply(const struct nat_policy *p, unsigned at, struct fw_key *key) {
	const struct nat_rule *rule = &p->conf.rules[at];

	if (rule->kind == NAT_64) // rules see the packet as it came
		return;
	if (rule->kind == NAT_STATIC) {
		npt_in(&p->npts[at], key->dst);
		return;
	}
	memcpy(key->dst, rule->target.addr.bytes, 16);
	if (fw_has_ports(key->proto))
		key->dport = nat_target_port(rule, key->dport);
}

void nat_translate(const void *nat, const struct fw_conf *conf, const struct rtr_conf_all *routers,
	struct fw_key *key) {
	const struct nat_policy *p = nat;
	struct addr dst = {.family = key->v6 ? ADDR_V6 : ADDR_V4};
	struct fw_key asked = *key;
	struct fw_walk walk;
	uint32_t at;

	if (p->dnat.n == 0 || key->from == FW_SELF)
		return;
	memcpy(dst.bytes, key->dst, 16);
	int own = own_zone(conf, routers, key->from, &dst);
	asked.to = (uint8_t)(own > 0 ? own : 0);
	fw_walk_begin(p->dnat.compiled, &asked, &walk);
	while ((at = fw_walk_next(&walk)) != FW_NONE) {
		if (p->conf.rules[p->dnat.rules[at]].local && own < 0)
			continue;
		apply(p, p->dnat.rules[at], key);
		return;
	}
}
