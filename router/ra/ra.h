// SPDX-License-Identifier: BSD-3-Clause
// Router advertisements of routed interfaces (RFC 4861 section 6.2). README.md has the picture. Control thread only.
#pragma once

#include "lib/module.h"
#include "router/conf.h"

// In the router's transaction. ra_leaving(): commit begins with `next`; those that go say so, before vrrp_leaving().
// ra_commit(): interfaces are as they will be.
void ra_leaving(const struct rtr_conf_all *next);
void ra_commit(void);
int ra_init(struct err *err);
void ra_fini(void);
void ra_poll(uint64_t now_ns); // after vrrp_poll()

extern const struct schema_row ra_columns[];
int ra_show(const json_t *filter, size_t limit, json_t *rows, struct err *err);
