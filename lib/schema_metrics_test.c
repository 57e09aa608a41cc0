// SPDX-License-Identifier: BSD-3-Clause
// Rows of a noun as Prometheus text.
#include "lib/schema_testlib.h"

static const char *const link_words[] = {"down", "up", NULL};

static const struct schema_row columns[] = {
	{.name = "name", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "port"},
	{.name = "queue", .type = SCHEMA_INT, .flags = SCHEMA_KEY, .help = "queue"},
	{.name = "rx-packets",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "frames that came in\nand \\ were counted"},
	{.name = "age",
		.type = SCHEMA_DURATION,
		.flags = SCHEMA_GAUGE,
		.help = "since the last frame"},
	{.name = "memory", .type = SCHEMA_BYTES, .flags = SCHEMA_GAUGE, .help = "taken"},
	{.name = "rx_bytes", .type = SCHEMA_BYTES, .flags = SCHEMA_COUNTER, .help = "bytes in"},
	{.name = "load", .type = SCHEMA_NUMBER, .flags = SCHEMA_GAUGE, .help = "share"},
	{.name = "on", .type = SCHEMA_BOOL, .flags = SCHEMA_GAUGE, .help = "works"},
	{.name = "link",
		.type = SCHEMA_ENUM,
		.words = link_words,
		.flags = SCHEMA_GAUGE,
		.help = "link"},
	{.name = "note", .type = SCHEMA_STRING, .help = "no metric"},
	{0},
};

static void same_text(char *found, const char *want) {
	assert_non_null(found);
	assert_string_equal(found, want);
	free(found);
}

static void families(void **state) {
	json_t *rows = load(
		"[{'name': 'wan', 'queue': 0, 'rx-packets': 7, 'age': '1m30s', 'memory': '64K',"
		"  'rx_bytes': 900, 'load': 0.5, 'on': true, 'link': 'up', 'note': 'x'},"
		" {'name': 'a\\\"b\\\\c\\n', 'queue': 1, 'rx-packets': 9007199254740993,"
		"  'age': '250ms', 'on': false}]");
	same_text(schema_metrics("ports", columns, rows),
		"# HELP leat_ports_rx_packets_total frames that came in\\nand \\\\ were counted\n"
		"# TYPE leat_ports_rx_packets_total counter\n"
		"leat_ports_rx_packets_total{name=\"wan\",queue=\"0\"} 7\n"
		"leat_ports_rx_packets_total{name=\"a\\\"b\\\\c\\n\",queue=\"1\"} "
		"9007199254740993\n"
		"# HELP leat_ports_age_seconds since the last frame\n"
		"# TYPE leat_ports_age_seconds gauge\n"
		"leat_ports_age_seconds{name=\"wan\",queue=\"0\"} 90\n"
		"leat_ports_age_seconds{name=\"a\\\"b\\\\c\\n\",queue=\"1\"} 0.25\n"
		"# HELP leat_ports_memory_bytes taken\n"
		"# TYPE leat_ports_memory_bytes gauge\n"
		"leat_ports_memory_bytes{name=\"wan\",queue=\"0\"} 65536\n"
		"# HELP leat_ports_rx_bytes_total bytes in\n"
		"# TYPE leat_ports_rx_bytes_total counter\n"
		"leat_ports_rx_bytes_total{name=\"wan\",queue=\"0\"} 900\n"
		"# HELP leat_ports_load share\n"
		"# TYPE leat_ports_load gauge\n"
		"leat_ports_load{name=\"wan\",queue=\"0\"} 0.5\n"
		"# HELP leat_ports_on works\n"
		"# TYPE leat_ports_on gauge\n"
		"leat_ports_on{name=\"wan\",queue=\"0\"} 1\n"
		"leat_ports_on{name=\"a\\\"b\\\\c\\n\",queue=\"1\"} 0\n"
		"# HELP leat_ports_link link\n"
		"# TYPE leat_ports_link gauge\n"
		"leat_ports_link{name=\"wan\",queue=\"0\",link=\"down\"} 0\n"
		"leat_ports_link{name=\"wan\",queue=\"0\",link=\"up\"} 1\n");
	json_decref(rows);
}

static void no_labels(void **state) {
	static const struct schema_row one[] = {
		{.name = "uptime",
			.type = SCHEMA_DURATION,
			.flags = SCHEMA_GAUGE,
			.help = "since the start"},
		{.name = "commits_total",
			.type = SCHEMA_INT,
			.flags = SCHEMA_COUNTER,
			.help = "commits"},
		{0},
	};
	json_t *rows = load("[{'uptime': 5, 'commits_total': 2}]");
	same_text(schema_metrics("system", one, rows),
		"# HELP leat_system_uptime_seconds since the start\n"
		"# TYPE leat_system_uptime_seconds gauge\n"
		"leat_system_uptime_seconds 5\n"
		"# HELP leat_system_commits_total commits\n"
		"# TYPE leat_system_commits_total counter\n"
		"leat_system_commits_total 2\n");
	json_decref(rows);
}

static void none(void **state) {
	json_t *rows = load("[{'note': 'x'}]");
	same_text(schema_metrics("notes", &columns[9], rows), "");
	json_decref(rows);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(families),
		cmocka_unit_test(no_labels),
		cmocka_unit_test(none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
