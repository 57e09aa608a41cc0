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
};

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

static inline void key_fill(struct session_key *key, uint64_t head, const uint8_t *ip) {
	key->head = head;
	if (head_v6(head))
		memcpy(key->a, ip + 8, 32);
	else
		memcpy(key->a, ip + 12, 8);
}

static inline void pass_hash(struct batch *b, struct rte_mbuf **m, unsigned n) {
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *ip = ip_of(m[i]);
		struct session_key key;

		b->head[i] = head_of(m[i], ip, dp_meta(m[i])->domain);
		if (unlikely(b->head[i] == 0))
			continue;
		key_fill(&key, b->head[i], ip);
		b->hash[i] = key_hash(&session_table.secret, &key);
		rte_prefetch0(table_bucket(b->hash[i]));
	}
}

static inline void pass_tags(struct batch *b, unsigned n) {
	for (unsigned i = 0; i < n; i++) {
		b->ref[i] = 0;
		if (unlikely(b->head[i] == 0))
			continue;
		const struct table_bucket *bucket = table_bucket(b->hash[i]);
		unsigned mask = bucket_match(bucket, table_tag(b->hash[i]));
		if (unlikely(mask == 0))
			continue;
		session_ref ref = atomic_load_explicit(
			&bucket->refs[__builtin_ctz(mask)], memory_order_acquire);
		b->ref[i] = ref;
		rte_prefetch0(ref_dir(ref));
		if (head_v6(b->head[i]))
			rte_prefetch0((uint8_t *)ref_dir(ref) + 64);
		if ((b->head[i] >> 48 & 0xff) == IPPROTO_TCP)
			rte_prefetch0(ref_cold(ref));
	}
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

static inline rte_edge_t pass_flow(struct batch *b, unsigned i, struct rte_mbuf *m) {
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

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	rte_edge_t next[DP_VECTOR];
	struct batch b;

	if (n == 0)
		__builtin_unreachable(); // rte_graph calls no node for nothing
	if (unlikely(dp_self->explains)) {
		for (unsigned i = 0; i < n; i++)
			next[i] = path_explain(&session, DP_ARC_L3_IN, objs[i], ip_of(objs[i]));
		dp_enqueue(graph, node, objs, next, n, whole);
		return;
	}
	pass_hash(&b, (struct rte_mbuf **)objs, n);
	pass_tags(&b, n);
	for (unsigned i = 0; i < n; i++)
		next[i] = pass_flow(&b, i, objs[i]);
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t session_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(session)
