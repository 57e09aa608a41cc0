// SPDX-License-Identifier: BSD-3-Clause
// Argument: the program that writes such files (tests/lib/mmdb.py).
#include "firewall/country.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *writer;
static char path[] = "/tmp/country-test-XXXXXX";

static int setup(void **) {
	char command[512];
	int fd = mkstemp(path);

	if (fd < 0)
		return -1;
	close(fd);
	snprintf(command, sizeof(command),
		"%s %s 192.0.2.0/24=XA 198.51.100.128/25=XB 203.0.113.7/32=XA 2001:db8:1::/48=XA "
		"2001:db8:2::/48=XB",
		writer, path);
	return system(command);
}

static int teardown(void **) {
	return unlink(path);
}

static bool has(const fw_prefixes *all, const char *text) {
	char buf[PREFIX_STRLEN];

	for (size_t i = 0; i < all->n; i++)
		if (strcmp(prefix_print(&all->items[i], buf), text) == 0)
			return true;
	return false;
}

static void networks_of_a_country(void **) {
	struct fw_countries *c = fw_countries_open(path, NULL);
	fw_prefixes found = {0};

	assert_non_null(c);
	assert_int_equal(fw_countries_add(c, "XA", &found), 3);
	assert_true(has(&found, "192.0.2.0/24"));
	assert_true(has(&found, "203.0.113.7/32"));
	assert_true(has(&found, "2001:db8:1::/48"));
	assert_int_equal(fw_countries_add(c, "XB", &found), 2);
	assert_true(has(&found, "198.51.100.128/25"));
	assert_int_equal(found.n, 5);
	assert_int_equal(fw_countries_add(c, "ZZ", &found), 0);
	vec_fini(&found);
	fw_countries_close(c);
}

static void not_such_a_file(void **) {
	struct err err = {0};

	assert_null(fw_countries_open("/nonexistent.mmdb", &err));
	assert_non_null(strstr(err.msg, "/nonexistent.mmdb"));
	err = (struct err){0};
	assert_null(fw_countries_open("/dev/null", &err));
	assert_non_null(strstr(err.msg, "MaxMind"));
}

// Cut short at any length, and with any byte of the tree turned over: refused or read, but never beyond what is there.
static void damaged_files(void **) {
	static uint8_t whole[65536], torn[65536];
	FILE *f = fopen(path, "r");
	size_t len = fread(whole, 1, sizeof(whole), f);

	fclose(f);
	assert_in_range(len, 100, sizeof(whole) - 1);
	for (size_t i = 0; i < 2 * len; i++) {
		char name[] = "/tmp/country-torn-XXXXXX";
		int fd = mkstemp(name);
		fw_prefixes found = {0};

		memcpy(torn, whole, len);
		torn[i % len] ^= i < len ? 0 : 0xff;
		size_t keep = i < len ? i : len;
		assert_int_equal(write(fd, torn, keep), keep);
		close(fd);
		struct fw_countries *c = fw_countries_open(name, NULL);
		if (c)
			fw_countries_add(c, "XA", &found);
		fw_countries_close(c);
		vec_fini(&found);
		unlink(name);
	}
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_of_a_country),
		cmocka_unit_test(not_such_a_file),
		cmocka_unit_test(damaged_files),
	};

	writer = argc > 1 ? argv[1] : "tests/lib/mmdb.py";
	return cmocka_run_group_tests(tests, setup, teardown);
}
