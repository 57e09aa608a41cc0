// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "bench/pktgen/flows.h"
#include "bench/pktgen/check.h"
#include "bench/pktgen/dst_list.h"
#include "bench/pktgen/zipf.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ETHER_LEN   14
#define TAG_LEN     4
#define IP4_LEN     20
#define IP6_LEN     40
#define UDP_LEN     8
#define TCP_LEN     20
#define FCS_LEN     4
#define PROTO_TCP   6
#define PROTO_UDP   17
#define TTL         64
#define PIECE       16
#define CYCLE_SHIFT 12 // bits of sequence numbers that a connection has for itself
#define LCG_FACTOR  6364136223846793005ull // Knuth's MMIX
#define LCG_ADD     1442695040888963407ull
#define DRAWS_MIN   (1u << 16)
#define DRAWS_MAX   (1u << 20)

enum tcp_flag { FIN = 0x01, SYN = 0x02, PSH = 0x08, ACK = 0x10 };

// Shapes that have a loop of their own; the others share one that looks at everything.
enum kind {
	KIND_ANY,
	KIND_ETHER,
	KIND_IP4_UDP,
	KIND_IP4_UDP_LIST,
	KIND_IP4_UDP_TRAILER,
	KIND_IP6_UDP,
	KIND_IP6_UDP_LIST
};

// ---- arithmetic ------------------------------------------------------------------------------------------------

// For by = 1 the inverse would be 2^64 itself.
static struct flows_by by_make(uint32_t by, uint32_t larger_than_any) {
	if (by == 1 || by >= larger_than_any)
		return (struct flows_by){.by = by, .mask = by == 1 ? 0 : UINT32_MAX};
	return (struct flows_by){.inverse = UINT64_MAX / by + 1, .by = by};
}

static inline uint32_t mod(uint32_t n, struct flows_by d) {
	if (d.inverse == 0)
		return n & d.mask;
	return (uint32_t)((unsigned __int128)(d.inverse * n) * d.by >> 64);
}

static inline uint32_t quotient(uint32_t n, struct flows_by d) {
	if (d.inverse == 0)
		return n & ~d.mask;
	return (uint32_t)((unsigned __int128)d.inverse * n >> 64);
}

// The one's complement of a sum of words: what a checksum field holds (RFC 1071, in any order of bytes).
static inline uint16_t checksum(uint64_t sum) {
	uint32_t half = (uint32_t)((sum + (sum >> 32 | sum << 32)) >> 32);

	return (uint16_t) ~((half + (half >> 16 | half << 16)) >> 16);
}

static inline void store16(uint8_t *at, uint16_t value) {
	memcpy(at, &value, 2);
}

static inline void store32(uint8_t *at, uint32_t value) {
	memcpy(at, &value, 4);
}

static inline void store64(uint8_t *at, uint64_t value) {
	memcpy(at, &value, 8);
}

static inline uint32_t load32(const uint8_t *at) {
	uint32_t value;

	memcpy(&value, at, 4);
	return value;
}

static inline uint64_t load64(const uint8_t *at) {
	uint64_t value;

	memcpy(&value, at, 8);
	return value;
}

static void store16_net(uint8_t *at, unsigned value) {
	store16(at, __builtin_bswap16((uint16_t)value));
}

// ---- one packet ----------------------------------------------------------------------------------------------------

// Stores through bytes may change anything, so loops work on a copy of what they read: `v` is on the stack.

struct pair {
	uint64_t a, b; // of side 0 and of side 1
};

static inline struct pair turned(const struct flows_vary *v, struct pair pair) {
	return v->side ? (struct pair){pair.b, pair.a} : pair;
}

static inline void stations(const struct flows_vary *v, uint32_t n, bool plain, uint8_t *head) {
	uint32_t station = __builtin_bswap32(plain ? n : mod(n, v->macs));

	if (!v->fixed_mac)
		store32(head + 2, station);
	store32(head + 8, station);
}

static inline const uint8_t *listed(
	const struct flows_vary *v, uint32_t flow, bool plain, unsigned width) {
	return v->list + (size_t)(plain ? flow : mod(flow, v->listed)) * width;
}

// Sum of both, as words in memory. `n`: number of the pair of addresses.
static inline uint64_t ip4_addresses(
	const struct flows_vary *v, uint32_t flow, uint32_t n, bool plain, bool list, uint8_t *ip) {
	uint32_t a = v->src4 + (plain ? n : mod(n, v->srcs));
	uint32_t b = v->dst4 + (plain ? n : mod(n, v->dsts)) * (uint32_t)v->dst_step;
	struct pair from_to = turned(v, (struct pair){__builtin_bswap32(a), __builtin_bswap32(b)});

	if (list)
		from_to.b = load32(listed(v, flow, plain, 4));
	store64(ip + 12, from_to.a | from_to.b << 32);
	return from_to.a + from_to.b;
}

static inline uint64_t halves(uint64_t word) {
	return (word & UINT32_MAX) + (word >> 32);
}

static inline uint64_t ip6_addresses(
	const struct flows_vary *v, uint32_t flow, uint32_t n, bool plain, bool list, uint8_t *ip) {
	uint64_t a = v->src6 + (plain ? n : mod(n, v->srcs)), high = 0;
	uint64_t b = v->dst6 + (plain ? n : mod(n, v->dsts)) * v->dst_step;
	struct pair from_to = turned(v, (struct pair){__builtin_bswap64(a), __builtin_bswap64(b)});

	if (list) {
		const uint8_t *to = listed(v, flow, plain, 16);
		high = load64(to);
		from_to.b = load64(to + 8);
		store64(ip + 24, high);
	}
	store64(ip + 16, from_to.a);
	store64(ip + 32, from_to.b);
	return halves(from_to.a) + halves(from_to.b) + halves(high);
}

static inline uint32_t l4_ports(const struct flows_vary *v, uint32_t q, uint8_t *l4) {
	uint16_t a = (uint16_t)(PROFILE_PORT_BASE + mod(q, v->sports));
	uint16_t b = (uint16_t)(PROFILE_PORT_BASE + mod(quotient(q, v->sports), v->dports));
	struct pair from_to = turned(v, (struct pair){__builtin_bswap16(a), __builtin_bswap16(b)});
	uint32_t ports = (uint32_t)(from_to.a | from_to.b << 16);

	store32(l4, ports);
	return ports;
}

// Numbers of a connection begin at its flow's place, so that the sink finds the flow whatever addresses became of it.
static inline uint64_t tcp_numbers(const struct flows_template *t, uint32_t n, uint8_t *l4) {
	uint32_t seq = __builtin_bswap32((n << CYCLE_SHIFT) + t->seq);
	uint32_t ack = t->ack ? __builtin_bswap32((n << CYCLE_SHIFT) + t->ack) : 0;

	store32(l4 + 4, seq);
	store32(l4 + 8, ack);
	return (uint64_t)seq + ack;
}

// A UDP checksum that comes out as zero is sent as its other zero (RFC 768).
static inline uint16_t udp_checksum(uint64_t sum) {
	uint16_t value = checksum(sum);

	return value ? value : 0xffff;
}

static void any_write(
	const struct flows *f, const struct flows_template *t, uint32_t n, uint8_t *head) {
	const struct flows_vary *v = &f->vary;
	uint32_t pair_index = mod(n, v->hosts), q = quotient(n, v->hosts);
	uint8_t *ip = head + f->l3, *l4 = head + f->l4;
	uint64_t sum;

	for (unsigned i = 0; i < f->pieces; i++)
		memcpy(head + i * PIECE, t->head + i * PIECE, PIECE);
	stations(v, n, false, head);
	if (v->vlan)
		store16(head + ETHER_LEN,
			__builtin_bswap16((uint16_t)(v->vlan + mod(n, v->vlans))));
	if (f->profile.l3 == PROFILE_L3_NONE)
		return;
	if (f->profile.l3 == PROFILE_IP4) {
		sum = ip4_addresses(v, n, pair_index, false, v->list != NULL, ip);
		store16(ip + 10, checksum(t->ip_sum + sum));
	} else {
		sum = ip6_addresses(v, n, pair_index, false, v->list != NULL, ip);
	}
	sum += t->l4_sum + l4_ports(v, q, l4);
	if (f->profile.l4 == PROFILE_UDP) {
		store16(l4 + 6, udp_checksum(sum));
		return;
	}
	if (f->profile.tcp == PROFILE_TCP_CYCLE)
		sum += tcp_numbers(t, n, l4);
	store16(l4 + 16, checksum(sum));
}

static inline __attribute__((always_inline)) void ether_write(const struct flows_vary *v,
	const struct flows_template *t, uint32_t n, uint8_t *head, const bool plain) {
	memcpy(head, t->head, PIECE);
	stations(v, n, plain, head);
}

static inline __attribute__((always_inline)) void ip4_udp_write(const struct flows_vary *v,
	const struct flows_template *t, uint32_t n, uint8_t *head, const unsigned pieces,
	const bool plain, const bool list) {
	uint8_t *ip = head + ETHER_LEN, *l4 = ip + IP4_LEN;
	uint32_t pair_index = plain ? n : mod(n, v->hosts), q = plain ? 0 : quotient(n, v->hosts);
	uint64_t sum;

	memcpy(head, t->head, pieces * PIECE);
	stations(v, n, false, head);
	sum = ip4_addresses(v, n, pair_index, plain, list, ip);
	store16(ip + 10, checksum(t->ip_sum + sum));
	store16(l4 + 6, udp_checksum(sum + t->l4_sum + l4_ports(v, q, l4)));
}

static inline __attribute__((always_inline)) void ip6_udp_write(const struct flows_vary *v,
	const struct flows_template *t, uint32_t n, uint8_t *head, const bool plain,
	const bool list) {
	uint8_t *ip = head + ETHER_LEN, *l4 = ip + IP6_LEN;
	uint32_t pair_index = plain ? n : mod(n, v->hosts), q = plain ? 0 : quotient(n, v->hosts);
	uint64_t sum;

	memcpy(head, t->head, 4 * PIECE);
	stations(v, n, false, head);
	sum = ip6_addresses(v, n, pair_index, plain, list, ip);
	store16(l4 + 6, udp_checksum(sum + t->l4_sum + l4_ports(v, q, l4)));
}

uint16_t flows_write(const struct flows *f, uint32_t flow, unsigned size, uint8_t *head) {
	const struct flows_template *t = &f->templates[size];

	any_write(f, t, flow, head);
	return t->len;
}

// ---- bursts ----------------------------------------------------------------------------------------------------------

static void in_turn(
	struct flows_cursor *c, const struct flows *f, struct flows_packet *packets, unsigned n) {
	uint32_t next = c->next, step = c->step, first = c->first, flows = f->profile.flows;

	for (unsigned i = 0; i < n; i++) {
		packets[i].flow = next;
		next = next + step < flows ? next + step : first;
	}
	c->next = next;
}

static void at_random(struct flows_cursor *c, struct flows_packet *packets, unsigned n) {
	uint64_t random = c->random;

	for (unsigned i = 0; i < n; i++) {
		random = random * LCG_FACTOR + LCG_ADD;
		packets[i].flow = (uint32_t)((random >> 32) * c->count >> 32) * c->step + c->first;
	}
	c->random = random;
}

// The queue's flow that is next to the one drawn.
static void as_drawn(
	struct flows_cursor *c, const struct flows *f, struct flows_packet *packets, unsigned n) {
	for (unsigned i = 0; i < n; i++) {
		uint32_t flow = f->draws[c->draw];
		if (c->step > 1) {
			flow = flow / c->step * c->step + c->first;
			flow = flow < f->profile.flows ? flow : c->first;
		}
		packets[i].flow = flow;
		c->draw = c->draw + 1 < f->n_draws ? c->draw + 1 : 0;
	}
}

static void sizes_pick(
	struct flows_cursor *c, const struct flows *f, struct flows_packet *packets, unsigned n) {
	uint32_t turn = c->turn;

	for (unsigned i = 0; i < n; i++) {
		packets[i].size = f->turns[turn];
		packets[i].len = f->templates[packets[i].size].len;
		turn = turn + 1 < f->n_turns ? turn + 1 : 0;
	}
	c->turn = turn;
}

// One loop per shape; `plain` and `one` (size) are constants in each copy of it.
static inline __attribute__((always_inline)) void burst_write(const struct flows *f,
	uint8_t *const *heads, struct flows_packet *packets, unsigned n, const unsigned kind,
	const bool plain, const bool one) {
	const struct flows_vary v = f->vary;
	const struct flows_template first = f->templates[0], *all = f->templates;

	for (unsigned i = 0; i < n; i++) {
		const struct flows_template *t = one ? &first : &all[packets[i].size];
		if (one) {
			packets[i].size = 0;
			packets[i].len = first.len;
		}
		if (kind == KIND_ETHER)
			ether_write(&v, t, packets[i].flow, heads[i], plain);
		else if (kind == KIND_IP6_UDP || kind == KIND_IP6_UDP_LIST)
			ip6_udp_write(
				&v, t, packets[i].flow, heads[i], plain, kind == KIND_IP6_UDP_LIST);
		else
			ip4_udp_write(&v, t, packets[i].flow, heads[i],
				kind == KIND_IP4_UDP_TRAILER ? 4 : 3, plain,
				kind == KIND_IP4_UDP_LIST);
	}
}

static inline __attribute__((always_inline)) void kind_write(const struct flows *f,
	uint8_t *const *heads, struct flows_packet *packets, unsigned n, const unsigned kind) {
	bool one = f->n_turns == 1;

	if (f->vary.plain && one)
		burst_write(f, heads, packets, n, kind, true, true);
	else if (one)
		burst_write(f, heads, packets, n, kind, false, true);
	else
		burst_write(f, heads, packets, n, kind, false, false);
}

void flows_burst(const struct flows *f, struct flows_cursor *c, uint8_t *const *heads,
	struct flows_packet *packets, unsigned n, bool in_order) {
	if (in_order || f->profile.order == PROFILE_SEQ)
		in_turn(c, f, packets, n);
	else if (f->profile.order == PROFILE_RAND)
		at_random(c, packets, n);
	else
		as_drawn(c, f, packets, n);
	if (f->n_turns > 1 || f->kind == KIND_ANY)
		sizes_pick(c, f, packets, n);
	switch (f->kind) {
	case KIND_ETHER:
		kind_write(f, heads, packets, n, KIND_ETHER);
		break;
	case KIND_IP4_UDP:
		kind_write(f, heads, packets, n, KIND_IP4_UDP);
		break;
	case KIND_IP4_UDP_LIST:
		kind_write(f, heads, packets, n, KIND_IP4_UDP_LIST);
		break;
	case KIND_IP4_UDP_TRAILER:
		kind_write(f, heads, packets, n, KIND_IP4_UDP_TRAILER);
		break;
	case KIND_IP6_UDP:
		kind_write(f, heads, packets, n, KIND_IP6_UDP);
		break;
	case KIND_IP6_UDP_LIST:
		kind_write(f, heads, packets, n, KIND_IP6_UDP_LIST);
		break;
	default:
		for (unsigned i = 0; i < n; i++)
			any_write(f, &f->templates[packets[i].size], packets[i].flow, heads[i]);
	}
}

void flows_start(const struct flows *f, struct flows_cursor *c, unsigned queue, unsigned queues) {
	uint32_t flows = f->profile.flows;

	*c = (struct flows_cursor){.next = queue,
		.first = queue,
		.step = queues,
		.count = flows > queue ? (flows - queue + queues - 1) / queues : 0,
		.draw = (uint32_t)((uint64_t)f->n_draws * queue / queues),
		.random = f->profile.seed * LCG_FACTOR + queue * LCG_ADD};
}

// ---- connections ----------------------------------------------------------------------------------------------------

struct step_row {
	uint8_t flags;
	bool data;
	// Numbers sent and acknowledged by now; d: per data frame
	uint8_t seq, seq_data, ack, ack_data;
};

static const struct step_row steps[FLOWS_STEPS] = {
	[FLOWS_SYN] = {SYN, false, 0, 0, 0, 0},
	[FLOWS_SYN_ACK] = {SYN | ACK, false, 0, 0, 1, 0},
	[FLOWS_DATA] = {PSH | ACK, true, 1, 0, 1, 0},
	[FLOWS_DATA_BACK] = {PSH | ACK, true, 1, 0, 1, 1},
	[FLOWS_FIN] = {FIN | ACK, false, 1, 1, 1, 1},
	[FLOWS_FIN_BACK] = {FIN | ACK, false, 1, 1, 2, 1},
	[FLOWS_ACK] = {ACK, false, 2, 1, 2, 1},
};

bool flows_step_find(const struct flows *f, const uint8_t *frame, unsigned len, uint32_t *flow,
	enum flows_step *step) {
	unsigned payload = check_payload(frame, len), l4;
	uint32_t seq;
	uint8_t flags;

	// Of connections no header has options.
	l4 = payload > TCP_LEN ? payload - TCP_LEN : 0;
	if (l4 < ETHER_LEN + IP4_LEN)
		return false;
	memcpy(&seq, frame + l4 + 4, 4);
	flags = frame[l4 + 13];
	*flow = __builtin_bswap32(seq) >> CYCLE_SHIFT;
	// Data and end look alike on both sides: what comes was sent by the other one.
	for (unsigned i = f->profile.side ? FLOWS_SYN : FLOWS_SYN_ACK; i < FLOWS_STEPS; i += 2)
		if (steps[i].flags == flags) {
			*step = (enum flows_step)i;
			return *flow < f->profile.flows;
		}
	return false;
}

// ---- templates --------------------------------------------------------------------------------------------------------

static unsigned ether_make(const struct flows *f, uint8_t *head) {
	const struct profile *p = &f->profile;
	static const unsigned types[] = {
		[PROFILE_L3_NONE] = 0x88b5, [PROFILE_IP4] = 0x0800, [PROFILE_IP6] = 0x86dd};

	head[0] = head[6] = 0x02;
	head[1] = p->side ? 0x0a : 0x0b;
	head[7] = p->side ? 0x0b : 0x0a;
	if (p->has_dst_mac)
		memcpy(head, p->dst_mac.bytes, 6);
	if (p->vlan)
		store16_net(head + 12, 0x8100);
	store16_net(head + f->l3 - 2, types[p->l3]);
	return f->l3;
}

static void ip4_make(const struct flows *f, struct flows_template *t, unsigned len) {
	uint8_t *ip = t->head + f->l3;
	const uint8_t pseudo[4] = {
		0, ip[9], (uint8_t)((len - IP4_LEN) >> 8), (uint8_t)(len - IP4_LEN)};

	ip[0] = 0x45;
	store16_net(ip + 2, len);
	store16_net(ip + 6, 0x4000); // not to be cut up
	ip[8] = TTL;
	t->ip_sum = check_sum(ip, IP4_LEN, 0);
	t->l4_sum = check_sum(pseudo, 4, 0);
}

static void ip6_make(const struct flows *f, struct flows_template *t, unsigned len) {
	const struct addr *from = f->profile.side ? &f->profile.dst : &f->profile.src;
	const struct addr *to = f->profile.side ? &f->profile.src : &f->profile.dst;
	uint8_t *ip = t->head + f->l3;
	const uint8_t pseudo[4] = {
		0, ip[6], (uint8_t)((len - IP6_LEN) >> 8), (uint8_t)(len - IP6_LEN)};

	ip[0] = 0x60;
	store16_net(ip + 4, len - IP6_LEN);
	ip[7] = TTL;
	memcpy(ip + 8, from->bytes, 8);
	if (!f->list)
		memcpy(ip + 24, to->bytes, 8);
	t->l4_sum = check_sum(ip + 8, 32, check_sum(pseudo, 4, 0));
}

static void l4_make(const struct flows *f, struct flows_template *t, unsigned len, uint8_t flags) {
	bool udp = f->profile.l4 == PROFILE_UDP;
	uint8_t *l4 = t->head + f->l4;

	if (udp) {
		store16_net(l4 + 4, len);
	} else {
		l4[12] = TCP_LEN / 4 << 4;
		l4[13] = flags;
		store16_net(l4 + 14, 0xffff);
	}
	if (!udp && f->profile.tcp != PROFILE_TCP_CYCLE) {
		store16_net(l4 + 6, 1);
		store16_net(l4 + 10, flags & ACK ? 1 : 0);
	}
	t->l4_sum = check_sum(l4, udp ? UDP_LEN : TCP_LEN, (uint16_t)t->l4_sum);
	if (f->profile.check || f->profile.stamp)
		t->l4_sum += __builtin_bswap16(CHECK_SUM);
}

// `bytes` of the frame with FCS; `len` of what IP carries, without the padding of short frames.
static void template_make(const struct flows *f, struct flows_template *t, unsigned bytes,
	unsigned len, uint8_t flags) {
	ether_make(f, t->head);
	t->len = (uint16_t)(bytes - FCS_LEN);
	if (f->profile.l3 == PROFILE_L3_NONE)
		return;
	t->head[f->l3 + (f->profile.l3 == PROFILE_IP6 ? 6 : 9)] =
		f->profile.l4 == PROFILE_TCP ? PROTO_TCP : PROTO_UDP;
	if (f->profile.l3 == PROFILE_IP6)
		ip6_make(f, t, len);
	else
		ip4_make(f, t, len);
	l4_make(f, t, len - (f->l4 - f->l3), flags);
}

static void steps_make(struct flows *f) {
	unsigned bytes = f->profile.sizes[0].bytes, data = bytes - FCS_LEN - f->payload;

	for (unsigned i = 0; i < FLOWS_STEPS; i++) {
		struct flows_template *t = &f->templates[i];
		unsigned len = f->payload - f->l3 + (steps[i].data ? data : 0);
		unsigned least = f->l3 + len + FCS_LEN;
		template_make(f, t,
			steps[i].data        ? bytes
				: least > 64 ? least
					     : 64,
			len, steps[i].flags);
		t->seq = steps[i].seq + steps[i].seq_data * data;
		t->ack = steps[i].ack + steps[i].ack_data * data;
	}
}

static void sizes_make(struct flows *f) {
	uint8_t flags = f->profile.tcp == PROFILE_TCP_SYN ? SYN : PSH | ACK;

	for (unsigned i = 0; i < f->profile.n_sizes; i++) {
		unsigned bytes = f->profile.sizes[i].bytes;
		template_make(f, &f->templates[i], bytes, bytes - FCS_LEN - f->l3, flags);
	}
}

// Spread evenly: each turn goes to the size that is furthest behind its share.
static int turns_make(struct flows *f) {
	const struct profile *p = &f->profile;
	int behind[PROFILE_SIZES_MAX] = {0};

	for (unsigned i = 0; i < p->n_sizes; i++)
		f->n_turns += p->sizes[i].weight;
	f->turns = calloc(f->n_turns, 1);
	if (!f->turns)
		return -ENOMEM;
	for (unsigned turn = 0; turn < f->n_turns; turn++) {
		unsigned best = 0;
		for (unsigned i = 0; i < p->n_sizes; i++) {
			behind[i] += p->sizes[i].weight;
			best = behind[i] > behind[best] ? i : best;
		}
		behind[best] -= (int)f->n_turns;
		f->turns[turn] = (uint8_t)best;
	}
	if (p->n_sizes == 1)
		f->n_turns = 1;
	return 0;
}

static void layout_make(struct flows *f) {
	const struct profile *p = &f->profile;
	bool trailer = p->check || p->stamp;

	f->l3 = ETHER_LEN + (p->vlan ? TAG_LEN : 0);
	f->l4 = f->l3 + (p->l3 == PROFILE_IP6 ? IP6_LEN : p->l3 == PROFILE_IP4 ? IP4_LEN : 0);
	f->payload = profile_header_len(p);
	f->pieces =
		(f->payload + (trailer ? (unsigned)sizeof(struct check_trailer) : 0) + PIECE - 1) /
		PIECE;
	f->kind = KIND_ANY;
	if (p->vlan)
		return;
	if (p->l3 == PROFILE_L3_NONE && !trailer)
		f->kind = KIND_ETHER;
	if (p->l3 == PROFILE_IP4 && p->l4 == PROFILE_UDP && !(f->list && trailer))
		f->kind = trailer ? KIND_IP4_UDP_TRAILER
			: f->list ? KIND_IP4_UDP_LIST
				  : KIND_IP4_UDP;
	if (p->l3 == PROFILE_IP6 && p->l4 == PROFILE_UDP && !trailer)
		f->kind = f->list ? KIND_IP6_UDP_LIST : KIND_IP6_UDP;
}

static uint64_t number(const uint8_t *bytes, unsigned n) {
	uint64_t value = 0;

	for (unsigned i = 0; i < n; i++)
		value = value << 8 | bytes[i];
	return value;
}

static void variation_make(struct flows *f) {
	const struct profile *p = &f->profile;
	uint32_t hosts = p->src_count > p->dst_count ? p->src_count : p->dst_count;
	uint32_t q = (p->flows - 1) / hosts + 1; // numbers that are left for ports

	f->vary = (struct flows_vary){.macs = by_make(p->macs, p->flows),
		.hosts = by_make(hosts, p->flows),
		.srcs = by_make(p->src_count, hosts),
		.dsts = by_make(p->dst_count, hosts),
		.sports = by_make(p->sports, q),
		.dports = by_make(p->dports, (q - 1) / p->sports + 1),
		.vlans = by_make(p->vlans, p->flows),
		.listed = by_make(f->n_list ? f->n_list : 1, p->flows),
		.list = f->list,
		.src4 = (uint32_t)number(p->src.bytes, 4),
		.dst4 = (uint32_t)number(p->dst.bytes, 4),
		.src6 = number(p->src.bytes + 8, 8),
		.dst6 = number(p->dst.bytes + 8, 8),
		.dst_step = p->dst_step,
		.vlan = p->vlan,
		.side = p->side,
		.fixed_mac = p->has_dst_mac};
	f->vary.plain = p->l3 == PROFILE_L3_NONE ? p->macs >= p->flows
						 : p->src_count >= p->flows &&
			p->dst_count >= p->flows && (!f->list || f->n_list >= p->flows);
}

// ---- start and end ------------------------------------------------------------------------------------------

// Drawn beforehand: a draw costs more than a packet may.
static int draws_make(struct flows *f) {
	uint64_t random = f->profile.seed;

	if (f->profile.order != PROFILE_ZIPF)
		return 0;
	f->n_draws = f->profile.flows > DRAWS_MAX / 4 ? DRAWS_MAX : 4 * f->profile.flows;
	f->n_draws = f->n_draws < DRAWS_MIN ? DRAWS_MIN : f->n_draws;
	f->draws = calloc(f->n_draws, sizeof(*f->draws));
	for (uint32_t i = 0; f->draws && i < f->n_draws; i++)
		f->draws[i] = zipf_draw(&random, f->profile.flows, f->profile.zipf);
	return f->draws ? 0 : -ENOMEM;
}

int flows_init(struct flows *f, const struct profile *profile, struct err *err) {
	bool cycle = profile->l3 != PROFILE_L3_NONE && profile->l4 == PROFILE_TCP &&
		profile->tcp == PROFILE_TCP_CYCLE;
	unsigned n = cycle ? FLOWS_STEPS : profile->n_sizes;

	*f = (struct flows){.profile = *profile};
	if (*profile->dst_list) {
		enum addr_family family = profile->l3 == PROFILE_IP6 ? ADDR_V6 : ADDR_V4;
		int rc = dst_list_read(profile->dst_list, family, &f->list, &f->n_list, err);
		if (rc < 0)
			return rc;
	}
	layout_make(f);
	variation_make(f);
	f->templates = aligned_alloc(64, (n * sizeof(*f->templates) + 63) & ~63ul);
	if (!f->templates || turns_make(f) < 0 || draws_make(f) < 0) {
		flows_fini(f);
		return err_set(err, -ENOMEM, "out of memory for the profile's templates");
	}
	memset(f->templates, 0, n * sizeof(*f->templates));
	if (cycle)
		steps_make(f);
	else
		sizes_make(f);
	return 0;
}

void flows_widen(struct flows *f, unsigned pieces) {
	if (pieces <= f->pieces)
		return;
	f->kind = KIND_ANY; // before the others, who know how many they write
	f->pieces = pieces;
}

void flows_fini(struct flows *f) {
	free(f->templates);
	free(f->turns);
	free(f->draws);
	free(f->list);
	*f = (struct flows){0};
}
