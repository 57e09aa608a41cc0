// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/ra/ra_accept.h"
#include "lib/clock.h"
#include "lib/hash.h"
#include <string.h>

#define TWO_HOURS_S 7200
#define ASK_DELAY   NSEC_PER_SEC          // MAX_RTR_SOLICITATION_DELAY
#define ASK_GAP     (4 * NSEC_PER_SEC)    // RTR_SOLICITATION_INTERVAL
#define ASK_GAP_MAX (3600 * NSEC_PER_SEC) // RFC 7559 section 2: MRT
#define ASK_NOT_YET (NSEC_PER_SEC / 10)   // no source address: asked again after
#define MTU_LEAST   1280                  // RFC 8200 section 5

static const struct addr nobody = {.family = ADDR_NONE};

static uint64_t until(uint64_t now_ns, uint32_t lifetime_s) {
	return lifetime_s == UINT32_MAX ? RA_NEVER : now_ns + lifetime_s * NSEC_PER_SEC;
}

static uint64_t random_ns(const struct ra_accept *a, uint64_t range_ns) {
	return hash_below(range_ns, a->ops->random());
}

static bool prefix_same(const struct prefix *a, const struct prefix *b) {
	return a->len == b->len && addr_cmp(&a->addr, &b->addr) == 0;
}

// ---- asking ---------------------------------------------------------------------------------------------------

void ra_accept_link(struct ra_accept *a, bool up) {
	a->ask_gap_ns = ASK_GAP;
	a->ask_ns = up ? clock_now_ns() + random_ns(a, ASK_DELAY) + 1 : 0;
}

static void ask(struct ra_accept *a, uint64_t now_ns) {
	if (!a->ops->solicit(a)) {
		a->ask_ns = now_ns + ASK_NOT_YET;
		return;
	}
	a->solicited++;
	a->ask_ns = now_ns + a->ask_gap_ns * 9 / 10 + random_ns(a, a->ask_gap_ns / 5);
	a->ask_gap_ns = a->ask_gap_ns * 2 < ASK_GAP_MAX ? a->ask_gap_ns * 2 : ASK_GAP_MAX;
}

// ---- routes ---------------------------------------------------------------------------------------------------

static uint32_t metric_of(const struct ra_route *r) {
	return (uint32_t)(1 - r->preference);
}

static void route_del(struct ra_accept *a, unsigned i) {
	struct ra_route gone = a->routes[i];

	a->routes[i] = a->routes[--a->n_routes];
	a->ops->route_gone(a, &gone.prefix, &gone.via, metric_of(&gone));
}

static unsigned route_find(
	const struct ra_accept *a, const struct prefix *prefix, const struct addr *via) {
	unsigned i = 0;

	while (i < a->n_routes &&
		!(prefix_same(&a->routes[i].prefix, prefix) &&
			addr_cmp(&a->routes[i].via, via) == 0))
		i++;
	return i;
}

static unsigned defaults(const struct ra_accept *a) {
	unsigned n = 0;

	for (unsigned i = 0; i < a->n_routes; i++)
		n += a->routes[i].prefix.len == 0;
	return n;
}

// Routes of one kind leave room for those of the other.
static bool route_fits(const struct ra_accept *a, bool is_default) {
	unsigned n = defaults(a);

	return is_default ? n < RA_DEFAULTS : a->n_routes - n < RA_ROUTES - RA_DEFAULTS;
}

static void route_learn(struct ra_accept *a, const struct ra_route *said, uint32_t lifetime_s) {
	unsigned i = route_find(a, &said->prefix, &said->via);
	bool known = i < a->n_routes;

	if (known && (lifetime_s == 0 || a->routes[i].preference != said->preference)) {
		route_del(a, i);
		known = false;
	}
	if (lifetime_s == 0)
		return;
	if (known) {
		a->routes[i].until_ns = said->until_ns;
	} else if (!route_fits(a, said->prefix.len == 0) ||
		!a->ops->route(a, &said->prefix, &said->via, metric_of(said))) {
		a->refused++;
	} else {
		a->routes[a->n_routes++] = *said;
	}
}

// The header's default route first: ::/0 among the options has the last word (RFC 4191 section 3.1).
static void routes_learn(struct ra_accept *a, const struct nd *nd, uint64_t now_ns) {
	const struct nd_router *ra = &nd->ra;
	struct ra_route r = {.prefix = {.addr = {.family = ADDR_V6}},
		.via = nd->src,
		.preference = ra->preference,
		.until_ns = until(now_ns, ra->lifetime_s)};

	route_learn(a, &r, ra->lifetime_s);
	for (unsigned i = 0; i < ra->n_routes; i++) {
		const struct nd_route *said = &ra->routes[i];

		if (nd_is_link_local(&said->prefix.addr) || nd_is_group(&said->prefix.addr))
			continue;
		r.prefix = said->prefix;
		r.preference = said->preference;
		r.until_ns = until(now_ns, said->lifetime_s);
		route_learn(a, &r, said->lifetime_s);
	}
}

// ---- prefixes -------------------------------------------------------------------------------------------------

// What the interface has becomes what it should have. On the link an address has the prefix's length, elsewhere it is a host's.
static void prefix_apply(struct ra_accept *a, struct ra_prefix *p, uint64_t now_ns) {
	bool linked = p->link_until_ns > now_ns, link;
	unsigned len = 0;

	if (p->valid_until_ns > now_ns && !p->duplicate)
		len = linked ? p->prefix.len : 128;
	link = linked && len == 0;
	if (p->set_len != 0 && p->set_len != len) {
		p->set_len = 0;
		a->ops->address_gone(a, &p->addr);
	}
	if (p->link_set && !link) {
		p->link_set = false;
		a->ops->route_gone(a, &p->prefix, &nobody, 0);
	}
	if (len != 0 && p->set_len == 0) {
		struct prefix addr = {p->addr, (uint8_t)len};

		p->set_len = a->ops->address(a, &addr) ? (uint8_t)len : 0;
		a->refused += p->set_len == 0;
	}
	if (link && !p->link_set) {
		p->link_set = a->ops->route(a, &p->prefix, &nobody, 0);
		a->refused += !p->link_set;
	}
}

static struct ra_prefix *prefix_find(struct ra_accept *a, const struct prefix *prefix) {
	for (unsigned i = 0; i < a->n_prefixes; i++)
		if (prefix_same(&a->prefixes[i].prefix, prefix))
			return &a->prefixes[i];
	return NULL;
}

static struct ra_prefix *prefix_add(struct ra_accept *a, const struct prefix *prefix) {
	struct ra_prefix *p;

	if (a->n_prefixes == RA_PREFIXES) {
		a->refused++;
		return NULL;
	}
	p = &a->prefixes[a->n_prefixes++];
	*p = (struct ra_prefix){.prefix = *prefix};
	return p;
}

// RFC 4291 appendix A
static struct addr address_in(const struct prefix *prefix, const struct mac *mac) {
	const uint8_t *b = mac->bytes;
	const uint8_t id[8] = {b[0] ^ 2, b[1], b[2], 0xff, 0xfe, b[3], b[4], b[5]};
	struct addr addr = prefix->addr;

	memcpy(addr.bytes + 8, id, sizeof(id));
	return addr;
}

// RFC 4862 section 5.5.3: nobody on the link can take an address away from us in less than two hours.
static void address_learn(
	struct ra_accept *a, struct ra_prefix *p, const struct nd_prefix *said, uint64_t now_ns) {
	uint64_t valid_ns = until(now_ns, said->valid_s);
	uint64_t least_ns = now_ns + TWO_HOURS_S * NSEC_PER_SEC;

	if (p->valid_until_ns == 0) {
		if (said->valid_s == 0)
			return;
		p->addr = address_in(&p->prefix, &a->mac);
		p->valid_until_ns = valid_ns;
	} else if (said->valid_s > TWO_HOURS_S || valid_ns > p->valid_until_ns) {
		p->valid_until_ns = valid_ns;
	} else if (p->valid_until_ns > least_ns) {
		p->valid_until_ns = least_ns;
	}
	p->preferred_until_ns = until(now_ns, said->preferred_s);
}

static void prefix_learn(struct ra_accept *a, const struct nd_prefix *said, uint64_t now_ns) {
	bool autonomous = said->autonomous && said->prefix.len == 64; // our ids have 64 bits
	struct prefix network = prefix_network(&said->prefix);
	struct ra_prefix *p = prefix_find(a, &network);

	if (nd_is_link_local(&network.addr) || nd_is_group(&network.addr) ||
		(!said->on_link && !autonomous))
		return;
	if (p == NULL && said->valid_s != 0)
		p = prefix_add(a, &network);
	if (p == NULL)
		return;
	if (said->on_link)
		p->link_until_ns = said->valid_s ? until(now_ns, said->valid_s) : 0;
	if (autonomous)
		address_learn(a, p, said, now_ns);
	prefix_apply(a, p, now_ns);
}

static void prefix_expire(struct ra_accept *a, unsigned i, uint64_t now_ns) {
	struct ra_prefix *p = &a->prefixes[i];
	bool unlinked = p->link_until_ns != 0 && p->link_until_ns <= now_ns;
	bool invalid = p->valid_until_ns != 0 && p->valid_until_ns <= now_ns;

	if (unlinked || invalid)
		prefix_apply(a, p, now_ns);
	if (unlinked)
		p->link_until_ns = 0;
	if (invalid)
		p->valid_until_ns = p->preferred_until_ns = 0;
	if (p->link_until_ns == 0 && p->valid_until_ns == 0)
		*p = a->prefixes[--a->n_prefixes];
}

void ra_accept_duplicate(struct ra_accept *a, const struct addr *addr) {
	for (unsigned i = 0; i < a->n_prefixes; i++) {
		struct ra_prefix *p = &a->prefixes[i];

		if (p->set_len == 0 || addr_cmp(&p->addr, addr) != 0)
			continue;
		p->duplicate = true;
		prefix_apply(a, p, clock_now_ns());
	}
}

// ---- DNS, MTU ---------------------------------------------------------------------------------------------------

static void server_learn(struct ra_accept *a, const struct nd_server *said, uint64_t now_ns) {
	unsigned i = 0;

	while (i < a->n_servers && addr_cmp(&a->servers[i].addr, &said->addr) != 0)
		i++;
	if (i == ND_SERVERS) {
		a->refused++;
	} else if (said->lifetime_s != 0) {
		a->servers[i].addr = said->addr;
		a->servers[i].until_ns = until(now_ns, said->lifetime_s);
		a->n_servers += i == a->n_servers;
	} else if (i < a->n_servers) {
		a->servers[i] = a->servers[--a->n_servers];
	}
}

static void domain_learn(struct ra_accept *a, const struct nd_domain *said, uint64_t now_ns) {
	unsigned i = 0;

	while (i < a->n_domains && strcmp(a->domains[i].name, said->name) != 0)
		i++;
	if (i == ND_DOMAINS) {
		a->refused++;
	} else if (said->lifetime_s != 0) {
		memcpy(a->domains[i].name, said->name, sizeof(a->domains[i].name));
		a->domains[i].until_ns = until(now_ns, said->lifetime_s);
		a->n_domains += i == a->n_domains;
	} else if (i < a->n_domains) {
		a->domains[i] = a->domains[--a->n_domains];
	}
}

static void mtu_learn(struct ra_accept *a, uint32_t mtu) {
	if (mtu < MTU_LEAST || mtu > UINT16_MAX || mtu == a->mtu)
		return;
	a->mtu = (uint16_t)mtu;
	a->ops->mtu(a, a->mtu);
}

// ---- all of it --------------------------------------------------------------------------------------------------

void ra_accept_receive(struct ra_accept *a, const struct nd *nd) {
	const struct nd_router *ra = &nd->ra;
	uint64_t now_ns = clock_now_ns();

	a->received++;
	a->managed = ra->managed;
	a->other = ra->other;
	if (ra->lifetime_s != 0)
		a->ask_ns = 0; // RFC 4861 section 6.3.7
	routes_learn(a, nd, now_ns);
	for (unsigned i = 0; i < ra->n_prefixes; i++)
		prefix_learn(a, &ra->prefixes[i], now_ns);
	mtu_learn(a, ra->mtu);
	for (unsigned i = 0; i < ra->n_servers; i++)
		server_learn(a, &ra->servers[i], now_ns);
	for (unsigned i = 0; i < ra->n_domains; i++)
		domain_learn(a, &ra->domains[i], now_ns);
}

void ra_accept_again(struct ra_accept *a) {
	uint64_t now_ns = clock_now_ns();

	ra_accept_poll(a, now_ns); // first: what is over is not told again
	for (unsigned i = a->n_routes; i-- > 0;) {
		struct ra_route *r = &a->routes[i];

		if (!a->ops->route(a, &r->prefix, &r->via, metric_of(r)))
			route_del(a, i);
	}
	for (unsigned i = 0; i < a->n_prefixes; i++) {
		a->prefixes[i].set_len = 0;
		a->prefixes[i].link_set = false;
		prefix_apply(a, &a->prefixes[i], now_ns);
	}
	if (a->mtu != 0)
		a->ops->mtu(a, a->mtu);
}

void ra_accept_forget(struct ra_accept *a) {
	while (a->n_routes > 0)
		route_del(a, a->n_routes - 1);
	while (a->n_prefixes > 0) {
		struct ra_prefix *p = &a->prefixes[--a->n_prefixes];

		p->link_until_ns = p->valid_until_ns = 0;
		prefix_apply(a, p, clock_now_ns());
	}
	if (a->mtu != 0)
		a->ops->mtu(a, 0);
	a->mtu = 0;
	a->n_servers = a->n_domains = 0;
	a->ask_ns = 0;
}

void ra_accept_poll(struct ra_accept *a, uint64_t now_ns) {
	unsigned before = defaults(a);

	for (unsigned i = a->n_routes; i-- > 0;)
		if (a->routes[i].until_ns <= now_ns)
			route_del(a, i);
	for (unsigned i = a->n_prefixes; i-- > 0;)
		prefix_expire(a, i, now_ns);
	for (unsigned i = a->n_servers; i-- > 0;)
		if (a->servers[i].until_ns <= now_ns)
			a->servers[i] = a->servers[--a->n_servers];
	for (unsigned i = a->n_domains; i-- > 0;)
		if (a->domains[i].until_ns <= now_ns)
			a->domains[i] = a->domains[--a->n_domains];
	if (before > 0 && defaults(a) == 0) // the last default router fell silent
		ra_accept_link(a, true);
	if (a->ask_ns != 0 && a->ask_ns <= now_ns)
		ask(a, now_ns);
}
