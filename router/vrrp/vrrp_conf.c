// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/vrrp/vrrp_conf.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH  256
#define CS_NS 10000000ull

struct raw {
	int64_t priority;
	const json_t *addresses, *track;
	uint64_t interval_ns, preempt_delay_ns;
	bool preempt, accept, pseudo_header;
};

struct raw_track {
	const char *iface;
	struct prefix route;
	int64_t drop;
};

// ---- rows ---------------------------------------------------------------------------------------------------

static const struct schema_row address_elem = {.name = "address",
	.type = SCHEMA_ADDRESS,
	.example = "\"10.0.10.254\"",
	.help = "a virtual address"};

static int track_check(const json_t *track, const char *path, struct err *err) {
	if ((json_object_get(track, "interface") != NULL) ==
		(json_object_get(track, "route") != NULL))
		return err_at(
			err, path, "what is tracked is an `interface` or a `route`; give one");
	return 0;
}

static const struct schema_row track_rows[] = {
	{.name = "interface",
		.type = SCHEMA_NAME,
		SCHEMA_FIELD(struct raw_track, iface),
		.flags = SCHEMA_LIVE,
		.example = "\"wan\"",
		.help = "interface of this router that must have a link"},
	{.name = "route",
		.type = SCHEMA_PREFIX,
		SCHEMA_FIELD(struct raw_track, route),
		.flags = SCHEMA_LIVE,
		.help = "route that must be there, with a next hop by an interface that is up"},
	{.name = "drop",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct raw_track, drop),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 254,
		.def = "50",
		.help = "priority is so much less meanwhile, but at least 1"},
	{0},
};
static const struct schema_row track_elem = {.name = "track",
	.type = SCHEMA_OBJECT,
	.rows = track_rows,
	.check = track_check,
	.example = "{ interface = \"wan\", drop = 60 }",
	.help = "what a good master has"};

static const struct schema_row rows[] = {
	{.name = "addresses",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct raw, addresses),
		.flags = SCHEMA_LIVE | SCHEMA_UNIQUE | SCHEMA_REQUIRED,
		.min = 1,
		.max = 2 * VRRP_ADDRS - 1,
		.elem = &address_elem,
		.example = "{ \"10.0.10.254\", \"2001:db8:10::fe\" }",
		.help = "virtual addresses, each on a subnet of the interface; an IPv6 link-local "
			"one is made when none is given"},
	{.name = "priority",
		.type = SCHEMA_INT,
		SCHEMA_FIELD(struct raw, priority),
		.flags = SCHEMA_LIVE,
		.min = 1,
		.max = 255,
		.def = "100",
		.example = "150",
		.help = "the highest is master; 255: the addresses are the interface's own"},
	{.name = "interval",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct raw, interval_ns),
		.flags = SCHEMA_LIVE,
		.min = CS_NS,
		.max = VRRP_CS_MAX * CS_NS,
		.def = "1s",
		.help = "between advertisements, in steps of 10ms; a backup takes over after 3 to "
			"4 of them"},
	{.name = "preempt",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct raw, preempt),
		.flags = SCHEMA_LIVE,
		.def = "true",
		.help = "takes over from a master of less priority"},
	{.name = "preempt_delay",
		.type = SCHEMA_DURATION,
		SCHEMA_FIELD(struct raw, preempt_delay_ns),
		.flags = SCHEMA_LIVE,
		.max = 3600000000000,
		.def = "0s",
		.help = "but not before it has heard that one for so long"},
	{.name = "accept",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct raw, accept),
		.flags = SCHEMA_LIVE,
		.def = "true",
		.help = "the master answers at the addresses (ping, services); RFC 9568 has it "
			"false"},
	{.name = "pseudo_header",
		.type = SCHEMA_BOOL,
		SCHEMA_FIELD(struct raw, pseudo_header),
		.flags = SCHEMA_LIVE,
		.def = "true",
		.help = "IPv4 checksums cover a pseudo-header, as keepalived and most others have "
			"it; false: as in RFC 9568; either is accepted"},
	{.name = "track",
		.type = SCHEMA_LIST,
		SCHEMA_FIELD(struct raw, track),
		.flags = SCHEMA_LIVE,
		.max = VRRP_TRACKS,
		.elem = &track_elem,
		.help = "what lowers the priority while it is down"},
	{0},
};

const struct schema_row vrrp_key = {.name = "id",
	.type = SCHEMA_INT,
	.min = 1,
	.max = 255,
	.example = "10",
	.help = "virtual router id, the same on all its routers"};
const struct schema_row vrrp_elem = {.name = "virtual router",
	.type = SCHEMA_OBJECT,
	.rows = rows,
	.help = "a virtual router (VRRPv3, RFC 9568), or one of each address family"};

// ---- decoding -----------------------------------------------------------------------------------------------

static bool is_link_local(const struct addr *addr) {
	return addr->family == ADDR_V6 && addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

static bool is_own(const struct rtr_conf_iface *iface, const struct addr *addr) {
	for (unsigned i = 0; i < iface->n_addrs; i++)
		if (addr_cmp(&iface->addrs[i].addr, addr) == 0)
			return true;
	return false;
}

static bool is_on_subnet(const struct rtr_conf_iface *iface, const struct addr *addr) {
	for (unsigned i = 0; i < iface->n_addrs; i++)
		if (prefix_contains(&iface->addrs[i], addr))
			return true;
	return is_link_local(addr) && iface->ipv6;
}

static unsigned taken_by(const struct rtr_conf_iface *iface, const struct addr *addr) {
	for (unsigned v = 0; v < iface->n_vrrp; v++)
		for (unsigned f = 0; f < 2; f++)
			for (unsigned i = 0; i < iface->vrrp[v].n_addrs[f]; i++)
				if (addr_cmp(&iface->vrrp[v].addrs[f][i], addr) == 0)
					return iface->vrrp[v].vrid;
	return 0;
}

static int address_check(const struct rtr_conf_iface *iface, const struct vrrp_conf *vr,
	const struct addr *addr, const char *at, struct err *err) {
	unsigned other = taken_by(iface, addr);

	if (!is_on_subnet(iface, addr))
		return err_at(err, at,
			"it is on no subnet of this interface; give the interface an address "
			"there");
	if (is_own(iface, addr) && vr->priority != VRRP_OWNER)
		return err_at(err, at,
			"it is the interface's own address; its owner has priority 255, or choose "
			"another");
	if (!is_own(iface, addr) && vr->priority == VRRP_OWNER && !is_link_local(addr))
		return err_at(err, at,
			"priority 255 is for the interface's own addresses; set it to 254 or less");
	if (other)
		return err_at(err, at, "virtual router %u has that address already", other);
	return 0;
}

// A link-local address is said first (RFC 9568 section 5.2.9).
static void address_put(struct vrrp_conf *vr, const struct addr *addr) {
	unsigned f = addr->family == ADDR_V6;
	struct addr *addrs = vr->addrs[f];
	unsigned n = vr->n_addrs[f]++;

	if (n > 0 && is_link_local(addr) && !is_link_local(&addrs[0])) {
		memmove(addrs + 1, addrs, n * sizeof(*addrs));
		n = 0;
	}
	addrs[n] = *addr;
}

static int addresses_parse(const struct rtr_conf_iface *iface, struct vrrp_conf *vr,
	const json_t *list, const char *path, struct err *err) {
	char at[PATH + 32];

	for (size_t i = 0; i < json_array_size(list); i++) {
		struct addr addr;

		snprintf(at, sizeof(at), "%s.addresses[%zu]", path, i + 1);
		addr_parse(json_string_value(json_array_get(list, i)), &addr);
		if (address_check(iface, vr, &addr, at, err) != 0)
			return -EINVAL;
		// one place is the link-local address's
		if (vr->n_addrs[addr.family == ADDR_V6] >= VRRP_ADDRS - 1)
			return err_at(err, at,
				"a virtual router has at most %d addresses of a family; use "
				"another id",
				VRRP_ADDRS - 1);
		address_put(vr, &addr);
	}
	if (vr->n_addrs[1] > 0 && !is_link_local(&vr->addrs[1][0])) {
		struct addr made = vrrp_link_local(vr->vrid);

		address_put(vr, &made);
	}
	return 0;
}

static void tracks_parse(struct vrrp_conf *vr, const json_t *list) {
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct vrrp_track *track = &vr->tracks[vr->n_tracks++];
		struct raw_track raw = {0};

		schema_decode(track_rows, json_array_get(list, i), &raw);
		snprintf(track->iface, sizeof(track->iface), "%s", raw.iface ? raw.iface : "");
		track->route = prefix_network(&raw.route);
		track->drop = (unsigned)raw.drop;
	}
}

static int one_parse(const struct rtr_conf_iface *iface, struct vrrp_conf *vr, const json_t *value,
	const char *path, struct err *err) {
	struct raw raw = {0};

	schema_decode(rows, value, &raw);
	vr->priority = (unsigned)raw.priority;
	vr->interval_cs = (unsigned)(raw.interval_ns / CS_NS);
	vr->preempt = raw.preempt;
	vr->preempt_delay_ns = raw.preempt_delay_ns;
	vr->accept = raw.accept;
	vr->pseudo_header = raw.pseudo_header;
	if (raw.interval_ns % CS_NS != 0)
		return err_at(err, path,
			"interval: VRRP counts in hundredths of a second; use a multiple of 10ms");
	tracks_parse(vr, raw.track);
	return addresses_parse(iface, vr, raw.addresses, path, err);
}

int vrrp_conf_parse(
	struct rtr_conf_iface *iface, const json_t *map, const char *path, struct err *err) {
	const char *id;
	json_t *value;
	char at[PATH];

	if (json_object_size(map) == 0)
		return 0;
	iface->vrrp = calloc(json_object_size(map), sizeof(*iface->vrrp));
	if (iface->vrrp == NULL)
		return err_set(err, -ENOMEM, "routers: out of memory");
	json_object_foreach ((json_t *)map, id, value) {
		struct vrrp_conf *vr = &iface->vrrp[iface->n_vrrp];

		vr->vrid = (unsigned)strtoul(id, NULL, 10);
		snprintf(at, sizeof(at), "%s.vrrp.%u", path, vr->vrid);
		if (one_parse(iface, vr, value, at, err) != 0)
			return -EINVAL;
		iface->n_vrrp++;
	}
	return 0;
}

static int tracks_check(const struct rtr_conf *router, const struct rtr_conf_iface *iface,
	const struct vrrp_conf *vr, struct err *err) {
	char at[PATH];

	for (unsigned i = 0; i < vr->n_tracks; i++) {
		const struct vrrp_track *track = &vr->tracks[i];

		if (track->iface[0] == '\0' || rtr_conf_iface(router, track->iface))
			continue;
		snprintf(at, sizeof(at), "routers.%s.interfaces.%s.vrrp.%u.track[%u].interface",
			router->name, iface->name, vr->vrid, i + 1);
		return err_at(err, at, "this router has no interface %s", track->iface);
	}
	return 0;
}

int vrrp_conf_check(const struct rtr_conf *router, struct err *err) {
	for (unsigned i = 0; i < router->n_ifaces; i++)
		for (unsigned v = 0; v < router->ifaces[i].n_vrrp; v++)
			if (tracks_check(router, &router->ifaces[i], &router->ifaces[i].vrrp[v],
				    err) != 0)
				return -EINVAL;
	return 0;
}

int vrrp_conf_check_all(const struct rtr_conf_all *all, struct err *err) {
	unsigned n = 0;

	for (unsigned r = 0; r < all->n; r++)
		for (unsigned i = 0; i < all->routers[r].n_ifaces; i++)
			for (unsigned v = 0; v < all->routers[r].ifaces[i].n_vrrp; v++)
				n += (all->routers[r].ifaces[i].vrrp[v].n_addrs[0] > 0) +
					(all->routers[r].ifaces[i].vrrp[v].n_addrs[1] > 0);
	if (n <= VRRP_MAX)
		return 0;
	return err_at(err, "routers",
		"%u virtual routers (vrrp), each family of an id counted; at most %d", n, VRRP_MAX);
}
