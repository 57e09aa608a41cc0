// SPDX-License-Identifier: BSD-3-Clause
// Trees: tables, maps, lists, defaults, keys, hooks, depth, and what the messages say about them.
#include "lib/clock.h"
#include "lib/schema_testlib.h"

static void defaults(void **state) {
	same_json(resolve(load("{}")), "{'system': {'workers': 1, 'idle': 'adaptive'}}");
	same_json(resolve(load("{'system': {'workers': 2}}")),
		"{'system': {'workers': 2, 'idle': 'adaptive'}}");
	same_json(resolve(load("{'ports': {'wan': {'device': 'eth1', 'mtu': null}}}")),
		"{'ports': {'wan': {'device': 'eth1', 'mtu': 1500}},"
		" 'system': {'workers': 1, 'idle': 'adaptive'}}");
	same_json(resolve(thing("'vlans': null")),
		"{'ports': {'wan': {'device': 'eth1', 'mtu': 1500}, 'lan': {'device': 'eth2', "
		"'mtu': 1500}},"
		" 'system': {'workers': 1, 'idle': 'adaptive'},"
		" 'things': {'t': {'alias': 'a', 'port': 'wan', 'on': true, 'weight': 1, 'mode': "
		"'adaptive',"
		" 'every': '2s', 'vlans': [1, 2], 'limits': {'rate': '10k/s', 'burst': '64K'}}}}");
}

static void idempotent(void **state) {
	json_t *once = resolve(thing("'every': 90, 'by_prefix': {'10.0.0.0/8': 'x'}"));
	json_t *twice = resolve(json_incref(once));
	assert_true(json_equal(once, twice));
	json_decref(once);
	json_decref(twice);
}

static void input_is_untouched(void **state) {
	json_t *tree = thing("'every': 90"), *before = json_deep_copy(tree);
	json_decref(resolve(json_incref(tree)));
	assert_true(json_equal(tree, before));
	json_decref(tree);
	json_decref(before);
}

static void unknown_keys(void **state) {
	refused(load("{'prots': {}}"), "unknown section \"prots\"; did you mean \"ports\"?");
	refused(load("{'firewall': {}}"),
		"unknown section \"firewall\"; known: ports, things, system, boxes");
	refused(load("{'ports': {'wan': {'device': 'eth1', 'acess': 10}}}"),
		"ports.wan: unknown key \"acess\"; did you mean \"access\"?");
	refused(load("{'ports': {'wan': {'device': 'eth1', 'colour': 'red'}}}"),
		"ports.wan: unknown key \"colour\"; known: device, mtu, access, trunk");
	refused(thing("'colour\\u001b[2J': 1"),
		"things.t: unknown key \"colour\\x1b[2J\"; known: on, weight, share, title, alias, "
		"mode, "
		"every, buffer, rate, mac, address, prefix, port, pick, vlans, limits and 9 more");
}

static void required(void **state) {
	refused(load("{'ports': {'wan': {}}}"),
		"ports.wan.device: required but absent; write device = \"eth1\"");
	refused(load("{'ports': {'wan': {'device': null}}}"),
		"ports.wan.device: required but absent; write device = \"eth1\"");
	refused(load("{'things': {'t': {'alias': 'a'}}}"),
		"things.t.port: required but absent; write port = \"name\"");
}

static void tables(void **state) {
	refused(load("{'system': 3}"),
		"system: 3 is not a table; write one such as { workers = 1, idle = \"adaptive\" }");
	refused(load("{'system': [1]}"),
		"system: a list of 1 is not a table; write one such as { workers = 1, idle = "
		"\"adaptive\" }");
	refused(load("{'system': {'$function': 1}}"),
		"system: a function is not a table; write one such as { workers = 1, idle = "
		"\"adaptive\" }");
	refused(load("{'ports': {'wan': 'eth1'}}"),
		"ports.wan: \"eth1\" is not a table; write one such as { device = \"eth1\" }");
	json_decref(resolve(load("{'system': []}")));
}

static void whole_trees(void **state) {
	const char *cases[][2] = {{"3", "3"}, {"[1]", "a list of 1"}, {"null", "null"},
		{"{'$function': 1}", "a function"}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char full[200];
		snprintf(full, sizeof(full),
			"%s is not a configuration; return a table of sections, such as { ports = "
			"{} }",
			cases[i][1]);
		refused(load(cases[i][0]), full);
	}
	struct err err = {0};
	json_t *resolved = NULL;
	assert_int_equal(schema_validate(sample_sections, NULL, &resolved, &err), -EINVAL);
	same_error(&err,
		"nothing is not a configuration; return a table of sections, such as { ports = {} "
		"}");
}

static void maps(void **state) {
	json_t *resolved = resolve(thing("'members': {}"));
	same_json(json_incref(schema_get(resolved, "things.t.members")), "{}");
	json_decref(resolved);
	resolved = resolve(thing("'members': {'w1': {}, 'w2': null}"));
	same_json(json_incref(schema_get(resolved, "things.t.members")), "{'w1': {'weight': 1}}");
	json_decref(resolved);
	refused(thing("'members': 3"),
		"things.t.members: 3 is not a map; write one such as { w1 = { weight = 2 } }");
	refused(thing("'members': [{}]"),
		"things.t.members: a list of 1 is not a map; give each element its key (name), "
		"such as "
		"{ w1 = { weight = 2 } }");
	refused(thing("'members': {'a': {}, 'b': {}, 'c': {}, 'd': {}}"),
		"things.t.members: a map of 4 is too long; write at most 3");
	refused(thing("'members': {'$function': 5}"),
		"things.t.members: a function is not a map; write one such as { w1 = { weight = 2 "
		"} }");
}

static void map_keys(void **state) {
	refused(thing("'members': {'w 1': {}}"),
		"things.t.members: key \"w 1\" is not a name; write 1 to 31 of A-Z a-z 0-9 _ -");
	refused(thing("'by_port': {'wam': {}}"),
		"things.t.by_port: key \"wam\" is not in ports; did you mean \"wan\"?");
	refused(thing("'by_vlan': {'4095': 'x'}"),
		"things.t.by_vlan: key 4095 is out of range 1..4094");
	refused(thing("'by_vlan': {'ten': 'x'}"),
		"things.t.by_vlan: key \"ten\" is not an integer in 1..4094; write one such as 1");
	refused(thing("'by_prefix': {'10.0.0.0/40': 'x'}"),
		"things.t.by_prefix: key \"10.0.0.0/40\" is not an IP prefix; write one such as "
		"\"10.0.0.0/8\"");
	refused(thing("'by_vlan': {'10': 'x', '010': 'y'}"),
		"things.t.by_vlan: key \"10\" stands twice, in different writings; remove one");
	refused(thing("'by_prefix': {'10.0.0.0/8': 'long enough'}"),
		"things.t.by_prefix[\"10.0.0.0/8\"]: \"long enough\" is 11 bytes long; its length "
		"must be at most 8");
	json_t *resolved =
		resolve(thing("'by_prefix': {'2001:DB8::/32': 'x'}, 'by_port': {'wan': {}}"));
	same_json(
		json_incref(schema_get(resolved, "things.t.by_prefix")), "{'2001:db8::/32': 'x'}");
	same_json(json_incref(schema_get(resolved, "things.t.by_port")), "{'wan': {'weight': 1}}");
	json_decref(resolved);
}

// In Lua { [1] = "a", [2] = "b" } and { "a", "b" } are the same table.
static void sequence_as_map(void **state) {
	json_t *resolved = resolve(thing("'by_vlan': ['a', 'b']"));
	same_json(json_incref(schema_get(resolved, "things.t.by_vlan")), "{'1': 'a', '2': 'b'}");
	json_decref(resolved);
}

static void long_keys(void **state) {
	char key[300], text[400], want[600];
	memset(key, 'k', sizeof(key));
	key[299] = 0;
	snprintf(text, sizeof(text), "'members': {'%s': {}}", key);
	snprintf(want, sizeof(want),
		"things.t.members: key \"%.44s...\" is 299 bytes long; at most 255 are allowed",
		key);
	refused(thing(text), want);
	key[31] = 0;
	snprintf(text, sizeof(text), "'extra': {'%s': {}}", key);
	json_decref(resolve(thing(text)));
}

static void lists(void **state) {
	json_t *resolved = resolve(thing("'vlans': {}"));
	same_json(json_incref(schema_get(resolved, "things.t.vlans")), "[]");
	json_decref(resolved);
	resolved = resolve(thing("'vlans': [10, 20.0]"));
	same_json(json_incref(schema_get(resolved, "things.t.vlans")), "[10, 20]");
	json_decref(resolved);
	refused(thing("'vlans': 10"), "things.t.vlans: 10 is not a list; write { 10 }");
	refused(thing("'vlans': {'a': 1}"),
		"things.t.vlans: a table is not a list; write one such as { 10, 20 }");
	refused(thing("'vlans': [1, 2, 3, 4, 5]"),
		"things.t.vlans: a list of 5 is too long; write at most 4");
	refused(thing("'vlans': [1, 0]"), "things.t.vlans[2]: 0 is out of range 1..4094");
	refused(thing("'vlans': [1, null]"),
		"things.t.vlans[2]: null is not an integer in 1..4094; write one such as 1");
	refused(thing("'vlans': [7, 8, 7.0]"),
		"things.t.vlans: 7 stands twice, as [1] and [3]; remove one");
	refused(load("{'ports': {'wan': {'device': 'e', 'trunk': []}}}"),
		"ports.wan.trunk: a list of 0 is too short; write at least 1");
}

static void hooks(void **state) {
	refused(load("{'ports': {'wan': {'device': 'e', 'access': 1, 'trunk': [2]}}}"),
		"ports.wan: access and trunk exclude each other; remove one");
	refused(thing("'even': 3"), "things.t.even: must be even");
	// Types come first, then references, then hooks, wherever they stand.
	refused(thing("'even': 3, 'by_port': {'uplink': {}}"),
		"things.t.by_port: key \"uplink\" is not in ports, which has: wan, lan");
}

static json_t *boxes(unsigned levels) {
	json_t *box = json_object();
	for (unsigned i = 0; i < levels; i++)
		box = json_pack("{s:{s:o}}", "inner", "a", box);
	return json_pack("{s:[o]}", "boxes", box);
}

static void depth(void **state) {
	json_decref(resolve(boxes(15)));
	char want[400] = "boxes[1]";
	for (unsigned i = 0; i < 15; i++)
		strncat(want, ".inner.a", sizeof(want) - strlen(want) - 1);
	strncat(want, ".inner: nested deeper than 32 levels; flatten it",
		sizeof(want) - strlen(want) - 1);
	refused(boxes(16), want);
	refused(boxes(1000), want);
}

static void depth_of_any(void **state) {
	json_t *deep = json_array();
	for (unsigned i = 0; i < 1000; i++)
		deep = json_pack("[o]", deep);
	json_t *tree = thing("");
	assert_int_equal(schema_put(tree, "things.t.extra", deep, NULL), 0);
	char want[400] = "things.t.extra";
	for (unsigned i = 0; i < 30; i++)
		strncat(want, "[1]", sizeof(want) - strlen(want) - 1);
	strncat(want, ": nested deeper than 32 levels; flatten it",
		sizeof(want) - strlen(want) - 1);
	refused(tree, want);
}

// The path of a message fits, and keeps the end, where the mistake is.
static void long_paths(void **state) {
	char name[32];
	memset(name, 'n', 31);
	name[31] = 0;
	json_t *box = json_pack("{s:i}", "bad", 1), *resolved = NULL;
	for (unsigned i = 0; i < 14; i++)
		box = json_pack("{s:{s:o}}", "inner", name, box);
	json_t *tree = json_pack("{s:[o]}", "boxes", box);
	struct err err = {0};
	assert_int_equal(schema_validate(sample_sections, tree, &resolved, &err), -EINVAL);
	assert_true(strlen(err.path) < sizeof(err.path));
	assert_memory_equal(err.path, "...", 3);
	assert_string_equal(
		err.path + strlen(err.path) - 38, ".inner.nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn");
	assert_string_equal(err.msg, "unknown key \"bad\"; known: inner");
	json_decref(tree);
}

static void long_keys_in_paths(void **state) {
	static const struct schema_row number = {.name = "n", .type = SCHEMA_INT};
	static const struct schema_row text = {.name = "text", .type = SCHEMA_STRING};
	static const struct schema_row map = {
		.name = "m", .type = SCHEMA_MAP, .key = &text, .elem = &number, .help = "m"};
	json_t *value = json_object(), *resolved = NULL;
	struct err err = {0};
	json_object_set_new(value, "ääääääääääääääääääääääääääääääääääääää", json_true());
	assert_int_equal(schema_validate_value(&map, value, NULL, "m", &resolved, &err), -EINVAL);
	same_error(&err,
		"m[\"ääääääääääääääääääää...\"]: true is not an integer; write one such as 1");
	json_decref(value);
}

static void one_value(void **state) {
	json_t *value = json_string("90s"), *resolved = NULL,
	       *root = load("{'ports': {'wan': {}}}");
	struct err err = {0};
	const struct schema_row *row = schema_find(sample_sections, "things.t.every", &err);
	assert_int_equal(schema_validate_value(row, value, NULL, "every", &resolved, &err), 0);
	same_json(resolved, "'1m30s'");
	assert_int_equal(schema_validate_value(row, root, NULL, "body", &resolved, &err), -EINVAL);
	same_error(&err, "body: a table is not a duration in 10ms..1h; write one such as \"5m\"");
	json_decref(value);

	row = schema_find(sample_sections, "things.t.port", NULL);
	value = json_string("lan");
	assert_int_equal(schema_validate_value(row, value, NULL, "", &resolved, NULL), 0);
	json_decref(resolved);
	err = (struct err){0};
	assert_int_equal(schema_validate_value(row, value, root, "", &resolved, &err), -EINVAL);
	same_error(&err, "\"lan\" is not in ports; did you mean \"wan\"?");
	json_decref(value);
	json_decref(root);
}

static void rows_of_an_action(void **state) {
	json_t *args = load("{'rate': 5}"), *resolved = NULL;
	struct err err = {0};
	assert_int_equal(
		schema_validate_rows(sample_limit_rows, args, NULL, "", &resolved, &err), 0);
	same_json(resolved, "{'rate': '5/s', 'burst': '64K'}");
	json_object_set_new(args, "rat", json_integer(1));
	assert_int_equal(
		schema_validate_rows(sample_limit_rows, args, NULL, "", &resolved, &err), -EINVAL);
	same_error(&err, "unknown key \"rat\"; did you mean \"rate\"?");
	json_decref(args);
}

// Work must stay linear in the number of entries.
#define ENTRIES 300000u
static void many_entries(void **state) {
	static const struct schema_row rows[] = {
		{.name = "vlan", .type = SCHEMA_INT, .min = 1, .max = 4094, .help = "v"},
		{.name = "every", .type = SCHEMA_DURATION, .def = "2s", .help = "e"},
		{0},
	};
	static const struct schema_row entry = {.type = SCHEMA_OBJECT, .rows = rows};
	static const struct schema_row map = {.name = "hosts", .type = SCHEMA_MAP, .elem = &entry};
	const struct schema_row *const sections[] = {&map, NULL};
	json_t *hosts = json_object(), *tree = json_pack("{s:o}", "hosts", hosts), *resolved = NULL;
	for (unsigned i = 0; i < ENTRIES; i++) {
		char key[16];
		snprintf(key, sizeof(key), "h%u", i);
		json_object_set_new_nocheck(hosts, key, json_pack("{s:i}", "vlan", 1 + i % 4094));
	}
	uint64_t start = clock_now_ns();
	assert_int_equal(schema_validate(sections, tree, &resolved, NULL), 0);
	uint64_t took = clock_now_ns() - start;
	print_message(
		"# %u entries in %llu ms\n", ENTRIES, (unsigned long long)(took / NSEC_PER_MSEC));
	assert_true(took < 60 * NSEC_PER_SEC);
	assert_int_equal(json_object_size(json_object_get(resolved, "hosts")), ENTRIES);
	json_decref(tree);
	json_decref(resolved);
}

static void lint(void **state) {
	struct err err = {0};
	if (schema_lint(sample_sections, &err))
		fail_msg("%s: %s", err.path, err.msg);
	const struct {
		struct schema_row row;
		const char *want;
	} cases[] = {
		{{.name = "s", .type = SCHEMA_INT}, "s: the section has no help"},
		{{.name = "s", .type = SCHEMA_INT, .help = "Help."},
			"s: the help ends in a full stop"},
		{{.name = "s", .type = SCHEMA_ENUM, .help = "h"}, "s: the enum has no words"},
		{{.name = "s", .type = SCHEMA_LIST, .help = "h"}, "s: the list has no elem"},
		{{.name = "s", .type = SCHEMA_MAP, .help = "h"}, "s: the map has no elem"},
		{{.name = "s", .type = SCHEMA_OBJECT, .help = "h"}, "s: the object has no rows"},
		{{.name = "s",
			 .type = SCHEMA_MAP,
			 .help = "h",
			 .elem = &sample_vlan,
			 .key = &(const struct schema_row){.name = "k", .type = SCHEMA_BOOL}},
			"s: the map's key is neither text nor an integer"},
		{{.name = "s", .type = SCHEMA_REF, .ref = "portz", .help = "h"},
			"s: the reference leads to \"portz\", which is no map"},
		{{.name = "s", .type = SCHEMA_INT, .min = 1, .max = 9, .def = "10", .help = "h"},
			"s: 10 is out of range 1..9"},
		{{.name = "s",
			 .type = SCHEMA_OBJECT,
			 .help = "h",
			 .rows = (const struct schema_row[]){{.name = "a", .type = SCHEMA_INT},
				 {0}}},
			"s.a: the row has no help"},
		{{.name = "s",
			 .type = SCHEMA_OBJECT,
			 .help = "h",
			 .rows =
				 (const struct schema_row[]){
					 {.name = "a", .type = SCHEMA_INT, .help = "h"},
					 {.name = "a", .type = SCHEMA_INT, .help = "h"}, {0}}},
			"s.a: two rows have this name"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct schema_row *const sections[] = {&cases[i].row, NULL};
		err = (struct err){0};
		assert_int_equal(schema_lint(sections, &err), -EINVAL);
		same_error(&err, cases[i].want);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(idempotent),
		cmocka_unit_test(input_is_untouched),
		cmocka_unit_test(unknown_keys),
		cmocka_unit_test(required),
		cmocka_unit_test(tables),
		cmocka_unit_test(whole_trees),
		cmocka_unit_test(maps),
		cmocka_unit_test(map_keys),
		cmocka_unit_test(sequence_as_map),
		cmocka_unit_test(long_keys),
		cmocka_unit_test(lists),
		cmocka_unit_test(hooks),
		cmocka_unit_test(depth),
		cmocka_unit_test(depth_of_any),
		cmocka_unit_test(long_paths),
		cmocka_unit_test(long_keys_in_paths),
		cmocka_unit_test(one_value),
		cmocka_unit_test(rows_of_an_action),
		cmocka_unit_test(many_entries),
		cmocka_unit_test(lint),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
