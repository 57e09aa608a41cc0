// SPDX-License-Identifier: BSD-3-Clause
// What the files of the schema engine share. Nobody else includes this.
#pragma once

#include "lib/schema.h"
#include <stdbool.h>
#include <stdio.h>

#define SCHEMA_DEPTH_MAX  32
#define SCHEMA_KEY_MAX    255  // bytes of a map's key
#define SCHEMA_STRING_MAX 4096 // bytes of a string whose row sets no max
#define SCHEMA_INT_MAX    (1ll << 53)

// What a type is called and looks like, for every face. One table, in schema_type.c.
struct schema_type_info {
	const char *name;    // in schema_describe()
	const char *noun;    // in messages: "a duration"
	const char *plain;   // in the manual: "duration"
	const char *lua;     // in the stubs
	const char *example; // Lua
	bool scalar;
};
const struct schema_type_info *schema_type_info(enum schema_type type);

// Where a walk stands. Frames live on the stack of the walk and become text only when needed.
struct schema_walk {
	const char *base;   // path of the walk's root, "" for a whole tree
	const json_t *root; // resolves references; NULL: they are not checked
	bool whole;         // the root is a whole tree: its keys are sections
	struct err *err;
};

struct schema_frame {
	struct schema_walk *walk;
	const struct schema_frame *up; // NULL: the root
	const char *key;               // NULL: a list's element
	size_t index;                  // from 0
	unsigned depth;
};

struct schema_frame schema_frame_key(const struct schema_frame *up, const char *key);
struct schema_frame schema_frame_index(const struct schema_frame *up, size_t index);

// One step of a path.
struct schema_step {
	char key[SCHEMA_KEY_MAX + 1];
	bool bracket; // was written [3], not .3
	size_t index; // from 0, when the key is a number from 1; else SIZE_MAX
};

// Reads the next step of *path and moves it on. 1, 0 at the end, or -EINVAL with err set.
int schema_step_next(
	const char *whole, const char **path, struct schema_step *step, struct err *err);
// The whole path of a frame, malloc'ed; NULL: out of memory.
char *schema_path_print(const struct schema_frame *frame);
// The same for a message: long keys and long paths are shortened. Returns buf.
#define SCHEMA_PATHLEN 256
char *schema_path_short(const struct schema_frame *frame, char buf[static SCHEMA_PATHLEN]);

// err_at() for a frame; returns -EINVAL.
int schema_refuse(const struct schema_frame *frame, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
// "X is not a duration; write one such as "5m"".
int schema_refuse_type(
	const struct schema_frame *frame, const struct schema_row *row, const json_t *value);
// "X is out of range A..B; fix".
int schema_refuse_range(
	const struct schema_frame *frame, const struct schema_row *row, const char *value);
// "unknown key ..." at an object that knows `names`; `kind` is "key" or "section".
int schema_refuse_unknown(const struct schema_frame *frame, const char *kind, const char *key,
	const char *const *names);

// Bounded pieces of a message. All return buf.
#define SCHEMA_SHORTLEN 80
char *schema_quote(const char *text, size_t len, char buf[static SCHEMA_SHORTLEN]);
char *schema_found_print(
	const struct schema_row *row, const json_t *value, char buf[static SCHEMA_SHORTLEN]);
char *schema_words_print(const char *const *words, char *buf, size_t size);
// "1..256", "10ms or more", "" when the row has no limit.
#define SCHEMA_RANGELEN 72
char *schema_range_print(const struct schema_row *row, char buf[static SCHEMA_RANGELEN]);
bool schema_in_range(const struct schema_row *row, int64_t value);

bool schema_is_function(const json_t *value);
// Names of the rows, NULL-terminated, malloc'ed (the names are borrowed).
const char **schema_row_names(const struct schema_row *rows);
const char **schema_section_names(const struct schema_row *const *sections);
const char **schema_keys(const json_t *object);
const struct schema_row *schema_row_find(const struct schema_row *rows, const char *name);
const struct schema_row *schema_key_row(const struct schema_row *map);

// Forms of JSON that a row's values have, as bits; 0: a row that is no alternative.
unsigned schema_forms(const struct schema_row *row);
// The type's `scalar`; of a union: all alternatives'.
bool schema_is_scalar(const struct schema_row *row);
// The row of what is inside a map, list or union; of a union the alternative with a table in it, else the first.
const struct schema_row *schema_below(const struct schema_row *row);
// What is inside all of them.
const struct schema_row *schema_leaf(const struct schema_row *row);
// "an integer or a string".
char *schema_noun_print(const struct schema_row *row, char buf[static SCHEMA_SHORTLEN]);

// A scalar in its canonical form; *out is a new reference.
int schema_scalar(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out);
// A map's key in its canonical form.
int schema_key(const struct schema_frame *map, const struct schema_row *row, const char *key,
	char out[static SCHEMA_KEY_MAX + 1]);
// Any value, with the defaults of its rows; *out is a new reference.
int schema_value(const struct schema_frame *frame, const struct schema_row *row,
	const json_t *value, json_t **out);
// The second and third pass over a resolved value.
int schema_check_refs(
	const struct schema_frame *frame, const struct schema_row *row, const json_t *value);
int schema_check_hooks(
	const struct schema_frame *frame, const struct schema_row *row, const json_t *value);

// A word or default as JSON, by the row's type only (not validated); NULL: cannot be read so.
json_t *schema_word(const struct schema_row *row, const char *word);

// A Lua value for the row on `out`, on one line unless the row's own example is not; `sections` (or
// NULL) gives references a key that exists.
void schema_example_write(
	FILE *out, const struct schema_row *const *sections, const struct schema_row *row);
