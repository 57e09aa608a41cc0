// SPDX-License-Identifier: BSD-3-Clause
// NAT's first word on a connection, before the route: where does it really go? A rule says, or whoever inside has the port that it is
// sent to.
#include "firewall/nat/hosts.h"
#include "firewall/nat/table_nat.h"
#include <string.h>

enum { DROP_GONE, DROP_NO_ADDRESS, DROP_NAT64 };

static const struct dp_drop dnat_drops[] = {
	[DROP_GONE] = {"dnat_gone", "the NAT rule that changed its destination is no longer there"},
	[DROP_NO_ADDRESS] = {"dnat_no_address", "its destination has no counterpart inside"},
	[DROP_NAT64] = {"nat64",
		"neither TCP nor UDP nor echo, or to an IPv4 address that the prefix may not stand "
		"for (RFC 6052 section 3.1)"},
	{0},
};

static const struct nat_policy *policy_of(const struct fw_policy **fw) {
	*fw = __atomic_load_n(&fw_policy, __ATOMIC_ACQUIRE);
	return *fw ? (*fw)->nat : NULL;
}

struct fw_key nat_key(const struct session_flow *flow) {
	struct fw_key key = {.v6 = flow->in.v6,
		.proto = flow->in.proto,
		.sport = __builtin_bswap16(flow->in.sport),
		.dport = __builtin_bswap16(flow->out.dport),
		.from = flow->zone_in,
		.to = flow->zone_out};

	memcpy(key.src, flow->in.src, 16);
	memcpy(key.dst, flow->out.dst, 16);
	return key;
}

// ---- rules --------------------------------------------------------------------------------------------------

// `to` of a rule here: the zone of the interface whose own address it was sent to.
static int find(const struct fw_policy *fw, const struct session_flow *flow, uint8_t zone) {
	const struct nat_policy *p = fw->nat;
	uint16_t own = nat_own(flow->in.dst, flow->in.v6, flow->in.domain);
	struct fw_key key = nat_key(flow);
	struct fw_walk walk;
	uint32_t at;

	if (p->dnat.n == 0)
		return -1;
	key.from = zone;
	key.to = own < DP_MAX_IFACES ? fw->zones[own] : 0;
	fw_walk_begin(p->dnat.compiled, &key, &walk);
	while ((at = fw_walk_next(&walk)) != FW_NONE)
		if (!p->conf.rules[p->dnat.rules[at]].local || own != DP_NONE)
			return p->dnat.rules[at];
	return -1;
}

static bool has_port(const struct session_flow *flow) {
	return flow->in.proto == 6 || nat_class_of(flow->in.proto) == NAT_UDP;
}

static enum session_verdict translate(
	const struct nat_policy *p, unsigned at, struct session_flow *flow, uint8_t zone) {
	const struct nat_rule *rule = &p->conf.rules[at];

	if (rule->kind == NAT_64) {
		enum session_verdict verdict = nat64_dnat(p, at, flow, zone);
		flow->why = DROP_NAT64;
		if (verdict != SESSION_PASS)
			return verdict;
	}
	if (rule->kind == NAT_STATIC && !npt_in(&p->npts[at], flow->out.dst)) {
		flow->why = DROP_NO_ADDRESS;
		return SESSION_DROP;
	}
	if (rule->kind == NAT_DNAT) {
		memcpy(flow->out.dst, rule->target.addr.bytes, 16);
		if (has_port(flow))
			flow->out.dport = __builtin_bswap16(
				nat_target_port(rule, __builtin_bswap16(flow->in.dport)));
	}
	flow->user[SESSION_USER_NAT] |= (uint32_t)p->ids[at] << 10;
	if (!flow->dry)
		nat_count_hit(p->ids[at], flow);
	return SESSION_PASS;
}

// ---- mapped ports -------------------------------------------------------------------------------------------

// Queries of ICMP have no port of the receiver's. Who may send to a port only because it is mapped: anybody (endpoint-independent filtering, RFC 4787 section 5), or those inside
// (hairpinning, section 6).
static bool may_enter(const struct nat_space *s, uint8_t zone) {
	return s->options.open || (s->options.hairpin && !nat_is_outside(s, zone));
}

static enum session_verdict mapped(
	const struct nat_policy *p, struct session_flow *flow, uint8_t zone) {
	enum nat_class class = nat_class_of(flow->in.proto);
	struct nat_endpoint owner;
	uint32_t dst;

	memcpy(&dst, flow->in.dst, sizeof(dst));
	if (flow->in.v6 || class == NAT_NO_CLASS || class == NAT_ICMP)
		return SESSION_PASS;
	struct nat_space *s = nat_space_find(dst);
	if (s == NULL || !may_enter(s, zone))
		return SESSION_PASS;
	uint16_t port = __builtin_bswap16(flow->in.dport);
	if (!(flow->dry ? nat_owner(s, class, port, &owner) : nat_enter(s, class, port, &owner)))
		return SESSION_PASS;
	flow->user[SESSION_USER_NAT] |= NAT_USER_DNAT_PORT | s->id;
	if (nat_host_is(owner.addr))
		return nat64_enter(p, owner.addr, owner.port, flow);
	memcpy(flow->out.dst, &owner.addr, sizeof(owner.addr));
	flow->out.dport = __builtin_bswap16(owner.port);
	return SESSION_PASS;
}

bool nat_is_open(const struct session_flow *flow) {
	uint32_t user = flow->user[SESSION_USER_NAT];

	return user & NAT_USER_DNAT_PORT && nat_spaces[nat_user_space(user)]->options.open;
}

// ---- the decider --------------------------------------------------------------------------------------------

// One that lives: is what changed its destination still there?
static enum session_verdict again(const struct nat_policy *p, struct session_flow *flow) {
	uint32_t user = flow->user[SESSION_USER_NAT];
	unsigned id = nat_user_dnat(user);
	const struct nat_rule *rule = nat_rule_of(p, id);
	bool lives = true;

	if (id)
		lives = rule &&
			(!rule->local ||
				nat_own(flow->in.dst, flow->in.v6, flow->in.domain) != DP_NONE);
	if (user & NAT_USER_DNAT_PORT)
		lives = nat_is_current(nat_user_space(user));
	flow->why = DROP_GONE;
	return lives ? SESSION_PASS : SESSION_DROP;
}

static enum session_verdict dnat_decide(struct session_flow *flow) {
	const struct fw_policy *fw;
	const struct nat_policy *p = policy_of(&fw);
	int at;

	if (session_is_bridged(flow))
		return SESSION_PASS;
	if (flow->again)
		return again(p, flow);
	if (p == NULL || flow->flags & SESSION_EXPECTED || flow->iface_in == DP_NONE)
		return SESSION_PASS;
	uint8_t zone = flow->iface_in < DP_MAX_IFACES ? fw->zones[flow->iface_in] : 0;
	at = find(fw, flow, zone);
	if (at >= 0)
		return translate(p, (unsigned)at, flow, zone);
	return mapped(p, flow, zone);
}

static void dnat_release(const struct session_flow *flow) {
	uint32_t user = flow->user[SESSION_USER_NAT];

	if (nat_user_dnat(user))
		nat_count_end(nat_user_dnat(user), flow);
	if (user & NAT_USER_DNAT_PORT)
		nat_port_give(nat_spaces[nat_user_space(user)], nat_class_of(flow->in.proto),
			__builtin_bswap16(flow->in.dport));
}

static void dnat_say(const struct session_flow *flow, char *buf, size_t size) {
	nat_say(nat_user_dnat(flow->user[SESSION_USER_NAT]), buf, size);
}

static struct session_decider nat_dnat = {
	.name = "nat_dnat",
	.stage = SESSION_STAGE_DNAT,
	.drops = dnat_drops,
	.decide = dnat_decide,
	.release = dnat_release,
	.say = dnat_say,
};
SESSION_DECIDER(nat_dnat)
