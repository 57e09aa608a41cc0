// SPDX-License-Identifier: BSD-3-Clause
// The schema engine: an object is declared once, as rows, and everything that needs to know its
// shape reads the rows: validation, defaults, decoding into a C struct, REST and OpenAPI, CLI words
// and completion, tables for people, the reference manual, the Lua language server's stubs, and
// metrics. Pure: no DPDK, no I/O.
//
// A config tree is a json_t object as the Lua file returned it (a Lua function is the object
// {"$function": N}, see lib/script.h). null means absent.
//
// Paths are dotted: "switches.office.ports.lan.trunk". A key that holds a dot, a bracket, a quote or a
// space is written ["10.0.0.0/8"] (a dot before the bracket and single quotes are read as well). An
// element of a list counts from 1, as in Lua: "firewall.rules[2].action"; "firewall.rules.2.action" is
// read as well.
//
// The resolved tree holds what the user would have written in full: defaults filled in, and scalars
// as canonical text ("90s" → "1m30s", "2001:DB8::1" → "2001:db8::1", 80.0 → 80).
#pragma once

#include "lib/err.h"
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct script_class; // lib/script.h

enum schema_type {
	SCHEMA_END,    // the row after the last
	SCHEMA_BOOL,   // bool
	SCHEMA_INT,    // int64_t, within min..max
	SCHEMA_NUMBER, // double
	SCHEMA_STRING, // const char *; min..max: its length in bytes, at most 4096 unless max says so
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
	SCHEMA_MAP, // const json_t * object: keys as in `key`, values as in `elem`; min..max: their number
	SCHEMA_UNION, // const json_t *; as one of `rows`, the one that takes a value of this form
	SCHEMA_ANY,   // const json_t *; may hold functions
};

enum schema_flag {
	SCHEMA_REQUIRED = 1 << 0,
	SCHEMA_KEY = 1 << 1,     // of a noun's column: names the row (a metric's label)
	SCHEMA_COUNTER = 1 << 2, // of a noun's column: becomes a Prometheus counter
	SCHEMA_GAUGE = 1 << 3,   // of a noun's column: becomes a Prometheus gauge
	SCHEMA_WIDE = 1 << 4,    // of a noun's column: in --json and --wide only
	SCHEMA_SECRET = 1 << 5,  // never printed, logged or returned
	SCHEMA_LIVE = 1 << 6,    // may be changed without recreating the object it belongs to
	SCHEMA_UNIQUE = 1 << 7,  // of a list: no element stands twice (compared in canonical form)
	SCHEMA_RESTART = 1 << 8, // of a section's field: takes effect at the next start
};

// Where in the struct that schema_decode() fills a row's value goes; rows without it are not decoded.
#define SCHEMA_FIELD(type, member) .offset = offsetof(type, member) + 1

struct schema_row {
	const char *name;
	enum schema_type type;
	unsigned flags;
	size_t offset; // SCHEMA_FIELD(); 0: not decoded
	// Both 0: no limit beyond the type's own; max below min: no upper limit. In the decoded unit
	// (a duration's in ns, a size's in bytes, a rate's per second).
	int64_t min, max;
	// Default, as the word a user would write at the command line ("5m", "10,20", "{}"); NULL:
	// absent. A nested object's own defaults are filled in only when the object is there or its
	// row has the default "{}".
	const char *def;
	// SCHEMA_ENUM: NULL-terminated; SCHEMA_FUNCTION: what it may return, beside nil
	const char *const *words;
	const struct script_class *arg; // SCHEMA_FUNCTION: what it is given, for stubs and manual
	const char *ref;                // SCHEMA_REF: path of the map that must hold the key
	// SCHEMA_OBJECT: its fields; SCHEMA_UNION: its alternatives, no two of which take values of one
	// form (a boolean, number, text, list, table or function); their names say nothing. Closed by {0}.
	const struct schema_row *rows;
	const struct schema_row *key; // SCHEMA_MAP: its keys, text or SCHEMA_INT; NULL: SCHEMA_NAME
	const struct schema_row *elem; // SCHEMA_LIST, SCHEMA_MAP: one element
	// What rows cannot say ("access or trunk, not both"), on a row of any type. Gets the resolved
	// value, after every type and reference in the tree was found good. `path` is the value's.
	int (*check)(const json_t *value, const char *path, struct err *err);
	const char *unit; // shown beside the value: "B", "pps", "cycles"
	// A Lua value for the manual: `"eth1"`, `{ 10, 20 }`. NULL: derived from the row. Optional
	// fields appear in an object's example only when they have one, or as defaults when none has.
	const char *example;
	const char *help; // one line, lower case, no full stop
	const char
		*fix; // what to do when out of range: "to stop new connections, use `leat drain`"
};

// Validates `tree` against the top-level `sections` (rows of type MAP, OBJECT or LIST), and returns in
// *resolved a deep copy with defaults filled in and scalars in their canonical form (new reference,
// owned by the caller; untouched on error). Checks types, ranges, required and unknown keys (with the
// nearest known one), then references (against the resolved tree), then the check() hooks. The first
// mistake ends it. Depth is limited to 32, so a hostile tree cannot exhaust the stack. Returns 0, or
// -EINVAL with err->path and err->msg, or -ENOMEM.
//
// What Lua cannot tell apart is accepted: an empty table where a list is wanted, and a sequence where
// a map with SCHEMA_INT keys is wanted (the resolved tree has the map).
int schema_validate(const struct schema_row *const *sections, const json_t *tree, json_t **resolved,
	struct err *err);

// Validates one value against one row (an action's arguments, a REST body). `root` resolves
// references; NULL: references are not checked. `path` ("" is fine) starts the paths in messages.
int schema_validate_value(const struct schema_row *row, const json_t *value, const json_t *root,
	const char *path, json_t **resolved, struct err *err);

// Validates a closed array of rows as one object (an action's `args`).
int schema_validate_rows(const struct schema_row *rows, const json_t *object, const json_t *root,
	const char *path, json_t **resolved, struct err *err);

// Fills `dst` from a validated object. Strings and json_t pointers are borrowed from `object`.
// Absent optional fields are left as they are: zero `dst` before. Cannot fail on a validated object
// (assert).
void schema_decode(const struct schema_row *rows, const json_t *object, void *dst);

// The alternative of a SCHEMA_UNION that takes a value of this form, or NULL.
const struct schema_row *schema_alternative(const struct schema_row *row, const json_t *value);

// Value at a dotted path ("" is the tree itself), or NULL. Borrowed.
json_t *schema_get(const json_t *tree, const char *path);
// The row that describes a path, or NULL with err set (unknown key → nearest). Borrowed. Everything
// below a SCHEMA_ANY is described by that row.
const struct schema_row *schema_find(
	const struct schema_row *const *sections, const char *path, struct err *err);
// Sets (value, stolen even on error) or removes (NULL) the value at a path, creating objects on the way
// (lists where the path says [1]). A list grows by one at its end, and closes the gap when an element
// is removed. -ENOENT: nothing to remove; -EINVAL: the path leads through something else.
int schema_put(json_t *tree, const char *path, json_t *value, struct err *err);
// A command-line word ("3", "true", "eth1", "[10,20]" or "10,20") → the JSON value that the row wants,
// checked but for references. New reference, or NULL with err set.
json_t *schema_parse_word(
	const struct schema_row *row, const char *word, const char *path, struct err *err);

// Differences between two trees as an array of {"path", "op": "add"|"del"|"set", "old", "new"},
// depth first, in key order. Lists are compared as a whole. New reference, or NULL (out of memory).
json_t *schema_diff(const json_t *old, const json_t *new);
// RFC 7396 merge of `patch` onto a deep copy of `tree`: null removes. New reference.
json_t *schema_merge(const json_t *tree, const json_t *patch);
// The smallest patch such that schema_merge(old, patch) equals `new` (objects without null in them).
// New reference; {} when they are equal.
json_t *schema_patch(const json_t *old, const json_t *new);

// A deep copy of the value at `path` in which every SCHEMA_SECRET reads "(secret)": pass everything
// that leaves the process through it. `path` "" is the whole tree. New reference.
json_t *schema_redact(
	const struct schema_row *const *sections, const char *path, const json_t *value);

// Text of a duration, size or rate. parse: 0, -EINVAL (not one) or -ERANGE (beyond INT64_MAX), the
// whole string must match; print: canonical, returns buf.
#define SCHEMA_TEXTLEN 64
int schema_duration_parse(const char *text, uint64_t *ns);
int schema_bytes_parse(const char *text, uint64_t *bytes);
int schema_rate_parse(const char *text, uint64_t *per_s);
char *schema_duration_print(uint64_t ns, char buf[static SCHEMA_TEXTLEN]);
char *schema_bytes_print(uint64_t bytes, char buf[static SCHEMA_TEXTLEN]);
char *schema_rate_print(uint64_t per_s, char buf[static SCHEMA_TEXTLEN]);

// The other faces. Each returns a new reference or a malloc'ed string; NULL: out of memory.
json_t *schema_describe(const struct schema_row *row);            // rows as JSON: for the client
json_t *schema_openapi(const struct schema_row *row);             // an OpenAPI 3.1 schema object
char *schema_manual(const struct schema_row *const *sections);    // Markdown reference
char *schema_lua_stubs(const struct schema_row *const *sections); // LuaCATS annotations
// `return { ... }` in Lua for the section and those that its references need; it validates.
char *schema_example(const struct schema_row *const *sections, const char *section);
const char *schema_nearest(
	const char *word, const char *const *known); // edit distance ≤ 2, or NULL

// Mistakes in the rows themselves: no help, a default that is refused, a reference to no map, two rows
// of one name. 0 or -EINVAL with path and message. For a test over the real sections.
int schema_lint(const struct schema_row *const *sections, struct err *err);

// Prometheus text (0.0.4) of a noun's rows, as `show` returned them: for each column with COUNTER or
// GAUGE a metric leat_<noun>_<column> (counters end in _total, durations in _seconds, sizes in _bytes),
// labelled with the KEY columns. An ENUM gauge is one series per word, 1 for the present one. malloc'ed;
// "" when the noun has no metrics.
char *schema_metrics(const char *noun, const struct schema_row *columns, const json_t *rows);
