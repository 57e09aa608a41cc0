// SPDX-License-Identifier: BSD-3-Clause
// The data plane as network functions see it: packet metadata, nodes, arcs, drops, ports, workers.
//
// One rte_graph per worker. A packet moves node to node; functions meet at arcs. Everything that all
// functions share with the fast path is here; nothing here names a function.
//
// Who may call what: "control" = the control thread, at init, in prepare/commit/release or later;
// "node" = inside a node's process function, on any worker.
#pragma once

#include "lib/err.h"
#include <jansson.h>
#include <rte_ether.h>
#include <rte_graph.h>
#include <rte_graph_worker.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <stdbool.h>
#include <stdint.h>

#define DP_VECTOR      256  // packets that a node works on at a time
#define DP_MAX_PORTS   32   // RTE_MAX_ETHPORTS of Debian's DPDK, bond members included
#define DP_MAX_IFACES  4096 // interfaces: ports first (index = port), then routed interfaces
#define DP_MAX_WORKERS 17   // rows of what each worker has its own of
#define DP_EXPLAINER \
	(DP_MAX_WORKERS - 1) // the last row is for dp_explain(); workers have lower numbers
#define DP_MAX_DROPS 512     // drop reasons, all functions together
#define DP_ARC_SLOTS 32      // nodes on one arc, its end included
#define DP_MTU_MAX   9216
#define DP_NONE      UINT16_MAX

// ---- packet metadata -------------------------------------------------------------------------------

// Travels in the mbuf (a dynamic field), valid from port_rx to port_tx. The port that a packet came in by
// is m->port (a port index, set by port_rx). A field is undefined until a node of the packet's path sets it.
struct dp_meta {
	uint16_t iface; // the interface it is being processed on (a routed one); ports: m->port
	uint16_t out;   // port that it leaves by: read by port_tx
	uint16_t vlan;  // VLAN id it was classified to by the switch; 0: none
	uint16_t
		drop; // why, when it goes to the drop node; where it goes on, while it is handed over
	uint32_t domain; // switch or VRF index
	uint32_t user;   // scratch between two neighbouring nodes of one function
};

// Where in the mbuf: the end of its room for dynamic fields, which DPDK gives to whoever asks for it. A constant: every node reads
// it several times a packet.
enum { dp_meta_offset = sizeof(struct rte_mbuf) - sizeof(struct dp_meta) };
_Static_assert(dp_meta_offset >= offsetof(struct rte_mbuf, dynfield1), "room in the mbuf");
extern uint64_t dp_trace_flag; // this bit of ol_flags: the packet is traced

static inline struct dp_meta *dp_meta(struct rte_mbuf *m) {
	return RTE_MBUF_DYNFIELD(m, dp_meta_offset, struct dp_meta *);
}

// ---- nodes and arcs --------------------------------------------------------------------------------

enum dp_arc {
	DP_ARC_NONE,
	DP_ARC_PORT_IN,  // every frame that a port received; ends in eth_input
	DP_ARC_L2_IN,    // frames of switch ports; ends in switch_input
	DP_ARC_L2_OUT,   // frames that a switch sends to a port; goes on into port-out
	DP_ARC_L3_IN,    // IP packets on a routed interface
	DP_ARC_L3_OUT,   // IP packets about to leave by a routed interface
	DP_ARC_LOCAL,    // packets for this box
	DP_ARC_PORT_OUT, // every frame about to leave by a port; ends in port_tx
	DP_ARC_COUNT,
};

struct dp_drop {
	const char *why; // "runt": the drop is called drop_<node>_runt
	const char *help;
};

typedef uint16_t (*dp_process_fn)(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n);

// One per node, at the end of node_<x>.c, registered by DP_NODE. Edges of the rte_graph node are laid out as:
// `next` in order, then drop, then for each arc that it is on or starts, the nodes of that arc.
struct dp_node {
	const char *name; // = file = function prefix
	const char *help;
	dp_process_fn process;
	bool source; // called on every turn of the loop with no packets; where packets come from
	// The arc it sits on, and its neighbours there by node name ({NULL}-terminated, may be NULL). Enabled per
	// interface with dp_arc_enable(); an arc's end is always enabled.
	enum dp_arc arc;
	bool arc_end;
	bool odd_only; // packets that dp_arc_next_plain() is for are none of its business
	const char *const *after;
	const char *const *before;
	enum dp_arc starts[4]; // arcs that it starts packets on
	bool hands_over;       // dp_hand_over() takes its packets to itself on another worker
	const char *const *next;
	const struct dp_drop *drops; // closed by {0}
	// One line on what this node sees in the packet, for `leat trace`; NULL: name only. Returns bytes written.
	int (*trace)(const struct rte_mbuf *m, char *buf, size_t size);
	// Further lines for `leat explain packet` (dp_explain_say()), before process() sees the packet: what the node's tables say of it,
	// by the node's own functions. On the control thread: may allocate, and ask what only control knows. May be NULL.
	void (*explain)(const struct rte_mbuf *m, json_t *lines);
	// set once by registration, before any graph exists; read by the inlines below
	rte_edge_t drop_edge;
	uint16_t drop_base;
	uint16_t base[DP_ARC_COUNT]; // edge of an arc's slot 0
	uint16_t slot[DP_ARC_COUNT]; // its own place on an arc; 0: start of the arc
	rte_edge_t over_edge;        // to the node that hands over
	uint16_t over_index;         // what it is there
	rte_node_t id;
	struct dp_node *link;
};

// Defines the constructor that registers `desc` (a static struct dp_node) and the process function that
// rte_graph calls: one predictable branch per vector for trace, then desc.process inlined.
#define DP_NODE(desc)                                                                            \
	static uint16_t desc##_run(                                                              \
		struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t nb_objs) { \
		if (unlikely(dp_tracing))                                                        \
			dp_trace_visit(&desc, objs, nb_objs);                                    \
		return desc##_process(graph, node, objs, nb_objs);                               \
	}                                                                                        \
	RTE_INIT(desc##_register) {                                                              \
		desc.process = desc##_run;                                                       \
		dp_node_register(&desc);                                                         \
	}

void dp_node_register(struct dp_node *node); // constructors only
extern volatile bool dp_tracing;
void dp_trace_visit(const struct dp_node *node, void **objs, uint16_t n); // node

// next[iface][slot] = slot of the next enabled node, the arc's end at last. Written by control, one byte at a
// time; read by nodes. l2-out and l3-out run on into port-out in the table, without a node in between.
struct dp_arc_table {
	uint8_t next[DP_MAX_IFACES][DP_ARC_SLOTS];
	uint32_t odd_only; // a bit per slot
	uint8_t end;       // slot of the last node
};
extern struct dp_arc_table dp_arc_tables[DP_ARC_COUNT];

// node: the edge by which a packet on interface `iface` continues along (or starts) `arc`.
static inline rte_edge_t dp_arc_next(const struct dp_node *self, enum dp_arc arc, unsigned iface) {
	return self->base[arc] + dp_arc_tables[arc].next[iface][self->slot[arc]];
}

// node: the same for a packet on an l3 arc that another host sent in one piece: past nodes that are for fragments, for what was put
// together of them, and for this box's own packets.
static inline rte_edge_t dp_arc_next_plain(
	const struct dp_node *self, enum dp_arc arc, unsigned iface) {
	const struct dp_arc_table *table = &dp_arc_tables[arc];
	unsigned slot = table->next[iface][self->slot[arc]];

	while (table->odd_only >> slot & 1)
		slot = table->next[iface][slot];
	return (rte_edge_t)(self->base[arc] + slot);
}

// node: the edge to the last node of `arc`.
static inline rte_edge_t dp_arc_last(const struct dp_node *self, enum dp_arc arc) {
	return self->base[arc] + dp_arc_tables[arc].end;
}

// The same for packets that mostly are of one interface: the edge of the last one is remembered. Begins as DP_ARC_RUN, and lives for
// one vector.
struct dp_arc_run {
	uint16_t iface;
	rte_edge_t next;
};
#define DP_ARC_RUN \
	{ .iface = DP_NONE }

static inline rte_edge_t dp_arc_run_next(
	struct dp_arc_run *run, const struct dp_node *self, enum dp_arc arc, uint16_t iface) {
	if (unlikely(iface != run->iface))
		*run = (struct dp_arc_run){.iface = iface, .next = dp_arc_next(self, arc, iface)};
	return run->next;
}

// control: puts `node` on its arc for packets of `iface`, or takes it off. Takes effect packet by packet.
int dp_arc_enable(const char *node, unsigned iface, bool on, struct err *err);
// control: whether all nodes that are on `arc` for packets of `iface` are among `names` ({NULL}-terminated). Its end is not asked about.
bool dp_arc_only(enum dp_arc arc, unsigned iface, const char *const *names);
// control: whether somebody looks at packets as they pass: `leat capture`, `leat trace`.
bool dp_watched(void);

// node: marks the packet as dropped for the reason `why` (index into self->drops); returns its edge.
static inline rte_edge_t dp_drop(const struct dp_node *self, struct rte_mbuf *m, unsigned why) {
	dp_meta(m)->drop = self->drop_base + why;
	return self->drop_edge;
}

// ---- from worker to worker --------------------------------------------------------------------------
//
// State that only one worker may write (sessions, fragments) has an owner, found by a hash of what the packets of one
// piece of state have in common. A node with .hands_over that sees another worker's packet gives it away; it comes to the same node
// there, on that worker's next turn, with its dp_meta (but for .drop) as it was. One bounded ring per worker: what finds it full is
// dropped (drop_hand_over_full). Packets that one worker hands to another stay in order.
//
//   unsigned owner = dp_owner(hash);
//   next[i] = owner == dp_self->id ? mine(m) : dp_hand_over(&self, m, owner);

extern uint16_t dp_owners; // workers that packets are spread over; at least 1

// node or control: the worker that owns what hashes so (all 32 bits count). Changes with the number of workers: what the owner
// before has is then found by nobody, and must age.
static inline unsigned dp_owner(uint32_t hash) {
	return (unsigned)((uint64_t)hash * __atomic_load_n(&dp_owners, __ATOMIC_RELAXED) >> 32);
}

// node: the edge by which `m` goes to this same node on `worker`, another one.
static inline rte_edge_t dp_hand_over(
	const struct dp_node *self, struct rte_mbuf *m, unsigned worker) {
	dp_meta(m)->drop = (uint16_t)(self->over_index << 8 | worker);
	return self->over_edge;
}

// node: sends objs[i] along edge next[i]. When all go one way the whole stream moves at once, else runs of
// equal edges are copied. 1 ≤ n ≤ DP_VECTOR; `whole`: objs is all that the node was called with.
static inline void dp_enqueue(struct rte_graph *graph, struct rte_node *node, void **objs,
	const rte_edge_t *next, uint16_t n, bool whole) {
	uint16_t start = 0, differ = 0;
	if (n == 0)
		__builtin_unreachable(); // rte_graph calls no node for nothing
	for (uint16_t i = 0; i < n;
		i++) // no way out of this loop: the compiler makes vector code of it
		differ |= next[i] ^ next[0];
	if (likely(differ == 0 && whole)) {
		rte_node_next_stream_move(graph, node, next[0]);
		return;
	}
	for (uint16_t i = 1; i < n; i++) {
		if (next[i] == next[start])
			continue;
		rte_node_enqueue(graph, node, next[start], objs + start, i - start);
		start = i;
	}
	rte_node_enqueue(graph, node, next[start], objs + start, n - start);
}

// node: calls chunk(graph, node, objs, n, whole) for at most DP_VECTOR packets at a time; `whole` as above. A
// stream may be longer than a vector (floods, reassembly). Returns n.
static __rte_always_inline uint16_t dp_in_chunks(struct rte_graph *graph, struct rte_node *node,
	void **objs, uint16_t n,
	void (*chunk)(struct rte_graph *, struct rte_node *, void **, uint16_t, bool)) {
	if (likely(n <= DP_VECTOR)) {
		chunk(graph, node, objs, n, true);
		return n;
	}
	for (uint16_t i = 0; i < n; i += RTE_MIN(DP_VECTOR, n - i))
		chunk(graph, node, objs + i, RTE_MIN(DP_VECTOR, n - i), false);
	return n;
}

// ---- ports -----------------------------------------------------------------------------------------

enum dp_port_mode {
	DP_PORT_UNUSED, // frames are dropped: drop_eth_input_unused
	DP_PORT_L2,     // frames start the l2-in arc
	DP_PORT_L3,     // IP and ARP start the l3-in arc or local
};

struct dp_port_info {
	const char *name; // borrowed; valid until the port is released
	uint16_t index;
	uint16_t mtu; // bytes of L3 payload; a frame may have 14 + 8 (two tags) more
	bool link_up;
	uint64_t speed_bps; // 0: unknown
	struct rte_ether_addr mac;
};

// control. Ports of a running or of the prepared configuration: a function's prepare may already look up a port
// that the same transaction adds. Index, or -ENOENT.
int dp_port_find(const char *name);
int dp_port_info(unsigned port, struct dp_port_info *info); // -ENOENT
// control, in commit.
void dp_port_mode_set(unsigned port, enum dp_port_mode mode);
// control, of a running port. The kernel's index of the interface whose frames it gets by a packet socket, -EOPNOTSUPP: by none.
int dp_port_packet_index(unsigned port);
// control: a BPF program (socket filter) that picks from those frames; negative: all are wanted. Ends with the port. Negative errno.
int dp_port_packet_filter(unsigned port, int prog);
// control: called after a port's link went up or down. At most 8 listeners; at init.
void dp_port_on_link(void (*changed)(unsigned port, bool up));

// A port with device = "ring:x" receives from the rte_ring called "ring.x.rx" and sends to "ring.x.tx" (1024 slots),
// which its kind makes: how tests and benches reach it. Both live until the port is gone.
#define DP_RING_RX_NAME "ring.%s.rx"
#define DP_RING_TX_NAME "ring.%s.tx"

// node: a frame came in or left by a port with device = "tunnel:...", whose other side is the caller: counted and captured as the port's.
void dp_port_passed(unsigned port, bool rx, struct rte_mbuf *m);

// node: ports whose link is up, as a bit mask (a switch floods to no dead port).
extern volatile uint32_t dp_ports_up;

// node: fills in now the checksum that a frame asks for, before it is cut or read. 0, or -EINVAL: it is no frame that could ask.
int dp_offload_now(struct rte_mbuf *m);
// node, before a frame becomes the inside of another: does in software all that it asks for, so that it asks for nothing more. A frame
// that is to be cut becomes several of at most `mtu` bytes of L3; they replace it in `out`. How many; what cannot be done is freed and
// counted as drop_port_tx_offload.
uint16_t dp_offload_finish(
	struct rte_mbuf *m, uint16_t mtu, struct rte_mbuf **out, uint16_t out_size);
// node: the frame becomes the inside or the outside of another: what devices and nodes said of it or asked for it holds no more.
static inline void dp_flags_forget(struct rte_mbuf *m) {
	m->ol_flags &= dp_trace_flag | RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
}
// node, after a frame was taken out of another: what was said of the outer one holds no more. Asks again whether the checksum of
// the inner one was left to a device, where the port that it came by (m->port) has senders that do that.
void dp_offload_inner(struct rte_mbuf *m);

// A TAP that a function makes for itself: a port that is in no section, and shows among the ports as `name` (which holds a '/',
// so that no section has it). control only; open in prepare, publish in commit, close in release or abort.
struct dp_tap {
	const char *name;   // of the port
	const char *device; // of the interface
	int tun;            // an open /dev/net/tun; the port owns it, also on error
	uint16_t mtu;
	struct rte_ether_addr mac; // as the port says; the interface's is not touched
};
int dp_tap_open(const struct dp_tap *tap, struct err *err); // index; its carrier is off
void dp_tap_publish(unsigned port, bool on); // gives it to the workers, or takes it from them
void dp_tap_mtu_set(unsigned port, uint16_t mtu);
void dp_tap_carrier_set(unsigned port, bool on); // what the interface's users see of its link
bool dp_tap_lost(unsigned port);  // the interface is gone: deleted, or its namespace was
void dp_tap_close(unsigned port); // unpublished, after dp_sync(), or never published

// ---- interfaces that are not ports ------------------------------------------------------------------

int dp_iface_new(const char *name, struct err *err); // control: index ≥ DP_MAX_PORTS, or -ENOSPC
void dp_iface_free(unsigned iface);                  // control, in release
const char *dp_iface_name(unsigned iface); // control: of a port or such an interface; "-": none

// ---- workers ---------------------------------------------------------------------------------------

struct dp_worker {
	unsigned id;     // 0..dp_worker_count()-1, or DP_EXPLAINER
	bool explains;   // see dp_explain(): what others would notice is left alone
	uint64_t now_ns; // clock_now_ns() as of this turn of the loop
} __rte_cache_aligned;

extern __thread struct dp_worker *dp_self; // node: the worker it runs on

// control: workers that exist now (≤ DP_MAX_WORKERS); 1 with `system.workers = 0`: the one that dp_step() turns.
unsigned dp_worker_count(void);
// control: rows of per-worker state that this resolved tree wants; 0: it is wrong.
unsigned dp_workers_planned(const json_t *tree);
// control: returns after every worker has passed a quiescent state; what was unpublished before may be freed.
void dp_sync(void);
// Tests and benches: with `system.workers = 0` no thread is started and the caller turns the loop itself.
void dp_step(void);

// ---- explaining ------------------------------------------------------------------------------------

// `leat explain packet`: what would become of a packet. It really walks through the nodes and their live tables, on a graph of the
// control thread's own, whose worker has the number DP_EXPLAINER: what each worker has its own of (counters, rings, buckets) is
// written in a row that nobody reads. What workers share is left alone by a look at dp_self->explains, off the fast path: nothing is
// sent, handed over, punted, learnt; no shared bucket, counter or session changes. A node that owns state by worker reads the owner's.
// Why not callbacks beside the nodes: a second implementation would drift from the first.
struct dp_explain_packet {
	const uint8_t *bytes; // from the Ethernet header on, as received
	size_t len, room;     // `len` bytes, then zeros up to `room`; at most one buffer of bytes
	uint16_t
		port; // that it comes in by; UINT16_MAX: by none, but on the routed interface `iface`
	uint16_t iface;
};

// control. *steps: [{packet, node, what: [lines], help}] in the order of the visits, packets numbered from 1 (copies and answers have
// numbers of their own); *ends: [{packet, node, port or drop}]. New references. 0, or a negative errno with err set.
int dp_explain(
	const struct dp_explain_packet *packet, json_t **steps, json_t **ends, struct err *err);
void dp_explain_say(json_t *lines, const char *format, ...) __rte_format_printf(2, 3);

// ---- buffers ---------------------------------------------------------------------------------------

// Buffers of at least 2 KiB of data, for all ports and for packets that functions make. Any thread; not NULL after dp_start().
struct rte_mempool *dp_pool(void);
// control: buffers that fill one page each, as AF_XDP needs them; made at the first call. NULL: out of memory.
struct rte_mempool *dp_pool_pages(void);
// control: buffers of 16 KiB with their headroom (what every NIC's descriptor can tell), for frames that a kernel left to be cut; made at the
// first call. NULL: out of memory; chains of dp_pool() do, too.
struct rte_mempool *dp_pool_large(void);

// ---- start and stop (leatd's main, tests, benches) ----------------------------------------------------

struct dp_start_opts {
	const char *run_dir; // sockets of vhost-user and memif ports
	unsigned memory_mb;  // 0: default 512
	bool no_huge;        // do not even try hugepages
	bool memory_file; // without hugepages: memory that virtio_user can show its peer, in pages of 4 KiB
	bool quiet;     // EAL speaks at warning level only
	unsigned burst; // rx burst; 0: default 64
};

// Before privileges are dropped: takes the XDP programs of leatds that are gone off their interfaces, for which the
// kernel wants CAP_SYS_ADMIN. May be left out.
void dp_start_privileged(void);
// What a resolved tree (NULL: none) says of the start: memory_mb, no_huge, and memory_file when a port is a virtio_user device.
void dp_start_decode(const json_t *tree, struct dp_start_opts *opts);
int dp_start(
	const struct dp_start_opts *opts, struct err *err); // EAL, pools, nodes; before module init
void dp_stop(void);

extern const struct module
	dataplane_module; // sections `ports`, `system`; nouns ports, nodes, drops, workers, system
