// SPDX-License-Identifier: BSD-3-Clause
// A fixed number of packets through the switch, the router or the firewall, for a count of instructions that no clock touches: run under
// callgrind with --toggle-collect=ipp_measured (bench/ipp does). Prints how many packets that were.
//
//   graph_ipp switch|router4|router6|firewall4|firewall6
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

#define ACCEPT "\"rules\": [{\"action\": \"accept\"}]"

static const struct shape {
	const char *name;
	unsigned family; // of a router
	const char *firewall;
} shapes[] = {
	{"switch", 0, NULL},
	{"router4", 4, NULL},
	{"router6", 6, NULL},
	{"firewall4", 4, "{" ACCEPT "}"},
	{"firewall6", 6, "{" ACCEPT "}"},
};

static const struct shape *shape_find(const char *name) {
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (strcmp(shapes[i].name, name) == 0)
			return &shapes[i];
	fprintf(stderr, "graph_ipp: no shape is called %s\n", name);
	exit(2);
}

int main(int argc, char **argv) {
	const struct shape *shape = shape_find(argc > 1 ? argv[1] : "switch");
	struct bench_opts opts = {
		.pairs = 1000, .size = 64, .burst = 64, .memory_mb = 128, .no_huge = true};
	uint64_t before;
	struct err err = {0};

	opts.router = shape->family != 0;
	opts.family = shape->family;
	opts.firewall = shape->firewall;
	clock_fake_start(3600 * NSEC_PER_SEC);
	if (bench_start(&opts, &err) != 0 || bench_learn(&err) != 0) {
		fprintf(stderr, "graph_ipp: %s\n", err.msg);
		return 1;
	}
	clock_fake_advance(NSEC_PER_SEC); // routes are not new any more
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
