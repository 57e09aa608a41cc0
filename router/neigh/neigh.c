// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "lib/clock.h"
#include "router/neigh/neigh_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_NS     NSEC_PER_SEC // a stale entry is looked at so often: was it used?
#define GATEWAYS_NS NSEC_PER_SEC // gateways that nobody asked for are asked for so often
#define FIRES       256          // timers that one poll serves: no more frames than the ring holds

// ---- an entry's life ----------------------------------------------------------------------------------------

static uint64_t reachable_ns(const struct neigh_conf *conf) {
	unsigned __int128 base = conf->reachable_ns;

	return conf->reachable_ns / 2 + (uint64_t)(base * neigh.ops->random() >> 32);
}

static void timer_start(struct neigh_entry *e) {
	const struct neigh_conf *conf = &e->iface->conf;
	uint64_t ns = 0;

	switch (e->state) {
	case NEIGH_INCOMPLETE:
	case NEIGH_PROBE:
		ns = conf->retrans_ns;
		break;
	case NEIGH_REACHABLE:
		ns = reachable_ns(conf);
		break;
	case NEIGH_STALE:
		ns = conf->gc_stale_ns < LOOK_NS ? conf->gc_stale_ns : LOOK_NS;
		break;
	case NEIGH_DELAY:
		ns = conf->delay_ns;
		break;
	default:
		ns = conf->failed_ns;
	}
	timers_set(&neigh.timers, &e->timer, clock_now_ns() + ns);
}

static void ask(struct neigh_entry *e) {
	struct neigh_host host;

	e->tries++;
	if (neigh.ops->iface(e->iface->index, &host))
		neigh_ask(e, &host);
}

static void send(struct neigh_entry *e, struct rte_mbuf *m) {
	if (e->slot == 0)
		neigh_entry_publish(e); // there may be room by now
	if (e->slot != 0)
		neigh.ops->send(e->slot, m);
	else
		neigh.ops->drop(m);
}

static void unreachable(struct neigh_entry *e, struct rte_mbuf *m) {
	e->iface->stats.unreachable++;
	neigh.ops->unreachable(m);
}

static void enter(struct neigh_entry *e, unsigned state) {
	if (state == e->state)
		return;
	e->iface->stats.failed += state == NEIGH_FAILED;
	e->state = (uint8_t)state;
	e->since_ns = clock_now_ns();
	e->tries = 0;
	e->used = e->slot ? neigh.ops->used(e->slot) : 0;
	timers_stop(&neigh.timers, &e->timer);
}

static void take_mac(struct neigh_entry *e, const struct mac *mac) {
	bool moved = e->slot == 0 || memcmp(&e->mac, mac, sizeof(*mac)) != 0;

	if (!moved)
		return;
	e->mac = *mac;
	e->mac_ns = clock_now_ns();
	neigh_entry_publish(e);
}

struct neigh_entry *neigh_step(
	struct neigh_entry *e, enum neigh_event event, const struct mac *mac) {
	const struct neigh_step *step = &neigh_steps[e->state][event];

	if (!(step->act & NEIGH_ACT_MOVE))
		return e;
	if (step->state == NEIGH_GONE) {
		neigh_entry_free(e);
		return NULL;
	}
	if (event == NEIGH_CONFIRM || (event == NEIGH_WANT && neigh_has_mac(e->state)))
		e->proven = true;
	if (step->act & NEIGH_ACT_CUT)
		neigh_entry_cut(e);
	if (step->act & NEIGH_ACT_MAC && mac != NULL)
		take_mac(e, mac);
	enter(e, step->state);
	if (step->act & NEIGH_ACT_TIMER)
		timer_start(e);
	if (step->act & NEIGH_ACT_ASK)
		ask(e);
	if (step->act & NEIGH_ACT_SEND)
		neigh_queue_flush(e, send);
	if (step->act & NEIGH_ACT_FAIL)
		neigh_queue_flush(e, unreachable);
	neigh_entry_class(e);
	return e;
}

// The last time-out of its state?
static bool is_last(const struct neigh_entry *e, uint64_t now_ns) {
	const struct neigh_conf *conf = &e->iface->conf;

	switch (e->state) {
	case NEIGH_INCOMPLETE:
		return e->tries >= conf->multicast_solicits;
	case NEIGH_PROBE:
		return e->tries >= conf->unicast_solicits;
	case NEIGH_STALE:
		return now_ns - e->since_ns >= conf->gc_stale_ns;
	default:
		return false;
	}
}

static void fire(struct timer *timer, uint64_t now_ns) {
	struct neigh_entry *e = (struct neigh_entry *)timer;
	enum neigh_event event = is_last(e, now_ns) ? NEIGH_GIVE_UP : NEIGH_TIMEOUT;

	if (e->state == NEIGH_STALE && e->slot != 0 &&
		(neigh.ops->used(e->slot) != e->used || neigh.ops->wanted(e->slot, e->routed)))
		event = NEIGH_WANT;
	neigh_step(e, event, NULL);
}

static struct neigh_entry *entry_new(
	struct neigh_iface *iface, const struct addr *addr, enum neigh_class class) {
	struct neigh_entry *e = neigh_entry_new(iface, addr, class);

	if (e != NULL)
		e->timer.fire = fire;
	return e;
}

// ---- what may be a neighbour --------------------------------------------------------------------------------

// The first and the last address of an IPv4 subnet are no host's, but for /31 and /32.
static bool is_edge(const struct prefix *p, const struct addr *addr) {
	bool zeros = true, ones = true;

	if (addr->family != ADDR_V4 || p->len >= 31)
		return false;
	for (unsigned bit = p->len; bit < 32; bit++) {
		bool one = addr->bytes[bit / 8] >> (7 - bit % 8) & 1;

		zeros &= !one;
		ones &= one;
	}
	return zeros || ones;
}

static bool is_host(const struct addr *addr) {
	if (addr->family == ADDR_V4)
		return addr->bytes[0] != 0 && addr->bytes[0] != 127 && addr->bytes[0] < 224;
	return addr->family == ADDR_V6 && !nd_is_group(addr) && !nd_is_unspecified(addr);
}

static bool may_be_neighbor(
	const struct neigh_iface *iface, const struct neigh_host *host, const struct addr *addr) {
	if (!is_host(addr) || neigh_own_find(iface, addr) != NULL)
		return false;
	for (unsigned i = 0; i < host->n_addrs; i++)
		if (prefix_contains(&host->addrs[i], addr) && is_edge(&host->addrs[i], addr))
			return false;
	return true;
}

bool neigh_is_connected(const struct neigh_host *host, const struct addr *addr) {
	for (unsigned i = 0; i < host->n_addrs; i++)
		if (prefix_contains(&host->addrs[i], addr))
			return true;
	return false;
}

struct neigh_entry *neigh_told(struct neigh_iface *iface, const struct addr *addr,
	const struct mac *mac, bool make, bool lock) {
	struct neigh_entry *e = neigh_entry_find(iface, addr);
	struct neigh_host host;
	bool known = e != NULL && neigh_has_mac(e->state);

	if (mac_is_multicast(mac))
		return e;
	if (e == NULL) {
		if (!make || !iface->up || !neigh.ops->iface(iface->index, &host) ||
			!may_be_neighbor(iface, &host, addr))
			return NULL;
		if (!neigh_is_connected(&host, addr) &&
			!(addr->family == ADDR_V6 && nd_is_link_local(addr)))
			return NULL;
		e = entry_new(iface, addr, NEIGH_UNPROVEN);
		return e ? neigh_step(e, NEIGH_TOLD, mac) : NULL;
	}
	if (known && memcmp(&e->mac, mac, sizeof(*mac)) == 0)
		return neigh_step(e, NEIGH_SAME, mac);
	if (known && lock && clock_now_ns() - e->mac_ns < NEIGH_LOCK_NS)
		return e;
	return neigh_step(e, NEIGH_TOLD, mac);
}

// ---- from outside -------------------------------------------------------------------------------------------

static void packet_drop(struct rte_mbuf *m) {
	if (m != NULL)
		neigh.ops->drop(m);
}

static void want(struct neigh_entry *e, struct rte_mbuf *m) {
	bool known = neigh_has_mac(e->state);

	if (known && m != NULL)
		send(e, m);
	else if (m != NULL) // a failed one's is answered at once, in the step
		neigh_queue(e, m);
	neigh_step(e, NEIGH_WANT, NULL);
}

void neigh_want(uint16_t index, const struct addr *addr, struct rte_mbuf *m) {
	struct neigh_iface *iface = neigh_iface(index);
	struct neigh_entry *e = iface ? neigh_entry_find(iface, addr) : NULL;
	struct neigh_host host;

	if (e == NULL) {
		if (iface == NULL || !iface->up || !neigh.ops->iface(index, &host) ||
			!may_be_neighbor(iface, &host, addr)) {
			packet_drop(m);
			return;
		}
		e = entry_new(iface, addr, NEIGH_COLD);
	}
	if (e != NULL)
		want(e, m);
	else
		packet_drop(m);
}

void neigh_heard(uint16_t index, const struct addr *addr, const struct mac *mac, bool router) {
	struct neigh_iface *iface = neigh_iface(index);
	struct neigh_entry *e = iface ? neigh_told(iface, addr, mac, true, false) : NULL;

	if (e != NULL)
		e->router |= router;
}

void neigh_kernel(uint16_t index, const struct addr *addr, const struct mac *mac) {
	struct neigh_iface *iface = neigh_iface(index);
	struct neigh_entry *e = iface ? neigh_entry_find(iface, addr) : NULL;

	if (iface == NULL)
		return;
	if (mac == NULL) {
		if (e != NULL && e->from_kernel && e->state == NEIGH_STALE)
			neigh_entry_free(e);
		return;
	}
	bool is_new = e == NULL;

	e = neigh_told(iface, addr, mac, true, true);
	if (e != NULL && is_new)
		e->from_kernel = true;
}

// ---- static entries -----------------------------------------------------------------------------------------

int neigh_static_set(
	uint16_t index, const struct addr *addr, const struct mac *mac, struct err *err) {
	struct neigh_iface *iface = neigh_iface(index);
	struct neigh_entry *e;

	if (iface == NULL)
		return err_set(err, -ENOENT, "there is no such interface");
	e = neigh_entry_find(iface, addr);
	if (e == NULL)
		e = entry_new(iface, addr, NEIGH_LIVE);
	if (e == NULL)
		return err_set(err, -ENOSPC,
			"the table of neighbours is full (%u entries); raise its limit",
			iface->conf.limit);
	enter(e, NEIGH_STATIC);
	neigh_entry_class(e);
	take_mac(e, mac);
	neigh_queue_flush(e, send);
	return 0;
}

int neigh_static_del(uint16_t index, const struct addr *addr) {
	struct neigh_iface *iface = neigh_iface(index);
	struct neigh_entry *e = iface ? neigh_entry_find(iface, addr) : NULL;

	if (e == NULL || e->state != NEIGH_STATIC)
		return -ENOENT;
	neigh_entry_free(e);
	return 0;
}

// ---- interfaces ---------------------------------------------------------------------------------------------

// The next hops of routes are asked for unasked: a group that left out a dead one hears so of its return.
struct wishes {
	struct neigh_iface *iface;
	struct addr addrs[64];
	unsigned n;
};

static void wish(const struct addr *addr, uint32_t, void *arg) {
	struct wishes *wishes = arg;

	if (wishes->n < sizeof(wishes->addrs) / sizeof(wishes->addrs[0]) &&
		neigh_entry_find(wishes->iface, addr) == NULL)
		wishes->addrs[wishes->n++] = *addr;
}

static void gateways(struct timer *timer, uint64_t now_ns) {
	struct neigh_iface *iface = (struct neigh_iface *)timer;
	struct wishes wishes = {.iface = iface};

	if (iface->up)
		neigh.ops->gateways(iface->index, wish, &wishes);
	for (unsigned i = 0; i < wishes.n; i++)
		neigh_want(iface->index, &wishes.addrs[i], NULL);
	timers_set(&neigh.timers, &iface->timer, now_ns + GATEWAYS_NS);
}

int neigh_iface_add(uint16_t index, const struct neigh_conf *conf, struct err *err) {
	struct neigh_iface *iface;
	struct neigh_host host;

	if (index >= NEIGH_IFACES)
		return err_set(err, -EINVAL, "no interface has the number %u", index);
	if (neigh.ifaces[index] != NULL) {
		neigh_iface_set(index, conf);
		return 0;
	}
	iface = neigh_timers_reserve() == 0 ? calloc(1, sizeof(*iface)) : NULL;
	if (iface == NULL)
		return err_set(err, -ENOMEM, "no memory for a table of neighbours");
	iface->index = index;
	iface->conf = *conf;
	iface->up = true;
	if (neigh.ops->iface(index, &host)) {
		iface->up = host.up;
		iface->mac = host.mac;
	}
	for (unsigned i = 0; i < NEIGH_CLASSES; i++)
		TAILQ_INIT(&iface->classes[i]);
	TAILQ_INIT(&iface->packets);
	TAILQ_INIT(&iface->owns);
	iface->timer.fire = gateways;
	neigh.n_timers++;
	neigh.ifaces[index] = iface;
	timers_set(&neigh.timers, &iface->timer, clock_now_ns() + LOOK_NS);
	return 0;
}

void neigh_iface_set(uint16_t index, const struct neigh_conf *conf) {
	struct neigh_iface *iface = neigh_iface(index);

	if (iface == NULL)
		return;
	iface->conf = *conf;
	neigh_entries_shrink(iface);
	iface->dirty = neigh.dirty = true;
}

// Frees those for which `which` says so (NULL: all). How many.
static int free_some(struct neigh_iface *iface, bool (*which)(const struct neigh_entry *e)) {
	int n = 0;

	for (unsigned i = 0; i < NEIGH_CLASSES; i++) {
		struct neigh_entry *next;

		for (struct neigh_entry *e = TAILQ_FIRST(&iface->classes[i]); e != NULL; e = next) {
			next = TAILQ_NEXT(e, link);
			if (which != NULL && !which(e))
				continue;
			neigh_entry_free(e);
			n++;
		}
	}
	return n;
}

static bool is_dynamic(const struct neigh_entry *e) {
	return e->state != NEIGH_STATIC;
}

void neigh_iface_del(uint16_t index) {
	struct neigh_iface *iface = neigh_iface(index);

	if (iface == NULL)
		return;
	free_some(iface, NULL);
	neigh_own_free_all(iface);
	timers_stop(&neigh.timers, &iface->timer);
	neigh.n_timers--;
	neigh.ifaces[index] = NULL;
	free(iface);
}

void neigh_link(uint16_t index, bool up) {
	struct neigh_iface *iface = neigh_iface(index);

	if (iface == NULL || iface->up == up)
		return;
	iface->up = up;
	if (!up)
		free_some(iface, is_dynamic);
	else
		timers_set(&neigh.timers, &iface->timer, clock_now_ns());
	neigh_own_link(iface);
}

int neigh_flush(int index, const struct addr *addr) {
	int n = 0;

	for (int i = index < 0 ? 0 : index; i < (index < 0 ? NEIGH_IFACES : index + 1); i++) {
		struct neigh_iface *iface = neigh_iface((unsigned)i);
		struct neigh_entry *e = iface && addr ? neigh_entry_find(iface, addr) : NULL;

		if (iface != NULL && addr == NULL)
			n += free_some(iface, is_dynamic);
		if (e == NULL || !is_dynamic(e))
			continue;
		neigh_entry_free(e);
		n++;
	}
	return n;
}

// ---- poll ---------------------------------------------------------------------------------------------------

// The interface's addresses or its MAC address changed: host routes and headers follow.
static void refresh(struct neigh_iface *iface) {
	struct neigh_host host;
	struct neigh_entry *e;

	iface->dirty = false;
	if (!neigh.ops->iface(iface->index, &host))
		return;
	for (unsigned i = 0; i < NEIGH_CLASSES; i++)
		TAILQ_FOREACH(e, &iface->classes[i], link)
	if (neigh_has_mac(e->state))
		neigh_entry_publish(e);
	if (memcmp(&iface->mac, &host.mac, sizeof(host.mac)) != 0) {
		iface->mac = host.mac;
		neigh_own_announce(iface);
	}
}

void neigh_poll(uint64_t now_ns) {
	if (neigh.dirty) {
		neigh.dirty = false;
		for (unsigned i = 0; i < NEIGH_IFACES; i++)
			if (neigh.ifaces[i] != NULL && neigh.ifaces[i]->dirty)
				refresh(neigh.ifaces[i]);
	}
	timers_run(&neigh.timers, now_ns, FIRES);
}

// ---- to look at ---------------------------------------------------------------------------------------------

static struct neigh_info info_of(const struct neigh_entry *e) {
	struct neigh_info info = {.addr = e->addr,
		.state = e->state,
		.router = e->router,
		.is_static = e->state == NEIGH_STATIC,
		.from_kernel = e->from_kernel,
		.iface = e->iface->index,
		.age_ns = clock_now_ns() - e->since_ns,
		.queued = e->queued,
		.slot = e->slot};

	if (neigh_has_mac(e->state))
		info.mac = e->mac;
	return info;
}

// The smallest that were seen so far, in order.
struct page {
	const struct neigh_entry *entries[NEIGH_PAGE];
	unsigned n;
};

static unsigned place_of(const struct page *page, const struct addr *addr) {
	unsigned low = 0, high = page->n;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (addr_cmp(&page->entries[middle]->addr, addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void page_add(struct page *page, const struct neigh_entry *e) {
	unsigned place;

	if (page->n == NEIGH_PAGE && addr_cmp(&e->addr, &page->entries[NEIGH_PAGE - 1]->addr) > 0)
		return;
	place = place_of(page, &e->addr);
	page->n -= page->n == NEIGH_PAGE;
	memmove(page->entries + place + 1, page->entries + place,
		(page->n - place) * sizeof(page->entries[0]));
	page->entries[place] = e;
	page->n++;
}

unsigned neigh_page(
	uint16_t index, const struct addr *after, struct neigh_info infos[static NEIGH_PAGE]) {
	const struct neigh_iface *iface = neigh_iface(index);
	const struct neigh_entry *e;
	struct page page = {.n = 0};

	for (unsigned i = 0; iface != NULL && i < NEIGH_CLASSES; i++)
		TAILQ_FOREACH(e, &iface->classes[i], link)
	if (after == NULL || addr_cmp(&e->addr, after) > 0)
		page_add(&page, e);
	for (unsigned i = 0; i < page.n; i++)
		infos[i] = info_of(page.entries[i]);
	return page.n;
}

bool neigh_find(uint16_t index, const struct addr *addr, struct neigh_info *info) {
	const struct neigh_iface *iface = neigh_iface(index);
	const struct neigh_entry *e = iface ? neigh_entry_find(iface, addr) : NULL;

	if (e != NULL)
		*info = info_of(e);
	return e != NULL;
}

bool neigh_stats(uint16_t index, struct neigh_stats *stats) {
	const struct neigh_iface *iface = neigh_iface(index);
	const struct neigh_entry *e;

	if (iface == NULL)
		return false;
	*stats = iface->stats;
	for (unsigned i = 0; i < NEIGH_CLASSES; i++)
		TAILQ_FOREACH(e, &iface->classes[i], link)
	stats->entries[e->state]++;
	return true;
}

// ---- start and stop -----------------------------------------------------------------------------------------

int neigh_start(const struct neigh_ops *ops, struct err *) {
	neigh.ops = ops;
	for (unsigned i = 0; i < 4; i++)
		neigh.seed[i / 2] = neigh.seed[i / 2] << 32 | ops->random();
	return 0;
}

void neigh_fini(void) {
	for (unsigned i = 0; i < NEIGH_IFACES; i++)
		neigh_iface_del((uint16_t)i);
	timers_fini(&neigh.timers);
	free(neigh.buckets);
	memset(&neigh, 0, sizeof(neigh));
}
