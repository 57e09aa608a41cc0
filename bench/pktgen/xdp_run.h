// SPDX-License-Identifier: BSD-3-Clause
// Running the generator of xdp_gen.bpf.c, and what a window of it cost.
#pragma once

#include "bench/pktgen/xdp_gen.h"
#include "lib/err.h"
#include <stdbool.h>
#include <stdint.h>

#define XDP_RUN_PIDS      16
#define XDP_RUN_FRAME_MAX 3400 // what a page has room for, beside what the kernel keeps there

struct xdp_run {
	int program; // fd
	unsigned frame_len, batch;
	struct xdp_gen_counters *counters; // of generator and sink
	uint64_t late;          // with a rate: packets that this process was too late to send
	int pids[XDP_RUN_PIDS]; // whose CPU time counts besides this thread's
	unsigned n_pids;
};

struct xdp_window {
	double ms, cpu_ms, tsc_mhz;
	double rate;
	uint64_t packets, generated, late; // while it counted
	uint64_t offered, reordered, foreign;
	int64_t lost; // of those offered since, after the last came
};

// Once, before anything else of this: SIGALRM is used.
void xdp_run_init(void);
int xdp_run_repeat(struct xdp_run *run, unsigned packets, struct err *err);
// As many as the CPU can make, or `rate` per second, a millisecond's worth at a time.
int xdp_run_for(struct xdp_run *run, double ms, double rate, struct err *err);
int xdp_run_window(
	struct xdp_run *run, double ms, double rate, struct xdp_window *window, struct err *err);
double xdp_window_loss(const struct xdp_window *window); // a share; 1 when nothing was sent
// Without a rate it never is; with one, more than 1 % of it was late.
bool xdp_window_generator_bound(const struct xdp_window *window);
void xdp_window_print(const struct xdp_window *window);
