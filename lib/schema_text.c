// SPDX-License-Identifier: BSD-3-Clause
// Durations, sizes and rates as text. Exact: what is printed parses to the same number.
#include "lib/clock.h"
#include "lib/schema_priv.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t size;
};

// Largest first, because printing takes the first that fits.
static const struct unit duration_units[] = {
	{"d", 86400 * NSEC_PER_SEC},
	{"h", 3600 * NSEC_PER_SEC},
	{"m", 60 * NSEC_PER_SEC},
	{"s", NSEC_PER_SEC},
	{"ms", NSEC_PER_MSEC},
	{"us", NSEC_PER_USEC},
	{"ns", 1},
	{0},
};

static const struct unit bytes_units[] = {
	{"T", 1ull << 40},
	{"G", 1ull << 30},
	{"M", 1ull << 20},
	{"K", 1ull << 10},
	{"t", 1ull << 40}, // read, never printed
	{"g", 1ull << 30},
	{"m", 1ull << 20},
	{"k", 1ull << 10},
	{0},
};

static const struct unit rate_units[] = {
	{"G", 1000000000},
	{"M", 1000000},
	{"k", 1000},
	{"K", 1000}, // read, never printed
	{0},
};

static const struct unit *unit_find(const struct unit *units, const char *name, size_t len) {
	for (; units->name; units++) {
		if (strlen(units->name) == len && !memcmp(units->name, name, len))
			return units;
	}
	return NULL;
}

// Adds "whole.fraction" units of `size`; a fraction must come out whole.
static int amount_add(
	uint64_t whole, const char *fraction, size_t digits, uint64_t size, uint64_t *sum) {
	uint64_t part = 0, scale = 1;
	for (size_t i = 0; i < digits; i++) {
		if (scale > 100000000000ull)
			return -EINVAL;
		part = part * 10 + (uint64_t)(fraction[i] - '0');
		scale *= 10;
	}
	__uint128_t scaled = (__uint128_t)part * size;
	if (scaled % scale)
		return -EINVAL;
	__uint128_t total = (__uint128_t)whole * size + scaled / scale + *sum;
	if (total > INT64_MAX)
		return -ERANGE;
	*sum = (uint64_t)total;
	return 0;
}

static int digits_parse(const char **text, uint64_t *value) {
	const char *p = *text;
	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (*value = 0; isdigit((unsigned char)*p); p++) {
		if (__builtin_mul_overflow(*value, 10, value) ||
			__builtin_add_overflow(*value, (uint64_t)(*p - '0'), value))
			return -ERANGE;
	}
	*text = p;
	return 0;
}

// One "<number><unit>"; `bare` is the unit of a number without one (0: it needs one).
static int term_parse(
	const char **text, const struct unit *units, uint64_t bare, uint64_t *size, uint64_t *sum) {
	uint64_t whole;
	int rc = digits_parse(text, &whole);
	if (rc)
		return rc;
	const char *fraction = *text;
	size_t digits = 0;
	if (*fraction == '.') {
		digits = strspn(++fraction, "0123456789");
		if (!digits)
			return -EINVAL;
		*text = fraction + digits;
	}
	size_t len = 0;
	while (isalpha((unsigned char)(*text)[len]))
		len++;
	const struct unit *unit = unit_find(units, *text, len);
	if (!unit && (len || !bare))
		return -EINVAL;
	*text += len;
	*size = unit ? unit->size : bare;
	return amount_add(whole, fraction, digits, *size, sum);
}

int schema_duration_parse(const char *text, uint64_t *ns) {
	uint64_t sum = 0, size = 0, last = UINT64_MAX;
	uint64_t bare = strspn(text, "0123456789.") == strlen(text) ? NSEC_PER_SEC : 0;
	do {
		int rc = term_parse(&text, duration_units, bare, &size, &sum);
		if (rc)
			return rc;
		if (size >= last)
			return -EINVAL; // "5m1h", "1s1s": more likely a slip than a wish
		last = size;
	} while (*text);
	*ns = sum;
	return 0;
}

int schema_bytes_parse(const char *text, uint64_t *bytes) {
	uint64_t sum = 0, size;
	int rc = term_parse(&text, bytes_units, 1, &size, &sum);
	if (rc)
		return rc;
	if (*text)
		return -EINVAL;
	*bytes = sum;
	return 0;
}

int schema_rate_parse(const char *text, uint64_t *per_s) {
	uint64_t sum = 0, size;
	int rc = term_parse(&text, rate_units, 1, &size, &sum);
	if (rc)
		return rc;
	if (*text && strcmp(text, "/s"))
		return -EINVAL;
	*per_s = sum;
	return 0;
}

char *schema_duration_print(uint64_t ns, char buf[static SCHEMA_TEXTLEN]) {
	if (!ns)
		return memcpy(buf, "0s", 3);
	size_t len = 0;
	for (const struct unit *unit = duration_units; unit->name; unit++) {
		if (ns < unit->size)
			continue;
		len += (size_t)snprintf(buf + len, SCHEMA_TEXTLEN - len, "%" PRIu64 "%s",
			ns / unit->size, unit->name);
		ns %= unit->size;
	}
	return buf;
}

// The largest unit that divides the value.
static void scaled_print(uint64_t value, const struct unit *units, const char *after,
	char buf[static SCHEMA_TEXTLEN]) {
	while (units->name && (!value || value % units->size))
		units++;
	snprintf(buf, SCHEMA_TEXTLEN, "%" PRIu64 "%s%s", units->name ? value / units->size : value,
		units->name ? units->name : "", after);
}

char *schema_bytes_print(uint64_t bytes, char buf[static SCHEMA_TEXTLEN]) {
	scaled_print(bytes, bytes_units, "", buf);
	return buf;
}

char *schema_rate_print(uint64_t per_s, char buf[static SCHEMA_TEXTLEN]) {
	scaled_print(per_s, rate_units, "/s", buf);
	return buf;
}
