// SPDX-License-Identifier: BSD-3-Clause
// A fixed number of packets through the switch or the router, for a count of instructions that no clock touches: run under
// callgrind with --toggle-collect=ipp_measured (bench/ipp does). Prints how many packets that were.
//
//   graph_ipp switch|router4|router6
#include "bench/bench.h"
#include "dataplane/dataplane.h"
#include "lib/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURNS 400

void ipp_measured(void);

// Not inlined and called once: what is collected is what runs in here.
__attribute__((noinline)) void ipp_measured(void) {
	for (unsigned i = 0; i < TURNS; i++)
		dp_step();
}

int main(int argc, char **argv) {
	const char *shape = argc > 1 ? argv[1] : "switch";
	struct bench_opts opts = {
		.pairs = 1000, .size = 64, .burst = 64, .memory_mb = 128, .no_huge = true};
	uint64_t before;
	struct err err = {0};

	if (strncmp(shape, "router", 6) == 0) {
		opts.router = true;
		opts.family = (unsigned)atoi(shape + 6);
	}
	clock_fake_start(3600 * NSEC_PER_SEC);
	if (bench_start(&opts, &err) != 0 || bench_learn(&err) != 0) {
		fprintf(stderr, "graph_ipp: %s\n", err.msg);
		return 1;
	}
	for (unsigned i = 0; i < 50; i++)
		dp_step();
	before = bench_packets();
	ipp_measured();
	printf("packets=%llu flooded=%lld dropped=%lld\n",
		(unsigned long long)(bench_packets() - before),
		(long long)bench_sum("storm", "flooded"), (long long)bench_sum("drops", "packets"));
	fflush(stdout);
	// What the process still holds is of no interest here, and giving it back takes long under valgrind.
	_Exit(0);
}
