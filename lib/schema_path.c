// SPDX-License-Identifier: BSD-3-Clause
// Dotted paths: printed from a walk's frames, read by steps, followed through trees and rows.
#include "lib/schema_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct schema_frame schema_frame_key(const struct schema_frame *up, const char *key) {
	return (struct schema_frame){
		.walk = up->walk, .up = up, .key = key, .depth = up->depth + 1};
}

struct schema_frame schema_frame_index(const struct schema_frame *up, size_t index) {
	return (struct schema_frame){
		.walk = up->walk, .up = up, .index = index, .depth = up->depth + 1};
}

// What a bare key may not hold. Bytes above 0x7f are UTF-8 and may.
static bool bare_char(unsigned char c) {
	return c > ' ' && c != 0x7f && !strchr(".[]\"'\\", c);
}

static bool bare_key(const char *key) {
	if (!*key)
		return false;
	for (; *key; key++) {
		if (!bare_char((unsigned char)*key))
			return false;
	}
	return true;
}

static void key_write(FILE *out, const char *key, bool first) {
	if (bare_key(key)) {
		fprintf(out, "%s%s", first ? "" : ".", key);
		return;
	}
	fputs("[\"", out);
	for (; *key; key++) {
		unsigned char c = (unsigned char)*key;
		if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\x%02x", c);
		else
			fprintf(out, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
	}
	fputs("\"]", out);
}

// Cuts a long key for a message, between UTF-8 characters.
static void key_shorten(const char *key, char buf[static 48]) {
	size_t len = strlen(key);
	if (len < 44) {
		memcpy(buf, key, len + 1);
		return;
	}
	len = 40;
	while (len && ((unsigned char)key[len] & 0xc0) == 0x80)
		len--;
	memcpy(buf, key, len);
	memcpy(buf + len, "...", 4);
}

static bool frames_write(FILE *out, const struct schema_frame *frame, bool shorten) {
	if (!frame->up) {
		fputs(frame->walk->base, out);
		return !*frame->walk->base;
	}
	bool first = frames_write(out, frame->up, shorten);
	char key[48];
	if (!frame->key) {
		fprintf(out, "[%zu]", frame->index + 1);
	} else if (shorten) {
		key_shorten(frame->key, key);
		key_write(out, key, first);
	} else {
		key_write(out, frame->key, first);
	}
	return false;
}

static char *frames_print(const struct schema_frame *frame, bool shorten) {
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	frames_write(out, frame, shorten);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

char *schema_path_print(const struct schema_frame *frame) {
	return frames_print(frame, false);
}

// Of a path that is still too long the end matters: that is where the mistake is.
char *schema_path_short(const struct schema_frame *frame, char buf[static SCHEMA_PATHLEN]) {
	char *text = frames_print(frame, true);
	const char *tail = text ? text : "";
	size_t len = strlen(tail);
	bool cut = len >= SCHEMA_PATHLEN;
	if (cut)
		tail += len - (SCHEMA_PATHLEN - 4);
	while (cut && ((unsigned char)*tail & 0xc0) == 0x80)
		tail++;
	snprintf(buf, SCHEMA_PATHLEN, "%s%s", cut ? "..." : "", tail);
	free(text);
	return buf;
}

static int path_refuse(const char *whole, const char *at, const char *why, struct err *err) {
	char quoted[SCHEMA_SHORTLEN];
	return err_set(err, -EINVAL,
		"path %s: %s at character %zu; write names with dots between, and other keys as "
		"[\"10.0.0.0/8\"]",
		schema_quote(whole, strlen(whole), quoted), why, (size_t)(at - whole) + 1);
}

static int hex_digit(char c) {
	const char *digits = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;
	return at ? (int)(at - digits) : -1;
}

// One possibly escaped character of a quoted key; 0: malformed.
static unsigned char quoted_char(const char **p) {
	const char *s = *p;
	if (*s != '\\') {
		(*p)++;
		return (unsigned char)*s;
	}
	if (s[1] == 'x' && hex_digit(s[2]) >= 0 && hex_digit(s[3]) >= 0) {
		*p += 4;
		return (unsigned char)(hex_digit(s[2]) * 16 + hex_digit(s[3]));
	}
	*p += s[1] ? 2 : 1;
	return (unsigned char)s[1];
}

// ["key"] or [3], *path at the bracket.
static int bracket_next(
	const char *whole, const char **path, struct schema_step *step, struct err *err) {
	const char *p = *path + 1;
	char quote = *p == '"' || *p == '\'' ? *p++ : 0;
	size_t len = 0;
	step->bracket = !quote;
	while (*p && *p != (quote ? quote : ']')) {
		if (len == SCHEMA_KEY_MAX)
			return path_refuse(whole, p, "a key is longer than 255 bytes", err);
		const char *at = p;
		unsigned char c = quoted_char(&p);
		if (!c || (!quote && (c < '0' || c > '9')))
			return path_refuse(whole, at, "a key in [] needs quotes", err);
		step->key[len++] = (char)c;
	}
	step->key[len] = 0;
	if (!*p || (quote && *++p != ']'))
		return path_refuse(whole, p, "the ] is missing", err);
	if (!quote && !len)
		return path_refuse(whole, p, "an empty []", err);
	*path = p + 1;
	return 1;
}

static int bare_next(
	const char *whole, const char **path, struct schema_step *step, struct err *err) {
	const char *p = *path;
	size_t len = 0;
	while (bare_char((unsigned char)*p)) {
		if (len == SCHEMA_KEY_MAX)
			return path_refuse(whole, p, "a key is longer than 255 bytes", err);
		step->key[len++] = *p++;
	}
	step->key[len] = 0;
	if (!len)
		return path_refuse(
			whole, p, *p && *p != '.' ? "a strange character" : "an empty name", err);
	if (*p && *p != '.' && *p != '[')
		return path_refuse(whole, p, "a strange character", err);
	*path = p;
	return 1;
}

// "3" → 2; SIZE_MAX when the key is no position in a list.
static size_t position(const char *key) {
	size_t len = strlen(key);
	if (!len || len > 9 || strspn(key, "0123456789") != len || *key == '0')
		return SIZE_MAX;
	return (size_t)strtoul(key, NULL, 10) - 1;
}

int schema_step_next(
	const char *whole, const char **path, struct schema_step *step, struct err *err) {
	const char *p = *path;
	step->bracket = false;
	if (!*p)
		return 0;
	if (*p == '.' && p != whole && !*++p)
		return path_refuse(whole, p, "an empty name", err);
	int rc = *p == '[' ? bracket_next(whole, &p, step, err) : bare_next(whole, &p, step, err);
	if (rc < 0)
		return rc;
	if (*p && *p != '.' && *p != '[')
		return path_refuse(whole, p, "a strange character", err);
	step->index = position(step->key);
	*path = p;
	return 1;
}

static json_t *child_get(const json_t *node, const struct schema_step *step) {
	if (json_is_array(node))
		return json_array_get(node, step->index);
	return json_object_get(node, step->key);
}

json_t *schema_get(const json_t *tree, const char *path) {
	const json_t *node = tree;
	struct schema_step step;
	const char *p = path;
	int rc;
	while (node && (rc = schema_step_next(path, &p, &step, NULL)) > 0)
		node = child_get(node, &step);
	return node && !rc ? (json_t *)node : NULL;
}

static const struct schema_row *section_find(
	const struct schema_row *const *sections, const char *name) {
	for (; *sections; sections++) {
		if (!strcmp((*sections)->name, name))
			return *sections;
	}
	return NULL;
}

static const struct schema_row *unknown(
	const struct schema_frame *frame, const char *kind, const char *key, const char **names) {
	schema_refuse_unknown(frame, kind, key, names);
	free(names);
	return NULL;
}

static const struct schema_row *row_step(const struct schema_frame *up,
	const struct schema_row *row, const struct schema_step *step);

// The first alternative that the step leads into; when none does, the mistake is one about that with a table in it.
static const struct schema_row *union_step(const struct schema_frame *up,
	const struct schema_row *row, const struct schema_step *step) {
	struct schema_walk quiet = *up->walk;
	struct schema_frame frame = *up;
	quiet.err = NULL;
	frame.walk = &quiet;
	for (const struct schema_row *alt = row->rows; alt->type != SCHEMA_END; alt++) {
		const struct schema_row *found = row_step(&frame, alt, step);
		if (found)
			return found;
	}
	return row_step(up, schema_below(row), step);
}

// The row one step below `row`.
static const struct schema_row *row_step(const struct schema_frame *up,
	const struct schema_row *row, const struct schema_step *step) {
	char key[SCHEMA_KEY_MAX + 1];
	switch (row->type) {
	case SCHEMA_ANY:
		return row;
	case SCHEMA_UNION:
		return union_step(up, row, step);
	case SCHEMA_MAP:
		return schema_key(up, schema_key_row(row), step->key, key) ? NULL : row->elem;
	case SCHEMA_LIST:
		if (step->index != SIZE_MAX)
			return row->elem;
		schema_refuse(up,
			"\"%.48s\" is no position in a list; write a number from 1, such as [1]",
			step->key);
		return NULL;
	case SCHEMA_OBJECT:
		if (schema_row_find(row->rows, step->key))
			return schema_row_find(row->rows, step->key);
		return unknown(up, "key", step->key, schema_row_names(row->rows));
	default:
		schema_refuse(up, "%s has nothing inside; leave out \"%.48s\"",
			schema_type_info(row->type)->noun, step->key);
		return NULL;
	}
}

// Steps from the sections (row NULL) or a row to the row below, and enters it into the frames.
static const struct schema_row *find_step(const struct schema_row *const *sections,
	const struct schema_row *row, const struct schema_step *step, struct schema_frame *at) {
	bool element = row && step->index != SIZE_MAX &&
		(row->type == SCHEMA_LIST || row->type == SCHEMA_UNION);
	if (row)
		row = row_step(at, row, step);
	else if (!(row = section_find(sections, step->key)))
		return unknown(at, "section", step->key, schema_section_names(sections));
	at[1] = element ? schema_frame_index(at, step->index) : schema_frame_key(at, step->key);
	return row;
}

const struct schema_row *schema_find(
	const struct schema_row *const *sections, const char *path, struct err *err) {
	struct schema_walk walk = {.base = "", .err = err};
	struct schema_frame frames[SCHEMA_DEPTH_MAX + 1] = {{.walk = &walk}};
	struct schema_step steps[SCHEMA_DEPTH_MAX];
	const struct schema_row *row = NULL;
	const char *p = path;
	for (size_t i = 0; i < SCHEMA_DEPTH_MAX; i++) {
		int rc = schema_step_next(path, &p, &steps[i], err);
		if (rc < 0)
			return NULL;
		if (!rc) {
			if (!row)
				err_set(err, -EINVAL,
					"the path is empty; write one such as ports.wan.mtu");
			return row;
		}
		row = find_step(sections, row, &steps[i], &frames[i]);
		if (!row)
			return NULL;
	}
	path_refuse(path, p, "more than 32 levels", err);
	return NULL;
}

static int put_refuse(const struct schema_frame *frame, const json_t *node, const char *key) {
	static const struct schema_row any = {.type = SCHEMA_ANY};
	char found[SCHEMA_SHORTLEN];
	return schema_refuse(frame, "%s has nothing inside, so \"%.48s\" cannot be set there",
		schema_found_print(&any, node, found), key);
}

static int position_refuse(
	const struct schema_frame *frame, const struct schema_step *step, size_t n) {
	return schema_refuse(frame, "\"%.48s\" is no position in a list of %zu; write 1 to %zu",
		step->key, n, n + 1);
}

// `value` is stolen.
static int child_set(const struct schema_frame *frame, json_t *node, const struct schema_step *step,
	json_t *value) {
	size_t n = json_array_size(node);
	int rc;
	if (!json_is_array(node)) {
		rc = json_object_set_new(node, step->key, value);
	} else if (step->index > n) {
		json_decref(value);
		return position_refuse(frame, step, n);
	} else {
		rc = step->index == n ? json_array_append_new(node, value)
				      : json_array_set_new(node, step->index, value);
	}
	return rc ? err_set(frame->walk->err, -EINVAL, "\"%.48s\" is not UTF-8 text", step->key)
		  : 0;
}

// Puts `value` (stolen) into new tables and lists, so that `steps` lead to it. NULL: one of the
// positions is not a new list's first.
static json_t *wrap(const struct schema_frame *frame, const struct schema_step *steps, size_t n,
	json_t *value) {
	while (n--) {
		json_t *box = steps[n].bracket ? json_array() : json_object();
		if (child_set(frame, box, &steps[n], value)) {
			json_decref(box);
			return NULL;
		}
		value = box;
	}
	return value;
}

static bool replaceable(const json_t *child, const struct schema_step *next) {
	if (!child || json_is_null(child))
		return true;
	return next->bracket && json_is_object(child) && !json_object_size(child);
}

static int put_value(
	json_t *node, const struct schema_step *steps, size_t n, json_t *value, struct err *err) {
	struct schema_walk walk = {.base = "", .err = err};
	struct schema_frame frames[SCHEMA_DEPTH_MAX + 1] = {{.walk = &walk}};
	for (size_t i = 0;; i++) {
		if (!json_is_object(node) && !json_is_array(node)) {
			json_decref(value);
			return put_refuse(&frames[i], node, steps[i].key);
		}
		if (i + 1 == n)
			return child_set(&frames[i], node, &steps[i], value);
		frames[i + 1] = json_is_array(node) && steps[i].index != SIZE_MAX
			? schema_frame_index(&frames[i], steps[i].index)
			: schema_frame_key(&frames[i], steps[i].key);
		json_t *child = child_get(node, &steps[i]);
		if (!replaceable(child, &steps[i + 1])) {
			node = child;
			continue;
		}
		value = wrap(&frames[i + 1], &steps[i + 1], n - i - 1, value);
		return value ? child_set(&frames[i], node, &steps[i], value) : -EINVAL;
	}
}

static int put_nothing(json_t *node, const char *path, const struct schema_step *steps, size_t n,
	struct err *err) {
	size_t i = 0;
	while (node && i + 1 < n)
		node = child_get(node, &steps[i++]);
	int rc = json_is_array(node) ? json_array_remove(node, steps[i].index)
				     : json_object_del(node, steps[i].key);
	if (!rc)
		return 0;
	return err_set(err, -ENOENT, "%.200s is not set, so there is nothing to remove", path);
}

int schema_put(json_t *tree, const char *path, json_t *value, struct err *err) {
	struct schema_step steps[SCHEMA_DEPTH_MAX];
	const char *p = path;
	size_t n = 0;
	int rc = 0;
	while (n < SCHEMA_DEPTH_MAX && (rc = schema_step_next(path, &p, &steps[n], err)) > 0)
		n++;
	if (rc >= 0 && *p)
		rc = path_refuse(path, p, "more than 32 levels", err);
	else if (rc >= 0 && !n)
		rc = err_set(err, -EINVAL, "the path is empty; write one such as ports.wan.mtu");
	if (rc < 0) {
		json_decref(value);
		return rc;
	}
	return value ? put_value(tree, steps, n, value, err)
		     : put_nothing(tree, path, steps, n, err);
}
