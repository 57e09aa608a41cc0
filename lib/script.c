// SPDX-License-Identifier: BSD-3-Clause
#include "lib/script.h"
#include "lib/clock.h"
#include "lib/script_priv.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_INSTRUCTIONS (100 * 1000 * 1000ull)
#define DEFAULT_MEMORY_BYTES (256u << 20)
#define DEFAULT_SOURCE_BYTES (4u << 20)

#define HOOK_EVERY        100  // instructions
#define BYTES_INSTRUCTION 64   // allocating so many bytes costs as much as one instruction
#define GC_BYTES          16   // marking so many bytes does
#define BIG_ALLOCATION    4096 // the budget is checked before one of these, not at the next hook
#define LINK_BYTES        sizeof(void *)
// Ten times what instructions take on a slow machine: met only by what is slow without being
// counted.
#define DEADLINE_BASE_NS        (1 * NSEC_PER_SEC)
#define DEADLINE_INSTRUCTION_NS 100

struct script *script_of(lua_State *L) {
	return *(struct script **)lua_getextraspace(L);
}

// ---- limits ------------------------------------------------------------------------------------------

// The innermost line of the script that runs. Safe inside the allocator: allocates nothing.
static void script_mark_where(struct script *s) {
	lua_Debug ar;
	s->where[0] = '\0';
	for (int level = 0; s->L && level < 64 && lua_getstack(s->L, level, &ar); level++) {
		if (lua_getinfo(s->L, "Sl", &ar) && ar.currentline > 0) {
			snprintf(s->where, sizeof(s->where), "%s:%d", ar.short_src, ar.currentline);
			return;
		}
	}
}

static bool script_overdue(const struct script *s) {
	return clock_now_ns() > s->deadline_ns;
}

static void script_hook(lua_State *L, lua_Debug *ar) {
	struct script *s = script_of(L);
	s->spent += HOOK_EVERY;
	if (s->failed)
		script_throw(L, s->failed);
	if (s->spent > s->budget)
		script_throw(L, -ETIME);
	if (script_overdue(s))
		script_throw(L, -EDEADLK);
}

int script_throw(lua_State *L, int rc) {
	struct script *s = script_of(L);
	if (s->failed == 0) {
		s->failed = rc;
		if (rc != -ENOMEM || s->where[0] == '\0')
			script_mark_where(s);
		// From now on each instruction throws: no pcall gets anywhere.
		lua_sethook(L, script_hook, LUA_MASKCOUNT, 1);
	}
	lua_pushnil(L);
	lua_error(L);
	abort();
}

void script_charge(lua_State *L, uint64_t cost) {
	struct script *s = script_of(L);
	s->spent += cost;
	if (s->failed)
		script_throw(L, s->failed);
	if (s->spent > s->budget)
		script_throw(L, -ETIME);
	if (cost > HOOK_EVERY && script_overdue(s))
		script_throw(L, -EDEADLK);
}

// A block of the heap can be given up where nothing may be freed: it becomes a link of a list then.
static void *heap_move(void *block, size_t bytes) {
	return realloc(block, bytes < LINK_BYTES ? LINK_BYTES : bytes);
}

static void block_free(struct script *s, void *block, size_t bytes) {
	if (arena_has(&s->arena, block)) {
		arena_free(&s->arena, block, bytes);
	} else if (s->arena.memory && block) {
		*(void **)block = s->limbo;
		s->limbo = block;
	} else {
		free(block);
	}
}

static void *arena_move(struct script *s, void *block, size_t old, size_t bytes) {
	bool in_arena = block && arena_has(&s->arena, block);
	if (block && bytes <= old) {
		if (in_arena)
			arena_shrink(&s->arena, block, old, bytes);
		return block;
	}
	if (in_arena && arena_fits(old, bytes))
		return block;
	void *grown = arena_alloc(&s->arena, bytes);
	if (grown && block) {
		memcpy(grown, block, old);
		block_free(s, block, old);
	}
	return grown;
}

// NULL makes Lua collect garbage and ask once more before it throws. Shrinking never fails.
static void *script_alloc(void *arg, void *block, size_t old_bytes, size_t bytes) {
	struct script *s = arg;
	size_t old = block ? old_bytes : 0; // without a block it is the type of the new object
	if (bytes == 0) {
		block_free(s, block, old);
		s->used_bytes -= old;
		return NULL;
	}
	if (bytes > old) {
		s->spent += bytes / BYTES_INSTRUCTION;
		if (bytes - old > s->cap_bytes - s->used_bytes || s->used_bytes > s->cap_bytes) {
			s->spent += s->used_bytes / GC_BYTES;
			script_mark_where(s);
			return NULL;
		}
		if (bytes > BIG_ALLOCATION && s->spent > s->budget && s->failed == 0) {
			s->failed = -ETIME;
			script_mark_where(s);
		}
		if (bytes > BIG_ALLOCATION && s->failed)
			return NULL;
	}
	void *grown = s->arena.memory ? arena_move(s, block, old, bytes) : heap_move(block, bytes);
	if (grown)
		s->used_bytes += bytes - old;
	else
		s->spent += s->used_bytes / GC_BYTES;
	return grown;
}

// "100 M", "20 k", "123"
static const char *count_print(uint64_t n, char buf[static 32]) {
	if (n >= 1000000 && n % 1000000 == 0)
		snprintf(buf, 32, "%llu M", (unsigned long long)n / 1000000);
	else if (n >= 1000 && n % 1000 == 0)
		snprintf(buf, 32, "%llu k", (unsigned long long)n / 1000);
	else
		snprintf(buf, 32, "%llu", (unsigned long long)n);
	return buf;
}

static const char *size_print(size_t bytes, char buf[static 32]) {
	if (bytes % (1u << 20) == 0)
		snprintf(buf, 32, "%zu MiB", bytes >> 20);
	else
		snprintf(buf, 32, "%zu KiB", (bytes + 1023) >> 10);
	return buf;
}

static int limit_report(const struct script *s, struct err *err) {
	char text[32];
	const char *colon = s->where[0] ? ": " : "";
	switch (s->failed) {
	case -ETIME:
		return err_set(err, -ETIME,
			"%s%s%s used more than %s instructions: an endless loop?", s->where, colon,
			s->noun, count_print(s->budget, text));
	case -EDEADLK:
		return err_set(err, -ETIME,
			"%s%s%s ran for too long: an endless loop, or work on huge strings?",
			s->where, colon, s->noun);
	default:
		return err_set(err, -ENOMEM, "%s%s%s needs more than %s of memory", s->where, colon,
			s->noun, size_print(s->cap_bytes, text));
	}
}

// ---- running -----------------------------------------------------------------------------------------

static const char *file_source(const struct script *s, const char *name, size_t *len) {
	const json_t *file = json_object_get(s->files, name);
	*len = json_string_length(file);
	return json_string_value(file);
}

// Does an error message begin with "folder/file:"? Lua shortens long names from the left.
static bool names_file(const struct script *s, const char *text) {
	const char *name;
	json_t *source;
	size_t folder_len = strlen(s->folder);
	if (strncmp(text, "...", 3) == 0)
		return true;
	if (strncmp(text, s->folder, folder_len) != 0)
		return false;
	text += folder_len + (folder_len > 0 && text[folder_len] == '/');
	json_object_foreach (s->files, name, source) {
		size_t len = strlen(name);
		if (strncmp(text, name, len) == 0 && text[len] == ':')
			return true;
	}
	return false;
}

void script_load(lua_State *L, const char *name) {
	struct script *s = script_of(L);
	size_t len;
	const char *source = file_source(s, name, &len);
	const char *slash = s->folder[0] ? "/" : "";
	if (source == NULL)
		luaL_error(L, "there is no readable file %s%s%s", s->folder, slash, name);
	script_charge(L, len / 4);
	const char *chunk = lua_pushfstring(L, "@%s%s%s", s->folder, slash, name);
	int status = luaL_loadbufferx(L, source, len, chunk, "t");
	lua_remove(L, -2);
	if (s->failed)
		script_throw(L, s->failed);
	if (status == LUA_ERRMEM)
		script_throw(L, -ENOMEM);
	if (status == LUA_OK)
		return;
	// "C stack overflow" of the parser has no position
	if (!names_file(s, lua_tostring(L, -1)))
		lua_pushfstring(L, "%s%s%s: %s (nested too deep?)", s->folder, slash, name,
			lua_tostring(L, -1));
	lua_error(L);
}

static int job_main(lua_State *L, const char *name) {
	const struct script *s = script_of(L);
	script_load(L, name);
	lua_call(L, 0, 1);
	if (lua_istable(L, -1))
		return 0;
	return luaL_error(L,
		"%s%s%s: must return a table, but returns %s; end it with `return { ... }`",
		s->folder, s->folder[0] ? "/" : "", name,
		lua_isnil(L, -1) ? "nothing" : luaL_typename(L, -1));
}

static int job_run(lua_State *L) {
	struct script_job *job = lua_touserdata(L, 1);
	if (job->main) {
		job_main(L, job->main);
	} else {
		script_push_function(L, job->ref);
		if (job->class)
			script_object_push(L, job->class, job->object);
		else
			script_push(L, job->arg);
		lua_call(L, 1, 1);
	}
	job->rc = job->class ? script_answer(L, job)
			     : script_tree(L, job->main != NULL, &job->tree, job->err);
	return 0;
}

// Runs before the stack is unwound, without the hook: plain C, short. An error from a library
// function that C called carries no position: it gets that of the line that runs.
static int job_message(lua_State *L) {
	struct script *s = script_of(L);
	if (s->failed)
		return 1;
	script_mark_where(s);
	const char *text = lua_tostring(L, -1), *colon = s->where[0] ? ": " : "";
	if (text == NULL)
		lua_pushfstring(L, "%s%san error that is not text but a %s", s->where, colon,
			luaL_typename(L, -1));
	else if (!names_file(s, text))
		lua_pushfstring(L, "%s%s%s", s->where, colon, text);
	return 1;
}

int script_do(
	struct script *s, struct script_job *job, uint64_t instructions, uint64_t deadline_ns) {
	lua_State *L = s->L;
	s->budget = instructions;
	s->spent = 0;
	s->failed = 0;
	s->where[0] = '\0';
	s->deadline_ns = clock_now_ns() + deadline_ns + instructions * DEADLINE_INSTRUCTION_NS;
	lua_settop(L, 0);
	lua_sethook(L, script_hook, LUA_MASKCOUNT, HOOK_EVERY);
	lua_pushcfunction(L, job_message);
	lua_pushcfunction(L, job_run);
	lua_pushlightuserdata(L, job);
	int status = lua_pcall(L, 1, 0, 1), rc = job->rc;
	if (status == LUA_ERRMEM && s->failed == 0)
		s->failed = -ENOMEM;
	if (s->failed)
		rc = limit_report(s, job->err);
	else if (status != LUA_OK)
		rc = err_set(job->err, -EINVAL, "%s", lua_tostring(L, -1));
	lua_settop(L, 0);
	if (rc < 0) {
		json_decref(job->tree);
		job->tree = NULL;
	}
	return rc;
}

static int script_open(struct script *s, struct err *err) {
	s->budget = UINT64_MAX;
	s->deadline_ns = UINT64_MAX;
	s->L = lua_newstate(script_alloc, s);
	if (s->L == NULL)
		return limit_report(s, err);
	*(struct script **)lua_getextraspace(s->L) = s;
	lua_pushcfunction(s->L, script_lib_open);
	if (lua_pcall(s->L, 0, 0, 0) != LUA_OK)
		return limit_report(s, err);
	return 0;
}

// A bundle may come from the network: its shape is checked, and nothing in it is a path.
static int bundle_check(const json_t *bundle, size_t most_bytes, struct err *err) {
	const char *main = json_string_value(json_object_get(bundle, "main")), *name;
	const json_t *files = json_object_get(bundle, "files");
	const json_t *folder = json_object_get(bundle, "folder");
	json_t *source;
	char text[32];
	size_t bytes = 0;
	if (main == NULL || !json_is_object(files) || (folder && !json_is_string(folder)))
		return err_set(
			err, -EINVAL, "a bundle is {\"main\": NAME, \"files\": {NAME: TEXT, ...}}");
	if (json_object_get(files, main) == NULL)
		return err_set(
			err, -EINVAL, "the bundle's main file %s is not among its files", main);
	json_object_foreach ((json_t *)files, name, source) {
		if (!json_is_string(source))
			return err_set(err, -EINVAL, "the bundle's file %s is not text", name);
		bytes += json_string_length(source);
	}
	if (bytes > most_bytes)
		return err_set(err, -EINVAL,
			"the bundle's files are larger than %s together: the configuration's "
			"folder "
			"should hold nothing else",
			size_print(most_bytes, text));
	return 0;
}

static struct script *script_new(const json_t *bundle, const struct script_limits *limits) {
	struct script *s = calloc(1, sizeof(*s));
	const char *folder = json_string_value(json_object_get(bundle, "folder"));
	if (s == NULL)
		return NULL;
	s->folder = strdup(folder ? folder : "");
	s->bundle = json_incref((json_t *)bundle);
	s->files = json_object_get(bundle, "files");
	s->noun = "the configuration";
	if (limits)
		s->limits = *limits;
	s->cap_bytes = limits && limits->memory_bytes ? limits->memory_bytes : DEFAULT_MEMORY_BYTES;
	if (s->folder == NULL) {
		script_free(s);
		return NULL;
	}
	return s;
}

void script_free(struct script *script) {
	if (script == NULL)
		return;
	if (script->L)
		lua_close(script->L);
	for (void *block = script->limbo; block;) {
		void *next = *(void **)block;
		free(block);
		block = next;
	}
	arena_fini(&script->arena);
	json_decref(script->tree);
	json_decref(script->bundle);
	free(script->folder);
	free(script);
}

int script_run(const json_t *bundle, const struct script_limits *limits, struct script **script,
	json_t **tree, struct err *err) {
	uint64_t instructions =
		limits && limits->instructions ? limits->instructions : DEFAULT_INSTRUCTIONS;
	size_t most_bytes =
		limits && limits->source_bytes ? limits->source_bytes : DEFAULT_SOURCE_BYTES;
	int rc = bundle_check(bundle, most_bytes, err);
	if (rc < 0)
		return rc;
	struct script *s = script_new(bundle, limits);
	if (s == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	struct script_job job = {
		.main = json_string_value(json_object_get(bundle, "main")), .err = err};
	rc = script_open(s, err);
	if (rc == 0)
		rc = script_do(s, &job, instructions, DEADLINE_BASE_NS);
	if (rc < 0) {
		script_free(s);
		return rc;
	}
	*script = s;
	*tree = job.tree;
	s->tree = json_incref(job.tree);
	return 0;
}

int script_call(struct script *script, int ref, const json_t *arg, uint64_t instructions,
	json_t **result, struct err *err) {
	struct script_job job = {.ref = ref, .arg = arg, .err = err};
	if (ref < 1 || ref > script->functions)
		return err_set(err, -ENOENT, "the configuration has no function %d", ref);
	int rc = script_do(script, &job, instructions, DEADLINE_BASE_NS);
	if (rc == 0)
		*result = job.tree;
	return rc;
}
