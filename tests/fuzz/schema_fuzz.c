// SPDX-License-Identifier: BSD-3-Clause
// Hostile trees, paths and words against a schema with a row of every type. The input is JSON text; the
// same bytes also serve as a path and as a word.
#include "lib/schema_sample.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what) {
	if (holds)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void message_is_good(const struct err *err) {
	must(err->code < 0, "an error has a code");
	must(err->msg[0], "an error has a message");
	for (const char *p = err->msg; *p; p++)
		must((unsigned char)*p >= ' ', "a message is one line");
}

static void resolved_is_stable(const json_t *resolved) {
	struct err err = {0};
	json_t *again = NULL;
	must(!schema_validate(sample_sections, resolved, &again, &err),
		"a resolved tree validates");
	must(json_equal(resolved, again), "a resolved tree resolves to itself");
	json_decref(again);
}

static void resolved_decodes(const json_t *resolved) {
	const char *key;
	json_t *thing;
	json_object_foreach (json_object_get(resolved, "things"), key, thing) {
		struct sample sample = {0};
		schema_decode(sample_rows, thing, &sample);
		must(sample.alias && sample.port, "required fields are decoded");
		must(sample.every_ns >= 10000000, "a duration is in its range");
		must(!sample.address.family || sample.address.family == ADDR_V4 ||
				sample.address.family == ADDR_V6,
			"an address has a family");
	}
}

// The list of differences, done by hand, and the patch lead to the same tree.
static void changes_lead_there(const json_t *tree, const json_t *resolved, bool nulls) {
	json_t *changes = schema_diff(tree, resolved), *replay = json_deep_copy(tree), *entry;
	json_t *patch = schema_patch(tree, resolved), *merged = schema_merge(tree, patch);
	size_t i;
	bool bounded = true;
	json_array_foreach (changes, i, entry) {
		struct err err = {0};
		const char *path = json_string_value(json_object_get(entry, "path"));
		json_t *value = json_object_get(entry, "new");
		if (schema_put(replay, path, json_deep_copy(value), &err)) {
			message_is_good(&err);
			bounded = false; // keys of more than 255 bytes are refused in paths
		}
	}
	must(!bounded || json_equal(replay, resolved), "the diff leads there");
	must(nulls || json_equal(merged, resolved), "the patch leads there");
	json_decref(changes);
	json_decref(replay);
	json_decref(patch);
	json_decref(merged);
}

static void try_tree(const json_t *tree, bool nulls) {
	struct err err = {0};
	json_t *resolved = NULL;
	if (schema_validate(sample_sections, tree, &resolved, &err)) {
		must(!resolved, "a refused tree resolves to nothing");
		message_is_good(&err);
		return;
	}
	resolved_is_stable(resolved);
	resolved_decodes(resolved);
	changes_lead_there(tree, resolved, nulls);
	json_decref(schema_redact(sample_sections, "", resolved));
	json_decref(resolved);
}

static void try_path(const char *text) {
	json_t *tree = json_object();
	struct err err = {0};
	const struct schema_row *row = schema_find(sample_sections, text, &err);
	if (!row)
		message_is_good(&err);
	err = (struct err){0};
	if (!schema_put(tree, text, json_true(), &err)) {
		must(json_is_true(schema_get(tree, text)), "what was put can be got");
		must(!schema_put(tree, text, NULL, &err), "what was put can be removed");
	} else {
		must(!json_object_size(tree), "a refused edit changes nothing");
		message_is_good(&err);
	}
	json_decref(tree);
}

static void try_word(const char *text) {
	for (const struct schema_row *row = sample_rows; row->type; row++) {
		struct err err = {0};
		json_t *value = schema_parse_word(row, text, "word", &err);
		if (!value)
			message_is_good(&err);
		json_decref(value);
	}
	const char *known[] = {"access", "trunk", "on", "", text, NULL};
	(void)schema_nearest(text, known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	char *text = strndup((const char *)data, size);
	json_t *tree = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (tree)
		try_tree(tree, memmem(data, size, "null", 4) != NULL);
	try_path(text);
	try_word(text);
	json_decref(tree);
	free(text);
	return 0;
}
