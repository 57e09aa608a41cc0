// SPDX-License-Identifier: BSD-3-Clause
// pure
// `ra` of a routed interface: what it advertises (RFC 4861 section 6.2.1, RFC 8106, RFC 4191).
#pragma once

#include "router/conf.h"
#include "router/neigh/nd.h"

struct ra_conf {
	uint64_t interval_ns;  // MaxRtrAdvInterval; the least is a third of it
	struct nd_router said; // without prefixes, when they are the interface's own
	bool own_prefixes;
};

extern const struct schema_row ra_rows[];
int ra_check(const json_t *object, const char *path, struct err *err); // of the row `ra`

// `object` may be NULL: nothing is advertised. Sets iface->ra. 0 or a negative errno, with err.
int ra_conf_parse(
	struct rtr_conf_iface *iface, const json_t *object, const char *path, struct err *err);
