// SPDX-License-Identifier: BSD-3-Clause
#include "router/frag/join.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/log.h"
#include "router/frag/reass.h"
#include "router/icmp.h"
#include "router/ip_priv.h"
#include <errno.h>
#include <rte_hash_crc.h>
#include <rte_tcp.h>

#define PACKETS        1024 // of one worker
#define PIECES         4096 // of one worker, or a 32nd of all buffers
#define SOURCE_PACKETS 64
#define SOURCE_PIECES  1024
#define AGE_MAX        32 // packets in one turn
#define TCP_FLAGS_END  16 // RFC 3128: a first fragment has TCP's flags

static const enum join_drop drop_of[] = {[REASS_DUPLICATE] = JOIN_DUPLICATE,
	[REASS_OVERLAP] = JOIN_OVERLAP,
	[REASS_FULL] = JOIN_FULL,
	[REASS_SOURCE] = JOIN_SOURCE,
	[REASS_PIECES] = JOIN_PIECES};

// One per worker: it alone writes; control reads the sums, and has it when the worker is gone.
static struct reass *tables[DP_MAX_WORKERS];
static uint64_t refused[DP_MAX_WORKERS];
static bool enabled;

uint64_t frag_flag;
int frag_note_offset = -1;

static void drop(const struct join *j, struct rte_mbuf *m, unsigned why) {
	rte_node_enqueue_x1(j->graph, j->node, dp_drop(j->self, m, why), m);
}

// The table gives buffers back one by one: on behalf of whom, and why.
static __thread struct {
	const struct join *j;
	unsigned why;
} giving_up;

static void release(void *buf) {
	drop(giving_up.j, buf, giving_up.why);
}

static void release_free(void *buf) {
	rte_pktmbuf_free(buf);
}

// ---- what a fragment says -------------------------------------------------------------------------------------

struct piece {
	struct reass_key key;
	struct reass_fragment f;
	uint32_t data; // from the start of the frame
	uint32_t at;   // IPv6: of the fragment header
	unsigned proto;
	int wrong;      // enum join_drop, or -1
	uint32_t error; // ip_error() for the sender instead of a drop; 0: none
};

bool join_reads_fragment(const struct rte_mbuf *m) {
	struct icmp6_upper upper;

	if (!ip_is_v6(m))
		return ip4_is_fragment(ip4_of(m));
	switch (ip6_of(m)->proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_FRAGMENT:
		return icmp6_upper_find(m, &upper) && upper.fragment;
	default:
		return false;
	}
}

static uint32_t upper_least(unsigned proto) {
	switch (proto) {
	case IPPROTO_TCP:
		return TCP_FLAGS_END;
	case IPPROTO_UDP:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 8;
	default:
		return 0;
	}
}

static void parse4(struct rte_mbuf *m, struct piece *p) {
	const struct rte_ipv4_hdr *ip = ip4_of(m);
	uint32_t field = rte_be_to_cpu_16(ip->fragment_offset), header = rte_ipv4_hdr_len(ip);
	uint32_t len = rte_be_to_cpu_16(ip->total_length) - header;

	memcpy(p->key.src, &ip->src_addr, 4);
	memcpy(p->key.dst, &ip->dst_addr, 4);
	p->key.id = ip->packet_id;
	p->key.proto = ip->next_proto_id;
	p->proto = ip->next_proto_id;
	p->data = m->l2_len + header;
	p->f.start = (field & RTE_IPV4_HDR_OFFSET_MASK) * 8;
	p->f.end = p->f.start + len;
	p->f.more = field & RTE_IPV4_HDR_MF_FLAG;
	if (header + p->f.end > UINT16_MAX)
		p->wrong = JOIN_TOO_LONG;
	else if (len == 0 || (p->f.more && len % 8 != 0))
		p->wrong = JOIN_LENGTH;
	else if (p->f.start == 0 && len < upper_least(p->proto))
		p->wrong = JOIN_TINY;
	else if (p->f.start == 8 && p->proto == IPPROTO_TCP)
		p->wrong = JOIN_TINY; // RFC 3128: would write over the flags
}

static void parse6(struct rte_mbuf *m, struct piece *p) {
	const struct rte_ipv6_hdr *ip = ip6_of(m);
	struct rte_ipv6_fragment_ext ext;
	struct icmp6_upper upper;
	uint32_t end = m->l2_len + sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);

	p->key.v6 = 1;
	memcpy(p->key.src, ip->src_addr, 16);
	memcpy(p->key.dst, ip->dst_addr, 16);
	if (!icmp6_upper_find(m, &upper) || upper.fragment_at + sizeof(ext) > end ||
		m->data_len < upper.fragment_at + sizeof(ext)) {
		p->wrong = JOIN_TRUNCATED;
		return;
	}
	memcpy(&ext, rte_pktmbuf_mtod_offset(m, void *, upper.fragment_at), sizeof(ext));
	p->at = upper.fragment_at;
	p->key.id = rte_be_to_cpu_32(ext.id);
	p->data = p->at + sizeof(ext);
	p->f.start = rte_be_to_cpu_16(ext.frag_data) & RTE_IPV6_EHDR_FO_MASK;
	p->f.end = p->f.start + end - p->data;
	p->f.more = rte_be_to_cpu_16(ext.frag_data) & RTE_IPV6_EHDR_MF_MASK;
	if (p->f.end + (p->at - m->l2_len - sizeof(*ip)) > UINT16_MAX) {
		p->wrong = JOIN_TOO_LONG; // the sender is told which field (RFC 8200 section 4.5)
		p->error = ip_error(ICMP6_PARAMETER, 0, p->at - m->l2_len + 2);
	} else if (end == p->data) {
		p->wrong = JOIN_LENGTH;
	} else if (p->f.more && (end - p->data) % 8 != 0) {
		p->wrong = JOIN_LENGTH;
		p->error = ip_error(ICMP6_PARAMETER, 0, offsetof(struct rte_ipv6_hdr, payload_len));
	} else if (p->f.start == 0 && end < upper.offset + upper_least(upper.proto)) {
		p->wrong = JOIN_TINY;
	}
}

static void parse(struct rte_mbuf *m, struct piece *p) {
	bool bridged = dp_meta(m)->iface == DP_NONE; // then each port that it leaves by has a copy

	*p = (struct piece){.wrong = -1,
		.f.buf = m,
		.key.vrf = (uint16_t)dp_meta(m)->domain,
		.key.copy = bridged ? dp_meta(m)->out + 1u : 0};
	if (ip_is_v6(m))
		parse6(m, p);
	else
		parse4(m, p);
	if (p->wrong < 0 && m->data_len < p->data)
		p->wrong = JOIN_TRUNCATED;
}

// All fragments of one source are one worker's, so that its share is one share.
static unsigned owner_of(const struct reass_key *key) {
	uint64_t word;

	memcpy(&word, key->src, sizeof(word));
	return dp_owner(rte_hash_crc_8byte(word, key->vrf));
}

// ---- the whole ------------------------------------------------------------------------------------------------

static uint32_t l4_type(unsigned proto) {
	switch (proto) {
	case IPPROTO_TCP:
		return RTE_PTYPE_L4_TCP;
	case IPPROTO_UDP:
		return RTE_PTYPE_L4_UDP;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return RTE_PTYPE_L4_ICMP;
	default:
		return 0;
	}
}

static void finish4(struct rte_mbuf *m) {
	struct rte_ipv4_hdr *ip = ip4_of(m);

	ip->total_length = rte_cpu_to_be_16((uint16_t)(m->pkt_len - m->l2_len));
	ip->fragment_offset &= RTE_BE16(RTE_IPV4_HDR_DF_FLAG);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (rte_be16_t)~rte_raw_cksum(ip, m->l3_len);
	m->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | l4_type(ip->next_proto_id);
}

// Takes the fragment header out: what is before it moves up.
static void finish6(struct rte_mbuf *m, uint32_t at) {
	uint8_t *start = rte_pktmbuf_mtod(m, uint8_t *);
	uint8_t next = start[at];

	memmove(start + RTE_IPV6_FRAG_HDR_SIZE, start, at);
	rte_pktmbuf_adj(m, RTE_IPV6_FRAG_HDR_SIZE);
	struct rte_ipv6_hdr *ip = ip6_of(m);
	uint8_t *name = &ip->proto, *ext = (uint8_t *)(ip + 1);
	while (ext < rte_pktmbuf_mtod(m, uint8_t *) + at) {
		name = ext;
		ext += (ext[1] + 1) * 8;
	}
	*name = next;
	ip->payload_len = rte_cpu_to_be_16((uint16_t)(m->pkt_len - m->l2_len - sizeof(*ip)));
	m->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV6 | l4_type(ip->proto);
}

// The first buffer has the headers, the others lose theirs. They are data from here on.
static struct rte_mbuf *join(struct rte_mbuf **bufs, unsigned n) {
	struct rte_mbuf *m = bufs[0];

	for (unsigned i = 1; i < n; i++) {
		rte_pktmbuf_adj(bufs[i], (uint16_t)dp_meta(bufs[i])->user);
		rte_pktmbuf_chain(m, bufs[i]);
	}
	m->ol_flags &= ~(RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK);
	return m;
}

static struct rte_mbuf *whole(const struct join *j, struct reass *table) {
	struct rte_mbuf *bufs[FRAG_PIECES], *m;
	struct piece first;
	uint32_t largest;
	unsigned n = reass_take(table, (void **)bufs, &largest);

	parse(bufs[0], &first);
	m = join(bufs, n);
	if (m->pkt_len - m->l2_len >
		UINT16_MAX + (first.key.v6 ? sizeof(struct rte_ipv6_hdr) + 8 : 0)) {
		drop(j, m, JOIN_TOO_LONG); // the first one's headers are longer than the others'
		return NULL;
	}
	if (first.key.v6)
		finish6(m, first.at);
	else
		finish4(m);
	m->ol_flags |= frag_flag;
	*frag_note(m) = (struct frag_note){.id = first.key.id,
		.max = (uint16_t)(largest + first.data - m->l2_len),
		.at = (uint16_t)(first.at - m->l2_len)};
	return m;
}

// What follows the IP packet on the wire is no part of it.
static void trim(struct rte_mbuf *m, const struct piece *p) {
	uint32_t end = p->data + p->f.end - p->f.start;

	while (m->pkt_len > end) {
		uint32_t over =
			RTE_MIN(m->pkt_len - end, (uint32_t)rte_pktmbuf_lastseg(m)->data_len);

		if (rte_pktmbuf_trim(m, (uint16_t)over) != 0 || over == 0)
			break;
	}
}

static void refuse(const struct join *j, struct rte_mbuf *m, const struct piece *p) {
	if (p->error) {
		dp_meta(m)->user = p->error;
		rte_node_enqueue_x1(j->graph, j->node, j->error, m);
	} else {
		drop(j, m, (unsigned)p->wrong);
	}
}

struct rte_mbuf *join_take(const struct join *j, struct rte_mbuf *m) {
	struct piece p;

	parse(m, &p);
	if (p.wrong < 0 && (m->ol_flags & RTE_MBUF_F_TX_L4_MASK) && dp_offload_now(m) != 0)
		p.wrong = JOIN_CHECKSUM;
	if (p.wrong >= 0) {
		refuse(j, m, &p);
		return NULL;
	}
	unsigned owner = owner_of(&p.key);
	if (owner != dp_self->id) {
		rte_node_enqueue_x1(j->graph, j->node, dp_hand_over(j->self, m, owner), m);
		return NULL;
	}
	trim(m, &p);
	dp_meta(m)->user = p.data;
	giving_up.j = j;
	giving_up.why = JOIN_OVERLAP;
	struct reass *table = tables[owner];
	enum reass_verdict verdict = reass_add(table, &p.key, &p.f, dp_self->now_ns, release);
	if (verdict == REASS_WHOLE)
		return whole(j, table);
	if (verdict == REASS_FULL)
		__atomic_store_n(&refused[owner], refused[owner] + 1, __ATOMIC_RELAXED);
	if (verdict != REASS_HELD)
		drop(j, m, drop_of[verdict]);
	return NULL;
}

// ---- time -----------------------------------------------------------------------------------------------------

static void late_one(void *first, void *arg) {
	const struct join *j = arg;
	struct rte_mbuf *m = first;

	if (m == NULL)
		return;
	dp_meta(m)->user = ip_is_v6(m) ? ip_error(ICMP6_TIME, ICMP_REASSEMBLY, 0)
				       : ip_error(ICMP4_TIME, ICMP_REASSEMBLY, 0);
	rte_node_enqueue_x1(j->graph, j->node, j->error, m);
}

void join_age(const struct join *j, unsigned late) {
	struct reass *table = tables[dp_self->id];

	if (!__atomic_load_n(&enabled, __ATOMIC_RELAXED) ||
		likely(reass_next_ns(table) > dp_self->now_ns))
		return;
	giving_up.j = j;
	giving_up.why = late;
	reass_age(table, dp_self->now_ns, AGE_MAX, late_one, (void *)(uintptr_t)j, release);
}

// ---- control --------------------------------------------------------------------------------------------------

void frag_room(uint32_t *packets, uint32_t *pieces) {
	*packets = PACKETS;
	*pieces = dp_pool() ? RTE_MIN((uint32_t)PIECES, dp_pool()->size / 32) : PIECES;
}

int frag_init(struct err *err) {
	static const struct rte_mbuf_dynfield field = {.name = "leat_frag",
		.size = sizeof(struct frag_note),
		.align = __alignof__(struct frag_note)};
	static const struct rte_mbuf_dynflag flag = {.name = "leat_frag"};
	struct reass_limits limits = {.source_packets = SOURCE_PACKETS,
		.source_pieces = SOURCE_PIECES,
		.packet_pieces = FRAG_PIECES};
	int bit = rte_mbuf_dynflag_register(&flag);

	frag_note_offset = rte_mbuf_dynfield_register(&field);
	if (bit < 0 || frag_note_offset < 0)
		return err_set(err, -ENOSPC, "no room in packet buffers for fragments");
	frag_flag = RTE_BIT64(bit);
	frag_room(&limits.packets, &limits.pieces);
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		tables[w] = reass_new(&limits);
		if (tables[w] == NULL)
			return err_set(err, -ENOMEM, "out of memory for fragments");
	}
	return 0;
}

void frag_fini(void) {
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		if (tables[w])
			reass_flush(tables[w], release_free);
		reass_free(tables[w]);
		tables[w] = NULL;
	}
}

void join_enable(bool on) {
	if (enabled == on)
		return;
	__atomic_store_n(&enabled, on, __ATOMIC_RELAXED);
	if (on)
		return;
	dp_sync(); // now nobody is in a table: no interface leads there
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++)
		reass_flush(tables[w], release_free);
}

void frag_poll(uint64_t now_ns) {
	static uint64_t said_ns, said;
	uint64_t sum = 0;

	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		sum += __atomic_load_n(&refused[w], __ATOMIC_RELAXED);
		if (w >= dp_worker_count() && dp_worker_count() > 0)
			reass_flush(tables[w], release_free);
	}
	if (sum == said || now_ns - said_ns < 60 * NSEC_PER_SEC)
		return;
	log_warn("router", "fragments are refused for want of room", "refused=%llu",
		(unsigned long long)sum);
	event_emit("router.fragments-full", json_pack("{s:I}", "refused", (json_int_t)sum));
	said = sum;
	said_ns = now_ns;
}
