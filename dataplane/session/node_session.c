// SPDX-License-Identifier: BSD-3-Clause
// Packets that come in by interfaces with something stateful: their session says what becomes of them.
#include "dataplane/session/batch.h"
#include <stdio.h>

static int session_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	const struct dp_meta *meta = dp_meta((struct rte_mbuf *)(uintptr_t)m);
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, RTE_ETHER_HDR_LEN);
	struct session_packet p;

	if (session_table.buckets == NULL || m->data_len < RTE_ETHER_HDR_LEN ||
		session_parse(ip, m->data_len - RTE_ETHER_HDR_LEN, m->pkt_len - RTE_ETHER_HDR_LEN,
			meta->domain, &p) != PARSED_FLOW)
		return snprintf(buf, size, "domain %u, no flow", meta->domain);
	session_ref ref = table_find(&p.key, key_hash(&session_table.secret, &p.key));
	if (ref == 0)
		return snprintf(buf, size, "domain %u, no session yet", meta->domain);
	return snprintf(buf, size, "domain %u, session %u of worker %u, %s, of the %s",
		meta->domain, ref_unit(ref), dir_owner(ref_dir(ref)),
		session_state_name(ref_dir(ref)->state), ref & 1 ? "responder" : "originator");
}

static void session_explain(const struct rte_mbuf *m, json_t *lines) {
	path_explain_say(m, DP_ARC_L3_IN, lines);
}

static struct dp_node session = {
	.name = "session",
	.help = "finds the session of a packet, or makes one",
	.arc = DP_ARC_L3_IN,
	.next = session_next,
	.drops = session_drops,
	.hands_over = true,
	.trace = session_trace,
	.explain = session_explain,
};

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	rte_edge_t next[DP_VECTOR];

	batch_run(&session, DP_ARC_L3_IN, objs, n, next);
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t session_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(session)
