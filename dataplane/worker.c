// SPDX-License-Identifier: BSD-3-Clause
// Workers: threads that turn the graph. They share nothing that they write. Control publishes what they read
// (list of queues, graph) by pointer swaps, and frees it after rte_rcu_qsbr says that all of them passed.
#include "dataplane/dataplane_priv.h"
#include "dataplane/explain.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include <errno.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_pause.h>
#include <rte_rcu_qsbr.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define SPIN_TURNS     512 // empty turns before the first sleep: some 50 us
#define SLEEP_MIN_US   10
#define SLEEP_MAX_US   250
#define SLEEP_LONG_US  1000 // after LONG_IDLE_S without a packet
#define LONG_IDLE_S    1
#define CLOCK_STALE_US 4 // how old now_ns may be
#define STUCK_S        2
#define STUCK_POLLS    8 // the control thread itself may have been away
#define WINDOW_NS      NSEC_PER_SEC
#define HANDOVER_SLOTS 1024

struct worker dp_workers[DP_MAX_WORKERS];
struct dp_drop_table *dp_drop_tables[DP_MAX_WORKERS];
struct rte_ring *dp_tx_rings[DP_MAX_PORTS][DP_MAX_WORKERS];
struct rte_ring *dp_over_rings[DP_MAX_WORKERS];
uint16_t dp_burst = 64;
uint16_t dp_owners = 1;
__thread struct dp_worker *dp_self;

static struct rte_rcu_qsbr *rcu;
static unsigned n_workers; // that queues are spread over
static bool threaded;
static bool adaptive = true;
static struct dp_poll *retired; // replaced lists, until every worker has passed
static struct dp_poll nothing_to_poll;

unsigned dp_worker_count(void) {
	return n_workers;
}

bool dp_workers_threaded(void) {
	return threaded;
}

int dp_workers_init(struct err *err) {
	rcu = rte_zmalloc("rcu", rte_rcu_qsbr_get_memsize(DP_MAX_WORKERS), RTE_CACHE_LINE_SIZE);
	if (!rcu || rte_rcu_qsbr_init(rcu, DP_MAX_WORKERS) != 0)
		return err_set(err, -ENOMEM, "out of memory for the workers");
	for (unsigned i = 0; i < DP_MAX_WORKERS; i++) {
		dp_workers[i] = (struct worker){.pub.id = i, .poll = &nothing_to_poll};
		dp_workers[i].graph_id = RTE_GRAPH_ID_INVALID;
	}
	return 0;
}

// ---- the loop ----------------------------------------------------------------------------------------

static inline uint64_t us_cycles(uint64_t us) {
	return rte_get_tsc_hz() / 1000000 * us;
}

static inline void now_refresh(struct worker *w, uint64_t tsc) {
	static uint64_t stale;

	if (unlikely(stale == 0))
		stale = us_cycles(CLOCK_STALE_US);
	if (tsc - w->clock_tsc < stale && !clock_is_fake())
		return;
	w->pub.now_ns = clock_now_ns();
	w->clock_tsc = tsc;
}

// One turn; true when packets came. Cycles since the last turn count as busy or idle by what that one found.
static inline bool turn(struct worker *w, bool was_busy) {
	uint64_t tsc = rte_rdtsc(), before = w->rx_packets;
	uint64_t *spent = was_busy ? &w->busy_cycles : &w->idle_cycles;

	__atomic_store_n(spent, *spent + tsc - w->turn_tsc, __ATOMIC_RELAXED);
	w->turn_tsc = tsc;
	now_refresh(w, tsc);
	rte_graph_walk(__atomic_load_n(&w->graph, __ATOMIC_ACQUIRE));
	__atomic_store_n(&w->loops, w->loops + 1, __ATOMIC_RELAXED);
	return w->rx_packets != before;
}

// Sleeps offline, so that dp_sync() waits for no sleeper.
static void nap(struct worker *w) {
	bool is_long = w->turn_tsc - w->idle_tsc > LONG_IDLE_S * rte_get_tsc_hz();
	uint32_t us = w->sleep_us ? w->sleep_us * 2 : SLEEP_MIN_US;

	if (us > SLEEP_MAX_US)
		us = SLEEP_MAX_US;
	w->sleep_us = us;
	if (is_long)
		us = SLEEP_LONG_US;
	__atomic_store_n(&w->sleeping, true, __ATOMIC_RELAXED);
	rte_rcu_qsbr_thread_offline(rcu, w->pub.id);
	nanosleep(&(struct timespec){.tv_nsec = us * 1000L}, NULL);
	rte_rcu_qsbr_thread_online(rcu, w->pub.id);
	__atomic_store_n(&w->sleeping, false, __ATOMIC_RELAXED);
}

static inline void idle(struct worker *w) {
	if (w->idle_turns++ == 0)
		w->idle_tsc = w->turn_tsc;
	rte_pause();
	if (w->idle_turns >= SPIN_TURNS && __atomic_load_n(&adaptive, __ATOMIC_RELAXED))
		nap(w);
}

static void loop(struct worker *w) {
	bool busy = false;

	w->turn_tsc = rte_rdtsc();
	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		rte_rcu_qsbr_quiescent(rcu, w->pub.id);
		busy = turn(w, busy);
		if (busy) {
			w->idle_turns = 0;
			w->sleep_us = 0;
		} else {
			idle(w);
		}
	}
}

void dp_step(void) {
	struct worker *w = &dp_workers[0];

	if (!w->exists || w->threaded)
		return;
	dp_self = &w->pub;
	turn(w, false);
}

// ---- threads -------------------------------------------------------------------------------------------

static int thread_enter(struct worker *w) {
	char name[16];
	cpu_set_t set;

	snprintf(name, sizeof(name), "leat-w%u", w->pub.id);
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_TIMERSLACK, 1UL); // naps end when they should
	CPU_ZERO(&set);
	CPU_SET(w->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return -errno;
	if (rte_thread_register() < 0)
		return -rte_errno;
	dp_self = &w->pub;
	rte_rcu_qsbr_thread_register(rcu, w->pub.id);
	rte_rcu_qsbr_thread_online(rcu, w->pub.id);
	return 1;
}

static void *worker_main(void *arg) {
	struct worker *w = arg;
	int rc = thread_enter(w);

	__atomic_store_n(&w->started, rc, __ATOMIC_RELEASE);
	if (rc < 0)
		return NULL;
	loop(w);
	rte_rcu_qsbr_thread_offline(rcu, w->pub.id);
	rte_rcu_qsbr_thread_unregister(rcu, w->pub.id);
	rte_thread_unregister();
	return NULL;
}

static int thread_start(struct worker *w, struct err *err) {
	w->started = 0;
	w->stop = false;
	int rc = -pthread_create(&w->thread, NULL, worker_main, w);
	if (rc < 0)
		return err_set(err, rc, "worker %u cannot start: %s", w->pub.id, strerror(-rc));
	while ((rc = __atomic_load_n(&w->started, __ATOMIC_ACQUIRE)) == 0)
		usleep(50);
	if (rc < 0) {
		pthread_join(w->thread, NULL);
		return err_set(err, rc, "worker %u cannot run on CPU %u: %s", w->pub.id, w->cpu,
			strerror(-rc));
	}
	w->threaded = true;
	return 0;
}

static void poll_retire(struct dp_poll *poll) {
	if (poll == &nothing_to_poll)
		return;
	poll->retired = retired;
	retired = poll;
}

static void worker_stop(struct worker *w) {
	if (!w->exists)
		return;
	if (w->threaded) {
		__atomic_store_n(&w->stop, true, __ATOMIC_RELAXED);
		pthread_join(w->thread, NULL);
		log_info("dataplane", "worker stopped", "worker=%u", w->pub.id);
	}
	poll_retire(w->poll);
	w->poll = &nothing_to_poll;
	dp_graph_free(w->pub.id, w->graph_id);
	w->graph_id = RTE_GRAPH_ID_INVALID;
	w->graph = NULL;
	w->exists = w->threaded = w->stuck = false;
}

static int over_ring_make(unsigned worker, struct err *err) {
	char name[RTE_RING_NAMESIZE];

	if (dp_over_rings[worker])
		return 0;
	snprintf(name, sizeof(name), "over%u", worker);
	dp_over_rings[worker] = rte_ring_create(name, DP_OVER_SLOTS, SOCKET_ID_ANY, RING_F_SC_DEQ);
	if (!dp_over_rings[worker])
		return err_set(err, -ENOMEM, "out of memory for worker %u", worker);
	return 0;
}

static int worker_start(struct worker *w, bool thread, unsigned cpu, struct err *err) {
	if (!dp_drop_tables[w->pub.id])
		dp_drop_tables[w->pub.id] = calloc(1, sizeof(**dp_drop_tables));
	if (!dp_drop_tables[w->pub.id])
		return err_set(err, -ENOMEM, "out of memory for worker %u", w->pub.id);
	int rc = over_ring_make(w->pub.id, err);
	if (rc == 0)
		rc = dp_graph_new(w->pub.id, &w->graph_id, err);
	if (rc < 0)
		return rc;
	w->graph = rte_graph_lookup(rte_graph_id_to_name(w->graph_id));
	w->cpu = cpu;
	w->exists = true;
	w->cursor = 0;
	w->pub.now_ns = clock_now_ns();
	w->turn_tsc = rte_rdtsc();
	w->seen_ns = w->pub.now_ns;
	w->seen_polls = 0;
	if (thread)
		rc = thread_start(w, err);
	if (rc < 0)
		worker_stop(w);
	else if (thread)
		log_info("dataplane", "worker started", "worker=%u cpu=%u", w->pub.id, cpu);
	return rc;
}

// ---- the number of workers -------------------------------------------------------------------------------

static unsigned conf_workers(const struct dp_workers_conf *conf) {
	return RTE_MAX(conf->n, 1u);
}

// Threads cannot become the caller's loop, nor the other way round, while ports are polled: such a change, and one
// of the CPUs, replaces the workers. Their ids are in use until trim, so it happens in set, where it costs a pause
// of the threads but loses no packet: the queues wait.
static bool needs_restart(const struct dp_workers_conf *conf, const struct worker *w) {
	if (!w->exists)
		return false;
	return w->threaded != (conf->n > 0) || (w->threaded && w->cpu != conf->cpus[w->pub.id]);
}

int dp_workers_add(const struct dp_workers_conf *conf, struct err *err) {
	for (unsigned i = 0; i < conf_workers(conf); i++) {
		if (dp_workers[i].exists)
			continue;
		int rc = worker_start(&dp_workers[i], conf->n > 0, conf->cpus[i], err);
		if (rc < 0) {
			dp_workers_trim();
			return rc;
		}
	}
	return 0;
}

static void worker_move(struct worker *w, const struct dp_workers_conf *conf) {
	struct err err = {0};

	if (w->threaded) {
		__atomic_store_n(&w->stop, true, __ATOMIC_RELAXED);
		pthread_join(w->thread, NULL);
		w->threaded = false;
	}
	w->cpu = conf->cpus[w->pub.id];
	w->stuck = false;
	w->seen_polls = 0;
	w->seen_ns = clock_now_ns();
	if (conf->n > 0 && thread_start(w, &err) < 0)
		log_error("dataplane", "worker lost", "worker=%u why=\"%s\"", w->pub.id, err.msg);
}

void dp_workers_set(const struct dp_workers_conf *conf) {
	dp_burst = conf->burst;
	__atomic_store_n(&adaptive, conf->adaptive, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < conf_workers(conf); i++) {
		if (needs_restart(conf, &dp_workers[i]))
			worker_move(&dp_workers[i], conf);
	}
	threaded = conf->n > 0;
	n_workers = conf_workers(conf);
	__atomic_store_n(&dp_owners, (uint16_t)n_workers, __ATOMIC_RELAXED);
}

static void ring_drain(struct rte_ring *ring) {
	struct rte_mbuf *m;

	while (ring && rte_ring_sc_dequeue(ring, (void **)&m) == 0)
		rte_pktmbuf_free(m);
}

void dp_workers_trim(void) {
	for (unsigned i = n_workers; i < DP_MAX_WORKERS; i++) {
		worker_stop(&dp_workers[i]);
		ring_drain(dp_over_rings[i]);
	}
}

void dp_workers_fini(void) {
	n_workers = 0;
	threaded = false;
	dp_explain_fini();
	dp_workers_trim();
	dp_sync();
	for (unsigned i = 0; i < DP_MAX_WORKERS; i++) {
		free(dp_drop_tables[i]);
		dp_drop_tables[i] = NULL;
		rte_ring_free(dp_over_rings[i]);
		dp_over_rings[i] = NULL;
	}
	for (unsigned port = 0; port < DP_MAX_PORTS; port++) {
		for (unsigned i = 0; i < DP_MAX_WORKERS; i++) {
			rte_ring_free(dp_tx_rings[port][i]);
			dp_tx_rings[port][i] = NULL;
		}
	}
	rte_free(rcu);
	rcu = NULL;
}

// ---- who polls what ----------------------------------------------------------------------------------------

static struct dp_poll *poll_new(void) {
	struct dp_poll *poll = calloc(
		1, sizeof(*poll) + sizeof(struct dp_poll_queue) * DP_MAX_PORTS * DP_MAX_WORKERS);

	if (!poll)
		log_error("dataplane", "out of memory for a list of queues", "");
	return poll;
}

static void poll_add_port(struct dp_poll *poll, const struct dp_port *port, unsigned worker) {
	for (uint16_t q = 0; q < port->n_rxq && poll->n < DP_MAX_PORTS * DP_MAX_WORKERS; q++) {
		if ((port->index + q) % n_workers != worker)
			continue;
		poll->queues[poll->n++] = (struct dp_poll_queue){
			.port = port,
			.index = port->index,
			.queue = q,
			.fix_port = port->fix_port,
			.rx_guess = port->rx_guess,
		};
	}
	struct rte_ring *ring = dp_tx_rings[port->index][worker];
	if (ring && worker < port->n_txq)
		poll->rings[poll->n_rings++] = (struct dp_poll_ring){ring, port->index};
}

// A ring per tx queue, when other workers must use it too.
static void rings_make(const struct dp_port *port) {
	char name[RTE_RING_NAMESIZE];

	for (unsigned i = 0; n_workers > port->n_txq && i < port->n_txq; i++) {
		if (dp_tx_rings[port->index][i])
			continue;
		snprintf(name, sizeof(name), "tx%u.%u", port->index, i);
		struct rte_ring *ring =
			rte_ring_create(name, HANDOVER_SLOTS, SOCKET_ID_ANY, RING_F_SC_DEQ);
		if (!ring)
			log_error("dataplane", "out of memory for a hand-over ring", "port=%s",
				port->name);
		__atomic_store_n(&dp_tx_rings[port->index][i], ring, __ATOMIC_RELEASE);
	}
}

static void poll_publish(struct worker *w, struct dp_poll *poll) {
	if (!poll)
		return;
	poll_retire(w->poll);
	__atomic_store_n(&w->poll, poll, __ATOMIC_RELEASE);
}

static bool poll_has(const struct dp_poll *poll, const struct dp_poll_queue *q) {
	for (unsigned i = 0; i < poll->n; i++) {
		if (poll->queues[i].index == q->index && poll->queues[i].queue == q->queue)
			return true;
	}
	return false;
}

// What both lists have: polled by the same worker before and after.
static struct dp_poll *poll_common(const struct dp_poll *was, const struct dp_poll *will) {
	struct dp_poll *common = poll_new();

	for (unsigned i = 0; common && i < will->n; i++) {
		if (poll_has(was, &will->queues[i]))
			common->queues[common->n++] = will->queues[i];
	}
	return common;
}

// Frees what was handed over to a port or a worker that is gone: it must not leave by the next one of that number.
// Nobody else uses such a ring after dp_sync().
static void rings_drain(void) {
	for (unsigned p = 0; p < DP_MAX_PORTS; p++) {
		for (unsigned i = dp_ports[p] ? n_workers : 0; i < DP_MAX_WORKERS; i++)
			ring_drain(dp_tx_rings[p][i]);
	}
}

// A queue that changes hands must rest for a moment: two workers must never poll it at once. So the lists without
// it come first, and the full ones when every worker has seen that.
void dp_workers_ports_changed(void) {
	struct dp_poll *lists[DP_MAX_WORKERS] = {0};
	bool loses = false;

	for (unsigned p = 0; p < DP_MAX_PORTS; p++) {
		if (dp_ports[p])
			rings_make(dp_ports[p]);
	}
	for (unsigned i = 0; i < DP_MAX_WORKERS; i++) {
		struct dp_poll *was = dp_workers[i].poll;
		if (!dp_workers[i].exists || !(lists[i] = poll_new()))
			continue;
		for (unsigned p = 0; i < n_workers && p < DP_MAX_PORTS; p++) {
			if (dp_ports[p])
				poll_add_port(lists[i], dp_ports[p], i);
		}
		for (unsigned q = 0; q < was->n; q++)
			loses |= !poll_has(lists[i], &was->queues[q]);
		loses |= was->n_rings > 0 && lists[i]->n_rings < was->n_rings;
	}
	for (unsigned i = 0; loses && i < DP_MAX_WORKERS; i++) {
		if (lists[i])
			poll_publish(&dp_workers[i], poll_common(dp_workers[i].poll, lists[i]));
	}
	if (loses) {
		dp_sync();
		rings_drain();
	}
	for (unsigned i = 0; i < DP_MAX_WORKERS; i++)
		poll_publish(&dp_workers[i], lists[i]);
}

// Freeing under a worker that stands still would be worse than waiting for it: says so, and waits.
void dp_sync(void) {
	struct dp_poll *old = retired;
	uint64_t since = rte_rdtsc();
	bool said = false;

	retired = NULL;
	uint64_t token = rcu ? rte_rcu_qsbr_start(rcu) : 0;
	while (rcu && !rte_rcu_qsbr_check(rcu, token, false)) {
		usleep(20);
		if (!said && rte_rdtsc() - since > STUCK_S * rte_get_tsc_hz()) {
			said = true;
			log_error(
				"dataplane", "a worker stands still, the change waits for it", "");
		}
	}
	while (old) {
		struct dp_poll *next = old->retired;
		free(old);
		old = next;
	}
}

// ---- watching them ---------------------------------------------------------------------------------------------

static void worker_say(const struct worker *w, const char *event, const char *msg) {
	log_event(w->stuck ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "dataplane", msg, "worker=%u cpu=%u",
		w->pub.id, w->cpu);
	event_emit(event, json_pack("{s:i, s:i}", "worker", w->pub.id, "cpu", w->cpu));
}

static void worker_watch(struct worker *w, uint64_t now_ns) {
	uint64_t loops = __atomic_load_n(&w->loops, __ATOMIC_RELAXED);

	if (loops != w->seen_loops) {
		w->seen_loops = loops;
		w->seen_ns = now_ns;
		w->seen_polls = 0;
		if (!w->stuck)
			return;
		w->stuck = false;
		worker_say(w, "worker.recovered", "worker turns again");
		return;
	}
	if (w->stuck || ++w->seen_polls < STUCK_POLLS ||
		now_ns - w->seen_ns < STUCK_S * NSEC_PER_SEC)
		return;
	w->stuck = true;
	worker_say(w, "worker.stuck", "worker stands still");
}

static void worker_window(struct worker *w, uint64_t now_ns) {
	if (now_ns - w->window_ns < WINDOW_NS)
		return;
	uint64_t busy = __atomic_load_n(&w->busy_cycles, __ATOMIC_RELAXED);
	uint64_t idle_cycles = __atomic_load_n(&w->idle_cycles, __ATOMIC_RELAXED);
	uint64_t sum = busy - w->window_busy + idle_cycles - w->window_idle;
	w->busy_percent = sum ? 100.0 * (double)(busy - w->window_busy) / (double)sum : 0;
	w->window_ns = now_ns;
	w->window_busy = busy;
	w->window_idle = idle_cycles;
}

void dp_workers_poll(uint64_t now_ns) {
	for (unsigned i = 0; i < n_workers; i++) {
		if (!dp_workers[i].threaded)
			continue;
		worker_watch(&dp_workers[i], now_ns);
		worker_window(&dp_workers[i], now_ns);
	}
}
