// SPDX-License-Identifier: BSD-3-Clause
// Differences, merges and patches, by hand and on random trees.
#include "lib/schema_testlib.h"

static void entries(void **state) {
	json_t *old = load("{'a': {'x': 1, 'y': 2, 'w': {'k': 1}}, 'l': [1, 2], 's': 'v'}");
	json_t *new = load("{'a': {'x': 1, 'y': 3, 'w': {}}, 'l': [1, 2, 3], 'b.c': {'z': 1}}");
	same_json(schema_diff(old, new),
		"[{'path': 'a.w.k', 'op': 'del', 'old': 1},"
		" {'path': 'a.y', 'op': 'set', 'old': 2, 'new': 3},"
		" {'path': '[\\'b.c\\']', 'op': 'add', 'new': {'z': 1}},"
		" {'path': 'l', 'op': 'set', 'old': [1, 2], 'new': [1, 2, 3]},"
		" {'path': 's', 'op': 'del', 'old': 'v'}]");
	same_json(schema_diff(old, old), "[]");
	json_decref(old);
	json_decref(new);
}

// Examples of RFC 7396, appendix A.
static void rfc7396(void **state) {
	static const char *const cases[][3] = {
		{"{'a':'b'}", "{'a':'c'}", "{'a':'c'}"},
		{"{'a':'b'}", "{'b':'c'}", "{'a':'b','b':'c'}"},
		{"{'a':'b'}", "{'a':null}", "{}"},
		{"{'a':'b','b':'c'}", "{'a':null}", "{'b':'c'}"},
		{"{'a':['b']}", "{'a':'c'}", "{'a':'c'}"},
		{"{'a':'c'}", "{'a':['b']}", "{'a':['b']}"},
		{"{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}", "{'a':{'b':'d'}}"},
		{"{'a':[{'b':'c'}]}", "{'a':[1]}", "{'a':[1]}"},
		{"['a','b']", "['c','d']", "['c','d']"},
		{"{'a':'b'}", "['c']", "['c']"},
		{"{'a':'foo'}", "null", "null"},
		{"{'a':'foo'}", "'bar'", "'bar'"},
		{"{'e':null}", "{'a':1}", "{'e':null,'a':1}"},
		{"[1,2]", "{'a':'b','c':null}", "{'a':'b'}"},
		{"{}", "{'a':{'bb':{'ccc':null}}}", "{'a':{'bb':{}}}"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *tree = load(cases[i][0]), *patch = load(cases[i][1]);
		same_json(schema_merge(tree, patch), cases[i][2]);
		json_decref(tree);
		json_decref(patch);
	}
}

static void merge_copies(void **state) {
	json_t *tree = load("{'a': {'b': {'c': 1}}, 'd': [1]}"), *patch = load("{'a': {'x': 1}}");
	json_t *merged = schema_merge(tree, patch);
	assert_int_equal(schema_put(merged, "a.b.c", json_integer(9), NULL), 0);
	assert_int_equal(schema_put(merged, "d[1]", json_integer(9), NULL), 0);
	same_json(tree, "{'a': {'b': {'c': 1}}, 'd': [1]}");
	json_decref(patch);
	json_decref(merged);
}

static uint64_t seed;

static unsigned roll(unsigned n) {
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static json_t *random_tree(unsigned depth) {
	static const char *const keys[] = {
		"a", "b", "", "10.0.0.0/8", "q\"]\\", "x y", "[1]", "1", "\x01", "ü"};
	unsigned kind = depth ? roll(8) : roll(4), n = roll(5);
	json_t *value;
	switch (kind) {
	case 0:
		return json_integer(roll(3));
	case 1:
		return json_boolean(roll(2));
	case 2:
		return json_string(keys[roll(10)]);
	case 3:
		return json_real(0.5);
	case 4:
		value = json_array();
		while (n--)
			json_array_append_new(value, random_tree(depth - 1));
		return value;
	default:
		value = json_object();
		while (n--)
			json_object_set_new(value, keys[roll(10)], random_tree(depth - 1));
		return value;
	}
}

static json_t *random_object(void) {
	json_t *tree = json_object();
	for (unsigned n = roll(5); n; n--)
		json_object_set_new(
			tree, (const char *[]){"p", "q", "r.s"}[roll(3)], random_tree(4));
	return tree;
}

static json_t *copy_with_edits(const json_t *tree) {
	json_t *other = random_object(), *mixed = schema_merge(tree, other);
	json_decref(other);
	return mixed;
}

// What the list says, done by hand to a copy of the old tree.
static json_t *replay(const json_t *old, const json_t *changes) {
	json_t *tree = json_deep_copy(old), *entry;
	size_t i;
	json_array_foreach (changes, i, entry) {
		struct err err = {0};
		const char *path = json_string_value(json_object_get(entry, "path"));
		json_t *value = json_object_get(entry, "new");
		assert_true(json_equal(schema_get(tree, path), json_object_get(entry, "old")) ||
			(!schema_get(tree, path) && !json_object_get(entry, "old")));
		if (schema_put(tree, path, json_deep_copy(value), &err))
			fail_msg("%s: %s", path, err.msg);
	}
	return tree;
}

static void random_trees(void **state) {
	unsigned different = 0;
	for (unsigned i = 0; i < 20000; i++) {
		seed = i;
		json_t *old = random_object(),
		       *new = i % 2 ? random_object() : copy_with_edits(old);
		json_t *before = json_deep_copy(old);
		json_t *patch = schema_patch(old, new), *merged = schema_merge(old, patch);
		json_t *changes = schema_diff(old, new), *replayed = replay(old, changes);
		if (!json_equal(merged, new))
			fail_msg("merge(old, patch) differs from new for seed %u", i);
		if (!json_equal(replayed, new))
			fail_msg("diff does not lead from old to new for seed %u", i);
		assert_true(json_equal(old, before));
		assert_int_equal(!json_array_size(changes), json_equal(old, new));
		assert_int_equal(!json_object_size(patch), json_equal(old, new));
		different += !json_equal(old, new);
		json_decref(old);
		json_decref(new);
		json_decref(before);
		json_decref(patch);
		json_decref(merged);
		json_decref(changes);
		json_decref(replayed);
	}
	assert_in_range(different, 10000, 19999);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries),
		cmocka_unit_test(rfc7396),
		cmocka_unit_test(merge_copies),
		cmocka_unit_test(random_trees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
