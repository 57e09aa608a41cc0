// SPDX-License-Identifier: BSD-3-Clause
// Transactions over modules that can be told to fail.
#include "control/txn_testlib.h"
#include <signal.h>
#include <sys/resource.h>

static char *state_text(void) {
	json_t *all = json_pack("[O, O, O, O, o, I]", ctl_config_tree(config, CTL_RUNNING),
		ctl_config_tree(config, CTL_RUNNING_RESOLVED), ctl_config_tree(config, CTL_FILE),
		ctl_config_tree(config, CTL_OVERLAY), ctl_config_history(config),
		(json_int_t)ctl_config_revision(config));
	char *text = jx_print(all);
	json_decref(all);
	return text;
}

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
	json_t *notes = NULL;
	assert_int_equal(ctl_config_check(json, &notes, &err), 0);
	json_decref(notes);
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
		TEST(test_rollback),
		TEST(test_rollback_with_nothing_before),
		TEST(test_diff),
		TEST(test_secrets_are_not_in_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
