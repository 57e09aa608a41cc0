// SPDX-License-Identifier: BSD-3-Clause
#include "control/cli/args.h"
#include "control/cli/cmd.h"
#include "control/cli/describe.h"
#include "control/cli/pcapng.h"
#include "control/cli/query.h"
#include "control/cli/sse.h"
#include "control/cli/words.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void urls(void **) {
	struct query query;
	struct err err = {0};
	char *url = url_encode("a-b._~/[\"10.0.0.0/8\"] é%");
	assert_string_equal(url, "a-b._~%2F%5B%2210.0.0.0%2F8%22%5D%20%C3%A9%25");
	free(url);
	query_init(&query, "/v1/show");
	query_step(&query, "../x");
	query_add(&query, "key", "a&b=c");
	query_add_n(&query, "vlan=10", 4, "10");
	assert_int_equal(query_check(&query, &err), 0);
	assert_string_equal(query.text, "/v1/show/..%2Fx?key=a%26b%3Dc&vlan=10");
	query_fini(&query);
	assert_int_equal(query_check(&query, &err), -ENOMEM);
}

static void pairs(void **) {
	size_t len = 0;
	assert_true(word_is_pair("rx_packets=5=6", &len));
	assert_int_equal(len, 10);
	assert_true(word_is_pair("a=", &len));
	assert_false(word_is_pair("=a", &len));
	assert_false(word_is_pair("ip[0]=4", &len));
	assert_false(word_is_pair("plain", &len));
}

static void expect_parent(const char *path, size_t cut, const char *last) {
	const char *found;
	assert_int_equal(path_parent(path, &found), cut);
	assert_string_equal(found, last);
}

static void parents(void **) {
	expect_parent("", 0, "");
	expect_parent("po", 0, "po");
	expect_parent("ports.", 5, "");
	expect_parent("ports.lan.mt", 9, "mt");
	expect_parent("routes[\"10.0.0.0/8\"].via", 20, "via");
	expect_parent("routes[\"10.0.", 6, "[\"10.0.");
	expect_parent("a[\"x\\\"].y\"].z", 11, "z");
}

static void expect_steps(const char *path, const char *want) {
	char key[16], joined[128] = "";
	int rc;
	while ((rc = path_step(&path, key, sizeof(key))) > 0) {
		strncat(joined, key, sizeof(joined) - strlen(joined) - 1);
		strncat(joined, "|", sizeof(joined) - strlen(joined) - 1);
	}
	if (rc < 0)
		strncat(joined, "error", sizeof(joined) - strlen(joined) - 1);
	assert_string_equal(joined, want);
}

static void steps(void **) {
	expect_steps("", "");
	expect_steps("ports.lan.mtu", "ports|lan|mtu|");
	expect_steps("a[\"10.0.0.0/8\"].b", "a|10.0.0.0/8|b|");
	expect_steps("a.[\"x\"][3]", "a|x|3|");
	expect_steps("a[\"q\\\"]\"]", "a|q\"]|");
	expect_steps("a..b", "a|error");
	expect_steps("a[\"x", "a|error");
	expect_steps("a[\"x\"", "a|error");
	expect_steps("a[\"x\"]b", "a|error");
	expect_steps("longer-than-a-key", "error");
}

static void keys_as_steps(void **) {
	char buf[64];
	assert_int_equal(path_key_print("lan", buf, sizeof(buf)), 3);
	assert_string_equal(buf, "lan");
	path_key_print("10.0.0.0/8", buf, sizeof(buf));
	assert_string_equal(buf, "[\"10.0.0.0/8\"]");
	assert_int_equal(path_key_print("a\"]b", buf, sizeof(buf)), 9);
	assert_string_equal(buf, "[\"a\\\"]b\"]");
	path_key_print("", buf, sizeof(buf));
	assert_string_equal(buf, "[\"\"]");
	assert_int_equal(
		path_key_print("10.0.0.0/8", buf, 6), 14); // as snprintf: what it would take
	assert_string_equal(buf, "[\"10.");
}

static void expect_words(const char *line, const char *want) {
	size_t n;
	char joined[128] = "", **words = words_split(line, &n);
	for (size_t i = 0; i < n; i++) {
		strncat(joined, words[i], sizeof(joined) - strlen(joined) - 1);
		strncat(joined, "|", sizeof(joined) - strlen(joined) - 1);
	}
	words_free(words);
	assert_string_equal(joined, want);
}

static void lines(void **) {
	expect_words("", "|");
	expect_words(" ", "|");
	expect_words("leat", "leat|");
	expect_words("leat ", "leat||");
	expect_words("leat  show\tpo", "leat|show|po|");
	expect_words("a 'b c' \"d \\\" e\" f\\ g", "a|b c|d \" e|f g|");
	expect_words("a 'open b", "a|open b|");
	expect_words("a \\", "a|\\|");
}

static void expect_json(const char *row_text, const char *word, const char *want) {
	json_t *row = json_loads(row_text, 0, NULL), *value = word_to_json(row, word);
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	assert_string_equal(text, want);
	free(text);
	json_decref(value);
	json_decref(row);
}

static void words_as_json(void **) {
	expect_json("{}", "10", "\"10\"");
	expect_json("{\"type\":\"int\"}", "-10", "-10");
	expect_json("{\"type\":\"int\"}", "10x", "\"10x\"");
	expect_json("{\"type\":\"int\"}", "", "\"\"");
	expect_json("{\"type\":\"int\"}", "99999999999999999999", "\"99999999999999999999\"");
	expect_json("{\"type\":\"number\"}", "0.5", "0.5");
	expect_json("{\"type\":\"number\"}", "inf", "\"inf\"");
	expect_json("{\"type\":\"bool\"}", "off", "false");
	expect_json("{\"type\":\"bool\"}", "maybe", "\"maybe\"");
	expect_json("{\"type\":\"duration\"}", "5s", "\"5s\"");
	expect_json("{\"type\":\"list\",\"elem\":{\"type\":\"int\"}}", "10,20", "[10,20]");
	expect_json("{\"type\":\"list\",\"elem\":{\"type\":\"int\"}}", "[1]", "[1]");
	expect_json("{\"type\":\"object\"}", "{\"a\":1}", "{\"a\":1}");
	expect_json("{\"type\":\"object\"}", "{broken", "\"{broken\"");
	const char either[] = "{\"type\":\"union\",\"alternatives\":[{\"type\":\"int\"},"
			      "{\"type\":\"string\"}]}";
	expect_json(either, "10", "10");
	expect_json(either, "10-20", "\"10-20\"");
}

static void arguments(void **) {
	json_t *rows =
		json_loads("[{\"name\":\"path\"},{\"name\":\"n\",\"type\":\"int\"}]", 0, NULL);
	struct err err = {0};
	json_t *args = args_build(rows, (const char *const[]){"n=3", "x", "odd=y"}, 3, &err);
	char *text = json_dumps(args, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text, "{\"n\":3,\"odd\":\"y\",\"path\":\"x\"}");
	free(text);
	json_decref(args);
	assert_null(args_build(rows, (const char *const[]){"x", "1", "2"}, 3, &err));
	assert_string_equal(err.msg, "2: a word too many");
	json_decref(rows);
}

static void described_paths(void **) {
	json_t *sections = json_loads(
		"[{\"name\":\"ports\",\"type\":\"map\",\"elem\":{\"type\":\"object\",\"rows\":["
		"{\"name\":\"mtu\",\"type\":\"int\"},{\"name\":\"vlans\",\"type\":\"list\","
		"\"elem\":{\"type\":\"int\"}},"
		"{\"name\":\"at\",\"type\":\"union\",\"alternatives\":["
		"{\"type\":\"object\",\"rows\":[{\"name\":\"x\",\"type\":\"mac\"}]},"
		"{\"type\":\"list\",\"elem\":{\"type\":\"rate\"}}]}]}}]",
		0, NULL);
	assert_string_equal(describe_type(describe_path(sections, "ports.lan.at.x")), "mac");
	assert_string_equal(describe_type(describe_path(sections, "ports.lan.at[1]")), "rate");
	assert_int_equal(
		json_array_size(describe_rows(describe_path(sections, "ports.lan.at"))), 1);
	assert_string_equal(describe_type(describe_path(sections, "ports")), "map");
	assert_string_equal(describe_type(describe_path(sections, "ports.any")), "object");
	assert_string_equal(describe_type(describe_path(sections, "ports[\"a.b\"].mtu")), "int");
	assert_string_equal(describe_type(describe_path(sections, "ports.lan.vlans[1]")), "int");
	assert_null(describe_path(sections, "ports.lan.mtu.x"));
	assert_null(describe_path(sections, "port"));
	assert_null(describe_path(sections, "ports..x"));
	assert_null(describe_path(sections, ""));
	json_decref(sections);
}

static const struct cmd_opt opts[] = {
	{"json", 0, NULL, ""}, {"count", 'n', "N", ""}, {"watch", 'w', "[SECONDS]", ""}, {0}};
static const struct cmd cmd = {.name = "try", .usage = "", .opts = opts, .max_words = 9};

static void options(void **) {
	struct cmd_line line;
	struct err err = {0};
	const char *const args[] = {"a", "-n5", "--json", "-3", "--watch", "b", "--", "--json"};
	assert_int_equal(cmd_parse(&cmd, 8, args, &line, &err), 0);
	assert_int_equal(line.n_words, 4);
	assert_string_equal(line.words[1], "-3");
	assert_string_equal(line.words[3], "--json");
	assert_int_equal(cmd_number(&line, "count", 1, 9, 0, &err), 5);
	assert_int_equal(cmd_number(&line, "watch", 1, 9, 2, &err), 2);
	assert_int_equal(cmd_number(&line, "count", 6, 9, 0, &err), -1);
	assert_string_equal(err.msg, "try: --count 5: write a whole number from 6 to 9");
	cmd_line_fini(&line);
	const char *const equals[] = {"--count=7", "--watch", "4"};
	assert_int_equal(cmd_parse(&cmd, 3, equals, &line, &err), 0);
	assert_string_equal(cmd_value(&line, "count"), "7");
	assert_string_equal(cmd_value(&line, "watch"), "4");
	assert_null(cmd_value(&line, "json"));
	cmd_line_fini(&line);
}

static void expect_refusal(const char *const *args, size_t n, const char *want) {
	struct cmd_line line;
	struct err err = {0};
	assert_int_equal(cmd_parse(&cmd, n, args, &line, &err), -EINVAL);
	assert_string_equal(err.msg, want);
	cmd_line_fini(&line);
}

static void bad_options(void **) {
	expect_refusal((const char *const[]){"--jso"}, 1,
		"try: unknown option --jso; did you mean --json?");
	expect_refusal((const char *const[]){"-x"}, 1,
		"try: unknown option -x; `leat help try` lists them");
	expect_refusal(
		(const char *const[]){"--count"}, 1, "try: --count wants a value: --count N");
	expect_refusal((const char *const[]){"--json=1"}, 1, "try: --json takes no value");
	assert_ptr_equal(cmd_opt_pending(&cmd, "-n"), &opts[1]);
	assert_null(cmd_opt_pending(&cmd, "-n5"));
	assert_null(cmd_opt_pending(&cmd, "--watch"));
	assert_null(cmd_opt_pending(&cmd, "-"));
}

static int on_event(const char *name, const char *data, void *arg) {
	char *log = arg;
	strncat(log, name, 200);
	strncat(log, "=", 2);
	strncat(log, data, 200);
	strncat(log, ";", 2);
	return 0;
}

static void events(void **) {
	static const char text[] = ": comment\n\nevent: a\r\ndata: 1\r\n\r\ndata:x\ndata: y\nid: "
				   "7\n\nevent: lost\n\nevent: b\ndata: cut";
	struct sse_parser *parser = calloc(1, sizeof(*parser));
	char log[1024] = "";
	sse_init(parser);
	for (size_t i = 0; i + 1 < sizeof(text); i++)
		assert_int_equal(sse_feed(parser, text + i, 1, on_event, log), 0);
	assert_string_equal(log, "a=1;message=x\ny;");
	free(parser);
}

static void long_events_are_cut(void **) {
	struct sse_parser *parser = calloc(1, sizeof(*parser));
	char log[1024] = "";
	sse_init(parser);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sse_feed(parser, "data: ", 6, on_event, log), 0);
		for (int k = 0; k < SSE_DATA_MAX; k++)
			assert_int_equal(sse_feed(parser, "z", 1, on_event, log), 0);
		assert_int_equal(sse_feed(parser, "\n", 1, on_event, log), 0);
	}
	assert_int_equal(sse_feed(parser, "\n", 1, on_event, log), 0);
	assert_int_equal(strlen(log), strlen("message=") + 200 + 1);
	free(parser);
}

static int count_bytes(const void *, size_t len, void *arg) {
	*(size_t *)arg += len;
	return 0;
}

static void whole_blocks_only(void **) {
	const uint32_t blocks[] = {0x0a0d0d0a, 16, 0, 16, 6, 20, 1, 2, 20, 6, 12};
	struct pcapng_cutter cutter = {0};
	size_t written = 0;
	for (size_t i = 0; i < sizeof(blocks); i++)
		assert_int_equal(
			pcapng_feed(&cutter, (const char *)blocks + i, 1, count_bytes, &written),
			0);
	assert_int_equal(written, 36);
	assert_int_equal(cutter.packets, 1);
	pcapng_fini(&cutter);
	const uint32_t bad[] = {6, 7, 0};
	assert_int_equal(pcapng_feed(&cutter, bad, sizeof(bad), count_bytes, &written), -EPROTO);
	pcapng_fini(&cutter);
	const uint32_t huge[] = {6, PCAPNG_BLOCK_MAX + 4, 0};
	assert_int_equal(pcapng_feed(&cutter, huge, sizeof(huge), count_bytes, &written), -EPROTO);
	pcapng_fini(&cutter);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls),
		cmocka_unit_test(pairs),
		cmocka_unit_test(parents),
		cmocka_unit_test(steps),
		cmocka_unit_test(keys_as_steps),
		cmocka_unit_test(lines),
		cmocka_unit_test(words_as_json),
		cmocka_unit_test(arguments),
		cmocka_unit_test(described_paths),
		cmocka_unit_test(options),
		cmocka_unit_test(bad_options),
		cmocka_unit_test(events),
		cmocka_unit_test(long_events_are_cut),
		cmocka_unit_test(whole_blocks_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
