// SPDX-License-Identifier: BSD-3-Clause
#include "control/module.h"
#include "leat_version.h"
#include "lib/clock.h"

static const struct ctl_config *watched_config;
static const struct ctl_http *watched_http;
static uint64_t started_ns;

void ctl_module_watch(const struct ctl_config *config, const struct ctl_http *http) {
	watched_config = config;
	watched_http = http;
	started_ns = clock_now_ns();
}

// ---- leat show modules ---------------------------------------------------------------------------------

static const struct schema_row word = {.type = SCHEMA_STRING, .help = "a name"};
static const struct schema_row module_columns[] = {
	{.name = "name", .type = SCHEMA_NAME, .flags = SCHEMA_KEY, .help = "the module"},
	{.name = "sections",
		.type = SCHEMA_LIST,
		.elem = &word,
		.help = "the sections of the configuration that it owns"},
	{.name = "after",
		.type = SCHEMA_LIST,
		.elem = &word,
		.help = "modules that are prepared and committed before it"},
	{.name = "help", .type = SCHEMA_STRING, .help = "what it does"},
	{0},
};

static json_t *module_row(const struct module *module) {
	json_t *sections = json_array(), *after = json_array();
	for (const struct schema_row *row = module->sections; row && row->name; row++)
		json_array_append_new(sections, json_string(row->name));
	for (const char *const *name = module->after; name && *name; name++)
		json_array_append_new(after, json_string(*name));
	return json_pack("{s:s, s:o, s:o, s:s}", "name", module->name, "sections", sections,
		"after", after, "help", module->help);
}

static int modules_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	size_t n;
	const struct module *const *modules = module_list(&n);
	for (size_t i = 0; i < n && i < limit; i++)
		json_array_append_new(rows, module_row(modules[i]));
	return 0;
}

// ---- leat show control -----------------------------------------------------------------------------------

static const char *const states[] = {"running", "pending", "degraded", NULL};
static const struct schema_row control_columns[] = {
	{.name = "state",
		.type = SCHEMA_ENUM,
		.flags = SCHEMA_GAUGE,
		.words = states,
		.help = "pending: reverts unless confirmed; degraded: the last revision does not "
			"run"},
	{.name = "revision",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "the wanted revision"},
	{.name = "why", .type = SCHEMA_STRING, .help = "why it does not run"},
	{.name = "confirm_by", .type = SCHEMA_STRING, .help = "when it reverts by itself"},
	{.name = "restart",
		.type = SCHEMA_LIST,
		.elem = &word,
		.help = "what takes effect at the next start only"},
	{.name = "version", .type = SCHEMA_STRING, .flags = SCHEMA_WIDE, .help = "of the daemon"},
	{.name = "uptime", .type = SCHEMA_DURATION, .help = "since the daemon started"},
	{.name = "connections",
		.type = SCHEMA_INT,
		.flags = SCHEMA_GAUGE,
		.help = "API connections now"},
	{.name = "feeds",
		.type = SCHEMA_INT,
		.flags = SCHEMA_WIDE | SCHEMA_GAUGE,
		.help = "of these, events, traces and captures"},
	{.name = "requests",
		.type = SCHEMA_INT,
		.flags = SCHEMA_COUNTER,
		.help = "API requests answered"},
	{.name = "evicted",
		.type = SCHEMA_INT,
		.flags = SCHEMA_WIDE | SCHEMA_COUNTER,
		.help = "connections closed to make room for others"},
	{.name = "refused",
		.type = SCHEMA_INT,
		.flags = SCHEMA_WIDE | SCHEMA_COUNTER,
		.help = "connections turned away"},
	{.name = "timeouts",
		.type = SCHEMA_INT,
		.flags = SCHEMA_WIDE | SCHEMA_COUNTER,
		.help = "connections closed because their client stood still"},
	{0},
};

static int control_show(const json_t *filter, size_t limit, json_t *rows, struct err *err) {
	struct ctl_http_stats stats;
	char uptime[SCHEMA_TEXTLEN], time[CTL_TIMELEN];
	if (watched_config == NULL || watched_http == NULL || limit == 0)
		return 0;
	const char *why = ctl_config_degraded(watched_config);
	uint64_t confirm_by = ctl_config_confirm_by(watched_config);
	uint64_t up_s = (clock_now_ns() - started_ns) / NSEC_PER_SEC;
	ctl_http_stats(watched_http, &stats);
	json_t *row = json_pack(
		"{s:s, s:I, s:s*, s:s*, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "state",
		why                  ? "degraded"
			: confirm_by ? "pending"
				     : "running",
		"revision", (json_int_t)ctl_config_revision(watched_config), "why", why,
		"confirm_by", confirm_by ? ctl_time_print(confirm_by, time) : NULL, "restart",
		ctl_config_restarts(watched_config), "version", LEAT_VERSION, "uptime",
		schema_duration_print(up_s * NSEC_PER_SEC, uptime), "connections",
		(json_int_t)stats.connections, "feeds", (json_int_t)stats.feeds, "requests",
		(json_int_t)stats.requests, "evicted", (json_int_t)stats.evicted, "refused",
		(json_int_t)stats.refused, "timeouts", (json_int_t)stats.timeouts);
	return json_array_append_new(rows, row) < 0 ? err_set(err, -ENOMEM, "out of memory") : 0;
}

static const struct module_noun nouns[] = {
	{"modules", "network functions in this daemon, in the order of their commits",
		module_columns, modules_show, .no_metrics = true},
	{"control", "the control plane: revision, confirmation, API", control_columns,
		control_show},
	{0},
};

const struct module ctl_module = {
	.name = "control",
	.help = "transactions, revisions and the API",
	.nouns = nouns,
};
