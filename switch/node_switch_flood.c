// SPDX-License-Identifier: BSD-3-Clause
// One frame to many ports: those of its VLAN with a link, without the one that it came in by. Each copy is a
// whole one (a port may still finish checksums in it, or add a tag), the last port gets the frame itself.
#include "switch/switch_priv.h"
#include <stdio.h>

// Copies that one call makes at most: what the next node's stream holds is counted in 16 bits.
#define COPIES_MAX 16384

enum { DROP_NOBODY, DROP_BUDGET, DROP_NO_ROOM };

static const struct dp_drop switch_flood_drops[] = {
	[DROP_NOBODY] = {"nobody", "no other port of the VLAN has a link"},
	[DROP_BUDGET] = {"budget", "more copies in one turn than a worker can hold"},
	[DROP_NO_ROOM] = {"no_room", "no room for the tag before the frame"},
	{0},
};

static int switch_flood_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	const struct sw_port *port = sw_source(sw_state_get(), (struct rte_mbuf *)m);
	unsigned vlan = dp_meta((struct rte_mbuf *)m)->vlan % VLAN_COUNT;

	return snprintf(buf, size, "switch %u, vlan %u, ports 0x%x", port->domain, vlan,
		port->vlans == NULL ? 0 : port->vlans[vlan].members & port->reach & dp_ports_up);
}

static struct dp_node switch_flood = {
	.name = "switch_flood",
	.help = "copies a frame to the ports of its VLAN",
	.starts = {DP_ARC_L2_OUT, DP_ARC_L3_IN},
	.drops = switch_flood_drops,
	.trace = switch_flood_trace,
};

// Gathered frames of one call.
struct flood {
	struct rte_graph *graph;
	struct rte_node *node;
	unsigned copies, n;
	void *objs[DP_VECTOR];
	rte_edge_t next[DP_VECTOR];
};

static void flush(struct flood *f) {
	if (f->n > 0)
		dp_enqueue(f->graph, f->node, f->objs, f->next, (uint16_t)f->n, false);
	f->n = 0;
}

static void put(struct flood *f, struct rte_mbuf *m, rte_edge_t edge) {
	f->objs[f->n] = m;
	f->next[f->n++] = edge;
	if (f->n == DP_VECTOR)
		flush(f);
}

static void put_port(struct flood *f, struct rte_mbuf *m, const struct vlan_info *v, unsigned out) {
	struct dp_meta *meta = dp_meta(m);

	meta->out = (uint16_t)out;
	if (unlikely(!sw_tag_egress(m, meta->user, v, meta->vlan, out)))
		put(f, m, dp_drop(&switch_flood, m, DROP_NO_ROOM));
	else
		put(f, m, dp_arc_next(&switch_flood, DP_ARC_L2_OUT, out));
}

static void put_router(struct flood *f, struct rte_mbuf *m, unsigned iface) {
	struct dp_meta *meta = dp_meta(m);

	sw_tag_set(m, meta->user, 0, 0);
	meta->iface = (uint16_t)iface;
	put(f, m, dp_arc_next(&switch_flood, DP_ARC_L3_IN, iface));
}

static struct rte_mbuf *copy_of(struct flood *f, struct rte_mbuf *m) {
	struct sw_counters *counters = sw_counters_of(m->port);
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, m->pool, 0, UINT32_MAX);

	if (unlikely(copy == NULL)) {
		sw_count(&counters->copies_failed, 1);
		return NULL;
	}
	sw_count(&counters->copies, 1);
	f->copies++;
	return copy;
}

static void flood_one(struct flood *f, const struct sw_port *port, struct rte_mbuf *m) {
	const struct vlan_info *v = &port->vlans[dp_meta(m)->vlan];
	uint32_t mask = v->members & port->reach & dp_ports_up;
	bool group = *rte_pktmbuf_mtod(m, const uint8_t *) & 1;
	// a router does not hear what it says itself
	unsigned iface =
		group && m->port < DP_MAX_PORTS ? __atomic_load_n(&v->routed, __ATOMIC_RELAXED) : 0;

	if (mask == 0 && iface == 0) {
		put(f, m, dp_drop(&switch_flood, m, DROP_NOBODY));
		return;
	}
	if (f->copies + __builtin_popcount(mask) > COPIES_MAX) {
		put(f, m, dp_drop(&switch_flood, m, DROP_BUDGET));
		return;
	}
	if (iface != 0) {
		struct rte_mbuf *copy = mask == 0 ? m : copy_of(f, m);

		if (copy != NULL)
			put_router(f, copy, iface);
	}
	for (; mask != 0; mask &= mask - 1) {
		bool last = (mask & (mask - 1)) == 0;
		struct rte_mbuf *copy = last ? m : copy_of(f, m);

		if (copy != NULL)
			put_port(f, copy, v, (unsigned)__builtin_ctz(mask));
	}
}

static uint16_t switch_flood_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	const struct sw_state *st = sw_state_get();
	struct flood f = {.graph = graph, .node = node};

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];
		const struct sw_port *port = sw_source(st, m);

		// The switch may have lost the port between two nodes.
		if (unlikely(port->vlan.mode == VLAN_NONE))
			put(&f, m, dp_drop(&switch_flood, m, DROP_NOBODY));
		else
			flood_one(&f, port, m);
	}
	flush(&f);
	return n;
}

DP_NODE(switch_flood)
