// SPDX-License-Identifier: BSD-3-Clause
// What schema_validate() accepts, fills in and refuses; every type's exact message.
#include "lib/schema_sample.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// cmocka.h wants the headers above
#include <cmocka.h>

// Lets a case be written in JSON with single quotes.
static json_t *load(const char *text) {
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

// A tree whose things.t holds `fields` besides what is required.
static json_t *thing(const char *fields) {
	char *text;
	assert_true(asprintf(&text,
			    "{'ports': {'wan': {'device': 'eth1'}, 'lan': {'device': 'eth2'}},"
			    " 'things': {'t': {'alias': 'a', 'port': 'wan'%s%s}}}",
			    *fields ? ", " : "", fields) > 0);
	json_t *tree = load(text);
	free(text);
	return tree;
}

static json_t *resolve(json_t *tree) {
	struct err err = {0};
	char buf[1100];
	json_t *resolved = NULL;
	if (schema_validate(sample_sections, tree, &resolved, &err))
		fail_msg("%s", err_print(&err, buf, sizeof(buf)));
	json_decref(tree);
	return resolved;
}

static void refused(json_t *tree, const char *want) {
	struct err err = {0};
	char buf[1100];
	json_t *resolved = NULL;
	assert_int_equal(schema_validate(sample_sections, tree, &resolved, &err), -EINVAL);
	assert_null(resolved);
	assert_string_equal(err_print(&err, buf, sizeof(buf)), want);
	json_decref(tree);
}

static void accepted(const char *fields, const char *path, const char *want) {
	json_t *resolved = resolve(thing(fields)), *expect = load(want);
	char full[256];
	snprintf(full, sizeof(full), "things.t.%s", path);
	json_t *found = schema_get(resolved, full);
	if (!found || !json_equal(found, expect))
		fail_msg("%s: %s instead of %s", fields,
			found ? json_dumps(found, JSON_ENCODE_ANY) : "nothing", want);
	json_decref(expect);
	json_decref(resolved);
}

static void smoke(void **state) {
	accepted("'weight': 80.0", "weight", "80");
	accepted("'every': '90s'", "every", "'1m30s'");
	refused(thing("'weight': 0"),
		"things.t.weight: 0 is out of range 1..256; to stop new connections, use `leat "
		"drain`");
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(smoke)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
