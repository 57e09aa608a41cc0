// SPDX-License-Identifier: BSD-3-Clause
// Lua examples out of rows: for messages, the manual and the tests that keep the manual true.
#include "lib/schema_priv.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool lua_word(const char *key) {
	static const char *const reserved[] = {"and", "break", "do", "else", "elseif", "end",
		"false", "for", "function", "goto", "if", "in", "local", "nil", "not", "or",
		"repeat", "return", "then", "true", "until", "while", NULL};
	if (!*key || isdigit((unsigned char)*key))
		return false;
	for (const char *p = key; *p; p++) {
		if (!isalnum((unsigned char)*p) && *p != '_')
			return false;
	}
	for (size_t i = 0; reserved[i]; i++) {
		if (!strcmp(reserved[i], key))
			return false;
	}
	return true;
}

static void string_write(FILE *out, const char *text) {
	fputc('"', out);
	for (; *text; text++)
		fprintf(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
	fputc('"', out);
}

static void key_write(FILE *out, const char *key) {
	size_t len = strlen(key);
	bool number = len && len < 16 && strspn(key, "0123456789") == len;
	if (lua_word(key)) {
		fputs(key, out);
	} else if (number) {
		fprintf(out, "[%s]", key);
	} else {
		fputc('[', out);
		string_write(out, key);
		fputc(']', out);
	}
}

// The first key of a Lua table's text, `{ wan = ...` or `{ ["10.0.0.0/8"] = ...`, malloc'ed; NULL: none.
static char *first_key(const char *lua) {
	const char *p = lua + strspn(lua, "{ \t\n");
	bool bracket = *p == '[';
	p += bracket ? 1 + strspn(p + 1, " \"'") : 0;
	size_t len = strcspn(p, bracket ? "\"'] " : "= \t\n}");
	return len ? strndup(p, len) : NULL;
}

#define LINE_MAX_BYTES 72 // a table that is longer takes a line per field
#define DEFAULTS_MAX   4

struct writer {
	FILE *out;
	const struct schema_row *const *sections;
	bool lines;
};

static void value_write(const struct writer *w, const struct schema_row *row, unsigned depth);

static void newline(const struct writer *w, unsigned depth) {
	fprintf(w->out, "\n%*s", (int)depth * 2, "");
}

static void item_write(const struct writer *w, size_t n, unsigned depth) {
	if (n)
		fputc(',', w->out);
	if (w->lines)
		newline(w, depth + 1);
	else
		fputc(' ', w->out);
}

static void close_write(const struct writer *w, size_t n, unsigned depth) {
	if (w->lines)
		newline(w, depth);
	fputs(n && !w->lines ? " }" : "}", w->out);
}

static int64_t clamp(const struct schema_row *row, int64_t wish) {
	if (!row->min && !row->max)
		return wish;
	if (wish < row->min)
		return row->min;
	return row->max >= row->min && wish > row->max ? row->max : wish;
}

static void amount_write(FILE *out, const struct schema_row *row) {
	char text[SCHEMA_TEXTLEN];
	if (row->type == SCHEMA_DURATION)
		schema_duration_print((uint64_t)clamp(row, 300000000000), text);
	else if (row->type == SCHEMA_BYTES)
		schema_bytes_print((uint64_t)clamp(row, 65536), text);
	else
		schema_rate_print((uint64_t)clamp(row, 1000), text);
	string_write(out, text);
}

static void length_write(FILE *out, const struct schema_row *row) {
	int64_t len = clamp(row, 4);
	fputc('"', out);
	for (int64_t i = 0; i < len && i < SCHEMA_STRING_MAX; i++)
		fputc("text"[i % 4], out);
	fputc('"', out);
}

// The key that a map's example uses: that of its text, its key row's, or one made from the row.
static char *map_key(const struct schema_row *const *sections, const struct schema_row *map);

static void ref_write(
	FILE *out, const struct schema_row *const *sections, const struct schema_row *row) {
	const struct schema_row *map = sections ? schema_find(sections, row->ref, NULL) : NULL;
	char *key = map && map->type == SCHEMA_MAP ? map_key(sections, map) : NULL;
	string_write(out, key ? key : "name");
	free(key);
}

static void scalar_write(
	FILE *out, const struct schema_row *const *sections, const struct schema_row *row) {
	switch (row->type) {
	case SCHEMA_INT:
	case SCHEMA_NUMBER:
		fprintf(out, "%s%" PRId64, "", clamp(row, 1));
		break;
	case SCHEMA_STRING:
		length_write(out, row);
		break;
	case SCHEMA_ENUM:
		string_write(out, row->words[0]);
		break;
	case SCHEMA_DURATION:
	case SCHEMA_BYTES:
	case SCHEMA_RATE:
		amount_write(out, row);
		break;
	case SCHEMA_REF:
		ref_write(out, sections, row);
		break;
	default:
		fputs(schema_type_info(row->type)->example, out);
	}
}

static char *map_key(const struct schema_row *const *sections, const struct schema_row *map) {
	const struct schema_row *key = schema_key_row(map);
	char *text = NULL, *word;
	size_t size;
	if (map->example && (word = first_key(map->example)))
		return word;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	if (key->example)
		fputs(key->example, out);
	else
		scalar_write(out, sections, key);
	fclose(out);
	size_t quotes = text[0] == '"';
	word = strndup(text + quotes, strlen(text) - 2 * quotes);
	free(text);
	return word;
}

static bool shown(const struct schema_row *row) {
	return row->example || (row->flags & SCHEMA_REQUIRED && !row->def);
}

// Of an object in which nothing must be written, what stands there anyhow.
static bool shown_default(const struct schema_row *row) {
	return row->def && schema_type_info(row->type)->scalar && row->type != SCHEMA_ANY;
}

static void default_write(FILE *out, const struct schema_row *row) {
	bool plain =
		row->type == SCHEMA_BOOL || row->type == SCHEMA_INT || row->type == SCHEMA_NUMBER;
	if (plain)
		fputs(row->def, out);
	else
		string_write(out, row->def);
}

static void object_write(const struct writer *w, const struct schema_row *rows, unsigned depth) {
	const struct schema_row *row = rows;
	size_t n = 0;
	while (row->type != SCHEMA_END && !shown(row))
		row++;
	bool defaults = row->type == SCHEMA_END;
	fputc('{', w->out);
	for (row = rows; row->type != SCHEMA_END; row++) {
		if (defaults ? n >= DEFAULTS_MAX || !shown_default(row) : !shown(row))
			continue;
		item_write(w, n++, depth);
		key_write(w->out, row->name);
		fputs(" = ", w->out);
		if (defaults)
			default_write(w->out, row);
		else
			value_write(w, row, depth + 1);
	}
	close_write(w, n, depth);
}

static void map_write(const struct writer *w, const struct schema_row *row, unsigned depth) {
	char *key = map_key(w->sections, row);
	fputc('{', w->out);
	item_write(w, 0, depth);
	key_write(w->out, key ? key : "name");
	fputs(" = ", w->out);
	value_write(w, row->elem, depth + 1);
	close_write(w, 1, depth);
	free(key);
}

static void list_write(const struct writer *w, const struct schema_row *row, unsigned depth) {
	int64_t n = row->min > 1 && !(row->flags & SCHEMA_UNIQUE) ? row->min : 1;
	fputc('{', w->out);
	for (int64_t i = 0; i < n && i < 16; i++) {
		item_write(w, (size_t)i, depth);
		value_write(w, row->elem, depth + 1);
	}
	close_write(w, (size_t)n, depth);
}

static void container_write(const struct writer *w, const struct schema_row *row, unsigned depth) {
	if (row->type == SCHEMA_OBJECT)
		object_write(w, row->rows, depth);
	else if (row->type == SCHEMA_MAP)
		map_write(w, row, depth);
	else
		list_write(w, row, depth);
}

static bool fits(const struct writer *w, const struct schema_row *row, unsigned depth) {
	char *text = NULL;
	size_t size = 0;
	struct writer line = {open_memstream(&text, &size), w->sections, false};
	if (!line.out)
		return true;
	container_write(&line, row, depth);
	fclose(line.out);
	free(text);
	return size <= LINE_MAX_BYTES;
}

static void value_write(const struct writer *w, const struct schema_row *row, unsigned depth) {
	struct writer line = {w->out, w->sections, false};
	if (row->example)
		fputs(row->example, w->out);
	else if (depth > SCHEMA_DEPTH_MAX)
		fputs("{}", w->out);
	else if (row->type == SCHEMA_UNION)
		value_write(w, row->rows, depth);
	else if (schema_type_info(row->type)->scalar)
		scalar_write(w->out, w->sections, row);
	else
		container_write(w->lines && !fits(w, row, depth) ? w : &line, row, depth);
}

void schema_example_write(
	FILE *out, const struct schema_row *const *sections, const struct schema_row *row) {
	struct writer line = {out, sections, false};
	value_write(&line, row, 0);
}

#define SECTIONS_MAX 64

static size_t section_index(const struct schema_row *const *sections, const char *path) {
	size_t len = strcspn(path, ".["), i = 0;
	while (sections[i] &&
		(strlen(sections[i]->name) != len || memcmp(sections[i]->name, path, len)))
		i++;
	return i;
}

// Adds the sections that the shown part of a row refers to.
static void needs(const struct schema_row *const *sections, const struct schema_row *row,
	bool *needed, unsigned depth) {
	if (depth > SCHEMA_DEPTH_MAX)
		return;
	if (row->type == SCHEMA_REF) {
		size_t i = section_index(sections, row->ref);
		if (!sections[i] || i >= SECTIONS_MAX || needed[i])
			return;
		needed[i] = true;
		needs(sections, sections[i], needed, depth + 1);
	}
	if (row->type == SCHEMA_MAP)
		needs(sections, schema_key_row(row), needed, depth + 1);
	if (row->type == SCHEMA_MAP || row->type == SCHEMA_LIST)
		needs(sections, row->elem, needed, depth + 1);
	bool rows = row->type == SCHEMA_OBJECT || row->type == SCHEMA_UNION;
	for (const struct schema_row *field = row->rows; rows && field->type != SCHEMA_END; field++)
		needs(sections, field, needed, depth + 1);
}

char *schema_example(const struct schema_row *const *sections, const char *section) {
	bool needed[SECTIONS_MAX] = {0};
	size_t self = section_index(sections, section), size;
	char *text = NULL;
	FILE *out = sections[self] && self < SECTIONS_MAX ? open_memstream(&text, &size) : NULL;
	if (!out)
		return NULL;
	needed[self] = true;
	needs(sections, sections[self], needed, 0);
	struct writer w = {out, sections, true};
	fputs("return {\n", out);
	for (size_t i = 0; sections[i] && i < SECTIONS_MAX; i++) {
		if (!needed[i])
			continue;
		fputs("  ", out);
		key_write(out, sections[i]->name);
		fputs(" = ", out);
		value_write(&w, sections[i], 1);
		fputs(",\n", out);
	}
	fputs("}\n", out);
	fclose(out);
	return text;
}
