// SPDX-License-Identifier: BSD-3-Clause
// The masters' advertisements, each at its interval. Worker 0 sends them: a commit that takes long makes no second master.
#include "router/ip_priv.h"
#include "router/vrrp/table_vrrp.h"

enum { DROP_NO_IFACE };

static const struct dp_drop vrrp_send_drops[] = {
	{"no_iface", "the interface that it should leave by is gone"},
	{0},
};

static struct dp_node vrrp_send = {
	.name = "vrrp_send",
	.help = "sends advertisements of virtual routers",
	.source = true,
	.starts = {DP_ARC_L3_OUT},
	.drops = vrrp_send_drops,
};

static struct { // worker 0's
	uint64_t first_ns, due_ns[VRRP_MAX];
	uint32_t kicked, kicks[VRRP_MAX];
} self;

static rte_edge_t leave(struct rte_mbuf *m, unsigned index) {
	const struct rtr_iface *iface = rtr_iface(index);

	m->port = UINT16_MAX;
	if (iface == NULL)
		return dp_drop(&vrrp_send, m, DROP_NO_IFACE);
	dp_meta(m)->iface = (uint16_t)index;
	dp_meta(m)->out = iface->port;
	return dp_arc_next(&vrrp_send, DP_ARC_L3_OUT, index);
}

// Without a buffer one is left out, as if it were lost on the way.
static void emit(struct rte_graph *graph, struct rte_node *node, unsigned place,
	const struct vrrp_beacon *beacon) {
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp_pool());
	char *at = m ? rte_pktmbuf_append(m, beacon->len) : NULL;

	if (at == NULL) {
		rte_pktmbuf_free(m);
		return;
	}
	memcpy(at, beacon->frame, beacon->len);
	rte_node_enqueue_x1(graph, node, leave(m, beacon->iface), m);
	__atomic_store_n(&vrrp_sent[place], vrrp_sent[place] + 1, __ATOMIC_RELAXED);
}

// One that is late, as the worker was away, is not followed by those that it missed.
static uint16_t look(
	struct rte_graph *graph, struct rte_node *node, unsigned place, uint64_t now_ns) {
	const struct vrrp_beacon *b = __atomic_load_n(&vrrp_beacons[place], __ATOMIC_ACQUIRE);
	uint32_t kicks = __atomic_load_n(&vrrp_kicks[place], __ATOMIC_ACQUIRE);
	uint64_t *due_ns = &self.due_ns[place];

	if (b == NULL)
		return 0;
	if (kicks == self.kicks[place] && now_ns < *due_ns) {
		self.first_ns = RTE_MIN(self.first_ns, *due_ns);
		return 0;
	}
	*due_ns = kicks == self.kicks[place] && now_ns - *due_ns < b->interval_ns
		? *due_ns + b->interval_ns
		: now_ns + b->interval_ns;
	self.kicks[place] = kicks;
	self.first_ns = RTE_MIN(self.first_ns, *due_ns);
	emit(graph, node, place, b);
	return 1;
}

static uint16_t vrrp_send_process(
	struct rte_graph *graph, struct rte_node *node, void **, uint16_t) {
	uint32_t kicked = __atomic_load_n(&vrrp_kicked, __ATOMIC_ACQUIRE);
	uint64_t now_ns = dp_self->now_ns;
	uint16_t n = 0;

	if (dp_self->id != 0 || (kicked == self.kicked && now_ns < self.first_ns))
		return 0;
	self.kicked = kicked;
	self.first_ns = UINT64_MAX;
	for (unsigned i = 0; i < VRRP_MAX; i++) {
		if (now_ns > __atomic_load_n(&vrrp_alive_ns, __ATOMIC_RELAXED) + VRRP_LEASE_NS)
			break; // control hangs: another router shall take over
		n += look(graph, node, i, now_ns);
	}
	if (self.first_ns == UINT64_MAX && n == 0)
		self.first_ns = now_ns + VRRP_CS_MAX * 10000000ull; // somebody kicks before
	return n;
}

DP_NODE(vrrp_send)
