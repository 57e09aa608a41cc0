// SPDX-License-Identifier: BSD-3-Clause
// pure
// Leases on disk, as text: one line per change of a lease, the last one of an address counts. A line ends in a sum of what is before,
// so that what a crash cut off is told from what is whole.
//
//   main 10.0.10.100 bound 1767225600 02:00:00:00:00:09 01020000000009 laptop 1a2b3c4d
//   router address state until (seconds since the epoch) MAC-address client name sum
#pragma once

#include "router/dhcp/leases.h"

#define DHCP_LINE_MAX 512

struct dhcp_record {
	char router[32];
	uint32_t addr;
	uint8_t state; // BOUND, EXPIRED, DECLINED; DHCP_LEASE_STATES: forgotten
	uint64_t until_s;
	struct mac mac;
	struct dhcp_id id;
	char hostname[DHCP_NAME_MAX];
};

// Writes a line with its newline; its length.
size_t dhcp_record_print(const struct dhcp_record *record, char line[static DHCP_LINE_MAX]);
// `line` without its newline. 0 or -EINVAL.
int dhcp_record_parse(const char *line, size_t len, struct dhcp_record *record);
// Calls fn for each good line of a file's text; returns how many were bad (an unfinished last line is one).
unsigned dhcp_journal_read(const char *text, size_t len,
	void (*fn)(const struct dhcp_record *record, void *arg), void *arg);
