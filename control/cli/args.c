// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/args.h"

#include "control/cli/describe.h"
#include "control/cli/words.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const json_t *first_unset(const json_t *rows, const json_t *args) {
	size_t i;
	json_t *row;
	json_array_foreach (rows, i, row) {
		if (!json_object_get(args, describe_name(row)))
			return row;
	}
	return NULL;
}

static int add_word(const json_t *rows, const char *word, json_t *args, struct err *err) {
	size_t len;
	if (word_is_pair(word, &len)) {
		char name[128];
		snprintf(name, sizeof(name), "%.*s", (int)len, word);
		// One that the rows do not know is sent, too: the daemon knows the nearest.
		return json_object_set_new(
			args, name, word_to_json(describe_find(rows, name), word + len + 1));
	}
	const json_t *row = first_unset(rows, args);
	if (!row)
		return err_set(err, -EINVAL, "%s: a word too many", word);
	return json_object_set_new(args, describe_name(row), word_to_json(row, word));
}

json_t *args_build(const json_t *rows, const char *const *words, size_t n, struct err *err) {
	json_t *args = json_object();
	for (size_t i = 0; i < n; i++) {
		if (add_word(rows, words[i], args, err)) {
			err_set(err, -EINVAL, "%s: not UTF-8", words[i]);
			json_decref(args);
			return NULL;
		}
	}
	return args;
}
