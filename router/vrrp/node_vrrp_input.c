// SPDX-License-Identifier: BSD-3-Clause
// VRRP advertisements for a virtual router of the interface go to control, once all is well with them (RFC 9568 section 7.1); and
// what is sent to a virtual address that is not to be answered at ends here (section 6.4.3, Accept_Mode).
#include "router/icmp.h"
#include "router/ip_priv.h"
#include "router/punt.h"
#include "router/vrrp/table_vrrp.h"
#include <stdio.h>

#define READ_MAX 2048 // of a packet in several buffers

enum { NEXT_PUNT_UP };

enum { DROP_FAULT, DROP_VRID = VRRP_FAULTS - 1, DROP_CLOSED };

static const struct dp_drop vrrp_input_drops[] = {
	[VRRP_SHORT - 1] = {"truncated", "shorter than its count of addresses says"},
	[VRRP_TTL - 1] = {"ttl", "from beyond the link: the TTL is not 255"},
	[VRRP_VERSION - 1] = {"version", "not of VRRP version 3"},
	[VRRP_TYPE - 1] = {"type", "no advertisement"},
	[VRRP_CHECKSUM - 1] = {"checksum", "the checksum is wrong"},
	[VRRP_COUNT - 1] = {"count", "without an address"},
	[VRRP_INTERVAL - 1] = {"interval", "an interval of zero"},
	[VRRP_DESTINATION - 1] = {"destination", "not to the group of VRRP routers"},
	[DROP_VRID] = {"vrid", "no virtual router of this interface has this id"},
	[DROP_CLOSED] = {"not_accepted", "to a virtual address whose `accept` is false"},
	{0},
};

static int vrrp_input_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	unsigned proto = ip_is_v6(m) ? ip6_of(m)->proto : ip4_of(m)->next_proto_id;

	return snprintf(buf, size, "%s", proto == VRRP_PROTO ? "an advertisement" : "-");
}

static const char *const vrrp_input_next[] = {[NEXT_PUNT_UP] = "punt_up", NULL};
static const char *const vrrp_input_before[] = {"icmp_local", "punt", NULL};

static struct dp_node vrrp_input = {
	.name = "vrrp_input",
	.help = "takes VRRP advertisements",
	.arc = DP_ARC_LOCAL,
	.before = vrrp_input_before,
	.next = vrrp_input_next,
	.drops = vrrp_input_drops,
	.trace = vrrp_input_trace,
};

static rte_edge_t go_on(const struct rte_mbuf *m) {
	return dp_arc_next(&vrrp_input, DP_ARC_LOCAL, ip_meta(m)->iface);
}

// An id that is none of ours may be one of a program behind the host twin.
static rte_edge_t advertisement(struct rte_mbuf *m) {
	unsigned index = dp_meta(m)->iface;
	const struct rtr_iface *iface = rtr_iface(index);
	uint32_t len = m->pkt_len - RTE_ETHER_HDR_LEN;
	uint8_t buf[READ_MAX];
	const uint8_t *ip = NULL;
	struct vrrp_packet packet;
	enum vrrp_fault fault = VRRP_SHORT;

	if (m->nb_segs == 1 || len <= sizeof(buf))
		ip = rte_pktmbuf_read(m, RTE_ETHER_HDR_LEN, len, buf);
	if (ip)
		fault = vrrp_decode(ip, len, &packet);
	if (fault != VRRP_OK)
		return dp_drop(&vrrp_input, m, DROP_FAULT + fault - 1);
	if (!vrrp_bit(vrrp_lans[index].known[ip_is_v6(m)], packet.vrid))
		return iface && iface->twin != DP_NONE ? go_on(m)
						       : dp_drop(&vrrp_input, m, DROP_VRID);
	dp_meta(m)->user = PUNT_VRRP;
	return NEXT_PUNT_UP;
}

// Discovery is answered in any case, or nobody would find the router.
static bool is_discovery(const struct rte_mbuf *m) {
	const uint8_t *type = rte_pktmbuf_mtod_offset(
		m, const uint8_t *, RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv6_hdr));

	return ip_is_v6(m) && ip6_of(m)->proto == IPPROTO_ICMPV6 &&
		m->data_len > RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv6_hdr) &&
		*type >= ICMP6_RS && *type <= ICMP6_REDIRECT;
}

static __rte_noinline rte_edge_t judge(struct rte_mbuf *m, const struct vrrp_closed *closed) {
	struct addr dst = {.family = ip_is_v6(m) ? ADDR_V6 : ADDR_V4};

	if (dst.family == ADDR_V6)
		memcpy(dst.bytes, ip6_of(m)->dst_addr, 16);
	else
		memcpy(dst.bytes, &ip4_of(m)->dst_addr, 4);
	for (unsigned i = 0; i < closed->n; i++)
		if (addr_cmp(&closed->addrs[i], &dst) == 0 && !is_discovery(m))
			return dp_drop(&vrrp_input, m, DROP_CLOSED);
	return go_on(m);
}

static uint16_t vrrp_input_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	const struct vrrp_closed *closed = __atomic_load_n(&vrrp_closed, __ATOMIC_ACQUIRE);

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];
		unsigned proto = ip_is_v6(m) ? ip6_of(m)->proto : ip4_of(m)->next_proto_id;
		rte_edge_t edge;

		if (proto == VRRP_PROTO)
			edge = advertisement(m);
		else
			edge = closed ? judge(m, closed) : go_on(m);
		rte_node_enqueue_x1(graph, node, edge, m);
	}
	return n;
}

DP_NODE(vrrp_input)
