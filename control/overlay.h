// SPDX-License-Identifier: BSD-3-Clause
// Run-time edits (`leat set`, PUT, PATCH, DELETE): a JSON merge patch (RFC 7396) over the tree that the
// Lua file returned. It is the smallest one: an edit that restores what the file says leaves no trace.
// Pure.
#pragma once

#include "lib/err.h"
#include <jansson.h>

enum ctl_edit { CTL_EDIT_PUT, CTL_EDIT_PATCH, CTL_EDIT_DELETE };

// The overlay after one edit of `tree` (= schema_merge(file, overlay)) at `path` ("" is the whole). `value`
// is borrowed; NULL for CTL_EDIT_DELETE. New reference in *overlay. -EINVAL; -ENOENT: nothing to delete.
int ctl_overlay_edit(const json_t *file, const json_t *tree, enum ctl_edit edit, const char *path,
	const json_t *value, json_t **overlay, struct err *err);

// Refuses what an edit may not hold: functions (they live in the file's script), the text that stands for
// a secret, values nested deeper than the schema allows. 0 or -EINVAL.
int ctl_overlay_check(const json_t *value, const char *path, struct err *err);
