// SPDX-License-Identifier: BSD-3-Clause
// What NAT's deciders read. Writer: control. Readers: workers, lock-free; what is replaced is freed after dp_sync(). Of it, workers write
// ports (ports.h) and their own row of counts.
#pragma once

#include "dataplane/dataplane.h"
#include "firewall/nat/nat.h"
#include "firewall/nat/npt.h"
#include "firewall/policy.h"

#define NAT_IDS 1024 // rules that live or have sessions, and spaces; 0: none

// ---- rules --------------------------------------------------------------------------------------------------

struct nat_pool {
	uint32_t n;
	uint32_t *addrs; // IPv4, as on the wire
};

// Rules that one decider asks, compiled.
struct nat_list {
	struct fw_rules *compiled;
	uint16_t *rules; // place in the list → in conf.rules
	unsigned n;
};

struct nat_policy {
	struct nat_conf conf;
	struct nat_list dnat, snat;
	struct npt *npts;        // by rule; of NAT_STATIC
	struct nat_pool *pools;  // by rule; of NAT_SNAT
	char **texts;            // by rule: what makes it the same one in another configuration
	uint16_t *ids;           // by rule
	uint16_t of_id[NAT_IDS]; // rule + 1; 0: none
};

struct nat_count {
	uint64_t hits, last_ns;
	int64_t sessions; // summed over workers: a session may change hands
};
extern struct nat_count nat_counts[DP_MAX_WORKERS][NAT_IDS];
struct nat_count nat_counts_sum(unsigned id);

static inline const struct nat_rule *nat_rule_of(const struct nat_policy *p, unsigned id) {
	return p && p->of_id[id] ? &p->conf.rules[p->of_id[id] - 1] : NULL;
}

// control: a rule in a few words.
void nat_say(unsigned id, char *buf, size_t size);

// ---- spaces -------------------------------------------------------------------------------------------------

extern struct nat_space *nat_spaces[NAT_IDS]; // by id

// node: the space of an external address that rules lead to now, or NULL.
struct nat_space *nat_space_find(uint32_t addr);
// node: do rules still lead to the space that a session has a port of?
static inline bool nat_is_current(unsigned id) {
	return nat_space_find(nat_spaces[id]->addr) == nat_spaces[id];
}
// node: the interface that has this address in this VRF, or DP_NONE. 4 or 16 bytes.
uint16_t nat_own(const uint8_t *addr, bool v6, unsigned vrf);

// node: is that zone one of those that the space's address is for? Interfaces without a zone are nobody's inside.
static inline bool nat_is_outside(const struct nat_space *s, uint8_t zone) {
	return zone == 0 ||
		__atomic_load_n(&s->outside[zone / 64], __ATOMIC_RELAXED) >> zone % 64 & 1;
}

// control: does this box answer for an address that is not an interface's own? (neigh_on_foreign())
bool nat_is_foreign(uint16_t iface, const struct addr *addr);

// control: by id, also those that only wait for their last sessions. *current: rules lead to it.
const struct nat_space *nat_space_at(unsigned id, bool *current);

// ---- NAT64 (nat64.c) ----------------------------------------------------------------------------------------

enum nat64_drop { NAT64_ZONE, NAT64_NO_ADDRESS, NAT64_EXHAUSTED, NAT64_HOSTS };

int nat64_prepare(const struct nat_policy *policy,
	struct err *err); // control: memory for hosts, when a rule wants it
// node: the first packet of a flow that a rule of NAT64 takes: its destination is an IPv4 host, or one inside that has a port.
enum session_verdict nat64_dnat(
	const struct nat_policy *policy, unsigned at, struct session_flow *flow, uint8_t zone);
// node: somebody comes by IPv4 to a port that an IPv6 host has.
enum session_verdict nat64_enter(
	const struct nat_policy *policy, uint32_t host, uint16_t port, struct session_flow *flow);
// node: after the rules: its source, for those whose destination was found by the above; PASS: nothing to do.
enum session_verdict nat64_snat(const struct nat_policy *policy, struct session_flow *flow);
bool nat64_is(const struct nat_policy *policy, const struct session_flow *flow);

// node: a port of a space for the connection, by its endpoint inside, which is counted. -1: none is left; -2: no place for the host.
int nat_port_take(struct nat_space *space, struct session_flow *flow);
// node: it is given back, and who had it with it.
void nat_port_give(struct nat_space *space, enum nat_class class, uint16_t port);

// ---- a session's word (SESSION_USER_NAT) --------------------------------------------------------------------

// Of a hairpin both ports are of one space, for both addresses are one.
#define NAT_USER_SNAT_PORT (1u << 31) // it has a port of the space as its source
#define NAT_USER_DNAT_PORT (1u << 30) // it came to a mapped port of the space

static inline unsigned nat_user_space(uint32_t user) {
	return user % NAT_IDS;
}
static inline unsigned nat_user_dnat(uint32_t user) {
	return user >> 10 & (NAT_IDS - 1);
}
static inline unsigned nat_user_snat(uint32_t user) {
	return user >> 20 & (NAT_IDS - 1);
}

// node: a rule takes a first packet, and its session ends.
static inline void nat_count_hit(unsigned id, const struct session_flow *flow) {
	struct nat_count *c = &nat_counts[flow->worker][id];

	__atomic_store_n(&c->hits, c->hits + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&c->last_ns, flow->now_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&c->sessions, c->sessions + 1, __ATOMIC_RELAXED);
}
static inline void nat_count_end(unsigned id, const struct session_flow *flow) {
	struct nat_count *c = &nat_counts[flow->worker][id];

	__atomic_store_n(&c->sessions, c->sessions - 1, __ATOMIC_RELAXED);
}

// node: what a rule is asked about: the source as it came, the destination as it is now.
struct fw_key nat_key(const struct session_flow *flow);
