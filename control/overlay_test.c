// SPDX-License-Identifier: BSD-3-Clause
#include "control/overlay.h"
#include "lib/schema.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *text) {
	json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
	assert_true(value || text == NULL);
	return value;
}

// One edit: of what, over what, how; the overlay that must come out, and the tree.
static const struct {
	const char *file, *overlay;
	enum ctl_edit edit;
	const char *path, *value;
	const char *wanted, *tree; // NULL: refused
} edits[] = {
	{"{}", "{}", CTL_EDIT_PUT, "a.b", "1", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}"},
	{"{\"a\":{\"b\":1}}", "{}", CTL_EDIT_PUT, "a.b", "2", "{\"a\":{\"b\":2}}",
		"{\"a\":{\"b\":2}}"},
	// what the file says is no edit
	{"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":2}}", CTL_EDIT_PUT, "a.b", "1", "{}",
		"{\"a\":{\"b\":1}}"},
	{"{\"a\":{\"b\":1}}", "{\"a\":{\"c\":2}}", CTL_EDIT_DELETE, "a.c", NULL, "{}",
		"{\"a\":{\"b\":1}}"},
	// what the file says is removed
	{"{\"a\":{\"b\":1}}", "{}", CTL_EDIT_DELETE, "a.b", NULL, "{\"a\":{\"b\":null}}",
		"{\"a\":{}}"},
	{"{\"a\":{\"b\":1}}", "{}", CTL_EDIT_PUT, "a.b", "null", "{\"a\":{\"b\":null}}",
		"{\"a\":{}}"},
	{"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":null}}", CTL_EDIT_DELETE, "a.b", NULL, NULL, NULL},
	// objects: replaced, merged
	{"{\"a\":{\"b\":1,\"c\":2}}", "{}", CTL_EDIT_PUT, "a", "{\"c\":3}",
		"{\"a\":{\"b\":null,\"c\":3}}", "{\"a\":{\"c\":3}}"},
	{"{\"a\":{\"b\":1,\"c\":2}}", "{}", CTL_EDIT_PATCH, "a", "{\"c\":3}", "{\"a\":{\"c\":3}}",
		"{\"a\":{\"b\":1,\"c\":3}}"},
	{"{\"a\":{\"b\":1,\"c\":2}}", "{}", CTL_EDIT_PATCH, "a", "{\"b\":null}",
		"{\"a\":{\"b\":null}}", "{\"a\":{\"c\":2}}"},
	{"{}", "{}", CTL_EDIT_PATCH, "a", "{\"b\":null,\"c\":1}", "{\"a\":{\"c\":1}}",
		"{\"a\":{\"c\":1}}"},
	{"{}", "{}", CTL_EDIT_PUT, "a", "{\"b\":null,\"c\":1}", "{\"a\":{\"c\":1}}",
		"{\"a\":{\"c\":1}}"},
	{"{\"x\":1}", "{}", CTL_EDIT_PATCH, "", "{\"a\":{}}", "{\"a\":{}}", "{\"x\":1,\"a\":{}}"},
	{"{\"x\":1}", "{}", CTL_EDIT_PUT, "", "{\"a\":{}}", "{\"x\":null,\"a\":{}}", "{\"a\":{}}"},
	// lists are one value
	{"{\"l\":[1,2]}", "{}", CTL_EDIT_PUT, "l[2]", "3", "{\"l\":[1,3]}", "{\"l\":[1,3]}"},
	{"{\"l\":[1,2]}", "{}", CTL_EDIT_DELETE, "l[1]", NULL, "{\"l\":[2]}", "{\"l\":[2]}"},
	// refused
	{"{}", "{}", CTL_EDIT_DELETE, "a", NULL, NULL, NULL},
	{"{}", "{}", CTL_EDIT_DELETE, "", NULL, NULL, NULL},
	{"{}", "{}", CTL_EDIT_PUT, "", "3", NULL, NULL},
	{"{\"a\":1}", "{}", CTL_EDIT_PUT, "a.b", "3", NULL, NULL},
	{"{}", "{}", CTL_EDIT_PUT, "f", "{\"$function\":1}", NULL, NULL},
	{"{}", "{}", CTL_EDIT_PATCH, "f", "{\"x\":[{\"$function\":1}]}", NULL, NULL},
	{"{\"f\":{}}", "{}", CTL_EDIT_PUT, "f[\"$function\"]", "1", NULL, NULL},
	{"{\"l\":[{\"$function\":1},2]}", "{}", CTL_EDIT_PUT, "l[2]", "3", NULL, NULL},
	{"{\"l\":[{\"$function\":1},2]}", "{}", CTL_EDIT_DELETE, "l[2]", NULL, NULL, NULL},
	{"{}", "{}", CTL_EDIT_PUT, "key", "\"(secret)\"", NULL, NULL},
};

static void test_edits(void **state) {
	for (size_t i = 0; i < sizeof(edits) / sizeof(*edits); i++) {
		struct err err = {0};
		json_t *file = parse(edits[i].file), *old = parse(edits[i].overlay);
		json_t *value = parse(edits[i].value), *wanted = parse(edits[i].wanted);
		json_t *wanted_tree = parse(edits[i].tree), *overlay = NULL;
		json_t *tree = schema_merge(file, old);
		int rc = ctl_overlay_edit(
			file, tree, edits[i].edit, edits[i].path, value, &overlay, &err);
		assert_int_equal(rc == 0, wanted != NULL);
		if (wanted) {
			json_t *result = schema_merge(file, overlay);
			if (!json_equal(overlay, wanted) || !json_equal(result, wanted_tree))
				fail_msg("edit %d: %s, %s", (int)i, json_dumps(overlay, 0),
					json_dumps(result, 0));
			json_decref(result);
		} else {
			assert_null(overlay);
			assert_string_not_equal(err.msg, "");
		}
		json_decref(overlay);
		json_decref(tree);
		json_decref(wanted_tree);
		json_decref(wanted);
		json_decref(value);
		json_decref(old);
		json_decref(file);
	}
}

static void test_what_is_not_there_is_told_apart(void **state) {
	struct err err = {0};
	json_t *empty = json_object(), *overlay;
	assert_int_equal(
		ctl_overlay_edit(empty, empty, CTL_EDIT_DELETE, "a.b", NULL, &overlay, &err),
		-ENOENT);
	json_decref(empty);
}

static void test_depth(void **state) {
	struct err err = {0};
	json_t *deep = json_object();
	for (int i = 0; i < 1000; i++)
		deep = json_pack("{s:o}", "x", deep);
	assert_int_equal(ctl_overlay_check(deep, "a", &err), -EINVAL);
	assert_non_null(strstr(err.msg, "32"));
	json_decref(deep);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edits),
		cmocka_unit_test(test_what_is_not_there_is_told_apart),
		cmocka_unit_test(test_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
