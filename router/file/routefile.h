// SPDX-License-Identifier: BSD-3-Clause
// Static routes from files (`route_files`), by the million.
//
// prepare reads and checks all of it; commit hands it to the poll, which sets so many routes a turn that the control thread goes on
// with everything else; those that the files no longer have go at the end. A later commit that changes neither files nor
// next hops touches none of them.
//
// A file is known by its path. At its first commit a copy is kept in the state folder: that is what restarts and rollbacks read. So new content
// needs a new name.
//
// Owner: control. A set holds a reference to each of its next hops; its routes hold their own. Bounded by the router's limits and
// by ROUTEFILE_HOPS.
#pragma once

#include "lib/err.h"
#include "router/fib/rib.h"
#include "router/file/route_text.h"

#define ROUTEFILE_HOPS 65536 // different ends of lines

struct routefile_set;

// prepare. What the files of `router` come to, for the tables of `vrf`; the next hop of a line is asked of `resolve`, which returns a slot with
// a reference or a negative errno with err set. *set: NULL when there are no files and were none. -EINVAL: err names file and line.
struct routefile_resolver {
	int64_t (*resolve)(enum rtr_conf_kind kind, enum addr_family family,
		const struct route_rest *rest, void *arg, struct err *err);
	void *arg;
};
int routefile_prepare(const struct rtr_conf *router, struct rtr_vrf *vrf,
	const struct routefile_resolver *resolver, struct routefile_set **set, struct err *err);
void routefile_count(const struct routefile_set *set, uint32_t *n4, uint32_t *n6); // NULL: 0
void routefile_abort(struct routefile_set *set);
// commit: what VRF `index` is to have from now on. NULL: nothing.
void routefile_commit(unsigned index, struct routefile_set *set);
uint32_t routefile_waiting(unsigned index); // routes still to be set
void routefile_poll(uint64_t now_ns);
