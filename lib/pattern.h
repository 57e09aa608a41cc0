// SPDX-License-Identifier: BSD-3-Clause
// Lua patterns (reference manual 5.4, 6.4.1) with every step counted. Lua's own matcher can be made to
// backtrack for hours inside one call, where no hook runs; this one gives up when its budget is spent.
// Same results and messages as Lua's. Pure.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PATTERN_CAPTURES 32
#define PATTERN_POSITION SIZE_MAX // length of a position capture: "()"

struct pattern_capture {
	const char *start; // borrowed from the subject
	size_t len;
};

struct pattern_match {
	const char *end; // one past what matched
	unsigned n;      // captures; 0: the pattern has none
	struct pattern_capture captures[PATTERN_CAPTURES];
	const char *why; // after -EINVAL; borrowed, constant
};

struct pattern_text {
	const char *bytes;
	size_t len;
};

// Matches `pattern` (without its leading '^') at exactly `at` in `subject`. 1: matched, *match is
// filled; 0: not here; -EINVAL: the pattern is malformed or too complex, match->why says how;
// -ETIME: *steps, which counts down, came to 0.
int pattern_match(const struct pattern_text *subject, const char *at,
	const struct pattern_text *pattern, uint64_t *steps, struct pattern_match *match);
