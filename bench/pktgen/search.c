// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "bench/pktgen/search.h"

void search_init(struct search *search, double min, double max, double tolerance, double resolution,
	unsigned again) {
	*search = (struct search){.min = min,
		.max = max,
		.tolerance = tolerance,
		.resolution = resolution,
		.again = again,
		.rate = max};
}

static void next_rate(struct search *search) {
	double low = search->keeps > search->min ? search->keeps : search->min;

	search->failures = 0;
	if (search->fails - search->keeps <= search->resolution * search->fails ||
		search->fails <= search->min) {
		search->done = true;
		return;
	}
	search->rate = (low + search->fails) / 2;
	// nothing is known to be kept, and little lies above the least: that decides
	if (search->keeps == 0 && search->fails - low <= search->resolution * search->fails)
		search->rate = search->min;
}

bool search_judge(struct search *search, double loss, bool offered) {
	if (offered && loss <= search->tolerance) {
		search->keeps = search->rate;
		if (search->fails == 0)
			search->done = true;
		else
			next_rate(search);
		return true;
	}
	if (search->failures++ < search->again)
		return false;
	search->fails = search->rate;
	next_rate(search);
	return false;
}
