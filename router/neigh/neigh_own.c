// SPDX-License-Identifier: BSD-3-Clause
// pure
// The interface's own addresses: is somebody else there with it (RFC 5227, 4862, 7527), and here we are.
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/hash.h"
#include "lib/log.h"
#include "router/neigh/neigh_priv.h"
#include <stdlib.h>
#include <string.h>

enum {
	ANNOUNCE_ARP = 2,
	ANNOUNCE_ND = 3
}; // RFC 5227 ANNOUNCE_NUM, RFC 4861 MAX_NEIGHBOR_ADVERTISEMENT

struct neigh_own *neigh_own_find(const struct neigh_iface *iface, const struct addr *addr) {
	struct neigh_own *own;

	TAILQ_FOREACH(own, &iface->owns, link)
	if (addr_cmp(&own->addr, addr) == 0)
		return own;
	return NULL;
}

static uint64_t random_ns(uint64_t range_ns) {
	return hash_below(range_ns, neigh.ops->random());
}

static void timer_in(struct neigh_own *own, uint64_t ns) {
	timers_set(&neigh.timers, &own->timer, clock_now_ns() + ns);
}

static void tell(const struct neigh_own *own, bool usable) {
	if (neigh.on_address != NULL)
		neigh.on_address(own->iface->index, &own->addr, usable);
}

// ---- announcements ------------------------------------------------------------------------------------------

static void announce_once(struct neigh_own *own) {
	struct neigh_host host;

	if (own->announcements == 0 || !neigh.ops->iface(own->iface->index, &host))
		return;
	own->announcements--;
	neigh_announce(own, &host);
	if (own->announcements > 0)
		timer_in(own, own->iface->conf.announce_ns);
}

static void announce(struct neigh_own *own) {
	own->announcements = own->addr.family == ADDR_V4 ? ANNOUNCE_ARP : ANNOUNCE_ND;
	announce_once(own);
}

void neigh_own_announce(struct neigh_iface *iface) {
	struct neigh_own *own;

	TAILQ_FOREACH(own, &iface->owns, link)
	if (iface->up && neigh_own_is_usable(own))
		announce(own);
}

// ---- duplicate address detection ----------------------------------------------------------------------------

static unsigned probes_of(const struct neigh_own *own) {
	const struct neigh_conf *conf = &own->iface->conf;

	return own->addr.family == ADDR_V4 ? conf->arp_probes : conf->dad_transmits;
}

static void serve(struct neigh_own *own) {
	own->state = NEIGH_OWN_USABLE;
	tell(own, true);
	announce(own);
}

static void start(struct neigh_own *own) {
	own->sent = 0;
	if (!own->iface->up || own->is_virtual) {
		own->state = NEIGH_OWN_WAIT;
	} else if (probes_of(own) == 0) {
		serve(own);
	} else {
		own->state = NEIGH_OWN_PROBING;
		timer_in(own, random_ns(own->iface->conf.probe_ns));
	}
}

// RFC 5227 section 2.1.1: probes PROBE_MIN to PROBE_MAX apart, then ANNOUNCE_WAIT. RFC 4862 section 5.4: RetransTimer.
static void probe(struct neigh_own *own) {
	const struct neigh_conf *conf = &own->iface->conf;
	struct neigh_host host;

	if (own->sent >= probes_of(own)) {
		serve(own);
		return;
	}
	for (unsigned i = 0; i < ND_NONCE; i++)
		own->nonce[i] = (uint8_t)neigh.ops->random();
	if (neigh.ops->iface(own->iface->index, &host))
		neigh_probe(own, &host);
	own->sent++;
	if (own->addr.family == ADDR_V6)
		timer_in(own, conf->retrans_ns);
	else if (own->sent < probes_of(own))
		timer_in(own, conf->probe_ns + random_ns(conf->probe_ns));
	else
		timer_in(own, conf->probe_ns * 2);
}

static void fire(struct timer *timer, uint64_t) {
	struct neigh_own *own = (struct neigh_own *)timer;

	if (own->state == NEIGH_OWN_PROBING)
		probe(own);
	else
		announce_once(own);
}

// ---- conflicts ----------------------------------------------------------------------------------------------

static void report(
	const struct neigh_own *own, const char *event, const char *what, const struct mac *mac) {
	char addr[ADDR_STRLEN], station[MAC_STRLEN];
	struct neigh_host host;

	if (!neigh.ops->iface(own->iface->index, &host))
		return;
	addr_print(&own->addr, addr);
	mac_print(mac, station);
	log_warn("router", what, "interface=%s address=%s mac=%s", host.name, addr, station);
	event_emit(event,
		json_pack("{s:s, s:s, s:s}", "interface", host.name, "address", addr, "mac",
			station));
}

// An address in use is never given up (RFC 5227 section 2.4 (c)): others send their packets here. It is said again who has it,
// at most once per DEFEND_INTERVAL, so that two that defend make no storm.
static void defend(struct neigh_own *own, const struct mac *mac) {
	uint64_t now_ns = clock_now_ns();

	if (own->conflict_ns != 0 && now_ns - own->conflict_ns < NEIGH_DEFEND_NS)
		return;
	own->conflict_ns = now_ns;
	report(own, "router.address-conflict", "another station uses our address", mac);
	if (own->announcements == 0)
		own->announcements = 1;
	announce_once(own);
}

void neigh_own_conflict(struct neigh_own *own, const struct mac *mac) {
	own->iface->stats.conflicts++;
	if (own->is_virtual)
		return; // VRRP decides whose it is; an announcement here would undo that of who takes over
	if (neigh_own_is_usable(own)) {
		defend(own, mac);
		return;
	}
	if (own->state != NEIGH_OWN_PROBING)
		return;
	own->state = NEIGH_OWN_DUPLICATE;
	timers_stop(&neigh.timers, &own->timer);
	report(own, "router.address-duplicate", "address not used: another station has it", mac);
	tell(own, false);
}

// ---- the interface ------------------------------------------------------------------------------------------

void neigh_own_link(struct neigh_iface *iface) {
	struct neigh_own *own;

	neigh_own_announce(iface);
	TAILQ_FOREACH(own, &iface->owns, link) {
		if (!iface->up) {
			timers_stop(&neigh.timers, &own->timer);
			if (own->state == NEIGH_OWN_PROBING)
				own->state = NEIGH_OWN_WAIT;
		} else if (own->state == NEIGH_OWN_WAIT && own->is_real) {
			start(own);
		}
	}
}

static struct neigh_own *own_new(struct neigh_iface *iface, const struct addr *addr) {
	struct neigh_own *own = neigh_own_find(iface, addr);

	if (own != NULL)
		return own;
	if (iface->n_owns < NEIGH_ADDRESSES && neigh_timers_reserve() == 0)
		own = calloc(1, sizeof(*own));
	if (own == NULL) {
		log_error("router", "no room for an address of an interface", "index=%u",
			iface->index);
		return NULL;
	}
	own->iface = iface;
	own->addr = *addr;
	own->timer.fire = fire;
	TAILQ_INSERT_TAIL(&iface->owns, own, link);
	iface->n_owns++;
	neigh.n_timers++;
	return own;
}

static void own_free(struct neigh_own *own) {
	timers_stop(&neigh.timers, &own->timer);
	TAILQ_REMOVE(&own->iface->owns, own, link);
	own->iface->n_owns--;
	neigh.n_timers--;
	free(own);
}

void neigh_own_free_all(struct neigh_iface *iface) {
	struct neigh_own *own;

	while ((own = TAILQ_FIRST(&iface->owns)) != NULL)
		own_free(own);
}

// Who was a neighbour with this address is none: it is ours.
static void changed(struct neigh_iface *iface, const struct addr *addr) {
	struct neigh_entry *e = neigh_entry_find(iface, addr);

	if (e != NULL && e->state != NEIGH_STATIC)
		neigh_entry_free(e);
	iface->dirty = neigh.dirty = true;
}

void neigh_address_add(uint16_t index, const struct addr *addr) {
	struct neigh_iface *iface = neigh_iface(index);
	struct neigh_own *own = iface ? own_new(iface, addr) : NULL;

	if (own == NULL || own->is_real)
		return;
	own->is_real = true;
	changed(iface, addr);
	start(own);
}

void neigh_address_add_virtual(uint16_t index, const struct addr *addr, const struct mac *mac) {
	struct neigh_iface *iface = neigh_iface(index);
	struct neigh_own *own = iface ? own_new(iface, addr) : NULL;

	if (own == NULL)
		return;
	own->is_virtual = true;
	own->mac = *mac;
	if (own->state == NEIGH_OWN_PROBING)
		own->state = NEIGH_OWN_WAIT;
	changed(iface, addr);
	if (iface->up)
		announce(own);
}

static void del(uint16_t index, const struct addr *addr, bool real) {
	struct neigh_iface *iface = neigh_iface(index);
	struct neigh_own *own = iface ? neigh_own_find(iface, addr) : NULL;

	if (own == NULL)
		return;
	*(real ? &own->is_real : &own->is_virtual) = false;
	iface->dirty = neigh.dirty = true;
	if (!own->is_real && !own->is_virtual)
		own_free(own);
	else if (!real && own->state == NEIGH_OWN_USABLE && iface->up)
		announce(own); // with the interface's MAC address again
	else if (!real && own->state == NEIGH_OWN_WAIT)
		start(own);
}

void neigh_address_del(uint16_t index, const struct addr *addr) {
	del(index, addr, true);
}

void neigh_address_del_virtual(uint16_t index, const struct addr *addr) {
	del(index, addr, false);
}

bool neigh_address_usable(uint16_t index, const struct addr *addr) {
	const struct neigh_iface *iface = neigh_iface(index);

	return iface != NULL && neigh_own_is_usable(neigh_own_find(iface, addr));
}

void neigh_on_address(void (*listener)(uint16_t iface, const struct addr *addr, bool usable)) {
	neigh.on_address = listener;
}

void neigh_on_foreign(bool (*ours)(uint16_t iface, const struct addr *addr)) {
	neigh.on_foreign = ours;
}
