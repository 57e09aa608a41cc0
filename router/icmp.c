// SPDX-License-Identifier: BSD-3-Clause
#include "router/icmp.h"
#include "router/ip_priv.h"
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
			upper->fragment_at = upper->offset;
			upper->fragment = ((at[2] << 8 | at[3]) & ~6) != 0;
			upper->later_fragment = (at[2] << 8 | at[3]) >> 3 != 0;
		}
		upper->offset += extension_len(upper->proto, at);
		upper->proto = at[0];
	}
	return false;
}

// ---- as the destination sees it -----------------------------------------------------------------------------

#define EXTENSION_MAX (256 * 8)

struct chain {
	const struct rte_mbuf *m;
	uint32_t name; // where the present header is named, from the IPv6 header on
	uint32_t at;   // where it is
	uint32_t *error;
	bool group; // sent to a group
};

static bool tell(const struct chain *c, unsigned code, uint32_t pointer) {
	if (!c->group || code == 2) // RFC 4443 section 2.4 (e.3)
		*c->error = ip_error(ICMP6_PARAMETER, code, pointer);
	return false;
}

// RFC 8200 section 4.2: the two high bits of an option say what becomes of those that do not know it.
static bool unknown_option(const struct chain *c, unsigned type, uint32_t at) {
	switch (type >> 6) {
	case 0:
		return true;
	case 1:
		return false;
	case 2:
		return tell(c, 2, at);
	default:
		return c->group ? false : tell(c, 2, at);
	}
}

static bool options_ok(const struct chain *c, const uint8_t *ext, uint32_t len) {
	enum { PAD1, PADN, ROUTER_ALERT = 5 };
	uint32_t size;

	for (uint32_t i = 2; i < len; i += size) {
		size = 1;
		if (ext[i] == PAD1)
			continue;
		if (i + 2 > len || i + 2 + ext[i + 1] > len)
			return false;
		size = 2u + ext[i + 1];
		if (ext[i] != PADN && ext[i] != ROUTER_ALERT &&
			!unknown_option(c, ext[i], c->at + i))
			return false;
	}
	return true;
}

static bool extension_ok(const struct chain *c, unsigned proto, const uint8_t *ext, uint32_t len) {
	switch (proto) {
	case IPPROTO_HOPOPTS:
		if (c->at != sizeof(struct rte_ipv6_hdr))
			return tell(c, 1, c->name);
		return options_ok(c, ext, len);
	case IPPROTO_DSTOPTS:
		return options_ok(c, ext, len);
	case IPPROTO_ROUTING: // we are no way point: RFC 5095, RFC 8200 section 4.4
		return ext[3] == 0 || tell(c, 0, c->at + 2);
	default:
		return true;
	}
}

bool icmp6_chain_ok(const struct rte_mbuf *m, uint32_t *error) {
	const struct rte_ipv6_hdr *ip = ip6_of(m);
	struct chain c = {.m = m,
		.name = offsetof(struct rte_ipv6_hdr, proto),
		.at = sizeof(*ip),
		.error = error,
		.group = ip6_is_group(ip->dst_addr)};
	uint32_t end = sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len), len;
	uint8_t buf[EXTENSION_MAX];
	unsigned proto = ip->proto;

	for (unsigned i = 0; i < 8; i++) {
		if (!is_extension(proto))
			return true;
		const uint8_t *ext = rte_pktmbuf_read(m, m->l2_len + c.at, 8, buf);
		if (ext == NULL)
			return false;
		len = extension_len(proto, ext);
		ext = c.at + len <= end ? rte_pktmbuf_read(m, m->l2_len + c.at, len, buf) : NULL;
		if (ext == NULL || !extension_ok(&c, proto, ext, len))
			return false;
		if (proto == IPPROTO_FRAGMENT && (ext[2] << 8 | ext[3]) >> 3 != 0)
			return true; // what follows is no header
		proto = ext[0];
		c.name = c.at;
		c.at += len;
	}
	return false;
}
