// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "firewall/nat/ports.h"
#include "lib/hash.h"
#include "router/fib/region.h"
#include <stdlib.h>

#define SHARE_LOOKS 256 // ports that are looked at for one to share

enum nat_class nat_class_of(uint8_t proto) {
	switch (proto) {
	case 6:
		return NAT_TCP;
	case 17:
	case 136:
		return NAT_UDP;
	case 1:
		return NAT_ICMP;
	default:
		return NAT_NO_CLASS;
	}
}

// ---- words --------------------------------------------------------------------------------------------------

static uint64_t word_of(struct nat_endpoint e, uint64_t sessions) {
	return (uint64_t)e.addr << 32 | (uint64_t)e.port << 16 | sessions;
}

static uint32_t sessions_of(uint64_t word) {
	return word & 0xffff;
}

static bool is_of(uint64_t word, struct nat_endpoint e) {
	return sessions_of(word) > 0 && word >> 16 == word_of(e, 0) >> 16;
}

static struct nat_endpoint endpoint_of(uint64_t word) {
	return (struct nat_endpoint){(uint32_t)(word >> 32), (uint16_t)(word >> 16)};
}

static _Atomic uint64_t *word_at(const struct nat_space *s, enum nat_class class, uint16_t port) {
	return &s->words[(unsigned)class * NAT_PORTS + port];
}

static uint64_t load(const struct nat_space *s, enum nat_class class, uint16_t port) {
	return atomic_load_explicit(word_at(s, class, port), memory_order_acquire);
}

// One session more on a port in use; `only` (may be NULL): when it is this one's.
static bool enter(struct nat_space *s, enum nat_class class, uint16_t port,
	const struct nat_endpoint *only, struct nat_endpoint *owner) {
	_Atomic uint64_t *at = word_at(s, class, port);
	uint64_t word = atomic_load_explicit(at, memory_order_acquire);

	do {
		if (sessions_of(word) == 0 || sessions_of(word) == NAT_SESSIONS ||
			(only && !is_of(word, *only)))
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		at, &word, word + 1, memory_order_acq_rel, memory_order_acquire));
	if (owner)
		*owner = endpoint_of(word);
	return true;
}

// A free port becomes `me`'s; true as well when it has become so meanwhile.
static bool take(struct nat_space *s, enum nat_class class, uint16_t port, struct nat_endpoint me,
	bool *fresh) {
	uint64_t none = 0;

	*fresh = atomic_compare_exchange_strong_explicit(word_at(s, class, port), &none,
		word_of(me, 1), memory_order_acq_rel, memory_order_acquire);
	if (!*fresh)
		return enter(s, class, port, &me, NULL);
	atomic_fetch_add_explicit(&s->use[class].used, 1, memory_order_acq_rel);
	return true;
}

// ---- blocks -------------------------------------------------------------------------------------------------

static uint64_t block_load(const struct nat_space *s, unsigned block) {
	return atomic_load_explicit(&s->blocks[block], memory_order_acquire);
}

static unsigned block_of(const struct nat_space *s, uint16_t port) {
	return (unsigned)(port - s->options.first) / s->options.block;
}

// One port more in use in a block of this source's.
static bool block_enter(struct nat_space *s, unsigned block, uint32_t addr) {
	uint64_t word = block_load(s, block);

	do {
		if (word == 0 || (uint32_t)word != addr)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&s->blocks[block], &word,
		word + (1ull << 32), memory_order_acq_rel, memory_order_acquire));
	return true;
}

static bool block_take(struct nat_space *s, unsigned block, uint32_t addr) {
	uint64_t none = 0;

	if (!atomic_compare_exchange_strong_explicit(&s->blocks[block], &none, 1ull << 32 | addr,
		    memory_order_acq_rel, memory_order_acquire))
		return false;
	if (s->on_block)
		s->on_block(s, block, addr, true);
	return true;
}

static void block_leave(struct nat_space *s, unsigned block) {
	uint64_t word = block_load(s, block), next;

	do {
		next = word >> 32 > 1 ? word - (1ull << 32) : 0;
	} while (!atomic_compare_exchange_weak_explicit(
		&s->blocks[block], &word, next, memory_order_acq_rel, memory_order_acquire));
	if (next == 0 && s->on_block)
		s->on_block(s, block, (uint32_t)word, false);
}

// ---- where an endpoint is put -------------------------------------------------------------------------------

// Its own port, then ports of the range that are as even as its own, then others, each from the same hash on. Not all of a large range: an
// endpoint finds none only when all of these are in use, and a look-up in a full range stays short.
struct order {
	uint32_t lo[2], n[2]; // [0]: of its parity; how many there are
	uint32_t look[2];     // how many of them are its
	uint32_t start[2];
	bool own; // its own port is in the range
};

static uint64_t hash(const struct nat_space *s, uint64_t what) {
	return hash_mix(what ^ s->secret, 0x9e3779b97f4a7c15ull ^ s->secret >> 32) >> 8;
}

// RFC 4787 REQ-3: well-known ports stay well-known ones. Identifiers of ICMP know no such thing.
static void range_of(const struct nat_space *s, enum nat_class class, uint16_t port, uint32_t *lo,
	uint32_t *hi) {
	*lo = s->options.first;
	*hi = s->options.last;
	if (*hi > 0)
		return;
	*lo = class == NAT_ICMP ? 0 : port < 1024 ? 1 : 1024;
	*hi = class != NAT_ICMP && port < 1024 ? 1023 : NAT_PORTS - 1;
}

static struct order order_of(
	const struct nat_space *s, enum nat_class class, struct nat_endpoint e) {
	uint64_t start = hash(s, word_of(e, 0));
	struct order o = {0};
	uint32_t lo, hi;

	range_of(s, class, e.port, &lo, &hi);
	o.own = e.port >= lo && e.port <= hi;
	for (unsigned i = 0; i < 2; i++) {
		o.lo[i] = lo + ((lo ^ e.port ^ i) & 1);
		o.n[i] = o.lo[i] <= hi ? (hi - o.lo[i]) / 2 + 1 : 0;
		o.look[i] = o.n[i] < NAT_LOOKS / 2 ? o.n[i] : NAT_LOOKS / 2;
		o.start[i] = o.n[i] ? (uint32_t)(start % o.n[i]) : 0;
	}
	return o;
}

static uint32_t order_size(const struct order *o) {
	return o->look[0] + o->look[1];
}

static uint16_t order_port(const struct order *o, uint32_t k) {
	unsigned i = k >= o->look[0];
	uint32_t at = o->start[i] + (i ? k - o->look[0] : k);

	return (uint16_t)(o->lo[i] + 2 * (at < o->n[i] ? at : at - o->n[i]));
}

static uint32_t order_place(const struct order *o, uint16_t port) {
	unsigned i = (port ^ o->lo[0]) & 1;
	uint32_t at = (port - o->lo[i]) / 2;

	return (i ? o->look[0] : 0) + at - o->start[i] + (at < o->start[i] ? o->n[i] : 0);
}

static uint32_t reach_of(const struct nat_use *use) {
	return (uint32_t)atomic_load_explicit(&use->reach, memory_order_acquire);
}

// Before anybody is put there: whoever looks from now on looks as far.
static void reach_raise(struct nat_use *use, uint32_t steps) {
	uint64_t was = atomic_load_explicit(&use->reach, memory_order_acquire), next;

	do {
		uint32_t since = (uint32_t)was, recent = (uint32_t)(was >> 32);

		if (since >= steps && recent >= steps)
			return;
		next = (uint64_t)(recent > steps ? recent : steps) << 32 |
			(since > steps ? since : steps);
	} while (!atomic_compare_exchange_weak_explicit(
		&use->reach, &was, next, memory_order_acq_rel, memory_order_acquire));
}

static uint32_t reach_needed(const struct nat_space *s, enum nat_class class) {
	uint32_t needed = 0;

	for (unsigned port = 0; port < NAT_PORTS; port++) {
		uint64_t word = load(s, class, (uint16_t)port);
		struct nat_endpoint e = endpoint_of(word);

		if (sessions_of(word) == 0 || e.port == port)
			continue;
		struct order o = order_of(s, class, e);
		uint32_t steps = order_place(&o, (uint16_t)port) / NAT_STEP + 1;
		needed = steps > needed ? steps : needed;
	}
	return needed;
}

// Who raised `recent` before it was set back has put its endpoint where reach_needed() sees it, once `sync` returned.
bool nat_space_tidy(struct nat_space *s, void (*sync)(void)) {
	bool some = false;

	for (unsigned c = 0; c < NAT_CLASSES && !s->blocks; c++)
		if (reach_of(&s->use[c]) > 1) {
			atomic_fetch_and(&s->use[c].reach, UINT32_MAX);
			some = true;
		}
	if (!some)
		return false;
	if (sync)
		sync();
	for (unsigned c = 0; c < NAT_CLASSES; c++) {
		struct nat_use *use = &s->use[c];
		uint32_t needed = reach_of(use) > 1 ? reach_needed(s, c) : reach_of(use);
		uint64_t was = atomic_load(&use->reach), next;

		do {
			uint32_t recent = (uint32_t)(was >> 32);
			next = (was >> 32 << 32) | (recent > needed ? recent : needed);
		} while (!atomic_compare_exchange_weak(&use->reach, &was, next));
	}
	return true;
}

// ---- claims -------------------------------------------------------------------------------------------------

struct claim {
	struct nat_space *s;
	enum nat_class class;
	struct nat_endpoint me;
	nat_taken_fn taken;
	const void *arg;
	bool dry;
};

static bool usable(const struct claim *c, uint16_t port) {
	return c->taken == NULL || !c->taken(port, c->arg);
}

// It is the endpoint's already.
static bool is_mine(const struct claim *c, uint16_t port) {
	return is_of(load(c->s, c->class, port), c->me) && usable(c, port) &&
		(c->dry || enter(c->s, c->class, port, &c->me, NULL));
}

static bool is_free(const struct claim *c, uint16_t port) {
	return load(c->s, c->class, port) == 0 && usable(c, port);
}

static bool takes(const struct claim *c, uint16_t port) {
	bool fresh;

	return is_free(c, port) && (c->dry || take(c->s, c->class, port, c->me, &fresh));
}

// Everybody has a port here: one that this connection may share with another's.
static int share(const struct claim *c, const struct order *o) {
	uint32_t n = order_size(o) < SHARE_LOOKS ? order_size(o) : SHARE_LOOKS;

	for (uint32_t k = 0; k < n; k++) {
		uint16_t port = order_port(o, k);

		if (usable(c, port) && (c->dry || enter(c->s, c->class, port, NULL, NULL)))
			return port;
	}
	return -1;
}

static int claim_any(const struct claim *c) {
	struct nat_use *use = &c->s->use[c->class];
	struct order o = order_of(c->s, c->class, c->me);
	uint32_t n = order_size(&o), far = reach_of(use) * NAT_STEP;

	if (o.own && is_mine(c, c->me.port))
		return c->me.port;
	for (uint32_t k = 0; k < far && k < n; k++)
		if (is_mine(c, order_port(&o, k)))
			return order_port(&o, k);
	if (o.own && takes(c, c->me.port))
		return c->me.port;
	for (uint32_t k = 0; k < n; k++) {
		if (!is_free(c, order_port(&o, k)))
			continue;
		if (!c->dry)
			reach_raise(use, k / NAT_STEP + 1);
		if (takes(c, order_port(&o, k)))
			return order_port(&o, k);
	}
	return c->s->options.overload ? share(c, &o) : -1;
}

// ---- claims in blocks ---------------------------------------------------------------------------------------

// A free port of a block that is counted in: `me`'s own, one as even, any.
static int block_free(const struct claim *c, unsigned block) {
	uint16_t first = nat_block_first(c->s, block), size = c->s->options.block;
	uint16_t own = (uint16_t)(c->me.port - first);
	int other = -1;

	if (own < size && is_free(c, c->me.port))
		return c->me.port;
	for (unsigned i = 0; i < size; i++) {
		uint16_t port = (uint16_t)(first + i);

		if (!is_free(c, port))
			continue;
		if (((port ^ c->me.port) & 1) == 0)
			return port;
		other = port;
	}
	return other;
}

static int block_mine(const struct claim *c, unsigned block) {
	uint16_t first = nat_block_first(c->s, block);

	for (unsigned i = 0; i < c->s->options.block; i++)
		if (is_mine(c, (uint16_t)(first + i)))
			return first + (int)i;
	return -1;
}

// Out of a block in which one port more is counted already.
static int block_claim(const struct claim *c, unsigned block) {
	int port;

	while ((port = block_free(c, block)) >= 0) {
		bool fresh = false, taken = take(c->s, c->class, (uint16_t)port, c->me, &fresh);

		if (taken && fresh)
			return port;
		if (taken) {
			block_leave(c->s, block); // it was counted for the first of them
			return port;
		}
	}
	block_leave(c->s, block);
	return -1;
}

// In the blocks that the source has. `owned`: how many these are.
static int claim_own_blocks(const struct claim *c, unsigned start, unsigned *owned) {
	unsigned n = c->s->n_blocks;
	int port;

	*owned = 0;
	for (unsigned i = 0; i < n; i++) {
		uint64_t word = block_load(c->s, (start + i) % n);

		if (word == 0 || (uint32_t)word != c->me.addr)
			continue;
		++*owned;
		if ((port = block_mine(c, (start + i) % n)) >= 0)
			return port;
	}
	for (unsigned i = 0; i<n && * owned> 0; i++) {
		unsigned block = (start + i) % n;
		uint64_t word = block_load(c->s, block);

		if (word == 0 || (uint32_t)word != c->me.addr)
			continue;
		port = c->dry                                  ? block_free(c, block)
			: block_enter(c->s, block, c->me.addr) ? block_claim(c, block)
							       : -1;
		if (port >= 0)
			return port;
	}
	return -1;
}

static int claim_block(const struct claim *c) {
	unsigned n = c->s->n_blocks, start = (unsigned)(hash(c->s, c->me.addr) % n), owned;
	int port = claim_own_blocks(c, start, &owned);

	if (port >= 0 || owned >= c->s->options.blocks)
		return port;
	for (unsigned i = 0; i < n; i++) {
		unsigned block = (start + i) % n;

		if (block_load(c->s, block) != 0)
			continue;
		port = c->dry                                 ? block_free(c, block)
			: block_take(c->s, block, c->me.addr) ? block_claim(c, block)
							      : -1;
		if (port >= 0)
			return port;
	}
	return -1;
}

int nat_claim(struct nat_space *s, enum nat_class class, struct nat_endpoint from,
	nat_taken_fn taken, const void *arg, bool dry) {
	struct claim c = {s, class, from, taken, arg, dry};
	int port = s->blocks ? claim_block(&c) : claim_any(&c);

	if (port < 0 && s->blocks && s->options.overload) {
		struct order o = order_of(s, class, from);
		port = share(&c, &o);
	}
	if (port < 0 && !dry)
		atomic_fetch_add_explicit(&s->use[class].refused, 1, memory_order_relaxed);
	return port;
}

void nat_release(struct nat_space *s, enum nat_class class, uint16_t port) {
	_Atomic uint64_t *at = word_at(s, class, port);
	uint64_t word = atomic_load_explicit(at, memory_order_acquire), next;

	do {
		next = sessions_of(word) > 1 ? word - 1 : 0;
	} while (!atomic_compare_exchange_weak_explicit(
		at, &word, next, memory_order_acq_rel, memory_order_acquire));
	if (next != 0)
		return;
	if (s->blocks)
		block_leave(s, block_of(s, port));
	// last: control frees a space of which nothing is in use
	atomic_fetch_sub_explicit(&s->use[class].used, 1, memory_order_acq_rel);
}

bool nat_owner(const struct nat_space *s, enum nat_class class, uint16_t port,
	struct nat_endpoint *owner) {
	uint64_t word = load(s, class, port);

	*owner = endpoint_of(word);
	return sessions_of(word) > 0;
}

bool nat_enter(
	struct nat_space *s, enum nat_class class, uint16_t port, struct nat_endpoint *owner) {
	return enter(s, class, port, NULL, owner);
}

// ---- spaces -------------------------------------------------------------------------------------------------

#define WORDS_BYTES ((size_t)NAT_CLASSES * NAT_PORTS * sizeof(uint64_t))

struct nat_space *nat_space_new(uint32_t addr, const struct nat_options *options, uint64_t secret) {
	struct nat_space *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->addr = addr;
	s->options = *options;
	s->secret = secret;
	s->words = region_new(WORDS_BYTES, 0);
	if (options->block > 0) {
		s->n_blocks = (options->last - options->first + 1u) / options->block;
		s->blocks = calloc(s->n_blocks, sizeof(*s->blocks));
	}
	if (s->words && (s->blocks || options->block == 0))
		return s;
	nat_space_free(s);
	return NULL;
}

void nat_space_free(struct nat_space *s) {
	if (s == NULL)
		return;
	region_free((void *)s->words, WORDS_BYTES);
	free((void *)s->blocks);
	free(s);
}

uint32_t nat_space_size(const struct nat_space *s, enum nat_class class) {
	if (s->blocks)
		return s->n_blocks * s->options.block;
	if (s->options.last > 0)
		return s->options.last - s->options.first + 1u;
	return class == NAT_ICMP ? NAT_PORTS : NAT_PORTS - 1;
}
