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

static __rte_noinline rte_edge_t pass_flow(const struct batch *b, unsigned i, struct rte_mbuf *m) {
	session_ref ref;
	struct path p = batch_path(b, i, &session, DP_ARC_L3_IN, m, &ref);

	return unlikely(ref == 0) ? path_slow(&session, DP_ARC_L3_IN, m, p.ip)
				  : path_hit(&p, ref_dir(ref), ref);
}

// What is the same for all packets of a vector.
struct turn {
	unsigned owner; // TABLE_WORKERS: the number of workers changes
	uint32_t tick, hops_tick;
	uint16_t generation;
	struct dp_arc_run on;
	rte_edge_t last; // the arc's end
};

static inline void turn_begin(struct turn *t) {
	unsigned id = dp_self->id;
	bool stable = id < __atomic_load_n(&session_owner_stable, __ATOMIC_RELAXED);

	*t = (struct turn){.owner = stable ? id : TABLE_WORKERS,
		.tick = session_owners[id].tick,
		.hops_tick = __atomic_load_n(&session_hops_tick, __ATOMIC_ACQUIRE),
		.generation = __atomic_load_n(&session_generation, __ATOMIC_RELAXED),
		.on = DP_ARC_RUN,
		.last = dp_arc_last(&session, DP_ARC_L3_IN)};
}

// UDP of an established session of this worker: nothing to decide, nothing to track.
static inline bool is_plain(const struct turn *t, const struct session_dir *d, session_ref ref) {
	return d->proto == IPPROTO_UDP && dir_owner(d) == t->owner &&
		d->generation == t->generation && (!(ref & 1) || d->state == SESSION_UDP);
}

// `v6` is known where it is compiled: so that it is asked once.
static __rte_always_inline rte_edge_t pass_plain(struct turn *t, struct rte_mbuf *m, uint8_t *ip,
	struct session_dir *d, session_ref ref, bool v6) {
	if (dir_v6(d) != v6)
		__builtin_unreachable();
	uint32_t hop = path_count(d, m->pkt_len - RTE_ETHER_HDR_LEN, t->tick, t->hops_tick);
	if (d->flags & SESSION_REWRITE)
		rewrite(d, ref & 1, ip, v6 ? sizeof(struct rte_ipv6_hdr) : m->l3_len,
			path_check(m));
	if (unlikely(dir_more(d)->edge != 0))
		return path_edge(m, d, ref);
	rte_edge_t on = dp_arc_run_next(&t->on, &session, DP_ARC_L3_IN, dp_meta(m)->iface);
	return likely(on == t->last) ? path_hop(m, d, on, hop) : on;
}

static __rte_always_inline void pass_flows(
	void *turn, const struct batch *b, struct rte_mbuf **m, unsigned n, rte_edge_t *next) {
	struct turn *t = turn;

	for (unsigned i = 0; i < n; i++) {
		session_ref ref = b->ref[i];
		struct session_dir *d = ref_dir(ref);
		uint8_t *ip = ip_of(m[i]);

		if (unlikely(ref == 0 || !batch_is(d, b->head[i], ip) || !is_plain(t, d, ref)))
			next[i] = pass_flow(b, i, m[i]);
		else if (likely(!head_v6(b->head[i])))
			next[i] = pass_plain(t, m[i], ip, d, ref, false);
		else
			next[i] = pass_plain(t, m[i], ip, d, ref, true);
	}
}

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	rte_edge_t next[DP_VECTOR];
	struct turn t;

	if (n == 0)
		__builtin_unreachable(); // rte_graph calls no node for nothing
	turn_begin(&t);
	batch_run(&session, DP_ARC_L3_IN, objs, n, next, &t, pass_flows);
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t session_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(session)
