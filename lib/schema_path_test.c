// SPDX-License-Identifier: BSD-3-Clause
// Paths: through trees, through rows, and edits at their end.
#include "lib/schema_testlib.h"

static void get(void **state) {
	json_t *tree = load("{'a': {'b.c': {'x': 1}, '10.0.0.0/8': 2, '': 3, 'q\\\"\\\\': 4, 'l': "
			    "[{'n': 5}, 6],"
			    " '7': 7, '\\u0001': 8}}");
	static const struct {
		const char *path;
		int value; // 0: absent
	} cases[] = {
		{"a[\"b.c\"].x", 1},
		{"a.[\"b.c\"].x", 1},
		{"a['b.c']['x']", 1},
		{"[\"a\"][\"b.c\"].x", 1},
		{"a[\"10.0.0.0/8\"]", 2},
		{"a.10.0.0.0/8", 0},
		{"a[\"\"]", 3},
		{"a[\"q\\\"\\\\\"]", 4},
		{"a.l[1].n", 5},
		{"a.l.1.n", 5},
		{"a.l[2]", 6},
		{"a.l[3]", 0},
		{"a.l[0]", 0},
		{"a.l.x", 0},
		{"a.l[2].x", 0},
		{"a.7", 7},
		{"a[7]", 7},
		{"a[\"\\x01\"]", 8},
		{"b", 0},
		{"a.", 0},
		{".a", 0},
		{"a..l", 0},
		{"a[", 0},
		{"a[\"", 0},
		{"a[\"7\"", 0},
		{"a[\"7\"]7", 0},
		{"a[]", 0},
		{"a[x]", 0},
		{"a]7", 0},
		{"a[\"\\", 0},
		{"a 7", 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *found = schema_get(tree, cases[i].path);
		if (json_integer_value(found) != cases[i].value || (!cases[i].value && found))
			fail_msg("%s", cases[i].path);
	}
	assert_ptr_equal(schema_get(tree, ""), tree);
	assert_null(schema_get(NULL, "a"));
	json_decref(tree);
}

static void find(void **state) {
	struct err err = {0};
	assert_ptr_equal(schema_find(sample_sections, "ports", &err), &sample_ports);
	assert_ptr_equal(schema_find(sample_sections, "ports.wan", &err), &sample_port);
	assert_ptr_equal(schema_find(sample_sections, "ports.wan.mtu", &err), &sample_port_rows[1]);
	assert_ptr_equal(schema_find(sample_sections, "ports.wan.trunk[3]", &err), &sample_vlan);
	assert_ptr_equal(schema_find(sample_sections, "things.t.by_prefix[\"10.0.0.0/8\"]", &err),
		&sample_text);
	assert_int_equal(
		schema_find(sample_sections, "things.t.extra.deep[1].x", &err)->type, SCHEMA_ANY);
	assert_ptr_equal(
		schema_find(sample_sections, "boxes[1].inner.a.inner.b", &err), &sample_nest);
	assert_int_equal(err.code, 0);
}

static void find_refuses(void **state) {
	static const char *const cases[][2] = {
		{"", "the path is empty; write one such as ports.wan.mtu"},
		{"port", "unknown section \"port\"; did you mean \"ports\"?"},
		{"ports.wan.mtuu", "ports.wan: unknown key \"mtuu\"; did you mean \"mtu\"?"},
		{"ports.wan.mtu.x",
			"ports.wan.mtu: an integer has nothing inside; leave out \"x\""},
		{"ports.a/b", "ports: key \"a/b\" is not a name; write 1 to 31 of A-Z a-z 0-9 _ -"},
		{"ports.wan.trunk.x",
			"ports.wan.trunk: \"x\" is no position in a list; write a number from 1, "
			"such as [1]"},
		{"ports..wan",
			"path \"ports..wan\": an empty name at character 7; write names with dots "
			"between, and other keys as [\"10.0.0.0/8\"]"},
		{"ports[x]",
			"path \"ports[x]\": a key in [] needs quotes at character 7; write names "
			"with dots "
			"between, and other keys as [\"10.0.0.0/8\"]"},
		{"ports.wan\"",
			"path \"ports.wan\\\"\": a strange character at character 10; write names "
			"with "
			"dots between, and other keys as [\"10.0.0.0/8\"]"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err err = {0};
		assert_null(schema_find(sample_sections, cases[i][0], &err));
		same_error(&err, cases[i][1]);
	}
}

// Adds `step` to a path, n times.
static void lengthen(char *path, size_t size, const char *step, unsigned n) {
	while (n--) {
		size_t len = strlen(path);
		snprintf(path + len, size - len, "%s", step);
	}
}

static void find_is_bounded(void **state) {
	char path[4000] = "boxes[1]";
	lengthen(path, sizeof(path), ".inner.a", 20);
	struct err err = {0};
	assert_null(schema_find(sample_sections, path, &err));
	assert_non_null(strstr(err.msg, "more than 32 levels"));
	memset(path, 'k', sizeof(path));
	path[sizeof(path) - 1] = 0;
	err = (struct err){0};
	assert_null(schema_find(sample_sections, path, &err));
	assert_non_null(strstr(err.msg, "a key is longer than 255 bytes"));
}

static void put_one(json_t *tree, const char *path, const char *value, const char *want) {
	struct err err = {0};
	if (schema_put(tree, path, value ? load(value) : NULL, &err))
		fail_msg("%s: %s %s", path, err.path, err.msg);
	same_json(json_incref(tree), want);
}

static void put(void **state) {
	json_t *tree = json_object();
	put_one(tree, "a.b", "1", "{'a': {'b': 1}}");
	put_one(tree, "a[\"10.0.0.0/8\"].x", "2", "{'a': {'b': 1, '10.0.0.0/8': {'x': 2}}}");
	put_one(tree, "a[\"10.0.0.0/8\"]", NULL, "{'a': {'b': 1}}");
	put_one(tree, "a.b", "[1, 2]", "{'a': {'b': [1, 2]}}");
	put_one(tree, "a.b[2]", "3", "{'a': {'b': [1, 3]}}");
	put_one(tree, "a.b.3", "4", "{'a': {'b': [1, 3, 4]}}");
	put_one(tree, "a.b[4].x", "5", "{'a': {'b': [1, 3, 4, {'x': 5}]}}");
	put_one(tree, "a.b[1]", NULL, "{'a': {'b': [3, 4, {'x': 5}]}}");
	put_one(tree, "a.b[3].x", NULL, "{'a': {'b': [3, 4, {}]}}");
	put_one(tree, "a.b", NULL, "{'a': {}}");
	put_one(tree, "a[1].x", "6", "{'a': [{'x': 6}]}");
	put_one(tree, "b[1]", "7", "{'a': [{'x': 6}], 'b': [7]}");
	put_one(tree, "c", "null", "{'a': [{'x': 6}], 'b': [7], 'c': null}");
	put_one(tree, "c.d", "8", "{'a': [{'x': 6}], 'b': [7], 'c': {'d': 8}}");
	json_decref(tree);
}

static void put_refuses(void **state) {
	static const struct {
		const char *path;
		bool remove;
		int code;
		const char *want;
	} cases[] = {
		{"", false, -EINVAL, "the path is empty; write one such as ports.wan.mtu"},
		{"", true, -EINVAL, "the path is empty; write one such as ports.wan.mtu"},
		{"s.x", false, -EINVAL,
			"s: \"text\" has nothing inside, so \"x\" cannot be set there"},
		{"n.x.y", false, -EINVAL, "n: 3 has nothing inside, so \"x\" cannot be set there"},
		{"l[4]", false, -EINVAL, "l: \"4\" is no position in a list of 2; write 1 to 3"},
		{"l.x", false, -EINVAL, "l: \"x\" is no position in a list of 2; write 1 to 3"},
		{"l[9].x", false, -EINVAL, "l: \"9\" is no position in a list of 2; write 1 to 3"},
		{"new[2]", false, -EINVAL,
			"new: \"2\" is no position in a list of 0; write 1 to 1"},
		{"new.a[2].b", false, -EINVAL,
			"new: \"2\" is no position in a list of 0; write 1 to 1"},
		{"s.x", true, -ENOENT, "s.x is not set, so there is nothing to remove"},
		{"l[3]", true, -ENOENT, "l[3] is not set, so there is nothing to remove"},
		{"x", true, -ENOENT, "x is not set, so there is nothing to remove"},
		{"x.y.z", true, -ENOENT, "x.y.z is not set, so there is nothing to remove"},
		{"a[", false, -EINVAL,
			"path \"a[\": the ] is missing at character 3; write names with dots "
			"between, and other keys as [\"10.0.0.0/8\"]"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *tree = load("{'s': 'text', 'n': 3, 'l': [1, 2]}");
		struct err err = {0};
		json_t *value = cases[i].remove ? NULL : json_string("v");
		assert_int_equal(schema_put(tree, cases[i].path, value, &err), cases[i].code);
		same_error(&err, cases[i].want);
		same_json(tree, "{'s': 'text', 'n': 3, 'l': [1, 2]}");
	}
}

static void put_is_bounded(void **state) {
	char path[1000] = "a";
	lengthen(path, sizeof(path), ".a", 31);
	json_t *tree = json_object();
	struct err err = {0};
	assert_int_equal(schema_put(tree, path, json_true(), &err), 0);
	assert_true(json_is_true(schema_get(tree, path)));
	lengthen(path, sizeof(path), ".a", 1);
	assert_int_equal(schema_put(tree, path, json_true(), &err), -EINVAL);
	assert_non_null(strstr(err.msg, "more than 32 levels"));
	json_decref(tree);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get),
		cmocka_unit_test(find),
		cmocka_unit_test(find_refuses),
		cmocka_unit_test(find_is_bounded),
		cmocka_unit_test(put),
		cmocka_unit_test(put_refuses),
		cmocka_unit_test(put_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
