// SPDX-License-Identifier: BSD-3-Clause
// NAT64 (RFC 6146): who is the other side, and who is it outside? Two families, one session; router/nat64 translates its packets.
#include "firewall/nat/hosts.h"
#include "firewall/nat/table_nat.h"
#include "lib/hash.h"
#include "router/iface.h"
#include "router/nat64/xlat.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { PROTO_ICMP = 1, PROTO_ICMP6 = 58 };

static uint8_t edge;

__attribute__((constructor)) static void edges(void) {
	edge = session_edge("nat64");
}

int nat64_prepare(const struct nat_policy *p, struct err *err) {
	uint64_t secret;
	bool wanted = false;

	for (unsigned i = 0; i < p->conf.n; i++)
		wanted |= p->conf.rules[i].kind == NAT_64;
	if (!wanted || nat_hosts)
		return 0;
	if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
		return err_set(err, -EAGAIN, "firewall.nat: no random numbers");
	struct nat_hosts *hosts = nat_hosts_new(secret);
	if (hosts == NULL)
		return err_set(err, -ENOMEM, "firewall.nat: out of memory");
	__atomic_store_n(&nat_hosts, hosts, __ATOMIC_RELEASE);
	return 0;
}

static const struct nat_rule *rule_of(const struct nat_policy *p, const struct session_flow *flow) {
	const struct nat_rule *rule = nat_rule_of(p, nat_user_dnat(flow->user[SESSION_USER_NAT]));

	return rule && rule->kind == NAT_64 ? rule : NULL;
}

bool nat64_is(const struct nat_policy *p, const struct session_flow *flow) {
	return flow->in.v6 != flow->out.v6 || rule_of(p, flow) != NULL;
}

// ---- the destination ----------------------------------------------------------------------------------------

static bool is_well_known(const struct prefix *p) {
	static const uint8_t bytes[12] = {0, 0x64, 0xff, 0x9b};

	return p->len == 96 && memcmp(p->addr.bytes, bytes, sizeof(bytes)) == 0;
}

static bool may_be(const struct nat_rule *rule, const uint8_t v4[4]) {
	if (is_well_known(&rule->prefix))
		return xlat_is_global(v4);
	return v4[0] != 0 && v4[0] != 127 && v4[0] < 224;
}

// Hosts inside reach each other by their ports outside (RFC 6146 section 3.8): the packet stays IPv6.
static bool hairpin(
	const struct nat_rule *rule, const uint8_t v4[4], struct session_flow *flow, uint8_t zone) {
	enum nat_class class = nat_class_of(flow->in.proto);
	uint16_t port = __builtin_bswap16(flow->in.dport);
	struct nat_endpoint owner;
	uint8_t addr[16];
	uint32_t dst;

	memcpy(&dst, v4, sizeof(dst));
	struct nat_space *s = rule->options.hairpin ? nat_space_find(dst) : NULL;
	if (s == NULL || class >= NAT_ICMP || nat_is_outside(s, zone) ||
		!nat_owner(s, class, port, &owner) || !nat_host_addr(nat_hosts, owner.addr, addr))
		return false;
	if (!flow->dry) {
		if (!nat_enter(s, class, port, &owner))
			return false;
		if (!nat_host_hold(nat_hosts, owner.addr) ||
			!nat_host_addr(nat_hosts, owner.addr, addr)) {
			nat_release(s, class, port);
			return false;
		}
	}
	memcpy(flow->out.dst, addr, 16);
	flow->out.dport = __builtin_bswap16(owner.port);
	flow->user[SESSION_USER_NAT] |= NAT_USER_DNAT_PORT | s->id;
	return true;
}

enum session_verdict nat64_dnat(
	const struct nat_policy *p, unsigned at, struct session_flow *flow, uint8_t zone) {
	const struct nat_rule *rule = &p->conf.rules[at];
	bool icmp = flow->in.proto == PROTO_ICMP6;
	uint8_t v4[4];

	xlat_extract(flow->in.dst, rule->prefix.len, v4);
	if (!may_be(rule, v4) || (!icmp && nat_class_of(flow->in.proto) == NAT_NO_CLASS) ||
		flow->flags & SESSION_SYN_PROXY)
		return SESSION_DROP;
	flow->syn = false; // a SYN proxy speaks to servers of the client's family
	if (!icmp && hairpin(rule, v4, flow, zone))
		return SESSION_PASS;
	flow->out = (struct session_tuple){.sport = flow->in.sport,
		.dport = flow->in.dport,
		.domain = flow->in.domain,
		.proto = icmp ? PROTO_ICMP : flow->in.proto};
	memcpy(flow->out.dst, v4, 4);
	flow->edge[0] = flow->edge[1] = edge;
	return SESSION_PASS;
}

// Its source is an address of the first rule's prefix: all of them lead here.
enum session_verdict nat64_enter(
	const struct nat_policy *p, uint32_t host, uint16_t port, struct session_flow *flow) {
	const struct nat_rule *rule = NULL;
	struct session_tuple in = flow->in;

	for (unsigned i = 0; rule == NULL && i < p->conf.n; i++)
		if (p->conf.rules[i].kind == NAT_64 && !p->conf.rules[i].match.off)
			rule = &p->conf.rules[i];
	flow->out = (struct session_tuple){.sport = in.sport,
		.dport = __builtin_bswap16(port),
		.domain = in.domain,
		.proto = in.proto,
		.v6 = true};
	bool there = rule && nat_host_addr(nat_hosts, host, flow->out.dst) &&
		(flow->dry || nat_host_hold(nat_hosts, host));
	if (there) {
		xlat_embed(rule->prefix.addr.bytes, rule->prefix.len, in.src, flow->out.src);
		flow->edge[0] = flow->edge[1] = edge;
		return SESSION_PASS;
	}
	if (!flow->dry)
		nat_release(nat_spaces[nat_user_space(flow->user[SESSION_USER_NAT])],
			nat_class_of(in.proto), __builtin_bswap16(in.dport));
	flow->user[SESSION_USER_NAT] = 0;
	flow->out = in;
	return SESSION_PASS;
}

// ---- the source ---------------------------------------------------------------------------------------------

static enum session_verdict refuse(struct session_flow *flow, enum nat64_drop why) {
	flow->why = (uint16_t)why;
	return SESSION_DROP;
}

static enum session_verdict port_take(struct session_flow *flow, struct nat_space *s) {
	switch (s ? nat_port_take(s, flow) : -3) {
	case 0:
		return SESSION_PASS;
	case -1:
		return refuse(flow, NAT64_EXHAUSTED);
	case -2:
		return refuse(flow, NAT64_HOSTS);
	default:
		return refuse(flow, NAT64_NO_ADDRESS);
	}
}

static bool source(
	const struct nat_policy *p, const struct nat_rule *rule, struct session_flow *flow) {
	const struct nat_pool *pool = &p->pools[rule - p->conf.rules];
	const struct rtr_iface *iface = rtr_iface(flow->iface_out);
	struct addr to = {.family = ADDR_V4};
	uint64_t words[2];

	memcpy(words, flow->in.src, sizeof(words));
	memcpy(to.bytes, flow->out.dst, 4);
	if (pool->n > 0) { // RFC 4787 REQ-2: who is inside keeps one address
		uint64_t hash = hash_mix(
			words[0] ^ 0xe7037ed1a0b428dbull, words[1] ^ 0x9e3779b97f4a7c15ull);
		memcpy(flow->out.src, &pool->addrs[hash % pool->n], 4);
		return true;
	}
	const struct addr *own = iface ? rtr_iface_source(iface, &to) : NULL;
	if (own)
		memcpy(flow->out.src, own->bytes, 4);
	return own != NULL;
}

static bool zone_is(const struct nat_rule *rule, uint8_t zone) {
	return memchr(rule->match.to, zone, rule->match.n_to) != NULL;
}

enum session_verdict nat64_snat(const struct nat_policy *p, struct session_flow *flow) {
	const struct nat_rule *rule = rule_of(p, flow);
	uint32_t user = flow->user[SESSION_USER_NAT], addr;

	if (!flow->in.v6) // nat64_enter() said all
		return SESSION_PASS;
	if (flow->out.v6) { // hairpin: by a port of the same space, for the session knows one
		struct nat_space *s = nat_spaces[nat_user_space(user)];

		if (!(user & NAT_USER_DNAT_PORT))
			return SESSION_PASS;
		xlat_embed(rule->prefix.addr.bytes, rule->prefix.len, (const uint8_t *)&s->addr,
			flow->out.src);
		return port_take(flow, s);
	}
	if (rule == NULL || !zone_is(rule, flow->zone_out))
		return refuse(flow, NAT64_ZONE);
	if (!source(p, rule, flow))
		return refuse(flow, NAT64_NO_ADDRESS);
	memcpy(&addr, flow->out.src, sizeof(addr));
	return port_take(flow, nat_space_find(addr));
}
