// SPDX-License-Identifier: BSD-3-Clause
// What the tests of the schema share. JSON is written with single quotes.
#pragma once

#include "lib/schema_sample.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka.h wants the headers above.
#include <cmocka.h>

static inline json_t *load(const char *text) {
	char *copy = strdup(text);
	json_error_t error;
	for (char *p = copy; *p; p++) {
		if (*p == '\'')
			*p = '"';
	}
	json_t *value = json_loads(copy, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (!value)
		fail_msg("%s: %s", text, error.text);
	free(copy);
	return value;
}

// Takes `found`.
static inline void same_json(json_t *found, const char *want) {
	json_t *expect = load(want);
	if (!found || !json_equal(found, expect)) {
		char *text = found ? json_dumps(found, JSON_ENCODE_ANY | JSON_SORT_KEYS)
				   : strdup("nothing");
		fail_msg("found %s\ninstead of %s", text, want);
	}
	json_decref(expect);
	json_decref(found);
}

static inline void same_error(const struct err *err, const char *want) {
	char buf[sizeof(err->path) + sizeof(err->msg) + 2];
	assert_string_equal(err_print(err, buf, sizeof(buf)), want);
}

// A tree with two ports, whose things.t holds `fields` besides what is required.
static inline json_t *thing(const char *fields) {
	char *text;
	assert_true(asprintf(&text,
			    "{'ports': {'wan': {'device': 'eth1'}, 'lan': {'device': 'eth2'}},"
			    " 'things': {'t': {'alias': 'a', 'port': 'wan'%s%s}}}",
			    *fields ? ", " : "", fields) > 0);
	json_t *tree = load(text);
	free(text);
	return tree;
}

// Takes `tree`.
static inline json_t *resolve(json_t *tree) {
	struct err err = {0};
	json_t *resolved = NULL;
	if (schema_validate(sample_sections, tree, &resolved, &err))
		fail_msg("%s: %s", err.path, err.msg);
	json_decref(tree);
	return resolved;
}

// Takes `tree`.
static inline void refused(json_t *tree, const char *want) {
	struct err err = {0};
	json_t *resolved = NULL;
	assert_int_equal(schema_validate(sample_sections, tree, &resolved, &err), -EINVAL);
	assert_null(resolved);
	assert_int_equal(err.code, -EINVAL);
	same_error(&err, want);
	json_decref(tree);
}
