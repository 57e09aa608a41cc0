// SPDX-License-Identifier: BSD-3-Clause
// The schema engine: an object is declared once, as rows, and everything that needs to know its
// shape reads the rows: validation, defaults, decoding into a C struct, REST and OpenAPI, CLI words
// and completion, tables for people, the reference manual, the Lua language server's stubs, and
// metrics. Pure: no DPDK, no I/O.
//
// A config tree is a json_t object as the Lua file returned it (a Lua function is the object
// {"$function": N}, see lib/script.h). Paths are dotted: "switches.office.ports.lan.trunk". A map
// key that holds a dot or a bracket is written ["10.0.0.0/8"].
#pragma once

#include "lib/err.h"
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum schema_type {
	SCHEMA_END,    // the row after the last
	SCHEMA_BOOL,   // bool
	SCHEMA_INT,    // int64_t, within min..max
	SCHEMA_NUMBER, // double
	SCHEMA_STRING, // const char *; min..max: its length
	SCHEMA_NAME,   // const char *: [A-Za-z0-9_-]{1,31}; what objects are called
	SCHEMA_ENUM,   // unsigned: index into words
	SCHEMA_DURATION, // uint64_t nanoseconds: "250ms", "2s", "5m", "1h30m", "7d"; a number: seconds
	SCHEMA_BYTES,    // uint64_t: "64K", "1M", "2G" (powers of 1024); a number: bytes
	SCHEMA_RATE,    // uint64_t per second: "1000/s", "10k/s", "2M/s" (powers of 1000); a number
	SCHEMA_MAC,     // struct mac (lib/addr.h)
	SCHEMA_ADDRESS, // struct addr (lib/addr.h), v4 or v6
	SCHEMA_PREFIX,  // struct prefix (lib/addr.h): "192.0.2.2/24" keeps its host bits
	SCHEMA_REF,     // const char *: the key of an existing object in the map at path `ref`
	SCHEMA_FUNCTION, // int: the script's function reference
	SCHEMA_LIST,     // const json_t * array; each element as in `elem`; min..max: its length
	SCHEMA_OBJECT,   // const json_t * object with `rows`
	SCHEMA_MAP, // const json_t * object: any number of keys as in `key`, values as in `elem`
	SCHEMA_ANY, // const json_t *
};

enum schema_flag {
	SCHEMA_REQUIRED = 1 << 0,
	SCHEMA_KEY = 1 << 1,     // of a noun's column: names the row (a metric's label)
	SCHEMA_COUNTER = 1 << 2, // of a noun's column: becomes a Prometheus counter
	SCHEMA_GAUGE = 1 << 3,   // of a noun's column: becomes a Prometheus gauge
	SCHEMA_WIDE = 1 << 4,    // of a noun's column: in --json and --wide only
	SCHEMA_SECRET = 1 << 5,  // never printed, logged or returned
	SCHEMA_LIVE = 1 << 6,    // may be changed without recreating the object it belongs to
};

// Where in the struct that schema_decode() fills a row's value goes; rows without it are not decoded.
#define SCHEMA_FIELD(type, member) .offset = offsetof(type, member) + 1

struct schema_row {
	const char *name;
	enum schema_type type;
	unsigned flags;
	size_t offset;                 // SCHEMA_FIELD(); 0: not decoded
	int64_t min, max;              // both 0: no limit beyond the type's own
	const char *def;               // default, as the text a user would write; NULL: absent
	const char *const *words;      // SCHEMA_ENUM: NULL-terminated
	const char *ref;               // SCHEMA_REF: path of the map that must hold the key
	const struct schema_row *rows; // SCHEMA_OBJECT: its fields, closed by {0}
	const struct schema_row *key;  // SCHEMA_MAP: its keys; NULL: SCHEMA_NAME
	const struct schema_row *elem; // SCHEMA_LIST, SCHEMA_MAP: one element
	// SCHEMA_OBJECT: what rows cannot say ("access or trunk, not both"). `path` is the object's.
	int (*check)(const json_t *object, const char *path, struct err *err);
	const char *unit;    // shown beside the value: "B", "pps", "cycles"
	const char *example; // a Lua value for the manual; NULL: derived
	const char *help;    // one line, lower case, no full stop
	const char
		*fix; // what to do when out of range ("to stop new connections, use `leat drain`")
};

// Validates `tree` against the top-level `sections` (rows of type MAP, OBJECT or LIST), and returns in
// *resolved a deep copy with defaults filled in and scalars in their canonical form (new reference,
// owned by the caller; untouched on error). Checks types, ranges, required and unknown keys (with the
// nearest known one), then references, then the check() hooks. Depth is limited to 32, so a hostile
// tree cannot exhaust the stack. Returns 0, or -EINVAL with err->path and err->msg.
int schema_validate(const struct schema_row *const *sections, const json_t *tree, json_t **resolved,
	struct err *err);

// Validates one value against one row (an action's arguments, a REST body). `root` resolves
// references; NULL: references are not checked.
int schema_validate_value(const struct schema_row *row, const json_t *value, const json_t *root,
	const char *path, json_t **resolved, struct err *err);

// Fills `dst` from a validated object. Strings and json_t pointers are borrowed from `object`.
// Absent optional fields are left zero (pointers NULL). Cannot fail on a validated object (assert).
void schema_decode(const struct schema_row *rows, const json_t *object, void *dst);

// Value at a dotted path, or NULL. Borrowed.
json_t *schema_get(const json_t *tree, const char *path);
// The row that describes a path, or NULL with err set (unknown key → nearest). Borrowed.
const struct schema_row *schema_find(
	const struct schema_row *const *sections, const char *path, struct err *err);
// Sets (value, stolen) or removes (NULL) the value at a path, creating objects on the way.
int schema_put(json_t *tree, const char *path, json_t *value, struct err *err);
// A command-line word ("3", "true", "eth1", "[10,20]") → the JSON value that the row wants. New reference.
json_t *schema_parse_word(
	const struct schema_row *row, const char *word, const char *path, struct err *err);

// Differences between two trees as an array of {"path", "op": "add"|"del"|"set", "old", "new"},
// depth first, in key order. New reference.
json_t *schema_diff(const json_t *old, const json_t *new);
// RFC 7396 merge of `patch` onto a deep copy of `tree`: null removes. New reference.
json_t *schema_merge(const json_t *tree, const json_t *patch);

// The other faces. Each returns a new reference or a malloc'ed string.
json_t *schema_describe(const struct schema_row *row);            // rows as JSON: for the client
json_t *schema_openapi(const struct schema_row *row);             // an OpenAPI 3.1 schema object
char *schema_manual(const struct schema_row *const *sections);    // Markdown reference
char *schema_lua_stubs(const struct schema_row *const *sections); // LuaCATS annotations
const char *schema_nearest(
	const char *word, const char *const *known); // edit distance ≤ 2, or NULL
