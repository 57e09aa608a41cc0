// SPDX-License-Identifier: BSD-3-Clause
// The Lua 5.4 sandbox: runs a configuration and keeps its functions for later calls.
// No io, os, debug, load, dofile, loadstring, collectgarbage or package; `require "x"` reads x.lua from the
// bundle only. math.random is deterministic. An instruction budget (count hook) and a memory cap (own
// allocator) bound every call; string patterns and string.rep are bounded by the memory cap and a wrapper
// that charges their length. Text chunks only: bytecode is refused.
#pragma once

#include "lib/err.h"
#include <jansson.h>
#include <stdint.h>

struct script;

struct script_limits {
	uint64_t
		instructions; // per call; 0: default (100 M for a config, set by the caller for policies)
	size_t memory_bytes; // 0: default 256 MiB
	size_t source_bytes; // whole bundle; 0: default 4 MiB
};

// A bundle is {"main": "branch.lua", "files": {"branch.lua": "...", "sets.lua": "..."}}: what
// `leat apply` sends and a revision stores, so that a restart needs nothing else.
// Reads `path` and the other *.lua files of its folder (not below). New reference.
int script_bundle_read(const char *path, json_t **bundle, struct err *err);

// Runs the bundle's main file. On success *tree is what it returned, as JSON (integers stay integers; a table
// with keys 1..n is an array, an empty table an object; a function is {"$function": ref}); *script keeps the
// state for script_call. Errors name file:line. -EINVAL, -ETIME (budget), -ENOMEM (cap).
int script_run(const json_t *bundle, const struct script_limits *limits, struct script **script,
	json_t **tree, struct err *err);
void script_free(struct script *script); // NULL is fine

// Calls a function kept from the config with one JSON argument; *result is a new reference. Bounded by
// `instructions`. Control-plane use; packet-path policies use their own typed accessors later.
int script_call(struct script *script, int ref, const json_t *arg, uint64_t instructions,
	json_t **result, struct err *err);
