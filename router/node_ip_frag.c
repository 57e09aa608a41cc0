// SPDX-License-Identifier: BSD-3-Clause
// Fragmentation on the way: each fragment goes by ip_rewrite as if it had come so. IPv6 cuts only what the router itself says.
#include "router/frag/frag.h"
#include "router/ip_priv.h"
#include <rte_random.h>

enum { NEXT_REWRITE };

enum { DROP_NO_BUFFER, DROP_OFFLOAD };

static const struct dp_drop ip_frag_drops[] = {
	{"no_buffer", "no buffers are free for the fragments, or they would be too many"},
	{"offload", "its checksum cannot be completed before it is cut"},
	{0},
};

static const char *const ip_frag_next[] = {[NEXT_REWRITE] = "ip_rewrite", NULL};

static struct dp_node ip_frag = {
	.name = "ip_frag",
	.help = "cuts packets that are longer than the MTU",
	.next = ip_frag_next,
	.drops = ip_frag_drops,
};

static unsigned cut(const struct rte_mbuf *m, void **out) {
	uint32_t mtu = rtr_nhs[ip_meta(m)->user].mtu;

	if (!ip_is_v6(m))
		return mtu < 68 ? 0 : frag_cut4(m, mtu, out);
	// an identification that nobody can guess (RFC 7739)
	return frag_cut6(m, mtu, (uint32_t)rte_rand(), sizeof(struct rte_ipv6_hdr), out);
}

static uint16_t ip_frag_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	void *out[FRAG_PIECES];

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i];

		if (dp_offload_now(m) != 0) {
			rte_node_enqueue_x1(graph, node, dp_drop(&ip_frag, m, DROP_OFFLOAD), m);
			continue;
		}
		unsigned count = cut(m, out);
		if (count == 0) {
			rte_node_enqueue_x1(graph, node, dp_drop(&ip_frag, m, DROP_NO_BUFFER), m);
			continue;
		}
		rte_node_enqueue(graph, node, NEXT_REWRITE, out, (uint16_t)count);
		rte_pktmbuf_free(m);
	}
	return n;
}

DP_NODE(ip_frag)
