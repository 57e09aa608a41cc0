// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/addrs.h"
#include "router/fib/region.h"
#include "router/fib/rib_tree.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RETIRED_MAX 4096 // parts of a table that wait for readers before these are waited for
#define LABELS_MAX  4096 // of one address

struct list {
	uint32_t n;
	uint32_t labels[];
};

// Of a prefix: the value in the tree is its number.
struct place {
	uint32_t own;   // list of its own labels; of a free one: the next free
	uint32_t class; // with those of the prefixes around it
};

// IPv4 has the FIB of IPv6, too (fw_addrs_key()): it keeps hosts that are far apart in a cache line each, where IPv4's has a
// kilobyte; and a short prefix is few of its entries.
struct family {
	struct rib_tree *tree;
	struct fib *fib;
	struct place *places;
	unsigned bytes;
	uint32_t fresh, free_head, n;
};

struct fw_addrs {
	struct family families[2];
	struct fw_addrs_ops ops;
	uint32_t limit;
	struct list **lists; // by class; [0] is the empty one
	uint32_t n_lists;
	uint32_t *index; // hash of a list → class; 0: nothing here
	uint32_t index_mask;
	uint64_t list_bytes;
};

// ---- lists of labels ----------------------------------------------------------------------------------------

static uint32_t list_hash(const uint32_t *labels, uint32_t n) {
	uint64_t hash = n;

	for (uint32_t i = 0; i < n; i++)
		hash = (hash ^ labels[i]) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(hash >> 32);
}

static uint32_t *list_slot(const struct fw_addrs *a, const uint32_t *labels, uint32_t n) {
	uint32_t at = list_hash(labels, n) & a->index_mask;

	for (; a->index[at]; at = (at + 1) & a->index_mask) {
		const struct list *list = a->lists[a->index[at]];

		if (list->n == n && memcmp(list->labels, labels, n * sizeof(*labels)) == 0)
			break;
	}
	return &a->index[at];
}

static int index_grow(struct fw_addrs *a) {
	uint32_t *old = a->index, cells = (a->index_mask + 1) * 2;

	a->index = calloc(cells, sizeof(*a->index));
	if (a->index == NULL) {
		a->index = old;
		return -ENOMEM;
	}
	a->index_mask = cells - 1;
	for (uint32_t i = 1; i < a->n_lists; i++)
		*list_slot(a, a->lists[i]->labels, a->lists[i]->n) = i;
	free(old);
	return 0;
}

// The class with these labels; made when there is none.
static int64_t list_intern(struct fw_addrs *a, const uint32_t *labels, uint32_t n) {
	uint32_t *slot = list_slot(a, labels, n);
	struct list *list;

	if (n == 0 || *slot)
		return n == 0 ? 0 : *slot;
	if (a->n_lists == FW_CLASSES)
		return -ENOSPC;
	if (a->n_lists * 2 > a->index_mask) {
		if (index_grow(a) != 0)
			return -ENOMEM;
		slot = list_slot(a, labels, n);
	}
	list = malloc(sizeof(*list) + n * sizeof(*labels));
	if (list == NULL)
		return -ENOMEM;
	list->n = n;
	memcpy(list->labels, labels, n * sizeof(*labels));
	int rc = a->ops.fresh ? a->ops.fresh(a->ops.arg, a->n_lists, labels, n) : 0;
	if (rc != 0) {
		free(list);
		return rc;
	}
	a->list_bytes += sizeof(*list) + n * sizeof(*labels);
	a->lists[a->n_lists] = list;
	*slot = a->n_lists;
	return a->n_lists++;
}

// The labels of both; they are in rising order.
static int64_t list_union(struct fw_addrs *a, uint32_t one, uint32_t other) {
	const struct list *x = a->lists[one], *y = a->lists[other];
	uint32_t merged[LABELS_MAX], n = 0;

	if (one == other || y->n == 0)
		return one;
	if (x->n == 0)
		return other;
	if (x->n + y->n > LABELS_MAX)
		return -ENOSPC;
	for (uint32_t i = 0, j = 0; i < x->n || j < y->n; n++) {
		if (j == y->n || (i < x->n && x->labels[i] < y->labels[j])) {
			merged[n] = x->labels[i++];
		} else {
			i += i < x->n && x->labels[i] == y->labels[j];
			merged[n] = y->labels[j++];
		}
	}
	return list_intern(a, merged, n);
}

static bool list_has(const struct list *list, uint32_t label) {
	for (uint32_t i = 0; i < list->n; i++)
		if (list->labels[i] == label)
			return true;
	return false;
}

static int64_t list_without(struct fw_addrs *a, uint32_t from, uint32_t label) {
	const struct list *x = a->lists[from];
	uint32_t left[LABELS_MAX], n = 0;

	for (uint32_t i = 0; i < x->n; i++)
		if (x->labels[i] != label)
			left[n++] = x->labels[i];
	return list_intern(a, left, n);
}

// ---- prefixes -----------------------------------------------------------------------------------------------

static struct family *family_of(const struct fw_addrs *a, const struct prefix *prefix) {
	return (struct family *)&a->families[prefix->addr.family == ADDR_V6];
}

struct place_of {
	uint8_t addr[16];
	unsigned len;
};

// A prefix as the FIB knows it.
static struct place_of place_of(const struct family *f, const uint8_t *addr, unsigned len) {
	struct place_of p = {.len = f->bytes == 4 ? len + 32 : len};

	fw_addrs_key(f->bytes != 4, addr, p.addr);
	return p;
}

static void replace(struct family *f, const uint8_t *addr, unsigned len, uint32_t class) {
	struct place_of p = place_of(f, addr, len);

	fib_replace(f->fib, p.addr, p.len, class);
}

static uint32_t class_around(
	const struct family *f, const uint8_t *addr, unsigned len, struct rib_entry *parent) {
	*parent = (struct rib_entry){0};
	if (len == 0 || !rib_tree_match(f->tree, addr, len - 1, parent))
		return 0;
	return f->places[parent->value].class;
}

static void reclaim(struct fw_addrs *a, struct family *f) {
	if (a->ops.sync)
		a->ops.sync();
	fib_reclaim(f->fib);
}

static int publish(struct fw_addrs *a, struct family *f, const struct prefix *net, uint32_t class) {
	struct place_of p = place_of(f, net->addr.bytes, net->len);
	int rc = fib_add(f->fib, p.addr, p.len, class, true);

	if (rc == -ENOSPC && fib_retired(f->fib) > 0) {
		reclaim(a, f);
		rc = fib_add(f->fib, p.addr, p.len, class, true);
	}
	if (fib_retired(f->fib) >= RETIRED_MAX)
		reclaim(a, f);
	return rc;
}

static bool inside(
	const struct family *f, const struct rib_entry *entry, const struct prefix *net) {
	struct prefix p = {.addr.family = net->addr.family};

	memcpy(p.addr.bytes, entry->addr, f->bytes);
	return prefix_contains(net, &p.addr);
}

// The classes of all prefixes within `net`, each from the one around it: these come first in the order of the tree.
static int spread(struct fw_addrs *a, struct family *f, const struct prefix *net) {
	struct rib_entry e, parent;
	const uint8_t *addr = net->addr.bytes;
	uint8_t at[16];
	unsigned len = net->len;

	while (rib_tree_next(f->tree, addr, len, &e) && inside(f, &e, net)) {
		struct place *place = &f->places[e.value];
		int64_t class = list_union(a, class_around(f, e.addr, e.len, &parent), place->own);

		if (class < 0)
			return (int)class;
		if (class != place->class) {
			place->class = (uint32_t) class;
			replace(f, e.addr, e.len, (uint32_t) class);
		}
		memcpy(at, e.addr, sizeof(at));
		addr = at;
		len = e.len;
	}
	return 0;
}

static uint32_t place_new(struct family *f) {
	uint32_t place = f->free_head;

	if (place)
		f->free_head = f->places[place].own;
	else
		place = f->fresh++;
	f->n++;
	return place;
}

static void place_free(struct family *f, uint32_t place) {
	f->places[place] = (struct place){.own = f->free_head};
	f->free_head = place;
	f->n--;
}

// Gives a prefix these labels of its own; none: it goes.
static int own_set(struct fw_addrs *a, struct family *f, const struct prefix *net, uint32_t own) {
	struct rib_entry parent;
	uint32_t place = rib_tree_get(f->tree, net->addr.bytes, net->len);
	uint32_t around = class_around(f, net->addr.bytes, net->len, &parent);
	int64_t class = list_union(a, around, own);
	int rc = 0;

	if (class < 0)
		return (int)class;
	if (own == 0) {
		rib_tree_del(f->tree, net->addr.bytes, net->len);
		place_free(f, place);
		struct place_of p = place_of(f, net->addr.bytes, net->len);

		fib_del(f->fib, p.addr, p.len,
			around ? place_of(f, parent.addr, parent.len).len : 0, around);
	} else if (place == 0) {
		if (f->n == a->limit)
			return -ENOSPC;
		rc = publish(a, f, net, (uint32_t) class);
		if (rc != 0)
			return rc;
		place = place_new(f);
		rib_tree_set(f->tree, net->addr.bytes, net->len, place);
		f->places[place] = (struct place){own, (uint32_t) class};
	} else {
		f->places[place] = (struct place){own, (uint32_t) class};
		replace(f, net->addr.bytes, net->len, (uint32_t) class);
	}
	if (fib_retired(f->fib) >= RETIRED_MAX)
		reclaim(a, f);
	return spread(a, f, net);
}

static uint32_t own_of(const struct family *f, const struct prefix *net) {
	uint32_t place = rib_tree_get(f->tree, net->addr.bytes, net->len);

	return place ? f->places[place].own : 0;
}

int fw_addrs_add(struct fw_addrs *a, const struct prefix *prefix, uint32_t label) {
	struct family *f = family_of(a, prefix);
	struct prefix net = prefix_network(prefix);
	uint32_t was = own_of(f, &net);
	int64_t one, own;
	int rc;

	if (list_has(a->lists[was], label))
		return -EEXIST;
	one = list_intern(a, &label, 1);
	own = one < 0 ? one : list_union(a, was, (uint32_t)one);
	if (own < 0)
		return (int)own;
	rc = own_set(a, f, &net, (uint32_t)own);
	if (rc != 0 && own_of(f, &net) == (uint32_t)own)
		own_set(a, f, &net, was); // the classes that it goes back to are there
	return rc;
}

int fw_addrs_del(struct fw_addrs *a, const struct prefix *prefix, uint32_t label) {
	struct family *f = family_of(a, prefix);
	struct prefix net = prefix_network(prefix);
	uint32_t was = own_of(f, &net);
	int64_t own;
	int rc;

	if (!list_has(a->lists[was], label))
		return -ENOENT;
	own = list_without(a, was, label);
	if (own < 0)
		return (int)own;
	rc = own_set(a, f, &net, (uint32_t)own);
	if (rc != 0 && own_of(f, &net) == (uint32_t)own)
		own_set(a, f, &net, was);
	return rc;
}

bool fw_addrs_has(const struct fw_addrs *a, const struct prefix *prefix, uint32_t label) {
	struct prefix net = prefix_network(prefix);

	return list_has(a->lists[own_of(family_of(a, prefix), &net)], label);
}

bool fw_addrs_next(const struct fw_addrs *a, const struct prefix *after, uint32_t label,
	unsigned steps, struct prefix *prefix, bool *found) {
	unsigned v6 = after && after->addr.family == ADDR_V6;
	struct rib_entry e;

	*prefix = after ? *after : (struct prefix){.addr.family = ADDR_NONE};
	*found = false;
	while (steps > 0) {
		const struct family *f = &a->families[v6];
		bool first = prefix->addr.family != (v6 ? ADDR_V6 : ADDR_V4);

		if (!rib_tree_next(f->tree, first ? NULL : prefix->addr.bytes, prefix->len, &e)) {
			if (v6++)
				return false;
			continue;
		}
		steps--;
		*prefix = (struct prefix){.addr.family = v6 ? ADDR_V6 : ADDR_V4, .len = e.len};
		memcpy(prefix->addr.bytes, e.addr, f->bytes);
		if (list_has(a->lists[f->places[e.value].own], label)) {
			*found = true;
			return true;
		}
	}
	return true;
}

// ---- the whole ----------------------------------------------------------------------------------------------

// Hosts far apart: a bucket each, and a group for every few; IPv6 of all lengths: three times what the Internet's table needs.
static struct fib_limits fib_limits_of(unsigned bytes, uint32_t limit) {
	uint32_t groups = (1u << 17) + limit;

	return (struct fib_limits){.groups = groups < FIB_MAX_GROUPS ? groups : FIB_MAX_GROUPS,
		.buckets = (1u << 14) + limit,
		.pages = bytes == 4 ? 2 : 256 + limit / 256};
}

static size_t places_bytes(const struct fw_addrs *a) {
	return ((size_t)a->limit + 1) * sizeof(struct place);
}

static bool family_init(struct fw_addrs *a, struct family *f, unsigned bytes) {
	struct fib_limits limits = fib_limits_of(bytes, a->limit);

	f->bytes = bytes;
	f->fresh = 1;
	f->tree = rib_tree_new(bytes, a->limit);
	f->fib = fib_new(16, &limits);
	f->places = region_new(places_bytes(a), 0);
	return f->tree && f->fib && f->places;
}

struct fw_addrs *fw_addrs_new(uint32_t limit, const struct fw_addrs_ops *ops) {
	struct fw_addrs *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->limit = limit;
	a->ops = *ops;
	a->n_lists = 1;
	a->index_mask = 255;
	a->index = calloc(256, sizeof(*a->index));
	a->lists = region_new(FW_CLASSES * sizeof(struct list *), 0);
	if (a->lists)
		a->lists[0] = calloc(1, sizeof(struct list));
	if (!a->index || !a->lists || !a->lists[0] || !family_init(a, &a->families[0], 4) ||
		!family_init(a, &a->families[1], 16)) {
		fw_addrs_free(a);
		return NULL;
	}
	return a;
}

static void family_fini(struct fw_addrs *a, struct family *f) {
	rib_tree_free(f->tree);
	fib_free(f->fib);
	region_free(f->places, places_bytes(a));
}

void fw_addrs_free(struct fw_addrs *a) {
	if (a == NULL)
		return;
	family_fini(a, &a->families[0]);
	family_fini(a, &a->families[1]);
	for (uint32_t i = 0; a->lists && i < a->n_lists; i++)
		free(a->lists[i]);
	region_free(a->lists, FW_CLASSES * sizeof(struct list *));
	free(a->index);
	free(a);
}

uint32_t fw_addrs_count(const struct fw_addrs *a) {
	return a->families[0].n + a->families[1].n;
}

uint32_t fw_addrs_classes(const struct fw_addrs *a) {
	return a->n_lists;
}

const uint32_t *fw_addrs_labels(const struct fw_addrs *a, uint32_t class, uint32_t *n) {
	*n = a->lists[class]->n;
	return a->lists[class]->labels;
}

uint64_t fw_addrs_bytes(const struct fw_addrs *a) {
	uint64_t bytes = a->list_bytes + a->n_lists * sizeof(struct list *);

	for (unsigned v6 = 0; v6 < 2; v6++) {
		const struct family *f = &a->families[v6];

		bytes +=
			rib_tree_bytes(f->tree) + fib_bytes(f->fib) + f->fresh * sizeof(*f->places);
	}
	return bytes;
}

const struct fib *fw_addrs_fib(const struct fw_addrs *a, bool v6) {
	return a->families[v6].fib;
}
