// SPDX-License-Identifier: BSD-3-Clause
// What the files of the sandbox share. Nobody else includes this.
//
// Two things bound a script: work and memory. Work is counted in instructions: the count hook adds
// those of the virtual machine; C functions whose cost depends on their arguments charge for it
// (script_charge), and the allocator charges for bytes. Once a limit is hit, `failed` is set and
// nothing in the script can catch the error any more.
#pragma once

#include "lib/arena.h"
#include "lib/script.h"
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#define SCRIPT_DEPTH_MAX 32 // of a tree, as in lib/schema.h
#define SCRIPT_NAME_MAX  64 // of a module's name, without ".lua"

struct script {
	lua_State *L;
	uint64_t budget, spent; // instructions of the call that runs
	uint64_t deadline_ns;   // a second guard, for what is slow without being counted
	size_t used_bytes, cap_bytes;
	int failed;      // -ETIME, -EDEADLK (overdue), -ENOMEM; 0: none
	char where[128]; // "file:line" at which a limit was hit, or ""
	json_t *bundle, *files;
	char *folder;  // for messages, "" when unknown
	int functions; // how many the tree refers to
	struct script_limits limits;
	json_t *tree;     // what it returned
	const char *noun; // what runs, for messages
	bool sealed;      // nothing is required any more
	struct arena
		arena; // of a fork that works where nobody may ask for memory; zeroed: the heap
	void *limbo;   // the heap's blocks that such a one has given up: a list through them
};

// What happens inside Lua's protection.
struct script_job {
	const char *main; // a file to run, or
	int ref;          // a function to call
	const json_t *arg;
	const struct script_class *class; // instead of `arg` and `tree`: a policy is asked
	void *object;
	const char *const *words;
	int answer;
	json_t *tree;
	int rc;
	struct err *err;
};

// Runs a job. Its limits: `instructions`, and a time of the wall.
int script_do(
	struct script *s, struct script_job *job, uint64_t instructions, uint64_t deadline_ns);
// Of a policy, inside a job: the object that it is given; what it said.
void script_object_push(lua_State *L, const struct script_class *class, void *object);
void script_object_close(lua_State *L, const struct script_class *class);
int script_answer(lua_State *L, struct script_job *job);

struct script *script_of(lua_State *L);

// Adds to the work done; throws when it was too much.
void script_charge(lua_State *L, uint64_t cost);
// Throws the error that nothing catches.
int script_throw(lua_State *L, int rc) __attribute__((noreturn));

// lua_CFunction: opens the libraries of the sandbox (script_lib.c), and the find family of
// `string`, which is on top of the stack (script_pattern.c).
#define SCRIPT_MODULES "leat.modules" // registry: what was required, by name
int script_lib_open(lua_State *L);
void script_pattern_open(lua_State *L);

// Loads a file of the bundle as a function on the stack; throws.
void script_load(lua_State *L, const char *name);

// The value at the top of the stack → *tree, a new reference (also after an error that was thrown:
// what there is of it). Functions are kept in the state when `keep`, else refused. 0, -EINVAL or
// -ENOMEM.
int script_tree(lua_State *L, bool keep, json_t **tree, struct err *err);
// The other way: pushes `value`; throws.
void script_push(lua_State *L, const json_t *value);
// Pushes the function that a tree calls `ref`, or nil.
void script_push_function(lua_State *L, int ref);
