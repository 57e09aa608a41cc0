// SPDX-License-Identifier: BSD-3-Clause
// The reference manual in Markdown: a section per section, a table per object.
#include "lib/schema_priv.h"
#include "lib/script.h"
#include <stdlib.h>
#include <string.h>

struct manual {
	FILE *out;
	const struct schema_row *open[SCHEMA_DEPTH_MAX + 1]; // tables around the present one
};

// What a table cell cannot hold as it is.
static void cell_write(FILE *out, const char *text) {
	for (; *text; text++)
		fprintf(out, "%s%c", *text == '|' ? "\\" : "", *text);
}

static void type_write(FILE *out, const struct schema_row *row) {
	if (row->type == SCHEMA_LIST) {
		fputs("list of ", out);
		type_write(out, row->elem);
	} else if (row->type == SCHEMA_MAP) {
		const struct schema_row *key = schema_key_row(row);
		fprintf(out, "map of %s", schema_type_info(key->type)->plain);
		if (key->type == SCHEMA_REF)
			fprintf(out, " in `%s`", key->ref);
		fputs(" to ", out);
		type_write(out, row->elem);
	} else if (row->type == SCHEMA_REF) {
		fprintf(out, "name in `%s`", row->ref);
	} else if (row->type == SCHEMA_UNION) {
		for (const struct schema_row *alt = row->rows; alt->type != SCHEMA_END; alt++) {
			fputs(alt == row->rows ? "" : " or ", out);
			type_write(out, alt);
		}
	} else {
		fputs(schema_type_info(row->type)->plain, out);
	}
}

// Returns whether there was something to write.
static bool range_write(FILE *out, const struct schema_row *row) {
	char range[SCHEMA_RANGELEN];
	const struct schema_row *inner = row;
	while ((inner->type == SCHEMA_LIST || inner->type == SCHEMA_MAP) && !inner->min &&
		!inner->max)
		inner = inner->elem;
	if (inner->type == SCHEMA_UNION) {
		bool any = false;
		for (const struct schema_row *alt = inner->rows; alt->type != SCHEMA_END; alt++) {
			bool ranged = schema_type_info(alt->type)->scalar &&
				(alt->type == SCHEMA_ENUM || alt->min || alt->max);
			fputs(any && ranged ? " or " : "", out);
			any |= ranged && range_write(out, alt);
		}
		return any;
	}
	if (inner->type == SCHEMA_ENUM) {
		for (const char *const *word = inner->words; *word; word++) {
			fprintf(out, "%s`", word == inner->words ? "" : ", ");
			cell_write(out, *word);
			fputc('`', out);
		}
		return true;
	}
	fputs(schema_range_print(inner, range), out);
	if (*range && inner->type == SCHEMA_STRING)
		fputs(" bytes", out);
	else if (*range && (inner->type == SCHEMA_LIST || inner->type == SCHEMA_MAP))
		fputs(" entries", out);
	else if (*range && inner->unit &&
		(inner->type == SCHEMA_INT || inner->type == SCHEMA_NUMBER))
		fprintf(out, " %s", inner->unit);
	return *range;
}

static void help_write(FILE *out, const struct schema_row *row) {
	cell_write(out, row->help ? row->help : "");
	if (row->fix) {
		fputs("; ", out);
		cell_write(out, row->fix);
	}
	if (row->flags & SCHEMA_UNIQUE)
		fputs("; none stands twice", out);
	if (row->flags & SCHEMA_SECRET)
		fputs("; secret: never shown", out);
	if (row->flags & SCHEMA_LIVE)
		fputs("; may be changed while in use", out);
	if (row->flags & SCHEMA_RESTART)
		fputs("; takes effect at the next start", out);
}

static void rows_write(FILE *out, const struct schema_row *rows) {
	fputs("| field | type | range | default | |\n|---|---|---|---|---|\n", out);
	for (; rows->type != SCHEMA_END; rows++) {
		fprintf(out, "| `%s` | ", rows->name);
		type_write(out, rows);
		fputs(" | ", out);
		range_write(out, rows);
		fputs(" | ", out);
		if (rows->def && strcmp(rows->def, "{}")) {
			fputc('`', out);
			cell_write(out, rows->def);
			fputc('`', out);
		} else if (rows->flags & SCHEMA_REQUIRED && !rows->def) {
			fputs("required", out);
		}
		fputs(" | ", out);
		help_write(out, rows);
		fputs(" |\n", out);
	}
	fputc('\n', out);
}

// What a function is given, and may say.
static void function_write(FILE *out, const struct schema_row *row, const char *path) {
	const char *name = row->arg->name;
	fprintf(out, "### `%s.%s`: function(%s)\n\n%s. It returns ", path, row->name, name,
		row->arg->help);
	for (const char *const *word = row->words; word && *word; word++)
		fprintf(out, "`\"%s\"`, ", *word);
	fprintf(out, "%snil.\n\n", row->words ? "or " : "");
	fputs("| field | type | range | default | |\n|---|---|---|---|---|\n", out);
	for (const struct script_member *m = row->arg->members; m->name; m++) {
		fprintf(out, m->args ? "| `%s(%s)` | " : "| `%s%s` | ", m->name,
			m->args ? m->args : "");
		cell_write(out, m->type);
		fputs(" | | | ", out);
		cell_write(out, m->help);
		fputs(" |\n", out);
	}
	fputc('\n', out);
}

static bool is_open(const struct manual *manual, const struct schema_row *rows, unsigned depth) {
	for (unsigned i = 0; i < depth; i++) {
		if (manual->open[i] == rows)
			return true;
	}
	return false;
}

// The path of the elements below a row: "ports.NAME", "rules[N]".
static char *below(const char *path, const struct schema_row *row) {
	char *text = strdup(path), *longer;
	for (; text && row != schema_leaf(row); row = schema_below(row)) {
		if (row->type == SCHEMA_UNION)
			continue;
		const struct schema_row *key = row->type == SCHEMA_MAP ? schema_key_row(row) : NULL;
		const char *word = key && key->name ? key->name : "name";
		int rc = key ? asprintf(&longer, "%s.<%s>", text, word)
			     : asprintf(&longer, "%s[N]", text);
		free(text);
		text = rc < 0 ? NULL : longer;
	}
	return text;
}

// The table of a row's object and those of the objects inside. A row that contains itself is shown
// once.
static void object_write(
	struct manual *manual, const struct schema_row *row, const char *path, unsigned depth) {
	const struct schema_row *object = schema_leaf(row);
	char *here = below(path, row);
	if (!here || object->type != SCHEMA_OBJECT || depth > SCHEMA_DEPTH_MAX ||
		is_open(manual, object->rows, depth)) {
		free(here);
		return;
	}
	manual->open[depth] = object->rows;
	if (depth || strcmp(here, row->name)) // else the section's own heading says it
		fprintf(manual->out, "### `%s`\n\n", here);
	const char *help = object->help ? object->help : row->help;
	if (help && depth)
		fprintf(manual->out, "%s\n\n", help);
	rows_write(manual->out, object->rows);
	for (const struct schema_row *field = object->rows; field->type != SCHEMA_END; field++) {
		char *path_of = NULL;
		if (asprintf(&path_of, "%s.%s", here, field->name) >= 0)
			object_write(manual, field, path_of, depth + 1);
		free(path_of);
		if (field->type == SCHEMA_FUNCTION && field->arg)
			function_write(manual->out, field, here);
	}
	free(here);
}

static void section_write(struct manual *manual, const struct schema_row *const *sections,
	const struct schema_row *section) {
	char *example = schema_example(sections, section->name);
	fprintf(manual->out, "## `%s`\n\n", section->name);
	if (section->help)
		fprintf(manual->out, "%s\n\n", section->help);
	if (schema_leaf(section)->type != SCHEMA_OBJECT) {
		fputs("Type: ", manual->out);
		type_write(manual->out, section);
		fputs(".\n\n", manual->out);
	}
	object_write(manual, section, section->name, 0);
	if (example)
		fprintf(manual->out, "Example:\n\n```lua\n%s```\n\n", example);
	free(example);
}

char *schema_manual(const struct schema_row *const *sections) {
	char *text = NULL;
	size_t size;
	struct manual manual = {.out = open_memstream(&text, &size)};
	if (!manual.out)
		return NULL;
	fputs("# Configuration reference\n\n"
	      "A configuration is a Lua file that returns a table with any of the sections below. "
	      "The "
	      "same paths work in `leat set` and in REST.\n\n"
	      "A duration is `\"250ms\"`, `\"2s\"`, `\"1h30m\"`, `\"7d\"` or a number of seconds; "
	      "a size is "
	      "`\"64K\"`, `\"1M\"`, `\"2G\"` (powers of 1024) or a number of bytes; a rate is "
	      "`\"1000/s\"`, "
	      "`\"10k/s\"`, `\"2M/s\"` (powers of 1000) or a number per second; a name is 1 to 31 "
	      "of "
	      "A-Z a-z 0-9 _ and -.\n\n",
		manual.out);
	for (size_t i = 0; sections[i]; i++)
		section_write(&manual, sections, sections[i]);
	if (!fclose(manual.out))
		return text;
	free(text);
	return NULL;
}
