// SPDX-License-Identifier: BSD-3-Clause
// Into VXLAN: on the port-out arc of a switch's port with device = "tunnel:...", and the end of it. The VLAN's tag becomes its VNI; a known
// station's frame goes to its remote, every other one to all (head-end replication). The switch sends nothing back by the port that it
// came by, so no frame goes from one remote to another.
#include "router/tunnel/tunnel_priv.h"
#include "router/tunnel/vxlan.h"
#include <rte_hash_crc.h>
#include <rte_udp.h>
#include <stdio.h>

#define COPIES_MAX 16384 // of one call: what the next node's stream holds is counted in 16 bits

enum { NEXT_LOOKUP, NEXT_REWRITE };

enum {
	DROP_GONE,
	DROP_MTU,
	DROP_NO_VNI,
	DROP_NO_WAY,
	DROP_LOOP,
	DROP_NESTED,
	DROP_TOO_BIG,
	DROP_NO_ROOM,
	DROP_BUDGET,
};

static const struct dp_drop vxlan_output_drops[] = {
	[DROP_GONE] = {"gone", "the port is no VXLAN port any more"},
	[DROP_MTU] = {"mtu", "longer than the MTU of the port"},
	[DROP_NO_VNI] = {"no_vni", "its VLAN has no VNI there"},
	[DROP_NO_WAY] = {"no_way", "the router knows no way to the remote"},
	[DROP_LOOP] = {"loop", "the remote is this box"},
	[DROP_NESTED] = {"nested", "in as many tunnels already as a packet may be"},
	[DROP_TOO_BIG] = {"too_big",
		"with its outer headers longer than the way to the remote carries"},
	[DROP_NO_ROOM] = {"no_room", "no room for the outer headers before the frame"},
	[DROP_BUDGET] = {"budget",
		"more copies in one turn than a worker can hold, or no buffer for one"},
	{0},
};

static const char *const vxlan_output_next[] = {
	[NEXT_LOOKUP] = "ip_lookup", [NEXT_REWRITE] = "ip_rewrite", NULL};
static const char *const vxlan_output_after[] = {"switch_mirror_out", NULL};

static int vxlan_output_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	return snprintf(buf, size, "vlan %u, %u bytes", ip_meta(m)->vlan, m->pkt_len);
}

static struct dp_node vxlan_output = {
	.name = "vxlan_output",
	.help = "sends frames of a switch to the other ends of a VXLAN",
	.arc = DP_ARC_PORT_OUT,
	.after = vxlan_output_after,
	.next = vxlan_output_next,
	.drops = vxlan_output_drops,
	.trace = vxlan_output_trace,
};

// One call's packets, and the ways to the remotes of the present port.
struct run {
	struct rte_graph *graph;
	struct rte_node *node;
	struct vxlan *x;
	unsigned port, copies, n;
	uint64_t known; // of ways[]
	struct tunnel_way ways[VTEP_REMOTES];
	void *objs[DP_VECTOR];
	rte_edge_t next[DP_VECTOR];
};

static void flush(struct run *r) {
	if (r->n > 0)
		dp_enqueue(r->graph, r->node, r->objs, r->next, (uint16_t)r->n, false);
	r->n = 0;
}

static void put(struct run *r, struct rte_mbuf *m, rte_edge_t edge) {
	r->objs[r->n] = m;
	r->next[r->n++] = edge;
	if (r->n == DP_VECTOR)
		flush(r);
}

static void give_up(struct run *r, struct rte_mbuf *m, unsigned why) {
	vxlan_count(r->x)->tx_dropped++;
	put(r, m, dp_drop(&vxlan_output, m, why));
}

static const struct tunnel_way *way_to(struct run *r, unsigned remote) {
	if (!(r->known >> remote & 1))
		tunnel_way_find(&r->ways[remote], r->x->vrf, &r->x->remotes[remote]);
	r->known |= UINT64_C(1) << remote;
	return &r->ways[remote];
}

// Takes the tag off; the VLAN that it says, 0: none. -1: ends within its tag.
static int tag_take(struct rte_mbuf *m) {
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	uint8_t addresses[12];
	int vlan;

	if (frame[12] != 0x81 || frame[13] != 0)
		return 0;
	if (m->data_len < RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN)
		return -1;
	vlan = (frame[14] & 15) << 8 | frame[15];
	memcpy(addresses, frame, sizeof(addresses));
	memcpy(rte_pktmbuf_adj(m, RTE_VLAN_HLEN), addresses, sizeof(addresses));
	return vlan;
}

// What the outer headers take from the frame. False: it is in too many tunnels.
static bool inner_read(struct rte_mbuf *m, const struct vxlan *x, struct tunnel_inner *inner) {
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	bool ip = (frame[12] == 0x08 && frame[13] == 0) || (frame[12] == 0x86 && frame[13] == 0xdd);

	if (ip && m->data_len >= RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr) &&
		tunnel_headers_find(m, inner)) {
		inner->hash = ip_flow_hash(m);
		if (tunnel_nesting(frame + RTE_ETHER_HDR_LEN, m->data_len - RTE_ETHER_HDR_LEN,
			    x->wire.port) >= TUNNEL_NEST_MAX)
			return false;
	} else {
		inner->ip = false;
		inner->hash = rte_hash_crc(frame, 12, 0);
	}
	inner->df = true; // a frame is not cut, whatever is in it
	inner->len = m->pkt_len;
	return true;
}

// IPv6 wants a checksum (RFC 8200 section 8.1): the port that it leaves by makes it, or software before that.
static void sum_request(struct rte_mbuf *m) {
	struct rte_ipv6_hdr *ip = ip6_of(m);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);

	m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV6;
	udp->dgram_cksum = rte_ipv6_phdr_cksum(ip, 0);
}

static void send_to(
	struct run *r, struct rte_mbuf *m, struct tunnel_inner *inner, unsigned remote) {
	const struct tunnel_way *way = way_to(r, remote);
	struct tunnel_wire wire = r->x->wire;
	unsigned header_len = tunnel_header_len(&wire);
	uint32_t slot = rtr_nh_pick(way->slot, inner->hash);
	bool forward = __atomic_load_n(&rtr_nhs[slot].kind, __ATOMIC_ACQUIRE) == RTR_NH_FORWARD;
	uint8_t *at;

	if (unlikely(way->kind == RTR_NH_LOCAL))
		return give_up(r, m, DROP_LOOP);
	if (unlikely(!forward &&
		    (way->kind == RTR_NH_NONE || way->kind == RTR_NH_BLACKHOLE ||
			    way->kind == RTR_NH_UNREACHABLE || way->kind == RTR_NH_PROHIBIT)))
		return give_up(r, m, DROP_NO_WAY);
	if (unlikely(header_len + inner->len > way->mtu && (wire.v6 || wire.df)))
		return give_up(r, m, DROP_TOO_BIG);
	at = (uint8_t *)rte_pktmbuf_prepend(m, (uint16_t)(RTE_ETHER_HDR_LEN + header_len));
	if (unlikely(at == NULL))
		return give_up(r, m, DROP_NO_ROOM);
	end_address(wire.remote, &r->x->remotes[remote]);
	inner->id = (uint16_t)(inner->hash + dp_self->now_ns);
	tunnel_encode(&wire, inner, at + RTE_ETHER_HDR_LEN);
	ip_own(m, r->x->vrf, wire.v6);
	m->packet_type |= RTE_PTYPE_L4_UDP;
	dp_flags_forget(m);
	if (wire.v6)
		sum_request(m);
	dp_meta(m)->user = slot;
	put(r, m, forward ? NEXT_REWRITE : NEXT_LOOKUP);
}

static void send_all(struct run *r, struct rte_mbuf *m, struct tunnel_inner *inner) {
	unsigned last = r->x->n_remotes - 1u;

	if (r->copies + last > COPIES_MAX)
		return give_up(r, m, DROP_BUDGET);
	for (unsigned i = 0; i < last; i++) {
		struct rte_mbuf *copy = rte_pktmbuf_copy(m, m->pool, 0, UINT32_MAX);

		if (copy == NULL)
			return give_up(r, m, DROP_BUDGET);
		r->copies++;
		send_to(r, copy, inner, i);
	}
	vxlan_count(r->x)->copies += r->x->n_remotes;
	send_to(r, m, inner, last);
}

static void one(struct run *r, struct rte_mbuf *m) {
	struct tunnel_inner inner = {0};
	const uint8_t *frame;
	int vlan, remote = -1;

	dp_port_passed(r->port, false, m);
	if (m->pkt_len > r->x->mtu + RTE_ETHER_HDR_LEN + 2u * RTE_VLAN_HLEN)
		return give_up(r, m, DROP_MTU);
	vlan = tag_take(m);
	if (vlan < 0 || r->x->vni_of[vlan] == VXLAN_NO_VNI)
		return give_up(r, m, DROP_NO_VNI);
	if (!inner_read(m, r->x, &inner))
		return give_up(r, m, DROP_NESTED);
	inner.vni = r->x->vni_of[vlan];
	frame = rte_pktmbuf_mtod(m, const uint8_t *);
	if (!(frame[0] & 1))
		remote = vtep_find(r->x->stations, vtep_key(frame, (unsigned)vlan), dp_self->now_ns,
			r->x->ageing_ns);
	if (remote >= 0 && remote < r->x->n_remotes)
		send_to(r, m, &inner, (unsigned)remote);
	else
		send_all(r, m, &inner);
}

static void run_start(struct run *r, struct vxlan_set *set, unsigned port) {
	r->port = port;
	r->x = set && port < DP_MAX_PORTS ? set->by_port[port] : NULL;
	r->known = 0;
}

static uint16_t vxlan_output_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	struct vxlan_set *set = vxlan_set_get();
	struct run r;

	r.graph = graph;
	r.node = node;
	r.n = r.copies = 0;
	run_start(&r, set, UINT16_MAX);
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i], *out[DP_VECTOR];
		uint16_t parts;

		if (dp_meta(m)->out != r.port)
			run_start(&r, set, dp_meta(m)->out);
		if (unlikely(r.x == NULL)) {
			put(&r, m, dp_drop(&vxlan_output, m, DROP_GONE));
			continue;
		}
		// what a frame asks of a device concerns headers that no device finds inside
		parts = dp_offload_finish(m, r.x->mtu, out, RTE_DIM(out));
		for (uint16_t p = 0; p < parts; p++)
			one(&r, out[p]);
	}
	flush(&r);
	return n;
}

DP_NODE(vxlan_output)
