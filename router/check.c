// SPDX-License-Identifier: BSD-3-Clause
// `leat check`: what rows cannot say of `routers`, and how much of what they ask for there is room for.
#include "router/fib/rib.h"
#include "router/frag/frag.h"
#include "router/router_priv.h"
#include <errno.h>
#include <stdio.h>

static int note(json_t *notes, json_t *text) {
	return json_array_append_new(notes, text);
}

static int routes_check(const struct rtr_conf *r, uint64_t *need, json_t *notes, struct err *err) {
	struct rib_room room;
	char path[128];

	rib_room_of(r->limit4, r->limit6, &room);
	snprintf(path, sizeof(path), "routers.%s.limits", r->name);
	if (room.need_bytes > room.have_bytes)
		return err_at(err, path,
			"%u IPv4 and %u IPv6 routes need about %llu MiB, %llu are available; "
			"lower them: %u and %u would fit",
			r->limit4, r->limit6, (unsigned long long)room.need_bytes >> 20,
			(unsigned long long)room.have_bytes >> 20, room.fits4, room.fits6);
	*need += room.need_bytes;
	return note(notes,
		json_sprintf("routers.%s: %u IPv4 and %u IPv6 routes fit: about %llu MiB of %llu "
			     "available, which hold up to %u and %u",
			r->name, r->limit4, r->limit6, (unsigned long long)room.need_bytes >> 20,
			(unsigned long long)room.have_bytes >> 20, room.fits4, room.fits6));
}

// Each neighbour is a route of its own kind, of which a router has so many per family.
static int neighbors_check(const struct rtr_conf *r, json_t *notes) {
	unsigned long long wanted = 0;

	for (unsigned i = 0; i < r->n_ifaces; i++)
		wanted += r->ifaces[i].neighbor_limit;
	return note(notes,
		json_sprintf("routers.%s: %llu neighbours at most by the limits of its interfaces; "
			     "%u of a family fit%s",
			r->name, wanted, RIB_OWN,
			wanted > RIB_OWN ? ": those beyond are refused" : ""));
}

static int fragments_check(json_t *notes) {
	uint32_t packets, pieces;

	frag_room(&packets, &pieces);
	return note(notes,
		json_sprintf("routers: fragments of %u packets, %u in all, fit per worker", packets,
			pieces));
}

static int all_check(const struct rtr_conf_all *all, json_t *notes, struct err *err) {
	uint64_t need = 0;
	struct rib_room room;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < all->n; i++) {
		rc = routes_check(&all->routers[i], &need, notes, err);
		if (rc == 0)
			rc = neighbors_check(&all->routers[i], notes);
	}
	rib_room_of(0, 0, &room);
	if (rc == 0 && need > room.have_bytes)
		rc = note(notes,
			json_sprintf(
				"routers: full, all of them together need about %llu MiB; %llu "
				"are available",
				(unsigned long long)need >> 20,
				(unsigned long long)room.have_bytes >> 20));
	return rc == 0 && all->n > 0 ? fragments_check(notes) : rc;
}

int rtr_check(const struct change *change, json_t *notes, struct err *err) {
	struct rtr_conf_all all = {0};
	int rc = rtr_conf_parse(change->new, &all, err);

	if (rc == 0)
		rc = all_check(&all, notes, err);
	rtr_conf_fini(&all);
	return rc == -1 ? err_set(err, -ENOMEM, "out of memory") : rc;
}
