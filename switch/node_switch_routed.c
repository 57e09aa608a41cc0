// SPDX-License-Identifier: BSD-3-Clause
// A router's frame into a VLAN: to its station's port, or to all of them. On the l3-out arc of routed interfaces that are VLANs of
// a switch; what comes here goes no further on that arc.
#include "switch/switch_priv.h"

enum { NEXT_FLOOD };

enum { DROP_NO_SWITCH, DROP_HAIRPIN, DROP_NOT_MEMBER, DROP_PORT_DOWN, DROP_NO_ROOM };

static const struct dp_drop switch_routed_drops[] = {
	{"no_switch", "the VLAN's switch is gone"},
	{"hairpin", "the destination is a routed interface of the same VLAN"},
	{"not_member", "the destination's port has left the VLAN"},
	{"port_down", "the destination's port has no link"},
	{"no_room", "no room for the tag before the frame"},
	{0},
};

static const char *const switch_routed_next[] = {[NEXT_FLOOD] = "switch_flood", NULL};

static struct dp_node switch_routed = {
	.name = "switch_routed",
	.help = "finds the station's port for a router's frame",
	.arc = DP_ARC_L3_OUT,
	.starts = {DP_ARC_L2_OUT},
	.next = switch_routed_next,
	.drops = switch_routed_drops,
};

static rte_edge_t known(
	struct rte_mbuf *m, const struct vlan_info *v, unsigned vlan, unsigned found) {
	unsigned out = found & FDB_PORT_MASK;

	if (unlikely(found & FDB_SELF_BIT))
		return dp_drop(&switch_routed, m, DROP_HAIRPIN);
	if (unlikely(!(v->members >> out & 1)))
		return dp_drop(&switch_routed, m, DROP_NOT_MEMBER);
	if (unlikely(!(dp_ports_up >> out & 1)))
		return dp_drop(&switch_routed, m, DROP_PORT_DOWN);
	if (unlikely(!sw_tag_egress(m, 0, v, vlan, out)))
		return dp_drop(&switch_routed, m, DROP_NO_ROOM);
	dp_meta(m)->out = (uint16_t)out;
	return dp_arc_next(&switch_routed, DP_ARC_L2_OUT, out);
}

static rte_edge_t route(const struct sw_state *st, struct rte_mbuf *m) {
	struct dp_meta *meta = dp_meta(m);
	struct sw_routed_vlan at = sw_routed_vlans[meta->iface % DP_MAX_IFACES];
	const struct sw_port *port = &st->routers[at.domain];
	uint64_t dst = 0;

	if (unlikely(at.vlan == 0 || port->vlan.mode == VLAN_NONE))
		return dp_drop(&switch_routed, m, DROP_NO_SWITCH);
	m->port = UINT16_MAX;
	meta->domain = at.domain;
	meta->vlan = at.vlan;
	meta->user = 0; // untagged so far
	memcpy(&dst, rte_pktmbuf_mtod(m, const void *), RTE_ETHER_ADDR_LEN);
	if (unlikely(dst & 1))
		return NEXT_FLOOD;
	unsigned found = fdb_lookup(
		atomic_load_explicit(port->fdb, memory_order_acquire), fdb_key(dst, at.vlan));
	if (unlikely(found == FDB_MISS))
		return NEXT_FLOOD;
	return known(m, &port->vlans[at.vlan], at.vlan, found);
}

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	const struct sw_state *st = sw_state_get();
	rte_edge_t next[DP_VECTOR];

	for (uint16_t i = 0; i < n; i++)
		next[i] = route(st, objs[i]);
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t switch_routed_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(switch_routed)
