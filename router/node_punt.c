// SPDX-License-Identifier: BSD-3-Clause
// To the sockets of this box: what is for one of our addresses and nobody took goes to the interface's host twin, as the frame that
// it came in. Each class has a rate of its own, so that a flood at the router's address starves neither routing protocols
// nor management. Without a twin, senders are told that nobody listens.
#include "router/frag/frag.h"
#include "router/host/share.h"
#include "router/host/shortcut/shortcut.h"
#include "router/ip_priv.h"
#include <rte_tcp.h>
#include <rte_udp.h>
#include <stdio.h>

enum { NEXT_ERROR };

enum { DROP_NO_TWIN, DROP_NO_BUFFER, DROP_RATE };

static const struct dp_drop punt_drops[] = {
	[DROP_NO_TWIN] = {"no_twin", "nothing on this box listens: the interface has no host twin"},
	[DROP_NO_BUFFER] = {"no_buffer", "no buffers are free for its fragments"},
	[DROP_RATE] = {"routing", "more routing protocol than its share"},
	[DROP_RATE + SHARE_MANAGEMENT] = {"management", "more management traffic than its share"},
	[DROP_RATE + SHARE_OTHER] = {"other", "more for this box than its share"},
	{0},
};

static const char *const punt_next[] = {[NEXT_ERROR] = "icmp_error", NULL};

static void punt_explain(const struct rte_mbuf *m, json_t *lines);

static struct dp_node punt = {
	.name = "punt",
	.help = "gives packets for this box to the kernel",
	.arc = DP_ARC_LOCAL,
	.arc_end = true,
	.starts = {DP_ARC_PORT_OUT},
	.next = punt_next,
	.drops = punt_drops,
	.explain = punt_explain,
};

// What it is to the shares of this box.
static enum share class_of(const struct rte_mbuf *m, enum share_kind *kind) {
	unsigned proto = ip_is_v6(m) ? ip6_of(m)->proto : ip4_of(m)->next_proto_id;
	struct rte_tcp_hdr buf;
	const struct rte_tcp_hdr *tcp = NULL;
	const rte_be16_t *ports = NULL;

	*kind = SHARE_PACKET;
	if (proto == IPPROTO_TCP)
		ports = (const rte_be16_t *)(tcp = rte_pktmbuf_read(
						     m, m->l2_len + m->l3_len, sizeof(buf), &buf));
	else if (proto == IPPROTO_UDP)
		ports = rte_pktmbuf_read(
			m, m->l2_len + m->l3_len, sizeof(struct rte_udp_hdr), &buf);
	if (tcp && (tcp->tcp_flags & (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG)) == RTE_TCP_SYN_FLAG)
		*kind = SHARE_NEW;
	else if (tcp && m->pkt_len >= SHARE_LONG && (tcp->tcp_flags & RTE_TCP_ACK_FLAG))
		*kind = SHARE_SEGMENT;
	return ports ? share_of(proto, rte_be_to_cpu_16(ports[0]), rte_be_to_cpu_16(ports[1]))
		     : share_of(proto, 0, 0);
}

static bool is_group(const struct rte_mbuf *m) {
	const uint8_t *dst =
		ip_is_v6(m) ? ip6_of(m)->dst_addr : (const uint8_t *)&ip4_of(m)->dst_addr;

	return ip_is_v6(m) ? ip6_is_group(dst) : ip4_octet(dst[0]) & IP4_DST_GROUP;
}

static rte_edge_t nobody(struct rte_mbuf *m) {
	bool v6 = ip_is_v6(m);

	unsigned type = m->packet_type & RTE_PTYPE_L4_MASK;

	if (is_group(m) || type == RTE_PTYPE_L4_ICMP || type == RTE_PTYPE_L4_FRAG)
		return dp_drop(&punt, m, DROP_NO_TWIN);
	if (type == RTE_PTYPE_L4_UDP)
		dp_meta(m)->user = v6 ? ip_error(ICMP6_UNREACH, ICMP6_PORT, 0)
				      : ip_error(ICMP4_UNREACH, ICMP4_PORT, 0);
	else // no protocol above IP is spoken here (RFC 1122 section 3.2.2.1, RFC 4443 section 3.4)
		dp_meta(m)->user = v6
			? ip_error(ICMP6_PARAMETER, 1, offsetof(struct rte_ipv6_hdr, proto))
			: ip_error(ICMP4_UNREACH, ICMP4_PROTOCOL, 0);
	return NEXT_ERROR;
}

static rte_edge_t give(struct rte_mbuf *m) {
	const struct rtr_iface *iface = rtr_iface(dp_meta(m)->iface);

	if (iface == NULL || iface->twin == DP_NONE)
		return nobody(m);
	enum share_kind kind;
	enum share share = class_of(m, &kind);
	if (!share_take(iface->vrf, share, kind))
		return dp_drop(&punt, m, DROP_RATE + share);
	if (kind == SHARE_SEGMENT)
		shortcut_offer_in(m, iface->twin);
	dp_meta(m)->out = iface->twin;
	return dp_arc_next(&punt, DP_ARC_PORT_OUT, iface->twin);
}

// A twin takes no packet that is longer than its MTU: the kernel gets the fragments again.
static void enqueue(
	struct rte_graph *graph, struct rte_node *node, struct rte_mbuf *m, rte_edge_t edge) {
	void *out[FRAG_PIECES];
	unsigned n = 0;

	if (likely(!(m->ol_flags & frag_flag) || edge == punt.drop_edge || edge == NEXT_ERROR)) {
		rte_node_enqueue_x1(graph, node, edge, m);
		return;
	}
	n = frag_cut_again(m, out);
	if (n == 0) {
		rte_node_enqueue_x1(graph, node, dp_drop(&punt, m, DROP_NO_BUFFER), m);
		return;
	}
	rte_node_enqueue(graph, node, edge, out, (uint16_t)n);
	rte_pktmbuf_free(m);
}

static void punt_explain(const struct rte_mbuf *m, json_t *lines) {
	const struct rtr_iface *iface = rtr_iface(ip_meta(m)->iface);
	enum share_kind kind;

	if (iface && iface->twin != DP_NONE)
		dp_explain_say(lines, "to the kernel by its host twin, class %s",
			share_words[class_of(m, &kind)]);
	else
		dp_explain_say(lines, "the interface has no host twin");
}

static uint16_t punt_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++)
		enqueue(graph, node, objs[i], give(objs[i]));
	return n;
}

DP_NODE(punt)
