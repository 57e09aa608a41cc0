// SPDX-License-Identifier: BSD-3-Clause
// Logging: one logfmt line per event on stderr (journald adds the time when it is the reader).
//   level=info module=lb msg="member down" pool=web member=w1 why="connect timeout"
// Any thread except from inside a graph node. Control characters in values are escaped, so that no
// outside byte can forge a line.
#pragma once

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

// Lines above `level` are dropped. Default: info. `timestamps`: prefix time=RFC3339 (off under
// journald).
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
void log_set_timestamps(bool on);
// Returns 0 or -EINVAL: "error", "warn", "info", "debug".
int log_level_parse(const char *word, enum log_level *level);

// `kv` is a printf format of the line's further pairs, "pool=%s member=%s"; values that may hold
// spaces are written \"%s\". "": none.
void log_event(enum log_level level, const char *module, const char *msg, const char *kv, ...)
	__attribute__((format(printf, 4, 5)));

#define log_error(module, msg, ...) log_event(LOG_LEVEL_ERROR, module, msg, __VA_ARGS__)
#define log_warn(module, msg, ...)  log_event(LOG_LEVEL_WARN, module, msg, __VA_ARGS__)
#define log_info(module, msg, ...)  log_event(LOG_LEVEL_INFO, module, msg, __VA_ARGS__)
#define log_debug(module, msg, ...) log_event(LOG_LEVEL_DEBUG, module, msg, __VA_ARGS__)
