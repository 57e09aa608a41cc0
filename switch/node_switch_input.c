// SPDX-License-Identifier: BSD-3-Clause
// The end of the l2-in arc, in three passes over a batch: which VLAN, and fetch the table's lines; look both
// addresses up; decide. A frame to a known station leaves from here, with its tag; anything that has to be
// copied goes to switch_flood.
#include "switch/switch_priv.h"
#include <stdio.h>

// Two lines of the table per frame: more frames would push each other out of the first cache.
#define BATCH 64u

enum { NEXT_FLOOD };

enum {
	DROP_NO_SWITCH,
	DROP_UNTAGGED,
	DROP_TAGGED,
	DROP_VLAN,
	DROP_TRUNCATED,
	DROP_RESERVED,
	DROP_PINNED,
	DROP_HAIRPIN,
	DROP_ISOLATED,
	DROP_PORT_DOWN,
	DROP_NOT_MEMBER,
	DROP_NO_ROOM,
	DROP_STORM, // three: one per class
};

static const struct dp_drop switch_input_drops[] = {
	[DROP_NO_SWITCH] = {"no_switch", "the port has just left its switch"},
	[DROP_UNTAGGED] = {"untagged", "no tag, on a trunk without a native VLAN"},
	[DROP_TAGGED] = {"tagged", "a VLAN tag, on an access port"},
	[DROP_VLAN] = {"vlan",
		"the port is not in the frame's VLAN, or the tag is of the wrong type"},
	[DROP_TRUNCATED] = {"truncated", "the frame ends within its tag"},
	[DROP_RESERVED] = {"reserved", "to 01:80:c2:00:00:0x: for the neighbour only"},
	[DROP_PINNED] = {"pinned", "from a station that is static on another port"},
	[DROP_HAIRPIN] = {"hairpin", "the station is on the port that the frame came in by"},
	[DROP_ISOLATED] = {"isolated", "from an isolated port to another one"},
	[DROP_PORT_DOWN] = {"port_down", "the station's port has no link"},
	[DROP_NOT_MEMBER] = {"not_member", "the station's port has just left the VLAN"},
	[DROP_NO_ROOM] = {"no_room", "no room for the tag before the frame"},
	[DROP_STORM + STORM_BROADCAST] = {"storm_broadcast", "over the port's broadcast limit"},
	[DROP_STORM + STORM_MULTICAST] = {"storm_multicast", "over the port's multicast limit"},
	[DROP_STORM +
		STORM_UNKNOWN] = {"storm_unknown", "over the port's limit for unknown stations"},
	{0},
};

static int switch_input_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	const struct sw_port *port = &sw_state_get()->ports[m->port % DP_MAX_PORTS];
	const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);

	return snprintf(buf, size,
		"switch %u, %02x:%02x:%02x:%02x:%02x:%02x > %02x:%02x:%02x:%02x:%02x:%02x, type "
		"%02x%02x",
		port->domain, b[6], b[7], b[8], b[9], b[10], b[11], b[0], b[1], b[2], b[3], b[4],
		b[5], b[12], b[13]);
}

static const char *const switch_input_next[] = {[NEXT_FLOOD] = "switch_flood", NULL};

static void switch_input_explain(const struct rte_mbuf *m, json_t *lines);

static struct dp_node switch_input = {
	.name = "switch_input",
	.help = "finds the frame's VLAN and its station's port",
	.arc = DP_ARC_L2_IN,
	.arc_end = true,
	.starts = {DP_ARC_L2_OUT, DP_ARC_L3_IN},
	.next = switch_input_next,
	.drops = switch_input_drops,
	.trace = switch_input_trace,
	.explain = switch_input_explain,
};

// One frame of a batch, between the passes.
struct frame {
	const struct sw_port *port; // NULL: dropped already
	struct vlan_class class;
};

struct header {
	uint64_t words[2]; // addresses, type, TCI
};

static inline struct header header_load(const struct rte_mbuf *m) {
	struct header h;

	memcpy(&h, rte_pktmbuf_mtod(m, const void *), sizeof(h));
	return h;
}

#define MAC_MASK 0xffffffffffffull

static inline uint64_t header_dst(struct header h) {
	return h.words[0] & MAC_MASK;
}

static inline uint64_t header_src(struct header h) {
	return h.words[0] >> 48 | (h.words[1] & 0xffffffff) << 16;
}

#define BROADCAST      MAC_MASK
#define RESERVED_GROUP 0x0000c28001ull // 01:80:c2:00:00:0x, low byte first
#define RESERVED_MASK  0xf0ffffffffffull

static __rte_noinline rte_edge_t classify_drop(
	struct rte_mbuf *m, const struct sw_port *port, enum vlan_verdict verdict) {
	static const uint8_t why[] = {
		[VLAN_BAD_UNTAGGED] = DROP_UNTAGGED,
		[VLAN_BAD_TAGGED] = DROP_TAGGED,
		[VLAN_BAD_MEMBER] = DROP_VLAN,
		[VLAN_BAD_TRUNCATED] = DROP_TRUNCATED,
	};

	if (port->vlan.mode == VLAN_NONE)
		return dp_drop(&switch_input, m, DROP_NO_SWITCH);
	return dp_drop(&switch_input, m, why[verdict]);
}

// Known, but not to be sent there: why?
static __rte_noinline rte_edge_t unicast_drop(
	struct rte_mbuf *m, const struct sw_port *port, const struct vlan_info *v, unsigned out) {
	if (out == port->vlan.bit_index)
		return dp_drop(&switch_input, m, DROP_HAIRPIN);
	if (!(v->members >> out & 1))
		return dp_drop(&switch_input, m, DROP_NOT_MEMBER);
	if (!(port->reach >> out & 1))
		return dp_drop(&switch_input, m, DROP_ISOLATED);
	return dp_drop(&switch_input, m, DROP_PORT_DOWN);
}

static __rte_noinline rte_edge_t to_router(
	struct rte_mbuf *m, const struct vlan_info *v, uint32_t tag) {
	uint16_t iface = __atomic_load_n(&v->routed, __ATOMIC_RELAXED);

	if (iface == 0)
		return dp_drop(&switch_input, m, DROP_NOT_MEMBER);
	sw_tag_set(m, tag, 0, 0);
	dp_meta(m)->iface = iface;
	return dp_arc_next(&switch_input, DP_ARC_L3_IN, iface);
}

// Broadcast, multicast, and stations that nobody knows.
static __rte_noinline rte_edge_t to_many(
	struct rte_mbuf *m, const struct sw_port *port, uint64_t dst, uint32_t tag) {
	struct sw_counters *counters = sw_counters_of(port->vlan.bit_index);
	enum storm_class class = STORM_UNKNOWN;

	if (dst & 1)
		class = dst == BROADCAST ? STORM_BROADCAST : STORM_MULTICAST;
	if ((dst & RESERVED_MASK) == RESERVED_GROUP)
		return dp_drop(&switch_input, m, DROP_RESERVED);
	if (port->limits[class].cost != 0 && !dp_self->explains &&
		!bucket_take(&sw_storm_buckets[port->vlan.bit_index][class], &port->limits[class],
			dp_self->now_ns)) {
		sw_count(&counters->storm_dropped[class], 1);
		return dp_drop(&switch_input, m, DROP_STORM + class);
	}
	sw_count(&counters->flooded[class], 1);
	dp_meta(m)->user = tag;
	return NEXT_FLOOD;
}

// The frame's VLAN and the places to look in, which are on their way into the cache when this returns. A frame that
// belongs to no VLAN is dropped, its probe finds nothing.
static inline void classify(struct rte_mbuf *m, const struct sw_port *port, struct frame *f,
	struct fdb_probe *probe, const struct fdb_table *fdb, rte_edge_t *next) {
	struct header h = header_load(m);
	enum vlan_verdict verdict = vlan_classify(&port->vlan, port->vlans,
		(uint16_t)(h.words[1] >> 32), (uint16_t)(h.words[1] >> 48), m->data_len, &f->class);

	f->port = port;
	if (unlikely(verdict != VLAN_OK)) {
		*next = classify_drop(m, port, verdict);
		f->port = NULL;
		f->class.vlan = 0;
	}
	probe->src_key = fdb_key(header_src(h), f->class.vlan);
	probe->dst_key = fdb_key(header_dst(h), f->class.vlan);
	probe->src = fdb_bucket_of(fdb, probe->src_key);
	probe->dst = fdb_bucket_of(fdb, probe->dst_key);
	rte_prefetch0(probe->src);
	rte_prefetch0(probe->dst);
	rte_prefetch0(dp_meta(m));
}

// A virtual router's MAC address (RFC 9568 section 7.3) is its master's, whoever that is at the moment: two must hear each other to find out.
static bool is_shared(unsigned src_port, uint64_t src_key) {
	unsigned kind = src_key >> 32 & 0xff;

	return src_port & FDB_SELF_BIT && (uint32_t)src_key == 0x005e0000 &&
		(kind == 1 || kind == 2);
}

static inline rte_edge_t decide(struct rte_mbuf *m, const struct frame *f,
	const struct fdb_probe *probe, uint32_t ports_up) {
	const struct sw_port *port = f->port;
	const struct vlan_info *v = &port->vlans[f->class.vlan];
	uint32_t tag = f->class.tag;
	struct dp_meta *meta = dp_meta(m);
	unsigned out = probe->dst_port;

	meta->vlan = (uint16_t)f->class.vlan;
	meta->domain = port->domain;
	if (unlikely((probe->src_port & ~FDB_STATIC_BIT) != port->vlan.bit_index)) {
		bool is_static = probe->src_port != FDB_MISS && probe->src_port & FDB_STATIC_BIT;

		if (is_static && !is_shared(probe->src_port, probe->src_key))
			return dp_drop(&switch_input, m, DROP_PINNED);
		if (port->learning && !is_static)
			sw_learn_send(probe->src_key, port->vlan.bit_index, port->domain,
				dp_self->now_ns);
	}
	if (unlikely(out == FDB_MISS))
		return to_many(m, port, probe->dst_key & MAC_MASK, tag);
	if (unlikely(out & FDB_SELF_BIT))
		return to_router(m, v, tag);
	out &= FDB_PORT_MASK;
	if (unlikely(!((v->members & port->reach & ports_up) >> out & 1)))
		return unicast_drop(m, port, v, out);
	if (unlikely(!sw_tag_egress(m, tag, v, f->class.vlan, out)))
		return dp_drop(&switch_input, m, DROP_NO_ROOM);
	meta->out = (uint16_t)out;
	return dp_arc_next(&switch_input, DP_ARC_L2_OUT, out);
}

static const char *station_at(unsigned found, struct dp_port_info *info) {
	if (found == FDB_MISS)
		return "nowhere yet";
	if (found & FDB_SELF_BIT)
		return "this switch's router";
	return dp_port_info(found & FDB_PORT_MASK, info) == 0 ? info->name : "a port that is gone";
}

static void switch_input_explain(const struct rte_mbuf *m, json_t *lines) {
	const struct sw_port *port = &sw_state_get()->ports[m->port % DP_MAX_PORTS];
	const struct fdb_table *fdb = atomic_load_explicit(port->fdb, memory_order_acquire);
	struct fdb_probe probe = {.tick = fdb_tick(fdb, dp_self->now_ns)};
	struct dp_port_info src, dst;
	struct frame f;
	rte_edge_t next;

	classify((struct rte_mbuf *)(uintptr_t)m, port, &f, &probe, fdb, &next);
	if (f.port == NULL)
		return; // the drop says why
	sw_resolve(&probe, 1);
	dp_explain_say(lines, "VLAN %u", f.class.vlan);
	dp_explain_say(lines, "the source is at: %s", station_at(probe.src_port, &src));
	dp_explain_say(lines, "the destination is at: %s", station_at(probe.dst_port, &dst));
}

static inline void batch(
	const struct sw_state *st, struct rte_mbuf **m, rte_edge_t *next, unsigned n) {
	struct fdb_probe probes[BATCH];
	struct frame frames[BATCH];
	const struct sw_port *port = NULL;
	const struct fdb_table *fdb = NULL;
	uint32_t ports_up = dp_ports_up;
	unsigned last = UINT32_MAX;
	uint16_t tick = 0;

	for (unsigned i = 0; i < n; i++) {
		if (m[i]->port != last) {
			last = m[i]->port;
			port = &st->ports[last];
			fdb = atomic_load_explicit(port->fdb, memory_order_acquire);
			tick = fdb_tick(fdb, dp_self->now_ns);
		}
		probes[i].tick = tick;
		classify(m[i], port, &frames[i], &probes[i], fdb, &next[i]);
	}
	sw_resolve(probes, n);
	for (unsigned i = 0; i < n; i++)
		if (likely(frames[i].port != NULL))
			next[i] = decide(m[i], &frames[i], &probes[i], ports_up);
}

static __rte_always_inline void chunk(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n, bool whole) {
	const struct sw_state *st = sw_state_get();
	rte_edge_t next[DP_VECTOR];

	if (n == 0)
		__builtin_unreachable(); // rte_graph calls no node without packets
	for (unsigned i = 0; i < n; i += BATCH)
		batch(st, (struct rte_mbuf **)objs + i, next + i, RTE_MIN(BATCH, (unsigned)n - i));
	dp_enqueue(graph, node, objs, next, n, whole);
}

static uint16_t switch_input_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	return dp_in_chunks(graph, node, objs, n, chunk);
}

DP_NODE(switch_input)
