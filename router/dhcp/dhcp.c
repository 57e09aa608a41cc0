// SPDX-License-Identifier: BSD-3-Clause
// DHCP messages in and out, and what a commit means to servers, relays and clients.
#include "router/dhcp/dhcp.h"
#include "lib/log.h"
#include "router/dhcp/dhcp_priv.h"
#include "router/dhcp/node_dhcp_local.h"
#include "router/ip_priv.h"
#include "router/neigh/neigh.h"
#include "router/punt.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define WAITING_MAX 4096 // answers that wait for the disk

struct waiting {
	STAILQ_ENTRY(waiting) link;
	uint64_t number; // of the store
	uint16_t iface;
	bool routed;
	size_t len;
	uint8_t frame[];
};

struct dhcp_router *dhcp_routers;
struct dhcp_conf *dhcp_by_iface[DP_MAX_IFACES];
bool dhcp_stopping;
static STAILQ_HEAD(, waiting) answers = STAILQ_HEAD_INITIALIZER(answers);
static unsigned n_answers;
static uint64_t stored; // number of what was stored last
static uint64_t unsummed;

// ---- out ------------------------------------------------------------------------------------------------------

void dhcp_transmit(uint16_t index, const uint8_t *frame, size_t len, bool routed) {
	const struct rtr_iface *iface = rtr_iface(index);
	struct rte_mbuf *m = iface ? rte_pktmbuf_alloc(dp_pool()) : NULL;
	char *at = m ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;

	if (at == NULL) { // as if it were lost on the way
		rte_pktmbuf_free(m);
		return;
	}
	memcpy(at, frame, len);
	if (routed)
		punt_route(iface->vrf, m);
	else
		punt_frame(index, m);
}

static void wait_for_disk(uint16_t iface, const uint8_t *frame, size_t len, bool routed) {
	struct waiting *w = n_answers < WAITING_MAX ? malloc(sizeof(*w) + len) : NULL;

	if (w == NULL)
		return; // the client asks again
	*w = (struct waiting){.number = stored, .iface = iface, .routed = routed, .len = len};
	memcpy(w->frame, frame, len);
	STAILQ_INSERT_TAIL(&answers, w, link);
	n_answers++;
}

static void answers_send(void) {
	struct waiting *w;

	while ((w = STAILQ_FIRST(&answers)) != NULL && store_is_done(w->number)) {
		dhcp_transmit(w->iface, w->frame, w->len, w->routed);
		STAILQ_REMOVE_HEAD(&answers, link);
		n_answers--;
		free(w);
	}
}

static void op_send(const struct dhcp_answer *answer, void *) {
	const struct rtr_iface *iface = rtr_iface(answer->iface);
	uint8_t frame[DHCP_HEADERS + DHCP_OUT_MAX];
	struct dhcp_packet packet = {.to_mac = answer->to_mac,
		.from = answer->from,
		.to = answer->to,
		.from_port = DHCP_SERVER_PORT,
		.to_port = answer->to_port,
		.payload = frame + DHCP_HEADERS};
	size_t len;

	if (iface == NULL)
		return;
	memcpy(packet.from_mac.bytes, &iface->mac, sizeof(packet.from_mac.bytes));
	packet.len = dhcp_encode(&answer->out, frame + DHCP_HEADERS, answer->max, NULL);
	len = dhcp_packet_encode(frame, &packet, answer->routed);
	if (answer->stored && !store_is_done(stored))
		wait_for_disk(answer->iface, frame, len, answer->routed);
	else
		dhcp_transmit(answer->iface, frame, len, answer->routed);
}

static void op_store(const struct dhcp_lease *lease, void *) {
	uint64_t number = store_lease(lease);

	stored = number ? number : stored;
}

static void op_probe(uint16_t iface, uint32_t host, void *) {
	struct addr addr = dhcp_addr(host);

	neigh_flush(iface, &addr); // what was known of it is of no use
	neigh_want(iface, &addr, NULL);
}

static bool op_probed(uint16_t iface, uint32_t host, const struct mac *client, void *) {
	struct addr addr = dhcp_addr(host);
	struct neigh_info info;
	bool there = neigh_find(iface, &addr, &info) && info.state != NEIGH_INCOMPLETE &&
		info.state != NEIGH_FAILED;
	bool other = there && memcmp(&info.mac, client, sizeof(*client)) != 0;

	if (!there)
		neigh_flush(iface, &addr); // the client shall not find its address failed
	return other;
}

static bool op_is_own(uint32_t host, void *) {
	struct addr addr = dhcp_addr(host);

	for (unsigned i = 0; i < DP_MAX_IFACES; i++)
		if (rtr_ifaces[i] && rtr_iface_owns(rtr_ifaces[i], &addr))
			return true;
	return false;
}

static const struct dhcp_server_ops ops = {.send = op_send,
	.store = op_store,
	.probe = op_probe,
	.probed = op_probed,
	.is_own = op_is_own};

// ---- in -------------------------------------------------------------------------------------------------------

static struct dhcp_router *router_find(const char *name) {
	struct dhcp_router *router = dhcp_routers;

	while (router && strcmp(router->name, name) != 0)
		router = router->next;
	return router;
}

static void to_server(const struct rtr_iface *iface, struct dhcp_conf_server *server,
	const struct dhcp_msg *msg, const struct dhcp_packet *packet) {
	struct dhcp_router *router = router_find(iface->router);
	struct dhcp_place place = {.iface = iface->index, .name = iface->name};

	memcpy(place.mac.bytes, &iface->mac, sizeof(place.mac.bytes));
	for (unsigned i = 0; i < iface->n_addrs && place.n < RTE_DIM(place.addrs); i++)
		if (iface->from[i] == RTR_FROM_CONF && iface->addrs[i].addr.family == ADDR_V4)
			place.addrs[place.n++] = iface->addrs[i];
	if (router)
		dhcp_server_receive(&router->realm, server, &place, msg, &packet->from_mac);
}

static uint32_t first_addr(const struct rtr_iface *iface) {
	for (unsigned i = 0; i < iface->n_addrs; i++)
		if (iface->from[i] == RTR_FROM_CONF && iface->addrs[i].addr.family == ADDR_V4)
			return dhcp_addr_host(&iface->addrs[i].addr);
	return 0;
}

static void to_servers(const struct rtr_iface *iface, struct dhcp_conf_relay *relay,
	const struct dhcp_msg *msg, const struct dhcp_packet *packet) {
	struct dhcp_relay_place place = {.name = iface->name, .addr = first_addr(iface)};
	uint8_t frame[DHCP_HEADERS + DHCP_OUT_MAX];
	struct dhcp_packet out = {.from = place.addr,
		.from_port = DHCP_SERVER_PORT,
		.to_port = DHCP_SERVER_PORT,
		.payload = frame + DHCP_HEADERS};

	memcpy(place.mac.bytes, &iface->mac, sizeof(place.mac.bytes));
	out.len = dhcp_relay_request(
		relay, &place, packet->payload, packet->len, msg, frame + DHCP_HEADERS);
	for (unsigned i = 0; out.len > 0 && i < relay->n_servers; i++) {
		out.to = relay->servers[i];
		dhcp_transmit(iface->index, frame, dhcp_packet_encode(frame, &out, true), true);
	}
}

// The relay whose address a reply names (giaddr).
static const struct rtr_iface *relay_iface(const struct rtr_iface *in, uint32_t giaddr) {
	struct addr addr = dhcp_addr(giaddr);

	for (unsigned i = 0; i < DP_MAX_IFACES; i++)
		if (dhcp_by_iface[i] && dhcp_by_iface[i]->relay && rtr_ifaces[i] &&
			rtr_ifaces[i]->vrf == in->vrf && rtr_iface_owns(rtr_ifaces[i], &addr))
			return rtr_ifaces[i];
	return NULL;
}

static bool is_server(const struct dhcp_conf_relay *relay, uint32_t from) {
	for (unsigned i = 0; i < relay->n_servers; i++)
		if (relay->servers[i] == from)
			return true;
	return false;
}

static void to_client(
	const struct rtr_iface *in, const struct dhcp_msg *msg, const struct dhcp_packet *packet) {
	const struct rtr_iface *iface = relay_iface(in, msg->head.giaddr);
	struct dhcp_conf_relay *relay = iface ? dhcp_by_iface[iface->index]->relay : NULL;
	uint8_t frame[DHCP_HEADERS + DHCP_OUT_MAX];
	struct dhcp_packet out = {.from = msg->head.giaddr,
		.to = UINT32_MAX,
		.from_port = DHCP_SERVER_PORT,
		.to_port = DHCP_CLIENT_PORT,
		.payload = frame + DHCP_HEADERS};

	if (relay == NULL)
		return;
	if (!is_server(relay, packet->from)) {
		relay->stats.unknown++;
		return;
	}
	memcpy(out.from_mac.bytes, &iface->mac, sizeof(out.from_mac.bytes));
	memset(out.to_mac.bytes, 0xff, sizeof(out.to_mac.bytes));
	if (!(msg->head.flags & DHCP_BROADCAST) && msg->head.yiaddr && msg->head.hlen == 6) {
		memcpy(out.to_mac.bytes, msg->head.chaddr, sizeof(out.to_mac.bytes));
		out.to = msg->head.yiaddr;
	}
	out.len = dhcp_relay_reply(relay, packet->payload, packet->len, frame + DHCP_HEADERS);
	if (out.len > 0)
		dhcp_transmit(iface->index, frame, dhcp_packet_encode(frame, &out, false), false);
}

static void malformed(const struct dhcp_conf *conf) {
	if (conf && conf->server)
		conf->server->stats.malformed++;
	if (conf && conf->relay)
		conf->relay->stats.malformed++;
}

static void message(const struct rtr_iface *iface, const struct dhcp_packet *packet) {
	static struct dhcp_msg msg;
	const struct dhcp_conf *conf = dhcp_by_iface[iface->index];

	if (dhcp_decode(packet->payload, packet->len, &msg) != DHCP_OK)
		malformed(conf);
	else if (packet->to_port == DHCP_CLIENT_PORT)
		uplink_receive(iface->index, &msg, &packet->from_mac);
	else if (msg.head.op == 2)
		to_client(iface, &msg, packet);
	else if (conf && conf->server)
		to_server(iface, conf->server, &msg, packet);
	else if (conf && conf->relay)
		to_servers(iface, conf->relay, &msg, packet);
}

// Checked by the port, or not even made yet: a guest may leave that to who sends the frame to a wire.
static bool is_summed(const struct rte_mbuf *m) {
	uint64_t rx = m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;

	return rx == RTE_MBUF_F_RX_L4_CKSUM_GOOD || rx == RTE_MBUF_F_RX_L4_CKSUM_NONE ||
		(m->ol_flags & RTE_MBUF_F_TX_L4_MASK) != 0;
}

static void receive(struct rte_mbuf *m) {
	const struct rtr_iface *iface = rtr_iface(dp_meta(m)->iface);
	uint8_t buf[DHCP_HEADERS + DHCP_MSG_MAX];
	const uint8_t *frame = NULL;
	struct dhcp_packet packet;

	if (m->pkt_len <= sizeof(buf))
		frame = rte_pktmbuf_read(m, 0, m->pkt_len, buf);
	if (frame && iface && dhcp_packet_decode(frame, m->pkt_len, is_summed(m), &packet) == 0)
		message(iface, &packet);
	else
		unsummed++;
	rte_pktmbuf_free(m);
}

// ---- the router's transaction -----------------------------------------------------------------------------------

static const struct rtr_iface *iface_find(const struct rtr_conf *router, const char *name) {
	for (unsigned i = 0; i < DP_MAX_IFACES; i++)
		if (rtr_ifaces[i] && strcmp(rtr_ifaces[i]->name, name) == 0 &&
			strcmp(rtr_ifaces[i]->router, router->name) == 0)
			return rtr_ifaces[i];
	return NULL;
}

static void stats_carry(const struct rtr_conf_all *was, const struct rtr_conf *router,
	const struct rtr_conf_iface *iface) {
	const struct rtr_conf *old_router = rtr_conf_find(was, router->name);
	const struct rtr_conf_iface *old =
		old_router ? rtr_conf_iface(old_router, iface->name) : NULL;

	if (old == NULL || old->dhcp == NULL)
		return;
	if (old->dhcp->server && iface->dhcp->server)
		iface->dhcp->server->stats = old->dhcp->server->stats;
	if (old->dhcp->relay && iface->dhcp->relay)
		iface->dhcp->relay->stats = old->dhcp->relay->stats;
}

static struct dhcp_router *router_new(const char *name) {
	struct dhcp_router *router = calloc(1, sizeof(*router));

	if (router == NULL || dhcp_realm_init(&router->realm, &ops, DHCP_LEASES_MAX) != 0) {
		log_error("dhcp", "out of memory: the DHCP servers do not run", "router=%s", name);
		free(router);
		return NULL;
	}
	snprintf(router->name, sizeof(router->name), "%s", name);
	router->next = dhcp_routers;
	dhcp_routers = router;
	return router;
}

static void servers_set(const struct rtr_conf *conf) {
	struct dhcp_conf_server *servers[DHCP_REALM_SERVERS];
	struct dhcp_router *router = router_find(conf->name);
	bool fresh = router == NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < conf->n_ifaces && n < DHCP_REALM_SERVERS; i++)
		if (conf->ifaces[i].dhcp && conf->ifaces[i].dhcp->server)
			servers[n++] = conf->ifaces[i].dhcp->server;
	if (fresh && n > 0) {
		store_open();
		router = router_new(conf->name);
	}
	if (router == NULL)
		return;
	dhcp_realm_set(&router->realm, servers, n);
	if (fresh)
		store_restore(router);
}

// What runs for routers that are gone keeps its leases, and no pools.
static void servers_gone(const struct rtr_conf_all *now) {
	for (struct dhcp_router *r = dhcp_routers; r; r = r->next)
		if (rtr_conf_find(now, r->name) == NULL)
			dhcp_realm_set(&r->realm, NULL, 0);
}

// A relay's replies come by any interface of its router.
static uint8_t ports_of(const struct rtr_conf *router, const struct dhcp_conf *dhcp) {
	uint8_t ports = dhcp && dhcp->client ? DHCP_PORT_CLIENT : 0;

	if (dhcp && (dhcp->server || dhcp->relay))
		ports |= DHCP_PORT_SERVER;
	for (unsigned i = 0; i < router->n_ifaces; i++)
		if (router->ifaces[i].dhcp && router->ifaces[i].dhcp->relay)
			ports |= DHCP_PORT_SERVER;
	return ports;
}

static void iface_set(const struct rtr_conf *router, const struct rtr_conf_iface *conf) {
	const struct rtr_iface *iface = iface_find(router, conf->name);

	if (iface == NULL)
		return;
	dhcp_by_iface[iface->index] = conf->dhcp;
	dhcp_ports[iface->index] = ports_of(router, conf->dhcp);
}

void dhcp_commit(const struct rtr_conf_all *was, const struct rtr_conf_all *now) {
	static uint8_t before[DP_MAX_IFACES];

	memcpy(before, dhcp_ports, sizeof(before));
	memset(dhcp_by_iface, 0, sizeof(dhcp_by_iface));
	memset(dhcp_ports, 0, sizeof(dhcp_ports));
	for (unsigned r = 0; r < now->n; r++) {
		const struct rtr_conf *router = &now->routers[r];

		for (unsigned i = 0; i < router->n_ifaces; i++) {
			if (router->ifaces[i].dhcp)
				stats_carry(was, router, &router->ifaces[i]);
			iface_set(router, &router->ifaces[i]);
		}
		servers_set(router);
	}
	servers_gone(now);
	for (unsigned i = 0; i < DP_MAX_IFACES; i++)
		if (!before[i] != !dhcp_ports[i])
			dp_arc_enable("dhcp_local", i, dhcp_ports[i] != 0, NULL);
	uplink_commit();
}

// ---- while it runs ----------------------------------------------------------------------------------------------

void dhcp_link(uint16_t iface, bool up) {
	uplink_link(iface, up);
}

void dhcp_poll(uint64_t now_ns) {
	for (struct dhcp_router *r = dhcp_routers; r; r = r->next)
		dhcp_realm_poll(&r->realm, now_ns);
	store_poll(now_ns);
	answers_send();
	uplink_poll(now_ns);
}

int dhcp_init(struct err *) {
	dhcp_stopping = false;
	punt_handler(PUNT_DHCP, receive);
	uplink_init();
	return 0;
}

// The daemon ends: what it was lent is its own at the next start.
void dhcp_stop(void) {
	dhcp_stopping = true;
}

void dhcp_fini(void) {
	struct waiting *w;

	while ((w = STAILQ_FIRST(&answers)) != NULL) {
		STAILQ_REMOVE_HEAD(&answers, link);
		free(w);
	}
	n_answers = 0;
	uplink_fini();
	store_close();
	while (dhcp_routers) {
		struct dhcp_router *router = dhcp_routers;

		dhcp_routers = router->next;
		dhcp_realm_fini(&router->realm);
		free(router);
	}
}
