// SPDX-License-Identifier: BSD-3-Clause
#include "lib/siphash.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

// Key 00 01 .. 0f, input 00 01 .. len - 1: of the authors' reference vectors, the one of length 15 from the paper's appendix A.
static void the_reference_vectors(void **) {
	static const struct {
		size_t len;
		uint64_t hash;
	} vectors[] = {
		{0, 0x726fdb47dd0e0e31},
		{1, 0x74f839c593dc67fd},
		{2, 0x0d6c8009d9a94f5a},
		{3, 0x85676696d7fb7e2d},
		{7, 0xab0200f58b01d137},
		{8, 0x93f5f5799a932462},
		{9, 0x9e0082df0ba9e4b0},
		{15, 0xa129ca6149be45e5},
		{16, 0x3f2acc7f57c29bdb},
		{24, 0xb8ad50c6f649af94},
		{32, 0x7127512f72f27cce},
		{48, 0xe612a3cb9ecba951},
		{63, 0x958a324ceb064572},
	};
	struct siphash_key key = {{le64toh(0x0706050403020100u), le64toh(0x0f0e0d0c0b0a0908u)}};
	uint8_t input[64];

	for (unsigned i = 0; i < sizeof(input); i++)
		input[i] = (uint8_t)i;
	for (unsigned i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
		assert_int_equal(siphash(&key, input, vectors[i].len), vectors[i].hash);
}

static void another_key_is_another_function(void **) {
	struct siphash_key a = {{1, 2}}, b = {{1, 3}}, c = {{0, 2}};

	assert_int_not_equal(siphash(&a, "leat", 4), siphash(&b, "leat", 4));
	assert_int_not_equal(siphash(&a, "leat", 4), siphash(&c, "leat", 4));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reference_vectors),
		cmocka_unit_test(another_key_is_another_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
