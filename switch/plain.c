// SPDX-License-Identifier: BSD-3-Clause
// Frames on the l2-out arc without the tag that the switch gave them, for those who read what is inside, and with it again.
#include "switch/switch_priv.h"

// What the port that a frame leaves by has of the frame's VLAN; NULL: it has just left the VLAN, or its switch.
static const struct vlan_info *vlan_of(const struct rte_mbuf *m) {
	const struct dp_meta *meta = dp_meta((struct rte_mbuf *)(uintptr_t)m);
	const struct sw_port *port = &sw_state_get()->ports[meta->out % DP_MAX_PORTS];
	const struct vlan_info *v;

	if (port->vlan.mode == VLAN_NONE)
		return NULL;
	v = &port->vlans[meta->vlan % VLAN_COUNT];
	return v->members >> meta->out & 1 ? v : NULL;
}

unsigned sw_tag_len(const struct rte_mbuf *m) {
	const struct vlan_info *v = vlan_of(m);
	const uint16_t *type = rte_pktmbuf_mtod_offset(m, const uint16_t *, 12);
	bool tagged = v && !(v->untagged >> dp_meta((struct rte_mbuf *)(uintptr_t)m)->out & 1);

	return tagged && m->data_len >= 18 && *type == v->tpid ? 4 : 0;
}

void sw_tag_take(struct rte_mbuf *m) {
	uint16_t tci = *rte_pktmbuf_mtod_offset(m, const uint16_t *, 14);
	struct dp_meta *meta = dp_meta(m);

	meta->domain = (meta->domain & UINT16_MAX) | (vlan_swap(tci) & VLAN_PRIO) << 16;
	sw_tag_set(m, VLAN_TAGGED, 0, 0);
}

bool sw_tag_give(struct rte_mbuf *m) {
	const struct vlan_info *v = vlan_of(m);
	const struct dp_meta *meta = dp_meta(m);

	return v && sw_tag_egress(m, meta->domain >> 16 & VLAN_PRIO, v, meta->vlan, meta->out);
}
