// SPDX-License-Identifier: BSD-3-Clause
#include "bench/pktgen/zipf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
// cmocka.h needs the four above
#include <cmocka.h>

#include "bench/pktgen/chi2.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint32_t counts[1 << 15];

static void draws_follow_zipf(void **) {
	static const double exponents[] = {0.5, 0.99, 1, 1.1, 2, 3};
	uint64_t random = 1;

	for (unsigned i = 0; i < COUNT(exponents); i++)
		for (unsigned n = 2; n <= 20000; n *= 100) {
			memset(counts, 0, sizeof(counts));
			for (unsigned k = 0; k < 500000; k++)
				counts[zipf_draw(&random, n, exponents[i])]++;
			zipf_check(counts, exponents[i], n, 500000);
		}
	assert_int_equal(zipf_draw(&random, 1, 1.1), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_follow_zipf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
