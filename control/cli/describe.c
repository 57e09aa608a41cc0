// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/describe.h"

#include "control/cli/words.h"
#include "lib/json.h"
#include <string.h>

const char *describe_name(const json_t *row) {
	return jx_str(row, "name", "");
}

const char *describe_type(const json_t *row) {
	return jx_str(row, "type", "");
}

const char *describe_help(const json_t *row) {
	return jx_str(row, "help", "");
}

const char *describe_unit(const json_t *row) {
	return jx_str(row, "unit", "");
}

bool describe_flag(const json_t *row, const char *flag) {
	size_t i;
	json_t *item;
	json_array_foreach (json_object_get(row, "flags"), i, item) {
		if (strcmp(json_string_value(item) ?: "", flag) == 0)
			return true;
	}
	return false;
}

const json_t *describe_find(const json_t *array, const char *name) {
	size_t i;
	json_t *row;
	json_array_foreach (array, i, row) {
		if (strcmp(describe_name(row), name) == 0)
			return row;
	}
	return NULL;
}

const json_t *describe_rows(const json_t *row) {
	const json_t *rows = json_object_get(row, "rows");
	size_t i;
	json_t *alternative;
	json_array_foreach (json_object_get(row, "alternatives"), i, alternative)
		rows = rows ? rows : json_object_get(alternative, "rows");
	return rows;
}

// The row one step below, or NULL.
static const json_t *below(const json_t *row, const char *key) {
	const json_t *found = describe_find(json_object_get(row, "rows"), key);
	size_t i;
	json_t *alternative;
	if (!found)
		found = json_object_get(row, "elem");
	json_array_foreach (json_object_get(row, "alternatives"), i, alternative)
		found = found ? found : below(alternative, key);
	return found;
}

const json_t *describe_path(const json_t *sections, const char *path) {
	const json_t *row = NULL;
	char key[256];
	int rc;
	for (bool top = true; (rc = path_step(&path, key, sizeof(key))) > 0; top = false) {
		row = top ? describe_find(sections, key) : below(row, key);
		if (!row)
			return NULL;
	}
	return rc ? NULL : row;
}
