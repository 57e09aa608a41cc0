// SPDX-License-Identifier: BSD-3-Clause
// The neighbour table's outside as the router has it: next-hop slots, host routes, packet buffers, the punt rings.
#include "lib/log.h"
#include "router/fib/rib.h"
#include "router/icmp.h"
#include "router/ip_priv.h"
#include "router/neigh/arp.h"
#include "router/neigh/neigh_priv.h"
#include "router/punt.h"
#include <errno.h>
#include <rte_random.h>

#define FRAME_MAX 2048 // of what is taken out of a chain of buffers

_Static_assert(NEIGH_IFACES == DP_MAX_IFACES, "every interface may have neighbours");

static bool glue_iface(uint16_t index, struct neigh_host *host) {
	const struct rtr_iface *iface = rtr_iface(index);
	struct dp_port_info port;

	if (iface == NULL)
		return false;
	*host = (struct neigh_host){.addrs = iface->addrs,
		.n_addrs = iface->n_addrs,
		.name = iface->name,
		.up = iface->port == DP_NONE ||
			(dp_port_info(iface->port, &port) == 0 && port.link_up),
		.proxy_arp = iface->proxy_arp,
		.proxy_nd = iface->proxy_nd};
	memcpy(host->mac.bytes, iface->mac.addr_bytes, sizeof(host->mac.bytes));
	return true;
}

static void glue_frame(uint16_t iface, const uint8_t *frame, size_t len) {
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp_pool());
	char *at = m ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;

	if (at == NULL) { // asked again later, as if it were lost on the way
		rte_pktmbuf_free(m);
		return;
	}
	memcpy(at, frame, len);
	punt_frame(iface, m);
}

// ---- slots and routes ---------------------------------------------------------------------------------------

static int64_t adjacency_get(uint16_t index, const struct addr *addr, struct err *err) {
	const struct rtr_iface *iface = rtr_iface(index);
	struct rtr_path path = {.iface = index, .gateway = *addr, .weight = 1};

	return iface ? nexthop_get(iface->vrf, &path, 1, err) : -ENOENT;
}

static int64_t glue_publish(
	uint16_t iface, const struct addr *addr, const struct mac *mac, uint32_t slot) {
	struct rte_ether_addr ether;
	struct err err = {0};
	int64_t rc = slot ? slot : adjacency_get(iface, addr, &err);

	if (rc < 0)
		return rc;
	memcpy(ether.addr_bytes, mac->bytes, sizeof(ether.addr_bytes));
	nexthop_neighbor(iface, addr, &ether);
	return rc;
}

static void glue_withdraw(uint16_t iface, const struct addr *addr, uint32_t slot) {
	nexthop_neighbor(iface, addr, NULL);
	nexthop_put(slot);
}

// The VRF is the slot's: the interface may be in another by now, or gone.
static int glue_route(const struct addr *addr, uint32_t slot, bool on) {
	const struct prefix host = {*addr, addr->family == ADDR_V4 ? 32 : 128};
	struct rtr_vrf *vrf = rtr_vrfs[rtr_nhs[slot].vrf];
	struct rtr_route route = {.prefix = host, .source = RTR_SRC_NEIGHBOR};
	struct err err = {0};
	int64_t ref;

	if (vrf == NULL)
		return -ENOENT;
	if (!on)
		return rib_del(vrf, &host, RTR_SRC_NEIGHBOR, 0, 0);
	ref = adjacency_get(
		rtr_nhs[slot].iface, addr, &err); // the table of routes has a reference of its own
	if (ref < 0)
		return (int)ref;
	route.slot = (uint32_t)ref;
	return rib_set(vrf, &route, &err);
}

static uint32_t glue_used(uint32_t slot) {
	return __atomic_load_n(&rtr_nhs[slot].used, __ATOMIC_RELAXED);
}

static bool glue_wanted(uint32_t slot, bool routed) {
	return nexthop_refs(slot) > 1u + routed;
}

// What the router would send out by another interface. Its own addresses, and what it would not forward, are not.
static bool glue_elsewhere(uint16_t index, const struct addr *addr) {
	const struct rtr_iface *iface = rtr_iface(index);
	const struct rtr_vrf *vrf = iface ? rtr_vrfs[iface->vrf] : NULL;
	struct rtr_path paths[64];
	struct rtr_route best;
	unsigned n;

	if (vrf == NULL || !rib_lookup(vrf, addr, &best))
		return false;
	n = nexthop_paths(best.slot, paths, RTE_DIM(paths));
	for (unsigned i = 0; i < n; i++)
		if (paths[i].iface == index)
			return false;
	return n > 0;
}

// ---- packets ------------------------------------------------------------------------------------------------

static void glue_unreachable(struct rte_mbuf *m) {
	punt_error(m,
		ip_is_v6(m) ? ip_error(ICMP6_UNREACH, ICMP6_ADDRESS, 0)
			    : ip_error(ICMP4_UNREACH, ICMP4_HOST, 0));
}

static void glue_drop(struct rte_mbuf *m) {
	rte_pktmbuf_free(m);
}

static uint32_t glue_random(void) {
	return (uint32_t)rte_rand();
}

static const struct neigh_ops glue = {.iface = glue_iface,
	.frame = glue_frame,
	.publish = glue_publish,
	.withdraw = glue_withdraw,
	.route = glue_route,
	.used = glue_used,
	.wanted = glue_wanted,
	.elsewhere = glue_elsewhere,
	.gateways = nexthop_foreach_gateway,
	.send = punt_resolved,
	.unreachable = glue_unreachable,
	.drop = glue_drop,
	.random = glue_random};

// Checked by the port, or not even made yet: a guest may leave that to who sends the frame to a wire.
static bool is_summed(const struct rte_mbuf *m) {
	uint64_t rx = m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;

	return rx == RTE_MBUF_F_RX_L4_CKSUM_GOOD || rx == RTE_MBUF_F_RX_L4_CKSUM_NONE ||
		(m->ol_flags & RTE_MBUF_F_TX_L4_MASK) != 0;
}

// The kernel behind a host twin asks by itself, and is given what is no question: answers, and what others announce. Those who ask
// for our addresses are answered by us alone.
static bool is_news(const struct rtr_iface *iface, const uint8_t *frame, size_t len) {
	const size_t nd = RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv6_hdr);
	struct arp arp;

	if (frame[12] == 0x86 && frame[13] == 0xdd)
		return len > nd && frame[nd] == ICMP6_NA;
	if (arp_decode(frame + RTE_ETHER_HDR_LEN, len - RTE_ETHER_HDR_LEN, &arp) != ARP_OK)
		return false;
	return arp.op == ARP_REPLY ||
		(arp_is_announcement(&arp) && !rtr_iface_owns(iface, &arp.target));
}

void neigh_receive(struct rte_mbuf *m) {
	const struct rtr_iface *iface = rtr_iface(dp_meta(m)->iface);
	uint8_t buf[FRAME_MAX];
	const uint8_t *frame = NULL;

	if (m->pkt_len <= sizeof(buf) || m->nb_segs == 1)
		frame = rte_pktmbuf_read(m, 0, m->pkt_len, buf);
	if (frame != NULL)
		neigh_frame(dp_meta(m)->iface, frame, m->pkt_len, is_summed(m));
	if (frame != NULL && iface && iface->twin != DP_NONE && is_news(iface, frame, m->pkt_len))
		punt_twin(iface->twin, m);
	else
		rte_pktmbuf_free(m);
}

static struct addr destination(const struct rte_mbuf *m) {
	struct addr addr = {.family = ip_is_v6(m) ? ADDR_V6 : ADDR_V4};

	if (addr.family == ADDR_V6)
		memcpy(addr.bytes, ip6_of(m)->dst_addr, 16);
	else
		memcpy(addr.bytes, &ip4_of(m)->dst_addr, 4);
	return addr;
}

// A packet that found no MAC address in its slot. While it lay in the ring the slot may have got one, or another meaning.
static void resolve(struct rte_mbuf *m) {
	uint32_t slot = dp_meta(m)->user;
	struct rtr_path path;
	unsigned kind = slot < RTR_MAX_NH ? rtr_nhs[slot].kind : RTR_NH_NONE;

	if (kind == RTR_NH_FORWARD) {
		punt_resolved(slot, m);
	} else if ((kind == RTR_NH_RESOLVE || kind == RTR_NH_GLEAN) &&
		nexthop_paths(slot, &path, 1) == 1) {
		if (path.gateway.family == ADDR_NONE)
			path.gateway = destination(m);
		neigh_want(path.iface, &path.gateway, m);
	} else {
		rte_pktmbuf_free(m);
	}
}

int neigh_init(struct err *err) {
	punt_handler(PUNT_ARP, neigh_receive);
	punt_handler(PUNT_ND, neigh_receive);
	punt_handler(PUNT_RESOLVE, resolve);
	return neigh_start(&glue, err);
}
