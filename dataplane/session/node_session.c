// SPDX-License-Identifier: BSD-3-Clause
// Packets that come in by interfaces with something stateful: their session says what becomes of them. Three passes over the vector, so
// that the memory of all packets is fetched at once: hash, tags, then compare, track, count, rewrite.
#include "dataplane/session/path.h"
#include <rte_ip.h>
#include <rte_prefetch.h>
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

// What the passes tell each other of a packet. head 0: not for the fast path.
struct batch {
	uint64_t head[DP_VECTOR];
	uint64_t hash[DP_VECTOR];
	session_ref ref[DP_VECTOR];
	uint8_t spilled[DP_VECTOR]; // those that may be in another bucket than their first
	unsigned n_spilled;
};
_Static_assert(DP_VECTOR <= UINT8_MAX + 1, "numbers of packets in a byte");

#define HEAD(ports, domain, proto, kind)                                          \
	((uint64_t)(ports) | (uint64_t)(domain) << 32 | (uint64_t)(proto) << 48 | \
		(uint64_t)(kind) << 56)

static inline uint8_t *ip_of(const struct rte_mbuf *m) {
	return rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN);
}

// ip_input has judged the header. TCP and UDP with a plain one; everything else is read at leisure.
static inline uint64_t head_of(const struct rte_mbuf *m, const uint8_t *ip, unsigned domain) {
	uint32_t type = m->packet_type & (RTE_PTYPE_L3_MASK | RTE_PTYPE_L4_MASK), ports;
	bool v6 = (type & RTE_PTYPE_L3_MASK) == RTE_PTYPE_L3_IPV6;
	uint32_t l4 = type & RTE_PTYPE_L4_MASK, at = v6 ? sizeof(struct rte_ipv6_hdr) : m->l3_len;

	if (unlikely((l4 != RTE_PTYPE_L4_TCP && l4 != RTE_PTYPE_L4_UDP) ||
		    m->data_len < RTE_ETHER_HDR_LEN + at + 8))
		return 0;
	memcpy(&ports, ip + at, sizeof(ports));
	return HEAD(ports, domain & 0xffff, l4 == RTE_PTYPE_L4_TCP ? IPPROTO_TCP : IPPROTO_UDP,
		KIND_USED | (v6 ? KIND_V6 : 0));
}

static inline bool head_v6(uint64_t head) {
	return head >> 56 & KIND_V6;
}

static inline uint64_t hash_of(uint64_t head, const uint8_t *ip) {
	const struct session_secret *secret = &session_table.secret;
	uint64_t a[4];

	if (unlikely(head_v6(head))) {
		memcpy(a, ip + 8, 32);
		return key_hash6(secret, head, a);
	}
	memcpy(a, ip + 12, 8);
	return key_hash4(secret, head, a[0]);
}

static inline void pass_hash(struct batch *b, struct rte_mbuf **m, unsigned n) {
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *ip = ip_of(m[i]);

		b->head[i] = head_of(m[i], ip, dp_meta(m[i])->domain);
		if (unlikely(b->head[i] == 0))
			continue;
		b->hash[i] = hash_of(b->head[i], ip);
		rte_prefetch0(table_bucket(b->hash[i]));
	}
}

// What this bucket has by that tag is most likely it: its lines are fetched.
static inline bool take_tag(struct batch *b, unsigned i, const struct table_bucket *bucket) {
	unsigned mask = bucket_match(bucket, table_tag(b->hash[i]));

	if (mask == 0)
		return false;
	session_ref ref =
		atomic_load_explicit(&bucket->refs[__builtin_ctz(mask)], memory_order_acquire);
	b->ref[i] = ref;
	rte_prefetch0(ref_dir(ref));
	if (head_v6(b->head[i]))
		rte_prefetch0((uint8_t *)ref_dir(ref) + 64);
	if ((b->head[i] >> 48 & 0xff) == IPPROTO_TCP)
		rte_prefetch0(ref_cold(ref));
	return true;
}

static inline void pass_tags(struct batch *b, unsigned n) {
	b->n_spilled = 0;
	for (unsigned i = 0; i < n; i++) {
		b->ref[i] = 0;
		if (unlikely(b->head[i] == 0))
			continue;
		const struct table_bucket *bucket = table_bucket(b->hash[i]);
		if (likely(take_tag(b, i, bucket)))
			continue;
		if (atomic_load_explicit(&bucket->spilled, memory_order_acquire) == 0)
			continue;
		rte_prefetch0(table_alternate(b->hash[i]));
		b->spilled[b->n_spilled++] = (uint8_t)i;
	}
}

static inline void pass_spilled(struct batch *b) {
	for (unsigned k = 0; k < b->n_spilled; k++)
		take_tag(b, b->spilled[k], table_alternate(b->hash[b->spilled[k]]));
}

static inline bool same(const struct session_dir *d, uint64_t head, const uint8_t *ip) {
	uint64_t have = atomic_load_explicit(&d->head, memory_order_relaxed);
	const uint64_t *a = (const uint64_t *)(d + 1);
	uint64_t addrs;

	if (unlikely((have ^ head) & KEY_HEAD_MASK))
		return false;
	if (unlikely(head_v6(head)))
		return memcmp(a, ip + 8, 32) == 0;
	memcpy(&addrs, ip + 12, 8);
	return a[0] == addrs;
}

static __rte_noinline rte_edge_t pass_flow(const struct batch *b, unsigned i, struct rte_mbuf *m) {
	struct path p = {.self = &session, .arc = DP_ARC_L3_IN, .m = m, .ip = ip_of(m)};
	session_ref ref = b->ref[i];
	struct session_dir *d = ref_dir(ref);

	// also when several tags of the bucket were equal, or an earlier packet of this vector began or ended the session
	if (unlikely(ref == 0 || !same(d, b->head[i], p.ip)))
		return path_slow(&session, DP_ARC_L3_IN, m, p.ip);
	if (head_v6(b->head[i])) {
		p.l4 = sizeof(struct rte_ipv6_hdr);
		p.l4_len = rte_be_to_cpu_16(((struct rte_ipv6_hdr *)p.ip)->payload_len);
	} else {
		p.l4 = m->l3_len;
		p.l4_len = rte_be_to_cpu_16(((struct rte_ipv4_hdr *)p.ip)->total_length) - p.l4;
	}
	return path_hit(&p, d, ref);
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

static inline void pass_flows(
	const struct batch *b, struct rte_mbuf **m, unsigned n, rte_edge_t *next) {
	struct turn t;

	turn_begin(&t);
	for (unsigned i = 0; i < n; i++) {
		session_ref ref = b->ref[i];
		struct session_dir *d = ref_dir(ref);
		uint8_t *ip = ip_of(m[i]);

		if (unlikely(ref == 0 || !same(d, b->head[i], ip) || !is_plain(&t, d, ref)))
			next[i] = pass_flow(b, i, m[i]);
		else if (likely(!head_v6(b->head[i])))
			next[i] = pass_plain(&t, m[i], ip, d, ref, false);
		else
			next[i] = pass_plain(&t, m[i], ip, d, ref, true);
	}
}

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	struct rte_mbuf **m = (struct rte_mbuf **)objs;
	rte_edge_t next[DP_VECTOR];
	struct batch b;

	if (n == 0)
		__builtin_unreachable(); // rte_graph calls no node for nothing
	if (unlikely(dp_self->explains)) {
		for (unsigned i = 0; i < n; i++)
			next[i] = path_explain(&session, DP_ARC_L3_IN, m[i], ip_of(m[i]));
		dp_enqueue(graph, node, objs, next, n, whole);
		return;
	}
	pass_hash(&b, m, n);
	pass_tags(&b, n);
	pass_spilled(&b);
	pass_flows(&b, m, n, next);
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t session_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(session)
