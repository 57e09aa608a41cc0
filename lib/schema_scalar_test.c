// SPDX-License-Identifier: BSD-3-Clause
// Every scalar type: what it accepts, its canonical form, its limits, its exact message, its C value.
#include "lib/schema_testlib.h"

// things.t.<field> = value → canonical.
static void accepted(const char *field, const char *value, const char *want) {
	char *fields, *path;
	assert_true(asprintf(&fields, "'%s': %s", field, value) > 0);
	assert_true(asprintf(&path, "things.t.%s", field) > 0);
	json_t *resolved = resolve(thing(fields));
	same_json(json_incref(schema_get(resolved, path)), want);
	json_decref(resolved);
	free(fields);
	free(path);
}

// things.t.<field> = value → "things.t.<field>: <message>".
static void message(const char *field, const char *value, const char *want) {
	char *fields, *full;
	assert_true(asprintf(&fields, "'%s': %s", field, value) > 0);
	assert_true(asprintf(&full, "things.t.%s: %s", field, want) > 0);
	refused(thing(fields), full);
	free(fields);
	free(full);
}

static struct sample decoded(json_t *tree, json_t **resolved) {
	struct sample sample = {0};
	*resolved = resolve(tree);
	schema_decode(sample_rows, schema_get(*resolved, "things.t"), &sample);
	return sample;
}

static void booleans(void **state) {
	accepted("on", "false", "false");
	accepted("on", "null", "true");
	message("on", "1", "1 is not a boolean; write true or false");
	message("on", "'yes'", "\"yes\" is not a boolean; write true or false");
	message("on", "'true'", "\"true\" is a string, not a boolean; write true without quotes");
	message("on", "{'$function': 1}", "a function is not a boolean; write true or false");
}

static void integers(void **state) {
	accepted("weight", "80.0", "80");
	accepted("weight", "1", "1");
	accepted("weight", "256", "256");
	accepted("even", "9007199254740992", "9007199254740992");
	accepted("even", "-9007199254740992", "-9007199254740992");
	accepted("even", "-2.0", "-2");
	const char *fix = "out of range 1..256; to stop new connections, use `leat drain`";
	char want[200];
	snprintf(want, sizeof(want), "0 is %s", fix);
	message("weight", "0", want);
	snprintf(want, sizeof(want), "257 is %s", fix);
	message("weight", "257", want);
	snprintf(want, sizeof(want), "1e+300 is %s", fix);
	message("weight", "1e300", want);
	message("weight", "80.5", "80.5 is not an integer in 1..256; write one such as 3");
	message("weight", "'80'", "\"80\" is a string, not an integer; write 80 without quotes");
	message("weight", "'x'", "\"x\" is not an integer in 1..256; write one such as 3");
	message("weight", "[1]", "a list of 1 is not an integer in 1..256; write one such as 3");
	message("weight", "{}", "an empty table is not an integer in 1..256; write one such as 3");
	message("weight", "{'a': 1}", "a table is not an integer in 1..256; write one such as 3");
	message("weight", "{'$function': 7}",
		"a function is not an integer in 1..256; write one such as 3");
	message("weight", "true", "true is not an integer in 1..256; write one such as 3");
	message("even", "'x'", "\"x\" is not an integer; write one such as 1");
	const char *beyond =
		"is beyond 2^53, which not every program can hold; write a smaller number";
	snprintf(want, sizeof(want), "9007199254740993 %s", beyond);
	message("even", "9007199254740993", want);
	snprintf(want, sizeof(want), "-9007199254740993 %s", beyond);
	message("even", "-9007199254740993", want);
	snprintf(want, sizeof(want), "1e+18 %s", beyond);
	message("even", "1e18", want);
}

static void numbers(void **state) {
	accepted("share", "0.25", "0.25");
	accepted("share", "1", "1.0");
	message("share", "1.5", "1.5 is out of range 0..1");
	message("share", "-0.001", "-0.001 is out of range 0..1");
	message("share", "'0.5'", "\"0.5\" is a string, not a number; write 0.5 without quotes");
	message("share", "'half'", "\"half\" is not a number in 0..1; write one such as 0.5");
}

static void strings(void **state) {
	accepted("title", "'grün €'", "'grün €'");
	accepted("title", "'0123456789abcdef'", "'0123456789abcdef'");
	message("title", "3", "3 is not a string; write one such as \"text\"");
	message("title", "'a'", "\"a\" is 1 bytes long; its length must be 2..16");
	message("title", "'0123456789abcdefg'",
		"\"0123456789abcdefg\" is 17 bytes long; its length must be 2..16");
	message("title", "'a\\u0007b'",
		"\"a\\x07b\" holds a control character at byte 2; remove it");
	message("title", "'line\\nline'",
		"\"line\\x0aline\" holds a control character at byte 5; remove it");
	message("title", "'ab\\u0000'",
		"\"ab\\x00\" holds a control character at byte 3; remove it");
	message("title", "'ab\\u009b'",
		"\"ab\\xc2\\x9b\" holds a control character at byte 3; remove it");
	message("title", "'0123456789012345678901234567890123456789012345678901234567890123456789'",
		"\"01234567890123456789012345678901234567890123...\" is 70 bytes long; its length "
		"must "
		"be 2..16");
	message("title", "'ääääääääääääääääääääääääääääääääääääää'",
		"\"ääääääääääääääääääääää...\" is 76 bytes long; its length must be 2..16");
}

// A row that sets no upper limit still has one.
static void string_limit(void **state) {
	static const struct schema_row row = {
		.name = "s", .type = SCHEMA_STRING, .min = 1, .help = "h"};
	char text[4097], want[200];
	memset(text, 'x', 4097);
	json_t *longest = json_stringn(text, 4097 - 1), *longer = json_stringn(text, 4097);
	json_t *resolved = NULL;
	struct err err = {0};
	assert_int_equal(schema_validate_value(&row, longest, NULL, "s", &resolved, &err), 0);
	assert_true(json_equal(resolved, longest));
	assert_int_equal(schema_validate_value(&row, longer, NULL, "s", &resolved, &err), -EINVAL);
	snprintf(want, sizeof(want),
		"s: \"%.44s...\" is 4097 bytes long; its length must be 1..4096", text);
	same_error(&err, want);
	json_decref(longest);
	json_decref(longer);
	json_decref(resolved);
}

static void names(void **state) {
	accepted("alias", "'web-1_A'", "'web-1_A'");
	accepted("alias", "'0123456789012345678901234567890'", "'0123456789012345678901234567890'");
	const char *fix = "is not a name; write 1 to 31 of A-Z a-z 0-9 _ -";
	char want[200];
	snprintf(want, sizeof(want), "\"01234567890123456789012345678901\" %s", fix);
	message("alias", "'01234567890123456789012345678901'", want);
	snprintf(want, sizeof(want), "\"\" %s", fix);
	message("alias", "''", want);
	snprintf(want, sizeof(want), "\"a b\" %s", fix);
	message("alias", "'a b'", want);
	snprintf(want, sizeof(want), "\"a\\x00\" %s", fix);
	message("alias", "'a\\u0000'", want);
	snprintf(want, sizeof(want), "5 %s", fix);
	message("alias", "5", want);
}

static void enums(void **state) {
	accepted("mode", "'off'", "'off'");
	accepted("mode", "null", "'adaptive'");
	message("mode", "'adaptve'",
		"\"adaptve\" is not one of: busy, adaptive, off; did you mean \"adaptive\"?");
	message("mode", "'turbo'", "\"turbo\" is not one of: busy, adaptive, off");
	message("mode", "true", "true is not one of: busy, adaptive, off");
}

static void durations(void **state) {
	accepted("every", "'250ms'", "'250ms'");
	accepted("every", "'90s'", "'1m30s'");
	accepted("every", "'1.5s'", "'1s500ms'");
	accepted("every", "0.1", "'100ms'");
	accepted("every", "3600", "'1h'");
	accepted("every", "'30'", "'30s'");
	message("every", "'5ms'", "\"5ms\" is out of range 10ms..1h");
	message("every", "3601", "3601 is out of range 10ms..1h");
	message("every", "1e300", "1e+300 is out of range 10ms..1h");
	message("every", "'999999999999d'", "\"999999999999d\" is out of range 10ms..1h");
	const char *wrong[] = {"'5x'", "'m'", "''", "'5 m'", "'-5m'", "'5m5m'", "'5m1h'", "'1.s'",
		"'5M'", "'1.0000000001s'"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char want[200];
		snprintf(want, sizeof(want),
			"\"%.*s\" is not a duration in 10ms..1h; write one such as \"5m\"",
			(int)strlen(wrong[i]) - 2, wrong[i] + 1);
		message("every", wrong[i], want);
	}
	message("every", "-1", "-1 is not a duration in 10ms..1h; write one such as \"5m\"");
	message("every", "true", "true is not a duration in 10ms..1h; write one such as \"5m\"");
}

static void sizes(void **state) {
	accepted("buffer", "'64K'", "'64K'");
	accepted("buffer", "'64k'", "'64K'");
	accepted("buffer", "65536", "'64K'");
	accepted("buffer", "'1500'", "'1500'");
	accepted("buffer", "'1.5M'", "'1536K'");
	accepted("buffer", "2048.0", "'2K'");
	message("buffer", "1023", "1023 is out of range 1K..1G");
	message("buffer", "'2G'", "\"2G\" is out of range 1K..1G");
	message("buffer", "'64KB'",
		"\"64KB\" is not a size in bytes in 1K..1G; write one such as \"1M\"");
	message("buffer", "2048.5",
		"2048.5 is not a size in bytes in 1K..1G; write one such as \"1M\"");
	message("buffer", "-1", "-1 is not a size in bytes in 1K..1G; write one such as \"1M\"");
}

static void rates(void **state) {
	accepted("rate", "'1000/s'", "'1k/s'");
	accepted("rate", "'2M'", "'2M/s'");
	accepted("rate", "1500", "'1500/s'");
	accepted("rate", "'1.5k/s'", "'1500/s'");
	message("rate", "0", "0 is out of range 1/s or more");
	message("rate", "'10/m'",
		"\"10/m\" is not a rate in 1/s or more; write one such as \"10k/s\"");
	message("rate", "1e30", "1e+30 is out of range 1/s or more");
}

static void too_large(void **state) {
	static const struct schema_row row = {.name = "b", .type = SCHEMA_BYTES};
	json_t *value = json_string("8388608T"), *resolved = NULL;
	struct err err = {0};
	assert_int_equal(schema_validate_value(&row, value, NULL, "b", &resolved, &err), -EINVAL);
	same_error(&err, "b: \"8388608T\" is too large; write less");
	json_decref(value);
}

static void net(void **state) {
	accepted("mac", "'02-AB-00-00-00-01'", "'02:ab:00:00:00:01'");
	accepted("address", "'2001:DB8:0::1'", "'2001:db8::1'");
	accepted("prefix", "'192.0.2.2/24'", "'192.0.2.2/24'");
	accepted("prefix", "'192.0.2.2'", "'192.0.2.2/32'");
	message("mac", "'02:ab'",
		"\"02:ab\" is not a MAC address; write one such as \"02:00:00:00:00:01\"");
	message("mac", "2", "2 is not a MAC address; write one such as \"02:00:00:00:00:01\"");
	message("address", "'192.0.2.256'",
		"\"192.0.2.256\" is not an IP address; write one such as \"2001:db8::1\"");
	message("prefix", "'192.0.2.0/33'",
		"\"192.0.2.0/33\" is not an IP prefix; write one such as \"192.0.2.2/24\"");
	message("prefix", "'192.0.2.0/24\\u0000'",
		"\"192.0.2.0/24\\x00\" is not an IP prefix; write one such as \"192.0.2.2/24\"");
}

static void references(void **state) {
	accepted("port", "'lan'", "'lan'");
	message("port", "'wam'", "\"wam\" is not in ports; did you mean \"wan\"?");
	message("port", "'uplink'", "\"uplink\" is not in ports, which has: wan, lan");
	message("port", "true", "true is not a name; write the name of one of ports");
	message("port", "''", "\"\" is not a name; write the name of one of ports");
	refused(load("{'things': {'t': {'alias': 'a', 'port': 'wan'}}}"),
		"things.t.port: \"wan\" is not in ports, which is empty; add it there");
}

// A number names an entry of a map with integer keys.
static void reference_by_number(void **state) {
	static const struct schema_row row = {.name = "v", .type = SCHEMA_REF, .ref = "vlans"};
	json_t *root = load("{'vlans': {'10': {}}}"), *value = json_integer(10), *resolved = NULL;
	struct err err = {0};
	assert_int_equal(schema_validate_value(&row, value, root, "v", &resolved, &err), 0);
	same_json(resolved, "'10'");
	json_integer_set(value, 11);
	assert_int_equal(schema_validate_value(&row, value, root, "v", &resolved, &err), -EINVAL);
	same_error(&err, "v: \"11\" is not in vlans; did you mean \"10\"?");
	json_decref(root);
	json_decref(value);
	message("port", "'a\\u0007'", "\"a\\x07\" holds a control character at byte 2; remove it");
}

static void functions(void **state) {
	accepted("pick", "{'$function': 3}", "{'$function': 3}");
	message("pick", "'f'", "\"f\" is not a function; write function(q) return q.name end");
	message("pick", "{'$function': 3, 'x': 1}",
		"a table is not a function; write function(q) return q.name end");
}

static void secrets(void **state) {
	message("password", "'short'",
		"what was given (a secret) is 5 bytes long; its length must be 8..64");
	message("password", "12345678",
		"what was given (a secret) is not a string; write one such as \"texttext\"");
	message("password", "'12345678\\u0007'", "a control character stands at byte 9; remove it");
}

static void decode_all(void **state) {
	json_t *resolved;
	struct sample s =
		decoded(thing("'on': false, 'weight': 7, 'share': 0.5, 'title': 'hello', "
			      "'mode': 'off', 'every': '1m', 'buffer': '2K', 'rate': '3k/s', "
			      "'mac': '02:00:00:00:00:09', 'address': '2001:db8::1', "
			      "'prefix': '192.0.2.2/24', 'pick': {'$function': 12}, "
			      "'vlans': [5], 'members': {'w': {}}, 'extra': 1"),
			&resolved);
	assert_false(s.on);
	assert_int_equal(s.weight, 7);
	assert_true(s.share == 0.5);
	assert_string_equal(s.title, "hello");
	assert_string_equal(s.alias, "a");
	assert_int_equal(s.mode, 2);
	assert_int_equal(s.every_ns, 60000000000);
	assert_int_equal(s.buffer_bytes, 2048);
	assert_int_equal(s.per_s, 3000);
	assert_int_equal(s.mac.bytes[5], 9);
	assert_int_equal(s.address.family, ADDR_V6);
	assert_int_equal(s.prefix.len, 24);
	assert_int_equal(s.prefix.addr.bytes[3], 2);
	assert_string_equal(s.port, "wan");
	assert_int_equal(s.pick, 12);
	assert_int_equal(json_array_size(s.vlans), 1);
	same_json(json_incref((json_t *)s.members), "{'w': {'weight': 1}}");
	same_json(json_incref((json_t *)s.limits), "{'rate': '10k/s', 'burst': '64K'}");
	assert_int_equal(json_integer_value(s.extra), 1);
	json_decref(resolved);
}

static void decode_absent(void **state) {
	json_t *resolved;
	struct sample s = decoded(thing(""), &resolved);
	assert_true(s.on);
	assert_int_equal(s.weight, 1);
	assert_int_equal(s.mode, 1);
	assert_int_equal(s.every_ns, 2000000000);
	assert_null(s.title);
	assert_null(s.members);
	assert_null(s.extra);
	assert_int_equal(s.pick, 0);
	assert_int_equal(s.address.family, ADDR_NONE);
	assert_int_equal(s.buffer_bytes, 0);
	json_decref(resolved);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(booleans),
		cmocka_unit_test(integers),
		cmocka_unit_test(numbers),
		cmocka_unit_test(strings),
		cmocka_unit_test(string_limit),
		cmocka_unit_test(names),
		cmocka_unit_test(enums),
		cmocka_unit_test(durations),
		cmocka_unit_test(sizes),
		cmocka_unit_test(rates),
		cmocka_unit_test(too_large),
		cmocka_unit_test(net),
		cmocka_unit_test(references),
		cmocka_unit_test(reference_by_number),
		cmocka_unit_test(functions),
		cmocka_unit_test(secrets),
		cmocka_unit_test(decode_all),
		cmocka_unit_test(decode_absent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
