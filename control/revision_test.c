// SPDX-License-Identifier: BSD-3-Clause
#include "control/revision.h"
#include "lib/json.h"
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int setup(void **state) {
	snprintf(dir, sizeof(dir), "/tmp/leat-revision-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state) {
	char cmd[96];
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static struct ctl_store *open_store(void) {
	struct err err = {0};
	struct ctl_store *store = ctl_store_open(dir, &err);
	if (store == NULL)
		fail_msg("%s", err.msg);
	return store;
}

static json_t *revision(uint64_t number, const char *confirm) {
	return json_pack("{s:I, s:s, s:s, s:s, s:n, s:{}, s:{s:I}, s:i, s:s}", "revision",
		(json_int_t)number, "time", "2026-01-01T00:00:00Z", "kind", "apply", "comment", "",
		"bundle", "overlay", "tree", "n", (json_int_t)number, "changes", 1, "confirm",
		confirm);
}

static int write_one(struct ctl_store *store, uint64_t number, const char *confirm) {
	struct err err = {0};
	json_t *json = revision(number, confirm);
	int rc = ctl_store_write(store, json, &err);
	json_decref(json);
	return rc;
}

static void spoil(const char *name, const char *text) {
	char path[128];
	snprintf(path, sizeof(path), "%s/revisions/%s", dir, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static bool exists(const char *name) {
	char path[128];
	snprintf(path, sizeof(path), "%s/revisions/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void test_written_is_read(void **state) {
	struct ctl_store *store = open_store();
	struct err err = {0};
	assert_int_equal(ctl_store_next(store), 1);
	assert_int_equal(ctl_store_last_done(store, UINT64_MAX), 0);
	for (uint64_t n = 1; n <= 3; n++)
		assert_int_equal(write_one(store, n, "done"), 0);
	ctl_store_close(store);
	store = open_store();
	json_t *read = ctl_store_read(store, 2, &err), *wanted = revision(2, "done");
	assert_true(json_equal(read, wanted));
	json_decref(read);
	json_decref(wanted);
	assert_int_equal(ctl_store_next(store), 4);
	assert_int_equal(ctl_store_last_done(store, 3), 2);
	assert_null(ctl_store_read(store, 9, &err));
	assert_int_equal(err.code, -ENOENT);
	ctl_store_close(store);
}

static void test_pending_is_passed_over(void **state) {
	struct ctl_store *store = open_store();
	assert_int_equal(write_one(store, 1, "done"), 0);
	assert_int_equal(write_one(store, 2, "pending"), 0);
	ctl_store_close(store);
	store = open_store();
	assert_int_equal(ctl_store_last_done(store, UINT64_MAX), 1);
	assert_int_equal(ctl_store_next(store), 3);
	assert_int_equal(write_one(store, 2, "done"), 0); // confirmed
	assert_int_equal(ctl_store_last_done(store, UINT64_MAX), 2);
	ctl_store_close(store);
}

static void test_at_most_a_hundred_are_kept(void **state) {
	struct ctl_store *store = open_store();
	for (uint64_t n = 1; n <= CTL_REVISIONS + 5; n++)
		assert_int_equal(write_one(store, n, "done"), 0);
	assert_false(exists("5.json"));
	assert_true(exists("6.json"));
	json_t *history = ctl_store_history(store);
	assert_int_equal(json_array_size(history), CTL_REVISIONS);
	assert_int_equal(jx_int(json_array_get(history, 0), "revision", 0), 6);
	json_decref(history);
	ctl_store_close(store);
}

static void test_damaged_newest_is_set_aside(void **state) {
	static const char other[] =
		"{\"revision\":4,\"time\":\"\",\"kind\":\"apply\",\"bundle\":null,"
		"\"overlay\":{},\"confirm\":\"done\"}";
	static const char *const damage[] = {"", "{", "{\"revision\":3}", "[]", other};
	for (size_t i = 0; i < sizeof(damage) / sizeof(*damage); i++) {
		struct ctl_store *store = open_store();
		uint64_t last = ctl_store_next(store);
		assert_int_equal(write_one(store, last, "done"), 0);
		ctl_store_close(store);
		char name[32], bad[32];
		snprintf(name, sizeof(name), "%d.json", (int)last + 1);
		snprintf(bad, sizeof(bad), "%d.bad", (int)last + 1);
		spoil(name, damage[i]);
		store = open_store();
		assert_int_equal(ctl_store_last_done(store, UINT64_MAX), last);
		assert_int_equal(ctl_store_next(store), last + 2); // no number is used twice
		assert_false(exists(name));
		assert_true(exists(bad));
		ctl_store_close(store);
	}
}

static void test_damage_after_the_start_is_noticed(void **state) {
	struct ctl_store *store = open_store();
	struct err err = {0};
	assert_int_equal(write_one(store, 1, "done"), 0);
	assert_int_equal(write_one(store, 2, "done"), 0);
	spoil("2.json", "torn");
	assert_null(ctl_store_read(store, 2, &err));
	assert_int_not_equal(err.code, 0);
	assert_int_equal(ctl_store_last_done(store, UINT64_MAX), 1);
	ctl_store_close(store);
}

static void test_leftovers_and_strangers(void **state) {
	struct ctl_store *store = open_store();
	assert_int_equal(write_one(store, 1, "done"), 0);
	ctl_store_close(store);
	spoil("2.json.tmp", "{\"revi");
	spoil("notes.txt", "mine");
	spoil("007.json", "{}");
	spoil("-1.json", "{}");
	spoil("99999999999999999999.json", "{}");
	store = open_store();
	assert_false(exists("2.json.tmp"));
	assert_true(exists("notes.txt"));
	assert_true(exists("007.json"));
	assert_int_equal(ctl_store_next(store), 2);
	ctl_store_close(store);
}

static void test_one_daemon_at_a_time(void **state) {
	struct ctl_store *store = open_store();
	struct err err = {0};
	assert_null(ctl_store_open(dir, &err));
	assert_int_equal(err.code, -EBUSY);
	assert_non_null(strstr(err.msg, "--state-dir"));
	ctl_store_close(store);
	ctl_store_close(open_store());
}

static void test_refused_folder(void **state) {
	struct err err = {0};
	assert_null(ctl_store_open("/proc/nowhere/state", &err));
	assert_int_not_equal(err.code, 0);
}

// A full disk, as far as a process can have one of its own: writes end at the limit of a file's size.
static void test_full_disk_changes_nothing(void **state) {
	struct rlimit old, none = {0, RLIM_INFINITY};
	struct ctl_store *store = open_store();
	assert_int_equal(write_one(store, 1, "done"), 0);
	assert_int_equal(write_one(store, 2, "pending"), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	none.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	int rc = write_one(store, 3, "done"), confirm = write_one(store, 2, "done");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_true(rc < 0);
	assert_true(confirm < 0);
	assert_false(exists("3.json"));
	assert_false(exists("3.json.tmp"));
	assert_int_equal(ctl_store_last_done(store, UINT64_MAX), 1);
	assert_int_equal(write_one(store, 3, "done"), 0);
	ctl_store_close(store);
	store = open_store();
	assert_int_equal(ctl_store_last_done(store, UINT64_MAX), 3);
	assert_int_equal(ctl_store_last_done(store, 3), 1);
	ctl_store_close(store);
}

// ---- killed at any instant ---------------------------------------------------------------------------------

// Writes revisions for ever and says each number on `fd` once the store has acknowledged it.
static void writer(int fd) {
	struct ctl_store *store = open_store();
	for (;;) {
		uint64_t number = ctl_store_next(store);
		if (write_one(store, number, "done") < 0 ||
			write(fd, &number, sizeof(number)) != sizeof(number))
			_exit(1);
	}
}

// Returns the newest revision that the writer was told of; late: the delay begins with its first.
static uint64_t run_and_kill(unsigned delay_us, bool late) {
	uint64_t number, acknowledged = 0;
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		writer(fds[1]);
	}
	close(fds[1]);
	if (late && read(fds[0], &number, sizeof(number)) == sizeof(number))
		acknowledged = number;
	usleep(delay_us);
	kill(pid, SIGKILL);
	while (read(fds[0], &number, sizeof(number)) == sizeof(number))
		acknowledged = number;
	close(fds[0]);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return acknowledged;
}

static void assert_all_there(uint64_t acknowledged) {
	struct ctl_store *store = open_store();
	struct err err = {0};
	uint64_t last = ctl_store_last_done(store, UINT64_MAX);
	// The one being written at that instant may be there too, whole.
	assert_in_range(last, acknowledged, acknowledged + 1);
	uint64_t oldest = last > CTL_REVISIONS ? last - CTL_REVISIONS + 1 : 1;
	for (uint64_t n = oldest; n <= acknowledged; n++) {
		json_t *read = ctl_store_read(store, n, &err);
		if (read == NULL)
			fail_msg("revision %d: %s", (int)n, err.msg);
		json_decref(read);
	}
	ctl_store_close(store);
}

static void test_killed_at_random_instants(void **state) {
	uint64_t acknowledged = 0, written = 0;
	srandom(4);
	for (int round = 0; round < 100; round++) {
		// Every other one late, or a busy machine would kill a writer that had no CPU yet.
		uint64_t now = run_and_kill((unsigned)random() % 20000, round % 2);
		written += now > acknowledged;
		if (now > acknowledged)
			acknowledged = now;
		assert_all_there(acknowledged);
		struct ctl_store *store = open_store();
		acknowledged = ctl_store_last_done(store, UINT64_MAX);
		ctl_store_close(store);
	}
	assert_true(written >= 50); // else nothing was tested
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_written_is_read),
		TEST(test_pending_is_passed_over),
		TEST(test_at_most_a_hundred_are_kept),
		TEST(test_damaged_newest_is_set_aside),
		TEST(test_damage_after_the_start_is_noticed),
		TEST(test_leftovers_and_strangers),
		TEST(test_one_daemon_at_a_time),
		TEST(test_refused_folder),
		TEST(test_full_disk_changes_nothing),
		TEST(test_killed_at_random_instants),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
