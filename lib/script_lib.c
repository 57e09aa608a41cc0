// SPDX-License-Identifier: BSD-3-Clause
// The libraries of the sandbox: what is left of Lua's, and our own where Lua's would do unbounded work in one C
// call. Every function here costs at most what it charges, times a small constant.
#include "lib/script_priv.h"
#include <errno.h>
#include <lualib.h>
#include <string.h>

#define RANDOM_SEED 1   // same file, same tree
#define ERROR_COST  100 // of throwing and catching, in instructions

// ---- base --------------------------------------------------------------------------------------------

// Like Lua's, except that a limit is not an error that a script may catch.
static int call_protected(lua_State *L, int args) {
	struct script *s = script_of(L);
	int status = lua_pcall(L, args, LUA_MULTRET, 0);
	if (s->failed)
		script_throw(L, s->failed);
	if (status == LUA_ERRMEM)
		script_throw(L, -ENOMEM);
	if (status != LUA_OK)
		script_charge(L, ERROR_COST);
	return status;
}

static int base_pcall(lua_State *L) {
	luaL_checkany(L, 1);
	lua_pushboolean(L, true);
	lua_insert(L, 1);
	if (call_protected(L, lua_gettop(L) - 2) == LUA_OK)
		return lua_gettop(L);
	lua_pushboolean(L, false);
	lua_insert(L, -2);
	return 2;
}

// The handler runs after the stack is unwound: while it is not, Lua runs it without the count hook.
static int base_xpcall(lua_State *L) {
	luaL_checktype(L, 2, LUA_TFUNCTION);
	int args = lua_gettop(L) - 2;
	lua_pushvalue(L, 1);
	lua_insert(L, 3); // function, handler, function, arguments
	if (call_protected(L, args) == LUA_OK) {
		lua_pushboolean(L, true);
		lua_replace(L, 2);
		return lua_gettop(L) - 1;
	}
	lua_pushvalue(L, 2);
	lua_insert(L, -2);
	lua_call(L, 1, 1);
	lua_pushboolean(L, false);
	lua_insert(L, -2);
	return 2;
}

// Finalizers run without the count hook.
static int base_setmetatable(lua_State *L) {
	luaL_checktype(L, 1, LUA_TTABLE);
	if (lua_istable(L, 2)) {
		lua_pushliteral(L, "__gc");
		if (lua_rawget(L, 2) != LUA_TNIL)
			return luaL_error(L, "a configuration has no finalizers (__gc)");
		lua_pop(L, 1);
	}
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

// Upvalue: a C function whose work grows with its arguments.
static int call_charged(lua_State *L) {
	int top = lua_gettop(L);
	uint64_t cost = (uint64_t)top;
	for (int i = 1; i <= top; i++)
		if (lua_type(L, i) == LUA_TSTRING)
			cost += lua_rawlen(L, i) / 16;
	script_charge(L, cost);
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

// Numbers, then strings, then the rest.
static int key_rank(lua_State *L, int i) {
	int type = lua_type(L, i);
	return type == LUA_TNUMBER ? 0 : type == LUA_TSTRING ? 1 : 2;
}

static int key_less(lua_State *L) {
	script_charge(L, 1);
	int a = key_rank(L, 1), b = key_rank(L, 2);
	lua_pushboolean(L, a == b ? a < 2 && lua_compare(L, 1, 2, LUA_OPLT) : a < b);
	return 1;
}

// Upvalues: the keys in order, the index of the last one given out. Arguments: the table, unless
// the script calls what pairs() gave it by hand.
static int pairs_next(lua_State *L) {
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_Integer i = lua_tointeger(L, lua_upvalueindex(2));
	lua_settop(L, 1);
	do {
		script_charge(L, 1);
		lua_settop(L, 1);
		if (lua_rawgeti(L, lua_upvalueindex(1), ++i) == LUA_TNIL)
			return 1;
		lua_pushvalue(L, -1);
	} while (lua_rawget(L, 1) == LUA_TNIL); // removed meanwhile
	lua_pushinteger(L, i);
	lua_replace(L, lua_upvalueindex(2));
	return 2;
}

// Lua's order changes from run to run. Here keys come sorted, so that the same file gives the same
// tree.
static int base_pairs(lua_State *L) {
	luaL_checkany(L, 1);
	if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
		lua_pushvalue(L, 1);
		lua_call(L, 1, 3);
		return 3;
	}
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_pushvalue(L, lua_upvalueindex(1)); // table.sort
	lua_newtable(L);
	lua_Integer n = 0;
	for (lua_pushnil(L); lua_next(L, 1); lua_rawseti(L, 3, ++n)) {
		script_charge(L, 1);
		lua_pop(L, 1);
		lua_pushvalue(L, -1);
	}
	lua_pushvalue(L, 3);
	lua_insert(L, 2); // table, keys, sort, keys
	lua_pushcfunction(L, key_less);
	lua_call(L, 2, 0);
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, pairs_next, 2);
	lua_pushvalue(L, 1);
	lua_pushnil(L);
	return 3;
}

static void check_module_name(lua_State *L, const char *name, size_t len) {
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	if (len == 0 || len > SCRIPT_NAME_MAX || strspn(name, letters) != len)
		luaL_error(L,
			"require \"%s\": a module's name is 1 to %d letters, digits, '_' or '-', "
			"and its file lies beside the configuration",
			name, SCRIPT_NAME_MAX);
}

// Upvalue: results by name; false while the module runs.
static int base_require(lua_State *L) {
	size_t len;
	const char *name = luaL_checklstring(L, 1, &len);
	check_module_name(L, name, len);
	if (script_of(L)->sealed)
		return luaL_error(L,
			"require \"%s\": not inside a policy; require it outside of the function",
			name);
	lua_settop(L, 1);
	lua_pushvalue(L, 1);
	if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TBOOLEAN && !lua_toboolean(L, -1))
		return luaL_error(
			L, "require \"%s\": this module is being read already (a circle)", name);
	if (!lua_isnil(L, -1))
		return 1;
	lua_pushvalue(L, 1);
	lua_pushboolean(L, false);
	lua_rawset(L, lua_upvalueindex(1));
	script_load(L, lua_pushfstring(L, "%s.lua", name));
	lua_pushvalue(L, 1);
	if (call_protected(L, 1) != LUA_OK) {
		lua_pushvalue(L, 1);
		lua_pushnil(L); // so that a second try is not told of a circle
		lua_rawset(L, lua_upvalueindex(1));
		return lua_error(L);
	}
	lua_settop(L, 4);            // one result
	if (!lua_toboolean(L, -1)) { // as in Lua: a module that returns nothing is `true`
		lua_pushboolean(L, true);
		lua_replace(L, -2);
	}
	lua_pushvalue(L, 1);
	lua_pushvalue(L, -2);
	lua_rawset(L, lua_upvalueindex(1));
	return 1;
}

// ---- string ------------------------------------------------------------------------------------------

// Lua's own loops n times, even when there is nothing to repeat. This one doubles what it has: its
// cost is the bytes, which the allocator charges for.
static int string_rep(lua_State *L) {
	size_t len, separator_len;
	const char *text = luaL_checklstring(L, 1, &len);
	lua_Integer n = luaL_checkinteger(L, 2);
	const char *separator = luaL_optlstring(L, 3, "", &separator_len);
	size_t unit = len + separator_len, total, have;
	if (n <= 0 || unit == 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	if ((lua_Unsigned)n > script_of(L)->cap_bytes / unit) {
		script_of(L)->where[0] = '\0';
		script_throw(L, -ENOMEM);
	}
	total = unit * (size_t)n - separator_len;
	luaL_Buffer out;
	char *bytes = luaL_buffinitsize(L, &out, total + separator_len);
	memcpy(bytes, text, len);
	memcpy(bytes + len, separator, separator_len);
	for (have = unit; have < total; have += have < total - have ? have : total - have)
		memcpy(bytes + have, bytes, have < total - have ? have : total - have);
	luaL_pushresultsize(&out, total);
	return 1;
}

// ---- table: raw access, so that no metamethod makes a range endless -------------------------------------

static lua_Integer check_table(lua_State *L) {
	luaL_checktype(L, 1, LUA_TTABLE);
	return (lua_Integer)lua_rawlen(L, 1);
}

// Number of elements first..last; throws when it is more than any table holds.
static lua_Integer check_range(lua_State *L, lua_Integer first, lua_Integer last) {
	if (first > last)
		return 0;
	lua_Unsigned n = (lua_Unsigned)last - (lua_Unsigned)first + 1;
	if (n == 0 || n > INT32_MAX)
		luaL_error(L, "the range %I..%I is too long", first, last);
	script_charge(L, n);
	return (lua_Integer)n;
}

// Moves t[from..from+n-1] to t[to...] of the table at `dst`, whichever way they overlap.
static void table_shift(lua_State *L, int dst, lua_Integer from, lua_Integer n, lua_Integer to) {
	bool up = to > from;
	for (lua_Integer k = 0; k < n; k++) {
		lua_Integer i = up ? n - 1 - k : k;
		lua_rawgeti(L, 1, from + i);
		lua_rawseti(L, dst, to + i);
	}
}

static int table_insert(lua_State *L) {
	lua_Integer n = check_table(L), at = n + 1;
	int args = lua_gettop(L);
	if (args != 2 && args != 3)
		return luaL_error(L, "wrong number of arguments to 'insert'");
	if (args == 3) {
		at = luaL_checkinteger(L, 2);
		luaL_argcheck(L, at >= 1 && at <= n + 1, 2, "position out of bounds");
		table_shift(L, 1, at, check_range(L, at, n), at + 1);
	}
	lua_settop(L, args);
	lua_rawseti(L, 1, at);
	return 0;
}

static int table_remove(lua_State *L) {
	lua_Integer n = check_table(L), at = luaL_optinteger(L, 2, n);
	luaL_argcheck(L, at == n || (at >= 1 && at <= n + 1), 2, "position out of bounds");
	lua_rawgeti(L, 1, at);
	table_shift(L, 1, at + 1, check_range(L, at + 1, n), at);
	lua_pushnil(L);
	lua_rawseti(L, 1, at < n ? n : at);
	return 1;
}

static int table_move(lua_State *L) {
	check_table(L);
	lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
	lua_Integer to = luaL_checkinteger(L, 4);
	int dst = lua_isnoneornil(L, 5) ? 1 : 5;
	luaL_checktype(L, dst, LUA_TTABLE);
	lua_Integer n = check_range(L, first, last);
	luaL_argcheck(L, n == 0 || to <= LUA_MAXINTEGER - n + 1, 4, "destination wrap around");
	table_shift(L, dst, first, n, to);
	lua_pushvalue(L, dst);
	return 1;
}

static int table_unpack(lua_State *L) {
	lua_Integer last = check_table(L), first = luaL_optinteger(L, 2, 1);
	last = luaL_optinteger(L, 3, last);
	lua_Integer n = check_range(L, first, last);
	if (!lua_checkstack(L, (int)n))
		return luaL_error(L, "too many results to unpack");
	for (lua_Integer i = 0; i < n; i++)
		lua_rawgeti(L, 1, first + i);
	return (int)n;
}

static int table_concat(lua_State *L) {
	lua_Integer last = check_table(L), first = luaL_optinteger(L, 3, 1);
	size_t separator_len;
	const char *separator = luaL_optlstring(L, 2, "", &separator_len);
	last = luaL_optinteger(L, 4, last);
	lua_Integer n = check_range(L, first, last);
	luaL_Buffer out;
	luaL_buffinit(L, &out);
	for (lua_Integer i = 0; i < n; i++) {
		if (i > 0)
			luaL_addlstring(&out, separator, separator_len);
		lua_rawgeti(L, 1, first + i);
		if (!lua_isstring(L, -1))
			return luaL_error(L,
				"invalid value (at index %I) in table for 'concat': a %s",
				first + i, luaL_typename(L, -1));
		luaL_addvalue(&out);
	}
	luaL_pushresult(&out);
	return 1;
}

// Comparing long strings is work too.
static int sort_less(lua_State *L) {
	script_charge(L, 1 + (lua_rawlen(L, 1) + lua_rawlen(L, 2)) / 16 * lua_isstring(L, 1));
	lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
	return 1;
}

// Upvalue: the script's own comparison, which may be a C function that no hook counts.
static int sort_call(lua_State *L) {
	script_charge(L, 1);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 2, 1);
	return 1;
}

static int table_sort(lua_State *L) {
	check_range(L, 1, check_table(L));
	if (lua_isnoneornil(L, 2)) {
		lua_settop(L, 1);
		lua_pushcfunction(L, sort_less);
	} else {
		luaL_checktype(L, 2, LUA_TFUNCTION);
		lua_settop(L, 2);
		lua_pushcclosure(L, sort_call, 1);
	}
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

// ---- opening -----------------------------------------------------------------------------------------

// What of Lua's own stays; the rest of a library, with what later versions may bring, goes.
static const char *const base_kept[] = {"assert", "error", "getmetatable", "ipairs", "next",
	"pairs", "pcall", "rawequal", "rawget", "rawlen", "rawset", "select", "setmetatable",
	"tonumber", "tostring", "type", "xpcall", "_G", "_VERSION", NULL};
static const char *const string_kept[] = {
	"byte", "char", "format", "len", "lower", "reverse", "sub", "upper", NULL};
static const char *const table_kept[] = {"pack", "sort", NULL};
static const char *const math_kept[] = {"abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp",
	"floor", "fmod", "huge", "log", "max", "maxinteger", "min", "mininteger", "modf", "pi",
	"rad", "random", "sin", "sqrt", "tan", "tointeger", "type", "ult", NULL};

// Replaces the function `name` of the table on top by `wrapper`, with the function as its upvalue.
static void wrap(lua_State *L, const char *name, lua_CFunction wrapper) {
	lua_getfield(L, -1, name);
	lua_pushcclosure(L, wrapper, 1);
	lua_setfield(L, -2, name);
}

// Pushes a library with only the fields in `kept`.
static void open_kept(lua_State *L, lua_CFunction open, const char *name, const char *const *kept) {
	lua_newtable(L);
	luaL_requiref(L, name, open, false);
	for (; *kept; kept++) {
		lua_getfield(L, -1, *kept);
		lua_setfield(L, -3, *kept);
	}
	lua_pop(L, 1);
}

// Makes the table on top the global table: functions opened so far see the old one nowhere.
static void open_base(lua_State *L) {
	static const luaL_Reg functions[] = {
		{"pcall", base_pcall},
		{"xpcall", base_xpcall},
		{NULL, NULL},
	};
	open_kept(L, luaopen_base, LUA_GNAME, base_kept);
	luaL_setfuncs(L, functions, 0);
	wrap(L, "setmetatable", base_setmetatable);
	wrap(L, "select", call_charged);
	wrap(L, "tonumber", call_charged);
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_setfield(L, LUA_REGISTRYINDEX, SCRIPT_MODULES);
	lua_pushcclosure(L, base_require, 1);
	lua_setfield(L, -2, "require");
	lua_pushvalue(L, -1);
	lua_setfield(L, -2, LUA_GNAME);
	lua_pushvalue(L, -1);
	lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}

// Strings share one metatable; the script may use its methods but not get hold of it.
static void open_string(lua_State *L) {
	static const char *const charged[] = {
		"byte", "char", "format", "lower", "reverse", "sub", "upper", NULL};
	open_kept(L, luaopen_string, LUA_STRLIBNAME, string_kept);
	for (const char *const *name = charged; *name; name++)
		wrap(L, *name, call_charged);
	lua_pushcfunction(L, string_rep);
	lua_setfield(L, -2, "rep");
	script_pattern_open(L);
	lua_pushliteral(L, "");
	lua_getmetatable(L, -1);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
}

static void open_table(lua_State *L) {
	static const luaL_Reg functions[] = {
		{"concat", table_concat},
		{"insert", table_insert},
		{"move", table_move},
		{"remove", table_remove},
		{"unpack", table_unpack},
		{NULL, NULL},
	};
	open_kept(L, luaopen_table, LUA_TABLIBNAME, table_kept);
	luaL_setfuncs(L, functions, 0);
	wrap(L, "sort", table_sort);
	wrap(L, "pack", call_charged);
}

static void open_math(lua_State *L) {
	luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, false);
	lua_getfield(L, -1, "randomseed");
	lua_pushinteger(L, RANDOM_SEED);
	lua_call(L, 1, 0);
	lua_newtable(L);
	for (const char *const *name = math_kept; *name; name++) {
		lua_getfield(L, -2, *name);
		lua_setfield(L, -2, *name);
	}
	lua_remove(L, -2);
}

int script_lib_open(lua_State *L) {
	open_base(L);
	open_string(L);
	lua_setfield(L, -2, LUA_STRLIBNAME);
	open_math(L);
	lua_setfield(L, -2, LUA_MATHLIBNAME);
	open_table(L);
	lua_getfield(L, -1, "sort");
	lua_pushcclosure(L, base_pairs, 1);
	lua_setfield(L, -3, "pairs");
	lua_setfield(L, -2, LUA_TABLIBNAME);
	lua_pushnil(L);
	lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	return 0;
}
