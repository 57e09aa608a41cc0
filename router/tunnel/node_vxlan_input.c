// SPDX-License-Identifier: BSD-3-Clause
// Out of VXLAN: what a remote sent to the UDP port of an end of ours becomes a frame that came in by the port of the switch, with the
// tag of the VLAN that its VNI is. On the local arc; all else goes on.
#include "router/tunnel/tunnel_priv.h"
#include "router/tunnel/vxlan.h"
#include <rte_udp.h>
#include <stdio.h>

enum {
	DROP_REMOTE,
	DROP_VNI,
	DROP_FLAGS,
	DROP_TRUNCATED,
	DROP_CHECKSUM,
	DROP_TAGGED,
	DROP_ECN,
	DROP_NO_ROOM
};

static const struct dp_drop vxlan_input_drops[] = {
	[DROP_REMOTE] = {"remote", "from somebody who is none of the remotes"},
	[DROP_VNI] = {"vni", "its VNI is no VLAN here"},
	[DROP_FLAGS] = {"flags", "it says that it has no VNI"},
	[DROP_TRUNCATED] = {"truncated", "ends within its headers"},
	[DROP_CHECKSUM] = {"checksum", "the UDP checksum is wrong"},
	[DROP_TAGGED] = {"tagged", "the frame inside has a tag (RFC 7348 section 6.1)"},
	[DROP_ECN] = {"ecn",
		"congestion was met on the way, and the packet inside cannot say so (RFC 6040)"},
	[DROP_NO_ROOM] = {"no_room", "no room for the tag before the frame"},
	{0},
};

static const char *const vxlan_input_after[] = {"ip_local", NULL}; // which puts fragments together
static const char *const vxlan_input_before[] = {"icmp_local", NULL};

static int vxlan_input_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	return snprintf(buf, size, "vrf %u, %u bytes", ip_meta(m)->domain, m->pkt_len);
}

static struct dp_node vxlan_input = {
	.name = "vxlan_input",
	.help = "takes frames out of VXLAN, for a switch",
	.arc = DP_ARC_LOCAL,
	.after = vxlan_input_after,
	.before = vxlan_input_before,
	.starts = {DP_ARC_PORT_IN},
	.drops = vxlan_input_drops,
	.trace = vxlan_input_trace,
};

static int remote_of(const struct vxlan *x, const uint8_t address[static 16]) {
	size_t len = x->wire.v6 ? 16 : 4;

	for (unsigned i = 0; i < x->n_remotes; i++)
		if (memcmp(x->remotes[i].bytes, address, len) == 0)
			return (int)i;
	return -1;
}

// Zero means none: RFC 768, and RFC 6935 section 5 for tunnels over IPv6.
static bool sum_ok(
	const struct rte_mbuf *m, const struct tunnel_outer *o, const struct rte_udp_hdr *udp) {
	uint32_t pseudo;

	if (udp->dgram_cksum == 0 || (m->ol_flags & RTE_MBUF_F_TX_L4_MASK) ||
		(m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
		return true;
	if (o->v6) {
		struct rte_ipv6_hdr ip = *ip6_of(m);

		ip.proto = IPPROTO_UDP;
		ip.payload_len = udp->dgram_len;
		pseudo = rte_ipv6_phdr_cksum(&ip, 0);
	} else {
		struct rte_ipv4_hdr ip = *ip4_of(m);

		ip.version_ihl = 0x45;
		ip.total_length = rte_cpu_to_be_16(rte_be_to_cpu_16(udp->dgram_len) + sizeof(ip));
		pseudo = rte_ipv4_phdr_cksum(&ip, 0);
	}
	return tunnel_sum_ok(m, o->at, o->at + rte_be_to_cpu_16(udp->dgram_len), pseudo);
}

static bool tag_put(struct rte_mbuf *m, unsigned vlan) {
	const uint8_t *from = rte_pktmbuf_mtod(m, const uint8_t *);
	uint8_t *to = vlan ? (uint8_t *)rte_pktmbuf_prepend(m, RTE_VLAN_HLEN) : NULL;

	if (vlan == 0)
		return true;
	if (to == NULL)
		return false;
	memmove(to, from, 2 * RTE_ETHER_ADDR_LEN);
	to[12] = 0x81;
	to[13] = 0;
	to[14] = (uint8_t)(vlan >> 8);
	to[15] = (uint8_t)vlan;
	return true;
}

static rte_edge_t give_up(struct rte_mbuf *m, const struct vxlan *x, unsigned why) {
	vxlan_count(x)->rx_dropped++;
	return dp_drop(&vxlan_input, m, why);
}

static rte_edge_t enter(struct rte_mbuf *m, const struct vxlan *x, const struct tunnel_outer *o,
	unsigned vlan, unsigned remote) {
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	unsigned type = (unsigned)frame[12] << 8 | frame[13];
	bool v6 = type == RTE_ETHER_TYPE_IPV6;

	if (type == RTE_ETHER_TYPE_VLAN || type == RTE_ETHER_TYPE_QINQ)
		return give_up(m, x, DROP_TAGGED);
	if ((v6 || type == RTE_ETHER_TYPE_IPV4) &&
		m->data_len >= RTE_ETHER_HDR_LEN +
				(v6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr)) &&
		!tunnel_ecn_merge(m, v6, o->tos))
		return give_up(m, x, DROP_ECN);
	if (x->learning && !(frame[6] & 1))
		vtep_learn(x->stations, vtep_key(frame + 6, vlan), remote, dp_self->now_ns);
	if (!tag_put(m, vlan))
		return give_up(m, x, DROP_NO_ROOM);
	m->packet_type = 0;
	m->port = x->port;
	dp_port_passed(x->port, true, m);
	return dp_arc_next(&vxlan_input, DP_ARC_PORT_IN, x->port);
}

// The frame alone. False: it is not all there, or not its header in the first buffer.
static bool unwrap(struct rte_mbuf *m, uint32_t at, uint32_t end) {
	if (end > m->pkt_len || end < at + RTE_ETHER_HDR_LEN ||
		m->data_len < at + RTE_ETHER_HDR_LEN)
		return false;
	if (m->pkt_len > end && rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - end)) != 0)
		return false;
	if (m->data_len < at + RTE_ETHER_HDR_LEN)
		return false;
	rte_pktmbuf_adj(m, (uint16_t)at);
	dp_offload_inner(m);
	return true;
}

static rte_edge_t take(struct rte_mbuf *m, struct vxlan_set *set, struct tunnel_outer *o,
	const struct rte_udp_hdr *udp, const uint8_t *vxlan, uint32_t len) {
	uint8_t from[16];
	uint32_t vni, end;
	struct vxlan *x;
	int remote;

	switch (tunnel_vxlan_decode(vxlan, len, &vni)) {
	case TUNNEL_OK:
		break;
	case TUNNEL_FLAGS:
		return dp_drop(&vxlan_input, m, DROP_FLAGS);
	default:
		return dp_drop(&vxlan_input, m, DROP_TRUNCATED);
	}
	memcpy(from, o->key.remote, sizeof(from));
	memset(o->key.remote, 0, sizeof(o->key.remote));
	o->key.key = vni;
	o->key.flags = (uint8_t)(END_KEY | (o->v6 ? END_V6 : 0));
	end = ends_find(set->ends, &o->key);
	if (end == ENDS_NONE)
		return dp_drop(&vxlan_input, m, DROP_VNI);
	x = set->by_port[(end - 1) >> 12];
	remote = remote_of(x, from);
	if (remote < 0)
		return give_up(m, x, DROP_REMOTE);
	if (!sum_ok(m, o, udp))
		return give_up(m, x, DROP_CHECKSUM);
	if (!unwrap(m, o->at + sizeof(*udp) + 8, o->at + rte_be_to_cpu_16(udp->dgram_len)))
		return give_up(m, x, DROP_TRUNCATED);
	return enter(m, x, o, (end - 1) & 0xfff, (unsigned)remote);
}

static rte_edge_t one(struct rte_mbuf *m, struct vxlan_set *set) {
	struct tunnel_outer o;
	uint8_t buf[sizeof(struct rte_udp_hdr) + 8];
	const struct rte_udp_hdr *udp;
	struct end_key local;
	uint32_t len;

	if (set == NULL || !tunnel_outer_read(m, &o) || o.proto != IPPROTO_UDP ||
		o.end < o.at + sizeof(*udp))
		return dp_arc_next(&vxlan_input, DP_ARC_LOCAL, ip_meta(m)->iface);
	len = RTE_MIN(o.end - o.at, (uint32_t)sizeof(buf));
	udp = rte_pktmbuf_read(m, o.at, len, buf);
	o.key.port = udp ? rte_be_to_cpu_16(udp->dst_port) : 0;
	local = o.key;
	memset(local.remote, 0, sizeof(local.remote));
	local.flags = (uint8_t)(END_LOCAL | (o.v6 ? END_V6 : 0));
	if (udp == NULL || ends_find(set->ends, &local) == ENDS_NONE)
		return dp_arc_next(&vxlan_input, DP_ARC_LOCAL, ip_meta(m)->iface);
	return take(m, set, &o, udp, (const uint8_t *)(udp + 1), len - sizeof(*udp));
}

static uint16_t vxlan_input_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	struct vxlan_set *set = vxlan_set_get();

	for (uint16_t i = 0; i < n; i++)
		rte_node_enqueue_x1(graph, node, one(objs[i], set), objs[i]);
	return n;
}

DP_NODE(vxlan_input)
