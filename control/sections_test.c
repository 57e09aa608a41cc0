// SPDX-License-Identifier: BSD-3-Clause
// The rows of the real modules, not of a sample: no mistake in them, every example of the manual is accepted as it
// stands, and whatever has columns or arguments describes them.
#include "control/module.h"
#include "control/platform.h"
#include "lib/script.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state) {
	struct err err = {0};
	int rc = module_add(&ctl_module, &err);
	for (const struct module *const *m = ctl_platform.modules; rc == 0 && *m; m++)
		rc = module_add(*m, &err);
	return rc == 0 ? module_sort(&err) : rc;
}

static int teardown(void **state) {
	module_reset();
	return 0;
}

static void lint(const struct schema_row *const *sections) {
	struct err err = {0};
	if (schema_lint(sections, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
}

static void test_rows_of_sections(void **state) {
	assert_non_null(*module_sections());
	lint(module_sections());
}

// References of arguments lead into the sections; so those stand beside.
static void lint_rows(const char *name, const char *help, const struct schema_row *rows) {
	const struct schema_row object = {
		.name = name, .type = SCHEMA_OBJECT, .rows = rows, .help = help};
	const struct schema_row *all[64] = {&object};
	const struct schema_row *const *sections = module_sections();
	size_t n = 1;
	while (*sections && n < 63)
		all[n++] = *sections++;
	lint(all);
}

// /v1/show/NOUN?COLUMN=VALUE, where these two mean something else.
static void columns_can_be_asked_for(const struct module_noun *noun) {
	for (const struct schema_row *column = noun->columns; column->name; column++)
		if (strcmp(column->name, "key") == 0 || strcmp(column->name, "limit") == 0)
			fail_msg("%s has a column named %s", noun->name, column->name);
}

static void test_rows_of_nouns_actions_and_streams(void **state) {
	size_t n, nouns = 0;
	const struct module *const *modules = module_list(&n);
	for (size_t i = 0; i < n; i++) {
		const struct module_noun *noun = modules[i]->nouns;
		for (; noun && noun->name; noun++, nouns++) {
			lint_rows(noun->name, noun->help, noun->columns);
			columns_can_be_asked_for(noun);
		}
		const struct module_action *action = modules[i]->actions;
		for (; action && action->verb; action++)
			if (action->args)
				lint_rows(action->noun, action->help, action->args);
		const struct module_stream *stream = modules[i]->streams;
		for (; stream && stream->name; stream++)
			if (stream->args)
				lint_rows(stream->name, stream->help, stream->args);
	}
	assert_true(nouns >= 8);
}

static void example_is_accepted(const char *section) {
	struct err err = {0};
	char *lua = schema_example(module_sections(), section);
	json_t *bundle = json_pack("{s:s, s:{s:s}}", "main", "a.lua", "files", "a.lua", lua);
	json_t *tree = NULL, *resolved = NULL;
	struct script *script = NULL;
	if (script_run(bundle, NULL, &script, &tree, &err) < 0 ||
		schema_validate(module_sections(), tree, &resolved, &err) < 0)
		fail_msg("%s\n%s: %s", lua, err.path, err.msg);
	assert_non_null(json_object_get(resolved, section));
	json_decref(resolved);
	json_decref(tree);
	script_free(script);
	json_decref(bundle);
	free(lua);
}

static void test_examples(void **state) {
	char *manual = schema_manual(module_sections());
	for (const struct schema_row *const *s = module_sections(); *s; s++) {
		char *lua = schema_example(module_sections(), (*s)->name);
		example_is_accepted((*s)->name);
		assert_non_null(strstr(manual, lua));
		free(lua);
	}
	free(manual);
}

// The whole of every description is JSON that others can read, and names every section.
static void test_descriptions(void **state) {
	char *stubs = schema_lua_stubs(module_sections());
	for (const struct schema_row *const *s = module_sections(); *s; s++) {
		json_t *described = schema_describe(*s), *openapi = schema_openapi(*s);
		char field[64];
		snprintf(field, sizeof(field), "---@field %s? ", (*s)->name);
		assert_non_null(strstr(stubs, field));
		assert_non_null(json_object_get(described, "type"));
		assert_non_null(json_object_get(openapi, "type"));
		json_decref(described);
		json_decref(openapi);
	}
	free(stubs);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_of_sections),
		cmocka_unit_test(test_rows_of_nouns_actions_and_streams),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_descriptions),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
