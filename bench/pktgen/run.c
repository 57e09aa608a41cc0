// SPDX-License-Identifier: BSD-3-Clause
#include "bench/pktgen/run.h"
#include <rte_cycles.h>
#include <string.h>
#include <time.h>

#define LOOK_US  1000   // between looks at anything but packets
#define LINKS_US 100000 // between looks at the links
#define IDLE_POLL \
	0.5 // of the receive polls find nothing, when the generator waits for the device under test
#define LATE_SHARE 0.01 // of a rate may be missing
#define L1_EXTRA   24   // preamble, FCS, gap

volatile sig_atomic_t run_stop;

static uint64_t clock_ns(clockid_t clock) {
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

// ---- running ---------------------------------------------------------------------------------------------------

void run_links_look(struct engine *engine) {
	static uint64_t next;
	uint64_t now = rte_rdtsc();

	if (now < next)
		return;
	next = now + rte_get_tsc_hz() * LINKS_US / 1000000;
	engine_links(engine);
}

void run_turn(struct engine *engine, unsigned us, bool send) {
	uint64_t end = rte_rdtsc() + rte_get_tsc_hz() * us / 1000000;

	do {
		for (unsigned i = 0; i < 16; i++) {
			if (send)
				engine_send(engine);
			engine_receive(engine);
		}
	} while (rte_rdtsc() < end);
}

void run_for(struct engine *engine, double ms) {
	uint64_t end = rte_rdtsc() + (uint64_t)((double)rte_get_tsc_hz() * ms / 1e3);

	while (rte_rdtsc() < end && !run_stop) {
		run_links_look(engine);
		run_turn(engine, ms * 1e3 < LOOK_US ? (unsigned)(ms * 1e3) : LOOK_US, true);
	}
}

static void counters_copy(const struct engine *engine, struct engine_counters *to) {
	for (unsigned i = 0; i < engine->n_ports; i++)
		to[i] = engine->ports[i].counters;
}

void run_begin(struct engine *engine, struct run *run, double rate) {
	*run = (struct run){.rate = rate};
	engine_reset(engine);
	engine_pace(engine, rate);
}

// After the warm-up: from here on it counts.
void run_count(struct engine *engine, struct run *run) {
	counters_copy(engine, run->from);
	for (unsigned i = 0; i < engine->n_ports; i++)
		memset(&engine->ports[i].latency, 0, sizeof(engine->ports[i].latency));
	run->began_ns = clock_ns(CLOCK_MONOTONIC);
	run->began_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

void run_mark(struct engine *engine, struct run *run) {
	counters_copy(engine, run->to);
	counters_copy(engine, run->end);
	run->ms = (double)(clock_ns(CLOCK_MONOTONIC) - run->began_ns) / 1e6;
	run->cpu_ms = (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - run->began_cpu_ns) / 1e6;
}

void run_finish(struct engine *engine, struct run *run) {
	run_mark(engine, run);
	engine_drain(engine);
	counters_copy(engine, run->end);
	run->links = engine_links(engine);
}

void run_whole(struct engine *engine, struct run *run, double rate, double warm_ms, double ms) {
	run_begin(engine, run, rate);
	run_for(engine, warm_ms);
	run_count(engine, run);
	run_for(engine, ms);
	run_finish(engine, run);
}

// ---- what came of it -------------------------------------------------------------------------------------------

#define SUM(counters, field)                                            \
	({                                                              \
		uint64_t sum_ = 0;                                      \
		for (unsigned port_ = 0; port_ < ENGINE_PORTS; port_++) \
			sum_ += (counters)[port_].field;                \
		sum_;                                                   \
	})
#define GREW(run, field) (SUM((run)->to, field) - SUM((run)->from, field))

uint64_t run_offered(const struct run *run) {
	return SUM(run->end, sent) + SUM(run->end, refused);
}

// Of all that was sent since the run began, the warm-up included: what was on its way then is not lost.
int64_t run_lost(const struct run *run) {
	return (int64_t)(run_offered(run) - SUM(run->end, received));
}

double run_loss(const struct run *run) {
	return run_offered(run) > 0 ? (double)run_lost(run) / (double)run_offered(run) : 1;
}

uint64_t run_packets(const struct run *run) {
	return GREW(run, received);
}

static double share(uint64_t part, uint64_t whole) {
	return whole > 0 ? (double)part / (double)whole : 0;
}

// Not the device under test set the pace but we did: no result.
bool run_generator_bound(const struct run *run) {
	uint64_t late = GREW(run, late);

	if (run->rate > 0)
		return late > 0 &&
			share(late, late + GREW(run, sent) + GREW(run, refused)) > LATE_SHARE;
	return share(GREW(run, rx_empty), GREW(run, rx_polls)) <= IDLE_POLL ||
		GREW(run, tx_full) == 0;
}

static double to_ns(uint64_t cycles) {
	return (double)cycles * 1e9 / (double)rte_get_tsc_hz();
}

static json_t *latency_of(const struct engine *engine, const struct run *run) {
	static struct hist all;
	const double at[] = {0.5, 0.9, 0.99, 0.999, 1};
	const char *const names[] = {"p50", "p90", "p99", "p999", "max"};

	memset(&all, 0, sizeof(all));
	for (unsigned i = 0; i < engine->n_ports; i++)
		hist_merge(&all, &engine->ports[i].latency);
	if (run->rate <= 0 || hist_total(&all) == 0)
		return json_null();
	json_t *row = json_object();
	for (unsigned i = 0; i < RTE_DIM(at); i++)
		json_object_set_new(row, names[i], json_real(to_ns(hist_percentile(&all, at[i]))));
	json_object_set_new(row, "samples", json_integer((json_int_t)hist_total(&all)));
	return row;
}

static json_t *port_row(const struct engine *engine, const struct run *run, unsigned i) {
	const struct engine_counters *a = &run->from[i], *b = &run->to[i];

	return json_pack("{s:s, s:b, s:I, s:I, s:f, s:f}", "device", engine->ports[i].device.name,
		"up", engine->ports[i].device.up, "sent", (json_int_t)(b->sent - a->sent),
		"received", (json_int_t)(b->received - a->received), "tx_mpps",
		(double)(b->sent - a->sent) / run->ms / 1e3, "rx_mpps",
		(double)(b->received - a->received) / run->ms / 1e3);
}

json_t *run_row(const struct engine *engine, const struct run *run) {
	uint64_t packets = GREW(run, received),
		 bytes = GREW(run, received_bytes) + L1_EXTRA * packets;
	json_t *ports = json_array(),
	       *row = json_pack("{s:f, s:I, s:I, s:f, s:f, s:f, s:f}", "ms", run->ms, "packets",
		       (json_int_t)packets, "generated", (json_int_t)GREW(run, sent), "mpps",
		       (double)packets / run->ms / 1e3, "tx_mpps",
		       (double)GREW(run, sent) / run->ms / 1e3, "gbit_l1",
		       (double)bytes * 8 / run->ms / 1e6, "rate", run->rate);

	for (unsigned i = 0; i < engine->n_ports; i++)
		json_array_append_new(ports, port_row(engine, run, i));
	json_object_update_new(row,
		json_pack("{s:I, s:I, s:f, s:I, s:I, s:I, s:I}", "offered",
			(json_int_t)run_offered(run), "lost", (json_int_t)run_lost(run), "loss",
			run_loss(run), "bad", (json_int_t)SUM(run->end, bad), "foreign",
			(json_int_t)SUM(run->end, foreign), "reordered",
			(json_int_t)SUM(run->end, reordered), "duplicated",
			(json_int_t)SUM(run->end, duplicated)));
	json_object_update_new(row,
		json_pack("{s:I, s:I, s:I, s:I, s:f, s:b, s:f, s:b, s:o, s:o}", "refused",
			(json_int_t)GREW(run, refused), "late", (json_int_t)GREW(run, late),
			"tx_polls", (json_int_t)GREW(run, tx_polls), "tx_full",
			(json_int_t)GREW(run, tx_full), "rx_empty_share",
			share(GREW(run, rx_empty), GREW(run, rx_polls)), "generator_bound",
			run_generator_bound(run), "cpu_share", run->cpu_ms / run->ms, "links",
			run->links, "latency_ns", latency_of(engine, run), "ports", ports));
	return row;
}
