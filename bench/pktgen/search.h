// SPDX-License-Identifier: BSD-3-Clause
// pure
// Throughput as RFC 2544 (26.1) defines it: the highest rate at which a device loses nothing, found by halving what lies
// between a rate that it keeps and one that it does not. Two allowances, both told with the result: `tolerance` is the
// share of packets whose loss is let pass, because a host that takes the CPU away for milliseconds makes any
// device lose some, and a trial that fails is run again `again` times before it counts.
#pragma once

#include <stdbool.h>

struct search {
	double keeps, fails; // packets per second; fails is 0 until one failed
	double min, max, tolerance, resolution;
	unsigned again, failures; // of the rate that is being tried
	double rate;              // that is being tried
	bool done;
};

// The first trial is at `max`. It ends when what keeps and what fails are within `resolution` (a share) of each other, or
// when `min` fails: then `keeps` is 0.
void search_init(struct search *search, double min, double max, double tolerance, double resolution,
	unsigned again);
// The outcome of a trial at search->rate; `loss` is a share. `offered` false: the generator did not reach the rate.
// Returns whether the trial passed.
bool search_judge(struct search *search, double loss, bool offered);
