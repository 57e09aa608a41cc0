// SPDX-License-Identifier: BSD-3-Clause
// pure
// What ARP and ND say, and whom to believe. Unasked claims change entries that exist; only who asks for us, and so wants an
// answer, makes a new one.
#include "router/neigh/neigh_priv.h"
#include <string.h>

#define ETHERNET 14

struct input {
	struct neigh_iface *iface;
	struct neigh_host host;
	struct mac from, to; // of the frame
};

static bool same(const struct mac *a, const struct mac *b) {
	return memcmp(a, b, sizeof(*a)) == 0;
}

// Our own frames come back from hubs and loops.
static bool is_ours(const struct input *in, const struct mac *mac) {
	const struct neigh_own *own;

	if (same(mac, &in->host.mac))
		return true;
	TAILQ_FOREACH(own, &in->iface->owns, link)
	if (own->is_virtual && same(mac, &own->mac))
		return true;
	return false;
}

// Not an address of the interface, and yet ours: also to who tests whether it is free.
static bool is_stood_in(const struct input *in, const struct addr *addr) {
	return neigh.on_foreign && neigh.on_foreign(in->iface->index, addr);
}

// ---- ARP ----------------------------------------------------------------------------------------------------

// RFC 5227 section 2.1.1: others that use our address, or want to.
static bool arp_conflicts(struct input *in, const struct arp *arp) {
	struct neigh_own *own;

	if (arp_is_probe(arp)) {
		own = neigh_own_find(in->iface, &arp->target);
		if (own == NULL || neigh_own_is_usable(own))
			return false; // it gets an answer
	} else {
		own = neigh_own_find(in->iface, &arp->sender);
	}
	if (own != NULL)
		neigh_own_conflict(own, &arp->sender_mac);
	return own != NULL;
}

// An answer to us. What moves an entry that is asked for counts as one; to others it is a claim.
static void arp_answer(struct input *in, const struct arp *arp) {
	struct neigh_entry *e = neigh_entry_find(in->iface, &arp->sender);

	if (e == NULL)
		return;
	if (!neigh_has_mac(e->state) || e->state == NEIGH_DELAY || e->state == NEIGH_PROBE ||
		same(&e->mac, &arp->sender_mac))
		neigh_step(e, NEIGH_CONFIRM, &arp->sender_mac);
	else
		neigh_told(in->iface, &arp->sender, &arp->sender_mac, false, true);
}

// Nobody who only wants to know whether an address is free is told that it is not: it may well be, behind us.
static bool arp_proxied(const struct input *in, const struct arp *arp) {
	return in->host.proxy_arp && !arp_is_probe(arp) && !arp_is_announcement(arp) &&
		neigh.ops->elsewhere(in->iface->index, &arp->target);
}

static void arp_request(struct input *in, const struct arp *arp) {
	const struct neigh_own *own = neigh_own_find(in->iface, &arp->target);
	bool ours = neigh_own_is_usable(own);

	if (!arp_is_probe(arp))
		neigh_told(in->iface, &arp->sender, &arp->sender_mac, ours, true);
	if (ours)
		neigh_answer_arp(in->iface, arp, neigh_own_mac(own, &in->host));
	else if (own == NULL && (is_stood_in(in, &arp->target) || arp_proxied(in, arp)))
		neigh_answer_arp(in->iface, arp, &in->host.mac);
}

static void arp_input(struct input *in, const uint8_t *data, size_t len) {
	struct arp arp;

	if (arp_decode(data, len, &arp) != ARP_OK) {
		in->iface->stats.malformed++;
		return;
	}
	if (is_ours(in, &arp.sender_mac) || arp_conflicts(in, &arp)) {
		in->iface->stats.ignored++;
		return;
	}
	if (arp.op == ARP_REQUEST)
		arp_request(in, &arp);
	else if (!mac_is_multicast(&in->to) &&
		neigh_own_is_usable(neigh_own_find(in->iface, &arp.target)))
		arp_answer(in, &arp);
	else
		neigh_told(in->iface, &arp.sender, &arp.sender_mac, false, true);
}

// ---- ND -----------------------------------------------------------------------------------------------------

// RFC 4861 section 7.2.5
static void na_believe(struct neigh_entry *e, const struct nd *nd) {
	bool known = neigh_has_mac(e->state);
	bool other = nd->has_mac && !(known && same(&e->mac, &nd->mac));
	const struct mac *mac = nd->has_mac ? &nd->mac : NULL;
	enum neigh_event event = NEIGH_SAME;

	if (!known && !nd->has_mac)
		return;
	if (known && other && !nd->override) {
		neigh_step(e, NEIGH_DOUBT, NULL);
		return;
	}
	if (nd->solicited)
		event = NEIGH_CONFIRM;
	else if (other)
		event = NEIGH_TOLD;
	e = neigh_step(e, event, mac);
	if (e != NULL)
		e->router = nd->router;
}

static void na_input(struct input *in, const struct nd *nd) {
	struct neigh_own *own = neigh_own_find(in->iface, &nd->target);
	struct neigh_entry *e;

	if (own != NULL) {
		neigh_own_conflict(own, nd->has_mac ? &nd->mac : &in->from);
		return;
	}
	e = neigh_entry_find(in->iface, &nd->target);
	if (e != NULL)
		na_believe(e, nd);
}

// Somebody tests whether it may have our address, and we have just begun to test it (RFC 4862 section 5.4.3). Our own test that
// comes back is known by its nonce (RFC 7527).
static void ns_tentative(struct input *in, struct neigh_own *own, const struct nd *nd) {
	if (!nd_is_unspecified(&nd->src))
		return;
	if (nd->has_nonce && memcmp(nd->nonce, own->nonce, ND_NONCE) == 0)
		in->iface->stats.ignored++;
	else
		neigh_own_conflict(own, &in->from);
}

static bool ns_proxied(const struct input *in, const struct nd *nd) {
	return in->host.proxy_nd && !nd_is_unspecified(&nd->src) &&
		!nd_is_link_local(&nd->target) &&
		neigh.ops->elsewhere(in->iface->index, &nd->target);
}

static void ns_input(struct input *in, const struct nd *nd) {
	struct neigh_own *own = neigh_own_find(in->iface, &nd->target);
	const struct addr *from;

	if (own != NULL && !neigh_own_is_usable(own)) {
		ns_tentative(in, own, nd);
		return;
	}
	if (own == NULL && !is_stood_in(in, &nd->target) && !ns_proxied(in, nd))
		return;
	if (nd->has_mac)
		neigh_told(in->iface, &nd->src, &nd->mac, true, false);
	if (own != NULL) {
		neigh_answer_nd(in->iface, nd, &own->addr, nd->has_mac ? &nd->mac : &in->from,
			neigh_own_mac(own, &in->host), true);
		return;
	}
	from = neigh_source(in->iface, &in->host, &nd->src);
	if (from != NULL)
		neigh_answer_nd(in->iface, nd, from, nd->has_mac ? &nd->mac : &in->from,
			&in->host.mac, false);
}

static void nd_input(struct input *in, const uint8_t *ip, size_t len, bool summed) {
	struct nd nd;

	if (nd_decode(ip, len, summed, &nd) != ND_OK) {
		in->iface->stats.malformed++;
		return;
	}
	if (is_ours(in, &in->from)) {
		in->iface->stats.ignored++;
		return;
	}
	if (nd.type == ND_NA)
		na_input(in, &nd);
	else if (nd.type == ND_NS)
		ns_input(in, &nd);
	else // routers' messages
		in->iface->stats.ignored++;
}

void neigh_frame(uint16_t index, const uint8_t *frame, size_t len, bool summed) {
	struct input in = {.iface = neigh_iface(index)};
	unsigned type = len < ETHERNET ? 0 : (unsigned)(frame[12] << 8 | frame[13]);

	if (in.iface == NULL || !neigh.ops->iface(index, &in.host))
		return;
	in.iface->stats.received++;
	if (len >= ETHERNET) {
		memcpy(in.to.bytes, frame, 6);
		memcpy(in.from.bytes, frame + 6, 6);
	}
	if (type == 0x0806)
		arp_input(&in, frame + ETHERNET, len - ETHERNET);
	else if (type == 0x86dd)
		nd_input(&in, frame + ETHERNET, len - ETHERNET, summed);
	else
		in.iface->stats.malformed++;
}
