// SPDX-License-Identifier: BSD-3-Clause
// Policies: forks of a script, the objects that functions are given, and the question.
#include "lib/clock.h"
#include "lib/script_priv.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ASK_DEADLINE_NS \
	(50 * NSEC_PER_MSEC) // for what is slow without being counted; a thread may lose its CPU for a while
#define ACCESS_COST 5 // of a field, in instructions

// ---- objects ---------------------------------------------------------------------------------------------

// One per class and state. `object` is there only while a function runs.
struct object {
	const void *object;
};

static const void *object_of(lua_State *L, int index, const char *name) {
	const struct object *o = lua_touserdata(L, index);
	if (o->object == NULL)
		luaL_error(L, "%s is gone: it lasts as long as the call that it is given to", name);
	return o->object;
}

// Upvalues: name → field (light userdata) or method (function); the class.
static int object_index(lua_State *L) {
	const struct script_class *class = lua_touserdata(L, lua_upvalueindex(2));
	script_charge(L, ACCESS_COST);
	lua_settop(L, 2);
	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TFUNCTION)
		return 1;
	const struct script_member *member = lua_touserdata(L, -1);
	if (member == NULL)
		return luaL_error(L, "%s has no \"%s\"", class->name, lua_tostring(L, 2));
	const void *object = object_of(L, 1, class->name);
	member->get((struct script_frame *)L, object);
	return 1;
}

// Upvalues: the method, the object itself, the class.
static int object_method(lua_State *L) {
	const struct script_member *member = lua_touserdata(L, lua_upvalueindex(1));
	const struct script_class *class = lua_touserdata(L, lua_upvalueindex(3));
	script_charge(L, ACCESS_COST);
	if (!lua_rawequal(L, 1, lua_upvalueindex(2)))
		return luaL_error(L, "write %s:%s(%s), with a colon", class->name, member->name,
			member->args);
	const void *object = object_of(L, 1, class->name);
	member->get((struct script_frame *)L, object);
	return 1;
}

static int object_newindex(lua_State *L) {
	return luaL_error(L, "what a policy is given cannot be changed");
}

// Argument: the class. Registers its object.
static int object_open(lua_State *L) {
	const struct script_class *class = lua_touserdata(L, 1);
	struct object *o = lua_newuserdatauv(L, sizeof(*o), 0);
	o->object = NULL;
	lua_newtable(L); // the metatable
	lua_newtable(L); // members
	for (const struct script_member *m = class->members; m->name; m++) {
		lua_pushlightuserdata(L, (void *)(uintptr_t)m);
		if (m->args) {
			lua_pushvalue(L, 2);
			lua_pushvalue(L, 1);
			lua_pushcclosure(L, object_method, 3);
		}
		lua_setfield(L, -2, m->name);
	}
	lua_pushvalue(L, 1);
	lua_pushcclosure(L, object_index, 2);
	lua_setfield(L, 3, "__index");
	lua_pushcfunction(L, object_newindex);
	lua_setfield(L, 3, "__newindex");
	lua_pushboolean(L, false);
	lua_setfield(L, 3, "__metatable");
	lua_setmetatable(L, 2);
	lua_rawsetp(L, LUA_REGISTRYINDEX, class);
	return 0;
}

void script_object_push(lua_State *L, const struct script_class *class, void *object) {
	lua_rawgetp(L, LUA_REGISTRYINDEX, class);
	struct object *o = lua_touserdata(L, -1);
	if (o == NULL)
		luaL_error(L, "there is no object of class %s", class->name);
	else
		o->object = object;
}

void script_object_close(lua_State *L, const struct script_class *class) {
	lua_rawgetp(L, LUA_REGISTRYINDEX, class);
	struct object *o = lua_touserdata(L, -1);
	if (o)
		o->object = NULL;
	lua_pop(L, 1);
}

// ---- what get() may use ------------------------------------------------------------------------------------

void script_give_text(struct script_frame *frame, const char *text) {
	lua_pushstring((lua_State *)frame, text);
}

void script_give_integer(struct script_frame *frame, int64_t number) {
	lua_pushinteger((lua_State *)frame, number);
}

void script_give_bool(struct script_frame *frame, bool value) {
	lua_pushboolean((lua_State *)frame, value);
}

// Of a method the object itself is the first.
const char *script_arg_text(struct script_frame *frame, int arg, size_t *len) {
	return luaL_checklstring((lua_State *)frame, arg + 1, len);
}

int64_t script_arg_integer(struct script_frame *frame, int arg) {
	return luaL_checkinteger((lua_State *)frame, arg + 1);
}

void script_fail(struct script_frame *frame, const char *fmt, ...) {
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	luaL_error((lua_State *)frame, "%s", text);
	__builtin_unreachable();
}

// ---- forks ---------------------------------------------------------------------------------------------------

static int modules_forget(lua_State *L) {
	lua_getfield(L, LUA_REGISTRYINDEX, SCRIPT_MODULES);
	for (lua_pushnil(L); lua_next(L, -2);) {
		lua_pop(L, 1);
		lua_pushvalue(L, -1);
		lua_pushnil(L);
		lua_rawset(L, -4);
	}
	return 0;
}

static int call(struct script *s, lua_CFunction fn, const void *arg) {
	lua_settop(s->L, 0);
	lua_pushcfunction(s->L, fn);
	lua_pushlightuserdata(s->L, (void *)(uintptr_t)arg);
	int status = lua_pcall(s->L, 1, 0, 0);
	lua_settop(s->L, 0);
	return status == LUA_OK ? 0 : -ENOMEM;
}

// Nothing of what only the reading of the configuration needed stays.
static int settle(
	struct script *s, const struct script_class *const *classes, size_t room, struct err *err) {
	int rc = 0;
	s->sealed = true;
	s->noun = "the policy";
	s->budget = s->deadline_ns = UINT64_MAX;
	s->spent = 0;
	lua_sethook(s->L, NULL, 0, 0);
	rc = call(s, modules_forget, NULL);
	for (; rc == 0 && *classes; classes++)
		rc = call(s, object_open, *classes);
	if (rc < 0)
		return err_set(err, rc, "out of memory for a policy");
	lua_gc(s->L, LUA_GCCOLLECT);
	if (room == 0)
		return 0;
	if (s->used_bytes > SCRIPT_KEEP_BYTES)
		return err_set(err, -EFBIG,
			"the functions of the configuration hold on to %zu MiB, more than the %u "
			"that packet workers keep for them; put large tables into `sets`",
			s->used_bytes >> 20, SCRIPT_KEEP_BYTES >> 20);
	if (arena_init(&s->arena, room + 2 * s->used_bytes) < 0)
		return err_set(err, -ENOMEM, "out of memory for a policy");
	s->cap_bytes = s->used_bytes + arena_bytes(&s->arena);
	return 0;
}

int script_fork(const struct script *script, const struct script_class *const *classes,
	size_t arena_bytes, struct script **fork, struct err *err) {
	struct script *s = NULL;
	json_t *tree = NULL;
	int rc = script_run(script->bundle, &script->limits, &s, &tree, err);
	if (rc < 0)
		return rc;
	if (!json_equal(tree, script->tree))
		rc = err_set(err, -EINVAL,
			"the configuration returns something else each time that it is read, so "
			"that its functions cannot be told apart; does it print an address, as "
			"tostring({}) does?");
	json_decref(tree);
	json_decref(s->tree);
	s->tree = NULL;
	if (rc == 0)
		rc = settle(s, classes, arena_bytes, err);
	if (rc == 0)
		*fork = s;
	else
		script_free(s);
	return rc;
}

// ---- the question ----------------------------------------------------------------------------------------------

int script_answer(lua_State *L, struct script_job *job) {
	const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
	char known[128] = "";
	int n = 0;
	for (; job->words[n]; n++) {
		size_t at = strlen(known);
		if (text && strcmp(text, job->words[n]) == 0)
			break;
		snprintf(known + at, sizeof(known) - at, "\"%s\", ", job->words[n]);
	}
	job->answer = n;
	if (lua_isnil(L, -1) || job->words[n])
		return 0;
	if (text)
		return err_set(job->err, -EINVAL,
			"the policy returns \"%.40s\"; it may return %sor nil", text, known);
	return err_set(job->err, -EINVAL, "the policy returns a %s; it may return %sor nil",
		luaL_typename(L, -1), known);
}

int script_ask(struct script *fork, int ref, const struct script_class *class, const void *object,
	uint64_t instructions, const char *const *words, struct err *err) {
	struct script_job job = {.ref = ref,
		.class = class,
		.object = (void *)(uintptr_t)object,
		.words = words,
		.err = err};
	if (ref < 1 || ref > fork->functions)
		return err_set(err, -ENOENT, "the configuration has no function %d", ref);
	int rc = script_do(fork, &job, instructions, ASK_DEADLINE_NS);
	script_object_close(fork->L, class);
	return rc < 0 ? rc : job.answer;
}
