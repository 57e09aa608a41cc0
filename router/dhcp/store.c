// SPDX-License-Identifier: BSD-3-Clause
// The leases' file: read once, added to with every change, written anew when it has grown, or when the disk had failed.
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/vec.h"
#include "router/dhcp/dhcp_priv.h"
#include "router/dhcp/writer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (256u << 20)
#define GROWN    4096         // lines beyond twice the leases: written anew
#define RETRY_NS NSEC_PER_SEC // after the disk has failed

static struct writer *writer;
static VEC(struct dhcp_record) remembered; // of routers that have no server (yet)
static bool opened, failing;
static unsigned lines;
static uint64_t retry_ns;

// ---- from records to leases and back --------------------------------------------------------------------------

static uint64_t wall_s(uint64_t ns) {
	int64_t left = (int64_t)(ns - clock_now_ns());
	int64_t at = (int64_t)clock_wall_ns() + left;

	return at > 0 ? (uint64_t)at / NSEC_PER_SEC : 0;
}

static uint64_t clock_of(uint64_t until_s) {
	int64_t left = (int64_t)(until_s * NSEC_PER_SEC - clock_wall_ns());
	int64_t at = (int64_t)clock_now_ns() + left;

	return at > 1 ? (uint64_t)at : 1;
}

static struct dhcp_router *router_of(const struct dhcp_lease *lease) {
	struct dhcp_router *router = dhcp_routers;

	while (router && &router->realm.leases != lease->table)
		router = router->next;
	return router;
}

static bool is_kept(const struct dhcp_lease *lease) {
	return lease->state == DHCP_LEASE_BOUND || lease->state == DHCP_LEASE_EXPIRED ||
		lease->state == DHCP_LEASE_DECLINED;
}

static struct dhcp_record record_of(
	const struct dhcp_router *router, const struct dhcp_lease *lease) {
	struct dhcp_record record = {.addr = lease->addr,
		.state = lease->state,
		.until_s = wall_s(lease->expires_ns),
		.mac = lease->mac,
		.id = lease->id};

	snprintf(record.router, sizeof(record.router), "%s", router->name);
	snprintf(record.hostname, sizeof(record.hostname), "%s", lease->hostname);
	return record;
}

static void lease_restore(struct dhcp_router *router, const struct dhcp_record *record) {
	uint64_t until_ns = clock_of(record->until_s);
	uint8_t state = record->state;
	struct dhcp_lease *lease = dhcp_lease_find(&router->realm.leases, record->addr);

	if (state == DHCP_LEASE_STATES ||
		(state == DHCP_LEASE_DECLINED && until_ns <= clock_now_ns())) {
		if (lease)
			dhcp_lease_del(lease);
		return;
	}
	if (until_ns <= clock_now_ns())
		state = DHCP_LEASE_EXPIRED;
	lease = dhcp_realm_restore(&router->realm, record->addr, &record->id, state, until_ns);
	if (lease == NULL)
		return;
	lease->mac = record->mac;
	lease->iface = DP_NONE;
	snprintf(lease->hostname, sizeof(lease->hostname), "%s", record->hostname);
}

void store_restore(struct dhcp_router *router) {
	size_t kept = 0;

	for (size_t i = 0; i < remembered.n; i++)
		if (strcmp(remembered.items[i].router, router->name) == 0)
			lease_restore(router, &remembered.items[i]);
		else
			remembered.items[kept++] = remembered.items[i];
	remembered.n = kept;
}

// ---- the file ---------------------------------------------------------------------------------------------------

struct text {
	char *bytes;
	size_t len;
	FILE *file;
	struct dhcp_router *router;
	unsigned lines;
};

static void record_add(struct text *text, const struct dhcp_record *record) {
	char line[DHCP_LINE_MAX];

	fwrite(line, 1, dhcp_record_print(record, line), text->file);
	text->lines++;
}

static bool lease_add(struct dhcp_lease *lease, void *arg) {
	struct text *text = arg;
	struct dhcp_record record = record_of(text->router, lease);

	if (is_kept(lease))
		record_add(text, &record);
	return true;
}

static uint64_t write_all(void) {
	struct text text = {0};

	text.file = open_memstream(&text.bytes, &text.len);
	if (text.file == NULL)
		return 0;
	for (size_t i = 0; i < remembered.n; i++)
		record_add(&text, &remembered.items[i]);
	for (text.router = dhcp_routers; text.router; text.router = text.router->next)
		dhcp_leases_foreach(&text.router->realm.leases, lease_add, &text);
	if (fclose(text.file) != 0 || text.bytes == NULL) {
		free(text.bytes);
		return 0;
	}
	lines = text.lines;
	return writer_replace(writer, text.bytes, text.len);
}

static void remember(const struct dhcp_record *record, void *) {
	struct dhcp_record one = *record;

	lines++;
	vec_add(&remembered, one);
}

// What was good is kept, and the file as it was lies beside it.
static void damaged(const char *path, const char *text, size_t len, unsigned bad) {
	char beside[1024];
	struct err err = {0};

	snprintf(beside, sizeof(beside), "%s.damaged", path);
	file_write_atomic(beside, text, len, 0600, &err);
	log_error("dhcp", "the leases' file is damaged; the lines that are whole are kept",
		"file=%s lines=%u damaged=%u copy=%s", path, lines, bad, beside);
	event_emit("router.dhcp-leases-damaged",
		json_pack(
			"{s:s, s:i, s:i}", "file", path, "lines", (int)lines, "damaged", (int)bad));
}

// A crash cuts off the last line at most; that is no damage.
static bool is_cut_off(const char *text, size_t len, unsigned bad) {
	return bad == 1 && len > 0 && text[len - 1] != '\n';
}

static void read_all(const char *path) {
	struct err err = {0};
	char *text;
	size_t len;
	unsigned bad;
	int rc = file_read(path, FILE_MAX, &text, &len, &err);

	if (rc == -ENOENT)
		return;
	if (rc < 0) {
		log_error(
			"dhcp", "the leases cannot be read; none is known", "why=\"%s\"", err.msg);
		return;
	}
	bad = dhcp_journal_read(text, len, remember, NULL);
	if (bad > 0 && !is_cut_off(text, len, bad))
		damaged(path, text, len, bad);
	free(text);
}

void store_open(void) {
	char path[512];
	struct err err = {0};

	if (opened || file_state_dir() == NULL)
		return;
	opened = true;
	snprintf(path, sizeof(path), "%s/dhcp-leases", file_state_dir());
	read_all(path);
	writer = writer_new(path, &err);
	if (writer == NULL)
		log_error("dhcp", "leases are not kept over a restart", "why=\"%s\"", err.msg);
}

uint64_t store_lease(const struct dhcp_lease *lease) {
	const struct dhcp_router *router = router_of(lease);
	struct dhcp_record record;
	char line[DHCP_LINE_MAX];

	if (writer == NULL || router == NULL)
		return 0;
	record = record_of(router, lease);
	lines++;
	return writer_append(writer, line, dhcp_record_print(&record, line));
}

void store_forget(const struct dhcp_lease *lease) {
	const struct dhcp_router *router = router_of(lease);
	struct dhcp_record record;
	char line[DHCP_LINE_MAX];

	if (writer == NULL || router == NULL)
		return;
	record = record_of(router, lease);
	record.state = DHCP_LEASE_STATES;
	lines++;
	writer_append(writer, line, dhcp_record_print(&record, line));
}

bool store_is_done(uint64_t number) {
	return writer == NULL || writer_done(writer) >= number;
}

static uint32_t leases_all(void) {
	uint32_t n = (uint32_t)remembered.n;

	for (const struct dhcp_router *r = dhcp_routers; r; r = r->next)
		n += r->realm.leases.n;
	return n;
}

void store_poll(uint64_t now_ns) {
	int failed = writer ? writer_failed(writer) : 0;

	if (failed && !failing) {
		log_error("dhcp", "leases cannot be written; none is given until they can",
			"why=\"%s\"", strerror(-failed));
		event_emit("router.dhcp-disk", json_pack("{s:s}", "why", strerror(-failed)));
	} else if (!failed && failing) {
		log_info("dhcp", "leases are written again", "%s", "");
	}
	failing = failed != 0;
	if (writer && ((failed && now_ns >= retry_ns) || lines > 2 * leases_all() + GROWN)) {
		retry_ns = now_ns + RETRY_NS;
		write_all();
	}
}

void store_close(void) {
	writer_free(writer);
	writer = NULL;
	vec_fini(&remembered);
	opened = failing = false;
	lines = 0;
}
