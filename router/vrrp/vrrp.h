// SPDX-License-Identifier: BSD-3-Clause
// VRRPv3 (RFC 9568): virtual routers of routed interfaces, IPv4 and IPv6. README.md has the picture. Control thread only; what nodes
// read is in table_vrrp.h.
#pragma once

#include "lib/module.h"
#include "router/conf.h"
#include "router/iface.h"

// In the router's transaction. vrrp_leaving(): commit begins with `next`; those that go resign, while their interfaces are still there.
// vrrp_commit(): interfaces, twins and routes are as they will be.
void vrrp_leaving(const struct rtr_conf_all *next);
void vrrp_commit(void);

int vrrp_init(struct err *err);
void vrrp_fini(void);
void vrrp_poll(uint64_t now_ns);

// For router advertisements (RFC 9568 section 8.2.3): whether the interface has an IPv6 virtual router; its link-local address, its MAC
// address, and whether it is the master.
bool vrrp_advertiser(uint16_t iface, struct addr *link_local, struct mac *mac, bool *master);

extern const struct schema_row vrrp_columns[], vrrp_resign_args[];
int vrrp_show(const json_t *filter, size_t limit, json_t *rows, struct err *err);
int vrrp_resign_run(const json_t *args, json_t **result, struct err *err);
