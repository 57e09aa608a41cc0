// SPDX-License-Identifier: BSD-3-Clause
// The section `sessions`.
#include "dataplane/session/module.h"
#include <stdio.h>

struct times {
	uint64_t opening, established, half_closed, closing, time_wait, reset;
	uint64_t udp, udp_new, icmp, other, other_new;
};

#define TIME(field, word, text, what)                                        \
	{                                                                    \
		.name = word, .type = SCHEMA_DURATION, .flags = SCHEMA_LIVE, \
		SCHEMA_FIELD(struct times, field), .min = 1000000000,        \
		.max = 7 * 86400ll * 1000000000, .def = text, .help = what   \
	}

static const struct schema_row times_rows[] = {
	TIME(opening, "tcp_opening", "4m",
		"handshake not ended, or picked up in the middle (RFC 7857)"),
	TIME(established, "tcp_established", "2h4m", "open, and silent (RFC 5382)"),
	TIME(half_closed, "tcp_half_closed", "4m",
		"one side has ended, and the other is silent (RFC 7857)"),
	TIME(closing, "tcp_closing", "4m", "both have ended, not all is acknowledged (RFC 7857)"),
	TIME(time_wait, "tcp_time_wait", "4m", "both have ended (RFC 9293)"),
	TIME(reset, "tcp_reset", "4m", "one side broke off (RFC 7857)"),
	TIME(udp, "udp", "5m", "UDP in both directions (RFC 4787)"),
	TIME(udp_new, "udp_unreplied", "2m", "UDP in one direction (RFC 4787)"),
	TIME(icmp, "icmp", "1m", "ICMP queries (RFC 5508)"),
	TIME(other, "other", "10m", "other protocols in both directions"),
	TIME(other_new, "other_unreplied", "2m", "other protocols in one direction"),
	{0},
};

struct rows {
	int64_t max, reserve;
	const json_t *timeouts;
	const char *log;
	bool loose, log_all;
};

static int log_check(const json_t *value, const char *path, struct err *err) {
	const char *file = json_string_value(value);

	if (file[0] == '/')
		return 0;
	return err_at(err, path, "%s is no absolute path; write \"/var/log/leat/%s\"", file, file);
}

static int section_check(const json_t *value, const char *path, struct err *err) {
	json_int_t max = json_integer_value(json_object_get(value, "max"));
	json_int_t reserve = json_integer_value(json_object_get(value, "reserve"));

	if (reserve < max)
		return 0;
	return err_at(err, path, "reserve is %lld of %lld sessions; write at most %lld",
		(long long)reserve, (long long)max, (long long)max / 2);
}

static const struct schema_row rows[] = {
	{.name = "max",
		.type = SCHEMA_INT,
		.flags = SCHEMA_RESTART,
		SCHEMA_FIELD(struct rows, max),
		.min = 1000,
		.max = 100000000,
		.def = "1000000",
		.unit = "sessions",
		.help = "sessions at most, 192 bytes each (IPv6: 320); memory is taken as they "
			"come"},
	{.name = "reserve",
		.type = SCHEMA_INT,
		.flags = SCHEMA_RESTART,
		SCHEMA_FIELD(struct rows, reserve),
		.min = 0,
		.max = 1000000,
		.def = "500",
		.unit = "sessions",
		.help = "of them for management and routing protocols alone"},
	{.name = "timeouts",
		.type = SCHEMA_OBJECT,
		.flags = SCHEMA_LIVE,
		SCHEMA_FIELD(struct rows, timeouts),
		.rows = times_rows,
		.def = "{}",
		.help = "how long a session lives without packets, by state"},
	{.name = "loose",
		.type = SCHEMA_BOOL,
		.flags = SCHEMA_LIVE,
		SCHEMA_FIELD(struct rows, loose),
		.def = "false",
		.help = "take up TCP connections in their middle, as after a restart; else they "
			"begin with a SYN"},
	{.name = "log",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_LIVE,
		SCHEMA_FIELD(struct rows, log),
		.min = 2,
		.max = 255,
		.check = log_check,
		.example = "\"/var/log/leat/sessions.jsonl\"",
		.help = "file that starts and ends of sessions are appended to, a JSON object per "
			"line; opened anew when it was moved away"},
	{.name = "log_all",
		.type = SCHEMA_BOOL,
		.flags = SCHEMA_LIVE,
		SCHEMA_FIELD(struct rows, log_all),
		.def = "false",
		.help = "record all sessions, not only those whose rule says so"},
	{0},
};

const struct schema_row session_sections[] = {
	{.name = "sessions",
		.type = SCHEMA_OBJECT,
		.rows = rows,
		.def = "{}",
		.check = section_check,
		.help = "the table of flows that firewall, NAT and load balancer share"},
	{0},
};

static uint32_t ticks(uint64_t ns) {
	return (uint32_t)((ns + (UINT64_C(1) << TABLE_TICK_SHIFT) - 1) >> TABLE_TICK_SHIFT);
}

static void times_spread(const struct times *t, uint32_t out[SESSION_STATES]) {
	out[SESSION_NONE] = ticks(t->opening);
	out[SESSION_TCP_SYN_SENT] = ticks(t->opening);
	out[SESSION_TCP_SYN_BOTH] = ticks(t->opening);
	out[SESSION_TCP_SYN_RECEIVED] = ticks(t->opening);
	out[SESSION_TCP_PICKED_UP] = ticks(t->opening);
	out[SESSION_TCP_ESTABLISHED] = ticks(t->established);
	out[SESSION_TCP_FIN_ORIG] = ticks(t->half_closed);
	out[SESSION_TCP_FIN_RESP] = ticks(t->half_closed);
	out[SESSION_TCP_CLOSING] = ticks(t->closing);
	out[SESSION_TCP_TIME_WAIT] = ticks(t->time_wait);
	out[SESSION_TCP_RESET] = ticks(t->reset);
	out[SESSION_UDP_NEW] = ticks(t->udp_new);
	out[SESSION_UDP] = ticks(t->udp);
	out[SESSION_ICMP_NEW] = ticks(t->icmp);
	out[SESSION_ICMP] = ticks(t->icmp);
	out[SESSION_OTHER_NEW] = ticks(t->other_new);
	out[SESSION_OTHER] = ticks(t->other);
}

void session_conf_decode(const json_t *tree, struct session_conf *conf) {
	struct times times = {0};
	struct rows r = {0};

	schema_decode(rows, json_object_get(tree, "sessions"), &r);
	schema_decode(times_rows, r.timeouts, &times);
	*conf = (struct session_conf){.max = (uint32_t)r.max,
		.reserve = (uint32_t)r.reserve,
		.loose = r.loose,
		.log_all = r.log_all};
	times_spread(&times, conf->timeouts);
	snprintf(conf->log, sizeof(conf->log), "%s", r.log ? r.log : "");
}
