// SPDX-License-Identifier: BSD-3-Clause
// pure
// The `tunnel` of an interface as a C struct, and its rows.
#pragma once

#include "lib/addr.h"
#include "lib/schema.h"
#include "router/tunnel/wire.h"

#define TUNNEL_CONF_NAME 32

struct tunnel_conf {
	unsigned type; // enum tunnel_type; TUNNEL_NONE: the interface is no tunnel
	struct addr local, remote;
	char underlay[TUNNEL_CONF_NAME]; // router of the outer packets; "": the interface's own
	bool has_key, df;
	uint32_t key;
	int ttl;   // 0: as the packet inside
	int dscp;  // -1: as the packet inside
	int limit; // -1: none
};

extern const struct schema_row tunnel_rows[]; // fields of an interface's `tunnel`
int tunnel_check(const json_t *object, const char *path, struct err *err); // the row's check

// Decodes a validated object.
void tunnel_conf_parse(const json_t *object, struct tunnel_conf *conf);
// Whether packets could belong to either: the underlays are taken to be the same.
bool tunnel_conf_same_end(const struct tunnel_conf *a, const struct tunnel_conf *b);
void tunnel_conf_wire(const struct tunnel_conf *conf, struct tunnel_wire *wire);
