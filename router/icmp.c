// SPDX-License-Identifier: BSD-3-Clause
#include "router/icmp.h"
#include <netinet/in.h>
#include <rte_ip.h>

static bool is_extension(unsigned proto) {
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS ||
		proto == IPPROTO_FRAGMENT || proto == IPPROTO_AH;
}

static uint32_t extension_len(unsigned proto, const uint8_t *ext) {
	if (proto == IPPROTO_FRAGMENT)
		return 8;
	return proto == IPPROTO_AH ? (ext[1] + 2u) * 4 : (ext[1] + 1u) * 8;
}

bool icmp6_upper_find(const struct rte_mbuf *m, struct icmp6_upper *upper) {
	uint8_t buf[sizeof(struct rte_ipv6_hdr)];
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_read(m, m->l2_len, sizeof(*ip), buf);

	if (ip == NULL)
		return false;
	*upper = (struct icmp6_upper){.offset = m->l2_len + sizeof(*ip), .proto = ip->proto};
	for (unsigned i = 0; i < 8; i++) {
		const uint8_t *at =
			rte_pktmbuf_read(m, upper->offset, is_extension(upper->proto) ? 8 : 1, buf);

		if (at == NULL)
			return false;
		if (!is_extension(upper->proto) || upper->later_fragment) {
			upper->type = at[0];
			return true;
		}
		if (upper->proto == IPPROTO_FRAGMENT) {
			upper->fragment = true;
			upper->later_fragment = (at[2] << 8 | at[3]) >> 3 != 0;
		}
		upper->offset += extension_len(upper->proto, at);
		upper->proto = at[0];
	}
	return false;
}
