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

static int file = -1;
static char file_path[256];

static int file_open(const char *path) {
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
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

void session_log_use(int fd, const char *path) {
	if (file >= 0)
		close(file);
	file = fd;
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
	if (fd < 0)
		return;
	close(file);
	file = fd;
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

static void flush_text(const char *buf, size_t len) {
	static bool said;
	ssize_t n = len > 0 && file >= 0 ? write(file, buf, len) : (ssize_t)len;

	if (n == (ssize_t)len) {
		said = false;
		return;
	}
	if (!said)
		log_error("session", "records are lost", "file=%s why=\"%s\"", file_path,
			n < 0 ? strerror(errno) : "the disk is full");
	said = true;
}

void session_log_poll(uint64_t now_ns) {
	char buf[65536];
	size_t len = 0, size;
	const void *r;

	if (file >= 0)
		look(now_ns);
	for (unsigned i = 0; i < TABLE_WORKERS; i++) {
		struct record_ring *ring = session_owners[i].records;
		for (unsigned n = 0; ring && n < LINES_PER_POLL; n++) {
			r = record_ring_peek(ring, &size);
			if (r == NULL)
				break;
			if (len + 1024 > sizeof(buf)) {
				flush_text(buf, len);
				len = 0;
			}
			if (file >= 0)
				len += (size_t)record_text(buf + len, sizeof(buf) - len, r);
			record_ring_release(ring);
		}
	}
	flush_text(buf, len);
}
