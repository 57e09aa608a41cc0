// SPDX-License-Identifier: BSD-3-Clause
// What differs between two trees, as a list for people and as an RFC 7396 patch for programs.
#include "lib/schema_priv.h"
#include <stdlib.h>
#include <string.h>

static int key_cmp(const void *a, const void *b) {
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// The keys of both, sorted, each once. NULL: out of memory.
static const char **keys_union(const json_t *a, const json_t *b, size_t *n) {
	const char **keys = calloc(json_object_size(a) + json_object_size(b) + 1, sizeof(*keys));
	const char *key;
	json_t *value;
	*n = 0;
	if (!keys)
		return NULL;
	json_object_foreach ((json_t *)a, key, value)
		keys[(*n)++] = key;
	json_object_foreach ((json_t *)b, key, value) {
		if (!json_object_get(a, key))
			keys[(*n)++] = key;
	}
	qsort(keys, *n, sizeof(*keys), key_cmp);
	return keys;
}

static int entry_add(
	const struct schema_frame *frame, const json_t *old, const json_t *new, json_t *out) {
	char *path = schema_path_print(frame);
	json_t *entry = json_pack("{s:s*, s:s, s:O*, s:O*}", "path", path, "op",
		!old           ? "add"
			: !new ? "del"
			       : "set",
		"old", old, "new", new);
	free(path);
	return json_array_append_new(out, entry);
}

static int diff(
	const struct schema_frame *frame, const json_t *old, const json_t *new, json_t *out) {
	if (!json_is_object(old) || !json_is_object(new))
		return json_equal(old, new) ? 0 : entry_add(frame, old, new, out);
	size_t n;
	const char **keys = keys_union(old, new, &n);
	int rc = keys ? 0 : -1;
	for (size_t i = 0; !rc && i < n; i++) {
		struct schema_frame at = schema_frame_key(frame, keys[i]);
		rc = diff(&at, json_object_get(old, keys[i]), json_object_get(new, keys[i]), out);
	}
	free(keys);
	return rc;
}

json_t *schema_diff(const json_t *old, const json_t *new) {
	struct schema_walk walk = {.base = ""};
	struct schema_frame frame = {.walk = &walk};
	json_t *out = json_array();
	if (out && diff(&frame, old, new, out)) {
		json_decref(out);
		return NULL;
	}
	return out;
}

static int member_set(json_t *out, const char *key, json_t *value) {
	return json_object_set_new_nocheck(out, key, value);
}

json_t *schema_merge(const json_t *tree, const json_t *patch) {
	const json_t *base = json_is_object(tree) ? tree : NULL;
	const char *key;
	json_t *value, *out;
	if (!json_is_object(patch))
		return json_deep_copy(patch);
	int rc = (out = json_object()) ? 0 : -1;
	json_object_foreach ((json_t *)base, key, value) {
		const json_t *change = json_object_get(patch, key);
		if (!rc && !json_is_null(change))
			rc = member_set(out, key,
				change ? schema_merge(value, change) : json_deep_copy(value));
	}
	json_object_foreach ((json_t *)patch, key, value) {
		if (!rc && !json_is_null(value) && !json_object_get(base, key))
			rc = member_set(out, key, schema_merge(NULL, value));
	}
	if (!rc)
		return out;
	json_decref(out);
	return NULL;
}

static int patch_member(json_t *out, const char *key, const json_t *old, const json_t *new) {
	if (json_equal(old, new))
		return 0;
	return member_set(out, key, new ? schema_patch(old, new) : json_null());
}

json_t *schema_patch(const json_t *old, const json_t *new) {
	const char *key;
	json_t *value, *out;
	if (!json_is_object(old) || !json_is_object(new))
		return json_equal(old, new) ? json_object() : json_deep_copy(new);
	int rc = (out = json_object()) ? 0 : -1;
	json_object_foreach ((json_t *)old, key, value)
		rc = rc ? rc : patch_member(out, key, value, json_object_get(new, key));
	json_object_foreach ((json_t *)new, key, value) {
		if (!rc && !json_object_get(old, key))
			rc = patch_member(out, key, NULL, value);
	}
	if (!rc)
		return out;
	json_decref(out);
	return NULL;
}
