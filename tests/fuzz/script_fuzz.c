// SPDX-License-Identifier: BSD-3-Clause
// Hostile configurations: the input is the Lua source of the main file and of a module that it may require.
// Whatever it does, it ends soon, within its memory, with a tree or with a message.
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/script.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_NS (10 * NSEC_PER_SEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what) {
	if (holds)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void message_is_good(int rc, const struct err *err) {
	must(rc < 0 && err->code == rc, "an error has its code");
	must(err->msg[0], "an error has a message");
	for (const char *p = err->msg; *p; p++)
		must((unsigned char)*p >= ' ', "a message is one line");
}

static void tree_is_good(const json_t *tree) {
	char *text = jx_print(tree);
	struct err err = {0};
	json_t *again;
	must(text, "a tree can be written");
	must(jx_parse(text, strlen(text), "tree", &again, &err) == 0, "and read");
	must(json_equal(tree, again), "and is the same");
	json_decref(again);
	free(text);
}

static void call_functions(struct script *script) {
	json_t *arg = json_pack("{s:s, s:[i]}", "name", "x", "list", 1);
	for (int ref = 1; ref <= 3; ref++) {
		struct err err = {0};
		json_t *result = NULL;
		int rc = script_call(script, ref, arg, 20000, &result, &err);
		if (rc < 0)
			message_is_good(rc, &err);
		json_decref(result);
	}
	json_decref(arg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct script_limits limits = {
		.instructions = 100000, .memory_bytes = 4 << 20};
	json_t *source = json_stringn_nocheck((const char *)data, size), *tree = NULL;
	json_t *bundle = json_pack("{s:s, s:{s:O, s:o}}", "main", "x.lua", "files", "x.lua", source,
		"sets.lua", source);
	struct script *script = NULL;
	struct err err = {0};
	uint64_t start_ns = clock_now_ns();
	int rc = script_run(bundle, &limits, &script, &tree, &err);
	if (rc < 0) {
		message_is_good(rc, &err);
	} else {
		tree_is_good(tree);
		call_functions(script);
	}
	must(clock_now_ns() - start_ns < LONGEST_NS, "it ends soon");
	script_free(script);
	json_decref(tree);
	json_decref(bundle);
	return 0;
}
