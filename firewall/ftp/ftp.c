// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/ftp/ftp.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LINE_MAX_BYTES 512

// What is left to read.
struct text {
	const char *at, *end;
};

static bool number(struct text *t, unsigned digits, unsigned max, unsigned *value) {
	const char *first = t->at;

	for (*value = 0; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++) {
		*value = *value * 10 + (unsigned)(*t->at - '0');
		if (*value > max || (unsigned)(t->at - first) >= digits)
			return false;
	}
	return t->at > first;
}

static bool take(struct text *t, char c) {
	if (t->at == t->end || *t->at != c)
		return false;
	t->at++;
	return true;
}

static bool word_is(struct text *t, const char *word) {
	size_t len = strlen(word);

	if ((size_t)(t->end - t->at) < len || strncasecmp(t->at, word, len) != 0)
		return false;
	t->at += len;
	return t->at == t->end || *t->at == ' ';
}

static void blanks(struct text *t) {
	while (take(t, ' '))
		;
}

// h1,h2,h3,h4,p1,p2
static bool six(struct text *t, struct ftp_line *out) {
	unsigned n[6];

	for (unsigned i = 0; i < 6; i++)
		if ((i > 0 && !take(t, ',')) || !number(t, 3, 255, &n[i]))
			return false;
	out->addr = (struct addr){.family = ADDR_V4};
	for (unsigned i = 0; i < 4; i++)
		out->addr.bytes[i] = (uint8_t)n[i];
	out->port = (uint16_t)(n[4] << 8 | n[5]);
	return true;
}

static bool delimiter(struct text *t, struct ftp_line *out) {
	if (t->at == t->end || *t->at < 33 || *t->at > 126 || (*t->at >= '0' && *t->at <= '9'))
		return false;
	out->delimiter = *t->at++;
	return true;
}

static bool port_between(struct text *t, struct ftp_line *out) {
	unsigned port;

	if (!number(t, 5, 65535, &port) || !take(t, out->delimiter))
		return false;
	out->port = (uint16_t)port;
	return true;
}

// <d>1<d>192.0.2.1<d>2000<d>
static bool extended_port(struct text *t, struct ftp_line *out) {
	char addr[ADDR_STRLEN];
	unsigned family;

	if (!delimiter(t, out) || !number(t, 1, 2, &family) || !take(t, out->delimiter))
		return false;
	const char *end = memchr(t->at, out->delimiter, (size_t)(t->end - t->at));
	if (end == NULL || (size_t)(end - t->at) >= sizeof(addr))
		return false;
	memcpy(addr, t->at, (size_t)(end - t->at));
	addr[end - t->at] = '\0';
	t->at = end + 1;
	return addr_parse(addr, &out->addr) == 0 &&
		(out->addr.family == ADDR_V4 ? family == 1 : family == 2) && port_between(t, out);
}

// <d><d><d>2000<d>
static bool extended_answer(struct text *t, struct ftp_line *out) {
	return delimiter(t, out) && take(t, out->delimiter) && take(t, out->delimiter) &&
		port_between(t, out);
}

// Where the numbers begin is not fixed: behind a bracket mostly, behind some words always.
static bool answer_find(struct text *t, const char *line, struct ftp_line *out,
	bool (*read)(struct text *, struct ftp_line *)) {
	bool six_numbers = read == six;

	for (const char *at = t->at; at < t->end; at++) {
		struct text from = {at, t->end};
		bool begins = six_numbers
			? (*at >= '0' && *at <= '9') && (at == line || at[-1] < '0' || at[-1] > '9')
			: at > line && at[-1] == '(';

		if (!begins || !read(&from, out))
			continue;
		out->at = (uint32_t)(at - line);
		out->len = (uint32_t)(from.at - at);
		return true;
	}
	return false;
}

static bool command(struct text *t, const char *line, struct ftp_line *out) {
	bool (*read)(struct text *, struct ftp_line *) = NULL;

	if (word_is(t, "PORT")) {
		out->word = FTP_PORT;
		read = six;
	} else if ((*t = (struct text){line, t->end}, word_is(t, "EPRT"))) {
		out->word = FTP_EPRT;
		read = extended_port;
	}
	if (read) {
		blanks(t);
		out->at = (uint32_t)(t->at - line);
		if (!read(t, out))
			return false;
		out->len = (uint32_t)(t->at - line) - out->at;
		blanks(t);
		return t->at == t->end;
	}
	*t = (struct text){line, t->end};
	if (word_is(t, "PASV"))
		out->word = FTP_PASV;
	else if ((*t = (struct text){line, t->end}, word_is(t, "EPSV")))
		out->word = FTP_EPSV;
	return out->word != FTP_NOTHING;
}

static bool answer(struct text *t, const char *line, struct ftp_line *out) {
	if (word_is(t, "227")) {
		out->word = FTP_PASSIVE;
		return answer_find(t, line, out, six);
	}
	*t = (struct text){line, t->end};
	if (!word_is(t, "229"))
		return false;
	out->word = FTP_EXTENDED;
	return answer_find(t, line, out, extended_answer);
}

bool ftp_read(bool server, const char *line, uint32_t len, struct ftp_line *out) {
	struct text t = {line, line + len};

	*out = (struct ftp_line){0};
	if (len > LINE_MAX_BYTES)
		return false;
	return server ? answer(&t, line, out) : command(&t, line, out);
}

uint32_t ftp_write(const struct ftp_line *line, const struct addr *addr, uint16_t port,
	char text[static FTP_TEXT]) {
	const uint8_t *b = addr->bytes;
	char printed[ADDR_STRLEN], d = line->delimiter;
	int n;

	if (line->word == FTP_PORT || line->word == FTP_PASSIVE)
		n = snprintf(text, FTP_TEXT, "%u,%u,%u,%u,%u,%u", b[0], b[1], b[2], b[3], port >> 8,
			port & 255);
	else if (line->word == FTP_EPRT)
		n = snprintf(text, FTP_TEXT, "%c%u%c%s%c%u%c", d, addr->family == ADDR_V4 ? 1 : 2,
			d, addr_print(addr, printed), d, port, d);
	else
		n = snprintf(text, FTP_TEXT, "%c%c%c%u%c", d, d, d, port, d);
	return (uint32_t)n;
}
