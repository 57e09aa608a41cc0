// SPDX-License-Identifier: BSD-3-Clause
// Policies: what a function sees, what it may say, what it may cost, and that a fork asks nobody for memory.
#include "lib/script.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct thing {
	const char *name;
	int weight;
};

static void name_get(struct script_frame *frame, const void *object) {
	script_give_text(frame, ((const struct thing *)object)->name);
}

static void weight_get(struct script_frame *frame, const void *object) {
	script_give_integer(frame, ((const struct thing *)object)->weight);
}

static void over_get(struct script_frame *frame, const void *object) {
	script_give_bool(
		frame, ((const struct thing *)object)->weight > script_arg_integer(frame, 1));
}

static void starts_get(struct script_frame *frame, const void *object) {
	size_t len;
	const char *with = script_arg_text(frame, 1, &len);
	if (len == 0)
		script_fail(frame, "a name begins with %s", "something");
	script_give_bool(frame, strncmp(((const struct thing *)object)->name, with, len) == 0);
}

static const struct script_member members[] = {
	{"name", "string", NULL, "its name", name_get},
	{"weight", "integer", NULL, "its weight", weight_get},
	{"over", "boolean", "least: integer", "whether it weighs more", over_get},
	{"starts", "boolean", "with: string", "whether its name starts so", starts_get},
	{0},
};
static const struct script_class thing_class = {"thing", "a thing", members};
static const struct script_class *const classes[] = {&thing_class, NULL};
static const char *const words[] = {"yes", "no", NULL};
static const struct thing apple = {"apple", 7};

#define ARENA (64u << 10)

// The file returns { f = function ... }; `more`: a file beside it.
static struct script *fork_of(const char *text, const char *more, size_t arena, struct err *err) {
	json_t *bundle = json_pack(
		"{s:s, s:{s:s, s:s}}", "main", "x.lua", "files", "x.lua", text, "more.lua", more);
	struct script *script = NULL, *fork = NULL;
	json_t *tree = NULL;

	if (script_run(bundle, NULL, &script, &tree, err) < 0)
		fail_msg("%s", err->msg);
	script_fork(script, classes, arena, &fork, err);
	script_free(script);
	json_decref(tree);
	json_decref(bundle);
	return fork;
}

static struct script *policy(const char *text) {
	struct err err = {0};
	struct script *fork = fork_of(text, "return {}", ARENA, &err);

	if (fork == NULL)
		fail_msg("%s", err.msg);
	return fork;
}

static int ask(struct script *fork, struct err *err) {
	*err = (struct err){0};
	return script_ask(fork, 1, &thing_class, &apple, 10000, words, err);
}

static void says(const char *text, int answer, const char *why) {
	struct script *fork = policy(text);
	struct err err;

	for (int i = 0; i < 3; i++) {
		int got = ask(fork, &err);
		if (got != answer || (why && !strstr(err.msg, why)))
			fail_msg("%s\n  says %d: %s", text, got, err.msg);
	}
	script_free(fork);
}

static void test_what_it_says(void **state) {
	says("return { f = function() return 'yes' end }", 0, NULL);
	says("return { f = function() return 'no' end }", 1, NULL);
	says("return { f = function() end }", 2, NULL);
	says("return { f = function() return 'maybe' end }", -EINVAL,
		"the policy returns \"maybe\"; it may return \"yes\", \"no\", or nil");
	says("return { f = function() return true end }", -EINVAL, "returns a boolean");
	says("return { f = function() return {} end }", -EINVAL, "returns a table");
}

static void test_what_it_sees(void **state) {
	says("return { f = function(t) if t.name == 'apple' and t.weight == 7 then return 'yes' "
	     "end "
	     "end }",
		0, NULL);
	says("return { f = function(t) if t:over(6) and not t:over(7) and t:starts('app') then "
	     "return 'yes' end end }",
		0, NULL);
	says("return { f = function(t) return t.weigth end }", -EINVAL,
		"x.lua:1: thing has no \"weigth\"");
	says("return { f = function(t) return t.over(3) end }", -EINVAL,
		"write thing:over(least: integer), with a colon");
	says("return { f = function(t) return t:starts('') end }", -EINVAL,
		"a name begins with something");
	says("return { f = function(t) t.weight = 3 end }", -EINVAL, "cannot be changed");
	says("return { f = function(t) getmetatable(t).__index = 1 end }", -EINVAL, "boolean");
	says("local kept\nreturn { f = function(t) kept = kept or t return kept.name == 'apple' "
	     "and "
	     "'yes' end }",
		0, NULL); // it is the same one each time
	says("return { f = function(t) for i = 1, 10 do local g = t.nothing end end }", -EINVAL,
		"no \"nothing\"");
}

// Whatever was around the function when the file was read is there.
static void test_what_it_has(void **state) {
	struct err err = {0};
	says("local names = { apple = 'yes' }\nlocal function look(n) return names[n] end\n"
	     "function global(n) return look(n) end\n"
	     "return { f = function(t) return global(t.name) end }",
		0, NULL);
	struct script *fork = fork_of(
		"local more = require 'more'\nreturn { f = function(t) return more[t.name] end }",
		"return { apple = 'no' }", ARENA, &err);
	assert_int_equal(ask(fork, &err), 1);
	script_free(fork);
	says("return { f = function(t) return require('more').apple end }", -EINVAL,
		"x.lua:1: require \"more\": not inside a policy");
	says("return { g = function() return 'no' end, f = function() return 'yes' end }", 0,
		NULL); // the first in the order of keys
}

static void test_what_it_costs(void **state) {
	says("return { f = function() while true do end end }", -ETIME,
		"x.lua:1: the policy used more than 10 k instructions");
	says("return { f = function() while true do pcall(error) end end }", -ETIME, "10 k");
	says("return { f = function(t) while t.name do end end }", -ETIME, "10 k");
	says("return { f = function() local s = ('x'):rep(1 << 16) return #s end }", -ENOMEM,
		"the policy needs more than");
	struct err err;
	// what it keeps for ever is not
	struct script *fork = policy("local kept = {}\nreturn { f = function() for i = 1, 300 do "
				     "kept[#kept + 1] = { i } end end }");
	int last = 0;
	for (int i = 0; i < 20; i++)
		last = ask(fork, &err);
	assert_int_equal(last, -ENOMEM);
	script_free(fork);
	// what it leaves behind is collected
	fork = policy("return { f = function(t) local s = t.name .. t.weight for i = "
		      "1, 20 do s = s .. i end return 'yes' end }");
	for (int i = 0; i < 20000; i++)
		assert_int_equal(ask(fork, &err), 0);
	script_free(fork);
	// it is well again after it was ill
	fork = policy(
		"local n = 0\nreturn { f = function() n = n + 1 if n == 2 then while true do end "
		"end if n == 3 then error('oh') end return 'yes' end }");
	assert_int_equal(ask(fork, &err), 0);
	assert_int_equal(ask(fork, &err), -ETIME);
	assert_int_equal(ask(fork, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "x.lua:2: oh"));
	assert_int_equal(ask(fork, &err), 0);
	assert_int_equal(script_ask(fork, 2, &thing_class, &apple, 1000, words, &err), -ENOENT);
	script_free(fork);
}

static void refused(const char *text, int code, const char *why) {
	struct err err = {0};
	struct script *fork = fork_of(text, "return {}", ARENA, &err);

	assert_null(fork);
	assert_int_equal(err.code, code);
	if (!strstr(err.msg, why))
		fail_msg("%s", err.msg);
}

static void test_what_is_refused(void **state) {
	refused("return { a = tostring({}), f = function() end }", -EINVAL,
		"something else each time");
	refused("local t = {} for i = 1, 400000 do t[i] = i end\nreturn { f = function() return "
		"t[1] "
		"end }",
		-EFBIG, "hold on to 8 MiB, more than the 4 that packet workers keep");
	// what only the reading needed, or the tree holds, is no burden
	struct err err = {0};
	struct script *fork = fork_of(
		"local t = require 'more'\nreturn { list = t, f = function() return 'yes' end }",
		"local t = {} for i = 1, 400000 do t[i] = i end\nreturn t", ARENA, &err);
	assert_non_null(fork);
	assert_int_equal(ask(fork, &err), 0);
	script_free(fork);
}

// The same on the heap: for control.
static void test_on_the_heap(void **state) {
	struct err err = {0};
	struct script *fork =
		fork_of("return { f = function(t) local s = ('x'):rep(1 << 18) return "
			"#s > t.weight and 'yes' end }",
			"return {}", 0, &err);
	assert_int_equal(ask(fork, &err), 0);
	script_free(fork);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_says),
		cmocka_unit_test(test_what_it_sees),
		cmocka_unit_test(test_what_it_has),
		cmocka_unit_test(test_what_it_costs),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_on_the_heap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
