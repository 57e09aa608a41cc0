// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
// When a rule is on: days of the week, and a part of the day, in local time.
#pragma once

#include "lib/schema.h"
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct fw_schedule {
	uint8_t days; // bit n: tm_wday n, the day on which it begins
	uint16_t from_min,
		to_min; // of the day; the same: the whole day; to before from: until the next morning
};

extern const struct schema_row fw_schedule_rows[]; // of one
extern const char *const fw_day_words[];           // by tm_wday
// "08:30" as minutes; "24:00" is the end of a day. -EINVAL.
int fw_time_parse(const char *text);

// `value`: one that the schema took.
void fw_schedule_parse(const json_t *value, struct fw_schedule *schedule);
bool fw_schedule_on(const struct fw_schedule *schedule, const struct tm *local);
