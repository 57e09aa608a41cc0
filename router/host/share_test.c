// SPDX-License-Identifier: BSD-3-Clause
#include "router/host/share_conf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
// cmocka.h needs those above
#include <cmocka.h>

static void test_classes(void **) {
	static const struct {
		unsigned proto, src, dst;
		enum share share;
	} cases[] = {{6, 40000, 179, SHARE_ROUTING}, {6, 179, 40000, SHARE_ROUTING},
		{17, 40000, 3784, SHARE_ROUTING}, {17, 520, 520, SHARE_ROUTING},
		{6, 646, 9, SHARE_ROUTING}, {89, 0, 0, SHARE_ROUTING}, {112, 0, 0, SHARE_ROUTING},
		{103, 0, 0, SHARE_ROUTING}, {2, 0, 0, SHARE_ROUTING},
		{6, 40000, 22, SHARE_MANAGEMENT}, {6, 22, 40000, SHARE_MANAGEMENT},
		{17, 40000, 161, SHARE_MANAGEMENT}, {6, 443, 9, SHARE_MANAGEMENT},
		{6, 9, 830, SHARE_MANAGEMENT}, {6, 40000, 80, SHARE_OTHER}, {17, 1, 2, SHARE_OTHER},
		{1, 179, 22, SHARE_OTHER}, {58, 0, 0, SHARE_OTHER}, {47, 0, 0, SHARE_OTHER}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			share_of(cases[i].proto, cases[i].src, cases[i].dst), cases[i].share);
}

static void test_conf(void **) {
	json_t *object = json_pack("{s:i, s:i, s:i}", "routing", 10, "management", 20, "other", 30);
	struct share_conf conf;

	share_conf_parse(&conf, object);
	assert_int_equal(conf.rates[SHARE_ROUTING], 10);
	assert_int_equal(conf.rates[SHARE_MANAGEMENT], 20);
	assert_int_equal(conf.rates[SHARE_OTHER], 30);
	json_decref(object);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_conf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
