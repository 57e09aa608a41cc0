// SPDX-License-Identifier: BSD-3-Clause
// The Lua 5.4 sandbox: runs a configuration and keeps its functions for later calls.
//
// There is: assert error getmetatable ipairs next pairs pcall rawequal rawget rawlen rawset require
// select setmetatable tonumber tostring type xpcall; string.{byte char find format gmatch gsub len
// lower match rep reverse sub upper}; table.{concat insert move pack remove sort unpack}; math
// without randomseed. There is no way out: no io, os, debug, load, coroutine, print, finalizer or
// bytecode. `require "x"` reads x.lua of the bundle. The same files give the same tree: math.random
// has a fixed seed, and pairs goes in the order of keys (numbers, then strings).
//
// Every call is bounded in work and in memory, and no pcall in the script gets around a limit. Work
// is counted in Lua instructions; library functions charge for what they do (each step of a
// pattern's backtracking, each element moved), and allocation charges by the byte. A deadline far
// beyond the budget guards the rest.
#pragma once

#include "lib/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct script;

struct script_limits {
	uint64_t instructions; // of the run; 0: default 100 M
	size_t memory_bytes;   // of the state and of its tree; 0: default 256 MiB
	size_t source_bytes;   // whole bundle; 0: default 4 MiB
};

// A bundle is {"main": "branch.lua", "folder": "configs", "files": {"branch.lua": "...",
// "sets.lua": "..."}}: what `leat apply` sends and a revision stores, so that a restart needs
// nothing else. "folder" is optional and only for messages ("configs/branch.lua:12: ..."). Reads
// `path` and those of the other *.lua files of its folder (not below) that `require` can name:
// regular files, no symbolic links. At most 4 MiB together. New reference.
int script_bundle_read(const char *path, json_t **bundle, struct err *err);

// The same configuration, wherever it was read from.
bool script_bundle_equal(const json_t *a, const json_t *b);

// Runs the bundle's main file. On success *tree is what it returned, as JSON, and *script keeps the
// state for script_call(). -EINVAL, -ETIME (too much work), -ENOMEM (cap); the message names
// file:line, or err->path the place in the tree.
//
// A table becomes: with keys 1..n an array; with text keys, or without any, an object; with whole
// numbers as keys none of which is among 1..n (n of them: VLAN ids) an object with decimal keys.
// Others are refused: a hole in a list is a mistake that would go unseen. A function becomes
// {"$function": ref}, the same one the same ref; text keys that begin with '$' are refused. Numbers
// that are whole become integers (10 / 2 is 5), NaN and infinity are refused, and so are strings
// that are not UTF-8 or hold NUL, circles, and depths over 32. Metatables are not looked at.
int script_run(const json_t *bundle, const struct script_limits *limits, struct script **script,
	json_t **tree, struct err *err);
void script_free(struct script *script); // NULL is fine

// Calls a function kept from the config with one JSON argument; *result is a new reference (no
// functions in it). Bounded by `instructions` and the memory cap; after an overrun the script can
// be called again. -ENOENT: no such function; else as above. Control-plane use.
int script_call(struct script *script, int ref, const json_t *arg, uint64_t instructions,
	json_t **result, struct err *err);

// ---- policies -----------------------------------------------------------------------------------
//
// A function that judges something on a thread that may not allocate, lock or wait: a packet worker. Each thread has a fork of
// the script, made on the control thread; the bundle is run again there, so that a function has all that it had (other functions,
// tables, locals around it), whatever that is, and is found by the same number. It is given one object, whose fields and methods
// are C functions, and says one of some words.

struct script_frame; // a call that runs

// What an object shows. The same rows make the stubs for editors and the manual.
struct script_member {
	const char *name;
	const char *type; // LuaCATS: "string", "integer?"; of a method: what it returns
	const char *args; // of a method: "set: string"; NULL: a field
	const char *help;
	void (*get)(struct script_frame *frame, const void *object); // gives one value, below
};

struct script_class {
	const char *name; // of the argument, too: "conn"
	const char *help;
	const struct script_member *members; // closed by {0}
};

// Inside get(): gives the value; the arguments of a method, from 1 on; an error of the script that runs. These may not return.
void script_give_text(struct script_frame *frame, const char *text); // NULL: nil
void script_give_integer(struct script_frame *frame, int64_t number);
void script_give_bool(struct script_frame *frame, bool value);
const char *script_arg_text(struct script_frame *frame, int arg, size_t *len);
int64_t script_arg_integer(struct script_frame *frame, int arg);
void script_fail(struct script_frame *frame, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));

#define SCRIPT_KEEP_BYTES (4u << 20) // what a fork's functions may hold on to

// Control: another state of the same bundle, for another thread; NULL `classes` ends the list of those that it will be given.
// `arena_bytes`: what calls may allocate, which is there from the start, on top of room for a collection of what is kept; 0: the heap,
// within the script's cap. -EINVAL: it does not return the same again, -EFBIG: too much is kept; else as script_run().
int script_fork(const struct script *script, const struct script_class *const *classes,
	size_t arena_bytes, struct script **fork, struct err *err);

// The thread that the fork is for: what does this function say of an object? The index of one of `words`, or their number: it said
// nothing (nil). -EINVAL: an error, or no such word; -ETIME: too many instructions, -ENOMEM. It does not allocate, but for err's text.
int script_ask(struct script *fork, int ref, const struct script_class *class, const void *object,
	uint64_t instructions, const char *const *words, struct err *err);
