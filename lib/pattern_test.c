// SPDX-License-Identifier: BSD-3-Clause
#include "lib/pattern.h"
#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// The first match of `pattern` in `subject` as text, or the error.
static char *find(const char *subject, size_t subject_len, const char *pattern, size_t pattern_len,
	char *buf, size_t size) {
	struct pattern_text s = {subject, subject_len}, p = {pattern, pattern_len};
	bool anchor = p.len > 0 && p.bytes[0] == '^';
	uint64_t steps = 1000000;
	p.bytes += anchor;
	p.len -= anchor;
	snprintf(buf, size, "nil");
	for (const char *at = s.bytes; at <= s.bytes + s.len; at++) {
		struct pattern_match m;
		int rc = pattern_match(&s, at, &p, &steps, &m);
		if (rc == -EINVAL)
			snprintf(buf, size, "error: %.20s", m.why);
		if (rc < 0)
			break;
		if (rc == 1) {
			int used = snprintf(buf, size, "%d,%d", (int)(at - s.bytes) + 1,
				(int)(m.end - s.bytes));
			for (unsigned i = 0; i < m.n; i++) {
				struct pattern_capture *c = &m.captures[i];
				bool position = c->len == PATTERN_POSITION;
				used += snprintf(buf + used, size - (size_t)used,
					position ? ",(%d)" : ",%d", (int)(c->start - s.bytes) + 1);
				if (!position)
					used += snprintf(buf + used, size - (size_t)used, "+%d",
						(int)c->len);
			}
			break;
		}
		if (anchor)
			break;
	}
	return buf;
}

// Lua's own answer in the same form: captures that are strings are compared by length, their place
// is not known.
static char *find_lua(lua_State *L, const char *subject, size_t subject_len, const char *pattern,
	size_t pattern_len, char *buf, size_t size) {
	lua_settop(L, 0);
	lua_getglobal(L, "string");
	lua_getfield(L, -1, "find");
	lua_replace(L, 1);
	lua_pushlstring(L, subject, subject_len);
	lua_pushlstring(L, pattern, pattern_len);
	if (lua_pcall(L, 2, LUA_MULTRET, 0) != LUA_OK) {
		const char *text = lua_tostring(L, -1);
		snprintf(buf, size, "error: %.20s", text);
		return buf;
	}
	if (lua_isnil(L, 1)) {
		snprintf(buf, size, "nil");
		return buf;
	}
	int used = snprintf(buf, size, "%d,%d", (int)lua_tointeger(L, 1), (int)lua_tointeger(L, 2));
	for (int i = 3; i <= lua_gettop(L); i++) {
		if (lua_type(L, i) == LUA_TNUMBER)
			used += snprintf(
				buf + used, size - (size_t)used, ",(%d)", (int)lua_tointeger(L, i));
		else
			used += snprintf(
				buf + used, size - (size_t)used, ",%s", lua_tostring(L, i));
	}
	return buf;
}

// "3,5,2+1" and "3,5,x" say the same when the capture is one byte long: drop the place, keep the
// text.
static void spell_captures(const char *subject, char *buf) {
	char out[1024] = "";
	size_t used = 0;
	for (char *part = buf; part && *part;) {
		char *comma = strchr(part, ','), *plus = strchr(part, '+');
		size_t len = comma ? (size_t)(comma - part) : strlen(part);
		if (plus && plus < part + len && strncmp(buf, "error", 5) != 0)
			used += (size_t)snprintf(out + used, sizeof(out) - used, "%.*s",
				atoi(plus + 1), subject + atoi(part) - 1);
		else
			used += (size_t)snprintf(
				out + used, sizeof(out) - used, "%.*s", (int)len, part);
		if (comma)
			out[used++] = ',';
		part = comma ? comma + 1 : NULL;
	}
	out[used] = '\0';
	memcpy(buf, out, used + 1);
}

static void compare(lua_State *L, const char *subject, size_t subject_len, const char *pattern,
	size_t pattern_len) {
	if (strpbrk(pattern, "^$*+?.([%-") == NULL)
		return; // string.find would search for it as it is
	char ours[1024], theirs[1024];
	find(subject, subject_len, pattern, pattern_len, ours, sizeof(ours));
	spell_captures(subject, ours);
	find_lua(L, subject, subject_len, pattern, pattern_len, theirs, sizeof(theirs));
	if (strcmp(ours, theirs) != 0)
		fail_msg("\"%s\":find(\"%s\")\n  ours: %s\n  Lua:  %s", subject, pattern, ours,
			theirs);
}

static void known_patterns_match_as_in_lua(void **state) {
	static const char *const cases[][2] = {{"hello world", "o w"}, {"hello", "l+"},
		{"key = value", "^(%w+)%s*=%s*(%w+)$"}, {"  trim  ", "^%s*(.-)%s*$"},
		{"abc", "()b()"}, {"f(a(b)c)d", "%b()"}, {"THE (quick) fox", "%f[%a]%a+%f[%A]"},
		{"\"x\" 'y'", "([\"'])(.-)%1"}, {"2026-01-02", "(%d+)-(%d+)-(%d+)"}, {"a]b", "[]]"},
		{"a^b", "[b^]"}, {"a-b", "[a%-]+"}, {"x", "[^%s]"}, {"x", "["}, {"x", "%"},
		{"x", "[a"}, {"x", "[a%"}, {"x", "("}, {"x", ")"}, {"x", "%1"}, {"x", "(x%1)"},
		{"x", "%f"}, {"x", "%fa"}, {"x", "%b"}, {"x", "%bx"}, {"", ""}, {"", "^$"},
		{"x", "x$y"}, {"x$", "x%$"}, {"aaa", "a-$"}, {"aab", "a?a?a?b"}, {"a\tb", "%c"},
		{"ab", "(a)(b)(())"}, {"x", "((((((((((((((((((((((((((((((((x"},
		{"[[x]]", "%[%[(.-)%]%]"}, {"abc", "[a-c]+"}, {"a-c", "[a-]+"}, {"]", "[]-a]"},
		{"x", "[%a-z]"}};
	lua_State *L = luaL_newstate();
	luaL_openlibs(L);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		compare(L, cases[i][0], strlen(cases[i][0]), cases[i][1], strlen(cases[i][1]));
	lua_close(L);
}

static void random_patterns_match_as_in_lua(void **state) {
	static const char *const pieces[] = {"a", "b", ".", "%a", "%d", "[ab]", "[^a]", "*", "+",
		"-", "?", "(", ")", "()", "%1", "%2", "%bab", "%f[a]", "$", "^", "[", "]", "%",
		"[%d-]", "[a-b]", ","};
	static const char letters[] = "aaabbb1,-(";
	lua_State *L = luaL_newstate();
	luaL_openlibs(L);
	unsigned seed = 1;
	for (int round = 0; round < 200000; round++) {
		char subject[16] = "", pattern[64] = "";
		int n = rand_r(&seed) % 12, parts = rand_r(&seed) % 7;
		for (int i = 0; i < n; i++)
			subject[i] = letters[(unsigned)rand_r(&seed) % (sizeof(letters) - 1)];
		size_t used = 0;
		for (int i = 0; i < parts; i++)
			used += (size_t)snprintf(pattern + used, sizeof(pattern) - used, "%s",
				pieces[(unsigned)rand_r(&seed) %
					(sizeof(pieces) / sizeof(pieces[0]))]);
		compare(L, subject, (size_t)n, pattern, used);
	}
	lua_close(L);
}

static void backtracking_ends_with_the_budget(void **state) {
	static char subject[100001], pattern[62];
	memset(subject, 'a', sizeof(subject) - 1);
	for (size_t i = 0; i < 60; i += 2)
		memcpy(pattern + i, "a*", 2);
	pattern[60] = 'b';
	struct pattern_text s = {subject, sizeof(subject) - 1}, p = {pattern, 61};
	struct pattern_match match;
	uint64_t steps = 1000000;
	assert_int_equal(pattern_match(&s, subject, &p, &steps, &match), -ETIME);
	assert_int_equal(steps, 0);
}

static void deep_recursion_is_refused(void **state) {
	char pattern[601];
	for (size_t i = 0; i < 600; i += 2)
		memcpy(pattern + i, "a?", 2);
	struct pattern_text s = {pattern, 0}, p = {pattern, 600};
	char subject[301];
	memset(subject, 'a', 300);
	s = (struct pattern_text){subject, 300};
	struct pattern_match match;
	uint64_t steps = UINT64_MAX;
	assert_int_equal(pattern_match(&s, subject, &p, &steps, &match), -EINVAL);
	assert_string_equal(match.why, "pattern too complex");
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_patterns_match_as_in_lua),
		cmocka_unit_test(random_patterns_match_as_in_lua),
		cmocka_unit_test(backtracking_ends_with_the_budget),
		cmocka_unit_test(deep_recursion_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
