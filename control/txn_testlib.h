// SPDX-License-Identifier: BSD-3-Clause
// What the tests of transactions share: a configuration over the modules of platform_fake.c, on a real store, with the
// fake clock.
#pragma once

#include "control/platform_fake.h"
#include "control/txn.h"
#include "lib/clock.h"
#include "lib/json.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// cmocka.h wants the headers above.
#include <cmocka.h>

static char dir[64];
static struct ctl_config *config;

static inline int setup(void **state) {
	struct err err = {0};
	snprintf(dir, sizeof(dir), "/tmp/leat-txn-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	for (const struct module *const *m = ctl_platform.modules; *m; m++)
		module_add(*m, &err);
	module_sort(&err);
	clock_fake_start(1000 * NSEC_PER_SEC);
	config = ctl_config_new(dir, ctl_platform.sync, &err);
	return config ? 0 : -1;
}

static inline int teardown(void **state) {
	char cmd[96];
	size_t n;
	const struct module *const *modules = module_list(&n);
	ctl_config_free(config);
	assert_int_equal(fake_plans_alive(), 0);
	for (size_t i = 0; i < n; i++)
		if (modules[i]->fini)
			modules[i]->fini();
	module_reset();
	fake_fail_later(NULL);
	clock_fake_stop();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static inline json_t *bundle(const char *text) {
	return json_pack("{s:s, s:{s:s}}", "main", "a.lua", "files", "a.lua", text);
}

static inline int start(const char *text, struct err *err) {
	json_t *json = text ? bundle(text) : NULL;
	int rc = ctl_config_start(config, json, err);
	json_decref(json);
	return rc;
}

static inline void started(const char *text) {
	struct err err = {0};
	if (start(text, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
}

static inline void restart(void) {
	struct err err = {0};
	ctl_config_free(config);
	config = ctl_config_new(dir, ctl_platform.sync, &err);
	assert_non_null(config);
}

static inline int apply(const char *text, struct ctl_apply opts, struct err *err) {
	struct ctl_result result = {0};
	json_t *json = bundle(text);
	int rc = ctl_config_apply(config, json, &opts, &result, err);
	if (rc == 0)
		ctl_result_fini(&result);
	json_decref(json);
	return rc;
}

static inline void applied(const char *text, struct ctl_apply opts) {
	struct err err = {0};
	if (apply(text, opts, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
}

static inline int set(const char *path, const char *value, struct err *err) {
	struct ctl_result result = {0};
	json_t *json = json_loads(value, JSON_DECODE_ANY, NULL);
	int rc = ctl_config_edit(config, CTL_EDIT_PUT, path, json, &result, err);
	if (rc == 0)
		ctl_result_fini(&result);
	json_decref(json);
	return rc;
}

static inline void assert_running(const char *wanted) {
	json_t *json = json_loads(wanted, 0, NULL);
	assert_non_null(json);
	if (!json_equal(json, ctl_config_tree(config, CTL_RUNNING)))
		fail_msg("runs %s, not %s", jx_print(ctl_config_tree(config, CTL_RUNNING)), wanted);
	json_decref(json);
}

// What a module was told is what runs.
static inline void assert_shown(size_t n) {
	struct err err = {0};
	json_t *rows = json_array(), *filter = json_object();
	assert_int_equal(module_noun_find("boxes")->show(filter, 100, rows, &err), 0);
	assert_int_equal(json_array_size(rows), n);
	json_decref(filter);
	json_decref(rows);
}

#define ONE "return { boxes = { a = { size = 1 } } }"
#define TWO "return { boxes = { a = { size = 2 }, b = {} } }"
#define NOW ((struct ctl_apply){0})
