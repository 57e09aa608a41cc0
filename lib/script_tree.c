// SPDX-License-Identifier: BSD-3-Clause
// Lua values ↔ JSON. Everything made is hung into the tree at once: when Lua throws (its memory is capped), the
// owner of the root frees it all.
#include "lib/script_priv.h"
#include "lib/text.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS "leat.functions" // registry: number → function, function → number

// What a node costs in jansson's memory, roughly: the tree counts against the script's cap.
#define OBJECT_BYTES 320
#define ARRAY_BYTES  160
#define MEMBER_BYTES 96

struct walk {
	lua_State *L;
	struct script *script;
	struct err *err;
	bool keep_functions;
	json_t **root;
	size_t bytes;
	unsigned depth;
	const void *above[SCRIPT_DEPTH_MAX]; // tables on the way down: a second meeting is a circle
	size_t path_len;
	char path[512];
};

// Where a value goes: a member of an object (key), an element of an array, or the root.
struct slot {
	json_t *parent; // NULL: root
	const char *key;
};

static int walk_value(struct walk *w, const struct slot *slot);

static int refuse(struct walk *w, const char *what) {
	if (w->path[0])
		return err_at(w->err, w->path, "%s", what);
	return err_set(w->err, -EINVAL, "the returned value: %s", what);
}

static int refuse_kind(struct walk *w, const char *kind) {
	char text[128];
	snprintf(text, sizeof(text),
		"a value of type %s; a configuration holds tables, strings, numbers, booleans and "
		"functions",
		kind);
	return refuse(w, text);
}

static size_t path_push_key(struct walk *w, const char *key) {
	size_t before = w->path_len, room = sizeof(w->path) - before;
	bool plain = key[0] && strpbrk(key, ".[]\"' ") == NULL;
	const char *fmt = plain ? (before ? ".%s" : "%s") : "[\"%s\"]";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(w->path + before, room, fmt, key);
#pragma GCC diagnostic pop
	w->path_len += strlen(w->path + before);
	return before;
}

static size_t path_push_index(struct walk *w, lua_Integer i) {
	size_t before = w->path_len;
	snprintf(w->path + before, sizeof(w->path) - before, "[%lld]", (long long)i);
	w->path_len += strlen(w->path + before);
	return before;
}

static void path_cut(struct walk *w, size_t len) {
	w->path_len = len;
	w->path[len] = '\0';
}

// Hangs `value` (stolen) into its place.
static int hang(struct walk *w, const struct slot *slot, json_t *value, size_t bytes) {
	int rc = 0;
	w->bytes += bytes + MEMBER_BYTES;
	if (value == NULL || w->bytes > w->script->cap_bytes) {
		json_decref(value);
		w->script->failed = -ENOMEM;
		return -ENOMEM;
	}
	if (slot->parent == NULL)
		*w->root = value;
	else if (slot->key)
		rc = json_object_set_new(slot->parent, slot->key, value);
	else
		rc = json_array_append_new(slot->parent, value);
	return rc < 0 ? -ENOMEM : 0;
}

static bool is_text(const char *bytes, size_t len) {
	for (size_t i = 0; i < len;) {
		size_t n = text_utf8_len(bytes + i, len - i);
		if (n == 0 || bytes[i] == '\0')
			return false;
		i += n;
	}
	return true;
}

static int walk_string(struct walk *w, const struct slot *slot) {
	size_t len;
	const char *bytes = lua_tolstring(w->L, -1, &len);
	if (!is_text(bytes, len))
		return refuse(w, "a string that is not UTF-8 text without NUL bytes");
	return hang(w, slot, json_stringn_nocheck(bytes, len), len);
}

// What Lua computes as 10 / 2 is 5.0: whole numbers are integers, however they came about.
static int walk_number(struct walk *w, const struct slot *slot) {
	lua_Number number = lua_tonumber(w->L, -1);
	if (lua_isinteger(w->L, -1))
		return hang(w, slot, json_integer(lua_tointeger(w->L, -1)), 0);
	if (isnan(number) || isinf(number))
		return refuse(
			w, isnan(number) ? "not a number (0/0?)" : "an infinite number (1/0?)");
	if (number == floor(number) && fabs(number) <= 0x1p53)
		return hang(w, slot, json_integer((json_int_t)number), 0);
	return hang(w, slot, json_real(number), 0);
}

static int walk_function(struct walk *w, const struct slot *slot) {
	lua_State *L = w->L;
	if (!w->keep_functions)
		return refuse(w, "a function; only the configuration itself may hold functions");
	if (lua_getfield(L, LUA_REGISTRYINDEX, FUNCTIONS) != LUA_TTABLE) {
		lua_pop(L, 1);
		lua_newtable(L);
		lua_pushvalue(L, -1);
		lua_setfield(L, LUA_REGISTRYINDEX, FUNCTIONS);
	}
	lua_pushvalue(L, -2);
	if (lua_rawget(L, -2) == LUA_TNIL) {
		int ref = ++w->script->functions;
		lua_pushvalue(L, -3);
		lua_rawseti(L, -3, ref);
		lua_pushvalue(L, -3);
		lua_pushinteger(L, ref);
		lua_rawset(L, -4);
		lua_pushinteger(L, ref);
		lua_replace(L, -2);
	}
	json_int_t ref = lua_tointeger(L, -1);
	lua_pop(L, 2);
	return hang(w, slot, json_pack("{s:I}", "$function", ref), OBJECT_BYTES);
}

void script_push_function(lua_State *L, int ref) {
	if (lua_getfield(L, LUA_REGISTRYINDEX, FUNCTIONS) == LUA_TTABLE)
		lua_rawgeti(L, -1, ref);
	else
		lua_pushnil(L);
	lua_remove(L, -2);
}

// ---- tables ------------------------------------------------------------------------------------------

struct key {
	const char *text; // a string key, held by its table; NULL: a number
	size_t len;
	lua_Integer number;
};

struct keys {
	size_t n, strings;
	size_t in_sequence; // numbers within 1..n
	struct key items[];
};

static int key_cmp(const void *a, const void *b) {
	const struct key *x = a, *y = b;
	if (x->text && y->text)
		return strcmp(x->text, y->text);
	return x->number < y->number ? -1 : x->number > y->number;
}

static int key_read(struct walk *w, int index, struct key *key) {
	lua_State *L = w->L;
	*key = (struct key){0};
	if (lua_type(L, index) == LUA_TSTRING) {
		key->text = lua_tolstring(L, index, &key->len);
		if (!is_text(key->text, key->len))
			return refuse(w, "a key that is not UTF-8 text without NUL bytes");
		if (key->text[0] == '$')
			return refuse(w, "a key that begins with '$': these are reserved");
		return 0;
	}
	if (lua_isinteger(L, index)) {
		key->number = lua_tointeger(L, index);
		return 0;
	}
	char text[96];
	snprintf(text, sizeof(text), "a key of type %s; keys are names or whole numbers",
		lua_isnumber(L, index) ? "fraction" : luaL_typename(L, index));
	return refuse(w, text);
}

// Pushes a userdata (freed by Lua, whatever happens) that holds the sorted keys of the table on
// top.
static int keys_read(struct walk *w, struct keys **out) {
	lua_State *L = w->L;
	size_t n = 0;
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
		n++;
	script_charge(L, n);
	struct keys *keys = lua_newuserdatauv(L, sizeof(*keys) + n * sizeof(keys->items[0]), 0);
	*keys = (struct keys){0};
	for (lua_pushnil(L); lua_next(L, -3); lua_pop(L, 1)) {
		struct key *key = &keys->items[keys->n++];
		int rc = key_read(w, -2, key);
		if (rc < 0) {
			lua_pop(L, 2);
			return rc;
		}
		keys->strings += key->text != NULL;
		keys->in_sequence +=
			!key->text && key->number >= 1 && key->number <= (lua_Integer)n;
	}
	if (keys->strings == 0 || keys->strings == n)
		qsort(keys->items, n, sizeof(keys->items[0]), key_cmp);
	*out = keys;
	return 0;
}

static int refuse_mixed(struct walk *w, const struct keys *keys) {
	char text[256];
	if (keys->strings > 0)
		return refuse(w, "both names and numbers as keys; a table is a list or a map");
	lua_Integer hole = 1, first = keys->items[0].number;
	for (size_t i = 0; i < keys->n; i++)
		hole += keys->items[i].number == hole;
	snprintf(text, sizeof(text),
		"a list with a hole: there is [%lld] but no [%lld] (a misspelt variable is nil); a "
		"map by number has its keys as text, [\"%lld\"] = ...",
		(long long)(first < 1 ? first : keys->items[keys->n - 1].number), (long long)hole,
		(long long)first);
	return refuse(w, text);
}

// One element of the table below the keys on the stack.
static int walk_element(struct walk *w, const struct key *key, json_t *into) {
	lua_State *L = w->L;
	char digits[24];
	struct slot slot = {.parent = into, .key = key->text};
	size_t before;
	if (key->text) {
		lua_pushlstring(L, key->text, key->len);
		lua_rawget(L, -3);
		before = path_push_key(w, key->text);
	} else {
		lua_rawgeti(L, -2, key->number);
		before = path_push_index(w, key->number);
		snprintf(digits, sizeof(digits), "%lld", (long long)key->number);
		slot.key = json_is_object(into) ? digits : NULL;
	}
	w->bytes += key->len;
	int rc = walk_value(w, &slot);
	path_cut(w, before);
	lua_pop(L, 1);
	return rc;
}

static int walk_keys(struct walk *w, const struct slot *slot) {
	struct keys *keys = NULL;
	int rc = keys_read(w, &keys);
	if (rc < 0)
		return rc;
	bool list = keys->n > 0 && keys->in_sequence == keys->n;
	bool map = keys->strings == keys->n || (keys->strings == 0 && keys->in_sequence == 0);
	if (!list && !map)
		return refuse_mixed(w, keys);
	json_t *into = list ? json_array() : json_object();
	rc = hang(w, slot, into, list ? ARRAY_BYTES : OBJECT_BYTES);
	for (size_t i = 0; rc == 0 && i < keys->n; i++)
		rc = walk_element(w, &keys->items[i], into);
	return rc;
}

static int walk_table(struct walk *w, const struct slot *slot) {
	const void *self = lua_topointer(w->L, -1);
	for (unsigned i = 0; i < w->depth; i++)
		if (w->above[i] == self)
			return refuse(w, "a table that contains itself");
	if (w->depth == SCRIPT_DEPTH_MAX)
		return refuse(w, "tables nested more than 32 deep");
	luaL_checkstack(w->L, 8, NULL);
	w->above[w->depth++] = self;
	int top = lua_gettop(w->L);
	int rc = walk_keys(w, slot);
	lua_settop(w->L, top);
	w->depth--;
	return rc;
}

static int walk_value(struct walk *w, const struct slot *slot) {
	switch (lua_type(w->L, -1)) {
	case LUA_TNIL:
		return hang(w, slot, json_null(), 0);
	case LUA_TBOOLEAN:
		return hang(w, slot, json_boolean(lua_toboolean(w->L, -1)), 0);
	case LUA_TNUMBER:
		return walk_number(w, slot);
	case LUA_TSTRING:
		return walk_string(w, slot);
	case LUA_TFUNCTION:
		return walk_function(w, slot);
	case LUA_TTABLE:
		return walk_table(w, slot);
	default:
		return refuse_kind(w, luaL_typename(w->L, -1));
	}
}

int script_tree(lua_State *L, bool keep, json_t **tree, struct err *err) {
	struct walk w = {
		.L = L, .script = script_of(L), .err = err, .keep_functions = keep, .root = tree};
	return walk_value(&w, &(struct slot){0});
}

// ---- the other way -----------------------------------------------------------------------------------

static void push_object(lua_State *L, const json_t *object) {
	const char *key;
	json_t *item;
	lua_createtable(L, 0, (int)json_object_size(object));
	json_object_foreach ((json_t *)object, key, item) {
		script_push(L, item);
		lua_setfield(L, -2, key);
	}
}

static void push_array(lua_State *L, const json_t *array) {
	size_t i;
	json_t *item;
	lua_createtable(L, (int)json_array_size(array), 0);
	json_array_foreach (array, i, item) {
		script_push(L, item);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

// jansson's parser limits depth to 2048, and Lua's stack is checked: depth costs only C stack.
void script_push(lua_State *L, const json_t *value) {
	luaL_checkstack(L, 4, "the argument is nested too deep");
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		push_object(L, value);
		break;
	case JSON_ARRAY:
		push_array(L, value);
		break;
	case JSON_STRING:
		lua_pushlstring(L, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		lua_pushinteger(L, json_integer_value(value));
		break;
	case JSON_REAL:
		lua_pushnumber(L, json_real_value(value));
		break;
	case JSON_NULL:
		lua_pushnil(L);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		lua_pushboolean(L, json_is_true(value));
		break;
	}
}
