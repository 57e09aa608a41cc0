// SPDX-License-Identifier: BSD-3-Clause
#include "lib/pattern.h"
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define DEPTH_MAX 200 // as in Lua: recursions of match(), each a few hundred bytes of stack

enum { CAPTURE_OPEN = -1, CAPTURE_POSITION = -2 };

struct matcher {
	const char *begin, *end; // subject
	const char *pattern_end;
	uint64_t *steps;
	unsigned depth, level;
	struct {
		const char *start;
		ptrdiff_t len; // or CAPTURE_*
	} captures[PATTERN_CAPTURES];
	int rc; // once negative, everything unwinds
	const char *why;
};

static const char *match(struct matcher *m, const char *s, const char *p);

static const char *fail(struct matcher *m, const char *why) {
	m->rc = -EINVAL;
	m->why = why;
	return NULL;
}

static bool spend(struct matcher *m, uint64_t cost) {
	if (*m->steps < cost) {
		*m->steps = 0;
		m->rc = -ETIME;
		return false;
	}
	*m->steps -= cost;
	return true;
}

// One past the single-character class at p, or NULL: malformed.
static const char *class_end(struct matcher *m, const char *p) {
	if (*p == '%') {
		if (p + 1 == m->pattern_end)
			return fail(m, "malformed pattern (ends with '%')");
		return p + 2;
	}
	if (*p++ != '[')
		return p;
	if (p < m->pattern_end && *p == '^')
		p++;
	do { // the first character is never the closing bracket: "[]]"
		if (p >= m->pattern_end)
			return fail(m, "malformed pattern (missing ']')");
		p += *p == '%' && p + 1 < m->pattern_end ? 2 : 1;
	} while (p >= m->pattern_end || *p != ']');
	return p + 1;
}

static bool in_class(int c, int class) {
	bool in;
	switch (tolower(class)) {
	case 'a':
		in = isalpha(c);
		break;
	case 'c':
		in = iscntrl(c);
		break;
	case 'd':
		in = isdigit(c);
		break;
	case 'g':
		in = isgraph(c);
		break;
	case 'l':
		in = islower(c);
		break;
	case 'p':
		in = ispunct(c);
		break;
	case 's':
		in = isspace(c);
		break;
	case 'u':
		in = isupper(c);
		break;
	case 'w':
		in = isalnum(c);
		break;
	case 'x':
		in = isxdigit(c);
		break;
	case 'z':
		in = c == 0;
		break;
	default:
		return class == c;
	}
	return isupper(class) ? !in : in;
}

// p: the '[', last: the ']'.
static bool in_set(int c, const char *p, const char *last) {
	const uint8_t *at = (const uint8_t *)p + 1, *stop = (const uint8_t *)last;
	bool wanted = *at != '^';
	for (at += !wanted; at < stop; at++) {
		if (*at == '%') {
			if (in_class(c, *++at))
				return wanted;
		} else if (at + 2 < stop && at[1] == '-') {
			if (at[0] <= c && c <= at[2])
				return wanted;
			at += 2;
		} else if (*at == c) {
			return wanted;
		}
	}
	return !wanted;
}

// Does the character at s belong to the class p..class_stop?
static bool single(struct matcher *m, const char *s, const char *p, const char *class_stop) {
	if (!spend(m, (uint64_t)(class_stop - p)) || s >= m->end)
		return false;
	int c = (uint8_t)*s;
	switch (*p) {
	case '.':
		return true;
	case '%':
		return in_class(c, (uint8_t)p[1]);
	case '[':
		return in_set(c, p, class_stop - 1);
	default:
		return (uint8_t)*p == c;
	}
}

// "%bxy": p is at x.
static const char *balance(struct matcher *m, const char *s, const char *p) {
	if (m->pattern_end - p < 2)
		return fail(m, "malformed pattern (missing arguments to '%b')");
	if (s >= m->end || *s != p[0])
		return NULL;
	size_t open = 1;
	while (++s < m->end && spend(m, 1)) {
		if (*s == p[1] && --open == 0)
			return s + 1;
		if (*s == p[0] && p[0] != p[1])
			open++;
	}
	return NULL;
}

// "%f[set]": p is at the '['. Returns what follows the set when s is at the frontier.
static const char *frontier(struct matcher *m, const char *s, const char *p) {
	if (p >= m->pattern_end || *p != '[')
		return fail(m, "missing '[' after '%f' in pattern");
	const char *stop = class_end(m, p);
	if (stop == NULL || !spend(m, (uint64_t)(stop - p)))
		return NULL;
	int before = s == m->begin ? 0 : (uint8_t)s[-1];
	int here = s == m->end ? 0 : (uint8_t)*s;
	return !in_set(before, p, stop - 1) && in_set(here, p, stop - 1) ? stop : NULL;
}

static const char *back_reference(struct matcher *m, const char *s, char digit) {
	unsigned i = (unsigned)(digit - '1');
	if (digit == '0' || i >= m->level || m->captures[i].len == CAPTURE_OPEN)
		return fail(m, "invalid capture index");
	ptrdiff_t len = m->captures[i].len;
	if (len == CAPTURE_POSITION || m->end - s < len || !spend(m, (uint64_t)len / 16 + 1))
		return NULL;
	return memcmp(m->captures[i].start, s, (size_t)len) == 0 ? s + len : NULL;
}

static const char *capture_open(struct matcher *m, const char *s, const char *p, ptrdiff_t kind) {
	if (m->level == PATTERN_CAPTURES)
		return fail(m, "too many captures");
	m->captures[m->level].start = s;
	m->captures[m->level].len = kind;
	m->level++;
	const char *end = match(m, s, p);
	if (end == NULL)
		m->level--;
	return end;
}

static const char *capture_close(struct matcher *m, const char *s, const char *p) {
	unsigned i = m->level;
	while (i > 0 && m->captures[i - 1].len != CAPTURE_OPEN)
		i--;
	if (i == 0)
		return fail(m, "invalid pattern capture");
	m->captures[i - 1].len = s - m->captures[i - 1].start;
	const char *end = match(m, s, p);
	if (end == NULL)
		m->captures[i - 1].len = CAPTURE_OPEN;
	return end;
}

// As many as there are ('*', '+'), then fewer.
static const char *expand_most(
	struct matcher *m, const char *s, const char *p, const char *class_stop) {
	ptrdiff_t n = 0;
	while (single(m, s + n, p, class_stop))
		n++;
	for (; n >= 0 && m->rc == 0; n--) {
		const char *end = match(m, s + n, class_stop + 1);
		if (end)
			return end;
	}
	return NULL;
}

// As few as will do ('-').
static const char *expand_least(
	struct matcher *m, const char *s, const char *p, const char *class_stop) {
	for (;;) {
		const char *end = match(m, s, class_stop + 1);
		if (end || m->rc < 0 || !single(m, s, p, class_stop))
			return end;
		s++;
	}
}

// One item that is a class with or without a suffix. *s and *p move on when the match goes on after
// it, then true is returned; else *end is the answer.
static bool item(struct matcher *m, const char **s, const char **p, const char **end) {
	*end = NULL;
	const char *stop = class_end(m, *p);
	if (stop == NULL)
		return false;
	char suffix = stop < m->pattern_end ? *stop : '\0';
	bool optional = suffix == '*' || suffix == '?' || suffix == '-';
	if (!single(m, *s, *p, stop)) {
		*p = stop + 1;
		return optional;
	}
	switch (suffix) {
	case '*':
		*end = expand_most(m, *s, *p, stop);
		return false;
	case '+':
		*end = expand_most(m, *s + 1, *p, stop);
		return false;
	case '-':
		*end = expand_least(m, *s, *p, stop);
		return false;
	case '?':
		*end = match(m, *s + 1, stop + 1);
		*p = stop + 1;
		return *end == NULL;
	default:
		*s += 1;
		*p = stop;
		return true;
	}
}

// What begins with '%' and is not a class: moves *s and *p on, or returns false when it does not
// match here. *known is false when it is a class after all.
static bool escape(struct matcher *m, const char **s, const char **p, bool *known) {
	char kind = *p + 1 < m->pattern_end ? (*p)[1] : '\0';
	const char *next;
	*known = true;
	if (kind == 'b') {
		next = balance(m, *s, *p + 2);
		*s = next;
		*p += 4;
	} else if (kind == 'f') {
		next = frontier(m, *s, *p + 2);
		*p = next;
	} else if (kind >= '0' && kind <= '9') {
		next = back_reference(m, *s, kind);
		*s = next;
		*p += 2;
	} else {
		*known = false;
		return true;
	}
	return next != NULL;
}

static const char *match_items(struct matcher *m, const char *s, const char *p) {
	while (p < m->pattern_end && m->rc == 0 && spend(m, 1)) {
		const char *end;
		bool known = false;
		if (*p == '(') {
			bool position = p + 1 < m->pattern_end && p[1] == ')';
			return capture_open(
				m, s, p + 1 + position, position ? CAPTURE_POSITION : CAPTURE_OPEN);
		}
		if (*p == ')')
			return capture_close(m, s, p + 1);
		if (*p == '$' && p + 1 == m->pattern_end)
			return s == m->end ? s : NULL;
		if (*p == '%' && !escape(m, &s, &p, &known))
			return NULL;
		if (!known && !item(m, &s, &p, &end))
			return end;
	}
	return m->rc == 0 ? s : NULL;
}

static const char *match(struct matcher *m, const char *s, const char *p) {
	if (m->depth == DEPTH_MAX)
		return fail(m, "pattern too complex");
	m->depth++;
	const char *end = match_items(m, s, p);
	m->depth--;
	return end;
}

int pattern_match(const struct pattern_text *subject, const char *at,
	const struct pattern_text *pattern, uint64_t *steps, struct pattern_match *result) {
	struct matcher m = {.begin = subject->bytes,
		.end = subject->bytes + subject->len,
		.pattern_end = pattern->bytes + pattern->len,
		.steps = steps};
	result->end = match(&m, at, pattern->bytes);
	result->n = m.level;
	result->why = m.why;
	if (m.rc < 0 || result->end == NULL)
		return m.rc;
	for (unsigned i = 0; i < m.level; i++) {
		ptrdiff_t len = m.captures[i].len;
		if (len == CAPTURE_OPEN) {
			result->why = "unfinished capture";
			return -EINVAL;
		}
		result->captures[i].start = m.captures[i].start;
		result->captures[i].len = len == CAPTURE_POSITION ? PATTERN_POSITION : (size_t)len;
	}
	return 1;
}
