// SPDX-License-Identifier: BSD-3-Clause
// Gives up packets whose fragments did not all come in time (RFC 791, 8200 section 4.5): 30 s for IPv4, 60 s for IPv6.
#include "router/frag/join.h"

enum { NEXT_ERROR };

enum { DROP_TIMEOUT };

static const struct dp_drop ip_reass_age_drops[] = {
	{"timeout", "the other fragments did not come in time"}, {0}};

static const char *const ip_reass_age_next[] = {[NEXT_ERROR] = "icmp_error", NULL};

static struct dp_node ip_reass_age = {
	.name = "ip_reass_age",
	.help = "gives up packets whose fragments did not come in time",
	.source = true,
	.next = ip_reass_age_next,
	.drops = ip_reass_age_drops,
};

static uint16_t ip_reass_age_process(
	struct rte_graph *graph, struct rte_node *node, void **, uint16_t) {
	const struct join j = {&ip_reass_age, graph, node, NEXT_ERROR};

	join_age(&j, DROP_TIMEOUT);
	return 0;
}

DP_NODE(ip_reass_age)
