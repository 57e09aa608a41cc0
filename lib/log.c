// SPDX-License-Identifier: BSD-3-Clause
// The line is built in one buffer and written by one write(2), so that threads do not mix. The format of the
// pairs is walked here instead of given to vsnprintf(): only then is it known which bytes are a value's, and
// a value may neither end its own quotes nor start a line.
#include "lib/log.h"
#include "lib/clock.h"
#include "lib/text.h"
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_words[] = {"error", "warn", "info", "debug"};
static _Atomic int log_level = LOG_LEVEL_INFO;
static atomic_bool log_timestamps;

struct line {
	size_t used;
	char text[2048];
};

void log_set_level(enum log_level level) {
	atomic_store(&log_level, (int)level);
}

enum log_level log_get_level(void) {
	return (enum log_level)atomic_load(&log_level);
}

void log_set_timestamps(bool on) {
	atomic_store(&log_timestamps, on);
}

int log_level_parse(const char *word, enum log_level *level) {
	for (unsigned i = 0; i < sizeof(level_words) / sizeof(level_words[0]); i++) {
		if (strcmp(word, level_words[i]) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

// One byte stays free for the newline.
static void line_add(struct line *line, const char *bytes, size_t n) {
	size_t room = sizeof(line->text) - 1 - line->used;
	if (n > room)
		n = room;
	memcpy(line->text + line->used, bytes, n);
	line->used += n;
}

static void line_add_str(struct line *line, const char *text) {
	line_add(line, text, strlen(text));
}

static void line_add_escaped(struct line *line, char byte) {
	char hex[8];
	if (byte == '"' || byte == '\\')
		line_add(line, (const char[]){'\\', byte}, 2);
	else if (byte == '\n')
		line_add(line, "\\n", 2);
	else
		line_add(line, hex, (size_t)snprintf(hex, sizeof(hex), "\\x%02x", (uint8_t)byte));
}

static void line_add_value(struct line *line, const char *value, size_t n, bool quoted) {
	const char *special = quoted ? "\"\\" : "\"\\ =";
	for (size_t i = 0; i < n;) {
		size_t len = text_print_len(value + i, n - i);
		if (len == 0 || (len == 1 && strchr(special, value[i])))
			line_add_escaped(line, value[i]);
		else
			line_add(line, value + i, len);
		i += len ? len : 1;
	}
}

// The conversions a pair may have: flags, width, precision (".*" for %s too), then d i u x X o c,
// with any of the length modifiers, e f g, p and s. Returns what follows the conversion.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static const char *line_add_conversion(
	struct line *line, const char *fmt, va_list *ap, bool quoted) {
	char spec[32], text[128];
	size_t flags = strspn(fmt, "-+ #0123456789"), longs = 0;
	const char *at = fmt + flags;
	int precision = -1;
	if (*at == '.' && at[1] == '*') {
		precision = va_arg(*ap, int);
		at += 2;
	} else if (*at == '.') {
		precision = (int)strtol(at + 1, (char **)&at, 10);
	}
	for (; *at && strchr("hlzjt", *at); at++)
		longs += *at != 'h';
	snprintf(spec, sizeof(spec), "%%%.*s.*%s%c", (int)flags, fmt, longs ? "ll" : "", *at);
	if (*at == 's') {
		const char *value = va_arg(*ap, const char *);
		value = value ? value : "";
		line_add_value(line, value,
			strnlen(value, precision < 0 ? SIZE_MAX : (size_t)precision), quoted);
		return at + 1;
	}
	if (*at && strchr("diuxXo", *at)) {
		// long, size_t, intmax_t and long long are all 64 bits wide on what we run on
		if (longs)
			snprintf(text, sizeof(text), spec, precision, va_arg(*ap, long long));
		else
			snprintf(text, sizeof(text), spec, precision, va_arg(*ap, int));
	} else if (*at && strchr("efgEG", *at)) {
		snprintf(text, sizeof(text), spec, precision, va_arg(*ap, double));
	} else if (*at == 'p') {
		snprintf(text, sizeof(text), "%p", va_arg(*ap, void *));
	} else if (*at == 'c') {
		snprintf(text, sizeof(text), "%c", va_arg(*ap, int));
	} else {
		assert(!"log_event: a conversion that it does not know");
		return at + strlen(at);
	}
	line_add_value(line, text, strlen(text), quoted);
	return at + 1;
}
#pragma GCC diagnostic pop

static void line_add_pairs(struct line *line, const char *fmt, va_list *ap) {
	bool quoted = false;
	while (*fmt) {
		if (fmt[0] == '%' && fmt[1] != '%') {
			fmt = line_add_conversion(line, fmt + 1, ap, quoted);
			continue;
		}
		quoted ^= *fmt == '"';
		line_add(line, fmt, 1);
		fmt += *fmt == '%' ? 2 : 1;
	}
}

static void line_add_time(struct line *line) {
	char date[32], text[48];
	struct tm tm;
	uint64_t now_ns = clock_wall_ns();
	time_t now_s = (time_t)(now_ns / NSEC_PER_SEC);
	gmtime_r(&now_s, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "time=%s.%03uZ ", date,
		(unsigned)(now_ns % NSEC_PER_SEC / NSEC_PER_MSEC));
	line_add_str(line, text);
}

void log_event(enum log_level level, const char *module, const char *msg, const char *kv, ...) {
	if ((int)level > atomic_load_explicit(&log_level, memory_order_relaxed))
		return;
	int saved_errno = errno;
	struct line line = {.used = 0};
	if (atomic_load_explicit(&log_timestamps, memory_order_relaxed))
		line_add_time(&line);
	line_add_str(&line, "level=");
	line_add_str(&line, level_words[level]);
	line_add_str(&line, " module=");
	line_add_value(&line, module, strlen(module), false);
	bool plain = strpbrk(msg, " \"=\\") == NULL;
	line_add_str(&line, plain ? " msg=" : " msg=\"");
	line_add_value(&line, msg, strlen(msg), !plain);
	if (!plain)
		line_add_str(&line, "\"");
	if (*kv) {
		va_list ap;
		va_start(ap, kv);
		line_add_str(&line, " ");
		line_add_pairs(&line, kv, &ap);
		va_end(ap);
	}
	line.text[line.used++] = '\n';
	// A log that cannot be written is no reason to stop, and there is nobody to tell.
	ssize_t written = write(STDERR_FILENO, line.text, line.used);
	(void)written;
	errno = saved_errno;
}
