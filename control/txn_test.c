// SPDX-License-Identifier: BSD-3-Clause
// Transactions over modules that can be told to fail (platform_fake.c), on a real store.
#include "control/platform_fake.h"
#include "control/txn.h"
#include "lib/clock.h"
#include "lib/json.h"
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct ctl_config *config;

static int setup(void **state) {
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

static int teardown(void **state) {
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

static json_t *bundle(const char *text) {
	return json_pack("{s:s, s:{s:s}}", "main", "a.lua", "files", "a.lua", text);
}

static int start(const char *text, struct err *err) {
	json_t *json = text ? bundle(text) : NULL;
	int rc = ctl_config_start(config, json, err);
	json_decref(json);
	return rc;
}

static void started(const char *text) {
	struct err err = {0};
	if (start(text, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
}

static void restart(void) {
	struct err err = {0};
	ctl_config_free(config);
	config = ctl_config_new(dir, ctl_platform.sync, &err);
	assert_non_null(config);
}

static int apply(const char *text, struct ctl_apply opts, struct err *err) {
	struct ctl_result result = {0};
	json_t *json = bundle(text);
	int rc = ctl_config_apply(config, json, &opts, &result, err);
	if (rc == 0)
		ctl_result_fini(&result);
	json_decref(json);
	return rc;
}

static void applied(const char *text, struct ctl_apply opts) {
	struct err err = {0};
	if (apply(text, opts, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
}

static int set(const char *path, const char *value, struct err *err) {
	struct ctl_result result = {0};
	json_t *json = json_loads(value, JSON_DECODE_ANY, NULL);
	int rc = ctl_config_edit(config, CTL_EDIT_PUT, path, json, &result, err);
	if (rc == 0)
		ctl_result_fini(&result);
	json_decref(json);
	return rc;
}

static void assert_running(const char *wanted) {
	json_t *json = json_loads(wanted, 0, NULL);
	assert_non_null(json);
	if (!json_equal(json, ctl_config_tree(config, CTL_RUNNING)))
		fail_msg("runs %s, not %s", jx_print(ctl_config_tree(config, CTL_RUNNING)), wanted);
	json_decref(json);
}

// What a module was told is what runs.
static void assert_shown(size_t n) {
	struct err err = {0};
	json_t *rows = json_array(), *filter = json_object();
	assert_int_equal(module_noun_find("boxes")->show(filter, 100, rows, &err), 0);
	assert_int_equal(json_array_size(rows), n);
	json_decref(filter);
	json_decref(rows);
}

static char *state_text(void) {
	json_t *all = json_pack("[O, O, O, O, o, I]", ctl_config_tree(config, CTL_RUNNING),
		ctl_config_tree(config, CTL_RUNNING_RESOLVED), ctl_config_tree(config, CTL_FILE),
		ctl_config_tree(config, CTL_OVERLAY), ctl_config_history(config),
		(json_int_t)ctl_config_revision(config));
	char *text = jx_print(all);
	json_decref(all);
	return text;
}

#define ONE "return { boxes = { a = { size = 1 } } }"
#define TWO "return { boxes = { a = { size = 2 }, b = {} } }"
#define NOW ((struct ctl_apply){0})

static void test_empty_start(void **state) {
	started(NULL);
	assert_int_equal(ctl_config_revision(config), 0);
	assert_running("{}");
	json_t *history = ctl_config_history(config);
	assert_int_equal(json_array_size(history), 0);
	json_decref(history);
}

static void test_apply_and_restart(void **state) {
	started(ONE);
	applied(TWO, (struct ctl_apply){.comment = "why"});
	assert_int_equal(ctl_config_revision(config), 2);
	assert_shown(2);
	restart();
	started(NULL);
	assert_int_equal(ctl_config_revision(config), 2);
	assert_running("{\"boxes\":{\"a\":{\"size\":2},\"b\":{}}}");
	assert_shown(2);
	restart();
	started(TWO); // the same file: the same revision
	assert_int_equal(ctl_config_revision(config), 2);
	restart();
	started(ONE);
	assert_int_equal(ctl_config_revision(config), 3);
	assert_shown(1);
}

static void test_the_same_makes_no_revision(void **state) {
	started(ONE);
	applied(ONE, NOW);
	assert_int_equal(ctl_config_revision(config), 1);
}

// Wherever it fails, nothing has changed.
static void test_all_or_nothing(void **state) {
	static const char *const bad[] = {
		"return {",
		"error('no')",
		"while true do end",
		"return 3",
		"return { bixes = {} }",
		"return { boxes = { a = { size = 0 } } }",
		"return { boxes = { a = { inside = 'zz' } } }",
		"return { boxes = { new = {}, a = { broken = true } } }",
		"return { boxes = { new = {} }, later = { refuse = true } }",
	};
	started(ONE);
	struct err err = {0};
	assert_int_equal(set("boxes.a.color", "\"green\"", &err), 0);
	char *before = state_text();
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		for (int dry = 0; dry < 2; dry++) {
			err = (struct err){0};
			assert_int_equal(
				apply(bad[i], (struct ctl_apply){.dry_run = dry}, &err), -EINVAL);
			assert_string_not_equal(err.msg, "");
			char *after = state_text();
			assert_string_equal(after, before);
			free(after);
			assert_int_equal(fake_plans_alive(), 0);
			assert_shown(1);
		}
	}
	free(before);
	restart();
	started(NULL);
	assert_running("{\"boxes\":{\"a\":{\"size\":1,\"color\":\"green\"}}}");
}

static void test_full_disk_aborts_all(void **state) {
	struct rlimit old, none;
	struct err err = {0};
	started(ONE);
	char *before = state_text();
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	none = (struct rlimit){0, old.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	int rc = apply(TWO, NOW, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(rc, CTL_STORE);
	assert_non_null(strstr(err.msg, "nothing was changed"));
	char *after = state_text();
	assert_string_equal(after, before);
	free(after);
	free(before);
	assert_int_equal(fake_plans_alive(), 0);
	assert_shown(1);
	applied(TWO, NOW);
}

static void test_dry_run_and_check(void **state) {
	struct err err = {0};
	struct ctl_result result = {0};
	struct ctl_apply dry = {.dry_run = true};
	started(ONE);
	char *before = state_text();
	json_t *json = bundle(TWO);
	assert_int_equal(ctl_config_apply(config, json, &dry, &result, &err), 0);
	assert_int_equal(json_array_size(result.changes), 2);
	assert_int_equal(result.revision, 1);
	ctl_result_fini(&result);
	assert_int_equal(ctl_config_check(json, &err), 0);
	json_decref(json);
	char *after = state_text();
	assert_string_equal(after, before);
	assert_shown(1);
	free(after);
	free(before);
}

static void test_overlay_lives_until_the_next_apply(void **state) {
	struct err err = {0};
	struct ctl_result result = {0};
	started(ONE);
	assert_int_equal(set("boxes.b.size", "7", &err), 0);
	assert_running("{\"boxes\":{\"a\":{\"size\":1},\"b\":{\"size\":7}}}");
	restart();
	started(ONE);
	assert_running("{\"boxes\":{\"a\":{\"size\":1},\"b\":{\"size\":7}}}");
	applied("return { boxes = { c = {} } }", (struct ctl_apply){.keep_overlay = true});
	assert_running("{\"boxes\":{\"c\":{},\"b\":{\"size\":7}}}");
	assert_int_equal(ctl_config_clear_overlay(config, &result, &err), 0);
	assert_int_equal(json_array_size(result.changes), 1);
	ctl_result_fini(&result);
	assert_running("{\"boxes\":{\"c\":{}}}");
	assert_int_equal(set("boxes.b.size", "7", &err), 0);
	applied(ONE, NOW);
	assert_running("{\"boxes\":{\"a\":{\"size\":1}}}");
}

static void test_edits_are_refused_as_files_are(void **state) {
	struct err err = {0};
	started(ONE);
	assert_int_equal(set("boxes.a.size", "1000", &err), -EINVAL);
	assert_string_equal(err.path, "boxes.a.size");
	err = (struct err){0};
	assert_int_equal(set("boxes.a.sise", "1", &err), -EINVAL);
	assert_non_null(strstr(err.msg, "size"));
	err = (struct err){0};
	assert_int_equal(set("boxes.a.judge", "{\"$function\":1}", &err), -EINVAL);
	assert_int_equal(ctl_config_revision(config), 1);
}

static void test_functions_survive_an_edit(void **state) {
	struct err err = {0};
	started("return { boxes = { a = { judge = function() return 1 end } } }");
	assert_int_equal(set("boxes.a.size", "5", &err), 0);
	assert_int_equal(set("boxes.a.size", "6", &err), 0);
	assert_non_null(schema_get(ctl_config_tree(config, CTL_RUNNING), "boxes.a.judge"));
}

// ---- confirmation ----------------------------------------------------------------------------------------------

static void test_unconfirmed_reverts(void **state) {
	struct err err = {0};
	struct ctl_result result = {0};
	started(ONE);
	json_t *json = bundle(TWO);
	struct ctl_apply opts = {.confirm_s = 60};
	assert_int_equal(ctl_config_apply(config, json, &opts, &result, &err), 0);
	json_decref(json);
	assert_int_equal(result.confirm_by_wall_ns, CLOCK_FAKE_WALL_NS + 60 * NSEC_PER_SEC);
	ctl_result_fini(&result);
	assert_shown(2);
	clock_fake_advance(59 * NSEC_PER_SEC);
	ctl_config_poll(config, clock_now_ns());
	assert_shown(2);
	clock_fake_advance(1 * NSEC_PER_SEC);
	ctl_config_poll(config, clock_now_ns());
	assert_shown(1);
	assert_int_equal(ctl_config_revision(config), 3);
	assert_int_equal(ctl_config_confirm(config, &err), CTL_BUSY);
	json_t *history = ctl_config_history(config);
	assert_string_equal(jx_str(json_array_get(history, 0), "kind", ""), "revert");
	assert_string_equal(jx_str(json_array_get(history, 1), "state", ""), "old");
	json_decref(history);
}

static void test_confirmed_stays(void **state) {
	struct err err = {0};
	started(ONE);
	applied(TWO, (struct ctl_apply){.confirm_s = 60});
	assert_int_equal(ctl_config_confirm(config, &err), 0);
	clock_fake_advance(3600 * NSEC_PER_SEC);
	ctl_config_poll(config, clock_now_ns());
	assert_shown(2);
	restart();
	started(NULL);
	assert_shown(2);
}

static void test_unconfirmed_does_not_survive_a_restart(void **state) {
	started(ONE);
	applied(TWO, (struct ctl_apply){.confirm_s = 60});
	restart();
	started(NULL);
	assert_int_equal(ctl_config_revision(config), 1);
	assert_shown(1);
	applied(TWO, NOW);
	assert_int_equal(ctl_config_revision(config), 3);
}

static void test_first_apply_reverts_to_nothing(void **state) {
	started(NULL);
	applied(ONE, (struct ctl_apply){.confirm_s = 5});
	clock_fake_advance(5 * NSEC_PER_SEC);
	ctl_config_poll(config, clock_now_ns());
	assert_running("{}");
	assert_shown(0);
	restart();
	started(NULL);
	assert_running("{}");
}

static void test_nothing_else_while_pending(void **state) {
	struct err err = {0};
	struct ctl_result result = {0};
	started(ONE);
	applied(TWO, (struct ctl_apply){.confirm_s = 60});
	assert_int_equal(apply(ONE, NOW, &err), CTL_BUSY);
	assert_int_equal(set("boxes.a.size", "9", &err), CTL_BUSY);
	assert_int_equal(ctl_config_clear_overlay(config, &result, &err), CTL_BUSY);
	assert_int_equal(apply(ONE, (struct ctl_apply){.dry_run = true}, &err), 0);
	err = (struct err){0};
	assert_int_equal(ctl_config_rollback(config, -1, &result, &err), 0);
	ctl_result_fini(&result);
	assert_shown(1);
	clock_fake_advance(61 * NSEC_PER_SEC);
	ctl_config_poll(config, clock_now_ns());
	assert_int_equal(ctl_config_revision(config), 3);
}

// A revert is not held up by a full disk: the revision to go back to is on it already.
static void test_revert_on_a_full_disk(void **state) {
	struct rlimit old, none;
	started(ONE);
	applied(TWO, (struct ctl_apply){.confirm_s = 5});
	clock_fake_advance(5 * NSEC_PER_SEC);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	none = (struct rlimit){0, old.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	ctl_config_poll(config, clock_now_ns());
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_shown(1);
	assert_int_equal(ctl_config_revision(config), 1);
	restart();
	started(NULL);
	assert_shown(1);
}

static void test_failed_revert_is_tried_again(void **state) {
	started(ONE);
	applied(TWO, (struct ctl_apply){.confirm_s = 5});
	fake_fail_later("not now");
	clock_fake_advance(5 * NSEC_PER_SEC);
	ctl_config_poll(config, clock_now_ns());
	assert_shown(2);
	fake_fail_later(NULL);
	clock_fake_advance(60 * NSEC_PER_SEC);
	ctl_config_poll(config, clock_now_ns());
	assert_shown(1);
}

// ---- rollback, diff ----------------------------------------------------------------------------------------------

static void test_rollback(void **state) {
	struct err err = {0};
	struct ctl_result result = {0};
	started(ONE);
	applied(TWO, NOW);
	assert_int_equal(set("boxes.c.size", "3", &err), 0);
	assert_int_equal(ctl_config_rollback(config, -1, &result, &err), 0);
	ctl_result_fini(&result);
	assert_shown(2);
	assert_int_equal(ctl_config_rollback(config, 1, &result, &err), 0);
	ctl_result_fini(&result);
	assert_shown(1);
	assert_int_equal(ctl_config_rollback(config, 3, &result, &err), 0); // overlay included
	ctl_result_fini(&result);
	assert_shown(3);
	assert_int_equal(ctl_config_rollback(config, 0, &result, &err), 0);
	ctl_result_fini(&result);
	assert_shown(0);
	assert_int_equal(ctl_config_rollback(config, 77, &result, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "leat history"));
}

static void test_rollback_with_nothing_before(void **state) {
	struct err err = {0};
	struct ctl_result result = {0};
	started(ONE);
	assert_int_equal(ctl_config_rollback(config, -1, &result, &err), -ENOENT);
}

static void test_diff(void **state) {
	struct err err = {0};
	json_t *changes;
	started(ONE);
	applied(TWO, NOW);
	assert_int_equal(set("boxes.a.size", "9", &err), 0);
	assert_int_equal(ctl_config_diff(config, -1, -1, &changes, &err), 0);
	assert_int_equal(json_array_size(changes), 1);
	json_decref(changes);
	assert_int_equal(ctl_config_diff(config, 1, 2, &changes, &err), 0);
	assert_int_equal(json_array_size(changes), 2);
	json_decref(changes);
	assert_int_equal(ctl_config_diff(config, 1, 50, &changes, &err), -ENOENT);
}

static void test_secrets_are_not_in_changes(void **state) {
	struct err err = {0};
	struct ctl_result result = {0};
	struct ctl_apply opts = {0};
	started(ONE);
	json_t *json = bundle("return { boxes = { a = { key = 'hush' }, n = { key = 'hush' } } }");
	assert_int_equal(ctl_config_apply(config, json, &opts, &result, &err), 0);
	char *text = jx_print(result.changes);
	assert_null(strstr(text, "hush"));
	assert_non_null(strstr(text, "(secret)"));
	free(text);
	ctl_result_fini(&result);
	json_decref(json);
}

// ---- a start that cannot go on where it stopped --------------------------------------------------------------------

static void test_degraded_start(void **state) {
	struct err err = {0};
	started(ONE);
	applied(TWO, NOW);
	restart();
	fake_fail_later("the NIC is gone");
	started(NULL);
	assert_non_null(strstr(ctl_config_degraded(config), "the NIC is gone"));
	assert_running("{}");
	assert_shown(0);
	assert_int_equal(ctl_config_revision(config), 2); // the wanted one is kept
	for (int i = 0; i < 5; i++) {
		clock_fake_advance(60 * NSEC_PER_SEC);
		ctl_config_poll(config, clock_now_ns());
	}
	assert_running("{}");
	assert_int_equal(set("boxes.z.size", "1", &err), -EINVAL);
	fake_fail_later(NULL);
	clock_fake_advance(60 * NSEC_PER_SEC);
	ctl_config_poll(config, clock_now_ns());
	assert_null(ctl_config_degraded(config));
	assert_shown(2);
	assert_int_equal(ctl_config_revision(config), 2);
	json_t *history = ctl_config_history(config);
	assert_int_equal(json_array_size(history), 2);
	json_decref(history);
}

static void test_a_change_ends_the_degraded_state(void **state) {
	struct err err = {0};
	started(TWO);
	restart();
	fake_fail_later("the NIC is gone");
	started(NULL);
	fake_fail_later(NULL);
	// An edit is one of the wanted revision, not of the empty one that runs.
	assert_int_equal(set("boxes.c.size", "3", &err), 0);
	assert_null(ctl_config_degraded(config));
	assert_shown(3);
	assert_int_equal(ctl_config_revision(config), 2);
}

static void test_a_bad_file_at_the_start(void **state) {
	struct err err = {0};
	assert_true(start("return { boxes = 3 }", &err) < 0); // nothing to fall back to
	assert_string_equal(err.path, "boxes");
	restart();
	started(ONE);
	restart();
	started("return { boxes = 3 }");
	assert_shown(1);
	assert_null(ctl_config_degraded(config));
}

static void test_damaged_last_revision(void **state) {
	char path[128];
	started(ONE);
	applied(TWO, NOW);
	snprintf(path, sizeof(path), "%s/revisions/2.json", dir);
	assert_int_equal(truncate(path, 40), 0);
	restart();
	started(NULL);
	assert_shown(1);
	assert_int_equal(ctl_config_revision(config), 1);
	applied(TWO, NOW);
	assert_int_equal(ctl_config_revision(config), 3);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_empty_start),
		TEST(test_apply_and_restart),
		TEST(test_the_same_makes_no_revision),
		TEST(test_all_or_nothing),
		TEST(test_full_disk_aborts_all),
		TEST(test_dry_run_and_check),
		TEST(test_overlay_lives_until_the_next_apply),
		TEST(test_edits_are_refused_as_files_are),
		TEST(test_functions_survive_an_edit),
		TEST(test_unconfirmed_reverts),
		TEST(test_confirmed_stays),
		TEST(test_unconfirmed_does_not_survive_a_restart),
		TEST(test_first_apply_reverts_to_nothing),
		TEST(test_nothing_else_while_pending),
		TEST(test_revert_on_a_full_disk),
		TEST(test_failed_revert_is_tried_again),
		TEST(test_rollback),
		TEST(test_rollback_with_nothing_before),
		TEST(test_diff),
		TEST(test_secrets_are_not_in_changes),
		TEST(test_degraded_start),
		TEST(test_a_change_ends_the_degraded_state),
		TEST(test_a_bad_file_at_the_start),
		TEST(test_damaged_last_revision),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
