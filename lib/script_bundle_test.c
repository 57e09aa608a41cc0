// SPDX-License-Identifier: BSD-3-Clause
#include "lib/file.h"
#include "lib/json.h"
#include "lib/script.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// Each test runs beside a folder "configs" of its own.
static char folder[] = "/tmp/leat-bundle-test-XXXXXX";

static void put(const char *path, const char *text, size_t len) {
	struct err err = {0};
	assert_int_equal(file_write_atomic(path, text, len, 0600, &err), 0);
}

static void put_text(const char *path, const char *text) {
	put(path, text, strlen(text));
}

static int enter(void **state) {
	snprintf(folder, sizeof(folder), "/tmp/leat-bundle-test-XXXXXX");
	if (mkdtemp(folder) == NULL || chdir(folder) < 0)
		return -1;
	return mkdir("configs", 0700);
}

static void empty(const char *path) {
	DIR *entries = opendir(path);
	for (struct dirent *e; entries && (e = readdir(entries)) != NULL;)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlinkat(dirfd(entries), e->d_name, e->d_type == DT_DIR ? AT_REMOVEDIR : 0);
	closedir(entries);
}

static int leave(void **state) {
	empty("configs");
	empty(".");
	return chdir("/") < 0 ? -1 : rmdir(folder);
}

static void expect_bundle(const char *path, const char *json) {
	struct err err = {0};
	json_t *bundle;
	if (script_bundle_read(path, &bundle, &err) < 0)
		fail_msg("%s", err.msg);
	char *text = jx_print(bundle);
	assert_string_equal(text, json);
	free(text);
	json_decref(bundle);
}

static void expect_refused(const char *path, int code, const char *part) {
	struct err err = {0};
	json_t *bundle = NULL;
	assert_int_equal(script_bundle_read(path, &bundle, &err), code);
	assert_null(bundle);
	if (strstr(err.msg, part) == NULL)
		fail_msg("said %s, not %s", err.msg, part);
}

static void the_folder_comes_along(void **state) {
	put_text("configs/main.lua", "return {}");
	put_text("configs/sets.lua", "return 1");
	put_text("configs/README", "text");
	put_text("configs/.hidden.lua", "x");
	put_text("configs/a.b.lua", "x");
	expect_bundle("configs/main.lua",
		"{\"files\":{\"main.lua\":\"return {}\",\"sets.lua\":\"return 1\"},"
		"\"folder\":\"configs\",\"main\":\"main.lua\"}");
	assert_int_equal(chdir("configs"), 0);
	expect_bundle("main.lua",
		"{\"files\":{\"main.lua\":\"return {}\",\"sets.lua\":\"return 1\"},"
		"\"folder\":\"\",\"main\":\"main.lua\"}");
	expect_bundle("README",
		"{\"files\":{\"README\":\"text\",\"main.lua\":\"return {}\","
		"\"sets.lua\":\"return 1\"},\"folder\":\"\",\"main\":\"README\"}");
	assert_int_equal(chdir(".."), 0);
}

static void what_would_lead_out_is_left_out(void **state) {
	put_text("secret.lua", "secret");
	put_text("configs/main.lua", "return {}");
	assert_int_equal(symlink("../secret.lua", "configs/link.lua"), 0);
	assert_int_equal(symlink("nowhere", "configs/dangling.lua"), 0);
	assert_int_equal(mkfifo("configs/fifo.lua", 0600), 0);
	assert_int_equal(mkdir("configs/dir.lua", 0700), 0);
	put("configs/binary.lua", "\x1bLua\0\xff", 6);
	expect_bundle("configs/main.lua",
		"{\"files\":{\"main.lua\":\"return {}\"},"
		"\"folder\":\"configs\",\"main\":\"main.lua\"}");
}

static void a_main_file_that_cannot_be_used_is_refused(void **state) {
	expect_refused("configs/none.lua", -ENOENT, "configs/none.lua: No such file");
	expect_refused("none/none.lua", -ENOENT, "none/none.lua: No such file");
	expect_refused("configs", -EINVAL, "configs: is not a regular file");
	put("configs/bytes.lua", "return '\xff'", 10);
	expect_refused("configs/bytes.lua", -EILSEQ, "configs/bytes.lua: is not UTF-8 text");
	put("configs/nul.lua", "a\0b", 3);
	expect_refused("configs/nul.lua", -EILSEQ, "configs/nul.lua: is not UTF-8 text");
}

static void the_size_is_capped(void **state) {
	size_t half = (2 << 20) + 1;
	char *text = malloc(2 * half);
	memset(text, ' ', 2 * half);
	put("configs/huge.lua", text, 2 * half);
	expect_refused("configs/huge.lua", -EFBIG, "configs/huge.lua: is larger than");
	put("configs/huge.lua", text, half);
	put("configs/more.lua", text, half);
	expect_refused("configs/huge.lua", -EFBIG, "larger than 4 MiB together");
	free(text);
}

static void a_bundle_runs_and_names_its_folder(void **state) {
	struct err err = {0};
	struct script *script = NULL;
	json_t *bundle, *tree;
	put_text("configs/main.lua", "local s = require 'sets'\nreturn { n = s.n + s.none }");
	put_text("configs/sets.lua", "return { n = 1 }");
	assert_int_equal(script_bundle_read("configs/main.lua", &bundle, &err), 0);
	assert_int_equal(script_run(bundle, NULL, &script, &tree, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "configs/main.lua:2: attempt to perform arithmetic"));
	json_decref(bundle);
}

static void bundles_are_compared_by_content(void **state) {
	json_t *a = json_pack("{s:s, s:s, s:{s:s}}", "main", "x", "folder", "f", "files", "x", "1");
	json_t *b = json_pack("{s:s, s:{s:s}}", "main", "x", "files", "x", "1");
	json_t *c = json_pack("{s:s, s:{s:s}}", "main", "x", "files", "x", "2");
	assert_true(script_bundle_equal(a, b));
	assert_false(script_bundle_equal(a, c));
	assert_false(script_bundle_equal(NULL, a));
	json_decref(a);
	json_decref(b);
	json_decref(c);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_folder_comes_along, enter, leave),
		cmocka_unit_test_setup_teardown(what_would_lead_out_is_left_out, enter, leave),
		cmocka_unit_test_setup_teardown(
			a_main_file_that_cannot_be_used_is_refused, enter, leave),
		cmocka_unit_test_setup_teardown(the_size_is_capped, enter, leave),
		cmocka_unit_test(bundles_are_compared_by_content),
		cmocka_unit_test_setup_teardown(a_bundle_runs_and_names_its_folder, enter, leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
