// SPDX-License-Identifier: BSD-3-Clause
// What a SYN proxy says (dataplane/session/path_syn.c): SYNs are answered with cookies, so that an attack by senders who are not there
// leaves no session; and what session_tick has to tell servers starts from here as if their clients had sent it. Other functions
// lead here by name.
#include "dataplane/session/session.h"
#include "router/ip_priv.h"
#include <stdio.h>

enum { NEXT_LOOKUP };

enum { DROP_SILENT, DROP_NO_IFACE };

static const struct dp_drop ip_syn_drops[] = {
	[DROP_SILENT] = {"silent",
		"a segment that cannot be read, or a reset: nothing is answered"},
	[DROP_NO_IFACE] = {"no_iface", "the interface is gone"},
	{0},
};

static const char *const ip_syn_next[] = {[NEXT_LOOKUP] = "ip_lookup", NULL};

static int ip_syn_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	return snprintf(buf, size, ip_meta(m)->user ? "said for session %u" : "to be answered",
		ip_meta(m)->user);
}

static void ip_syn_explain(const struct rte_mbuf *m, json_t *lines) {
	if (ip_meta(m)->user == 0)
		dp_explain_say(lines,
			"answered with a SYN cookie; the ACK that brings it back begins a session");
}

static struct dp_node ip_syn = {
	.name = "ip_syn",
	.help = "answers SYNs with cookies",
	.next = ip_syn_next,
	.drops = ip_syn_drops,
	.trace = ip_syn_trace,
	.explain = ip_syn_explain,
};

// The answer goes back by the routes of the VRF that it came from; of m->port it keeps what it came in by, so that no session is
// looked for or begun.
static rte_edge_t answer(struct rte_mbuf *m, const struct rtr_iface *iface) {
	if (!session_syn_answer(m, iface ? iface->mtu : RTE_ETHER_MTU))
		return dp_drop(&ip_syn, m, DROP_SILENT);
	dp_meta(m)->iface = DP_NONE;
	return NEXT_LOOKUP;
}

// As if it had come in by its side's interface. A service of this box hears of it by the host twin, and the kernel only listens to
// frames for its address; what the service itself is to have said has no interface.
static rte_edge_t tell(struct rte_mbuf *m, const struct rtr_iface *iface) {
	if (dp_meta(m)->iface == DP_NONE)
		return NEXT_LOOKUP;
	if (iface == NULL)
		return dp_drop(&ip_syn, m, DROP_NO_IFACE);
	rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->dst_addr = iface->mac;
	return NEXT_LOOKUP;
}

static uint16_t ip_syn_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++) {
		const struct rtr_iface *iface = rtr_iface(dp_meta(objs[i])->iface);

		rte_node_enqueue_x1(graph, node,
			dp_meta(objs[i])->user ? tell(objs[i], iface) : answer(objs[i], iface),
			objs[i]);
	}
	return n;
}

DP_NODE(ip_syn)

__attribute__((constructor)) static void edge(void) {
	session_syn_edge = session_edge("ip_syn");
}
