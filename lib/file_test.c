// SPDX-License-Identifier: BSD-3-Clause
#include "lib/file.h"
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

// Each test runs in a folder of its own.
static char folder[] = "/tmp/leat-file-test-XXXXXX";

static int enter(void **state) {
	snprintf(folder, sizeof(folder), "/tmp/leat-file-test-XXXXXX");
	return mkdtemp(folder) ? chdir(folder) : -1;
}

static int leave(void **state) {
	DIR *entries = opendir(".");
	for (struct dirent *e; (e = readdir(entries)) != NULL;)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
			unlink(e->d_name) < 0)
			rmdir(e->d_name);
	closedir(entries);
	return chdir("/") < 0 ? -1 : rmdir(folder);
}

static void what_was_written_is_read(void **state) {
	struct err err = {0};
	char *text;
	size_t len;
	assert_int_equal(file_write_atomic("x", "a\0b", 3, 0640, &err), 0);
	assert_int_equal(file_read("x", 100, &text, &len, &err), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(text, "a\0b", 4);
	free(text);
	struct stat st;
	assert_int_equal(stat("x", &st), 0);
	assert_int_equal(st.st_mode & 0777 & ~0640, 0);
	assert_int_equal(access("x.tmp", F_OK), -1);
}

static void a_file_is_replaced_whole(void **state) {
	struct err err = {0};
	char *text, path[64];
	assert_int_equal(file_write_atomic("x", "long text", 9, 0600, &err), 0);
	assert_int_equal(file_write_atomic("x.tmp", "left behind by a crash", 22, 0600, &err), 0);
	snprintf(path, sizeof(path), "%s/x", folder);
	assert_int_equal(file_write_atomic(path, "short", 5, 0600, &err), 0);
	assert_int_equal(file_read("x", 100, &text, NULL, &err), 0);
	assert_string_equal(text, "short");
	free(text);
}

static void a_write_that_fails_changes_nothing(void **state) {
	struct err err = {0}, other = {0};
	assert_int_equal(file_write_atomic("none/x", "a", 1, 0600, &err), -ENOENT);
	assert_string_equal(err.msg, "cannot write none/x: No such file or directory");
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(file_write_atomic("d", "a", 1, 0600, &other), -EISDIR);
	assert_int_equal(access("d.tmp", F_OK), -1);
}

static void what_is_no_small_regular_file_is_refused(void **state) {
	struct err none = {0}, large = {0}, dir = {0}, fifo = {0}, link = {0};
	char *text = NULL;
	assert_int_equal(file_read("x", 10, &text, NULL, &none), -ENOENT);
	assert_string_equal(none.msg, "x: No such file or directory");
	assert_int_equal(file_write_atomic("x", "0123456789", 10, 0600, &none), 0);
	assert_int_equal(file_read("x", 9, &text, NULL, &large), -EFBIG);
	assert_string_equal(large.msg, "x: is larger than 9 bytes");
	assert_int_equal(file_read(".", 10, &text, NULL, &dir), -EINVAL);
	assert_string_equal(dir.msg, ".: is not a regular file");
	assert_int_equal(mkfifo("f", 0600), 0);
	assert_int_equal(file_read("f", 10, &text, NULL, &fifo), -EINVAL);
	assert_int_equal(symlink("x", "l"), 0);
	assert_int_equal(file_read_at(AT_FDCWD, "l", O_NOFOLLOW, 10, &text, NULL, &link), -ELOOP);
	assert_null(text);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_written_is_read, enter, leave),
		cmocka_unit_test_setup_teardown(a_file_is_replaced_whole, enter, leave),
		cmocka_unit_test_setup_teardown(a_write_that_fails_changes_nothing, enter, leave),
		cmocka_unit_test_setup_teardown(
			what_is_no_small_regular_file_is_refused, enter, leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
