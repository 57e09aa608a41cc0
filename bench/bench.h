// SPDX-License-Identifier: BSD-3-Clause
// What the core-local benches share: two null ports, a source that writes headers of N pairs of stations, or to the destinations
// of a table of routes, into what they receive, the floor, and a look at the nouns. One thread turns the loop; ports send into
// nothing.
#pragma once

#include "lib/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct bench_opts {
	bool router;     // else a switch
	unsigned family; // router: 4 or 6
	const char *
		table; // router: folder with routes-0, routes-1, to-0, to-1 (lib/tables.py); NULL: 1,000 routes each way
	const char *firewall; // router: section `firewall`, as JSON, zones a and b; NULL: none
	unsigned
		pairs; // stations on each of the two ports; the n-th of one talks to the n-th of the other
	unsigned size; // of a frame, with its FCS
	unsigned burst, memory_mb;
	bool random; // pairs in random order, else one after the other
	bool no_huge;
};

// Data plane, modules, one switch "s" or router "r" with the ports "a" and "b", sources on them. Once per process.
int bench_start(const struct bench_opts *opts, struct err *err);
// Switch: every station sends, in order, until all of them are known. Router: the table is loaded.
int bench_learn(struct err *err);
void bench_poll(void);        // what the modules do on the control thread meanwhile
uint64_t bench_packets(void); // that the sources made so far
// On: frames go from rx to tx by a node that only names the other port.
void bench_floor(bool on);
// All rows of a noun (new reference), and the sum of one of its columns.
json_t *bench_rows(const char *noun);
json_int_t bench_sum(const char *noun, const char *column);
