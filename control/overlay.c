// SPDX-License-Identifier: BSD-3-Clause
#include "control/overlay.h"
#include "lib/schema.h"
#include <errno.h>
#include <string.h>

#define OVERLAY_DEPTH 32

static int check_value(const json_t *value, const char *path, unsigned depth, struct err *err) {
	const char *key;
	json_t *item;
	size_t i;
	int rc = 0;
	if (depth > OVERLAY_DEPTH)
		return err_at(err, path, "nested deeper than %d levels", OVERLAY_DEPTH);
	if (json_is_string(value) && strcmp(json_string_value(value), "(secret)") == 0)
		return err_at(err, path,
			"(secret) is what stands for a secret when it is shown; give the secret "
			"itself, or leave it out of the edit");
	if (json_object_get(value, "$function"))
		return err_at(err, path,
			"a function can only be written in the Lua file; use `leat apply`");
	if (json_is_object(value)) {
		json_object_foreach ((json_t *)value, key, item) {
			if (rc == 0)
				rc = check_value(item, path, depth + 1, err);
		}
	} else if (json_is_array(value)) {
		json_array_foreach (value, i, item) {
			if (rc == 0)
				rc = check_value(item, path, depth + 1, err);
		}
	}
	return rc;
}

int ctl_overlay_check(const json_t *value, const char *path, struct err *err) {
	return check_value(value, path, 0, err);
}

// Puts `value` (stolen) at `path` of `tree`, or in its place when the path is "".
static int put_at(json_t **tree, const char *path, json_t *value, struct err *err) {
	if (*path)
		return schema_put(*tree, path, value, err);
	if (!json_is_object(value)) {
		json_decref(value);
		return err_set(err, -EINVAL,
			"the whole configuration is an object, as in {\"ports\": {}}");
	}
	json_decref(*tree);
	*tree = value;
	return 0;
}

static json_t *edited_value(
	const json_t *tree, enum ctl_edit edit, const char *path, const json_t *value) {
	json_t *empty = json_object(), *old = schema_get(tree, path);
	json_t *merged = NULL;
	// Merging onto nothing still takes the nulls out, which mean absent.
	if (edit == CTL_EDIT_PATCH)
		merged = schema_merge(json_is_object(old) ? old : empty, value);
	else if (json_is_object(value))
		merged = schema_merge(empty, value);
	else
		merged = json_deep_copy(value);
	json_decref(empty);
	return merged;
}

int ctl_overlay_edit(const json_t *file, const json_t *tree, enum ctl_edit edit, const char *path,
	const json_t *value, json_t **overlay, struct err *err) {
	if (edit != CTL_EDIT_DELETE && json_is_null(value))
		edit = CTL_EDIT_DELETE;
	if (edit == CTL_EDIT_DELETE && !*path)
		return err_set(err, -EINVAL,
			"the whole configuration cannot be deleted; apply a file, or clear the "
			"run-time edits with `leat unset --all`");
	int rc = edit == CTL_EDIT_DELETE ? 0 : ctl_overlay_check(value, path, err);
	if (rc < 0)
		return rc;
	json_t *copy = json_deep_copy(tree);
	if (edit == CTL_EDIT_DELETE)
		rc = schema_put(copy, path, NULL, err);
	else
		rc = put_at(&copy, path, edited_value(tree, edit, path, value), err);
	if (rc == 0) {
		*overlay = schema_patch(file, copy);
		if (*overlay == NULL)
			rc = err_set(err, -ENOMEM, "out of memory");
		else // a path may spell one, and an edit of a list takes along those of its other items
			rc = ctl_overlay_check(*overlay, path, err);
		if (rc < 0) {
			json_decref(*overlay);
			*overlay = NULL;
		}
	}
	json_decref(copy);
	return rc;
}
