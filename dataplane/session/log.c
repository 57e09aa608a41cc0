// SPDX-License-Identifier: BSD-3-Clause
// The file of starts and ends: a JSON object per line, written by the control thread from the workers' rings.
#include "lib/log.h"
#include "dataplane/dataplane.h"
#include "dataplane/session/module.h"
#include "lib/addr.h"
#include "lib/clock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINES_PER_POLL 2000
#define LOOK_EVERY_NS  NSEC_PER_SEC
#define LINE_MAX_BYTES 1024

static int file = -1;
static char file_path[256];
static char rest[LINE_MAX_BYTES]; // of a line that was written in part
static size_t rest_len;
static uint64_t lost;

static int file_open(const char *path) {
	// a pipe must not make this thread wait for its reader
	return open(
		path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
}

int session_log_open(const char *path, struct err *err) {
	if (path[0] == '\0')
		return -1;
	int fd = file_open(path);
	if (fd < 0)
		return err_at(err, "sessions.log", "%s: %s; name a file that leatd may write", path,
			strerror(errno));
	return fd;
}

static size_t write_some(const char *buf, size_t len) {
	ssize_t n = len > 0 ? write(file, buf, len) : 0;

	return n < 0 ? 0 : (size_t)n;
}

// Another file. A line that is written in part ends in the one where it began, or is lost.
static void file_change(int fd) {
	if (file >= 0) {
		lost += write_some(rest, rest_len) < rest_len;
		close(file);
	}
	rest_len = 0;
	file = fd;
}

void session_log_use(int fd, const char *path) {
	file_change(fd);
	snprintf(file_path, sizeof(file_path), "%s", path);
}

// Whoever rotates it moves it away: then a new one begins.
static void look(uint64_t now_ns) {
	static uint64_t next_ns;
	struct stat at, is;

	if (now_ns < next_ns && next_ns - now_ns < 2 * LOOK_EVERY_NS)
		return;
	next_ns = now_ns + LOOK_EVERY_NS;
	if (fstat(file, &is) == 0 && stat(file_path, &at) == 0 && at.st_ino == is.st_ino &&
		at.st_dev == is.st_dev)
		return;
	int fd = file_open(file_path);
	if (fd >= 0)
		file_change(fd);
}

static int addr_text(char *buf, size_t size, const char *name, const uint8_t *bytes, bool v6) {
	struct addr addr = {.family = v6 ? ADDR_V6 : ADDR_V4};
	char text[ADDR_STRLEN];

	memcpy(addr.bytes, bytes, v6 ? 16 : 4);
	return snprintf(buf, size, ",\"%s\":\"%s\"", name, addr_print(&addr, text));
}

static int tuple_text(char *buf, size_t size, const struct session_tuple *t, const char *prefix) {
	char name[2][16];
	int n;

	snprintf(name[0], sizeof(name[0]), "%ssrc", prefix);
	snprintf(name[1], sizeof(name[1]), "%sdst", prefix);
	n = addr_text(buf, size, name[0], t->src, t->v6);
	n += addr_text(buf + n, size - (size_t)n, name[1], t->dst, t->v6);
	return n +
		snprintf(buf + n, size - (size_t)n, ",\"%ssport\":%u,\"%sdport\":%u", prefix,
			ntohs(t->sport), prefix, ntohs(t->dport));
}

static int time_text(char *buf, size_t size) {
	uint64_t ns = clock_wall_ns();
	time_t s = (time_t)(ns / NSEC_PER_SEC);
	struct tm tm;
	char day[32];

	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", gmtime_r(&s, &tm));
	return snprintf(buf, size, "{\"time\":\"%s.%03uZ\"", day,
		(unsigned)(ns % NSEC_PER_SEC / NSEC_PER_MSEC));
}

static int record_text(char *buf, size_t size, const struct session_record *r) {
	int n = time_text(buf, size);

	n += snprintf(buf + n, size - (size_t)n, ",\"event\":\"%s\",\"proto\":%u,\"domain\":%u",
		r->end ? "end" : "start", r->in.proto, r->in.domain);
	n += tuple_text(buf + n, size - (size_t)n, &r->in, "");
	if (memcmp(&r->in, &r->out, sizeof(r->in)) != 0)
		n += tuple_text(buf + n, size - (size_t)n, &r->out, "to_");
	n += snprintf(buf + n, size - (size_t)n, ",\"in\":\"%s\",\"out\":\"%s\",\"rule\":%u",
		dp_iface_name(r->iface_in), dp_iface_name(r->iface_out), r->rule);
	if (r->end)
		n += snprintf(buf + n, size - (size_t)n,
			",\"why\":\"%s\",\"state\":\"%s\",\"seconds\":%llu,\"packets\":[%llu,%llu],"
			"\"bytes\":[%llu,%llu]",
			session_end_name(r->why), session_state_name(r->state),
			((unsigned long long)r->ticks << TABLE_TICK_SHIFT) / NSEC_PER_SEC,
			(unsigned long long)r->packets[0], (unsigned long long)r->packets[1],
			(unsigned long long)r->bytes[0], (unsigned long long)r->bytes[1]);
	return n + snprintf(buf + n, size - (size_t)n, "}\n");
}

static unsigned lines_in(const char *buf, size_t len) {
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += buf[i] == '\n';
	return n;
}

// How much of it went; 0 when nothing.
// Whole lines. Those that do not fit are lost; of one that was begun the rest is kept for the next time.
static size_t write_lines(const char *buf, size_t len) {
	size_t n = write_some(rest, rest_len);

	rest_len -= n;
	memmove(rest, rest + n, rest_len);
	if (rest_len > 0)
		return 0;
	n = write_some(buf, len);
	if (n == len || n == 0 || buf[n - 1] == '\n')
		return n;
	rest_len = (size_t)((const char *)memchr(buf + n, '\n', len - n) - (buf + n)) + 1;
	memcpy(rest, buf + n, rest_len);
	return n + rest_len;
}

static void flush_text(const char *buf, size_t len) {
	static bool said;
	size_t n;

	if (file < 0 || (len == 0 && rest_len == 0))
		return;
	errno = 0;
	n = write_lines(buf, len);
	if (n < len && !said)
		log_error("session", "records are lost", "file=%s why=\"%s\"", file_path,
			errno ? strerror(errno) : "the disk is full");
	said = n < len;
	lost += lines_in(buf + n, len - n);
}

uint64_t session_log_lost(void) {
	return lost;
}

// ---- records, as lines ------------------------------------------------------------------------------------------------

struct lines {
	char buf[65536];
	size_t len;
};

static void line_add(struct lines *l, const struct session_record *r) {
	if (file < 0)
		return;
	if (l->len + LINE_MAX_BYTES > sizeof(l->buf)) {
		flush_text(l->buf, l->len);
		l->len = 0;
	}
	l->len += (size_t)record_text(l->buf + l->len, sizeof(l->buf) - l->len, r);
}

// At most `most` of each worker. True: that was all.
static bool rings_read(struct lines *l, unsigned most) {
	bool all = true;
	size_t size;

	for (unsigned i = 0; i < TABLE_WORKERS; i++) {
		struct record_ring *ring = session_owners[i].records;
		const void *r = NULL;

		for (unsigned n = 0; ring && n < most; n++) {
			r = record_ring_peek(ring, &size);
			if (r == NULL)
				break;
			line_add(l, r);
			record_ring_release(ring);
		}
		all &= ring == NULL || r == NULL;
	}
	return all;
}

void session_log_poll(uint64_t now_ns) {
	struct lines l;

	l.len = 0;
	if (file >= 0)
		look(now_ns);
	rings_read(&l, LINES_PER_POLL);
	flush_text(l.buf, l.len);
}

void session_log_stop(void) {
	struct lines l;
	struct session_record r;

	l.len = 0;
	while (!rings_read(&l, LINES_PER_POLL))
		;
	for (session_ref id = file < 0 ? 0 : table_next(0); id != 0; id = table_next(id)) {
		const struct session_dir *d = ref_dir(id);

		if (!(d->kind & KIND_USED) || !(d->flags & SESSION_LOG))
			continue;
		session_record_fill(
			&r, session_owners[dir_owner(d)].tick, id, true, SESSION_END_STOPPED);
		line_add(&l, &r);
	}
	flush_text(l.buf, l.len);
}
