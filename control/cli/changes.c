// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/changes.h"

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

static void print_change(FILE *out, const json_t *change, bool color) {

	const json_t *old = json_object_get(change, "old"), *new = json_object_get(change, "new");
	const char *mark = !old ? "+" : !new ? "-" : "~";
	const char *paint = !old ? "\033[32m" : !new ? "\033[31m" : "\033[33m";
	char *name = strdup(jx_str(change, "path", ""));
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

void changes_print(FILE *out, const json_t *changes, bool color) {
	size_t i;
	json_t *change;
	json_array_foreach (changes, i, change)
		print_change(out, change, color);
}

char *changes_count(const json_t *changes, char buf[static 32]) {
	size_t n = json_array_size(changes);
	if (n == 0)
		snprintf(buf, 32, "no change");
	else
		snprintf(buf, 32, "%zu change%s", n, n == 1 ? "" : "s");
	return buf;
}
