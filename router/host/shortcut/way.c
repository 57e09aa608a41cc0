// SPDX-License-Identifier: BSD-3-Clause
#include "router/host/shortcut/way.h"
#include "dataplane/dataplane.h"
#include "lib/netns.h"
#include "router/host/twin_link.h"
#include "shortcut.gen.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <rte_jhash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct way {
	unsigned port;
	int port_index; // of its interface
	int rtnl;       // in our own namespace
	int twin_rtnl;  // the twin's
	int twin;
	bool here;                 // one namespace: no pair
	bool made_port, made_twin; // their clsact is ours
	struct shortcut_links links;
	char outer[IFNAMSIZ], inner[IFNAMSIZ]; // the pair's ends: our namespace's, the twin's
	struct bpf_object *object;
	int flows; // the table
};

// ---- the pair ---------------------------------------------------------------------------------------------------

// Names that are the same when leatd starts again, so that it finds what it left when it was killed.
static void names_make(struct way *way, const char *identity) {
	uint32_t hash = rte_jhash(identity, (uint32_t)strlen(identity), 0);

	snprintf(way->outer, sizeof(way->outer), "leat%08xo", hash);
	snprintf(way->inner, sizeof(way->inner), "leat%08xi", hash);
}

// Silent: no addresses, no neighbours.
static int end_up(int rtnl, const char *name, uint32_t *index) {
	int rc = twin_link_index(rtnl, name);

	if (rc < 0)
		return rc;
	*index = (uint32_t)rc;
	twin_link_no_autoconf(rtnl, rc);
	return twin_link_up(rtnl, rc, false);
}

static int pair_make(struct way *way, struct err *err) {
	int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int rc = netns < 0 ? -errno : twin_link_pair(way->twin_rtnl, way->inner, way->outer, netns);

	if (netns >= 0)
		close(netns);
	if (rc == 0)
		rc = end_up(way->twin_rtnl, way->inner, &way->links.inner);
	if (rc == 0)
		rc = end_up(way->rtnl, way->outer, &way->links.outer);
	return rc == 0 ? 0 : err_set(err, rc, "no veth pair (%s)", strerror(-rc));
}

// ---- the programs -----------------------------------------------------------------------------------------------

static int links_write(struct bpf_object *object, const struct shortcut_links *links) {
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		if (strcmp(bpf_map__name(map), SHORTCUT_LINKS) == 0)
			return bpf_map__set_initial_value(map, links, sizeof(*links));
	}
	return -ENOENT;
}

static int load(struct way *way, struct err *err) {
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "leat_shortcut");

	way->object = bpf_object__open_mem(shortcut_object, sizeof(shortcut_object), &opts);
	int rc = way->object ? links_write(way->object, &way->links) : -errno;
	if (rc == 0)
		rc = bpf_object__load(way->object);
	if (rc < 0)
		return err_set(err, rc, "the kernel takes no such programs (%s)", strerror(-rc));
	way->flows = bpf_object__find_map_fd_by_name(way->object, "flows");
	return 0;
}

static int prog(const struct way *way, const char *name) {
	return bpf_program__fd(bpf_object__find_program_by_name(way->object, name));
}

// From within: what is said first finds the rest of its way ready.
static int attach(struct way *way, struct err *err) {
	int inner = (int)way->links.inner, outer = (int)way->links.outer, rc = 0;
	bool made;

	if (!way->here)
		rc = twin_link_filter(way->twin_rtnl, inner, true, prog(way, "to_twin"), &made);
	if (rc == 0 && !way->here)
		rc = twin_link_filter(way->rtnl, outer, true, prog(way, "to_port"), &made);
	if (rc == 0)
		rc = dp_port_packet_filter(way->port, prog(way, "taken"));
	if (rc == 0)
		rc = twin_link_filter(
			way->rtnl, way->port_index, true, prog(way, "from_port"), &way->made_port);
	if (rc == 0)
		rc = twin_link_filter(
			way->twin_rtnl, way->twin, false, prog(way, "from_twin"), &way->made_twin);
	if (rc < 0)
		return err_set(err, rc, "the kernel attaches no programs (%s)", strerror(-rc));
	return 0;
}

bool way_is_whole(const struct way *way) {
	int inner = (int)way->links.inner, outer = (int)way->links.outer;

	return twin_link_has_filter(way->rtnl, way->port_index, true) &&
		twin_link_has_filter(way->twin_rtnl, way->twin, false) &&
		(way->here ||
			(twin_link_has_filter(way->twin_rtnl, inner, true) &&
				twin_link_has_filter(way->rtnl, outer, true) &&
				twin_link_is_up(way->twin_rtnl, inner) &&
				twin_link_is_up(way->rtnl, outer)));
}

// ---- open and close ---------------------------------------------------------------------------------------------

static int begin(struct way *way, unsigned port, const struct twin_ends *ends, struct err *err) {
	*way = (struct way){.port = port,
		.port_index = dp_port_packet_index(port),
		.rtnl = netns_open("", NETNS_ROUTE, err),
		.twin_rtnl = ends->rtnl,
		.twin = ends->index,
		.here = ends->here,
		.flows = -1};
	way->links = (struct shortcut_links){
		.port = (uint32_t)way->port_index, .twin = (uint32_t)way->twin};
	names_make(way, ends->identity);
	if (way->rtnl < 0)
		return way->rtnl;
	// either end takes the other along
	twin_link_del(way->rtnl, way->outer);
	twin_link_del(way->twin_rtnl, way->inner);
	return way->port_index > 0 ? 0 : err_set(err, -ENODEV, "its port has no packet socket");
}

struct way *way_open(unsigned port, const struct twin_ends *ends, struct err *err) {
	struct way *way = malloc(sizeof(*way));

	if (way == NULL) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	int rc = begin(way, port, ends, err);
	if (rc == 0 && !way->here)
		rc = pair_make(way, err);
	if (rc == 0)
		rc = load(way, err);
	if (rc == 0)
		rc = attach(way, err);
	if (rc == 0)
		return way;
	way_close(way);
	return NULL;
}

static void detach(struct way *way) {
	twin_link_unfilter(way->twin_rtnl, way->twin, false, way->made_twin);
	if (way->port_index > 0)
		twin_link_unfilter(way->rtnl, way->port_index, true, way->made_port);
	dp_port_packet_filter(way->port, -1);
	if (!way->here)
		twin_link_del(way->rtnl, way->outer);
}

void way_close(struct way *way) {
	if (way == NULL)
		return;
	if (way->rtnl >= 0) {
		detach(way);
		close(way->rtnl);
	}
	bpf_object__close(way->object);
	free(way);
}

void way_clear(unsigned port, const struct twin_ends *ends) {
	struct way way;

	if (begin(&way, port, ends, NULL) == 0)
		twin_link_unfilter(way.rtnl, way.port_index, true,
			twin_link_has_filter(way.rtnl, way.port_index, true));
	if (way.rtnl >= 0)
		close(way.rtnl);
}

// ---- the table --------------------------------------------------------------------------------------------------

int way_add(struct way *way, const struct shortcut_key *key, const struct mac *mac) {
	struct shortcut_flow flow = {0};

	memcpy(flow.mac, mac->bytes, sizeof(flow.mac));
	return bpf_map_update_elem(way->flows, key, &flow, BPF_NOEXIST) < 0 ? -errno : 0;
}

int way_count(const struct way *way, const struct shortcut_key *key, struct shortcut_flow *flow) {
	return bpf_map_lookup_elem(way->flows, key, flow) < 0 ? -errno : 0;
}

int way_del(struct way *way, const struct shortcut_key *key, struct shortcut_flow *flow) {
	return bpf_map_lookup_and_delete_elem(way->flows, key, flow) < 0 ? -errno : 0;
}
