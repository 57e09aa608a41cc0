// SPDX-License-Identifier: BSD-3-Clause
#include "lib/module.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Modules a, b, c that write down what is done to them.
static char diary[512];
static const char *failing; // "a": a's prepare fails

static void note(const char *what, const char *name) {
	size_t used = strlen(diary);
	snprintf(diary + used, sizeof(diary) - used, "%s%s-%s", used ? " " : "", name, what);
}

#define NOTING(id)                                                                           \
	static int id##_prepare(const struct change *change, void **plan, struct err *err) { \
		note("prepare", #id);                                                        \
		*plan = (void *)#id;                                                         \
		if (failing && strcmp(failing, #id) == 0)                                    \
			return err_at(err, #id ".x", "no");                                  \
		return 0;                                                                    \
	}                                                                                    \
	static void id##_commit(void *plan) {                                                \
		assert_string_equal(plan, #id);                                              \
		note("commit", #id);                                                         \
	}                                                                                    \
	static void id##_release(void *plan) {                                               \
		assert_string_equal(plan, #id);                                              \
		note("release", #id);                                                        \
	}                                                                                    \
	static void id##_abort(void *plan) {                                                 \
		assert_string_equal(plan, #id);                                              \
		note("abort", #id);                                                          \
	}                                                                                    \
	static const struct schema_row id##_sections[] = {                                   \
		{.name = "sec_" #id, .type = SCHEMA_ANY, .help = "x"}, {0}};

#define MODULE(id, ...)                                                                          \
	(const struct module) {                                                                  \
		.name = #id, .help = "x", .sections = id##_sections, .prepare = id##_prepare,    \
		.commit = id##_commit, .release = id##_release, .abort = id##_abort, __VA_ARGS__ \
	}

NOTING(a)
NOTING(b)
NOTING(c)

static const char *const after_a[] = {"a", NULL}, *const after_b[] = {"b", NULL},
			 *const after_c[] = {"c", NULL}, *const reads_a[] = {"sec_a", NULL};

static int reset(void **state) {
	module_reset();
	diary[0] = '\0';
	failing = NULL;
	return 0;
}

static void sync_noted(void) {
	note("sync", "all");
}

static int persist_rc;

static int persist_noted(void *arg, struct err *err) {
	note("persist", arg);
	return persist_rc < 0 ? err_set(err, persist_rc, "disk") : 0;
}

static const struct module_hooks hooks = {
	.persist = persist_noted, .arg = "all", .sync = sync_noted};

// Applies old → new, both JSON text.
static int apply(const char *old, const char *new, bool restore, struct err *err) {
	json_t *from = json_loads(old, 0, NULL), *to = json_loads(new, 0, NULL);
	struct change change = {.old = from, .new = to, .restore = restore};
	assert_true(from && to);
	diary[0] = '\0';
	int rc = module_apply(&change, &hooks, err);
	json_decref(from);
	json_decref(to);
	return rc;
}

// c after b after a, added in another order.
static void add_three(void) {
	static struct module ma, mb, mc;
	struct err err = {0};
	ma = MODULE(a);
	mb = MODULE(b, .after = after_a);
	mc = MODULE(c, .after = after_b, .reads = reads_a);
	assert_int_equal(module_add(&mc, &err), 0);
	assert_int_equal(module_add(&ma, &err), 0);
	assert_int_equal(module_add(&mb, &err), 0);
	assert_int_equal(module_sort(&err), 0);
}

static void modules_are_sorted_by_what_they_come_after(void **state) {
	size_t n;
	add_three();
	const struct module *const *list = module_list(&n);
	assert_int_equal(n, 3);
	assert_string_equal(list[0]->name, "a");
	assert_string_equal(list[1]->name, "b");
	assert_string_equal(list[2]->name, "c");
}

static void the_order_of_adding_decides_the_rest(void **state) {
	struct module mb = MODULE(b), mc = MODULE(c), ma = MODULE(a);
	struct err err = {0};
	size_t n;
	module_add(&mb, &err);
	module_add(&mc, &err);
	module_add(&ma, &err);
	assert_int_equal(module_sort(&err), 0);
	const struct module *const *list = module_list(&n);
	assert_string_equal(list[0]->name, "b");
	assert_string_equal(list[1]->name, "c");
	assert_string_equal(list[2]->name, "a");
}

static void circles_and_missing_modules_are_named(void **state) {
	struct module ma = MODULE(a, .after = after_c), mb = MODULE(b, .after = after_a),
		      mc = MODULE(c, .after = after_b);
	struct err err = {0}, missing = {0};
	module_add(&ma, &err);
	module_add(&mb, &err);
	assert_int_equal(module_sort(&missing), -ENOENT);
	assert_string_equal(missing.msg, "module a: comes after module c, which is not there");
	module_add(&mc, &err);
	assert_int_equal(module_sort(&err), -ELOOP);
	assert_non_null(strstr(err.msg, "lead back to it"));
}

static const struct schema_row no_rows[] = {{0}};

static void names_are_taken_once(void **state) {
	static const struct module_noun nouns[] = {{.name = "fdb", .columns = no_rows}, {0}};
	static const struct module_action actions[] = {{.verb = "flush", .noun = "fdb"}, {0}};
	static const struct module_stream streams[] = {{.name = "trace"}, {0}};
	struct module base = MODULE(a, .nouns = nouns, .actions = actions, .streams = streams);
	const struct {
		struct module module;
		const char *part;
	} cases[] = {{{.name = "a"}, "of this name"},
		{{.name = "x", .sections = a_sections}, "section `sec_a` belongs to module a"},
		{{.name = "x", .nouns = nouns}, "`show fdb`"},
		{{.name = "x", .actions = actions}, "`flush fdb`"},
		{{.name = "x", .streams = streams}, "stream `trace`"}};
	struct err err = {0};
	size_t n;
	assert_int_equal(module_add(&base, &err), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err refused = {0};
		assert_int_equal(module_add(&cases[i].module, &refused), -EEXIST);
		assert_non_null(strstr(refused.msg, cases[i].part));
	}
	module_list(&n);
	assert_int_equal(n, 1);
	assert_ptr_equal(module_noun_find("fdb"), &nouns[0]);
	assert_null(module_noun_find("fd"));
	assert_ptr_equal(module_action_find("flush", "fdb"), &actions[0]);
	assert_null(module_action_find("flush", "x"));
	assert_ptr_equal(module_stream_find("trace"), &streams[0]);
	assert_null(module_stream_find("x"));
}

static void every_section_is_listed(void **state) {
	assert_null(module_sections()[0]);
	add_three();
	const struct schema_row *const *rows = module_sections();
	assert_string_equal(rows[0]->name, "sec_c");
	assert_string_equal(rows[1]->name, "sec_a");
	assert_string_equal(rows[2]->name, "sec_b");
	assert_null(rows[3]);
}

static void a_change_runs_through_all_it_touches(void **state) {
	struct err err = {0};
	add_three();
	assert_int_equal(apply("{}", "{\"sec_a\":1,\"sec_b\":1,\"sec_c\":1}", false, &err), 0);
	assert_string_equal(diary,
		"a-prepare b-prepare c-prepare all-persist a-commit b-commit "
		"c-commit all-sync c-release b-release a-release");
}

static void a_module_is_called_only_when_touched(void **state) {
	struct err err = {0};
	add_three();
	assert_int_equal(apply("{\"sec_b\":1}", "{\"sec_b\":2}", false, &err), 0);
	assert_string_equal(diary, "b-prepare all-persist b-commit all-sync b-release");
	assert_int_equal(apply("{\"sec_a\":1}", "{}", false, &err), 0);
	assert_string_equal(diary,
		"a-prepare c-prepare all-persist a-commit c-commit all-sync "
		"c-release a-release"); // c reads a's
	assert_int_equal(
		apply("{\"sec_b\":{\"x\":[1]}}", "{\"sec_b\":{\"x\":[1]}}", false, &err), 0);
	assert_string_equal(diary, "all-persist all-sync");
	assert_int_equal(apply("{}", "{}", true, &err), 0);
	assert_string_equal(diary,
		"a-prepare b-prepare c-prepare all-persist a-commit b-commit "
		"c-commit all-sync c-release b-release a-release");
}

static void a_function_always_touches(void **state) {
	static const char with[] = "{\"sec_b\":{\"list\":[{\"f\":{\"$function\":1}}]}}";
	struct err err = {0};
	add_three();
	assert_int_equal(apply(with, with, false, &err), 0);
	assert_string_equal(diary, "b-prepare all-persist b-commit all-sync b-release");
}

static void a_failed_prepare_aborts_in_reverse(void **state) {
	static const char *const expected[][2] = {{"a", "a-prepare"},
		{"b", "a-prepare b-prepare a-abort"},
		{"c", "a-prepare b-prepare c-prepare b-abort a-abort"}};
	add_three();
	for (size_t i = 0; i < 3; i++) {
		struct err err = {0};
		failing = expected[i][0];
		assert_int_equal(apply("{}", "{}", true, &err), -EINVAL);
		assert_string_equal(diary, expected[i][1]);
		assert_string_equal(err.msg, "no");
	}
}

static void a_failed_persist_aborts_all(void **state) {
	struct err err = {0};
	add_three();
	persist_rc = -ENOSPC;
	assert_int_equal(apply("{}", "{}", true, &err), -ENOSPC);
	persist_rc = 0;
	assert_string_equal(
		diary, "a-prepare b-prepare c-prepare all-persist c-abort b-abort a-abort");
}

static int prepare_silent(const struct change *change, void **plan, struct err *err) {
	return -ENODEV;
}

static void a_failure_without_a_message_gets_one(void **state) {
	struct module m = {.name = "mute", .prepare = prepare_silent};
	struct err err = {0};
	module_add(&m, &err);
	assert_int_equal(apply("{}", "{}", true, &err), -ENODEV);
	assert_string_equal(err.msg, "module mute: No such device");
}

static void a_module_may_have_no_handlers(void **state) {
	struct module m = {.name = "bare"};
	struct err err = {0};
	assert_int_equal(module_add(&m, &err), 0);
	assert_int_equal(module_sort(&err), 0);
	assert_int_equal(apply("{}", "{}", true, &err), 0);
}

static void a_change_is_asked_by_path(void **state) {
	json_t *old = json_loads("{\"s\":{\"x\":1,\"y\":1}}", 0, NULL);
	json_t *new = json_loads("{\"s\":{\"x\":2,\"y\":1}}", 0, NULL);
	struct change change = {.old = old, .new = new};
	assert_true(change_touches(&change, "s"));
	assert_true(change_touches(&change, "s.x"));
	assert_false(change_touches(&change, "s.y"));
	assert_false(change_touches(&change, "s.z"));
	json_decref(old);
	json_decref(new);
}

static void a_plug_in_that_is_none_is_refused(void **state) {
	struct err err = {0}, other = {0};
	assert_int_equal(module_load("/nonexistent.so", &err), -ENOENT);
	assert_non_null(strstr(err.msg, "cannot load plug-in"));
	assert_int_equal(module_load("libm.so.6", &other), -EINVAL);
	assert_non_null(strstr(other.msg, "leat_module"));
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(modules_are_sorted_by_what_they_come_after, reset),
		cmocka_unit_test_teardown(the_order_of_adding_decides_the_rest, reset),
		cmocka_unit_test_teardown(circles_and_missing_modules_are_named, reset),
		cmocka_unit_test_teardown(names_are_taken_once, reset),
		cmocka_unit_test_teardown(every_section_is_listed, reset),
		cmocka_unit_test_teardown(a_change_runs_through_all_it_touches, reset),
		cmocka_unit_test_teardown(a_module_is_called_only_when_touched, reset),
		cmocka_unit_test_teardown(a_function_always_touches, reset),
		cmocka_unit_test_teardown(a_failed_prepare_aborts_in_reverse, reset),
		cmocka_unit_test_teardown(a_failed_persist_aborts_all, reset),
		cmocka_unit_test_teardown(a_failure_without_a_message_gets_one, reset),
		cmocka_unit_test_teardown(a_module_may_have_no_handlers, reset),
		cmocka_unit_test_teardown(a_change_is_asked_by_path, reset),
		cmocka_unit_test_teardown(a_plug_in_that_is_none_is_refused, reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
