// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/schedule.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAY_MIN 1440

const char *const fw_day_words[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

int fw_time_parse(const char *text) {
	unsigned hour, minute;
	char rest;

	if (strlen(text) != 5 || sscanf(text, "%2u:%2u%c", &hour, &minute, &rest) != 2 ||
		minute > 59 || hour * 60 + minute > DAY_MIN)
		return -EINVAL;
	return (int)(hour * 60 + minute);
}

static int time_check(const json_t *value, const char *path, struct err *err) {
	const char *text = json_string_value(value);

	return fw_time_parse(text) >= 0
		? 0
		: err_at(err, path, "\"%s\" is no time of day; write \"08:30\", \"24:00\" at most",
			  text);
}

static const struct schema_row day_elem = {
	.name = "day", .type = SCHEMA_ENUM, .words = fw_day_words, .help = "a day of the week"};

const struct schema_row fw_schedule_rows[] = {
	{.name = "days",
		.type = SCHEMA_LIST,
		.flags = SCHEMA_LIVE,
		.elem = &day_elem,
		.min = 1,
		.max = 7,
		.example = "{ \"mon\", \"tue\", \"wed\", \"thu\", \"fri\" }",
		.help = "days on which it begins; left out: every day"},
	{.name = "from",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_LIVE,
		.check = time_check,
		.def = "00:00",
		.example = "\"08:00\"",
		.help = "when it begins, local time"},
	{.name = "to",
		.type = SCHEMA_STRING,
		.flags = SCHEMA_LIVE,
		.check = time_check,
		.def = "24:00",
		.example = "\"18:00\"",
		.help = "when it ends; before `from`: the next morning"},
	{0},
};

static uint8_t days_parse(const json_t *days) {
	uint8_t bits = 0;
	json_t *word;
	size_t i;

	json_array_foreach ((json_t *)days, i, word)
		for (unsigned d = 0; fw_day_words[d]; d++)
			if (strcmp(fw_day_words[d], json_string_value(word)) == 0)
				bits |= (uint8_t)(1u << d);
	return bits ? bits : 0x7f;
}

static uint16_t time_of(const json_t *value, const char *key, uint16_t otherwise) {
	const char *text = json_string_value(json_object_get(value, key));

	return text ? (uint16_t)fw_time_parse(text) : otherwise;
}

void fw_schedule_parse(const json_t *value, struct fw_schedule *schedule) {
	*schedule = (struct fw_schedule){.days = days_parse(json_object_get(value, "days")),
		.from_min = time_of(value, "from", 0),
		.to_min = time_of(value, "to", DAY_MIN)};
}

bool fw_schedule_on(const struct fw_schedule *s, const struct tm *local) {
	unsigned now = (unsigned)(local->tm_hour * 60 + local->tm_min);
	unsigned today = (unsigned)local->tm_wday, yesterday = (today + 6) % 7;

	if (s->from_min < s->to_min)
		return s->days >> today & 1 && now >= s->from_min && now < s->to_min;
	return (s->days >> today & 1 && now >= s->from_min) ||
		(s->days >> yesterday & 1 && now < s->to_min);
}
