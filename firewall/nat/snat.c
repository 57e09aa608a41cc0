// SPDX-License-Identifier: BSD-3-Clause
// NAT's last word on a connection, after the rules: who is it outside? It takes a port of the external address, and gives it back when
// the session ends.
#include "firewall/nat/hosts.h"
#include "firewall/nat/table_nat.h"
#include "lib/hash.h"
#include "router/iface.h"
#include <string.h>

#define TUPLE_TRIES 64 // ports that are tried where there is no space

enum { DROP_GONE, DROP_EXHAUSTED, DROP_TUPLE, DROP_NO_ADDRESS, DROP_NAT64 };

static const struct dp_drop snat_drops[] = {
	[DROP_GONE] = {"snat_gone",
		"the NAT rule that changed its source is no longer there, or the address is not"},
	[DROP_EXHAUSTED] = {"exhausted", "no port of its external address is left"},
	[DROP_TUPLE] = {"nat_tuple", "outside it would look like another connection that is there"},
	[DROP_NO_ADDRESS] = {"snat_no_address",
		"the interface that it leaves by has no address for it, or its own has no "
		"counterpart outside"},
	// as enum nat64_drop
	[DROP_NAT64 +
		NAT64_ZONE] = {"nat64_zone", "its IPv4 destination is in no zone of the rule"},
	[DROP_NAT64 + NAT64_NO_ADDRESS] = {"nat64_no_address",
		"no external IPv4 address is there for it"},
	[DROP_NAT64 + NAT64_EXHAUSTED] = {"nat64_exhausted",
		"no port of its external IPv4 address is left"},
	[DROP_NAT64 + NAT64_HOSTS] = {"nat64_hosts", "more IPv6 hosts than can be counted"},
	{0},
};

static enum session_verdict drop(struct session_flow *flow, unsigned why) {
	flow->why = (uint16_t)why;
	return SESSION_DROP;
}

// ---- ports --------------------------------------------------------------------------------------------------

// Would the answer be another connection's?
static bool taken(uint16_t port, const void *arg) {
	const struct session_flow *flow = arg;
	struct session_tuple out = flow->out;

	out.sport = __builtin_bswap16(port);
	out = session_reverse(&out);
	return session_taken(&out);
}

static bool has_port(const struct session_flow *flow) {
	return flow->in.proto == 58 || nat_class_of(flow->in.proto) != NAT_NO_CLASS;
}

// By the connection alone: its own port, or one not far from it in the same half of the ports.
static enum session_verdict by_tuple(struct session_flow *flow) {
	uint16_t port = __builtin_bswap16(flow->out.sport);
	uint32_t lo = port < 1024 ? 1 : 1024, n = port < 1024 ? 1023 : 64512;

	for (unsigned i = 0; i < (has_port(flow) ? TUPLE_TRIES : 1); i++) {
		uint16_t at = i == 0 ? port : (uint16_t)(lo + (port - lo + i * 2 * 641u) % n);

		if (taken(at, flow))
			continue;
		flow->out.sport = __builtin_bswap16(at);
		return SESSION_PASS;
	}
	return drop(flow, DROP_TUPLE);
}

// A port that is shared (overload) is another's: then it is he who must not be forgotten.
static void host_settle(
	struct nat_space *s, const struct session_flow *flow, uint16_t port, uint32_t me) {
	struct nat_endpoint owner;

	if (!nat_owner(s, nat_class_of(flow->out.proto), port, &owner) || owner.addr == me)
		return;
	if (nat_host_is(owner.addr))
		nat_host_hold(nat_hosts, owner.addr);
	nat_host_put(nat_hosts, me);
}

int nat_port_take(struct nat_space *s, struct session_flow *flow) {
	struct nat_endpoint me = {.port = __builtin_bswap16(flow->in.sport)};

	memcpy(&me.addr, flow->in.src, sizeof(me.addr));
	if (flow->in.v6 && (me.addr = nat_host_get(nat_hosts, flow->in.src)) == 0)
		return -2;
	int port = nat_claim(s, nat_class_of(flow->out.proto), me, taken, flow, flow->dry);
	if (flow->in.v6 && (port < 0 || flow->dry))
		nat_host_put(nat_hosts, me.addr);
	if (port < 0)
		return -1;
	if (flow->in.v6 && !flow->dry)
		host_settle(s, flow, (uint16_t)port, me.addr);
	flow->out.sport = __builtin_bswap16((uint16_t)port);
	flow->user[SESSION_USER_NAT] |= NAT_USER_SNAT_PORT | s->id;
	return 0;
}

void nat_port_give(struct nat_space *s, enum nat_class class, uint16_t port) {
	struct nat_endpoint owner;
	bool host = nat_owner(s, class, port, &owner) && nat_host_is(owner.addr);

	nat_release(s, class, port);
	if (host)
		nat_host_put(nat_hosts, owner.addr);
}

// By a port of the space of its new source.
static enum session_verdict by_space(struct session_flow *flow, struct nat_space *s) {
	return nat_port_take(s, flow) < 0 ? drop(flow, DROP_EXHAUSTED) : SESSION_PASS;
}

static enum session_verdict port_choose(struct session_flow *flow) {
	struct nat_space *s = NULL;
	uint32_t src;

	if (!flow->in.v6 && nat_class_of(flow->in.proto) != NAT_NO_CLASS) {
		memcpy(&src, flow->out.src, sizeof(src));
		s = nat_space_find(src);
	}
	return s ? by_space(flow, s) : by_tuple(flow);
}

// ---- addresses ----------------------------------------------------------------------------------------------

static bool masquerade(struct session_flow *flow) {
	const struct rtr_iface *iface = rtr_iface(flow->iface_out);
	struct addr to = {.family = flow->in.v6 ? ADDR_V6 : ADDR_V4};

	memcpy(to.bytes, flow->out.dst, flow->in.v6 ? 16 : 4);
	const struct addr *src = iface ? rtr_iface_source(iface, &to) : NULL;
	if (src)
		memcpy(flow->out.src, src->bytes, 16);
	return src != NULL;
}

static uint64_t source_hash(const struct session_flow *flow) {
	uint64_t words[2];

	memcpy(words, flow->in.src, sizeof(words));
	return hash_mix(words[0] ^ 0xe7037ed1a0b428dbull, words[1] ^ 0x9e3779b97f4a7c15ull);
}

// One of IPv6 prefixes; the bits behind it are as good as any.
static void pool6(const struct nat_rule *rule, struct session_flow *flow) {
	uint64_t hash = source_hash(flow), more = hash * 0x9e3779b97f4a7c15ull;
	const struct prefix *p = NULL;
	unsigned n = 0;

	for (size_t i = 0; i < rule->pool.n; i++)
		n += rule->pool.items[i].addr.family == ADDR_V6;
	unsigned pick = (unsigned)(hash % n);
	for (size_t i = 0; i < rule->pool.n; i++)
		if (rule->pool.items[i].addr.family == ADDR_V6 && pick-- == 0) {
			p = &rule->pool.items[i];
			break;
		}
	memcpy(flow->out.src, &hash, 8);
	memcpy(flow->out.src + 8, &more, 8);
	for (unsigned bit = 0; bit < p->len; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);
		uint8_t *byte = &flow->out.src[bit / 8];
		*byte = (uint8_t)((*byte & ~mask) | (p->addr.bytes[bit / 8] & mask));
	}
}

// RFC 4787 REQ-2: who is inside keeps one address.
static void pool(const struct nat_policy *p, unsigned at, struct session_flow *flow) {
	const struct nat_pool *v4 = &p->pools[at];

	if (flow->in.v6)
		pool6(&p->conf.rules[at], flow);
	else
		memcpy(flow->out.src, &v4->addrs[source_hash(flow) % v4->n], 4);
}

static enum session_verdict rule_apply(
	const struct nat_policy *p, unsigned at, struct session_flow *flow) {
	enum session_verdict verdict = SESSION_PASS;
	const struct nat_rule *rule = &p->conf.rules[at];

	if (rule->kind == NAT_SNAT)
		pool(p, at, flow);
	else if (rule->kind == NAT_MASQUERADE
			? !masquerade(flow)
			: rule->kind == NAT_STATIC && !npt_out(&p->npts[at], flow->out.src))
		return drop(flow, DROP_NO_ADDRESS);
	if (rule->kind == NAT_SNAT || rule->kind == NAT_MASQUERADE)
		verdict = port_choose(flow);
	else if (rule->kind == NAT_STATIC)
		verdict = by_tuple(flow);
	if (verdict != SESSION_PASS)
		return verdict;
	flow->user[SESSION_USER_NAT] |= (uint32_t)p->ids[at] << 20;
	if (!flow->dry)
		nat_count_hit(p->ids[at], flow);
	return SESSION_PASS;
}

// Both are inside, and the destination was an external address: so must the source be (RFC 4787 REQ-9), or the answer would not
// come this way when both are on one link.
static bool is_hairpin(const struct nat_policy *p, const struct session_flow *flow) {
	uint32_t user = flow->user[SESSION_USER_NAT];
	const struct nat_rule *rule = nat_rule_of(p, nat_user_dnat(user));

	if (user & NAT_USER_DNAT_PORT)
		return nat_spaces[nat_user_space(user)]->options.hairpin &&
			!nat_is_outside(nat_spaces[nat_user_space(user)], flow->zone_in);
	return rule && rule->options.hairpin && flow->iface_in == flow->iface_out;
}

static enum session_verdict hairpin(const struct nat_policy *p, struct session_flow *flow) {
	unsigned id = nat_user_dnat(flow->user[SESSION_USER_NAT]);
	const struct nat_rule *rule = nat_rule_of(p, id);
	struct addr src = {.family = flow->in.v6 ? ADDR_V6 : ADDR_V4};

	memcpy(src.bytes, flow->in.src, 16);
	if (rule && rule->kind == NAT_STATIC && prefix_contains(&rule->internal, &src))
		return npt_out(&p->npts[rule - p->conf.rules], flow->out.src)
			? by_tuple(flow)
			: drop(flow, DROP_NO_ADDRESS);
	memcpy(flow->out.src, flow->in.dst, 16);
	return port_choose(flow);
}

// ---- the decider --------------------------------------------------------------------------------------------

// One that lives: may it still have this source?
static enum session_verdict again(const struct nat_policy *p, struct session_flow *flow) {
	uint32_t user = flow->user[SESSION_USER_NAT];
	unsigned id = nat_user_snat(user);
	const struct nat_rule *rule = nat_rule_of(p, id);
	bool lives = true;

	if (id)
		lives = rule &&
			(rule->kind != NAT_MASQUERADE ||
				nat_own(flow->out.src, flow->in.v6, flow->in.domain) != DP_NONE);
	else if (user & NAT_USER_SNAT_PORT)
		lives = nat_is_current(nat_user_space(user));
	return lives ? SESSION_PASS : drop(flow, DROP_GONE);
}

static enum session_verdict snat_decide(struct session_flow *flow) {
	const struct fw_policy *fw = __atomic_load_n(&fw_policy, __ATOMIC_ACQUIRE);
	const struct nat_policy *p = fw ? fw->nat : NULL;
	uint32_t at = FW_NONE;

	if (session_is_bridged(flow))
		return SESSION_PASS;
	if (flow->again)
		return again(p, flow);
	if (p == NULL || flow->iface_out == DP_NONE)
		return SESSION_PASS;
	if (flow->flags & SESSION_EXPECTED && memcmp(flow->in.src, flow->out.src, 16) != 0)
		return by_tuple(flow); // whoever expected it has said who it is
	if (p->snat.n > 0) {
		struct fw_key key = nat_key(flow);
		at = fw_rules_first(p->snat.compiled, &key);
	}
	if (nat64_is(p, flow)) {
		enum session_verdict verdict = nat64_snat(p, flow);
		flow->why += DROP_NAT64;
		return verdict;
	}
	if (at != FW_NONE)
		return rule_apply(p, p->snat.rules[at], flow);
	if (is_hairpin(p, flow))
		return hairpin(p, flow);
	// two external ports may lead to one inside: their clients may not look the same there
	return memcmp(&flow->in, &flow->out, sizeof(flow->in)) == 0 ? SESSION_PASS : by_tuple(flow);
}

static void snat_release(const struct session_flow *flow) {
	uint32_t user = flow->user[SESSION_USER_NAT];

	if (nat_user_snat(user))
		nat_count_end(nat_user_snat(user), flow);
	if (user & NAT_USER_SNAT_PORT)
		nat_port_give(nat_spaces[nat_user_space(user)], nat_class_of(flow->out.proto),
			__builtin_bswap16(flow->out.sport));
}

static void snat_say(const struct session_flow *flow, char *buf, size_t size) {
	nat_say(nat_user_snat(flow->user[SESSION_USER_NAT]), buf, size);
}

static struct session_decider nat_snat = {
	.name = "nat_snat",
	.stage = SESSION_STAGE_SNAT,
	.drops = snat_drops,
	.decide = snat_decide,
	.release = snat_release,
	.say = snat_say,
};
SESSION_DECIDER(nat_snat)
