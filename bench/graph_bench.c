// SPDX-License-Identifier: BSD-3-Clause
// What the switch or the router costs: generator, graph and sink on one core, in one process. Two null ports; a callback on
// their rx queues writes the headers of N pairs of stations, or to the destinations of a table of routes; the graph turns; what
// is sent is counted and freed by the driver. The floor is the same without them: rx, a node that only names the other port, tx.
//
// Windows of both are interleaved, so that a machine that changes its mood changes both. Before the windows
// every station has been learnt, or every route loaded; during them nothing may be flooded or dropped, else there is no result.
#include "bench/bench.h"
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include <errno.h>
#include <getopt.h>
#include <rte_cycles.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define WINDOWS_MAX 31

static struct bench_opts opts = {.pairs = 1000, .size = 64, .burst = 64, .memory_mb = 512};
static unsigned windows = 5, window_ms = 500;

static int fail(const struct err *err) {
	char text[1100];

	fprintf(stderr, "graph_bench: %s\n", err_print(err, text, sizeof(text)));
	return -1;
}

// ---- windows -------------------------------------------------------------------------------------------------------

struct window {
	double cycles; // per packet
	double mpps;
};

// What this thread was given, in TSC cycles: what others took of the core meanwhile is not the switch's.
static double cpu_cycles(void) {
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec / 1e9) * (double)rte_get_tsc_hz();
}

static struct window measure(void) {
	double length = (double)rte_get_tsc_hz() / 1000 * window_ms, start, spent;
	uint64_t n;

	for (unsigned i = 0; i < 2000; i++)
		dp_step();
	n = bench_packets();
	start = cpu_cycles();
	do {
		for (unsigned i = 0; i < 512; i++)
			dp_step();
		spent = cpu_cycles() - start;
	} while (spent < length);
	n = bench_packets() - n;
	bench_poll();
	return (struct window){
		spent / (double)n, (double)n * (double)rte_get_tsc_hz() / spent / 1e6};
}

static int compare(const void *a, const void *b) {
	double x = ((const struct window *)a)->cycles, y = ((const struct window *)b)->cycles;

	return (x > y) - (x < y);
}

static json_t *summary(struct window *w, unsigned n) {
	qsort(w, n, sizeof(*w), compare);
	return json_pack("{s:f, s:f, s:f, s:f}", "min", w[0].cycles, "med", w[n / 2].cycles, "max",
		w[n - 1].cycles, "mpps", w[n / 2].mpps);
}

static json_int_t node_sum(json_t *rows, const char *node, const char *column) {
	json_int_t sum = 0;
	json_t *row;
	size_t i;

	json_array_foreach (rows, i, row)
		if (strcmp(json_string_value(json_object_get(row, "node")), node) == 0)
			sum += json_integer_value(json_object_get(row, column));
	return sum;
}

// Cycles per packet and node, over one window of its own.
static json_t *nodes_measure(void) {
	json_t *before = bench_rows("nodes"), *after, *row, *out = json_object();
	size_t i;

	measure();
	after = bench_rows("nodes");
	json_array_foreach (after, i, row) {
		const char *node = json_string_value(json_object_get(row, "node"));
		json_int_t n = node_sum(after, node, "packets") - node_sum(before, node, "packets");
		json_int_t c = node_sum(after, node, "cycles") - node_sum(before, node, "cycles");

		if (n > 0)
			json_object_set_new(out, node, json_real((double)c / (double)n));
	}
	json_decref(before);
	json_decref(after);
	return out;
}

static int clean(json_int_t flooded, json_int_t dropped, struct err *err) {
	flooded = bench_sum("storm", "flooded") - flooded;
	dropped = bench_sum("drops", "packets") - dropped;
	if (flooded != 0 || dropped != 0)
		return err_set(err, -EIO, "not a result: %lld frames flooded, %lld dropped",
			flooded, dropped);
	return 0;
}

static long preemptions(void) {
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nivcsw;
}

static int run(json_t **result, struct err *err) {
	struct window floor[WINDOWS_MAX], dut[WINDOWS_MAX];
	json_int_t flooded, dropped;
	long preempted;
	json_t *nodes;

	if (bench_learn(err) != 0)
		return -1;
	measure();
	flooded = bench_sum("storm", "flooded");
	dropped = bench_sum("drops", "packets");
	preempted = preemptions();
	for (unsigned i = 0; i < windows; i++) {
		bench_floor(true);
		floor[i] = measure();
		bench_floor(false);
		dut[i] = measure();
	}
	preempted = preemptions() - preempted;
	nodes = nodes_measure();
	if (clean(flooded, dropped, err) != 0)
		return -1;
	*result = json_pack("{s:s, s:i, s:s, s:i, s:i, s:i, s:i, s:f, s:I, s:o, s:o, s:o}", "graph",
		opts.router ? "router" : "switch", "pairs", (int)opts.pairs, "order",
		opts.random ? "random" : "sequential", "size", (int)opts.size, "burst",
		(int)opts.burst, "windows", (int)windows, "window_ms", (int)window_ms, "tsc_mhz",
		(double)rte_get_tsc_hz() / 1e6, "preempted", (json_int_t)preempted, "floor",
		summary(floor, windows), "cost", summary(dut, windows), "nodes", nodes);
	return 0;
}

// ---- main -----------------------------------------------------------------------------------------------------------

static const struct option long_opts[] = {
	{"pairs", required_argument, NULL, 'p'},
	{"size", required_argument, NULL, 's'},
	{"windows", required_argument, NULL, 'w'},
	{"window-ms", required_argument, NULL, 't'},
	{"burst", required_argument, NULL, 'b'},
	{"memory", required_argument, NULL, 'M'},
	{"random", no_argument, NULL, 'r'},
	{"router", required_argument, NULL, 'R'},
	{"table", required_argument, NULL, 'T'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static int options(int argc, char **argv) {
	int c;

	while ((c = getopt_long(argc, argv, "", long_opts, NULL)) != -1) {
		switch (c) {
		case 'p':
			opts.pairs = (unsigned)atoi(optarg);
			break;
		case 's':
			opts.size = (unsigned)atoi(optarg);
			break;
		case 'w':
			windows = (unsigned)atoi(optarg);
			break;
		case 't':
			window_ms = (unsigned)atoi(optarg);
			break;
		case 'b':
			opts.burst = (unsigned)atoi(optarg);
			break;
		case 'M':
			opts.memory_mb = (unsigned)atoi(optarg);
			break;
		case 'r':
			opts.random = true;
			break;
		case 'R':
			opts.router = true;
			opts.family = (unsigned)atoi(optarg);
			break;
		case 'T':
			opts.table = optarg;
			break;
		default:
			return -1;
		}
	}
	return opts.pairs < 1 || opts.pairs > 500000 || opts.size < 64 || opts.size > 1518 ||
			windows < 1 || windows > WINDOWS_MAX || opts.burst < 1 ||
			(opts.router && opts.family != 4 && opts.family != 6)
		? -1
		: 0;
}

// One core, and as little as possible beside us on it. How often that failed is part of the result.
static void pin(void) {
	cpu_set_t set;

	(void)!setpriority(PRIO_PROCESS, 0, -20);
	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv) {
	json_t *result = NULL;
	struct err err = {0};

	if (options(argc, argv) != 0) {
		fprintf(stderr,
			"usage: graph_bench [--pairs N] [--random] [--router 4|6 [--table FOLDER]] "
			"[--size 64..1518] [--windows N] [--window-ms MS] [--burst N] "
			"[--memory MB]\n");
		return 2;
	}
	pin();
	if (bench_start(&opts, &err) != 0)
		return fail(&err) != 0;
	if (run(&result, &err) != 0)
		return fail(&err) != 0;
	json_dumpf(result, stdout, JSON_COMPACT | JSON_REAL_PRECISION(4));
	putchar('\n');
	json_decref(result);
	return 0;
}
