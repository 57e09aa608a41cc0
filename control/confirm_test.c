// SPDX-License-Identifier: BSD-3-Clause
// The configuration over time: what is not confirmed goes back, and a start that cannot go on where it stopped.
#include "control/txn_testlib.h"
#include "lib/event.h"
#include <signal.h>
#include <sys/resource.h>

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

// ---- what to go back to is damaged -------------------------------------------------------------------------------

#define THREE "return { boxes = { a = { size = 3 }, b = {}, c = {} } }"

static char last_event[64];
static json_t *last_data;

// Keeps the last event of the name that `arg` says.
static void keep_event(const char *name, const json_t *data, void *arg) {
	if (strcmp(name, arg) != 0)
		return;
	snprintf(last_event, sizeof(last_event), "%s", name);
	json_decref(last_data);
	last_data = json_deep_copy(data);
}

static void damage(unsigned number) {
	char path[128];
	snprintf(path, sizeof(path), "%s/revisions/%u.json", dir, number);
	assert_int_equal(truncate(path, 40), 0);
}

static void confirm_runs_out(void) {
	clock_fake_advance(5 * NSEC_PER_SEC);
	ctl_config_poll(config, clock_now_ns());
}

static void test_revert_past_a_damaged_revision(void **state) {
	started(ONE);
	applied(TWO, NOW);
	applied(THREE, (struct ctl_apply){.confirm_s = 5});
	damage(2);
	event_set_sink(keep_event, "config.damaged");
	confirm_runs_out();
	event_set_sink(NULL, NULL);
	assert_shown(1);
	assert_running("{\"boxes\":{\"a\":{\"size\":1}}}");
	assert_int_equal(ctl_config_confirm_by(config), 0);
	assert_string_equal(last_event, "config.damaged");
	assert_int_equal(jx_int(last_data, "revision", 0), 2);
	assert_int_equal(jx_int(last_data, "instead", 0), 1);
	assert_string_not_equal(jx_str(last_data, "why", ""), "");
	json_decref(last_data);
	last_data = NULL;
	applied(THREE, NOW); // nothing waits any more
	assert_int_equal(ctl_config_revision(config), 5);
}

static void test_revert_when_all_are_damaged(void **state) {
	started(ONE);
	applied(TWO, NOW);
	applied(THREE, (struct ctl_apply){.confirm_s = 5});
	damage(1);
	damage(2);
	confirm_runs_out();
	assert_running("{}");
	assert_shown(0);
	restart();
	started(NULL);
	assert_running("{}");
	assert_int_equal(ctl_config_revision(config), 4);
}

// The JSON is whole, the Lua text in it is not.
static void test_revert_past_a_spoilt_bundle(void **state) {
	struct err err = {0};
	char path[128];
	json_t *revision;
	started(ONE);
	applied(TWO, NOW);
	applied(THREE, (struct ctl_apply){.confirm_s = 5});
	snprintf(path, sizeof(path), "%s/revisions/2.json", dir);
	assert_int_equal(jx_file_read(path, 1 << 20, &revision, &err), 0);
	json_t *files = json_object_get(json_object_get(revision, "bundle"), "files");
	json_object_set_new(files, "a.lua", json_string("retusn {}"));
	assert_int_equal(jx_file_write(path, revision, 0600, &err), 0);
	json_decref(revision);
	confirm_runs_out();
	assert_shown(1);
}

// Out of descriptors: the file is good, so it stays, and the revert comes later.
static void test_shortage_is_no_damage(void **state) {
	struct rlimit old, none;
	struct err err = {0};
	started(ONE);
	applied(TWO, (struct ctl_apply){.confirm_s = 5});
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){3, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	confirm_runs_out();
	struct ctl_result result;
	assert_int_equal(ctl_config_rollback(config, 1, &result, &err), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_shown(2);
	confirm_runs_out();
	assert_shown(1);
	assert_int_equal(ctl_config_rollback(config, 1, &result, &(struct err){0}), 0);
	ctl_result_fini(&result);
}

static void test_rollback_past_a_damaged_revision(void **state) {
	struct err err = {0};
	struct ctl_result result;
	started(ONE);
	applied(TWO, NOW);
	applied(THREE, (struct ctl_apply){.confirm_s = 5});
	damage(2);
	assert_true(ctl_config_rollback(config, -1, &result, &err) < 0); // says so, once
	err = (struct err){0};
	assert_int_equal(ctl_config_rollback(config, -1, &result, &err), 0);
	ctl_result_fini(&result);
	assert_shown(1);
}

// A dry run beside a change that waits: nothing of its own is to be confirmed.
static void test_dry_run_while_pending(void **state) {
	struct err err = {0};
	struct ctl_result result;
	struct ctl_apply dry = {.dry_run = true}, dry_confirm = {.dry_run = true, .confirm_s = 9};
	started(ONE);
	applied(TWO, (struct ctl_apply){.confirm_s = 60});
	json_t *json = bundle(THREE);
	assert_int_equal(ctl_config_apply(config, json, &dry, &result, &err), 0);
	assert_int_equal(result.confirm_by_wall_ns, 0);
	ctl_result_fini(&result);
	assert_int_equal(ctl_config_apply(config, json, &dry_confirm, &result, &err), 0);
	assert_int_equal(result.confirm_by_wall_ns, 0);
	ctl_result_fini(&result);
	json_decref(json);
	assert_int_not_equal(ctl_config_confirm_by(config), 0);
	assert_shown(2);
}

// ---- what is read at the start only ---------------------------------------------------------------------------------

static void assert_preview(const char *text, const char *memory) {
	json_t *json = text ? bundle(text) : NULL, *tree = ctl_config_preview(config, json);
	const char *seen = json_string_value(schema_get(tree, "later.memory"));
	assert_string_equal(seen ? seen : "nothing", memory);
	json_decref(tree);
	json_decref(json);
}

static void assert_restarts(const char *wanted) {
	json_t *paths = ctl_config_restarts(config);
	char *text = jx_print(paths);
	assert_string_equal(text, wanted);
	free(text);
	json_decref(paths);
}

static void test_preview_is_what_starts(void **state) {
	assert_preview("return { later = { memory = '2M' } }", "2M");
	started("return { later = { memory = '2M' } }");
	applied("return { later = { memory = '3M' } }", NOW);
	applied("return { later = { memory = '4M' } }", (struct ctl_apply){.confirm_s = 5});
	restart();
	assert_preview(NULL, "3M"); // what nobody confirmed does not count
	restart();
	assert_preview("return { later = {} }", "1M"); // a new file does
	restart();
	assert_preview(
		"return { later = 3 }", "3M"); // when it is refused, the last revision starts
}

static void test_preview_of_nothing(void **state) {
	assert_preview(NULL, "nothing");
	restart();
	assert_preview("retusn", "nothing");
}

static void test_what_takes_effect_at_the_next_start(void **state) {
	struct err err = {0};
	struct ctl_result result;
	json_t *two = json_string("2M"), *size = json_integer(3);
	assert_preview(ONE, "nothing");
	started(ONE);
	assert_restarts("[]");
	assert_int_equal(
		ctl_config_edit(config, CTL_EDIT_PUT, "later.memory", two, &result, &err), 0);
	assert_string_equal(json_string_value(json_array_get(result.restart, 0)), "later.memory");
	ctl_result_fini(&result);
	assert_restarts("[\"later.memory\"]");
	assert_int_equal(
		ctl_config_edit(config, CTL_EDIT_PUT, "boxes.a.size", size, &result, &err), 0);
	assert_int_equal(json_array_size(result.restart), 0); // no change of this one
	ctl_result_fini(&result);
	assert_restarts("[\"later.memory\"]");
	assert_int_equal(ctl_config_edit(config, CTL_EDIT_DELETE, "later", NULL, &result, &err), 0);
	ctl_result_fini(&result);
	assert_restarts("[]"); // as it was at the start
	json_decref(two);
	json_decref(size);
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
		TEST(test_unconfirmed_reverts),
		TEST(test_confirmed_stays),
		TEST(test_unconfirmed_does_not_survive_a_restart),
		TEST(test_first_apply_reverts_to_nothing),
		TEST(test_nothing_else_while_pending),
		TEST(test_revert_on_a_full_disk),
		TEST(test_failed_revert_is_tried_again),
		TEST(test_revert_past_a_damaged_revision),
		TEST(test_revert_when_all_are_damaged),
		TEST(test_revert_past_a_spoilt_bundle),
		TEST(test_shortage_is_no_damage),
		TEST(test_rollback_past_a_damaged_revision),
		TEST(test_dry_run_while_pending),
		TEST(test_preview_is_what_starts),
		TEST(test_preview_of_nothing),
		TEST(test_what_takes_effect_at_the_next_start),
		TEST(test_degraded_start),
		TEST(test_a_change_ends_the_degraded_state),
		TEST(test_a_bad_file_at_the_start),
		TEST(test_damaged_last_revision),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
