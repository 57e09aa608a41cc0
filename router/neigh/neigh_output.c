// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/neigh/neigh_priv.h"
#include <string.h>

static const struct mac broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

// How well an address serves to speak to `to`: 0 not at all; of the same subnet is best, of the same scope next.
static unsigned fitness(const struct prefix *p, const struct addr *to) {
	if (p->addr.family != to->family)
		return 0;
	if (prefix_contains(p, to))
		return 3;
	if (to->family == ADDR_V6 && nd_is_link_local(&p->addr) != nd_is_link_local(to))
		return 1;
	return 2;
}

const struct addr *neigh_source(
	const struct neigh_iface *iface, const struct neigh_host *host, const struct addr *to) {
	const struct addr *best = NULL;
	unsigned most = 0;

	for (unsigned i = 0; i < host->n_addrs; i++) {
		unsigned fit = fitness(&host->addrs[i], to);
		const struct neigh_own *own;

		if (fit <= most)
			continue;
		own = neigh_own_find(iface, &host->addrs[i].addr);
		if (own == NULL || !own->is_real || own->state != NEIGH_OWN_USABLE)
			continue;
		best = &host->addrs[i].addr;
		most = fit;
	}
	return best;
}

static void send_arp(uint16_t iface, const struct arp *arp, const struct mac *to) {
	uint8_t frame[ARP_FRAME_BYTES];

	arp_encode(arp, to, frame);
	neigh.ops->frame(iface, frame, sizeof(frame));
}

static void send_nd(
	uint16_t iface, const struct nd *nd, const struct mac *from, const struct mac *to) {
	uint8_t frame[ND_FRAME_MAX];

	neigh.ops->frame(iface, frame, nd_encode(nd, from, to, frame));
}

void neigh_ask(struct neigh_entry *e, const struct neigh_host *host) {
	const struct addr *from = neigh_source(e->iface, host, &e->addr);
	const struct mac *to = neigh_has_mac(e->state) ? &e->mac : NULL;

	if (from == NULL) // none of ours is usable yet; the time-out tries again
		return;
	e->iface->stats.asked++;
	if (e->addr.family == ADDR_V4) {
		struct arp arp = {.op = ARP_REQUEST,
			.sender_mac = host->mac,
			.sender = *from,
			.target = e->addr};

		if (to != NULL)
			arp.target_mac = *to;
		send_arp(e->iface->index, &arp, to ? to : &broadcast);
	} else {
		struct nd nd = {.type = ND_NS,
			.src = *from,
			.dst = to ? e->addr : nd_solicited_node(&e->addr),
			.target = e->addr,
			.has_mac = true,
			.mac = host->mac};

		send_nd(e->iface->index, &nd, &host->mac, to);
	}
}

void neigh_probe(const struct neigh_own *own, const struct neigh_host *host) {
	if (own->addr.family == ADDR_V4) {
		struct arp arp = {.op = ARP_REQUEST,
			.sender_mac = host->mac,
			.sender = {.family = ADDR_V4},
			.target = own->addr};

		send_arp(own->iface->index, &arp, &broadcast);
	} else {
		struct nd nd = {.type = ND_NS,
			.src = {.family = ADDR_V6},
			.dst = nd_solicited_node(&own->addr),
			.target = own->addr,
			.has_nonce = true};

		memcpy(nd.nonce, own->nonce, ND_NONCE);
		send_nd(own->iface->index, &nd, &host->mac, NULL);
	}
}

// RFC 5227 section 2.3 announces with requests; RFC 4861 section 7.2.6 with advertisements that nobody asked for.
void neigh_announce(const struct neigh_own *own, const struct neigh_host *host) {
	const struct mac *mac = neigh_own_mac(own, host);

	own->iface->stats.announced++;
	if (own->addr.family == ADDR_V4) {
		struct arp arp = {.op = ARP_REQUEST,
			.sender_mac = *mac,
			.sender = own->addr,
			.target = own->addr};

		send_arp(own->iface->index, &arp, &broadcast);
	} else {
		struct nd nd = {.type = ND_NA,
			.src = own->addr,
			.dst = nd_all_nodes,
			.target = own->addr,
			.router = true,
			.override = true,
			.has_mac = true,
			.mac = *mac};

		send_nd(own->iface->index, &nd, mac, NULL);
	}
}

void neigh_answer_arp(struct neigh_iface *iface, const struct arp *request, const struct mac *mac) {
	struct arp arp = {.op = ARP_REPLY,
		.sender_mac = *mac,
		.sender = request->target,
		.target_mac = request->sender_mac,
		.target = request->sender};

	iface->stats.answered++;
	send_arp(iface->index, &arp, &request->sender_mac);
}

// To one that has no address yet, and asks whether it may take ours, the answer goes to all (section 7.2.4).
void neigh_answer_nd(struct neigh_iface *iface, const struct nd *request, const struct addr *from,
	const struct mac *to, const struct mac *target_mac, bool own) {
	bool to_all = nd_is_unspecified(&request->src);
	struct nd nd = {.type = ND_NA,
		.src = *from,
		.dst = to_all ? nd_all_nodes : request->src,
		.target = request->target,
		.router = true,
		.solicited = !to_all,
		.override = own,
		.has_mac = true,
		.mac = *target_mac};

	iface->stats.answered++;
	send_nd(iface->index, &nd, target_mac, to_all ? NULL : to);
}
