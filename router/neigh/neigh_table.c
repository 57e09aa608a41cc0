// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/hash.h"
#include "lib/log.h"
#include "router/neigh/neigh_priv.h"
#include <stdlib.h>
#include <string.h>

struct neigh_table neigh;

// ---- by address ---------------------------------------------------------------------------------------------

// Keyed: nobody outside can aim at a bucket.
static uint64_t hash(unsigned iface, const struct addr *addr) {
	uint64_t words[2];

	memcpy(words, addr->bytes, sizeof(words));
	words[1] += iface;
	return hash_mix(
		hash_mix(words[0] ^ neigh.seed[0], (words[1] ^ neigh.seed[1]) | 1) ^ words[1],
		neigh.seed[0] | 1);
}

static struct neigh_entry **bucket_of(unsigned iface, const struct addr *addr) {
	return &neigh.buckets[hash(iface, addr) & (neigh.n_buckets - 1)];
}

struct neigh_entry *neigh_entry_find(const struct neigh_iface *iface, const struct addr *addr) {
	struct neigh_entry *e = neigh.n_buckets ? *bucket_of(iface->index, addr) : NULL;

	while (e != NULL && (e->iface != iface || addr_cmp(&e->addr, addr) != 0))
		e = e->hash_next;
	return e;
}

static void hash_add(struct neigh_entry *e) {
	struct neigh_entry **bucket = bucket_of(e->iface->index, &e->addr);

	e->hash_next = *bucket;
	*bucket = e;
}

static void hash_del(struct neigh_entry *e) {
	struct neigh_entry **at = bucket_of(e->iface->index, &e->addr);

	while (*at != e)
		at = &(*at)->hash_next;
	*at = e->hash_next;
}

// Without memory for more buckets the chains get longer, no more.
static int hash_grow(void) {
	uint32_t n_old = neigh.n_buckets, n = n_old ? n_old * 2 : 256;
	struct neigh_entry **old = neigh.buckets, **new = calloc(n, sizeof(*new));

	if (new == NULL)
		return n_old ? 0 : -1;
	neigh.buckets = new;
	neigh.n_buckets = n;
	for (uint32_t i = 0; i < n_old; i++) {
		for (struct neigh_entry *e = old[i], *next; e != NULL; e = next) {
			next = e->hash_next;
			hash_add(e);
		}
	}
	free(old);
	return 0;
}

int neigh_timers_reserve(void) {
	return timers_reserve(&neigh.timers, neigh.n_timers + 1);
}

// ---- classes and limits -------------------------------------------------------------------------------------

static enum neigh_class class_of(const struct neigh_entry *e) {
	switch (e->state) {
	case NEIGH_INCOMPLETE:
	case NEIGH_FAILED:
		return NEIGH_COLD;
	case NEIGH_STALE:
		return e->proven ? NEIGH_IDLE : NEIGH_UNPROVEN;
	default:
		return NEIGH_LIVE;
	}
}

static void class_put(struct neigh_entry *e, enum neigh_class class) {
	struct neigh_iface *iface = e->iface;

	e->class = class;
	iface->n[class]++;
	TAILQ_INSERT_TAIL(&iface->classes[class], e, link);
}

static void class_take(struct neigh_entry *e) {
	e->iface->n[e->class]--;
	TAILQ_REMOVE(&e->iface->classes[e->class], e, link);
}

static uint32_t quota(const struct neigh_iface *iface) {
	return iface->conf.limit / 4 ? iface->conf.limit / 4 : 1;
}

static bool evict_from(struct neigh_iface *iface, enum neigh_class class) {
	struct neigh_entry *oldest = TAILQ_FIRST(&iface->classes[class]);

	if (oldest == NULL)
		return false;
	if (class == NEIGH_IDLE && clock_now_ns() - oldest->since_ns < NEIGH_IDLE_NS)
		return false;
	iface->stats.evicted++;
	neigh_entry_free(oldest);
	return true;
}

void neigh_entry_class(struct neigh_entry *e) {
	enum neigh_class class = class_of(e);

	if (class == e->class)
		return;
	class_take(e);
	class_put(e, class);
	if (class == NEIGH_COLD && e->iface->n[NEIGH_COLD] > quota(e->iface))
		evict_from(e->iface, NEIGH_COLD); // not `e`: it is the youngest
}

static void full(struct neigh_iface *iface) {
	struct neigh_host host;

	iface->stats.refused++;
	if (iface->full_told || !neigh.ops->iface(iface->index, &host))
		return;
	iface->full_told = true;
	log_warn("router", "neighbour table full", "interface=%s limit=%u", host.name,
		iface->conf.limit);
	event_emit("router.neighbors-full",
		json_pack("{s:s, s:I}", "interface", host.name, "limit",
			(json_int_t)iface->conf.limit));
}

// A station's own claim to exist costs other claims first, a wanted one what is not known to exist, and neither one that lives.
static bool make_room(struct neigh_iface *iface, enum neigh_class class) {
	if (class == NEIGH_COLD && iface->n[NEIGH_COLD] >= quota(iface))
		return evict_from(iface, NEIGH_COLD);
	if (iface->entries < iface->conf.limit)
		return true;
	if (evict_from(iface, NEIGH_UNPROVEN) || evict_from(iface, NEIGH_COLD))
		return true;
	return class != NEIGH_UNPROVEN && evict_from(iface, NEIGH_IDLE);
}

void neigh_entries_shrink(struct neigh_iface *iface) {
	while (iface->n[NEIGH_COLD] > quota(iface))
		evict_from(iface, NEIGH_COLD);
	while (iface->entries > iface->conf.limit)
		if (!evict_from(iface, NEIGH_UNPROVEN) && !evict_from(iface, NEIGH_COLD) &&
			!evict_from(iface, NEIGH_IDLE))
			return; // those that live stay, and no other comes
}

// ---- entries ------------------------------------------------------------------------------------------------

struct neigh_entry *neigh_entry_new(
	struct neigh_iface *iface, const struct addr *addr, enum neigh_class class) {
	struct neigh_entry *e = NULL;

	if (make_room(iface, class) && neigh_timers_reserve() == 0 &&
		(neigh.n < neigh.n_buckets || hash_grow() == 0))
		e = calloc(1, sizeof(*e));
	if (e == NULL) {
		full(iface);
		return NULL;
	}
	e->iface = iface;
	e->addr = *addr;
	e->state = NEIGH_GONE;
	TAILQ_INIT(&e->packets);
	hash_add(e);
	class_put(e, NEIGH_LIVE);
	neigh.n++;
	neigh.n_timers++;
	iface->entries++;
	return e;
}

void neigh_entry_cut(struct neigh_entry *e) {
	if (e->routed)
		neigh.ops->route(&e->addr, e->slot, false);
	e->routed = false;
	if (e->slot != 0)
		neigh.ops->withdraw(e->iface->index, &e->addr, e->slot);
	e->slot = 0;
}

static void drop(struct neigh_entry *e, struct rte_mbuf *m) {
	e->iface->stats.queue_dropped++;
	neigh.ops->drop(m);
}

void neigh_entry_free(struct neigh_entry *e) {
	struct neigh_iface *iface = e->iface;

	neigh_queue_flush(e, drop);
	neigh_entry_cut(e);
	timers_stop(&neigh.timers, &e->timer);
	class_take(e);
	hash_del(e);
	neigh.n--;
	neigh.n_timers--;
	iface->entries--;
	if (iface->entries < iface->conf.limit - iface->conf.limit / 8)
		iface->full_told = false;
	free(e);
}

// Link-local addresses are no routes: they are the same on every link.
static bool may_route(const struct neigh_entry *e) {
	struct neigh_host host;

	if (e->addr.family == ADDR_V6 && nd_is_link_local(&e->addr))
		return false;
	return neigh.ops->iface(e->iface->index, &host) && neigh_is_connected(&host, &e->addr);
}

void neigh_entry_publish(struct neigh_entry *e) {
	int64_t slot = neigh.ops->publish(e->iface->index, &e->addr, &e->mac, e->slot);
	bool route;

	if (slot < 0) {
		e->iface->stats.no_slot++;
		return;
	}
	e->slot = (uint32_t)slot;
	route = may_route(e);
	if (route == e->routed)
		return;
	if (neigh.ops->route(&e->addr, e->slot, route) == 0)
		e->routed = route;
	else // it stays reachable by the slow way
		e->iface->stats.no_slot++;
}

// ---- packets that wait --------------------------------------------------------------------------------------

static struct rte_mbuf *packet_take(struct neigh_packet *p) {
	struct neigh_entry *e = p->entry;
	struct rte_mbuf *m = p->m;

	TAILQ_REMOVE(&e->packets, p, of_entry);
	TAILQ_REMOVE(&e->iface->packets, p, of_iface);
	e->queued--;
	e->iface->stats.queued--;
	neigh.queued--;
	free(p);
	return m;
}

void neigh_queue(struct neigh_entry *e, struct rte_mbuf *m) {
	struct neigh_iface *iface = e->iface;
	struct neigh_packet *p;

	if (e->queued == NEIGH_QUEUE)
		drop(e, packet_take(TAILQ_FIRST(&e->packets)));
	if (iface->stats.queued == NEIGH_QUEUE_IFACE)
		drop(e, packet_take(TAILQ_FIRST(&iface->packets)));
	p = neigh.queued < NEIGH_QUEUE_ALL ? malloc(sizeof(*p)) : NULL;
	if (p == NULL) {
		drop(e, m);
		return;
	}
	*p = (struct neigh_packet){.entry = e, .m = m};
	TAILQ_INSERT_TAIL(&e->packets, p, of_entry);
	TAILQ_INSERT_TAIL(&iface->packets, p, of_iface);
	e->queued++;
	iface->stats.queued++;
	neigh.queued++;
}

void neigh_queue_flush(
	struct neigh_entry *e, void (*fn)(struct neigh_entry *e, struct rte_mbuf *m)) {
	struct neigh_packet *p;

	while ((p = TAILQ_FIRST(&e->packets)) != NULL)
		fn(e, packet_take(p));
}
