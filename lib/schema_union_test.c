// SPDX-License-Identifier: BSD-3-Clause
// Rows that are one of several: which alternative takes a value, and that every face knows all of them.
#include "lib/schema_testlib.h"

static json_t *resolved_at(const char *fields, const char *path) {
	json_t *resolved = resolve(thing(fields)), *value = json_incref(schema_get(resolved, path));
	json_decref(resolved);
	return value;
}

static void form_chooses(void **state) {
	same_json(resolved_at("'ranges': [10, '20-29', 30.0]", "things.t.ranges"),
		"[10, '20-29', 30]");
	same_json(resolved_at("'places': {'p': {'port': 'wan'}}", "things.t.places.p"),
		"{'port': 'wan', 'every': '1m'}");
	same_json(resolved_at("'places': {'p': [{'port': 'wan', 'every': 90}, {'port': 'lan'}]}",
			  "things.t.places.p"),
		"[{'port': 'wan', 'every': '1m30s'}, {'port': 'lan', 'every': '1m'}]");
	// Lua's empty table is a list, too, where a table would do.
	same_json(resolved_at("'places': {'p': []}", "things.t.places.p"), "[]");
}

static void mistakes_are_the_alternatives_own(void **state) {
	refused(thing("'ranges': [10, 4095]"), "things.t.ranges[2]: 4095 is out of range 1..4094");
	refused(thing("'ranges': ['20']"),
		"things.t.ranges[1]: is no range; write one such as \"10-20\"");
	refused(thing("'ranges': [true]"),
		"things.t.ranges[1]: true is not an integer or a string; write one such as 1");
	refused(thing("'places': {'p': {'port': 'moon'}}"),
		"things.t.places.p.port: \"moon\" is not in ports, which has: wan, lan");
	refused(thing("'places': {'p': [{'port': 'wan'}, {'port': 'moon'}]}"),
		"things.t.places.p[2].port: \"moon\" is not in ports, which has: wan, lan");
	refused(thing("'places': {'p': {'prot': 'wan'}}"),
		"things.t.places.p: unknown key \"prot\"; did you mean \"port\"?");
	refused(thing("'places': {'p': 'wan'}"),
		"things.t.places.p: \"wan\" is not a table or a list; write one such as "
		"{ port = \"name\" }");
	refused(thing("'places': {'p': {'$function': 1}}"),
		"things.t.places.p: a function is not a table or a list; write one such as "
		"{ port = \"name\" }");
}

static void paths_lead_through(void **state) {
	struct err err = {0};
	const char *const good[] = {"things.t.places.p.every", "things.t.places.p[2].every",
		"things.t.places.p.2.every", "things.t.ranges[1]", NULL};
	for (size_t i = 0; good[i]; i++)
		assert_non_null(schema_find(sample_sections, good[i], &err));
	assert_int_equal(schema_find(sample_sections, "things.t.places.p[2].every", &err)->type,
		SCHEMA_DURATION);
	assert_null(schema_find(sample_sections, "things.t.places.p.evry", &err));
	same_error(&err, "things.t.places.p: unknown key \"evry\"; did you mean \"every\"?");
	err = (struct err){0};
	assert_null(schema_find(sample_sections, "things.t.ranges[1].x", &err));
	same_error(&err, "things.t.ranges[1]: an integer has nothing inside; leave out \"x\"");
}

static void words(void **state) {
	struct err err = {0};
	const struct schema_row *ranges = schema_find(sample_sections, "things.t.ranges", &err);
	same_json(schema_parse_word(ranges, "10,20-29", "p", &err), "[10, '20-29']");
	same_json(schema_parse_word(&sample_range, "7", "p", &err), "7");
	same_json(schema_parse_word(&sample_places, "{\"port\":\"wan\"}", "p", &err),
		"{'port': 'wan'}");
	same_json(schema_parse_word(&sample_places, "[{\"port\":\"wan\"}]", "p", &err),
		"[{'port': 'wan'}]");
	assert_null(schema_parse_word(&sample_places, "wan", "p", &err));
	same_error(&err,
		"p: \"wan\" is not a table or a list; write one such as "
		"{ port = \"name\" }");
}

static void secrets_stay(void **state) {
	json_t *tree = thing("'places': {'p': {'port': 'wan', 'pin': '1234'}, "
			     "'q': [{'port': 'lan', 'pin': '5678'}]}");
	json_t *shown = schema_redact(sample_sections, "", tree);
	same_json(json_incref(schema_get(shown, "things.t.places")),
		"{'p': {'port': 'wan', 'pin': '(secret)'}, "
		"'q': [{'port': 'lan', 'pin': '(secret)'}]}");
	json_decref(shown);
	json_decref(tree);
}

static void decoded_as_it_is(void **state) {
	struct sample sample = {0};
	json_t *resolved = resolve(thing("'ranges': [1, '2-3']"));
	schema_decode(sample_rows, schema_get(resolved, "things.t"), &sample);
	same_json(json_incref((json_t *)sample.ranges), "[1, '2-3']");
	assert_ptr_equal(schema_alternative(&sample_range, json_array_get(sample.ranges, 0)),
		&sample_range_rows[0]);
	assert_ptr_equal(schema_alternative(&sample_range, json_array_get(sample.ranges, 1)),
		&sample_range_rows[1]);
	json_decref(resolved);
}

static void texts(void **state) {
	char *manual = schema_manual(sample_sections), *stubs = schema_lua_stubs(sample_sections);
	const char *const in_manual[] = {
		"| `ranges` | list of integer or string | 1..4094 or at most 16 bytes |  | VLANs",
		"| `places` | map of name to table or list of table |  |  | a "
		"place",
		"### `things.<name>.places.<name>`\n", NULL};
	const char *const in_stubs[] = {"---@field ranges? (integer|string)[] VLANs",
		"---@field places? table<string, leat.things.places|leat.things.places[]> a place",
		"---@class (exact) leat.things.places\n", NULL};
	for (size_t i = 0; in_manual[i]; i++)
		if (!strstr(manual, in_manual[i]))
			fail_msg("no %s in %s", in_manual[i], manual);
	for (size_t i = 0; in_stubs[i]; i++)
		if (!strstr(stubs, in_stubs[i]))
			fail_msg("no %s in %s", in_stubs[i], stubs);
	free(manual);
	free(stubs);
}

static void json_faces(void **state) {
	same_json(schema_describe(&sample_range),
		"{'name': 'range', 'type': 'union', 'help': 'one or many', 'alternatives': ["
		"{'type': 'int', 'min': 1, 'max': 4094, 'range': '1..4094'},"
		"{'type': 'string', 'min': 0, 'max': 16, 'range': 'at most 16',"
		" 'example': '\\'10-20\\''}]}");
	same_json(schema_openapi(&sample_range),
		"{'description': 'one or many', 'oneOf': ["
		"{'type': 'integer', 'minimum': 1, 'maximum': 4094},"
		"{'type': 'string', 'minLength': 0, 'maxLength': 16}]}");
}

static void lint_refuses(const struct schema_row *alternatives, const char *why) {
	const struct schema_row section = {
		.name = "x", .type = SCHEMA_UNION, .rows = alternatives, .help = "x"};
	const struct schema_row *const sections[] = {&section, NULL};
	struct err err = {0};
	assert_int_equal(schema_lint(sections, &err), -EINVAL);
	assert_non_null(strstr(err.msg, why));
}

static void rows_that_are_no_union(void **state) {
	static const struct schema_row other_rows[] = {
		{.name = "x", .type = SCHEMA_BOOL, .help = "x"}, {0}};
	const struct schema_row one[] = {{.type = SCHEMA_INT}, {0}};
	const struct schema_row both_text[] = {{.type = SCHEMA_MAC}, {.type = SCHEMA_ADDRESS}, {0}};
	const struct schema_row both_number[] = {
		{.type = SCHEMA_INT}, {.type = SCHEMA_DURATION}, {0}};
	const struct schema_row any[] = {{.type = SCHEMA_INT}, {.type = SCHEMA_ANY}, {0}};
	const struct schema_row in_itself[] = {
		{.type = SCHEMA_INT}, {.type = SCHEMA_UNION, .rows = one}, {0}};
	const struct schema_row other = {.type = SCHEMA_OBJECT, .rows = other_rows};
	const struct schema_row two_tables[] = {{.type = SCHEMA_LIST, .elem = &other},
		{.type = SCHEMA_OBJECT, .rows = sample_place_rows}, {0}};
	const struct schema_row bad_inside[] = {{.type = SCHEMA_INT}, {.type = SCHEMA_ENUM}, {0}};
	lint_refuses(one, "no two alternatives");
	lint_refuses(both_text, "one form");
	lint_refuses(both_number, "one form");
	lint_refuses(any, "a value is no alternative");
	lint_refuses(in_itself, "is no alternative");
	lint_refuses(two_tables, "different tables");
	lint_refuses(bad_inside, "no words");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(form_chooses),
		cmocka_unit_test(mistakes_are_the_alternatives_own),
		cmocka_unit_test(paths_lead_through),
		cmocka_unit_test(words),
		cmocka_unit_test(secrets_stay),
		cmocka_unit_test(decoded_as_it_is),
		cmocka_unit_test(texts),
		cmocka_unit_test(json_faces),
		cmocka_unit_test(rows_that_are_no_union),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
