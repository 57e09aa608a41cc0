// SPDX-License-Identifier: BSD-3-Clause
// Sessions of a vector of packets, looked up together: hash, tags, then whatever the node does with them. What is fetched is noted first
// and asked for in a loop of its own, three instructions long: a prefetch that misses the TLB holds up what comes after it, and only what
// fits into a core's window waits at the same time.
#pragma once

#include "dataplane/session/path.h"
#include <rte_ip.h>
#include <rte_prefetch.h>

// What the passes tell each other of a packet. head 0: not for the fast path.
struct batch {
	uint64_t head[DP_VECTOR];
	uint64_t hash[DP_VECTOR];
	session_ref ref[DP_VECTOR];
	const struct table_bucket *bucket[DP_VECTOR];
	const void *fetch[3 * DP_VECTOR]; // lines of directions, to be fetched
	unsigned n_fetch;
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

static inline void batch_hash(struct batch *b, struct rte_mbuf **m, unsigned n) {
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *ip = ip_of(m[i]);

		b->bucket[i] = session_table.buckets;
		b->head[i] = head_of(m[i], ip, dp_meta(m[i])->domain);
		if (unlikely(b->head[i] == 0))
			continue;
		b->hash[i] = hash_of(b->head[i], ip);
		b->bucket[i] = table_bucket(b->hash[i]);
	}
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(b->bucket[i]);
}

// What this bucket has by that tag is most likely it: its lines are fetched.
static inline bool batch_take(struct batch *b, unsigned i, const struct table_bucket *bucket) {
	unsigned mask = bucket_match(bucket, table_tag(b->hash[i]));

	if (mask == 0)
		return false;
	session_ref ref =
		atomic_load_explicit(&bucket->refs[__builtin_ctz(mask)], memory_order_acquire);
	b->ref[i] = ref;
	b->fetch[b->n_fetch++] = ref_dir(ref);
	if (head_v6(b->head[i]))
		b->fetch[b->n_fetch++] = (uint8_t *)ref_dir(ref) + 64;
	if ((b->head[i] >> 48 & 0xff) == IPPROTO_TCP)
		b->fetch[b->n_fetch++] = ref_cold(ref);
	return true;
}

static inline void batch_fetch(struct batch *b) {
	for (unsigned i = 0; i < b->n_fetch; i++)
		rte_prefetch0(b->fetch[i]);
	b->n_fetch = 0;
}

static inline void batch_tags(struct batch *b, unsigned n) {
	b->n_spilled = b->n_fetch = 0;
	for (unsigned i = 0; i < n; i++) {
		b->ref[i] = 0;
		if (unlikely(b->head[i] == 0))
			continue;
		if (likely(batch_take(b, i, b->bucket[i])))
			continue;
		if (atomic_load_explicit(&b->bucket[i]->spilled, memory_order_acquire) == 0)
			continue;
		b->bucket[i] = table_alternate(b->hash[i]);
		b->fetch[b->n_fetch++] = b->bucket[i];
		b->spilled[b->n_spilled++] = (uint8_t)i;
	}
	batch_fetch(b);
	for (unsigned k = 0; k < b->n_spilled; k++)
		batch_take(b, b->spilled[k], b->bucket[b->spilled[k]]);
	batch_fetch(b);
}

static inline bool batch_is(const struct session_dir *d, uint64_t head, const uint8_t *ip) {
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

// All but plain UDP: also when several tags of the bucket were equal, or an earlier packet of this vector began or ended the session.
static __rte_noinline rte_edge_t batch_other(const struct batch *b, unsigned i,
	const struct dp_node *self, enum dp_arc arc, struct rte_mbuf *m) {
	struct path p = {.self = self, .arc = arc, .m = m, .ip = ip_of(m)};
	session_ref ref = b->ref[i];

	if (unlikely(ref == 0 || !batch_is(ref_dir(ref), b->head[i], p.ip)))
		return path_slow(self, arc, m, p.ip);
	if (head_v6(b->head[i])) {
		p.l4 = sizeof(struct rte_ipv6_hdr);
		p.l4_len = rte_be_to_cpu_16(((struct rte_ipv6_hdr *)p.ip)->payload_len);
	} else {
		p.l4 = m->l3_len;
		p.l4_len = rte_be_to_cpu_16(((struct rte_ipv4_hdr *)p.ip)->total_length) - p.l4;
	}
	return arc == DP_ARC_L2_OUT ? path_bridged(&p, ref) : path_hit(&p, ref_dir(ref), ref);
}

// What is the same for all packets of a vector.
struct turn {
	const struct dp_node *self;
	enum dp_arc arc; // known where it is compiled, as is `self`
	unsigned owner;  // TABLE_WORKERS: the number of workers changes
	uint32_t tick, hops_tick;
	uint16_t generation;
	struct dp_arc_run on;
	rte_edge_t last; // the arc's end
};

static inline struct turn turn_begin(const struct dp_node *self, enum dp_arc arc) {
	unsigned id = dp_self->id;
	bool stable = id < __atomic_load_n(&session_owner_stable, __ATOMIC_RELAXED);

	return (struct turn){.self = self,
		.arc = arc,
		.owner = stable ? id : TABLE_WORKERS,
		.tick = session_owners[id].tick,
		.hops_tick = __atomic_load_n(&session_hops_tick, __ATOMIC_ACQUIRE),
		.generation = __atomic_load_n(&session_generation, __ATOMIC_RELAXED),
		.on = DP_ARC_RUN,
		.last = dp_arc_last(self, arc)};
}

// UDP of an established session of this worker: nothing to decide, nothing to track.
static inline bool is_plain(
	const struct turn *t, const struct rte_mbuf *m, struct session_dir *d, session_ref ref) {
	return d->proto == IPPROTO_UDP && dir_owner(d) == t->owner &&
		d->generation == t->generation && (!(ref & 1) || d->state == SESSION_UDP) &&
		(t->arc != DP_ARC_L2_OUT || path_between(m, ref));
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
	if (t->arc == DP_ARC_L2_OUT)
		return dp_arc_run_next(&t->on, t->self, DP_ARC_L2_OUT, dp_meta(m)->out);
	rte_edge_t on = dp_arc_run_next(&t->on, t->self, DP_ARC_L3_IN, dp_meta(m)->iface);
	return likely(on == t->last) ? path_hop(m, d, on, hop) : on;
}

static __rte_always_inline void pass_flows(
	const struct batch *b, struct turn *t, struct rte_mbuf **m, unsigned n, rte_edge_t *next) {
	for (unsigned i = 0; i < n; i++) {
		session_ref ref = b->ref[i];
		struct session_dir *d = ref_dir(ref);
		uint8_t *ip = ip_of(m[i]);

		if (unlikely(
			    ref == 0 || !batch_is(d, b->head[i], ip) || !is_plain(t, m[i], d, ref)))
			next[i] = batch_other(b, i, t->self, t->arc, m[i]);
		else if (likely(!head_v6(b->head[i])))
			next[i] = pass_plain(t, m[i], ip, d, ref, false);
		else
			next[i] = pass_plain(t, m[i], ip, d, ref, true);
	}
}

// node: where the packets of a vector, which all have IP behind 14 bytes, go.
static __rte_always_inline void batch_run(
	const struct dp_node *self, enum dp_arc arc, void **objs, unsigned n, rte_edge_t *next) {
	struct rte_mbuf **m = (struct rte_mbuf **)objs;
	struct batch b;

	if (n == 0)
		__builtin_unreachable(); // rte_graph calls no node for nothing
	if (unlikely(dp_self->explains)) {
		for (unsigned i = 0; i < n; i++)
			next[i] = path_explain(self, arc, m[i], ip_of(m[i]));
		return;
	}
	batch_hash(&b, m, n);
	batch_tags(&b, n);
	struct turn t = turn_begin(self, arc);
	pass_flows(&b, &t, m, n, next);
}
