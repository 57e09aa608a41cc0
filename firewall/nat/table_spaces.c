// SPDX-License-Identifier: BSD-3-Clause
// Which external addresses there are now: a space for each, found by an index that workers read. Addresses of interfaces come and go without
// a commit (DHCP, VRRP): control looks for that, and has sessions judged again.
#include "dataplane/record_ring.h"
#include "firewall/nat/hosts.h"
#include "firewall/nat/table_nat.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/hash.h"
#include "lib/log.h"
#include "router/iface.h"
#include "router/neigh/neigh.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LOOK_NS      (100 * NSEC_PER_MSEC)
#define EXHAUSTED_NS (10 * NSEC_PER_SEC)
#define BLOCK_BYTES  (256u << 10) // of records of blocks, per worker
#define INDEX_SPACES 4096         // four times as many as there can be

struct own {
	uint8_t addr[16];
	uint16_t iface, vrf;
	bool used, v6;
};

struct index {
	uint16_t spaces[INDEX_SPACES]; // by address; 0: nothing here
	uint32_t own_mask;
	struct own owns[];
};

// What control knows of a space beside.
struct state {
	bool current; // rules lead to it
	bool idle;    // no worker can begin to use it any more
	uint64_t refused, told_ns;
};

struct block_record {
	uint64_t wall_ns;
	uint32_t addr, inside;
	uint16_t first, size;
	bool taken;
};

struct nat_space *nat_spaces[NAT_IDS];
static struct state states[NAT_IDS];
static struct index *present, *retired;
static struct record_ring *block_rings[DP_MAX_WORKERS];
static uint64_t secret, seen_sum;
static const struct nat_policy *last_policy; // of the last commit
static const uint8_t *last_zones;

// ---- readers ------------------------------------------------------------------------------------------------

static uint32_t addr_hash(const uint8_t *addr, bool v6) {
	uint64_t words[2] = {0};

	memcpy(words, addr, v6 ? 16 : 4);
	return (uint32_t)hash_mix(words[0] ^ secret, words[1] ^ 0x9e3779b97f4a7c15ull);
}

static uint16_t *space_place(struct index *x, uint32_t addr) {
	uint32_t at = addr_hash((const uint8_t *)&addr, false) % INDEX_SPACES;

	while (x->spaces[at] && nat_spaces[x->spaces[at]]->addr != addr)
		at = (at + 1) % INDEX_SPACES;
	return &x->spaces[at];
}

struct nat_space *nat_space_find(uint32_t addr) {
	struct index *x = __atomic_load_n(&present, __ATOMIC_ACQUIRE);
	uint16_t id = x ? *space_place(x, addr) : 0;

	return id ? nat_spaces[id] : NULL;
}

static struct own *own_place(struct index *x, const uint8_t *addr, bool v6, unsigned vrf) {
	uint32_t at = addr_hash(addr, v6) & x->own_mask;

	for (; x->owns[at].used; at = (at + 1) & x->own_mask)
		if (x->owns[at].v6 == v6 && x->owns[at].vrf == vrf &&
			memcmp(x->owns[at].addr, addr, v6 ? 16 : 4) == 0)
			break;
	return &x->owns[at];
}

uint16_t nat_own(const uint8_t *addr, bool v6, unsigned vrf) {
	struct index *x = __atomic_load_n(&present, __ATOMIC_ACQUIRE);
	const struct own *own = x ? own_place(x, addr, v6, vrf) : NULL;

	return own && own->used ? own->iface : DP_NONE;
}

const struct nat_space *nat_space_at(unsigned id, bool *current) {
	*current = states[id].current;
	return nat_spaces[id];
}

// ---- blocks -------------------------------------------------------------------------------------------------

static void block_changed(
	const struct nat_space *space, unsigned block, uint32_t inside, bool taken) {
	struct record_ring *ring =
		dp_self ? __atomic_load_n(&block_rings[dp_self->id], __ATOMIC_ACQUIRE) : NULL;
	struct block_record *r = ring ? record_ring_reserve(ring, sizeof(*r)) : NULL;

	if (r == NULL)
		return;
	*r = (struct block_record){.addr = space->addr,
		.inside = inside,
		.first = nat_block_first(space, block),
		.size = space->options.block,
		.taken = taken};
	record_ring_commit(ring);
}

static void block_log(const struct block_record *r) {
	struct addr addr = {.family = ADDR_V4}, inside = {.family = ADDR_V4};
	char one[ADDR_STRLEN], two[ADDR_STRLEN];

	memcpy(addr.bytes, &r->addr, 4);
	memcpy(inside.bytes, &r->inside, 4);
	if (nat_host_addr(nat_hosts, r->inside, inside.bytes))
		inside.family = ADDR_V6;
	log_info("nat", r->taken ? "port block given" : "port block returned",
		"inside=%s address=%s ports=%u-%u", addr_print(&inside, two),
		addr_print(&addr, one), r->first, r->first + r->size - 1u);
}

static void blocks_poll(void) {
	const void *record;
	size_t size;

	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		struct record_ring *ring = block_rings[w];

		for (unsigned n = 0; ring && n < 256; n++) {
			record = record_ring_peek(ring, &size);
			if (record == NULL)
				break;
			block_log(record);
			record_ring_release(ring);
		}
	}
}

static void block_rings_make(void) {
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++)
		if (block_rings[w] == NULL)
			__atomic_store_n(
				&block_rings[w], record_ring_new(BLOCK_BYTES), __ATOMIC_RELEASE);
}

// ---- which are wanted ---------------------------------------------------------------------------------------

static bool zone_in(const struct fw_match *m, uint8_t zone) {
	return m->n_to == 0 || memchr(m->to, zone, m->n_to) != NULL;
}

static unsigned id_new(void) {
	for (unsigned id = 1; id <= NAT_ADDRESSES; id++)
		if (nat_spaces[id] == NULL)
			return id;
	return 0;
}

static unsigned space_make(uint32_t addr, const struct nat_options *options) {
	unsigned id = id_new();
	struct nat_space *s = id ? nat_space_new(addr, options, secret) : NULL;

	if (s == NULL) {
		log_error("nat", "no room for one more external address", "addresses=%d",
			NAT_ADDRESSES);
		return 0;
	}
	if (options->block)
		block_rings_make();
	s->id = (uint16_t)id;
	s->on_block = block_changed;
	states[id] = (struct state){.current = true};
	__atomic_store_n(&nat_spaces[id], s, __ATOMIC_RELEASE);
	return id;
}

// The first rule that wants an address says how it is used.
static void want(
	const uint8_t *bytes, const struct nat_options *options, const uint64_t outside[static 4]) {
	uint32_t addr;
	unsigned same = 0;

	memcpy(&addr, bytes, sizeof(addr));
	for (unsigned id = 1; id < NAT_IDS; id++) {
		const struct nat_space *s = nat_spaces[id];

		if (s == NULL || s->addr != addr)
			continue;
		if (states[id].current)
			return;
		if (memcmp(&s->options, options, sizeof(*options)) == 0)
			same = id;
	}
	if (same)
		states[same] = (struct state){.current = true, .refused = states[same].refused};
	else
		same = space_make(addr, options);
	for (unsigned i = 0; same && i < 4; i++)
		__atomic_store_n(&nat_spaces[same]->outside[i], outside[i], __ATOMIC_RELAXED);
}

struct wanted {
	const struct nat_rule *rule;
	const struct nat_options *options;
	uint64_t outside[4]; // zones
};

static struct wanted wanted_of(const struct nat_rule *rule) {
	struct wanted w = {.rule = rule, .options = &rule->options};

	for (uint32_t i = 0; i < rule->match.n_to; i++)
		w.outside[rule->match.to[i] / 64] |= 1ull << rule->match.to[i] % 64;
	return w;
}

static void want_ifaces(const struct wanted *w, const uint8_t *zones) {
	for (unsigned i = 0; i < DP_MAX_IFACES; i++) {
		const struct rtr_iface *iface = rtr_ifaces[i];

		for (unsigned a = 0;
			iface && zone_in(&w->rule->match, zones[i]) && a < iface->n_addrs; a++)
			if (iface->addrs[a].addr.family == ADDR_V4)
				want(iface->addrs[a].addr.bytes, w->options, w->outside);
	}
}

static void want_hosts(const struct wanted *w) {
	const struct fw_side *dst = &w->rule->match.dst;

	for (uint32_t i = 0; i < dst->n_prefixes && !dst->not ; i++)
		if (dst->prefixes[i].addr.family == ADDR_V4 && dst->prefixes[i].len == 32)
			want(dst->prefixes[i].addr.bytes, w->options, w->outside);
}

static void want_rule(const struct nat_policy *p, unsigned i, const uint8_t *zones) {
	const struct nat_rule *rule = &p->conf.rules[i];
	struct wanted w = wanted_of(rule);

	if (rule->match.off)
		return;
	if ((rule->kind == NAT_MASQUERADE && !rule->match.only6) ||
		(rule->kind == NAT_64 && rule->pool.n == 0))
		want_ifaces(&w, zones);
	for (uint32_t k = 0; (rule->kind == NAT_SNAT || rule->kind == NAT_64) && k < p->pools[i].n;
		k++)
		want((const uint8_t *)&p->pools[i].addrs[k], w.options, w.outside);
}

// Addresses that those inside reach each other by, and that no rule gives sources.
static void want_hairpin(const struct nat_policy *p, unsigned i, const uint8_t *zones) {
	static const struct nat_options plain = {0};
	const struct nat_rule *rule = &p->conf.rules[i];
	struct wanted w = {.rule = rule, .options = &plain};

	if (rule->kind != NAT_DNAT || rule->match.off || rule->match.only6 ||
		!rule->options.hairpin)
		return;
	if (rule->local)
		want_ifaces(&w, zones);
	want_hosts(&w);
}

// ---- the index ----------------------------------------------------------------------------------------------

static unsigned own_count(void) {
	unsigned n = 0;

	for (unsigned i = 0; i < DP_MAX_IFACES; i++)
		n += rtr_ifaces[i] ? rtr_ifaces[i]->n_addrs : 0;
	return n;
}

static void owns_fill(struct index *x) {
	for (unsigned i = 0; i < DP_MAX_IFACES; i++) {
		const struct rtr_iface *iface = rtr_ifaces[i];

		for (unsigned a = 0; iface && a < iface->n_addrs; a++) {
			const struct addr *addr = &iface->addrs[a].addr;
			bool v6 = addr->family == ADDR_V6;
			struct own *own = own_place(x, addr->bytes, v6, iface->vrf);

			*own = (struct own){
				.iface = (uint16_t)i, .vrf = iface->vrf, .used = true, .v6 = v6};
			memcpy(own->addr, addr->bytes, 16);
		}
	}
}

static void index_publish(void) {
	uint32_t cells = 64;
	struct index *x;

	while (cells < 4 * own_count())
		cells *= 2;
	x = calloc(1, sizeof(*x) + cells * sizeof(x->owns[0]));
	if (x == NULL) {
		log_error("nat", "out of memory", "");
		return;
	}
	x->own_mask = cells - 1;
	owns_fill(x);
	for (unsigned id = 1; id < NAT_IDS; id++)
		if (nat_spaces[id] && states[id].current)
			*space_place(x, nat_spaces[id]->addr) = (uint16_t)id;
	if (retired) {
		dp_sync();
		free(retired);
	}
	retired = present;
	__atomic_store_n(&present, x, __ATOMIC_RELEASE);
}

// What interfaces have for addresses, as one number.
static uint64_t addresses_sum(void) {
	uint64_t sum = 14695981039346656037ull;

	for (unsigned i = 0; i < DP_MAX_IFACES; i++) {
		const struct rtr_iface *iface = rtr_ifaces[i];

		for (unsigned a = 0; iface && a < iface->n_addrs; a++)
			sum = (sum ^
				      addr_hash(iface->addrs[a].addr.bytes,
					      iface->addrs[a].addr.family == ADDR_V6) ^
				      (uint64_t)i << 32) *
				1099511628211ull;
	}
	return sum;
}

void nat_commit(const struct nat_policy *policy, const uint8_t *zones) {
	if (secret == 0 && getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
		secret = clock_now_ns() | 1;
	neigh_on_foreign(nat_is_foreign);
	last_policy = policy;
	last_zones = zones;
	for (unsigned id = 1; id < NAT_IDS; id++)
		states[id].current = false;
	for (unsigned i = 0; policy && i < policy->conf.n; i++)
		want_rule(policy, i, zones);
	for (unsigned i = 0; policy && i < policy->conf.n; i++)
		want_hairpin(policy, i, zones);
	seen_sum = addresses_sum();
	if (policy || present)
		index_publish();
}

// ---- watching -----------------------------------------------------------------------------------------------

static void exhausted_tell(struct nat_space *s, struct state *st, uint64_t now_ns) {
	struct addr addr = {.family = ADDR_V4};
	char text[ADDR_STRLEN];
	uint64_t refused = 0;

	for (unsigned c = 0; c < NAT_CLASSES; c++)
		refused += atomic_load_explicit(&s->use[c].refused, memory_order_relaxed);
	if (refused == st->refused || (st->told_ns != 0 && now_ns - st->told_ns < EXHAUSTED_NS))
		return;
	memcpy(addr.bytes, &s->addr, 4);
	addr_print(&addr, text);
	log_warn("nat", "no port is left", "address=%s refused=%llu", text,
		(unsigned long long)(refused - st->refused));
	event_emit("nat.exhausted",
		json_pack("{s:s, s:I}", "address", text, "refused",
			(json_int_t)(refused - st->refused)));
	st->told_ns = now_ns;
	st->refused = refused;
}

static bool in_use(struct nat_space *s) {
	for (unsigned c = 0; c < NAT_CLASSES; c++)
		if (atomic_load(&s->use[c].used) > 0)
			return true;
	return false;
}

// Two passes: the first makes sure that nobody begins to use them, the second finds that nobody does.
static void spaces_free_unused(void) {
	bool some = false;

	for (unsigned id = 1; id < NAT_IDS; id++) {
		if (nat_spaces[id] == NULL || states[id].current)
			continue;
		if (states[id].idle && !in_use(nat_spaces[id])) {
			nat_space_free(nat_spaces[id]);
			nat_spaces[id] = NULL;
		}
		some |= nat_spaces[id] && !states[id].idle;
	}
	if (!some)
		return;
	dp_sync();
	for (unsigned id = 1; id < NAT_IDS; id++)
		states[id].idle = nat_spaces[id] && !states[id].current;
}

// One at a time: all its ports are looked at.
static void tidy_some(void) {
	static unsigned at;

	for (unsigned looks = 0; looks < NAT_IDS; looks++) {
		at = (at + 1) % NAT_IDS;
		if (nat_spaces[at] && nat_space_tidy(nat_spaces[at], dp_sync))
			return;
	}
}

void nat_poll(uint64_t now_ns) {
	static uint64_t looked_ns;

	blocks_poll();
	if (present == NULL || now_ns - looked_ns < LOOK_NS)
		return;
	looked_ns = now_ns;
	if (last_policy && addresses_sum() != seen_sum) {
		nat_commit(last_policy, last_zones);
		session_policy_changed();
	}
	for (unsigned id = 1; id < NAT_IDS; id++)
		if (nat_spaces[id])
			exhausted_tell(nat_spaces[id], &states[id], now_ns);
	spaces_free_unused();
	tidy_some();
}

// Workers still turn, and sessions end as long as they do: a space that has some stays until the process goes.
void nat_fini(void) {
	struct record_ring *rings[DP_MAX_WORKERS];
	struct index *last = present;

	neigh_on_foreign(NULL);
	last_policy = NULL;
	__atomic_store_n(&present, NULL, __ATOMIC_RELEASE);
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++)
		rings[w] = __atomic_exchange_n(&block_rings[w], NULL, __ATOMIC_ACQ_REL);
	dp_sync();
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++)
		record_ring_free(rings[w]);
	for (unsigned id = 1; id < NAT_IDS; id++) {
		if (nat_spaces[id] == NULL || in_use(nat_spaces[id]))
			continue;
		nat_space_free(nat_spaces[id]);
		nat_spaces[id] = NULL;
	}
	free(last);
	free(retired);
	retired = NULL;
}
