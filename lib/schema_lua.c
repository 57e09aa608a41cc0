// SPDX-License-Identifier: BSD-3-Clause
// LuaCATS annotations: the Lua language server completes and type-checks configurations with them.
// A class per object, named by its path without the keys of maps: leat.switches.ports.
#include "lib/schema_priv.h"
#include "lib/script.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct stubs {
	FILE *out;
	// Objects around the present one and their class names, for rows that contain themselves.
	const struct schema_row *open[SCHEMA_DEPTH_MAX + 1];
	const char *names[SCHEMA_DEPTH_MAX + 1];
	const struct script_class *given[8]; // to functions, that were written
};

static const char *class_of(const struct stubs *stubs, const struct schema_row *object,
	const char *name, unsigned depth) {
	for (unsigned i = 0; i < depth; i++) {
		if (stubs->open[i] == object->rows)
			return stubs->names[i];
	}
	return name;
}

static void words_write(FILE *out, const char *const *words) {
	for (size_t i = 0; words[i]; i++)
		fprintf(out, "%s\"%s\"", i ? "|" : "", words[i]);
}

static void function_write(FILE *out, const struct schema_row *row) {
	if (!row->arg) {
		fputs(schema_type_info(row->type)->lua, out);
		return;
	}
	fprintf(out, "fun(%s: leat.%s): ", row->arg->name, row->arg->name);
	if (row->words) {
		words_write(out, row->words);
		fputs("|nil", out);
	} else {
		fputs("any", out);
	}
}

// What functions are given, once.
static void given_write(struct stubs *stubs, const struct script_class *given) {
	size_t i = 0;
	while (i < sizeof(stubs->given) / sizeof(*stubs->given) && stubs->given[i] &&
		stubs->given[i] != given)
		i++;
	if (i == sizeof(stubs->given) / sizeof(*stubs->given) || stubs->given[i] == given)
		return;
	stubs->given[i] = given;
	fprintf(stubs->out, "---%s\n---@class (exact) leat.%s\n", given->help, given->name);
	for (const struct script_member *m = given->members; m->name; m++) {
		if (m->args)
			fprintf(stubs->out, "---@field %s fun(self: leat.%s, %s): %s %s\n", m->name,
				given->name, m->args, m->type, m->help);
		else
			fprintf(stubs->out, "---@field %s %s %s\n", m->name, m->type, m->help);
	}
	fputc('\n', stubs->out);
}

// `name` is the class of the row's innermost object.
static void type_write(FILE *out, const struct schema_row *row, const char *name) {
	bool choice;
	switch (row->type) {
	case SCHEMA_MAP:
		fprintf(out, "table<%s, ",
			schema_key_row(row)->type == SCHEMA_INT ? "integer" : "string");
		type_write(out, row->elem, name);
		fputc('>', out);
		break;
	case SCHEMA_LIST:
		choice = row->elem->type == SCHEMA_ENUM || row->elem->type == SCHEMA_UNION;
		fputs(choice ? "(" : "", out);
		type_write(out, row->elem, name);
		fputs(choice ? ")[]" : "[]", out);
		break;
	case SCHEMA_UNION:
		for (const struct schema_row *alt = row->rows; alt->type != SCHEMA_END; alt++) {
			fputs(alt == row->rows ? "" : "|", out);
			type_write(out, alt, name);
		}
		break;
	case SCHEMA_OBJECT:
		fputs(name, out);
		break;
	case SCHEMA_ENUM:
		words_write(out, row->words);
		break;
	case SCHEMA_FUNCTION:
		function_write(out, row);
		break;
	default:
		fputs(schema_type_info(row->type)->lua, out);
	}
}

static bool identifier(const char *name) {
	if (isdigit((unsigned char)*name))
		return false;
	while (isalnum((unsigned char)*name) || *name == '_')
		name++;
	return !*name;
}

static void field_write(FILE *out, const struct schema_row *row, const char *name, bool required) {
	char range[SCHEMA_RANGELEN];
	fprintf(out, identifier(row->name) ? "---@field %s%s " : "---@field [\"%s\"]%s ", row->name,
		required ? "" : "?");
	type_write(out, row, name);
	if (row->help)
		fprintf(out, " %s", row->help);
	if (*schema_range_print(row, range))
		fprintf(out, ", %s", range);
	if (row->unit && *range)
		fprintf(out, " %s", row->unit);
	if (row->type == SCHEMA_REF)
		fprintf(out, " (one of %s)", row->ref);
	if (row->def && schema_is_scalar(row))
		fprintf(out, " (default %s)", row->def);
	fputc('\n', out);
}

static char *field_class(const char *up, const char *field) {
	char *name = NULL;
	return asprintf(&name, "%s.%s", up, field) < 0 ? NULL : name;
}

// The class of a row's object, and before it those of the objects inside.
static void class_write(
	struct stubs *stubs, const struct schema_row *row, const char *name, unsigned depth) {
	const struct schema_row *object = schema_leaf(row), *field;
	if (object->type != SCHEMA_OBJECT || depth > SCHEMA_DEPTH_MAX ||
		class_of(stubs, object, NULL, depth))
		return;
	stubs->open[depth] = object->rows;
	stubs->names[depth] = name;
	for (field = object->rows; field->type != SCHEMA_END; field++) {
		char *inner = field_class(name, field->name);
		if (inner)
			class_write(stubs, field, inner, depth + 1);
		free(inner);
		if (field->type == SCHEMA_FUNCTION && field->arg)
			given_write(stubs, field->arg);
	}
	if (object->help || row->help)
		fprintf(stubs->out, "---%s\n", object->help ? object->help : row->help);
	fprintf(stubs->out, "---@class (exact) %s\n", name);
	for (field = object->rows; field->type != SCHEMA_END; field++) {
		char *inner = field_class(name, field->name);
		field_write(stubs->out, field,
			class_of(stubs, schema_leaf(field), inner ? inner : "table", depth + 1),
			field->flags & SCHEMA_REQUIRED && !field->def);
		free(inner);
	}
	fputc('\n', stubs->out);
}

static void config_write(struct stubs *stubs, const struct schema_row *const *sections) {
	fputs("---@class (exact) leat.config\n", stubs->out);
	for (size_t i = 0; sections[i]; i++) {
		char *name = field_class("leat", sections[i]->name);
		field_write(stubs->out, sections[i], name ? name : "table",
			sections[i]->flags & SCHEMA_REQUIRED && !sections[i]->def);
		free(name);
	}
}

char *schema_lua_stubs(const struct schema_row *const *sections) {
	char *text = NULL;
	size_t size;
	struct stubs stubs = {.out = open_memstream(&text, &size)};
	if (!stubs.out)
		return NULL;
	fputs("---@meta\n"
	      "-- Write `---@type leat.config` above the table that a configuration returns.\n\n"
	      "---@alias leat.duration string|number \"250ms\", \"2s\", \"1h30m\", \"7d\"; a "
	      "number: seconds\n"
	      "---@alias leat.bytes string|integer \"64K\", \"1M\", \"2G\"; a number: bytes\n"
	      "---@alias leat.rate string|integer \"1000/s\", \"10k/s\", \"2M/s\"; a number: per "
	      "second\n"
	      "---@alias leat.mac string \"02:00:00:00:00:01\"\n"
	      "---@alias leat.address string \"192.0.2.1\", \"2001:db8::1\"\n"
	      "---@alias leat.prefix string \"192.0.2.0/24\", \"2001:db8::/32\"\n\n",
		stubs.out);
	for (size_t i = 0; sections[i]; i++) {
		char *name = field_class("leat", sections[i]->name);
		if (name)
			class_write(&stubs, sections[i], name, 0);
		free(name);
	}
	config_write(&stubs, sections);
	if (!fclose(stubs.out))
		return text;
	free(text);
	return NULL;
}
