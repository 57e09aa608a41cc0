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

const json_t *describe_path(const json_t *sections, const char *path) {
	const json_t *row = NULL;
	char key[256];
	int rc;
	for (bool top = true; (rc = path_step(&path, key, sizeof(key))) > 0; top = false) {
		const char *type = describe_type(row);
		if (top)
			row = describe_find(sections, key);
		else if (strcmp(type, "object") == 0)
			row = describe_find(json_object_get(row, "rows"), key);
		else if (strcmp(type, "map") == 0 || strcmp(type, "list") == 0)
			row = json_object_get(row, "elem");
		else
			row = NULL;
		if (!row)
			return NULL;
	}
	return rc ? NULL : row;
}
