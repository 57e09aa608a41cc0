// SPDX-License-Identifier: BSD-3-Clause
// For tests: whether counts are what a distribution lets one expect. Behind cmocka.h.
#pragma once

#include <math.h>
#include <stdint.h>

// Sum of (seen - expected)^2 / expected: about `bins` when the source is what is expected, with a deviation of
// sqrt(2 * bins). The seeds are fixed, so this passes always or never.
static inline void near(double chi2, unsigned bins) {
	if (fabs(chi2 - bins) > 5 * sqrt(2.0 * bins))
		fail_msg("chi square is %g with %u degrees of freedom", chi2, bins);
}

// Ranks that are expected less than ten times are one bin.
static inline void zipf_check(const uint32_t *counts, double s, unsigned n, double total) {
	double sum = 0, chi2 = 0, rest_want = 0, rest_seen = 0;
	unsigned bins = 0;

	for (unsigned k = 0; k < n; k++)
		sum += pow(k + 1, -s);
	for (unsigned k = 0; k < n; k++) {
		double want = total * pow(k + 1, -s) / sum;
		if (want >= 10) {
			chi2 += (counts[k] - want) * (counts[k] - want) / want;
			bins++;
		} else {
			rest_want += want;
			rest_seen += counts[k];
		}
	}
	if (rest_want >= 10) {
		chi2 += (rest_seen - rest_want) * (rest_seen - rest_want) / rest_want;
		bins++;
	}
	near(chi2, bins - 1);
}
