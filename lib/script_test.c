// SPDX-License-Identifier: BSD-3-Clause
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/script.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct script_limits small = {.instructions = 10000000, .memory_bytes = 32 << 20};

static json_t *bundle_of(const char *main_text) {
	return json_pack("{s:s, s:s, s:{s:s}}", "main", "x.lua", "folder", "configs", "files",
		"x.lua", main_text);
}

static int run_bundle(json_t *bundle, json_t **tree, struct err *err) {
	struct script *script = NULL;
	*tree = NULL;
	int rc = script_run(bundle, &small, &script, tree, err);
	script_free(script);
	json_decref(bundle);
	return rc;
}

static int run(const char *text, json_t **tree, struct err *err) {
	return run_bundle(bundle_of(text), tree, err);
}

static void expect_tree(const char *text, const char *json) {
	json_t *tree;
	struct err err = {0};
	int rc = run(text, &tree, &err);
	if (rc < 0)
		fail_msg("%s\n  refused: %s: %s", text, err.path, err.msg);
	char *printed = jx_print(tree);
	assert_string_equal(printed, json);
	free(printed);
	json_decref(tree);
}

// The message must begin with `path` (a config path or ""), and hold `part`.
static void expect_error(const char *text, int code, const char *path, const char *part) {
	json_t *tree;
	struct err err = {0};
	int rc = run(text, &tree, &err);
	if (rc != code || err.code != code)
		fail_msg("%s\n  gave %d (%s), not %d", text, rc, err.msg, code);
	assert_null(tree);
	assert_string_equal(err.path, path);
	if (strstr(err.msg, part) == NULL)
		fail_msg("%s\n  said: %s\n  not:  %s", text, err.msg, part);
}

static void values_become_json(void **state) {
	expect_tree("return {}", "{}");
	expect_tree("return { a = 1, b = 2.5, c = 'x', d = true, e = false }",
		"{\"a\":1,\"b\":2.5,\"c\":\"x\",\"d\":true,\"e\":false}");
	expect_tree("return { 10, 'x', { 20 } }", "[10,\"x\",[20]]");
	expect_tree("return { a = {}, b = { {} } }", "{\"a\":{},\"b\":[{}]}");
	expect_tree("return { a = 9007199254740993 }", "{\"a\":9007199254740993}");
	expect_tree("return { a = 10 / 2, b = 1e3, c = -0.5 }", "{\"a\":5,\"b\":1000,\"c\":-0.5}");
	expect_tree("return { ['10.0.0.0/8'] = 'ä€😀' }", "{\"10.0.0.0/8\":\"ä€😀\"}");
	expect_tree("local t = {} ; return { a = t, b = t }", "{\"a\":{},\"b\":{}}");
}

static void functions_become_references(void **state) {
	expect_tree("local f = function() end return { a = f, b = f, c = function() end }",
		"{\"a\":{\"$function\":1},\"b\":{\"$function\":1},\"c\":{\"$function\":2}}");
}

static void integer_keys_become_a_map_when_none_is_in_sequence(void **state) {
	expect_tree("return { vlans = { [10] = 'a', [20] = 'b' } }",
		"{\"vlans\":{\"10\":\"a\",\"20\":\"b\"}}");
	expect_tree("return { [-1] = 'a', [0] = 'b' }", "{\"-1\":\"a\",\"0\":\"b\"}");
	expect_tree("return { [2^53] = 'a' }", "{\"9007199254740992\":\"a\"}");
	expect_error("return { a = { 1, nil, 3 } }", -EINVAL, "a",
		"a list with a hole: there is [3] but no [2]");
	expect_error("return { a = { [0] = 1, 2, 3 } }", -EINVAL, "a", "there is [0] but no [3]");
	expect_error(
		"return { a = { [1] = 1, [100] = 2 } }", -EINVAL, "a", "there is [100] but no [2]");
}

static void tables_that_are_no_tree_are_refused(void **state) {
	expect_error("return { a = { b = { 1, x = 2 } } }", -EINVAL, "a.b",
		"both names and numbers as keys");
	expect_error("return { a = { [true] = 1 } }", -EINVAL, "a", "a key of type boolean");
	expect_error("return { a = { [1.5] = 1 } }", -EINVAL, "a", "a key of type fraction");
	expect_error("return { a = { [{}] = 1 } }", -EINVAL, "a", "a key of type table");
	expect_error("return { ['$function'] = 1 }", -EINVAL, "", "begins with '$'");
	expect_error("local t = {} t.b = { t } return { a = t }", -EINVAL, "a.b[1]",
		"a table that contains itself");
	expect_error("local t = {} for i = 1, 40 do t = { t } end return { a = t }", -EINVAL,
		"a[1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1]"
		"["
		"1][1][1][1]",
		"nested more than 32 deep");
	expect_error("return { a = 0 / 0 }", -EINVAL, "a", "not a number");
	expect_error("return { a = { 1, -1 / 0 } }", -EINVAL, "a[2]", "an infinite number");
	expect_error("return { ['a.b'] = { c = '\\xff' } }", -EINVAL, "[\"a.b\"].c", "not UTF-8");
	expect_error("return { a = 'x\\0y' }", -EINVAL, "a", "NUL");
	expect_error("return { ['x\\xc0\\x80'] = 1 }", -EINVAL, "", "a key that is not UTF-8");
	expect_error(
		"return 5", -EINVAL, "", "configs/x.lua: must return a table, but returns number");
	expect_error("local a = 1", -EINVAL, "", "must return a table, but returns nothing");
}

static void mistakes_name_file_and_line(void **state) {
	expect_error("\n\nreturn {", -EINVAL, "", "configs/x.lua:3: ");
	expect_error(
		"local a\nlocal b = a.c", -EINVAL, "", "configs/x.lua:2: attempt to index a nil");
	expect_error("\nerror('stop')", -EINVAL, "", "configs/x.lua:2: stop");
	expect_error("\nerror('stop', 0)", -EINVAL, "", "configs/x.lua:2: stop");
	expect_error("\nerror({})", -EINVAL, "", "configs/x.lua:2: an error that is not text");
	expect_error("\nerror()", -EINVAL, "", "configs/x.lua:2: an error that is not text");
	expect_error(
		"\ntable.sort({ 1, 'x' })", -EINVAL, "", "configs/x.lua:2: attempt to compare");
	expect_error("\n('x'):rep({})", -EINVAL, "", "configs/x.lua:2: bad argument");
	expect_error(
		"return { a = ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((("
		"(((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((("
		"((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((",
		-EINVAL, "", "configs/x.lua: C stack overflow");
	expect_error("\x1bLua", -EINVAL, "", "binary chunk");
}

static void what_could_reach_out_is_absent(void **state) {
	expect_tree("local found = {}"
		    "for _, name in ipairs { 'io', 'os', 'debug', 'package', 'coroutine', 'utf8', "
		    "'load',"
		    "  'loadfile', 'loadstring', 'dofile', 'collectgarbage', 'print', 'warn' } do"
		    "  if _G[name] ~= nil then found[#found + 1] = name end end "
		    "for _, name in ipairs { 'dump', 'pack', 'unpack' } do"
		    "  if string[name] ~= nil then found[#found + 1] = name end end "
		    "found[#found + 1] = math.randomseed and 'randomseed' "
		    "return found",
		"{}");
	expect_tree("return { a = tostring(getmetatable('')) }", "{\"a\":\"false\"}");
	expect_error("setmetatable('', {})", -EINVAL, "", "table expected");
	expect_error("setmetatable({}, { __gc = function() end })", -EINVAL, "", "finalizers");
}

static void runs_are_repeatable(void **state) {
	static const char text[] = "local t = { r = math.random(1 << 40) }"
				   "local order = {}"
				   "for i = 1, 50 do t['k' .. i * 7919 % 101] = i end "
				   "for k in pairs(t) do order[#order + 1] = k end "
				   "t.order = order return t";
	json_t *first, *again;
	struct err err = {0};
	assert_int_equal(run(text, &first, &err), 0);
	assert_int_equal(run(text, &again, &err), 0);
	assert_true(json_equal(first, again));
	json_decref(first);
	json_decref(again);
	expect_tree("local o = {} for k in pairs { b = 1, a = 1, 7, [3] = 1 } do o[#o + 1] = k end "
		    "return o",
		"[1,3,\"a\",\"b\"]");
	expect_tree("local t, n = { a = 1, b = 2, c = 3 }, 0 "
		    "for k in pairs(t) do t.b = nil n = n + 1 end return { n = n }",
		"{\"n\":2}");
	expect_tree(
		"local t = setmetatable({}, { __pairs = function(t) return next, { x = 1 } end }) "
		"for k, v in pairs(t) do return { [k] = v } end",
		"{\"x\":1}");
}

#define ENDLESS "the configuration used more than 10 M instructions: an endless loop?"

static void endless_loops_are_stopped(void **state) {
	expect_error("local a = 1\nwhile true do end", -ETIME, "", "configs/x.lua:2: " ENDLESS);
	expect_error(
		"while true do pcall(function() while true do end end) end", -ETIME, "", ENDLESS);
	expect_error("local function f() pcall(f) return f() end f()", -ETIME, "", ENDLESS);
	expect_error("xpcall(function() while true do end end, function() while true do end end)",
		-ETIME, "", ENDLESS);
	expect_error("xpcall(error, function() while true do end end)", -ETIME, "", ENDLESS);
	expect_error("pcall(xpcall, function() while true do end end, function() end) return {}",
		-ETIME, "", ENDLESS);
	expect_error(
		"local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end })\n"
		"while true do pcall(function() return t[1] end) end",
		-ETIME, "", ENDLESS);
	expect_error("local t <close> = setmetatable({}, { __close = function() while true do end "
		     "end })",
		-ETIME, "", ENDLESS);
	expect_error(
		"table.sort({ 3, 2, 1 }, function() while true do end end)", -ETIME, "", ENDLESS);
	expect_error("('x'):gsub('x', function() while true do end end)", -ETIME, "", ENDLESS);
	expect_error("return require(setmetatable({}, { __tostring = function() while true do end "
		     "end }))",
		-EINVAL, "", "string expected");
}

// One C call each, in which no hook runs.
static void work_inside_library_functions_is_counted(void **state) {
	expect_error("('a'):rep(1e5):find(('a*'):rep(30) .. 'b')", -ETIME, "", ENDLESS);
	expect_error("('a'):rep(3e4):match('.-.-.-.-b')", -ETIME, "", ENDLESS);
	expect_error("('a'):rep(3e4):gsub('.-.-.-.-b', '')", -ETIME, "", ENDLESS);
	expect_error("for _ in ('a'):rep(3e4):gmatch('.-.-.-.-b') do end", -ETIME, "", ENDLESS);
	expect_error("('('):rep(1e6):gsub('%b()', '')", -ETIME, "", ENDLESS);
	expect_error("table.move({}, 1, 1e9, 2)", -ETIME, "", ENDLESS);
	expect_error("table.move({}, 1, 1 << 60, 2)", -EINVAL, "", "too long");
	expect_error("table.concat(setmetatable({}, { __index = getmetatable, __metatable = '' }), "
		     "'', 1, 1 << 40)",
		-EINVAL, "", "too long");
	expect_error("table.concat(setmetatable({}, { __index = getmetatable, __metatable = '' }), "
		     "'', 1, 10)",
		-EINVAL, "", "invalid value (at index 1)");
	expect_tree("local t = setmetatable({}, { __len = function() return 1 << 50 end }) "
		    "table.insert(t, 1, 'x') return t",
		"[\"x\"]");
	expect_error("local s = ('x'):rep(2e6)\nwhile true do local t = s .. 'y' end", -ETIME, "",
		"configs/x.lua:2: " ENDLESS);
	expect_error("local s = ('x'):rep(2e6)\nwhile true do s:byte() end", -ETIME, "", ENDLESS);
	expect_error("while true do select(-1, table.unpack({}, 1, 1e5)) end", -ETIME, "", ENDLESS);
	expect_tree("return { (('').rep('', 1 << 60)) }", "[\"\"]");
}

// Long strings are compared by the machine, in one instruction of Lua's.
static void what_is_slow_without_being_counted_meets_the_deadline(void **state) {
	clock_fake_stop();
	expect_error("local s = ('x'):rep(1e7) local a, b = s .. 'a', s .. 'b'\n"
		     "while true do local c = a < b end",
		-ETIME, "", "configs/x.lua:2: the configuration ran for too long");
	clock_fake_start(0);
}

#define BOMB "the configuration needs more than 32 MiB of memory"

static void memory_is_capped(void **state) {
	expect_error("local t = {}\nfor i = 1, 1e9 do\nt[i] = { i }\nend", -ENOMEM, "", BOMB);
	expect_error("local s = 'x'\nwhile true do\ns = s .. s end", -ENOMEM, "",
		"configs/x.lua:3: " BOMB);
	expect_error("return { a =\n('x'):rep(1 << 40) }", -ENOMEM, "", "configs/x.lua:2: " BOMB);
	expect_error("return { a = ('x'):rep(4e7) }", -ENOMEM, "", BOMB);
	expect_error("return { pcall(string.rep, 'x', 4e7) }", -ENOMEM, "", BOMB);
	expect_error("local t = {} for i = 1, 1e6 do t[i] = ('x'):rep(1e3):rep(100) .. i end",
		-ENOMEM, "", BOMB);
	// small in Lua, huge as a tree
	expect_error(
		"local t = { 1, 2 } for i = 1, 25 do t = { t, t } end return t", -ENOMEM, "", BOMB);
	// what is garbage is not held against it
	expect_tree("for i = 1, 100 do local s = ('x'):rep(1 << 20) end return {}", "{}");
}

static int run_unlimited(const char *text, struct err *err) {
	struct script *script = NULL;
	json_t *tree = NULL, *bundle = bundle_of(text);
	int rc = script_run(bundle, NULL, &script, &tree, err);
	json_decref(bundle);
	return rc;
}

static void the_default_limits_are_100_m_and_256_mib(void **state) {
	struct err loop = {0}, memory = {0}, deep = {0};
	assert_int_equal(
		run_unlimited("local function f() return f() + 1 end f()", &deep), -EINVAL);
	assert_non_null(strstr(deep.msg, "configs/x.lua:1: stack overflow"));
	assert_int_equal(run_unlimited("return { ('x'):rep(1 << 28) }", &memory), -ENOMEM);
	assert_string_equal(
		memory.msg, "configs/x.lua:1: the configuration needs more than 256 MiB of memory");
	assert_int_equal(run_unlimited("while true do end", &loop), -ETIME);
	assert_string_equal(loop.msg,
		"configs/x.lua:1: the configuration used more than 100 M instructions: an endless "
		"loop?");
}

static json_t *two_files(const char *main_text, const char *name, const char *text) {
	json_t *bundle = bundle_of(main_text);
	json_object_set_new(json_object_get(bundle, "files"), name, json_string(text));
	return bundle;
}

static void require_reads_the_bundle_only(void **state) {
	json_t *tree;
	struct err err = {0};
	assert_int_equal(run_bundle(two_files("local a, b = require 'sets', require('sets') "
					      "return { same = a == b, n = a.n }",
					    "sets.lua", "return { n = 5 }"),
				 &tree, &err),
		0);
	assert_int_equal(jx_int(tree, "n", 0), 5);
	assert_true(jx_bool(tree, "same", false));
	json_decref(tree);
	assert_int_equal(run_bundle(two_files("return require 'a'", "a.lua", "\nreturn nil + 1"),
				 &tree, &err),
		-EINVAL);
	assert_non_null(strstr(err.msg, "configs/a.lua:2: attempt to perform arithmetic"));
	expect_error("require 'nothere'", -EINVAL, "",
		"configs/x.lua:1: there is no readable file configs/nothere.lua");
	expect_error("require '../x'", -EINVAL, "", "a module's name is");
	expect_error("require 'a.b'", -EINVAL, "", "a module's name is");
	expect_error("require '/etc/passwd'", -EINVAL, "", "a module's name is");
	expect_error("require 'x\\0y'", -EINVAL, "", "a module's name is");
	expect_error("require ''", -EINVAL, "", "a module's name is");
	expect_error("require(('x'):rep(65))", -EINVAL, "", "a module's name is");
}

static void modules_in_a_circle_are_refused(void **state) {
	json_t *tree;
	struct err err = {0};
	assert_int_equal(run_bundle(two_files("return require 'a'", "a.lua", "return require 'a'"),
				 &tree, &err),
		-EINVAL);
	assert_non_null(strstr(err.msg, "a circle"));
	struct err again = {0};
	assert_int_equal(
		run_bundle(two_files("pcall(require, 'a') require 'a'", "a.lua", "error 'no'"),
			&tree, &again),
		-EINVAL);
	assert_non_null(strstr(again.msg, "configs/a.lua:1: no"));
}

static void a_bundle_of_the_wrong_shape_is_refused(void **state) {
	static const char *const bundles[] = {"{}", "[]", "{\"main\":\"x\"}",
		"{\"main\":\"x\",\"files\":[]}", "{\"main\":5,\"files\":{}}",
		"{\"main\":\"x\",\"files\":{\"y\":\"\"}}", "{\"main\":\"x\",\"files\":{\"x\":5}}",
		"{\"main\":\"x\",\"folder\":1,\"files\":{\"x\":\"\"}}"};
	for (size_t i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++) {
		json_t *tree;
		struct err err = {0};
		assert_int_equal(run_bundle(json_loads(bundles[i], 0, NULL), &tree, &err), -EINVAL);
		assert_non_null(strstr(err.msg, "bundle"));
	}
}

static void a_bundle_too_large_is_refused(void **state) {
	struct script *script = NULL;
	json_t *tree = NULL, *bundle = bundle_of("return {}   ");
	struct err err = {0};
	assert_int_equal(script_run(bundle, &(struct script_limits){.source_bytes = 10}, &script,
				 &tree, &err),
		-EINVAL);
	assert_non_null(strstr(err.msg, "larger than"));
	json_decref(bundle);
}

static struct script *start(const char *text) {
	struct script *script = NULL;
	json_t *tree, *bundle = bundle_of(text);
	struct err err = {0};
	if (script_run(bundle, &small, &script, &tree, &err) < 0)
		fail_msg("%s", err.msg);
	json_decref(bundle);
	json_decref(tree);
	return script;
}

static void functions_can_be_called_later(void **state) {
	struct script *script = start("local n = 0 return { f = function(q) n = n + 1 return { n, "
				      "q.name, q.list[2], q.none } end }");
	json_t *arg = json_pack("{s:s, s:[i,i], s:n}", "name", "x", "list", 1, 2, "none"), *result;
	struct err err = {0};
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(script_call(script, 1, arg, 10000, &result, &err), 0);
		json_t *wanted = json_pack("[i,s,i]", i, "x", 2);
		assert_true(json_equal(result, wanted));
		json_decref(wanted);
		json_decref(result);
	}
	assert_int_equal(script_call(script, 0, arg, 10000, &result, &err), -ENOENT);
	struct err other = {0};
	assert_int_equal(script_call(script, 2, arg, 10000, &result, &other), -ENOENT);
	assert_string_equal(other.msg, "the configuration has no function 2");
	json_decref(arg);
	script_free(script);
}

static void a_call_that_overruns_leaves_the_script_usable(void **state) {
	struct script *script = start("return {\nfunction(n) while n == 1 do end if n == 2 then "
				      "return ('x'):rep(1e9) end\n"
				      "if n == 3 then return function() end end return n end }");
	json_t *result = NULL;
	static const int codes[] = {0, -ETIME, -ENOMEM, -EINVAL, 0};
	for (int n = 0; n < 5; n++) {
		struct err err = {0};
		json_t *arg = json_integer(n);
		assert_int_equal(script_call(script, 1, arg, 10000, &result, &err), codes[n]);
		if (codes[n] == 0) {
			assert_int_equal(json_integer_value(result), n);
			json_decref(result);
		}
		if (n == 1)
			assert_string_equal(err.msg,
				"configs/x.lua:2: the configuration used more than 10 k "
				"instructions: an endless loop?");
		json_decref(arg);
	}
	script_free(script);
}

static void library_functions_work_as_in_lua(void **state) {
	expect_tree("local t = { 1, 2, 3 } table.insert(t, 4) table.insert(t, 1, 0) "
		    "return { table.remove(t), table.remove(t, 1), t }",
		"[4,0,[1,2,3]]");
	expect_tree("return { table.concat({ 1, 2, 'x' }, '-'), table.concat({}),"
		    "table.concat({ 1, 2, 3 }, ',', 2, 3), table.remove({}) == nil }",
		"[\"1-2-x\",\"\",\"2,3\",true]");
	expect_tree("return table.move({ 1, 2, 3 }, 1, 3, 2)", "[1,1,2,3]");
	expect_tree("return table.move({ 1, 2, 3 }, 2, 3, 1)", "[2,3,3]");
	expect_tree("return table.move({ 1, 2 }, 1, 2, 1, {})", "[1,2]");
	expect_tree("return { table.unpack({ 1, 2, 3 }, 2) }", "[2,3]");
	expect_tree("local t = { 3, 1, 2 } table.sort(t) return t", "[1,2,3]");
	expect_tree("local t = { 3, 1, 2 } table.sort(t, function(a, b) return a > b end) return t",
		"[3,2,1]");
	expect_tree("return { select('#', 1, 2), (select(2, 'a', 'b')), tonumber('0x10'),"
		    "tonumber('z', 36) }",
		"[2,\"b\",16,35]");
	expect_tree("return { ('ab'):rep(1), ('ab'):rep(2, '-'), ('x'):rep(7), ('x'):rep(0), "
		    "('x'):rep(-1) }",
		"[\"ab\",\"ab-ab\",\"xxxxxxx\",\"\",\"\"]");
	expect_tree("return { ('ab'):rep(3, '-'), ('%d %s'):format(3, 'x'), ('ab'):upper() }",
		"[\"ab-ab-ab\",\"3 x\",\"AB\"]");
	expect_tree("local ok, message = pcall(error, 'no', 0) return { ok, message }",
		"[false,\"no\"]");
	expect_tree("return { xpcall(error, function(m) return m .. '!' end, 'no') }",
		"[false,\"no!\"]");
	expect_tree("return { xpcall(math.max, error, 1, 5, 2) }", "[true,5]");
	expect_error("for k in pairs({ a = 1 })('x') do end", -EINVAL, "", "table expected");
	expect_error("table.insert({}, 5, 1)", -EINVAL, "", "position out of bounds");
	expect_error("table.remove({ 1 }, 5)", -EINVAL, "", "position out of bounds");
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_become_json),
		cmocka_unit_test(functions_become_references),
		cmocka_unit_test(integer_keys_become_a_map_when_none_is_in_sequence),
		cmocka_unit_test(tables_that_are_no_tree_are_refused),
		cmocka_unit_test(mistakes_name_file_and_line),
		cmocka_unit_test(what_could_reach_out_is_absent),
		cmocka_unit_test(runs_are_repeatable),
		cmocka_unit_test(endless_loops_are_stopped),
		cmocka_unit_test(work_inside_library_functions_is_counted),
		cmocka_unit_test(what_is_slow_without_being_counted_meets_the_deadline),
		cmocka_unit_test(memory_is_capped),
		cmocka_unit_test(the_default_limits_are_100_m_and_256_mib),
		cmocka_unit_test(require_reads_the_bundle_only),
		cmocka_unit_test(modules_in_a_circle_are_refused),
		cmocka_unit_test(a_bundle_of_the_wrong_shape_is_refused),
		cmocka_unit_test(a_bundle_too_large_is_refused),
		cmocka_unit_test(functions_can_be_called_later),
		cmocka_unit_test(a_call_that_overruns_leaves_the_script_usable),
		cmocka_unit_test(library_functions_work_as_in_lua),
	};
	clock_fake_start(
		0); // the deadline is out of the way: what is counted is stopped by the count
	return cmocka_run_group_tests(tests, NULL, NULL);
}
