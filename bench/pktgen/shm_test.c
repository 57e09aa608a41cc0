// SPDX-License-Identifier: BSD-3-Clause
#include "bench/pktgen/shm.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
// cmocka.h needs the four above
#include <cmocka.h>

static char dir[] = "/tmp/pktgen-XXXXXX", path[64];
static struct gen_shm *shm;
static struct err err;

static int start(void **) {
	err = (struct err){0};
	unlink(path);
	shm = gen_shm_open(path, true, &err);
	return shm ? 0 : -1;
}

static int stop(void **) {
	gen_shm_close(shm);
	unlink(path);
	return 0;
}

static void made_once_and_shared(void **) {
	struct gen_shm *again = gen_shm_open(path, true, &err);
	struct stat st;

	assert_non_null(again);
	again->pause = 1;
	assert_int_equal(shm->pause, 1);
	assert_true(again->rate_pps == GEN_RATE_UNSET);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	gen_shm_close(again);
}

static void not_made_by_a_reader(void **) {
	unlink(path);
	assert_null(gen_shm_open(path, false, &err));
	assert_non_null(strstr(err.msg, path));
	assert_int_equal(access(path, F_OK), -1);
}

static void another_file_is_refused(void **) {
	int fd = open(path, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, "some text", 9), 9);
	close(fd);
	assert_null(gen_shm_open(path, true, &err));
	assert_non_null(strstr(err.msg, "remove it"));
	err = (struct err){0};
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(truncate(path, sizeof(*shm)), 0);
	fd = open(path, O_WRONLY);
	assert_int_equal(write(fd, "some text", 9), 9);
	close(fd);
	assert_null(gen_shm_open(path, true, &err));
	assert_non_null(strstr(err.msg, "no generator's"));
	err = (struct err){0};
	assert_null(gen_shm_open("/tmp", true, &err));
}

static void ports_have_places(void **) {
	struct gen_port *a = gen_port_claim(shm, path, "a", &err), *b, *more;
	char name[8];

	b = gen_port_claim(shm, path, "b", &err);
	assert_true(a != NULL && b != NULL && a != b);
	a->rx[0].packets = 5;
	gen_port_release(a);
	assert_int_equal(a->rx[0].packets, 5);
	more = gen_port_claim(shm, path, "c", &err); // what can be seen of `a` stays
	assert_true(more != a && more != b);
	assert_ptr_equal(gen_port_claim(shm, path, "a", &err), a);
	assert_int_equal(a->rx[0].packets, 0);
	for (unsigned i = 3; i < GEN_PORTS; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		assert_non_null(gen_port_claim(shm, path, name, &err));
	}
	assert_null(gen_port_claim(shm, path, "one", &err));
	assert_non_null(strstr(err.msg, "another file"));
	gen_port_release(b);
	assert_ptr_equal(gen_port_claim(shm, path, "one", NULL), b);
}

static void places_of_the_dead_are_free(void **) {
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(gen_port_claim(shm, path, "a", NULL) == &shm->ports[0] ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(shm->ports[0].pid, pid);
	assert_ptr_equal(gen_port_claim(shm, path, "a", &err), &shm->ports[0]);
	assert_int_equal(shm->ports[0].pid, getpid());
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(made_once_and_shared, start, stop),
		cmocka_unit_test_setup_teardown(not_made_by_a_reader, start, stop),
		cmocka_unit_test_setup_teardown(another_file_is_refused, start, stop),
		cmocka_unit_test_setup_teardown(ports_have_places, start, stop),
		cmocka_unit_test_setup_teardown(places_of_the_dead_are_free, start, stop),
	};
	int rc;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/shm", dir);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return rc;
}
