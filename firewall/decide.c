// SPDX-License-Identifier: BSD-3-Clause
// The firewall's say on a first packet (dataplane/session/session.h): what is not judged at all, and which rule takes the rest.
#include "dataplane/blocklist.h"
#include "dataplane/session/helper.h"
#include "firewall/nat/nat.h"
#include "firewall/policy.h"
#include "router/bridge/bridge.h"
#include <stdio.h>
#include <string.h>

// ---- what is no connection ------------------------------------------------------------------------------------
// Groups, broadcast, senders that have no address yet, and neighbour discovery: of one link only, never forwarded, and heard by
// nobody but those of this box who asked for it.

enum { PROTO_ICMP = 1, PROTO_IGMP = 2, PROTO_TCP = 6, PROTO_ICMP6 = 58 };

enum { DROP_BRIDGE_GONE };

static const struct dp_drop link_drops[] = {
	[DROP_BRIDGE_GONE] = {"bridge_gone", "the switch no longer asks for rules"},
	{0},
};

static bool is_group(const struct session_tuple *t) {
	return t->v6 ? t->dst[0] == 0xff : (t->dst[0] & 0xf0) == 0xe0 || t->dst[0] == 0xff;
}

static bool is_nobody(const struct session_tuple *t) {
	static const uint8_t zero[16];

	return memcmp(t->src, zero, t->v6 ? 16 : 4) == 0;
}

static int icmp_type(const struct session_flow *flow, unsigned *code) {
	uint8_t buf[2];
	const uint8_t *at = flow->m
		? rte_pktmbuf_read(flow->m, flow->m->l2_len + flow->m->l3_len, 2, buf)
		: NULL;

	if (at == NULL)
		return -1;
	*code = at[1];
	return at[0];
}

// IGMP is IPv4's MLD.
static bool is_igmp(const struct session_tuple *t) {
	return !t->v6 && t->proto == PROTO_IGMP;
}

// A switch forwards groups: rules are asked about them. It knows neighbours by what they say to each other.
static enum session_verdict bridged_decide(struct session_flow *flow) {
	flow->why = DROP_BRIDGE_GONE;
	if (flow->again)
		return bridge_has(flow) ? SESSION_PASS : SESSION_DROP;
	return is_igmp(&flow->in) ? SESSION_ASIDE : SESSION_PASS;
}

static enum session_verdict spoof_decide(struct session_flow *flow) {
	unsigned code;

	if (session_is_bridged(flow))
		return bridged_decide(flow);
	if (is_group(&flow->in) || is_nobody(&flow->in))
		return SESSION_ASIDE;
	if (flow->in.v6 && flow->in.proto == PROTO_ICMP6 && flow->m) {
		int type = icmp_type(flow, &code);

		if (type >= 133 && type <= 137)
			return SESSION_ASIDE;
	}
	return SESSION_PASS;
}

static struct session_decider fw_link = {
	.name = "fw_link",
	.stage = SESSION_STAGE_SPOOF,
	.drops = link_drops,
	.decide = spoof_decide,
};
SESSION_DECIDER(fw_link)

// ---- rules ----------------------------------------------------------------------------------------------------

enum { DROP_RULE, DROP_DEFAULT, DROP_POLICY };

static const struct dp_drop policy_drops[] = {
	[DROP_RULE] = {"rule", "a rule of the firewall drops it"},
	[DROP_DEFAULT] = {"no_rule",
		"no rule of the firewall takes it, and the default is to drop"},
	[DROP_POLICY] = {"policy", "the Lua policy of a rule failed"},
	{0},
};

static uint8_t edge_reject, edge_bridge_reject, edge_ftp;

static uint8_t zone_of(const struct fw_policy *p, uint16_t iface) {
	if (iface == DP_NONE)
		return FW_SELF;
	return iface < DP_MAX_IFACES ? p->zones[iface] : 0;
}

// Sources are judged as they came, destinations as they will be. A query without its packet is an echo request.
static void key_of(const struct session_flow *flow, struct fw_key *key) {
	bool icmp = flow->in.proto == (flow->in.v6 ? PROTO_ICMP6 : PROTO_ICMP);
	unsigned code = 0;

	memcpy(key->src, flow->in.src, 16);
	// of another family it is not what a rule that knows the source could name (NAT64)
	memcpy(key->dst, flow->in.v6 == flow->out.v6 ? flow->out.dst : flow->in.dst, 16);
	key->v6 = flow->in.v6;
	key->proto = flow->in.proto;
	key->sport = __builtin_bswap16(flow->in.sport);
	key->dport = __builtin_bswap16(flow->out.dport);
	key->from = flow->zone_in;
	key->to = flow->zone_out;
	if (icmp) {
		int type = icmp_type(flow, &code);

		if (type < 0)
			type = flow->in.v6 ? 128 : key->dport == 1 ? 13 : 8;
		key->dport = (uint16_t)(type << 8 | (int)code);
	}
}

// What a helper expected is judged as the connection in which it was spoken of: of the same ends, to the server's port.
static void key_of_expected(const struct session_flow *flow, struct fw_key *key) {
	uint32_t word = flow->user[SESSION_USER_OTHER];

	if (word & SESSION_EXPECT_BACK) {
		memcpy(key->src, flow->out.dst, 16);
		memcpy(key->dst, flow->in.src, 16);
		key->from = flow->zone_out;
		key->to = flow->zone_in;
	}
	key->dport = (uint16_t)word;
}

// Passed by a rule with a helper. This box itself, what passes between ports of a switch, and what changes its family have none.
static void help(struct session_flow *flow) {
	if (flow->again || flow->in.proto != PROTO_TCP ||
		flow->flags & (SESSION_EXPECTED | SESSION_SYN_PROXY) || flow->zone_in == FW_SELF ||
		flow->zone_out == FW_SELF || session_is_bridged(flow) ||
		flow->in.v6 != flow->out.v6)
		return;
	flow->flags |= SESSION_HELPED;
	flow->edge[0] = flow->edge[1] = edge_ftp;
}

// A rule over its rate, or a source over its own, does not take the connection; one that lives already is not counted again.
static bool takes(struct fw_rule *rule, struct session_flow *flow) {
	uint32_t *handle = &flow->user[SESSION_USER_FIREWALL];

	if ((!rule->limited && !rule->per_source) || flow->again || flow->dry ||
		flow->flags & SESSION_EXPECTED)
		return true;
	if (rule->per_source) {
		*handle = sources_take(&fw_sources, rule->id, flow->in.src, flow->in.v6,
			&rule->source, flow->now_ns);
		if (*handle == 0)
			return false;
	}
	if (!rule->limited || bucket_take(&rule->bucket, &rule->limit, flow->now_ns))
		return true;
	sources_give(&fw_sources, *handle);
	*handle = 0;
	return false;
}

// What a rule's policy says: enum fw_action, FW_NEXT, or negative: it failed.
static int ask(const struct fw_policy *p, uint32_t rule, const struct fw_key *key,
	const struct session_flow *flow) {
	struct fw_conn conn = {.key = key,
		.conf = &p->conf,
		.sets = p->sets->addrs,
		.schedules = p->on,
		.asked_dport = __builtin_bswap16(flow->in.dport),
		.moment =
			fw_moment_read(atomic_load_explicit(&fw_moment_now, memory_order_relaxed)),
		.counting = flow->again ? FW_COUNT_NEVER
			: flow->dry     ? FW_COUNT_LOOK
					: FW_COUNT,
		.now_ns = flow->now_ns};
	struct err err = {0};

	memcpy(conn.asked_dst, flow->in.dst, sizeof(conn.asked_dst));
	unsigned worker = flow->dry ? FW_LUA_WORKERS : dp_self->id;
	int says = fw_lua_ask(p->lua, worker, p->rules[rule].policy, &conn, &err);
	if (says < 0 && !flow->dry)
		fw_lua_failed(worker, p->rules[rule].called, &err);
	return says;
}

static void give(const struct session_flow *flow) {
	sources_give(&fw_sources, flow->user[SESSION_USER_FIREWALL]);
}

// `action`: negative: its policy failed.
static void count(struct fw_policy *p, uint32_t rule, int action, const struct session_flow *flow) {
	if (flow->again || flow->dry)
		return;
	struct fw_hits *h = &p->hits[flow->worker][rule];
	if (rule < p->n && p->rules[rule].policy) {
		uint64_t *said = &p->said[flow->worker][action < 0 ? FW_DROP : action];
		__atomic_store_n(said, *said + 1, __ATOMIC_RELAXED);
		__atomic_store_n(&h->failed, h->failed + (action < 0), __ATOMIC_RELAXED);
	}
	__atomic_store_n(&h->packets, h->packets + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&h->last_ns, flow->now_ns, __ATOMIC_RELAXED);
}

enum { ACTION_PROVE = 100 }; // beside enum fw_action

// Its sender is to prove first that it is there; then it comes again, and takes what others take.
static enum session_verdict prove(
	const struct fw_policy *p, uint32_t rule, struct session_flow *flow) {
	if (!flow->dry) {
		struct fw_hits *h = &p->hits[flow->worker][rule];
		__atomic_store_n(&h->cookies, h->cookies + 1, __ATOMIC_RELAXED);
	}
	flow->rule = rule + 1;
	flow->edge[0] = session_syn_edge;
	return SESSION_SEND;
}

static enum session_verdict act(struct session_flow *flow, unsigned action, unsigned why) {
	switch (action) {
	case FW_ACCEPT:
		if (flow->zone_in == FW_SELF || flow->zone_out == FW_SELF)
			flow->flags |= SESSION_CONTROL;
		// what answers a group comes from somebody else
		return session_is_bridged(flow) && is_group(&flow->in) ? SESSION_ASIDE
								       : SESSION_PASS;
	case FW_REJECT:
		if (!flow->again) {
			flow->edge[0] = session_is_bridged(flow) ? edge_bridge_reject : edge_reject;
			return SESSION_SEND;
		}
		__attribute__((fallthrough));
	default:
		flow->why = (uint16_t)why;
		return SESSION_DROP;
	}
}

// The first rule that takes it, and what becomes of it by that: enum fw_action, ACTION_PROVE, negative: its policy failed.
static uint32_t find(const struct fw_policy *p, const struct fw_key *key, struct session_flow *flow,
	int *action) {
	struct fw_walk walk;
	uint32_t at;

	fw_walk_begin(p->compiled, key, &walk);
	while ((at = fw_walk_next(&walk)) != FW_NONE) {
		// what was spoken of comes from somebody who is there
		if (!(flow->flags & SESSION_EXPECTED) &&
			fw_cookies_ask(&p->rules[at].cookies, flow)) {
			*action = ACTION_PROVE;
			return at;
		}
		if (!takes(&p->rules[at], flow))
			continue;
		*action = p->rules[at].policy ? ask(p, at, key, flow) : p->rules[at].action;
		if (*action != FW_NEXT)
			return at;
		if (!flow->again && !flow->dry) {
			give(flow);
			flow->user[SESSION_USER_FIREWALL] = 0;
		}
	}
	*action = key->from == FW_SELF ? FW_ACCEPT : p->def;
	return FW_NONE;
}

enum session_verdict fw_policy_judge(struct fw_policy *p, struct session_flow *flow) {
	struct fw_key key;
	uint32_t rule;
	int action;

	flow->zone_in = zone_of(p, flow->iface_in);
	flow->zone_out = zone_of(p, flow->iface_out);
	if (nat_is_open(flow))
		return SESSION_PASS;
	key_of(flow, &key);
	if (flow->flags & SESSION_EXPECTED)
		key_of_expected(flow, &key);
	rule = find(p, &key, flow, &action);
	if (action == ACTION_PROVE)
		return prove(p, rule, flow);
	if (flow->flags & SESSION_EXPECTED && (rule == FW_NONE || !p->rules[rule].ftp))
		action = FW_DROP;
	if (action < 0 && flow->again) // to fail is not to forbid: who lives, lives on
		return SESSION_PASS;
	count(p, rule == FW_NONE ? p->n : rule, action, flow);
	if (rule == FW_NONE) {
		flow->rule = 0;
		return act(flow, (unsigned)action, DROP_DEFAULT);
	}
	flow->rule = rule + 1;
	bool forbids = action == FW_DROP || action == FW_REJECT;
	if (p->rules[rule].block_ns > 0 && forbids && !flow->again && !flow->dry)
		dp_block_source(
			flow->in.src, flow->in.v6, p->rules[rule].block_ns, p->rules[rule].called);
	if (p->rules[rule].log)
		flow->flags |= SESSION_LOG;
	enum session_verdict verdict = action < 0 ? act(flow, FW_DROP, DROP_POLICY)
						  : act(flow, (unsigned)action, DROP_RULE);
	if (verdict == SESSION_PASS && p->rules[rule].ftp)
		help(flow);
	if (verdict != SESSION_PASS && !flow->again && !flow->dry)
		give(flow);
	return verdict;
}

static enum session_verdict policy_decide(struct session_flow *flow) {
	struct fw_policy *p = __atomic_load_n(&fw_policy, __ATOMIC_ACQUIRE);

	return p ? fw_policy_judge(p, flow) : SESSION_PASS;
}

// A policy was asked just now, by us.
static void rule_say(const struct fw_policy *p, uint32_t rule, char *buf, size_t size) {
	int n = snprintf(buf, size, "rule %u %s", rule + 1, p->conf.rules[rule].name);

	if (p->rules[rule].policy == 0 || n < 0 || (size_t)n >= size)
		return;
	if (p->lua->said < 0)
		snprintf(buf + n, size - (size_t)n, ", whose policy fails: %s", p->lua->why);
	else
		snprintf(buf + n, size - (size_t)n, ", whose policy says %s",
			fw_policy_words[p->lua->said]);
}

static void policy_say(const struct session_flow *flow, char *buf, size_t size) {
	const struct fw_policy *p = fw_policy;

	if (p == NULL)
		return;
	if (nat_is_open(flow))
		snprintf(buf, size, "a mapped port, open to anybody");
	else if (flow->rule == 0)
		snprintf(buf, size, "no rule takes it, from zone %s to zone %s",
			fw_conf_zone_name(&p->conf, flow->zone_in),
			fw_conf_zone_name(&p->conf, flow->zone_out));
	else if (flow->edge[0] != 0 && flow->edge[0] == session_syn_edge)
		snprintf(buf, size, "rule %u %s, a SYN cookie first", flow->rule,
			p->conf.rules[flow->rule - 1].name);
	else
		rule_say(p, flow->rule - 1, buf, size);
}

static struct session_decider fw_policy_decider = {
	.name = "fw_policy",
	.stage = SESSION_STAGE_POLICY,
	.drops = policy_drops,
	.decide = policy_decide,
	.release = give,
	.say = policy_say,
};
SESSION_DECIDER(fw_policy_decider)
_Static_assert(FW_LUA_WORKERS == DP_MAX_WORKERS, "a state per worker");

__attribute__((constructor)) static void edges(void) {
	edge_reject = session_edge("ip_reject");
	edge_bridge_reject = session_edge("bridge_reject");
	edge_ftp = session_edge("ftp");
}
