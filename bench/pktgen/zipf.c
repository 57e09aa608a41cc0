// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "bench/pktgen/zipf.h"
#include <math.h>

// (exp(x) - 1) / x and log(1 + x) / x, also near zero.
static double expm1_by(double x) {
	return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x / 2 * (1 + x / 3);
}

static double log1p_by(double x) {
	return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x * (0.5 - x * (1.0 / 3));
}

// The density, its integral, and the inverse of that.
static double zipf_h(double x, double s) {
	return exp(-s * log(x));
}

static double zipf_integral(double x, double s) {
	return expm1_by((1 - s) * log(x)) * log(x);
}

static double zipf_inverse(double x, double s) {
	double t = x * (1 - s);

	return exp(log1p_by(t < -1 ? -1 : t) * x);
}

static double uniform(uint64_t *state) { // splitmix64
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

uint32_t zipf_draw(uint64_t *random, uint32_t n, double s) {
	double first = zipf_integral(1.5, s) - 1, last = zipf_integral(n + 0.5, s);
	double sure = 2 - zipf_inverse(zipf_integral(2.5, s) - zipf_h(2, s), s);

	for (;;) {
		double u = last + uniform(random) * (first - last), x = zipf_inverse(u, s);
		double k = floor(x + 0.5);
		k = k < 1 ? 1 : k > n ? n : k;
		if (k - x <= sure || u >= zipf_integral(k + 0.5, s) - zipf_h(k, s))
			return (uint32_t)k - 1;
	}
}
