// SPDX-License-Identifier: BSD-3-Clause
// Next-hop objects, and the slots by which nodes see them.
#include "dataplane/session/session.h"
#include "router/fib/ecmp.h"
#include "router/fib/nexthop.h"
#include "router/fib/region.h"
#include "router/iface.h"
#include <assert.h>
#include <errno.h>
#include <rte_jhash.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define HASH_MIN   1024
#define MAX_WEIGHT 256

_Static_assert(offsetof(struct rtr_nh, header) % 8 == 0, "a MAC address is written in one store");
_Static_assert(NEXTHOP_MAX_PATHS <= ECMP_MAX_PATHS, "a group's paths fit in its buckets");

enum object_type { FREE, RETIRED, ADJACENCY, SPECIAL, GROUP, NAMED };

struct group;

// One path of a group: among its paths, and among the members of its adjacency.
struct member {
	LIST_ENTRY(member) link;
	struct group *group;
	uint32_t slot; // of the adjacency; a reference
	uint32_t weight;
};

struct group {
	uint32_t slot;
	uint32_t id; // named
	uint16_t vrf;
	unsigned n, size;
	uint32_t *buckets; // [size]: what nodes read
	uint8_t *owners;   // [size]: the member whose bucket it is
	struct member members[];
};

// By slot.
struct object {
	uint32_t refs;
	uint32_t hash, hash_next; // next of the free, of the retired list
	uint8_t type;
	bool known;     // ADJACENCY: its neighbour is
	uint8_t kind;   // SPECIAL
	uint16_t iface; // ADJACENCY
	uint16_t vrf;
	struct addr gateway;
	union {
		LIST_HEAD(, member) members; // ADJACENCY: of groups that contain it
		struct group *group;
	};
	LIST_ENTRY(object) of_iface; // ADJACENCY
};

LIST_HEAD(object_list, object);

struct rtr_nh *rtr_nhs;
static struct object *objects;
static uint32_t fresh, free_head, retired_head, n_used;
static uint32_t *hash_heads, hash_size, n_hashed;
static struct object_list of_ifaces[DP_MAX_IFACES];
static bool down[DP_MAX_IFACES];

static uint32_t slot_of(const struct object *o) {
	return (uint32_t)(o - objects);
}

int nexthop_init(struct err *err) {
	rtr_nhs = region_new(RTR_MAX_NH * sizeof(*rtr_nhs), 1);
	objects = region_new(RTR_MAX_NH * sizeof(*objects), 0);
	hash_size = HASH_MIN;
	hash_heads = calloc(hash_size, sizeof(*hash_heads));
	fresh = 1;
	if (rtr_nhs && objects && hash_heads)
		return 0;
	nexthop_fini();
	return err_set(err, -ENOMEM, "no memory for the next-hop table");
}

static void group_free(struct group *group) {
	if (!group)
		return;
	free(group->buckets);
	free(group->owners);
	free(group);
}

void nexthop_fini(void) {
	for (uint32_t slot = 1; objects && slot < fresh; slot++)
		if (rtr_nhs[slot].kind == RTR_NH_GROUP)
			group_free(objects[slot].group);
	region_free(rtr_nhs, RTR_MAX_NH * sizeof(*rtr_nhs));
	region_free(objects, RTR_MAX_NH * sizeof(*objects));
	free(hash_heads);
	rtr_nhs = NULL;
	objects = NULL;
	hash_heads = NULL;
	fresh = free_head = retired_head = n_used = hash_size = n_hashed = 0;
	memset(of_ifaces, 0, sizeof(of_ifaces));
	memset(down, 0, sizeof(down));
}

// ---- the hash of contents -----------------------------------------------------------------------------------

static uint32_t path_hash(uint16_t iface, const struct addr *gateway, uint32_t seed) {
	return rte_jhash(gateway->bytes, sizeof(gateway->bytes),
		seed ^ ((uint32_t)iface << 8 | (uint32_t)gateway->family));
}

static uint32_t paths_hash(const struct rtr_path *paths, unsigned n) {
	uint32_t hash = n;

	for (unsigned i = 0; i < n; i++)
		hash = path_hash(paths[i].iface, &paths[i].gateway, hash) ^ paths[i].weight;
	return hash;
}

static uint32_t special_hash(enum rtr_nh_kind kind, uint16_t vrf) {
	return rte_jhash_2words(kind, vrf, SPECIAL);
}

static uint32_t named_hash(uint16_t vrf, uint32_t id) {
	return rte_jhash_2words(id, vrf, NAMED);
}

static void hash_grow(void) {
	uint32_t size = hash_size * 2, *heads = calloc(size, sizeof(*heads));

	if (!heads)
		return; // longer chains
	for (uint32_t i = 0; i < hash_size; i++) {
		for (uint32_t slot = hash_heads[i], next; slot; slot = next) {
			struct object *o = &objects[slot];

			next = o->hash_next;
			o->hash_next = heads[o->hash & (size - 1)];
			heads[o->hash & (size - 1)] = slot;
		}
	}
	free(hash_heads);
	hash_heads = heads;
	hash_size = size;
}

static void hash_add(struct object *o, uint32_t hash) {
	if (n_hashed >= hash_size)
		hash_grow();
	uint32_t *head = &hash_heads[hash & (hash_size - 1)];
	o->hash = hash;
	o->hash_next = *head;
	*head = slot_of(o);
	n_hashed++;
}

static void hash_del(const struct object *o) {
	uint32_t *link = &hash_heads[o->hash & (hash_size - 1)];

	while (*link != slot_of(o))
		link = &objects[*link].hash_next;
	*link = o->hash_next;
	n_hashed--;
}

static struct object *hash_first(uint32_t hash) {
	return &objects[hash_heads[hash & (hash_size - 1)]];
}

static struct object *hash_next(const struct object *o) {
	return &objects[o->hash_next];
}

// ---- slots ------------------------------------------------------------------------------------------------

static struct object *object_new(enum object_type type, struct err *err) {
	uint32_t slot;

	if (free_head == 0 && fresh == RTR_MAX_NH)
		nexthop_collect();
	slot = free_head;
	if (slot) {
		free_head = objects[slot].hash_next;
	} else if (fresh < RTR_MAX_NH) {
		slot = fresh++;
	} else {
		err_set(err, -ENOSPC, "next-hop table full (%u)", RTR_MAX_NH - 1);
		return NULL;
	}
	n_used++;
	memset(&rtr_nhs[slot], 0, sizeof(rtr_nhs[slot]));
	rtr_nhs[slot].iface = rtr_nhs[slot].out = DP_NONE;
	objects[slot] = (struct object){.refs = 1, .type = (uint8_t)type};
	return &objects[slot];
}

static void object_free(struct object *o) {
	uint32_t slot = slot_of(o);

	o->type = FREE;
	o->hash_next = free_head;
	free_head = slot;
	n_used--;
}

static void kind_set(uint32_t slot, enum rtr_nh_kind kind) {
	__atomic_store_n(&rtr_nhs[slot].kind, (uint8_t)kind, __ATOMIC_RELEASE);
}

uint32_t nexthop_count(void) {
	return n_used;
}

uint32_t nexthop_refs(uint32_t slot) {
	return objects[slot].refs;
}

void nexthop_ref(uint32_t slot) {
	assert(slot > 0 && objects[slot].refs > 0);
	objects[slot].refs++;
}

static void group_unlink(struct group *group) {
	for (unsigned i = 0; i < group->n; i++) {
		LIST_REMOVE(&group->members[i], link);
		nexthop_put(group->members[i].slot);
	}
}

void nexthop_put(uint32_t slot) {
	struct object *o = &objects[slot];

	if (slot == 0)
		return;
	assert(o->refs > 0);
	if (--o->refs > 0)
		return;
	hash_del(o);
	if (o->type == ADJACENCY)
		LIST_REMOVE(o, of_iface);
	if (o->type == GROUP || o->type == NAMED)
		group_unlink(o->group);
	o->type = RETIRED;
	o->hash_next = retired_head;
	retired_head = slot;
}

void nexthop_collect(void) {
	if (retired_head == 0)
		return;
	session_hops_changed();
	dp_sync();
	while (retired_head) {
		struct object *o = &objects[retired_head];

		retired_head = o->hash_next;
		if (rtr_nhs[slot_of(o)].kind == RTR_NH_GROUP)
			group_free(o->group);
		kind_set(slot_of(o), RTR_NH_NONE);
		object_free(o);
	}
}

// ---- groups -----------------------------------------------------------------------------------------------

static bool is_alive(const struct object *adjacency) {
	const struct rtr_iface *iface = rtr_iface(adjacency->iface);

	if (iface && iface->tunnel)
		return !down[adjacency->iface];
	return !down[adjacency->iface] &&
		(adjacency->known || adjacency->gateway.family == ADDR_NONE);
}

// Paths that packets may take now.
static void alive_weights(const struct group *group, uint32_t *weights) {
	bool any = false, any_up = false;

	for (unsigned i = 0; i < group->n; i++) {
		const struct object *adjacency = &objects[group->members[i].slot];

		any |= is_alive(adjacency);
		any_up |= !down[adjacency->iface];
	}
	for (unsigned i = 0; i < group->n; i++) {
		const struct object *adjacency = &objects[group->members[i].slot];
		bool use = any ? is_alive(adjacency) : !any_up || !down[adjacency->iface];

		weights[i] = use ? group->members[i].weight : 0;
	}
}

static void group_fill(struct group *group) {
	uint32_t weights[ECMP_MAX_PATHS];
	bool changed = false;

	alive_weights(group, weights);
	if (ecmp_fill(group->owners, group->size, weights, group->n) == 0)
		return;
	for (unsigned b = 0; b < group->size; b++) {
		uint32_t slot = group->members[group->owners[b]].slot;

		if (group->buckets[b] == slot)
			continue;
		__atomic_store_n(&group->buckets[b], slot, __ATOMIC_RELEASE);
		changed = true;
	}
	if (changed)
		session_hops_changed();
}

static void groups_fill(struct object *adjacency) {
	struct member *member;

	LIST_FOREACH(member, &adjacency->members, link)
	group_fill(member->group);
}

// ---- adjacencies ------------------------------------------------------------------------------------------

static bool is_source(const struct rtr_nh *nh, const struct rte_ether_addr *mac) {
	return nh->header_len == 0 ||
		memcmp(nh->header + RTE_ETHER_ADDR_LEN, mac, RTE_ETHER_ADDR_LEN) == 0;
}

static void source_write(struct rtr_nh *nh, const struct rte_ether_addr *mac) {
	memcpy(nh->header + RTE_ETHER_ADDR_LEN, mac, RTE_ETHER_ADDR_LEN);
	nh->header_len = RTE_ETHER_HDR_LEN;
}

// The first eight bytes of the header in one store, so that no packet gets half an address.
static void destination_write(struct rtr_nh *nh, const struct rte_ether_addr *mac) {
	uint64_t word;

	memcpy(&word, nh->header, sizeof(word));
	memcpy(&word, mac, RTE_ETHER_ADDR_LEN);
	__atomic_store_n((uint64_t *)(void *)nh->header, word, __ATOMIC_RELAXED);
}

static enum rtr_nh_kind adjacency_kind(const struct object *o) {
	const struct rtr_iface *iface = rtr_iface(o->iface);

	if (iface && iface->tunnel)
		return RTR_NH_FORWARD; // there is nobody to ask: the other end is the only neighbour
	if (o->gateway.family == ADDR_NONE)
		return RTR_NH_GLEAN;
	return o->known ? RTR_NH_FORWARD : RTR_NH_RESOLVE;
}

// What the interface is now. The header's source is as it was, or nobody reads the header.
static void adjacency_write(struct object *o) {
	struct rtr_nh *nh = &rtr_nhs[slot_of(o)];
	const struct rtr_iface *iface = rtr_iface(o->iface);

	nh->iface = o->iface;
	nh->gateway_family = (uint8_t)o->gateway.family;
	nh->vrf = iface ? iface->vrf : o->vrf;
	if (iface) {
		nh->mtu = iface->mtu;
		nh->out = iface->port;
		nh->mss_or_dscp = iface->mss4 || iface->mss6 || iface->dscp != UINT8_MAX;
		source_write(nh, &iface->mac);
	}
	kind_set(slot_of(o), adjacency_kind(o));
}

static struct object *adjacency_find(uint16_t iface, const struct addr *gateway, uint32_t hash) {
	struct object *o;

	for (o = hash_first(hash); o != objects; o = hash_next(o))
		if (o->hash == hash && o->type == ADJACENCY && o->iface == iface &&
			addr_cmp(&o->gateway, gateway) == 0)
			return o;
	return NULL;
}

static int64_t adjacency_get(uint16_t vrf, const struct rtr_path *path, struct err *err) {
	uint32_t hash = path_hash(path->iface, &path->gateway, ADJACENCY);
	struct object *o = adjacency_find(path->iface, &path->gateway, hash);

	if (o) {
		o->refs++;
		return slot_of(o);
	}
	o = object_new(ADJACENCY, err);
	if (!o)
		return -ENOSPC;
	o->iface = path->iface;
	o->vrf = vrf;
	o->gateway = path->gateway;
	LIST_INIT(&o->members);
	LIST_INSERT_HEAD(&of_ifaces[o->iface], o, of_iface);
	hash_add(o, hash);
	adjacency_write(o);
	return slot_of(o);
}

void nexthop_neighbor(uint16_t iface, const struct addr *addr, const struct rte_ether_addr *mac) {
	struct object *o = adjacency_find(iface, addr, path_hash(iface, addr, ADJACENCY));

	if (!o)
		return;
	o->known = mac != NULL;
	if (mac)
		destination_write(&rtr_nhs[slot_of(o)], mac);
	kind_set(slot_of(o), adjacency_kind(o));
	groups_fill(o);
}

// Packets in flight may be reading headers whose source is to change: first none may begin to, then none does.
static void source_changes(uint16_t index, const struct rte_ether_addr *mac) {
	bool any = false;
	struct object *o;

	LIST_FOREACH(o, &of_ifaces[index], of_iface) {
		if (is_source(&rtr_nhs[slot_of(o)], mac))
			continue;
		if (o->gateway.family != ADDR_NONE)
			kind_set(slot_of(o), RTR_NH_RESOLVE);
		any = true;
	}
	if (any)
		dp_sync();
}

void nexthop_link(uint16_t index, bool up) {
	const struct rtr_iface *iface = rtr_iface(index);
	struct object *o;

	if (index >= DP_MAX_IFACES)
		return;
	down[index] = !up;
	if (iface)
		source_changes(index, &iface->mac);
	LIST_FOREACH(o, &of_ifaces[index], of_iface) {
		if (!iface)
			o->known = false; // whose neighbours they were
		adjacency_write(o);
	}
	LIST_FOREACH(o, &of_ifaces[index], of_iface)
	groups_fill(o);
}

void nexthop_foreach_gateway(uint16_t iface,
	void (*fn)(const struct addr *gateway, uint32_t slot, void *arg), void *arg) {
	struct object *o;

	if (iface >= DP_MAX_IFACES)
		return;
	LIST_FOREACH(o, &of_ifaces[iface], of_iface)
	if (o->gateway.family != ADDR_NONE)
		fn(&o->gateway, slot_of(o), arg);
}

// ---- paths in, groups out ---------------------------------------------------------------------------------

static int path_cmp(const void *va, const void *vb) {
	const struct rtr_path *a = va, *b = vb;

	if (a->iface != b->iface)
		return a->iface < b->iface ? -1 : 1;
	return addr_cmp(&a->gateway, &b->gateway);
}

// Sorted, equal ones merged: what is equal looks equal. How many, or -EINVAL.
static int canonical(
	struct rtr_path *out, const struct rtr_path *paths, unsigned n, struct err *err) {
	int count = 0;

	if (n == 0 || n > NEXTHOP_MAX_PATHS)
		return err_set(
			err, -EINVAL, "a next hop has 1 to %d paths, not %u", NEXTHOP_MAX_PATHS, n);
	memcpy(out, paths, n * sizeof(*out));
	for (unsigned i = 0; i < n; i++)
		if (out[i].iface >= DP_MAX_IFACES || out[i].weight < 1 ||
			out[i].weight > MAX_WEIGHT)
			return err_set(err, -EINVAL, "path %u: interface %u, weight %u (1..%d)", i,
				out[i].iface, out[i].weight, MAX_WEIGHT);
	if (n > 1)
		qsort(out, n, sizeof(*out), path_cmp);
	for (unsigned i = 0; i < n; i++) {
		if (count > 0 && path_cmp(&out[count - 1], &out[i]) == 0)
			out[count - 1].weight += out[i].weight;
		else
			out[count++] = out[i];
	}
	return count;
}

static bool is_same_group(const struct group *group, const struct rtr_path *paths, unsigned n) {
	if (group->n != n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		const struct member *member = &group->members[i];
		const struct object *o = &objects[member->slot];

		if (member->weight != paths[i].weight || o->iface != paths[i].iface ||
			addr_cmp(&o->gateway, &paths[i].gateway) != 0)
			return false;
	}
	return true;
}

static struct object *group_find(const struct rtr_path *paths, unsigned n, uint32_t hash) {
	for (struct object *o = hash_first(hash); o != objects; o = hash_next(o))
		if (o->hash == hash && o->type == GROUP && is_same_group(o->group, paths, n))
			return o;
	return NULL;
}

static unsigned size_of(const struct rtr_path *paths, unsigned n) {
	uint32_t weights[ECMP_MAX_PATHS];

	for (unsigned i = 0; i < n; i++)
		weights[i] = paths[i].weight;
	return ecmp_size(weights, n);
}

// Members and an empty table of `size` buckets; nobody sees it yet. NULL: *rc says why.
static struct group *group_new(uint16_t vrf, const struct rtr_path *paths, unsigned n,
	unsigned size, int *rc, struct err *err) {
	struct group *group = calloc(1, sizeof(*group) + n * sizeof(group->members[0]));

	*rc = -ENOMEM;
	if (group) {
		group->size = size;
		group->buckets = calloc(size, sizeof(*group->buckets));
		group->owners = malloc(size);
	}
	if (!group || !group->buckets || !group->owners) {
		group_free(group);
		*rc = err_set(err, -ENOMEM, "out of memory for a group of next hops");
		return NULL;
	}
	memset(group->owners, ECMP_NONE, size);
	group->vrf = vrf;
	for (unsigned i = 0; i < n; i++) {
		int64_t slot = adjacency_get(vrf, &paths[i], err);

		if (slot < 0) {
			group_unlink(group);
			group_free(group);
			*rc = (int)slot;
			return NULL;
		}
		struct member *member = &group->members[group->n++];
		*member = (struct member){
			.group = group, .slot = (uint32_t)slot, .weight = paths[i].weight};
		LIST_INSERT_HEAD(&objects[slot].members, member, link);
	}
	return group;
}

static int64_t group_publish(
	struct group *group, enum object_type type, uint32_t hash, struct err *err) {
	struct object *o = object_new(type, err);

	if (!o) {
		group_unlink(group);
		group_free(group);
		return -ENOSPC;
	}
	group->slot = slot_of(o);
	o->group = group;
	o->vrf = group->vrf;
	group_fill(group);
	struct rtr_nh *nh = &rtr_nhs[group->slot];
	nh->vrf = group->vrf;
	nh->n_buckets = group->size;
	nh->buckets = group->buckets;
	kind_set(group->slot, RTR_NH_GROUP);
	hash_add(o, hash);
	return group->slot;
}

int64_t nexthop_get(uint16_t vrf, const struct rtr_path *paths, unsigned n, struct err *err) {
	struct rtr_path sorted[NEXTHOP_MAX_PATHS];
	int count = canonical(sorted, paths, n, err), rc;

	if (count < 0)
		return count;
	if (count == 1)
		return adjacency_get(vrf, sorted, err);
	uint32_t hash = paths_hash(sorted, (unsigned)count);
	struct object *o = group_find(sorted, (unsigned)count, hash);
	if (o) {
		o->refs++;
		return slot_of(o);
	}
	struct group *group =
		group_new(vrf, sorted, (unsigned)count, size_of(sorted, (unsigned)count), &rc, err);
	return group ? group_publish(group, GROUP, hash, err) : rc;
}

int64_t nexthop_special_get(enum rtr_nh_kind kind, uint16_t vrf, struct err *err) {
	uint32_t hash = special_hash(kind, vrf);
	struct object *o;

	for (o = hash_first(hash); o != objects; o = hash_next(o)) {
		if (o->hash == hash && o->type == SPECIAL && o->kind == kind && o->vrf == vrf) {
			o->refs++;
			return slot_of(o);
		}
	}
	if (kind != RTR_NH_LOCAL && kind != RTR_NH_VRF && kind != RTR_NH_BLACKHOLE &&
		kind != RTR_NH_UNREACHABLE && kind != RTR_NH_PROHIBIT)
		return err_set(err, -EINVAL, "next-hop kind %d has paths", (int)kind);
	o = object_new(SPECIAL, err);
	if (!o)
		return -ENOSPC;
	o->kind = (uint8_t)kind;
	o->vrf = vrf;
	hash_add(o, hash);
	rtr_nhs[slot_of(o)].vrf = vrf;
	kind_set(slot_of(o), kind);
	return slot_of(o);
}

// ---- named objects ----------------------------------------------------------------------------------------

static struct object *named_find(uint16_t vrf, uint32_t id) {
	uint32_t hash = named_hash(vrf, id);

	for (struct object *o = hash_first(hash); o != objects; o = hash_next(o))
		if (o->hash == hash && o->type == NAMED && o->vrf == vrf && o->group->id == id)
			return o;
	return NULL;
}

uint32_t nexthop_named_find(uint16_t vrf, uint32_t id) {
	struct object *o = named_find(vrf, id);

	return o ? slot_of(o) : 0;
}

static uint8_t member_index(const struct group *group, uint32_t slot) {
	for (unsigned i = 0; i < group->n; i++)
		if (group->members[i].slot == slot)
			return (uint8_t)i;
	return ECMP_NONE;
}

// The buckets of `from` for `group`, which is at least as large: flows stay where they were where the path is still there.
static void group_inherit(struct group *group, const struct group *from) {
	for (unsigned b = 0; b < group->size; b++) {
		unsigned was = b & (from->size - 1);

		group->owners[b] = member_index(group, from->members[from->owners[was]].slot);
		group->buckets[b] = from->buckets[was];
	}
	group_fill(group);
}

// Nodes may read n_buckets and the pointer in any order: the table that they see is never smaller than the number.
static void named_replace(struct object *o, struct group *group) {
	struct group *old = o->group;
	struct rtr_nh *nh = &rtr_nhs[slot_of(o)];

	group->slot = slot_of(o);
	o->group = group;
	if (group->size == old->size) { // in the table that is there
		free(group->buckets);
		group->buckets = old->buckets;
		group_inherit(group, old);
		old->buckets = NULL;
	} else {
		group_inherit(group, old);
		__atomic_store_n(&nh->buckets, group->buckets, __ATOMIC_RELEASE);
		dp_sync();
		__atomic_store_n(&nh->n_buckets, group->size, __ATOMIC_RELEASE);
	}
	session_hops_changed();
	group_unlink(old);
	group_free(old);
}

int64_t nexthop_named_set(
	uint16_t vrf, uint32_t id, const struct rtr_path *paths, unsigned n, struct err *err) {
	struct rtr_path sorted[NEXTHOP_MAX_PATHS];
	int count = canonical(sorted, paths, n, err), rc;
	struct object *o = named_find(vrf, id);
	unsigned size;

	if (count < 0)
		return count;
	if (o && is_same_group(o->group, sorted, (unsigned)count))
		return slot_of(o);
	size = size_of(sorted, (unsigned)count);
	if (o && size < o->group->size)
		size = o->group->size;
	struct group *group = group_new(vrf, sorted, (unsigned)count, size, &rc, err);
	if (!group)
		return rc;
	group->id = id;
	if (!o)
		return group_publish(group, NAMED, named_hash(vrf, id), err);
	named_replace(o, group);
	return slot_of(o);
}

unsigned nexthop_paths(uint32_t slot, struct rtr_path *paths, unsigned max) {
	const struct object *o = &objects[slot];

	if (o->type == ADJACENCY && max > 0) {
		*paths = (struct rtr_path){.iface = o->iface, .gateway = o->gateway, .weight = 1};
		return 1;
	}
	if (o->type != GROUP && o->type != NAMED)
		return 0;
	unsigned n = RTE_MIN(o->group->n, max);
	for (unsigned i = 0; i < n; i++) {
		const struct object *adjacency = &objects[o->group->members[i].slot];

		paths[i] = (struct rtr_path){.iface = adjacency->iface,
			.gateway = adjacency->gateway,
			.weight = o->group->members[i].weight};
	}
	return n;
}
