// SPDX-License-Identifier: BSD-3-Clause
// pure
// Sessions: what firewall, NAT and load balancer decided about a flow, found again by one look-up.
//
// A flow's first packet walks the deciders, which functions register, in netfilter's order; what they say is stored in
// a session. Every later packet, of both directions, is looked up by its 5-tuple and domain (VRF or switch), checked by
// the tracker (conn_tcp.h), counted, rewritten and sent on: no decider is asked again until a commit raises the generation.
//
//   l3-in:   ip_input → reassembly → session ─┬─ hit: track, count, rewrite ─────────────────────┬→ along the arc
//                                             └─ miss: spoof, dnat, route, policy, snat; insert ─┘  or an edge of a decider
//   l3-out:  session_own: packets that this box made (m->port is UINT16_MAX), so that it is a party to its own sessions
//   l2-out:  session_bridge: packets between ports of a switch that asks for it (router/bridge)
//
// A session belongs to the worker that made it; packets that reach another one are handed over. Only the owner writes a
// session; control reads it while it changes and looks twice. README.md has the table, its memory and its limits.
//
// Who may call what: "constructor" = before main; "control" = the control thread; "node" = a worker, inside a node or a
// decider's callback.
#pragma once

#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;
struct dp_drop;

// ---- what a session is -------------------------------------------------------------------------------------------

// A flow in one direction. Addresses and ports in network order; a v4 address is the first 4 bytes, the rest zero.
// ICMP queries: a request has its identifier in sport, its reply in dport, and the other one is 0 (echo) or 1 (timestamp).
// Protocols without ports: both 0.
struct session_tuple {
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
	uint16_t domain;
	uint8_t proto;
	bool v6;
};

enum session_state {
	SESSION_NONE, // no session: the state before the first packet
	SESSION_TCP_SYN_SENT,
	SESSION_TCP_SYN_BOTH, // simultaneous open
	SESSION_TCP_SYN_RECEIVED,
	SESSION_TCP_ESTABLISHED,
	SESSION_TCP_FIN_ORIG, // half-closed: the originator sends no more
	SESSION_TCP_FIN_RESP,
	SESSION_TCP_CLOSING, // both have sent FIN
	SESSION_TCP_TIME_WAIT,
	SESSION_TCP_RESET,
	SESSION_TCP_PICKED_UP, // seen in the middle, by one side only
	SESSION_UDP_NEW,       // unreplied
	SESSION_UDP,
	SESSION_ICMP_NEW,
	SESSION_ICMP,
	SESSION_OTHER_NEW,
	SESSION_OTHER,
	SESSION_STATES,
};

enum session_flag {
	SESSION_LOG = 1 << 0,     // start and end are recorded
	SESSION_REWRITE = 1 << 1, // of a direction: addresses or ports change
	SESSION_CONTROL = 1 << 2, // may use the reserved quota: management, routing protocols
	SESSION_LOOSE = 1 << 3,   // TCP may be picked up in the middle
	SESSION_HELPED = 1 << 4,  // a helper looks at its packets (helper.h)
	SESSION_SYN_PROXY =
		1 << 5, // its client came with a SYN cookie: numbers are shifted (path_syn.c)
	SESSION_EXPECTED = 1 << 6, // a helper expected it
};

// A word of each function, which only it reads: the server, the port block, the source's counter.
enum session_user {
	SESSION_USER_FIREWALL,
	SESSION_USER_NAT,
	SESSION_USER_LB,
	SESSION_USER_OTHER,
	SESSION_USERS,
};

// Why a session ended; in records and counters.
enum session_end {
	SESSION_END_IDLE,    // its timeout
	SESSION_END_CLOSED,  // TCP: both sides were done
	SESSION_END_RESET,   // TCP: one side broke off
	SESSION_END_REVOKED, // the rules of a later commit forbid it
	SESSION_END_FLUSHED, // `leat flush sessions`
	SESSION_END_EVICTED, // half-open, unreplied or over: made room when the table was full
	SESSION_END_REUSED,  // a new connection took its tuple
	SESSION_ENDS,
	SESSION_END_STOPPED = SESSION_ENDS, // with this box; in records only
};

// ---- deciders ------------------------------------------------------------------------------------------------------

// In the order in which a first packet meets them.
enum session_stage {
	SESSION_STAGE_SPOOF,  // may this source come from there?
	SESSION_STAGE_DNAT,   // load balancer, DNAT: writes out.dst, out.dport
	SESSION_STAGE_ROUTE,  // finds iface_out (and zone_out) for out.dst
	SESSION_STAGE_POLICY, // rules between zones
	SESSION_STAGE_SNAT,   // writes out.src, out.sport
	SESSION_STAGES,
};

enum session_verdict {
	SESSION_PASS, // the next decider's turn; after the last one the session is made
	SESSION_DROP, // flow->why says for which of the decider's drops
	SESSION_SEND, // no session; this packet goes by flow->edge[0] (a reject, a cache; session_syn_edge: a SYN cookie)
	SESSION_ASIDE, // no session; this packet goes along the arc untouched (not tracked)
};

// What deciders see and fill in. Owned by the caller of decide(), zeroed before the first.
struct session_flow {
	struct session_tuple in; // as it came
	struct session_tuple
		out; // as it shall leave; begins as `in`. The answer comes as its reverse
	struct rte_mbuf *
		m; // the packet, as it came (data at the Ethernet header); NULL when judged without one
	uint64_t now_ns;
	unsigned worker;
	// An existing session is judged again after a commit: `in`, `out`, interfaces, flags, rule and user words are its own.
	// Say PASS or DROP from them (m is NULL); addresses and ports stay as they are. A decider may change rule and flags.
	bool again;
	bool dry; // `explain`, `tests`: take nothing, count nothing; there is no session afterwards
	bool syn; // the packet is a SYN: it may be sent to session_syn_edge
	uint8_t zone_in, zone_out;
	uint16_t iface_in, iface_out; // DP_NONE: this box
	uint16_t flags;               // enum session_flag
	uint16_t why;                 // index into the decider's drops
	uint8_t edge[2]; // per direction: 0: along the arc; session_edge() for another way
	uint32_t rule;   // shown and recorded; 0: none
	uint32_t user[SESSION_USERS];
};

// One per function and stage, registered by SESSION_DECIDER in a constructor. Within a stage the order is that of names.
// All callbacks run on workers (decide() with .dry or .again also on control) and obey the rules of nodes: no allocation, no lock,
// tables read under RCU.
struct session_decider {
	const char *name; // "lb_vip", "fw_policy"
	enum session_stage stage;
	const struct dp_drop *drops; // closed by {0}; called drop_session_<why>
	enum session_verdict (*decide)(struct session_flow *flow);
	// Gives back what decide() took: called once for every flow that this decider passed without .dry and .again, when
	// its session ends, or at once when a later decider refuses it or the table is full. May be NULL.
	void (*release)(const struct session_flow *flow);
	// Control, for `leat explain packet`: after decide(), which rule it was, in a few words. May be NULL.
	void (*say)(const struct session_flow *flow, char *buf, size_t size);
	uint16_t drop_base;           // set by registration
	struct session_decider *link; // set by registration
};

void session_decider_register(struct session_decider *decider); // constructor
#define SESSION_DECIDER(desc)                                                         \
	__attribute__((constructor(65535), used)) static void desc##_register(void) { \
		session_decider_register(&desc);                                      \
	}

// constructor: the number for session_flow.edge[] by which packets go from `session` and `session_own` to the node of this name.
// There dp_meta.user is the session (session_ref of the packet's direction), or 0 when there is none. At most 15.
uint8_t session_edge(const char *node);

// node or control: all deciders in order, without a packet, a session, or anything taken. `in` and what is known of interfaces
// and zones is filled in by the caller; dry is set here. `step` (may be NULL) hears each decider's verdict.
enum session_verdict session_try(struct session_flow *flow,
	void (*step)(const struct session_decider *decider, const struct session_flow *flow,
		enum session_verdict verdict, void *arg),
	void *arg);

// control, in commit, after what deciders read has been swapped: every session is judged again, at its next packet or
// by a sweep that begins now; those that a decider drops end. The others live on untouched.
void session_policy_changed(void);

// control: copies of living sessions, as deciders see them again, until `visit` says false. False: the time was over before the table.
bool session_foreach(
	bool (*visit)(struct session_flow *flow, void *arg), void *arg, uint64_t deadline_ns);

// "tcp 10.0.0.9 port 40000 to 192.0.2.1 port 443". Returns buf.
#define SESSION_FLOW_TEXT 128
char *session_flow_print(const struct session_flow *flow, char buf[static SESSION_FLOW_TEXT]);

// ---- for deciders and functions --------------------------------------------------------------------------------------

// Domains: VRFs have the numbers below SESSION_BRIDGE; a VLAN of a switch whose sessions are wanted has the switch's number, 1 to
// SESSION_BRIDGES, times SESSION_BRIDGE, plus its own. The same addresses in two of them are two flows.
#define SESSION_BRIDGE  0x1000
#define SESSION_BRIDGES 15

// Its packets are forwarded by a switch: `iface_in` and `iface_out` are ports, nothing is routed, nobody translates.
static inline bool session_is_bridged(const struct session_flow *flow) {
	return flow->in.domain >= SESSION_BRIDGE;
}

// node: is there a session one of whose directions has this tuple? For SNAT: a port is free when the answer's tuple is not taken.
bool session_taken(const struct session_tuple *tuple);

// node: the source that the packet came with, when its session has rewritten it since; else false. 4 or 16 bytes. As of session_origin().
bool session_source(struct rte_mbuf *m, uint8_t src[16]);

// ---- the way of a session's packets --------------------------------------------------------------------------------------

// Who forwards what comes along the l3-in arc says by which hop, and a direction remembers it: its packets then skip the arc's end, for as
// long as no route changes. They go to `node` with dp_meta.user = the hop.
struct session_forwarder {
	const char *node;
	// node: the hop of a packet as it leaves, the same for all packets of its direction that come in by its interface. 0: not so, or
	// there is none: such packets go along the arc, and so do those of numbers that are not below 65,535.
	uint32_t (*hop)(struct rte_mbuf *m);
};
void session_forwarder_set(const struct session_forwarder *forwarder); // constructor

// control: after a change of what hop() goes by, and before dp_sync() lets a number be used again: directions that were told one before
// ask anew.
void session_hops_changed(void);

// ---- SYN cookies (path_syn.c) ---------------------------------------------------------------------------------------------

// The edge, as of session_edge(), by which a decider sends SYNs whose senders are to prove first that they are there. They come
// again as a flow with SESSION_SYN_PROXY, and then take what others take. By it session_tick sends what it has to tell both ends, with dp_meta.user
// set. Set by the constructor of the function whose node it is; 0: there is none.
extern uint8_t session_syn_edge;
#define SESSION_SAID \
	(UINT16_MAX - 1) // m->port of that: made by this box, and of a session that has had its say

// node: a packet that came by that edge without a session becomes its answer to the sender: of a SYN one with a cookie, of
// other segments a reset. `mtu`: of the interface. Its IP header is behind RTE_ETHER_HDR_LEN. False: nothing is to be answered.
bool session_syn_answer(struct rte_mbuf *m, unsigned mtu);

// control: ACKs that brought a cookie back, and those of no connection that did not while cookies were about.
void session_syn_counts(uint64_t *proven, uint64_t *wrong);

// The answer's tuple.
struct session_tuple session_reverse(const struct session_tuple *tuple);

// control: `session` looks at packets that come in by this interface, and `session_own` at those of this box that leave by it;
// or no longer. An interface where nothing is stateful costs its packets nothing. Counted: each true wants its false.
int session_enable(unsigned iface, bool on, struct err *err);

// control: `session_bridge` looks at what leaves by this port of a switch; or no longer. Not counted.
int session_enable_bridged(unsigned port, bool on, struct err *err);

// A direction of a session, as buckets and dp_meta.user name it; 0: none.
typedef uint32_t session_ref;

// node: the packets of that direction, as they come and as they leave. The two may be of two families: then an edge leads to who makes the
// one of the other (router/nat64), and nothing was rewritten. False: there is no session.
bool session_leaves(session_ref ref, struct session_tuple *in, struct session_tuple *out);
// node: a packet that this box will not forward after all: what a session rewrote in it is written back, so that its sender is told of
// what it sent. Its IP header is at m->l2_len, its VRF in dp_meta.domain. Not 0: the session made it of the other family's, and it stays as it is; then
// that is the direction of its answers, and *iface the interface that they come in by.
session_ref session_origin(struct rte_mbuf *m, uint16_t *iface);

// node: what the owner may read and write of a session, from a node that an edge led to. The user word is written by its function only.
uint32_t session_user_get(session_ref ref, enum session_user user);
void session_user_set(session_ref ref, enum session_user user, uint32_t value);
// node: 0: a packet of the originator, 1: of the responder.
static inline unsigned session_direction(session_ref ref) {
	return ref & 1;
}

const char *session_state_name(unsigned state);
const char *session_end_name(unsigned end);

extern const struct module session_module; // section `sessions`; nouns sessions, session_table
