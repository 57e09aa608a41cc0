// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/frag/reass.h"
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct piece {
	void *buf;
	uint32_t start, end;
	uint32_t next; // by offset; of the free ones
};

struct packet {
	struct reass_key key;
	uint64_t until_ns;
	uint32_t chain;        // next of its bucket; of the free ones
	uint32_t older, newer; // queue of its family
	uint32_t source;
	uint32_t first;        // piece
	uint32_t n, have, len; // pieces; bytes; how long it is to be, 0: not known
	bool dead;
};

struct source {
	uint64_t key;
	uint32_t chain;
	uint32_t packets, pieces;
};

struct queue {
	uint32_t oldest, newest;
};

struct reass {
	struct reass_limits limits;
	uint32_t mask; // of both tables of buckets
	uint32_t *buckets, *source_buckets;
	struct packet *packets;
	struct piece *pieces;
	struct source *sources;
	uint32_t free_packet, free_piece, free_source;
	uint32_t n_packets, n_pieces;
	struct queue queues[2]; // by family
	uint32_t whole;         // packet that reass_take() is to take
};

static const uint64_t lives_ns[2] = {REASS_V4_NS, REASS_V6_NS};

// ---- memory -------------------------------------------------------------------------------------------------

void reass_free(struct reass *r) {
	if (r == NULL)
		return;
	free(r->buckets);
	free(r->source_buckets);
	free(r->packets);
	free(r->pieces);
	free(r->sources);
	free(r);
}

static void empty(struct reass *r) {
	for (uint32_t i = 0; i <= r->mask; i++)
		r->buckets[i] = r->source_buckets[i] = NONE;
	for (uint32_t i = 0; i < r->limits.packets; i++) {
		r->packets[i].chain = i + 1 < r->limits.packets ? i + 1 : NONE;
		r->sources[i].chain = r->packets[i].chain;
	}
	for (uint32_t i = 0; i < r->limits.pieces; i++)
		r->pieces[i].next = i + 1 < r->limits.pieces ? i + 1 : NONE;
	r->queues[0] = r->queues[1] = (struct queue){NONE, NONE};
	r->whole = NONE;
}

struct reass *reass_new(const struct reass_limits *limits) {
	struct reass *r = calloc(1, sizeof(*r));
	uint32_t n = 1;

	if (r == NULL)
		return NULL;
	while (n < limits->packets)
		n <<= 1;
	r->limits = *limits;
	r->mask = n - 1;
	r->buckets = calloc(n, sizeof(*r->buckets));
	r->source_buckets = calloc(n, sizeof(*r->source_buckets));
	r->packets = calloc(limits->packets, sizeof(*r->packets));
	r->pieces = calloc(limits->pieces, sizeof(*r->pieces));
	// a packet has one source: there are never more of them
	r->sources = calloc(limits->packets, sizeof(*r->sources));
	if (!r->buckets || !r->source_buckets || !r->packets || !r->pieces || !r->sources) {
		reass_free(r);
		return NULL;
	}
	empty(r);
	return r;
}

// ---- sources ------------------------------------------------------------------------------------------------

static uint64_t mix(uint64_t h) {
	h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

static uint64_t source_key(const struct reass_key *key) {
	uint64_t word;

	memcpy(&word, key->src, sizeof(word)); // an IPv4 address, or the first 64 bits
	return mix(word + key->vrf) ^ key->v6;
}

static uint32_t *source_place(struct reass *r, uint64_t key) {
	uint32_t *at = &r->source_buckets[key & r->mask];

	while (*at != NONE && r->sources[*at].key != key)
		at = &r->sources[*at].chain;
	return at;
}

static uint32_t source_get(struct reass *r, const struct reass_key *key) {
	uint64_t k = source_key(key);
	uint32_t *at = source_place(r, k), i = *at;

	if (i != NONE)
		return i;
	i = r->free_source;
	r->free_source = r->sources[i].chain;
	r->sources[i] = (struct source){.key = k, .chain = NONE};
	*at = i;
	return i;
}

static void source_put(struct reass *r, uint32_t i) {
	if (--r->sources[i].packets > 0)
		return;
	*source_place(r, r->sources[i].key) = r->sources[i].chain;
	r->sources[i].chain = r->free_source;
	r->free_source = i;
}

// ---- packets ------------------------------------------------------------------------------------------------

static uint32_t *bucket_of(struct reass *r, const struct reass_key *key) {
	uint64_t h = (uint64_t)key->id << 24 ^ (uint64_t)key->copy << 56 ^ (uint64_t)key->vrf << 8 ^
		key->proto ^ key->v6;
	uint64_t words[4];

	memcpy(words, key->src, 16);
	memcpy(words + 2, key->dst, 16);
	for (unsigned i = 0; i < 4; i++)
		h = mix(h + words[i]);
	return &r->buckets[h & r->mask];
}

static bool same(const struct reass_key *a, const struct reass_key *b) {
	return a->id == b->id && a->vrf == b->vrf && a->v6 == b->v6 && a->proto == b->proto &&
		a->copy == b->copy && memcmp(a->src, b->src, 16) == 0 &&
		memcmp(a->dst, b->dst, 16) == 0;
}

static uint32_t *packet_place(struct reass *r, const struct reass_key *key) {
	uint32_t *at = bucket_of(r, key);

	while (*at != NONE && !same(&r->packets[*at].key, key))
		at = &r->packets[*at].chain;
	return at;
}

static void queue_add(struct reass *r, uint32_t i) {
	struct packet *p = &r->packets[i];
	struct queue *q = &r->queues[p->key.v6];

	p->newer = NONE;
	p->older = q->newest;
	if (q->newest != NONE)
		r->packets[q->newest].newer = i;
	else
		q->oldest = i;
	q->newest = i;
}

static void queue_del(struct reass *r, uint32_t i) {
	struct packet *p = &r->packets[i];
	struct queue *q = &r->queues[p->key.v6];

	*(p->older != NONE ? &r->packets[p->older].newer : &q->oldest) = p->newer;
	*(p->newer != NONE ? &r->packets[p->newer].older : &q->newest) = p->older;
}

static uint32_t packet_new(
	struct reass *r, const struct reass_key *key, uint32_t *at, uint64_t now_ns) {
	uint32_t i = r->free_packet, source = source_get(r, key);

	r->free_packet = r->packets[i].chain;
	r->packets[i] = (struct packet){.key = *key,
		.until_ns = now_ns + lives_ns[key->v6],
		.chain = NONE,
		.source = source,
		.first = NONE};
	*at = i;
	r->sources[source].packets++;
	r->n_packets++;
	queue_add(r, i);
	return i;
}

static void pieces_drop(struct reass *r, struct packet *p, void (*release)(void *)) {
	for (uint32_t i = p->first, next; i != NONE; i = next) {
		next = r->pieces[i].next;
		if (release && r->pieces[i].buf)
			release(r->pieces[i].buf);
		r->pieces[i].next = r->free_piece;
		r->free_piece = i;
	}
	r->n_pieces -= p->n;
	r->sources[p->source].pieces -= p->n;
	p->first = NONE;
	p->n = 0;
}

static void packet_drop(struct reass *r, uint32_t i, void (*release)(void *)) {
	struct packet *p = &r->packets[i];

	pieces_drop(r, p, release);
	*packet_place(r, &p->key) = p->chain;
	queue_del(r, i);
	source_put(r, p->source);
	p->chain = r->free_packet;
	r->free_packet = i;
	r->n_packets--;
}

// Its place stays taken until its time is over, so that later fragments of it do not begin anew (RFC 5722 section 4).
static enum reass_verdict condemn(
	struct reass *r, struct packet *p, enum reass_verdict why, void (*release)(void *)) {
	pieces_drop(r, p, release);
	p->dead = true;
	return why;
}

// ---- pieces -------------------------------------------------------------------------------------------------

static bool full(
	struct reass *r, const struct reass_key *key, bool new_packet, enum reass_verdict *why) {
	uint32_t i = *source_place(r, source_key(key));
	const struct source *has = i == NONE ? NULL : &r->sources[i];

	*why = REASS_SOURCE;
	if (has &&
		((new_packet && has->packets >= r->limits.source_packets) ||
			has->pieces >= r->limits.source_pieces))
		return true;
	*why = REASS_FULL;
	return (new_packet && r->n_packets >= r->limits.packets) || r->n_pieces >= r->limits.pieces;
}

// Where a fragment goes in the list; *why when it does not fit there.
static uint32_t *piece_place(struct reass *r, struct packet *p, const struct reass_fragment *f,
	enum reass_verdict *why) {
	uint32_t *at = &p->first;

	while (*at != NONE && r->pieces[*at].start < f->start) {
		if (r->pieces[*at].end > f->start)
			*why = REASS_OVERLAP;
		at = &r->pieces[*at].next;
	}
	if (*at != NONE && r->pieces[*at].start == f->start && r->pieces[*at].end == f->end)
		*why = REASS_DUPLICATE;
	else if (*at != NONE && r->pieces[*at].start < f->end)
		*why = REASS_OVERLAP;
	return at;
}

// The last fragment says how long the packet is; nothing lies behind it, and there is one.
static bool length_fits(const struct packet *p, const struct reass_fragment *f, uint32_t highest) {
	if (p->len != 0)
		return f->more ? f->end <= p->len : f->end == p->len;
	return f->more || highest <= f->end;
}

static uint32_t highest(const struct reass *r, const struct packet *p) {
	uint32_t end = 0;

	for (uint32_t i = p->first; i != NONE; i = r->pieces[i].next)
		end = r->pieces[i].end;
	return end;
}

static void piece_add(
	struct reass *r, struct packet *p, uint32_t *at, const struct reass_fragment *f) {
	uint32_t i = r->free_piece;

	r->free_piece = r->pieces[i].next;
	r->pieces[i] = (struct piece){f->buf, f->start, f->end, *at};
	*at = i;
	p->n++;
	p->have += f->end - f->start;
	if (!f->more)
		p->len = f->end;
	r->n_pieces++;
	r->sources[p->source].pieces++;
}

enum reass_verdict reass_add(struct reass *r, const struct reass_key *key,
	const struct reass_fragment *f, uint64_t now_ns, void (*release)(void *buf)) {
	uint32_t *place = packet_place(r, key), i = *place;
	enum reass_verdict why = REASS_HELD;
	struct packet *p;

	if (i != NONE && r->packets[i].dead)
		return REASS_OVERLAP;
	if (i != NONE && r->packets[i].n >= r->limits.packet_pieces)
		return condemn(r, &r->packets[i], REASS_PIECES, release);
	if (full(r, key, i == NONE, &why))
		return why;
	why = REASS_HELD;
	if (i == NONE)
		i = packet_new(r, key, place, now_ns);
	p = &r->packets[i];
	uint32_t *at = piece_place(r, p, f, &why);
	if (why == REASS_DUPLICATE)
		return why;
	if (why == REASS_OVERLAP || !length_fits(p, f, highest(r, p)))
		return condemn(r, p, REASS_OVERLAP, release);
	piece_add(r, p, at, f);
	if (p->len == 0 || p->have < p->len)
		return REASS_HELD;
	r->whole = i;
	return REASS_WHOLE;
}

unsigned reass_take(struct reass *r, void **bufs, uint32_t *largest) {
	unsigned n = 0;

	*largest = 0;
	for (uint32_t i = r->packets[r->whole].first; i != NONE; i = r->pieces[i].next) {
		uint32_t len = r->pieces[i].end - r->pieces[i].start;

		bufs[n++] = r->pieces[i].buf;
		*largest = len > *largest ? len : *largest;
	}
	packet_drop(r, r->whole, NULL);
	r->whole = NONE;
	return n;
}

// ---- time ---------------------------------------------------------------------------------------------------

static uint32_t oldest(const struct reass *r, uint64_t *until_ns) {
	uint32_t found = NONE;

	*until_ns = UINT64_MAX;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		uint32_t i = r->queues[v6].oldest;

		if (i == NONE || r->packets[i].until_ns >= *until_ns)
			continue;
		found = i;
		*until_ns = r->packets[i].until_ns;
	}
	return found;
}

uint64_t reass_next_ns(const struct reass *r) {
	uint64_t until_ns;

	oldest(r, &until_ns);
	return until_ns;
}

static void *first_of(struct reass *r, const struct packet *p) {
	void *buf = NULL;

	if (p->first != NONE && r->pieces[p->first].start == 0) {
		buf = r->pieces[p->first].buf;
		r->pieces[p->first].buf = NULL;
	}
	return buf;
}

unsigned reass_age(struct reass *r, uint64_t now_ns, unsigned max,
	void (*late)(void *first, void *arg), void *arg, void (*release)(void *buf)) {
	unsigned n = 0;

	for (; n < max; n++) {
		uint64_t until_ns;
		uint32_t i = oldest(r, &until_ns);

		if (i == NONE || until_ns > now_ns)
			break;
		if (!r->packets[i].dead)
			late(first_of(r, &r->packets[i]), arg);
		packet_drop(r, i, release);
	}
	return n;
}

void reass_flush(struct reass *r, void (*release)(void *buf)) {
	uint64_t until_ns;

	for (uint32_t i; (i = oldest(r, &until_ns)) != NONE;)
		packet_drop(r, i, release);
}

uint32_t reass_packets(const struct reass *r) {
	return r->n_packets;
}

uint32_t reass_pieces(const struct reass *r) {
	return r->n_pieces;
}
