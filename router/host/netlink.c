// SPDX-License-Identifier: BSD-3-Clause
#include "router/host/netlink.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include "lib/netns.h"
#include "router/fib/nexthop.h"
#include "router/fib/rib.h"
#include "router/host/netlink_decode.h"
#include "router/host/twin.h"
#include "router/neigh/neigh.h"
#include <errno.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RCVBUF     (32 << 20) // of a socket: some 100,000 routes that are announced at once
#define BUF        65536
#define TURN_NS    (5 * NSEC_PER_MSEC) // of one poll
#define RETRY_NS   (500 * NSEC_PER_MSEC)
#define BUCKETS    4096
#define LINKS_KEPT 256 // interfaces of a namespace whose state is remembered

// One namespace.
struct place {
	char netns[NETNS_NAME];
	int fd;
	unsigned stage; // of the resync: index into dumps; all done: DUMPS
	uint32_t seq;   // of the dump under way
	bool wanted;    // has twins
	bool interrupted;
	bool behind; // messages were lost, and those before them are not all read
	struct {
		uint32_t index, flags;
	} links[LINKS_KEPT];
	unsigned n_links;
	struct place *next;
};

// A next-hop object of the kernel. Its own reference holds the slot of `named`.
struct object {
	struct place *place;
	uint32_t id;
	uint32_t named; // what it is called in nexthop.h: ids of two namespaces may be the same
	uint32_t slot;  // 0: by no twin
	uint16_t vrf;
	bool group, blackhole;
	uint32_t round; // resync that it was last seen in
	unsigned n;
	struct netlink_path *paths;
	struct object *next;
};

static const struct {
	uint16_t type;
	uint8_t family;
} dumps[] = {{RTM_GETLINK, AF_UNSPEC}, {RTM_GETNEXTHOP, AF_UNSPEC}, {RTM_GETROUTE, AF_INET},
	{RTM_GETROUTE, AF_INET6}, {RTM_GETNEIGH, AF_UNSPEC}};
#define DUMPS (sizeof(dumps) / sizeof(*dumps))

struct netlink_stats netlink_stats;
static struct place *places;
static struct object *objects[BUCKETS];
static uint32_t serial;
static bool seen_protocols[256];
static bool left_out; // routes were refused: once there is room, they are asked for again
static struct {
	bool running, again;
	uint64_t not_before_ns;
	uint32_t round;
	struct {
		const struct rtr_vrf *vrf;
		uint32_t generation;
	} marks[RTR_MAX_VRFS];
} resync;

// ---- next hops ------------------------------------------------------------------------------------------------

static struct object **object_link(const struct place *place, uint32_t id) {
	struct object **link = &objects[id % BUCKETS];

	while (*link && ((*link)->id != id || (*link)->place != place))
		link = &(*link)->next;
	return link;
}

// Paths that leave by a twin, all of one router. How many.
static unsigned paths_take(const struct place *place, const struct netlink_path *from, unsigned n,
	struct rtr_path *paths, uint16_t *vrf) {
	unsigned taken = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct rtr_iface *iface = twin_iface(place->netns, (int)from[i].oif);

		if (iface == NULL || (taken > 0 && iface->vrf != *vrf))
			continue;
		*vrf = iface->vrf;
		paths[taken++] = (struct rtr_path){
			.iface = iface->index, .gateway = from[i].via, .weight = from[i].weight};
	}
	return taken;
}

// A group's members are objects; each has one path.
static unsigned members_take(const struct object *group, struct rtr_path *paths, uint16_t *vrf) {
	struct netlink_path flat[NETLINK_PATHS];
	unsigned n = 0;

	for (unsigned i = 0; i < group->n; i++) {
		const struct object *member = *object_link(group->place, group->paths[i].id);

		if (member == NULL || member->group || member->n != 1)
			continue;
		flat[n] = member->paths[0];
		flat[n++].weight = group->paths[i].weight;
	}
	return paths_take(group->place, flat, n, paths, vrf);
}

static void object_drop_slot(struct object *object) {
	nexthop_put(object->slot);
	object->slot = 0;
}

static void object_publish(struct object *object) {
	struct rtr_path paths[NETLINK_PATHS];
	uint16_t vrf = object->vrf;
	unsigned n = object->group
		? members_take(object, paths, &vrf)
		: paths_take(object->place, object->paths, object->n, paths, &vrf);
	struct err err = {0};

	if (n == 0 || vrf != object->vrf)
		object_drop_slot(object);
	if (n == 0)
		return;
	if (object->slot == 0)
		object->named = ++serial;
	int64_t slot = nexthop_named_set(vrf, object->named, paths, n, &err);
	if (slot < 0) {
		netlink_stats.refused++;
		return;
	}
	object->slot = (uint32_t)slot;
	object->vrf = vrf;
}

static void groups_publish(const struct place *place, uint32_t member) {
	for (unsigned b = 0; b < BUCKETS; b++) {
		for (struct object *o = objects[b]; o; o = o->next) {
			bool has = false;

			for (unsigned i = 0; o->group && o->place == place && i < o->n; i++)
				has |= o->paths[i].id == member;
			if (has)
				object_publish(o);
		}
	}
}

static void object_del(struct object **link) {
	struct object *object = *link;

	*link = object->next;
	object_drop_slot(object);
	free(object->paths);
	free(object);
	netlink_stats.objects--;
}

static struct object *object_make(struct place *place, uint32_t id) {
	struct object **link = object_link(place, id), *object = *link;

	if (object)
		return object;
	object = calloc(1, sizeof(*object));
	if (object == NULL)
		return NULL;
	object->place = place;
	object->id = id;
	*link = object;
	netlink_stats.objects++;
	return object;
}

static void nexthop_heard(struct place *place, const struct netlink_event *e) {
	struct object **link = object_link(place, e->id);

	if (e->del || e->foreign) {
		if (*link == NULL)
			return;
		object_del(link);
		resync.again = true; // the kernel took its routes along, and did not say so
		return;
	}
	struct object *object = object_make(place, e->id);
	struct netlink_path *paths = malloc(sizeof(*paths) * (e->n_paths + 1));
	if (object == NULL || paths == NULL) {
		free(paths);
		netlink_stats.refused++;
		return;
	}
	memcpy(paths, e->paths, sizeof(*paths) * e->n_paths);
	free(object->paths);
	object->paths = paths;
	object->n = e->n_paths;
	object->group = e->group;
	object->blackhole = e->blackhole;
	object->round = resync.round;
	object_publish(object);
	if (!object->group)
		groups_publish(place, object->id);
}

// ---- routes ---------------------------------------------------------------------------------------------------

#ifndef RTPROT_BIRD
#define RTPROT_BIRD 12
#endif

static uint8_t distance_of(uint8_t protocol) {
	static const uint8_t distances[256] = {[RTPROT_BOOT] = 1,
		[RTPROT_STATIC] = 1,
		[RTPROT_RA] = 230,
		[RTPROT_ZEBRA] = 1,
		[RTPROT_BIRD] = 110,
		[RTPROT_DHCP] = 210,
		[RTPROT_BGP] = 20,
		[RTPROT_ISIS] = 115,
		[RTPROT_OSPF] = 110,
		[RTPROT_RIP] = 120,
		[RTPROT_EIGRP] = 90};

	return distances[protocol] ? distances[protocol] : 150;
}

static int64_t special_slot(unsigned type, uint16_t vrf, struct err *err) {
	switch (type) {
	case RTN_BLACKHOLE:
		return nexthop_special_get(RTR_NH_BLACKHOLE, vrf, err);
	case RTN_UNREACHABLE:
		return nexthop_special_get(RTR_NH_UNREACHABLE, vrf, err);
	case RTN_PROHIBIT:
		return nexthop_special_get(RTR_NH_PROHIBIT, vrf, err);
	default:
		return 0;
	}
}

// The next hop of a route, with a reference. 0: it is not for us.
static int64_t slot_of(
	const struct place *place, const struct netlink_event *e, uint16_t *vrf, struct err *err) {
	const struct object *object = e->nexthop ? *object_link(place, e->nexthop) : NULL;
	struct rtr_path paths[NETLINK_PATHS];
	unsigned n;

	if (e->type != RTN_UNICAST || (object && object->blackhole)) {
		int of = twin_vrf(place->netns);

		*vrf = (uint16_t)of;
		return of < 0 ? 0 : special_slot(object ? RTN_BLACKHOLE : e->type, *vrf, err);
	}
	if (object && object->slot) {
		nexthop_ref(object->slot);
		*vrf = object->vrf;
		return object->slot;
	}
	if (object)
		return 0;
	n = paths_take(place, e->paths, e->n_paths, paths, vrf);
	return n ? nexthop_get(*vrf, paths, n, err) : 0;
}

static bool is_ours(const struct netlink_event *e) {
	return e->table == RT_TABLE_MAIN && !e->cloned && e->protocol != RTPROT_KERNEL &&
		e->protocol != RTPROT_REDIRECT && e->protocol != RTPROT_UNSPEC;
}

static void route_del(const struct netlink_event *e, uint8_t protocol, const struct place *place) {
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++)
		if (rtr_vrfs[v] && twin_in_vrf(place->netns, v))
			rib_del(rtr_vrfs[v], &e->prefix, RTR_SRC_KERNEL, protocol, e->metric);
}

// Of an IPv6 route with several paths the kernel tells when one of them goes, and not what is left.
static bool is_part(const struct netlink_event *e, const struct place *place) {
	struct rtr_path paths[NETLINK_PATHS];
	struct rtr_route best;

	for (unsigned v = 0; v < RTR_MAX_VRFS; v++)
		if (rtr_vrfs[v] && twin_in_vrf(place->netns, v) && e->nexthop == 0 &&
			rib_find(rtr_vrfs[v], &e->prefix, &best) && best.source == RTR_SRC_KERNEL &&
			best.metric == e->metric &&
			nexthop_paths(best.slot, paths, NETLINK_PATHS) > e->n_paths)
			return e->n_paths > 0;
	return false;
}

static void route_refused(const struct netlink_event *e, const struct err *err) {
	static uint64_t said_ns;
	char text[PREFIX_STRLEN];

	if (netlink_stats.refused++ > 0 && clock_now_ns() - said_ns < NSEC_PER_SEC)
		return;
	said_ns = clock_now_ns();
	log_warn("router", "route of the kernel refused", "prefix=%s refused=%llu why=\"%s\"",
		prefix_print(&e->prefix, text), (unsigned long long)netlink_stats.refused,
		err->msg);
}

static void route_heard(const struct place *place, const struct netlink_event *e) {
	struct rtr_route route = {.prefix = e->prefix,
		.source = RTR_SRC_KERNEL,
		.protocol = e->protocol,
		.distance = distance_of(e->protocol),
		.metric = e->metric};
	struct err err = {0};
	uint16_t vrf = 0;

	if (!is_ours(e))
		return;
	if (e->del) {
		if (e->prefix.addr.family == ADDR_V6 && is_part(e, place))
			resync.again = true;
		else
			route_del(e, e->protocol, place);
		return;
	}
	seen_protocols[e->protocol] = true;
	for (unsigned p = 0; e->replace && p < 256; p++) // whose it was is not said
		if (seen_protocols[p] && p != e->protocol)
			route_del(e, (uint8_t)p, place);
	int64_t slot = slot_of(place, e, &vrf, &err);
	if (slot == 0) {
		if (e->replace)
			route_del(e, e->protocol, place); // it leads elsewhere now
		return;
	}
	route.slot = (uint32_t)slot;
	bool full = slot > 0 && rtr_vrfs[vrf] && rib_set(rtr_vrfs[vrf], &route, &err) < 0;
	left_out |= full;
	if (full || slot < 0 || rtr_vrfs[vrf] == NULL)
		route_refused(e, &err);
}

// ---- neighbours and links -------------------------------------------------------------------------------------

static void neigh_heard_of(const struct place *place, const struct netlink_event *e) {
	const struct rtr_iface *iface = twin_iface(place->netns, (int)e->index);
	const unsigned known = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;

	if (iface && (e->del || e->state & (known | NUD_FAILED)))
		neigh_kernel(iface->index, &e->addr,
			!e->del && e->has_mac && e->state & known ? &e->mac : NULL);
}

// With a link the kernel takes routes and next-hop objects away without a word.
static void link_heard(struct place *place, const struct netlink_event *e) {
	const uint32_t watched = IFF_UP | IFF_LOWER_UP;
	uint32_t flags = e->del ? 0 : e->flags & watched;

	for (unsigned i = 0; i < place->n_links; i++) {
		if (place->links[i].index != e->index)
			continue;
		if (place->links[i].flags != flags)
			resync.again = true;
		place->links[i].flags = flags;
		return;
	}
	if (place->n_links < LINKS_KEPT) {
		place->links[place->n_links].index = e->index;
		place->links[place->n_links++].flags = flags;
	}
}

// ---- resync ---------------------------------------------------------------------------------------------------

static void dump_ask(struct place *place) {
	struct {
		struct nlmsghdr header;
		union {
			struct rtmsg route;
			struct ifinfomsg link;
			struct ndmsg neigh;
			struct nhmsg nexthop;
			uint8_t family;
		} u;
	} request = {.header = {.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};

	while (place->stage < DUMPS) {
		request.header.nlmsg_type = dumps[place->stage].type;
		request.header.nlmsg_seq = place->seq = ++serial;
		request.u.family = dumps[place->stage].family;
		request.header.nlmsg_len = NLMSG_LENGTH(dumps[place->stage].type == RTM_GETLINK
				? sizeof(struct ifinfomsg)
				: dumps[place->stage].type == RTM_GETNEXTHOP ? sizeof(struct nhmsg)
				: dumps[place->stage].type == RTM_GETNEIGH   ? sizeof(struct ndmsg)
									   : sizeof(struct rtmsg));
		if (send(place->fd, &request, request.header.nlmsg_len, 0) > 0)
			return;
		resync.again = true; // once more, later
		place->stage++;
	}
}

static void dump_end(struct place *place, int error) {
	if (place->interrupted || (error < 0 && error != -EOPNOTSUPP && error != -EAFNOSUPPORT))
		resync.again = true;
	place->interrupted = false;
	place->stage++;
	dump_ask(place);
}

static void resync_start(void) {
	resync.running = true;
	resync.again = false;
	resync.round++;
	netlink_stats.resyncs++;
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++) {
		resync.marks[v].vrf = rtr_vrfs[v];
		if (rtr_vrfs[v])
			resync.marks[v].generation = rib_mark(rtr_vrfs[v], RTR_SRC_KERNEL);
	}
	for (struct place *place = places; place; place = place->next) {
		place->stage = 0;
		dump_ask(place);
	}
}

static void resync_end(uint64_t now_ns) {
	unsigned gone = 0;

	for (const struct place *place = places; place; place = place->next)
		if (place->stage < DUMPS)
			return;
	for (unsigned v = 0; v < RTR_MAX_VRFS; v++)
		if (rtr_vrfs[v] && resync.marks[v].vrf == rtr_vrfs[v])
			gone += rib_sweep(rtr_vrfs[v], RTR_SRC_KERNEL, resync.marks[v].generation);
	for (unsigned b = 0; b < BUCKETS; b++)
		for (struct object **link = &objects[b]; *link;)
			if ((*link)->round != resync.round)
				object_del(link);
			else
				link = &(*link)->next;
	resync.running = false;
	resync.not_before_ns = now_ns + RETRY_NS;
	log_debug("router", "the kernel's routes read", "gone=%u objects=%u again=%d", gone,
		netlink_stats.objects, resync.again);
}

// ---- sockets --------------------------------------------------------------------------------------------------

static void heard(const struct netlink_event *e, void *arg) {
	struct place *place = arg;

	netlink_stats.messages++;
	if (e->interrupted && e->seq == place->seq)
		place->interrupted = true;
	switch (e->kind) {
	case NETLINK_ROUTE_IS:
		route_heard(place, e);
		break;
	case NETLINK_NEXTHOP_IS:
		nexthop_heard(place, e);
		break;
	case NETLINK_NEIGH_IS:
		neigh_heard_of(place, e);
		break;
	case NETLINK_LINK_IS:
		link_heard(place, e);
		break;
	case NETLINK_END:
		if (e->seq == place->seq && place->stage < DUMPS)
			dump_end(place, e->error);
		break;
	case NETLINK_BROKEN:
		netlink_stats.broken++;
		resync.again = true;
	}
}

static void overrun(struct place *place) {
	place->behind = true;
	netlink_stats.overruns++;
	resync.again = true;
	log_warn("router", "the kernel told of more changes than were read; reading all anew",
		"namespace=%s overruns=%llu", place->netns,
		(unsigned long long)netlink_stats.overruns);
	event_emit("router.netlink-overrun", json_pack("{s:s}", "namespace", place->netns));
}

static void place_read(struct place *place, uint64_t until_ns) {
	static uint8_t buf[BUF] __attribute__((aligned(8)));

	do {
		ssize_t len = recv(place->fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC);

		if (len < 0 && errno == ENOBUFS) {
			overrun(place);
			continue;
		}
		if (len <= 0) {
			place->behind = false;
			return;
		}
		if ((size_t)len > sizeof(buf)) {
			netlink_stats.broken++;
			resync.again = true;
			len = sizeof(buf);
		}
		netlink_decode(buf, (size_t)len, heard, place);
	} while (clock_now_ns() < until_ns);
}

static int groups_join(int fd) {
	static const int groups[] = {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE, RTNLGRP_NEXTHOP};
	const int size = RCVBUF;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (unsigned i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			    sizeof(groups[i])) < 0 &&
			groups[i] != RTNLGRP_NEXTHOP)
			return -errno;
	return 0;
}

static void place_add(const char *netns) {
	struct place *place = calloc(1, sizeof(*place));
	struct err err = {0};
	int rc = place ? place->fd = netns_open(netns, NETNS_ROUTE, &err) : -ENOMEM;

	if (rc >= 0)
		rc = groups_join(place->fd);
	if (rc < 0) {
		log_error("router", "routes of the kernel are not heard", "namespace=%s why=\"%s\"",
			netns, err.msg[0] ? err.msg : strerror(-rc));
		if (place && place->fd >= 0)
			close(place->fd);
		free(place);
		return;
	}
	snprintf(place->netns, sizeof(place->netns), "%s", netns);
	place->stage = DUMPS;
	place->wanted = true;
	place->next = places;
	places = place;
	netlink_stats.namespaces++;
}

static void place_del(struct place **link) {
	struct place *place = *link;

	*link = place->next;
	for (unsigned b = 0; b < BUCKETS; b++)
		for (struct object **at = &objects[b]; *at;)
			if ((*at)->place == place)
				object_del(at);
			else
				at = &(*at)->next;
	close(place->fd);
	free(place);
	netlink_stats.namespaces--;
}

static void place_want(const char *netns, void *) {
	struct place *place = places;

	while (place && strcmp(place->netns, netns) != 0)
		place = place->next;
	if (place)
		place->wanted = true;
	else
		place_add(netns);
}

void netlink_changed(void) {
	bool any = places != NULL;

	for (struct place *place = places; place; place = place->next)
		place->wanted = false;
	twins_foreach_netns(place_want, NULL);
	for (struct place **link = &places; *link;)
		if ((*link)->wanted)
			link = &(*link)->next;
		else
			place_del(link);
	if (any || places)
		resync.again = true;
	resync.not_before_ns = 0;
}

static bool is_room(void) {
	bool full = false;

	for (unsigned v = 0; v < RTR_MAX_VRFS; v++) {
		struct rib_stats stats = {0};

		if (rtr_vrfs[v])
			rib_stats(rtr_vrfs[v], &stats);
		full |= stats.full;
	}
	return !full;
}

// What is still to be read is older than a resync would be, and must not pass for seen by it.
static bool is_behind(void) {
	const struct place *place = places;

	while (place && !place->behind)
		place = place->next;
	return place != NULL;
}

void netlink_poll(uint64_t now_ns) {
	for (struct place *place = places; place; place = place->next)
		place_read(place, now_ns + TURN_NS);
	if (resync.running)
		resync_end(now_ns);
	if (left_out && !resync.running && is_room()) {
		left_out = false;
		resync.again = true;
	}
	if (!resync.running && resync.again && now_ns >= resync.not_before_ns && !is_behind()) {
		resync_start();
		if (!places)
			resync_end(now_ns);
	}
}

void netlink_fini(void) {
	while (places)
		place_del(&places);
	resync.running = resync.again = false;
}
