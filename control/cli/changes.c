// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/changes.h"

#include "control/cli/words.h"
#include "lib/json.h"
#include "lib/text.h"
#include <stdlib.h>
#include <string.h>

static void print_value(FILE *out, const json_t *value) {
	char *json = json_dumps(
		value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
	fputs(json ? text_clean(json) : "?", out);
	free(json);
}

static void print_line(
	FILE *out, const char *path, const json_t *old, const json_t *new, bool color) {
	const char *mark = !old ? "+" : !new ? "-" : "~";
	const char *paint = !old ? "\033[32m" : !new ? "\033[31m" : "\033[33m";
	char *name = strdup(path);
	fprintf(out, "%s%s %s: ", color ? paint : "", mark, name ? text_clean(name) : "?");
	if (old)
		print_value(out, old);
	if (old && new)
		fputs(" → ", out);
	if (new)
		print_value(out, new);
	fputs(color ? "\033[0m\n" : "\n", out);
	free(name);
}

static bool is_map_of_objects(const json_t *value) {
	const char *key;
	json_t *item;
	bool all = json_object_size(value) > 0;
	json_object_foreach ((json_t *)value, key, item)
		all = all && json_is_object(item);
	return all;
}

static size_t print_change(
	FILE *out, const char *path, const json_t *old, const json_t *new, bool color) {
	const json_t *whole = !old ? new : !new ? old : NULL;
	if (!is_map_of_objects(whole)) {
		print_line(out, path, old, new, color);
		return 1;
	}
	const char *key;
	json_t *item;
	size_t lines = 0;
	json_object_foreach ((json_t *)whole, key, item) {
		char step[300], *below = NULL;
		path_key_print(key, step, sizeof(step));
		if (asprintf(&below, "%s%s%s", path, step[0] == '[' ? "" : ".", step) < 0)
			return lines;
		lines += print_change(out, below, old ? item : NULL, new ? item : NULL, color);
		free(below);
	}
	return lines;
}

size_t changes_print(FILE *out, const json_t *changes, bool color) {
	size_t i, lines = 0;
	json_t *change;
	json_array_foreach (changes, i, change)
		lines += print_change(out, jx_str(change, "path", ""),
			json_object_get(change, "old"), json_object_get(change, "new"), color);
	return lines;
}

void changes_print_restart(FILE *out, const json_t *answer) {
	size_t i;
	json_t *path;
	json_array_foreach (json_object_get(answer, "restart"), i, path) {
		char *text = strdup(json_string_value(path) ?: "?");
		fprintf(out, "%s takes effect at the next start of leatd\n",
			text ? text_clean(text) : "?");
		free(text);
	}
}

void changes_print_notes(FILE *out, const json_t *answer) {
	size_t i;
	json_t *note;
	json_array_foreach (json_object_get(answer, "notes"), i, note) {
		char *text = strdup(json_string_value(note) ?: "?");
		fprintf(out, "  %s\n", text ? text_clean(text) : "?");
		free(text);
	}
}

char *changes_count(size_t n, char buf[static 32]) {
	if (n == 0)
		snprintf(buf, 32, "no change");
	else
		snprintf(buf, 32, "%zu change%s", n, n == 1 ? "" : "s");
	return buf;
}
