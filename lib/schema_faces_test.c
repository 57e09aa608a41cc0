// SPDX-License-Identifier: BSD-3-Clause
// Every face knows every row: description, OpenAPI, manual, Lua stubs; and examples are true.
#include "lib/schema_testlib.h"
#include "lib/script.h"

// An object of the sample, by the path the manual gives it and the class the stubs give it.
struct place {
	char manual[256], class[256];
};

struct faces {
	char *manual, *stubs;
	unsigned rows;
};

static const struct schema_row *name_key(const struct schema_row *map) {
	static const struct schema_row name = {.name = "name"};
	return map->key ? map->key : &name;
}

// From `text`, what stands between `head` and `end`. malloc'ed; fails when there is no head.
static char *part(const char *text, const char *head, const char *end) {
	const char *start = strstr(text, head);
	if (!start)
		fail_msg("no \"%s\"", head);
	start += strlen(head);
	const char *stop = strstr(start, end);
	return stop ? strndup(start, (size_t)(stop - start)) : strdup(start);
}

static void holds(const char *text, const char *before, const char *name, const char *after) {
	char want[256];
	snprintf(want, sizeof(want), "%s%s%s", before, name, after);
	if (!strstr(text, want))
		fail_msg("no \"%s\" in:\n%s", want, text);
}

static void in_texts(
	const struct faces *faces, const struct place *at, const struct schema_row *rows) {
	char head[300];
	bool section = !strpbrk(at->manual, ".[");
	snprintf(head, sizeof(head), section ? "## `%s`\n" : "### `%s`\n", at->manual);
	char *table = part(faces->manual, head, "\n## ");
	table[strcspn(table, "#")] = 0; // up to the next heading
	snprintf(head, sizeof(head), "---@class (exact) %s\n", at->class);
	char *class = part(faces->stubs, head, "\n\n");
	for (; rows->type != SCHEMA_END; rows++) {
		bool required = rows->flags & SCHEMA_REQUIRED && !rows->def;
		holds(table, "| `", rows->name, "` | ");
		holds(table, " ", rows->help, "");
		holds(class, "---@field ", rows->name, required ? " " : "? ");
	}
	free(table);
	free(class);
}

static void in_json(const json_t *described, const json_t *openapi, const struct schema_row *row) {
	assert_string_equal(json_string_value(json_object_get(described, "help")), row->help);
	assert_string_equal(json_string_value(json_object_get(openapi, "description")), row->help);
	if (row->def)
		assert_string_equal(
			json_string_value(json_object_get(described, "default")), row->def);
	if (row->def)
		assert_non_null(json_object_get(openapi, "default"));
	if (row->min || row->max)
		assert_int_equal(json_integer_value(json_object_get(described, "min")), row->min);
	if (row->type == SCHEMA_INT && (row->min || row->max))
		assert_int_equal(json_integer_value(json_object_get(openapi, "maximum")), row->max);
	if (row->type == SCHEMA_ENUM)
		assert_true(json_equal(
			json_object_get(described, "words"), json_object_get(openapi, "enum")));
	if (row->ref)
		assert_string_equal(json_string_value(json_object_get(described, "ref")), row->ref);
	if (row->flags & SCHEMA_SECRET)
		assert_true(json_is_true(json_object_get(openapi, "writeOnly")));
}

static void walk(struct faces *faces, const struct schema_row *row, struct place at,
	const json_t *described, const json_t *openapi, unsigned depth) {
	if (row->type == SCHEMA_MAP || row->type == SCHEMA_LIST) {
		size_t used = strlen(at.manual);
		snprintf(at.manual + used, sizeof(at.manual) - used,
			row->type == SCHEMA_MAP ? ".<%s>" : "[N]",
			row->type == SCHEMA_MAP ? name_key(row)->name : "");
		const char *below = row->type == SCHEMA_MAP ? "additionalProperties" : "items";
		walk(faces, row->elem, at, json_object_get(described, "elem"),
			json_object_get(openapi, below), depth);
	}
	if (row->type == SCHEMA_UNION) {
		assert_int_equal(json_array_size(json_object_get(described, "alternatives")),
			json_array_size(json_object_get(openapi, "oneOf")));
		walk(faces, row->rows, at,
			json_array_get(json_object_get(described, "alternatives"), 0),
			json_array_get(json_object_get(openapi, "oneOf"), 0), depth);
		return;
	}
	if (row->type != SCHEMA_OBJECT || depth > 1)
		return;
	in_texts(faces, &at, row->rows);
	for (size_t i = 0; row->rows[i].type != SCHEMA_END; i++) {
		const struct schema_row *field = &row->rows[i];
		const json_t *d = json_array_get(json_object_get(described, "rows"), i);
		const json_t *o =
			json_object_get(json_object_get(openapi, "properties"), field->name);
		struct place inner;
		assert_string_equal(json_string_value(json_object_get(d, "name")), field->name);
		in_json(d, o, field);
		faces->rows++;
		snprintf(inner.manual, sizeof(inner.manual), "%.200s.%s", at.manual, field->name);
		snprintf(inner.class, sizeof(inner.class), "%.200s.%s", at.class, field->name);
		if (field->type != SCHEMA_MAP || field->elem->rows != row->rows) // not into itself
			walk(faces, field, inner, d, o, depth + 1);
	}
}

static void every_row(void **state) {
	struct faces faces = {schema_manual(sample_sections), schema_lua_stubs(sample_sections), 0};
	for (size_t i = 0; sample_sections[i]; i++) {
		json_t *described = schema_describe(sample_sections[i]);
		json_t *openapi = schema_openapi(sample_sections[i]);
		struct place at;
		snprintf(at.manual, sizeof(at.manual), "%s", sample_sections[i]->name);
		snprintf(at.class, sizeof(at.class), "leat.%s", sample_sections[i]->name);
		walk(&faces, sample_sections[i], at, described, openapi, 0);
		json_decref(described);
		json_decref(openapi);
	}
	assert_int_equal(faces.rows, 39);
	free(faces.manual);
	free(faces.stubs);
}

static void description(void **state) {
	same_json(schema_describe(&sample_port_rows[1]),
		"{'name': 'mtu', 'type': 'int', 'flags': ['live'], 'min': 64, 'max': 9216, "
		"'range': '64..9216',"
		" 'default': '1500', 'unit': 'B', 'help': 'largest frame without its header'}");
	same_json(schema_describe(&sample_by_port_key),
		"{'name': 'port', 'type': 'ref', 'ref': 'ports'}");
}

static void descriptions_end(void **state) {
	json_t *described = schema_describe(&sample_boxes),
	       *openapi = schema_openapi(&sample_boxes);
	assert_true(json_is_true(
		json_object_get(schema_get(described, "elem.rows[1].elem"), "recursive")));
	assert_non_null(schema_get(openapi, "items.properties.inner"));
	json_decref(described);
	json_decref(openapi);
}

// Runs the manual's examples as a user would.
static void examples_validate(const struct schema_row *const *sections) {
	char *manual = schema_manual(sections);
	for (size_t i = 0; sections[i]; i++) {
		struct err err = {0};
		char *lua = schema_example(sections, sections[i]->name);
		assert_non_null(strstr(manual, lua));
		json_t *bundle =
			json_pack("{s:s, s:{s:s}}", "main", "a.lua", "files", "a.lua", lua);
		json_t *tree = NULL, *resolved = NULL;
		struct script *script = NULL;
		if (script_run(bundle, NULL, &script, &tree, &err) ||
			schema_validate(sections, tree, &resolved, &err))
			fail_msg("%s\n%s: %s", lua, err.path, err.msg);
		assert_non_null(json_object_get(resolved, sections[i]->name));
		json_decref(bundle);
		json_decref(tree);
		json_decref(resolved);
		script_free(script);
		free(lua);
	}
	free(manual);
}

static void examples(void **state) {
	examples_validate(sample_sections);
	assert_null(schema_example(sample_sections, "nonsense"));
}

// Rows that the sample does not have: keys that Lua wants in brackets, values derived from limits.
static const struct schema_row odd_prefix = {.name = "prefix", .type = SCHEMA_PREFIX};
static const struct schema_row odd_vlan = {.name = "vlan", .type = SCHEMA_INT, .min = 2, .max = 9};
static const struct schema_row odd_keyword = {
	.name = "word", .type = SCHEMA_STRING, .example = "\"end\""};
static const struct schema_row odd_mode = {
	.name = "mode", .type = SCHEMA_ENUM, .words = sample_modes};
static const struct schema_row odd_size = {.name = "size", .type = SCHEMA_BYTES, .min = 1 << 20};
static const struct schema_row odd_rate = {
	.name = "rate", .type = SCHEMA_RATE, .min = 1, .max = 10};
static const struct schema_row odd_host = {.name = "host", .type = SCHEMA_REF, .ref = "hosts"};
static const struct schema_row odd_number = {.name = "number", .type = SCHEMA_INT};
static const struct schema_row odd_user_rows[] = {
	{.name = "from-given",
		.type = SCHEMA_REF,
		.ref = "given",
		.flags = SCHEMA_REQUIRED,
		.help = "g"},
	{.name = "by_vlan",
		.type = SCHEMA_REF,
		.ref = "vlans",
		.flags = SCHEMA_REQUIRED,
		.help = "v"},
	{0},
};
static const struct schema_row odd_rows[] = {
	{.name = "hosts", .type = SCHEMA_MAP, .key = &odd_prefix, .elem = &odd_mode, .help = "h"},
	{.name = "vlans", .type = SCHEMA_MAP, .key = &odd_vlan, .elem = &odd_size, .help = "v"},
	{.name = "rates", .type = SCHEMA_LIST, .min = 2, .max = 3, .elem = &odd_rate, .help = "r"},
	{.name = "words", .type = SCHEMA_MAP, .key = &odd_keyword, .elem = &odd_host, .help = "w"},
	{.name = "given",
		.type = SCHEMA_MAP,
		.key = &odd_prefix,
		.elem = &odd_number,
		.example = "{ [\"10.0.0.0/8\"] = 1 }",
		.help = "g"},
	{.name = "modes", .type = SCHEMA_LIST, .elem = &odd_mode, .help = "m"},
	{.name = "user", .type = SCHEMA_OBJECT, .rows = odd_user_rows, .help = "u"},
};
static const struct schema_row *const odd_sections[] = {&odd_rows[0], &odd_rows[1], &odd_rows[2],
	&odd_rows[3], &odd_rows[4], &odd_rows[5], &odd_rows[6], NULL};

static void example_is(const char *section, const char *want) {
	char *lua = schema_example(odd_sections, section);
	assert_string_equal(lua, want);
	free(lua);
}

static void odd_examples(void **state) {
	struct err err = {0};
	if (schema_lint(odd_sections, &err))
		fail_msg("%s: %s", err.path, err.msg);
	examples_validate(odd_sections);
	example_is("hosts", "return {\n  hosts = { [\"192.0.2.0/24\"] = \"busy\" },\n}\n");
	example_is("vlans", "return {\n  vlans = { [2] = \"1M\" },\n}\n");
	example_is("rates", "return {\n  rates = { \"10/s\", \"10/s\" },\n}\n");
	example_is("words",
		"return {\n  hosts = { [\"192.0.2.0/24\"] = \"busy\" },\n"
		"  words = { [\"end\"] = \"192.0.2.0/24\" },\n}\n");
	example_is("user",
		"return {\n  vlans = { [2] = \"1M\" },\n  given = { [\"10.0.0.0/8\"] = 1 },\n"
		"  user = { [\"from-given\"] = \"10.0.0.0/8\", by_vlan = \"2\" },\n}\n");
}

static void odd_texts(void **state) {
	char *manual = schema_manual(odd_sections), *stubs = schema_lua_stubs(odd_sections);
	assert_non_null(
		strstr(manual, "## `words`\n\nw\n\nType: map of string to name in `hosts`.\n"));
	assert_non_null(strstr(stubs, "---@field [\"from-given\"] string g (one of given)\n"));
	assert_non_null(strstr(stubs, "---@field modes? (\"busy\"|\"adaptive\"|\"off\")[] m\n"));
	assert_non_null(strstr(stubs, "---@field vlans? table<integer, leat.bytes> v\n"));
	free(manual);
	free(stubs);
}

static void example_layout(void **state) {
	char *lua = schema_example(sample_sections, "things");
	assert_non_null(strstr(lua, "  ports = { wan = { device = \"eth1\" } },\n"));
	assert_non_null(strstr(lua, "\n  things = {\n    name = {\n      weight = 3,\n"));
	assert_non_null(strstr(
		lua, "\n      by_prefix = { [\"10.0.0.0/8\"] = \"lab\" }\n    }\n  },\n}\n"));
	free(lua);
}

static void redaction(void **state) {
	json_t *tree = thing("'password': 'correct horse', 'vlans': [1]");
	json_t *shown = schema_redact(sample_sections, "", tree);
	same_json(json_incref(schema_get(shown, "things.t")),
		"{'alias': 'a', 'port': 'wan', 'password': '(secret)', 'vlans': [1]}");
	json_decref(shown);
	same_json(json_incref(schema_get(tree, "things.t.password")), "'correct horse'");
	same_json(schema_redact(sample_sections, "things.t.password",
			  schema_get(tree, "things.t.password")),
		"'(secret)'");
	same_json(schema_redact(sample_sections, "things.t", schema_get(tree, "things.t")),
		"{'alias': 'a', 'port': 'wan', 'password': '(secret)', 'vlans': [1]}");
	json_decref(tree);
}

static void pear_get(struct script_frame *frame, const void *object) {
	script_give_bool(frame, object != NULL);
}

// What a function is given is a class of its own, with its methods, once.
static void test_functions_with_arguments(void **state) {
	static const struct script_member members[] = {
		{"ripe", "boolean", NULL, "whether it is", pear_get},
		{"like", "boolean", "other: string", "whether it is like another", pear_get},
		{0},
	};
	static const struct script_class pear = {"pear", "a pear", members};
	static const char *const says[] = {"eat", "wait", NULL};
	static const struct schema_row rows[] = {
		{.name = "first",
			.type = SCHEMA_FUNCTION,
			.arg = &pear,
			.words = says,
			.help = "asked first"},
		{.name = "second", .type = SCHEMA_FUNCTION, .arg = &pear, .help = "asked then"},
		{0},
	};
	static const struct schema_row section = {
		.name = "fruit", .type = SCHEMA_OBJECT, .rows = rows, .help = "fruit"};
	const struct schema_row *const sections[] = {&section, NULL};
	char *stubs = schema_lua_stubs(sections), *manual = schema_manual(sections);
	char *class = part(stubs, "---@class (exact) leat.pear\n", "\n\n");

	assert_string_equal(class,
		"---@field ripe boolean whether it is\n"
		"---@field like fun(self: leat.pear, other: string): boolean whether it is like "
		"another");
	assert_null(strstr(strstr(stubs, "leat.pear\n") + 1, "(exact) leat.pear"));
	holds(stubs, "---@field first? fun(pear: leat.pear): \"eat\"|\"wait\"|nil asked first", "",
		"\n");
	holds(stubs, "---@field second? fun(pear: leat.pear): any asked then", "", "\n");
	holds(manual, "It returns `\"eat\"`, `\"wait\"`, or nil.", "", "");
	holds(manual, "| `like(other: string)` | boolean | | | whether it is like another |", "",
		"");
	free(class);
	free(stubs);
	free(manual);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(description),
		cmocka_unit_test(descriptions_end),
		cmocka_unit_test(examples),
		cmocka_unit_test(odd_examples),
		cmocka_unit_test(odd_texts),
		cmocka_unit_test(example_layout),
		cmocka_unit_test(redaction),
		cmocka_unit_test(test_functions_with_arguments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
