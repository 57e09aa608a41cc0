// SPDX-License-Identifier: BSD-3-Clause
// Interfaces that accept others' advertisements (`accept_ra`): what ra_accept.h learns becomes addresses, routes and an MTU of the
// interface (dynamic.h). Control thread only.
#pragma once

#include "lib/module.h"
#include "router/conf.h"
#include "router/neigh/nd.h"

void ra_uplink_init(void);
void ra_uplink_fini(void);
void ra_uplink_commit(void); // interfaces are as they will be
void ra_uplink_link(uint16_t iface, bool up);
void ra_uplink_receive(uint16_t iface, const struct nd *nd); // an advertisement that is not ours
void ra_uplink_poll(uint64_t now_ns);

extern const struct schema_row ra_uplink_columns[];
int ra_uplink_show(const json_t *filter, size_t limit, json_t *rows, struct err *err);
