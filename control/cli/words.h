// SPDX-License-Identifier: BSD-3-Clause
// Words: what people type, split, matched and turned into URLs and JSON. Pure.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

// Percent-encodes everything that RFC 3986 does not leave unreserved. malloc'ed; NULL: out of memory.
char *url_encode(const char *text);

// True when `word` is NAME=VALUE with a NAME of [a-z0-9_-]; *name_len is set, the value starts after the '='.
bool word_is_pair(const char *word, size_t *name_len);

// A dotted config path cut before its last step: "switches.office.po" → parent length 15, last "po"; keys in
// brackets (["10.0.0.0/8"]) are one step, closed or not. `*last` points into `path`.
size_t path_parent(const char *path, const char **last);

// Reads the next step of *path into `key` and moves on. 1, 0 at the end, -EINVAL when it is no path.
int path_step(const char **path, char *key, size_t size);

// A key as a step of a path: "w1" as it is, anything else as ["..."]. Returns what snprintf would.
int path_key_print(const char *key, char *buf, size_t size);

// The words of a command line as a shell would see them (blanks, quotes, backslashes). The last word is the one
// being typed: it is "" after a blank. NULL: out of memory. Freed with words_free().
char **words_split(const char *line, size_t *n);
void words_free(char **words);

// An argument's word as the JSON value that `row` (a description, see describe.h) wants; text that does not
// fit stays a string, and the daemon says what is wrong with it. New reference.
json_t *word_to_json(const json_t *row, const char *word);
