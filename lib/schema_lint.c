// SPDX-License-Identifier: BSD-3-Clause
// Mistakes in rows, found by a test instead of by a user.
#include "lib/schema_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct lint {
	const struct schema_row *const *sections;
	const struct schema_row *open[SCHEMA_DEPTH_MAX + 1]; // objects around the present row
};

static int lint_row(
	struct lint *lint, const struct schema_frame *frame, const struct schema_row *row);

static int lint_rows(
	struct lint *lint, const struct schema_frame *frame, const struct schema_row *rows) {
	for (unsigned i = 0; i < frame->depth; i++) {
		if (lint->open[i] == rows)
			return 0;
	}
	lint->open[frame->depth] = rows;
	for (const struct schema_row *row = rows; row->type != SCHEMA_END; row++) {
		if (!row->name || !*row->name)
			return schema_refuse(frame, "a row has no name");
		struct schema_frame at = schema_frame_key(frame, row->name);
		if (schema_row_find(rows, row->name) != row)
			return schema_refuse(&at, "two rows have this name");
		if (!row->help || !*row->help)
			return schema_refuse(&at, "the row has no help");
		if (lint_row(lint, &at, row))
			return -EINVAL;
	}
	return 0;
}

static int lint_default(const struct schema_frame *frame, const struct schema_row *row) {
	json_t *value = row->def ? schema_word(row, row->def) : NULL, *resolved = NULL;
	if (!row->def)
		return 0;
	int rc = value ? schema_value(frame, row, value, &resolved)
		       : schema_refuse(frame, "the default \"%.80s\" cannot be read", row->def);
	json_decref(value);
	json_decref(resolved);
	return rc;
}

// What has a canonical text: only that can be a key.
static bool key_type(enum schema_type type) {
	return schema_type_info(type)->scalar && type != SCHEMA_BOOL && type != SCHEMA_NUMBER &&
		type != SCHEMA_FUNCTION && type != SCHEMA_ANY;
}

// A value must tell by its form alone which alternative it is of; and a class of the stubs has one name.
static int lint_union(const struct schema_frame *frame, const struct schema_row *row) {
	const struct schema_row *table = NULL;
	unsigned forms = 0, n = 0;
	for (const struct schema_row *alt = row->rows; alt && alt->type != SCHEMA_END; alt++, n++) {
		const struct schema_row *leaf = schema_leaf(alt);
		if (!schema_forms(alt))
			return schema_refuse(frame, "%s is no alternative of a union",
				schema_type_info(alt->type)->noun);
		if (schema_forms(alt) & forms)
			return schema_refuse(
				frame, "two alternatives of the union take values of one form");
		if (leaf->type == SCHEMA_OBJECT && table && leaf->rows != table->rows)
			return schema_refuse(
				frame, "two alternatives of the union have different tables");
		table = leaf->type == SCHEMA_OBJECT ? leaf : table;
		forms |= schema_forms(alt);
	}
	return n < 2 ? schema_refuse(frame, "the union has no two alternatives") : 0;
}

static int lint_form(
	const struct lint *lint, const struct schema_frame *frame, const struct schema_row *row) {
	if (row->help && strlen(row->help) && row->help[strlen(row->help) - 1] == '.')
		return schema_refuse(frame, "the help ends in a full stop");
	if (row->type == SCHEMA_ENUM && (!row->words || !*row->words))
		return schema_refuse(frame, "the enum has no words");
	if (row->type == SCHEMA_OBJECT && !row->rows)
		return schema_refuse(frame, "the object has no rows");
	if (row->type == SCHEMA_UNION && lint_union(frame, row))
		return -EINVAL;
	if ((row->type == SCHEMA_LIST || row->type == SCHEMA_MAP) && !row->elem)
		return schema_refuse(
			frame, "the %s has no elem", schema_type_info(row->type)->name);
	if (row->type == SCHEMA_MAP && !key_type(schema_key_row(row)->type))
		return schema_refuse(frame, "the map's key is neither text nor an integer");
	if (row->type != SCHEMA_REF)
		return 0;
	const struct schema_row *map =
		row->ref ? schema_find(lint->sections, row->ref, NULL) : NULL;
	if (!map || (map->type != SCHEMA_MAP && map->type != SCHEMA_OBJECT))
		return schema_refuse(frame, "the reference leads to \"%s\", which is no map",
			row->ref ? row->ref : "");
	return 0;
}

static int lint_row(
	struct lint *lint, const struct schema_frame *frame, const struct schema_row *row) {
	if (frame->depth >= SCHEMA_DEPTH_MAX)
		return schema_refuse(frame, "rows nest deeper than %d levels", SCHEMA_DEPTH_MAX);
	if (lint_form(lint, frame, row))
		return -EINVAL;
	struct schema_frame at = schema_frame_key(frame, "<elem>");
	int rc = 0;
	if (row->type == SCHEMA_OBJECT)
		rc = lint_rows(lint, frame, row->rows);
	for (const struct schema_row *alt = row->rows;
		!rc && row->type == SCHEMA_UNION && alt->type != SCHEMA_END; alt++)
		rc = lint_row(lint, frame, alt);
	if (row->type == SCHEMA_MAP)
		rc = lint_row(lint, &at, schema_key_row(row));
	if (!rc && (row->type == SCHEMA_MAP || row->type == SCHEMA_LIST))
		rc = lint_row(lint, &at, row->elem);
	return rc ? rc : lint_default(frame, row);
}

int schema_lint(const struct schema_row *const *sections, struct err *err) {
	struct schema_walk walk = {.base = "", .whole = true, .err = err};
	struct schema_frame frame = {.walk = &walk};
	struct lint lint = {.sections = sections};
	for (size_t i = 0; sections[i]; i++) {
		struct schema_frame at = schema_frame_key(&frame, sections[i]->name);
		if (!sections[i]->help || !*sections[i]->help)
			return schema_refuse(&at, "the section has no help");
		if (lint_row(&lint, &at, sections[i]))
			return -EINVAL;
	}
	return 0;
}
