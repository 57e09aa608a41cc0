// SPDX-License-Identifier: BSD-3-Clause
// What the core-local benches share: two null ports, a source that writes headers of N pairs of stations into
// what they receive, the floor, and a look at the nouns. One thread turns the loop; ports send into nothing.
#pragma once

#include "lib/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct bench_opts {
	unsigned
		pairs; // stations on each of the two ports; the n-th of one talks to the n-th of the other
	unsigned size; // of a frame, with its FCS
	unsigned burst, memory_mb;
	bool random; // pairs in random order, else one after the other
	bool no_huge;
};

// Data plane, modules, one switch "s" with the ports "a" and "b", sources on them. Once per process.
int bench_start(const struct bench_opts *opts, struct err *err);
// Every station sends, in order, until all of them are known.
int bench_learn(struct err *err);
uint64_t bench_packets(void); // that the sources made so far
// On: frames go from rx to tx by a node that only names the other port.
void bench_floor(bool on);
// All rows of a noun (new reference), and the sum of one of its columns.
json_t *bench_rows(const char *noun);
json_int_t bench_sum(const char *noun, const char *column);
