// SPDX-License-Identifier: BSD-3-Clause
// Tells the sender why its packet goes no further (RFC 792, 1812 section 4.3, 4443 section 2.4). What to say is in dp_meta.user
// (ip_error()). At most so many per source and second, and none that could answer an answer.
#include "dataplane/session/session.h"
#include "lib/bucket.h"
#include "router/icmp.h"
#include "router/ip_priv.h"
#include <rte_hash_crc.h>
#include <rte_icmp.h>
#include <stdio.h>

#define SOURCES      4096 // buckets, by the hash of the source: v4 its address, v6 its /64
#define RATE_SOURCE  20
#define BURST_SOURCE 20
#define RATE_ALL     2000 // of one worker
#define QUOTE4       (576 - 20 - 8)
#define QUOTE6       (1280 - 40 - 8)

enum { NEXT_LOOKUP, NEXT_NAT64 };

enum { DROP_SILENT, DROP_RATE, DROP_NO_BUFFER, DROP_NO_ADDRESS };

static const struct dp_drop icmp_error_drops[] = {
	[DROP_SILENT] = {"silent",
		"no answer may be sent: an ICMP error, a later fragment, a group or no host"},
	[DROP_RATE] = {"rate", "this source has had its answers for now"},
	[DROP_NO_BUFFER] = {"no_buffer", "no buffer is free for the answer"},
	[DROP_NO_ADDRESS] = {"no_address",
		"the interface has no address of this family to answer from"},
	{0},
};

static const char *const icmp_error_next[] = {
	[NEXT_LOOKUP] = "ip_lookup", [NEXT_NAT64] = "nat64", NULL};

static int icmp_error_trace(const struct rte_mbuf *m, char *buf, size_t size) {
	uint32_t what = ip_meta(m)->user;

	return snprintf(buf, size, "ICMP%s type %u code %u", ip_is_v6(m) ? "v6" : "", what >> 24,
		what >> 16 & 0xff);
}

static struct dp_node icmp_error = {
	.name = "icmp_error",
	.help = "answers with an ICMP error",
	.next = icmp_error_next,
	.drops = icmp_error_drops,
	.trace = icmp_error_trace,
};

struct limiter {
	_Atomic uint64_t all, sources[SOURCES];
};
static struct limiter limiters[DP_MAX_WORKERS]; // each worker its own

bool icmp_error_rate(const struct rte_mbuf *m) {
	const struct bucket_limit source = bucket_limit_of(RATE_SOURCE, BURST_SOURCE);
	const struct bucket_limit all = bucket_limit_of(RATE_ALL, RATE_ALL / 10);
	struct limiter *l = &limiters[dp_self->id];
	uint64_t key = 0;

	if (dp_self->explains)
		return true;
	if (ip_is_v6(m))
		memcpy(&key, ip6_of(m)->src_addr, sizeof(key));
	else
		key = ip4_of(m)->src_addr;
	key = rte_hash_crc_8byte(key, 0) % SOURCES;
	return bucket_take(&l->sources[key], &source, dp_self->now_ns) &&
		bucket_take(&l->all, &all, dp_self->now_ns);
}

static bool link_group(const struct rte_mbuf *m) {
	return m->port != UINT16_MAX &&
		rte_is_multicast_ether_addr(rte_pktmbuf_mtod(m, const struct rte_ether_addr *));
}

// A broadcast address is a local one to the tables.
static bool broadcast(const struct rte_mbuf *m, unsigned vrf) {
	struct addr dst = {.family = ADDR_V4};

	memcpy(dst.bytes, &ip4_of(m)->dst_addr, 4);
	for (unsigned i = 0; i < DP_MAX_IFACES; i++) {
		const struct rtr_iface *iface = rtr_iface(i);

		if (iface && iface->vrf == vrf && rtr_iface_broadcast(iface, &dst))
			return true;
	}
	return false;
}

// RFC 1812 section 4.3.2.7
static bool may_answer4(const struct rte_mbuf *m) {
	const struct rte_ipv4_hdr *ip = ip4_of(m);
	const uint8_t *src = (const uint8_t *)&ip->src_addr, *dst = (const uint8_t *)&ip->dst_addr;

	if ((ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK)) || link_group(m))
		return false;
	if (ip4_octet(src[0]) & IP4_SRC_BAD || ip4_octet(dst[0]) & IP4_DST_GROUP)
		return false;
	if (ip->next_proto_id != IPPROTO_ICMP)
		return true;
	uint8_t buf;
	const uint8_t *type = rte_pktmbuf_read(m, RTE_ETHER_HDR_LEN + m->l3_len, 1, &buf);
	return type && icmp4_is_query(*type);
}

// RFC 4443 section 2.4 (e)
static bool may_answer6(const struct rte_mbuf *m, unsigned error_type) {
	const struct rte_ipv6_hdr *ip = ip6_of(m);
	struct icmp6_upper upper;

	if (ip6_is_group(ip->src_addr) || ip6_is_zero(ip->src_addr) ||
		ip6_is_link_local(ip->src_addr))
		return false;
	// an option that is not known may be told of to a group, too; what asks for that is judged where it is found
	if ((ip6_is_group(ip->dst_addr) || link_group(m)) && error_type != ICMP6_TOO_BIG &&
		error_type != ICMP6_PARAMETER)
		return false;
	if (!icmp6_upper_find(m, &upper))
		return true; // the chain ends early: nothing says that it is an error
	return upper.proto != IPPROTO_ICMPV6 || upper.later_fragment || upper.type >= 128;
}

static struct rte_mbuf *quote(const struct rte_mbuf *m, uint32_t headers, uint32_t most) {
	uint32_t len = RTE_MIN(m->pkt_len - RTE_ETHER_HDR_LEN, most);
	struct rte_mbuf *e = rte_pktmbuf_alloc(dp_pool());
	uint8_t *at =
		e ? (uint8_t *)rte_pktmbuf_append(e, RTE_ETHER_HDR_LEN + headers + len) : NULL;

	if (at == NULL) {
		rte_pktmbuf_free(e);
		return NULL;
	}
	memset(at, 0, RTE_ETHER_HDR_LEN + headers);
	at += RTE_ETHER_HDR_LEN + headers;
	const void *from = rte_pktmbuf_read(m, RTE_ETHER_HDR_LEN, len, at);
	if (from != at)
		memcpy(at, from, len);
	return e;
}

static void error4_fill(
	struct rte_mbuf *e, const struct rte_mbuf *m, const struct addr *src, uint32_t what) {
	struct rte_ipv4_hdr *ip = ip4_of(e);
	struct rte_icmp_hdr *icmp = (struct rte_icmp_hdr *)(ip + 1);
	uint32_t len = e->pkt_len - RTE_ETHER_HDR_LEN;

	*ip = (struct rte_ipv4_hdr){.version_ihl = 0x45,
		.type_of_service = 0xc0, // internetwork control (RFC 1812 section 4.3.2.5)
		.total_length = rte_cpu_to_be_16((uint16_t)len),
		.time_to_live = ICMP_TTL,
		.next_proto_id = IPPROTO_ICMP,
		.dst_addr = ip4_of(m)->src_addr};
	memcpy(&ip->src_addr, src->bytes, sizeof(ip->src_addr));
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	icmp->icmp_type = (uint8_t)(what >> 24);
	icmp->icmp_code = (uint8_t)(what >> 16);
	if (icmp->icmp_type == ICMP4_PARAMETER)
		icmp->icmp_ident = rte_cpu_to_be_16((uint16_t)(what << 8)); // where in the header
	else
		icmp->icmp_seq_nb =
			rte_cpu_to_be_16((uint16_t)what); // MTU of the next hop (RFC 1191)
	icmp->icmp_cksum = (rte_be16_t)~rte_raw_cksum(icmp, len - sizeof(*ip));
}

static void error6_fill(
	struct rte_mbuf *e, const struct rte_mbuf *m, const struct addr *src, uint32_t what) {
	struct rte_ipv6_hdr *ip = ip6_of(e);
	struct icmp6_header *icmp = (struct icmp6_header *)(ip + 1);
	uint32_t len = e->pkt_len - RTE_ETHER_HDR_LEN - sizeof(*ip);

	*ip = (struct rte_ipv6_hdr){.vtc_flow = RTE_BE32(0x6c000000),
		.payload_len = rte_cpu_to_be_16((uint16_t)len),
		.proto = IPPROTO_ICMPV6,
		.hop_limits = ICMP_TTL};
	memcpy(ip->src_addr, src->bytes, 16);
	memcpy(ip->dst_addr, ip6_of(m)->src_addr, 16);
	icmp->type = (uint8_t)(what >> 24);
	icmp->code = (uint8_t)(what >> 16);
	icmp->value = rte_cpu_to_be_32(what & 0xffff);
	icmp->checksum = rte_ipv6_udptcp_cksum(ip, icmp);
}

bool icmp_error_may(const struct rte_mbuf *m, uint32_t what) {
	return ip_is_v6(m) ? may_answer6(m, what >> 24) : may_answer4(m);
}

struct rte_mbuf *icmp_error_make(const struct rte_mbuf *m, const struct addr *src, uint32_t what) {
	bool v6 = src->family == ADDR_V6;
	struct rte_mbuf *e = quote(m, (v6 ? 40 : 20) + 8, v6 ? QUOTE6 : QUOTE4);

	if (e == NULL)
		return NULL;
	if (v6)
		error6_fill(e, m, src, what);
	else
		error4_fill(e, m, src, what);
	return e;
}

// The answer, or NULL with the reason in *why.
static struct rte_mbuf *answer(const struct rte_mbuf *m, uint32_t what, unsigned *why) {
	const struct rtr_iface *iface = rtr_iface(ip_meta(m)->iface);
	bool v6 = ip_is_v6(m);
	struct addr to = {.family = v6 ? ADDR_V6 : ADDR_V4};

	*why = DROP_SILENT;
	if (iface == NULL || !icmp_error_may(m, what))
		return NULL;
	*why = DROP_RATE;
	if (!icmp_error_rate(m))
		return NULL;
	*why = DROP_SILENT;
	if (!v6 && broadcast(m, iface->vrf))
		return NULL;
	*why = DROP_NO_ADDRESS;
	memcpy(to.bytes, v6 ? (void *)ip6_of(m)->src_addr : (void *)&ip4_of(m)->src_addr,
		v6 ? 16 : 4);
	const struct addr *src = rtr_iface_source(iface, &to);
	if (src == NULL)
		return NULL;
	*why = DROP_NO_BUFFER;
	struct rte_mbuf *e = icmp_error_make(m, src, what);
	if (e)
		ip_own(e, iface->vrf, v6);
	return e;
}

static uint16_t icmp_error_process(
	struct rte_graph *graph, struct rte_node *node, void **objs, uint16_t n) {
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = objs[i], *e;
		unsigned why;

		// What was translated is told of as a router behind this one would tell, in its family: the error is translated as theirs are. Of all
		// else the sender hears what it sent.
		session_ref answers = session_origin(m, &dp_meta(m)->iface);
		e = answer(m, dp_meta(m)->user, &why);
		if (e == NULL) {
			rte_node_enqueue_x1(graph, node, dp_drop(&icmp_error, m, why), m);
			continue;
		}
		e->ol_flags |= m->ol_flags & dp_trace_flag;
		if (answers != 0)
			dp_meta(e)->user = answers;
		rte_node_enqueue_x1(graph, node, answers ? NEXT_NAT64 : NEXT_LOOKUP, e);
		rte_pktmbuf_free(m);
	}
	return n;
}

DP_NODE(icmp_error)
