// SPDX-License-Identifier: BSD-3-Clause
// Reading what schema_describe() says (lib/schema.h), as the daemon sends it: an object per row. This file is the
// only one that knows its keys.
#pragma once

#include <jansson.h>
#include <stdbool.h>

const char *describe_name(const json_t *row); // "" when absent; the same below
const char *describe_type(const json_t *row);
const char *describe_help(const json_t *row);
const char *describe_unit(const json_t *row);
bool describe_flag(
	const json_t *row, const char *flag); // "required", "key", "counter", "wide", ...

// The element named `name` of an array of descriptions (rows, nouns, actions); NULL: none. Borrowed.
const json_t *describe_find(const json_t *array, const char *name);

// The fields of a table, or of the table among a union's alternatives; NULL: it is none. Borrowed.
const json_t *describe_rows(const json_t *row);

// The row at a config path below `sections`, or NULL. "" is no row.
const json_t *describe_path(const json_t *sections, const char *path);
