// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/hash.h"
#include "lib/log.h"
#include "router/dhcp/server_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OFFER_NS   (30 * NSEC_PER_SEC)   // how long an offer waits for its client
#define DECLINE_NS (3600 * NSEC_PER_SEC) // how long a declined address is nobody's
#define FULL_NS    (60 * NSEC_PER_SEC)   // between alarms
#define LOOK_AT    4096                  // leases that are over, of which one is to be taken

// ---- pools and leases -----------------------------------------------------------------------------------------

static struct dhcp_pool *pool_of(const struct dhcp_realm *realm, uint32_t addr) {
	for (unsigned i = 0; i < realm->n; i++)
		for (unsigned s = 0; s < realm->servers[i]->n_subnets; s++)
			if (dhcp_pool_holds(&realm->servers[i]->subnets[s].pool, addr))
				return &realm->servers[i]->subnets[s].pool;
	return NULL;
}

static void waiting_end(struct dhcp_realm *realm, struct dhcp_lease *lease) {
	if (lease->waiting == NULL)
		return;
	free(lease->waiting);
	lease->waiting = NULL;
	lease->timer.fire = dhcp_lease_over;
	realm->n_probes--;
}

static void changed(struct dhcp_lease *lease, void *arg) {
	struct dhcp_realm *realm = arg;
	struct dhcp_pool *pool = pool_of(realm, lease->addr);

	if (pool)
		dhcp_pool_take(pool, lease->addr, lease->state != DHCP_LEASE_STATES);
	if (lease->state != DHCP_LEASE_PROBING)
		waiting_end(realm, lease);
}

int dhcp_realm_init(struct dhcp_realm *realm, const struct dhcp_server_ops *ops, uint32_t limit) {
	*realm = (struct dhcp_realm){.ops = ops};
	int rc = dhcp_leases_init(&realm->leases, limit);

	realm->leases.changed = changed;
	realm->leases.arg = realm;
	return rc;
}

static bool probing_end(struct dhcp_lease *lease, void *arg) {
	if (lease->state == DHCP_LEASE_PROBING)
		dhcp_lease_del(lease);
	else
		changed(lease, arg);
	return true;
}

void dhcp_realm_fini(struct dhcp_realm *realm) {
	realm->n = 0;
	dhcp_leases_foreach(&realm->leases, probing_end, realm);
	dhcp_leases_fini(&realm->leases);
}

void dhcp_realm_set(struct dhcp_realm *realm, struct dhcp_conf_server **servers, unsigned n) {
	realm->n = n < DHCP_REALM_SERVERS ? n : DHCP_REALM_SERVERS;
	for (unsigned i = 0; i < realm->n; i++)
		realm->servers[i] = servers[i];
	dhcp_leases_foreach(&realm->leases, probing_end, realm);
}

struct dhcp_lease *dhcp_realm_restore(struct dhcp_realm *realm, uint32_t addr,
	const struct dhcp_id *id, enum dhcp_lease_state state, uint64_t expires_ns) {
	struct dhcp_lease *lease = dhcp_lease_find(&realm->leases, addr);

	if (lease)
		dhcp_lease_give(lease, id);
	else
		lease = dhcp_lease_add(&realm->leases, addr, id);
	if (lease)
		dhcp_lease_set(lease, state, expires_ns);
	return lease;
}

// ---- whose message, which subnet ------------------------------------------------------------------------------

const struct dhcp_conf_reservation *dhcp_reservation_of(
	const struct dhcp_conf_subnet *subnet, const struct dhcp_ask *ask) {
	for (unsigned i = 0; i < subnet->n_reservations; i++) {
		const struct dhcp_conf_reservation *r = &subnet->reservations[i];

		if (r->by_mac ? memcmp(&r->mac, &ask->mac, sizeof(r->mac)) == 0
			      : r->id_len == ask->id.len &&
					memcmp(r->id, ask->id.bytes, r->id_len) == 0)
			return r;
	}
	return NULL;
}

static bool in_subnet(const struct dhcp_conf_subnet *subnet, uint32_t addr) {
	return (addr & subnet->mask) == subnet->network;
}

static struct dhcp_conf_subnet *subnet_with(struct dhcp_conf_server *server, uint32_t addr) {
	for (unsigned i = 0; i < server->n_subnets; i++)
		if (in_subnet(&server->subnets[i], addr))
			return &server->subnets[i];
	return NULL;
}

// Behind a relay: the link that it names (RFC 3527), or its address. A client that has an address: that one. Else the first of
// the interface's subnets, rather one in which the client is known.
static struct dhcp_conf_subnet *subnet_of(const struct dhcp_ask *ask) {
	const struct dhcp_head *head = &ask->msg->head;
	struct dhcp_conf_subnet *first = NULL;
	size_t len;
	const uint8_t *link = dhcp_relay_option(ask->msg, DHCP_RELAY_LINK, &len);

	if (head->giaddr && link && len == 4)
		return subnet_with(ask->server,
			(uint32_t)link[0] << 24 | (uint32_t)link[1] << 16 | (uint32_t)link[2] << 8 |
				link[3]);
	if (head->giaddr)
		return subnet_with(ask->server, head->giaddr);
	for (unsigned i = 0; i < ask->place->n; i++) {
		struct dhcp_conf_subnet *s =
			subnet_with(ask->server, dhcp_addr_host(&ask->place->addrs[i].addr));

		if (s &&
			(dhcp_reservation_of(s, ask) ||
				dhcp_lease_of(&ask->realm->leases, &ask->id, s->network, s->mask)))
			return s;
		first = first ? first : s;
	}
	// unicast from behind a relay, which does not see it
	if (head->ciaddr && !(first && in_subnet(first, head->ciaddr)) &&
		subnet_with(ask->server, head->ciaddr))
		return subnet_with(ask->server, head->ciaddr);
	return first;
}

static uint32_t server_id_of(const struct dhcp_ask *ask) {
	for (unsigned i = 0; ask->subnet && i < ask->place->n; i++)
		if (in_subnet(ask->subnet, dhcp_addr_host(&ask->place->addrs[i].addr)))
			return dhcp_addr_host(&ask->place->addrs[i].addr);
	return ask->place->n ? dhcp_addr_host(&ask->place->addrs[0].addr) : 0;
}

static bool ask_init(struct dhcp_ask *ask) {
	const struct dhcp_head *head = &ask->msg->head;
	size_t len;
	const uint8_t *id = dhcp_option(ask->msg, DHCP_OPT_CLIENT, &len);

	if (head->op != 1 || head->hlen == 0 || (head->hlen != 6 && !id))
		return false;
	if (head->hlen == 6)
		memcpy(ask->mac.bytes, head->chaddr, 6);
	if (id && len >= 2)
		dhcp_id_set(&ask->id, id, len);
	else
		dhcp_id_of_mac(&ask->id, head->htype, head->chaddr, head->hlen);
	ask->subnet = subnet_of(ask);
	ask->server_id = server_id_of(ask);
	return ask->server_id != 0;
}

// ---- choosing an address ----------------------------------------------------------------------------------------

static void full(const struct dhcp_ask *ask) {
	struct dhcp_conf_subnet *subnet = ask->subnet;
	uint64_t now_ns = clock_now_ns();
	char text[PREFIX_STRLEN];

	subnet->refused++;
	ask->server->stats.refused++;
	if (subnet->full_ns != 0 && now_ns - subnet->full_ns < FULL_NS)
		return;
	subnet->full_ns = now_ns;
	prefix_print(&subnet->prefix, text);
	log_warn("dhcp", "no address is left: a client is refused", "interface=%s subnet=%s",
		ask->place->name, text);
	event_emit("router.dhcp-full",
		json_pack("{s:s, s:s}", "interface", ask->place->name, "subnet", text));
}

// May this client have this address?
static bool is_for(const struct dhcp_ask *ask, uint32_t addr) {
	const struct dhcp_conf_reservation *mine = dhcp_reservation_of(ask->subnet, ask);
	const struct dhcp_lease *lease = dhcp_lease_find(&ask->realm->leases, addr);

	if (mine)
		return mine->addr == addr;
	return dhcp_pool_holds(&ask->subnet->pool, addr) &&
		(lease == NULL || lease->state == DHCP_LEASE_EXPIRED ||
			(lease->state != DHCP_LEASE_DECLINED &&
				dhcp_id_same(&lease->id, &ask->id)));
}

// The one that is over longest.
static uint32_t reuse(const struct dhcp_ask *ask) {
	struct dhcp_lease *lease;
	unsigned n = 0;

	TAILQ_FOREACH(lease, &ask->realm->leases.expired, order) {
		if (dhcp_pool_holds(&ask->subnet->pool, lease->addr))
			return lease->addr;
		if (++n == LOOK_AT)
			break;
	}
	return 0;
}

static uint32_t choose(const struct dhcp_ask *ask) {
	const struct dhcp_conf_subnet *subnet = ask->subnet;
	const struct dhcp_conf_reservation *mine = dhcp_reservation_of(subnet, ask);
	const struct dhcp_lease *known =
		dhcp_lease_of(&ask->realm->leases, &ask->id, subnet->network, subnet->mask);
	uint32_t wanted = dhcp_option_u32(ask->msg, DHCP_OPT_REQUESTED), addr;

	if (mine)
		return mine->addr;
	if (known && is_for(ask, known->addr))
		return known->addr;
	if (dhcp_pool_is_free(&subnet->pool, wanted))
		return wanted;
	addr = dhcp_pool_find(&ask->subnet->pool);
	return addr ? addr : reuse(ask);
}

// The lease of an address, now this client's. NULL: the table is full, or it is somebody else's.
static struct dhcp_lease *lease_take(const struct dhcp_ask *ask, uint32_t addr) {
	struct dhcp_lease *lease = dhcp_lease_find(&ask->realm->leases, addr);

	if (lease && lease->state != DHCP_LEASE_EXPIRED && !dhcp_id_same(&lease->id, &ask->id))
		return NULL;
	if (lease)
		dhcp_lease_give(lease, &ask->id);
	else
		lease = dhcp_lease_add(&ask->realm->leases, addr, &ask->id);
	if (lease) {
		lease->mac = ask->mac;
		lease->iface = ask->place->iface;
	}
	return lease;
}

// ---- offers ---------------------------------------------------------------------------------------------------

static void bind(const struct dhcp_ask *ask, struct dhcp_lease *lease) {
	uint64_t lease_s = dhcp_lease_time(ask);

	dhcp_option_text(ask->msg, DHCP_OPT_HOSTNAME, lease->hostname, sizeof(lease->hostname));
	lease->mac = ask->mac;
	lease->iface = ask->place->iface;
	dhcp_lease_set(lease, DHCP_LEASE_BOUND, clock_now_ns() + lease_s * NSEC_PER_SEC);
	ask->realm->ops->store(lease, ask->realm->ops->arg);
	dhcp_reply_lease(ask, lease, DHCP_ACK, lease_s);
}

static void offer(const struct dhcp_ask *ask, struct dhcp_lease *lease) {
	if (ask->server->rapid_commit && dhcp_has(ask->msg, DHCP_OPT_RAPID)) {
		bind(ask, lease);
		return;
	}
	if (lease->state != DHCP_LEASE_BOUND)
		dhcp_lease_set(lease, DHCP_LEASE_OFFERED, clock_now_ns() + OFFER_NS);
	dhcp_reply_lease(ask, lease, DHCP_OFFER, dhcp_lease_time(ask));
}

struct waiting { // a DISCOVER while its address is probed
	struct dhcp_ask ask;
	struct dhcp_place place;
	struct dhcp_msg msg;
};

static void probe_over(struct timer *timer, uint64_t now_ns) {
	struct dhcp_lease *lease = (struct dhcp_lease *)timer;
	struct waiting *w = lease->waiting;
	struct dhcp_realm *realm = w->ask.realm;
	char text[ADDR_STRLEN];
	struct addr addr = dhcp_addr(lease->addr);

	timer->fire = dhcp_lease_over;
	if (!realm->ops->probed(lease->iface, lease->addr, &w->ask.mac, realm->ops->arg)) {
		lease->waiting = NULL;
		realm->n_probes--;
		offer(&w->ask, lease);
		free(w);
		return;
	}
	w->ask.server->stats.conflicts++;
	log_warn("dhcp", "address not offered: somebody is there already",
		"interface=%s address=%s", w->place.name, addr_print(&addr, text));
	dhcp_lease_set(lease, DHCP_LEASE_DECLINED, now_ns + DECLINE_NS);
	realm->ops->store(lease, realm->ops->arg);
}

static bool probe(const struct dhcp_ask *ask, struct dhcp_lease *lease) {
	struct dhcp_realm *realm = ask->realm;
	struct waiting *w = realm->n_probes < DHCP_PROBES_MAX ? malloc(sizeof(*w)) : NULL;

	if (w == NULL)
		return false;
	w->ask = *ask;
	w->place = *ask->place;
	memcpy(&w->msg, ask->msg, sizeof(w->msg));
	w->ask.place = &w->place;
	w->ask.msg = &w->msg;
	dhcp_lease_set(lease, DHCP_LEASE_PROBING, clock_now_ns() + ask->server->probe_ns);
	lease->waiting = w;
	lease->timer.fire = probe_over;
	realm->n_probes++;
	realm->ops->probe(lease->iface, lease->addr, realm->ops->arg);
	return true;
}

static void discover(const struct dhcp_ask *ask) {
	uint32_t addr = choose(ask);
	struct dhcp_lease *lease = addr ? dhcp_lease_find(&ask->realm->leases, addr) : NULL;
	bool known = lease && dhcp_id_same(&lease->id, &ask->id) &&
		(lease->state == DHCP_LEASE_BOUND || lease->state == DHCP_LEASE_OFFERED);

	if (lease && lease->state == DHCP_LEASE_PROBING && dhcp_id_same(&lease->id, &ask->id))
		return; // its first message is answered
	lease = addr ? lease_take(ask, addr) : NULL;
	if (lease == NULL) {
		full(ask);
		return;
	}
	// an address behind a relay cannot be asked for by ARP
	if (known || ask->server->probe_ns == 0 || ask->msg->head.giaddr || !probe(ask, lease))
		offer(ask, lease);
}

// ---- the other messages -----------------------------------------------------------------------------------------

static void refuse(const struct dhcp_ask *ask, const char *why) {
	if (ask->server->authoritative)
		dhcp_reply_nak(ask, why);
}

// The client took another server's offer: ours is free again.
static void not_chosen(const struct dhcp_ask *ask) {
	struct dhcp_lease *lease = ask->subnet ? dhcp_lease_of(&ask->realm->leases, &ask->id,
							 ask->subnet->network, ask->subnet->mask)
					       : NULL;

	if (lease && lease->state == DHCP_LEASE_OFFERED)
		dhcp_lease_del(lease);
}

// RFC 2131 section 4.3.2: SELECTING has a server identifier, INIT-REBOOT a requested address, RENEWING and REBINDING neither.
static void request(const struct dhcp_ask *ask) {
	uint32_t chosen = dhcp_option_u32(ask->msg, DHCP_OPT_SERVER);
	uint32_t wanted = dhcp_option_u32(ask->msg, DHCP_OPT_REQUESTED);
	uint32_t addr = wanted ? wanted : ask->msg->head.ciaddr;
	struct dhcp_lease *lease = dhcp_lease_find(&ask->realm->leases, addr);

	if (chosen && !ask->realm->ops->is_own(chosen, ask->realm->ops->arg)) {
		not_chosen(ask);
		return;
	}
	if (addr == 0)
		return;
	if (ask->subnet == NULL || !in_subnet(ask->subnet, addr))
		refuse(ask, "this address is of another network");
	else if (!is_for(ask, addr))
		refuse(ask, "this address is not yours");
	else if (lease == NULL || !dhcp_id_same(&lease->id, &ask->id))
		refuse(ask, "no lease is known of you");
	else
		bind(ask, lease);
}

static struct dhcp_lease *lease_held(const struct dhcp_ask *ask, uint32_t addr) {
	struct dhcp_lease *lease = dhcp_lease_find(&ask->realm->leases, addr);

	return lease && dhcp_id_same(&lease->id, &ask->id) &&
			(lease->state == DHCP_LEASE_BOUND || lease->state == DHCP_LEASE_OFFERED)
		? lease
		: NULL;
}

static void decline(const struct dhcp_ask *ask) {
	struct dhcp_lease *lease = lease_held(ask, dhcp_option_u32(ask->msg, DHCP_OPT_REQUESTED));
	char text[ADDR_STRLEN];

	if (lease == NULL)
		return;
	struct addr addr = dhcp_addr(lease->addr);
	log_warn("dhcp", "address declined: its client found somebody there",
		"interface=%s address=%s", ask->place->name, addr_print(&addr, text));
	ask->server->stats.conflicts++;
	dhcp_lease_set(lease, DHCP_LEASE_DECLINED, clock_now_ns() + DECLINE_NS);
	ask->realm->ops->store(lease, ask->realm->ops->arg);
}

static void release(const struct dhcp_ask *ask) {
	struct dhcp_lease *lease = lease_held(ask, ask->msg->head.ciaddr);

	if (lease == NULL)
		return;
	dhcp_lease_set(lease, DHCP_LEASE_EXPIRED, clock_now_ns());
	ask->realm->ops->store(lease, ask->realm->ops->arg);
}

static void inform(const struct dhcp_ask *ask) {
	if (ask->subnet && ask->msg->head.ciaddr)
		dhcp_reply_inform(ask);
}

static bool limited(
	struct dhcp_realm *realm, struct dhcp_conf_server *server, const struct mac *mac) {
	struct bucket_limit client = bucket_limit_of(10, 10);
	uint64_t hash = hash_bytes(mac->bytes, sizeof(mac->bytes)), now_ns = clock_now_ns();

	hash ^= hash >> 32; // the last byte reaches the lowest bits and those above 40 alone
	return !bucket_take(&realm->clients[hash & (DHCP_CLIENTS - 1)], &client, now_ns) ||
		!bucket_take(&server->bucket, &server->rate, now_ns);
}

void dhcp_server_receive(struct dhcp_realm *realm, struct dhcp_conf_server *server,
	const struct dhcp_place *place, const struct dhcp_msg *msg, const struct mac *from) {
	struct dhcp_ask ask = {.realm = realm, .server = server, .place = place, .msg = msg};

	if (msg->type == 0 || msg->type > DHCP_INFORM) {
		server->stats.malformed++;
		return;
	}
	server->stats.received[msg->type]++;
	// a relay speaks for many clients
	if (limited(realm, server,
		    msg->head.giaddr ? (const struct mac *)msg->head.chaddr : from)) {
		server->stats.limited++;
		return;
	}
	if (!ask_init(&ask)) {
		server->stats.malformed++;
		return;
	}
	if (ask.subnet == NULL)
		server->stats.no_subnet++;
	if (msg->type == DHCP_DISCOVER && ask.subnet)
		discover(&ask);
	else if (msg->type == DHCP_REQUEST)
		request(&ask);
	else if (msg->type == DHCP_DECLINE)
		decline(&ask);
	else if (msg->type == DHCP_RELEASE)
		release(&ask);
	else if (msg->type == DHCP_INFORM)
		inform(&ask);
}

void dhcp_realm_poll(struct dhcp_realm *realm, uint64_t now_ns) {
	dhcp_leases_poll(&realm->leases, now_ns);
}
