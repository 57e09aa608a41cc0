// SPDX-License-Identifier: BSD-3-Clause
// What control knows of the running routers; api.c shows it.
#pragma once

#include "lib/module.h"
#include "router/conf.h"
#include "router/iface.h"

extern struct rtr_conf_all rtr_running; // what was committed last

// Index of a running router's VRF, or -ENOENT.
int rtr_vrf_find(const char *name);

int rtr_check(const struct change *change, json_t *notes, struct err *err); // check.c: `leat check`
int rtr_prepare(const struct change *change, void **plan, struct err *err);
void rtr_commit(void *plan);
void rtr_release(void *plan);
void rtr_abort(void *plan);
void rtr_link_changed(unsigned port, bool up);
void rtr_commit_fini(void); // takes down what runs

// iface_build.c: what an interface of the configuration is to be, with the index that it has or gets.
struct rtr_iface *rtr_iface_build(const struct rtr_conf *router, const struct rtr_conf_iface *conf,
	uint16_t vrf, struct err *err);
// The smallest MTU that somebody said, and the MSS that goes with it.
void rtr_iface_mtu_apply(struct rtr_iface *iface, const struct rtr_conf_iface *conf);
// The routes that an address makes: itself, its subnet, and (IPv4) that one's broadcast address, which is for this box and never
// forwarded (RFC 2644). Their number: none for link-local ones, which no table knows.
struct rtr_own_route {
	struct prefix prefix;
	uint8_t source; // RTR_SRC_LOCAL or _CONNECTED
};
unsigned rtr_own_routes(const struct prefix *addr, struct rtr_own_route routes[static 3]);
// Its next hop, with one reference; or negative errno.
int64_t rtr_own_slot(
	const struct rtr_iface *iface, const struct rtr_own_route *route, struct err *err);

// api_routes.c
extern const struct schema_row rtr_route_columns[], rtr_source_columns[], rtr_netlink_columns[];
int rtr_routes_page(const json_t *filter, char cursor[static MODULE_CURSOR], size_t limit,
	json_t *rows, struct err *err);
int rtr_sources_show(const json_t *filter, size_t limit, json_t *rows, struct err *err);
int rtr_netlink_show(const json_t *filter, size_t limit, json_t *rows, struct err *err);
// For people: the next hops behind a slot, or what happens instead; who says a route (enum rtr_source).
void rtr_via_print(uint32_t slot, char *text, size_t size);
extern const char *const rtr_source_words[];

// api_neighbors.c
extern const struct schema_row rtr_neighbor_columns[];
int rtr_neighbors_page(const json_t *filter, char cursor[static MODULE_CURSOR], size_t limit,
	json_t *rows, struct err *err);

// `leat explain packet` (explain/).
extern const struct schema_row rtr_explain_args[];
int rtr_explain(const json_t *args, json_t **result, struct err *err);

extern const struct module_noun rtr_nouns[];
extern const struct module_action rtr_actions[];
