// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/dhcp/journal.h"
#include "router/dhcp/dhcp_conf_priv.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const states[DHCP_LEASE_STATES + 1] = {[DHCP_LEASE_BOUND] = "bound",
	[DHCP_LEASE_EXPIRED] = "expired",
	[DHCP_LEASE_DECLINED] = "declined",
	[DHCP_LEASE_STATES] = "free"};

static uint32_t sum(const char *text, size_t len) {
	uint32_t hash = 0x811c9dc5u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)text[i]) * 0x01000193u;
	return hash;
}

static void hex(char *to, const uint8_t *bytes, size_t len) {
	for (size_t i = 0; i < len; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

size_t dhcp_record_print(const struct dhcp_record *record, char line[static DHCP_LINE_MAX]) {
	char addr[ADDR_STRLEN], mac[MAC_STRLEN], id[2 * DHCP_ID_MAX + 1] = "-";
	struct addr a = dhcp_addr(record->addr);
	int n;

	hex(id, record->id.bytes, record->id.len);
	n = snprintf(line, DHCP_LINE_MAX, "%s %s %s %" PRIu64 " %s %s %s", record->router,
		addr_print(&a, addr), states[record->state], record->until_s,
		mac_print(&record->mac, mac), id, record->hostname[0] ? record->hostname : "-");
	return (size_t)n +
		(size_t)snprintf(
			line + n, DHCP_LINE_MAX - (size_t)n, " %08x\n", sum(line, (size_t)n));
}

static int state_parse(const char *word) {
	for (int s = 0; s <= DHCP_LEASE_STATES; s++)
		if (states[s] && strcmp(states[s], word) == 0)
			return s;
	return -EINVAL;
}

static int fields_parse(char *text, struct dhcp_record *record) {
	char *field[7], *save = NULL, *end;
	struct addr addr;
	int n = 0, state, id;

	for (char *f = strtok_r(text, " ", &save); f && n < 7; f = strtok_r(NULL, " ", &save))
		field[n++] = f;
	if (n != 7 || strlen(field[0]) >= sizeof(record->router) ||
		addr_parse(field[1], &addr) != 0 || addr.family != ADDR_V4)
		return -EINVAL;
	state = state_parse(field[2]);
	id = dhcp_hex_parse(field[5], record->id.bytes, sizeof(record->id.bytes));
	if (state < 0 || id < 0 || mac_parse(field[4], &record->mac) != 0)
		return -EINVAL;
	snprintf(record->router, sizeof(record->router), "%s", field[0]);
	record->addr = dhcp_addr_host(&addr);
	record->state = (uint8_t)state;
	record->until_s = strtoull(field[3], &end, 10);
	record->id.len = (uint8_t)id;
	if (strcmp(field[6], "-") != 0)
		snprintf(record->hostname, sizeof(record->hostname), "%s", field[6]);
	return *end == '\0' ? 0 : -EINVAL;
}

int dhcp_record_parse(const char *line, size_t len, struct dhcp_record *record) {
	char text[DHCP_LINE_MAX], want[16];

	*record = (struct dhcp_record){0};
	if (len < 10 || len >= sizeof(text) || memchr(line, '\0', len))
		return -EINVAL;
	memcpy(text, line, len);
	text[len] = '\0';
	snprintf(want, sizeof(want), " %08x", sum(text, len - 9));
	if (strcmp(text + len - 9, want) != 0)
		return -EINVAL;
	text[len - 9] = '\0';
	return fields_parse(text, record);
}

unsigned dhcp_journal_read(const char *text, size_t len,
	void (*fn)(const struct dhcp_record *record, void *arg), void *arg) {
	unsigned bad = 0;

	for (size_t at = 0; at < len;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end ? (size_t)(end - text) - at : len - at;
		struct dhcp_record record;

		if (end && dhcp_record_parse(text + at, n, &record) == 0)
			fn(&record, arg);
		else
			bad++;
		at += n + 1;
	}
	return bad;
}
