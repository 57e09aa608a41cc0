// SPDX-License-Identifier: BSD-3-Clause
// The data plane among its own files: workers, the graph, buffers, taps.
#pragma once

#include "dataplane/dataplane.h"
#include "dataplane/port.h"
#include "lib/module.h"
#include <pthread.h>
#include <rte_mempool.h>
#include <rte_ring.h>

// ---- EAL (eal.c) -------------------------------------------------------------------------------------

struct dp_eal_info {
	bool started;
	bool huge;          // hugepages in use
	unsigned memory_mb; // asked for at start
	unsigned burst;     // of ports, unless the config says another
	unsigned simd_bits; // widest vector code that DPDK may choose
	// Not cleaned up before the process ends. A memif server's driver leaves a socket with DPDK's interrupt
	// thread, which rte_eal_cleanup() wakes while it unmaps the memory that describes it.
	bool keep;
	const char *run_dir;
	const char *why_no_huge; // "" when huge
	bool shareable;          // its memory can be given to another process
	uint64_t start_ns;
};
extern struct dp_eal_info dp_eal;

// control: packet buffers that exist and are in use, of all pools.
void dp_buffers_count(unsigned *total, unsigned *used);

// The CPUs that the process may use, lowest first; the first is the control thread's. Returns how many.
unsigned dp_cpus(unsigned *cpus, unsigned size);

// ---- graph (graph.c) ----------------------------------------------------------------------------------

struct dp_node_count {
	uint64_t calls, packets, cycles;
};

struct dp_drop_info {
	const struct dp_node *node;
	const struct dp_drop *drop;
};

// control: lays out arcs and edges of every registered node. Called again when nodes were added since (a
// plugin); after the first graph exists, new nodes are refused.
int dp_graph_layout(struct err *err);
// control: one graph for one worker; its counters continue those of the worker's earlier graphs.
int dp_graph_new(unsigned worker, rte_graph_t *id, struct err *err);
void dp_graph_free(
	unsigned worker, rte_graph_t id); // the worker must be stopped or have another one
void dp_graph_fini(void);

const struct dp_node *dp_node_next(const struct dp_node *node); // NULL: the first; ends with NULL
// `id` is the worker's present graph, or RTE_GRAPH_ID_INVALID.
void dp_node_count(
	unsigned worker, rte_graph_t id, const struct dp_node *node, struct dp_node_count *count);
unsigned dp_drop_reasons(void);
const char *dp_drop_name(
	unsigned reason, char *buf, size_t size); // "drop_<node>_<why>"; returns buf
// control: packets that came in by `port` (DP_MAX_PORTS: by none) and were dropped, since the port exists.
uint64_t dp_drops_count(unsigned port, unsigned reason);
const char *dp_drops_port(
	unsigned port);            // the name, also of a port that is gone; "" when never used
void dp_drops_ports_changed(void); // control: after dp_ports changed
const struct dp_drop_info *dp_drop_info(unsigned reason);
const char *dp_arc_name(enum dp_arc arc);

// ---- workers (worker.c) -------------------------------------------------------------------------------

// One rx queue in a worker's list. Immutable once published.
struct dp_poll_queue {
	const struct dp_port *port;
	uint16_t index, queue;
	bool fix_port, rx_guess;
};

// Packets that other workers hand over because the port has fewer tx queues than there are workers.
struct dp_poll_ring {
	struct rte_ring *ring;
	uint16_t port;
};

// What port_rx polls. Built and freed by control, read by one worker.
struct dp_poll {
	struct dp_poll *retired; // next of those that wait for dp_sync()
	uint16_t n, n_rings;
	struct dp_poll_ring rings[DP_MAX_PORTS];
	struct dp_poll_queue queues[];
};

enum dp_worker_state { DP_WORKER_STEPPED, DP_WORKER_RUNNING, DP_WORKER_IDLE, DP_WORKER_STUCK };

struct worker {
	struct dp_worker pub; // first: dp_self points here

	// the worker's own, nobody else writes
	uint64_t rx_packets;
	uint64_t loops; // also the heartbeat
	uint64_t busy_cycles, idle_cycles;
	uint64_t turn_tsc;  // when the last turn began
	uint64_t clock_tsc; // when now_ns was read
	uint64_t idle_tsc;  // since when nothing came
	uint32_t idle_turns, sleep_us;
	uint16_t cursor; // the queue that the next turn begins with
	bool sleeping;

	// control writes, the worker reads
	struct dp_poll *poll __rte_cache_aligned;
	struct rte_graph *graph;
	bool stop;

	// control only
	bool exists, threaded;
	rte_graph_t graph_id;
	pthread_t thread;
	unsigned cpu;
	int started; // 0: not yet; 1: runs; negative errno
	bool stuck;
	uint64_t seen_loops, seen_ns;
	unsigned seen_polls;
	uint64_t window_ns, window_busy, window_idle;
	double busy_percent;
} __rte_cache_aligned;

struct dp_workers_conf {
	unsigned n; // 0: no threads; the caller turns the loop with dp_step()
	bool adaptive;
	uint16_t burst;
	unsigned n_cpus;
	unsigned cpus[DP_MAX_WORKERS];
};

// Drop counters: written by the worker only. The last row is for packets of no port.
struct dp_drop_table {
	uint64_t count[DP_MAX_PORTS + 1][DP_MAX_DROPS];
};
extern struct dp_drop_table
	*dp_drop_tables[DP_MAX_WORKERS]; // made with the worker, kept until dp_stop()

extern struct worker dp_workers[DP_MAX_WORKERS];
extern uint16_t dp_burst;
// dp_tx_rings[port][owner]: NULL when every worker has a queue of its own. Kept until dp_stop().
extern struct rte_ring *dp_tx_rings[DP_MAX_PORTS][DP_MAX_WORKERS];

// What other workers hand over to a worker: many write, it alone reads. Made with the worker, kept until dp_stop().
#define DP_OVER_SLOTS 2048
extern struct rte_ring *dp_over_rings[DP_MAX_WORKERS];

int dp_workers_init(struct err *err);
void dp_workers_fini(void);
// The transaction's steps: add starts workers that poll nothing yet, set moves the queues to the new
// number of workers, trim stops those that are left over (after dp_sync()), drop undoes add.
int dp_workers_add(const struct dp_workers_conf *conf, struct err *err);
void dp_workers_set(const struct dp_workers_conf *conf);
void dp_workers_trim(void);
void dp_workers_poll(uint64_t now_ns);
bool dp_workers_threaded(void);

static inline struct worker *dp_worker_self(void) {
	return (struct worker *)dp_self;
}

// ---- trace and capture (trace.c, capture.c) -------------------------------------------------------------

enum { DP_TAP_TRACE = 1 << 0, DP_TAP_CAPTURE = 1 << 1 };
extern volatile unsigned dp_taps; // one branch per burst in port_rx and port_tx

// node: `pkts` came in by (`rx`) or leave by `port`. Flags packets to trace, copies those to capture.
void dp_tap(unsigned port, bool rx, struct rte_mbuf **pkts, uint16_t n);
extern int dp_trace_id_offset; // dynamic field: copies of a packet carry its number along
void dp_trace_match(struct rte_mbuf **pkts, uint16_t n);
void dp_capture_match(unsigned port, bool rx, struct rte_mbuf **pkts, uint16_t n);

extern const struct schema_row dp_trace_args[], dp_capture_args[];
int dp_trace_open(const json_t *args, void **ctx, struct err *err);
ssize_t dp_trace_read(void *ctx, void *buf, size_t size);
void dp_trace_close(void *ctx);
int dp_capture_open(const json_t *args, void **ctx, struct err *err);
ssize_t dp_capture_read(void *ctx, void *buf, size_t size);
void dp_capture_close(void *ctx);
void dp_trace_fini(void);

// ---- faces (api.c) ----------------------------------------------------------------------------------------

extern const struct schema_row dp_sections[];
extern struct module_noun dp_nouns[];
extern const struct module_stream dp_streams[];
// Fills `conf` from the resolved tree (defaults when the section is absent), and checks what rows cannot.
int dp_system_decode(const json_t *tree, struct dp_workers_conf *conf, struct err *err);
void dp_system_init(void); // remembers how the process was started
void dp_system_log_level(const json_t *tree);
