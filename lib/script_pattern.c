// SPDX-License-Identifier: BSD-3-Clause
// string.find, match, gmatch and gsub over lib/pattern.h: they behave as Lua's, and are charged for.
#include "lib/pattern.h"
#include "lib/script_priv.h"
#include <errno.h>
#include <string.h>

static struct pattern_text check_text(lua_State *L, int arg) {
	struct pattern_text text;
	text.bytes = luaL_checklstring(L, arg, &text.len);
	return text;
}

static bool strip_anchor(struct pattern_text *pattern) {
	bool anchor = pattern->len > 0 && pattern->bytes[0] == '^';
	pattern->bytes += anchor;
	pattern->len -= anchor;
	return anchor;
}

static bool match_at(lua_State *L, const struct pattern_text *subject, const char *at,
	const struct pattern_text *pattern, struct pattern_match *match) {
	struct script *s = script_of(L);
	uint64_t left = s->spent < s->budget ? s->budget - s->spent : 0;
	int rc = pattern_match(subject, at, pattern, &left, match);
	s->spent = s->budget - left;
	if (rc == -ETIME)
		script_throw(L, rc);
	if (rc < 0)
		luaL_error(L, "%s", match->why);
	return rc > 0;
}

static void push_capture(lua_State *L, const struct pattern_text *subject, const char *at,
	const struct pattern_match *match, unsigned i) {
	if (i >= match->n && i > 0)
		luaL_error(L, "invalid capture index %%%d", (int)i + 1);
	if (i >= match->n)
		lua_pushlstring(L, at, (size_t)(match->end - at));
	else if (match->captures[i].len == PATTERN_POSITION)
		lua_pushinteger(L, match->captures[i].start - subject->bytes + 1);
	else
		lua_pushlstring(L, match->captures[i].start, match->captures[i].len);
}

// The captures, or the whole match when there are none and `whole`. Returns how many were pushed.
static int push_captures(lua_State *L, const struct pattern_text *subject, const char *at,
	const struct pattern_match *match, bool whole) {
	unsigned n = match->n == 0 && whole ? 1 : match->n;
	luaL_checkstack(L, (int)n, "too many captures");
	for (unsigned i = 0; i < n; i++)
		push_capture(L, subject, at, match, i);
	return (int)n;
}

// Lua's idea of a start position: from 1, negative from the end. Returns an offset; > len: nowhere.
static size_t start_offset(lua_State *L, int arg, size_t len) {
	lua_Integer start = luaL_optinteger(L, arg, 1);
	if (start > 0)
		return (lua_Unsigned)start - 1 > len ? len + 1 : (size_t)start - 1;
	if (start == 0 || start < -(lua_Integer)len)
		return 0;
	return len - (size_t)-start;
}

static bool is_plain(const struct pattern_text *pattern) {
	for (size_t i = 0; i < pattern->len; i++)
		if (pattern->bytes[i] != '\0' && strchr("^$*+?.([%-", pattern->bytes[i]))
			return false;
	return true;
}

// memmem() is linear in both, whatever they hold.
static int find_plain(lua_State *L, const struct pattern_text *subject, size_t start,
	const struct pattern_text *pattern) {
	script_charge(L, (subject->len - start + pattern->len) / 8);
	const char *at =
		memmem(subject->bytes + start, subject->len - start, pattern->bytes, pattern->len);
	if (at == NULL) {
		luaL_pushfail(L);
		return 1;
	}
	lua_pushinteger(L, at - subject->bytes + 1);
	lua_pushinteger(L, at - subject->bytes + (lua_Integer)pattern->len);
	return 2;
}

static int find_or_match(lua_State *L, bool find) {
	struct pattern_text subject = check_text(L, 1), pattern = check_text(L, 2);
	size_t start = start_offset(L, 3, subject.len);
	struct pattern_match match;
	if (start > subject.len) {
		luaL_pushfail(L);
		return 1;
	}
	script_charge(L, pattern.len / 8);
	if (find && (lua_toboolean(L, 4) || is_plain(&pattern)))
		return find_plain(L, &subject, start, &pattern);
	bool anchor = strip_anchor(&pattern);
	const char *at = subject.bytes + start, *end = subject.bytes + subject.len;
	for (; at <= end; at++) {
		if (match_at(L, &subject, at, &pattern, &match)) {
			if (!find)
				return push_captures(L, &subject, at, &match, true);
			lua_pushinteger(L, at - subject.bytes + 1);
			lua_pushinteger(L, match.end - subject.bytes);
			return 2 + push_captures(L, &subject, at, &match, false);
		}
		if (anchor)
			break;
	}
	luaL_pushfail(L);
	return 1;
}

static int string_find(lua_State *L) {
	return find_or_match(L, true);
}

static int string_match(lua_State *L) {
	return find_or_match(L, false);
}

// Upvalues: subject, pattern, offset to go on from, end of the last match (an empty match there is
// skipped).
static int gmatch_next(lua_State *L) {
	struct pattern_text subject = check_text(L, lua_upvalueindex(1));
	struct pattern_text pattern = check_text(L, lua_upvalueindex(2));
	struct pattern_match match;
	const char *at = subject.bytes + lua_tointeger(L, lua_upvalueindex(3));
	lua_Integer last = lua_tointeger(L, lua_upvalueindex(4));
	for (; at <= subject.bytes + subject.len; at++) {
		if (!match_at(L, &subject, at, &pattern, &match) ||
			match.end - subject.bytes == last)
			continue;
		lua_pushinteger(L, match.end - subject.bytes);
		lua_pushvalue(L, -1);
		lua_replace(L, lua_upvalueindex(3));
		lua_replace(L, lua_upvalueindex(4));
		return push_captures(L, &subject, at, &match, true);
	}
	return 0;
}

static int string_gmatch(lua_State *L) {
	struct pattern_text subject = check_text(L, 1);
	check_text(L, 2);
	size_t start = start_offset(L, 3, subject.len);
	lua_settop(L, 2);
	lua_pushinteger(L, (lua_Integer)start);
	lua_pushinteger(L, -1);
	lua_pushcclosure(L, gmatch_next, 4);
	return 1;
}

// The replacement string with its %0..%9 filled in.
static void add_template(lua_State *L, luaL_Buffer *out, const struct pattern_text *subject,
	const char *at, const struct pattern_match *match) {
	struct pattern_text text;
	text.bytes = lua_tolstring(L, 3, &text.len);
	script_charge(L, text.len / 8);
	for (size_t i = 0; i < text.len; i++) {
		if (text.bytes[i] != '%') {
			luaL_addchar(out, text.bytes[i]);
			continue;
		}
		char kind = ++i < text.len ? text.bytes[i] : '\0';
		if (kind == '%') {
			luaL_addchar(out, '%');
		} else if (kind == '0') {
			luaL_addlstring(out, at, (size_t)(match->end - at));
		} else if (kind >= '1' && kind <= '9') {
			push_capture(L, subject, at, match, (unsigned)(kind - '1'));
			luaL_tolstring(L, -1, NULL); // a position is a number
			lua_remove(L, -2);
			luaL_addvalue(out);
		} else {
			luaL_error(L, "invalid use of '%%' in replacement string");
		}
	}
}

static void add_replacement(lua_State *L, luaL_Buffer *out, const struct pattern_text *subject,
	const char *at, const struct pattern_match *match) {
	int type = lua_type(L, 3);
	if (type == LUA_TSTRING || type == LUA_TNUMBER) {
		add_template(L, out, subject, at, match);
		return;
	}
	if (type == LUA_TFUNCTION) {
		lua_pushvalue(L, 3);
		lua_call(L, push_captures(L, subject, at, match, true), 1);
	} else {
		push_capture(L, subject, at, match, 0);
		lua_gettable(L, 3);
	}
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		luaL_addlstring(out, at, (size_t)(match->end - at));
	} else if (lua_isstring(L, -1)) {
		luaL_addvalue(out);
	} else {
		luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	}
}

static int string_gsub(lua_State *L) {
	struct pattern_text subject = check_text(L, 1), pattern = check_text(L, 2);
	int type = lua_type(L, 3);
	luaL_argexpected(L,
		type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
			type == LUA_TTABLE,
		3, "string/function/table");
	if (type == LUA_TNUMBER)
		lua_tostring(L, 3);
	lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)subject.len + 1), n = 0;
	bool anchor = strip_anchor(&pattern);
	const char *at = subject.bytes, *end = at + subject.len, *last = NULL;
	struct pattern_match match;
	luaL_Buffer out;
	luaL_buffinit(L, &out);
	while (n < most) {
		if (match_at(L, &subject, at, &pattern, &match) && match.end != last) {
			n++;
			add_replacement(L, &out, &subject, at, &match);
			at = last = match.end;
		} else if (at < end) {
			luaL_addchar(&out, *at++);
		} else {
			break;
		}
		if (anchor)
			break;
	}
	luaL_addlstring(&out, at, (size_t)(end - at));
	luaL_pushresult(&out);
	lua_pushinteger(L, n);
	return 2;
}

void script_pattern_open(lua_State *L) {
	static const luaL_Reg functions[] = {
		{"find", string_find},
		{"gmatch", string_gmatch},
		{"gsub", string_gsub},
		{"match", string_match},
		{NULL, NULL},
	};
	luaL_setfuncs(L, functions, 0);
}
